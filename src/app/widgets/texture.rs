use std::sync::Arc;

use egui::{Color32, ColorImage, Context, Rect, TextureHandle, TextureId, TextureOptions, Ui, pos2};

use crate::app::theme::NEAREST_FROM;
use crate::engine::picture::Rgba;

/// The texture is filled anew when it is asked for another picture or another filter.
#[derive(Default)]
pub struct Texture {
    held: Option<Held>,
}

struct Held {
    rgba: Arc<Rgba>,
    handle: TextureHandle,
    is_nearest: bool,
}

impl Texture {
    /// Returns the texture of a picture; `is_nearest` draws its pixels as squares.
    pub fn of(&mut self, ctx: &Context, rgba: &Arc<Rgba>, is_nearest: bool) -> TextureId {
        let options = if is_nearest { TextureOptions::NEAREST } else { TextureOptions::LINEAR };
        match &mut self.held {
            Some(held) if Arc::ptr_eq(&held.rgba, rgba) && held.is_nearest == is_nearest => held.handle.id(),
            Some(held) => {
                held.handle.set(image(ctx, rgba), options);
                (held.rgba, held.is_nearest) = (rgba.clone(), is_nearest);
                held.handle.id()
            }
            none => {
                let handle = ctx.load_texture("picture", image(ctx, rgba), options);
                none.insert(Held { rgba: rgba.clone(), handle, is_nearest }).handle.id()
            }
        }
    }

    pub fn rgba(&self) -> Option<&Arc<Rgba>> {
        self.held.as_ref().map(|held| &held.rgba)
    }

    /// Draws a picture as large as it fits into the middle of a place. Returns where it lies.
    pub fn paint(&mut self, ui: &Ui, rgba: &Arc<Rgba>, place: Rect) -> Rect {
        let (width, height) = (rgba.width.max(1) as f32, rgba.height.max(1) as f32);
        let scale = (place.width() / width).min(place.height() / height);
        let rect = Rect::from_center_size(place.center(), [width * scale, height * scale].into());
        let id = self.of(ui.ctx(), rgba, scale * ui.ctx().pixels_per_point() >= NEAREST_FROM);
        ui.painter().image(id, rect, WHOLE, Color32::WHITE);
        rect
    }
}

pub const WHOLE: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };

/// Turns pixels into an image for a texture. A picture that is too long for a texture loses every second pixel, or
/// more.
pub fn image(ctx: &Context, rgba: &Rgba) -> ColorImage {
    let most = ctx.input(|i| i.max_texture_side);
    let [across, down] = [rgba.width, rgba.height].map(|side| side.div_ceil(most).max(1));
    if [across, down] == [1, 1] {
        return ColorImage::from_rgba_unmultiplied([rgba.width, rgba.height], &rgba.bytes);
    }
    let rows = rgba.bytes.chunks_exact(4 * rgba.width).step_by(down);
    let bytes: Vec<u8> = rows.flat_map(|row| row.chunks_exact(4).step_by(across)).flatten().copied().collect();
    ColorImage::from_rgba_unmultiplied([rgba.width.div_ceil(across), rgba.height.div_ceil(down)], &bytes)
}
