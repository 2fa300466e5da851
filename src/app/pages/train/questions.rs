//! The Train page asks which values to sweep over, and before it deletes or fetches.

use egui::{self, Id, TextEdit, Ui};

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::{self, short};
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::draft::{self, MOST_RUNS};
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::words;
use crate::app::theme::{self, SPACE_2};
use crate::app::widgets::form::note;
use crate::app::widgets::problem_line;
use crate::app::widgets::question::{Answers, fact_table, question};
use crate::engine::data::DataSource;
use crate::engine::model::{Entry, check_name};
use crate::engine::train::{Config, RunLabel, tunings};
use crate::engine::units::counted;
use crate::worker::{RunId, RunInfo};

#[derive(Default)]
pub struct Questions {
    pub open: Option<TrainQuestion>,
    eps: String,
    alpha: String,
    /// The β of TRADES in the settings of the sweep.
    trades: Option<f32>,
    /// The net of a run is to be kept under this name.
    name: String,
    label: LabelDraft,
    is_fresh: bool,
}

/// This is being written about a run.
#[derive(Default)]
struct LabelDraft {
    name: String,
    note: String,
    tags: String,
    /// The run is called this where it has no name.
    usual: String,
}

#[derive(Clone)]
pub enum TrainQuestion {
    Sweep,
    Keep(RunId),
    Label(RunId),
    Delete(RunId),
    Fetch(DataSource),
}

impl Questions {
    pub fn ask_sweep(&mut self, config: &Config) {
        self.open = Some(TrainQuestion::Sweep);
        (self.is_fresh, self.trades) = (true, config.trades);
        if self.eps.is_empty() {
            self.eps = "0.05, 0.1, 0.25".into();
            self.alpha = if config.alpha == 1.0 { "0.5, 1".into() } else { format!("{}, 1", short(config.alpha)) };
        }
    }

    pub fn ask_keep(&mut self, run: &RunId) {
        self.open = Some(TrainQuestion::Keep(run.clone()));
        (self.is_fresh, self.name) = (true, run.to_string());
    }

    pub fn ask_label(&mut self, run: &TrainingRun) {
        let RunLabel { name, note, tags } = run.info.label.clone();
        self.open = Some(TrainQuestion::Label(run.info.run.clone()));
        (self.is_fresh, self.label) =
            (true, LabelDraft { name, note, tags: tags.join(", "), usual: run.title.clone() });
    }

    /// Shows the question that is open; `catalogue` has the names that are taken.
    pub fn show(&mut self, ui: &Ui, catalogue: &[Entry], out: &mut Vec<Command>) {
        let Some(open) = self.open.clone() else { return };
        let title = match &open {
            TrainQuestion::Delete(run) => format!("Delete {run}?"),
            TrainQuestion::Fetch(data) => format!("Fetch {}?", words::data(data)),
            TrainQuestion::Keep(run) => format!("Keep the net of {run} as a model"),
            TrainQuestion::Label(run) => format!("Name and notes of {run}"),
            TrainQuestion::Sweep => "Sweep over ε and α".into(),
        };
        question(ui, &title, 480.0, WindowCommand::CloseOverlay, out, |ui, out| match open {
            TrainQuestion::Delete(run) => confirm(ui, run, out),
            TrainQuestion::Fetch(data) => consent(ui, data, out),
            TrainQuestion::Keep(run) => self.keep(ui, run, catalogue, out),
            TrainQuestion::Label(run) => self.label(ui, run, out),
            TrainQuestion::Sweep => self.sweep(ui, out),
        });
    }

