//! These are fully connected layers, and maxout on them.

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::Module;
use serde::Deserialize;

use super::{
    Builder, Fusion, Layer, MAX_CHOICES, NodeId, Shape, StepTarget, TensorPass, positive, refuse, weight_and_bias, yes,
};
use crate::Result;
use crate::kernels::Conv;
use crate::model::plan::Op;
use crate::model::tensor_ops;

/// This computes `W·x + b` of features.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maxout {
    pub name: String,
    #[serde(rename = "in")]
    pub inputs: usize,
    pub units: usize,
    pub pieces: usize,
}

/// Refuses anything but this many features; planes of one pixel are as good as flat.
fn expect_features(shape: Shape, inputs: usize) -> Result<(), String> {
    let fits = shape.size() == [1, 1] && shape.count() == inputs;
    if fits { Ok(()) } else { refuse(shape, format!("{inputs} features (a flatten before it?)")) }
}

impl Layer for Linear {
    fn check(&self) -> Result<(), String> {
        positive("in", &[self.inputs])?;
        positive("out", &[self.outputs])
    }

    /// Names the weights (out, in) and the bias (out).
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        weight_and_bias(&self.name, vec![self.outputs, self.inputs], self.bias)
    }

    fn output(&self, shape: Shape, _: &[Shape]) -> Result<Shape, String> {
        expect_features(shape, self.inputs)?;
        Ok(Shape::Features(self.outputs))
    }

    fn fusion(&self) -> Fusion {
        Fusion { norm: false, sum: true, clamp: true }
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        let op = Op::Conv(builder.conv(self, Conv::linear(self.inputs, self.outputs), None));
        builder.step(op, self, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        let layer = candle_nn::linear_b(self.inputs, self.outputs, self.bias, pass.parameters.pp(&self.name))?;
        layer.forward(&x.flatten_from(1)?)
    }
}

impl Maxout {
    /// Returns the layer whose outputs the largest are taken of: the pieces of a unit are neighbours.
    fn linear(&self) -> Linear {
        let outputs = self.units * self.pieces;
        Linear { name: self.name.clone(), inputs: self.inputs, outputs, bias: true }
    }
}

impl Layer for Maxout {
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

    fn output(&self, shape: Shape, _: &[Shape]) -> Result<Shape, String> {
        expect_features(shape, self.inputs)?;
        Ok(Shape::Features(self.units))
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        let pieces = self.linear().add_steps(builder, x, StepTarget::default())?;
        let size = Shape::Features(self.units);
        Ok(builder.step_to(Op::Maxout(self.pieces), pieces, size, target))
    }

    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        tensor_ops::maxout(&self.linear().forward(pass, x)?, self.pieces)
    }
}
