//! Icons and cursors of Windows (ICO, CUR): a directory of pictures, each a PNG or a BMP without its first header.
//!
//! The directory is read here, since the image library takes no PNG but one of RGBA, and prefers colours to size. It
//! does decode the BMPs and their masks.

use std::io::Cursor;

use image::codecs::ico::IcoDecoder;

use super::png_reader;
use super::raster::{Raster, explain};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const CUT_SHORT: &str = "the file is damaged or cut short: a picture of this icon is not all there; get it again";

/// This is one picture of an icon.
#[derive(Clone, Copy)]
struct Entry<'a> {
    /// These are the bytes of the picture, a PNG or a BMP.
    bytes: &'a [u8],
    size: [u32; 2],
    bits: u16,
}

/// Reads the largest picture of an icon or cursor; of several of one size, that with the most bits for a pixel.
///
/// # Errors
/// Returns a sentence where the directory or the picture is damaged, cut short or too large.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let is_cursor = bytes.get(2) == Some(&2);
    let count = number(bytes, 4, 2).ok_or(CUT_SHORT)? as usize;
    let entries = (0..count).map(|i| entry(bytes, 6 + 16 * i)).collect::<Option<Vec<_>>>().ok_or(CUT_SHORT)?;
    let area = |entry: &Entry| u64::from(entry.size[0]) * u64::from(entry.size[1]);
    let best = entries.iter().copied().max_by_key(|entry| (area(entry), entry.bits)).ok_or(CUT_SHORT)?;
    let mut raster = if best.bytes.starts_with(PNG) {
        png_reader::read(best.bytes)?
    } else {
        Raster::read(Box::new(IcoDecoder::new(Cursor::new(alone(best))).map_err(|e| explain(&e))?))?
    };
    let what = if is_cursor { "A cursor" } else { "An icon" };
    let [width, height] = best.size;
    let largest = format!("{what} of {count} pictures; the largest, {width}×{height}, is used.");
    raster.notes.extend((count > 1).then_some(largest));
    Ok(raster)
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u32> {
    Some(bytes.get(at..at + size)?.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)))
}

/// Reads an entry of the directory, with the size that its picture itself gives: the directory's has 8 bits.
fn entry(bytes: &[u8], at: usize) -> Option<Entry<'_>> {
    let (length, place) = (number(bytes, at + 8, 4)? as usize, number(bytes, at + 12, 4)? as usize);
    let picture = bytes.get(place..place.checked_add(length)?)?;
    if picture.starts_with(PNG) {
        let side = |at: usize| Some(u32::from_be_bytes(picture.get(at..at + 4)?.try_into().ok()?));
        let bits = u16::from(*picture.get(24)?) * if picture.get(25)? & 2 == 0 { 1 } else { 3 };
        return Some(Entry { bytes: picture, size: [side(16)?, side(20)?], bits });
    }
    // The height of the BMP counts its mask as well.
    let (width, height) = (number(picture, 4, 4)? as i32, number(picture, 8, 4)? as i32);
    let bits = number(picture, 14, 2)? as u16;
    let is_header = number(picture, 0, 4)? >= 40;
    is_header.then_some(Entry { bytes: picture, size: [width.unsigned_abs(), height.unsigned_abs() / 2], bits })
}

/// Makes an icon of one picture, whose directory agrees with it.
fn alone(entry: Entry) -> Vec<u8> {
    // A side of 256 and more is 0 in the directory.
    let side = |side: u32| u8::try_from(side).unwrap_or(0);
    let mut icon = vec![0, 0, 1, 0, 1, 0, side(entry.size[0]), side(entry.size[1]), 0, 0, 1, 0];
    icon.extend(entry.bits.min(256).to_le_bytes());
    icon.extend((entry.bytes.len() as u32).to_le_bytes());
    icon.extend(22_u32.to_le_bytes());
    icon.extend(entry.bytes);
    icon
}
