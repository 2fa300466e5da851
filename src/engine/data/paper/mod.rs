//! A digit on paper is dark on light and lies anywhere; nets of digits know them light on dark and centred.
//!
//! The picture is looked at twice: as a whole, to find the digit, and the digit's surroundings alone.

mod ground;
mod marks;
mod place;

use std::fmt::{self, Display};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::ground::Ink;
use self::marks::Marks;
use super::Dataset;
use crate::Result;
use crate::model::Manifest;
use crate::picture::{Fit, Lens, Picture, PictureKind, Planes, Region};

/// The digit is looked for in a picture with at most this many pixels along its longer side.
const LOOKED_AT: f64 = 800.0;
/// Its surroundings are brought to this many pixels along their longer side.
const LOOKED_AT_CLOSELY: f64 = 240.0;
/// The surroundings are so much larger than the digit on every side, as a share of its own.
const MARGIN: f64 = 0.25;
/// A digit is darker than the paper by this share of the paper's brightness at least.
const LEAST_CONTRAST: f32 = 0.12;
/// A picture of a digit has this share of its ink in the digit, which is in so many pieces at most, and ink that is
/// told from paper as clearly as this (see [`Marks::separation`]). Photographs of other things rarely are.
const LEAST_SHARE: f32 = 0.5;
const MOST_PARTS: usize = 6;
const LEAST_SEPARATION: f32 = 0.78;
/// So many pictures of a data set tell whether they are dark on light.
const SAMPLE: usize = 24;
/// Nets with a mean of their pixels above this, which they subtract, were trained on a light ground.
const LIGHT_MEAN: f32 = 0.5;

/// This note goes with a picture that was inverted.
pub const INVERTED: &str = "Dark on light: inverted, cropped and centred as MNIST has its digits.";

/// This says whether a picture is inverted, cropped and centred for a net of digits or letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Invert {
    /// It is where it shows a digit or a letter, dark on light.
    #[default]
    Auto,
    Yes,
    No,
}

impl Invert {
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Yes => "yes",
            Self::No => "no",
        }
    }

    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }

    /// Returns what a net is shown in place of a picture, or of a part of it: 28×28 grey pixels, light on dark, with a
    /// note. `None` means the picture itself: for nets of anything but small grey pictures, and where nothing that is
    /// dark on light is found.
    ///
    /// # Errors
    /// [`crate::Error::Argument`] when the part is not inside the picture.
    pub fn apply(self, picture: &Picture, part: Option<Region>, net: &Manifest) -> Result<Option<Arc<Picture>>> {
        let found = match self {
            Self::Auto if reads_handwriting(net) => digit_on_paper(picture, part)?,
            Self::Yes if net.input.kind() == PictureKind::Digit => find(picture, part, false)?,
            Self::Auto | Self::Yes | Self::No => None,
        };
        Ok(found.map(|digit| Arc::new(Picture { notes: vec![INVERTED.into()], ..digit })))
    }
}

impl Display for Invert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tells whether a net was trained on digits or letters that are light on dark, as MNIST and EMNIST have them: its
/// input is small and grey, each class is called by one character, and no light ground is subtracted.
pub fn reads_handwriting(net: &Manifest) -> bool {
    let is_character = |class: &String| class.chars().count() == 1;
    let is_dark = net.input.mean.iter().all(|&mean| mean <= LIGHT_MEAN);
    net.input.kind() == PictureKind::Digit && is_dark && net.classes.iter().all(is_character)
}

/// Returns the digit or letter in a picture, or in a part of it, as MNIST would have it: 28×28, white on black. `None`
/// means that the ground is dark, or that there is no single thing on it whose ink stands out clearly.
///
/// # Errors
/// [`crate::Error::Argument`] when the part is not inside the picture.
pub fn digit_on_paper(picture: &Picture, part: Option<Region>) -> Result<Option<Picture>> {
    find(picture, part, true)
}

/// Does so; unless `is_strict`, whatever is darkest is the digit.
fn find(picture: &Picture, part: Option<Region>, is_strict: bool) -> Result<Option<Picture>> {
    let whole = part.unwrap_or_else(|| Region::whole(picture));
    let seen = grey(picture, whole, (LOOKED_AT / longer(whole)).min(1.0))?;
    if is_strict && !ground::is_light(&seen) {
        return Ok(None);
    }
    let ink = Ink::of(&seen);
    let stands_out = |ink: &Ink, marks: &Marks| {
        let contrast = ink.darkest - ink.grain;
        let is_one = marks.share >= LEAST_SHARE && marks.parts <= MOST_PARTS;
        contrast > 0.0 && (!is_strict || (contrast >= LEAST_CONTRAST && is_one))
    };
    let Some(marks) = Marks::of(&ink).filter(|marks| stands_out(&ink, marks)) else { return Ok(None) };
    let near = surroundings(&marks, picture, whole, [seen.width, seen.height]);
    let ink = Ink::of(&grey(picture, near, LOOKED_AT_CLOSELY / longer(near))?);
    let Some(marks) = Marks::of(&ink).filter(|marks| stands_out(&ink, marks)) else { return Ok(None) };
    if is_strict && marks.separation < LEAST_SEPARATION {
        return Ok(None);
    }
    place::as_mnist(&ink, &marks).map(Some)
}

impl Dataset {
    /// Says that most of a sample of the pictures are dark on light where the net reads light on dark; they are not
    /// inverted.
    pub fn on_paper_for(&self, net: &Manifest) -> Option<String> {
        if !reads_handwriting(net) {
            return None;
        }
        let count = self.len().min(SAMPLE);
        // What cannot be read is told where it is measured.
        let is_dark = |i: &usize| {
            let picture = self.picture(i * self.len() / count).ok();
            picture.is_some_and(|picture| matches!(digit_on_paper(&picture, None), Ok(Some(_))))
        };
        let dark = (0..count).filter(is_dark).count();
        (2 * dark > count).then(|| {
            format!(
                "the pictures are dark on light, and {} knows digits light on dark; they are taken as they are \
                 ({dark} of {count} that were looked at)",
                net.name
            )
        })
    }
}

fn longer(part: Region) -> f64 {
    part.width.max(part.height)
}

/// Returns a part of a picture in grey, at this scale.
fn grey(picture: &Picture, part: Region, scale: f64) -> Result<Planes> {
    let pixels = |length: f64| ((length * scale).round() as usize).max(1);
    Lens::new(picture, [1, pixels(part.height), pixels(part.width)], Fit::Squash, Some(part))?.fit(picture)
}

/// Returns the digit with a margin, in whole pixels of the picture, where it was found in a part seen at this size.
fn surroundings(marks: &Marks, picture: &Picture, part: Region, [width, height]: [usize; 2]) -> Region {
    let margin = MARGIN * f64::from(marks.side()) + 1.0;
    let (across, down) = (part.width / width as f64, part.height / height as f64);
    let from = |start: f64, from: usize, scale: f64| (start + (from as f64 - margin).max(0.0) * scale).floor();
    let to = |start: f64, to: usize, [seen, all]: [usize; 2], scale: f64| {
        let end = (to as f64 + margin).min(seen as f64);
        (start + end * scale).ceil().min(all as f64)
    };
    let (left, top) = (from(part.left, marks.left, across), from(part.top, marks.top, down));
    let right = to(part.left, marks.right, [width, picture.width], across);
    let bottom = to(part.top, marks.bottom, [height, picture.height], down);
    Region { left, top, width: right - left, height: bottom - top }
}
