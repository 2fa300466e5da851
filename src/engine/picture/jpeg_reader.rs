//! JPEG is read by the image library's decoder; CMYK and what is too large to be held whole by jpeg-decoder, which
//! gives the inks as they are, and makes a picture of a half, a quarter or an eighth of the size as it decodes. What is
//! too large for that as well is progressive, and read here from the means of its blocks.

use std::io::{Cursor, Read};

use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};
use jpeg_decoder::{Decoder, PixelFormat};

use super::jpeg_markers::{CUT_SHORT, Frame, Markers};
use super::jpeg_means;
use super::profile::{Colours, inks_to_rgb};
use super::raster::{MAX_MEMORY, Raster, explain, in_short};
use super::reduce::{MAX_LARGE, reduced_note, reduction, too_large};
use super::tiff_values::{YcbcrRule, ycbcr_to_rgb};

/// A progressive JPEG is held as its coefficients, two bytes each, before it becomes a picture: at most so many bytes
/// of them.
const MAX_COEFFICIENTS: u64 = 400 << 20;
/// A progressive JPEG whose coefficients and pixels take more bytes is read at a reduced size.
const MAX_WHOLE: u64 = 480 << 20;

/// This is how a JPEG is read.
#[derive(Clone, Copy)]
enum Way {
    Whole,
    /// The sides are divided by this factor, or the picture has four inks.
    Reduced(u32),
    /// The means of blocks of 8 × 8 pixels are read.
    Means,
}

impl Way {
    /// Returns the way that takes little enough memory.
    ///
    /// # Errors
    /// Returns a sentence where there is none.
    fn of(frame: &Frame) -> Result<Self, String> {
        let (width, height) = (u32::from(frame.width), u32::from(frame.height));
        let pixels = u64::from(width) * u64::from(height);
        let factor = reduction(width, height);
        let coefficients = if frame.is_progressive() { 2 * frame.samples() } else { 0 };
        let is_too_much = coefficients > MAX_COEFFICIENTS;
        if pixels > MAX_LARGE || (is_too_much && !matches!(frame.components(), 1 | 3)) {
            return Err(too_large(width, height));
        }
        let is_whole =
            factor == 1 && (coefficients == 0 || coefficients + pixels * frame.components() as u64 <= MAX_WHOLE);
        Ok(match (is_too_much, is_whole) {
            (true, _) => Self::Means,
            (false, true) if frame.components() != 4 => Self::Whole,
            (false, true) => Self::Reduced(1),
            (false, false) => Self::Reduced(factor.max(2)),
        })
    }
}

/// Reads a JPEG. Where only its end marker is missing, it is read with a note.
///
/// # Errors
/// Returns a sentence where the file is damaged, cut short, too large or of a kind that is not read.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let markers = Markers::read(bytes)?;
    // Without a frame the decoder says what is wrong.
    if markers.frame.process != 0 {
        markers.frame.check()?;
    }
    let way = Way::of(&markers.frame)?;
    // A block of 8 × 8 samples takes a bit at least: what claims more is not decoded to find that out.
    if markers.frame.samples() / 64 > 8 * bytes.len() as u64 {
        return Err(CUT_SHORT.into());
    }
    if markers.end.is_some() {
        return pixels(bytes, &markers, way);
    }
    if !markers.has_all_scans() {
        return Err(CUT_SHORT.into());
    }
    // Half an end marker is none.
    let rows = bytes.strip_suffix(b"\xFF").unwrap_or(bytes);
    let has_all = match way {
        Way::Whole => has_all_rows(rows, &markers.frame, 1),
        Way::Reduced(factor) => has_all_rows(rows, &markers.frame, factor as u16),
        // The scans of means are followed by others.
        Way::Means => true,
    };
    if !has_all {
        return Err(CUT_SHORT.into());
    }
    let raster = pixels(&[rows, b"\xFF\xD9"].concat(), &markers, way)?;
    Ok(raster.with_note("The end marker of this JPEG is missing; all its rows are there."))
}

