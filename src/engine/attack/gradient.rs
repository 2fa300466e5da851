//! This computes the gradient of the loss with respect to the pixels.

use candle_core::Tensor;

use crate::loss::Loss;
use crate::model::Model;
use crate::{Error, Result};

/// This is ∇ₓ of a loss for each picture of a batch.
pub struct InputGradient {
    pub logits: Tensor,
    pub cross_entropy: Vec<f32>,
    /// The gradient ∇ₓ of the loss that was asked for, of shape (n, channels, height, width).
    pub gradient: Tensor,
    /// The net is so sure of the class that its probability rounds to 1 in `f32`, and most of the gradient is lost.
    pub saturated: Vec<bool>,
}

/// Makes one forward and one backward pass; each picture's gradient is that of its own loss, whatever the batch.
pub fn input_gradient(model: &Model, pixels: &Tensor, classes: &[usize], loss: Loss) -> Result<InputGradient> {
    let (n, count) = (pixels.dims().first().copied().unwrap_or(0), model.classes.len());
    if classes.len() != n || classes.iter().any(|&class| class >= count) {
        return Err(Error::Argument(format!(
            "{n} pictures with the classes {classes:?}; expected one for each, below {count}"
        )));
    }
    let of_logits = |first: usize, _: usize, logits: &[f32]| {
        let classes = &classes[first..first + logits.len() / count];
        // Only fails for classes that do not exist.
        loss.gradient(logits, classes, 1.0).unwrap_or_else(|_| vec![0.0; logits.len()])
    };
    let (logits, gradients) = model.gradients(pixels, 1, of_logits)?;
    let cross_entropy = Loss::CrossEntropy.values(&logits.flatten_all()?.to_vec1()?, classes)?;
    // 1 − p < 2⁻²⁵ rounds to a probability of 1.
    let saturated = cross_entropy.iter().map(|&j| j < f32::EPSILON / 4.0).collect();
    Ok(InputGradient { logits, cross_entropy, gradient: gradients.squeeze(1)?, saturated })
}

impl InputGradient {
    /// Returns the share of pixel values of each picture whose gradient is exactly zero.
    pub fn zero_fractions(&self) -> Result<Vec<f32>> {
        let rows = self.gradient.flatten_from(1)?.to_vec2::<f32>()?;
        let share = |row: &Vec<f32>| row.iter().filter(|&&g| g == 0.0).count() as f32 / row.len() as f32;
        Ok(rows.iter().map(share).collect())
    }
}
