//! This is the inner loop of every product: the sums of a tile of up to 12 rows and 32 columns stay in registers.
//!
//! Rows are read one value at a time (broadcast), columns as vectors. Rows may lie anywhere, so that the same loop
//! serves the output pixels of a convolution, the rows of a matrix, and the input channels of a weight gradient.

use super::part;
use super::simd::{Isa, Simd, Vectorised};

/// The greatest number of columns of a tile, and of a panel of packed weights.
pub const PANEL: usize = 32;
/// The greatest number of rows of a tile on any processor.
pub const MAX_ROWS: usize = 12;

/// A stretch of the summation has `len` terms, the first at these offsets of the rows and of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermRun {
    pub a: usize,
    pub b: usize,
    pub len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// The rows lie anywhere; the terms of a run are neighbours.
    Apart,
    /// The rows lie anywhere, the terms of a run this far apart.
    ApartBy(usize),
    /// The rows are neighbours, the terms of a run this far apart.
    Neighbours(usize),
}

/// A sum is finished in one of these ways before it is stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finish {
    Plain,
    /// It is clamped to 0..upper: ReLU with ∞, ReLU6 with 6.
    Clamp {
        upper: f32,
    },
    /// It is kept where the value at `gate` lies between 0 and `upper`, else 0: the gradient of a clamp.
    Gate {
        upper: f32,
    },
}

impl Finish {
    pub fn clamp(upper: Option<f32>) -> Self {
        upper.map_or(Self::Plain, |upper| Self::Clamp { upper })
    }

    pub fn gate(upper: Option<f32>) -> Self {
        upper.map_or(Self::Plain, |upper| Self::Gate { upper })
    }
}

/// A tile is a product of `rows` rows, at most [`Isa::max_rows`], and `columns` columns: `c[m][n] = finish(bias[n] +
/// add[m][n] + Σ a[m][r] · b[r][n])`. Each row has its pointers.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    pub rows: usize,
    pub columns: usize,
    pub runs: &'a [TermRun],
    pub layout: Rows,
    /// The terms of a run lie this far apart in `b`.
    pub b_step: usize,
    pub a: [*const f32; MAX_ROWS],
    pub b: *const f32,
    pub c: [*mut f32; MAX_ROWS],
    /// This is null where there is none, as is each of `add`.
    pub bias: *const f32,
    pub add: [*const f32; MAX_ROWS],
    /// The values at the gate are read where `finish` is one.
    pub gate: [*const f32; MAX_ROWS],
    pub finish: Finish,
}

impl Tile<'_> {
    pub const EMPTY: Self = Tile {
        rows: 0,
        columns: 0,
        runs: &[],
        layout: Rows::Apart,
        b_step: PANEL,
        a: [std::ptr::null(); MAX_ROWS],
        b: std::ptr::null(),
        c: [std::ptr::null_mut(); MAX_ROWS],
        bias: std::ptr::null(),
        add: [std::ptr::null(); MAX_ROWS],
        gate: [std::ptr::null(); MAX_ROWS],
        finish: Finish::Plain,
    };

    /// Turns the order of the rows around.
    pub fn reverse(&mut self) {
        let rows = self.rows;
        for inputs in [&mut self.a, &mut self.add, &mut self.gate] {
            inputs[..rows].reverse();
        }
        self.c[..rows].reverse();
    }

    /// Goes on to the columns of the next panel; panels are `len` values long.
    pub fn go_to_next_panel(&mut self, len: usize) {
        let go = |place: *const f32| if place.is_null() { place } else { place.wrapping_add(PANEL) };
        self.b = self.b.wrapping_add(len);
        self.bias = go(self.bias);
        for m in 0..self.rows {
            self.c[m] = self.c[m].wrapping_add(PANEL);
            self.add[m] = go(self.add[m]);
            self.gate[m] = go(self.gate[m]);
        }
    }
}

const APART: u8 = 0;
const APART_BY: u8 = 1;
const NEIGHBOURS: u8 = 2;

/// Adds a term to all sums: `multiply(m, column, sum)` multiplies a vector of columns with the value of row m, and adds.
#[inline(always)]
unsafe fn term<S: Simd, const M: usize, const V: usize>(
    sums: &mut [[S::Vector; V]; M],
    b: *const f32,
    multiply: impl Fn(usize, S::Vector, S::Vector) -> S::Vector,
) {
    // SAFETY: the contract of `multiply`: a whole panel is readable at every term of `b`.
    unsafe {
        let columns: [S::Vector; V] = std::array::from_fn(|v| S::load(b.add(v * S::LANES)));
        for (m, sums) in sums.iter_mut().enumerate() {
            for (sum, &column) in sums.iter_mut().zip(&columns) {
                *sum = multiply(m, column, *sum);
            }
        }
    }
}

