//! The page has the settings at the left, the run in hand at the top, curves in the middle, and all runs below.

use std::path::{Path, PathBuf};

use egui::{CentralPanel, Context, Frame, Margin, Panel, Rect, Ui, UiBuilder};

use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::files::dialogs::Question;
use crate::app::files::figures::OfferedFigure;
use crate::app::notices::{Notices, Tone};
use crate::app::page::{Menu, Page};
use crate::app::pages::test_sets::commands::TestCommand;
use crate::app::pages::train::commands::{Export, SettingsOf, TrainCommand, TrainView};
use crate::app::pages::train::figures::figures;
use crate::app::pages::train::first_layer::WeightSheet;
use crate::app::pages::train::questions::{Questions, TrainQuestion};
use crate::app::pages::train::run_bar;
use crate::app::pages::train::runs_table::RunsTable;
use crate::app::pages::train::settings::{Around, SettingsPanel};
use crate::app::pages::train::state::facts::DraftFacts;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{Train, TrainOutcome, draft, words};
use crate::app::pages::train::sweep::{self, measure_common};
use crate::app::plots::Plots;
use crate::app::plots::scene::PlotRun;
use crate::app::settings::Settings;
use crate::app::shell::{Screenshot, Shell};
use crate::app::theme::{self, SPACE_4, palette};
use crate::app::undo::HistoryStep;
use crate::app::widgets::remark;
use crate::command_line::train_command;
use crate::engine::attack::Norm;
use crate::engine::data::DataSource;
use crate::engine::files::write_atomically;
use crate::engine::model::name_of_run;
use crate::engine::train::history_csv;
use crate::worker::{RunInfo, TrainEvent};

const SETTINGS_WIDTH: f32 = 316.0;
const NARROW_SETTINGS_WIDTH: f32 = 300.0;
const NARROW: f32 = 1000.0;
const LEAST_SETTINGS_WIDTH: f32 = 260.0;
const VERY_NARROW: f32 = 700.0;
const WIDE: f32 = 1280.0;
const TABLE_HEIGHT: f32 = 192.0;
const LEAST_TABLE_HEIGHT: f32 = 96.0;

#[derive(Default)]
pub struct TrainPage {
    settings: SettingsPanel,
    table: RunsTable,
    sheet: WeightSheet,
    plots: Plots,
    questions: Questions,
    pub facts: Option<DraftFacts>,
    /// The plots cover this part of the window.
    area: Option<Rect>,
}

impl Page for TrainPage {
    fn show(&mut self, ui: &mut Ui, shell: &mut Shell, out: &mut Vec<Command>) {
        let train = &shell.train;
        let width = match ui.available_width() {
            ..VERY_NARROW => LEAST_SETTINGS_WIDTH,
            ..NARROW => NARROW_SETTINGS_WIDTH,
            _ => SETTINGS_WIDTH,
        };
        let side = Frame::new().fill(palette(ui).panel);
        Panel::left("train settings").resizable(false).exact_size(width).frame(side).show(ui, |ui| {
            let look = shell.background.look();
            let (facts, catalogue) = (self.facts.as_ref(), &*shell.explore.catalogue);
            let around = Around { train, facts, look, catalogue, probes: shell.settings.probe };
            self.settings.show(ui, &around, out);
        });
        let bar = theme::bar_frame(ui);
        Panel::top("run bar").frame(bar).show(ui, |ui| run_bar::show(ui, train, out));
        if !theme::compact(ui) {
            let margin = Margin { left: 16, right: 16, top: 8, bottom: 8 };
            let below = Frame::new().fill(palette(ui).panel).inner_margin(margin);
            let panel = Panel::bottom("runs").frame(below).resizable(true);
            panel.default_size(TABLE_HEIGHT).min_size(LEAST_TABLE_HEIGHT).show(ui, |ui| {
                // An empty table must not shrink the panel for good.
                ui.set_min_height(ui.available_height());
                self.bottom(ui, train, out);
            });
        }
        let middle = Frame::new().fill(palette(ui).canvas).inner_margin(Margin::symmetric(16, 12));
        self.area = None;
        CentralPanel::default().frame(middle).show(ui, |ui| self.middle(ui, train, out));
    }

