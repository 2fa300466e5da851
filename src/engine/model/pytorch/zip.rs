//! This reads the table of contents of a zip file whose parts are stored as they are, which is how PyTorch writes them.
//!
//! Nothing is unpacked, so nothing can grow: a part is a slice of the file. The layout is that of PKWARE's APPNOTE
//! 6.3.10, sections 4.3.7 to 4.3.16.

use std::collections::BTreeMap;

/// There are at most so many parts: one a tensor and a few more.
const MOST_PARTS: u64 = 100_000;

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const CENTRAL: &[u8] = b"PK\x01\x02";
pub const LOCAL: &[u8] = b"PK\x03\x04";
/// The record at the end has so many bytes, without its comment, which may have 65 535.
const END_LENGTH: usize = 22;

/// This is a part of a zip file.
pub struct ZipPart<'a> {
    pub data: &'a [u8],
    crc: u32,
}

impl ZipPart<'_> {
    /// Returns whether its bytes are those that were written.
    pub fn is_whole(&self) -> bool {
        let mut crc = flate2::Crc::new();
        crc.update(self.data);
        crc.sum() == self.crc
    }
}

/// Returns the parts by their names; refuses a file that is cut short or damaged, or has compressed or encrypted parts.
pub fn parts(bytes: &[u8]) -> Result<BTreeMap<String, ZipPart<'_>>, String> {
    let (count, mut at) = directory(bytes)?;
    if count > MOST_PARTS {
        return Err(format!("its zip has {count} parts, expected at most {MOST_PARTS}"));
    }
    let mut parts = BTreeMap::new();
    let mut total = 0;
    for _ in 0..count {
        let header = ZipRecord { bytes, at };
        if header.slice(0, 4)? != CENTRAL {
            return Err(DAMAGED.into());
        }
        let (name_length, extra_length) = (header.short(28)?, header.short(30)?);
        let name = String::from_utf8(header.slice(46, name_length)?.to_vec()).map_err(|_| DAMAGED)?;
        let extra = header.slice(46 + name_length, extra_length)?;
        let (size, local) = sizes(&header, extra)?;
        if header.short(8)? & 1 != 0 || header.short(10)? != 0 || header.long(20)? != header.long(24)? {
            return Err(format!(
                "its part {name:?} is compressed or encrypted, which PyTorch's are not; unpack it first"
            ));
        }
        let local = ZipRecord { bytes, at: local };
        if local.slice(0, 4)? != LOCAL {
            return Err(DAMAGED.into());
        }
        let skip = 30 + local.short(26)? + local.short(28)?;
        let part = ZipPart { data: local.slice(skip, size)?, crc: header.long(16)? as u32 };
        total += size;
        if total > bytes.len() || parts.insert(name, part).is_some() {
            return Err("parts of its zip overlap or have the same name".into());
        }
        at += 46 + name_length + extra_length + header.short(32)?;
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
        let record = ZipRecord { bytes, at: end };
        return Ok((record.number(10, 2)?, place(record.long(16)?)?));
    };
    let record = ZipRecord { bytes, at: place(ZipRecord { bytes, at: locator }.number(8, 8)?)? };
    if record.slice(0, 4)? != END_64 {
        return Err(DAMAGED.into());
    }
    Ok((record.number(32, 8)?, place(record.number(48, 8)?)?))
}

/// Returns the bytes of a part and where its own header is; what does not fit 32 bits stands among the extra fields.
fn sizes(header: &ZipRecord<'_>, extra: &[u8]) -> Result<(usize, usize), String> {
    const ELSEWHERE: u64 = 0xFFFF_FFFF;
    let mut wide = wide_field(extra)?.chunks_exact(8).map(|bytes| ZipRecord { bytes, at: 0 }.number(0, 8));
    let mut known = |value: u64| if value == ELSEWHERE { wide.next().ok_or(DAMAGED)? } else { Ok(value) };
    let size = known(header.long(24)?)?;
    known(header.long(20)?)?;
    let local = known(header.long(42)?)?;
    Ok((place(size)?, place(local)?))
}

/// Returns the extra field of 64-bit numbers; empty without one.
fn wide_field(mut extra: &[u8]) -> Result<&[u8], String> {
    while extra.len() >= 4 {
        let field = ZipRecord { bytes: extra, at: 0 };
        let length = field.short(2)?;
        let data = field.slice(4, length)?;
        if field.short(0)? == 1 {
            return Ok(data);
        }
        extra = &extra[4 + length..];
    }
    Ok(&[])
}

fn place(number: u64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| DAMAGED.into())
}

/// A record has its numbers at distances from a place, the lowest byte first.
struct ZipRecord<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ZipRecord<'a> {
    fn slice(&self, from: usize, length: usize) -> Result<&'a [u8], String> {
        let begin = self.at.checked_add(from);
        let range = begin.and_then(|begin| Some(begin..begin.checked_add(length)?));
        range.and_then(|range| self.bytes.get(range)).ok_or_else(|| DAMAGED.into())
    }

    fn number(&self, from: usize, length: usize) -> Result<u64, String> {
        Ok(self.slice(from, length)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn short(&self, from: usize) -> Result<usize, String> {
        Ok(self.number(from, 2)? as usize)
    }

    fn long(&self, from: usize) -> Result<u64, String> {
        self.number(from, 4)
    }
}

const DAMAGED: &str = "its zip is damaged or cut short; get the file again";
