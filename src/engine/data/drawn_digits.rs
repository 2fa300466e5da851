//! The project draws digits itself, no two alike: strokes, bent and jittered as by a hand, in MNIST's format.

use std::f32::consts::TAU;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::handwriting::{DIGITS, Stroke, Variant};
use super::strokes::{DigitPen, Strokes};
use crate::picture::Picture;

const STEPS: usize = 8;

/// Draws a digit of 28×28, white on black, which depends on the generator alone; `digit` counts modulo 10.
pub fn draw_digit(digit: u8, rng: &mut ChaCha8Rng) -> Picture {
    let variant = pick(DIGITS[usize::from(digit % 10)], rng);
    let wobble = rng.random_range(0.01..0.06);
    let mut line = |stroke: &Stroke| {
        let points: Vec<_> = stroke.points.iter().map(|point| point.map(|v| v + wobble * normal(rng))).collect();
        trace(&points, stroke.rounded)
    };
    let mut strokes = Strokes { lines: variant.strokes.iter().map(&mut line).collect() };
    let (warp, hand) = (warp(rng), Hand::draw(rng));
    for point in strokes.lines.iter_mut().flatten() {
        *point = hand.place(bend(&warp, *point));
    }
    // Thick pens are rarer than thin ones.
    let half_width = 1.2 * (0.27 * normal(rng)).exp();
    strokes.to_digit_with(DigitPen { half_width, edge: rng.random_range(0.8..1.4) })
}

/// Draws about normally with mean 0 and deviation 1, and never beyond ±3.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    (0..3).map(|_| rng.random_range(-1.0f32..1.0)).sum()
}

fn pick<'a>(variants: &'a [Variant], rng: &mut ChaCha8Rng) -> &'a Variant {
    let total: u32 = variants.iter().map(|variant| variant.weight).sum();
    let mut tickets = variants.iter().flat_map(|variant| (0..variant.weight).map(move |_| variant));
    tickets.nth(rng.random_range(0..total) as usize).unwrap_or(&variants[0])
}

/// Returns the line through the points: a Catmull-Rom spline, or straight pieces, cut up so that a warp bends them.
fn trace(points: &[[f32; 2]], rounded: bool) -> Vec<[f32; 2]> {
    let last = points.len() - 1;
    let mut line = vec![points[0]];
    for i in 0..last {
        let (p1, p2) = (points[i], points[i + 1]);
        // The ends are mirrored, so that the curve leaves them straight.
        let p0 = if i > 0 { points[i - 1] } else { [2.0 * p1[0] - p2[0], 2.0 * p1[1] - p2[1]] };
        let p3 = if i + 2 <= last { points[i + 2] } else { [2.0 * p2[0] - p1[0], 2.0 * p2[1] - p1[1]] };
        line.extend((1..=STEPS).map(|step| {
            let t = step as f32 / STEPS as f32;
            [0, 1].map(|axis| {
                let straight = p1[axis] + t * (p2[axis] - p1[axis]);
                if rounded { catmull_rom([p0[axis], p1[axis], p2[axis], p3[axis]], t) } else { straight }
            })
        }));
    }
    line
}

/// Returns a point between `p[1]` (t = 0) and `p[2]` (t = 1), as Catmull and Rom, "A class of local interpolating
/// splines" (1974).
fn catmull_rom(p: [f32; 4], t: f32) -> f32 {
    let slope = p[2] - p[0];
    let square = 2.0 * p[0] - 5.0 * p[1] + 4.0 * p[2] - p[3];
    let cube = -p[0] + 3.0 * p[1] - 3.0 * p[2] + p[3];
    0.5 * (2.0 * p[1] + t * (slope + t * (square + t * cube)))
}

/// A smooth elastic displacement is a few long waves across the unit square.
struct Wave {
    frequency: [f32; 2],
    phase: f32,
    amplitude: [f32; 2],
}

fn warp(rng: &mut ChaCha8Rng) -> [Wave; 3] {
    let strength = rng.random_range(0.0..0.06);
    [0, 1, 2].map(|_| Wave {
        frequency: [rng.random_range(-1.2..1.2), rng.random_range(-1.2..1.2)],
        phase: rng.random_range(0.0..TAU),
        amplitude: [strength * normal(rng), strength * normal(rng)],
    })
}

fn bend(waves: &[Wave], [x, y]: [f32; 2]) -> [f32; 2] {
    waves.iter().fold([x, y], |bent, wave| {
        let swing = (TAU * (wave.frequency[0] * x + wave.frequency[1] * y) + wave.phase).sin();
        [bent[0] + wave.amplitude[0] * swing, bent[1] + wave.amplitude[1] * swing]
    })
}

/// This is how a writer holds the pen; size and place are MNIST's business.
struct Hand {
    aspect: f32,
    slant: f32,
    sin_cos: (f32, f32),
}

impl Hand {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        // Most people slant to the right.
        Self {
            aspect: 0.88 * (0.22 * normal(rng)).exp(),
            slant: 0.12 + 0.25 * normal(rng),
            sin_cos: (0.12 * normal(rng)).sin_cos(),
        }
    }

    fn place(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (sin, cos) = self.sin_cos;
        let (x, y) = ((x - 0.5) * self.aspect, y - 0.5);
        let x = x - self.slant * y;
        [cos * x - sin * y, sin * x + cos * y]
    }
}
