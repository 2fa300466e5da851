//! The grid shows a sweep at a glance: a small plot for each ε and α.

use egui::{
    Align2, Color32, Grid, Label, Rect, RichText, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, Vec2,
    WidgetInfo, vec2,
};
use egui_material_icons::icons;
use egui_plot::{HLine, Line, PlotPoint, PlotPoints, PlotUi};

use crate::app::format::short;
use crate::app::plots::quantity::{Panel, Quantity, per_cent};
use crate::app::plots::quiet::{PlotAxis, QuietPlot, sample};
use crate::app::plots::scene::PlotRun;
use crate::app::plots::series::{stretches, thinned};
use crate::app::theme::{self, Palette, SPACE_1, SPACE_2, SPACE_3, palette};
use crate::app::widgets::icon_at;
use crate::figure::axes::{AxisScale, Interval, linear, per_cent_tick};
use crate::figure::{FigureRun, SweepAttack, SweepMeasure};

const LEAST_CELL: Vec2 = vec2(108.0, 76.0);
const LARGEST_CELL: Vec2 = vec2(420.0, 260.0);
/// Wider cells have room for a third error.
const ROOMY_CELL: f32 = 168.0;
const GAP: f32 = 6.0;
const GUTTER: Vec2 = vec2(64.0, 22.0);
const CAPTION: f32 = 22.0;
const SUMMARY: f32 = 18.0;
const LINE: f32 = 1.4;
const LINES: [Quantity; 3] = [Quantity::Clean, Quantity::Fgsm, Quantity::Pgd];

/// Draws a small error plot for each ε (along x) and α (along y) of a sweep, all with the same axes, with the errors by a
/// measure above it. Returns the index in `runs` of the one that was clicked; a click on the cell of the primary run goes
/// on to the next one in it.
pub fn sweep_grid(ui: &mut Ui, runs: &[PlotRun<'_>], measure: SweepMeasure) -> Option<usize> {
    if runs.is_empty() {
        let text = "A sweep trains one run for each ε and α; each gets a small plot here.";
        ui.label(theme::weak(ui, text));
        return None;
    }
    let axes = Axes::new(runs);
    caption(ui, runs, &axes);
    let (all_eps, mut all_alpha) = (values(runs, |run| run.config.eps), values(runs, |run| run.config.alpha));
    all_alpha.reverse();
    let count = vec2(all_eps.len() as f32, all_alpha.len() as f32);
    let size = ((ui.available_size() - GUTTER) / count - Vec2::splat(GAP)).clamp(LEAST_CELL, LARGEST_CELL).floor();
    let figure_runs: Vec<FigureRun<'_>> = runs.iter().map(PlotRun::as_figure).collect();
    let best = measure.best(&figure_runs);
    let mut clicked = None;
    ScrollArea::both().id_salt("sweep grid").auto_shrink([false, true]).show(ui, |ui| {
        let grid = Grid::new("sweep grid").spacing(Vec2::splat(GAP)).min_col_width(0.0).min_row_height(0.0);
        grid.show(ui, |ui| {
            for &alpha in &all_alpha {
                label(ui, vec2(GUTTER.x - GAP, size.y), Align2::RIGHT_CENTER, format!("α {}", short(alpha)));
                for &eps in &all_eps {
                    let cell = Cell::new(runs, eps, alpha, measure, &best);
                    if cell.show(ui, size, &axes) {
                        clicked = cell.next();
                    }
                }
                ui.end_row();
            }
            label(ui, vec2(0.0, GUTTER.y), Align2::LEFT_TOP, String::new());
            for &eps in &all_eps {
                label(ui, vec2(size.x, GUTTER.y), Align2::CENTER_TOP, format!("ε {}", short(eps)));
            }
        });
    });
    clicked
}

fn values(runs: &[PlotRun<'_>], value: fn(&PlotRun<'_>) -> f32) -> Vec<f32> {
    let mut all: Vec<f32> = runs.iter().map(value).collect();
    all.sort_by(f32::total_cmp);
    all.dedup();
    all
}

/// Returns the colour in which the error by a measure is written: that of its line, where it has one.
fn colour(palette: &Palette, measure: SweepMeasure) -> Color32 {
    match (measure.is_common(), measure.attack) {
        (false, SweepAttack::Fgsm) => Quantity::Fgsm.colour(palette),
        (false, _) => Quantity::Pgd.colour(palette),
        (true, _) => palette.text,
    }
}

fn label(ui: &mut Ui, size: Vec2, align: Align2, text: String) {
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let at = align.pos_in_rect(&rect.shrink2(vec2(SPACE_1 / 2.0, 0.0)));
    ui.painter().text(at, align, text, theme::number_font(), palette(ui).text);
}

struct Axes {
    epochs: f64,
    top: f64,
}

impl Axes {
    fn new(runs: &[PlotRun<'_>]) -> Self {
        let epochs = runs.iter().map(|run| run.history.len()).max().unwrap_or(0).max(2) as f64;
        let records = runs.iter().flat_map(|run| run.history.iter());
        let errors = records.flat_map(|record| LINES.map(|line| Panel::Error.value(line, record))).flatten();
        let highest = errors.fold(0.0, f64::max);
        let ticks = linear(Interval::new(0.0, 2.0), 0.1);
        Self { epochs, top: ticks.into_iter().find(|tick| *tick >= highest).unwrap_or(1.0).clamp(0.1, 1.0) }
    }
}

fn caption(ui: &mut Ui, runs: &[PlotRun<'_>], axes: &Axes) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_3;
        ui.set_min_height(CAPTION);
        let is_there =
            |line: &Quantity| runs.iter().any(|run| run.history.iter().any(|record| line.measured(record).is_some()));
        for line in LINES.into_iter().filter(is_there) {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = SPACE_1;
                let (place, _) = ui.allocate_exact_size(vec2(28.0, 12.0), Sense::hover());
                sample(ui, place, line.style(1.0), line.stroke(2.0, line.colour(palette(ui))));
                ui.label(RichText::new(line.name()).small());
            });
        }
        let Axes { epochs, top } = axes;
        let text = format!("Validation error from 0 to {}, epochs 1 to {epochs}, in every cell", per_cent_tick(*top));
        ui.add(Label::new(theme::weak(ui, text)).extend());
    });
}

