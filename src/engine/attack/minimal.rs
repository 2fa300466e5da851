use serde::{Deserialize, Serialize};

use super::parameter::{AttackInfo, Parameter, Scale, Value};
use super::problem::Problem;
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::{AttackSettings, EpsSearch, Measure};
use crate::{Error, Result};

/// This tries values of ε on a ladder from 0 to `largest` until the attack fools, then bisects below that rung. A
/// picture of the result has the ε above. Fooling need not be monotonic in ε, hence the ladder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinimalEps {
    /// An attack that takes an ε.
    pub attack: Box<AttackSettings>,
    pub largest: f32,
    pub rungs: usize,
    pub bisections: usize,
}

impl MinimalEps {
    /// Returns the usual search: ten bisections of a rung of a twentieth of ε = 1 leave 0.00005.
    pub fn new(attack: AttackSettings, largest: f32) -> Self {
        Self { attack: attack.into(), largest, rungs: 20, bisections: 10 }
    }
}

impl Attack for MinimalEps {
    /// The search is a way of running the others.
    fn usual() -> Vec<Self> {
        Vec::new()
    }

    fn info(&self) -> &'static AttackInfo {
        self.attack.info()
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        let mut parameters = self.attack.parameters();
        let scale = Scale::whole(1.0..=50.0, 1000.0);
        parameters.extend([
            Parameter {
                label: "Rungs",
                tooltip: "In how many equal parts of the largest ε to go up, before bisecting",
                help: "how many equal parts of the largest ε to go up by, before bisecting",
                ..Parameter::of("rungs", Value::Whole(&mut self.rungs, scale.clone()))
            },
            Parameter {
                label: "Bisections",
                tooltip: "How often to bisect",
                help: "how often to bisect",
                ..Parameter::of("bisections", Value::Whole(&mut self.bisections, scale))
            },
        ]);
        parameters
    }

    fn in_words(&self) -> String {
        format!("{}, the smallest ε up to {}", self.attack.in_words(), self.largest)
    }

    fn measure(&self) -> Measure {
        self.attack.measure()
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn follows_loss(&self) -> bool {
        self.attack.follows_loss()
    }

    fn is_random(&self) -> bool {
        self.attack.is_random()
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
            searches: Vec::new(),
            trial: None,
            trials: 0,
            problem: problem.clone(),
            settings: self.clone(),
        }))
    }
}

struct Ladder {
    problem: Problem,
    settings: MinimalEps,
    at: Vec<f32>,
    best: Vec<f32>,
    searches: Vec<EpsSearch>,
    trial: Option<Trial>,
    trials: usize,
}

struct Trial {
    which: Vec<usize>,
    run: Box<dyn Run>,
}

impl Ladder {
    /// Starts the attack with the ε that each undecided picture is to be tried with; tells whether there is one.
    fn begin_trial(&mut self) -> Result<bool> {
        if self.searches.is_empty() {
            let &MinimalEps { largest, rungs, bisections, .. } = &self.settings;
            let rows = self.problem.clean()?.logits.chunks(self.problem.classes()).enumerate();
            let search = |(i, logits)| {
                let mut search = EpsSearch::in_parts(largest, rungs, bisections);
                search.learn(self.problem.fooled(i, logits));
                search
            };
            self.searches = rows.map(search).collect();
        }
        let trials = self.searches.iter().enumerate();
        let (which, eps): (Vec<_>, Vec<_>) = trials.filter_map(|(i, search)| Some((i, search.trial()?))).unzip();
        if which.is_empty() {
            return Ok(false);
        }
        let run = self.settings.attack.start(&self.problem.subset(&which).with_eps(&eps)?)?;
        self.trial = Some(Trial { which, run });
        Ok(true)
    }

    fn end_trial(&mut self, trial: &Trial) -> Result<()> {
        let (size, classes) = (self.problem.size(), self.problem.classes());
        let logits = self.problem.logits(trial.run.result())?;
        for (row, (&i, logits)) in trial.which.iter().zip(logits.chunks(classes)).enumerate() {
            let is_fooled = self.problem.fooled(i, logits);
            self.searches[i].learn(is_fooled);
            if is_fooled {
                self.best[i * size..(i + 1) * size].copy_from_slice(&trial.run.result()[row * size..(row + 1) * size]);
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
                if step.number != step.of {
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
