//! Which attack, and its parameters.

use std::collections::BTreeMap;

use eframe::egui::{
    self, Align, AtomExt as _, Button, Checkbox, ComboBox, Grid, Layout, PopupCloseBehavior, Ui,
    containers::menu::{MenuButton, MenuConfig},
};

use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format;
use crate::app::pages::explore::commands::attack::{AttackCommand, attack_title};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words;
use crate::app::theme::{self, SPACE_2, SPACE_3};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::fields::Field;
use crate::app::widgets::rail::{Curve, Rail};
use crate::app::widgets::{icon_button, problem_line, segmented};
use crate::engine::attack::{Attack, AttackSettings, MAX_STEPS, Norm};

const CHOOSER: f32 = 136.0;
const ICON: f32 = 16.0;
const FORM: f32 = 372.0;
const RAIL: f32 = 128.0;
/// Steps that the rail reaches; more can be typed.
const RAIL_STEPS: usize = 200;

/// Half-typed numbers.
#[derive(Default)]
pub struct AttackForm {
    fields: BTreeMap<&'static str, Field>,
}

/// A number of an attack: its name, what it is, the values that the rail reaches, and those that can be typed.
struct Number {
    name: &'static str,
    about: &'static str,
    rail: (f32, f32),
    most: f32,
    is_whole: bool,
}

impl AttackForm {
    /// The width at which the button with the parameters can say them all.
    pub fn wanted_width(ui: &Ui, explore: &Explore) -> f32 {
        let text =
            ui.painter().layout_no_wrap(in_short(&explore.view.attack), theme::body_font(), egui::Color32::WHITE);
        let spacing = ui.spacing();
        (text.size().x + ICON + spacing.icon_spacing + 2.0 * spacing.button_padding.x).ceil()
    }

