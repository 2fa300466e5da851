//! This trains: one run at a time on a thread of its own, orders in, events out.

mod desk;
mod protocol;
mod shipped;

pub use protocol::{Order, RunId, RunInfo, RunState, TrainEvent};

use std::path::PathBuf;
use std::sync::Arc;

use super::Outbox;
use super::explorer::Inbox;
use super::job::PatientThread;
use crate::engine::model::Catalogue;
use desk::Desk;

/// Returns the folder that runs are kept in: the one that `DOPPELGANGER_RUNS` names, or one in the user's data folder.
pub fn runs_folder() -> PathBuf {
    let asked = std::env::var_os("DOPPELGANGER_RUNS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("runs"));
    asked.or_else(own).unwrap_or_else(|| PathBuf::from("doppelganger-runs"))
}

/// Starts the thread. Dropping it keeps the run in hand, which takes no longer than a step and a checkpoint.
pub fn start(
    runs: PathBuf,
    catalogue: Catalogue,
    explorer: Arc<Inbox>,
    outbox: Arc<Outbox>,
) -> std::io::Result<PatientThread<Order>> {
    let serve = |orders, pool| Desk::new(runs, catalogue, explorer, outbox, pool, orders).serve();
    PatientThread::start("trainer", serve)
}
