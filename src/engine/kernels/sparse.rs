//! Behind the clamp of a convolution may stand a max pool, behind a fully connected layer a maxout. Of the gradients of
//! a window or a unit at most one is then not zero: they are gone through one by one, in place of all.

use rayon::prelude::*;

use super::conv::Conv;
use super::pool::Window;
use super::simd::{Isa, Simd, Vectorised};
use super::tile::PANEL;
use super::values::{ConvGradient, Map, PictureBand, Values, ValuesMut};

/// A gradient that is not zero belongs to a window that begins here in the input.
#[derive(Clone, Copy, Debug, Default)]
struct WindowGradient {
    window: u32,
    value: f32,
}

/// Only the gradients of a convolution's outputs that are not zero are kept.
#[derive(Debug, Default)]
pub struct SparseGradient {
    /// There are as many places for every picture and channel as the pool has windows.
    entries: Vec<WindowGradient>,
    counts: Vec<u32>,
    capacity: usize,
    outputs: usize,
    /// These are the gradients of the weights, (outputs, depth).
    sums: Vec<f32>,
}

/// A max pool hands this back.
#[derive(Clone, Copy)]
pub struct PoolGradient<'a> {
    pub window: Window,
    pub winners: &'a [u8],
    pub y: Values<'a>,
    /// The upper end of the clamp before the pool.
    pub clamp: Option<f32>,
    pub dy: Values<'a>,
}

/// A maxout hands this back.
#[derive(Clone, Copy)]
pub struct MaxoutGradient<'a> {
    pub pieces: usize,
    pub winners: &'a [u8],
    pub dy: Values<'a>,
}

/// The sums of at most this many vectors are kept in registers at a time.
const MAX_VECTORS: usize = 16;
/// The pictures of a batch are split into this many parts for the gradient of their pixels.
const INPUT_PARTS: usize = 8;
/// Going through the entries one by one pays where a row of the kernel has at least this many values.
const MIN_ROW: usize = 32;

impl Conv {
    /// Tells whether going through the winners of a pool is worth it: few of many outputs, and rows of the kernel
    /// that lie together in the input.
    pub fn is_sparse_behind(&self, x: Map, y: Map, pooled: Map) -> bool {
        let few = 3 * pooled.pixels() <= y.pixels();
        self.groups == 1 && !self.is_dilated() && x.is_whole() && few && self.kernel[0] > 1 && self.row_len() >= MIN_ROW
    }

    fn row_len(&self) -> usize {
        self.kernel[1] * self.inputs
    }

    /// Copies packed weights as (outputs, depth), for [`SparseGradient::input`].
    pub fn unpack_rows(&self, weights: &[f32], rows: &mut Vec<f32>) {
        let depth = self.kernel[0] * self.row_len();
        rows.resize(self.outputs * depth, 0.0);
        rows.par_chunks_exact_mut(depth).enumerate().for_each(|(o, row)| {
            let panel = &weights[o / PANEL * depth * PANEL + o % PANEL..];
            row.iter_mut().zip(panel.iter().step_by(PANEL)).for_each(|(to, from)| *to = *from);
        });
    }
}

impl SparseGradient {
    /// Notes the gradients that come through the pool and the clamp, for a convolution of `x`.
    pub fn collect(&mut self, conv: &Conv, x: Map, pool: PoolGradient<'_>) {
        let (pooled, n) = (pool.dy.map, pool.dy.n);
        (self.capacity, self.outputs) = (pooled.pixels(), conv.outputs);
        self.entries.resize(n * self.outputs * self.capacity, WindowGradient::default());
        self.counts.resize(n * self.outputs, 0);
        assert!(x.buffer_len(n) <= u32::MAX as usize, "a batch too large for short offsets");
        // The taps of a window as steps in the input.
        let (kw, stride) = (pool.window.kernel[1], pool.window.stride);
        let taps: Vec<u32> = (0..pool.window.kernel[0] * kw)
            .map(|tap| (tap / kw * conv.stride[0] * x.row() + tap % kw * conv.stride[1] * x.stride) as u32)
            .collect();
        let upper = pool.clamp.unwrap_or(f32::INFINITY);
        let lists = self.entries.par_chunks_exact_mut(self.outputs * self.capacity);
        lists.zip(self.counts.par_chunks_exact_mut(self.outputs)).enumerate().take(n).for_each(
            |(picture, (lists, counts))| {
                counts.fill(0);
                for pixel in 0..pooled.pixels() {
                    let [oy, ox] = [pixel / pooled.width, pixel % pooled.width];
                    // The window's first tap may lie in the padding of the pool: only sums with a tap are places.
                    let first = |index: usize, axis: usize| {
                        let position = (index * stride[axis]) as isize - pool.window.padding.before[axis] as isize;
                        position * conv.stride[axis] as isize - conv.padding.before[axis] as isize + x.halo as isize
                    };
                    let start = picture as isize * x.picture() as isize
                        + first(oy, 0) * x.row() as isize
                        + first(ox, 1) * x.stride as isize
                        + x.first as isize;
                    let dy = &pool.dy.pixel(picture, oy, ox)[..self.outputs];
                    let largest = &pool.y.pixel(picture, oy, ox)[..self.outputs];
                    let winners = &pool.winners[(picture * pooled.pixels() + pixel) * self.outputs..][..self.outputs];
                    for (c, ((&value, &largest), &winner)) in dy.iter().zip(largest).zip(winners).enumerate() {
                        let open = pool.clamp.is_none() || (largest > 0.0 && largest < upper);
                        let window = (start + taps[usize::from(winner)] as isize) as u32;
                        lists[c * self.capacity + counts[c] as usize] = WindowGradient { window, value };
                        // Overwritten by the next one when it is zero.
                        counts[c] += u32::from(open && value != 0.0);
                    }
                }
            },
        );
    }

