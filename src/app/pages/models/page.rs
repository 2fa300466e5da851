//! The page lists every model with its size, licence, accuracy and place, and what can be done to have it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{self, CentralPanel, Context, Frame, Margin, ScrollArea, Ui};

use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::files::dialogs::Question;
use crate::app::notices::Tone;
use crate::app::page::{Menu, Page};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::models::commands::{Answer, ClassChoice, ModelsCommand};
use crate::app::pages::models::import::ImportForm;
use crate::app::pages::models::questions::ModelQuestion;
use crate::app::pages::models::row;
use crate::app::pages::models::state::steps::{Done, Told};
use crate::app::pages::models::state::{Models, Operations, Outcome};
use crate::app::settings::Settings;
use crate::app::shell::Shell;
use crate::app::theme::{self, SPACE_2, SPACE_3, SPACE_4, palette};
use crate::app::widgets::{command_button, icon_button, name_of_file};
use crate::engine::model::{Entry, GraphRow, WeightsPlace};
use crate::worker::ModelEvent;

/// Longer lines are hard to read.
const WIDEST: f32 = 1080.0;

#[derive(Default)]
pub struct ModelsPage {
    pub models: Models,
    question: Option<ModelQuestion>,
    form: ImportForm,
}

/// The groups stand in the order in which a person looks for models.
const GROUPS: [&str; 5] = ["Ready", "Training runs", "Available to download", "Without weights", "Cannot be used"];

fn group_of(entry: &Entry) -> &'static str {
    let [ready, trained, to_fetch, without_weights, unusable] = GROUPS;
    match &entry.facts {
        None => unusable,
        Some(_) if entry.run().is_some() => trained,
        Some(facts) if facts.weights != WeightsPlace::Nowhere => ready,
        Some(facts) if facts.remote.is_some() => to_fetch,
        Some(_) => without_weights,
    }
}

impl Page for ModelsPage {
    fn show(&mut self, ui: &mut Ui, shell: &mut Shell, out: &mut Vec<Command>) {
        if let Some(import) = &self.models.import {
            return self.form.show(ui, import, &shell.explore.catalogue, out);
        }
        let frame = Frame::new().fill(palette(ui).canvas);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let width = (ui.available_width() - 2.0 * SPACE_4).min(WIDEST);
                let side = (ui.available_width() - width) / 2.0;
                let inside = Frame::new().inner_margin(Margin { left: 0, right: 0, top: 12, bottom: 16 });
                inside.show(ui, |ui| {
                    ui.horizontal_top(|ui| {
                        ui.add_space(side);
                        ui.vertical(|ui| {
                            ui.set_max_width(width);
                            head(ui, out);
                            for group in GROUPS {
                                section(ui, group, &self.models, &shell.explore, out);
                            }
                            foot(ui, &self.models);
                        });
                    });
                });
            });
        });
    }

    fn tick(&mut self, _ctx: &Context, shell: &mut Shell) {
        self.models.left.drain(..).for_each(|import| shell.background.discard(import));
        let Some(import) = &mut self.models.import else { return };
        if let Some(outdated) = import.outdated.take() {
            shell.background.discard(outdated);
        }
        if let Some(step) = import.next_step()
            && !shell.background.import(import.number, step)
        {
            // The system gave no thread, which a notice says.
            self.models.cancel_import();
        }
    }

    fn show_question(&mut self, ui: &Ui, shell: &Shell, out: &mut Vec<Command>) {
        if let Some(question) = &self.question {
            question.show(ui, &self.models, &shell.explore.catalogue, out);
        }
    }

    fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    fn close_question(&mut self) {
        self.question = None;
    }

    fn drop_hint(&self, _files: usize) -> &'static str {
        "Drop to add this net, these weights or this manifest"
    }

    fn take_dropped(&mut self, path: PathBuf, _shell: &mut Shell) -> Option<Command> {
        if self.models.import.is_some() && has_ending(&path, &["txt", "json"]) {
            return Some(ModelsCommand::Answer(Answer::Classes(ClassChoice::File(path))).into());
        }
        self.models.asked_for = None;
        Some(ModelsCommand::Add(path).into())
    }

    fn menu(&self, _shell: &Shell) -> Menu {
        Menu { save: vec![WindowCommand::SaveViewDialog.into()], ..Menu::default() }
    }
}

impl ModelsPage {
    pub fn new(_settings: &Settings) -> Self {
        Self::default()
    }

    /// Takes a report. Returns whether a net has changed.
    pub fn take(&mut self, event: ModelEvent, shell: &mut Shell) -> bool {
        match self.models.take(event, &shell.explore.catalogue) {
            Some(Outcome::Changed { name, message }) => {
                shell.notices.add_brief(message);
                if shell.explore.view.model == name {
                    shell.explore.refresh();
                }
                true
            }
            Some(Outcome::Removed(name)) => {
                if shell.explore.view.model == name {
                    // The first net is always there.
                    shell.explore.set_model(Settings::default().model);
                    shell.explore.refresh();
                }
                true
            }
            Some(Outcome::Kept { name, title }) => {
                shell.notices.add_brief(format!("{title} is there."));
                shell.explore.set_model(name);
                shell.settings.tab = Tab::Explore;
                true
            }
            Some(Outcome::Unwanted(name)) => {
                shell.worker.library.remove(name);
                true
            }
            Some(Outcome::WholeNet(path)) => {
                self.begin_import(path, shell);
                false
            }
            Some(Outcome::Problem(message)) => {
                shell.notices.add(Tone::Problem, message);
                false
            }
            None => false,
        }
    }

