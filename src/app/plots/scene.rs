//! What all panels of a frame have in common.

use eframe::egui::Color32;
use serde::{Deserialize, Serialize};

use crate::app::plots::PlotRun;
use crate::app::plots::axes::Scale;
use crate::app::plots::quantity::{Panel, Quantity};
use crate::app::plots::series::{Point, stretches, visible};
use crate::app::theme::Palette;
use crate::engine::train::Measured;

/// What a person has chosen about the plots; it is kept between starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Look {
    /// Weight of the past, in [0, 1); 0 shows what was measured.
    pub smoothing: f32,
    /// Errors and losses on a logarithmic axis.
    pub is_log: bool,
    pub has_bands: bool,
    /// The numbers of the paper.
    pub has_paper: bool,
    /// In the order of [`Panel::ALL`].
    pub panels: [bool; 3],
    /// In the order of [`Quantity::ALL`].
    pub hidden: [bool; 4],
    /// The panel to show where there is room for one only.
    pub only: Panel,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            smoothing: 0.0,
            is_log: false,
            has_bands: true,
            has_paper: false,
            panels: [true; 3],
            hidden: [false; 4],
            only: Panel::Error,
        }
    }
}

/// The strongest smoothing.
pub const SMOOTHEST: f32 = 0.95;

impl Look {
    /// Values that a person could have edited into nonsense fall back to the defaults.
    pub fn sane(self) -> Self {
        let is_sane = (0.0..=SMOOTHEST).contains(&self.smoothing);
        Self { smoothing: if is_sane { self.smoothing } else { 0.0 }, ..self }
    }

    /// The panels to show, where there is room for them.
    pub fn wanted(&self) -> Vec<Panel> {
        Panel::ALL.into_iter().zip(self.panels).filter(|(_, wanted)| *wanted).map(|(panel, _)| panel).collect()
    }

    /// The panel to show where there is room for one.
    pub fn only(&self) -> Panel {
        if self.wanted().contains(&self.only) { self.only } else { Panel::Error }
    }
}

/// A frame's runs, look and pointer.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub runs: &'a [PlotRun<'a>],
    /// Index of the selected run.
    pub primary: usize,
    pub look: &'a Look,
    /// The epochs in sight; `None` shows all.
    pub zoom: Option<(f64, f64)>,
    /// The place in the histories under the pointer.
    pub cursor: Option<usize>,
    /// The run that the legend's pointer is on: the others stand back.
    pub raised: Option<usize>,
}

/// One quantity of one run in one panel.
#[derive(Debug)]
pub struct Series {
    pub run: usize,
    pub quantity: Quantity,
    pub stretches: Vec<Vec<Point>>,
}

impl<'a> Scene<'a> {
    /// Epochs of the longest run.
    pub fn epochs(&self) -> usize {
        self.runs.iter().map(|run| run.history.len()).max().unwrap_or(0)
    }