    fn tick(&mut self, ctx: &Context, shell: &mut Shell) {
        let train = &mut shell.train;
        train.history.note(ctx.input(|i| i.time), &train.draft);
        let is_known = self.facts.as_ref().is_some_and(|facts| facts.are_of(&train.draft));
        if !is_known && shell.settings.tab == Tab::Train {
            let config = train.draft.clone();
            shell.background.gather(config);
        }
        probe(shell);
    }

    fn show_question(&mut self, ui: &Ui, shell: &Shell, out: &mut Vec<Command>) {
        self.questions.show(ui, &shell.explore.catalogue, out);
    }

    fn is_asking(&self) -> bool {
        self.questions.open.is_some()
    }

    fn close_question(&mut self) {
        self.questions.open = None;
    }

    fn drop_hint(&self, _files: usize) -> &'static str {
        "Drop to train on the pictures of this folder or archive"
    }

    fn take_dropped(&mut self, path: PathBuf, _shell: &mut Shell) -> Option<Command> {
        let is_data = path.is_dir() || is_packed(&path);
        let data = if is_data { path } else { path.parent().map(Path::to_owned).unwrap_or(path) };
        Some(TrainCommand::UseFolder(data).into())
    }

    fn menu(&self, shell: &Shell) -> Menu {
        Menu {
            history: Some(shell.train.can_step()),
            save: vec![
                WindowCommand::ExportFigure.into(),
                WindowCommand::SaveReport.into(),
                WindowCommand::SaveViewDialog.into(),
            ],
            copy: vec![WindowCommand::CopyFigure.into(), TrainCommand::CopyCommand.into()],
            ..Menu::default()
        }
    }

    fn figures(&self, shell: &Shell) -> Vec<OfferedFigure> {
        figures(&shell.train, self.plots.look)
    }

    fn step_history(&mut self, step: HistoryStep, shell: &mut Shell) {
        shell.train.step_history(step);
    }

    fn remember(&self, shell: &mut Shell) {
        shell.settings.plots = self.plots.look;
        let draft = &shell.train.draft;
        shell.settings.train = (*draft != draft::usual()).then(|| draft.clone());
    }

    fn to_table(&self, shell: &Shell) -> toml::Table {
        shell.train.to_table()
    }

    fn restore(&mut self, table: toml::Table, shell: &mut Shell) -> Result<(), toml::de::Error> {
        shell.train.restore(table)
    }
}

impl TrainPage {
    pub fn new(settings: &Settings) -> Self {
        Self { plots: Plots::new(settings.plots), ..Self::default() }
    }

    pub fn take(&mut self, event: TrainEvent, shell: &mut Shell) {
        if let TrainEvent::Deleted(run) = &event
            && shell.explore.view.model == name_of_run(run)
        {
            // The first net is always there.
            shell.explore.set_model(Settings::default().model);
        }
        let is_exploring = shell.settings.tab == Tab::Explore;
        match shell.train.take(event) {
            Some(TrainOutcome::Problem(message)) => shell.notices.add(Tone::Problem, message),
            Some(TrainOutcome::Notes(message)) => shell.notices.add(Tone::Caution, message),
            Some(TrainOutcome::Idle(message)) if is_exploring => shell.notices.add(Tone::Caution, message),
            Some(TrainOutcome::NeedsYou(message)) if is_exploring => shell.notices.add(Tone::Problem, message),
            Some(TrainOutcome::Done(message)) if is_exploring => shell.notices.add_brief(message),
            Some(TrainOutcome::Attack(net)) => {
                let trained = shell.train.net(&net).map(|(run, _)| &run.info.config);
                if let Some(config) = trained.filter(|config| config.is_adversarial() && config.norm == Norm::Linf) {
                    shell.explore.set_eps(config.eps);
                }
                shell.explore.set_model(net);
                shell.explore.refresh();
                shell.settings.tab = Tab::Explore;
            }
            Some(TrainOutcome::Fetched(data)) => {
                self.facts = None;
                shell.train.probing.forget();
                shell.notices.add_brief(format!("{} is there.", words::data(&data)));
            }
            Some(TrainOutcome::NeedsYou(_) | TrainOutcome::Done(_) | TrainOutcome::Idle(_)) | None => {}
        }
    }

