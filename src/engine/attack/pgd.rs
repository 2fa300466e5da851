use serde::{Deserialize, Serialize};

use super::climb::{Climb, Pace, in_steps};
use super::parameter::{AttackInfo, Parameter, Value, norm, restarts, step_size, steps};
use super::run::{Attack, Run, check_steps};
use super::{Measure, Norm, Problem};
use crate::{Error, Result};

/// Projected gradient descent is the basic iterative method from a random point within ε, some times over. Madry,
/// Makelov, Schmidt, Tsipras, Vladu, *Towards Deep Learning Models Resistant to Adversarial Attacks*, 2018 (arXiv
/// 1706.06083), section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pgd {
    /// This is L∞ or L2.
    pub norm: Norm,
    pub steps: usize,
    /// The length of a step, which is 2.5·ε/steps if it is not given.
    pub step_size: Option<f32>,
    /// It starts from a point drawn from the ball of radius ε.
    pub random_start: bool,
    /// The number of starts, above 1 only with a random one; pictures that fool are done.
    pub restarts: usize,
}

/// A step's usual length, in multiples of ε/steps.
const PACE: f32 = 2.5;

impl Attack for Pgd {
    fn usual() -> Vec<Self> {
        vec![Self { norm: Norm::Linf, steps: 40, step_size: None, random_start: true, restarts: 1 }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["pgd"],
            title: "PGD",
            summary: "Projected gradient descent: small signed steps within ε from a random point. The usual \
                      yardstick.",
            brief: "Projected gradient descent: Madry et al. 2018",
            paper: "Madry, Makelov, Schmidt, Tsipras, Vladu 2018, arXiv 1706.06083, section 2.1",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        // From the same point the climb ends alike.
        let is_idle = !self.random_start;
        vec![
            norm(&mut self.norm, &[Norm::Linf, Norm::L2]),
            steps(&mut self.steps),
            step_size(&mut self.step_size, PACE),
            Parameter {
                label: "Random start",
                tooltip: "Begin at a point drawn from the ball of radius ε instead of the picture itself",
                help: "start from a random point within ε",
                placeholder: "RANDOM_START",
                is_terse: true,
                ..Parameter::of("random-start", Value::Switch(&mut self.random_start))
            },
            Parameter { is_idle, ..restarts(&mut self.restarts) },
        ]
    }

    fn in_words(&self) -> String {
        let start = match (self.random_start, self.restarts) {
            (false, _) => String::new(),
            (true, 1) => ", random start".into(),
            (true, restarts) => format!(", {restarts} random starts"),
        };
        in_steps(self.norm, self.steps, self.step_size) + &start
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn is_random(&self) -> bool {
        self.random_start
    }

    fn is_cut_by_steps(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let Self { norm, steps, step_size, random_start, restarts } = *self;
        if restarts > 1 && !random_start {
            let message = format!("{restarts} restarts from the same point end alike; expected a random start, or 1");
            return Err(Error::Argument(message));
        }
        check_steps(restarts, "restarts")?;
        let pace = Pace { step_size, share: PACE, random_start, restarts, ..Pace::within(norm, steps) };
        Climb::start(problem, pace)
    }
}
