//! These settings say how the net learns, when it stops, and what it is measured on.

use std::ops::RangeInclusive;

use egui::Ui;

use crate::app::format::short;
use crate::app::pages::train::state::draft::{self, RATE_RANGE, number};
use crate::app::theme::SPACE_1;
use crate::app::widgets::about::about;
use crate::app::widgets::alternatives;
use crate::app::widgets::form::{self, Counts, Fields, Slider, fold, named, note, switch};
use crate::app::widgets::rail::{Rail, Spacing};
use crate::engine::data::DataSource;
use crate::engine::train::{Algorithm, Config, Momentum, Rule, Schedule};

const EPOCHS: Counts = Counts { slider: 1..=200, typed: 1..=10_000 };
const BATCHES: Counts = Counts { slider: 10..=500, typed: 1..=100_000 };
const MANY: RangeInclusive<usize> = 0..=1_000_000;
const USUAL_MAX_NORM: f32 = 1.9365;
const USUAL_INIT: f32 = 0.005;
const USUAL_PATIENCE: usize = 10;
const USUAL_AVERAGING: f32 = 0.999;

pub fn show(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let epochs = about("Epochs", "Passes over the training pictures, unless it stops early");
    form::count(ui, fields, epochs, &EPOCHS, &mut config.epochs);
    rate(ui, fields, config);
    schedule(ui, fields, config);
    form::count(ui, fields, about("Batch", "Pictures per step"), &BATCHES, &mut config.batch);
    named(ui, about("Optimiser", "How gradients move the weights"), |ui| {
        let sgd = (Algorithm::Sgd, "SGD", "Stochastic gradient descent with momentum");
        let options = [sgd, (Algorithm::Adam, "Adam", "Kingma & Ba, 2015")];
        config.optimiser = alternatives(ui, "Optimiser", &options, config.optimiser).unwrap_or(config.optimiser);
    });
    let seed =
        about("Seed", "Of weights, order and dropout: the same seed and settings give the same net, bit for bit");
    form::whole(ui, fields, seed, "the seed", &form::SEEDS, &mut config.seed);
    fold(ui, "More", false, "momentum, decay, max-norm, augmentation", |ui| more(ui, fields, config));
}

pub fn rate(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rail = Rail::new("Learning rate", RATE_RANGE, Spacing::Logarithmic, 1.1);
    let rail = Rail { marks: &[0.001, 0.01, 0.1], ..rail };
    // What stands in the field is what is meant.
    let slider = Slider { rail, text: short(config.learning_rate), round: |rate| short(rate).parse().unwrap_or(rate) };
    let parse = |text: &str| number(text, "the learning rate", |rate| rate > 0.0, "a number above 0, such as 0.05");
    let rate = about("Learning rate", "The largest rate of the schedule");
    form::slider(ui, fields, rate, slider, &mut config.learning_rate, parse);
}

fn schedule(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let factor = match config.schedule {
        Schedule::Decay(factor) => factor,
        Schedule::Cosine | Schedule::Constant | Schedule::OneCycle => Schedule::USUAL_DECAY,
    };
    let options = [
        (Schedule::Cosine, "Cosine", "Down to 0 along half a cosine"),
        (Schedule::Constant, "Constant", "The same at every step"),
        (Schedule::OneCycle, "One cycle", "Up over the first fifth, then down to 0"),
        (Schedule::Decay(factor), "Decay", "Divided by a factor at every step, as in the recipe of the maxout paper"),
    ];
    let how = about("Schedule", "How the rate goes on");
    config.schedule = form::choice(ui, how, &options, config.schedule).unwrap_or(config.schedule);
    if let Schedule::Decay(factor) = &mut config.schedule {
        let parse = |text: &str| {
            let factor = text.trim().parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor >= 1.0);
            factor.ok_or_else(|| format!("the factor is {text:?}; expected a number of at least 1, such as 1.000004"))
        };
        form::text(ui, fields, about("Factor", "What the rate is divided by at every step"), factor, parse);
    }
}

