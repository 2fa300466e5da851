//! All charts of the window are quiet plots: the plot library's own plot without its ornaments and its reactions to
//! the mouse.

use std::ops::RangeInclusive;

use egui::{Align2, Color32, FontId, Id, Rangef, Rect, Sense, Stroke, Ui, Vec2};
use egui_plot::{
    AxisHints, GridInput, GridMark, Line, LineStyle, MarkerShape, Plot, PlotBounds, PlotItem, PlotPoint, PlotPoints,
    PlotResponse, PlotTransform, PlotUi, Points,
};

use crate::app::theme::{self, palette};
use crate::figure::axes::{AxisScale, Interval, plain};

const CORNER: f32 = 40.0;

/// An axis says how one side of a plot is scaled and labelled.
#[derive(Clone, Copy, Debug)]
pub struct PlotAxis {
    pub scale: AxisScale,
    /// The ends are places of the scale.
    pub ends: Interval,
    /// The least distance between two ticks, in points on the screen.
    pub apart: f32,
    pub ticks_from: f64,
    pub is_whole: bool,
    pub text: fn(f64) -> String,
    pub label: &'static str,
    /// An axis without any room is not drawn.
    pub room: f32,
}

impl PlotAxis {
    pub fn new(scale: AxisScale, ends: Interval) -> Self {
        let ticks_from = f64::NEG_INFINITY;
        Self { scale, ends, apart: 50.0, ticks_from, is_whole: false, text: plain, label: "", room: 18.0 }
    }

    fn ticks(&self, input: GridInput) -> Vec<GridMark> {
        // The library offers the width in units of the plot of eight points on the screen.
        let apart = input.base_step_size / 8.0 * f64::from(self.apart);
        let apart = if self.is_whole { apart.max(1.0) } else { apart };
        let within = Interval::new(input.bounds.0.max(self.ticks_from), input.bounds.1);
        let places = self.scale.ticks(within, apart);
        let step_size = places.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        places.into_iter().map(|value| GridMark { value, step_size }).collect()
    }

    fn hints(self, ui: &Ui, hints: AxisHints<'static>, font: &FontId) -> AxisHints<'static> {
        let text = move |mark: GridMark, _: &RangeInclusive<f64>| (self.text)(self.scale.value(mark.value));
        hints
            .label(theme::weak(ui, self.label))
            .formatter(text)
            .label_spacing(Rangef::new(1.0, 2.0))
            .min_thickness(self.room)
            .tick_label_color(palette(ui).weak)
            .tick_label_font(font.clone())
    }
}

/// A quiet plot shows exactly what its axes say.
pub struct QuietPlot {
    pub id: Id,
    pub size: Vec2,
    pub x: PlotAxis,
    pub y: PlotAxis,
    pub font: FontId,
    /// This names the horizontal axis left of its ticks.
    pub corner: &'static str,
    pub can_zoom: bool,
    /// Lines lead from the ticks through the plot.
    pub has_grid: bool,
}

impl QuietPlot {
    /// Makes a plot that fills the room; `name` tells it from others in the same `ui`.
    pub fn new(ui: &Ui, name: &str, x: PlotAxis, y: PlotAxis) -> Self {
        let id = ui.make_persistent_id(("quiet plot", name));
        Self {
            id,
            size: ui.available_size(),
            x,
            y,
            font: theme::number_font(),
            corner: "",
            can_zoom: false,
            has_grid: true,
        }
    }

    /// Draws the plot with the items that `items` adds. After a zoom or a drag the transform of the answer has the
    /// bounds that the person wants to see from the next frame on.
    pub fn show<'a>(self, ui: &mut Ui, items: impl FnOnce(&mut PlotUi<'a>) + 'a) -> PlotResponse<()> {
        let palette = palette(ui);
        let Self { x, y, font, corner, .. } = self;
        let is_bare = y.room == 0.0;
        let plot = Plot::new("quiet plot")
            .id(self.id)
            .width(self.size.x)
            .height(self.size.y)
            .min_size(Vec2::splat(1.0))
            .default_x_bounds(x.ends.low, x.ends.high)
            .default_y_bounds(y.ends.low, y.ends.high)
            .custom_x_axes(vec![x.hints(ui, AxisHints::new_x(), &font)])
            .custom_y_axes(vec![y.hints(ui, AxisHints::new_y(), &font)])
            .x_grid_spacer(move |input| x.ticks(input))
            .y_grid_spacer(move |input| y.ticks(input))
            .show_axes([x.room > 0.0, y.room > 0.0])
            .show_grid(!is_bare && self.has_grid)
            .show_background(!is_bare)
            .grid_color(palette.line)
            .grid_fade(0.0)
            .sense(if self.can_zoom { Sense::click_and_drag() } else { Sense::hover() })
            .show_x(false)
            .show_y(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .allow_zoom([self.can_zoom, false])
            .allow_drag([self.can_zoom, false]);
        let shown = plot.show(ui, |plot| {
            // Without this the library keeps the bounds of the frame before.
            plot.set_auto_bounds(true);
            items(plot);
        });
        let at = shown.transform.frame().left_bottom() - Vec2::new(CORNER, -1.0);
        ui.painter().text(at, Align2::LEFT_TOP, corner, theme::small_font(), palette.weak);
        shown
    }
}

