use serde::{Deserialize, Serialize};

use super::climb::{Climb, Pace, in_steps};
use super::parameter::{AttackInfo, Parameter, Scale, Value, norm, step_size, steps};
use super::run::{Attack, Run, check_positive};
use super::{Measure, Norm, Problem};
use crate::Result;

/// The momentum iterative fast gradient method steps along a sum of gradients, `g ← μ·g + ∇J/‖∇J‖₁`. Dong et al.,
/// *Boosting Adversarial Attacks with Momentum*, 2018 (arXiv 1710.06081), algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MomentumFgsm {
    /// This is L∞ or L2.
    pub norm: Norm,
    pub steps: usize,
    /// The length of a step, which is ε/steps if it is not given.
    pub step_size: Option<f32>,
    /// μ, the share of the sum that is left after each step; with 0 this is [`Bim`](super::Bim).
    pub decay: f32,
}

impl Attack for MomentumFgsm {
    fn usual() -> Vec<Self> {
        vec![Self { norm: Norm::Linf, steps: 10, step_size: None, decay: 1.0 }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["momentum", "mifgsm"],
            title: "Momentum",
            summary: "Small steps along a running sum of gradients; carries over to other nets well",
            brief: "The momentum iterative method: Dong et al. 2018",
            paper: "Dong et al. 2018, arXiv 1710.06081, algorithm 1",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            norm(&mut self.norm, &[Norm::Linf, Norm::L2]),
            steps(&mut self.steps),
            step_size(&mut self.step_size, 1.0),
            Parameter {
                label: "Decay μ",
                tooltip: "What is left of the sum of gradients after a step",
                help: "what is left of the momentum after a step",
                placeholder: "MU",
                ..Parameter::of("decay", Value::Real(&mut self.decay, Scale::new(0.0..=2.0, 10.0)))
            },
        ]
    }

    fn in_words(&self) -> String {
        format!("{}, decay {}", in_steps(self.norm, self.steps, self.step_size), self.decay)
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn is_cut_by_steps(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let Self { norm, steps, step_size, decay } = *self;
        check_positive(decay, "the decay of the momentum")?;
        Climb::start(problem, Pace { step_size, decay: Some(decay), ..Pace::within(norm, steps) })
    }
}
