//! Random variation of training pictures.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::engine::model::Input;

/// How the training pictures are varied, each afresh in every epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augment {
    /// Mirror half of them.
    pub flip: bool,
    /// Shift by up to so many pixels each way, with black beyond the edge.
    pub shift: usize,
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
            for values in picture.chunks_exact_mut(height * width) {
                plane.copy_from_slice(values);
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

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::engine::picture::Fit;

    #[test]
    fn pictures_are_moved_whole_and_channels_together() {
        let input = Input { channels: 3, height: 9, width: 7, mean: vec![0.0; 3], std: vec![1.0; 3], fit: Fit::Squash };
        let mut seen = std::collections::BTreeSet::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..400 {
            // One bright pixel in the middle, of another value in each channel.
            let mut pixels = vec![0.0; 3 * 63];
            (0..3).for_each(|channel| pixels[channel * 63 + 4 * 7 + 2] = 1.0 + channel as f32);
            Augment { flip: true, shift: 1 }.apply(&mut pixels, &input, &mut rng);
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
}