    /// The chooser, and a button that opens the parameters, `width` wide.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, width: f32, out: &mut Vec<Command>) {
        chooser(ui, explore, out);
        let text = in_short(&explore.view.attack);
        let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        // It is the text that is cut where room is short, not the icon, which is text to egui too.
        let button = Button::new((icons::ICON_TUNE.rich_text().size(ICON), text.atom_shrink(true)))
            .truncate()
            .min_size(egui::vec2(width, theme::CONTROL_HEIGHT));
        ui.scope(|ui| {
            ui.set_max_width(width);
            let (response, _) = MenuButton::from_button(button).config(stays).ui(ui, |ui| self.form(ui, explore, out));
            let about = AttackCommand::Set(explore.view.attack.clone()).about();
            response.on_hover_text(about.tooltip).accessible_name(about.name);
        });
    }

    fn form(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        // A form, not a list of a menu's narrow buttons.
        ui.style_mut().spacing = ui.ctx().global_style().spacing.clone();
        ui.set_min_width(FORM);
        ui.set_max_width(FORM);
        // A menu would set long lines with wide gaps.
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            ui.label(theme::strong(attack_title(&explore.view.attack)));
            ui.label(theme::weak(ui, explore.view.attack.paper()));
        });
        ui.add_space(SPACE_2);
        let mut attack = explore.view.attack.clone();
        let mut problem = None;
        Grid::new("parameters of the attack").num_columns(2).spacing([SPACE_3, 4.0]).show(ui, |ui| {
            problem = self.rows(ui, &mut attack);
            if attack.is_random() {
                ui.label(theme::caption(ui, "Seed"));
                ui.horizontal(|ui| {
                    ui.label(theme::number(explore.view.seed.to_string()));
                    icon_button(ui, AttackCommand::NextSeed, out);
                });
                ui.end_row();
            }
        });
        if let Some(problem) = problem {
            problem_line(ui, &problem);
        }
        if attack != explore.view.attack {
            out.push(AttackCommand::Set(attack).into());
        }
    }

    /// A row for each parameter; why what was typed is not taken.
    fn rows(&mut self, ui: &mut Ui, attack: &mut AttackSettings) -> Option<String> {
        match attack {
            AttackSettings::Fgsm(fgsm) => norm_row(ui, &mut fgsm.norm, &[Norm::Linf, Norm::L2, Norm::L1]),
            AttackSettings::Gradient(gradient) => {
                self.steps_row(ui, &mut gradient.steps);
                self.number_row(ui, &ETA, &mut gradient.eta);
            }
            AttackSettings::Bim(bim) => {
                norm_row(ui, &mut bim.norm, &[Norm::Linf, Norm::L2]);
                self.steps_row(ui, &mut bim.steps);
                self.step_size_row(ui, &mut bim.step_size, "ε/steps");
            }
            AttackSettings::Pgd(pgd) => {
                norm_row(ui, &mut pgd.norm, &[Norm::Linf, Norm::L2]);
                self.steps_row(ui, &mut pgd.steps);
                self.step_size_row(ui, &mut pgd.step_size, "2.5·ε/steps");
                let about = "Begin at a point drawn from the ball of radius ε instead of the picture itself";
                check_row(ui, "Random start", about, &mut pgd.random_start);
                if !pgd.random_start {
                    // From the same point the climb ends alike.
                    pgd.restarts = 1;
                }
                if pgd.random_start {
                    self.whole_row(ui, &RESTARTS, &mut pgd.restarts);
                }
            }
            AttackSettings::Momentum(momentum) => {
                norm_row(ui, &mut momentum.norm, &[Norm::Linf, Norm::L2]);
                self.steps_row(ui, &mut momentum.steps);
                self.step_size_row(ui, &mut momentum.step_size, "ε/steps");
                self.number_row(ui, &DECAY, &mut momentum.decay);
            }
            AttackSettings::DeepFool(deepfool) => {
                norm_row(ui, &mut deepfool.norm, &[Norm::Linf, Norm::L2]);
                self.steps_row(ui, &mut deepfool.steps);
                self.number_row(ui, &OVERSHOOT, &mut deepfool.overshoot);
                self.whole_row(ui, &CANDIDATES, &mut deepfool.candidates);
            }
            AttackSettings::CarliniWagner(cw) => {
                self.steps_row(ui, &mut cw.steps);
                self.whole_row(ui, &SEARCH_STEPS, &mut cw.search_steps);
                self.number_row(ui, &CONFIDENCE, &mut cw.confidence);
                self.number_row(ui, &RATE, &mut cw.learning_rate);
                self.number_row(ui, &FIRST_C, &mut cw.initial_c);
                check_row(ui, "Give up early", "Leave a c whose objective no longer falls", &mut cw.abort_early);
            }
            AttackSettings::SaliencyMap(map) => {
                self.number_row(ui, &THETA, &mut map.theta);
                self.number_row(ui, &GAMMA, &mut map.gamma);
            }
            AttackSettings::Noise(_) | AttackSettings::MinimalEps(_) => {}
        }
        self.fields.values().find_map(|field| field.problem.clone())
    }

    fn steps_row(&mut self, ui: &mut Ui, steps: &mut usize) {
        self.whole_row(ui, &STEPS, steps);
    }

    fn whole_row(&mut self, ui: &mut Ui, number: &Number, value: &mut usize) {
        let mut float = *value as f32;
        self.number_row(ui, number, &mut float);
        *value = float.round() as usize;
    }

    fn number_row(&mut self, ui: &mut Ui, number: &Number, value: &mut f32) {
        ui.label(theme::caption(ui, number.name)).on_hover_text(number.about);
        ui.horizontal(|ui| {
            let (low, high) = number.rail;
            let step = if number.is_whole { 1.0 } else { (high - low) / 100.0 };
            let grid = if number.is_whole { 1.0 } else { 0.0 };
            let curve = if number.is_whole && high > 50.0 { Curve::Square } else { Curve::Linear };
            let rail = Rail { name: number.name, range: low..=high, curve, step, marks: &[], grid };
            let field = self.fields.entry(number.name).or_default();
            let (response, moved) = rail.show(ui, RAIL, *value);
            response.on_hover_text(number.about);
            if let Some(moved) = moved {
                field.clear();
                *value = moved;
            }
            let shown = if number.is_whole { format!("{value:.0}") } else { format::short(*value) };
            let parse = |text: &str| number.parse(text);
            if let Some(typed) = field.show(ui, &format!("{} as a number", number.name), &shown, parse) {
                *value = typed;
            }
        });
        ui.end_row();
    }

    fn step_size_row(&mut self, ui: &mut Ui, size: &mut Option<f32>, usual: &str) {
        const NAME: &str = "Step size";
        ui.label(theme::caption(ui, NAME)).on_hover_text("Length of one step, in the attack's norm");
        let shown = size.map(format::short).unwrap_or_default();
        ui.horizontal(|ui| {
            let parse = |text: &str| match text.trim() {
                "" => Ok(None),
                text => match crate::engine::units::parse_eps(text) {
                    Ok(size) => Ok(Some(size)),
                    Err(_) => Err(format!(
                        "the step size is {text:?}; expected a number such as 0.01 or 2/255, or nothing for {usual}"
                    )),
                },
            };
            if let Some(typed) = self.fields.entry(NAME).or_default().show(ui, NAME, &shown, parse) {
                *size = typed;
            }
            if size.is_none() {
                ui.label(theme::weak(ui, format!("empty: {usual}")));
            }
        });
        ui.end_row();
    }
}

