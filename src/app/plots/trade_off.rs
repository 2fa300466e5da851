//! What each run pays: its clean against its adversarial error.

use std::ops::RangeInclusive;

use eframe::egui::{Align2, Rangef, Rect, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};
use egui_plot::{AxisHints, GridMark, Plot, PlotTransform};

use crate::app::format::short;
use crate::app::plots::axes::{Scale, per_cent_tick};
use crate::app::plots::curve::Sheet;
use crate::app::plots::panel::RIGHT;
use crate::app::plots::quantity::{Quantity, per_cent};
use crate::app::plots::scene::run_colour;
use crate::app::plots::{PlotRun, hover};
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::hint;
use crate::engine::train::Measured;

const RADIUS: f32 = 6.0;
const CAP: f32 = 3.0;
const LOWEST: f32 = 120.0;
const ABOUT: &str = "Each run at the epoch that it keeps: further left it errs less on clean pictures, further down less \
                     under FGSM at the ε that it was trained with, so that only dots of one ε can be compared. The bars are 95 % intervals. A line joins those that no other of the same \
                     ε beats in both.";

/// A run that has been validated both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dot {
    run: usize,
    epoch: usize,
    clean: Measured,
    adversarial: Measured,
}

/// Clean against adversarial validation error of the epoch that each run keeps, with 95 % intervals. Colours follow the
/// order of `runs`. Returns the index in `runs` of the one that was clicked.
pub fn trade_off(ui: &mut Ui, runs: &[PlotRun<'_>]) -> Option<usize> {
    let dot = |(run, plotted): (usize, &PlotRun<'_>)| {
        let record = plotted.kept()?;
        Some(Dot { run, epoch: record.epoch, clean: record.clean?, adversarial: record.adversarial? })
    };
    let dots: Vec<Dot> = runs.iter().enumerate().filter_map(dot).collect();
    ui.horizontal(|ui| {
        ui.label(theme::caption(ui, "Adversarial against clean error"));
        hint(ui, ABOUT);
    });
    if dots.is_empty() {
        let text = "Runs appear here once an epoch was validated on clean and on adversarial pictures.";
        ui.label(theme::weak(ui, text));
        return None;
    }
    let transform = axes(ui, &dots);
    let sheet = Sheet { transform, scale: Scale::Linear };
    paint(ui, runs, &dots, &sheet);
    // Every dot is asked, since asking draws what belongs to it.
    dots.iter().fold(None, |clicked, dot| interact(ui, runs, dot, &sheet).or(clicked))
}

fn axes(ui: &mut Ui, dots: &[Dot]) -> PlotTransform {
    let palette = palette(ui);
    let hints = |hints: AxisHints<'static>, label: &str, thickness: f32| {
        let text = |mark: GridMark, _: &RangeInclusive<f64>| per_cent_tick((mark.value * 1e9).round() / 1e9);
        hints
            .label(theme::weak(ui, label))
            .formatter(text)
            .label_spacing(Rangef::new(1.0, 2.0))
            .tick_label_color(palette.weak)
            .tick_label_font(theme::number_font())
            .min_thickness(thickness)
    };
    let ticks = |(low, high): (f64, f64), apart: f64| -> Vec<GridMark> {
        let ticks: Vec<f64> = Scale::Linear.ticks((low, high), apart).into_iter().map(|(place, _)| place).collect();
        let step_size = ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        ticks.into_iter().map(|value| GridMark { value, step_size }).collect()
    };
    let mut plot = Plot::new("trade-off")
        .width(ui.available_width() - RIGHT)
        .height(ui.available_height().max(LOWEST))
        .custom_x_axes(vec![hints(AxisHints::new_x(), "clean error", 34.0)])
        .custom_y_axes(vec![hints(AxisHints::new_y(), "error under FGSM at its own ε", 66.0)])
        .x_grid_spacer(move |input| ticks(input.bounds, input.base_step_size / 8.0 * 60.0))
        .y_grid_spacer(move |input| ticks(input.bounds, input.base_step_size / 8.0 * 28.0))
        .grid_color(palette.line)
        .grid_fade(0.0)
        .sense(Sense::hover())
        .show_x(false)
        .show_y(false)
        .allow_scroll(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_axis_zoom_drag(false)
        .set_margin_fraction(Vec2::ZERO);
    let [x, y] = [|dot: &Dot| dot.clean, |dot: &Dot| dot.adversarial].map(|of| ends(dots.iter().map(of)));
    for (x, y) in [(x.0, y.0), (x.1, y.1)] {
        plot = plot.include_x(x).include_y(y);
    }
    let shown = plot.show(ui, |_| ());
    shown.response.widget_info(|| {
        WidgetInfo::labeled(Role::Figure, true, format!("Adversarial against clean error of {} runs", dots.len()))
    });
    shown.transform
}

/// The ends of an axis that holds these errors and their intervals, with some room for labels.
fn ends(measured: impl Iterator<Item = Measured>) -> (f64, f64) {
    let (low, high) = measured.map(|m| m.interval()).fold((1.0f64, 0.0f64), |a, b| (a.0.min(b.0), a.1.max(b.1)));
    let room = 0.12 * (high - low).max(0.005);
    ((low - room).max(-0.02 * high), (high + room).min(1.02))
}

/// The dots that no other dot beats in both errors, from left to right.
fn frontier(dots: &[Dot]) -> Vec<&Dot> {
    let mut sorted: Vec<&Dot> = dots.iter().collect();
    let key = |dot: &Dot| (dot.clean.error(), dot.adversarial.error());
    sorted.sort_by(|a, b| key(a).0.total_cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1)));
    let mut lowest = f64::INFINITY;
    sorted.retain(|dot| {
        let is_better = key(dot).1 < lowest;
        lowest = lowest.min(key(dot).1);
        is_better
    });
    sorted
}

