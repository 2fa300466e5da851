//! Operations on every value or pixel of a batch: clamps, sums, copies, dropout, maxout.

use rayon::prelude::*;

use super::SharedBytes;
use super::conv::Values;
use super::map::Map;
use super::simd::Isa;
use super::tile::Finish;

/// Values per parallel task at least: less is not worth waking another thread for.
const MIN_TASK: usize = 1 << 14;

/// Calls `f(picture, row, values from the first pixel of the row on)` for every row of pixels of `n` pictures.
pub fn each_row(values: &mut [f32], map: Map, n: usize, f: impl Fn(usize, usize, &mut [f32]) + Sync) {
    let padded = map.height + 2 * map.halo;
    let values = &mut values[..n * map.picture()];
    let row = |(index, row): (usize, &mut [f32])| {
        let y = index % padded;
        if (map.halo..map.halo + map.height).contains(&y) {
            f(index / padded, y - map.halo, &mut row[map.halo * map.stride + map.first..]);
        }
    };
    if n * map.pixels() * map.channels < 2 * MIN_TASK {
        values.chunks_exact_mut(map.row()).enumerate().for_each(row);
    } else {
        let least = MIN_TASK.div_ceil(map.row());
        values.par_chunks_exact_mut(map.row()).with_min_len(least).enumerate().for_each(row);
    }
}

/// The part of a row of pixels that holds the map's values, cut into pixels where other channels lie between them.
fn stretch(map: Map) -> (usize, usize) {
    if map.channels == map.stride { (1, map.width * map.channels) } else { (map.width, map.channels) }
}

/// Calls `f(out, values)` for matching stretches of the rows of two batches of the same shape.
fn zip_rows(
    isa: Isa,
    n: usize,
    (out, out_map): (&mut [f32], Map),
    (values, map): Values<'_>,
    f: impl Fn(&mut [f32], &[f32]) + Sync,
) {
    assert!((out_map.height, out_map.width, out_map.channels) == (map.height, map.width, map.channels));
    let whole = out_map.channels == out_map.stride && map.channels == map.stride;
    let (count, len) = if whole { stretch(map) } else { (map.width, map.channels) };
    each_row(out, out_map, n, |picture, y, out| {
        let values = &values[map.at(picture, y as isize, 0)..];
        isa.vectorised(|| {
            for i in 0..count {
                f(&mut out[i * out_map.stride..][..len], &values[i * map.stride..][..len]);
            }
        });
    });
}

/// `y = x`, or `y += x`.
pub fn copy(isa: Isa, n: usize, x: Values<'_>, y: (&mut [f32], Map), add: bool) {
    zip_rows(isa, n, y, x, |y, x| {
        if add {
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        } else {
            y.copy_from_slice(x);
        }
    });
}

/// Planes as features in PyTorch's order: all pixels of a channel, then those of the next.
pub fn flatten(n: usize, (x, x_map): Values<'_>, (y, y_map): (&mut [f32], Map)) {
    assert!(y_map.pixels() == 1 && y_map.channels == x_map.pixels() * x_map.channels);
    each_row(y, y_map, n, |picture, _, y| {
        if x_map.is_dense() && x_map.channels == 1 {
            return y[..x_map.pixels()].copy_from_slice(&x[x_map.at(picture, 0, 0)..][..x_map.pixels()]);
        }
        for (pixel, start) in pixels(x_map, picture).enumerate() {
            let y = y[pixel..].iter_mut().step_by(x_map.pixels());
            y.zip(&x[start..start + x_map.channels]).for_each(|(y, x)| *y = *x);
        }
    });
}

/// The way back from [`flatten`], for gradients: `x = y`, or `x += y`.
pub fn unflatten(n: usize, (y, y_map): Values<'_>, (x, x_map): (&mut [f32], Map), add: bool) {
    assert!(y_map.pixels() == 1 && y_map.channels == x_map.pixels() * x_map.channels);
    each_row(x, x_map, n, |picture, row, x| {
        for column in 0..x_map.width {
            let y = y[y_map.at(picture, 0, 0) + row * x_map.width + column..].iter().step_by(x_map.pixels());
            for (x, y) in x[column * x_map.stride..][..x_map.channels].iter_mut().zip(y) {
                *x = if add { *x + y } else { *y };
            }
        }
    });
}

