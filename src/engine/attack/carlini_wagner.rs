use serde::{Deserialize, Serialize};

use super::parameter::{AttackInfo, Parameter, Scale, Value, steps};
use super::problem::{Margin, Problem, difference, gather};
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::weight_search::WeightSearch;
use super::{Bounds, Measure, Norm};
use crate::{Error, Result};

/// This attack minimises `‖x' − x‖₂² + c·max(0, margin + κ)` over `w`, where `x' = (tanh w + 1)/2` stays in the bounds
/// by itself, with the smallest `c` that fools, looked for by bisection. Carlini, Wagner, *Towards Evaluating the
/// Robustness of Neural Networks*, 2017 (arXiv 1608.04644), section VI.A.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CarliniWagner {
    /// The logit of the wrong class has to exceed that of the right one by this κ at least.
    pub confidence: f32,
    /// The number of values of `c` that are tried.
    pub search_steps: usize,
    /// The number of steps of Adam for each `c`.
    pub steps: usize,
    pub learning_rate: f32,
    /// The first `c`, which grows tenfold until it is large enough.
    pub initial_c: f32,
    /// A `c` is given up for a picture whose objective has not fallen in a tenth of the steps.
    pub abort_early: bool,
}

impl Default for CarliniWagner {
    fn default() -> Self {
        Self { confidence: 0.0, search_steps: 9, steps: 200, learning_rate: 0.05, initial_c: 0.01, abort_early: true }
    }
}

/// This factor brings pixels at the bounds in, where tanh would need infinity: as in the authors' code.
const INSIDE: f32 = 0.999_999;
/// These are β₁, β₂ and ε of Adam: Kingma, Ba 2015, algorithm 1.
const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const ADAM_EPSILON: f32 = 1e-8;

impl Attack for CarliniWagner {
    fn usual() -> Vec<Self> {
        vec![Self::default()]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["cw"],
            title: "Carlini–Wagner",
            summary: "Adam on the perturbation's length and a margin of the logits together: slow, and finds very \
                      short ones",
            brief: "The smallest perturbation in L2: Carlini and Wagner 2017",
            paper: "Carlini, Wagner 2017, arXiv 1608.04644, section VI.A",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            steps(&mut self.steps),
            Parameter {
                label: "Values of c",
                tooltip: "How many weights of the margin are tried",
                help: "how many values of c to try",
                ..Parameter::of("search-steps", Value::Whole(&mut self.search_steps, Scale::whole(1.0..=20.0, 100.0)))
            },
            Parameter {
                label: "Confidence κ",
                tooltip: "By how much the logit of the wrong class exceeds the right one at least",
                help: "by how much the wrong logit exceeds the right one at least",
                placeholder: "KAPPA",
                ..Parameter::of("confidence", Value::Real(&mut self.confidence, Scale::new(0.0..=20.0, 1000.0)))
            },
            Parameter {
                label: "Rate",
                tooltip: "Learning rate of Adam",
                help: "of Adam",
                placeholder: "RATE",
                ..Parameter::of("learning-rate", Value::Real(&mut self.learning_rate, Scale::new(0.001..=0.2, 10.0)))
            },
            Parameter {
                label: "First c",
                tooltip: "The weight of the margin to begin with; it grows tenfold until it is large enough",
                help: "the first c",
                placeholder: "C",
                ..Parameter::of("initial-c", Value::Real(&mut self.initial_c, Scale::new(0.0..=1.0, 1e6)))
            },
            Parameter {
                label: "Give up early",
                tooltip: "Leave a c whose objective no longer falls",
                help: "give a c up where the objective has stopped falling",
                placeholder: "ABORT_EARLY",
                is_terse: true,
                ..Parameter::of("abort-early", Value::Switch(&mut self.abort_early))
            },
        ]
    }

    fn in_words(&self) -> String {
        let Self { confidence, search_steps, steps, .. } = self;
        format!("in L2, {search_steps} values of c, {steps} steps each, confidence {confidence}")
    }

    fn measure(&self) -> Measure {
        Measure::Norm(Norm::L2)
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_steps(self.steps, "steps")?;
        check_steps(self.search_steps, "values of c")?;
        check_positive(self.confidence, "the confidence")?;
        check_positive(self.learning_rate, "the learning rate")?;
        check_positive(self.initial_c, "the first c")?;
        let Some(bounds) = problem.rules.bounds.filter(|bounds| bounds.max > bounds.min) else {
            let message = "the attack of Carlini and Wagner moves pixels between bounds; expected clipping to be on";
            return Err(Error::Argument(message.into()));
        };
        let (centre, half) = ((bounds.min + bounds.max) / 2.0, (bounds.max - bounds.min) / 2.0);
        let (n, len) = (problem.len(), problem.x.len());
        let start: Vec<f32> = problem.x.iter().map(|x| ((x - centre) / half * INSIDE).atanh()).collect();
        Ok(Box::new(Search {
            origin: start.iter().map(|w| w.tanh() * half + centre).collect(),
            delta: vec![0.0; len],
            first_moment: vec![0.0; len],
            second_moment: vec![0.0; len],
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            best_length: vec![f32::INFINITY; n],
            c: vec![WeightSearch::from(self.initial_c); n],
            last_check: vec![f32::INFINITY; n],
            open: (0..n).collect(),
            done: 0,
            problem: problem.clone(),
            settings: *self,
            bounds,
            centre,
            half,
            start,
        }))
    }
}

