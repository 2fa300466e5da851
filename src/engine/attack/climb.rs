//! This is the run of attacks that climb the loss in many small steps.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::noise::normal;
use super::problem::{Problem, gather};
use super::run::{Run, Step, check_positive, check_steps};
use super::step::clip;
use super::{Norm, within};
use crate::{Error, Result};

#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// The norm of steepest steps, which stay within ε of the untouched picture; none goes along the gradient itself.
    pub norm: Option<Norm>,
    pub steps: usize,
    /// The length of a step, which is `share` times ε/steps if it is not given.
    pub step_size: Option<f32>,
    pub share: f32,
    /// The share of the sum of gradients that is left after each step; none climbs along the gradient of the place.
    pub decay: Option<f32>,
    pub random_start: bool,
    pub restarts: usize,
}

impl Pace {
    /// Returns steps of ε/steps along the steepest direction, within ε of the untouched picture.
    pub fn within(norm: Norm, steps: usize) -> Self {
        let norm = Some(norm);
        Self { norm, steps, step_size: None, share: 1.0, decay: None, random_start: false, restarts: 1 }
    }
}

/// Says how an attack climbs, such as `in L∞, 10 steps of 0.02`.
pub(super) fn in_steps(norm: Norm, steps: usize, step_size: Option<f32>) -> String {
    let size = step_size.map(|size| format!(" of {size}")).unwrap_or_default();
    format!("in {}, {steps} steps{size}", norm.title())
}

pub(super) struct Climb {
    problem: Problem,
    pace: Pace,
    at: Vec<f32>,
    /// These are the sums of gradients of all pictures; it is empty without momentum.
    velocity: Vec<f32>,
    generators: Vec<ChaCha8Rng>,
    /// No restart before this one has fooled the net with these pictures.
    open: Vec<usize>,
    done: usize,
}

impl Climb {
    pub fn start(problem: &Problem, pace: Pace) -> Result<Box<dyn Run>> {
        check_steps(pace.steps, "steps")?;
        if let Some(size) = pace.step_size {
            check_positive(size, "the step size")?;
        }
        if pace.norm == Some(Norm::L1) {
            return Err(Error::Argument("this attack has no L1 form; expected the norm linf or l2".into()));
        }
        let n = problem.len();
        Ok(Box::new(Self {
            at: problem.x.to_vec(),
            velocity: vec![0.0; if pace.decay.is_some() { problem.x.len() } else { 0 }],
            generators: (0..n).map(|i| problem.generator(i)).collect(),
            open: (0..n).collect(),
            done: 0,
            problem: problem.clone(),
            pace,
        }))
    }

    fn set_out(&mut self) {
        let (problem, size) = (&self.problem, self.problem.size());
        for &i in &self.open {
            let rows = i * size..(i + 1) * size;
            let (at, x) = (&mut self.at[rows.clone()], &problem.x[rows]);
            at.copy_from_slice(x);
            if let Some(norm) = self.pace.norm.filter(|_| self.pace.random_start) {
                let offset = in_the_ball(norm, size, &mut self.generators[i]);
                at.iter_mut().zip(offset).for_each(|(at, offset)| *at += problem.eps[i] * offset);
                within(norm, at, x, problem.eps[i], problem.rules.bounds);
            }
        }
    }

    fn gradient(&self) -> Result<Vec<f32>> {
        if self.done == 0 && !self.pace.random_start {
            return Ok(self.problem.clean()?.gradient.clone());
        }
        self.problem.gradient(&gather(&self.at, self.problem.size(), &self.open), &self.open)
    }

    fn step(&mut self, i: usize, gradient: &[f32]) {
        let (problem, pace, rows) = (&self.problem, self.pace, i * gradient.len()..(i + 1) * gradient.len());
        let (at, x, eps) = (&mut self.at[rows.clone()], &problem.x[rows.clone()], problem.eps[i]);
        let size = pace.step_size.unwrap_or(pace.share * eps / pace.steps as f32);
        let Some(norm) = pace.norm else {
            at.iter_mut().zip(gradient).for_each(|(at, g)| *at += size * g);
            return clip(at, problem.rules.bounds);
        };
        let direction = match pace.decay {
            None => norm.steepest(gradient),
            Some(decay) => {
                let velocity = &mut self.velocity[rows];
                let length = gradient.iter().map(|g| f64::from(g.abs())).sum::<f64>();
                // The mean instead of the sum only changes the scale, and stays far from underflow.
                let scale = if length > 0.0 { gradient.len() as f64 / length } else { 0.0 };
                for (v, &g) in velocity.iter_mut().zip(gradient) {
                    *v = decay * *v + (f64::from(g) * scale) as f32;
                }
                norm.steepest(velocity)
            }
        };
        at.iter_mut().zip(direction).for_each(|(at, d)| *at += size * d);
        within(norm, at, x, eps, problem.rules.bounds);
    }
}

impl Run for Climb {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        let of = self.pace.steps * self.pace.restarts;
        if self.done == of {
            return Ok(None);
        }
        if self.done.is_multiple_of(self.pace.steps) {
            if self.done > 0 {
                self.open = self.problem.not_fooled(&self.at, &self.open)?;
            }
            self.set_out();
        }
        if self.open.is_empty() {
            return Ok(None);
        }
        let (gradient, size) = (self.gradient()?, self.problem.size());
        for (row, i) in self.open.clone().into_iter().enumerate() {
            self.step(i, &gradient[row * size..(row + 1) * size]);
        }
        self.done += 1;
        Ok(Some(Step { number: self.done, of, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.at
    }
}

fn in_the_ball(norm: Norm, size: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    match norm {
        Norm::Linf => (0..size).map(|_| rng.random_range(-1.0..=1.0)).collect(),
        Norm::L2 | Norm::L1 => {
            let direction = Norm::L2.steepest(&normal(size, rng));
            let radius = rng.random::<f64>().powf(1.0 / size as f64) as f32;
            direction.into_iter().map(|d| radius * d).collect()
        }
    }
}
