//! Nets on candle's own kernels: the executor for a GPU, and on the CPU the oracle of the other one.

use candle_core::{Result as TensorResult, Tensor, bail};
use rand::RngCore;

use super::layer::{LayerSpec, walk};
use super::net::Params;
use super::tensor_ops as ops;
use crate::{Error, Result};

/// What batch normalisation saw in a training pass: its name, the mean and the unbiased variance of each channel.
pub type BatchStatistics = Vec<(String, Tensor, Tensor)>;

/// How to run a net of tensors.
pub enum Mode<'a> {
    /// No dropout, batch statistics frozen.
    Evaluate,
    Train {
        /// For dropout masks.
        rng: &'a mut dyn RngCore,
        /// Filled by batch normalisation.
        statistics: &'a mut BatchStatistics,
    },
}

/// A list of layers with their parameters, on whatever device these are. Cloning shares them.
///
/// candle computes the gradients of both operands of a product whether or not they were asked for, so that an attack
/// pays for those of the weights as well.
#[derive(Clone)]
pub struct TensorNet {
    layers: Vec<LayerSpec>,
    /// All that the layers ask for, in the shapes that they ask for.
    params: Params,
}

impl TensorNet {
    /// Builds a net whose layers share the given tensors. Gradients are computed for those that are variables.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than its layer asks for.
    pub fn build(layers: &[LayerSpec], params: &Params) -> Result<Self> {
        let (mut kept, mut refused) = (Params::new(), None);
        walk(layers, &mut |layer| {
            for (name, shape) in layer.tensors() {
                match params.get(&name) {
                    Some(tensor) if tensor.dims() == shape => {
                        kept.insert(name, tensor.clone());
                    }
                    found => {
                        let found = found.map(Tensor::dims);
                        let kind = layer.kind();
                        refused
                            .get_or_insert(format!("{kind} needs the tensor {name:?} of {shape:?}, found {found:?}"));
                    }
                }
            }
        });
        match refused {
            Some(why) => Err(Error::Argument(why)),
            None => Ok(Self { layers: layers.to_vec(), params: kept }),
        }
    }

    /// Runs the layers on (n, channels, height, width), on the device of the parameters: (n, features).
    pub fn forward(&self, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        flat(&self.run(&self.layers, x, mode)?)
    }

    fn run(&self, layers: &[LayerSpec], x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        layers.iter().try_fold(x.clone(), |x, layer| self.layer(layer, &x, mode))
    }

    fn layer(&self, layer: &LayerSpec, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        match layer {
            LayerSpec::Conv2d { name, config, bias, .. } => {
                ops::conv2d(x, self.param(name, "weight")?, self.bias(name, *bias)?, *config)
            }
            LayerSpec::Linear { name, bias, .. } => {
                ops::linear(&flat(x)?, self.param(name, "weight")?, self.bias(name, *bias)?)
            }
            LayerSpec::Maxout { name, pieces, .. } => {
                let y = ops::linear(&flat(x)?, self.param(name, "weight")?, self.bias(name, true)?)?;
                ops::maxout(&y, *pieces)
            }
            LayerSpec::BatchNorm2d { name, eps, .. } => self.batch_norm2d(name, *eps, x, mode),
            LayerSpec::MaxPool2d(window) => ops::max_pool2d(x, *window),
            LayerSpec::AvgPool2d(window) => ops::avg_pool2d(x, *window),
            LayerSpec::GlobalAvgPool => ops::global_avg_pool(x),
            LayerSpec::Flatten => flat(x),
            LayerSpec::Relu => ops::relu(x),
            LayerSpec::Relu6 => ops::relu6(x),
            LayerSpec::Dropout { keep, rescale } => match mode {
                Mode::Train { rng, .. } if *keep < 1.0 => ops::dropout(x, *keep, *rescale, *rng),
                _ => Ok(x.clone()),
            },
            LayerSpec::Residual { body, shortcut } => self.run(body, x, mode)? + self.run(shortcut, x, mode)?,
            LayerSpec::Concat { branches } => {
                let outputs: Vec<Tensor> =
                    branches.iter().map(|branch| self.run(branch, x, mode)).collect::<TensorResult<_>>()?;
                Tensor::cat(&outputs, 1)
            }
        }
    }

    fn batch_norm2d(&self, name: &str, eps: f64, x: &Tensor, mode: &mut Mode<'_>) -> TensorResult<Tensor> {
        let (weight, bias) = (self.param(name, "weight")?, self.param(name, "bias")?);
        match mode {
            Mode::Evaluate => {
                let (mean, var) = (self.param(name, "running_mean")?, self.param(name, "running_var")?);
                ops::batch_norm2d(x, [weight, bias, mean, var], eps)
            }
            Mode::Train { statistics, .. } => {
                let (y, mean, var) = ops::batch_norm2d_training(x, [weight, bias], eps)?;
                statistics.push((name.to_owned(), mean, var));
                Ok(y)
            }
        }
    }

    fn bias(&self, name: &str, has_bias: bool) -> TensorResult<Option<&Tensor>> {
        has_bias.then(|| self.param(name, "bias")).transpose()
    }

    fn param(&self, name: &str, part: &str) -> TensorResult<&Tensor> {
        match self.params.get(&format!("{name}.{part}")) {
            Some(tensor) => Ok(tensor),
            None => bail!("the net has no tensor {name}.{part}"),
        }
    }
}

fn flat(x: &Tensor) -> TensorResult<Tensor> {
    if x.rank() == 2 { Ok(x.clone()) } else { x.flatten_from(1) }
}
