//! This reads pictures that nobody has checked: from a file, from the clipboard, from a data set.
//!
//! The content tells the format, and the header the size, before memory is set aside. What is cut short is refused.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::{
    bmp::BmpDecoder, gif::GifDecoder, jpeg::JpegDecoder, png::PngDecoder, tiff::TiffDecoder, webp::WebPDecoder,
};
use image::{AnimationDecoder, DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, Limits};

use super::jpeg;
use super::{Background, Picture};
use crate::files::Stamp;
use crate::{Error, Result};

pub const MAX_PIXELS: u64 = 100_000_000;
const MAX_FILE: u64 = 256 << 20;
/// The most memory that a decoder may set aside, in bytes.
const MAX_MEMORY: u64 = 1 << 30;

/// Reads a picture from a file, as [`decode`] does.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Picture`] when it is no picture that can be used.
pub fn open(path: &Path) -> Result<Picture> {
    open_over(path, Background::default())
}

/// Does what [`open`] does, over another background.
pub fn open_over(path: &Path, background: Background) -> Result<Picture> {
    let from = path.display().to_string();
    let refuse = |why: String| Error::Picture { from: from.clone(), why };
    let about = std::fs::metadata(path).map_err(Error::io("open this picture", path))?;
    if about.is_dir() {
        return Err(refuse("this is a folder; open one of the pictures in it".into()));
    }
    if !about.is_file() {
        return Err(refuse("this is not an ordinary file".into()));
    }
    let file = File::open(path).map_err(Error::io("open this picture", path))?;
    decode_over(&read(file, Stamp::of(&about), path)?, background).map_err(refuse)
}

fn read(mut file: File, measured: Stamp, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file that is too large.
    file.by_ref().take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(Error::io("read this picture", path))?;
    let about = file.metadata().map_err(Error::io("read this picture", path))?;
    if Stamp::of(&about) != measured {
        let why = "the file changed while it was read; open it again".into();
        return Err(Error::Picture { from: path.display().to_string(), why });
    }
    Ok(bytes)
}

/// Decodes a JPEG, PNG, WebP, GIF, BMP or TIFF. `from` is only used in messages.
///
/// The picture comes out upright, with 8 bits per channel, over white where it is transparent; grey keeps a single
/// channel. Of an animation it is the first frame. What was changed is said in [`Picture::notes`].
///
/// # Errors
/// [`Error::Picture`] when the bytes are no picture, damaged, cut short, or larger than [`MAX_PIXELS`].
pub fn decode(bytes: &[u8], from: &str) -> Result<Picture> {
    decode_over(bytes, Background::default()).map_err(|why| Error::Picture { from: from.to_owned(), why })
}

/// Does what [`decode`] does, over another background; the error is the reason alone.
fn decode_over(bytes: &[u8], background: Background) -> Result<Picture, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("the file is larger than {} MB; save it smaller", MAX_FILE >> 20));
    }
    let input = Cursor::new(bytes);
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => {
            let components = jpeg::components(bytes)?;
            let decoder = JpegDecoder::new(input).map_err(|e| explain(&e))?;
            pixels(Box::new(decoder), (components == 4).then_some(CMYK), background)
        }
        Ok(ImageFormat::Png) => {
            let decoder = PngDecoder::with_limits(input, limits()).map_err(|e| explain(&e))?;
            let animated = decoder.is_apng().unwrap_or(false);
            pixels(Box::new(decoder), animated.then_some(FIRST_FRAME), background)
        }
        Ok(ImageFormat::WebP) => {
            // The decoder needs no more than the pixels, and would lose the orientation that follows them.
            let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes);
            if size.is_none_or(|size| 8 + u64::from(size) > bytes.len() as u64) {
                return Err("the file is cut short: it is smaller than its WebP header says; get it again".into());
            }
            let decoder = WebPDecoder::new(input).map_err(|e| explain(&e))?;
            let animated = decoder.has_animation();
            pixels(Box::new(decoder), animated.then_some(FIRST_FRAME), background)
        }
        Ok(ImageFormat::Gif) => gif(GifDecoder::new(input).map_err(|e| explain(&e))?, background),
        Ok(ImageFormat::Bmp) => pixels(Box::new(BmpDecoder::new(input).map_err(|e| explain(&e))?), None, background),
        Ok(ImageFormat::Tiff) => {
            let decoder = TiffDecoder::new(input).map_err(|e| explain(&e))?;
            let cmyk = matches!(decoder.original_color_type(), ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16);
            pixels(Box::new(decoder), cmyk.then_some(CMYK), background)
        }
        _ => Err(format!("{}; expected JPEG, PNG, WebP, GIF, BMP or TIFF", what_else(bytes))),
    }
}

const CMYK: &str = "CMYK, converted to RGB without a colour profile.";
const FIRST_FRAME: &str = "An animation; its first frame is used.";

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    limits
}

fn check_size(decoder: &impl ImageDecoder) -> Result<(), String> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(format!("it is {width}×{height} pixels: nothing to see"));
    }
    if pixels > MAX_PIXELS || decoder.total_bytes() > MAX_MEMORY {
        let most = MAX_PIXELS / 1_000_000;
        return Err(format!("it claims to be {width}×{height} pixels; at most {most} megapixels can be read"));
    }
    Ok(())
}

