//! The panel has the settings of the next run, and those of the run in hand that can still be changed.

use std::path::PathBuf;

use egui::{self, CentralPanel, Frame, Margin, Panel, ScrollArea, Ui};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format;
use crate::app::pages::train::commands::{SettingsOf, TrainCommand};
use crate::app::pages::train::state::facts::DraftFacts;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{DataFetching, Train, draft, words};
use crate::app::pages::train::tuning::{Tuning, errors_of};
use crate::app::pages::train::{learning, net, objective};
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::about::{Action as _, about};
use crate::app::widgets::form::{self, Counts, Fields, named, note, section};
use crate::app::widgets::path_field::typed_path;
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{alternatives, command_button, icon_button, problem_line};
use crate::command_line::train_command;
use crate::engine::data::DataSource;
use crate::engine::model::{Architecture, Entry};
use crate::engine::train::{Config, Stage, parse_size};

const DRAWN: Counts = Counts { slider: 1000..=100_000, typed: 10..=1_000_000 };

pub struct Around<'a> {
    pub train: &'a Train,
    pub facts: Option<&'a DraftFacts>,
    /// The share that is done of a look at the data.
    pub look: Option<f32>,
    pub catalogue: &'a [Entry],
    /// Settings are probed as they are changed.
    pub probes: bool,
}

#[derive(Default)]
pub struct SettingsPanel {
    fields: Fields,
    tuning: Tuning,
    of: Option<SettingsOf>,
}

