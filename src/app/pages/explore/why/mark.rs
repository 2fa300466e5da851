//! Where the answer changes: a dot on the axis, and a flag above it that takes ε there.

use eframe::egui::{Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::commands::Command;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::MAX_EPS;
use crate::app::pages::explore::why::axis::Axis;
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::engine::attack::Flip;

/// Height of the row of flags.
pub const FLAGS: f32 = 18.0;
/// Names are cut to so many letters.
const NAME: usize = 18;

/// A change of the answer with its flag.
pub struct Mark<'a> {
    pub flip: &'a Flip,
    pub x: f32,
    /// Away from the picture the answer becomes this.
    pub name: &'a str,
}

impl Mark<'_> {
    /// Where ε is to go: just beyond the change, as far as the slider goes.
    fn eps(&self) -> f32 {
        (self.flip.eps * 1.001 + 1e-4).min(MAX_EPS)
    }
}

/// The changes in sight; on the other side of the picture one goes down from it, so "to" is the answer farther away.
pub fn marks<'a>(
    flips: &'a [Flip],
    axis: Axis,
    x: impl Fn(f64) -> f32,
    name: impl Fn(usize) -> &'a str,
) -> Vec<Mark<'a>> {
    let mark = |flip: &'a Flip| {
        let beyond = if flip.eps < 0.0 { flip.from } else { flip.to };
        Some(Mark { flip, x: x(axis.place(flip.eps)?), name: name(beyond) })
    };
    flips.iter().filter(|flip| axis.shows(flip.eps)).filter_map(mark).collect()
}

/// Paints flags above `frame` and lets them be pressed, if the attack `follows_eps`. Those nearest to the picture come first where room is short.
pub fn flags(
    ui: &mut Ui,
    (frame, follows_eps): (Rect, bool),
    marks: &[Mark<'_>],
    colour: impl Fn(&Mark<'_>) -> eframe::egui::Color32,
    out: &mut Vec<Command>,
) {
    let mut order: Vec<&Mark<'_>> = marks.iter().collect();
    order.sort_by(|a, b| a.flip.eps.abs().total_cmp(&b.flip.eps.abs()));
    let mut taken: Vec<Rect> = Vec::new();
    for (number, mark) in order.into_iter().enumerate() {
        let text = format!("→ {} at ε = {}", cut(mark.name), eps_text(mark.flip.eps));
        let galley = ui.painter().layout_no_wrap(text, theme::small_font(), palette(ui).text);
        let size = galley.size() + vec2(2.0 * SPACE_1, 0.0);
        // Over the dot, or to one side of it.
        let free = [0.5, 1.0, 0.0].into_iter().find_map(|share| {
            let left = mark.x + SPACE_2 * (2.0 * share - 1.0) - share * size.x;
            let left = left.clamp(frame.left(), (frame.right() - size.x).max(frame.left()));
            let place = Rect::from_min_size(pos2(left, frame.top() - FLAGS), vec2(size.x, FLAGS - 2.0));
            (!taken.iter().any(|other| other.expand(SPACE_1).intersects(place))).then_some(place)
        });
        let colour = colour(mark);
        let dot = pos2(mark.x, frame.top());
        ui.painter().vline(mark.x, frame.y_range(), Stroke::new(1.0, theme::faint_of(colour)));
        ui.painter().circle_filled(dot, 3.5, colour);
        let Some(place) = free else { continue };
        taken.push(place);
        let words = format!("→ {} at ε = {}", mark.name, eps_text(mark.flip.eps));
        let can_go = follows_eps && (0.0..=MAX_EPS).contains(&mark.flip.eps);
        let sense = if can_go { Sense::click() } else { Sense::hover() };
        let response = ui.interact(place, ui.make_persistent_id(("flip", number)), sense);
        let role = if can_go { Role::Button } else { Role::Label };
        response.widget_info(|| WidgetInfo::labeled(role, true, words.as_str()));
        if can_go && (response.hovered() || response.has_focus()) {
            ui.painter().rect_filled(place, theme::SMALL_RADIUS, palette(ui).raised_hover);
        }
        if response.has_focus() {
            let stroke = Stroke::new(1.0, palette(ui).accent);
            ui.painter().rect_stroke(place, theme::SMALL_RADIUS, stroke, eframe::egui::StrokeKind::Inside);
        }
        ui.painter().galley(place.min + Vec2::new(SPACE_1, (place.height() - galley.size().y) / 2.0), galley, colour);
        let tip = if can_go {
            format!("{words}\nClick to take ε there")
        } else if mark.flip.eps < 0.0 {
            format!("{words}\nAgainst the attack's direction")
        } else {
            words
        };
        if response.on_hover_text(tip).clicked() {
            out.push(ExploreCommand::Eps(mark.eps()).into());
        }
    }
}

/// Four decimals for small values, three for large ones, with a true minus sign.
pub fn eps_text(eps: f32) -> String {
    let text = if eps.abs() < 0.1 { format!("{eps:.4}") } else { format!("{eps:.3}") };
    text.replace('-', "−")
}

/// The beginning of a long name.
fn cut(name: &str) -> String {
    if name.chars().count() <= NAME { name.into() } else { name.chars().take(NAME - 1).chain(['…']).collect() }
}
