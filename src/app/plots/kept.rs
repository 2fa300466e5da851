//! The curves of a panel are kept from frame to frame, so that a frame in which nothing has changed only hands them on.

use std::sync::Arc;

use egui::Id;
use egui_plot::PlotPoint;

use crate::app::plots::group::Triangles;
use crate::app::plots::paper;
use crate::app::plots::quantity::{Panel, Quantity};
use crate::app::plots::scene::{PlotRun, Scene};
use crate::app::plots::series::{Band, Point, stretches, thinned, visible};
use crate::figure::axes::{AxisScale, Interval};

/// Above this many lines, those of runs other than the selected one are drawn with fewer points.
const MANY_LINES: usize = 12;
/// Lines are thinned in columns of these widths, in points on the screen.
const FINE: f64 = 2.0;
const COARSE: f64 = 8.0;

#[derive(Debug)]
pub struct PlotCurve {
    pub run: usize,
    pub quantity: Quantity,
    pub is_coarse: bool,
    pub pieces: Vec<Piece>,
}

/// A piece is an unbroken part of a curve, in places of the plot.
#[derive(Debug)]
pub struct Piece {
    pub raw: Vec<PlotPoint>,
    pub smooth: Vec<PlotPoint>,
    /// Only the errors of the selected run have a band of 95 % intervals.
    pub band: Band,
}

#[derive(Debug)]
pub struct Curves {
    /// Curves that are made of the same have the same `content`.
    pub content: Id,
    /// The selected run's curves come last and lie on top.
    pub all: Vec<PlotCurve>,
    pub scale: AxisScale,
    pub ends: Interval,
}

impl Curves {
    /// Makes the curves of a panel in which a point on the screen is `pixel` epochs wide.
    pub fn new(panel: Panel, scene: &Scene<'_>, pixel: f64) -> Self {
        let all = series(panel, scene);
        let sight = scene.epochs_in_sight();
        let (scale, ends) = vertical(panel, scene, &all);
        let many = all.len() > MANY_LINES;
        let curve = |series: Series| {
            let is_coarse = many && series.run != scene.primary;
            let column = pixel * if is_coarse { COARSE } else { FINE };
            let path = |part: &[Point], value: fn(&Point) -> f64| {
                let path: Vec<_> = part.iter().map(|p| PlotPoint::new(p.x, scale.place(value(p)))).collect();
                thinned(&path, column)
            };
            let piece = |stretch: &Vec<Point>| {
                let part = visible(stretch, sight);
                let place = |(x, i): (f64, Interval)| (x, Interval::new(scale.place(i.low), scale.place(i.high)));
                let intervals: Vec<_> = intervals(panel, scene, &series, part).map(place).collect();
                let band = Band::new(&intervals, pixel);
                Piece { raw: path(part, |p| p.raw), smooth: path(part, |p| p.smooth), band }
            };
            let pieces = series.stretches.iter().map(piece).collect();
            PlotCurve { run: series.run, quantity: series.quantity, is_coarse, pieces }
        };
        Self { content: content(scene, pixel), all: all.into_iter().map(curve).collect(), scale, ends }
    }
}

struct Series {
    run: usize,
    quantity: Quantity,
    stretches: Vec<Vec<Point>>,
}

fn series(panel: Panel, scene: &Scene<'_>) -> Vec<Series> {
    let others = (0..scene.runs.len()).filter(|run| *run != scene.primary);
    let weight = f64::from(scene.look.smoothing);
    let of_run = |run: usize| {
        let shown = panel.quantities().iter().filter(|quantity| !scene.is_hidden(**quantity));
        shown.map(move |&quantity| {
            let stretches = stretches(scene.runs[run].history, weight, |record| panel.value(quantity, record));
            Series { run, quantity, stretches }
        })
    };
    others.chain([scene.primary]).flat_map(of_run).collect()
}

/// Returns the epochs and 95 % intervals of the selected run's errors at some points of a series.
fn intervals(
    panel: Panel,
    scene: &Scene<'_>,
    series: &Series,
    part: &[Point],
) -> impl Iterator<Item = (f64, Interval)> {
    let has_band = panel == Panel::Error && series.run == scene.primary && scene.look.has_bands;
    let (history, quantity) = (scene.runs[series.run].history, series.quantity);
    part.iter().filter(move |_| has_band).filter_map(move |point| {
        let (low, high) = quantity.measured(history.get(point.x as usize - 1)?)?.interval();
        Some((point.x, Interval::new(low, high)))
    })
}

