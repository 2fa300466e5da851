//! The net is one of the catalogue, or is chosen by its kind and its capacity.

use egui::{self, Ui};

use crate::app::format::{short, thousands};
use crate::app::pages::train::state::draft::{self, Knobs, NetKind};
use crate::app::pages::train::state::facts::{DraftFacts, NetFacts};
use crate::app::theme;
use crate::app::widgets::about::{About, about};
use crate::app::widgets::form::{self, Counts, Fields, Slider, named, note, switch};
use crate::app::widgets::problem_line;
use crate::app::widgets::rail::{Rail, Spacing};
use crate::engine::model::{Architecture, Entry, KeptShares};
use crate::engine::train::Config;

/// Sliders reach these sizes, and others can be typed within the bounds of nets in words.
const LAYERS: Counts = Counts { slider: 1..=4, typed: 1..=8 };
const CONVOLUTIONS: Counts = Counts { slider: 1..=3, typed: 1..=3 };
const CHANNELS: Counts = Counts { slider: 2..=128, typed: 1..=64 };
const UNITS: Counts = Counts { slider: 4..=2048, typed: 1..=8192 };
const PIECES: Counts = Counts { slider: 2..=8, typed: 1..=64 };

const AS_TEXT: &str = "The same net in words, such as maxout:240x5,240x5+dropout (units x pieces), cnn:32,64,1024, \
                       mlp:1200,1200, softmax; or a name of the catalogue; or the path of a manifest";
const BEGIN: &str = "Continue from the trained weights of this net instead of fresh ones: a few epochs of adversarial \
                     training cure a net that was trained clean";

pub fn show(ui: &mut Ui, fields: &mut Fields, config: &mut Config, facts: Option<&DraftFacts>, catalogue: &[Entry]) {
    let net = config.model.parse::<Architecture>().ok();
    picker(ui, config, net.as_ref(), catalogue);
    let net = config.model.parse::<Architecture>().ok();
    if let Some(net) = &net {
        capacity(ui, fields, config, net);
    }
    form::text(ui, fields, about("As text", AS_TEXT), &mut config.model, draft::net);
    match facts.map(|facts| &facts.net) {
        Some(Ok(net)) => {
            let NetFacts { parameters, input, classes, .. } = net;
            ui.label(theme::number(format!("{} parameters", thousands(*parameters))));
            note(ui, &format!("{}×{}×{} in, {classes} classes out", input.width, input.height, input.channels));
        }
        Some(Err(why)) => problem_line(ui, why),
        None => {
            ui.label(theme::weak(ui, "…"));
        }
    }
    if net.is_some() {
        config.fine_tune = false;
    } else {
        fine_tuning(ui, config, catalogue);
    }
}

fn fine_tuning(ui: &mut Ui, config: &mut Config, catalogue: &[Entry]) {
    let missing =
        catalogue.iter().find(|entry| entry.name == config.model).is_some_and(|entry| entry.problem.is_some());
    config.fine_tune &= !missing;
    ui.add_enabled_ui(!missing, |ui| {
        switch(ui, about("Begin with its trained weights", BEGIN), &mut config.fine_tune);
    });
    note(ui, "The capacity of a net of the catalogue is fixed.");
}

