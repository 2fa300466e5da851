//! The state of the Models page knows no window.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::model::Entry;
use crate::worker::{DownloadEvent, ModelEvent};

#[derive(Default)]
pub struct Models {
    /// Fetched and added models are kept in this folder.
    pub folder: Option<PathBuf>,
    pub fetching: BTreeMap<String, Fetching>,
    pub problems: BTreeMap<String, String>,
    /// A file is being asked for this model.
    pub asked_for: Option<String>,
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
            ModelEvent::Added(added) => {
                self.problems.remove(&added.name);
                let message = match (added.wants_weights, added.other_weights) {
                    (true, _) => format!("{} is in the list; it has no weights yet.", added.title),
                    (_, true) => format!("{} has other weights now. Remove brings back those before.", added.title),
                    _ => format!("{} is there.", added.title),
                };
                Some(Outcome::Changed { name: added.name, message })
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
