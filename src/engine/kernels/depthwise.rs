//! In a depthwise convolution each channel is its own group: the vectors run along the channels.

use super::conv::Conv;
use super::simd::{Isa, Simd, Vectorised};
use super::tile::{PANEL, Tile, store};
use super::values::Values;

/// So many pixels share one fetch of the weights.
pub const MAX_ROWS: usize = 8;

/// Each run of this tile is a single term, its own for every column.
struct DepthwiseTile<'a>(&'a Tile<'a>);

#[inline(always)]
unsafe fn block<S: Simd, const M: usize>(t: &Tile<'_>) {
    // SAFETY: the contract of `vector` is that of this function.
    unsafe {
        let whole = S::whole(t.columns);
        for column in (0..whole).step_by(S::LANES) {
            vector::<S, M>(t, column, S::LANES);
        }
        for column in (whole..t.columns).step_by(S::LANES) {
            vector::<S, M>(t, column, t.columns - column);
        }
    }
}

/// Computes `count` columns from one on, or a vector of them where there are more.
#[inline(always)]
unsafe fn vector<S: Simd, const M: usize>(t: &Tile<'_>, column: usize, count: usize) {
    // SAFETY: the contracts of `multiply` and `Simd`.
    unsafe {
        let bias = if t.bias.is_null() { S::splat(0.0) } else { S::load_first(t.bias.add(column), count) };
        let mut sums = [bias; M];
        for run in t.runs {
            let weight = S::load_first(t.b.add(run.b + column), count);
            for (sum, a) in sums.iter_mut().zip(&t.a) {
                *sum = S::multiply_add(S::load_first(a.add(run.a + column), count), weight, *sum);
            }
        }
        for (m, sum) in sums.into_iter().enumerate() {
            store::<S>(t, m, column, count, sum);
        }
    }
}

impl Vectorised for DepthwiseTile<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let t = self.0;
        // SAFETY: the contract of `multiply`, for as many rows as the tile has.
        unsafe {
            match t.rows {
                1 => block::<S, 1>(t),
                2 => block::<S, 2>(t),
                3 => block::<S, 3>(t),
                4 => block::<S, 4>(t),
                5 => block::<S, 5>(t),
                6 => block::<S, 6>(t),
                7 => block::<S, 7>(t),
                8 => block::<S, 8>(t),
                rows => unreachable!("a tile of {rows} rows"),
            }
        }
    }
}

/// Computes `c[m][n] = finish(bias[n] + add[m][n] + Σ a[m][r + n] · b[r][n])`, each run a single term.
///
/// # Safety
/// The contract of [`super::tile::multiply`], with `columns` values readable at every term of the rows and of `b`.
pub unsafe fn multiply(isa: Isa, tile: &Tile<'_>) {
    // SAFETY: `Isa::run` asks for what the loop asks of its fields: this function's contract.
    unsafe { isa.run(DepthwiseTile(tile)) }
}

/// Adds the gradient of the weights of one tap, `Σ_p dy[p]·x[p + tap]` per channel, over the pixels of all pictures.
pub fn weight_gradient(conv: &Conv, tap: [usize; 2], x: Values<'_>, dy: Values<'_>, dw: &mut [f32]) {
    let place = |axis: usize, index: usize| {
        (tap[axis] * conv.dilation[axis] + index * conv.stride[axis]) as isize - conv.padding.before[axis] as isize
    };
    for picture in 0..dy.n {
        for oy in 0..dy.map.height {
            for ox in 0..dy.map.width {
                let x = &x.from(picture, place(0, oy), place(1, ox))[..dw.len()];
                let dy = &dy.from(picture, oy as isize, ox as isize)[..dw.len()];
                for ((dw, x), dy) in dw.iter_mut().zip(x).zip(dy) {
                    *dw += x * dy;
                }
            }
        }
    }
}

const _: () = assert!(MAX_ROWS <= super::tile::MAX_ROWS && PANEL.is_multiple_of(16));
