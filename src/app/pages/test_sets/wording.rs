//! The Test sets page describes its numbers in these words.

use crate::app::format;
use crate::engine::attack::{Loss, Rules};
use crate::worker::Curve;

pub fn conditions(curve: &Curve) -> String {
    let survey = &curve.survey;
    let pixels = pixels(survey.rules);
    let loss = match curve.attack.follows_loss() {
        true if survey.rules.loss == Loss::LogOdds => ", slope of the log-odds",
        true => ", slope of the cross-entropy",
        false => "",
    };
    format!("{}, {}, true labels, {pixels}{loss}, seed {}", survey.data, first(curve.found.n), survey.rules.seed)
}

/// Writes "first 500 test pictures".
pub fn first(n: usize) -> String {
    if n == 1 { "first test picture".into() } else { format!("first {} test pictures", format::thousands(n)) }
}

pub fn pixels(rules: Rules) -> String {
    let clip = if rules.bounds.is_some() { "clipped to [0, 1]" } else { "not clipped" };
    if rules.eight_bit { format!("{clip}, rounded to 8 bits") } else { clip.into() }
}
