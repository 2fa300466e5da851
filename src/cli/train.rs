//! `doppelganger train`: a net from a manifest and a data set.

use std::path::PathBuf;

use clap::Args;

use super::interrupt;
use super::progress::open_data;
use super::training::{Prepared, Report, TrainingArgs, TuningArgs, drive};
use crate::engine::data::Split;
use crate::engine::train::RunFolder;
use crate::engine::{Error, Result};

// A run that is taken up knows its data and net.
#[derive(Args)]
#[command(mut_arg("data", |arg| arg.required(false).required_unless_present("resume")))]
#[command(mut_arg("model", |arg| arg.required(false).required_unless_present("resume")))]
pub struct TrainArgs {
    #[command(flatten)]
    training: TrainingArgs,
    #[command(flatten)]
    tuning: TuningArgs,
    /// Where to leave model.toml, model.safetensors, history.csv and the checkpoint
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with the run in DIR where its checkpoint left it; other settings come from there
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data", "model", "out"])]
    resume: Option<PathBuf>,
    /// Print one JSON object per epoch
    #[arg(long)]
    json: bool,
}

pub fn run(args: &TrainArgs) -> Result<()> {
    interrupt::watch();
    let (mut folder, mut trainer) = match (&args.resume, &args.out) {
        (Some(path), _) => RunFolder::resume(path, |source, classes| open_data(source, Split::Train, classes))?,
        (None, Some(out)) => {
            let Prepared { manifest, data, config } = args.training.prepare(&args.tuning)?;
            RunFolder::begin(out, manifest, data, config)?
        }
        (None, None) => return Err(Error::Argument("train needs --out or --resume".into())),
    };
    drive(&mut folder, &mut trainer, Report::new(args.json))
}
