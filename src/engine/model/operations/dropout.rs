//! This is dropout, with the masks that it draws.

use candle_core::{Result as TensorResult, Tensor};
use rand::RngCore;
use serde::{Deserialize, Serialize};

use super::{Builder, NodeId, Operator, Shape, StepTarget, TensorPass, one_input, yes};
use crate::Result;
use crate::model::candle_net::Mode;
use crate::model::plan::Op;

/// This keeps each value with probability `keep` in training, and does nothing otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    pub keep: f32,
    /// True when the values that are kept are divided by `keep`.
    #[serde(default = "yes")]
    pub rescale: bool,
}

impl Operator for Dropout {
    fn check(&self) -> Result<(), String> {
        if self.keep > 0.0 && self.keep <= 1.0 {
            return Ok(());
        }
        Err(format!("keep is {}; expected a probability above 0 and at most 1", self.keep))
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one_input(inputs)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let x = builder.planes(inputs[0], 0);
        builder.step(Op::Dropout { keep: self.keep, rescale: self.rescale }, self, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let x = &inputs[0];
        let Mode::Train { rng, .. } = &mut pass.mode else { return Ok(x.clone()) };
        if self.keep >= 1.0 {
            return Ok(x.clone());
        }
        // A seed gives the same mask on every device.
        let mut mask = vec![0.0; x.elem_count()];
        draw_mask(&mut mask, self.keep, self.rescale, *rng);
        x.mul(&Tensor::from_vec(mask, x.shape(), x.device())?)
    }
}

/// Draws a mask: each value is kept with probability `keep` (to the nearest of 65 536 steps), as 1, or as 1/keep where
/// `rescale` says so; otherwise it is 0.
pub fn draw_mask(mask: &mut [f32], keep: f32, rescale: bool, rng: &mut dyn RngCore) {
    let kept = if rescale { 1.0 / keep } else { 1.0 };
    let below = (keep * 65536.0).round() as u32;
    // A generator gives many bytes at once far quicker than one number after the other.
    let mut bytes = [0; 4096];
    for mask in mask.chunks_mut(bytes.len() / 2) {
        let bytes = &mut bytes[..2 * mask.len()];
        rng.fill_bytes(bytes);
        for (mask, pair) in mask.iter_mut().zip(bytes.chunks_exact(2)) {
            *mask = if u32::from(u16::from_le_bytes([pair[0], pair[1]])) < below { kept } else { 0.0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn the_asked_share_is_kept() {
        let mut mask = vec![7.0; 100_001];
        for (keep, rescale, kept) in [(0.8, false, 1.0), (0.5, true, 2.0), (1.0, true, 1.0)] {
            draw_mask(&mut mask, keep, rescale, &mut ChaCha8Rng::seed_from_u64(1));
            assert!(mask.iter().all(|&m| m == 0.0 || m == kept));
            let share = mask.iter().filter(|&&m| m > 0.0).count() as f32 / mask.len() as f32;
            // Four standard deviations.
            assert!((share - keep).abs() <= 4.0 * (keep * (1.0 - keep) / mask.len() as f32).sqrt(), "{share}");
        }
    }
}
