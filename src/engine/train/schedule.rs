//! The learning rate and the momentum change along a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// This gives the learning rate of every step, relative to the one that was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It falls from 1 to 0 along half a cosine (Loshchilov & Hutter, SGDR, 2017, equation 5, without restarts).
    #[default]
    Cosine,
    Constant,
    /// It climbs from 1/25 to 1 over the first fifth along half a cosine, then down to 0 along another, while the
    /// momentum goes the other way, from .05 above its value to .05 below it and back (Smith & Topin,
    /// Super-Convergence, 2018).
    OneCycle,
    /// It is divided by this factor at every step, and never falls below 1e-5.
    Decay(f64),
}

/// A one-cycle run climbs for this share of it, from this factor.
const CLIMB: f64 = 0.2;
const CYCLE_START: f64 = 1.0 / 25.0;
/// The momentum of a one-cycle run swings so far to either side, as in PyTorch's OneCycleLR.
const MOMENTUM_SWING: f32 = 0.05;
/// A decay never falls below this: 1e-6 of .1, as in the recipe.
const DECAY_FLOOR: f64 = 1e-5;

impl fmt::Display for Schedule {
    /// Writes the name alone, without the factor of a decay.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cosine => "cosine",
            Self::Constant => "constant",
            Self::OneCycle => "one-cycle",
            Self::Decay(_) => "decay",
        })
    }
}

impl Schedule {
    /// This is the factor of a decay in Goodfellow et al., Maxout Networks, 2013.
    pub const USUAL_DECAY: f64 = 1.000_004;

    /// Returns the factor at step `step` (from 0) of a run of `steps`.
    pub fn factor(self, step: usize, steps: usize) -> f32 {
        let done = step as f64 / steps.max(1) as f64;
        let half_cosine = |share: f64| 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos());
        let factor = match self {
            Self::Cosine => half_cosine(done),
            Self::Constant => 1.0,
            Self::OneCycle if done < CLIMB => CYCLE_START + (1.0 - CYCLE_START) * (1.0 - half_cosine(done / CLIMB)),
            Self::OneCycle => half_cosine((done - CLIMB) / (1.0 - CLIMB)),
            Self::Decay(factor) => factor.powf(-(step as f64)).max(DECAY_FLOOR),
        };
        factor as f32
    }

    /// Returns the momentum at step `step` (from 0) of a run of `steps`, whose value is `momentum`.
    pub fn momentum(self, momentum: f32, step: usize, steps: usize) -> f32 {
        if self != Self::OneCycle {
            return momentum;
        }
        let is_climbing = (step as f64) < CLIMB * steps.max(1) as f64;
        let start = if is_climbing { CYCLE_START as f32 } else { 0.0 };
        let height = (self.factor(step, steps) - start) / (1.0 - start);
        // Without momentum there is none to swing, and it stays below 1.
        let swing = MOMENTUM_SWING.min(momentum).min((1.0 - momentum) / 2.0);
        momentum + swing * (1.0 - 2.0 * height)
    }
}

/// The momentum μ goes from `start` in the first epoch in equal parts to `end` in epoch `epochs`, and stays there. The
/// recipe of Goodfellow et al. (2013) goes from .5 to .7 in 250 epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Momentum {
    pub start: f32,
    pub end: f32,
    pub epochs: usize,
}

impl Momentum {
    pub fn constant(momentum: f32) -> Self {
        Self { start: momentum, end: momentum, epochs: 1 }
    }

    /// Returns μ in epoch `epoch`, counted from 0.
    pub fn at(self, epoch: usize) -> f32 {
        if epoch + 1 >= self.epochs {
            return self.end;
        }
        self.start + (self.end - self.start) * (epoch as f32 / (self.epochs - 1) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_their_closed_forms() {
        assert_eq!([0, 50, 100].map(|step| Schedule::Cosine.factor(step, 100)), [1.0, 0.5, 0.0]);
        assert_eq!(Schedule::Constant.factor(99, 100), 1.0);
        let cycle = [0, 10, 20, 60, 100].map(|step| Schedule::OneCycle.factor(step, 100));
        assert!((cycle[0] - 0.04).abs() < 1e-6 && (cycle[1] - 0.52).abs() < 1e-6, "{cycle:?}");
        assert!(cycle[2] == 1.0 && (cycle[3] - 0.5).abs() < 1e-6 && cycle[4] < 1e-6, "{cycle:?}");
        let momenta = [0, 10, 20, 60, 100].map(|step| Schedule::OneCycle.momentum(0.9, step, 100));
        for (found, expected) in momenta.iter().zip([0.95, 0.9, 0.85, 0.9, 0.95]) {
            assert!((found - expected).abs() < 1e-6, "{momenta:?}");
        }
        assert_eq!(Schedule::OneCycle.momentum(0.0, 20, 100), 0.0);
        assert!(Schedule::OneCycle.momentum(0.99, 0, 100) < 1.0);
        assert_eq!(Schedule::Cosine.momentum(0.9, 20, 100), 0.9);
        // .1 / 1.000004^t with a floor of 1e-6: 250 epochs of 500 steps end at .0607.
        let decay = Schedule::Decay(1.000004);
        assert!((0.1 * decay.factor(125_000, 125_000) - 0.1 * (-0.5f32).exp()).abs() < 1e-5);
        assert!((decay.factor(10_000_000, 1) - 1e-5).abs() < 1e-11);
    }

    #[test]
    fn momentum_climbs_in_equal_parts() {
        let momentum = Momentum { start: 0.5, end: 0.7, epochs: 250 };
        assert_eq!([0, 249, 400].map(|epoch| momentum.at(epoch)), [0.5, 0.7, 0.7]);
        assert!((momentum.at(83) - (0.5 + 0.2 / 3.0)).abs() < 1e-6);
        assert_eq!(Momentum::constant(0.9).at(0), 0.9);
    }
}
