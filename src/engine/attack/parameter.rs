//! Attacks and their parameters as data: the options of the command line and the form in the window are made from it.

use std::ops::RangeInclusive;

use super::{MAX_STEPS, Norm};

/// This is what people are told of an attack, wherever they choose one.
#[derive(Debug)]
pub struct AttackInfo {
    /// The names that the command line takes; the first, such as `fgsm`, is that of tables and lessons.
    pub names: &'static [&'static str],
    /// The name for people, such as `FGSM`.
    pub title: &'static str,
    pub summary: &'static str,
    /// Half a line that says so, without a full stop; the names of parameters stand in backticks.
    pub brief: &'static str,
    pub paper: &'static str,
}

/// This is one parameter of an attack, with a hold on its value.
pub struct Parameter<'a> {
    /// The name on the command line, such as `step-size`; attacks that share it give it the same help.
    pub name: &'static str,
    pub label: &'static str,
    pub tooltip: &'static str,
    /// A phrase that may follow the names of the attacks that have the parameter.
    pub help: &'static str,
    /// The word that stands for the value in a list of options, such as `N`.
    pub placeholder: &'static str,
    pub value: Value<'a>,
    /// A command leaves the parameter out where it has its usual value; others are always spelled out.
    pub is_terse: bool,
    /// The parameter changes nothing beside the others as they are now.
    pub is_idle: bool,
}

/// A parameter has one of these kinds of values.
#[derive(PartialEq)]
pub enum Value<'a> {
    Norm(&'a mut Norm, &'static [Norm]),
    Switch(&'a mut bool),
    Whole(&'a mut usize, Scale),
    Real(&'a mut f32, Scale),
    /// This is a length in units of the pixel range; `None` stands for this number times ε/steps.
    OptionalLength(&'a mut Option<f32>, f32),
}

/// These are the numbers that a parameter may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    pub slider: RangeInclusive<f32>,
    pub typed: RangeInclusive<f32>,
}

impl<'a> Parameter<'a> {
    pub(super) fn of(name: &'static str, value: Value<'a>) -> Self {
        Self { name, label: "", tooltip: "", help: "", placeholder: "N", value, is_terse: false, is_idle: false }
    }
}

impl Scale {
    /// Returns the scale of a slider, beside which up to `largest` can be typed, and down to 0 or the slider's start.
    pub fn new(slider: RangeInclusive<f32>, largest: f32) -> Self {
        let typed = slider.start().min(0.0)..=largest;
        Self { slider, typed }
    }

    /// Returns the same for whole numbers, of which none below the slider's start makes sense.
    pub fn whole(slider: RangeInclusive<f32>, largest: f32) -> Self {
        let typed = *slider.start()..=largest;
        Self { slider, typed }
    }
}

impl Value<'_> {
    /// Returns the value as the command line spells it; none for a length that is not given.
    pub fn spelled(&self) -> Option<String> {
        match self {
            Self::Norm(norm, _) => Some(norm.name().into()),
            Self::Switch(is_on) => Some(if **is_on { "on" } else { "off" }.into()),
            Self::Whole(value, _) => Some(value.to_string()),
            Self::Real(value, _) => Some(value.to_string()),
            Self::OptionalLength(value, _) => value.map(|value| value.to_string()),
        }
    }
}

pub(super) const STEPS: &str = "steps";

pub(super) const RESTARTS: &str = "restarts";

pub(super) fn norm<'a>(value: &'a mut Norm, known: &'static [Norm]) -> Parameter<'a> {
    Parameter {
        label: "Norm",
        help: "the norm that the perturbation is measured in",
        placeholder: "NORM",
        is_terse: true,
        ..Parameter::of("norm", Value::Norm(value, known))
    }
}

pub(super) fn steps(value: &mut usize) -> Parameter<'_> {
    Parameter {
        label: "Steps",
        tooltip: "How many steps at most",
        help: "how many steps at most",
        ..Parameter::of(STEPS, Value::Whole(value, Scale::whole(1.0..=200.0, MAX_STEPS as f32)))
    }
}

/// Returns the parameter of the length of a step, which is `share` times ε/steps if it is not given.
pub(super) fn step_size(value: &mut Option<f32>, share: f32) -> Parameter<'_> {
    Parameter {
        label: "Step size",
        tooltip: "Length of one step, in the attack's norm",
        help: "length of a step; otherwise ε/steps, for pgd 2.5 times that",
        placeholder: "LENGTH",
        is_terse: true,
        ..Parameter::of("step-size", Value::OptionalLength(value, share))
    }
}

/// Returns the parameter of how many classes are tried as targets.
pub(super) fn targets(value: &mut usize) -> Parameter<'_> {
    Parameter {
        label: "Target classes",
        tooltip: "How many of the most probable other classes are tried as targets, one after the other",
        help: "how many of the most probable other classes to try as targets",
        is_terse: true,
        ..Parameter::of("target-classes", Value::Whole(value, Scale::whole(1.0..=20.0, 1000.0)))
    }
}

/// Returns the parameter of the number of random points that an attack starts from.
pub(super) fn restarts(value: &mut usize) -> Parameter<'_> {
    Parameter {
        label: "Restarts",
        tooltip: "From how many random points",
        help: "try from so many random points",
        is_terse: true,
        ..Parameter::of(RESTARTS, Value::Whole(value, Scale::whole(1.0..=20.0, 100.0)))
    }
}
