//! Bringing a picture to the size that a net takes.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Picture, Planes};
use crate::engine::{Error, Result};

/// How a picture that has another shape than the net's input is made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Both axes are scaled on their own; the picture may look stretched.
    Squash,
    /// The picture covers the input; what sticks out on two sides is cut off evenly.
    Crop,
    /// The whole picture lies in the middle of the input, with black bars beside it.
    Letterbox,
}

/// Fits a picture to `channels × height × width`, values in [0, 1] on the 8-bit grid (multiples of 1/255).
///
/// Resampling is antialiased and bilinear, as PIL's `BILINEAR`. Colour becomes grey by the luma of ITU-R BT.601, grey
/// becomes colour by repeating. A picture that has the asked size comes back bit for bit, whatever `how` says.
///
/// # Errors
/// [`Error::Argument`] when the picture or the asked size is empty, or when `channels` is neither 1 nor 3.
pub fn fit(picture: &Picture, channels: usize, height: usize, width: usize, how: Fit) -> Result<Planes> {
    check(picture, channels, height, width)?;
    let (across, down) = match how {
        Fit::Squash => (Axis::whole(picture.width, width), Axis::whole(picture.height, height)),
        Fit::Crop => crop((picture.width, picture.height), (width, height)),
        Fit::Letterbox => letterbox((picture.width, picture.height), (width, height)),
    };
    let mut planes = Planes { channels, height, width, values: vec![0.0; channels * height * width] };
    let mut wide = vec![0.0; picture.width * picture.channels];
    let mut narrow = vec![0.0; across.resampler.len() * picture.channels];
    for y in 0..down.resampler.len() {
        down.resampler.mix_rows(y, &picture.bytes, &mut wide);
        across.resampler.mix_pixels(&wide, picture.channels, &mut narrow);
        let start = (down.offset + y) * width + across.offset;
        for c in 0..channels {
            let plane = &mut planes.values[c * height * width + start..][..across.resampler.len()];
            for (value, pixel) in plane.iter_mut().zip(narrow.chunks_exact(picture.channels)) {
                *value = on_grid(channel(pixel, c, channels));
            }
        }
    }
    Ok(planes)
}

fn check(picture: &Picture, channels: usize, height: usize, width: usize) -> Result<()> {
    if !matches!(channels, 1 | 3) || height == 0 || width == 0 {
        return Err(Error::Argument(format!(
            "cannot fit a picture to {channels}×{height}×{width}; expected 1 or 3 channels and sides of at least 1"
        )));
    }
    let expected = picture.width.checked_mul(picture.height).and_then(|n| n.checked_mul(picture.channels));
    if !matches!(picture.channels, 1 | 3) || expected != Some(picture.bytes.len()) || picture.bytes.is_empty() {
        return Err(Error::Argument(format!("{picture:?} of {} bytes is no picture", picture.bytes.len())));
    }
    Ok(())
}

/// Channel `c` of `channels` of a pixel in grey levels: luma by ITU-R BT.601 for colour shown in grey.
fn channel(pixel: &[f32], c: usize, channels: usize) -> f32 {
    match (pixel, channels) {
        (&[r, g, b], 1) => 0.299 * r + 0.587 * g + 0.114 * b,
        (&[grey], _) => grey,
        _ => pixel[c],
    }
}

/// Grey levels to [0, 1], rounded to whole levels: what an 8-bit file of the fitted picture would hold.
fn on_grid(level: f32) -> f32 {
    level.round().clamp(0.0, 255.0) / 255.0
}

/// One axis of a fit: the resampled line lies at `offset` in the output.
struct Axis {
    resampler: Resampler,
    offset: usize,
}

impl Axis {
    fn whole(from: usize, to: usize) -> Self {
        Self { resampler: Resampler::new(from, 0.0..from as f64, to), offset: 0 }
    }
}

