//! Means, sums and maxima over axes.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, axis_of, one_input};
use crate::Result;
use crate::kernels::{Axis, Isa, Strided, StridedMut, View, reduce};
use crate::model::tensor_ops;

/// This computes one value of all those along some axes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reduce {
    Mean(Axes),
    Sum(Axes),
    /// The largest value; of equal ones each gets its share of the gradient, as in PyTorch's `amax`.
    Max(Axes),
}

/// The axes that are gone through; they stay with a length of 1 if `keep`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Axes {
    pub axes: Vec<usize>,
    #[serde(default)]
    pub keep: bool,
}

impl Reduce {
    fn axes(&self) -> &Axes {
        match self {
            Self::Mean(axes) | Self::Sum(axes) | Self::Max(axes) => axes,
        }
    }

    fn kept(&self, shape: Shape) -> Vec<usize> {
        let mut kept = shape.to_vec();
        self.axes().axes.iter().for_each(|&axis| kept[axis] = 1);
        kept
    }
}

impl Reduce {
    /// The names of these in a manifest.
    pub const KINDS: [&str; 3] = ["mean", "sum", "max"];

    /// Returns its name in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Mean(_) => "mean",
            Self::Sum(_) => "sum",
            Self::Max(_) => "max",
        }
    }
}

impl Operator for Reduce {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let (shape, Axes { axes, keep }) = (one_input(inputs)?, self.axes());
        axes.iter().try_for_each(|&axis| axis_of(shape, axis).map(drop))?;
        let kept = self.kept(shape);
        let left = kept.iter().enumerate().filter(|(axis, _)| *keep || !axes.contains(axis));
        Shape::new(&left.map(|(_, len)| *len).collect::<Vec<_>>())
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        builder.kernel(Box::new(self.clone()), self, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let (x, Axes { axes, keep }) = (&inputs[0], self.axes());
        let axes: Vec<usize> = axes.iter().map(|axis| axis + 1).collect();
        let reduced = match self {
            Self::Mean(_) => x.mean_keepdim(axes.clone())?,
            Self::Sum(_) => x.sum_keepdim(axes.clone())?,
            Self::Max(_) => tensor_ops::largest_along(x, &axes)?,
        };
        if *keep {
            return Ok(reduced);
        }
        let left = reduced.dims().iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        reduced.reshape(left.map(|(_, len)| *len).collect::<Vec<_>>())
    }
}

impl Reduce {
    /// Sees values in the shape of those that they were made of, and returns the factor of a mean.
    fn spread(&self, y: &View, shape: &[usize]) -> View {
        let Axes { axes, keep } = self.axes();
        let mut left = y.axes.iter();
        let spread = shape.iter().enumerate().map(|(axis, &len)| {
            let is_gone = axis > 0 && axes.contains(&(axis - 1));
            let own = if is_gone && !keep { None } else { left.next() };
            if is_gone { Axis { len, stride: 0 } } else { own.copied().unwrap_or(Axis { len, stride: 0 }) }
        });
        View { first: y.first, axes: spread.collect() }
    }

    fn scale(&self, shape: &[usize]) -> f32 {
        let count = self.axes().axes.iter().map(|axis| shape[axis + 1]).product::<usize>();
        if matches!(self, Self::Mean(_)) { 1.0 / count as f32 } else { 1.0 }
    }
}

impl Kernel for Reduce {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        let shape = inputs[0].view.shape();
        let view = self.spread(y.view, &shape);
        let y = StridedMut { data: y.data, view: &view };
        match self {
            Self::Max(_) => reduce::largest(inputs[0], y),
            Self::Mean(_) | Self::Sum(_) => reduce::sum(isa, self.scale(&shape), inputs[0], y),
        }
    }

    fn backward(&self, isa: Isa, _: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        let shape = from.inputs[0].view.shape();
        let [y, dy] = [from.y, from.dy].map(|of| self.spread(of.view, &shape));
        let [y, dy] = [(from.y, &y), (from.dy, &dy)].map(|(of, view)| Strided { data: of.data, view });
        match self {
            Self::Max(_) => reduce::largest_gradient(isa, [from.inputs[0], y, dy], dx, add),
            Self::Mean(_) | Self::Sum(_) => reduce::sum_gradient(isa, self.scale(&shape), dy, dx, add),
        }
    }
}
