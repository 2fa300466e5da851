//! Lines and bands. Unlike the plot library's own they have gaps and no more points than the screen can show.

use eframe::egui::{Color32, Mesh, Pos2, Shape, Stroke, pos2};
use egui_plot::PlotTransform;

use crate::app::plots::axes::Scale;
use crate::app::plots::quantity::Quantity;
use crate::app::plots::series::{Point, averaged, thinned, thinned_band};

/// Epochs at least this far apart are marked by dots on the line, in points on the screen.
const DOTS_FROM: f64 = 14.0;
/// Width of the steps in which lines are drawn, in points on the screen.
const FINE: f32 = 2.0;
const COARSE: f32 = 8.0;

/// From values of a run to positions on the screen.
#[derive(Clone, Copy, Debug)]
pub struct Sheet {
    pub transform: PlotTransform,
    pub scale: Scale,
}

/// How closely a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// As the screen can show it.
    Fine,
    /// One mean for every few pixels: a line among many others.
    Coarse,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    pub quantity: Quantity,
    pub stroke: Stroke,
    pub grain: Grain,
    pub has_dots: bool,
}

impl Sheet {
    pub fn at(&self, x: f64, value: f64) -> Pos2 {
        let transform = &self.transform;
        pos2(transform.position_from_point_x(x), transform.position_from_point_y(self.scale.place(value)))
    }

    /// Draws an unbroken stretch of a line, of the values that `value` picks.
    pub fn line(&self, stretch: &[Point], value: impl Fn(&Point) -> f64, pen: Pen, shapes: &mut Vec<Shape>) {
        let path: Vec<Pos2> = stretch.iter().map(|point| self.at(point.x, value(point))).collect();
        let is_alone = path.len() == 1;
        if is_alone || (pen.has_dots && self.transform.dpos_dvalue()[0] >= DOTS_FROM) {
            let radius = pen.stroke.width * if is_alone { 1.6 } else { 1.2 };
            shapes.extend(path.iter().map(|at| Shape::circle_filled(*at, radius, pen.stroke.color)));
        }
        if !is_alone {
            let (path, coarseness) = match pen.grain {
                Grain::Fine => (thinned(&path, FINE), 1.0),
                Grain::Coarse => (averaged(&path, COARSE), 2.0),
            };
            pen.quantity.draw(&path, pen.stroke, coarseness, shapes);
        }
    }

    /// Draws an unbroken stretch of intervals, given as (epoch, low, high); one that stands alone as a line.
    pub fn band(&self, stretch: &[(f64, f64, f64)], fill: Color32, line: Color32, shapes: &mut Vec<Shape>) {
        if let [(x, low, high)] = *stretch {
            shapes.push(Shape::line_segment([self.at(x, low), self.at(x, high)], Stroke::new(1.0, line)));
            return;
        }
        let edges: Vec<_> = stretch.iter().map(|&(x, low, high)| (self.at(x, high), self.at(x, low))).collect();
        let mut mesh = Mesh::default();
        for (index, (top, bottom)) in thinned_band(&edges, 1.0).into_iter().enumerate() {
            mesh.colored_vertex(top, fill);
            mesh.colored_vertex(bottom, fill);
            if index > 0 {
                let k = 2 * index as u32;
                mesh.add_triangle(k - 2, k - 1, k);
                mesh.add_triangle(k - 1, k, k + 1);
            }
        }
        shapes.push(Shape::mesh(mesh));
    }
}
