//! These are the window's own controls. Each one says what it is to assistive technology.

pub mod about;
pub mod bar_chart;
pub mod class_picker;
pub mod fields;
pub mod form;
pub mod knob;
pub mod path_field;
pub mod progress_bar;
pub mod question;
pub mod rail;
pub mod texture;

use std::path::Path;
use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{self, Button, Color32, FontId, Galley, Response, RichText, Role, Sense, Stroke, Ui, WidgetInfo};
use egui_material_icons::{MaterialIcon, icons};

use crate::app::theme::{self, SPACE_2, SPACE_4, palette};
use crate::app::widgets::about::Action;

/// Shows a button for an action. Pushes the action when it is pressed.
pub fn command_button<C>(ui: &mut Ui, action: impl Action + Into<C>, out: &mut Vec<C>) -> Response {
    let about = action.about();
    let response = match about.icon {
        Some(icon) => ui.add(Button::new((icon.rich_text().size(17.0), about.name))),
        None => ui.button(about.name),
    };
    pushing(response, action, &about.tip(), out)
}

/// Shows a button with the icon of an action alone.
pub fn icon_button<C>(ui: &mut Ui, action: impl Action + Into<C>, out: &mut Vec<C>) -> Response {
    let about = action.about();
    let icon = about.icon.unwrap_or(icons::ICON_CIRCLE).rich_text().size(17.0);
    let button = Button::new(icon).frame_when_inactive(false).min_size(egui::Vec2::splat(theme::CONTROL_HEIGHT));
    pushing(ui.add(button), action, &about.tip(), out)
}

/// Gives a button the name and the tooltip of an action, without its shortcut. Pushes the action when it is pressed.
pub fn acting<C>(button: Response, action: impl Action + Into<C>, out: &mut Vec<C>) {
    let tip = action.about().tooltip;
    pushing(button, action, tip, out);
}

fn pushing<C>(button: Response, action: impl Action + Into<C>, tip: &str, out: &mut Vec<C>) -> Response {
    let response = button.on_hover_text(tip).accessible_name(action.about().name);
    if response.clicked() {
        out.push(action.into());
    }
    response
}

/// Shows a switch for an action. Pushes the action when it is pressed.
pub fn toggle<C>(ui: &mut Ui, action: impl Action + Into<C>, is_on: bool, out: &mut Vec<C>) {
    let about = action.about();
    let mut shown = is_on;
    let response = ui.checkbox(&mut shown, about.name).on_hover_text(about.tip());
    if response.changed() {
        out.push(action.into());
    }
}

/// Shows the one button of a question or a panel that does what it is there for.
pub fn primary_button(ui: &mut Ui, name: &str, enabled: bool) -> Response {
    let palette = palette(ui);
    let button = Button::new(RichText::new(name).color(palette.on_accent)).fill(palette.accent);
    ui.add_enabled(enabled, button)
}

/// Lays out a row whose contents share one centre line, however high they are.
pub fn row<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    let size = egui::vec2(ui.available_width(), theme::row_height(ui));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let row = ui.allocate_ui_with_layout(size, layout, |ui| {
        ui.set_min_height(size.y);
        contents(ui)
    });
    row.inner
}

/// Shows alternatives side by side. Returns the index that was clicked.
pub fn segmented(ui: &mut Ui, name: &str, options: &[(&str, &str)], chosen: usize) -> Option<usize> {
    segments(ui, name, options, chosen, false)
}

/// Shows alternatives as [`segmented`] does: each with its value, its text and its tooltip. Returns what was clicked.
pub fn alternatives<T: Copy + PartialEq>(ui: &mut Ui, name: &str, options: &[(T, &str, &str)], chosen: T) -> Option<T> {
    let texts: Vec<_> = options.iter().map(|(_, text, tip)| (*text, *tip)).collect();
    let at = options.iter().position(|(value, ..)| *value == chosen).unwrap_or(0);
    segmented(ui, name, &texts, at).map(|index| options[index].0)
}

/// Shows alternatives in as many lines as it takes. Returns the index that was clicked.
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
                let mut response = ui.add(button);
                let label = format!("{name}: {text}");
                response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), selected, &label));
                if !tip.is_empty() {
                    response = response.on_hover_text(*tip);
                }
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

/// Shows a small sign that explains something. It can be reached by keyboard, and then shows its text too.
pub fn hint(ui: &mut Ui, text: &str) {
    let size = egui::vec2(18.0, theme::CONTROL_HEIGHT - 8.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::focusable_noninteractive());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let palette = palette(ui);
    icon_at(ui, rect, icons::ICON_HELP, 15.0, if response.has_focus() { palette.accent } else { palette.weak });
    if response.has_focus() {
        response.show_tooltip_text(text);
    }
    response.on_hover_text(text);
}

/// Says why something that was typed is not taken.
pub fn problem_line(ui: &mut Ui, text: &str) {
    let colour = palette(ui).error;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        ui.label(icons::ICON_ERROR.rich_text().size(15.0).color(colour));
        ui.add(egui::Label::new(RichText::new(text).color(colour)).wrap());
    });
}

pub fn name_of_file(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Lays out one line of text, cut with an ellipsis to fit.
pub fn elided(painter: &egui::Painter, text: &str, font_id: FontId, color: Color32, width: f32) -> Arc<Galley> {
    let format = TextFormat { font_id, color, ..Default::default() };
    let mut job = LayoutJob::single_section(text.to_owned(), format);
    job.wrap = TextWrapping::truncate_at_width(width.max(0.0));
    painter.layout_job(job)
}

pub fn icon_at(ui: &Ui, rect: egui::Rect, icon: MaterialIcon, size: f32, colour: egui::Color32) {
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, icon.codepoint, theme::icon_font(size), colour);
}

/// Shows a heading and a few lines in the middle of an empty room.
pub fn remark(ui: &mut Ui, heading: &str, text: &str) {
    ui.add_space((ui.available_height() * 0.28 - 24.0).max(0.0));
    ui.vertical_centered(|ui| {
        ui.set_max_width(ui.available_width().min(520.0));
        ui.label(egui::RichText::new(heading).font(theme::verdict_font()));
        ui.add_space(SPACE_2);
        ui.label(egui::RichText::new(text).color(palette(ui).weak));
        ui.add_space(SPACE_4);
    });
}
