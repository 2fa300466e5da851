//! A rail is a slider whose positions are spread along a curve, with marks and steps of one's own choosing.

use std::ops::RangeInclusive;

use eframe::egui::{self, EventFilter, Key, Rect, Response, Sense, Stroke, Ui, WidgetInfo, accesskit, pos2, vec2};

use crate::app::theme::{self, palette};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    Linear,
    /// `value = max · position²` is fine near zero, where one grey level matters as much as a hundred.
    Square,
    /// Equal ratios take equal room.
    Logarithmic,
}

/// It can be dragged, and moved by arrow keys (Shift: ten times finer), Page Up and Down (ten times coarser), Home
/// and End.
pub struct Rail<'a> {
    pub name: &'a str,
    pub range: RangeInclusive<f32>,
    pub curve: Curve,
    /// An arrow key adds this, or on a logarithmic rail multiplies by it.
    pub step: f32,
    pub marks: &'a [f32],
    /// Dragging snaps to multiples of this; 0 is for none.
    pub grid: f32,
}

impl Rail<'_> {
    /// Shows the slider; returns the new value when it moved. A double click is left to the caller.
    pub fn show(self, ui: &mut Ui, width: f32, value: f32) -> (Response, Option<f32>) {
        self.show_written(ui, width, value, None)
    }

    /// Shows the one large slider of a page: a thick rail with a large handle, and under each mark its text.
    pub fn show_large(self, ui: &mut Ui, width: f32, value: f32, texts: &[&str]) -> (Response, Option<f32>) {
        self.show_written(ui, width, value, Some(texts))
    }

    fn show_written(self, ui: &mut Ui, width: f32, value: f32, texts: Option<&[&str]>) -> (Response, Option<f32>) {
        let height = if texts.is_some() { theme::LARGE_RAIL } else { theme::CONTROL_HEIGHT };
        let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click_and_drag());
        let mut new = value;
        if let Some(pointer) = response.interact_pointer_pos()
            && (response.dragged() || response.drag_stopped() || response.is_pointer_button_down_on())
            && !response.double_clicked()
        {
            new = self.snap(self.value_at((pointer.x - inner(rect).left()) / inner(rect).width()));
        }
        new = self.after_keys(ui, &response, new);
        // A value beyond the ends, typed perhaps, stays until the handle is moved.
        let moved = new != value;
        if moved {
            new = new.clamp(*self.range.start(), *self.range.end());
        }
        let changed = moved && (new - value).abs() > f32::EPSILON * value.abs();
        self.describe(ui, &response, new);
        if ui.is_rect_visible(rect) {
            self.paint(ui, &response, new, texts);
        }
        (response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal), changed.then_some(new))
    }

    fn value_at(&self, position: f32) -> f32 {
        let (low, high) = (*self.range.start(), *self.range.end());
        let t = position.clamp(0.0, 1.0);
        match self.curve {
            Curve::Linear => low + t * (high - low),
            Curve::Square => low + t * t * (high - low),
            Curve::Logarithmic => low * (high / low).powf(t),
        }
    }

    fn position_of(&self, value: f32) -> f32 {
        let (low, high) = (*self.range.start(), *self.range.end());
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        match self.curve {
            Curve::Linear => share,
            Curve::Square => share.sqrt(),
            Curve::Logarithmic => ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0),
        }
    }

    fn snap(&self, value: f32) -> f32 {
        if self.grid > 0.0 { (value / self.grid).round() * self.grid } else { value }
    }

    fn stepped(&self, value: f32, steps: f32) -> f32 {
        match self.curve {
            Curve::Logarithmic => value * self.step.powf(steps),
            Curve::Linear | Curve::Square => value + steps * self.step,
        }
    }

    fn after_keys(&self, ui: &Ui, response: &Response, mut value: f32) -> f32 {
        if response.has_focus() {
            let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
            ui.input(|i| {
                let presses = |key| i.num_presses(key) as f32;
                let arrows = presses(Key::ArrowRight) + presses(Key::ArrowUp)
                    - presses(Key::ArrowLeft)
                    - presses(Key::ArrowDown);
                let fine = if i.modifiers.shift && self.grid < self.step { 0.1 } else { 1.0 };
                value = self.stepped(value, arrows * fine);
                value = self.stepped(value, 10.0 * (presses(Key::PageUp) - presses(Key::PageDown)));
                if i.key_pressed(Key::Home) {
                    value = *self.range.start();
                }
                if i.key_pressed(Key::End) {
                    value = *self.range.end();
                }
            });
        }
        ui.input(|i| {
            use accesskit::{Action, ActionData};
            let requests = |action| i.num_accesskit_action_requests(response.id, action) as f32;
            value = self.stepped(value, requests(Action::Increment) - requests(Action::Decrement));
            for request in i.accesskit_action_requests(response.id, Action::SetValue) {
                if let Some(ActionData::NumericValue(number)) = request.data {
                    value = number as f32;
                }
            }
        });
        value
    }

    fn describe(&self, ui: &Ui, response: &Response, value: f32) {
        response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), f64::from(value), self.name));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_min_numeric_value(f64::from(*self.range.start()));
            node.set_max_numeric_value(f64::from(*self.range.end()));
            for action in [accesskit::Action::SetValue, accesskit::Action::Increment, accesskit::Action::Decrement] {
                node.add_action(action);
            }
        });
    }

    fn paint(&self, ui: &Ui, response: &Response, value: f32, texts: Option<&[&str]>) {
        let palette = palette(ui);
        let inner = inner(response.rect);
        let painter = ui.painter();
        let (half, radius, middle) = match texts {
            Some(_) => (3.5, 12.0, inner.top() + 16.0),
            None => (2.0, 8.0, inner.center().y),
        };
        let x_of = |value: f32| egui::lerp(inner.x_range(), self.position_of(value));
        let x = x_of(value);
        let track = |from: f32, to: f32| Rect::from_min_max(pos2(from, middle - half), pos2(to, middle + half));
        painter.rect_filled(track(inner.left(), inner.right()), half, palette.raised_hover);
        painter.rect_filled(track(inner.left(), x), half, palette.accent);
        let mut free = f32::NEG_INFINITY;
        for (index, mark) in self.marks.iter().enumerate().filter(|(_, mark)| self.range.contains(mark)) {
            let x = painter.round_to_pixel_center(x_of(*mark));
            painter.vline(x, middle + 6.0..=middle + 11.0, Stroke::new(1.0, palette.weak));
            let Some(text) = texts.and_then(|texts| texts.get(index)) else { continue };
            let text = painter.layout_no_wrap((*text).to_owned(), theme::number_font(), palette.weak);
            let right = response.rect.right() - text.size().x;
            let at = pos2((x - 0.5 * text.size().x).min(right).max(response.rect.left()), middle + 12.0);
            if at.x > free {
                free = at.x + text.size().x + 6.0;
                painter.galley(at, text, palette.weak);
            }
        }
        let radius = if response.hovered() || response.dragged() { radius + 1.0 } else { radius };
        let centre = pos2(x, middle);
        if response.has_focus() {
            painter.circle_stroke(centre, radius + 3.0, Stroke::new(2.0, palette.accent));
        }
        painter.circle(centre, radius, palette.accent, Stroke::new(2.0, palette.panel));
    }
}

fn inner(rect: Rect) -> Rect {
    rect.shrink2(vec2(13.0, 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rail(curve: Curve, range: RangeInclusive<f32>) -> Rail<'static> {
        Rail { name: "x", range, curve, step: 0.1, marks: &[], grid: 0.0 }
    }

    #[test]
    fn positions_and_values_are_inverse() {
        for rail in
            [rail(Curve::Linear, 1.0..=50.0), rail(Curve::Square, 0.0..=0.5), rail(Curve::Logarithmic, 1e-4..=100.0)]
        {
            assert_eq!(rail.value_at(0.0), *rail.range.start());
            assert!((rail.value_at(1.0) / rail.range.end() - 1.0).abs() < 1e-5);
            for i in 0..=20 {
                let position = i as f32 / 20.0;
                assert!((rail.position_of(rail.value_at(position)) - position).abs() < 1e-4, "{:?} {i}", rail.curve);
            }
        }
    }

    #[test]
    fn the_square_curve_gives_the_first_grey_levels_room() {
        let rail = rail(Curve::Square, 0.0..=0.5);
        assert!((rail.value_at(0.5) - 0.125).abs() < 1e-6);
        assert!(rail.position_of(1.0 / 255.0) > 0.08);
    }
}
