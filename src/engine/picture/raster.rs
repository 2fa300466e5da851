//! A raster is a picture as its decoder gives it: before its colours, its orientation and its background are seen to.

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};

use super::profile::Colours;
use super::reduce::{MAX_PIXELS, too_large};
use super::{Background, Picture};

/// A decoder may set aside so many bytes at most. Its picture in 8 bits comes on top: half of that at most.
pub(super) const MAX_MEMORY: u64 = 600 << 20;

pub(super) struct Raster {
    pub image: DynamicImage,
    pub colours: Colours,
    pub orientation: Orientation,
    pub notes: Vec<String>,
}

impl Raster {
    pub(super) fn new(image: DynamicImage) -> Self {
        Self { image, colours: Colours::Srgb, orientation: Orientation::NoTransforms, notes: Vec::new() }
    }

    /// Reads the pixels of a decoder that has read its header; boxed, so that this is compiled once.
    pub(super) fn read(mut decoder: Box<dyn ImageDecoder + '_>) -> Result<Self, String> {
        check_size(&*decoder)?;
        decoder.set_limits(limits()).map_err(|e| explain(&e))?;
        // Metadata that cannot be read is no reason to refuse the pixels.
        let colours = decoder.icc_profile().ok().flatten().map_or(Colours::Srgb, Colours::Icc);
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let image = DynamicImage::from_decoder(decoder).map_err(|e| explain(&e))?;
        Ok(Self { image, colours, orientation, notes: Vec::new() })
    }

    pub(super) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Makes a picture of it: in sRGB, upright, with 8 bits per channel, opaque.
    pub(super) fn into_picture(mut self, background: Background) -> Picture {
        if is_hidden(&self.image) {
            self.image = without_alpha(self.image);
            self.notes.push("Its alpha is 0 everywhere, which would hide all of it; it is taken as opaque.".into());
        }
        let bits = bits(&self.image);
        let (mut image, note) = self.colours.to_srgb(self.image);
        self.notes.extend(note);
        image.apply_orientation(self.orientation);
        let mut picture = eight_bits(image, background);
        if bits > 8 {
            picture.notes.insert(0, format!("{bits} bits per channel, reduced to 8."));
        }
        picture.notes.splice(0..0, self.notes);
        picture
    }
}

pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    limits
}

pub(super) fn check_size(decoder: &dyn ImageDecoder) -> Result<(), String> {
    let (width, height) = decoder.dimensions();
    check_sides(width, height)?;
    if decoder.total_bytes() > MAX_MEMORY {
        let needed = decoder.total_bytes() >> 20;
        return Err(format!("it needs {needed} MB of memory; save it with 8 bits per channel, or with fewer pixels"));
    }
    Ok(())
}

/// Refuses a picture without pixels, and one with more than can be held.
pub(super) fn check_sides(width: u32, height: u32) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(format!("it is {width}×{height} pixels: nothing to see"));
    }
    if pixels > MAX_PIXELS { Err(too_large(width, height)) } else { Ok(()) }
}

pub(super) fn explain(error: &ImageError) -> String {
    let detail = in_short(&error.to_string());
    match error {
        ImageError::Unsupported(_) => format!("this variant is not supported; save it again as 8-bit PNG ({detail})"),
        ImageError::Limits(_) => format!("it needs too much memory; save it smaller ({detail})"),
        _ => format!("the file is damaged or cut short; get it again ({detail})"),
    }
}

/// Returns a decoder's own words on one line.
pub(super) fn in_short(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(160).collect()
}

fn bits(image: &DynamicImage) -> u32 {
    u32::from(image.color().bits_per_pixel()) / u32::from(image.color().channel_count())
}

/// Returns whether all alphas are 0 although the picture has colours.
fn is_hidden(image: &DynamicImage) -> bool {
    let alphas_are_zero = match image {
        DynamicImage::ImageLumaA8(image) => image.pixels().all(|pixel| pixel.0[1] == 0),
        DynamicImage::ImageLumaA16(image) => image.pixels().all(|pixel| pixel.0[1] == 0),
        DynamicImage::ImageRgba8(image) => image.pixels().all(|pixel| pixel.0[3] == 0),
        DynamicImage::ImageRgba16(image) => image.pixels().all(|pixel| pixel.0[3] == 0),
        _ => false,
    };
    // A picture that is one colour below its alpha was meant to be empty.
    let bytes = image.as_bytes();
    let pixel = usize::from(image.color().bytes_per_pixel());
    alphas_are_zero && bytes.chunks_exact(pixel).any(|other| other != &bytes[..pixel])
}

fn without_alpha(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLumaA8(_) => DynamicImage::ImageLuma8(image.into_luma8()),
        DynamicImage::ImageLumaA16(_) => DynamicImage::ImageLuma16(image.into_luma16()),
        DynamicImage::ImageRgba8(_) => DynamicImage::ImageRgb8(image.into_rgb8()),
        DynamicImage::ImageRgba16(_) => DynamicImage::ImageRgb16(image.into_rgb16()),
        other => other,
    }
}

/// Keeps grey as grey, and makes everything else RGB; 8 bits, opaque.
fn eight_bits(decoded: DynamicImage, background: Background) -> Picture {
    let color = decoded.color();
    let has_alpha = color.has_alpha();
    let grey = !color.has_color() && (!has_alpha || background.is_grey());
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let (bytes, transparent) = match (has_alpha, grey) {
        (false, true) => (decoded.into_luma8().into_raw(), false),
        (false, false) => (decoded.into_rgb8().into_raw(), false),
        (true, true) => over::<2>(background, decoded.into_luma_alpha8().into_raw()),
        (true, false) => over::<4>(background, decoded.into_rgba8().into_raw()),
    };
    let notes = transparent.then(|| background.note()).into_iter().collect();
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
