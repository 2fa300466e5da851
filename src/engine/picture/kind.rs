//! Pictures show photographs or digits, and nets are made for either.

use super::Picture;

/// There are nets for these kinds of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    Photo,
    /// This is a small picture without colours: a handwritten digit, or something of its size.
    Digit,
}

const LARGEST_DIGIT: usize = 64;

impl PictureKind {
    /// Returns the kind of a picture; none for a small one in colour, which may be either.
    pub fn of(picture: &Picture) -> Option<Self> {
        if picture.width.max(picture.height) > LARGEST_DIGIT {
            return Some(Self::Photo);
        }
        let is_grey = |pixel: &[u8]| pixel.iter().all(|value| *value == pixel[0]);
        picture.bytes.chunks_exact(picture.channels).all(is_grey).then_some(Self::Digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_grey_pictures_are_digits_and_large_ones_photographs() {
        let picture = |width: usize, height: usize, channels: usize, value: fn(usize) -> u8| {
            Picture::new(width, height, channels, (0..width * height * channels).map(value).collect())
        };
        for (picture, kind, what) in [
            (picture(28, 28, 1, |i| i as u8), Some(PictureKind::Digit), "grey"),
            (picture(28, 28, 3, |i| (i / 3) as u8), Some(PictureKind::Digit), "grey in three channels"),
            (picture(32, 32, 3, |i| i as u8), None, "a small one in colour"),
            (picture(640, 30, 1, |_| 9), Some(PictureKind::Photo), "a large one"),
        ] {
            assert_eq!(PictureKind::of(&picture), kind, "{what}");
        }
    }
}
