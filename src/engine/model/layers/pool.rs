//! Pools of planes.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{Builder, Layer, MAX_CHOICES, NodeId, Shape, Size, Target, TensorPass, padding, planes, positive, slid};
use crate::Result;
use crate::kernels::{Isa, Padding, Values, ValuesMut, Window, pool};
use crate::model::plan::{Op, Operation, OperationGradient};
use crate::model::tensor_ops;

/// This takes the largest value of each window.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Fields")]
pub struct MaxPool2d(pub Window);

/// This takes the mean of each window, zeros of the padding counted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Fields")]
pub struct AvgPool2d(pub Window);

/// This takes the mean of each plane.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPool {}

/// The fields of a window; its stride is the kernel where none is given.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    kernel: Size,
    stride: Option<Size>,
    #[serde(default, deserialize_with = "padding")]
    padding: Padding,
    #[serde(default)]
    ceil: bool,
}

impl From<Fields> for Window {
    fn from(Fields { kernel, stride, padding, ceil }: Fields) -> Self {
        Self { kernel: kernel.into(), stride: stride.unwrap_or(kernel).into(), padding, ceil }
    }
}

impl From<Fields> for MaxPool2d {
    fn from(fields: Fields) -> Self {
        Self(fields.into())
    }
}

impl From<Fields> for AvgPool2d {
    fn from(fields: Fields) -> Self {
        Self(fields.into())
    }
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
    fn kind(&self) -> &'static str {
        "max_pool2d"
    }

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

    fn output(&self, shape: Shape, place: &str) -> Result<Shape, String> {
        slid(self, &self.0, shape.channels(), shape, place)
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        builder.step(Op::MaxPool(self.0), self, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        tensor_ops::max_pool2d(x, self.0)
    }
}

impl Layer for AvgPool2d {
    fn kind(&self) -> &'static str {
        "avg_pool2d"
    }

    fn check(&self) -> Result<(), String> {
        check_window(&self.0)
    }

    fn output(&self, shape: Shape, place: &str) -> Result<Shape, String> {
        slid(self, &self.0, shape.channels(), shape, place)
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: Target<'_>) -> Result<NodeId> {
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

    fn backward(&self, isa: Isa, from: OperationGradient<'_>, dx: ValuesMut<'_>, add: bool) {
        pool::avg_pool_gradient(isa, from.dy, dx, self.0, add);
    }
}

impl Layer for GlobalAvgPool {
    fn kind(&self) -> &'static str {
        "global_avg_pool"
    }

    fn output(&self, shape: Shape, place: &str) -> Result<Shape, String> {
        let [channels, ..] = planes(self, shape, place)?;
        Ok(Shape::Planes { channels, height: 1, width: 1 })
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        let kernel = builder.map(x).size();
        let whole = Window { kernel, stride: [1, 1], padding: Padding::default(), ceil: false };
        AvgPool2d(whole).add_steps(builder, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        x.mean_keepdim((2, 3))
    }
}
