//! Layers as a manifest describes them.

use serde::Deserialize;

use crate::kernels::{Padding, Window};

/// A length for both axes, or `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a whole number or [height, width]")]
pub enum Size {
    Square(usize),
    Each([usize; 2]),
}

impl Size {
    pub fn pair(self) -> [usize; 2] {
        match self {
            Self::Square(size) => [size, size],
            Self::Each(pair) => pair,
        }
    }
}

/// A padding as it stands in a manifest: the same on all sides, `[height, width]`, or `[top, left, bottom, right]`.
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

impl Default for Sides {
    fn default() -> Self {
        Self::All(0)
    }
}

impl Sides {
    fn padding(self) -> Padding {
        match self {
            Self::All(size) => Padding::even([size, size]),
            Self::Each(pair) => Padding::even(pair),
            Self::Four([top, left, bottom, right]) => Padding { before: [top, left], after: [bottom, right] },
        }
    }
}

/// Stride, padding and groups of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    pub stride: [usize; 2],
    pub padding: Padding,
    pub groups: usize,
}

/// One layer. Weights are found by `name`: `conv1.weight`, `conv1.bias`, in PyTorch's shapes.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerSpec {
    /// Weight (out, in / groups, kernel height, kernel width), bias (out).
    Conv2d {
        name: String,
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        config: Conv2d,
        bias: bool,
    },
    /// Weight (out, in), bias (out).
    Linear {
        name: String,
        inputs: usize,
        outputs: usize,
        bias: bool,
    },
    /// Weight (units · pieces, in) and bias (units · pieces): the pieces of a unit are neighbours.
    Maxout {
        name: String,
        inputs: usize,
        units: usize,
        pieces: usize,
    },
    /// `weight`, `bias`, `running_mean`, `running_var` of (channels).
    BatchNorm2d {
        name: String,
        channels: usize,
        eps: f64,
    },
    MaxPool2d(Window),
    AvgPool2d(Window),
    GlobalAvgPool,
    Flatten,
    Relu,
    Relu6,
    /// Keeps each value with probability `keep` in training; does nothing in evaluation.
    Dropout {
        keep: f32,
        rescale: bool,
    },
    /// `body(x) + shortcut(x)`; an empty shortcut is x itself.
    Residual {
        body: Vec<LayerSpec>,
        shortcut: Vec<LayerSpec>,
    },
    /// The branches' outputs, one after the other along the channels.
    Concat {
        branches: Vec<Vec<LayerSpec>>,
    },
}

/// The fields of each kind as they stand in a manifest.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Fields {
    Conv2d {
        name: String,
        r#in: usize,
        out: usize,
        kernel: Size,
        #[serde(default = "one")]
        stride: Size,
        #[serde(default)]
        padding: Sides,
        #[serde(default = "one_group")]
        groups: usize,
        #[serde(default = "yes")]
        bias: bool,
    },
    Linear {
        name: String,
        r#in: usize,
        out: usize,
        #[serde(default = "yes")]
        bias: bool,
    },
    Maxout {
        name: String,
        r#in: usize,
        units: usize,
        pieces: usize,
    },
    #[serde(rename = "batch_norm2d")]
    BatchNorm2d {
        name: String,
        channels: usize,
        #[serde(default = "batch_norm_eps")]
        eps: f64,
    },
    #[serde(rename = "max_pool2d")]
    MaxPool2d {
        kernel: Size,
        stride: Option<Size>,
        #[serde(default)]
        padding: Sides,
        #[serde(default)]
        ceil: bool,
    },
    #[serde(rename = "avg_pool2d")]
    AvgPool2d {
        kernel: Size,
        stride: Option<Size>,
        #[serde(default)]
        padding: Sides,
        #[serde(default)]
        ceil: bool,
    },
    GlobalAvgPool {},
    Flatten {},
    Relu {},
    Relu6 {},
    Dropout {
        keep: f32,
        #[serde(default = "yes")]
        rescale: bool,
    },
    Residual {
        body: Vec<toml::Value>,
        #[serde(default)]
        shortcut: Vec<toml::Value>,
    },
    Concat {
        branches: Vec<Vec<toml::Value>>,
    },
}

fn one() -> Size {
    Size::Square(1)
}
fn one_group() -> usize {
    1
}
fn yes() -> bool {
    true
}
fn batch_norm_eps() -> f64 {
    1e-5
}

