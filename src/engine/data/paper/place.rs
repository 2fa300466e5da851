//! Ink becomes a digit of MNIST.

use super::ground::Ink;
use super::marks::Marks;
use crate::Result;
use crate::data::strokes::{BOX_SIDE, DIGIT_SIDE, HALF_WIDTH, MIDDLE, centre_of_mass};
use crate::picture::{Fit, Lens, Picture, Region};

/// A pixel counts as partly covered from this share of the ink's darkness on, and as covered from the second on.
const COVERED_FROM: f32 = 0.25;
const COVERED_TO: f32 = 0.75;
/// Thinner strokes, in pixels of the digit, are thickened to it.
const THINNEST: f32 = 1.6 * HALF_WIDTH;

/// Returns the digit as MNIST has it: size-normalised to 20×20 pixels with its proportions, anti-aliased, with its
/// centre of mass in the middle of 28×28, white on black (LeCun, Cortes, Burges, "The MNIST database of handwritten
/// digits", http://yann.lecun.com/exdb/mnist/). Strokes of thin pens are thickened to what is usual there.
pub(super) fn as_mnist(ink: &Ink, marks: &Marks) -> Result<Picture> {
    let (low, high) = (ink.level(COVERED_FROM), ink.level(COVERED_TO));
    // The soft edges of the strokes lie outside the mask.
    let near = grown(&marks.mask.iter().map(|&is_ink| f32::from(u8::from(is_ink))).collect::<Vec<_>>(), ink.width, 2.0);
    let covered = ink.values.iter().zip(&near).map(|(dark, near)| near * ((dark - low) / (high - low)).clamp(0.0, 1.0));
    let covered: Vec<f32> = covered.collect();
    let radius = missing_radius(marks.thickness, marks.side());
    // Room for the thicker strokes, and for all of the 28×28 pixels wherever the centre of mass lies.
    let side = marks.side() + 2.0 * radius;
    let scale = side / BOX_SIDE;
    let room = (scale * MIDDLE).ceil() as usize + 1;
    let (padded, width) = padded(&covered, ink.width, room);
    let thick = grown(&padded, width, radius);
    let [x, y] = centre_of_mass(&thick, width).unwrap_or_default();
    let height = thick.len() / width;
    let picture = Picture::new(width, height, 1, thick.iter().map(|ink| (ink * 255.0).round() as u8).collect());
    let start = |middle: f32| f64::from(middle - scale * MIDDLE);
    let side = f64::from(scale) * DIGIT_SIDE as f64;
    let region = Region { left: start(x), top: start(y), width: side, height: side };
    let digit = Lens::new(&picture, [1, DIGIT_SIDE, DIGIT_SIDE], Fit::Squash, Some(region))?.fit(&picture)?;
    Ok(Picture::new(DIGIT_SIDE, DIGIT_SIDE, 1, digit.values.iter().map(|ink| (ink * 255.0).round() as u8).collect()))
}

/// Returns by how much strokes of this thickness grow to every side to be as thick as [`THINNEST`] in a digit of this
/// side.
fn missing_radius(thickness: f32, side: f32) -> f32 {
    // (thickness + 2 r) · BOX_SIDE / (side + 2 r) = THINNEST, solved for r.
    ((THINNEST * side - BOX_SIDE * thickness) / (2.0 * (BOX_SIDE - THINNEST))).max(0.0)
}

/// Returns the largest value within this radius of each pixel.
fn grown(values: &[f32], width: usize, radius: f32) -> Vec<f32> {
    let reach = radius.floor() as isize;
    let height = (values.len() / width) as isize;
    let mut out = values.to_vec();
    for dy in -reach..=reach {
        let dx = (radius * radius - (dy * dy) as f32).sqrt().floor() as usize;
        for y in 0.max(-dy)..height.min(height - dy) {
            let from = &values[(y + dy) as usize * width..][..width];
            let to = &mut out[y as usize * width..][..width];
            for (x, &value) in from.iter().enumerate().filter(|(_, value)| **value > 0.0) {
                to[x.saturating_sub(dx)..=(x + dx).min(width - 1)].iter_mut().for_each(|to| *to = to.max(value));
            }
        }
    }
    out
}

fn padded(values: &[f32], width: usize, room: usize) -> (Vec<f32>, usize) {
    let (wide, height) = (width + 2 * room, values.len() / width);
    let mut out = vec![0.0; wide * (height + 2 * room)];
    for (y, row) in values.chunks_exact(width).enumerate() {
        out[(room + y) * wide + room..][..width].copy_from_slice(row);
    }
    (out, wide)
}
