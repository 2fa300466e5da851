//! Figure 4 of arXiv 1412.6572, live: logits along the direction of the attack, and three pictures on the way.

use std::sync::Arc;

use eframe::egui::{Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2};

use super::chart::{Chart, apart};
use super::{FigureWorld, Figures, Pen, halves, wait};
use crate::app::commands::Command;
use crate::app::panes::why::{class_colour, value_at};
use crate::app::theme;
use crate::app::words::short;
use crate::engine::attack::Goal;
use crate::engine::picture::Rgba;
use crate::worker::{Along, Shown};

/// The answers of nets of photographs change within a few grey levels.
const NEAR: f32 = 0.1;
/// The share of the height that the pictures have.
const PICTURES: f32 = 0.36;

pub fn show(figures: &mut Figures, ui: &mut Ui, room: Rect, world: &FigureWorld<'_>, out: &mut Vec<Command>) {
    let known = world.explore.shown.as_deref().and_then(|shown| Some((shown, world.why.along(shown)?)));
    let Some((shown, (along, _))) = known else {
        return wait(ui, room, "Working out the net's answers along the direction of the attack…");
    };
    let size = theme::size_of_body(ui);
    let whole = along.eps.last().copied().unwrap_or(NEAR);
    let eps = if shown.view.is_fgsm() { world.explore.eps() } else { shown.linf };
    let reach = if shown.model.input.channels == 3 { NEAR.max(eps).min(whole) } else { whole };
    let film = room.with_min_y(room.bottom() - PICTURES * room.height());
    let upper = room.with_max_y(film.top() - size);
    let frame = Rect::from_min_max(
        pos2(upper.left() + 3.0 * size, upper.top() + 1.8 * size),
        pos2(upper.right() - 8.5 * size, upper.bottom() - 2.6 * size),
    );
    if let Some(moved) = plot(ui, frame, (shown, along), (eps, reach)) {
        out.push(Command::Eps(moved));
    }
    pictures(figures, ui, film, (shown, along), eps);
}