/// How deeply `residual` and `concat` may nest, so that a hostile manifest cannot exhaust the stack.
const MAX_DEPTH: usize = 16;

/// Reads a list of layers; `place` names it in messages ("layers").
///
/// # Errors
/// A sentence that names the layer, for unknown kinds, missing and unknown fields, and impossible numbers.
pub fn parse_layers(values: &[toml::Value], place: &str) -> Result<Vec<LayerSpec>, String> {
    if place.matches('.').count() > MAX_DEPTH {
        return Err(format!("{place}: more than {MAX_DEPTH} combinators inside one another"));
    }
    values.iter().enumerate().map(|(i, value)| parse_layer(value, &format!("{place}[{i}]"))).collect()
}

fn parse_layer(value: &toml::Value, place: &str) -> Result<LayerSpec, String> {
    let describe = || match value.get("name").and_then(toml::Value::as_str) {
        Some(name) => format!("{place} ({name})"),
        None => place.to_owned(),
    };
    let fields: Fields =
        value.clone().try_into().map_err(|e: toml::de::Error| format!("{}: {}", describe(), e.message().trim()))?;
    let layer = match fields {
        Fields::Conv2d { name, r#in, out, kernel, stride, padding, groups, bias } => {
            let config = Conv2d { stride: stride.pair(), padding: padding.padding(), groups };
            LayerSpec::Conv2d { name, inputs: r#in, outputs: out, kernel: kernel.pair(), config, bias }
        }
        Fields::Linear { name, r#in, out, bias } => LayerSpec::Linear { name, inputs: r#in, outputs: out, bias },
        Fields::Maxout { name, r#in, units, pieces } => LayerSpec::Maxout { name, inputs: r#in, units, pieces },
        Fields::BatchNorm2d { name, channels, eps } => LayerSpec::BatchNorm2d { name, channels, eps },
        Fields::MaxPool2d { kernel, stride, padding, ceil } => {
            LayerSpec::MaxPool2d(window(kernel, stride, padding, ceil))
        }
        Fields::AvgPool2d { kernel, stride, padding, ceil } => {
            LayerSpec::AvgPool2d(window(kernel, stride, padding, ceil))
        }
        Fields::GlobalAvgPool {} => LayerSpec::GlobalAvgPool,
        Fields::Flatten {} => LayerSpec::Flatten,
        Fields::Relu {} => LayerSpec::Relu,
        Fields::Relu6 {} => LayerSpec::Relu6,
        Fields::Dropout { keep, rescale } => LayerSpec::Dropout { keep, rescale },
        Fields::Residual { body, shortcut } => LayerSpec::Residual {
            body: parse_layers(&body, &format!("{place}.body"))?,
            shortcut: parse_layers(&shortcut, &format!("{place}.shortcut"))?,
        },
        Fields::Concat { branches } => LayerSpec::Concat {
            branches: branches
                .iter()
                .enumerate()
                .map(|(i, branch)| parse_layers(branch, &format!("{place}.branches[{i}]")))
                .collect::<Result<_, _>>()?,
        },
    };
    layer.check_numbers().map_err(|why| format!("{}: {why}", describe()))?;
    Ok(layer)
}

fn window(kernel: Size, stride: Option<Size>, padding: Sides, ceil: bool) -> Window {
    Window { kernel: kernel.pair(), stride: stride.unwrap_or(kernel).pair(), padding: padding.padding(), ceil }
}

/// The most values that a maximum is taken of: its winner is noted in a byte.
const MAX_CHOICES: usize = 256;

/// The largest number that any size in a manifest may be.
const MAX_SIZE: usize = 1 << 20;

impl LayerSpec {
    /// Its name in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "conv2d",
            Self::Linear { .. } => "linear",
            Self::Maxout { .. } => "maxout",
            Self::BatchNorm2d { .. } => "batch_norm2d",
            Self::MaxPool2d(_) => "max_pool2d",
            Self::AvgPool2d(_) => "avg_pool2d",
            Self::GlobalAvgPool => "global_avg_pool",
            Self::Flatten => "flatten",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::Dropout { .. } => "dropout",
            Self::Residual { .. } => "residual",
            Self::Concat { .. } => "concat",
        }
    }

    fn check_numbers(&self) -> Result<(), String> {
        let positive = |what: &str, numbers: &[usize]| match numbers.iter().find(|n| !(1..=MAX_SIZE).contains(*n)) {
            Some(n) => Err(format!("{what} is {n}; expected 1 to {MAX_SIZE}")),
            None => Ok(()),
        };
        match self {
            Self::Conv2d { inputs, outputs, kernel, config, .. } => {
                positive("in", &[*inputs])?;
                positive("out", &[*outputs])?;
                positive("kernel", kernel)?;
                positive("stride", &config.stride)?;
                positive("groups", &[config.groups])?;
                if config.padding.largest() > MAX_SIZE {
                    return Err(format!("padding is {}; expected at most {MAX_SIZE}", config.padding.largest()));
                }
                if inputs % config.groups != 0 || outputs % config.groups != 0 {
                    return Err(format!(
                        "{} groups do not divide {inputs} inputs and {outputs} outputs",
                        config.groups
                    ));
                }
            }
            Self::Linear { inputs, outputs, .. } => {
                positive("in", &[*inputs])?;
                positive("out", &[*outputs])?;
            }
            Self::Maxout { inputs, units, pieces, .. } => {
                positive("in", &[*inputs])?;
                positive("units", &[*units])?;
                positive("pieces", &[*pieces])?;
                if *pieces > MAX_CHOICES {
                    return Err(format!("pieces is {pieces}; expected at most {MAX_CHOICES}"));
                }
            }
            Self::BatchNorm2d { channels, eps, .. } => {
                positive("channels", &[*channels])?;
                if !(eps.is_finite() && *eps >= 0.0) {
                    return Err(format!("eps is {eps}; expected a small positive number"));
                }
            }
            Self::MaxPool2d(window) | Self::AvgPool2d(window) => {
                positive("kernel", &window.kernel)?;
                positive("stride", &window.stride)?;
                if matches!(self, Self::MaxPool2d(_)) && window.kernel[0].saturating_mul(window.kernel[1]) > MAX_CHOICES
                {
                    let [height, width] = window.kernel;
                    return Err(format!(
                        "max_pool2d has a kernel of {height}×{width}; expected at most {MAX_CHOICES} pixels in all"
                    ));
                }
                if !window.sees_pixels() {
                    let ([top, left], [bottom, right]) = (window.padding.before, window.padding.after);
                    return Err(format!(
                        "padding [{top}, {left}, {bottom}, {right}] is on some side more than half of the kernel {:?}",
                        window.kernel
                    ));
                }
            }
            Self::Dropout { keep, .. } if !(*keep > 0.0 && *keep <= 1.0) => {
                return Err(format!("keep is {keep}; expected a probability above 0 and at most 1"));
            }
            Self::Concat { branches } if branches.is_empty() => {
                return Err("concat has no branches; expected at least one".into());
            }
            _ => {}
        }
        Ok(())
    }

    /// The tensors that this layer itself takes from a weights file, with their shapes.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let with_bias = |name: &str, weight: Vec<usize>, bias: bool| {
            let outputs = weight[0];
            let mut tensors = vec![(format!("{name}.weight"), weight)];
            if bias {
                tensors.push((format!("{name}.bias"), vec![outputs]));
            }
            tensors
        };
        match self {
            Self::Conv2d { name, inputs, outputs, kernel: [kh, kw], config, bias } => {
                with_bias(name, vec![*outputs, inputs / config.groups, *kh, *kw], *bias)
            }
            Self::Linear { name, inputs, outputs, bias } => with_bias(name, vec![*outputs, *inputs], *bias),
            Self::Maxout { name, inputs, units, pieces } => with_bias(name, vec![units * pieces, *inputs], true),
            Self::BatchNorm2d { name, channels, .. } => ["weight", "bias", "running_mean", "running_var"]
                .map(|part| (format!("{name}.{part}"), vec![*channels]))
                .into(),
            _ => Vec::new(),
        }
    }

    /// The layers inside this one.
    pub fn members(&self) -> Vec<&[LayerSpec]> {
        match self {
            Self::Residual { body, shortcut } => vec![body, shortcut],
            Self::Concat { branches } => branches.iter().map(Vec::as_slice).collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether a tensor is gathered by batch normalisation rather than trained.
pub fn is_running_statistic(name: &str) -> bool {
    name.ends_with(".running_mean") || name.ends_with(".running_var")
}

/// Every layer of a list, those inside combinators included, in order.
pub fn walk<'a>(layers: &'a [LayerSpec], visit: &mut impl FnMut(&'a LayerSpec)) {
    for layer in layers {
        visit(layer);
        for members in layer.members() {
            walk(members, visit);
        }
    }
}
