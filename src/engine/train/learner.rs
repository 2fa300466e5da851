//! A net learns here, one step of the optimiser at a time, on the clean or the adversarial objective.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::average::Average;
use super::objective::{Adversary, Objective};
use super::optimiser::{Algorithm, Optimiser, StepSize};
use crate::Result;
use crate::attack::{Bounds, Norm, normal, sign_step, within};
use crate::device::Backend;
use crate::loss::{Loss, divergence_gradient, trades_loss, training_loss};
use crate::model::{Executor, Gradients, Manifest, Parameters, Params, PixelGradients, Wanted, WantedParameters};
use crate::threads::on_the_pool;

/// This is a net with all that its training needs.
pub struct Learner {
    net: Box<dyn Executor>,
    /// Passes for training compute what those for evaluation do, so that an attack can share the clean one.
    shares: bool,
    classes: usize,
    gradients: Gradients,
    pub(super) optimiser: Optimiser,
    average: Option<Average>,
}

/// A learner can go back to what it knew.
#[derive(Clone)]
pub struct Knowledge {
    pub(super) parameters: Parameters,
    pub(super) optimiser: Optimiser,
    /// The average of the weights, where one is kept.
    pub(super) average: Option<Parameters>,
}

impl Learner {
    /// Makes a learner that begins with these parameters. They have to fit the manifest.
    pub fn new(backend: &Backend, manifest: &Manifest, params: &Params, algorithm: Algorithm) -> Result<Self> {
        let net = backend.executor(&manifest.graph, &manifest.input, params)?;
        let layout = &net.parameters().layout;
        let (gradients, optimiser) = (Gradients::zeros(layout), Optimiser::new(algorithm, layout));
        let shares = net.trains_as_it_evaluates();
        Ok(Self { shares, net, classes: manifest.classes.len(), gradients, optimiser, average: None })
    }

    /// Keeps an average of the weights from now on, in which each step's weigh `1 − decay`.
    pub fn averaging(mut self, decay: Option<f32>) -> Self {
        self.average = decay.map(|decay| Average::new(decay, self.net.parameters().clone()));
        self
    }

    /// Returns the weights to use: their average, where one is kept.
    pub fn params(&self) -> Result<Params> {
        self.average.as_ref().map_or(self.net.parameters(), |average| &average.parameters).to_tensors()
    }

