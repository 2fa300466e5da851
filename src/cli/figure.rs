//! `doppelganger figure` draws training runs: their curves, a sweep, the trade-off, or all of it as a report.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::choice::choice;
use super::figure_options::LookArgs;
use super::measure::MeasureArgs;
use super::print;
use crate::command_line::train_arguments;
use crate::command_line::{invocation, quoted};
use crate::engine::files::write_atomically;
use crate::engine::model::FirstLayer;
use crate::engine::picture::Rgba;
use crate::engine::train::{Measured, Robustness, RunFolder, RunNets, Summary, history_csv};
use crate::engine::{Error, Result};
use crate::figure::quantity::Panel;
use crate::figure::{
    Figure, FigureRun, Report, Section, SweepMeasure, Table, caption_path, first_layer, run_curves, sweep_grid,
    trade_off, write,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    Curves,
    Sweep,
    TradeOff,
    FirstLayer,
}

const SHOWS: [(&str, &str, Shows); 4] = [
    ("curves", "Quantities after each epoch", Shows::Curves),
    ("sweep", "A small plot of the errors for each ε and α", Shows::Sweep),
    ("trade-off", "The error by --under against the clean error of each run", Shows::TradeOff),
    ("first-layer", "The weights of the first layer of one run", Shows::FirstLayer),
];

const QUANTITIES: [(&str, &str, Panel); 3] = [
    ("error", "Validation errors with their 95 % intervals", Panel::Error),
    ("loss", "Losses", Panel::Loss),
    ("confidence", "Confidence on mistakes", Panel::Confidence),
];

#[derive(Args)]
pub struct FigureCommand {
    /// Folders of training runs, or of sweeps, whose runs are then all taken
    #[arg(required = true, value_name = "RUN_FOLDER")]
    runs: Vec<PathBuf>,
    /// Where to save the figure, in the format of the file's ending, with its caption for LaTeX as NAME.caption.tex; or
    /// a report of everything as one HTML file
    #[arg(long, value_name = "FILE.svg|.pdf|.png|.html")]
    out: PathBuf,
    /// What the figure shows
    #[arg(long, value_parser = choice(&SHOWS), default_value = "curves")]
    shows: Shows,
    /// The quantities of the curves, with commas between, one plot below the other
    #[arg(long, value_parser = choice(&QUANTITIES), value_delimiter = ',', default_value = "error")]
    quantity: Vec<Panel>,
    /// Draw the quantities on a logarithmic axis
    #[arg(long)]
    log: bool,
    #[command(flatten)]
    measure: MeasureArgs,
    #[command(flatten)]
    look: LookArgs,
}

struct Run {
    name: String,
    summary: Summary,
    robustness: Vec<Robustness>,
}

impl Run {
    fn figure_run(&self) -> FigureRun<'_> {
        let Self { name, summary, robustness } = self;
        FigureRun { name, config: &summary.config, history: &summary.history, robustness }
    }
}

pub fn run(args: &FigureCommand) -> Result<()> {
    let is_report = args.out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"));
    let folders = args.runs.iter().map(|path| run_folders(path)).collect::<Result<Vec<_>>>()?.concat();
    let runs = folders.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    let runs: Vec<FigureRun<'_>> = runs.iter().map(Run::figure_run).collect();
    let options = args.look.options();
    if is_report {
        let html = report(&runs, args.measure.measure(&runs)?)?.html(&options)?;
        write_atomically(&args.out, html.as_bytes(), "write the report")?;
        return print(&format!("report: {}", args.out.display()));
    }
    let command = Some(invocation());
    let figure = match args.shows {
        Shows::Curves => run_curves(&runs, &args.quantity, args.log, command),
        Shows::Sweep => sweep_grid(&runs, args.measure.measure(&runs)?, command),
        Shows::FirstLayer => {
            let ([run], [folder]) = (&runs[..], &folders[..]) else {
                let why = "the first layer is drawn of one run; give the folder of a single one";
                return Err(Error::Argument(why.into()));
            };
            first_layer(run, &weights(folder)?, command)
        }
        Shows::TradeOff => trade_off(&runs, args.measure.measure(&runs)?, command),
    };
    write(&figure, &options, &args.out)?;
    print(&format!("figure: {}, its caption: {}", args.out.display(), caption_path(&args.out).display()))
}

