//! A sweep at a glance: a small plot for each ε and α.

use eframe::egui::{
    Align2, Rect, Response, Role, ScrollArea, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons;
use egui_plot::{PlotBounds, PlotTransform};

use crate::app::format::short;
use crate::app::plots::PlotRun;
use crate::app::plots::axes::{Scale, linear, per_cent_tick};
use crate::app::plots::curve::{Grain, Pen, Sheet};
use crate::app::plots::hover::sample;
use crate::app::plots::quantity::{Panel, Quantity, per_cent};
use crate::app::plots::series::stretches;
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, palette};
use crate::app::widgets::icon_at;

/// A cell is no smaller and no larger than this.
const CELL: [[f32; 2]; 2] = [[108.0, 76.0], [240.0, 160.0]];
const GAP: f32 = 6.0;
/// Room for the values of α, and below the cells for those of ε.
const GUTTER: [f32; 2] = [64.0, 22.0];
const CAPTION: f32 = 22.0;
/// Height of the line of numbers in a cell.
const SUMMARY: f32 = 18.0;
const LINES: [Quantity; 3] = [Quantity::Clean, Quantity::Fgsm, Quantity::Pgd];

/// The runs by their ε and α.
#[derive(Debug, PartialEq)]
struct Cells {
    /// Ascending, from left to right.
    eps: Vec<f32>,
    /// Descending, from top to bottom.
    alpha: Vec<f32>,
    /// Indices of runs, row by row.
    runs: Vec<Vec<usize>>,
    /// For each ε the cell with the lowest adversarial error of a kept epoch; errors at several ε cannot be compared.
    best: Vec<Option<usize>>,
}

