//! The form of a net that is being added: what its file leaves open, and what the net then says of three pictures.

mod answers;
mod check;
mod pixels;

use egui::{self, Align, CentralPanel, Frame, Label, Layout, Margin, Panel, RichText, ScrollArea, Ui};

use crate::app::commands::Command;
use crate::app::format::{plural, thousands};
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::pages::models::import::check::CheckPane;
use crate::app::pages::models::operations;
use crate::app::pages::models::state::import::Import;
use crate::app::pages::models::state::steps::Built;
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, SPACE_4, palette};
use crate::app::widgets::form::{Fields, fold, note};
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{acting, name_of_file, primary_button, problem_line, remark};
use crate::engine::model::Entry;

/// The form has two columns from this width on.
const ROOMY: f32 = 880.0;
const WIDEST: f32 = 1180.0;
const CHECK_WIDTH: f32 = 404.0;

/// The form keeps what is being typed, and textures.
#[derive(Default)]
pub struct ImportForm {
    fields: Fields,
    check: CheckPane,
    /// The number of the net that this is about.
    number: u64,
}

impl ImportForm {
    pub fn show(&mut self, ui: &mut Ui, import: &Import, catalogue: &[Entry], out: &mut Vec<Command>) {
        if self.number != import.number {
            *self = Self { number: import.number, ..Self::default() };
        }
        let bar = theme::bar_frame(ui);
        Panel::bottom("adding").frame(bar).show(ui, |ui| foot(ui, import, catalogue, out));
        let frame = Frame::new().fill(palette(ui).canvas).inner_margin(Margin { top: 12, ..Margin::ZERO });
        CentralPanel::default().frame(frame).show(ui, |ui| {
            let width = (ui.available_width() - 2.0 * SPACE_4).min(WIDEST);
            let side = (ui.available_width() - width) / 2.0;
            ui.horizontal_top(|ui| {
                ui.add_space(side);
                ui.vertical(|ui| {
                    ui.set_width(width);
                    head(ui, import);
                    ui.add_space(SPACE_2);
                    match import.opened {
                        None => remark(ui, "Reading the file…", "Nothing is kept before you say so."),
                        Some(Err(_)) => {}
                        // While the net is being written, nothing can be changed.
                        Some(Ok(_)) => {
                            ui.add_enabled_ui(!import.is_keeping, |ui| self.body(ui, import, catalogue, out));
                        }
                    }
                });
            });
        });
    }

    /// Shows the questions, and beside or below them the check, which stays in sight where there is room for both.
    fn body(&mut self, ui: &mut Ui, import: &Import, catalogue: &[Entry], out: &mut Vec<Command>) {
        if ui.available_width() < ROOMY {
            return scrolled(ui, "questions", ui.available_width(), |ui| {
                panel(ui, |ui| answers::show(ui, import, catalogue, &mut self.fields, out));
                panel(ui, |ui| self.check.show(ui, import));
                table(ui, import);
            });
        }
        let left = ui.available_width() - CHECK_WIDTH - SPACE_1;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_1;
            scrolled(ui, "questions", left, |ui| {
                panel(ui, |ui| answers::show(ui, import, catalogue, &mut self.fields, out));
                table(ui, import);
            });
            scrolled(ui, "check", CHECK_WIDTH, |ui| panel(ui, |ui| self.check.show(ui, import)));
        });
    }
}

fn scrolled(ui: &mut Ui, name: &str, width: f32, contents: impl FnOnce(&mut Ui)) {
    ui.vertical(|ui| {
        ui.set_width(width);
        ScrollArea::vertical().id_salt(name).auto_shrink(false).show(ui, |ui| {
            // Beside the bar.
            ui.set_width(width - SPACE_2);
            ui.spacing_mut().item_spacing.y = SPACE_3;
            contents(ui);
            ui.add_space(SPACE_1);
        });
    });
}

/// Shows what the net computes, once a person opens it.
fn table(ui: &mut Ui, import: &Import) {
    let Some(built) = import.net() else { return };
    let count = built.rows.len().saturating_sub(1);
    let summary = format!("{} operation{}", thousands(count), plural(count));
    panel(ui, |ui| fold(ui, "Operations", false, &summary, |ui| operations::table(ui, &import.name, &built.rows)));
}

fn panel(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let frame = Frame::new().fill(palette(ui).panel).corner_radius(theme::RADIUS).inner_margin(Margin::same(12));
    frame.stroke(egui::Stroke::new(1.0, palette(ui).line)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = SPACE_1;
        contents(ui);
    });
}

/// Says what the file is, and why it cannot be added.
fn head(ui: &mut Ui, import: &Import) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Add a net").font(theme::verdict_font()));
        let file = ui.add(Label::new(theme::number(name_of_file(&import.path)).color(palette(ui).weak)).truncate());
        file.on_hover_text(import.path.display().to_string());
    });
    if let Some(built) = import.net() {
        ui.add(Label::new(RichText::new(facts(built)).color(palette(ui).weak)).wrap());
        built.net.notes.iter().for_each(|text| note(ui, text));
    }
    if let Some(why) = import.refusal().filter(|_| import.doing.is_none()) {
        ui.add_space(SPACE_2);
        let lines: Vec<&str> = why.lines().map(str::trim).collect();
        problem_line(ui, &lines.join("\n"));
    }
}

/// Writes "3×224×224 pixels to 1000 classes  ·  49 operations  ·  11 684 712 parameters  ·  written by pytorch".
fn facts(built: &Built) -> String {
    let [channels, height, width] = built.net.axes();
    let count = built.rows.len().saturating_sub(1);
    let mut parts = vec![
        format!("{channels}×{height}×{width} pixels to {} classes", built.net.class_count()),
        format!("{} operation{}", thousands(count), plural(count)),
        format!("{} parameters", thousands(built.parameters)),
    ];
    if !built.net.producer.is_empty() {
        parts.push(format!("written by {}", built.net.producer));
    }
    parts.join("  ·  ")
}

/// Shows what is being done at the left, and the ways out at the right.
fn foot(ui: &mut Ui, import: &Import, catalogue: &[Entry], out: &mut Vec<Command>) {
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let keep = primary_button(ui, "Keep", import.can_keep(catalogue));
        let keep = keep.on_disabled_hover_text("The net is kept once it has shown what it says of three pictures");
        acting(keep, ModelsCommand::Keep, out);
        acting(ui.button("Cancel"), ModelsCommand::CancelAdding, out);
        ui.add_space(SPACE_2);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| match (&import.doing, &import.problem) {
            (Some((doing, share)), _) => progress(ui, ui.available_width().min(420.0), *share, doing),
            (None, _) if import.is_keeping => progress(ui, ui.available_width().min(420.0), 0.0, "Writing the net…"),
            (None, Some(problem)) => problem_line(ui, problem),
            (None, None) => note(ui, state(import)),
        });
    });
}

fn state(import: &Import) -> &'static str {
    match import.check() {
        _ if import.words().is_some() && import.word().is_none() => "Choose the net that these weights are of.",
        _ if import.refusal().is_some() => "This net cannot be added as it is.",
        Some((Ok(_), true)) => "Nothing is kept yet. Look at the answers, then keep the net or cancel.",
        Some((Err(_), true)) => "The net cannot be run.",
        _ => "Nothing is kept yet.",
    }
}
