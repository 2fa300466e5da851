//! The thread between the window and the engine: the newest view wins, and nothing here can take the window down.

mod explorer;
mod library;
mod mailbox;
mod pairing;
mod playback;
mod protocol;
mod study;
mod testset;
mod training;

pub use pairing::{Kind, Mismatch};
pub use playback::{Moment, Timeline};
pub use protocol::{Event, Linear, ModelEvent, ModelInfo, Revision, Saved, Shown, Source, View};
pub use study::{Along, Answers, ClassLine, ControlRow, Controls, Least, Second, SecondWish, Wish};
pub use testset::{Curve, Sheet, SheetPicture, SheetWish, Survey, TestEvent, TestOrder, Transferred};
pub use training::{Order, RunId, RunInfo, RunState, TrainEvent, runs_folder};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::engine::model::Catalogue;
use explorer::Explorer;
use library::Library;
use mailbox::{Mailbox, Task};
use testset::TestSets;
use training::Training;

/// A handle on the worker thread; dropping it ends the thread after the task in hand.
pub struct Worker {
    mailbox: Arc<Mailbox>,
    // Before the trainer: when both go, it must not wait for a full queue.
    events: Receiver<Event>,
    training: Training,
    library: Library,
    test_sets: TestSets,
}

/// Events that may wait for a window that is busy; the worker then waits with them.
const EVENT_QUEUE: usize = 64;

impl Worker {
    /// Starts the thread with the models that the environment names. `wake` is called after every event, from the worker
    /// (the window passes `request_repaint`).
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn(wake: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::with_folders(Catalogue::from_environment(), training::runs_folder(), wake)
    }

    /// [`Self::spawn`] with the models of some folders, and with the folder in which runs are kept.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn with_folders(
        catalogue: Catalogue,
        runs: PathBuf,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let (sender, events) = sync_channel(EVENT_QUEUE);
        let mailbox = Arc::new(Mailbox::default());
        let outbox = Arc::new(Outbox { sender, wake: Box::new(wake) });
        let training = Training::spawn(runs, catalogue.clone(), mailbox.clone(), outbox.clone())?;
        let library = Library::new(catalogue.clone(), mailbox.clone(), outbox.clone());
        let test_sets = TestSets::spawn(catalogue.clone(), outbox.clone())?;
        let theirs = mailbox.clone();
        std::thread::Builder::new().name("worker".into()).spawn(move || run(&theirs, catalogue, &outbox))?;
        mailbox.push(Task::ListModels);
        Ok(Self { mailbox, events, training, library, test_sets })
    }

    /// Asks for a view; it replaces any view that is still waiting. Never blocks.
    pub fn show(&self, view: View) -> Revision {
        self.mailbox.show(view)
    }

    /// Says what to work out beside each view from now on; the answers are [`Event::Along`],
    /// [`Event::Controls`] and [`Event::Second`]. Never blocks.
    pub fn study(&self, wish: Wish) {
        self.mailbox.push(Task::Study(wish));
    }

    /// Writes the adversarial picture of the newest view as PNG, reads it back and classifies it.
    pub fn save(&self, path: PathBuf) {
        self.mailbox.push(Task::Save(path));
    }

    /// Looks whether the file on screen was changed since it was read, and reads it again then; the answer is
    /// [`Event::PictureChanged`], if it was.
    pub fn look_again(&self) {
        self.mailbox.push(Task::LookAgain);
    }

    /// Looks for models again, as the start does, and loads the present one afresh for the next view; the answer is
    /// [`Event::Catalogue`].
    pub fn refresh_catalogue(&self) {
        self.mailbox.push(Task::ForgetModel);
        self.mailbox.push(Task::ListModels);
    }

    /// Gives the trainer an order; the answers are [`Event::Training`]. Never blocks.
    pub fn train(&self, order: Order) {
        self.training.order(order);
    }

    /// Orders a survey of a test set, or some of its pictures; the answers are [`Event::TestSet`]. Never blocks.
    pub fn test(&self, order: TestOrder) {
        self.test_sets.order(order);
    }

    /// Puts down the survey in hand.
    pub fn stop_test(&self) {
        self.test_sets.stop();
    }

    /// Fetches the weights of a model, on a thread of its own; the answers are [`Event::Models`]. The person has agreed to it.
    pub fn fetch_model(&mut self, name: &str) {
        self.library.fetch(name);
    }

    /// Stops fetching; what has arrived is kept for the next time.
    pub fn stop_fetching_model(&mut self, name: &str) {
        self.library.stop(name);
    }

    /// Adds a file of weights to a model, or to the one that it fits; or a manifest.
    pub fn add_model(&self, name: Option<String>, file: PathBuf) {
        self.library.add(name, file);
    }

    /// Removes what lies of a model in the person's folder.
    pub fn remove_model(&self, name: String) {
        self.library.remove(name);
    }

    /// The next event if there is one. Never blocks.
    pub fn poll(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// The next event, waiting at most this long (headless tests).
    pub fn wait(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}

/// One sender that cannot forget to wake the window.
struct Outbox {
    sender: SyncSender<Event>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Outbox {
    fn send(&self, event: Event) {
        // An error means that the window is gone, and then the mailbox is closed too.
        if self.sender.send(event).is_ok() {
            (self.wake)();
        }
    }
}

fn run(mailbox: &Mailbox, catalogue: Catalogue, outbox: &Outbox) {
    let mut explorer = Explorer::new(catalogue.clone());
    let send = |event| outbox.send(event);
    while let Some(task) = mailbox.next() {
        let failure = failure_event(&task);
        let work = || explorer.carry_out(task, &|revision| mailbox.is_stale(revision), &send);
        let is_sound = guarded(work, |message| outbox.send(failure(message)));
        let study = || explorer.study(&|time| mailbox.rests(time), &send);
        if !is_sound || !guarded(study, |message| outbox.send(Event::Failed { revision: 0, message })) {
            // Whatever was half done is dropped with the old state.
            explorer = explorer.afresh(catalogue.clone());
        }
    }
}

/// Does some work and tells what went wrong; `false` when it panicked.
fn guarded(work: impl FnOnce() -> crate::engine::Result<()>, tell: impl FnOnce(String)) -> bool {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tell(error.to_string()),
        Err(_) => {
            tell("an internal error: please report what you were doing. The app goes on".into());
            return false;
        }
    }
    true
}

/// What to say when a task fails.
fn failure_event(task: &Task) -> Box<dyn Fn(String) -> Event> {
    match task {
        Task::Show(revision, _) => {
            let revision = *revision;
            Box::new(move |message| Event::Failed { revision, message })
        }
        Task::Save(path) => {
            let path = path.clone();
            Box::new(move |message| Event::SaveFailed { path: path.clone(), message })
        }
        Task::ForgetModel | Task::ListModels | Task::LookAgain | Task::Provide(..) | Task::Study(_) => {
            Box::new(|message| Event::Failed { revision: 0, message })
        }
    }
}
