use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Measure;
use super::parameter::{AttackInfo, Parameter, Scale, Value};
use super::problem::{Problem, gather};
use super::run::{Attack, Run, Step};
use super::step::clip;
use crate::{Error, Result};

/// This attack changes by θ the two values whose slopes favour the target most over all other classes together, again
/// and again. Without a target it moves towards the second class of the net's answer to the untouched picture. Papernot
/// et al., *The Limitations of Deep Learning in Adversarial Settings*, 2016 (arXiv 1511.07528), algorithms 2 and 3, on
/// logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaliencyMap {
    /// θ, which is added to a value; below 0 values are lowered.
    pub theta: f32,
    /// γ, the largest share of values that may change.
    pub gamma: f32,
}

/// Values nearer than this to the bound that they move to are left alone.
const MARGIN: f32 = 0.01;

/// In larger pictures pairs are looked for among this many values, those with the greatest saliency of their own.
const MAX_VALUES: usize = 1024;

impl Attack for SaliencyMap {
    fn usual() -> Vec<Self> {
        vec![Self { theta: 1.0, gamma: 0.1 }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["jsma"],
            title: "Saliency map",
            summary: "Changes few pixels, all the way, two at a time: those that matter most (JSMA)",
            brief: "The Jacobian saliency map, few pixels: Papernot et al. 2016",
            paper: "Papernot et al. 2016, arXiv 1511.07528, algorithms 2 and 3",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            Parameter {
                label: "θ",
                tooltip: "What is added to a value; below 0 values are lowered",
                help: "what is added to a pixel value; below 0 pixels are darkened",
                placeholder: "THETA",
                ..Parameter::of("theta", Value::Real(&mut self.theta, Scale::new(-1.0..=1.0, 1.0)))
            },
            Parameter {
                label: "γ",
                tooltip: "The largest share of values that may change",
                help: "the largest share of pixel values to change",
                placeholder: "SHARE",
                ..Parameter::of("gamma", Value::Real(&mut self.gamma, Scale::new(0.0..=1.0, 1.0)))
            },
        ]
    }

    fn in_words(&self) -> String {
        format!("θ {}, γ {}", self.theta, self.gamma)
    }

    fn measure(&self) -> Measure {
        Measure::Count
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        if !self.theta.is_finite() || self.theta == 0.0 {
            return Err(Error::Argument(format!("θ is {}; expected a number other than 0", self.theta)));
        }
        if !(self.gamma > 0.0 && self.gamma <= 1.0) {
            return Err(Error::Argument(format!("γ is {}; expected a share of the values, above 0 to 1", self.gamma)));
        }
        let room = |x: f32| match problem.rules.bounds {
            None => true,
            Some(bounds) if self.theta > 0.0 => x < bounds.max - MARGIN,
            Some(bounds) => x > bounds.min + MARGIN,
        };
        Ok(Box::new(Saliency {
            at: problem.x.to_vec(),
            is_free: problem.x.iter().map(|&x| room(x)).collect(),
            targets: None,
            open: Vec::new(),
            done: 0,
            steps: (problem.size() as f32 * self.gamma / 2.0).ceil() as usize,
            theta: self.theta,
            problem: problem.clone(),
        }))
    }
}

struct Saliency {
    problem: Problem,
    theta: f32,
    steps: usize,
    at: Vec<f32>,
    is_free: Vec<bool>,
    /// These are the targets of the pictures; they are known from the first step on.
    targets: Option<Vec<usize>>,
    open: Vec<usize>,
    done: usize,
}

impl Saliency {
    fn choose_targets(&mut self) -> Result<Vec<usize>> {
        let problem = &self.problem;
        let logits: Vec<&[f32]> = problem.clean()?.logits.chunks(problem.classes()).collect();
        self.open = (0..problem.len()).filter(|&i| !problem.fooled(i, logits[i])).collect();
        let second = |i: usize| {
            let others = (0..problem.classes()).filter(|&k| k != problem.labels[i]);
            others.reduce(|best, k| if logits[i][k] > logits[i][best] { k } else { best }).unwrap_or_default()
        };
        Ok(problem.targets.clone().unwrap_or_else(|| (0..problem.len()).map(second).collect()))
    }

