//! This fetches, adds and removes models, each on a thread of its own; answered by [`Event::Models`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Outbox;
use super::explorer::{Inbox, Task};
use super::job::{BackgroundDownload, DownloadEvent, once};
use super::protocol::{Event, ModelEvent};
use crate::command_line::train_command;
use crate::engine::Result;
use crate::engine::download::Patience;
use crate::engine::model::import::{Description, Draft, ImportedNet};
use crate::engine::model::{Catalogue, name_of_run};
use crate::engine::train::Summary;

/// The library starts such threads; dropping it stops downloads within a moment.
pub struct Library {
    pub(super) catalogue: Catalogue,
    pub(super) explorer: Arc<Inbox>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) downloads: BTreeMap<String, BackgroundDownload>,
}

impl Library {
    /// Fetches the weights of a model, to which the person has agreed.
    pub fn fetch(&mut self, name: &str) {
        self.stop(name);
        let (catalogue, model) = (self.catalogue.clone(), name.to_owned());
        let fetch = move |progress: &mut dyn FnMut(u64, u64) -> bool| {
            let entry = catalogue.entries().into_iter().find(|entry| entry.name == model);
            let of = entry.and_then(|entry| Some(entry.facts?.remote?.0.bytes)).unwrap_or(0);
            catalogue.fetch(&model, Patience::default(), &mut |done| progress(done, of)).map(drop)
        };
        let (explorer, outbox, model) = (self.explorer.clone(), self.outbox.clone(), name.to_owned());
        let tell = move |event: DownloadEvent| {
            outbox.send(Event::Models(ModelEvent::Download(model.clone(), event.clone())));
            match event {
                DownloadEvent::Progress { .. } => {}
                DownloadEvent::Done => explorer.refresh_models(),
                // The list says how much has arrived.
                DownloadEvent::Failed(_) => explorer.push(Task::ListModels),
            }
        };
        self.downloads.insert(name.to_owned(), BackgroundDownload::start(fetch, tell));
    }

    /// Stops fetching; what has arrived is kept for the next time.
    pub fn stop(&mut self, name: &str) {
        self.downloads.remove(name);
    }

    /// Adds a file of weights to a model (without a name, to the one that it fits), or a manifest. A file of a whole
    /// net is not added: [`ModelEvent::WholeNet`] says what it is.
    pub fn add(&self, name: Option<String>, file: PathBuf) {
        let (catalogue, model) = (self.catalogue.clone(), name.clone());
        self.change(name, move || {
            if model.is_none() && Draft::is_of_whole_net(&file) {
                return Ok(ModelEvent::WholeNet(file));
            }
            match catalogue.add(model.as_deref(), &file) {
                Ok(added) => Ok(ModelEvent::Added(added)),
                // Weights that fit no model here, or this one but for its number of classes, may be of a known net.
                Err(error) => match Draft::open(&file).and_then(|draft| draft.questions()) {
                    Ok(questions) if !is_manifest(&file) && !questions.words.is_empty() => {
                        Ok(ModelEvent::WholeNet(file))
                    }
                    _ => Err(error),
                },
            }
        });
    }

    /// Keeps a net of another program under a name.
    pub fn keep(&self, name: String, net: Arc<ImportedNet>, description: Description) {
        let (catalogue, model) = (self.catalogue.clone(), name.clone());
        self.change(Some(name), move || catalogue.keep_net(&model, &net, &description).map(ModelEvent::Added));
    }

    /// Keeps the net of a training run as a model of this name.
    pub fn keep_run(&self, run: &str, name: String) {
        let (catalogue, run) = (self.catalogue.clone(), name_of_run(run));
        let command = |summary: &Summary| train_command(&summary.config, &summary.history);
        self.change(None, move || catalogue.keep_run(&run, &name, command).map(ModelEvent::Added));
    }

    /// Removes a model from the person's folder.
    pub fn remove(&self, name: String) {
        let (catalogue, model) = (self.catalogue.clone(), name.clone());
        self.change(Some(name), move || catalogue.remove(&model).map(|()| ModelEvent::Removed(model)));
    }

    fn change(&self, name: Option<String>, work: impl FnOnce() -> Result<ModelEvent> + Send + 'static) {
        let (explorer, outbox) = (self.explorer.clone(), self.outbox.clone());
        once("models", work, move |changed| match changed.map_err(|failure| failure.message()) {
            Ok(event @ ModelEvent::WholeNet(_)) => outbox.send(Event::Models(event)),
            Ok(event) => {
                outbox.send(Event::Models(event));
                explorer.refresh_models();
            }
            Err(Some(message)) => outbox.send(Event::Models(ModelEvent::ChangeFailed { name, message })),
            Err(None) => {}
        });
    }
}

fn is_manifest(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}
