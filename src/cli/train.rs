//! `doppelganger train`: a net from a manifest and a data set.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::progress::ProgressLine;
use super::{eps_argument, interrupt, print};
use crate::engine::data::{Dataset, Split};
use crate::engine::files::write_atomically;
use crate::engine::model::{Catalogue, sha256_hex, weights_bytes};
use crate::engine::train::{Algorithm, Checkpoint, Config, EpochRecord, Trainer, history_csv};
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct TrainArgs {
    /// A folder with the IDX files of a training set (gzipped or not), or with one folder of pictures per class
    #[arg(long, value_name = "PATH", required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// The net: a name from "doppelganger models", or the path of a manifest; its weights are not needed
    #[arg(long, value_name = "NAME|MANIFEST", required_unless_present = "resume")]
    model: Option<String>,
    /// Where to leave model.toml, model.safetensors, history.csv and the checkpoint
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    out: Option<PathBuf>,
    /// Go on with the run in DIR from its last whole epoch
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data", "model", "out"])]
    resume: Option<PathBuf>,
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// Pictures per step
    #[arg(long, default_value_t = 100)]
    batch: usize,
    #[arg(long, value_enum, default_value_t = Algorithm::Sgd)]
    optimiser: Algorithm,
    /// Learning rate of the first step; it falls to zero along half a cosine
    #[arg(long, default_value_t = 0.05)]
    lr: f32,
    #[arg(long, default_value_t = 0.9)]
    momentum: f32,
    #[arg(long, default_value_t = 0.0)]
    weight_decay: f32,
    /// The largest norm of the incoming weights of a unit
    #[arg(long)]
    max_norm: Option<f32>,
    /// ε of the adversarial examples in the objective, such as 0.25 or 8/255; 0 trains clean
    #[arg(long, default_value = "0", value_parser = eps_argument, allow_hyphen_values = true)]
    eps: f32,
    /// Share of the clean loss in the objective α·J(x) + (1−α)·J(x + ε·sign ∇J)
    #[arg(long, default_value_t = 0.5)]
    alpha: f32,
    /// Let the pixels of adversarial examples leave [0, 1]
    #[arg(long)]
    no_clip: bool,
    /// Pictures held out for validation, the last of the training split; a sixth of it if not given
    #[arg(long, value_name = "N")]
    validation: Option<usize>,
    /// Seed of weights, order and dropout: the same seed gives the same net
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object per epoch
    #[arg(long)]
    json: bool,
}

const CHECKPOINT: &str = "checkpoint.safetensors";
const WEIGHTS: &str = "model.safetensors";

pub fn run(args: &TrainArgs) -> Result<()> {
    interrupt::watch();
    match &args.resume {
        Some(out) => {
            let checkpoint = Checkpoint::read(&out.join(CHECKPOINT))?;
            let data = Dataset::open(&checkpoint.config().data, Split::Train, &checkpoint.manifest()?.classes)?;
            finish(Trainer::resume(checkpoint, &data)?, out, args.json)
        }
        None => {
            let missing = || Error::Argument("train needs --data, --model and --out, or --resume".into());
            let (path, model) = (args.data.as_ref().ok_or_else(missing)?, args.model.as_ref().ok_or_else(missing)?);
            let out = args.out.as_ref().ok_or_else(missing)?;
            let manifest = Catalogue::from_environment().manifest(model)?;
            let data = Dataset::open(path, Split::Train, &manifest.classes)?;
            std::fs::create_dir_all(out).map_err(Error::io("make the folder for the run", out))?;
            let trainer = Trainer::new(manifest, &data, config(args, path, data.len())?)?;
            finish(trainer, out, args.json)
        }
    }
}

fn config(args: &TrainArgs, data: &Path, pictures: usize) -> Result<Config> {
    Ok(Config {
        // A run may be resumed from another folder.
        data: data.canonicalize().map_err(Error::io("find the data set", data))?,
        epochs: args.epochs,
        batch: args.batch,
        optimiser: args.optimiser,
        learning_rate: args.lr,
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        max_norm: args.max_norm,
        eps: args.eps,
        alpha: args.alpha,
        clip: !args.no_clip,
        validation: args.validation.unwrap_or(pictures / 6),
        seed: args.seed,
    })
}

/// Trains what is left, with a checkpoint after every epoch, and writes the net.
fn finish(mut trainer: Trainer<'_>, out: &Path, json: bool) -> Result<()> {
    let mut line = ProgressLine::new(!json);
    while !trainer.is_finished() {
        let result = trainer.epoch(&mut |p| {
            let what = format!("epoch {} of {}, loss {:.4}", p.epoch + 1, p.epochs, p.loss);
            line.draw(&what, p.step, p.steps);
            !interrupt::requested()
        });
        line.clear();
        let record = *result?;
        trainer.save_checkpoint(&out.join(CHECKPOINT))?;
        write_atomically(&out.join("history.csv"), history_csv(trainer.history()).as_bytes(), "write the history")?;
        print(&if json { json!(record).to_string() } else { describe(&record) })?;
        line = ProgressLine::new(!json);
    }
    save(&trainer, out)
}

fn describe(record: &EpochRecord) -> String {
    let percent = |what: &str, error: Option<f32>| {
        error.map(|error| format!("  {what} {:.2} %", error * 100.0)).unwrap_or_default()
    };
    format!(
        "epoch {:>3}  loss {:.5}{}{}  {:.1} s",
        record.epoch,
        record.loss,
        percent("clean validation error", record.clean_error),
        percent("adversarial", record.adversarial_error),
        record.seconds
    )
}

/// Weights first, then the manifest that names them with their hash: a manifest never points at older weights.
fn save(trainer: &Trainer<'_>, out: &Path) -> Result<()> {
    let bytes = weights_bytes(&trainer.best_params()?, None)?;
    write_atomically(&out.join(WEIGHTS), &bytes, "write the weights")?;
    let config = trainer.config();
    let facts: Vec<(&str, toml_edit::Value)> = vec![
        ("epochs", (config.epochs as i64).into()),
        ("batch", (config.batch as i64).into()),
        ("optimiser", config.optimiser.name().into()),
        ("lr", number(config.learning_rate)),
        ("momentum", number(config.momentum)),
        ("weight_decay", number(config.weight_decay)),
        ("max_norm", config.max_norm.map_or_else(|| "none".into(), number)),
        ("eps", number(config.eps)),
        ("alpha", number(config.alpha)),
        ("validation", (config.validation as i64).into()),
        ("seed", (config.seed as i64).into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
    ];
    let manifest = trainer.manifest().with_weights(WEIGHTS, &sha256_hex(&bytes), &facts)?;
    write_atomically(&out.join("model.toml"), manifest.as_bytes(), "write the manifest")
}

/// The shortest decimal that is this number: 0.1, not 0.10000000149.
fn number(value: f32) -> toml_edit::Value {
    value.to_string().parse::<f64>().unwrap_or(f64::from(value)).into()
}
