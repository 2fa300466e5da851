//! Dropout whose masks come from a seeded generator.

use candle_core::{Result, Tensor};
use rand::{Rng, RngCore};

/// Keeps each value with probability `keep` and sets the others to 0; with `rescale` the kept ones are divided by
/// `keep`. (The maxout recipe keeps 0.8 of the pixels *without* rescaling: Goodfellow et al., Maxout Networks, 2013.)
pub fn dropout(x: &Tensor, keep: f32, rescale: bool, rng: &mut dyn RngCore) -> Result<Tensor> {
    let kept = if rescale { 1.0 / keep } else { 1.0 };
    let mask: Vec<f32> = (0..x.elem_count()).map(|_| if rng.random::<f32>() < keep { kept } else { 0.0 }).collect();
    x.mul(&Tensor::from_vec(mask, x.shape(), x.device())?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn keeps_the_share_that_was_asked_for_and_repeats_with_the_seed() {
        let ones = Tensor::ones(100_000, DType::F32, &Device::Cpu).unwrap();
        let draw = |rescale| -> Vec<f32> {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            dropout(&ones, 0.8, rescale, &mut rng).unwrap().to_vec1().unwrap()
        };
        let kept = draw(false).iter().filter(|&&v| v == 1.0).count();
        // The standard deviation of the count is √(n·p·(1−p)) ≈ 126.
        assert!((79_400..80_600).contains(&kept), "{kept}");
        assert!(draw(true).iter().all(|&v| v == 0.0 || v == 1.25));
        assert_eq!(draw(true), draw(true));
    }
}
