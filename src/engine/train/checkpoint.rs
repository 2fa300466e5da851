//! A run lies on disk as one safetensors file, so that its parts cannot disagree.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{Device, Tensor};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::batches;
use super::learner::Knowledge;
use super::trainer::{Position, RunNets, first_params};
use super::{Config, EpochRecord, Learner, Trainer};
use crate::data::Dataset;
use crate::device::Backend;
use crate::files::write_atomically;
use crate::model::{Manifest, Parameters, Params, Precision, as_f32, read_weights, weights_bytes};
use crate::{Error, Result};

/// This is everything in a checkpoint that is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub config: Config,
    pub history: Vec<EpochRecord>,
    /// With the text of the manifest, its path (for messages) and its classes the run needs no other file to go on.
    manifest: String,
    manifest_path: PathBuf,
    classes: Vec<String>,
    pub pictures: usize,
    steps: u64,
    /// This is that number at the start of the epoch, for a state in the middle of one.
    #[serde(default)]
    start_steps: Option<u64>,
    position: Position,
    #[serde(rename = "finished")]
    pub is_finished: bool,
}

/// So many bytes of a header are read at most.
const MAX_HEADER: u64 = 64 << 20;

impl Summary {
    /// Reads no more of a checkpoint than its header. Fails as [`Checkpoint::read`] does.
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
        Self::parse(header["__metadata__"][STATE].as_str(), path)
    }

    fn parse(json: Option<&str>, path: &Path) -> Result<Self> {
        let json = json.ok_or_else(|| damaged(path, &"it holds no state of a run"))?;
        serde_json::from_str(json).map_err(|e| damaged(path, &e))
    }

    fn metadata(&self) -> Result<HashMap<String, String>> {
        let json = serde_json::to_string(self).map_err(|e| Error::Argument(format!("the state of the run: {e}")))?;
        Ok(HashMap::from([(STATE.to_owned(), json)]))
    }

    /// Returns the manifest of the net; fails where it was tampered with.
    pub fn manifest(&self) -> Result<Manifest> {
        Manifest::with_classes(&self.manifest, &self.manifest_path, &self.classes)
    }
}

fn damaged(path: &Path, why: &dyn Display) -> Error {
    let why = format!("not a whole checkpoint ({why}); start the run again");
    Error::Run { path: path.to_owned(), why }
}

/// This is a run as it was after some step.
pub struct Checkpoint {
    path: PathBuf,
    pub summary: Summary,
    now: Tensors,
    best: Params,
    /// These are the tensors at the start of the epoch; empty between epochs.
    start: Tensors,
}

struct Tensors {
    weights: Params,
    /// These are the optimiser's moments, in the order of [`Algorithm::moments`](super::Algorithm::moments).
    moments: Vec<Params>,
    /// It is empty where no average of the weights is kept.
    average: Params,
}

const STATE: &str = "doppelganger";

/// The names of tensors begin with these; with `START` before them at the start of the epoch.
const WEIGHTS: &str = "weights/";
const AVERAGE: &str = "average/";
const BEST: &str = "best/";
const START: &str = "start/";

impl Trainer {
    /// Writes the state after the last step, atomically: where that fails, the state before it stays.
    pub fn save_checkpoint(&self, path: &Path) -> Result<()> {
        let start = self.epoch_start.as_ref().filter(|_| self.position.step > 0);
        let summary = Summary {
            config: self.config.clone(),
            history: self.history.clone(),
            manifest: self.manifest.source.clone(),
            manifest_path: self.manifest.path.clone(),
            classes: self.manifest.classes.clone(),
            pictures: self.data.len(),
            steps: self.learner.optimiser.steps,
            start_steps: start.map(|start| start.optimiser.steps),
            position: self.position,
            is_finished: self.is_finished(),
        };
        let mut tensors = Params::new();
        let mut add = |prefix: String, set: Params| {
            tensors.extend(set.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        };
        add(BEST.into(), self.best.clone());
        let now = self.learner.knowledge();
        for (prefix, known) in [("", &now)].into_iter().chain(start.map(|start| (START, start))) {
            add(format!("{prefix}{WEIGHTS}"), known.parameters.to_tensors()?);
            for (name, moment) in known.optimiser.algorithm.moments().iter().zip(&known.optimiser.moments) {
                add(format!("{prefix}{name}/"), moment.to_tensors()?);
            }
            if let Some(average) = &known.average {
                add(format!("{prefix}{AVERAGE}"), average.to_tensors()?);
            }
        }
        let bytes = weights_bytes(&tensors, Precision::Single, Some(summary.metadata()?))?;
        write_atomically(path, &bytes, "write the checkpoint")
    }
}

impl Checkpoint {
    /// Reads a checkpoint. Fails for a file that cannot be read, is damaged or no checkpoint.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&read_weights(path)?, path)
    }

