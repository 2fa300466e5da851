//! Attacks. All of them work in pixel space [0, 1], on a net in evaluation mode.
//!
//! A [`Problem`] is some pictures and the rules; an [`Attack`] starts on it and gives a [`Run`], which advances step by
//! step. Each attack is a file, which says all that there is to know of it; the list of them is below, and the command
//! line's options, the window's form and the file format are made from it. The field's first is Goodfellow, Shlens,
//! Szegedy, *Explaining and Harnessing Adversarial Examples* (arXiv 1412.6572).

mod apgd;
mod ascent;
mod auto_attack;
mod bim;
mod carlini_wagner;
mod church_window;
mod class_map;
mod climb;
mod controls;
mod curve;
mod deepfool;
mod dlr;
mod elastic_net;
mod fab;
mod fgsm;
mod fmn;
mod gradient;
mod gradient_steps;
mod honesty;
mod hyperplane;
mod linear;
mod measure;
mod minimal;
mod momentum;
mod noise;
mod one_step;
mod parameter;
mod pgd;
mod picture;
mod plane;
mod problem;
mod run;
mod saliency;
mod search;
mod settings;
mod square;
mod step;
mod weight_search;

pub use crate::loss::Loss;
pub use apgd::Objective;
pub use church_window::{ChurchWindow, MAP_SIDES};
pub use class_map::{ClassMap, MapCell, MapClass, NamePlace, map_classes};
pub use controls::{Control, alignment};
pub use curve::{EpsCurve, Flip, eps_curve, eps_ladder, eps_range};
pub use fmn::Shortest;
pub use gradient::{InputGradient, input_gradient};
pub use honesty::{AccuracyPoint, SecurityCurve, warnings};
pub use linear::{LinearRival, linear_rival};
pub use measure::Measure;
pub use noise::NoiseKind;
pub(crate) use noise::normal;
pub use parameter::{AttackInfo, Parameter, Scale, Value};
pub use picture::{AttackInput, Attacked, Baseline, MAX_PHOTO_PIXELS, Reread, attackable_part};
pub use plane::Plane;
pub use problem::{Clean, Problem, Rules};
pub use run::{Attack, MAX_STEPS, MemberUnderWay, Reached, Run, Step, finish};
pub use search::EpsSearch;
pub use step::{Bounds, Norm, PIXELS, sign_step, within};

// The attacks in the order in which people choose among them. A new one is a line here, and the module that it names.
settings::attacks! {
    Fgsm(fgsm::Fgsm),
    Gradient(gradient_steps::GradientSteps),
    Bim(bim::Bim),
    Pgd(pgd::Pgd),
    Momentum(momentum::MomentumFgsm),
    DeepFool(deepfool::DeepFool),
    CarliniWagner(carlini_wagner::CarliniWagner),
    SaliencyMap(saliency::SaliencyMap),
    Noise(noise::Noise),
    AutoAttack(auto_attack::AutoAttack),
    Apgd(apgd::Apgd),
    Fab(fab::Fab),
    Square(square::Square),
    Fmn(fmn::Fmn),
    ElasticNet(elastic_net::ElasticNet),
    MinimalEps(minimal::MinimalEps),
}

/// An attack goes away from the label of a picture, or towards another class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The attack climbs J(x, label).
    Untargeted,
    /// The attack descends J(x, class).
    Targeted(usize),
}

impl Goal {
    /// Returns the class to be led to; `None` without one.
    pub fn target(self) -> Option<usize> {
        match self {
            Self::Targeted(target) => Some(target),
            Self::Untargeted => None,
        }
    }

    /// Returns the class whose loss is followed, given the label of the picture.
    pub fn class(self, label: usize) -> usize {
        match self {
            Self::Untargeted => label,
            Self::Targeted(target) => target,
        }
    }

    /// Returns the sign of the steps: +1 climbs the loss, −1 descends it.
    pub fn direction(self) -> f32 {
        match self {
            Self::Untargeted => 1.0,
            Self::Targeted(_) => -1.0,
        }
    }
}

/// This is where the label that an attack starts from comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    Predicted,
    Given(usize),
}

impl Label {
    /// Returns the class that a person gave; `None` for the net's own answer.
    pub fn given(self) -> Option<usize> {
        match self {
            Self::Predicted => None,
            Self::Given(class) => Some(class),
        }
    }
}

/// This is what came of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    StillRight,
    /// The net says something other than the label.
    Fooled,
    /// The net says the target.
    FooledAsAsked,
}

impl Verdict {
    /// Judges from the label, the goal, and what the net says now.
    pub fn of(label: usize, goal: Goal, says: usize) -> Self {
        match goal {
            Goal::Targeted(target) if says == target && target != label => Self::FooledAsAsked,
            _ if says == label => Self::StillRight,
            _ => Self::Fooled,
        }
    }
}
