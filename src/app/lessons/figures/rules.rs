//! This figure shows a step of training and a step of an attack side by side.

use egui::{Align, Align2, Color32, Pos2, Rect, Shape, Stroke, Ui, pos2};

use crate::app::lessons::figures::{Pen, describe, halves};

struct UpdateRule {
    name: &'static str,
    formula: &'static str,
    text: &'static str,
    axis: &'static str,
    /// The ball goes these ways from its place, in shares of the axis: downhill, uphill.
    ways: &'static [(f32, &'static str)],
}

const RULES: [UpdateRule; 2] = [
    UpdateRule {
        name: "Training",
        formula: "w ← w − η·∇|w|J",
        text: "The pictures stay. The weights move, so that the loss falls.",
        axis: "weights w",
        ways: &[(-1.0, "less loss")],
    },
    UpdateRule {
        name: "Attack",
        formula: "x ← x ± η·∇|x|J",
        text: "The weights stay. The pixels move, so that the loss of the label grows, or that of another class falls.",
        axis: "pixels x",
        ways: &[(1.0, "+ away from the label"), (-1.0, "− to a class")],
    },
];

pub fn show(ui: &mut Ui, room: Rect) {
    describe(ui, room, "Training: w ← w − η∇J with respect to w. Attack: x ← x ± η∇J with respect to x.");
    let pen = Pen::new(ui);
    let colours = [pen.palette.accent, pen.palette.fooled];
    let cards = halves(room, 0.5, pen.size);
    for ((rule, card), colour) in RULES.iter().zip(cards).zip(colours) {
        pen.card(card);
        let inner = card.shrink(1.2 * pen.size);
        pen.larger(1.4).strong(inner.left_top(), Align2::LEFT_TOP, rule.name, colour);
        let top = inner.top() + 4.2 * pen.size;
        let scale = (inner.width() / (8.2 * pen.size)).clamp(1.0, 2.4);
        pen.larger(scale).formula(pos2(inner.center().x, top), rule.formula, pen.palette.text);
        let text = Rect::from_min_max(pos2(inner.left(), inner.bottom() - 6.0 * pen.size), inner.max);
        pen.paragraph(text, rule.text, Align::Min, pen.palette.text);
        let hill = Rect::from_min_max(pos2(inner.left(), top + 2.6 * pen.size), text.right_top());
        landscape(&pen, hill, rule, colour);
    }
}

fn landscape(pen: &Pen<'_>, room: Rect, rule: &UpdateRule, colour: Color32) {
    let room = Rect::from_min_max(room.min, room.max - egui::vec2(0.0, 2.4 * pen.size));
    if room.height() < 2.0 * pen.size {
        return;
    }
    let loss = |t: f32| 0.9 - 0.8 * (-((t - 0.5) / 0.24).powi(2)).exp();
    let place = |t: f32| -> Pos2 {
        pos2(room.left() + t * room.width(), room.bottom() - loss(t).clamp(0.0, 1.0) * room.height())
    };
    let axis = Stroke::new(1.5, pen.palette.line);
    pen.painter.hline(room.x_range(), room.bottom(), axis);
    pen.text(room.right_bottom(), Align2::RIGHT_TOP, rule.axis, pen.palette.weak);
    pen.text(room.left_top(), Align2::LEFT_TOP, "J", pen.palette.weak);
    let line = (0..=80).map(|i| place(i as f32 / 80.0)).collect();
    pen.painter.add(Shape::line(line, Stroke::new(0.1 * pen.size, pen.palette.weak)));
    let ball = 0.68;
    for (way, words) in rule.ways {
        let to = ball + way * 0.11;
        let lift = egui::vec2(0.0, -0.7 * pen.size);
        pen.arrow(place(ball) + lift, place(to) + lift, Stroke::new(0.14 * pen.size, colour));
        // Uphill above the slope, downhill in the wide part of the valley.
        let (at, anchor) = match *way > 0.0 {
            true => (room.right_top(), Align2::RIGHT_CENTER),
            false => (pos2(place(0.5).x, place(0.24).y), Align2::CENTER_CENTER),
        };
        pen.text(at, anchor, words, colour);
    }
    pen.painter.circle_filled(place(ball), 0.42 * pen.size, pen.palette.text);
}
