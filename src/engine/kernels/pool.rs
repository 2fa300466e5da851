//! Pooling over windows, with PyTorch's conventions for padding, ceil mode and ties.

use super::conv::Values;
use super::map::Map;
use super::planes::{copy, each_row};
use super::simd::Isa;

/// How windows slide over a picture: height first, then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    /// Count a last window that hangs over the edge.
    pub ceil: bool,
}

impl Window {
    /// The number of windows along both axes, or `None` where not one fits.
    ///
    /// As in PyTorch, a last window in ceil mode must start inside the picture or its padding before it.
    pub fn output(&self, height: usize, width: usize) -> Option<[usize; 2]> {
        let along = |axis: usize, size: usize| {
            let (k, s, p) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
            if k == 0 || s == 0 {
                return None;
            }
            let room = (size + 2 * p).checked_sub(k)?;
            let mut count = room / s + 1;
            if self.ceil && room % s != 0 && count * s < size + p {
                count += 1;
            }
            Some(count)
        };
        Some([along(0, height)?, along(1, width)?])
    }

    /// The part of window `index` that lies in the picture along an axis: `start..end`.
    fn inside(&self, axis: usize, index: usize, size: usize) -> (usize, usize) {
        let start = index * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding[axis]).min(size);
        (start.saturating_sub(self.padding[axis]), end)
    }

    /// The windows that pixel `position` lies in, along an axis with `count` windows.
    fn containing(&self, axis: usize, position: usize, count: usize) -> std::ops::Range<usize> {
        let (k, s, p) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
        let past = (position + p) / s + 1;
        let first = (position + p + 1).saturating_sub(k).div_ceil(s);
        first.min(count)..past.min(count)
    }

    /// One over the values of a window, its padding included but not what hangs over it in ceil mode.
    fn share(&self, index: [usize; 2], size: [usize; 2]) -> f32 {
        let length = |axis: usize| {
            let start = index[axis] * self.stride[axis];
            (start + self.kernel[axis]).min(size[axis] + 2 * self.padding[axis]) - start
        };
        1.0 / (length(0) * length(1)) as f32
    }
}

/// Channels that are compared at a time.
const LANES: usize = 16;

/// The largest value of each window, and which of its taps (row by row) it is; of equal ones the first.
pub fn max_pool(
    isa: Isa,
    n: usize,
    (x, x_map): Values<'_>,
    (y, y_map): (&mut [f32], Map),
    window: Window,
    winners: &mut [u8],
) {
    assert!(window.kernel[0] * window.kernel[1] <= 256 && winners.len() >= n * y_map.pixels() * y_map.channels);
    // The winners of a row of pixels, dense: written by the task that has the row.
    let row_len = y_map.width * y_map.channels;
    let places = super::SharedBytes::new(winners);
    each_row(y, y_map, n, |picture, oy, row| {
        let (top, bottom) = window.inside(0, oy, x_map.height);
        // SAFETY: each row of pixels has its own part of `winners`, which was checked to be long enough.
        let winners = unsafe { places.slice((picture * y_map.height + oy) * row_len, row_len) };
        isa.vectorised(|| {
            for (ox, winners) in winners.chunks_exact_mut(y_map.channels).enumerate() {
                let (left, right) = window.inside(1, ox, x_map.width);
                let first = (oy * window.stride[0], ox * window.stride[1]);
                let tap = |row: usize, column: usize| {
                    let (ky, kx) = (row + window.padding[0] - first.0, column + window.padding[1] - first.1);
                    (ky * window.kernel[1] + kx) as u32
                };
                let y = &mut row[ox * y_map.stride..][..y_map.channels];
                for (c, (y, winners)) in y.chunks_mut(LANES).zip(winners.chunks_mut(LANES)).enumerate() {
                    let at = |row: usize, column: usize| x_map.at(picture, row as isize, column as isize) + c * LANES;
                    let mut best = [0.0f32; LANES];
                    best[..y.len()].copy_from_slice(&x[at(top, left)..][..y.len()]);
                    let mut place = [tap(top, left); LANES];
                    for (row, column) in (top..bottom).flat_map(|row| (left..right).map(move |column| (row, column))) {
                        let x = &x[at(row, column)..][..y.len()];
                        let tap = tap(row, column);
                        for ((best, place), &value) in best.iter_mut().zip(&mut place).zip(x) {
                            // NaN is not hidden.
                            let better = (value > *best) | value.is_nan();
                            *best = if better { value } else { *best };
                            *place = if better { tap } else { *place };
                        }
                    }
                    y.copy_from_slice(&best[..y.len()]);
                    winners.iter_mut().zip(place).for_each(|(winner, place)| *winner = place as u8);
                }
            }
        });
    });
}

