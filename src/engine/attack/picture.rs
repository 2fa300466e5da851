//! An attack on one picture, with all that a person wants to know of it. The window and the command line share it.

use std::path::Path;
use std::sync::Arc;

use candle_core::Tensor;

use super::{
    Bounds, Goal, Label, Loss, MAX_STEPS, Method, Norm, PIXELS, Problem, Rules, Verdict, fgsm, gradient_step,
    input_gradient,
};
use crate::engine::model::{Guess, Model, argmax};
use crate::engine::picture::{Picture, Planes, open, save_png};
use crate::engine::units::LEVELS;
use crate::engine::{Error, Result};

/// What does not depend on ε: computed once per picture, model, label and goal, then reused while ε moves.
pub struct Baseline {
    pub goal: Goal,
    pub loss: Loss,
    pub label: usize,
    /// The picture, (1, channels, height, width).
    x: Tensor,
    pub original: Arc<Planes>,
    pub probabilities: Vec<f32>,
    /// ∇ₓ of the loss of the label or of the target, at the original.
    pub gradient: Arc<Planes>,
    /// Share of pixel values whose gradient is exactly zero.
    pub zero_gradient_fraction: f32,
    /// The net is so sure of the class that rounding hides most of the cross-entropy's gradient; [`Loss::LogOdds`] sees it.
    pub saturated: bool,
}

/// An adversarial picture.
pub struct Attacked {
    pub adversarial: Arc<Planes>,
    /// `adversarial − original`.
    pub perturbation: Arc<Planes>,
    pub probabilities: Vec<f32>,
    pub verdict: Verdict,
    /// max|δ| and ‖δ‖₂, in units of the pixel range.
    pub linf: f32,
    pub l2: f32,
}

/// What is added to a number of grey levels before it is cut to a whole one: to the nearest (halves away from the
/// original), down, up. Differences of `f32` make 25.4999 of a half.
const ROUNDINGS: [f32; 3] = [0.5 + 1e-3, 1e-3, 1.0 - 1e-3];

impl Attacked {
    /// The adversarial picture in 8 bits, for saving. Every pixel moves by a whole number of grey levels, the same way for
    /// brighter and darker: rounding the sum instead would move up by 26 and down by 25 where ε is 25.5 levels. Of the
    /// roundings to the nearest, down and up it takes the first that gets the same answer as the unrounded picture.
    ///
    /// # Errors
    /// Those of the net.
    pub fn in_8_bits(&self, model: &Model) -> Result<Picture> {
        let answer = argmax(&self.probabilities);
        for rounding in ROUNDINGS {
            let picture = self.rounded(rounding);
            if argmax(&model.probabilities(&model.fit(&picture)?)?) == answer {
                return Ok(picture);
            }
        }
        Ok(self.rounded(ROUNDINGS[0]))
    }

    fn rounded(&self, rounding: f32) -> Picture {
        let moved = self.adversarial.values.iter().zip(&self.perturbation.values).map(|(&a, &d)| {
            let levels = (d.abs() * LEVELS + rounding).floor().copysign(d);
            (((a - d) * LEVELS).round() + levels) / LEVELS
        });
        self.adversarial.with_values(moved.collect()).to_picture()
    }

    /// Saves the picture as PNG, opens the file again and asks the net about it: the answer is what anybody gets who opens
    /// the file.
    ///
    /// # Errors
    /// When the file cannot be written or read.
    pub fn save(&self, model: &Model, path: &Path) -> Result<Guess> {
        save_png(&self.in_8_bits(model)?, path)?;
        let reread = model.probabilities(&model.fit(&open(path)?)?)?;
        Ok(model.guess(&reread, argmax(&reread)))
    }
}

