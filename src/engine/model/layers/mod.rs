//! These are the kinds of layers that a manifest can list. Each is a struct with the fields that stand in a manifest,
//! and says as a [`Layer`] everything that nets have to know of it: a new kind is a file here, and its lines in
//! [`LayerSpec`].

mod activation;
mod batch_norm2d;
mod combinators;
mod conv2d;
mod dropout;
mod flatten;
mod linear;
mod pool;

use std::fmt::Display;
use std::ops::Deref;

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

pub use activation::{Relu, Relu6};
pub use batch_norm2d::BatchNorm2d;
pub use combinators::{Concat, Residual};
pub use conv2d::Conv2d;
pub use dropout::{Dropout, draw_mask};
pub use flatten::Flatten;
pub use linear::{Linear, Maxout};
pub use pool::{AvgPool2d, GlobalAvgPool, MaxPool2d};

use super::builder::{Builder, StepTarget};
use super::candle_net::TensorPass;
use super::plan::NodeId;
use super::shape::Shape;
use crate::Result;
use crate::kernels::{Padding, Window};

/// This is one layer. Weights are found by `name`: `conv1.weight`, `conv1.bias`, in PyTorch's shapes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LayerSpec {
    Conv2d(Conv2d),
    Linear(Linear),
    Maxout(Maxout),
    BatchNorm2d(BatchNorm2d),
    MaxPool2d(MaxPool2d),
    AvgPool2d(AvgPool2d),
    GlobalAvgPool(GlobalAvgPool),
    Flatten(Flatten),
    Relu(Relu),
    Relu6(Relu6),
    Dropout(Dropout),
    Residual(Residual),
    Concat(Concat),
}

impl LayerSpec {
    fn kind_and_layer(&self) -> (&'static str, &(dyn Layer + 'static)) {
        match self {
            Self::Conv2d(layer) => ("conv2d", layer),
            Self::Linear(layer) => ("linear", layer),
            Self::Maxout(layer) => ("maxout", layer),
            Self::BatchNorm2d(layer) => ("batch_norm2d", layer),
            Self::MaxPool2d(layer) => ("max_pool2d", layer),
            Self::AvgPool2d(layer) => ("avg_pool2d", layer),
            Self::GlobalAvgPool(layer) => ("global_avg_pool", layer),
            Self::Flatten(layer) => ("flatten", layer),
            Self::Relu(layer) => ("relu", layer),
            Self::Relu6(layer) => ("relu6", layer),
            Self::Dropout(layer) => ("dropout", layer),
            Self::Residual(layer) => ("residual", layer),
            Self::Concat(layer) => ("concat", layer),
        }
    }

    /// Returns its name in a manifest.
    pub fn kind(&self) -> &'static str {
        self.kind_and_layer().0
    }
}

impl Deref for LayerSpec {
    type Target = dyn Layer;

    fn deref(&self) -> &Self::Target {
        self.kind_and_layer().1
    }
}

/// A `Layer` says what nets have to know of it.
pub trait Layer {
    /// Refuses impossible numbers, in a sentence with the number and what was expected.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Returns the names and shapes of the tensors that this layer itself takes from a weights file.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }

    /// Returns the layers inside this one.
    fn members(&self) -> Vec<Members<'_>> {
        Vec::new()
    }

    /// Returns the shape that comes out where `shape` goes in: the same, unless a layer says otherwise. `members` are
    /// the shapes that come out of [`Self::members`]. A refusal ends a sentence that begins with the layer: it says the
    /// shape that the layer gets, and the one that it expects.
    fn output(&self, shape: Shape, _members: &[Shape]) -> Result<Shape, String> {
        Ok(shape)
    }

    /// Returns the upper end to which it clamps its input, the lower one being 0.
    fn clamp(&self) -> Option<f32> {
        None
    }

    /// Returns what can be fused into the last step of this layer.
    fn fusion(&self) -> Fusion {
        Fusion::default()
    }

    /// Adds the steps that run this layer on our own kernels, from a node to the one that it returns.
    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId>;

    /// Runs this layer on candle's tensors.
    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor>;
}

/// These layers lie inside another layer; their name says where: "branches[2]".
pub struct Members<'a> {
    pub name: String,
    pub layers: &'a [LayerSpec],
}

/// This says what can be fused into a step: a frozen batch normalisation, a sum as that of a residual block, a clamp.
#[derive(Clone, Copy, Default)]
pub struct Fusion {
    pub norm: bool,
    pub sum: bool,
    pub clamp: bool,
}

/// Returns the planes that come out of windows on other planes.
fn slid(window: &Window, channels: usize, shape: Shape) -> Result<Shape, String> {
    let [_, height, width] = planes(shape)?;
    match window.output(height, width) {
        Some([height, width]) => Ok(Shape::Planes { channels, height, width }),
        None => refuse(shape, format!("at least the kernel's {}×{}", window.kernel[0], window.kernel[1])),
    }
}

fn refuse<T>(shape: Shape, expected: impl Display) -> Result<T, String> {
    Err(format!("gets {shape}, expected {expected}"))
}

