//! One camera serves the three panes: it says where the picture lies, and which pixel is under the pointer.

use std::sync::Arc;

use egui::{Galley, Painter, Pos2, Rect, Stroke, StrokeKind, Ui, Vec2, vec2};

use crate::app::theme::{self, Palette};

const MAX_ZOOM: f32 = 64.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    zoom: f32,
    /// The point in the middle of the pane, as a share of the picture's width and height.
    centre: Vec2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pixel {
    pub x: usize,
    pub y: usize,
}

impl Default for Camera {
    fn default() -> Self {
        Self { zoom: 1.0, centre: Vec2::splat(0.5) }
    }
}

impl Camera {
    pub fn is_whole(&self) -> bool {
        self.zoom == 1.0
    }

    /// Returns the points of the screen for each pixel of the picture.
    pub fn scale(&self, well: Rect, size: Vec2) -> f32 {
        (well.width() / size.x).min(well.height() / size.y) * self.zoom
    }

    /// Returns where the whole picture lies on screen; it may reach beyond the well.
    pub fn screen_from_picture(&self, well: Rect, size: Vec2) -> Rect {
        let drawn = size * self.scale(well, size);
        let min = well.center() - vec2(self.centre.x * drawn.x, self.centre.y * drawn.y);
        Rect::from_min_size(min, drawn)
    }

    /// Returns the pixel at a point of the screen, if that is on the picture.
    pub fn pixel_at(&self, well: Rect, size: Vec2, at: Pos2) -> Option<Pixel> {
        let drawn = self.screen_from_picture(well, size);
        let share = (at - drawn.min) / drawn.size();
        let inside = well.contains(at) && (0.0..1.0).contains(&share.x) && (0.0..1.0).contains(&share.y);
        inside.then_some(Pixel { x: (share.x * size.x) as usize, y: (share.y * size.y) as usize })
    }

    pub fn pixel_rect(&self, well: Rect, size: Vec2, pixel: Pixel) -> Rect {
        let drawn = self.screen_from_picture(well, size);
        let side = drawn.size() / size;
        Rect::from_min_size(drawn.min + side * vec2(pixel.x as f32, pixel.y as f32), side)
    }

    /// Zooms so that what is under `at` stays there.
    pub fn zoom_at(&mut self, well: Rect, size: Vec2, at: Pos2, factor: f32) {
        let before = self.screen_from_picture(well, size);
        let share = (at - before.min) / before.size();
        self.zoom = (self.zoom * factor).clamp(1.0, MAX_ZOOM);
        let after = size * self.scale(well, size);
        self.centre = share - (at - well.center()) / after;
        self.keep_on_picture();
    }

    pub fn zoom(&mut self, factor: f32) {
        self.zoom = (self.zoom * factor).clamp(1.0, MAX_ZOOM);
        self.keep_on_picture();
    }

    pub fn pan(&mut self, well: Rect, size: Vec2, by: Vec2) {
        self.centre -= by / (size * self.scale(well, size));
        self.keep_on_picture();
    }

    /// A whole picture sits in the middle; an enlarged one keeps its edges at or beyond half the pane.
    fn keep_on_picture(&mut self) {
        let margin = 0.5 / self.zoom;
        self.centre = self.centre.clamp(Vec2::splat(margin), Vec2::splat(1.0 - margin));
    }
}

/// Draws a frame that stands out from any picture.
pub fn outline(painter: &Painter, frame: Rect, palette: &Palette) {
    painter.rect_stroke(frame, 0, Stroke::new(3.0, palette.cross_edge), StrokeKind::Outside);
    painter.rect_stroke(frame, 0, Stroke::new(1.0, palette.cross), StrokeKind::Outside);
}

/// Lays a text on a dark ground with this corner. Returns the ground.
pub fn plate(painter: &Painter, corner: Pos2, text: Arc<Galley>, padding: Vec2, palette: &Palette) -> Rect {
    let ground = Rect::from_min_size(corner, text.size() + 2.0 * padding);
    painter.rect_filled(ground, theme::RADIUS, palette.overlay);
    painter.galley(corner + padding, text, palette.on_overlay);
    ground
}

/// Returns by how much wheel and pinch enlarge what is under the pointer. The wheel does not scroll then.
pub fn wheel(ui: &Ui) -> Option<f32> {
    let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta().y, i.zoom_delta()));
    let factor = pinch * (scroll / 200.0).exp();
    (factor != 1.0).then(|| {
        ui.input_mut(|i| i.smooth_scroll_delta = Vec2::ZERO);
        factor
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::pos2;

    const SIZE: Vec2 = vec2(28.0, 28.0);

    fn well() -> Rect {
        Rect::from_min_size(pos2(100.0, 50.0), vec2(400.0, 280.0))
    }

    #[test]
    fn the_whole_picture_is_centred() {
        let camera = Camera::default();
        let drawn = camera.screen_from_picture(well(), SIZE);
        assert_eq!(drawn, Rect::from_center_size(well().center(), vec2(280.0, 280.0)));
        assert_eq!(camera.pixel_at(well(), SIZE, drawn.min), Some(Pixel { x: 0, y: 0 }));
        assert_eq!(camera.pixel_at(well(), SIZE, drawn.max - vec2(0.1, 0.1)), Some(Pixel { x: 27, y: 27 }));
        assert_eq!(camera.pixel_at(well(), SIZE, drawn.min - vec2(1.0, 0.0)), None);
    }

    #[test]
    fn zooming_keeps_the_pixel_under_the_pointer() {
        let mut camera = Camera::default();
        let at = well().center() + vec2(43.0, -27.0);
        let pixel = camera.pixel_at(well(), SIZE, at);
        for _ in 0..8 {
            camera.zoom_at(well(), SIZE, at, 1.25);
            assert_eq!(camera.pixel_at(well(), SIZE, at), pixel);
        }
        assert!(!camera.is_whole());
        assert!(camera.pixel_rect(well(), SIZE, pixel.unwrap()).contains(at));
    }

    #[test]
    fn the_picture_cannot_be_lost() {
        let mut camera = Camera::default();
        camera.zoom(4.0);
        camera.pan(well(), SIZE, vec2(1e6, -1e6));
        assert!(camera.screen_from_picture(well(), SIZE).intersects(well()));
        camera.zoom(1e-6);
        assert_eq!(camera, Camera::default());
    }
}
