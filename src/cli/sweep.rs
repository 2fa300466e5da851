//! `doppelganger sweep`: the same run for every ε and α of a grid.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::training::{Prepared, Report, TrainingArgs, TuningArgs, drive, run_name};
use super::{eps_argument, interrupt, print};
use crate::engine::files::write_atomically;
use crate::engine::train::{EpochRecord, RunFolder, Trainer};
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct SweepArgs {
    #[command(flatten)]
    training: TrainingArgs,
    /// Values of ε, such as 0.1,0.25 or 4/255,8/255
    #[arg(long, required = true, value_delimiter = ',', value_parser = eps_argument)]
    eps: Vec<f32>,
    /// Values of α
    #[arg(long, value_delimiter = ',', default_value = "0.5")]
    alpha: Vec<f32>,
    /// Where to leave a folder for each run, and sweep.csv. Runs that are there already are taken up where they were left
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print one JSON object per epoch and run
    #[arg(long)]
    json: bool,
}

pub fn run(args: &SweepArgs) -> Result<()> {
    interrupt::watch();
    std::fs::create_dir_all(&args.out).map_err(Error::io("make the folder for the sweep", &args.out))?;
    let mut table = String::from("eps,alpha,seed,epochs,clean_error,adversarial_error,pgd_error,folder\n");
    for &eps in &args.eps {
        for &alpha in &args.alpha {
            let name = run_name(eps, alpha, args.training.seed);
            let trainer = run_one(args, &TuningArgs { eps, alpha }, &args.out.join(&name))?;
            let row = row(&trainer, &name);
            let said = if args.json { json!({ "run": name, "best": best(&trainer) }).to_string() } else { row.clone() };
            print(&said)?;
            table.push_str(&row);
            table.push('\n');
            write_atomically(&args.out.join("sweep.csv"), table.as_bytes(), "write the table of the sweep")?;
        }
    }
    Ok(())
}

fn run_one(args: &SweepArgs, tuning: &TuningArgs, path: &Path) -> Result<Trainer> {
    let Prepared { manifest, data, config } = args.training.prepare(tuning)?;
    let (mut folder, mut trainer) = match RunFolder::summary(path) {
        Ok(summary) if summary.config == config => RunFolder::resume(path, |_, _| Ok(data))?,
        Ok(_) => {
            let message = "another run with other settings is here; give another --out\n  ";
            return Err(Error::Argument(format!("{message}{}", path.display())));
        }
        Err(_) => RunFolder::begin(path, manifest, data, config)?,
    };
    drive(&mut folder, &mut trainer, Report::new(args.json))?;
    Ok(trainer)
}

/// The record of the epoch whose weights were kept.
fn best(trainer: &Trainer) -> Option<&EpochRecord> {
    trainer.history().get(trainer.best_epochs().checked_sub(1)?)
}

fn row(trainer: &Trainer, folder: &Path) -> String {
    let config = trainer.config();
    let best = best(trainer).copied().unwrap_or_default();
    let error = |measured: Option<crate::engine::train::Measured>| {
        measured.map(|measured| measured.error().to_string()).unwrap_or_default()
    };
    [
        config.eps.to_string(),
        config.alpha.to_string(),
        config.seed.to_string(),
        trainer.best_epochs().to_string(),
        error(best.clean),
        error(best.adversarial),
        error(best.pgd),
        folder.display().to_string(),
    ]
    .join(",")
}
