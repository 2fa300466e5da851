//! This is the nearest point of a hyperplane within bounds: Croce, Hein, *Minimally Distorted Adversarial Examples with a
//! Fast Adaptive Boundary Attack*, 2020 (arXiv 1907.02044), section 3.2.

use super::{Bounds, Norm};

/// Returns the shortest way in L∞ or L2 from `at` to the points with `⟨weights, δ⟩ = gap` that lie within the bounds; as
/// far that way as the bounds allow where there are none.
///
/// The way is `δᵢ = ±min(λ·rᵢ, roomᵢ)`, where rᵢ is 1 in L∞ and |wᵢ| in L2, for the λ with `Σ |wᵢ|·|δᵢ| = |gap|`. This sum
/// grows with λ ever more slowly, so Newton's steps from 0 come to that λ from below, after few of them.
pub(super) fn way_to(norm: Norm, at: &[f32], weights: &[f32], gap: f32, bounds: Option<Bounds>) -> Vec<f32> {
    let rooms: Vec<f32> = at.iter().zip(weights).map(|(&x, &w)| room(x, w * gap.signum(), bounds)).collect();
    let rate = |w: f32| if norm == Norm::Linf { 1.0 } else { w.abs() };
    let (mut lambda, goal) = (0.0f64, f64::from(gap.abs()));
    loop {
        let (mut sum, mut slope) = (0.0f64, 0.0f64);
        for (&w, &room) in weights.iter().zip(&rooms) {
            let (size, rate) = (f64::from(w.abs()), f64::from(rate(w)));
            if lambda * rate < f64::from(room) {
                sum += size * lambda * rate;
                slope += size * rate;
            } else {
                sum += size * f64::from(room);
            }
        }
        if slope == 0.0 || sum >= goal {
            if sum < goal {
                lambda = f64::INFINITY;
            }
            break;
        }
        let next = lambda + (goal - sum) / slope;
        if next <= lambda {
            break;
        }
        lambda = next;
    }
    let sign = gap.signum();
    let step = |(&w, &room): (&f32, &f32)| {
        if w == 0.0 { 0.0 } else { w.signum() * sign * ((lambda * f64::from(rate(w))) as f32).min(room) }
    };
    weights.iter().zip(&rooms).map(step).collect()
}

/// Returns how far a value may move in the direction of this sign.
fn room(x: f32, direction: f32, bounds: Option<Bounds>) -> f32 {
    match bounds {
        _ if direction == 0.0 => 0.0,
        None => f32::INFINITY,
        Some(Bounds { max, .. }) if direction > 0.0 => (max - x).max(0.0),
        Some(Bounds { min, .. }) => (x - min).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::PIXELS;

    fn close(found: &[f32], expected: &[f32]) {
        let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-6);
        assert!(!far && found.len() == expected.len(), "{found:?} {expected:?}");
    }

    #[test]
    fn without_bounds_the_way_is_that_of_the_dual_norm() {
        // In L∞ |gap|/‖w‖₁ for every value, in L2 gap·w/‖w‖₂².
        let (at, weights) = ([0.5; 3], [2.0, -1.0, 0.0]);
        close(&way_to(Norm::Linf, &at, &weights, 0.6, None), &[0.2, -0.2, 0.0]);
        close(&way_to(Norm::L2, &at, &weights, -0.5, None), &[-0.2, 0.1, 0.0]);
    }

    #[test]
    fn values_at_the_bounds_leave_the_rest_to_the_others() {
        // The first and the third value go as far as they can, and take .05 each of the gap. In L∞ the others go
        // .9/(2 + .25) each, in L2 .9/(4 + .0625) times their weights.
        let (at, weights) = ([0.95, 0.5, 0.1, 0.3], [1.0, 2.0, -0.5, 0.25]);
        close(&way_to(Norm::Linf, &at, &weights, 1.0, Some(PIXELS)), &[0.05, 0.4, -0.1, 0.4]);
        close(&way_to(Norm::L2, &at, &weights, 1.0, Some(PIXELS)), &[0.05, 0.443_076_9, -0.1, 0.055_384_615]);
    }

    #[test]
    fn a_hyperplane_out_of_reach_is_approached_as_far_as_the_bounds_allow() {
        let (at, weights) = ([0.5, 0.25], [1.0, -1.0]);
        for norm in [Norm::Linf, Norm::L2] {
            close(&way_to(norm, &at, &weights, 9.0, Some(PIXELS)), &[0.5, -0.25]);
            close(&way_to(norm, &at, &[0.0; 2], 1.0, Some(PIXELS)), &[0.0, 0.0]);
        }
    }
}