/// Returns the panel's scale and the ends of an axis that has everything in sight on it.
fn vertical(panel: Panel, scene: &Scene<'_>, all: &[Series]) -> (AxisScale, Interval) {
    // Zero has no place of its own on a logarithmic axis.
    let zero = if panel == Panel::Error { scene.half_a_picture() } else { f64::INFINITY };
    let mut values: Vec<f64> = paper::dots(panel, scene).map(|dot| dot.value).collect();
    for series in all {
        for stretch in &series.stretches {
            let part = visible(stretch, scene.epochs_in_sight());
            values.extend(part.iter().map(|point| point.raw));
            values.extend(intervals(panel, scene, series, part).map(|(_, interval)| interval.high));
        }
    }
    let low = Interval::around(values.iter().map(|&value| if value > 0.0 { value } else { zero })).low;
    let low = if low.is_finite() { low } else { 0.01 };
    let values = Interval::new(low, Interval::around(values.into_iter()).high.max(0.0));
    let is_log = scene.look.is_log && panel != Panel::Confidence;
    let scale = if is_log { AxisScale::Logarithmic { floor: low.min(zero) } } else { AxisScale::Linear };
    let ends = match panel {
        Panel::Error => scale.ends(values, 1.0),
        Panel::Loss => scale.ends(values, f64::INFINITY),
        // Nothing happens below the least confidence: the axis begins at the ten per cent before it.
        Panel::Confidence => {
            let start = (low * 10.0 - 0.2).floor().clamp(0.0, 9.0) / 10.0;
            Interval::new(start - 0.06 * (1.0 - start), 1.015)
        }
    };
    (scale, ends)
}

#[derive(Debug, Default)]
pub struct Kept {
    newest: Option<Arc<Curves>>,
    pub triangles: Triangles,
}

impl Kept {
    pub fn curves(&mut self, panel: Panel, scene: &Scene<'_>, pixel: f64) -> Arc<Curves> {
        let content = content(scene, pixel);
        let newest = self.newest.take().filter(|curves| curves.content == content);
        let curves = newest.unwrap_or_else(|| Arc::new(Curves::new(panel, scene, pixel)));
        Arc::clone(self.newest.insert(curves))
    }
}

/// Returns an id of all that the curves of a panel are made of. Of a history only the newest epoch changes. The text
/// makes NaN equal to itself.
fn content(scene: &Scene<'_>, pixel: f64) -> Id {
    let run = |run: &PlotRun<'_>| format!("{} {} {:?}", run.name, run.history.len(), run.history.last());
    let runs: Vec<String> = scene.runs.iter().map(run).collect();
    let (look, sight) = (scene.look, scene.epochs_in_sight());
    Id::unique(format!("{look:?} {sight:?} {pixel} {} {runs:?}", scene.primary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::plots::scene::PlotLook;
    use crate::engine::train::{Config, EpochRecord, Measured};

    fn record(wrong: usize) -> EpochRecord {
        let clean = Measured { n: 100, wrong, ..Measured::default() };
        EpochRecord { clean: Some(clean), loss: 1.0, ..EpochRecord::default() }
    }

    fn with_scene<R>(history: &[EpochRecord], look: PlotLook, zoom: Option<Interval>, test: impl Fn(&Scene) -> R) -> R {
        let config = Config::default();
        let runs = [PlotRun { name: "run", history, config: &config, robustness: &[], is_primary: true }];
        test(&Scene { runs: &runs, primary: 0, look, zoom, cursor: None, raised: None })
    }

    #[test]
    fn the_error_axis_fits_what_is_in_sight() {
        let history = [record(80), record(20), record(10), record(10)];
        let look = PlotLook { has_bands: false, ..PlotLook::default() };
        let with_paper = PlotLook { has_paper: true, ..look };
        let hidden = PlotLook { hidden: [false, true, false, false], ..with_paper };
        // Epoch 2 is the neighbour of what is in sight; hidden lines have no dots.
        let zoom = Some(Interval::new(2.5, 4.5));
        for (look, zoom, highest) in
            [(look, None, 0.8), (look, zoom, 0.2), (with_paper, None, 0.894), (hidden, None, 0.8)]
        {
            let curves = with_scene(&history, look, zoom, |scene| Curves::new(Panel::Error, scene, 0.01));
            assert!((curves.ends.high - highest * 1.08).abs() < 1e-12, "{highest}: {:?}", curves.ends);
        }
    }

    #[test]
    fn a_logarithmic_axis_has_a_place_for_zero_wrong_and_for_nothing_at_all() {
        let look = PlotLook { is_log: true, has_bands: false, ..PlotLook::default() };
        let history = [record(10), record(0)];
        let curves = with_scene(&history, look, None, |scene| Curves::new(Panel::Error, scene, 0.01));
        assert_eq!(curves.scale, AxisScale::Logarithmic { floor: 0.005 });
        assert!(curves.ends.low <= 0.005f64.log10());
        for panel in Panel::ALL {
            let ends = with_scene(&[], look, None, |scene| Curves::new(panel, scene, 0.01).ends);
            assert!(ends.low.is_finite() && ends.high.is_finite() && ends.low < ends.high, "{panel:?}");
        }
    }

    #[test]
    fn whatever_changes_the_curves_changes_their_content() {
        let content_of =
            |history: &[EpochRecord], look, zoom| with_scene(history, look, zoom, |scene| content(scene, 0.01));
        let (record, look) = (EpochRecord { loss: f32::NAN, ..record(1) }, PlotLook::default());
        let old = content_of(&[record], look, None);
        assert_eq!(old, content_of(&[record], look, None), "also of what is no number");
        let others = [
            content_of(&[record; 2], look, None),
            content_of(&[EpochRecord { clean: None, ..record }], look, None),
            content_of(&[record], PlotLook { smoothing: 0.5, ..look }, None),
            content_of(&[record], PlotLook { hidden: [true, false, false, false], ..look }, None),
            content_of(&[record], look, Some(Interval::new(1.0, 2.0))),
        ];
        assert!(others.iter().all(|other| *other != old));
    }
}
