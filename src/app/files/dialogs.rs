//! Questions about files have the system's file dialog where there is one, and always a field for the path.

use std::path::{Path, PathBuf};

use egui::text::{LayoutJob, TextFormat};
use egui::{self, Button, FontId, Id, Key, Ui};

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::files::figures::FigureForm;
use crate::app::lessons::commands::LessonCommand;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::models::commands::{Answer, ClassChoice, ModelsCommand};
use crate::app::pages::train::commands::Export;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::theme::{self, SPACE_2, SPACE_3, palette};
use crate::app::widgets::form::note;
use crate::app::widgets::path_field::{PathField, typed_path};
use crate::app::widgets::question::question;
use crate::app::widgets::{command_button, primary_button, problem_line};
use crate::worker::Source;

#[derive(Default)]
pub struct Dialogs {
    pub open: Option<Question>,
    pub path: PathField,
    /// The keyboard is to go into the field.
    fresh: bool,
    /// The system turned out to have no file dialog.
    is_alone: bool,
    pub remark: Option<String>,
    /// This is what a question about a figure asks beside its path.
    pub figure: FigureForm,
    /// A person was told that this file would be replaced.
    replaces: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    Open,
    Save,
    SaveOriginal,
    SaveView,
    SaveAnimation,
    Figure,
    Model,
    /// This asks for the names of classes.
    Classes,
    Lesson,
    Folder,
    /// This asks for the pictures of a folder, packed into one file.
    Archive,
    Export(Export),
}

impl Question {
    pub fn title(self) -> &'static str {
        match self {
            Self::Open => "Open a picture",
            Self::Save => "Save the adversarial picture",
            Self::SaveOriginal => "Save the original picture",
            Self::SaveView => "Save the view",
            Self::SaveAnimation => "Save an animation",
            Self::Figure => "Export a figure",
            Self::Model => "Add a model from a file",
            Self::Classes => "Names of the classes",
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
            Self::SaveAnimation => {
                "A GIF, or an APNG as .png, of the window while ε rises from 0 to where it stands; it takes some seconds."
            }
            Self::Figure => {
                "For a paper, on white: a PDF, an SVG or a PNG, as the ending of the name says; or, as .html, a report of \
                 all figures of this page."
            }
            Self::Lesson => "A text file (TOML) with a title and steps.",
            Self::Model => {
                "A net of another program as .onnx, weights as .pth or .safetensors, or a manifest as .toml. They are \
                 checked and copied."
            }
            Self::Classes => "A text with one name a line, or JSON: a list of names, or a table from numbers to names.",
            Self::Folder | Self::Archive => {
                "A folder with one sub-folder of pictures per class, or such a folder packed as .tar, .tar.gz or \
                 .tar.xz; or a folder with the four files of MNIST."
            }
            Self::Export(Export::History) => "A table (CSV) with a line for each epoch; errors are shares.",
            Self::Export(Export::Settings) => "JSON, as the program keeps them.",
            Self::Export(Export::Plots) => "A PNG of the plots as they are on screen.",
        }
    }

    /// Returns the kinds of files for the system's dialog.
    pub fn filter(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::Open => Some(("Pictures", &["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "toml"])),
            Self::Save | Self::SaveOriginal | Self::SaveView | Self::Export(Export::Plots) => Some(("PNG", &["png"])),
            Self::SaveAnimation => Some(("GIF or APNG", &["gif", "png", "apng"])),
            Self::Figure => Some(("Figures", &["pdf", "svg", "png", "html"])),
            Self::Model => Some(("Nets, weights and manifests", &["onnx", "pth", "pt", "safetensors", "toml"])),
            Self::Classes => Some(("Names of classes", &["txt", "json"])),
            Self::Lesson => Some(("Lessons", &["toml"])),
            Self::Folder => None,
            Self::Archive => Some(("Packed class folders", &["tar", "gz", "tgz", "xz", "txz"])),
            Self::Export(Export::History) => Some(("CSV", &["csv"])),
            Self::Export(Export::Settings) => Some(("JSON", &["json"])),
        }
    }

    pub fn answer(self, path: PathBuf) -> Command {
        match self {
            Self::Open => ExploreCommand::Show(Source::File(path)).into(),
            Self::Save => ExploreCommand::SaveTo(self.target(path)).into(),
            Self::SaveOriginal => ExploreCommand::SaveOriginalTo(self.target(path)).into(),
            Self::SaveView => WindowCommand::SaveViewTo(self.target(path)).into(),
            Self::SaveAnimation => ExploreCommand::SaveAnimationTo(self.target(path)).into(),
            Self::Figure => WindowCommand::SaveFigureTo(self.target(path)).into(),
            Self::Model => ModelsCommand::Add(path).into(),
            Self::Classes => ModelsCommand::Answer(Answer::Classes(ClassChoice::File(path))).into(),
            Self::Lesson => LessonCommand::Open(path).into(),
            Self::Folder | Self::Archive => TrainCommand::UseFolder(path).into(),
            Self::Export(export) => TrainCommand::ExportTo(export, self.target(path)).into(),
        }
    }

    /// Returns the file that an answer means, with the ending of its kind.
    fn target(self, path: PathBuf) -> PathBuf {
        let (Some(name), Some((_, endings @ [ending, ..]))) = (path.file_name(), self.filter()) else { return path };
        let has_ending = match self {
            Self::Save | Self::SaveOriginal | Self::SaveView | Self::SaveAnimation => {
                path.extension().is_some_and(|found| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending)))
            }
            Self::Figure | Self::Export(_) => path.extension().is_some(),
            _ => true,
        };
        if has_ending {
            return path;
        }
        // "a.2024" is a name without an ending.
        let name = [name, ".".as_ref(), ending.as_ref()].into_iter().collect::<std::ffi::OsString>();
        path.with_file_name(name)
    }

    fn saves(self) -> bool {
        matches!(
            self,
            Self::Save | Self::SaveOriginal | Self::SaveView | Self::SaveAnimation | Self::Figure | Self::Export(_)
        )
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Open | Self::Lesson => "Open",
            Self::Model => "Add",
            Self::Folder | Self::Archive | Self::Classes => "Use",
            Self::Save | Self::SaveOriginal | Self::SaveView | Self::SaveAnimation | Self::Figure | Self::Export(_) => {
                "Save"
            }
        }
    }
}

