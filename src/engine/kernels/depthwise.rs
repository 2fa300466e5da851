//! In a depthwise convolution each channel is its own group: the vectors run along the channels.
//!
//! A sum has a value of its own for every multiplication, so reading is what takes the time. Neighbouring pixels of a
//! row are therefore computed together: each value that was read is multiplied for all of them that it contributes to,
//! and the weights of a row of taps stay in registers meanwhile.

use std::ops::Range;

use rayon::prelude::*;

use super::SharedSlice;
use super::conv::Conv;
use super::correlate::{Grid, GridValues};
use super::simd::{Isa, Simd, Vectorised};
use super::tile::{PANEL, TermRun, Tile, store};
use super::values::Values;

/// So many neighbouring pixels of a row are computed at once.
pub const MAX_ROWS: usize = 8;

/// The taps of a kernel are gone through in runs. Those of a run lie as far apart in x as neighbouring pixels: tap k of
/// pixel m reads what lies `m + k` steps from the first value of a run, so a value serves several pixels.
pub struct Taps {
    /// Each has 1, 2, 3 or 5 taps.
    runs: Vec<TermRun>,
    /// The taps of a run, and the pixels, lie this far apart in x. It is negative for an input gradient, which begins
    /// on the right.
    step: isize,
    /// They lie this far apart in the weights.
    weight_step: isize,
}

impl Taps {
    /// Joins single taps, whose order stays as it is, for pixels that lie `apart` from one another in x.
    pub fn new(taps: &[TermRun], apart: usize) -> Self {
        let between = |p: &TermRun, q: &TermRun| (q.a as isize - p.a as isize, q.b as isize - p.b as isize);
        let (step, weight_step) = taps.first_chunk().map_or((0, 0), |[first, second]| between(first, second));
        // Where the first two do not belong together, each tap is a run of its own.
        let step = if step.unsigned_abs() == apart { step } else { apart as isize };
        let mut runs = Vec::with_capacity(taps.len());
        for mut row in taps.chunk_by(|p, q| between(p, q) == (step, weight_step)) {
            while let Some(first) = row.first() {
                let len = [5, 3, 2, 1].into_iter().find(|&len| len <= row.len()).unwrap_or(1);
                runs.push(TermRun { len, ..*first });
                row = &row[len..];
            }
        }
        Self { runs, step, weight_step }
    }

    /// Tells whether the taps are gone through from right to left, and thus the pixels, too.
    pub fn are_reversed(&self) -> bool {
        self.step < 0
    }

    /// Calls `f` with each tap of a run.
    #[inline(always)]
    fn each(&self, run: &TermRun, mut f: impl FnMut(TermRun)) {
        let go = |from: usize, step: isize, tap: usize| from.wrapping_add_signed(tap as isize * step);
        for tap in 0..run.len {
            f(TermRun { a: go(run.a, self.step, tap), b: go(run.b, self.weight_step, tap), len: 1 });
        }
    }
}

/// Reads a whole vector, or its first `count` lanes, which are not all.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(from: *const f32, count: usize) -> S::Vector {
    // SAFETY: the contract of `Simd`.
    unsafe { if WHOLE { S::load(from) } else { S::load_some(from, count) } }
}

/// The rows of the tile are neighbouring pixels; its own runs are not read.
struct DepthwiseTile<'a> {
    tile: &'a Tile<'a>,
    taps: &'a Taps,
}

