//! A knob is a rail bent into an arc, for a setting that is turned by eye.

use std::f32::consts::PI;

use egui::epaint::PathShape;
use egui::{self, Align2, Pos2, Response, Sense, Stroke, Ui, pos2, vec2};

use crate::app::theme::{self, palette};
use crate::app::widgets::rail::{Rail, is_moved};

/// The arc begins at the lower left and ends at the lower right; angles grow clockwise.
const BEGIN: f32 = 0.75 * PI;
const SWEEP: f32 = 1.5 * PI;
/// A drag of so many points, up or to the right, goes from one end to the other; with Shift it is ten times longer.
const DRAG: f32 = 180.0;
const THICKNESS: f32 = 7.0;

/// This is what stands in the middle of a knob.
pub struct Face<'a> {
    pub symbol: &'a str,
    pub caption: &'a str,
}

impl Rail<'_> {
    /// Shows the setting as a knob of this diameter; returns the new value when it was turned. Keys move it as they
    /// move a rail, and a double click is left to the caller.
    pub fn show_knob(self, ui: &mut Ui, diameter: f32, face: &Face<'_>, value: f32) -> (Response, Option<f32>) {
        let (rect, response) = ui.allocate_exact_size(vec2(diameter, diameter), Sense::click_and_drag());
        if response.clicked() || response.drag_started() {
            response.request_focus();
        }
        let new = self.dragged(ui, &response, value).unwrap_or(value);
        let new = self.settled(ui, &response, value, new);
        if ui.is_rect_visible(rect) {
            self.paint_knob(ui, &response, face, new);
        }
        (response.on_hover_cursor(egui::CursorIcon::ResizeVertical), is_moved(value, new).then_some(new))
    }

    /// Returns the value under a drag, which moves from where it began, so that the grid swallows none of it.
    fn dragged(&self, ui: &Ui, response: &Response, value: f32) -> Option<f32> {
        let id = response.id.with("turned");
        if response.drag_started() {
            ui.data_mut(|data| data.insert_temp(id, self.position_of(value)));
        }
        if !response.dragged() || response.drag_delta() == egui::Vec2::ZERO {
            return None;
        }
        let fine = if ui.input(|i| i.modifiers.shift) { 0.1 } else { 1.0 };
        let moved = fine * (response.drag_delta().x - response.drag_delta().y) / DRAG;
        let before = ui.data(|data| data.get_temp(id)).unwrap_or_else(|| self.position_of(value));
        let position = (before + moved).clamp(0.0, 1.0);
        ui.data_mut(|data| data.insert_temp(id, position));
        let value = self.value_at(position);
        Some(if self.grid > 0.0 { (value / self.grid).round() * self.grid } else { value })
    }

    fn paint_knob(&self, ui: &Ui, response: &Response, face: &Face<'_>, value: f32) {
        let (palette, painter) = (palette(ui), ui.painter());
        let (centre, radius) = (response.rect.center(), 0.5 * response.rect.width() - THICKNESS);
        let angle = |value: f32| BEGIN + SWEEP * self.position_of(value);
        let arc = |to: f32, colour| PathShape::line(points(centre, radius, BEGIN, to), Stroke::new(THICKNESS, colour));
        painter.add(arc(BEGIN + SWEEP, palette.raised_hover));
        let accent = if ui.is_enabled() { palette.accent } else { palette.weak };
        if angle(value) > BEGIN {
            painter.add(arc(angle(value), accent));
        }
        for mark in self.marks.iter().filter(|mark| self.range.contains(mark)) {
            let [from, to] = [1.0, 5.0].map(|by| at(centre, radius - 0.5 * THICKNESS - by, angle(*mark)));
            painter.line_segment([from, to], Stroke::new(1.5, palette.weak));
        }
        let grown = if response.hovered() || response.dragged() { 1.0 } else { 0.0 };
        let handle = at(centre, radius, angle(value));
        if response.has_focus() {
            painter.circle_stroke(handle, THICKNESS + 4.0, Stroke::new(2.0, palette.accent));
        }
        painter.circle(handle, THICKNESS + 1.0 + grown, accent, Stroke::new(2.0, palette.panel));
        painter.text(centre - vec2(0.0, 6.0), Align2::CENTER_CENTER, face.symbol, theme::symbol_font(), palette.text);
        let below = centre + vec2(0.0, 20.0);
        painter.text(below, Align2::CENTER_CENTER, face.caption, theme::small_font(), palette.weak);
    }
}

fn at(centre: Pos2, radius: f32, angle: f32) -> Pos2 {
    pos2(centre.x + radius * angle.cos(), centre.y + radius * angle.sin())
}

fn points(centre: Pos2, radius: f32, from: f32, to: f32) -> Vec<Pos2> {
    let parts = (1.0 + 48.0 * (to - from) / SWEEP).ceil() as usize;
    (0..=parts).map(|part| at(centre, radius, egui::lerp(from..=to, part as f32 / parts as f32))).collect()
}