/// Adds a filled marker with a rim that sets it off from what it lies on.
pub fn rimmed(plot: &mut PlotUi<'_>, at: PlotPoint, marker: Marker) {
    for (radius, colour) in [(marker.radius + marker.rim.width, marker.rim.color), (marker.radius, marker.colour)] {
        plot.points(Points::new("", PlotPoints::Owned(vec![at])).shape(marker.shape).radius(radius).color(colour));
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Marker {
    pub shape: MarkerShape,
    pub radius: f32,
    pub colour: Color32,
    pub rim: Stroke,
}

/// Returns the size of a line of text in a plot.
pub fn text_size(plot: &PlotUi<'_>, text: &str, font: FontId) -> Vec2 {
    plot.ctx().fonts_mut(|fonts| fonts.layout_no_wrap(text.to_owned(), font, Color32::PLACEHOLDER).size())
}

/// Paints a short piece of a line through the middle of a place, as a sample of its style.
pub fn sample(ui: &Ui, place: Rect, style: LineStyle, stroke: Stroke) {
    paint(ui, place, &Line::new("", vec![[0.0, 0.0], [1.0, 0.0]]).style(style).stroke(stroke));
}

/// Paints an item outside of a plot: x goes from 0 at the left to 1 at the right, and y = 0 is the middle.
pub fn paint(ui: &Ui, place: Rect, item: &dyn PlotItem) {
    let bounds = PlotBounds::from_min_max([0.0, -1.0], [1.0, 1.0]);
    let mut shapes = Vec::new();
    item.shapes(ui, &PlotTransform::new(place, bounds, false), &mut shapes);
    ui.painter().extend(shapes);
}

/// Labels keep clear of each other and stay in a room.
pub struct Labels {
    pub room: Rect,
    pub apart: f32,
    pub taken: Vec<Rect>,
}

impl Labels {
    /// Returns the first of these places that is free, and takes it.
    pub fn place(&mut self, wanted: impl IntoIterator<Item = Rect>) -> Option<Rect> {
        let room = self.room.expand(0.5);
        let is_free = |place: &Rect| {
            let around = place.expand2(Vec2::new(self.apart, 0.0));
            room.contains_rect(*place) && !self.taken.iter().any(|other| other.shrink(0.01).intersects(around))
        };
        let found = wanted.into_iter().find(is_free)?;
        self.taken.push(found);
        Some(found)
    }
}

/// Cuts a name that has more than `most` letters.
pub fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most { name.into() } else { name.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Pos2, pos2, vec2};

    #[test]
    fn labels_keep_clear_of_each_other_and_of_the_edges() {
        let at = |left: f32, width: f32| Rect::from_min_size(pos2(left, 10.0), vec2(width, 10.0));
        let room = Rect::from_min_size(Pos2::ZERO, vec2(100.0, 100.0));
        let cases: [(&[Rect], &[Rect], Option<Rect>); 5] = [
            (&[], &[at(10.0, 40.0)], Some(at(10.0, 40.0))),
            (&[at(10.0, 40.0)], &[at(30.0, 40.0), at(58.0, 40.0)], Some(at(58.0, 40.0))),
            (&[at(10.0, 40.0)], &[at(53.0, 40.0)], None),
            (&[], &[at(90.0, 40.0), at(50.0, 40.0)], Some(at(50.0, 40.0))),
            (&[], &[at(-5.0, 10.0), at(120.0, 10.0), at(5.0, 200.0)], None),
        ];
        for (taken, wanted, expected) in cases {
            let mut labels = Labels { room, apart: 8.0, taken: taken.to_vec() };
            assert_eq!(labels.place(wanted.iter().copied()), expected, "{taken:?} {wanted:?}");
        }
    }

    #[test]
    fn whole_ticks_begin_where_they_may() {
        let ends = Interval::new(0.5, 1000.5);
        let axis = PlotAxis { is_whole: true, ticks_from: 1.0, apart: 8.0, ..PlotAxis::new(AxisScale::Linear, ends) };
        for (high, step, expected) in [(5.5, 0.2, vec![1.0, 2.0, 3.0, 4.0, 5.0]), (1.5, 0.1, vec![1.0])] {
            let ticks = axis.ticks(GridInput { bounds: (-3.0, high), base_step_size: step });
            assert_eq!(ticks.iter().map(|tick| tick.value).collect::<Vec<_>>(), expected);
        }
    }
}
