//! Numbers of the net itself as a value: a class token, positions, a scale per channel.

use std::ops::RangeInclusive;

use candle_core::{Result as TensorResult, Tensor as CandleTensor};
use serde::{Deserialize, Serialize};

use super::{Builder, NodeId, Operator, Shape, StepTarget, TensorPass};
use crate::Result;

/// This is a tensor of the weights, alike for all pictures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
}

impl Operator for Tensor {
    fn arity(&self) -> RangeInclusive<usize> {
        0..=0
    }

    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        vec![(self.name.clone(), self.shape.clone())]
    }

    fn output(&self, _: &[Shape]) -> Result<Shape, String> {
        Shape::new(&self.shape)
    }

    fn lower(&self, builder: &mut Builder, _: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let tensor = builder.parameter(&self.name, &self.shape)?;
        builder.bring(tensor, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, _: &[CandleTensor]) -> TensorResult<CandleTensor> {
        let mut shape = vec![1];
        shape.extend(&self.shape);
        pass.parameters.get(&self.shape[..], &self.name)?.reshape(shape)?.repeat(pass.pictures)
    }
}
