//! The trade-off plots the clean against the adversarial error of each run.

use egui::{Align2, Pos2, Rect, RichText, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, vec2};
use egui_plot::{Line, LineStyle, MarkerShape, PlotPoint, PlotPoints, PlotTransform, PlotUi, Text};

use crate::app::format::short;
use crate::app::plots::hover;
use crate::app::plots::panel::RIGHT;
use crate::app::plots::quantity::per_cent;
use crate::app::plots::quiet::{Labels, Marker, PlotAxis, QuietPlot, rimmed, text_size};
use crate::app::plots::scene::{PlotRun, run_colour};
use crate::app::theme::{self, Palette, SPACE_1, SPACE_2, palette};
use crate::app::widgets::hint;
use crate::engine::train::Measured;
use crate::figure::axes::{AxisScale, Interval, per_cent_tick};
use crate::figure::{Judged, SweepAttack, SweepMeasure};

const RADIUS: f32 = 6.0;
const LOWEST: f32 = 120.0;
const LOW: f32 = 260.0;
const ABOUT_OWN: &str = "Each run at the epoch that it keeps: further left it errs less on clean pictures, further down \
                         less under the attack at the ε that it was trained with, so that only dots of one ε can be \
                         compared. The bars are 95 % intervals. A line joins those that no other of the same ε beats in \
                         both.";
const ABOUT_COMMON: &str = "The net of each run on the same test pictures: further left it errs less on clean pictures, \
                            further down less under the attack, at one ε for all. The bars are 95 % intervals. A line \
                            joins those that no other beats in both.";

#[derive(Clone, Copy)]
struct Dot {
    run: usize,
    epoch: usize,
    clean: Measured,
    adversarial: Measured,
}

/// Plots the clean against the adversarial error of each run by a measure. Returns the index in `runs` of the one that was
/// clicked.
pub fn trade_off(ui: &mut Ui, runs: &[PlotRun<'_>], measure: SweepMeasure) -> Option<usize> {
    let dot = |(run, plotted): (usize, &PlotRun<'_>)| {
        let Judged { epoch, clean, attacked } = measure.judge(&plotted.as_figure())?;
        Some(Dot { run, epoch, clean, adversarial: attacked })
    };
    let dots: Vec<Dot> = runs.iter().enumerate().filter_map(dot).collect();
    ui.horizontal(|ui| {
        ui.label(theme::caption(ui, "Adversarial against clean error"));
        hint(ui, if measure.is_common() { ABOUT_COMMON } else { ABOUT_OWN });
    });
    if dots.is_empty() {
        let text = match measure.is_common() {
            true => "Runs appear here once they have been measured at this ε.",
            false => "Runs appear here once an epoch was validated on clean and on adversarial pictures.",
        };
        ui.label(theme::weak(ui, text));
        return None;
    }
    let transform = plot(ui, runs, &dots, measure);
    // Every dot is asked, since asking draws what belongs to it.
    dots.iter().fold(None, |clicked, dot| interact(ui, runs, dot, measure, &transform).or(clicked))
}

/// Returns the name of the vertical axis, which a low plot has less room for.
fn axis_label(measure: SweepMeasure, height: f32) -> &'static str {
    match (measure.attack, measure.is_common()) {
        (SweepAttack::Fgsm, _) if height < LOW => "under FGSM",
        (SweepAttack::Pgd, _) if height < LOW => "under PGD",
        (SweepAttack::AutoAttack, _) if height < LOW => "under AutoAttack",
        (SweepAttack::Fgsm, false) => "error under FGSM at its own ε",
        (SweepAttack::Fgsm, true) => "error under FGSM at the common ε",
        (SweepAttack::Pgd, false) => "error under PGD at its own ε",
        (SweepAttack::Pgd, true) => "error under PGD at the common ε",
        (SweepAttack::AutoAttack, _) => "error under AutoAttack at the common ε",
    }
}