impl Dialogs {
    pub fn ask(&mut self, question: Question, proposal: &Path) {
        *self = Self {
            open: Some(question),
            path: PathField::new(proposal.display().to_string()),
            fresh: true,
            ..Self::default()
        };
    }

    pub fn do_without_system(&mut self) {
        (self.is_alone, self.fresh) = (true, true);
    }

    pub fn wanted_folder(&mut self) -> Option<PathBuf> {
        self.open?;
        self.path.wanted_folder()
    }

    pub fn show(&mut self, ui: &Ui, recent: &[PathBuf], out: &mut Vec<Command>) {
        let Some(asked) = self.open else { return };
        question(ui, asked.title(), 560.0, WindowCommand::CloseOverlay, out, |ui, out| {
            note(ui, self.remark.as_deref().unwrap_or(asked.remark()));
            ui.add_space(SPACE_2);
            if asked == Question::Figure {
                self.figure.show(ui);
            }
            let mut is_answered = self.path_row(ui, asked, out);
            if self.is_alone {
                note(
                    ui,
                    "This system offers no file dialog. Type the path here: Tab completes it, ~ is your own folder.",
                );
            }
            if self.is_warned(asked) {
                problem_line(ui, "There is a file of this name already, and it would be replaced.");
            }
            if asked == Question::Open && !recent.is_empty() {
                is_answered |= recent_files(ui, recent, out);
            }
            ui.add_space(SPACE_3);
            is_answered | self.buttons(ui, asked, out)
        });
    }

