//! This decides when a run stops, and which epoch's weights it keeps.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::history::{EpochRecord, Stage};

/// One of these validation errors decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// No error decides: all epochs are trained and the last weights kept.
    Off,
    /// The error on untouched pictures decides.
    Clean,
    /// The error on adversarial examples alone decides, as the deck and arXiv 1412.6572, section 6, have it.
    #[default]
    Adversarial,
}

/// These are the settings of early stopping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    pub rule: Rule,
    /// The number of epochs without a lower error after which the run stops; `None` trains them all and keeps the best.
    pub patience: Option<usize>,
    /// Tells whether a fresh net is trained afterwards on all pictures, for as many epochs as were best.
    pub retrain: bool,
}

impl Stopping {
    /// Returns the epoch whose weights are kept: what the rule finds best, or the last one of the selection.
    pub fn kept<'a>(&self, history: &'a [EpochRecord]) -> Option<&'a EpochRecord> {
        match self.rule.best(history) {
            Some(best) => history.get(best),
            None => selection(history).last(),
        }
    }
}

/// Returns the epochs of the selection, which come before those of the retraining.
pub(super) fn selection(history: &[EpochRecord]) -> &[EpochRecord] {
    &history[..history.partition_point(|record| record.stage == Stage::Selection)]
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl Rule {
    /// Returns the error that decides in one epoch; `None` where it was not measured.
    pub fn error(self, record: &EpochRecord) -> Option<f64> {
        match self {
            Self::Off => None,
            Self::Clean => record.clean.map(|measured| measured.error()),
            Self::Adversarial => record.adversarial.map(|measured| measured.error()),
        }
    }

    /// Returns where in `history` the first of the lowest errors is, among epochs of the selection. Adversarial errors
    /// at several ε cannot be compared: where ε was changed, only the epochs from there on count.
    pub fn best(self, history: &[EpochRecord]) -> Option<usize> {
        let selected = selection(history);
        let comparable = selected.iter().enumerate().skip(self.comparable_from(selected));
        let errors = comparable.filter_map(|(at, record)| Some((at, self.error(record)?)));
        errors.min_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(at, _)| at)
    }

    /// Returns the first epoch of a selection whose error can be compared with that of the last one.
    fn comparable_from(self, selected: &[EpochRecord]) -> usize {
        let changed = selected.windows(2).rposition(|pair| pair[0].eps != pair[1].eps).map_or(0, |at| at + 1);
        if self == Self::Adversarial { changed } else { 0 }
    }

    /// Returns how many epochs of the selection this rule finds best; all of them where it finds none.
    pub fn best_epochs(self, history: &[EpochRecord]) -> usize {
        self.best(history).map_or(selection(history).len(), |at| at + 1)
    }

    /// Returns the first place in `history` at which this rule stops; the patience begins anew where ε was changed.
    pub fn stops_at(self, history: &[EpochRecord], patience: usize) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for (at, record) in selection(history).iter().enumerate() {
            if self.comparable_from(&history[..=at]) == at {
                best = None;
            }
            if let Some(error) = self.error(record)
                && best.is_none_or(|(_, lowest)| error < lowest)
            {
                best = Some((at, error));
            }
            if best.is_some_and(|(best, _)| at - best >= patience) {
                return Some(at);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::Measured;
    use super::*;

    fn history(errors: &[(usize, usize)]) -> Vec<EpochRecord> {
        let measured = |wrong| Some(Measured { n: 100, wrong, ..Measured::default() });
        let record = |(epoch, &(clean, adversarial)): (usize, &(usize, usize))| EpochRecord {
            epoch: epoch + 1,
            clean: measured(clean),
            adversarial: measured(adversarial),
            ..EpochRecord::default()
        };
        errors.iter().enumerate().map(record).collect()
    }

    #[test]
    fn the_rules_part_where_the_errors_do() {
        let history = history(&[(9, 90), (5, 60), (4, 70), (4, 50), (6, 55), (7, 50), (8, 80)]);
        assert_eq!(Rule::Clean.best(&history), Some(2));
        assert_eq!(Rule::Adversarial.best(&history), Some(3));
        assert_eq!(Rule::Off.best(&history), None);
        assert_eq!([Rule::Clean, Rule::Adversarial].map(|rule| rule.best_epochs(&history)), [3, 4]);
        assert_eq!(Rule::Clean.stops_at(&history, 2), Some(4));
        assert_eq!(Rule::Adversarial.stops_at(&history, 2), Some(5));
        assert_eq!(Rule::Adversarial.stops_at(&history, 4), None);
        assert_eq!(Rule::Off.stops_at(&history, 1), None);
    }

    #[test]
    fn adversarial_errors_count_from_where_their_eps_was_set() {
        let mut history = history(&[(9, 50), (5, 20), (4, 70), (4, 60), (6, 65), (7, 66)]);
        history[2..].iter_mut().for_each(|record| record.eps = 0.25);
        assert_eq!(Rule::Adversarial.best(&history), Some(3), "20 % was measured at another ε");
        assert_eq!(Rule::Clean.best(&history), Some(2), "the clean error knows no ε");
        assert_eq!(Rule::Adversarial.stops_at(&history, 2), Some(5));
        assert_eq!(Rule::Adversarial.stops_at(&history[..5], 2), None, "a higher ε alone is no reason to stop");
    }
}
