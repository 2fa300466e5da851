//! The page asks before something is fetched or removed.

use std::path::{Path, PathBuf};

use egui::{Label, Ui};

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::megabytes;
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::pages::models::state::Models;
use crate::app::theme::SPACE_2;
use crate::app::widgets::form::note;
use crate::app::widgets::name_of_file;
use crate::app::widgets::question::{Answers, fact_table, question};
use crate::engine::model::Entry;

/// The page asks one of these; fetching and removing are of the model of this name.
pub enum ModelQuestion {
    Fetch(String),
    Remove(String),
    /// A net is being added, and another file came.
    Replace {
        old: PathBuf,
        new: PathBuf,
    },
}

impl ModelQuestion {
    pub fn show(&self, ui: &Ui, models: &Models, catalogue: &[Entry], out: &mut Vec<Command>) {
        let name = match self {
            Self::Fetch(name) | Self::Remove(name) => name,
            Self::Replace { old, new } => return replace(ui, old, new, out),
        };
        let Some(entry) = catalogue.iter().find(|entry| entry.name == *name) else { return };
        let is_fetch = matches!(self, Self::Fetch(_));
        let title = format!("{} {}?", if is_fetch { "Fetch" } else { "Remove" }, entry.title);
        question(ui, &title, 560.0, WindowCommand::CloseOverlay, out, |ui, out| match is_fetch {
            true => consent(ui, entry, models, out),
            false => confirm(ui, entry, out),
        });
    }
}

fn replace(ui: &Ui, old: &Path, new: &Path, out: &mut Vec<Command>) {
    let [old, new_name] = [old, new].map(name_of_file);
    question(ui, "Open the other net?", 560.0, WindowCommand::CloseOverlay, out, |ui, out| {
        let text = format!(
            "{old} is being added, and nothing of it is kept yet. If you open {new_name} now, your answers about \
             {old} are lost."
        );
        ui.add(Label::new(text).wrap());
        let yes = format!("Open {new_name}");
        let answers = Answers { yes: &yes, no: "Go on", by_enter: false };
        answers.show(ui, Some(ModelsCommand::Replace(new.to_owned()).into()), out)
    });
}

fn consent(ui: &mut Ui, entry: &Entry, models: &Models, out: &mut Vec<Command>) -> bool {
    let Some((remote, arrived)) = entry.facts.as_ref().and_then(|facts| facts.remote.as_ref()) else { return false };
    let there = if *arrived > 0 { format!(", {} of it are there", megabytes(*arrived)) } else { String::new() };
    let about = if remote.slack > 0 { "about " } else { "" };
    let facts = [
        ("Size", format!("{about}{}{there}", megabytes(remote.bytes))),
        ("From", remote.mirrors.first().cloned().unwrap_or_default()),
        ("Licence", entry.licence.clone()),
        ("Into", models.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()),
    ];
    fact_table(ui, facts);
    ui.add_space(SPACE_2);
    let digits =
        if remote.sha256.len() < 64 { "the 8 digits of its SHA-256 that are published" } else { "its SHA-256" };
    note(ui, &format!("The file is checked by its size and {digits}, and read as data: code in it is never run."));
    let answers = Answers { yes: "Fetch", no: "Cancel", by_enter: true };
    answers.show(ui, Some(ModelsCommand::Fetch(entry.name.clone()).into()), out)
}

fn confirm(ui: &mut Ui, entry: &Entry, out: &mut Vec<Command>) -> bool {
    let text =
        "What was fetched or added of it is deleted from your folder of models. What the program brought along stays.";
    ui.add(Label::new(text).wrap());
    let answers = Answers { yes: "Remove", no: "Keep it", by_enter: false };
    answers.show(ui, Some(ModelsCommand::Remove(entry.name.clone()).into()), out)
}
