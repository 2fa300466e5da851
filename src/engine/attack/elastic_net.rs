use serde::{Deserialize, Serialize};

use super::parameter::{AttackInfo, Parameter, Scale, Value, steps};
use super::problem::{Margin, Problem, difference, gather};
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::weight_search::WeightSearch;
use super::{Bounds, Measure, Norm};
use crate::Result;

/// The elastic-net attack minimises `c·max(0, margin + κ) + β·‖x' − x‖₁ + ‖x' − x‖₂²` by an accelerated descent that
/// shrinks small changes to none, with the smallest `c` that fools. Chen, Sharma, Zhang, Yi, Hsieh, *EAD: Elastic-Net
/// Attacks to Deep Neural Networks via Adversarial Examples*, 2018 (arXiv 1709.04114), algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticNet {
    /// The weight of the length in L1: larger values change fewer pixels.
    pub beta: f32,
    /// The logit of the wrong class has to exceed that of the right one by this κ at least.
    pub confidence: f32,
    /// The number of values of `c` that are tried.
    pub search_steps: usize,
    /// The number of steps for each `c`.
    pub steps: usize,
    /// The length of the first step; the last one is the shortest.
    pub step_size: f32,
    /// The first `c`, which grows tenfold until it is large enough.
    pub initial_c: f32,
    /// The shortest perturbation in L1 is kept, in place of the one whose `β·‖δ‖₁ + ‖δ‖₂²` is least.
    pub shortest_in_l1: bool,
}

impl Default for ElasticNet {
    fn default() -> Self {
        Self {
            beta: 0.01,
            confidence: 0.0,
            search_steps: 9,
            steps: 200,
            step_size: 0.01,
            initial_c: 0.1,
            shortest_in_l1: false,
        }
    }
}

impl Attack for ElasticNet {
    fn usual() -> Vec<Self> {
        vec![Self::default()]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["ead", "elastic-net"],
            title: "Elastic net (EAD)",
            summary: "The perturbation's lengths in L1 and L2 and a margin of the logits together: slow, and changes \
                      few pixels",
            brief: "The smallest perturbation in L1 and L2 together: Chen et al. 2018",
            paper: "Chen, Sharma, Zhang, Yi, Hsieh 2018, arXiv 1709.04114, algorithm 1",
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
                label: "β",
                tooltip: "The weight of the length in L1: larger values change fewer pixels",
                help: "the weight of the length in L1; larger values change fewer pixels",
                placeholder: "BETA",
                ..Parameter::of("beta", Value::Real(&mut self.beta, Scale::new(0.0..=0.5, 100.0)))
            },
            Parameter {
                label: "Confidence κ",
                tooltip: "By how much the logit of the wrong class exceeds the right one at least",
                help: "by how much the wrong logit exceeds the right one at least",
                placeholder: "KAPPA",
                ..Parameter::of("confidence", Value::Real(&mut self.confidence, Scale::new(0.0..=20.0, 1000.0)))
            },
            Parameter {
                label: "First step",
                tooltip: "Length of the first step; later ones are shorter",
                help: "the length of the first step; later ones are shorter",
                placeholder: "LENGTH",
                is_terse: true,
                ..Parameter::of("first-step", Value::Real(&mut self.step_size, Scale::new(0.001..=0.2, 1000.0)))
            },
            Parameter {
                label: "First c",
                tooltip: "The weight of the margin to begin with; it grows tenfold until it is large enough",
                help: "the first c",
                placeholder: "C",
                ..Parameter::of("initial-c", Value::Real(&mut self.initial_c, Scale::new(0.0..=1.0, 1e6)))
            },
            Parameter {
                label: "Shortest in L1",
                tooltip: "Keep the perturbation that is shortest in L1, whatever its length in L2",
                help: "keep the perturbation that is shortest in L1, whatever its length in L2",
                placeholder: "SHORTEST_IN_L1",
                is_terse: true,
                ..Parameter::of("shortest-in-l1", Value::Switch(&mut self.shortest_in_l1))
            },
        ]
    }

    fn in_words(&self) -> String {
        let Self { beta, confidence, search_steps, steps, shortest_in_l1, .. } = self;
        let rule = if *shortest_in_l1 { ", shortest in L1" } else { "" };
        format!("β {beta}, {search_steps} values of c, {steps} steps each, confidence {confidence}{rule}")
    }

    fn measure(&self) -> Measure {
        Measure::Norm(Norm::L1)
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
        check_positive(self.beta, "β")?;
        check_positive(self.confidence, "the confidence")?;
        check_positive(self.step_size, "the first step")?;
        check_positive(self.initial_c, "the first c")?;
        Ok(Box::new(Search {
            bounds: problem.rules.bounds.unwrap_or(Bounds { min: f32::NEG_INFINITY, max: f32::INFINITY }),
            ahead: problem.x.to_vec(),
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            best_length: vec![f32::INFINITY; problem.len()],
            c: vec![WeightSearch::from(self.initial_c); problem.len()],
            open: None,
            done: 0,
            problem: problem.clone(),
            settings: *self,
        }))
    }
}

