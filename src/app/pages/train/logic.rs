//! Between frames, for the Train tab: what the trainer reports comes in, commands go out to it.

use std::path::{Path, PathBuf};

use eframe::egui::Context;

use crate::app::commands::Command;
use crate::app::files::dialogs::Question;
use crate::app::notices::Tone;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::run::Run;
use crate::app::pages::train::state::{Export, NetMoment, Outcome, words};
use crate::app::settings::Tab;
use crate::app::system::clipboard::Clip;
use crate::app::window::App;
use crate::engine::data::DataSource;
use crate::engine::train::{Config, history_csv};
use crate::worker::TrainEvent;

/// A picture of the window that is to be saved.
pub enum Picturing {
    /// Of the plots of the Train tab.
    Plots(PathBuf),
    /// Of all of it, with what opens it again inside.
    View(PathBuf),
}

impl App {
    pub fn take_training(&mut self, event: TrainEvent) {
        match self.train.take(event) {
            Some(Outcome::Problem(message)) => self.notices.add(Tone::Problem, message),
            Some(Outcome::NeedsYou(message)) if self.settings.tab == Tab::Explore => {
                self.notices.add(Tone::Problem, message);
            }
            // In the Train tab the table says so.
            Some(Outcome::Done(message)) if self.settings.tab == Tab::Explore => self.notices.add_brief(message),
            Some(Outcome::Attack(net)) => {
                // What a net withstands is seen at the ε that it was trained with.
                let trained = self.train.net(&net).map(|(run, _)| &run.info.config);
                if let Some(config) = trained.filter(|config| config.is_adversarial()) {
                    self.explore.set_eps(config.eps);
                }
                self.explore.set_model(net);
                self.explore.refresh();
                self.settings.tab = Tab::Explore;
            }
            Some(Outcome::Fetched(data)) => {
                // Look again whether it is there.
                self.facts = None;
                self.notices.add_brief(format!("{} is there.", words::data(&data)));
            }
            Some(Outcome::NeedsYou(_) | Outcome::Done(_)) | None => {}
        }
    }

    /// The net behind a name has new weights: the picture on screen is of the old ones.
    pub fn take_changed_net(&mut self, name: &str) {
        if self.explore.model == name {
            self.explore.refresh();
        }
    }

    /// Looks up what is not known yet of the settings of the next run.
    pub fn gather_facts(&mut self) {
        let known = self.facts.as_ref().is_some_and(|facts| facts.are_of(&self.train.draft));
        if !known && self.settings.tab == Tab::Train {
            let config = self.train.draft.clone();
            self.note_failure(|app| app.background.gather(config));
        }
    }

    /// What is worth keeping of all tabs. Nets of runs are not: they are offered afresh each time.
    pub fn remember(&mut self) {
        self.explore.remember(&mut self.settings);
        if self.settings.tests != self.tests.choices {
            self.settings.tests = self.tests.choices.clone();
        }
        self.settings.plots = self.train_tab.plot_look();
        self.settings.train =
            (self.train.draft != crate::app::pages::train::state::draft::usual()).then(|| self.train.draft.clone());
    }

    pub fn change_training(&mut self, command: TrainCommand) {
        match command {
            TrainCommand::CopyCommand => {
                let draft = || words::command_line(&self.train.draft);
                let line = self.train.selected().map_or_else(draft, words::command_line_of);
                let what = match self.train.selected() {
                    Some(run) => format!("the command of {}", run.info.run),
                    None => "the command of these settings".into(),
                };
                self.copy(Clip::Text(line.clone()), what, line);
            }
            TrainCommand::Resume if let Some(why) = self.train.selected().and_then(words::not_resumable) => {
                self.notices.add_brief(why);
            }
            TrainCommand::AskDelete => {
                if let Some(run) = self.train.selected().filter(|run| !run.is_in_hand()) {
                    self.questions.ask_delete(run.info.run.clone());
                }
            }
            TrainCommand::AskSweep => self.questions.ask_sweep(&self.train.draft),
            TrainCommand::AskExport(export) => self.ask_export(export),
            TrainCommand::ExportTo(export, path) => self.export(export, path),
            TrainCommand::FolderDialog => self.dialogs.ask(Question::Folder, Path::new("")),
            TrainCommand::UseFolder(path) => {
                // Another start of the program may have another working folder.
                let path = std::path::absolute(&path).unwrap_or(path);
                self.train.draft.data = DataSource::Folder(path);
            }
            TrainCommand::AskFetch(data) => self.questions.ask_fetch(data),
            command => {
                for order in self.train.obey(&command) {
                    self.worker.train(order);
                }
            }
        }
    }

