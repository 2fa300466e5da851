//! Frames become an animation: a GIF, or an APNG in all of their colours.

use std::path::Path;

use color_quant::NeuQuant;

use crate::engine::picture::Rgba;
use crate::engine::{Error, Result};

/// Each frame stands for `DELAY`, the first and the last for `REST`, in hundredths of a second.
const DELAY: u16 = 9;
const REST: u16 = 130;
/// A GIF has 255 colours and one that stands for "as before".
const AS_BEFORE: u8 = 255;
/// A channel that moved by no more than this looks the same.
const SAME: u8 = 6;

/// An animation is written as one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnimationFormat {
    Gif,
    Apng,
}

impl AnimationFormat {
    /// Returns the format of a file by the ending of its name: .gif, or .apng and .png for an APNG.
    ///
    /// # Errors
    /// [`Error::Argument`] for another ending.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().unwrap_or_default().to_string_lossy().to_lowercase().as_str() {
            "gif" => Ok(Self::Gif),
            "apng" | "png" => Ok(Self::Apng),
            _ => {
                let why = "an animation is a GIF or an APNG; expected a name that ends in .gif, .apng or .png";
                Err(Error::Argument(format!("{why}\n  {}", path.display())))
            }
        }
    }
}

/// Encodes frames of one size; the animation plays for ever, and rests on its first and its last frame.
///
/// # Errors
/// [`Error::Argument`] for no frames, for frames of different sizes, and for a GIF that is too large.
pub fn animation_bytes(frames: &[Rgba], format: AnimationFormat) -> Result<Vec<u8>> {
    let bytes = match format {
        AnimationFormat::Apng => apng_bytes(frames),
        AnimationFormat::Gif => gif_bytes(frames),
    };
    bytes.map_err(Error::Argument)
}

/// Returns a picture whose pixels are each a square of so many.
pub fn enlarged(picture: &Rgba, times: usize) -> Rgba {
    let row = |y: usize| &picture.bytes[4 * y * picture.width..4 * (y + 1) * picture.width];
    let wide = |y: usize| row(y).chunks_exact(4).flat_map(|pixel| pixel.repeat(times)).collect::<Vec<_>>();
    let bytes = (0..picture.height).flat_map(|y| wide(y).repeat(times)).collect();
    Rgba { width: picture.width * times, height: picture.height * times, bytes }
}

/// Returns the first and the last one of frames, which have to be of one size.
fn ends(frames: &[Rgba]) -> std::result::Result<(&Rgba, &Rgba), String> {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else {
        return Err("there is nothing to animate".into());
    };
    if frames.iter().any(|frame| (frame.width, frame.height) != (first.width, first.height)) {
        return Err("the frames of an animation have to be of one size".into());
    }
    Ok((first, last))
}

/// Returns for how long a frame is shown, in hundredths of a second.
fn delay(number: usize, of: usize) -> u16 {
    if number == 0 || number + 1 == of { REST } else { DELAY }
}

/// Writes frames of one size as an APNG that plays for ever. Programs that know no APNG show the first one.
fn apng_bytes(frames: &[Rgba]) -> std::result::Result<Vec<u8>, String> {
    let (first, _) = ends(frames)?;
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> std::result::Result<(), png::EncodingError> {
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
fn gif_bytes(frames: &[Rgba]) -> std::result::Result<Vec<u8>, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(shade: u8) -> Rgba {
        let mut bytes = [shade, 90, 10, 255].repeat(960 * 15);
        bytes[..4].fill(255);
        Rgba { width: 960, height: 15, bytes }
    }

    #[test]
    fn a_gif_holds_every_frame_and_is_small_where_little_changes() {
        let bytes = animation_bytes(&[0, 2, 200].map(frame), AnimationFormat::Gif).unwrap();
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
        let frames = [0, 2, 200].map(frame);
        let bytes = animation_bytes(&frames, AnimationFormat::Apng).unwrap();
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
    }

    #[test]
    fn what_cannot_be_animated_is_told() {
        let other = Rgba { width: 1, height: 1, bytes: vec![0; 4] };
        for format in [AnimationFormat::Gif, AnimationFormat::Apng] {
            assert!(animation_bytes(&[frame(1), other.clone()], format).unwrap_err().to_string().contains("one size"));
            assert!(animation_bytes(&[], format).is_err());
        }
        assert_eq!(AnimationFormat::of(Path::new("a.GIF")).unwrap(), AnimationFormat::Gif);
        assert_eq!(AnimationFormat::of(Path::new("a.png")).unwrap(), AnimationFormat::Apng);
        assert!(AnimationFormat::of(Path::new("a.mp4")).unwrap_err().to_string().contains(".gif, .apng or .png"));
    }

    #[test]
    fn pixels_are_enlarged_to_squares() {
        let picture = Rgba { width: 2, height: 1, bytes: vec![1, 2, 3, 4, 5, 6, 7, 8] };
        let large = enlarged(&picture, 2);
        let row = [[1, 2, 3, 4], [1, 2, 3, 4], [5, 6, 7, 8], [5, 6, 7, 8]].concat();
        assert_eq!((large.width, large.height, large.bytes), (4, 2, row.repeat(2)));
    }
}
