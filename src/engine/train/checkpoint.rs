//! A run lies on disk as one safetensors file, so that its parts cannot disagree.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::trainer::{Nets, Position, first_params};
use super::{Config, EpochRecord, Learner, Optimiser, Trainer};
use crate::data::Dataset;
use crate::device::Backend;
use crate::files::write_atomically;
use crate::model::{Manifest, Parameters, Params, Precision, as_f32, read_weights, weights_bytes};
use crate::{Error, Result};

/// This is everything in a checkpoint that is no tensor.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    pub config: Config,
    history: Vec<EpochRecord>,
    /// The text of the manifest, its path (for messages) and its classes: the run needs no other file to go on.
    manifest: String,
    manifest_path: PathBuf,
    classes: Vec<String>,
    pictures: usize,
    steps: u64,
    /// That number at the start of the epoch, for a state in the middle of one.
    #[serde(default)]
    start_steps: Option<u64>,
    position: Position,
    finished: bool,
}

impl State {
    fn parse(json: Option<impl AsRef<str>>, path: &Path) -> Result<Self> {
        let json = json.ok_or_else(|| damaged(path, &"it holds no state of a run"))?;
        serde_json::from_str(json.as_ref()).map_err(|e| damaged(path, &e))
    }

    fn metadata(&self) -> Result<HashMap<String, String>> {
        let json = serde_json::to_string(self).map_err(|e| Error::Argument(format!("the state of the run: {e}")))?;
        Ok(HashMap::from([(STATE.to_owned(), json)]))
    }

    pub fn manifest(&self) -> Result<Manifest> {
        Manifest::with_classes(&self.manifest, &self.manifest_path, &self.classes)
    }

    fn summary(&self) -> Result<Summary> {
        let manifest = self.manifest()?;
        Ok(Summary {
            config: self.config.clone(),
            history: self.history.clone(),
            parameters: manifest.parameter_count(),
            net: manifest.name,
            pictures: self.pictures,
            is_finished: self.finished,
        })
    }
}

fn damaged(path: &Path, why: &dyn Display) -> Error {
    let why = format!("not a whole checkpoint ({why}); start the run again");
    Error::Data { path: path.to_owned(), why }
}

/// A run as it was after some step.
pub struct Checkpoint {
    path: PathBuf,
    pub(super) state: State,
    weights: Params,
    /// The moments of the optimiser, in the order of [`Algorithm::moments`](super::Algorithm::moments).
    moments: Vec<Params>,
    best: Params,
    /// The weights and moments at the start of the epoch; empty between epochs.
    start: (Params, Vec<Params>),
}

const STATE: &str = "doppelganger";

/// The sets of tensors have these prefixes, after `START` for those of the start of the epoch.
const WEIGHTS: &str = "weights/";
const BEST: &str = "best/";
const START: &str = "start/";

impl Trainer {
    /// Writes the state after the last step, atomically.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written; the state before it stays.
    pub fn save_checkpoint(&self, path: &Path) -> Result<()> {
        let start = self.epoch_start.as_ref().filter(|_| self.position.step > 0);
        let state = State {
            config: self.config.clone(),
            history: self.history.clone(),
            manifest: self.manifest.source.clone(),
            manifest_path: self.manifest.path.clone(),
            classes: self.manifest.classes.clone(),
            pictures: self.data.len(),
            steps: self.learner.optimiser.steps,
            start_steps: start.map(|start| start.optimiser.steps),
            position: self.position,
            finished: self.is_finished(),
        };
        let mut tensors = Params::new();
        let mut add = |prefix: &str, set: Params| {
            tensors.extend(set.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        };
        add(WEIGHTS, self.params()?);
        add(BEST, self.best.clone());
        let mut add_moments = |prefix: &str, optimiser: &Optimiser| -> Result<()> {
            for (name, moment) in optimiser.algorithm.moments().iter().zip(&optimiser.moments) {
                add(&format!("{prefix}{name}/"), moment.to_tensors()?);
            }
            Ok(())
        };
        add_moments("", &self.learner.optimiser)?;
        if let Some(start) = start {
            add_moments(START, &start.optimiser)?;
            add(&format!("{START}{WEIGHTS}"), start.parameters.to_tensors()?);
        }
        let bytes = weights_bytes(&tensors, Precision::Single, Some(state.metadata()?))?;
        write_atomically(path, &bytes, "write the checkpoint")
    }
}

impl Checkpoint {
    /// # Errors
    /// [`Error::Io`], and [`Error::Data`] for a file that is damaged or no checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&read_weights(path)?, path)
    }

