//! This is the run of Auto-PGD: Croce, Hein 2020 (arXiv 2003.01690), algorithm 1.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::apgd::{Apgd, Objective};
use super::dlr::{Slope, dlr, dlr_towards};
use super::noise::normal;
use super::problem::{Problem, gather};
use super::run::{Run, Step};
use super::{Norm, within};
use crate::Result;

/// The share of a new step, α of equation 4; the rest goes on as the step before it went.
const NEW_SHARE: f32 = 0.75;

/// The share ρ of steps between two checkpoints that have to raise the loss, lest the step size be halved.
const LEAST_RISES: f32 = 0.75;

/// The first step size, in multiples of ε.
const FIRST_STEP: f32 = 2.0;

/// The steps from one checkpoint to the next, as shares of all steps: the first, the fewest, and how many fewer each time.
const FIRST_PERIOD: f32 = 0.22;
const LEAST_PERIOD: f32 = 0.06;
const SHORTER: f32 = 0.03;

pub(super) struct Ascent {
    problem: Problem,
    settings: Apgd,
    climbers: Vec<Climber>,
    /// The classes of each picture from the most probable one down; they are known from the first step on.
    ranked: Option<Vec<Vec<usize>>>,
    /// The net does not answer these pictures as the attack wants yet.
    open: Vec<usize>,
    at: Vec<f32>,
    best: Vec<f32>,
    done: usize,
    /// The steps from the last checkpoint to the next, and those of them that are done.
    period: usize,
    since_check: usize,
}

/// This is the climb of one picture.
struct Climber {
    generator: ChaCha8Rng,
    step_size: f32,
    before: Vec<f32>,
    here: Seen,
    /// The highest point so far, and what was seen there.
    top: Vec<f32>,
    top_seen: Seen,
    /// So many steps since the last checkpoint have raised the loss.
    rises: usize,
    top_loss_at_check: f32,
    was_halved: bool,
}

/// This is the loss at a point, and the gradient there.
#[derive(Clone)]
struct Seen {
    loss: f32,
    gradient: Vec<f32>,
}

impl Climber {
    fn new(generator: ChaCha8Rng) -> Self {
        let nothing = Seen { loss: f32::NEG_INFINITY, gradient: Vec::new() };
        Self {
            generator,
            step_size: 0.0,
            before: Vec::new(),
            here: nothing.clone(),
            top: Vec::new(),
            top_seen: nothing,
            rises: 0,
            top_loss_at_check: f32::NEG_INFINITY,
            was_halved: true,
        }
    }

    fn set_out(&mut self, at: &[f32], eps: f32, seen: Seen) {
        self.step_size = FIRST_STEP * eps;
        self.before = at.to_vec();
        self.top = at.to_vec();
        (self.rises, self.top_loss_at_check, self.was_halved) = (0, seen.loss, true);
        self.here = seen.clone();
        self.top_seen = seen;
    }

    /// Goes one step, equation 4; the first has no momentum.
    fn step(&mut self, at: &mut [f32], problem: &Problem, i: usize, norm: Norm, is_first: bool) {
        let (x, eps, bounds) = (&problem.x[i * at.len()..][..at.len()], problem.eps[i], problem.rules.bounds);
        let direction = norm.steepest(&self.here.gradient);
        let mut ahead: Vec<f32> = at.iter().zip(direction).map(|(at, d)| at + self.step_size * d).collect();
        within(norm, &mut ahead, x, eps, bounds);
        let share = if is_first { 1.0 } else { NEW_SHARE };
        for ((at, before), ahead) in at.iter_mut().zip(&mut self.before).zip(ahead) {
            let next = *at + share * (ahead - *at) + (1.0 - share) * (*at - *before);
            *before = *at;
            *at = next;
        }
        within(norm, at, x, eps, bounds);
    }

