//! Sums and maxima over axes. The output is seen in the shape of the input, with strides of 0 along those axes.

use rayon::prelude::*;

use super::SharedSlice;
use super::simd::Isa;
use super::strided::{Axis, Strided, StridedMut, View, combine};

/// Computes `y = scale · Σ x`.
pub fn sum(isa: Isa, scale: f32, x: Strided<'_>, y: StridedMut<'_>) {
    let once = one_of_each(y.view);
    combine(isa, StridedMut { data: &mut *y.data, view: &once }, [], false, |y, []| y.fill(0.0));
    combine(isa, y, [x], true, |y, [x]| y.iter_mut().zip(x).for_each(|(y, x)| *y = scale * x));
}

/// Computes the gradient of x, `dx = scale · dy`, or adds it to what is there.
pub fn sum_gradient(isa: Isa, scale: f32, dy: Strided<'_>, dx: StridedMut<'_>, add: bool) {
    combine(isa, dx, [dy], add, |dx, [dy]| dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = scale * dy));
}

/// Computes `y = max x`; NaN is not hidden.
pub fn largest(x: Strided<'_>, y: StridedMut<'_>) {
    assert!(x.view.shape() == y.view.shape() && x.view.count() > 0 && x.view.last() < x.data.len());
    assert!(y.view.last() < y.data.len(), "the output is shorter than its view");
    let inside = |view: &View| View { first: 0, axes: pick(y.view, view, |axis| axis.stride == 0) }.places();
    let outside = |view: &View| View { first: view.first, axes: pick(y.view, view, |axis| axis.stride != 0) }.places();
    let (from, to, offsets) = (outside(x.view), outside(y.view), inside(x.view));
    let shared = SharedSlice::new(y.data);
    from.par_iter().zip(&to).for_each(|(&from, &to)| {
        let values = offsets.iter().map(|offset| x.data[from + offset]);
        let most = values.fold(f32::NEG_INFINITY, |most, x| if x > most || x.is_nan() { x } else { most });
        // SAFETY: `SharedSlice::at` asks for places inside the slice, as asserted above, that nobody else has: along
        // axes with a stride no two places are the same.
        unsafe { *shared.at(to) = most };
    });
}

/// Computes the gradient of x, or adds it to what is there: the largest values share `dy` evenly.
pub fn largest_gradient(isa: Isa, [x, y, dy]: [Strided<'_>; 3], dx: StridedMut<'_>, add: bool) {
    let (len, counts) = dense_like(y.view);
    let mut count = vec![0.0; len];
    combine(isa, StridedMut { data: &mut count, view: &counts }, [x, y], true, |count, [x, y]| {
        count.iter_mut().zip(x.iter().zip(y)).for_each(|(count, (x, y))| *count = if x == y { 1.0 } else { 0.0 });
    });
    let count = Strided { data: &count, view: &counts };
    combine(isa, dx, [x, y, dy, count], add, |dx, [x, y, dy, count]| {
        let values = x.iter().zip(y).zip(dy.iter().zip(count));
        dx.iter_mut().zip(values).for_each(|(dx, ((x, y), (dy, count)))| *dx = if x == y { dy / count } else { 0.0 });
    });
}

/// Returns the axes of `view` where those of `by` are as asked.
fn pick(by: &View, view: &View, is_wanted: impl Fn(&Axis) -> bool) -> Vec<Axis> {
    by.axes.iter().zip(&view.axes).filter(|(by, _)| is_wanted(by)).map(|(_, axis)| *axis).collect()
}

/// Sees each value once.
fn one_of_each(view: &View) -> View {
    let axes = view.axes.iter().map(|axis| if axis.stride == 0 { Axis { len: 1, stride: 0 } } else { *axis });
    View { first: view.first, axes: axes.collect() }
}

/// Returns the length of an array with a place for each value, and their places in the shape of the view.
fn dense_like(view: &View) -> (usize, View) {
    let dense = View::dense(&one_of_each(view).shape());
    let axes = view.axes.iter().zip(&dense.axes);
    let axes = axes.map(|(axis, dense)| if axis.stride == 0 { Axis { len: axis.len, stride: 0 } } else { *dense });
    (dense.count(), View { first: 0, axes: axes.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// x = torch.tensor([[[1., 5, 5], [2, 0, 3]], [[4, 4, 1], [4, 2, 0]]]).requires_grad_()
    /// for f in (torch.sum, torch.mean, torch.amax):
    ///     y = f(x, (0, 2))
    ///     print(y.tolist(), torch.autograd.grad((y * torch.tensor([1., 2])).sum(), x)[0].flatten().tolist())
    /// ```
    #[test]
    fn sums_means_and_maxima_are_those_of_pytorch() {
        let x = [1.0, 5.0, 5.0, 2.0, 0.0, 3.0, 4.0, 4.0, 1.0, 4.0, 2.0, 0.0];
        let view = View::dense(&[2, 2, 3]);
        let to = View { first: 0, axes: [(2, 0), (2, 1), (3, 0)].map(|(len, stride)| Axis { len, stride }).to_vec() };
        let (isa, dy) = (Isa::current(), [1.0, 2.0]);
        let of = |data| Strided { data, view: &view };
        let from = |data| Strided { data, view: &to };
        for (scale, values, gradient) in
            [(1.0, [20.0, 11.0], [1.0, 2.0]), (1.0 / 6.0, [20.0 / 6.0, 11.0 / 6.0], [1.0 / 6.0, 2.0 / 6.0])]
        {
            let (mut y, mut dx) = ([7.0; 2], [0.0; 12]);
            sum(isa, scale, of(&x), StridedMut { data: &mut y, view: &to });
            sum_gradient(isa, scale, from(&dy), StridedMut { data: &mut dx, view: &view }, false);
            assert!(y.iter().zip(values).all(|(y, value)| (y - value).abs() < 1e-6), "{y:?}");
            for (i, dx) in dx.iter().enumerate() {
                assert!((dx - gradient[i / 3 % 2]).abs() < 1e-6);
            }
        }
        let (mut y, mut dx) = ([7.0; 2], [0.0; 12]);
        largest(of(&x), StridedMut { data: &mut y, view: &to });
        assert_eq!(y, [5.0, 4.0]);
        largest_gradient(isa, [of(&x), from(&y), from(&dy)], StridedMut { data: &mut dx, view: &view }, false);
        assert_eq!(dx, [0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
    }
}
