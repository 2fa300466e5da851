//! The arithmetic of the nets on the CPU, on plain slices of `f32`.
//!
//! All unsafe code of the engine is here. Every sum has an order that does not depend on the number of threads.

mod batch_norm;
mod columns;
mod conv;
mod correlate;
mod depthwise;
mod linear;
mod padding;
pub mod planes;
pub mod pool;
mod simd;
mod sparse;
mod tile;
mod values;
mod weight_gradient;
pub mod winograd;

use std::cell::RefCell;
use std::marker::PhantomData;

pub use batch_norm::{BatchNorm, BatchNormGradient, Statistics};
pub use conv::Conv;
pub use linear::LinearGradient;
pub use padding::Padding;
pub use pool::Window;
pub use simd::Isa;
pub use sparse::{MaxoutGradient, PoolGradient, SparseGradient};
pub use values::{ConvGradient, ConvWeights, Fused, FusedGradient, Gate, Map, Values, ValuesMut};
pub use winograd::Winograd;

thread_local! {
    /// Buffers that are over with; a thread keeps them for the next time.
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer for the length of an operation, which the thread may have used before.
struct Scratch(Vec<f32>);

impl Scratch {
    /// Takes a buffer and fills it with zeros.
    fn zeros(len: usize) -> Self {
        let mut scratch = Self::stale(len);
        scratch.0.fill(0.0);
        scratch
    }

    /// Takes a buffer that may hold anything.
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

    /// Returns the part that begins with a line of the cache; it is up to 15 values shorter.
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
struct SharedSlice<'a, T>(*mut T, PhantomData<&'a mut [T]>);

impl<T> Clone for SharedSlice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedSlice<'_, T> {}

// SAFETY: the pointer is only handed out by `at` and `slice`, whose contracts ask their callers for elements that no
// other thread has, so that sending it between threads is sending those elements.
unsafe impl<T: Send> Send for SharedSlice<'_, T> {}
// SAFETY: as for `Send`: two threads that share it reach different elements.
unsafe impl<T: Send> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    fn new(slice: &'a mut [T]) -> Self {
        Self(slice.as_mut_ptr(), PhantomData)
    }

    /// # Safety
    /// `index` lies inside the slice, and no other thread uses that element meanwhile.
    unsafe fn at(self, index: usize) -> *mut T {
        // SAFETY: `add` asks for an offset inside the allocation, which is this function's contract.
        unsafe { self.0.add(index) }
    }

    /// # Safety
    /// The part lies inside the slice, and nobody else has any of it meanwhile.
    unsafe fn slice(self, start: usize, len: usize) -> &'a mut [T] {
        // SAFETY: `from_raw_parts_mut` asks for valid elements that nobody else has: this function's contract. They
        // live as long as the slice that `new` borrowed.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

#[cfg(test)]
mod conv_tests;
