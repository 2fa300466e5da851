//! The smallest ε with which an attack fools, for each picture.

use serde::{Deserialize, Serialize};

use super::Norm;
use super::problem::Problem;
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::settings::AttackSettings;
use crate::{Error, Result};

/// Tries values of ε on a ladder from 0 to `largest` until the attack fools, then bisects between the last one that did not
/// and the first one that did. A picture of the result has the ε above: it fools, while the attack with an ε below by the
/// search's resolution does not. Fooling need not be monotonic in ε, hence the ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinimalEps {
    /// One that takes an ε.
    pub attack: Box<AttackSettings>,
    pub largest: f32,
    /// Rungs of the ladder.
    pub rungs: usize,
    pub bisections: usize,
}

impl Attack for MinimalEps {
    fn name(&self) -> &'static str {
        self.attack.name()
    }

    fn paper(&self) -> &'static str {
        self.attack.paper()
    }

    fn norm(&self) -> Norm {
        self.attack.norm()
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn follows_loss(&self) -> bool {
        self.attack.follows_loss()
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_steps(self.rungs, "rungs of the ladder")?;
        check_positive(self.largest, "the largest ε")?;
        if !self.attack.takes_eps() {
            let name = self.attack.name();
            let message =
                format!("{name} finds the shortest perturbation by itself; expected an attack that takes an ε");
            return Err(Error::Argument(message));
        }
        Ok(Box::new(Ladder {
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            brackets: Vec::new(),
            trial: None,
            trials: 0,
            problem: problem.clone(),
            settings: self.clone(),
        }))
    }
}

/// Where the smallest ε of a picture lies.
#[derive(Clone, Copy)]
struct Bracket {
    /// Does not fool.
    low: f32,
    /// Fools, once it is finite.
    high: f32,
}

struct Ladder {
    problem: Problem,
    settings: MinimalEps,
    at: Vec<f32>,
    best: Vec<f32>,
    /// One for each picture; known from the first step on.
    brackets: Vec<Bracket>,
    trial: Option<Trial>,
    trials: usize,
}

/// The attack under way, on the pictures that are not decided yet.
struct Trial {
    which: Vec<usize>,
    eps: Vec<f32>,
    run: Box<dyn Run>,
}

impl Ladder {
    /// The ε to try next for a picture, in this trial.
    fn next_eps(&self, i: usize) -> Option<f32> {
        let Bracket { low, high } = self.brackets[i];
        let (rungs, largest) = (self.settings.rungs, self.settings.largest);
        match high {
            // Fooled without any perturbation.
            0.0 => None,
            // None where no number lies between.
            high if high.is_finite() => Some(0.5 * (low + high)).filter(|eps| low < *eps && *eps < high),
            _ => (self.trials < rungs).then(|| largest * ((self.trials + 1) as f32 / rungs as f32)),
        }
    }

    fn begin_trial(&mut self) -> Result<bool> {
        if self.brackets.is_empty() {
            let clean = self.problem.clean()?;
            let fooled = |(i, logits)| self.problem.fooled(i, logits);
            let high = |fooled| if fooled { 0.0 } else { f32::INFINITY };
            let rows = clean.logits.chunks(self.problem.classes()).enumerate();
            self.brackets = rows.map(fooled).map(|fooled| Bracket { low: 0.0, high: high(fooled) }).collect();
        }
        let resolution = self.settings.largest / self.settings.rungs as f32 / (self.settings.bisections as f32).exp2();
        let is_wide = |i: &usize| self.brackets[*i].high - self.brackets[*i].low > resolution * 1.5;
        let undecided = (0..self.problem.len()).filter(is_wide);
        let (which, eps): (Vec<_>, Vec<_>) = undecided.filter_map(|i| Some((i, self.next_eps(i)?))).unzip();
        if which.is_empty() {
            return Ok(false);
        }
        let run = self.settings.attack.start(&self.problem.subset(&which).with_eps(&eps)?)?;
        self.trial = Some(Trial { which, eps, run });
        Ok(true)
    }

    fn end_trial(&mut self, trial: &Trial) -> Result<()> {
        let (size, classes) = (self.problem.size(), self.problem.classes());
        let logits = self.problem.logits(trial.run.result())?;
        for (row, (&i, &eps)) in trial.which.iter().zip(&trial.eps).enumerate() {
            if self.problem.fooled(i, &logits[row * classes..(row + 1) * classes]) {
                self.brackets[i].high = eps;
                self.best[i * size..(i + 1) * size].copy_from_slice(&trial.run.result()[row * size..(row + 1) * size]);
            } else {
                self.brackets[i].low = eps;
            }
        }
        self.trials += 1;
        Ok(())
    }
}

impl Run for Ladder {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        if self.trial.is_none() && !self.begin_trial()? {
            return Ok(None);
        }
        let of = self.settings.rungs + self.settings.bisections;
        if let Some(mut trial) = self.trial.take() {
            let size = self.problem.size();
            if let Some(step) = trial.run.advance()? {
                for (row, &i) in trial.which.iter().enumerate() {
                    self.at[i * size..(i + 1) * size].copy_from_slice(&step.pictures[row * size..(row + 1) * size]);
                }
                let is_last = step.number == step.of;
                if !is_last {
                    self.trial = Some(trial);
                    return Ok(Some(Step { number: self.trials + 1, of, pictures: &self.at }));
                }
            }
            self.end_trial(&trial)?;
        }
        Ok(Some(Step { number: self.trials.min(of), of, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.best
    }
}
