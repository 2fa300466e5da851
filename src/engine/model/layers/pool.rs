//! These are pools of planes.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{
    Builder, Layer, MAX_CHOICES, NodeId, Shape, Size, StepTarget, TensorPass, padding, planes, positive, slid,
};
use crate::Result;
use crate::kernels::{Isa, Padding, Values, ValuesMut, Window, pool};
use crate::model::plan::{Op, Operation};
use crate::model::tensor_ops;

/// This takes the largest value of each window.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct MaxPool2d(#[serde(deserialize_with = "window")] pub Window);

/// This takes the mean of each window, zeros of the padding counted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AvgPool2d(#[serde(deserialize_with = "window")] pub Window);

/// This takes the mean of each plane.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPool {}

/// These fields of a manifest make a window; its stride is the kernel where none is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowFields {
    kernel: Size,
    stride: Option<Size>,
    #[serde(default, deserialize_with = "padding")]
    padding: Padding,
    #[serde(default)]
    ceil: bool,
}

fn window<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Window, D::Error> {
    let WindowFields { kernel, stride, padding, ceil } = WindowFields::deserialize(deserializer)?;
    Ok(Window { kernel: kernel.axes(), stride: stride.unwrap_or(kernel).axes(), padding, ceil })
}

fn check_window(window: &Window) -> Result<(), String> {
    positive("kernel", &window.kernel)?;
    positive("stride", &window.stride)?;
    if !window.sees_pixels() {
        let ([top, left], [bottom, right]) = (window.padding.before, window.padding.after);
        return Err(format!(
            "padding [{top}, {left}, {bottom}, {right}] is on some side more than half of the kernel {:?}",
            window.kernel
        ));
    }
    Ok(())
}

impl Layer for MaxPool2d {
    fn check(&self) -> Result<(), String> {
        check_window(&self.0)?;
        let [height, width] = self.0.kernel;
        if height.saturating_mul(width) > MAX_CHOICES {
            return Err(format!(
                "max_pool2d has a kernel of {height}×{width}; expected at most {MAX_CHOICES} pixels in all"
            ));
        }
        Ok(())
    }

    fn output(&self, shape: Shape, _: &[Shape]) -> Result<Shape, String> {
        slid(&self.0, shape.channels(), shape)
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        builder.step(Op::MaxPool(self.0), self, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        tensor_ops::max_pool2d(x, self.0)
    }
}

impl Layer for AvgPool2d {
    fn check(&self) -> Result<(), String> {
        check_window(&self.0)
    }

    fn output(&self, shape: Shape, _: &[Shape]) -> Result<Shape, String> {
        slid(&self.0, shape.channels(), shape)
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        builder.step(Op::Other(Box::new(self.clone())), self, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        tensor_ops::avg_pool2d(x, self.0)
    }
}

impl Operation for AvgPool2d {
    fn forward(&self, isa: Isa, x: Values<'_>, y: ValuesMut<'_>) {
        pool::avg_pool(isa, x, y, self.0);
    }

    fn backward(&self, isa: Isa, _: Values<'_>, dy: Values<'_>, dx: ValuesMut<'_>, add: bool) {
        pool::avg_pool_gradient(isa, dy, dx, self.0, add);
    }
}

impl Layer for GlobalAvgPool {
    fn output(&self, shape: Shape, _: &[Shape]) -> Result<Shape, String> {
        let [channels, ..] = planes(shape)?;
        Ok(Shape::Planes { channels, height: 1, width: 1 })
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        let kernel = builder.map(x).size();
        let whole = Window { kernel, stride: [1, 1], padding: Padding::default(), ceil: false };
        AvgPool2d(whole).add_steps(builder, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        x.mean_keepdim((2, 3))
    }
}
