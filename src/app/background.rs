//! The window does not wait for slow things: each runs on a thread of its own and posts what came of it.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use egui::{Color32, ColorImage, Context, Rect};

use crate::app::commands::Command;
use crate::app::files::animation::part;
use crate::app::files::dialogs::Question;
use crate::app::files::thumbnails::{Thumbnail, make_thumbnails};
use crate::app::files::view::{self, Content};
use crate::app::lessons::file::{Lesson, is_lesson};
use crate::app::pages::models::state::steps::{Done, Step, Told, operations_of};
use crate::app::pages::train::state::facts::{DraftFacts, Look};
use crate::app::system::clipboard::{Clip, Clipboard, put_into_system};
use crate::app::system::file_dialogs::has_file_dialogs;
use crate::app::system::fonts::SystemFonts;
use crate::app::widgets::path_field::Listing;
use crate::engine::model::{Catalogue, GraphRow};
use crate::engine::picture::{Picture, save_png};
use crate::engine::train::Config;

/// A share that grows is drawn so often.
const BETWEEN_REPAINTS: Duration = Duration::from_millis(100);

/// A thread reports one of these.
pub enum Incoming {
    Thumbnail(Thumbnail),
    /// The answer of the system's dialog, which is missing where a person closed it.
    Chosen(Question, Option<PathBuf>),
    NoFileDialog,
    Listed(Listing),
    Pasted(Arc<Picture>),
    Fonts,
    Copied(Copied, Result<(), String>),
    /// There are none where the look was stopped.
    Facts(Option<Box<DraftFacts>>),
    /// The file is no lesson, so this is to be done with it.
    NoLesson(Command),
    Opened(PathBuf, Result<Content, String>),
    Exported(Result<PathBuf, String>),
    /// This is of the net of this number that is being added.
    Import(u64, Done),
    Operations(String, Told<Arc<Vec<GraphRow>>>),
    NoThread(std::io::Error),
}

pub struct Copied {
    /// The name has its article: "the command".
    pub what: String,
    pub more: String,
}

#[derive(Clone)]
struct Poster {
    ctx: Context,
    send: SyncSender<Incoming>,
}

impl Poster {
    fn post(&self, incoming: Incoming) {
        // The window is gone when this fails, and then nobody waits for the report.
        let _ = self.send.send(incoming);
        self.ctx.request_repaint();
    }

    /// Runs `work` on a thread; returns whether the system gave one.
    fn start(&self, name: &str, work: impl FnOnce(&Self) + Send + 'static) -> bool {
        let poster = self.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || work(&poster));
        if let Err(error) = thread {
            // On the window's thread: it must not wait for room.
            let _ = self.send.try_send(Incoming::NoThread(error));
            self.ctx.request_repaint();
            return false;
        }
        true
    }

    fn report(&self, name: &str, work: impl FnOnce() -> Incoming + Send + 'static) -> bool {
        self.start(name, move |poster| poster.post(work()))
    }

    fn export<E: ToString>(&self, path: PathBuf, write: impl FnOnce(&Path) -> Result<(), E> + Send + 'static) {
        self.report("export", move || {
            let written = write(&path).map_err(|error| error.to_string());
            Incoming::Exported(written.map(|()| path))
        });
    }
}

pub struct BackgroundWork {
    poster: Poster,
    receive: Receiver<Incoming>,
    /// Lessons look up what they name in this.
    catalogue: Catalogue,
    pub clipboard: Clipboard,
    dialog_open: bool,
    /// This look at the settings of the Train page is under way.
    look: Option<Look>,
}

impl BackgroundWork {
    pub fn new(ctx: Context, catalogue: Catalogue) -> Self {
        let (send, receive) = sync_channel(32);
        Self {
            poster: Poster { ctx, send },
            receive,
            catalogue,
            clipboard: Clipboard::Held(Arc::default()),
            dialog_open: false,
            look: None,
        }
    }

    pub fn poll(&mut self) -> Option<Incoming> {
        let incoming = self.receive.try_recv().ok()?;
        match incoming {
            Incoming::Chosen(..) | Incoming::NoFileDialog => self.dialog_open = false,
            Incoming::Facts(_) => self.look = None,
            _ => {}
        }
        Some(incoming)
    }