fn more(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    if config.optimiser == Algorithm::Sgd {
        momentum(ui, fields, config);
    }
    let at_least_zero =
        |text: &str| number(text, "weight decay", |value| value >= 0.0, "a number of at least 0, such as 0.0001");
    let decay = about("Weight decay", "Multiple of the weights that is added to their gradients");
    form::text(ui, fields, decay, &mut config.weight_decay, at_least_zero);
    let above_zero = |what: &'static str| {
        move |text: &str| number(text, what, |value| value > 0.0, "a number above 0, such as 1.9365")
    };
    let norm = about("Max-norm", "The largest norm of the incoming weights of a unit");
    form::optional(ui, fields, norm, &mut config.max_norm, USUAL_MAX_NORM, above_zero("max-norm"));
    let first = about("First weights", "From U(−this, this), instead of one range for each layer");
    let parse = above_zero("the range of the first weights");
    form::optional(ui, fields, first, &mut config.init, USUAL_INIT, parse);
    let smoothing = about("Label smoothing", "Share of the target that is spread over all classes");
    form::text(ui, fields, smoothing, &mut config.label_smoothing, |text| below_one(text, "label smoothing", "0.1"));
    let tooltip = "Keep an exponential average of the weights, which decays like this at each step, and validate and save \
                   it in place of the last ones";
    let average = about("Average weights", tooltip);
    form::optional(ui, fields, average, &mut config.averaging, USUAL_AVERAGING, |text| {
        below_one(text, "the decay", "0.999")
    });
    let shift = about("Shift", "Training pictures are shifted by up to so many pixels each way");
    form::whole(ui, fields, shift, "the shift", &(0..=64), &mut config.augment.shift);
    let part =
        |text: &str| number(text, "zoom", |share| share > 0.0 && share <= 1.0, "above 0 and at most 1, such as 0.5");
    let zoom =
        about("Zoom", "Training pictures are random parts of at least this share of the whole's area; 1 for none");
    form::text(ui, fields, zoom, &mut config.augment.zoom, part);
    let mirror = about("Mirror", "Mirror half of the training pictures: not for digits");
    switch(ui, mirror, &mut config.augment.flip);
}

fn below_one(text: &str, what: &str, example: &str) -> Result<f32, String> {
    let expected = format!("0 or more and below 1, such as {example}");
    number(text, what, |share| (0.0..1.0).contains(&share), &expected)
}

fn momentum(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let momentum = &mut config.momentum;
    let is_constant = momentum.start == momentum.end;
    let share = |text: &str| below_one(text, "momentum", "0.9");
    let start = about("Momentum", "The share of the last step that goes into the next");
    form::text(ui, fields, start, &mut momentum.start, share);
    if is_constant {
        momentum.end = momentum.start;
    }
    let mut changes = !is_constant;
    if switch(ui, about("Momentum changes", "In equal parts over some epochs"), &mut changes) {
        let growing = Momentum { start: 0.5, end: 0.7, epochs: 250 };
        *momentum = if changes { growing } else { Momentum::constant(momentum.start) };
    }
    if changes {
        form::text(ui, fields, about("to", "The momentum in the end"), &mut momentum.end, share);
        let over = about("over epochs", "");
        form::whole(ui, fields, over, "the number of epochs", &EPOCHS.typed, &mut momentum.epochs);
    }
    switch(ui, about("Nesterov", "Nesterov's form of the momentum"), &mut config.nesterov);
    ui.add_space(SPACE_1);
}

pub fn stopping(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let adversarial = "The error on adversarial examples alone, as the paper has it: the clean one is flat long before";
    let rules = [
        (Rule::Adversarial, "Adversarial", adversarial),
        (Rule::Clean, "Clean", "The error on untouched pictures"),
        (Rule::Off, "Off", "All epochs are trained, and the last weights kept"),
    ];
    let stopping = &mut config.stopping;
    named(ui, about("Error", "The validation error that decides which epoch is kept"), |ui| {
        stopping.rule = alternatives(ui, "Stopping rule", &rules, stopping.rule).unwrap_or(stopping.rule);
    });
    if stopping.rule == Rule::Off {
        stopping.patience = None;
    } else {
        let parse = |text: &str| form::parse_whole(text, "patience", &EPOCHS.typed);
        let patience = about(
            "Patience",
            "Stop after so many epochs without a lower error; off trains them all and keeps the best",
        );
        form::optional(ui, fields, patience, &mut stopping.patience, USUAL_PATIENCE, parse);
    }
    let tooltip =
        "Afterwards a fresh net learns from all pictures, those held out too, for as many epochs as were best";
    switch(ui, about("Then retrain on everything", tooltip), &mut stopping.retrain);
}

pub fn validation(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let most = match config.data {
        DataSource::Drawn { count, .. } => count.saturating_sub(1),
        DataSource::Mnist | DataSource::FashionMnist | DataSource::Folder(_) => *MANY.end(),
    };
    let held = about(
        "Held out",
        "Pictures of the training split, spread over the classes: the net is measured on them and never learns them",
    );
    form::whole(ui, fields, held, "the number of pictures held out", &(1..=most), &mut config.validation);
    let pgd = about("PGD pictures", "Of those, so many are also attacked in ten small steps after each epoch; 0: none");
    form::whole(ui, fields, pgd, "the number of PGD pictures", &MANY, &mut config.pgd_pictures);
    if draft::usual().validation > config.validation {
        note(ui, "Few pictures give wide intervals: the bands in the plot.");
    }
}
