//! Between frames, events of the worker and of the person come in, and commands are carried out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use egui::{self, Context, Key, KeyboardShortcut, Modifiers, ViewportCommand};

use crate::app::background::{Copied, Incoming};
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::commands::{Command, Place};
use crate::app::files::dialogs::Question;
use crate::app::files::figures::FigureForm;
use crate::app::files::page::PageFile;
use crate::app::files::view::{Content, Found, ViewFile};
use crate::app::format::per_cent;
use crate::app::lessons;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::file::may_be_lesson;
use crate::app::notices::Tone;
use crate::app::page::Page as _;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::PATIENCE;
use crate::app::pages::explore::why::logic::take_least;
use crate::app::pages::models::page::is_net;
use crate::app::settings::ThemeChoice;
use crate::app::shell::Screenshot;
use crate::app::system::clipboard::Clip;
use crate::app::undo::HistoryStep;
use crate::app::widgets::about::Action as _;
use crate::app::widgets::path_field::typed_path;
use crate::app::window::App;
use crate::engine::attack::Label;
use crate::engine::data::Invert;
use crate::engine::model::Guess;
use crate::worker::{Event, Saved, Source};

const NO_FIGURE: &str = "There is nothing on this page yet to make a figure of.";

/// Events that are left after this time wait for the next frame.
const EVENT_TIME: Duration = Duration::from_millis(10);

impl App {
    /// Takes in what has arrived; once per frame, before drawing, also while the window is hidden.
    pub fn tick(&mut self, ctx: &Context) {
        let start = Instant::now();
        while start.elapsed() < EVENT_TIME {
            let Some(event) = self.shell.worker.poll() else { break };
            self.take_event(ctx, event);
        }
        while let Some(incoming) = self.shell.background.poll() {
            self.take_incoming(ctx, incoming);
        }
        self.pages.all().into_iter().for_each(|page| page.tick(ctx, &mut self.shell));
        // A view that a failure put back, or a class carried over to another net.
        self.shell.ask_view();
        self.keep_settings(ctx);
    }

    fn take_event(&mut self, ctx: &Context, event: Event) {
        let shell = &mut self.shell;
        match event {
            Event::Catalogue(entries) => {
                self.pages.test_sets.tests.take_nets(&shell.explore.catalogue, &entries);
                shell.explore.catalogue = entries;
            }
            Event::Busy { revision, doing } => shell.explore.set_doing(revision, doing),
            Event::Shown(shown) => self.pages.explore.take_shown(shown, shell, ctx),
            Event::PictureChanged(path) => {
                shell.notices.add_brief(format!("The file changed on disk; it was read again.\n{}", path.display()));
                if shell.explore.view.picture == Source::File(path) {
                    shell.explore.refresh();
                }
            }
            Event::Failed { revision, message } => {
                // Messages name the file on their last line.
                if let Some(path) = message.lines().last() {
                    shell.settings.forget_file(Path::new(path.trim()));
                }
                // Revision 0 belongs to no view: something else failed.
                if revision == 0 || shell.explore.take_failure(revision) {
                    shell.notices.add(Tone::Problem, message);
                }
            }
            Event::Saved(saved) => {
                let (tone, text) = saved_text(&saved);
                shell.notices.add(tone, text);
            }
            Event::SaveFailed { path, message } => {
                shell.notices.add(Tone::Problem, format!("The picture was not saved: {message}\n{}", path.display()));
            }
            Event::NetChanged(name) => {
                // The net behind the name has new weights: the picture on screen is of the old ones.
                if shell.explore.view.model == name {
                    shell.explore.refresh();
                }
            }
            Event::Training(event) => self.pages.train.take(event, shell),
            Event::Probe(event) => shell.train.probing.take(event),
            Event::Models(event) => {
                if self.pages.models.take(event, shell) {
                    self.pages.train.facts = None;
                }
            }
            Event::TestSet(event) => self.pages.test_sets.take(event, shell, ctx),
            Event::Along(along) => shell.why.along = Some(along),
            Event::Least(least) => take_least(&least, shell),
            Event::Controls(controls) => shell.why.controls = Some(controls),
            Event::Second(second) => shell.why.second = Some(second),
            Event::Church(church) => shell.why.church = Some(church),
        }
    }

