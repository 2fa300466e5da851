//! Plots have a frame, ticks outside it, and lines with their intervals.

use super::axes::Interval;
use super::canvas::{Align, Area, Canvas, FAINT, INK};
use super::description::{Axis, Field, FieldName, Line, Plot, PlotGrid, Spread};
use super::font;
use super::ink::{BLACK, Dash, Pen};
use crate::engine::Result;

const TICK: f64 = 2.5;
const GAP: f64 = 2.5;
/// Room between two plots, and at the right for the second half of the last tick's text.
const APART: f64 = 7.0;
const BETWEEN_MARKERS: f64 = 16.0;
/// The share of an interval that a bar fills.
const BAR: f64 = 0.92;
const BARS: Pen = Pen { colour: 5, dash: Dash::Solid, marker: None };

/// These texts stand beside an axis.
struct Ticks {
    places: Vec<f64>,
    texts: Vec<String>,
}

impl Ticks {
    /// Finds ticks whose texts do not touch on an axis of this length; along x they are as wide as their texts.
    fn new(axis: &Axis, length: f64, size: f64, is_x: bool) -> Self {
        let mut apart = if is_x { 3.0 * size } else { 1.9 * size };
        loop {
            let step = apart / length * axis.ends.width();
            let places = axis.scale.ticks(axis.ends, if axis.counts { step.max(1.0) } else { step });
            let is_kept = |place: &f64| !axis.counts || *place >= 1.0;
            let places: Vec<f64> = places.into_iter().filter(is_kept).collect();
            let texts: Vec<String> = places.iter().map(|place| (axis.text)(axis.scale.value(*place))).collect();
            let widest = texts.iter().map(|text| font::width(text, size)).fold(0.0, f64::max);
            if !is_x || apart >= widest + 0.8 * size || places.len() < 2 {
                return Self { places, texts };
            }
            apart = widest + 0.8 * size;
        }
    }

    fn widest(&self, size: f64) -> f64 {
        self.texts.iter().map(|text| font::width(text, size)).fold(0.0, f64::max)
    }
}

/// Says which texts a plot has around it in a grid.
#[derive(Clone, Copy)]
struct Around {
    has_x: bool,
    has_y: bool,
}

/// The rooms around the frames of a grid: a plot's left and bottom texts, and its title with the texts of marks.
struct Margins {
    left: f64,
    bottom: f64,
    top: Vec<f64>,
}

impl PlotGrid {
    fn around(&self, index: usize) -> Around {
        let is_last = index + self.columns >= self.plots.len();
        Around { has_x: !self.shares_axes || is_last, has_y: !self.shares_axes || index.is_multiple_of(self.columns) }
    }

    fn rows(&self) -> usize {
        self.plots.len().div_ceil(self.columns.max(1))
    }

    /// Returns the room between two plots. Numbers at the ends of maps, of both signs, do not touch.
    fn apart(&self, canvas: &Canvas) -> f64 {
        let has_maps = self.plots.iter().any(|plot| plot.field.is_some());
        if has_maps && self.columns > 1 { 3.2 * canvas.small } else { APART }
    }

    /// Returns the size of a frame where the texts at the left take this room.
    fn frame(&self, canvas: &Canvas, left: f64) -> [f64; 2] {
        let columns = self.columns.max(1) as f64;
        let texts = if self.shares_axes { left } else { left * columns };
        let apart = self.apart(canvas) * (columns - 1.0) + APART;
        let width = ((canvas.width - texts - apart) / columns).max(20.0);
        [width, self.aspect * width]
    }

    fn margins(&self, canvas: &Canvas) -> Margins {
        let (size, small) = (canvas.size, canvas.small);
        let name = 1.3 * size + GAP;
        // The ticks depend a little on the room that their texts leave.
        let mut left = 6.0 * size;
        for _ in 0..2 {
            let [_, height] = self.frame(canvas, left);
            let widest = |plot: &Plot| Ticks::new(&plot.y, height, small, false).widest(small);
            left = self.plots.iter().map(widest).fold(0.0, f64::max) + TICK + GAP + name;
        }
        let titles = |row: usize| {
            let plots = || self.plots.iter().skip(row * self.columns).take(self.columns);
            let title = if plots().any(|plot| !plot.title.is_empty()) { 1.5 * size } else { 0.45 * small };
            title + plots().map(mark_rows).max().unwrap_or(0) as f64 * 1.25 * small
        };
        let bottom = TICK + GAP + 1.2 * small + name;
        Margins { left, bottom, top: (0..self.rows()).map(titles).collect() }
    }

