//! A matrix is a grid of shades of one colour, which stay in order in grey, with its numbers where there is room.

use super::canvas::{Align, Area, Canvas, INK};
use super::description::Matrix;
use super::font;

const GAP: f64 = 3.0;
/// Cells are no larger, in widths of a letter.
const LARGEST: f64 = 9.0;
/// The dark end of the shades, for a share of 1.
const DARK: [f64; 3] = [8.0, 69.0, 148.0];
/// Texts are white from this share of the dark end on.
const WHITE_FROM: f64 = 0.7;
/// With more classes than this, their names would be too small to read.
const MOST_NAMES: usize = 40;

impl Matrix {
    /// Draws the matrix from `top` on and returns where it ends.
    pub fn draw(&self, canvas: &mut Canvas, top: f64) -> f64 {
        let (size, small) = (canvas.size, canvas.small);
        let has_names = self.rows.len().max(self.columns.len()) <= MOST_NAMES;
        let widest = |names: &[String], room: f64| {
            let widest = names.iter().map(|name| font::width(name, small)).fold(0.0, f64::max);
            if has_names { widest.min(room) + GAP } else { GAP }
        };
        let names = widest(&self.rows, 0.3 * canvas.width);
        let left = 1.4 * size + 2.0 + names;
        let columns = self.columns.len().max(1) as f64;
        let cell = ((canvas.width - left) / columns).min(LARGEST * small);
        let height = cell.min(if self.columns.len() <= 4 { 4.0 * small } else { cell });
        let above = widest(&self.columns, 0.3 * canvas.width);
        let lies = above <= cell;
        let head = if !has_names {
            GAP
        } else if lies {
            1.3 * small
        } else {
            above
        };
        let origin = [left, top + 1.5 * size + head];
        let grid = Area { left, top: origin[1], width: cell * columns, height: height * self.rows.len() as f64 };
        canvas.text([grid.middle()[0], top + 0.6 * size], Align::Middle, size, INK, &self.column_axis);
        canvas.upright([0.6 * size, grid.middle()[1]], Align::Middle, size, &self.row_axis);
        if has_names {
            for (row, name) in self.rows.iter().enumerate() {
                let y = origin[1] + (row as f64 + 0.5) * height;
                let name = font::cut(name, small, names - GAP);
                canvas.text([left - GAP, y], Align::End, small, INK, &name);
            }
            for (column, name) in self.columns.iter().enumerate() {
                let (x, y) = (left + (column as f64 + 0.5) * cell, origin[1] - GAP);
                let name = font::cut(name, small, if lies { cell } else { above - GAP });
                if lies {
                    canvas.text([x, y - 0.4 * small], Align::Middle, small, INK, &name);
                } else {
                    canvas.upright([x, y], Align::Start, small, &name);
                }
            }
        }
        self.cells(canvas, origin, [cell, height]);
        canvas.rectangle(grid, "none", Some(INK));
        grid.bottom() + 1.0
    }

    fn cells(&self, canvas: &mut Canvas, [left, top]: [f64; 2], [width, height]: [f64; 2]) {
        let small = canvas.small;
        let texts = || self.cells.iter().flatten().map(|cell| cell.text.as_str());
        let is_written = texts().all(|text| font::width(text, small) <= width - 1.5) && height >= 1.1 * small;
        for (row, cells) in self.cells.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                let (x, y) = (left + column as f64 * width, top + row as f64 * height);
                let area = Area { left: x, top: y, width, height };
                let share = cell.share.clamp(0.0, 1.0);
                if share > 0.0 {
                    canvas.rectangle(area, &shade(share), None);
                }
                if is_written && !cell.text.is_empty() {
                    let colour = if share >= WHITE_FROM { "#ffffff" } else { INK };
                    canvas.text(area.middle(), Align::Middle, small, colour, &cell.text);
                }
            }
        }
    }
}

fn shade(share: f64) -> String {
    let [red, green, blue] = DARK.map(|dark| (255.0 + (dark - 255.0) * share).round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}
