//! Operations whose outputs are sums of a few values along an axis: padding, picking, resizing, uneven means.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, axis_of, one_input, planes,
    positive,
};
use crate::Result;
use crate::kernels::{Along, Isa, Strided, StridedMut, Term};
use crate::model::tensor_ops;

/// This puts values around others along every axis.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    #[serde(default)]
    pub mode: PadMode,
    /// The value for [`PadMode::Constant`].
    #[serde(default)]
    pub value: f32,
    pub before: Vec<usize>,
    pub after: Vec<usize>,
}

/// The mode says what the values around the others are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PadMode {
    #[default]
    Constant,
    /// They mirror those inside; the outermost ones are not repeated.
    Reflect,
    /// They repeat the outermost ones.
    Edge,
}

/// This takes the values at some places along an axis.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gather {
    pub axis: usize,
    pub indices: Vec<usize>,
}

/// This resizes planes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Height and width of the result.
    pub size: [usize; 2],
    #[serde(default)]
    pub mode: ResizeMode,
    #[serde(default)]
    pub coordinates: Coordinates,
    #[serde(default)]
    pub rounding: Rounding,
    /// The factors that coordinates are divided by, where they are not those of the sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<[f32; 2]>,
}

/// The mode says what a value between pixels is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeMode {
    #[default]
    Nearest,
    Linear,
}

/// These are the ways, by ONNX's names, to say where the pixel `i` of the result lies in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coordinates {
    /// `(i + 1/2)/scale − 1/2`
    #[default]
    HalfPixel,
    /// The same, but 0 for a result of one pixel.
    PytorchHalfPixel,
    /// `i/scale`
    Asymmetric,
    /// `i·(input − 1)/(output − 1)`
    AlignCorners,
}

/// The rounding says which pixel is the nearest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    #[default]
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// This takes the mean of each of so many windows, which cover the planes evenly (PyTorch's `AdaptiveAvgPool2d`).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AdaptiveAvgPool2d {
    pub size: [usize; 2],
}

/// A sparse linear map along one axis of a picture's value.
#[derive(Clone, Debug)]
pub struct AlongAxis {
    pub axis: usize,
    pub along: Along,
}

impl Pad {
    fn maps(&self, shape: Shape) -> Vec<AlongAxis> {
        let sides = self.before.iter().zip(&self.after).enumerate();
        let padded = sides.filter(|(_, (before, after))| **before + **after > 0).map(|(axis, (&before, &after))| {
            let len = shape[axis];
            let outputs = (0..before + len + after).map(|place| {
                let at = place as isize - before as isize;
                let last = len as isize - 1;
                let index = match self.mode {
                    PadMode::Constant => (0..=last).contains(&at).then_some(at),
                    PadMode::Edge => Some(at.clamp(0, last)),
                    PadMode::Reflect if at < 0 => Some(-at),
                    PadMode::Reflect if at > last => Some(2 * last - at),
                    PadMode::Reflect => Some(at),
                };
                index.map(|index| Term { index: index as usize, weight: 1.0 })
            });
            AlongAxis { axis, along: Along::new(outputs) }
        });
        padded.collect()
    }
}

impl Resize {
    /// Reads the names that ONNX has for these.
    ///
    /// # Errors
    /// In words, for one that is not read.
    pub fn new(
        mode: &str,
        coordinates: &str,
        rounding: &str,
        size: [usize; 2],
        scale: [f32; 2],
    ) -> Result<Self, String> {
        let refuse = |what: &str, name: &str| format!("resizes with the {what} {name:?}, which is not read");
        let mode = match mode {
            "nearest" => ResizeMode::Nearest,
            "linear" | "bilinear" => ResizeMode::Linear,
            other => return Err(refuse("mode", other)),
        };
        let coordinates = match coordinates {
            "half_pixel" | "half_pixel_symmetric" => Coordinates::HalfPixel,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "asymmetric" => Coordinates::Asymmetric,
            "align_corners" => Coordinates::AlignCorners,
            other => return Err(refuse("coordinates", other)),
        };
        let rounding = match rounding {
            "round_prefer_floor" | "" => Rounding::RoundPreferFloor,
            "round_prefer_ceil" => Rounding::RoundPreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return Err(refuse("rounding", other)),
        };
        Ok(Self { size, mode, coordinates, rounding, scale: Some(scale) })
    }

    fn maps(&self, shape: Shape) -> Vec<AlongAxis> {
        let axes = [0, 1].map(|i| {
            let (from, to) = (shape[i + 1], self.size[i]);
            let scale = self.scale.map_or(to as f32 / from as f32, |scale| scale[i]);
            let outputs = (0..to).map(|place| {
                let at = match self.coordinates {
                    Coordinates::PytorchHalfPixel if to == 1 => 0.0,
                    Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => (place as f32 + 0.5) / scale - 0.5,
                    Coordinates::Asymmetric => place as f32 / scale,
                    Coordinates::AlignCorners if to == 1 => 0.0,
                    Coordinates::AlignCorners => place as f32 * (from as f32 - 1.0) / (to as f32 - 1.0),
                };
                let pixel = |at: f32| at.clamp(0.0, from as f32 - 1.0) as usize;
                match self.mode {
                    ResizeMode::Nearest => {
                        let nearest = match self.rounding {
                            Rounding::RoundPreferFloor => (at - 0.5).ceil(),
                            Rounding::RoundPreferCeil => (at + 0.5).floor(),
                            Rounding::Floor => at.floor(),
                            Rounding::Ceil => at.ceil(),
                        };
                        vec![Term { index: pixel(nearest), weight: 1.0 }]
                    }
                    ResizeMode::Linear => {
                        let at = at.clamp(0.0, from as f32 - 1.0);
                        let weight = at - at.floor();
                        let ends = [(at.floor(), 1.0 - weight), (at.floor() + 1.0, weight)];
                        let ends = ends.into_iter().filter(|(_, weight)| *weight > 0.0);
                        ends.map(|(at, weight)| Term { index: pixel(at), weight }).collect()
                    }
                }
            });
            AlongAxis { axis: i + 1, along: Along::new(outputs) }
        });
        axes.into()
    }
}

