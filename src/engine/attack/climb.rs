//! Attacks that climb the loss in many small steps: the basic iterative method, projected gradient descent, momentum, and
//! plain gradient steps.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::one_step::normal;
use super::problem::{Problem, gather};
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::step::clip;
use super::{Norm, within};
use crate::{Error, Result};

/// The basic iterative method: [`Fgsm`](super::Fgsm) in small steps, brought back to within ε after each.
///
/// Kurakin, Goodfellow, Bengio, *Adversarial Examples in the Physical World*, 2017 (arXiv 1607.02533), section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bim {
    /// [`Norm::Linf`] or [`Norm::L2`].
    pub norm: Norm,
    pub steps: usize,
    /// Length of a step; ε/steps if not given.
    pub step_size: Option<f32>,
}

/// Projected gradient descent: the basic iterative method from a random point within ε, some times over.
///
/// Madry, Makelov, Schmidt, Tsipras, Vladu, *Towards Deep Learning Models Resistant to Adversarial Attacks*, 2018 (arXiv
/// 1706.06083), section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pgd {
    /// [`Norm::Linf`] or [`Norm::L2`].
    pub norm: Norm,
    pub steps: usize,
    /// Length of a step; 2.5·ε/steps if not given.
    pub step_size: Option<f32>,
    /// From a point drawn from the ball of radius ε.
    pub random_start: bool,
    /// How many times; pictures that fool are done. More than once only with a random start.
    pub restarts: usize,
}

/// The momentum iterative fast gradient method: steps along a sum of gradients, `g ← μ·g + ∇J/‖∇J‖₁`.
///
/// Dong et al., *Boosting Adversarial Attacks with Momentum*, 2018 (arXiv 1710.06081), algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MomentumFgsm {
    /// [`Norm::Linf`] or [`Norm::L2`].
    pub norm: Norm,
    pub steps: usize,
    /// Length of a step; ε/steps if not given.
    pub step_size: Option<f32>,
    /// μ: what is left of the sum after each step; 0 is [`Bim`].
    pub decay: f32,
}

/// `steps` times `x + η·∇ₓJ`, as far as it leads: gradient descent on pixels instead of weights.
///
/// Szegedy et al., *Intriguing Properties of Neural Networks*, 2014 (arXiv 1312.6199), for the idea of descending on the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientSteps {
    pub eta: f32,
    pub steps: usize,
}

impl Attack for Bim {
    fn name(&self) -> &'static str {
        "bim"
    }

    fn paper(&self) -> &'static str {
        "Kurakin, Goodfellow, Bengio 2017, arXiv 1607.02533, section 2.2"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let Self { norm, steps, step_size } = *self;
        Climb::start(problem, Pace { step_size: StepSize::of(step_size, 1.0), ..Pace::within(norm, steps) })
    }
}

impl Attack for Pgd {
    fn name(&self) -> &'static str {
        "pgd"
    }

    fn paper(&self) -> &'static str {
        "Madry, Makelov, Schmidt, Tsipras, Vladu 2018, arXiv 1706.06083, section 2.1"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let Self { norm, steps, step_size, random_start, restarts } = *self;
        if restarts > 1 && !random_start {
            let message = format!("{restarts} restarts from the same point end alike; expected a random start, or 1");
            return Err(Error::Argument(message));
        }
        check_steps(restarts, "restarts")?;
        let step_size = StepSize::of(step_size, 2.5);
        Climb::start(problem, Pace { step_size, random_start, restarts, ..Pace::within(norm, steps) })
    }
}

impl Attack for MomentumFgsm {
    fn name(&self) -> &'static str {
        "momentum"
    }

    fn paper(&self) -> &'static str {
        "Dong et al. 2018, arXiv 1710.06081, algorithm 1"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        let Self { norm, steps, step_size, decay } = *self;
        check_positive(decay, "the decay of the momentum")?;
        let step_size = StepSize::of(step_size, 1.0);
        Climb::start(problem, Pace { step_size, decay: Some(decay), ..Pace::within(norm, steps) })
    }
}

impl Attack for GradientSteps {
    fn name(&self) -> &'static str {
        "gradient"
    }

    fn paper(&self) -> &'static str {
        "Szegedy et al. 2014, arXiv 1312.6199"
    }

    fn norm(&self) -> Norm {
        Norm::L2
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_positive(self.eta, "η")?;
        let step_size = StepSize::Fixed(self.eta);
        Climb::start(problem, Pace { along: Along::Gradient, step_size, ..Pace::within(Norm::L2, self.steps) })
    }
}

#[derive(Clone, Copy)]
enum Along {
    /// The gradient itself, however far.
    Gradient,
    /// The steepest direction of length 1, within ε of the untouched picture.
    Steepest(Norm),
}

#[derive(Clone, Copy)]
enum StepSize {
    Fixed(f32),
    /// So many times ε/steps.
    Share(f32),
}

impl StepSize {
    fn of(given: Option<f32>, share: f32) -> Self {
        given.map_or(Self::Share(share), Self::Fixed)
    }
}

#[derive(Clone, Copy)]
struct Pace {
    along: Along,
    steps: usize,
    step_size: StepSize,
    decay: Option<f32>,
    random_start: bool,
    restarts: usize,
}

impl Pace {
    fn within(norm: Norm, steps: usize) -> Self {
        let step_size = StepSize::Share(1.0);
        Self { along: Along::Steepest(norm), steps, step_size, decay: None, random_start: false, restarts: 1 }
    }
}

struct Climb {
    problem: Problem,
    pace: Pace,
    at: Vec<f32>,
    /// Of all pictures, with momentum.
    velocity: Vec<f32>,
    generators: Vec<ChaCha8Rng>,
    /// Pictures that no restart before this one fooled the net with.
    open: Vec<usize>,
    done: usize,
}

impl Climb {
    fn start(problem: &Problem, pace: Pace) -> Result<Box<dyn Run>> {
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

/// A point drawn evenly from the ball of radius 1.
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
