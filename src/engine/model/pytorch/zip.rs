//! This reads the table of contents of a zip file whose parts are stored as they are, which is how PyTorch writes them.
//!
//! Nothing is unpacked, so nothing can grow: a part is a slice of the file. The layout is that of PKWARE's APPNOTE
//! 6.3.10, sections 4.3.7 to 4.3.16.

use std::collections::BTreeMap;

/// An archive with more parts is refused: it has one for each tensor and a few more.
const MOST_PARTS: u64 = 100_000;

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const CENTRAL: &[u8] = b"PK\x01\x02";
pub const LOCAL: &[u8] = b"PK\x03\x04";
/// The length in bytes of the record at the end, without its comment, which may have 65 535.
const END_LENGTH: usize = 22;

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
        let header = record(bytes, at, CENTRAL)?;
        let (name_length, extra_length) = (short(header, 28)?, short(header, 30)?);
        let name = String::from_utf8(slice(header, 46, name_length)?.to_vec()).map_err(|_| DAMAGED)?;
        let extra = slice(header, 46 + name_length, extra_length)?;
        let (size, local) = sizes(header, extra)?;
        if short(header, 8)? & 1 != 0 || short(header, 10)? != 0 || long(header, 20)? != long(header, 24)? {
            return Err(format!(
                "its part {name:?} is compressed or encrypted, which PyTorch's are not; unpack it first"
            ));
        }
        let local = record(bytes, local, LOCAL)?;
        let skip = 30 + short(local, 26)? + short(local, 28)?;
        let part = ZipPart { data: slice(local, skip, size)?, crc: long(header, 16)? as u32 };
        total += size;
        if total > bytes.len() || parts.insert(name, part).is_some() {
            return Err("parts of its zip overlap or have the same name".into());
        }
        at += 46 + name_length + extra_length + short(header, 32)?;
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

/// Returns the bytes of a part and where its own header is; what does not fit 32 bits stands among the extra fields.
fn sizes(header: &[u8], extra: &[u8]) -> Result<(usize, usize), String> {
    const ELSEWHERE: u64 = 0xFFFF_FFFF;
    let mut wide = wide_field(extra)?.chunks_exact(8).map(|bytes| number(bytes, 0, 8));
    let mut known = |value: u64| if value == ELSEWHERE { wide.next().ok_or(DAMAGED)? } else { Ok(value) };
    let size = known(long(header, 24)?)?;
    known(long(header, 20)?)?;
    let local = known(long(header, 42)?)?;
    Ok((place(size)?, place(local)?))
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

const DAMAGED: &str = "its zip is damaged or cut short; get the file again";
