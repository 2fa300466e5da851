//! On the canvas a person draws a digit, with a white pen on black, in the place of the original picture.

use std::sync::Arc;

use egui::{self, Align, Button, Layout, Pos2, Rect, Response, Role, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::theme::{self, palette};
use crate::app::widgets::icon_button;
use crate::engine::data::Strokes;
use crate::worker::Source;

pub const NAME: &str = "your drawing";
/// The pen is as wide as the strokes of the digits that the nets were trained on, as a share of the square.
const PEN: f32 = 0.08;

#[derive(Default)]
pub struct Canvas {
    pub open: bool,
    strokes: Vec<Vec<[f32; 2]>>,
    drawing: bool,
}

impl Canvas {
    /// Shows the name of the square, and the buttons that take strokes back.
    pub fn head(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        ui.add(egui::Label::new(theme::strong("Draw a digit").text_style(egui::TextStyle::Heading)).truncate());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            icon_button(ui, ExploreCommand::CloseDrawing, out);
            let (is_drawn, fewer) = (!self.strokes.is_empty(), self.strokes.len().saturating_sub(1));
            for (icon, name, kept) in [(icons::ICON_DELETE, "Clear", 0), (icons::ICON_UNDO, "Undo stroke", fewer)] {
                let button = Button::new(icon.rich_text().size(17.0)).frame_when_inactive(false);
                if ui.add_enabled(is_drawn, button).on_hover_text(name).accessible_name(name).clicked() {
                    self.strokes.truncate(kept);
                    out.push(ExploreCommand::Show(self.picture()).into());
                }
            }
        });
    }

    pub fn is_blank(&self) -> bool {
        self.open && self.strokes.is_empty()
    }

    pub fn picture(&self) -> Source {
        let picture = Strokes { lines: self.strokes.clone() }.to_digit();
        Source::Memory { name: NAME.into(), picture: Arc::new(picture) }
    }

    /// Draws into the largest square of a well, and tells what is drawn.
    pub fn square(&mut self, ui: &Ui, well: Rect, response: &Response, out: &mut Vec<Command>) {
        let palette = palette(ui);
        let side = well.width().min(well.height());
        let rect = Rect::from_center_size(well.center(), Vec2::splat(side));
        let what = format!("Drawing of {} strokes", self.strokes.len());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &what));
        let mut changed = false;
        let pressed = response.is_pointer_button_down_on();
        if let Some(at) = response.interact_pointer_pos().filter(|_| pressed) {
            let share = ((at - rect.min) / side).clamp(Vec2::ZERO, Vec2::splat(1.0));
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
        ui.painter().rect_filled(well, theme::RADIUS, palette.well);
        let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
        painter.rect_filled(rect, theme::SMALL_RADIUS, palette.cross_edge);
        let on_screen = |p: &[f32; 2]| -> Pos2 { pos2(rect.left() + p[0] * side, rect.top() + p[1] * side) };
        for stroke in &self.strokes {
            let points: Vec<Pos2> = stroke.iter().map(on_screen).collect();
            for point in points.iter().step_by(2).chain(points.last()) {
                painter.circle_filled(*point, PEN * side / 2.0, palette.cross);
            }
            painter.line(points, Stroke::new(PEN * side, palette.cross));
        }
        if self.strokes.is_empty() {
            let colour = palette.cross.gamma_multiply(0.6);
            let (middle, font) = (egui::Align2::CENTER_CENTER, theme::heading_font());
            painter.text(rect.center(), middle, "Draw a digit here", font, colour);
        }
        ui.painter().rect_stroke(rect, theme::SMALL_RADIUS, Stroke::new(2.0, palette.accent), StrokeKind::Outside);
        response.clone().on_hover_cursor(egui::CursorIcon::Crosshair);
        if changed {
            out.push(ExploreCommand::Show(self.picture()).into());
        }
    }
}
