//! The state of the Models page knows no window.

pub mod import;
pub mod steps;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::app::pages::models::state::import::Import;
use crate::app::pages::models::state::steps::Told;
use crate::engine::model::{Entry, GraphRow};
use crate::worker::{DownloadEvent, ModelEvent};

#[derive(Default)]
pub struct Models {
    /// Fetched and added models are kept in this folder.
    pub folder: Option<PathBuf>,
    pub fetching: BTreeMap<String, Fetching>,
    pub problems: BTreeMap<String, String>,
    /// A file is being asked for this model.
    pub asked_for: Option<String>,
    /// A net of another program is being added.
    pub import: Option<Import>,
    /// So many nets were begun to be added.
    imports: u64,
    /// A net that was cancelled while it was being written: it is removed as soon as it is there.
    unwanted: Option<String>,
    /// Nets that were kept or left, which are to be freed beside the window.
    pub left: Vec<Import>,
    /// The table of one net's operations is open.
    pub operations: Option<Operations>,
}

/// The table of a net's operations.
pub struct Operations {
    pub name: String,
    /// Missing until its manifest was read.
    pub rows: Option<Told<Arc<Vec<GraphRow>>>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fetching {
    pub done: u64,
    pub of: u64,
}

/// The rest of the window has to know of these.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// A model is there, or another one has its name now.
    Changed {
        name: String,
        message: String,
    },
    Removed(String),
    /// The net that was being added is there.
    Kept {
        name: String,
        title: String,
    },
    /// This net is there, and was cancelled meanwhile.
    Unwanted(String),
    /// The file holds a net of which more has to be asked.
    WholeNet(PathBuf),
    Problem(String),
}

impl Models {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    pub fn begin(&mut self, name: &str, of: u64) {
        self.problems.remove(name);
        self.fetching.insert(name.to_owned(), Fetching { done: 0, of });
    }

    /// Begins to add a net of another program.
    pub fn begin_import(&mut self, path: PathBuf, catalogue: &[Entry]) {
        self.imports += 1;
        self.import = Some(Import::new(self.imports, path, catalogue));
    }

    /// Leaves the net that is being added. One that is being written is removed once it is there.
    pub fn cancel_import(&mut self) {
        let Some(import) = self.import.take() else { return };
        if import.is_keeping {
            self.unwanted = Some(import.name.clone());
        }
        self.left.push(import);
    }

    fn is_keeping(&self, name: &str) -> bool {
        self.import.as_ref().is_some_and(|import| import.is_keeping && import.name == name)
    }

    /// Takes a report; `catalogue` knows the models' titles.
    pub fn take(&mut self, event: ModelEvent, catalogue: &[Entry]) -> Option<Outcome> {
        let title = |name: &str| {
            let entry = catalogue.iter().find(|entry| entry.name == name);
            entry.map_or_else(|| name.to_owned(), |entry| entry.title.clone())
        };
        match event {
            ModelEvent::Download(name, DownloadEvent::Progress { done, of }) => {
                // The last word of one that was cancelled may still be on its way.
                self.fetching.entry(name).and_modify(|fetching| *fetching = Fetching { done, of });
                None
            }
            ModelEvent::Download(name, DownloadEvent::Done) => {
                self.fetching.remove(&name);
                let message = format!("{} is there.", title(&name));
                Some(Outcome::Changed { name, message })
            }
            ModelEvent::Download(name, DownloadEvent::Failed(message)) => {
                self.fetching.remove(&name);
                self.problems.extend(message.map(|message| (name, message)));
                None
            }
            ModelEvent::WholeNet(path) => Some(Outcome::WholeNet(path)),
            ModelEvent::Added(added) if self.is_keeping(&added.name) => {
                self.left.extend(self.import.take());
                Some(Outcome::Kept { name: added.name, title: added.title })
            }
            ModelEvent::Added(added) if self.unwanted.as_ref() == Some(&added.name) => {
                self.unwanted = None;
                Some(Outcome::Unwanted(added.name))
            }
            ModelEvent::Added(added) => {
                self.problems.remove(&added.name);
                let message = match (added.wants_weights, added.other_weights) {
                    (true, _) => format!("{} is in the list; it has no weights yet.", added.title),
                    (_, true) => format!("{} has other weights now. Remove brings back those before.", added.title),
                    _ => format!("{} is there.", added.title),
                };
                let notes: String = added.notes.iter().map(|note| format!("\nNote: {note}.")).collect();
                Some(Outcome::Changed { name: added.name, message: message + &notes })
            }
            ModelEvent::ChangeFailed { name: Some(name), message } if self.is_keeping(&name) => {
                if let Some(import) = &mut self.import {
                    (import.is_keeping, import.problem) = (false, Some(message));
                }
                None
            }
            ModelEvent::ChangeFailed { name: Some(name), .. } if self.unwanted.as_ref() == Some(&name) => {
                self.unwanted = None;
                None
            }
            ModelEvent::ChangeFailed { name: Some(name), message } => {
                self.problems.insert(name, message);
                None
            }
            ModelEvent::ChangeFailed { name: None, message } => Some(Outcome::Problem(message)),
            ModelEvent::Removed(name) => {
                self.problems.remove(&name);
                Some(Outcome::Removed(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_net_that_is_cancelled_while_it_is_written_is_removed() {
        use crate::engine::model::Added;
        let added = |name: &str| {
            let (name, title) = (name.to_owned(), name.to_owned());
            ModelEvent::Added(Added { name, title, other_weights: false, wants_weights: false, notes: Vec::new() })
        };
        let failed =
            |name: &str| ModelEvent::ChangeFailed { name: Some(name.into()), message: "the disk is full".into() };
        let begun = || {
            let mut models = Models::default();
            models.begin_import("/a/net.onnx".into(), &[]);
            models.import.as_mut().unwrap().is_keeping = true;
            models
        };
        let mut models = begun();
        models.cancel_import();
        assert_eq!(models.take(added("net"), &[]), Some(Outcome::Unwanted("net".into())));
        assert!(models.unwanted.is_none());
        let mut models = begun();
        assert_eq!((models.take(failed("net"), &[]), models.problems.len()), (None, 0));
        let import = models.import.as_mut().unwrap();
        assert_eq!((import.problem.as_deref(), import.is_keeping), (Some("the disk is full"), false));
        import.is_keeping = true;
        let kept = Outcome::Kept { name: "net".into(), title: "net".into() };
        assert_eq!((models.take(added("net"), &[]), models.import.is_none()), (Some(kept), true));
    }

    #[test]
    fn a_download_is_followed_to_its_end() {
        let mut models = Models::default();
        let download = |event| ModelEvent::Download("net".into(), event);
        let progress = |done| download(DownloadEvent::Progress { done, of: 9 });
        assert_eq!(models.take(progress(1), &[]), None);
        assert_eq!(models.fetching.get("net"), None, "nobody ordered it any more");
        models.begin("net", 9);
        models.take(progress(4), &[]);
        assert_eq!(models.fetching["net"], Fetching { done: 4, of: 9 });
        let failed = download(DownloadEvent::Failed(Some("no route".into())));
        assert_eq!((models.take(failed, &[]), &*models.problems["net"]), (None, "no route"));
        models.begin("net", 9);
        assert!(models.problems.is_empty());
        let message = "net is there.".into();
        let changed = Some(Outcome::Changed { name: "net".into(), message });
        assert_eq!(models.take(download(DownloadEvent::Done), &[]), changed);
        assert!(models.fetching.is_empty());
    }
}
