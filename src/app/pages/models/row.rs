//! A row tells what a model is, where it is, and what can be done.

use egui::{self, Align, Frame, Label, Layout, Margin, RichText, Ui};

use crate::app::commands::Command;
use crate::app::format::{megabytes, thousands};
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::pages::models::operations;
use crate::app::pages::models::state::Models;
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::form::note;
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{command_button, icon_button, primary_button, problem_line};
use crate::engine::model::{Accuracy, Entry, Facts, WeightsPlace};

pub fn show(ui: &mut Ui, entry: &Entry, models: &Models, is_current: bool, out: &mut Vec<Command>) {
    let palette = palette(ui);
    let frame = Frame::new().fill(palette.panel).corner_radius(theme::RADIUS);
    let frame = frame.inner_margin(Margin { left: 12, right: 8, top: 6, bottom: 8 });
    let frame = frame.stroke(egui::Stroke::new(1.0, if is_current { palette.accent } else { palette.line }));
    frame.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        let line = egui::vec2(ui.available_width(), theme::CONTROL_HEIGHT);
        ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
            actions(ui, entry, models, is_current, out);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(&entry.title).font(theme::strong_font())).truncate());
                ui.add(Label::new(theme::number(&entry.name).color(palette.weak)).truncate());
            });
        });
        text(ui, entry);
        below(ui, entry, models);
        if let Some(operations) = models.operations.as_ref().filter(|operations| operations.name == entry.name) {
            ui.add_space(SPACE_2);
            match &operations.rows {
                None => note(ui, "Reading the manifest…"),
                Some(Ok(rows)) => operations::table(ui, &entry.title, rows),
                Some(Err(problem)) => problem_line(ui, problem),
            }
        }
    });
}

fn text(ui: &mut Ui, entry: &Entry) {
    ui.spacing_mut().interact_size.y = 0.0;
    if !entry.description.is_empty() {
        ui.add(Label::new(&entry.description).wrap());
    }
    let Some(facts) = &entry.facts else { return };
    let mut parts = vec![size(facts)];
    parts.extend(facts.accuracy.as_ref().map(right));
    let licence = entry.licence.trim_start_matches("weights: ");
    parts.push(if licence.is_empty() { "no licence stated".into() } else { format!("licence {licence}") });
    if matches!(facts.weights, WeightsPlace::Bundled(_)) {
        parts.push("inside the program".into());
    }
    let line = ui.add(Label::new(theme::weak(ui, parts.join("  ·  "))).wrap());
    if let Some(Accuracy { of, source, .. }) = &facts.accuracy {
        let source = source.as_ref().map(|source| format!("\n{source}")).unwrap_or_default();
        line.on_hover_text(format!("Right answers on {of}{source}"));
    }
    if let Some(place) = place(facts) {
        ui.add(Label::new(theme::weak(ui, place)).wrap().selectable(true));
    }
}

/// Writes "11 689 512 parameters, 46.8 MB".
fn size(facts: &Facts) -> String {
    let bytes = match (&facts.weights, &facts.remote) {
        (WeightsPlace::Bundled(bytes) | WeightsPlace::Disk { bytes, .. }, _) => Some(*bytes),
        (WeightsPlace::Nowhere, remote) => remote.as_ref().map(|(remote, _)| remote.bytes),
    };
    let bytes = bytes.map(|bytes| format!(", {}", megabytes(bytes))).unwrap_or_default();
    format!("{} parameters{bytes}", thousands(facts.parameters))
}

/// Writes "top-1 69.8 %, top-5 89.1 %".
fn right(accuracy: &Accuracy) -> String {
    let top5 = accuracy.top5.map(|top5| format!(", top-5 {:.1} %", top5 * 100.0)).unwrap_or_default();
    format!("top-1 {:.1} %{top5}", accuracy.top1 * 100.0)
}

fn place(facts: &Facts) -> Option<String> {
    match (&facts.weights, &facts.remote) {
        (WeightsPlace::Bundled(_), _) => None,
        (WeightsPlace::Disk { path, .. }, _) => Some(path.display().to_string()),
        (WeightsPlace::Nowhere, Some((remote, arrived))) => {
            let there =
                if *arrived > 0 { format!(" ({} of it are there)", megabytes(*arrived)) } else { String::new() };
            Some(format!("{}{there}", remote.mirrors.first().map_or("", String::as_str)))
        }
        (WeightsPlace::Nowhere, None) => Some("The weights are not here; open a file of them.".into()),
    }
}

fn actions(ui: &mut Ui, entry: &Entry, models: &Models, is_current: bool, out: &mut Vec<Command>) {
    let name = || entry.name.clone();
    if models.fetching.contains_key(&entry.name) {
        return button(ui, entry, ModelsCommand::StopFetching(name()), out);
    }
    let is_ready = entry.problem.is_none();
    if is_ready && is_current {
        ui.label(theme::caption(ui, "In Explore"));
    } else if is_ready {
        button(ui, entry, ModelsCommand::Use(name()), out);
    }
    if let Some(facts) = entry.facts.as_ref().filter(|_| !is_ready) {
        if facts.remote.is_some() {
            let about = ModelsCommand::AskFetch(name()).about();
            let fetch = primary_button(ui, about.name, true).on_hover_text(about.tooltip);
            if fetch.accessible_name(format!("Fetch {}", entry.title)).clicked() {
                out.push(ModelsCommand::AskFetch(name()).into());
            }
        }
        button(ui, entry, ModelsCommand::AskFile(Some(name())), out);
    }
    let is_own = match (&entry.facts, &entry.path, &models.folder) {
        (Some(facts), ..) => facts.is_own,
        (None, Some(path), Some(folder)) => path.starts_with(folder),
        _ => false,
    };
    if is_own {
        let remove = icon_button(ui, ModelsCommand::AskRemove(name()), out);
        remove.accessible_name(format!("Remove {}", entry.title));
    }
    if entry.facts.is_some() {
        let operations = icon_button(ui, ModelsCommand::Operations(name()), out);
        operations.accessible_name(format!("Operations of {}", entry.title));
    }
}

fn button(ui: &mut Ui, entry: &Entry, command: ModelsCommand, out: &mut Vec<Command>) {
    let label = format!("{}: {}", command.about().name.trim_end_matches('…'), entry.title);
    command_button(ui, command, out).accessible_name(label);
}

fn below(ui: &mut Ui, entry: &Entry, models: &Models) {
    if let Some(fetching) = models.fetching.get(&entry.name) {
        let share = fetching.done as f32 / fetching.of.max(1) as f32;
        let text = format!("{} of {}", megabytes(fetching.done), megabytes(fetching.of));
        ui.add_space(SPACE_2);
        progress(ui, ui.available_width(), share, &text);
    }
    // A manifest that cannot be read says why; weights that are not there need no more words.
    let unusable = entry.problem.as_ref().filter(|_| entry.facts.is_none());
    if let Some(problem) = models.problems.get(&entry.name).or(unusable) {
        ui.add_space(SPACE_2);
        let lines: Vec<&str> = problem.lines().map(str::trim).collect();
        problem_line(ui, &lines.join("\n"));
    }
}
