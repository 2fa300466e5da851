//! This figure is figure 4 of arXiv 1412.6572, live, with three pictures on the way.

use std::sync::Arc;

use egui::{Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use egui_plot::{PlotTransform, VLine};

use crate::app::commands::Command;
use crate::app::format::short;
use crate::app::lessons::figures::chart::{apart, chart};
use crate::app::lessons::figures::{Figures, Pen, halves, shown, wait};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::why::axis::{EpsAxis, ValueAxis, value_at};
use crate::app::pages::explore::why::curve::{CurveView, Widths};
use crate::app::plots::quiet::PlotAxis;
use crate::app::shell::Shell;
use crate::app::theme;
use crate::app::widgets::texture::Texture;
use crate::engine::picture::Rgba;
use crate::worker::{Along, ClassLine, Shown};

const NEAR: f32 = 0.1;

pub fn show(figures: &mut Figures, ui: &mut Ui, room: Rect, shell: &Shell, out: &mut Vec<Command>) {
    let known = shown(shell).and_then(|shown| Some((shown, shell.why.along(shown)?)));
    let Some((shown, (along, _))) = known else {
        return wait(ui, room, "Working out the net's answers along the direction of the attack…");
    };
    let size = theme::size_of_body(ui);
    let whole = along.eps.last().copied().unwrap_or(NEAR);
    let eps = if shown.view.is_fgsm() { shell.explore.view.eps } else { shown.linf };
    let reach = if shown.model.input.channels == 3 { NEAR.max(eps).min(whole) } else { whole };
    let film = room.with_min_y(room.bottom() - 0.36 * room.height());
    let upper = room.with_max_y(film.top() - size);
    let frame = Rect::from_min_max(
        pos2(upper.left() + 3.0 * size, upper.top() + 1.8 * size),
        pos2(upper.right() - 8.5 * size, upper.bottom() - 2.6 * size),
    );
    let axis = EpsAxis { is_log: false, reach };
    let sheet = CurveView { axis, values: ValueAxis::new(along, axis, true), shown, along, is_current: true, eps };
    let transform = plot(&sheet, ui, frame);
    if let Some(moved) = steer(&sheet, ui, &transform) {
        out.push(ExploreCommand::Eps(moved).into());
    }
    pictures(&sheet, figures, ui, film);
}

fn plot(sheet: &CurveView<'_>, ui: &mut Ui, frame: Rect) -> PlotTransform {
    let CurveView { shown, along, axis, eps, .. } = sheet;
    let (size, palette) = (theme::size_of_body(ui), theme::palette(ui));
    let x = PlotAxis { apart: 0.2 * frame.width(), ..axis.axis() };
    let y = PlotAxis { apart: 0.22 * frame.height(), ..sheet.values.axis(frame.height()) };
    let widths = Widths { strong: 0.18 * size, other: 0.1 * size };
    let reached = f64::from(eps.min(axis.reach));
    let now = VLine::new("", reached).stroke(Stroke::new(0.1 * size, palette.accent));
    let transform = chart(ui, frame, x, y, |plot| {
        sheet.add(plot, palette, widths);
        plot.vline(now);
    });
    let pen = Pen::new(ui);
    pen.text(pos2(frame.right(), frame.bottom() + 1.4 * size), Align2::RIGHT_TOP, "ε", palette.weak);
    pen.text(pos2(frame.left(), frame.top() - 0.4 * size), Align2::LEFT_BOTTOM, "logits", palette.weak);
    let knob = pos2(transform.position_from_point_x(reached), frame.bottom());
    pen.painter.circle_filled(knob, 0.35 * size, palette.accent);
    let end = |(index, line): (usize, &ClassLine)| {
        let end = value_at(&along.eps, &line.logits, axis.reach)?;
        Some((index, transform.position_from_point_y(f64::from(end))))
    };
    let (indices, ends) = along.lines.iter().enumerate().rev().filter_map(end).unzip::<_, _, Vec<_>, _>();
    for (index, y) in indices.into_iter().zip(apart(ends, 1.2 * size, frame.y_range())) {
        let at = pos2(frame.right() + 0.5 * size, y - 0.6 * size);
        let name = &shown.model.classes[along.lines[index].class];
        pen.cut(Rect::from_min_size(at, vec2(8.0 * size, size)), name, sheet.colour(palette, index));
    }
    transform
}

/// Lets a press or a drag on the curve move ε, which is returned.
fn steer(sheet: &CurveView<'_>, ui: &Ui, transform: &PlotTransform) -> Option<f32> {
    let response = ui.interact(*transform.frame(), ui.scope_id().with("curve"), Sense::click_and_drag());
    let text = format!("Logits against ε, which is {}", short(sheet.eps));
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &text));
    let pointer = response.interact_pointer_pos().filter(|_| sheet.shown.view.is_fgsm())?;
    Some(sheet.axis.eps(transform.value_from_position(pointer).x).max(0.0))
}

fn pictures(sheet: &CurveView<'_>, figures: &mut Figures, ui: &Ui, room: Rect) {
    let CurveView { shown, eps, .. } = sheet;
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
        let answer = answer(sheet.along, at);
        let name = answer.map_or("", |class| shown.class_name(class));
        let is_label = answer == Some(shown.label.index);
        let colour = if is_label { pen.palette.right } else { pen.palette.fooled };
        if is_label {
            pen.painter.rect_stroke(picture, 0, Stroke::new(0.15 * size, colour), StrokeKind::Outside);
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

/// Returns x − δ, the picture on the other side, made once for each.
fn mirrored(figures: &Figures, shown: &Shown) -> Arc<Rgba> {
    let (original, moved) = (&shown.original_rgba, &shown.adversarial_rgba);
    let opposite = |(before, after): (&u8, &u8)| (2 * i16::from(*before) - i16::from(*after)).clamp(0, 255) as u8;
    let bytes: Vec<u8> = original.bytes.iter().zip(&moved.bytes).map(opposite).collect();
    let kept = figures.pictures.first().and_then(Texture::rgba).filter(|kept| kept.bytes == bytes);
    kept.cloned().unwrap_or_else(|| Arc::new(Rgba { bytes, width: original.width, height: original.height }))
}

fn answer(along: &Along, eps: f32) -> Option<usize> {
    let at = |line: &ClassLine| value_at(&along.eps, &line.logits, eps);
    let best = along.lines.iter().filter_map(|line| Some((line.class, at(line)?)));
    best.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(class, _)| class)
}
