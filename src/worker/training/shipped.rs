//! One run comes with the program, so that there are curves to look at before anything was trained.
//!
//! It is read from the binary and lies in no folder. Deleting it leaves a note in the folder of the runs, and it stays
//! deleted.

use std::path::Path;

use super::protocol::{RunId, RunInfo};
use crate::engine::Result;
use crate::engine::train::Checkpoint;

/// The number 0 is free for this run: runs of the person begin with 1.
const NAME: &str = "run-0000";
const NOTE: &str = "run-0000.deleted";
/// The checkpoint was written by examples/ship_run.rs from a run of `doppelganger train`, whose command is the one that
/// the Train tab copies.
static BYTES: &[u8] = include_bytes!("../../../assets/runs/run-0000.safetensors");

impl RunInfo {
    /// Tells whether the run came with the program.
    pub fn is_shipped(&self) -> bool {
        Self::is_name_of_shipped(&self.run)
    }

    pub fn is_name_of_shipped(run: &RunId) -> bool {
        **run == *NAME
    }
}

pub fn checkpoint() -> Result<Checkpoint> {
    Checkpoint::parse(BYTES, Path::new(NAME))
}

/// Returns what lists show of the run; `None` where it was deleted from this folder of runs.
pub fn info(runs: &Path) -> Option<RunInfo> {
    if runs.join(NOTE).exists() {
        return None;
    }
    RunInfo::from_summary(NAME.into(), runs.join(NAME), checkpoint().ok()?.summary).ok()
}

pub fn delete(runs: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(runs)?;
    let note = "The run that came with the program was deleted. Delete this file to have it back.\n";
    std::fs::write(runs.join(NOTE), note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::data::DataSource;

    #[test]
    fn the_run_is_whole_and_small() {
        let nowhere = Path::new("no such folder");
        let run = info(nowhere).expect("it can be read");
        assert!(run.is_shipped() && !nowhere.exists());
        assert!(BYTES.len() < 1_000_000, "{} bytes", BYTES.len());
        // What a person can repeat: the data by its name, and the net by its sizes.
        assert_eq!((&run.config.data, run.config.model.as_str()), (&DataSource::Mnist, "maxout:240x2,240x2"));
        assert_eq!(run.history.len(), run.config.epochs);
        let best = run.config.stopping.rule.best(&run.history).map(|at| run.history[at]).unwrap();
        assert!(best.clean.unwrap().error() < 0.01 && best.adversarial.unwrap().error() < 0.1);
        assert_eq!(checkpoint().unwrap().nets().unwrap().best.len(), 6);
    }
}
