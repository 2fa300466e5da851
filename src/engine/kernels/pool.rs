//! Pooling over windows, with PyTorch's conventions for padding, ceil mode and ties.

use super::SharedBytes;
use super::conv::Values;
use super::map::Map;
use super::padding::Padding;
use super::planes::each_row;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Isa, Portable, Simd};

/// How windows slide over a picture: height first, then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
    /// Count a last window that hangs over the edge.
    pub ceil: bool,
}

impl Window {
    /// Whether the padding is nowhere more than half of the kernel, so that every window sees a pixel: PyTorch's rule.
    pub fn sees_pixels(&self) -> bool {
        let fits = |side: [usize; 2]| side.iter().zip(self.kernel).all(|(&padding, kernel)| 2 * padding <= kernel);
        fits(self.padding.before) && fits(self.padding.after)
    }

    /// The number of windows along both axes, or `None` where not one fits.
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

    /// The part of window `index` that lies in the picture along an axis: `start..end`.
    fn inside(&self, axis: usize, index: usize, size: usize) -> (usize, usize) {
        let start = index * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding.before[axis]).min(size);
        (start.saturating_sub(self.padding.before[axis]), end)
    }

    /// The windows that pixel `position` lies in, along an axis with `count` windows.
    fn containing(&self, axis: usize, position: usize, count: usize) -> std::ops::Range<usize> {
        let (k, s, p) = (self.kernel[axis], self.stride[axis], self.padding.before[axis]);
        let past = (position + p) / s + 1;
        let first = (position + p + 1).saturating_sub(k).div_ceil(s);
        first.min(count)..past.min(count)
    }

    /// One over the values of a window, its padding included but not what hangs over it in ceil mode.
    fn share(&self, index: [usize; 2], size: [usize; 2]) -> f32 {
        let length = |axis: usize| {
            let start = index[axis] * self.stride[axis];
            (start + self.kernel[axis]).min(size[axis] + self.padding.both(axis)) - start
        };
        1.0 / (length(0) * length(1)) as f32
    }
}

/// The largest value of each window, and which of its taps (row by row) it is; of equal ones the first.
///
/// # Panics
/// When a window has more than 256 taps or a buffer is too short: an error in this crate, never of its input.
pub fn max_pool(
    isa: Isa,
    n: usize,
    (x, x_map): Values<'_>,
    (y, y_map): (&mut [f32], Map),
    window: Window,
    winners: &mut [u8],
) {
    let channels = y_map.channels;
    let row_len = y_map.width * channels;
    assert!(window.kernel[0] * window.kernel[1] <= 256 && x_map.channels == channels);
    assert!(winners.len() >= n * y_map.height * row_len && x.len() >= x_map.buffer_len(n));
    let places = SharedBytes::new(winners);
    each_row(y, y_map, n, |picture, oy, row| {
        assert!(row.len() >= (y_map.width - 1) * y_map.stride + channels);
        let (top, bottom) = window.inside(0, oy, x_map.height);
        // SAFETY: each row of pixels has its own part of `winners`, which was checked to be long enough.
        let winners = unsafe { places.slice((picture * y_map.height + oy) * row_len, row_len) };
        let mut taps = Vec::with_capacity(window.kernel[0] * window.kernel[1]);
        for ox in 0..y_map.width {
            let (left, right) = window.inside(1, ox, x_map.width);
            taps.clear();
            for (y, x) in (top..bottom).flat_map(|y| (left..right).map(move |x| (y, x))) {
                let ky = y + window.padding.before[0] - oy * window.stride[0];
                let kx = x + window.padding.before[1] - ox * window.stride[1];
                taps.push((x_map.at(picture, y as isize, x as isize), (ky * window.kernel[1] + kx) as f32));
            }
            let (y, winners) = (&mut row[ox * y_map.stride..][..channels], &mut winners[ox * channels..][..channels]);
            // SAFETY: `detect` gave what the processor has; the taps are pixels of x, whose length was checked.
            unsafe {
                match isa {
                    Isa::Portable => largest::<Portable>(x, &taps, y, winners),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => largest_avx2(x, &taps, y, winners),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => largest_avx512(x, &taps, y, winners),
                }
            }
        }
    });
}

