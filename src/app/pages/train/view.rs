//! The Train tab: settings at the left, the run in hand at the top, curves in the middle, all runs below.

use eframe::egui::{self, CentralPanel, Frame, Margin, Panel, Rect, Ui};

use crate::app::commands::Command;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::first_layer::Sheet;
use crate::app::pages::train::run_bar;
use crate::app::pages::train::runs_table::RunsTable;
use crate::app::pages::train::settings::SettingsPanel;
use crate::app::pages::train::state::facts::Facts;
use crate::app::pages::train::state::run::Run;
use crate::app::pages::train::state::{Train, TrainView};
use crate::app::plots::scene::Look as PlotLook;
use crate::app::plots::{PlotRun, Plots, sweep_grid, trade_off};
use crate::app::theme::{self, SPACE_2, SPACE_4, palette};
use crate::app::widgets::command_button;
use crate::engine::model::Entry;

const SETTINGS_WIDTH: f32 = 316.0;
const NARROW_SETTINGS_WIDTH: f32 = 300.0;
const NARROW: f32 = 1000.0;
/// The least: in the smallest window, or in large type.
const LEAST_SETTINGS_WIDTH: f32 = 260.0;
const VERY_NARROW: f32 = 700.0;
/// From this width on the weights of the first layer stand beside the table.
const WIDE: f32 = 1280.0;
const TABLE_HEIGHT: f32 = 192.0;
const LEAST_TABLE_HEIGHT: f32 = 96.0;

/// What the tab shows of the rest of the window.
pub struct Around<'a> {
    /// Of the settings of the next run, once they were looked up.
    pub facts: Option<&'a Facts>,
    pub catalogue: &'a [Entry],
}

/// What the tab keeps from frame to frame beside the state of the runs.
#[derive(Default)]
pub struct TrainTab {
    settings: SettingsPanel,
    table: RunsTable,
    sheet: Sheet,
    plots: Plots,
    area: Option<Rect>,
}

impl TrainTab {
    /// A tab whose plots look as a person left them.
    pub fn new(plots: PlotLook) -> Self {
        Self { plots: Plots::new(plots), ..Self::default() }
    }

    /// How the plots look now.
    pub fn plot_look(&self) -> PlotLook {
        self.plots.look()
    }

    /// The part of the window that the plots cover.
    pub fn plots_area(&self) -> Option<Rect> {
        self.area
    }

    pub fn show(&mut self, ui: &mut Ui, train: &Train, around: &Around<'_>, out: &mut Vec<Command>) {
        let width = match ui.available_width() {
            ..VERY_NARROW => LEAST_SETTINGS_WIDTH,
            ..NARROW => NARROW_SETTINGS_WIDTH,
            _ => SETTINGS_WIDTH,
        };
        let side = Frame::new().fill(palette(ui).panel);
        Panel::left("train settings").resizable(false).exact_size(width).frame(side).show(ui, |ui| {
            self.settings.show(ui, train, around, out);
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

    fn bottom(&mut self, ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
        let beside = ui.available_width() >= WIDE && train.view != TrainView::FirstLayer;
        if beside {
            ask_for_weights(train, out);
        }
        let sheet = train.selected().and_then(|run| run.sheet.as_ref()).filter(|_| beside);
        let Some(sheet) = sheet else { return self.table.show(ui, train, out) };
        let room = ui.available_rect_before_wrap();
        let width = (room.width() * 0.34).min(560.0);
        let split = room.right() - width;
        let table = Rect::from_min_max(room.min, egui::pos2(split - SPACE_4, room.bottom()));
        ui.scope_builder(egui::UiBuilder::new().max_rect(table), |ui| self.table.show(ui, train, out));
        let right = Rect::from_min_max(egui::pos2(split, room.top()), room.max);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.sheet.show(ui, sheet));
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
            TrainView::Sweep => sweep(ui, train, out),
        }
    }
}

/// The weights of a run that is not in hand lie on disk.
fn ask_for_weights(train: &Train, out: &mut Vec<Command>) {
    if let Some(run) = train.selected().filter(|run| run.lacks_sheet()) {
        out.push(Command::Train(TrainCommand::ShowFirstLayer(run.info.run.clone())));
    }
}

fn plot_runs<'a>(train: &Train, runs: &[&'a Run]) -> Vec<PlotRun<'a>> {
    let as_plotted = |run: &&'a Run| PlotRun {
        name: &run.info.run,
        history: &run.info.history,
        config: &run.info.config,
        is_primary: train.is_selected(run),
    };
    runs.iter().map(as_plotted).collect()
}

/// The runs of a sweep: small plots, and what clean error each pays for its adversarial one.
fn sweep(ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
    let siblings = train.siblings();
    if siblings.len() < 2 {
        remark(
            ui,
            "The selected run stands alone",
            "Runs that differ in ε and α alone are compared here. Sweep… queues one for every pair of some values.",
        );
        ui.vertical_centered(|ui| command_button(ui, Command::Train(TrainCommand::AskSweep), out));
        return;
    }
    let runs = plot_runs(train, &siblings);
    let room = ui.available_rect_before_wrap();
    let beside = room.width() >= 720.0;
    let (first, second) = if beside {
        let split = room.left() + room.width() * 0.6;
        (
            Rect::from_min_max(room.min, egui::pos2(split - SPACE_2, room.bottom())),
            Rect::from_min_max(egui::pos2(split + SPACE_2, room.top()), room.max),
        )
    } else {
        let split = room.top() + room.height() * 0.55;
        (
            Rect::from_min_max(room.min, egui::pos2(room.right(), split - SPACE_2)),
            Rect::from_min_max(egui::pos2(room.left(), split + SPACE_2), room.max),
        )
    };
    let grid = ui.scope_builder(egui::UiBuilder::new().max_rect(first), |ui| sweep_grid(ui, &runs)).inner;
    let trade = ui.scope_builder(egui::UiBuilder::new().max_rect(second), |ui| trade_off(ui, &runs)).inner;
    if let Some(run) = grid.or(trade).and_then(|index| siblings.get(index)) {
        out.push(Command::Train(TrainCommand::Select(run.info.run.clone())));
    }
}

/// What to do first.
fn empty(ui: &mut Ui, train: &Train) {
    if !train.is_listed {
        return;
    }
    let text = "Press Train at the left. A net is trained on digits that the program draws itself, half on clean ones and half on adversarial ones made \
                against the net as it is. In about a minute you see both validation errors part and fall. Then attack the \
                fresh net in Explore, with the picture that is there now.";
    remark(ui, "Train a net that withstands the attack", text);
}

/// A heading and a few lines in the middle of an empty room.
pub fn remark(ui: &mut Ui, heading: &str, text: &str) {
    let above = (ui.available_height() * 0.28 - 24.0).max(0.0);
    ui.add_space(above);
    ui.vertical_centered(|ui| {
        ui.set_max_width(ui.available_width().min(520.0));
        ui.label(egui::RichText::new(heading).font(theme::verdict_font()));
        ui.add_space(SPACE_2);
        ui.label(egui::RichText::new(text).color(palette(ui).weak));
        ui.add_space(SPACE_4);
    });
}
