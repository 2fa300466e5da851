//! Original, perturbation and adversarial picture side by side, with one camera and one cross-hair.

use std::sync::Arc;

use eframe::egui::text::{LayoutJob, TextFormat};
use eframe::egui::{
    self, Align, Align2, Button, ColorImage, ComboBox, Context, EventFilter, Key, Layout, Painter, Rect, Response,
    Role, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use egui_material_icons::{MaterialIcon, icons};

use crate::app::commands::Command;
use crate::app::format::per_cent;
use crate::app::pages::explore::camera::Camera;
use crate::app::pages::explore::canvas::Canvas;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::crop::Crop;
use crate::app::pages::explore::results::{self, Look};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words::{self, Reading};
use crate::app::theme::{
    self, BAR_HEIGHT, CONTROL_HEIGHT, MIN_WELL, NEAREST_FROM, Palette, SPACE_1, SPACE_2, SPACE_3, palette,
};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::typing;
use crate::engine::attack::MAX_PHOTO_PIXELS;
use crate::engine::picture::{Background, Quantity, Rgba};
use crate::worker::Shown;

const NAMES: [&str; 3] = ["Original", "Perturbation", "Adversarial"];
/// A remark in a heading that would be cut to less than this is left out.
const LEAST_REMARK: f32 = 48.0;

/// The pane of the perturbation is at least so wide; the two pictures beside it come first.
const LEAST_MIDDLE: f32 = 152.0;
const NARROW_MIDDLE: f32 = 104.0;
/// All three panes have one size where it is at least this share of what the outer two could have.
const EVEN_FROM: f32 = 0.85;
/// Room for the signs between the panes.
const SIGN: f32 = 32.0;
const NARROW_SIGN: f32 = 20.0;
/// Windows narrower than this have narrower gaps.
const NARROW: f32 = 900.0;
/// Proportions of a pane: longer and thinner photos leave some of theirs empty.
const PROPORTIONS: std::ops::RangeInclusive<f32> = 0.7..=1.6;

/// The height that pictures of this height need, down to the last of so many rows of bars.
pub fn height_with(ui: &Ui, well: f32, rows: usize) -> f32 {
    CONTROL_HEIGHT + well + 2.0 * theme::row_gap(ui) + below_height(rows) - SPACE_1
}

fn below_height(rows: usize) -> f32 {
    rows as f32 * (BAR_HEIGHT + 2.0) + SPACE_1
}

/// The layout of the three panes: for each its heading, its picture and what stands below it.
struct Columns {
    heads: [Rect; 3],
    wells: [Rect; 3],
    below: [Rect; 3],
    rows: usize,
}

impl Columns {
    /// Shares out a room. The outer two are as large as its height allows; the middle one takes what is left.
    fn new(room: Rect, proportions: f32, gap: f32) -> Self {
        let (sign, least) = if room.width() < NARROW { (NARROW_SIGN, NARROW_MIDDLE) } else { (SIGN, LEAST_MIDDLE) };
        let width = room.width() - 2.0 * sign;
        let beside = |rows| CONTROL_HEIGHT + 2.0 * gap + below_height(rows);
        let fitting = |rows| {
            let height = (room.height() - beside(rows)).max(MIN_WELL);
            vec2((height * proportions).min(0.5 * (width - least)), height)
        };
        // In the lowest windows bars make room, down to the first.
        let spare = room.height() - beside(0) - MIN_WELL;
        let few_rows = ((spare / (BAR_HEIGHT + 2.0)) as usize).clamp(1, results::FEW_ROWS);
        let few = fitting(few_rows);
        let height = few.y.min(few.x / proportions);
        let is_roomy = room.height() - height >= beside(results::ROWS);
        let rows = if is_roomy { results::ROWS } else { few_rows };
        // Three of one size where that costs the outer two little.
        let third = width / 3.0;
        let is_even = third >= EVEN_FROM * few.x;
        let across = if is_even { few.x.min(third) } else { few.x };
        let outer = vec2(across, height.min(across / proportions)).floor();
        let middle_width = (width - 2.0 * outer.x).min(outer.x).floor();
        let middle = vec2(middle_width, (middle_width / proportions).min(outer.y).floor());
        // What is left over is shared out at both ends.
        let left = room.left() + (0.5 * (width - 2.0 * outer.x - middle.x)).max(0.0).floor();
        let lefts = [left, left + outer.x + sign, left + outer.x + middle.x + 2.0 * sign];
        let sizes = [outer, middle, outer];
        let top = room.top() + CONTROL_HEIGHT + gap;
        let wells = [0, 1, 2].map(|index| {
            let size = sizes[index];
            Rect::from_min_size(pos2(lefts[index], top + (0.5 * (outer.y - size.y)).floor()), size)
        });
        let heads = wells.map(|well| {
            Rect::from_min_size(
                pos2(well.left(), well.top() - gap - CONTROL_HEIGHT),
                vec2(well.width(), CONTROL_HEIGHT),
            )
        });
        let bottom = top + outer.y + gap + below_height(rows);
        let below =
            wells.map(|well| Rect::from_min_max(pos2(well.left(), well.bottom() + gap), pos2(well.right(), bottom)));
        Self { heads, wells, below, rows }
    }

    fn bottom(&self) -> f32 {
        self.below[0].bottom()
    }
}

/// The three pictures and how they are looked at.
#[derive(Default)]
pub struct Pictures {
    textures: Option<[TextureHandle; 3]>,
    sources: Option<[Arc<Rgba>; 3]>,
    camera: Camera,
    crop: Crop,
    nearest: bool,
    /// The key or the button that swaps the two pictures is held.
    flipped: bool,
    button_held: bool,
    /// A pane has the keyboard, and this is the pixel that its arrow keys have reached.
    focused: bool,
    cursor: Option<(usize, usize)>,
}

impl Pictures {
    /// Uploads what changed. Textures are made once and then only filled anew.
    pub fn take(&mut self, ctx: &Context, shown: &Shown) {
        self.crop.take(ctx, shown);
        let sources = [&shown.original_rgba, &shown.heatmap_rgba, &shown.adversarial_rgba].map(Arc::clone);
        let old = self.sources.replace(sources.clone());
        if old.as_ref().is_none_or(|old| old[0].width != sources[0].width || old[0].height != sources[0].height) {
            self.camera = Camera::default();
        }
        let options = texture_options(self.nearest);
        match &mut self.textures {
            None => {
                let mut index = 0;
                self.textures = Some(sources.map(|rgba| {
                    index += 1;
                    ctx.load_texture(NAMES[index - 1], image(ctx, &rgba), options)
                }));
            }
            Some(textures) => {
                for (index, texture) in textures.iter_mut().enumerate() {
                    let same = old.as_ref().is_some_and(|old| Arc::ptr_eq(&old[index], &sources[index]));
                    if !same {
                        texture.set(image(ctx, &sources[index]), options);
                    }
                }
            }
        }
    }

    /// Fills the textures again when the zoom crosses the point from which pixels are drawn as squares.
    fn choose_filter(&mut self, ctx: &Context, nearest: bool) {
        if self.nearest == nearest {
            return;
        }
        self.nearest = nearest;
        if let (Some(textures), Some(sources)) = (&mut self.textures, &self.sources) {
            for (texture, rgba) in textures.iter_mut().zip(sources) {
                texture.set(image(ctx, rgba), texture_options(nearest));
            }
        }
    }

    /// Which of the three stands in a column: the outer two change places while the flip is held.
    fn shown_in(&self, column: usize) -> usize {
        if self.flipped { 2 - column } else { column }
    }

    pub fn zoom(&mut self, factor: f32) {
        self.camera.zoom(factor);
    }

    pub fn fit(&mut self) {
        self.camera = Camera::default();
    }

    /// Shows the frame on the whole photo.
    pub fn open_crop(&mut self) {
        self.crop.open = true;
    }

    /// Draws the three panes into the room that is left; the first one is to be drawn on while the canvas is open.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, canvas: &mut Canvas, look: Look, out: &mut Vec<Command>) {
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let mut room = ui.available_rect_before_wrap();
            room.set_height(room.height().max(ui.clip_rect().bottom() - room.top()));
            let size = explore.shown.as_deref().map_or(vec2(3.0, 2.0), size_of);
            let proportions = if canvas.open { 1.0 } else { size.x / size.y };
            let proportions = proportions.clamp(*PROPORTIONS.start(), *PROPORTIONS.end());
            let columns = Columns::new(room, proportions, theme::row_gap(ui));
            let key_held = !typing(ui.ctx())
                && ui.input(|i| i.key_down(Key::Space))
                && (self.focused || ui.memory(|m| m.focused().is_none()));
            self.flipped = (key_held || self.button_held) && !explore.hidden.adversarial;
            for (index, rect) in columns.heads.into_iter().enumerate() {
                let mut ui = ui.new_child(
                    UiBuilder::new()
                        .max_rect(rect)
                        .id_salt(("head", index))
                        .layout(Layout::left_to_right(Align::Center)),
                );
                match index {
                    0 if canvas.open => canvas.head(&mut ui, out),
                    _ => self.head(&mut ui, index, explore, look, out),
                }
            }
            self.wells(ui, columns.wells, explore, canvas, out);
            self.signs(ui, &columns.wells);
            for (index, rect) in columns.below.into_iter().enumerate() {
                let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(("below", index)));
                ui.set_clip_rect(rect.expand(4.0).intersect(ui.clip_rect()));
                let column = self.shown_in(index);
                let is_covered =
                    explore.is_blank || is_hidden(explore, column) || (column == 2 && explore.hidden.answer);
                if !is_covered {
                    results::below(&mut ui, column, columns.rows, explore, look, out);
                }
            }
            ui.allocate_rect(Rect::from_min_max(room.min, pos2(room.left() + 1.0, columns.bottom())), Sense::hover());
        });
    }

    /// "+" and "=" between the panes: what is added to the original gives the adversarial picture.
    fn signs(&self, ui: &Ui, wells: &[Rect; 3]) {
        for (sign, pair) in ["+", "="].into_iter().zip(wells.windows(2)) {
            let at = pos2(0.5 * (pair[0].right() + pair[1].left()), wells[0].center().y);
            ui.painter().text(at, Align2::CENTER_CENTER, sign, theme::sign_font(), palette(ui).weak);
        }
    }

    fn head(&mut self, ui: &mut Ui, index: usize, explore: &Explore, look: Look, out: &mut Vec<Command>) {
        ui.add(
            egui::Label::new(theme::strong(NAMES[self.shown_in(index)]).text_style(egui::TextStyle::Heading))
                .truncate(),
        );
        let Some(shown) = explore.shown.as_deref() else { return };
        let crops = self.crops(explore);
        let remark = match (index, explore.view.heatmap.quantity) {
            (0, _) if shown.own_pixels && explore.is_resampled() => own_pixels(shown),
            (0, _) if crops => format!("{:.0}×{:.0} of the photo", shown.crop.width, shown.crop.height),
            (0, _) => format!("{}×{}", shown.original.width, shown.original.height),
            (1, Quantity::Perturbation) => "δ, what is added".into(),
            (1, Quantity::Magnitude) => "|δ|, how much".into(),
            (1, Quantity::Gradient) => "∇J, the slope followed".into(),
            _ => String::new(),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if index == 0 && explore.is_resampled() && (look.more || crops) {
                let about = ExploreCommand::Crop(None).about();
                let text = (icons::ICON_CROP.rich_text().size(16.0), about.name);
                let button = Button::new(text).selected(crops).frame_when_inactive(crops);
                if ui.add(button).on_hover_text(about.tooltip).accessible_name(about.name).clicked() {
                    self.crop.open = !self.crop.open;
                }
            }
            if index == 0 && shown.is_transparent {
                background_picker(ui, explore.view.background, out);
            }
            if index == 2 {
                let (icon, name) = (icons::ICON_COMPARE.rich_text().size(16.0), "Hold to flip");
                let button = if ui.available_width() >= 120.0 { Button::new((icon, name)) } else { Button::new(icon) };
                let button = ui
                    .add(button.frame_when_inactive(false).sense(Sense::click_and_drag()))
                    .on_hover_text("Press and hold to see the original in this place; so does the space bar")
                    .accessible_name(name);
                self.button_held = button.is_pointer_button_down_on();
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

    fn wells(&mut self, ui: &mut Ui, wells: [Rect; 3], explore: &Explore, canvas: &mut Canvas, out: &mut Vec<Command>) {
        let Some(shown) = explore.shown.as_deref() else {
            for (index, well) in wells.into_iter().enumerate() {
                let text = if index == 0 { "Loading the net and the first picture…" } else { "" };
                empty_well(ui, well, text);
            }
            return;
        };
        let size = size_of(shown);
        let mut pixel = None;
        let mut responses = Vec::with_capacity(3);
        for (index, well) in wells.into_iter().enumerate() {
            let response = ui.interact(well, ui.scope_id().with(("well", index)), Sense::click_and_drag());
            if index == 0 && canvas.open {
                canvas.square(ui, well, &response, out);
                responses.push(response);
                continue;
            }
            if index == 0 && self.crops(explore) {
                out.extend(self.crop.show(ui, well, (shown, explore.view.crop), &response));
                responses.push(response);
                continue;
            }
            response.widget_info(|| WidgetInfo::labeled(Role::Image, true, describe(index, shown, explore)));
            pixel = self.steer(ui, well, size, &response).or(pixel);
            responses.push(response);
        }
        let has_tool = canvas.open || self.crops(explore);
        let pictures = &responses[usize::from(has_tool)..];
        self.focused = pictures.iter().any(Response::has_focus);
        if self.focused {
            pixel = pixel.or_else(|| Some(self.walk(ui, size)));
        } else {
            self.cursor = None;
        }
        let scale = self.camera.scale(wells[0], size) * ui.ctx().pixels_per_point();
        self.choose_filter(ui.ctx(), scale >= NEAREST_FROM);
        for (index, well) in wells.into_iter().enumerate() {
            let is_tool = index == 0 && has_tool;
            if explore.is_blank && index > 0 {
                empty_well(ui, well, "");
                continue;
            }
            if is_hidden(explore, index) {
                covered_well(ui, well);
                continue;
            }
            if !is_tool {
                self.paint(ui, well, size, index);
                self.caption(ui, well, index, explore, shown);
                if pixel.is_none() {
                    self.verdict(ui, well, index, explore, shown);
                }
            }
            if let Some(pixel) = pixel.filter(|_| !is_tool) {
                cross_hair(ui, well, self.camera.pixel_rect(well, size, pixel), responses[index].hovered());
                let text = self.readout(pixel, index, shown);
                self.read(ui, well, self.camera.pixel_rect(well, size, pixel), &text);
                ui.ctx().accesskit_node_builder(responses[index].id, |node| node.set_value(text));
            }
            if responses[index].has_focus() {
                let stroke = Stroke::new(2.0, palette(ui).accent);
                ui.painter().rect_stroke(well, theme::RADIUS, stroke, StrokeKind::Inside);
            }
        }
    }

    /// Whether the first pane shows the whole photo with a frame on it.
    fn crops(&self, explore: &Explore) -> bool {
        self.crop.open && explore.is_resampled()
    }

    /// Drag pans, the wheel zooms where the pointer is, a double click shows the whole. Returns the pixel under the
    /// pointer.
    fn steer(&mut self, ui: &Ui, well: Rect, size: Vec2, response: &Response) -> Option<(usize, usize)> {
        if response.dragged() {
            self.camera.pan(well, size, response.drag_delta());
        }
        if response.double_clicked() {
            self.fit();
        }
        keep_arrows(ui, response);
        let at = response.hover_pos()?;
        if let Some(factor) = wheel(ui) {
            self.camera.zoom_at(well, size, at, factor);
        }
        self.camera.pixel_at(well, size, at)
    }

    fn paint(&self, ui: &Ui, well: Rect, size: Vec2, index: usize) {
        let palette = palette(ui);
        ui.painter().rect_filled(well, theme::RADIUS, palette.well);
        let index = self.shown_in(index);
        if let Some(textures) = &self.textures {
            let drawn = self.camera.screen_from_picture(well, size);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            let clip = well.shrink(1.0).intersect(ui.clip_rect());
            ui.painter().with_clip_rect(clip).image(textures[index].id(), drawn, whole, egui::Color32::WHITE);
        }
        ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    }

    /// Writes the net's answer large on a picture.
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
        let colour = theme::on_overlay(standing);
        let mut job = LayoutJob::default();
        let format = |font_id, color| TextFormat { font_id, color, ..TextFormat::default() };
        let strong = egui::FontId { size, ..theme::verdict_font() };
        job.append(&guess.name, 0.0, format(strong.clone(), colour));
        job.append(&per_cent(guess.prob), 0.45 * size, format(strong, palette(ui).on_overlay));
        job.wrap = egui::text::TextWrapping::truncate_at_width(well.width() - 2.0 * padding.x);
        let galley = ui.painter().layout_job(job);
        let ground = galley.size() + 2.0 * padding;
        plate(ui, Rect::from_min_size(well.left_bottom() - vec2(0.0, ground.y), ground), galley, padding);
    }

    /// Writes the verdict on the adversarial picture.
    fn verdict(&self, ui: &Ui, well: Rect, index: usize, explore: &Explore, shown: &Shown) {
        if self.shown_in(index) != 2 || explore.hidden.answer {
            return;
        }
        let judgement = words::judge(shown);
        let colour = theme::on_overlay(judgement.standing);
        let galley = verdict(ui, judgement.headline, theme::icon_of(shown.verdict), colour, 0.8 * caption_size(well));
        let padding = vec2((0.6 * caption_size(well)).min(SPACE_3), SPACE_1);
        let ground = Rect::from_min_size(well.left_top(), galley.size() + 2.0 * padding);
        plate(ui, ground, galley, padding);
        let response = ui.interact(ground, ui.scope_id().with("verdict"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, judgement.headline));
    }

    /// Moves the cross-hair by arrow keys while a pane has the keyboard; with Shift by ten pixels.
    fn walk(&mut self, ui: &Ui, size: Vec2) -> (usize, usize) {
        let (x, y) = self.cursor.unwrap_or((size.x as usize / 2, size.y as usize / 2));
        let (dx, dy) = ui.input(|i| {
            let step = if i.modifiers.shift { 10 } else { 1 };
            let presses = |key| i.num_presses(key) as isize * step;
            (presses(Key::ArrowRight) - presses(Key::ArrowLeft), presses(Key::ArrowDown) - presses(Key::ArrowUp))
        });
        let moved = |at: usize, by: isize, end: f32| at.saturating_add_signed(by).min(end as usize - 1);
        let pixel = (moved(x, dx, size.x), moved(y, dy, size.y));
        self.cursor = Some(pixel);
        pixel
    }

    /// The numbers of one pixel in one column.
    fn readout(&self, pixel: (usize, usize), column: usize, shown: &Shown) -> String {
        let (name, planes, reading) = match self.shown_in(column) {
            0 => ("x", &shown.original, Reading::Pixel),
            1 if shown.view.heatmap.quantity == Quantity::Gradient => ("∇J", &shown.gradient, Reading::Gradient),
            1 => ("δ", &shown.perturbation, Reading::Difference),
            _ => ("x+δ", &shown.adversarial, Reading::Pixel),
        };
        let mut lines = vec![format!("({}, {})", pixel.0, pixel.1)];
        lines.extend(words::readout(name, planes, pixel, reading));
        lines.join("\n")
    }

    /// Lays a read-out over the corner that is farther from its pixel.
    fn read(&self, ui: &Ui, well: Rect, pixel: Rect, text: &str) {
        let palette = palette(ui);
        let painter = ui.painter().with_clip_rect(well.intersect(ui.clip_rect()));
        let galley = painter.layout_no_wrap(text.to_owned(), theme::number_font(), palette.on_overlay);
        let box_size = galley.size() + Vec2::splat(2.0 * SPACE_2);
        if box_size.x > well.width() || 2.0 * box_size.y > well.height() {
            return;
        }
        let low = pixel.center().y > well.center().y;
        let right = vec2(box_size.x, 0.0);
        let corner = if low { well.right_top() - right } else { well.right_bottom() - box_size };
        painter.rect_filled(Rect::from_min_size(corner, box_size), theme::RADIUS, palette.overlay);
        painter.galley(corner + Vec2::splat(SPACE_2), galley, palette.on_overlay);
    }
}

/// The size of the text on a picture: it grows with it.
fn caption_size(well: Rect) -> f32 {
    (0.07 * well.height()).clamp(12.0, 30.0)
}

/// Lays text on a picture, on a dark ground.
fn plate(ui: &Ui, ground: Rect, galley: Arc<egui::Galley>, padding: Vec2) {
    let palette = palette(ui);
    let painter = ui.painter().with_clip_rect(ui.clip_rect());
    painter.rect_filled(ground, theme::RADIUS, palette.overlay);
    painter.galley(ground.min + padding, galley, palette.on_overlay);
}

/// The verdict with its icon.
fn verdict(ui: &Ui, text: &str, icon: MaterialIcon, colour: egui::Color32, size: f32) -> Arc<egui::Galley> {
    let mut job = LayoutJob::default();
    let format = |font_id| TextFormat { font_id, color: colour, valign: Align::Center, ..TextFormat::default() };
    job.append(icon.codepoint, 0.0, format(theme::icon_font(1.1 * size)));
    job.append(text, 0.35 * size, format(egui::FontId { size, ..theme::verdict_font() }));
    ui.painter().layout_job(job)
}

fn size_of(shown: &Shown) -> Vec2 {
    vec2(shown.original_rgba.width as f32, shown.original_rgba.height as f32)
}

fn empty_well(ui: &Ui, well: Rect, text: &str) {
    written_well(ui, well, text, theme::body_font());
}

/// In place of a picture that is to be predicted.
fn covered_well(ui: &Ui, well: Rect) {
    written_well(ui, well, "?", egui::FontId { size: 56.0, ..theme::verdict_font() });
}

fn written_well(ui: &Ui, well: Rect, text: &str, font: egui::FontId) {
    let palette = palette(ui);
    ui.painter().rect_filled(well, theme::RADIUS, palette.well);
    ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    ui.painter().text(well.center(), Align2::CENTER_CENTER, text, font, palette.weak);
}

/// A frame around the pixel, and lines through it in the panes where the pointer is not.
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

/// A frame that stands out from any picture.
pub fn outline(painter: &Painter, frame: Rect, palette: &Palette) {
    painter.rect_stroke(frame, 0, Stroke::new(3.0, palette.cross_edge), StrokeKind::Outside);
    painter.rect_stroke(frame, 0, Stroke::new(1.0, palette.cross), StrokeKind::Outside);
}

/// By how much wheel and pinch enlarge what is under the pointer. The wheel belongs to the picture there, not to the
/// scroll area around it.
pub fn wheel(ui: &Ui) -> Option<f32> {
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
    let factor = pinch * (scroll / 200.0).exp();
    (factor != 1.0).then(|| {
        ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
        factor
    })
}

/// While a picture has the keyboard, the arrow keys are its own and do not move on to the next control.
pub fn keep_arrows(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
    }
}

