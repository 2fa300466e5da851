//! Tiles of channels in and out of Winograd's domain, on every instruction set.

#[cfg(target_arch = "x86_64")]
use super::super::simd::{Avx2, Avx512};
use super::super::simd::{Isa, Portable, Simd};
use super::super::tile::{Finish, PANEL, put};
use super::Size;
use super::points::{FILTER, Four, INPUT, MAX_TILE, OUTPUT, Points, SPREAD, Two, UNFILTER, both_axes};

/// The taps of a filter.
pub const TAPS: usize = 9;

/// The pixels of an output tile, and what happens to them; null where a pixel lies outside of the picture.
pub struct Pixels {
    pub to: [*mut f32; MAX_TILE],
    /// Null for none.
    pub add: [*const f32; MAX_TILE],
    pub gate: [*const f32; MAX_TILE],
    /// Null for none.
    pub bias: *const f32,
    pub finish: Finish,
}

/// Declares a function that runs a generic one with the instructions and the algorithm that are asked for.
macro_rules! on_every_isa {
    ($(#[$doc:meta])* $name:ident = $generic:ident($($argument:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub unsafe fn $name((isa, size): (Isa, Size), $($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            unsafe fn avx512(size: Size, $($argument: $type),*) {
                // SAFETY: the caller's promise.
                unsafe { match size {
                    Size::Two => $generic::<Avx512, Two>($($argument),*),
                    Size::Four => $generic::<Avx512, Four>($($argument),*),
                } }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2(size: Size, $($argument: $type),*) {
                // SAFETY: the caller's promise.
                unsafe { match size {
                    Size::Two => $generic::<Avx2, Two>($($argument),*),
                    Size::Four => $generic::<Avx2, Four>($($argument),*),
                } }
            }
            // SAFETY: the caller's promise; `detect` gave what the processor has.
            unsafe { match (isa, size) {
                (Isa::Portable, Size::Two) => $generic::<Portable, Two>($($argument),*),
                (Isa::Portable, Size::Four) => $generic::<Portable, Four>($($argument),*),
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx2, _) => avx2(size, $($argument),*),
                #[cfg(target_arch = "x86_64")]
                (Isa::Avx512, _) => avx512(size, $($argument),*),
            } }
        }
    };
}

on_every_isa! {
    /// `Bᵀ·d·B` of the channels of an input tile: product k goes to `to + k·step`.
    ///
    /// # Safety
    /// `channels` values are readable at every pixel of the tile, row by row, and writable at every product.
    input = input_tile(pixels: &[*const f32; MAX_TILE], channels: usize, to: *mut f32, step: usize)
}

on_every_isa! {
    /// `A·y·Aᵀ` of the channels of the gradient of an output tile: product k goes to `to + k·step`.
    ///
    /// # Safety
    /// As for [`input`].
    spread = spread_tile(pixels: &[*const f32; MAX_TILE], channels: usize, to: *mut f32, step: usize)
}

on_every_isa! {
    /// `Aᵀ·m·A` of up to a panel of channels, product k being at `from + k·step`, finished and stored.
    ///
    /// # Safety
    /// A whole panel is readable at every product; `channels` values are at every pointer of `pixels` that is not null.
    output = output_tile(from: *const f32, step: usize, channels: usize, pixels: &Pixels)
}

on_every_isa! {
    /// `G·g·Gᵀ` of a panel of filters for each of `inputs`: from (taps, inputs, panel), in turned order of the taps if
    /// `turned`, to (products, inputs, panel).
    ///
    /// # Safety
    /// All of both is readable and writable.
    filter = filter_panel(from: *const f32, to: *mut f32, inputs: usize, turned: bool)
}

on_every_isa! {
    /// `Gᵀ·u·G`, the way back from [`filter`]: from (products at `step`, inputs, panel) to (taps, inputs, panel), added to
    /// what is there if `add`.
    ///
    /// # Safety
    /// All of both is readable and writable.
    unfilter = unfilter_panel(from: *const f32, step: usize, to: *mut f32, inputs: usize, add: bool)
}

#[inline(always)]
unsafe fn input_tile<S: Simd, P: Points>(pixels: &[*const f32; MAX_TILE], channels: usize, to: *mut f32, step: usize) {
    // SAFETY: the caller's promise.
    unsafe { gather::<S, P, INPUT>((P::SIDE, pixels), channels, (to, step)) }
}

#[inline(always)]
unsafe fn spread_tile<S: Simd, P: Points>(pixels: &[*const f32; MAX_TILE], channels: usize, to: *mut f32, step: usize) {
    // SAFETY: the caller's promise.
    unsafe { gather::<S, P, SPREAD>((P::OUT, pixels), channels, (to, step)) }
}

#[inline(always)]
unsafe fn gather<S: Simd, P: Points, const TRANSFORM: u8>(
    (side, pixels): (usize, &[*const f32; MAX_TILE]),
    channels: usize,
    (to, step): (*mut f32, usize),
) {
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..channels).step_by(S::LANES) {
            let count = channels - first;
            both_axes::<S, P, TRANSFORM>(
                |row, column| S::load_first(pixels[row * side + column].add(first), count),
                |row, column, value| S::store_first(to.add((row * P::SIDE + column) * step + first), count, value),
            );
        }
    }
}

#[inline(always)]
unsafe fn output_tile<S: Simd, P: Points>(from: *const f32, step: usize, channels: usize, pixels: &Pixels) {
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..channels).step_by(S::LANES) {
            let count = channels - first;
            let bias = if pixels.bias.is_null() { S::splat(0.0) } else { S::load_first(pixels.bias.add(first), count) };
            both_axes::<S, P, OUTPUT>(
                |row, column| S::load(from.add((row * P::SIDE + column) * step + first)),
                |row, column, value| {
                    let pixel = row * P::OUT + column;
                    if pixels.to[pixel].is_null() {
                        return;
                    }
                    let beside = |from: *const f32| if from.is_null() { from } else { from.add(first) };
                    let (add, gate) = (beside(pixels.add[pixel]), beside(pixels.gate[pixel]));
                    let to = pixels.to[pixel].add(first);
                    put::<S>((to, count), S::add(value, bias), add, (pixels.finish, gate));
                },
            );
        }
    }
}

#[inline(always)]
unsafe fn filter_panel<S: Simd, P: Points>(from: *const f32, to: *mut f32, inputs: usize, turned: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        for at in (0..inputs * PANEL).step_by(S::LANES) {
            both_axes::<S, P, FILTER>(
                |row, column| {
                    let tap = row * 3 + column;
                    let tap = if turned { TAPS - 1 - tap } else { tap };
                    S::load(from.add(tap * inputs * PANEL + at))
                },
                |row, column, value| {
                    S::store_first(to.add((row * P::SIDE + column) * inputs * PANEL + at), S::LANES, value);
                },
            );
        }
    }
}

#[inline(always)]
unsafe fn unfilter_panel<S: Simd, P: Points>(from: *const f32, step: usize, to: *mut f32, inputs: usize, add: bool) {
    // SAFETY: the caller's promise.
    unsafe {
        for at in (0..inputs * PANEL).step_by(S::LANES) {
            both_axes::<S, P, UNFILTER>(
                |row, column| S::load(from.add((row * P::SIDE + column) * step + at)),
                |row, column, value| {
                    let to = to.add((row * 3 + column) * inputs * PANEL + at);
                    S::store_first(to, S::LANES, if add { S::add(value, S::load(to)) } else { value });
                },
            );
        }
    }
}
