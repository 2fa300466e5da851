//! These operations work on every value or pixel of a batch: clamps, sums, copies, dropout, maxout.

use rayon::prelude::*;

use super::SharedSlice;
use super::simd::Isa;
use super::values::{Gate, Map, Values, ValuesMut};

/// A task of fewer values is not worth waking another thread for.
const MIN_TASK: usize = 1 << 14;

/// Calls `f(picture, row, values from the first pixel of the row on)` for every row of pixels.
pub fn each_row(y: ValuesMut<'_>, f: impl Fn(usize, usize, &mut [f32]) + Sync) {
    let (map, n) = (y.map, y.n);
    let padded = map.height + 2 * map.halo;
    let data = &mut y.data[..n * map.picture()];
    let row = |(index, row): (usize, &mut [f32])| {
        let y = index % padded;
        if (map.halo..map.halo + map.height).contains(&y) {
            f(index / padded, y - map.halo, &mut row[map.halo * map.stride + map.first..]);
        }
    };
    if n * map.count() < 2 * MIN_TASK {
        data.chunks_exact_mut(map.row()).enumerate().for_each(row);
    } else {
        let least = MIN_TASK.div_ceil(map.row());
        data.par_chunks_exact_mut(map.row()).with_min_len(least).enumerate().for_each(row);
    }
}

/// Writes zeros around the planes of `n` pictures of a whole buffer, and behind the last one as far as vectors are read.
pub fn clear_border(map: Map, n: usize, data: &mut [f32]) {
    let (pictures, rest) = data[..map.buffer_len(n)].split_at_mut(n * map.picture());
    rest.fill(0.0);
    if map.halo == 0 {
        return;
    }
    let (row, side) = (map.row(), map.halo * map.stride);
    let clear = |picture: &mut [f32]| {
        // The right end of a row and the left end of the next one lie together.
        picture[..map.halo * row + side].fill(0.0);
        for y in map.halo + 1..map.halo + map.height {
            picture[y * row - side..y * row + side].fill(0.0);
        }
        picture[(map.halo + map.height) * row - side..].fill(0.0);
    };
    if n * map.picture() < 2 * MIN_TASK {
        pictures.chunks_exact_mut(map.picture()).for_each(clear);
    } else {
        pictures.par_chunks_exact_mut(map.picture()).for_each(clear);
    }
}

/// Returns the number and the length of the pieces that a row of pixels is cut into, so that the map's values lie
/// together in each: the whole row, or each pixel where other channels lie between them.
fn stretches(map: Map, is_whole: bool) -> [usize; 2] {
    if is_whole { [1, map.width * map.channels] } else { [map.width, map.channels] }
}

/// Calls `f(out, values)` for matching stretches of the rows of two batches of the same shape.
fn zip_rows(isa: Isa, out: ValuesMut<'_>, values: Values<'_>, f: impl Fn(&mut [f32], &[f32]) + Sync) {
    let (to, from) = (out.map, values.map);
    assert!(to.size() == from.size() && to.channels == from.channels);
    let [count, len] = stretches(from, to.is_whole() && from.is_whole());
    each_row(out, |picture, y, out| {
        let values = values.from(picture, y as isize, 0);
        isa.vectorised(|| {
            for i in 0..count {
                f(&mut out[i * to.stride..][..len], &values[i * from.stride..][..len]);
            }
        });
    });
}

/// Computes `y = x`, or `y += x`.
pub fn copy(isa: Isa, x: Values<'_>, y: ValuesMut<'_>, add: bool) {
    zip_rows(isa, y, x, |y, x| {
        if add {
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        } else {
            y.copy_from_slice(x);
        }
    });
}

/// Lays planes out as features in PyTorch's order: all pixels of a channel, then those of the next.
pub fn flatten(x: Values<'_>, y: ValuesMut<'_>) {
    let map = x.map;
    assert!(y.map.pixels() == 1 && y.map.channels == map.count());
    each_row(y, |picture, _, y| {
        if map.is_dense() && map.channels == 1 {
            return y[..map.pixels()].copy_from_slice(&x.from(picture, 0, 0)[..map.pixels()]);
        }
        for pixel in 0..map.pixels() {
            let x = &x.data[map.at_pixel(picture, pixel)..][..map.channels];
            let y = y[pixel..].iter_mut().step_by(map.pixels());
            y.zip(x).for_each(|(y, x)| *y = *x);
        }
    });
}

