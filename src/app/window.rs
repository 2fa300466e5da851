//! The window is one structure: what the pages share, the pages, and what lies around them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use egui::{Context, Id, Ui, ViewportBuilder};

use crate::app::background::BackgroundWork;
use crate::app::bars::palette::CommandPalette;
use crate::app::commands::tab::Tab;
use crate::app::files::dialogs::Dialogs;
use crate::app::files::view::may_hold_view;
use crate::app::lessons::figures::Figures;
use crate::app::lessons::stage::LessonStage;
use crate::app::lessons::state::Lessons;
use crate::app::notices::{Notices, Tone};
use crate::app::pages::Pages;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::why::state::Why;
use crate::app::pages::models::state::Models;
use crate::app::pages::test_sets::state::TestSet;
use crate::app::pages::train::state::{Train, draft};
use crate::app::settings::{self, Keeper, Settings};
use crate::app::shell::Shell;
use crate::app::system::clipboard::{Clip, Clipboard};
use crate::app::system::fonts::SystemFonts;
use crate::app::system::place::PlaceKeeper;
use crate::app::theme;
use crate::engine::data::Invert;
use crate::engine::model::Catalogue;
use crate::engine::train::runs_folder;
use crate::worker::{Shown, Source, Worker, results_folder};

const KEEP_AFTER: Duration = Duration::from_secs(1);

/// The window begins with this; anything left open comes from the last time.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// A picture is a file, or the name of a bundled sample.
    pub picture: Option<PathBuf>,
    /// A model is named as in the catalogue, or by the path of a manifest.
    pub model: Option<String>,
    /// This says whether the picture is inverted.
    pub invert: Invert,
}

/// This says where that lies which outlives the window.
#[derive(Clone, Debug)]
pub struct StoragePaths {
    /// This is the settings file; without one nothing is kept.
    pub settings: Option<PathBuf>,
    pub runs: PathBuf,
    /// Measurements on test sets are kept here.
    pub results: PathBuf,
    pub catalogue: Catalogue,
}

pub struct App {
    pub shell: Shell,
    pub(super) pages: Pages,
    kept: Settings,
    keep_at: Option<Instant>,
    keeper: Keeper,
    pub(super) fonts: SystemFonts,
    pub(super) figures: Figures,
    pub(super) stage: LessonStage,
    /// An input method is composing in this text field.
    pub(super) composing: Option<Id>,
    pub(super) place: PlaceKeeper,
    /// The window was maximized, and becomes so once it is shown: X11's window managers do not heed this before.
    pub(super) to_maximize: Option<bool>,
    pub(super) help: bool,
    pub(super) palette: CommandPalette,
}

impl App {
    /// Starts the worker and restores the last state of this person; fails where the system gives no thread.
    pub fn new(ctx: &Context, start: Start) -> anyhow::Result<Self> {
        let catalogue = Catalogue::from_environment();
        let (runs, results) = (runs_folder(), results_folder());
        let storage = StoragePaths { settings: settings::file(), runs, results, catalogue };
        let mut app = Self::with_storage(ctx, start, storage)?;
        app.shell.background.clipboard = Clipboard::System;
        app.to_maximize = Some(app.shell.settings.maximized);
        Ok(app)
    }

