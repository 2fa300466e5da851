//! A net learns here, one step of the optimiser at a time, on the clean or the adversarial objective.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::optimiser::{Algorithm, Optimiser, StepSize};
use crate::attack::{Bounds, Norm, PIXELS, sign_step, within};
use crate::device::Backend;
use crate::loss::{Loss, training_loss};
use crate::model::{Executor, Gradients, Manifest, Parameters, Params, PixelGradients, Wanted, WantedParameters};
use crate::threads::on_the_pool;
use crate::{Error, Result};

/// The second part of an objective is made of such pictures, within ε of the clean ones and afresh at every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Training minimises `α·J(x) + (1 − α)·J(x')` (arXiv 1412.6572, section 6), where the adversary makes x' of x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    pub adversary: Adversary,
    /// The largest move of a pixel, in units of the pixel range.
    pub eps: f32,
    /// The share of the clean loss, from 0 to 1.
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
    pub(super) fn is_adversarial(self) -> bool {
        self.adversary != Adversary::None && self.eps > 0.0 && self.alpha < 1.0
    }
}

/// This is a net with all that its training needs.
pub struct Learner {
    net: Box<dyn Executor>,
    /// Passes for training compute what those for evaluation do, so that an attack can share the clean one.
    shares: bool,
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

impl Learner {
    /// Makes a learner that begins with these parameters. They have to fit the manifest.
    pub fn new(backend: &Backend, manifest: &Manifest, params: &Params, algorithm: Algorithm) -> Result<Self> {
        let net = backend.executor(&manifest.graph, &manifest.input, params)?;
        let layout = &net.parameters().layout;
        let (gradients, optimiser) = (Gradients::zeros(layout), Optimiser::new(algorithm, layout));
        Ok(Self { shares: net.trains_as_it_evaluates(), net, classes: manifest.classes.len(), gradients, optimiser })
    }

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

    /// Takes one step on pixels (n, channels, height, width) in [0, 1], whose labels have to be classes of the net;
    /// returns the value of the objective. When that is not a number the weights stay as they are.
    ///
    /// The attack runs with dropout off and batch statistics frozen: made otherwise, the examples are far weaker. Where
    /// the net has neither, one pass gives the clean loss's gradients for weights and pixels: two passes where the
    /// textbook takes three. An adversary draws from the stream after that of `rng`, which leaves dropout masks alone.
    pub fn step(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        size: StepSize,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        let Objective { adversary, eps, bounds, smoothing, .. } = objective;
        let shares = self.shares && adversary == Adversary::Fgsm && smoothing == 0.0;
        let is_adversarial = objective.is_adversarial();
        let alpha = if is_adversarial { objective.alpha } else { 1.0 };
        on_the_pool(|| {
            let mut slopes = (is_adversarial && shares).then(|| vec![0.0; pixels.len()]);
            let mut value = 0.0;
            // The clean pass takes its dropout masks first, so that they do not depend on the attack.
            if alpha > 0.0 || shares {
                // With α = 0 the clean loss does not count, but its slopes still point the way.
                let weight = if alpha > 0.0 { alpha } else { 1.0 };
                let parameters = (alpha > 0.0).then_some(WantedParameters { to: &mut self.gradients, add: false });
                let wanted = Wanted { parameters, pixels: slopes.as_deref_mut() };
                let loss = |logits: &[f32]| training_loss(logits, labels, smoothing, weight);
                value = alpha * pass(&mut *self.net, pixels, loss, wanted, rng)?;
            }
            if is_adversarial {
                let adversarial = match slopes {
                    Some(slopes) => sign_step(pixels, &slopes, eps, bounds),
                    None => {
                        let mut noise = rng.clone();
                        noise.set_stream(rng.get_stream() + 1);
                        self.perturb(pixels, labels, objective, &mut noise)?
                    }
                };
                let parameters = Some(WantedParameters { to: &mut self.gradients, add: alpha > 0.0 });
                let wanted = Wanted { parameters, pixels: None };
                let loss = |logits: &[f32]| training_loss(logits, labels, smoothing, 1.0 - alpha);
                value += (1.0 - alpha) * pass(&mut *self.net, &adversarial, loss, wanted, rng)?;
            }
            if value.is_finite() {
                self.optimiser.step(self.net.parameters_mut(), &self.gradients, size);
            }
            Ok(value)
        })
    }

    /// Returns the logits in evaluation mode.
    pub fn logits(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        on_the_pool(|| self.net.logits(pixels))
    }

    /// Returns the logits in evaluation mode, and `x + ε·sign(∇ₓJ)` against the labels. The log-odds have the sign of
    /// J's gradient and keep it where the net is already sure. Labels have to be classes of the net.
    pub fn attack(&mut self, pixels: &[f32], labels: &[usize], objective: Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        let d_logits = |first: usize, _: usize, logits: &[f32]| {
            let rows = logits.len() / self.classes;
            Loss::LogOdds.gradient(logits, &labels[first..first + rows], 1.0)
        };
        let PixelGradients { logits, gradients } = on_the_pool(|| self.net.gradients(pixels, 1, &d_logits))?;
        Ok((logits, sign_step(pixels, &gradients, objective.eps, objective.bounds)))
    }

    /// Returns what the objective's adversary makes of some pictures, within ε of them and its bounds. Labels have to
    /// be classes of the net.
    pub fn perturb(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        noise: &mut ChaCha8Rng,
    ) -> Result<Vec<f32>> {
        let Objective { eps, bounds, .. } = objective;
        let (count, length) = match objective.adversary {
            Adversary::None => return Ok(pixels.to_owned()),
            Adversary::Fgsm => return Ok(self.attack(pixels, labels, objective)?.1),
            Adversary::Signs => {
                let signs: Vec<f32> = pixels.iter().map(|_| if noise.random() { 1.0 } else { -1.0 }).collect();
                return Ok(sign_step(pixels, &signs, eps, bounds));
            }
            Adversary::Uniform => (0, 0.0),
            Adversary::RandomFgsm => (1, 1.25 * eps),
            Adversary::Pgd { steps } => (steps, 2.5 * eps / steps as f32),
        };
        let mut at: Vec<f32> = pixels.iter().map(|x| x + noise.random_range(-eps..=eps)).collect();
        within(Norm::Linf, &mut at, pixels, eps, bounds);
        for _ in 0..count {
            (_, at) = self.attack(&at, labels, Objective { eps: length, ..objective })?;
            within(Norm::Linf, &mut at, pixels, eps, bounds);
        }
        Ok(at)
    }
}

/// Does a training pass and returns its loss, which `loss(logits)` gives with its gradient.
fn pass(
    net: &mut dyn Executor,
    pixels: &[f32],
    loss: impl Fn(&[f32]) -> Result<(f32, Vec<f32>)>,
    wanted: Wanted<'_>,
    rng: &mut ChaCha8Rng,
) -> Result<f32> {
    let mut value = f32::NAN;
    let mut d_logits = |logits: &[f32]| {
        let (found, gradient) = loss(logits)?;
        value = found;
        Ok(gradient)
    };
    net.train(pixels, &mut d_logits, wanted, rng)?;
    if value.is_finite() {
        net.update_statistics()?;
    }
    Ok(value)
}

#[cfg(test)]
#[path = "learner_tests.rs"]
mod tests;
