//! A frozen net on the CPU: forward passes and gradients of the pixels, many pictures at a time.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::Tensor;
use rayon::prelude::*;

use super::derived::{Folded, Transposed, Weights};
use super::layer::LayerSpec;
use super::manifest::Input;
use super::parameters::Parameters;
use super::plan::{Pass, Plan};
use super::run::{Wanted, Workspace};
use crate::Result;
use crate::threads::on_the_pool;

/// Parameters and running statistics by name, in PyTorch's shapes and order; sorted, so that saving and hashing repeat.
pub type Params = BTreeMap<String, Tensor>;

/// A net whose weights do not change.
pub struct Net {
    plan: Plan,
    parameters: Parameters,
    folded: Folded,
    /// For gradients; made at the first one.
    transposed: OnceLock<Transposed>,
    /// Of passes that are over.
    workspaces: Mutex<Vec<Workspace>>,
}

/// Values of all planes that the pictures of one pass take together at most, unless one picture alone takes more: 16 MB.
/// What is written by a step is then still in the cache when the next one reads it.
const VALUES_PER_PASS: usize = 4 << 20;

impl Net {
    /// # Errors
    /// Layers that do not fit together; a tensor that is missing or has another shape than its layer asks for.
    pub fn new(layers: &[LayerSpec], input: &Input, params: &Params) -> Result<Self> {
        let plan = Plan::new(layers, input, Pass::Evaluate)?;
        let parameters = Parameters::from_tensors(&plan.layout, params)?;
        let mut folded = Folded::default();
        plan.fold(&parameters, &mut folded);
        Ok(Self { plan, parameters, folded, transposed: OnceLock::new(), workspaces: Mutex::default() })
    }

    /// Logits (n, classes) of pixels (n, channels, height, width) in [0, 1].
    pub fn logits(&self, pixels: &[f32]) -> Vec<f32> {
        let weights = Weights { parameters: &self.parameters, folded: &self.folded, transposed: None };
        self.passes(pixels, |pixels, _, workspace| (self.plan.forward(weights, pixels, workspace, None), Vec::new())).0
    }

    /// Logits, and for each picture the gradient of `Σ logits · d` with respect to its pixels, where
    /// `d = of_logits(first picture, logits)` for the pictures of a pass.
    pub fn gradient(
        &self,
        pixels: &[f32],
        of_logits: impl Fn(usize, &[f32]) -> Vec<f32> + Sync,
    ) -> (Vec<f32>, Vec<f32>) {
        self.gradients(pixels, 1, |first, _, logits| of_logits(first, logits))
    }

    /// The same for `count` sums of the logits at once, `d = of_logits(first picture, number of the sum, logits)`: one pass
    /// forwards and `count` back. The gradients are (n, count, channels, height, width).
    pub fn gradients(
        &self,
        pixels: &[f32],
        count: usize,
        of_logits: impl Fn(usize, usize, &[f32]) -> Vec<f32> + Sync,
    ) -> (Vec<f32>, Vec<f32>) {
        let transposed = self.transposed.get_or_init(|| {
            let mut transposed = Transposed::default();
            let weights = Weights { parameters: &self.parameters, folded: &self.folded, transposed: None };
            self.plan.transpose(weights, &mut transposed, true);
            transposed
        });
        let weights = Weights { parameters: &self.parameters, folded: &self.folded, transposed: Some(transposed) };
        let size = self.plan.values_per_input().max(1);
        self.passes(pixels, |pixels, first, workspace| {
            let logits = self.plan.forward(weights, pixels, workspace, None);
            let mut back = |number: usize, gradient: &mut [f32]| {
                let wanted = Wanted { parameters: None, pixels: Some(gradient) };
                let d = of_logits(first, number, &logits);
                self.plan.backward(weights, &d, workspace, wanted);
            };
            let mut gradients = vec![0.0; count * pixels.len()];
            if count == 1 {
                back(0, &mut gradients);
                return (logits, gradients);
            }
            let mut gradient = vec![0.0; pixels.len()];
            for number in 0..count {
                back(number, &mut gradient);
                for (all, one) in gradients.chunks_mut(count * size).zip(gradient.chunks(size)) {
                    all[number * size..][..size].copy_from_slice(one);
                }
            }
            (logits, gradients)
        })
    }

    /// Runs `f(pixels, number of the first picture, workspace)` on a few pictures at a time and joins what it gives.
    fn passes(
        &self,
        pixels: &[f32],
        f: impl Fn(&[f32], usize, &mut Workspace) -> (Vec<f32>, Vec<f32>) + Sync,
    ) -> (Vec<f32>, Vec<f32>) {
        let picture = self.plan.values_per_input().max(1);
        let per_pass = (VALUES_PER_PASS / self.plan.values_per_picture().max(1)).clamp(1, MAX_PICTURES);
        let run = |(pass, pixels): (usize, &[f32])| {
            let spare = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
            let mut workspace = spare().pop().unwrap_or_default();
            let result = f(pixels, pass * per_pass, &mut workspace);
            spare().push(workspace);
            result
        };
        if pixels.len() <= per_pass * picture {
            return on_the_pool(|| run((0, pixels)));
        }
        let parts: Vec<_> = pixels.par_chunks(per_pass * picture).enumerate().map(run).collect();
        let mut joined = (Vec::new(), Vec::with_capacity(pixels.len()));
        for (logits, gradient) in parts {
            joined.0.extend(logits);
            joined.1.extend(gradient);
        }
        joined
    }
}

/// The most pictures of a pass.
const MAX_PICTURES: usize = 64;
