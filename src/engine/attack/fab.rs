use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hyperplane::way_to;
use super::noise::normal;
use super::parameter::{AttackInfo, Parameter, norm, restarts, steps, targets};
use super::problem::{Problem, difference, gather};
use super::run::{Attack, Run, Step, check_steps};
use super::step::clip;
use super::{Measure, Norm};
use crate::{Error, Result};

/// The targeted fast adaptive boundary attack goes to the boundaries between a picture's class and the most probable
/// other ones, one after the other, and draws back to the picture wherever it is across. Croce, Hein, *Minimally Distorted
/// Adversarial Examples with a Fast Adaptive Boundary Attack*, 2020 (arXiv 1907.02044), algorithm 1; the targets are those
/// of Croce, Hein 2020 (arXiv 2003.01690), section 5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fab {
    /// This is L∞ or L2.
    pub norm: Norm,
    pub steps: usize,
    /// The number of starts for each target: the first is the picture, the others are random points.
    pub restarts: usize,
    /// The number of classes, the most probable first, whose boundaries are gone to; a problem's own target comes alone.
    pub targets: usize,
}

impl Fab {
    /// Returns the member of the ensemble of its authors: 100 steps for each of nine targets.
    pub fn new(norm: Norm) -> Self {
        Self { norm, steps: 100, restarts: 1, targets: 9 }
    }

    /// Begins, and is done with pictures that fool within their ε.
    pub(super) fn start_within_eps(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        self.start_until(problem, problem.eps.clone())
    }

    fn start_until(&self, problem: &Problem, enough: Vec<f32>) -> Result<Box<dyn Run>> {
        check_steps(self.steps, "steps")?;
        check_steps(self.restarts, "restarts")?;
        check_steps(self.targets, "targets")?;
        if self.norm == Norm::L1 {
            return Err(Error::Argument("this attack has no L1 form; expected the norm linf or l2".into()));
        }
        Ok(Box::new(Boundary {
            generators: (0..problem.len()).map(|i| problem.generator(i)).collect(),
            ranked: None,
            open: Vec::new(),
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            shortest: vec![f32::INFINITY; problem.len()],
            enough,
            done: 0,
            problem: problem.clone(),
            settings: *self,
        }))
    }
}

/// The largest share of the untouched picture in a step, α_max; how much farther than the boundary a step goes, η; and
/// what is left of a perturbation when it is drawn back, β: the values of section 4.
const LARGEST_SHARE: f32 = 0.1;
const BEYOND: f32 = 1.05;
const BACK: f32 = 0.9;

impl Attack for Fab {
    fn usual() -> Vec<Self> {
        vec![Self::new(Norm::Linf)]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["fab-t", "fab"],
            title: "Targeted FAB",
            summary: "The fast adaptive boundary attack: along the boundaries to other classes, as near to the picture as \
                      it can",
            brief: "Along the boundaries to `target-classes` classes: Croce and Hein 2020",
            paper: "Croce, Hein 2020, arXiv 1907.02044, algorithm 1",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            Parameter { is_terse: false, ..norm(&mut self.norm, &[Norm::Linf, Norm::L2]) },
            steps(&mut self.steps),
            targets(&mut self.targets),
            restarts(&mut self.restarts),
        ]
    }

    fn in_words(&self) -> String {
        let Self { norm, steps, restarts, targets } = self;
        let starts = if *restarts == 1 { String::new() } else { format!(", {restarts} starts") };
        format!("in {}, {steps} steps for each of {targets} targets{starts}", norm.title())
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn is_random(&self) -> bool {
        self.restarts > 1
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        self.start_until(problem, vec![0.0; problem.len()])
    }
}

struct Boundary {
    problem: Problem,
    settings: Fab,
    generators: Vec<ChaCha8Rng>,
    /// The classes of each picture from the most probable one down; they are known from the first step on.
    ranked: Option<Vec<Vec<usize>>>,
    /// No perturbation of these pictures is short enough yet.
    open: Vec<usize>,
    at: Vec<f32>,
    best: Vec<f32>,
    /// The lengths of the shortest perturbations that fool.
    shortest: Vec<f32>,
    enough: Vec<f32>,
    done: usize,
}

impl Boundary {
    fn rounds(&self) -> usize {
        let targets = match self.problem.targets {
            Some(_) => 1,
            None => self.settings.targets.min(self.problem.classes() - 1),
        };
        targets * self.settings.restarts
    }

    fn look_at_the_untouched(&mut self) -> Result<()> {
        self.open = self.problem.standing()?;
        self.ranked = Some(self.problem.ranked()?);
        Ok(())
    }

    fn target(&self, i: usize, round: usize) -> usize {
        let others = |ranked: &Vec<Vec<usize>>| {
            let others = ranked[i].iter().copied().filter(|&class| class != self.problem.labels[i]);
            others.take(round / self.settings.restarts + 1).last()
        };
        match &self.problem.targets {
            Some(targets) => targets[i],
            None => self.ranked.as_ref().and_then(others).unwrap_or_default(),
        }
    }

