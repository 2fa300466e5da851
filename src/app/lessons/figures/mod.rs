//! A figure is a drawing that stands in place of the pictures in a step of a lesson.

pub mod capacity;
pub mod chart;
pub mod curve;
pub mod cycle;
pub mod directions;
pub mod eight_bits;
pub mod objective;
pub mod rules;
pub mod run;
pub mod score;
pub mod signs;
pub mod table;

use std::sync::Arc;

use egui::{
    Align, Align2, CentralPanel, Color32, FontId, Frame, Margin, Painter, Pos2, Rect, Role, Sense, Shape, Stroke,
    StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo,
    text::{LayoutJob, TextFormat},
};

use crate::app::commands::Command;
use crate::app::lessons::file::Figure;
use crate::app::shell::Shell;
use crate::app::theme::{self, Palette, palette};
use crate::app::widgets::elided;
use crate::app::widgets::texture::Texture;
use crate::engine::picture::Rgba;
use crate::worker::Shown;

/// Returns what is on screen, unless it is of the step before.
fn shown(shell: &Shell) -> Option<&Shown> {
    let wanted = &shell.explore.view;
    let shown = shell.explore.shown.as_deref();
    shown.filter(|shown| shown.view.model == wanted.model && shown.view.picture == wanted.picture)
}

#[derive(Default)]
pub struct Figures {
    pictures: Vec<Texture>,
}

/// Makes the room for a figure, with type that can be read from afar.
pub fn figure_room(ui: &mut Ui, is_stage: bool, contents: impl FnOnce(&mut Ui)) {
    let room = ui.available_size();
    let beside_bars = (0.026 * room.y).min(0.022 * room.x).clamp(11.0, 26.0);
    let size = if is_stage { theme::stage_size(ui.ctx()) } else { beside_bars };
    let frame = Frame::new().fill(palette(ui).canvas).inner_margin(Margin::same((1.2 * size) as i8));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        theme::enlarge(ui, size);
        contents(ui);
    });
}

impl Figures {
    /// Draws a figure into all the room that `ui` has, in its type.
    pub fn show(&mut self, ui: &mut Ui, figure: Figure, shell: &Shell, out: &mut Vec<Command>) {
        let room = ui.available_rect_before_wrap();
        match (figure, shown(shell)) {
            (Figure::UpdateRules, _) => rules::show(ui, room),
            (Figure::Cycle, _) => cycle::show(ui, room),
            (Figure::Capacity, _) => capacity::show(ui, room, shell.lessons.has_more_units, out),
            (Figure::Run, _) => run::show(ui, room, &shell.train, out),
            (Figure::Table, _) => table::show(ui, room, shell),
            (Figure::Score, _) => score::show(ui, room, shell.lessons.score()),
            (Figure::Curve, _) => curve::show(self, ui, room, shell, out),
            (Figure::Directions, Some(shown)) => directions::show(self, ui, room, shell, shown, out),
            (Figure::EightBits, Some(shown)) => eight_bits::show(ui, room, shell.explore.view.eps, shown, out),
            (Figure::Signs, Some(shown)) => signs::show(ui, room, shell.explore.view.eps, shown),
            (Figure::Objective, Some(shown)) => objective::show(ui, room, shell.lessons.alpha, shown, out),
            (Figure::Directions | Figure::EightBits | Figure::Signs | Figure::Objective, None) => {
                wait(ui, room, "Loading the net and the first picture…");
            }
        }
    }

    /// Draws a picture as large as it fits into a place; `slot` tells the pictures of a figure apart.
    fn picture(&mut self, ui: &Ui, slot: usize, place: Rect, rgba: &Arc<Rgba>) -> Rect {
        if self.pictures.len() <= slot {
            self.pictures.resize_with(slot + 1, Texture::default);
        }
        let at = self.pictures[slot].paint(ui, rgba, place);
        ui.painter().rect_stroke(at, 0, Stroke::new(1.0, palette(ui).line), StrokeKind::Outside);
        at
    }
}

#[derive(Clone, Copy)]
pub struct Pen<'a> {
    painter: &'a Painter,
    palette: &'static Palette,
    size: f32,
}

impl<'a> Pen<'a> {
    fn new(ui: &'a Ui) -> Self {
        Self { painter: ui.painter(), palette: palette(ui), size: theme::size_of_body(ui) }
    }

