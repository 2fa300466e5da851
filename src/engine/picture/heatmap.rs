//! Perturbations and gradients as pictures: a signed diverging map centred on 0.

use std::sync::LazyLock;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Planes;
use super::colour;

/// What the middle pane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantity {
    /// δ, signed.
    Perturbation,
    /// |δ|.
    Magnitude,
    /// ∇ₓJ, signed.
    Gradient,
}

/// Which colour plane a heatmap shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// The plane with the largest magnitude at each pixel, sign kept.
    Strongest,
    /// This plane; as `Strongest` where there are fewer.
    One(usize),
}

/// How to draw the perturbation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heatmap {
    pub quantity: Quantity,
    pub channel: Channel,
    /// 1 puts the largest magnitude at full colour; 4 makes a quarter of it full colour. Above 0; anything else is
    /// taken as 1.
    pub gain: f32,
}

impl Default for Heatmap {
    /// Shows the perturbation itself, by its strongest channel and not amplified.
    fn default() -> Self {
        Self { quantity: Quantity::Perturbation, channel: Channel::Strongest, gain: 1.0 }
    }
}

impl Heatmap {
    /// Draws the chosen quantity; also returns the value at full colour (the legend runs from its negative, or from 0
    /// for magnitudes, to it), which is 0 when there is nothing to see.
    ///
    /// Exactly 0 is white, values beyond full colour stay at it, and NaN is green, which the maps do not contain.
    pub fn draw(&self, perturbation: &Planes, gradient: &Planes) -> (Rgba, f32) {
        let planes = if self.quantity == Quantity::Gradient { gradient } else { perturbation };
        let values = self.shown(planes);
        let largest = values.iter().filter(|v| v.is_finite()).fold(0.0f32, |most, v| most.max(v.abs()));
        let gain = if self.gain.is_finite() && self.gain > 0.0 { self.gain } else { 1.0 };
        let map: &Shades = match self.quantity {
            Quantity::Magnitude => &SEQUENTIAL,
            Quantity::Perturbation | Quantity::Gradient => &DIVERGING,
        };
        let colour = |i: usize| {
            let value = values[i];
            // Divided first: the gain must not push a tiny limit to 0.
            map.colour(if value == 0.0 { 0.0 } else { value / largest * gain })
        };
        (Rgba::from_pixels(planes.width, planes.height, colour), largest / gain)
    }

    /// One value per pixel.
    fn shown(&self, planes: &Planes) -> Vec<f32> {
        let size = planes.height * planes.width;
        let mut shown = match self.channel {
            Channel::One(c) if c < planes.channels => planes.values[c * size..(c + 1) * size].to_vec(),
            Channel::One(_) | Channel::Strongest => {
                let mut shown = vec![0.0; size];
                shown.par_iter_mut().with_min_len(LINE).enumerate().for_each(|(i, v)| *v = strongest(planes, i));
                shown
            }
        };
        if self.quantity == Quantity::Magnitude {
            shown.iter_mut().for_each(|v| *v = v.abs());
        }
        shown
    }
}

/// The value of largest magnitude among the planes at pixel `i`; of equal ones the first, and NaN before any number.
fn strongest(planes: &Planes, i: usize) -> f32 {
    let values = planes.values.iter().skip(i).step_by(planes.height * planes.width);
    values.copied().fold(0.0, |most: f32, v| if v.is_nan() || v.abs() > most.abs() { v } else { most })
}

/// A picture ready for a texture: `4 · width · height` bytes, opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgba {
    pub width: usize,
    pub height: usize,
    pub bytes: Vec<u8>,
}

impl Rgba {
    /// Makes a picture of pixels in [0, 1], rounded to 8 bits: grey for one channel, the first three as RGB for more.
    pub fn from_planes(planes: &Planes) -> Self {
        let size = planes.height * planes.width;
        let level = |c: usize, i: usize| level(planes.values[c * size + i]);
        let colour = |i: usize| if planes.channels < 3 { [level(0, i); 3] } else { [0, 1, 2].map(|c| level(c, i)) };
        Self::from_pixels(planes.width, planes.height, colour)
    }

    fn from_pixels(width: usize, height: usize, colour: impl Fn(usize) -> [u8; 3] + Sync) -> Self {
        let mut bytes = vec![255; 4 * width * height];
        bytes.par_chunks_exact_mut(4).with_min_len(LINE).enumerate().for_each(|(i, pixel)| {
            pixel[..3].copy_from_slice(&colour(i));
        });
        Self { width, height, bytes }
    }
}

/// The number of pixels that are worth another thread.
const LINE: usize = 16_384;

/// A value in [0, 1] as one of 256 levels, the nearest.
pub(super) fn level(value: f32) -> u8 {
    // The cast cuts off, and takes values beyond the range to its ends.
    (value * 255.0 + 0.5) as u8
}

/// The colours of a map, worked out once: `STEPS` on either side of 0, far closer together than 8 bits can show.
struct Shades(Vec<[u8; 3]>);

const STEPS: usize = 4096;

static DIVERGING: LazyLock<Shades> = LazyLock::new(|| Shades::new(diverging));
static SEQUENTIAL: LazyLock<Shades> = LazyLock::new(|| Shades::new(sequential));

impl Shades {
    fn new(map: fn(f32) -> [u8; 3]) -> Self {
        let steps = STEPS as f32;
        Self((0..=2 * STEPS).map(|i| map((i as f32 - steps) / steps)).collect())
    }

    fn colour(&self, t: f32) -> [u8; 3] {
        if t.is_nan() {
            return NAN;
        }
        let steps = STEPS as f32;
        self.0[(t.clamp(-1.0, 1.0) * steps + steps + 0.5) as usize]
    }
}

/// The colour of NaN: a green that neither map contains.
const NAN: [u8; 3] = [0, 176, 0];

/// The colour of `t` in [−1, 1]: blue below 0, white at 0, red above. Values outside are taken as the nearest end, NaN
/// is green.
///
/// Equal steps of `t` look equally large: lightness falls and chroma grows linearly in OKLab, at the same rate on both
/// sides.
pub fn diverging(t: f32) -> [u8; 3] {
    const BLUE: f32 = 262.0;
    const RED: f32 = 27.0;
    if t.is_nan() {
        return NAN;
    }
    let strength = t.abs().min(1.0);
    colour::oklch_to_srgb(1.0 - 0.55 * strength, 0.17 * strength, if t < 0.0 { BLUE } else { RED })
}

/// The colour of a magnitude `t` in [0, 1]: white at 0, through violet, to nearly black at 1; otherwise as
/// [`diverging`].
pub fn sequential(t: f32) -> [u8; 3] {
    const VIOLET: f32 = 305.0;
    if t.is_nan() {
        return NAN;
    }
    let strength = t.clamp(0.0, 1.0);
    colour::oklch_to_srgb(1.0 - 0.8 * strength, 0.44 * strength * (1.0 - 0.75 * strength), VIOLET)
}
