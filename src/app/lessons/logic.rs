//! This module carries out the commands of lessons.

use eframe::egui::{Context, ViewportCommand};

use crate::app::commands::tab::Tab;
use crate::app::files::dialogs::Question;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::file::{Figure, Lesson};
use crate::app::lessons::scene::Scene;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::draft;
use crate::app::shell::Shell;

/// Returns what stands in place of the pictures in the present step of a lesson.
pub fn figure(shell: &Shell) -> Option<Figure> {
    let figure = shell.lessons.step().and_then(|step| step.figure);
    match shell.settings.tab {
        Tab::Explore => figure,
        // The stage has no room for the settings and the table.
        Tab::Train if shell.is_on_stage() => figure.or(Some(Figure::Run)),
        Tab::Train | Tab::Models | Tab::TestSets => None,
    }
}

/// Opens a lesson that was read from a file.
pub fn open(lesson: Lesson, shell: &mut Shell) {
    let scene = shell.lessons.add(lesson);
    show_scene(scene, shell);
    shell.explore.hidden = shell.lessons.hidden();
}

/// Carries out a command. Closing a lesson brings back what was on screen before it.
pub fn carry_out(command: LessonCommand, shell: &mut Shell, ctx: &Context) {
    let was_open = shell.lessons.is_open();
    let before = (!was_open).then(|| shell.explore.wanted());
    let lessons = &mut shell.lessons;
    let scene = match command {
        LessonCommand::Toggle if !was_open => lessons.begin(0),
        LessonCommand::Toggle | LessonCommand::Close => {
            if shell.is_on_stage() {
                shell.present(ctx);
            }
            shell.lessons.close();
            shell.why.in_lesson = None;
            None
        }
        LessonCommand::Begin(lesson) => lessons.begin(lesson),
        LessonCommand::Next => lessons.go_on(),
        LessonCommand::Back => lessons.back(),
        command => {
            change_step(command, shell, ctx);
            None
        }
    };
    show_scene(scene, shell);
    match (was_open, shell.lessons.is_open()) {
        (false, true) => shell.lessons.before = before,
        (true, false) => {
            if let Some(view) = shell.lessons.before.take() {
                shell.explore.restore(view);
            }
        }
        (true, true) | (false, false) => {}
    }
}

fn change_step(command: LessonCommand, shell: &mut Shell, ctx: &Context) {
    let lessons = &mut shell.lessons;
    match command {
        LessonCommand::Predict(choice) => lessons.predict(choice),
        LessonCommand::Vote(choice) => lessons.vote(choice),
        LessonCommand::TakeBack => lessons.take_back(),
        LessonCommand::Notes => lessons.has_notes = !lessons.has_notes,
        LessonCommand::Alpha(alpha) => lessons.alpha = alpha,
        LessonCommand::Units(has_more) => lessons.has_more_units = has_more,
        LessonCommand::Paste => ctx.send_viewport_cmd(ViewportCommand::RequestPaste),
        LessonCommand::AskFile => shell.ask_system(Question::Lesson),
        LessonCommand::Open(path) => shell.start(|background| background.open_lesson(path)),
        LessonCommand::Train => {
            // The settings of the next run are the person's own.
            let own = std::mem::replace(&mut shell.train.draft, draft::usual());
            shell.train(&TrainCommand::Start);
            shell.train.draft = own;
        }
        LessonCommand::Toggle
        | LessonCommand::Close
        | LessonCommand::Begin(_)
        | LessonCommand::Next
        | LessonCommand::Back => {}
    }
}

fn show_scene(scene: Option<Scene>, shell: &mut Shell) {
    let Some(mut scene) = scene else { return };
    shell.settings.tab = scene.tab.unwrap_or_default();
    let compares = scene.second.as_ref().is_some_and(|name| !name.is_empty());
    let is_curve = shell.lessons.step().is_some_and(|step| step.figure == Some(Figure::Curve));
    shell.why.in_lesson = match scene.why.or(compares.then_some(true)) {
        _ if is_curve => Some(true),
        why => why,
    };
    if let Some(name) = scene.second.clone() {
        shell.settings.why.compare_with(compares.then_some(name));
    }
    if let Some(picture) = shell.lessons.yours().cloned() {
        scene.picture = None;
        shell.explore.set_picture(picture);
    }
    shell.explore.set_scene(scene);
}
