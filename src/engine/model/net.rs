//! Nets: layers with their parameters, run on tensors.

use std::collections::BTreeMap;

use candle_core::{D, Result as TensorResult, Tensor};
use rand::RngCore;

use super::layer::LayerSpec;
use crate::engine::ops::{self, Conv2d, Window};
use crate::engine::{Error, Result};

/// Parameters and running statistics by name, sorted, so that saving, hashing and summing repeat.
pub type Params = BTreeMap<String, Tensor>;

/// What batch normalisation saw in a training pass: its name, the mean and the unbiased variance of each channel.
pub type BatchStatistics = Vec<(String, Tensor, Tensor)>;

/// How to run a net.
pub enum Mode<'a> {
    /// No dropout, batch statistics frozen: every use but the training pass itself. Attacks run in this mode.
    Evaluate,
    Train {
        /// For dropout masks.
        rng: &'a mut dyn RngCore,
        /// Filled by batch normalisation; the trainer decides which passes count.
        statistics: &'a mut BatchStatistics,
    },
}

/// A list of layers with their parameters. Cloning shares them.
#[derive(Clone)]
pub struct Net {
    layers: Vec<Layer>,
}

#[derive(Clone)]
enum Layer {
    Conv2d { weight: Tensor, bias: Tensor, config: Conv2d },
    Linear { weight: Tensor, bias: Tensor },
    Maxout { weight: Tensor, bias: Tensor, pieces: usize },
    BatchNorm2d(BatchNorm2d),
    MaxPool2d(Window),
    AvgPool2d(Window),
    GlobalAvgPool,
    Flatten,
    Relu,
    Relu6,
    Dropout { keep: f32, rescale: bool },
    Residual { body: Net, shortcut: Net },
    Concat { branches: Vec<Net> },
}

#[derive(Clone)]
struct BatchNorm2d {
    name: String,
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    eps: f64,
}

impl Net {
    /// Builds a net whose layers share the given tensors. Gradients are computed for those that are variables.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than its layer asks for.
    pub fn build(layers: &[LayerSpec], params: &Params) -> Result<Self> {
        Ok(Self { layers: layers.iter().map(|layer| Layer::build(layer, params)).collect::<Result<_>>()? })
    }

    /// Runs the layers on (n, channels, height, width).
    pub fn forward(&self, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        let y = self.run(x, mode)?;
        if y.rank() == 2 { Ok(y) } else { y.flatten_from(1) }
    }

    fn run(&self, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        self.layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, mode))
    }
}

impl Layer {
    fn build(layer: &LayerSpec, params: &Params) -> Result<Self> {
        let tensors = layer.tensors();
        let find = |part: &str| -> Result<Option<Tensor>> {
            let Some((name, shape)) = tensors.iter().find(|(name, _)| name.ends_with(&format!(".{part}"))) else {
                return Ok(None);
            };
            match params.get(name) {
                Some(tensor) if tensor.dims() == shape => Ok(Some(tensor.clone())),
                found => Err(Error::Argument(format!(
                    "{} needs the tensor {name:?} of {shape:?}, found {:?}",
                    layer.kind(),
                    found.map(Tensor::dims)
                ))),
            }
        };
        let weight = || find("weight")?.ok_or_else(|| Error::Argument(format!("{} has no weight", layer.kind())));
        let bias = |weight: &Tensor| match find("bias")? {
            Some(bias) => Ok(bias),
            None => Ok::<_, Error>(Tensor::zeros(weight.dims()[0], weight.dtype(), weight.device())?),
        };
        let nets = |lists: &[Vec<LayerSpec>]| lists.iter().map(|list| Net::build(list, params)).collect::<Result<_>>();
        Ok(match layer {
            LayerSpec::Conv2d { config, .. } => {
                let weight = weight()?;
                Self::Conv2d { bias: bias(&weight)?, weight, config: *config }
            }
            LayerSpec::Linear { .. } => {
                let weight = weight()?;
                Self::Linear { bias: bias(&weight)?, weight }
            }
            LayerSpec::Maxout { pieces, .. } => {
                let weight = weight()?;
                Self::Maxout { bias: bias(&weight)?, weight, pieces: *pieces }
            }
            LayerSpec::BatchNorm2d { name, eps, .. } => {
                let part = |part| find(part)?.ok_or_else(|| Error::Argument(format!("batch_norm2d has no {part}")));
                Self::BatchNorm2d(BatchNorm2d {
                    name: name.clone(),
                    weight: part("weight")?,
                    bias: part("bias")?,
                    running_mean: part("running_mean")?,
                    running_var: part("running_var")?,
                    eps: *eps,
                })
            }
            LayerSpec::MaxPool2d(window) => Self::MaxPool2d(*window),
            LayerSpec::AvgPool2d(window) => Self::AvgPool2d(*window),
            LayerSpec::GlobalAvgPool => Self::GlobalAvgPool,
            LayerSpec::Flatten => Self::Flatten,
            LayerSpec::Relu => Self::Relu,
            LayerSpec::Relu6 => Self::Relu6,
            LayerSpec::Dropout { keep, rescale } => Self::Dropout { keep: *keep, rescale: *rescale },
            LayerSpec::Residual { body, shortcut } => {
                Self::Residual { body: Net::build(body, params)?, shortcut: Net::build(shortcut, params)? }
            }
            LayerSpec::Concat { branches } => Self::Concat { branches: nets(branches)? },
        })
    }

