//! How the net learns, when it stops, and what it is measured on.

use eframe::egui::Ui;

use crate::app::format::short;
use crate::app::pages::train::form::{
    Fields, choice_row, count_row, fold, named, optional_row, rail_row, remark, switch, text_row,
};
use crate::app::pages::train::state::draft::{self, RATE_RANGE, number, whole};
use crate::app::theme::SPACE_1;
use crate::app::widgets::rail::{Curve, Rail};
use crate::app::widgets::segmented;
use crate::engine::train::{Algorithm, Config, Momentum, Rule, Schedule};

const ANY: std::ops::RangeInclusive<usize> = 0..=usize::MAX;
const MOST_EPOCHS: usize = 10_000;
const USUAL_DECAY: f64 = 1.000_004;
const USUAL_MAX_NORM: f32 = 1.9365;
const USUAL_INIT: f32 = 0.005;
const USUAL_PATIENCE: usize = 10;

pub fn show(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let about = ("Epochs", "Passes over the training pictures, unless it stops early");
    if let Some(epochs) = count_row(ui, fields, about, (&(1..=200), &(1..=MOST_EPOCHS)), config.epochs) {
        config.epochs = epochs;
    }
    rate(ui, fields, config);
    schedule(ui, fields, config);
    let about = ("Batch", "Pictures per step");
    if let Some(batch) = count_row(ui, fields, about, (&(10..=500), &(1..=100_000)), config.batch) {
        config.batch = batch;
    }
    named(ui, "Optimiser", "How gradients move the weights", |ui| {
        let options = [("SGD", "Stochastic gradient descent with momentum"), ("Adam", "Kingma & Ba, 2015")];
        let chosen = usize::from(config.optimiser == Algorithm::Adam);
        if let Some(index) = segmented(ui, "Optimiser", &options, chosen) {
            config.optimiser = if index == 0 { Algorithm::Sgd } else { Algorithm::Adam };
        }
    });
    let about = ("Seed", "Of weights, order and dropout: the same seed and settings give the same net, bit for bit");
    let parse = |text: &str| whole(text, "the seed", &ANY);
    if let Some(seed) = text_row(ui, fields, about, &config.seed.to_string(), parse) {
        config.seed = seed as u64;
    }
    fold(ui, "More", false, "momentum, decay, max-norm, augmentation", |ui| more(ui, fields, config));
}

/// The learning rate alone.
pub fn rate(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rail = Rail {
        name: "Learning rate",
        range: RATE_RANGE,
        curve: Curve::Logarithmic,
        step: 1.1,
        marks: &[0.001, 0.01, 0.1],
        grid: 0.0,
    };
    let about = ("Learning rate", "The largest rate of the schedule");
    let parse = |text: &str| number(text, "the learning rate", |rate| rate > 0.0, "a number above 0, such as 0.05");
    let text = short(config.learning_rate);
    match rail_row(ui, fields, about, rail, (config.learning_rate, &text), parse) {
        Some(crate::app::pages::train::form::Taken::Moved(rate)) => config.learning_rate = three_digits(rate),
        Some(crate::app::pages::train::form::Taken::Typed(rate)) => config.learning_rate = rate,
        None => {}
    }
}

/// What stands in the field is what is meant.
fn three_digits(value: f32) -> f32 {
    short(value).parse().unwrap_or(value)
}

fn schedule(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let factor = match config.schedule {
        Schedule::Decay(factor) => factor,
        _ => USUAL_DECAY,
    };
    let options = [
        (Schedule::Cosine, "Cosine", "Down to 0 along half a cosine"),
        (Schedule::Constant, "Constant", "The same at every step"),
        (Schedule::OneCycle, "One cycle", "Up over the first fifth, then down to 0"),
        (Schedule::Decay(factor), "Decay", "Divided by a factor at every step, as in the recipe of the maxout paper"),
    ];
    if let Some(schedule) = choice_row(ui, ("Schedule", "How the rate goes on"), &options, config.schedule) {
        config.schedule = schedule;
    }
    if let Schedule::Decay(factor) = &mut config.schedule {
        let parse = |text: &str| {
            let factor = text.trim().parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor >= 1.0);
            factor.ok_or_else(|| format!("the factor is {text:?}; expected a number of at least 1, such as 1.000004"))
        };
        let about = ("Factor", "What the rate is divided by at every step");
        if let Some(new) = text_row(ui, fields, about, &factor.to_string(), parse) {
            *factor = new;
        }
    }
}