/// Draws the weights of the first layer of the net that a run keeps.
fn weights(folder: &Path) -> Result<Arc<Rgba>> {
    let RunNets { manifest, best, .. } = RunFolder::nets(folder)?;
    let layer = FirstLayer::of(&manifest);
    let tensor = layer.as_ref().and_then(|layer| Some((layer, best.get(&layer.tensor)?)));
    let Some((layer, tensor)) = tensor else {
        let why = "the first layer of this net looks at no pictures, so its weights are none";
        return Err(Error::Argument(format!("{why}\n  {}", folder.display())));
    };
    Ok(Arc::new(layer.sheet(&tensor.flatten_all()?.to_vec1()?)))
}

/// Returns the folder itself where it holds a run, or those inside it that do.
fn run_folders(path: &Path) -> Result<Vec<PathBuf>> {
    if RunFolder::holds_a_run(path) {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(Error::io("read the folder of a run", path))?;
    let inside = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = inside.filter(|path| RunFolder::holds_a_run(path)).collect();
    found.sort();
    if found.is_empty() {
        let expected = "this folder holds no training run; expected one that doppelganger train or sweep has written";
        return Err(Error::Argument(format!("{expected}\n  {}", path.display())));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Run> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let summary = RunFolder::summary(path)?;
    if summary.history.is_empty() {
        let why = "no epoch of this run has ended, so there is nothing to draw yet";
        return Err(Error::Argument(format!("{why}\n  {}", path.display())));
    }
    Ok(Run { name, summary, robustness: Robustness::read_all(path) })
}

/// Returns a report of runs: all of them together, then each with its curves, its settings and its history.
fn report(all: &[FigureRun<'_>], measure: SweepMeasure) -> Result<Report> {
    let mut sections = Vec::new();
    if all.len() > 1 {
        let mut figures = vec![run_curves(all, &[Panel::Error], false, None), trade_off(all, measure, None)];
        let differ = |of: fn(&FigureRun<'_>) -> f32| all.iter().any(|run| of(run) != of(&all[0]));
        if differ(|run| run.config.eps) || differ(|run| run.config.alpha) {
            figures.push(sweep_grid(all, measure, None));
        }
        let heading = "All runs".to_owned();
        sections.push(Section { heading, figures, tables: vec![overview(all)], commands: vec![invocation()] });
    }
    for run in all {
        let figures: Vec<Figure> = vec![run_curves(std::slice::from_ref(run), &Panel::ALL, false, None)];
        let words: Vec<String> = train_arguments(run.config).iter().map(|word| quoted(word)).collect();
        let command = format!("doppelganger train {} --out {}", words.join(" "), quoted(run.name));
        let tables = vec![Table::from_csv(&history_csv(run.history))];
        sections.push(Section { heading: run.name.to_owned(), figures, tables, commands: vec![command] });
    }
    let title = match all {
        [run] => format!("Training run {}", run.name),
        runs => format!("{} training runs", runs.len()),
    };
    Ok(Report { title, sections })
}

/// Returns a table with a row for each run, at the epoch whose weights it keeps.
fn overview(runs: &[FigureRun<'_>]) -> Table {
    let head = ["Run", "Net", "ε", "α", "Seed", "Epoch kept", "Clean error (%)", "FGSM error (%)", "PGD error (%)"];
    let row = |run: &FigureRun<'_>| {
        let kept = run.kept().copied().unwrap_or_default();
        let error = |measured: Option<Measured>| {
            measured.map_or_else(|| "–".into(), |measured| format!("{:.2}", 100.0 * measured.error()))
        };
        let config = run.config;
        vec![
            run.name.to_owned(),
            config.model.clone(),
            config.eps.to_string(),
            config.alpha.to_string(),
            config.seed.to_string(),
            kept.epoch.to_string(),
            error(kept.clean),
            error(kept.adversarial),
            error(kept.pgd),
        ]
    };
    Table { head: head.map(str::to_owned).to_vec(), rows: runs.iter().map(row).collect() }
}
