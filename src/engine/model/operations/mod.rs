//! These are the operations that a net is made of. Each is a struct with the fields that stand in a manifest, and says
//! as an [`Operator`] everything that nets have to know of it: a new one is a file here, its lines in [`Operation`],
//! and its arithmetic in `kernels`.

mod batch_norm2d;
mod binary;
mod conv2d;
mod curves;
mod dropout;
mod join;
mod linear;
mod matmul;
mod normalise;
mod pool;
mod reduce;
mod resample;
mod select;
mod tensor;
mod views;

use std::fmt::Display;
use std::ops::{Deref, RangeInclusive};

use candle_core::{Result as TensorResult, Tensor as CandleTensor};
use serde::Deserialize;

pub use batch_norm2d::BatchNorm2d;
pub use binary::BinarySpec;
pub use conv2d::Conv2d;
pub use curves::CurveSpec;
pub use dropout::{Dropout, draw_mask};
pub use join::Join;
pub use linear::{Linear, Maxout};
pub use matmul::{Matmul, Softmax};
pub use normalise::{GroupNorm, LayerNorm};
pub use pool::{AvgPool2d, GlobalAvgPool, MaxPool2d};
pub use reduce::{Axes, Reduce};
pub use resample::{AdaptiveAvgPool2d, Gather, Pad, PadMode, Resize};
pub use select::Select;
pub use tensor::Tensor;
pub use views::{Expand, Flatten, Reshape, Slice, Transpose};

use super::builder::{Builder, StepTarget};
use super::candle_net::TensorPass;
use super::plan::NodeId;
use super::shape::Shape;
use crate::Result;
use crate::kernels::{Isa, Padding, Strided, StridedMut, Window};

/// Makes the list of the operations: the enum, its names in a manifest, and the way to each struct.
macro_rules! operations {
    ($($kind:literal => $Name:ident,)*; $($Shared:ident($Spec:ident),)*) => {
        /// This is one operation. Weights are found by `name`: `conv1.weight`, `conv1.bias`, in PyTorch's shapes.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Operation {
            $($Name($Name),)*
            $($Shared($Spec),)*
        }

        impl Deref for Operation {
            type Target = dyn Operator;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$Name(operation) => operation,)*
                    $(Self::$Shared(operation) => operation,)*
                }
            }
        }

        impl Operation {
            /// Returns its name in a manifest.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$Name(_) => $kind,)*
                    $(Self::$Shared(operation) => operation.kind(),)*
                }
            }

            /// Reads the fields of an operation of this kind.
            fn read(kind: &str, mut fields: toml::Table) -> Result<Self, toml::de::Error> {
                match kind {
                    $($kind => {
                        fields.remove("kind");
                        fields.try_into().map(Self::$Name)
                    })*
                    $(kind if $Spec::KINDS.contains(&kind) => fields.try_into().map(Self::$Shared),)*
                    _ => {
                        let kinds = [$($kind),*].into_iter()$(.chain($Spec::KINDS))*;
                        let nearest = kinds.min_by_key(|known| strsim::damerau_levenshtein(known, kind));
                        let nearest = nearest.unwrap_or_default();
                        Err(serde::de::Error::custom(format!("unknown kind {kind:?}; did you mean {nearest:?}?")))
                    }
                }
            }

            /// Returns the fields as they stand in a manifest.
            pub fn fields(&self) -> Result<toml::Table, toml::ser::Error> {
                match self {
                    $(Self::$Name(operation) => {
                        let mut fields = toml::Table::from_iter([("kind".to_owned(), $kind.into())]);
                        fields.extend(toml::Table::try_from(operation)?);
                        Ok(fields)
                    })*
                    $(Self::$Shared(operation) => toml::Table::try_from(operation),)*
                }
            }
        }

        $(impl From<$Name> for Operation {
            fn from(operation: $Name) -> Self {
                Self::$Name(operation)
            }
        })*
        $(impl From<$Spec> for Operation {
            fn from(operation: $Spec) -> Self {
                Self::$Shared(operation)
            }
        })*
    };
}

