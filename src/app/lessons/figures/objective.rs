//! This figure shows the mixed cost of the picture on screen, with α to move.

use egui::{Align2, Rect, Slider, Ui, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::short;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::{Pen, describe, in_row};
use crate::app::lessons::file::{cost, cost_text};
use crate::app::theme;
use crate::worker::Shown;

pub fn show(ui: &mut Ui, room: Rect, mut alpha: f32, shown: &Shown, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    let (clean, attacked) = (cost(shown.label_prob.0), cost(shown.label_prob.1));
    let mixed = alpha * clean + (1.0 - alpha) * attacked;
    let [total, first, second] = [mixed, clean, attacked].map(cost_text);
    let numbers = format!("{total} = {}·{first} + {}·{second}", short(alpha), short(1.0 - alpha));
    describe(ui, room, format!("The cost of {}: {numbers}", shown.label.name));
    let pen = Pen::new(ui);
    let middle = room.center().x;
    let room = room.with_min_y(room.top() + (0.5 * (room.height() - 15.0 * size)).max(0.0));
    let scale = (room.width() / (22.0 * size)).min(1.6);
    let formula = "α·J(x) + (1 − α)·J(x + ε·sign ∇J)";
    pen.larger(scale).formula(pos2(middle, room.top() + 2.0 * size), formula, pen.palette.text);
    pen.larger(1.25 * scale).formula(pos2(middle, room.top() + 5.0 * size), &numbers, pen.palette.accent);
    let top = room.top() + 8.0 * size;
    let most = clean.max(attacked).max(1e-3);
    let rows = [
        (format!("J(x) of {}, untouched", shown.label.name), clean, pen.palette.right),
        ("J of its doppelgänger".into(), attacked, pen.palette.fooled),
        ("mixed".into(), mixed, pen.palette.accent),
    ];
    for (index, (name, cost, colour)) in rows.into_iter().enumerate() {
        let at = pos2(room.left(), top + index as f32 * 3.4 * size);
        pen.text(at, Align2::LEFT_TOP, name, pen.palette.text);
        pen.strong(pos2(room.right(), at.y), Align2::RIGHT_TOP, cost_text(cost), colour);
        let track = Rect::from_min_size(at + vec2(0.0, 1.5 * size), vec2(room.width(), size));
        pen.bar(track, theme::SMALL_RADIUS, (cost / most).clamp(0.0, 1.0), colour);
    }
    let slider = Rect::from_min_size(pos2(room.left(), top + 11.4 * size), vec2(room.width(), 2.2 * size));
    in_row(ui, slider, |ui| {
        ui.label(theme::strong("α"));
        ui.spacing_mut().slider_width = (ui.available_width() - 6.0 * size).max(4.0 * size);
        let slider = Slider::new(&mut alpha, 0.0..=1.0).fixed_decimals(2);
        if ui.add(slider).accessible_name("Share of the clean cost α").changed() {
            out.push(LessonCommand::Alpha(alpha).into());
        }
    });
}
