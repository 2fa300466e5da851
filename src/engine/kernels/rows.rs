//! Rows along one axis, each computed at once: softmax and layer normalisation go through them.

use rayon::prelude::*;

use super::SharedSlice;
use super::strided::{Strided, StridedMut, View};

/// The fewest values of a parallel task.
const MIN_TASK: usize = 1 << 13;

/// Partial sums that the compiler keeps in one vector.
const LANES: usize = 16;

/// Calls `f(output, inputs)` with every row along an axis. Rows that lie without gaps are passed as they are, others as
/// copies; the output holds what is there.
pub fn each_row<const K: usize>(
    axis: usize,
    inputs: [Strided<'_>; K],
    out: StridedMut<'_>,
    f: impl Fn(&mut [f32], [&[f32]; K]) + Sync,
) {
    let len = out.view.axes[axis].len;
    if out.view.count() == 0 {
        return;
    }
    let fits = |input: &Strided<'_>| input.view.shape() == out.view.shape() && input.view.last() < input.data.len();
    assert!(inputs.iter().all(fits), "views of different shapes, or a short input");
    assert!(out.view.last() < out.data.len() && out.view.axes.iter().all(|axis| axis.len == 1 || axis.stride > 0));
    let firsts = |view: &View| view.sliced(axis, 0, 1, 1).places();
    let stride = |view: &View| view.axes[axis].stride;
    let (places, to, to_stride) = (inputs.map(|input| firsts(input.view)), firsts(out.view), stride(out.view));
    let shared = SharedSlice::new(out.data);
    let least = MIN_TASK.div_ceil(len.max(1));
    (0..to.len()).into_par_iter().with_min_len(least).for_each_init(
        || (vec![0.0; len], [(); K].map(|()| vec![0.0; len])),
        |(out, copies), row| {
            for k in 0..K {
                let stride = stride(inputs[k].view);
                if stride != 1 {
                    let from = inputs[k].data[places[k][row]..].iter().step_by(stride.max(1));
                    copies[k].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
            let rows: [&[f32]; K] = std::array::from_fn(|k| match stride(inputs[k].view) {
                1 => &inputs[k].data[places[k][row]..][..len],
                _ => &copies[k][..],
            });
            // SAFETY: `SharedSlice::slice` and `at` ask for places inside the slice, as asserted above, that nobody
            // else has: rows of a view without strides of 0 have places of their own, and this task alone has this row.
            unsafe {
                if to_stride == 1 {
                    return f(shared.slice(to[row], len), rows);
                }
                let place = |i: usize| to[row] + i * to_stride;
                out.iter_mut().enumerate().for_each(|(i, value)| *value = *shared.at(place(i)));
                f(out, rows);
                out.iter().enumerate().for_each(|(i, value)| *shared.at(place(i)) = *value);
            }
        },
    );
}

/// Sums `f(a, b)` over two rows, in an order that the compiler can do several at a time.
#[inline(always)]
pub fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += f(a[lane], b[lane]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| f(*a, *b)).sum();
    rest + sums.iter().sum::<f32>()
}

/// Returns the largest value of a row; NaN is not hidden.
#[inline(always)]
pub fn largest(row: &[f32]) -> f32 {
    let larger = |most: f32, x: f32| if (x > most) | x.is_nan() { x } else { most };
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = larger(most[lane], chunk[lane]);
        }
    }
    rest.iter().chain(&most).fold(f32::NEG_INFINITY, |most, &x| larger(most, x))
}
