//! Opening and saving: the system's file dialog where there is one, and always a field for the path.

use std::path::{Path, PathBuf};

use eframe::egui::{self, Button, Id, Key, Modal, TextEdit, Ui};

use crate::app::commands::Command;
use crate::app::theme::{self, SPACE_2, SPACE_3, palette};
use crate::app::widgets::command_button;
use crate::worker::Source;

/// Which question is open, and what has been typed as its answer.
#[derive(Default)]
pub struct Dialogs {
    open: Option<Question>,
    path: String,
    fresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Open,
    Save,
}

impl Dialogs {
    pub fn ask_open(&mut self) {
        *self = Self { open: Some(Question::Open), path: String::new(), fresh: true };
    }

    pub fn ask_save(&mut self, proposal: &Path) {
        *self = Self { open: Some(Question::Save), path: proposal.display().to_string(), fresh: true };
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The path typed so far, as a proposal for the system's dialog.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(&self.path)
    }

    pub fn show(&mut self, ui: &Ui, recent: &[PathBuf], out: &mut Vec<Command>) {
        let Some(question) = self.open else { return };
        let modal = Modal::new(Id::unique("file question")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
            ui.set_width((ui.ctx().content_rect().width() - 96.0).min(560.0));
            let (title, text) = match question {
                Question::Open => ("Open a picture", "PNG, JPEG, WebP, BMP, TIFF or GIF."),
                Question::Save => ("Save the adversarial picture", "A PNG of the size that the net sees."),
            };
            ui.label(egui::RichText::new(title).font(theme::verdict_font()));
            ui.label(theme::weak(ui, text));
            ui.add_space(SPACE_2);
            self.path_row(ui, question, out);
            if question == Question::Open && !recent.is_empty() {
                recent_files(ui, recent, out);
            }
            ui.add_space(SPACE_3);
            self.buttons(ui, question, out);
        });
        if modal.should_close() {
            out.push(Command::CloseOverlay);
        }
    }

    fn path_row(&mut self, ui: &mut Ui, question: Question, out: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            let label = ui.label(theme::caption(ui, "Path"));
            let browse = 100.0;
            let field = TextEdit::singleline(&mut self.path)
                .id(Id::unique("path"))
                .desired_width(ui.available_width() - browse - SPACE_2)
                .margin(egui::Margin::symmetric(8, 6));
            let field = ui.add(field).labelled_by(label.id);
            if std::mem::take(&mut self.fresh) {
                field.request_focus();
            }
            let command = match question {
                Question::Open => Command::BrowseToOpen,
                Question::Save => Command::BrowseToSave,
            };
            command_button(ui, command, out);
            if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
                self.answer(question, out);
            }
        });
    }

    fn buttons(&mut self, ui: &mut Ui, question: Question, out: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            let name = if question == Question::Open { "Open" } else { "Save" };
            let palette = palette(ui);
            let text = egui::RichText::new(name).color(palette.on_accent);
            let ready = !self.path.trim().is_empty();
            if ui.add_enabled(ready, Button::new(text).fill(palette.accent)).clicked() {
                self.answer(question, out);
            }
            if ui.button("Cancel").clicked() {
                out.push(Command::CloseOverlay);
            }
        });
    }

    fn answer(&self, question: Question, out: &mut Vec<Command>) {
        let Some(path) = typed_path(&self.path) else { return };
        out.push(Command::CloseOverlay);
        out.push(match question {
            Question::Open => Command::Show(Source::File(path)),
            Question::Save => Command::SaveTo(path.with_extension("png")),
        });
    }
}

fn recent_files(ui: &mut Ui, recent: &[PathBuf], out: &mut Vec<Command>) {
    ui.add_space(SPACE_2);
    ui.label(theme::caption(ui, "Recent"));
    ui.spacing_mut().item_spacing.y = 0.0;
    for path in recent {
        let button = Button::selectable(false, path.display().to_string()).truncate();
        if ui.add(button).clicked() {
            out.push(Command::CloseOverlay);
            out.push(Command::Show(Source::File(path.clone())));
        }
    }
}

/// A path as people type or paste it: quotes, `~/` and `file://` are understood.
pub fn typed_path(text: &str) -> Option<PathBuf> {
    let text = text.trim().trim_matches(['"', '\'']);
    if text.is_empty() {
        return None;
    }
    if let Some(path) = text.strip_prefix("file://") {
        return Some(PathBuf::from(path.replace("%20", " ")));
    }
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(dirs) = directories::UserDirs::new()
    {
        return Some(dirs.home_dir().join(rest));
    }
    Some(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_understood_as_people_give_them() {
        assert_eq!(typed_path("  "), None);
        assert_eq!(typed_path("\"/a b/c.png\" "), Some("/a b/c.png".into()));
        assert_eq!(typed_path("file:///a%20b.png"), Some("/a b.png".into()));
        assert!(typed_path("~/x.png").unwrap().is_absolute());
    }
}
