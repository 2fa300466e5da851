//! What happens between frames: events of the worker and of the person come in, commands are carried out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{self, Context, Key, KeyboardShortcut, Modifiers, ViewportCommand};

use super::background::Incoming;
use super::commands::{Command, ModelsCommand, Place};
use super::explore::{Lengths, PATIENCE};
use super::panes::{Question, Tone, typed_path};
use super::settings::{Tab, ThemeChoice};
use super::train::NetMoment;
use super::train_logic::Picturing;
use super::view_file::{Found, examples, may_hold_view};
use super::widgets::{per_cent, typing};
use super::window::App;
use super::words;
use crate::engine::attack::{Attack, Loss};
use crate::engine::data::samples;
use crate::worker::{Event, Saved, Source};

/// Time for events per frame; what is left waits for the next.
const EVENT_TIME: Duration = Duration::from_millis(10);
const ZOOM_STEP: f32 = 1.5;

impl App {
    /// Once per frame, before drawing; also while the window is hidden.
    pub fn tick(&mut self, ctx: &Context) {
        let start = Instant::now();
        while start.elapsed() < EVENT_TIME {
            let Some(event) = self.worker.poll() else { break };
            self.take_event(ctx, event);
        }
        while let Some(incoming) = self.background.poll() {
            self.take_incoming(ctx, incoming);
        }
        self.gather_facts();
        self.ask_sheet();
        if let Some(rest) = self.explore.play_on(Instant::now()) {
            ctx.request_repaint_after(rest);
        }
        // A view that a failure put back, or a class carried over to another net.
        self.ask();
        self.keep_settings(ctx);
    }

    fn take_event(&mut self, ctx: &Context, event: Event) {
        match event {
            Event::Catalogue(entries) => self.explore.catalogue = entries,
            Event::Busy { revision, doing } => self.explore.set_doing(revision, doing),
            Event::Shown(shown) => {
                if self.explore.take_shown(shown)
                    && let Some(shown) = &self.explore.shown
                {
                    self.pictures.take(ctx, shown);
                    self.linear.take(ctx, shown);
                    if let Source::File(path) = &shown.view.picture {
                        self.settings.remember_file(&path.clone());
                    }
                }
            }
            Event::Failed { revision, message } => {
                // Revision 0 belongs to no view: something else failed.
                if revision == 0 || self.explore.take_failure(revision) {
                    self.notices.add(Tone::Problem, message);
                }
            }
            Event::Saved(saved) => {
                let (tone, text) = saved_text(&saved);
                self.notices.add(tone, text);
            }
            Event::NetChanged(name) => self.take_changed_net(&name),
            Event::Training(event) => self.take_training(event),
            Event::Models(event) => self.take_models(event),
            Event::TestSet(event) => self.take_test(ctx, event),
            Event::Along(along) => self.why.take_along(along),
            Event::Least(least) => self.take_least(&least),
            Event::Controls(controls) => self.why.take_controls(controls),
            Event::Second(second) => self.why.take_second(second),
            Event::SaveFailed { path, message } => {
                self.notices.add(Tone::Problem, format!("The picture was not saved: {message}\n{}", path.display()));
            }
        }
    }

    fn take_incoming(&mut self, ctx: &Context, incoming: Incoming) {
        match incoming {
            Incoming::Thumbnail(thumbnail) => self.samples.take(ctx, thumbnail),
            Incoming::Chosen(question, Some(path)) => {
                self.dialogs.close();
                self.commands.push(question.answer(path));
            }
            // Cancelled or not available: the question with its path field is still there.
            Incoming::Chosen(_, None) => {}
            Incoming::Facts(facts) => self.facts = Some(*facts),
            Incoming::Exported(written) => self.take_exported(written),
            Incoming::Opened(path, Ok(None)) => {
                let file = Source::File(path);
                // The one of the command line is asked for at once, and read for a view beside that.
                if self.explore.picture != file {
                    self.explore.set_picture(file);
                }
            }
            Incoming::Opened(_, Ok(Some(found))) => {
                self.settings.tab = Tab::Explore;
                self.explore.set_view(*found);
            }
            Incoming::Opened(_, Err(message)) => self.notices.add(Tone::Problem, message),
            Incoming::Lesson(read) => self.take_lesson(read),
            Incoming::Pasted(picture) => {
                self.explore.set_picture(Source::Memory { name: "pasted picture".into(), picture });
            }
        }
    }

