use serde::{Deserialize, Serialize};

use super::ascent::Ascent;
use super::parameter::{AttackInfo, Parameter, norm, restarts, steps, targets};
use super::run::{Attack, Run, check_steps};
use super::{Measure, Norm, Problem};
use crate::{Error, Result};

/// Auto-PGD climbs with momentum, and chooses the length of its steps itself: it halves it where the loss has stopped to
/// rise, and goes on from the best point. Croce, Hein, *Reliable Evaluation of Adversarial Robustness with an Ensemble of
/// Diverse Parameter-free Attacks*, 2020 (arXiv 2003.01690), algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Apgd {
    /// This is L∞ or L2.
    pub norm: Norm,
    pub objective: Objective,
    pub steps: usize,
    /// The number of random points that it starts from; pictures that fool are done.
    pub restarts: usize,
}

/// This is the function of the logits that Auto-PGD climbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The loss of the problem: the cross-entropy, or the log-odds.
    Loss,
    /// The difference of logits ratio against the label, equation 6; towards the target where the problem has one.
    Dlr,
    /// The difference of logits ratio towards so many of the most probable other classes, one after the other,
    /// equation 7; towards the target alone where the problem has one.
    TargetedDlr { targets: usize },
}

impl Apgd {
    /// Returns the member of the ensemble of its authors: 100 steps from one random point.
    pub fn new(norm: Norm, objective: Objective) -> Self {
        Self { norm, objective, steps: 100, restarts: 1 }
    }
}

const PAPER: &str = "Croce, Hein 2020, arXiv 2003.01690, algorithm 1";

impl Attack for Apgd {
    fn usual() -> Vec<Self> {
        let objectives = [Objective::Loss, Objective::Dlr, Objective::TargetedDlr { targets: 9 }];
        objectives.map(|objective| Self::new(Norm::Linf, objective)).to_vec()
    }

    fn info(&self) -> &'static AttackInfo {
        match self.objective {
            Objective::Loss => &AttackInfo {
                names: &["apgd-ce", "apgd"],
                title: "Auto-PGD",
                summary: "PGD with momentum that chooses the length of its steps itself",
                brief: "Auto-PGD, which needs no step size: Croce and Hein 2020",
                paper: PAPER,
            },
            Objective::Dlr => &AttackInfo {
                names: &["apgd-dlr"],
                title: "Auto-PGD on DLR",
                summary: "Auto-PGD up the difference of logits ratio, which scaling a net's logits does not change",
                brief: "Auto-PGD up the difference of logits ratio: Croce and Hein 2020",
                paper: PAPER,
            },
            Objective::TargetedDlr { .. } => &AttackInfo {
                names: &["apgd-t"],
                title: "Targeted Auto-PGD",
                summary: "Auto-PGD towards the most probable other classes, one after the other",
                brief: "Auto-PGD towards `target-classes` classes in turn: Croce and Hein 2020",
                paper: PAPER,
            },
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        let mut parameters = vec![norm(&mut self.norm, &[Norm::Linf, Norm::L2]), steps(&mut self.steps)];
        if let Objective::TargetedDlr { targets: count } = &mut self.objective {
            parameters.push(targets(count));
        }
        parameters.push(restarts(&mut self.restarts));
        parameters
    }

    fn in_words(&self) -> String {
        let targets = match self.objective {
            Objective::TargetedDlr { targets } => format!(" for each of {targets} targets"),
            Objective::Loss | Objective::Dlr => String::new(),
        };
        let starts = if self.restarts == 1 { String::new() } else { format!(", {} random starts", self.restarts) };
        format!("in {}, {} steps{targets}{starts}", self.norm.title(), self.steps)
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn follows_loss(&self) -> bool {
        self.objective == Objective::Loss
    }

    fn is_random(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_steps(self.steps, "steps")?;
        check_steps(self.restarts, "restarts")?;
        if self.norm == Norm::L1 {
            return Err(Error::Argument("this attack has no L1 form; expected the norm linf or l2".into()));
        }
        if let Objective::TargetedDlr { targets } = self.objective {
            check_steps(targets, "targets")?;
        }
        Ok(Box::new(Ascent::new(problem, *self)))
    }
}
