//! The Models page: every model with its size, licence, accuracy and place, and what can be done to have it.

use eframe::egui::{self, CentralPanel, Frame, Margin, ScrollArea, Ui};

use crate::app::commands::Command;
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::pages::models::questions::Question;
use crate::app::pages::models::row;
use crate::app::pages::models::state::Models;
use crate::app::theme::{self, SPACE_2, SPACE_3, SPACE_4, palette};
use crate::app::widgets::{command_button, icon_button};
use crate::engine::model::{Entry, WeightsPlace};

/// Lines longer than this are hard to read.
const WIDEST: f32 = 1080.0;

/// What the page keeps from frame to frame.
#[derive(Default)]
pub struct ModelsPage {
    question: Option<Question>,
}

/// Models in the order in which a person looks for them.
#[derive(Clone, Copy, PartialEq)]
enum Group {
    Ready,
    ToFetch,
    WithoutWeights,
    Unusable,
}

impl Group {
    const ALL: [Self; 4] = [Self::Ready, Self::ToFetch, Self::WithoutWeights, Self::Unusable];

    fn title(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::ToFetch => "Available to download",
            Self::WithoutWeights => "Without weights",
            Self::Unusable => "Cannot be used",
        }
    }

    fn of(entry: &Entry) -> Self {
        match &entry.facts {
            None => Self::Unusable,
            Some(facts) if facts.weights != WeightsPlace::Nowhere => Self::Ready,
            Some(facts) if facts.remote.is_some() => Self::ToFetch,
            Some(_) => Self::WithoutWeights,
        }
    }
}

impl ModelsPage {
    pub fn ask_fetch(&mut self, name: String) {
        self.question = Some(Question::Fetch(name));
    }

    pub fn ask_remove(&mut self, name: String) {
        self.question = Some(Question::Remove(name));
    }

    pub fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    pub fn close(&mut self) {
        self.question = None;
    }

    /// The page itself; `current` is the model that Explore attacks.
    pub fn show(&self, ui: &mut Ui, models: &Models, catalogue: &[Entry], current: &str, out: &mut Vec<Command>) {
        let frame = Frame::new().fill(palette(ui).canvas);
        CentralPanel::default().frame(frame).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                let width = (ui.available_width() - 2.0 * SPACE_4).min(WIDEST);
                let side = (ui.available_width() - width) / 2.0;
                let inside = Frame::new().inner_margin(Margin { left: 0, right: 0, top: 12, bottom: 16 });
                inside.show(ui, |ui| {
                    ui.horizontal_top(|ui| {
                        ui.add_space(side - ui.spacing().item_spacing.x);
                        ui.vertical(|ui| {
                            ui.set_max_width(width);
                            head(ui, out);
                            for group in Group::ALL {
                                section(ui, group, models, catalogue, current, out);
                            }
                            foot(ui, models);
                        });
                    });
                });
            });
        });
    }

    /// The question that is open, laid over the window.
    pub fn show_question(&self, ui: &Ui, models: &Models, catalogue: &[Entry], out: &mut Vec<Command>) {
        if let Some(question) = &self.question {
            question.show(ui, models, catalogue, out);
        }
    }
}

fn head(ui: &mut Ui, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new("Models").font(theme::verdict_font()));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            icon_button(ui, Command::RefreshModels, out);
            command_button(ui, Command::Models(ModelsCommand::AskFile(None)), out);
        });
    });
    let text = "Nets of ImageNet name a thousand things in photos. Their weights are large, so they are fetched once, and only when \
                you ask for it. On a machine without network, open a file that you brought.";
    ui.add(egui::Label::new(egui::RichText::new(text).color(palette(ui).weak)).wrap());
}

fn section(ui: &mut Ui, group: Group, models: &Models, catalogue: &[Entry], current: &str, out: &mut Vec<Command>) {
    let mut entries = catalogue.iter().filter(|entry| Group::of(entry) == group).peekable();
    if entries.peek().is_none() {
        return;
    }
    ui.add_space(SPACE_3);
    ui.label(theme::caption(ui, group.title()));
    for entry in entries {
        row::show(ui, entry, models, entry.name == current, out);
    }
}

fn foot(ui: &mut Ui, models: &Models) {
    ui.add_space(SPACE_2);
    if let Some(folder) = &models.folder {
        let text = format!("Fetched and added models are kept in {}", folder.display());
        ui.add(egui::Label::new(theme::weak(ui, text)).wrap().selectable(true));
    }
}
