//! One panel: heading, flags, axes, lines.

use std::sync::Arc;

use eframe::egui::{
    self, Align2, CursorIcon, EventFilter, Id, Key, Mesh, Rangef, Rect, Response, Shape, Stroke, Ui, Vec2, pos2, vec2,
};
use egui_plot::{AxisHints, GridInput, GridMark, Plot, PlotMemory, PlotTransform};

use crate::app::plots::axes::{Scale, epochs, per_cent_tick, plain};
use crate::app::plots::curve::{Grain, Pen, Sheet};
use crate::app::plots::kept::{Data, Kept};
use crate::app::plots::quantity::Panel;
use crate::app::plots::scene::{PAPER, Scene, Series};
use crate::app::plots::series::visible;
use crate::app::plots::{flags, hover, marks};
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::hint;

/// Height of a panel's heading.
pub const HEADING: f32 = 20.0;
/// Room for the texts at the vertical axis, the same in all panels, so that epochs lie above each other.
const AXIS_WIDTH: f32 = 52.0;
/// Room for the second half of the last epoch's text.
pub const RIGHT: f32 = 14.0;
/// Smallest distance between ticks.
const TICKS_APART: [f64; 2] = [44.0, 26.0];
const STRONG_LINE: f32 = 2.2;
const LINE: f32 = 1.4;
/// Up to so many runs, all of them show what was measured behind what was smoothed.
const RAW_RUNS: usize = 3;
/// Above so many lines, lines are drawn with fewer points.
const MANY_LINES: usize = 12;

/// What became of a panel.
pub struct Shown {
    /// The place in the histories that the pointer or the arrow keys are at.
    pub cursor: Option<usize>,
    /// The epochs in sight, unless all of them are.
    pub zoom: Option<(f64, f64)>,
}

/// Whether this panel has its name above it and the epochs below it, and whether its view is to be that of all epochs again.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub has_heading: bool,
    pub has_epochs: bool,
    pub is_reset: bool,
}

/// Draws a panel into all the room that there is.
pub fn show(ui: &mut Ui, panel: Panel, scene: &Scene<'_>, kept: &mut Kept, setting: Setting) -> Shown {
    let size = ui.available_size();
    ui.allocate_ui(size, |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        if setting.has_heading {
            heading(ui, panel);
        }
        let id = ui.make_persistent_id(("plot", panel.title()));
        let before = PlotMemory::load(ui.ctx(), id).map(|memory| memory.transform());
        let marks = if panel == Panel::Error {
            marks::marks(scene.primary().history, &scene.primary().config.stopping)
        } else {
            Vec::new()
        };
        let flags = flags::place(ui, scene, (&marks, size.y), before.as_ref());
        ui.add_space(flags::height(&flags) + SPACE_1);

        let data = kept.data(panel, scene);
        let Data { series, scale, vertical } = &*data;
        let (scale, vertical) = (*scale, *vertical);
        let height = ui.available_height();
        let axes = Axes { id, scale, vertical, height, panel };
        let (response, transform, is_all) = axes.show(ui, scene, setting);
        let sheet = Sheet { transform, scale };
        let lines = kept.lines(ui, scene, &transform, |shapes| draw(ui, panel, scene, series, &sheet, shapes));
        paint(ui, panel, scene, lines, &sheet);
        flags::paint(ui, scene, &marks, &flags, &sheet);
        let paper = if scene.look.has_paper { paint_paper(ui, panel, scene, &sheet) } else { None };
        if series.iter().all(|series| series.stretches.is_empty()) {
            nothing(ui, panel, scene, transform.frame());
        }

        let cursor = cursor(ui, &response, scene, &transform);
        hover::describe(&response, panel, scene, &marks);
        match paper {
            Some(dot) => hover::tip(&response, |ui| drop(ui.label(dot))),
            None if cursor.is_some() && !response.dragged() => hover::values(&response, panel, scene, &marks, cursor),
            None => {}
        }
        let bounds = transform.bounds();
        Shown { cursor, zoom: (!is_all).then(|| (bounds.min()[0], bounds.max()[0])) }
    })
    .inner
}

fn heading(ui: &mut Ui, panel: Panel) {
    ui.allocate_ui_with_layout(
        vec2(ui.available_width(), HEADING),
        egui::Layout::left_to_right(egui::Align::Center),
        |ui| {
            ui.set_min_height(HEADING);
            ui.spacing_mut().item_spacing.x = SPACE_1;
            ui.label(theme::caption(ui, panel.title()));
            hint(ui, panel.about());
        },
    );
}

struct Axes {
    id: Id,
    scale: Scale,
    vertical: (f64, f64),
    height: f32,
    panel: Panel,
}

