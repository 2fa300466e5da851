//! A panel has a heading, flags, axes and lines.

use egui::{self, Align2, Color32, CursorIcon, Key, Rect, Response, Role, Stroke, Ui, Vec2, WidgetInfo, vec2};
use egui_plot::{
    FilledArea, Line, MarkerShape, PlotItem, PlotMemory, PlotPoint, PlotPoints, PlotTransform, PlotUi, Points, VLine,
};

use crate::app::plots::flags::Flags;
use crate::app::plots::group::Group;
use crate::app::plots::kept::{Curves, Kept};
use crate::app::plots::marks;
use crate::app::plots::quantity::{Panel, Quantity};
use crate::app::plots::quiet::{Marker, PlotAxis, QuietPlot, rimmed};
use crate::app::plots::scene::Scene;
use crate::app::plots::series::Band;
use crate::app::plots::{hover, paper};
use crate::app::theme::{self, Palette, SPACE_1, SPACE_2, palette};
use crate::app::widgets::hint;
use crate::app::widgets::rail::keep_arrows;
use crate::figure::axes::{AxisScale, Interval, per_cent_tick, plain};

const HEADING: f32 = 20.0;
/// The axis is as wide in every panel, so that epochs lie above each other.
const AXIS_WIDTH: f32 = 52.0;
/// The second half of the last epoch's text needs this room.
pub const RIGHT: f32 = 14.0;
const STRONG_LINE: f32 = 2.2;
const LINE: f32 = 1.4;
/// Epochs at least this far apart, in points on the screen, are marked by dots on the line.
const DOTS_FROM: f64 = 14.0;
const RAW_RUNS: usize = 3;

pub struct PanelResponse {
    pub cursor: Option<usize>,
    /// `None` shows all epochs.
    pub zoom: Option<Interval>,
}

fn heading(ui: &mut Ui, panel: Panel) {
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), HEADING), layout, |ui| {
        ui.set_min_height(HEADING);
        ui.spacing_mut().item_spacing.x = SPACE_1;
        ui.label(theme::caption(ui, panel.about().name));
        hint(ui, panel.about().tooltip);
    });
}

/// Draws a panel into all the room that there is, with its name above it and the numbers of epochs below it if wanted.
pub fn show(
    ui: &mut Ui,
    panel: Panel,
    scene: &Scene<'_>,
    kept: &mut Kept,
    has_heading: bool,
    has_epochs: bool,
) -> PanelResponse {
    ui.set_min_size(ui.available_size());
    ui.spacing_mut().item_spacing = Vec2::ZERO;
    if has_heading {
        heading(ui, panel);
    }
    let run = scene.primary();
    let marks = if panel == Panel::Error { marks::marks(run.history, &run.config.stopping) } else { Vec::new() };
    let sight = scene.epochs_in_sight();
    let x = PlotAxis { is_whole: true, ticks_from: 1.0, apart: 44.0, ..PlotAxis::new(AxisScale::Linear, sight) };
    let x = PlotAxis { room: if has_epochs { x.room } else { 0.0 }, ..x };
    let mut plot = QuietPlot::new(ui, panel.about().name, x, x);
    let before = PlotMemory::load(ui.ctx(), plot.id).map(|memory| memory.transform());
    let flags = Flags::place(ui, scene, &marks, before.as_ref());
    ui.add_space(flags.height() + SPACE_1);

    let width = (ui.available_width() - RIGHT).max(1.0);
    let pixel = sight.width() / f64::from((width - AXIS_WIDTH).max(1.0));
    let curves = kept.curves(panel, scene, pixel);
    let text = if panel == Panel::Loss { plain } else { per_cent_tick };
    let y = PlotAxis { apart: 26.0, text, room: AXIS_WIDTH, ..PlotAxis::new(curves.scale, curves.ends) };
    plot.y = PlotAxis { ticks_from: if curves.scale == AxisScale::Linear { 0.0 } else { y.ticks_from }, ..y };
    plot.size = vec2(width, ui.available_height());
    plot.corner = if has_epochs { "epoch" } else { "" };
    plot.can_zoom = true;
    let items = Items { palette: palette(ui), panel, scene, curves: &curves };
    let shown = plot.show(ui, |plot| {
        if let Some(at) = scene.cursor {
            plot.vline(VLine::new("", (at + 1) as f64).color(items.palette.weak));
        }
        plot.add(Group::new(curves.content.with(scene.raised), items.lines(pixel), &kept.triangles));
        flags.add(plot, items.palette, scene);
        items.best(plot);
        items.cursor_rings(plot);
        paper::add(plot, items.palette, panel, scene, curves.scale);
    });
    let (response, transform) = (shown.response.on_hover_cursor(CursorIcon::Crosshair), shown.transform);
    flags.paint(ui, scene, &transform);
    if curves.all.iter().all(|curve| curve.pieces.is_empty()) {
        nothing(ui, panel, scene, *transform.frame());
    }
    let cursor = cursor(ui, &response, scene, &transform);
    let y_of = |value| transform.position_from_point_y(curves.scale.place(value));
    response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, hover::words(panel, scene, &marks)));
    if let Some(dot) = paper::told(&response, y_of, panel, scene) {
        hover::tip(&response, |ui| drop(ui.label(dot)));
    } else if let Some(at) = cursor.filter(|_| !response.dragged()) {
        hover::values(&response, panel, scene, &marks, at);
    }
    let bounds = transform.bounds();
    let now = Interval::new(bounds.min()[0], bounds.max()[0]);
    let moved = if now == sight { scene.zoom } else { Some(now) };
    PanelResponse { cursor, zoom: moved.filter(|_| !response.double_clicked()) }
}

