//! A run goes on by steps, validations and epochs, one small piece of work at a time.

use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::batches::{self, Batches};
use super::beginning::Beginning;
use super::config::Config;
use super::history::{EpochRecord, Stage};
use super::init::initial_params;
use super::learner::{Knowledge, Learner};
use super::optimiser::StepSize;
use super::stopping::{Stopping, selection};
use super::validation::Validation;
use crate::data::Dataset;
use crate::device::Backend;
use crate::model::{Catalogue, FirstLayer, Manifest, Params};
use crate::picture::Rgba;
use crate::{Error, Result};

/// A run can be left after any step and taken up again.
///
/// Whoever drives it calls [`Self::advance`] until [`Self::is_finished`], and looks, pauses, stops or saves in between.
pub struct Trainer {
    pub(super) config: Config,
    pub(super) data: Arc<Dataset>,
    pub(super) manifest: Manifest,
    pub(super) learner: Learner,
    pub(super) history: Vec<EpochRecord>,
    /// These are the weights of the best epoch of the selection; empty before there is one.
    pub(super) best: Params,
    pub(super) position: Position,
    /// A loss that is no number leads back to this start of the epoch; `None` before the first step.
    pub(super) epoch_start: Option<Knowledge>,
    /// The pictures of this epoch are taken in this order; empty before its first step.
    order: Vec<usize>,
    pub(super) validation: Option<Validation>,
}

/// The next step of a run is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Position {
    pub stage: Stage,
    /// The epoch is counted from 0 in each stage.
    pub epoch: usize,
    pub step: usize,
    /// The sum of the objective over the steps of this epoch.
    pub sum: f64,
    /// So many seconds were spent on this epoch.
    pub seconds: f32,
    /// These ε and α count from the next epoch on.
    pub tuning: Option<(f32, f32)>,
}

/// The trainer did one of these pieces of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkDone {
    Step,
    Validation,
    /// The epoch has ended, and the history has a new record.
    Epoch,
}

/// This is the net of a run before its first step, now, and at its best (see [`Trainer::best_params`]).
pub struct RunNets {
    pub manifest: Manifest,
    pub before: Params,
    pub now: Params,
    pub best: Params,
}

impl Trainer {
    /// Begins a run. Fails for an impossible configuration.
    pub fn new(manifest: Manifest, data: Arc<Dataset>, config: Config) -> Result<Self> {
        config.check(data.len())?;
        batches::check(&manifest.graph, config.batch, data.len() - config.validation)?;
        let learner = fresh_learner(&manifest, &config)?;
        Ok(Self::with(manifest, data, config, learner))
    }