fn more(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    if config.optimiser == Algorithm::Sgd {
        momentum(ui, fields, config);
    }
    let at_least_zero = |what: &'static str| {
        move |text: &str| number(text, what, |value| value >= 0.0, "a number of at least 0, such as 0.0001")
    };
    let about = ("Weight decay", "Multiple of the weights that is added to their gradients");
    let text = config.weight_decay.to_string();
    if let Some(decay) = text_row(ui, fields, about, &text, at_least_zero("weight decay")) {
        config.weight_decay = decay;
    }
    let above_zero = |what: &'static str| {
        move |text: &str| number(text, what, |value| value > 0.0, "a number above 0, such as 1.9365")
    };
    let about = ("Max-norm", "The largest norm of the incoming weights of a unit");
    optional_row(ui, fields, about, &mut config.max_norm, USUAL_MAX_NORM, above_zero("max-norm"));
    let about = ("First weights", "From U(−this, this), instead of one range for each layer");
    optional_row(ui, fields, about, &mut config.init, USUAL_INIT, above_zero("the range of the first weights"));
    let share = |text: &str| {
        number(text, "label smoothing", |share| (0.0..1.0).contains(&share), "0 or more and below 1, such as 0.1")
    };
    let about = ("Label smoothing", "Share of the target that is spread over all classes");
    if let Some(smoothing) = text_row(ui, fields, about, &config.label_smoothing.to_string(), share) {
        config.label_smoothing = smoothing;
    }
    let about = ("Shift", "Training pictures are shifted by up to so many pixels each way");
    let parse = |text: &str| whole(text, "the shift", &(0..=64));
    if let Some(shift) = text_row(ui, fields, about, &config.augment.shift.to_string(), parse) {
        config.augment.shift = shift;
    }
    let part =
        |text: &str| number(text, "zoom", |share| share > 0.0 && share <= 1.0, "above 0 and at most 1, such as 0.5");
    let about = ("Zoom", "Training pictures are random parts of at least this share of the whole's area; 1 for none");
    if let Some(zoom) = text_row(ui, fields, about, &config.augment.zoom.to_string(), part) {
        config.augment.zoom = zoom;
    }
    switch(ui, ("Mirror", "Mirror half of the training pictures: not for digits"), &mut config.augment.flip);
}

fn momentum(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let share = |text: &str| {
        number(text, "momentum", |share| (0.0..1.0).contains(&share), "0 or more and below 1, such as 0.9")
    };
    let Momentum { start, end, epochs } = config.momentum;
    let is_constant = start == end;
    let about = ("Momentum", "The share of the last step that goes into the next");
    if let Some(momentum) = text_row(ui, fields, about, &start.to_string(), share) {
        config.momentum = Momentum { start: momentum, end: if is_constant { momentum } else { end }, epochs };
    }
    let mut changes = !is_constant;
    if switch(ui, ("Momentum changes", "In equal parts over some epochs"), &mut changes) {
        config.momentum =
            if changes { Momentum { start: 0.5, end: 0.7, epochs: 250 } } else { Momentum::constant(start) };
    }
    if changes {
        if let Some(momentum) = text_row(ui, fields, ("to", "The momentum in the end"), &end.to_string(), share) {
            config.momentum.end = momentum;
        }
        let parse = |text: &str| whole(text, "the number of epochs", &(1..=MOST_EPOCHS));
        if let Some(number) = text_row(ui, fields, ("over epochs", ""), &epochs.to_string(), parse) {
            config.momentum.epochs = number;
        }
    }
    switch(ui, ("Nesterov", "Nesterov's form of the momentum"), &mut config.nesterov);
    ui.add_space(SPACE_1);
}

/// When a run stops, and which epoch it keeps.
pub fn stopping(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rules = [Rule::Adversarial, Rule::Clean, Rule::Off];
    named(ui, "Error", "The validation error that decides which epoch is kept", |ui| {
        let options = [
            (
                "Adversarial",
                "The error on adversarial examples alone, as the paper has it: the clean one is flat long before",
            ),
            ("Clean", "The error on untouched pictures"),
            ("Off", "All epochs are trained, and the last weights kept"),
        ];
        let chosen = rules.iter().position(|rule| *rule == config.stopping.rule).unwrap_or(0);
        if let Some(index) = segmented(ui, "Stopping rule", &options, chosen) {
            config.stopping.rule = rules[index];
            if config.stopping.rule == Rule::Off {
                config.stopping.patience = None;
            }
        }
    });
    if config.stopping.rule != Rule::Off {
        let parse = |text: &str| whole(text, "patience", &(1..=MOST_EPOCHS));
        let about =
            ("Patience", "Stop after so many epochs without a lower error; off trains them all and keeps the best");
        optional_row(ui, fields, about, &mut config.stopping.patience, USUAL_PATIENCE, parse);
    }
    let tooltip =
        "Afterwards a fresh net learns from all pictures, those held out too, for as many epochs as were best";
    switch(ui, ("Then retrain on everything", tooltip), &mut config.stopping.retrain);
}

/// What the net is measured on after each epoch.
pub fn validation(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let most = match config.data {
        crate::engine::data::DataSource::Drawn { count, .. } => count.saturating_sub(1),
        _ => 1_000_000,
    };
    let about =
        ("Held out", "The last pictures of the training split: the net is measured on them and never learns them");
    let parse = |text: &str| whole(text, "the number of pictures held out", &(1..=most));
    if let Some(held) = text_row(ui, fields, about, &config.validation.to_string(), parse) {
        config.validation = held;
    }
    let about = ("PGD pictures", "Of those, so many are also attacked in ten small steps after each epoch; 0: none");
    let parse = |text: &str| whole(text, "the number of PGD pictures", &(0..=1_000_000));
    if let Some(pictures) = text_row(ui, fields, about, &config.pgd_pictures.to_string(), parse) {
        config.pgd_pictures = pictures;
    }
    if draft::usual().validation > config.validation {
        remark(ui, "Few pictures give wide intervals: the bands in the plot.");
    }
}
