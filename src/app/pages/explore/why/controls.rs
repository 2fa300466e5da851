//! The controls are perturbations of the same length that do not follow the picture's gradient.

use egui::{self, Align2, Color32, FontId, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::per_cent;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::why::mark::eps_text;
use crate::app::pages::explore::why::state::Why;
use crate::app::pages::explore::words;
use crate::app::theme::{self, CONTROL_HEIGHT, SPACE_1, SPACE_2, palette};
use crate::app::widgets::{elided, icon_button};
use crate::engine::attack::Control;
use crate::worker::{ControlRow, ControlTable, Shown};

pub fn width(pane: f32) -> f32 {
    (0.34 * pane).clamp(412.0, 560.0)
}

const ROW: f32 = 19.0;
const METER: f32 = 76.0;
const NUMBER: f32 = 44.0;
const PROBABILITY: f32 = 60.0;
const NAME: f32 = 116.0;

const METER_TIP: &str = "How much of the loss's growth a perturbation of this length could bring, to first order, and \
                         does: ⟨δ, ∇J⟩ / (ε·‖∇J‖₁) before clipping. 1 for FGSM by construction, about 0 for noise, −1 \
                         for the opposite. Noise of the same length hardly ever changes the answer: it is the \
                         direction that counts.";

/// Shows a heading, a row for each perturbation, and what the net says of δ alone.
pub fn show(ui: &mut Ui, explore: &Explore, why: &Why, out: &mut Vec<Command>) {
    ui.spacing_mut().item_spacing = vec2(SPACE_1, 0.0);
    let (Some(shown), Some(controls)) = (explore.shown.as_deref(), why.controls()) else {
        ui.label(theme::weak(ui, "comparing with noise…"));
        return;
    };
    heading(ui, controls, out);
    for row in &controls.rows {
        show_row(ui, shown, controls, row);
    }
    alone(ui, shown, controls);
}

fn columns(row: Rect) -> [Rect; 5] {
    let cut = |left: f32, width: f32| Rect::from_min_size(pos2(left, row.top()), vec2(width, row.height()));
    let meter = row.left() + NAME + SPACE_2;
    let number = meter + METER + SPACE_1;
    let answer = number + NUMBER + SPACE_2;
    let probability = row.right() - PROBABILITY;
    let answer = cut(answer, (probability - SPACE_1 - answer).max(0.0));
    [cut(row.left(), NAME), cut(meter, METER), cut(number, NUMBER), answer, cut(probability, PROBABILITY)]
}

fn heading(ui: &mut Ui, controls: &ControlTable, out: &mut Vec<Command>) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let [name, meter, number, answer, probability] = columns(rect);
    let text = |rect: Rect, align: Align2, text: String| {
        line(ui, rect, align, text, theme::small_font(), palette.weak);
    };
    let at = format!("at ε = {}", eps_text(controls.eps));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Controls {at}, seed {}", controls.seed)));
    text(name, Align2::LEFT_CENTER, at);
    text(meter, Align2::CENTER_CENTER, "along ∇J".into());
    text(answer, Align2::LEFT_CENTER, "the net says".into());
    text(probability, Align2::RIGHT_CENTER, "P(label)".into());
    response.on_hover_text(METER_TIP);
    // The number of the seed stands with the rows that it is for; the button beside the heading draws another.
    let at = Rect::from_center_size(number.center(), Vec2::splat(CONTROL_HEIGHT));
    let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(at));
    ui.spacing_mut().button_padding = Vec2::ZERO;
    icon_button(&mut ui, WhyCommand::NextSeed, out);
}

fn named(shown: &Shown, controls: &ControlTable, row: &ControlRow) -> (String, String) {
    let seed = controls.seed;
    let (name, about) = match row.control {
        None if shown.view.is_fgsm() => ("FGSM", "ε·sign(∇J): the attack".into()),
        None => (shown.view.attack.info().title, "the attack; ε is how far a pixel may move, or does".into()),
        Some(Control::Signs) => ("Signs", format!("+ε or −ε at each pixel by chance, seed {seed}")),
        Some(Control::Uniform) => ("Uniform", format!("evenly between −ε and +ε at each pixel, seed {seed}")),
        Some(Control::OtherPicture) => {
            let other = controls.other.unwrap_or_default();
            ("Another picture's", format!("ε·sign of the gradient at another picture: “{other}”"))
        }
        Some(Control::Opposite) => ("−sign ∇J", "as far, the other way".into()),
    };
    let is_random = matches!(row.control, Some(Control::Signs | Control::Uniform));
    (if is_random { format!("{name}, seed {seed}") } else { name.into() }, about)
}

