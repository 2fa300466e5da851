//! The few vector instructions that the kernels are written in, for each kind of processor.

/// An instruction set computes with vectors of `f32`.
///
/// # Safety
/// Every method may only run on a processor that has the instructions; pointers must be valid for the lanes they
/// touch.
pub trait Simd: Copy {
    type Vector: Copy;
    const LANES: usize;
    /// Whether the sums of 12 rows fit the registers, each two vectors wide.
    const HAS_MANY_REGISTERS: bool;

    /// Asks for the place to be brought near, for writing.
    #[inline(always)]
    unsafe fn prefetch(_place: *const f32) {
        // SAFETY: every processor of this kind has the instruction, which may be given any address.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(_place.cast());
        }
    }
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Reads all lanes.
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Vector {
        // SAFETY: the contract of this trait.
        unsafe { Self::load_first(from, Self::LANES) }
    }
    /// Reads the first `count` lanes; the others are 0.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector;
    /// Writes the first `count` lanes.
    unsafe fn store_first(to: *mut f32, count: usize, value: Self::Vector);
    /// Computes `a · b + c`.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `value` clamped to 0..upper; NaN stays NaN.
    unsafe fn clamp(value: Self::Vector, upper: Self::Vector) -> Self::Vector;
    /// Returns `value` where `0 < gate < upper`, else 0.
    unsafe fn gate(value: Self::Vector, gate: Self::Vector, upper: Self::Vector) -> Self::Vector;
    /// Puts `value` into `best` where it is larger or NaN, and `tap` into `place`.
    unsafe fn keep_larger(value: Self::Vector, tap: Self::Vector, best: &mut Self::Vector, place: &mut Self::Vector);
    /// Writes the first `count` lanes, whole numbers from 0 to 255, as bytes.
    unsafe fn store_bytes(to: *mut u8, count: usize, value: Self::Vector);
    /// Returns `value` in those of the first `count` lanes whose byte is `byte`, else 0.
    unsafe fn where_byte(from: *const u8, count: usize, byte: u8, value: Self::Vector) -> Self::Vector;
}

/// This stands for plain arrays, which the compiler turns into what the processor has.
#[derive(Clone, Copy)]
pub struct Portable;

const PORTABLE_LANES: usize = 8;

// SAFETY (all methods): the contract of `Simd` for the pointers; there is no instruction to have.
impl Simd for Portable {
    type Vector = [f32; PORTABLE_LANES];
    const LANES: usize = PORTABLE_LANES;
    const HAS_MANY_REGISTERS: bool = false;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Vector {
        [value; PORTABLE_LANES]
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector {
        // SAFETY: the contract of `Simd`: the first `count` lanes are readable.
        std::array::from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, count: usize, value: Self::Vector) {
        for (lane, value) in value.into_iter().enumerate().take(count) {
            // SAFETY: the contract of `Simd`: the first `count` lanes are writable.
            unsafe { *to.add(lane) = value };
        }
    }
    #[inline(always)]
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }
    #[inline(always)]
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    unsafe fn clamp(value: Self::Vector, upper: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| {
            let value = if value[lane] < 0.0 { 0.0 } else { value[lane] };
            if value > upper[lane] { upper[lane] } else { value }
        })
    }
    #[inline(always)]
    unsafe fn gate(value: Self::Vector, gate: Self::Vector, upper: Self::Vector) -> Self::Vector {
        std::array::from_fn(|lane| if gate[lane] > 0.0 && gate[lane] < upper[lane] { value[lane] } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn keep_larger(value: Self::Vector, tap: Self::Vector, best: &mut Self::Vector, place: &mut Self::Vector) {
        for lane in 0..PORTABLE_LANES {
            let better = (value[lane] > best[lane]) | value[lane].is_nan();
            best[lane] = if better { value[lane] } else { best[lane] };
            place[lane] = if better { tap[lane] } else { place[lane] };
        }
    }
    #[inline(always)]
    unsafe fn store_bytes(to: *mut u8, count: usize, value: Self::Vector) {
        for (lane, value) in value.into_iter().enumerate().take(count) {
            // SAFETY: the contract of `Simd`: the first `count` bytes are writable.
            unsafe { *to.add(lane) = value as u8 };
        }
    }
    #[inline(always)]
    unsafe fn where_byte(from: *const u8, count: usize, byte: u8, value: Self::Vector) -> Self::Vector {
        // SAFETY: the contract of `Simd`: the first `count` bytes are readable.
        std::array::from_fn(|lane| if lane < count && unsafe { *from.add(lane) } == byte { value[lane] } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
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
        const HAS_MANY_REGISTERS: bool = true;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
            unsafe { _mm512_maskz_loadu_ps(first(count), from) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, count: usize, value: __m512) {
            unsafe { _mm512_mask_storeu_ps(to, first(count), value) }
        }
        #[inline(always)]
        unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
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
        const HAS_MANY_REGISTERS: bool = false;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, count: usize) -> __m256 {
            unsafe { _mm256_maskload_ps(from, lanes(count)) }
        }
        #[inline(always)]
        unsafe fn store_first(to: *mut f32, count: usize, value: __m256) {
            unsafe { _mm256_maskstore_ps(to, lanes(count), value) }
        }
        #[inline(always)]
        unsafe fn multiply_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
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
}

/// A loop that is written once, for the vectors of every instruction set.
pub trait Vectorised {
    /// Runs the loop. Implementations are always inlined, so that it is compiled with the instructions of its caller.
    ///
    /// # Safety
    /// The processor has the instructions of `S`, and what the implementor asks of its fields holds.
    unsafe fn run<S: Simd>(self);
}

impl<F: FnOnce()> Vectorised for F {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        self();
    }
}

/// The kernels are compiled for these instruction sets. All but the portable one come from [`Isa::detect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// Returns the best one that this processor has.
    pub fn detect() -> Self {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Returns the most rows of a tile whose sums all stay in registers.
    pub fn max_rows(self) -> usize {
        match self {
            Self::Portable => 4,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 6,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 12,
        }
    }

    /// Runs a loop with the vectors of this instruction set.
    ///
    /// # Safety
    /// What the loop asks of its fields holds.
    #[inline(always)]
    pub unsafe fn run(self, work: impl Vectorised) {
        // SAFETY: the contract of `Vectorised::run`: `detect` saw the instructions, the caller answers for the fields.
        unsafe {
            match self {
                Self::Portable => work.run::<Portable>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => run_with_avx2(work),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => run_with_avx512(work),
            }
        }
    }

    /// Runs a plain loop compiled for this instruction set, so that the compiler may use its vectors.
    #[inline(always)]
    pub fn vectorised(self, work: impl FnOnce()) {
        // SAFETY: the contract of `run`: a plain loop asks for nothing.
        unsafe { self.run(work) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_with_avx2(work: impl Vectorised) {
    // SAFETY: the contract of `Vectorised::run`, which the caller keeps.
    unsafe { work.run::<Avx2>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn run_with_avx512(work: impl Vectorised) {
    // SAFETY: the contract of `Vectorised::run`, which the caller keeps.
    unsafe { work.run::<Avx512>() }
}
