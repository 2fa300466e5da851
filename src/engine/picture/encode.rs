//! Writing PNG files, whole or not at all.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::path::Path;

use flate2::Crc;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::{Picture, Region};
use crate::files::write_atomically;
use crate::{Error, Result};

/// Where the chunks after the header begin: the signature (8 bytes) and the IHDR chunk (25 bytes) come first.
const AFTER_HEADER: usize = 33;
/// Keyword of the text that says which part of the picture nets are to see.
pub const CROP: &str = "Doppelganger crop";
/// Longer texts are passed over, in bytes.
const MOST_TEXT: u32 = 1 << 27;

/// The picture as a PNG file: 8 bits, grey or RGB, without loss.
///
/// # Errors
/// [`Error::Argument`] when the picture is empty or its bytes do not fill it.
pub fn png_bytes(picture: &Picture) -> Result<Vec<u8>> {
    png_bytes_with(picture, &[])
}

/// As [`png_bytes`], with text inside the file: pairs of a keyword ("Software", "Description") and what it says.
///
/// # Errors
/// As [`png_bytes`], and for a keyword that is not 1 to 79 letters, digits or spaces.
pub fn png_bytes_with(picture: &Picture, texts: &[(&str, &str)]) -> Result<Vec<u8>> {
    let wrong = |why: String| Error::Argument(format!("cannot make a PNG: {why}"));
    let Picture { width, height, channels, .. } = *picture;
    let color = match channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => return Err(wrong(format!("the picture has {channels} channels; expected 1 or 3"))),
    };
    let expected = width.checked_mul(height).and_then(|n| n.checked_mul(channels));
    let (Ok(w), Ok(h), true) =
        (u32::try_from(width), u32::try_from(height), expected == Some(picture.bytes.len()) && expected != Some(0))
    else {
        let bytes = picture.bytes.len();
        return Err(wrong(format!("{bytes} bytes do not make a picture of {width}×{height}×{channels}")));
    };
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&picture.bytes, w, h, color).map_err(|e| wrong(e.to_string()))?;
    let mut chunks = Vec::new();
    for (keyword, text) in texts {
        text_chunk(&mut chunks, keyword, text).map_err(wrong)?;
    }
    png.splice(AFTER_HEADER..AFTER_HEADER, chunks);
    Ok(png)
}

/// Appends an iTXt chunk: UTF-8 text, not compressed (PNG specification, third edition, 11.3.3.4).
fn text_chunk(out: &mut Vec<u8>, keyword: &str, text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == ' ';
    if keyword.is_empty() || keyword.len() > 79 || keyword.trim() != keyword || !keyword.chars().all(plain) {
        return Err(format!("the text keyword {keyword:?} must be 1 to 79 letters, digits or spaces"));
    }
    // Keyword, then: end of keyword, not compressed, method 0, no language, no translated keyword.
    let data = [b"iTXt", keyword.as_bytes(), &[0; 5], text.as_bytes()].concat();
    let length = u32::try_from(data.len() - 4).map_err(|_| format!("the text of {keyword:?} is too long"))?;
    let mut crc = Crc::new();
    crc.update(&data);
    out.extend(length.to_be_bytes());
    out.extend(&data);
    out.extend(crc.sum().to_be_bytes());
    Ok(())
}

/// The uncompressed international texts of a PNG file, keywords and what they say, as [`png_bytes_with`] writes them; only those
/// before the pixels.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Argument`] when it is no PNG or is cut off.
pub fn png_texts(path: &Path) -> Result<Vec<(String, String)>> {
    let file = File::open(path).map_err(Error::io("open this picture", path))?;
    texts_of(&mut io::BufReader::new(file))
        .ok_or_else(|| Error::Argument(format!("this is no PNG file\n  {}", path.display())))
}

/// The crop that a PNG file was saved with; `None` where there is none, or where it does not lie inside the picture any more.
pub fn png_crop(path: &Path) -> Option<Region> {
    let texts = png_texts(path).ok()?;
    let (_, text) = texts.iter().find(|(keyword, _)| keyword == CROP)?;
    let region: Region = text.parse().ok()?;
    let (width, height) = png_size(path)?;
    region.is_inside(width, height).then_some(region)
}

/// Reads the width and height of a PNG file from its header, which has them in the same place in every file.
fn png_size(path: &Path) -> Option<(usize, usize)> {
    let mut start = [0; 24];
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    let number = |at: usize| Some(u32::from_be_bytes(start[at..at + 4].try_into().ok()?) as usize);
    Some((number(16)?, number(20)?))
}

fn texts_of(png: &mut (impl Read + Seek)) -> Option<Vec<(String, String)>> {
    let (mut signature, mut texts) = ([0; 8], Vec::new());
    png.read_exact(&mut signature).ok()?;
    if signature != *b"\x89PNG\r\n\x1a\n" {
        return None;
    }
    loop {
        let (mut length, mut kind) = ([0; 4], [0; 4]);
        png.read_exact(&mut length).ok()?;
        png.read_exact(&mut kind).ok()?;
        let length = u32::from_be_bytes(length);
        match &kind {
            b"IDAT" | b"IEND" => return Some(texts),
            b"iTXt" if length <= MOST_TEXT => {
                let mut data = Vec::new();
                png.by_ref().take(u64::from(length)).read_to_end(&mut data).ok()?;
                texts.extend(text_of(&data));
                png.seek_relative(4).ok()?;
            }
            _ => png.seek_relative(i64::from(length) + 4).ok()?,
        }
    }
}

/// Keyword and text of an iTXt chunk that is not compressed and not translated.
fn text_of(data: &[u8]) -> Option<(String, String)> {
    let end = data.iter().position(|&byte| byte == 0)?;
    let text = data[end..].strip_prefix(&[0; 5])?;
    Some((String::from_utf8(data[..end].to_vec()).ok()?, String::from_utf8(text.to_vec()).ok()?))
}

/// Writes the picture as PNG; see [`save_png_with`].
pub fn save_png(picture: &Picture, path: &Path) -> Result<()> {
    save_png_with(picture, path, &[])
}

/// Writes the picture as PNG with text inside (see [`png_bytes_with`]). The file appears whole or not at all, and one
/// that was there stays as it was when writing fails.
///
/// # Errors
/// [`Error::Io`] when the folder is missing or cannot be written to, or when the disk is full.
pub fn save_png_with(picture: &Picture, path: &Path, texts: &[(&str, &str)]) -> Result<()> {
    let png = png_bytes_with(picture, texts)?;
    write_atomically(path, &png, "save this picture").map_err(|error| match error {
        Error::Io { doing, path, source } => Error::Io { doing, source: advise(source, &path), path },
        other => other,
    })
}

/// What to do, for the failures that a person can do something about.
fn advise(error: io::Error, path: &Path) -> io::Error {
    let folder_missing = path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let advice = match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory if folder_missing => {
            "there is no such folder; make it or choose another"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "this folder cannot be written to; choose another"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full; make room or choose another",
        _ if path.is_dir() => "this is a folder; give a file name in it",
        _ => return error,
    };
    io::Error::new(error.kind(), advice)
}
