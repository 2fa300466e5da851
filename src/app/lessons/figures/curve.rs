//! Figure 4 of arXiv 1412.6572, live: logits along the direction of the attack, and three pictures on the way.

use std::sync::Arc;

use eframe::egui::{Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::short;
use crate::app::lessons::figures::chart::{Chart, apart};
use crate::app::lessons::figures::{FigureWorld, Figures, Pen, halves, wait};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::why::axis::value_at;
use crate::app::pages::explore::why::legend::colour as class_colour;
use crate::app::plots::axes::linear;
use crate::app::theme;
use crate::app::widgets::texture::Texture;
use crate::engine::attack::Goal;
use crate::engine::picture::Rgba;
use crate::worker::{Along, Shown};

/// The answers of nets of photographs change within a few grey levels.
const NEAR: f32 = 0.1;
/// The share of the height that the pictures have.
const PICTURES: f32 = 0.36;

/// What is drawn: the curve of a view, ε, and how far the axis goes.
struct Sheet<'a> {
    shown: &'a Shown,
    along: &'a Along,
    eps: f32,
    reach: f32,
}

pub fn show(figures: &mut Figures, ui: &mut Ui, room: Rect, world: &FigureWorld<'_>, out: &mut Vec<Command>) {
    let known = world.shown().and_then(|shown| Some((shown, world.why.along(shown)?)));
    let Some((shown, (along, _))) = known else {
        return wait(ui, room, "Working out the net's answers along the direction of the attack…");
    };
    let size = theme::size_of_body(ui);
    let whole = along.eps.last().copied().unwrap_or(NEAR);
    let eps = if shown.view.is_fgsm() { world.explore.view.eps } else { shown.linf };
    let reach = if shown.model.input.channels == 3 { NEAR.max(eps).min(whole) } else { whole };
    let film = room.with_min_y(room.bottom() - PICTURES * room.height());
    let upper = room.with_max_y(film.top() - size);
    let frame = Rect::from_min_max(
        pos2(upper.left() + 3.0 * size, upper.top() + 1.8 * size),
        pos2(upper.right() - 8.5 * size, upper.bottom() - 2.6 * size),
    );
    let sheet = Sheet { shown, along, eps, reach };
    let chart = sheet.chart(frame);
    sheet.plot(ui, &chart);
    if let Some(moved) = sheet.steer(ui, &chart) {
        out.push(ExploreCommand::Eps(moved).into());
    }
    sheet.pictures(figures, ui, film);
}

