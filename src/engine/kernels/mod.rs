//! The arithmetic of the nets on the CPU, on plain slices of `f32`.
//!
//! All unsafe code of the engine is here. Every sum has an order that does not depend on the number of threads.

mod batch_norm;
mod columns;
mod conv;
mod correlate;
mod depthwise;
mod linear;
mod map;
mod padding;
pub mod planes;
pub mod pool;
mod simd;
mod sparse;
mod tile;
mod weight_gradient;
pub mod winograd;

use std::cell::RefCell;

pub use batch_norm::{BatchNorm, Statistics};
pub use conv::{Conv, Fused, Values};
pub use linear::LinearGradient;
pub use map::Map;
pub use padding::Padding;
pub use pool::Window;
pub use simd::Isa;
pub use sparse::{PoolGradient, SparseGradient};
pub use tile::Finish;
pub use winograd::Winograd;

thread_local! {
    /// Buffers that are over with; a thread keeps them for the next time.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer for the length of an operation, one of those that the thread has used before.
struct Scratch(Vec<f32>);

impl Scratch {
    /// Of zeros.
    fn zeros(len: usize) -> Self {
        let mut scratch = Self::stale(len);
        scratch.0.fill(0.0);
        scratch
    }

    /// Of anything.
    fn stale(len: usize) -> Self {
        let mut buffer = SPARE.with_borrow_mut(|spare| {
            // The smallest that is large enough, else the largest.
            let best = (0..spare.len()).min_by_key(|&i| {
                let capacity = spare[i].capacity();
                if capacity >= len { (0, capacity) } else { (1, usize::MAX - capacity) }
            });
            best.map(|best| spare.swap_remove(best)).unwrap_or_default()
        });
        buffer.resize(len, 0.0);
        Self(buffer)
    }

    /// The part that begins with a line of the cache; up to 15 values shorter.
    fn aligned(&mut self) -> &mut [f32] {
        let skip = self.0.as_ptr().align_offset(64).min(self.0.len()).min(15);
        &mut self.0[skip..]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SPARE.with_borrow_mut(|spare| spare.push(std::mem::take(&mut self.0)));
    }
}

/// A slice whose elements are written by several threads, each its own.
#[derive(Clone, Copy)]
struct SharedSlice(*mut f32);

// SAFETY: the pointer is only handed out by `at` and `slice`, whose callers answer for disjoint elements.
unsafe impl Send for SharedSlice {}
// SAFETY: as above.
unsafe impl Sync for SharedSlice {}

impl SharedSlice {
    fn new(slice: &mut [f32]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// # Safety
    /// `index` lies inside the slice.
    unsafe fn at(self, index: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(index) }
    }

    /// # Safety
    /// The part lies inside the slice, and nobody else has any of it meanwhile.
    unsafe fn slice<'a>(self, start: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

/// The same for bytes, handed out a part at a time.
#[derive(Clone, Copy)]
struct SharedBytes(*mut u8);

// SAFETY: the pointer is only handed out by `slice`, whose callers answer for disjoint parts.
unsafe impl Send for SharedBytes {}
// SAFETY: as above.
unsafe impl Sync for SharedBytes {}

impl SharedBytes {
    fn new(slice: &mut [u8]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// # Safety
    /// The part lies inside the slice, and nobody else has any of it meanwhile.
    unsafe fn slice<'a>(self, start: usize, len: usize) -> &'a mut [u8] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

#[cfg(test)]
mod conv_tests;
