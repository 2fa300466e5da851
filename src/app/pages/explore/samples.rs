//! The strip offers pictures to choose from.

use std::path::PathBuf;

use egui::{
    self, Align, Context, Image, Layout, Role, ScrollArea, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions,
    Ui, WidgetInfo,
};

use crate::app::commands::Command;
use crate::app::files::thumbnails::Thumbnail;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::theme::{self, SMALL_THUMB, THUMB, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::{command_button, icon_button, name_of_file};
use crate::engine::data::samples;
use crate::worker::Source;

const ROOMY: f32 = 860.0;

#[derive(Default)]
pub struct Samples {
    thumbnails: Vec<Option<TextureHandle>>,
    last_shown: Option<String>,
}

impl Samples {
    pub fn take(&mut self, ctx: &Context, thumbnail: Thumbnail) {
        self.thumbnails.resize(samples().len(), None);
        let options =
            if thumbnail.image.size[0] <= THUMB as usize { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
        let name = format!("sample {}", thumbnail.index);
        if let Some(slot) = self.thumbnails.get_mut(thumbnail.index) {
            *slot = Some(ctx.load_texture(name, thumbnail.image, options));
        }
    }

    /// Shows the pictures of the kind that is on screen, the way to the other kind, and the ways in for others.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, recent: &[PathBuf], out: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let button = if ui.available_width() >= ROOMY { command_button } else { icon_button };
                button(ui, ExploreCommand::Draw, out);
                button(ui, ExploreCommand::OpenDialog, out);
                ui.add_space(theme::SPACE_2);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ScrollArea::horizontal().auto_shrink([false, true]).show(ui, |ui| {
                        let height = if theme::compact(ui) { SMALL_THUMB } else { THUMB } + 4.0;
                        let size = egui::vec2(ui.available_width(), height);
                        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                            ui.set_min_height(height);
                            self.groups(ui, explore, recent, out);
                        });
                    });
                });
            });
        });
    }

    fn groups(&mut self, ui: &mut Ui, explore: &Explore, recent: &[PathBuf], out: &mut Vec<Command>) {
        ui.spacing_mut().item_spacing.x = 6.0;
        let shows_digits = explore.shows_digits();
        if shows_digits {
            group_button(ui, ExploreCommand::ShowPhotos, out);
        }
        ui.label(theme::caption(ui, if shows_digits { "Digits" } else { "Photos" }));
        for (index, sample) in samples().iter().enumerate().filter(|(_, sample)| sample.is_digit() == shows_digits) {
            let texture = self.thumbnails.get(index).and_then(Option::as_ref);
            let selected = matches!(&explore.view.picture, Source::Sample(name) if name == sample.name);
            let response = thumbnail(ui, texture, sample.title, selected);
            // Stepping through the samples by key may choose one beyond the edge.
            if selected && self.last_shown.as_deref() != Some(sample.name) {
                response.scroll_to_me(None);
                self.last_shown = Some(sample.name.to_owned());
            }
            if response.clicked() {
                out.push(ExploreCommand::Show(Source::Sample(sample.name.to_owned())).into());
            }
            response.on_hover_text(format!("{}\n{}", sample.title, sample.credit));
        }
        if !shows_digits {
            group_button(ui, ExploreCommand::ShowDigits, out);
        }
        if !recent.is_empty() {
            yours(ui, recent, out);
        }
        let name = match &explore.view.picture {
            Source::File(path) => name_of_file(path),
            Source::Memory { name, .. } => name.clone(),
            Source::Sample(_) => return,
        };
        ui.add_space(theme::SPACE_2);
        ui.label(theme::caption(ui, "Showing"));
        ui.label(name);
    }
}

fn group_button(ui: &mut Ui, command: ExploreCommand, out: &mut Vec<Command>) {
    let about = command.about();
    if ui.button(about.name).on_hover_text(about.tooltip).accessible_name(about.tooltip).clicked() {
        out.push(command.into());
    }
}

fn yours(ui: &mut Ui, recent: &[PathBuf], out: &mut Vec<Command>) {
    let menu = ui.menu_button("Yours", |ui| {
        for path in recent {
            let name = name_of_file(path);
            let button = ui.add(egui::Button::new(name.as_str()).truncate()).on_hover_text(path.display().to_string());
            if button.accessible_name(format!("Your picture: {name}")).clicked() {
                out.push(ExploreCommand::Show(Source::File(path.clone())).into());
                ui.close();
            }
        }
    });
    menu.response.on_hover_text("Pictures of your own that were shown of late").accessible_name("Your pictures");
}

fn thumbnail(ui: &mut Ui, texture: Option<&TextureHandle>, title: &str, selected: bool) -> egui::Response {
    let palette = palette(ui);
    let side = if theme::compact(ui) { SMALL_THUMB } else { THUMB };
    let (rect, response) = ui.allocate_exact_size(egui::Vec2::splat(side + 4.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, format!("Sample: {title}")));
    let inner = rect.shrink(2.0);
    match texture {
        Some(texture) => {
            Image::new((texture.id(), inner.size())).corner_radius(theme::SMALL_RADIUS).paint_at(ui, inner)
        }
        None => drop(ui.painter().rect_filled(inner, theme::SMALL_RADIUS, palette.well)),
    }
    let stroke = match response.hovered() {
        _ if selected || response.has_focus() => Stroke::new(2.0, palette.accent),
        true => Stroke::new(2.0, palette.weak),
        false => Stroke::new(1.0, palette.line),
    };
    ui.painter().rect_stroke(inner, theme::SMALL_RADIUS, stroke, StrokeKind::Outside);
    response
}
