//! The way back through a fully connected layer in training, on the weights as they lie: no copy of them is turned round,
//! and the gradient of the weights goes from the registers to whoever changes them, without a place of its own.

use rayon::prelude::*;

use super::conv::{Conv, Values};
use super::map::Map;
use super::padding::Padding;
use super::simd::Isa;
use super::tile::{self, Finish, MAX_ROWS, PANEL, Rows, Run, Tile};
use super::{Scratch, SharedSlice};

/// Tasks that a product is split into at least, where it has so many tiles.
const MIN_TASKS: usize = 8;

/// The bounds of the parts that `whole` is cut into.
fn part(index: usize, parts: usize, whole: usize) -> (usize, usize) {
    (index * whole / parts, (index + 1) * whole / parts)
}

/// Where nothing is added, gated or shifted.
const NOTHING: [*const f32; MAX_ROWS] = [std::ptr::null(); MAX_ROWS];

impl Conv {
    /// Whether this is a fully connected layer between planes of these sizes.
    pub fn is_linear(&self, x: Map, y: Map) -> bool {
        let Self { kernel, padding, groups, .. } = *self;
        (kernel, padding, groups) == ([1, 1], Padding::default(), 1) && x.pixels() == 1 && y.pixels() == 1
    }

    /// The gradient of the input of a fully connected layer, from its packed weights; with `in_place` added to what is
    /// there, then kept where `gate` lets it through. Sixteen pictures at a time: for fewer,
    /// [`Self::input_gradient`] is faster.
    pub fn linear_input_gradient(
        &self,
        (isa, n): (Isa, usize),
        (dy, dy_map): Values<'_>,
        weights: &[f32],
        (dx, dx_map): (&mut [f32], Map),
        (in_place, gate, finish): (bool, Option<Values<'_>>, Finish),
    ) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let panels = outputs.div_ceil(PANEL);
        assert!(weights.len() == panels * inputs * PANEL && dy_map.channels == outputs && dx_map.channels == inputs);
        assert!(dx.len() >= dx_map.buffer_len(n), "dx is too short");
        let runs: Vec<Run> = (0..panels)
            .map(|panel| {
                let len = (outputs - panel * PANEL).min(PANEL);
                Run { a: panel * inputs * PANEL, b: panel * PANEL * PANEL, len }
            })
            .collect();
        // Columns are pictures: the gradients of each output lie side by side.
        let mut turned = Scratch::zeros(n.div_ceil(PANEL) * outputs * PANEL);
        turned.0.par_chunks_exact_mut(outputs * PANEL).enumerate().for_each(|(block, turned)| {
            for (lane, picture) in (block * PANEL..n.min((block + 1) * PANEL)).enumerate() {
                let dy = &dy[dy_map.at(picture, 0, 0)..][..outputs];
                turned[lane..].iter_mut().step_by(PANEL).zip(dy).for_each(|(to, dy)| *to = *dy);
            }
        });
        let tiles = inputs.div_ceil(isa.max_rows());
        let out = SharedSlice::new(dx);
        (0..tiles).into_par_iter().for_each(|index| {
            let (start, end) = part(index, tiles, inputs);
            let mut sums = [0.0f32; MAX_ROWS * PANEL];
            for (block, columns) in turned.0.chunks_exact(outputs * PANEL).enumerate() {
                let first = block * PANEL;
                let pictures = (n - first).min(PANEL);
                let (mut a, mut c) = (NOTHING, [std::ptr::null_mut(); MAX_ROWS]);
                for (m, sums) in sums.chunks_exact_mut(PANEL).take(end - start).enumerate() {
                    (a[m], c[m]) = (weights[(start + m) * PANEL..].as_ptr(), sums.as_mut_ptr());
                }
                let tile = Tile {
                    rows: end - start,
                    columns: pictures,
                    runs: &runs,
                    layout: Rows::Apart,
                    b_step: PANEL,
                    a,
                    b: columns.as_ptr(),
                    c,
                    bias: std::ptr::null(),
                    add: NOTHING,
                    gate: NOTHING,
                    finish: Finish::Plain,
                };
                // SAFETY: a row of a tile is one of every panel of the weights, whose length was checked.
                unsafe { tile::multiply(isa, &tile) };
                for lane in 0..pictures {
                    let picture = first + lane;
                    // SAFETY: a task writes its own channels, of pictures inside `dx` as was checked.
                    let dx = unsafe { out.slice(dx_map.at(picture, 0, 0) + start, end - start) };
                    let sums = sums[lane..].iter().step_by(PANEL);
                    dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx = if in_place { *dx + sum } else { *sum });
                    if let (Finish::Gate { upper }, Some((values, map))) = (finish, gate) {
                        let values = &values[map.at(picture, 0, 0) + start..];
                        dx.iter_mut()
                            .zip(values)
                            .for_each(|(dx, &y)| *dx = if y > 0.0 && y < upper { *dx } else { 0.0 });
                    }
                }
            }
        });
    }

    /// Writes the gradient of the bias, or adds it to what is there: the sum of a plane's pixels per channel, over all
    /// pictures. Nothing happens to an empty one.
    pub fn bias_gradient(isa: Isa, n: usize, (dy, map): Values<'_>, (db, add): (&mut [f32], bool)) {
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
}

