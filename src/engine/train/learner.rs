//! A net learns here, one step of the optimiser at a time, on the clean or the adversarial objective.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::optimiser::{Algorithm, Optimiser, StepSize};
use super::passes::{Batch, Collect, KernelPasses, Passes, Seen, TensorPasses, Wanted};
use crate::attack::{self, Bounds, Norm, PIXELS, sign_step};
use crate::device::Backend;
use crate::kernels::Isa;
use crate::model::{Gradients, Manifest, Parameters, Params};
use crate::threads::on_the_pool;
use crate::{Error, Result};

/// The second part of an objective is made of such pictures, within ε of the clean ones and afresh at every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Adversary {
    /// There is the clean loss alone.
    None,
    /// One step is taken to `x + ε·sign(∇ₓJ)`: arXiv 1412.6572, section 6.
    #[default]
    Fgsm,
    /// One step of 1.25·ε is taken from a point drawn from U(x − ε, x + ε), and brought back to within ε: Wong, Rice &
    /// Kolter, Fast is better than free, 2020, algorithm 3.
    RandomFgsm,
    /// So many steps of 2.5·ε/steps are taken from such a point, each brought back to within ε: Madry et al., Towards
    /// Deep Learning Models Resistant to Adversarial Attacks, 2018, section 2.1.
    Pgd { steps: usize },
    /// Chance draws the sign of each pixel in `x ± ε`: the paper's first control.
    Signs,
    /// Chance draws `x + U(−ε, ε)`: the paper's second control.
    Uniform,
}

impl std::fmt::Display for Adversary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Fgsm => f.write_str("fgsm"),
            Self::RandomFgsm => f.write_str("random-fgsm"),
            Self::Pgd { steps } => write!(f, "pgd-{steps}"),
            Self::Signs => f.write_str("signs"),
            Self::Uniform => f.write_str("uniform"),
        }
    }
}

impl std::str::FromStr for Adversary {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let others = [Self::None, Self::Fgsm, Self::RandomFgsm, Self::Signs, Self::Uniform];
        let steps = text.strip_prefix("pgd-").and_then(|steps| steps.parse().ok());
        let found = others.into_iter().find(|other| other.to_string() == text);
        found.or(steps.map(|steps| Self::Pgd { steps })).ok_or_else(|| {
            let expected = "none, fgsm, random-fgsm, pgd-7 (7 steps), signs or uniform";
            Error::Argument(format!("the adversary is {text:?}; expected {expected}"))
        })
    }
}

impl TryFrom<String> for Adversary {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Adversary> for String {
    fn from(adversary: Adversary) -> Self {
        adversary.to_string()
    }
}

/// Training minimises `α·J(x) + (1 − α)·J(x + ε·sign ∇ₓJ(x))` (arXiv 1412.6572, section 6), or this with another
/// adversary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    pub adversary: Adversary,
    /// The largest move of a pixel, in units of the pixel range.
    pub eps: f32,
    /// The share of the clean loss.
    pub alpha: f32,
    /// The range that adversarial examples are clipped to.
    pub bounds: Option<Bounds>,
    /// The share of the target that is spread over all classes.
    pub smoothing: f32,
}

impl Default for Objective {
    fn default() -> Self {
        Self { adversary: Adversary::Fgsm, eps: 0.0, alpha: 1.0, bounds: Some(PIXELS), smoothing: 0.0 }
    }
}

impl Objective {
    fn is_adversarial(self) -> bool {
        self.adversary != Adversary::None && self.eps > 0.0 && self.alpha < 1.0
    }
}

/// This is a net with all that its training needs.
pub struct Learner {
    passes: Box<dyn Passes>,
    parameters: Parameters,
    gradients: Gradients,
    pub(super) optimiser: Optimiser,
    running: Vec<(usize, usize)>,
    is_fresh: bool,
    isa: Isa,
}

/// A learner can go back to what it knew.
#[derive(Clone)]
pub struct Knowledge {
    pub(super) parameters: Parameters,
    pub(super) optimiser: Optimiser,
}

