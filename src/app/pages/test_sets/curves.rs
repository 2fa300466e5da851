//! Security curves: accuracy against ε, with 95 % intervals.

use eframe::egui::{
    self, Align2, Button, ComboBox, Grid, Painter, Pos2, Rect, Role, ScrollArea, Sense, Shape, Stroke, Ui, Vec2,
    WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons;
use egui_plot::{AxisHints, GridMark, Plot, PlotTransform};

use crate::app::commands::Command;
use crate::app::format::{self, per_cent};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words;
use crate::app::pages::test_sets::commands::Part;
use crate::app::pages::test_sets::commands::TestCommand;
use crate::app::pages::test_sets::state::TestSet;
use crate::app::pages::test_sets::wording::{conditions, space};
use crate::app::plots::axes;
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::{icon_at, icon_button};
use crate::engine::attack::{Attack, Measure, Norm};
use crate::engine::statistics::wilson_interval;
use crate::engine::units::{LEVELS, counted};
use crate::worker::Curve;

const ROW: f32 = 28.0;
const NEAR: f32 = 12.0;
/// Columns of numbers, and the distance between all.
const NUMBERS: f32 = 92.0;
const GAP: f32 = 12.0;
const SWATCH: f32 = 22.0;
/// The last column.
const SURE: &str = "confidence on mistakes";
const LEAST_NAME: f32 = 140.0;
/// A narrower table leaves the room of its last column to the names.
const ROOMY: f32 = 760.0;
/// Smallest distance between lines of the grid.
const APART: f64 = 110.0;

/// Name of a curve.
pub fn title(curve: &Curve) -> String {
    format!("{} · {}", curve.title, words::attack(&curve.attack))
}

/// The curve and the ε that the other views show.
pub fn chooser(ui: &mut Ui, tests: &mut TestSet) {
    ui.add_space(SPACE_2);
    let (Some(looked_at), Some(curve)) = (tests.looked_at(), tests.curve()) else { return };
    let (name, at) = (title(curve), tests.at(curve));
    let eps: Vec<f32> = curve.found.attacked.iter().map(|result| result.eps).collect();
    let of_lengths = tests.part == Part::Lengths;
    let is_offered = |curve: &Curve| !of_lengths || curve.found.lengths.is_some();
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        let width = (ui.available_width() - if of_lengths { 16.0 } else { 260.0 }).clamp(160.0, 560.0);
        let combo = ComboBox::from_id_salt("curve").selected_text(&name).width(width).truncate();
        let response = combo.show_ui(ui, |ui| {
            for (index, curve) in tests.curves.iter().enumerate().filter(|(_, curve)| is_offered(curve)) {
                if ui.selectable_label(index == looked_at, title(curve)).clicked() {
                    chosen = Some(index);
                }
            }
        });
        response.response.on_hover_text(&name).accessible_name("Net and attack");
        if of_lengths {
            return;
        }
        let spelled =
            |eps: f32| if eps.is_finite() { format!("ε = {}", format::short(eps)) } else { "any length".into() };
        let shown = at.map_or_else(String::new, |at| spelled(eps[at]));
        let response = ComboBox::from_id_salt("ε of the curve").selected_text(shown).width(96.0).show_ui(ui, |ui| {
            for (index, &eps) in eps.iter().enumerate() {
                if ui.selectable_label(Some(index) == at, spelled(eps)).clicked() {
                    tests.eps = Some(eps);
                }
            }
        });
        response.response.accessible_name("ε to look at");
        ui.checkbox(&mut tests.clean, "Untouched").on_hover_text("The answers to the untouched pictures");
    });
    if let Some(index) = chosen {
        tests.chosen = index;
    }
    let conditions = tests.curve().map(conditions).unwrap_or_default();
    ui.add(egui::Label::new(theme::weak(ui, conditions)).wrap());
}

/// Plot and table.
pub fn show(ui: &mut Ui, tests: &mut TestSet, explore: &Explore, out: &mut Vec<Command>) {
    space(ui);
    let rows = tests.curves.len() as f32 + 1.0;
    let table = (rows * (ROW + 2.0) + 44.0).min(ui.available_height() * 0.45);
    let height = (ui.available_height() - table - 16.0).max(140.0);
    let current: Vec<bool> =
        tests.curves.iter().map(|curve| tests.is_current(curve, |name| explore.parameters(name))).collect();
    plot(ui, tests, height, &current);
    list(ui, tests, &current, out);
}

/// Whether ε of a curve is a length, and not a number of values.
fn has_eps(curve: &Curve) -> bool {
    curve.attack.measure() != Measure::Count
}

/// ε and accuracy of each point with its interval, the untouched pictures first.
fn points(curve: &Curve) -> Vec<(f32, f32, (f64, f64))> {
    let n = curve.found.n.max(1);
    let point = |eps: f32, correct: usize| (eps, correct as f32 / n as f32, wilson_interval(correct, n));
    let attacked = curve.found.attacked.iter().filter(|result| result.eps.is_finite() && result.eps > 0.0);
    std::iter::once(point(0.0, curve.found.clean_correct))
        .chain(attacked.map(|result| point(result.eps, result.correct)))
        .collect()
}

