//! This computes what the layers of nets and optimisers do on the CPU, on plain slices of `f32`.
//!
//! All unsafe code of the engine is here. Every sum has an order that does not depend on the number of threads.

mod along;
mod batch_norm;
mod binary;
mod cache;
mod columns;
mod conv;
mod correlate;
mod curve;
mod depthwise;
mod linear;
pub mod matmul;
mod normalise;
mod padding;
pub mod planes;
pub mod pool;
pub mod reduce;
mod rows;
mod simd;
pub mod softmax;
mod sparse;
mod strided;
mod tile;
mod update;
mod values;
mod weight_gradient;
pub mod winograd;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;

pub use along::{Along, Term};
pub use batch_norm::{BatchNorm, BatchNormGradient, Statistics};
pub use binary::{Binary, Operand};
pub use conv::Conv;
pub use curve::Curve;
pub use linear::LinearGradient;
pub use normalise::{Affine, Normalise};
pub use padding::Padding;
pub use pool::Window;
pub use simd::{Isa, Simd, Vectorised};
pub use sparse::{MaxoutGradient, PoolGradient, SparseGradient};
pub use strided::{Axis, Strided, StridedMut, View, combine};
pub use update::{Adam, Sgd};
pub use values::{ConvGradient, ConvWeights, Fused, FusedGradient, Gate, Map, Values, ValuesMut};
pub use winograd::Winograd;

/// Returns the bounds of one of the parts that `whole` is cut into.
fn part(index: usize, parts: usize, whole: usize) -> Range<usize> {
    index * whole / parts..(index + 1) * whole / parts
}

thread_local! {
    static SPARE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// An operation works in this buffer, which the thread keeps for the next one.
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
            // It takes the smallest that is large enough, else the largest.
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

/// Several threads write to the elements of this slice, each to its own.
#[derive(Clone, Copy)]
struct SharedSlice<'a, T>(*mut T, PhantomData<&'a mut [T]>);

// SAFETY: the contracts of `at` and `slice`, the only ways to the pointer, ask for elements that no other thread has.
unsafe impl<T: Send> Send for SharedSlice<'_, T> {}
// SAFETY: as for `Send`.
unsafe impl<T: Send> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    fn new(slice: &'a mut [T]) -> Self {
        Self(slice.as_mut_ptr(), PhantomData)
    }

    /// # Safety
    /// `index` lies inside the slice, and no other thread uses that element meanwhile.
    unsafe fn at(self, index: usize) -> *mut T {
        // SAFETY: the contract of `add`, an offset inside the allocation, is this function's own.
        unsafe { self.0.add(index) }
    }

    /// # Safety
    /// The part lies inside the slice, and nobody else has any of it meanwhile.
    unsafe fn slice(self, start: usize, len: usize) -> &'a mut [T] {
        // SAFETY: the contract of `from_raw_parts_mut`, valid elements that nobody else has, is this function's own.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}

#[cfg(test)]
mod conv_tests;
