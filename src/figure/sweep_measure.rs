//! The runs of a sweep are judged by one error: at each run's own ε, or all of them at the same one.

use serde::{Deserialize, Serialize};

use super::FigureRun;
use crate::engine::attack::{AttackSettings, Norm};
use crate::engine::train::{Measured, Robustness};
use crate::engine::units::short;

/// Runs are compared under one of these attacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepAttack {
    Fgsm,
    /// A net that only learned to withstand one step does not win under it.
    #[default]
    Pgd,
    AutoAttack,
}

impl SweepAttack {
    pub const ALL: [Self; 3] = [Self::Fgsm, Self::Pgd, Self::AutoAttack];

    pub fn name(self) -> &'static str {
        match self {
            Self::Fgsm => "FGSM",
            Self::Pgd => "PGD",
            Self::AutoAttack => "AutoAttack",
        }
    }

    /// Returns the name of the attack on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Fgsm => "fgsm",
            Self::Pgd => "pgd",
            Self::AutoAttack => "autoattack",
        }
    }

    /// Returns the attack in a norm, with its usual settings.
    pub fn settings(self, norm: Norm) -> AttackSettings {
        let mut attack = AttackSettings::named(self.key()).unwrap_or_default();
        if let Some((kept, known)) = attack.norm_mut()
            && known.contains(&norm)
        {
            *kept = norm;
        }
        attack
    }
}

/// The measure that a sweep is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SweepMeasure {
    pub attack: SweepAttack,
    /// All runs are attacked at `eps`, on test pictures; otherwise each at the ε that it was trained with, on the held-out
    /// pictures, where AutoAttack is never made.
    pub at_common_eps: bool,
    pub eps: f32,
}

impl Default for SweepMeasure {
    fn default() -> Self {
        Self { attack: SweepAttack::Pgd, at_common_eps: false, eps: 0.1 }
    }
}

/// These are the errors by which a run is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The net is that of this epoch.
    pub epoch: usize,
    pub clean: Measured,
    pub attacked: Measured,
}

impl SweepMeasure {
    pub fn is_common(self) -> bool {
        self.at_common_eps || self.attack == SweepAttack::AutoAttack
    }

    /// Says the measure in words, such as `PGD at ε 0.1`.
    pub fn in_words(self) -> String {
        match self.is_common() {
            true => format!("{} at ε {}", self.attack.name(), short(self.eps)),
            false => format!("{} at its own ε", self.attack.name()),
        }
    }

    /// Returns what was measured of a run at the common ε; `None` where that was not done, or its net is another one now.
    pub fn measured<'a>(self, run: &FigureRun<'a>) -> Option<&'a Robustness> {
        let attack = self.attack.settings(run.config.norm);
        let is_this =
            |kept: &&Robustness| kept.attack == attack && kept.eps == self.eps && kept.epochs == run.history.len();
        run.robustness.iter().find(is_this)
    }

    /// Returns the errors of a run by this measure; `None` where they were not measured.
    pub fn judge(self, run: &FigureRun<'_>) -> Option<Judged> {
        let kept = run.kept()?;
        let epoch = kept.epoch;
        if self.is_common() {
            let found = self.measured(run)?;
            return Some(Judged { epoch, clean: found.clean(), attacked: found.attacked() });
        }
        let attacked = if self.attack == SweepAttack::Fgsm { kept.adversarial } else { kept.pgd };
        Some(Judged { epoch, clean: kept.clean?, attacked: attacked? })
    }

    /// Returns the runs with the lowest error: at a common ε one of them all, otherwise one for each ε. One that has no other
    /// to be compared with is not among them.
    pub fn best(self, runs: &[FigureRun<'_>]) -> Vec<usize> {
        let error = |run: &FigureRun<'_>| Some(self.judge(run)?.attacked.error());
        let mut judged: Vec<(usize, f64)> =
            runs.iter().enumerate().filter_map(|(index, run)| Some((index, error(run)?))).collect();
        judged.sort_by(|a, b| a.1.total_cmp(&b.1));
        let eps = |index: usize| if self.is_common() { self.eps } else { runs[index].config.eps };
        let mut best: Vec<usize> = Vec::new();
        for &(index, _) in &judged {
            let rivals = judged.iter().filter(|(other, _)| eps(*other) == eps(index)).count();
            if rivals > 1 && !best.iter().any(|&known| eps(known) == eps(index)) {
                best.push(index);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::{Config, EpochRecord};

    #[test]
    fn the_star_goes_by_the_measure() {
        let measured = |wrong| Some(Measured { n: 10, wrong, ..Measured::default() });
        // The first run withstands one step and no more: catastrophic overfitting.
        let histories = [(0, 9), (3, 4), (2, 5)].map(|(fgsm, pgd)| {
            let (clean, adversarial, pgd) = (measured(1), measured(fgsm), measured(pgd));
            [EpochRecord { epoch: 1, clean, adversarial, pgd, ..EpochRecord::default() }]
        });
        let configs = [0.1, 0.1, 0.3].map(|eps| Config { eps, ..Config::default() });
        let attack = SweepAttack::AutoAttack.settings(Norm::Linf);
        let kept = |wrong, epochs| {
            let attack = attack.clone();
            [Robustness { attack, eps: 0.2, seed: 0, n: 10, clean_wrong: 2, wrong, epochs }]
        };
        // What was measured of the third run is of another net: it has gone on since.
        let robustness = [kept(8, 1), kept(6, 1), kept(1, 2)];
        let run = |at: usize| FigureRun {
            name: "run",
            config: &configs[at],
            history: &histories[at],
            robustness: &robustness[at],
        };
        let runs = [run(0), run(1), run(2)];
        let own = |attack| SweepMeasure { attack, at_common_eps: false, eps: 0.2 };
        assert_eq!(own(SweepAttack::Pgd).best(&runs), [1], "the third run has no rival");
        assert_eq!(own(SweepAttack::Fgsm).best(&runs), [0]);
        let common = own(SweepAttack::AutoAttack);
        assert_eq!(common.best(&runs), [1]);
        assert_eq!(common.judge(&runs[1]).map(|judged| (judged.clean.wrong, judged.attacked.wrong)), Some((2, 6)));
        assert_eq!(common.judge(&runs[2]), None);
        assert!(SweepMeasure { eps: 0.3, ..common }.best(&runs).is_empty());
        assert_eq!(
            (common.in_words(), own(SweepAttack::Pgd).in_words()),
            ("AutoAttack at ε 0.2".into(), "PGD at its own ε".into())
        );
    }
}
