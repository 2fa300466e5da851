//! Perturbations and gradients become pictures by a signed diverging map centred on 0.

use std::sync::LazyLock;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Planes;
use super::colour;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeatmapQuantity {
    Perturbation,
    Magnitude,
    Gradient,
}

/// A heatmap shows one of these colour planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Channel {
    /// This is the plane with the largest magnitude at each pixel, sign kept.
    Strongest,
    /// This is one plane; as `Strongest` where there are fewer.
    One(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heatmap {
    pub quantity: HeatmapQuantity,
    pub channel: Channel,
    /// With 1 the largest magnitude has full colour, with 4 a quarter of it; anything not above 0 is taken as 1.
    pub gain: f32,
}

impl Default for Heatmap {
    fn default() -> Self {
        Self { quantity: HeatmapQuantity::Perturbation, channel: Channel::Strongest, gain: 1.0 }
    }
}

impl Heatmap {
    /// Draws the chosen quantity; also returns the value at full colour, which is 0 when there is nothing to see.
    pub fn draw(&self, perturbation: &Planes, gradient: &Planes) -> (Rgba, f32) {
        let planes = if self.quantity == HeatmapQuantity::Gradient { gradient } else { perturbation };
        let values = self.shown(planes);
        let largest = values.iter().filter(|v| v.is_finite()).fold(0.0f32, |most, v| most.max(v.abs()));
        let gain = if self.gain.is_finite() && self.gain > 0.0 { self.gain } else { 1.0 };
        let map = match self.quantity {
            HeatmapQuantity::Magnitude => &*SEQUENTIAL,
            HeatmapQuantity::Perturbation | HeatmapQuantity::Gradient => &*DIVERGING,
        };
        let colour = |i: usize| {
            let value = values[i];
            // Divided first: the gain must not push a tiny limit to 0.
            let t = if value == 0.0 { 0.0 } else { value / largest * gain };
            let steps = STEPS as f32;
            if t.is_nan() { NAN } else { map[(t.clamp(-1.0, 1.0) * steps + steps + 0.5) as usize] }
        };
        (Rgba::from_pixels(planes.width, planes.height, colour), largest / gain)
    }

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
        if self.quantity == HeatmapQuantity::Magnitude {
            shown.iter_mut().for_each(|v| *v = v.abs());
        }
        shown
    }
}

/// Returns the value of largest magnitude at pixel `i`; of equal ones the first, and NaN before any number.
fn strongest(planes: &Planes, i: usize) -> f32 {
    let values = planes.values.iter().skip(i).step_by(planes.height * planes.width);
    values.copied().fold(0.0, |most: f32, v| if v.is_nan() || v.abs() > most.abs() { v } else { most })
}

/// This is a picture ready for a texture: `4 · width · height` bytes, opaque.
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

/// So many pixels are worth another thread.
const LINE: usize = 16_384;

pub(super) fn level(value: f32) -> u8 {
    // The cast cuts off, and takes values beyond the range to its ends.
    (value * 255.0 + 0.5) as u8
}

const STEPS: usize = 4096;

static DIVERGING: LazyLock<Vec<[u8; 3]>> = LazyLock::new(|| shades(diverging));
static SEQUENTIAL: LazyLock<Vec<[u8; 3]>> = LazyLock::new(|| shades(sequential));

/// Returns the colours of a map: `STEPS` on either side of 0, far closer together than 8 bits can show.
fn shades(map: fn(f32) -> [u8; 3]) -> Vec<[u8; 3]> {
    (0..=2 * STEPS).map(|i| map((i as f32 - STEPS as f32) / STEPS as f32)).collect()
}

const NAN: [u8; 3] = [0, 176, 0];

/// Returns the colour of `t` in [−1, 1]: blue below 0, white at 0, red above; ends beyond, and green for NaN.
///
/// Equal steps of `t` look equally large: lightness falls and chroma grows linearly in OKLab.
pub fn diverging(t: f32) -> [u8; 3] {
    const BLUE: f32 = 262.0;
    const RED: f32 = 27.0;
    if t.is_nan() {
        return NAN;
    }
    let strength = t.abs().min(1.0);
    colour::oklch_to_srgb(1.0 - 0.55 * strength, 0.17 * strength, if t < 0.0 { BLUE } else { RED })
}

/// Returns the colour of a magnitude `t` in [0, 1]: white at 0, through violet, to nearly black at 1.
pub fn sequential(t: f32) -> [u8; 3] {
    const VIOLET: f32 = 305.0;
    if t.is_nan() {
        return NAN;
    }
    let strength = t.clamp(0.0, 1.0);
    colour::oklch_to_srgb(1.0 - 0.8 * strength, 0.44 * strength * (1.0 - 0.75 * strength), VIOLET)
}
