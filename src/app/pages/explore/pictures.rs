//! Original, perturbation and adversarial picture stand side by side, with one camera and one cross-hair.

use egui::text::{LayoutJob, TextFormat};
use egui::{
    self, Align, Align2, Button, ComboBox, Key, Layout, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder,
    Vec2, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format::per_cent;
use crate::app::pages::explore::camera::{Camera, Pixel, outline, plate, wheel};
use crate::app::pages::explore::canvas::Canvas;
use crate::app::pages::explore::columns::Columns;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::crop::Crop;
use crate::app::pages::explore::invert::invert_switch;
use crate::app::pages::explore::results;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words::{self, Reading};
use crate::app::theme::{self, NEAREST_FROM, SPACE_1, SPACE_2, SPACE_3, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::rail::keep_arrows;
use crate::app::widgets::texture::{Texture, WHOLE};
use crate::engine::attack::MAX_PHOTO_PIXELS;
use crate::engine::model::Guess;
use crate::engine::picture::{Background, HeatmapQuantity};
use crate::worker::Shown;

const NAMES: [&str; 3] = ["Original", "Perturbation", "Adversarial"];
const LEAST_REMARK: f32 = 48.0;

#[derive(Default)]
pub struct PicturePanes {
    textures: [Texture; 3],
    size: Vec2,
    pub camera: Camera,
    pub canvas: Canvas,
    pub crop: Crop,
    is_nearest: bool,
    /// The key or the button that swaps the two pictures is held.
    flipped: bool,
    button_held: bool,
    /// A pane has the keyboard, and its arrow keys have reached this pixel.
    focused: bool,
    cursor: Option<Pixel>,
}

impl PicturePanes {
    /// Takes note of a new result: pictures of another size are looked at whole.
    pub fn take(&mut self, shown: &Shown) {
        let size = size_of(shown);
        if std::mem::replace(&mut self.size, size) != size {
            self.camera = Camera::default();
        }
    }

    /// Returns which of the three stands in a column: the outer two change places while the flip is held.
    fn shown_in(&self, column: usize) -> usize {
        if self.flipped { 2 - column } else { column }
    }

    /// Draws the three panes into the room that is left; the first one is to be drawn on while the canvas is open.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let mut room = ui.available_rect_before_wrap();
            room.set_height(room.height().max(ui.clip_rect().bottom() - room.top()));
            let size = explore.shown.as_deref().map_or(vec2(3.0, 2.0), size_of);
            // Longer and thinner photos leave some of a pane empty.
            let proportions = if self.canvas.open { 1.0 } else { (size.x / size.y).clamp(0.7, 1.6) };
            let columns = Columns::new(room, proportions, theme::row_gap(ui));
            let key_held = !ui.ctx().text_edit_focused()
                && ui.input(|i| i.key_down(Key::Space))
                && (self.focused || ui.memory(|m| m.focused().is_none()));
            self.flipped = (key_held || self.button_held) && !explore.hidden.adversarial;
            for (index, rect) in columns.heads.into_iter().enumerate() {
                let layout = Layout::left_to_right(Align::Center);
                let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(("head", index)).layout(layout));
                match index {
                    0 if self.canvas.open => self.canvas.head(&mut ui, out),
                    _ => self.head(&mut ui, index, explore, out),
                }
            }
            self.wells(ui, columns.wells, explore, out);
            for (sign, pair) in ["+", "="].into_iter().zip(columns.wells.windows(2)) {
                let at = pos2(0.5 * (pair[0].right() + pair[1].left()), columns.wells[0].center().y);
                ui.painter().text(at, Align2::CENTER_CENTER, sign, theme::symbol_font(), palette(ui).weak);
            }
            for (index, rect) in columns.below.into_iter().enumerate() {
                let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(("below", index)));
                ui.set_clip_rect(rect.expand(4.0).intersect(ui.clip_rect()));
                let column = self.shown_in(index);
                let is_answer = column == 2 && explore.hidden.answer;
                if !explore.is_blank && !is_hidden(explore, column) && !is_answer {
                    results::below(&mut ui, column, columns.rows, explore, out);
                }
            }
            let bottom = columns.below[0].bottom();
            ui.allocate_rect(Rect::from_min_max(room.min, pos2(room.left() + 1.0, bottom)), Sense::hover());
        });
    }

    fn head(&mut self, ui: &mut Ui, index: usize, explore: &Explore, out: &mut Vec<Command>) {
        let name = theme::strong(NAMES[self.shown_in(index)]).text_style(egui::TextStyle::Heading);
        ui.add(egui::Label::new(name).truncate());
        let Some(shown) = explore.shown.as_deref() else { return };
        let crops = self.crops(explore);
        let remark = match (index, explore.view.heatmap.quantity) {
            (0, _) if shown.own_pixels && explore.is_resampled() => own_pixels(shown),
            (0, _) if crops => format!("{:.0}×{:.0} of the photo", shown.crop.width, shown.crop.height),
            (0, _) => format!("{}×{}", shown.original.width, shown.original.height),
            (1, HeatmapQuantity::Perturbation) => "δ, what is added".into(),
            (1, HeatmapQuantity::Magnitude) => "|δ|, how much".into(),
            (1, HeatmapQuantity::Gradient) => "∇J, the slope followed".into(),
            _ => String::new(),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if index == 0 && explore.is_resampled() && (explore.has_more || crops) {
                let about = ExploreCommand::Crop(None).about();
                let text = (icons::ICON_CROP.rich_text().size(16.0), about.name);
                let button = Button::new(text).selected(crops).frame_when_inactive(crops);
                if ui.add(button).on_hover_text(about.tooltip).accessible_name(about.name).clicked() {
                    self.crop.open = !self.crop.open;
                }
            }
            if index == 0 {
                invert_switch(ui, explore, shown, out);
            }
            if index == 0 && shown.is_transparent {
                background_picker(ui, explore.view.background, out);
            }
            if index == 2 {
                let (icon, name) = (icons::ICON_COMPARE.rich_text().size(16.0), "Hold to flip");
                let button = if ui.available_width() >= 120.0 { Button::new((icon, name)) } else { Button::new(icon) };
                let button = ui.add(button.frame_when_inactive(false).sense(Sense::click_and_drag()));
                self.button_held = button.is_pointer_button_down_on();
                let tip = "Press and hold to see the original in this place; so does the space bar";
                button.on_hover_text(tip).accessible_name(name);
            } else if index == 1 && !self.camera.is_whole() {
                ui.label(theme::weak(ui, "double click: fit"));
            }
            // In the room that the buttons leave.
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if ui.available_width() >= LEAST_REMARK {
                    ui.add(egui::Label::new(theme::weak(ui, remark)).truncate());
                }
            });
        });
    }

    fn wells(&mut self, ui: &mut Ui, wells: [Rect; 3], explore: &Explore, out: &mut Vec<Command>) {
        let Some(shown) = explore.shown.as_deref() else {
            for (index, well) in wells.into_iter().enumerate() {
                let text = if index == 0 { "Loading the net and the first picture…" } else { "" };
                written_well(ui, well, text, theme::body_font());
            }
            return;
        };
        let size = size_of(shown);
        let mut pixel = None;
        let mut responses = Vec::with_capacity(3);
        for (index, well) in wells.into_iter().enumerate() {
            let response = ui.interact(well, ui.scope_id().with(("well", index)), Sense::click_and_drag());
            if index == 0 && self.canvas.open {
                self.canvas.square(ui, well, &response, out);
            } else if index == 0 && self.crops(explore) {
                // The answer to a frame that was wanted may still be on its way.
                let frame = explore.view.crop.unwrap_or(shown.crop);
                out.extend(self.crop.show(ui, well, shown, frame, &response));
            } else {
                response.widget_info(|| WidgetInfo::labeled(Role::Image, true, describe(index, shown, explore)));
                pixel = self.steer(ui, well, size, &response).or(pixel);
            }
            responses.push(response);
        }
        let has_tool = self.canvas.open || self.crops(explore);
        self.focused = responses[usize::from(has_tool)..].iter().any(Response::has_focus);
        if self.focused {
            pixel = pixel.or_else(|| Some(self.walk(ui, size)));
        } else {
            self.cursor = None;
        }
        self.is_nearest = self.camera.scale(wells[0], size) * ui.ctx().pixels_per_point() >= NEAREST_FROM;
        for (index, well) in wells.into_iter().enumerate() {
            let is_empty = explore.is_blank && index > 0;
            if is_empty || is_hidden(explore, index) {
                let font = egui::FontId { size: 56.0, ..theme::verdict_font() };
                written_well(ui, well, if is_empty { "" } else { "?" }, font);
                continue;
            }
            if index > 0 || !has_tool {
                self.paint(ui, well, shown, index);
                self.caption(ui, well, index, explore, shown);
                if let Some(pixel) = pixel {
                    let place = self.camera.pixel_rect(well, size, pixel);
                    cross_hair(ui, well, place, responses[index].hovered());
                    let text = self.readout(pixel, index, shown);
                    read(ui, well, place, &text);
                    ui.ctx().accesskit_node_builder(responses[index].id, |node| node.set_value(text));
                } else {
                    self.verdict(ui, well, index, explore, shown);
                }
            }
            if responses[index].has_focus() {
                let stroke = Stroke::new(2.0, palette(ui).accent);
                ui.painter().rect_stroke(well, theme::RADIUS, stroke, StrokeKind::Inside);
            }
        }
    }

    /// Returns whether the first pane shows the whole photo with a frame on it.
    fn crops(&self, explore: &Explore) -> bool {
        self.crop.open && explore.is_resampled()
    }

    /// Lets a drag pan, the wheel zoom and a double click show the whole. Returns the pixel under the pointer.
    fn steer(&mut self, ui: &Ui, well: Rect, size: Vec2, response: &Response) -> Option<Pixel> {
        if response.dragged() {
            self.camera.pan(well, size, response.drag_delta());
        }
        if response.double_clicked() {
            self.camera = Camera::default();
        }
        keep_arrows(ui, response, true);
        let at = response.hover_pos()?;
        if let Some(factor) = wheel(ui) {
            self.camera.zoom_at(well, size, at, factor);
        }
        self.camera.pixel_at(well, size, at)
    }

    fn paint(&mut self, ui: &Ui, well: Rect, shown: &Shown, index: usize) {
        let palette = palette(ui);
        ui.painter().rect_filled(well, theme::RADIUS, palette.well);
        let index = self.shown_in(index);
        let rgba = [&shown.original_rgba, &shown.heatmap_rgba, &shown.adversarial_rgba][index];
        let texture = self.textures[index].of(ui.ctx(), rgba, self.is_nearest);
        let drawn = self.camera.screen_from_picture(well, size_of(shown));
        let clip = well.shrink(1.0).intersect(ui.clip_rect());
        ui.painter().with_clip_rect(clip).image(texture, drawn, WHOLE, egui::Color32::WHITE);
        ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    }

    fn caption(&self, ui: &Ui, well: Rect, index: usize, explore: &Explore, shown: &Shown) {
        let column = self.shown_in(index);
        let (guess, standing) = match column {
            0 => (shown.clean_top.first(), words::standing_before(shown)),
            2 if !explore.hidden.answer => (shown.adversarial_top.first(), words::judge(shown).standing),
            _ => return,
        };
        let Some(guess) = guess else { return };
        let size = caption_size(well);
        let padding = vec2((0.6 * size).min(SPACE_3), SPACE_1);
        let mut job = LayoutJob::default();
        let strong = egui::FontId { size, ..theme::verdict_font() };
        job.append(&guess.name, 0.0, TextFormat::simple(strong.clone(), theme::on_overlay(standing)));
        job.append(&per_cent(guess.prob), 0.45 * size, TextFormat::simple(strong, palette(ui).on_overlay));
        job.wrap = egui::text::TextWrapping::truncate_at_width(well.width() - 2.0 * padding.x);
        let galley = ui.painter().layout_job(job);
        let corner = well.left_bottom() - vec2(0.0, galley.size().y + 2.0 * padding.y);
        plate(ui.painter(), corner, galley, padding, palette(ui));
    }

    fn verdict(&self, ui: &Ui, well: Rect, index: usize, explore: &Explore, shown: &Shown) {
        if self.shown_in(index) != 2 || explore.hidden.answer {
            return;
        }
        let judgement = words::judge(shown);
        let colour = theme::on_overlay(judgement.standing);
        let size = 0.8 * caption_size(well);
        let format = |font| TextFormat { valign: Align::Center, ..TextFormat::simple(font, colour) };
        let mut job = LayoutJob::default();
        job.append(theme::icon_of(shown.verdict).codepoint, 0.0, format(theme::icon_font(1.1 * size)));
        job.append(judgement.headline, 0.35 * size, format(egui::FontId { size, ..theme::verdict_font() }));
        let padding = vec2((0.6 * caption_size(well)).min(SPACE_3), SPACE_1);
        let ground = plate(ui.painter(), well.left_top(), ui.painter().layout_job(job), padding, palette(ui));
        let response = ui.interact(ground, ui.scope_id().with("verdict"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, judgement.headline));
    }

    fn walk(&mut self, ui: &Ui, size: Vec2) -> Pixel {
        let from = self.cursor.unwrap_or(Pixel { x: size.x as usize / 2, y: size.y as usize / 2 });
        let pixel = ui.input(|i| {
            let step = if i.modifiers.shift { 10 } else { 1 };
            let moved = |at: usize, less: Key, more: Key, end: f32| {
                let by = i.num_presses(more) as isize - i.num_presses(less) as isize;
                at.saturating_add_signed(step * by).min(end as usize - 1)
            };
            let x = moved(from.x, Key::ArrowLeft, Key::ArrowRight, size.x);
            Pixel { x, y: moved(from.y, Key::ArrowUp, Key::ArrowDown, size.y) }
        });
        self.cursor = Some(pixel);
        pixel
    }

    fn readout(&self, pixel: Pixel, column: usize, shown: &Shown) -> String {
        let (name, planes, reading) = match self.shown_in(column) {
            0 => ("x", &shown.original, Reading::Pixel),
            1 if shown.view.heatmap.quantity == HeatmapQuantity::Gradient => ("∇J", &shown.gradient, Reading::Gradient),
            1 => ("δ", &shown.perturbation, Reading::Difference),
            _ => ("x+δ", &shown.adversarial, Reading::Pixel),
        };
        let mut lines = vec![format!("({}, {})", pixel.x, pixel.y)];
        lines.extend(words::readout(name, planes, pixel, reading));
        lines.join("\n")
    }
}

