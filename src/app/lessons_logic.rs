//! What happens with lessons.

use std::path::Path;

use super::commands::LessonCommand;
use super::lessons::{Lesson, Scene};
use super::panes::Question;
use super::window::App;

impl App {
    /// Opens a lesson that was read from a file.
    pub(super) fn show_lesson(&mut self, lesson: Lesson) {
        let scene = self.lessons.add(lesson);
        self.show_scene(scene);
        self.explore.hidden = self.lessons.hidden();
    }

    pub(super) fn change_lesson(&mut self, command: LessonCommand) {
        let scene = match command {
            LessonCommand::Toggle if !self.lessons.is_open() => self.lessons.begin(0),
            LessonCommand::Toggle | LessonCommand::Close => {
                self.lessons.close();
                self.why.in_lesson = None;
                None
            }
            LessonCommand::Begin(lesson) => self.lessons.begin(lesson),
            LessonCommand::Next => self.lessons.go_on(),
            LessonCommand::Back => self.lessons.back(),
            LessonCommand::Predict(choice) => {
                self.lessons.predict(choice);
                None
            }
            LessonCommand::AskFile => {
                self.dialogs.ask(Question::Lesson, Path::new(""));
                self.note_failure(|app| app.background.ask(Question::Lesson, Path::new("")));
                None
            }
            LessonCommand::Open(path) => {
                self.note_failure(|app| app.background.open_lesson(path));
                None
            }
        };
        self.show_scene(scene);
    }

    /// Shows what a step of a lesson sets.
    fn show_scene(&mut self, scene: Option<Scene>) {
        let Some(scene) = scene else { return };
        self.settings.tab = scene.tab.unwrap_or_default();
        let compares = scene.second.as_ref().is_some_and(|name| !name.is_empty());
        self.why.in_lesson = scene.why.or(compares.then_some(true));
        if let Some(name) = scene.second.clone() {
            self.compare_with(compares.then_some(name));
        }
        self.explore.set_scene(scene);
    }
}
