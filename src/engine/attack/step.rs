//! One step along a gradient.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::units::LEVELS;
use crate::{Error, Result};

/// The range that pixels must stay in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    pub min: f32,
    pub max: f32,
}

/// The range of pixels, [0, 1].
pub const PIXELS: Bounds = Bounds { min: 0.0, max: 1.0 };

impl Bounds {
    /// # Errors
    /// When `min` is above `max`, or one of them is not a number.
    pub fn new(min: f32, max: f32) -> Result<Self> {
        if min <= max {
            Ok(Self { min, max })
        } else {
            Err(Error::Argument(format!("the bounds are {min} to {max}; expected the lower one first")))
        }
    }

    pub(super) fn check(self, values: &[f32]) -> Result<()> {
        match values.iter().find(|v| !(self.min..=self.max).contains(v)) {
            None => Ok(()),
            Some(v) => {
                let Self { min, max } = self;
                Err(Error::Argument(format!("the picture holds the value {v}; expected all of it in {min} to {max}")))
            }
        }
    }
}

/// The norm in which a perturbation may have the length ε.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// `ε·sign(g)`: the fast gradient sign method (arXiv 1412.6572, section 3).
    Linf,
    /// `ε·g/‖g‖₂`.
    L2,
    /// ε at the pixels of largest |g|, shared equally among ties.
    L1,
}

impl Norm {
    /// Of all values together.
    pub fn length(self, values: &[f32]) -> f32 {
        let sizes = values.iter().map(|v| f64::from(v.abs()));
        match self {
            Self::Linf => sizes.fold(0.0, f64::max) as f32,
            Self::L2 => sizes.map(|v| v * v).sum::<f64>().sqrt() as f32,
            Self::L1 => sizes.sum::<f64>() as f32,
        }
    }

    /// As on the command line and in tables: `linf`, `l2`, `l1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linf => "linf",
            Self::L2 => "l2",
            Self::L1 => "l1",
        }
    }

    /// As in formulas: `max|δ|`, `‖δ‖₂`, `‖δ‖₁`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Linf => "max|δ|",
            Self::L2 => "‖δ‖₂",
            Self::L1 => "‖δ‖₁",
        }
    }

    /// Half of the way from black to white at every one of `values` pixel values: far more than any attack needs.
    pub fn largest_eps(self, values: usize) -> f32 {
        let values = values as f32;
        0.5 * match self {
            Self::Linf => 1.0,
            Self::L2 => values.sqrt(),
            Self::L1 => values,
        }
    }

    /// The η of length 1 with the largest `<g, η>`; zero where `g` is zero.
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

/// Rounds to the nearest grey level of 255, halves upwards, between black and white.
pub(super) fn to_8_bits(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = (*value * LEVELS).round().clamp(0.0, LEVELS) / LEVELS);
}

/// `clip(x + ε·sign(g))` on plain values, for the inner loops.
pub fn sign_step(x: &[f32], gradient: &[f32], eps: f32, bounds: Option<Bounds>) -> Vec<f32> {
    let moved = x.iter().zip(gradient).map(|(x, &g)| x + eps * sign(g));
    match bounds {
        Some(Bounds { min, max }) => moved.map(|x| x.clamp(min, max)).collect(),
        None => moved.collect(),
    }
}

/// Brings pixels back to within ε of `centre` in L∞ or L2, and then into the bounds. L1 has no such projection here; its
/// pixels only go back into the bounds.
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

/// Brings values back into the bounds, if there are some.
pub(super) fn clip(values: &mut [f32], bounds: Option<Bounds>) {
    if let Some(Bounds { min, max }) = bounds {
        values.iter_mut().for_each(|v| *v = v.clamp(min, max));
    }
}

/// −1, 0 or 1: a pixel without a gradient does not move, and `f32::signum(0)` is 1.
fn sign(g: f32) -> f32 {
    if g > 0.0 {
        1.0
    } else if g < 0.0 {
        -1.0
    } else {
        0.0
    }
}

/// `clip(x + direction · ε · η)` with η the steepest direction of length 1: the fast gradient sign method for
/// [`Norm::Linf`] (arXiv 1412.6572, section 3). ε is one for all pictures or one for each; `direction` is +1 to climb the
/// loss and −1 to descend it. With ε = 0 the result is x bit for bit.
///
/// # Errors
/// ε below 0 or not a number, a wrong number of them, `x` outside `bounds`, or shapes that differ.
pub fn fgsm(
    x: &Tensor,
    gradient: &Tensor,
    (norm, eps): (Norm, &[f32]),
    direction: f32,
    bounds: Option<Bounds>,
) -> Result<Tensor> {
    if let Some(bad) = eps.iter().find(|eps| !(eps.is_finite() && **eps >= 0.0)) {
        return Err(Error::Argument(format!(
            "ε is {bad}; expected a number of at least 0 in units of the pixel range"
        )));
    }
    let n = x.dims().first().copied().unwrap_or(0);
    if eps.len() != 1 && eps.len() != n {
        return Err(Error::Argument(format!("{} values of ε for {n} pictures; expected 1 or {n}", eps.len())));
    }
    step(x, gradient, bounds, |i, x, g| {
        let eps = eps[i % eps.len()];
        if eps > 0.0 {
            x.iter_mut().zip(norm.steepest(g)).for_each(|(x, eta)| *x += direction * eps * eta);
        }
    })
}

/// `clip(x + direction · η · ∇ₓJ)`: a plain step along the gradient, as in the deck's first slide.
///
/// # Errors
/// η below 0 or not a number, `x` outside `bounds`, or shapes that differ.
pub fn gradient_step(
    x: &Tensor,
    gradient: &Tensor,
    eta: f32,
    direction: f32,
    bounds: Option<Bounds>,
) -> Result<Tensor> {
    if !(eta.is_finite() && eta >= 0.0) {
        return Err(Error::Argument(format!("η is {eta}; expected a number of at least 0")));
    }
    step(x, gradient, bounds, |_, x, g| x.iter_mut().zip(g).for_each(|(x, g)| *x += direction * eta * g))
}

fn step(
    x: &Tensor,
    gradient: &Tensor,
    bounds: Option<Bounds>,
    mut move_picture: impl FnMut(usize, &mut [f32], &[f32]),
) -> Result<Tensor> {
    if x.dims() != gradient.dims() {
        let shapes = (x.shape(), gradient.shape());
        return Err(Error::Argument(format!(
            "a picture of {:?} and a gradient of {:?}; expected equal shapes",
            shapes.0, shapes.1
        )));
    }
    let mut values: Vec<f32> = x.flatten_all()?.to_vec1()?;
    let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
    if let Some(bounds) = bounds {
        bounds.check(&values)?;
    }
    let size = values.len() / x.dims()[0].max(1);
    for (i, (x, g)) in values.chunks_mut(size.max(1)).zip(gradient.chunks(size.max(1))).enumerate() {
        move_picture(i, x, g);
    }
    if let Some(Bounds { min, max }) = bounds {
        values.iter_mut().for_each(|v| *v = v.clamp(min, max));
    }
    Ok(Tensor::from_vec(values, x.shape(), x.device())?)
}