    /// Does the same with what lies elsewhere, and with a clipboard of its own.
    pub fn with_storage(ctx: &Context, start: Start, storage: StoragePaths) -> anyhow::Result<Self> {
        let StoragePaths { settings: path, runs, results, catalogue } = storage;
        let catalogue = catalogue.with_runs(runs.clone());
        theme::install(ctx);
        let is_first = path.as_ref().is_some_and(|path| !path.exists());
        let (mut settings, problem) = settings::load(path.as_deref());
        let is_asked = start.picture.is_some() || start.model.is_some();
        if is_asked {
            settings.tab = Tab::Explore;
        }
        let manifest = catalogue.manifest(start.model.as_ref().unwrap_or(&settings.model));
        let own_models = catalogue.own.clone();
        let background = BackgroundWork::new(ctx.clone(), catalogue.clone());
        let wake = ctx.clone();
        let worker = Worker::with_folders(catalogue, runs, results, move || wake.request_repaint())
            .context("cannot start the worker thread")?;
        let asked = start.picture.clone();
        let picture = start.picture.filter(|path| path.extension().is_none_or(|extension| extension != "toml"));
        let mut app = Self {
            pages: Pages::new(&settings),
            kept: settings.clone(),
            keep_at: None,
            keeper: Keeper { path, writing: None },
            fonts: SystemFonts::default(),
            figures: Figures::default(),
            stage: LessonStage::default(),
            composing: None,
            place: PlaceKeeper::default(),
            to_maximize: None,
            help: false,
            palette: CommandPalette::default(),
            shell: Shell {
                worker,
                notices: Notices::default(),
                dialogs: Dialogs::default(),
                background,
                explore: Explore::new(&settings, start.model, picture).inverting(start.invert),
                why: Why::default(),
                train: Train::new(settings.train.clone().unwrap_or_else(draft::usual)),
                lessons: Lessons::default(),
                commands: Vec::new(),
                screenshot: None,
                presenting: None,
                settings,
            },
        };
        app.pages.models.models.folder = own_models;
        if let Some(problem) = problem {
            app.shell.notices.add(Tone::Caution, problem);
        }
        if is_first && !is_asked {
            app.pages.explore.begin_opening(&mut app.shell);
        }
        if let Ok(manifest) = manifest {
            app.shell.explore.know_kind(manifest.input.kind());
        }
        // The picture of the last time may hold a view, too, or the crop that it was saved with.
        let remembered = match &app.shell.explore.view.picture {
            Source::File(path) => Some(path.clone()),
            Source::Sample(_) | Source::Memory { .. } => None,
        };
        if let Some(path) = asked.or(remembered).filter(|path| may_hold_view(path)) {
            app.shell.background.open_view(path);
        }
        app.fonts.install(ctx);
        app.shell.apply_look(ctx);
        app.shell.ask_view();
        Ok(app)
    }

    pub fn shown(&self) -> Option<&Shown> {
        self.shell.explore.shown.as_deref()
    }

    pub fn models(&self) -> &Models {
        &self.pages.models.models
    }

    pub fn tests(&self) -> &TestSet {
        &self.pages.test_sets.tests
    }

    /// Returns the messages on screen, newest first.
    pub fn notice_texts(&self) -> Vec<&str> {
        self.shell.notices.shown.iter().map(|notice| notice.text.as_str()).collect()
    }

    /// Returns what was copied last, where the window has a clipboard of its own.
    pub fn copied(&self) -> Option<Clip> {
        self.shell.background.clipboard.held()
    }

    /// Places a window where it was the last time; without a last time it is as large as `size`.
    pub fn remembered_place(mut viewport: ViewportBuilder, size: [f32; 2]) -> ViewportBuilder {
        let settings = settings::load_quietly().unwrap_or_default();
        if let Some(corner) = settings.corner {
            viewport = viewport.with_position(corner);
        }
        viewport.with_inner_size(settings.window.unwrap_or(size)).with_maximized(settings.maximized)
    }

    pub fn close(&mut self) {
        self.remember();
        self.keeper.finish(&self.shell.settings);
    }

    fn remember(&mut self) {
        self.pages.all().into_iter().for_each(|page| page.remember(&mut self.shell));
    }

    /// Hands settings over for writing once they have rested for a while.
    pub(super) fn keep_settings(&mut self, ctx: &Context) {
        self.remember();
        if let Some(problem) = self.keeper.problem() {
            self.shell.notices.add(Tone::Caution, problem);
        }
        if self.shell.settings == self.kept {
            self.keep_at = None;
            return;
        }
        let due = *self.keep_at.get_or_insert_with(|| Instant::now() + KEEP_AFTER);
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            ctx.request_repaint_after(left);
        } else if self.keeper.keep(&self.shell.settings) {
            self.kept = self.shell.settings.clone();
            self.keep_at = None;
        } else {
            ctx.request_repaint_after(KEEP_AFTER);
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.tick(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        // Shows in hairlines between panels at fractional scales.
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.close();
    }
}