    /// Shortcuts, dropped and pasted pictures.
    pub(super) fn take_input(&mut self, ctx: &Context) {
        let modal = self.help
            || self.palette.is_open()
            || self.dialogs.is_open()
            || self.questions.is_open()
            || self.models_page.is_asking();
        let lesson = self.lessons.is_open().then_some(Place::Lesson);
        let here = lesson.into_iter().chain([Place::Everywhere, Place::In(self.settings.tab)]);
        let mut here: Vec<(Command, KeyboardShortcut)> = here
            .flat_map(Command::listed)
            .filter_map(|command| command.about().shortcut.map(|keys| (command, keys)))
            .collect();
        // The window library takes Ctrl+Shift+Z for Ctrl+Z as well: the longer one is asked first.
        here.sort_by_key(|(_, keys)| !keys.modifiers.shift);
        for (command, keys) in here {
            let plain = keys.modifiers == Modifiers::NONE && !is_function_key(keys.logical_key);
            // Space presses the button that has the keyboard.
            let taken = keys.logical_key == Key::Space && ctx.memory(|m| m.focused().is_some());
            // A text field takes back its own changes.
            let own = plain || matches!(command, Command::Undo | Command::Redo);
            let barred = taken || (own && typing(ctx)) || (modal && command != Command::Quit);
            if !barred && ctx.input_mut(|i| i.consume_shortcut(&keys)) {
                self.commands.push(command);
            }
        }
        let question_mark = ctx.input(|i| i.key_pressed(Key::Questionmark));
        if question_mark && !modal && !typing(ctx) {
            self.commands.push(Command::Help);
        }
        let (dropped, pasted) = ctx.input(|i| {
            let dropped = i.raw.dropped_files.last().map(|file| file.path().to_owned());
            let pasted = i.events.iter().find_map(|event| match event {
                egui::Event::PasteImage(image) => Some(Pasted::Image(image.clone())),
                egui::Event::Paste(text) => Some(Pasted::Text(text.clone())),
                _ => None,
            });
            (dropped, pasted)
        });
        if let Some(path) = dropped {
            self.commands.push(match self.settings.tab {
                Tab::Explore => Command::Show(Source::File(path)),
                Tab::Train => Self::dropped_on_training(path),
                Tab::TestSets => {
                    self.tests.choices.data = path.display().to_string();
                    return;
                }
                Tab::Models => {
                    self.models.asked_for = None;
                    Command::Models(ModelsCommand::Add(path))
                }
            });
        }
        match pasted.filter(|_| self.settings.tab == Tab::Explore) {
            Some(Pasted::Image(image)) => self.note_failure(|app| app.background.paste(image)),
            Some(Pasted::Text(text)) if !typing(ctx) => match typed_path(&text) {
                Some(path) if !text.trim().contains('\n') => self.commands.push(Command::Show(Source::File(path))),
                _ => self.notices.add(Tone::Caution, "The clipboard holds text, but no picture and no path of one."),
            },
            _ => {}
        }
    }

    pub(super) fn note_failure(&mut self, action: impl FnOnce(&mut Self) -> std::io::Result<()>) {
        if let Err(e) = action(self) {
            self.notices.add(Tone::Problem, format!("The system gave no thread for this: {e}"));
        }
    }

    /// Carries out what was asked for during the frame.
    pub(super) fn carry_out(&mut self, ctx: &Context) {
        let commands = std::mem::take(&mut self.commands);
        if commands.is_empty() {
            return;
        }
        for command in commands {
            if let Some(command) = self.change_attack(ctx, command).and_then(|c| self.change_picture(ctx, c)) {
                self.change_window(ctx, command);
            }
        }
        self.explore.hidden = self.lessons.hidden();
        self.ask();
        if self.explore.waiting() {
            ctx.request_repaint_after(PATIENCE + Duration::from_millis(5));
        }
        // What was changed after it was drawn is drawn again at once.
        ctx.request_repaint();
    }

