use crate::engine::train::{Config, EpochRecord, Rule, Stage};

/// A plot run is a training run as the plots see it.
#[derive(Clone, Copy, Debug)]
pub struct PlotRun<'a> {
    pub name: &'a str,
    pub history: &'a [EpochRecord],
    pub config: &'a Config,
    /// The selected run has bands, markers and the alarm.
    pub is_primary: bool,
}

impl PlotRun<'_> {
    /// Returns the epoch whose weights the run keeps: the one that its stopping rule finds best, or its last.
    pub fn kept(&self) -> Option<&EpochRecord> {
        let selection = self.history.iter().take_while(|record| record.stage == Stage::Selection);
        match self.config.stopping.rule {
            Rule::Off => selection.last(),
            rule => self.history.get(rule.best(self.history)?),
        }
    }
}
