//! The validation errors of a run, epoch by epoch, and the epoch that each rule would stop at.

use eframe::egui::{Align2, Button, Color32, Rect, Stroke, Ui, UiBuilder, pos2};

use crate::app::commands::Command;
use crate::app::format::per_cent;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::chart::{Chart, apart};
use crate::app::lessons::figures::{FigureWorld, Pen, describe, wait};
use crate::app::pages::train::state::run::Run;
use crate::app::pages::train::state::{Train, words};
use crate::app::theme;
use crate::app::widgets::about::Action as _;
use crate::engine::train::{EpochRecord, Measured, Rule, Stage};

/// The lowest error of the axis, which is logarithmic.
const FLOOR: f64 = 0.003;

/// The run to show: the one in hand, else the one that is selected, else the newest with curves.
fn run(train: &Train) -> Option<&Run> {
    let has_curves = |run: &&Run| !run.info.history.is_empty();
    train.in_hand().or_else(|| train.selected().filter(has_curves)).or_else(|| train.runs.iter().rev().find(has_curves))
}

struct Line {
    name: &'static str,
    of: fn(&EpochRecord) -> Option<Measured>,
    colour: Color32,
}

pub fn show(ui: &mut Ui, room: Rect, world: &FigureWorld<'_>, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    let foot = room.with_min_y(room.bottom() - 2.4 * size);
    ui.scope_builder(UiBuilder::new().max_rect(foot), |ui| train_now(ui, world.train, out));
    let Some(run) = run(world.train) else {
        return wait(ui, room, "No run yet: train one, and its errors appear here epoch by epoch.");
    };
    let history: Vec<&EpochRecord> =
        run.info.history.iter().filter(|record| record.stage == Stage::Selection).collect();
    let pen = Pen::new(ui);
    let (eps, alpha) = run.tuning();
    let from = if run.info.is_shipped() { ", which came with the program" } else { "" };
    let title = format!(
        "{}{from}: {}, ε = {}, α = {}",
        run.info.run,
        words::data_in_short(&run.info.config.data),
        crate::app::format::short(eps),
        crate::app::format::short(alpha)
    );
    let title = pen.text(room.left_top(), Align2::LEFT_TOP, title, pen.palette.weak);
    let frame = Rect::from_min_max(
        pos2(room.left() + 4.0 * size, title.bottom() + 3.2 * size),
        pos2(room.right() - 9.5 * size, foot.top() - 3.2 * size),
    );
    if history.is_empty() || frame.height() < 2.0 * size {
        return wait(ui, room, "The first epoch is under way…");
    }
    let epochs = run.info.config.epochs.max(history.len());
    let chart = Chart { frame, across: (1.0, (epochs as f64).max(2.0)), up: (FLOOR.log10(), 0.0) };
    let up = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0].map(|error: f64| (error.log10(), percent(error)));
    let step = [1, 2, 5, 10, 20, 50, 100].into_iter().find(|step| epochs / step <= 8).unwrap_or(200);
    let across: Vec<_> = (1..=epochs).filter(|e| e % step == 0).map(|e| (e as f64, e.to_string())).collect();
    chart.axes(&pen, &across, &up);
    pen.text(pos2(frame.right(), frame.bottom() + 1.6 * size), Align2::RIGHT_TOP, "epochs", pen.palette.weak);
    pen.text(pos2(room.left(), frame.top() - 0.6 * size), Align2::LEFT_BOTTOM, "error", pen.palette.weak);
    let lines = [
        Line { name: "clean", of: |record| record.clean, colour: pen.palette.right },
        Line { name: "FGSM", of: |record| record.adversarial, colour: pen.palette.fooled },
        Line { name: "PGD", of: |record| record.pgd, colour: pen.palette.asked },
    ];
    rules(&pen, &chart, run);
    let place = |measured: Measured| measured.error().max(FLOOR).log10();
    let mut ends = Vec::new();
    for line in &lines {
        let measured = |record: &&EpochRecord| (line.of)(record).filter(|measured| measured.n > 0);
        let points = history.iter().filter_map(|record| Some((record.epoch as f64, place(measured(record)?))));
        chart.line(&pen, points, 0.14 * size, line.colour);
        if let Some((record, last)) = history.iter().rev().find_map(|record| Some((record, measured(record)?))) {
            let y = chart.y(place(last));
            pen.painter.circle_filled(pos2(chart.x(record.epoch as f64), y), 0.25 * size, line.colour);
            ends.push((y, format!("{} {}", line.name, per_cent(last.error() as f32)), line.colour));
        }
    }
    let told: Vec<&str> = ends.iter().map(|(_, text, _)| text.as_str()).collect();
    describe(ui, frame, format!("{} after {} epochs: {}", run.info.run, history.len(), told.join(", ")));
    let places = apart(ends.iter().map(|(y, ..)| *y).collect(), 1.3 * size, frame.y_range());
    for ((_, text, colour), y) in ends.into_iter().zip(places) {
        pen.strong(pos2(frame.right() + 0.6 * size, y), Align2::LEFT_CENTER, text, colour);
    }
}

/// Lines at the epochs that the two rules of stopping would keep.
fn rules(pen: &Pen<'_>, chart: &Chart, run: &Run) {
    let history = &run.info.history;
    let kept = |rule: Rule| rule.best(history).and_then(|at| history.get(at)).map(|record| record.epoch);
    let marks = [
        (kept(Rule::Adversarial), "lowest FGSM error", pen.palette.fooled, 0.2),
        (kept(Rule::Clean), "lowest clean error", pen.palette.right, 1.5),
    ];
    for (epoch, text, colour, lift) in marks {
        let Some(epoch) = epoch else { continue };
        let x = chart.x(epoch as f64);
        let top = chart.frame.top() - lift * pen.size;
        pen.painter.vline(x, top..=chart.frame.bottom(), Stroke::new(0.1 * pen.size, colour));
        let is_late = x > chart.frame.center().x;
        let (anchor, gap) = if is_late { (Align2::RIGHT_BOTTOM, -0.3) } else { (Align2::LEFT_BOTTOM, 0.3) };
        let at = pos2(x + gap * pen.size, top + 1.2 * pen.size);
        let text = format!("{text}: epoch {epoch}");
        let font = eframe::egui::FontId::proportional(pen.size);
        let ground = anchor.anchor_size(at, pen.painter.layout_no_wrap(text.clone(), font, colour).size());
        pen.painter.rect_filled(ground, 0, pen.palette.canvas);
        pen.text(at, anchor, text, colour);
    }
}

fn train_now(ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        if let Some(run) = train.in_hand() {
            ui.label(theme::strong(format!("{} is {}", run.info.run, words::state(&run.info.state))));
            ui.label(format!("{:.0} % done", 100.0 * run.share_done()));
            return;
        }
        let about = LessonCommand::Train.about();
        if ui.add(Button::new(about.name)).on_hover_text(about.tooltip).clicked() {
            out.push(LessonCommand::Train.into());
        }
        ui.label(eframe::egui::RichText::new("on digits that the program draws").color(theme::palette(ui).weak));
    });
}

fn percent(error: f64) -> String {
    let value = 100.0 * error;
    if value < 1.0 { format!("{value:.1} %") } else { format!("{value:.0} %") }
}
