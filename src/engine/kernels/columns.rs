//! For a picture with few channels, vectors along the channels would be nearly empty: here the gradients of all values
//! under a window are computed at once, and added up where windows overlap (col2im).

use rayon::prelude::*;

use super::Scratch;
use super::conv::Conv;
use super::simd::Isa;
use super::tile::{MAX_ROWS, PANEL, Product, TermRun};
use super::values::{PictureBand, Values, ValuesMut};

impl Conv {
    /// Tells whether [`Self::input_gradient_by_columns`] is the faster way to the gradient of a picture.
    pub fn prefers_columns(&self) -> bool {
        self.groups == 1 && self.inputs <= 4 && self.kernel != [1, 1] && !self.is_dilated()
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
        let (map, row) = (dx.map, dx.map.row());
        assert!(map.is_whole() && map.channels == self.inputs && dy.map.channels == self.outputs && dx.n == dy.n);
        assert!(dy.fits() && transposed.len() == self.column_panels() * self.outputs * PANEL);
        let (width, len) = (self.column_panels() * PANEL, self.kernel[1] * self.inputs);
        let runs = [TermRun { a: 0, b: 0, len: self.outputs }];
        dx.bands().for_each_init(
            || Scratch::zeros(MAX_ROWS * width),
            |scratch, PictureBand { picture, first_row, data: dx }| {
                dx.fill(0.0);
                let past_row = first_row + dx.len() / row;
                // The padded row that the first tap of output row `oy` falls on.
                let top = |oy: usize| oy * self.stride[0] + map.halo - self.padding.before[0];
                let reach = |oy: &usize| top(*oy) + self.kernel[0] > first_row && top(*oy) < past_row;
                for oy in (0..dy.map.height).filter(reach) {
                    for start in (0..dy.map.width).step_by(isa.max_rows()) {
                        let pixels = start..(start + isa.max_rows()).min(dy.map.width);
                        let (rows, a) = (pixels.len(), dy.from(picture, oy as isize, start as isize));
                        for (panel, b) in transposed.chunks_exact(self.outputs * PANEL).enumerate() {
                            let product =
                                Product { rows, runs: &runs, a, row_step: dy.map.stride, b, ..Product::default() };
                            product.compute(isa, &mut scratch.0[panel * PANEL..], width);
                        }
                        isa.vectorised(|| {
                            for (column, ox) in scratch.0.chunks_exact(width).zip(pixels) {
                                let left = (ox * self.stride[1] + map.halo - self.padding.before[1]) * self.inputs;
                                for (ky, values) in column.chunks_exact(len).take(self.kernel[0]).enumerate() {
                                    let y = top(oy) + ky;
                                    if (first_row..past_row).contains(&y) {
                                        let dx = &mut dx[(y - first_row) * row + left..][..len];
                                        dx.iter_mut().zip(values).for_each(|(dx, value)| *dx += value);
                                    }
                                }
                            }
                        });
                    }
                }
            },
        );
    }
}
