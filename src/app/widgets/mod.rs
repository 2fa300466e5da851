//! The window's own controls. Each one says what it is to assistive technology.

pub mod bar_chart;
pub mod class_picker;
pub mod fields;
pub mod list_keys;
pub mod path_field;
pub mod progress_bar;
pub mod rail;

pub use crate::engine::units::per_cent;

use std::path::Path;

use eframe::egui::{self, Button, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo};
use egui_material_icons::{MaterialIcon, icons};

use crate::app::commands::{self, Command};
use crate::app::theme::{self, palette};

/// A button for a command: its icon, its name, its tooltip with the shortcut. Pushes the command when pressed.
pub fn command_button(ui: &mut Ui, command: Command, out: &mut Vec<Command>) -> Response {
    let about = command.about();
    let response = match about.icon {
        Some(icon) => ui.add(Button::new((icon.rich_text().size(17.0), about.name))),
        None => ui.button(about.name),
    };
    finish_button(response, command, out)
}

/// The one button of a question or a panel that does what it is there for.
pub fn primary_button(ui: &mut Ui, name: &str, enabled: bool) -> Response {
    let palette = palette(ui);
    let button = Button::new(RichText::new(name).color(palette.on_accent)).fill(palette.accent);
    ui.add_enabled(enabled, button)
}

/// The same with the icon alone.
pub fn icon_button(ui: &mut Ui, command: Command, out: &mut Vec<Command>) -> Response {
    let icon = command.about().icon.unwrap_or(icons::ICON_CIRCLE);
    let size = egui::Vec2::splat(theme::CONTROL_HEIGHT);
    let response = ui.add(Button::new(icon.rich_text().size(17.0)).frame_when_inactive(false).min_size(size));
    finish_button(response, command, out)
}

fn finish_button(response: Response, command: Command, out: &mut Vec<Command>) -> Response {
    let about = command.about();
    let tip = match about.shortcut {
        Some(keys) => format!("{}  ({})", about.tooltip, commands::spelled(&keys)),
        None => about.tooltip.to_owned(),
    };
    let response = response.on_hover_text(tip).accessible_name(about.name);
    if response.clicked() {
        out.push(command);
    }
    response
}

/// A row whose contents share one centre line, however high they are.
pub fn row<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let height = theme::row_height(ui);
    let size = egui::vec2(ui.available_width(), height);
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_height(height);
        contents(ui)
    })
    .inner
}

/// Alternatives side by side, one of them chosen. Returns the index that was clicked.
pub fn segmented(ui: &mut Ui, name: &str, options: &[(&str, &str)], chosen: usize) -> Option<usize> {
    segments(ui, name, options, chosen, false)
}

/// The same in as many lines as it takes.
pub fn segmented_wrapped(ui: &mut Ui, name: &str, options: &[(&str, &str)], chosen: usize) -> Option<usize> {
    segments(ui, name, options, chosen, true)
}

fn segments(ui: &mut Ui, name: &str, options: &[(&str, &str)], chosen: usize, wraps: bool) -> Option<usize> {
    let mut clicked = None;
    let palette = palette(ui);
    let frame = egui::Frame::new().fill(palette.raised).corner_radius(theme::RADIUS).inner_margin(2);
    frame.show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().interact_size.y = theme::CONTROL_HEIGHT - 4.0;
        ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::NONE;
        ui.visuals_mut().widgets.hovered.bg_stroke = Stroke::NONE;
        let line = |ui: &mut Ui| {
            for (index, (text, tip)) in options.iter().enumerate() {
                let selected = index == chosen;
                let mut button = Button::new(RichText::new(*text)).corner_radius(theme::SMALL_RADIUS);
                if selected {
                    button = button.fill(palette.accent_soft).stroke(Stroke::new(1.0, palette.accent));
                } else {
                    button = button.frame_when_inactive(false);
                }
                let response = ui.add(button);
                let label = format!("{name}: {}", options[index].0);
                response
                    .widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), selected, label.clone()));
                let response = if tip.is_empty() { response } else { response.on_hover_text(*tip) };
                if response.clicked() {
                    clicked = Some(index);
                }
            }
        };
        match wraps {
            true => ui.horizontal_wrapped(line),
            false => ui.horizontal(line),
        };
    });
    clicked.filter(|index| *index != chosen)
}

/// A small sign that explains something in place. It can be reached by keyboard, and then shows its text too.
pub fn hint(ui: &mut Ui, text: &str) {
    let colour = palette(ui).weak;
    let (rect, response) =
        ui.allocate_exact_size(egui::vec2(18.0, theme::CONTROL_HEIGHT - 8.0), Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    icon_at(ui, rect, icons::ICON_HELP, 15.0, if response.has_focus() { palette(ui).accent } else { colour });
    if response.has_focus() {
        response.show_tooltip_text(text);
    }
    response.on_hover_text(text);
}

/// Why something that was typed is not taken.
pub fn problem_line(ui: &mut Ui, text: &str) {
    let colour = palette(ui).error;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        ui.label(icons::ICON_ERROR.rich_text().size(15.0).color(colour));
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
    });
}

/// The last part of a path, for people.
pub fn name_of_file(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Paints an icon in the middle of a rectangle.
pub fn icon_at(ui: &Ui, rect: egui::Rect, icon: MaterialIcon, size: f32, colour: egui::Color32) {
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, icon.codepoint, theme::icon_font(size), colour);
}

/// Whether some field is being typed into, so that plain keys are text and no shortcuts.
pub fn typing(ctx: &egui::Context) -> bool {
    ctx.text_edit_focused()
}
