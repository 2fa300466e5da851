//! A safe face for `gemm`, single-threaded: the callers split the work themselves, so that results do not depend on the
//! number of threads.

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

    /// Columns `from..` of the same storage are reached by slicing it; this keeps the row stride.
    pub fn narrow(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
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
