//! What happens between frames: events of the worker and of the person come in, commands are carried out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eframe::egui::{self, Context, Key, KeyboardShortcut, Modifiers, ViewportCommand};

use super::background::{Chosen, Copied, Incoming};
use super::clipboard::Clip;
use super::commands::{Command, LessonCommand, ModelsCommand, Place};
use super::explore::PATIENCE;
use super::lessons::may_be_lesson;
use super::panes::{Action, Question, Tone, canvas, typed_path};
use super::settings::{Tab, ThemeChoice};
use super::train::NetMoment;
use super::view_file::{Found, examples, may_hold_view};
use super::widgets::{per_cent, typing};
use super::window::App;
use super::words;
use crate::engine::attack::{Label, Loss, MAX_PHOTO_PIXELS};
use crate::engine::data::samples;
use crate::engine::model::Guess;
use crate::engine::picture::{Heatmap, PictureKind, Region};
use crate::worker::{Event, Saved, Shown, Source};

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
        self.train.note_draft(start);
        self.gather_facts();
        self.ask_sheet();
        self.rise(ctx, start);
        self.go_on_recording(ctx);
        let rests = [self.explore.play_on(start), self.explore.rest(start)];
        for rest in rests.into_iter().flatten() {
            ctx.request_repaint_after(rest);
        }
        // A view that a failure put back, or a class carried over to another net.
        self.ask();
        self.keep_settings(ctx);
    }

    /// At the very first start, lets ε rise until somebody takes hold of anything.
    fn rise(&mut self, ctx: &Context, now: Instant) {
        let is_taken = ctx.input(|i| i.pointer.any_pressed() || i.events.iter().any(is_by_hand));
        self.opening.take_if(|_| is_taken);
        let Some(opening) = self.opening.as_mut().filter(|_| self.explore.shown.is_some()) else { return };
        let (eps, goes_on) = opening.eps(now);
        self.explore.set_eps(eps);
        if goes_on {
            ctx.request_repaint();
        } else {
            self.opening = None;
        }
    }

    fn take_event(&mut self, ctx: &Context, event: Event) {
        match event {
            Event::Catalogue(entries) => self.explore.catalogue = entries,
            Event::Busy { revision, doing } => self.explore.set_doing(revision, doing),
            Event::Shown(shown) => self.take_shown(ctx, shown),
            Event::PictureChanged(path) => {
                self.notices.add_brief(format!("The file changed on disk; it was read again.\n{}", path.display()));
                if self.explore.picture == Source::File(path) {
                    self.explore.refresh();
                }
            }
            Event::Failed { revision, message } => {
                // Messages name the file on their last line.
                if let Some(path) = message.lines().last() {
                    self.settings.forget_file(Path::new(path.trim()));
                }
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

    fn take_shown(&mut self, ctx: &Context, shown: Box<Shown>) {
        let crop = self.explore.crop;
        let (model, picture) = (self.explore.model.clone(), self.explore.picture.clone());
        let is_first = self.explore.shown.is_none();
        if !self.explore.take_shown(shown) {
            return;
        }
        if is_first {
            // Not before: they would take a processor from the first picture.
            self.note_failure(|app| app.background.thumbnails());
        }
        let has_other_picture = self.explore.picture != picture;
        if !is_first {
            self.tell_pairing(model, picture);
        }
        let Some(shown) = &self.explore.shown else { return };
        self.pictures.take(ctx, shown);
        self.linear.take(ctx, shown);
        if shown.view.picture == self.explore.picture {
            self.lessons.note_picture(&shown.view.picture);
        }
        if let Source::File(path) = &shown.view.picture {
            self.settings.remember_file(&path.clone());
        }
        if self.explore.crop != crop && !has_other_picture {
            self.pictures.open_crop();
            let most = MAX_PHOTO_PIXELS as f32 / 1e6;
            self.notices.add_brief(format!(
                "At its own resolution, {most:.1} megapixels of a photo are attacked: those in the frame."
            ));
        }
    }

    /// Says what took the place of this net or this picture, where the two were of different kinds, with the way back.
    fn tell_pairing(&mut self, model: String, picture: Source) {
        let Some(shown) = &self.explore.shown else { return };
        let keep = |command| Action { name: "Undo", command };
        let title = &shown.model.title;
        let what = |kind| if kind == PictureKind::Photo { "photographs" } else { "digits" };
        if model != self.explore.model && picture == self.explore.picture && shown.view.model == self.explore.model {
            let text = format!("Changed to {title}, which reads {}.", what(shown.reads));
            self.notices.add_with(text, keep(Command::KeepBoth { model, picture }));
        } else if picture != self.explore.picture && shown.view.picture == self.explore.picture {
            self.canvas.open = false;
            let text = format!("{title} reads {}, so it is shown one.", what(shown.reads));
            let model = self.explore.model.clone();
            self.notices.add_with(text, keep(Command::KeepBoth { model, picture }));
        }
    }

    fn take_incoming(&mut self, ctx: &Context, incoming: Incoming) {
        match incoming {
            Incoming::Thumbnail(thumbnail) => self.samples.take(ctx, thumbnail),
            Incoming::Chosen(question, Chosen::Path(path)) => {
                self.dialogs.close();
                self.commands.push(question.answer(path));
            }
            // The question with its path field is still there.
            Incoming::Chosen(_, Chosen::Cancelled) => {}
            Incoming::Chosen(_, Chosen::Unavailable) => self.dialogs.do_without_system(),
            Incoming::Listed(listing) => self.dialogs.take_listing(listing),
            Incoming::Fonts => self.fonts.install(ctx),
            Incoming::Copied(copied, Ok(())) => {
                self.notices.add_brief(format!("Copied {}.\n{}", copied.what, copied.more))
            }
            Incoming::Copied(copied, Err(why)) => {
                let text = format!("The clipboard did not take {}: {why}.\n{}", copied.what, copied.more);
                self.notices.add(Tone::Problem, text);
            }
            Incoming::Facts(facts) => self.facts = Some(*facts),
            Incoming::Exported(written) => self.take_exported(written),
            Incoming::Opened(path, read) => self.take_opened(path, read),
            Incoming::NoLesson(otherwise) => self.commands.push(otherwise),
            Incoming::Pasted(picture) => {
                // Another picture, though it may have the name of the one before.
                self.explore.set_label(Label::Predicted);
                self.explore.set_crop(None);
                self.explore.set_picture(Source::Memory { name: "pasted picture".into(), picture });
            }
        }
    }

    /// Shows the picture in a file that holds no view, with the crop that it was saved with.
    pub(super) fn show_file(&mut self, path: PathBuf, crop: Option<Region>) {
        let file = Source::File(path);
        // The one of the command line, and of the last time, is asked for at once, and read for a view beside that.
        if self.explore.picture == file {
            self.worker.look_again();
        } else {
            self.explore.set_picture(file);
        }
        if crop.is_some() {
            self.explore.set_crop(crop);
            self.notices.add_brief("Opened with its crop: the part of the photo that it was saved for.");
        }
    }

    /// While an input method composes, keys are for it alone, though some systems tell the window of them, too: the Enter that
    /// ends a composition chooses nothing from a list.
    pub(super) fn leave_keys_to_input_method(&mut self, ctx: &Context) {
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

    /// Shortcuts, dropped and pasted pictures.
    pub(super) fn take_input(&mut self, ctx: &Context) {
        let modal = self.help
            || self.palette.is_open()
            || self.dialogs.is_open()
            || self.questions.is_open()
            || self.models_page.is_asking();
        let lesson = self.lessons.is_open().then_some(Place::Lesson);
        let has_notes = self.lessons.step().is_some_and(|step| step.notes.is_some());
        let is_on_stage = self.is_on_stage();
        // Keys of a step that has nothing to vote on, or no notes, do what they do elsewhere. On the stage a vote too many does nothing.
        let is_idle = |command: &Command| match command {
            Command::Lesson(LessonCommand::Vote(choice)) => self.lessons.votes().len() <= *choice && !is_on_stage,
            Command::Lesson(LessonCommand::TakeBack) => self.lessons.votes().is_empty(),
            Command::Lesson(LessonCommand::Notes) => !has_notes,
            _ => false,
        };
        let here = lesson.into_iter().chain([Place::Everywhere, Place::In(self.settings.tab)]);
        let mut here: Vec<(Command, KeyboardShortcut)> = here
            .flat_map(Command::listed)
            .filter(|command| !is_idle(command))
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
            let in_menu = plain && egui::Popup::is_any_open(ctx);
            let barred = taken || in_menu || (own && typing(ctx)) || (modal && command != Command::Quit);
            if !barred && ctx.input_mut(|i| i.consume_shortcut(&keys)) {
                self.commands.push(command);
            }
        }
        if self.is_on_stage() && !modal && ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
            self.commands.push(Command::Present);
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
            self.take_dropped(path);
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

    /// A dropped file is for the tab on screen, unless it is a lesson.
    fn take_dropped(&mut self, path: PathBuf) {
        let file = path.clone();
        let may_be_lesson = may_be_lesson(&path);
        let command = match self.settings.tab {
            // A text holds no pictures to train on or to test with, but it may be a view.
            Tab::Train | Tab::TestSets if may_be_lesson => Command::Show(Source::File(path)),
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
        };
        match may_be_lesson {
            true => self.note_failure(|app| app.background.open_lesson_or(file, command)),
            false => self.commands.push(command),
        }
    }

    /// Copies something; the notice of it comes when the clipboard holds it.
    pub(super) fn copy(&mut self, clip: Clip, what: impl Into<String>, more: String) {
        let copied = Copied { what: what.into(), more };
        self.note_failure(|app| app.background.copy(clip, copied));
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
            if let Some(command) = self.change_attack(ctx, command).and_then(|c| self.change_picture(c)) {
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
            Command::EpsReset => explore.set_eps(explore.usual_eps()),
            Command::Attack(command) => explore.change_attack(command),
            Command::Goal(goal) => {
                explore.set_goal(goal);
                self.controls.goal_is_set();
            }
            Command::SearchTarget => self.controls.search_target(ctx),
            Command::Label(label) => {
                explore.set_label(label);
                self.controls.label_is_set();
            }
            Command::GiveLabel => self.controls.give_label(ctx),
            Command::Clip(clip) => explore.set_clip(clip),
            Command::ToggleOwnPixels => explore.set_own_pixels(Some(!explore.has_own_pixels())),
            Command::MakeIt(class) => explore.make_it(class),
            Command::StartOver => explore.start_over(),
            Command::KeepBoth { model, picture } => explore.keep_both(model, picture),
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
            Command::Look(quantity) => explore.set_heatmap(Heatmap { quantity, ..explore.heatmap }),
            Command::UseModel(name) => explore.set_model(name),
            other => return Some(other),
        }
        None
    }

    fn change_picture(&mut self, command: Command) -> Option<Command> {
        match command {
            Command::Show(Source::File(path)) if may_hold_view(&path) => {
                self.settings.tab = Tab::Explore;
                self.note_failure(|app| app.background.open_view(path));
            }
            Command::Show(source) => {
                self.settings.tab = Tab::Explore;
                self.canvas.open &= matches!(&source, Source::Memory { name, .. } if name == canvas::NAME);
                if matches!(source, Source::File(_)) && self.explore.picture == source {
                    self.worker.look_again();
                }
                self.explore.set_picture(source);
            }
            Command::ShowPhotos => {
                self.canvas.open = false;
                self.explore.show_kind(PictureKind::Photo);
            }
            Command::ShowDigits => self.explore.show_kind(PictureKind::Digit),
            Command::ShowExample(index) => {
                if let Some(view) = examples().into_iter().nth(index) {
                    self.show_view(Found { view, picture: None });
                }
            }
            Command::NextSample => self.step_sample(1),
            Command::PreviousSample => self.step_sample(-1),
            Command::OpenDialog => {
                self.dialogs.ask(Question::Open, Path::new(""));
                self.note_failure(|app| app.background.ask(Question::Open, Path::new("")));
            }
            Command::SaveDialog => {
                let proposal = self.save_proposal("adversarial");
                self.dialogs.ask(Question::Save, &proposal);
                self.dialogs.remark = self.explore.shown.as_deref().map(words::saved_as);
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
            Command::SaveOriginalDialog => self.ask_save_original(),
            Command::SaveOriginalTo(path) => self.save_original(path),
            Command::SaveViewDialog => self.ask_save_view(),
            Command::SaveViewTo(path) => self.save_view(path),
            Command::SaveAnimationDialog => {
                let proposal = self.save_proposal("animation").with_extension("gif");
                self.dialogs.ask(Question::SaveAnimation, &proposal);
            }
            Command::SaveAnimationTo(path) => self.record(path),
            Command::CopyPicture => {
                if let Some(shown) = &self.explore.shown {
                    let rgba = shown.adversarial_rgba.clone();
                    let what = format!("the adversarial picture, {} × {} pixels", rgba.width, rgba.height);
                    self.copy(Clip::Picture(rgba), what, String::new());
                }
            }
            Command::CopyCommand => self.copy_command(),
            Command::Draw => {
                self.canvas.open = !self.canvas.open;
                if self.canvas.open {
                    self.settings.tab = Tab::Explore;
                    self.explore.set_picture(self.canvas.picture());
                }
            }
            other => return Some(other),
        }
        None
    }

    fn change_window(&mut self, ctx: &Context, command: Command) {
        match command {
            Command::Undo if self.settings.tab == Tab::Train => self.train.undo(),
            Command::Redo if self.settings.tab == Tab::Train => self.train.redo(),
            Command::Undo if self.settings.tab == Tab::Explore => self.explore.undo(),
            Command::Redo if self.settings.tab == Tab::Explore => self.explore.redo(),
            Command::ZoomIn => self.pictures.zoom(ZOOM_STEP),
            Command::ZoomOut => self.pictures.zoom(1.0 / ZOOM_STEP),
            Command::ZoomReset => self.pictures.fit(),
            Command::ShowNet(moment) => self.show_net(|_| moment),
            Command::NextMoment => self.show_net(NetMoment::next),
            Command::Why(command) => self.change_why(command),
            Command::ToggleMore => self.settings.more = !self.settings.more,
            Command::Train(command) => self.change_training(command),
            Command::Models(command) => self.change_models(command),
            Command::Test(command) => self.change_tests(command),
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
            Command::Lesson(command) => self.change_lesson(ctx, command),
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

    /// The whole screen with large type, and beside a lesson without bars; or back to what was before.
    pub(super) fn present(&mut self, ctx: &Context) {
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

/// Tells whether an event comes from a person: a key, the wheel, a touch or a paste.
fn is_by_hand(event: &egui::Event) -> bool {
    use egui::Event;
    matches!(
        event,
        Event::Key { .. } | Event::MouseWheel { .. } | Event::Paste(_) | Event::PasteImage(_) | Event::Touch { .. }
    )
}

fn is_function_key(key: Key) -> bool {
    matches!(key, Key::F1 | Key::F5 | Key::F11)
}

/// What is said of a saved file: above all whether it still does what the screen shows.
fn saved_text(saved: &Saved) -> (Tone, String) {
    let Saved { path, reread, on_screen } = saved;
    let told = |guess: &Guess| format!("{} ({})", guess.name, per_cent(guess.prob));
    let says = told(&reread.guess);
    let path: &PathBuf = path;
    if reread.guess.index == on_screen.index {
        let text = match &reread.whole {
            None => format!("Saved. Read again from the file, the net says {says}: the class on screen."),
            Some(whole) => format!(
                "Saved with its crop. Read again from the file with it, the net says {says}: the class on screen. Of the whole file, \
                 {}.",
                told(whole)
            ),
        };
        (Tone::Done, format!("{text}\n{}", path.display()))
    } else {
        let screen = told(on_screen);
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