/// Computes the part of a tile that one call of the inner loop covers: its `M` rows, and `V` vectors from `column` on.
#[inline(always)]
unsafe fn block<S: Simd, const M: usize, const V: usize, const LAYOUT: u8>(t: &Tile<'_>, column: usize) {
    // SAFETY: the contract of `multiply`; outside of the tile only whole vectors of `b` are touched.
    unsafe {
        let mut sums = [[S::splat(0.0); V]; M];
        for m in 0..M {
            for v in 0..V {
                S::prefetch(t.c[m].wrapping_add(column + v * S::LANES));
            }
        }
        for run in t.runs {
            let mut b = t.b.add(run.b + column);
            if let (NEIGHBOURS, Rows::Neighbours(step)) = (LAYOUT, t.layout) {
                let mut a = t.a[0].add(run.a);
                for _ in 0..run.len {
                    if M.is_multiple_of(4) {
                        let quads: [S::Quad; M] = std::array::from_fn(|m| S::load_quad(a.add(m / 4 * 4)));
                        term::<S, M, V>(&mut sums, b, |m, b, sum| S::multiply_nth_add(quads[m], m % 4, b, sum));
                    } else {
                        term::<S, M, V>(&mut sums, b, |m, b, sum| S::multiply_add(S::splat(*a.add(m)), b, sum));
                    }
                    a = a.add(step);
                    b = b.add(t.b_step);
                }
                continue;
            }
            let mut a: [*const f32; M] = std::array::from_fn(|m| t.a[m].add(run.a));
            if let (APART_BY, Rows::ApartBy(step)) = (LAYOUT, t.layout) {
                for i in 0..run.len {
                    let at = i * step;
                    term::<S, M, V>(&mut sums, b, |m, b, sum| S::multiply_add(S::splat(*a[m].add(at)), b, sum));
                    b = b.add(t.b_step);
                }
                continue;
            }
            // Four terms at a time, so that the row pointers are fetched once for them.
            for _ in 0..run.len / 4 {
                let quads: [S::Quad; M] = std::array::from_fn(|m| S::load_quad(a[m]));
                for i in 0..4 {
                    let b = b.add(i * t.b_step);
                    term::<S, M, V>(&mut sums, b, |m, b, sum| S::multiply_nth_add(quads[m], i, b, sum));
                }
                b = b.add(4 * t.b_step);
                a = a.map(|a| a.add(4));
            }
            for i in 0..run.len % 4 {
                let b = b.add(i * t.b_step);
                term::<S, M, V>(&mut sums, b, |m, b, sum| S::multiply_add(S::splat(*a[m].add(i)), b, sum));
            }
        }
        let count = t.columns - column;
        if S::whole(count) >= V * S::LANES {
            finish::<S, M, V>(t, column, V * S::LANES, sums);
        } else {
            finish::<S, M, V>(t, column, count, sums);
        }
    }
}

/// Stores the sums of a block of which `count` columns belong to the tile.
///
/// # Safety
/// The contract of [`multiply`]; the columns belong to the tile.
#[inline(always)]
unsafe fn finish<S: Simd, const M: usize, const V: usize>(
    t: &Tile<'_>,
    column: usize,
    count: usize,
    sums: [[S::Vector; V]; M],
) {
    // SAFETY: the contract of this function is that of `store`.
    unsafe {
        for v in (0..V).take_while(|v| v * S::LANES < count) {
            let (first, count) = (column + v * S::LANES, count - v * S::LANES);
            let bias = if t.bias.is_null() { S::splat(0.0) } else { S::load_first(t.bias.add(first), count) };
            for (m, sums) in sums.iter().enumerate() {
                store::<S>(t, m, first, count, S::add(sums[v], bias));
            }
        }
    }
}

/// Finishes and stores the sums of `count` columns, or a vector of them where there are more; the bias is in them
/// already.
///
/// # Safety
/// The contract of [`multiply`]; `row` and the columns belong to the tile.
#[inline(always)]
pub unsafe fn store<S: Simd>(t: &Tile<'_>, row: usize, column: usize, count: usize, sum: S::Vector) {
    // SAFETY: the contracts of `multiply` and `Beside::put`: `c`, `add` and `gate` are valid for all columns.
    unsafe {
        let beside = |from: *const f32| if from.is_null() { from } else { from.add(column) };
        let beside = Beside { add: beside(t.add[row]), gate: beside(t.gate[row]), finish: t.finish };
        beside.put::<S>(sum, t.c[row].add(column), count);
    }
}

/// These are read beside a sum before it is stored; `add` is null where there is none.
pub struct Beside {
    pub add: *const f32,
    pub gate: *const f32,
    pub finish: Finish,
}