    /// Reads a checkpoint from the bytes of such a file; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Data`] for bytes that are damaged or no checkpoint.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let damaged = |e: &dyn Display| damaged(path, e);
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let state = State::parse(header.metadata().as_ref().and_then(|metadata| metadata.get(STATE)), path)?;
        let set = |prefix: &str| -> Result<Params> {
            let names = file.names().into_iter().filter_map(|name| name.strip_prefix(prefix));
            let read = |name: &str| {
                let view = file.tensor(&format!("{prefix}{name}")).map_err(|e| damaged(&e))?;
                let values = as_f32(view.dtype(), view.data()).ok_or_else(|| damaged(&"its tensors are not f32"))?;
                Ok((name.to_owned(), Tensor::from_vec(values, view.shape(), &Device::Cpu)?))
            };
            names.map(read).collect()
        };
        let moments = |prefix: &str| -> Result<Vec<Params>> {
            state.config.optimiser.moments().iter().map(|name| set(&format!("{prefix}{name}/"))).collect()
        };
        let start = (set(&format!("{START}{WEIGHTS}"))?, moments(START)?);
        let (weights, moments, best) = (set(WEIGHTS)?, moments("")?, set(BEST)?);
        Ok(Self { path: path.to_owned(), weights, moments, best, start, state })
    }

    /// Returns the run in brief.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the manifest was tampered with.
    pub fn summary(&self) -> Result<Summary> {
        self.state.summary()
    }

    /// Returns the bytes of a smaller checkpoint of a finished run, for showing alone: settings, history, and its best
    /// weights in half precision in place of the last ones. Training cannot go on from it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a run that is not finished, and weights that half precision cannot hold.
    pub fn in_brief(self) -> Result<Vec<u8>> {
        if !self.state.finished {
            return Err(Error::Argument("the run is not finished; expected one that is".into()));
        }
        let metadata = self.state.metadata()?;
        let best = self.nets()?.best.into_iter().map(|(name, tensor)| (format!("{WEIGHTS}{name}"), tensor)).collect();
        weights_bytes(&best, Precision::Half, Some(metadata))
    }

    /// Returns the net before the first step, as it was last, and at its best.
    ///
    /// # Errors
    /// [`Error::Manifest`] when the manifest was tampered with.
    pub fn nets(self) -> Result<Nets> {
        let (manifest, config) = (self.state.manifest()?, &self.state.config);
        let before = first_params(&manifest, config)?;
        let retrained = config.stopping.retrain && self.state.finished;
        let best = if self.best.is_empty() || retrained { self.weights.clone() } else { self.best };
        Ok(Nets { manifest, before, now: self.weights, best })
    }

    /// Takes the run up where it was left; it then goes on bit for bit as if it had never stopped.
    ///
    /// # Errors
    /// Another number of pictures than the run was begun on, or tensors that do not fit.
    pub fn resume(self, data: Arc<Dataset>) -> Result<Trainer> {
        if self.state.pictures != data.len() {
            let why =
                format!("the run was begun on {} pictures, and now there are {}", self.state.pictures, data.len());
            return Err(Error::Data { path: self.path, why });
        }
        let manifest = self.state.manifest()?;
        let mut learner =
            Learner::new(&Backend::from_environment()?, &manifest, &self.weights, self.state.config.optimiser)?;
        let mut epoch_start = learner.knowledge();
        take_up(&mut learner.optimiser, self.state.steps, &self.moments)?;
        let State { config, history, position, start_steps, .. } = self.state;
        let mut trainer = Trainer::with(manifest, data, config, learner);
        (trainer.history, trainer.position, trainer.best) = (history, position, self.best);
        if let Some(steps) = start_steps {
            let (weights, moments) = &self.start;
            epoch_start.parameters = Parameters::from_tensors(&epoch_start.parameters.layout.clone(), weights)?;
            take_up(&mut epoch_start.optimiser, steps, moments)?;
            trainer.epoch_start = Some(epoch_start);
        }
        Ok(trainer)
    }
}

fn take_up(optimiser: &mut Optimiser, steps: u64, moments: &[Params]) -> Result<()> {
    optimiser.steps = steps;
    for (moment, tensors) in optimiser.moments.iter_mut().zip(moments) {
        *moment = Parameters::from_tensors(&moment.layout.clone(), tensors)?;
    }
    Ok(())
}

/// This is a run in brief, for lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub config: Config,
    pub history: Vec<EpochRecord>,
    /// The `name` of its manifest.
    pub net: String,
    /// The number of trained values.
    pub parameters: usize,
    pub pictures: usize,
    pub is_finished: bool,
}

/// The most bytes of a header that are read.
const MAX_HEADER: u64 = 64 << 20;

impl Summary {
    /// Reads no more of a checkpoint than its header.
    ///
    /// # Errors
    /// Those of [`Checkpoint::read`].
    pub fn read(path: &Path) -> Result<Self> {
        let mut header = Vec::new();
        let read = |header: &mut Vec<u8>| -> std::io::Result<()> {
            let mut file = std::fs::File::open(path)?;
            let mut length = [0; 8];
            file.read_exact(&mut length)?;
            file.take(u64::from_le_bytes(length).min(MAX_HEADER)).read_to_end(header)?;
            Ok(())
        };
        read(&mut header).map_err(Error::io("read the checkpoint", path))?;
        let header: serde_json::Value = serde_json::from_slice(&header).map_err(|e| damaged(path, &e))?;
        State::parse(header["__metadata__"][STATE].as_str(), path)?.summary()
    }
}
