//! The nets of training runs are models like any other: the catalogue finds them, and keeps one as a model of its own.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::{CHECKPOINT, facts};
use super::{Checkpoint, EpochRecord, RunFolder, Summary, shipped};
use crate::model::{Accuracy, Added, Catalogue, Manifest, NetStore, Params, RUN, name_of_run};
use crate::{Error, Result};

/// These are the training runs of a folder, with the one that comes with the program.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: PathBuf,
}

/// Returns the folder that runs are kept in: the one that `DOPPELGANGER_RUNS` names, or one in the user's data folder.
pub fn runs_folder() -> PathBuf {
    let asked = std::env::var_os("DOPPELGANGER_RUNS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("runs"));
    asked.or_else(own).unwrap_or_else(|| PathBuf::from("doppelganger-runs"))
}

/// Returns the path by which the checkpoint is known that lies inside the binary.
fn shipped_path() -> PathBuf {
    Path::new("<bundled>").join(shipped::FILE)
}

impl Runs {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns the names of the folders that hold a run which has begun, the newest first.
    fn folders(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter(|entry| RunFolder::holds_a_run(&entry.path()));
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let number = |name: &str| name.strip_prefix("run-").and_then(|number| number.parse::<usize>().ok());
        names.sort_by_cached_key(|name| (number(name).is_none(), Reverse(number(name)), name.clone()));
        names
    }

    /// Returns the folder of a run by the name that the catalogue has for it, or by its path; `None` for the run that
    /// comes with the program.
    fn find(&self, model: &str) -> Result<Option<PathBuf>> {
        let Some(name) = model.strip_prefix(RUN) else { return Ok(Some(model.into())) };
        let path = self.folder.join(name);
        if Path::new(name).components().count() == 1 && RunFolder::holds_a_run(&path) {
            return Ok(Some(path));
        }
        if name == shipped::NAME && !shipped::is_deleted(&self.folder) {
            return Ok(None);
        }
        let names = self.names();
        let known: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(RUN)).take(3).collect();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        let why = format!(
            "there is no training run {name:?}; the newest are {known}. Give the name of a run, or the path of its folder"
        );
        Err(Error::Run { path: self.folder.clone(), why })
    }

    /// Returns what is known of the run of a model.
    fn summary(&self, model: &str) -> Result<(Summary, PathBuf)> {
        match self.find(model)? {
            Some(folder) => Ok((RunFolder::summary(&folder)?, folder.join(CHECKPOINT))),
            None => Ok((shipped::checkpoint()?.summary, shipped_path())),
        }
    }
}

impl NetStore for Runs {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.folders();
        if !shipped::is_deleted(&self.folder) && !names.iter().any(|name| name == shipped::NAME) {
            names.push(shipped::NAME.to_owned());
        }
        names.iter().map(|name| name_of_run(name)).collect()
    }

    fn claims(&self, model: &str) -> bool {
        model.starts_with(RUN) || RunFolder::holds_a_run(Path::new(model))
    }

    fn manifest(&self, model: &str) -> Result<Manifest> {
        let (summary, path) = self.summary(model)?;
        if summary.history.is_empty() {
            let why = "its first epoch is not over, so it has no net yet".into();
            return Err(Error::Run { path, why });
        }
        let manifest = summary.manifest()?;
        let folder = Path::new(model.strip_prefix(RUN).unwrap_or(model));
        let name = folder.canonicalize().ok().filter(|_| !model.starts_with(RUN)).unwrap_or_else(|| folder.to_owned());
        let name = name.file_name().map_or_else(|| model.to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Manifest {
            name,
            description: summary.in_words(),
            // Nobody has said under which licence weights of a person's own are, except for those that they began with.
            licence: if summary.config.fine_tune || path == shipped_path() { manifest.licence } else { String::new() },
            weights: path.file_name().map(PathBuf::from).unwrap_or_default(),
            path,
            sha256: None,
            download: None,
            accuracy: summary.accuracy(),
            ..manifest
        })
    }

    fn params(&self, manifest: &Manifest) -> Option<Result<Params>> {
        if manifest.path == shipped_path() {
            return Some(shipped::checkpoint().map(Checkpoint::kept));
        }
        let is_of_run = manifest.path.file_name().is_some_and(|name| name == CHECKPOINT);
        is_of_run.then(|| Checkpoint::read(&manifest.path).map(Checkpoint::kept))
    }
}

impl Catalogue {
    /// Looks in the user's own folder, `models/` in the working folder, the folders of `DOPPELGANGER_MODELS`, and among
    /// the training runs.
    pub fn from_environment() -> Self {
        Self::without_runs().with_runs(runs_folder())
    }

    /// Finds the nets of the training runs in this folder, too, and of the one that comes with the program.
    pub fn with_runs(self, folder: PathBuf) -> Self {
        Self { runs: Some(Arc::new(Runs::new(folder))), ..self }
    }

