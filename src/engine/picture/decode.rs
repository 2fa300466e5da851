//! This reads pictures that nobody has checked: from a file, from the clipboard, from a data set.
//!
//! The content tells the format, and the header the size, before memory is set aside. What is cut short is refused.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::{
    bmp::BmpDecoder, farbfeld::FarbfeldDecoder, gif::GifDecoder, hdr::HdrDecoder, pnm::PnmDecoder, qoi::QoiDecoder,
    tga::TgaDecoder, webp::WebPDecoder,
};
use image::{AnimationDecoder, DynamicImage, ImageBuffer, ImageDecoder};

use super::not_pictures::why_no_picture;
use super::png_reader::FIRST_FRAME;
use super::raster::{Raster, check_size, explain, limits};
use super::{Background, Picture, icon, jpeg_reader, png_reader, raw, tiff_reader};
use crate::file_kind::FileKind;
use crate::files::Stamp;
use crate::{Error, Result};

const MAX_FILE: u64 = 256 << 20;

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

/// Decodes a picture of any format that is read: JPEG, PNG, WebP, GIF, BMP, TIFF, PPM and its kin, TGA, ICO, QOI,
/// farbfeld, Radiance HDR, and the preview in the raw file of a camera. `from` is only used in messages.
///
/// The picture comes out upright, in sRGB, with 8 bits per channel, over white where it is transparent; grey keeps a
/// single channel. Of an animation it is the first frame. What was changed is said in [`Picture::notes`].
///
/// # Errors
/// [`Error::Picture`] when the bytes are no picture, damaged, cut short, or larger than
/// [`MAX_PIXELS`](super::MAX_PIXELS) in a format that cannot be read at a reduced size.
pub fn decode(bytes: &[u8], from: &str) -> Result<Picture> {
    decode_over(bytes, Background::default()).map_err(|why| Error::Picture { from: from.to_owned(), why })
}

/// Does what [`decode`] does, over another background; the error is the reason alone.
fn decode_over(bytes: &[u8], background: Background) -> Result<Picture, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("the file is larger than {} MB; save it with fewer pixels, or as JPEG", MAX_FILE >> 20));
    }
    let input = Cursor::new(bytes);
    let raster = match FileKind::of(bytes) {
        FileKind::Jpeg => jpeg_reader::read(bytes)?,
        FileKind::Png => png_reader::read(bytes)?,
        FileKind::Webp => webp(bytes)?,
        FileKind::Gif => gif(GifDecoder::new(input).map_err(|e| explain(&e))?)?,
        FileKind::Tiff => tiff_reader::read(bytes)?,
        FileKind::CameraRaw => raw::read(bytes)?,
        FileKind::Bmp => Raster::read(Box::new(BmpDecoder::new(input).map_err(|e| explain(&e))?))?,
        FileKind::Pnm => Raster::read(Box::new(PnmDecoder::new(input).map_err(|e| explain(&e))?))?,
        FileKind::Tga => Raster::read(Box::new(TgaDecoder::new(input).map_err(|e| explain(&e))?))?,
        FileKind::Qoi => Raster::read(Box::new(QoiDecoder::new(input).map_err(|e| explain(&e))?))?,
        FileKind::Farbfeld => Raster::read(Box::new(FarbfeldDecoder::new(input).map_err(|e| explain(&e))?))?,
        FileKind::RadianceHdr => light(Raster::read(Box::new(HdrDecoder::new(input).map_err(|e| explain(&e))?))?),
        FileKind::Ico => icon::read(bytes)?,
        kind => return Err(why_no_picture(kind)),
    };
    Ok(raster.into_picture(background))
}

fn webp(bytes: &[u8]) -> Result<Raster, String> {
    // The decoder needs no more than the pixels, and would lose the orientation that follows them.
    let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map(u32::from_le_bytes);
    if size.is_none_or(|size| 8 + u64::from(size) > bytes.len() as u64) {
        return Err("the file is cut short: it is smaller than its WebP header says; get it again".into());
    }
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| explain(&e))?;
    let is_animated = decoder.has_animation();
    let mut raster = Raster::read(Box::new(decoder))?;
    raster.notes.extend(is_animated.then(|| FIRST_FRAME.to_owned()));
    Ok(raster)
}

fn gif(mut decoder: GifDecoder<Cursor<&[u8]>>) -> Result<Raster, String> {
    check_size(&decoder)?;
    decoder.set_limits(limits()).map_err(|e| explain(&e))?;
    let mut frames = decoder.into_frames();
    let first = frames.next().ok_or("this GIF has no frames")?.map_err(|e| explain(&e))?;
    let mut raster = Raster::new(DynamicImage::ImageRgba8(first.into_buffer()));
    // An error means that only the end mark, or a later frame, is damaged.
    raster.notes.extend(matches!(frames.next(), Some(Ok(_))).then(|| FIRST_FRAME.to_owned()));
    Ok(raster)
}

/// Encodes light as sRGB does.
fn light(raster: Raster) -> Raster {
    let image = raster.image.into_rgb32f();
    let (width, height) = image.dimensions();
    let is_bright = image.as_raw().iter().any(|&light| light > 1.0);
    let values = image.into_raw().into_iter().map(|light| (super::colour::encoded(light) * 65_535.0).round() as u16);
    let image = ImageBuffer::from_raw(width, height, values.collect()).unwrap_or_default();
    let mut raster = Raster { image: DynamicImage::ImageRgb16(image), ..raster };
    raster.notes.push(if is_bright {
        "Light (HDR), shown as sRGB; what is brighter than white is cut off.".into()
    } else {
        "Light (HDR), shown as sRGB.".into()
    });
    raster
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
