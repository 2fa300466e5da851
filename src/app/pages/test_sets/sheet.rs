//! A contact sheet shows 25 attacked pictures, each with what it is and what the net says.

use egui::{
    Color32, Context, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, WidgetInfo,
    pos2, vec2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format::per_cent;
use crate::app::pages::test_sets::commands::TestCommand;
use crate::app::pages::test_sets::state::{PER_SHEET, TestSet};
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::texture::{WHOLE, image};
use crate::app::widgets::{icon_at, icon_button};
use crate::engine::eval::Prediction;
use crate::worker::{Sheet, SheetPicture};

const COLUMNS: usize = 5;
const CAPTION: f32 = 38.0;
const FRAME: f32 = 3.0;
const LEAST: f32 = 64.0;
/// Smaller pictures are drawn with sharp pixels.
const SMALL: usize = 64;

#[derive(Default)]
pub struct Textures(Vec<TextureHandle>);

impl Textures {
    pub fn take(&mut self, ctx: &Context, sheet: &Sheet) {
        let texture = |picture: &SheetPicture| {
            let rgba = &picture.adversarial;
            let options = if rgba.width < SMALL { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
            ctx.load_texture("sheet", image(ctx, rgba), options)
        };
        self.0 = sheet.pictures.iter().map(texture).collect();
    }

    pub fn show(&self, ui: &mut Ui, tests: &TestSet, out: &mut Vec<Command>) {
        ui.add_space(SPACE_2);
        let Some(sheet) = tests.sheet.as_ref().filter(|_| !self.0.is_empty()) else {
            ui.label(theme::weak(ui, "The pictures are being attacked…"));
            return;
        };
        ui.horizontal(|ui| {
            icon_button(ui, TestCommand::PreviousPage, out);
            let of = tests.curve().map_or(sheet.of, |curve| curve.found.n);
            let last = (sheet.wish.first + sheet.pictures.len()).min(of);
            let text = format!("{} to {last} of {of} · a click opens a picture in Explore", sheet.wish.first + 1);
            icon_button(ui, TestCommand::NextPage, out);
            ui.label(theme::weak(ui, text));
        });
        let room = ui.available_size();
        let width = (room.x - 4.0 * SPACE_2 - 12.0 - 2.0 * FRAME) / COLUMNS as f32;
        let rows = (PER_SHEET / COLUMNS) as f32;
        let side = width - 2.0 * FRAME;
        let side = side.min((room.y - 2.0 * FRAME - rows * (CAPTION + SPACE_2)) / rows).max(LEAST).min(side);
        ScrollArea::vertical().auto_shrink(false).id_salt("sheet").show(ui, |ui| {
            // Frames lie outside of their pictures.
            ui.add_space(FRAME);
            ui.spacing_mut().item_spacing = vec2(SPACE_2, SPACE_2);
            for (row, pictures) in sheet.pictures.chunks(COLUMNS).enumerate() {
                ui.horizontal(|ui| {
                    for (column, picture) in pictures.iter().enumerate() {
                        let index = row * COLUMNS + column;
                        if let Some(texture) = self.0.get(index)
                            && cell(ui, width, side, sheet, picture, texture)
                        {
                            out.push(TestCommand::Explore(index).into());
                        }
                    }
                });
            }
        });
    }
}

fn cell(ui: &mut Ui, width: f32, side: f32, sheet: &Sheet, picture: &SheetPicture, texture: &TextureHandle) -> bool {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(width, side + CAPTION), Sense::click());
    let name = |class: usize| sheet.classes.get(class).map_or("", String::as_str);
    let after = picture.after;
    let (icon, colour, what) = match (after.is_right(), picture.before.is_right()) {
        (true, _) => (icons::ICON_CHECK, palette.right, "right"),
        (false, true) => (icons::ICON_BOLT, palette.fooled, "fooled"),
        (false, false) => (icons::ICON_CLOSE, palette.weak, "wrong from the start"),
    };
    let told = |answer: Prediction| format!("{} ({})", name(answer.says), per_cent(answer.confidence));
    let (label, before, attacked) = (name(after.label), told(picture.before), told(after));
    let words = format!("{label}, {what}: untouched {before}, attacked {attacked}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words.clone()));
    if ui.is_rect_visible(rect) {
        let at = Rect::from_min_size(pos2(rect.center().x - side / 2.0, rect.top()), vec2(side, side));
        ui.painter().image(texture.id(), at, WHOLE, Color32::WHITE);
        let stroke = Stroke::new(if response.hovered() || response.has_focus() { 3.0 } else { 1.5 }, colour);
        ui.painter().rect_stroke(at, 2, stroke, StrokeKind::Outside);
        let below = Rect::from_min_max(pos2(rect.left(), at.bottom() + 4.0), rect.max);
        let mark = Rect::from_min_size(pos2(at.left(), below.top()), vec2(16.0, 16.0));
        icon_at(ui, mark, icon, 15.0, colour);
        let line = |y: f32, text: String, colour: Color32| {
            let galley = ui.painter().layout_no_wrap(text, theme::small_font(), colour);
            let clip = ui.painter().with_clip_rect(below.with_min_y(y).with_max_y(y + 18.0));
            clip.galley(pos2(mark.right() + 3.0, y), galley, colour);
        };
        line(below.top(), format!("{} {}", name(after.says), per_cent(after.confidence)), palette.text);
        line(below.top() + 16.0, format!("is {label}"), palette.weak);
    }
    response.on_hover_text(words).clicked()
}
