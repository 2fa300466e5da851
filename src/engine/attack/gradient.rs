//! The gradient of the loss with respect to the pixels.

use candle_core::Tensor;

use crate::loss::Loss;
use crate::model::Model;
use crate::{Error, Result};

/// ∇ₓ of a loss for each picture of a batch.
pub struct InputGradient {
    /// The logits, (n, classes).
    pub logits: Tensor,
    /// The cross-entropy J(x, class) of each picture.
    pub cross_entropy: Vec<f32>,
    /// ∇ₓ of the loss that was asked for: (n, channels, height, width).
    pub gradient: Tensor,
    /// Pictures of whose class the net is so sure that its probability rounds to 1 in `f32`: the cross-entropy's
    /// gradient has lost its largest part there.
    pub saturated: Vec<bool>,
}

/// Makes one forward and one backward pass through the net in evaluation mode; the weights get no gradients. Each
/// picture's gradient is that of its own loss, whatever else is in the batch.
///
/// # Errors
/// When `pixels` does not have the net's input shape or `classes` not one valid class per picture.
pub fn input_gradient(model: &Model, pixels: &Tensor, classes: &[usize], loss: Loss) -> Result<InputGradient> {
    let n = pixels.dims().first().copied().unwrap_or(0);
    let count = model.classes.len();
    if classes.len() != n || classes.iter().any(|&class| class >= count) {
        return Err(Error::Argument(format!(
            "{n} pictures with the classes {classes:?}; expected one for each, below {count}"
        )));
    }
    let of_logits = |first: usize, logits: &[f32]| {
        let classes = &classes[first..first + logits.len() / count];
        // Only fails for classes that do not exist.
        loss.gradient(logits, classes, 1.0).unwrap_or_else(|_| vec![0.0; logits.len()])
    };
    let (logits, gradient) = model.gradient(pixels, of_logits)?;
    let cross_entropy = Loss::CrossEntropy.values(&logits.flatten_all()?.to_vec1()?, classes)?;
    // 1 − p < 2⁻²⁵ rounds to a probability of 1.
    let saturated = cross_entropy.iter().map(|&j| j < f32::EPSILON / 4.0).collect();
    Ok(InputGradient { logits, cross_entropy, gradient, saturated })
}

impl InputGradient {
    /// Returns the share of pixel values of each picture whose gradient is exactly zero. At 1 an attack has nothing
    /// to follow.
    pub fn zero_fractions(&self) -> Result<Vec<f32>> {
        let rows = self.gradient.flatten_from(1)?.to_vec2::<f32>()?;
        let share = |row: &Vec<f32>| row.iter().filter(|&&g| g == 0.0).count() as f32 / row.len() as f32;
        Ok(rows.iter().map(share).collect())
    }
}
