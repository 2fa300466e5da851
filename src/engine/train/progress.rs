//! A run tells how far it is, and how long the rest of it takes.

use std::time::Duration;

use serde::Serialize;

use super::history::Stage;
use super::trainer::{Position, Trainer};

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    pub stage: Stage,
    /// The epoch is counted from 0.
    pub epoch: usize,
    pub epochs: usize,
    pub step: usize,
    pub steps: usize,
    /// The mean objective of this epoch so far.
    pub loss: Option<f32>,
    /// The number of batches done and of all, while the net is validated.
    pub validation: Option<(usize, usize)>,
    /// So many training pictures are taken per second in this epoch.
    pub images_per_second: Option<f32>,
    /// The estimated time to the end of the epoch.
    pub epoch_left: Option<Duration>,
    /// The estimated time to the end of the run, without early stopping and retraining.
    pub run_left: Option<Duration>,
}

impl Trainer {
    /// Returns how far the run is, with estimates from the steps and epochs behind it.
    pub fn progress(&self) -> Progress {
        let Position { stage, epoch, step, sum, seconds, .. } = self.position;
        let (steps, epochs) = (self.steps(), self.epochs());
        let is_validating = step == steps && !self.is_finished();
        let batches =
            || self.validation.as_ref().map_or((0, 1), |validation| (validation.done, validation.batches.len()));
        let behind = self.history.last().filter(|record| record.stage == stage).map(|record| record.seconds);
        let a_step = (step > 0 && !is_validating).then(|| seconds / step as f32);
        let an_epoch = behind.or(a_step.map(|step| step * steps as f32));
        let left = |seconds: f32| Duration::try_from_secs_f32(seconds.max(0.0)).ok();
        let done = epoch as f32 + step as f32 / steps as f32;
        Progress {
            stage,
            epoch,
            epochs,
            step,
            steps,
            loss: (step > 0).then(|| (sum / step as f64) as f32),
            validation: is_validating.then(batches),
            images_per_second: a_step.map(|step| self.config.batch as f32 / step),
            epoch_left: an_epoch.and_then(|an_epoch| left(an_epoch - seconds)),
            run_left: an_epoch.and_then(|an_epoch| left(an_epoch * (epochs as f32 - done))),
        }
    }
}