    pub fn primary(&self) -> &PlotRun<'a> {
        &self.runs[self.primary]
    }

    /// The ends of the epoch axis when all of it is shown. Short histories do not fill it, so that the first epochs do
    /// not make it jump.
    pub fn all(&self) -> (f64, f64) {
        let planned = self.primary().config.epochs.min(10);
        (0.5, self.epochs().max(planned).max(1) as f64 + 0.5)
    }

    pub fn range(&self) -> (f64, f64) {
        self.zoom.unwrap_or_else(|| self.all())
    }

    /// Whether the epochs in sight are none of these runs', or more than there are.
    pub fn is_lost(&self) -> bool {
        let (first, last) = self.all();
        self.zoom.is_some_and(|(low, high)| high <= first || low >= last || high - low >= last - first)
    }

    /// Colours tell quantities apart while one run stands alone, and runs where there are several.
    pub fn colour(&self, palette: &Palette, run: usize, quantity: Quantity) -> Color32 {
        if self.runs.len() > 1 { run_colour(palette, run) } else { quantity.colour(palette) }
    }

    /// Whether a quantity can be seen: it was measured in some run, and a panel shows it.
    pub fn has(&self, quantity: Quantity) -> bool {
        (quantity == Quantity::Objective && self.look.panels[Panel::Loss as usize])
            || self.runs.iter().any(|run| run.history.iter().any(|record| quantity.measured(record).is_some()))
    }

    pub fn is_hidden(&self, quantity: Quantity) -> bool {
        Quantity::ALL.iter().zip(self.look.hidden).any(|(other, hidden)| *other == quantity && hidden)
    }

    /// The lines of a panel, the selected run's last, so that they lie on top.
    pub fn series(&self, panel: Panel) -> Vec<Series> {
        let others = (0..self.runs.len()).filter(|run| *run != self.primary);
        let mut all = Vec::new();
        for run in others.chain([self.primary]) {
            for &quantity in panel.quantities().iter().filter(|quantity| !self.is_hidden(**quantity)) {
                let weight = f64::from(self.look.smoothing);
                let stretches = stretches(self.runs[run].history, weight, |record| panel.value(quantity, record));
                all.push(Series { run, quantity, stretches });
            }
        }
        all
    }

    /// The 95 % intervals of the selected run's errors, as (epoch, low, high) for the points of a line.
    pub fn intervals(&self, series: &Series, stretch: &[Point]) -> Vec<(f64, f64, f64)> {
        let history = self.runs[series.run].history;
        let measured = |point: &Point| history.get(point.x as usize - 1).and_then(|r| series.quantity.measured(r));
        let interval = |measured: Measured| measured.interval();
        stretch.iter().filter_map(|p| measured(p).map(interval).map(|(low, high)| (p.x, low, high))).collect()
    }

    /// The panel's scale and the ends of its axis, as places, such that everything in sight is on it.
    pub fn vertical(&self, panel: Panel, all: &[Series]) -> (Scale, (f64, f64)) {
        // Zero has no place of its own on a logarithmic axis.
        let zero = if panel == Panel::Error { self.half_a_picture() } else { f64::INFINITY };
        let (mut low, mut high) = (f64::INFINITY, 0.0f64);
        let mut include = |value: f64| {
            low = low.min(if value > 0.0 { value } else { zero });
            high = high.max(value);
        };
        for series in all {
            for stretch in &series.stretches {
                let stretch = visible(stretch, self.range());
                stretch.iter().for_each(|point| include(point.raw));
                if panel == Panel::Error && series.run == self.primary && self.look.has_bands {
                    self.intervals(series, stretch).iter().for_each(|(_, _, high)| include(*high));
                }
            }
        }
        if self.look.has_paper {
            let shown = PAPER.iter().filter(|dot| dot.panel == panel && !self.is_hidden(dot.quantity));
            shown.for_each(|dot| include(dot.value));
        }
        let is_log = self.look.is_log && panel != Panel::Confidence;
        let low = if low.is_finite() { low } else { 0.01 };
        let scale = match panel {
            _ if !is_log => Scale::Linear,
            _ => Scale::Logarithmic { floor: low.min(zero) },
        };
        let ends = match panel {
            Panel::Error => scale.ends(low, high, 1.0),
            Panel::Loss => scale.ends(low, high, f64::INFINITY),
            // Nothing happens below the least confidence: the axis begins at the ten per cent before it.
            Panel::Confidence => {
                let start = (low * 10.0 - 0.2).floor().clamp(0.0, 9.0) / 10.0;
                (start - 0.06 * (1.0 - start), 1.015)
            }
        };
        (scale, ends)
    }

    /// Half of the smallest error that can be measured: where an error of 0 lies on a logarithmic axis.
    fn half_a_picture(&self) -> f64 {
        let counts = self.runs.iter().filter_map(|run| run.history.first()?.clean).map(|clean| clean.n);
        0.5 / counts.max().unwrap_or(1000).max(1) as f64
    }
}

pub fn run_colour(palette: &Palette, run: usize) -> Color32 {
    palette.runs[run % palette.runs.len()]
}

/// A number of arXiv 1412.6572, section 6.
pub struct PaperDot {
    pub panel: Panel,
    pub quantity: Quantity,
    pub value: f64,
    /// Of a net that was trained on adversarial examples too.
    pub is_trained_adversarially: bool,
}

const fn dot(panel: Panel, quantity: Quantity, value: f64, is_trained_adversarially: bool) -> PaperDot {
    PaperDot { panel, quantity, value, is_trained_adversarially }
}