impl SettingsPanel {
    pub fn show(&mut self, ui: &mut Ui, around: &Around<'_>, out: &mut Vec<Command>) {
        let train = around.train;
        let (panel, run) = train.shown_panel();
        if self.of.replace(panel) != Some(panel) {
            self.fields.clear();
        }
        let line = Frame::new().inner_margin(Margin { left: 16, right: 16, top: 10, bottom: 10 });
        Panel::bottom("start").frame(line).show(ui, |ui| self.start(ui, train, panel, out));
        if let Some(run) = run {
            let line = Frame::new().inner_margin(Margin { left: 16, right: 16, top: 8, bottom: 4 });
            Panel::top("whose settings").frame(line).show_separator_line(false).show(ui, |ui| {
                let of_run = format!("Of {}", run.info.run);
                let options = [
                    (SettingsOf::NextRun, "Next run", "Settings of the run that Train begins"),
                    (SettingsOf::RunInHand, &of_run, IN_HAND),
                ];
                let clicked = alternatives(ui, "Settings", &options, panel);
                out.extend(clicked.map(|panel| TrainCommand::Panel(panel).into()));
            });
        }
        let config = match run.filter(|_| panel == SettingsOf::RunInHand) {
            Some(run) => {
                let (eps, alpha) = run.tuning();
                Config { eps, alpha, ..run.info.config.clone() }
            }
            None => train.draft.clone(),
        };
        CentralPanel::default().frame(Frame::new()).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                Frame::new().inner_margin(Margin { left: 16, right: 16, top: 4, bottom: 8 }).show(ui, |ui| {
                    let mut changed = config.clone();
                    match panel {
                        SettingsOf::NextRun => self.next_run(ui, &mut changed, around, out),
                        SettingsOf::RunInHand => self.run_in_hand(ui, &mut changed, run),
                    }
                    if changed != config {
                        out.push(change(panel, &config, changed));
                    }
                });
            });
        });
    }

    fn next_run(&mut self, ui: &mut Ui, config: &mut Config, around: &Around<'_>, out: &mut Vec<Command>) {
        let facts = around.facts.filter(|facts| facts.are_of(config));
        let is_missing = facts.is_some_and(|facts| !facts.is_there);
        let Self { fields, tuning, .. } = self;
        tuning.knobs(ui, fields, config);
        ui.add_space(SPACE_1);
        tuning.probe(ui, &around.train.probing, around.probes, out);
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.separator();
        section(ui, "Adversary", false, &words::adversary_of(config), |ui| objective::show(ui, fields, config, true));
        section(ui, "Data", false, &words::data(&config.data), |ui| {
            data(ui, fields, config, out);
            input(ui, fields, config, facts);
            if let (None, Some(share), DataSource::Folder(_)) = (facts, around.look, &config.data) {
                note(ui, &format!("Looking at the pictures: {:.0} %", share * 100.0));
            }
        });
        // What keeps a run from beginning is in sight while the section is closed.
        match &around.train.fetching {
            Some(fetching) => on_its_way(ui, fetching, out),
            None if is_missing => missing(ui, &config.data, out),
            None => {}
        }
        section(ui, "Net", false, &config.model.clone(), |ui| net::show(ui, fields, config, facts, around.catalogue));
        let summary = format!("{} epochs, rate {}", config.epochs, config.learning_rate);
        section(ui, "Learning", false, &summary, |ui| learning::show(ui, fields, config));
        let summary = config.stopping.rule.to_string();
        section(ui, "Early stopping", false, &summary, |ui| learning::stopping(ui, fields, config));
        let summary = format!("{} held out", config.validation);
        section(ui, "Validation", false, &summary, |ui| learning::validation(ui, fields, config));
    }

    fn run_in_hand(&mut self, ui: &mut Ui, config: &mut Config, run: Option<&TrainingRun>) {
        let Self { fields, tuning, .. } = self;
        let retrains = run.and_then(|run| run.progress).is_some_and(|now| now.stage == Stage::Retraining);
        ui.add_enabled_ui(!retrains, |ui| tuning.knobs(ui, fields, config));
        note(
            ui,
            match retrains {
                true => "The retraining repeats the ε and α of the selection.",
                false => "ε and α hold from the next epoch on, and the plots mark it.",
            },
        );
        run.into_iter().for_each(|run| errors_of(ui, run));
        ui.separator();
        section(ui, "Adversary", false, &words::adversary_of(config), |ui| objective::show(ui, fields, config, false));
        section(ui, "Learning rate", true, "", |ui| {
            learning::rate(ui, fields, config);
            note(ui, "Holds from the next step on; the schedule goes on from there.");
        });
        section(ui, "As it was begun", true, "", |ui| {
            let arguments = run.map_or_else(|| train_command(config, &[]), words::command_line_of);
            ui.add(egui::Label::new(theme::number(arguments).color(palette(ui).weak)).wrap());
        });
    }

    fn start(&self, ui: &mut Ui, train: &Train, panel: SettingsOf, out: &mut Vec<Command>) {
        if panel == SettingsOf::RunInHand {
            note(ui, IN_HAND);
            return;
        }
        let problem = match &train.draft.data {
            _ if self.fields.has_problem() => Some("Mend what is marked, or press Escape in it.".to_owned()),
            // The number of pictures in other sets is only known once they are opened.
            DataSource::Drawn { count, .. } => train.draft.check(*count).err().map(|error| error.to_string()),
            _ => None,
        };
        problem.iter().for_each(|problem| problem_line(ui, problem));
        ui.horizontal(|ui| {
            let command = TrainCommand::Start;
            let described = command.about();
            let (name, icon) = match train.in_hand() {
                Some(_) => ("Add to the queue", icons::ICON_QUEUE),
                None => (described.name, icons::ICON_PLAY_ARROW),
            };
            let palette = palette(ui);
            let icon = icon.rich_text().size(18.0).color(palette.on_accent);
            let text = theme::strong(name).color(palette.on_accent);
            let width = ui.available_width() - 104.0 - SPACE_2;
            let button = egui::Button::new((icon, text)).fill(palette.accent).min_size(egui::vec2(width, 34.0));
            let response = ui.add_enabled(problem.is_none(), button).on_hover_text(described.tip());
            if response.accessible_name(name).clicked() {
                out.push(command.into());
            }
            ui.spacing_mut().interact_size.y = 34.0;
            ui.add_enabled_ui(problem.is_none(), |ui| command_button(ui, TrainCommand::AskSweep, out));
        });
    }
}

const IN_HAND: &str = "ε, α and the learning rate of the run in hand can be changed as it goes.";

fn change(panel: SettingsOf, config: &Config, changed: Config) -> Command {
    let Config { eps, alpha, learning_rate, .. } = changed;
    match panel {
        SettingsOf::NextRun => TrainCommand::Settings(Box::new(changed)).into(),
        SettingsOf::RunInHand if learning_rate != config.learning_rate => TrainCommand::Rate(learning_rate).into(),
        SettingsOf::RunInHand => TrainCommand::Retune { eps, alpha }.into(),
    }
}

