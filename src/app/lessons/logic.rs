//! This module carries out the commands of lessons.

use egui::{Context, ViewportCommand};

use crate::app::commands::tab::Tab;
use crate::app::files::dialogs::Question;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::file::{Figure, Lesson};
use crate::app::lessons::scene::LessonScene;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::draft;
use crate::app::shell::Shell;

/// Returns what stands in place of the pictures in the present step of a lesson.
pub fn figure(shell: &Shell) -> Option<Figure> {
    let figure = shell.lessons.step().and_then(|step| step.figure);
    let tab = shell.settings.tab;
    if tab == Tab::Explore {
        figure
    } else if tab == Tab::Train && shell.is_on_stage() {
        // The stage has no room for the settings and the table.
        figure.or(Some(Figure::Run))
    } else {
        None
    }
}

pub fn open(lesson: Lesson, shell: &mut Shell) {
    let scene = shell.lessons.add(lesson);
    show_scene(scene, shell);
    shell.explore.hidden = shell.lessons.hidden();
}

/// Carries out a command. Closing a lesson brings back what was on screen before it.
pub fn carry_out(command: LessonCommand, shell: &mut Shell, ctx: &Context) {
    let was_open = shell.lessons.is_open();
    let lessons = &mut shell.lessons;
    let mut scene = None;
    match command {
        LessonCommand::Toggle if !was_open => scene = lessons.begin(0),
        LessonCommand::Begin(lesson) => scene = lessons.begin(lesson),
        LessonCommand::Next => scene = lessons.go_on(),
        LessonCommand::Back => scene = lessons.back(),
        LessonCommand::Toggle | LessonCommand::Close => {
            if shell.is_on_stage() {
                shell.present(ctx);
            }
            shell.lessons.close();
            shell.why.in_lesson = None;
            if let Some(view) = shell.lessons.before.take() {
                shell.explore.restore(view);
            }
        }
        LessonCommand::Predict(choice) => lessons.predict(choice),
        LessonCommand::Vote(choice) => lessons.vote(choice),
        LessonCommand::TakeBack => lessons.take_back(),
        LessonCommand::Notes => lessons.has_notes = !lessons.has_notes,
        LessonCommand::Alpha(alpha) => lessons.alpha = alpha,
        LessonCommand::Units(has_more) => lessons.has_more_units = has_more,
        LessonCommand::Paste => ctx.send_viewport_cmd(ViewportCommand::RequestPaste),
        LessonCommand::AskFile => shell.ask_system(Question::Lesson),
        LessonCommand::Open(path) => shell.background.open_lesson(path, None),
        LessonCommand::Train => {
            // The settings of the next run are the person's own.
            let own = std::mem::replace(&mut shell.train.draft, draft::usual());
            shell.train(&TrainCommand::Start);
            shell.train.draft = own;
        }
    }
    if !was_open && shell.lessons.is_open() {
        shell.lessons.before = Some(shell.explore.wanted());
    }
    show_scene(scene, shell);
}

fn show_scene(scene: Option<LessonScene>, shell: &mut Shell) {
    let Some(mut scene) = scene else { return };
    shell.settings.tab = scene.tab.unwrap_or_default();
    let compares = scene.second.as_ref().is_some_and(|name| !name.is_empty());
    let is_curve = shell.lessons.step().is_some_and(|step| step.figure == Some(Figure::Curve));
    shell.why.in_lesson = is_curve.then_some(true).or(scene.why).or(compares.then_some(true));
    if let Some(name) = scene.second.take() {
        shell.settings.why.compare_with(compares.then_some(name));
    }
    if let Some(picture) = shell.lessons.yours().cloned() {
        scene.picture = None;
        shell.explore.set_picture(picture);
    }
    shell.explore.set_scene(scene);
}
