//! The pages share the shell: the worker, the settings, messages, and the states that more than one page reads.

use std::path::{Path, PathBuf};

use egui::{Context, Rect, ThemePreference, ViewportCommand};

use crate::app::background::{BackgroundWork, Copied};
use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::files::dialogs::{Dialogs, Question};
use crate::app::files::view::Found;
use crate::app::lessons::state::Lessons;
use crate::app::notices::Notices;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::why::state::Why;
use crate::app::pages::train::commands::{NetMoment, TrainCommand};
use crate::app::pages::train::state::Train;
use crate::app::settings::{Settings, ThemeChoice};
use crate::app::system::clipboard::Clip;
use crate::app::theme;
use crate::worker::{Source, Worker};

pub struct Shell {
    pub worker: Worker,
    pub settings: Settings,
    pub notices: Notices,
    pub dialogs: Dialogs,
    pub background: BackgroundWork,
    pub explore: Explore,
    pub why: Why,
    pub train: Train,
    pub lessons: Lessons,
    /// These commands are carried out at the end of the frame.
    pub commands: Vec<Command>,
    /// The picture of the window is saved once nothing lies over it.
    pub screenshot: Option<Screenshot>,
    /// During a presentation this says whether type was large before.
    pub presenting: Option<bool>,
}

pub struct Screenshot {
    pub path: PathBuf,
    /// The area is in points; without one it is the whole window, with what opens it again inside the file.
    pub area: Option<Rect>,
}

impl Shell {
    /// Copies something; the notice of it comes when the clipboard holds it.
    pub fn copy(&mut self, clip: Clip, what: impl Into<String>, more: String) {
        self.background.copy(clip, Copied { what: what.into(), more });
    }

    pub fn copy_line(&mut self, line: String, what: impl Into<String>) {
        self.copy(Clip::Text(line.clone()), what, line);
    }

    /// Asks for a file in the system's dialog as well as in the window's own.
    pub fn ask_system(&mut self, question: Question) {
        self.dialogs.ask(question, Path::new(""));
        self.background.ask(question, Path::new(""));
    }

    /// Hands the newest view that is wanted to the worker, unless another page is on screen, where there is no hurry.
    pub fn ask_view(&mut self) {
        if self.settings.tab != Tab::Explore && self.explore.shown.is_some() {
            return;
        }
        if let Some(view) = self.explore.take_wish() {
            let revision = self.worker.show(view.clone());
            self.explore.asked(revision, view);
        }
    }

    pub fn train(&mut self, command: &TrainCommand) {
        for order in self.train.obey(command) {
            self.worker.train(order);
        }
    }

    /// Proposes where to save: beside the picture on screen, or in the folder of pictures; the name ends with `what`.
    pub fn save_proposal(&self, what: &str) -> PathBuf {
        let user = directories::UserDirs::new();
        let home = user.as_ref().map(|dirs| dirs.picture_dir().unwrap_or(dirs.home_dir()));
        let (folder, stem) = match &self.explore.view.picture {
            Source::File(path) => (path.parent(), path.file_stem().map(|stem| stem.to_string_lossy().into_owned())),
            Source::Sample(name) => (home, Some(name.clone())),
            Source::Memory { name, .. } => (home, Some(name.replace(' ', "-"))),
        };
        let stem = stem.as_deref().unwrap_or("picture");
        folder.unwrap_or(Path::new("")).join(format!("{stem}-{what}.png"))
    }

    /// Gives the window its colours and the size of its type.
    pub fn apply_look(&self, ctx: &Context) {
        ctx.set_theme(match self.settings.theme {
            ThemeChoice::System => ThemePreference::System,
            ThemeChoice::Dark => ThemePreference::Dark,
            ThemeChoice::Light => ThemePreference::Light,
        });
        ctx.set_zoom_factor(if self.settings.large_type { theme::LARGE_TYPE_ZOOM } else { 1.0 });
    }

    /// Takes the whole screen, with large type and beside a lesson without bars; or goes back to what was before.
    pub fn present(&mut self, ctx: &Context) {
        let before = self.presenting.take();
        if before.is_none() {
            self.presenting = Some(self.settings.large_type);
        }
        self.settings.large_type = before.unwrap_or(true);
        ctx.send_viewport_cmd(ViewportCommand::Fullscreen(before.is_none()));
        self.apply_look(ctx);
    }

    /// Tells whether a lesson has the whole screen, with nothing but its text, pictures with captions, and ε.
    pub fn is_on_stage(&self) -> bool {
        self.presenting.is_some() && self.lessons.is_open()
    }

    /// Tells whether the pane is open that shows why the attack works, as a lesson wants it or a person left it.
    pub fn is_why_open(&self) -> bool {
        self.why.in_lesson.or(self.settings.why.open).unwrap_or(false)
    }

    /// Shows another moment of the run whose net is attacked.
    pub fn show_moment(&mut self, moment: impl FnOnce(NetMoment) -> NetMoment) {
        let Some((run, now)) = self.train.net(&self.explore.view.model) else { return };
        if let Some(name) = self.train.net_name(&run.info.run, moment(now)) {
            self.explore.set_model(name.to_owned());
        }
    }

    /// Shows a view of a file; the pane below the pictures stays as it is where the file does not describe it.
    pub fn show_view(&mut self, mut found: Found) {
        self.settings.tab = Tab::Explore;
        if let Some(why) = found.view.why.take() {
            self.settings.why = why;
        }
        if let Some(seed) = found.view.controls_seed {
            self.why.seed = seed;
        }
        if let Some(seed) = found.view.direction_seed {
            self.why.direction_seed = seed;
        }
        self.explore.set_view(found);
    }
}
