//! These layers clamp their input, and are fused into the layer before where it can take them.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{Builder, Layer, NodeId, StepTarget, TensorPass};
use crate::Result;
use crate::model::plan::Op;
use crate::model::tensor_ops;

/// This computes `max(x, 0)`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {}

/// This computes `min(max(x, 0), 6)`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu6 {}

fn add_clamp(layer: &dyn Layer, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
    builder.step(Op::Copy, layer, x, StepTarget { clamp: layer.clamp(), ..target })
}

impl Layer for Relu {
    fn clamp(&self) -> Option<f32> {
        Some(f32::INFINITY)
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        add_clamp(self, builder, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        tensor_ops::relu(x)
    }
}

impl Layer for Relu6 {
    fn clamp(&self) -> Option<f32> {
        Some(6.0)
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        add_clamp(self, builder, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        tensor_ops::relu6(x)
    }
}
