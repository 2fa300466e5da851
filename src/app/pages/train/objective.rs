//! The adversary makes the examples of the second part of the objective, against the net as it is.

use egui::Ui;

use crate::app::widgets::about::about;
use crate::app::widgets::form::{self, Choice, Counts, Fields, note, switch};
use crate::engine::train::{Adversary, Config};

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

/// Shows what the second part of the objective is made of. Unless it is `editable`, nothing of it can be changed.
pub fn show(ui: &mut Ui, fields: &mut Fields, config: &mut Config, editable: bool) {
    ui.add_enabled_ui(editable, |ui| adversary(ui, fields, config));
    if config.adversary == Adversary::None {
        return note(ui, "ε only measures: the net is validated under FGSM at this ε.");
    }
    ui.add_enabled_ui(editable, |ui| {
        let tooltip = "Keep the pixels of adversarial examples between black and white, as a picture must";
        switch(ui, about("Clip to [0, 1]", tooltip), &mut config.clip);
    });
    note(ui, "The attack is made afresh at each step, against the net with dropout off.");
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