    pub fn carry_out(&mut self, command: TrainCommand, shell: &mut Shell, _ctx: &Context) {
        match command {
            TrainCommand::CopyCommand => copy_command(shell),
            TrainCommand::Resume if let Some(why) = shell.train.selected().and_then(words::not_resumable) => {
                shell.notices.add_brief(why);
            }
            TrainCommand::AskDelete => {
                if let Some(run) = shell.train.selected().filter(|run| !run.is_in_hand()) {
                    self.questions.open = Some(TrainQuestion::Delete(run.info.run.clone()));
                }
            }
            TrainCommand::AskKeep => match shell.train.selected().filter(|run| !run.info.history.is_empty()) {
                Some(run) => self.questions.ask_keep(&run.info.run),
                None => shell.notices.add_brief(NO_NET),
            },
            TrainCommand::Keep(run, name) => shell.worker.library.keep_run(&run, name),
            TrainCommand::Measure => {
                measure(&shell.train.plotted(), &shell.train, &mut shell.commands, &mut shell.notices)
            }
            TrainCommand::MeasureCommon => measure_common(self.plots.look.measure, shell),
            TrainCommand::StopMeasuring => shell.worker.stop_test(),
            TrainCommand::MeasureSweep => {
                measure(&shell.train.siblings(), &shell.train, &mut shell.commands, &mut shell.notices);
            }
            TrainCommand::AskLabel => {
                if let Some(run) = shell.train.selected() {
                    self.questions.ask_label(run);
                }
            }
            TrainCommand::AskSweep => self.questions.ask_sweep(&shell.train.draft),
            TrainCommand::AskExport(export) => ask_export(export, shell),
            TrainCommand::ExportTo(export, path) => self.export(export, path, shell),
            TrainCommand::FolderDialog => shell.dialogs.ask(Question::Folder, Path::new("")),
            TrainCommand::UseFolder(path) => {
                // Another start of the program may have another working folder.
                let path = std::path::absolute(&path).unwrap_or(path);
                shell.train.draft.data = DataSource::Folder(path);
            }
            TrainCommand::ToggleProbe => shell.settings.probe = !shell.settings.probe,
            TrainCommand::AskFetch(data) => self.questions.open = Some(TrainQuestion::Fetch(data)),
            command => shell.train(&command),
        }
    }

    fn export(&self, export: Export, path: PathBuf, shell: &mut Shell) {
        let Some(run) = shell.train.selected() else { return };
        let bytes = match export {
            Export::History => history_csv(&run.info.history).into_bytes(),
            // Plain data with names for keys: this cannot fail.
            Export::Settings => serde_json::to_vec_pretty(&run.info.config).unwrap_or_default(),
            Export::Plots if self.area.is_some() => {
                shell.screenshot = Some(Screenshot { path, area: self.area });
                return;
            }
            Export::Plots => {
                let text = "There are no plots on screen to save; look at the curves first.";
                return shell.notices.add(Tone::Caution, text);
            }
        };
        shell.background.export(path, move |path| write_atomically(path, &bytes, "write the file"));
    }

    fn bottom(&mut self, ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
        let beside = ui.available_width() >= WIDE && train.view != TrainView::FirstLayer;
        if beside {
            ask_for_weights(train, out);
        }
        let sheet = train.selected().and_then(|run| run.sheet.as_ref()).filter(|_| beside);
        let Some(sheet) = sheet else { return self.table.show(ui, train, out) };
        let room = ui.available_rect_before_wrap();
        let split = room.right() - (room.width() * 0.34).min(560.0);
        let (table, right) = room.split_left_right_at_x(split);
        let table = UiBuilder::new().max_rect(table.with_max_x(split - SPACE_4));
        ui.scope_builder(table, |ui| self.table.show(ui, train, out));
        ui.scope_builder(UiBuilder::new().max_rect(right), |ui| self.sheet.show(ui, sheet));
    }

    fn first_layer(&mut self, ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
        ask_for_weights(train, out);
        match train.selected().and_then(|run| Some((run, run.sheet.as_ref()?))) {
            Some((run, sheet)) => self.sheet.show_explained(ui, &run.info.run, sheet),
            None => {
                let text =
                    "They appear here once the run begins. Nets without a first layer that looks at pixels have none.";
                remark(ui, "No weights to show", text);
            }
        }
    }