    fn list(&self, picture: usize, channel: usize) -> &[WindowGradient] {
        let list = picture * self.outputs + channel;
        &self.entries[list * self.capacity..][..self.counts[list] as usize]
    }

    /// Writes the gradients of the weights and of the bias, or adds them to what is there.
    pub fn weights(&mut self, isa: Isa, conv: &Conv, x: Values<'_>, to: ConvGradient<'_>) {
        let n = x.n;
        let (rows, len) = (conv.kernel[0], conv.row_len());
        let depth = rows * len;
        let mut sums = std::mem::take(&mut self.sums);
        sums.clear();
        sums.resize(self.outputs * depth, 0.0);
        assert!(x.fits());
        let this = &*self;
        sums.par_chunks_mut(PANEL / 2 * depth).enumerate().for_each(|(part, sums)| {
            for picture in 0..n {
                for (o, sums) in sums.chunks_exact_mut(depth).enumerate() {
                    let list = this.list(picture, part * PANEL / 2 + o);
                    for (row, sums) in sums.chunks_exact_mut(len).enumerate() {
                        gather(isa, &x.data[row * x.map.row()..], list, sums);
                    }
                }
            }
        });
        for (o, sums) in sums.chunks_exact(depth).enumerate() {
            let panel = to.weights[o / PANEL * depth * PANEL + o % PANEL..].iter_mut().step_by(PANEL);
            panel.zip(sums).for_each(|(dw, sum)| *dw = if to.add { *dw + sum } else { *sum });
        }
        for (o, db) in to.bias.iter_mut().enumerate() {
            let sum = (0..n).flat_map(|picture| self.list(picture, o)).map(|entry| entry.value).sum::<f32>();
            *db = if to.add { *db + sum } else { sum };
        }
        self.sums = sums;
    }

    /// Writes the gradient of the input, which is a whole buffer. `rows` are the weights of [`Conv::unpack_rows`].
    pub fn input(&self, isa: Isa, conv: &Conv, rows: &[f32], dx: ValuesMut<'_>) {
        let (len, map) = (conv.row_len(), dx.map);
        dx.bands().for_each(|PictureBand { picture, first_row, data: dx }| {
            let first = picture * map.picture() + first_row * map.row();
            dx.fill(0.0);
            for o in 0..self.outputs {
                for ky in 0..conv.kernel[0] {
                    let weights = &rows[(o * conv.kernel[0] + ky) * len..][..len];
                    scatter(isa, weights, self.list(picture, o), (ky * map.row()).wrapping_sub(first), dx);
                }
            }
            clear_border(dx, first_row, map);
        });
    }
}

impl Conv {
    /// Writes the gradient of the input of a fully connected layer before a maxout, which is a whole buffer. `rows`
    /// are the weights of [`Self::unpack_rows`].
    pub fn maxout_input_gradient(&self, isa: Isa, maxout: MaxoutGradient<'_>, rows: &[f32], dx: ValuesMut<'_>) {
        let MaxoutGradient { pieces, winners, dy } = maxout;
        let (depth, units, n) = (self.inputs, dy.map.channels, dx.n);
        assert!(units * pieces == self.outputs && dx.map.picture() == depth && rows.len() == self.outputs * depth);
        // Several pictures share each row of weights while it is near.
        let pictures = n.div_ceil(INPUT_PARTS).max(1);
        dx.data[..n * depth].par_chunks_mut(pictures * depth).enumerate().for_each(|(part, dx)| {
            dx.fill(0.0);
            let mut lists = vec![Vec::new(); pieces];
            for unit in 0..units {
                lists.iter_mut().for_each(Vec::clear);
                for picture in 0..dx.len() / depth {
                    let at = part * pictures + picture;
                    let value = dy.pixel(at, 0, 0)[unit];
                    let window = (picture * depth) as u32;
                    lists[usize::from(winners[at * units + unit])].push(WindowGradient { window, value });
                }
                for (piece, list) in lists.iter().enumerate() {
                    let weights = &rows[(unit * pieces + piece) * depth..][..depth];
                    scatter(isa, weights, list, 0, dx);
                }
            }
        });
    }
}

