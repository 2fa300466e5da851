//! Here pen strokes become a digit in MNIST's format.

use crate::picture::Picture;

/// The width and height of digits, in pixels.
pub const DIGIT_SIDE: usize = 28;
/// The ink of a digit fills a box of this side.
pub(super) const BOX_SIDE: f32 = 20.0;
/// The ink's centre of mass lies here, across and down: MNIST has it in pixel (14, 14), not between pixels.
pub(super) const MIDDLE: f32 = DIGIT_SIDE as f32 / 2.0 + 0.5;
/// Half the width of the pen on a canvas, in pixels of the digit: the mean of MNIST.
pub(super) const HALF_WIDTH: f32 = 1.25;

/// These are the strokes of a person: one poly-line each, in any unit, x to the right and y down.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strokes {
    pub lines: Vec<Vec<[f32; 2]>>,
}

impl Strokes {
    pub fn is_empty(&self) -> bool {
        self.lines.iter().all(Vec::is_empty)
    }

    /// Returns the strokes as MNIST would hold them: 28×28, white on black, the ink in a box of 20×20 with its centre
    /// of mass in the middle.
    pub fn to_digit(&self) -> Picture {
        self.to_digit_with(DigitPen { half_width: HALF_WIDTH, edge: 1.0 })
    }

    pub(super) fn to_digit_with(&self, pen: DigitPen) -> Picture {
        let mut placed = self.in_box(pen);
        // Ink weighs by its area, which only the drawing tells; drawing twice is simpler than integrating.
        if let Some([x, y]) = centre_of_mass(&pen.draw(&placed), DIGIT_SIDE) {
            let offset = [MIDDLE - x, MIDDLE - y];
            for point in placed.lines.iter_mut().flatten() {
                *point = [point[0] + offset[0], point[1] + offset[1]];
            }
        }
        let bytes = pen.draw(&placed).iter().map(|ink| (ink * 255.0).round() as u8).collect();
        Picture::new(DIGIT_SIDE, DIGIT_SIDE, 1, bytes)
    }

    /// Scales and moves the ink so that it fills the box in the middle; points that are not numbers are gone.
    fn in_box(&self, pen: DigitPen) -> Self {
        let finite = |line: &Vec<[f32; 2]>| line.iter().copied().filter(|p| p.iter().all(|v| v.is_finite())).collect();
        let mut strokes = Self { lines: self.lines.iter().map(finite).collect() };
        let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for point in strokes.lines.iter().flatten() {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let extent = f32::max(high[0] - low[0], high[1] - low[1]);
        // A single dot has no extent: it stays a dot of the pen's size.
        let scale = if extent > 0.0 { (BOX_SIDE - 2.0 * pen.half_width) / extent } else { 0.0 };
        for point in strokes.lines.iter_mut().flatten() {
            for axis in 0..2 {
                let middle = low[axis] + (high[axis] - low[axis]) / 2.0;
                point[axis] = (point[axis] - middle) * scale + DIGIT_SIDE as f32 / 2.0;
            }
        }
        strokes
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct DigitPen {
    pub(super) half_width: f32,
    pub(super) edge: f32,
}

impl DigitPen {
    /// Draws ink in [0, 1] at each pixel of a digit, by the distance from its centre to the nearest stroke.
    fn draw(self, strokes: &Strokes) -> Vec<f32> {
        let mut ink = vec![0.0; DIGIT_SIDE * DIGIT_SIDE];
        for line in strokes.lines.iter().filter(|line| !line.is_empty()) {
            // The first point on its own, so that a line of one point is a dot.
            let starts = std::iter::once(&line[0]).chain(line);
            for (&from, &to) in starts.zip(line) {
                self.draw_segment(&mut ink, from, to);
            }
        }
        ink
    }

    fn draw_segment(self, ink: &mut [f32], from: [f32; 2], to: [f32; 2]) {
        let reach = self.half_width + self.edge / 2.0 + 1.0;
        let range = |a: f32, b: f32| {
            let last = DIGIT_SIDE as f32;
            ((a.min(b) - reach).clamp(0.0, last) as usize)..((a.max(b) + reach).clamp(0.0, last) as usize)
        };
        for y in range(from[1], to[1]) {
            for x in range(from[0], to[0]) {
                let distance = distance([x as f32 + 0.5, y as f32 + 0.5], from, to);
                let covered = ((self.half_width - distance) / self.edge + 0.5).clamp(0.0, 1.0);
                let pixel = &mut ink[y * DIGIT_SIDE + x];
                *pixel = pixel.max(covered);
            }
        }
    }
}

fn distance(point: [f32; 2], from: [f32; 2], to: [f32; 2]) -> f32 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let away = [point[0] - from[0], point[1] - from[1]];
    let length2 = along[0] * along[0] + along[1] * along[1];
    let t = if length2 > 0.0 { ((away[0] * along[0] + away[1] * along[1]) / length2).clamp(0.0, 1.0) } else { 0.0 };
    f32::hypot(away[0] - t * along[0], away[1] - t * along[1])
}

/// Returns the centre of mass of rows of this width, in pixels from the top left corner; none without ink.
pub(super) fn centre_of_mass(ink: &[f32], width: usize) -> Option<[f32; 2]> {
    let (mut x, mut y, mut total) = (0.0, 0.0, 0.0);
    for (i, &mass) in ink.iter().enumerate() {
        x += mass * ((i % width) as f32 + 0.5);
        y += mass * ((i / width) as f32 + 0.5);
        total += mass;
    }
    (total > 0.0).then(|| [x / total, y / total])
}