pub const PAPER: [PaperDot; 6] = [
    dot(Panel::Error, Quantity::Clean, 0.0094, false),
    dot(Panel::Error, Quantity::Clean, 0.0084, true),
    dot(Panel::Error, Quantity::Fgsm, 0.894, false),
    dot(Panel::Error, Quantity::Fgsm, 0.179, true),
    dot(Panel::Confidence, Quantity::Fgsm, 0.976, false),
    dot(Panel::Confidence, Quantity::Fgsm, 0.814, true),
];

impl PaperDot {
    pub fn about(&self) -> String {
        let training = if self.is_trained_adversarially { "adversarial" } else { "clean" };
        let what = match self.panel {
            Panel::Confidence => "mean confidence on mistakes",
            Panel::Error | Panel::Loss => "error",
        };
        let under = if self.quantity == Quantity::Fgsm { " under FGSM with ε = 0.25" } else { "" };
        format!(
            "Goodfellow, Shlens & Szegedy, 2015 (arXiv 1412.6572): {} {what}{under} on the 10 000 test pictures of \
             MNIST, of a maxout net after {training} training.",
            self.panel.spelled(self.value)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::{Config, EpochRecord};

    fn record(wrong: usize) -> EpochRecord {
        let clean = Measured { n: 100, wrong, ..Measured::default() };
        EpochRecord { clean: Some(clean), loss: 1.0, ..EpochRecord::default() }
    }

    fn with_scene<R>(history: &[EpochRecord], look: Look, zoom: Option<(f64, f64)>, test: impl Fn(&Scene) -> R) -> R {
        let config = Config::default();
        let runs = [PlotRun { name: "run", history, config: &config, is_primary: true }];
        test(&Scene { runs: &runs, primary: 0, look: &look, zoom, cursor: None, raised: None })
    }

    fn ends(history: &[EpochRecord], look: Look, zoom: Option<(f64, f64)>) -> (f64, f64) {
        with_scene(history, look, zoom, |scene| scene.vertical(Panel::Error, &scene.series(Panel::Error)).1)
    }

    #[test]
    fn the_error_axis_fits_what_is_in_sight() {
        let history = [record(80), record(20), record(10), record(10)];
        let look = Look { has_bands: false, ..Look::default() };
        assert!((ends(&history, look, None).1 - 0.8 * 1.08).abs() < 1e-12);
        // Epoch 2 is the neighbour of what is in sight.
        assert!((ends(&history, look, Some((2.5, 4.5))).1 - 0.2 * 1.08).abs() < 1e-12);
        let with_paper = Look { has_paper: true, ..look };
        assert!((ends(&history, with_paper, None).1 - 0.894 * 1.08).abs() < 1e-12);
        let mut hidden = with_paper;
        hidden.hidden[1] = true;
        assert!((ends(&history, hidden, None).1 - 0.8 * 1.08).abs() < 1e-12, "hidden lines have no dots");
    }

    #[test]
    fn zero_wrong_lies_at_half_a_picture_on_a_logarithmic_axis() {
        let look = Look { is_log: true, has_bands: false, ..Look::default() };
        let history = [record(10), record(0)];
        let scale =
            with_scene(&history, look, None, |scene| scene.vertical(Panel::Error, &scene.series(Panel::Error)).0);
        assert_eq!(scale, Scale::Logarithmic { floor: 0.005 });
        let (low, _) = ends(&history, look, None);
        assert!(low <= 0.005f64.log10());
    }

    #[test]
    fn an_empty_panel_has_ends_too() {
        let look = Look { is_log: true, ..Look::default() };
        for panel in Panel::ALL {
            let (_, (low, high)) = with_scene(&[], look, None, |scene| scene.vertical(panel, &scene.series(panel)));
            assert!(low.is_finite() && high.is_finite() && low < high, "{panel:?}");
        }
    }

    #[test]
    fn the_first_epochs_do_not_fill_the_axis() {
        assert_eq!(with_scene(&[record(1)], Look::default(), None, |scene| scene.all()), (0.5, 10.5));
        assert_eq!(with_scene(&vec![record(1); 30], Look::default(), None, |scene| scene.all()), (0.5, 30.5));
    }
}
