//! This figure shows pixels as numbers of 8 bits, before and after, and ε beside a grey level.

use egui::{Align2, Button, Color32, FontId, Rect, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::short;
use crate::app::lessons::figures::{Pen, describe, halves, in_row};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::theme;
use crate::engine::picture::Rgba;
use crate::engine::units::LEVELS;
use crate::worker::Shown;

const SIDE: usize = 4;
/// The ruler is logarithmic; its ends are in grey levels.
const RULER: (f32, f32) = (0.5, 32.0);
/// Each ε can be tried; the name of the third stands below the ruler, where two are near each other.
const MARKS: [(&str, f32, bool); 4] = [
    ("1/255", 1.0 / LEVELS, false),
    (".007 paper", 0.007, false),
    ("1/2⁷ = .0078", 0.0078125, true),
    (".07 slide", 0.07, false),
];

pub fn show(ui: &mut Ui, room: Rect, eps: f32, shown: &Shown, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    let text = "Some pixels as numbers from 0 to 255, before and after.";
    describe(ui, room, format!("ε = {} is {} of 255 grey levels. {text}", short(eps), short(eps * LEVELS)));
    let low = room.with_min_y(room.bottom() - 10.0 * size);
    let grids = halves(room.with_max_y(low.top() - size), 0.5, 4.0 * size);
    numbers(ui, grids[0], "x", &shown.original_rgba, &shown.original_rgba);
    numbers(ui, grids[1], "x + ε·sign ∇J", &shown.adversarial_rgba, &shown.original_rgba);
    let between = pos2(room.center().x, grids[0].center().y);
    let pen = Pen::new(ui);
    let half = vec2(1.4 * size, 0.0);
    pen.arrow(between - half, between + half, Stroke::new(0.15 * size, pen.palette.weak));
    ruler(&pen, low.with_max_y(low.bottom() - 3.0 * size), eps);
    let buttons = low.with_min_y(low.bottom() - 2.2 * size);
    in_row(ui, buttons, |ui| {
        for (name, value, _) in MARKS {
            let is_chosen = (eps - value).abs() < 1e-6;
            let button = ui.add(Button::selectable(is_chosen, name).frame_when_inactive(true));
            if button.accessible_name(format!("ε = {name}")).clicked() {
                out.push(ExploreCommand::Eps(value).into());
            }
        }
    });
}

/// Shows the middle of a picture as numbers, of colours that of green, and frames what has changed.
fn numbers(ui: &Ui, room: Rect, name: &str, rgba: &Rgba, before: &Rgba) {
    let pen = Pen::new(ui);
    let title = pen.strong(room.center_top(), Align2::CENTER_TOP, name, pen.palette.weak);
    let room = room.with_min_y(title.bottom() + 0.4 * pen.size);
    let side = room.width().min(room.height()) / SIDE as f32;
    let grid = Rect::from_center_size(room.center(), Vec2::splat(side * SIDE as f32));
    let (left, top) = (rgba.width.saturating_sub(SIDE) / 2, rgba.height.saturating_sub(SIDE) / 2);
    for (row, column) in (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (row, column))) {
        let at = 4 * ((top + row) * rgba.width + left + column);
        let (Some(bytes), Some(old)) = (rgba.bytes.get(at..at + 4), before.bytes.get(at..at + 4)) else { continue };
        let cell = Rect::from_min_size(grid.min + vec2(column as f32 * side, row as f32 * side), Vec2::splat(side));
        pen.painter.rect_filled(cell.shrink(1.0), 0, Color32::from_rgb(bytes[0], bytes[1], bytes[2]));
        let is_light = u16::from(bytes[1]) * 2 + u16::from(bytes[0]) > 400;
        let ink = if is_light { Color32::BLACK } else { Color32::WHITE };
        let font = FontId::monospace((0.34 * side).max(pen.size));
        pen.painter.text(cell.center(), Align2::CENTER_CENTER, bytes[1], font, ink);
        if bytes != old {
            let edge = Stroke::new(0.1 * pen.size, pen.palette.fooled);
            pen.painter.rect_stroke(cell.shrink(2.0), 0, edge, StrokeKind::Inside);
        }
    }
}

fn ruler(pen: &Pen<'_>, room: Rect, eps: f32) {
    let line = room.center().y;
    let octaves = (RULER.1 / RULER.0).log2();
    let room = room.shrink2(vec2(pen.size, 0.0));
    let x = |levels: f32| {
        let share = (levels / RULER.0).log2() / octaves;
        room.left() + share.clamp(0.0, 1.0) * room.width()
    };
    let (stroke, tick) = (Stroke::new(0.08 * pen.size, pen.palette.weak), 0.25 * pen.size);
    pen.painter.hline(room.x_range(), line, stroke);
    for level in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0] {
        pen.painter.vline(x(level), line - tick..=line + tick, stroke);
    }
    for (name, value, is_below) in MARKS {
        let way = if is_below { 1.0 } else { -1.0 };
        let at = pos2(x(value * LEVELS), line + way * 0.9 * pen.size);
        pen.painter.vline(at.x, line.min(at.y)..=line.max(at.y), Stroke::new(0.08 * pen.size, pen.palette.text));
        let anchor = if is_below { Align2::CENTER_TOP } else { Align2::CENTER_BOTTOM };
        pen.text(at, anchor, name, pen.palette.text);
    }
    let levels = eps * LEVELS;
    pen.painter.circle_filled(pos2(x(levels), line), 0.4 * pen.size, pen.palette.accent);
    let at = pos2(room.right(), line + 0.6 * pen.size);
    pen.strong(at, Align2::RIGHT_TOP, format!("ε = {} levels", short(levels)), pen.palette.accent);
}
