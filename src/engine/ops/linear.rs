//! The fully connected layer.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::matrix::{View, multiply_parallel};
use super::{operand, shaped, with_values};

/// `y = x·Wᵀ + b` for x (n, in), W (out, in) and b (out).
///
/// # Errors
/// When the shapes do not fit.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (batch, inputs) = x.dims2()?;
    let (outputs, expected) = weight.dims2()?;
    if inputs != expected || bias.dims() != [outputs] {
        bail!("linear: {:?} with weights {:?} and bias {:?}", x.shape(), weight.shape(), bias.shape());
    }
    let op = LinearOp { batch, inputs, outputs };
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

struct LinearOp {
    batch: usize,
    inputs: usize,
    outputs: usize,
}

impl LinearOp {
    fn x(&self) -> View {
        View::row_major(self.batch, self.inputs)
    }

    fn weight(&self) -> View {
        View::row_major(self.outputs, self.inputs)
    }

    fn y(&self) -> View {
        View::row_major(self.batch, self.outputs)
    }
}

impl CustomOp3 for LinearOp {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight, bias) = (operand(x, x_layout)?, operand(weight, weight_layout)?, operand(bias, bias_layout)?);
        let mut y = vec![0.0; self.batch * self.outputs];
        multiply_parallel(&mut y, (x, self.x()), (weight, self.weight().transposed()));
        for row in y.chunks_exact_mut(self.outputs) {
            row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
        Ok((CpuStorage::F32(y), (self.batch, self.outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        // Only what somebody asked for: an attack wants no gradient of the weights, a training step none of the picture.
        let product = |wanted: &Tensor, lhs: (&[f32], View), rhs: (&[f32], View)| {
            let multiply = || {
                let mut out = vec![0.0; wanted.elem_count()];
                multiply_parallel(&mut out, lhs, rhs);
                shaped(out, wanted)
            };
            wanted.track_op().then(multiply).transpose()
        };
        with_values(grad, |grad| {
            let dx = with_values(weight, |w| product(x, (grad, self.y()), (w, self.weight())))?;
            let dw = with_values(x, |x| product(weight, (grad, self.y().transposed()), (x, self.x())))?;
            let sum = || {
                let mut db = vec![0.0; self.outputs];
                for row in grad.chunks_exact(self.outputs) {
                    db.iter_mut().zip(row).for_each(|(db, g)| *db += g);
                }
                shaped(db, bias)
            };
            Ok((dx, dw, bias.track_op().then(sum).transpose()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ops::testing::{check_gradient, random};

    #[test]
    fn agrees_with_candles_own_product() {
        // 200 outputs: several blocks of columns, the last one shorter.
        let (x, w, b) = (random(&[7, 33], 1), random(&[200, 33], 2), random(&[200], 3));
        let y = linear(&x, &w, &b).unwrap();
        let expected = x.matmul(&w.t().unwrap()).unwrap().broadcast_add(&b).unwrap();
        let difference = (y - expected).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(difference < 1e-5, "{difference}");
    }

    #[test]
    fn gradients_match_finite_differences() {
        let (x, w, b) = (random(&[3, 6], 4), random(&[5, 6], 5), random(&[5], 6));
        check_gradient(&x, |x| linear(x, &w, &b));
        check_gradient(&w, |w| linear(&x, w, &b));
        check_gradient(&b, |b| linear(&x, &w, b));
        assert!(linear(&x, &random(&[5, 7], 7), &b).is_err());
    }
}
