//! A plane through a picture is spanned by the direction of an attack and by a random direction at a right angle to it.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{AttackSettings, Attacked, Baseline, NoiseKind, Norm, normal};
use crate::{Error, Result};

/// These two directions are at a right angle, `⟨u, v⟩ = 0`, and both have the length 1 in the norm, so that one unit of
/// either of them is an ε of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    pub norm: Norm,
    /// This is u, the direction of the attack.
    pub along: Vec<f32>,
    /// This is v, the random direction.
    pub across: Vec<f32>,
}

impl Plane {
    /// Makes the plane of a way, of any length, and a direction that the seed alone decides: random signs in L∞,
    /// Gaussian values in L2 and L1. What of it lies along the way is taken away (Gram and Schmidt), which leaves signs
    /// of nearly equal size. Fails for a way that leads nowhere, and for less than two values.
    pub fn new(way: &[f32], norm: Norm, seed: u64) -> Result<Self> {
        let along = unit(way.iter().map(|w| f64::from(*w)).collect(), norm);
        let along = along.ok_or_else(|| {
            Error::Argument("the attack does not move the picture, so that there is no direction to look along".into())
        })?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let drawn = match norm {
            Norm::Linf => NoiseKind::Signs.draw(way.len(), &mut rng),
            Norm::L2 | Norm::L1 => normal(way.len(), &mut rng),
        };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let share = dot(&drawn, &along) / dot(&along, &along);
        let rest = drawn.iter().zip(&along).map(|(drawn, along)| f64::from(*drawn) - share * f64::from(*along));
        let across = unit(rest.collect(), norm);
        let across = across.ok_or_else(|| {
            Error::Argument("a plane needs two directions; expected a picture of more than one value".into())
        })?;
        Ok(Self { norm, along, across })
    }

    /// Returns the way of an attack: `±sign(∇ₓJ)` for the fast gradient sign method, or its relative in another norm,
    /// which does not depend on ε; of others the perturbation δ that they came to.
    pub fn way(attack: &AttackSettings, baseline: &Baseline, attacked: &Attacked) -> Vec<f32> {
        let AttackSettings::Fgsm(fgsm) = attack else { return attacked.perturbation.values.clone() };
        let direction = baseline.goal.direction();
        fgsm.norm.steepest(&baseline.gradient.values).iter().map(|d| direction * d).collect()
    }
}

/// Returns values of length 1 in the norm; `None` where all of them are 0, or one is no number.
fn unit(values: Vec<f64>, norm: Norm) -> Option<Vec<f32>> {
    // Scaled first, so that squares of tiny values do not underflow.
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let scaled = values.iter().map(|value| value / largest);
    let length = match norm {
        Norm::Linf => 1.0,
        Norm::L2 => scaled.clone().map(|value| value * value).sum::<f64>().sqrt(),
        Norm::L1 => scaled.clone().map(f64::abs).sum(),
    };
    let unit: Vec<f32> = scaled.map(|value| (value / length) as f32).collect();
    (largest > 0.0 && unit.iter().all(|value| value.is_finite())).then_some(unit)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn the_directions_are_at_a_right_angle_and_of_length_1() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for (norm, size) in Norm::ALL.into_iter().flat_map(|norm| [2, 3, 10, 500].map(|size| (norm, size))) {
            let way: Vec<f32> = (0..size).map(|_| rng.random_range(-1e-30..1e-30)).collect();
            let plane = Plane::new(&way, norm, size as u64).unwrap();
            let dot: f64 = plane.along.iter().zip(&plane.across).map(|(u, v)| f64::from(*u) * f64::from(*v)).sum();
            let lengths = Norm::L2.length(&plane.along) * Norm::L2.length(&plane.across);
            assert!(dot.abs() < 1e-6 * f64::from(lengths), "{norm:?} of {size}: {dot}");
            for direction in [&plane.along, &plane.across] {
                assert!((norm.length(direction) - 1.0).abs() < 1e-5, "{norm:?}: {}", norm.length(direction));
            }
            assert_eq!(Plane::new(&way, norm, size as u64).unwrap(), plane, "the seed decides");
        }
    }

    #[test]
    fn random_signs_stay_nearly_signs() {
        let way: Vec<f32> = (0..784).map(|i| if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
        let [one, other] = [0, 1].map(|seed| Plane::new(&way, Norm::Linf, seed).unwrap());
        assert_eq!(one.along, way, "signs are of length 1 as they are");
        assert!(one.across.iter().all(|v| (0.8..=1.0).contains(&v.abs())));
        let equal = one.across.iter().zip(&other.across).filter(|(a, b)| a.signum() == b.signum()).count();
        assert!((300..484).contains(&equal), "another seed gives other signs: {equal} of 784 are the same");
    }

    #[test]
    fn a_plane_needs_a_way_and_room_beside_it() {
        for (way, part) in [(vec![0.0; 5], "no direction"), (vec![f32::NAN, 1.0], "no direction"), (vec![1.0], "two")] {
            for norm in Norm::ALL {
                let error = Plane::new(&way, norm, 0).unwrap_err().to_string();
                assert!(error.contains(part), "{error}");
            }
        }
    }
}
