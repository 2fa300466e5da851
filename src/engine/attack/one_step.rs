//! Attacks of one step in a direction that does not depend on ε: the fast gradient method, and noise as its control.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::Norm;
use super::problem::Problem;
use super::run::{Attack, Run, Step};
use super::step::clip;
use crate::Result;

/// `x + ε·η`, η the steepest direction of length 1: the fast gradient sign method in L∞, its relatives in L2 and L1.
///
/// Goodfellow, Shlens, Szegedy, *Explaining and Harnessing Adversarial Examples*, 2015 (arXiv 1412.6572), section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fgsm {
    pub norm: Norm,
}

impl Attack for Fgsm {
    fn name(&self) -> &'static str {
        "fgsm"
    }

    fn paper(&self) -> &'static str {
        "Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 3"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let norm = self.norm;
        let steepest = move |problem: &Problem| {
            let gradient = &problem.clean()?.gradient;
            Ok(gradient.chunks(problem.size().max(1)).flat_map(|g| norm.steepest(g)).collect())
        };
        Ok(Box::new(OneStep {
            problem: problem.clone(),
            direction: Box::new(steepest),
            at: problem.x.to_vec(),
            done: false,
        }))
    }
}

/// A perturbation by chance: what an attack has to be better than. The direction of a picture depends on the seed alone.
///
/// The controls of arXiv 1412.6572, section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noise {
    pub kind: NoiseKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoiseKind {
    /// ±ε for each pixel value.
    Signs,
    /// U(−ε, ε) for each pixel value.
    Uniform,
    /// A normal direction of length ε in L2.
    Gaussian,
}

impl NoiseKind {
    pub const ALL: [Self; 3] = [Self::Signs, Self::Uniform, Self::Gaussian];

    /// A perturbation of `size` values for ε = 1.
    pub fn draw(self, size: usize, rng: &mut impl Rng) -> Vec<f32> {
        match self {
            Self::Signs => (0..size).map(|_| if rng.random() { 1.0 } else { -1.0 }).collect(),
            Self::Uniform => (0..size).map(|_| rng.random_range(-1.0..=1.0)).collect(),
            Self::Gaussian => Norm::L2.steepest(&normal(size, rng)),
        }
    }
}

/// Standard normal values: Box and Muller, 1958.
pub(super) fn normal(size: usize, rng: &mut impl Rng) -> Vec<f32> {
    let value = |_| {
        let (u, v): (f32, f32) = (1.0 - rng.random::<f32>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
    };
    (0..size).map(value).collect()
}

impl Attack for Noise {
    fn name(&self) -> &'static str {
        match self.kind {
            NoiseKind::Signs => "signs",
            NoiseKind::Uniform => "uniform",
            NoiseKind::Gaussian => "gaussian",
        }
    }

    fn paper(&self) -> &'static str {
        "a control: Goodfellow, Shlens, Szegedy 2015, arXiv 1412.6572, section 6"
    }

    fn norm(&self) -> Norm {
        match self.kind {
            NoiseKind::Signs | NoiseKind::Uniform => Norm::Linf,
            NoiseKind::Gaussian => Norm::L2,
        }
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let kind = self.kind;
        let draw = move |problem: &Problem| {
            let size = problem.size();
            Ok((0..problem.len()).flat_map(|i| kind.draw(size, &mut problem.generator(i))).collect())
        };
        Ok(Box::new(OneStep {
            problem: problem.clone(),
            direction: Box::new(draw),
            at: problem.x.to_vec(),
            done: false,
        }))
    }
}

type Direction = Box<dyn Fn(&Problem) -> Result<Vec<f32>> + Send>;

struct OneStep {
    problem: Problem,
    direction: Direction,
    at: Vec<f32>,
    done: bool,
}

impl Run for OneStep {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        if self.done {
            return Ok(None);
        }
        let (problem, size) = (&self.problem, self.problem.size().max(1));
        let direction = (self.direction)(problem)?;
        for ((at, eta), &eps) in self.at.chunks_mut(size).zip(direction.chunks(size)).zip(&problem.eps) {
            if eps > 0.0 {
                at.iter_mut().zip(eta).for_each(|(at, eta)| *at += eps * eta);
            }
        }
        clip(&mut self.at, problem.rules.bounds);
        self.done = true;
        Ok(Some(Step { number: 1, of: 1, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.at
    }
}
