//! Flags above the plot of errors, their staffs through it, and diamonds on the lowest errors.

use std::sync::Arc;

use eframe::egui::{Align2, Color32, Galley, Rect, Shape, Stroke, Ui, pos2, vec2};
use egui_plot::PlotTransform;

use crate::app::plots::curve::Sheet;
use crate::app::plots::marks::{self, About, Mark};
use crate::app::plots::quantity::Quantity;
use crate::app::plots::scene::Scene;
use crate::app::theme::{self, SPACE_2, palette};

/// Height of a row of flags.
const FLAG: f32 = 17.0;
/// Height of a panel for each row of flags that it may have, three at most.
const FLAG_ROW_PER: f32 = 90.0;
const FLAG_ROWS: usize = 3;

/// Height of all rows.
pub fn height(flags: &[Flag]) -> f32 {
    let rows = flags.iter().flatten().map(|(place, _)| place.row + 1).max().unwrap_or(0);
    rows as f32 * FLAG
}

/// Diamonds on the lowest errors of the selected run, which the flags name.
pub fn paint_best(ui: &Ui, scene: &Scene<'_>, sheet: &Sheet) {
    let palette = palette(ui);
    let painter = ui.painter().with_clip_rect(sheet.transform.frame().expand(6.0).intersect(ui.clip_rect()));
    for (about, best) in marks::best(scene.primary().history) {
        let Some((at, error)) = best.filter(|_| !scene.is_hidden(about.quantity())) else { continue };
        let centre = sheet.at((at + 1) as f64, error);
        if !sheet.transform.frame().x_range().contains(centre.x) {
            continue;
        }
        let corners = [vec2(0.0, -6.0), vec2(6.0, 0.0), vec2(0.0, 6.0), vec2(-6.0, 0.0)].map(|d| centre + d);
        let colour = scene.colour(palette, scene.primary, about.quantity());
        painter.add(Shape::convex_polygon(corners.to_vec(), colour, Stroke::new(1.5, palette.field)));
    }
}

/// Where a flag lies, and its text; `None` where it has no room.
pub type Flag = Option<(marks::Place, Arc<Galley>)>;

/// The flags of these marks above a panel of this height, placed by where the plot was in the frame before.
pub fn place(ui: &Ui, scene: &Scene<'_>, (marks, height): (&[Mark], f32), before: Option<&PlotTransform>) -> Vec<Flag> {
    let rows = ((height / FLAG_ROW_PER) as usize).clamp(1, FLAG_ROWS);
    let Some(before) = before else {
        ui.ctx().request_repaint();
        return marks.iter().map(|_| None).collect();
    };
    let palette = palette(ui);
    let galleys: Vec<_> = marks
        .iter()
        .map(|mark| {
            let (colour, _) = mark.about.colours(palette, scene);
            ui.painter().layout_no_wrap(mark.text.clone(), theme::small_font(), colour)
        })
        .collect();
    let sizes: Vec<_> = marks
        .iter()
        .zip(&galleys)
        .map(|(mark, galley)| (before.position_from_point_x(mark.x), galley.size().x + SPACE_2))
        .collect();
    let frame = before.frame();
    let places = marks::arrange(&sizes, (frame.left(), frame.right()), rows);
    places.into_iter().zip(galleys).map(|(place, galley)| Some((place?, galley))).collect()
}

/// Draws staffs through the plot, and the flags.
pub fn paint(ui: &Ui, scene: &Scene<'_>, marks: &[Mark], flags: &[Flag], sheet: &Sheet) {
    let palette = palette(ui);
    let frame = sheet.transform.frame();
    // Flags hide the staffs of others, so they come after them.
    for (mark, flag) in marks.iter().zip(flags) {
        let x = ui.painter().round_to_pixel_center(sheet.transform.position_from_point_x(mark.x));
        if !frame.x_range().contains(x) {
            continue;
        }
        let top = flag.as_ref().map_or(frame.top(), |(place, _)| frame.top() - place.row as f32 * FLAG - FLAG / 2.0);
        let staff = [pos2(x, top), pos2(x, frame.bottom())];
        let (colour, _) = mark.about.colours(palette, scene);
        let stroke = Stroke::new(1.0, theme::faint_of(colour));
        if mark.about == About::Run {
            ui.painter().line_segment(staff, stroke);
        } else {
            ui.painter().extend(Shape::dashed_line(&staff, stroke, 3.0, 4.0));
        }
    }
    for (mark, flag) in marks.iter().zip(flags) {
        let Some((place, galley)) = flag else { continue };
        let (colour, fill) = mark.about.colours(palette, scene);
        let bottom = frame.top() - place.row as f32 * FLAG - 1.0;
        let size = vec2(galley.size().x + SPACE_2, FLAG - 2.0);
        let ground = Rect::from_min_size(pos2(place.left, bottom - size.y), size);
        ui.painter().rect_filled(ground, theme::SMALL_RADIUS, fill);
        let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), ground).min;
        ui.painter().galley(at, Arc::clone(galley), colour);
    }
}

impl About {
    /// The line that the mark belongs to.
    pub fn quantity(self) -> Quantity {
        if self == Self::Clean { Quantity::Clean } else { Quantity::Fgsm }
    }

    /// Of text and ground; neutral where colours stand for runs.
    fn colours(self, palette: &theme::Palette, scene: &Scene<'_>) -> (Color32, Color32) {
        match self {
            Self::Clean if scene.runs.len() == 1 => (palette.right, palette.right_soft),
            Self::Adversarial if scene.runs.len() == 1 => (palette.fooled, palette.fooled_soft),
            _ => (palette.text, palette.raised_hover),
        }
    }
}
