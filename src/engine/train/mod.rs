//! Training, clean or adversarial: arXiv 1412.6572, section 6,
//! `J̃(θ, x, y) = α·J(θ, x, y) + (1 − α)·J(θ, x + ε·sign(∇ₓJ(θ, x, y)), y)`.

mod checkpoint;
mod history;
mod init;
mod learner;
mod optimiser;
mod passes;

pub use checkpoint::Checkpoint;
pub use history::{EpochRecord, history_csv};
pub use init::initial_params;
pub use optimiser::{Algorithm, Optimiser, StepSize};

use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::engine::attack::PIXELS;
use crate::engine::data::Dataset;
use crate::engine::device::Backend;
use crate::engine::model::{Manifest, Params, argmax};
use crate::engine::{Error, Result};
pub use learner::{Learner, Objective};

/// Everything that decides how a run goes; with the data and the manifest it determines the weights bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The folder of the data set.
    pub data: PathBuf,
    pub epochs: usize,
    pub batch: usize,
    #[serde(default)]
    pub optimiser: Algorithm,
    /// The rate of the first step; it falls to zero along half a cosine.
    pub learning_rate: f32,
    pub momentum: f32,
    /// Multiple of the weights that is added to their gradients.
    pub weight_decay: f32,
    /// The largest norm of the incoming weights of a unit.
    pub max_norm: Option<f32>,
    /// ε of the adversarial examples in the objective, in units of the pixel range; 0 trains clean.
    pub eps: f32,
    /// Share of the clean loss in the objective; 1 trains clean.
    pub alpha: f32,
    /// Clip adversarial examples to [0, 1].
    pub clip: bool,
    /// Pictures held out for validation, the last ones of the training split.
    pub validation: usize,
    pub seed: u64,
}

impl Config {
    /// # Errors
    /// [`Error::Argument`] that names the value, what it is, and what was expected.
    pub fn check(&self, pictures: usize) -> Result<()> {
        let refuse = |what: &str, value: &dyn std::fmt::Display, expected: &str| {
            Err(Error::Argument(format!("{what} is {value}; expected {expected}")))
        };
        if self.epochs == 0 {
            return refuse("epochs", &0, "at least 1");
        }
        if self.batch == 0 {
            return refuse("batch", &0, "at least 1");
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("the learning rate", &self.learning_rate, "a number above 0");
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return refuse("momentum", &self.momentum, "0 or more and below 1");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refuse("weight decay", &self.weight_decay, "a number of at least 0");
        }
        if let Some(norm) = self.max_norm.filter(|norm| !(norm.is_finite() && *norm > 0.0)) {
            return refuse("max-norm", &norm, "a number above 0");
        }
        if !(self.eps.is_finite() && self.eps >= 0.0) {
            return refuse("ε", &self.eps, "a number of at least 0 in units of the pixel range");
        }
        if !(0.0..=1.0).contains(&self.alpha) {
            return refuse("α", &self.alpha, "0 to 1");
        }
        if self.validation >= pictures {
            return refuse(
                "validation",
                &self.validation,
                &format!("fewer than the {pictures} pictures of the training split"),
            );
        }
        Ok(())
    }

    /// Whether the objective has adversarial examples in it.
    pub fn is_adversarial(&self) -> bool {
        self.eps > 0.0 && self.alpha < 1.0
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Counted from 0.
    pub epoch: usize,
    pub epochs: usize,
    /// Steps done in this epoch, of how many.
    pub step: usize,
    pub steps: usize,
    /// Mean objective of this epoch so far.
    pub loss: f32,
}

/// A run that can be left after any epoch and taken up again.
pub struct Trainer<'a> {
    config: Config,
    data: &'a Dataset,
    manifest: Manifest,
    learner: Learner,
    history: Vec<EpochRecord>,
    best: Params,
}

impl<'a> Trainer<'a> {
    /// # Errors
    /// An impossible configuration.
    pub fn new(manifest: Manifest, data: &'a Dataset, config: Config) -> Result<Self> {
        config.check(data.len())?;
        let params = initial_params(&manifest.layers, &mut stream(config.seed, 0, Purpose::Weights))?;
        let learner = Learner::new(&Backend::from_environment()?, &manifest, &params, config.optimiser)?;
        Ok(Self { config, data, manifest, learner, history: Vec::new(), best: Params::new() })
    }

    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn is_finished(&self) -> bool {
        self.history.len() >= self.config.epochs
    }

    /// A copy of the weights as they are now.
    pub fn params(&self) -> Result<Params> {
        self.learner.params()
    }

    /// The weights of the epoch with the lowest validation error: the adversarial error alone when the training is
    /// adversarial (the deck's rule), the clean one otherwise. Without validation, the present ones.
    pub fn best_params(&self) -> Result<Params> {
        if self.best.is_empty() { self.params() } else { Ok(self.best.clone()) }
    }

