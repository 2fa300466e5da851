//! While the net of a run is attacked, this band says which run, and before, now or at its best.

use egui::{self, Ui};

use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::train::commands::{NetMoment, TrainCommand};
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{Train, words};
use crate::app::theme::{self, SPACE_2};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::{alternatives, row};
use crate::engine::train::EpochRecord;
use crate::worker::RunState;

pub fn net_band(ui: &mut Ui, train: &Train, model: &str, out: &mut Vec<Command>) {
    let Some((run, moment)) = train.net(model) else { return };
    row(ui, |ui| {
        ui.label(theme::caption(ui, "Net of"));
        let link = ui.link(theme::strong(&*run.info.run)).on_hover_text("Show this run in the Train tab");
        if link.clicked() {
            out.push(WindowCommand::Tab(Tab::Train).into());
            out.push(TrainCommand::Select(run.info.run.clone()).into());
        }
        let keys = ExploreCommand::NextMoment.about().spelled_keys();
        let tips = [
            format!("Before the first step: random weights  ({keys})"),
            format!("As it is now; while it trains, the picture follows  ({keys})"),
            format!("Of the epoch that the stopping rule finds best  ({keys})"),
        ];
        let texts = ["Before", "Now", "Best"];
        let options = [0, 1, 2].map(|index| (NetMoment::ALL[index], texts[index], tips[index].as_str()));
        if let Some(moment) = alternatives(ui, "Net", &options, moment) {
            out.push(ExploreCommand::ShowNet(moment).into());
        }
        ui.add_space(SPACE_2);
        ui.add(egui::Label::new(theme::weak(ui, remark(run, moment))).truncate());
    });
}

fn remark(run: &TrainingRun, moment: NetMoment) -> String {
    let of = |record: &EpochRecord| {
        let errors = [("clean", record.clean), ("FGSM", record.adversarial)];
        let measured = errors.into_iter().filter_map(|(name, measured)| Some((name, measured.filter(|m| m.n > 0)?)));
        let errors: Vec<String> = measured.map(|(name, m)| format!("{name} {}", words::error(m))).collect();
        format!("after epoch {}; validation error: {}", record.epoch, errors.join(", "))
    };
    let is_live = matches!(run.info.state, RunState::Running);
    match (moment, run.info.history.last()) {
        (NetMoment::Before, _) => "random weights".into(),
        (NetMoment::Now, Some(last)) if is_live => format!("in training, {}", of(last)),
        (NetMoment::Now, None) if is_live => "in training, first epoch".into(),
        (NetMoment::Now, Some(last)) => of(last),
        (NetMoment::Now, None) => "in its first epoch".into(),
        (NetMoment::Best, _) => run.kept().map_or_else(|| "no epoch is done yet".into(), of),
    }
}
