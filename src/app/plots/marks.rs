//! The marks tell what happened in a run and what its rules would have done, as flags above the plot of errors.

use crate::app::format::short;
use crate::engine::train::{Adversary, Config, EpochRecord, Measured, Rule, Stage, Stopping};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Clean,
    Adversarial,
    /// The settings of the run changed, or another stage began.
    Run,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Epochs count from 1 through all stages; halves lie between them.
    pub x: f64,
    pub text: String,
    pub about: Subject,
}

/// Returns the marks of a run, those that matter most first.
pub fn marks(history: &[EpochRecord], stopping: &Stopping) -> Vec<Mark> {
    let retraining = history.iter().position(|record| record.stage == Stage::Retraining);
    let retraining = retraining.map(|at| {
        let text = "retraining on all pictures".into();
        Mark { x: at as f64 + 0.5, text, about: Subject::Run }
    });
    let decisions = [Subject::Adversarial, Subject::Clean].map(|about| decisions(history, stopping, about));
    retraining.into_iter().chain(decisions.into_iter().flatten()).chain(changes(history)).collect()
}

/// Returns the places in `history`, with their epochs' errors, that both rules find best.
pub fn best(history: &[EpochRecord]) -> [(Subject, Option<(usize, f64)>); 2] {
    let best = |rule: Rule| rule.best(history).and_then(|at| Some((at, rule.error(&history[at])?)));
    [(Subject::Clean, best(Rule::Clean)), (Subject::Adversarial, best(Rule::Adversarial))]
}

fn decisions(history: &[EpochRecord], stopping: &Stopping, about: Subject) -> Vec<Mark> {
    let rule = if about == Subject::Clean { Rule::Clean } else { Rule::Adversarial };
    let (name, is_own) = (rule.to_string(), stopping.rule == rule);
    let mark = |at: usize, text: String| Mark { x: (at + 1) as f64, text, about };
    let best = rule.best(history).map(|at| {
        let kept = if is_own { ", kept" } else { "" };
        mark(at, format!("best {name} ({}){kept}", history[at].epoch))
    });
    let stop = stopping.patience.and_then(|patience| rule.stops_at(history, patience)).map(|at| {
        let stops = if is_own { "stops" } else { "would stop" };
        mark(at, format!("{name} rule {stops} ({})", history[at].epoch))
    });
    best.into_iter().chain(stop).collect()
}

/// Returns where a person changed ε, α or the learning rate between two epochs of a stage.
fn changes(history: &[EpochRecord]) -> impl Iterator<Item = Mark> + '_ {
    history.windows(2).enumerate().filter_map(|(at, pair)| {
        let (before, after) = (&pair[0], &pair[1]);
        let change = |name: &str, old: f32, new: f32| (old != new).then(|| format!("{name} {}", short(new)));
        let is_known = before.learning_rate > 0.0;
        let parts = [
            change("ε", before.eps, after.eps),
            change("α", before.alpha, after.alpha),
            change("rate", before.learning_rate, after.learning_rate).filter(|_| is_known),
        ];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let is_mark = before.stage == after.stage && !text.is_empty();
        is_mark.then_some(Mark { x: at as f64 + 1.5, text, about: Subject::Run })
    })
}

#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    pub what: String,
    pub advice: String,
}

impl Alarm {
    pub fn text(&self) -> String {
        format!("{}; {}", self.what, self.advice)
    }
}

const WORTH_GOING_BACK: f64 = 0.1;

