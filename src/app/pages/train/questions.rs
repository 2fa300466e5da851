//! The Train page asks which values to sweep over, and before it deletes or fetches.

use eframe::egui::{self, Id, Key, Modal, TextEdit, Ui};

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::{self, plural, short};
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::draft::{self, MOST_RUNS};
use crate::app::pages::train::state::words;
use crate::app::theme::{self, SPACE_2, SPACE_3};
use crate::app::widgets::{primary_button, problem_line};
use crate::engine::data::DataSource;
use crate::engine::train::Config;
use crate::worker::{RunId, RunInfo};

/// This holds the open question and what has been typed.
#[derive(Default)]
pub struct Questions {
    open: Option<Question>,
    eps: String,
    alpha: String,
    fresh: bool,
}

#[derive(Clone)]
enum Question {
    Sweep,
    Delete(RunId),
    Fetch(DataSource),
}

impl Questions {
    pub fn ask_delete(&mut self, run: RunId) {
        self.open = Some(Question::Delete(run));
    }

    pub fn ask_fetch(&mut self, data: DataSource) {
        self.open = Some(Question::Fetch(data));
    }

    /// Proposes values around those of the settings.
    pub fn ask_sweep(&mut self, config: &Config) {
        self.open = Some(Question::Sweep);
        self.fresh = true;
        if self.eps.is_empty() {
            self.eps = "0.05, 0.1, 0.25".into();
            self.alpha = if config.alpha == 1.0 { "0.5, 1".into() } else { format!("{}, 1", short(config.alpha)) };
        }
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub fn show(&mut self, ui: &Ui, out: &mut Vec<Command>) {
        let Some(question) = &self.open else { return };
        let question = question.clone();
        let modal = Modal::new(Id::unique("question")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
            ui.set_width((ui.ctx().content_rect().width() - 96.0).min(480.0));
            match question {
                Question::Delete(run) => confirm(ui, &run, out),
                Question::Fetch(data) => consent(ui, &data, out),
                Question::Sweep => self.sweep(ui, out),
            }
        });
        if modal.should_close() {
            out.push(WindowCommand::CloseOverlay.into());
        }
    }

    fn sweep(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        ui.label(egui::RichText::new("Sweep over ε and α").font(theme::verdict_font()));
        ui.add(egui::Label::new(theme::weak(ui, SWEEP)).wrap());
        ui.add_space(SPACE_2);
        let first = list_row(ui, "ε", "Values of ε", &mut self.eps);
        list_row(ui, "α", "Values of α", &mut self.alpha);
        if std::mem::take(&mut self.fresh) {
            first.request_focus();
        }
        let eps = draft::list(&self.eps, draft::eps);
        let alpha = draft::list(&self.alpha, draft::alpha);
        let count = eps.as_ref().map_or(0, Vec::len) * alpha.as_ref().map_or(0, Vec::len);
        ui.add_space(SPACE_2);
        for problem in [eps.as_ref().err(), alpha.as_ref().err()].into_iter().flatten() {
            problem_line(ui, problem);
        }
        if count > MOST_RUNS {
            problem_line(ui, &format!("{count} runs are too many for one sweep; expected up to {MOST_RUNS}"));
        }
        let ready = count > 0 && count <= MOST_RUNS;
        ui.add_space(SPACE_3);
        ui.horizontal(|ui| {
            let name = format!("Queue {count} run{}", plural(count));
            let entered = ui.input(|i| i.key_pressed(Key::Enter)) && ready;
            if (primary_button(ui, &name, ready).clicked() || entered)
                && let (Ok(eps), Ok(alpha)) = (eps, alpha)
            {
                out.push(WindowCommand::CloseOverlay.into());
                out.push(TrainCommand::Sweep { eps, alpha }.into());
            }
            if ui.button("Cancel").clicked() {
                out.push(WindowCommand::CloseOverlay.into());
            }
        });
    }
}

const SWEEP: &str = "One run for every ε with every α, one after the other, each with the settings at the left otherwise. \
                     Separate values by commas; 8/255 is understood.";

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

fn confirm(ui: &mut Ui, run: &RunId, out: &mut Vec<Command>) {
    ui.label(egui::RichText::new(format!("Delete {run}?")).font(theme::verdict_font()));
    let text = match RunInfo::is_name_of_shipped(run) {
        true => "It came with the program, and will not be shown again.",
        false => "Its history, its weights and its checkpoint are deleted from disk. This cannot be undone.",
    };
    ui.add(egui::Label::new(text).wrap());
    ui.add_space(SPACE_3);
    ui.horizontal(|ui| {
        if primary_button(ui, "Delete", true).clicked() {
            out.push(WindowCommand::CloseOverlay.into());
            out.push(TrainCommand::Delete(run.clone()).into());
        }
        if ui.button("Keep it").clicked() {
            out.push(WindowCommand::CloseOverlay.into());
        }
    });
}

/// Asks before anything is fetched: what, from where and under which licence.
fn consent(ui: &mut Ui, data: &DataSource, out: &mut Vec<Command>) {
    let name = words::data(data);
    ui.label(egui::RichText::new(format!("Fetch {name}?")).font(theme::verdict_font()));
    let Some(offer) = data.offer() else { return };
    let facts = [
        ("Size", format::megabytes(offer.bytes())),
        ("From", offer.hosts().join(", or else ")),
        ("Licence", offer.licence.to_owned()),
        ("Into", offer.folder.display().to_string()),
    ];
    egui::Grid::new("offer").num_columns(2).spacing([SPACE_3, 2.0]).show(ui, |ui| {
        for (name, fact) in facts {
            ui.label(theme::caption(ui, name));
            ui.add(egui::Label::new(fact).wrap());
            ui.end_row();
        }
    });
    ui.add(egui::Label::new(theme::weak(ui, "Each file is checked by its size and its SHA-256.")).wrap());
    ui.add_space(SPACE_3);
    ui.horizontal(|ui| {
        if primary_button(ui, "Fetch", true).clicked() {
            out.push(WindowCommand::CloseOverlay.into());
            out.push(TrainCommand::FetchData(data.clone()).into());
        }
        if ui.button("Cancel").clicked() {
            out.push(WindowCommand::CloseOverlay.into());
        }
    });
}
