//! The bar shows what can be done with the run in hand, how far it is, and what it needs.

use egui::{self, RichText, ScrollArea, Ui};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::{short, thousands};
use crate::app::pages::train::commands::{TrainCommand, TrainView};
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{Train, words};
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{alternatives, command_button, icon_button, row};
use crate::engine::data::tells_of_damaged;
use crate::engine::units::counted;
use crate::worker::{RunInfo, RunState};

const ROOMY: f32 = 820.0;
const NARROW: f32 = 430.0;
/// A longer message is scrolled.
const MOST_REASON: f32 = 96.0;

pub fn show(ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
    let roomy = ui.available_width() >= ROOMY;
    let run = train.in_hand();
    let narrow = ui.available_width() < NARROW;
    row(ui, |ui| {
        transport(ui, train, roomy, out);
        if narrow {
            return;
        }
        ui.add_space(SPACE_2);
        // The switch stands at the right edge; how wide it is, is known from the last frame.
        let id = ui.scope_id().with("width of the switch");
        let width = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or(220.0);
        let room = egui::vec2((ui.available_width() - width - SPACE_2).max(0.0), theme::ROW_HEIGHT);
        ui.allocate_ui_with_layout(room, egui::Layout::left_to_right(egui::Align::Center), |ui| {
            ui.set_min_width(room.x);
            if roomy {
                headline(ui, train);
            }
        });
        let controls = |ui: &mut Ui| {
            view_switch(ui, train, roomy, out);
            if train.selected().is_some_and(|run| !run.info.history.is_empty()) {
                icon_button(ui, WindowCommand::ExportFigure, out);
            }
        };
        let drawn = ui.scope(controls).response.rect.width();
        ui.data_mut(|d| d.insert_temp(id, drawn));
        if drawn != width {
            ui.ctx().request_discard("the switch has another width");
        }
    });
    if narrow {
        view_switch(ui, train, roomy, out);
    }
    match run {
        Some(run) => bars(ui, train, run, roomy),
        None if theme::compact(ui) => {}
        None => {
            let text = match train.selected().filter(|run| run.is_resumable()) {
                Some(run) => format!("No run is active. Train begins one; Resume continues {}.", run.info.run),
                None => "No run is active. Train begins one with the settings at the left.".into(),
            };
            ui.add(egui::Label::new(theme::weak(ui, text)).truncate());
        }
    }
    if let Some(RunState::Paused(Some(why))) = run.map(|run| &run.info.state) {
        needs(ui, why, out);
    } else if let Some(RunInfo { run, state: RunState::Failed(why), .. }) = train.selected().map(|run| &run.info) {
        warning(ui, |ui| {
            ui.vertical(|ui| {
                reason(ui, format!("{run}: {}", on_its_own(why)));
                if tells_of_damaged(why) {
                    command_button(ui, TrainCommand::SkipDamaged, out);
                }
            });
        });
    }
    if let Some((run, why)) = run.or(train.selected()).and_then(|run| Some((run, run.info.not_begun()?))) {
        warning(ui, |ui| reason(ui, format!("{}: {why}.", run.info.run)));
    }
}

fn transport(ui: &mut Ui, train: &Train, roomy: bool, out: &mut Vec<Command>) {
    let run = train.in_hand();
    let is_paused = run.is_some_and(|run| matches!(run.info.state, RunState::Paused(_)));
    let (name, icon) = if is_paused { ("Continue", icons::ICON_PLAY_ARROW) } else { ("Pause", icons::ICON_PAUSE) };
    let command = TrainCommand::PlayPause;
    let about = command.about();
    let icon = icon.rich_text().size(17.0);
    let size = egui::vec2(if roomy { 92.0 } else { theme::CONTROL_HEIGHT }, theme::CONTROL_HEIGHT);
    let button = if roomy { egui::Button::new((icon, name)) } else { egui::Button::new(icon) };
    let response = ui.add_enabled(run.is_some(), button.min_size(size)).on_hover_text(about.tip());
    if response.accessible_name(name).clicked() {
        out.push(command.into());
    }
    ui.add_enabled_ui(run.is_some(), |ui| {
        let button = if roomy { command_button } else { icon_button };
        for command in [TrainCommand::OneStep, TrainCommand::OneEpoch, TrainCommand::Stop] {
            button(ui, command, out);
        }
    });
}

