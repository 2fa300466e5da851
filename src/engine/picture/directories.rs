//! The directories of a TIFF, and of the raw files of cameras, which are TIFFs of another content.
//!
//! TIFF 6.0 (Adobe, 1992), BigTIFF and supplement 1 (SubIFDs). Everything is read with limits, as nobody checked it.

use std::io::{self, Read, Seek, SeekFrom};

/// These tags of TIFF are read here.
pub(super) mod tag {
    pub const SUBFILE_TYPE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const MAKE: u16 = 271;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const PREDICTOR: u16 = 317;
    pub const COLOUR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_OFFSETS: u16 = 324;
    pub const SUB_DIRECTORIES: u16 = 330;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const YCBCR_COEFFICIENTS: u16 = 529;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
    pub const ICC: u16 = 34675;
    pub const DNG_VERSION: u16 = 50706;
}

/// At most so many directories are read.
const MOST_DIRECTORIES: usize = 256;
/// At most so many numbers of one tag are read: a colour map of 16 bits has 196 608.
const MOST_NUMBERS: usize = 1 << 18;

/// These are the directories of a file, in their order: each of the chain, followed by those below it.
pub(super) struct Directories<'a> {
    file: File<'a>,
    pub all: Vec<Directory>,
}

#[derive(Clone, Copy)]
struct File<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
    /// Places in the file are numbers of 64 bits (BigTIFF).
    is_big: bool,
}

/// This is one directory: a picture, mostly.
pub(super) struct Directory {
    pub at: u64,
    /// The directory lies below one of the chain.
    pub is_below: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// The entry itself lies here in the file.
    at: usize,
    /// Its values lie here in the file.
    values: usize,
}

impl<'a> File<'a> {
    fn number(self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let fold = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
        Some(if self.is_big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
    }

    fn place_size(self) -> usize {
        if self.is_big { 8 } else { 4 }
    }

    /// Reads a directory, and the place of the next.
    fn directory(self, at: u64, is_below: bool) -> Option<(Directory, u64)> {
        let start = usize::try_from(at).ok()?;
        let (count_size, entry_size) = if self.is_big { (8, 20) } else { (2, 12) };
        let count = self.number(start, count_size)?.min(4096) as usize;
        let first = start.checked_add(count_size)?;
        let entries = (0..count).map_while(|i| self.entry(first + i * entry_size)).collect();
        let next = self.number(first + count * entry_size, self.place_size()).unwrap_or(0);
        Some((Directory { at, is_below, entries }, next))
    }

    fn entry(self, at: usize) -> Option<Entry> {
        let (tag, kind) = (self.number(at, 2)? as u16, self.number(at + 2, 2)? as u16);
        let size = self.place_size();
        let count = self.number(at + 4, size)?;
        let inline = at + 4 + size;
        let is_inline = count.checked_mul(size_of(kind) as u64)? <= size as u64;
        let values = if is_inline { inline } else { usize::try_from(self.number(inline, size)?).ok()? };
        Some(Entry { tag, kind, count, at, values })
    }
}

/// Returns the bytes of one value of a type; 0 for those that are not known.
fn size_of(kind: u16) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 0,
    }
}