/// The largest part of the picture, in its middle, that has the output's aspect ratio.
fn crop(from: (usize, usize), to: (usize, usize)) -> (Axis, Axis) {
    let scale = f64::max(to.0 as f64 / from.0 as f64, to.1 as f64 / from.1 as f64);
    let axis = |from: usize, to: usize| {
        let shown = (to as f64 / scale).min(from as f64);
        let start = (from as f64 - shown) / 2.0;
        Axis { resampler: Resampler::new(from, start..start + shown, to), offset: 0 }
    };
    (axis(from.0, to.0), axis(from.1, to.1))
}

/// The whole picture, as large as it goes, in the middle of the output.
fn letterbox(from: (usize, usize), to: (usize, usize)) -> (Axis, Axis) {
    let scale = f64::min(to.0 as f64 / from.0 as f64, to.1 as f64 / from.1 as f64);
    let axis = |from: usize, to: usize| {
        let size = ((from as f64 * scale).round() as usize).clamp(1, to);
        Axis { offset: (to - size) / 2, ..Axis::whole(from, size) }
    };
    (axis(from.0, to.0), axis(from.1, to.1))
}

/// Antialiased bilinear resampling of one axis, as an explicit sparse matrix: output `i` is the sum of
/// `weights(i)[k] · input[first(i) + k]`.
///
/// The filter is a triangle, stretched by the scale when shrinking, on half-pixel centres, and every row of the matrix
/// sums to 1 (PIL's `precompute_coeffs` with `BILINEAR`).
#[derive(Clone, Debug, PartialEq)]
pub struct Resampler {
    taps: Vec<Taps>,
}

#[derive(Clone, Debug, PartialEq)]
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Resampler {
    /// From the stretch `shown` of an axis of `from` pixels (in pixels; within 0 to `from`, not empty) to `to` pixels.
    pub fn new(from: usize, shown: Range<f64>, to: usize) -> Self {
        let scale = (shown.end - shown.start) / to as f64;
        let stretch = scale.max(1.0);
        let taps = (0..to).map(|i| {
            let centre = shown.start + (i as f64 + 0.5) * scale;
            let first = ((centre - stretch + 0.5).max(0.0) as usize).min(from.saturating_sub(1));
            let end = ((centre + stretch + 0.5).max(0.0) as usize).clamp(first + 1, from.max(first + 1));
            let triangle = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / stretch).abs()).max(0.0);
            let total: f64 = (first..end).map(triangle).sum();
            Taps { first, weights: (first..end).map(|j| (triangle(j) / total) as f32).collect() }
        });
        Self { taps: taps.collect() }
    }

    /// The number of outputs.
    pub fn len(&self) -> usize {
        self.taps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.taps.is_empty()
    }

    /// The first input that output `i` draws on.
    pub fn first(&self, i: usize) -> usize {
        self.taps[i].first
    }

    /// The weights of the inputs from [`Self::first`] on; they sum to 1.
    pub fn weights(&self, i: usize) -> &[f32] {
        &self.taps[i].weights
    }

    /// Output row `i` of rows of bytes as long as `out`. Rows are mixed before pixels are: that reads every byte in
    /// order, and of the picture only one row is ever held as `f32`.
    fn mix_rows(&self, i: usize, bytes: &[u8], out: &mut [f32]) {
        out.fill(0.0);
        let rows = bytes.chunks_exact(out.len()).skip(self.first(i));
        for (row, &weight) in rows.zip(self.weights(i)) {
            for (sum, &byte) in out.iter_mut().zip(row) {
                *sum += weight * f32::from(byte);
            }
        }
    }

    /// All outputs of one row of interleaved pixels.
    fn mix_pixels(&self, row: &[f32], channels: usize, out: &mut [f32]) {
        out.fill(0.0);
        for (sums, taps) in out.chunks_exact_mut(channels).zip(&self.taps) {
            for (pixel, &weight) in row.chunks_exact(channels).skip(taps.first).zip(&taps.weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * value;
                }
            }
        }
    }
}