    fn learn(&mut self, at: &[f32], seen: Seen) {
        self.rises += usize::from(seen.loss > self.here.loss);
        if seen.loss > self.top_seen.loss {
            self.top.copy_from_slice(at);
            self.top_seen = seen.clone();
        }
        self.here = seen;
    }

    /// Halves the step size and goes back to the highest point where the loss has not risen often enough, or no higher
    /// with the same step size: conditions 1 and 2.
    fn check(&mut self, at: &mut [f32], period: usize) {
        let rises_seldom = self.rises as f32 <= LEAST_RISES * period as f32;
        let is_stuck = !self.was_halved && self.top_loss_at_check >= self.top_seen.loss;
        (self.rises, self.top_loss_at_check) = (0, self.top_seen.loss);
        self.was_halved = rises_seldom || is_stuck;
        if self.was_halved {
            self.step_size /= 2.0;
            at.copy_from_slice(&self.top);
            self.here = self.top_seen.clone();
        }
    }
}

impl Ascent {
    pub fn new(problem: &Problem, settings: Apgd) -> Self {
        Self {
            climbers: (0..problem.len()).map(|i| Climber::new(problem.generator(i))).collect(),
            ranked: None,
            open: Vec::new(),
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            done: 0,
            period: 0,
            since_check: 0,
            problem: problem.clone(),
            settings,
        }
    }

    /// Returns how often it starts anew: from some random points, for each of some targets.
    fn rounds(&self) -> usize {
        let targets = match self.settings.objective {
            Objective::TargetedDlr { targets } if self.problem.targets.is_none() => {
                targets.min(self.problem.classes() - 1)
            }
            Objective::TargetedDlr { .. } | Objective::Loss | Objective::Dlr => 1,
        };
        targets * self.settings.restarts
    }

    fn look_at_the_untouched(&mut self) -> Result<()> {
        self.open = self.problem.movable()?;
        self.ranked = Some(self.problem.ranked()?);
        Ok(())
    }

    /// Returns the class that picture `i` is led to in this round; none where it is led away from its label.
    fn target(&self, i: usize, round: usize) -> Option<usize> {
        let problem = &self.problem;
        match self.settings.objective {
            Objective::Loss => None,
            Objective::Dlr | Objective::TargetedDlr { .. } if problem.targets.is_some() => Some(problem.followed(i)),
            Objective::Dlr => None,
            Objective::TargetedDlr { .. } => {
                let ranked = self.ranked.as_ref()?[i].iter().copied();
                ranked.filter(|&class| class != problem.labels[i]).nth(round / self.settings.restarts)
            }
        }
    }

    fn slope(&self, i: usize, target: Option<usize>, logits: &[f32]) -> Slope {
        let label = self.problem.labels[i];
        match (self.settings.objective, target) {
            (Objective::Loss, _) => self.problem.slope(i, logits),
            (Objective::Dlr | Objective::TargetedDlr { .. }, Some(target)) => dlr_towards(logits, label, target),
            (Objective::Dlr | Objective::TargetedDlr { .. }, None) => dlr(logits, label),
        }
    }

    /// Returns loss and gradient of the open pictures where they are now, in their order, after those that fool are put
    /// aside.
    fn look(&mut self, round: usize) -> Result<Vec<Seen>> {
        let (problem, size, classes) = (&self.problem, self.problem.size(), self.problem.classes());
        let slope = |row: usize, logits: &[f32]| {
            let i = self.open[row];
            self.slope(i, self.target(i, round), logits)
        };
        let places = gather(&self.at, size, &self.open);
        let (logits, gradients) = problem.gradients(&places, 1, |row, _, logits| slope(row, logits).of_logits)?;
        let fooled = problem.fooling(&self.at, &self.open, &logits)?;
        let rows = logits.chunks(classes).zip(gradients.chunks(size)).enumerate();
        let seen = rows
            .filter(|(row, _)| !fooled[*row])
            .map(|(row, (logits, gradient))| Seen { loss: slope(row, logits).value, gradient: gradient.to_vec() });
        let seen = seen.collect();
        let (done, open) = self.open.iter().zip(fooled).partition::<Vec<_>, _>(|(_, fooled)| *fooled);
        for (&i, _) in done {
            let pixels = i * size..(i + 1) * size;
            self.best[pixels.clone()].copy_from_slice(&self.at[pixels]);
        }
        self.open = open.into_iter().map(|(&i, _)| i).collect();
        Ok(seen)
    }

