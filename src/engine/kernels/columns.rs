//! The gradient of a picture with few channels, where vectors along the channels would be nearly empty: the gradients
//! of all values under a window at once, added up where windows overlap (col2im).

use rayon::prelude::*;

use super::Scratch;
use super::conv::Conv;
use super::simd::Isa;
use super::tile::{self, MAX_ROWS, PANEL, Run, Tile};
use super::values::{Values, ValuesMut};

/// The number of pictures from which on each is a task of its own; fewer are cut into bands.
const WHOLE_PICTURES: usize = 4;
const BANDS: usize = 4;

impl Conv {
    /// Returns whether [`Self::input_gradient_by_columns`] is the faster way to the gradient of a picture.
    pub fn prefers_columns(&self) -> bool {
        self.groups == 1 && self.inputs <= 4 && self.kernel != [1, 1]
    }

    fn column_panels(&self) -> usize {
        (self.kernel[0] * self.kernel[1] * self.inputs).div_ceil(PANEL)
    }

    /// Turns packed weights into panels of [`PANEL`] values under the window, each holding all outputs.
    pub fn transpose_to_columns(&self, weights: &[f32], transposed: &mut Vec<f32>) {
        let depth = self.kernel[0] * self.kernel[1] * self.inputs;
        transposed.clear();
        transposed.resize(self.column_panels() * self.outputs * PANEL, 0.0);
        for (panel, block) in transposed.chunks_exact_mut(self.outputs * PANEL).enumerate() {
            for (o, row) in block.chunks_exact_mut(PANEL).enumerate() {
                for (value, k) in row.iter_mut().zip(panel * PANEL..depth) {
                    *value = weights[(o / PANEL * depth + k) * PANEL + o % PANEL];
                }
            }
        }
    }

    /// Computes the gradient of the input, which is a whole buffer, with weights of [`Self::transpose_to_columns`].
    pub fn input_gradient_by_columns(&self, isa: Isa, dy: Values<'_>, transposed: &[f32], dx: ValuesMut<'_>) {
        let (map, n) = (dx.map, dy.n);
        assert!(map.is_whole() && map.channels == self.inputs && dy.map.channels == self.outputs);
        assert!(dy.fits() && transposed.len() == self.column_panels() * self.outputs * PANEL);
        let (padded, row) = (map.height + 2 * map.halo, map.row());
        let band_rows = if n >= WHOLE_PICTURES { padded } else { padded.div_ceil(BANDS) };
        let bands = dx.data[..n * map.picture()].par_chunks_mut(map.picture()).enumerate().flat_map(|(picture, dx)| {
            dx.par_chunks_mut(band_rows * row).enumerate().map(move |(band, dx)| (picture, band * band_rows, dx))
        });
        let width = self.column_panels() * PANEL;
        bands.for_each_init(
            || Scratch::zeros(MAX_ROWS * width),
            |scratch, (picture, first_row, dx)| {
                let scratch = &mut scratch.0[..];
                dx.fill(0.0);
                let past_row = first_row + dx.len() / row;
                // The padded row that the first tap of output row `oy` falls on.
                let top = |oy: usize| oy * self.stride[0] + map.halo - self.padding.before[0];
                let reach = |oy: &usize| top(*oy) + self.kernel[0] > first_row && top(*oy) < past_row;
                for oy in (0..dy.map.height).filter(reach) {
                    for start in (0..dy.map.width).step_by(isa.max_rows()) {
                        let pixels = start..(start + isa.max_rows()).min(dy.map.width);
                        let at = |ox: usize| dy.pixel(picture, oy, ox);
                        self.columns(isa, pixels.clone().map(at), transposed, scratch);
                        isa.vectorised(|| {
                            for (column, ox) in scratch.chunks_exact(width).zip(pixels) {
                                let left = (ox * self.stride[1] + map.halo - self.padding.before[1]) * self.inputs;
                                let len = self.kernel[1] * self.inputs;
                                for ky in 0..self.kernel[0] {
                                    let y = top(oy) + ky;
                                    if (first_row..past_row).contains(&y) {
                                        let dx = &mut dx[(y - first_row) * row + left..][..len];
                                        dx.iter_mut().zip(&column[ky * len..]).for_each(|(dx, value)| *dx += value);
                                    }
                                }
                            }
                        });
                    }
                }
            },
        );
    }

    /// Computes the gradients of the values under the windows at up to a tile of pixels, each in a row of `scratch`,
    /// from the gradients of the outputs there.
    fn columns<'a>(
        &self,
        isa: Isa,
        dy: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
        transposed: &[f32],
        scratch: &mut [f32],
    ) {
        let width = self.column_panels() * PANEL;
        let run = [Run { a: 0, b: 0, len: self.outputs }];
        for (panel, weights) in transposed.chunks_exact(self.outputs * PANEL).enumerate() {
            let mut tile = Tile { rows: dy.len(), columns: PANEL, runs: &run, b: weights.as_ptr(), ..Tile::EMPTY };
            for (m, dy) in dy.clone().enumerate() {
                tile.a[m] = dy.as_ptr();
                tile.c[m] = scratch[m * width + panel * PANEL..][..PANEL].as_mut_ptr();
            }
            // SAFETY: the contract of `tile::multiply`: every pointer was taken from a slice of the length that the
            // tile goes over: `outputs` values of a pixel, a panel of weights, a panel of `scratch`.
            unsafe { tile::multiply(isa, &tile) };
        }
    }
}
