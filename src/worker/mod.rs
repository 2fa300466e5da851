//! The worker's threads lie between window and engine: the newest view wins, and no failure here ends the window.

mod command;
mod explorer;
mod job;
mod last;
mod library;
mod mailbox;
mod playback;
mod probe;
mod protocol;
mod study;
mod testset;
mod training;

pub use job::{DownloadEvent, Failure, guarded};
pub use playback::{Moment, Timeline};
pub use probe::{Probe, ProbeAnswer, ProbeEvent, ProbeExample, ProbeWish};
pub use protocol::{Event, LinearFacts, Mismatch, ModelEvent, ModelInfo, Revision, Saved, Shown, Source, View};
pub use study::{
    Along, Church, ChurchWish, ClassLine, ControlRow, ControlTable, Least, NetMap, Second, SecondAnswers, SecondWish,
    Wish,
};
pub use testset::{
    CommonSurvey, Curve, KeptResults, MeasuredRun, Provenance, Results, Sheet, SheetPicture, SheetWish, Survey,
    TestEvent, TestOrder, Transferred, results_folder,
};
pub use training::{MeasuringProgress, Order, RunId, RunInfo, RunState, TrainEvent};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use crate::engine::attack::AttackSettings;
use crate::engine::model::Catalogue;
use crate::engine::train::runs_folder;
use explorer::{Inbox, Task};
use job::PatientThread;
use library::Library;
use testset::Numbered;

/// A handle on the worker's threads; dropping it ends them after the tasks in hand.
pub struct Worker {
    inbox: Arc<Inbox>,
    // This is dropped before the trainer, which must not wait for a full queue when both go.
    events: Receiver<Event>,
    trainer: PatientThread<Order>,
    pub library: Library,
    test_sets: PatientThread<Numbered>,
    probe: PatientThread<Option<ProbeWish>>,
    results: Results,
    outbox: Arc<Outbox>,
}

impl Worker {
    /// Starts the threads with the models and runs that the environment names, as [`Self::with_folders`] does.
    pub fn spawn(wake: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::with_folders(Catalogue::from_environment(), runs_folder(), results_folder(), wake)
    }

    /// Starts the threads, and keeps training runs in `runs`, and what is measured on test sets in `results`. After every event one of them calls `wake` (the window
    /// passes `request_repaint`).
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn with_folders(
        catalogue: Catalogue,
        runs: PathBuf,
        results: PathBuf,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let catalogue = catalogue.with_runs(runs.clone());
        // Where this many events wait for a busy window, the worker waits with them.
        let (sender, events) = sync_channel(64);
        let outbox = Arc::new(Outbox { sender, wake: Box::new(wake) });
        let inbox = Arc::new(Inbox::new(Task::rank));
        let trainer = training::start(runs, catalogue.clone(), inbox.clone(), outbox.clone())?;
        let (explorer, downloads) = (inbox.clone(), BTreeMap::new());
        let library = Library { catalogue: catalogue.clone(), explorer, outbox: outbox.clone(), downloads };
        let results = Results::new(results);
        let test_sets = testset::start(catalogue.clone(), results.clone(), outbox.clone())?;
        let probe = probe::start(catalogue.clone(), outbox.clone())?;
        explorer::start(&inbox, catalogue, outbox.clone())?;
        Ok(Self { inbox, events, trainer, library, test_sets, probe, results, outbox })
    }

    /// Asks for a view; it replaces any view that is still waiting. Never blocks.
    pub fn show(&self, view: View) -> Revision {
        let revision = self.inbox.overtake();
        self.inbox.take(|task| matches!(task, Task::Show(..)));
        self.inbox.push(Task::Show(revision, Box::new(view)));
        revision
    }

    /// Says what to work out beside each view from now on; answered by [`Event::Along`], [`Event::Least`],
    /// [`Event::Controls`], [`Event::Second`] and [`Event::Church`].
    pub fn study(&self, wish: Wish) {
        self.inbox.push(Task::Study(wish));
    }

    /// Writes the adversarial picture of the newest view as PNG, reads it back and classifies it.
    pub fn save(&self, path: PathBuf) {
        self.inbox.push(Task::Save(path));
    }

    /// Reads the file on screen again if it was changed, and answers with [`Event::PictureChanged`] then.
    pub fn look_again(&self) {
        self.inbox.push(Task::LookAgain);
    }

    /// Looks for models again and loads the present one afresh for the next view; answered by [`Event::Catalogue`].
    pub fn refresh_catalogue(&self) {
        self.inbox.refresh_models();
    }

    /// Gives the trainer an order; answered by [`Event::Training`].
    pub fn train(&self, order: Order) {
        self.trainer.tasks.push(order);
    }

    /// Asks for a probe in place of the one in hand, or with `None` for none; answered by [`Event::Probe`].
    pub fn probe(&self, wish: Option<ProbeWish>) {
        self.probe.tasks.push(wish);
    }

    /// Orders a survey in place of the one in hand, or what can be done beside it; answered by [`Event::TestSet`].
    pub fn test(&self, order: TestOrder) {
        let tasks = &self.test_sets.tasks;
        let number = if order.overtakes() { tasks.overtake() } else { tasks.newest() };
        tasks.push(Numbered { number, order });
    }

    /// Deletes what was kept of these nets under these attacks, on a thread of its own; a failure is told by
    /// [`Event::TestSet`].
    pub fn forget_curves(&self, curves: Vec<(String, AttackSettings)>) {
        let (results, outbox) = (self.results.clone(), self.outbox.clone());
        job::once(
            "results",
            move || results.remove(&curves),
            move |removed| {
                if let Some(message) = removed.err().and_then(Failure::message) {
                    outbox.send(Event::TestSet(TestEvent::Failed(message)));
                }
            },
        );
    }

    /// Stops the survey in hand and what waits.
    pub fn stop_test(&self) {
        self.test_sets.tasks.overtake();
    }

    /// Returns the next event if there is one. Never blocks.
    pub fn poll(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Returns the next event, waiting at most this long (headless tests).
    pub fn wait(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// This sends events, and cannot forget to wake the window.
struct Outbox {
    sender: SyncSender<Event>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Outbox {
    fn send(&self, event: Event) {
        // An error means that the window is gone.
        if self.sender.send(event).is_ok() {
            (self.wake)();
        }
    }
}
