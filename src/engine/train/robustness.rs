//! What a run's net withstands on test pictures is kept beside the run, so that the runs of a sweep can be compared.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Measured;
use crate::attack::AttackSettings;
use crate::eval::Evaluation;
use crate::files::write_atomically;
use crate::{Error, Result};

const FILE: &str = "robustness.json";
/// No more bytes of such a file are read.
const LARGEST: usize = 1 << 20;

/// These are the errors of a run's net on test pictures: untouched, and under an attack at an ε that need not be the one
/// that the run was trained with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Robustness {
    pub attack: AttackSettings,
    /// The length is in the norm of the attack, in units of the pixel range.
    pub eps: f32,
    pub seed: u64,
    /// The number of pictures, the first ones of the test split.
    pub n: usize,
    pub clean_wrong: usize,
    pub wrong: usize,
    /// The run had so many epochs then; its net may be another one after more.
    pub epochs: usize,
}

impl Robustness {
    /// Returns what an evaluation of a run's net with one ε found; `None` for an evaluation without any.
    pub fn found(attack: &AttackSettings, seed: u64, epochs: usize, found: &Evaluation) -> Option<Self> {
        let attacked = found.attacked.first()?;
        Some(Self {
            attack: attack.clone(),
            eps: attacked.eps,
            seed,
            n: found.n,
            clean_wrong: found.n - found.clean_correct,
            wrong: found.n - attacked.correct,
            epochs,
        })
    }

    /// Returns the answers to the untouched pictures.
    pub fn clean(&self) -> Measured {
        Measured { n: self.n, wrong: self.clean_wrong, ..Measured::default() }
    }

    /// Returns the answers to the attacked pictures.
    pub fn attacked(&self) -> Measured {
        Measured { n: self.n, wrong: self.wrong, ..Measured::default() }
    }

    /// Reads what was kept of the run in a folder; nothing from a file that is missing or damaged.
    pub fn read_all(folder: &Path) -> Vec<Self> {
        let bytes = std::fs::read(folder.join(FILE)).ok().filter(|bytes| bytes.len() <= LARGEST);
        let all: Vec<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        all.into_iter().filter(|kept| kept.n > 0 && kept.wrong <= kept.n && kept.clean_wrong <= kept.n).collect()
    }

    /// Keeps this in the folder of a run, in place of what was measured under the same conditions. Returns all that is
    /// kept there now.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn keep(self, folder: &Path) -> Result<Vec<Self>> {
        let mut all = Self::read_all(folder);
        all.retain(|kept| (&kept.attack, kept.eps, kept.seed) != (&self.attack, self.eps, self.seed));
        all.push(self);
        let json = serde_json::to_vec_pretty(&all)
            .map_err(|error| Error::Argument(format!("what was measured of the run: {error}")))?;
        std::fs::create_dir_all(folder).map_err(Error::io("make the folder for the run", folder))?;
        write_atomically(&folder.join(FILE), &json, "write what was measured of the run")?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::AttackedResult;

    #[test]
    fn what_was_measured_comes_back_and_takes_the_place_of_its_like() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Robustness::read_all(folder.path()), []);
        let attack = AttackSettings::named("pgd").unwrap();
        let attacked = AttackedResult { eps: 0.1, correct: 60, ..AttackedResult::default() };
        let found = Evaluation { n: 100, clean_correct: 97, attacked: vec![attacked], ..Evaluation::default() };
        let first = Robustness::found(&attack, 3, 5, &found).unwrap();
        assert_eq!((first.clean_wrong, first.wrong, first.n, first.epochs), (3, 40, 100, 5));
        assert!((first.attacked().error() - 0.4).abs() < 1e-12);
        assert_eq!(first.clone().keep(folder.path()).unwrap(), std::slice::from_ref(&first));
        let other = Robustness { eps: 0.2, ..first.clone() };
        other.clone().keep(folder.path()).unwrap();
        let again = Robustness { epochs: 9, wrong: 41, ..first };
        let kept = again.clone().keep(folder.path()).unwrap();
        assert_eq!(kept, [other, again]);
        assert_eq!(Robustness::read_all(folder.path()), kept);
        assert_eq!(Robustness::found(&attack, 3, 5, &Evaluation::default()), None);
        // More wrong answers than pictures, and half a file.
        let path = folder.path().join(FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"wrong\": 41", "\"wrong\": 101")).unwrap();
        assert_eq!(Robustness::read_all(folder.path()).len(), 1);
        std::fs::write(&path, &text[..text.len() / 2]).unwrap();
        assert_eq!(Robustness::read_all(folder.path()), []);
    }
}
