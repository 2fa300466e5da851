//! The crop is what the net sees of a photo: a frame on the whole photo, to be dragged and resized.

use egui::{
    Color32, CursorIcon, Key, Pos2, Rect, Response, Role, Stroke, StrokeKind, TextureId, Ui, Vec2, WidgetInfo, vec2,
};

use crate::app::commands::Command;
use crate::app::pages::explore::camera::{outline, plate, wheel};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::rail::keep_arrows;
use crate::app::widgets::texture::{Texture, WHOLE};
use crate::engine::picture::Region;
use crate::worker::Shown;

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

#[derive(Clone, Copy)]
struct FramedPhoto {
    place: Rect,
    size: Vec2,
    /// The size of a pixel of the photo, in points on the screen.
    scale: f32,
    /// A frame has at most this area.
    most: f64,
}

impl Crop {
    /// Draws the photo and its frame into a well. Returns what a person makes of the frame.
    pub fn show(&mut self, ui: &Ui, well: Rect, shown: &Shown, before: Region, response: &Response) -> Option<Command> {
        let (width, height) = shown.picture_size;
        let size = vec2(width as f32, height as f32);
        let scale = (well.width() / size.x).min(well.height() / size.y);
        let place = Rect::from_center_size(well.center(), size * scale);
        let most = if shown.own_pixels { shown.largest_crop } else { f64::INFINITY };
        let photo = FramedPhoto { place, size, scale, most };
        let now = self.steer(ui, response, before, photo);
        let Region { left, top, width: across, height: down } = now;
        let what =
            format!("Crop of the photo of {width}×{height}: {across:.0}×{down:.0} pixels from ({left:.0}, {top:.0})");
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &what));
        let texture = self.overview.of(ui.ctx(), &shown.overview, false);
        paint(ui, well, texture, place, photo.frame(now));
        if response.double_clicked() {
            return Some(ExploreCommand::Crop(None).into());
        }
        (now != before).then(|| ExploreCommand::Crop(Some(now)).into())
    }

    fn steer(&mut self, ui: &Ui, response: &Response, mut region: Region, photo: FramedPhoto) -> Region {
        let frame = photo.frame(region);
        if response.drag_started() {
            self.resizes = ui.input(|i| i.pointer.press_origin()).is_some_and(|at| corner_at(frame, at).is_some());
        }
        if response.dragged() {
            let by = response.drag_delta();
            region = match response.interact_pointer_pos().filter(|_| self.resizes) {
                Some(at) => {
                    let from_middle = |at: Pos2| at.distance(frame.center()).max(1.0);
                    photo.resized(region, f64::from(from_middle(at) / from_middle(at - by)))
                }
                None => photo.moved(region, [by.x, by.y].map(|by| f64::from(by / photo.scale))),
            };
        }
        if let Some(at) = response.hover_pos() {
            // Zooming in looks at less of the photo. A frame is set more finely than a picture is enlarged.
            if let Some(factor) = wheel(ui) {
                region = photo.resized(region, f64::from(1.0 / factor.sqrt()));
            }
            let over = if frame.contains(at) { CursorIcon::Move } else { CursorIcon::Default };
            ui.ctx().set_cursor_icon(corner_at(frame, at).unwrap_or(over));
        }
        keep_arrows(ui, response, true);
        if response.has_focus() {
            let (right, down, resizes) = ui.input(|i| {
                let presses = |key| i.num_presses(key) as f64;
                let right = presses(Key::ArrowRight) - presses(Key::ArrowLeft);
                (right, presses(Key::ArrowDown) - presses(Key::ArrowUp), i.modifiers.shift)
            });
            region = match (right, down) {
                (0.0, 0.0) => region,
                _ if resizes => photo.resized(region, KEY_ZOOM.powf(right - down)),
                _ => photo.moved(region, [right * KEY_STEP * region.width, down * KEY_STEP * region.height]),
            };
        }
        region
    }
}

impl FramedPhoto {
    fn frame(self, region: Region) -> Rect {
        let corner = self.place.min + vec2(region.left as f32, region.top as f32) * self.scale;
        Rect::from_min_size(corner, vec2(region.width as f32, region.height as f32) * self.scale)
    }

    fn moved(self, region: Region, [right, down]: [f64; 2]) -> Region {
        let place = |at: f64, length: f64, all: f32| at.clamp(0.0, (f64::from(all) - length).max(0.0));
        Region {
            left: place(region.left + right, region.width, self.size.x),
            top: place(region.top + down, region.height, self.size.y),
            ..region
        }
    }

