//! This figure shows a table of a lesson in large type.

use egui::{Align, Rect, Stroke, Ui, pos2};

use crate::app::lessons::figures::{Pen, describe, halves, shown};
use crate::app::lessons::file::filled;
use crate::app::shell::Shell;

pub fn show(ui: &mut Ui, room: Rect, shell: &Shell) {
    let Some(step) = shell.lessons.step() else { return };
    let fill = |text: &str| filled(text, shown(shell), shell.lessons.alpha);
    let rows: Vec<Vec<String>> = step.table.iter().map(|row| row.iter().map(|cell| fill(cell)).collect()).collect();
    let read: Vec<String> = rows.iter().map(|row| row.join(", ")).collect();
    describe(ui, room, format!("A table: {}", read.join("; ")));
    let pen = Pen::new(ui);
    let others = rows.first().map_or(1, |row| row.len().saturating_sub(1)).max(1);
    let [head, rest] = halves(room, 0.36, 0.0);
    let width = rest.width() / others as f32;
    let column = |index: usize, top: f32| {
        let right = head.right() + index as f32 * width;
        let left = if index == 0 { room.left() } else { right - width };
        Rect::from_min_max(pos2(left, top), pos2(right - 0.8 * pen.size, room.bottom()))
    };
    // The fewer rows, the larger.
    let fitting = 0.045 * room.height() / pen.size / rows.len().max(1) as f32 * 6.0;
    let large = fitting.min(width / (9.5 * pen.size)).clamp(1.0, 1.6);
    let mut top = room.top() + 0.5 * pen.size;
    for (number, row) in rows.iter().enumerate() {
        let mut bottom = top;
        for (index, cell) in row.iter().enumerate() {
            let is_value = number > 0 && index > 0;
            let (colour, scale) = if is_value { (pen.palette.text, large) } else { (pen.palette.weak, 1.0) };
            let covered = pen.larger(scale).paragraph(column(index, top), cell, Align::Min, colour);
            bottom = bottom.max(covered.bottom());
        }
        bottom += 1.2 * pen.size;
        pen.painter.hline(room.x_range(), bottom, Stroke::new(1.0, pen.palette.line));
        top = bottom + 1.2 * pen.size;
    }
}
