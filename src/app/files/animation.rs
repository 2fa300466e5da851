//! The window is recorded frame by frame while ε rises, and written as a GIF, or as an APNG in all of its colours.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use color_quant::NeuQuant;
use egui::{ColorImage, Context, Rect};

use crate::engine::picture::{Fit, Picture, Rgba, fit};

/// The number of steps in which ε rises from 0 to its value.
pub const STEPS: usize = 24;
/// Wider frames are made smaller, in pixels.
const WIDEST: usize = 960;
/// Each frame stands for `DELAY`, the first and the last for `REST`, in hundredths of a second.
const DELAY: u16 = 9;
const REST: u16 = 130;
/// A GIF has 255 colours and one that stands for "as before".
const AS_BEFORE: u8 = 255;
/// A channel that moved by no more than this looks the same.
const SAME: u8 = 6;

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

/// Writes frames of one size as what the ending of the file says: an APNG for .png and .apng, else a GIF.
pub fn animation_bytes(frames: &[Rgba], path: &Path) -> Result<Vec<u8>, String> {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    if ending == "png" || ending == "apng" { apng_bytes(frames) } else { gif_bytes(frames) }
}

/// Returns the first and the last one of frames, which have to be of one size.
fn ends(frames: &[Rgba]) -> Result<(&Rgba, &Rgba), String> {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        return Err("there is nothing to animate".into());
    };
    if frames.iter().any(|frame| (frame.width, frame.height) != (first.width, first.height)) {
        return Err(
            "the window changed its size while it was recorded; leave it as it is until the animation is done".into()
        );
    }
    Ok((first, last))
}

/// Returns for how long a frame is shown, in hundredths of a second.
fn delay(number: usize, of: usize) -> u16 {
    if number == 0 || number + 1 == of { REST } else { DELAY }
}

/// Writes frames of one size as an APNG that plays for ever. Programs that know no APNG show the first one.
fn apng_bytes(frames: &[Rgba]) -> Result<Vec<u8>, String> {
    let (first, _) = ends(frames)?;
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(bytes, first.width as u32, first.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_animated(frames.len() as u32, 0)?;
        let mut writer = encoder.write_header()?;
        for (number, frame) in frames.iter().enumerate() {
            writer.set_frame_delay(delay(number, frames.len()), 100)?;
            let colours: Vec<u8> =
                frame.bytes.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
            writer.write_image_data(&colours)?;
        }
        writer.finish()
    };
    write(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Writes frames of one size as a GIF that plays for ever, in the colours that suit the first and the last one best.
fn gif_bytes(frames: &[Rgba]) -> Result<Vec<u8>, String> {
    let (first, last) = ends(frames)?;
    let side = |side: usize| u16::try_from(side).map_err(|_| format!("{side} pixels are too many for a GIF"));
    let (width, height) = (side(first.width)?, side(first.height)?);
    let quantised = NeuQuant::new(10, 255, &[first.bytes.as_slice(), &last.bytes].concat());
    let mut bytes = Vec::new();
    let failed = |error: gif::EncodingError| error.to_string();
    let is_same = |a: &[u8], b: &[u8]| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= SAME);
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &quantised.color_map_rgb()).map_err(failed)?;
    encoder.set_repeat(gif::Repeat::Infinite).map_err(failed)?;
    // What is on screen, pixel by pixel.
    let mut seen = first.bytes.clone();
    for (number, frame) in frames.iter().enumerate() {
        let mut indexes = Vec::with_capacity(frame.bytes.len() / 4);
        for (old, new) in seen.chunks_exact_mut(4).zip(frame.bytes.chunks_exact(4)) {
            if number > 0 && is_same(old, new) {
                indexes.push(AS_BEFORE);
            } else {
                indexes.push(quantised.index_of(new) as u8);
                old.copy_from_slice(new);
            }
        }
        let delay = delay(number, frames.len());
        let frame = gif::Frame {
            width,
            height,
            delay,
            dispose: gif::DisposalMethod::Keep,
            transparent: (number > 0).then_some(AS_BEFORE),
            buffer: indexes.into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).map_err(failed)?;
    }
    drop(encoder);
    Ok(bytes)
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
        let mut image = ColorImage::filled([1280, 20], Color32::from_rgb(shade, 90, 10));
        image.pixels[0] = Color32::from_rgb(255, 255, 255);
        image
    }

    #[test]
    fn a_gif_holds_every_frame_at_half_the_size_and_is_small_where_little_changes() {
        let area = Rect::from_min_max(pos2(0.0, 0.0), pos2(1280.0, 20.0));
        let frames: Vec<_> = [0, 2, 200].iter().map(|shade| frame(&window(*shade), area).unwrap()).collect();
        assert_eq!((frames[0].width, frames[0].height), (960, 15));
        let bytes = gif_bytes(&frames).unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(bytes.as_slice()).unwrap();
        let mut shades = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            let middle = &frame.buffer[4 * (960 * 7 + 480)..][..4];
            shades.push((middle[0], middle[3], frame.delay));
        }
        let near = |a: u8, b: u8| a.abs_diff(b) <= 2;
        assert!(near(shades[0].0, 0) && shades[0].1 == 255 && shades[0].2 == REST, "{shades:?}");
        assert_eq!((shades[1].1, shades[1].2), (0, DELAY), "two grey levels are as before");
        assert!(near(shades[2].0, 200) && shades[2].1 == 255 && shades[2].2 == REST, "{shades:?}");
        assert!(bytes.len() < 4000, "{}", bytes.len());
    }

    #[test]
    fn an_apng_holds_every_frame_in_its_own_colours() {
        let area = Rect::from_min_max(pos2(0.0, 0.0), pos2(1280.0, 20.0));
        let frames: Vec<_> = [0, 2, 200].iter().map(|shade| frame(&window(*shade), area).unwrap()).collect();
        let bytes = animation_bytes(&frames, Path::new("a.PNG")).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(
            reader.info().animation_control.map(|control| (control.num_frames, control.num_plays)),
            Some((3, 0))
        );
        for (number, of) in frames.iter().enumerate() {
            let mut colours = vec![0; 3 * 960 * 15];
            reader.next_frame(&mut colours).unwrap();
            let control = reader.info().frame_control.unwrap();
            assert_eq!((control.delay_num, control.delay_den), (if number == 1 { DELAY } else { REST }, 100));
            assert!(colours.chunks(3).zip(of.bytes.chunks(4)).all(|(found, pixel)| found == &pixel[..3]), "{number}");
        }
        assert!(animation_bytes(&frames, Path::new("a.gif")).unwrap().starts_with(b"GIF89a"));
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
        assert!(gif_bytes(&[cut(500.0), cut(400.0)]).unwrap_err().contains("changed its size"));
        assert!(gif_bytes(&[]).is_err());
        assert!(frame(&window(3), Rect::from_min_max(pos2(0.0, 30.0), pos2(9.0, 40.0))).is_err());
    }
}
