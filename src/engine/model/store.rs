//! Nets may lie elsewhere than in a manifest with weights beside it.

use std::fmt::Debug;
use std::path::Path;

use super::{Manifest, Params};
use crate::Result;

/// The names of nets of training runs begin with this.
pub const RUN: &str = "run:";

/// Returns the name by which the catalogue knows the net of a training run.
pub fn name_of_run(run: &str) -> String {
    format!("{RUN}{run}")
}

/// A store finds nets that have no manifest of their own, such as those of training runs.
pub trait NetStore: Debug + Send + Sync {
    /// Returns the folder in which it looks.
    fn folder(&self) -> &Path;

    /// Returns the names that `--model` takes, in the order in which to show them.
    fn names(&self) -> Vec<String>;

    /// Tells whether a model is meant to be in the store, by its name or its path.
    fn claims(&self, model: &str) -> bool;

    /// Returns the manifest of a net; fails where there is none, or one that cannot be used yet.
    fn manifest(&self, model: &str) -> Result<Manifest>;

    /// Returns the weights of a manifest that came from the store; `None` for any other.
    fn params(&self, manifest: &Manifest) -> Option<Result<Params>>;
}
