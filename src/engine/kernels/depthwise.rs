//! Convolutions in which each channel is its own group: the vectors run along the channels.

use super::map::Map;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Isa, Portable, Simd};
use super::tile::{PANEL, Tile, store};

/// Pixels that share one fetch of the weights.
pub const MAX_ROWS: usize = 8;

#[inline(always)]
unsafe fn block<S: Simd, const M: usize>(t: &Tile<'_>) {
    // SAFETY: the caller of `multiply` promises that what a tile refers to is valid for its columns.
    unsafe {
        for column in (0..t.columns).step_by(S::LANES) {
            let count = t.columns - column;
            let bias = if t.bias.is_null() { S::splat(0.0) } else { S::load_first(t.bias.add(column), count) };
            let mut sums = [bias; M];
            for run in t.runs {
                let weight = S::load_first(t.b.add(run.b + column), count);
                for (sum, a) in sums.iter_mut().zip(&t.a) {
                    *sum = S::multiply_add(S::load_first(a.add(run.a + column), count), weight, *sum);
                }
            }
            for (m, sum) in sums.into_iter().enumerate() {
                store::<S>(t, (m, column, count), sum);
            }
        }
    }
}

#[inline(always)]
unsafe fn by_rows<S: Simd>(t: &Tile<'_>) {
    // SAFETY: the caller's promise.
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

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn multiply_avx512(t: &Tile<'_>) {
    // SAFETY: the caller's promise.
    unsafe { by_rows::<Avx512>(t) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn multiply_avx2(t: &Tile<'_>) {
    // SAFETY: the caller's promise.
    unsafe { by_rows::<Avx2>(t) }
}

/// `c[m][n] = finish(bias[n] + add[m][n] + Σ a[m][r + n] · b[r][n])`, each run a single term.
///
/// # Safety
/// As for [`super::tile::multiply`], with `columns` values readable at every term of the rows and of `b`.
pub unsafe fn multiply(isa: Isa, tile: &Tile<'_>) {
    // SAFETY: the caller's promise.
    unsafe {
        match isa {
            Isa::Portable => by_rows::<Portable>(tile),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => multiply_avx2(tile),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => multiply_avx512(tile),
        }
    }
}

/// Adds the gradient of the weights of one tap, `Σ_p dy[p]·x[p + tap]` per channel, over the pixels of picture `picture`.
///
/// `offsets` gives the first input row and column of the tap at output pixel (0, 0), `stride` the step of the windows.
pub fn weight_gradient(
    (x, x_map): (&[f32], Map),
    (dy, dy_map): (&[f32], Map),
    picture: usize,
    (offset, stride): ([isize; 2], [usize; 2]),
    dw: &mut [f32],
) {
    for oy in 0..dy_map.height {
        for ox in 0..dy_map.width {
            let place = |axis: usize, index: usize| offset[axis] + (index * stride[axis]) as isize;
            let x = &x[x_map.at(picture, place(0, oy), place(1, ox))..][..dw.len()];
            let dy = &dy[dy_map.at(picture, oy as isize, ox as isize)..][..dw.len()];
            for ((dw, x), dy) in dw.iter_mut().zip(x).zip(dy) {
                *dw += x * dy;
            }
        }
    }
}

const _: () = assert!(MAX_ROWS <= super::tile::MAX_ROWS && PANEL.is_multiple_of(16));