    fn label(&mut self, ui: &mut Ui, run: RunId, out: &mut Vec<Command>) -> bool {
        let LabelDraft { name, note, tags, usual } = &mut self.label;
        ui.label(theme::caption(ui, "Name"));
        let field = TextEdit::singleline(name).id(Id::unique("name of the run")).hint_text(usual.as_str());
        let field = ui.add(field.desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 6)));
        let field = field.accessible_name("Name of the run");
        if std::mem::take(&mut self.is_fresh) {
            field.request_focus();
        }
        ui.label(theme::caption(ui, "Note"));
        let edit = TextEdit::multiline(note).id(Id::unique("note of the run")).desired_rows(3);
        ui.add(edit.desired_width(f32::INFINITY)).accessible_name("Note of the run");
        ui.label(theme::caption(ui, "Tags, with commas between"));
        let edit = TextEdit::singleline(tags).id(Id::unique("tags of the run")).hint_text("baseline, figure 2");
        let edit = edit.desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 6));
        ui.add(edit).accessible_name("Tags of the run");
        ui.add_space(SPACE_2);
        let is_entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
        let label = RunLabel { name: name.trim().into(), note: note.trim().into(), tags };
        let command = TrainCommand::Label(run, label).into();
        if is_entered {
            out.push(command);
            return true;
        }
        // Enter begins a new line of the note.
        Answers { yes: "Keep", no: "Cancel", by_enter: false }.show(ui, Some(command), out)
    }

    fn keep(&mut self, ui: &mut Ui, run: RunId, catalogue: &[Entry], out: &mut Vec<Command>) -> bool {
        note(ui, KEEP);
        ui.add_space(SPACE_2);
        ui.label(theme::caption(ui, "Name"));
        let field = TextEdit::singleline(&mut self.name)
            .id(Id::unique("name of the model"))
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(8, 6));
        let field = ui.add(field).accessible_name("Name of the model");
        if std::mem::take(&mut self.is_fresh) {
            field.request_focus();
        }
        let name = self.name.trim();
        let is_taken = catalogue.iter().any(|entry| entry.name == name);
        let problem = match check_name(name) {
            Err(error) => Some(error.to_string()),
            Ok(()) if is_taken => Some(format!("There is a model called {name:?} already; choose another name.")),
            Ok(()) => None,
        };
        ui.add_space(SPACE_2);
        problem.iter().for_each(|problem| problem_line(ui, problem));
        let command = problem.is_none().then(|| TrainCommand::Keep(run, name.to_owned()).into());
        Answers { yes: "Keep", no: "Cancel", by_enter: true }.show(ui, command, out)
    }

    fn sweep(&mut self, ui: &mut Ui, out: &mut Vec<Command>) -> bool {
        note(ui, SWEEP);
        ui.add_space(SPACE_2);
        let first = list_row(ui, "ε", "Values of ε", &mut self.eps);
        list_row(ui, "α", "Values of α", &mut self.alpha);
        if std::mem::take(&mut self.is_fresh) {
            first.request_focus();
        }
        let (eps, alpha) = (draft::list(&self.eps, draft::eps), draft::list(&self.alpha, draft::alpha));
        let count = match (&eps, &alpha) {
            (Ok(eps), Ok(alpha)) => tunings(eps, alpha, self.trades).len(),
            _ => 0,
        };
        ui.add_space(SPACE_2);
        for problem in [eps.as_ref().err(), alpha.as_ref().err()].into_iter().flatten() {
            problem_line(ui, problem);
        }
        if count > MOST_RUNS {
            problem_line(ui, &format!("{count} runs are too many for one sweep; expected up to {MOST_RUNS}"));
        }
        let command = match (eps, alpha) {
            (Ok(eps), Ok(alpha)) if count <= MOST_RUNS => Some(TrainCommand::Sweep { eps, alpha }.into()),
            _ => None,
        };
        let queue = format!("Queue {}", counted(count, "run"));
        Answers { yes: &queue, no: "Cancel", by_enter: true }.show(ui, command, out)
    }
}

const KEEP: &str = "Its weights are copied to your models, with its classes, the command that trained it and its \
                    validation errors. They stay when the run is deleted.";

const SWEEP: &str = "One run for every ε with every α, one after the other, each with the settings at the left \
                     otherwise; with α = 1 just once, since ε has no part then. Separate values by commas; 8/255 \
                     is understood.";

fn list_row(ui: &mut Ui, symbol: &str, name: &str, text: &mut String) -> egui::Response {
    ui.horizontal(|ui| {
        ui.allocate_ui(egui::vec2(24.0, theme::ROW_HEIGHT), |ui| ui.label(theme::strong(symbol)));
        let field = TextEdit::singleline(text)
            .id(Id::unique(name))
            .font(theme::number_font())
            .desired_width(ui.available_width())
            .margin(egui::Margin::symmetric(8, 6));
        ui.add(field).accessible_name(name)
    })
    .inner
}

fn confirm(ui: &mut Ui, run: RunId, out: &mut Vec<Command>) -> bool {
    let text = match RunInfo::is_name_of_shipped(&run) {
        true => "It came with the program, and will not be shown again.",
        false => "Its history, its weights and its checkpoint are deleted from disk. This cannot be undone.",
    };
    ui.add(egui::Label::new(text).wrap());
    let answers = Answers { yes: "Delete", no: "Keep it", by_enter: false };
    answers.show(ui, Some(TrainCommand::Delete(run).into()), out)
}

fn consent(ui: &mut Ui, data: DataSource, out: &mut Vec<Command>) -> bool {
    let Some(offer) = data.offer() else { return false };
    let facts = [
        ("Size", format::megabytes(offer.bytes())),
        ("From", offer.hosts().join(", or else ")),
        ("Licence", offer.licence.to_owned()),
        ("Into", offer.folder.display().to_string()),
    ];
    fact_table(ui, facts);
    note(ui, "Each file is checked by its size and its SHA-256.");
    let answers = Answers { yes: "Fetch", no: "Cancel", by_enter: false };
    answers.show(ui, Some(TrainCommand::FetchData(data).into()), out)
}