/// The gradient of the weights of a fully connected layer as a sum of products that are still to be taken: the inputs and
/// the gradients of the outputs of one batch, or of several of the same size.
#[derive(Clone, Debug, Default)]
pub struct LinearGradient {
    /// For every batch and tile of inputs, (pictures, inputs of the tile).
    rows: Vec<f32>,
    /// For every batch and panel of outputs, (pictures, [`PANEL`]).
    columns: Vec<f32>,
    /// Pictures of a batch.
    n: usize,
    batches: usize,
}

impl LinearGradient {
    /// Notes a batch, after those that are noted already or, without `add`, in place of them.
    pub fn note(
        &mut self,
        conv: &Conv,
        (isa, n): (Isa, usize),
        (x, x_map): Values<'_>,
        (dy, dy_map): Values<'_>,
        add: bool,
    ) {
        let (inputs, panels) = (conv.inputs, conv.outputs.div_ceil(PANEL));
        let batch = if add { self.batches } else { 0 };
        assert!(batch == 0 || self.n == n, "batches of different sizes");
        (self.n, self.batches) = (n, batch + 1);
        self.rows.resize(self.batches * n * inputs, 0.0);
        self.columns.resize(self.batches * n * panels * PANEL, 0.0);
        let (rows, columns) = (&mut self.rows[batch * n * inputs..], &mut self.columns[batch * n * panels * PANEL..]);
        let tiles = inputs.div_ceil(isa.max_rows());
        let gather_rows = || {
            let mut rest = rows;
            for (start, end) in (0..tiles).map(|tile| part(tile, tiles, inputs)) {
                let (rows, others) = rest.split_at_mut(n * (end - start));
                for (picture, row) in rows.chunks_exact_mut(end - start).enumerate() {
                    row.copy_from_slice(&x[x_map.at(picture, 0, 0) + start..][..end - start]);
                }
                rest = others;
            }
        };
        let gather_columns = || {
            for (panel, columns) in columns.chunks_exact_mut((n * PANEL).max(1)).enumerate() {
                let count = (conv.outputs - panel * PANEL).min(PANEL);
                for (picture, row) in columns.chunks_exact_mut(PANEL).enumerate() {
                    row[..count].copy_from_slice(&dy[dy_map.at(picture, 0, 0) + panel * PANEL..][..count]);
                }
            }
        };
        rayon::join(gather_rows, gather_columns);
    }

    /// Whether no batch was noted.
    pub fn is_empty(&self) -> bool {
        self.batches == 0
    }

    /// Forgets all batches.
    pub fn clear(&mut self) {
        self.batches = 0;
    }

    /// Calls `f(parts of the targets, gradient)` for every part of the weights, as packed; the targets are as long as they
    /// are, and the sums' order does not depend on the number of threads.
    pub fn each_part<const K: usize>(
        &self,
        conv: &Conv,
        isa: Isa,
        targets: [&mut [f32]; K],
        f: impl Fn([&mut [f32]; K], &[f32]) + Sync,
    ) {
        let (n, inputs, outputs) = (self.n, conv.inputs, conv.outputs);
        let (tiles, panels) = (inputs.div_ceil(isa.max_rows()), outputs.div_ceil(PANEL));
        assert!(targets.iter().all(|target| target.len() == panels * inputs * PANEL));
        assert!(
            self.rows.len() == self.batches * n * inputs && self.columns.len() == self.batches * n * panels * PANEL
        );
        let run = |batch: usize| Run { a: batch * n * inputs, b: batch * n * panels * PANEL, len: n };
        let runs: Vec<Run> = (0..self.batches).map(run).collect();
        let targets = targets.map(SharedSlice::new);
        let parts = MIN_TASKS.div_ceil(panels).min(tiles);
        (0..panels * parts).into_par_iter().for_each(|task| {
            let (panel, (first, past)) = (task / parts, part(task % parts, parts, tiles));
            let mut gradient = [0.0f32; MAX_ROWS * PANEL];
            for (start, end) in (first..past).map(|tile| part(tile, tiles, inputs)) {
                let count = end - start;
                let (mut a, mut c) = (NOTHING, [std::ptr::null_mut(); MAX_ROWS]);
                for (m, gradient) in gradient.chunks_exact_mut(PANEL).take(count).enumerate() {
                    (a[m], c[m]) = (self.rows[(start * n + m).min(self.rows.len())..].as_ptr(), gradient.as_mut_ptr());
                }
                // SAFETY: a task has its own rows of its own panel, inside the targets as their length was checked.
                let parts =
                    targets.map(|target| unsafe { target.slice((panel * inputs + start) * PANEL, count * PANEL) });
                let tile = Tile {
                    rows: count,
                    columns: (outputs - panel * PANEL).min(PANEL),
                    runs: &runs,
                    layout: Rows::Neighbours(count),
                    b_step: PANEL,
                    a,
                    b: self.columns[panel * n * PANEL..].as_ptr(),
                    c,
                    bias: std::ptr::null(),
                    add: NOTHING,
                    gate: NOTHING,
                    finish: Finish::Plain,
                };
                // SAFETY: each run covers the `n` pictures of a batch, in rows and columns as long as asserted.
                unsafe { tile::multiply(isa, &tile) };
                f(parts, &gradient[..count * PANEL]);
            }
        });
    }
}
