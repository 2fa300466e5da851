//! Planes as features in PyTorch's order: all pixels of a channel, then those of the next.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{Builder, Layer, NodeId, Shape, Target, TensorPass};
use crate::Result;
use crate::kernels::{Isa, Values, ValuesMut, planes};
use crate::model::plan::{Op, Operation, OperationGradient};

/// This turns planes into features.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn output(&self, shape: Shape, _: &str) -> Result<Shape, String> {
        Ok(Shape::Features(shape.count()))
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        if builder.map(x).pixels() == 1 {
            return builder.nothing(x, target);
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

    fn backward(&self, _: Isa, from: OperationGradient<'_>, dx: ValuesMut<'_>, add: bool) {
        planes::unflatten(from.dy, dx, add);
    }
}
