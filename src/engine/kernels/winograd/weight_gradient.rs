//! The gradient of the filters is `Gᵀ[Σ (A·y·Aᵀ) ⊙ (Bᵀ·d·B)]G` over all tiles, each product a product of matrices,
//! (inputs, tiles) · (tiles, outputs).

use rayon::prelude::*;

use super::super::conv::Conv;
use super::super::simd::Isa;
use super::super::tile::{Finish, PANEL, Product, TermRun};
use super::super::values::{ConvGradient, Values};
use super::super::{Scratch, SharedSlice, part};
use super::points::{INPUT, MAX_TILE, SPREAD, UNFILTER};
use super::tiles::{Finishing, Transform};
use super::{Entrance, GAP, Tiling, Winograd};

/// The size in bytes of the tiles that are in the domain at a time, on both sides: part of the third-level cache.
const BATCH_BYTES: usize = 4 << 20;

/// The number of tiles that a task brings into the domain.
const TILES_PER_TASK: usize = 8;

impl Winograd {
    /// Writes the gradients of the weights and of the bias, summed over tiles and pictures in a fixed order, or adds
    /// them to what is there. No gradient of a bias is computed for an empty one.
    pub fn weight_gradient(&self, isa: Isa, x: Values<'_>, dy: Values<'_>, to: ConvGradient<'_>) {
        let (inputs, outputs, products) = (self.conv.inputs, self.conv.outputs, self.size.products());
        let panels = outputs.div_ceil(PANEL);
        assert!(x.fits() && dy.fits() && x.n == dy.n, "a batch is too short");
        assert!(x.map.channels == inputs && dy.map.channels == outputs);
        assert!(to.weights.len() == panels * self.conv.depth() * PANEL);
        let tiling = Tiling::new(dy.map, self.size);
        let (tiles, width) = (tiling.count(dy.n), panels * PANEL);
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
        let zeros = vec![0.0; inputs.max(outputs)];
        let origin = self.conv.padding.before.map(|padding| -(padding as isize));
        let x_side = Entrance::<INPUT> { isa, tiling, values: x, origin, zeros: &zeros };
        let y_side = Entrance::<SPREAD> { isa, tiling, values: dy, origin: [0, 0], zeros: &zeros };
        let mut sums = Scratch::stale(products * panels * inputs * PANEL);
        for batch in 0..batches {
            let range = part(batch, batches, tiles);
            let (x_out, y_out) = (SharedSlice::new(xs), SharedSlice::new(ys));
            range.clone().into_par_iter().with_min_len(TILES_PER_TASK).for_each(|tile| {
                let i = tile - range.start;
                // SAFETY: the contracts of `Entrance::enter` and `SharedSlice::at`: there is room for `most` tiles of
                // every product, and each is entered once.
                unsafe {
                    x_side.enter(tile, x_out.at(i * inputs), x_step);
                    y_side.enter(tile, y_out.at(i * width), y_step);
                }
            });
            let runs = [TermRun { a: 0, b: 0, len: range.len() }];
            sums.0.par_chunks_exact_mut(inputs * PANEL).enumerate().for_each(|(index, sums)| {
                let (number, panel) = (index / panels, index % panels);
                let product = Product {
                    rows: inputs,
                    runs: &runs,
                    a: &xs[number * x_step..],
                    row_step: 1,
                    term_step: inputs,
                    b: &ys[number * y_step + panel * PANEL..],
                    b_step: width,
                    add: batch > 0,
                    ..Product::default()
                };
                product.compute(isa, sums, PANEL);
            });
        }
        to.weights.par_chunks_exact_mut(self.conv.depth() * PANEL).enumerate().for_each(|(panel, dw)| {
            self.leave_filters(isa, &sums.0[panel * inputs * PANEL..], panels, dw, to.add);
        });
        Conv::bias_gradient(isa, dy, to.bias, to.add);
    }

    /// Brings the gradient of a panel of filters back, from sums of which those of all panels lie between products.
    fn leave_filters(&self, isa: Isa, sums: &[f32], panels: usize, dw: &mut [f32], add: bool) {
        let len = self.conv.inputs * PANEL;
        assert!(sums.len() >= (self.size.products() - 1) * panels * len + len && dw.len() == self.conv.depth() * PANEL);
        let places: [_; MAX_TILE] = std::array::from_fn(|tap| dw.as_mut_ptr().wrapping_add(tap * len));
        let none = [std::ptr::null(); MAX_TILE];
        let add_to = places.map(|to| to.cast_const());
        let finishing = Finishing { bias: none[0], add: add_to, gate: none, finish: Finish::Plain };
        let transform = Transform::<UNFILTER> {
            size: self.size,
            places: &places,
            products: sums.as_ptr().cast_mut(),
            step: panels * len,
            channels: len,
            finishing: add.then_some(&finishing),
        };
        // SAFETY: the contract of `Isa::run`, what `Transform` promises: `sums` holds every product, `dw` every tap.
        unsafe { isa.run(transform) };
    }
}
