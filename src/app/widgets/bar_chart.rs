//! Probability bars show a class, its per cent, and whether it is the label or the target.

use egui::{self, Align2, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons;

use crate::app::theme::{self, BAR_HEIGHT, SPACE_1, SPACE_2, palette};
use crate::app::widgets::{elided, icon_at};
use crate::engine::model::Guess;
use crate::engine::units::per_cent;

/// A class is one of these to the attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassRole {
    Other,
    /// Somebody gave this label, or it is known of the picture.
    Label,
    Own,
    Target,
}

impl ClassRole {
    /// Returns the role of a class where the label has the role `of_label`.
    pub fn new(class: usize, target: Option<usize>, label: usize, of_label: Self) -> Self {
        match () {
            () if Some(class) == target => Self::Target,
            () if class == label => of_label,
            () => Self::Other,
        }
    }
}

/// Shows a row for each guess. `when` ("before", "after") is for assistive technology.
pub fn bars<'a>(ui: &mut Ui, when: &str, guesses: impl Iterator<Item = &'a Guess>, role: impl Fn(usize) -> ClassRole) {
    ui.spacing_mut().item_spacing.y = 2.0;
    guesses.for_each(|guess| bar(ui, when, guess, role(guess.index)));
}

fn bar(ui: &mut Ui, when: &str, guess: &Guess, role: ClassRole) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), BAR_HEIGHT), Sense::hover());
    let (fill, text, words) = match role {
        ClassRole::Other => (palette.bar, palette.text, ""),
        ClassRole::Label => (palette.right_soft, palette.right, "the label"),
        ClassRole::Own => (palette.own_soft, palette.own, "the label: the net's own answer"),
        ClassRole::Target => (palette.asked_soft, palette.asked, "the target"),
    };
    let per_cent = per_cent(guess.prob);
    response.widget_info(|| {
        let apart = if words.is_empty() { "" } else { ", " };
        WidgetInfo::labeled(Role::ProgressIndicator, true, format!("{when}: {} {per_cent}{apart}{words}", guess.name))
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
    let at = rect.right_center() - vec2(SPACE_2, 0.0);
    let number = painter.text(at, Align2::RIGHT_CENTER, &per_cent, theme::number_font(), text);
    let mut right = number.left() - SPACE_2;
    if role != ClassRole::Other {
        let icon = if role == ClassRole::Target { icons::ICON_TARGET } else { icons::ICON_LABEL };
        let at = Rect::from_center_size(pos2(right - 8.0, rect.center().y), egui::Vec2::splat(16.0));
        icon_at(ui, at, icon, 14.0, text);
        right = at.left() - SPACE_1;
    }
    let font = if role == ClassRole::Other { theme::body_font() } else { theme::strong_font() };
    let left = rect.left() + SPACE_2;
    let galley = elided(ui.painter(), &guess.name, font, text, right - left);
    let cut = galley.elided;
    painter.galley(pos2(left, rect.center().y - galley.size().y / 2.0), galley, text);
    if !words.is_empty() {
        response.on_hover_text(format!("{} is {words}", guess.name));
    } else if cut {
        response.on_hover_text(&guess.name);
    }
}