    /// Puts the open pictures where this round starts: on themselves, or half as far away as the shortest perturbation.
    fn set_out(&mut self, round: usize) {
        let (problem, norm, size) = (&self.problem, self.settings.norm, self.problem.size());
        for &i in &self.open {
            let pixels = i * size..(i + 1) * size;
            let (at, x) = (&mut self.at[pixels.clone()], &problem.x[pixels]);
            at.copy_from_slice(x);
            if !round.is_multiple_of(self.settings.restarts) {
                let rng = &mut self.generators[i];
                let drawn = match norm {
                    Norm::Linf => (0..size).map(|_| rng.random_range(-1.0..=1.0)).collect(),
                    Norm::L2 | Norm::L1 => normal(size, rng),
                };
                let radius = self.shortest[i].min(norm.largest_eps(size)) / 2.0;
                let scale = radius / norm.length(&drawn).max(f32::MIN_POSITIVE);
                at.iter_mut().zip(drawn).for_each(|(at, drawn)| *at += scale * drawn);
                clip(at, problem.rules.bounds);
            }
        }
    }

    /// Goes a little beyond the boundary as the slopes show it: from where it is, and for a share from the picture, which
    /// is the larger the nearer the picture is (equations 9 and 10).
    fn step(&self, at: &[f32], x: &[f32], lead: f32, slopes: &[f32]) -> Vec<f32> {
        let (norm, bounds) = (self.settings.norm, self.problem.rules.bounds);
        let moved: f64 = slopes.iter().zip(at).zip(x).map(|((s, at), x)| f64::from(s * (at - x))).sum();
        let from_here = way_to(norm, at, slopes, lead, bounds);
        let from_picture = way_to(norm, x, slopes, lead + moved as f32, bounds);
        let [here, picture] = [&from_here, &from_picture].map(|way| norm.length(way).max(1e-8));
        let share = (here / (here + picture)).min(LARGEST_SHARE);
        let ways = from_here.iter().zip(&from_picture);
        let places = at.iter().zip(x).zip(ways);
        let mut next: Vec<f32> = places
            .map(|((at, x), (here, picture))| (1.0 - share) * (at + BEYOND * here) + share * (x + BEYOND * picture))
            .collect();
        clip(&mut next, bounds);
        next
    }

    /// Keeps what fools and is the nearest so far, and draws what fools back.
    fn judge(&mut self) -> Result<()> {
        let (problem, size) = (&self.problem, self.problem.size());
        let logits = problem.logits(&gather(&self.at, size, &self.open))?;
        for (&i, logits) in self.open.iter().zip(logits.chunks(problem.classes())) {
            if !problem.fooled(i, logits) {
                continue;
            }
            let pixels = i * size..(i + 1) * size;
            let (at, x) = (&mut self.at[pixels.clone()], &problem.x[pixels.clone()]);
            let perturbation: Vec<f32> = at.iter().zip(x).map(|(at, x)| at - x).collect();
            let length = self.settings.norm.length(&perturbation);
            if length < self.shortest[i] {
                self.shortest[i] = length;
                self.best[pixels].copy_from_slice(at);
            }
            at.iter_mut().zip(x).zip(perturbation).for_each(|((at, x), d)| *at = x + BACK * d);
        }
        self.open.retain(|&i| self.shortest[i] > self.enough[i]);
        Ok(())
    }
}

impl Run for Boundary {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        if self.ranked.is_none() {
            self.look_at_the_untouched()?;
        }
        let (round, of) = (self.done / self.settings.steps, self.settings.steps * self.rounds());
        if self.open.is_empty() || self.done == of {
            return Ok(None);
        }
        if self.done.is_multiple_of(self.settings.steps) {
            self.set_out(round);
        }
        let (problem, size, classes) = (&self.problem, self.problem.size(), self.problem.classes());
        let targets: Vec<usize> = self.open.iter().map(|&i| self.target(i, round)).collect();
        let rival = |row: usize, logits: &[f32]| match problem.targets {
            Some(_) => problem.margin(self.open[row], logits).down,
            None => problem.labels[self.open[row]],
        };
        let of_logits = |row: usize, _: usize, logits: &[f32]| difference(classes, targets[row], rival(row, logits));
        let (logits, slopes) = problem.gradients(&gather(&self.at, size, &self.open), 1, of_logits)?;
        let next: Vec<Vec<f32>> = (0..self.open.len())
            .into_par_iter()
            .map(|row| {
                let (i, logits) = (self.open[row], &logits[row * classes..(row + 1) * classes]);
                let pixels = i * size..(i + 1) * size;
                let lead = logits[rival(row, logits)] - logits[targets[row]];
                self.step(&self.at[pixels.clone()], &problem.x[pixels], lead, &slopes[row * size..(row + 1) * size])
            })
            .collect();
        for (&i, next) in self.open.iter().zip(next) {
            self.at[i * size..(i + 1) * size].copy_from_slice(&next);
        }
        self.judge()?;
        self.done += 1;
        Ok(Some(Step { number: self.done, of, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.best
    }
}
