//! This figure shows why robust nets need more units: the boundary goes around the squares of ±ε of all pictures.

use egui::{Align2, Button, Pos2, Rect, Shape, Stroke, StrokeKind, Ui, Vec2, pos2};

use crate::app::commands::Command;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::{Pen, describe, in_row};
use crate::app::theme;

/// Half a side of the squares, as a share of the drawing's height.
const EPS: f32 = 0.075;
/// Pictures of each class lie on a curve; those of the other class lie this far below, in shares of the height.
const APART: f32 = 0.36;
const PER_CLASS: usize = 8;

fn manifold(t: f32) -> f32 {
    0.34 + 0.12 * (std::f32::consts::TAU * 1.25 * t + 0.4).sin()
}

fn boundary(t: f32, has_more: bool) -> f32 {
    if has_more { manifold(t) + 0.5 * APART } else { 0.5 }
}

/// A picture of the drawing is fooled where the boundary runs through its square.
struct PlottedPicture {
    t: f32,
    y: f32,
    is_upper: bool,
    is_fooled: bool,
}

fn plotted(has_more: bool, width: f32) -> Vec<PlottedPicture> {
    let picture = |index: usize| {
        let is_upper = index < PER_CLASS;
        let t = ((index % PER_CLASS) as f32 + 0.5) / PER_CLASS as f32;
        let y = manifold(t) + if is_upper { 0.0 } else { APART };
        let half = EPS / width;
        let is_fooled = (0..=20).any(|i| {
            let line = boundary(t - half + 2.0 * half * i as f32 / 20.0, has_more);
            if is_upper { line < y + EPS } else { line > y - EPS }
        });
        PlottedPicture { t, y, is_upper, is_fooled }
    };
    (0..2 * PER_CLASS).map(picture).collect()
}

pub fn show(ui: &mut Ui, room: Rect, has_more: bool, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    let buttons = room.with_min_y(room.bottom() - 2.2 * size);
    let drawing = room.with_max_y(buttons.top() - 3.0 * size);
    let pictures = plotted(has_more, drawing.width() / drawing.height().max(1.0));
    let fooled = pictures.iter().filter(|picture| picture.is_fooled).count();
    let text = format!("{fooled} of {} pictures have a doppelgänger within ε", pictures.len());
    describe(ui, drawing, format!("A drawing: {text}"));
    let pen = Pen::new(ui);
    pen.card(drawing);
    let at = |x: f32, y: f32| pos2(drawing.left() + x * drawing.width(), drawing.top() + y * drawing.height());
    let line =
        |f: &dyn Fn(f32) -> f32| -> Vec<Pos2> { (0..=160).map(|i| i as f32 / 160.0).map(|t| at(t, f(t))).collect() };
    for below in [0.0, APART] {
        let faint = Stroke::new(0.06 * size, pen.palette.line);
        pen.painter.add(Shape::line(line(&|t| manifold(t) + below), faint));
    }
    let side = Vec2::splat(2.0 * EPS * drawing.height());
    for picture in &pictures {
        let centre = at(picture.t, picture.y);
        let class = if picture.is_upper { pen.palette.runs[0] } else { pen.palette.runs[1] };
        let square = Rect::from_center_size(centre, side);
        let colour = if picture.is_fooled { pen.palette.fooled } else { pen.palette.weak };
        let edge = Stroke::new(0.07 * size, colour);
        pen.painter.rect(square, 0, colour.gamma_multiply(0.2), edge, StrokeKind::Inside);
        pen.painter.circle_filled(centre, 0.3 * size, class);
    }
    pen.painter.add(Shape::line(line(&|t| boundary(t, has_more)), Stroke::new(0.16 * size, pen.palette.text)));
    let corner = drawing.left_top() + Vec2::splat(0.8 * size);
    let legend = "squares: within ε of a picture; the line: what the net draws";
    pen.text(corner, Align2::LEFT_TOP, legend, pen.palette.weak);
    let colour = if fooled > 0 { pen.palette.fooled } else { pen.palette.text };
    let below = pos2(room.center().x, drawing.bottom() + 0.6 * size);
    pen.larger(1.1).strong(below, Align2::CENTER_TOP, text, colour);
    in_row(ui, buttons, |ui| {
        for (name, more) in [("Few units", false), ("More units", true)] {
            if ui.add(Button::selectable(more == has_more, name).frame_when_inactive(true)).clicked() {
                out.push(LessonCommand::Units(more).into());
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_can_bend_leaves_every_square_alone_and_a_straight_one_does_not() {
        let fooled = |has_more| plotted(has_more, 1.6).iter().filter(|picture| picture.is_fooled).count();
        assert_eq!(fooled(true), 0);
        assert!((2..2 * PER_CLASS).contains(&fooled(false)), "{}", fooled(false));
        let straight = plotted(false, 1.6);
        let is_right = |picture: &PlottedPicture| (picture.y < boundary(picture.t, false)) == picture.is_upper;
        assert!(straight.iter().all(is_right), "both boundaries have every picture itself right");
    }
}