/// The gradient of [`max_pool`]: each winner takes its window's. `add` adds to what is there.
pub fn max_pool_gradient(
    isa: Isa,
    n: usize,
    (dy, dy_map): Values<'_>,
    (dx, dx_map): (&mut [f32], Map),
    window: Window,
    (winners, add): (&[u8], bool),
) {
    let channels = dx_map.channels;
    each_row(dx, dx_map, n, |picture, row, dx| {
        isa.vectorised(|| {
            for column in 0..dx_map.width {
                let dx = &mut dx[column * dx_map.stride..][..channels];
                if !add {
                    dx.fill(0.0);
                }
                for oy in window.containing(0, row, dy_map.height) {
                    let ky = row + window.padding[0] - oy * window.stride[0];
                    for ox in window.containing(1, column, dy_map.width) {
                        let kx = column + window.padding[1] - ox * window.stride[1];
                        let tap = (ky * window.kernel[1] + kx) as u8;
                        let dy = &dy[dy_map.at(picture, oy as isize, ox as isize)..][..channels];
                        let pixel = (picture * dy_map.height + oy) * dy_map.width + ox;
                        let winners = &winners[pixel * channels..][..channels];
                        for ((dx, dy), winner) in dx.iter_mut().zip(dy).zip(winners) {
                            *dx += if *winner == tap { *dy } else { 0.0 };
                        }
                    }
                }
            }
        });
    });
}

/// The mean of each window, zeros of the padding counted (PyTorch's default).
pub fn avg_pool(isa: Isa, n: usize, (x, x_map): Values<'_>, (y, y_map): (&mut [f32], Map), window: Window) {
    let size = [x_map.height, x_map.width];
    each_row(y, y_map, n, |picture, oy, row| {
        let (top, bottom) = window.inside(0, oy, x_map.height);
        isa.vectorised(|| {
            for ox in 0..y_map.width {
                let (left, right) = window.inside(1, ox, x_map.width);
                let y = &mut row[ox * y_map.stride..][..y_map.channels];
                y.fill(0.0);
                for (row, column) in (top..bottom).flat_map(|row| (left..right).map(move |column| (row, column))) {
                    let x = &x[x_map.at(picture, row as isize, column as isize)..][..y.len()];
                    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
                }
                let share = window.share([oy, ox], size);
                y.iter_mut().for_each(|y| *y *= share);
            }
        });
    });
}

/// The gradient of [`avg_pool`]. `add` adds to what is there.
pub fn avg_pool_gradient(
    isa: Isa,
    n: usize,
    (dy, dy_map): Values<'_>,
    (dx, dx_map): (&mut [f32], Map),
    window: Window,
    add: bool,
) {
    let size = [dx_map.height, dx_map.width];
    each_row(dx, dx_map, n, |picture, row, dx| {
        isa.vectorised(|| {
            for column in 0..dx_map.width {
                let dx = &mut dx[column * dx_map.stride..][..dx_map.channels];
                if !add {
                    dx.fill(0.0);
                }
                for oy in window.containing(0, row, dy_map.height) {
                    for ox in window.containing(1, column, dy_map.width) {
                        let share = window.share([oy, ox], size);
                        let dy = &dy[dy_map.at(picture, oy as isize, ox as isize)..][..dx.len()];
                        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy * share);
                    }
                }
            }
        });
    });
}

/// `y = a + b`.
pub fn add(isa: Isa, n: usize, a: Values<'_>, b: Values<'_>, y: (&mut [f32], Map)) {
    let (y, map) = y;
    copy(isa, n, a, (y, map), false);
    copy(isa, n, b, (y, map), true);
}
