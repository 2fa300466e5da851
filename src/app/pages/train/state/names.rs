//! Runs are named by what sets them apart, such as "ε 0.1, α 0.5, PGD-7", unless a person names them.

use std::collections::HashMap;

use crate::app::format::short;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::words;
use crate::engine::units::counted;

/// A part of a name that is only there where runs would be named alike without it.
type Part = fn(&TrainingRun) -> String;

const PARTS: [Part; 7] = [
    |run| run.info.net.clone(),
    |run| words::data_in_short(&run.info.config.data),
    |run| format!("rate {}", short(run.begun().learning_rate)),
    |run| counted(run.info.config.epochs, "epoch"),
    |run| format!("seed {}", run.info.config.seed),
    |run| run.info.config.averaging.map_or_else(|| "last weights".into(), |decay| format!("EMA {decay}")),
    |run| run.info.run.to_string(),
];

/// Gives every run its title: the name that a person gave it, or one made from its settings.
pub fn retitle(runs: &mut [TrainingRun]) {
    let mut titles: Vec<String> = runs.iter().map(by_objective).collect();
    for part in PARTS {
        let mut alike: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, title) in titles.iter().enumerate().filter(|(at, _)| runs[*at].info.label.name.is_empty()) {
            alike.entry(title).or_default().push(at);
        }
        let groups: Vec<Vec<usize>> = alike.into_values().filter(|group| group.len() > 1).collect();
        for group in groups {
            let parts: Vec<String> = group.iter().map(|&at| part(&runs[at])).collect();
            if parts.iter().any(|part| *part != parts[0]) {
                group.iter().zip(parts).for_each(|(&at, part)| titles[at] = format!("{}, {part}", titles[at]));
            }
        }
    }
    for (run, title) in runs.iter_mut().zip(titles) {
        run.title = if run.info.label.name.is_empty() { title } else { run.info.label.name.clone() };
    }
}

fn by_objective(run: &TrainingRun) -> String {
    let config = &run.info.config;
    let adversary = words::adversary(config);
    match config.trades {
        _ if !config.is_adversarial() => adversary,
        Some(_) => format!("ε {}, {adversary}", short(config.eps)),
        None => format!("ε {}, α {}, {adversary}", short(config.eps), short(config.alpha)),
    }
}
