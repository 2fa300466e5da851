//! This figure shows how well the class has predicted.

use egui::{Align, Align2, Rect, Ui, pos2, vec2};

use crate::app::format::{per_cent, plural};
use crate::app::lessons::figures::{Pen, describe};
use crate::app::lessons::state::Score;
use crate::app::theme;

pub fn show(ui: &mut Ui, room: Rect, Score { questions, won, votes, right }: Score) {
    let (text, below) = match questions {
        0 => ("Nobody has voted".to_owned(), "At a question, keys 1 to 4 count raised hands.".to_owned()),
        _ => (format!("{won} of {questions}"), format!("question{} where the class was right", plural(questions))),
    };
    let share = right as f32 / votes.max(1) as f32;
    let counted = format!("{right} of {votes} vote{} for the right answer ({})", plural(votes), per_cent(share));
    let told = if votes > 0 { counted.as_str() } else { "" };
    describe(ui, room, format!("Score of the class: {text} {below}. {told}"));
    let pen = Pen::new(ui);
    let middle = room.center() - vec2(0.0, 3.0 * pen.size);
    let scale = if questions > 0 { 5.0 } else { 2.0 };
    let number = pen.larger(scale).strong(middle, Align2::CENTER_CENTER, text, pen.palette.accent);
    let lines = room.with_min_y(number.bottom() + 0.5 * pen.size);
    let line = pen.larger(1.2).paragraph(lines, &below, Align::Center, pen.palette.text);
    if votes == 0 {
        return;
    }
    let middle = pos2(room.center().x, line.bottom() + 2.5 * pen.size);
    let track = Rect::from_center_size(middle, vec2(0.6 * room.width(), 1.4 * pen.size));
    pen.bar(track, theme::RADIUS, share, pen.palette.right);
    let below = pos2(room.center().x, track.bottom() + 0.6 * pen.size);
    pen.text(below, Align2::CENTER_TOP, counted, pen.palette.weak);
}
