//! The legend stands above what it explains, in as many rows as it needs.

use super::canvas::{Align, Area, Canvas, INK};
use super::description::{LegendEntry, Sample};
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
        let sample = if matches!(entry.sample, Sample::Line(_)) { SAMPLE } else { size };
        let name = font::cut(&entry.name, size, room - sample - GAP);
        let width = sample + GAP + font::width(&name, size);
        if x > left && x + width > canvas.width {
            (x, y) = (left, y + ROW * size);
        }
        let middle = y + ROW * size / 2.0;
        match entry.sample {
            Sample::Line(pen) => {
                canvas.line(pen, &[[x, middle], [x + sample, middle]]);
                if let Some(marker) = pen.marker {
                    canvas.marker(pen, marker, [x + sample / 2.0, middle]);
                }
            }
            Sample::Patch(fill) => {
                let area = Area { left: x, top: middle - sample / 2.0, width: sample, height: sample };
                canvas.rectangle(area, &fill.hex(), Some(INK));
            }
        }
        canvas.text([x + sample + GAP, middle], Align::Start, size, INK, &name);
        x += width + APART;
    }
    if entries.is_empty() { top } else { y + ROW * size + GAP }
}
