//! A safe face for `gemm`, single-threaded: the callers split the work themselves, so that results do not depend on the
//! number of threads.

use rayon::prelude::*;

/// A matrix inside a slice: element (row, column) is at `offset + row * row_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub struct View {
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl View {
    /// Rows one after the other.
    pub fn row_major(rows: usize, columns: usize) -> Self {
        Self { rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, row_stride: self.column_stride, column_stride: self.row_stride }
    }

    /// The number of values that a slice must hold for every element to lie inside.
    fn span(self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// `dst = lhs · rhs`, or `dst += lhs · rhs` with `accumulate`.
///
/// # Panics
/// When the shapes do not match or a slice is too short: an error in this crate, never of its input.
pub fn multiply(dst: (&mut [f32], View), lhs: (&[f32], View), rhs: (&[f32], View), accumulate: bool) {
    let view = dst.1;
    assert!(view.span() <= dst.0.len(), "the destination is too short");
    // SAFETY: the destination lies inside an exclusive slice, as just checked.
    unsafe { multiply_into(dst.0.as_mut_ptr(), view, lhs, rhs, accumulate) }
}

/// [`multiply`] for a destination that interleaves with those of other threads.
///
/// # Safety
/// Every element of `view` relative to `dst` is valid for writes, and no other thread touches these elements meanwhile.
pub unsafe fn multiply_into(dst: *mut f32, view: View, lhs: (&[f32], View), rhs: (&[f32], View), accumulate: bool) {
    let ((lhs, l), (rhs, r)) = (lhs, rhs);
    assert!(l.columns == r.rows && view.rows == l.rows && view.columns == r.columns, "shapes do not match");
    assert!(l.span() <= lhs.len() && r.span() <= rhs.len(), "an operand is too short");
    // SAFETY: reads stay inside `lhs` and `rhs` by the check of their spans; writes are the caller's promise. The
    // destination is only read when accumulating, and then it was written before.
    unsafe {
        gemm::gemm(
            view.rows,
            view.columns,
            l.columns,
            dst,
            view.column_stride as isize,
            view.row_stride as isize,
            accumulate,
            lhs.as_ptr(),
            l.column_stride as isize,
            l.row_stride as isize,
            rhs.as_ptr(),
            r.column_stride as isize,
            r.row_stride as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// The columns of a product are computed in blocks of at least this many, at most [`MAX_BLOCKS`] of them: numbers that do
/// not depend on the threads, so that neither does the result.
const MIN_BLOCK: usize = 64;
const MAX_BLOCKS: usize = 8;

/// `dst = lhs · rhs` for a row-major destination of (lhs.rows, rhs.columns), its columns shared out over the threads.
pub fn multiply_parallel(dst: &mut [f32], lhs: (&[f32], View), rhs: (&[f32], View)) {
    let (rows, columns) = (lhs.1.rows, rhs.1.columns);
    assert!(dst.len() == rows * columns, "the destination does not match");
    let block = columns.div_ceil(MAX_BLOCKS).max(MIN_BLOCK);
    let out = SharedSlice::new(dst);
    (0..columns.div_ceil(block)).into_par_iter().for_each(|task| {
        let first = task * block;
        let count = block.min(columns - first);
        let view = View { row_stride: columns, ..View::row_major(rows, count) };
        let rhs = (&rhs.0[first * rhs.1.column_stride..], View { columns: count, ..rhs.1 });
        // SAFETY: a task writes its own columns of `dst`, whose length was checked.
        unsafe { multiply_into(out.at(first), view, lhs, rhs, false) }
    });
}

/// A slice whose elements are written by several threads, each its own.
#[derive(Clone, Copy)]
pub struct SharedSlice(*mut f32);

// SAFETY: the pointer is only handed out by `at`, whose callers answer for writing disjoint elements.
unsafe impl Send for SharedSlice {}
// SAFETY: as above.
unsafe impl Sync for SharedSlice {}

impl SharedSlice {
    pub fn new(slice: &mut [f32]) -> Self {
        Self(slice.as_mut_ptr())
    }

    /// # Safety
    /// `index` lies inside the slice.
    pub unsafe fn at(self, index: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(index) }
    }
}
