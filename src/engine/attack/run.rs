//! All attacks begin on some pictures, and go on step by step.

use super::parameter::{AttackInfo, Parameter};
use super::{Measure, Norm, Problem};
use crate::{Error, Result};

/// This is a way of making adversarial pictures, with its parameters.
pub trait Attack: Send + Sync {
    /// Returns what people choose among: itself or its variants, with the parameters of its paper or of the libraries.
    fn usual() -> Vec<Self>
    where
        Self: Sized;

    fn info(&self) -> &'static AttackInfo;

    fn name(&self) -> &'static str {
        self.info().names[0]
    }

    /// Returns its parameters, each with a hold on its value, in the order of a form.
    fn parameters(&mut self) -> Vec<Parameter<'_>>;

    /// Says its parameters in words, such as `in L∞, 40 steps, random start`.
    fn in_words(&self) -> String;

    /// Returns what its perturbations are measured in.
    fn measure(&self) -> Measure;

    /// Returns the norm in which it measures a perturbation.
    fn norm(&self) -> Norm {
        self.measure().norm()
    }

    /// Returns whether it uses the ε of a problem up. Others are led by parameters of their own.
    fn takes_eps(&self) -> bool {
        true
    }

    /// Returns whether it follows the slope of the loss: others look at logits, or at nothing.
    fn follows_loss(&self) -> bool {
        true
    }

    fn is_random(&self) -> bool {
        false
    }

    /// Returns whether a run with fewer steps ends where a longer run is after as many.
    fn is_cut_by_steps(&self) -> bool {
        false
    }

    /// Begins; nothing slow happens before the first step.
    ///
    /// # Errors
    /// Parameters that cannot be, or a goal that the attack does not know.
    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>>;
}

/// This is an attack under way. Whoever drives it may look, pause or stop after every step.
pub trait Run: Send {
    /// Goes one step on; `None` when nothing is left to do.
    fn advance(&mut self) -> Result<Option<Step<'_>>>;

    /// Returns the best pictures so far, as many as the problem has; untouched where an attack finds none that fools.
    fn result(&self) -> &[f32];

    /// Returns which attack of an ensemble is under way; `None` for an attack that has no members.
    fn member(&self) -> Option<MemberUnderWay> {
        None
    }
}

/// This is the attack of an ensemble that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberUnderWay {
    /// The title of the attack.
    pub title: &'static str,
    /// Its number in the ensemble, from 1.
    pub number: usize,
    /// The number of attacks in the ensemble.
    pub of: usize,
}

impl std::fmt::Display for MemberUnderWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} of {})", self.title, self.number, self.of)
    }
}

/// This is how far an attack has come.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// The number of steps taken.
    pub step: usize,
    /// The most steps that the attack takes.
    pub of: usize,
    pub member: Option<MemberUnderWay>,
}

#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// The number of the step, from 1.
    pub number: usize,
    /// The most steps that the run can take; it may end sooner.
    pub of: usize,
    /// The pictures that it is looking at now, as many as the problem has.
    pub pictures: &'a [f32],
}

/// Runs an attack to its end, and returns the pictures as the net is shown them; `keep_on` may stop it after each step
/// with [`Error::Stopped`].
pub fn finish(attack: &dyn Attack, problem: &Problem, mut keep_on: impl FnMut(Reached) -> bool) -> Result<Vec<f32>> {
    let mut run = attack.start(problem)?;
    while let Some(Step { number: step, of, .. }) = run.advance()? {
        if !keep_on(Reached { step, of, member: run.member() }) {
            return Err(Error::Stopped);
        }
    }
    Ok(problem.shown(run.result()))
}

/// No attack takes more steps.
pub const MAX_STEPS: usize = 10_000;

pub(super) fn check_steps(steps: usize, what: &str) -> Result<()> {
    if (1..=MAX_STEPS).contains(&steps) {
        return Ok(());
    }
    Err(Error::Argument(format!("{steps} {what}; expected 1 to {MAX_STEPS}")))
}

pub(super) fn check_positive(value: f32, what: &str) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::Argument(format!("{what} is {value}; expected a number of at least 0")))
}
