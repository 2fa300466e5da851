//! In training a fully connected layer runs backwards on the weights as they lie: no copy of them is turned round, and
//! the gradient of the weights goes from the registers to whoever changes them, without a place of its own.

use rayon::prelude::*;

use super::conv::Conv;
use super::padding::Padding;
use super::simd::Isa;
use super::tile::{MAX_ROWS, PANEL, Product, TermRun};
use super::values::{FusedGradient, Map, Values, ValuesMut};
use super::{Scratch, SharedSlice, part};

/// A product is split into at least this many tasks, where it has as many tiles.
const MIN_TASKS: usize = 8;

impl Conv {
    /// Tells whether this is a fully connected layer between planes of these sizes.
    pub fn is_linear(&self, x: Map, y: Map) -> bool {
        let is_product = self.kernel == [1, 1] && self.padding == Padding::default() && self.groups == 1;
        is_product && x.pixels() == 1 && y.pixels() == 1
    }

    /// Computes the gradient of the input of a fully connected layer from its packed weights. It takes sixteen
    /// pictures at a time: for fewer, [`Self::input_gradient`] is faster.
    pub fn linear_input_gradient(
        &self,
        isa: Isa,
        dy: Values<'_>,
        weights: &[f32],
        dx: ValuesMut<'_>,
        fused: FusedGradient<'_>,
    ) {
        let (inputs, outputs, n) = (self.inputs, self.outputs, dy.n);
        let panels = outputs.div_ceil(PANEL);
        assert!(dy.map.channels == outputs && dx.map.channels == inputs && dx.n == n);
        assert!(dx.fits() && weights.len() == panels * inputs * PANEL, "dx or the weights are too short");
        let run = |panel: usize| {
            let len = (outputs - panel * PANEL).min(PANEL);
            TermRun { a: panel * inputs * PANEL, b: panel * PANEL * PANEL, len }
        };
        let runs: Vec<TermRun> = (0..panels).map(run).collect();
        // Columns are pictures: the gradients of each output lie side by side.
        let mut turned = Scratch::zeros(n.div_ceil(PANEL) * outputs * PANEL);
        turned.0.par_chunks_exact_mut(outputs * PANEL).enumerate().for_each(|(block, turned)| {
            for (lane, picture) in (block * PANEL..n.min((block + 1) * PANEL)).enumerate() {
                let dy = dy.pixel(picture, 0, 0);
                turned[lane..].iter_mut().step_by(PANEL).zip(dy).for_each(|(to, dy)| *to = *dy);
            }
        });
        let tiles = inputs.div_ceil(isa.max_rows());
        let (out, dx_map) = (SharedSlice::new(dx.data), dx.map);
        (0..tiles).into_par_iter().for_each(|index| {
            let channels = part(index, tiles, inputs);
            let mut sums = [0.0f32; MAX_ROWS * PANEL];
            for (block, b) in turned.0.chunks_exact(outputs * PANEL).enumerate() {
                let pictures = block * PANEL..n.min((block + 1) * PANEL);
                let (rows, a) = (channels.len(), &weights[channels.start * PANEL..]);
                let product = Product { rows, columns: pictures.len(), runs: &runs, a, b, ..Product::default() };
                product.compute(isa, &mut sums, PANEL);
                for (lane, picture) in pictures.enumerate() {
                    // SAFETY: the contract of `SharedSlice::slice`: a task has its own channels, inside `dx` as
                    // asserted.
                    let dx = unsafe { out.slice(dx_map.at(picture, 0, 0) + channels.start, channels.len()) };
                    let sums = sums[lane..].iter().step_by(PANEL);
                    dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx = if fused.add { *dx + sum } else { *sum });
                    if let Some(gate) = fused.gate {
                        gate.close(dx, &gate.values.from(picture, 0, 0)[channels.start..]);
                    }
                }
            }
        });
    }

    /// Writes the gradient of the bias, or adds it to what is there: the sum of a plane's pixels per channel, over all
    /// pictures. Nothing happens to an empty one.
    pub fn bias_gradient(isa: Isa, dy: Values<'_>, db: &mut [f32], add: bool) {
        if db.is_empty() {
            return;
        }
        if !add {
            db.fill(0.0);
        }
        let map = dy.map;
        isa.vectorised(|| {
            for row in 0..dy.n * map.height {
                let pixels = dy.from(row / map.height, (row % map.height) as isize, 0);
                for pixel in pixels.chunks(map.stride).take(map.width) {
                    db.iter_mut().zip(pixel).for_each(|(db, dy)| *db += dy);
                }
            }
        });
    }
}