impl Baseline {
    /// One forward and one backward pass.
    ///
    /// # Errors
    /// A label or target that the model does not have, or a net whose answers are not numbers.
    pub fn new(model: &Model, original: impl Into<Arc<Planes>>, label: Label, goal: Goal, loss: Loss) -> Result<Self> {
        let original = original.into();
        let probabilities = model.probabilities(&original)?;
        let label = match label {
            Label::Predicted => argmax(&probabilities),
            Label::Given(index) => index,
        };
        let class = goal.class(label);
        if let Some(index) = [label, class].into_iter().find(|&index| index >= model.classes.len()) {
            let last = model.classes.len() - 1;
            return Err(Error::Argument(format!("there is no class {index}; the model's classes are 0 to {last}")));
        }
        let x = original.to_tensor()?;
        let gradient = input_gradient(model, &x, &[class], loss)?;
        let planes = Planes::from_tensor(&gradient.gradient)?;
        if planes.values.iter().any(|g| !g.is_finite()) {
            return Err(Error::Argument(
                "the gradient holds values that are not numbers; the net's weights are unusable for this picture"
                    .into(),
            ));
        }
        Ok(Self {
            goal,
            loss,
            label,
            zero_gradient_fraction: gradient.zero_fractions()?[0],
            saturated: gradient.saturated[0],
            gradient: planes.into(),
            x,
            original,
            probabilities,
        })
    }

    /// The same picture for the attacks that advance step by step.
    ///
    /// # Errors
    /// A picture outside the bounds.
    pub fn problem(&self, model: &Arc<Model>, bounds: Option<Bounds>, seed: u64) -> Result<Problem> {
        let rules = Rules { loss: self.loss, bounds, seed };
        let problem = Problem::new(model.clone(), self.original.values.clone(), vec![self.label], rules)?;
        match self.goal {
            Goal::Untargeted => Ok(problem),
            Goal::Targeted(target) => problem.towards(vec![target]),
        }
    }

    /// What the net makes of a picture that an attack made of this one.
    ///
    /// # Errors
    /// Those of the net.
    pub fn judge(&self, model: &Model, adversarial: Planes) -> Result<Attacked> {
        let difference = adversarial.values.iter().zip(&self.original.values).map(|(a, x)| a - x);
        let perturbation = adversarial.with_values(difference.collect());
        let probabilities = model.probabilities(&adversarial)?;
        Ok(Attacked {
            verdict: Verdict::of(self.label, self.goal, argmax(&probabilities)),
            linf: Norm::Linf.length(&perturbation.values),
            l2: Norm::L2.length(&perturbation.values),
            adversarial: adversarial.into(),
            perturbation: perturbation.into(),
            probabilities,
        })
    }

    /// The label with its probability on the untouched picture.
    pub fn label_guess(&self, model: &Model) -> Guess {
        model.guess(&self.probabilities, self.label)
    }
}

/// Attacks the picture of a baseline; FGSM costs one forward pass.
///
/// # Errors
/// ε or η below 0 or not a number, or too many steps.
pub fn attack(model: &Model, baseline: &Baseline, method: Method, clip: bool) -> Result<Attacked> {
    let bounds = clip.then_some(PIXELS);
    let direction = baseline.goal.direction();
    let adversarial = match method {
        Method::Fgsm { eps } => {
            let gradient = baseline.gradient.to_tensor()?;
            fgsm(&baseline.x, &gradient, (Norm::Linf, &[eps]), direction, bounds)?
        }
        Method::GradientSteps { eta, steps } => gradient_steps(model, baseline, (eta, steps), bounds)?,
    };
    baseline.judge(model, Planes::from_tensor(&adversarial)?)
}

fn gradient_steps(
    model: &Model,
    baseline: &Baseline,
    (eta, steps): (f32, usize),
    bounds: Option<Bounds>,
) -> Result<Tensor> {
    if steps > MAX_STEPS {
        return Err(Error::Argument(format!("{steps} steps; expected at most {MAX_STEPS}")));
    }
    let (class, direction) = (baseline.goal.class(baseline.label), baseline.goal.direction());
    let mut x = baseline.x.clone();
    for step in 0..steps {
        let gradient = match step {
            0 => baseline.gradient.to_tensor()?,
            _ => input_gradient(model, &x, &[class], baseline.loss)?.gradient,
        };
        x = gradient_step(&x, &gradient, eta, direction, bounds)?;
    }
    Ok(x)
}