fn show_row(ui: &mut Ui, shown: &Shown, controls: &ControlTable, row: &ControlRow) {
    let palette = palette(ui);
    let (name, about) = named(shown, controls, row);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let share = format!(" ({})", per_cent(row.answer.prob));
    let says = format!("{}{share}", row.answer.name);
    let number = format!("{:+.2}", row.alignment).replace('-', "−");
    let label = per_cent(row.label_prob);
    let words = format!("{name}: the net says {says}, the label {label}, along the gradient {number}");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    let [name_place, meter_place, number_place, answer_place, label_place] = columns(rect);
    let colour = match row.answer.index == shown.label.index {
        true => theme::label_colour(palette, words::standing_before(shown)),
        false => palette.fooled,
    };
    let font = if row.control.is_none() { theme::strong_font() } else { theme::small_font() };
    line(ui, name_place, Align2::LEFT_CENTER, name, font, palette.text);
    meter(ui, meter_place, row.alignment);
    line(ui, number_place, Align2::RIGHT_CENTER, number, theme::number_font(), palette.text);
    answer(ui, answer_place, &row.answer.name, share, colour);
    line(ui, label_place, Align2::RIGHT_CENTER, label, theme::number_font(), palette.text);
    response.on_hover_text(format!("{about}\nThe net says {says}"));
}

/// Writes a class and its share; where there is too little room, the class is cut.
fn answer(ui: &Ui, rect: Rect, name: &str, share: String, colour: Color32) {
    let share = ui.painter().layout_no_wrap(share, theme::small_font(), colour);
    let room = rect.with_max_x(rect.right() - share.size().x);
    let drawn = line(ui, room, Align2::LEFT_CENTER, name.to_owned(), theme::small_font(), colour);
    let place = Align2::LEFT_CENTER.align_size_within_rect(share.size(), rect).min;
    ui.painter().galley(place + vec2(drawn, 0.0), share, colour);
}

fn meter(ui: &Ui, rect: Rect, value: f32) {
    let palette = palette(ui);
    let bar = rect.shrink2(vec2(0.0, 5.0));
    ui.painter().rect_filled(bar, 2, palette.raised);
    let end = egui::lerp(bar.center().x..=if value < 0.0 { bar.left() } else { bar.right() }, value.abs().min(1.0));
    let (low, high) = (bar.center().x.min(end), bar.center().x.max(end));
    ui.painter().rect_filled(Rect::from_x_y_ranges(low..=high, bar.y_range()), 2, palette.accent);
    ui.painter().vline(bar.center().x, rect.shrink(3.0).y_range(), Stroke::new(1.0, palette.weak));
}

/// Writes one line of text, cut with an ellipsis to fit; returns its width.
fn line(ui: &Ui, rect: Rect, align: Align2, text: String, font: FontId, colour: Color32) -> f32 {
    let galley = elided(ui.painter(), &text, font, colour, rect.width());
    let width = galley.size().x;
    ui.painter().galley(align.align_size_within_rect(galley.size(), rect).min, galley, colour);
    width
}

fn alone(ui: &mut Ui, shown: &Shown, controls: &ControlTable) {
    if ui.available_height() < ROW {
        return;
    }
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let says = format!("{} ({})", controls.alone.name, per_cent(controls.alone.prob));
    let text = format!("δ alone, on mid-grey: the net says {says}");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text.as_str()));
    line(ui, rect, Align2::LEFT_CENTER, text, theme::small_font(), palette.weak);
    let label = &shown.label.name;
    let why = format!("what it says alone is not what it makes of {label}, and it needs {label} to work");
    response.on_hover_text(format!("There is no hidden picture in the perturbation: {why}"));
}
