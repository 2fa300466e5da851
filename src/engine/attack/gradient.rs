//! The gradient of the loss with respect to the pixels.

use candle_core::{Tensor, Var};

use crate::engine::model::Model;
use crate::engine::{Result, ops};

/// ∇ₓJ of a batch, kept as ∇ₓL and a factor for each picture.
///
/// L is the log-odds against the class ([`ops::log_odds_against`]); `J = softplus(L)` and `∇J = σ(L)·∇L`. The factor is
/// positive, so that signs and directions are those of ∇J, and they stay usable where the net is so sure that ∇J itself
/// would vanish in `f32`.
pub struct InputGradient {
    /// (n, classes).
    pub logits: Tensor,
    /// J(x, class) of each picture: the cross-entropy.
    pub loss: Vec<f32>,
    /// ∇ₓL: (n, channels, height, width).
    log_odds: Tensor,
    /// σ(L) of each picture, in (0, 1].
    factor: Vec<f32>,
}

/// One forward and one backward pass through the net in evaluation mode; the weights get no gradients. Each picture's
/// gradient is that of its own loss, whatever else is in the batch.
///
/// # Errors
/// When `pixels` does not have the net's input shape or `classes` not one valid class per picture.
pub fn input_gradient(model: &Model, pixels: &Tensor, classes: &[usize]) -> Result<InputGradient> {
    let x = Var::from_tensor(&pixels.detach())?;
    let logits = model.logits(&x)?;
    let log_odds = ops::log_odds_against(&logits, classes)?;
    let mut gradients = log_odds.sum_all()?.backward()?;
    // A net may ignore its input altogether; then there is nothing to follow.
    let gradient = match gradients.remove(&x) {
        Some(gradient) => gradient,
        None => x.zeros_like()?,
    };
    let log_odds: Vec<f32> = log_odds.to_vec1()?;
    let softplus = |l: f64| l.max(0.0) + (-l.abs()).exp().ln_1p();
    Ok(InputGradient {
        logits: logits.detach(),
        loss: log_odds.iter().map(|&l| softplus(f64::from(l)) as f32).collect(),
        log_odds: gradient,
        factor: log_odds.iter().map(|&l| (1.0 / (1.0 + (-f64::from(l)).exp())) as f32).collect(),
    })
}

impl InputGradient {
    /// A tensor that points where ∇ₓJ points, each picture scaled by a positive factor of its own.
    pub fn direction(&self) -> &Tensor {
        &self.log_odds
    }

    /// ∇ₓJ itself; it may underflow where the net is very sure.
    pub fn of_loss(&self) -> Result<Tensor> {
        let factor = Tensor::from_slice(&self.factor, (self.factor.len(), 1, 1, 1), self.log_odds.device())?;
        Ok(self.log_odds.broadcast_mul(&factor)?)
    }

    /// The share of pixel values of each picture whose gradient is exactly zero. At 1 an attack has nothing to follow.
    pub fn zero_fractions(&self) -> Result<Vec<f32>> {
        let rows = self.log_odds.flatten_from(1)?.to_vec2::<f32>()?;
        let share = |row: &Vec<f32>| row.iter().filter(|&&g| g == 0.0).count() as f32 / row.len() as f32;
        Ok(rows.iter().map(share).collect())
    }
}
