//! A region is a part of a picture.

use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Picture;
use crate::{Error, Result};

/// This is a part of a picture, in its pixels; edges may lie between pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Region {
    pub fn whole(picture: &Picture) -> Self {
        Self { left: 0.0, top: 0.0, width: picture.width as f64, height: picture.height as f64 }
    }

    /// Tells whether it lies inside a picture of this size and holds a pixel at least.
    pub fn is_inside(self, width: usize, height: usize) -> bool {
        let within =
            |start: f64, length: f64, all: usize| start >= 0.0 && length >= 1.0 && start + length <= all as f64;
        within(self.left, self.width, width) && within(self.top, self.height, height)
    }

    /// Makes it `factor` times as wide and as high around its middle.
    pub fn resized(self, factor: f64) -> Self {
        let (width, height) = (self.width * factor, self.height * factor);
        let (left, top) = (self.left + (self.width - width) / 2.0, self.top + (self.height - height) / 2.0);
        Self { left, top, width, height }
    }

    pub(super) fn check(self, picture: &Picture) -> Result<()> {
        if self.is_inside(picture.width, picture.height) {
            return Ok(());
        }
        Err(Error::Argument(format!(
            "the crop {self} (left, top, width, height) is not inside the picture of {}×{} pixels, or smaller than a \
             pixel",
            picture.width, picture.height
        )))
    }
}

impl Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, top, width, height } = self;
        write!(f, "{left},{top},{width},{height}")
    }
}

impl FromStr for Region {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<f64> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        match numbers[..] {
            [left, top, width, height] if text.split(',').count() == 4 => Ok(Self { left, top, width, height }),
            _ => Err(Error::Argument(format!(
                "{text:?} is no crop; expected left,top,width,height in pixels, such as 120,40,512,512"
            ))),
        }
    }
}