/// Zeroes what fell into the border of a band.
fn clear_border(band: &mut [f32], first_row: usize, map: Map) {
    let edge = map.halo * map.stride;
    for (i, row) in band.chunks_mut(map.row()).enumerate() {
        if (map.halo..map.halo + map.height).contains(&(first_row + i)) {
            let len = row.len();
            row[..edge].fill(0.0);
            row[len - edge..].fill(0.0);
        } else {
            row.fill(0.0);
        }
    }
}

/// Calls `Self::block` with the number of vectors as a constant.
macro_rules! by_vectors {
    ($simd:ty, $count:expr, $arguments:tt; $($v:literal)*) => {
        match $count {
            $($v => Self::block::<$simd, $v> $arguments,)*
            count => unreachable!("{count} vectors"),
        }
    };
}

/// This takes the sums `sums[i] += Σ value · x[window + i]` over a list. Every window lies inside x.
struct Gather<'a> {
    x: &'a [f32],
    list: &'a [WindowGradient],
    sums: &'a mut [f32],
}

impl Gather<'_> {
    /// # Safety
    /// The processor has the instructions of `S`; `count` values, the last of them in vector `V`, are valid at `sums`,
    /// and from `x` at every entry of the list.
    #[inline(always)]
    unsafe fn block<S: Simd, const V: usize>(x: *const f32, list: &[WindowGradient], sums: *mut f32, count: usize) {
        // SAFETY: the contract of `Simd`, whose pointers this function's own covers.
        unsafe {
            let tail = count - (V - 1) * S::LANES;
            let part = |from: *const f32, v: usize| {
                if v + 1 < V { S::load(from.add(v * S::LANES)) } else { S::load_first(from.add(v * S::LANES), tail) }
            };
            let mut total: [S::Vector; V] = std::array::from_fn(|v| part(sums, v));
            for entry in list {
                let (from, value) = (x.add(entry.window as usize), S::splat(entry.value));
                for (v, total) in total.iter_mut().enumerate() {
                    *total = S::multiply_add(part(from, v), value, *total);
                }
            }
            for (v, total) in total.into_iter().enumerate() {
                let count = if v + 1 < V { S::LANES } else { tail };
                S::store_first(sums.add(v * S::LANES), count, total);
            }
        }
    }
}

impl Vectorised for Gather<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { x, list, sums } = self;
        for (i, sums) in sums.chunks_mut(MAX_VECTORS * S::LANES).enumerate() {
            let (x, count) = (x.as_ptr().wrapping_add(i * MAX_VECTORS * S::LANES), sums.len());
            // SAFETY: the contract of `block`: every window lies inside x, so a part of it does.
            unsafe {
                by_vectors!(S, count.div_ceil(S::LANES), (x, list, sums.as_mut_ptr(), count);
                    1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
            }
        }
    }
}

fn gather(isa: Isa, x: &[f32], list: &[WindowGradient], sums: &mut [f32]) {
    assert!(list.iter().all(|entry| entry.window as usize + sums.len() <= x.len()), "a window outside of its picture");
    // SAFETY: the contract of `Isa::run`, what `Gather` asks of its fields: every window lies inside x, as asserted.
    unsafe { isa.run(Gather { x, list, sums }) }
}

/// This takes the sums `dx[window + shift + i] += value · weights[i]` for a list, where they lie in `dx`.
struct Scatter<'a> {
    weights: &'a [f32],
    list: &'a [WindowGradient],
    shift: usize,
    dx: &'a mut [f32],
}

impl Vectorised for Scatter<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { weights, list, shift, dx } = self;
        for entry in list {
            let to = (entry.window as usize).wrapping_add(shift);
            if to >= dx.len() {
                continue;
            }
            let dx = &mut dx[to..][..weights.len()];
            // SAFETY: the contract of `Simd`: `dx` is as long as the weights, of which `count` values are left at `i`.
            unsafe {
                let value = S::splat(entry.value);
                for i in (0..dx.len()).step_by(S::LANES) {
                    let (count, to) = (dx.len() - i, dx.as_mut_ptr().add(i));
                    let weights = S::load_first(weights.as_ptr().add(i), count);
                    S::store_first(to, count, S::multiply_add(weights, value, S::load_first(to, count)));
                }
            }
        }
    }
}

fn scatter(isa: Isa, weights: &[f32], list: &[WindowGradient], shift: usize, dx: &mut [f32]) {
    // SAFETY: the contract of `Isa::run`: `Scatter` asks nothing of its fields.
    unsafe { isa.run(Scatter { weights, list, shift, dx }) }
}