/// An empty plot with its axes, up to the largest ε.
fn frame(ui: &Ui, height: f32, most: f64) -> Plot<'static> {
    let palette = palette(ui);
    let hints = |hints: AxisHints<'static>| hints.tick_label_color(palette.weak).tick_label_font(theme::number_font());
    let across = hints(AxisHints::new_x())
        .label(theme::weak(ui, "ε, in the norm of each attack"))
        .formatter(|mark, _| format::short(mark.value as f32));
    let up = hints(AxisHints::new_y()).formatter(|mark, _| format!("{:.0} %", mark.value * 100.0)).min_thickness(48.0);
    let lines = |(low, high): (f64, f64), apart: f64| -> Vec<GridMark> {
        let marks = axes::linear(low.max(0.0), high, apart);
        let step_size = marks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        marks.into_iter().map(|value| GridMark { value, step_size }).collect()
    };
    Plot::new("security curves")
        .height(height)
        .custom_x_axes(vec![across])
        .custom_y_axes(vec![up])
        .x_grid_spacer(move |input| lines(input.bounds, input.base_step_size / 8.0 * APART))
        .y_grid_spacer(move |input| lines(input.bounds, input.base_step_size / 8.0 * 0.5 * APART))
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
        .set_margin_fraction(Vec2::ZERO)
        .include_x(-0.02 * most)
        .include_x(1.02 * most)
        .include_y(0.0)
        .include_y(1.02)
}

fn plot(ui: &mut Ui, tests: &TestSet, height: f32, current: &[bool]) {
    let plotted = || tests.curves.iter().enumerate().filter(|(_, curve)| has_eps(curve));
    let largest = plotted().flat_map(|(_, curve)| &curve.survey.eps).copied().fold(0.0, f32::max).max(1e-3);
    let shown = frame(ui, height, f64::from(largest)).show(ui, |_| ());
    let text = format!("Accuracy against ε of {}", counted(plotted().count(), "curve"));
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, text.clone()));
    let at = |x: f32, y: f64| place(&shown.transform, x, y);
    let painter = ui.painter().with_clip_rect(shown.transform.frame().expand(6.0).intersect(ui.clip_rect()));
    let mut near: Option<(f32, String)> = None;
    let pointer = shown.response.hover_pos();
    for (index, curve) in plotted() {
        let look = Look::new(ui, index, current.get(index) == Some(&true));
        let all = points(curve);
        look.line(&painter, &all.iter().map(|(eps, share, _)| at(*eps, f64::from(*share))).collect::<Vec<_>>());
        for &(eps, share, (low, high)) in &all {
            let centre = at(eps, f64::from(share));
            painter.vline(centre.x, at(eps, low).y..=at(eps, high).y, Stroke::new(1.0, look.colour));
            look.point(&painter, centre);
            let distance = pointer.map_or(f32::INFINITY, |pointer| pointer.distance(centre));
            if distance < near.as_ref().map_or(NEAR, |(nearest, _)| *nearest) {
                let told = format!(
                    "{}\nε = {}: {} right ({} to {}) of {}",
                    title(curve),
                    in_levels(curve, eps),
                    per_cent(share),
                    per_cent(low as f32),
                    per_cent(high as f32),
                    curve.found.n
                );
                near = Some((distance, told));
            }
        }
    }
    if let Some((_, told)) = near {
        shown.response.on_hover_text_at_pointer(told);
    }
}

/// How a curve is told apart: by its colour, by the shape of its points once the colours are used up, and by dashes where it was
/// measured with other settings than those at the left.
struct Look {
    colour: egui::Color32,
    round: usize,
    is_current: bool,
}

impl Look {
    fn new(ui: &Ui, index: usize, is_current: bool) -> Self {
        let runs = &palette(ui).runs;
        let colour = runs[index % runs.len()];
        let colour = if is_current { colour } else { theme::faint_of(colour) };
        Self { colour, round: index / runs.len(), is_current }
    }

    fn line(&self, painter: &Painter, points: &[Pos2]) {
        let stroke = Stroke::new(2.0, self.colour);
        if self.is_current {
            painter.line(points.to_vec(), stroke);
        } else {
            painter.extend(Shape::dashed_line(points, stroke, 6.0, 4.0));
        }
    }

    fn point(&self, painter: &Painter, at: Pos2) {
        match self.round % 3 {
            0 => painter.circle_filled(at, 3.5, self.colour),
            1 => painter.rect_filled(Rect::from_center_size(at, Vec2::splat(7.0)), 0, self.colour),
            _ => {
                let corners = [vec2(0.0, -5.0), vec2(5.0, 0.0), vec2(0.0, 5.0), vec2(-5.0, 0.0)];
                let corners = corners.map(|corner| at + corner).to_vec();
                painter.add(Shape::convex_polygon(corners, self.colour, Stroke::NONE))
            }
        };
    }
}

fn place(transform: &PlotTransform, x: f32, y: f64) -> Pos2 {
    pos2(transform.position_from_point_x(f64::from(x)), transform.position_from_point_y(y))
}

