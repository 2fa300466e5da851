//! Winograd's algorithm transforms stretches of values, on vectors of channels.
//!
//! For a filter g of three taps and a stretch d of the input, the outputs are `Aᵀ[(G·g) ⊙ (Bᵀ·d)]`; with the outputs'
//! gradient y, that of the filter is `Gᵀ[(A·y) ⊙ (Bᵀ·d)]`.

use super::super::simd::Simd;

pub const MAX_SIDE: usize = 6;
pub const MAX_TILE: usize = MAX_SIDE * MAX_SIDE;

/// A stretch holds values along an axis; only the first of them count where fewer are needed.
pub type Stretch<S> = [<S as Simd>::Vector; MAX_SIDE];

/// This is an algorithm for stretches of `OUT` outputs, with the matrices of Lavin & Gray, Fast Algorithms for
/// Convolutional Neural Networks, 2015 (arXiv 1509.09308), section 4.
///
/// # Safety
/// All methods may only run on a processor that has the instructions of `S`.
pub trait Points {
    const OUT: usize;
    /// The number of inputs under the stretch, and of products.
    const SIDE: usize = Self::OUT + 2;

    /// Computes `Bᵀ·d`.
    unsafe fn input<S: Simd>(d: Stretch<S>) -> Stretch<S>;
    /// Computes `Aᵀ·m`.
    unsafe fn output<S: Simd>(m: Stretch<S>) -> Stretch<S>;
    /// Computes `A·y`.
    unsafe fn spread<S: Simd>(y: Stretch<S>) -> Stretch<S>;
    /// Computes `G·g`.
    unsafe fn filter<S: Simd>(g: Stretch<S>) -> Stretch<S>;
    /// Computes `Gᵀ·u`.
    unsafe fn unfilter<S: Simd>(u: Stretch<S>) -> Stretch<S>;
}

/// Computes `factor · a + b`.
#[inline(always)]
unsafe fn add<S: Simd>(factor: f32, a: S::Vector, b: S::Vector) -> S::Vector {
    // SAFETY: the contract of `Points`, whose methods alone call this.
    unsafe { S::multiply_add(S::splat(factor), a, b) }
}

#[inline(always)]
unsafe fn scale<S: Simd>(factor: f32, a: S::Vector) -> S::Vector {
    // SAFETY: the contract of `Points`, whose methods alone call this.
    unsafe { S::multiply_add(S::splat(factor), a, S::splat(0.0)) }
}

/// F(2, 3) takes four products for two outputs, through the points 0, 1, −1, ∞.
pub struct Two;

// SAFETY (all methods): the contract of `Points`: the processor has the instructions of `S`; no pointer is used.
impl Points for Two {
    const OUT: usize = 2;

    #[inline(always)]
    unsafe fn input<S: Simd>([d0, d1, d2, d3, e, f]: Stretch<S>) -> Stretch<S> {
        unsafe { [add::<S>(-1.0, d2, d0), S::add(d1, d2), add::<S>(-1.0, d1, d2), add::<S>(-1.0, d3, d1), e, f] }
    }
    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3, e, f]: Stretch<S>) -> Stretch<S> {
        unsafe { [S::add(m0, S::add(m1, m2)), add::<S>(-1.0, m3, add::<S>(-1.0, m2, m1)), m2, m3, e, f] }
    }
    #[inline(always)]
    unsafe fn spread<S: Simd>([y0, y1, _, _, e, f]: Stretch<S>) -> Stretch<S> {
        unsafe { [y0, S::add(y0, y1), add::<S>(-1.0, y1, y0), scale::<S>(-1.0, y1), e, f] }
    }
    #[inline(always)]
    unsafe fn filter<S: Simd>([g0, g1, g2, _, e, f]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let even = scale::<S>(0.5, S::add(g0, g2));
            [g0, add::<S>(0.5, g1, even), add::<S>(-0.5, g1, even), g2, e, f]
        }
    }
    #[inline(always)]
    unsafe fn unfilter<S: Simd>([u0, u1, u2, u3, e, f]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let sum = S::add(u1, u2);
            [add::<S>(0.5, sum, u0), scale::<S>(0.5, add::<S>(-1.0, u2, u1)), add::<S>(0.5, sum, u3), u3, e, f]
        }
    }
}

