//! A figure is described by what it shows. How it is drawn follows from the width, the size of the text and the format.

use std::sync::Arc;

use super::axes::{AxisScale, Interval};
use super::ink::{Fill, Pen};
use crate::engine::picture::Rgba;

/// A figure is one picture of a paper, with its caption.
#[derive(Clone, Debug)]
pub struct Figure {
    pub content: Content,
    /// The legend stands above the content.
    pub legend: Vec<LegendEntry>,
    pub caption: Caption,
}

#[derive(Clone, Debug)]
pub enum Content {
    Plots(PlotGrid),
    Pictures(PictureRows),
    Matrix(Matrix),
}

/// A caption says what is seen and under which conditions: settings, the number of pictures, the seed.
#[derive(Clone, Debug, Default)]
pub struct Caption {
    pub text: String,
    /// This command makes the figure again.
    pub command: Option<String>,
}

#[derive(Clone, Debug)]
pub struct LegendEntry {
    pub name: String,
    pub sample: Sample,
}

/// This stands before a name in the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    Line(Pen),
    Patch(Fill),
}

/// Plots stand in rows, from the left and from the top.
#[derive(Clone, Debug)]
pub struct PlotGrid {
    pub plots: Vec<Plot>,
    pub columns: usize,
    /// All plots of a column have one x axis, which is written below the last of them; where there are several columns,
    /// all plots of a row also have one y axis, which is written at the left.
    pub shares_axes: bool,
    /// The height of a plot, without the texts around it, as a share of its width.
    pub aspect: f64,
}

#[derive(Clone, Debug)]
pub struct Plot {
    /// The title stands above the plot; it may be empty.
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<Line>,
    /// These bars stand on the x axis side by side, each as wide as its interval.
    pub bars: Vec<(Interval, f64)>,
    pub marks: Vec<Mark>,
    /// Coloured cells may fill the plot below everything else.
    pub field: Option<Field>,
}

/// A square of coloured cells fills a plot from edge to edge. Places on it are in units of cells from its left upper
/// corner.
#[derive(Clone, Debug)]
pub struct Field {
    /// Each pixel is a cell.
    pub picture: Arc<Rgba>,
    /// Thin lines lie between cells that differ.
    pub borders: Vec<[[f64; 2]; 2]>,
    pub names: Vec<FieldName>,
}

/// A name is written on a field where it fits into its place.
#[derive(Clone, Debug)]
pub struct FieldName {
    pub text: String,
    pub middle: [f64; 2],
    pub size: [f64; 2],
    pub fill: Fill,
}

#[derive(Clone, Debug)]
pub struct Axis {
    /// The name of the quantity with its unit.
    pub name: String,
    pub scale: AxisScale,
    /// The ends of the axis, as places of the scale.
    pub ends: Interval,
    /// Writes the value of a tick.
    pub text: fn(f64) -> String,
    /// Ticks stand at whole numbers from 1 on only, as epochs do.
    pub counts: bool,
}

/// A line runs through points; it is broken where something was not measured.
#[derive(Clone, Debug)]
pub struct Line {
    pub pen: Pen,
    pub stretches: Vec<Vec<[f64; 2]>>,
    /// The 95 % intervals of y, each at its x.
    pub intervals: Vec<(f64, Interval)>,
    pub spread: Spread,
    pub is_joined: bool,
}

/// Intervals are drawn in one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// A band behind the line.
    Band,
    /// An upright stroke at each point.
    Strokes,
}

/// A mark is an upright dotted line with a text above it.
#[derive(Clone, Debug)]
pub struct Mark {
    pub x: f64,
    pub text: String,
}

/// Pictures stand in rows, each with a title above it and a few words below it.
#[derive(Clone, Debug)]
pub struct PictureRows {
    pub pictures: Vec<CaptionedPicture>,
    pub columns: usize,
    /// These signs stand between the pictures of a row, such as "+" and "="; there may be none.
    pub signs: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub struct CaptionedPicture {
    pub picture: Arc<Rgba>,
    pub title: String,
    pub words: String,
}

/// A matrix has a share, from 0 to 1, for each row and column.
#[derive(Clone, Debug)]
pub struct Matrix {
    pub row_axis: String,
    pub column_axis: String,
    pub rows: Vec<String>,
    pub columns: Vec<String>,
    /// The cells, row by row.
    pub cells: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
pub struct Cell {
    pub share: f64,
    pub text: String,
}

impl Figure {
    pub fn new(content: Content, caption: Caption) -> Self {
        Self { content, legend: Vec::new(), caption }
    }
}

impl LegendEntry {
    pub fn line(name: &str, pen: Pen) -> Self {
        Self { name: name.to_owned(), sample: Sample::Line(pen) }
    }
}

impl Axis {
    /// Makes an axis of equal steps between two values.
    pub fn linear(name: &str, ends: Interval, text: fn(f64) -> String) -> Self {
        Self { name: name.to_owned(), scale: AxisScale::Linear, ends, text, counts: false }
    }
}

impl Plot {
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { title: String::new(), x, y, lines: Vec::new(), bars: Vec::new(), marks: Vec::new(), field: None }
    }
}

impl PlotGrid {
    pub fn single(plot: Plot) -> Self {
        Self { plots: vec![plot], columns: 1, shares_axes: false, aspect: 0.62 }
    }
}