struct Search {
    problem: Problem,
    settings: ElasticNet,
    bounds: Bounds,
    /// The point y ahead of the pictures, at which the slope is taken.
    ahead: Vec<f32>,
    at: Vec<f32>,
    best: Vec<f32>,
    /// The least length by the rule of the settings.
    best_length: Vec<f32>,
    c: Vec<WeightSearch>,
    /// The pictures that do not fool as they are; they are known from the first step on.
    open: Option<Vec<usize>>,
    done: usize,
}

impl Search {
    fn set_out(&mut self) {
        if self.done > 0 {
            self.c.iter_mut().for_each(WeightSearch::next);
        }
        self.ahead.copy_from_slice(&self.problem.x);
        self.at.copy_from_slice(&self.problem.x);
    }

    /// Moves picture `i` one step down from the point ahead of it, equations 4 to 6; `gradient` is that of the margin.
    fn descend(&mut self, i: usize, margin: f32, gradient: &[f32], step: usize) {
        let ElasticNet { beta, confidence, steps, step_size, .. } = self.settings;
        let size = self.problem.size();
        let weight = if margin + confidence > 0.0 { self.c[i].now } else { 0.0 };
        // The steps of the authors' code, and its pull ahead.
        let length = step_size * (1.0 - step as f32 / steps as f32).sqrt();
        let pull = step as f32 / (step as f32 + 3.0);
        for (k, g) in (i * size..(i + 1) * size).zip(gradient) {
            let x = self.problem.x[k];
            let moved = self.ahead[k] - x;
            let moved = moved - length * (weight * g + 2.0 * moved);
            // A weight that has grown without end moves a pixel from bound to bound.
            let shrunk = if moved.abs() > beta { x + moved - beta.copysign(moved) } else { x };
            let next = shrunk.clamp(self.bounds.min, self.bounds.max);
            self.ahead[k] = next + pull * (next - self.at[k]);
            self.at[k] = next;
        }
    }

    /// Keeps picture `i` if it fools by more than the confidence and is nearer than the best so far.
    fn judge(&mut self, i: usize, margin: f32) {
        if margin.is_nan() || margin + self.settings.confidence >= 0.0 {
            return;
        }
        self.c[i].fooled = true;
        let pixels = i * self.problem.size()..(i + 1) * self.problem.size();
        let (at, x) = (&self.at[pixels.clone()], &self.problem.x[pixels.clone()]);
        let moved: Vec<f32> = at.iter().zip(x).map(|(at, x)| at - x).collect();
        let [l1, l2] = [Norm::L1, Norm::L2].map(|norm| norm.length(&moved));
        let length = if self.settings.shortest_in_l1 { l1 } else { self.settings.beta * l1 + l2 * l2 };
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
        let open = match &self.open {
            Some(open) => open.clone(),
            None => self.open.insert(self.problem.standing()?).clone(),
        };
        if self.done >= of || open.is_empty() {
            return Ok(None);
        }
        if self.done.is_multiple_of(steps) {
            self.set_out();
        }
        let (size, classes) = (self.problem.size(), self.problem.classes());
        let towards = |row: usize, _, logits: &[f32]| {
            let Margin { down, up, .. } = self.problem.margin(open[row], logits);
            difference(classes, down, up)
        };
        let (logits, gradients) = self.problem.gradients(&gather(&self.ahead, size, &open), 1, towards)?;
        for (row, &i) in open.iter().enumerate() {
            let margin = self.problem.margin(i, &logits[row * classes..(row + 1) * classes]).value;
            self.descend(i, margin, &gradients[row * size..(row + 1) * size], self.done % steps);
        }
        let logits = self.problem.logits(&gather(&self.at, size, &open))?;
        for (&i, logits) in open.iter().zip(logits.chunks(classes)) {
            let margin = self.problem.margin(i, logits).value;
            self.judge(i, margin);
        }
        self.done += 1;
        Ok(Some(Step { number: self.done, of, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.best
    }
}