operations! {
    "conv2d" => Conv2d,
    "linear" => Linear,
    "maxout" => Maxout,
    "batch_norm2d" => BatchNorm2d,
    "layer_norm" => LayerNorm,
    "group_norm" => GroupNorm,
    "max_pool2d" => MaxPool2d,
    "avg_pool2d" => AvgPool2d,
    "global_avg_pool" => GlobalAvgPool,
    "adaptive_avg_pool2d" => AdaptiveAvgPool2d,
    "dropout" => Dropout,
    "flatten" => Flatten,
    "reshape" => Reshape,
    "transpose" => Transpose,
    "slice" => Slice,
    "expand" => Expand,
    "join" => Join,
    "pad" => Pad,
    "gather" => Gather,
    "resize" => Resize,
    "tensor" => Tensor,
    "where" => Select,
    "matmul" => Matmul,
    "softmax" => Softmax,;
    Curve(CurveSpec),
    Binary(BinarySpec),
    Reduce(Reduce),
}

impl Operation {
    /// Reads an operation as it stands in a manifest.
    ///
    /// # Errors
    /// A line that names the field which is unknown, missing or of the wrong kind.
    pub fn parse(fields: toml::Table) -> Result<Self, String> {
        let kind = fields.get("kind").and_then(toml::Value::as_str).map(str::to_owned);
        let kind = kind.ok_or("missing field `kind`")?;
        Self::read(&kind, fields).map_err(|e| e.message().trim().to_owned())
    }
}

/// An `Operator` says what nets have to know of an operation.
pub trait Operator {
    /// Refuses impossible numbers, in a sentence with the number and what was expected.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Returns the number of values that it reads.
    fn arity(&self) -> RangeInclusive<usize> {
        1..=1
    }

    /// Returns the names and shapes of the tensors that it takes from a weights file.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }

    /// Returns the shape that comes out where these go in. A refusal ends a sentence that begins with the operation: it
    /// says the shape that it gets, and the one that it expects.
    fn output(&self, inputs: &[Shape]) -> Result<Shape, String>;

    /// Returns the upper end to which it clamps its input, the lower one being 0.
    fn clamp(&self) -> Option<f32> {
        None
    }

    /// Returns what can be fused into its last step.
    fn fusion(&self) -> Fusion {
        Fusion::default()
    }

    /// Returns whether its last step can write into a part of a concatenation.
    fn writes_anywhere(&self) -> bool {
        false
    }

    /// Adds the steps that run it on our own kernels, from some nodes to the one that it returns.
    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId>;

    /// Runs it on candle's tensors (n, …).
    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[CandleTensor]) -> TensorResult<CandleTensor>;
}

/// A `Kernel` computes an operation on values that lie anywhere, with nothing fused into it. The first axis of all
/// views is that of the pictures.
pub trait Kernel: std::fmt::Debug + Send + Sync {
    /// Computes y.
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>);

    /// Computes the gradient of an input, and adds it to what is there if `add`.
    fn backward(&self, isa: Isa, input: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool);

    /// Returns whether inputs are seen in the shape of the output, their values repeated.
    fn broadcasts(&self) -> bool {
        false
    }
}

/// A gradient is computed from these.
#[derive(Clone, Copy)]
pub struct KernelGradient<'a> {
    pub inputs: &'a [Strided<'a>],
    pub y: Strided<'a>,
    pub dy: Strided<'a>,
}

/// This says what can be fused into a step: a frozen batch normalisation, a sum as that of a residual block, a clamp.
#[derive(Clone, Copy, Default)]
pub struct Fusion {
    pub norm: bool,
    pub sum: bool,
    pub clamp: bool,
}

/// Returns the only shape.
fn one_input(inputs: &[Shape]) -> Result<Shape, String> {
    inputs.first().copied().ok_or_else(|| "reads nothing".into())
}

/// Returns the length of an axis.
fn axis_of(shape: Shape, axis: usize) -> Result<usize, String> {
    shape.get(axis).copied().ok_or_else(|| format!("gets {shape}, expected an axis {axis}"))
}