    /// Does something with the averaged weights in place of the present ones, where there are such.
    pub fn with_average<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let Some(mut average) = self.average.take() else { return act(self) };
        std::mem::swap(&mut average.parameters.values, &mut self.net.parameters_mut().values);
        let done = act(self);
        std::mem::swap(&mut average.parameters.values, &mut self.net.parameters_mut().values);
        self.average = Some(average);
        done
    }

    /// Returns a copy of the weights, the running statistics, their average, and what the optimiser keeps.
    pub fn knowledge(&self) -> Knowledge {
        let average = self.average.as_ref().map(|average| average.parameters.clone());
        Knowledge { parameters: self.net.parameters().clone(), optimiser: self.optimiser.clone(), average }
    }

    /// Forgets everything that was learnt since then.
    pub fn go_back(&mut self, to: &Knowledge) {
        self.net.parameters_mut().clone_from(&to.parameters);
        self.optimiser.clone_from(&to.optimiser);
        if let (Some(average), Some(to)) = (&mut self.average, &to.average) {
            average.parameters.clone_from(to);
        }
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
        let Objective { adversary, eps, bounds, smoothing, norm, .. } = objective;
        let shares = self.shares && adversary == Adversary::Fgsm && smoothing == 0.0;
        let is_adversarial = objective.is_adversarial();
        match (adversary, objective.trades) {
            (_, Some(_)) if is_adversarial => return self.trades_step(pixels, labels, objective, size, rng),
            (Adversary::Free { .. }, None) if is_adversarial => {
                return self.free_step(pixels, labels, objective, size, rng);
            }
            _ => {}
        }
        let alpha = if is_adversarial { objective.alpha } else { 1.0 };
        on_the_pool(|| {
            let mut slopes = (is_adversarial && shares).then(|| vec![0.0; pixels.len()]);
            let mut value = 0.0;
            // The clean pass takes its dropout masks first, so that they do not depend on the attack.
            if alpha > 0.0 || shares {
                let clean = Share { weight: alpha, smoothing, add: false };
                value = self.learn_share(pixels, labels, clean, slopes.as_deref_mut(), rng)?;
            }
            if is_adversarial {
                let adversarial = match slopes {
                    Some(slopes) => step_up(norm, pixels, &slopes, labels.len(), eps, bounds),
                    None => self.perturb(pixels, labels, objective, &mut noise_beside(rng))?,
                };
                let share = Share { weight: 1.0 - alpha, smoothing, add: alpha > 0.0 };
                value += self.learn_share(&adversarial, labels, share, None, rng)?;
            }
            self.take_step(value, size);
            Ok(value)
        })
    }

    /// Does a pass over one share of the mixed objective, whose gradients are kept for the step, and writes its slopes
    /// for the pixels where they are asked for. Returns what the share adds to the objective.
    fn learn_share(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        share: Share,
        slopes: Option<&mut [f32]>,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        let Share { weight, smoothing, add } = share;
        let counts = weight > 0.0;
        let parameters = counts.then_some(WantedParameters { to: &mut self.gradients, add });
        // A loss of no weight does not count, but its slopes still point the way.
        let loss = |logits: &[f32]| training_loss(logits, labels, smoothing, if counts { weight } else { 1.0 });
        Ok(weight * pass(&mut *self.net, pixels, loss, Wanted { parameters, pixels: slopes }, rng)?)
    }

    fn take_step(&mut self, value: f32, size: StepSize) {
        if value.is_finite() {
            self.optimiser.step(self.net.parameters_mut(), &self.gradients, size);
            if let Some(average) = &mut self.average {
                average.add(self.net.parameters(), self.optimiser.steps);
            }
        }
    }

    /// Takes a step of TRADES. Clean and adversarial pictures are one batch, of which batch normalisation sees both.
    fn trades_step(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        size: StepSize,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        on_the_pool(|| {
            let adversarial = self.perturb(pixels, labels, objective, &mut noise_beside(rng))?;
            let both = [pixels, &adversarial].concat();
            let wanted = WantedParameters { to: &mut self.gradients, add: false };
            let wanted = Wanted { parameters: Some(wanted), pixels: None };
            let Objective { smoothing, trades, .. } = objective;
            let loss = |logits: &[f32]| trades_loss(logits, labels, smoothing, trades.unwrap_or_default());
            let value = pass(&mut *self.net, &both, loss, wanted, rng)?;
            self.take_step(value, size);
            Ok(value)
        })
    }

    /// Takes as many steps on one batch as it has replays; each moves the pictures by what it learnt of their slopes,
    /// in training mode, since the same pass serves both. Returns the mean of the objective.
    fn free_step(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        size: StepSize,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        let Objective { norm, eps, alpha, bounds, smoothing, .. } = objective;
        let replays = objective.adversary.replays();
        on_the_pool(|| {
            let n = labels.len();
            let mut at = random_start(pixels, n, objective, eps, &mut noise_beside(rng));
            let (mut slopes, mut sum) = (vec![0.0; pixels.len()], 0.0);
            for _ in 0..replays {
                let mut value = 0.0;
                if alpha > 0.0 {
                    let clean = Share { weight: alpha, smoothing, add: false };
                    value = self.learn_share(pixels, labels, clean, None, rng)?;
                }
                let share = Share { weight: 1.0 - alpha, smoothing, add: alpha > 0.0 };
                value += self.learn_share(&at, labels, share, Some(&mut slopes), rng)?;
                if !value.is_finite() {
                    return Ok(value);
                }
                self.take_step(value, size);
                at = step_up(norm, &at, &slopes, n, eps, bounds);
                each_within(norm, &mut at, pixels, n, eps, bounds);
                sum += value;
            }
            Ok(sum / replays as f32)
        })
    }

    /// Returns the logits in evaluation mode.
    pub fn logits(&mut self, pixels: &[f32]) -> Result<Vec<f32>> {
        on_the_pool(|| self.net.logits(pixels))
    }

    /// Returns the logits in evaluation mode, and pictures one step of ε up the loss of the labels: in L∞
    /// `x + ε·sign(∇ₓJ)`. The log-odds have the sign of J's gradient and keep it where the net is already sure. Labels
    /// have to be classes of the net.
    pub fn attack(&mut self, pixels: &[f32], labels: &[usize], objective: Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        let d_logits = |first: usize, _: usize, logits: &[f32]| {
            let rows = logits.len() / self.classes;
            Loss::LogOdds.gradient(logits, &labels[first..first + rows], 1.0)
        };
        let PixelGradients { logits, gradients } = on_the_pool(|| self.net.gradients(pixels, 1, &d_logits))?;
        let Objective { norm, eps, bounds, .. } = objective;
        Ok((logits, step_up(norm, pixels, &gradients, labels.len(), eps, bounds)))
    }

    /// Returns pictures one step up their distance from the answers `clean`, which is the divergence of TRADES.
    fn step_away(&mut self, pixels: &[f32], clean: &[f32], n: usize, objective: Objective) -> Result<Vec<f32>> {
        let d_logits = |first: usize, _: usize, logits: &[f32]| {
            let from = first * self.classes;
            Ok(divergence_gradient(&clean[from..from + logits.len()], logits, self.classes))
        };
        let PixelGradients { gradients, .. } = on_the_pool(|| self.net.gradients(pixels, 1, &d_logits))?;
        Ok(step_up(objective.norm, pixels, &gradients, n, objective.eps, objective.bounds))
    }

    /// Returns what the objective's adversary makes of some pictures, within ε of them and its bounds (the noisy form
    /// of FGSM leaves ε). Labels have to be classes of the net.
    pub fn perturb(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        noise: &mut ChaCha8Rng,
    ) -> Result<Vec<f32>> {
        let (Objective { norm, eps, bounds, .. }, n) = (objective, labels.len());
        let has_trades = objective.trades.is_some();
        let (radius, count, length) = match objective.adversary {
            Adversary::None => return Ok(pixels.to_owned()),
            Adversary::Fgsm if !has_trades => return Ok(self.attack(pixels, labels, objective)?.1),
            Adversary::Signs => {
                let signs: Vec<f32> = pixels.iter().map(|_| if noise.random() { 1.0 } else { -1.0 }).collect();
                return Ok(step_up(norm, pixels, &signs, n, eps, bounds));
            }
            Adversary::Uniform => (eps, 0, 0.0),
            Adversary::Fgsm | Adversary::Free { .. } => (eps, 1, eps),
            Adversary::RandomFgsm => (eps, 1, 1.25 * eps),
            Adversary::NoisyFgsm => (2.0 * eps, 1, eps),
            Adversary::Pgd { steps } => (eps, steps, 2.5 * eps / steps as f32),
        };
        let mut at = if has_trades && count > 0 {
            // The divergence has no slope at the picture itself.
            pixels.iter().zip(normal(pixels.len(), noise)).map(|(x, drawn)| x + TRADES_START * drawn).collect()
        } else {
            random_start(pixels, n, objective, radius, noise)
        };
        let is_free_to_leave = objective.adversary == Adversary::NoisyFgsm;
        let clean = if has_trades && count > 0 { self.logits(pixels)? } else { Vec::new() };
        let step = Objective { eps: length, ..objective };
        for _ in 0..count {
            at = if has_trades { self.step_away(&at, &clean, n, step)? } else { self.attack(&at, labels, step)?.1 };
            if !is_free_to_leave {
                each_within(norm, &mut at, pixels, n, eps, bounds);
            }
        }
        Ok(at)
    }
}

