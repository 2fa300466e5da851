//! A net on our own kernels: many pictures at a time in evaluation, a batch in training.

use std::sync::{Mutex, OnceLock, PoisonError};

use rand::RngCore;
use rayon::prelude::*;

use super::backward::Wanted;
use super::builder::Plans;
use super::derived::{Folded, Transposed, Weights};
use super::executor::{DLogits, Executor, PixelGradients, approach};
use super::layers::LayerSpec;
use super::manifest::Input;
use super::parameters::{Parameters, Params};
use super::plan::Plan;
use super::run::Workspace;
use crate::Result;
use crate::threads::on_the_pool;

/// A net with what it derives from its parameters and the memory of its passes.
pub struct KernelNet {
    parameters: Parameters,
    evaluation: Plan,
    folded: Derived<Folded>,
    transposed: Derived<Transposed>,
    /// The workspaces of passes for evaluation that are over.
    workspaces: Mutex<Vec<Workspace>>,
    training: Training,
}

/// What passes for training need; nothing is allocated anew from one to the next.
struct Training {
    plan: Plan,
    folded: Folded,
    transposed: Transposed,
    /// What both were derived for; `None` after a change of the parameters.
    derived: Option<Reach>,
    workspace: Workspace,
}

/// How far the gradients of a pass go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Parameters,
    Pixels,
}

/// Something that is derived from the parameters when it is first asked for. Its memory serves for the next
/// parameters.
#[derive(Default)]
struct Derived<T> {
    value: OnceLock<T>,
    spare: Mutex<T>,
}

impl<T: Default> Derived<T> {
    fn get(&self, derive: impl FnOnce(&mut T)) -> &T {
        self.value.get_or_init(|| {
            let mut value = std::mem::take(&mut *self.spare.lock().unwrap_or_else(PoisonError::into_inner));
            derive(&mut value);
            value
        })
    }

    fn forget(&mut self) {
        if let Some(value) = self.value.take() {
            *self.spare.get_mut().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }
}

/// The number of values of all planes that the pictures of one pass take together at most, unless one picture alone
/// takes more: 16 MB. What is written by a step is then still in the cache when the next one reads it.
const VALUES_PER_PASS: usize = 4 << 20;

/// The most pictures of a pass.
const MAX_PICTURES: usize = 64;

impl KernelNet {
    /// Makes a net of these layers.
    ///
    /// # Errors
    /// Layers that do not fit together; a tensor that is missing or has another shape than its layer asks for.
    pub fn new(layers: &[LayerSpec], input: &Input, params: &Params) -> Result<Self> {
        let Plans { training, evaluation } = Plans::new(layers, input)?;
        let net = Self {
            parameters: Parameters::from_tensors(&training.layout, params)?,
            evaluation,
            folded: Derived::default(),
            transposed: Derived::default(),
            workspaces: Mutex::default(),
            training: Training {
                plan: training,
                folded: Folded::default(),
                transposed: Transposed::default(),
                derived: None,
                workspace: Workspace::default(),
            },
        };
        net.weights();
        Ok(net)
    }

    /// Returns what passes for evaluation run on.
    fn weights(&self) -> Weights<'_> {
        let folded = self.folded.get(|folded| self.evaluation.fold(&self.parameters, folded));
        Weights { parameters: &self.parameters, folded, transposed: None }
    }

    /// Runs `f(pixels, number of the first picture, workspace)` on a few pictures at a time and joins what it gives.
    fn passes(
        &self,
        pixels: &[f32],
        f: impl Fn(&[f32], usize, &mut Workspace) -> Result<PixelGradients> + Sync,
    ) -> Result<PixelGradients> {
        let picture = self.evaluation.values_per_input().max(1);
        let per_pass = (VALUES_PER_PASS / self.evaluation.values_per_picture().max(1)).clamp(1, MAX_PICTURES);
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
        let parts: Result<Vec<_>> = pixels.par_chunks(per_pass * picture).enumerate().map(run).collect();
        let mut joined = PixelGradients::default();
        for part in parts? {
            joined.logits.extend(part.logits);
            joined.gradients.extend(part.gradients);
        }
        Ok(joined)
    }
}

impl Executor for KernelNet {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.folded.forget();
        self.transposed.forget();
        self.training.derived = None;
        &mut self.parameters
    }

    fn trains_as_it_evaluates(&self) -> bool {
        self.training.plan.is_the_same_in_evaluation()
    }

    fn logits(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let weights = self.weights();
        let found = self.passes(pixels, |pixels, _, workspace| {
            let logits = self.evaluation.forward(weights, pixels, workspace, None);
            Ok(PixelGradients { logits, gradients: Vec::new() })
        })?;
        Ok(found.logits)
    }

    /// Runs one pass forwards and `count` back.
    fn gradients(&self, pixels: &[f32], count: usize, d_logits: &DLogits<'_>) -> Result<PixelGradients> {
        let weights = self.weights();
        let transposed = self.transposed.get(|transposed| self.evaluation.transpose(weights, transposed, true));
        let weights = Weights { transposed: Some(transposed), ..weights };
        let size = self.evaluation.values_per_input().max(1);
        self.passes(pixels, |pixels, first, workspace| {
            let logits = self.evaluation.forward(weights, pixels, workspace, None);
            let mut back = |number: usize, gradient: &mut [f32]| -> Result<()> {
                let wanted = Wanted { parameters: None, pixels: Some(gradient) };
                let d = d_logits(first, number, &logits)?;
                self.evaluation.backward(weights, &d, workspace, wanted);
                Ok(())
            };
            let mut gradients = vec![0.0; count * pixels.len()];
            if count == 1 {
                back(0, &mut gradients)?;
                return Ok(PixelGradients { logits, gradients });
            }
            let mut gradient = vec![0.0; pixels.len()];
            for number in 0..count {
                back(number, &mut gradient)?;
                for (all, one) in gradients.chunks_mut(count * size).zip(gradient.chunks(size)) {
                    all[number * size..][..size].copy_from_slice(one);
                }
            }
            Ok(PixelGradients { logits, gradients })
        })
    }

    fn train(
        &mut self,
        pixels: &[f32],
        d_logits: &mut dyn FnMut(&[f32]) -> Result<Vec<f32>>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<()> {
        let Training { plan, folded, transposed, derived, workspace } = &mut self.training;
        let parameters = &self.parameters;
        let reach = if wanted.pixels.is_some() { Reach::Pixels } else { Reach::Parameters };
        if derived.is_none_or(|derived| derived < reach) {
            plan.fold(parameters, folded);
            let weights = Weights { parameters, folded, transposed: None };
            plan.transpose(weights, transposed, reach == Reach::Pixels);
            *derived = Some(reach);
        }
        let weights = Weights { parameters, folded, transposed: Some(transposed) };
        let logits = plan.forward(weights, pixels, workspace, Some(rng));
        let d = d_logits(&logits)?;
        if wanted.parameters.is_some() || wanted.pixels.is_some() {
            plan.backward(weights, &d, workspace, wanted);
        }
        Ok(())
    }

    fn update_statistics(&mut self) -> Result<()> {
        let Training { plan, workspace, .. } = &self.training;
        // The weights of training do not depend on these.
        for (norm, seen) in plan.statistics(workspace) {
            approach(self.parameters.slot_mut(norm.mean), &seen.mean);
            approach(self.parameters.slot_mut(norm.var), &seen.unbiased_variance);
            self.folded.forget();
            self.transposed.forget();
        }
        Ok(())
    }
}
