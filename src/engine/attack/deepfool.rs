use serde::{Deserialize, Serialize};

use super::parameter::{AttackInfo, Parameter, Scale, Value, norm, steps};
use super::problem::{Problem, difference, gather};
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::step::clip;
use super::{Measure, Norm};
use crate::{Error, Result};

/// DeepFool goes to the nearest boundary of the linearised net, or to the target's, again and again, until the net is
/// fooled. Moosavi-Dezfooli, Fawzi, Frossard, *DeepFool: A Simple and Accurate Method to Fool Deep Neural Networks*,
/// 2016 (arXiv 1511.04599), algorithm 2 and section 3.3 for other norms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeepFool {
    /// This is L2 or L∞.
    pub norm: Norm,
    pub steps: usize,
    /// The share of the way that it goes beyond the boundary.
    pub overshoot: f32,
    /// The number of classes, the most probable first and the picture's own among them, whose boundaries count.
    pub candidates: usize,
}

impl Default for DeepFool {
    fn default() -> Self {
        Self { norm: Norm::L2, steps: 50, overshoot: 0.02, candidates: 10 }
    }
}

/// This is added to the distance of the boundary, as in the authors' code: rounding must not leave a step of length 0.
const BEYOND: f32 = 1e-4;

impl Attack for DeepFool {
    fn usual() -> Vec<Self> {
        vec![Self::default()]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["deepfool"],
            title: "DeepFool",
            summary: "To the nearest boundary of the linearised net, again and again: finds a short perturbation by \
                      itself",
            brief: "To the nearest boundary: Moosavi-Dezfooli et al. 2016",
            paper: "Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv 1511.04599, algorithm 2",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            Parameter { is_terse: false, ..norm(&mut self.norm, &[Norm::Linf, Norm::L2]) },
            steps(&mut self.steps),
            Parameter {
                label: "Overshoot",
                tooltip: "How much farther than the boundary",
                help: "how much farther than the boundary",
                placeholder: "SHARE",
                ..Parameter::of("overshoot", Value::Real(&mut self.overshoot, Scale::new(0.0..=0.5, 10.0)))
            },
            Parameter {
                label: "Classes",
                tooltip: "Of how many classes the boundaries are looked at",
                help: "of how many classes to look at the boundaries",
                ..Parameter::of("candidates", Value::Whole(&mut self.candidates, Scale::whole(2.0..=50.0, 1000.0)))
            },
        ]
    }

    fn in_words(&self) -> String {
        let Self { norm, steps, overshoot, candidates } = self;
        format!("in {}, at most {steps} steps, overshoot {overshoot}, {candidates} classes", norm.title())
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

    fn is_cut_by_steps(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_steps(self.steps, "steps")?;
        check_positive(self.overshoot, "the overshoot")?;
        if self.norm == Norm::L1 {
            return Err(Error::Argument("DeepFool has no L1 form here; expected the norm l2 or linf".into()));
        }
        if self.candidates < 2 {
            return Err(Error::Argument(format!("{} candidates; expected at least 2 classes", self.candidates)));
        }
        Ok(Box::new(Fooling {
            problem: problem.clone(),
            settings: *self,
            at: problem.x.to_vec(),
            total: vec![0.0; problem.x.len()],
            rivals: None,
            open: Vec::new(),
            done: 0,
        }))
    }
}

struct Fooling {
    problem: Problem,
    settings: DeepFool,
    at: Vec<f32>,
    total: Vec<f32>,
    /// Each picture's classes whose boundaries count; they are known from the first step on.
    rivals: Option<Vec<Vec<usize>>>,
    open: Vec<usize>,
    done: usize,
}

impl Fooling {
    fn choose_rivals(&mut self) -> Result<()> {
        let (problem, clean) = (&self.problem, self.problem.clean()?);
        let logits: Vec<&[f32]> = clean.logits.chunks(problem.classes()).collect();
        let rivals = |i: usize| match &problem.targets {
            Some(targets) => vec![targets[i]],
            None => {
                let mut order: Vec<usize> = (0..problem.classes()).filter(|&k| k != problem.labels[i]).collect();
                order.sort_by(|&a, &b| logits[i][b].total_cmp(&logits[i][a]).then(a.cmp(&b)));
                order.truncate(self.settings.candidates - 1);
                order
            }
        };
        self.open = (0..problem.len()).filter(|&i| !problem.fooled(i, logits[i])).collect();
        self.rivals = Some((0..problem.len()).map(rivals).collect());
        Ok(())
    }

    /// Returns the class that picture `i` is moved away from: its label, or on the way to a target the net's answer.
    fn from(&self, i: usize, logits: &[f32]) -> usize {
        match &self.problem.targets {
            Some(_) => crate::model::argmax(logits),
            None => self.problem.labels[i],
        }
    }
}

impl DeepFool {
    /// Returns the distance of the nearest linear boundary and its slope, by equations 8 and 9; none where all are
    /// infinitely far. Each is `lead` in the difference of two logits away.
    fn nearest<'a>(&self, leads: impl Iterator<Item = f32>, slopes: &'a [f32]) -> Option<(f32, &'a [f32])> {
        let dual = if self.norm == Norm::Linf { Norm::L1 } else { Norm::L2 };
        let (leads, mut best): (Vec<f32>, Option<(f32, &[f32])>) = (leads.collect(), None);
        for (lead, slope) in leads.iter().zip(slopes.chunks(slopes.len() / leads.len().max(1))) {
            let distance = lead / dual.length(slope);
            if distance.is_finite() && best.is_none_or(|(nearest, _)| distance < nearest) {
                best = Some((distance, slope));
            }
        }
        best
    }
}

impl Run for Fooling {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        if self.rivals.is_none() {
            self.choose_rivals()?;
        }
        let Some(rivals) = self.rivals.as_ref().filter(|_| !self.open.is_empty() && self.done < self.settings.steps)
        else {
            return Ok(None);
        };
        let (problem, size, classes) = (&self.problem, self.problem.size(), self.problem.classes());
        let count = rivals[self.open[0]].len();
        let of_logits = |row: usize, number: usize, logits: &[f32]| {
            let i = self.open[row];
            difference(classes, rivals[i][number], self.from(i, logits))
        };
        let (logits, slopes) = problem.gradients(&gather(&self.at, size, &self.open), count, of_logits)?;
        for (row, &i) in self.open.iter().enumerate() {
            let (z, slopes) =
                (&logits[row * classes..(row + 1) * classes], &slopes[row * count * size..][..count * size]);
            let lead = |rival: usize| (z[self.from(i, z)] - z[rival]).abs();
            let pixels = i * size..(i + 1) * size;
            if let Some((distance, slope)) = self.settings.nearest(rivals[i].iter().map(|&rival| lead(rival)), slopes) {
                let total = &mut self.total[pixels.clone()];
                let direction = self.settings.norm.steepest(slope);
                total.iter_mut().zip(direction).for_each(|(total, d)| *total += (distance + BEYOND) * d);
            }
            let (at, x) = (&mut self.at[pixels.clone()], &problem.x[pixels.clone()]);
            let reach = 1.0 + self.settings.overshoot;
            at.iter_mut().zip(x).zip(&self.total[pixels]).for_each(|((at, x), total)| *at = x + reach * total);
            clip(at, problem.rules.bounds);
        }
        self.open = problem.not_fooled(&self.at, &self.open)?;
        self.done += 1;
        Ok(Some(Step { number: self.done, of: self.settings.steps, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.at
    }
}
