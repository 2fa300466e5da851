//! The arithmetic of the nets on the CPU, on plain slices of `f32`.
//!
//! All unsafe code of the engine is here. Every sum has an order that does not depend on the number of threads.

mod conv;
mod correlate;
mod depthwise;
mod map;
mod simd;
mod tile;

pub use conv::{Conv, Fused, Values};
pub use map::Map;
pub use simd::Isa;
pub use tile::Finish;

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

#[cfg(test)]
mod conv_tests;
