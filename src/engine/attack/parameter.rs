//! Attacks and their parameters as data: the options of the command line and the form in the window are made from it.

use std::ops::RangeInclusive;

use super::{MAX_STEPS, Norm};

/// What people are told of an attack, wherever they choose one.
#[derive(Debug)]
pub struct AttackInfo {
    /// The name on the command line, in tables and in lessons, such as `fgsm`.
    pub name: &'static str,
    /// Other names that the command line takes.
    pub aliases: &'static [&'static str],
    /// What people call it, such as `FGSM`.
    pub title: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The same in half a line, without a full stop. The names of parameters stand in backticks.
    pub brief: &'static str,
    /// Where it was published.
    pub paper: &'static str,
}

/// One parameter of an attack: what it is, and where its value lies.
pub struct Parameter<'a> {
    /// The name on the command line, such as `step-size`. Attacks that have it in common give it the same name and
    /// help.
    pub name: &'static str,
    /// The name in a form, such as `Step size`.
    pub label: &'static str,
    /// What it does, as a tooltip; it may be empty.
    pub tooltip: &'static str,
    /// What it does, as a phrase that may follow the names of the attacks that have it.
    pub help: &'static str,
    /// What stands for the value in a list of options, such as `N`.
    pub placeholder: &'static str,
    pub value: Value<'a>,
    /// Whether a command leaves the parameter out where it has its usual value. The others are always spelled out, so
    /// that the command keeps its meaning.
    pub is_terse: bool,
    /// Whether the parameter changes nothing beside the others as they are now.
    pub is_idle: bool,
}

/// The value of a parameter.
#[derive(PartialEq)]
pub enum Value<'a> {
    /// One of these norms.
    Norm(&'a mut Norm, &'static [Norm]),
    Switch(&'a mut bool),
    Whole(&'a mut usize, Scale),
    Real(&'a mut f32, Scale),
    /// A length in units of the pixel range; none stands for this formula.
    OptionalLength(&'a mut Option<f32>, &'static str),
}

/// The numbers that a parameter may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// What a slider reaches.
    pub slider: RangeInclusive<f32>,
    /// What can be typed.
    pub typed: RangeInclusive<f32>,
}

impl<'a> Parameter<'a> {
    /// Returns a parameter that has a name and a value and is neither terse nor idle; what people are told is still
    /// empty.
    pub(super) fn of(name: &'static str, value: Value<'a>) -> Self {
        Self { name, label: "", tooltip: "", help: "", placeholder: "N", value, is_terse: false, is_idle: false }
    }
}

impl Scale {
    /// Returns the scale of a slider over this range, beside which up to `largest` can be typed, and down to the
    /// smaller of 0 and the slider's start.
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

/// The parameter that says how many steps an attack takes at most.
pub(super) const STEPS: &str = "steps";

/// Returns the parameter of the norm, of attacks that know some.
pub(super) fn norm<'a>(value: &'a mut Norm, known: &'static [Norm]) -> Parameter<'a> {
    Parameter {
        label: "Norm",
        help: "the norm that the perturbation is measured in",
        placeholder: "NORM",
        is_terse: true,
        ..Parameter::of("norm", Value::Norm(value, known))
    }
}

/// Returns the parameter of the number of steps.
pub(super) fn steps(value: &mut usize) -> Parameter<'_> {
    Parameter {
        label: "Steps",
        tooltip: "How many steps at most",
        help: "how many steps at most",
        ..Parameter::of(STEPS, Value::Whole(value, Scale::whole(1.0..=200.0, MAX_STEPS as f32)))
    }
}

/// Returns the parameter of the length of a step, which is `usual` if it is not given.
pub(super) fn step_size<'a>(value: &'a mut Option<f32>, usual: &'static str) -> Parameter<'a> {
    Parameter {
        label: "Step size",
        tooltip: "Length of one step, in the attack's norm",
        help: "length of a step; otherwise ε/steps, for pgd 2.5 times that",
        placeholder: "LENGTH",
        is_terse: true,
        ..Parameter::of("step-size", Value::OptionalLength(value, usual))
    }
}
