//! This writes PNG files, whole or not at all.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind};
use std::path::Path;

use super::{Picture, Region};
use crate::files::write_atomically;
use crate::{Error, Result};

/// This is the keyword of the text that says which part of the picture nets are to see.
pub const CROP: &str = "Doppelganger crop";
const MOST_TEXT: usize = 1 << 27;

/// Makes a PNG file of the picture with texts in it: pairs of a keyword ("Software") and what it says.
///
/// # Errors
/// [`Error::Argument`] when the picture is empty or its bytes do not fill it, and for a keyword that is not 1 to 79
/// letters, digits or spaces.
pub fn png_bytes(picture: &Picture, texts: &[(&str, &str)]) -> Result<Vec<u8>> {
    let wrong = |why: String| Error::Argument(format!("cannot make a PNG: {why}"));
    let Picture { width, height, channels, .. } = *picture;
    let color = match channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => return Err(wrong(format!("the picture has {channels} channels; expected 1 or 3"))),
    };
    let expected = width.checked_mul(height).and_then(|n| n.checked_mul(channels));
    let (Ok(w), Ok(h), true) =
        (u32::try_from(width), u32::try_from(height), expected == Some(picture.bytes.len()) && expected != Some(0))
    else {
        let bytes = picture.bytes.len();
        return Err(wrong(format!("{bytes} bytes do not make a picture of {width}×{height}×{channels}")));
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, w, h);
    encoder.set_color(color);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    for (keyword, text) in texts {
        let is_plain = keyword.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ') && keyword.trim() == *keyword;
        if !is_plain || !(1..=79).contains(&keyword.len()) {
            return Err(wrong(format!("the text keyword {keyword:?} must be 1 to 79 letters, digits or spaces")));
        }
        encoder.add_itxt_chunk((*keyword).into(), (*text).into()).map_err(|e| wrong(e.to_string()))?;
    }
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&picture.bytes)?;
        writer.finish()
    });
    written.map_err(|e| wrong(e.to_string()))?;
    Ok(bytes)
}

fn png_info(path: &Path) -> Result<png::Info<'static>> {
    let file = File::open(path).map_err(Error::io("open this picture", path))?;
    let decoder = png::Decoder::new_with_limits(BufReader::new(file), png::Limits { bytes: MOST_TEXT });
    match decoder.read_info() {
        Ok(reader) => Ok(reader.info().clone()),
        Err(_) => Err(Error::Argument(format!("this is no PNG file\n  {}", path.display()))),
    }
}

/// Reads the international texts of a PNG file, keywords and what they say; only those before the pixels.
///
/// # Errors
/// [`Error::Io`], and [`Error::Argument`] when it is no PNG or is cut off.
pub fn png_texts(path: &Path) -> Result<Vec<(String, String)>> {
    let texts = png_info(path)?.utf8_text;
    Ok(texts.into_iter().filter_map(|chunk| Some((chunk.keyword.clone(), chunk.get_text().ok()?))).collect())
}

/// Reads the crop that a PNG file was saved with; none where it does not lie inside the picture any more.
pub fn png_crop(path: &Path) -> Option<Region> {
    let info = png_info(path).ok()?;
    let text = info.utf8_text.iter().find(|chunk| chunk.keyword == CROP)?.get_text().ok()?;
    let region: Region = text.parse().ok()?;
    region.is_inside(info.width as usize, info.height as usize).then_some(region)
}

/// Writes the picture as PNG with texts inside (see [`png_bytes`]), whole or not at all.
///
/// # Errors
/// [`Error::Io`] when the folder is missing or cannot be written to, or when the disk is full.
pub fn save_png(picture: &Picture, path: &Path, texts: &[(&str, &str)]) -> Result<()> {
    let png = png_bytes(picture, texts)?;
    write_atomically(path, &png, "save this picture").map_err(|error| match error {
        Error::Io { doing, path, source } => Error::Io { doing, source: advise(source, &path), path },
        other => other,
    })
}

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