struct Search {
    problem: Problem,
    settings: CarliniWagner,
    bounds: Bounds,
    centre: f32,
    half: f32,
    /// These are w of the untouched pictures, and what tanh makes of it.
    start: Vec<f32>,
    origin: Vec<f32>,
    /// These are w less its start, and Adam's moments.
    delta: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    at: Vec<f32>,
    best: Vec<f32>,
    best_length: Vec<f32>,
    c: Vec<WeightSearch>,
    /// The objective of each picture a tenth of the steps ago.
    last_check: Vec<f32>,
    open: Vec<usize>,
    done: usize,
}

impl Search {
    fn set_out(&mut self) {
        if self.done > 0 {
            self.c.iter_mut().for_each(WeightSearch::next);
        }
        self.delta.fill(0.0);
        self.first_moment.fill(0.0);
        self.second_moment.fill(0.0);
        self.last_check.fill(f32::INFINITY);
        self.open = (0..self.problem.len()).collect();
    }

    fn place(&mut self, i: usize) {
        let pixels = i * self.problem.size()..(i + 1) * self.problem.size();
        let w = self.start[pixels.clone()].iter().zip(&self.delta[pixels.clone()]).map(|(start, delta)| start + delta);
        for (at, w) in self.at[pixels].iter_mut().zip(w) {
            *at = (w.tanh() * self.half + self.centre).clamp(self.bounds.min, self.bounds.max);
        }
    }

    /// Returns the objective of picture `i`, and takes one step of Adam down it. `gradient` is that of the margin.
    fn descend(&mut self, i: usize, margin: f32, gradient: &[f32], step: usize) -> f32 {
        let &mut Self { settings, centre, half, .. } = self;
        let size = self.problem.size();
        let active = if margin + settings.confidence > 0.0 { self.c[i].now } else { 0.0 };
        let [first, second] = [BETA_1, BETA_2].map(|beta| 1.0 - beta.powi(step as i32));
        let mut squares = 0.0;
        for (k, g) in (i * size..(i + 1) * size).zip(gradient) {
            let moved = self.at[k] - self.origin[k];
            squares += f64::from(moved) * f64::from(moved);
            let tanh = (self.at[k] - centre) / half;
            let slope = (active * g + 2.0 * moved) * half * (1.0 - tanh * tanh);
            let (m, v) = (&mut self.first_moment[k], &mut self.second_moment[k]);
            *m = BETA_1 * *m + (1.0 - BETA_1) * slope;
            *v = BETA_2 * *v + (1.0 - BETA_2) * slope * slope;
            self.delta[k] -= settings.learning_rate * (*m / first) / ((*v / second).sqrt() + ADAM_EPSILON);
        }
        squares as f32 + active * (margin + settings.confidence).max(0.0)
    }

    /// Keeps picture `i` if it fools by more than the confidence and is nearer than the best so far.
    fn judge(&mut self, i: usize, margin: f32) {
        let pixels = i * self.problem.size()..(i + 1) * self.problem.size();
        if margin.is_nan() || margin + self.settings.confidence >= 0.0 {
            return;
        }
        self.c[i].fooled = true;
        let moved: Vec<f32> =
            self.at[pixels.clone()].iter().zip(&self.problem.x[pixels.clone()]).map(|(at, x)| at - x).collect();
        let length = Norm::L2.length(&moved);
        if length < self.best_length[i] {
            self.best_length[i] = length;
            self.best[pixels.clone()].copy_from_slice(&self.at[pixels]);
        }
    }
}

impl Run for Search {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        let steps = self.settings.steps;
        let of = steps * self.settings.search_steps;
        if self.open.is_empty() && self.done > 0 {
            // Every present c is given up: on to the next.
            self.done = self.done.next_multiple_of(steps);
        }
        if self.done >= of || self.problem.is_empty() {
            return Ok(None);
        }
        if self.done.is_multiple_of(steps) {
            self.set_out();
        }
        let open = self.open.clone();
        open.iter().for_each(|&i| self.place(i));
        let (size, classes) = (self.problem.size(), self.problem.classes());
        let towards = |row: usize, _, logits: &[f32]| {
            let Margin { down, up, .. } = self.problem.margin(open[row], logits);
            difference(classes, down, up)
        };
        let (logits, gradients) = self.problem.gradients(&gather(&self.at, size, &open), 1, towards)?;
        let step = self.done % steps;
        let mut kept = Vec::with_capacity(open.len());
        for (row, &i) in open.iter().enumerate() {
            let margin = self.problem.margin(i, &logits[row * classes..(row + 1) * classes]).value;
            let objective = self.descend(i, margin, &gradients[row * size..(row + 1) * size], step + 1);
            self.judge(i, margin);
            let is_checked = self.settings.abort_early && step.is_multiple_of(steps.div_ceil(10));
            if !is_checked || objective <= 0.9999 * self.last_check[i] {
                kept.push(i);
            }
            if is_checked {
                self.last_check[i] = objective;
            }
        }
        self.open = kept;
        self.done += 1;
        Ok(Some(Step { number: self.done, of, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.best
    }
}
