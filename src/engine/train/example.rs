//! A run shows one picture as its net sees it, untouched and attacked.

use super::config::Config;
use super::trainer::{Purpose, Trainer, stream};
use crate::Result;
use crate::loss::softmax;
use crate::model::argmax;

/// This is a picture of a run's data, and what the run's adversary makes of it against the net as it is.
#[derive(Clone, Debug)]
pub struct Example {
    /// The class that the data has for it.
    pub label: usize,
    pub clean: SeenPicture,
    pub adversarial: SeenPicture,
}

/// This is a picture in a net's size, and the net's answer on it.
#[derive(Clone, Debug)]
pub struct SeenPicture {
    /// (channels, height, width), in [0, 1].
    pub pixels: Vec<f32>,
    pub answer: usize,
    /// The probability of that answer.
    pub probability: f32,
}

impl Trainer {
    /// Returns a picture of the run's data, and what the adversary of `settings` makes of it with their ε and clipping
    /// against the present net, in evaluation mode. The same picture, net and settings give the same example.
    ///
    /// # Errors
    /// There is no such picture, or it cannot be read.
    pub fn example(&mut self, picture: usize, settings: &Config) -> Result<Example> {
        let (x, labels) = self.data.batch_values(&[picture], &self.manifest.input)?;
        let mut noise = stream(settings.seed, self.position, Purpose::Probe);
        self.learner.with_average(|learner| {
            let attacked = learner.perturb(&x, &labels, settings.objective(), &mut noise)?;
            let mut see = |pixels: Vec<f32>| -> Result<SeenPicture> {
                let logits = learner.logits(&pixels)?;
                let answer = argmax(&logits);
                Ok(SeenPicture { pixels, answer, probability: softmax(&logits)[answer] })
            };
            Ok(Example { label: labels[0], clean: see(x)?, adversarial: see(attacked)? })
        })
    }
}
