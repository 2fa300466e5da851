//! This figure shows the slope at a few pixels, steep and flat ones, and what of it FGSM keeps.

use egui::{Align2, Color32, Rect, Stroke, Ui, pos2};

use crate::app::format::{short, thousands};
use crate::app::lessons::figures::{Pen, describe, wait};
use crate::app::theme;
use crate::engine::picture::diverging;
use crate::worker::Shown;

const PIXELS: usize = 14;

pub fn show(ui: &mut Ui, room: Rect, eps: f32, shown: &Shown) {
    let mut slopes: Vec<f32> = shown.gradient.values.iter().copied().filter(|slope| *slope != 0.0).collect();
    if slopes.is_empty() {
        return wait(ui, room, "The gradient is zero at every pixel");
    }
    slopes.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    let last = slopes.len() - 1;
    // Ever farther apart in rank, from the steepest to the flattest.
    let rank = |i: usize| ((last as f32 + 1.0).powf(i as f32 / (PIXELS - 1) as f32) - 1.0).round() as usize;
    let chosen: Vec<f32> = (0..PIXELS).map(|i| slopes[rank(i).max(i).min(last)]).collect();
    let moved: Vec<f32> = chosen.iter().map(|slope| eps * slope.signum()).collect();
    let all: f32 = eps * slopes.iter().map(|slope| slope.abs()).sum::<f32>();
    let what = format!("The gradient at {PIXELS} pixels, and ε times its sign.");
    describe(ui, room, format!("{what} All pixels together: {}", short(all)));
    let size = theme::size_of_body(ui);
    let below = room.with_min_y(room.bottom() - 3.0 * size);
    let upper = room.with_max_y(below.top() - size);
    let parts = [upper.with_max_y(upper.center().y - 0.5 * size), upper.with_min_y(upper.center().y + 0.5 * size)];
    let pen = Pen::new(ui);
    let steepest = chosen[0].abs();
    bars(&pen, parts[0], &format!("∇J at {PIXELS} pixels, steep to flat (±{} at most)", short(steepest)), &chosen);
    bars(&pen, parts[1], &format!("ε·sign ∇J: all by {}", short(eps)), &moved);
    let text = format!("All {} values together: ε·Σ|∇J| = {}", thousands(slopes.len()), short(all));
    pen.strong(below.center_top(), Align2::CENTER_TOP, text, pen.palette.accent);
}

fn bars(pen: &Pen<'_>, room: Rect, title: &str, values: &[f32]) {
    let title = pen.strong(room.left_top(), Align2::LEFT_TOP, title, pen.palette.text);
    let room = room.with_min_y(title.bottom() + 0.4 * pen.size);
    let most = values.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
    let width = room.width() / values.len() as f32;
    let zero = room.center().y;
    for (index, value) in values.iter().enumerate() {
        let left = room.left() + index as f32 * width;
        let end = zero - value / most * 0.5 * room.height();
        // What is too small to see is still a line.
        let end = if (end - zero).abs() < 1.5 { zero - value.signum() * 1.5 } else { end };
        let bar = Rect::from_two_pos(pos2(left + 0.15 * width, zero), pos2(left + 0.85 * width, end));
        let [red, green, blue] = diverging(0.75 * value.signum());
        pen.painter.rect_filled(bar, 2, Color32::from_rgb(red, green, blue));
    }
    pen.painter.hline(room.x_range(), zero, Stroke::new(1.5, pen.palette.weak));
}
