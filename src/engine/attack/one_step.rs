//! The run of attacks that take one step in a direction which does not depend on ε.

use super::problem::Problem;
use super::run::{Run, Step};
use super::step::clip;
use crate::Result;

type Direction = Box<dyn Fn(&Problem) -> Result<Vec<f32>> + Send>;

/// One step `x + ε·η`, clipped to the bounds.
pub(super) struct OneStep {
    problem: Problem,
    direction: Direction,
    at: Vec<f32>,
    is_done: bool,
}

impl OneStep {
    pub fn new(problem: &Problem, direction: impl Fn(&Problem) -> Result<Vec<f32>> + Send + 'static) -> Self {
        let at = problem.x.to_vec();
        Self { problem: problem.clone(), direction: Box::new(direction), at, is_done: false }
    }
}

impl Run for OneStep {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        if self.is_done {
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
        self.is_done = true;
        Ok(Some(Step { number: 1, of: 1, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.at
    }
}