/// Returns the alarm of a run whose net only withstands the attack that it trains on.
pub fn alarm(history: &[EpochRecord], config: &Config) -> Option<Alarm> {
    if !config.trains_on_an_attack() {
        return None;
    }
    let measured = |record: &&EpochRecord| record.pgd.is_some() && record.adversarial.is_some();
    let record = history.iter().rev().find(measured).filter(|record| record.overfits_the_attack())?;
    let error = |measured: Option<Measured>| measured.map_or(0.0, |measured| measured.error());
    let per_cent = |measured: Option<Measured>| (error(measured) * 100.0).round();
    let (pgd, fgsm) = (per_cent(record.pgd), per_cent(record.adversarial));
    // The epoch that FGSM finds best is one of those that overfit, so the way back is to that of the lowest PGD error.
    let probed = history.iter().filter(|other| other.pgd.is_some() && other.eps == record.eps);
    let best = probed.min_by(|a, b| error(a.pgd).total_cmp(&error(b.pgd))).unwrap_or(record);
    let back = if error(best.pgd) <= error(record.pgd) - WORTH_GOING_BACK {
        format!("PGD error was lowest at epoch {} ({} %). ", best.epoch, per_cent(best.pgd))
    } else {
        String::new()
    };
    let remedy = match config.adversary {
        Adversary::Pgd { .. } => "more steps of PGD",
        Adversary::RandomFgsm => "PGD",
        _ => "a random start, with PGD",
    };
    Some(Alarm {
        what: format!("PGD error {pgd} % against FGSM {fgsm} %: catastrophic overfitting"),
        advice: format!(
            "at epoch {} the net withstands large steps far better than small ones. {back}Train with {remedy} or with \
             a smaller ε.",
            record.epoch
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: usize, clean: usize, adversarial: usize) -> EpochRecord {
        let measured = |wrong| Some(Measured { n: 100, wrong, ..Measured::default() });
        let (clean, adversarial) = (measured(clean), measured(adversarial));
        EpochRecord { epoch, clean, adversarial, eps: 0.25, alpha: 0.5, ..EpochRecord::default() }
    }

    fn history() -> Vec<EpochRecord> {
        [(9, 90), (5, 60), (4, 70), (4, 50), (6, 55), (7, 50), (8, 80)]
            .iter()
            .enumerate()
            .map(|(at, &(clean, adversarial))| record(at + 1, clean, adversarial))
            .collect()
    }

    fn assert_marks(history: &[EpochRecord], stopping: Stopping, expected: &[(f64, &str)]) {
        let found = marks(history, &stopping);
        let found: Vec<(f64, &str)> = found.iter().map(|mark| (mark.x, mark.text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn both_rules_are_marked_and_the_runs_own_is_told() {
        let stopping = Stopping { rule: Rule::Adversarial, patience: Some(2), retrain: false };
        let of_both = [
            (4.0, "best adversarial (4), kept"),
            (6.0, "adversarial rule stops (6)"),
            (3.0, "best clean (3)"),
            (5.0, "clean rule would stop (5)"),
        ];
        assert_marks(&history(), stopping, &of_both);
        let endless = Stopping { rule: Rule::Off, patience: None, retrain: false };
        assert_marks(&history(), endless, &[(4.0, "best adversarial (4)"), (3.0, "best clean (3)")]);
    }

    #[test]
    fn changes_lie_between_epochs_and_not_between_stages() {
        let mut history = history();
        history[2].eps = 0.3;
        history[3].eps = 0.3;
        history[3].alpha = 0.75;
        history[0].learning_rate = 0.0;
        history[1].learning_rate = 0.1;
        for record in &mut history[2..4] {
            (record.learning_rate, record.rate) = (0.05, 0.01);
        }
        for record in &mut history[4..] {
            (record.stage, record.clean, record.adversarial) = (Stage::Retraining, None, None);
        }
        let expected = [
            (4.5, "retraining on all pictures"),
            (4.0, "best adversarial (4)"),
            (3.0, "best clean (3)"),
            (2.5, "ε 0.3, rate 0.05"),
            (3.5, "α 0.75"),
        ];
        assert_marks(&history, Stopping { rule: Rule::Off, patience: None, retrain: true }, &expected);
    }

    #[test]
    fn no_history_has_no_marks() {
        assert!(marks(&[], &Stopping::default()).is_empty());
        assert!(alarm(&[], &Config::default()).is_none());
        assert_eq!(best(&[]).map(|(_, best)| best), [None, None]);
    }

    #[test]
    fn the_alarm_follows_the_newest_answers() {
        let mut history = history();
        let fgsm = Config { adversary: Adversary::Fgsm, eps: 0.25, alpha: 0.5, ..Config::default() };
        assert!(alarm(&history, &fgsm).is_none());
        let parted = |wrong| Some(Measured { n: 500, wrong, ..Measured::default() });
        history[3].pgd = parted(490);
        let alarm_of = |history: &[EpochRecord]| alarm(history, &fgsm).expect("PGD is far above FGSM").text();
        let text = alarm_of(&history);
        assert!(text.starts_with("PGD error 98 % against FGSM 50 %: catastrophic overfitting; at epoch 4"), "{text}");
        assert!(!text.contains("lowest"), "there is nothing to go back to: {text}");
        history[1].pgd = parted(310);
        let text = alarm_of(&history);
        assert!(text.contains("PGD error was lowest at epoch 2 (62 %)."), "{text}");
        history[1].eps = 0.1;
        assert!(!alarm_of(&history).contains("lowest"), "an error at another ε says nothing");
        history[4].pgd = parted(260);
        let clean = Config { adversary: Adversary::None, ..fgsm.clone() };
        assert!(alarm(&history[..4], &clean).is_none(), "there is no attack that it could overfit");
        assert!(alarm(&history, &fgsm).is_none(), "the net has recovered");
    }
}
