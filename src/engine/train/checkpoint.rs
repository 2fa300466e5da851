//! A run on disk: one safetensors file, so that its parts cannot disagree.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{Config, EpochRecord, Trainer};
use crate::engine::data::Dataset;
use crate::engine::files::write_atomically;
use crate::engine::model::{Manifest, Params, as_f32, read_weights, weights_bytes};
use crate::engine::{Error, Result};

/// What is not a tensor.
#[derive(Serialize, Deserialize)]
struct State {
    config: Config,
    history: Vec<EpochRecord>,
    /// The text of the manifest, its path (for messages) and its classes: the run needs no other file to go on.
    manifest: String,
    manifest_path: PathBuf,
    classes: Vec<String>,
    pictures: usize,
}

/// A run as it was after its last whole epoch.
pub struct Checkpoint {
    path: PathBuf,
    state: State,
    weights: Params,
    velocity: Params,
    best: Params,
}

const STATE: &str = "doppelganger";

/// Prefixes of the three sets of tensors in the file.
const WEIGHTS: &str = "weights/";
const VELOCITY: &str = "velocity/";
const BEST: &str = "best/";

pub(super) fn save(trainer: &Trainer<'_>, path: &Path) -> Result<()> {
    let state = State {
        config: trainer.config.clone(),
        history: trainer.history.clone(),
        manifest: trainer.manifest().source.clone(),
        manifest_path: trainer.manifest().path.clone(),
        classes: trainer.manifest().classes.clone(),
        pictures: trainer.data.len(),
    };
    let json = serde_json::to_string(&state).map_err(|e| Error::Argument(format!("the state of the run: {e}")))?;
    let weights = trainer.params()?;
    let sets = [(WEIGHTS, &weights), (VELOCITY, &trainer.sgd.velocity), (BEST, &trainer.best)];
    let tensors =
        sets.into_iter().flat_map(|(prefix, set)| set.iter().map(move |(n, t)| (format!("{prefix}{n}"), t.clone())));
    let bytes = weights_bytes(&tensors.collect(), Some(HashMap::from([(STATE.to_owned(), json)])))?;
    write_atomically(path, &bytes, "write the checkpoint")
}

impl Checkpoint {
    /// # Errors
    /// [`Error::Io`], and [`Error::Data`] for a file that is damaged or no checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = read_weights(path)?;
        let damaged = |e: &dyn std::fmt::Display| Error::Data {
            path: path.to_owned(),
            why: format!("not a whole checkpoint ({e}); start the run again"),
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(&e))?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(STATE));
        let json = json.ok_or_else(|| damaged(&"it holds no state of a run"))?;
        let state: State = serde_json::from_str(json).map_err(|e| damaged(&e))?;
        let set = |prefix: &str| -> Result<Params> {
            let names = file.names().into_iter().filter_map(|name| name.strip_prefix(prefix));
            let read = |name: &str| {
                let view = file.tensor(&format!("{prefix}{name}")).map_err(|e| damaged(&e))?;
                let values = as_f32(&view).ok_or_else(|| damaged(&"its tensors are not f32"))?;
                Ok((name.to_owned(), Tensor::from_vec(values, view.shape(), &Device::Cpu)?))
            };
            names.map(read).collect()
        };
        let (weights, velocity, best) = (set(WEIGHTS)?, set(VELOCITY)?, set(BEST)?);
        Ok(Self { path: path.to_owned(), state, weights, velocity, best })
    }

    pub fn config(&self) -> &Config {
        &self.state.config
    }

    pub fn history(&self) -> &[EpochRecord] {
        &self.state.history
    }

    /// The manifest of the run.
    ///
    /// # Errors
    /// [`Error::Manifest`] when it was tampered with.
    pub fn manifest(&self) -> Result<Manifest> {
        Manifest::with_classes(&self.state.manifest, &self.state.manifest_path, &self.state.classes)
    }

    /// A trainer in this state.
    pub(super) fn trainer(self, data: &Dataset) -> Result<Trainer<'_>> {
        if self.state.pictures != data.len() {
            let why =
                format!("the run was begun on {} pictures, and now there are {}", self.state.pictures, data.len());
            return Err(Error::Data { path: self.path, why });
        }
        let mut trainer = Trainer::with_params(self.manifest()?, data, self.state.config, &self.weights)?;
        trainer.sgd.velocity = self.velocity;
        trainer.best = self.best;
        trainer.history = self.state.history;
        Ok(trainer)
    }
}
