//! The net's answers along the attack's direction, as ε goes from the far side of the picture to the slider's end.

use std::sync::Arc;

use super::{Pace, Subject};
use crate::engine::Result;
use crate::engine::attack::{EpsCurve, Flip, Goal, Rules, eps_curve, eps_ladder};
use crate::engine::picture::Planes;
use crate::engine::units::LEVELS;
use crate::worker::{Shown, View};

/// The largest |ε|: as far as the slider goes, or as an attack that does not follow it has gone.
const MAX: f32 = 0.5;
const POINTS: usize = 41;
/// Lines are sent with so many pieces between two points.
const PIECES: usize = 4;
/// Where pictures are rounded to 8 bits, the grey levels up to here are looked at one by one.
const EACH_LEVEL: i16 = 26;
/// Classes that are sent.
const CLASSES: usize = 6;
/// Where the answer changes, the line is looked at more closely: so many times, with so many points between, at the changes
/// nearest to the picture.
const ROUNDS: usize = 2;
const CLOSER: usize = 3;
const FLIPS: usize = 4;

/// Logits and probabilities at `x + ε·η`, where η is the way of the attack: `±sign(∇ₓJ)` for FGSM, which does not depend on ε,
/// and for others `δ/max|δ|`, the straight line through what they came to.
#[derive(Clone, Debug)]
pub struct Along {
    key: Key,
    /// The classes of the net whose answers these are.
    classes: Arc<[String]>,
    /// Ascending, from −0.5 to 0.5; from −max|δ| to max|δ| where another attack than FGSM went farther.
    pub eps: Vec<f32>,
    /// The label, the target, and the classes that come to most anywhere, at most six.
    pub lines: Vec<ClassLine>,
    /// All changes of the answer, from the lowest ε up.
    pub flips: Vec<Flip>,
    /// The interval around 0 in which the answer is the label.
    pub right: Option<(f32, f32)>,
    /// No closer one follows.
    pub is_final: bool,
}

/// One class along the curve.
#[derive(Clone, Debug)]
pub struct ClassLine {
    pub class: usize,
    /// One for each ε.
    pub logits: Vec<f32>,
    pub probabilities: Vec<f32>,
}

impl Along {
    /// Whether it is that of a view.
    pub fn is_of(&self, shown: &Shown) -> bool {
        self.key.is_same(&Key::new(&shown.view, &shown.gradient, &shown.adversarial))
    }

    /// Tells whether these are the answers of the net of a view.
    pub fn is_of_net(&self, shown: &Shown) -> bool {
        Arc::ptr_eq(&self.classes, &shown.model.classes)
    }

    /// η is the sign of the gradient.
    pub fn is_sign(&self) -> bool {
        self.key.is_sign
    }
}

/// What a curve depends on.
#[derive(Clone, Debug)]
struct Key {
    is_sign: bool,
    /// ∇ₓJ, or the adversarial picture that the line leads to.
    planes: Arc<Planes>,
    rules: Rules,
}

impl Key {
    fn new(view: &View, gradient: &Arc<Planes>, adversarial: &Arc<Planes>) -> Self {
        let is_sign = view.is_fgsm();
        Self { is_sign, planes: if is_sign { gradient } else { adversarial }.clone(), rules: view.rules() }
    }

    fn of(subject: &Subject) -> Self {
        Self::new(&subject.view, &subject.baseline.gradient, &subject.adversarial)
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.planes, &other.planes) && (self.is_sign, self.rules) == (other.is_sign, other.rules)
    }
}

/// A curve in the making.
pub struct Work {
    key: Key,
    direction: Vec<f32>,
    /// Ascending.
    left: Vec<f32>,
    found: EpsCurve,
    rounds: usize,
    pace: Pace,
}

impl Work {
    pub fn new(subject: &Subject) -> Self {
        Self {
            key: Key::of(subject),
            direction: subject.way(),
            left: ladder(subject),
            found: EpsCurve::new(Vec::new(), Vec::new()),
            rounds: 0,
            pace: Pace::new(),
        }
    }

    pub fn is_of(&self, subject: &Subject) -> bool {
        self.key.is_same(&Key::of(subject))
    }

    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// Computes some points. A curve that is whole, and each that is closer, is returned.
    pub fn advance(&mut self, subject: &Subject) -> Result<Option<Along>> {
        let rules = self.key.rules;
        let (left, direction) = (&mut self.left, &self.direction);
        let piece = self.pace.keep(|count| {
            let eps: Vec<f32> = left.drain(..count.min(left.len())).collect();
            eps_curve(&subject.model, &subject.baseline.subject, direction, &eps, rules)
        });
        self.found.append(piece?);
        if !self.left.is_empty() {
            return Ok(None);
        }
        self.found = self.found.sorted();
        if self.rounds < ROUNDS {
            self.rounds += 1;
            self.left = closer(&self.found);
        }
        Ok(Some(self.along(subject)))
    }

