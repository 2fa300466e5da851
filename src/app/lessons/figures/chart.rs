//! Axes for the lines of a figure, in type that can be read from afar.

use eframe::egui::{Align2, Color32, Pos2, Rangef, Rect, Shape, Stroke, pos2};

use crate::app::lessons::figures::Pen;

/// A frame in which values have places.
pub struct Chart {
    pub frame: Rect,
    pub across: (f64, f64),
    pub up: (f64, f64),
}

impl Chart {
    pub fn at(&self, x: f64, y: f64) -> Pos2 {
        pos2(self.x(x), self.y(y))
    }

    pub fn x(&self, x: f64) -> f32 {
        let share = (x - self.across.0) / (self.across.1 - self.across.0);
        self.frame.left() + share as f32 * self.frame.width()
    }

    pub fn y(&self, y: f64) -> f32 {
        let share = (y - self.up.0) / (self.up.1 - self.up.0);
        self.frame.bottom() - share as f32 * self.frame.height()
    }

    /// The value under a place.
    pub fn value(&self, x: f32) -> f64 {
        let share = f64::from((x - self.frame.left()) / self.frame.width());
        self.across.0 + share.clamp(0.0, 1.0) * (self.across.1 - self.across.0)
    }

    /// Draws ticks with their texts: below and at the left.
    pub fn axes(&self, pen: &Pen<'_>, across: &[(f64, String)], up: &[(f64, String)]) {
        let line = Stroke::new(1.0, pen.palette.line);
        for (value, text) in up {
            let y = self.y(*value);
            pen.painter.hline(self.frame.x_range(), y, line);
            pen.text(pos2(self.frame.left() - 0.4 * pen.size, y), Align2::RIGHT_CENTER, text, pen.palette.weak);
        }
        for (value, text) in across {
            let x = self.x(*value);
            pen.painter.vline(x, self.frame.y_range(), line);
            pen.text(pos2(x, self.frame.bottom() + 0.3 * pen.size), Align2::CENTER_TOP, text, pen.palette.weak);
        }
    }

    pub fn line(&self, pen: &Pen<'_>, points: impl Iterator<Item = (f64, f64)>, width: f32, colour: Color32) {
        let points = points.map(|(x, y)| self.at(x, y)).collect();
        let painter = pen.painter.with_clip_rect(self.frame.expand(width));
        painter.add(Shape::line(points, Stroke::new(width, colour)));
    }
}

/// Places of names beside the ends of lines, moved apart so that they can be read: by `least` at least, in their order.
pub fn apart(mut wanted: Vec<f32>, least: f32, within: Rangef) -> Vec<f32> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    let mut floor = within.min;
    for &index in &order {
        wanted[index] = wanted[index].max(floor);
        floor = wanted[index] + least;
    }
    let mut ceiling = within.max;
    for &index in order.iter().rev() {
        wanted[index] = wanted[index].min(ceiling);
        ceiling = wanted[index] - least;
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_lie_over_each_other() {
        let places = apart(vec![50.0, 10.0, 52.0, 99.0], 10.0, Rangef::new(0.0, 100.0));
        assert_eq!(places, [50.0, 10.0, 60.0, 99.0]);
        let low = apart(vec![98.0, 99.0], 10.0, Rangef::new(0.0, 100.0));
        assert_eq!(low, [90.0, 100.0]);
    }
}
