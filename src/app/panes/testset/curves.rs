//! Security curves: accuracy against ε, with 95 % intervals.

use eframe::egui::{
    self, Align2, ComboBox, Grid, Rect, Role, ScrollArea, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use egui_plot::{AxisHints, Plot, PlotTransform};

use super::{conditions, space};
use crate::app::commands::attack_title;
use crate::app::explore::Explore;
use crate::app::testset::TestSet;
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::per_cent;
use crate::app::words;
use crate::engine::attack::{Attack, AttackSettings, Norm};
use crate::engine::statistics::wilson_interval;
use crate::engine::units::LEVELS;
use crate::worker::Curve;

const ROW: f32 = 28.0;
const NEAR: f32 = 12.0;

/// Name of a curve.
pub fn title(curve: &Curve) -> String {
    format!("{} · {}{}", curve.title, attack_title(&curve.attack), words::parameters(&curve.attack))
}

/// The curve and the ε that the other views show.
pub fn chooser(ui: &mut Ui, tests: &mut TestSet) {
    ui.add_space(SPACE_2);
    let Some(curve) = tests.curve() else { return };
    let (name, eps): (String, Vec<f32>) =
        (title(curve), curve.found.attacked.iter().map(|result| result.eps).collect());
    ui.horizontal_wrapped(|ui| {
        let width = (ui.available_width() - 360.0).clamp(160.0, 420.0);
        let combo = ComboBox::from_id_salt("curve").selected_text(name).width(width).truncate();
        let response = combo.show_ui(ui, |ui| {
            for at in 0..tests.curves.len() {
                let name = title(&tests.curves[at]);
                if ui.selectable_label(at == tests.chosen, name).clicked() {
                    tests.chosen = at;
                }
            }
        });
        response.response.accessible_name("Net and attack");
        let spelled =
            |eps: f32| if eps.is_finite() { format!("ε = {}", words::short(eps)) } else { "any length".into() };
        tests.at = tests.at.min(eps.len().saturating_sub(1));
        let shown = eps.get(tests.at).map_or_else(String::new, |eps| spelled(*eps));
        let response = ComboBox::from_id_salt("ε of the curve").selected_text(shown).width(96.0).show_ui(ui, |ui| {
            for (at, &eps) in eps.iter().enumerate() {
                if ui.selectable_label(at == tests.at, spelled(eps)).clicked() {
                    tests.at = at;
                }
            }
        });
        response.response.accessible_name("ε to look at");
        ui.checkbox(&mut tests.clean, "Untouched").on_hover_text("The answers to the untouched pictures");
    });
    ui.add(egui::Label::new(theme::weak(ui, conditions(tests))).wrap());
}

/// Plot and table.
pub fn show(ui: &mut Ui, tests: &mut TestSet, explore: &Explore) {
    space(ui);
    let rows = tests.curves.len() as f32 + 1.0;
    let table = (rows * (ROW + 2.0) + 44.0).min(ui.available_height() * 0.45);
    let height = (ui.available_height() - table - 16.0).max(140.0);
    let current: Vec<bool> =
        tests.curves.iter().map(|curve| tests.is_current(curve, |name| explore.parameters(name))).collect();
    plot(ui, tests, height, &current);
    list(ui, tests, &current);
}

fn largest(curves: &[Curve]) -> f32 {
    curves.iter().flat_map(|curve| &curve.survey.eps).copied().fold(0.0, f32::max).max(1e-3)
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

fn plot(ui: &mut Ui, tests: &TestSet, height: f32, current: &[bool]) {
    let palette = palette(ui);
    let most = f64::from(largest(&tests.curves));
    let hints = |hints: AxisHints<'static>| hints.tick_label_color(palette.weak).tick_label_font(theme::number_font());
    let across = hints(AxisHints::new_x()).label(theme::weak(ui, "ε, in the norm of each attack"));
    let up = hints(AxisHints::new_y()).formatter(|mark, _| format!("{:.0} %", mark.value * 100.0)).min_thickness(48.0);
    let plot = Plot::new("security curves")
        .height(height)
        .custom_x_axes(vec![across])
        .custom_y_axes(vec![up])
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
        .include_y(1.02);
    let shown = plot.show(ui, |_| ());
    let text = format!("Accuracy against ε of {} curves", tests.curves.len());
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, text.clone()));
    let at = |x: f32, y: f64| place(&shown.transform, x, y);
    let painter = ui.painter().with_clip_rect(shown.transform.frame().expand(6.0).intersect(ui.clip_rect()));
    let mut near: Option<(f32, String)> = None;
    let pointer = shown.response.hover_pos();
    for (index, curve) in tests.curves.iter().enumerate() {
        let colour = palette.runs[index % palette.runs.len()];
        let colour = if current.get(index) == Some(&true) { colour } else { theme::faint_of(colour) };
        let all = points(curve);
        let line = all.iter().map(|(eps, share, _)| at(*eps, f64::from(*share))).collect();
        painter.add(Shape::line(line, Stroke::new(2.0, colour)));
        for &(eps, share, (low, high)) in &all {
            let centre = at(eps, f64::from(share));
            painter.vline(centre.x, at(eps, low).y..=at(eps, high).y, Stroke::new(1.0, colour));
            painter.circle_filled(centre, 3.5, colour);
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

fn place(transform: &PlotTransform, x: f32, y: f64) -> egui::Pos2 {
    pos2(transform.position_from_point_x(f64::from(x)), transform.position_from_point_y(y))
}

fn in_levels(curve: &Curve, eps: f32) -> String {
    if curve.attack.norm() == Norm::Linf {
        format!("{} = {:.1}/255", words::short(eps), eps * LEVELS)
    } else {
        words::short(eps)
    }
}

/// Every curve with its numbers; a click chooses it for the other views.
fn list(ui: &mut Ui, tests: &mut TestSet, current: &[bool]) {
    ui.add_space(SPACE_2);
    let mut chosen = None;
    ScrollArea::both().auto_shrink([false, true]).id_salt("list of curves").show(ui, |ui| {
        Grid::new("curves").num_columns(6).spacing([16.0, 2.0]).min_row_height(ROW).show(ui, |ui| {
            for text in ["Net and attack", "untouched", "at the largest ε", "median length", "sure when wrong", ""] {
                ui.label(theme::caption(ui, text));
            }
            ui.end_row();
            for (index, curve) in tests.curves.iter().enumerate() {
                if row(ui, index, curve, index == tests.chosen, current.get(index) == Some(&true)) {
                    chosen = Some(index);
                }
            }
        });
    });
    if let Some(index) = chosen {
        tests.chosen = index;
    }
    ui.add(
        egui::Label::new(theme::weak(ui, format!("{}; bars are 95 % intervals (Wilson)", conditions(tests)))).wrap(),
    );
}

fn row(ui: &mut Ui, index: usize, curve: &Curve, is_chosen: bool, is_current: bool) -> bool {
    let palette = palette(ui);
    let colour = palette.runs[index % palette.runs.len()];
    let clicked = ui
        .horizontal(|ui| {
            let (rect, _) = ui.allocate_exact_size(vec2(18.0, ROW), Sense::hover());
            ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(3.0, colour));
            ui.selectable_label(is_chosen, title(curve)).on_hover_text("Look at this one in the other views").clicked()
        })
        .inner;
    let (found, n) = (&curve.found, curve.found.n.max(1) as f32);
    ui.label(theme::number(per_cent(found.clean_correct as f32 / n)));
    let last = found.attacked.iter().rfind(|result| result.eps.is_finite());
    ui.label(theme::number(last.map_or("–".into(), |last| per_cent(last.correct as f32 / n))));
    let median =
        found.median_length().map(|length| if length.is_finite() { words::short(length) } else { "> half".into() });
    let measure = match curve.attack {
        AttackSettings::SaliencyMap(_) => "values",
        ref attack => attack.norm().symbol(),
    };
    ui.label(theme::number(median.map_or("–".into(), |median| format!("{measure} {median}"))));
    let sure = last.and_then(|last| last.mean_confidence_on_mistakes);
    ui.label(theme::number(sure.map_or("–".into(), per_cent)));
    let note = if is_current { format!("{:.1} s", curve.took.as_secs_f32()) } else { "settings have changed".into() };
    ui.label(theme::weak(ui, note));
    ui.end_row();
    clicked
}

/// Text in the middle of a place.
pub fn centred(ui: &Ui, rect: Rect, text: &str, colour: egui::Color32) {
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::number_font(), colour);
}
