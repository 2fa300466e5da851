//! Gradients of the weights of a convolution.

use std::ops::Range;

use rayon::prelude::*;

use super::conv::{Conv, Values};
use super::map::Map;
use super::simd::Isa;
use super::tile::{self, Finish, MAX_ROWS, PANEL, Rows, Run, Tile};
use super::{SharedSlice, depthwise};

/// Bytes of pictures and gradients that the tiles of a weight gradient go over before the next pictures: a part of the
/// second-level cache.
const BLOCK_BYTES: usize = 512 << 10;

/// Tasks that the tiles of a weight gradient are split into at most.
const MAX_TASKS: usize = 16;

impl Conv {
    /// Writes the gradients of the weights and of the bias, summed over pixels and pictures in a fixed order, or adds them
    /// to what is there. No gradient of a bias is computed for an empty one.
    pub fn weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        x: Values<'_>,
        dy: Values<'_>,
        (dw, db, add): (&mut [f32], &mut [f32], bool),
    ) {
        assert!(x.0.len() >= x.1.buffer_len(n) && dy.0.len() >= dy.1.buffer_len(n), "a batch is too short");
        let weights = || {
            if self.is_depthwise() {
                self.depthwise_weight_gradient(n, x, dy, (dw, add));
            } else {
                let (inputs, outputs) = self.pass_channels();
                let group_len = dw.len() / self.groups;
                for (group, dw) in dw.chunks_exact_mut(group_len).enumerate() {
                    let x = (x.0, self.group(x.1, inputs, group));
                    self.dense_weight_gradient(isa, n, x, (dy.0, self.group(dy.1, outputs, group)), (dw, add));
                }
            }
        };
        rayon::join(weights, || Self::bias_gradient(isa, n, dy, (db, add)));
    }

    /// The pixels of some pictures as runs.
    fn pixel_runs(&self, x: Map, dy: Map, pictures: Range<usize>) -> Vec<Run> {
        let mut runs = Vec::with_capacity(pictures.len() * dy.height);
        for picture in pictures {
            for y in 0..dy.height {
                let row = (y * self.stride[0]) as isize - self.padding.before[0] as isize;
                let a = x.at(picture, row, -(self.padding.before[1] as isize));
                runs.push(Run { a, b: dy.at(picture, y as isize, 0), len: dy.width });
            }
        }
        runs
    }

    fn dense_weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        (x, x_map): Values<'_>,
        (dy, dy_map): Values<'_>,
        (dw, add): (&mut [f32], bool),
    ) {
        let (inputs, outputs, depth) = (self.group_inputs(), self.group_outputs(), self.depth());
        let per_block = (BLOCK_BYTES / (4 * (x_map.picture() + dy_map.picture()))).clamp(1, n.max(1));
        let blocks: Vec<Vec<Run>> = (0..n)
            .step_by(per_block)
            .map(|first| self.pixel_runs(x_map, dy_map, first..(first + per_block).min(n)))
            .collect();
        let (a_step, b_step) = (self.stride[1] * x_map.stride, dy_map.stride);
        let panels = outputs.div_ceil(PANEL);
        let reach = (self.kernel[0] - 1) * x_map.row() + (self.kernel[1] - 1) * x_map.stride + inputs;
        assert!(dw.len() == panels * depth * PANEL);
        for run in blocks.iter().flatten() {
            assert!(run.a + (run.len - 1) * a_step + reach <= x.len(), "x is too short");
            assert!(run.b + (run.len - 1) * b_step + panels * PANEL <= dy.len(), "dy is too short");
        }
        // Weights of one row of the kernel (of one tap in part of a buffer) belong to neighbouring values of x.
        let stretch = if inputs == x_map.stride { self.kernel[1] * inputs } else { inputs };
        let neighbours = stretch >= isa.max_rows();
        let stretch = if neighbours { stretch } else { depth };
        let tiles = stretch.div_ceil(isa.max_rows());
        let per_panel = depth / stretch * tiles;
        let out = SharedSlice::new(dw);
        let tile = |index: usize, runs: &[Run], add: bool| {
            let (panel, rest) = (index / per_panel, index % per_panel);
            let (base, part) = (rest / tiles * stretch, rest % tiles);
            let (start, end) = (base + part * stretch / tiles, base + (part + 1) * stretch / tiles);
            let (mut a, mut c) = ([std::ptr::null(); MAX_ROWS], [std::ptr::null_mut(); MAX_ROWS]);
            for (m, row) in (start..end).enumerate() {
                let (tap, channel) = (row / inputs, row % inputs);
                let [ky, kx] = [tap / self.kernel[1], tap % self.kernel[1]];
                // SAFETY: the offset stays below `reach`, for which the runs leave room; a task writes its own rows of its
                // own panel.
                unsafe {
                    a[m] = x.as_ptr().add(ky * x_map.row() + kx * x_map.stride + channel);
                    c[m] = out.at((panel * depth + row) * PANEL);
                }
            }
            let tile = Tile {
                rows: end - start,
                columns: (outputs - panel * PANEL).min(PANEL),
                runs,
                layout: if neighbours { Rows::Neighbours(a_step) } else { Rows::ApartBy(a_step) },
                b_step,
                a,
                b: dy[panel * PANEL..].as_ptr(),
                c,
                bias: std::ptr::null(),
                add: if add { c.map(|c| c.cast_const()) } else { [std::ptr::null(); MAX_ROWS] },
                gate: [std::ptr::null(); MAX_ROWS],
                finish: Finish::Plain,
            };
            // SAFETY: as above; reads of `b` past the last column stay inside of `dy`, as asserted.
            unsafe { tile::multiply(isa, &tile) };
        };
        let count = per_panel * panels;
        let tasks = count.min(MAX_TASKS);
        (0..tasks).into_par_iter().for_each(|task| {
            for (number, runs) in blocks.iter().enumerate() {
                for index in task * count / tasks..(task + 1) * count / tasks {
                    tile(index, runs, add || number > 0);
                }
            }
        });
    }

    fn depthwise_weight_gradient(&self, n: usize, x: Values<'_>, dy: Values<'_>, (dw, add): (&mut [f32], bool)) {
        let kw = self.kernel[1];
        dw.par_chunks_mut(self.outputs).enumerate().for_each(|(tap, dw)| {
            if !add {
                dw.fill(0.0);
            }
            let tap = [tap / kw, tap % kw];
            let offset = [0, 1].map(|axis| tap[axis] as isize - self.padding.before[axis] as isize);
            for picture in 0..n {
                depthwise::weight_gradient(x, dy, picture, (offset, self.stride), dw);
            }
        });
    }
}
