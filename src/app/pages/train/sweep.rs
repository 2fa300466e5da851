//! The sweep compares runs that differ in ε and α alone, by a measure that the person chooses.

use egui::{DragValue, Label, Ui, UiBuilder, WidgetInfo};

use crate::app::commands::Command;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::page::plot_runs;
use crate::app::pages::train::state::Train;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::plots::sweep_grid::sweep_grid;
use crate::app::plots::trade_off::trade_off;
use crate::app::shell::Shell;
use crate::app::theme::{self, SPACE_2};
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{alternatives, command_button, icon_button, remark};
use crate::engine::attack::Norm;
use crate::engine::units::counted;
use crate::figure::{FigureRun, SweepAttack, SweepMeasure};
use crate::worker::{CommonSurvey, MeasuredRun, RunInfo, TestOrder};

/// So many test pictures are attacked by each run's net, and with AutoAttack, which takes thousands of steps.
const PICTURES: usize = 500;
const PICTURES_OF_AUTO_ATTACK: usize = 200;
const SEED: u64 = 0;
const LEAST_EPS: f32 = 0.001;
/// From this width on, everything stands in one line.
const ROOMY: f32 = 1200.0;

const ATTACKS: [(SweepAttack, &str, &str); 3] = [
    (SweepAttack::Fgsm, "FGSM", "One step: a net that only learned to withstand one step looks strong"),
    (SweepAttack::Pgd, "PGD", "Many small steps from a random point: what most papers report"),
    (
        SweepAttack::AutoAttack,
        "AutoAttack",
        "The worst of four attacks, on demand and at one ε for all; minutes for each run",
    ),
];
const PLACES: [(bool, &str, &str); 2] = [
    (false, "its own ε", "Each run on the held-out pictures, at the ε that it was trained with"),
    (true, "one ε for all", "All runs on the same test pictures, at the same ε"),
];

/// Shows the sweep of the selected run, and how its runs are judged.
pub fn show(ui: &mut Ui, train: &Train, measure: &mut SweepMeasure, out: &mut Vec<Command>) {
    let siblings = train.siblings();
    if siblings.len() < 2 {
        remark(
            ui,
            "The selected run stands alone",
            "Runs that differ in ε and α alone are compared here. Sweep… queues one for every pair of some values.",
        );
        ui.vertical_centered(|ui| command_button(ui, TrainCommand::AskSweep, out));
        return;
    }
    controls(ui, train, &siblings, measure, out);
    let runs = plot_runs(train, &siblings);
    let room = ui.available_rect_before_wrap();
    let (first, second) = if room.width() >= 720.0 {
        let (left, right) = room.split_left_right_at_fraction(0.62);
        (left.with_max_x(left.right() - SPACE_2), right.with_min_x(right.left() + SPACE_2))
    } else {
        let (top, bottom) = room.split_top_bottom_at_fraction(0.55);
        (top.with_max_y(top.bottom() - SPACE_2), bottom.with_min_y(bottom.top() + SPACE_2))
    };
    let grid = ui.scope_builder(UiBuilder::new().max_rect(first), |ui| sweep_grid(ui, &runs, *measure)).inner;
    let trade = ui.scope_builder(UiBuilder::new().max_rect(second), |ui| trade_off(ui, &runs, *measure)).inner;
    if let Some(run) = grid.or(trade).and_then(|index| siblings.get(index)) {
        out.push(TrainCommand::Select(run.info.run.clone()).into());
    }
}

/// Shows by what the runs are judged, and at a common ε what is left to measure: in the same line where it has room.
fn controls(ui: &mut Ui, train: &Train, runs: &[&TrainingRun], measure: &mut SweepMeasure, out: &mut Vec<Command>) {
    let is_roomy = ui.available_width() >= ROOMY;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_2;
        choices(ui, measure);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            icon_button(ui, TrainCommand::MeasureSweep, out);
            if is_roomy && measure.is_common() {
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    common(ui, train, runs, *measure, out);
                });
            }
        });
    });
    if !is_roomy && measure.is_common() {
        ui.horizontal(|ui| common(ui, train, runs, *measure, out));
    }
}

