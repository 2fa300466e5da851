//! A net that learns: one step of the optimiser at a time on the clean or the adversarial objective.

use rand_chacha::ChaCha8Rng;

use super::optimiser::{Algorithm, Optimiser, StepSize};
use crate::engine::Result;
use crate::engine::attack::{Bounds, sign_step};
use crate::engine::kernels::Isa;
use crate::engine::loss::{Loss, exact_cross_entropy_gradient};
use crate::engine::model::{Folded, Manifest, Parameters, Params, Pass, Plan, Transposed, Wanted, Weights, Workspace};

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

/// A net with all that its training needs; nothing is allocated anew from one step to the next.
pub struct Learner {
    training: Plan,
    evaluation: Plan,
    parameters: Parameters,
    gradients: Parameters,
    pub(super) optimiser: Optimiser,
    transposed: Transposed,
    /// Of the evaluation, where batch normalisation makes its weights others than those of the training.
    frozen: (Folded, Transposed),
    /// Whether `frozen` belongs to the present weights.
    is_fresh: bool,
    workspaces: (Workspace, Workspace),
    isa: Isa,
}

/// What happens to the gradients of the pass before.
#[derive(Clone, Copy, PartialEq)]
enum Collect {
    Write,
    Add,
}

/// Share of a new batch in the running statistics of batch normalisation, as in PyTorch.
const STATISTICS_MOMENTUM: f32 = 0.1;

impl Learner {
    /// # Errors
    /// Parameters that do not fit the manifest.
    pub fn new(manifest: &Manifest, params: &Params, algorithm: Algorithm) -> Result<Self> {
        let training = Plan::new(&manifest.layers, &manifest.input, Pass::Train)?;
        let evaluation = Plan::new(&manifest.layers, &manifest.input, Pass::Evaluate)?;
        let parameters = Parameters::from_tensors(&training.layout, params)?;
        Ok(Self {
            gradients: Parameters::zeros(&training.layout),
            optimiser: Optimiser::new(algorithm, &training.layout),
            training,
            evaluation,
            parameters,
            transposed: Transposed::default(),
            frozen: Default::default(),
            is_fresh: false,
            workspaces: Default::default(),
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
    /// the net has neither, the pass that gives the gradient of the clean loss gives that of the pixels too.
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
        let shares = self.training.masks == 0 && self.training.norms == 0;
        self.training.transpose(&self.parameters, &Folded::default(), &mut self.transposed, objective.is_adversarial());
        let value = if objective.is_adversarial() {
            let Objective { eps, alpha, bounds } = objective;
            // With α = 0 the clean loss does not count, but its gradient still points the way.
            let (weight, collect) = if alpha > 0.0 { (alpha, Some(Collect::Write)) } else { (1.0, None) };
            let mut gradient = shares.then(|| vec![0.0; pixels.len()]);
            // The clean pass takes its dropout masks first, so that they do not depend on the attack.
            let clean = self.pass(pixels, labels, (weight, collect), gradient.as_mut(), rng)?;
            let adversarial = match gradient {
                Some(gradient) => sign_step(pixels, &gradient, eps, bounds),
                None => self.attack(pixels, labels, objective)?.1,
            };
            let collect = if alpha > 0.0 { Collect::Add } else { Collect::Write };
            let adversarial = self.pass(&adversarial, labels, (1.0 - alpha, Some(collect)), None, rng)?;
            alpha * clean + (1.0 - alpha) * adversarial
        } else {
            self.pass(pixels, labels, (1.0, Some(Collect::Write)), None, rng)?
        };
        if value.is_finite() {
            self.optimiser.step(self.isa, &mut self.parameters, &self.gradients, size);
            self.is_fresh = false;
        }
        Ok(value)
    }

    /// A training pass: the mean cross-entropy. Writes `weight` times its gradient to those of the parameters or adds it to
    /// them, as `wanted`, and writes that of the pixels.
    fn pass(
        &mut self,
        pixels: &[f32],
        labels: &[usize],
        (weight, wanted): (f32, Option<Collect>),
        gradient: Option<&mut Vec<f32>>,
        rng: &mut ChaCha8Rng,
    ) -> Result<f32> {
        let weights =
            Weights { parameters: &self.parameters, folded: &Folded::default(), transposed: Some(&self.transposed) };
        let workspace = &mut self.workspaces.0;
        let logits = self.training.forward(self.isa, weights, pixels, workspace, Some(rng));
        let n = labels.len() as f32;
        let losses = Loss::CrossEntropy.values(&logits, labels)?;
        let d_logits = exact_cross_entropy_gradient(&logits, labels, weight / n)?;
        if wanted.is_some() || gradient.is_some() {
            let wanted = Wanted {
                parameters: wanted.map(|collect| (&mut self.gradients, collect == Collect::Add)),
                pixels: gradient.map(|gradient| &mut gradient[..]),
            };
            self.training.backward(self.isa, weights, &d_logits, workspace, wanted);
        }
        let loss = (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / f64::from(n)) as f32;
        if loss.is_finite() {
            self.update_statistics();
        }
        Ok(loss)
    }

    /// Moves the running statistics of batch normalisations towards those of the last pass.
    fn update_statistics(&mut self) {
        let layout = self.parameters.layout.clone();
        let statistics = &self.workspaces.0.statistics;
        for (norm, seen) in self.training.batch_norms().zip(statistics) {
            for (slot, seen) in [(norm.mean, &seen.mean), (norm.var, &seen.unbiased_variance)] {
                let running = &mut self.parameters.values[layout.slots[slot].range.clone()];
                for (running, seen) in running.iter_mut().zip(seen) {
                    *running = (1.0 - STATISTICS_MOMENTUM) * *running + STATISTICS_MOMENTUM * seen;
                }
                self.is_fresh = false;
            }
        }
    }

    /// Brings what the evaluation derives from the weights up to date.
    fn freeze(&mut self) {
        if !self.is_fresh {
            let (folded, transposed) = &mut self.frozen;
            self.evaluation.fold(&self.parameters, folded);
            self.evaluation.transpose(&self.parameters, folded, transposed, true);
            self.is_fresh = true;
        }
    }

    /// Logits in evaluation mode.
    pub fn logits(&mut self, pixels: &[f32]) -> Vec<f32> {
        self.freeze();
        let weights = Weights { parameters: &self.parameters, folded: &self.frozen.0, transposed: None };
        self.evaluation.forward(self.isa, weights, pixels, &mut self.workspaces.1, None)
    }

    /// Logits in evaluation mode, and `x + ε·sign(∇ₓJ)` against the labels. The log-odds have the sign of J's gradient and
    /// keep it where the net is already sure.
    ///
    /// # Errors
    /// A label that is not a class of the net.
    pub fn attack(&mut self, pixels: &[f32], labels: &[usize], objective: Objective) -> Result<(Vec<f32>, Vec<f32>)> {
        self.freeze();
        let (folded, transposed) = &self.frozen;
        let weights = Weights { parameters: &self.parameters, folded, transposed: Some(transposed) };
        let workspace = &mut self.workspaces.1;
        let logits = self.evaluation.forward(self.isa, weights, pixels, workspace, None);
        let d_logits = Loss::LogOdds.gradient(&logits, labels, 1.0)?;
        let mut gradient = vec![0.0; pixels.len()];
        let wanted = Wanted { parameters: None, pixels: Some(&mut gradient) };
        self.evaluation.backward(self.isa, weights, &d_logits, workspace, wanted);
        Ok((logits, sign_step(pixels, &gradient, objective.eps, objective.bounds)))
    }
}