/// This is one part of the objective `α·J(x) + (1 − α)·J(x')`.
#[derive(Clone, Copy)]
struct Share {
    weight: f32,
    smoothing: f32,
    /// The gradients are added to those of the part before.
    add: bool,
}

/// TRADES begins so far from a picture, times standard normal noise: algorithm 1 of the paper.
const TRADES_START: f32 = 0.001;

/// Returns the stream that an adversary draws from, which leaves dropout masks alone.
fn noise_beside(rng: &ChaCha8Rng) -> ChaCha8Rng {
    let mut noise = rng.clone();
    noise.set_stream(rng.get_stream() + 1);
    noise
}

/// Returns points drawn from within this radius of pictures and the bounds.
fn random_start(pixels: &[f32], n: usize, objective: Objective, radius: f32, noise: &mut ChaCha8Rng) -> Vec<f32> {
    let Objective { norm, bounds, .. } = objective;
    let mut at: Vec<f32> = match norm {
        Norm::Linf => pixels.iter().map(|x| x + noise.random_range(-radius..=radius)).collect(),
        Norm::L2 | Norm::L1 => {
            let size = pixels.len() / n.max(1);
            let drawn = pixels.chunks(size).flat_map(|picture| {
                let direction = norm.steepest(&normal(size, noise));
                // Drawn evenly from a ball.
                let length = radius * noise.random::<f32>().powf(1.0 / size as f32);
                picture.iter().zip(direction).map(move |(x, d)| x + length * d).collect::<Vec<_>>()
            });
            drawn.collect()
        }
    };
    each_within(norm, &mut at, pixels, n, radius, bounds);
    at
}

/// Returns `n` pictures one step of this length in the steepest direction.
fn step_up(norm: Norm, pixels: &[f32], slopes: &[f32], n: usize, length: f32, bounds: Option<Bounds>) -> Vec<f32> {
    if norm == Norm::Linf {
        return sign_step(pixels, slopes, length, bounds);
    }
    let size = (pixels.len() / n.max(1)).max(1);
    let pictures = pixels.chunks(size).zip(slopes.chunks(size));
    let moved = pictures.flat_map(|(x, slopes)| {
        let direction = norm.steepest(slopes);
        let mut moved: Vec<f32> = x.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        within(norm, &mut moved, x, length, bounds);
        moved
    });
    moved.collect()
}

/// Brings each of `n` pictures back to within ε of its own place.
fn each_within(norm: Norm, at: &mut [f32], pixels: &[f32], n: usize, eps: f32, bounds: Option<Bounds>) {
    let size = (pixels.len() / n.max(1)).max(1);
    at.chunks_mut(size).zip(pixels.chunks(size)).for_each(|(at, x)| within(norm, at, x, eps, bounds));
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