    /// Keeps the net of a training run as a model of the person's own, which does not need the run any more. `run` is
    /// the name of its net or the path of its folder; `command` is the command that trained it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that is taken, or that no file can have; [`Error::Run`] for a run that is not
    /// there or has no net yet; those of writing.
    pub fn keep_run(&self, run: &str, name: &str, command: impl FnOnce(&Summary) -> String) -> Result<Added> {
        let runs = Runs::new(self.runs_folder());
        let manifest = runs.manifest(run)?;
        // Both come from one reading: a run in training writes its checkpoint anew.
        let checkpoint = match runs.find(run)? {
            Some(folder) => Checkpoint::read(&folder.join(CHECKPOINT))?,
            None => shipped::checkpoint()?,
        };
        let summary = checkpoint.summary.clone();
        self.keep_params(name, name.to_owned(), &checkpoint.kept(), false, |file, hash| {
            let mut trained = facts(&summary.config, &summary.history);
            trained.extend(summary.errors_of_kept());
            let text = manifest.with_weights(file, hash, &trained)?;
            let mut document: toml_edit::DocumentMut = text.parse().map_err(|error| Error::Manifest {
                path: manifest.path.clone(),
                why: format!("cannot be written again: {error}"),
            })?;
            document["name"] = toml_edit::value(name);
            document["description"] = toml_edit::value(summary.in_words());
            document["licence"] = toml_edit::value(&manifest.licence);
            document.remove("license");
            document["command"] = toml_edit::value(command(&summary));
            if let Some(Accuracy { top1, of, .. }) = summary.accuracy() {
                let facts = [("top1", f64::from(top1).into()), ("of", toml_edit::Value::from(of))];
                document["accuracy"] = toml_edit::value(facts.into_iter().collect::<toml_edit::InlineTable>());
            }
            Ok(document.to_string())
        })
    }

    fn runs_folder(&self) -> PathBuf {
        self.runs.as_ref().map_or_else(runs_folder, |runs| runs.folder().to_owned())
    }
}

impl Summary {
    /// Returns the epoch whose weights are kept.
    pub fn kept(&self) -> Option<&EpochRecord> {
        self.config.stopping.kept(&self.history)
    }

    /// Says in a sentence how the net was trained, and what its validation found.
    fn in_words(&self) -> String {
        let config = &self.config;
        let against = match config.adversary_in_words() {
            Some(adversary) => format!("against {adversary} at ε {}, α {}", config.eps, config.alpha),
            None => "without adversarial examples".into(),
        };
        let epochs = config.epochs.max(self.history.len());
        let so_far = if self.is_finished { "" } else { " so far" };
        let kept = self.kept().map(|kept| format!(" Epoch {} of {epochs} is kept{so_far}", kept.epoch));
        let errors: Vec<String> =
            self.errors().map(|(name, error, n)| format!("{:.1} % {name} (n = {n})", error * 100.0)).collect();
        let errors =
            if errors.is_empty() { String::new() } else { format!(": validation error {}", errors.join(", ")) };
        format!("Trained on {} {against}.{}{errors}.", config.data, kept.unwrap_or_default())
    }

    /// Returns the validation errors of the epoch that is kept, with the numbers of pictures.
    fn errors(&self) -> impl Iterator<Item = (&'static str, f64, usize)> {
        let kept = self.kept().copied().unwrap_or_default();
        let all = [("clean", kept.clean), ("under FGSM", kept.adversarial), ("under PGD", kept.pgd)];
        all.into_iter()
            .filter_map(|(name, measured)| Some((name, measured.filter(|measured| measured.n > 0)?)))
            .map(|(name, measured)| (name, measured.error(), measured.n))
    }

    /// Returns the same as facts for the manifest of a model.
    fn errors_of_kept(&self) -> Vec<(&'static str, toml_edit::Value)> {
        let mut facts: Vec<(&str, toml_edit::Value)> = vec![("epochs_done", (self.history.len() as i64).into())];
        facts.extend(self.kept().map(|kept| ("kept_epoch", (kept.epoch as i64).into())));
        for (name, error, n) in self.errors() {
            let [key, pictures] = match name {
                "clean" => ["clean_error", "clean_pictures"],
                "under FGSM" => ["fgsm_error", "fgsm_pictures"],
                _ => ["pgd_error", "pgd_pictures"],
            };
            facts.extend([(key, error.into()), (pictures, (n as i64).into())]);
        }
        facts
    }

    /// Returns the accuracy on the validation pictures; `None` where none were held out, or were trained on afterwards.
    fn accuracy(&self) -> Option<Accuracy> {
        let clean = self.kept()?.clean.filter(|clean| clean.n > 0 && !self.config.stopping.retrain)?;
        let of = format!("{} validation pictures of {}", clean.n, self.config.data);
        Some(Accuracy { top1: 1.0 - clean.error() as f32, top5: None, of, source: None })
    }
}