/// The lines; a press or a drag moves ε, which is returned.
fn plot(ui: &mut Ui, frame: Rect, (shown, along): (&Shown, &Along), (eps, reach): (f32, f32)) -> Option<f32> {
    let pen = Pen::new(ui);
    let in_sight = |at: &f32| at.abs() <= reach;
    let logits = along.lines.iter().flat_map(|line| along.eps.iter().zip(&line.logits));
    let (low, high) = logits.filter(|(at, _)| in_sight(at)).fold((f32::MAX, f32::MIN), |(low, high), (_, z)| {
        (low.min(*z), high.max(*z))
    });
    let margin = 0.05 * (high - low).max(1.0);
    let reach = f64::from(reach);
    let chart = Chart { frame, across: (-reach, reach), up: (f64::from(low - margin), f64::from(high + margin)) };
    if let Some((left, right)) = along.right {
        let band = Rect::from_x_y_ranges(chart.x(left.into())..=chart.x(right.into()), frame.y_range()).intersect(frame);
        pen.painter.rect_filled(band, 0, theme::band_of(pen.palette.right));
    }
    let ticks = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|share| share * reach);
    let across = ticks.map(|eps| (eps, short(eps as f32).replace('-', "−")));
    let up = crate::app::panes::plots::axes::linear(chart.up.0, chart.up.1, 0.22 * (chart.up.1 - chart.up.0));
    let up: Vec<_> = up.into_iter().map(|z| (z, format!("{z}").replace('-', "−"))).collect();
    chart.axes(&pen, &across, &up);
    pen.text(pos2(frame.right(), frame.bottom() + 1.4 * pen.size), Align2::RIGHT_TOP, "ε", pen.palette.weak);
    pen.text(frame.left_top() - eframe::egui::vec2(0.0, 0.4 * pen.size), Align2::LEFT_BOTTOM, "logits", pen.palette.weak);
    let mut names = Vec::new();
    for (index, line) in along.lines.iter().enumerate().rev() {
        let colour = class_colour(pen.palette, shown, along, index);
        let is_named = line.class == shown.label.index || shown.view.goal == Goal::Targeted(line.class);
        let width = if is_named { 0.18 } else { 0.1 } * pen.size;
        let points = along.eps.iter().zip(&line.logits).filter(|(at, _)| in_sight(at));
        chart.line(&pen, points.map(|(at, z)| (f64::from(*at), f64::from(*z))), width, colour);
        if let Some(end) = value_at(&along.eps, &line.logits, reach as f32) {
            names.push((chart.y(f64::from(end)), shown.model.classes[line.class].as_str(), colour));
        }
    }
    let places = apart(names.iter().map(|(y, ..)| *y).collect(), 1.2 * pen.size, (frame.top(), frame.bottom()));
    for ((_, name, colour), y) in names.into_iter().zip(places) {
        pen.cut(pos2(frame.right() + 0.5 * pen.size, y - 0.6 * pen.size), name, (8.0 * pen.size, colour));
    }
    let x = chart.x(f64::from(eps.min(reach as f32)));
    pen.painter.vline(x, frame.y_range(), Stroke::new(0.1 * pen.size, pen.palette.accent));
    pen.painter.circle_filled(pos2(x, frame.bottom()), 0.35 * pen.size, pen.palette.accent);
    let response = ui.interact(frame, ui.scope_id().with("curve"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Logits against ε, which is {}", short(eps))));
    let pointer = response.interact_pointer_pos().filter(|_| shown.view.is_fgsm())?;
    Some((chart.value(pointer.x) as f32).max(0.0))
}

/// The pictures at −ε, 0 and ε, with the first answer of each.
fn pictures(figures: &mut Figures, ui: &mut Ui, room: Rect, (shown, along): (&Shown, &Along), eps: f32) {
    let size = theme::size_of_body(ui);
    let [left, rest] = halves(room, 1.0 / 3.0, size);
    let [middle, right] = halves(rest, 0.5, size);
    let mirrored = mirrored(figures, shown);
    let all = [
        (left, mirrored, -eps),
        (middle, shown.original_rgba.clone(), 0.0),
        (right, shown.adversarial_rgba.clone(), eps),
    ];
    for (slot, (place, rgba, at)) in all.into_iter().enumerate() {
        let picture = figures.picture(ui, slot, place.with_max_y(place.bottom() - 2.8 * size), &rgba);
        let pen = Pen::new(ui);
        let answer = answer(along, at);
        let name = answer.and_then(|class| shown.model.classes.get(class)).map_or("", String::as_str);
        let is_label = answer == Some(shown.label.index);
        if is_label {
            let edge = Stroke::new(0.15 * size, pen.palette.right);
            pen.painter.rect_stroke(picture, 0, edge, StrokeKind::Outside);
        }
        let colour = if is_label { pen.palette.right } else { pen.palette.fooled };
        let line = pos2(place.center().x, place.bottom() - 2.6 * size);
        let sign = if at > 0.0 { "+" } else { "" };
        let eps = format!("ε = {sign}{}", short(at)).replace('-', "−");
        pen.text(line, Align2::CENTER_TOP, eps, pen.palette.weak);
        let galley = pen.painter.layout_no_wrap(name.into(), theme::strong_of(size), colour);
        let x = place.center().x - 0.5 * galley.size().x.min(place.width());
        pen.cut(pos2(x, place.bottom() - 1.3 * size), name, (place.width(), colour));
    }
}

/// x − δ: the picture on the other side, made once for each.
fn mirrored(figures: &Figures, shown: &Shown) -> Arc<Rgba> {
    let (original, moved) = (&shown.original_rgba, &shown.adversarial_rgba);
    let opposite = |(before, after): (&u8, &u8)| (2 * i16::from(*before) - i16::from(*after)).clamp(0, 255) as u8;
    let bytes: Vec<u8> = original.bytes.iter().zip(&moved.bytes).map(opposite).collect();
    let kept = figures.pictures.first().map(|kept| &kept.rgba).filter(|kept| kept.bytes == bytes);
    kept.cloned().unwrap_or_else(|| Arc::new(Rgba { bytes, width: original.width, height: original.height }))
}

/// The class with the largest logit at ε, of those that the curve has.
fn answer(along: &Along, eps: f32) -> Option<usize> {
    let at = |line: &crate::worker::ClassLine| value_at(&along.eps, &line.logits, eps);
    let best = along.lines.iter().filter_map(|line| Some((line.class, at(line)?)));
    best.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(class, _)| class)
}
