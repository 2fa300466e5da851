//! The vectors of WebAssembly. A program is compiled with them or without: there is nothing to ask at run time.

use std::arch::wasm32::*;

use super::Simd;

/// This stands for WebAssembly's vectors of 128 bits.
#[derive(Clone, Copy)]
pub struct Simd128;

// SAFETY (all methods): the contract of `Simd` for the pointers; the whole program is compiled for the instructions.
impl Simd for Simd128 {
    type Vector = v128;
    const LANES: usize = 4;
    // A browser has 16 registers on most processors.
    const ROWS: usize = 6;
    type Quad = *const f32;

    #[inline(always)]
    unsafe fn splat(value: f32) -> v128 {
        f32x4_splat(value)
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> v128 {
        unsafe { v128_load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> v128 {
        unsafe {
            let mut lanes = [0.0f32; 4];
            for (lane, value) in lanes.iter_mut().enumerate().take(count) {
                *value = *from.add(lane);
            }
            v128_load(lanes.as_ptr().cast())
        }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: v128) {
        unsafe { v128_store(to.cast(), value) }
    }
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, count: usize, value: v128) {
        unsafe {
            let mut lanes = [0.0f32; 4];
            v128_store(lanes.as_mut_ptr().cast(), value);
            for (lane, value) in lanes.into_iter().enumerate().take(count) {
                *to.add(lane) = value;
            }
        }
    }
    /// Browsers with the relaxed instructions round once, as processors do, or twice.
    #[inline(always)]
    unsafe fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
        #[cfg(target_feature = "relaxed-simd")]
        return f32x4_relaxed_madd(a, b, c);
        #[cfg(not(target_feature = "relaxed-simd"))]
        f32x4_add(f32x4_mul(a, b), c)
    }
    #[inline(always)]
    unsafe fn load_quad(from: *const f32) -> *const f32 {
        from
    }
    #[inline(always)]
    unsafe fn multiply_nth_add(quad: *const f32, i: usize, b: v128, c: v128) -> v128 {
        unsafe { Self::multiply_add(Self::splat(*quad.add(i)), b, c) }
    }
    #[inline(always)]
    unsafe fn add(a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }
    #[inline(always)]
    unsafe fn clamp(value: v128, upper: v128) -> v128 {
        // These return the first operand where either is NaN.
        f32x4_pmin(f32x4_pmax(value, f32x4_splat(0.0)), upper)
    }
    #[inline(always)]
    unsafe fn gate(value: v128, gate: v128, upper: v128) -> v128 {
        v128_and(value, v128_and(f32x4_gt(gate, f32x4_splat(0.0)), f32x4_lt(gate, upper)))
    }
    #[inline(always)]
    unsafe fn keep_larger(value: v128, tap: v128, best: &mut v128, place: &mut v128) {
        // NaN does not equal itself.
        let better = v128_or(f32x4_gt(value, *best), f32x4_ne(value, value));
        *best = v128_bitselect(value, *best, better);
        *place = v128_bitselect(tap, *place, better);
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, count: usize, value: v128) {
        unsafe {
            let mut lanes = [0u32; 4];
            v128_store(lanes.as_mut_ptr().cast(), u32x4_trunc_sat_f32x4(value));
            for (lane, value) in lanes.into_iter().enumerate().take(count) {
                *to.add(lane) = value as u8;
            }
        }
    }
    #[inline(always)]
    unsafe fn where_byte(from: *const u8, count: usize, byte: u8, value: v128) -> v128 {
        unsafe {
            let mut same = [0u32; 4];
            for (lane, same) in same.iter_mut().enumerate().take(count) {
                *same = if *from.add(lane) == byte { u32::MAX } else { 0 };
            }
            v128_and(value, v128_load(same.as_ptr().cast()))
        }
    }
}
