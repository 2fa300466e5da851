//! The run of attacks that climb the loss in many small steps.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::noise::normal;
use super::problem::{Problem, gather};
use super::run::{Run, Step, check_positive, check_steps};
use super::step::clip;
use super::{Norm, within};
use crate::{Error, Result};

/// Which way a step goes.
#[derive(Clone, Copy)]
pub(super) enum Along {
    /// The gradient itself, however far.
    Gradient,
    /// The steepest direction of length 1, within ε of the untouched picture.
    Steepest(Norm),
}

/// How long a step is.
#[derive(Clone, Copy)]
pub(super) enum StepSize {
    Fixed(f32),
    /// This many times ε/steps.
    Share(f32),
}

impl StepSize {
    pub fn of(given: Option<f32>, share: f32) -> Self {
        given.map_or(Self::Share(share), Self::Fixed)
    }
}

/// How an attack climbs.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub along: Along,
    pub steps: usize,
    pub step_size: StepSize,
    /// What is left of the sum of gradients after each step; none climbs along the gradient of the place.
    pub decay: Option<f32>,
    pub random_start: bool,
    pub restarts: usize,
}

impl Pace {
    /// Steps of ε/steps along the steepest direction, within ε of the untouched picture.
    pub fn within(norm: Norm, steps: usize) -> Self {
        let step_size = StepSize::Share(1.0);
        Self { along: Along::Steepest(norm), steps, step_size, decay: None, random_start: false, restarts: 1 }
    }
}

/// Says how an attack climbs: `in L∞, 10 steps of 0.02`.
pub(super) fn in_steps(norm: Norm, steps: usize, step_size: Option<f32>) -> String {
    let size = step_size.map(|size| format!(" of {size}")).unwrap_or_default();
    format!("in {}, {steps} steps{size}", norm.title())
}

/// A climb under way.
pub(super) struct Climb {
    problem: Problem,
    pace: Pace,
    at: Vec<f32>,
    /// The sums of gradients of all pictures; empty without momentum.
    velocity: Vec<f32>,
    generators: Vec<ChaCha8Rng>,
    /// The pictures with which no restart before this one fooled the net.
    open: Vec<usize>,
    done: usize,
}

impl Climb {
    /// Begins a climb.
    ///
    /// # Errors
    /// A number of steps or a step size that cannot be, or the norm L1.
    pub fn start(problem: &Problem, pace: Pace) -> Result<Box<dyn Run>> {
        check_steps(pace.steps, "steps")?;
        if let StepSize::Fixed(size) = pace.step_size {
            check_positive(size, "the step size")?;
        }
        if let Along::Steepest(Norm::L1) = pace.along {
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

    /// Puts the open pictures at the start of a climb.
    fn set_out(&mut self) {
        let (problem, size) = (&self.problem, self.problem.size());
        for &i in &self.open {
            let rows = i * size..(i + 1) * size;
            let (at, x) = (&mut self.at[rows.clone()], &problem.x[rows]);
            at.copy_from_slice(x);
            if let (true, Along::Steepest(norm)) = (self.pace.random_start, self.pace.along) {
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

    /// Moves picture `i` by one step.
    fn step(&mut self, i: usize, gradient: &[f32]) {
        let (problem, pace, rows) = (&self.problem, self.pace, i * gradient.len()..(i + 1) * gradient.len());
        let (at, x, eps) = (&mut self.at[rows.clone()], &problem.x[rows.clone()], problem.eps[i]);
        let size = match pace.step_size {
            StepSize::Fixed(size) => size,
            StepSize::Share(share) => share * eps / pace.steps as f32,
        };
        let Along::Steepest(norm) = pace.along else {
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

/// Draws a point evenly from the ball of radius 1.
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
