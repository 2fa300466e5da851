//! This fetches, adds and removes models, each on a thread of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Outbox;
use super::explorer::{Inbox, Task};
use super::job::{Download, Failure, once};
use super::protocol::{Event, ModelEvent};
use crate::engine::Result;
use crate::engine::download::Patience;
use crate::engine::model::Catalogue;

/// This starts such threads; dropping it stops downloads within a moment.
pub struct Library {
    catalogue: Catalogue,
    reporter: Reporter,
    downloads: BTreeMap<String, Download>,
}

impl Library {
    pub fn new(catalogue: Catalogue, explorer: Arc<Inbox>, outbox: Arc<Outbox>) -> Self {
        Self { catalogue, reporter: Reporter { explorer, outbox }, downloads: BTreeMap::new() }
    }

    pub fn fetch(&mut self, name: &str) {
        self.stop(name);
        let (catalogue, model) = (self.catalogue.clone(), name.to_owned());
        let fetch = move |progress: &mut dyn FnMut(u64, u64) -> bool| {
            let entry = catalogue.entries().into_iter().find(|entry| entry.name == model);
            let of = entry.and_then(|entry| Some(entry.facts?.remote?.0.bytes)).unwrap_or(0);
            catalogue.fetch(&model, Patience::default(), &mut |done| progress(done, of)).map(drop)
        };
        let (reporter, model) = (self.reporter.clone(), name.to_owned());
        let progress = move |done, of| reporter.send(ModelEvent::Fetching { name: model.clone(), done, of });
        let (reporter, model) = (self.reporter.clone(), name.to_owned());
        let done = move |fetched: Result<(), Failure>| match fetched {
            Ok(()) => reporter.changed(ModelEvent::Fetched(model)),
            Err(failure) => {
                reporter.send(ModelEvent::FetchFailed { name: model, message: failure.message() });
                // The list says how much has arrived.
                reporter.explorer.push(Task::ListModels);
            }
        };
        self.downloads.insert(name.to_owned(), Download::start(fetch, progress, done));
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

#[derive(Clone)]
struct Reporter {
    explorer: Arc<Inbox>,
    outbox: Arc<Outbox>,
}

impl Reporter {
    fn send(&self, event: ModelEvent) {
        self.outbox.send(Event::Models(event));
    }

    fn changed(&self, event: ModelEvent) {
        self.send(event);
        self.explorer.refresh_models();
    }
}
