//! This study gives the net's answers along the attack's direction, for ε of both signs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{AnsweredView, LoadNet, Study, Wish};
use crate::engine::Result;
use crate::engine::attack::{EpsCurve, Flip, Rules, eps_curve, eps_ladder};
use crate::engine::picture::Planes;
use crate::engine::units::LEVELS;
use crate::worker::last::{Last, Same};
use crate::worker::{Event, Shown, View};

/// The curve goes as far as the slider, unless an attack that does not follow the slider went farther.
const MAX: f32 = 0.5;
const POINTS: usize = 41;
/// The number of pieces of a line between two points.
const PIECES: usize = 4;
/// The net is given more and more pictures at once while they take less than this.
const QUICK: Duration = Duration::from_millis(4);
/// Where pictures are rounded to 8 bits, the grey levels up to here are looked at one by one.
const EACH_LEVEL: i16 = 26;
const CLASSES: usize = 6;
/// Where the answer changes, the line is looked at more closely: `ROUNDS` times, with more points between, at the
/// changes nearest to the picture.
const ROUNDS: usize = 2;
const CLOSER: usize = 3;
const FLIPS: usize = 4;

/// This holds logits and probabilities at `x + ε·η`, where η is the way of the attack: `±sign(∇ₓJ)` for FGSM, which
/// does not depend on ε, and for others `δ/max|δ|`, the straight line through what they came to.
#[derive(Clone, Debug)]
pub struct Along {
    key: Key,
    classes: Arc<[String]>,
    /// The values of ε ascend from −0.5 to 0.5, or farther where another attack than FGSM went farther.
    pub eps: Vec<f32>,
    /// There is a line for the label, the target, and the classes that come to most anywhere, at most six.
    pub lines: Vec<ClassLine>,
    /// The changes of the answer, from the lowest ε up.
    pub flips: Vec<Flip>,
    /// The interval around 0 in which the answer is the label.
    pub right: Option<(f32, f32)>,
    /// Tells whether no closer curve follows.
    pub is_final: bool,
}

/// This is one class along the curve, with a value for each ε.
#[derive(Clone, Debug)]
pub struct ClassLine {
    pub class: usize,
    pub logits: Vec<f32>,
    pub probabilities: Vec<f32>,
}

impl Along {
    /// Tells whether the curve is that of a view.
    pub fn is_of(&self, shown: &Shown) -> bool {
        self.key == Key::new(&shown.view, &shown.gradient, &shown.adversarial)
    }

    /// Tells whether these are the answers of the net of a view.
    pub fn is_of_net(&self, shown: &Shown) -> bool {
        Arc::ptr_eq(&self.classes, &shown.model.classes)
    }

    /// Tells whether η is the sign of the gradient.
    pub fn is_sign(&self) -> bool {
        self.key.is_sign
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Key {
    is_sign: bool,
    /// The gradient ∇ₓJ, or the adversarial picture that the line leads to.
    planes: Same<Planes>,
    rules: Rules,
}

impl Key {
    fn new(view: &View, gradient: &Arc<Planes>, adversarial: &Arc<Planes>) -> Self {
        let is_sign = view.is_fgsm();
        let planes = if is_sign { gradient } else { adversarial };
        Self { is_sign, planes: Same(planes.clone()), rules: view.rules() }
    }

    fn of(view: &AnsweredView) -> Self {
        Self::new(&view.view, &view.baseline.gradient, &view.attacked.adversarial)
    }
}

#[derive(Default)]
pub struct AlongStudy(Last<Key, PartialCurve>);

impl Study for AlongStudy {
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool {
        wish.curve && !self.0.get(&Key::of(of)).is_some_and(|points| points.left.is_empty())
    }

    /// Computes some points. A curve that is whole, and each that is closer, is told.
    fn advance(&mut self, of: &AnsweredView, _: &Wish, _: &LoadNet<'_>) -> Result<Option<Event>> {
        let key = Key::of(of);
        let mut points = self.0.take(&key).unwrap_or_else(|| PartialCurve::new(of));
        let is_whole = points.compute(of)?;
        let along = is_whole.then(|| Event::Along(Box::new(points.along(&key, of))));
        self.0.set(key, points);
        Ok(along)
    }
}

struct PartialCurve {
    direction: Vec<f32>,
    left: Vec<f32>,
    found: EpsCurve,
    rounds: usize,
    batch: usize,
}

impl PartialCurve {
    fn new(of: &AnsweredView) -> Self {
        let found = EpsCurve::new(Vec::new(), Vec::new());
        Self { direction: of.way(), left: ladder(of), found, rounds: 0, batch: 1 }
    }

    fn compute(&mut self, of: &AnsweredView) -> Result<bool> {
        let started = Instant::now();
        let eps: Vec<f32> = self.left.drain(..self.batch.min(self.left.len())).collect();
        let piece = eps_curve(&of.model, &of.baseline.input, &self.direction, &eps, of.view.rules())?;
        if started.elapsed() < QUICK {
            self.batch *= 4;
        }
        self.found.append(piece);
        if !self.left.is_empty() {
            return Ok(false);
        }
        self.found = self.found.sorted();
        if self.rounds < ROUNDS {
            self.rounds += 1;
            self.left = closer(&self.found);
        }
        Ok(true)
    }

    fn along(&self, key: &Key, of: &AnsweredView) -> Along {
        let label = of.baseline.label;
        // The sign of the gradient moves every pixel as far.
        let is_stair = key.is_sign && key.rules.eight_bit;
        let finer = self.found.finer(PIECES, if is_stair { 1.01 / LEVELS } else { 0.0 });
        let line = |class: usize| ClassLine {
            class,
            logits: finer.logits.iter().map(|row| row[class]).collect(),
            probabilities: finer.probabilities.iter().map(|row| row[class]).collect(),
        };
        Along {
            key: key.clone(),
            classes: of.model.classes.clone(),
            lines: classes(&self.found, label, of.view.goal.target()).into_iter().map(line).collect(),
            eps: finer.eps,
            flips: self.found.flips(),
            right: self.found.right_interval(label),
            is_final: self.left.is_empty(),
        }
    }
}

/// Returns the values of ε to begin with. Where the straight line leads to the picture on screen, that is one of them.
fn ladder(of: &AnsweredView) -> Vec<f32> {
    let picture = (!of.view.is_fgsm()).then_some(of.attacked.linf);
    let mut eps = eps_ladder(picture.unwrap_or_default().max(MAX), POINTS);
    if of.view.eight_bit {
        // Between two grey levels there is little to see, and on each of them something.
        eps.retain(|eps| eps.abs() > EACH_LEVEL as f32 / LEVELS);
        eps.extend((-EACH_LEVEL..=EACH_LEVEL).map(|level| level as f32 / LEVELS));
    }
    eps.extend(picture);
    eps.sort_by(f32::total_cmp);
    eps.dedup();
    eps
}

/// Returns the label, the target, what leads nearest to the picture, and what comes to most elsewhere.
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

/// Returns more points around the changes of the answer.
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