fn paint(ui: &Ui, runs: &[PlotRun<'_>], dots: &[Dot], sheet: &Sheet) {
    let palette = palette(ui);
    let frame = *sheet.transform.frame();
    let painter = ui.painter().with_clip_rect(frame.intersect(ui.clip_rect()));
    let at = |dot: &Dot| sheet.at(dot.clean.error(), dot.adversarial.error());
    let eps = |dot: &Dot| runs[dot.run].config.eps;
    let mut by_eps = dots.to_vec();
    by_eps.sort_by(|a, b| eps(a).total_cmp(&eps(b)));
    for comparable in by_eps.chunk_by(|a, b| eps(a) == eps(b)) {
        let line: Vec<_> = frontier(comparable).into_iter().map(at).collect();
        painter.extend(Shape::dashed_line(&line, Stroke::new(1.5, theme::faint_of(palette.text)), 4.0, 4.0));
    }
    let mut taken: Vec<Rect> =
        dots.iter().map(|dot| Rect::from_center_size(at(dot), Vec2::splat(2.0 * RADIUS))).collect();
    for dot in dots {
        let stroke = Stroke::new(1.2, theme::faint_of(run_colour(palette, dot.run)));
        let ((left, right), (low, high)) = (dot.clean.interval(), dot.adversarial.interval());
        let (clean, adversarial) = (dot.clean.error(), dot.adversarial.error());
        for (end, cap) in
            [(sheet.at(left, adversarial), vec2(0.0, CAP)), (sheet.at(right, adversarial), vec2(0.0, CAP))]
                .into_iter()
                .chain([(sheet.at(clean, low), vec2(CAP, 0.0)), (sheet.at(clean, high), vec2(CAP, 0.0))])
        {
            painter.line_segment([at(dot), end], stroke);
            painter.line_segment([end - cap, end + cap], stroke);
        }
    }
    for dot in dots {
        let run = &runs[dot.run];
        let colour = run_colour(palette, dot.run);
        let edge = if run.is_primary { Stroke::new(2.0, palette.text) } else { Stroke::new(1.5, palette.field) };
        painter.circle(at(dot), RADIUS, colour, edge);
        let text = format!("ε {} α {}", short(run.config.eps), short(run.config.alpha));
        let galley = painter.layout_no_wrap(text, theme::number_font(), palette.text);
        if let Some(place) = free_place(at(dot), galley.size(), frame, &taken) {
            // The bars of others are not to be read as a part of the text.
            painter.rect_filled(place, 2, palette.canvas);
            painter.galley(place.min, galley, palette.text);
            taken.push(place);
        }
    }
}

/// Where a label of this size beside a dot lies clear of all others: between the bars of its own dot if it can, else beside,
/// above or below it.
fn free_place(dot: eframe::egui::Pos2, size: Vec2, frame: Rect, taken: &[Rect]) -> Option<Rect> {
    let away = RADIUS + SPACE_1;
    let aside = RADIUS * 0.5;
    let places = [
        Align2::LEFT_BOTTOM.anchor_size(pos2(dot.x + aside, dot.y - aside), size),
        Align2::LEFT_TOP.anchor_size(pos2(dot.x + aside, dot.y + aside), size),
        Align2::RIGHT_BOTTOM.anchor_size(pos2(dot.x - aside, dot.y - aside), size),
        Align2::RIGHT_TOP.anchor_size(pos2(dot.x - aside, dot.y + aside), size),
        Align2::LEFT_CENTER.anchor_size(pos2(dot.x + away, dot.y), size),
        Align2::RIGHT_CENTER.anchor_size(pos2(dot.x - away, dot.y), size),
        Align2::CENTER_BOTTOM.anchor_size(pos2(dot.x, dot.y - away), size),
        Align2::CENTER_TOP.anchor_size(pos2(dot.x, dot.y + away), size),
    ];
    let is_free = |place: &Rect| frame.shrink(2.0).contains_rect(*place) && !taken.iter().any(|t| t.intersects(*place));
    places.into_iter().find(is_free)
}

/// Lets a dot be hovered, focused and clicked; returns its run when it was clicked.
fn interact(ui: &Ui, runs: &[PlotRun<'_>], dot: &Dot, sheet: &Sheet) -> Option<usize> {
    let run = &runs[dot.run];
    let centre = sheet.at(dot.clean.error(), dot.adversarial.error());
    let rect = Rect::from_center_size(centre, Vec2::splat(2.0 * RADIUS + SPACE_2));
    let response = ui.interact(rect, ui.make_persistent_id(("dot", dot.run)), Sense::click());
    let value = |quantity: Quantity, measured: Measured| {
        let (low, high) = measured.interval();
        let (name, n) = (quantity.name(), measured.n);
        let error = per_cent(measured.error());
        format!("{name} {error} (95 %: {} to {}, n = {n})", per_cent(low), per_cent(high))
    };
    let settings = format!("ε {}, α {}, epoch {}", short(run.config.eps), short(run.config.alpha), dot.epoch);
    let values = [value(Quantity::Clean, dot.clean), value(Quantity::Fgsm, dot.adversarial)];
    let words = || format!("{}: {settings}\n{}", run.name, values.join("\n"));
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words()));
    if response.has_focus() || response.hovered() {
        ui.painter().circle_stroke(centre, RADIUS + 4.0, Stroke::new(2.0, palette(ui).accent));
        hover::tip(&response, |ui| {
            ui.label(theme::strong(run.name));
            ui.label(theme::weak(ui, settings.as_str()));
            for value in &values {
                ui.label(value);
            }
        });
    }
    response.clicked().then_some(dot.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(run: usize, clean: usize, adversarial: usize) -> Dot {
        let measured = |wrong| Measured { n: 100, wrong, ..Measured::default() };
        Dot { run, epoch: 1, clean: measured(clean), adversarial: measured(adversarial) }
    }

    #[test]
    fn the_frontier_is_beaten_by_none() {
        let dots = [dot(0, 1, 90), dot(1, 2, 40), dot(2, 3, 50), dot(3, 2, 45), dot(4, 5, 20), dot(5, 1, 95)];
        let runs: Vec<usize> = frontier(&dots).into_iter().map(|dot| dot.run).collect();
        assert_eq!(runs, [0, 1, 4]);
        assert!(frontier(&[]).is_empty());
    }

    #[test]
    fn the_axes_hold_all_intervals() {
        let dots = [dot(0, 0, 100), dot(1, 10, 50)];
        let (low, high) = ends(dots.iter().map(|dot| dot.clean));
        assert!(low <= 0.0 && high > dots[1].clean.interval().1);
        assert!(ends(dots.iter().map(|dot| dot.adversarial)).1 <= 1.02);
    }

    #[test]
    fn labels_evade_dots_and_edges() {
        let frame = Rect::from_min_size(pos2(0.0, 0.0), vec2(100.0, 100.0));
        let place = |at, taken: &[Rect]| free_place(at, vec2(30.0, 10.0), frame, taken).map(|place| place.center());
        assert!(place(pos2(20.0, 50.0), &[]).is_some_and(|at| at.x > 20.0), "to the right");
        assert!(place(pos2(90.0, 50.0), &[]).is_some_and(|at| at.x < 90.0), "to the left at the right edge");
        let right = Rect::from_min_max(pos2(51.0, 40.0), pos2(100.0, 60.0));
        let left = Rect::from_min_max(pos2(0.0, 40.0), pos2(49.0, 60.0));
        assert!(place(pos2(50.0, 50.0), &[right]).is_some_and(|at| at.x < 50.0));
        assert!(place(pos2(50.0, 50.0), &[right, left]).is_none(), "no room above or below them either");
    }
}
