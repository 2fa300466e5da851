//! This is the convolution of planes.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    Builder, Fusion, MAX_SIZE, NodeId, Operator, Shape, StepTarget, TensorPass, expect_channels, one_input, padding,
    positive, size, slid, weight_and_bias, yes,
};
use crate::Result;
use crate::kernels::{Conv, Padding, Window};
use crate::model::plan::Op;
use crate::model::tensor_ops;

/// This correlates planes with filters, and adds a bias per output channel.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    pub name: String,
    #[serde(rename = "in")]
    pub inputs: usize,
    #[serde(rename = "out")]
    pub outputs: usize,
    #[serde(deserialize_with = "size")]
    pub kernel: [usize; 2],
    #[serde(default = "one", deserialize_with = "size")]
    pub stride: [usize; 2],
    #[serde(default, with = "padding")]
    pub padding: Padding,
    /// The distance between neighbouring pixels under the kernel.
    #[serde(default = "one", deserialize_with = "size")]
    pub dilation: [usize; 2],
    #[serde(default = "one_group")]
    pub groups: usize,
    #[serde(default = "yes")]
    pub bias: bool,
}

fn one() -> [usize; 2] {
    [1, 1]
}

fn one_group() -> usize {
    1
}

impl Conv2d {
    /// Returns how its kernel, gaps included, slides over a picture.
    pub fn window(&self) -> Window {
        let kernel = [0, 1].map(|axis| (self.kernel[axis] - 1) * self.dilation[axis] + 1);
        Window { kernel, stride: self.stride, padding: self.padding, ceil: false }
    }

    /// Returns what the kernels have to know of it.
    pub fn conv(&self) -> Conv {
        let Self { kernel, stride, padding, dilation, inputs, outputs, groups, .. } = *self;
        Conv { kernel, stride, padding, dilation, inputs, outputs, groups }
    }

    fn weight_shape(&self) -> [usize; 4] {
        [self.outputs, self.inputs / self.groups, self.kernel[0], self.kernel[1]]
    }
}

impl Operator for Conv2d {
    fn check(&self) -> Result<(), String> {
        let Self { inputs, outputs, groups, .. } = self;
        positive("in", &[*inputs])?;
        positive("out", &[*outputs])?;
        positive("kernel", &self.kernel)?;
        positive("stride", &self.stride)?;
        positive("dilation", &self.dilation)?;
        positive("groups", &[*groups])?;
        if self.padding.largest() > MAX_SIZE {
            return Err(format!("padding is {}; expected at most {MAX_SIZE}", self.padding.largest()));
        }
        if inputs % groups != 0 || outputs % groups != 0 {
            return Err(format!("{groups} groups do not divide {inputs} inputs and {outputs} outputs"));
        }
        Ok(())
    }

    /// Names the weights (out, in / groups, kernel height, kernel width) and the bias (out).
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        weight_and_bias(&self.name, self.weight_shape().into(), self.bias)
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        expect_channels(shape, self.inputs)?;
        slid(&self.window(), self.outputs, shape)
    }

    fn fusion(&self) -> Fusion {
        Fusion { norm: true, sum: true, clamp: true }
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let op = Op::Conv(builder.conv(self, self.conv(), target.norm));
        let x = builder.planes(inputs[0], self.padding.largest());
        builder.step(op, self, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let parameters = pass.parameters.pp(&self.name);
        let weight = parameters.get(&self.weight_shape()[..], "weight")?;
        let bias = self.bias.then(|| parameters.get(self.outputs, "bias")).transpose()?;
        tensor_ops::conv2d(&inputs[0], weight, bias, self)
    }
}
