//! `doppelganger reproduce`: the numbers of arXiv 1412.6572 on MNIST, with this program's own trainer.

mod recipe;
mod report;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::progress::open_data;
use super::training::{Prepared, Report, drive};
use super::{interrupt, print, print_json};
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::files::write_atomically;
use crate::engine::train::{Config, RunFolder, Stage as Phase, Summary};
use crate::engine::{Error, Result};
use recipe::{Recipe, Stage};

#[derive(Args)]
pub struct ReproduceArgs {
    /// A folder with MNIST's four files, or mnist
    #[arg(long, value_name = "PATH|mnist")]
    data: DataSource,
    /// Where to leave a folder for every net that is trained; what is there already is taken up where it was left
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A version for the class-room: one seed, few epochs, no dropout; some minutes
    #[arg(long)]
    quick: bool,
    /// How many seeds the maxout nets are trained with, from 1 on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Units of each maxout layer
    #[arg(long, value_name = "N", default_value_t = 240)]
    units: usize,
    /// Units of each layer of the adversarially trained net, if not as many: the paper's best has 1600
    #[arg(long, value_name = "N")]
    adversarial_units: Option<usize>,
    /// The most epochs of a maxout net before it is retrained; with --brief, clean ones get twice as many
    #[arg(long, value_name = "N", default_value_t = 250)]
    epochs: usize,
    /// A recipe that needs a part of the epochs: the learning rate falls to zero along half a cosine, and
    /// less of the hidden units is dropped
    #[arg(long, conflicts_with = "quick")]
    brief: bool,
    /// Only train the nets whose name begins with TEXT, and measure nothing: to share the work among several machines
    /// or processes
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print the rows as one JSON object at the end
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ReproduceArgs) -> Result<()> {
    interrupt::watch();
    let &ReproduceArgs { quick, seeds, units, epochs, brief, .. } = args;
    let adversarial_units = args.adversarial_units.unwrap_or(units);
    let recipe = Recipe { quick, seeds, units, adversarial_units, epochs, brief };
    let data = args.data.absolute()?;
    std::fs::create_dir_all(&args.out).map_err(Error::io("make the folder for the reproduction", &args.out))?;
    let mut sets = Sets { source: data, opened: Vec::new() };
    for stage in Stage::ALL {
        for seed in recipe.seeds_of(stage) {
            let name = stage.folder(seed);
            if args.only.as_ref().is_none_or(|only| name.starts_with(only)) {
                train(&recipe, stage, seed, &args.out, &mut sets)?;
            }
        }
    }
    if args.only.is_some() {
        return Ok(());
    }
    let rows = rows::measure(&recipe, &args.out, &mut sets, !args.json)?;
    let text = report::markdown(&recipe, &rows, &args.out)?;
    write_atomically(&report_path(args), text.as_bytes(), "write the report")?;
    if args.json { print_json(&json!({ "rows": rows })) } else { print(&text) }
}

/// Returns where the report is written: in a copy of the project it is one of its documents; that of a quick version
/// is not.
fn report_path(args: &ReproduceArgs) -> PathBuf {
    let folder = if Path::new("docs").is_dir() && !args.quick { Path::new("docs") } else { &args.out };
    folder.join("reproduction.md")
}

/// A split, and the digits that were picked from it; all with none named.
type Part = (Split, &'static [usize]);

/// MNIST, whole and in parts, each opened once.
struct Sets {
    source: DataSource,
    opened: Vec<(Part, Arc<Dataset>)>,
}

impl Sets {
    /// Returns the pictures of some digits; of all with none named.
    fn open(&mut self, split: Split, digits: &'static [usize]) -> Result<Arc<Dataset>> {
        if let Some((_, data)) = self.opened.iter().find(|(key, _)| *key == (split, digits)) {
            return Ok(data.clone());
        }
        let classes: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let data = open_data(&self.source, split, &classes)?;
        let data = if digits.is_empty() { data } else { Arc::new(data.only(digits)) };
        self.opened.push(((split, digits), data.clone()));
        Ok(data)
    }
}

/// Trains one net to its end, or what is left of it.
fn train(recipe: &Recipe, stage: Stage, seed: u64, out: &Path, sets: &mut Sets) -> Result<()> {
    let data = sets.open(Split::Train, stage.digits())?;
    let config = match recipe.chosen_by(stage, seed) {
        Some(other) => recipe.config_for(stage, seed, chosen_epochs(&out.join(stage.folder(other)))?),
        None => recipe.config(stage, seed, data.len()),
    };
    let config = Config { data: sets.source.clone(), ..config };
    let path = &out.join(stage.folder(seed));
    if RunFolder::summary(path).is_ok_and(|summary| summary.config == config && summary.is_finished) {
        return Ok(());
    }
    let manifest = stage.manifest(&config)?;
    let (mut folder, mut trainer) = Prepared { manifest, data, config }.run_in(path, "net")?;
    eprintln!("{}", path.display());
    drive(&mut folder, &mut trainer, Report::Nothing)
}

/// Returns the epochs that the early stopping of another run chose.
fn chosen_epochs(path: &Path) -> Result<usize> {
    let has_chosen = |summary: &Summary| {
        summary.is_finished || summary.history.iter().any(|record| record.stage == Phase::Retraining)
    };
    match RunFolder::summary(path) {
        Ok(summary) if has_chosen(&summary) => Ok(summary.config.stopping.rule.best_epochs(&summary.history)),
        _ => Err(Error::Argument(format!("train the first seed before the others\n  {}", path.display()))),
    }
}
