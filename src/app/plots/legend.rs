//! What the lines mean: one entry for each quantity, which hides and shows it, and one for each run.

use eframe::egui::{Color32, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons;

use crate::app::plots::marks;
use crate::app::plots::quantity::Quantity;
use crate::app::plots::scene::{Look, Scene, run_colour};
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, palette};
use crate::app::widgets::icon_at;

const HEIGHT: f32 = 22.0;
const SAMPLE: f32 = 26.0;
/// Names of runs are cut to this width.
const NAME: f32 = 180.0;

/// What was done to the legend.
#[derive(Debug, Default)]
pub struct Touched {
    pub toggled: Option<Quantity>,
    /// The run that the pointer is on.
    pub raised: Option<usize>,
}

pub fn legend(ui: &mut Ui, scene: &Scene<'_>) -> Touched {
    let mut touched = Touched::default();
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(SPACE_3, 2.0);
        for quantity in Quantity::ALL.into_iter().filter(|quantity| scene.has(*quantity)) {
            if entry(ui, scene, quantity).clicked() {
                touched.toggled = Some(quantity);
            }
        }
        if scene.runs.len() > 1 {
            for index in 0..scene.runs.len() {
                if run(ui, scene, index).hovered() {
                    touched.raised = Some(index);
                }
            }
        }
    });
    touched
}

/// Switches a line on or off.
pub fn toggle(look: &mut Look, quantity: Quantity) {
    for (other, hidden) in Quantity::ALL.iter().zip(&mut look.hidden) {
        *hidden ^= *other == quantity;
    }
}

fn entry(ui: &mut Ui, scene: &Scene<'_>, quantity: Quantity) -> Response {
    let palette = palette(ui);
    let is_shown = !scene.is_hidden(quantity);
    let text = if is_shown { palette.text } else { palette.weak };
    let galley = ui.painter().layout_no_wrap(quantity.name().into(), theme::small_font(), text);
    let (rect, response) =
        ui.allocate_exact_size(vec2(SAMPLE + SPACE_1 + galley.size().x + SPACE_1, HEIGHT), Sense::click());
    response.widget_info(|| {
        WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), is_shown, format!("Line: {}", quantity.name()))
    });
    ground(ui, &response);
    // Where several runs are laid over each other, the style alone is the quantity's.
    let colour = if scene.runs.len() > 1 { palette.text } else { quantity.colour(palette) };
    let colour = if is_shown { colour } else { theme::faint_of(colour) };
    let path = [pos2(rect.left() + 2.0, rect.center().y), pos2(rect.left() + SAMPLE, rect.center().y)];
    let mut shapes = Vec::new();
    quantity.draw(&path, Stroke::new(2.0, colour), 1.0, &mut shapes);
    ui.painter().extend(shapes);
    let at = pos2(rect.left() + SAMPLE + SPACE_1, rect.center().y - galley.size().y / 2.0);
    let (width, middle) = (galley.size().x, rect.center().y);
    ui.painter().galley(at, galley, text);
    if !is_shown {
        ui.painter().hline(at.x..=at.x + width, middle, Stroke::new(1.0, palette.weak));
    }
    let what = if is_shown { "Click to hide the line" } else { "Click to show the line" };
    response.on_hover_text(format!("{}. {what}.", quantity.about()))
}

fn run(ui: &mut Ui, scene: &Scene<'_>, index: usize) -> Response {
    let palette = palette(ui);
    let run = &scene.runs[index];
    let font = if index == scene.primary { theme::strong_font() } else { theme::body_font() };
    let mut job = eframe::egui::text::LayoutJob::simple_singleline(run.name.into(), font, palette.text);
    job.wrap = eframe::egui::text::TextWrapping::truncate_at_width(NAME);
    let galley = ui.painter().layout_job(job);
    let alarm = marks::alarm(run.history, run.config);
    let icon = if alarm.is_some() { 18.0 } else { 0.0 };
    let width = 14.0 + SPACE_1 + galley.size().x + icon;
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
    let selected = if index == scene.primary { ", selected" } else { "" };
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Run: {}{selected}", run.name)));
    let swatch = eframe::egui::Rect::from_center_size(pos2(rect.left() + 7.0, rect.center().y), vec2(12.0, 12.0));
    ui.painter().rect_filled(swatch, 3, run_colour(palette, index));
    let at = pos2(rect.left() + 14.0 + SPACE_1, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text);
    if alarm.is_some() {
        let at = eframe::egui::Rect::from_min_max(pos2(rect.right() - icon, rect.top()), rect.max);
        icon_at(ui, at, icons::ICON_WARNING, 14.0, palette.fooled);
    }
    response.on_hover_text(alarm.map_or_else(|| run.name.into(), |alarm| alarm.text()))
}

fn ground(ui: &Ui, response: &Response) {
    let palette = palette(ui);
    let fill = if response.hovered() { palette.raised } else { Color32::TRANSPARENT };
    let edge = if response.has_focus() { Stroke::new(1.0, palette.accent) } else { Stroke::NONE };
    let rect = response.rect.expand2(vec2(SPACE_2 / 2.0, 0.0));
    ui.painter().rect(rect, theme::SMALL_RADIUS, fill, edge, eframe::egui::StrokeKind::Inside);
}
