//! The basic iterative method.

use serde::{Deserialize, Serialize};

use super::climb::{Climb, Pace, StepSize, in_steps};
use super::parameter::{AttackInfo, Parameter, norm, step_size, steps};
use super::run::{Attack, Run};
use super::{Measure, Norm, Problem};
use crate::Result;

/// The basic iterative method is [`Fgsm`](super::Fgsm) in small steps, brought back to within ε after each.
///
/// Kurakin, Goodfellow, Bengio, *Adversarial Examples in the Physical World*, 2017 (arXiv 1607.02533), section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bim {
    /// [`Norm::Linf`] or [`Norm::L2`].
    pub norm: Norm,
    pub steps: usize,
    /// The length of a step; ε/steps if not given.
    pub step_size: Option<f32>,
}

impl Attack for Bim {
    fn usual() -> Vec<Self> {
        vec![Self { norm: Norm::Linf, steps: 10, step_size: None }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            name: "bim",
            aliases: &[],
            title: "BIM",
            summary: "The basic iterative method: FGSM in small steps, brought back to within ε after each",
            brief: "The basic iterative method: Kurakin et al. 2017",
            paper: "Kurakin, Goodfellow, Bengio 2017, arXiv 1607.02533, section 2.2",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            norm(&mut self.norm, &[Norm::Linf, Norm::L2]),
            steps(&mut self.steps),
            step_size(&mut self.step_size, "ε/steps"),
        ]
    }

    fn in_words(&self) -> String {
        in_steps(self.norm, self.steps, self.step_size)
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn stop_at(&mut self, step: usize, eps: f32) -> bool {
        // A step's usual length is a share of ε by the number of steps, which is another one now.
        self.step_size.get_or_insert(eps / self.steps as f32);
        self.steps = step;
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let Self { norm, steps, step_size } = *self;
        Climb::start(problem, Pace { step_size: StepSize::of(step_size, 1.0), ..Pace::within(norm, steps) })
    }
}
