//! The legend gives each class of the curve its colour and its value at ε.

use eframe::egui::{
    Align2, Atom, AtomExt as _, AtomPaintArgs, RichText, Role, Sense, Stroke, TextWrapMode, Ui, WidgetAtom, WidgetInfo,
    vec2,
};
use egui_plot::LineStyle;

use crate::app::pages::explore::why::axis::value_at;
use crate::app::pages::explore::why::curve::CurveView;
use crate::app::pages::explore::why::mark::eps_text;
use crate::app::plots::quiet::sample;
use crate::app::theme::{self, SPACE_2, palette};
use crate::engine::attack::Goal;
use crate::worker::Shown;

pub const WIDE: f32 = 228.0;
pub const NARROW: f32 = 148.0;
const ROW: f32 = 19.0;
const SAMPLE: f32 = 20.0;

pub fn role(shown: &Shown, class: usize) -> &'static str {
    match shown.view.goal.target() {
        _ if class == shown.label.index => "the label",
        Some(target) if class == target => "the target",
        _ => "",
    }
}

pub fn show(ui: &mut Ui, sheet: &CurveView<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let what = if sheet.values.are_logits { "logit" } else { "probability" };
    let at = format!("{what} at ε = {}", eps_text(sheet.eps));
    ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, at, theme::small_font(), palette(ui).weak);
    for index in 0..sheet.along.lines.len() {
        // What does not fit is still in the tooltip of the plot.
        if ui.available_height() < ROW {
            break;
        }
        row(ui, sheet, index);
    }
}

/// Returns what the net said of a class in the view on screen, if its picture lies at this ε on the line.
fn probability(shown: &Shown, class: usize, eps: f32) -> Option<f32> {
    let place = if shown.view.is_fgsm() { shown.view.eps } else { shown.linf };
    if place != eps {
        return None;
    }
    match shown.view.goal {
        _ if class == shown.label.index => Some(shown.label_prob.1),
        Goal::Targeted(target) if class == target => shown.target_prob.map(|(_, after)| after),
        _ => shown.adversarial_top.iter().find(|guess| guess.index == class).map(|guess| guess.prob),
    }
}

fn row(ui: &mut Ui, sheet: &CurveView<'_>, index: usize) {
    let CurveView { shown, along, values, eps, .. } = *sheet;
    let palette = palette(ui);
    let line = &along.lines[index];
    let name = shown.class_name(line.class);
    let colour = sheet.colour(palette, index);
    let exact = (!values.are_logits).then(|| probability(shown, line.class, eps)).flatten();
    let value = exact.or_else(|| value_at(&along.eps, sheet.numbers(line), eps));
    let value = value.map_or_else(|| "–".into(), |value| values.spelled(value));
    let role = role(shown, line.class);
    let words = if role.is_empty() { name.to_owned() } else { format!("{name}, {role}") };
    let stroke = Stroke::new(if role.is_empty() { 2.0 } else { 3.0 }, colour);
    let line = move |ui: &Ui, args: AtomPaintArgs| sample(ui, args.rect, LineStyle::Solid, stroke);
    let text = if role.is_empty() { RichText::new(name).small() } else { theme::strong(name) };
    let number = theme::number(&*value).color(palette.text);
    let atoms = (Atom::paint(vec2(SAMPLE, ROW), line), text.atom_shrink(true), Atom::grow(), number);
    let size = vec2(ui.available_width(), ROW);
    let row = WidgetAtom::new(atoms).gap(SPACE_2).wrap_mode(TextWrapMode::Truncate).min_size(size).max_size(size);
    let response = ui.add(row);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("on the curve: {words}: {value}")));
    response.on_hover_text(words);
}
