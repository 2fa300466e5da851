//! This brings a picture to the size that a net takes.

use serde::{Deserialize, Serialize};

use super::lens::Lens;
use super::{Picture, Planes};
use crate::Result;

/// A picture that has another shape than the net's input is made to fit in one of these ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Both axes are scaled on their own; the picture may look stretched.
    #[default]
    Squash,
    /// The picture covers the input; what sticks out on two sides is cut off evenly.
    Crop,
    /// The whole picture lies in the middle of the input, with black bars beside it.
    Letterbox,
}

/// Fits a picture to `channels × height × width`, values in [0, 1] on the 8-bit grid (multiples of 1/255).
///
/// Resampling is antialiased and bilinear, as PIL's `BILINEAR`. A picture of the asked size comes back bit for bit.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) for an empty picture or size, or `channels` other than 1 and 3.
pub fn fit(picture: &Picture, channels: usize, height: usize, width: usize, how: Fit) -> Result<Planes> {
    Lens::new(picture, [channels, height, width], how, None)?.fit(picture)
}