impl<'a> Directories<'a> {
    /// Reads the directories of a file; none where it is no TIFF or has none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let is_big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let file = File { bytes, is_big_endian, is_big: false };
        let magic = file.number(2, 2)?;
        let file = File { is_big: magic == 43, ..file };
        let mut next = match magic {
            // TIFF, and the raw files of Olympus (RO, RS) and Panasonic.
            42 | 0x4F52 | 0x5352 | 0x55 => file.number(4, 4)?,
            43 if file.number(4, 2)? == 8 => file.number(8, 8)?,
            _ => return None,
        };
        let mut all: Vec<Directory> = Vec::new();
        while next != 0 && all.len() < MOST_DIRECTORIES && all.iter().all(|known| known.at != next) {
            let Some((directory, after)) = file.directory(next, false) else { break };
            all.push(directory);
            let below = Self { file, all: Vec::new() }.numbers(&all[all.len() - 1], tag::SUB_DIRECTORIES);
            for at in below {
                if all.len() < MOST_DIRECTORIES && all.iter().all(|known| known.at != at) {
                    all.extend(file.directory(at, true).map(|(directory, _)| directory));
                }
            }
            next = after;
        }
        (!all.is_empty()).then_some(Self { file, all })
    }

    /// Returns the whole numbers of a tag; none where it is missing.
    pub(super) fn numbers(&self, directory: &Directory, tag: u16) -> Vec<u64> {
        let Some(entry) = directory.entry(tag) else { return Vec::new() };
        let size = size_of(entry.kind);
        if !matches!(entry.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18) {
            return Vec::new();
        }
        let count = entry.count.min(MOST_NUMBERS as u64) as usize;
        (0..count).map_while(|i| self.file.number(entry.values + i * size, size)).collect()
    }

    /// Returns the first whole number of a tag.
    pub(super) fn number(&self, directory: &Directory, tag: u16) -> Option<u64> {
        let entry = directory.entry(tag).filter(|entry| matches!(entry.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18))?;
        self.file.number(entry.values, size_of(entry.kind)).filter(|_| entry.count > 0)
    }

    /// Returns the fractions of a tag.
    pub(super) fn fractions(&self, directory: &Directory, tag: u16) -> Vec<f32> {
        let Some(entry) = directory.entry(tag).filter(|entry| entry.kind == 5) else { return Vec::new() };
        let half = |at: usize| self.file.number(at, 4).map(|value| value as f32);
        (0..entry.count.min(16) as usize)
            .map_while(|i| Some(half(entry.values + 8 * i)? / half(entry.values + 8 * i + 4)?))
            .collect()
    }

    /// Returns the bytes of a tag.
    pub(super) fn bytes(&self, directory: &Directory, tag: u16) -> Option<&'a [u8]> {
        let entry = directory.entry(tag)?;
        let length = usize::try_from(entry.count).ok()?.checked_mul(size_of(entry.kind))?;
        self.file.bytes.get(entry.values..entry.values.checked_add(length)?)
    }

    /// Returns width and height; none where either is missing, or too large for a picture.
    pub(super) fn size(&self, directory: &Directory) -> Option<[u32; 2]> {
        let side = |tag| u32::try_from(self.number(directory, tag)?).ok();
        Some([side(tag::WIDTH)?, side(tag::HEIGHT)?])
    }

    /// Returns the patch that makes this directory the first of the file.
    pub(super) fn first(&self, directory: &Directory) -> Patch {
        let (at, size) = if self.file.is_big { (8, 8) } else { (4, 4) };
        Patch { at, bytes: self.in_order(directory.at, size) }
    }

    /// Returns the patch that gives a tag this number; none where the directory lacks the tag.
    pub(super) fn with_number(&self, directory: &Directory, tag: u16, value: u64) -> Option<Patch> {
        let entry = directory.entry(tag)?;
        let size = self.file.place_size();
        // A number of 32 bits, one of it; it lies at the beginning of its field.
        let mut bytes = [self.in_order(tag.into(), 2), self.in_order(4, 2), self.in_order(1, size)].concat();
        bytes.extend(self.in_order(value, 4));
        bytes.resize(4 + 2 * size, 0);
        Some(Patch { at: entry.at, bytes })
    }

    fn in_order(&self, value: u64, size: usize) -> Vec<u8> {
        if self.file.is_big_endian {
            value.to_be_bytes()[8 - size..].to_vec()
        } else {
            value.to_le_bytes()[..size].to_vec()
        }
    }
}

impl Directory {
    fn entry(&self, tag: u16) -> Option<Entry> {
        self.entries.iter().copied().find(|entry| entry.tag == tag)
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }
}

/// These bytes take the place of others in a file.
pub(super) struct Patch {
    at: usize,
    bytes: Vec<u8>,
}

/// This reads a file with other bytes at a few places, without a copy of it.
pub(super) struct Patched<'a> {
    bytes: &'a [u8],
    patches: Vec<Patch>,
    at: u64,
}

impl<'a> Patched<'a> {
    pub(super) fn new(bytes: &'a [u8], patches: Vec<Patch>) -> Self {
        Self { bytes, patches, at: 0 }
    }
}

impl Read for Patched<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let start = (self.at.min(self.bytes.len() as u64)) as usize;
        let count = out.len().min(self.bytes.len() - start);
        out[..count].copy_from_slice(&self.bytes[start..start + count]);
        for patch in &self.patches {
            for (i, byte) in patch.bytes.iter().enumerate() {
                if let Some(place) = (patch.at + i).checked_sub(start).filter(|place| *place < count) {
                    out[place] = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the file");
        let moved = |from: u64, by: i64| from.checked_add_signed(by).ok_or_else(outside);
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => moved(self.bytes.len() as u64, by)?,
            SeekFrom::Current(by) => moved(self.at, by)?,
        };
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a TIFF with one directory of 3×2 pixels and another below it.
    fn small(order: &[u8; 2]) -> Vec<u8> {
        let number = |value: u64, size: usize| match order {
            b"MM" => value.to_be_bytes()[8 - size..].to_vec(),
            _ => value.to_le_bytes()[..size].to_vec(),
        };
        let entry =
            |tag: u16, value: u64| [number(tag.into(), 2), number(4, 2), number(1, 4), number(value, 4)].concat();
        let mut bytes = [order.to_vec(), number(42, 2), number(8, 4), number(3, 2)].concat();
        bytes.extend([entry(tag::WIDTH, 3), entry(tag::HEIGHT, 2), entry(tag::SUB_DIRECTORIES, 50)].concat());
        bytes.extend([number(0, 4), number(1, 2), entry(tag::WIDTH, 7), number(0, 4)].concat());
        bytes
    }

    #[test]
    fn directories_and_those_below_are_found_in_both_byte_orders() {
        for order in [b"II", b"MM"] {
            let bytes = small(order);
            let file = Directories::read(&bytes).unwrap();
            assert_eq!(file.size(&file.all[0]), Some([3, 2]));
            assert!(file.all[1].is_below && file.number(&file.all[1], tag::WIDTH) == Some(7));
            let patch = file.with_number(&file.all[0], tag::HEIGHT, 5).unwrap();
            let mut patched = Vec::new();
            Patched::new(&bytes, vec![patch, file.first(&file.all[1])]).read_to_end(&mut patched).unwrap();
            let patched = Directories::read(&patched).unwrap();
            assert_eq!((patched.all.len(), patched.all[0].at), (1, 50));
            for length in 0..bytes.len() {
                Directories::read(&bytes[..length]);
            }
        }
    }
}
