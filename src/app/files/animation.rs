//! The window is recorded frame by frame while ε rises.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use egui::{ColorImage, Context, Rect};

use crate::engine::picture::{Fit, Picture, Rgba, fit};
use crate::figure::{AnimationFormat, animation_bytes};

/// The number of steps in which ε rises from 0 to its value.
pub const STEPS: usize = 24;
/// Wider frames are made smaller, in pixels.
const WIDEST: usize = 960;

/// Cuts an area, in pixels, out of a picture of the window, and makes it smaller where it is wide.
fn frame(window: &ColorImage, area: Rect) -> Result<Rgba, String> {
    let picture = part(window, area)?;
    let width = picture.width.min(WIDEST);
    let height = (picture.height * width / picture.width).max(1);
    let planes = fit(&picture, 3, height, width, Fit::Squash).map_err(|error| error.to_string())?;
    Ok(Rgba::from_planes(&planes))
}

pub fn part(window: &ColorImage, area: Rect) -> Result<Picture, String> {
    let [width, height] = window.size;
    let within = |at: f32, most: usize| (at.round().max(0.0) as usize).min(most);
    let (left, right) = (within(area.left(), width), within(area.right(), width));
    let (top, bottom) = (within(area.top(), height), within(area.bottom(), height));
    if left >= right || top >= bottom {
        return Err("there is nothing of it on screen".into());
    }
    let rows = (top..bottom).flat_map(|y| &window.pixels[y * width + left..y * width + right]);
    let bytes = rows.flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    Ok(Picture::new(right - left, bottom - top, 3, bytes))
}

/// Encodes what was recorded, in the format that the ending of the file says.
///
/// # Errors
/// The message says what is wrong with the frames or the name of the file.
pub fn recorded_bytes(frames: &[Rgba], path: &Path) -> Result<Vec<u8>, String> {
    if frames.windows(2).any(|pair| (pair[0].width, pair[0].height) != (pair[1].width, pair[1].height)) {
        return Err(
            "the window changed its size while it was recorded; leave it as it is until the animation is done".into()
        );
    }
    let bytes = AnimationFormat::of(path).and_then(|format| animation_bytes(frames, format));
    bytes.map_err(|error| error.to_string())
}

/// A recording knows which ε is next, and keeps the frames so far.
pub struct Recording {
    pub path: std::path::PathBuf,
    /// ε rises to where it stood before.
    pub eps: f32,
    pub frames: Vec<Rgba>,
    pub awaited: Option<Receiver<Arc<ColorImage>>>,
}

impl Recording {
    /// Asks for a picture of the window, which becomes the next frame.
    pub fn ask_frame(&mut self, ctx: &Context) {
        let (send, receive) = sync_channel(1);
        let waker = ctx.clone();
        ctx.request_screenshot(move |window| {
            // The recording is over when this fails.
            let _ = send.send(window);
            waker.request_repaint();
        });
        self.awaited = Some(receive);
    }

    /// Takes the picture of the window that was asked for. Returns `false` while it is still on its way.
    pub fn take_arrived(&mut self, ctx: &Context) -> bool {
        let Some(awaited) = &self.awaited else { return true };
        let Ok(window) = awaited.try_recv() else { return false };
        self.awaited = None;
        self.frames.extend(frame(&window, ctx.content_rect() * ctx.pixels_per_point()));
        true
    }

    /// Returns ε of the next frame; `None` when all are there.
    pub fn next_eps(&self) -> Option<f32> {
        let number = self.frames.len();
        (number <= STEPS).then(|| self.eps * number as f32 / STEPS as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Color32, pos2};

    fn window(shade: u8) -> ColorImage {
        ColorImage::filled([1280, 20], Color32::from_rgb(shade, 90, 10))
    }

    #[test]
    fn a_wide_window_is_recorded_smaller() {
        let cut = |width: f32| frame(&window(3), Rect::from_min_max(pos2(0.0, 0.0), pos2(width, 20.0))).unwrap();
        assert_eq!(
            [(cut(1280.0).width, cut(1280.0).height), (cut(500.0).width, cut(500.0).height)],
            [(960, 15), (500, 20)]
        );
        assert_eq!(cut(1280.0).bytes[..4], [3, 90, 10, 255]);
        assert!(frame(&window(3), Rect::from_min_max(pos2(0.0, 30.0), pos2(9.0, 40.0))).is_err());
    }

    #[test]
    fn a_part_of_the_window_becomes_a_picture() {
        let pixels = (0..12).map(|i| Color32::from_gray(20 * i)).collect();
        let window = ColorImage::new([4, 3], pixels);
        let picture = part(&window, Rect::from_min_max([1.2, 0.9].into(), [3.1, 9.0].into())).unwrap();
        assert_eq!((picture.width, picture.height), (2, 2));
        assert_eq!(picture.bytes, [100, 120, 180, 200].map(|grey| [grey; 3]).concat());
        assert!(part(&window, Rect::NOTHING).is_err());
    }

    #[test]
    fn frames_of_different_sizes_are_told() {
        let cut = |width: f32| frame(&window(3), Rect::from_min_max(pos2(0.0, 0.0), pos2(width, 20.0))).unwrap();
        let path = Path::new("a.gif");
        assert!(recorded_bytes(&[cut(500.0), cut(400.0)], path).unwrap_err().contains("changed its size"));
        assert!(recorded_bytes(&[], path).is_err());
        assert!(recorded_bytes(&[cut(500.0), cut(500.0)], path).unwrap().starts_with(b"GIF89a"));
    }
}