    pub fn thumbnails(&self) {
        self.poster.start("thumbnails", |poster| {
            make_thumbnails(|thumbnail| poster.post(Incoming::Thumbnail(thumbnail)));
        });
    }

    /// Asks the system for the answer to a question about a file.
    pub fn ask(&mut self, question: Question, proposal: &Path) {
        if self.dialog_open {
            return;
        }
        let mut dialog = rfd::AsyncFileDialog::new().set_title(question.title());
        if let Some((name, extensions)) = question.filter() {
            dialog = dialog.add_filter(name, extensions);
        }
        if let Some(name) = proposal.file_name() {
            dialog = dialog.set_file_name(name.to_string_lossy());
        }
        if let Some(folder) = proposal.parent().filter(|folder| folder.is_dir()) {
            dialog = dialog.set_directory(folder);
        }
        // The dialog's future is made here, on the window's thread, as some systems demand, and awaited elsewhere.
        let answer: Pin<Box<dyn Future<Output = Option<rfd::FileHandle>> + Send>> = match question {
            Question::Open | Question::Archive | Question::Model | Question::Classes | Question::Lesson => {
                Box::pin(dialog.pick_file())
            }
            Question::Folder => Box::pin(dialog.pick_folder()),
            Question::Save
            | Question::SaveOriginal
            | Question::SaveView
            | Question::SaveAnimation
            | Question::Figure
            | Question::Export(_) => Box::pin(dialog.save_file()),
        };
        // A dialog that cannot be shown answers as one that is cancelled, so the system is asked before.
        self.dialog_open = self.poster.report("file dialog", move || match has_file_dialogs() {
            true => Incoming::Chosen(question, pollster::block_on(answer).map(|file| file.path().to_owned())),
            false => Incoming::NoFileDialog,
        });
    }

    pub fn list(&self, folder: PathBuf) {
        self.poster.report("folder", move || Incoming::Listed(Listing::read(folder)));
    }

    /// Looks up the net and the data of some settings. A look at others that is under way is stopped first.
    pub fn gather(&mut self, config: Config) {
        if let Some(look) = &self.look {
            if !look.is_of(&config) {
                look.stop();
            }
            return;
        }
        let look = Look::new(config.clone());
        let mut tell = look.watch();
        let is_started = self.poster.start("facts", move |poster| {
            let mut told = Instant::now();
            let facts = DraftFacts::gather(&config, &mut |share| {
                if told.elapsed() > BETWEEN_REPAINTS {
                    told = Instant::now();
                    poster.ctx.request_repaint();
                }
                tell(share)
            });
            poster.post(Incoming::Facts(facts.map(Box::new)));
        });
        self.look = is_started.then_some(look);
    }

    /// Returns the share that is done of a look at the data of the settings, where one is under way.
    pub fn look(&self) -> Option<f32> {
        self.look.as_ref().map(Look::share)
    }

    /// Does a step of adding the net of this number; returns whether it is under way.
    pub fn import(&self, number: u64, step: Step) -> bool {
        self.poster.report("import", move || Incoming::Import(number, step.run()))
    }

    /// Frees what may be large: giving back hundreds of megabytes takes longer than a frame may.
    pub fn discard(&self, outdated: impl Send + 'static) {
        self.poster.start("discard", move |_| drop(outdated));
    }

    /// Looks up what a net computes.
    pub fn operations(&self, name: String) {
        let catalogue = self.catalogue.clone();
        self.poster.report("operations", move || {
            let rows = operations_of(&name, &catalogue);
            Incoming::Operations(name, rows)
        });
    }

    /// Opens a lesson. With `otherwise`, a file that is no lesson asks for that command.
    pub fn open_lesson(&self, path: PathBuf, otherwise: Option<Command>) {
        let catalogue = self.catalogue.clone();
        self.poster.report("lesson", move || match otherwise.filter(|_| !is_lesson(&path)) {
            Some(otherwise) => Incoming::NoLesson(otherwise),
            None => {
                let lesson = Lesson::open(&path, &catalogue).map(Content::Lesson);
                Incoming::Opened(path, lesson)
            }
        });
    }

