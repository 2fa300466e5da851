//! A curve is what the net says along a line through a picture: figure 4 of arXiv 1412.6572.

use super::step::clip;
use super::{AttackInput, Rules};
use crate::loss::softmax;
use crate::model::{Model, argmax};
use crate::picture::to_8_bits;
use crate::{Error, Result};

/// These are the net's answers at `x + ε·η` for many ε.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpsCurve {
    /// The values of ε are ascending, and may be negative.
    pub eps: Vec<f32>,
    pub logits: Vec<Vec<f32>>,
    pub probabilities: Vec<Vec<f32>>,
}

/// Here the net's answer changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flip {
    /// The ε at which the two logits meet, if they are straight between the neighbouring points.
    pub eps: f32,
    pub from: usize,
    pub to: usize,
}

/// Returns `points` values of ε from −max to +max at equal distances; 0 is among them when their number is odd.
pub fn eps_range(max: f32, points: usize) -> Vec<f32> {
    let last = points.saturating_sub(1).max(1) as f32;
    (0..points).map(|i| max * (2.0 * i as f32 - last) / last).collect()
}

/// Returns `points` values of ε from −max to +max, the closer the nearer they are to 0. With 41 of them up to 0.5 both
/// a sixteenth of a grey level and a hundred levels have neighbours.
pub fn eps_ladder(max: f32, points: usize) -> Vec<f32> {
    eps_range(1.0, points).into_iter().map(|share| max * share.powi(3)).collect()
}

/// Makes one forward pass on all of `x + ε·η` together, clipped and rounded as the rules say. ε may be negative. Of a
/// photo the net is shown what a file of it would show, in 8 bits. Fails for a direction of another size than the
/// picture, and for ε that do not ascend.
pub fn eps_curve(model: &Model, input: &AttackInput, direction: &[f32], eps: &[f32], rules: Rules) -> Result<EpsCurve> {
    let x = &input.pixels.values;
    if direction.len() != x.len() {
        let (found, expected) = (direction.len(), x.len());
        return Err(Error::Argument(format!("a direction of {found} values for a picture of {expected}")));
    }
    if eps.iter().any(|eps| !eps.is_finite()) || !eps.is_sorted() {
        return Err(Error::Argument("the values of ε of a curve do not ascend; expected finite ones in order".into()));
    }
    if eps.is_empty() {
        return Ok(EpsCurve::default());
    }
    let moved = |&eps: &f32| {
        let mut moved: Vec<f32> = x.iter().zip(direction).map(|(x, d)| x + eps * d).collect();
        clip(&mut moved, rules.bounds);
        if rules.eight_bit {
            to_8_bits(&mut moved);
        }
        moved
    };
    Ok(EpsCurve::new(eps.to_vec(), input.logits(model, eps.iter().map(moved))?))
}

impl EpsCurve {
    pub fn new(eps: Vec<f32>, logits: Vec<Vec<f32>>) -> Self {
        let probabilities = logits.iter().map(|logits| softmax(logits)).collect();
        Self { eps, logits, probabilities }
    }

    /// Adds points of the same line.
    pub fn append(&mut self, mut other: Self) {
        self.eps.append(&mut other.eps);
        self.logits.append(&mut other.logits);
        self.probabilities.append(&mut other.probabilities);
    }

    /// Returns the points in ascending order of ε.
    pub fn sorted(&self) -> Self {
        let mut order: Vec<usize> = (0..self.eps.len()).collect();
        order.sort_by(|&a, &b| self.eps[a].total_cmp(&self.eps[b]));
        Self::new(order.iter().map(|&i| self.eps[i]).collect(), order.iter().map(|&i| self.logits[i].clone()).collect())
    }

    /// Returns the same line with `pieces` points for each one, between which the logits are straight. Where two points
    /// are no farther apart than `stair`, the answer is that of the nearer one: with pictures rounded to 8 bits it
    /// changes half way between two grey levels.
    pub fn finer(&self, pieces: usize, stair: f32) -> Self {
        let (mut eps, mut logits) = (Vec::new(), Vec::new());
        for i in 0..self.eps.len() {
            let next = (i + 1).min(self.eps.len() - 1);
            for piece in 0..if next == i { 1 } else { pieces } {
                let share = piece as f32 / pieces as f32;
                eps.push(self.eps[i] + share * (self.eps[next] - self.eps[i]));
                let share = if self.eps[next] - self.eps[i] <= stair { share.round() } else { share };
                logits.push(self.logits[i].iter().zip(&self.logits[next]).map(|(a, b)| a + share * (b - a)).collect());
            }
        }
        Self::new(eps, logits)
    }

    pub fn answers(&self) -> Vec<usize> {
        self.logits.iter().map(|logits| argmax(logits)).collect()
    }

    /// Returns where the answer changes, from the lowest ε up.
    pub fn flips(&self) -> Vec<Flip> {
        let answers = self.answers();
        let flip = |i: usize| {
            let (from, to) = (answers[i], answers[i + 1]);
            let lead = |at: usize| f64::from(self.logits[at][from]) - f64::from(self.logits[at][to]);
            // From a lead of at least 0 to one of at most 0.
            let (before, after) = (lead(i), lead(i + 1));
            let share = if before > after { before / (before - after) } else { 0.0 };
            let (low, high) = (f64::from(self.eps[i]), f64::from(self.eps[i + 1]));
            Flip { eps: (low + share * (high - low)) as f32, from, to }
        };
        (0..answers.len().saturating_sub(1)).filter(|&i| answers[i] != answers[i + 1]).map(flip).collect()
    }

