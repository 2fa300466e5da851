//! The gradient of the loss with respect to the pixels.

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::engine::model::Model;
use crate::engine::{Result, ops};

/// The function of the logits whose slope an attack follows. Both have the same sign of the gradient in exact
/// arithmetic: `J = softplus(L)`, so `∇J = σ(L)·∇L` with a positive factor. They differ by rounding where the net is very
/// sure of the class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// J in `f32`, as the paper, PyTorch and the attack libraries have it: counts agree with theirs.
    #[default]
    CrossEntropy,
    /// The log-odds against the class ([`ops::log_odds_against`]): the slope stays visible however sure the net is.
    LogOdds,
}

/// ∇ₓ of a loss for each picture of a batch.
pub struct InputGradient {
    /// (n, classes).
    pub logits: Tensor,
    /// J(x, class) of each picture: the cross-entropy.
    pub cross_entropy: Vec<f32>,
    /// ∇ₓ of the loss that was asked for: (n, channels, height, width).
    pub gradient: Tensor,
    /// Pictures of whose class the net is so sure that its probability rounds to 1 in `f32`: the cross-entropy's gradient
    /// has lost its largest part there.
    pub saturated: Vec<bool>,
}

/// One forward and one backward pass through the net in evaluation mode; the weights get no gradients. Each picture's
/// gradient is that of its own loss, whatever else is in the batch.
///
/// # Errors
/// When `pixels` does not have the net's input shape or `classes` not one valid class per picture.
pub fn input_gradient(model: &Model, pixels: &Tensor, classes: &[usize], loss: Loss) -> Result<InputGradient> {
    let x = Var::from_tensor(&pixels.detach())?;
    let logits = model.logits(&x)?;
    let objective = match loss {
        Loss::CrossEntropy => ops::cross_entropy(&logits, classes)?,
        Loss::LogOdds => ops::log_odds_against(&logits, classes)?,
    };
    // A net may ignore its input altogether; then there is nothing to follow.
    let gradient = match objective.sum_all()?.backward()?.remove(&x) {
        Some(gradient) => gradient,
        None => x.zeros_like()?,
    };
    let logits = logits.detach();
    let cross_entropy: Vec<f32> = ops::cross_entropy(&logits, classes)?.to_vec1()?;
    // 1 − p < 2⁻²⁵ rounds to a probability of 1.
    let saturated = cross_entropy.iter().map(|&j| j < f32::EPSILON / 4.0).collect();
    Ok(InputGradient { logits, cross_entropy, gradient, saturated })
}

impl InputGradient {
    /// The share of pixel values of each picture whose gradient is exactly zero. At 1 an attack has nothing to follow.
    pub fn zero_fractions(&self) -> Result<Vec<f32>> {
        let rows = self.gradient.flatten_from(1)?.to_vec2::<f32>()?;
        let share = |row: &Vec<f32>| row.iter().filter(|&&g| g == 0.0).count() as f32 / row.len() as f32;
        Ok(rows.iter().map(share).collect())
    }
}