    fn take_incoming(&mut self, ctx: &Context, incoming: Incoming) {
        let shell = &mut self.shell;
        match incoming {
            Incoming::Thumbnail(thumbnail) => self.pages.explore.samples.take(ctx, thumbnail),
            Incoming::Chosen(question, Some(path)) => {
                shell.dialogs.open = None;
                shell.commands.push(question.answer(path));
            }
            // The question with its path field is still there.
            Incoming::Chosen(_, None) => {}
            Incoming::NoFileDialog => shell.dialogs.do_without_system(),
            Incoming::Listed(listing) => shell.dialogs.path.take_listing(listing),
            Incoming::Fonts => self.fonts.install(ctx),
            Incoming::Copied(copied, Ok(())) => {
                shell.notices.add_brief(format!("Copied {}.\n{}", copied.what, copied.more));
            }
            Incoming::Copied(copied, Err(why)) => {
                let text = format!("The clipboard did not take {}: {why}.\n{}", copied.what, copied.more);
                shell.notices.add(Tone::Problem, text);
            }
            Incoming::Facts(Some(facts)) => self.pages.train.facts = Some(*facts),
            // The next look begins with the next frame.
            Incoming::Facts(None) => {}
            Incoming::Import(number, done) => self.pages.models.take_import(number, done, shell),
            Incoming::Operations(name, rows) => self.pages.models.take_operations(&name, rows),
            Incoming::Exported(Ok(path)) => shell.notices.add_brief(format!("Saved.\n{}", path.display())),
            Incoming::Exported(Err(why)) => shell.notices.add(Tone::Problem, format!("Nothing was saved: {why}")),
            Incoming::NoThread(e) => {
                shell.notices.add(Tone::Problem, format!("The system gave no thread for this: {e}"));
            }
            Incoming::Opened(path, read) => self.take_opened(path, read),
            Incoming::NoLesson(otherwise) => shell.commands.push(otherwise),
            Incoming::Pasted(picture) => {
                // Another picture, though it may have the name of the one before.
                shell.explore.view.label = Label::Predicted;
                (shell.explore.view.crop, shell.explore.view.invert) = (None, Invert::Auto);
                shell.explore.set_picture(Source::Memory { name: "pasted picture".into(), picture });
            }
        }
    }

    fn take_opened(&mut self, path: PathBuf, read: Result<Content, String>) {
        let shell = &mut self.shell;
        let shown = match read {
            Ok(Content::Picture(crop)) => return self.pages.explore.show_file(path, crop, shell),
            Ok(Content::View(found)) => {
                shell.show_view(*found);
                Ok(())
            }
            Ok(Content::Lesson(lesson)) => {
                lessons::logic::open(lesson, shell);
                Ok(())
            }
            Ok(Content::Page(PageFile { tab, settings })) => {
                shell.settings.tab = tab;
                let restored = self.pages.of(tab).restore(settings, shell);
                restored.map_err(|e| format!("the page in it cannot be used: {e}\n{}", path.display()))
            }
            Err(message) => Err(message),
        };
        match shown {
            Ok(()) => shell.settings.remember_file(&path),
            Err(message) => {
                shell.settings.forget_file(&path);
                shell.notices.add(Tone::Problem, message);
            }
        }
    }

    /// Leaves keys to an input method that composes: the Enter that ends a composition chooses nothing from a list.
    pub fn leave_keys_to_input_method(&mut self, ctx: &Context) {
        let has_key = |event: &egui::Event| matches!(event, egui::Event::Key { pressed: true, .. });
        let has_click = |event: &egui::Event| matches!(event, egui::Event::PointerButton { .. });
        let may_be_moved = ctx.input(|i| i.events.iter().any(has_key) && !i.events.iter().any(has_click));
        if let Some(field) = self.composing.filter(|_| may_be_moved) {
            // The window library has taken Escape and Tab before anybody else sees them.
            ctx.memory_mut(|memory| {
                memory.move_focus(egui::FocusDirection::None);
                memory.request_focus(field);
            });
        }
        let focused = ctx.memory(|memory| memory.focused());
        let mut composes = self.composing.is_some_and(|field| Some(field) == focused);
        ctx.input_mut(|i| {
            let mut was_composing = composes;
            for event in &i.events {
                composes = match event {
                    egui::Event::Ime(egui::ImeEvent::Preedit { text, .. }) => !text.is_empty(),
                    egui::Event::Ime(egui::ImeEvent::Commit(_))
                    | egui::Event::Text(_)
                    | egui::Event::PointerButton { .. } => false,
                    _ => composes,
                };
                was_composing |= composes;
            }
            if was_composing {
                i.events.retain(|event| !has_key(event));
            }
        });
        self.composing = focused.filter(|_| composes);
    }

