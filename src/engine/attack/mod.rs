//! Attacks. All of them work in pixel space [0, 1], on a net in evaluation mode.
//!
//! A [`Problem`] is some pictures and the rules; an [`Attack`] starts on it and gives a [`Run`], which advances step by step:
//! the same code serves whole test sets and a person who watches. Each attack names its paper; the field's first is
//! Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples* (arXiv 1412.6572).

mod carlini_wagner;
mod climb;
mod controls;
mod curve;
mod deepfool;
mod gradient;
mod honesty;
mod linear;
mod measure;
mod minimal;
mod one_step;
mod picture;
mod problem;
mod run;
mod saliency;
mod search;
mod settings;
mod step;

pub use crate::loss::Loss;
pub use carlini_wagner::CarliniWagner;
pub use climb::{Bim, GradientSteps, MomentumFgsm, Pgd};
pub use controls::{Control, alignment};
pub use curve::{EpsCurve, Flip, eps_curve, eps_ladder, eps_range};
pub use deepfool::DeepFool;
pub use gradient::{InputGradient, input_gradient};
pub use honesty::{Curve, Point, Warning, warnings};
pub use linear::{LinearRival, linear_rival};
pub use measure::Measure;
pub use minimal::MinimalEps;
pub use one_step::{Fgsm, Noise, NoiseKind};
pub use picture::{AttackInput, Attacked, Baseline, MAX_PHOTO_PIXELS, Reread, attackable_part};
pub use problem::{Clean, Problem, Rules};
pub use run::{Attack, MAX_STEPS, Run, Step, finish};
pub use saliency::SaliencyMap;
pub use search::EpsSearch;
pub use settings::AttackSettings;
pub use step::{Bounds, Norm, PIXELS, fgsm, gradient_step, sign_step, within};

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
