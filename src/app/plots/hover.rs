//! The values at an epoch appear as a table beside the pointer, and in words for assistive technology.

use egui::{Grid, PopupAnchor, Response, RichText, Sense, Tooltip, Ui, vec2};

use crate::app::format::short;
use crate::app::plots::marks::Mark;
use crate::app::plots::quantity::{Panel, Quantity, per_cent};
use crate::app::plots::quiet::{sample, shortened};
use crate::app::plots::scene::{Scene, run_colour};
use crate::app::theme::{self, SPACE_3, palette};
use crate::engine::train::{EpochRecord, Stage};

const MOST_RUNS: usize = 12;
const NAME: usize = 28;

/// Opens a tooltip at the pointer at once, or at the plot that has the keyboard.
pub fn tip(response: &Response, contents: impl FnOnce(&mut Ui)) {
    let anchor = if response.hovered() { PopupAnchor::Pointer } else { PopupAnchor::ParentRect(response.rect) };
    let tooltip = Tooltip::always_open(response.ctx.clone(), response.layer_id, response.id, anchor);
    tooltip.gap(12.0).show(|ui| {
        ui.spacing_mut().interact_size.y = 0.0;
        ui.spacing_mut().item_spacing.y = 2.0;
        contents(ui);
    });
}

/// Shows the table of all values at a place in the histories.
pub fn values(response: &Response, panel: Panel, scene: &Scene<'_>, marks: &[Mark], at: usize) {
    tip(response, |ui| {
        if let Some(record) = scene.primary().history.get(at) {
            selected(ui, panel, scene, record);
            // What changed before the epoch belongs to it too.
            for mark in marks.iter().filter(|mark| (0.0..1.0).contains(&((at + 1) as f64 - mark.x))) {
                ui.label(theme::weak(ui, mark.text.as_str()));
            }
        }
        if scene.runs.len() > 1 {
            others(ui, panel, scene, at);
        }
    });
}

fn selected(ui: &mut Ui, panel: Panel, scene: &Scene<'_>, record: &EpochRecord) {
    ui.label(theme::strong(epoch(record)));
    let EpochRecord { eps, alpha, rate, .. } = *record;
    let settings = format!("ε {} · α {} · learning rate {}", short(eps), short(alpha), short(rate));
    ui.label(theme::weak(ui, settings));
    Grid::new("values").num_columns(4).spacing([SPACE_3, 2.0]).min_col_width(0.0).show(ui, |ui| {
        for &quantity in panel.quantities() {
            let Some(value) = panel.value(quantity, record) else { continue };
            let colour = scene.colour(palette(ui), scene.primary, quantity);
            let (place, _) = ui.allocate_exact_size(vec2(28.0, 12.0), Sense::hover());
            sample(ui, place, quantity.style(1.0), quantity.stroke(2.0, colour));
            ui.label(quantity.name());
            ui.label(theme::number(panel.spelled(value)));
            if let Some(basis) = basis(panel, quantity, record) {
                ui.label(theme::weak(ui, basis));
            }
            ui.end_row();
        }
    });
}

fn basis(panel: Panel, quantity: Quantity, record: &EpochRecord) -> Option<String> {
    let measured = quantity.measured(record)?;
    let (n, wrong) = (measured.n, measured.wrong);
    let (low, high) = measured.interval();
    Some(match panel {
        Panel::Error => format!("95 %: {} to {}, n = {n}", per_cent(low), per_cent(high)),
        Panel::Loss => format!("n = {n}"),
        Panel::Confidence => format!("{wrong} mistakes of {n}"),
    })
}

fn others(ui: &mut Ui, panel: Panel, scene: &Scene<'_>, at: usize) {
    let columns = panel.quantities();
    ui.add_space(theme::SPACE_1);
    Grid::new("runs").num_columns(columns.len() + 1).spacing([SPACE_3, 2.0]).min_col_width(0.0).show(ui, |ui| {
        ui.label(theme::weak(ui, format!("At epoch {}", at + 1)));
        for quantity in columns {
            ui.label(theme::weak(ui, quantity.name()));
        }
        ui.end_row();
        for (index, run) in scene.runs.iter().enumerate().take(MOST_RUNS) {
            let name = shortened(run.name, NAME);
            let name = if index == scene.primary { theme::strong(name) } else { RichText::new(name) };
            ui.label(name.color(run_colour(palette(ui), index)));
            for &quantity in columns {
                let value = run.history.get(at).and_then(|record| panel.value(quantity, record));
                ui.label(theme::number(value.map_or_else(|| "–".into(), |value| panel.spelled(value))));
            }
            ui.end_row();
        }
    });
}

fn epoch(record: &EpochRecord) -> String {
    match record.stage {
        Stage::Selection => format!("Epoch {}", record.epoch),
        Stage::Retraining => format!("Retraining, epoch {}", record.epoch),
    }
}

/// Describes the values at the cursor or of the newest epoch.
pub fn words(panel: Panel, scene: &Scene<'_>, marks: &[Mark]) -> String {
    let (title, run) = (panel.about().name, scene.primary());
    let at = scene.cursor.unwrap_or(usize::MAX).min(run.history.len().saturating_sub(1));
    let Some(record) = run.history.get(at) else { return format!("{title}: no epoch yet") };
    let value = |quantity: &Quantity| {
        let value = panel.value(*quantity, record)?;
        let n = quantity.measured(record).map(|measured| format!(" of {}", measured.n)).unwrap_or_default();
        Some(format!("{} {}{n}", quantity.name(), panel.spelled(value)))
    };
    let values: Vec<String> = panel.quantities().iter().filter_map(value).collect();
    let words = format!("{title} of {}. {}: {}", run.name, epoch(record), values.join(", "));
    marks.iter().fold(words, |words, mark| words + "; " + &mark.text)
}