fn choices(ui: &mut Ui, measure: &mut SweepMeasure) {
    ui.label(theme::weak(ui, "Compare under"));
    if let Some(attack) = alternatives(ui, "Compare under", &ATTACKS, measure.attack) {
        measure.attack = attack;
    }
    ui.label(theme::weak(ui, "at"));
    if let Some(at_common_eps) = alternatives(ui, "Compare at", &PLACES, measure.is_common()) {
        measure.at_common_eps = at_common_eps;
        if !at_common_eps && measure.attack == SweepAttack::AutoAttack {
            measure.attack = SweepAttack::Pgd;
        }
    }
    if measure.is_common() {
        let value = DragValue::new(&mut measure.eps).range(LEAST_EPS..=10.0).speed(0.002).max_decimals(4);
        let response = ui.add(value.prefix("ε ")).on_hover_text("The ε of the comparison, in the norm of the runs");
        response.widget_info(|| WidgetInfo::slider(true, f64::from(measure.eps), "ε of the comparison"));
    }
}

fn common(ui: &mut Ui, train: &Train, runs: &[&TrainingRun], measure: SweepMeasure, out: &mut Vec<Command>) {
    if let Some(under_way) = &train.measuring {
        let left = under_way.left.map(|left| format!(" · {} s left", left.as_secs() + 1)).unwrap_or_default();
        progress(ui, 160.0, under_way.share, &format!("{:.0} %{left}", under_way.share * 100.0));
        icon_button(ui, TrainCommand::StopMeasuring, out);
        ui.add(Label::new(theme::weak(ui, under_way.text.as_str())).truncate());
        return;
    }
    let lacking = lacking(runs, measure);
    let text = match lacking.len() {
        0 => conditions(runs, measure),
        count => {
            command_button(ui, TrainCommand::MeasureCommon, out);
            format!("{} to measure, up to {} test pictures each", counted(count, "run"), pictures(measure))
        }
    };
    ui.add(Label::new(theme::weak(ui, text)).truncate());
}

/// Says how the runs were measured at the common ε.
fn conditions(runs: &[&TrainingRun], measure: SweepMeasure) -> String {
    let measured = runs.iter().filter_map(|run| measure.measured(&as_figure(&run.info)));
    let mut told: Vec<String> =
        measured.map(|kept| format!("n = {} test pictures, seed {}", kept.n, kept.seed)).collect();
    told.dedup();
    format!("{}, true labels, clipped to [0, 1]", told.join(" or "))
}

fn as_figure(info: &RunInfo) -> FigureRun<'_> {
    let RunInfo { net, config, history, robustness, .. } = info;
    FigureRun { name: net, config, history, robustness }
}

fn pictures(measure: SweepMeasure) -> usize {
    if measure.attack == SweepAttack::AutoAttack { PICTURES_OF_AUTO_ATTACK } else { PICTURES }
}

/// Returns the runs that have a net which was not measured yet.
fn lacking<'a>(runs: &[&'a TrainingRun], measure: SweepMeasure) -> Vec<&'a RunInfo> {
    let infos = runs.iter().map(|run| &run.info).filter(|info| !info.history.is_empty());
    infos.filter(|info| measure.measured(&as_figure(info)).is_none()).collect()
}

/// Orders that the runs of the sweep are measured which were not measured yet.
pub fn measure_common(measure: SweepMeasure, shell: &mut Shell) {
    let siblings = shell.train.siblings();
    let runs = lacking(&siblings, measure);
    let norm = runs.first().map_or(Norm::Linf, |info| info.config.norm);
    let run = |info: &&RunInfo| MeasuredRun {
        run: info.run.clone(),
        folder: info.folder.clone(),
        data: info.config.data.clone(),
        skip_damaged: info.config.skip_damaged,
        epochs: info.history.len(),
    };
    let runs: Vec<MeasuredRun> = runs.iter().map(run).collect();
    if measure.is_common() && !runs.is_empty() {
        let (attack, n) = (measure.attack.settings(norm), pictures(measure));
        shell.worker.test(TestOrder::Common(CommonSurvey { runs, attack, eps: measure.eps, n, seed: SEED }));
    }
}
