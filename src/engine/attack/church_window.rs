//! A church window is a map of what a net says on a plane through a picture, along the direction of an attack and along
//! a random one: Warde-Farley and Goodfellow, *Adversarial Perturbations of Deep Neural Networks*, in *Perturbations,
//! Optimization, and Statistics*, 2016, chapter 11.

use std::sync::Arc;

use super::step::clip;
use super::{AttackInput, ClassMap, MapCell, Plane, Rules};
use crate::loss::softmax;
use crate::model::{Model, argmax};
use crate::picture::to_8_bits;
use crate::{Error, Result};

/// A map has so many points on each side, and gets finer in this order. All points of a coarser map are points of a
/// finer one. The numbers are odd, so that the untouched picture is a point, in the middle.
pub const MAP_SIDES: [usize; 5] = [9, 17, 33, 65, 129];

const FINEST: usize = MAP_SIDES[MAP_SIDES.len() - 1];

/// This is a church window that is being computed, from coarse to fine, as many points at a time as one likes. What it
/// comes to does not depend on that.
///
/// The point (a, b) is the net's answer to `x + a·u + b·v`, clipped and rounded as the rules say, where x is the
/// untouched picture and a and b go from −reach to +reach, in units of the pixel range [0, 1] in the norm of the plane.
pub struct ChurchWindow {
    plane: Arc<Plane>,
    reach: f32,
    rules: Rules,
    /// The answers known so far, by rows of the finest map from b = +reach down.
    found: Vec<Option<MapCell>>,
    /// The number of maps that are whole.
    whole: usize,
    /// The points that are left of the next map, the last one first.
    left: Vec<usize>,
}

impl ChurchWindow {
    /// Begins a window. Fails for a reach that is not above 0.
    pub fn new(plane: Arc<Plane>, reach: f32, rules: Rules) -> Result<Self> {
        if !(reach.is_finite() && reach > 0.0) {
            let message =
                format!("the plane reaches to {reach}; expected a number above 0 in units of the pixel range");
            return Err(Error::Argument(message));
        }
        let mut window = Self { plane, reach, rules, found: vec![None; FINEST * FINEST], whole: 0, left: Vec::new() };
        window.left = window.next_points();
        Ok(window)
    }

    /// Returns the points of the next map that are not known yet, the last one first.
    fn next_points(&self) -> Vec<usize> {
        let Some(side) = MAP_SIDES.get(self.whole) else { return Vec::new() };
        let apart = (FINEST - 1) / (side - 1);
        let places = || (0..*side).rev().map(move |place| place * apart);
        let points = places().flat_map(|row| places().map(move |column| row * FINEST + column));
        points.filter(|point| self.found[*point].is_none()).collect()
    }

    /// Returns how many points are left of the next map; 0 when the finest is whole.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// Returns how many points are known.
    pub fn known(&self) -> usize {
        self.found.iter().flatten().count()
    }

    /// Asks the net about at most `count` more points in one forward pass; returns whether a map became whole by them.
    /// Fails for a plane of another size than the picture, and for answers that are not numbers.
    pub fn advance(&mut self, model: &Model, input: &AttackInput, count: usize) -> Result<bool> {
        let x = &input.pixels.values;
        if self.plane.along.len() != x.len() {
            let (found, expected) = (self.plane.along.len(), x.len());
            return Err(Error::Argument(format!("a plane of {found} values for a picture of {expected}")));
        }
        let points = self.left.split_off(self.left.len().saturating_sub(count.max(1)));
        if points.is_empty() {
            return Ok(false);
        }
        let moved = |&point: &usize| {
            let (across, along) = (-coordinate(point / FINEST, self.reach), coordinate(point % FINEST, self.reach));
            let ways = self.plane.along.iter().zip(&self.plane.across);
            let mut moved: Vec<f32> = x.iter().zip(ways).map(|(x, (u, v))| x + along * u + across * v).collect();
            clip(&mut moved, self.rules.bounds);
            if self.rules.eight_bit {
                to_8_bits(&mut moved);
            }
            moved
        };
        let answers = input.logits(model, points.iter().map(moved))?;
        for (point, logits) in points.iter().zip(answers) {
            let class = argmax(&logits);
            let probability = softmax(&logits)[class];
            if !probability.is_finite() {
                return Err(Error::Argument(
                    "the net answers with values that are not numbers; its weights are unusable on this plane".into(),
                ));
            }
            self.found[*point] = Some(MapCell { class, probability });
        }
        if !self.left.is_empty() {
            return Ok(false);
        }
        self.whole += 1;
        self.left = self.next_points();
        Ok(true)
    }

    /// Returns the finest map that is whole; `None` before there is one.
    pub fn map(&self) -> Option<ClassMap> {
        let side = MAP_SIDES[self.whole.checked_sub(1)?];
        let apart = (FINEST - 1) / (side - 1);
        let points = (0..side).flat_map(|row| (0..side).map(move |column| (row * FINEST + column) * apart));
        let cells: Option<Vec<MapCell>> = points.map(|point| self.found[point]).collect();
        Some(ClassMap { side, reach: self.reach, cells: cells? })
    }
}

/// Returns how far a column of the finest map lies along the plane, from −reach to +reach.
fn coordinate(place: usize, reach: f32) -> f32 {
    let last = (FINEST - 1) as f32;
    reach * (2.0 * place as f32 - last) / last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sides_halve_each_other_around_a_middle() {
        for pair in MAP_SIDES.windows(2) {
            assert_eq!(pair[1] - 1, 2 * (pair[0] - 1));
        }
        assert_eq!([0, 64, 128].map(|place| coordinate(place, 0.3)), [-0.3, 0.0, 0.3]);
        assert_eq!(coordinate(96, 0.5), 0.25);
    }

    #[test]
    fn a_plane_without_extent_is_refused() {
        let plane = Arc::new(Plane::new(&[1.0, -1.0], super::super::Norm::Linf, 0).unwrap());
        for reach in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(ChurchWindow::new(plane.clone(), reach, Rules::default()).is_err(), "{reach}");
        }
    }
}
