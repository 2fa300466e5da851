//! Sparse linear maps along one axis: resizing, padding that repeats pixels, gathering, means of uneven windows.

use std::ops::Range;

use super::simd::Isa;
use super::strided::{Strided, StridedMut, combine};

/// A value of the input with its factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    pub index: usize,
    pub weight: f32,
}

/// A linear map of the values along an axis: each output is a sum of a few of the inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Along {
    terms: Vec<Term>,
    /// The places at which the terms of each output begin, and the place at which the last ones end.
    starts: Vec<usize>,
}

impl Along {
    /// Makes the map whose outputs are these sums. An output without terms is 0.
    pub fn new<T: IntoIterator<Item = Term>>(outputs: impl IntoIterator<Item = T>) -> Self {
        let mut along = Self { terms: Vec::new(), starts: vec![0] };
        for terms in outputs {
            along.terms.extend(terms);
            along.starts.push(along.terms.len());
        }
        along
    }

    /// Makes the map that takes one input for each output.
    pub fn gather(indices: impl IntoIterator<Item = usize>) -> Self {
        Self::new(indices.into_iter().map(|index| [Term { index, weight: 1.0 }]))
    }

    /// Makes the map whose outputs are the means of ranges of the inputs.
    pub fn means(ranges: impl IntoIterator<Item = Range<usize>>) -> Self {
        Self::new(ranges.into_iter().map(|range| {
            let weight = 1.0 / range.len() as f32;
            range.map(move |index| Term { index, weight })
        }))
    }

    /// Returns the number of outputs.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns whether there are no outputs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of inputs that it asks for.
    pub fn reach(&self) -> usize {
        self.terms.iter().map(|term| term.index + 1).max().unwrap_or(0)
    }

    /// Returns the values that an output is the sum of.
    pub fn terms(&self, output: usize) -> &[Term] {
        &self.terms[self.starts[output]..self.starts[output + 1]]
    }

    /// Computes y from x; the two have the same shape but for this axis.
    pub fn forward(&self, isa: Isa, axis: usize, x: Strided<'_>, y: StridedMut<'_>) {
        for output in 0..self.len() {
            let view = y.view.sliced(axis, output, 1, 1);
            let to = &mut *y.data;
            let terms = self.terms(output);
            if terms.is_empty() {
                combine(isa, StridedMut { data: to, view: &view }, [], false, |y, []| y.fill(0.0));
            }
            for (number, term) in terms.iter().enumerate() {
                let from = x.view.sliced(axis, term.index, 1, 1);
                let x = Strided { data: x.data, view: &from };
                combine(isa, StridedMut { data: &mut *to, view: &view }, [x], number > 0, |y, [x]| {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = term.weight * x);
                });
            }
        }
    }

    /// Computes the gradient of x, or adds it to what is there.
    pub fn backward(&self, isa: Isa, axis: usize, dy: Strided<'_>, dx: StridedMut<'_>, add: bool) {
        if !add {
            combine(isa, StridedMut { data: &mut *dx.data, view: dx.view }, [], false, |dx, []| dx.fill(0.0));
        }
        for output in 0..self.len() {
            let from = dy.view.sliced(axis, output, 1, 1);
            for term in self.terms(output) {
                let view = dx.view.sliced(axis, term.index, 1, 1);
                let dy = Strided { data: dy.data, view: &from };
                combine(isa, StridedMut { data: &mut *dx.data, view: &view }, [dy], true, |dx, [dy]| {
                    dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = term.weight * dy);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strided::View;

    #[test]
    fn sums_along_an_axis_and_their_adjoint() {
        let term = |index, weight| Term { index, weight };
        let along = Along::new([vec![term(0, 1.0), term(2, 0.5)], vec![], vec![term(2, -2.0)], vec![term(1, 1.0)]]);
        assert_eq!([along.len(), along.reach()], [4, 3]);
        let (from, to) = (View::dense(&[2, 3, 5]), View::dense(&[2, 4, 5]));
        let x: Vec<f32> = (0..30).map(|i| i as f32 * 0.25).collect();
        let (mut y, isa) = (vec![9.0; 40], Isa::current());
        along.forward(isa, 1, Strided { data: &x, view: &from }, StridedMut { data: &mut y, view: &to });
        for (n, c) in (0..2).flat_map(|n| (0..5).map(move |c| (n, c))) {
            let x = |i: usize| x[(n * 3 + i) * 5 + c];
            let expected = [x(0) + 0.5 * x(2), 0.0, -2.0 * x(2), x(1)];
            assert_eq!([0, 1, 2, 3].map(|i| y[(n * 4 + i) * 5 + c]), expected);
        }
        // ⟨A x, d⟩ = ⟨x, Aᵀ d⟩, of numbers that are exact.
        let d: Vec<f32> = (0..40).map(|i| (i * 7 % 13) as f32 - 6.0).collect();
        let mut back = vec![1.0; 30];
        along.backward(isa, 1, Strided { data: &d, view: &to }, StridedMut { data: &mut back, view: &from }, true);
        back.iter_mut().for_each(|value| *value -= 1.0);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        assert_eq!(dot(&y, &d), dot(&x, &back));
    }

    #[test]
    fn means_of_uneven_windows() {
        let (from, to) = (View::dense(&[5]), View::dense(&[2]));
        let mut y = [0.0; 2];
        let along = Along::means([0..3, 2..5]);
        let x = Strided { data: &[1.0, 2.0, 3.0, 4.0, 8.0], view: &from };
        along.forward(Isa::current(), 0, x, StridedMut { data: &mut y, view: &to });
        assert_eq!(y, [2.0, 5.0]);
    }
}
