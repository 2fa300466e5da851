//! `doppelganger train` trains a net from a manifest and a data set.

use std::path::PathBuf;

use clap::{Arg, Args, Command, Id};

use super::progress::open_data;
use super::training::{EpochReport, PreparedRun, TrainingArgs, TuningArgs, drive};
use crate::engine::data::Split;
use crate::engine::train::RunFolder;
use crate::engine::{Error, Result};

/// Returns the options that a run which is taken up has from its checkpoint: all but the learning rate.
fn settings() -> Vec<Id> {
    let command = TuningArgs::augment_args(TrainingArgs::augment_args(Command::new("train")));
    let ids = command.get_arguments().map(Arg::get_id).filter(|id| *id != "lr");
    ids.cloned().chain([Id::from("out")]).collect()
}

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
    /// Go on with the run in DIR where its checkpoint left it, with its settings; only --lr may be given anew
    #[arg(long, value_name = "DIR", conflicts_with_all = settings())]
    resume: Option<PathBuf>,
    /// Print one JSON object per epoch
    #[arg(long)]
    json: bool,
}

pub fn run(args: &TrainArgs) -> Result<()> {
    let (mut folder, mut trainer) = match (&args.resume, &args.out) {
        (Some(path), _) => {
            if !RunFolder::holds_a_run(path) {
                let why = "there is no run in this folder; expected one that doppelganger train --out has begun";
                return Err(Error::Argument(format!("{why}\n  {}", path.display())));
            }
            let (folder, mut trainer) = RunFolder::resume(path, |config, classes| {
                open_data(&config.data, Split::Train, classes, config.opening())
            })?;
            if let Some(rate) = args.training.lr {
                trainer.set_learning_rate(rate)?;
            }
            (folder, trainer)
        }
        (None, Some(out)) => {
            args.training.check_together(args.tuning.eps)?;
            let PreparedRun { manifest, data, config } = args.training.prepare(&args.tuning)?;
            RunFolder::begin(out, manifest, data, config)?
        }
        (None, None) => return Err(Error::Argument("train needs --out or --resume".into())),
    };
    if trainer.is_finished() {
        let epochs = trainer.history().len();
        eprintln!("The run is finished: {epochs} epochs. Its net: {}", folder.path().join("model.toml").display());
    }
    drive(&mut folder, &mut trainer, EpochReport::new(args.json))
}
