//! The gradient of the filters: `Gᵀ[Σ (A·y·Aᵀ) ⊙ (Bᵀ·d·B)]G` over all tiles, each product a product of matrices,
//! (inputs, tiles) · (tiles, outputs).

use std::ops::Range;

use rayon::prelude::*;

use super::super::conv::{Conv, Values};
use super::super::simd::Isa;
use super::super::tile::{self, Finish, MAX_ROWS, PANEL, Rows, Run, Tile};
use super::super::{Scratch, SharedSlice};
use super::{GAP, Tiling, Winograd, pixels, tiles};

/// Bytes that tiles take in the domain at a time, on both sides: part of the third-level cache.
const BATCH_BYTES: usize = 4 << 20;

/// Tiles that a task brings into the domain.
const TILES_PER_TASK: usize = 8;

impl Winograd {
    /// Writes the gradients of the weights and of the bias, summed over tiles and pictures in a fixed order, or adds them to
    /// what is there. No gradient of a bias is computed for an empty one.
    pub fn weight_gradient(
        &self,
        (isa, n): (Isa, usize),
        x: Values<'_>,
        dy: Values<'_>,
        (dw, db, add): (&mut [f32], &mut [f32], bool),
    ) {
        let (inputs, outputs, products) = (self.conv.inputs, self.conv.outputs, self.size.products());
        let panels = outputs.div_ceil(PANEL);
        assert!(x.0.len() >= x.1.buffer_len(n) && dy.0.len() >= dy.1.buffer_len(n), "a batch is too short");
        assert!(x.1.channels == inputs && dy.1.channels == outputs && dw.len() == panels * self.conv.depth() * PANEL);
        let tiling = Tiling::new(dy.1, self.size);
        let tiles = tiling.count(n);
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
        let mut sums = Scratch::stale(products * panels * inputs * PANEL);
        for batch in 0..batches {
            let range = batch * tiles / batches..(batch + 1) * tiles / batches;
            let count = range.len();
            self.enter((isa, tiling, range), (x, dy), (xs, x_step), (ys, y_step, width));
            sums.0.par_chunks_exact_mut(inputs * PANEL).enumerate().for_each(|(index, sums)| {
                let (product, panel) = (index / panels, index % panels);
                let columns = (&ys[product * y_step + panel * PANEL..], width);
                add_products(isa, count, (&xs[product * x_step..], inputs), columns, (sums, batch > 0));
            });
        }
        let step = panels * inputs * PANEL;
        dw.par_chunks_exact_mut(self.conv.depth() * PANEL).enumerate().for_each(|(panel, dw)| {
            let from = sums.0[panel * inputs * PANEL..].as_ptr();
            // SAFETY: `sums` holds every product of the panel, `dw` every tap.
            unsafe { tiles::unfilter((isa, self.size), from, step, dw.as_mut_ptr(), inputs, add) };
        });
        Conv::bias_gradient(isa, n, dy, (db, add));
    }

    /// Brings tiles of the input and of the gradient of the output into the domain.
    fn enter(
        &self,
        (isa, tiling, range): (Isa, Tiling, Range<usize>),
        (x, dy): (Values<'_>, Values<'_>),
        (xs, x_step): (&mut [f32], usize),
        (ys, y_step, width): (&mut [f32], usize, usize),
    ) {
        let (inputs, outputs, count) = (self.conv.inputs, self.conv.outputs, range.len());
        let last = self.size.products() - 1;
        assert!(xs.len() >= last * x_step + count * inputs && ys.len() >= last * y_step + count * width);
        let (xs, ys) = (SharedSlice::new(xs), SharedSlice::new(ys));
        let zeros = vec![0.0; inputs.max(outputs)];
        (0..count.div_ceil(TILES_PER_TASK)).into_par_iter().for_each(|task| {
            for i in task * TILES_PER_TASK..count.min((task + 1) * TILES_PER_TASK) {
                let (picture, first) = tiling.at(range.start + i);
                let first = first.map(|index| index as isize);
                let corner = [0, 1].map(|axis| first[axis] - self.conv.padding.before[axis] as isize);
                let input = pixels(x, picture, (corner, self.size.side()), &zeros);
                let output = pixels(dy, picture, (first, self.size.outputs()), &zeros);
                // SAFETY: every pixel has its channels; a task has its own tiles of every product, inside the buffers as
                // asserted.
                unsafe {
                    tiles::input((isa, self.size), &input, inputs, xs.at(i * inputs), x_step);
                    tiles::spread((isa, self.size), &output, outputs, ys.at(i * width), y_step);
                }
            }
        });
    }
}

/// `sums (+)= rowsᵀ · columns`: (count, inputs)ᵀ · (count, [`PANEL`]).
fn add_products(
    isa: Isa,
    count: usize,
    (rows, inputs): (&[f32], usize),
    (columns, step): (&[f32], usize),
    (sums, add): (&mut [f32], bool),
) {
    assert!(rows.len() >= count * inputs && sums.len() == inputs * PANEL);
    assert!(count == 0 || columns.len() >= (count - 1) * step + PANEL);
    let runs = [Run { a: 0, b: 0, len: count }];
    let tiles = inputs.div_ceil(isa.max_rows());
    for tile in 0..tiles {
        let (start, end) = (tile * inputs / tiles, (tile + 1) * inputs / tiles);
        let (mut a, mut c) = ([std::ptr::null(); MAX_ROWS], [std::ptr::null_mut(); MAX_ROWS]);
        for m in 0..end - start {
            a[m] = rows[start + m..].as_ptr();
            c[m] = sums[(start + m) * PANEL..].as_mut_ptr();
        }
        let tile = Tile {
            rows: end - start,
            columns: PANEL,
            runs: &runs,
            layout: Rows::Neighbours(inputs),
            b_step: step,
            a,
            b: columns.as_ptr(),
            c,
            bias: std::ptr::null(),
            add: if add { c.map(|c| c.cast_const()) } else { [std::ptr::null(); MAX_ROWS] },
            gate: [std::ptr::null(); MAX_ROWS],
            finish: Finish::Plain,
        };
        // SAFETY: all of it lies inside the slices, as asserted.
        unsafe { tile::multiply(isa, &tile) };
    }
}
