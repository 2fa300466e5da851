//! Softmax and its logarithm along an axis inside a net, as in attention.

use super::curve::exp;
use super::rows::{each_row, largest, sum_of};
use super::simd::{Isa, Simd, Vectorised};
use super::strided::{Strided, StridedMut};

/// A softmax along an axis, or its logarithm.
#[derive(Clone, Copy, Debug)]
pub struct Softmax {
    pub axis: usize,
    pub is_log: bool,
}

impl Softmax {
    /// Computes `y = exp(x − max x) / Σ exp(x − max x)` along the axis, or `y = x − max x − ln Σ exp(x − max x)`. The
    /// views have one shape.
    pub fn forward(self, isa: Isa, x: Strided<'_>, y: StridedMut<'_>) {
        each_row(self.axis, [x], y, |y, [x]| {
            // SAFETY: `Isa::run` asks that the processor has the instructions, which an `Isa` says, and what the loop
            // asks of its fields: nothing.
            unsafe { isa.run(Row { is_log: self.is_log, x, y }) };
        });
    }

    /// Computes the gradient of x, `dx = y·(dy − Σ y·dy)`, of the logarithm `dx = dy − exp(y)·Σ dy`.
    pub fn backward(self, isa: Isa, [y, dy]: [Strided<'_>; 2], dx: StridedMut<'_>, add: bool) {
        each_row(self.axis, [y, dy], dx, |dx, [y, dy]| {
            // SAFETY: as in `forward`.
            unsafe { isa.run(RowGradient { is_log: self.is_log, y, dy, dx, add }) };
        });
    }
}

struct Row<'a> {
    is_log: bool,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Row<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { is_log, x, y } = self;
        let most = largest(x);
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = exp(x - most));
        let sum = sum_of(y, y, |y, _| y);
        if is_log {
            let log = sum.ln();
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x - most - log);
        } else {
            let scale = 1.0 / sum;
            y.iter_mut().for_each(|y| *y *= scale);
        }
    }
}

struct RowGradient<'a> {
    is_log: bool,
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    add: bool,
}

impl Vectorised for RowGradient<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { is_log, y, dy, dx, add } = self;
        let rows = dx.iter_mut().zip(y.iter().zip(dy));
        if is_log {
            let sum = sum_of(dy, dy, |dy, _| dy);
            rows.for_each(|(dx, (y, dy))| *dx = if add { *dx } else { 0.0 } + dy - exp(*y) * sum);
        } else {
            let mean = sum_of(y, dy, |y, dy| y * dy);
            rows.for_each(|(dx, (y, dy))| *dx = if add { *dx } else { 0.0 } + y * (dy - mean));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::View;

    #[test]
    fn probabilities_and_their_gradient_along_any_axis() {
        let isa = Isa::current();
        let views =
            [(1, View::dense(&[3, 5])), (0, View::dense(&[5, 3])), (1, View::dense(&[5, 3]).transposed(&[1, 0]))];
        for ((axis, view), is_log) in views.into_iter().flat_map(|case| [(case.clone(), false), (case, true)]) {
            let softmax = Softmax { axis, is_log };
            let x: Vec<f32> = (0..15).map(|i| (i * 7 % 11) as f32 * 0.3 - 1.0).collect();
            let dy: Vec<f32> = (0..15).map(|i| (i * 5 % 7) as f32 * 0.1).collect();
            let value = |x: &[f32]| {
                let mut y = vec![0.0; 15];
                softmax.forward(isa, Strided { data: x, view: &view }, StridedMut { data: &mut y, view: &view });
                y
            };
            let y = value(&x);
            for row in view.sliced(axis, 0, 1, 1).places() {
                let row: Vec<usize> = (0..5).map(|i| row + i * view.axes[axis].stride).collect();
                let total: f64 = row.iter().map(|&at| f64::from(x[at]).exp()).sum();
                for at in row {
                    let share = f64::from(x[at]).exp() / total;
                    let expected = if is_log { share.ln() } else { share };
                    assert!((f64::from(y[at]) - expected).abs() < if is_log { 1e-6 } else { 1e-7 });
                }
            }
            let mut dx = vec![1.0; 15];
            let of = |data| Strided { data, view: &view };
            softmax.backward(isa, [of(&y), of(&dy)], StridedMut { data: &mut dx, view: &view }, true);
            let loss = |x: &[f32]| value(x).iter().zip(&dy).map(|(y, dy)| f64::from(y * dy)).sum::<f64>();
            for (at, dx) in dx.iter().enumerate() {
                let moved =
                    |by: f32| x.iter().enumerate().map(|(i, x)| if i == at { x + by } else { *x }).collect::<Vec<_>>();
                let difference = (loss(&moved(0.01)) - loss(&moved(-0.01))) / 0.02;
                assert!((f64::from(dx - 1.0) - difference).abs() < 2e-4, "{} {difference}", dx);
            }
        }
    }
}
