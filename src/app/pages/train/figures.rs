//! The page offers the curves of the runs that are plotted, a sweep, the trade-off, and the first layer.

use std::sync::Arc;

use crate::app::files::figures::OfferedFigure;
use crate::app::pages::train::commands::TrainView;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{Train, words};
use crate::app::plots::scene::PlotLook;
use crate::engine::train::{Config, EpochRecord, Robustness, history_csv};
use crate::figure::{Figure, FigureRun, Table, first_layer, run_curves, sweep_grid, trade_off};

/// A caption has no more commands than this.
const MOST_COMMANDS: usize = 4;
/// The command of a run ends with this.
const OUT: &str = " --out run";

#[derive(Clone)]
struct KeptRun {
    name: String,
    config: Config,
    history: Vec<EpochRecord>,
    robustness: Vec<Robustness>,
}

impl KeptRun {
    fn as_figure(&self) -> FigureRun<'_> {
        let Self { name, config, history, robustness } = self;
        FigureRun { name, config, history, robustness }
    }
}

/// A figure keeps this of the runs, so that it can be drawn beside the window.
#[derive(Clone, Default)]
struct Kept {
    runs: Vec<KeptRun>,
    command: Option<String>,
}

impl Kept {
    fn new(runs: &[&TrainingRun]) -> Self {
        let begun = || runs.iter().filter(|run| !run.info.history.is_empty());
        let is_one = begun().count() == 1;
        let command = |run: &&TrainingRun| {
            let line = words::command_line_of(run);
            // One folder holds one run.
            let of_several =
                line.strip_suffix(OUT).filter(|_| !is_one).map(|line| format!("{line} --out {}", run.info.run));
            of_several.unwrap_or(line)
        };
        let commands: Vec<String> = begun().take(MOST_COMMANDS + 1).map(command).collect();
        let name = |run: &TrainingRun| match &*run.info.label.name {
            "" => run.info.run.to_string(),
            name => name.to_owned(),
        };
        let kept = |run: &&TrainingRun| KeptRun {
            name: name(run),
            config: run.info.config.clone(),
            history: run.info.history.clone(),
            robustness: run.info.robustness.clone(),
        };
        Self {
            runs: begun().map(kept).collect(),
            command: (commands.len() <= MOST_COMMANDS).then(|| commands.join("; ")),
        }
    }

    fn figure(self, draw: impl FnOnce(&[FigureRun<'_>], Option<String>) -> Figure) -> Figure {
        let runs: Vec<FigureRun<'_>> = self.runs.iter().map(KeptRun::as_figure).collect();
        draw(&runs, self.command)
    }
}

pub fn figures(train: &Train, look: PlotLook) -> Vec<OfferedFigure> {
    let mut offered: Vec<(TrainView, OfferedFigure)> = Vec::new();
    let plotted = Kept::new(&train.plotted());
    if !plotted.runs.is_empty() {
        let tables = plotted.runs.iter().map(|run| Table::from_csv(&history_csv(&run.history))).collect();
        let describe = move || {
            let panels = look.wanted();
            plotted.figure(|runs, command| run_curves(runs, &panels, look.is_log, command))
        };
        offered.push((TrainView::Curves, OfferedFigure::new("Curves", "", describe).with_tables(tables)));
    }
    let siblings = Kept::new(&train.siblings());
    if siblings.runs.len() > 1 {
        let grid = siblings.clone();
        offered.push((
            TrainView::Sweep,
            OfferedFigure::new("Sweep", "", move || {
                grid.figure(|runs, command| sweep_grid(runs, look.measure, command))
            }),
        ));
        let describe = move || siblings.figure(|runs, command| trade_off(runs, look.measure, command));
        offered.push((TrainView::Sweep, OfferedFigure::new("Adversarial against clean error", "", describe)));
    }
    if let Some((run, sheet)) = train.selected().and_then(|run| Some((run, run.sheet.as_ref()?))) {
        let (kept, sheet) = (Kept::new(&[run]), Arc::clone(sheet));
        if !kept.runs.is_empty() {
            let describe = move || kept.figure(|runs, command| first_layer(&runs[0], &sheet, command));
            offered.push((TrainView::FirstLayer, OfferedFigure::new("First layer", "", describe)));
        }
    }
    offered.sort_by_key(|(view, _)| *view != train.view);
    offered.into_iter().map(|(_, figure)| figure).collect()
}
