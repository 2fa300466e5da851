//! A canvas collects the elements of an SVG. All lengths are in points.

use base64::Engine as _;
use svg::node::Value;
use svg::node::element::{Description, Image, Path, Rectangle, Text};
use svg::{Document, Node};

use super::font;
use super::ink::{Marker, Pen};
use super::options::FigureOptions;
use crate::engine::Result;
use crate::engine::picture::{Picture, Rgba, png_bytes};

pub const INK: &str = "#000000";
pub const FAINT: &str = "#8a8a8a";
pub const LINE: f64 = 1.1;
const THIN: f64 = 0.5;
const FINE: f64 = 0.25;
/// Half of the side of a marker.
const MARKER: f64 = 1.9;
/// The height of a capital letter at size 1.
const CAPITAL: f64 = 0.73;
/// Programs blur small pictures when they enlarge them, so that they are enlarged to this side beforehand.
const SHARP: usize = 280;

/// The corners of a plus sign.
const PLUS: [[f64; 2]; 12] = [
    [-0.35, -2.0],
    [0.35, -2.0],
    [0.35, -0.35],
    [2.0, -0.35],
    [2.0, 0.35],
    [0.35, 0.35],
    [0.35, 2.0],
    [-0.35, 2.0],
    [-0.35, 0.35],
    [-2.0, 0.35],
    [-2.0, -0.35],
    [-0.35, -0.35],
];

/// A text lies at its point like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Start,
    Middle,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(self) -> f64 {
        self.top + self.height
    }

    pub fn middle(self) -> [f64; 2] {
        [self.left + self.width / 2.0, self.top + self.height / 2.0]
    }
}

pub struct Canvas {
    pub width: f64,
    /// The size of the texts.
    pub size: f64,
    /// The size of the numbers at ticks and in cells.
    pub small: f64,
    document: Document,
}

/// Rounds a length to hundredths of a point, which no printer resolves.
fn rounded(length: f64) -> f64 {
    (length * 100.0).round() / 100.0 + 0.0
}

impl Canvas {
    /// Begins an SVG on white, with what the figure is as its description.
    pub fn new(options: &FigureOptions, caption: &str) -> Self {
        let size = f64::from(options.font_size);
        let white = Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff");
        let document = Document::new()
            .set("font-family", font::FAMILIES)
            .add(Description::new().add(svg::node::Text::new(caption)))
            .add(white);
        Self { width: options.points(), size, small: 0.875 * size, document }
    }

    /// Returns the SVG, `height` high.
    pub fn finish(self, height: f64) -> String {
        let mm = |points: f64| format!("{:.3}mm", points * 25.4 / 72.0);
        let (width, height) = (rounded(self.width), rounded(height));
        let document = self.document.set("viewBox", format!("0 0 {width} {height}"));
        document.set("width", mm(width)).set("height", mm(height)).to_string()
    }

    /// Writes a text whose capital letters are centred on the height of `at`.
    pub fn text(&mut self, at: [f64; 2], align: Align, size: f64, colour: &str, text: &str) {
        let anchor = match align {
            Align::Start => "start",
            Align::Middle => "middle",
            Align::End => "end",
        };
        let text = Text::new(text).set("x", rounded(at[0])).set("y", rounded(at[1] + CAPITAL / 2.0 * size));
        self.document.append(text.set("font-size", rounded(size)).set("text-anchor", anchor).set("fill", colour));
    }

    /// Writes a text from below to above, centred on `at`.
    pub fn upright(&mut self, at: [f64; 2], align: Align, size: f64, text: &str) {
        let anchor = if align == Align::Middle { "middle" } else { "start" };
        let place = format!("translate({} {}) rotate(-90)", rounded(at[0] + CAPITAL / 2.0 * size), rounded(at[1]));
        let text = Text::new(text).set("transform", place).set("font-size", rounded(size));
        self.document.append(text.set("text-anchor", anchor).set("fill", INK));
    }

    pub fn thin_line(&mut self, from: [f64; 2], to: [f64; 2], colour: &str, dashes: Option<&str>) {
        let path = Path::new().set("d", moves(&[from, to], false)).set("fill", "none").set("stroke", colour);
        let path = path.set("stroke-width", THIN);
        self.document.append(match dashes {
            Some(dashes) => path.set("stroke-dasharray", dashes),
            None => path,
        });
    }

    /// Draws thin straight pieces as one element.
    pub fn pieces(&mut self, pieces: &[[[f64; 2]; 2]], colour: &str) {
        let moves: String = pieces.iter().map(|piece| moves(piece, false)).collect();
        let path = Path::new().set("d", moves).set("fill", "none").set("stroke", colour);
        self.document.append(path.set("stroke-width", FINE).set("stroke-linecap", "square"));
    }

