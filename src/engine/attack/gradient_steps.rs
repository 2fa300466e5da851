use serde::{Deserialize, Serialize};

use super::climb::{Climb, Pace};
use super::parameter::{AttackInfo, Parameter, Scale, Value, steps};
use super::run::{Attack, Run, check_positive};
use super::{Measure, Norm, Problem};
use crate::Result;

/// This attack goes `steps` times to `x + η·∇ₓJ`, as far as that leads: gradient descent on pixels instead of weights.
/// Szegedy et al., *Intriguing Properties of Neural Networks*, 2014 (arXiv 1312.6199), for the idea.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientSteps {
    /// η, which the gradient is multiplied by.
    pub eta: f32,
    pub steps: usize,
}

impl Attack for GradientSteps {
    fn usual() -> Vec<Self> {
        vec![Self { eta: 0.1, steps: 10 }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["gradient"],
            title: "Gradient steps",
            summary: "Several plain steps x ± η·∇J: pixels that matter more move more",
            brief: "Plain gradient steps, `eta` times the gradient",
            paper: "Szegedy et al. 2014, arXiv 1312.6199",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        let eta = Parameter {
            label: "η",
            tooltip: "A step is η times the gradient",
            help: "a step is this times the gradient",
            placeholder: "ETA",
            ..Parameter::of("eta", Value::Real(&mut self.eta, Scale::new(0.0..=10.0, 100.0)))
        };
        vec![steps(&mut self.steps), eta]
    }

    fn in_words(&self) -> String {
        format!("{} steps of {}·∇J", self.steps, self.eta)
    }

    fn measure(&self) -> Measure {
        Measure::Norm(Norm::L2)
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn is_cut_by_steps(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_positive(self.eta, "η")?;
        let pace = Pace::within(Norm::L2, self.steps);
        Climb::start(problem, Pace { norm: None, step_size: Some(self.eta), ..pace })
    }
}
