//! The window knows this of a training run.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::data::tells_of_damaged;
use crate::engine::picture::Rgba;
use crate::engine::train::{Config, EpochRecord, Measured, Progress};
use crate::worker::{RunInfo, RunState};

pub struct TrainingRun {
    pub info: RunInfo,
    /// The run has this name on screen.
    pub title: String,
    pub is_ticked: bool,
    pub progress: Option<Progress>,
    /// This is the share of the data that is prepared, and the time that the rest takes.
    pub preparing: Option<(f32, Duration)>,
    pub sheet: Option<Arc<Rgba>>,
    pub is_sheet_wanted: bool,
    /// These ε and α hold from the next epoch on.
    pub wish: Option<(f32, f32)>,
    /// Explore knows the nets before, now and at their best by these names.
    pub nets: Option<[String; 3]>,
    /// The person was told that the net has not begun to learn.
    pub is_idleness_told: bool,
}

impl TrainingRun {
    pub fn new(info: RunInfo) -> Self {
        Self {
            title: info.run.to_string(),
            info,
            is_ticked: false,
            progress: None,
            preparing: None,
            sheet: None,
            is_sheet_wanted: false,
            wish: None,
            nets: None,
            is_idleness_told: false,
        }
    }

    pub fn is_in_hand(&self) -> bool {
        matches!(self.info.state, RunState::Preparing | RunState::Running | RunState::Paused(_))
    }

    /// Returns the message about damaged pictures that the run could not go on for.
    pub fn damage(&self) -> Option<&str> {
        match &self.info.state {
            RunState::Paused(Some(why)) | RunState::Failed(why) if tells_of_damaged(why) => Some(why),
            _ => None,
        }
    }

    pub fn is_resumable(&self) -> bool {
        match self.info.state {
            RunState::Stopped => true,
            // It may have been broken off; a run without a checkpoint has no history either.
            RunState::Failed(_) => !self.info.history.is_empty(),
            _ => false,
        }
    }

    pub fn has_net(&self) -> bool {
        match self.info.state {
            RunState::Queued | RunState::Preparing | RunState::Failed(_) => !self.info.history.is_empty(),
            // A run that never began has no parameters.
            RunState::Stopped => self.info.parameters > 0,
            _ => true,
        }
    }

    /// Tells whether the weights of the first layer must be asked for.
    pub fn lacks_sheet(&self) -> bool {
        let is_on_disk = !self.is_in_hand() && self.has_net() && self.info.state != RunState::Queued;
        is_on_disk && self.sheet.is_none() && !self.is_sheet_wanted
    }

    /// Returns ε and α as they were asked for last, even if they only hold from the next epoch on.
    pub fn tuning(&self) -> (f32, f32) {
        self.wish.unwrap_or((self.info.config.eps, self.info.config.alpha))
    }

    /// Returns the epoch whose weights are kept: what the stopping rule chose, or the last one that was validated.
    pub fn kept(&self) -> Option<&EpochRecord> {
        self.info.config.stopping.kept(&self.info.history)
    }

    /// Returns the errors of the kept epoch on untouched pictures, under FGSM and under PGD, where they were measured.
    pub fn errors(&self) -> [Option<Measured>; 3] {
        let kept = self.kept().copied().unwrap_or_default();
        [kept.clean, kept.adversarial, kept.pgd].map(|measured| measured.filter(|measured| measured.n > 0))
    }

    /// Returns the settings that the run was begun with, as far as its history tells.
    pub fn begun(&self) -> Config {
        self.info.config.begun(&self.info.history)
    }

    pub fn share_done(&self) -> f32 {
        match (&self.info.state, self.progress) {
            (RunState::Finished, _) => 1.0,
            (_, Some(p)) => (p.epoch as f32 + p.step as f32 / p.steps.max(1) as f32) / p.epochs.max(1) as f32,
            _ => self.info.history.len() as f32 / self.info.config.epochs.max(1) as f32,
        }
        .clamp(0.0, 1.0)
    }
}
