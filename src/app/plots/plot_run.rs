//! A training run as the plots see it.

use crate::engine::train::{Config, EpochRecord, Rule, Stage};

/// A run that is to be plotted.
#[derive(Clone, Copy, Debug)]
pub struct PlotRun<'a> {
    /// The name in legends and tooltips.
    pub name: &'a str,
    /// All its epochs so far, in order.
    pub history: &'a [EpochRecord],
    pub config: &'a Config,
    /// Whether it is the selected run: that one gets bands, markers and the alarm; the others are laid over it as lines.
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
