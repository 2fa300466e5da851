//! The one structure of the window: what is wanted, what is shown, and the parts that draw it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use eframe::egui::{Context, Id, ThemePreference, Ui, ViewportBuilder};

use super::Start;
use super::animation::Recording;
use super::background::Background;
use super::clipboard::{Clip, Clipboard};
use super::commands::Command;
use super::explore::Explore;
use super::fonts::SystemFonts;
use super::lessons::Lessons;
use super::models::Models;
use super::opening::Opening;
use super::panes::{
    Canvas, Controls, Dialogs, Figures, LinearView, ModelsPage, Notices, Palette, Pictures, Questions, Samples, Stage,
    TestSetPage, Tone, TrainTab,
};
use super::place::PlaceKeeper;
use super::settings::{self, Keeper, Settings, Tab, ThemeChoice};
use super::testset::TestSet;
use super::theme;
use super::train::facts::Facts;
use super::train::{Train, draft};
use super::train_logic::Picturing;
use super::view_file::may_hold_view;
use super::why::Why;
use crate::engine::model::Catalogue;
use crate::worker::{Shown, Source, View, Worker, runs_folder};

/// Settings are written this long after the last change.
const KEEP_AFTER: Duration = Duration::from_secs(1);

/// The window.
pub struct App {
    pub(super) worker: Worker,
    pub(super) explore: Explore,
    pub(super) why: Why,
    pub(super) train: Train,
    pub(super) models: Models,
    /// Of the settings of the next run, once they were looked up.
    pub(super) facts: Option<Facts>,
    pub(super) settings: Settings,
    /// What was last handed over for writing.
    kept: Settings,
    keep_at: Option<Instant>,
    keeper: Keeper,
    pub(super) background: Background,
    pub(super) fonts: SystemFonts,
    pub(super) notices: Notices,
    pub(super) pictures: Pictures,
    pub(super) samples: Samples,
    pub(super) controls: Controls,
    pub(super) canvas: Canvas,
    pub(super) linear: LinearView,
    pub(super) lessons: Lessons,
    /// What was on screen before a lesson, to come back to.
    pub(super) before_lesson: Option<View>,
    pub(super) figures: Figures,
    pub(super) stage: Stage,
    /// While presenting: whether type was large before.
    pub(super) presenting: Option<bool>,
    pub(super) train_tab: TrainTab,
    pub(super) models_page: ModelsPage,
    pub(super) tests: TestSet,
    pub(super) test_page: TestSetPage,
    pub(super) dialogs: Dialogs,
    pub(super) questions: Questions,
    pub(super) picturing: Option<Picturing>,
    pub(super) recording: Option<Recording>,
    /// The text field in which an input method is composing.
    pub(super) composing: Option<Id>,
    pub(super) place: PlaceKeeper,
    /// Whether the window was maximized, until it is shown: on X11, window managers do not heed this before.
    pub(super) to_maximize: Option<bool>,
    pub(super) help: bool,
    /// The rise of ε at the very first start.
    pub(super) opening: Option<Opening>,
    pub(super) palette: Palette,
    /// Commands of this frame; applied after it is drawn.
    pub(super) commands: Vec<Command>,
}

