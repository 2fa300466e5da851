//! This computes the gradients of the weights of a convolution.

use std::ops::Range;

use rayon::prelude::*;

use super::conv::Conv;
use super::simd::Isa;
use super::tile::{self, PANEL, Rows, TermRun, Tile};
use super::values::{ConvGradient, Map, Values};
use super::{SharedSlice, depthwise, part};

/// So many bytes of pictures and gradients, a part of the second-level cache, are gone over before the next ones.
const BLOCK_BYTES: usize = 512 << 10;

/// The tiles of a weight gradient are split into at most this many tasks.
const MAX_TASKS: usize = 16;

impl Conv {
    /// Writes the gradients of the weights and of the bias, summed over pixels and pictures in a fixed order, or adds
    /// them to what is there. No gradient of a bias is computed for an empty one.
    pub fn weight_gradient(&self, isa: Isa, x: Values<'_>, dy: Values<'_>, to: ConvGradient<'_>) {
        assert!(x.fits() && dy.fits(), "a batch is too short");
        let ConvGradient { weights: dw, bias, add } = to;
        let weights = || {
            if self.is_depthwise() {
                if !add {
                    dw.fill(0.0);
                }
                return depthwise::weight_gradient(isa, self, x, dy, dw);
            }
            let group_len = dw.len() / self.groups;
            for (group, dw) in dw.chunks_exact_mut(group_len).enumerate() {
                let x = Values { map: x.map.group(self.group_inputs(), group), ..x };
                let dy = Values { map: dy.map.group(self.group_outputs(), group), ..dy };
                self.dense_weight_gradient(isa, x, dy, dw, add);
            }
        };
        rayon::join(weights, || Self::bias_gradient(isa, dy, bias, add));
    }

    fn pixel_runs(&self, x: Map, dy: Map, pictures: Range<usize>) -> Vec<TermRun> {
        let mut runs = Vec::with_capacity(pictures.len() * dy.height);
        for picture in pictures {
            for y in 0..dy.height {
                let row = (y * self.stride[0]) as isize - self.padding.before[0] as isize;
                let a = x.at(picture, row, -(self.padding.before[1] as isize));
                runs.push(TermRun { a, b: dy.at(picture, y as isize, 0), len: dy.width });
            }
        }
        runs
    }

    fn dense_weight_gradient(&self, isa: Isa, x: Values<'_>, dy: Values<'_>, dw: &mut [f32], add: bool) {
        let (inputs, outputs, depth) = (self.group_inputs(), self.group_outputs(), self.depth());
        let (x_map, n) = (x.map, x.n);
        let per_block = (BLOCK_BYTES / (4 * (x_map.picture() + dy.map.picture()))).clamp(1, n.max(1));
        let blocks: Vec<Vec<TermRun>> = (0..n)
            .step_by(per_block)
            .map(|first| self.pixel_runs(x_map, dy.map, first..(first + per_block).min(n)))
            .collect();
        let (a_step, b_step) = (self.stride[1] * x_map.stride, dy.map.stride);
        let panels = outputs.div_ceil(PANEL);
        let reach = self.offset(x_map, self.kernel.map(|length| length - 1)) + inputs;
        assert!(dw.len() == panels * depth * PANEL);
        for run in blocks.iter().flatten() {
            assert!(run.a + (run.len - 1) * a_step + reach <= x.data.len(), "x is too short");
            assert!(run.b + (run.len - 1) * b_step + panels * PANEL <= dy.data.len(), "dy is too short");
        }
        // Weights of one row of the kernel (of one tap in part of a buffer) belong to neighbouring values of x.
        let stretch = if inputs == x_map.stride && self.dilation[1] == 1 { self.kernel[1] * inputs } else { inputs };
        let neighbours = stretch >= isa.max_rows();
        let stretch = if neighbours { stretch } else { depth };
        let tiles = stretch.div_ceil(isa.max_rows());
        let per_panel = depth / stretch * tiles;
        let out = SharedSlice::new(dw);
        let tile = |index: usize, runs: &[TermRun], add: bool| {
            let (panel, rest) = (index / per_panel, index % per_panel);
            let rows = part(rest % tiles, tiles, stretch);
            let mut tile = Tile {
                rows: rows.len(),
                columns: (outputs - panel * PANEL).min(PANEL),
                runs,
                layout: if neighbours { Rows::Neighbours(a_step) } else { Rows::ApartBy(a_step) },
                b_step,
                b: dy.data[panel * PANEL..].as_ptr(),
                ..Tile::EMPTY
            };
            for (m, row) in rows.map(|row| rest / tiles * stretch + row).enumerate() {
                let (tap, channel) = (row / inputs, row % inputs);
                let offset = self.offset(x_map, [tap / self.kernel[1], tap % self.kernel[1]]);
                // SAFETY: the contracts of `add` and `SharedSlice::at`: the offset stays below `reach`, and a task
                // writes its own rows of its own panel.
                unsafe {
                    tile.a[m] = x.data.as_ptr().add(offset + channel);
                    tile.c[m] = out.at((panel * depth + row) * PANEL);
                }
            }
            if add {
                tile.add = tile.c.map(|c| c.cast_const());
            }
            // SAFETY: the contract of `tile::multiply`: the runs leave room in `x` and `dy`, as asserted.
            unsafe { tile::multiply(isa, &tile) };
        };
        let count = per_panel * panels;
        let tasks = count.min(MAX_TASKS);
        (0..tasks).into_par_iter().for_each(|task| {
            for (number, runs) in blocks.iter().enumerate() {
                for index in part(task, tasks, count) {
                    tile(index, runs, add || number > 0);
                }
            }
        });
    }
}
