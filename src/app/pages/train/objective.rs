//! What is minimised: the clean loss, and that on adversarial examples made against the net as it is.

use eframe::egui::{self, Ui};

use crate::app::format::short;
use crate::app::pages::train::form::{Fields, choice_row, count_row, rail_row, remark, switch};
use crate::app::pages::train::state::{draft, words};
use crate::app::theme::{self, palette};
use crate::app::widgets::rail::{Curve, Rail};
use crate::engine::train::{Adversary, Config};
use crate::engine::units::LEVELS;

const EPS_MARKS: [f32; 5] = [8.0 / 255.0, 0.07, 0.1, 0.25, 0.3];
const USUAL_STEPS: usize = 7;

const ADVERSARIES: [(Kind, &str, &str); 6] = [
    (
        Kind::Fgsm,
        "FGSM",
        "As in the paper: α parts of the clean loss, 1 − α of that under one step of the fast gradient sign",
    ),
    (Kind::RandomFgsm, "Random FGSM", "One step from a random point: harder to cheat than plain FGSM"),
    (Kind::Pgd, "PGD", "Several small steps from a random point: the strongest, and as many times the work"),
    (Kind::Signs, "±ε noise", "A control: noise of the same size without the gradient: it hardly helps"),
    (Kind::Uniform, "U(−ε, ε) noise", "A control: weaker noise still"),
    (Kind::Clean, "None: clean", "Only the clean loss"),
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Clean,
    Fgsm,
    RandomFgsm,
    Pgd,
    Signs,
    Uniform,
}

/// `editable`: all of it; else only what a run in hand lets change.
pub fn show(ui: &mut Ui, fields: &mut Fields, config: &mut Config, editable: bool) {
    ui.add_enabled_ui(editable, |ui| adversary(ui, fields, config));
    eps(ui, fields, config);
    if config.adversary != Adversary::None {
        alpha(ui, fields, config);
    }
    formula(ui, config);
    if config.adversary != Adversary::None {
        ui.add_enabled_ui(editable, |ui| {
            let tooltip = "Keep the pixels of adversarial examples between black and white, as a picture must";
            switch(ui, ("Clip to [0, 1]", tooltip), &mut config.clip);
        });
        remark(ui, "The attack is made afresh at each step, against the net with dropout off.");
    } else {
        remark(ui, "ε only measures: the net is validated under FGSM at this ε.");
    }
    if !editable {
        remark(ui, "ε and α hold from the next epoch on, and the plots mark it.");
    }
}

fn adversary(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let (kind, steps) = match config.adversary {
        Adversary::None => (Kind::Clean, USUAL_STEPS),
        Adversary::Fgsm => (Kind::Fgsm, USUAL_STEPS),
        Adversary::RandomFgsm => (Kind::RandomFgsm, USUAL_STEPS),
        Adversary::Pgd { steps } => (Kind::Pgd, steps),
        Adversary::Signs => (Kind::Signs, USUAL_STEPS),
        Adversary::Uniform => (Kind::Uniform, USUAL_STEPS),
    };
    let about = ("Train against", "What the second part of the objective is made of");
    if let Some(kind) = choice_row(ui, about, &ADVERSARIES, kind) {
        config.adversary = match kind {
            Kind::Clean => Adversary::None,
            Kind::Fgsm => Adversary::Fgsm,
            Kind::RandomFgsm => Adversary::RandomFgsm,
            Kind::Pgd => Adversary::Pgd { steps },
            Kind::Signs => Adversary::Signs,
            Kind::Uniform => Adversary::Uniform,
        };
    }
    if let Adversary::Pgd { steps } = &mut config.adversary {
        let about = ("Attack steps", "Each step is another pass over the net");
        if let Some(number) = count_row(ui, fields, about, (&(1..=20), &(1..=1000)), *steps) {
            *steps = number;
        }
    }
}

fn eps(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rail = Rail {
        name: "Training ε",
        range: 0.0..=draft::MAX_EPS,
        curve: Curve::Square,
        step: 1.0 / LEVELS,
        marks: &EPS_MARKS,
        grid: 0.0,
    };
    let about = ("ε", "How far each pixel may move, as a share of the way from black to white; 8/255 can be typed");
    let text = format!("{:.4}", config.eps);
    if let Some(taken) = rail_row(ui, fields, about, rail, (config.eps, &text), draft::eps) {
        config.eps = taken.value();
    }
}

fn alpha(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rail =
        Rail { name: "Training α", range: 0.0..=1.0, curve: Curve::Linear, step: 0.05, marks: &[0.5], grid: 0.01 };
    let about =
        ("α", "The share of the clean loss: 1 trains clean, 0 on adversarial examples alone; the paper has 0.5");
    let text = short(config.alpha);
    if let Some(taken) = rail_row(ui, fields, about, rail, (config.alpha, &text), draft::alpha) {
        config.alpha = (taken.value() * 1000.0).round() / 1000.0;
    }
}

fn formula(ui: &mut Ui, config: &Config) {
    let [symbols, numbers] = words::objective(config);
    let frame = egui::Frame::new().fill(palette(ui).raised).corner_radius(theme::RADIUS).inner_margin(8);
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 4.0;
        ui.add(egui::Label::new(theme::number(symbols)).wrap());
        ui.add(egui::Label::new(theme::number(format!("= {numbers}")).color(palette(ui).weak)).wrap());
    });
}
