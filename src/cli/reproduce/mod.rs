//! `doppelganger reproduce` measures the numbers of arXiv 1412.6572 on MNIST, with this program's own trainer.

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
    #[command(flatten)]
    recipe: Recipe,
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
    let (recipe, data) = (args.recipe, args.data.absolute()?);
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

/// Returns where the report is written: in a copy of the project among its documents, unless it is a quick one.
fn report_path(args: &ReproduceArgs) -> PathBuf {
    let folder = if Path::new("docs").is_dir() && !args.recipe.quick { Path::new("docs") } else { &args.out };
    folder.join("reproduction.md")
}

/// A part is a split, and the digits that are picked from it; none means all.
type Part = (Split, &'static [usize]);

/// This is MNIST, whole and in parts, each opened once.
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
