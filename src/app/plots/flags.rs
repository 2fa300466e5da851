//! The flags stand above the plot of errors, and their staffs go through it.

use std::sync::Arc;

use egui::{Align2, Color32, Galley, Rect, Stroke, Ui, pos2, vec2};
use egui_plot::{LineStyle, PlotTransform, PlotUi, VLine};

use crate::app::plots::marks::{Mark, Subject};
use crate::app::plots::quantity::Quantity;
use crate::app::plots::quiet::Labels;
use crate::app::plots::scene::Scene;
use crate::app::theme::{self, Palette, SPACE_2, palette};

const ROW: f32 = 17.0;
const HEIGHT_PER_ROW: f32 = 90.0;
const MOST_ROWS: usize = 3;
const APART: f32 = 8.0;

/// The flags that matter most come first.
pub struct Flags<'a>(Vec<Flag<'a>>);

struct Flag<'a> {
    mark: &'a Mark,
    text: Arc<Galley>,
    place: Option<Rect>,
}

impl<'a> Flags<'a> {
    /// Places the flags in the rows above a plot, by where that was in the frame `before`.
    pub fn place(ui: &Ui, scene: &Scene<'_>, marks: &'a [Mark], before: Option<&PlotTransform>) -> Self {
        let Some(before) = before else {
            ui.ctx().request_repaint();
            return Self(Vec::new());
        };
        let rows = ((ui.available_height() / HEIGHT_PER_ROW) as usize).clamp(1, MOST_ROWS);
        let frame = before.frame();
        let room = Rect::from_x_y_ranges(frame.x_range(), -(rows as f32) * ROW..=0.0);
        let mut labels = Labels { room, apart: APART, taken: Vec::new() };
        let flag = |mark: &'a Mark| {
            let colour = mark.about.colours(palette(ui), scene)[0];
            let text = ui.painter().layout_no_wrap(mark.text.clone(), theme::small_font(), colour);
            let places = places(before.position_from_point_x(mark.x), text.size().x + SPACE_2, room, rows);
            Flag { mark, text, place: labels.place(places) }
        };
        Self(marks.iter().map(flag).collect())
    }

    pub fn height(&self) -> f32 {
        self.0.iter().filter_map(|flag| flag.place).map(|place| -place.top()).fold(0.0, f32::max)
    }

    pub fn add(&self, plot: &mut PlotUi<'_>, palette: &Palette, scene: &Scene<'_>) {
        for Flag { mark, .. } in &self.0 {
            let colour = theme::faint_of(mark.about.colours(palette, scene)[0]);
            let style = if mark.about == Subject::Run { LineStyle::Solid } else { LineStyle::Dashed { length: 4.0 } };
            plot.vline(VLine::new("", mark.x).color(colour).style(style));
        }
    }

    pub fn paint(&self, ui: &Ui, scene: &Scene<'_>, transform: &PlotTransform) {
        let top = transform.frame().top();
        let placed = || self.0.iter().filter_map(|flag| Some((flag, flag.place?.translate(vec2(0.0, top)))));
        // Flags hide the staffs of others, so they come after them.
        for (Flag { mark, .. }, place) in placed() {
            let x = transform.position_from_point_x(mark.x);
            let colour = theme::faint_of(mark.about.colours(palette(ui), scene)[0]);
            ui.painter().vline(x, place.center().y..=top, Stroke::new(1.0, colour));
        }
        for (Flag { mark, text, .. }, place) in placed() {
            let [colour, fill] = mark.about.colours(palette(ui), scene);
            let ground = place.with_max_y(place.bottom() - 1.0).with_min_y(place.top() + 1.0);
            ui.painter().rect_filled(ground, theme::SMALL_RADIUS, fill);
            let at = Align2::CENTER_CENTER.align_size_within_rect(text.size(), ground).min;
            ui.painter().galley(at, Arc::clone(text), colour);
        }
    }
}

/// Returns the places for a flag, from the lowest row up: right of its staff, left of it, and across it at the end.
fn places(staff: f32, width: f32, room: Rect, rows: usize) -> impl Iterator<Item = Rect> {
    let starts = [staff, staff - width, (room.right() - width).max(room.left())];
    let touching = starts.into_iter().filter(move |start| (*start..=start + width).contains(&staff));
    (0..rows).flat_map(move |row| {
        let bottom = -(row as f32) * ROW;
        touching.clone().map(move |start| Rect::from_min_max(pos2(start, bottom - ROW), pos2(start + width, bottom)))
    })
}

impl Subject {
    pub fn quantity(self) -> Quantity {
        if self == Self::Clean { Quantity::Clean } else { Quantity::Fgsm }
    }

    /// Returns the colours of its flag's text and ground; they are neutral where colours stand for runs.
    fn colours(self, palette: &Palette, scene: &Scene<'_>) -> [Color32; 2] {
        match self {
            Self::Clean if scene.runs.len() == 1 => [palette.right, palette.right_soft],
            Self::Adversarial if scene.runs.len() == 1 => [palette.fooled, palette.fooled_soft],
            Self::Clean | Self::Adversarial | Self::Run => [palette.text, palette.raised_hover],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_stands_beside_its_staff_or_slides_across_it() {
        let room = Rect::from_min_max(pos2(0.0, -2.0 * ROW), pos2(100.0, 0.0));
        let place =
            |staff, width| Labels { room, apart: APART, taken: Vec::new() }.place(places(staff, width, room, 2));
        for (staff, width, left) in [(10.0, 40.0, 10.0), (90.0, 40.0, 50.0), (50.0, 80.0, 20.0)] {
            assert_eq!(place(staff, width).map(|place| place.left()), Some(left), "{staff}");
        }
        for (staff, width) in [(-5.0, 10.0), (120.0, 10.0), (5.0, 200.0)] {
            assert_eq!(place(staff, width), None, "{staff}");
        }
    }
}