struct Cell<'a> {
    runs: &'a [PlotRun<'a>],
    inside: Vec<usize>,
    eps: f32,
    alpha: f32,
    measure: SweepMeasure,
    is_best: bool,
}

impl<'a> Cell<'a> {
    fn new(runs: &'a [PlotRun<'a>], eps: f32, alpha: f32, measure: SweepMeasure, best: &[usize]) -> Self {
        let is_inside = |index: &usize| (runs[*index].config.eps, runs[*index].config.alpha) == (eps, alpha);
        let inside: Vec<usize> = (0..runs.len()).filter(is_inside).collect();
        let is_best = best.iter().any(|best| inside.contains(best));
        Self { runs, inside, eps, alpha, measure, is_best }
    }

    fn selected(&self) -> Option<usize> {
        self.inside.iter().position(|index| self.runs[*index].is_primary)
    }

    /// Returns the first run, or the one after the selected run.
    fn next(&self) -> Option<usize> {
        let next = self.selected().map_or(0, |at| (at + 1) % self.inside.len());
        self.inside.get(next).copied()
    }

    /// Returns whether the cell was clicked.
    fn show(&self, ui: &mut Ui, size: Vec2, axes: &Axes) -> bool {
        let palette = palette(ui);
        let is_empty = self.inside.is_empty();
        let (rect, response) = ui.allocate_exact_size(size, if is_empty { Sense::hover() } else { Sense::click() });
        let role = if is_empty { Role::Label } else { Role::Button };
        response.widget_info(|| WidgetInfo::labeled(role, true, self.words()));
        if !ui.is_rect_visible(rect) {
            return response.clicked();
        }
        let is_framed = self.selected().is_some() || response.has_focus();
        let edge = if is_framed { Stroke::new(2.0, palette.accent) } else { Stroke::new(1.0, palette.line) };
        let fill = if response.hovered() && !is_empty { palette.raised } else { palette.field };
        ui.painter().rect(rect, theme::SMALL_RADIUS, fill, edge, StrokeKind::Inside);
        let frame = rect.with_min_y(rect.top() + SUMMARY).shrink(1.0);
        let axis = |low, high| PlotAxis { room: 0.0, ..PlotAxis::new(AxisScale::Linear, Interval::new(low, high)) };
        let (x, y) = (axis(0.5, axes.epochs + 0.5), axis(-0.02 * axes.top, 1.02 * axes.top));
        let pixel = x.ends.width() / f64::from(frame.width());
        let mut inner = ui.new_child(UiBuilder::new().max_rect(frame).id_salt(response.id));
        QuietPlot::new(&inner, "cell", x, y).show(&mut inner, |plot| {
            plot.hline(HLine::new("", (axes.top * 50.0).round() / 100.0).color(palette.line));
            self.lines(plot, palette, pixel);
        });
        self.summary(ui, rect);
        let clicked = response.clicked();
        if !is_empty {
            response.on_hover_text(self.words());
        }
        clicked
    }

    fn lines(&self, plot: &mut PlotUi<'_>, palette: &Palette, pixel: f64) {
        let has_selected = self.selected().is_some();
        for &index in &self.inside {
            let run = &self.runs[index];
            // Where seeds share a cell, the selected one is strong.
            let is_strong = self.inside.len() == 1 || run.is_primary || !has_selected;
            for quantity in LINES {
                let colour = quantity.colour(palette);
                let colour = if is_strong { colour } else { theme::faint_of(colour) };
                for stretch in stretches(run.history, 0.0, |record| Panel::Error.value(quantity, record)) {
                    let path: Vec<_> = stretch.iter().map(|point| PlotPoint::new(point.x, point.raw)).collect();
                    let line = Line::new("", PlotPoints::Owned(thinned(&path, 2.0 * pixel)));
                    plot.line(line.style(quantity.style(1.0)).stroke(quantity.stroke(LINE, colour)));
                }
            }
        }
    }

    fn summary(&self, ui: &Ui, rect: Rect) {
        let palette = palette(ui);
        let run = self.inside.get(self.selected().unwrap_or(0)).map(|index| &self.runs[*index]);
        let Some((run, record)) = run.and_then(|run| Some((run, run.kept()?))) else {
            let text = match run {
                Some(_) => "no epoch yet",
                None if self.alpha == 1.0 => "trained once",
                None => "no run",
            };
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, theme::small_font(), palette.weak);
            return;
        };
        let judged = self.measure.judge(&run.as_figure());
        let own = |quantity: Quantity| Some((Panel::Error.value(quantity, record)?, quantity.colour(palette)));
        let by_measure = judged.map(|judged| (judged.attacked.error(), colour(palette, self.measure)));
        let clean = judged.map_or_else(
            || own(Quantity::Clean),
            |judged| Some((judged.clean.error(), Quantity::Clean.colour(palette))),
        );
        // Beside an error at a common ε stands that at the run's own.
        let has_both = self.measure.is_common() && by_measure.is_some() && rect.width() >= ROOMY_CELL;
        let beside = own(Quantity::Pgd).filter(|_| has_both);
        let mut at = rect.right_top() + vec2(-SPACE_2, SPACE_1);
        for (error, colour) in [by_measure, beside, clean].into_iter().flatten() {
            let written = ui.painter().text(at, Align2::RIGHT_TOP, per_cent(error), theme::number_font(), colour);
            at.x = written.left() - SPACE_2;
        }
        if self.is_best {
            let at = Rect::from_min_size(rect.min + vec2(SPACE_1, SPACE_1), vec2(16.0, 16.0));
            icon_at(ui, at, icons::ICON_STAR, 15.0, palette.accent);
        }
    }

    fn words(&self) -> String {
        let mut words = format!("ε {}, α {}", short(self.eps), short(self.alpha));
        if self.inside.is_empty() {
            return words + if self.alpha == 1.0 { ": trained once, with another ε" } else { ": no run" };
        }
        for &index in &self.inside {
            let run = &self.runs[index];
            let error = |quantity: Quantity| {
                let error = Panel::Error.value(quantity, run.kept()?)?;
                Some(format!("{} {}", quantity.name(), per_cent(error)))
            };
            let errors: Vec<String> = LINES.into_iter().filter_map(error).collect();
            let errors = if errors.is_empty() { "no epoch yet".into() } else { errors.join(", ") };
            words.push_str(&format!("\n{}: {errors}", run.name));
            if let Some(judged) = self.measure.judge(&run.as_figure()).filter(|_| self.measure.is_common()) {
                let (clean, attacked) = (per_cent(judged.clean.error()), per_cent(judged.attacked.error()));
                let under = self.measure.in_words();
                words.push_str(&format!(
                    "\nclean {clean}, {under} {attacked} (n = {} test pictures)",
                    judged.attacked.n
                ));
            }
        }
        if self.is_best {
            let among = if self.measure.is_common() { "of all runs" } else { "of the runs with this ε" };
            words.push_str(&format!("\nThe lowest error {among}: {}", self.measure.in_words()));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::{Config, EpochRecord, Measured};

    #[test]
    fn runs_fall_into_cells_and_the_lowest_errors_at_each_eps_are_the_best() {
        let config = |eps, alpha| Config { eps, alpha, ..Config::default() };
        let configs = [config(0.3, 0.5), config(0.1, 0.5), config(0.1, 0.0), config(0.3, 0.5)];
        let histories = [5, 4, 8, 2].map(|wrong| {
            let measured = Some(Measured { n: 10, wrong, ..Measured::default() });
            [EpochRecord { clean: measured, adversarial: measured, ..EpochRecord::default() }]
        });
        let run = |at: usize| PlotRun {
            name: "",
            history: &histories[at],
            config: &configs[at],
            robustness: &[],
            is_primary: false,
        };
        let runs: Vec<PlotRun<'_>> = (0..4).map(run).collect();
        assert_eq!(values(&runs, |run| run.config.eps), [0.1, 0.3]);
        let by_fgsm = SweepMeasure { attack: SweepAttack::Fgsm, ..SweepMeasure::default() };
        let best = by_fgsm.best(&runs.iter().map(PlotRun::as_figure).collect::<Vec<_>>());
        let cells: [(f32, f32, &[usize], bool); 4] =
            [(0.1, 0.5, &[1], true), (0.3, 0.5, &[0, 3], true), (0.1, 0.0, &[2], false), (0.3, 0.0, &[], false)];
        for (eps, alpha, inside, is_best) in cells {
            let cell = Cell::new(&runs, eps, alpha, by_fgsm, &best);
            assert_eq!((&*cell.inside, cell.is_best), (inside, is_best), "{eps} {alpha}");
        }
    }

    #[test]
    fn a_shared_cell_is_gone_through_by_clicks() {
        let config = Config::default();
        for (primary, next) in [(None, 0), (Some(0), 1), (Some(1), 0)] {
            let run = |at| PlotRun {
                name: "run",
                history: &[],
                config: &config,
                robustness: &[],
                is_primary: primary == Some(at),
            };
            let runs = [run(0), run(1)];
            let cell = Cell::new(&runs, config.eps, config.alpha, SweepMeasure::default(), &[]);
            assert_eq!(cell.next(), Some(next));
        }
        assert_eq!(Cell::new(&[], 0.0, 0.0, SweepMeasure::default(), &[]).next(), None);
    }
}