/// Where the pixels of a picture lie, row by row.
fn pixels(map: Map, picture: usize) -> impl Iterator<Item = usize> {
    (0..map.pixels()).map(move |pixel| map.at(picture, (pixel / map.width) as isize, (pixel % map.width) as isize))
}

/// Clamps to 0..upper in place, NaN staying NaN; the subgradient at both ends is 0 as in PyTorch.
fn clamp(isa: Isa, n: usize, (y, map): (&mut [f32], Map), upper: f32) {
    let (count, len) = stretch(map);
    each_row(y, map, n, |_, _, row| {
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
pub fn gate(isa: Isa, n: usize, dy: (&mut [f32], Map), y: Values<'_>, upper: f32) {
    zip_rows(isa, n, dy, y, |dy, y| {
        for (dy, &y) in dy.iter_mut().zip(y) {
            *dy = if y > 0.0 && y < upper { *dy } else { 0.0 };
        }
    });
}

/// Applies what a fused operation would have.
pub fn finish(isa: Isa, n: usize, (values, map): (&mut [f32], Map), finish: Finish, gated_by: Option<Values<'_>>) {
    match (finish, gated_by) {
        (Finish::Clamp { upper }, _) => clamp(isa, n, (values, map), upper),
        (Finish::Gate { upper }, Some(y)) => gate(isa, n, (values, map), y, upper),
        _ => {}
    }
}

/// Multiplies every value with the mask: dropout and its gradient. The mask is dense, (n, height, width, channels).
pub fn masked(isa: Isa, n: usize, x: Values<'_>, y: (&mut [f32], Map), mask: &[f32], add: bool) {
    let map = x.1;
    let dense = Map::new([map.height, map.width], map.channels, 0);
    let y_map = y.1;
    each_row(y.0, y_map, n, |picture, row, y| {
        let (x, mask) = (&x.0[map.at(picture, row as isize, 0)..], &mask[dense.at(picture, row as isize, 0)..]);
        isa.vectorised(|| {
            for pixel in 0..map.width {
                let y = &mut y[pixel * y_map.stride..][..map.channels];
                let x = &x[pixel * map.stride..][..map.channels];
                let mask = &mask[pixel * map.channels..][..map.channels];
                for ((y, x), mask) in y.iter_mut().zip(x).zip(mask) {
                    *y = if add { *y + x * mask } else { x * mask };
                }
            }
        });
    });
}

/// Maxout (Goodfellow et al., Maxout Networks, 2013, equation 1): the largest of each unit's `pieces` neighbouring values,
/// with the place of the first largest one among them.
pub fn maxout(
    isa: Isa,
    n: usize,
    (x, x_map): Values<'_>,
    (y, y_map): (&mut [f32], Map),
    (pieces, winners): (usize, &mut [u8]),
) {
    let units = y_map.channels;
    assert!(x_map.channels == units * pieces && pieces <= 256 && winners.len() >= n * units);
    let places = SharedBytes::new(winners);
    each_row(y, y_map, n, |picture, _, y| {
        let x = &x[x_map.at(picture, 0, 0)..][..units * pieces];
        // SAFETY: each picture has its own part of `winners`, which was checked to be long enough.
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

/// The gradient of [`maxout`]: the winner of each unit takes it all.
pub fn maxout_gradient(
    n: usize,
    (dy, dy_map): Values<'_>,
    (dx, dx_map): (&mut [f32], Map),
    (pieces, winners): (usize, &[u8]),
) {
    let units = dy_map.channels;
    each_row(dx, dx_map, n, |picture, _, dx| {
        let dx = &mut dx[..units * pieces];
        dx.fill(0.0);
        let dy = &dy[dy_map.at(picture, 0, 0)..][..units];
        for ((group, dy), winner) in dx.chunks_exact_mut(pieces).zip(dy).zip(&winners[picture * units..]) {
            group[usize::from(*winner)] = *dy;
        }
    });
}
