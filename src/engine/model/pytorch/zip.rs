//! This reads the table of contents of a zip file. PyTorch stores its parts as they are; one that was packed again has
//! them compressed.
//!
//! Nothing is unpacked before somebody asks for a part. The layout is that of PKWARE's APPNOTE 6.3.10, sections 4.3.7
//! to 4.3.16.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::DeflateDecoder;

/// A net with more parts is refused: it has one for each tensor and a few more.
pub const MOST_PARTS: u64 = 100_000;

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// The length in bytes of the record at the end, without its comment, which may have 65 535.
const END_LENGTH: usize = 22;

/// Deflate packs at best so many bytes into one.
const MOST_RATIO: usize = 1032;
/// So many bytes are unpacked between two looks at who watches.
const AT_ONCE: u64 = 4 << 20;

/// A part lies in its file in one of these ways.
#[derive(Clone, Copy, PartialEq)]
enum Packing {
    Stored,
    Deflated,
    Other,
}

pub struct ZipPart<'a> {
    packed: &'a [u8],
    packing: Packing,
    /// The length of its content.
    size: usize,
    /// `None` where it is not known.
    crc: Option<u32>,
}

impl<'a> ZipPart<'a> {
    /// Makes a part of bytes that lie as they are.
    pub fn stored(data: &'a [u8]) -> Self {
        Self { packed: data, packing: Packing::Stored, size: data.len(), crc: None }
    }

    /// Returns how many bytes its content has.
    pub fn len(&self) -> usize {
        self.size
    }

    /// Returns how many bytes [`Self::read`] takes memory for.
    pub fn unpacked(&self) -> usize {
        if self.packing == Packing::Stored { 0 } else { self.size }
    }

    /// Returns the content; refuses a part that is not the one that was written.
    pub fn read(&self) -> Result<Cow<'a, [u8]>, String> {
        self.read_watched(&mut |_| true)
    }

    /// Does what [`Self::read`] does; `watch` hears the share that is unpacked, and fails the reading with `false`.
    pub fn read_watched(&self, watch: &mut dyn FnMut(f32) -> bool) -> Result<Cow<'a, [u8]>, String> {
        let content = match self.packing {
            Packing::Stored => Cow::Borrowed(self.packed),
            Packing::Deflated => Cow::Owned(self.inflate(self.size as u64 + 1, watch)?),
            Packing::Other => return Err(OTHER.into()),
        };
        if content.len() != self.size || self.crc.is_some_and(|crc| crc != crc_of(&content)) {
            return Err(DAMAGED.into());
        }
        Ok(content)
    }

    /// Returns the first bytes of the content, which are not checked.
    pub fn start(&self, most: usize) -> Result<Cow<'a, [u8]>, String> {
        match self.packing {
            Packing::Stored => Ok(Cow::Borrowed(&self.packed[..most.min(self.packed.len())])),
            Packing::Deflated => self.inflate(most as u64, &mut |_| true).map(Cow::Owned),
            Packing::Other => Err(OTHER.into()),
        }
    }

    fn inflate(&self, most: u64, watch: &mut dyn FnMut(f32) -> bool) -> Result<Vec<u8>, String> {
        // The length that a damaged file claims is not believed beyond what its bytes can hold.
        let expected = self.size.min(self.packed.len().saturating_mul(MOST_RATIO));
        let mut content = Vec::with_capacity(expected.min(usize::try_from(most).unwrap_or(usize::MAX)));
        let mut decoder = DeflateDecoder::new(self.packed);
        loop {
            let left = most - content.len() as u64;
            let read = decoder.by_ref().take(left.min(AT_ONCE)).read_to_end(&mut content).map_err(|_| DAMAGED)?;
            if read == 0 {
                return Ok(content);
            }
            if !watch(content.len() as f32 / self.size.max(1) as f32) {
                return Err("stopped".into());
            }
        }
    }
}