impl Axes {
    /// Draws the axes; says whether all epochs are in sight.
    fn show(&self, ui: &mut Ui, scene: &Scene<'_>, setting: Setting) -> (Response, PlotTransform, bool) {
        let palette = palette(ui);
        let (scale, panel) = (self.scale, self.panel);
        let hints = |hints: AxisHints<'static>| {
            hints
                .label_spacing(Rangef::new(1.0, 2.0))
                .tick_label_color(palette.weak)
                .tick_label_font(theme::number_font())
        };
        let text = move |mark: GridMark, _: &std::ops::RangeInclusive<f64>| {
            let value = if scale == Scale::Linear { mark.value } else { 10f64.powf(mark.value) };
            if panel == Panel::Loss { plain(rounded(value)) } else { per_cent_tick(rounded(value)) }
        };
        let marks = |ticks: Vec<f64>| -> Vec<GridMark> {
            let step = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
            ticks.into_iter().map(|value| GridMark { value, step_size: step }).collect()
        };
        // The library offers the width in units of the plot of eight points on the screen.
        let apart = |input: &GridInput, axis: usize| input.base_step_size / 8.0 * TICKS_APART[axis];
        let all = scene.all();
        let mut plot = Plot::new(self.id)
            .id(self.id)
            .width(ui.available_width() - RIGHT)
            .height(self.height)
            .custom_x_axes(vec![hints(AxisHints::new_x()).formatter(|mark, _| plain(mark.value)).min_thickness(18.0)])
            .custom_y_axes(vec![hints(AxisHints::new_y()).formatter(text).min_thickness(AXIS_WIDTH)])
            .x_grid_spacer(move |input| marks(epochs(input.bounds.0, input.bounds.1, apart(&input, 0))))
            .y_grid_spacer(move |input| {
                let ticks = scale.ticks(input.bounds, apart(&input, 1));
                marks(ticks.into_iter().map(|(place, _)| place).collect())
            })
            .grid_color(palette.line)
            .grid_fade(0.0)
            .show_axes([setting.has_epochs, true])
            .show_x(false)
            .show_y(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .allow_zoom([true, false])
            .allow_drag([true, false])
            .link_axis(Id::unique("epochs of the plots"), [true, false])
            .set_margin_fraction(Vec2::ZERO);
        for x in [all.0, all.1] {
            plot = plot.include_x(x);
        }
        for y in [self.vertical.0, self.vertical.1] {
            plot = plot.include_y(y);
        }
        let shown = plot.show(ui, |plot| {
            if setting.is_reset {
                plot.set_auto_bounds(true);
            }
        });
        let is_all = PlotMemory::load(ui.ctx(), self.id).is_none_or(|memory| memory.auto_bounds.x);
        if setting.has_epochs {
            let frame = shown.transform.frame();
            let at = pos2(frame.left() - SPACE_1, frame.bottom());
            ui.painter().text(at, Align2::RIGHT_TOP, "epoch", theme::small_font(), palette.weak);
        }
        (shown.response.on_hover_cursor(CursorIcon::Crosshair), shown.transform, is_all)
    }
}

/// Without what powers and logarithms leave behind.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10f64.powf(value.abs().log10().floor() - 6.0);
    (value / unit).round() * unit
}

/// Draws bands and lines.
fn draw(ui: &Ui, panel: Panel, scene: &Scene<'_>, all: &[Series], sheet: &Sheet, shapes: &mut Vec<Shape>) {
    let palette = palette(ui);
    let bounds = sheet.transform.bounds();
    let range = (bounds.min()[0], bounds.max()[0]);
    if panel == Panel::Error && scene.look.has_bands {
        for series in all.iter().filter(|series| series.run == scene.primary) {
            let colour = scene.colour(palette, series.run, series.quantity);
            for stretch in &series.stretches {
                let intervals = scene.intervals(series, visible(stretch, range));
                sheet.band(&intervals, theme::band_of(colour), theme::faint_of(colour), shapes);
            }
        }
    }
    let is_smooth = scene.look.smoothing > 0.0;
    for series in all {
        let is_primary = series.run == scene.primary;
        let mut colour = scene.colour(palette, series.run, series.quantity);
        if scene.raised.is_some_and(|raised| raised != series.run) {
            colour = theme::faint_of(colour);
        }
        let is_strong = scene.raised.map_or(is_primary, |raised| raised == series.run);
        let width = if is_strong { STRONG_LINE } else { LINE };
        let grain = if is_primary || all.len() <= MANY_LINES { Grain::Fine } else { Grain::Coarse };
        let pen = Pen { quantity: series.quantity, stroke: Stroke::new(width, colour), grain, has_dots: is_primary };
        let behind = Stroke::new(1.0, theme::faint_of(colour));
        for stretch in &series.stretches {
            let stretch = visible(stretch, range);
            if is_smooth && (is_primary || scene.runs.len() <= RAW_RUNS) {
                sheet.line(stretch, |point| point.raw, Pen { stroke: behind, has_dots: false, ..pen }, shapes);
            }
            sheet.line(stretch, |point| point.smooth, pen, shapes);
        }
    }
}

