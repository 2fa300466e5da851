//! The instruction sets of processors of Intel and AMD.

use std::arch::x86_64::*;

use super::Simd;

/// This stands for AVX-512F.
#[derive(Clone, Copy)]
pub struct Avx512;

#[inline(always)]
fn first(count: usize) -> __mmask16 {
    if count >= 16 { u16::MAX } else { (1 << count) - 1 }
}

// SAFETY (all methods): the contract of `Simd`: the processor has AVX-512F, and pointers are valid.
impl Simd for Avx512 {
    type Vector = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 12;
    // An instruction reads a value for all lanes as fast as it reads a vector.
    type Quad = *const f32;

    #[inline(always)]
    fn whole(_: usize) -> usize {
        0
    }
    #[inline(always)]
    unsafe fn prefetch(place: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
        unsafe { Self::load_some(from, count) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, count: usize, value: __m512) {
        unsafe { _mm512_mask_storeu_ps(to, first(count), value) }
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, count: usize, value: __m512) {
        unsafe { Self::store_some(to, count, value) }
    }
    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn load_quad(from: *const f32) -> *const f32 {
        from
    }
    #[inline(always)]
    unsafe fn multiply_nth_add(quad: *const f32, i: usize, b: __m512, c: __m512) -> __m512 {
        unsafe { Self::multiply_add(Self::splat(*quad.add(i)), b, c) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn clamp(value: __m512, upper: __m512) -> __m512 {
        // Of two operands one of which is NaN these return the second.
        unsafe { _mm512_min_ps(upper, _mm512_max_ps(_mm512_setzero_ps(), value)) }
    }
    #[inline(always)]
    unsafe fn gate(value: __m512, gate: __m512, upper: __m512) -> __m512 {
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(gate, _mm512_setzero_ps());
            let inside = _mm512_mask_cmp_ps_mask::<_CMP_LT_OQ>(above, gate, upper);
            _mm512_maskz_mov_ps(inside, value)
        }
    }
    #[inline(always)]
    unsafe fn keep_larger(value: __m512, tap: __m512, best: &mut __m512, place: &mut __m512) {
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(value, *best);
            let better = above | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value);
            *best = _mm512_mask_mov_ps(*best, better, value);
            *place = _mm512_mask_mov_ps(*place, better, tap);
        }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, count: usize, value: __m512) {
        unsafe { _mm512_mask_cvtepi32_storeu_epi8(to.cast(), first(count), _mm512_cvtps_epi32(value)) }
    }
    #[inline(always)]
    unsafe fn where_byte(from: *const u8, count: usize, byte: u8, value: __m512) -> __m512 {
        unsafe {
            let bytes = if count >= 16 {
                _mm_loadu_si128(from.cast())
            } else {
                let mut some = [0u8; 16];
                std::ptr::copy_nonoverlapping(from, some.as_mut_ptr(), count);
                _mm_loadu_si128(some.as_ptr().cast())
            };
            let same = _mm512_cmpeq_epi32_mask(_mm512_cvtepu8_epi32(bytes), _mm512_set1_epi32(i32::from(byte)));
            _mm512_maskz_mov_ps(same & first(count), value)
        }
    }
}

/// This stands for AVX2 with fused multiplication and addition.
#[derive(Clone, Copy)]
pub struct Avx2;

#[inline(always)]
unsafe fn lanes(count: usize) -> __m256i {
    // SAFETY: called by the methods of `Avx2` alone, whose contract is that the processor has it.
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(count.min(8) as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

// SAFETY (all methods): the contract of `Simd`: the processor has AVX2 and FMA, and pointers are valid.
impl Simd for Avx2 {
    type Vector = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    type Quad = *const f32;

    #[inline(always)]
    unsafe fn prefetch(place: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> __m256 {
        unsafe { _mm256_maskload_ps(from, lanes(count)) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, count: usize, value: __m256) {
        // Many processors take tens of cycles for a masked store.
        unsafe {
            let (mut to, mut rest) = (to, _mm256_castps256_ps128(value));
            if count & 4 != 0 {
                _mm_storeu_ps(to, rest);
                (to, rest) = (to.add(4), _mm256_extractf128_ps::<1>(value));
            }
            if count & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                (to, rest) = (to.add(2), _mm_movehl_ps(rest, rest));
            }
            if count & 1 != 0 {
                _mm_store_ss(to, rest);
            }
        }
    }
    #[inline(always)]
    unsafe fn multiply_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn load_quad(from: *const f32) -> *const f32 {
        from
    }
    #[inline(always)]
    unsafe fn multiply_nth_add(quad: *const f32, i: usize, b: __m256, c: __m256) -> __m256 {
        unsafe { Self::multiply_add(Self::splat(*quad.add(i)), b, c) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn clamp(value: __m256, upper: __m256) -> __m256 {
        unsafe { _mm256_min_ps(upper, _mm256_max_ps(_mm256_setzero_ps(), value)) }
    }
    #[inline(always)]
    unsafe fn gate(value: __m256, gate: __m256, upper: __m256) -> __m256 {
        unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(gate, _mm256_setzero_ps());
            let below = _mm256_cmp_ps::<_CMP_LT_OQ>(gate, upper);
            _mm256_and_ps(value, _mm256_and_ps(above, below))
        }
    }
    #[inline(always)]
    unsafe fn keep_larger(value: __m256, tap: __m256, best: &mut __m256, place: &mut __m256) {
        unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(value, *best);
            let better = _mm256_or_ps(above, _mm256_cmp_ps::<_CMP_UNORD_Q>(value, value));
            *best = _mm256_blendv_ps(*best, value, better);
            *place = _mm256_blendv_ps(*place, tap, better);
        }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, count: usize, value: __m256) {
        unsafe {
            let mut lanes = [0i32; 8];
            _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_cvtps_epi32(value));
            for (lane, value) in lanes.into_iter().enumerate().take(count) {
                *to.add(lane) = value as u8;
            }
        }
    }
    #[inline(always)]
    unsafe fn where_byte(from: *const u8, count: usize, byte: u8, value: __m256) -> __m256 {
        unsafe {
            let mut some = [0u8; 8];
            std::ptr::copy_nonoverlapping(from, some.as_mut_ptr(), count.min(8));
            let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(some.as_ptr().cast()));
            let same = _mm256_cmpeq_epi32(bytes, _mm256_set1_epi32(i32::from(byte)));
            let inside = _mm256_and_si256(same, lanes(count));
            _mm256_and_ps(value, _mm256_castsi256_ps(inside))
        }
    }
}