fn headline(ui: &mut Ui, train: &Train) {
    let palette = palette(ui);
    let Some(run) = train.in_hand() else { return };
    ui.label(theme::strong(&*run.title)).on_hover_text(&*run.info.run);
    let colour = match run.info.state {
        RunState::Paused(Some(_)) => palette.error,
        RunState::Paused(None) => palette.weak,
        _ => palette.accent,
    };
    ui.label(RichText::new(words::state(&run.info.state)).color(colour));
    ui.add(egui::Label::new(theme::weak(ui, facts(train, run).join(" · "))).truncate());
}

fn facts(train: &Train, run: &TrainingRun) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(progress) = run.progress {
        facts.extend(progress.loss.map(|loss| format!("loss {}", short(loss))));
        let rate = progress.images_per_second.map(|rate| thousands(rate.round() as usize));
        facts.extend(rate.map(|rate| format!("{rate} images/s")));
    }
    if run.wish.is_some() {
        let (eps, alpha) = run.tuning();
        facts.push(format!("ε {} and α {} from the next epoch on", short(eps), short(alpha)));
    }
    let queued = train.queued().count();
    if queued > 0 {
        facts.push(format!("{} in the queue", counted(queued, "run")));
    }
    facts
}

fn view_switch(ui: &mut Ui, train: &Train, roomy: bool, out: &mut Vec<Command>) {
    let option = |view: TrainView| {
        let about = TrainCommand::View(view).about();
        let short = view == TrainView::FirstLayer && !roomy;
        (view, if short { "Weights" } else { about.name }, about.tooltip)
    };
    let options = TrainView::ALL.map(option);
    let options = if theme::compact(ui) { &options[..] } else { &options[..3] };
    if let Some(view) = alternatives(ui, "View", options, train.view) {
        out.push(TrainCommand::View(view).into());
    }
}

fn bars(ui: &mut Ui, train: &Train, run: &TrainingRun, named: bool) {
    let shown = ui.horizontal(|ui| {
        let width = ((ui.available_width() - SPACE_2) / 2.0).floor();
        let Some(now) = run.progress else {
            let text = match run.preparing {
                Some((share, left)) => {
                    format!("Preparing the data: {:.0} %, {} left", share * 100.0, words::duration(left))
                }
                None if run.info.state == RunState::Preparing => "preparing the data and the net".into(),
                None => "waiting".into(),
            };
            return progress(ui, width, run.preparing.map_or(0.0, |(share, _)| share), &text);
        };
        let epoch = format!("{}: {}", words::epoch(&now), words::step(&now));
        // A validation fills the bar anew.
        let (done, count) = now.validation.unwrap_or((now.step, now.steps));
        progress(ui, width, done as f32 / count.max(1) as f32, &epoch);
        let is_paused = matches!(run.info.state, RunState::Paused(_));
        let left = now.run_left.filter(|_| !is_paused);
        let left = left.map(|left| format!(", about {} left", words::duration(left))).unwrap_or_default();
        let share = run.share_done();
        let name = match (named, is_paused) {
            (true, _) => "Run".to_owned(),
            (false, true) => format!("{}, {}", run.info.run, words::state(&run.info.state)),
            (false, false) => run.info.run.to_string(),
        };
        progress(ui, width, share, &format!("{name}: {:.0} %{left}", share * 100.0));
    });
    let facts = facts(train, run);
    if !named && !facts.is_empty() {
        shown.response.on_hover_text(facts.join("\n"));
    }
}

fn needs(ui: &mut Ui, why: &str, out: &mut Vec<Command>) {
    warning(ui, |ui| {
        ui.vertical(|ui| {
            reason(ui, on_its_own(why));
            ui.horizontal_wrapped(|ui| {
                if tells_of_damaged(why) {
                    command_button(ui, TrainCommand::SkipDamaged, out);
                }
                if why.starts_with("the loss") {
                    command_button(ui, TrainCommand::HalveRate, out);
                }
                if ui.button("Try again").on_hover_text("Continue from where it was paused").clicked() {
                    out.push(TrainCommand::PlayPause.into());
                }
                command_button(ui, TrainCommand::Stop, out);
            });
        });
    });
}

/// Shows a message, which may list many pictures.
fn reason(ui: &mut Ui, text: String) {
    ScrollArea::vertical().max_height(MOST_REASON).id_salt("reason").show(ui, |ui| {
        ui.add(egui::Label::new(text).wrap());
    });
}

/// Turns a message for a terminal, which is indented and begins after a colon, into sentences of their own.
fn on_its_own(text: &str) -> String {
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn warning(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    ui.add_space(SPACE_1);
    theme::caution_frame(ui, 6).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.label(icons::ICON_WARNING.rich_text().size(17.0).color(palette(ui).fooled));
            contents(ui);
        });
    });
}