fn crc_of(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Returns the parts by their names; refuses a file that is cut short or damaged, or has more than `most` parts.
pub fn parts(bytes: &[u8], most: u64) -> Result<BTreeMap<String, ZipPart<'_>>, String> {
    let (count, mut at) = directory(bytes)?;
    if count > most {
        return Err(format!("its zip has {count} parts, expected at most {most}"));
    }
    let mut parts = BTreeMap::new();
    let mut total = 0;
    for _ in 0..count {
        let header = record(bytes, at, CENTRAL)?;
        let (name_length, extra_length) = (short(header, 28)?, short(header, 30)?);
        let name = String::from_utf8_lossy(slice(header, 46, name_length)?).into_owned();
        let extra = slice(header, 46 + name_length, extra_length)?;
        let Sizes { packed, size, local } = sizes(header, extra)?;
        let packing = match (short(header, 8)? & 1, short(header, 10)?) {
            (0, 0) if packed == size => Packing::Stored,
            (0, 8) => Packing::Deflated,
            _ => Packing::Other,
        };
        let local = record(bytes, local, LOCAL)?;
        let skip = 30 + short(local, 26)? + short(local, 28)?;
        let part = ZipPart { packed: slice(local, skip, packed)?, packing, size, crc: Some(long(header, 16)? as u32) };
        total += packed;
        if total > bytes.len() || parts.insert(name, part).is_some() {
            return Err("parts of its zip overlap or have the same name".into());
        }
        at += 46 + name_length + extra_length + short(header, 32)?;
    }
    // torch.serialization.set_crc32_options(False) leaves them out.
    if parts.values().all(|part| part.crc == Some(0)) {
        parts.values_mut().for_each(|part| part.crc = None);
    }
    Ok(parts)
}

/// Returns how many parts there are, and where the table of contents begins.
fn directory(bytes: &[u8]) -> Result<(u64, usize), String> {
    let first = bytes.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let end = (first..=bytes.len().saturating_sub(END_LENGTH)).rev().find(|&at| bytes[at..].starts_with(END));
    let end = end.ok_or("its zip has no end: the file is cut short; get it again")?;
    let locator = end.checked_sub(20).filter(|&at| bytes[at..].starts_with(LOCATOR_64));
    let Some(locator) = locator else {
        return Ok((number(&bytes[end..], 10, 2)?, place(long(&bytes[end..], 16)?)?));
    };
    let record = record(bytes, place(number(&bytes[locator..], 8, 8)?)?, END_64)?;
    Ok((number(record, 32, 8)?, place(number(record, 48, 8)?)?))
}

/// The lengths of a part, in the file and unpacked, and where its own header is.
struct Sizes {
    packed: usize,
    size: usize,
    local: usize,
}

/// Returns the sizes of a part; what does not fit 32 bits stands among the extra fields.
fn sizes(header: &[u8], extra: &[u8]) -> Result<Sizes, String> {
    const ELSEWHERE: u64 = 0xFFFF_FFFF;
    let mut wide = wide_field(extra)?.chunks_exact(8).map(|bytes| number(bytes, 0, 8));
    let mut known = |value: u64| if value == ELSEWHERE { wide.next().ok_or(DAMAGED)? } else { Ok(value) };
    let size = place(known(long(header, 24)?)?)?;
    let packed = place(known(long(header, 20)?)?)?;
    Ok(Sizes { packed, size, local: place(known(long(header, 42)?)?)? })
}

/// Returns the extra field of 64-bit numbers; empty without one.
fn wide_field(mut extra: &[u8]) -> Result<&[u8], String> {
    while extra.len() >= 4 {
        let length = short(extra, 2)?;
        let data = slice(extra, 4, length)?;
        if short(extra, 0)? == 1 {
            return Ok(data);
        }
        extra = &extra[4 + length..];
    }
    Ok(&[])
}

fn place(number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| DAMAGED.into())
}

/// Returns the file from a record on that begins in this way.
fn record<'a>(bytes: &'a [u8], at: usize, begin: &[u8]) -> Result<&'a [u8], String> {
    bytes.get(at..).filter(|record| record.starts_with(begin)).ok_or_else(|| DAMAGED.into())
}

fn slice(record: &[u8], from: usize, length: usize) -> Result<&[u8], String> {
    record.get(from..).and_then(|rest| rest.get(..length)).ok_or_else(|| DAMAGED.into())
}

/// Returns the number at a distance from the start of a record, the lowest byte first.
fn number(record: &[u8], from: usize, length: usize) -> Result<u64, String> {
    Ok(slice(record, from, length)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

fn short(record: &[u8], from: usize) -> Result<usize, String> {
    Ok(number(record, from, 2)? as usize)
}

fn long(record: &[u8], from: usize) -> Result<u64, String> {
    number(record, from, 4)
}

const OTHER: &str = "its zip is encrypted, or compressed in a way that is not read; unpack it, and pack it without \
                     compression";
const DAMAGED: &str = "its zip is damaged or cut short; get the file again";
