//! PNG is read by the image library's decoder; what it passes over, the colours of its chunks, and rows of what is too
//! large to be held whole are read by the library below it.

use std::io::Cursor;

use image::codecs::png::PngDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};
use png::{ColorType, Decoder, Info, Transformations};

use super::profile::{Colours, Primaries};
use super::raster::{MAX_MEMORY, Raster, explain, in_short, limits};
use super::reduce::{MAX_LARGE, RowReducer, reduced_note, reduction, too_large};

pub(super) const FIRST_FRAME: &str = "An animation; its first frame is used.";

/// Reads a PNG; of an animation, the first frame.
///
/// # Errors
/// Returns a sentence where the file is damaged, cut short or too large.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let header = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: MAX_MEMORY as usize });
    // Where this fails, the decoder below says why.
    let info = header.read_info().ok().map(|reader| reader.info().clone());
    let large = info.as_ref().map(|info| (info, factor(info))).filter(|(_, factor)| *factor > 1);
    let mut raster = match large {
        Some((info, factor)) => read_reduced(bytes, info, factor)?,
        None => {
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits()).map_err(|e| explain(&e))?;
            Raster::read(Box::new(decoder))?
        }
    };
    if let Some(info) = info {
        raster.colours = colours(&info);
        if info.animation_control.is_some() {
            raster.notes.insert(0, FIRST_FRAME.into());
        }
    }
    Ok(raster)
}

/// Returns by how much the sides are divided: more than by 1 for too many pixels, and for too many bytes.
fn factor(info: &Info) -> u32 {
    let bytes = u64::from(info.width) * u64::from(info.height) * info.bytes_per_pixel() as u64;
    let least = if bytes > MAX_MEMORY && !info.interlaced { 2 } else { 1 };
    reduction(info.width, info.height).max(least)
}

/// Returns what the chunks say of the colours, the strongest first: cICP, iCCP, sRGB, gAMA and cHRM (PNG, section 4.3).
fn colours(info: &Info) -> Colours {
    if let Some(code) = &info.coding_independent_code_points {
        return Colours::Cicp { primaries: code.color_primaries, transfer: code.transfer_function };
    }
    if let Some(icc) = &info.icc_profile {
        return Colours::Icc(icc.to_vec());
    }
    let gamma = info.gama_chunk.map(|gamma| gamma.into_value());
    let primaries = info.chrm_chunk.map(|chunk| Primaries {
        white: [chunk.white.0.into_value(), chunk.white.1.into_value()],
        rgb: [chunk.red, chunk.green, chunk.blue].map(|(x, y)| [x.into_value(), y.into_value()]),
    });
    if info.srgb.is_some() || (gamma.is_none() && primaries.is_none()) {
        return Colours::Srgb;
    }
    Colours::Png { gamma, primaries }
}

/// Reads a large PNG row by row, and averages squares of `factor` × `factor` pixels.
fn read_reduced(bytes: &[u8], info: &Info, factor: u32) -> Result<Raster, String> {
    let (width, height) = (info.width, info.height);
    if u64::from(width) * u64::from(height) > MAX_LARGE || info.interlaced {
        return Err(too_large(width, height));
    }
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: MAX_MEMORY as usize });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let damaged = |error: png::DecodingError| {
        format!("the file is damaged or cut short; get it again ({})", in_short(&error.to_string()))
    };
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (color, _) = reader.output_color_type();
    let mut reducer = RowReducer::new(width, color.samples(), factor);
    for _ in 0..height {
        let row = reader.next_row().map_err(damaged)?.ok_or("the file is cut short; get it again")?;
        reducer.push(row.data());
    }
    let (now_width, now_height) = (width.div_ceil(factor), height.div_ceil(factor));
    let values = reducer.finish();
    let image = match color {
        ColorType::Grayscale | ColorType::Indexed => {
            ImageBuffer::from_raw(now_width, now_height, values).map(DynamicImage::ImageLuma8)
        }
        ColorType::GrayscaleAlpha => {
            ImageBuffer::from_raw(now_width, now_height, values).map(DynamicImage::ImageLumaA8)
        }
        ColorType::Rgb => ImageBuffer::from_raw(now_width, now_height, values).map(DynamicImage::ImageRgb8),
        ColorType::Rgba => ImageBuffer::from_raw(now_width, now_height, values).map(DynamicImage::ImageRgba8),
    };
    let mut raster = Raster::new(image.ok_or_else(|| too_large(width, height))?);
    raster.orientation = info
        .exif_metadata
        .as_ref()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    Ok(raster.with_note(reduced_note([width, height], [now_width, now_height])))
}
