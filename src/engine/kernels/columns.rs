//! The gradient of a picture with few channels, where vectors along the channels would be nearly empty: the gradients of
//! all values under a window at once, added up where windows overlap (col2im).

use rayon::prelude::*;

use super::Scratch;
use super::conv::{Conv, Values};
use super::map::Map;
use super::simd::Isa;
use super::tile::{self, Finish, MAX_ROWS, PANEL, Rows, Run, Tile};

/// Pictures from which on each is a task of its own; fewer are cut into bands.
const WHOLE_PICTURES: usize = 4;
const BANDS: usize = 4;

impl Conv {
    /// Whether [`Self::input_gradient_by_columns`] is the faster way to the gradient of a picture.
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

    /// The gradient of the input, which is a whole buffer.
    pub fn input_gradient_by_columns(
        &self,
        isa: Isa,
        n: usize,
        (dy, dy_map): Values<'_>,
        transposed: &[f32],
        (dx, dx_map): (&mut [f32], Map),
    ) {
        assert!(dx_map.channels == dx_map.stride && dx_map.channels == self.inputs && dy_map.channels == self.outputs);
        assert!(dy.len() >= dy_map.buffer_len(n) && transposed.len() == self.column_panels() * self.outputs * PANEL);
        let (padded, row) = (dx_map.height + 2 * dx_map.halo, dx_map.row());
        let band_rows = if n >= WHOLE_PICTURES { padded } else { padded.div_ceil(BANDS) };
        let bands =
            dx[..n * dx_map.picture()].par_chunks_mut(dx_map.picture()).enumerate().flat_map(|(picture, dx)| {
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
                let top = |oy: usize| oy * self.stride[0] + dx_map.halo - self.padding.before[0];
                let reach = |oy: &usize| top(*oy) + self.kernel[0] > first_row && top(*oy) < past_row;
                for oy in (0..dy_map.height).filter(reach) {
                    for start in (0..dy_map.width).step_by(isa.max_rows()) {
                        let pixels = start..(start + isa.max_rows()).min(dy_map.width);
                        self.columns(isa, (dy, dy_map), (picture, oy, pixels.clone()), transposed, scratch);
                        isa.vectorised(|| {
                            for (column, ox) in scratch.chunks_exact(width).zip(pixels) {
                                let left = (ox * self.stride[1] + dx_map.halo - self.padding.before[1]) * self.inputs;
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

    /// The gradients of the values under the windows at some pixels of a row, each in a row of `scratch`.
    fn columns(
        &self,
        isa: Isa,
        (dy, map): Values<'_>,
        (picture, oy, pixels): (usize, usize, std::ops::Range<usize>),
        transposed: &[f32],
        scratch: &mut [f32],
    ) {
        let width = self.column_panels() * PANEL;
        let run = [Run { a: 0, b: 0, len: self.outputs }];
        let (mut a, mut c) = ([std::ptr::null(); MAX_ROWS], [std::ptr::null_mut(); MAX_ROWS]);
        for (panel, weights) in transposed.chunks_exact(self.outputs * PANEL).enumerate() {
            for (m, ox) in pixels.clone().enumerate() {
                a[m] = dy[map.at(picture, oy as isize, ox as isize)..][..self.outputs].as_ptr();
                c[m] = scratch[m * width + panel * PANEL..][..PANEL].as_mut_ptr();
            }
            let tile = Tile {
                rows: pixels.len(),
                columns: PANEL,
                runs: &run,
                layout: Rows::Apart,
                b_step: PANEL,
                a,
                b: weights.as_ptr(),
                c,
                bias: std::ptr::null(),
                add: [std::ptr::null(); MAX_ROWS],
                gate: [std::ptr::null(); MAX_ROWS],
                finish: Finish::Plain,
            };
            // SAFETY: every pointer was taken from a slice of the length that the tile goes over.
            unsafe { tile::multiply(isa, &tile) };
        }
    }
}