struct Items<'s> {
    palette: &'static Palette,
    panel: Panel,
    scene: &'s Scene<'s>,
    curves: &'s Curves,
}

impl<'s> Items<'s> {
    fn lines(&self, pixel: f64) -> Vec<Box<dyn PlotItem + 's>> {
        let (scene, palette) = (self.scene, self.palette);
        let mut items = Vec::new();
        for curve in &self.curves.all {
            let colour = scene.colour(palette, curve.run, curve.quantity);
            items.extend(curve.pieces.iter().filter_map(|piece| band(&piece.band, colour)));
        }
        let is_smooth = scene.look.smoothing > 0.0;
        for curve in &self.curves.all {
            let is_primary = curve.run == scene.primary;
            let mut colour = scene.colour(palette, curve.run, curve.quantity);
            if scene.raised.is_some_and(|raised| raised != curve.run) {
                colour = theme::faint_of(colour);
            }
            let is_strong = scene.raised.map_or(is_primary, |raised| raised == curve.run);
            let pen = CurvePen {
                quantity: curve.quantity,
                scale: if curve.is_coarse { 2.0 } else { 1.0 },
                width: if is_strong { STRONG_LINE } else { LINE },
                colour,
                has_dots: is_primary && 1.0 / pixel >= DOTS_FROM,
            };
            let has_raw = is_smooth && (is_primary || scene.runs.len() <= RAW_RUNS);
            let faint = CurvePen { width: 1.0, colour: theme::faint_of(colour), has_dots: false, ..pen };
            for piece in &curve.pieces {
                if has_raw {
                    faint.line(&piece.raw, &mut items);
                }
                pen.line(&piece.smooth, &mut items);
            }
        }
        items
    }

    fn cursor_rings(&self, plot: &mut PlotUi<'s>) {
        let Some(at) = self.scene.cursor else { return };
        for (index, run) in self.scene.runs.iter().enumerate() {
            let Some(record) = run.history.get(at) else { continue };
            for &quantity in self.panel.quantities().iter().filter(|quantity| !self.scene.is_hidden(**quantity)) {
                let Some(value) = self.panel.value(quantity, record) else { continue };
                let rim = Stroke::new(2.0, self.scene.colour(self.palette, index, quantity));
                let ring = Marker { shape: MarkerShape::Circle, radius: 2.5, colour: self.palette.field, rim };
                rimmed(plot, PlotPoint::new((at + 1) as f64, self.curves.scale.place(value)), ring);
            }
        }
    }

    /// Adds diamonds on the lowest errors of the selected run, which the flags name.
    fn best(&self, plot: &mut PlotUi<'s>) {
        if self.panel != Panel::Error {
            return;
        }
        for (about, best) in marks::best(self.scene.primary().history) {
            let Some((at, error)) = best.filter(|_| !self.scene.is_hidden(about.quantity())) else { continue };
            let colour = self.scene.colour(self.palette, self.scene.primary, about.quantity());
            let rim = Stroke::new(1.5, self.palette.field);
            let diamond = Marker { shape: MarkerShape::Diamond, radius: 6.0, colour, rim };
            rimmed(plot, PlotPoint::new((at + 1) as f64, self.curves.scale.place(error)), diamond);
        }
    }
}