    /// Reads what a file holds beside a picture, or in its place.
    pub fn open_view(&self, path: PathBuf) {
        let catalogue = self.catalogue.clone();
        self.poster.report("view", move || {
            let content = view::read(&path, &catalogue);
            Incoming::Opened(path, content)
        });
    }

    pub fn export<E: ToString>(&self, path: PathBuf, write: impl FnOnce(&Path) -> Result<(), E> + Send + 'static) {
        self.poster.export(path, write);
    }

    /// Saves `area`, in pixels, of a picture of the window, with `content` inside.
    pub fn save_screenshot(&self, path: PathBuf, area: Rect, content: Option<Content>) {
        let poster = self.poster.clone();
        self.poster.ctx.request_screenshot(move |window| {
            poster.export(path, move |path| {
                let texts = content.map_or(Ok(Vec::new()), |content| content.texts())?;
                let texts: Vec<_> = texts.iter().map(|(keyword, text)| (*keyword, text.as_str())).collect();
                save_png(&part(&window, area)?, path, &texts).map_err(|error| error.to_string())
            });
        });
    }

    pub fn look_for_fonts(&self, fonts: SystemFonts) {
        self.poster.start("fonts", move |poster| {
            if fonts.look() {
                poster.post(Incoming::Fonts);
            }
        });
    }

    pub fn copy(&self, clip: Clip, copied: Copied) {
        match &self.clipboard {
            Clipboard::System => {
                self.poster.report("clipboard", move || Incoming::Copied(copied, put_into_system(clip)));
            }
            Clipboard::Held(held) => {
                *held.lock().unwrap_or_else(PoisonError::into_inner) = Some(clip);
                self.poster.post(Incoming::Copied(copied, Ok(())));
            }
        }
    }

    /// Copies what has to be made first.
    pub fn copy_made(&self, copied: Copied, make: impl FnOnce() -> Result<Clip, String> + Send + 'static) {
        let held = match &self.clipboard {
            Clipboard::System => None,
            Clipboard::Held(held) => Some(held.clone()),
        };
        let put = move |clip| match held {
            None => put_into_system(clip),
            Some(held) => {
                *held.lock().unwrap_or_else(PoisonError::into_inner) = Some(clip);
                Ok(())
            }
        };
        self.poster.report("clipboard", move || Incoming::Copied(copied, make().and_then(put)));
    }

    /// Turns a picture of the clipboard into one for the nets.
    pub fn paste(&self, image: Arc<ColorImage>) {
        self.poster.report("paste", move || Incoming::Pasted(Arc::new(picture_from_clipboard(&image))));
    }
}

/// Lays transparent parts on white, as paper is, until another background is chosen.
fn picture_from_clipboard(image: &ColorImage) -> Picture {
    let pixel = |pixel: &Color32| {
        let white = 255 - pixel.a();
        // Colours are premultiplied, so that white shines through by what is missing from opaque.
        [pixel.r(), pixel.g(), pixel.b()].map(|channel| channel.saturating_add(white))
    };
    let picture = Picture::new(image.size[0], image.size[1], 3, image.pixels.iter().flat_map(pixel).collect());
    let transparent = image.pixels.iter().any(|pixel| pixel.a() < 255);
    let alpha = transparent.then(|| image.pixels.iter().map(Color32::a).collect());
    Picture { transparent, alpha, ..picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_become_white_or_what_is_chosen() {
        let image = ColorImage::new([3, 1], vec![Color32::RED, Color32::TRANSPARENT, Color32::from_black_alpha(128)]);
        let picture = picture_from_clipboard(&image);
        assert_eq!(picture.bytes, [255, 0, 0, 255, 255, 255, 127, 127, 127]);
        assert_eq!((picture.width, picture.height, picture.channels, picture.transparent), (3, 1, 3, true));
        let over = picture.over(crate::engine::picture::Background([0, 100, 255]));
        assert_eq!(over.bytes, [255, 0, 0, 0, 100, 255, 0, 50, 127]);
        assert_eq!((over.alpha, over.notes.len(), over.transparent), (None, 1, true));
        let opaque = picture_from_clipboard(&ColorImage::filled([1, 1], Color32::RED));
        assert_eq!((opaque.alpha, opaque.transparent), (None, false));
    }
}