impl Number {
    fn parse(&self, text: &str) -> Result<f32, String> {
        let low = if self.is_whole || self.name == THETA.name { self.rail.0 } else { 0.0 };
        let kind = if self.is_whole { "a whole number" } else { "a number" };
        match text.trim().parse::<f32>() {
            Ok(value) if (low..=self.most).contains(&value) && !(self.is_whole && value.fract() != 0.0) => Ok(value),
            _ => Err(format!("{} is {text:?}; expected {kind} from {low} to {}", self.name, self.most)),
        }
    }
}

const STEPS: Number = Number {
    name: "Steps",
    about: "How many steps at most",
    rail: (1.0, RAIL_STEPS as f32),
    most: MAX_STEPS as f32,
    is_whole: true,
};
const ETA: Number =
    Number { name: "η", about: "A step is η times the gradient", rail: (0.0, 10.0), most: 100.0, is_whole: false };
const RESTARTS: Number =
    Number { name: "Restarts", about: "From how many random points", rail: (1.0, 20.0), most: 100.0, is_whole: true };
const DECAY: Number = Number {
    name: "Decay μ",
    about: "What is left of the sum of gradients after a step",
    rail: (0.0, 2.0),
    most: 10.0,
    is_whole: false,
};
const OVERSHOOT: Number = Number {
    name: "Overshoot",
    about: "How much farther than the boundary",
    rail: (0.0, 0.5),
    most: 10.0,
    is_whole: false,
};
const CANDIDATES: Number = Number {
    name: "Classes",
    about: "Of how many classes the boundaries are looked at",
    rail: (2.0, 50.0),
    most: 1000.0,
    is_whole: true,
};
const SEARCH_STEPS: Number = Number {
    name: "Values of c",
    about: "How many weights of the margin are tried",
    rail: (1.0, 20.0),
    most: 100.0,
    is_whole: true,
};
const CONFIDENCE: Number = Number {
    name: "Confidence κ",
    about: "By how much the logit of the wrong class exceeds the right one at least",
    rail: (0.0, 20.0),
    most: 1000.0,
    is_whole: false,
};
const RATE: Number =
    Number { name: "Rate", about: "Learning rate of Adam", rail: (0.001, 0.2), most: 10.0, is_whole: false };
const FIRST_C: Number = Number {
    name: "First c",
    about: "The weight of the margin to begin with; it grows tenfold until it is large enough",
    rail: (0.0, 1.0),
    most: 1e6,
    is_whole: false,
};
const THETA: Number = Number {
    name: "θ",
    about: "What is added to a value; below 0 values are lowered",
    rail: (-1.0, 1.0),
    most: 1.0,
    is_whole: false,
};
const GAMMA: Number = Number {
    name: "γ",
    about: "The largest share of values that may change",
    rail: (0.0, 1.0),
    most: 1.0,
    is_whole: false,
};

/// The parameters, without the attack's name.
fn in_short(attack: &AttackSettings) -> String {
    words::parameters(attack).trim_start_matches([',', ' ']).trim_start_matches("in ").to_owned()
}

fn check_row(ui: &mut Ui, name: &str, about: &str, value: &mut bool) {
    ui.label(theme::caption(ui, name));
    ui.add(Checkbox::without_text(value)).on_hover_text(about).accessible_name(name);
    ui.end_row();
}

fn norm_row(ui: &mut Ui, norm: &mut Norm, known: &[Norm]) {
    ui.label(theme::caption(ui, "Norm"));
    let options: Vec<(&str, &str)> = known
        .iter()
        .map(|norm| match norm {
            Norm::Linf => ("L∞", "No pixel moves by more than ε"),
            Norm::L2 => ("L2", "The perturbation's Euclidean length is ε"),
            Norm::L1 => ("L1", "The changes of all pixels add up to ε: the few that matter most take it all"),
        })
        .collect();
    let chosen = known.iter().position(|one| one == norm).unwrap_or(0);
    if let Some(index) = segmented(ui, "Norm", &options, chosen) {
        *norm = known[index];
    }
    ui.end_row();
}

fn chooser(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    let combo =
        ComboBox::from_id_salt("attack").selected_text(attack_title(&explore.view.attack)).width(CHOOSER).truncate();
    let combo = combo.height(480.0);
    let response = combo.show_ui(ui, |ui| {
        for command in AttackCommand::listed() {
            let AttackCommand::Use(name) = command else { continue };
            let about = command.about();
            let keys = about.spelled_keys();
            let button =
                Button::selectable(name == explore.view.attack.name(), about.name).right_text(theme::number(keys));
            let paper = AttackSettings::named(name).map(|attack| attack.paper()).unwrap_or_default();
            let response = ui.add(button).on_hover_text(format!("{}\n{paper}", about.tooltip));
            if response.accessible_name(about.name).clicked() {
                out.push(command.into());
            }
        }
    });
    response.response.on_hover_text("Which attack").accessible_name("Attack");
}