/// Returns an unbroken band, or a line for an interval that stands alone.
fn band(band: &Band, colour: Color32) -> Option<Box<dyn PlotItem>> {
    match band.x[..] {
        [] => None,
        [x] => {
            let ends = vec![[x, band.low[0]], [x, band.high[0]]];
            Some(Box::new(Line::new("", ends).stroke(Stroke::new(1.0, theme::faint_of(colour)))))
        }
        _ => {
            let area = FilledArea::new("", &band.x, &band.low, &band.high);
            Some(Box::new(area.fill_color(theme::band_of(colour))))
        }
    }
}

#[derive(Clone, Copy)]
struct CurvePen {
    quantity: Quantity,
    scale: f32,
    width: f32,
    colour: Color32,
    has_dots: bool,
}

impl CurvePen {
    fn line<'s>(self, path: &'s [PlotPoint], items: &mut Vec<Box<dyn PlotItem + 's>>) {
        let is_alone = path.len() == 1;
        if is_alone || self.has_dots {
            let radius = if is_alone { 1.6 } else { 1.2 } * self.width;
            let dots = Points::new("", PlotPoints::Borrowed(path));
            items.push(Box::new(dots.radius(radius).color(self.colour)));
        }
        if !is_alone {
            let line = Line::new("", PlotPoints::Borrowed(path)).style(self.quantity.style(self.scale));
            items.push(Box::new(line.stroke(self.quantity.stroke(self.width, self.colour))));
        }
    }
}

fn nothing(ui: &Ui, panel: Panel, scene: &Scene<'_>, frame: Rect) {
    let text = match panel {
        _ if panel.quantities().iter().all(|quantity| scene.is_hidden(*quantity)) => "all lines are hidden",
        Panel::Confidence if scene.has(Quantity::Clean) => "no mistake so far",
        Panel::Error | Panel::Confidence => "nothing measured: the run holds no pictures out for validation",
        Panel::Loss => "no loss that is a number",
    };
    let weak = palette(ui).weak;
    let galley = ui.painter().layout(text.into(), theme::body_font(), weak, frame.width() - 2.0 * SPACE_2);
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), frame).min;
    ui.painter().galley(at, galley, weak);
}

/// Returns the epoch under the pointer, or the one that the arrow keys lead to while the plot has the keyboard.
fn cursor(ui: &Ui, response: &Response, scene: &Scene<'_>, transform: &PlotTransform) -> Option<usize> {
    let last = scene.epochs().checked_sub(1)?;
    if let Some(pointer) = response.hover_pos() {
        let x = transform.value_from_position(pointer).x;
        return Some((x.round().max(1.0) as usize - 1).min(last));
    }
    if !response.has_focus() {
        return None;
    }
    keep_arrows(ui, response, false);
    let mut at = scene.cursor.unwrap_or(last).min(last);
    ui.input(|i| {
        at = (at + i.num_presses(Key::ArrowRight)).min(last).saturating_sub(i.num_presses(Key::ArrowLeft));
        if i.key_pressed(Key::Home) {
            at = 0;
        }
        if i.key_pressed(Key::End) {
            at = last;
        }
    });
    Some(at)
}
