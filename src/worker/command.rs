//! The commands that do the same without a window.

use std::fmt::Display;

use super::{Curve, Survey, Transferred};
use crate::command_line::attack_options;
use crate::engine::attack::{AttackSettings, Loss, Measure, Rules};
use crate::engine::train::{Adversary, Config, Rule, Schedule};

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

/// The settings of a run as arguments of `doppelganger train`, without those that are as they are anyway.
pub fn train_arguments(config: &Config) -> Vec<String> {
    let plain = Config::default();
    let mut arguments = vec!["--data".to_owned(), config.data.to_string(), "--model".into(), config.model.clone()];
    let mut add = |name: &str, value: Option<String>| {
        arguments.push(format!("--{name}"));
        arguments.extend(value);
    };
    let mut given = |name: &str, value: &dyn Display, usual: &dyn Display| {
        if value.to_string() != usual.to_string() {
            add(name, Some(value.to_string()));
        }
    };
    given("epochs", &config.epochs, &plain.epochs);
    given("batch", &config.batch, &plain.batch);
    given("optimiser", &config.optimiser, &plain.optimiser);
    given("lr", &config.learning_rate, &plain.learning_rate);
    given("schedule", &config.schedule, &plain.schedule);
    given("momentum", &config.momentum.start, &plain.momentum.start);
    given("weight-decay", &config.weight_decay, &plain.weight_decay);
    given("label-smoothing", &config.label_smoothing, &plain.label_smoothing);
    given("shift", &config.augment.shift, &plain.augment.shift);
    given("zoom", &config.augment.zoom, &plain.augment.zoom);
    // Without ε there is nothing that an adversary could do.
    if config.eps > 0.0 || config.adversary == Adversary::None {
        given("adversary", &config.adversary, &plain.adversary);
    }
    given("pgd-pictures", &config.pgd_pictures, &plain.pgd_pictures);
    if let Schedule::Decay(factor) = config.schedule {
        add("lr-decay", Some(factor.to_string()));
    }
    if config.momentum.end != config.momentum.start {
        add("momentum-end", Some(config.momentum.end.to_string()));
        add("momentum-epochs", Some(config.momentum.epochs.to_string()));
    }
    for (name, value) in [("max-norm", config.max_norm), ("init", config.init)] {
        if let Some(value) = value {
            add(name, Some(value.to_string()));
        }
    }
    add("eps", Some(config.eps.to_string()));
    add("alpha", Some(config.alpha.to_string()));
    add("validation", Some(config.validation.to_string()));
    add("stop", Some(config.stopping.rule.to_string()));
    if let Some(patience) = config.stopping.patience.filter(|_| config.stopping.rule != Rule::Off) {
        add("patience", Some(patience.to_string()));
    }
    add("seed", Some(config.seed.to_string()));
    let switches = [
        ("fine-tune", config.fine_tune),
        ("nesterov", config.nesterov),
        ("flip", config.augment.flip),
        ("no-clip", !config.clip),
        ("retrain", config.stopping.retrain),
    ];
    switches.into_iter().filter(|(_, on)| *on).for_each(|(name, _)| add(name, None));
    arguments
}
