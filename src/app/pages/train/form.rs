//! Rows of settings: a name at the left, a control at the right, a message below where something typed cannot be taken.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use eframe::egui::collapsing_header::CollapsingState;
use eframe::egui::{self, Checkbox, ComboBox, Id, Ui};

use crate::app::pages::train::state::draft;
use crate::app::theme::{self, SPACE_1, SPACE_2};
use crate::app::widgets::fields::Field;
use crate::app::widgets::rail::{Curve, Rail};
use crate::app::widgets::{problem_line, row};

/// Width of the column of names.
const NAMES: f32 = 100.0;
const FIELD: f32 = 64.0;

/// Drafts of what is being typed, by the names of the fields.
#[derive(Default)]
pub struct Fields(HashMap<&'static str, Field>);

impl Fields {
    pub fn get(&mut self, name: &'static str) -> &mut Field {
        self.0.entry(name).or_default()
    }

    /// Whether something typed is not taken.
    pub fn has_problem(&self) -> bool {
        self.0.values().any(|field| field.problem.is_some())
    }

    /// Forgets all drafts: other settings are shown.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A group of settings under a heading that opens and closes; closed, it says in a few words what is in it.
pub fn section(ui: &mut Ui, title: &str, open: bool, summary: &str, contents: impl FnOnce(&mut Ui)) {
    ui.add_space(SPACE_1);
    fold(ui, title, open, summary, contents);
    ui.separator();
}

/// The same within a section.
pub fn fold(ui: &mut Ui, title: &str, open: bool, summary: &str, contents: impl FnOnce(&mut Ui)) {
    let id = Id::unique(title).with("section");
    let state = CollapsingState::load_with_default_open(ui.ctx(), id, open);
    let is_open = state.is_open();
    let mut toggle = false;
    let header = state.show_header(ui, |ui| {
        let text = theme::strong(title);
        let label = egui::Label::new(text).sense(egui::Sense::click());
        toggle = ui.add(label).clicked();
        if !is_open {
            ui.add(egui::Label::new(theme::weak(ui, summary)).truncate());
        }
    });
    let (button, _, _) = header.body_unindented(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        contents(ui);
        ui.add_space(SPACE_1);
    });
    button.widget_info(|| {
        egui::WidgetInfo::selected(egui::Role::DisclosureTriangle, true, is_open, format!("Section {title}"))
    });
    if toggle && let Some(mut state) = CollapsingState::load(ui.ctx(), id) {
        state.toggle(ui);
        state.store(ui.ctx());
    }
}

/// A row: its name, then controls.
pub fn named(ui: &mut Ui, name: &str, tooltip: &str, controls: impl FnOnce(&mut Ui)) {
    row(ui, |ui| {
        label(ui, name, tooltip);
        controls(ui);
    });
}

fn label(ui: &mut Ui, name: &str, tooltip: &str) {
    let size = egui::vec2(NAMES, theme::ROW_HEIGHT);
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_width(NAMES);
        let response = ui.add(egui::Label::new(name).truncate());
        if !tooltip.is_empty() {
            response.on_hover_text(tooltip);
        }
    });
}

