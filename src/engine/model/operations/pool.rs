//! These are pools of planes.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    Builder, MAX_CHOICES, NodeId, Operator, Shape, Size, StepTarget, TensorPass, one_input, padding, planes, positive,
    slid, yes,
};
use crate::Result;
use crate::kernels::{Padding, Window};
use crate::model::plan::Op;
use crate::model::tensor_ops;

/// This takes the largest value of each window.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "WindowFields", into = "WindowFields")]
pub struct MaxPool2d(pub Window);

/// This takes the mean of each window.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "WindowFields", into = "WindowFields")]
pub struct AvgPool2d {
    pub window: Window,
    /// Zeros of the padding count, as is usual in PyTorch; what hangs over it in ceil mode does not.
    pub counts_padding: bool,
}

/// This takes the mean of each plane.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPool {}

/// These fields of a manifest make a window; its stride is the kernel where none is given.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WindowFields {
    #[serde(serialize_with = "both")]
    kernel: Size,
    #[serde(serialize_with = "both_of_some")]
    stride: Option<Size>,
    #[serde(default, with = "padding")]
    padding: Padding,
    #[serde(default)]
    ceil: bool,
    #[serde(default = "yes")]
    counts_padding: bool,
}

fn both<S: serde::Serializer>(size: &Size, serializer: S) -> Result<S::Ok, S::Error> {
    size.axes().serialize(serializer)
}

fn both_of_some<S: serde::Serializer>(size: &Option<Size>, serializer: S) -> Result<S::Ok, S::Error> {
    size.map(Size::axes).serialize(serializer)
}

impl WindowFields {
    fn window(&self) -> Window {
        let Self { kernel, stride, padding, ceil, .. } = *self;
        Window { kernel: kernel.axes(), stride: stride.unwrap_or(kernel).axes(), padding, ceil }
    }

    fn new(window: Window, counts_padding: bool) -> Self {
        let Window { kernel, stride, padding, ceil } = window;
        Self { kernel: Size::Each(kernel), stride: Some(Size::Each(stride)), padding, ceil, counts_padding }
    }
}

impl TryFrom<WindowFields> for MaxPool2d {
    type Error = &'static str;

    fn try_from(fields: WindowFields) -> Result<Self, Self::Error> {
        if fields.counts_padding { Ok(Self(fields.window())) } else { Err("a max_pool2d counts no padding") }
    }
}

impl From<MaxPool2d> for WindowFields {
    fn from(pool: MaxPool2d) -> Self {
        Self::new(pool.0, true)
    }
}

impl From<WindowFields> for AvgPool2d {
    fn from(fields: WindowFields) -> Self {
        Self { window: fields.window(), counts_padding: fields.counts_padding }
    }
}

impl From<AvgPool2d> for WindowFields {
    fn from(pool: AvgPool2d) -> Self {
        Self::new(pool.window, pool.counts_padding)
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

fn pooled(window: &Window, inputs: &[Shape]) -> Result<Shape, String> {
    let shape = one_input(inputs)?;
    let [channels, ..] = planes(shape)?;
    slid(window, channels, shape)
}

impl Operator for MaxPool2d {
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

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        pooled(&self.0, inputs)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let x = builder.planes(inputs[0], 0);
        builder.step(Op::MaxPool(self.0), self, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        tensor_ops::max_pool2d(&inputs[0], self.0)
    }
}

impl Operator for AvgPool2d {
    fn check(&self) -> Result<(), String> {
        check_window(&self.window)
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        pooled(&self.window, inputs)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let x = builder.planes(inputs[0], 0);
        builder.step(Op::AvgPool { window: self.window, counts_padding: self.counts_padding }, self, x, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        tensor_ops::avg_pool2d(&inputs[0], self.window, self.counts_padding)
    }
}

impl Operator for GlobalAvgPool {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let [channels, ..] = planes(one_input(inputs)?)?;
        Ok(Shape::planes([channels, 1, 1]))
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let [_, height, width] = planes(builder.shape(inputs[0])).map_err(crate::Error::Argument)?;
        let window = Window { kernel: [height, width], stride: [1, 1], padding: Padding::default(), ceil: false };
        AvgPool2d { window, counts_padding: true }.lower(builder, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        inputs[0].mean_keepdim((2, 3))
    }
}
