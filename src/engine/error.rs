//! The engine has one error type. A message says what was read, what was expected and what to do, the path last.

use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system has refused. `doing` reads like "read the weights".
    #[error("cannot {doing}: {source}\n  {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
    /// A picture cannot be used. `from` names the file, or says "the clipboard".
    #[error("cannot use this picture: {why}\n  {from}")]
    Picture { from: String, why: String },
    #[error("model manifest: {why}\n  {}", path.display())]
    Manifest { path: PathBuf, why: String },
    /// The file of a net of another program cannot be used.
    #[error("this net cannot be added: {why}\n  {}", path.display())]
    Net { path: PathBuf, why: String },
    #[error("weights: {why}\n  {}", path.display())]
    Weights { path: PathBuf, why: String },
    #[error("training run: {why}\n  {}", path.display())]
    Run { path: PathBuf, why: String },
    #[error("data: {why}\n  {}", path.display())]
    Data { path: PathBuf, why: String },
    #[error("{why}\n  {}", path.display())]
    Download { path: PathBuf, why: String },
    /// Something is not there, and the person can get it.
    #[error("{why}\n  {}", path.display())]
    Missing { path: PathBuf, why: String, remedy: Remedy },
    /// A person gave a value that cannot be.
    #[error("{0}")]
    Argument(String),
    #[error("the computation failed: {0}")]
    Tensor(#[from] candle_core::Error),
    /// The person asked to stop; not a failure, but it ends the call all the same.
    #[error("stopped")]
    Stopped,
}

/// A remedy is what gets a thing that is missing. Each front end adds to the message how it is done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The weights of the model of this name can be fetched, or added from a file.
    FetchModel(String),
    /// The weights of the model of this name can only be added from a file.
    AddWeights(String),
    /// The data set of this name can be fetched.
    FetchData(String),
}

impl Error {
    /// Returns what `map_err` takes: the error of the operating system with what was being done, and to which file.
    pub fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}
