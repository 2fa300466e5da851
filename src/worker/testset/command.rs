//! The commands that measure the same without a window.

use super::{Curve, Survey, Transferred};
use crate::command_line::attack_options;
use crate::engine::attack::{Attack, AttackSettings, Loss, Measure, Rules};

impl Curve {
    /// The command that measures the same without a window.
    pub fn command(&self) -> String {
        let Survey { data, eps, .. } = &self.survey;
        let mut words = vec!["doppelganger".to_owned()];
        if self.attack.measure() == Measure::Count {
            // A sweep counts for some ε, and this curve has none.
            words.push(format!("eval --data {data} --model {}", self.net));
            words.extend(attack_options(&self.attack));
        } else {
            words.push(format!("sweep --data {data} --models {}", self.net));
            let plural = |word: String| if word == "--attack" { "--attacks".into() } else { word };
            words.extend(attack_options(&self.attack).into_iter().map(plural));
            words.push(format!("--eps {}", eps.iter().map(f32::to_string).collect::<Vec<_>>().join(",")));
        }
        words.extend(conditions(&self.survey));
        words.join(" ")
    }
}

impl Transferred {
    /// The command that measures the same without a window.
    pub fn command(&self) -> String {
        let Survey { data, nets, attacks, .. } = &self.survey;
        let mut words = vec![format!("doppelganger transfer --data {data} --models {}", nets.join(","))];
        if let Some(attack) = attacks.first() {
            words.extend(attack_options(attack));
            // A search is told its largest ε.
            if attack.takes_eps() || matches!(attack, AttackSettings::MinimalEps(_)) {
                words.push(format!("--eps {}", self.eps));
            }
        }
        words.extend(conditions(&self.survey));
        words.join(" ")
    }
}

/// How many pictures, and how they are treated.
fn conditions(survey: &Survey) -> Vec<String> {
    let Rules { loss, bounds, seed, eight_bit } = survey.rules;
    let mut words = vec![format!("--limit {}", survey.n)];
    if seed > 0 {
        words.push(format!("--seed {seed}"));
    }
    if bounds.is_none() {
        words.push("--no-clip".into());
    }
    if eight_bit {
        words.push("--8-bit".into());
    }
    if loss == Loss::LogOdds {
        words.push("--loss log-odds".into());
    }
    words
}