fn caption_size(well: Rect) -> f32 {
    (0.07 * well.height()).clamp(12.0, 30.0)
}

/// Lays a read-out over the corner that is farther from its pixel.
fn read(ui: &Ui, well: Rect, pixel: Rect, text: &str) {
    let palette = palette(ui);
    let painter = ui.painter().with_clip_rect(well.intersect(ui.clip_rect()));
    let galley = painter.layout_no_wrap(text.to_owned(), theme::number_font(), palette.on_overlay);
    let padding = Vec2::splat(SPACE_2);
    let size = galley.size() + 2.0 * padding;
    if size.x > well.width() || 2.0 * size.y > well.height() {
        return;
    }
    let top = if pixel.center().y > well.center().y { well.top() } else { well.bottom() - size.y };
    plate(&painter, pos2(well.right() - size.x, top), galley, padding, palette);
}

fn size_of(shown: &Shown) -> Vec2 {
    vec2(shown.original_rgba.width as f32, shown.original_rgba.height as f32)
}

/// Writes a text in the place of a picture.
pub fn written_well(ui: &Ui, well: Rect, text: &str, font: egui::FontId) {
    let palette = palette(ui);
    ui.painter().rect_filled(well, theme::RADIUS, palette.well);
    ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    ui.painter().text(well.center(), Align2::CENTER_CENTER, text, font, palette.weak);
}