    /// Draws the plots from `top` on and returns where they end.
    pub fn draw(&self, canvas: &mut Canvas, top: f64) -> Result<f64> {
        let margins = self.margins(canvas);
        let [width, height] = self.frame(canvas, margins.left);
        let mut y = top;
        for row in 0..self.rows() {
            y += margins.top[row];
            let first = row * self.columns;
            let plots = &self.plots[first..(first + self.columns).min(self.plots.len())];
            let mut has_x = false;
            for (column, plot) in plots.iter().enumerate() {
                let around = self.around(first + column);
                has_x |= around.has_x;
                let texts = if self.shares_axes { margins.left } else { margins.left * (column as f64 + 1.0) };
                let left = texts + column as f64 * (width + self.apart(canvas));
                let area = Area { left, top: y, width, height };
                Frame { plot, area }.draw(canvas, around, margins.left)?;
            }
            y += height + if has_x { margins.bottom } else { APART };
        }
        Ok(y)
    }
}

impl Field {
    fn draw(&self, canvas: &mut Canvas, area: Area) -> Result<()> {
        canvas.picture(area, &self.picture)?;
        let cell = [area.width / self.picture.width as f64, area.height / self.picture.height as f64];
        let at = |[across, down]: [f64; 2]| [area.left + across * cell[0], area.top + down * cell[1]];
        let borders: Vec<_> = self.borders.iter().map(|piece| piece.map(at)).collect();
        canvas.pieces(&borders, INK);
        let small = canvas.small;
        for FieldName { text, middle, size, fill } in &self.names {
            let fits = font::width(text, small) + 4.0 <= size[0] * cell[0] && 1.2 * small <= size[1] * cell[1];
            if fits {
                canvas.text(at(*middle), Align::Middle, small, fill.ink(), text);
            }
        }
        Ok(())
    }
}

/// Returns the number of lines that the texts of marks take.
fn mark_rows(plot: &Plot) -> usize {
    plot.marks.len().min(3)
}

/// A plot in its place.
struct Frame<'a> {
    plot: &'a Plot,
    area: Area,
}

