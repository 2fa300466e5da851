//! Where the answer changes there is a dot on the axis, and above it a flag that takes ε there.

use std::sync::Arc;

use egui::{Align2, Color32, Galley, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use egui_plot::PlotTransform;

use crate::app::commands::Command;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::MAX_EPS;
use crate::app::plots::quiet::{Labels, shortened};
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};

pub const FLAGS: f32 = 18.0;
const NAME: usize = 18;

pub struct AnswerChange<'a> {
    pub eps: f32,
    pub place: f64,
    pub name: &'a str,
    pub colour: Color32,
}

impl AnswerChange<'_> {
    fn words(&self, name: &str) -> String {
        format!("→ {name} at ε = {}", eps_text(self.eps))
    }
}

/// Paints a row of flags above a plot, those nearest to the picture first where room is short.
pub fn flags(ui: &mut Ui, at: &PlotTransform, can_go: bool, mut changes: Vec<AnswerChange>, out: &mut Vec<Command>) {
    let frame = *at.frame();
    changes.sort_by(|a, b| a.eps.abs().total_cmp(&b.eps.abs()));
    let room = Rect::from_x_y_ranges(frame.x_range(), frame.top() - FLAGS..=frame.top());
    let mut labels = Labels { room, apart: SPACE_1, taken: Vec::new() };
    for (number, change) in changes.iter().enumerate() {
        let x = at.position_from_point_x(change.place);
        ui.painter().vline(x, frame.y_range(), Stroke::new(1.0, theme::faint_of(change.colour)));
        ui.painter().circle_filled(pos2(x, frame.top()), 3.5, change.colour);
        let can_go = can_go && (0.0..=MAX_EPS).contains(&change.eps);
        let text = change.words(&shortened(change.name, NAME));
        let text = ui.painter().layout_no_wrap(text, theme::small_font(), palette(ui).text);
        if let Some(place) = labels.place(places(x, text.size().x + 2.0 * SPACE_1, room))
            && flag(ui, number, change, can_go, place, text)
        {
            // Just beyond the change, as far as the slider goes.
            out.push(ExploreCommand::Eps((change.eps * 1.001 + 1e-4).min(MAX_EPS)).into());
        }
    }
}

fn flag(ui: &mut Ui, number: usize, change: &AnswerChange, can_go: bool, place: Rect, text: Arc<Galley>) -> bool {
    let words = change.words(change.name);
    let (sense, role) = if can_go { (Sense::click(), Role::Button) } else { (Sense::hover(), Role::Label) };
    let response = ui.interact(place, ui.make_persistent_id(("flip", number)), sense);
    response.widget_info(|| WidgetInfo::labeled(role, true, words.as_str()));
    if can_go && (response.hovered() || response.has_focus()) {
        ui.painter().rect_filled(place, theme::SMALL_RADIUS, palette(ui).raised_hover);
    }
    if response.has_focus() {
        let stroke = Stroke::new(1.0, palette(ui).accent);
        ui.painter().rect_stroke(place, theme::SMALL_RADIUS, stroke, StrokeKind::Inside);
    }
    let at = Align2::CENTER_CENTER.align_size_within_rect(text.size(), place).min;
    ui.painter().galley(at, text, palette(ui).text);
    let more = match can_go {
        true => "\nClick to take ε there",
        false if change.eps < 0.0 => "\nAgainst the attack's direction",
        false => "",
    };
    response.on_hover_text(words + more).clicked()
}

/// Returns the places for a flag of this width: over its dot, or to one side of it.
fn places(x: f32, width: f32, room: Rect) -> impl Iterator<Item = Rect> {
    [0.5, 1.0, 0.0].into_iter().map(move |share| {
        let left = x + SPACE_2 * (2.0 * share - 1.0) - share * width;
        let left = left.clamp(room.left(), (room.right() - width).max(room.left()));
        Rect::from_min_size(pos2(left, room.top()), vec2(width, FLAGS - 2.0))
    })
}

/// Writes ε with four decimals for small values, three for large ones, and a true minus sign.
pub fn eps_text(eps: f32) -> String {
    let text = if eps.abs() < 0.1 { format!("{eps:.4}") } else { format!("{eps:.3}") };
    text.replace('-', "−")
}