    fn forward(&self, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        match self {
            Self::Conv2d { weight, bias, config } => ops::conv2d(x, weight, bias, *config),
            Self::Linear { weight, bias } => ops::linear(&flat(x)?, weight, bias),
            Self::Maxout { weight, bias, pieces } => ops::maxout(&ops::linear(&flat(x)?, weight, bias)?, *pieces),
            Self::BatchNorm2d(norm) => norm.forward(x, mode),
            Self::MaxPool2d(window) => ops::max_pool2d(x, *window),
            Self::AvgPool2d(window) => ops::avg_pool2d(x, *window),
            Self::GlobalAvgPool => ops::global_avg_pool(x),
            Self::Flatten => flat(x),
            Self::Relu => ops::relu(x),
            Self::Relu6 => ops::relu6(x),
            Self::Dropout { keep, rescale } => match mode {
                Mode::Train { rng, .. } if *keep < 1.0 => ops::dropout(x, *keep, *rescale, *rng),
                _ => Ok(x.clone()),
            },
            Self::Residual { body, shortcut } => body.run(x, mode)? + shortcut.run(x, mode)?,
            Self::Concat { branches } => {
                let outputs: Vec<Tensor> =
                    branches.iter().map(|branch| branch.run(x, mode)).collect::<TensorResult<_>>()?;
                Tensor::cat(&outputs, 1)
            }
        }
    }
}

fn flat(x: &Tensor) -> TensorResult<Tensor> {
    if x.rank() == 2 { Ok(x.clone()) } else { x.flatten_from(1) }
}

impl BatchNorm2d {
    /// Ioffe & Szegedy, Batch Normalization, 2015: algorithm 1 in training, algorithm 2 (frozen statistics) otherwise.
    fn forward(&self, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        match mode {
            Mode::Evaluate => {
                let values = |tensor: &Tensor| tensor.to_vec1::<f32>();
                let (weight, bias) = (values(&self.weight)?, values(&self.bias)?);
                let (mean, var) = (values(&self.running_mean)?, values(&self.running_var)?);
                let scale: Vec<f32> = weight
                    .iter()
                    .zip(&var)
                    .map(|(w, v)| (f64::from(*w) / (f64::from(*v) + self.eps).sqrt()) as f32)
                    .collect();
                let shift = bias.iter().zip(&mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
                ops::channel_affine(x, scale, shift)
            }
            Mode::Train { statistics, .. } => {
                let (n, c, h, w) = x.dims4()?;
                let by_channel = x.transpose(0, 1)?.contiguous()?.reshape((c, n * h * w))?;
                let mean = by_channel.mean_keepdim(D::Minus1)?;
                let centred = by_channel.broadcast_sub(&mean)?;
                let var = centred.sqr()?.mean_keepdim(D::Minus1)?;
                let scale = (self.weight.reshape((c, 1))? / (&var + self.eps)?.sqrt()?)?;
                let y = centred.broadcast_mul(&scale)?.broadcast_add(&self.bias.reshape((c, 1))?)?;
                let count = (n * h * w) as f64;
                let unbiased = (var.detach() * (count / (count - 1.0).max(1.0)))?;
                statistics.push((self.name.clone(), mean.detach().flatten_all()?, unbiased.flatten_all()?));
                y.reshape((c, n, h, w))?.transpose(0, 1)?.contiguous()
            }
        }
    }
}
