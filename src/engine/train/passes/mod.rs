//! The passes of training run on our own kernels or on candle's.

mod kernels;
mod tensors;

pub use kernels::KernelPasses;
pub use tensors::TensorPasses;

use rand::RngCore;

use crate::Result;
use crate::model::{Gradients, Parameters};

/// The batch normalisations saw these means and unbiased variances of the channels, in the order of the layout.
pub type Seen = Vec<(Vec<f32>, Vec<f32>)>;

/// A batch has pixels (n, channels, height, width) in [0, 1] and a class for each picture.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    pub pixels: &'a [f32],
    pub labels: &'a [usize],
}

/// The loss of a training pass is `weight` times the mean cross-entropy, and this becomes of its gradients.
pub struct Wanted<'a> {
    pub weight: f32,
    /// The share of the target that is spread over all classes.
    pub smoothing: f32,
    pub collect: Collect,
    /// The place for the pixels' gradient, if it is wanted.
    pub pixels: Option<&'a mut [f32]>,
}

/// The gradients of the parameters are treated like this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Collect {
    /// They are not computed.
    Nothing,
    /// They take the place of those before.
    Write,
    /// They are added to those before.
    Add,
}

/// A net whose weights change between passes.
pub trait Passes: Send {
    /// Tells whether a training pass is an evaluation too: no dropout, no statistics of the batch.
    fn are_shared(&self) -> bool;

    /// Takes notice of new weights. `pixels` says that training passes will be asked for the pixels' gradients.
    fn refresh(&mut self, parameters: &Parameters, pixels: bool) -> Result<()>;

    /// Does a training pass; returns the mean cross-entropy and what the batch normalisations saw.
    fn train(
        &mut self,
        parameters: &Parameters,
        gradients: &mut Gradients,
        batch: Batch<'_>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<(f32, Seen)>;

    fn logits(&mut self, parameters: &Parameters, pixels: &[f32]) -> Result<Vec<f32>>;

    /// Returns the logits in evaluation mode, and the gradient of each picture's log-odds against its label.
    fn gradient(&mut self, parameters: &Parameters, batch: Batch<'_>) -> Result<(Vec<f32>, Vec<f32>)>;
}
