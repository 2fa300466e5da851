//! This plots security curves, which are accuracies against ε with their 95 % intervals.

use egui::{self, Button, Color32, ComboBox, Grid, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, vec2};
use egui_material_icons::icons;
use egui_plot::{Line, LineStyle, MarkerShape, PlotPoint, PlotPoints, PlotUi, Points};

use crate::app::commands::Command;
use crate::app::format::{self, per_cent};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words;
use crate::app::pages::test_sets::commands::{TestCommand, TestPart};
use crate::app::pages::test_sets::state::TestSet;
use crate::app::pages::test_sets::wording::conditions;
use crate::app::plots::quiet::{self, PlotAxis, QuietPlot, sample};
use crate::app::theme::{self, SPACE_2, SPACE_3, palette};
use crate::app::widgets::{icon_at, icon_button};
use crate::engine::attack::{Measure, Norm};
use crate::engine::statistics::wilson_interval;
use crate::engine::units::{LEVELS, counted};
use crate::figure::axes::{AxisScale, Interval, per_cent_tick};
use crate::worker::Curve;

const ROW: f32 = 28.0;
const NEAR: f32 = 12.0;
const NUMBERS: f32 = 92.0;
const GAP: f32 = 12.0;
const SWATCH: f32 = 22.0;
const SURE: &str = "confidence on mistakes";
const LEAST_NAME: f32 = 140.0;
/// A narrower table has no last column.
const ROOMY: f32 = 760.0;

pub fn title(curve: &Curve) -> String {
    format!("{} · {}", curve.title, words::attack(&curve.attack))
}

