//! Which class is taken for which, and who is fooled by whose pictures.

use eframe::egui::{self, Color32, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use super::curves::centred;
use super::{pixels, space};
use crate::app::commands::attack_title;
use crate::app::testset::TestSet;
use crate::app::theme::{self, palette};
use crate::app::widgets::per_cent;
use crate::app::words;
use crate::engine::eval::confusion;
use crate::engine::statistics::wilson_interval;

const MOST_CELL: f32 = 54.0;
/// Of the transfer matrix, so that the nets' names fit above.
const WIDE_CELL: f32 = 132.0;
const LEAST_CELL: f32 = 9.0;
/// Counts are written in cells of this size on.
const WRITTEN: f32 = 26.0;
/// Room for the names of the rows.
const WIDEST_NAME: f32 = 160.0;

/// The matrix of the curve and the ε that are looked at.
pub fn show(ui: &mut Ui, tests: &TestSet) {
    space(ui);
    let (Some(curve), Some((_, answers))) = (tests.curve(), tests.answers()) else { return };
    let classes = &curve.classes;
    let counts = confusion(answers, classes.len());
    matrix(ui, ("what it is", "what the net says"), classes, &counts, (MOST_CELL, true), |row, column| {
        let (count, all) = (counts[row][column], counts[row].iter().sum::<usize>());
        let verb = if row == column { "are right" } else { "are taken for" };
        let other = if row == column { String::new() } else { format!(" {}", classes[column]) };
        (
            count.to_string(),
            format!("{count} of {all} pictures of {} {verb}{other}", classes[row]),
            count as f32 / all.max(1) as f32,
        )
    });
}

/// A grid of shares: orange, and green on the diagonal where that means right answers. `cell` gives text, words and share.
fn matrix(
    ui: &mut Ui,
    (rows, columns): (&str, &str),
    names: &[String],
    counts: &[Vec<usize>],
    (most, is_right): (f32, bool),
    cell: impl Fn(usize, usize) -> (String, String, f32),
) {
    let palette = palette(ui);
    let n = names.len();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f32;
    let widest = if n <= 20 { (7.5 * longest + 16.0).min(WIDEST_NAME) } else { 0.0 };
    let room = vec2(ui.available_width() - widest - 24.0, ui.available_height() - 64.0);
    let side = (room.x.min(room.y) / n as f32).clamp(LEAST_CELL, most);
    ScrollArea::both().auto_shrink(false).id_salt("matrix").show(ui, |ui| {
        ui.label(theme::weak(ui, format!("Rows: {rows}. Columns: {columns}.")));
        let (rect, _) = ui.allocate_exact_size(vec2(widest + side * n as f32, 22.0 + side * n as f32), Sense::hover());
        let origin = pos2(rect.left() + widest, rect.top() + 22.0);
        for row in 0..n {
            if widest > 0.0 {
                let y = origin.y + side * (row as f32 + 0.5);
                let clip = ui
                    .painter()
                    .with_clip_rect(Rect::from_min_max(pos2(rect.left(), y - 12.0), pos2(origin.x - 6.0, y + 12.0)));
                clip.text(
                    pos2(rect.left(), y),
                    egui::Align2::LEFT_CENTER,
                    &names[row],
                    theme::small_font(),
                    palette.weak,
                );
                if side >= WRITTEN {
                    let top = Rect::from_min_size(pos2(origin.x + side * row as f32, rect.top()), vec2(side, 20.0));
                    let clip = ui.painter().with_clip_rect(top);
                    clip.text(
                        top.center(),
                        egui::Align2::CENTER_CENTER,
                        &names[row],
                        theme::small_font(),
                        palette.weak,
                    );
                }
            }
            for (column, &count) in counts[row].iter().enumerate() {
                let at = Rect::from_min_size(origin + vec2(side * column as f32, side * row as f32), vec2(side, side));
                let (text, words, share) = cell(row, column);
                let response = ui.interact(at, ui.scope_id().with((row, column)), Sense::hover());
                if count > 0 || n <= 20 {
                    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words.clone()));
                }
                let full = if row == column && is_right { palette.right_soft } else { palette.fooled_soft };
                ui.painter().rect_filled(at.shrink(0.5), 1, blend(palette.panel, full, share.sqrt()));
                if side >= WRITTEN && !text.is_empty() {
                    centred(ui, at, &text, if share > 0.0 { palette.text } else { palette.weak });
                }
                response.on_hover_text(words);
            }
        }
    });
}

fn blend(from: Color32, to: Color32, share: f32) -> Color32 {
    from.lerp_to_gamma(to, share.clamp(0.0, 1.0))
}

/// Who is fooled by whose pictures.
pub fn transfer(ui: &mut Ui, tests: &TestSet) {
    space(ui);
    let Some(found) = &tests.transferred else {
        let text = "Tick two nets or more for the same pictures, and press Transfer: each net's adversarial pictures, made with the \
                    first chosen attack at the largest ε, are shown to all of them.";
        ui.add(egui::Label::new(egui::RichText::new(text).color(palette(ui).weak)).wrap());
        return;
    };
    let n = found.n.max(1);
    ui.strong(format!(
        "Errors under {}{} at ε = {}",
        attack_title(&found.survey.attacks[0]),
        words::parameters(&found.survey.attacks[0]),
        words::short(found.eps)
    ));
    let conditions = format!(
        "{}, first {n} test pictures, true labels, {}, seed {}",
        found.survey.data,
        pixels(found.survey.rules),
        found.survey.rules.seed
    );
    ui.label(theme::weak(ui, conditions));
    let wrong: Vec<Vec<usize>> = found.right.iter().map(|row| row.iter().map(|right| n - right).collect()).collect();
    matrix(
        ui,
        ("the net that the pictures were made on", "the net that is asked"),
        &found.titles,
        &wrong,
        (WIDE_CELL, false),
        |row, column| {
            let (low, high) = wilson_interval(wrong[row][column], n);
            let share = wrong[row][column] as f32 / n as f32;
            let (from, to) = (&found.titles[row], &found.titles[column]);
            let words = format!(
                "{to} errs on {} ({} to {}) of the pictures that were made on {from}",
                per_cent(share),
                per_cent(low as f32),
                per_cent(high as f32)
            );
            (per_cent(share), words, share)
        },
    );
}