/// F(4, 3) takes six products for four outputs, through the points 0, ±1, ±2, ∞.
pub struct Four;

// SAFETY (all methods): the contract of `Points`: the processor has the instructions of `S`; no pointer is used.
impl Points for Four {
    const OUT: usize = 4;

    #[inline(always)]
    unsafe fn input<S: Simd>([d0, d1, d2, d3, d4, d5]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let (a, b) = (add::<S>(-4.0, d2, d4), add::<S>(-4.0, d1, d3));
            let (c, d) = (add::<S>(-1.0, d2, d4), add::<S>(-1.0, d1, d3));
            [
                add::<S>(4.0, d0, add::<S>(-5.0, d2, d4)),
                S::add(a, b),
                add::<S>(-1.0, b, a),
                add::<S>(2.0, d, c),
                add::<S>(-2.0, d, c),
                add::<S>(4.0, d1, add::<S>(-5.0, d3, d5)),
            ]
        }
    }
    #[inline(always)]
    unsafe fn output<S: Simd>([m0, m1, m2, m3, m4, m5]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let (a, b) = (S::add(m1, m2), add::<S>(-1.0, m2, m1));
            let (c, d) = (S::add(m3, m4), add::<S>(-1.0, m4, m3));
            let first = S::add(m0, S::add(a, c));
            [first, add::<S>(2.0, d, b), add::<S>(4.0, c, a), S::add(add::<S>(8.0, d, b), m5), m4, m5]
        }
    }
    #[inline(always)]
    unsafe fn spread<S: Simd>([y0, y1, y2, y3, _, _]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let (a, b) = (S::add(y0, y2), S::add(y1, y3));
            let (c, d) = (add::<S>(4.0, y2, y0), add::<S>(4.0, y3, y1));
            [y0, S::add(a, b), add::<S>(-1.0, b, a), add::<S>(2.0, d, c), add::<S>(-2.0, d, c), y3]
        }
    }
    #[inline(always)]
    unsafe fn filter<S: Simd>([g0, g1, g2, _, _, _]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let a = scale::<S>(-1.0 / 6.0, S::add(g0, g2));
            let b = add::<S>(1.0 / 24.0, g0, scale::<S>(1.0 / 6.0, g2));
            [
                scale::<S>(0.25, g0),
                add::<S>(-1.0 / 6.0, g1, a),
                add::<S>(1.0 / 6.0, g1, a),
                add::<S>(1.0 / 12.0, g1, b),
                add::<S>(-1.0 / 12.0, g1, b),
                g2,
            ]
        }
    }
    #[inline(always)]
    unsafe fn unfilter<S: Simd>([u0, u1, u2, u3, u4, u5]: Stretch<S>) -> Stretch<S> {
        unsafe {
            let (a, c) = (scale::<S>(-1.0 / 6.0, S::add(u1, u2)), S::add(u3, u4));
            let b = scale::<S>(1.0 / 6.0, add::<S>(-1.0, u1, u2));
            [
                add::<S>(0.25, u0, add::<S>(1.0 / 24.0, c, a)),
                add::<S>(1.0 / 12.0, add::<S>(-1.0, u4, u3), b),
                S::add(add::<S>(1.0 / 6.0, c, a), u5),
                u3,
                u4,
                u5,
            ]
        }
    }
}

/// The transforms are constants of generic functions: a closure might not be inlined in both loops.
pub const INPUT: u8 = 0;
pub const OUTPUT: u8 = 1;
pub const SPREAD: u8 = 2;
pub const FILTER: u8 = 3;
pub const UNFILTER: u8 = 4;

/// # Safety
/// The processor has the instructions of `S`.
#[inline(always)]
pub unsafe fn along<S: Simd, P: Points, const KIND: u8>(values: Stretch<S>) -> Stretch<S> {
    // SAFETY: the contract of `Points` is that of this function.
    unsafe {
        match KIND {
            INPUT => P::input::<S>(values),
            OUTPUT => P::output::<S>(values),
            SPREAD => P::spread::<S>(values),
            FILTER => P::filter::<S>(values),
            _ => P::unfilter::<S>(values),
        }
    }
}
