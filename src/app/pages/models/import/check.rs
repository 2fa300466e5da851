//! Three bundled pictures with the net's three best answers each, before anything is kept.

use egui::{self, Label, Ui, vec2};

use crate::app::pages::models::state::import::Import;
use crate::app::pages::models::state::steps::CheckedPicture;
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, palette};
use crate::app::widgets::bar_chart::{ClassRole, bars};
use crate::app::widgets::form::note;
use crate::app::widgets::problem_line;
use crate::app::widgets::texture::Texture;

/// A picture has this side, in points.
const SIDE: f32 = 92.0;
/// Answers of an earlier state of the form are this faint.
const FAINT: f32 = 0.45;

#[derive(Default)]
pub struct CheckPane {
    textures: Vec<Texture>,
}

impl CheckPane {
    pub fn show(&mut self, ui: &mut Ui, import: &Import) {
        ui.label(theme::caption(ui, "Check"));
        match import.check() {
            None if import.refusal().is_some() => note(ui, "Without a net there are no answers."),
            None => note(ui, "The net is shown three pictures as soon as it is known what it wants of their pixels."),
            Some((Err(problem), _)) => problem_line(ui, problem),
            Some((Ok(pictures), is_current)) => {
                note(
                    ui,
                    "This is what it sees, and what it says. If that is nonsense, look at the pixels, their order, and \
                     the names of the classes.",
                );
                ui.add_space(SPACE_2);
                ui.scope(|ui| {
                    if !is_current {
                        ui.multiply_opacity(FAINT);
                    }
                    self.textures.resize_with(pictures.len(), Texture::default);
                    for (texture, picture) in self.textures.iter_mut().zip(pictures) {
                        line(ui, texture, picture);
                        ui.add_space(SPACE_3);
                    }
                });
            }
        }
    }
}

fn line(ui: &mut Ui, texture: &mut Texture, picture: &CheckedPicture) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_3;
        let (rect, response) = ui.allocate_exact_size(vec2(SIDE, SIDE), egui::Sense::hover());
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, picture.title));
        ui.painter().rect_filled(rect, theme::SMALL_RADIUS, palette(ui).well);
        texture.paint(ui, &picture.seen, rect);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = SPACE_1;
            ui.spacing_mut().interact_size.y = 16.0;
            ui.add(Label::new(theme::weak(ui, picture.title)).truncate());
            bars(ui, picture.title, picture.guesses.iter(), |_| ClassRole::Other);
        });
    });
}
