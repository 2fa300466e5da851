//! An executor runs a net: with our own kernels on the CPU, or with candle's on any device.

use rand::RngCore;

use super::backward::Wanted;
use super::candle_net::CandleNet;
use super::graph::Graph;
use super::kernel_net::KernelNet;
use super::manifest::Input;
use super::parameters::{Parameters, TensorSource};
use crate::Result;
use crate::device::Backend;

/// An executor is a net with its parameters. Pixels are (n, channels, height, width) in [0, 1], logits (n, classes).
///
/// A pass for evaluation knows no dropout, and its batch statistics are frozen: every use is one but training itself.
/// Attacks evaluate. Errors are those of `d_logits`, and of a device that is not the CPU.
pub trait Executor: Send + Sync {
    fn parameters(&self) -> &Parameters;

    fn parameters_mut(&mut self) -> &mut Parameters;

    /// Returns whether a pass for training computes what one for evaluation does.
    fn trains_as_it_evaluates(&self) -> bool;

    fn logits(&self, pixels: &[f32]) -> Result<Vec<f32>>;

    /// Computes logits, and the gradients of `count` sums `Σ logits · d` with respect to the pixels of each picture.
    fn gradients(&self, pixels: &[f32], count: usize, d_logits: &DLogits<'_>) -> Result<PixelGradients>;

    /// Computes the gradients that are wanted of `Σ logits · d` in a pass for training, where `d = d_logits(logits)`.
    fn train(
        &mut self,
        pixels: &[f32],
        d_logits: &mut dyn FnMut(&[f32]) -> Result<Vec<f32>>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<()>;

    /// Moves the running statistics of batch normalisations a tenth of the way to what the last pass for training saw,
    /// as PyTorch does.
    fn update_statistics(&mut self) -> Result<()>;
}

/// `d_logits(first picture, number of the sum, logits)` returns the factors of a sum of the logits of a pass.
pub type DLogits<'a> = dyn Fn(usize, usize, &[f32]) -> Result<Vec<f32>> + Sync + 'a;

/// This holds logits, and gradients (n, count, channels, height, width).
#[derive(Debug, Default)]
pub struct PixelGradients {
    pub logits: Vec<f32>,
    pub gradients: Vec<f32>,
}

/// Writes the gradients of one sum, of `size` values for each picture, among those of all `count` sums.
pub(super) fn interleave(gradient: &[f32], gradients: &mut [f32], size: usize, number: usize, count: usize) {
    for (all, one) in gradients.chunks_mut(count * size).zip(gradient.chunks(size)) {
        all[number * size..][..size].copy_from_slice(one);
    }
}

/// The share of a new batch in the running statistics of batch normalisation.
const STATISTICS_MOMENTUM: f32 = 0.1;

/// Moves a running statistic towards what a batch has.
pub(super) fn approach(running: &mut [f32], seen: &[f32]) {
    for (running, seen) in running.iter_mut().zip(seen) {
        *running = (1.0 - STATISTICS_MOMENTUM) * *running + STATISTICS_MOMENTUM * seen;
    }
}

impl Backend {
    /// Makes a net of these layers that runs here; refuses layers that do not fit together, and a tensor that is
    /// missing or has another shape than its layer asks for.
    pub fn executor(&self, graph: &Graph, input: &Input, params: &dyn TensorSource) -> Result<Box<dyn Executor>> {
        Ok(match self {
            Self::Kernels => Box::new(KernelNet::new(graph, input, params)?),
            Self::Tensors(device) => Box::new(CandleNet::new(graph, input, params, device)?),
        })
    }
}