fn in_levels(curve: &Curve, eps: f32) -> String {
    if curve.attack.norm() == Norm::Linf {
        format!("{} = {:.1}/255", format::short(eps), eps * LEVELS)
    } else {
        format::short(eps)
    }
}

/// Every curve with its numbers; a click chooses it for the other views.
fn list(ui: &mut Ui, tests: &mut TestSet, current: &[bool], out: &mut Vec<Command>) {
    ui.add_space(SPACE_2);
    let conditions = tests.curve().map(conditions).unwrap_or_default();
    ui.add(egui::Label::new(theme::weak(ui, format!("{conditions}; bars are 95 % intervals (Wilson)"))).wrap());
    let mut columns = vec!["untouched", "at the largest ε", "median length"];
    if ui.available_width() >= ROOMY {
        columns.push(SURE);
    }
    let others = SWATCH + columns.len() as f32 * (NUMBERS + GAP) + ROW + GAP + 2.0 * SPACE_2;
    let width = (ui.available_width() - others).max(LEAST_NAME);
    let (mut chosen, looked_at) = (None, tests.looked_at());
    ScrollArea::both().auto_shrink([false, true]).id_salt("list of curves").show(ui, |ui| {
        Grid::new("curves").spacing([GAP, 2.0]).min_row_height(ROW).show(ui, |ui| {
            for text in std::iter::once(&"Net and attack").chain(&columns) {
                ui.label(theme::caption(ui, *text));
            }
            ui.end_row();
            for (index, curve) in tests.curves.iter().enumerate() {
                let look = Look::new(ui, index, current.get(index) == Some(&true));
                if name(ui, (curve, &look), width, looked_at == Some(index)) {
                    chosen = Some(index);
                }
                numbers(ui, curve, columns.contains(&SURE));
                icon_button(ui, TestCommand::Remove(Some(index)), out);
                ui.end_row();
            }
        });
    });
    if let Some(index) = chosen {
        tests.chosen = index;
    }
}

/// How a curve looks in the plot, what it is and whether it is out of date; whether it was clicked.
fn name(ui: &mut Ui, (curve, look): (&Curve, &Look), width: f32, is_chosen: bool) -> bool {
    let row = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_2;
        let (rect, _) = ui.allocate_exact_size(vec2(SWATCH, ROW), Sense::hover());
        if has_eps(curve) {
            look.line(ui.painter(), &[rect.left_center(), rect.right_center()]);
            look.point(ui.painter(), rect.center());
        }
        let mut room = width;
        if !look.is_current {
            let (rect, response) = ui.allocate_exact_size(vec2(16.0, ROW), Sense::hover());
            icon_at(ui, rect, icons::ICON_HISTORY, 16.0, palette(ui).weak);
            let tip =
                format!("The settings have changed since it was measured: {}, {}", conditions(curve), values(curve));
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, tip.clone()));
            response.on_hover_text(tip);
            room -= 16.0 + SPACE_2;
        }
        let title = title(curve);
        let tip = format!(
            "{title}\n{}, {}\nMeasured in {:.1} s. A click looks at this one in the other views.",
            conditions(curve),
            values(curve),
            curve.took.as_secs_f32()
        );
        ui.scope(|ui| {
            ui.set_max_width(room);
            let button = Button::selectable(is_chosen, &*title).truncate();
            ui.add(button).on_hover_text(tip).accessible_name(title).clicked()
        })
        .inner
    });
    row.inner
}

/// "ε 0.05, 0.1"
fn values(curve: &Curve) -> String {
    let eps: Vec<String> = curve.survey.eps.iter().map(|eps| format::short(*eps)).collect();
    format!("ε {}", eps.join(", "))
}

fn numbers(ui: &mut Ui, curve: &Curve, with_sure: bool) {
    let (found, n) = (&curve.found, curve.found.n.max(1) as f32);
    ui.label(theme::number(per_cent(found.clean_correct as f32 / n)));
    let last = found.attacked.iter().rfind(|result| result.eps.is_finite());
    match last {
        Some(last) => ui.label(theme::number(per_cent(last.correct as f32 / n))),
        None => ui.label(theme::weak(ui, "see Lengths")).on_hover_text(
            "This attack counts the values that it changes, however much: it has no ε and no place in the plot. Lengths shows \
             how many values each picture needs.",
        ),
    };
    let median =
        found.median_length().map(|length| if length.is_finite() { format::short(length) } else { "> half".into() });
    let measure = match curve.attack.measure() {
        Measure::Count => "values",
        measure => measure.symbol(),
    };
    ui.label(theme::number(median.map_or("–".into(), |median| format!("{measure} {median}"))));
    if !with_sure {
        return;
    }
    let sure = last.or(found.attacked.last()).and_then(|last| last.mean_confidence_on_mistakes);
    ui.label(theme::number(sure.map_or("–".into(), per_cent)));
}

/// Text in the middle of a place.
pub fn centred(ui: &Ui, rect: Rect, text: &str, colour: egui::Color32) {
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::number_font(), colour);
}
