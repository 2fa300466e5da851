//! Pictures stand side by side, with signs between them where they are a sum.

use super::canvas::{Align, Area, Canvas, INK};
use super::description::{CaptionedPicture, PictureRows};
use super::font;
use crate::engine::Result;

const GAP: f64 = 5.0;
const LINE: f64 = 1.3;
const MOST_LINES: usize = 3;
/// Pictures of few pixels need not fill a wide page.
const LARGEST: f64 = 170.0;
/// Words need this room, in sizes of the text.
const LEAST: f64 = 6.5;

impl PictureRows {
    /// Draws the pictures from `top` on and returns where they end.
    pub fn draw(&self, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let columns = self.fitting(canvas);
        let gaps: Vec<f64> = (1..columns).map(|column| self.gap(canvas, column - 1)).collect();
        let room = canvas.width - gaps.iter().sum::<f64>();
        let side = (room / columns as f64).min(LARGEST);
        let shown = side * columns as f64 + gaps.iter().sum::<f64>();
        let mut y = top;
        for row in self.pictures.chunks(columns) {
            let (mut x, mut bottom) = ((canvas.width - shown) / 2.0, y);
            let title = if row.iter().any(|one| !one.title.is_empty()) { 1.5 * canvas.size } else { 0.0 };
            let height = row.iter().map(|one| one.height(side)).fold(0.0, f64::max);
            for (column, one) in row.iter().enumerate() {
                let end = one.draw(canvas, Area { left: x, top: y + title, width: side, height })?;
                bottom = bottom.max(end);
                x += side;
                if let (Some(sign), true) = (self.signs.get(column), column + 1 < row.len()) {
                    let at = [x + gaps[column] / 2.0, y + title + height / 2.0];
                    canvas.text(at, Align::Middle, 1.5 * canvas.size, INK, sign);
                }
                x += gaps.get(column).copied().unwrap_or_default();
            }
            y = bottom + GAP;
        }
        Ok(y - GAP)
    }

    /// Returns how many pictures stand side by side: as many as wanted, unless they are no sum and their words do not fit.
    fn fitting(&self, canvas: &Canvas) -> usize {
        if !self.signs.is_empty() {
            return self.columns.max(1);
        }
        let fit = (canvas.width + GAP) / (LEAST * canvas.size + GAP);
        let most = self.columns.min(fit as usize).max(1);
        // The rows are as long as each other.
        let rows = self.pictures.len().div_ceil(most).max(1);
        self.pictures.len().div_ceil(rows).max(1)
    }

    fn gap(&self, canvas: &Canvas, column: usize) -> f64 {
        self.signs.get(column).map_or(GAP, |sign| font::width(sign, 1.5 * canvas.size) + 6.0)
    }
}

impl CaptionedPicture {
    /// Returns how high the picture is in a square of this side.
    fn height(&self, side: f64) -> f64 {
        let (width, height) = (self.picture.width.max(1) as f64, self.picture.height as f64);
        (side * height / width).min(side)
    }

    /// Draws the title, the picture in the middle of `area`, and the words below it; returns where they end.
    fn draw(&self, canvas: &mut Canvas, area: Area) -> Result<f64> {
        let (size, small) = (canvas.size, canvas.small);
        let [middle, _] = area.middle();
        let title = font::cut(&self.title, size, area.width);
        if !title.is_empty() {
            canvas.text([middle, area.top - 0.7 * size], Align::Middle, size, INK, &title);
        }
        let height = self.height(area.width);
        let width = height * self.picture.width as f64 / self.picture.height.max(1) as f64;
        let left = area.left + (area.width - width) / 2.0;
        let inside = Area { left, top: area.top + (area.height - height) / 2.0, width, height };
        canvas.picture(inside, &self.picture)?;
        canvas.rectangle(inside, "none", Some(INK));
        let mut y = area.bottom() + 0.5 * small;
        for line in self.words.split('\n').flat_map(|part| font::wrapped(part, small, area.width, MOST_LINES)) {
            y += LINE * small;
            canvas.text([middle, y - 0.5 * LINE * small], Align::Middle, small, INK, &line);
        }
        Ok(y)
    }
}
