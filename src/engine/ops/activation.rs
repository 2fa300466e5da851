//! ReLU and ReLU6 with the subgradient 0 at their kinks, as PyTorch has it.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{operand, shaped, with_values};

/// `max(x, 0)`; the gradient at 0 is 0.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Clamp { upper: f32::INFINITY })
}

/// `min(max(x, 0), 6)`; the gradient at 0 and at 6 is 0.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Clamp { upper: 6.0 })
}

struct Clamp {
    upper: f32,
}

/// Values per parallel task: small tensors stay on one thread.
const CHUNK: usize = 1 << 15;

impl CustomOp1 for Clamp {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = operand(storage, layout)?;
        let mut y = vec![0.0; x.len()];
        y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| {
            for (y, &x) in y.iter_mut().zip(x) {
                // Not clamp or max: NaN must stay NaN.
                *y = if x < 0.0 {
                    0.0
                } else if x > self.upper {
                    self.upper
                } else {
                    x
                };
            }
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_values(y, |y| {
            with_values(grad, |grad| {
                let mut dx = vec![0.0; y.len()];
                dx.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).zip(grad.par_chunks(CHUNK)).for_each(
                    |((dx, y), grad)| {
                        for ((dx, &y), &grad) in dx.iter_mut().zip(y).zip(grad) {
                            *dx = if y > 0.0 && y < self.upper { grad } else { 0.0 };
                        }
                    },
                );
                Ok(dx)
            })
        })?;
        Ok(Some(shaped(dx, y)?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::engine::ops::testing::{check_gradient, random};

    #[test]
    fn kinks_have_no_gradient() {
        // torch.nn.functional.relu6 and its autograd at [-1, 0, 2, 6, 7]: [0, 0, 2, 6, 6] and [0, 0, 1, 0, 0].
        let x = Var::from_slice(&[-1.0f32, 0.0, 2.0, 6.0, 7.0], 5, &Device::Cpu).unwrap();
        let y = relu6(&x).unwrap();
        assert_eq!(y.to_vec1::<f32>().unwrap(), [0.0, 0.0, 2.0, 6.0, 6.0]);
        let dx = y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
        assert_eq!(dx.to_vec1::<f32>().unwrap(), [0.0, 0.0, 1.0, 0.0, 0.0]);
        let dx = relu(&x).unwrap().sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
        assert_eq!(dx.to_vec1::<f32>().unwrap(), [0.0, 0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn nan_is_not_hidden() {
        let x = Tensor::from_slice(&[f32::NAN], 1, &Device::Cpu).unwrap();
        assert!(relu(&x).unwrap().to_vec1::<f32>().unwrap()[0].is_nan());
    }

    #[test]
    fn gradients_match_finite_differences() {
        check_gradient(&random(&[3, 4, 5], 1), relu);
        check_gradient(&random(&[3, 4, 5], 2), |x| relu6(&(x * 8.0)?));
    }
}
