//! The crop is what the net sees of a photo: a frame on the whole photo, to be dragged and resized.

use eframe::egui::{
    Color32, CursorIcon, Key, Pos2, Rect, Response, Role, Stroke, StrokeKind, TextureId, Ui, Vec2, WidgetInfo, pos2,
    vec2,
};

use crate::app::commands::Command;
use crate::app::pages::explore::camera::{keep_arrows, outline, wheel};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::texture::{Texture, WHOLE};
use crate::engine::picture::Region;
use crate::worker::Shown;

/// It holds whether the frame is shown, and the small picture of the whole photo.
#[derive(Default)]
pub struct Crop {
    pub open: bool,
    resizes: bool,
    overview: Texture,
}

const LEAST: f64 = 8.0;
/// An arrow key moves the frame by this share of its side, or resizes it by this factor.
const KEY_STEP: f64 = 0.02;
const KEY_ZOOM: f64 = 1.05;
const HANDLE: f32 = 8.0;
const GRASP: f32 = 14.0;
const HOW_TO: &str = "wheel or corner: size  ·  drag: place";

/// A frame lies on this photo: its size, points for each of its pixels, and the largest area of a frame.
#[derive(Clone, Copy)]
struct Space {
    size: Vec2,
    scale: f32,
    most: f64,
}

impl Crop {
    /// Draws the photo and its frame into a well. The answer to the frame that is `wanted` may still be on its way.
    pub fn show(
        &mut self,
        ui: &Ui,
        well: Rect,
        shown: &Shown,
        wanted: Option<Region>,
        response: &Response,
    ) -> Option<Command> {
        let (width, height) = shown.picture_size;
        let size = vec2(width as f32, height as f32);
        let scale = (well.width() / size.x).min(well.height() / size.y);
        let photo = Rect::from_center_size(well.center(), size * scale);
        let now = wanted.unwrap_or(shown.crop);
        let most = if shown.own_pixels { shown.largest_crop } else { f64::INFINITY };
        let space = Space { size, scale, most };
        let new = self.steer(ui, response, (now, frame_of(photo, now, scale)), space);
        response
            .widget_info(|| WidgetInfo::labeled(Role::Image, true, describe(new.unwrap_or(now), shown.picture_size)));
        let texture = self.overview.of(ui.ctx(), &shown.overview, false);
        paint(ui, well, photo, texture, frame_of(photo, new.unwrap_or(now), scale));
        if response.double_clicked() {
            return Some(ExploreCommand::Crop(None).into());
        }
        new.map(|new| ExploreCommand::Crop(Some(new)).into())
    }

    /// Returns what pointer, wheel and keys make of the frame; `None` where they do nothing.
    fn steer(&mut self, ui: &Ui, response: &Response, (now, frame): (Region, Rect), space: Space) -> Option<Region> {
        let mut new = now;
        if response.drag_started() {
            self.resizes = ui.input(|i| i.pointer.press_origin()).is_some_and(|at| corner_at(frame, at).is_some());
        }
        if response.dragged() {
            let by = response.drag_delta();
            new = match response.interact_pointer_pos().filter(|_| self.resizes) {
                Some(at) => {
                    let from_middle = |at: Pos2| at.distance(frame.center()).max(1.0);
                    resized(new, f64::from(from_middle(at) / from_middle(at - by)), space)
                }
                None => moved(new, (f64::from(by.x / space.scale), f64::from(by.y / space.scale)), space.size),
            };
        }
        if let Some(at) = response.hover_pos() {
            // Zooming in looks at less of the photo. A frame is set more finely than a picture is enlarged.
            if let Some(factor) = wheel(ui) {
                new = resized(new, f64::from(1.0 / factor.sqrt()), space);
            }
            let over = if frame.contains(at) { CursorIcon::Move } else { CursorIcon::Default };
            ui.ctx().set_cursor_icon(corner_at(frame, at).unwrap_or(over));
        }
        keep_arrows(ui, response);
        if response.has_focus() {
            let (right, down, resizes) = ui.input(|i| {
                let presses = |key| i.num_presses(key) as f64;
                let right = presses(Key::ArrowRight) - presses(Key::ArrowLeft);
                (right, presses(Key::ArrowDown) - presses(Key::ArrowUp), i.modifiers.shift)
            });
            new = match (right, down) {
                (0.0, 0.0) => new,
                _ if resizes => resized(new, KEY_ZOOM.powf(right - down), space),
                _ => moved(new, (right * KEY_STEP * new.width, down * KEY_STEP * new.height), space.size),
            };
        }
        (new != now).then_some(new)
    }
}

fn frame_of(photo: Rect, region: Region, scale: f32) -> Rect {
    let corner = photo.min + vec2(region.left as f32, region.top as f32) * scale;
    Rect::from_min_size(corner, vec2(region.width as f32, region.height as f32) * scale)
}

fn corners(frame: Rect) -> [Pos2; 4] {
    [frame.left_top(), frame.right_top(), frame.right_bottom(), frame.left_bottom()]
}

