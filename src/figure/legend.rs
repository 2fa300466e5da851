//! The legend stands above what it explains, in as many rows as it needs.

use super::canvas::{Align, Canvas, INK};
use super::description::LegendEntry;
use super::font;

const SAMPLE: f64 = 18.0;
const GAP: f64 = 3.5;
const APART: f64 = 10.0;
const ROW: f64 = 1.45;

/// Draws the legend from `top` on and returns where it ends.
pub fn draw(canvas: &mut Canvas, entries: &[LegendEntry], left: f64, top: f64) -> f64 {
    let size = canvas.small;
    let room = canvas.width - left;
    let (mut x, mut y) = (left, top);
    for entry in entries {
        let name = font::cut(&entry.name, size, room - SAMPLE - GAP);
        let width = SAMPLE + GAP + font::width(&name, size);
        if x > left && x + width > canvas.width {
            (x, y) = (left, y + ROW * size);
        }
        let middle = y + ROW * size / 2.0;
        canvas.line(entry.pen, &[[x, middle], [x + SAMPLE, middle]]);
        if let Some(marker) = entry.pen.marker {
            canvas.marker(entry.pen, marker, [x + SAMPLE / 2.0, middle]);
        }
        canvas.text([x + SAMPLE + GAP, middle], Align::Start, size, INK, &name);
        x += width + APART;
    }
    if entries.is_empty() { top } else { y + ROW * size + GAP }
}
