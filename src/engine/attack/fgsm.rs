use serde::{Deserialize, Serialize};

use super::one_step::OneStep;
use super::parameter::{AttackInfo, Parameter, norm};
use super::run::{Attack, Run};
use super::{Measure, Norm, Problem};
use crate::Result;

/// This attack takes one step `x + ε·η`, η being the steepest direction of length 1: Goodfellow, Shlens, Szegedy,
/// *Explaining and Harnessing Adversarial Examples*, 2015 (arXiv 1412.6572), section 3, for L∞.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fgsm {
    /// The norm in which the step has the length ε.
    pub norm: Norm,
}

impl Attack for Fgsm {
    fn usual() -> Vec<Self> {
        vec![Self { norm: Norm::Linf }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["fgsm"],
            title: "FGSM",
            summary: "The fast gradient sign method: one step x + ε·sign(∇J), so every pixel moves by exactly ε",
            brief: "One step of the sign: Goodfellow et al. 2015; with `norm` l2 or l1 its relatives",
            paper: "Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 3",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![norm(&mut self.norm, &[Norm::Linf, Norm::L2, Norm::L1])]
    }

    fn in_words(&self) -> String {
        format!("in {}", self.norm().title())
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let norm = self.norm;
        let steepest = move |problem: &Problem| {
            let gradient = &problem.clean()?.gradient;
            Ok(gradient.chunks(problem.size().max(1)).flat_map(|g| norm.steepest(g)).collect())
        };
        Ok(Box::new(OneStep::new(problem, steepest)))
    }
}
