//! An attack is compared with perturbations of the same length that do not follow the picture's own gradient.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{NoiseKind, Norm};

/// This is a perturbation of length ε in L∞ that a person might take for as good as `ε·sign(∇ₓJ)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Each value is ±ε by chance: arXiv 1412.6572, section 6.
    Signs,
    /// Each value is drawn from U(−ε, ε): the same section.
    Uniform,
    OtherPicture,
    /// This is `−ε·sign(∇ₓJ)`: as far, the other way.
    Opposite,
}

impl Control {
    pub const ALL: [Self; 4] = [Self::Signs, Self::Uniform, Self::OtherPicture, Self::Opposite];

    /// Returns the direction for ε = 1, given the gradients of the picture and of another one of the same size.
    pub fn direction(self, gradient: &[f32], other: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
        match self {
            Self::Signs => NoiseKind::Signs.draw(gradient.len(), rng),
            Self::Uniform => NoiseKind::Uniform.draw(gradient.len(), rng),
            Self::OtherPicture => Norm::Linf.steepest(other),
            Self::Opposite => Norm::Linf.steepest(gradient).iter().map(|s| -s).collect(),
        }
    }
}

/// Returns `<δ, ∇J> / (ε·‖∇J‖₁)`, how well a perturbation follows a gradient: 1 for the fast gradient sign method,
/// about 0 for noise, −1 for the opposite, and 0 where there is no gradient.
pub fn alignment(perturbation: &[f32], gradient: &[f32], eps: f32) -> f32 {
    // Scaled first, so that products of tiny gradients do not underflow.
    let largest = Norm::Linf.length(gradient);
    let possible = f64::from(eps) * gradient.iter().map(|g| f64::from((g / largest).abs())).sum::<f64>();
    let dot: f64 = perturbation.iter().zip(gradient).map(|(d, g)| f64::from(*d) * f64::from(g / largest)).sum();
    let share = (dot / possible) as f32;
    if share.is_finite() { share } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn the_meter_tells_the_attack_from_the_controls() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let gradient: Vec<f32> = (0..10_000).map(|_| rng.random_range(-1e-30..1e-30)).collect();
        let other: Vec<f32> = (0..10_000).map(|_| rng.random_range(-1.0..1.0)).collect();
        let meter = |direction: &[f32], eps: f32| {
            let perturbation: Vec<f32> = direction.iter().map(|d| eps * d).collect();
            alignment(&perturbation, &gradient, eps)
        };
        for eps in [0.001, 0.3] {
            assert!((meter(&Norm::Linf.steepest(&gradient), eps) - 1.0).abs() < 1e-5);
            let mut of = |control: Control| meter(&control.direction(&gradient, &other, &mut rng), eps);
            assert!((of(Control::Opposite) + 1.0).abs() < 1e-5);
            // The standard deviation of the meter for random signs is about 1.15/√n.
            for control in [Control::Signs, Control::Uniform, Control::OtherPicture] {
                assert!(of(control).abs() < 0.06, "{control:?}");
            }
        }
        assert_eq!(alignment(&[0.1, 0.1], &[0.0, 0.0], 0.1), 0.0);
        assert_eq!(alignment(&[0.0], &[1.0], 0.0), 0.0);
        // By hand: (.1·3 − .1·(−1)·…) = (.3 − .1) / (.1·4) = .5.
        assert!((alignment(&[0.1, 0.1], &[3.0, -1.0], 0.1) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn controls_stay_within_eps() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for control in Control::ALL {
            let direction = control.direction(&[0.5, -2.0, 0.0], &[1.0, 1.0, -1.0], &mut rng);
            assert!(direction.len() == 3 && direction.iter().all(|d| d.abs() <= 1.0));
        }
        assert_eq!(Control::Opposite.direction(&[0.5, -2.0, 0.0], &[], &mut rng), [-1.0, 1.0, -0.0]);
        assert_eq!(Control::OtherPicture.direction(&[0.5], &[-3.0], &mut rng), [-1.0]);
    }
}