    /// Asks what the file of a net does not say, unless another net is being added.
    fn begin_import(&mut self, path: PathBuf, shell: &mut Shell) {
        shell.settings.tab = Tab::Models;
        match &self.models.import {
            Some(import) if import.is_keeping => {
                let text = format!("{} is being added; open this file again afterwards.", name_of_file(&import.path));
                shell.notices.add(Tone::Caution, format!("{text}\n{}", path.display()));
            }
            Some(import) => self.question = Some(ModelQuestion::Replace { old: import.path.clone(), new: path }),
            None => self.models.begin_import(path, &shell.explore.catalogue),
        }
    }

    /// Takes what came of a step of adding a net, unless that was left.
    pub fn take_import(&mut self, number: u64, done: Done, shell: &Shell) {
        match self.models.import.as_mut().filter(|import| import.number == number) {
            Some(import) => import.take(done),
            None => shell.background.discard(done),
        }
    }

    pub fn take_operations(&mut self, name: &str, rows: Told<Arc<Vec<GraphRow>>>) {
        if let Some(operations) = self.models.operations.as_mut().filter(|operations| operations.name == name) {
            operations.rows = Some(rows);
        }
    }

    fn keep(&mut self, shell: &mut Shell) {
        let Some(import) = self.models.import.as_mut().filter(|import| import.can_keep(&shell.explore.catalogue))
        else {
            return;
        };
        let (Some(built), Some(description)) = (import.net(), import.description()) else { return };
        shell.worker.library.keep(import.name.clone(), built.net.clone(), description);
        (import.is_keeping, import.problem) = (true, None);
    }

    pub fn carry_out(&mut self, command: ModelsCommand, shell: &mut Shell, _ctx: &Context) {
        match command {
            ModelsCommand::Use(name) => {
                shell.explore.set_model(name);
                shell.settings.tab = Tab::Explore;
            }
            ModelsCommand::AskFetch(name) => self.question = Some(ModelQuestion::Fetch(name)),
            ModelsCommand::Fetch(name) => {
                let entry = shell.explore.catalogue.iter().find(|entry| entry.name == name);
                let remote = entry.and_then(|entry| entry.facts.as_ref()?.remote.as_ref());
                self.models.begin(&name, remote.map_or(0, |(remote, _)| remote.bytes));
                shell.worker.library.fetch(&name);
            }
            ModelsCommand::StopFetching(name) => shell.worker.library.stop(&name),
            ModelsCommand::AskFile(name) => {
                self.models.asked_for = name;
                shell.dialogs.ask(Question::Model, Path::new(""));
            }
            ModelsCommand::Add(path) => {
                let name = self.models.asked_for.take();
                if let Some(name) = &name {
                    self.models.problems.remove(name);
                }
                shell.worker.library.add(name, path);
            }
            ModelsCommand::Operations(name) => match &self.models.operations {
                Some(operations) if operations.name == name => self.models.operations = None,
                _ => {
                    self.models.operations = Some(Operations { name: name.clone(), rows: None });
                    shell.background.operations(name);
                }
            },
            ModelsCommand::Replace(path) => {
                self.models.cancel_import();
                self.models.begin_import(path, &shell.explore.catalogue);
            }
            ModelsCommand::Answer(answer) => {
                if let Some(import) = self.models.import.as_mut().filter(|import| !import.is_keeping) {
                    import.answer(answer);
                }
            }
            ModelsCommand::AskClasses => shell.dialogs.ask(Question::Classes, Path::new("")),
            ModelsCommand::Keep => self.keep(shell),
            ModelsCommand::CancelAdding => self.models.cancel_import(),
            ModelsCommand::AskRemove(name) => self.question = Some(ModelQuestion::Remove(name)),
            ModelsCommand::Remove(name) => {
                self.models.problems.remove(&name);
                shell.worker.library.remove(name);
            }
        }
    }
}

/// Tells whether a file is of a net or of weights, by its name.
pub fn is_net(path: &Path) -> bool {
    has_ending(path, &["onnx", "pth", "pt", "safetensors"])
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
}

fn head(ui: &mut Ui, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new("Models").font(theme::verdict_font()));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            icon_button(ui, WindowCommand::RefreshModels, out);
            command_button(ui, ModelsCommand::AskFile(None), out);
        });
    });
    let text = "Nets of ImageNet name a thousand things in photos. Their weights are large, so they are fetched once, \
                and only when you ask for it. On a machine without network, open a file that you brought.";
    ui.add(egui::Label::new(egui::RichText::new(text).color(palette(ui).weak)).wrap());
}

fn section(ui: &mut Ui, group: &str, models: &Models, explore: &Explore, out: &mut Vec<Command>) {
    let mut entries = explore.catalogue.iter().filter(|entry| group_of(entry) == group).peekable();
    if entries.peek().is_none() {
        return;
    }
    ui.add_space(SPACE_3);
    ui.label(theme::caption(ui, group));
    for entry in entries {
        row::show(ui, entry, models, entry.name == explore.view.model, out);
    }
}

fn foot(ui: &mut Ui, models: &Models) {
    ui.add_space(SPACE_2);
    if let Some(folder) = &models.folder {
        let text = format!("Fetched and added models are kept in {}", folder.display());
        ui.add(egui::Label::new(theme::weak(ui, text)).wrap().selectable(true));
    }
}
