//! The sheet shows the weights of the first layer as small pictures.

use std::sync::Arc;

use egui::{self, Image, RichText, Sense, Ui, WidgetInfo, vec2};

use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::hint;
use crate::app::widgets::texture::Texture;
use crate::engine::picture::Rgba;

const HINT: &str = "Each square is what one unit of the first layer looks for: red where a bright pixel excites it, \
                    blue where it inhibits, each unit scaled to its own largest weight. Under adversarial training \
                    the weights become more localised and easier to interpret: strokes in place of speckle (arXiv \
                    1412.6572, section 6).";

#[derive(Default)]
pub struct WeightSheet {
    texture: Texture,
}

impl WeightSheet {
    pub fn show_explained(&mut self, ui: &mut Ui, run: &str, sheet: &Arc<Rgba>) {
        ui.label(theme::strong(format!("First layer of {run}")));
        ui.add_space(SPACE_2);
        self.picture(ui, sheet, 64.0);
        ui.add_space(SPACE_2);
        ui.add(egui::Label::new(RichText::new(HINT).color(palette(ui).weak)).wrap());
    }

    pub fn show(&mut self, ui: &mut Ui, sheet: &Arc<Rgba>) {
        ui.horizontal(|ui| {
            ui.label(theme::caption(ui, "First layer"));
            hint(ui, HINT);
        });
        self.picture(ui, sheet, SPACE_2);
    }

    fn picture(&mut self, ui: &mut Ui, sheet: &Arc<Rgba>, below: f32) {
        let texture = self.texture.of(ui.ctx(), sheet, true);
        let size = vec2(sheet.width as f32, sheet.height as f32);
        let room = ui.available_size() - vec2(0.0, below);
        let scale = (room.x / size.x).min(room.y / size.y).max(0.1);
        let (rect, response) = ui.allocate_exact_size(size * scale, Sense::hover());
        Image::new((texture, rect.size())).paint_at(ui, rect);
        response.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, "Weights of the first layer"));
    }
}