/// What shows through where the picture is transparent.
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

/// Whether a lesson covers a picture.
fn is_hidden(explore: &Explore, index: usize) -> bool {
    [false, explore.hidden.perturbation, explore.hidden.adversarial][index]
}

fn describe(index: usize, shown: &Shown, explore: &Explore) -> String {
    match index {
        _ if is_hidden(explore, index) => format!("{} picture, hidden until you reveal it", NAMES[index]),
        2 if explore.hidden.answer => "Adversarial picture".into(),
        0 => format!("Original picture, the net says {}", shown.clean_top.first().map_or("nothing", |g| &g.name)),
        1 => format!("Perturbation, largest change {:.4}", shown.linf),
        _ => {
            format!(
                "Adversarial picture, the net says {}",
                shown.adversarial_top.first().map_or("nothing", |g| &g.name)
            )
        }
    }
}

/// "1448×1200, 1.7 of 2.1 MP": how much of a photo is attacked at its own resolution.
fn own_pixels(shown: &Shown) -> String {
    let (width, height) = (shown.original.width, shown.original.height);
    let megapixels = |pixels: usize| pixels as f32 / 1e6;
    format!("{width}×{height}, {:.1} of {:.1} MP", megapixels(width * height), megapixels(MAX_PHOTO_PIXELS))
}

