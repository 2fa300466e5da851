//! What happens with lessons.

use std::path::Path;

use eframe::egui::{Context, Ui, ViewportCommand};

use crate::app::commands::Command;
use crate::app::files::dialogs::Question;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::{FigureWorld, figure_room};
use crate::app::lessons::file::{Figure, Lesson};
use crate::app::lessons::scene::Scene;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::draft;
use crate::app::settings::Tab;
use crate::app::window::App;

impl App {
    /// Whether a lesson has the whole screen: nothing is there but its text, pictures with captions, and ε.
    pub fn is_on_stage(&self) -> bool {
        self.presenting.is_some() && self.lessons.is_open()
    }

    /// What stands in place of the pictures in the present step of a lesson.
    pub fn figure(&self) -> Option<Figure> {
        let figure = self.lessons.step().and_then(|step| step.figure);
        match self.settings.tab {
            Tab::Explore => figure,
            // The stage has no room for the settings and the table.
            Tab::Train if self.is_on_stage() => figure.or(Some(Figure::Run)),
            _ => None,
        }
    }

    /// Draws a figure into all the room that is left.
    pub fn draw_figure(&mut self, ui: &mut Ui, figure: Figure, out: &mut Vec<Command>) {
        self.ask_why();
        let world = FigureWorld { explore: &self.explore, lessons: &self.lessons, why: &self.why, train: &self.train };
        self.figures.show(ui, figure, &world, out);
    }

    /// Draws the lesson that is open on the whole screen.
    pub fn draw_stage(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        self.stage.show_text(ui, &self.lessons, self.explore.shown.as_deref(), out);
        match (self.figure(), self.settings.tab) {
            (Some(figure), _) => figure_room(ui, true, |ui| self.draw_figure(ui, figure, out)),
            (None, Tab::TestSets) => self.test_page.show(ui, &mut self.tests, &self.explore, out),
            (None, Tab::Models) => {
                let (catalogue, current) = (&self.explore.catalogue, &self.explore.model);
                self.models_page.show(ui, &self.models, catalogue, current, out);
            }
            (None, Tab::Explore | Tab::Train) => self.stage.show_pictures(ui, &self.explore, out),
        }
        self.stage.show_bar(ui, &self.lessons, out);
    }

    /// Opens a lesson that was read from a file.
    pub fn show_lesson(&mut self, lesson: Lesson) {
        let scene = self.lessons.add(lesson);
        self.show_scene(scene);
        self.explore.hidden = self.lessons.hidden();
    }

    pub fn change_lesson(&mut self, ctx: &Context, command: LessonCommand) {
        let was_open = self.lessons.is_open();
        let before = (!was_open).then(|| self.explore.view());
        let scene = match command {
            LessonCommand::Toggle if !self.lessons.is_open() => self.lessons.begin(0),
            LessonCommand::Toggle | LessonCommand::Close => {
                if self.is_on_stage() {
                    self.present(ctx);
                }
                self.lessons.close();
                self.why.in_lesson = None;
                None
            }
            LessonCommand::Begin(lesson) => self.lessons.begin(lesson),
            LessonCommand::Next => self.lessons.go_on(),
            LessonCommand::Back => self.lessons.back(),
            LessonCommand::AskFile => {
                self.dialogs.ask(Question::Lesson, Path::new(""));
                self.note_failure(|app| app.background.ask(Question::Lesson, Path::new("")));
                None
            }
            LessonCommand::Open(path) => {
                self.note_failure(|app| app.background.open_lesson(path));
                None
            }
            command => {
                self.change_step(ctx, command);
                None
            }
        };
        self.show_scene(scene);
        match (was_open, self.lessons.is_open()) {
            (false, true) => self.before_lesson = before,
            (true, false) => {
                if let Some(view) = self.before_lesson.take() {
                    self.explore.restore(view);
                }
            }
            _ => {}
        }
    }

    /// What leaves the step as it is.
    fn change_step(&mut self, ctx: &Context, command: LessonCommand) {
        let lessons = &mut self.lessons;
        match command {
            LessonCommand::Predict(choice) => lessons.predict(choice),
            LessonCommand::Vote(choice) => lessons.vote(choice),
            LessonCommand::TakeBack => lessons.take_back(),
            LessonCommand::Notes => lessons.has_notes = !lessons.has_notes,
            LessonCommand::Alpha(alpha) => lessons.alpha = alpha,
            LessonCommand::Units(has_more) => lessons.has_more_units = has_more,
            LessonCommand::Paste => ctx.send_viewport_cmd(ViewportCommand::RequestPaste),
            LessonCommand::Train => {
                // The settings of the next run are the person's own.
                let own = std::mem::replace(&mut self.train.draft, draft::usual());
                self.change_training(TrainCommand::Start);
                self.train.draft = own;
            }
            _ => {}
        }
    }

    /// Shows what a step of a lesson sets.
    fn show_scene(&mut self, scene: Option<Scene>) {
        let Some(mut scene) = scene else { return };
        self.settings.tab = scene.tab.unwrap_or_default();
        let compares = scene.second.as_ref().is_some_and(|name| !name.is_empty());
        let is_curve = self.lessons.step().is_some_and(|step| step.figure == Some(Figure::Curve));
        self.why.in_lesson = match scene.why.or(compares.then_some(true)) {
            _ if is_curve => Some(true),
            why => why,
        };
        if let Some(name) = scene.second.clone() {
            self.compare_with(compares.then_some(name));
        }
        if let Some(picture) = self.lessons.yours().cloned() {
            scene.picture = None;
            self.explore.set_picture(picture);
        }
        self.explore.set_scene(scene);
    }
}