impl Beside {
    /// Adds what is at `add`, finishes, and stores up to a vector of lanes, of which there are `count`.
    ///
    /// # Safety
    /// The processor has the instructions of `S`; the lanes are writable at `to`, and readable at `add` where it is
    /// not null and at `gate` where `finish` asks for it.
    #[inline(always)]
    pub unsafe fn put<S: Simd>(self, sum: S::Vector, to: *mut f32, count: usize) {
        // SAFETY: the contract of `Simd`, whose pointers this function's own covers.
        unsafe {
            let sum = if self.add.is_null() { sum } else { S::add(sum, S::load_first(self.add, count)) };
            let sum = match self.finish {
                Finish::Plain => sum,
                Finish::Clamp { upper } => S::clamp(sum, S::splat(upper)),
                Finish::Gate { upper } => S::gate(sum, S::load_first(self.gate, count), S::splat(upper)),
            };
            S::store_first(to, count, sum);
        }
    }
}

/// Calls `block` with the number of rows and their layout as constants.
macro_rules! by_rows {
    ($simd:ty, $vectors:literal, $tile:expr, $column:expr; $($m:literal)*) => {
        match ($tile.layout, $tile.rows) {
            $((Rows::Apart, $m) => block::<$simd, $m, $vectors, APART>($tile, $column),
            (Rows::ApartBy(_), $m) => block::<$simd, $m, $vectors, APART_BY>($tile, $column),
            (Rows::Neighbours(_), $m) => block::<$simd, $m, $vectors, NEIGHBOURS>($tile, $column),)*
            (_, rows) => unreachable!("a tile of {rows} rows"),
        }
    };
}

impl Vectorised for &Tile<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the contract of `multiply`; `block` is called for columns of the tile.
        unsafe {
            for column in (0..PANEL).step_by(2 * S::LANES).take_while(|&column| column < self.columns) {
                match (S::ROWS > 6, self.columns - column > S::LANES) {
                    (true, true) => by_rows!(S, 2, self, column; 1 2 3 4 5 6 7 8 9 10 11 12),
                    (true, false) => by_rows!(S, 1, self, column; 1 2 3 4 5 6 7 8 9 10 11 12),
                    (false, true) => by_rows!(S, 2, self, column; 1 2 3 4 5 6),
                    (false, false) => by_rows!(S, 1, self, column; 1 2 3 4 5 6),
                }
            }
        }
    }
}

/// Computes a tile.
///
/// # Safety
/// For every row m < `rows` and every term at row offset i and column offset j of the runs: `a[m] + i` is readable,
/// and [`PANEL`] values from `b + j` are (of which those from `columns` on do not matter); `columns` values are
/// readable at `bias` and `add` where they are not null and at `gate` where `finish` asks for it, and writable at `c`,
/// and no other thread writes to any of these or reads `c` meanwhile.
pub unsafe fn multiply(isa: Isa, tile: &Tile<'_>) {
    // SAFETY: `Isa::run` asks for what the loop asks of its fields: this function's contract.
    unsafe { isa.run(tile) }
}

/// A product of matrices in slices, `c[m][n] = Σ a[m][r] · b[r][n]`, has up to a panel of columns.
pub struct Product<'a> {
    pub rows: usize,
    pub columns: usize,
    pub runs: &'a [TermRun],
    pub a: &'a [f32],
    pub row_step: usize,
    /// The terms of a run lie this far apart in `a`.
    pub term_step: usize,
    pub b: &'a [f32],
    pub b_step: usize,
    /// This adds the product to what is there.
    pub add: bool,
}

impl Default for Product<'_> {
    fn default() -> Self {
        Self {
            rows: 0,
            columns: PANEL,
            runs: &[],
            a: &[],
            row_step: PANEL,
            term_step: 1,
            b: &[],
            b_step: PANEL,
            add: false,
        }
    }
}

impl Product<'_> {
    /// Computes the rows of `c`, which lie `c_step` apart.
    pub fn compute(&self, isa: Isa, c: &mut [f32], c_step: usize) {
        let Self { rows, columns, runs, a, row_step, term_step, b, b_step, .. } = *self;
        assert!(columns <= PANEL, "more columns than a panel has");
        for run in runs.iter().filter(|run| rows * run.len > 0) {
            assert!(run.a + (rows - 1) * row_step + (run.len - 1) * term_step < a.len(), "a is too short");
            assert!(run.b + (run.len - 1) * b_step + PANEL <= b.len(), "b is too short");
        }
        let layout = match (row_step, term_step) {
            (_, 1) => Rows::Apart,
            (1, step) => Rows::Neighbours(step),
            (_, step) => Rows::ApartBy(step),
        };
        let tiles = rows.div_ceil(isa.max_rows());
        for rows in (0..tiles).map(|tile| part(tile, tiles, rows)) {
            let mut tile = Tile { rows: rows.len(), columns, runs, layout, b_step, b: b.as_ptr(), ..Tile::EMPTY };
            for (m, row) in rows.enumerate() {
                tile.a[m] = a.as_ptr().wrapping_add(row * row_step);
                tile.c[m] = c[row * c_step..][..columns].as_mut_ptr();
            }
            if self.add {
                tile.add = tile.c.map(|c| c.cast_const());
            }
            // SAFETY: the contract of `multiply`: every run lies inside `a` and `b`, as asserted, the rows inside `c`.
            unsafe { multiply(isa, &tile) };
        }
    }
}