/// Lets a person choose the curve and the ε that the other views show.
pub fn chooser(ui: &mut Ui, tests: &mut TestSet) {
    ui.add_space(SPACE_2);
    let (Some(looked_at), Some(curve)) = (tests.looked_at(), tests.curve()) else { return };
    let (name, at) = (title(curve), tests.at(curve));
    let eps: Vec<f32> = curve.found.attacked.iter().map(|result| result.eps).collect();
    let of_lengths = tests.part == TestPart::Lengths;
    let is_offered = |curve: &Curve| !of_lengths || curve.found.lengths.is_some();
    ui.horizontal_wrapped(|ui| {
        let width = (ui.available_width() - if of_lengths { 16.0 } else { 260.0 }).clamp(160.0, 560.0);
        let combo = ComboBox::from_id_salt("curve").selected_text(&name).width(width).truncate();
        let response = combo.show_ui(ui, |ui| {
            for (index, curve) in tests.curves.iter().enumerate().filter(|(_, curve)| is_offered(curve)) {
                if ui.selectable_label(index == looked_at, title(curve)).clicked() {
                    tests.chosen = index;
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
    let conditions = tests.curve().map(conditions).unwrap_or_default();
    ui.add(egui::Label::new(theme::weak(ui, conditions)).wrap());
}

pub fn show(ui: &mut Ui, tests: &mut TestSet, explore: &Explore, out: &mut Vec<Command>) {
    ui.add_space(SPACE_3);
    let rows = tests.curves.len() as f32 + 1.0;
    let table = (rows * (ROW + 2.0) + 44.0).min(ui.available_height() * 0.45);
    let height = (ui.available_height() - table - 16.0).max(140.0);
    let outdated = |curve| tests.outdated(curve, |name| explore.parameters(name));
    let look = |(index, curve)| CurveLook::new(ui, index, outdated(curve));
    let looks: Vec<CurveLook> = tests.curves.iter().enumerate().map(look).collect();
    plot(ui, tests, height, &looks);
    list(ui, tests, &looks, out);
}

/// Returns whether ε of a curve is a length, and not a number of values.
fn has_eps(curve: &Curve) -> bool {
    curve.attack.measure() != Measure::Count
}

struct CurvePoint {
    eps: f32,
    share: f32,
    interval: Interval,
}

impl CurvePoint {
    fn at(&self) -> PlotPoint {
        PlotPoint::new(f64::from(self.eps), f64::from(self.share))
    }

    fn told(&self, curve: &Curve) -> String {
        let [share, low, high] = [self.share, self.interval.low as f32, self.interval.high as f32].map(per_cent);
        let (title, eps, n) = (title(curve), format::short(self.eps), curve.found.n);
        let levels = match curve.attack.norm() {
            Norm::Linf => format!(" = {:.1}/255", self.eps * LEVELS),
            Norm::L2 | Norm::L1 => String::new(),
        };
        format!("{title}\nε = {eps}{levels}: {share} right ({low} to {high}) of {n}")
    }
}

/// Returns the points of a curve, that of the untouched pictures first.
fn points(curve: &Curve) -> Vec<CurvePoint> {
    let n = curve.found.n.max(1);
    let point = |eps: f32, correct: usize| {
        let (low, high) = wilson_interval(correct, n);
        CurvePoint { eps, share: correct as f32 / n as f32, interval: Interval::new(low, high) }
    };
    let attacked = curve.found.attacked.iter().filter(|result| result.eps.is_finite() && result.eps > 0.0);
    std::iter::once(point(0.0, curve.found.clean_correct))
        .chain(attacked.map(|result| point(result.eps, result.correct)))
        .collect()
}

fn plot(ui: &mut Ui, tests: &TestSet, height: f32, looks: &[CurveLook]) {
    let all = tests.curves.iter().zip(looks).filter(|(curve, _)| has_eps(curve));
    let plotted: Vec<_> = all.map(|(curve, look)| (curve, look, points(curve))).collect();
    let eps = plotted.iter().flat_map(|(curve, ..)| &curve.survey.eps);
    let most = f64::from(eps.copied().fold(0.0, f32::max).max(1e-3));
    let label = "ε, in the norm of each attack";
    let x = PlotAxis::new(AxisScale::Linear, Interval::new(-0.02 * most, 1.02 * most));
    let x = PlotAxis { apart: 110.0, room: 32.0, label, ticks_from: 0.0, ..x };
    let y = PlotAxis::new(AxisScale::Linear, Interval::new(0.0, 1.02));
    let y = PlotAxis { apart: 55.0, room: 48.0, text: per_cent_tick, ..y };
    let mut quiet = QuietPlot::new(ui, "security curves", x, y);
    quiet.size.y = height;
    let shown = quiet.show(ui, |plot| plotted.iter().for_each(|(_, look, points)| look.add(plot, points)));
    let text = format!("Accuracy against ε of {}", counted(plotted.len(), "curve"));
    shown.response.widget_info(|| WidgetInfo::labeled(Role::Figure, true, text.clone()));
    let Some(pointer) = shown.response.hover_pos() else { return };
    let distance = |point: &CurvePoint| pointer.distance(shown.transform.position_from_point(&point.at()));
    let all = plotted.iter().flat_map(|(curve, _, points)| points.iter().map(move |point| (curve, point)));
    let nearest = all.min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)));
    if let Some((curve, point)) = nearest.filter(|(_, point)| distance(point) < NEAR) {
        shown.response.on_hover_text_at_pointer(point.told(curve));
    }
}

/// Curves differ in colour, then in the shape of their points; dashes mean other settings than those at the left, or
/// another net.
struct CurveLook {
    colour: Color32,
    marker: MarkerShape,
    /// The reason why the curve would be another one now.
    outdated: Option<&'static str>,
}

impl CurveLook {
    fn new(ui: &Ui, index: usize, outdated: Option<&'static str>) -> Self {
        let runs = &palette(ui).runs;
        let colour = runs[index % runs.len()];
        let colour = if outdated.is_none() { colour } else { theme::faint_of(colour) };
        let markers = [MarkerShape::Circle, MarkerShape::Square, MarkerShape::Diamond];
        Self { colour, marker: markers[index / runs.len() % markers.len()], outdated }
    }

    fn style(&self) -> LineStyle {
        if self.outdated.is_none() { LineStyle::Solid } else { LineStyle::Dashed { length: 6.0 } }
    }

    fn stroke(&self) -> Stroke {
        Stroke::new(2.0, self.colour)
    }

    fn markers(&self, at: Vec<PlotPoint>) -> Points<'static> {
        let radius = if self.marker == MarkerShape::Circle { 3.5 } else { 5.0 };
        Points::new("", PlotPoints::Owned(at)).shape(self.marker).radius(radius).color(self.colour)
    }

    fn add(&self, plot: &mut PlotUi<'_>, points: &[CurvePoint]) {
        let path: Vec<PlotPoint> = points.iter().map(CurvePoint::at).collect();
        plot.line(Line::new("", PlotPoints::Owned(path.clone())).style(self.style()).stroke(self.stroke()));
        for CurvePoint { eps, interval, .. } in points {
            let ends = [interval.low, interval.high].map(|share| [f64::from(*eps), share]);
            plot.line(Line::new("", ends.to_vec()).stroke(Stroke::new(1.0, self.colour)));
        }
        plot.points(self.markers(path));
    }
}

/// Lists every curve with its numbers; a click chooses it for the other views.
fn list(ui: &mut Ui, tests: &mut TestSet, looks: &[CurveLook], out: &mut Vec<Command>) {
    ui.add_space(SPACE_2);
    let conditions = tests.curve().map(conditions).unwrap_or_default();
    ui.add(egui::Label::new(theme::weak(ui, format!("{conditions}; bars are 95 % intervals (Wilson)"))).wrap());
    let mut columns = vec!["untouched", "at the largest ε", "median length"];
    if ui.available_width() >= ROOMY {
        columns.push(SURE);
    }
    let others = SWATCH + columns.len() as f32 * (NUMBERS + GAP) + ROW + GAP + 2.0 * SPACE_2;
    let width = (ui.available_width() - others).max(LEAST_NAME);
    let looked_at = tests.looked_at();
    ScrollArea::both().auto_shrink([false, true]).id_salt("list of curves").show(ui, |ui| {
        Grid::new("curves").spacing([GAP, 2.0]).min_row_height(ROW).show(ui, |ui| {
            for text in std::iter::once(&"Net and attack").chain(&columns) {
                ui.label(theme::caption(ui, *text));
            }
            ui.end_row();
            for (index, (curve, look)) in tests.curves.iter().zip(looks).enumerate() {
                if name(ui, curve, look, width, looked_at == Some(index)) {
                    tests.chosen = index;
                }
                numbers(ui, curve, columns.contains(&SURE));
                icon_button(ui, TestCommand::Remove(Some(index)), out);
                ui.end_row();
            }
        });
    });
}

/// Returns whether the name was clicked.
fn name(ui: &mut Ui, curve: &Curve, look: &CurveLook, width: f32, is_chosen: bool) -> bool {
    let row = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_2;
        let (rect, _) = ui.allocate_exact_size(vec2(SWATCH, ROW), Sense::hover());
        if has_eps(curve) {
            sample(ui, rect, look.style(), look.stroke());
            quiet::paint(ui, rect, &look.markers(vec![PlotPoint::new(0.5, 0.0)]));
        }
        let mut room = width;
        if let Some(why) = look.outdated {
            let (rect, response) = ui.allocate_exact_size(vec2(16.0, ROW), Sense::hover());
            icon_at(ui, rect, icons::ICON_HISTORY, 16.0, palette(ui).weak);
            let tip = format!("{why}: {}", settings(curve));
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, tip.clone()));
            response.on_hover_text(tip);
            room -= 16.0 + SPACE_2;
        }
        let (title, took) = (title(curve), measured(curve));
        let tip = format!("{title}\n{}\n{took} A click looks at this one in the other views.", settings(curve));
        ui.scope(|ui| {
            ui.set_max_width(room);
            let button = Button::selectable(is_chosen, &*title).truncate();
            ui.add(button).on_hover_text(tip).accessible_name(title).clicked()
        })
        .inner
    });
    row.inner
}

