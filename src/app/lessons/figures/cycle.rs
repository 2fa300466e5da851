//! This figure says that examples are made for the net of the moment: attack, step, and attack anew.

use egui::{Align, Align2, Rect, Stroke, Ui, pos2, vec2};

use crate::app::lessons::figures::{Pen, describe, fitted};

const BOXES: [(&str, &str); 3] = [
    ("The net of this step", "weights w"),
    ("Attack it", "x + ε·sign ∇J, for these weights"),
    ("One step of SGD", "on the mixed cost; then forget the examples"),
];
const PLACES: [(f32, f32); 3] = [(0.5, 0.14), (0.8, 0.8), (0.2, 0.8)];

pub fn show(ui: &mut Ui, room: Rect) {
    describe(ui, room, "A circle: the net of this step, attack it, one step of training, and again with the new net.");
    let pen = Pen::new(ui);
    let room = fitted(room, 1.5);
    let size = vec2(0.38 * room.width(), 7.0 * pen.size);
    let place = |index: usize| {
        let (x, y) = PLACES[index];
        room.min + vec2(x * room.width(), y * room.height())
    };
    let stroke = Stroke::new(0.2 * pen.size, pen.palette.accent);
    let edges = [
        (place(0) + vec2(0.3, 0.5) * size, place(1) + vec2(-0.05, -0.55) * size),
        (place(1) + vec2(-0.53, 0.0) * size, place(2) + vec2(0.55, 0.0) * size),
        (place(2) + vec2(0.05, -0.5) * size, place(0) + vec2(-0.3, 0.55) * size),
    ];
    for (from, to) in edges {
        pen.arrow(from, to, stroke);
    }
    for (index, (name, text)) in BOXES.iter().enumerate() {
        let card = Rect::from_center_size(place(index), size);
        pen.card(card);
        let inner = card.shrink(pen.size);
        let title = pen.larger(1.05).strong(inner.center_top(), Align2::CENTER_TOP, name, pen.palette.text);
        let below = inner.with_min_y(title.bottom() + 0.3 * pen.size);
        pen.paragraph(below, text, Align::Center, pen.palette.weak);
    }
    let middle = pos2(room.center().x, room.center().y - 0.02 * room.height());
    pen.strong(middle, Align2::CENTER_CENTER, "again, at every step", pen.palette.accent);
}
