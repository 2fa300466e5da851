//! Here are norms, bounds, and one step in the steepest direction.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub min: f32,
    pub max: f32,
}

pub const PIXELS: Bounds = Bounds { min: 0.0, max: 1.0 };

impl Bounds {
    /// Fails when `min` is above `max`, or one of them is not a number.
    pub fn new(min: f32, max: f32) -> Result<Self> {
        if min <= max {
            Ok(Self { min, max })
        } else {
            Err(Error::Argument(format!("the bounds are {min} to {max}; expected the lower one first")))
        }
    }

    pub(super) fn check(self, values: &[f32]) -> Result<()> {
        let Self { min, max } = self;
        if let Some(v) = values.iter().find(|v| !(min..=max).contains(*v)) {
            let why = format!("the picture holds the value {v}; expected all of it in {min} to {max}");
            return Err(Error::Argument(why));
        }
        Ok(())
    }
}

/// A perturbation may have the length ε in this norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// A step is `ε·sign(g)`: the fast gradient sign method (arXiv 1412.6572, section 3).
    Linf,
    /// A step is `ε·g/‖g‖₂`.
    L2,
    /// A step is ε at the pixels of largest |g|, shared equally among ties.
    L1,
}

impl Norm {
    pub const ALL: [Self; 3] = [Self::Linf, Self::L2, Self::L1];

    pub fn length(self, values: &[f32]) -> f32 {
        let sizes = values.iter().map(|v| f64::from(v.abs()));
        match self {
            Self::Linf => sizes.fold(0.0, f64::max) as f32,
            Self::L2 => sizes.map(|v| v * v).sum::<f64>().sqrt() as f32,
            Self::L1 => sizes.sum::<f64>() as f32,
        }
    }

    /// Returns the names on the command line and for people, and the symbol in formulas.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Linf => ["linf", "L∞", "max|δ|"],
            Self::L2 => ["l2", "L2", "‖δ‖₂"],
            Self::L1 => ["l1", "L1", "‖δ‖₁"],
        }
    }

    /// Returns the name on the command line and in tables, such as `linf`.
    pub fn name(self) -> &'static str {
        self.words()[0]
    }

    /// Returns the name for people, such as `L∞`.
    pub fn title(self) -> &'static str {
        self.words()[1]
    }

    /// Returns the symbol in formulas, such as `max|δ|`.
    pub fn symbol(self) -> &'static str {
        self.words()[2]
    }

    /// Returns the length of half of the way from black to white at all pixel values: far more than any attack needs.
    pub fn largest_eps(self, values: usize) -> f32 {
        let values = values as f32;
        0.5 * match self {
            Self::Linf => 1.0,
            Self::L2 => values.sqrt(),
            Self::L1 => values,
        }
    }

    /// Returns the η of length 1 with the largest `<g, η>` (arXiv 1412.6572, section 3, for L∞); zero where `g` is.
    pub fn steepest(self, gradient: &[f32]) -> Vec<f32> {
        match self {
            Self::Linf => gradient.iter().map(|&g| sign(g)).collect(),
            Self::L2 => {
                let largest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
                if largest == 0.0 {
                    return vec![0.0; gradient.len()];
                }
                // Scaled first, so that squares of tiny gradients do not underflow.
                let scaled = gradient.iter().map(|g| f64::from(g / largest));
                let length = scaled.clone().map(|g| g * g).sum::<f64>().sqrt();
                scaled.map(|g| (g / length) as f32).collect()
            }
            Self::L1 => {
                let largest = gradient.iter().fold(0.0f32, |m, g| m.max(g.abs()));
                let ties = gradient.iter().filter(|g| g.abs() == largest).count() as f32;
                gradient.iter().map(|&g| if g.abs() == largest { sign(g) / ties } else { 0.0 }).collect()
            }
        }
    }
}

/// Returns `clip(x + ε·sign(g))`, for the inner loops of training.
pub fn sign_step(x: &[f32], gradient: &[f32], eps: f32, bounds: Option<Bounds>) -> Vec<f32> {
    let mut moved: Vec<f32> = x.iter().zip(gradient).map(|(x, &g)| x + eps * sign(g)).collect();
    clip(&mut moved, bounds);
    moved
}

/// Brings pixels back to within ε of `centre` in L∞ or L2, and then into the bounds; L1 has no such projection here.
pub fn within(norm: Norm, pixels: &mut [f32], centre: &[f32], eps: f32, bounds: Option<Bounds>) {
    match norm {
        Norm::Linf => pixels.iter_mut().zip(centre).for_each(|(p, c)| *p = p.clamp(c - eps, c + eps)),
        Norm::L2 => {
            let moved: Vec<f32> = pixels.iter().zip(centre).map(|(p, c)| p - c).collect();
            let length = norm.length(&moved);
            if length > eps {
                let scale = eps / length;
                pixels.iter_mut().zip(centre).zip(moved).for_each(|((p, c), moved)| *p = c + scale * moved);
            }
        }
        Norm::L1 => {}
    }
    clip(pixels, bounds);
}

pub(super) fn clip(values: &mut [f32], bounds: Option<Bounds>) {
    if let Some(Bounds { min, max }) = bounds {
        values.iter_mut().for_each(|v| *v = v.clamp(min, max));
    }
}

/// Returns −1, 0 or 1: a pixel without a gradient does not move, and `f32::signum(0)` is 1.
fn sign(g: f32) -> f32 {
    f32::from(g > 0.0) - f32::from(g < 0.0)
}
