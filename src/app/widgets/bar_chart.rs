//! Probability bars show a class, its per cent, and whether it is the label or the target.

use eframe::egui::{self, Align2, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons;

use crate::app::theme::{self, BAR_HEIGHT, SPACE_1, SPACE_2, palette};
use crate::app::widgets::{elided, icon_at};
use crate::engine::model::Guess;
use crate::engine::units::per_cent;

/// A class is one of these to the attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Other,
    /// Somebody gave this label, or it is known of the picture.
    Label,
    /// The net's own answer stands in place of a label.
    Own,
    Target,
}

/// Shows a row for each guess. `when` ("before", "after") is for assistive technology.
pub fn bars(ui: &mut Ui, when: &str, guesses: &[Guess], mark: impl Fn(usize) -> Mark) {
    ui.spacing_mut().item_spacing.y = 2.0;
    for guess in guesses {
        bar(ui, when, guess, mark(guess.index));
    }
}

fn bar(ui: &mut Ui, when: &str, guess: &Guess, mark: Mark) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), BAR_HEIGHT), Sense::hover());
    let (fill, text, role) = match mark {
        Mark::Other => (palette.bar, palette.text, ""),
        Mark::Label => (palette.right_soft, palette.right, "the label"),
        Mark::Own => (palette.own_soft, palette.own, "the label: the net's own answer"),
        Mark::Target => (palette.asked_soft, palette.asked, "the target"),
    };
    let per_cent = per_cent(guess.prob);
    response.widget_info(|| {
        let role = if role.is_empty() { String::new() } else { format!(", {role}") };
        WidgetInfo::labeled(Role::ProgressIndicator, true, format!("{when}: {} {per_cent}{role}", guess.name))
    });
    if !ui.is_rect_visible(rect) {
        return;
    }
    let painter = ui.painter();
    painter.rect_filled(rect, theme::SMALL_RADIUS, palette.raised);
    let filled = Rect::from_min_size(rect.min, vec2(rect.width() * guess.prob.clamp(0.0, 1.0), rect.height()));
    if filled.width() >= 1.0 {
        painter.rect_filled(filled, theme::SMALL_RADIUS, fill);
    }
    let number = painter.text(
        pos2(rect.right() - SPACE_2, rect.center().y),
        Align2::RIGHT_CENTER,
        &per_cent,
        theme::number_font(),
        text,
    );
    let mut right = number.left() - SPACE_2;
    if mark != Mark::Other {
        let icon = if mark == Mark::Target { icons::ICON_TARGET } else { icons::ICON_LABEL };
        let at = Rect::from_center_size(pos2(right - 8.0, rect.center().y), egui::Vec2::splat(16.0));
        icon_at(ui, at, icon, 14.0, text);
        right = at.left() - SPACE_1;
    }
    let font = if mark == Mark::Other { theme::body_font() } else { theme::strong_font() };
    let room = Rect::from_min_max(pos2(rect.left() + SPACE_2, rect.top()), pos2(right, rect.bottom()));
    let galley = elided(ui.painter(), &guess.name, font, text, room.width());
    let cut = galley.elided;
    let at = pos2(room.left(), room.center().y - galley.size().y / 2.0);
    painter.galley(at, galley, text);
    if cut || !role.is_empty() {
        let tip = if role.is_empty() { guess.name.clone() } else { format!("{} is {role}", guess.name) };
        response.on_hover_text(tip);
    }
}
