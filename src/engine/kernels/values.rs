//! Where the values of a batch lie in memory.

use super::tile::PANEL;

/// The places of a batch of planes, channels innermost, each picture with a border of `halo` zeros around it, so that
/// a padded convolution reads it as it lies. A map may cover some of the channels of a buffer: the branches of a
/// concatenation write side by side into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// The rows and columns of zeros on each side of a picture.
    pub halo: usize,
    /// The channels of the whole buffer.
    pub stride: usize,
    /// The first of the map's channels in the buffer.
    pub first: usize,
}

impl Map {
    /// Covers all channels of a buffer.
    pub fn new([height, width]: [usize; 2], channels: usize, halo: usize) -> Self {
        Self { height, width, channels, halo, stride: channels, first: 0 }
    }

    /// Returns the length of a padded row.
    pub fn row(&self) -> usize {
        (self.width + 2 * self.halo) * self.stride
    }

    /// Returns the length of a padded picture.
    pub fn picture(&self) -> usize {
        (self.height + 2 * self.halo) * self.row()
    }

    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Returns the number of pixels of a picture, its border left out.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Returns the number of values of a picture, its border left out.
    pub fn count(&self) -> usize {
        self.pixels() * self.channels
    }

    /// Returns the length of a buffer of `n` pictures: a few values more than there are, since vectors may be read
    /// past the last pixel.
    pub fn buffer_len(&self, n: usize) -> usize {
        n * self.picture() + PANEL
    }

    /// Returns the place of the first channel at a pixel, which may lie in the border.
    pub fn at(&self, picture: usize, y: isize, x: isize) -> usize {
        let (row, column) = (y + self.halo as isize, x + self.halo as isize);
        debug_assert!(row >= 0 && column >= 0, "a pixel outside of the border");
        picture * self.picture() + row as usize * self.row() + column as usize * self.stride + self.first
    }

    /// Returns the place of a picture's pixel by its number, row by row.
    pub fn at_pixel(&self, picture: usize, pixel: usize) -> usize {
        self.at(picture, (pixel / self.width) as isize, (pixel % self.width) as isize)
    }

    /// Returns the map of the channels of a group, of which each has `channels`.
    pub fn group(&self, channels: usize, group: usize) -> Self {
        Self { channels, first: self.first + group * channels, ..*self }
    }

    /// Returns whether rows of pixels have no gaps: the map is its whole buffer and has no border.
    pub fn is_dense(&self) -> bool {
        self.halo == 0 && self.is_whole()
    }

    /// Returns whether the map covers all channels of its buffer.
    pub fn is_whole(&self) -> bool {
        self.channels == self.stride
    }
}

/// The values of `n` pictures, or their gradients, with where they lie.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    pub data: &'a [f32],
    pub map: Map,
    pub n: usize,
}

impl<'a> Values<'a> {
    /// Returns the values from the first channel of a pixel on.
    #[inline(always)]
    pub(super) fn from(&self, picture: usize, y: isize, x: isize) -> &'a [f32] {
        &self.data[self.map.at(picture, y, x)..]
    }

    /// Returns the map's channels at a pixel.
    #[inline(always)]
    pub(super) fn pixel(&self, picture: usize, y: usize, x: usize) -> &'a [f32] {
        &self.from(picture, y as isize, x as isize)[..self.map.channels]
    }

    /// Returns whether the buffer is as long as [`Map::buffer_len`] asks for.
    pub(super) fn fits(&self) -> bool {
        self.data.len() >= self.map.buffer_len(self.n)
    }
}

/// The values of `n` pictures that are written to.
pub struct ValuesMut<'a> {
    pub data: &'a mut [f32],
    pub map: Map,
    pub n: usize,
}

impl ValuesMut<'_> {
    /// Lends the values out for a while.
    pub fn reborrow(&mut self) -> ValuesMut<'_> {
        ValuesMut { data: self.data, map: self.map, n: self.n }
    }

    /// Returns whether the buffer is as long as [`Map::buffer_len`] asks for.
    pub(super) fn fits(&self) -> bool {
        self.data.len() >= self.map.buffer_len(self.n)
    }
}

/// What a forward pass does beside the sum: it adds values of the same shape, then clamps to 0..`clamp` (∞ for ReLU, 6
/// for ReLU6).
#[derive(Clone, Copy, Default)]
pub struct Fused<'a> {
    pub add: Option<Values<'a>>,
    pub clamp: Option<f32>,
}

/// What a backward pass does beside the sum: it adds to the gradient that is there, then keeps what the gate lets
/// through.
#[derive(Clone, Copy, Default)]
pub struct FusedGradient<'a> {
    pub add: bool,
    pub gate: Option<Gate<'a>>,
}

/// The gradient of a clamp: it passes where the clamped value lies above 0 and below `upper`.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    pub values: Values<'a>,
    pub upper: f32,
}

/// The packed weights of a convolution and its bias.
#[derive(Clone, Copy)]
pub struct ConvWeights<'a> {
    pub packed: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

/// The places that the gradients of a convolution's weights and bias go to.
pub struct ConvGradient<'a> {
    /// The gradient of the weights, packed as they are.
    pub weights: &'a mut [f32],
    /// The gradient of the bias; empty where there is none.
    pub bias: &'a mut [f32],
    /// Whether to add to what is there rather than to write over it.
    pub add: bool,
}
