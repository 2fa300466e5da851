//! A progress bar has what there is to say of the work written on it.

use egui::{Align2, Rect, Role, Sense, Stroke, Ui, WidgetInfo, vec2};

use crate::app::theme::{self, BAR_HEIGHT, SPACE_2, palette};

pub fn progress(ui: &mut Ui, width: f32, share: f32, text: &str) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, BAR_HEIGHT), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, text));
    let painter = ui.painter().with_clip_rect(rect);
    painter.rect_filled(rect, theme::SMALL_RADIUS, palette.raised);
    let filled = Rect::from_min_size(rect.min, vec2(rect.width() * share.clamp(0.0, 1.0), rect.height()));
    if filled.width() >= 1.0 {
        painter.rect_filled(filled, theme::SMALL_RADIUS, palette.accent_soft);
    }
    let at = rect.left_center() + vec2(SPACE_2, 0.0);
    let written = painter.text(at, Align2::LEFT_CENTER, text, theme::small_font(), palette.text);
    if written.width() > rect.width() - SPACE_2 {
        response.on_hover_text(text);
    }
}

/// Shows a small ring that closes with the work.
pub fn progress_ring(ui: &mut Ui, share: f32, what: &str) {
    const SIDE: f32 = 14.0;
    const CORNERS: usize = 32;
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, what));
    let radius = SIDE / 2.0 - 2.0;
    ui.painter().circle_stroke(rect.center(), radius, Stroke::new(2.5, palette.raised_hover));
    let turn = share.clamp(0.02, 1.0) * std::f32::consts::TAU;
    let point = |i: usize| {
        let angle = turn * i as f32 / CORNERS as f32 - std::f32::consts::FRAC_PI_2;
        rect.center() + radius * vec2(angle.cos(), angle.sin())
    };
    ui.painter().line((0..=CORNERS).map(point).collect(), Stroke::new(2.5, palette.accent));
    response.on_hover_text(what);
}
