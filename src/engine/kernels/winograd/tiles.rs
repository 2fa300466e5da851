//! Tiles of channels in and out of Winograd's domain, on every instruction set. Each of the loops below is run by
//! [`super::Winograd::run`] with the algorithm that was chosen.

use super::super::simd::Simd;
use super::super::tile::{Beside, Finish, PANEL};
use super::points::{FILTER, MAX_TILE, OUTPUT, Points, UNFILTER, both_axes};
pub use super::points::{INPUT, SPREAD};

/// The number of taps of a filter.
pub const TAPS: usize = 9;

/// A loop that is written once, for every instruction set and both sizes of tiles.
pub trait Transform {
    /// Runs the loop. Implementations are always inlined, so that it is compiled with the instructions of its caller.
    ///
    /// # Safety
    /// The processor has the instructions of `S`, and what the implementor asks of its fields holds.
    unsafe fn run<S: Simd, P: Points>(self);
}

/// The places of the products of a tile or a filter in the domain: product k lies at `first + k·step`.
#[derive(Clone, Copy)]
pub struct Products<T> {
    pub first: T,
    pub step: usize,
}

impl<T> Products<T> {
    /// Returns how far the product of a row and a column lies from the first.
    #[inline(always)]
    fn offset<P: Points>(&self, row: usize, column: usize) -> usize {
        (row * P::SIDE + column) * self.step
    }
}

/// Brings the channels of a tile into the domain: of the input with [`INPUT`], `Bᵀ·d·B`, of the gradient of the output
/// with [`SPREAD`], `A·y·Aᵀ`. `channels` values are readable at every pixel of the tile, row by row, and writable at
/// every product.
pub struct Enter<'a, const TRANSFORM: u8> {
    pub pixels: &'a [*const f32; MAX_TILE],
    pub channels: usize,
    pub to: Products<*mut f32>,
}

impl<const TRANSFORM: u8> Transform for Enter<'_, TRANSFORM> {
    #[inline(always)]
    unsafe fn run<S: Simd, P: Points>(self) {
        let Self { pixels, channels, to } = self;
        let side = if TRANSFORM == INPUT { P::SIDE } else { P::OUT };
        // SAFETY: the contract of `Simd`: what the fields promise, from channel `first` on for those left.
        unsafe {
            for first in (0..channels).step_by(S::LANES) {
                let count = channels - first;
                both_axes::<S, P, TRANSFORM>(
                    |row, column| S::load_first(pixels[row * side + column].add(first), count),
                    |row, column, value| {
                        S::store_first(to.first.add(to.offset::<P>(row, column) + first), count, value);
                    },
                );
            }
        }
    }
}

/// The pixels of an output tile, and what happens to them.
pub struct Pixels {
    /// Null where a pixel lies outside of the picture.
    pub to: [*mut f32; MAX_TILE],
    /// Null for none.
    pub add: [*const f32; MAX_TILE],
    pub gate: [*const f32; MAX_TILE],
    /// Null for none.
    pub bias: *const f32,
    pub finish: Finish,
}

/// Brings up to a panel of channels back: `Aᵀ·m·A`, finished and stored. A whole panel is readable at every product;
/// `channels` values are at every pointer of `pixels` that is not null.
pub struct Output<'a> {
    pub from: Products<*const f32>,
    pub channels: usize,
    pub pixels: &'a Pixels,
}

impl Transform for Output<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd, P: Points>(self) {
        let Self { from, channels, pixels } = self;
        // SAFETY: the contracts of `Simd` and `Beside::put`: what the fields promise, from channel `first` on for
        // those left.
        unsafe {
            for first in (0..channels).step_by(S::LANES) {
                let count = channels - first;
                let bias =
                    if pixels.bias.is_null() { S::splat(0.0) } else { S::load_first(pixels.bias.add(first), count) };
                both_axes::<S, P, OUTPUT>(
                    |row, column| S::load(from.first.add(from.offset::<P>(row, column) + first)),
                    |row, column, value| {
                        let pixel = row * P::OUT + column;
                        if pixels.to[pixel].is_null() {
                            return;
                        }
                        let beside = |from: *const f32| if from.is_null() { from } else { from.add(first) };
                        let (add, gate) = (beside(pixels.add[pixel]), beside(pixels.gate[pixel]));
                        let beside = Beside { add, gate, finish: pixels.finish };
                        beside.put::<S>(S::add(value, bias), pixels.to[pixel].add(first), count);
                    },
                );
            }
        }
    }
}

/// Brings a panel of filters for each of `inputs` into the domain: `G·g·Gᵀ`, from (taps, inputs, panel), in turned
/// order of the taps if `turned`, to (products, inputs, panel). All of both is readable and writable.
pub struct Filter {
    pub from: *const f32,
    pub to: *mut f32,
    pub inputs: usize,
    pub turned: bool,
}

impl Transform for Filter {
    #[inline(always)]
    unsafe fn run<S: Simd, P: Points>(self) {
        let len = self.inputs * PANEL;
        let to = Products { first: self.to, step: len };
        // SAFETY: the contract of `Simd`: what the fields promise, one vector of the panels at a time.
        unsafe {
            for at in (0..len).step_by(S::LANES) {
                both_axes::<S, P, FILTER>(
                    |row, column| {
                        let tap = row * 3 + column;
                        let tap = if self.turned { TAPS - 1 - tap } else { tap };
                        S::load(self.from.add(tap * len + at))
                    },
                    |row, column, value| {
                        S::store_first(to.first.add(to.offset::<P>(row, column) + at), S::LANES, value);
                    },
                );
            }
        }
    }
}

/// Goes the way back from [`Filter`], for gradients: `Gᵀ·u·G`, from (products, inputs, panel) to (taps, inputs,
/// panel), added to what is there if `add`. All of both is readable and writable.
pub struct Unfilter {
    pub from: Products<*const f32>,
    pub to: *mut f32,
    pub inputs: usize,
    pub add: bool,
}

impl Transform for Unfilter {
    #[inline(always)]
    unsafe fn run<S: Simd, P: Points>(self) {
        let len = self.inputs * PANEL;
        // SAFETY: the contract of `Simd`: what the fields promise, one vector of the panels at a time.
        unsafe {
            for at in (0..len).step_by(S::LANES) {
                both_axes::<S, P, UNFILTER>(
                    |row, column| S::load(self.from.first.add(self.from.offset::<P>(row, column) + at)),
                    |row, column, value| {
                        let to = self.to.add((row * 3 + column) * len + at);
                        S::store_first(to, S::LANES, if self.add { S::add(value, S::load(to)) } else { value });
                    },
                );
            }
        }
    }
}
