//! The few vector instructions that the kernels are written in, for each kind of processor.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

#[cfg(target_arch = "aarch64")]
use self::neon::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use self::wasm::Simd128;
#[cfg(target_arch = "x86_64")]
use self::x86::{Avx2, Avx512};

/// An instruction set computes with vectors of `f32`.
///
/// # Safety
/// Every method may only run on a processor that has the instructions; pointers must be valid for the lanes they
/// touch.
#[expect(clippy::missing_safety_doc, reason = "the contract of the trait is that of every method")]
pub trait Simd: Copy {
    type Vector: Copy;
    const LANES: usize;
    /// The sums of a tile of so many rows, two vectors wide, fit the registers beside what they are made of.
    const ROWS: usize;
    /// Four values that lie side by side, each to be multiplied with a whole vector.
    type Quad: Copy;

    /// Returns how many of `count` values a loop goes through in whole vectors, before those that do not fill one; none
    /// where a part of a vector is read and written as fast as a whole one.
    #[inline(always)]
    fn whole(count: usize) -> usize {
        count / Self::LANES * Self::LANES
    }
    /// Asks for the place to be brought near, for writing.
    #[inline(always)]
    unsafe fn prefetch(_place: *const f32) {}
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Reads all lanes.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// Reads the first `count` lanes, which are not all; the others are 0.
    unsafe fn load_some(from: *const f32, count: usize) -> Self::Vector;
    /// Reads the first `count` lanes, or all where there are fewer; the others are 0.
    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector {
        // SAFETY: the contract of this trait.
        unsafe { if count >= Self::LANES { Self::load(from) } else { Self::load_some(from, count) } }
    }
    /// Writes all lanes.
    unsafe fn store(to: *mut f32, value: Self::Vector);
    /// Writes the first `count` lanes, which are not all.
    unsafe fn store_some(to: *mut f32, count: usize, value: Self::Vector);
    /// Writes the first `count` lanes, or all where there are fewer.
    #[inline(always)]
    unsafe fn store_first(to: *mut f32, count: usize, value: Self::Vector) {
        // SAFETY: the contract of this trait.
        unsafe { if count >= Self::LANES { Self::store(to, value) } else { Self::store_some(to, count, value) } }
    }
    /// Computes `a · b + c`.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    unsafe fn load_quad(from: *const f32) -> Self::Quad;
    /// Computes `quad[i] · b + c`.
    unsafe fn multiply_nth_add(quad: Self::Quad, i: usize, b: Self::Vector, c: Self::Vector) -> Self::Vector;
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
    const ROWS: usize = 4;
    type Quad = *const f32;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Vector {
        [value; PORTABLE_LANES]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Vector {
        // SAFETY: the contract of `Simd`: all lanes are readable.
        unsafe { from.cast::<Self::Vector>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self::Vector {
        // SAFETY: the contract of `Simd`: the first `count` lanes are readable.
        std::array::from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: Self::Vector) {
        // SAFETY: the contract of `Simd`: all lanes are writable.
        unsafe { to.cast::<Self::Vector>().write_unaligned(value) };
    }
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, count: usize, value: Self::Vector) {
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
    unsafe fn load_quad(from: *const f32) -> *const f32 {
        from
    }
    #[inline(always)]
    unsafe fn multiply_nth_add(quad: *const f32, i: usize, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // SAFETY: the contract of `Simd`: four values are readable.
        unsafe { Self::multiply_add(Self::splat(*quad.add(i)), b, c) }
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

/// The kernels are compiled for these instruction sets. All but the portable one come from [`Isa::available`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
}

/// This is what [`Isa::current`] returns from its first call on.
static CURRENT: OnceLock<Isa> = OnceLock::new();

impl Isa {
    /// Returns those that this processor has, the fastest last.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut, reason = "there are processors that have no others")]
        let mut sets = vec![Self::Portable];
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                sets.push(Self::Avx512);
            }
        }
        // Every processor of this kind has them.
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        sets.push(Self::Neon);
        // A browser reads a program with these instructions whole or not at all.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        sets.push(Self::Simd128);
        sets
    }

    /// Returns the one that nets are computed with: the fastest, unless [`Self::force`] has set another one.
    pub fn current() -> Self {
        *CURRENT.get_or_init(|| *Self::available().last().unwrap_or(&Self::Portable))
    }

    /// Makes all nets compute with this one, for comparisons. Returns whether it came before the first net.
    pub fn force(self) -> bool {
        *CURRENT.get_or_init(|| self) == self
    }

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "plain",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "neon",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => "simd128",
        }
    }

    /// Returns the most rows of a tile whose sums all stay in registers.
    pub fn max_rows(self) -> usize {
        match self {
            Self::Portable => Portable::ROWS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::ROWS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::ROWS,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => Neon::ROWS,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::Simd128 => Simd128::ROWS,
        }
    }

    /// Runs a loop with the vectors of this instruction set.
    ///
    /// # Safety
    /// What the loop asks of its fields holds.
    #[inline(always)]
    pub unsafe fn run(self, work: impl Vectorised) {
        // SAFETY: the contract of `Vectorised::run`: `available` saw the instructions, or the whole program is compiled
        // for them, and the caller answers for the fields.
        unsafe {
            match self {
                Self::Portable => work.run::<Portable>(),
                #[cfg(target_arch = "x86_64")]
                Self::Avx2 => run_with_avx2(work),
                #[cfg(target_arch = "x86_64")]
                Self::Avx512 => run_with_avx512(work),
                #[cfg(target_arch = "aarch64")]
                Self::Neon => work.run::<Neon>(),
                #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                Self::Simd128 => work.run::<Simd128>(),
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
