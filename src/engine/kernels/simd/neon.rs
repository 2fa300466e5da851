//! The vectors of 64-bit ARM processors, all of which have them.

use std::arch::aarch64::*;

use super::Simd;

/// This stands for NEON.
#[derive(Clone, Copy)]
pub struct Neon;

// SAFETY (all methods): the contract of `Simd` for the pointers; every processor of this kind has the instructions.
impl Simd for Neon {
    type Vector = float32x4_t;
    const LANES: usize = 4;
    // Of 32 registers 16 hold sums, 8 a quad of each row, 2 a row of columns.
    const ROWS: usize = 8;
    type Quad = float32x4_t;

    #[inline(always)]
    unsafe fn splat(value: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> float32x4_t {
        unsafe {
            let mut lanes = [0.0; 4];
            for (lane, value) in lanes.iter_mut().enumerate().take(count) {
                *value = *from.add(lane);
            }
            vld1q_f32(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: float32x4_t) {
        unsafe { vst1q_f32(to, value) }
    }
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, count: usize, value: float32x4_t) {
        unsafe {
            let mut lanes = [0.0; 4];
            vst1q_f32(lanes.as_mut_ptr(), value);
            for (lane, value) in lanes.into_iter().enumerate().take(count) {
                *to.add(lane) = value;
            }
        }
    }
    #[inline(always)]
    unsafe fn multiply_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn load_quad(from: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn multiply_nth_add(quad: float32x4_t, i: usize, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe {
            match i {
                0 => vfmaq_laneq_f32::<0>(c, b, quad),
                1 => vfmaq_laneq_f32::<1>(c, b, quad),
                2 => vfmaq_laneq_f32::<2>(c, b, quad),
                _ => vfmaq_laneq_f32::<3>(c, b, quad),
            }
        }
    }
    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn clamp(value: float32x4_t, upper: float32x4_t) -> float32x4_t {
        // Where either operand is NaN these return NaN.
        unsafe { vminq_f32(vmaxq_f32(value, vdupq_n_f32(0.0)), upper) }
    }
    #[inline(always)]
    unsafe fn gate(value: float32x4_t, gate: float32x4_t, upper: float32x4_t) -> float32x4_t {
        unsafe {
            let inside = vandq_u32(vcgtzq_f32(gate), vcltq_f32(gate, upper));
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(value), inside))
        }
    }
    #[inline(always)]
    unsafe fn keep_larger(value: float32x4_t, tap: float32x4_t, best: &mut float32x4_t, place: &mut float32x4_t) {
        unsafe {
            // NaN does not equal itself.
            let better = vornq_u32(vcgtq_f32(value, *best), vceqq_f32(value, value));
            *best = vbslq_f32(better, value, *best);
            *place = vbslq_f32(better, tap, *place);
        }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, count: usize, value: float32x4_t) {
        unsafe {
            let mut lanes = [0u32; 4];
            vst1q_u32(lanes.as_mut_ptr(), vcvtq_u32_f32(value));
            for (lane, value) in lanes.into_iter().enumerate().take(count) {
                *to.add(lane) = value as u8;
            }
        }
    }
    #[inline(always)]
    unsafe fn where_byte(from: *const u8, count: usize, byte: u8, value: float32x4_t) -> float32x4_t {
        unsafe {
            let mut same = [0u32; 4];
            for (lane, same) in same.iter_mut().enumerate().take(count) {
                *same = if *from.add(lane) == byte { u32::MAX } else { 0 };
            }
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(value), vld1q_u32(same.as_ptr())))
        }
    }
}
