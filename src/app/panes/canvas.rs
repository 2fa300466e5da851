//! A black square to draw a digit on with a white pen.

use std::sync::Arc;

use eframe::egui::{
    self, Align, Button, Id, Layout, Pos2, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, Window, pos2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::theme::{self, SPACE_3, SPACE_6, palette};
use crate::app::widgets::icon_button;
use crate::engine::data::Strokes;
use crate::worker::Source;

const SIDE: f32 = 228.0;
/// Width of the pen as a share of the square, like the strokes of the digits that the nets were trained on.
const PEN: f32 = 0.08;

/// The drawing; it stays while the window is closed.
#[derive(Default)]
pub struct Canvas {
    pub open: bool,
    strokes: Vec<Vec<[f32; 2]>>,
    drawing: bool,
}

impl Canvas {
    pub fn show(&mut self, ui: &Ui, out: &mut Vec<Command>) {
        if !self.open {
            return;
        }
        let mut changed = false;
        let corner = ui.ctx().content_rect().left_top() + egui::vec2(SPACE_6, 124.0);
        Window::new("Draw a digit")
            .id(Id::unique("canvas"))
            .frame(
                theme::bar_frame(ui)
                    .shadow(ui.visuals().window_shadow)
                    .stroke(ui.visuals().window_stroke)
                    .corner_radius(theme::RADIUS)
                    .inner_margin(SPACE_3),
            )
            .default_pos(corner)
            .title_bar(false)
            .auto_sized()
            .show(ui.ctx(), |ui| {
                ui.set_width(SIDE);
                ui.horizontal(|ui| {
                    ui.label(theme::strong("Draw a digit"));
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        icon_button(ui, Command::CloseDrawing, out);
                    });
                });
                changed |= self.square(ui);
                changed |= self.buttons(ui);
            });
        if changed {
            out.push(Command::Show(self.picture()));
        }
    }

    fn buttons(&mut self, ui: &mut Ui) -> bool {
        let before = self.strokes.len();
        ui.horizontal(|ui| {
            let any = !self.strokes.is_empty();
            let undo = Button::new((icons::ICON_UNDO.rich_text().size(16.0), "Undo stroke"));
            if ui.add_enabled(any, undo).clicked() {
                self.strokes.pop();
            }
            let clear = Button::new((icons::ICON_DELETE.rich_text().size(16.0), "Clear"));
            if ui.add_enabled(any, clear).clicked() {
                self.strokes.clear();
            }
        });
        self.strokes.len() != before
    }

    /// What is drawn, as the nets expect it.
    pub fn picture(&self) -> Source {
        let picture = Strokes { lines: self.strokes.clone() }.to_digit();
        Source::Memory { name: "your drawing".into(), picture: Arc::new(picture) }
    }

    pub fn is_empty(&self) -> bool {
        self.strokes.is_empty()
    }

    fn square(&mut self, ui: &mut Ui) -> bool {
        let palette = palette(ui);
        let (rect, response) = ui.allocate_exact_size(Vec2::splat(SIDE), Sense::click_and_drag());
        response.widget_info(|| {
            WidgetInfo::labeled(Role::Image, true, format!("Drawing of {} strokes", self.strokes.len()))
        });
        let mut changed = false;
        let pressed = response.is_pointer_button_down_on();
        if let Some(at) = response.interact_pointer_pos().filter(|_| pressed) {
            let share = ((at - rect.min) / SIDE).clamp(Vec2::ZERO, Vec2::splat(1.0));
            let point = [share.x, share.y];
            if !self.drawing {
                self.strokes.push(vec![point]);
                changed = true;
            } else if let Some(stroke) = self.strokes.last_mut()
                && stroke.last().is_none_or(|last| (last[0] - point[0]).hypot(last[1] - point[1]) > 0.004)
            {
                stroke.push(point);
                changed = true;
            }
        }
        self.drawing = pressed;
        let painter = ui.painter().with_clip_rect(rect);
        painter.rect_filled(rect, theme::SMALL_RADIUS, palette.cross_edge);
        let on_screen = |p: &[f32; 2]| -> Pos2 { pos2(rect.left() + p[0] * SIDE, rect.top() + p[1] * SIDE) };
        for stroke in &self.strokes {
            let points: Vec<Pos2> = stroke.iter().map(on_screen).collect();
            for point in points.iter().step_by(2).chain(points.last()) {
                painter.circle_filled(*point, PEN * SIDE / 2.0, palette.cross);
            }
            painter.line(points, Stroke::new(PEN * SIDE, palette.cross));
        }
        if self.strokes.is_empty() {
            let colour = palette.cross.gamma_multiply(0.6);
            painter.text(rect.center(), egui::Align2::CENTER_CENTER, "Draw here", theme::heading_font(), colour);
        }
        ui.painter().rect_stroke(rect, theme::SMALL_RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Outside);
        response.on_hover_cursor(egui::CursorIcon::Crosshair);
        changed
    }
}
