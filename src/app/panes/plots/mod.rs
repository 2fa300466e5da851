//! The plots of the Train tab: errors, loss and confidence as a run goes, a sweep as a grid of small plots, and what
//! clean error each run pays for its adversarial error.

use eframe::egui::{Rect, Ui};

use crate::engine::train::{Config, EpochRecord};

/// A run as the plots see it.
#[derive(Clone, Copy, Debug)]
pub struct PlotRun<'a> {
    /// How legends and tooltips call it.
    pub name: &'a str,
    /// All its epochs so far, in order.
    pub history: &'a [EpochRecord],
    pub config: &'a Config,
    /// The selected run: it gets bands, markers and the alarm; the others are laid over it as lines.
    pub is_primary: bool,
}

/// The plots of errors, loss and confidence, and what a person has chosen about them.
#[derive(Debug, Default)]
pub struct Plots {}

impl Plots {
    /// Draws the plots of `runs` into the room that `ui` has. Returns the area that they cover, for a picture of them;
    /// `None` while there is nothing to see.
    pub fn show(&mut self, ui: &mut Ui, runs: &[PlotRun<'_>]) -> Option<Rect> {
        let _ = runs;
        Some(ui.max_rect())
    }
}

/// A small error plot for each ε and α of a sweep, ε along x and α along y, all with the same axes. Returns the index
/// in `runs` of the one that was clicked.
pub fn sweep_grid(ui: &mut Ui, runs: &[PlotRun<'_>]) -> Option<usize> {
    let _ = (ui, runs);
    None
}

/// Clean against adversarial validation error of the epoch that each run keeps, with 95 % intervals. Returns the index
/// in `runs` of the one that was clicked.
pub fn trade_off(ui: &mut Ui, runs: &[PlotRun<'_>]) -> Option<usize> {
    let _ = (ui, runs);
    None
}
