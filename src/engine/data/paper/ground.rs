//! The ground of a picture, and how much darker than it the ink is.

use crate::picture::Planes;

/// A stroke is at most this share of the shorter side wide; what is wider belongs to the ground, such as a shadow.
const WIDEST_STROKE: f32 = 0.25;
/// Pictures with a longer side than this are smoothed, so that the grain of paper and camera counts less.
const SMOOTHED_FROM: usize = 100;
/// A ground that is darker than this share of white counts as that bright: in it, noise would look like ink.
const DARKEST_GROUND: f32 = 0.2;
/// One pixel of so many is enough to tell how dark the ink is, and four at least.
const DARKEST_SHARE: f32 = 1e-4;

/// This is how much darker than the ground around it each pixel is, as a share of the ground's brightness. Light that
/// falls unevenly on the paper is gone, since it multiplies both.
pub(super) struct Ink {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
    /// The paper's grain is this dark: the median, which belongs to the ground.
    pub grain: f32,
    /// The ink is this dark.
    pub darkest: f32,
}

impl Ink {
    /// Measures the ink of a grey plane in [0, 1]. The ground is the morphological closing of the picture (Serra,
    /// "Image Analysis and Mathematical Morphology", 1982): it is what is left when dark strokes are filled.
    pub(super) fn of(grey: &Planes) -> Self {
        let (width, height) = (grey.width, grey.height);
        let smooth =
            if width.max(height) > SMOOTHED_FROM { smoothed(&grey.values, width) } else { grey.values.clone() };
        let ground = closed(&smooth, width, reach(width, height));
        let share = |(ground, grey): (&f32, &f32)| (ground - grey) / ground.max(DARKEST_GROUND);
        let values: Vec<f32> = ground.iter().zip(&smooth).map(share).collect();
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let count = ((DARKEST_SHARE * sorted.len() as f32) as usize).max(4).min(sorted.len());
        let (grain, darkest) = (sorted[sorted.len() / 2], sorted[sorted.len() - count]);
        Self { width, height, values, grain, darkest }
    }

    /// Returns the darkness at this share of the way from the paper to the ink.
    pub(super) fn level(&self, share: f32) -> f32 {
        self.grain + share * (self.darkest - self.grain)
    }
}

/// Returns whether the ground of a grey plane is lighter than what is on it: near strong edges most pixels belong to
/// the ground, since strokes are narrow, and lie closer to the lightest than to the darkest value there.
pub(super) fn is_light(grey: &Planes) -> bool {
    let reach = reach(grey.width, grey.height);
    let light = spread(&grey.values, grey.width, reach, f32::max);
    let dark = spread(&grey.values, grey.width, reach, f32::min);
    let strongest = light.iter().zip(&dark).map(|(light, dark)| light - dark).fold(0.0, f32::max);
    let (mut above, mut all) = (0.0, 0.0);
    for ((grey, light), dark) in grey.values.iter().zip(&light).zip(&dark) {
        if light - dark > 0.5 * strongest {
            above += f64::from(grey - dark);
            all += f64::from(light - dark);
        }
    }
    above > 0.5 * all
}

fn reach(width: usize, height: usize) -> usize {
    ((0.5 * WIDEST_STROKE * width.min(height) as f32) as usize).max(1)
}

/// Fills dark places that a square of `2·reach + 1` pixels does not fit into. The picture goes on beyond its edges as
/// it is there, or dark corners would count as filled.
fn closed(values: &[f32], width: usize, reach: usize) -> Vec<f32> {
    let height = values.len() / width;
    let wide = width + 2 * reach;
    let row = |y: usize| {
        let row = &values[y.saturating_sub(reach).min(height - 1) * width..][..width];
        let (first, last) = (row[0], row[width - 1]);
        std::iter::repeat_n(first, reach).chain(row.iter().copied()).chain(std::iter::repeat_n(last, reach))
    };
    let padded: Vec<f32> = (0..height + 2 * reach).flat_map(row).collect();
    let filled = spread(&spread(&padded, wide, reach, f32::max), wide, reach, f32::min);
    (0..height).flat_map(|y| filled[(y + reach) * wide + reach..][..width].iter().copied()).collect()
}

/// Returns the largest or the smallest value in the square around each pixel that reaches so far to every side.
fn spread(values: &[f32], width: usize, reach: usize, pick: fn(f32, f32) -> f32) -> Vec<f32> {
    let across = spread_rows(values, width, reach, pick);
    let height = values.len() / width;
    transposed(&spread_rows(&transposed(&across, width), height, reach, pick), height)
}

/// Does so along each row, in three comparisons a pixel whatever the reach (van Herk, "A fast algorithm for local
/// minimum and maximum filters", 1992).
fn spread_rows(values: &[f32], width: usize, reach: usize, pick: fn(f32, f32) -> f32) -> Vec<f32> {
    let window = 2 * reach + 1;
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(width) {
        let at = |i: usize| row[i.saturating_sub(reach).min(width - 1)];
        let mut from_left: Vec<f32> = (0..width + 2 * reach).map(at).collect();
        let mut from_right = from_left.clone();
        for i in (1..from_left.len()).filter(|i| i % window != 0) {
            from_left[i] = pick(from_left[i], from_left[i - 1]);
        }
        for i in (0..from_right.len() - 1).rev().filter(|i| (i + 1) % window != 0) {
            from_right[i] = pick(from_right[i], from_right[i + 1]);
        }
        out.extend((0..width).map(|i| pick(from_right[i], from_left[i + window - 1])));
    }
    out
}

pub(super) fn transposed<T: Copy>(values: &[T], width: usize) -> Vec<T> {
    (0..width).flat_map(|x| values[x..].iter().step_by(width).copied()).collect()
}

/// Returns the mean of each pixel and its eight neighbours.
fn smoothed(values: &[f32], width: usize) -> Vec<f32> {
    let rows = |values: &[f32], width: usize| -> Vec<f32> {
        let mean = |row: &[f32]| -> Vec<f32> {
            let at = |i: usize| row[i.min(width - 1)];
            (0..width).map(|i| (at(i.saturating_sub(1)) + at(i) + at(i + 1)) / 3.0).collect()
        };
        values.chunks_exact(width).flat_map(mean).collect()
    };
    let height = values.len() / width;
    transposed(&rows(&transposed(&rows(values, width), width), height), height)
}
