//! A form has rows of settings: a name at the left, a control at the right, a message below where something typed
//! cannot be taken.

use std::collections::HashMap;
use std::f32::consts::SQRT_2;
use std::fmt::Display;
use std::ops::RangeInclusive;

use egui::collapsing_header::CollapsingState;
use egui::{self, Checkbox, ComboBox, Id, Ui};

use crate::app::theme::{self, SPACE_1, SPACE_2};
use crate::app::widgets::about::About;
use crate::app::widgets::fields::Field;
use crate::app::widgets::rail::{Rail, Spacing};
use crate::app::widgets::row;

const NAMES: f32 = 100.0;
const FIELD: f32 = 64.0;

#[derive(Default)]
pub struct Fields(HashMap<&'static str, Field>);

impl Fields {
    pub fn get(&mut self, name: &'static str) -> &mut Field {
        self.0.entry(name).or_default()
    }

    pub fn has_problem(&self) -> bool {
        self.0.values().any(|field| field.problem.is_some())
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A choice has a value, a name, and a tooltip.
pub type Choice<'a, T> = (T, &'a str, &'a str);

/// Shows a group of settings under a heading that opens and closes; closed, it shows a summary.
pub fn section(ui: &mut Ui, title: &str, open: bool, summary: &str, contents: impl FnOnce(&mut Ui)) {
    ui.add_space(SPACE_1);
    fold(ui, title, open, summary, contents);
    ui.separator();
}

/// Shows such a group within a section.
pub fn fold(ui: &mut Ui, title: &str, open: bool, summary: &str, contents: impl FnOnce(&mut Ui)) {
    let id = Id::unique(title).with("section");
    let state = CollapsingState::load_with_default_open(ui.ctx(), id, open);
    let is_open = state.is_open();
    let mut toggle = false;
    let header = state.show_header(ui, |ui| {
        toggle = ui.add(egui::Label::new(theme::strong(title)).sense(egui::Sense::click())).clicked();
        if !is_open {
            ui.add(egui::Label::new(theme::weak(ui, summary)).truncate());
        }
    });
    let (button, _, _) = header.body_unindented(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        contents(ui);
        ui.add_space(SPACE_1);
    });
    let name = format!("Section {title}");
    button.widget_info(|| egui::WidgetInfo::selected(egui::Role::DisclosureTriangle, true, is_open, &name));
    if toggle && let Some(mut state) = CollapsingState::load(ui.ctx(), id) {
        state.toggle(ui);
        state.store(ui.ctx());
    }
}

pub fn note(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(theme::weak(ui, text)).wrap());
}

pub fn named(ui: &mut Ui, about: About, controls: impl FnOnce(&mut Ui)) {
    row(ui, |ui| {
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(egui::vec2(NAMES, theme::ROW_HEIGHT), layout, |ui| {
            ui.set_min_width(NAMES);
            let response = ui.add(egui::Label::new(about.name).truncate());
            if !about.tooltip.is_empty() {
                response.on_hover_text(about.tooltip);
            }
        });
        controls(ui);
    });
}

pub fn switch(ui: &mut Ui, about: About, value: &mut bool) -> bool {
    ui.add(Checkbox::new(value, about.name)).on_hover_text(about.tooltip).changed()
}

pub fn choice<T: Copy + PartialEq>(ui: &mut Ui, about: About, options: &[Choice<'_, T>], value: T) -> Option<T> {
    let mut taken = None;
    named(ui, about, |ui| {
        let shown = options.iter().find(|(option, ..)| *option == value).map_or("", |(_, text, _)| text);
        let combo = ComboBox::from_id_salt(about.name).selected_text(shown).width(ui.available_width()).truncate();
        let response = combo.show_ui(ui, |ui| {
            for (option, text, tip) in options {
                let response = ui.selectable_label(*option == value, *text);
                if response.on_hover_text(*tip).clicked() {
                    taken = Some(*option);
                }
            }
        });
        response.response.on_hover_text(about.tooltip).accessible_name(about.name);
    });
    taken.filter(|taken| *taken != value)
}

pub fn text<T: ToString>(
    ui: &mut Ui,
    fields: &mut Fields,
    about: About,
    value: &mut T,
    parse: impl Fn(&str) -> Result<T, String>,
) {
    let field = fields.get(about.name);
    named(ui, about, |ui| {
        let width = ui.available_width();
        if let Some(typed) = field.show_wide(ui, width, about.name, &value.to_string(), parse) {
            *value = typed;
        }
    });
    field.show_problem(ui);
}

/// Seeds are kept in TOML, which has no larger number.
pub const SEEDS: RangeInclusive<usize> = 0..=i64::MAX as usize;

/// Shows a field for a whole number in a range; `what` names it in messages.
pub fn whole<T: Copy + TryInto<usize> + TryFrom<usize>>(
    ui: &mut Ui,
    fields: &mut Fields,
    about: About,
    what: &str,
    range: &RangeInclusive<usize>,
    value: &mut T,
) {
    let mut number = (*value).try_into().unwrap_or(usize::MAX);
    text(ui, fields, about, &mut number, |text| parse_whole(text, what, range));
    *value = T::try_from(number).unwrap_or(*value);
}

pub struct Slider<'a> {
    pub rail: Rail<'a>,
    pub text: String,
    pub round: fn(f32) -> f32,
}

pub fn slider(
    ui: &mut Ui,
    fields: &mut Fields,
    about: About,
    slider: Slider<'_>,
    value: &mut f32,
    parse: impl Fn(&str) -> Result<f32, String>,
) -> bool {
    let field = fields.get(about.name);
    let mut is_moved = false;
    named(ui, about, |ui| {
        let width = (ui.available_width() - FIELD - SPACE_2).max(48.0);
        let (response, moved) = slider.rail.show(ui, width, *value);
        if !about.tooltip.is_empty() {
            response.on_hover_text(about.tooltip);
        }
        if let Some(moved) = moved {
            field.clear();
            *value = (slider.round)(moved);
            is_moved = true;
        } else if let Some(typed) = field.show(ui, &format!("{} as a number", about.name), &slider.text, parse) {
            *value = typed;
        }
    });
    field.show_problem(ui);
    is_moved
}

/// A slider reaches some whole numbers, and others can be typed beside it.
pub struct Counts {
    pub slider: RangeInclusive<usize>,
    pub typed: RangeInclusive<usize>,
}

/// Shows a slider of whole numbers, on a logarithmic rail if the range is wide.
pub fn count(ui: &mut Ui, fields: &mut Fields, about: About, counts: &Counts, value: &mut usize) {
    let (least, most) = counts.slider.clone().into_inner();
    let wide = most > 16 * least;
    let (spacing, step) = if wide { (Spacing::Logarithmic, SQRT_2) } else { (Spacing::Linear, 1.0) };
    let rail = Rail { grid: 1.0, ..Rail::new(about.name, least as f32..=most as f32, spacing, step) };
    let round = if wide { |number: f32| two_digits(number.round() as usize) as f32 } else { f32::round };
    let mut number = *value as f32;
    let parse = |text: &str| parse_whole(text, about.name, &counts.typed).map(|number| number as f32);
    let is_moved = slider(ui, fields, about, Slider { rail, text: value.to_string(), round }, &mut number, parse);
    if number != *value as f32 {
        *value = if is_moved { (number as usize).clamp(least, most) } else { number as usize };
    }
}

/// Rounds to two leading digits.
fn two_digits(number: usize) -> usize {
    let unit = 10_usize.pow(number.max(1).ilog10().saturating_sub(1));
    (number + unit / 2) / unit * unit
}

/// Shows a switch with a field that counts while it is on.
pub fn optional<T: Copy + Display>(
    ui: &mut Ui,
    fields: &mut Fields,
    about: About,
    value: &mut Option<T>,
    usual: T,
    parse: impl Fn(&str) -> Result<T, String>,
) {
    row(ui, |ui| {
        let mut on = value.is_some();
        if switch(ui, about, &mut on) {
            fields.get(about.name).clear();
            *value = on.then_some(usual);
        }
        if let Some(number) = value {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let (name, text) = (format!("{} as a number", about.name), number.to_string());
                if let Some(typed) = fields.get(about.name).show(ui, &name, &text, parse) {
                    *number = typed;
                }
            });
        }
    });
    fields.get(about.name).show_problem(ui);
}

/// Reads a whole number as people type it, with spaces between thousands.
///
/// # Errors
/// The message says what was typed and what was expected.
pub fn parse_whole(text: &str, what: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        let (least, most) = range.clone().into_inner();
        let is_open = most >= *SEEDS.end();
        let range = if is_open { format!("of at least {least}") } else { format!("from {least} to {most}") };
        format!("{what} is {text:?}; expected a whole number {range}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliders_give_round_numbers() {
        assert_eq!([9, 104, 12_345, 19_960, 100_000].map(two_digits), [9, 100, 12_000, 20_000, 100_000]);
    }

    #[test]
    fn whole_numbers_are_taken_or_told() {
        assert_eq!(parse_whole("10 000", "count", &(10..=20_000)), Ok(10_000));
        for bad in ["", "9", "x", "1e4", "-3", "20001"] {
            let message = parse_whole(bad, "the count", &(10..=20_000)).unwrap_err();
            assert!(message.contains(&format!("{bad:?}")) && message.contains("10 to 20000"), "{message}");
        }
        let message = parse_whole("x", "the seed", &SEEDS).unwrap_err();
        assert_eq!(message, "the seed is \"x\"; expected a whole number of at least 0");
    }
}