    /// Returns the interval around the ε nearest to 0 in which the net says `label`; none where it does not say so.
    pub fn right_interval(&self, label: usize) -> Option<(f32, f32)> {
        let centre = (0..self.eps.len()).min_by(|&a, &b| self.eps[a].abs().total_cmp(&self.eps[b].abs()))?;
        if argmax(&self.logits[centre]) != label {
            return None;
        }
        let flips = self.flips();
        // A flip between two points lies above the one and not above the other.
        let below = flips.iter().rev().find(|flip| flip.to == label && flip.eps <= self.eps[centre]);
        let above = flips.iter().find(|flip| flip.from == label && flip.eps >= self.eps[centre]);
        let (first, last) = (self.eps[0], self.eps[self.eps.len() - 1]);
        Some((below.map_or(first, |flip| flip.eps), above.map_or(last, |flip| flip.eps)))
    }

    /// Returns the classes that reach the greatest probability anywhere, at most `count`, the greatest first.
    pub fn top_classes(&self, count: usize) -> Vec<usize> {
        let classes = self.probabilities.first().map_or(0, Vec::len);
        let peak = |class: usize| self.probabilities.iter().fold(0.0f32, |peak, p| peak.max(p[class]));
        let mut order: Vec<usize> = (0..classes).collect();
        order.sort_by(|&a, &b| peak(b).total_cmp(&peak(a)).then(a.cmp(&b)));
        order.truncate(count);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(logits: &[[f32; 3]]) -> EpsCurve {
        EpsCurve::new(eps_range(2.0, logits.len()), logits.iter().map(|row| row.to_vec()).collect())
    }

    #[test]
    fn the_range_is_symmetric_and_holds_zero() {
        assert_eq!(eps_range(2.0, 5), [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(eps_range(0.3, 41)[20], 0.0);
        assert!(eps_range(1.0, 0).is_empty());
        let ladder = eps_ladder(0.5, 41);
        assert!(ladder.is_sorted() && (ladder[0], ladder[20], ladder[40]) == (-0.5, 0.0, 0.5));
        assert!(ladder[21] < 1.0 / 255.0 / 16.0 && ladder[40] - ladder[39] < 0.08);
    }

    #[test]
    fn a_finer_line_goes_through_the_same_points() {
        let curve = curve(&[[1.0, 0.0, 0.5], [0.0, 3.0, 0.0], [2.0, 2.0, -1.0]]);
        let finer = curve.finer(4, 0.0);
        assert_eq!(finer.eps, [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!([&finer.logits[0], &finer.logits[4], &finer.logits[8]], [0, 1, 2].map(|i| &curve.logits[i]));
        assert_eq!(finer.logits[2], [0.5, 1.5, 0.25]);
        assert!(finer.probabilities.iter().all(|p| (p.iter().sum::<f32>() - 1.0).abs() < 1e-6));
        for (fine, coarse) in finer.flips().iter().zip(curve.flips()) {
            assert!((fine.eps - coarse.eps).abs() < 1e-6 && (fine.from, fine.to) == (coarse.from, coarse.to));
        }
        assert_eq!(finer.flips().len(), curve.flips().len());
        // As stairs: at each point the answer of the nearer one.
        let stairs = curve.finer(4, 2.0);
        assert_eq!(stairs.eps, finer.eps);
        for (at, nearest) in [0, 0, 1, 1, 1, 1, 2, 2, 2].into_iter().enumerate() {
            assert_eq!(stairs.logits[at], curve.logits[nearest], "{at}");
        }
    }

    #[test]
    fn points_may_come_in_any_order() {
        let line = |eps: &[f32]| EpsCurve::new(eps.to_vec(), eps.iter().map(|eps| vec![*eps, 1.0 - eps]).collect());
        let mut curve = line(&[0.0]);
        curve.append(line(&[-1.0, 1.0]));
        assert_eq!(curve.sorted(), line(&[-1.0, 0.0, 1.0]));
    }

    #[test]
    fn flips_lie_where_straight_logits_cross() {
        // z₀ = 1 − ε/2 against z₁ = ε: they meet at ε = 2/3. Below, z₂ = −1.5·ε − 1 meets z₀ at ε = −2.
        let line = |eps: f32| [1.0 - eps / 2.0, eps, -1.5 * eps - 1.25];
        let curve = curve(&[-2.0, -1.0, 0.0, 1.0, 2.0].map(line));
        assert_eq!(curve.answers(), [0, 0, 0, 1, 1]);
        let flips = curve.flips();
        assert!(flips.len() == 1 && (flips[0].from, flips[0].to) == (0, 1), "{flips:?}");
        assert!((flips[0].eps - 2.0 / 3.0).abs() < 1e-6);
        let (low, high) = curve.right_interval(0).unwrap();
        assert!(low == -2.0 && (high - 2.0 / 3.0).abs() < 1e-6);
        assert_eq!(curve.right_interval(1), None);
        // At ε = 2 z₁ has .87 of the probability, more than z₀ has anywhere.
        assert_eq!(curve.top_classes(2), [1, 0]);
    }

    #[test]
    fn the_interval_ends_at_the_nearest_flip_on_either_side() {
        let rows = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]];
        let curve = curve(&rows);
        assert_eq!(curve.flips().len(), 4);
        assert_eq!(curve.right_interval(0), Some((-0.5, 0.5)));
    }
}
