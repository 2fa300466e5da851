//! The command line spells attacks, training and remedies like this: its help lists the options, and the window copies
//! commands that use them.

use std::fmt::Display;

use crate::engine::Remedy;
use crate::engine::attack::AttackSettings;
use crate::engine::train::{Adversary, Config, EpochRecord, Rule, Schedule, Stage};

/// Returns the options that choose an attack with its parameters, without those that may be left out: `--attack bim
/// --steps 20`.
pub fn attack_options(attack: &AttackSettings) -> Vec<String> {
    let mut words = Vec::new();
    if attack.name() != AttackSettings::default().name() {
        words.extend(["--attack".into(), attack.name().into()]);
    }
    let mut usual = AttackSettings::named(attack.name()).unwrap_or_default();
    let usual: Vec<_> = usual.parameters().into_iter().map(|usual| (usual.name, usual.value.spelled())).collect();
    for parameter in attack.clone().parameters() {
        let found = (parameter.name, parameter.value.spelled());
        if !(parameter.is_terse && usual.contains(&found)) {
            words.extend(found.1.into_iter().flat_map(|value| [format!("--{}", found.0), value]));
        }
    }
    if matches!(attack, AttackSettings::MinimalEps(_)) {
        words.push("--minimal".into());
    }
    words
}

/// Returns a text of the engine with the names in backticks as options: "`eta` times the gradient" as "--eta times the
/// gradient".
pub fn with_options(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(number, part)| if number % 2 == 1 { format!("--{part}") } else { part.to_owned() }).collect()
}

/// Returns the commands that get what is missing.
pub fn remedy(remedy: &Remedy) -> String {
    match remedy {
        Remedy::FetchModel(name) => format!("doppelganger models fetch {name}, or doppelganger models add {name} FILE"),
        Remedy::AddWeights(name) => format!("doppelganger models add {name} FILE"),
        Remedy::FetchData(name) => format!("doppelganger data fetch {name}"),
    }
}

/// Returns the command that begins a run anew whose settings, as they are now, and history these are; what was changed
/// on the way follows as remarks.
pub fn train_command(config: &Config, history: &[EpochRecord]) -> String {
    let begun = config.begun(history);
    let words: Vec<String> = train_arguments(&begun).iter().map(|word| quoted(word)).collect();
    let mut line = format!("doppelganger train {} --out run", words.join(" "));
    let mut before = begun;
    for record in history.iter().filter(|record| record.stage == Stage::Selection) {
        let mut change = |name: &str, value: f32, old: &mut f32| {
            if value != *old {
                line.push_str(&format!("  # {name} {value} from epoch {}", record.epoch));
                *old = value;
            }
        };
        change("ε", record.eps, &mut before.eps);
        change("α", record.alpha, &mut before.alpha);
        if record.learning_rate > 0.0 {
            change("rate", record.learning_rate, &mut before.learning_rate);
        }
    }
    line
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
        ("adversary-norm", &norm, &usual_norm),
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

/// Returns a word as a shell needs it, in quotes where it has to be.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Returns the command that this process was started with, as a shell takes it.
pub fn invocation() -> String {
    let arguments = std::env::args_os().skip(1);
    let words = arguments.map(|word| quoted(&word.to_string_lossy()));
    std::iter::once("doppelganger".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attack::{DeepFool, MinimalEps, Norm, Pgd};
    use crate::engine::data::DataSource;

    #[test]
    fn options_are_left_out_only_where_they_are_as_usual() {
        let spelled = |attack: &AttackSettings| attack_options(attack).join(" ");
        let named = |name: &str| AttackSettings::named(name).unwrap();
        assert_eq!(spelled(&named("fgsm")), "");
        assert_eq!(spelled(&named("signs")), "--attack signs");
        assert_eq!(spelled(&named("pgd")), "--attack pgd --steps 40");
        let deepfool = "--attack deepfool --norm l2 --steps 50 --overshoot 0.02 --candidates 10";
        assert_eq!(spelled(&DeepFool::default().into()), deepfool);
        let pgd = Pgd { norm: Norm::L2, steps: 7, step_size: Some(0.5), random_start: false, restarts: 1 };
        assert_eq!(spelled(&pgd.into()), "--attack pgd --norm l2 --steps 7 --step-size 0.5 --random-start off");
        let minimal = "--attack bim --steps 10 --rungs 20 --bisections 10 --minimal";
        assert_eq!(spelled(&MinimalEps::new(named("bim"), 0.3).into()), minimal);
    }

    #[test]
    fn names_in_backticks_become_options() {
        assert_eq!(with_options("`eta` times, or `b-c`"), "--eta times, or --b-c");
    }

    #[test]
    fn the_command_line_is_one_that_a_shell_takes() {
        let config = Config { data: DataSource::Folder("/my data".into()), eps: 0.25, ..Config::default() };
        let line = train_command(&config, &[]);
        assert!(line.starts_with("doppelganger train --data '/my data' --model digits_maxout"), "{line}");
        assert!(line.contains("--eps 0.25") && line.ends_with("--out run"), "{line}");
    }
}
