//! A run measures these, epoch by epoch.

use serde::{Deserialize, Serialize};

use crate::statistics::wilson_interval;

/// This is a part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Some pictures are held out, and their errors select an epoch.
    #[default]
    Selection,
    /// A fresh net is trained on all pictures, for as many epochs.
    Retraining,
}

/// These are the answers on some validation pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub n: usize,
    pub wrong: usize,
    /// The mean cross-entropy.
    pub loss: f32,
    /// The mean, over the wrong answers only, of the probability that the net gives its own answer.
    pub confidence_on_mistakes: Option<f32>,
    /// The number of pictures of the commonest class: always answering with it is right so often. 0 in old histories.
    #[serde(default)]
    pub commonest: usize,
    /// All pictures were taken for this class; `None` where answers differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_answer: Option<usize>,
}

impl Measured {
    /// Returns the share of wrong answers.
    pub fn error(&self) -> f64 {
        self.wrong as f64 / self.n.max(1) as f64
    }

    /// Returns Wilson's 95 % interval of the error.
    pub fn interval(&self) -> (f64, f64) {
        wilson_interval(self.wrong, self.n)
    }
}

/// This is one epoch; the answers are those after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    #[serde(default)]
    pub stage: Stage,
    /// The epoch is counted from 1 in each stage.
    pub epoch: usize,
    /// The objective had this ε and α.
    pub eps: f32,
    pub alpha: f32,
    /// The learning rate of its last step.
    pub rate: f32,
    /// The largest learning rate of the schedule at the end of the epoch; 0 in old histories, which do not tell.
    #[serde(default)]
    pub learning_rate: f32,
    /// The mean objective over the epoch.
    pub loss: f32,
    pub clean: Option<Measured>,
    /// The answers under FGSM at ε; `None` without one.
    pub adversarial: Option<Measured>,
    /// The answers under projected gradient descent in ten steps at ε, on fewer pictures.
    pub pgd: Option<Measured>,
    pub seconds: f32,
}

/// FGSM and PGD have parted when the error under PGD is higher by this much, beyond what chance explains.
const PARTED_BY: f64 = 0.15;

impl EpochRecord {
    /// Tells whether the net only withstands the attack that it was trained on: its error is far higher under ten small
    /// steps than under one large one. Wong, Rice & Kolter, Fast is better than free, 2020, section 5: catastrophic
    /// overfitting.
    pub fn overfits_the_attack(&self) -> bool {
        let (Some(fgsm), Some(pgd)) = (self.adversarial, self.pgd) else { return false };
        pgd.error() > fgsm.error() + PARTED_BY && pgd.interval().0 > fgsm.interval().1
    }
}

const HEADER: &str = "stage,epoch,eps,alpha,rate,loss,clean_error,adversarial_error,pgd_error,\
    clean_confidence_on_mistakes,adversarial_confidence_on_mistakes,validation_pictures,pgd_pictures,seconds";

/// Returns a table with a line for each epoch; errors are shares, and a field is empty where nothing was measured.
pub fn history_csv(history: &[EpochRecord]) -> String {
    let error = |measured: Option<Measured>| measured.map(|m| m.error().to_string()).unwrap_or_default();
    let confidence = |measured: Option<Measured>| {
        measured.and_then(|m| m.confidence_on_mistakes).map(|c| c.to_string()).unwrap_or_default()
    };
    let mut csv = format!("{HEADER}\n");
    for r in history {
        let stage = match r.stage {
            Stage::Selection => "selection",
            Stage::Retraining => "retraining",
        };
        let fields = [
            stage.into(),
            r.epoch.to_string(),
            r.eps.to_string(),
            r.alpha.to_string(),
            r.rate.to_string(),
            r.loss.to_string(),
            error(r.clean),
            error(r.adversarial),
            error(r.pgd),
            confidence(r.clean),
            confidence(r.adversarial),
            r.clean.map_or(0, |m| m.n).to_string(),
            r.pgd.map_or(0, |m| m.n).to_string(),
            format!("{:.2}", r.seconds),
        ];
        csv.push_str(&fields.join(","));
        csv.push('\n');
    }
    csv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parting_is_told_from_chance() {
        let record = |fgsm, pgd, n| EpochRecord {
            adversarial: Some(Measured { n: 1000, wrong: fgsm, ..Measured::default() }),
            pgd: Some(Measured { n, wrong: pgd, ..Measured::default() }),
            ..EpochRecord::default()
        };
        assert!(record(100, 450, 500).overfits_the_attack());
        assert!(!record(100, 120, 500).overfits_the_attack());
        assert!(!record(100, 3, 10).overfits_the_attack(), "three of ten may be chance");
        assert!(!EpochRecord::default().overfits_the_attack());
    }

    #[test]
    fn a_table_has_a_field_for_every_column() {
        let record = EpochRecord {
            epoch: 3,
            clean: Some(Measured { n: 200, wrong: 3, ..Measured::default() }),
            ..EpochRecord::default()
        };
        let csv = history_csv(&[record]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
        assert_eq!(lines[1], "selection,3,0,0,0,0,0.015,,,,,200,0,0.00");
    }
}
