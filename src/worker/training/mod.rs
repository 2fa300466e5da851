//! The trainer: one run at a time on a thread of its own, orders in, events out.

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

/// The environment variable that names the folder of the runs.
const VARIABLE: &str = "DOPPELGANGER_RUNS";

/// A handle on the trainer's thread. Dropping it keeps the run in hand, which takes no longer than a step and a
/// checkpoint.
pub struct Training(PatientThread<Order>);

/// Where the runs of the window are kept: what the environment says, or the user's data folder.
pub fn runs_folder() -> PathBuf {
    let asked = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("runs"));
    asked.or_else(own).unwrap_or_else(|| PathBuf::from("doppelganger-runs"))
}

impl Training {
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        runs: PathBuf,
        catalogue: Catalogue,
        explorer: Arc<Inbox>,
        outbox: Arc<Outbox>,
    ) -> std::io::Result<Self> {
        let serve = |orders, pool| Desk::new(runs, catalogue, explorer, outbox, pool, orders).serve();
        Ok(Self(PatientThread::start("trainer", serve)?))
    }

    pub fn order(&self, order: Order) {
        self.0.tasks.push(order);
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        self.0.finish();
    }
}
