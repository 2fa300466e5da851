//! People give names, notes and tags to their runs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::write_atomically;
use crate::{Error, Result};

const FILE: &str = "label.json";
/// No more bytes of a file with a label are read.
const LARGEST: usize = 1 << 20;

/// This is what a person wrote about a run. It lies beside the run's checkpoint and changes nothing about the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLabel {
    /// It is empty where the settings name the run.
    pub name: String,
    pub note: String,
    pub tags: Vec<String>,
}

impl RunLabel {
    /// Reads the label of the run in a folder; one that is missing or damaged is empty.
    pub fn read(folder: &Path) -> Self {
        let bytes = std::fs::read(folder.join(FILE)).ok().filter(|bytes| bytes.len() <= LARGEST);
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes the label of the run in a folder, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let json =
            serde_json::to_vec_pretty(self).map_err(|e| Error::Argument(format!("the label of the run: {e}")))?;
        write_atomically(&folder.join(FILE), &json, "write the label of the run")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_comes_back_and_a_damaged_one_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(RunLabel::read(folder.path()), RunLabel::default());
        let tags = vec!["ε ≥ .1".to_owned(), "paper".to_owned()];
        let label = RunLabel { name: "baseline".into(), note: "two\nlines".into(), tags };
        label.write(folder.path()).unwrap();
        assert_eq!(RunLabel::read(folder.path()), label);
        std::fs::write(folder.path().join(FILE), "{\"name\": \"alone\"}").unwrap();
        assert_eq!(RunLabel::read(folder.path()), RunLabel { name: "alone".into(), ..RunLabel::default() });
        std::fs::write(folder.path().join(FILE), "no json").unwrap();
        assert_eq!(RunLabel::read(folder.path()), RunLabel::default());
        assert!(label.write(&folder.path().join("missing")).is_err());
    }
}