fn plot(ui: &mut Ui, runs: &[PlotRun<'_>], dots: &[Dot], measure: SweepMeasure) -> PlotTransform {
    let axis = |label, of: fn(&Dot) -> Measured| PlotAxis {
        label,
        text: per_cent_tick,
        ticks_from: 0.0,
        ..PlotAxis::new(AxisScale::Linear, ends(dots.iter().map(of)))
    };
    let x = PlotAxis { apart: 60.0, room: 34.0, ..axis("clean error", |dot| dot.clean) };
    let y =
        PlotAxis { apart: 28.0, room: 66.0, ..axis(axis_label(measure, ui.available_height()), |dot| dot.adversarial) };
    let mut quiet = QuietPlot::new(ui, "trade-off", x, y);
    quiet.size = vec2(ui.available_width() - RIGHT, ui.available_height().max(LOWEST));
    let palette = palette(ui);
    let shown = quiet.show(ui, |plot| {
        frontiers(plot, palette, runs, dots, measure);
        for dot in dots {
            let ((left, right), (low, high)) = (dot.clean.interval(), dot.adversarial.interval());
            let (PlotPoint { x, y }, colour) = (dot.at(), theme::faint_of(run_colour(palette, dot.run)));
            for ends in [[[left, y], [right, y]], [[x, low], [x, high]]] {
                plot.line(Line::new("", ends.to_vec()).stroke(Stroke::new(1.2, colour)));
            }
        }
        for dot in dots {
            let is_primary = runs[dot.run].is_primary;
            let rim = if is_primary { Stroke::new(1.0, palette.text) } else { Stroke::new(0.8, palette.field) };
            let colour = run_colour(palette, dot.run);
            rimmed(plot, dot.at(), Marker { shape: MarkerShape::Circle, radius: RADIUS, colour, rim });
        }
        labels(plot, palette, runs, dots);
    });
    shown.response.widget_info(|| {
        WidgetInfo::labeled(Role::Figure, true, format!("Adversarial against clean error of {} runs", dots.len()))
    });
    shown.transform
}

impl Dot {
    fn at(&self) -> PlotPoint {
        PlotPoint::new(self.clean.error(), self.adversarial.error())
    }
}

/// Joins the dots that no other beats in both errors, among those that can be compared: all of them at a common ε, and
/// otherwise those of the same ε.
fn frontiers(plot: &mut PlotUi<'_>, palette: &Palette, runs: &[PlotRun<'_>], dots: &[Dot], measure: SweepMeasure) {
    let eps = |dot: &Dot| if measure.is_common() { measure.eps } else { runs[dot.run].config.eps };
    let mut by_eps = dots.to_vec();
    by_eps.sort_by(|a, b| eps(a).total_cmp(&eps(b)));
    for comparable in by_eps.chunk_by(|a, b| eps(a) == eps(b)) {
        let path = frontier(comparable).into_iter().map(Dot::at).collect();
        let line = Line::new("", PlotPoints::Owned(path)).style(LineStyle::Dashed { length: 5.0 });
        plot.line(line.stroke(Stroke::new(1.5, theme::faint_of(palette.text))));
    }
}

fn ends(measured: impl Iterator<Item = Measured>) -> Interval {
    let (low, high) = measured.map(|m| m.interval()).fold((1.0f64, 0.0f64), |a, b| (a.0.min(b.0), a.1.max(b.1)));
    let room = 0.12 * (high - low).max(0.005);
    Interval::new((low - room).max(-0.02 * high), (high + room).min(1.02))
}

/// Returns the dots that no other dot beats in both errors, from left to right.
fn frontier(dots: &[Dot]) -> Vec<&Dot> {
    let is_beaten = |dot: &Dot, by: &Dot| by.at().x <= dot.at().x && by.at().y <= dot.at().y && by.at() != dot.at();
    let mut best: Vec<&Dot> = dots.iter().filter(|dot| !dots.iter().any(|other| is_beaten(dot, other))).collect();
    best.sort_by(|a, b| a.at().x.total_cmp(&b.at().x));
    best.dedup_by_key(|dot| dot.at());
    best
}

