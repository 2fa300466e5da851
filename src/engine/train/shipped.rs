//! One run comes with the program, so that there are curves to look at before anything was trained.
//!
//! It is read from the binary and lies in no folder. Deleting it leaves a note in the folder of the runs, and it stays
//! deleted.

use std::path::Path;

use super::Checkpoint;
use crate::model::embedded;
use crate::{Error, Result};

/// The number 0 is free for this run: runs of the person begin with 1.
pub const NAME: &str = "run-0000";
const NOTE: &str = "run-0000.deleted";
/// The checkpoint was written by examples/ship_run.rs from a run of `doppelganger train`, whose command is the one that
/// the Train tab copies.
pub(super) const FILE: &str = "run-0000.safetensors";

/// Reads the checkpoint of the run that comes with the program.
pub fn checkpoint() -> Result<Checkpoint> {
    let missing = || Error::Argument(format!("{FILE} is not in this program"));
    Checkpoint::parse(embedded::file(FILE).ok_or_else(missing)?, Path::new(NAME))
}

/// Tells whether the run was deleted from this folder of runs.
pub fn is_deleted(runs: &Path) -> bool {
    runs.join(NOTE).exists()
}

/// Leaves the note in a folder of runs; fails where it cannot be written.
pub fn delete(runs: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(runs)?;
    let note = "The run that came with the program was deleted. Delete this file to have it back.\n";
    std::fs::write(runs.join(NOTE), note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataSource;

    #[test]
    fn the_run_is_whole_and_small() {
        assert!(!is_deleted(Path::new("no such folder")));
        let run = checkpoint().expect("it can be read").summary;
        let size = embedded::file(FILE).unwrap().len();
        assert!(size < 1_000_000, "{size} bytes");
        // What a person can repeat: the data by its name, and the net by its sizes.
        assert_eq!((&run.config.data, run.config.model.as_str()), (&DataSource::Mnist, "maxout:240x2,240x2"));
        assert_eq!(run.history.len(), run.config.epochs);
        let best = run.config.stopping.rule.best(&run.history).map(|at| run.history[at]).unwrap();
        assert!(best.clean.unwrap().error() < 0.01 && best.adversarial.unwrap().error() < 0.1);
        assert_eq!(checkpoint().unwrap().nets().unwrap().best.len(), 6);
    }
}