    fn larger(&self, scale: f32) -> Self {
        Self { size: scale * self.size, ..*self }
    }

    fn text(&self, at: Pos2, anchor: Align2, text: impl ToString, colour: Color32) -> Rect {
        self.painter.text(at, anchor, text, FontId::proportional(self.size), colour)
    }

    fn strong(&self, at: Pos2, anchor: Align2, text: impl ToString, colour: Color32) -> Rect {
        self.painter.text(at, anchor, text, theme::strong_of(self.size), colour)
    }

    /// Writes one line in the semi-bold cut from the left edge of a room, cut to its width.
    fn cut(&self, room: Rect, text: &str, colour: Color32) {
        let galley = elided(self.painter, text, theme::strong_of(self.size), colour, room.width());
        self.painter.galley(room.min, galley, colour);
    }

    /// Writes lines that are as wide as the room at most; returns what they cover.
    fn paragraph(&self, room: Rect, text: &str, halign: Align, colour: Color32) -> Rect {
        let mut job = LayoutJob::simple(text.to_owned(), FontId::proportional(self.size), colour, room.width());
        job.halign = halign;
        let galley = self.painter.layout_job(job);
        let at = Pos2::new(halign.align_size_within_range(0.0, room.x_range()).min, room.top());
        let covered = galley.rect.translate(at.to_vec2());
        self.painter.galley(at, galley, colour);
        covered
    }

    /// Writes a line of a formula: pieces between bars are set low, as in "∇|w|J".
    fn formula(&self, centre: Pos2, text: &str, colour: Color32) -> Rect {
        let mut job = LayoutJob::default();
        for (index, piece) in text.split('|').enumerate() {
            let (share, valign) = if index % 2 == 1 { (0.62, Align::BOTTOM) } else { (1.0, Align::Center) };
            let font_id = theme::strong_of(share * self.size);
            job.append(piece, 0.0, TextFormat { font_id, color: colour, valign, ..TextFormat::default() });
        }
        let galley = self.painter.layout_job(job);
        let rect = Rect::from_center_size(centre, galley.size());
        self.painter.galley(rect.min, galley, colour);
        rect
    }

    fn card(&self, rect: Rect) {
        let edge = Stroke::new(1.0, self.palette.line);
        self.painter.rect(rect, 2 * theme::RADIUS, self.palette.panel, edge, StrokeKind::Inside);
    }

    fn bar(&self, track: Rect, radius: u8, share: f32, colour: Color32) {
        self.painter.rect_filled(track, radius, self.palette.raised);
        let filled = track.with_max_x(track.left() + share * track.width());
        self.painter.rect_filled(filled, radius, colour);
    }

    fn arrow(&self, from: Pos2, to: Pos2, stroke: Stroke) {
        let way = to - from;
        if way.length() < 1.0 {
            return;
        }
        let head = (5.0 * stroke.width).max(0.5 * self.size).min(way.length());
        let (along, across) = (way.normalized(), way.normalized().rot90());
        let neck = to - head * along;
        self.painter.line_segment([from, neck], stroke);
        let points = vec![to, neck + 0.45 * head * across, neck - 0.45 * head * across];
        self.painter.add(Shape::convex_polygon(points, stroke.color, Stroke::NONE));
    }
}

fn describe(ui: &Ui, room: Rect, text: impl Into<String>) {
    let (response, text) = (ui.interact(room, ui.scope_id().with("figure"), Sense::hover()), text.into());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &text));
}

pub fn wait(ui: &Ui, room: Rect, text: &str) {
    let pen = Pen::new(ui);
    pen.text(room.center(), Align2::CENTER_CENTER, text, pen.palette.weak);
}

fn in_row(ui: &mut Ui, room: Rect, contents: impl FnOnce(&mut Ui)) {
    ui.scope_builder(UiBuilder::new().max_rect(room), |ui| ui.horizontal(contents));
}

fn halves(room: Rect, share: f32, gap: f32) -> [Rect; 2] {
    let split = room.left() + share * room.width();
    [room.with_max_x(split - 0.5 * gap), room.with_min_x(split + 0.5 * gap)]
}

/// Returns the largest rectangle of these proportions (width over height) in the middle of a room.
fn fitted(room: Rect, proportion: f32) -> Rect {
    let width = room.width().min(proportion * room.height());
    Rect::from_center_size(room.center(), Vec2::new(width, width / proportion))
}
