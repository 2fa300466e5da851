//! A run on disk: one safetensors file, so that its parts cannot disagree.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::{Config, EpochRecord, Trainer};
use crate::engine::data::Dataset;
use crate::engine::files::write_atomically;
use crate::engine::model::{Manifest, Params, read_weights, sha256_hex, weights_bytes};
use crate::engine::{Error, Result};

/// What is not a tensor.
#[derive(Serialize, Deserialize)]
struct State {
    config: Config,
    history: Vec<EpochRecord>,
    /// The manifest and the number of pictures: a run can only go on with its own.
    manifest_sha256: String,
    pictures: usize,
}

const STATE: &str = "doppelganger";

/// Prefixes of the three sets of tensors in the file.
const WEIGHTS: &str = "weights/";
const VELOCITY: &str = "velocity/";
const BEST: &str = "best/";

pub fn save(trainer: &Trainer<'_>, path: &Path) -> Result<()> {
    let state = State {
        config: trainer.config.clone(),
        history: trainer.history.clone(),
        manifest_sha256: sha256_hex(trainer.manifest.source.as_bytes()),
        pictures: trainer.data.len(),
    };
    let json = serde_json::to_string(&state).map_err(|e| Error::Argument(format!("the state of the run: {e}")))?;
    let weights = trainer.params()?;
    let sets = [(WEIGHTS, &weights), (VELOCITY, &trainer.sgd.velocity), (BEST, &trainer.best)];
    let tensors = sets.into_iter().flat_map(|(prefix, set)| set.iter().map(move |(n, t)| (format!("{prefix}{n}"), t.clone())));
    let bytes = weights_bytes(&tensors.collect(), Some(HashMap::from([(STATE.to_owned(), json)])))?;
    write_atomically(path, &bytes, "write the checkpoint")
}

pub fn load<'a>(manifest: Manifest, data: &'a Dataset, path: &Path) -> Result<Trainer<'a>> {
    let refuse = |why: String| Error::Data { path: path.to_owned(), why };
    let bytes = read_weights(path)?;
    let damaged = |e: &dyn std::fmt::Display| refuse(format!("not a whole checkpoint ({e}); start the run again"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(&e))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(&e))?;
    let json = header.metadata().as_ref().and_then(|metadata| metadata.get(STATE));
    let json = json.ok_or_else(|| damaged(&"it holds no state of a run"))?;
    let state: State = serde_json::from_str(json).map_err(|e| damaged(&e))?;
    if state.manifest_sha256 != sha256_hex(manifest.source.as_bytes()) || state.pictures != data.len() {
        return Err(refuse("this run was begun with another manifest or data set; expected the same ones".into()));
    }
    let set = |prefix: &str| -> Result<Params> {
        let names = file.names().into_iter().filter_map(|name| name.strip_prefix(prefix));
        let read = |name: &str| {
            let view = file.tensor(&format!("{prefix}{name}")).map_err(|e| damaged(&e))?;
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok((name.to_owned(), Tensor::from_vec(values, view.shape(), &Device::Cpu)?))
        };
        names.map(read).collect()
    };
    let mut trainer = Trainer::with_params(manifest, data, state.config, &set(WEIGHTS)?)?;
    trainer.sgd.velocity = set(VELOCITY)?;
    trainer.best = set(BEST)?;
    trainer.history = state.history;
    Ok(trainer)
}
