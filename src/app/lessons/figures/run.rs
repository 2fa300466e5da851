//! This figure shows the validation errors of a run, epoch by epoch, and the epoch that each rule would stop at.

use egui::{Align2, Color32, FontId, Rect, RichText, Stroke, Ui, pos2};
use egui_plot::{PlotPoint, PlotPoints, PlotTransform, VLine};

use crate::app::commands::Command;
use crate::app::format::{per_cent, short};
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::chart::{apart, chart};
use crate::app::lessons::figures::{Pen, describe, in_row, wait};
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{Train, words};
use crate::app::plots::quiet::PlotAxis;
use crate::app::theme::{self, Palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::acting;
use crate::engine::train::{EpochRecord, Measured, Rule, Stage};
use crate::figure::axes::{AxisScale, Interval};

const FLOOR: f64 = 0.003;

fn run(train: &Train) -> Option<&TrainingRun> {
    let has_curves = |run: &&TrainingRun| !run.info.history.is_empty();
    train.in_hand().or_else(|| train.selected().filter(has_curves)).or_else(|| train.runs.iter().rev().find(has_curves))
}

struct ErrorLine {
    name: &'static str,
    of: fn(&EpochRecord) -> Option<Measured>,
    colour: Color32,
}

pub fn show(ui: &mut Ui, room: Rect, train: &Train, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    let foot = room.with_min_y(room.bottom() - 2.4 * size);
    in_row(ui, foot, |ui| train_now(ui, train, out));
    let Some(run) = run(train) else {
        return wait(ui, room, "No run yet: train one, and its errors appear here epoch by epoch.");
    };
    let history: Vec<&EpochRecord> =
        run.info.history.iter().filter(|record| record.stage == Stage::Selection).collect();
    let (eps, alpha) = run.tuning();
    let from = if run.info.is_shipped() { ", which came with the program" } else { "" };
    let data = words::data_in_short(&run.info.config.data);
    let title = format!("{}{from}: {data}, ε = {}, α = {}", run.info.run, short(eps), short(alpha));
    let title = Pen::new(ui).text(room.left_top(), Align2::LEFT_TOP, title, theme::palette(ui).weak);
    let frame = Rect::from_min_max(
        pos2(room.left() + 4.0 * size, title.bottom() + 3.2 * size),
        pos2(room.right() - 9.5 * size, foot.top() - 3.2 * size),
    );
    if history.is_empty() || frame.height() < 2.0 * size {
        return wait(ui, room, "The first epoch is under way…");
    }
    let epochs = run.info.config.epochs.max(history.len()).max(2) as f64;
    let scale = AxisScale::Logarithmic { floor: FLOOR };
    let x = PlotAxis {
        is_whole: true,
        apart: frame.width() / 8.5,
        ..PlotAxis::new(AxisScale::Linear, Interval::new(1.0, epochs))
    };
    let y = PlotAxis::new(scale, Interval::new(FLOOR.log10(), 0.0));
    let y = PlotAxis { apart: 1.5 * size, text: percent, ..y };
    let palette = theme::palette(ui);
    let lines = [
        ErrorLine { name: "clean", of: |record| record.clean, colour: palette.right },
        ErrorLine { name: "FGSM", of: |record| record.adversarial, colour: palette.fooled },
        ErrorLine { name: "PGD", of: |record| record.pgd, colour: palette.asked },
    ];
    let (rules, paths) = (rules(run, palette), lines.each_ref().map(|line| line.path(&history, scale)));
    let transform = chart(ui, frame, x, y, |plot| {
        for rule in &rules {
            plot.vline(VLine::new("", rule.epoch as f64).stroke(Stroke::new(0.1 * size, rule.colour)));
        }
        for (line, path) in lines.iter().zip(&paths) {
            let stroke = Stroke::new(0.14 * size, line.colour);
            plot.line(egui_plot::Line::new("", PlotPoints::Borrowed(path)).stroke(stroke));
        }
    });
    let pen = Pen::new(ui);
    pen.text(pos2(frame.right(), frame.bottom() + 1.6 * size), Align2::RIGHT_TOP, "epochs", palette.weak);
    pen.text(pos2(room.left(), frame.top() - 0.6 * size), Align2::LEFT_BOTTOM, "error", palette.weak);
    rules.iter().for_each(|rule| rule.flag(&pen, &transform));
    let mut ends = Vec::new();
    for (line, path) in lines.iter().zip(&paths) {
        let Some(last) = path.last() else { continue };
        let at = transform.position_from_point(last);
        pen.painter.circle_filled(at, 0.25 * size, line.colour);
        let error = history.iter().rev().find_map(|record| line.measured(record)).map_or(0.0, |m| m.error());
        ends.push((at.y, format!("{} {}", line.name, per_cent(error as f32)), line.colour));
    }
    let told: Vec<&str> = ends.iter().map(|(_, text, _)| text.as_str()).collect();
    describe(ui, frame, format!("{} after {} epochs: {}", run.info.run, history.len(), told.join(", ")));
    let places = apart(ends.iter().map(|(y, ..)| *y).collect(), 1.3 * size, frame.y_range());
    for ((_, text, colour), y) in ends.into_iter().zip(places) {
        pen.strong(pos2(frame.right() + 0.6 * size, y), Align2::LEFT_CENTER, text, colour);
    }
}

impl ErrorLine {
    fn measured(&self, record: &EpochRecord) -> Option<Measured> {
        (self.of)(record).filter(|measured| measured.n > 0)
    }

    fn path(&self, history: &[&EpochRecord], scale: AxisScale) -> Vec<PlotPoint> {
        let point = |record: &&EpochRecord| {
            Some(PlotPoint::new(record.epoch as f64, scale.place(self.measured(record)?.error())))
        };
        history.iter().filter_map(point).collect()
    }
}

struct BestEpoch {
    epoch: usize,
    what: &'static str,
    colour: Color32,
    /// The distance of its flag from the plot, in heights of type.
    lift: f32,
}

fn rules(run: &TrainingRun, palette: &Palette) -> Vec<BestEpoch> {
    let history = &run.info.history;
    let best = |rule: Rule, what, colour, lift| {
        let epoch = history.get(rule.best(history)?)?.epoch;
        Some(BestEpoch { epoch, what, colour, lift })
    };
    let adversarial = best(Rule::Adversarial, "lowest FGSM error", palette.fooled, 0.2);
    adversarial.into_iter().chain(best(Rule::Clean, "lowest clean error", palette.right, 1.5)).collect()
}

impl BestEpoch {
    fn flag(&self, pen: &Pen<'_>, transform: &PlotTransform) {
        let (frame, x) = (transform.frame(), transform.position_from_point_x(self.epoch as f64));
        let top = frame.top() - self.lift * pen.size;
        pen.painter.vline(x, top..=frame.top(), Stroke::new(0.1 * pen.size, self.colour));
        let is_late = x > frame.center().x;
        let (anchor, gap) = if is_late { (Align2::RIGHT_BOTTOM, -0.3) } else { (Align2::LEFT_BOTTOM, 0.3) };
        let at = pos2(x + gap * pen.size, top + 1.2 * pen.size);
        let text = format!("{}: epoch {}", self.what, self.epoch);
        let font = FontId::proportional(pen.size);
        let ground = anchor.anchor_size(at, pen.painter.layout_no_wrap(text.clone(), font, self.colour).size());
        pen.painter.rect_filled(ground, 0, pen.palette.canvas);
        pen.text(at, anchor, text, self.colour);
    }
}

fn train_now(ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
    if let Some(run) = train.in_hand() {
        ui.label(theme::strong(format!("{} is {}", run.info.run, words::state(&run.info.state))));
        ui.label(format!("{:.0} % done", 100.0 * run.share_done()));
        return;
    }
    acting(ui.button(LessonCommand::Train.about().name), LessonCommand::Train, out);
    ui.label(RichText::new("on digits that the program draws").color(theme::palette(ui).weak));
}

fn percent(error: f64) -> String {
    let value = 100.0 * error;
    if value < 1.0 { format!("{value:.1} %") } else { format!("{value:.0} %") }
}
