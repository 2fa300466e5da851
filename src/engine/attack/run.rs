//! What all attacks have in common: they begin on some pictures, and go on step by step.

use super::parameter::{AttackInfo, Parameter};
use super::{Measure, Norm, Problem};
use crate::{Error, Result};

/// A way of making adversarial pictures, with its parameters.
pub trait Attack: Send + Sync {
    /// Returns what people choose among, with the parameters that its paper or the libraries start from: one, or its
    /// variants.
    fn usual() -> Vec<Self>
    where
        Self: Sized;

    /// Returns what people are told of it.
    fn info(&self) -> &'static AttackInfo;

    /// Returns its name on the command line and in tables.
    fn name(&self) -> &'static str {
        self.info().name
    }

    /// Returns where it was published.
    fn paper(&self) -> &'static str {
        self.info().paper
    }

    /// Returns its parameters, each with a hold on its value, in the order of a form.
    fn parameters(&mut self) -> Vec<Parameter<'_>>;

    /// Says its parameters in words, such as `in L∞, 40 steps, random start`.
    fn in_words(&self) -> String;

    /// Returns what its perturbations are measured in; ε of an evaluation too.
    fn measure(&self) -> Measure;

    /// Returns the norm in which it measures a perturbation.
    fn norm(&self) -> Norm {
        self.measure().norm()
    }

    /// Returns how long a perturbation is, in its own measure.
    fn length(&self, perturbation: &[f32]) -> f32 {
        self.measure().length(perturbation)
    }

    /// Returns whether it uses the ε of a problem up. Others are led by parameters of their own, most of them to the
    /// shortest perturbation that fools.
    fn takes_eps(&self) -> bool {
        true
    }

    /// Returns whether it follows the slope of the problem's loss: the others look at logits, or at nothing.
    fn follows_loss(&self) -> bool {
        true
    }

    /// Returns whether what it does depends on the seed.
    fn is_random(&self) -> bool {
        false
    }

    /// Becomes the attack whose result is what this one comes to after `step` of its steps with this ε; false where no
    /// parameters say so.
    fn stop_at(&mut self, step: usize, eps: f32) -> bool {
        let _ = (step, eps);
        false
    }

    /// Begins; nothing slow happens before the first step.
    ///
    /// # Errors
    /// Parameters that cannot be, or a goal that the attack does not know.
    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>>;
}

/// An attack under way. Whoever drives it may look, pause or stop after every step.
pub trait Run: Send {
    /// Goes one step on; `None` when nothing is left to do.
    ///
    /// # Errors
    /// Those of the net.
    fn advance(&mut self) -> Result<Option<Step<'_>>>;

    /// Returns the best pictures so far, after the last step the result: as many as the problem has, in its order.
    /// Where an attack looks for a picture that fools and has none, the untouched one.
    fn result(&self) -> &[f32];
}

/// Where a run has come to.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The number of the step, from 1.
    pub number: usize,
    /// The most steps that the run can take; it may end sooner.
    pub of: usize,
    /// The pictures that it is looking at now: as many pictures as the problem has.
    pub pictures: &'a [f32],
}

/// Runs an attack to its end, and returns the pictures as the net is shown them. `keep_on(step, of)` is asked after
/// every step.
///
/// # Errors
/// Those of the attack, and [`Error::Stopped`].
pub fn finish(
    attack: &dyn Attack,
    problem: &Problem,
    mut keep_on: impl FnMut(usize, usize) -> bool,
) -> Result<Vec<f32>> {
    let mut run = attack.start(problem)?;
    while let Some(Step { number, of, .. }) = run.advance()? {
        if !keep_on(number, of) {
            return Err(Error::Stopped);
        }
    }
    Ok(problem.shown(run.result()))
}

/// The most steps of any attack.
pub const MAX_STEPS: usize = 10_000;

/// # Errors
/// When `steps` is 0 or above [`MAX_STEPS`].
pub(super) fn check_steps(steps: usize, what: &str) -> Result<()> {
    if (1..=MAX_STEPS).contains(&steps) {
        return Ok(());
    }
    Err(Error::Argument(format!("{steps} {what}; expected 1 to {MAX_STEPS}")))
}

/// # Errors
/// When `value` is below 0 or not a number.
pub(super) fn check_positive(value: f32, what: &str) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Argument(format!("{what} is {value}; expected a number of at least 0")))
}