impl Sheet<'_> {
    fn is_in_sight(&self, eps: f32) -> bool {
        eps.abs() <= self.reach
    }

    fn chart(&self, frame: Rect) -> Chart {
        let logits = self.along.lines.iter().flat_map(|line| self.along.eps.iter().zip(&line.logits));
        let in_sight = logits.filter(|(eps, _)| self.is_in_sight(**eps));
        let ends = in_sight.fold((f32::MAX, f32::MIN), |(low, high), (_, z)| (low.min(*z), high.max(*z)));
        let margin = 0.05 * (ends.1 - ends.0).max(1.0);
        let reach = f64::from(self.reach);
        Chart { frame, across: (-reach, reach), up: (f64::from(ends.0 - margin), f64::from(ends.1 + margin)) }
    }

    /// The interval in which the net is right, the lines with their names, and ε.
    fn plot(&self, ui: &Ui, chart: &Chart) {
        let Self { shown, along, .. } = self;
        let (pen, frame) = (Pen::new(ui), chart.frame);
        if let Some((left, right)) = along.right {
            let band = chart.x(left.into())..=chart.x(right.into());
            let band = Rect::from_x_y_ranges(band, frame.y_range()).intersect(frame);
            pen.painter.rect_filled(band, 0, theme::band_of(pen.palette.right));
        }
        let ticks = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|share| share * f64::from(self.reach));
        let across = ticks.map(|eps| (eps, short(eps as f32).replace('-', "−")));
        let up = linear(chart.up.0, chart.up.1, 0.22 * (chart.up.1 - chart.up.0));
        let up: Vec<_> = up.into_iter().map(|z| (z, format!("{z}").replace('-', "−"))).collect();
        chart.axes(&pen, &across, &up);
        let below = pos2(frame.right(), frame.bottom() + 1.4 * pen.size);
        pen.text(below, Align2::RIGHT_TOP, "ε", pen.palette.weak);
        let above = pos2(frame.left(), frame.top() - 0.4 * pen.size);
        pen.text(above, Align2::LEFT_BOTTOM, "logits", pen.palette.weak);
        let mut names = Vec::new();
        for (index, line) in along.lines.iter().enumerate().rev() {
            let colour = class_colour(pen.palette, shown, along, index);
            let is_named = line.class == shown.label.index || shown.view.goal == Goal::Targeted(line.class);
            let width = if is_named { 0.18 } else { 0.1 } * pen.size;
            let points = along.eps.iter().zip(&line.logits).filter(|(eps, _)| self.is_in_sight(**eps));
            chart.line(&pen, points.map(|(eps, z)| (f64::from(*eps), f64::from(*z))), width, colour);
            if let Some(end) = value_at(&along.eps, &line.logits, self.reach) {
                names.push((chart.y(f64::from(end)), shown.model.classes[line.class].as_str(), colour));
            }
        }
        let places = apart(names.iter().map(|(y, ..)| *y).collect(), 1.2 * pen.size, frame.y_range());
        for ((_, name, colour), y) in names.into_iter().zip(places) {
            let at = pos2(frame.right() + 0.5 * pen.size, y - 0.6 * pen.size);
            pen.cut(Rect::from_min_size(at, vec2(8.0 * pen.size, pen.size)), name, colour);
        }
        let x = chart.x(f64::from(self.eps.min(self.reach)));
        pen.painter.vline(x, frame.y_range(), Stroke::new(0.1 * pen.size, pen.palette.accent));
        pen.painter.circle_filled(pos2(x, frame.bottom()), 0.35 * pen.size, pen.palette.accent);
    }

    /// A press or a drag on the curve moves ε, which is returned.
    fn steer(&self, ui: &Ui, chart: &Chart) -> Option<f32> {
        let response = ui.interact(chart.frame, ui.scope_id().with("curve"), Sense::click_and_drag());
        let text = format!("Logits against ε, which is {}", short(self.eps));
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &text));
        let pointer = response.interact_pointer_pos().filter(|_| self.shown.view.is_fgsm())?;
        Some((chart.value(pointer.x) as f32).max(0.0))
    }

    /// The pictures at −ε, 0 and ε, with the first answer of each.
    fn pictures(&self, figures: &mut Figures, ui: &Ui, room: Rect) {
        let Self { shown, eps, .. } = self;
        let size = theme::size_of_body(ui);
        let [left, rest] = halves(room, 1.0 / 3.0, size);
        let [middle, right] = halves(rest, 0.5, size);
        let all = [
            (left, mirrored(figures, shown), -eps),
            (middle, shown.original_rgba.clone(), 0.0),
            (right, shown.adversarial_rgba.clone(), *eps),
        ];
        for (slot, (place, rgba, at)) in all.into_iter().enumerate() {
            let picture = figures.picture(ui, slot, place.with_max_y(place.bottom() - 2.8 * size), &rgba);
            let pen = Pen::new(ui);
            let answer = answer(self.along, at);
            let name = answer.and_then(|class| shown.model.classes.get(class)).map_or("", String::as_str);
            let is_label = answer == Some(shown.label.index);
            let colour = if is_label { pen.palette.right } else { pen.palette.fooled };
            if is_label {
                let edge = Stroke::new(0.15 * size, colour);
                pen.painter.rect_stroke(picture, 0, edge, StrokeKind::Outside);
            }
            let sign = if at > 0.0 { "+" } else { "" };
            let eps = format!("ε = {sign}{}", short(at)).replace('-', "−");
            let line = pos2(place.center().x, place.bottom() - 2.6 * size);
            pen.text(line, Align2::CENTER_TOP, eps, pen.palette.weak);
            let width = pen.painter.layout_no_wrap(name.into(), theme::strong_of(size), colour).size().x;
            let at = pos2(place.center().x - 0.5 * width.min(place.width()), place.bottom() - 1.3 * size);
            pen.cut(Rect::from_min_size(at, vec2(place.width(), size)), name, colour);
        }
    }
}

/// x − δ: the picture on the other side, made once for each.
fn mirrored(figures: &Figures, shown: &Shown) -> Arc<Rgba> {
    let (original, moved) = (&shown.original_rgba, &shown.adversarial_rgba);
    let opposite = |(before, after): (&u8, &u8)| (2 * i16::from(*before) - i16::from(*after)).clamp(0, 255) as u8;
    let bytes: Vec<u8> = original.bytes.iter().zip(&moved.bytes).map(opposite).collect();
    let kept = figures.pictures.first().and_then(Texture::rgba).filter(|kept| kept.bytes == bytes);
    kept.cloned().unwrap_or_else(|| Arc::new(Rgba { bytes, width: original.width, height: original.height }))
}

/// The class with the largest logit at ε, of those that the curve has.
fn answer(along: &Along, eps: f32) -> Option<usize> {
    let at = |line: &crate::worker::ClassLine| value_at(&along.eps, &line.logits, eps);
    let best = along.lines.iter().filter_map(|line| Some((line.class, at(line)?)));
    best.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(class, _)| class)
}