    fn along(&self, subject: &Subject) -> Along {
        let label = subject.baseline.label;
        let target = match subject.view.goal {
            Goal::Targeted(target) => Some(target),
            Goal::Untargeted => None,
        };
        // The sign of the gradient moves every pixel as far.
        let is_stair = self.key.is_sign && self.key.rules.eight_bit;
        let finer = self.found.finer(PIECES, if is_stair { 1.01 / LEVELS } else { 0.0 });
        let line = |class: usize| ClassLine {
            class,
            logits: finer.logits.iter().map(|row| row[class]).collect(),
            probabilities: finer.probabilities.iter().map(|row| row[class]).collect(),
        };
        Along {
            key: self.key.clone(),
            classes: subject.model.classes.clone(),
            lines: classes(&self.found, label, target).into_iter().map(line).collect(),
            eps: finer.eps,
            flips: self.found.flips(),
            right: self.found.right_interval(label),
            is_final: self.left.is_empty(),
        }
    }
}

/// The values of ε to begin with. Where the straight line leads to the picture on screen, that is one of them.
fn ladder(subject: &Subject) -> Vec<f32> {
    let picture = (!subject.view.is_fgsm()).then_some(subject.linf);
    let mut eps = eps_ladder(picture.unwrap_or_default().max(MAX), POINTS);
    if subject.view.eight_bit {
        // Between two grey levels there is little to see, and on each of them something.
        eps.retain(|eps| eps.abs() > EACH_LEVEL as f32 / LEVELS);
        eps.extend((-EACH_LEVEL..=EACH_LEVEL).map(|level| level as f32 / LEVELS));
    }
    eps.extend(picture);
    eps.sort_by(f32::total_cmp);
    eps.dedup();
    eps
}

/// The label, the target, what leads nearest to the picture, and what comes to most elsewhere.
fn classes(curve: &EpsCurve, label: usize, target: Option<usize>) -> Vec<usize> {
    let answers = curve.answers();
    let mut near: Vec<usize> = (0..answers.len()).collect();
    near.sort_by(|&a, &b| curve.eps[a].abs().total_cmp(&curve.eps[b].abs()));
    let leaders = near.into_iter().map(|at| answers[at]);
    let mut chosen = Vec::new();
    for class in [label].into_iter().chain(target).chain(leaders).chain(curve.top_classes(CLASSES)) {
        if chosen.len() < CLASSES && !chosen.contains(&class) {
            chosen.push(class);
        }
    }
    chosen
}

/// More points around the changes of the answer.
fn closer(curve: &EpsCurve) -> Vec<f32> {
    let mut flips = curve.flips();
    flips.sort_by(|a, b| a.eps.abs().total_cmp(&b.eps.abs()));
    flips.truncate(FLIPS);
    flips.sort_by(|a, b| a.eps.total_cmp(&b.eps));
    let between = |flip: &Flip| {
        let above = curve.eps.partition_point(|eps| *eps < flip.eps).clamp(1, curve.eps.len() - 1);
        let (low, high) = (curve.eps[above - 1], curve.eps[above]);
        (1..=CLOSER).map(move |i| low + (high - low) * i as f32 / (CLOSER + 1) as f32)
    };
    let mut eps: Vec<f32> = flips.iter().flat_map(between).collect();
    eps.dedup();
    eps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> EpsCurve {
        let eps = vec![-1.0, 0.0, 1.0];
        let logits = vec![vec![0.0, 0.0, 9.0, 1.0], vec![5.0, 1.0, 0.0, 1.5], vec![0.0, 4.0, 1.0, 2.0]];
        EpsCurve::new(eps, logits)
    }

    #[test]
    fn the_label_and_the_target_come_first_then_what_leads() {
        assert_eq!(classes(&line(), 0, None), [0, 2, 1, 3]);
        assert_eq!(classes(&line(), 1, Some(3)), [1, 3, 0, 2]);
    }

    #[test]
    fn a_closer_look_lies_around_the_flips() {
        let eps = closer(&line());
        assert_eq!(eps, [-0.75, -0.5, -0.25, 0.25, 0.5, 0.75]);
        assert!(closer(&EpsCurve::new(vec![0.0], vec![vec![1.0]])).is_empty());
    }
}