    pub fn rectangle(&mut self, area: Area, fill: &str, stroke: Option<&str>) {
        let [left, top] = [area.left, area.top].map(rounded);
        let [width, height] = [area.width, area.height].map(|side| rounded(side.max(0.0)));
        let shape = Rectangle::new().set("x", left).set("y", top).set("width", width).set("height", height);
        let shape = shape.set("fill", fill);
        self.document.append(match stroke {
            Some(stroke) => shape.set("stroke", stroke).set("stroke-width", THIN),
            None => shape,
        });
    }

    /// Draws a line through points.
    pub fn line(&mut self, pen: Pen, points: &[[f64; 2]]) {
        let path = Path::new().set("d", moves(points, false)).set("fill", "none").set("stroke", pen.hex());
        let path = path.set("stroke-width", LINE).set("stroke-linejoin", "round");
        self.document.append(match pen.dash.lengths() {
            Some([dash, gap]) => path.set("stroke-dasharray", format!("{dash} {gap}")),
            None => path,
        });
    }

    /// Fills the shape with these corners, so that what is below it shows through.
    pub fn band(&mut self, pen: Pen, corners: &[[f64; 2]]) {
        let path = Path::new().set("d", moves(corners, true)).set("fill", pen.hex()).set("fill-opacity", 0.16);
        self.document.append(path.set("stroke", "none"));
    }

    pub fn marker(&mut self, pen: Pen, marker: Marker, at: [f64; 2]) {
        let r = MARKER;
        let offsets: &[[f64; 2]] = match marker {
            Marker::Circle | Marker::Ring => &[],
            Marker::Square | Marker::Frame => &[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
            Marker::Triangle => &[[0.0, -1.2], [1.15, 0.85], [-1.15, 0.85]],
            Marker::Plus => &PLUS,
            Marker::Diamond => &[[0.0, -1.35], [1.35, 0.0], [0.0, 1.35], [-1.35, 0.0]],
        };
        let corners: Vec<_> = offsets.iter().map(|[x, y]| [at[0] + r * x, at[1] + r * y]).collect();
        let outline = if corners.is_empty() { circle(at, r) } else { Value::from(moves(&corners, true)) };
        let is_open = matches!(marker, Marker::Ring | Marker::Frame);
        let path = Path::new().set("d", outline).set("fill", if is_open { "#ffffff" } else { pen.hex() });
        let (edge, width) = match marker {
            // It shows on a field of any colour.
            Marker::Plus => ("#ffffff", 0.6),
            _ => (pen.hex(), if is_open { 0.8 } else { 0.3 }),
        };
        self.document.append(path.set("stroke", edge).set("stroke-width", width));
    }

    /// Draws a picture into an area of its own proportions.
    pub fn picture(&mut self, area: Area, picture: &Rgba) -> Result<()> {
        let data = base64::engine::general_purpose::STANDARD.encode(png_bytes(&sharp(picture), &[])?);
        let [left, top, width, height] = [area.left, area.top, area.width, area.height].map(rounded);
        let image = Image::new().set("x", left).set("y", top).set("width", width).set("height", height);
        let image = image.set("preserveAspectRatio", "none").set("image-rendering", "optimizeSpeed");
        self.document.append(image.set("href", format!("data:image/png;base64,{data}")));
        Ok(())
    }
}

/// Writes a path from point to point.
fn moves(points: &[[f64; 2]], is_closed: bool) -> String {
    let mut path = String::new();
    for (number, [x, y]) in points.iter().enumerate() {
        let step = if number == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{step}{} {}", rounded(*x), rounded(*y)));
    }
    if is_closed { path + "Z" } else { path }
}

fn circle([x, y]: [f64; 2], r: f64) -> Value {
    let [left, right, y, r] = [x - r, x + r, y, r].map(rounded);
    format!("M{left} {y}A{r} {r} 0 1 1 {right} {y}A{r} {r} 0 1 1 {left} {y}Z").into()
}

/// Returns an opaque picture whose pixels are squares of as many pixels as make it sharp in print.
fn sharp(picture: &Rgba) -> Picture {
    let Rgba { width, height, ref bytes } = *picture;
    let times = SHARP.div_ceil(width.max(height).max(1));
    let (wide, high) = (width * times, height * times);
    let at = |y: usize, x: usize| &bytes[4 * (y / times * width + x / times)..][..3];
    let bytes = (0..high).flat_map(|y| (0..wide).flat_map(move |x| at(y, x).iter().copied())).collect();
    Picture::new(wide, high, 3, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pictures_stay_squares_when_they_are_enlarged() {
        let bytes = [10, 20, 30, 255, 200, 210, 220, 255].to_vec();
        let large = sharp(&Rgba { width: 2, height: 1, bytes });
        assert_eq!((large.width, large.height, large.channels), (280, 140, 3));
        assert_eq!(large.bytes[3 * 139..3 * 141], [10, 20, 30, 200, 210, 220]);
        let photo = Rgba { width: 300, height: 2, bytes: vec![7; 2400] };
        assert_eq!(sharp(&photo).width, 300);
    }
}
