//! These options take one of some names as their value.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::engine::Error;
use crate::engine::attack::Loss;
use crate::engine::data::Invert;

pub const LOSSES: [(&str, &str, Loss); 2] = [
    ("cross-entropy", "J in single precision, as PyTorch and the attack libraries have it", Loss::CrossEntropy),
    (
        "log-odds",
        "The log-odds against the class: the slope stays visible where the net is so sure that J rounds to 0",
        Loss::LogOdds,
    ),
];

pub const INVERT: [(&str, &str, Invert); 3] = [
    ("auto", "Where it shows a digit or letter dark on light, and the net reads such", Invert::Auto),
    ("yes", "Whatever it shows: the darkest thing in it is the digit", Invert::Yes),
    ("no", "Never", Invert::No),
];

/// Returns a parser for one of these names: each with its help, which may be empty, and what it stands for.
pub fn choice<T>(table: &[(&'static str, &'static str, T)]) -> impl TypedValueParser<Value = T> + use<T>
where
    T: Clone + Send + Sync + 'static,
{
    let value = |&(name, help, ref value): &(&'static str, &'static str, T)| {
        let name = PossibleValue::new(name);
        (if help.is_empty() { name } else { name.help(help) }, value.clone())
    };
    choice_of(table.iter().map(value).collect())
}

pub fn choice_of<T>(values: Vec<(PossibleValue, T)>) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    let names: Vec<PossibleValue> = values.iter().map(|(name, _)| name.clone()).collect();
    PossibleValuesParser::new(names).try_map(move |typed| {
        let found = values.iter().find(|(name, _)| name.matches(&typed, false));
        found.map(|(_, value)| value.clone()).ok_or_else(|| Error::Argument(format!("{typed:?} is no value")))
    })
}