    /// Makes a run before its first step.
    pub(super) fn with(manifest: Manifest, data: Arc<Dataset>, config: Config, learner: Learner) -> Self {
        let (history, best, position) = (Vec::new(), Params::new(), Position::default());
        let (epoch_start, order, validation) = (None, Vec::new(), None);
        Self { config, data, manifest, learner, history, best, position, epoch_start, order, validation }
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

    pub fn params(&self) -> Result<Params> {
        self.learner.params()
    }

    /// Returns the weights of the first layer as pictures; `None` where these are no pictures.
    pub fn first_layer_sheet(&self) -> Option<Rgba> {
        let layer = FirstLayer::of(&self.manifest)?;
        Some(layer.sheet(&self.learner.tensor(&layer.tensor)?))
    }

    pub fn data_len(&self) -> usize {
        self.data.len()
    }

    pub fn nets(&self) -> Result<RunNets> {
        let before = first_params(&self.manifest, &self.config)?;
        Ok(RunNets { manifest: self.manifest.clone(), before, now: self.params()?, best: self.best_params()? })
    }

    /// Returns the weights to keep: those of the epoch that the stopping rule finds best, the retrained ones once they
    /// are there, and the present ones without a rule.
    pub fn best_params(&self) -> Result<Params> {
        let retrained = self.config.stopping.retrain && self.is_finished();
        if self.best.is_empty() || retrained { self.params() } else { Ok(self.best.clone()) }
    }

    /// Says that the net has not learnt anything for some epochs, and what to try (see [`Beginning::problem`]).
    pub fn not_begun(&self) -> Option<String> {
        let (classes, pictures) = (self.manifest.classes.len(), self.data.len());
        Beginning { config: &self.config, history: &self.history, classes, pictures }.problem()
    }

    /// Returns how many epochs of the selection the stopping rule finds best; a retraining takes as many.
    pub fn best_epochs(&self) -> usize {
        self.config.stopping.rule.best_epochs(&self.history)
    }

    fn selection_is_over(&self) -> bool {
        let Stopping { rule, patience, .. } = self.config.stopping;
        let stopped = patience.and_then(|patience| rule.stops_at(&self.history, patience));
        stopped.is_some() || selection(&self.history).len() >= self.config.epochs
    }

    pub fn is_finished(&self) -> bool {
        let retrained = self.history.len() - selection(&self.history).len() >= self.best_epochs();
        self.selection_is_over() && (!self.config.stopping.retrain || retrained)
    }

    pub(super) fn epochs(&self) -> usize {
        match self.position.stage {
            Stage::Selection => self.config.epochs,
            Stage::Retraining => self.best_epochs(),
        }
    }

    /// Returns how many pictures are trained on in this stage; those behind them are held out.
    fn pictures(&self) -> usize {
        match self.position.stage {
            Stage::Selection => self.data.len() - self.config.validation,
            Stage::Retraining => self.data.len(),
        }
    }

    fn batches(&self) -> Batches {
        let leaves_none_alone = batches::norm_of_single_values(&self.manifest.graph).is_some();
        Batches { pictures: self.pictures(), size: self.config.batch, leaves_none_alone }
    }

    pub(super) fn steps(&self) -> usize {
        self.batches().count()
    }

    /// Sets ε and α from the next epoch on. Fails, and changes nothing, for impossible values and in the retraining.
    pub fn retune(&mut self, eps: f32, alpha: f32) -> Result<()> {
        Config { eps, alpha, ..self.config.clone() }.check(self.data.len())?;
        if self.position.stage == Stage::Retraining {
            let why = "the retraining repeats the ε and α of the selection; begin another run for others";
            return Err(Error::Argument(why.into()));
        }
        self.position.tuning = Some((eps, alpha));
        Ok(())
    }

    /// Sets the learning rate from the next step on: a way out when the loss is no number any more. Fails, and changes
    /// nothing, for an impossible value.
    pub fn set_learning_rate(&mut self, learning_rate: f32) -> Result<()> {
        let config = Config { learning_rate, ..self.config.clone() };
        config.check(self.data.len()).map(|()| self.config = config)
    }

    /// Does one piece of work: a step, a batch of the validation, or the end of an epoch. Nothing when finished.
    ///
    /// # Errors
    /// A loss that is not a number (the run goes back to the start of the epoch), or a picture that cannot be read.
    /// The run can be advanced again.
    pub fn advance(&mut self) -> Result<WorkDone> {
        let started = Instant::now();
        let work = if self.is_finished() {
            Ok(WorkDone::Epoch)
        } else if self.position.step < self.steps() {
            self.train_batch().map(|()| WorkDone::Step)
        } else {
            self.validate_batch()
        };
        let seconds = started.elapsed().as_secs_f32();
        match work {
            // The record of the epoch is there already.
            Ok(WorkDone::Epoch) => self.history.last_mut().into_iter().for_each(|record| record.seconds += seconds),
            _ => self.position.seconds += seconds,
        }
        work
    }

    fn train_batch(&mut self) -> Result<()> {
        self.begin_epoch();
        let Position { epoch, step, .. } = self.position;
        let batch = &self.order[self.batches().range(step)];
        let (mut x, labels) = self.data.batch_values(batch, &self.manifest.input)?;
        let mut rng = stream(self.config.seed, self.position, Purpose::Augment);
        self.config.augment.apply(&mut x, &self.manifest.input, &mut rng);
        let (place, steps) = self.place_in_run(step);
        let size = StepSize {
            rate: self.rate(step),
            momentum: self.config.schedule.momentum(self.config.momentum.at(epoch), place, steps),
            nesterov: self.config.nesterov,
            weight_decay: self.config.weight_decay,
            max_norm: self.config.max_norm,
        };
        let mut rng = stream(self.config.seed, self.position, Purpose::Dropout);
        let loss = self.learner.step(&x, &labels, self.config.objective(), size, &mut rng)?;
        if !loss.is_finite() {
            if let Some(start) = &self.epoch_start {
                self.learner.go_back(start);
            }
            self.position = Position { step: 0, sum: 0.0, ..self.position };
            self.order.clear();
            return Err(Error::Argument(format!(
                "the loss became {loss} in epoch {}, step {}, and the run went back to the start of this epoch; try a \
                 smaller learning rate than {}",
                epoch + 1,
                step + 1,
                self.config.learning_rate
            )));
        }
        self.position.sum += f64::from(loss);
        self.position.step += 1;
        Ok(())
    }

    /// Prepares the first step of an epoch, or the next one of a run that was taken up in the middle of it.
    fn begin_epoch(&mut self) {
        if self.position.step == 0 {
            match (self.position.stage, self.position.tuning) {
                (Stage::Retraining, _) => self.repeat_settings(),
                (Stage::Selection, Some(tuning)) => (self.config.eps, self.config.alpha) = tuning,
                (Stage::Selection, None) => {}
            }
            self.position.tuning = None;
            self.order.clear();
            self.epoch_start = Some(self.learner.knowledge());
        }
        if self.order.is_empty() {
            self.order = (0..self.pictures()).collect();
            let place = Position { step: 0, ..self.position };
            self.order.shuffle(&mut stream(self.config.seed, place, Purpose::Order));
        }
    }

    /// Takes ε, α and a changed learning rate for the retraining as the selection had them in this epoch.
    fn repeat_settings(&mut self) {
        let epoch = self.position.epoch;
        let Some(record) = self.history.get(epoch) else { return };
        (self.config.eps, self.config.alpha) = (record.eps, record.alpha);
        let before = epoch.checked_sub(1).and_then(|before| self.history.get(before));
        // A rate that did not change there may have been lowered in the retraining, and stays.
        let is_new = before.is_none_or(|before| before.learning_rate != record.learning_rate);
        if is_new && record.learning_rate > 0.0 {
            self.config.learning_rate = record.learning_rate;
        }
    }

    fn rate(&self, step: usize) -> f32 {
        let (step, steps) = self.place_in_run(step);
        self.config.learning_rate * self.config.schedule.factor(step, steps)
    }

    /// Returns a step of this epoch among those of all epochs, and how many these are.
    fn place_in_run(&self, step: usize) -> (usize, usize) {
        let steps = self.steps();
        (self.position.epoch * steps + step, self.config.epochs * steps)
    }

    fn validate_batch(&mut self) -> Result<WorkDone> {
        let held_out = self.pictures()..self.data.len();
        let pgd = if self.config.eps > 0.0 { self.config.pgd_pictures } else { 0 };
        let mut validation = self.validation.take().unwrap_or_else(|| Validation::new(held_out, pgd));
        let Some(pictures) = validation.next() else {
            self.end_epoch(&validation)?;
            return Ok(WorkDone::Epoch);
        };
        let place = Position { step: pictures.start, ..self.position };
        let (x, labels) = self.data.batch_values(&pictures.collect::<Vec<_>>(), &self.manifest.input)?;
        let mut noise = stream(self.config.seed, place, Purpose::Probe);
        let objective = self.config.objective();
        self.learner.with_average(|learner| validation.measure(learner, &x, &labels, objective, &mut noise))?;
        self.validation = Some(validation);
        Ok(WorkDone::Validation)
    }

    fn end_epoch(&mut self, validation: &Validation) -> Result<()> {
        let [clean, adversarial, pgd] = validation.results();
        let Position { stage, epoch, step, sum, seconds, tuning } = self.position;
        self.history.push(EpochRecord {
            stage,
            epoch: epoch + 1,
            eps: self.config.eps,
            alpha: self.config.alpha,
            rate: self.rate(step - 1),
            learning_rate: self.config.learning_rate,
            loss: (sum / step as f64) as f32,
            clean,
            adversarial,
            pgd,
            seconds,
        });
        if stage == Stage::Selection {
            match self.config.stopping.rule.best(&self.history) {
                Some(best) if best + 1 == self.history.len() => self.best = self.params()?,
                Some(_) => {}
                // Without an error to go by, as where ε was set to 0, it is the present weights that are kept.
                None => self.best.clear(),
            }
        }
        self.position = Position { stage, epoch: epoch + 1, tuning, ..Position::default() };
        if stage == Stage::Selection && self.selection_is_over() && self.config.stopping.retrain {
            self.learner = fresh_learner(&self.manifest, &self.config)?;
            self.position = Position { stage: Stage::Retraining, ..Position::default() };
        }
        Ok(())
    }
}

/// Returns the weights before the first step.
pub(super) fn first_params(manifest: &Manifest, config: &Config) -> Result<Params> {
    if config.fine_tune {
        return Catalogue::from_environment().params(manifest);
    }
    let mut rng = stream(config.seed, Position::default(), Purpose::Weights);
    initial_params(&manifest.graph, config.init, &mut rng)
}

fn fresh_learner(manifest: &Manifest, config: &Config) -> Result<Learner> {
    let first = first_params(manifest, config)?;
    let learner = Learner::new(&Backend::from_environment()?, manifest, &first, config.optimiser)?;
    Ok(learner.averaging(config.averaging))
}

/// Each purpose of a generator has a stream of its own at each step, so that a resumed run needs no generator's state.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Weights,
    Order,
    Dropout,
    /// The adversary of the objective draws from the stream after that of the dropout.
    _Noise,
    Augment,
    Probe,
}

pub(super) fn stream(seed: u64, at: Position, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let place = ((at.stage as u64) << 60) + ((at.epoch as u64) << 32) + ((at.step as u64) << 4);
    rng.set_stream(place + purpose as u64);
    rng
}
