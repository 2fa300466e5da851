//! Pools take windows over a picture, with PyTorch's conventions for padding, ceil mode and ties.

use std::ops::Range;

use super::SharedSlice;
use super::padding::Padding;
use super::planes::each_row;
use super::simd::{Isa, Simd, Vectorised};
use super::values::{FusedGradient, Values, ValuesMut};

/// A window slides over a picture, with these sizes for height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
    /// Whether a last window that hangs over the edge counts.
    pub ceil: bool,
}

impl Window {
    /// Tells whether the padding is nowhere more than half of the kernel, so that every window sees a pixel.
    pub fn sees_pixels(&self) -> bool {
        let fits = |side: [usize; 2]| side.iter().zip(self.kernel).all(|(&padding, kernel)| 2 * padding <= kernel);
        fits(self.padding.before) && fits(self.padding.after)
    }

    /// Returns the number of windows along both axes, or `None` where not one fits.
    ///
    /// As in PyTorch, a last window in ceil mode must start inside the picture or its padding before it.
    pub fn output(&self, height: usize, width: usize) -> Option<[usize; 2]> {
        let along = |axis: usize, size: usize| {
            let (k, s, before) = (self.kernel[axis], self.stride[axis], self.padding.before[axis]);
            if k == 0 || s == 0 {
                return None;
            }
            let room = (size + self.padding.both(axis)).checked_sub(k)?;
            let mut count = room / s + 1;
            if self.ceil && room % s != 0 && count * s < size + before {
                count += 1;
            }
            Some(count)
        };
        Some([along(0, height)?, along(1, width)?])
    }

    /// Returns the part of window `index` that lies in the picture along an axis.
    fn inside(&self, axis: usize, index: usize, size: usize) -> Range<usize> {
        let start = index * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding.before[axis]).min(size);
        start.saturating_sub(self.padding.before[axis])..end
    }

    /// Returns the windows that pixel `position` lies in, along an axis with `count` windows.
    fn containing(&self, axis: usize, position: usize, count: usize) -> Range<usize> {
        let (k, s, p) = (self.kernel[axis], self.stride[axis], self.padding.before[axis]);
        let past = (position + p) / s + 1;
        let first = (position + p + 1).saturating_sub(k).div_ceil(s);
        first.min(count)..past.min(count)
    }

    /// Returns the number of the tap, row by row, that puts a pixel under a window.
    fn tap(&self, index: [usize; 2], pixel: [usize; 2]) -> usize {
        let [ky, kx] = [0, 1].map(|axis| pixel[axis] + self.padding.before[axis] - index[axis] * self.stride[axis]);
        ky * self.kernel[1] + kx
    }

    /// Returns one over the number of values of a window: with its padding, but not what hangs over it, or only those
    /// of the picture.
    fn share(&self, index: [usize; 2], size: [usize; 2], counts_padding: bool) -> f32 {
        let length = |axis: usize| {
            if !counts_padding {
                return self.inside(axis, index[axis], size[axis]).len();
            }
            let start = index[axis] * self.stride[axis];
            (start + self.kernel[axis]).min(size[axis] + self.padding.both(axis)) - start
        };
        1.0 / (length(0) * length(1)) as f32
    }
}

/// A pixel under a window has its first channel at this place, and this number among the window's taps.
struct PoolTap {
    place: usize,
    number: f32,
}

/// Computes the largest value of each window, and which of its taps (row by row) it is; of equal ones the first.
///
/// # Panics
/// When a window has more than 256 taps or a buffer is too short: an error in this crate, never of its input.
pub fn max_pool(isa: Isa, x: Values<'_>, y: ValuesMut<'_>, window: Window, winners: &mut [u8]) {
    let y_map = y.map;
    let channels = y_map.channels;
    let row_len = y_map.width * channels;
    assert!(window.kernel[0] * window.kernel[1] <= 256 && x.map.channels == channels);
    assert!(winners.len() >= y.n * y_map.height * row_len && x.n == y.n && x.fits());
    let places = SharedSlice::new(winners);
    each_row(y, |picture, oy, row| {
        assert!(row.len() >= (y_map.width - 1) * y_map.stride + channels);
        let rows = window.inside(0, oy, x.map.height);
        // SAFETY: the contract of `SharedSlice::slice`: each row has its own part of `winners`, as asserted.
        let winners = unsafe { places.slice((picture * y_map.height + oy) * row_len, row_len) };
        let mut taps = Vec::with_capacity(window.kernel[0] * window.kernel[1]);
        for ox in 0..y_map.width {
            let columns = window.inside(1, ox, x.map.width);
            taps.clear();
            for (y, column) in rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x))) {
                let place = x.map.at(picture, y as isize, column as isize);
                taps.push(PoolTap { place, number: window.tap([oy, ox], [y, column]) as f32 });
            }
            let largest = Largest {
                x: x.data,
                taps: &taps,
                y: &mut row[ox * y_map.stride..][..channels],
                winners: &mut winners[ox * channels..][..channels],
            };
            // SAFETY: the contract of `Isa::run`, what `Largest` asks of its fields: the taps are pixels of x.
            unsafe { isa.run(largest) };
        }
    });
}

/// This finds the largest of the values at some taps, for each channel of a pixel. Every tap has as many channels in x
/// as y has, and winners is as long as y.
struct Largest<'a> {
    x: &'a [f32],
    taps: &'a [PoolTap],
    y: &'a mut [f32],
    winners: &'a mut [u8],
}

