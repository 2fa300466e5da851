//! The weights of a net in training are averaged over its steps, which makes a net that generalises better.

use rayon::prelude::*;

use crate::model::Parameters;

/// This is an exponential moving average of parameters and running statistics: Polyak and Juditsky 1992, in the form
/// that Gowal et al., Uncovering the Limits of Adversarial Training, 2020 (arXiv 2010.03593), section 4.2.3, train
/// robust nets with.
pub(super) struct Average {
    decay: f32,
    pub parameters: Parameters,
}

const CHUNK: usize = 1 << 14;

impl Average {
    pub fn new(decay: f32, parameters: Parameters) -> Self {
        Self { decay, parameters }
    }

    /// Takes in the parameters after this step, counted from 1. Early steps weigh more, since the first weights are
    /// nothing to keep: the decay is `min(decay, (1 + steps) / (10 + steps))`.
    pub fn add(&mut self, parameters: &Parameters, steps: u64) {
        let decay = self.decay.min((1 + steps) as f32 / (10 + steps) as f32);
        let pairs = self.parameters.values.par_chunks_mut(CHUNK).zip(parameters.values.par_chunks(CHUNK));
        pairs.for_each(|(average, now)| {
            average.iter_mut().zip(now).for_each(|(average, now)| *average += (1.0 - decay) * (now - *average));
        });
    }
}
