//! A net learns here, one step of the optimiser at a time, on the clean or the adversarial objective.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::optimiser::{Algorithm, Optimiser, StepSize};
use crate::attack::{self, Bounds, Norm, PIXELS, sign_step};
use crate::device::Backend;
use crate::loss::{Loss, training_loss};
use crate::model::{Executor, Gradients, Manifest, Parameters, Params, PixelGradients, Wanted, WantedParameters};
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
    /// Share of the clean loss.
    pub alpha: f32,
    /// The range that adversarial examples are clipped to.
    pub bounds: Option<Bounds>,
    /// Share of the target that is spread over all classes.
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

/// A batch has pixels (n, channels, height, width) in [0, 1] and a class for each picture.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    pub pixels: &'a [f32],
    pub labels: &'a [usize],
}

/// This is a net with all that its training needs.
pub struct Learner {
    net: Box<dyn Executor>,
    classes: usize,
    gradients: Gradients,
    pub(super) optimiser: Optimiser,
}

/// A learner can go back to what it knew.
#[derive(Clone)]
pub struct Knowledge {
    pub(super) parameters: Parameters,
    pub(super) optimiser: Optimiser,
}

/// The part of the objective that a training pass computes.
#[derive(Clone, Copy)]
struct Part {
    /// The factor of its mean cross-entropy in the objective.
    weight: f32,
    /// The share of the target that is spread over all classes.
    smoothing: f32,
    collect: Collect,
}

/// What becomes of the gradients of the parameters in a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Collect {
    /// They are not computed.
    Nothing,
    /// They take the place of those before.
    Write,
    /// They are added to those before.
    Add,
}

/// The steps of a projected gradient ascent.
#[derive(Clone, Copy)]
struct Steps {
    length: f32,
    count: usize,
}

impl Learner {
    /// Makes a learner that begins with these parameters.
    ///
    /// # Errors
    /// Parameters that do not fit the manifest.
    pub fn new(backend: &Backend, manifest: &Manifest, params: &Params, algorithm: Algorithm) -> Result<Self> {
        let net = backend.executor(&manifest.layers, &manifest.input, params)?;
        let layout = &net.parameters().layout;
        let (gradients, optimiser) = (Gradients::zeros(layout), Optimiser::new(algorithm, layout));
        Ok(Self { net, classes: manifest.classes.len(), gradients, optimiser })
    }

    /// Returns a copy of the weights and running statistics.
    pub fn params(&self) -> Result<Params> {
        self.net.parameters().to_tensors()
    }

    /// Returns a copy of the weights, the running statistics and what the optimiser keeps.
    pub fn knowledge(&self) -> Knowledge {
        Knowledge { parameters: self.net.parameters().clone(), optimiser: self.optimiser.clone() }
    }

    /// Forgets everything that was learnt since then.
    pub fn go_back(&mut self, to: &Knowledge) {
        self.net.parameters_mut().clone_from(&to.parameters);
        self.optimiser.clone_from(&to.optimiser);
    }

    /// Returns a copy of one tensor's values; `None` if there is none of this name.
    pub fn tensor(&self, name: &str) -> Option<Vec<f32>> {
        self.net.parameters().tensor(name)
    }

