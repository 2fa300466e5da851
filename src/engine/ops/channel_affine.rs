//! Frozen batch normalisation and input normalisation: a scale and a shift per channel.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{operand, shaped, with_values};

/// `y[n, c, …] = scale[c] · x[n, c, …] + shift[c]`, with constants that no gradient is asked for.
///
/// # Errors
/// When `x` has fewer than two dimensions or its second one is not the length of `scale` and `shift`.
pub fn channel_affine(x: &Tensor, scale: Vec<f32>, shift: Vec<f32>) -> Result<Tensor> {
    if x.rank() < 2 || x.dims()[1] != scale.len() || scale.len() != shift.len() {
        bail!("channel_affine: {} scales and {} shifts for the shape {:?}", scale.len(), shift.len(), x.shape());
    }
    x.contiguous()?.apply_op1(ChannelAffine { scale, shift })
}

struct ChannelAffine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl ChannelAffine {
    fn apply(&self, x: &[f32], dims: &[usize], shift: bool) -> Vec<f32> {
        let plane = dims[2..].iter().product::<usize>().max(1);
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(plane).zip(x.par_chunks(plane)).enumerate().for_each(|(i, (y, x))| {
            let c = i % self.scale.len();
            let (scale, shift) = (self.scale[c], if shift { self.shift[c] } else { 0.0 });
            for (y, &x) in y.iter_mut().zip(x) {
                *y = x * scale + shift;
            }
        });
        y
    }
}

impl CustomOp1 for ChannelAffine {
    fn name(&self) -> &'static str {
        "channel_affine"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = self.apply(operand(storage, layout)?, layout.dims(), true);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_values(grad, |grad| Ok(self.apply(grad, x.dims(), false)))?;
        Ok(Some(shaped(dx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ops::testing::{check_gradient, random};

    #[test]
    fn scales_each_channel() {
        let x = Tensor::new(&[[[[1.0f32, 2.0]], [[3.0, 4.0]]]], &candle_core::Device::Cpu).unwrap();
        let y = channel_affine(&x, vec![2.0, 10.0], vec![0.5, -1.0]).unwrap();
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.5, 4.5, 29.0, 39.0]);
        assert!(channel_affine(&x, vec![1.0], vec![0.0]).is_err());
    }

    #[test]
    fn gradient_matches_finite_differences() {
        check_gradient(&random(&[2, 3, 2, 2], 3), |x| channel_affine(x, vec![2.0, -1.0, 0.0], vec![0.5, 1.0, 2.0]));
    }
}