impl Vectorised for Largest<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { x, taps, y, winners } = self;
        // SAFETY: the contract of `Simd`: what the fields promise, from channel `c` on for the channels that are left.
        unsafe {
            for c in (0..y.len()).step_by(S::LANES) {
                let count = y.len() - c;
                let at = |tap: &PoolTap| S::load_first(x.as_ptr().add(tap.place + c), count);
                let (mut best, mut place) = (at(&taps[0]), S::splat(taps[0].number));
                for tap in &taps[1..] {
                    S::keep_larger(at(tap), S::splat(tap.number), &mut best, &mut place);
                }
                S::store_first(y.as_mut_ptr().add(c), count, best);
                S::store_bytes(winners.as_mut_ptr().add(c), count, place);
            }
        }
    }
}

/// The gradients and winners of a window are at these places, and a pixel lies under this tap of it.
struct PixelWindow {
    dy: usize,
    winners: usize,
    tap: u8,
}

/// Computes the gradient of [`max_pool`]: each winner takes its window's.
pub fn max_pool_gradient(
    isa: Isa,
    dy: Values<'_>,
    dx: ValuesMut<'_>,
    window: Window,
    winners: &[u8],
    fused: FusedGradient<'_>,
) {
    let (dy_map, dx_map) = (dy.map, dx.map);
    let channels = dx_map.channels;
    assert!(dy_map.channels == channels && dy.fits() && dy.n == dx.n);
    assert!(winners.len() >= dy.n * dy_map.pixels() * channels);
    let fits = |gate: Values<'_>| gate.map.channels == channels && gate.n == dx.n && gate.fits();
    assert!(fused.gate.is_none_or(|gate| fits(gate.values)));
    each_row(dx, |picture, row, dx| {
        let mut windows = Vec::new();
        for column in 0..dx_map.width {
            windows.clear();
            for oy in window.containing(0, row, dy_map.height) {
                for ox in window.containing(1, column, dy_map.width) {
                    windows.push(PixelWindow {
                        dy: dy_map.at(picture, oy as isize, ox as isize),
                        winners: ((picture * dy_map.height + oy) * dy_map.width + ox) * channels,
                        tap: window.tap([oy, ox], [row, column]) as u8,
                    });
                }
            }
            let collect = Collect {
                dy: dy.data,
                winners,
                windows: &windows,
                dx: &mut dx[column * dx_map.stride..][..channels],
                add: fused.add,
                gate: fused.gate.map(|gate| gate.values.pixel(picture, row, column)),
                upper: fused.gate.map_or(f32::INFINITY, |gate| gate.upper),
            };
            // SAFETY: the contract of `Isa::run`, what `Collect` asks of its fields: windows and gate lie inside their
            // buffers, as asserted.
            unsafe { isa.run(collect) };
        }
    });
}

/// This adds up the gradients of the windows that each channel of a pixel has won. Windows and gate have as many
/// channels as dx.
struct Collect<'a> {
    dy: &'a [f32],
    winners: &'a [u8],
    windows: &'a [PixelWindow],
    dx: &'a mut [f32],
    add: bool,
    gate: Option<&'a [f32]>,
    upper: f32,
}

impl Vectorised for Collect<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { dy, winners, windows, dx, add, gate, upper } = self;
        // SAFETY: the contract of `Simd`: what the fields promise, from channel `c` on for the channels that are left.
        unsafe {
            for c in (0..dx.len()).step_by(S::LANES) {
                let count = dx.len() - c;
                let out = dx.as_mut_ptr().add(c);
                let mut sum = if add { S::load_first(out, count) } else { S::splat(0.0) };
                for window in windows {
                    let dy = S::load_first(dy.as_ptr().add(window.dy + c), count);
                    let won = S::where_byte(winners.as_ptr().add(window.winners + c), count, window.tap, dy);
                    sum = S::add(sum, won);
                }
                if let Some(values) = gate {
                    sum = S::gate(sum, S::load_first(values.as_ptr().add(c), count), S::splat(upper));
                }
                S::store_first(out, count, sum);
            }
        }
    }
}

/// Computes the mean of each window, zeros of the padding counted (PyTorch's default) or not.
pub fn avg_pool(isa: Isa, x: Values<'_>, y: ValuesMut<'_>, window: Window, counts_padding: bool) {
    let y_map = y.map;
    each_row(y, |picture, oy, row| {
        let rows = window.inside(0, oy, x.map.height);
        isa.vectorised(|| {
            for ox in 0..y_map.width {
                let columns = window.inside(1, ox, x.map.width);
                let y = &mut row[ox * y_map.stride..][..y_map.channels];
                y.fill(0.0);
                for (row, column) in rows.clone().flat_map(|row| columns.clone().map(move |column| (row, column))) {
                    y.iter_mut().zip(x.pixel(picture, row, column)).for_each(|(y, x)| *y += x);
                }
                let share = window.share([oy, ox], x.map.size(), counts_padding);
                y.iter_mut().for_each(|y| *y *= share);
            }
        });
    });
}

/// Computes the gradient of [`avg_pool`], and adds it to what is there if `add`.
pub fn avg_pool_gradient(isa: Isa, dy: Values<'_>, dx: ValuesMut<'_>, window: Window, counts_padding: bool, add: bool) {
    let dx_map = dx.map;
    each_row(dx, |picture, row, dx| {
        isa.vectorised(|| {
            for column in 0..dx_map.width {
                let dx = &mut dx[column * dx_map.stride..][..dx_map.channels];
                if !add {
                    dx.fill(0.0);
                }
                for oy in window.containing(0, row, dy.map.height) {
                    for ox in window.containing(1, column, dy.map.width) {
                        let share = window.share([oy, ox], dx_map.size(), counts_padding);
                        dx.iter_mut().zip(dy.pixel(picture, oy, ox)).for_each(|(dx, dy)| *dx += dy * share);
                    }
                }
            }
        });
    });
}
