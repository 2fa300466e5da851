//! This figure shows the mixed cost of the picture on screen, with α to move.

use eframe::egui::{Align2, Color32, Rect, Slider, Ui, UiBuilder, Vec2, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::short;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::{FigureWorld, Pen, describe, wait};
use crate::app::lessons::state::{cost, cost_text};
use crate::app::theme;

const HEIGHT: f32 = 15.0;

pub fn show(ui: &mut Ui, room: Rect, world: &FigureWorld<'_>, out: &mut Vec<Command>) {
    let Some(shown) = world.shown() else {
        return wait(ui, room, "Loading the net and the first picture…");
    };
    let size = theme::size_of_body(ui);
    let mut alpha = world.lessons.alpha;
    let costs = [cost(shown.label_prob.0), cost(shown.label_prob.1)];
    let mixed = alpha * costs[0] + (1.0 - alpha) * costs[1];
    let numbers = format!(
        "{} = {}·{} + {}·{}",
        cost_text(mixed),
        short(alpha),
        cost_text(costs[0]),
        short(1.0 - alpha),
        cost_text(costs[1])
    );
    describe(ui, room, format!("The cost of {}: {numbers}", shown.label.name));
    let pen = Pen::new(ui);
    let middle = room.center().x;
    let room = room.with_min_y(room.top() + (0.5 * (room.height() - HEIGHT * size)).max(0.0));
    let scale = (room.width() / (22.0 * size)).min(1.6);
    let formula = "α·J(x) + (1 − α)·J(x + ε·sign ∇J)";
    pen.larger(scale).formula(pos2(middle, room.top() + 2.0 * size), formula, pen.palette.text);
    pen.larger(1.25 * scale).formula(pos2(middle, room.top() + 5.0 * size), &numbers, pen.palette.accent);
    let top = room.top() + 8.0 * size;
    let most = costs[0].max(costs[1]).max(1e-3);
    let row = |name: String, cost: f32, colour: Color32| Row { name, cost, share: cost / most, colour };
    let rows = [
        row(format!("J(x) of {}, untouched", shown.label.name), costs[0], pen.palette.right),
        row("J of its doppelgänger".into(), costs[1], pen.palette.fooled),
        row("mixed".into(), mixed, pen.palette.accent),
    ];
    for (index, row) in rows.iter().enumerate() {
        let at = pos2(room.left(), top + index as f32 * 3.4 * size);
        row.draw(&pen, Rect::from_min_size(at, vec2(room.width(), 3.0 * size)));
    }
    let slider = Rect::from_min_size(pos2(room.left(), top + 11.4 * size), vec2(room.width(), 2.2 * size));
    ui.scope_builder(UiBuilder::new().max_rect(slider), |ui| {
        ui.horizontal(|ui| {
            ui.label(theme::strong("α"));
            ui.spacing_mut().slider_width = (ui.available_width() - 6.0 * size).max(4.0 * size);
            let slider = Slider::new(&mut alpha, 0.0..=1.0).fixed_decimals(2);
            if ui.add(slider).accessible_name("Share of the clean cost α").changed() {
                out.push(LessonCommand::Alpha(alpha).into());
            }
        });
    });
}

struct Row {
    name: String,
    cost: f32,
    share: f32,
    colour: Color32,
}

impl Row {
    fn draw(&self, pen: &Pen<'_>, room: Rect) {
        pen.text(room.left_top(), Align2::LEFT_TOP, &self.name, pen.palette.text);
        pen.strong(room.right_top(), Align2::RIGHT_TOP, cost_text(self.cost), self.colour);
        let track = Rect::from_min_size(room.min + vec2(0.0, 1.5 * pen.size), Vec2::new(room.width(), pen.size));
        pen.painter.rect_filled(track, theme::SMALL_RADIUS, pen.palette.raised);
        let filled = track.with_max_x(track.left() + self.share.clamp(0.0, 1.0) * track.width());
        pen.painter.rect_filled(filled, theme::SMALL_RADIUS, self.colour);
    }
}