fn picker(ui: &mut Ui, config: &mut Config, net: Option<&Architecture>, catalogue: &[Entry]) {
    named(ui, about("Kind", "What the net is made of"), |ui| {
        let known = catalogue.iter().find(|entry| entry.name == config.model);
        let text = match (net, known) {
            (Some(net), _) => NetKind::of(net).about().name,
            (None, Some(entry)) => &entry.title,
            (None, None) => &config.model,
        };
        let mut taken = None;
        let combo = egui::ComboBox::from_id_salt("kind").selected_text(text).width(ui.available_width()).truncate();
        let response = combo.show_ui(ui, |ui| {
            for kind in NetKind::ALL {
                let (chosen, about) = (net.is_some_and(|net| NetKind::of(net) == kind), kind.about());
                if ui.selectable_label(chosen, about.name).on_hover_text(about.tooltip).clicked() && !chosen {
                    let knobs = net.map(Knobs::of).unwrap_or_default();
                    let dropout = net.and_then(|net| net.dropout).filter(|_| kind != NetKind::Softmax);
                    taken = Some(Architecture { kind: Knobs { kind, ..knobs }.build(), dropout }.to_string());
                }
            }
            ui.separator();
            ui.label(theme::caption(ui, "Of the catalogue"));
            for entry in catalogue {
                let chosen = entry.name == config.model;
                if ui.selectable_label(chosen, &entry.title).on_hover_text(&entry.description).clicked() {
                    taken = Some(entry.name.clone());
                }
            }
        });
        response.response.accessible_name("Kind of net");
        if let Some(model) = taken {
            config.model = model;
        }
    });
}

fn capacity(ui: &mut Ui, fields: &mut Fields, config: &mut Config, net: &Architecture) {
    let knobs = Knobs::of(net);
    let mut new = knobs;
    let mut count = |ui: &mut Ui, about: About, counts: &Counts, value: &mut usize| {
        form::count(ui, fields, about, counts, value);
    };
    match knobs.kind {
        NetKind::Softmax => return,
        NetKind::Cnn => {
            let rows = "How many convolutions stand in a row, each with half the side of the one before";
            count(ui, about("Convolutions", rows), &CONVOLUTIONS, &mut new.layers);
            let channels = about("Channels", "Of the first convolution; each further one has twice as many");
            count(ui, channels, &CHANNELS, &mut new.channels);
        }
        NetKind::Maxout | NetKind::Mlp => {
            count(ui, about("Hidden layers", "How many layers stand in a row"), &LAYERS, &mut new.layers);
        }
    }
    let units = "Of each hidden layer. More capacity helps against adversarial examples: try 64, then 1024";
    count(ui, about("Units", units), &UNITS, &mut new.units);
    if knobs.kind == NetKind::Maxout {
        count(ui, about("Pieces", "Linear functions per unit, of which the largest counts"), &PIECES, &mut new.pieces);
    }
    let mut dropout = net.dropout;
    keep(ui, fields, &mut dropout);
    if new != knobs || dropout != net.dropout {
        let kind = if new != knobs { new.build() } else { net.kind.clone() };
        config.model = Architecture { kind, dropout }.to_string();
    }
}

fn keep(ui: &mut Ui, fields: &mut Fields, dropout: &mut Option<KeptShares>) {
    let mut on = dropout.is_some();
    let tooltip = "Drop units by chance in training. Attacks and validation always run without it.";
    if switch(ui, about("Dropout", tooltip), &mut on) {
        *dropout = on.then(KeptShares::default);
    }
    let Some(dropout) = dropout else { return };
    let is_share = |share: f32| share > 0.0 && share <= 1.0;
    let parse = |text: &str| draft::number(text, "the share that is kept", is_share, "a number above 0, up to 1");
    for (about, value) in [
        (about("Kept pixels", "The share of pixels that is kept"), &mut dropout.pixels),
        (about("Kept units", "The share of hidden units that is kept"), &mut dropout.hidden),
    ] {
        let rail = Rail { grid: 0.05, ..Rail::new(about.name, 0.1..=1.0, Spacing::Linear, 0.05) };
        // Multiples of .05 as decimals, not as sums of floats.
        let slider = Slider { rail, text: short(*value), round: |share| (share * 100.0).round() / 100.0 };
        form::slider(ui, fields, about, slider, value, parse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_knobs_still_make_a_net() {
        let [layers, units, pieces, channels] = [LAYERS, UNITS, PIECES, CHANNELS].map(|counts| *counts.slider.end());
        for kind in NetKind::ALL {
            let knobs = Knobs { kind, layers, units, pieces, channels };
            let words = Architecture { kind: knobs.build(), dropout: None }.to_string();
            assert_eq!(words.parse::<Architecture>().unwrap().kind, knobs.build(), "{words}");
        }
    }
}
