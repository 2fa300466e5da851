//! A rail is a slider with a spacing, marks and steps of one's own choosing.

use std::ops::RangeInclusive;

use egui::accesskit::{Action, ActionData};
use egui::{self, EventFilter, Key, Pos2, Rect, Response, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::app::theme::{self, palette};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spacing {
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
    pub spacing: Spacing,
    /// An arrow key adds this, or on a logarithmic rail multiplies by it.
    pub step: f32,
    pub marks: &'a [f32],
    /// With texts under its marks the rail is thick and its handle large.
    pub texts: Option<&'a [&'a str]>,
    /// A drag moves the value in multiples of this; with 0 it is free.
    pub grid: f32,
}

impl<'a> Rail<'a> {
    /// Makes a rail without marks whose values are free.
    pub fn new(name: &'a str, range: RangeInclusive<f32>, spacing: Spacing, step: f32) -> Self {
        Self { name, range, spacing, step, marks: &[], texts: None, grid: 0.0 }
    }

    /// Shows the slider; returns the new value when it moved. A double click is left to the caller.
    pub fn show(self, ui: &mut Ui, width: f32, value: f32) -> (Response, Option<f32>) {
        let height = if self.texts.is_some() { theme::LARGE_RAIL } else { theme::CONTROL_HEIGHT };
        let (rect, response) = ui.allocate_exact_size(vec2(width, height), Sense::click_and_drag());
        let mut new = value;
        if let Some(pointer) = response.interact_pointer_pos()
            && (response.dragged() || response.drag_stopped() || response.is_pointer_button_down_on())
            && !response.double_clicked()
        {
            new = self.value_at((pointer.x - inner(rect).left()) / inner(rect).width());
            if self.grid > 0.0 {
                new = (new / self.grid).round() * self.grid;
            }
        }
        new = self.settled(ui, &response, value, new);
        if ui.is_rect_visible(rect) {
            self.paint(ui, &response, new);
        }
        (response.on_hover_cursor(egui::CursorIcon::ResizeHorizontal), is_moved(value, new).then_some(new))
    }

    /// Returns where keys and assistive technology take a value that the pointer has moved from `value` to `new`, and
    /// tells the latter of the slider.
    pub(super) fn settled(&self, ui: &Ui, response: &Response, value: f32, new: f32) -> f32 {
        let mut new = self.after_keys(ui, response, new);
        // A value beyond the ends, typed perhaps, stays until the handle is moved.
        if new != value {
            new = new.clamp(*self.range.start(), *self.range.end());
        }
        let ends = [*self.range.start(), *self.range.end()].map(f64::from);
        describe_slider(ui, response, WidgetInfo::slider(ui.is_enabled(), f64::from(new), self.name), ends);
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.add_action(Action::Increment);
            node.add_action(Action::Decrement);
        });
        new
    }

    pub(super) fn value_at(&self, position: f32) -> f32 {
        let (low, high) = (*self.range.start(), *self.range.end());
        let t = position.clamp(0.0, 1.0);
        match self.spacing {
            Spacing::Linear => low + t * (high - low),
            Spacing::Square => low + t * t * (high - low),
            Spacing::Logarithmic => low * (high / low).powf(t),
        }
    }

    pub(super) fn position_of(&self, value: f32) -> f32 {
        let (low, high) = (*self.range.start(), *self.range.end());
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        match self.spacing {
            Spacing::Linear => share,
            Spacing::Square => share.sqrt(),
            Spacing::Logarithmic => ((value / low).ln() / (high / low).ln()).clamp(0.0, 1.0),
        }
    }

    fn stepped(&self, value: f32, steps: f32) -> f32 {
        match self.spacing {
            Spacing::Logarithmic => value * self.step.powf(steps),
            Spacing::Linear | Spacing::Square => value + steps * self.step,
        }
    }

    fn after_keys(&self, ui: &Ui, response: &Response, mut value: f32) -> f32 {
        keep_arrows(ui, response, true);
        if response.has_focus() {
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
        let requests = |action| ui.input(|i| i.num_accesskit_action_requests(response.id, action)) as f32;
        value = self.stepped(value, requests(Action::Increment) - requests(Action::Decrement));
        requested_value(ui, response).map_or(value, |value| value as f32)
    }

    fn paint(&self, ui: &Ui, response: &Response, value: f32) {
        let palette = palette(ui);
        let inner = inner(response.rect);
        let painter = ui.painter();
        let (half, radius, middle) = match self.texts {
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
            let Some(text) = self.texts.and_then(|texts| texts.get(index)) else { continue };
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

/// Tells whether a value was moved by more than rounding.
pub(super) fn is_moved(value: f32, new: f32) -> bool {
    (new - value).abs() > f32::EPSILON * value.abs()
}

fn inner(rect: Rect) -> Rect {
    rect.shrink2(vec2(13.0, 0.0))
}

/// Lets a control that has the keyboard keep the arrow keys, which would move on to the next control.
pub fn keep_arrows(ui: &Ui, response: &Response, vertical_arrows: bool) {
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows, ..EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
    }
}

/// Returns the place where the pointer holds a control.
pub fn held_at(response: &Response) -> Option<Pos2> {
    response.interact_pointer_pos().filter(|_| response.dragged() || response.is_pointer_button_down_on())
}

/// Tells assistive technology of a slider between two ends, whose value it may set.
pub fn describe_slider(ui: &Ui, response: &Response, info: WidgetInfo, [low, high]: [f64; 2]) {
    response.widget_info(|| info.clone());
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(low);
        node.set_max_numeric_value(high);
        node.add_action(Action::SetValue);
    });
}

/// Returns the value that assistive technology asks a slider to take.
pub fn requested_value(ui: &Ui, response: &Response) -> Option<f64> {
    ui.input(|i| {
        let requests = i.accesskit_action_requests(response.id, Action::SetValue);
        let values = requests.filter_map(|request| match request.data {
            Some(ActionData::NumericValue(value)) => Some(value),
            _ => None,
        });
        values.last()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_values_are_inverse() {
        let spacings =
            [(Spacing::Linear, 1.0..=50.0), (Spacing::Square, 0.0..=0.5), (Spacing::Logarithmic, 1e-4..=100.0)];
        for (spacing, range) in spacings {
            let rail = Rail::new("x", range, spacing, 0.1);
            assert_eq!(rail.value_at(0.0), *rail.range.start());
            assert!((rail.value_at(1.0) / rail.range.end() - 1.0).abs() < 1e-5);
            for i in 0..=20 {
                let position = i as f32 / 20.0;
                assert!((rail.position_of(rail.value_at(position)) - position).abs() < 1e-4, "{spacing:?} {i}");
            }
        }
    }

    #[test]
    fn a_square_spacing_gives_the_first_grey_levels_room() {
        let rail = Rail::new("x", 0.0..=0.5, Spacing::Square, 0.1);
        assert!((rail.value_at(0.5) - 0.125).abs() < 1e-6);
        assert!(rail.position_of(1.0 / 255.0) > 0.08);
    }
}