    pub(super) fn take_input(&mut self, ctx: &Context) {
        let is_asking = self.shell.dialogs.open.is_some() || self.pages.all().iter().any(|page| page.is_asking());
        let modal = self.help || self.palette.is_open || is_asking;
        self.take_shortcuts(ctx, modal);
        let (dropped, pasted) = ctx.input(|i| {
            let is_paste = |event: &&egui::Event| matches!(event, egui::Event::PasteImage(_) | egui::Event::Paste(_));
            let pasted = i.events.iter().find(is_paste).cloned();
            (i.raw.dropped_files.last().map(|file| file.path().to_owned()), pasted)
        });
        if let Some(path) = dropped {
            self.take_dropped(path);
        }
        let shell = &mut self.shell;
        match pasted.filter(|_| shell.settings.tab == Tab::Explore) {
            Some(egui::Event::PasteImage(image)) => shell.background.paste(image),
            Some(egui::Event::Paste(text)) if !ctx.text_edit_focused() => match typed_path(&text) {
                Some(path) if !text.trim().contains('\n') => {
                    shell.commands.push(ExploreCommand::Show(Source::File(path)).into());
                }
                _ => {
                    let text = "The clipboard holds text, but no picture and no path of one.";
                    shell.notices.add(Tone::Caution, text);
                }
            },
            // Text goes into the field that is being typed into.
            _ => {}
        }
    }

