//! The gradient of the filters: `Gᵀ[Σ (A·y·Aᵀ) ⊙ (Bᵀ·d·B)]G` over all tiles, each product a product of matrices,
//! (inputs, tiles) · (tiles, outputs).

use std::ops::Range;

use rayon::prelude::*;

use super::super::conv::Conv;
use super::super::simd::Isa;
use super::super::tile::{self, PANEL, Rows, Run, Tile};
use super::super::values::{ConvGradient, Values};
use super::super::{Scratch, SharedSlice};
use super::tiles::{Enter, INPUT, Products, SPREAD, Unfilter};
use super::{GAP, Matrix, Square, Tiling, Winograd};

/// The bytes that tiles take in the domain at a time, on both sides: part of the third-level cache.
const BATCH_BYTES: usize = 4 << 20;

/// The number of tiles that a task brings into the domain.
const TILES_PER_TASK: usize = 8;

/// The tiles of one side of the products in the domain: product k of tile i lies at `k·step + i·width`.
struct Domain<'a> {
    data: &'a mut [f32],
    step: usize,
    width: usize,
}

impl Domain<'_> {
    /// Returns one product of all tiles, from a column on.
    fn product(&self, number: usize, column: usize) -> Matrix<'_> {
        Matrix { data: &self.data[number * self.step + column..], width: self.width }
    }
}

impl Winograd {
    /// Writes the gradients of the weights and of the bias, summed over tiles and pictures in a fixed order, or adds
    /// them to what is there. No gradient of a bias is computed for an empty one.
    pub fn weight_gradient(&self, isa: Isa, x: Values<'_>, dy: Values<'_>, to: ConvGradient<'_>) {
        let ConvGradient { weights: dw, bias, add } = to;
        let (inputs, outputs, products) = (self.conv.inputs, self.conv.outputs, self.size.products());
        let panels = outputs.div_ceil(PANEL);
        assert!(x.fits() && dy.fits() && x.n == dy.n, "a batch is too short");
        assert!(x.map.channels == inputs && dy.map.channels == outputs);
        assert!(dw.len() == panels * self.conv.depth() * PANEL);
        let tiling = Tiling::new(dy.map, self.size);
        let tiles = tiling.count(dy.n);
        let width = panels * PANEL;
        let per_batch =
            (BATCH_BYTES / (4 * products * (inputs + width))).clamp(TILES_PER_TASK, tiles.max(TILES_PER_TASK));
        let batches = tiles.div_ceil(per_batch).max(1);
        let most = tiles.div_ceil(batches);
        let (x_step, y_step) = (most * inputs + GAP, most * width + GAP);
        let mut domain = Scratch::stale(products * (x_step + y_step) + GAP);
        let (xs, ys) = domain.aligned().split_at_mut(products * x_step);
        if outputs < width {
            ys.fill(0.0);
        }
        let mut xs = Domain { data: xs, step: x_step, width: inputs };
        let mut ys = Domain { data: ys, step: y_step, width };
        let mut sums = Scratch::stale(products * panels * inputs * PANEL);
        for batch in 0..batches {
            let range = batch * tiles / batches..(batch + 1) * tiles / batches;
            let count = range.len();
            Entering { isa, winograd: *self, tiling, x, dy }.enter(range, &mut xs, &mut ys);
            sums.0.par_chunks_exact_mut(inputs * PANEL).enumerate().for_each(|(index, sums)| {
                let (product, panel) = (index / panels, index % panels);
                let (rows, columns) = (xs.product(product, 0), ys.product(product, panel * PANEL));
                add_products(isa, count, rows, columns, sums, batch > 0);
            });
        }
        let step = panels * inputs * PANEL;
        dw.par_chunks_exact_mut(self.conv.depth() * PANEL).enumerate().for_each(|(panel, dw)| {
            let from = Products { first: sums.0[panel * inputs * PANEL..].as_ptr(), step };
            // SAFETY: `Winograd::run` asks for what `Unfilter` does: `sums` holds every product of the panel, `dw`
            // every tap.
            unsafe { self.run(isa, Unfilter { from, to: dw.as_mut_ptr(), inputs, add }) };
        });
        Conv::bias_gradient(isa, dy, bias, add);
    }
}