/// The largest of the values at `taps`, (place in x, number of the tap), for each channel of a pixel.
#[inline(always)]
unsafe fn largest<S: Simd>(x: &[f32], taps: &[(usize, f32)], y: &mut [f32], winners: &mut [u8]) {
    // SAFETY: the caller's promise: every tap has as many channels as y.
    unsafe {
        for c in (0..y.len()).step_by(S::LANES) {
            let count = y.len() - c;
            let at = |place: usize| S::load_first(x.as_ptr().add(place + c), count);
            let (mut best, mut place) = (at(taps[0].0), S::splat(taps[0].1));
            for &(tap, number) in &taps[1..] {
                S::keep_larger(at(tap), S::splat(number), &mut best, &mut place);
            }
            S::store_first(y.as_mut_ptr().add(c), count, best);
            S::store_bytes(winners.as_mut_ptr().add(c), count, place);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn largest_avx512(x: &[f32], taps: &[(usize, f32)], y: &mut [f32], winners: &mut [u8]) {
    // SAFETY: the caller's promise.
    unsafe { largest::<Avx512>(x, taps, y, winners) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn largest_avx2(x: &[f32], taps: &[(usize, f32)], y: &mut [f32], winners: &mut [u8]) {
    // SAFETY: the caller's promise.
    unsafe { largest::<Avx2>(x, taps, y, winners) }
}

/// A window that a pixel lies in: where its gradient and its winners are, and the pixel's tap.
struct Seen {
    dy: usize,
    winners: usize,
    tap: u8,
}

/// The gradient of [`max_pool`]: each winner takes its window's. `add` adds to what is there; of the sum is kept what
/// `gate` lets through, the clamped x with the upper end of its clamp.
pub fn max_pool_gradient(
    isa: Isa,
    n: usize,
    (dy, dy_map): Values<'_>,
    (dx, dx_map): (&mut [f32], Map),
    (window, winners): (Window, &[u8]),
    (add, gate): (bool, Option<(Values<'_>, f32)>),
) {
    let channels = dx_map.channels;
    assert!(dy_map.channels == channels && dy.len() >= dy_map.buffer_len(n));
    assert!(winners.len() >= n * dy_map.pixels() * channels);
    assert!(gate.is_none_or(|((x, map), _)| map.channels == channels && x.len() >= map.buffer_len(n)));
    each_row(dx, dx_map, n, |picture, row, dx| {
        let mut windows = Vec::new();
        for column in 0..dx_map.width {
            windows.clear();
            for oy in window.containing(0, row, dy_map.height) {
                let ky = row + window.padding.before[0] - oy * window.stride[0];
                for ox in window.containing(1, column, dy_map.width) {
                    let kx = column + window.padding.before[1] - ox * window.stride[1];
                    windows.push(Seen {
                        dy: dy_map.at(picture, oy as isize, ox as isize),
                        winners: ((picture * dy_map.height + oy) * dy_map.width + ox) * channels,
                        tap: (ky * window.kernel[1] + kx) as u8,
                    });
                }
            }
            let gate = gate.map(|((x, map), upper)| (&x[map.at(picture, row as isize, column as isize)..], upper));
            let dx = &mut dx[column * dx_map.stride..][..channels];
            // SAFETY: `detect` gave what the processor has; windows and gate were checked to be inside their buffers.
            unsafe {
                match isa {
                    Isa::Portable => collect::<Portable>((dy, winners), &windows, dx, (add, gate)),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => collect_avx2((dy, winners), &windows, dx, (add, gate)),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => collect_avx512((dy, winners), &windows, dx, (add, gate)),
                }
            }
        }
    });
}

/// The gradients of the windows that each channel of a pixel has won.
#[inline(always)]
unsafe fn collect<S: Simd>(
    (dy, winners): (&[f32], &[u8]),
    windows: &[Seen],
    dx: &mut [f32],
    (add, gate): (bool, Option<(&[f32], f32)>),
) {
    // SAFETY: the caller's promise: windows and gate have as many channels as dx.
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
            if let Some((x, upper)) = gate {
                sum = S::gate(sum, S::load_first(x.as_ptr().add(c), count), S::splat(upper));
            }
            S::store_first(out, count, sum);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn collect_avx512(from: (&[f32], &[u8]), windows: &[Seen], dx: &mut [f32], how: (bool, Option<(&[f32], f32)>)) {
    // SAFETY: the caller's promise.
    unsafe { collect::<Avx512>(from, windows, dx, how) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn collect_avx2(from: (&[f32], &[u8]), windows: &[Seen], dx: &mut [f32], how: (bool, Option<(&[f32], f32)>)) {
    // SAFETY: the caller's promise.
    unsafe { collect::<Avx2>(from, windows, dx, how) }
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
