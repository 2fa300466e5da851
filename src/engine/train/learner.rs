//! A net that learns: one step of the optimiser at a time on the clean or the adversarial objective.

use rand_chacha::ChaCha8Rng;

use super::optimiser::{Algorithm, Optimiser, StepSize};
use super::passes::{Batch, KernelPasses, Passes, Seen, TensorPasses, Wanted};
use crate::engine::Result;
use crate::engine::attack::{Bounds, sign_step};
use crate::engine::device::Backend;
use crate::engine::kernels::Isa;
use crate::engine::model::{Gradients, Manifest, Parameters, Params};
use crate::engine::threads::on_the_pool;

/// What is minimised: arXiv 1412.6572, section 6, `α·J(x) + (1 − α)·J(x + ε·sign ∇ₓJ(x))`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// In units of the pixel range.
    pub eps: f32,
    /// Share of the clean loss.
    pub alpha: f32,
    /// The range that adversarial examples are clipped to.
    pub bounds: Option<Bounds>,
}

impl Objective {
    fn is_adversarial(self) -> bool {
        self.eps > 0.0 && self.alpha < 1.0
    }
}

/// A net with all that its training needs.
pub struct Learner {
    passes: Box<dyn Passes>,
    parameters: Parameters,
    gradients: Gradients,
    pub(super) optimiser: Optimiser,
    /// Slots of the running mean and variance of each batch normalisation.
    running: Vec<(usize, usize)>,
    /// Whether the passes know the present weights.
    is_fresh: bool,
    isa: Isa,
}

/// Share of a new batch in the running statistics of batch normalisation, as in PyTorch.
const STATISTICS_MOMENTUM: f32 = 0.1;

impl Learner {
    /// # Errors
    /// Parameters that do not fit the manifest.
    pub fn new(backend: &Backend, manifest: &Manifest, params: &Params, algorithm: Algorithm) -> Result<Self> {
        let kernels = KernelPasses::new(manifest)?;
        let layout = kernels.layout().clone();
        let slots = |part: &str| {
            let found = layout.slots.iter().enumerate().filter(|(_, slot)| slot.name.ends_with(part));
            found.map(|(number, _)| number).collect::<Vec<_>>()
        };
        Ok(Self {
            running: slots(".running_mean").into_iter().zip(slots(".running_var")).collect(),
            parameters: Parameters::from_tensors(&layout, params)?,
            gradients: Gradients::zeros(&layout),
            optimiser: Optimiser::new(algorithm, &layout),
            passes: match backend {
                Backend::Kernels => Box::new(kernels),
                Backend::Tensors(device) => Box::new(TensorPasses::new(manifest, device)),
            },
            is_fresh: false,
            isa: Isa::detect(),
        })
    }

    /// A copy of the weights and running statistics.
    pub fn params(&self) -> Result<Params> {
        self.parameters.to_tensors()
    }

    /// One step on pixels (n, channels, height, width) in [0, 1]; returns the value of the objective. When that is not a
    /// number the weights stay as they are.
    ///
    /// The attack runs with dropout off and batch statistics frozen: made otherwise, the examples are far weaker. Where
    /// the net has neither, the pass that gives the gradient of the clean loss gives that of the pixels too: two passes
    /// where the textbook takes three.
    ///
    /// # Errors
    /// A label that is not a class of the net.
    pub fn step(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        size: StepSize,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        let shares = self.passes.are_shared();
        on_the_pool(|| self.step_in(pixels, labels, (objective, shares), size, rng))
    }

    /// [`Self::step`], sharing the clean pass or not.
    fn step_in(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        (objective, shares): (Objective, bool),
        size: StepSize,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        self.passes.refresh(&self.parameters, objective.is_adversarial())?;
        self.is_fresh = true;
        let batch = Batch { pixels, labels };
        let value = if objective.is_adversarial() {
            let Objective { eps, alpha, bounds } = objective;
            // With α = 0 the clean loss does not count, but its gradient still points the way.
            let (weight, collect) = if alpha > 0.0 { (alpha, Some(false)) } else { (1.0, None) };
            let mut gradient = shares.then(|| vec![0.0; pixels.len()]);
            // The clean pass takes its dropout masks first, so that they do not depend on the attack.
            let clean = self.pass(batch, (weight, collect), gradient.as_deref_mut(), rng)?;
            let adversarial = match gradient {
                Some(gradient) => sign_step(pixels, &gradient, eps, bounds),
                None => self.attack(pixels, labels, objective)?.1,
            };
            let batch = Batch { pixels: &adversarial, labels };
            let adversarial = self.pass(batch, (1.0 - alpha, Some(alpha > 0.0)), None, rng)?;
            alpha * clean + (1.0 - alpha) * adversarial
        } else {
            self.pass(batch, (1.0, Some(false)), None, rng)?
        };
        if value.is_finite() {
            self.optimiser.step(self.isa, &mut self.parameters, &self.gradients, size);
            self.is_fresh = false;
        }
        Ok(value)
    }

    /// A training pass: the mean cross-entropy. `weight` times its gradient is written to those of the parameters, or added
    /// to them; none with `None`.
    fn pass(
        &mut self,
        batch: Batch<'_>,
        (weight, collect): (f32, Option<bool>),
        pixels: Option<&mut [f32]>,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        let wanted = Wanted { weight, parameters: collect.map(|add| (&mut self.gradients, add)), pixels };
        let (loss, seen) = self.passes.train(&self.parameters, batch, wanted, rng)?;
        if loss.is_finite() {
            self.update_statistics(&seen);
        }
        Ok(loss)
    }

    /// Moves the running statistics of batch normalisations towards those of the last pass.
    fn update_statistics(&mut self, seen: &Seen) {
        let layout = self.parameters.layout.clone();
        for ((mean, var), seen) in self.running.iter().zip(seen) {
            for (slot, seen) in [(mean, &seen.0), (var, &seen.1)] {
                let running = &mut self.parameters.values[layout.slots[*slot].range.clone()];
                for (running, seen) in running.iter_mut().zip(seen) {
                    *running = (1.0 - STATISTICS_MOMENTUM) * *running + STATISTICS_MOMENTUM * seen;
                }
            }
            self.is_fresh = false;
        }
    }

    fn refresh(&mut self) -> Result<()> {
        if !self.is_fresh {
            self.passes.refresh(&self.parameters, true)?;
            self.is_fresh = true;
        }
        Ok(())
    }

    /// Logits in evaluation mode.
    ///
    /// # Errors
    /// Those of a device that is not the CPU.
    pub fn logits(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        self.refresh()?;
        on_the_pool(|| self.passes.logits(&self.parameters, pixels))
    }

    /// Logits in evaluation mode, and `x + ε·sign(∇ₓJ)` against the labels. The log-odds have the sign of J's gradient and
    /// keep it where the net is already sure.
    ///
    /// # Errors
    /// A label that is not a class of the net.
    pub fn attack(&mut self, pixels: &[f32], labels: &[usize], objective: Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        self.refresh()?;
        let batch = Batch { pixels, labels };
        let (logits, gradient) = on_the_pool(|| self.passes.gradient(&self.parameters, batch))?;
        Ok((logits, sign_step(pixels, &gradient, objective.eps, objective.bounds)))
    }
}

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
