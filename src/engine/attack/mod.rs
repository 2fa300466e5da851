//! Attacks. All of them work in pixel space [0, 1], on a net in evaluation mode.
//!
//! Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (arXiv 1412.6572).

mod gradient;
mod picture;
mod step;

pub use crate::engine::loss::Loss;
pub use gradient::{InputGradient, input_gradient};
pub use picture::{Attacked, Baseline, MAX_PHOTO_PIXELS, Subject, attack};
pub use step::{Bounds, Norm, PIXELS, fgsm, gradient_step, sign_step};

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Away from the label: climb J(x, label).
    Untargeted,
    /// Towards this class: descend J(x, class).
    Targeted(usize),
}

impl Goal {
    /// The class whose loss is followed, given the label of the picture.
    pub fn class(self, label: usize) -> usize {
        match self {
            Self::Untargeted => label,
            Self::Targeted(target) => target,
        }
    }

    /// +1 climbs the loss, −1 descends it.
    pub fn direction(self) -> f32 {
        match self {
            Self::Untargeted => 1.0,
            Self::Targeted(_) => -1.0,
        }
    }
}

/// The label that an attack starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// What the net says of the untouched picture.
    Predicted,
    /// What a person says it is.
    Given(usize),
}

/// How to move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// One step of the sign: `x ± ε·sign(∇ₓJ)`, ε in units of the pixel range.
    Fgsm { eps: f32 },
    /// The deck's first slide: `steps` times `x ± η·∇ₓJ`.
    GradientSteps { eta: f32, steps: usize },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The net still says the label.
    StillRight,
    /// It says something else.
    Fooled,
    /// It says the target.
    FooledAsAsked,
}

impl Verdict {
    /// From the label, the goal, and what the net says now.
    pub fn of(label: usize, goal: Goal, says: usize) -> Self {
        match goal {
            Goal::Targeted(target) if says == target && target != label => Self::FooledAsAsked,
            _ if says == label => Self::StillRight,
            _ => Self::Fooled,
        }
    }
}
