//! Products of computed values, and softmax: the two parts of attention (Vaswani et al., Attention Is All You Need,
//! 2017).

use std::ops::RangeInclusive;

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, axis_of, broadcast, one_input,
};
use crate::Result;
use crate::kernels::{Axis, Isa, Strided, StridedMut, View, matmul, softmax};

/// This multiplies matrices (…, rows, depth) and (…, depth, columns), and the product by a number; what stands before
/// is broadcast.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Matmul {
    #[serde(default = "one")]
    pub scale: f32,
}

impl Default for Matmul {
    fn default() -> Self {
        Self { scale: one() }
    }
}

fn one() -> f32 {
    1.0
}

/// This computes `exp xᵢ / Σ exp xⱼ` along an axis, or its logarithm.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Softmax {
    pub axis: usize,
    #[serde(default, skip_serializing_if = "is_false")]
    pub log: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Softmax {
    /// Returns the kernel, whose values have an axis of pictures in front.
    fn kernel(&self) -> softmax::Softmax {
        softmax::Softmax { axis: self.axis + 1, is_log: self.log }
    }
}

impl Operator for Matmul {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let ([.., rows, depth], [.., other, columns]) = (&inputs[0][..], &inputs[1][..]) else {
            return Err("two matrices".into());
        };
        if depth != other {
            return Err(format!("a matrix of {depth} rows after one of {depth} columns"));
        }
        let batch = [&inputs[0], &inputs[1]].map(|shape| Shape::new(&shape[..shape.len() - 2]));
        let [a, b] = batch;
        let mut axes = broadcast(&[a?, b?])?.to_vec();
        axes.extend([rows, columns]);
        Shape::new(&axes)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        builder.kernel(Box::new(self.clone()), self, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        // candle multiplies matrices behind two axes at most, so all that stand before are one here.
        let rank = inputs[0].rank().max(inputs[1].rank());
        let wide = [0, 1].map(|i| {
            let mut dims = inputs[i].dims().to_vec();
            dims.splice(1..1, std::iter::repeat_n(1, rank - inputs[i].rank()));
            dims
        });
        let batch: Vec<usize> = (0..rank - 2).map(|axis| wide[0][axis].max(wide[1][axis])).collect();
        let count: usize = batch.iter().product();
        let flat = |i: usize| {
            let matrix = &wide[i][rank - 2..];
            let all = inputs[i].reshape(&wide[i][..])?.broadcast_as([&batch[..], matrix].concat())?;
            all.contiguous()?.reshape((count, matrix[0], matrix[1]))
        };
        let product = flat(0)?.matmul(&flat(1)?)?;
        product.reshape([&batch[..], &product.dims()[1..]].concat())?.affine(f64::from(self.scale), 0.0)
    }
}

/// Repeats what stands before the matrices; axes that are missing come behind that of the pictures.
fn repeated(view: &View, batch: &[usize]) -> View {
    let mut axes = view.axes.clone();
    let missing = (batch.len() + 2).saturating_sub(axes.len());
    axes.splice(1..1, std::iter::repeat_n(Axis { len: 1, stride: 0 }, missing));
    let shape: Vec<usize> = batch.iter().copied().chain(axes[axes.len() - 2..].iter().map(|axis| axis.len)).collect();
    View { first: view.first, axes }.broadcast(&shape).unwrap_or_default()
}

/// Swaps rows and columns.
fn turned(view: &View) -> View {
    let rank = view.axes.len();
    let order: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
    view.transposed(&order)
}

impl Kernel for Matmul {
    fn forward(&self, _: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        let shape = y.view.shape();
        let [a, b] = [0, 1].map(|i| repeated(inputs[i].view, &shape[..shape.len() - 2]));
        let [a, b] = [(inputs[0], &a), (inputs[1], &b)].map(|(input, view)| Strided { data: input.data, view });
        matmul::multiply(a, b, self.scale, y, false);
    }

    /// Computes `dA = dC·Bᵀ` or `dB = Aᵀ·dC`.
    fn backward(&self, _: Isa, input: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        let dy = from.dy.view.shape();
        let batch = &dy[..dy.len() - 2];
        let to = repeated(dx.view, batch);
        let other = &from.inputs[1 - input];
        let view = turned(&repeated(other.view, batch));
        let other = Strided { data: other.data, view: &view };
        let dx = StridedMut { data: dx.data, view: &to };
        match input {
            0 => matmul::multiply(from.dy, other, self.scale, dx, add),
            _ => matmul::multiply(other, from.dy, self.scale, dx, add),
        }
    }
}

impl Operator for Softmax {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        axis_of(shape, self.axis)?;
        Ok(shape)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        builder.kernel(Box::new(self.clone()), self, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let softmax = if self.log { candle_nn::ops::log_softmax } else { candle_nn::ops::softmax };
        softmax(&inputs[0], self.axis + 1)
    }
}

impl Kernel for Softmax {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        self.kernel().forward(isa, inputs[0], y);
    }

    fn backward(&self, isa: Isa, _: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        self.kernel().backward(isa, [from.y, from.dy], dx, add);
    }
}
