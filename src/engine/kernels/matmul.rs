//! Products of matrices that are both computed, as in attention. The library `gemm` multiplies.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use super::SharedSlice;
use super::strided::{Axis, Strided, StridedMut, View};

/// Computes `c = scale·a·b`, or adds it to what is there: c is (…, rows, columns), a (…, rows, depth), b (…, depth,
/// columns), and what stands before is alike in all three. Where c has a stride of 0 there, the sum is added to what
/// is there.
pub fn multiply(a: Strided<'_>, b: Strided<'_>, scale: f32, c: StridedMut<'_>, add: bool) {
    let [(a_places, [rows, depth]), (b_places, [other_depth, columns])] = [a, b].map(|m| matrices(m.view));
    let (c_places, [c_rows, c_columns]) = matrices(c.view);
    assert!(
        depth.len == other_depth.len && c_rows.len == rows.len && c_columns.len == columns.len,
        "sizes of matrices"
    );
    assert!(a_places.len() == c_places.len() && b_places.len() == c_places.len(), "numbers of matrices");
    if c.view.count() == 0 {
        return;
    }
    assert!(depth.len == 0 || (a.view.last() < a.data.len() && b.view.last() < b.data.len()), "short inputs");
    assert!(c.view.last() < c.data.len(), "a short output");
    let batch = &c.view.axes[..c.view.axes.len() - 2];
    let is_sum = batch.iter().any(|axis| axis.len > 1 && axis.stride == 0);
    let to = SharedSlice::new(c.data);
    let product = |matrix: usize, parallelism: Parallelism| {
        let [a, b] = [&a.data[a_places[matrix]..], &b.data[b_places[matrix]..]].map(<[f32]>::as_ptr);
        let stride = |axis: Axis| axis.stride as isize;
        // SAFETY: `gemm` asks for pointers whose elements, as counts and strides have them, are valid, and for those of
        // the output to be nobody else's: the views lie inside their slices, as asserted above, and no two matrices of
        // the output that are computed at the same time share a place.
        unsafe {
            let c = to.at(c_places[matrix]);
            let (m, n, k) = (rows.len, columns.len, depth.len);
            let read = add || is_sum;
            gemm(
                m,
                n,
                k,
                c,
                stride(c_columns),
                stride(c_rows),
                read,
                a,
                stride(depth),
                stride(rows),
                b,
                stride(columns),
                stride(other_depth),
                1.0,
                scale,
                false,
                false,
                false,
                parallelism,
            );
        }
    };
    if is_sum || c_places.len() == 1 {
        (0..c_places.len()).for_each(|matrix| product(matrix, Parallelism::Rayon(0)));
    } else {
        (0..c_places.len()).into_par_iter().for_each(|matrix| product(matrix, Parallelism::None));
    }
}

/// Returns where each matrix of a view begins, and its two axes.
fn matrices(view: &View) -> (Vec<usize>, [Axis; 2]) {
    let (batch, matrix) = view.axes.split_at(view.axes.len() - 2);
    (View { first: view.first, axes: batch.to_vec() }.places(), [matrix[0], matrix[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_views_are_those_by_hand() {
        let numbers = |count: usize| (0..count).map(|i| (i * 29 % 23) as f32 - 11.0).collect::<Vec<_>>();
        let (a, b) = (View::dense(&[2, 3, 4, 5]), View::dense(&[6, 2, 5, 3]).transposed(&[1, 3, 2, 0]));
        for (c, add) in
            [(View::dense(&[2, 3, 4, 6]), false), (View::dense(&[4, 3, 6, 2]).transposed(&[3, 1, 0, 2]), true)]
        {
            let (from_a, from_b, mut to) = (numbers(a.count()), numbers(b.count()), numbers(c.count()));
            let before = to.clone();
            multiply(
                Strided { data: &from_a, view: &a },
                Strided { data: &from_b, view: &b },
                1.0,
                StridedMut { data: &mut to, view: &c },
                add,
            );
            let at = |view: &View, index: [usize; 4]| {
                view.axes.iter().zip(index).map(|(axis, i)| axis.stride * i).sum::<usize>()
            };
            for (i, j) in (0..2).flat_map(|i| (0..3).map(move |j| (i, j))) {
                for (row, column) in (0..4).flat_map(|row| (0..6).map(move |column| (row, column))) {
                    let product = (0..5).map(|k| from_a[at(&a, [i, j, row, k])] * from_b[at(&b, [i, j, k, column])]);
                    let place = at(&c, [i, j, row, column]);
                    assert_eq!(to[place], product.sum::<f32>() + if add { before[place] } else { 0.0 });
                }
            }
        }
    }

    #[test]
    fn a_matrix_that_serves_all_gets_the_sum() {
        let (a, b) = (View::dense(&[3, 2, 2]), View::dense(&[3, 2, 2]));
        let c = View::dense(&[1, 2, 2]).broadcast(&[3, 2, 2]).expect("broadcasts");
        let ones = [1.0; 12];
        let mut to = [10.0; 4];
        let of = |view| Strided { data: &ones, view };
        multiply(of(&a), of(&b), 1.0, StridedMut { data: &mut to, view: &c }, false);
        assert_eq!(to, [16.0; 4]);
    }
}
