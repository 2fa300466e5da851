//! The window copies these commands, which do the same without a window.

use super::{Curve, Survey, Transferred};
use crate::command_line::attack_options;
use crate::engine::attack::{AttackSettings, Loss, Measure, Rules};

impl Curve {
    /// Returns the command that measures the same without a window.
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
    /// Returns the command that measures the same without a window.
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

fn conditions(survey: &Survey) -> impl Iterator<Item = String> {
    let Rules { loss, bounds, seed, eight_bit } = survey.rules;
    let options = [
        (true, format!("--limit {}", survey.n)),
        (seed > 0, format!("--seed {seed}")),
        (bounds.is_none(), "--no-clip".into()),
        (eight_bit, "--8-bit".into()),
        (survey.skip_damaged, "--skip-damaged".into()),
        (loss == Loss::LogOdds, "--loss log-odds".into()),
    ];
    options.into_iter().filter(|(is_unusual, _)| *is_unusual).map(|(_, option)| option)
}