impl Frame<'_> {
    fn x(&self, value: f64) -> f64 {
        let (axis, area) = (&self.plot.x, self.area);
        area.left + (axis.scale.place(value) - axis.ends.low) / axis.ends.width() * area.width
    }

    fn y(&self, value: f64) -> f64 {
        let (axis, area) = (&self.plot.y, self.area);
        area.bottom() - (axis.scale.place(value) - axis.ends.low) / axis.ends.width() * area.height
    }

    /// Returns the place of a point, which lies on the frame where it is beyond it.
    fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let area = self.area;
        [self.x(x).clamp(area.left, area.right()), self.y(y).clamp(area.top, area.bottom())]
    }

    fn draw(&self, canvas: &mut Canvas, around: Around, left: f64) -> Result<()> {
        if let Some(field) = &self.plot.field {
            field.draw(canvas, self.area)?;
        }
        self.axes(canvas, around, left);
        self.marks(canvas);
        for (interval, value) in &self.plot.bars {
            let gap = (1.0 - BAR) / 2.0 * interval.width();
            let [from, to] = [interval.low + gap, interval.high - gap].map(|x| self.x(x));
            let [top, bottom] = [self.y(*value), self.area.bottom()];
            let bar = Area { left: from, top, width: to - from, height: bottom - top };
            canvas.rectangle(bar, BARS.hex(), (*value > 0.0).then_some(INK));
        }
        for line in &self.plot.lines {
            self.spread(canvas, line);
        }
        for line in &self.plot.lines {
            self.line(canvas, line);
        }
        canvas.rectangle(self.area, "none", Some(INK));
        Ok(())
    }

    fn axes(&self, canvas: &mut Canvas, around: Around, left: f64) {
        let (plot, area, size, small) = (self.plot, self.area, canvas.size, canvas.small);
        let ticks = Ticks::new(&plot.x, area.width, small, true);
        for (place, text) in ticks.places.iter().zip(&ticks.texts) {
            let x = area.left + (place - plot.x.ends.low) / plot.x.ends.width() * area.width;
            canvas.thin_line([x, area.bottom()], [x, area.bottom() + TICK], INK, None);
            if around.has_x {
                let y = area.bottom() + TICK + GAP + 0.5 * small;
                canvas.text([x, y], Align::Middle, small, INK, text);
            }
        }
        let ticks = Ticks::new(&plot.y, area.height, small, false);
        for (place, text) in ticks.places.iter().zip(&ticks.texts) {
            let y = area.bottom() - (place - plot.y.ends.low) / plot.y.ends.width() * area.height;
            canvas.thin_line([area.left, y], [area.left - TICK, y], INK, None);
            if around.has_y {
                canvas.text([area.left - TICK - GAP, y], Align::End, small, INK, text);
            }
        }
        let [middle, height] = area.middle();
        if around.has_x {
            let y = area.bottom() + TICK + GAP + 1.2 * small + GAP + 0.5 * size;
            canvas.text([middle, y], Align::Middle, size, INK, &plot.x.name);
        }
        if around.has_y {
            let name = font::cut(&plot.y.name, size, 1.35 * area.height);
            canvas.upright([area.left - left + 0.6 * size, height], Align::Middle, size, &name);
        }
        if !plot.title.is_empty() {
            let y = area.top - 0.75 * size - mark_rows(plot) as f64 * 1.25 * small;
            let title = font::cut(&plot.title, size, area.width);
            canvas.text([middle, y], Align::Middle, size, INK, &title);
        }
    }

    /// Draws upright lines whose texts stand above the frame, in as many rows as they need.
    fn marks(&self, canvas: &mut Canvas) {
        let (area, small, rows) = (self.area, canvas.small, mark_rows(self.plot));
        let mut ends = vec![f64::NEG_INFINITY; rows];
        for mark in &self.plot.marks {
            let x = self.x(mark.x);
            if !(area.left..=area.right()).contains(&x) {
                continue;
            }
            let width = font::width(&mark.text, small);
            let left = (x - width / 2.0).min(canvas.width - width).max(area.left);
            let Some(row) = ends.iter().position(|end| left > end + small) else { continue };
            ends[row] = left + width;
            let y = area.top - (row as f64 + 0.6) * 1.25 * small;
            canvas.thin_line([x, area.bottom()], [x, area.top], FAINT, Some("1.5 1.5"));
            canvas.text([left, y], Align::Start, small, INK, &mark.text);
        }
    }

    fn spread(&self, canvas: &mut Canvas, line: &Line) {
        match line.spread {
            Spread::Band => {
                // A band is broken where its line is.
                for stretch in &line.stretches {
                    let inside = |x: f64| stretch.iter().any(|point| point[0] == x);
                    let intervals: Vec<_> = line.intervals.iter().filter(|(x, _)| inside(*x)).collect();
                    let low = intervals.iter().map(|(x, interval)| self.at([*x, interval.low]));
                    let high = intervals.iter().rev().map(|(x, interval)| self.at([*x, interval.high]));
                    let corners: Vec<_> = low.chain(high).collect();
                    if corners.len() > 2 {
                        canvas.band(line.pen, &corners);
                    }
                }
            }
            Spread::Strokes => {
                let solid = Pen::plain(line.pen.colour, Dash::Solid);
                for (x, Interval { low, high }) in &line.intervals {
                    canvas.line(solid, &[self.at([*x, *low]), self.at([*x, *high])]);
                }
            }
        }
    }

    fn line(&self, canvas: &mut Canvas, line: &Line) {
        for stretch in &line.stretches {
            let points: Vec<_> = stretch.iter().map(|point| self.at(*point)).collect();
            if points.len() > 1 && line.is_joined {
                canvas.line(line.pen, &points);
            }
            let Some(marker) = line.pen.marker else { continue };
            let mut last = f64::NEG_INFINITY;
            for point in points {
                if point[0] - last >= BETWEEN_MARKERS || !line.is_joined || line.spread == Spread::Strokes {
                    canvas.marker(line.pen, marker, point);
                    last = point[0];
                }
            }
        }
    }
}

/// The pen of what is neither of the lines: the legend's dashes of all runs.
pub fn grey(dash: Dash) -> Pen {
    Pen::plain(BLACK, dash)
}
