//! Models that are fetched, added and removed, each on a thread of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Outbox;
use super::mailbox::{Mailbox, Task};
use super::protocol::{Event, ModelEvent};
use crate::engine::Error;
use crate::engine::download::Patience;
use crate::engine::model::Catalogue;

/// At most so often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Starts such threads; dropping it stops downloads within a moment.
pub struct Library {
    desk: Desk,
    /// Downloads under way or ended, by the model's name.
    stops: BTreeMap<String, Arc<AtomicBool>>,
}

#[derive(Clone)]
struct Desk {
    catalogue: Catalogue,
    explorer: Arc<Mailbox>,
    outbox: Arc<Outbox>,
}

impl Library {
    pub fn new(catalogue: Catalogue, explorer: Arc<Mailbox>, outbox: Arc<Outbox>) -> Self {
        Self { desk: Desk { catalogue, explorer, outbox }, stops: BTreeMap::new() }
    }

    pub fn fetch(&mut self, name: &str) {
        self.stop(name);
        let stop = Arc::new(AtomicBool::new(false));
        self.stops.insert(name.to_owned(), stop.clone());
        let (desk, failed, name) = (self.desk.clone(), self.desk.clone(), name.to_owned());
        let model = name.clone();
        let work = move || desk.fetch(name, &stop);
        if let Err(error) = std::thread::Builder::new().name("fetching".into()).spawn(work) {
            failed.send(ModelEvent::FetchFailed { name: model, message: Some(no_thread(&error)) });
        }
    }

    pub fn stop(&mut self, name: &str) {
        if let Some(stop) = self.stops.remove(name) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    pub fn add(&self, name: Option<String>, file: PathBuf) {
        let (desk, model) = (self.desk.clone(), name.clone());
        let work = move || match desk.catalogue.add(name.as_deref(), &file) {
            Ok(added) => desk.changed(ModelEvent::Added(added)),
            Err(error) => desk.send(ModelEvent::AddFailed { name, message: error.to_string() }),
        };
        self.start(work, |message| ModelEvent::AddFailed { name: model, message });
    }

    pub fn remove(&self, name: String) {
        let (desk, model) = (self.desk.clone(), name.clone());
        let work = move || match desk.catalogue.remove(&name) {
            Ok(()) => desk.changed(ModelEvent::Removed(name)),
            Err(error) => desk.send(ModelEvent::RemoveFailed { name, message: error.to_string() }),
        };
        self.start(work, |message| ModelEvent::RemoveFailed { name: model, message });
    }

    fn start(&self, work: impl FnOnce() + Send + 'static, failure: impl FnOnce(String) -> ModelEvent) {
        if let Err(error) = std::thread::Builder::new().name("models".into()).spawn(work) {
            self.desk.send(failure(no_thread(&error)));
        }
    }
}

impl Desk {
    fn send(&self, event: ModelEvent) {
        self.outbox.send(Event::Models(event));
    }

    /// Reports, and has the list of models made afresh.
    fn changed(&self, event: ModelEvent) {
        self.send(event);
        self.explorer.push(Task::ForgetModel);
        self.explorer.push(Task::ListModels);
    }

    fn fetch(&self, name: String, stop: &AtomicBool) {
        let entry = self.catalogue.entries().into_iter().find(|entry| entry.name == name);
        let of = entry.and_then(|entry| Some(entry.facts?.remote?.0.bytes)).unwrap_or(0);
        let mut told: Option<Instant> = None;
        let result = self.catalogue.fetch(&name, Patience::default(), &mut |done| {
            if told.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY) {
                told = Some(Instant::now());
                self.send(ModelEvent::Fetching { name: name.clone(), done, of });
            }
            !stop.load(Ordering::Relaxed)
        });
        match result {
            Ok(_) => self.changed(ModelEvent::Fetched(name)),
            Err(Error::Stopped) => self.failed(name, None),
            Err(error) => self.failed(name, Some(error.to_string())),
        }
    }

    fn failed(&self, name: String, message: Option<String>) {
        self.send(ModelEvent::FetchFailed { name, message });
        // What has arrived is told in the list.
        self.explorer.push(Task::ListModels);
    }
}

fn no_thread(error: &std::io::Error) -> String {
    format!("the system gave no thread for this: {error}")
}

impl Drop for Library {
    fn drop(&mut self) {
        self.stops.values().for_each(|stop| stop.store(true, Ordering::Relaxed));
    }
}
