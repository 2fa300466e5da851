//! The table of a net's operations draws only the rows that are in sight.

use egui::{self, Align2, Color32, FontId, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::app::format::{plural, thousands};
use crate::app::theme::{self, SPACE_1, palette};
use crate::app::widgets::elided;
use crate::engine::model::GraphRow;

const ROW: f32 = 22.0;
const HIGHEST: f32 = 300.0;

struct Column {
    name: &'static str,
    width: f32,
    is_number: bool,
}

const fn column(name: &'static str, width: f32, is_number: bool) -> Column {
    Column { name, width, is_number }
}

/// The last column takes the room that is left.
const COLUMNS: [Column; 7] = [
    column("No.", 44.0, true),
    column("Operation", 128.0, false),
    column("Name", 190.0, false),
    column("Reads", 72.0, false),
    column("Output", 104.0, false),
    column("Parameters", 92.0, true),
    column("Settings", 220.0, false),
];

/// Shows the table with what it comes to above it; `title` names the net for assistive technology.
pub fn table(ui: &mut Ui, title: &str, rows: &[GraphRow]) {
    let count = rows.len().saturating_sub(1);
    let parameters: usize = rows.iter().map(|row| row.parameters).sum();
    let sum = format!("{} operation{}, {} parameters", thousands(count), plural(count), thousands(parameters));
    ui.label(theme::weak(ui, sum));
    ui.add_space(SPACE_1);
    ui.push_id(("operations", title), |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let high = (rows.len() + 1) as f32 * ROW + SPACE_1;
        ScrollArea::horizontal().auto_shrink([false, true]).max_height(high.min(HIGHEST)).show(ui, |ui| {
            let least: f32 = COLUMNS.iter().map(|column| column.width).sum();
            ui.set_width(ui.available_width().max(least));
            header(ui);
            let area = ScrollArea::vertical().auto_shrink([false, true]).max_height(high.min(HIGHEST) - ROW);
            area.show_rows(ui, ROW, rows.len(), |ui, range| rows[range].iter().for_each(|row| line(ui, row)));
        });
    });
}

fn header(ui: &mut Ui) {
    let palette = palette(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let font = FontId::new(12.0, theme::strong_font().family);
    for (index, column) in COLUMNS.iter().enumerate() {
        write(ui, cell(rect, index), column.is_number, column.name, &font, palette.weak);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, palette.line));
}

fn line(ui: &mut Ui, row: &GraphRow) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let parameters = if row.parameters == 0 { String::new() } else { thousands(row.parameters) };
    let cells = [
        row.number.to_string(),
        row.kind.clone(),
        row.name.clone(),
        row.spelled_reads(),
        row.spelled_shape(),
        parameters,
        row.settings.clone(),
    ];
    response.widget_info(|| WidgetInfo::labeled(Role::Row, true, cells.join("  ")));
    if response.hovered() {
        ui.painter().rect_filled(rect, theme::SMALL_RADIUS, palette.raised);
    }
    let mut is_cut = false;
    for (index, (column, text)) in COLUMNS.iter().zip(&cells).enumerate() {
        let is_quiet = matches!(index, 0 | 6);
        let colour = if is_quiet { palette.weak } else { palette.text };
        let font = if column.is_number { theme::number_font() } else { theme::small_font() };
        is_cut |= write(ui, cell(rect, index), column.is_number, text, &font, colour);
    }
    if is_cut {
        response.on_hover_text(format!("{} {}\n{}", row.kind, row.name, row.settings));
    }
}

/// Returns the place of a cell in a row. Text keeps a distance from the numbers before it.
fn cell(row: Rect, index: usize) -> Rect {
    let left = row.left() + COLUMNS[..index].iter().map(|column| column.width).sum::<f32>();
    let is_behind_numbers = index > 0 && COLUMNS[index - 1].is_number && !COLUMNS[index].is_number;
    let inset = if is_behind_numbers { 10.0 } else { 0.0 };
    let right = if index + 1 == COLUMNS.len() { row.right() } else { left + COLUMNS[index].width };
    row.with_min_x(left + inset).with_max_x(right)
}

/// Writes one line into a cell. Returns whether it had to be cut.
fn write(ui: &Ui, cell: Rect, is_right: bool, text: &str, font: &FontId, colour: Color32) -> bool {
    let galley = elided(ui.painter(), text, font.clone(), colour, cell.width() - 6.0);
    let anchor = if is_right { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let at = anchor.align_size_within_rect(galley.size(), cell.shrink2(vec2(3.0, 0.0))).min;
    let is_cut = galley.elided;
    ui.painter().galley(pos2(at.x, at.y), galley, colour);
    is_cut
}