/// What is brought into the domain: tiles of the input and of the gradient of the output.
struct Entering<'a> {
    isa: Isa,
    winograd: Winograd,
    tiling: Tiling,
    x: Values<'a>,
    dy: Values<'a>,
}

impl Entering<'_> {
    fn enter(&self, range: Range<usize>, xs: &mut Domain<'_>, ys: &mut Domain<'_>) {
        let Self { isa, winograd, tiling, x, dy } = self;
        let (Conv { inputs, outputs, padding, .. }, size) = (winograd.conv, winograd.size);
        let (last, count) = (size.products() - 1, range.len());
        assert!(xs.data.len() >= last * xs.step + count * inputs && xs.width == inputs);
        assert!(ys.data.len() >= last * ys.step + count * ys.width && ys.width >= outputs);
        let (x_step, y_step, width) = (xs.step, ys.step, ys.width);
        let (xs, ys) = (SharedSlice::new(xs.data), SharedSlice::new(ys.data));
        let zeros = vec![0.0; inputs.max(outputs)];
        (0..count.div_ceil(TILES_PER_TASK)).into_par_iter().for_each(|task| {
            for i in task * TILES_PER_TASK..count.min((task + 1) * TILES_PER_TASK) {
                let (picture, first) = tiling.at(range.start + i);
                let first = first.map(|index| index as isize);
                let corner = [0, 1].map(|axis| first[axis] - padding.before[axis] as isize);
                let input = Square { corner, side: size.side() }.pixels(*x, picture, &zeros);
                let output = Square { corner: first, side: size.outputs() }.pixels(*dy, picture, &zeros);
                // SAFETY: `Winograd::run` asks for what `Enter` does: every pixel has its channels; a task
                // has its own tiles of every product, inside the buffers as asserted, as `SharedSlice::at` asks.
                unsafe {
                    let to = Products { first: xs.at(i * inputs), step: x_step };
                    winograd.run(*isa, Enter::<INPUT> { pixels: &input, channels: inputs, to });
                    let to = Products { first: ys.at(i * width), step: y_step };
                    winograd.run(*isa, Enter::<SPREAD> { pixels: &output, channels: outputs, to });
                }
            }
        });
    }
}

/// Computes `sums = rowsᵀ · columns`, or adds it: (count, inputs)ᵀ · (count, [`PANEL`]).
fn add_products(isa: Isa, count: usize, rows: Matrix<'_>, columns: Matrix<'_>, sums: &mut [f32], add: bool) {
    let inputs = rows.width;
    assert!(rows.data.len() >= count * inputs && sums.len() == inputs * PANEL);
    assert!(count == 0 || columns.data.len() >= (count - 1) * columns.width + PANEL);
    let runs = [Run { a: 0, b: 0, len: count }];
    let tiles = inputs.div_ceil(isa.max_rows());
    for tile in 0..tiles {
        let (start, end) = (tile * inputs / tiles, (tile + 1) * inputs / tiles);
        let mut tile = Tile {
            rows: end - start,
            columns: PANEL,
            runs: &runs,
            layout: Rows::Neighbours(inputs),
            b_step: columns.width,
            b: columns.data.as_ptr(),
            ..Tile::EMPTY
        };
        for m in 0..end - start {
            tile.a[m] = rows.data[start + m..].as_ptr();
            tile.c[m] = sums[(start + m) * PANEL..].as_mut_ptr();
        }
        if add {
            tile.add = tile.c.map(|c| c.cast_const());
        }
        // SAFETY: the contract of `tile::multiply`: all of it lies inside the slices, as asserted.
        unsafe { tile::multiply(isa, &tile) };
    }
}