    /// Resizes a frame around its middle, with the same proportions, inside the photo and no larger than it may be.
    fn resized(self, region: Region, factor: f64) -> Region {
        let all = [self.size.x, self.size.y].map(f64::from);
        let largest = (all[0] / region.width).min(all[1] / region.height);
        let largest = largest.min((self.most / (region.width * region.height)).sqrt());
        let least = (LEAST / region.width.min(region.height)).min(1.0);
        let factor = factor.clamp(least, largest.max(least));
        let (width, height) = ((region.width * factor).min(all[0]), (region.height * factor).min(all[1]));
        let by = [(region.width - width) / 2.0, (region.height - height) / 2.0];
        self.moved(Region { width, height, ..region }, by)
    }
}

fn corners(frame: Rect) -> [Pos2; 4] {
    [frame.left_top(), frame.right_top(), frame.right_bottom(), frame.left_bottom()]
}

fn corner_at(frame: Rect, at: Pos2) -> Option<CursorIcon> {
    let near = corners(frame).iter().position(|corner| corner.distance(at) <= GRASP)?;
    Some([CursorIcon::ResizeNwSe, CursorIcon::ResizeNeSw][near % 2])
}

fn paint(ui: &Ui, well: Rect, texture: TextureId, photo: Rect, frame: Rect) {
    let palette = palette(ui);
    let painter = ui.painter().with_clip_rect(well.intersect(ui.clip_rect()));
    painter.rect_filled(well, theme::RADIUS, palette.well);
    painter.image(texture, photo, WHOLE, Color32::WHITE);
    let shade = Color32::from_black_alpha(150);
    let beside = photo.with_min_y(frame.top()).with_max_y(frame.bottom());
    let sides = [beside.with_max_x(frame.left()), beside.with_min_x(frame.right())];
    for outside in [photo.with_max_y(frame.top()), photo.with_min_y(frame.bottom())].into_iter().chain(sides) {
        painter.rect_filled(outside, 0, shade);
    }
    outline(&painter, frame, palette);
    for corner in corners(frame) {
        let handle = Rect::from_center_size(corner, Vec2::splat(HANDLE));
        painter.rect_filled(handle, 0, palette.cross);
        painter.rect_stroke(handle, 0, Stroke::new(1.0, palette.cross_edge), StrokeKind::Outside);
    }
    let words = painter.layout_no_wrap(HOW_TO.into(), theme::small_font(), palette.on_overlay);
    let padding = vec2(SPACE_2, SPACE_1);
    let size = words.size() + 2.0 * padding;
    if size.x <= well.width() {
        plate(&painter, well.left_bottom() - vec2(0.0, size.y), words, padding, palette);
    }
    ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMED: FramedPhoto =
        FramedPhoto { place: Rect::ZERO, size: vec2(600.0, 400.0), scale: 1.0, most: f64::INFINITY };
    const MIDDLE: Region = Region { left: 100.0, top: 0.0, width: 400.0, height: 400.0 };

    #[test]
    fn a_frame_stays_on_the_photo_and_keeps_its_size_when_dragged() {
        for (by, left) in [([50.0, 20.0], 150.0), ([1e9, -1e9], 200.0), ([-1e9, 1e9], 0.0)] {
            assert_eq!(FRAMED.moved(MIDDLE, by), Region { left, ..MIDDLE });
        }
    }

    #[test]
    fn a_frame_keeps_its_proportions_and_its_middle_when_resized() {
        let half = FRAMED.resized(MIDDLE, 0.5);
        assert_eq!(half, Region { left: 200.0, top: 100.0, width: 200.0, height: 200.0 });
        assert_eq!(FRAMED.resized(half, 2.0), MIDDLE);
        assert_eq!(FRAMED.resized(MIDDLE, 3.0), MIDDLE, "no larger than the photo");
        let least = FRAMED.resized(MIDDLE, 1e-9);
        assert_eq!((least.width, least.height), (LEAST, LEAST));
        let corner = Region { left: 0.0, top: 0.0, width: 100.0, height: 100.0 };
        let grown = FRAMED.resized(corner, 2.0);
        assert_eq!(grown, Region { width: 200.0, height: 200.0, ..corner }, "pushed back inside");
        let limited = FramedPhoto { most: 150.0 * 150.0, ..FRAMED }.resized(corner, 3.0);
        assert!((limited.width - 150.0).abs() < 1e-9 && limited.width == limited.height, "{limited:?}");
    }
}
