//! The command line spells attacks and remedies like this: its help lists the options, and the window copies commands
//! that use them.

use crate::engine::Remedy;
use crate::engine::attack::AttackSettings;

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
}
