//! The adversary makes the examples of the second part of the objective, against the net as it is.

use egui::Ui;

use crate::app::pages::train::state::draft;
use crate::app::widgets::about::about;
use crate::app::widgets::alternatives;
use crate::app::widgets::form::{self, Choice, Counts, Fields, named, note, switch};
use crate::engine::attack::Norm;
use crate::engine::train::{Adversary, Config};

const USUAL_STEPS: usize = 7;
const USUAL_REPLAYS: usize = 8;
const USUAL_BETA: f32 = 6.0;

fn adversaries(steps: usize, replays: usize) -> [Choice<'static, Adversary>; 8] {
    let fgsm = "As in the paper: α parts of the clean loss, 1 − α of that under one step of the fast gradient sign";
    let pgd = "Several small steps from a random point: the strongest, and as many times the work";
    [
        (Adversary::Fgsm, "FGSM", fgsm),
        (Adversary::RandomFgsm, "Random FGSM", "One step from a random point: harder to cheat than plain FGSM"),
        (Adversary::NoisyFgsm, "Noisy FGSM", "One step from far noise, which may leave ε: never overfits the attack"),
        (Adversary::Pgd { steps }, "PGD", pgd),
        (Adversary::Free { replays }, "Free", "Each batch several times: one pass moves weights and pictures at once"),
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
        norm(ui, config);
        trades(ui, fields, config);
    });
    note(ui, "The attack is made afresh at each step, against the net with dropout off.");
}

fn adversary(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let steps = if let Adversary::Pgd { steps } = config.adversary { steps } else { USUAL_STEPS };
    let replays = if let Adversary::Free { replays } = config.adversary { replays } else { USUAL_REPLAYS };
    let against = about("Train against", "What the second part of the objective is made of");
    let chosen = form::choice(ui, against, &adversaries(steps, replays), config.adversary);
    config.adversary = chosen.unwrap_or(config.adversary);
    match &mut config.adversary {
        Adversary::Pgd { steps } => {
            let counts = Counts { slider: 1..=20, typed: 1..=1000 };
            form::count(ui, fields, about("Attack steps", "Each step is another pass over the net"), &counts, steps);
        }
        Adversary::Free { replays } => {
            let counts = Counts { slider: 1..=10, typed: 1..=100 };
            let replaying = about("Replays", "How often each batch is taken in a row; take as many fewer epochs");
            form::count(ui, fields, replaying, &counts, replays);
        }
        _ => {}
    }
}

fn norm(ui: &mut Ui, config: &mut Config) {
    let options = [
        (Norm::Linf, "L∞", "ε is the largest move of a pixel"),
        (Norm::L2, "L2", "ε is the length ‖δ‖₂ of the whole perturbation"),
    ];
    named(ui, about("Norm", "What ε measures, in training and in the validation"), |ui| {
        let Some(norm) = alternatives(ui, "Norm", &options, config.norm) else { return };
        // What is a small perturbation in one norm is none, or a huge one, in the other.
        (config.norm, config.eps) = (norm, draft::usual_eps(norm));
    });
}

fn trades(ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
    let is_possible = !matches!(config.adversary, Adversary::None | Adversary::Free { .. });
    if !is_possible {
        config.trades = None;
        return;
    }
    let tooltip = "TRADES (Zhang et al., 2019): J(x) + β·KL(f(x) ‖ f(x′)) in place of the mix with α. The attack then \
                   drives the answers apart, whatever the label";
    form::optional(ui, fields, about("TRADES, β", tooltip), &mut config.trades, USUAL_BETA, draft::beta);
}
