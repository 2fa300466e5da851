//! The thread between the window and the engine.

mod protocol;

pub use protocol::{Event, ModelInfo, Revision, Saved, Shown, Source, View};

use std::path::PathBuf;
use std::time::Duration;

/// A handle on the worker thread; dropping it ends the thread.
pub struct Worker {}

impl Worker {
    /// Starts the thread. `wake` is called after every event, from the worker (the window passes `request_repaint`).
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn(wake: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        let _ = wake;
        todo!()
    }

    /// Asks for a view; it replaces any view that is still waiting. Never blocks.
    pub fn show(&self, view: View) -> Revision {
        let _ = view;
        todo!()
    }

    /// Writes the adversarial picture of the newest view as PNG, reads it back and classifies it.
    pub fn save(&self, path: PathBuf) {
        let _ = path;
        todo!()
    }

    /// Looks for models again; the answer is [`Event::Catalogue`]. Also done once at the start.
    pub fn refresh_catalogue(&self) {
        todo!()
    }

    /// The next event if there is one. Never blocks.
    pub fn poll(&self) -> Option<Event> {
        todo!()
    }

    /// The next event, waiting at most this long (headless tests).
    pub fn wait(&self, timeout: Duration) -> Option<Event> {
        let _ = timeout;
        todo!()
    }
}