/// Returns whether the last scan of a JPEG without an end marker holds all its blocks.
///
/// jpeg-decoder keeps 57 to 64 bits at hand. After the last block these are what is left of the file, 0 to 7 bits, and
/// whole bytes of what follows it. Where 7 bytes follow, and then something that may not stand in a scan (0xFF 0xFF
/// 0x00, which is passed over between segments), a scan is read without an error exactly if at least one bit of
/// the file is left. Where 8 bytes follow, at most 7 bits of them were used: none, if the scan ends with a whole byte.
/// Then two endings make the same picture, which those that lack bits do not.
fn has_all_rows(bytes: &[u8], frame: &Frame, factor: u16) -> bool {
    let decoded = |ending: &[u8], factor: u16| {
        let whole = Cursor::new(bytes).chain(ending).chain(&b"\xFF\xFF\x00\xFF\xD9"[..]);
        let mut decoder = Decoder::new(whole);
        decoder.set_max_decoding_buffer_size(MAX_MEMORY as usize);
        decoder.scale(frame.width.div_ceil(factor), frame.height.div_ceil(factor)).ok()?;
        decoder.decode().ok()
    };
    // The smallest picture is made quickest, where only the bits matter.
    if decoded(&[0; 7], 8).is_some() {
        return true;
    }
    let zeros = decoded(&[0; 8], 8).and_then(|_| decoded(&[0; 8], factor));
    // A byte of ones is followed by 0, so that it is no marker.
    zeros.is_some_and(|zeros| decoded(&[0xFF_u8, 0].repeat(8), factor).is_some_and(|ones| ones == zeros))
}

fn pixels(bytes: &[u8], markers: &Markers, way: Way) -> Result<Raster, String> {
    match way {
        Way::Whole => {
            let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| explain(&e))?;
            Raster::read(Box::new(decoder))
        }
        Way::Reduced(factor) => reduced(bytes, markers, factor),
        Way::Means => means(bytes, markers),
    }
}

/// Reads a picture with sides divided by a factor, or one of four inks.
fn reduced(bytes: &[u8], markers: &Markers, factor: u32) -> Result<Raster, String> {
    let (width, height) = (u32::from(markers.frame.width), u32::from(markers.frame.height));
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
            let inks = if markers.adobe.is_some() { values } else { values.into_iter().map(|ink| 255 - ink).collect() };
            let (image, note) = inks_to_rgb(&inks, now_width, now_height, icc.as_deref());
            (Some(image), Some(note))
        }
        PixelFormat::L16 => (None, None),
    };
    let mut raster = Raster::new(image.ok_or("this kind of JPEG is not read; save it again as 8-bit PNG")?);
    if let (Some(icc), None) = (icc, &note) {
        raster.colours = Colours::Icc(icc);
    }
    raster.orientation = orientation(&decoder);
    raster.notes.extend((factor > 1).then(|| reduced_note([width, height], [now_width, now_height])));
    raster.notes.extend(note);
    Ok(raster)
}

fn orientation<R: Read>(decoder: &Decoder<R>) -> Orientation {
    decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// Reads a picture at an eighth of its sides, from the means of its blocks.
fn means(bytes: &[u8], markers: &Markers) -> Result<Raster, String> {
    let frame = &markers.frame;
    let jpeg_means::Eighth { size: [width, height], planes } = jpeg_means::read(bytes, frame)?;
    let numbers: Vec<u8> = frame.parts.iter().map(|part| part[0]).collect();
    let image = match &planes[..] {
        [grey] => ImageBuffer::from_raw(width, height, grey.clone()).map(DynamicImage::ImageLuma8),
        [first, second, third] => {
            let pixels = first.iter().zip(second).zip(third);
            let values: Vec<u8> = pixels.flat_map(|((first, second), third)| [*first, *second, *third]).collect();
            let are_rgb = numbers == *b"RGB" || (markers.adobe == Some(0) && !markers.is_jfif && numbers != [1, 2, 3]);
            let rule = YcbcrRule::new(&[], &[]);
            let values = if are_rgb { Some(values) } else { ycbcr_to_rgb(&values, 3, &rule) };
            values.and_then(|values| ImageBuffer::from_raw(width, height, values)).map(DynamicImage::ImageRgb8)
        }
        _ => None,
    };
    let mut raster = Raster::new(image.ok_or(CUT_SHORT)?);
    // What it says of colours and orientation comes before the frame.
    let mut decoder = Decoder::new(bytes);
    decoder.read_info().map_err(explain_jpeg)?;
    raster.colours = decoder.icc_profile().map_or(Colours::Srgb, Colours::Icc);
    raster.orientation = orientation(&decoder);
    Ok(raster.with_note(reduced_note([frame.width.into(), frame.height.into()], [width, height])))
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