impl DepthwiseTile<'_> {
    #[inline(always)]
    unsafe fn columns<S: Simd, const M: usize>(&self) {
        // SAFETY: the contract of `vector` is that of this function.
        unsafe {
            let columns = self.tile.columns;
            let whole = columns / S::LANES * S::LANES;
            for column in (0..whole).step_by(S::LANES) {
                self.vector::<S, M, true>(column, S::LANES);
            }
            if whole < columns {
                self.vector::<S, M, false>(whole, columns - whole);
            }
        }
    }

    /// Computes `count` columns from one on.
    #[inline(always)]
    unsafe fn vector<S: Simd, const M: usize, const WHOLE: bool>(&self, column: usize, count: usize) {
        // SAFETY: the contracts of `multiply` and `Simd`.
        unsafe {
            let t = self.tile;
            let bias = if t.bias.is_null() { S::splat(0.0) } else { load::<S, WHOLE>(t.bias.add(column), count) };
            let mut sums = [bias; M];
            for run in &self.taps.runs {
                match run.len {
                    5 if WHOLE => self.add::<S, M, 5, WHOLE>(run, column, count, &mut sums),
                    3 if WHOLE => self.add::<S, M, 3, WHOLE>(run, column, count, &mut sums),
                    2 if WHOLE => self.add::<S, M, 2, WHOLE>(run, column, count, &mut sums),
                    _ if WHOLE => self.add::<S, M, 1, WHOLE>(run, column, count, &mut sums),
                    // What does not fill a vector is not worth code of its own for each number of taps.
                    _ => self.taps.each(run, |tap| self.add::<S, M, 1, WHOLE>(&tap, column, count, &mut sums)),
                }
            }
            for (m, sum) in sums.into_iter().enumerate() {
                store::<S>(t, m, column, count, sum);
            }
        }
    }

    /// Adds the taps of a run, whose weights stay in registers, to the sums of the pixels. Each value is read once.
    #[inline(always)]
    unsafe fn add<S: Simd, const M: usize, const TAPS: usize, const WHOLE: bool>(
        &self,
        run: &TermRun,
        column: usize,
        count: usize,
        sums: &mut [S::Vector; M],
    ) {
        // SAFETY: the contracts of `multiply` and `Simd`.
        unsafe {
            let Taps { step, weight_step, .. } = *self.taps;
            let weights = self.tile.b.add(run.b + column);
            let weights: [S::Vector; TAPS] =
                std::array::from_fn(|tap| load::<S, WHOLE>(weights.offset(tap as isize * weight_step), count));
            let mut a = self.tile.a[0].add(run.a + column);
            for i in 0..M - 1 + TAPS {
                let value = load::<S, WHOLE>(a, count);
                a = a.wrapping_offset(step);
                for (tap, &weight) in weights.iter().enumerate() {
                    if tap <= i && i - tap < M {
                        sums[i - tap] = S::multiply_add(value, weight, sums[i - tap]);
                    }
                }
            }
        }
    }
}

impl Vectorised for DepthwiseTile<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the contract of `multiply`, for as many rows as the tile has.
        unsafe {
            match self.tile.rows {
                1 => self.columns::<S, 1>(),
                2 => self.columns::<S, 2>(),
                3 => self.columns::<S, 3>(),
                4 => self.columns::<S, 4>(),
                5 => self.columns::<S, 5>(),
                6 => self.columns::<S, 6>(),
                7 => self.columns::<S, 7>(),
                8 => self.columns::<S, 8>(),
                rows => unreachable!("a tile of {rows} rows"),
            }
        }
    }
}

/// Computes `c[m][n] = finish(bias[n] + add[m][n] + Σ a[m][r + n] · b[r][n])` with the taps r, not the tile's runs.
///
/// # Safety
/// The contract of [`super::tile::multiply`], with `columns` values readable at every tap of the rows and of `b`. The
/// rows are neighbouring pixels, from right to left where the taps are reversed.
pub unsafe fn multiply(isa: Isa, tile: &Tile<'_>, taps: &Taps) {
    // SAFETY: `Isa::run` asks for what the loop asks of its fields: this function's contract.
    unsafe { isa.run(DepthwiseTile { tile, taps }) }
}

/// A task of a weight gradient computes so many channels of one run of taps.
const TASK_CHANNELS: usize = 64;

/// It goes through a row in pieces of so many pixels, whose values stay in the first-level cache for all its channels.
const PIECE: usize = 16;

/// Adds the gradient of the weights, `Σ_p dy[p]·x[p + tap]` per channel, over the pixels p of all pictures.
pub fn weight_gradient(isa: Isa, conv: &Conv, x: Values<'_>, dy: Values<'_>, dw: &mut [f32]) {
    let origin = conv.padding.before.map(|p| -(p as isize));
    let x = GridValues { data: x.data, grid: Grid { map: x.map, origin, step: conv.stride } };
    let (single, channels, size) = (conv.single_taps(x.grid.map), conv.outputs, dy.map.size());
    let reach = single.iter().map(|tap| tap.a).max().unwrap_or(0) + channels;
    assert!(x.grid.fits(dy.n, size, reach, x.data.len()), "x is too short");
    assert!(Grid::all(dy.map).fits(dy.n, size, channels, dy.data.len()), "the gradient of the output is too short");
    assert!(dw.len() == conv.weights_len(), "the gradient of the weights does not fit");
    let taps = Taps::new(&single, x.grid.apart());
    let parts = channels.div_ceil(TASK_CHANNELS);
    let out = SharedSlice::new(dw);
    (0..taps.runs.len() * parts).into_par_iter().for_each(|task| {
        let (run, first) = (taps.runs[task / parts], task % parts * TASK_CHANNELS);
        let columns = first..channels.min(first + TASK_CHANNELS);
        // SAFETY: the contracts of `SharedSlice::at` and of `Isa::run`, which asks for what `RunGradient` asks of its
        // fields: all that the taps reach lies inside `x`, as asserted, and a task has its channels of its taps alone.
        unsafe { isa.run(RunGradient { taps: &taps, run, columns, x, dy, dw: out.at(run.b) }) };
    });
}

