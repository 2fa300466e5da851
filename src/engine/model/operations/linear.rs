//! These are fully connected layers, and maxout on them.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::Module;
use serde::{Deserialize, Serialize};

use super::{
    Builder, Fusion, MAX_CHOICES, NodeId, Operator, Shape, StepTarget, TensorPass, one_input, positive, refuse,
    weight_and_bias, yes,
};
use crate::Result;
use crate::kernels::Conv;
use crate::model::plan::Op;
use crate::model::tensor_ops;

/// This computes `W·x + b` of the values along the last axis, such as features, or the channels of each token.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    pub name: String,
    #[serde(rename = "in")]
    pub inputs: usize,
    #[serde(rename = "out")]
    pub outputs: usize,
    #[serde(default = "yes")]
    pub bias: bool,
}

/// This takes the largest of the `pieces` linear functions of each unit (Goodfellow et al., Maxout Networks, 2013).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Maxout {
    pub name: String,
    #[serde(rename = "in")]
    pub inputs: usize,
    pub units: usize,
    pub pieces: usize,
}

/// Returns the shape whose last axis is another one; planes of one pixel are as good as flat.
fn with_last(shape: Shape, inputs: usize, outputs: usize) -> Result<Shape, String> {
    if let [count, 1, 1] = shape[..]
        && count == inputs
    {
        return Ok(Shape::features(outputs));
    }
    match shape.split_last() {
        Some((&last, before)) if last == inputs => Shape::new(&[before, &[outputs]].concat()),
        _ => refuse(shape, format!("{inputs} features (a flatten before it?)")),
    }
}

impl Operator for Linear {
    fn check(&self) -> Result<(), String> {
        positive("in", &[self.inputs])?;
        positive("out", &[self.outputs])
    }

    /// Names the weights (out, in) and the bias (out).
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        weight_and_bias(&self.name, vec![self.outputs, self.inputs], self.bias)
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        with_last(one_input(inputs)?, self.inputs, self.outputs)
    }

    fn fusion(&self) -> Fusion {
        Fusion { norm: false, sum: true, clamp: true }
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let op = Op::Conv(builder.conv(self, Conv::linear(self.inputs, self.outputs), None));
        let shape = self.output(&[builder.shape(inputs[0])]).map_err(crate::Error::Argument)?;
        let x = builder.rows(inputs[0], self.inputs);
        let into = target.into.unwrap_or_else(|| builder.dense_node(shape));
        Ok(builder.step_to(op, &[x], shape, StepTarget { into: Some(into), ..target }))
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let layer = candle_nn::linear_b(self.inputs, self.outputs, self.bias, pass.parameters.pp(&self.name))?;
        let x = &inputs[0];
        // Planes of one pixel are features, too.
        if x.dims()[1..] == [self.inputs, 1, 1] { layer.forward(&x.flatten_from(1)?) } else { layer.forward(x) }
    }
}

impl Maxout {
    /// Returns the layer whose outputs the largest are taken of: the pieces of a unit are neighbours.
    fn linear(&self) -> Linear {
        let outputs = self.units * self.pieces;
        Linear { name: self.name.clone(), inputs: self.inputs, outputs, bias: true }
    }
}

impl Operator for Maxout {
    fn check(&self) -> Result<(), String> {
        positive("in", &[self.inputs])?;
        positive("units", &[self.units])?;
        positive("pieces", &[self.pieces])?;
        if self.pieces > MAX_CHOICES {
            return Err(format!("pieces is {}; expected at most {MAX_CHOICES}", self.pieces));
        }
        Ok(())
    }

    /// Names the weights (units · pieces, in) and the bias (units · pieces).
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        self.linear().tensors()
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        with_last(one_input(inputs)?, self.inputs, self.units)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let pieces = self.linear().lower(builder, inputs, StepTarget::default())?;
        let shape = with_last(builder.shape(pieces), self.units * self.pieces, self.units);
        let shape = shape.map_err(crate::Error::Argument)?;
        Ok(builder.step_to(Op::Maxout(self.pieces), &[pieces], shape, target))
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        tensor_ops::maxout(&self.linear().forward(pass, inputs)?, self.pieces)
    }
}