/// Goes the way back from [`flatten`], for gradients: `x = y`, or `x += y`.
pub fn unflatten(y: Values<'_>, x: ValuesMut<'_>, add: bool) {
    let map = x.map;
    assert!(y.map.pixels() == 1 && y.map.channels == map.count());
    each_row(x, |picture, row, x| {
        for column in 0..map.width {
            let y = y.from(picture, 0, 0)[row * map.width + column..].iter().step_by(map.pixels());
            for (x, y) in x[column * map.stride..][..map.channels].iter_mut().zip(y) {
                *x = if add { *x + y } else { *y };
            }
        }
    });
}

/// Clamps to 0..upper in place, NaN staying NaN; the subgradient at both ends is 0 as in PyTorch.
pub fn clamp(isa: Isa, y: ValuesMut<'_>, upper: f32) {
    let map = y.map;
    let [count, len] = stretches(map, map.is_whole());
    each_row(y, |_, _, row| {
        isa.vectorised(|| {
            for i in 0..count {
                for y in &mut row[i * map.stride..][..len] {
                    let value = if *y < 0.0 { 0.0 } else { *y };
                    *y = if value > upper { upper } else { value };
                }
            }
        });
    });
}

/// Sets gradients to 0 where the clamped values lie at an end.
pub fn gate(isa: Isa, dy: ValuesMut<'_>, gate: Gate<'_>) {
    zip_rows(isa, dy, gate.values, |dy, y| gate.close(dy, y));
}

/// Multiplies every value with the mask: dropout and its gradient. The mask is dense, (n, height, width, channels).
pub fn masked(isa: Isa, x: Values<'_>, y: ValuesMut<'_>, mask: &[f32], add: bool) {
    let (from, to) = (x.map, y.map);
    let dense = Map::new(from.size(), from.channels, 0);
    each_row(y, |picture, row, y| {
        let (x, mask) = (x.from(picture, row as isize, 0), &mask[dense.at(picture, row as isize, 0)..]);
        isa.vectorised(|| {
            for pixel in 0..from.width {
                let y = &mut y[pixel * to.stride..][..from.channels];
                let x = &x[pixel * from.stride..][..from.channels];
                let mask = &mask[pixel * from.channels..][..from.channels];
                for ((y, x), mask) in y.iter_mut().zip(x).zip(mask) {
                    *y = if add { *y + x * mask } else { x * mask };
                }
            }
        });
    });
}

/// Computes maxout (Goodfellow et al., Maxout Networks, 2013, equation 1): the largest of each unit's `pieces`
/// neighbouring values, with the place of the first largest one among them.
pub fn maxout(isa: Isa, x: Values<'_>, y: ValuesMut<'_>, pieces: usize, winners: &mut [u8]) {
    let units = y.map.channels;
    assert!(x.map.channels == units * pieces && pieces <= 256 && winners.len() >= y.n * units);
    let places = SharedSlice::new(winners);
    each_row(y, |picture, _, y| {
        let x = &x.from(picture, 0, 0)[..units * pieces];
        // SAFETY: the contract of `SharedSlice::slice`: each picture has its own part of `winners`, long enough as
        // asserted.
        let winners = unsafe { places.slice(picture * units, units) };
        isa.vectorised(|| {
            for ((y, winner), group) in y.iter_mut().zip(winners).zip(x.chunks_exact(pieces)) {
                let (mut best, mut place) = (group[0], 0u8);
                for (piece, &value) in group.iter().enumerate().skip(1) {
                    // NaN is not hidden.
                    let better = (value > best) | value.is_nan();
                    best = if better { value } else { best };
                    place = if better { piece as u8 } else { place };
                }
                (*y, *winner) = (best, place);
            }
        });
    });
}

/// Computes the gradient of [`maxout`]: the winner of each unit takes it all.
pub fn maxout_gradient(dy: Values<'_>, dx: ValuesMut<'_>, pieces: usize, winners: &[u8]) {
    let units = dy.map.channels;
    each_row(dx, |picture, _, dx| {
        let dx = &mut dx[..units * pieces];
        dx.fill(0.0);
        let groups = dx.chunks_exact_mut(pieces).zip(dy.pixel(picture, 0, 0));
        for ((group, dy), winner) in groups.zip(&winners[picture * units..]) {
            group[usize::from(*winner)] = *dy;
        }
    });
}
