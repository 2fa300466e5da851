//! JPEG is read by the image library's decoder; CMYK and what is too large to be held whole by jpeg-decoder, which
//! gives the inks as they are, and makes a picture of a half, a quarter or an eighth of the size as it decodes.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};
use jpeg_decoder::{Decoder, PixelFormat};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::jpeg_markers::{CUT_SHORT, Frame, Markers};
use super::profile::{Colours, inks_to_rgb};
use super::raster::{MAX_MEMORY, Raster, explain, in_short};
use super::reduce::{MAX_LARGE, reduced_note, reduction, too_large};

/// A progressive JPEG is held as its coefficients, two bytes each, before it becomes a picture.
const MAX_COEFFICIENTS: u64 = 640 << 20;
/// Where rows are missing, they are made of what follows the file: of so many drawn endings, two would differ.
const ENDINGS: u64 = 12;

/// Reads a JPEG. Where only its end marker is missing, it is read with a note.
///
/// # Errors
/// A sentence where the file is damaged, cut short, too large or of a kind that is not read.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let markers = Markers::read(bytes)?;
    // Without a frame the decoder says what is wrong.
    if markers.frame.process != 0 {
        markers.frame.check()?;
    }
    if markers.end.is_some() {
        return pixels(bytes, &markers);
    }
    if !markers.has_all_scans() {
        return Err(CUT_SHORT.into());
    }
    // Half an end marker is none.
    let rows = bytes.strip_suffix(b"\xFF").unwrap_or(bytes);
    let ended = |filler: &[u8]| [rows, filler, b"\xFF\xD9"].concat();
    // The image library's decoder makes up for what is missing; this one does not.
    let decoded = |seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // The byte 255 would begin a marker.
        let whole = ended(&std::array::from_fn::<u8, 64, _>(|_| rng.random_range(0..255)));
        let mut decoder = Decoder::new(&whole[..]);
        decoder.set_max_decoding_buffer_size(MAX_MEMORY as usize);
        let factor = reduction(markers.frame.width.into(), markers.frame.height.into()) as u16;
        decoder.scale(markers.frame.width.div_ceil(factor), markers.frame.height.div_ceil(factor)).ok()?;
        decoder.decode().ok()
    };
    check_memory(&markers.frame)?;
    let first = decoded(0).ok_or(CUT_SHORT)?;
    if (1..ENDINGS).any(|seed| decoded(seed).is_none_or(|other| other != first)) {
        return Err(CUT_SHORT.into());
    }
    let raster = pixels(&ended(&[]), &markers)?;
    Ok(raster.with_note("The end marker of this JPEG is missing; all its rows are there."))
}

fn pixels(bytes: &[u8], markers: &Markers) -> Result<Raster, String> {
    let (width, height) = (markers.frame.width.into(), markers.frame.height.into());
    let factor = reduction(width, height);
    if factor == 1 && markers.frame.components() != 4 {
        let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| explain(&e))?;
        return Raster::read(Box::new(decoder));
    }
    check_memory(&markers.frame)?;
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(MAX_MEMORY as usize);
    let side = |side: u32| u16::try_from(side.div_ceil(factor)).unwrap_or(u16::MAX);
    decoder.scale(side(width), side(height)).map_err(explain_jpeg)?;
    let values = decoder.decode().map_err(explain_jpeg)?;
    let info = decoder.info().ok_or(CUT_SHORT)?;
    let (now_width, now_height) = (u32::from(info.width), u32::from(info.height));
    let icc = decoder.icc_profile();
    let (image, note) = match info.pixel_format {
        PixelFormat::L8 => (ImageBuffer::from_raw(now_width, now_height, values).map(DynamicImage::ImageLuma8), None),
        PixelFormat::RGB24 => (ImageBuffer::from_raw(now_width, now_height, values).map(DynamicImage::ImageRgb8), None),
        PixelFormat::CMYK32 => {
            // The decoder takes inks for inverted, as Adobe's programs store them and say so.
            let inks = if markers.has_adobe { values } else { values.into_iter().map(|ink| 255 - ink).collect() };
            let (image, note) = inks_to_rgb(&inks, now_width, now_height, icc.as_deref());
            (Some(image), Some(note))
        }
        PixelFormat::L16 => (None, None),
    };
    let mut raster = Raster::new(image.ok_or("this kind of JPEG is not read; save it again as 8-bit PNG")?);
    if let (Some(icc), None) = (icc, &note) {
        raster.colours = Colours::Icc(icc);
    }
    raster.orientation =
        decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    raster.notes.extend((factor > 1).then(|| reduced_note([width, height], [now_width, now_height])));
    raster.notes.extend(note);
    Ok(raster)
}

/// Refuses what would need too much memory at any scale.
fn check_memory(frame: &Frame) -> Result<(), String> {
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let coefficients = if frame.is_progressive() { 2 * frame.samples() } else { 0 };
    if u64::from(width) * u64::from(height) > MAX_LARGE || coefficients > MAX_COEFFICIENTS {
        return Err(too_large(width, height));
    }
    Ok(())
}

fn explain_jpeg(error: jpeg_decoder::Error) -> String {
    let detail = in_short(&error.to_string());
    match error {
        jpeg_decoder::Error::Unsupported(_) => {
            format!("this variant is not supported; save it again as 8-bit PNG ({detail})")
        }
        _ => format!("the file is damaged or cut short; get it again ({detail})"),
    }
}