/// The gradient of the weights of a fully connected layer is kept as a sum of products that are still to be taken: the
/// inputs and the gradients of the outputs of one batch, or of several of the same size.
#[derive(Clone, Debug, Default)]
pub struct LinearGradient {
    /// These are the inputs: for every batch and tile of inputs, (pictures, inputs of the tile).
    rows: Vec<f32>,
    /// These are the gradients: for every batch and panel of outputs, (pictures, [`PANEL`]).
    columns: Vec<f32>,
    n: usize,
    batches: usize,
}

impl LinearGradient {
    /// Notes a batch, after those that are noted already or, without `add`, in place of them.
    pub fn note(&mut self, isa: Isa, conv: &Conv, x: Values<'_>, dy: Values<'_>, add: bool) {
        let (inputs, panels, n) = (conv.inputs, conv.outputs.div_ceil(PANEL), x.n);
        let batch = if add { self.batches } else { 0 };
        assert!(batch == 0 || self.n == n, "batches of different sizes");
        (self.n, self.batches) = (n, batch + 1);
        self.rows.resize(self.batches * n * inputs, 0.0);
        self.columns.resize(self.batches * n * panels * PANEL, 0.0);
        let (rows, columns) = (&mut self.rows[batch * n * inputs..], &mut self.columns[batch * n * panels * PANEL..]);
        let tiles = inputs.div_ceil(isa.max_rows());
        let gather_rows = || {
            let mut rest = rows;
            for channels in (0..tiles).map(|tile| part(tile, tiles, inputs)) {
                let (rows, others) = rest.split_at_mut(n * channels.len());
                for (picture, row) in rows.chunks_exact_mut(channels.len()).enumerate() {
                    row.copy_from_slice(&x.from(picture, 0, 0)[channels.clone()]);
                }
                rest = others;
            }
        };
        let gather_columns = || {
            for (panel, columns) in columns.chunks_exact_mut((n * PANEL).max(1)).enumerate() {
                let count = (conv.outputs - panel * PANEL).min(PANEL);
                for (picture, row) in columns.chunks_exact_mut(PANEL).enumerate() {
                    row[..count].copy_from_slice(&dy.from(picture, 0, 0)[panel * PANEL..][..count]);
                }
            }
        };
        rayon::join(gather_rows, gather_columns);
    }

    pub fn is_empty(&self) -> bool {
        self.batches == 0
    }

    pub fn clear(&mut self) {
        self.batches = 0;
    }

    /// Calls `f(parts of the targets, gradient)` for every part of the weights, as packed; the targets are as long as
    /// they are, and the sums' order does not depend on the number of threads.
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
        let run = |batch: usize| TermRun { a: batch * n * inputs, b: batch * n * panels * PANEL, len: n };
        let runs: Vec<TermRun> = (0..self.batches).map(run).collect();
        let targets = targets.map(SharedSlice::new);
        let parts = MIN_TASKS.div_ceil(panels).min(tiles);
        (0..panels * parts).into_par_iter().for_each(|task| {
            let panel = task / parts;
            let mut gradient = [0.0f32; MAX_ROWS * PANEL];
            for channels in part(task % parts, parts, tiles).map(|tile| part(tile, tiles, inputs)) {
                let (start, rows) = (channels.start, channels.len());
                let product = Product {
                    rows,
                    columns: (outputs - panel * PANEL).min(PANEL),
                    runs: &runs,
                    a: &self.rows[start * n..],
                    row_step: 1,
                    term_step: rows,
                    b: &self.columns[panel * n * PANEL..],
                    ..Product::default()
                };
                product.compute(isa, &mut gradient, PANEL);
                // SAFETY: the contract of `SharedSlice::slice`: a task has its own rows of its own panel, inside the
                // targets as asserted.
                let parts = targets.map(|to| unsafe { to.slice((panel * inputs + start) * PANEL, rows * PANEL) });
                f(parts, &gradient[..rows * PANEL]);
            }
        });
    }
}
