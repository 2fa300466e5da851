//! Matrices show which class is taken for which, and who is fooled by whose pictures.

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Align2, Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::format::{self, per_cent};
use crate::app::pages::explore::words;
use crate::app::pages::test_sets::state::TestSet;
use crate::app::pages::test_sets::wording::{first, pixels};
use crate::app::theme::{self, SPACE_3, palette};
use crate::app::widgets::remark;
use crate::engine::eval::confusion;
use crate::engine::statistics::wilson_interval;

const MOST_CELL: f32 = 54.0;
/// The nets' names fit above cells of this width.
const WIDE_CELL: Vec2 = vec2(184.0, 72.0);
const LEAST_CELL: f32 = 9.0;
/// Smaller cells have no numbers in them.
const WRITTEN: f32 = 26.0;
const WIDEST_NAME: f32 = 220.0;

pub fn show(ui: &mut Ui, tests: &TestSet) {
    ui.add_space(SPACE_3);
    let (Some(curve), Some((_, answers))) = (tests.curve(), tests.answers()) else { return };
    let classes = &curve.classes;
    let counts = confusion(answers, classes.len());
    let most = Vec2::splat(MOST_CELL);
    let axes = ["what it is", "what the net says"];
    let layout = MatrixLayout { axes, names: classes, most, head: 22.0, is_right: true };
    matrix(ui, &layout, &counts, |row, column| {
        let (count, all) = (counts[row][column], counts[row].iter().sum::<usize>());
        let said = if row == column { "are right".into() } else { format!("are taken for {}", classes[column]) };
        let words = format!("{count} of {all} pictures of {} {said}", classes[row]);
        (count.to_string(), words, count as f32 / all.max(1) as f32)
    });
}

struct MatrixLayout<'a> {
    axes: [&'a str; 2],
    names: &'a [String],
    most: Vec2,
    /// The columns have their names in this height.
    head: f32,
    /// The diagonal stands for right answers.
    is_right: bool,
}

impl MatrixLayout<'_> {
    /// Returns the size of a cell, and how wide the names of the rows are, which is 0 where they do not fit.
    fn measure(&self, room: Vec2) -> (Vec2, f32) {
        let n = self.names.len();
        let longest = self.names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f32;
        let names = if n <= 20 { (7.5 * longest + 16.0).min(WIDEST_NAME).min(0.3 * room.x) } else { 0.0 };
        let cell = vec2(room.x - names - 24.0, room.y - self.head - 42.0) / n as f32;
        let cell = cell.max(Vec2::splat(LEAST_CELL)).min(self.most);
        (if self.most.x == self.most.y { Vec2::splat(cell.min_elem()) } else { cell }, names)
    }
}