    /// Reads a checkpoint from the bytes of such a file; `path` is for messages.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let damaged = |e: &dyn Display| damaged(path, e);
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let metadata = header.metadata().as_ref();
        let summary = Summary::parse(metadata.and_then(|texts| texts.get(STATE)).map(String::as_str), path)?;
        let set = |prefix: &str| -> Result<Params> {
            let names = file.names().into_iter().filter_map(|name| name.strip_prefix(prefix));
            let read = |name: &str| {
                let view = file.tensor(&format!("{prefix}{name}")).map_err(|e| damaged(&e))?;
                let values = as_f32(view.dtype(), view.data()).ok_or_else(|| damaged(&"its tensors are not f32"))?;
                Ok((name.to_owned(), Tensor::from_vec(values.into_owned(), view.shape(), &Device::Cpu)?))
            };
            names.map(read).collect()
        };
        let tensors = |prefix: &str| -> Result<Tensors> {
            let moments = summary.config.optimiser.moments().iter().map(|name| set(&format!("{prefix}{name}/")));
            let (weights, average) = (set(&format!("{prefix}{WEIGHTS}"))?, set(&format!("{prefix}{AVERAGE}"))?);
            Ok(Tensors { weights, moments: moments.collect::<Result<_>>()?, average })
        };
        let (now, best, start) = (tensors("")?, set(BEST)?, tensors(START)?);
        Ok(Self { path: path.to_owned(), now, best, start, summary })
    }

    /// Returns the bytes of a smaller checkpoint for showing alone: settings, history, and its best weights in half
    /// precision in place of the last ones. Training cannot go on from it.
    ///
    /// # Errors
    /// [`Error::Argument`] for a run that is not finished, and weights that half precision cannot hold.
    pub fn in_brief(self) -> Result<Vec<u8>> {
        if !self.summary.is_finished {
            return Err(Error::Argument("the run is not finished; expected one that is".into()));
        }
        let metadata = self.summary.metadata()?;
        let best = self.nets()?.best.into_iter().map(|(name, tensor)| (format!("{WEIGHTS}{name}"), tensor)).collect();
        weights_bytes(&best, Precision::Half, Some(metadata))
    }

    /// Returns the net before the first step, as it was last, and at its best.
    pub fn nets(self) -> Result<RunNets> {
        let manifest = self.summary.manifest()?;
        let (before, now) = (first_params(&manifest, &self.summary.config)?, self.now.used().clone());
        Ok(RunNets { manifest, before, now, best: self.kept() })
    }

    /// Returns the weights to keep, as [`Trainer::best_params`] does.
    pub fn kept(self) -> Params {
        let retrained = self.summary.config.stopping.retrain && self.summary.is_finished;
        if self.best.is_empty() || retrained { self.now.used().clone() } else { self.best }
    }

    /// Takes the run up where it was left; it then goes on bit for bit as if it had never stopped. Fails for another
    /// number of pictures than it was begun on, and for tensors that do not fit.
    pub fn resume(self, data: Arc<Dataset>) -> Result<Trainer> {
        let manifest = self.summary.manifest()?;
        let Summary { config, history, pictures, steps, start_steps, position, .. } = self.summary;
        if pictures != data.len() {
            let why = format!("the run was begun on {pictures} pictures, and now there are {}", data.len());
            return Err(Error::Data { path: self.path, why });
        }
        batches::check(&manifest.graph, config.batch, data.len().saturating_sub(config.validation))?;
        let learner = Learner::new(&Backend::from_environment()?, &manifest, &self.now.weights, config.optimiser)?;
        let mut learner = learner.averaging(config.averaging);
        let mut known = learner.knowledge();
        self.now.restore(&mut known, steps)?;
        learner.go_back(&known);
        let mut trainer = Trainer::with(manifest, data, config, learner);
        (trainer.history, trainer.position, trainer.best) = (history, position, self.best);
        if let Some(steps) = start_steps {
            self.start.restore(&mut known, steps)?;
            trainer.epoch_start = Some(known);
        }
        Ok(trainer)
    }
}

impl Tensors {
    /// Returns the weights to use: their average, where one was kept.
    fn used(&self) -> &Params {
        if self.average.is_empty() { &self.weights } else { &self.average }
    }

    fn restore(&self, known: &mut Knowledge, steps: u64) -> Result<()> {
        let Knowledge { parameters, optimiser, average } = known;
        optimiser.steps = steps;
        let weights = std::iter::once((parameters, &self.weights));
        let weights = weights.chain(average.as_mut().map(|average| (average, &self.average)));
        for (parameters, tensors) in weights.chain(optimiser.moments.iter_mut().zip(&self.moments)) {
            *parameters = Parameters::from_tensors(&parameters.layout.clone(), tensors)?;
        }
        Ok(())
    }
}
