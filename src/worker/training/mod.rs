//! This trains: one run at a time on a thread of its own, orders in, events out.

mod desk;
mod protocol;
mod shipped;

pub use desk::start;
pub use protocol::{Order, RunId, RunInfo, RunState, TrainEvent};

use std::path::PathBuf;

/// Returns the folder that runs are kept in: the one that `DOPPELGANGER_RUNS` names, or one in the user's data folder.
pub fn runs_folder() -> PathBuf {
    let asked = std::env::var_os("DOPPELGANGER_RUNS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("runs"));
    asked.or_else(own).unwrap_or_else(|| PathBuf::from("doppelganger-runs"))
}
