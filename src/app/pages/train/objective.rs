//! The objective is the clean loss and that on adversarial examples made against the net as it is.

use egui::{self, Ui};

use crate::app::format::short;
use crate::app::pages::explore::state::MAX_EPS;
use crate::app::pages::train::state::{draft, words};
use crate::app::theme::{self, palette};
use crate::app::widgets::about::about;
use crate::app::widgets::form::{self, Choice, Counts, Fields, Slider, note, switch};
use crate::app::widgets::rail::{Rail, Spacing};
use crate::engine::train::{Adversary, Config};
use crate::engine::units::LEVELS;

const EPS_MARKS: [f32; 5] = [8.0 / 255.0, 0.07, 0.1, 0.25, 0.3];
const USUAL_STEPS: usize = 7;

fn adversaries(steps: usize) -> [Choice<'static, Adversary>; 6] {
    let fgsm = "As in the paper: α parts of the clean loss, 1 − α of that under one step of the fast gradient sign";
    let pgd = "Several small steps from a random point: the strongest, and as many times the work";
    [
        (Adversary::Fgsm, "FGSM", fgsm),
        (Adversary::RandomFgsm, "Random FGSM", "One step from a random point: harder to cheat than plain FGSM"),
        (Adversary::Pgd { steps }, "PGD", pgd),
        (Adversary::Signs, "±ε noise", "A control: noise of the same size without the gradient: it hardly helps"),
        (Adversary::Uniform, "U(−ε, ε) noise", "A control: weaker noise still"),
        (Adversary::None, "None: clean", "Only the clean loss"),
    ]
}

/// Shows the objective. Unless it is `editable`, only what a run in hand lets change can be changed.
pub fn show(ui: &mut Ui, fields: &mut Fields, config: &mut Config, editable: bool) {
    ui.add_enabled_ui(editable, |ui| adversary(ui, fields, config));
    eps(ui, fields, config);
    let is_attacked = config.adversary != Adversary::None;
    if is_attacked {
        alpha(ui, fields, config);
    }
    formula(ui, config);
    if is_attacked {
        ui.add_enabled_ui(editable, |ui| {
            let tooltip = "Keep the pixels of adversarial examples between black and white, as a picture must";
            switch(ui, about("Clip to [0, 1]", tooltip), &mut config.clip);
        });
        note(ui, "The attack is made afresh at each step, against the net with dropout off.");
    } else {
        note(ui, "ε only measures: the net is validated under FGSM at this ε.");
    }
    if !editable {
        note(ui, "ε and α hold from the next epoch on, and the plots mark it.");
    }
}

fn adversary(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let steps = if let Adversary::Pgd { steps } = config.adversary { steps } else { USUAL_STEPS };
    let against = about("Train against", "What the second part of the objective is made of");
    config.adversary = form::choice(ui, against, &adversaries(steps), config.adversary).unwrap_or(config.adversary);
    if let Adversary::Pgd { steps } = &mut config.adversary {
        let counts = Counts { slider: 1..=20, typed: 1..=1000 };
        form::count(ui, fields, about("Attack steps", "Each step is another pass over the net"), &counts, steps);
    }
}

fn eps(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rail = Rail::new("Training ε", 0.0..=MAX_EPS, Spacing::Square, 1.0 / LEVELS);
    let rail = Rail { marks: &EPS_MARKS, ..rail };
    let eps = about("ε", "How far each pixel may move, as a share of the way from black to white; 8/255 can be typed");
    let slider = Slider { rail, text: format!("{:.4}", config.eps), round: |eps| eps };
    form::slider(ui, fields, eps, slider, &mut config.eps, draft::eps);
}

fn alpha(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let rail = Rail { marks: &[0.5], grid: 0.01, ..Rail::new("Training α", 0.0..=1.0, Spacing::Linear, 0.05) };
    let alpha =
        about("α", "The share of the clean loss: 1 trains clean, 0 on adversarial examples alone; the paper has 0.5");
    let slider = Slider { rail, text: short(config.alpha), round: |alpha| (alpha * 1000.0).round() / 1000.0 };
    form::slider(ui, fields, alpha, slider, &mut config.alpha, draft::alpha);
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
