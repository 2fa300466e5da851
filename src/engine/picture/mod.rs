//! Pictures are read safely, fitted to a net, and made of perturbations.
//!
//! A [`Picture`] is what a file holds, in 8 bits; [`Planes`] are what a net sees, planar `f32` in [0, 1].

mod background;
mod colour;
mod decode;
mod directories;
mod encode;
mod fit;
mod heatmap;
mod icon;
mod jpeg_markers;
mod jpeg_means;
mod jpeg_reader;
mod kind;
mod lens;
mod not_pictures;
mod png_reader;
mod profile;
mod raster;
mod raw;
mod reduce;
mod region;
mod resample;
mod tiff_reader;
mod tiff_values;

pub use background::Background;
pub use decode::{decode, open, open_over};
pub use encode::{CROP, png_bytes, png_crop, png_texts, save_png};
pub use fit::{Fit, fit};
pub use heatmap::{Channel, Heatmap, HeatmapQuantity, Rgba, diverging, sequential};
pub use kind::PictureKind;
pub use lens::Lens;
pub(crate) use raw::raw_format;
pub use reduce::MAX_PIXELS;
pub use region::Region;
pub use resample::Resampler;

use candle_core::{Device, Tensor};

use super::Result;
use super::units::LEVELS;

/// This is a decoded picture: 8 bits per channel, interleaved, row by row from the top left.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// This is 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// These are `height * width * channels` bytes.
    pub bytes: Vec<u8>,
    /// These sentences say how the file was read, such as "16 bits per channel, reduced to 8.".
    pub notes: Vec<String>,
    pub transparent: bool,
    /// This is how opaque each pixel is, while it can be laid on another background; `bytes` then lie on white.
    pub alpha: Option<Vec<u8>>,
}

impl Picture {
    pub fn new(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> Self {
        Self { width, height, channels, bytes, notes: Vec::new(), transparent: false, alpha: None }
    }

    /// Lays the picture on this background, where that is still open.
    pub fn over(&self, background: Background) -> Self {
        let Some(alpha) = &self.alpha else { return self.clone() };
        let mut bytes = self.bytes.clone();
        for (pixel, alpha) in bytes.chunks_exact_mut(self.channels).zip(alpha) {
            for (value, colour) in pixel.iter_mut().zip(background.0) {
                // Less of what white adds to it than this background does.
                let less = (u32::from(255 - alpha) * u32::from(255 - colour) + 127) / 255;
                *value = value.saturating_sub(less as u8);
            }
        }
        let notes = vec![background.note()];
        Self { bytes, notes, alpha: None, ..self.clone() }
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}×{}×{})", self.width, self.height, self.channels)
    }
}

/// These are planar values, `channels × height × width`: pixels in [0, 1], a perturbation, or a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Planes {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// The value of channel c at column x, row y is `values[(c * height + y) * width + x]`.
    pub values: Vec<f32>,
}

impl Planes {
    /// Returns the value of channel `c` at column `x`, row `y`; none outside.
    pub fn get(&self, c: usize, x: usize, y: usize) -> Option<f32> {
        (c < self.channels && x < self.width && y < self.height)
            .then(|| self.values[(c * self.height + y) * self.width + x])
    }

    pub fn with_values(&self, values: Vec<f32>) -> Self {
        Self { values, channels: self.channels, height: self.height, width: self.width }
    }

    /// Returns a tensor of shape (1, channels, height, width) on the CPU.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let shape = (1, self.channels, self.height, self.width);
        Ok(Tensor::from_slice(&self.values, shape, &Device::Cpu)?)
    }

    /// Makes planes of a tensor of shape (channels, height, width) or (1, channels, height, width).
    pub fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let tensor = if tensor.rank() == 4 { tensor.squeeze(0)? } else { tensor.clone() };
        let (channels, height, width) = tensor.dims3()?;
        Ok(Self { channels, height, width, values: tensor.flatten_all()?.to_vec1()? })
    }

    /// Rounds the values to the 8-bit grid: multiples of 1/255 from 0 to 1.
    pub fn on_grid(mut self) -> Self {
        to_8_bits(&mut self.values);
        self
    }

    /// Rounds the values to the 8-bit grid, as a saved file holds them.
    pub fn to_picture(&self) -> Picture {
        let plane = self.height * self.width;
        let pixel = |i: usize| (0..self.channels).map(move |c| heatmap::level(self.values[c * plane + i]));
        Picture::new(self.width, self.height, self.channels, (0..plane).flat_map(pixel).collect())
    }
}

/// Rounds to the nearest grey level of 255, halves upwards, between black and white.
pub(crate) fn to_8_bits(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = (*value * LEVELS).round().clamp(0.0, LEVELS) / LEVELS);
}