    /// Puts the open pictures on random points, as far away as they may be.
    fn set_out(&mut self, round: usize) -> Result<()> {
        let (problem, norm, size) = (&self.problem, self.settings.norm, self.problem.size());
        for &i in &self.open {
            let pixels = i * size..(i + 1) * size;
            let (at, x, eps) = (&mut self.at[pixels.clone()], &problem.x[pixels], problem.eps[i]);
            let offset = on_the_sphere(norm, size, &mut self.climbers[i].generator);
            at.iter_mut().zip(x).zip(offset).for_each(|((at, x), offset)| *at = x + eps * offset);
            within(norm, at, x, eps, problem.rules.bounds);
        }
        for (seen, i) in self.look(round)?.into_iter().zip(self.open.clone()) {
            let at = &self.at[i * size..(i + 1) * size];
            self.climbers[i].set_out(at, self.problem.eps[i], seen);
        }
        (self.period, self.since_check) = (self.share_of_steps(FIRST_PERIOD), 0);
        Ok(())
    }

    fn share_of_steps(&self, share: f32) -> usize {
        ((share * self.settings.steps as f32) as usize).max(1)
    }

    /// Does something for each open picture, with its climber and its pixels.
    fn for_each_open(&mut self, act: impl Fn(usize, &mut Climber, &mut [f32]) + Sync) {
        let (open, size) = (&self.open, self.problem.size());
        let all = self.climbers.par_iter_mut().zip(self.at.par_chunks_mut(size)).enumerate();
        all.filter(|(i, _)| open.binary_search(i).is_ok()).for_each(|(i, (climber, at))| act(i, climber, at));
    }
}

impl Run for Ascent {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        if self.ranked.is_none() {
            self.look_at_the_untouched()?;
        }
        let steps = self.settings.steps;
        let (round, of) = (self.done / steps, steps * self.rounds());
        if self.open.is_empty() || self.done == of {
            return Ok(None);
        }
        let is_first = self.done.is_multiple_of(steps);
        if is_first {
            self.set_out(round)?;
        }
        let (problem, norm, size) = (self.problem.clone(), self.settings.norm, self.problem.size());
        self.for_each_open(|i, climber, at| climber.step(at, &problem, i, norm, is_first));
        for (seen, i) in self.look(round)?.into_iter().zip(self.open.clone()) {
            self.climbers[i].learn(&self.at[i * size..(i + 1) * size], seen);
        }
        self.since_check += 1;
        if self.since_check == self.period {
            let period = self.period;
            self.for_each_open(|_, climber, at| climber.check(at, period));
            let shorter = period.saturating_sub(self.share_of_steps(SHORTER));
            (self.period, self.since_check) = (shorter.max(self.share_of_steps(LEAST_PERIOD)), 0);
        }
        for &i in &self.open {
            self.best[i * size..(i + 1) * size].copy_from_slice(&self.climbers[i].top);
        }
        self.done += 1;
        Ok(Some(Step { number: self.done, of, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.best
    }
}

/// Draws a perturbation of length 1.
fn on_the_sphere(norm: Norm, size: usize, rng: &mut impl Rng) -> Vec<f32> {
    match norm {
        Norm::Linf => {
            let drawn: Vec<f32> = (0..size).map(|_| rng.random_range(-1.0..=1.0)).collect();
            let length = norm.length(&drawn).max(f32::MIN_POSITIVE);
            drawn.into_iter().map(|value| value / length).collect()
        }
        Norm::L2 | Norm::L1 => Norm::L2.steepest(&normal(size, rng)),
    }
}
