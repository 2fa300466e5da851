//! What of a panel stays the same from frame to frame: its series, its axis and its lines, already cut into triangles.
//! A frame in which nothing has changed only has to hand them on.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use eframe::egui::epaint::{TessellationOptions, Tessellator};
use eframe::egui::{Mesh, Shape, Ui};
use egui_plot::PlotTransform;

use crate::app::plots::axes::Scale;
use crate::app::plots::quantity::Panel;
use crate::app::plots::scene::{Scene, Series};
use crate::engine::train::{EpochRecord, Measured};

/// Epochs of a history that tell it from others, besides its length. Histories only grow, so the last one changes.
const SAMPLES: usize = 8;

/// The series of a panel and the axis that they need.
#[derive(Debug)]
pub struct Data {
    pub series: Vec<Series>,
    pub scale: Scale,
    /// Ends of the vertical axis, as places.
    pub vertical: (f64, f64),
}

#[derive(Debug, Default)]
pub struct Kept {
    data: Option<(u64, Arc<Data>)>,
    lines: Option<(u64, Arc<Mesh>)>,
}

impl Kept {
    pub fn data(&mut self, panel: Panel, scene: &Scene<'_>) -> Arc<Data> {
        let key = data_key(panel, scene);
        if let Some((_, data)) = self.data.as_ref().filter(|(old, _)| *old == key) {
            return Arc::clone(data);
        }
        let series = scene.series(panel);
        let (scale, vertical) = scene.vertical(panel, &series);
        let data = Arc::new(Data { series, scale, vertical });
        self.data = Some((key, Arc::clone(&data)));
        data
    }

    /// The lines of the newest data, drawn by `draw` when they are not the same as in the frame before.
    pub fn lines(
        &mut self,
        ui: &Ui,
        scene: &Scene<'_>,
        transform: &PlotTransform,
        draw: impl FnOnce(&mut Vec<Shape>),
    ) -> Arc<Mesh> {
        let mut hasher = DefaultHasher::new();
        self.data.as_ref().map(|(key, _)| *key).hash(&mut hasher);
        let (frame, bounds) = (transform.frame(), transform.bounds());
        [frame.min.x, frame.min.y, frame.max.x, frame.max.y, ui.pixels_per_point()].map(f32::to_bits).hash(&mut hasher);
        [bounds.min(), bounds.max()].map(|ends| ends.map(f64::to_bits)).hash(&mut hasher);
        (ui.visuals().dark_mode, scene.raised).hash(&mut hasher);
        let key = hasher.finish();
        if let Some((_, lines)) = self.lines.as_ref().filter(|(old, _)| *old == key) {
            return Arc::clone(lines);
        }
        let mut shapes = Vec::new();
        draw(&mut shapes);
        // Without the discs of the font's texture, whose places change when new letters come.
        let mut tessellator =
            Tessellator::new(ui.pixels_per_point(), TessellationOptions::default(), [1, 1], Vec::new());
        let mut mesh = Mesh::default();
        for shape in shapes {
            tessellator.tessellate_shape(shape, &mut mesh);
        }
        let lines = Arc::new(mesh);
        self.lines = Some((key, Arc::clone(&lines)));
        lines
    }
}

/// Differs when anything does that the series and their axis are made of.
fn data_key(panel: Panel, scene: &Scene<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let look = scene.look;
    (panel as u8, look.smoothing.to_bits(), look.is_log, look.has_bands, look.has_paper, look.hidden).hash(&mut hasher);
    let (first, last) = scene.range();
    (first.to_bits(), last.to_bits(), scene.primary).hash(&mut hasher);
    for run in scene.runs {
        (run.name, run.history.len()).hash(&mut hasher);
        let every = run.history.len().div_ceil(SAMPLES).max(1);
        run.history.iter().step_by(every).chain(run.history.last()).for_each(|record| hash(record, &mut hasher));
    }
    hasher.finish()
}

fn hash(record: &EpochRecord, hasher: &mut DefaultHasher) {
    let EpochRecord { stage, epoch, eps, alpha, rate, learning_rate, loss, clean, adversarial, pgd, seconds } = *record;
    (stage as u8, epoch).hash(hasher);
    [eps, alpha, rate, learning_rate, loss, seconds].map(f32::to_bits).hash(hasher);
    for measured in [clean, adversarial, pgd] {
        let Measured { n, wrong, loss, confidence_on_mistakes } = measured.unwrap_or_default();
        (measured.is_some(), n, wrong, loss.to_bits(), confidence_on_mistakes.map(f32::to_bits)).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::plots::PlotRun;
    use crate::app::plots::scene::Look;
    use crate::engine::train::Config;

    fn key(history: &[EpochRecord], look: Look, zoom: Option<(f64, f64)>) -> u64 {
        let config = Config::default();
        let runs = [PlotRun { name: "run", history, config: &config, is_primary: true }];
        data_key(Panel::Error, &Scene { runs: &runs, primary: 0, look: &look, zoom, cursor: None, raised: None })
    }

    #[test]
    fn whatever_changes_the_lines_changes_the_key() {
        let record = EpochRecord { epoch: 1, loss: f32::NAN, ..EpochRecord::default() };
        let look = Look::default();
        let old = key(&[record], look, None);
        assert_eq!(old, key(&[record], look, None), "also of what is no number");
        assert_ne!(old, key(&[record; 2], look, None));
        assert_ne!(old, key(&[EpochRecord { clean: Some(Measured::default()), ..record }], look, None));
        assert_ne!(old, key(&[record], Look { smoothing: 0.5, ..look }, None));
        assert_ne!(old, key(&[record], Look { is_log: true, ..look }, None));
        assert_ne!(old, key(&[record], Look { hidden: [true, false, false, false], ..look }, None));
        assert_ne!(old, key(&[record], look, Some((1.0, 2.0))));
    }
}
