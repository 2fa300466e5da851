//! A chart is a plot in the type of a figure, with names beside the ends of its lines.

use egui::{Rangef, Rect, Ui, UiBuilder, vec2};
use egui_plot::{PlotTransform, PlotUi};

use crate::app::lessons::figures::theme;
use crate::app::plots::quiet::{PlotAxis, QuietPlot};

/// Draws a plot whose frame covers this place; the texts of its axes lie outside of it.
pub fn chart<'a>(
    ui: &mut Ui,
    frame: Rect,
    x: PlotAxis,
    y: PlotAxis,
    items: impl FnOnce(&mut PlotUi<'a>) + 'a,
) -> PlotTransform {
    let size = theme::size_of_body(ui);
    let (x, y) = (PlotAxis { room: 1.4 * size, ..x }, PlotAxis { room: 4.0 * size, ..y });
    let whole = Rect::from_min_max(frame.min - vec2(y.room, 0.0), frame.max + vec2(0.0, x.room));
    ui.scope_builder(UiBuilder::new().max_rect(whole), |ui| {
        let mut quiet = QuietPlot::new(ui, "chart", x, y);
        quiet.font.size = size;
        quiet.show(ui, items).transform
    })
    .inner
}

/// Moves the names beside the ends of lines apart by `least` at least, in their order.
pub fn apart(mut wanted: Vec<f32>, least: f32, within: Rangef) -> Vec<f32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut floor = within.min;
    for &index in &order {
        wanted[index] = wanted[index].max(floor);
        floor = wanted[index] + least;
    }
    let mut ceiling = within.max;
    for &index in order.iter().rev() {
        wanted[index] = wanted[index].min(ceiling);
        ceiling = wanted[index] - least;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lie_over_each_other() {
        let places = apart(vec![50.0, 10.0, 52.0, 99.0], 10.0, Rangef::new(0.0, 100.0));
        assert_eq!(places, [50.0, 10.0, 60.0, 99.0]);
        let low = apart(vec![98.0, 99.0], 10.0, Rangef::new(0.0, 100.0));
        assert_eq!(low, [90.0, 100.0]);
    }
}