    fn pairs(&self, targets: &[usize]) -> Result<Vec<Option<(usize, usize)>>> {
        let (problem, size, open) = (&self.problem, self.problem.size(), &self.open);
        // Two gradients for each picture: the slopes of the target, and of all other classes together.
        let of_logits = |row: usize, number: usize, logits: &[f32]| {
            let (is_target, others) = if number == 0 { (1.0, 0.0) } else { (0.0, 1.0) };
            let mut d = vec![others; logits.len()];
            d[targets[open[row]]] = is_target;
            d
        };
        let (_, gradients) = problem.gradients(&gather(&self.at, size, open), 2, of_logits)?;
        let pair = |(&i, slopes): (&usize, &[f32])| {
            let (target, others) = slopes.split_at(size);
            best_pair(target, others, &self.is_free[i * size..(i + 1) * size], self.theta.signum())
        };
        Ok(open.par_iter().zip(gradients.par_chunks(2 * size)).map(pair).collect())
    }
}

impl Run for Saliency {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        let targets = match self.targets.take() {
            Some(targets) => targets,
            None => self.choose_targets()?,
        };
        if self.open.is_empty() || self.done == self.steps {
            return Ok(None);
        }
        let (pairs, size) = (self.pairs(&targets)?, self.problem.size());
        let mut moved = Vec::with_capacity(self.open.len());
        for (&i, pair) in self.open.iter().zip(pairs) {
            let Some((p, q)) = pair else { continue };
            for value in [i * size + p, i * size + q] {
                self.at[value] += self.theta;
                self.is_free[value] = false;
            }
            clip(&mut self.at[i * size..(i + 1) * size], self.problem.rules.bounds);
            moved.push(i);
        }
        // Where no pair favours the target nothing else can be done.
        self.open = self.problem.not_fooled(&self.at, &moved)?;
        self.targets = Some(targets);
        self.done += 1;
        Ok(Some(Step { number: self.done, of: self.steps, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.at
    }
}

/// Returns the values `p < q` with the largest `−αβ`, where α, the sum of the target's slopes, is above 0 and β, that
/// of the other classes', below 0 (both times `sign`): equation 10.
fn best_pair(target: &[f32], others: &[f32], is_free: &[bool], sign: f32) -> Option<(usize, usize)> {
    let mut values: Vec<usize> = (0..target.len()).filter(|&p| is_free[p]).collect();
    if values.len() > MAX_VALUES {
        let own = |&p: &usize| sign * (target[p] - others[p]);
        values.sort_by(|p, q| own(q).total_cmp(&own(p)));
        values.truncate(MAX_VALUES);
        values.sort_unstable();
    }
    let slopes: Vec<(f32, f32)> = values.iter().map(|&p| (sign * target[p], sign * others[p])).collect();
    let mut best = (0.0, None);
    for (first, &(a, b)) in slopes.iter().enumerate() {
        for (second, &(c, d)) in slopes.iter().enumerate().skip(first + 1) {
            let (alpha, beta) = (a + c, b + d);
            let saliency = -alpha * beta;
            if saliency > best.0 && alpha > 0.0 {
                best = (saliency, Some((values[first], values[second])));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pair_is_the_one_that_equation_10_takes() {
        // α and β of the pairs: 01 (3, −1) → 3; 02 (−1, −2) no; 03 (4, 1) no; 12 (0, …) no; 13 (5, 0) no; 23 (1, −1) →
        // 1.
        let (target, others) = ([1.0, 2.0, -2.0, 3.0], [-1.0, 0.0, -1.0, 0.0 + 2.0]);
        assert_eq!(best_pair(&target, &others, &[true; 4], 1.0), Some((0, 1)));
        assert_eq!(best_pair(&target, &others, &[false, true, true, true], 1.0), None);
        // Downwards everything is turned round: α < 0 and β > 0.
        assert_eq!(best_pair(&[-1.0, -1.0, 1.0], &[2.0, 1.0, 1.0], &[true; 3], -1.0), Some((0, 1)));
        assert_eq!(best_pair(&[0.0; 3], &[0.0; 3], &[true; 3], 1.0), None);
    }
}
