//! This turns planes into features in PyTorch's order: all pixels of a channel, then those of the next.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{Builder, Layer, NodeId, Shape, StepTarget, TensorPass};
use crate::Result;
use crate::kernels::{Isa, Values, ValuesMut, planes};
use crate::model::plan::{Op, Operation};

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

impl Layer for Flatten {
    fn output(&self, shape: Shape, _: &[Shape]) -> Result<Shape, String> {
        Ok(Shape::Features(shape.count()))
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        if builder.map(x).pixels() == 1 {
            return builder.sequence(&[], x, target, None);
        }
        builder.step(Op::Other(Box::new(self.clone())), self, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        x.flatten_from(1)
    }
}

impl Operation for Flatten {
    fn forward(&self, _: Isa, x: Values<'_>, y: ValuesMut<'_>) {
        planes::flatten(x, y);
    }

    fn backward(&self, _: Isa, _: Values<'_>, dy: Values<'_>, dx: ValuesMut<'_>, add: bool) {
        planes::unflatten(dy, dx, add);
    }
}