fn cross_hair(ui: &Ui, well: Rect, pixel: Rect, hovered: bool) {
    let palette = palette(ui);
    let painter = ui.painter().with_clip_rect(well.intersect(ui.clip_rect()));
    let frame = Rect::from_center_size(pixel.center(), pixel.size().max(Vec2::splat(5.0)));
    if !hovered {
        for (width, colour) in [(3.0, palette.cross_edge.gamma_multiply(0.5)), (1.0, palette.cross)] {
            let stroke = Stroke::new(width, colour);
            painter.hline(well.left()..=frame.left(), frame.center().y, stroke);
            painter.hline(frame.right()..=well.right(), frame.center().y, stroke);
            painter.vline(frame.center().x, well.top()..=frame.top(), stroke);
            painter.vline(frame.center().x, frame.bottom()..=well.bottom(), stroke);
        }
    }
    outline(&painter, frame, palette);
}

fn background_picker(ui: &mut Ui, chosen: Background, out: &mut Vec<Command>) {
    let about = ExploreCommand::Background(chosen).about();
    let menu = |ui: &mut Ui| {
        for (name, background) in Background::NAMED {
            if ui.selectable_label(background == chosen, format!("over {name}")).clicked() {
                out.push(ExploreCommand::Background(background).into());
            }
        }
    };
    let picker = ComboBox::from_id_salt("background").selected_text(format!("over {}", chosen.name())).width(0.0);
    picker.show_ui(ui, menu).response.on_hover_text(about.tooltip).accessible_name(about.name);
}

fn is_hidden(explore: &Explore, index: usize) -> bool {
    [false, explore.hidden.perturbation, explore.hidden.adversarial][index]
}

fn describe(index: usize, shown: &Shown, explore: &Explore) -> String {
    let says = |top: &[Guess]| top.first().map_or("nothing".to_owned(), |guess| guess.name.clone());
    match index {
        _ if is_hidden(explore, index) => format!("{} picture, hidden until you reveal it", NAMES[index]),
        2 if explore.hidden.answer => "Adversarial picture".into(),
        0 => format!("Original picture, the net says {}", says(&shown.clean_top)),
        1 => format!("Perturbation, largest change {:.4}", shown.linf),
        _ => format!("Adversarial picture, the net says {}", says(&shown.adversarial_top)),
    }
}

fn own_pixels(shown: &Shown) -> String {
    let (width, height) = (shown.original.width, shown.original.height);
    let [now, most] = [width * height, MAX_PHOTO_PIXELS].map(|pixels| pixels as f32 / 1e6);
    format!("{width}×{height}, {now:.1} of {most:.1} MP")
}