/// Reads the pixels of a decoder that has read its header; boxed, so that this is compiled once.
fn pixels(
    mut decoder: Box<dyn ImageDecoder + '_>,
    note: Option<&str>,
    background: Background,
) -> Result<Picture, String> {
    check_size(&decoder)?;
    decoder.set_limits(limits()).map_err(|e| explain(&e))?;
    // Metadata that cannot be read is no reason to refuse the pixels.
    let profile = decoder.icc_profile().ok().flatten();
    let orientation = decoder.orientation().ok();
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(|e| explain(&e))?;
    if let Some(orientation) = orientation {
        decoded.apply_orientation(orientation);
    }
    let mut picture = eight_bits(decoded, background);
    picture.notes.splice(0..0, note.map(String::from));
    if profile.is_some_and(|profile| !is_srgb(&profile)) {
        picture.notes.push("Its colour profile (ICC) is not applied; colours may look different elsewhere.".into());
    }
    Ok(picture)
}

fn gif(mut decoder: GifDecoder<Cursor<&[u8]>>, background: Background) -> Result<Picture, String> {
    check_size(&decoder)?;
    decoder.set_limits(limits()).map_err(|e| explain(&e))?;
    let mut frames = decoder.into_frames();
    let first = frames.next().ok_or("this GIF has no frames")?.map_err(|e| explain(&e))?;
    let mut picture = eight_bits(DynamicImage::ImageRgba8(first.into_buffer()), background);
    // An error means that only the end mark, or a later frame, is damaged.
    if matches!(frames.next(), Some(Ok(_))) {
        picture.notes.insert(0, FIRST_FRAME.into());
    }
    Ok(picture)
}

/// Tells whether a profile is that of sRGB, which it says in its description (ASCII or UTF-16).
fn is_srgb(profile: &[u8]) -> bool {
    [b"sRGB".as_slice(), b"s\0R\0G\0B"].iter().any(|name| profile.windows(name.len()).any(|w| w == *name))
}

/// Keeps grey as grey, and makes everything else RGB; 8 bits, opaque.
fn eight_bits(decoded: DynamicImage, background: Background) -> Picture {
    let color = decoded.color();
    let has_alpha = color.has_alpha();
    let grey = !color.has_color() && (!has_alpha || background.is_grey());
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let bits = u32::from(color.bits_per_pixel()) / u32::from(color.channel_count());
    let (bytes, transparent) = match (has_alpha, grey) {
        (false, true) => (decoded.into_luma8().into_raw(), false),
        (false, false) => (decoded.into_rgb8().into_raw(), false),
        (true, true) => over::<2>(background, decoded.into_luma_alpha8().into_raw()),
        (true, false) => over::<4>(background, decoded.into_rgba8().into_raw()),
    };
    let reduced = (bits > 8).then(|| format!("{bits} bits per channel, reduced to 8."));
    let notes = reduced.into_iter().chain(transparent.then(|| background.note())).collect();
    Picture { width, height, channels: if grey { 1 } else { 3 }, bytes, notes, transparent, alpha: None }
}

/// Composes pixels of `N` values, the last of them alpha, over a background, in place; tells whether it shows through.
fn over<const N: usize>(background: Background, mut bytes: Vec<u8>) -> (Vec<u8>, bool) {
    let mut transparent = false;
    let count = bytes.len() / N;
    for i in 0..count {
        let alpha = u32::from(bytes[i * N + N - 1]);
        transparent |= alpha < 255;
        for c in 0..N - 1 {
            let value = u32::from(bytes[i * N + c]);
            bytes[i * (N - 1) + c] = ((value * alpha + u32::from(background.0[c]) * (255 - alpha) + 127) / 255) as u8;
        }
    }
    bytes.truncate(count * (N - 1));
    (bytes, transparent)
}

fn explain(error: &ImageError) -> String {
    let detail: String = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect();
    match error {
        ImageError::Unsupported(_) => format!("this variant is not supported; save it again as 8-bit PNG ({detail})"),
        ImageError::Limits(_) => format!("it needs too much memory; save it smaller ({detail})"),
        _ => format!("the file is damaged or cut short; get it again ({detail})"),
    }
}

fn what_else(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(512)];
    // A cut through the middle of a character is still text.
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&start[..e.valid_up_to()]).unwrap_or_default(),
        Err(_) => "",
    };
    match start.get(4..12).unwrap_or_default() {
        b"ftypavif" | b"ftypavis" => "this is an AVIF picture; save it as PNG or JPEG",
        b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypmsf1" => {
            "this is a HEIC picture, as phones take them; save it as PNG or JPEG"
        }
        _ if start.starts_with(b"%PDF") => "this is a PDF document",
        _ if text.contains("<svg") => "this is an SVG drawing; save it as PNG",
        _ if !text.is_empty() && !text.contains('\0') => "this is text, not a picture",
        _ => "this is not a picture that is known here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_read_gets_one_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"one").unwrap();
        let measured = Stamp::of(&std::fs::metadata(&path).unwrap());
        assert_eq!(read(File::open(&path).unwrap(), measured, &path).unwrap(), b"one");
        std::fs::write(&path, b"longer").unwrap();
        let message = read(File::open(&path).unwrap(), measured, &path).unwrap_err().to_string();
        assert!(message.contains("changed while it was read") && message.ends_with("a.png"), "{message}");
    }
}
