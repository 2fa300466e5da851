//! The page asks before something is fetched or removed.

use eframe::egui::{self, Grid, Id, Key, Label, Modal, Ui};

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::megabytes;
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::pages::models::state::Models;
use crate::app::theme::{self, SPACE_2, SPACE_3};
use crate::app::widgets::primary_button;
use crate::engine::model::Entry;

/// Each question is about the model of this name.
pub enum Question {
    Fetch(String),
    Remove(String),
}

impl Question {
    pub fn show(&self, ui: &Ui, models: &Models, catalogue: &[Entry], out: &mut Vec<Command>) {
        let (Self::Fetch(name) | Self::Remove(name)) = self;
        let Some(entry) = catalogue.iter().find(|entry| entry.name == *name) else { return };
        let modal =
            Modal::new(Id::unique("question of models")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
                ui.set_width((ui.ctx().content_rect().width() - 96.0).min(560.0));
                match self {
                    Self::Fetch(_) => consent(ui, entry, models, out),
                    Self::Remove(_) => confirm(ui, entry, out),
                }
            });
        if modal.should_close() {
            out.push(WindowCommand::CloseOverlay.into());
        }
    }
}

/// Asks before anything is fetched: what, from where and under which licence.
fn consent(ui: &mut Ui, entry: &Entry, models: &Models, out: &mut Vec<Command>) {
    ui.label(egui::RichText::new(format!("Fetch {}?", entry.title)).font(theme::verdict_font()));
    let Some((remote, arrived)) = entry.facts.as_ref().and_then(|facts| facts.remote.as_ref()) else { return };
    let there = if *arrived > 0 { format!(", {} of it are there", megabytes(*arrived)) } else { String::new() };
    let about = if remote.slack > 0 { "about " } else { "" };
    let facts = [
        ("Size", format!("{about}{}{there}", megabytes(remote.bytes))),
        ("From", remote.mirrors.first().cloned().unwrap_or_default()),
        ("Licence", entry.licence.clone()),
        ("Into", models.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()),
    ];
    Grid::new("offer of a model").num_columns(2).spacing([SPACE_3, 2.0]).show(ui, |ui| {
        for (name, fact) in facts {
            ui.label(theme::caption(ui, name));
            ui.add(Label::new(fact).wrap());
            ui.end_row();
        }
    });
    ui.add_space(SPACE_2);
    let digits =
        if remote.sha256.len() < 64 { "the 8 digits of its SHA-256 that are published" } else { "its SHA-256" };
    let text = format!("The file is checked by its size and {digits}, and read as data: code in it is never run.");
    ui.add(Label::new(theme::weak(ui, text)).wrap());
    choice(ui, ("Fetch", "Cancel"), true, ModelsCommand::Fetch(entry.name.clone()), out);
}

fn confirm(ui: &mut Ui, entry: &Entry, out: &mut Vec<Command>) {
    ui.label(egui::RichText::new(format!("Remove {}?", entry.title)).font(theme::verdict_font()));
    let text =
        "What was fetched or added of it is deleted from your folder of models. What the program brought along stays.";
    ui.add(Label::new(text).wrap());
    choice(ui, ("Remove", "Keep it"), false, ModelsCommand::Remove(entry.name.clone()), out);
}

/// The two answers; Enter gives the first one where nothing is lost by it.
fn choice(ui: &mut Ui, (yes, no): (&str, &str), by_enter: bool, command: ModelsCommand, out: &mut Vec<Command>) {
    ui.add_space(SPACE_3);
    ui.horizontal(|ui| {
        let (yes, no) = (primary_button(ui, yes, true), ui.button(no));
        let enter = by_enter && !yes.has_focus() && !no.has_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        if yes.clicked() || enter {
            out.push(WindowCommand::CloseOverlay.into());
            out.push(command.into());
        }
        if no.clicked() {
            out.push(WindowCommand::CloseOverlay.into());
        }
    });
}