    fn change_attack(&mut self, ctx: &Context, command: Command) -> Option<Command> {
        let explore = &mut self.explore;
        match command {
            Command::Eps(eps) => explore.set_eps(eps),
            Command::EpsUp => explore.set_eps(explore.eps() + explore.eps_step()),
            Command::EpsDown => explore.set_eps(explore.eps() - explore.eps_step()),
            Command::EpsUpFine => explore.set_eps(explore.eps() + 0.1 * explore.eps_step()),
            Command::EpsDownFine => explore.set_eps(explore.eps() - 0.1 * explore.eps_step()),
            Command::EpsReset => explore.set_eps(*Lengths::default().in_norm(explore.attack.norm())),
            Command::Attack(command) => explore.change_attack(command),
            Command::Goal(goal) => explore.set_goal(goal),
            Command::SearchTarget => self.controls.search_target(ctx),
            Command::Label(label) => explore.set_label(label),
            Command::GiveLabel => self.controls.give_label(ctx),
            Command::Clip(clip) => explore.set_clip(clip),
            Command::ToggleOwnPixels => explore.set_own_pixels(!explore.own_pixels),
            Command::Background(background) => explore.set_background(background),
            Command::Crop(crop) => explore.set_crop(crop),
            Command::ToggleEightBit => explore.set_eight_bit(!explore.eight_bit),
            Command::ToggleClip => explore.set_clip(!explore.clip),
            Command::Follow(loss) => explore.set_loss(loss),
            Command::ToggleLoss => explore.set_loss(match explore.loss {
                Loss::CrossEntropy => Loss::LogOdds,
                Loss::LogOdds => Loss::CrossEntropy,
            }),
            Command::Heatmap(heatmap) => explore.set_heatmap(heatmap),
            Command::UseModel(name) => explore.set_model(name),
            Command::Undo => explore.undo(),
            Command::Redo => explore.redo(),
            other => return Some(other),
        }
        None
    }

    fn change_picture(&mut self, ctx: &Context, command: Command) -> Option<Command> {
        match command {
            Command::Show(Source::File(path)) if may_hold_view(&path) => {
                self.note_failure(|app| app.background.open_view(path));
            }
            Command::Show(source) => self.explore.set_picture(source),
            Command::ShowExample(index) => {
                if let Some(view) = examples().into_iter().nth(index) {
                    self.settings.tab = Tab::Explore;
                    self.explore.set_view(Found { view, picture: None });
                }
            }
            Command::NextSample => self.step_sample(1),
            Command::PreviousSample => self.step_sample(-1),
            Command::OpenDialog => {
                self.dialogs.ask(Question::Open, Path::new(""));
                self.note_failure(|app| app.background.ask(Question::Open, Path::new("")));
            }
            Command::SaveDialog => {
                let proposal = self.save_proposal();
                self.dialogs.ask(Question::Save, &proposal);
            }
            Command::Browse => {
                if let Some((question, proposal)) = self.dialogs.asked() {
                    self.note_failure(|app| app.background.ask(question, &proposal));
                }
            }
            Command::BrowseArchives => {
                if let Some((_, proposal)) = self.dialogs.asked() {
                    self.note_failure(|app| app.background.ask(Question::Archive, &proposal));
                }
            }
            Command::SaveTo(path) => self.worker.save(path),
            Command::SaveViewDialog => {
                let proposal = self.save_proposal().with_file_name("view.png");
                self.dialogs.ask(Question::SaveView, &proposal);
            }
            Command::SaveViewTo(path) => self.picturing = Some(Picturing::View(path)),
            Command::CopyPicture => {
                if let Some(shown) = &self.explore.shown {
                    let rgba = &shown.adversarial_rgba;
                    let size = [rgba.width, rgba.height];
                    ctx.copy_image(egui::ColorImage::from_rgba_unmultiplied(size, &rgba.bytes));
                }
            }
            Command::CopyCommand => self.copy_command(ctx),
            Command::Draw => {
                self.canvas.open = !self.canvas.open;
                if self.canvas.open && !self.canvas.is_empty() {
                    self.explore.set_picture(self.canvas.picture());
                }
            }
            other => return Some(other),
        }
        None
    }

