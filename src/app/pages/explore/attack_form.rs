//! This form chooses an attack and its parameters.

use std::collections::BTreeMap;

use egui::{
    self, Align, AtomExt as _, Button, Checkbox, ComboBox, Grid, Layout, PopupCloseBehavior, Ui,
    containers::menu::{MenuButton, MenuConfig},
};

use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format;
use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::theme::{self, SPACE_2, SPACE_3};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::fields::Field;
use crate::app::widgets::rail::{Rail, Spacing};
use crate::app::widgets::{alternatives, icon_button};
use crate::engine::attack::{AttackSettings, Norm, Parameter, Scale, Value};
use crate::engine::units::parse_eps;

const CHOOSER: f32 = 136.0;
const ICON: f32 = 16.0;
const FORM: f32 = 372.0;
const RAIL: f32 = 128.0;
#[derive(Default)]
pub struct AttackForm {
    fields: BTreeMap<&'static str, Field>,
}

impl AttackForm {
    /// Returns the width at which the button with the parameters can say them all.
    pub fn wanted_width(ui: &Ui, explore: &Explore) -> f32 {
        let (text, spacing) = (in_short(&explore.view.attack), ui.spacing());
        let text = ui.painter().layout_no_wrap(text, theme::body_font(), egui::Color32::WHITE);
        (text.size().x + ICON + spacing.icon_spacing + 2.0 * spacing.button_padding.x).ceil()
    }

    /// Shows the chooser, and a button that opens the parameters, `width` wide.
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
        ui.set_width(FORM);
        // A menu would set long lines with wide gaps.
        ui.with_layout(Layout::top_down(Align::Min), |ui| {
            ui.label(theme::strong(explore.view.attack.info().title));
            ui.label(theme::weak(ui, explore.view.attack.info().paper));
        });
        ui.add_space(SPACE_2);
        let mut attack = explore.view.attack.clone();
        Grid::new("parameters of the attack").num_columns(2).spacing([SPACE_3, 4.0]).show(ui, |ui| {
            self.rows(ui, &mut attack);
            if attack.is_random() {
                ui.label(theme::caption(ui, "Seed"));
                ui.horizontal(|ui| {
                    ui.label(theme::number(explore.view.seed.to_string()));
                    icon_button(ui, AttackCommand::NextSeed, out);
                });
                ui.end_row();
            }
        });
        if let Some(field) = self.fields.values().find(|field| field.problem.is_some()) {
            field.show_problem(ui);
        }
        if attack != explore.view.attack {
            reset_idle(&mut attack);
            out.push(AttackCommand::Set(attack).into());
        }
    }

    fn rows(&mut self, ui: &mut Ui, attack: &mut AttackSettings) {
        for parameter in attack.parameters().into_iter().filter(|parameter| !parameter.is_idle) {
            let Parameter { label, tooltip, value, .. } = parameter;
            let name = ui.label(theme::caption(ui, label));
            if !matches!(value, Value::Switch(_)) && !tooltip.is_empty() {
                name.on_hover_text(tooltip);
            }
            match value {
                Value::Norm(norm, known) => norm_choice(ui, label, norm, known),
                Value::Switch(is_on) => {
                    ui.add(Checkbox::without_text(is_on)).on_hover_text(tooltip).accessible_name(label);
                }
                Value::Whole(whole, scale) => {
                    let number = Number { label, tooltip, scale, is_whole: true };
                    *whole = self.number(ui, &number, *whole as f32).round() as usize;
                }
                Value::Real(real, scale) => {
                    *real = self.number(ui, &Number { label, tooltip, scale, is_whole: false }, *real);
                }
                Value::OptionalLength(length, share) => self.length(ui, label, length, share),
            }
            ui.end_row();
        }
    }

    fn number(&mut self, ui: &mut Ui, number: &Number, mut value: f32) -> f32 {
        let &Number { label, tooltip, ref scale, is_whole } = number;
        let (low, high) = (*scale.slider.start(), *scale.slider.end());
        let spacing = if is_whole && high > 50.0 { Spacing::Square } else { Spacing::Linear };
        let (step, grid) = if is_whole { (1.0, 1.0) } else { ((high - low) / 100.0, 0.0) };
        let field = self.fields.entry(label).or_default();
        ui.horizontal(|ui| {
            let rail = Rail { grid, ..Rail::new(label, low..=high, spacing, step) };
            let (response, moved) = rail.show(ui, RAIL, value);
            response.on_hover_text(tooltip);
            if let Some(moved) = moved {
                field.clear();
                value = moved;
            }
            let shown = if is_whole { format!("{value:.0}") } else { format::short(value) };
            let parse = |text: &str| number.parse(text);
            value = field.show(ui, &format!("{label} as a number"), &shown, parse).unwrap_or(value);
        });
        value
    }

    /// Shows a length, which is `share` times ε/steps where the field is empty.
    fn length(&mut self, ui: &mut Ui, label: &'static str, length: &mut Option<f32>, share: f32) {
        let usual = if share == 1.0 { "ε/steps".into() } else { format!("{share}·ε/steps") };
        let shown = length.map(format::short).unwrap_or_default();
        ui.horizontal(|ui| {
            let parse = |text: &str| match text.trim() {
                "" => Ok(None),
                text => parse_eps(text).map(Some).map_err(|_| {
                    let label = label.to_lowercase();
                    format!("the {label} is {text:?}; expected a number such as 0.01 or 2/255, or nothing for {usual}")
                }),
            };
            if let Some(typed) = self.fields.entry(label).or_default().show(ui, label, &shown, parse) {
                *length = typed;
            }
            if length.is_none() {
                ui.label(theme::weak(ui, format!("empty: {usual}")));
            }
        });
    }
}