impl Cells {
    fn new(runs: &[PlotRun<'_>]) -> Self {
        let values = |value: fn(&PlotRun<'_>) -> f32| {
            let mut all: Vec<f32> = runs.iter().map(value).collect();
            all.sort_by(f32::total_cmp);
            all.dedup();
            all
        };
        let eps = values(|run| run.config.eps);
        let mut alpha = values(|run| run.config.alpha);
        alpha.reverse();
        let mut cells = vec![Vec::new(); eps.len() * alpha.len()];
        let mut best: Vec<Option<(usize, f64)>> = vec![None; eps.len()];
        for (index, run) in runs.iter().enumerate() {
            let place = |all: &[f32], value: f32| all.iter().position(|other| *other == value);
            let (Some(column), Some(row)) = (place(&eps, run.config.eps), place(&alpha, run.config.alpha)) else {
                continue;
            };
            let cell = row * eps.len() + column;
            cells[cell].push(index);
            if let Some(error) = run.kept().and_then(|record| record.adversarial).map(|measured| measured.error())
                && best[column].is_none_or(|(_, lowest)| error < lowest)
            {
                best[column] = Some((cell, error));
            }
        }
        Self { eps, alpha, runs: cells, best: best.into_iter().map(|best| Some(best?.0)).collect() }
    }
}

/// A small error plot for each ε and α of a sweep, ε along x and α along y, all with the same axes. Runs with the same ε
/// and α, of other seeds say, share a cell. Returns the index in `runs` of the one that was clicked; clicking the cell of
/// the primary run goes on to the next one in it.
pub fn sweep_grid(ui: &mut Ui, runs: &[PlotRun<'_>]) -> Option<usize> {
    if runs.is_empty() {
        let text = "A sweep trains one run for each ε and α; each gets a small plot here.";
        ui.label(theme::weak(ui, text));
        return None;
    }
    let cells = Cells::new(runs);
    let epochs = runs.iter().map(|run| run.history.len()).max().unwrap_or(0).max(2) as f64;
    let errors = runs.iter().flat_map(|run| run.history.iter());
    let highest = errors.flat_map(|record| LINES.map(|line| Panel::Error.value(line, record))).flatten();
    let highest = highest.fold(0.0, f64::max);
    // The common axis ends at a round value.
    let top = linear(0.0, 2.0, 0.1).into_iter().find(|tick| *tick >= highest).unwrap_or(1.0).clamp(0.1, 1.0);
    caption(ui, runs, epochs, top);
    let room = ui.available_size();
    let side = |room: f32, gutter: f32, count: usize, axis: usize| {
        let each = (room - gutter) / count.max(1) as f32 - GAP;
        each.clamp(CELL[0][axis], CELL[1][axis]).floor()
    };
    let cell = vec2(side(room.x, GUTTER[0], cells.eps.len(), 0), side(room.y, GUTTER[1], cells.alpha.len(), 1));
    let bounds = PlotBounds::from_min_max([0.5, -0.02 * top], [epochs + 0.5, top * 1.02]);
    let mut clicked = None;
    ScrollArea::both().id_salt("sweep grid").auto_shrink([false, true]).show(ui, |ui| {
        let size = vec2(
            GUTTER[0] + cells.eps.len() as f32 * (cell.x + GAP),
            cells.alpha.len() as f32 * (cell.y + GAP) + GUTTER[1],
        );
        let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
        for (index, inside) in cells.runs.iter().enumerate() {
            let (row, column) = (index / cells.eps.len(), index % cells.eps.len());
            let offset = vec2(GUTTER[0] + column as f32 * (cell.x + GAP), row as f32 * (cell.y + GAP));
            let at = Rect::from_min_size(rect.min + offset, cell);
            // The summary lies above the lines.
            let frame = Rect::from_min_max(pos2(at.left(), at.top() + SUMMARY), at.max);
            let transform = PlotTransform::new(frame, bounds, [false, false]);
            let sheet = Sheet { transform, scale: Scale::Linear };
            let values = (cells.eps[column], cells.alpha[row]);
            let response = show_cell(ui, runs, inside, (&sheet, values), cells.best[column] == Some(index));
            if response.clicked() {
                clicked = next(runs, inside);
            }
        }
        labels(ui, rect, &cells, (cell.x, cell.y));
    });
    clicked
}

/// The first run of a cell, or the one after the selected run.
fn next(runs: &[PlotRun<'_>], inside: &[usize]) -> Option<usize> {
    let selected = inside.iter().position(|index| runs[*index].is_primary);
    let next = selected.map_or(0, |at| (at + 1) % inside.len());
    inside.get(next).copied()
}

fn caption(ui: &mut Ui, runs: &[PlotRun<'_>], epochs: f64, top: f64) {
    let palette = palette(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_3;
        ui.set_min_height(CAPTION);
        for line in LINES {
            let is_there = runs.iter().any(|run| run.history.iter().any(|record| line.measured(record).is_some()));
            if is_there {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = SPACE_1;
                    sample(ui, line, line.colour(palette));
                    ui.label(eframe::egui::RichText::new(line.name()).small());
                });
            }
        }
        let axes = format!("Validation error from 0 to {}, epochs 1 to {epochs}, in every cell", per_cent_tick(top));
        // Not broken: it moves to a line of its own.
        ui.add(eframe::egui::Label::new(theme::weak(ui, axes)).extend());
    });
}

/// The values of ε below the columns and those of α before the rows.
fn labels(ui: &Ui, rect: Rect, cells: &Cells, (width, height): (f32, f32)) {
    let palette = palette(ui);
    let text = |at, anchor: Align2, text: String| {
        ui.painter().text(at, anchor, text, theme::number_font(), palette.text);
    };
    for (column, eps) in cells.eps.iter().enumerate() {
        let x = rect.left() + GUTTER[0] + column as f32 * (width + GAP) + width / 2.0;
        text(pos2(x, rect.bottom() - GUTTER[1] + 2.0), Align2::CENTER_TOP, format!("ε {}", short(*eps)));
    }
    for (row, alpha) in cells.alpha.iter().enumerate() {
        let y = rect.top() + row as f32 * (height + GAP) + height / 2.0;
        text(pos2(rect.left() + GUTTER[0] - SPACE_2, y), Align2::RIGHT_CENTER, format!("α {}", short(*alpha)));
    }
}

fn show_cell(
    ui: &mut Ui,
    runs: &[PlotRun<'_>],
    inside: &[usize],
    (sheet, (eps, alpha)): (&Sheet, (f32, f32)),
    is_best: bool,
) -> Response {
    let palette = palette(ui);
    let mut rect = *sheet.transform.frame();
    rect.min.y -= SUMMARY;
    let id = ui.make_persistent_id(("cell", eps.to_bits(), alpha.to_bits()));
    let sense = if inside.is_empty() { Sense::hover() } else { Sense::click() };
    let response = ui.interact(rect, id, sense);
    let role = if inside.is_empty() { Role::Label } else { Role::Button };
    let words = words(runs, inside, (eps, alpha), is_best);
    response.widget_info(|| WidgetInfo::labeled(role, true, words.clone()));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let is_selected = inside.iter().any(|index| runs[*index].is_primary);
    let edge = if is_selected || response.has_focus() {
        Stroke::new(2.0, palette.accent)
    } else {
        Stroke::new(1.0, palette.line)
    };
    let fill = if response.hovered() && !inside.is_empty() { palette.raised } else { palette.field };
    ui.painter().rect(rect, theme::SMALL_RADIUS, fill, edge, StrokeKind::Inside);
    let middle = (sheet.transform.bounds().max()[1] / 2.0 * 100.0).round() / 100.0;
    let y = sheet.at(0.0, middle).y;
    let mut shapes = vec![Shape::hline(rect.x_range(), y, Stroke::new(1.0, palette.line))];
    for &index in inside {
        // Where seeds share a cell, the selected one is strong.
        let is_strong = inside.len() == 1 || runs[index].is_primary || !is_selected;
        for quantity in LINES {
            let colour = quantity.colour(palette);
            let colour = if is_strong { colour } else { theme::faint_of(colour) };
            let pen = Pen { quantity, stroke: Stroke::new(1.4, colour), grain: Grain::Fine, has_dots: false };
            for stretch in stretches(runs[index].history, 0.0, |record| Panel::Error.value(quantity, record)) {
                sheet.line(&stretch, |point| point.raw, pen, &mut shapes);
            }
        }
    }
    ui.painter().with_clip_rect(rect.shrink(1.0).intersect(ui.clip_rect())).extend(shapes);
    summary(ui, rect, runs, inside, is_best);
    if inside.is_empty() { response } else { response.on_hover_text(words) }
}

/// The errors of the kept epoch in the corner.
fn summary(ui: &Ui, rect: Rect, runs: &[PlotRun<'_>], inside: &[usize], is_best: bool) {
    let palette = palette(ui);
    let shown = inside.iter().find(|index| runs[**index].is_primary).or(inside.first()).map(|index| &runs[*index]);
    let Some(run) = shown else {
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, "no run", theme::small_font(), palette.weak);
        return;
    };
    let Some(record) = run.kept() else {
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, "no epoch yet", theme::small_font(), palette.weak);
        return;
    };
    let mut right = rect.right() - SPACE_2;
    for quantity in [Quantity::Fgsm, Quantity::Clean] {
        let Some(error) = Panel::Error.value(quantity, record) else { continue };
        let galley = ui.painter().layout_no_wrap(per_cent(error), theme::number_font(), quantity.colour(palette));
        let at = pos2(right - galley.size().x, rect.top() + SPACE_1);
        right = at.x - SPACE_2;
        ui.painter().galley(at, galley, palette.text);
    }
    if is_best {
        let at = Rect::from_min_size(rect.min + vec2(SPACE_1, SPACE_1), vec2(16.0, 16.0));
        icon_at(ui, at, icons::ICON_STAR, 15.0, palette.accent);
    }
}

fn words(runs: &[PlotRun<'_>], inside: &[usize], (eps, alpha): (f32, f32), is_best: bool) -> String {
    let mut words = format!("ε {}, α {}", short(eps), short(alpha));
    if inside.is_empty() {
        return words + ": no run";
    }
    for &index in inside {
        let run = &runs[index];
        let error = |quantity| run.kept().and_then(|record| Panel::Error.value(quantity, record));
        let value = |(quantity, error): (Quantity, f64)| format!("{} {}", quantity.name(), per_cent(error));
        let errors: Vec<String> = LINES.into_iter().filter_map(|line| Some((line, error(line)?))).map(value).collect();
        let errors = if errors.is_empty() { "no epoch yet".into() } else { errors.join(", ") };
        words.push_str(&format!("\n{}: {errors}", run.name));
    }
    if is_best {
        words.push_str("\nThe lowest error under FGSM at this ε");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::{Config, EpochRecord, Measured};

    #[test]
    fn runs_fall_into_cells() {
        let config = |eps, alpha| Config { eps, alpha, ..Config::default() };
        let configs = [config(0.3, 0.5), config(0.1, 0.5), config(0.1, 0.0), config(0.3, 0.5)];
        let adversarial = |wrong| Some(Measured { n: 10, wrong, ..Measured::default() });
        let history = |wrong| [EpochRecord { adversarial: adversarial(wrong), ..EpochRecord::default() }];
        let histories = [history(5), history(4), history(8), history(2)];
        let runs: Vec<PlotRun<'_>> = configs
            .iter()
            .zip(&histories)
            .map(|(config, history)| PlotRun { name: "run", history, config, is_primary: false })
            .collect();
        let cells = Cells::new(&runs);
        assert_eq!((cells.eps, cells.alpha), (vec![0.1, 0.3], vec![0.5, 0.0]));
        assert_eq!(cells.runs, [vec![1], vec![0, 3], vec![2], vec![]]);
        assert_eq!(cells.best, [Some(0), Some(1)], "4 of 10 and 2 of 10 are the lowest errors at their ε");
    }

    #[test]
    fn a_shared_cell_is_gone_through_by_clicks() {
        let config = Config::default();
        let run = |is_primary| PlotRun { name: "run", history: &[], config: &config, is_primary };
        assert_eq!(next(&[run(false), run(false)], &[0, 1]), Some(0));
        assert_eq!(next(&[run(true), run(false)], &[0, 1]), Some(1));
        assert_eq!(next(&[run(false), run(true)], &[0, 1]), Some(0));
        assert_eq!(next(&[], &[]), None);
    }
}