/// For a texture. Of a picture that is longer than a texture may be, only every second, third, … pixel.
pub fn image(ctx: &Context, rgba: &Rgba) -> ColorImage {
    let most = ctx.input(|i| i.max_texture_side);
    let (across, down) = (rgba.width.div_ceil(most).max(1), rgba.height.div_ceil(most).max(1));
    if (across, down) == (1, 1) {
        return ColorImage::from_rgba_unmultiplied([rgba.width, rgba.height], &rgba.bytes);
    }
    let rows = rgba.bytes.chunks_exact(4 * rgba.width).step_by(down);
    let bytes: Vec<u8> = rows.flat_map(|row| row.chunks_exact(4).step_by(across)).flatten().copied().collect();
    ColorImage::from_rgba_unmultiplied([rgba.width.div_ceil(across), rgba.height.div_ceil(down)], &bytes)
}

fn texture_options(nearest: bool) -> TextureOptions {
    if nearest { TextureOptions::NEAREST } else { TextureOptions::LINEAR }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn three_panes_lie_beside_each_other_in_any_room(
            width in 400.0_f32..4000.0,
            height in 100.0_f32..2400.0,
            proportions in 0.7_f32..=1.6,
            is_compact in any::<bool>(),
        ) {
            let gap = if is_compact { SPACE_1 } else { SPACE_2 };
            let room = Rect::from_min_size(pos2(16.0, 90.0), vec2(width, height));
            let columns = Columns::new(room, proportions, gap);
            prop_assert!((1..=results::ROWS).contains(&columns.rows));
            for index in 0..3 {
                let (head, well, below) = (columns.heads[index], columns.wells[index], columns.below[index]);
                for rect in [head, well, below] {
                    prop_assert!(rect.width() > 0.0 && rect.height() >= 0.0, "{:?}", rect);
                    prop_assert_eq!(rect.x_range(), well.x_range());
                    prop_assert!(room.x_range().contains(rect.left()) && room.right() >= rect.right(), "{:?}", rect);
                    prop_assert!(rect.top() >= room.top() && rect.bottom() <= columns.bottom(), "{:?}", rect);
                }
                prop_assert!(head.bottom() <= well.top() && well.bottom() <= below.top());
                let ratio = well.width() / well.height();
                prop_assert!((ratio / proportions - 1.0).abs() < 0.05, "{ratio}, the photo has {proportions}");
            }
            for pair in columns.wells.windows(2) {
                prop_assert!(pair[0].right() + NARROW_SIGN <= pair[1].left(), "room for a sign");
                prop_assert!((pair[0].center().y - pair[1].center().y).abs() <= 1.0);
            }
            prop_assert_eq!(columns.wells[0].size(), columns.wells[2].size(), "the outer two are alike");
            prop_assert!(columns.wells[1].width() <= columns.wells[0].width());
            // Only in lower rooms than this are the panes scrolled.
            let least = CONTROL_HEIGHT + MIN_WELL + 2.0 * gap + below_height(1);
            prop_assert!(height < least || columns.bottom() <= room.bottom(), "{}", columns.bottom());
        }
    }
}
