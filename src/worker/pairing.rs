//! Which pictures and nets belong together: photographs with nets that were trained on photographs, digits with nets of digits.

use super::protocol::Source;
use crate::engine::model::Input;
use crate::engine::picture::Picture;

/// The rule for a view whose picture is of another kind than its model reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mismatch {
    /// Show the two together all the same: somebody chose both.
    #[default]
    Keep,
    /// The picture was chosen: use the one of these models that reads such pictures.
    UseModel { photo: String, digit: String },
    /// The model was chosen: show it the one of these pictures that it reads.
    UsePicture { photo: Source, digit: Source },
}

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Photo,
    Digit,
}

/// The longer side of the largest input of a net of digits, in pixels.
const LARGEST_DIGIT_INPUT: usize = 40;
/// The longer side of the largest picture that is taken for a digit, in pixels. Photographs are larger.
const LARGEST_DIGIT: usize = 64;

impl Kind {
    /// What a net reads: small pictures without colours are digits.
    pub fn of_input(input: &Input) -> Self {
        let is_small = input.width.max(input.height) <= LARGEST_DIGIT_INPUT;
        if input.channels == 1 && is_small { Self::Digit } else { Self::Photo }
    }

    /// What a picture is; `None` for a small one in colour, which may be either.
    pub fn of_picture(picture: &Picture) -> Option<Self> {
        match () {
            () if picture.width.max(picture.height) > LARGEST_DIGIT => Some(Self::Photo),
            () if is_grey(picture) => Some(Self::Digit),
            () => None,
        }
    }
}

fn is_grey(picture: &Picture) -> bool {
    let channels = picture.channels;
    channels == 1 || picture.bytes.chunks_exact(channels).all(|pixel| pixel.iter().all(|value| *value == pixel[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: usize, height: usize, channels: usize, value: impl Fn(usize) -> u8) -> Picture {
        Picture::new(width, height, channels, (0..width * height * channels).map(value).collect())
    }

    #[test]
    fn small_grey_pictures_are_digits_and_large_ones_photographs() {
        assert_eq!(Kind::of_picture(&picture(28, 28, 1, |i| i as u8)), Some(Kind::Digit));
        assert_eq!(
            Kind::of_picture(&picture(28, 28, 3, |i| (i / 3) as u8)),
            Some(Kind::Digit),
            "grey in three channels"
        );
        assert_eq!(Kind::of_picture(&picture(32, 32, 3, |i| i as u8)), None, "a small one in colour");
        assert_eq!(Kind::of_picture(&picture(640, 30, 1, |_| 9)), Some(Kind::Photo));
    }
}