/// Draws a grid of shares. `cell` returns the text, the words and the share of a row and a column.
fn matrix(
    ui: &mut Ui,
    layout: &MatrixLayout<'_>,
    counts: &[Vec<usize>],
    cell: impl Fn(usize, usize) -> (String, String, f32),
) {
    let (palette, names) = (palette(ui), layout.names);
    let (size, widest) = layout.measure(ui.available_size());
    ScrollArea::both().auto_shrink(false).id_salt("matrix").show(ui, |ui| {
        let [rows, columns] = layout.axes;
        ui.label(theme::weak(ui, format!("Rows: {rows}. Columns: {columns}.")));
        let whole = vec2(widest, layout.head) + size * names.len() as f32;
        let (rect, _) = ui.allocate_exact_size(whole, Sense::hover());
        let origin = rect.min + vec2(widest, layout.head);
        for (row, counts) in counts.iter().enumerate() {
            let top = origin.y + size.y * row as f32;
            if widest > 0.0 {
                let left = Rect::from_min_max(pos2(rect.left(), top), pos2(origin.x - 6.0, top + size.y));
                written(ui, left, &names[row], Align2::LEFT_CENTER);
                if size.x >= WRITTEN {
                    let left = origin.x + size.x * row as f32;
                    let above = Rect::from_min_size(pos2(left, rect.top()), vec2(size.x, layout.head - 2.0));
                    written(ui, above.shrink2(vec2(2.0, 0.0)), &names[row], Align2::CENTER_BOTTOM);
                }
            }
            for (column, &count) in counts.iter().enumerate() {
                let at = Rect::from_min_size(pos2(origin.x + size.x * column as f32, top), size);
                let (text, words, share) = cell(row, column);
                let response = ui.interact(at, ui.scope_id().with((row, column)), Sense::hover());
                if count > 0 || names.len() <= 20 {
                    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words.clone()));
                }
                let full = if row == column && layout.is_right { palette.right_soft } else { palette.fooled_soft };
                let share = share.sqrt().clamp(0.0, 1.0);
                ui.painter().rect_filled(at.shrink(0.5), 1, palette.panel.lerp_to_gamma(full, share));
                if size.min_elem() >= WRITTEN && !text.is_empty() {
                    let colour = if share > 0.0 { palette.text } else { palette.weak };
                    ui.painter().text(at.center(), Align2::CENTER_CENTER, text, theme::number_font(), colour);
                }
                response.on_hover_text(words);
            }
        }
    });
}

/// Writes a name in two lines at most; the pointer shows one that is cut.
fn written(ui: &Ui, rect: Rect, name: &str, align: Align2) {
    let colour = palette(ui).weak;
    let format = TextFormat { font_id: theme::small_font(), color: colour, ..Default::default() };
    let mut job = LayoutJob::single_section(name.to_owned(), format);
    job.wrap = TextWrapping { max_width: rect.width(), max_rows: 2, ..Default::default() };
    job.halign = align.x();
    let galley = ui.painter().layout_job(job);
    let is_cut = galley.elided;
    let place = align.align_size_within_rect(galley.size(), rect);
    ui.painter().galley(place.min - galley.rect.min.to_vec2(), galley, colour);
    if is_cut {
        let id = ui.scope_id().with(("name", rect.min.x.to_bits(), rect.min.y.to_bits()));
        ui.interact(rect, id, Sense::hover()).on_hover_text(name);
    }
}

pub fn transfer(ui: &mut Ui, tests: &TestSet) {
    ui.add_space(SPACE_3);
    let Some(found) = &tests.transferred else {
        let text = "Tick two nets or more for the same pictures, and press Transfer: each net's adversarial pictures, \
                    made with the first chosen attack at the largest ε, are shown to all of them.";
        remark(ui, "Show each net the pictures of the others", text);
        return;
    };
    let n = found.n.max(1);
    let attack = &found.survey.attacks[0];
    let eps = if attack.takes_eps() { format!(" at ε = {}", format::short(found.eps)) } else { String::new() };
    ui.strong(format!("Errors under {}{eps}", words::attack(attack)));
    let (data, rules) = (&found.survey.data, found.survey.rules);
    let conditions = format!("{data}, {}, true labels, {}, seed {}", first(n), pixels(rules), rules.seed);
    ui.label(theme::weak(ui, conditions));
    let wrong: Vec<Vec<usize>> = found.right.iter().map(|row| row.iter().map(|right| n - right).collect()).collect();
    let axes = ["the net that the pictures were made on", "the net that is asked"];
    let layout = MatrixLayout { axes, names: &found.titles, most: WIDE_CELL, head: 38.0, is_right: false };
    matrix(ui, &layout, &wrong, |row, column| {
        let (low, high) = wilson_interval(wrong[row][column], n);
        let share = wrong[row][column] as f32 / n as f32;
        let (from, to) = (&found.titles[row], &found.titles[column]);
        let [error, low, high] = [share, low as f32, high as f32].map(per_cent);
        let words = format!("{to} errs on {error} ({low} to {high}) of the pictures that were made on {from}");
        (error, words, share)
    });
}