    /// Takes one step on pixels (n, channels, height, width) in [0, 1]; returns the value of the objective. When that
    /// is not a number the weights stay as they are.
    ///
    /// The attack runs with dropout off and batch statistics frozen: made otherwise, the examples are far weaker. Where
    /// the net has neither, the pass that gives the gradient of the clean loss gives that of the pixels too: two passes
    /// where the textbook takes three. What an adversary draws comes from the stream after that of `rng`, so that dropout
    /// masks do not depend on it.
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
        let shares = self.net.trains_as_it_evaluates() && is_the_attacks;
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
        let Batch { pixels, labels } = batch;
        let value = if objective.is_adversarial() {
            let Objective { eps, alpha, bounds, smoothing, .. } = objective;
            // With α = 0 the clean loss does not count, but where it is shared, its gradient still points the way.
            let (weight, collect) = if alpha > 0.0 { (alpha, Collect::Write) } else { (1.0, Collect::Nothing) };
            let mut gradient = shares.then(|| vec![0.0; pixels.len()]);
            // The clean pass takes its dropout masks first, so that they do not depend on the attack.
            let clean = match alpha > 0.0 || shares {
                true => self.pass(batch, Part { weight, smoothing, collect }, gradient.as_deref_mut(), rng)?,
                false => 0.0,
            };
            let adversarial = match gradient {
                Some(gradient) => sign_step(pixels, &gradient, eps, bounds),
                None => {
                    let mut noise = rng.clone();
                    noise.set_stream(rng.get_stream() + 1);
                    self.perturb(pixels, labels, objective, &mut noise)?
                }
            };
            let batch = Batch { pixels: &adversarial, labels };
            let collect = if alpha > 0.0 { Collect::Add } else { Collect::Write };
            let adversarial = self.pass(batch, Part { weight: 1.0 - alpha, smoothing, collect }, None, rng)?;
            alpha * clean + (1.0 - alpha) * adversarial
        } else {
            let part = Part { weight: 1.0, smoothing: objective.smoothing, collect: Collect::Write };
            self.pass(batch, part, None, rng)?
        };
        if value.is_finite() {
            self.optimiser.step(self.net.parameters_mut(), &self.gradients, size);
        }
        Ok(value)
    }

    /// Does a training pass and returns the mean cross-entropy.
    fn pass(&mut self, batch: Batch<'_>, part: Part, pixels: Option<&mut [f32]>, rng: &mut ChaCha8Rng) -> Result<f32> {
        let mut loss = f32::NAN;
        let mut d_logits = |logits: &[f32]| {
            let (value, gradient) = training_loss(logits, batch.labels, part.smoothing, part.weight)?;
            loss = value;
            Ok(gradient)
        };
        let add = part.collect == Collect::Add;
        let wants_any = part.collect != Collect::Nothing;
        let parameters = wants_any.then_some(WantedParameters { to: &mut self.gradients, add });
        self.net.train(batch.pixels, &mut d_logits, Wanted { parameters, pixels }, rng)?;
        if loss.is_finite() {
            self.net.update_statistics()?;
        }
        Ok(loss)
    }

    /// Returns the logits in evaluation mode.
    ///
    /// # Errors
    /// Those of a device that is not the CPU.
    pub fn logits(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        on_the_pool(|| self.net.logits(pixels))
    }

    /// Returns the logits in evaluation mode, and `x + ε·sign(∇ₓJ)` against the labels. The log-odds have the sign of
    /// J's gradient and keep it where the net is already sure.
    ///
    /// # Errors
    /// A label that is not a class of the net.
    pub fn attack(&mut self, pixels: &[f32], labels: &[usize], objective: Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        let d_logits = |first: usize, _: usize, logits: &[f32]| {
            let rows = logits.len() / self.classes;
            Loss::LogOdds.gradient(logits, &labels[first..first + rows], 1.0)
        };
        let found = on_the_pool(|| self.net.gradients(pixels, 1, &d_logits))?;
        let PixelGradients { logits, gradients } = found;
        Ok((logits, sign_step(pixels, &gradients, objective.eps, objective.bounds)))
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
        match objective.adversary {
            Adversary::None => Ok(pixels.to_owned()),
            Adversary::Fgsm => Ok(self.attack(pixels, labels, objective)?.1),
            Adversary::RandomFgsm => {
                self.climb(pixels, moved(), labels, objective, Steps { length: 1.25 * eps, count: 1 })
            }
            Adversary::Pgd { steps } => {
                let steps = Steps { length: 2.5 * eps / steps as f32, count: steps };
                self.climb(pixels, moved(), labels, objective, steps)
            }
            Adversary::Signs => {
                let signs: Vec<f32> = pixels.iter().map(|_| if noise.random() { 1.0 } else { -1.0 }).collect();
                Ok(sign_step(pixels, &signs, eps, bounds))
            }
            Adversary::Uniform => Ok(moved()),
        }
    }

    /// Climbs the loss from `at` by steps along the sign of the gradient, each brought back to within ε of `pixels`.
    fn climb(
        &mut self,
        pixels: &[f32],
        mut at: Vec<f32>,
        labels: &[usize],
        objective: Objective,
        steps: Steps,
    ) -> Result<Vec<f32>> {
        for _ in 0..steps.count {
            let (_, moved) = self.attack(&at, labels, Objective { eps: steps.length, ..objective })?;
            at = within(moved, pixels, objective.eps, objective.bounds);
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