    /// Takes the shortcuts of what is on screen. While something lies over the page there is only the one that quits.
    fn take_shortcuts(&mut self, ctx: &Context, modal: bool) {
        let lessons = &self.shell.lessons;
        let is_on_stage = self.shell.is_on_stage();
        let has_notes = lessons.step().is_some_and(|step| step.notes.is_some());
        // Keys that a step has no use for do what they do elsewhere. On the stage a vote too many does nothing.
        let is_idle = |command: &Command| match command {
            Command::Lesson(LessonCommand::Vote(choice)) => lessons.votes().len() <= *choice && !is_on_stage,
            Command::Lesson(LessonCommand::TakeBack) => lessons.votes().is_empty(),
            Command::Lesson(LessonCommand::Notes) => !has_notes,
            _ => false,
        };
        let lesson = lessons.is_open().then_some(Place::Lesson);
        let here = lesson.into_iter().chain([Place::Everywhere, Place::In(self.shell.settings.tab)]);
        let mut here: Vec<(Command, KeyboardShortcut)> = here
            .flat_map(Command::listed_in)
            .filter(|command| !is_idle(command))
            .filter_map(|command| command.about().shortcut.map(|keys| (command, keys)))
            .collect();
        // The window library takes Ctrl+Shift+Z for Ctrl+Z as well: the longer one is asked first.
        here.sort_by_key(|(_, keys)| !keys.modifiers.shift);
        for (command, keys) in here {
            let is_function_key = matches!(keys.logical_key, Key::F1 | Key::F5 | Key::F11);
            let plain = keys.modifiers == Modifiers::NONE && !is_function_key;
            // Space presses the button that has the keyboard.
            let taken = keys.logical_key == Key::Space && ctx.memory(|m| m.focused().is_some());
            // A text field takes back its own changes.
            let own = plain || matches!(command, Command::Window(WindowCommand::Undo | WindowCommand::Redo));
            let in_menu = plain && egui::Popup::is_any_open(ctx);
            let quits = command == Command::Window(WindowCommand::Quit);
            let barred = taken || in_menu || (own && ctx.text_edit_focused()) || (modal && !quits);
            if !barred && ctx.input_mut(|i| i.consume_shortcut(&keys)) {
                self.shell.commands.push(command);
            }
        }
        if is_on_stage && !modal && ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
            self.shell.commands.push(WindowCommand::Present.into());
        }
        let question_mark = ctx.input(|i| i.key_pressed(Key::Questionmark));
        if question_mark && !modal && !ctx.text_edit_focused() {
            self.shell.commands.push(WindowCommand::Help.into());
        }
    }

    /// Takes a dropped file, which is for the page on screen, unless it is a lesson or a net.
    fn take_dropped(&mut self, path: PathBuf) {
        let tab = self.shell.settings.tab;
        let may_be_lesson = may_be_lesson(&path);
        let command = match tab {
            // A text holds no pictures to train on or to test with, but it may be a view.
            Tab::Train | Tab::TestSets if may_be_lesson => {
                Some(ExploreCommand::Show(Source::File(path.clone())).into())
            }
            _ if is_net(&path) => self.pages.models.take_dropped(path.clone(), &mut self.shell),
            tab => self.pages.of(tab).take_dropped(path.clone(), &mut self.shell),
        };
        let Some(command) = command else { return };
        match may_be_lesson {
            true => self.shell.background.open_lesson(path, Some(command)),
            false => self.shell.commands.push(command),
        }
    }

    pub(super) fn carry_out(&mut self, ctx: &Context) {
        let commands = std::mem::take(&mut self.shell.commands);
        if commands.is_empty() {
            return;
        }
        for command in commands {
            match self.pages.carry_out(command, &mut self.shell, ctx) {
                Some(Command::Window(command)) => self.change_window(ctx, command),
                Some(Command::Lesson(command)) => lessons::logic::carry_out(command, &mut self.shell, ctx),
                // A page has taken it.
                _ => {}
            }
        }
        self.shell.explore.hidden = self.shell.lessons.hidden();
        self.shell.ask_view();
        if self.shell.explore.waiting() {
            ctx.request_repaint_after(PATIENCE + Duration::from_millis(5));
        }
        // What was changed after it was drawn is drawn again at once.
        ctx.request_repaint();
    }

    fn change_window(&mut self, ctx: &Context, command: WindowCommand) {
        let shell = &mut self.shell;
        let page = self.pages.of(shell.settings.tab);
        match command {
            WindowCommand::Undo => page.step_history(HistoryStep::Undo, shell),
            WindowCommand::Redo => page.step_history(HistoryStep::Redo, shell),
            WindowCommand::Browse | WindowCommand::BrowseArchives => {
                if let Some(asked) = shell.dialogs.open {
                    let proposal = PathBuf::from(&shell.dialogs.path.text);
                    let question = if command == WindowCommand::Browse { asked } else { Question::Archive };
                    shell.background.ask(question, &proposal);
                }
            }
            WindowCommand::SaveViewDialog => {
                let name = shell.settings.tab.about().name.to_lowercase().replace(' ', "-");
                let name = if shell.settings.tab == Tab::Explore { "view" } else { &name };
                let proposal = shell.save_proposal("adversarial").with_file_name(format!("{name}.png"));
                shell.dialogs.ask(Question::SaveView, &proposal);
            }
            WindowCommand::SaveViewTo(path) => shell.screenshot = Some(Screenshot { path, area: None }),
            WindowCommand::ExportFigure | WindowCommand::SaveReport => {
                let offered = page.figures(shell);
                if offered.is_empty() {
                    return shell.notices.add(Tone::Caution, NO_FIGURE);
                }
                let name = shell.settings.tab.about().name.to_lowercase().replace(' ', "-");
                let ending = if command == WindowCommand::SaveReport { "html" } else { "pdf" };
                let proposal = shell.save_proposal("figure").with_file_name(format!("{name}.{ending}"));
                shell.dialogs.ask(Question::Figure, &proposal);
                shell.dialogs.figure = FigureForm::new(offered, shell.settings.figure);
            }
            WindowCommand::SaveFigureTo(path) => {
                let form = std::mem::take(&mut shell.dialogs.figure);
                shell.settings.figure = form.options;
                let title = shell.settings.tab.about().name;
                shell.background.export(path, move |path| form.write(title, path));
            }
            WindowCommand::CopyFigure => {
                let (options, first) = (shell.settings.figure, page.figures(shell).into_iter().next());
                let Some(figure) = first else { return shell.notices.add(Tone::Caution, NO_FIGURE) };
                let more = "Export figure… saves it as PDF or SVG.".to_owned();
                let copied = Copied { what: format!("the figure ({})", figure.name.to_lowercase()), more };
                shell.background.copy_made(copied, move || {
                    let pixels = figure.into_figure(Path::new("figure.png")).pixels(&options);
                    pixels.map(|pixels| Clip::Picture(pixels.into())).map_err(|error| error.to_string())
                });
            }
            WindowCommand::Tab(tab) => shell.settings.tab = tab,
            WindowCommand::CycleTheme => {
                shell.settings.theme = match shell.settings.theme {
                    ThemeChoice::System => ThemeChoice::Light,
                    ThemeChoice::Light => ThemeChoice::Dark,
                    ThemeChoice::Dark => ThemeChoice::System,
                };
                shell.apply_look(ctx);
            }
            WindowCommand::LargeType => {
                shell.settings.large_type = !shell.settings.large_type;
                shell.apply_look(ctx);
            }
            WindowCommand::Present => shell.present(ctx),
            WindowCommand::Palette => self.palette.open(),
            WindowCommand::Help => self.help = !self.help,
            WindowCommand::RefreshModels => {
                shell.worker.refresh_catalogue();
                self.pages.train.facts = None;
            }
            WindowCommand::DismissNotice(id) => shell.notices.dismiss(id),
            WindowCommand::DismissNotices => shell.notices.shown.clear(),
            WindowCommand::CloseOverlay => {
                self.help = false;
                self.palette.is_open = false;
                shell.dialogs.open = None;
                self.pages.all().into_iter().for_each(|page| page.close_question());
            }
            WindowCommand::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
        }
    }

    /// Asks for the picture of the window that is to be saved, once nothing lies over it.
    pub(super) fn take_screenshot(&mut self, ctx: &Context) {
        if self.shell.dialogs.open.is_some() {
            return;
        }
        let Some(Screenshot { path, area }) = self.shell.screenshot.take() else { return };
        let content = if area.is_none() { self.content() } else { None };
        // Nothing is on screen yet.
        if area.is_none() && content.is_none() {
            return;
        }
        let area = area.unwrap_or(ctx.content_rect()) * ctx.pixels_per_point();
        self.shell.background.save_screenshot(path, area, content);
    }

    /// Returns what opens a picture of the window again; `None` before anything is on screen.
    fn content(&mut self) -> Option<Content> {
        let shell = &self.shell;
        let tab = shell.settings.tab;
        if tab != Tab::Explore {
            return Some(Content::Page(PageFile { tab, settings: self.pages.of(tab).to_table(shell) }));
        }
        let shown = shell.explore.shown.as_deref()?;
        let mut why = shell.settings.why.clone();
        why.open = Some(shell.is_why_open());
        let (controls_seed, direction_seed) = (Some(shell.why.seed), Some(shell.why.direction_seed));
        let view = ViewFile { why: Some(why), controls_seed, direction_seed, ..ViewFile::of(shown) };
        let picture = match &shown.view.picture {
            Source::Memory { picture, .. } => Some(picture.clone()),
            Source::Sample(_) | Source::File(_) => None,
        };
        Some(Content::View(Box::new(Found { view, picture })))
    }
}

