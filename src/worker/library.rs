//! Models that are fetched, added and removed, each on a thread of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Outbox;
use super::explorer::{Inbox, Task};
use super::job::{Arrival, Download, once};
use super::protocol::{Event, ModelEvent};
use crate::engine::Result;
use crate::engine::download::Patience;
use crate::engine::model::Catalogue;

/// What starts such threads; dropping it stops downloads within a moment.
pub struct Library {
    catalogue: Catalogue,
    reporter: Reporter,
    /// Downloads under way or ended, by the model's name.
    downloads: BTreeMap<String, Download>,
}

impl Library {
    pub fn new(catalogue: Catalogue, explorer: Arc<Inbox>, outbox: Arc<Outbox>) -> Self {
        Self { catalogue, reporter: Reporter { explorer, outbox }, downloads: BTreeMap::new() }
    }

    pub fn fetch(&mut self, name: &str) {
        self.stop(name);
        let (catalogue, reporter, model) = (self.catalogue.clone(), self.reporter.clone(), name.to_owned());
        let tell = move |arrival| reporter.tell(&model, arrival);
        let model = name.to_owned();
        let fetch = move |progress: &mut dyn FnMut(u64, u64) -> bool| {
            let entry = catalogue.entries().into_iter().find(|entry| entry.name == model);
            let of = entry.and_then(|entry| Some(entry.facts?.remote?.0.bytes)).unwrap_or(0);
            catalogue.fetch(&model, Patience::default(), &mut |done| progress(done, of)).map(drop)
        };
        self.downloads.insert(name.to_owned(), Download::start(fetch, tell));
    }

    pub fn stop(&mut self, name: &str) {
        self.downloads.remove(name);
    }

    pub fn add(&self, name: Option<String>, file: PathBuf) {
        let (catalogue, model) = (self.catalogue.clone(), name.clone());
        let work = move || catalogue.add(model.as_deref(), &file).map(ModelEvent::Added);
        self.change(work, move |message| ModelEvent::AddFailed { name, message });
    }

    pub fn remove(&self, name: String) {
        let (catalogue, model) = (self.catalogue.clone(), name.clone());
        let work = move || catalogue.remove(&model).map(|()| ModelEvent::Removed(model));
        self.change(work, move |message| ModelEvent::RemoveFailed { name, message });
    }

    /// Changes the person's models on a thread of its own; `failed` makes an event of what went wrong.
    fn change(
        &self,
        work: impl FnOnce() -> Result<ModelEvent> + Send + 'static,
        failed: impl FnOnce(String) -> ModelEvent + Clone + Send + 'static,
    ) {
        let reporter = self.reporter.clone();
        once("models", work, move |changed| match changed {
            Ok(event) => reporter.changed(event),
            Err(failure) => failure.message().into_iter().for_each(|message| reporter.send(failed.clone()(message))),
        });
    }
}

/// What tells the window and Explore of changed models.
#[derive(Clone)]
struct Reporter {
    explorer: Arc<Inbox>,
    outbox: Arc<Outbox>,
}

impl Reporter {
    fn send(&self, event: ModelEvent) {
        self.outbox.send(Event::Models(event));
    }

    /// Reports, and has the list of models made afresh.
    fn changed(&self, event: ModelEvent) {
        self.send(event);
        self.explorer.refresh_models();
    }

    fn tell(&self, model: &str, arrival: Arrival) {
        let name = model.to_owned();
        match arrival {
            Arrival::Bytes { done, of } => self.send(ModelEvent::Fetching { name, done, of }),
            Arrival::Complete => self.changed(ModelEvent::Fetched(name)),
            Arrival::Failed(message) => {
                self.send(ModelEvent::FetchFailed { name, message });
                // What has arrived is told in the list.
                self.explorer.push(Task::ListModels);
            }
        }
    }
}
