//! A scene is what all panels of a frame have in common.

use egui::Color32;
use serde::{Deserialize, Serialize};

use crate::app::plots::quantity::{Panel, Quantity};
use crate::app::theme::Palette;
use crate::engine::train::{Config, EpochRecord, Robustness};
use crate::figure::axes::Interval;
use crate::figure::{FigureRun, SweepMeasure};

/// A look is what a person has chosen about the plots; it is kept between starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlotLook {
    /// The weight of the past lies in [0, 1); 0 shows what was measured.
    pub smoothing: f32,
    pub is_log: bool,
    pub has_bands: bool,
    pub has_paper: bool,
    pub panels: [bool; 3],
    pub hidden: [bool; 4],
    /// This panel is shown where there is room for one only.
    pub only: Panel,
    /// The runs of a sweep are judged by this.
    pub measure: SweepMeasure,
}

impl Default for PlotLook {
    fn default() -> Self {
        Self {
            smoothing: 0.0,
            is_log: false,
            has_bands: true,
            has_paper: false,
            panels: [true; 3],
            hidden: [false; 4],
            only: Panel::Error,
            measure: SweepMeasure::default(),
        }
    }
}

pub const SMOOTHEST: f32 = 0.95;

impl PlotLook {
    /// Replaces values that a person could have edited into nonsense by the defaults.
    pub fn sane(self) -> Self {
        let is_sane = (0.0..=SMOOTHEST).contains(&self.smoothing);
        let is_length = self.measure.eps.is_finite() && self.measure.eps > 0.0;
        Self {
            smoothing: if is_sane { self.smoothing } else { 0.0 },
            measure: if is_length { self.measure } else { SweepMeasure::default() },
            ..self
        }
    }

    pub fn wanted(&self) -> Vec<Panel> {
        Panel::ALL.into_iter().zip(self.panels).filter(|(_, wanted)| *wanted).map(|(panel, _)| panel).collect()
    }

    pub fn only(&self) -> Panel {
        if self.wanted().contains(&self.only) { self.only } else { Panel::Error }
    }
}

/// A plot run is a training run as the plots see it.
#[derive(Clone, Copy, Debug)]
pub struct PlotRun<'a> {
    pub name: &'a str,
    pub history: &'a [EpochRecord],
    pub config: &'a Config,
    /// This was measured of its net on test pictures.
    pub robustness: &'a [Robustness],
    /// The selected run has bands, markers and the alarm.
    pub is_primary: bool,
}

impl<'a> PlotRun<'a> {
    /// Returns the epoch whose weights the run keeps: the one that its stopping rule finds best, or its last.
    pub fn kept(&self) -> Option<&'a EpochRecord> {
        self.as_figure().kept()
    }

    /// Returns the run as figures see it.
    pub fn as_figure(&self) -> FigureRun<'a> {
        let Self { name, config, history, robustness, .. } = *self;
        FigureRun { name, config, history, robustness }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub runs: &'a [PlotRun<'a>],
    pub primary: usize,
    pub look: PlotLook,
    /// `None` shows all epochs.
    pub zoom: Option<Interval>,
    /// This is the place in the histories under the pointer.
    pub cursor: Option<usize>,
    /// The legend's pointer is on this run, and the others stand back.
    pub raised: Option<usize>,
}

impl<'a> Scene<'a> {
    pub fn epochs(&self) -> usize {
        self.runs.iter().map(|run| run.history.len()).max().unwrap_or(0)
    }

    pub fn primary(&self) -> &PlotRun<'a> {
        &self.runs[self.primary]
    }

    /// Returns the ends of the epoch axis, which short histories do not fill so that it does not jump.
    fn all(&self) -> Interval {
        let planned = self.primary().config.epochs.min(10);
        Interval::new(0.5, self.epochs().max(planned).max(1) as f64 + 0.5)
    }

    pub fn epochs_in_sight(&self) -> Interval {
        self.zoom.unwrap_or_else(|| self.all())
    }

    /// Returns whether the epochs in sight are none of these runs', or more than there are.
    pub fn is_lost(&self) -> bool {
        let all = self.all();
        self.zoom.is_some_and(|zoom| zoom.high <= all.low || zoom.low >= all.high || zoom.width() >= all.width())
    }

    /// Returns the colour of a line: that of its quantity, or among several runs that of its run.
    pub fn colour(&self, palette: &Palette, run: usize, quantity: Quantity) -> Color32 {
        if self.runs.len() > 1 { run_colour(palette, run) } else { quantity.colour(palette) }
    }

    /// Returns whether a quantity was measured in some run and a panel shows it.
    pub fn has(&self, quantity: Quantity) -> bool {
        (quantity == Quantity::Objective && self.look.panels[Panel::Loss as usize])
            || self.runs.iter().any(|run| run.history.iter().any(|record| quantity.measured(record).is_some()))
    }

    pub fn is_hidden(&self, quantity: Quantity) -> bool {
        self.look.hidden[quantity as usize]
    }

    /// Returns half of the smallest error above 0, which is where 0 lies on a logarithmic axis.
    pub fn half_a_picture(&self) -> f64 {
        let counts = self.runs.iter().filter_map(|run| run.history.first()?.clean).map(|clean| clean.n);
        0.5 / counts.max().unwrap_or(1000).max(1) as f64
    }
}

pub fn run_colour(palette: &Palette, run: usize) -> Color32 {
    palette.runs[run % palette.runs.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_epochs_do_not_fill_the_axis() {
        for (epochs, high) in [(1, 10.5), (30, 30.5)] {
            let (history, config, look) =
                (vec![EpochRecord::default(); epochs], Config::default(), PlotLook::default());
            let runs = [PlotRun { name: "run", history: &history, config: &config, robustness: &[], is_primary: true }];
            let scene = Scene { runs: &runs, primary: 0, look, zoom: None, cursor: None, raised: None };
            assert_eq!(scene.epochs_in_sight(), Interval::new(0.5, high));
        }
    }
}