/// Says of a saved file above all whether it still does what the screen shows.
fn saved_text(saved: &Saved) -> (Tone, String) {
    let Saved { path, reread, on_screen } = saved;
    let told = |guess: &Guess| format!("{} ({})", guess.name, per_cent(guess.prob));
    let says = told(&reread.guess);
    let differs = reread.guess.index != on_screen.index;
    let text = match &reread.whole {
        _ if differs => format!(
            "Saved, but the file is not what the screen shows: read again, the net says {says}, where the screen says \
             {}. Rounding to 8 bits undid the attack; a slightly larger ε survives it.",
            told(on_screen)
        ),
        None => format!("Saved. Read again from the file, the net says {says}: the class on screen."),
        Some(whole) => format!(
            "Saved with its crop. Read again from the file with it, the net says {says}: the class on screen. Of the \
             whole file, {}.",
            told(whole)
        ),
    };
    (if differs { Tone::Caution } else { Tone::Done }, format!("{text}\n{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attack::Reread;

    #[test]
    fn a_saved_file_that_differs_is_told_plainly() {
        let guess = |index: usize, name: &str| Guess { index, name: name.into(), prob: 0.9 };
        let reread = Reread { guess: guess(3, "three"), whole: None };
        let mut saved = Saved { path: "/a.png".into(), reread, on_screen: guess(3, "three") };
        assert_eq!(saved_text(&saved).0, Tone::Done);
        assert!(!saved_text(&saved).1.contains("crop"));
        saved.reread.whole = Some(guess(5, "five"));
        let (tone, text) = saved_text(&saved);
        assert_eq!(tone, Tone::Done);
        assert!(text.contains("with its crop") && text.contains("Of the whole file, five (90.0 %)"), "{text}");
        saved.reread.guess = guess(7, "seven");
        let (tone, text) = saved_text(&saved);
        assert_eq!(tone, Tone::Caution);
        assert!(text.contains("seven (90.0 %)") && text.contains("three (90.0 %)") && text.ends_with("/a.png"));
    }
}