/// The share of a new batch in the running statistics of batch normalisation, as in PyTorch.
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

    /// Returns a copy of the weights and running statistics.
    pub fn params(&self) -> Result<Params> {
        self.parameters.to_tensors()
    }

    /// Returns a copy of the weights, the running statistics and what the optimiser keeps.
    pub fn knowledge(&self) -> Knowledge {
        Knowledge { parameters: self.parameters.clone(), optimiser: self.optimiser.clone() }
    }

    /// Forgets everything that was learnt since then.
    pub fn go_back(&mut self, to: &Knowledge) {
        self.parameters.clone_from(&to.parameters);
        self.optimiser.clone_from(&to.optimiser);
        self.is_fresh = false;
    }

    /// Returns a copy of one tensor's values; `None` if there is none of this name.
    pub fn tensor(&self, name: &str) -> Option<Vec<f32>> {
        self.parameters.tensor(name)
    }

    /// Takes one step on pixels (n, channels, height, width) in [0, 1]; returns the value of the objective. When that
    /// is not a number the weights stay as they are.
    ///
    /// The attack runs with dropout off and batch statistics frozen: made otherwise, the examples are far weaker.
    /// Where the net has neither, the pass that gives the gradient of the clean loss gives that of the pixels too:
    /// two passes where the textbook takes three. What an adversary draws comes from the stream after that of `rng`,
    /// so that dropout masks do not depend on it.
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
        let is_the_attacks = objective.adversary == Adversary::Fgsm && objective.smoothing == 0.0;
        let shares = self.passes.are_shared() && is_the_attacks;
        on_the_pool(|| self.step_on(Batch { pixels, labels }, objective, shares, size, rng))
    }

    fn step_on(
        &mut self,
        batch: Batch<'_>,
        objective: Objective,
        shares: bool,
        size: StepSize,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        self.passes.refresh(&self.parameters, objective.is_adversarial())?;
        self.is_fresh = true;
        let Objective { eps, alpha, bounds, smoothing, .. } = objective;
        let value = if objective.is_adversarial() {
            // With α = 0 the clean loss does not count, but where it is shared, its gradient still points the way.
            let (weight, collect) = if alpha > 0.0 { (alpha, Collect::Write) } else { (1.0, Collect::Nothing) };
            let mut gradient = shares.then(|| vec![0.0; batch.pixels.len()]);
            // The clean pass takes its dropout masks first, so that they do not depend on the attack.
            let mut clean = 0.0;
            if alpha > 0.0 || shares {
                let wanted = Wanted { weight, smoothing, collect, pixels: gradient.as_deref_mut() };
                clean = self.pass(batch, wanted, rng)?;
            }
            let adversarial = match gradient {
                Some(gradient) => sign_step(batch.pixels, &gradient, eps, bounds),
                None => {
                    let mut noise = rng.clone();
                    noise.set_stream(rng.get_stream() + 1);
                    self.perturb(batch.pixels, batch.labels, objective, &mut noise)?
                }
            };
            let batch = Batch { pixels: &adversarial, labels: batch.labels };
            let collect = if alpha > 0.0 { Collect::Add } else { Collect::Write };
            let wanted = Wanted { weight: 1.0 - alpha, smoothing, collect, pixels: None };
            let adversarial = self.pass(batch, wanted, rng)?;
            alpha * clean + (1.0 - alpha) * adversarial
        } else {
            self.pass(batch, Wanted { weight: 1.0, smoothing, collect: Collect::Write, pixels: None }, rng)?
        };
        if value.is_finite() {
            self.optimiser.step(self.isa, &mut self.parameters, &self.gradients, size);
            self.is_fresh = false;
        }
        Ok(value)
    }

    fn pass(&mut self, batch: Batch<'_>, wanted: Wanted<'_>, rng: &mut ChaCha8Rng) -> Result<f32> {
        let (loss, seen) = self.passes.train(&self.parameters, &mut self.gradients, batch, wanted, rng)?;
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

    /// Returns the logits in evaluation mode.
    ///
    /// # Errors
    /// Those of a device that is not the CPU.
    pub fn logits(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        self.refresh()?;
        on_the_pool(|| self.passes.logits(&self.parameters, pixels))
    }

    /// Returns the logits in evaluation mode, and `x + ε·sign(∇ₓJ)` against the labels. The log-odds have the sign of
    /// J's gradient and keep it where the net is already sure.
    ///
    /// # Errors
    /// A label that is not a class of the net.
    pub fn attack(&mut self, pixels: &[f32], labels: &[usize], objective: Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        self.refresh()?;
        let batch = Batch { pixels, labels };
        let (logits, gradient) = on_the_pool(|| self.passes.gradient(&self.parameters, batch))?;
        Ok((logits, sign_step(pixels, &gradient, objective.eps, objective.bounds)))
    }

    /// Returns what the objective's adversary makes of some pictures, within ε of them and its bounds.
    ///
    /// # Errors
    /// A label that is not a class of the net.
    pub fn perturb(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        noise: &mut ChaCha8Rng,
    ) -> Result<Vec<f32>> {
        let Objective { eps, bounds, .. } = objective;
        let mut moved = || {
            let moved = pixels.iter().map(|x| x + noise.random_range(-eps..=eps)).collect();
            within(moved, pixels, eps, bounds)
        };
        let batch = Batch { pixels, labels };
        match objective.adversary {
            Adversary::None => Ok(pixels.to_owned()),
            Adversary::Fgsm => Ok(self.attack(pixels, labels, objective)?.1),
            Adversary::RandomFgsm => self.climb(batch, moved(), objective, 1.25 * eps, 1),
            Adversary::Pgd { steps } => self.climb(batch, moved(), objective, 2.5 * eps / steps as f32, steps),
            Adversary::Signs => {
                let signs: Vec<f32> = pixels.iter().map(|_| if noise.random() { 1.0 } else { -1.0 }).collect();
                Ok(sign_step(pixels, &signs, eps, bounds))
            }
            Adversary::Uniform => Ok(moved()),
        }
    }

    /// Takes steps of length `step` along the sign of the gradient from `at`, each brought back to around the batch.
    fn climb(
        &mut self,
        around: Batch<'_>,
        mut at: Vec<f32>,
        objective: Objective,
        step: f32,
        steps: usize,
    ) -> Result<Vec<f32>> {
        for _ in 0..steps {
            let (_, moved) = self.attack(&at, around.labels, Objective { eps: step, ..objective })?;
            at = within(moved, around.pixels, objective.eps, objective.bounds);
        }
        Ok(at)
    }
}

/// Brings pixels back to within ε of `centre`, and into the bounds.
fn within(mut pixels: Vec<f32>, centre: &[f32], eps: f32, bounds: Option<Bounds>) -> Vec<f32> {
    attack::within(Norm::Linf, &mut pixels, centre, eps, bounds);
    pixels
}

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