    /// Returns whether an answer was given, like the other parts of the question.
    fn path_row(&mut self, ui: &mut Ui, question: Question, out: &mut Vec<Command>) -> bool {
        ui.horizontal(|ui| {
            let label = ui.label(theme::caption(ui, "Path:"));
            let beside_browse = ui.available_width() - 100.0 - SPACE_2;
            // Folders may be packed.
            let kind = if question == Question::Folder { Question::Archive } else { question };
            let endings = kind.filter().map_or(&[][..], |(_, endings)| endings);
            let field = self.path.show(ui, Id::unique("path"), beside_browse, endings).labelled_by(label.id);
            if std::mem::take(&mut self.fresh) {
                field.request_focus();
            }
            command_button(ui, WindowCommand::Browse, out);
            field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) && self.answer(question, out)
        })
        .inner
    }

    fn buttons(&mut self, ui: &mut Ui, question: Question, out: &mut Vec<Command>) -> bool {
        ui.horizontal(|ui| {
            let ready = !self.path.text.trim().is_empty() && self.figure.is_ready();
            let verb = if self.is_warned(question) { "Replace" } else { question.verb() };
            let is_answered = primary_button(ui, verb, ready).clicked() && self.answer(question, out);
            let is_left = ui.button("Cancel").clicked();
            // The system's dialogs choose folders or files, not either.
            if question == Question::Folder {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    command_button(ui, WindowCommand::BrowseArchives, out);
                });
            }
            is_answered || is_left
        })
        .inner
    }

    fn is_warned(&self, question: Question) -> bool {
        self.replaces.is_some() && self.replaces == typed_path(&self.path.text).map(|path| question.target(path))
    }

    /// Pushes what the typed path means, unless a person is first to be told that it replaces a file.
    fn answer(&mut self, question: Question, out: &mut Vec<Command>) -> bool {
        let Some(path) = typed_path(&self.path.text).filter(|_| self.figure.is_ready()) else { return false };
        let target = question.target(path.clone());
        if question.saves() && !self.is_warned(question) && target.is_file() {
            self.replaces = Some(target);
            // The keyboard stays in the field.
            self.fresh = true;
            return false;
        }
        out.push(question.answer(path));
        true
    }
}

fn recent_files(ui: &mut Ui, recent: &[PathBuf], out: &mut Vec<Command>) -> bool {
    ui.add_space(SPACE_2);
    ui.label(theme::caption(ui, "Recent"));
    ui.spacing_mut().item_spacing.y = 0.0;
    let count = out.len();
    for path in recent {
        let response = ui.add(Button::selectable(false, name_and_folder(ui, path)).truncate());
        let whole = path.display().to_string();
        if response.on_hover_text(&whole).accessible_name(whole).clicked() {
            out.push(ExploreCommand::Show(Source::File(path.clone())).into());
        }
    }
    out.len() > count
}

/// Writes the name of a file, and as much of its folder as there is room for.
fn name_and_folder(ui: &Ui, path: &Path) -> LayoutJob {
    let palette = palette(ui);
    let (font, small) = (theme::body_font(), theme::small_font());
    let width =
        |text: &str, font: &FontId| ui.painter().layout_no_wrap(text.to_owned(), font.clone(), palette.text).size().x;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let room = ui.available_width() - 2.0 * ui.spacing().button_padding.x - width(&name, &font) - SPACE_3;
    let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let folder = end_of(&folder, |text| width(text, &small) <= room);
    let format = |font, colour| TextFormat { valign: egui::Align::Center, ..TextFormat::simple(font, colour) };
    let mut job = LayoutJob::default();
    job.append(&name, 0.0, format(font, palette.text));
    job.append(&folder, SPACE_2, format(small, palette.weak));
    job
}

fn end_of(folder: &str, fits: impl Fn(&str) -> bool) -> String {
    let shorter = folder.match_indices(std::path::MAIN_SEPARATOR).map(|(at, _)| format!("…{}", &folder[at..]));
    std::iter::once(folder.to_owned()).chain(shorter).find(|text| fits(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_saved_under_the_whole_name_that_was_typed() {
        for (typed, saved) in [("a", "a.png"), ("a.2024", "a.2024.png"), ("a.PNG", "a.PNG"), ("b/a.png", "b/a.png")] {
            assert_eq!(Question::Save.answer(typed.into()), ExploreCommand::SaveTo(saved.into()).into());
            let original = Question::SaveOriginal.answer(typed.into());
            assert_eq!(original, ExploreCommand::SaveOriginalTo(saved.into()).into());
        }
        let history = Question::Export(Export::History);
        assert_eq!(history.target("a".into()), Path::new("a.csv"));
        assert_eq!(history.target("a.txt".into()), Path::new("a.txt"));
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_cut_at_their_head() {
        let of_length = |most: usize| end_of("/home/me/summer/sea", |text| text.chars().count() <= most);
        assert_eq!(of_length(30), "/home/me/summer/sea");
        assert_eq!(of_length(14), "…/summer/sea");
        assert_eq!(of_length(2), "");
    }
}
