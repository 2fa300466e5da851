//! A map says where the values of a batch lie in memory.

use rayon::prelude::*;

use super::strided::{Axis, View};
use super::tile::PANEL;

/// A batch of planes lies with its channels innermost, and each picture has a border of `halo` zeros around it, so that
/// a padded convolution reads it as it lies. A map may cover some of the channels of a buffer: the branches of a
/// concatenation write side by side into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub halo: usize,
    /// The number of channels of the buffer.
    pub stride: usize,
    /// The map's channels begin here in the buffer.
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

    /// Returns the places of one picture's values as (channels, height, width).
    pub fn view(&self) -> View {
        let axes = [(self.channels, 1), (self.height, self.row()), (self.width, self.stride)];
        View { first: self.at(0, 0, 0), axes: axes.map(|(len, stride)| Axis { len, stride }).into() }
    }

    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    pub fn count(&self) -> usize {
        self.pixels() * self.channels
    }

    /// Returns the length of a buffer of `n` pictures; vectors may be read past the last pixel.
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

    /// Returns the map of one of the groups, of which each has `channels`.
    pub fn group(&self, channels: usize, group: usize) -> Self {
        Self { channels, first: self.first + group * channels, ..*self }
    }

    /// Tells whether the pixels have no gaps.
    pub fn is_dense(&self) -> bool {
        self.halo == 0 && self.is_whole()
    }

    /// Tells whether the map covers all channels of its buffer.
    pub fn is_whole(&self) -> bool {
        self.channels == self.stride
    }
}

/// The values of `n` pictures, or their gradients, lie in a buffer.
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

    #[inline(always)]
    pub(super) fn pixel(&self, picture: usize, y: usize, x: usize) -> &'a [f32] {
        &self.from(picture, y as isize, x as isize)[..self.map.channels]
    }

    /// Tells whether the buffer is as long as [`Map::buffer_len`] asks for.
    pub(super) fn fits(&self) -> bool {
        self.data.len() >= self.map.buffer_len(self.n)
    }
}

/// The values of `n` pictures are written to.
pub struct ValuesMut<'a> {
    pub data: &'a mut [f32],
    pub map: Map,
    pub n: usize,
}

/// A batch of at least this many pictures is split into whole pictures, one for each task.
const WHOLE_PICTURES: usize = 4;

/// A picture of a smaller batch is split into this many bands.
const BANDS: usize = 4;

/// A band is a part of a padded picture that is written to: some whole rows, the first of which is `first_row`.
pub(super) struct PictureBand<'a> {
    pub picture: usize,
    pub first_row: usize,
    pub data: &'a mut [f32],
}

impl<'a> ValuesMut<'a> {
    /// Tells whether the buffer is as long as [`Map::buffer_len`] asks for.
    pub(super) fn fits(&self) -> bool {
        self.data.len() >= self.map.buffer_len(self.n)
    }

    pub fn reborrow(&mut self) -> ValuesMut<'_> {
        ValuesMut { data: self.data, map: self.map, n: self.n }
    }

    /// Cuts whole buffers into bands for as many tasks: a picture each or, where there are few, a part of one.
    pub(super) fn bands(self) -> impl ParallelIterator<Item = PictureBand<'a>> {
        let (map, n) = (self.map, self.n);
        let padded = map.height + 2 * map.halo;
        let rows = if n >= WHOLE_PICTURES { padded } else { padded.div_ceil(BANDS) };
        let pictures = self.data[..n * map.picture()].par_chunks_mut(map.picture()).enumerate();
        pictures.flat_map(move |(picture, data)| {
            let bands = data.par_chunks_mut(rows * map.row()).enumerate();
            bands.map(move |(band, data)| PictureBand { picture, first_row: band * rows, data })
        })
    }
}

impl Gate<'_> {
    /// Sets gradients to 0 where these values, which were clamped, lie at an end.
    #[inline(always)]
    pub(super) fn close(&self, gradients: &mut [f32], values: &[f32]) {
        for (gradient, &value) in gradients.iter_mut().zip(values) {
            *gradient = if value > 0.0 && value < self.upper { *gradient } else { 0.0 };
        }
    }
}

/// A forward pass adds values of the same shape to the sum, then clamps to 0..`clamp` (∞ for ReLU, 6 for ReLU6).
#[derive(Clone, Copy, Default)]
pub struct Fused<'a> {
    pub add: Option<Values<'a>>,
    pub clamp: Option<f32>,
}

/// A backward pass adds to the gradient that is there, then keeps what the gate lets through.
#[derive(Clone, Copy, Default)]
pub struct FusedGradient<'a> {
    pub add: bool,
    pub gate: Option<Gate<'a>>,
}

/// A clamp lets a gradient pass where the clamped value lies above 0 and below `upper`.
#[derive(Clone, Copy)]
pub struct Gate<'a> {
    pub values: Values<'a>,
    pub upper: f32,
}

#[derive(Clone, Copy)]
pub struct ConvWeights<'a> {
    pub packed: &'a [f32],
    pub bias: Option<&'a [f32]>,
}

/// The gradients of a convolution's weights and bias go to these places.
pub struct ConvGradient<'a> {
    /// They are packed as the weights are.
    pub weights: &'a mut [f32],
    /// This is empty where there is no bias.
    pub bias: &'a mut [f32],
    /// Whether they are added to what is there.
    pub add: bool,
}
