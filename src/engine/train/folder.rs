//! The folder of a run holds its checkpoint, its history as a table, and the net that came of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Checkpoint, Config, EpochRecord, RunNets, Schedule, Summary, Trainer, history_csv};
use crate::data::Dataset;
use crate::files::write_atomically;
use crate::model::{Manifest, Precision, sha256_hex, weights_bytes};
use crate::{Error, Result};

pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
const HISTORY: &str = "history.csv";
const MANIFEST: &str = "model.toml";
const WEIGHTS: &str = "model.safetensors";
const WAITING: &str = "waiting.json";

/// A checkpoint is written at most so often, and at most for this share of the time.
const INTERVAL: Duration = Duration::from_secs(10);
const SHARE: u32 = 20;

/// One run lives in this folder.
pub struct RunFolder {
    path: PathBuf,
    /// The time from which the next checkpoint may be written by the way.
    rests_until: Option<Instant>,
}

impl RunFolder {
    /// Begins a run in a folder, which is made if need be. Fails for one that holds a run, or impossible settings.
    pub fn begin(path: &Path, manifest: Manifest, data: Arc<Dataset>, config: Config) -> Result<(Self, Trainer)> {
        if path.join(CHECKPOINT).exists() {
            return Err(Error::Argument(format!(
                "there is a run already; resume it, or give another folder\n  {}",
                path.display()
            )));
        }
        let trainer = Trainer::new(manifest, data, config)?;
        std::fs::create_dir_all(path).map_err(Error::io("make the folder for the run", path))?;
        let mut folder = Self { path: path.to_owned(), rests_until: None };
        folder.keep(&trainer)?;
        // The checkpoint holds these settings now.
        let _ = std::fs::remove_file(path.join(WAITING));
        Ok((folder, trainer))
    }

    /// Makes the folder of a run that is to begin later, with its settings. Fails where there is such a folder.
    pub fn reserve(path: &Path, config: &Config) -> Result<()> {
        std::fs::create_dir(path).map_err(Error::io("make the folder for the run", path))?;
        let json = serde_json::to_vec(config).map_err(|e| Error::Argument(format!("the settings of the run: {e}")))?;
        write_atomically(&path.join(WAITING), &json, "write the settings of the run")
    }

    /// Returns the settings of a run that has not begun; `None` for any other folder.
    pub fn waiting(path: &Path) -> Option<Config> {
        let json = std::fs::read(path.join(WAITING)).ok().filter(|_| !path.join(CHECKPOINT).exists())?;
        serde_json::from_slice(&json).ok()
    }

    /// Tells whether a run has begun in this folder.
    pub fn holds_a_run(path: &Path) -> bool {
        path.join(CHECKPOINT).is_file()
    }

    /// Takes up the run of a folder where its checkpoint left it. `open` gives the data of its settings for a net's
    /// classes. Fails for a folder without a whole checkpoint.
    pub fn resume(
        path: &Path,
        open: impl FnOnce(&Config, &[String]) -> Result<Arc<Dataset>>,
    ) -> Result<(Self, Trainer)> {
        let checkpoint = Checkpoint::read(&path.join(CHECKPOINT))?;
        let data = open(&checkpoint.summary.config, &checkpoint.summary.manifest()?.classes)?;
        Ok((Self { path: path.to_owned(), rests_until: None }, checkpoint.resume(data)?))
    }

    /// Returns what is known of the run in a folder, without taking it up.
    pub fn summary(path: &Path) -> Result<Summary> {
        Summary::read(&path.join(CHECKPOINT))
    }

    /// Returns the nets of the run in a folder, without taking it up.
    pub fn nets(path: &Path) -> Result<RunNets> {
        Checkpoint::read(&path.join(CHECKPOINT))?.nets()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the state of the run, history and checkpoint, each whole or not at all. Where the history cannot be
    /// written, the checkpoint still is.
    pub fn keep(&mut self, trainer: &Trainer) -> Result<()> {
        let at = Instant::now();
        // The history comes first, so that it is never behind the checkpoint of a run that is killed in between.
        let history = history_csv(trainer.history());
        let written = write_atomically(&self.path.join(HISTORY), history.as_bytes(), "write the history");
        let saved = trainer.save_checkpoint(&self.path.join(CHECKPOINT));
        written.and(saved)?;
        self.rests_until = Some(Instant::now() + INTERVAL.max(at.elapsed() * SHARE));
        Ok(())
    }

    /// Does what [`Self::keep`] does, if the last time is long enough ago.
    pub fn keep_now_and_then(&mut self, trainer: &Trainer) -> Result<()> {
        let rested = self.rests_until.is_none_or(|until| Instant::now() > until);
        if rested { self.keep(trainer) } else { Ok(()) }
    }

    /// Writes the net: weights first, then the manifest that names them with their hash, so that a manifest never
    /// points at older weights.
    pub fn write_net(&self, trainer: &Trainer) -> Result<()> {
        let bytes = weights_bytes(&trainer.best_params()?, Precision::Single, None)?;
        write_atomically(&self.path.join(WEIGHTS), &bytes, "write the weights")?;
        let manifest = trainer.manifest().with_weights(
            WEIGHTS,
            &sha256_hex(&bytes),
            &facts(trainer.config(), trainer.history()),
        )?;
        write_atomically(&self.path.join(MANIFEST), manifest.as_bytes(), "write the manifest")
    }
}

/// Returns what the manifest of a net says of its training.
pub(super) fn facts(config: &Config, history: &[EpochRecord]) -> Vec<(&'static str, toml_edit::Value)> {
    let whole = |number: usize| toml_edit::Value::from(number as i64);
    let mut facts = vec![
        ("data", config.data.to_string().into()),
        ("fine_tuned_from", if config.fine_tune { config.model.clone() } else { "none".into() }.into()),
        ("epochs", whole(config.stopping.rule.best_epochs(history))),
        ("batch", whole(config.batch)),
        ("optimiser", config.optimiser.to_string().into()),
        ("lr", number(config.learning_rate)),
        ("momentum", number(config.momentum.end)),
        ("weight_decay", number(config.weight_decay)),
        ("max_norm", config.max_norm.map_or_else(|| "none".into(), number)),
        ("adversary", config.adversary.to_string().into()),
        ("norm", config.norm.name().into()),
        ("trades", config.trades.map_or_else(|| "none".into(), number)),
        ("ema", config.averaging.map_or_else(|| "none".into(), number)),
        ("eps", number(config.eps)),
        ("alpha", number(config.alpha)),
        ("validation", whole(config.validation)),
        ("retrained", config.stopping.retrain.into()),
        ("seed", (config.seed as i64).into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
    ];
    if let Schedule::Decay(factor) = config.schedule {
        facts.push(("lr_decay", factor.into()));
    }
    facts
}

/// Returns the shortest decimal that is this number: 0.1, not 0.10000000149.
fn number(value: f32) -> toml_edit::Value {
    value.to_string().parse::<f64>().unwrap_or(f64::from(value)).into()
}
