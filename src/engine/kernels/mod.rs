//! The arithmetic of the nets on the CPU, on plain slices of `f32`.
//!
//! All unsafe code of the engine is here. Every sum has an order that does not depend on the number of threads.

mod batch_norm;
mod columns;
mod conv;
mod correlate;
mod depthwise;
mod map;
pub mod planes;
pub mod pool;
mod simd;
mod sparse;
mod tile;
mod weight_gradient;

use std::cell::RefCell;

pub use batch_norm::{BatchNorm, Statistics};
pub use conv::{Conv, Fused, Values};
pub use map::Map;
pub use pool::Window;
pub use simd::Isa;
pub use sparse::{PoolGradient, SparseGradient};
pub use tile::Finish;

thread_local! {
    /// Buffers that are over with; a thread keeps them for the next time.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of zeros for the length of an operation, taken from those that the thread has used before.
struct Scratch(Vec<f32>);

impl Scratch {
    fn zeros(len: usize) -> Self {
        let mut buffer = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        buffer.clear();
        buffer.resize(len, 0.0);
        Self(buffer)
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

// SAFETY: the pointer is only handed out by `at`, whose callers answer for writing disjoint elements.
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
