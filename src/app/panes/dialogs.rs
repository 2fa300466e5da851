//! Questions about files: the system's file dialog where there is one, and always a field for the path.

use std::path::{Path, PathBuf};

use eframe::egui::{self, Button, Id, Key, Modal, TextEdit, Ui};

use crate::app::commands::{Command, LessonCommand, ModelsCommand, TrainCommand};
use crate::app::theme::{self, SPACE_2, SPACE_3};
use crate::app::train::Export;
use crate::app::widgets::{command_button, primary_button};
use crate::worker::Source;

/// Which question is open, and what has been typed as its answer.
#[derive(Default)]
pub struct Dialogs {
    open: Option<Question>,
    path: String,
    fresh: bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A picture to attack.
    Open,
    /// Where the adversarial picture goes.
    Save,
    /// Where the untouched picture goes.
    SaveOriginal,
    /// Where a picture of the window goes.
    SaveView,
    /// Weights or a manifest.
    Model,
    Lesson,
    /// Pictures to train on.
    Folder,
    /// The same, packed into one file.
    Archive,
    /// Where something of a run goes.
    Export(Export),
}

impl Question {
    pub fn title(self) -> &'static str {
        match self {
            Self::Open => "Open a picture",
            Self::Save => "Save the adversarial picture",
            Self::SaveOriginal => "Save the original picture",
            Self::SaveView => "Save the view",
            Self::Model => "Add a model from a file",
            Self::Lesson => "Open a lesson",
            Self::Folder | Self::Archive => "Train on pictures of your own",
            Self::Export(Export::History) => "Save the history",
            Self::Export(Export::Settings) => "Save the settings",
            Self::Export(Export::Plots) => "Save the plots",
        }
    }

    fn remark(self) -> &'static str {
        match self {
            Self::Open => "PNG, JPEG, WebP, BMP, TIFF or GIF; or a view that was saved before, or a lesson.",
            Self::Save => "A PNG of the size that the net sees.",
            Self::SaveOriginal => "A PNG of the picture as it came; open it, and commands can name it.",
            Self::SaveView => "A PNG of the window, with its settings inside: it can be opened again.",
            Self::Lesson => "A text file (TOML) with a title and steps.",
            Self::Model => "Weights as .pth or .safetensors, or a manifest as .toml. They are checked and copied.",
            Self::Folder | Self::Archive => {
                "A folder with one sub-folder of pictures per class, or such a folder packed as .tar, .tar.gz or .tar.xz; \
                 or a folder with the four files of MNIST."
            }
            Self::Export(Export::History) => "A table (CSV) with a line for each epoch; errors are shares.",
            Self::Export(Export::Settings) => "JSON, as the program keeps them.",
            Self::Export(Export::Plots) => "A PNG of the plots as they are on screen.",
        }
    }

    /// Kinds of files, for the system's dialog.
    pub fn filter(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::Open => Some(("Pictures", &["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "toml"])),
            Self::Save | Self::SaveOriginal | Self::SaveView | Self::Export(Export::Plots) => Some(("PNG", &["png"])),
            Self::Model => Some(("Weights and manifests", &["pth", "pt", "safetensors", "toml"])),
            Self::Lesson => Some(("Lessons", &["toml"])),
            Self::Folder => None,
            Self::Archive => Some(("Packed class folders", &["tar", "gz", "tgz", "xz", "txz"])),
            Self::Export(Export::History) => Some(("CSV", &["csv"])),
            Self::Export(Export::Settings) => Some(("JSON", &["json"])),
        }
    }

    /// What an answer means.
    pub fn answer(self, path: PathBuf) -> Command {
        match self {
            Self::Open => Command::Show(Source::File(path)),
            Self::Save => Command::SaveTo(path.with_extension("png")),
            Self::SaveOriginal => Command::SaveOriginalTo(path.with_extension("png")),
            Self::SaveView => Command::SaveViewTo(path.with_extension("png")),
            Self::Model => Command::Models(ModelsCommand::Add(path)),
            Self::Lesson => Command::Lesson(LessonCommand::Open(path)),
            Self::Folder | Self::Archive => Command::Train(TrainCommand::UseFolder(path)),
            Self::Export(export) => {
                let path = match self.filter() {
                    Some((_, [extension, ..])) if path.extension().is_none() => path.with_extension(extension),
                    _ => path,
                };
                Command::Train(TrainCommand::ExportTo(export, path))
            }
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Open | Self::Lesson => "Open",
            Self::Model => "Add",
            Self::Folder | Self::Archive => "Use",
            Self::Save | Self::SaveOriginal | Self::SaveView | Self::Export(_) => "Save",
        }
    }
}

impl Dialogs {
    /// Opens a question with a proposal for its answer.
    pub fn ask(&mut self, question: Question, proposal: &Path) {
        *self = Self { open: Some(question), path: proposal.display().to_string(), fresh: true };
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The question, and the path typed so far as a proposal for the system's dialog.
    pub fn asked(&self) -> Option<(Question, PathBuf)> {
        self.open.map(|question| (question, PathBuf::from(&self.path)))
    }

    pub fn show(&mut self, ui: &Ui, recent: &[PathBuf], out: &mut Vec<Command>) {
        let Some(question) = self.open else { return };
        let modal = Modal::new(Id::unique("file question")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
            ui.set_width((ui.ctx().content_rect().width() - 96.0).min(560.0));
            ui.label(egui::RichText::new(question.title()).font(theme::verdict_font()));
            ui.add(egui::Label::new(theme::weak(ui, question.remark())).wrap());
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
            let label = ui.label(theme::caption(ui, "Path:"));
            let browse = 100.0;
            let field = TextEdit::singleline(&mut self.path)
                .id(Id::unique("path"))
                .desired_width(ui.available_width() - browse - SPACE_2)
                .margin(egui::Margin::symmetric(8, 6));
            let field = ui.add(field).labelled_by(label.id);
            if std::mem::take(&mut self.fresh) {
                field.request_focus();
            }
            command_button(ui, Command::Browse, out);
            if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
                self.answer(question, out);
            }
        });
    }

    fn buttons(&mut self, ui: &mut Ui, question: Question, out: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            let ready = !self.path.trim().is_empty();
            if primary_button(ui, question.verb(), ready).clicked() {
                self.answer(question, out);
            }
            if ui.button("Cancel").clicked() {
                out.push(Command::CloseOverlay);
            }
            // The system's dialogs choose folders or files, not either.
            if question == Question::Folder {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    command_button(ui, Command::BrowseArchives, out);
                });
            }
        });
    }

    fn answer(&self, question: Question, out: &mut Vec<Command>) {
        let Some(path) = typed_path(&self.path) else { return };
        out.push(Command::CloseOverlay);
        out.push(question.answer(path));
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