    /// Trains one epoch and validates it. `go_on` is asked after every step; false leaves the trainer in the middle of
    /// the epoch, which is then only good for dropping: the checkpoint holds the state before it.
    ///
    /// # Errors
    /// [`Error::Stopped`], a loss that is not a number, or a picture that cannot be read.
    pub fn epoch(&mut self, go_on: &mut dyn FnMut(Progress) -> bool) -> Result<&EpochRecord> {
        let started = std::time::Instant::now();
        let epoch = self.history.len();
        let training = self.data.len() - self.config.validation;
        let mut order: Vec<usize> = (0..training).collect();
        order.shuffle(&mut stream(self.config.seed, epoch, Purpose::Order));
        let mut rng = stream(self.config.seed, epoch, Purpose::Dropout);
        let steps = training.div_ceil(self.config.batch);
        let mut sum = 0.0f64;
        for (step, batch) in order.chunks(self.config.batch).enumerate() {
            let done = (epoch * steps + step) as f32 / (self.config.epochs * steps) as f32;
            let rate = self.config.learning_rate * 0.5 * (1.0 + (std::f32::consts::PI * done).cos());
            let loss = self.step(batch, rate, &mut rng)?;
            if !loss.is_finite() {
                return Err(Error::Argument(format!(
                    "the loss became {loss} in epoch {}, step {}; try a smaller learning rate than {}",
                    epoch + 1,
                    step + 1,
                    self.config.learning_rate
                )));
            }
            sum += f64::from(loss);
            let loss = (sum / (step + 1) as f64) as f32;
            if !go_on(Progress { epoch, epochs: self.config.epochs, step: step + 1, steps, loss }) {
                return Err(Error::Stopped);
            }
        }
        let loss = (sum / steps as f64) as f32;
        let record = self.validate(EpochRecord { epoch: epoch + 1, loss, ..EpochRecord::default() })?;
        self.keep_if_best(&record)?;
        self.history.push(EpochRecord { seconds: started.elapsed().as_secs_f32(), ..record });
        Ok(&self.history[epoch])
    }

    /// One step of the optimiser on the objective; returns its value.
    fn step(&mut self, batch: &[usize], rate: f32, rng: &mut ChaCha8Rng) -> Result<f32> {
        let (x, labels) = self.data.batch(batch, &self.manifest.input)?;
        let Config { momentum, weight_decay, max_norm, .. } = self.config;
        let size = StepSize { rate, momentum, weight_decay, max_norm };
        self.learner.step(&x.flatten_all()?.to_vec1()?, &labels, self.objective(), size, rng)
    }

    fn objective(&self) -> Objective {
        let Config { eps, alpha, clip, .. } = self.config;
        Objective { eps, alpha, bounds: clip.then_some(PIXELS) }
    }

    /// Errors on the pictures held out, clean and under FGSM at the ε of the objective.
    fn validate(&mut self, record: EpochRecord) -> Result<EpochRecord> {
        if self.config.validation == 0 {
            return Ok(record);
        }
        let objective = self.objective();
        let indices: Vec<usize> = (self.data.len() - self.config.validation..self.data.len()).collect();
        let (mut clean, mut adversarial) = (0, 0);
        for batch in indices.chunks(self.config.batch.max(100)) {
            let (x, labels) = self.data.batch(batch, &self.manifest.input)?;
            let x: Vec<f32> = x.flatten_all()?.to_vec1()?;
            if self.config.eps > 0.0 {
                let (logits, attacked) = self.learner.attack(&x, &labels, objective)?;
                clean += wrong(&logits, &labels);
                adversarial += wrong(&self.learner.logits(&attacked)?, &labels);
            } else {
                clean += wrong(&self.learner.logits(&x)?, &labels);
            }
        }
        let share = |wrong: usize| Some(wrong as f32 / indices.len() as f32);
        let adversarial_error = if self.config.eps > 0.0 { share(adversarial) } else { None };
        Ok(EpochRecord { clean_error: share(clean), adversarial_error, ..record })
    }

    fn keep_if_best(&mut self, record: &EpochRecord) -> Result<()> {
        let adversarial = self.config.is_adversarial();
        let error = |record: &EpochRecord| if adversarial { record.adversarial_error } else { record.clean_error };
        let best = self.history.iter().filter_map(error).fold(f32::INFINITY, f32::min);
        if error(record).is_some_and(|error| error < best) {
            self.best = self.params()?;
        }
        Ok(())
    }

    /// Writes the state after the last whole epoch, atomically.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written; the state before it stays.
    pub fn save_checkpoint(&self, path: &Path) -> Result<()> {
        checkpoint::save(self, path)
    }

    /// Takes a run up where a checkpoint left it; it then goes on bit for bit as if it had never stopped.
    ///
    /// # Errors
    /// A checkpoint of another data set, or with tensors that do not fit.
    pub fn resume(checkpoint: Checkpoint, data: &'a Dataset) -> Result<Self> {
        checkpoint.trainer(data)
    }
}

fn wrong(logits: &[f32], labels: &[usize]) -> usize {
    let classes = logits.len() / labels.len().max(1);
    logits.chunks_exact(classes).zip(labels).filter(|(z, label)| argmax(z) != **label).count()
}

/// What a generator is for; each purpose and epoch has a stream of its own, so that a resumed run needs no state.
#[derive(Clone, Copy)]
enum Purpose {
    Weights,
    Order,
    Dropout,
}

fn stream(seed: u64, epoch: usize, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch as u64 * 16 + purpose as u64);
    rng
}
