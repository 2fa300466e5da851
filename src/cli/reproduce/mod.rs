//! `doppelganger reproduce` measures the numbers of arXiv 1412.6572 on MNIST, with this program's own trainer.

mod recipe;
mod report;
mod rows;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::progress::open_data;
use super::training::{EpochReport, PreparedRun, drive};
use super::{print, print_json};
use crate::engine::data::{DataSource, Dataset, Opening, Split};
use crate::engine::files::write_atomically;
use crate::engine::train::{Config, RunFolder, Stage, Summary};
use crate::engine::{Error, Result};
use recipe::{PaperNet, Recipe};

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
    let ReproduceArgs { out, recipe, only, .. } = args;
    let mut sets = Sets { source: args.data.absolute()?, opened: Vec::new() };
    std::fs::create_dir_all(out).map_err(Error::io("make the folder for the reproduction", out))?;
    for net in PaperNet::ALL {
        for seed in recipe.seeds_of(net) {
            if only.as_ref().is_none_or(|only| net.folder(seed).starts_with(only)) {
                train(recipe, net, seed, out, &mut sets)?;
            }
        }
    }
    if only.is_some() {
        return Ok(());
    }
    let rows = rows::measure(recipe, out, &mut sets, !args.json)?;
    let text = report::markdown(recipe, &rows, out)?;
    // In a copy of the project the report belongs to its documents, unless it is a quick one.
    let folder = if Path::new("docs").is_dir() && !recipe.quick { Path::new("docs") } else { out };
    write_atomically(&folder.join("reproduction.md"), text.as_bytes(), "write the report")?;
    if args.json { print_json(&json!({ "rows": rows })) } else { print(&text) }
}

/// This holds MNIST, whole and in parts: a split, and the digits that are picked from it. Each is opened once.
struct Sets {
    source: DataSource,
    opened: Vec<(Split, &'static [usize], Arc<Dataset>)>,
}

impl Sets {
    /// Returns the pictures of some digits, or of all with none named.
    fn open(&mut self, split: Split, digits: &'static [usize]) -> Result<Arc<Dataset>> {
        if let Some((.., data)) = self.opened.iter().find(|(known, of, _)| (*known, *of) == (split, digits)) {
            return Ok(data.clone());
        }
        let classes: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let data = open_data(&self.source, split, &classes, Opening { is_as_filed: true, ..Opening::default() })?;
        let data = if digits.is_empty() { data } else { Arc::new(data.only(digits)) };
        self.opened.push((split, digits, data.clone()));
        Ok(data)
    }
}

fn train(recipe: &Recipe, net: PaperNet, seed: u64, out: &Path, sets: &mut Sets) -> Result<()> {
    let data = sets.open(Split::Train, net.digits())?;
    // The first seed chooses the epochs for all, as the paper's five runs shared one choice.
    let config = match seed > 1 {
        true => recipe.config_for(net, seed, chosen_epochs(&out.join(net.folder(1)))?),
        false => recipe.config(net, seed, data.len()),
    };
    let config = Config { data: sets.source.clone(), ..config };
    let path = &out.join(net.folder(seed));
    if RunFolder::summary(path).is_ok_and(|summary| summary.config == config && summary.is_finished) {
        return Ok(());
    }
    let manifest = net.manifest(&config)?;
    let (mut folder, mut trainer) = PreparedRun { manifest, data, config }.run_in(path, "net")?;
    eprintln!("{}", path.display());
    drive(&mut folder, &mut trainer, EpochReport::Nothing)
}

/// Returns the epochs that the early stopping of another run chose.
fn chosen_epochs(path: &Path) -> Result<usize> {
    let has_chosen = |summary: &Summary| {
        summary.is_finished || summary.history.iter().any(|record| record.stage == Stage::Retraining)
    };
    match RunFolder::summary(path) {
        Ok(summary) if has_chosen(&summary) => Ok(summary.config.stopping.rule.best_epochs(&summary.history)),
        _ => Err(Error::Argument(format!("train the first seed before the others\n  {}", path.display()))),
    }
}