    fn change_window(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::ZoomIn => self.pictures.zoom(ZOOM_STEP),
            Command::ZoomOut => self.pictures.zoom(1.0 / ZOOM_STEP),
            Command::ZoomReset => self.pictures.fit(),
            Command::ShowNet(moment) => self.show_net(|_| moment),
            Command::NextMoment => self.show_net(NetMoment::next),
            Command::Why(command) => self.change_why(ctx, command),
            Command::Train(command) => self.change_training(ctx, command),
            Command::Models(command) => self.change_models(command),
            Command::Test(command) => self.change_tests(ctx, command),
            Command::Tab(tab) => self.settings.tab = tab,
            Command::Theme(theme) => {
                self.settings.theme = theme;
                self.apply_look(ctx);
            }
            Command::CycleTheme => {
                self.settings.theme = match self.settings.theme {
                    ThemeChoice::System => ThemeChoice::Light,
                    ThemeChoice::Light => ThemeChoice::Dark,
                    ThemeChoice::Dark => ThemeChoice::System,
                };
                self.apply_look(ctx);
            }
            Command::LargeType => {
                self.settings.large_type = !self.settings.large_type;
                self.apply_look(ctx);
            }
            Command::Present => self.present(ctx),
            Command::Palette => self.palette.open(),
            Command::Help => self.help = !self.help,
            Command::RefreshModels => {
                self.worker.refresh_catalogue();
                self.facts = None;
            }
            Command::Lesson(command) => self.change_lesson(command),
            Command::DismissNotice(id) => self.notices.dismiss(id),
            Command::DismissNotices => self.notices.clear(),
            Command::CloseOverlay => {
                self.help = false;
                self.palette.close();
                self.dialogs.close();
                self.questions.close();
                self.models_page.close();
            }
            Command::CloseDrawing => self.canvas.open = false,
            Command::ToggleLinear => self.linear.open = !self.linear.open,
            Command::CloseLinear => self.linear.open = false,
            Command::Quit => ctx.send_viewport_cmd(ViewportCommand::Close),
            _ => {}
        }
    }

    /// The whole screen with large type, or back to what was before.
    fn present(&mut self, ctx: &Context) {
        let is_presenting = self.presenting.is_some();
        self.settings.large_type = match self.presenting.take() {
            Some(large_type) => large_type,
            None => {
                self.presenting = Some(self.settings.large_type);
                true
            }
        };
        ctx.send_viewport_cmd(ViewportCommand::Fullscreen(!is_presenting));
        self.apply_look(ctx);
    }

    fn copy_command(&mut self, ctx: &Context) {
        let Some(shown) = &self.explore.shown else { return };
        match words::command_line(&shown.view, &shown.model.classes) {
            Some(line) => {
                self.notices.add_brief(format!("Copied:\n{line}"));
                ctx.copy_text(line);
            }
            None => self.notices.add(
                Tone::Caution,
                "There is no command for this view: the command line takes files and bundled pictures. Save the picture, or the view.",
            ),
        }
    }

    fn step_sample(&mut self, by: isize) {
        let samples = samples();
        let at = match &self.explore.picture {
            Source::Sample(name) => samples.iter().position(|sample| sample.name == name),
            _ => None,
        };
        let last = samples.len() as isize - 1;
        let next = at.map_or(0, |at| (at as isize + by).clamp(0, last));
        if let Some(sample) = samples.get(next as usize).filter(|_| at != Some(next as usize)) {
            self.explore.set_picture(Source::Sample(sample.name.to_owned()));
        }
    }
}

enum Pasted {
    Image(std::sync::Arc<egui::ColorImage>),
    Text(String),
}

fn is_function_key(key: Key) -> bool {
    matches!(key, Key::F1 | Key::F5 | Key::F11)
}

/// What is said of a saved file: above all whether it still does what the screen shows.
fn saved_text(saved: &Saved) -> (Tone, String) {
    let Saved { path, reread, on_screen } = saved;
    let says = format!("{} ({})", reread.name, per_cent(reread.prob));
    let path: &PathBuf = path;
    if reread.index == on_screen.index {
        (Tone::Done, format!("Saved. Read again from the file, the net says {says}, as on screen.\n{}", path.display()))
    } else {
        let screen = format!("{} ({})", on_screen.name, per_cent(on_screen.prob));
        let text = format!(
            "Saved, but the file is not what the screen shows: read again, the net says {says}, where the screen says \
             {screen}. Rounding to 8 bits undid the attack; a slightly larger ε survives it.\n{}",
            path.display()
        );
        (Tone::Caution, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::model::Guess;

    #[test]
    fn a_saved_file_that_differs_is_told_plainly() {
        let guess = |index: usize, name: &str| Guess { index, name: name.into(), prob: 0.9 };
        let mut saved = Saved { path: "/a.png".into(), reread: guess(3, "three"), on_screen: guess(3, "three") };
        assert_eq!(saved_text(&saved).0, Tone::Done);
        saved.reread = guess(7, "seven");
        let (tone, text) = saved_text(&saved);
        assert_eq!(tone, Tone::Caution);
        assert!(text.contains("seven (90.0 %)") && text.contains("three (90.0 %)") && text.ends_with("/a.png"));
    }
}