fn planes(shape: Shape) -> Result<[usize; 3], String> {
    match shape {
        Shape::Planes { channels, height, width } => Ok([channels, height, width]),
        Shape::Features(_) => refuse(shape, "planes of channels × height × width"),
    }
}

fn expect_channels(shape: Shape, expected: usize) -> Result<(), String> {
    let [channels, ..] = planes(shape)?;
    if channels == expected { Ok(()) } else { refuse(shape, format!("{expected} channels")) }
}

/// Returns the tensors of a layer with weights and perhaps a bias.
fn weight_and_bias(name: &str, weight: Vec<usize>, bias: bool) -> Vec<(String, Vec<usize>)> {
    let outputs = weight[0];
    let bias = bias.then(|| (format!("{name}.bias"), vec![outputs]));
    std::iter::once((format!("{name}.weight"), weight)).chain(bias).collect()
}

/// Returns whether a tensor is gathered by batch normalisation rather than trained.
pub fn is_running_statistic(name: &str) -> bool {
    name.ends_with(".running_mean") || name.ends_with(".running_var")
}

/// Returns every layer of a list, those inside combinators included, in order.
pub fn every_layer(layers: &[LayerSpec]) -> Vec<&LayerSpec> {
    let mut all = Vec::new();
    for layer in layers {
        all.push(layer);
        all.extend(layer.members().into_iter().flat_map(|members| every_layer(members.layers)));
    }
    all
}

/// Returns the layer, the name and the shape of every tensor that layers take from a weights file.
pub fn every_tensor(layers: &[LayerSpec]) -> impl Iterator<Item = (&LayerSpec, String, Vec<usize>)> {
    every_layer(layers)
        .into_iter()
        .flat_map(|layer| layer.tensors().into_iter().map(move |(name, shape)| (layer, name, shape)))
}

/// The number of values that one picture may become inside a net, at most.
const MAX_ACTIVATIONS: usize = 1 << 28;

/// Returns the shape that comes out of a list of layers; refuses, by name, a layer that gets a shape that it cannot
/// take, or makes one that is too large. `place` names the list in messages ("layers").
pub fn output_shape(layers: &[LayerSpec], input: Shape, place: &str) -> Result<Shape, String> {
    layers.iter().enumerate().try_fold(input, |shape, (i, layer)| {
        let place = format!("{place}[{i}]");
        let members = layer.members().into_iter();
        let members = members.map(|inner| output_shape(inner.layers, shape, &format!("{place}.{}", inner.name)));
        let out = layer.output(shape, &members.collect::<Result<Vec<_>, _>>()?).map_err(|why| {
            let tensors = layer.tensors();
            let name = tensors.first().map(|(name, _)| format!(" {:?}", name.trim_end_matches(".weight")));
            format!("{place}: {}{} {why}", layer.kind(), name.unwrap_or_default())
        })?;
        if out.count() > MAX_ACTIVATIONS {
            return Err(format!("{place}: {} makes {out} of one picture, which is too large", layer.kind()));
        }
        Ok(out)
    })
}

/// The depth to which `residual` and `concat` may nest, so that a hostile manifest cannot exhaust the stack.
const MAX_DEPTH: usize = 16;

/// Reads a list of layers; refuses, by name, unknown kinds, missing and unknown fields, and impossible numbers.
pub fn parse_layers(values: &[toml::Value], place: &str) -> Result<Vec<LayerSpec>, String> {
    if place.matches('.').count() > MAX_DEPTH {
        return Err(format!("{place}: more than {MAX_DEPTH} combinators inside one another"));
    }
    values.iter().enumerate().map(|(i, value)| parse_layer(value, &format!("{place}[{i}]"))).collect()
}

fn parse_layer(value: &toml::Value, place: &str) -> Result<LayerSpec, String> {
    // Layers inside this one come first, so that messages name their places.
    for (key, member) in value.as_table().into_iter().flatten() {
        let Some(members) = member.as_array() else { continue };
        match key.as_str() {
            "body" | "shortcut" => drop(parse_layers(members, &format!("{place}.{key}"))?),
            "branches" => {
                for (i, branch) in members.iter().enumerate() {
                    let layers = branch.as_array().map_or(&[][..], Vec::as_slice);
                    parse_layers(layers, &format!("{place}.branches[{i}]"))?;
                }
            }
            _ => {}
        }
    }
    let name = value.get("name").and_then(toml::Value::as_str);
    let place = name.map_or(place.to_owned(), |name| format!("{place} ({name})"));
    let layer: LayerSpec =
        value.clone().try_into().map_err(|e: toml::de::Error| format!("{place}: {}", e.message().trim()))?;
    layer.check().map_err(|why| format!("{place}: {why}"))?;
    Ok(layer)
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

fn padding<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Padding, D::Error> {
    Ok(match Sides::deserialize(deserializer)? {
        Sides::All(size) => Padding::even([size, size]),
        Sides::Each(pair) => Padding::even(pair),
        Sides::Four([top, left, bottom, right]) => Padding { before: [top, left], after: [bottom, right] },
    })
}

fn yes() -> bool {
    true
}