/// Says when a curve was measured, of which weights and by which version of the program.
fn measured(curve: &Curve) -> String {
    let (age, digest) = (format::age(curve.provenance.age()), curve.digest());
    let weights = digest.get(..8).unwrap_or(digest);
    let seconds = curve.took.as_secs_f32();
    format!("Measured {age} in {seconds:.1} s, version {}, weights {weights}….", curve.provenance.version)
}

/// Describes what a curve was measured with; the values of ε come last.
fn settings(curve: &Curve) -> String {
    let eps: Vec<String> = curve.survey.eps.iter().map(|eps| format::short(*eps)).collect();
    format!("{}, ε {}", conditions(curve), eps.join(", "))
}

fn numbers(ui: &mut Ui, curve: &Curve, with_sure: bool) {
    let (found, n) = (&curve.found, curve.found.n.max(1) as f32);
    ui.label(theme::number(per_cent(found.clean_correct as f32 / n)));
    let last = found.attacked.iter().rfind(|result| result.eps.is_finite());
    match last {
        Some(last) => ui.label(theme::number(per_cent(last.correct as f32 / n))),
        None => ui.label(theme::weak(ui, "see Lengths")).on_hover_text(
            "This attack counts the values that it changes, however much: it has no ε and no place in the plot. \
             Lengths shows how many values each picture needs.",
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