fn labels(plot: &mut PlotUi<'_>, palette: &Palette, runs: &[PlotRun<'_>], dots: &[Dot]) {
    let around = |dot: &Dot| Rect::from_center_size(plot.screen_from_plot(dot.at()), Vec2::splat(2.0 * RADIUS));
    let taken = dots.iter().map(around).collect();
    let mut labels = Labels { room: plot.transform().frame().shrink(2.0), apart: 0.0, taken };
    for dot in dots {
        let config = runs[dot.run].config;
        let text = format!("ε {} α {}", short(config.eps), short(config.alpha));
        let size = text_size(plot, &text, theme::number_font());
        if let Some(place) = labels.place(places(plot.screen_from_plot(dot.at()), size)) {
            let text = RichText::new(text).font(theme::number_font()).background_color(palette.canvas);
            let at = plot.plot_from_screen(place.center());
            plot.text(Text::new("", at, text).color(palette.text));
        }
    }
}

/// Returns the places for a label of this size: between the bars of its own dot, else beside, above or below it.
fn places(dot: Pos2, size: Vec2) -> impl Iterator<Item = Rect> {
    let corners = [Align2::LEFT_BOTTOM, Align2::LEFT_TOP, Align2::RIGHT_BOTTOM, Align2::RIGHT_TOP];
    let sides = [Align2::LEFT_CENTER, Align2::RIGHT_CENTER, Align2::CENTER_BOTTOM, Align2::CENTER_TOP];
    let away = corners.map(|align| (align, RADIUS * 0.5)).into_iter();
    let away = away.chain(sides.map(|align| (align, RADIUS + SPACE_1)));
    away.map(move |(align, distance)| align.anchor_size(dot - distance * align.to_sign(), size))
}

/// Returns the run of a dot that was clicked.
fn interact(
    ui: &Ui,
    runs: &[PlotRun<'_>],
    dot: &Dot,
    measure: SweepMeasure,
    transform: &PlotTransform,
) -> Option<usize> {
    let run = &runs[dot.run];
    let centre = transform.position_from_point(&dot.at());
    let rect = Rect::from_center_size(centre, Vec2::splat(2.0 * RADIUS + SPACE_2));
    let response = ui.interact(rect, ui.make_persistent_id(("dot", dot.run)), Sense::click());
    let value = |name: &str, measured: Measured| {
        let (low, high) = measured.interval();
        let n = measured.n;
        let error = per_cent(measured.error());
        format!("{name} {error} (95 %: {} to {}, n = {n})", per_cent(low), per_cent(high))
    };
    let settings = format!("ε {}, α {}, epoch {}", short(run.config.eps), short(run.config.alpha), dot.epoch);
    let values = [value("clean", dot.clean), value(&measure.in_words(), dot.adversarial)];
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
    use egui::pos2;

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
        let clean = ends(dots.iter().map(|dot| dot.clean));
        assert!(clean.low <= 0.0 && clean.high > dots[1].clean.interval().1);
        assert!(ends(dots.iter().map(|dot| dot.adversarial)).high <= 1.02);
    }

    #[test]
    fn labels_evade_dots_and_edges() {
        let room = Rect::from_min_size(pos2(0.0, 0.0), vec2(100.0, 100.0));
        let right = Rect::from_min_max(pos2(51.0, 39.0), pos2(100.0, 61.0));
        let left = Rect::from_min_max(pos2(0.0, 39.0), pos2(49.0, 61.0));
        // Whether the label lies to the right of its dot; `None` where there is no room above or below it either.
        for (x, taken, is_right) in [
            (20.0, vec![], Some(true)),
            (90.0, vec![], Some(false)),
            (50.0, vec![right], Some(false)),
            (50.0, vec![right, left], None),
        ] {
            let mut labels = Labels { room, apart: 0.0, taken };
            let place = labels.place(places(pos2(x, 50.0), vec2(30.0, 10.0)));
            assert_eq!(place.map(|place| place.center().x > x), is_right, "{x}");
        }
    }
}
