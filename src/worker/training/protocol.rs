//! These are the orders of the window to the trainer, and the events that it answers with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Result;
use crate::engine::data::DataSource;
use crate::engine::picture::Rgba;
use crate::engine::train::{Beginning, Config, EpochRecord, Progress, Robustness, RunLabel, Summary, shipped};
use crate::worker::DownloadEvent;

/// A run is known by the name of its folder, such as `run-0007`.
pub type RunId = Arc<str>;

/// This is what a person can ask of the trainer. One run is in hand at a time, the others wait in a queue.
#[derive(Clone, Debug)]
pub enum Order {
    /// Begins a run when those before it are finished or stopped.
    Start(Box<Config>),
    /// Takes up a run from its folder when those before it are finished or stopped.
    Resume(RunId),
    /// Takes a run out of the queue.
    Withdraw(RunId),
    /// Pauses the run in hand.
    Pause,
    /// Goes on with the run in hand.
    Play,
    /// Takes one step, then pauses.
    OneStep,
    /// Trains to the end of the epoch, then pauses.
    OneEpoch,
    /// Keeps the run in hand and puts it down; the next of the queue begins.
    Stop,
    /// Sets ε and α of the run in hand from the next epoch on.
    Retune { eps: f32, alpha: f32 },
    /// Sets the learning rate of the run in hand from the next step on.
    LearningRate(f32),
    /// Makes the nets of a run known to Explore: before, now and at its best.
    Offer(RunId),
    /// Shows the weights of the first layer of a run that is not in hand; one in hand shows them by itself.
    FirstLayer(RunId),
    /// Keeps what a person wrote about a run; answered by [`TrainEvent::Labelled`].
    Label(RunId, RunLabel),
    /// Deletes the folder of a run that is not in hand.
    Delete(RunId),
    /// Fetches a data set from the network, to which the person has agreed; training goes on meanwhile.
    Fetch(DataSource),
    /// Stops fetching.
    CancelFetch,
}

#[derive(Clone, Debug, PartialEq)]
pub enum RunState {
    Queued,
    /// The data and the net are being prepared.
    Preparing,
    Running,
    /// The person paused it, or a problem that the message explains and that can be mended.
    Paused(Option<String>),
    /// It was stopped before its end, and can be taken up again.
    Stopped,
    Finished,
    Failed(String),
}

/// This is a run as lists show it.
#[derive(Clone, Debug)]
pub struct RunInfo {
    pub run: RunId,
    pub state: RunState,
    pub folder: PathBuf,
    pub config: Config,
    /// The net has the `name` of its manifest; until that is found, the words that it was asked for by.
    pub net: String,
    /// The number of trained values is 0 until the net is found, that of training pictures until the data is opened.
    pub parameters: usize,
    pub pictures: usize,
    /// The number of classes of the net is 0 until it is found.
    pub classes: usize,
    pub history: Vec<EpochRecord>,
    /// A person wrote this about the run.
    pub label: RunLabel,
    /// This was measured of its net on test pictures.
    pub robustness: Vec<Robustness>,
}

impl RunInfo {
    pub(super) fn of_waiting(run: RunId, folder: PathBuf, config: Config, state: RunState) -> Self {
        let (net, label) = (config.model.clone(), RunLabel::read(&folder));
        let (history, robustness) = (Vec::new(), Vec::new());
        Self { run, state, folder, config, net, parameters: 0, pictures: 0, classes: 0, history, label, robustness }
    }

    pub(super) fn from_summary(run: RunId, folder: PathBuf, summary: Summary) -> Result<Self> {
        let manifest = summary.manifest()?;
        let (parameters, classes, net) = (manifest.parameter_count(), manifest.classes.len(), manifest.name);
        let Summary { config, history, pictures, is_finished, .. } = summary;
        let state = if is_finished { RunState::Finished } else { RunState::Stopped };
        let (label, robustness) = (RunLabel::read(&folder), Robustness::read_all(&folder));
        Ok(Self { run, state, folder, config, net, parameters, pictures, classes, history, label, robustness })
    }

    /// Tells whether the run came with the program.
    pub fn is_shipped(&self) -> bool {
        Self::is_name_of_shipped(&self.run)
    }

    pub fn is_name_of_shipped(run: &RunId) -> bool {
        **run == *shipped::NAME
    }

    /// Says that the net has not learnt anything for some epochs, and what to try (see [`Beginning::problem`]).
    pub fn not_begun(&self) -> Option<String> {
        let Self { config, history, classes, pictures, .. } = self;
        Beginning { config, history, classes: *classes, pictures: *pictures }.problem()
    }
}

/// This is how far the measuring of a sweep has come.
#[derive(Clone, Debug)]
pub struct MeasuringProgress {
    pub share: f32,
    pub text: String,
    pub left: Option<Duration>,
}

/// This is what the trainer reports.
#[derive(Clone, Debug)]
pub enum TrainEvent {
    /// The runs on disk, oldest first, reported at the start.
    Runs(Vec<RunInfo>),
    /// A run is new, or something of it other than its history and state has changed.
    Run(Box<RunInfo>),
    /// A run is in another state.
    State { run: RunId, state: RunState },
    /// The share of the data that is prepared, and how long the rest will take; told at most ten times a second.
    Preparing { run: RunId, share: f32, left: Duration },
    /// The run in hand is this far; told at most ten times a second.
    Progress { run: RunId, progress: Progress },
    /// An epoch is over.
    Epoch { run: RunId, record: EpochRecord },
    /// The weights of the first layer look like this as a sheet of small pictures; told at most twice a second.
    FirstLayer { run: RunId, sheet: Arc<Rgba> },
    /// The nets of a run can be attacked in Explore under these names: before the first step, now, at its best.
    Offered { run: RunId, before: String, now: String, best: String },
    /// This is written about a run now.
    Labelled { run: RunId, label: RunLabel },
    /// The runs of a sweep are being measured at one ε; told at most ten times a second, and with `None` at the end.
    Measuring(Option<MeasuringProgress>),
    /// All of this was measured of a run's net by now.
    Robust { run: RunId, robustness: Vec<Robustness> },
    /// A run and its folder are gone.
    Deleted(RunId),
    /// A data set is fetched.
    Download(DataSource, DownloadEvent),
    /// These sentences say how the data of a run was read.
    Notes { run: RunId, notes: Vec<String> },
    /// Something about a run went wrong that has no place in its state.
    Problem(String),
}