impl App {
    /// Starts the worker and restores the last state.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(ctx: &Context, start: Start) -> anyhow::Result<Self> {
        let mut app = Self::with_settings(ctx, start, settings::file())?;
        app.background.clipboard = Clipboard::System;
        app.to_maximize = Some(app.settings.maximized);
        Ok(app)
    }

    /// The same with another settings file, or none, and with a clipboard of its own.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_settings(ctx: &Context, start: Start, path: Option<PathBuf>) -> anyhow::Result<Self> {
        Self::with_folders(ctx, start, path, runs_folder())
    }

    /// The same with another folder of runs, too.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_folders(ctx: &Context, start: Start, path: Option<PathBuf>, runs: PathBuf) -> anyhow::Result<Self> {
        Self::with_catalogue(ctx, start, path, runs, Catalogue::from_environment())
    }

    /// The same with other models, too.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_catalogue(
        ctx: &Context,
        start: Start,
        path: Option<PathBuf>,
        runs: PathBuf,
        catalogue: Catalogue,
    ) -> anyhow::Result<Self> {
        theme::install(ctx);
        let is_first = path.as_ref().is_some_and(|path| !path.exists());
        let (mut settings, problem) = settings::load(path.as_deref());
        let opening = (is_first && start.picture.is_none() && start.model.is_none()).then(Opening::default);
        if start.picture.is_some() || start.model.is_some() {
            settings.tab = Tab::Explore;
        }
        let manifest = catalogue.manifest(start.model.as_ref().unwrap_or(&settings.model));
        let wake = ctx.clone();
        let models = Models::new(catalogue.own_models().map(ToOwned::to_owned));
        let background = Background::new(ctx.clone(), catalogue.clone());
        let worker = Worker::with_folders(catalogue, runs, move || wake.request_repaint())
            .context("cannot start the worker thread")?;
        let view = start.picture.clone().filter(|path| may_hold_view(path));
        let picture = start.picture.filter(|path| path.extension().is_none_or(|extension| extension != "toml"));
        let mut app = Self {
            worker,
            explore: Explore::new(&settings, start.model, picture),
            why: Why::default(),
            train: Train::new(settings.train.clone().unwrap_or_else(draft::usual)),
            models,
            facts: None,
            kept: settings.clone(),
            keep_at: None,
            keeper: Keeper::start(path),
            background,
            fonts: SystemFonts::default(),
            notices: Notices::default(),
            pictures: Pictures::default(),
            samples: Samples::default(),
            controls: Controls::default(),
            canvas: Canvas::default(),
            linear: LinearView::default(),
            lessons: Lessons::default(),
            before_lesson: None,
            figures: Figures::default(),
            stage: Stage::default(),
            presenting: None,
            train_tab: TrainTab::new(settings.plots),
            models_page: ModelsPage::default(),
            tests: TestSet::new(settings.tests.clone()),
            test_page: TestSetPage::default(),
            dialogs: Dialogs::default(),
            questions: Questions::default(),
            picturing: None,
            recording: None,
            composing: None,
            place: PlaceKeeper::default(),
            to_maximize: None,
            help: false,
            opening,
            palette: Palette::default(),
            commands: Vec::new(),
            settings,
        };
        if let Some(problem) = problem {
            app.notices.add(Tone::Caution, problem);
        }
        if app.opening.is_some() {
            app.explore.set_eps(0.0);
        }
        if let Ok(manifest) = manifest {
            app.explore.know_kind(manifest.input.kind());
        }
        // It may hold a view, or the crop that it was saved with.
        let remembered = match &app.explore.picture {
            Source::File(path) if may_hold_view(path) => Some(path.clone()),
            _ => None,
        };
        if let Some(path) = view.or(remembered) {
            app.note_failure(|app| app.background.open_view(path));
        }
        app.fonts.install(ctx);
        app.apply_look(ctx);
        app.ask();
        Ok(app)
    }

    /// The result on screen.
    pub fn shown(&self) -> Option<&Shown> {
        self.explore.shown.as_deref()
    }

    /// The state of the Explore tab.
    pub fn explore(&self) -> &Explore {
        &self.explore
    }

    /// The state of the Train tab.
    pub fn train(&self) -> &Train {
        &self.train
    }

    /// The lessons, and the one that is open.
    pub fn lessons(&self) -> &Lessons {
        &self.lessons
    }

    /// The state of the Models page.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The state of the Test sets page.
    pub fn tests(&self) -> &TestSet {
        &self.tests
    }

    /// The tab on screen.
    pub fn tab(&self) -> Tab {
        self.settings.tab
    }

    /// The messages on screen, newest first.
    pub fn notice_texts(&self) -> Vec<&str> {
        self.notices.all().iter().map(|notice| notice.text.as_str()).collect()
    }

    /// What was copied last, where the window has a clipboard of its own.
    pub fn copied(&self) -> Option<Clip> {
        self.background.clipboard.held()
    }

    /// A window where it was the last time, and of the same size; or as large as this.
    pub fn remembered_place(mut viewport: ViewportBuilder, size: [f32; 2]) -> ViewportBuilder {
        let settings = settings::load_quietly().unwrap_or_default();
        if let Some(corner) = settings.corner {
            viewport = viewport.with_position(corner);
        }
        viewport.with_inner_size(settings.window.unwrap_or(size)).with_maximized(settings.maximized)
    }

    /// Writes the settings for the last time.
    pub fn close(&mut self) {
        self.remember();
        self.keeper.finish(&self.settings);
    }

    pub(super) fn apply_look(&self, ctx: &Context) {
        ctx.set_theme(match self.settings.theme {
            ThemeChoice::System => ThemePreference::System,
            ThemeChoice::Dark => ThemePreference::Dark,
            ThemeChoice::Light => ThemePreference::Light,
        });
        ctx.set_zoom_factor(if self.settings.large_type { theme::LARGE_TYPE_ZOOM } else { 1.0 });
    }

    /// Hands the newest wish to the worker, which drops older ones that it has not begun.
    /// While another tab is on screen there is no hurry.
    pub(super) fn ask(&mut self) {
        if self.settings.tab != Tab::Explore && self.explore.shown.is_some() {
            return;
        }
        if let Some(view) = self.explore.take_wish() {
            let revision = self.worker.show(view.clone());
            self.explore.asked(revision, view);
        }
    }

    /// Hands settings over for writing once they have rested for a while.
    pub(super) fn keep_settings(&mut self, ctx: &Context) {
        self.remember();
        if let Some(problem) = self.keeper.problem() {
            self.notices.add(Tone::Caution, problem);
        }
        if self.settings == self.kept {
            self.keep_at = None;
            return;
        }
        let due = *self.keep_at.get_or_insert_with(|| Instant::now() + KEEP_AFTER);
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            ctx.request_repaint_after(left);
        } else if self.keeper.keep(&self.settings) {
            self.kept = self.settings.clone();
            self.keep_at = None;
        }
    }

    /// Where to propose to save, with `what` at the end of the name: beside the picture it was made from, or in the pictures
    /// folder.
    pub(super) fn save_proposal(&self, what: &str) -> PathBuf {
        let user = directories::UserDirs::new();
        let home = || user.as_ref().map(|dirs| dirs.picture_dir().unwrap_or(dirs.home_dir()).to_owned());
        let (folder, stem) = match &self.explore.picture {
            Source::File(path) => {
                (path.parent().map(ToOwned::to_owned), path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
            }
            Source::Sample(name) => (home(), Some(name.clone())),
            Source::Memory { name, .. } => (home(), Some(name.replace(' ', "-"))),
        };
        let name = format!("{}-{what}.png", stem.unwrap_or_else(|| "picture".into()));
        folder.unwrap_or_default().join(name)
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.tick(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn clear_color(&self, visuals: &eframe::egui::Visuals) -> [f32; 4] {
        // Shows in hairlines between panels at fractional scales.
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.close();
    }
}
