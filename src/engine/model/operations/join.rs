//! Concatenation along any axis.

use std::ops::RangeInclusive;

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, NodeId, Operator, Shape, StepTarget, TensorPass, axis_of};
use crate::Result;

/// This puts values one after the other along an axis.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    #[serde(default)]
    pub axis: usize,
}

impl Operator for Join {
    fn arity(&self) -> RangeInclusive<usize> {
        1..=usize::MAX
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let mut axes = inputs[0].to_vec();
        axis_of(inputs[0], self.axis)?;
        axes[self.axis] = 0;
        for shape in inputs {
            let is_alike = shape.len() == axes.len()
                && shape.iter().zip(inputs[0].iter()).enumerate().all(|(i, (a, b))| i == self.axis || a == b);
            if !is_alike {
                return Err(format!("values that differ from {} along axis {} only", inputs[0], self.axis));
            }
            axes[self.axis] += shape[self.axis];
        }
        Shape::new(&axes)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let whole = builder.join(self, builder.joined_shape(self, inputs)?, inputs, None, None)?;
        builder.bring(whole, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        Tensor::cat(inputs, self.axis + 1)
    }
}