struct Number {
    label: &'static str,
    tooltip: &'static str,
    scale: Scale,
    is_whole: bool,
}

impl Number {
    fn parse(&self, text: &str) -> Result<f32, String> {
        let (label, typed) = (self.label, &self.scale.typed);
        let is_known = |value: &f32| typed.contains(value) && !(self.is_whole && value.fract() != 0.0);
        text.trim().parse().ok().filter(is_known).ok_or_else(|| {
            let kind = if self.is_whole { "a whole number" } else { "a number" };
            format!("{label} is {text:?}; expected {kind} from {} to {}", typed.start(), typed.end())
        })
    }
}

/// Gives the parameters that change nothing beside the others their usual values.
fn reset_idle(attack: &mut AttackSettings) {
    let Some(mut usual) = AttackSettings::named(attack.name()) else { return };
    for (parameter, usual) in attack.parameters().into_iter().zip(usual.parameters()) {
        if let (true, Value::Whole(value, _), Value::Whole(usual, _)) =
            (parameter.is_idle, parameter.value, usual.value)
        {
            *value = *usual;
        }
    }
}

fn in_short(attack: &AttackSettings) -> String {
    let words = attack.in_words();
    words.strip_prefix("in ").unwrap_or(&words).to_owned()
}

fn norm_choice(ui: &mut Ui, label: &str, norm: &mut Norm, known: &[Norm]) {
    let option = |norm: &Norm| {
        let tooltip = match norm {
            Norm::Linf => "No pixel moves by more than ε",
            Norm::L2 => "The perturbation's Euclidean length is ε",
            Norm::L1 => "The changes of all pixels add up to ε: the few that matter most take it all",
        };
        (*norm, norm.title(), tooltip)
    };
    let options: Vec<_> = known.iter().map(option).collect();
    *norm = alternatives(ui, label, &options, *norm).unwrap_or(*norm);
}

fn chooser(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    let chosen = explore.view.attack.info().title;
    let combo = ComboBox::from_id_salt("attack").selected_text(chosen).width(CHOOSER).height(480.0).truncate();
    let response = combo.show_ui(ui, |ui| {
        for command in AttackCommand::listed() {
            let AttackCommand::Use(name) = command else { continue };
            let about = command.about();
            let button = Button::selectable(name == explore.view.attack.name(), about.name);
            let button = button.right_text(theme::number(about.spelled_keys()));
            let paper = AttackSettings::named(name).map(|attack| attack.info().paper).unwrap_or_default();
            let response = ui.add(button).on_hover_text(format!("{}\n{paper}", about.tooltip));
            if response.accessible_name(about.name).clicked() {
                out.push(command.into());
            }
        }
    });
    response.response.on_hover_text("Which attack").accessible_name("Attack");
}