/// Returns the pointer's shape over a corner of the frame, if there is one within grasp.
fn corner_at(frame: Rect, at: Pos2) -> Option<CursorIcon> {
    let near = corners(frame).iter().position(|corner| corner.distance(at) <= GRASP)?;
    Some([CursorIcon::ResizeNwSe, CursorIcon::ResizeNeSw][near % 2])
}

fn moved(region: Region, (right, down): (f64, f64), size: Vec2) -> Region {
    let place = |at: f64, length: f64, all: f32| at.clamp(0.0, (f64::from(all) - length).max(0.0));
    Region {
        left: place(region.left + right, region.width, size.x),
        top: place(region.top + down, region.height, size.y),
        ..region
    }
}

/// Resizes a frame around its middle, with the same proportions, inside the photo and no larger than it may be.
fn resized(region: Region, factor: f64, Space { size, most, .. }: Space) -> Region {
    let largest = (f64::from(size.x) / region.width).min(f64::from(size.y) / region.height);
    let largest = largest.min((most / (region.width * region.height)).sqrt());
    let least = (LEAST / region.width.min(region.height)).min(1.0);
    let factor = factor.clamp(least, largest.max(least));
    let width = (region.width * factor).min(f64::from(size.x));
    let height = (region.height * factor).min(f64::from(size.y));
    let by = ((region.width - width) / 2.0, (region.height - height) / 2.0);
    moved(Region { width, height, ..region }, by, size)
}

fn describe(region: Region, (width, height): (usize, usize)) -> String {
    format!(
        "Crop of the photo of {width}×{height}: {:.0}×{:.0} pixels from ({:.0}, {:.0})",
        region.width, region.height, region.left, region.top
    )
}

fn paint(ui: &Ui, well: Rect, photo: Rect, texture: TextureId, frame: Rect) {
    let palette = palette(ui);
    let painter = ui.painter().with_clip_rect(well.intersect(ui.clip_rect()));
    painter.rect_filled(well, theme::RADIUS, palette.well);
    painter.image(texture, photo, WHOLE, Color32::WHITE);
    let shade = Color32::from_black_alpha(150);
    for outside in [
        Rect::from_min_max(photo.min, pos2(photo.max.x, frame.min.y)),
        Rect::from_min_max(pos2(photo.min.x, frame.max.y), photo.max),
        Rect::from_min_max(pos2(photo.min.x, frame.min.y), pos2(frame.min.x, frame.max.y)),
        Rect::from_min_max(pos2(frame.max.x, frame.min.y), pos2(photo.max.x, frame.max.y)),
    ] {
        painter.rect_filled(outside, 0, shade);
    }
    outline(&painter, frame, palette);
    for corner in corners(frame) {
        let handle = Rect::from_center_size(corner, Vec2::splat(HANDLE));
        painter.rect_filled(handle, 0, palette.cross);
        painter.rect_stroke(handle, 0, Stroke::new(1.0, palette.cross_edge), StrokeKind::Outside);
    }
    let words = painter.layout_no_wrap(HOW_TO.into(), theme::small_font(), palette.on_overlay);
    let ground = words.size() + 2.0 * vec2(SPACE_2, SPACE_1);
    if ground.x <= well.width() {
        let ground = Rect::from_min_size(well.left_bottom() - vec2(0.0, ground.y), ground);
        painter.rect_filled(ground, theme::RADIUS, palette.overlay);
        painter.galley(ground.min + vec2(SPACE_2, SPACE_1), words, palette.on_overlay);
    }
    ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Vec2 = vec2(600.0, 400.0);
    const MIDDLE: Region = Region { left: 100.0, top: 0.0, width: 400.0, height: 400.0 };

    #[test]
    fn a_frame_stays_on_the_photo_and_keeps_its_size_when_dragged() {
        assert_eq!(moved(MIDDLE, (50.0, 20.0), SIZE), Region { left: 150.0, ..MIDDLE });
        assert_eq!(moved(MIDDLE, (1e9, -1e9), SIZE), Region { left: 200.0, ..MIDDLE });
        assert_eq!(moved(MIDDLE, (-1e9, 1e9), SIZE), Region { left: 0.0, ..MIDDLE });
    }

    #[test]
    fn a_frame_keeps_its_proportions_and_its_middle_when_resized() {
        let space = Space { size: SIZE, scale: 1.0, most: f64::INFINITY };
        let half = resized(MIDDLE, 0.5, space);
        assert_eq!(half, Region { left: 200.0, top: 100.0, width: 200.0, height: 200.0 });
        assert_eq!(resized(half, 2.0, space), MIDDLE);
        assert_eq!(resized(MIDDLE, 3.0, space), MIDDLE, "no larger than the photo");
        let least = resized(MIDDLE, 1e-9, space);
        assert_eq!((least.width, least.height), (LEAST, LEAST));
        let corner = Region { left: 0.0, top: 0.0, width: 100.0, height: 100.0 };
        assert_eq!(resized(corner, 2.0, space), Region { width: 200.0, height: 200.0, ..corner }, "pushed back inside");
        let limited = resized(corner, 3.0, Space { most: 150.0 * 150.0, ..space });
        assert!((limited.width - 150.0).abs() < 1e-9 && limited.width == limited.height, "{limited:?}");
    }
}
