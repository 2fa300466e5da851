//! Operations that compute nothing: they see the same values along other axes.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, NodeId, Operator, Shape, StepTarget, TensorPass, axis_of, one_input};
use crate::Result;

/// This gives the values, taken in PyTorch's order, another shape.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reshape {
    pub shape: Vec<usize>,
}

/// This turns a value into features.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

/// This puts the axes in another order: axis `i` of the result is axis `order[i]` of the input.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Transpose {
    pub order: Vec<usize>,
}

/// This keeps every `step`-th value along an axis, from `start` to before `end`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    pub axis: usize,
    pub start: usize,
    pub end: usize,
    #[serde(default = "one")]
    pub step: usize,
}

/// This repeats the values along axes of length 1, and along new axes in front.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expand {
    pub shape: Vec<usize>,
}

fn one() -> usize {
    1
}

/// Returns a shape of (n, …) for candle.
fn with_pictures(x: &Tensor, shape: &[usize]) -> TensorResult<Vec<usize>> {
    let mut all = vec![x.dim(0)?];
    all.extend(shape);
    Ok(all)
}

fn reshaped(shape: Shape, to: &[usize]) -> Result<Shape, String> {
    let new = Shape::new(to)?;
    if new.count() != shape.count() {
        return Err(format!("{} values", new.count()));
    }
    Ok(new)
}

impl Operator for Reshape {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        reshaped(one_input(inputs)?, &self.shape)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let seen = builder.reshaped(inputs[0], &self.shape)?;
        builder.bring(seen, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        inputs[0].reshape(with_pictures(&inputs[0], &self.shape)?)
    }
}

impl Operator for Flatten {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::features(one_input(inputs)?.count()))
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let count = builder.shape(inputs[0]).count();
        let seen = builder.reshaped(inputs[0], &[count])?;
        builder.bring(seen, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        inputs[0].flatten_from(1)
    }
}

impl Operator for Transpose {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..shape.len()) {
            return Err(format!("{} axes, in an order of the numbers from 0", self.order.len()));
        }
        Shape::new(&self.order.iter().map(|&axis| shape[axis]).collect::<Vec<_>>())
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let view = builder.view(inputs[0]).transposed(&self.order);
        let seen = builder.seen(inputs[0], view)?;
        builder.bring(seen, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let order: Vec<usize> = std::iter::once(0).chain(self.order.iter().map(|axis| axis + 1)).collect();
        inputs[0].permute(order)?.contiguous()
    }
}

impl Slice {
    /// Returns the number of values along the axis that are kept.
    fn len(&self) -> usize {
        (self.end - self.start).div_ceil(self.step)
    }
}

impl Operator for Slice {
    fn check(&self) -> Result<(), String> {
        if self.start >= self.end || self.step == 0 {
            return Err(format!("it keeps nothing from {} to {} in steps of {}", self.start, self.end, self.step));
        }
        Ok(())
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        if axis_of(shape, self.axis)? < self.end {
            return Err(format!("at least {} values along axis {}", self.end, self.axis));
        }
        let mut axes = shape.to_vec();
        axes[self.axis] = self.len();
        Shape::new(&axes)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let view = builder.view(inputs[0]).sliced(self.axis, self.start, self.len(), self.step);
        let seen = builder.seen(inputs[0], view)?;
        builder.bring(seen, target)
    }

    /// Every `step`-th value is the first of its group.
    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let (x, axis, len) = (&inputs[0], self.axis + 1, self.len());
        if self.step == 1 {
            return x.narrow(axis, self.start, len)?.contiguous();
        }
        let kept = (0..len).map(|i| x.narrow(axis, self.start + i * self.step, 1));
        Tensor::cat(&kept.collect::<TensorResult<Vec<_>>>()?, axis)
    }
}

impl Operator for Expand {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        super::broadcast(&[one_input(inputs)?, Shape::new(&self.shape)?])
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let copied = builder.expanded(inputs[0], self)?;
        builder.bring(copied, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let (x, rank) = (&inputs[0], self.shape.len().max(inputs[0].rank() - 1));
        let mut padded = vec![x.dim(0)?];
        padded.extend(std::iter::repeat_n(1, rank + 1 - x.rank()));
        padded.extend(&x.dims()[1..]);
        let mut to = vec![x.dim(0)?];
        let shapes = [&padded[1..], &self.shape[..]].map(Shape::new);
        let [Ok(a), Ok(b)] = shapes else { candle_core::bail!("too many axes") };
        to.extend(super::broadcast(&[a, b]).map_err(candle_core::Error::msg)?.iter());
        x.reshape(padded)?.broadcast_as(to)?.contiguous()
    }
}
