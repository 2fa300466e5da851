use serde::{Deserialize, Serialize};

use super::climb::{Climb, Pace, in_steps};
use super::parameter::{AttackInfo, Parameter, norm, step_size, steps};
use super::run::{Attack, Run};
use super::{Measure, Norm, Problem};
use crate::Result;

/// The basic iterative method is [`Fgsm`](super::Fgsm) in small steps, brought back to within ε after each: Kurakin,
/// Goodfellow, Bengio, *Adversarial Examples in the Physical World*, 2017 (arXiv 1607.02533), section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bim {
    /// This is L∞ or L2.
    pub norm: Norm,
    pub steps: usize,
    /// The length of a step, which is ε/steps if it is not given.
    pub step_size: Option<f32>,
}

impl Attack for Bim {
    fn usual() -> Vec<Self> {
        vec![Self { norm: Norm::Linf, steps: 10, step_size: None }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["bim"],
            title: "BIM",
            summary: "The basic iterative method: FGSM in small steps, brought back to within ε after each",
            brief: "The basic iterative method: Kurakin et al. 2017",
            paper: "Kurakin, Goodfellow, Bengio 2017, arXiv 1607.02533, section 2.2",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![norm(&mut self.norm, &[Norm::Linf, Norm::L2]), steps(&mut self.steps), step_size(&mut self.step_size, 1.0)]
    }

    fn in_words(&self) -> String {
        in_steps(self.norm, self.steps, self.step_size)
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn is_cut_by_steps(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        Climb::start(problem, Pace { step_size: self.step_size, ..Pace::within(self.norm, self.steps) })
    }
}
