//! What happens with files that hold a view, a page or a lesson: they are opened and saved.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui::Context;

use crate::app::background::Opened;
use crate::app::files::animation::{Frame, Recording};
use crate::app::files::dialogs::Question;
use crate::app::files::page::{Page, TestPage};
use crate::app::files::view::{Content, Found, ViewFile};
use crate::app::notices::Tone;
use crate::app::pages::train::logic::Picturing;
use crate::app::settings::Tab;
use crate::app::system::clipboard::Clip;
use crate::app::window::App;
use crate::app::words;
use crate::engine::attack::Attack as _;
use crate::engine::data::sample;
use crate::engine::picture::Picture;
use crate::worker::Source;

impl App {
    /// A file that could hold more than a picture was read.
    pub fn take_opened(&mut self, path: PathBuf, read: Result<Opened, String>) {
        match read {
            Ok(Opened::Picture(crop)) => self.show_file(path, crop),
            Ok(Opened::Content(content)) => {
                self.settings.remember_file(&path);
                match content {
                    Content::View(found) => self.show_view(*found),
                    Content::Page(page) => self.show_page(*page),
                    Content::Lesson(lesson) => self.show_lesson(lesson),
                }
            }
            Err(message) => {
                self.settings.forget_file(&path);
                self.notices.add(Tone::Problem, message);
            }
        }
    }

    /// Shows a view of a file; of what the file does not say, the pane below the pictures stays as it is.
    pub fn show_view(&mut self, mut found: Found) {
        self.settings.tab = Tab::Explore;
        if let Some(why) = found.view.why.take() {
            self.settings.why = why;
        }
        if let Some(seed) = found.view.controls_seed {
            self.why.set_seed(seed);
        }
        self.explore.set_view(found);
    }

    fn show_page(&mut self, page: Page) {
        self.settings.tab = page.tab;
        if let Some(config) = page.train {
            self.train.set_draft(config);
        }
        if let Some(tests) = page.tests {
            tests.restore(&mut self.tests, &mut self.explore);
        }
    }

    /// What goes into a picture of the window, so that it can be opened again; none before anything is on screen.
    pub fn content(&self) -> Option<Content> {
        let tab = self.settings.tab;
        let page = match tab {
            Tab::Explore => {
                let shown = self.explore.shown.as_deref()?;
                let mut why = self.settings.why.clone();
                why.open = Some(self.is_why_open());
                let view = ViewFile { why: Some(why), controls_seed: Some(self.why.seed()), ..ViewFile::of(shown) };
                let picture = match &shown.view.picture {
                    Source::Memory { picture, .. } => Some(picture.clone()),
                    _ => None,
                };
                return Some(Content::View(Box::new(Found { view, picture })));
            }
            Tab::Train => Page { tab, train: Some(self.train.draft.clone()), tests: None },
            Tab::TestSets => Page { tab, train: None, tests: Some(TestPage::of(&self.tests, &self.explore)) },
            Tab::Models => Page { tab, train: None, tests: None },
        };
        Some(Content::Page(Box::new(page)))
    }

    pub fn ask_save_view(&mut self) {
        let name = match self.settings.tab {
            Tab::Explore => "view.png",
            Tab::Train => "train.png",
            Tab::Models => "models.png",
            Tab::TestSets => "test-sets.png",
        };
        let proposal = self.save_proposal("adversarial").with_file_name(name);
        self.dialogs.ask(Question::SaveView, &proposal);
    }

    pub fn save_view(&mut self, path: PathBuf) {
        self.picturing = Some(Picturing::View(path));
    }

    pub fn ask_save_original(&mut self) {
        if let Source::File(path) = &self.explore.picture {
            self.notices.add_brief(format!("This picture is in a file already:\n{}", path.display()));
            return;
        }
        let proposal = self.save_proposal("original");
        self.dialogs.ask(Question::SaveOriginal, &proposal);
    }

    pub fn save_original(&mut self, path: PathBuf) {
        let picture = match &self.explore.picture {
            Source::Memory { picture, .. } => Some(Picture::clone(picture)),
            Source::Sample(name) => sample(name).and_then(|sample| sample.picture().ok()),
            Source::File(_) => None,
        };
        if let Some(picture) = picture {
            self.note_failure(|app| app.background.save_picture(path, picture));
        }
    }

    pub fn copy_command(&mut self) {
        let Some(shown) = self.explore.shown.as_deref() else { return };
        match words::command_of(shown) {
            Ok((line, remark)) => {
                let remark = remark.map(|remark| format!("\n{remark}")).unwrap_or_default();
                let more = format!("{line}{remark}");
                self.copy(Clip::Text(line), "the command of this view", more);
            }
            Err(why) => self.notices.add(Tone::Caution, why),
        }
    }

    /// Begins to record ε rising from 0 to where it stands.
    pub fn record(&mut self, path: PathBuf) {
        self.settings.tab = Tab::Explore;
        if !self.explore.attack.takes_eps() {
            self.notices
                .add(Tone::Caution, "This attack takes no ε that could rise; choose one that does, such as FGSM.");
            return;
        }
        let eps = if self.explore.eps() > 0.0 { self.explore.eps() } else { self.explore.usual_eps() };
        self.recording = Some(Recording { path, eps, frames: Vec::new(), is_waiting: false, arrived: Arc::default() });
        self.notices.clear();
    }

    /// Takes the next frame of a recording once its answer is on screen, and writes the animation after the last one.
    pub fn go_on_recording(&mut self, ctx: &Context) {
        let Some(recording) = self.recording.as_mut() else { return };
        ctx.request_repaint();
        if recording.is_waiting {
            let arrived = recording.arrived.lock().ok().and_then(|mut arrived| arrived.take());
            let Some(window) = arrived else { return };
            recording.is_waiting = false;
            let area = ctx.content_rect() * ctx.pixels_per_point();
            recording.frames.extend(Frame::cut(&window, area));
        }
        match recording.next_eps() {
            Some(eps) if self.explore.eps() != eps => self.explore.set_eps(eps),
            Some(_) if self.explore.is_settled() => {
                recording.is_waiting = true;
                let arrived = recording.arrived.clone();
                let waker = ctx.clone();
                ctx.request_screenshot(move |window| {
                    if let Ok(mut arrived) = arrived.lock() {
                        *arrived = Some(window);
                    }
                    waker.request_repaint();
                });
            }
            Some(_) => {}
            None => {
                let Some(Recording { path, frames, .. }) = self.recording.take() else { return };
                self.note_failure(|app| app.background.save_animation(path, frames));
            }
        }
    }
}