fn data(ui: &mut Ui, fields: &mut Fields, config: &mut Config, out: &mut Vec<Command>) {
    let (mut drawn, mut folder, now) = (draft::usual().data, DataSource::Folder(PathBuf::new()), config.data.clone());
    match &now {
        DataSource::Drawn { .. } => drawn.clone_from(&now),
        DataSource::Folder(_) => folder.clone_from(&now),
        DataSource::Mnist | DataSource::FashionMnist => {}
    }
    let options = [
        (&drawn, "Drawn digits", "Digits that the program draws itself: nothing to fetch, as many as you like"),
        (&DataSource::Mnist, "MNIST", "60 000 handwritten digits"),
        (&DataSource::FashionMnist, "Fashion-MNIST", "60 000 pieces of clothing, in the format of MNIST"),
        (
            &folder,
            "Folder or archive…",
            "One folder of pictures per class, packed or not, or the files of MNIST, CIFAR and others",
        ),
    ];
    match form::choice(ui, about("Set", "What the net is trained on"), &options, &now) {
        Some(DataSource::Folder(_)) => out.push(TrainCommand::FolderDialog.into()),
        Some(chosen) => config.data = chosen.clone(),
        None => {}
    }
    match &mut config.data {
        DataSource::Drawn { count, seed } => {
            let pictures = about("Pictures", "For training; of these the last are held out for validation");
            form::count(ui, fields, pictures, &DRAWN, count);
            let drawing = about("Drawing seed", "Other seeds draw other digits");
            form::whole(ui, fields, drawing, "the drawing seed", &form::SEEDS, seed);
        }
        DataSource::Folder(path) => {
            let before = path.display().to_string();
            let mut text = before.clone();
            let parse = |text: &str| {
                let path = typed_path(text).ok_or("the folder has no name; expected a path")?;
                Ok(path.display().to_string())
            };
            form::text(ui, fields, about("Path", PATH), &mut text, parse);
            if text != before {
                out.push(TrainCommand::UseFolder(text.into()).into());
            }
            named(ui, about("", ""), |ui| {
                command_button(ui, TrainCommand::FolderDialog, out);
            });
        }
        DataSource::Mnist | DataSource::FashionMnist => {}
    }
}

/// Shows what a net for picture files takes in, which a person may change, and what happens to damaged ones.
fn input(ui: &mut Ui, fields: &mut Fields, config: &mut Config, facts: Option<&DraftFacts>) {
    let is_folder = matches!(config.data, DataSource::Folder(_));
    if is_folder {
        let skip = about("Skip damaged pictures", "Look for files that cannot be read first, and leave them out");
        form::switch(ui, skip, &mut config.skip_damaged);
    }
    if !is_folder || config.model.parse::<Architecture>().is_err() {
        (config.size, config.channels) = (None, None);
        return;
    }
    let mut text = config.size.map_or(String::new(), |[height, width]| format!("{height}x{width}"));
    let size =
        about("Size", "Height and width of what the net takes in, such as 48x64; empty: what suits the pictures");
    form::text(ui, fields, size, &mut text, |text| match text.trim() {
        "" => Ok(String::new()),
        text => parse_size(text).map(|[height, width]| format!("{height}x{width}")),
    });
    config.size = parse_size(&text).ok();
    let options = [
        (None, "As the pictures", "Colour if any picture of a sample is in colour"),
        (Some(1), "Grey", "One channel"),
        (Some(3), "Colour", "Three channels"),
    ];
    if let Some(channels) = form::choice(ui, about("Channels", "What the net sees"), &options, config.channels) {
        config.channels = channels;
    }
    let found = facts.and_then(|facts| facts.net.as_ref().ok()).and_then(|net| net.note.as_ref());
    found.iter().for_each(|text| note(ui, text));
}

fn on_its_way(ui: &mut Ui, fetching: &DataFetching, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let (done, of) = (format::megabytes(fetching.done), format::megabytes(fetching.of));
        let text = format!("{}: {done} of {of}", words::data(&fetching.data));
        let width = ui.available_width() - theme::CONTROL_HEIGHT - SPACE_2;
        progress(ui, width, fetching.done as f32 / fetching.of.max(1) as f32, &text);
        icon_button(ui, TrainCommand::StopFetching, out);
    });
}

const PATH: &str = "a folder with one sub-folder of pictures per class or with the files of MNIST, its kin or CIFAR, \
                    the same packed as .tar, .tar.gz, .tar.xz or .zip, or a .npz, .mat or .csv of pictures";

fn missing(ui: &mut Ui, data: &DataSource, out: &mut Vec<Command>) {
    let is_folder = matches!(data, DataSource::Folder(_));
    let text = match is_folder {
        true => format!("There is nothing at this path. Expected: {PATH}."),
        false => format!("{} is not on this machine yet.", words::data(data)),
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        ui.label(icons::ICON_WARNING.rich_text().size(16.0).color(palette(ui).fooled));
        ui.add(egui::Label::new(text).wrap());
    });
    if !is_folder {
        named(ui, about("", ""), |ui| {
            command_button(ui, TrainCommand::AskFetch(data.clone()), out);
        });
    }
}