    fn middle(&mut self, ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
        if train.runs.is_empty() {
            return empty(ui, train);
        }
        match train.view {
            TrainView::Runs if theme::compact(ui) => self.table.show(ui, train, out),
            TrainView::Curves | TrainView::Runs => {
                let plotted = train.plotted();
                self.area = self.plots.show(ui, &plot_runs(train, &plotted));
            }
            TrainView::FirstLayer => self.first_layer(ui, train, out),
            TrainView::Sweep => sweep::show(ui, train, &mut self.plots.look.measure, out),
        }
    }
}

/// Asks for a probe of the settings on screen, where they are those of the next run.
fn probe(shell: &mut Shell) {
    let train = &mut shell.train;
    let is_seen = shell.settings.probe && shell.settings.tab == Tab::Train;
    let config = (is_seen && train.shown_panel().0 == SettingsOf::NextRun).then_some(&train.draft);
    if let Some(wish) = train.probing.order(config) {
        shell.worker.probe(wish);
    }
}

const NO_NET: &str = "There is no net yet: no epoch of the run is over.";

/// Goes to Test sets with the nets of these runs, and with the data of the selected one.
fn measure(runs: &[&TrainingRun], train: &Train, commands: &mut Vec<Command>, notices: &mut Notices) {
    let runs: Vec<&&TrainingRun> = runs.iter().filter(|run| !run.info.history.is_empty()).collect();
    let Some(of_data) = runs.iter().find(|run| train.is_selected(run)).or(runs.first()) else {
        return notices.add_brief(NO_NET);
    };
    let config = &of_data.info.config;
    if runs.iter().any(|run| run.info.config.data != config.data) {
        let text =
            format!("These runs were trained on different data; the test pictures are those of {}.", of_data.info.run);
        notices.add(Tone::Caution, text);
    }
    let nets = runs.iter().map(|run| name_of_run(&run.info.run)).collect();
    commands.push(TestCommand::Choose { nets, data: config.data.clone() }.into());
}

fn copy_command(shell: &mut Shell) {
    let (line, what) = match shell.train.selected() {
        Some(run) => (words::command_line_of(run), format!("the command of {}", run.info.run)),
        None => (train_command(&shell.train.draft, &[]), "the command of these settings".into()),
    };
    shell.copy_line(line, what);
}

fn ask_export(export: Export, shell: &mut Shell) {
    let Some(run) = shell.train.selected() else { return };
    let name = match export {
        Export::History => "history.csv",
        Export::Settings => "settings.json",
        Export::Plots => "plots.png",
    };
    let user = directories::UserDirs::new();
    let folder = user.map(|dirs| dirs.document_dir().unwrap_or(dirs.home_dir()).to_owned()).unwrap_or_default();
    let proposal = folder.join(format!("{}-{name}", run.info.run));
    shell.dialogs.ask(Question::Export(export), &proposal);
}

/// Tells by its name whether a file is a data set by itself: packed class folders, or arrays.
fn is_packed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".zip", ".npz", ".mat", ".csv", ".csv.gz"]
        .iter()
        .any(|end| name.ends_with(end))
}

fn ask_for_weights(train: &Train, out: &mut Vec<Command>) {
    if let Some(run) = train.selected().filter(|run| run.lacks_sheet()) {
        out.push(TrainCommand::ShowFirstLayer(run.info.run.clone()).into());
    }
}

pub fn plot_runs<'a>(train: &Train, runs: &[&'a TrainingRun]) -> Vec<PlotRun<'a>> {
    let as_plotted = |run: &&'a TrainingRun| {
        let (RunInfo { history, config, robustness, .. }, name) = (&run.info, &run.title);
        PlotRun { name, history, config, robustness, is_primary: train.is_selected(run) }
    };
    runs.iter().map(as_plotted).collect()
}

fn empty(ui: &mut Ui, train: &Train) {
    if !train.is_listed {
        return;
    }
    let text = "Press Train at the left. A net is trained on digits that the program draws itself, half on clean ones \
                and half on adversarial ones made against the net as it is. In about a minute you see both validation \
                errors part and fall. Then attack the fresh net in Explore, with the picture that is there now.";
    remark(ui, "Train a net that withstands the attack", text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_by_their_names() {
        for name in ["photos.tar", "photos.TAR.GZ", "my photos.tar.xz", "photos.tgz", "photos.zip", "mnist.npz"] {
            assert!(is_packed(Path::new(name)), "{name}");
        }
        for name in ["photo.png", "tar", "x.gz"] {
            assert!(!is_packed(Path::new(name)), "{name}");
        }
    }
}