/// Returns the shape that values of these shapes are repeated to, as in NumPy.
fn broadcast(inputs: &[Shape]) -> Result<Shape, String> {
    let rank = inputs.iter().map(|shape| shape.len()).max().unwrap_or_default();
    let mut axes = vec![1; rank];
    for shape in inputs {
        for (axis, &len) in axes[rank - shape.len()..].iter_mut().zip(shape.iter()) {
            match (*axis, len) {
                (have, len) if have == len || len == 1 => {}
                (1, len) => *axis = len,
                _ => {
                    let shapes: Vec<String> = inputs.iter().map(Shape::to_string).collect();
                    return Err(format!("gets {}, which do not go together", shapes.join(" and ")));
                }
            }
        }
    }
    Shape::new(&axes)
}

/// Returns the planes that come out of windows on other planes.
fn slid(window: &Window, channels: usize, shape: Shape) -> Result<Shape, String> {
    let [_, height, width] = planes(shape)?;
    match window.output(height, width) {
        Some([height, width]) => Ok(Shape::planes([channels, height, width])),
        None => refuse(shape, format!("at least the kernel's {}×{}", window.kernel[0], window.kernel[1])),
    }
}

fn refuse<T>(shape: Shape, expected: impl Display) -> Result<T, String> {
    Err(format!("gets {shape}, expected {expected}"))
}

fn planes(shape: Shape) -> Result<[usize; 3], String> {
    shape.as_planes().map_or_else(|| refuse(shape, "planes of channels × height × width"), Ok)
}

fn expect_channels(shape: Shape, expected: usize) -> Result<(), String> {
    let [channels, ..] = planes(shape)?;
    if channels == expected { Ok(()) } else { refuse(shape, format!("{expected} channels")) }
}

/// Returns the tensors of an operation with weights and perhaps a bias.
fn weight_and_bias(name: &str, weight: Vec<usize>, bias: bool) -> Vec<(String, Vec<usize>)> {
    let outputs = weight[0];
    let bias = bias.then(|| (format!("{name}.bias"), vec![outputs]));
    std::iter::once((format!("{name}.weight"), weight)).chain(bias).collect()
}

/// Returns whether a tensor is gathered by batch normalisation rather than trained.
pub fn is_running_statistic(name: &str) -> bool {
    name.ends_with(".running_mean") || name.ends_with(".running_var")
}

/// The largest number that any size in a manifest may be.
const MAX_SIZE: usize = 1 << 20;

/// The number of values that a maximum is taken of, at most: its winner is noted in a byte.
const MAX_CHOICES: usize = 256;

/// Refuses sizes of 0 and enormous ones.
fn positive(what: &str, numbers: &[usize]) -> Result<(), String> {
    match numbers.iter().find(|n| !(1..=MAX_SIZE).contains(*n)) {
        Some(n) => Err(format!("{what} is {n}; expected 1 to {MAX_SIZE}")),
        None => Ok(()),
    }
}

/// This is a length for both axes, or `[height, width]`.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a whole number or [height, width]")]
enum Size {
    Square(usize),
    Each([usize; 2]),
}

impl Size {
    fn axes(self) -> [usize; 2] {
        match self {
            Self::Square(size) => [size, size],
            Self::Each(axes) => axes,
        }
    }
}

fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
    Size::deserialize(deserializer).map(Size::axes)
}

/// A padding is the same on all sides, `[height, width]`, or `[top, left, bottom, right]`.
#[derive(Clone, Copy, Deserialize)]
#[serde(
    untagged,
    expecting = "padding: expected a whole number, [height, width] or [top, left, bottom, right], none below 0"
)]
enum Sides {
    All(usize),
    Each([usize; 2]),
    Four([usize; 4]),
}

/// This module reads and writes a padding as it stands in a manifest.
mod padding {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Padding, Sides};

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Padding, D::Error> {
        Ok(match Sides::deserialize(deserializer)? {
            Sides::All(size) => Padding::even([size, size]),
            Sides::Each(pair) => Padding::even(pair),
            Sides::Four([top, left, bottom, right]) => Padding { before: [top, left], after: [bottom, right] },
        })
    }

    pub fn serialize<S: Serializer>(padding: &Padding, serializer: S) -> Result<S::Ok, S::Error> {
        let ([top, left], [bottom, right]) = (padding.before, padding.after);
        [top, left, bottom, right].serialize(serializer)
    }
}

fn yes() -> bool {
    true
}
