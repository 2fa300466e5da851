//! Training is clean or adversarial. Adversarial training lowers (arXiv 1412.6572, section 6)
//! `J̃(θ, x, y) = α·J(θ, x, y) + (1 − α)·J(θ, x + ε·sign(∇ₓJ(θ, x, y)), y)`.

mod augment;
mod average;
mod batches;
mod beginning;
mod checkpoint;
mod config;
mod example;
mod folder;
mod history;
mod init;
mod label;
mod learner;
mod objective;
mod optimiser;
mod progress;
mod robustness;
mod runs;
mod schedule;
pub mod shipped;
mod stopping;
mod trainer;
mod tuning;
mod validation;

pub use augment::Augment;
pub use beginning::Beginning;
pub use checkpoint::{Checkpoint, Summary};
pub use config::{Config, NewNet, parse_size};
pub use example::{Example, SeenPicture};
pub use folder::RunFolder;
pub use history::{EpochRecord, Measured, Stage, history_csv};
pub use init::initial_params;
pub use label::RunLabel;
pub use learner::Learner;
pub use objective::{Adversary, Objective};
pub use optimiser::{Algorithm, Optimiser, StepSize};
pub use progress::Progress;
pub use robustness::Robustness;
pub use runs::{Runs, runs_folder};
pub use schedule::{Momentum, Schedule};
pub use stopping::{Rule, Stopping};
pub use trainer::{RunNets, Trainer, WorkDone};
pub use tuning::{Tuning, tunings};
pub use validation::{PGD_STEPS, Tally};