    /// Another moment of the run whose net is attacked.
    pub fn show_net(&mut self, moment: impl FnOnce(NetMoment) -> NetMoment) {
        let Some((run, now)) = self.train.net(&self.explore.model) else { return };
        if let Some(name) = self.train.net_name(&run.info.run, moment(now)) {
            self.explore.set_model(name.to_owned());
        }
    }

    fn ask_export(&mut self, export: Export) {
        let Some(run) = self.train.selected() else { return };
        let question = Question::Export(export);
        let name = match export {
            Export::History => "history.csv",
            Export::Settings => "settings.json",
            Export::Plots => "plots.png",
        };
        let user = directories::UserDirs::new();
        let folder = user.map(|dirs| dirs.document_dir().unwrap_or(dirs.home_dir()).to_owned()).unwrap_or_default();
        let proposal = folder.join(format!("{}-{name}", run.info.run));
        self.dialogs.ask(question, &proposal);
    }

    fn export(&mut self, export: Export, path: PathBuf) {
        let Some(run) = self.train.selected() else { return };
        let bytes = match export {
            Export::History => history_csv(&run.info.history).into_bytes(),
            Export::Settings => settings_json(run),
            Export::Plots => {
                self.picturing = Some(Picturing::Plots(path));
                return;
            }
        };
        self.note_failure(|app| app.background.export(path, bytes));
    }

    /// Takes the picture of the plots, or of the window, that was asked for, once nothing lies over it.
    pub fn take_picture(&mut self, ctx: &Context) {
        if self.dialogs.is_open() {
            return;
        }
        let (path, area, content) = match self.picturing.take() {
            None => return,
            Some(Picturing::Plots(path)) => match self.train_tab.plots_area() {
                Some(area) => (path, area, None),
                None => {
                    self.notices.add(Tone::Caution, "There are no plots on screen to save; look at the curves first.");
                    return;
                }
            },
            Some(Picturing::View(path)) => {
                let Some(content) = self.content() else { return };
                (path, ctx.content_rect(), Some(content))
            }
        };
        let area = area * ctx.pixels_per_point();
        ctx.request_screenshot(self.background.picture_export(path, area, content));
    }

    pub fn take_exported(&mut self, written: Result<PathBuf, String>) {
        match written {
            Ok(path) => self.notices.add_brief(format!("Saved.\n{}", path.display())),
            Err(why) => self.notices.add(Tone::Problem, format!("Nothing was saved: {why}")),
        }
    }

    /// What a file or folder that was dropped on the Train tab means.
    pub fn dropped_on_training(path: PathBuf) -> Command {
        let is_data = path.is_dir() || is_packed(&path);
        let data = if is_data { path } else { path.parent().map(Path::to_owned).unwrap_or(path) };
        Command::Train(TrainCommand::UseFolder(data))
    }
}

/// Whether a file is called as class folders packed into one are; a picture of a class folder stands for its folder.
fn is_packed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz"].iter().any(|end| name.ends_with(end))
}

fn settings_json(run: &Run) -> Vec<u8> {
    let config: &Config = &run.info.config;
    // Plain data with names for keys: this cannot fail.
    serde_json::to_vec_pretty(config).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_names() {
        for name in ["photos.tar", "photos.TAR.GZ", "my photos.tar.xz", "photos.tgz"] {
            assert!(is_packed(Path::new(name)), "{name}");
        }
        for name in ["photo.png", "tar", "photos.zip", "x.gz"] {
            assert!(!is_packed(Path::new(name)), "{name}");
        }
    }
}