fn paint(ui: &Ui, panel: Panel, scene: &Scene<'_>, lines: Arc<Mesh>, sheet: &Sheet) {
    let mut shapes = vec![Shape::Mesh(lines)];
    if let Some(at) = scene.cursor {
        paint_cursor(ui, panel, scene, (sheet, at), &mut shapes);
    }
    ui.painter().with_clip_rect(sheet.transform.frame().intersect(ui.clip_rect())).extend(shapes);
    if panel == Panel::Error {
        flags::paint_best(ui, scene, sheet);
    }
}

/// The line through all panels at the epoch of the pointer, and what was measured there.
fn paint_cursor(ui: &Ui, panel: Panel, scene: &Scene<'_>, (sheet, at): (&Sheet, usize), shapes: &mut Vec<Shape>) {
    let palette = palette(ui);
    let frame = sheet.transform.frame();
    let x = ui.painter().round_to_pixel_center(sheet.transform.position_from_point_x((at + 1) as f64));
    shapes.insert(0, Shape::vline(x, frame.y_range(), Stroke::new(1.0, palette.weak)));
    for (index, run) in scene.runs.iter().enumerate() {
        let Some(record) = run.history.get(at) else { continue };
        for &quantity in panel.quantities().iter().filter(|quantity| !scene.is_hidden(**quantity)) {
            let Some(value) = panel.value(quantity, record) else { continue };
            let centre = sheet.at((at + 1) as f64, value);
            let ring = Stroke::new(2.0, scene.colour(palette, index, quantity));
            shapes.push(Shape::circle_filled(centre, 4.0, palette.field));
            shapes.push(Shape::circle_stroke(centre, 3.5, ring));
        }
    }
}

/// Dots of the paper at the right edge, hollow after clean training. Returns the text of the one under the pointer.
fn paint_paper(ui: &Ui, panel: Panel, scene: &Scene<'_>, sheet: &Sheet) -> Option<String> {
    const RADIUS: f32 = 4.5;
    let palette = palette(ui);
    let frame = sheet.transform.frame();
    let painter = ui.painter().with_clip_rect(frame.intersect(ui.clip_rect()));
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|_| ui.rect_contains_pointer(*frame));
    let mut found = None;
    let mut labels: Vec<Rect> = Vec::new();
    for dot in PAPER.iter().filter(|dot| dot.panel == panel && !scene.is_hidden(dot.quantity)) {
        let y = sheet.at(0.0, dot.value).y;
        let centre = pos2(frame.right() - 9.0, y);
        let colour = dot.quantity.colour(palette);
        let guide = [pos2(frame.left(), y), pos2(centre.x - RADIUS, y)];
        painter.extend(Shape::dashed_line(&guide, Stroke::new(1.0, theme::band_of(colour)), 2.0, 4.0));
        let fill = if dot.is_trained_adversarially { colour } else { palette.field };
        painter.circle(centre, RADIUS, fill, Stroke::new(1.5, colour));
        let text = format!("paper {}", panel.spelled(dot.value));
        let galley = painter.layout_no_wrap(text, theme::small_font(), colour);
        let at = pos2(centre.x - RADIUS - SPACE_1, y);
        let places = [Align2::RIGHT_BOTTOM, Align2::RIGHT_TOP].map(|align| align.anchor_size(at, galley.size()));
        let is_free =
            |place: &Rect| frame.contains_rect(*place) && !labels.iter().any(|other| other.intersects(*place));
        if let Some(place) = places.into_iter().find(is_free) {
            painter.galley(place.min, galley, colour);
            labels.push(place);
        }
        if pointer.is_some_and(|pointer| pointer.distance(centre) <= 2.0 * RADIUS) {
            let other = found.take().map(|text: String| text + "\n\n").unwrap_or_default();
            found = Some(other + &dot.about());
        }
    }
    found
}

/// Why a panel is empty.
fn nothing(ui: &Ui, panel: Panel, scene: &Scene<'_>, frame: &Rect) {
    let text = match panel {
        _ if panel.quantities().iter().all(|quantity| scene.is_hidden(*quantity)) => "all lines are hidden",
        Panel::Confidence if scene.has(crate::app::plots::quantity::Quantity::Clean) => "no mistake so far",
        Panel::Error | Panel::Confidence => "nothing measured: the run holds no pictures out for validation",
        Panel::Loss => "no loss that is a number",
    };
    let palette = palette(ui);
    let galley = ui.painter().layout(text.into(), theme::body_font(), palette.weak, frame.width() - 2.0 * SPACE_2);
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), *frame).min;
    ui.painter().galley(at, galley, palette.weak);
}

/// The epoch under the pointer, or the one that the arrow keys lead to while the plot has the keyboard.
fn cursor(ui: &Ui, response: &Response, scene: &Scene<'_>, transform: &PlotTransform) -> Option<usize> {
    let last = scene.epochs().checked_sub(1)?;
    if let Some(pointer) = response.hover_pos() {
        let x = transform.value_from_position(pointer).x;
        return Some((x.round().max(1.0) as usize - 1).min(last));
    }
    if !response.has_focus() {
        return None;
    }
    ui.memory_mut(|m| {
        m.set_focus_lock_filter(response.id, EventFilter { horizontal_arrows: true, ..EventFilter::default() });
    });
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
