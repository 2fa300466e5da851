//! Where the values of a batch lie in memory.

use super::tile::PANEL;

/// A batch of planes, channels innermost, each picture with a border of `halo` zeros around it, so that a padded
/// convolution reads it as it lies. A map may cover some of the channels of a buffer: branches of a concatenation write
/// side by side into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub halo: usize,
    /// Channels of the whole buffer.
    pub stride: usize,
    /// The first of the map's channels in it.
    pub first: usize,
}

impl Map {
    /// All channels of a buffer.
    pub fn new([height, width]: [usize; 2], channels: usize, halo: usize) -> Self {
        Self { height, width, channels, halo, stride: channels, first: 0 }
    }

    pub fn row(&self) -> usize {
        (self.width + 2 * self.halo) * self.stride
    }

    pub fn picture(&self) -> usize {
        (self.height + 2 * self.halo) * self.row()
    }

    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The length of a buffer of `n` pictures. Some values more than there are: vectors may be read past the last pixel.
    pub fn buffer_len(&self, n: usize) -> usize {
        n * self.picture() + PANEL
    }

    /// The place of the first channel at a pixel, which may lie in the border.
    pub fn at(&self, picture: usize, y: isize, x: isize) -> usize {
        let (row, column) = (y + self.halo as isize, x + self.halo as isize);
        debug_assert!(row >= 0 && column >= 0, "a pixel outside of the border");
        picture * self.picture() + row as usize * self.row() + column as usize * self.stride + self.first
    }

    /// The places of the map's values in each row of pixels of `n` pictures: the start of every row.
    pub fn rows(&self, n: usize) -> impl Iterator<Item = usize> + '_ {
        (0..n * self.height).map(|row| self.at(row / self.height, (row % self.height) as isize, 0))
    }

    /// Whether rows of pixels have no gaps: the map is its whole buffer and has no border.
    pub fn is_dense(&self) -> bool {
        self.halo == 0 && self.channels == self.stride
    }
}
