//! The bar at the top: the name, the net, what can be done with pictures, and the window's own switches.

use eframe::egui::{self, Align, Button, ComboBox, Layout, Ui};
use egui_material_icons::icons;

use crate::app::commands::{self, Command};
use crate::app::explore::Explore;
use crate::app::settings::{Settings, ThemeChoice};
use crate::app::theme::{self, SPACE_2, SPACE_4, palette};
use crate::app::widgets::{command_button, icon_button};
use crate::engine::model::Entry;

/// Below this width buttons show their icons only.
const ROOMY: f32 = 1000.0;

pub fn top_bar(ui: &mut Ui, explore: &Explore, settings: &Settings, out: &mut Vec<Command>) {
    let roomy = ui.available_width() >= ROOMY;
    let button = if roomy { command_button } else { icon_button };
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new("Doppelgänger").font(theme::heading_font()));
        ui.add_space(SPACE_4);
        model_picker(ui, explore, out);
        ui.add_space(SPACE_2);
        for command in [Command::OpenDialog, Command::Draw, Command::SaveDialog] {
            button(ui, command, out);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            icon_button(ui, Command::Help, out);
            theme_switch(ui, settings, out);
            large_type(ui, settings, out);
        });
    });
}

fn model_picker(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    let current = explore.catalogue.iter().find(|entry| entry.name == explore.model);
    let title = current.map_or_else(
        || explore.shown.as_ref().map_or(explore.model.as_str(), |shown| shown.model.title.as_str()),
        |entry| entry.title.as_str(),
    );
    let width = (ui.available_width() * 0.25).clamp(150.0, 280.0);
    let response = ComboBox::from_id_salt("model").selected_text(title).width(width).truncate().show_ui(ui, |ui| {
        for entry in &explore.catalogue {
            entry_row(ui, entry, entry.name == explore.model, out);
        }
        if explore.catalogue.is_empty() {
            ui.label(theme::weak(ui, "Looking for models…"));
        }
        ui.separator();
        if ui.button(Command::RefreshModels.about().name).clicked() {
            out.push(Command::RefreshModels);
        }
    });
    let about = shown_about(explore);
    response.response.on_hover_text(about).accessible_name("Model");
}

fn shown_about(explore: &Explore) -> String {
    let Some(shown) = &explore.shown else { return Command::UseModel(String::new()).about().tooltip.into() };
    let model = &shown.model;
    format!(
        "{}\n{} parameters, {} classes, input {}×{}×{}",
        model.title,
        thousands(model.parameters),
        model.classes.len(),
        model.input.width,
        model.input.height,
        model.input.channels
    )
}

fn entry_row(ui: &mut Ui, entry: &Entry, chosen: bool, out: &mut Vec<Command>) {
    let ready = entry.problem.is_none();
    let button = Button::selectable(chosen, entry.title.as_str()).min_size(egui::vec2(ui.available_width(), 0.0));
    let response = ui.add_enabled(ready, button);
    let response = match &entry.problem {
        Some(problem) => response.on_disabled_hover_text(format!("{}\n\n{problem}", entry.title)),
        None => response.on_hover_text(format!("{}\n\nLicence: {}", entry.description, entry.licence)),
    };
    if response.clicked() {
        out.push(Command::UseModel(entry.name.clone()));
        ui.close();
    }
}

fn theme_switch(ui: &mut Ui, settings: &Settings, out: &mut Vec<Command>) {
    let icon = match settings.theme {
        ThemeChoice::System => icons::ICON_BRIGHTNESS_AUTO,
        ThemeChoice::Dark => icons::ICON_DARK_MODE,
        ThemeChoice::Light => icons::ICON_LIGHT_MODE,
    };
    let size = egui::Vec2::splat(theme::CONTROL_HEIGHT);
    let button = Button::new(icon.rich_text().size(17.0)).frame_when_inactive(false).min_size(size);
    let response = ui.add(button);
    let now = match settings.theme {
        ThemeChoice::System => "as the system has it",
        ThemeChoice::Dark => "dark",
        ThemeChoice::Light => "light",
    };
    let tip = Command::CycleTheme.about();
    let keys = tip.shortcut.as_ref().map(commands::spelled).unwrap_or_default();
    let response = response.on_hover_text(format!("Theme: {now}  ({keys})")).accessible_name("Theme");
    if response.clicked() {
        out.push(Command::CycleTheme);
    }
}

fn large_type(ui: &mut Ui, settings: &Settings, out: &mut Vec<Command>) {
    let response = icon_button(ui, Command::LargeType, out);
    if settings.large_type {
        let line = egui::Stroke::new(2.0, palette(ui).accent);
        ui.painter().hline(response.rect.shrink(6.0).x_range(), response.rect.bottom() - 3.0, line);
    }
}

/// 1235496 as "1 235 496".
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202F}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(super::thousands(1_235_496), "1\u{202F}235\u{202F}496");
        assert_eq!(super::thousands(999), "999");
    }
}