/// A field as wide as there is room, and below it why it is not taken.
pub fn text_row<T>(
    ui: &mut Ui,
    fields: &mut Fields,
    (name, tooltip): (&'static str, &str),
    value: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let field = fields.get(name);
    let mut taken = None;
    named(ui, name, tooltip, |ui| {
        let width = ui.available_width();
        taken = field.show_wide(ui, width, name, value, parse);
    });
    if let Some(problem) = &field.problem {
        problem_line(ui, problem);
    }
    taken
}

/// A number that was chosen.
pub enum Taken {
    /// With the slider.
    Moved(f32),
    Typed(f32),
}

impl Taken {
    pub fn value(self) -> f32 {
        match self {
            Self::Moved(value) | Self::Typed(value) => value,
        }
    }
}

/// A slider with a field for its number.
pub fn rail_row(
    ui: &mut Ui,
    fields: &mut Fields,
    (name, tooltip): (&'static str, &str),
    rail: Rail<'_>,
    (value, text): (f32, &str),
    parse: impl Fn(&str) -> Result<f32, String>,
) -> Option<Taken> {
    let field = fields.get(name);
    let mut taken = None;
    named(ui, name, tooltip, |ui| {
        let width = (ui.available_width() - FIELD - SPACE_2).max(48.0);
        let (response, moved) = rail.show(ui, width, value);
        if moved.is_some() {
            field.clear();
        }
        if !tooltip.is_empty() {
            response.on_hover_text(tooltip);
        }
        let typed = field.show(ui, &format!("{name} as a number"), text, parse);
        taken = moved.map(Taken::Moved).or(typed.map(Taken::Typed));
    });
    if let Some(problem) = &field.problem {
        problem_line(ui, problem);
    }
    taken
}

/// A slider of whole numbers, on a logarithmic rail if the range is wide. More than the slider reaches can be typed.
pub fn count_row(
    ui: &mut Ui,
    fields: &mut Fields,
    (name, tooltip): (&'static str, &str),
    (range, typed): (&RangeInclusive<usize>, &RangeInclusive<usize>),
    value: usize,
) -> Option<usize> {
    let (least, most) = range.clone().into_inner();
    let wide = most > 16 * least;
    let rail = Rail {
        name,
        range: least as f32..=most as f32,
        curve: if wide { Curve::Logarithmic } else { Curve::Linear },
        step: if wide { std::f32::consts::SQRT_2 } else { 1.0 },
        marks: &[],
        grid: 1.0,
    };
    let parse = |text: &str| draft::whole(text, name, typed).map(|number| number as f32);
    let text = value.to_string();
    let taken = rail_row(ui, fields, (name, tooltip), rail, (value as f32, &text), parse)?;
    Some(match taken {
        Taken::Moved(number) if wide => two_digits(number.round() as usize).clamp(least, most),
        taken => taken.value().round() as usize,
    })
}

/// To two leading digits: a slider is no scale.
fn two_digits(number: usize) -> usize {
    let unit = 10_usize.pow(number.max(1).ilog10().saturating_sub(1));
    (number + unit / 2) / unit * unit
}

/// A row with a choice among a few.
pub fn choice_row<T: Copy + PartialEq>(
    ui: &mut Ui,
    (name, tooltip): (&str, &str),
    options: &[(T, &str, &str)],
    value: T,
) -> Option<T> {
    let mut taken = None;
    named(ui, name, tooltip, |ui| {
        let shown = options.iter().find(|(option, ..)| *option == value).map_or("", |(_, text, _)| text);
        let combo = ComboBox::from_id_salt(name).selected_text(shown).width(ui.available_width()).truncate();
        let response = combo.show_ui(ui, |ui| {
            for (option, text, tip) in options {
                let response = ui.selectable_label(*option == value, *text);
                if response.on_hover_text(*tip).clicked() {
                    taken = Some(*option);
                }
            }
        });
        response.response.on_hover_text(tooltip).accessible_name(name);
    });
    taken.filter(|taken| *taken != value)
}

/// A switch on a line of its own.
pub fn switch(ui: &mut Ui, (name, tooltip): (&str, &str), value: &mut bool) -> bool {
    ui.add(Checkbox::new(value, name)).on_hover_text(tooltip).changed()
}

/// A switch with a field that counts while it is on.
pub fn optional_row<T: Copy + std::fmt::Display>(
    ui: &mut Ui,
    fields: &mut Fields,
    (name, tooltip): (&'static str, &str),
    value: &mut Option<T>,
    usual: T,
    parse: impl Fn(&str) -> Result<T, String>,
) {
    row(ui, |ui| {
        let mut on = value.is_some();
        let switch = ui.add(Checkbox::new(&mut on, name)).on_hover_text(tooltip);
        if switch.changed() {
            fields.get(name).clear();
            *value = on.then_some(usual);
        }
        if let Some(number) = value {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let text = number.to_string();
                if let Some(typed) = fields.get(name).show(ui, &format!("{name} as a number"), &text, parse) {
                    *number = typed;
                }
            });
        }
    });
    if let Some(problem) = &fields.get(name).problem {
        problem_line(ui, problem);
    }
}

/// A quiet line below a group of controls.
pub fn remark(ui: &mut Ui, text: &str) {
    ui.add(egui::Label::new(theme::weak(ui, text)).wrap());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliders_give_round_numbers() {
        assert_eq!([9, 104, 12_345, 19_960, 100_000].map(two_digits), [9, 100, 12_000, 20_000, 100_000]);
    }
}