impl AdaptiveAvgPool2d {
    fn maps(&self, shape: Shape) -> Vec<AlongAxis> {
        let axes = [0, 1].map(|i| {
            let (from, to) = (shape[i + 1], self.size[i]);
            let windows = (0..to).map(|place| place * from / to..((place + 1) * from).div_ceil(to));
            AlongAxis { axis: i + 1, along: Along::means(windows) }
        });
        axes.into()
    }
}

/// Adds a step for each map; the last one writes to the target.
pub(super) fn lower_maps(
    builder: &mut Builder,
    x: NodeId,
    maps: Vec<AlongAxis>,
    target: StepTarget<'_>,
) -> Result<NodeId> {
    let Some((last, before)) = maps.split_last() else { return builder.bring(x, target) };
    let mut x = x;
    for (map, target) in before.iter().map(|map| (map, StepTarget::default())).chain([(last, target)]) {
        let mut axes = builder.shape(x).to_vec();
        axes[map.axis] = map.along.len();
        let shape = Shape::new(&axes).map_err(crate::Error::Argument)?;
        x = builder.kernel_to(Box::new(map.clone()), &[x], shape, target)?;
    }
    Ok(x)
}

/// Returns the shape of planes that get another height and width.
fn of_size(inputs: &[Shape], [height, width]: [usize; 2]) -> Result<Shape, String> {
    let [channels, ..] = planes(one_input(inputs)?)?;
    Ok(Shape::planes([channels, height, width]))
}

/// Runs the maps on candle's tensors.
pub(super) fn forward_maps(x: &Tensor, maps: &[AlongAxis]) -> TensorResult<Tensor> {
    maps.iter().try_fold(x.clone(), |x, map| tensor_ops::along(&x, map.axis + 1, &map.along))
}

/// Returns the shape of a picture's value on candle.
fn shape_of(x: &Tensor) -> TensorResult<Shape> {
    Shape::new(&x.dims()[1..]).map_err(candle_core::Error::msg)
}

impl Kernel for AlongAxis {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        self.along.forward(isa, self.axis + 1, inputs[0], y);
    }

    fn backward(&self, isa: Isa, _: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        self.along.backward(isa, self.axis + 1, from.dy, dx, add);
    }
}

impl Operator for Pad {
    fn check(&self) -> Result<(), String> {
        if self.before.len() != self.after.len() {
            return Err("before and after have different lengths".into());
        }
        if self.value != 0.0 && self.mode == PadMode::Constant {
            return Err(format!("value is {}; expected 0", self.value));
        }
        Ok(())
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        if self.before.len() != shape.len() {
            return Err(format!("gets {shape}, expected {} axes", self.before.len()));
        }
        let sides = self.before.iter().zip(&self.after).zip(shape.iter());
        if self.mode == PadMode::Reflect && sides.clone().any(|((before, after), len)| (*before).max(*after) >= *len) {
            return Err(format!("gets {shape}, expected more values than it mirrors"));
        }
        Shape::new(
            &sides.map(|((before, after), len)| before.saturating_add(*after).saturating_add(*len)).collect::<Vec<_>>(),
        )
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        lower_maps(builder, inputs[0], self.maps(builder.shape(inputs[0])), target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        forward_maps(&inputs[0], &self.maps(shape_of(&inputs[0])?))
    }
}

impl Operator for Gather {
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        let len = axis_of(shape, self.axis)?;
        if let Some(at) = self.indices.iter().find(|at| **at >= len) {
            return Err(format!("reads place {at} of the {len} along axis {}", self.axis));
        }
        let mut axes = shape.to_vec();
        axes[self.axis] = self.indices.len();
        Shape::new(&axes)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let along = Along::gather(self.indices.iter().copied());
        lower_maps(builder, inputs[0], vec![AlongAxis { axis: self.axis, along }], target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let along = Along::gather(self.indices.iter().copied());
        forward_maps(&inputs[0], &[AlongAxis { axis: self.axis, along }])
    }
}

impl Operator for Resize {
    fn check(&self) -> Result<(), String> {
        positive("size", &self.size)?;
        match self.scale {
            Some(scale) if scale.iter().any(|scale| !scale.is_finite() || *scale <= 0.0) => {
                Err(format!("scale is {scale:?}"))
            }
            _ => Ok(()),
        }
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        of_size(inputs, self.size)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        lower_maps(builder, inputs[0], self.maps(builder.shape(inputs[0])), target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        forward_maps(&inputs[0], &self.maps(shape_of(&inputs[0])?))
    }
}

impl Operator for AdaptiveAvgPool2d {
    fn check(&self) -> Result<(), String> {
        positive("size", &self.size)
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        of_size(inputs, self.size)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        lower_maps(builder, inputs[0], self.maps(builder.shape(inputs[0])), target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        forward_maps(&inputs[0], &self.maps(shape_of(&inputs[0])?))
    }
}
