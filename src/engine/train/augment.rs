//! Training pictures are varied at random.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::model::Input;

/// The training pictures are varied like this, afresh in every epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Tells whether half of them are mirrored.
    pub flip: bool,
    /// The most that they are shifted each way, in pixels, with black beyond the edge.
    pub shift: usize,
    /// The least share of the area that a random zoom shows, at most 1: a part of the picture's own proportions
    /// (Szegedy et al., Going Deeper with Convolutions, 2015, section 6, there with other proportions too).
    pub zoom: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self { flip: false, shift: 0, zoom: 1.0 }
    }
}

impl Augment {
    /// Varies pictures (n, channels, height, width) in place.
    pub fn apply(self, pixels: &mut [f32], input: &Input, rng: &mut ChaCha8Rng) {
        if self == Self::default() {
            return;
        }
        let (height, width) = (input.height, input.width);
        let mut plane = vec![0.0; height * width];
        for picture in pixels.chunks_exact_mut(input.channels * height * width) {
            let flip = self.flip && rng.random();
            let reach = self.shift as i32;
            let [down, right] = [0, 0].map(|_: i32| rng.random_range(-reach..=reach) as isize);
            let part = (self.zoom < 1.0).then(|| Zoom::random(self.zoom, rng));
            for values in picture.chunks_exact_mut(height * width) {
                match part {
                    Some(part) => part.enlarge(values, &mut plane, width),
                    None => plane.copy_from_slice(values),
                }
                for (y, row) in values.chunks_exact_mut(width).enumerate() {
                    for (x, value) in row.iter_mut().enumerate() {
                        let x = if flip { width - 1 - x } else { x };
                        let from = (y.checked_add_signed(-down), x.checked_add_signed(-right));
                        *value = match from {
                            (Some(y), Some(x)) if y < height && x < width => plane[y * width + x],
                            _ => 0.0,
                        };
                    }
                }
            }
        }
    }
}

/// This is a part of a picture: where it begins and how long it is, as shares of each side.
#[derive(Clone, Copy)]
struct Zoom {
    top: f32,
    left: f32,
    side: f32,
}

impl Zoom {
    fn random(least_area: f32, rng: &mut ChaCha8Rng) -> Self {
        let side = rng.random_range(least_area..=1.0).sqrt();
        let [top, left] = [0, 0].map(|_: i32| rng.random_range(0.0..=1.0 - side));
        Self { top, left, side }
    }

    /// Fills `to` with this part of a plane, bilinearly between the centres of its pixels.
    fn enlarge(self, from: &[f32], to: &mut [f32], width: usize) {
        let height = from.len() / width;
        let columns: Vec<_> = (0..width).map(|x| neighbours(self.left, self.side, x, width)).collect();
        for (y, row) in to.chunks_exact_mut(width).enumerate() {
            let (above, below, down) = neighbours(self.top, self.side, y, height);
            let (above, below) = (&from[above * width..][..width], &from[below * width..][..width]);
            for (value, &(left, right, across)) in row.iter_mut().zip(&columns) {
                let mix = |line: &[f32]| line[left] + (line[right] - line[left]) * across;
                *value = mix(above) + (mix(below) - mix(above)) * down;
            }
        }
    }
}

/// Returns the two pixels of a line that pixel `at` of a part lies between, and how far it is from the first one.
fn neighbours(start: f32, side: f32, at: usize, length: usize) -> (usize, usize, f32) {
    let place = (start * length as f32 + (at as f32 + 0.5) * side - 0.5).clamp(0.0, (length - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(length - 1), place - first as f32)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::picture::Fit;

    #[test]
    fn pictures_are_moved_whole_and_channels_together() {
        let input = Input { channels: 3, height: 9, width: 7, mean: vec![0.0; 3], std: vec![1.0; 3], fit: Fit::Squash };
        let mut seen = std::collections::BTreeSet::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..400 {
            // One bright pixel in the middle, of another value in each channel.
            let mut pixels = vec![0.0; 3 * 63];
            (0..3).for_each(|channel| pixels[channel * 63 + 4 * 7 + 2] = 1.0 + channel as f32);
            Augment { flip: true, shift: 1, ..Augment::default() }.apply(&mut pixels, &input, &mut rng);
            let places: Vec<usize> =
                (0..3).map(|c| pixels[c * 63..][..63].iter().position(|&v| v > 0.0).unwrap()).collect();
            assert!(places.iter().all(|&place| place == places[0]), "{places:?}");
            assert_eq!(pixels.iter().filter(|&&v| v > 0.0).count(), 3);
            seen.insert((places[0] / 7, places[0] % 7));
        }
        // Rows 3 to 5; columns 1 to 3, and mirrored 3 to 5.
        assert_eq!(seen, (3..=5).flat_map(|y| (1..=5).map(move |x| (y, x))).collect());
        let mut same = vec![0.5; 63 * 3];
        Augment::default().apply(&mut same, &input, &mut rng);
        assert_eq!(same, vec![0.5; 63 * 3]);
    }

    #[test]
    fn zooming_in_enlarges_a_part_of_the_same_proportions() {
        // A plane that rises evenly to the right and downwards stays one under bilinear sampling, but rises slower.
        let input =
            Input { channels: 2, height: 32, width: 48, mean: vec![0.0; 2], std: vec![1.0; 2], fit: Fit::Squash };
        let ramp = |y: usize, x: usize| 0.01 * x as f32 + 0.003 * y as f32;
        let plain: Vec<f32> = (0..2 * 32 * 48).map(|i| ramp(i % (32 * 48) / 48, i % 48)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut sides = Vec::new();
        for _ in 0..200 {
            let mut pixels = plain.clone();
            Augment { zoom: 0.25, ..Augment::default() }.apply(&mut pixels, &input, &mut rng);
            let across = (pixels[10 * 48 + 40] - pixels[10 * 48 + 8]) / 0.32;
            let down = (pixels[28 * 48 + 20] - pixels[4 * 48 + 20]) / 0.072;
            assert!((across - down).abs() < 1e-4, "{across} {down}");
            assert_eq!(pixels[..32 * 48], pixels[32 * 48..]);
            assert!(pixels.iter().all(|&value| (0.0..=ramp(31, 47)).contains(&value)));
            sides.push(across);
        }
        sides.sort_by(f32::total_cmp);
        // The area is even between a quarter and the whole, so that half of the sides are below √(5/8).
        assert!(sides[0] >= 0.4999 && sides[199] <= 1.0001, "{sides:?}");
        assert!((sides[100] - 0.625_f32.sqrt()).abs() < 0.04, "{}", sides[100]);
    }
}