/// The gradients of the taps of one run in some of the channels are summed up in registers, a piece of a row at a time.
/// All that the taps reach from a pixel of `dy` lies inside `x`, and `dw` may be written in these channels of the taps.
struct RunGradient<'a> {
    taps: &'a Taps,
    run: TermRun,
    columns: Range<usize>,
    x: GridValues<'a>,
    dy: Values<'a>,
    /// The gradient of the first tap begins here.
    dw: *mut f32,
}

impl RunGradient<'_> {
    #[inline(always)]
    unsafe fn rows<S: Simd, const TAPS: usize>(&self) {
        let Self { columns, x, dy, .. } = self;
        let whole = columns.end - columns.len() % S::LANES;
        for (picture, i) in (0..dy.n).flat_map(|picture| (0..dy.map.height).map(move |i| (picture, i))) {
            for j in (0..dy.map.width).step_by(PIECE) {
                let pixels = PIECE.min(dy.map.width - j);
                // SAFETY: the contracts of `add` and `piece`: the channels lie inside `dw`, and inside `x` and `dy` at
                // all pixels.
                unsafe {
                    let x = x.data.as_ptr().add(x.grid.at(picture, [i, j]) + self.run.a);
                    let dy = dy.data.as_ptr().add(dy.map.at(picture, i as isize, j as isize));
                    for column in (columns.start..whole).step_by(S::LANES) {
                        let from = [x.add(column), dy.add(column)];
                        self.piece::<S, TAPS, true>(from, pixels, self.dw.add(column), S::LANES);
                    }
                    if whole < columns.end {
                        let (from, count) = ([x.add(whole), dy.add(whole)], columns.end - whole);
                        self.piece::<S, TAPS, false>(from, pixels, self.dw.add(whole), count);
                    }
                }
            }
        }
    }

    /// Adds what the pixels of a piece of a row contribute to `count` channels.
    #[inline(always)]
    unsafe fn piece<S: Simd, const TAPS: usize, const WHOLE: bool>(
        &self,
        [mut x, mut dy]: [*const f32; 2],
        pixels: usize,
        dw: *mut f32,
        count: usize,
    ) {
        const TOGETHER: usize = 4;
        // SAFETY: the contracts of `Simd` and `pixels`: the channels are readable at the pixels, writable at the taps.
        unsafe {
            let place = |tap: usize| dw.offset(tap as isize * self.taps.weight_step);
            let mut sums: [S::Vector; TAPS] = std::array::from_fn(|tap| load::<S, WHOLE>(place(tap), count));
            let (x_apart, dy_apart) = (self.x.grid.apart(), self.dy.map.stride);
            for _ in 0..pixels / TOGETHER {
                self.pixels::<S, TOGETHER, TAPS, WHOLE>([x, dy], count, &mut sums);
                (x, dy) = (x.wrapping_add(TOGETHER * x_apart), dy.wrapping_add(TOGETHER * dy_apart));
            }
            for _ in 0..pixels % TOGETHER {
                self.pixels::<S, 1, TAPS, WHOLE>([x, dy], count, &mut sums);
                (x, dy) = (x.wrapping_add(x_apart), dy.wrapping_add(dy_apart));
            }
            for (tap, sum) in sums.into_iter().enumerate() {
                S::store_first(place(tap), count, sum);
            }
        }
    }

    /// Adds what `M` neighbouring pixels contribute. Each value is read once.
    #[inline(always)]
    unsafe fn pixels<S: Simd, const M: usize, const TAPS: usize, const WHOLE: bool>(
        &self,
        [x, dy]: [*const f32; 2],
        count: usize,
        sums: &mut [S::Vector; TAPS],
    ) {
        // SAFETY: the contract of `Simd`: the channels are readable at the pixels.
        unsafe {
            let gradients: [S::Vector; M] =
                std::array::from_fn(|m| load::<S, WHOLE>(dy.add(m * self.dy.map.stride), count));
            for i in 0..M - 1 + TAPS {
                let value = load::<S, WHOLE>(x.offset(i as isize * self.taps.step), count);
                for (tap, sum) in sums.iter_mut().enumerate() {
                    if tap <= i && i - tap < M {
                        *sum = S::multiply_add(value, gradients[i - tap], *sum);
                    }
                }
            }
        }
    }
}

impl Vectorised for RunGradient<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the contract of `rows`, which `weight_gradient` keeps.
        unsafe {
            match self.run.len {
                1 => self.rows::<S, 1>(),
                2 => self.rows::<S, 2>(),
                3 => self.rows::<S, 3>(),
                _ => self.rows::<S, 5>(),
            }
        }
    }
}

const _: () = assert!(MAX_ROWS <= super::tile::MAX_ROWS && PANEL.is_multiple_of(16));
