//! `doppelganger sweep` trains for every ε and α of a grid, or, with `--models`, measures security curves.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::attack_options::{AttackOptions, attack_name};
use super::choice::{LOSSES, choice};
use super::figure_options::FigureArgs;
use super::measure::CommonArgs;
use super::training::{EpochReport, TrainingArgs, TuningArgs, drive};
use super::{curves, print};
use crate::command_line::invocation;
use crate::engine::attack::{AttackSettings, Loss};
use crate::engine::files::write_atomically;
use crate::engine::train::{Config, EpochRecord, Measured, Robustness, Trainer, Tuning, tunings};
use crate::engine::units::parse_eps;
use crate::engine::{Error, Result};
use crate::figure::{FigureRun, SweepMeasure, sweep_grid};

// Nets that are trained already need no net to train and no folder for it.
#[derive(Args)]
#[command(mut_arg("model", |arg| arg.required(false).required_unless_present("models")))]
pub struct SweepArgs {
    /// Values of ε, such as 0.1,0.25 or 4/255,8/255
    #[arg(long, required = true, value_delimiter = ',', value_parser = parse_eps)]
    pub eps: Vec<f32>,
    /// Print one JSON object per epoch and run, or per point of a curve
    #[arg(long)]
    pub json: bool,
    /// Measure these nets instead of training one: their accuracy against ε under each of --attacks, on the test split
    /// of --data
    #[arg(long, value_name = "NAME|MANIFEST", value_delimiter = ',', conflicts_with_all = ["model", "out", "alpha"])]
    pub models: Vec<String>,
    #[command(flatten)]
    pub curves: CurveArgs,
    #[command(flatten)]
    pub options: AttackOptions,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub training: TrainingArgs,
    #[command(flatten)]
    pub figure: FigureArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Curves, with --models")]
pub struct CurveArgs {
    /// The attacks, with commas between
    #[arg(long, value_parser = attack_name(), value_delimiter = ',', value_name = "ATTACK", default_value = "fgsm")]
    #[arg(requires = "models")]
    pub attacks: Vec<AttackSettings>,
    /// Where to write the curves as a table
    #[arg(long, value_name = "FILE", requires = "models")]
    pub csv: Option<PathBuf>,
    /// Only N pictures, spread over the classes
    #[arg(long, value_name = "N", requires = "models")]
    pub limit: Option<usize>,
    /// Whose slope the attacks follow
    #[arg(long, value_parser = choice(&LOSSES), default_value = "cross-entropy", requires = "models")]
    pub loss: Loss,
    /// Show the nets every picture as a file of 8 bits holds it
    #[arg(long = "8-bit", requires = "models")]
    pub eight_bit: bool,
}

#[derive(Args)]
#[command(next_help_heading = "Training, without --models")]
struct GridArgs {
    /// Values of α
    #[arg(long, value_delimiter = ',', default_value = "0.5")]
    alpha: Vec<f32>,
    /// Where to leave a folder for each run, and sweep.csv. Runs that are there already are taken up where they were
    /// left
    #[arg(long, value_name = "DIR", required_unless_present = "models")]
    out: Option<PathBuf>,
}

pub fn run(args: &SweepArgs) -> Result<()> {
    args.figure.check()?;
    if args.models.is_empty() { train(args) } else { curves::run(args) }
}

fn train(args: &SweepArgs) -> Result<()> {
    let GridArgs { alpha, out: Some(out) } = &args.grid else {
        return Err(Error::Argument("--out is missing".into()));
    };
    std::fs::create_dir_all(out).map_err(Error::io("make the folder for the sweep", out))?;
    let measures = args.common.measures();
    let mut runs = Vec::new();
    let columns: String = measures.iter().map(|measure| format!("{},", column(*measure))).collect();
    let mut table = format!("eps,alpha,seed,epochs,clean_error,adversarial_error,pgd_error,{columns}folder\n");
    for Tuning { eps, alpha } in tunings(&args.eps, alpha, args.training.trades) {
        let name = PathBuf::from(format!("eps-{eps}-alpha-{alpha}-seed-{}", args.training.seed));
        let prepared = args.training.prepare(&TuningArgs { eps, alpha })?;
        let (mut folder, mut trainer) = prepared.run_in(&out.join(&name), "run")?;
        drive(&mut folder, &mut trainer, EpochReport::new(args.json))?;
        let (config, history) = (trainer.config().clone(), trainer.history().to_vec());
        let robustness = args.common.complete(&out.join(&name), &config, history.len())?;
        let run = TrainedRun { name: name.display().to_string(), config, history, robustness };
        let row = row(&trainer, &run, &measures);
        let said = match args.json {
            true => json!({ "run": name, "best": best(&trainer), "robustness": run.robustness }).to_string(),
            false => row.clone(),
        };
        print(&said)?;
        table += &format!("{row}\n");
        write_atomically(&out.join("sweep.csv"), table.as_bytes(), "write the table of the sweep")?;
        runs.push(run);
    }
    let figure = || {
        let runs: Vec<FigureRun<'_>> = runs.iter().map(TrainedRun::as_figure).collect();
        Ok(sweep_grid(&runs, measures.first().copied().unwrap_or_default(), Some(invocation())))
    };
    args.figure.write(figure, args.json)
}

/// This is a run of the sweep, as figures and the table show it.
struct TrainedRun {
    name: String,
    config: Config,
    history: Vec<EpochRecord>,
    robustness: Vec<Robustness>,
}

impl TrainedRun {
    fn as_figure(&self) -> FigureRun<'_> {
        let Self { name, config, history, robustness } = self;
        FigureRun { name, config, history, robustness }
    }
}

/// Returns the name of a column of the table, such as `pgd_error_at_0.1`.
fn column(measure: SweepMeasure) -> String {
    format!("{}_error_at_{}", measure.attack.key(), measure.eps)
}

/// Returns the record of the epoch whose weights were kept.
fn best(trainer: &Trainer) -> Option<&EpochRecord> {
    trainer.history().get(trainer.best_epochs().checked_sub(1)?)
}

fn row(trainer: &Trainer, run: &TrainedRun, measures: &[SweepMeasure]) -> String {
    let (Config { eps, alpha, seed, .. }, epochs) = (trainer.config(), trainer.best_epochs());
    let best = best(trainer).copied().unwrap_or_default();
    let error = |measured: Measured| measured.error().to_string();
    let common = measures.iter().map(|measure| measure.measured(&run.as_figure()).map(Robustness::attacked));
    let all = [best.clean, best.adversarial, best.pgd].into_iter().chain(common);
    let errors: Vec<String> = all.map(|measured| measured.map(error).unwrap_or_default()).collect();
    format!("{eps},{alpha},{seed},{epochs},{},{}", errors.join(","), run.name)
}
