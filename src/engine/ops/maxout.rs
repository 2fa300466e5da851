//! Maxout (Goodfellow et al., Maxout Networks, 2013, equation 1): the largest of a unit's linear pieces.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::operand;

/// The maximum over groups of `pieces` neighbouring values: (n, units · pieces) to (n, units). Of several equal pieces
/// the first takes the whole gradient.
pub fn maxout(x: &Tensor, pieces: usize) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Maxout { pieces, winners: OnceLock::new() })
}

struct Maxout {
    pieces: usize,
    /// The place of each maximum in the input, kept by the forward pass.
    winners: OnceLock<Vec<u32>>,
}

impl CustomOp1 for Maxout {
    fn name(&self) -> &'static str {
        "maxout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (batch, features) = layout.shape().dims2()?;
        if self.pieces == 0 || features % self.pieces != 0 {
            bail!("maxout: {features} features do not divide into units of {} pieces", self.pieces);
        }
        let x = operand(storage, layout)?;
        let (mut y, mut winners) = (Vec::with_capacity(x.len() / self.pieces), Vec::new());
        for (unit, group) in x.chunks_exact(self.pieces).enumerate() {
            let mut best = 0;
            for (piece, &value) in group.iter().enumerate() {
                if value > group[best] || value.is_nan() {
                    best = piece;
                }
            }
            y.push(group[best]);
            winners.push((unit * self.pieces + best) as u32);
        }
        let _ = self.winners.set(winners);
        Ok((CpuStorage::F32(y), (batch, features / self.pieces).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        super::pool::scatter(x, grad, self.winners.get())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::engine::ops::testing::{check_gradient, random};

    #[test]
    fn the_first_of_equal_pieces_takes_the_gradient() {
        // torch.tensor([[1., 3., 3.], [-2., -2., -5.]]).view(1, 2, 3).max(-1): values [3, -2], indices [1, 0].
        let x = Var::new(&[[1.0f32, 3.0, 3.0, -2.0, -2.0, -5.0]], &Device::Cpu).unwrap();
        let y = maxout(&x, 3).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[3.0, -2.0]]);
        let dx = y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
        assert_eq!(dx.to_vec2::<f32>().unwrap(), [[0.0, 1.0, 0.0, 1.0, 0.0, 0.0]]);
        assert!(maxout(&x, 4).is_err());
    }

    #[test]
    fn gradient_matches_finite_differences() {
        check_gradient(&random(&[3, 20], 4), |x| maxout(x, 5));
    }
}
