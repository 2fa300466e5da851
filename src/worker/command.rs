//! The window copies these commands, which do the same without a window.

use std::fmt::Display;

use super::{Curve, Survey, Transferred};
use crate::command_line::attack_options;
use crate::engine::attack::{AttackSettings, Loss, Measure, Rules};
use crate::engine::train::{Adversary, Config, Rule, Schedule};

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

/// Returns the settings of a run as arguments of `doppelganger train`, without those that are as usual.
pub fn train_arguments(config: &Config) -> Vec<String> {
    let usual = Config::default();
    let mut arguments = vec!["--data".to_owned(), config.data.to_string(), "--model".into(), config.model.clone()];
    let mut add = |name: &str, value: Option<String>| {
        arguments.push(format!("--{name}"));
        arguments.extend(value);
    };
    // Without ε there is nothing that an adversary could do.
    let has_adversary = config.eps > 0.0 || config.adversary == Adversary::None;
    let adversary = if has_adversary { config.adversary } else { usual.adversary };
    let (norm, usual_norm) = (config.norm.name(), usual.norm.name());
    let left_out_if_usual: [(&str, &dyn Display, &dyn Display); 13] = [
        ("epochs", &config.epochs, &usual.epochs),
        ("batch", &config.batch, &usual.batch),
        ("optimiser", &config.optimiser, &usual.optimiser),
        ("lr", &config.learning_rate, &usual.learning_rate),
        ("schedule", &config.schedule, &usual.schedule),
        ("momentum", &config.momentum.start, &usual.momentum.start),
        ("weight-decay", &config.weight_decay, &usual.weight_decay),
        ("label-smoothing", &config.label_smoothing, &usual.label_smoothing),
        ("shift", &config.augment.shift, &usual.augment.shift),
        ("zoom", &config.augment.zoom, &usual.augment.zoom),
        ("adversary", &adversary, &usual.adversary),
        ("norm", &norm, &usual_norm),
        ("pgd-pictures", &config.pgd_pictures, &usual.pgd_pictures),
    ];
    for (name, value, usual) in left_out_if_usual {
        let value = value.to_string();
        if value != usual.to_string() {
            add(name, Some(value));
        }
    }
    let changes = config.momentum.end != config.momentum.start;
    let patience = config.stopping.patience.filter(|_| config.stopping.rule != Rule::Off);
    let decay = if let Schedule::Decay(factor) = config.schedule { Some(factor.to_string()) } else { None };
    let left_out_if_none = [
        ("size", config.size.map(|[height, width]| format!("{height}x{width}"))),
        ("channels", config.channels.map(|channels| channels.to_string())),
        ("lr-decay", decay),
        ("momentum-end", changes.then(|| config.momentum.end.to_string())),
        ("momentum-epochs", changes.then(|| config.momentum.epochs.to_string())),
        ("max-norm", config.max_norm.map(|norm| norm.to_string())),
        ("init", config.init.map(|init| init.to_string())),
        ("eps", Some(config.eps.to_string())),
        ("alpha", Some(config.alpha.to_string())),
        ("trades", config.trades.map(|beta| beta.to_string())),
        ("ema", config.averaging.map(|decay| decay.to_string())),
        ("validation", Some(config.validation.to_string())),
        ("stop", Some(config.stopping.rule.to_string())),
        ("patience", patience.map(|patience| patience.to_string())),
        ("seed", Some(config.seed.to_string())),
    ];
    for (name, value) in left_out_if_none {
        if value.is_some() {
            add(name, value);
        }
    }
    let switches = [
        ("fine-tune", config.fine_tune),
        ("nesterov", config.nesterov),
        ("flip", config.augment.flip),
        ("no-clip", !config.clip),
        ("skip-damaged", config.skip_damaged),
        ("retrain", config.stopping.retrain),
    ];
    switches.into_iter().filter(|(_, on)| *on).for_each(|(name, _)| add(name, None));
    arguments
}
