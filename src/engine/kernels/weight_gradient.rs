//! Gradients of the weights of a convolution.

use std::ops::Range;

use rayon::prelude::*;

use super::conv::{Conv, Values};
use super::map::Map;
use super::simd::Isa;
use super::tile::{self, Finish, MAX_ROWS, PANEL, Rows, Run, Tile};
use super::{Scratch, SharedSlice, depthwise};

/// Bytes of pictures and gradients that the tiles of a weight gradient go over before the next pictures: a part of the
/// second-level cache.
const BLOCK_BYTES: usize = 512 << 10;

/// Tiles of a matrix whose rows are gathered together.
const TILES_PER_GATHER: usize = 4;

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
            } else if dy.1.pixels() == 1 && self.groups == 1 && self.kernel == [1, 1] {
                self.linear_weight_gradient(isa, n, x, dy, (dw, add));
            } else {
                let (inputs, outputs) = self.pass_channels();
                let group_len = dw.len() / self.groups;
                for (group, dw) in dw.chunks_exact_mut(group_len).enumerate() {
                    let x = (x.0, self.group(x.1, inputs, group));
                    self.dense_weight_gradient(isa, n, x, (dy.0, self.group(dy.1, outputs, group)), (dw, add));
                }
            }
        };
        rayon::join(weights, || sum_pixels(isa, n, dy, (db, add)));
    }

    /// The gradient of a matrix: its rows of a batch lie far apart in x and dy, so both are gathered into panels first.
    fn linear_weight_gradient(
        &self,
        isa: Isa,
        n: usize,
        (x, x_map): Values<'_>,
        (dy, dy_map): Values<'_>,
        (dw, add): (&mut [f32], bool),
    ) {
        let panels = self.outputs.div_ceil(PANEL);
        let tiles = self.inputs.div_ceil(isa.max_rows());
        let bounds = |tile: usize| (tile * self.inputs / tiles, (tile + 1) * self.inputs / tiles);
        let run = [Run { a: 0, b: 0, len: n }];
        let out = SharedSlice::new(dw);
        assert!(dw.len() == panels * self.inputs * PANEL);
        assert!(x.len() >= x_map.buffer_len(n) && dy.len() >= dy_map.buffer_len(n));
        let mut packed = Scratch::zeros(panels * n * PANEL);
        packed.0.par_chunks_exact_mut((n * PANEL).max(1)).enumerate().for_each(|(panel, packed)| {
            let columns = (self.outputs - panel * PANEL).min(PANEL);
            for (picture, row) in packed.chunks_exact_mut(PANEL).enumerate() {
                row[..columns].copy_from_slice(&dy[dy_map.at(picture, 0, 0) + panel * PANEL..][..columns]);
            }
        });
        let groups = tiles.div_ceil(TILES_PER_GATHER);
        (0..groups).into_par_iter().for_each_init(
            || Scratch::zeros(0),
            |rows, group| {
                let rows = &mut rows.0;
                let range = group * tiles / groups..(group + 1) * tiles / groups;
                rows.clear();
                for (start, end) in range.clone().map(bounds) {
                    for picture in 0..n {
                        rows.extend_from_slice(&x[x_map.at(picture, 0, 0) + start..][..end - start]);
                    }
                }
                for (panel, columns) in packed.0.chunks_exact((n * PANEL).max(1)).enumerate() {
                    let mut rows = &rows[..];
                    for (start, end) in range.clone().map(bounds) {
                        let count = end - start;
                        let (mut a, mut c) = ([std::ptr::null(); MAX_ROWS], [std::ptr::null_mut(); MAX_ROWS]);
                        for m in 0..count {
                            a[m] = rows[m..].as_ptr();
                            // SAFETY: a task writes its own rows of every panel, inside `dw` as its length was checked.
                            c[m] = unsafe { out.at((panel * self.inputs + start + m) * PANEL) };
                        }
                        let tile = Tile {
                            rows: count,
                            columns: (self.outputs - panel * PANEL).min(PANEL),
                            runs: &run,
                            layout: Rows::Neighbours(count),
                            b_step: PANEL,
                            a,
                            b: columns.as_ptr(),
                            c,
                            bias: std::ptr::null(),
                            add: if add { c.map(|c| c.cast_const()) } else { [std::ptr::null(); MAX_ROWS] },
                            gate: [std::ptr::null(); MAX_ROWS],
                            finish: Finish::Plain,
                        };
                        // SAFETY: `rows` begins with `count` values of each picture, `columns` holds a panel of each.
                        unsafe { tile::multiply(isa, &tile) };
                        rows = &rows[n * count..];
                    }
                }
            },
        );
    }

    /// The pixels of some pictures as runs.
    fn pixel_runs(&self, x: Map, dy: Map, pictures: Range<usize>) -> Vec<Run> {
        let mut runs = Vec::with_capacity(pictures.len() * dy.height);
        for picture in pictures {
            for y in 0..dy.height {
                let row = (y * self.stride[0]) as isize - self.padding[0] as isize;
                let a = x.at(picture, row, -(self.padding[1] as isize));
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
            let offset = [0, 1].map(|axis| tap[axis] as isize - self.padding[axis] as isize);
            for picture in 0..n {
                depthwise::weight_gradient(x, dy, picture, (offset, self.stride), dw);
            }
        });
    }
}

/// The sum of a plane's pixels per channel, over all pictures: the gradient of a bias.
fn sum_pixels(isa: Isa, n: usize, (dy, map): Values<'_>, (db, add): (&mut [f32], bool)) {
    if db.is_empty() {
        return;
    }
    if !add {
        db.fill(0.0);
    }
    isa.vectorised(|| {
        for start in map.rows(n) {
            for pixel in dy[start..].chunks(map.stride).take(map.width) {
                db.iter_mut().zip(pixel).for_each(|(db, dy)| *db += dy);
            }
        }
    });
}
