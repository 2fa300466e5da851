use rand::Rng;
use serde::{Deserialize, Serialize};

use super::one_step::OneStep;
use super::parameter::{AttackInfo, Parameter};
use super::run::{Attack, Run};
use super::{Measure, Norm, Problem};
use crate::Result;

/// This is a perturbation by chance, which depends on the seed alone: what an attack has to be better than. These are
/// controls of Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    pub kind: NoiseKind,
}

/// This is what a perturbation by chance is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseKind {
    Signs,
    Uniform,
    Gaussian,
}

impl NoiseKind {
    pub const ALL: [Self; 3] = [Self::Signs, Self::Uniform, Self::Gaussian];

    /// Draws a perturbation of `size` values for ε = 1.
    pub fn draw(self, size: usize, rng: &mut impl Rng) -> Vec<f32> {
        match self {
            Self::Signs => (0..size).map(|_| if rng.random() { 1.0 } else { -1.0 }).collect(),
            Self::Uniform => (0..size).map(|_| rng.random_range(-1.0..=1.0)).collect(),
            Self::Gaussian => Norm::L2.steepest(&normal(size, rng)),
        }
    }
}

/// Draws standard normal values: Box and Muller, *A Note on the Generation of Random Normal Deviates*, 1958.
pub(crate) fn normal(size: usize, rng: &mut impl Rng) -> Vec<f32> {
    let value = |_| {
        let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    };
    (0..size).map(value).collect()
}

const PAPER: &str = "a control: Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 6";

impl Attack for Noise {
    fn usual() -> Vec<Self> {
        NoiseKind::ALL.map(|kind| Self { kind }).to_vec()
    }

    fn info(&self) -> &'static AttackInfo {
        match self.kind {
            NoiseKind::Signs => &AttackInfo {
                names: &["signs"],
                title: "Random signs",
                summary: "+ε or −ε at each pixel by chance: no attack, but what one has to be better than",
                brief: "Random signs, a control",
                paper: PAPER,
            },
            NoiseKind::Uniform => &AttackInfo {
                names: &["uniform"],
                title: "Uniform noise",
                summary: "Anything from −ε to ε at each pixel, by chance",
                brief: "Uniform noise, a control",
                paper: PAPER,
            },
            NoiseKind::Gaussian => &AttackInfo {
                names: &["gaussian"],
                title: "Gaussian noise",
                summary: "A random direction of length ε in L2",
                brief: "Gaussian noise of length ε in L2, a control",
                paper: PAPER,
            },
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        Vec::new()
    }

    fn in_words(&self) -> String {
        format!("in {}", self.norm().title())
    }

    fn measure(&self) -> Measure {
        Measure::Norm(match self.kind {
            NoiseKind::Signs | NoiseKind::Uniform => Norm::Linf,
            NoiseKind::Gaussian => Norm::L2,
        })
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn is_random(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let kind = self.kind;
        let draw = move |problem: &Problem| {
            let size = problem.size();
            Ok((0..problem.len()).flat_map(|i| kind.draw(size, &mut problem.generator(i))).collect())
        };
        Ok(Box::new(OneStep::new(problem, draw)))
    }
}
