//! Values that lie along any number of axes, and what is computed of them one by one: sums and products with
//! broadcasting, curves, copies between arrangements, and sums along axes.

use std::cmp::Reverse;

use rayon::prelude::*;

use super::SharedSlice;
use super::simd::Isa;

/// An axis of values: so many, each so far from the one before in memory. Where the distance is 0 they are one and the
/// same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    pub len: usize,
    pub stride: usize,
}

/// The places of values along axes, the outermost axis first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub first: usize,
    pub axes: Vec<Axis>,
}

impl View {
    /// Lays out values of this shape without gaps, those of the last axis next to each other.
    pub fn dense(shape: &[usize]) -> Self {
        let mut stride = 1;
        let mut axes: Vec<Axis> = Vec::with_capacity(shape.len());
        for &len in shape.iter().rev() {
            axes.push(Axis { len, stride });
            stride *= len;
        }
        axes.reverse();
        Self { first: 0, axes }
    }

    /// Returns the lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// Returns the number of values.
    pub fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.len).product()
    }

    /// Puts the axes in another order: axis `i` of the result is axis `order[i]` of this view.
    pub fn transposed(&self, order: &[usize]) -> Self {
        Self { first: self.first, axes: order.iter().map(|&axis| self.axes[axis]).collect() }
    }

    /// Keeps every `step`-th of an axis from `start` on, `len` of them.
    pub fn sliced(&self, axis: usize, start: usize, len: usize, step: usize) -> Self {
        let mut view = self.clone();
        let stride = view.axes[axis].stride;
        view.first += start * stride;
        // A single value has no neighbour, however far away.
        view.axes[axis] = Axis { len, stride: if len > 1 { stride * step } else { stride } };
        view
    }

    /// Repeats the values along axes of length 1 and along new axes in front, as NumPy broadcasts. `None` where the
    /// shapes do not allow it.
    pub fn broadcast(&self, shape: &[usize]) -> Option<Self> {
        let new = shape.len().checked_sub(self.axes.len())?;
        let axes = shape.iter().enumerate().map(|(i, &len)| match i.checked_sub(new).map(|i| self.axes[i]) {
            None => Some(Axis { len, stride: 0 }),
            Some(axis) if axis.len == len => Some(axis),
            Some(Axis { len: 1, .. }) => Some(Axis { len, stride: 0 }),
            Some(_) => None,
        });
        Some(Self { first: self.first, axes: axes.collect::<Option<_>>()? })
    }

    /// Splits and joins axes so that the values, taken in order, have another shape. `None` where that needs a copy.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        let mut rest = self.axes.iter().copied().filter(|axis| axis.len != 1);
        let mut axes = Vec::with_capacity(shape.len());
        let mut open: Option<Axis> = None;
        // From the outside in: what is open is split as the shape asks, and joined with its neighbour where it is
        // too short.
        for &len in shape {
            if len == 1 {
                axes.push(Axis { len: 1, stride: 0 });
                continue;
            }
            let mut have = open.take().or_else(|| rest.next())?;
            while have.len % len != 0 {
                let next = rest.next().filter(|next| have.stride == next.stride * next.len)?;
                have = Axis { len: have.len * next.len, stride: next.stride };
            }
            let inner = have.len / len;
            axes.push(Axis { len, stride: have.stride * inner });
            open = (inner > 1).then_some(Axis { len: inner, stride: have.stride });
        }
        (open.is_none() && rest.next().is_none()).then_some(Self { first: self.first, axes })
    }

    /// Adds an axis of `n` pictures in front, each so far from the one before.
    pub fn of_pictures(&self, n: usize, stride: usize) -> Self {
        let mut axes = vec![Axis { len: n, stride }];
        axes.extend(&self.axes);
        Self { first: self.first, axes }
    }

    /// Returns the places of all values, in order.
    pub fn places(&self) -> Vec<usize> {
        self.axes.iter().fold(vec![self.first], |places, axis| {
            places.iter().flat_map(|place| (0..axis.len).map(move |i| place + i * axis.stride)).collect()
        })
    }

    /// Returns the place of the last value.
    pub(super) fn last(&self) -> usize {
        self.first + self.axes.iter().map(|axis| (axis.len - 1) * axis.stride).sum::<usize>()
    }
}

/// Values with where they lie.
#[derive(Clone, Copy)]
pub struct Strided<'a> {
    pub data: &'a [f32],
    pub view: &'a View,
}

/// Values that are written to.
pub struct StridedMut<'a> {
    pub data: &'a mut [f32],
    pub view: &'a View,
}

/// The number of values that are computed at a time.
const BLOCK: usize = 256;

/// The fewest values of a parallel task: less is not worth waking another thread for.
const MIN_TASK: usize = 1 << 14;

/// The inputs of a block, one after the other in memory.
type Blocks<'a, const K: usize> = [&'a [f32]; K];

/// Computes `out = f(inputs)` value by value, or adds to what is there. All views have one shape; along axes on which
/// the output has a stride of 0 the sum is added to what is there. `f(out, inputs)` computes a block.
pub fn combine<const K: usize>(
    isa: Isa,
    out: StridedMut<'_>,
    inputs: [Strided<'_>; K],
    add: bool,
    f: impl Fn(&mut [f32], Blocks<'_, K>) + Sync,
) {
    let count = out.view.count();
    if count == 0 {
        return;
    }
    assert!(out.view.last() < out.data.len(), "the output is shorter than its view");
    assert!(inputs.iter().all(|input| input.view.last() < input.data.len()), "an input is shorter than its view");
    let loops = Loop::of(out.view, inputs.map(|input| input.view));
    let add = add || loops.iter().any(|axis| axis.out == 0);
    let walk = Walk { isa, inputs: inputs.map(|input| input.data), out: SharedSlice::new(out.data), add, f: &f };
    let start = Places { out: out.view.first, inputs: inputs.map(|input| input.view.first) };
    // Rounds of this loop write to different places.
    let split = loops.iter().position(|axis| axis.out != 0);
    let tasks = split.map_or(1, |split| (count / MIN_TASK).min(loops[split].len).min(4 * rayon::current_num_threads()));
    let (Some(split), 2..) = (split, tasks) else {
        // SAFETY: the views lie inside their slices, as asserted above, and this is the only task.
        return unsafe { walk.run(&loops, start) };
    };
    (0..tasks).into_par_iter().for_each(|task| {
        let (mut loops, mut start) = (loops.clone(), start);
        let from = task * loops[split].len / tasks;
        loops[split].len = (task + 1) * loops[split].len / tasks - from;
        start.go(&loops[split], from as isize);
        // SAFETY: the views lie inside their slices, as asserted above, and each task has rounds of its own of a loop
        // whose rounds write to different places.
        unsafe { walk.run(&loops, start) };
    });
}

/// A loop over an axis, with the distances from one round to the next.
#[derive(Clone, Copy)]
struct Loop<const K: usize> {
    len: usize,
    out: usize,
    inputs: [usize; K],
}

impl<const K: usize> Loop<K> {
    /// Puts the axes in an order in which memory is read from its beginning to its end, and joins those that lie as
    /// one everywhere. There is at least one.
    fn of(out: &View, inputs: [&View; K]) -> Vec<Self> {
        assert!(inputs.iter().all(|input| input.shape() == out.shape()), "views of different shapes");
        let axes = out.axes.iter().enumerate().map(|(axis, &Axis { len, stride })| {
            let inputs = inputs.map(|view| view.axes[axis].stride);
            Self { len, out: stride, inputs }
        });
        let mut axes: Vec<Self> = axes.filter(|axis| axis.len != 1).collect();
        axes.sort_by_key(|axis| Reverse(axis.inputs.into_iter().fold(axis.out, usize::max)));
        let mut joined: Vec<Self> = Vec::with_capacity(axes.len().max(1));
        for axis in axes {
            match joined.last_mut() {
                Some(outer) if outer.continues(&axis) => *outer = Self { len: outer.len * axis.len, ..axis },
                _ => joined.push(axis),
            }
        }
        if joined.is_empty() {
            joined.push(Self { len: 1, out: 1, inputs: [1; K] });
        }
        joined
    }

    fn continues(&self, inner: &Self) -> bool {
        let inputs = self.inputs.iter().zip(&inner.inputs);
        self.out == inner.out * inner.len && inputs.into_iter().all(|(outer, stride)| *outer == stride * inner.len)
    }
}

/// These are the places at which a task is.
#[derive(Clone, Copy)]
struct Places<const K: usize> {
    out: usize,
    inputs: [usize; K],
}

impl<const K: usize> Places<K> {
    fn go(&mut self, axis: &Loop<K>, rounds: isize) {
        self.out = self.out.wrapping_add_signed(rounds * axis.out as isize);
        for (place, stride) in self.inputs.iter_mut().zip(axis.inputs) {
            *place = place.wrapping_add_signed(rounds * stride as isize);
        }
    }
}

/// All tasks of [`combine`] share this.
struct Walk<'a, F, const K: usize> {
    isa: Isa,
    inputs: [&'a [f32]; K],
    out: SharedSlice<'a, f32>,
    add: bool,
    f: &'a F,
}

/// A block is so many rounds of the innermost loop in each of so many rounds of the loop around it.
#[derive(Clone, Copy)]
struct Block {
    rows: usize,
    len: usize,
}

/// Room for the inputs of a block that do not lie next to each other, and for its results.
struct Scratch<const K: usize> {
    inputs: [[f32; BLOCK]; K],
    result: [f32; BLOCK],
}

impl<F: Fn(&mut [f32], Blocks<'_, K>) + Sync, const K: usize> Walk<'_, F, K> {
    /// # Safety
    /// All places of the output lie inside its slice, and no other task writes to them.
    unsafe fn run(&self, loops: &[Loop<K>], mut at: Places<K>) {
        let once = Loop { len: 1, out: 0, inputs: [0; K] };
        let (outer, row, inner) = match loops {
            [] => return,
            [inner] => (&[][..], &once, inner),
            [outer @ .., row, inner] => (outer, row, inner),
        };
        // Short rows are computed several at a time.
        let rows = if inner.len > BLOCK / 4 { 1 } else { (BLOCK / inner.len.max(1)).min(row.len) };
        let mut rounds = vec![0; outer.len()];
        let mut scratch = Scratch { inputs: [[0.0; BLOCK]; K], result: [0.0; BLOCK] };
        self.isa.vectorised(|| {
            loop {
                for first in (0..row.len).step_by(rows) {
                    let mut at = at;
                    at.go(row, first as isize);
                    for done in (0..inner.len).step_by(BLOCK) {
                        let block = Block { rows: rows.min(row.len - first), len: BLOCK.min(inner.len - done) };
                        // SAFETY: the places of a block are places of the output: the contract of this function.
                        unsafe { self.block([row, inner], block, at, &mut scratch) };
                        at.go(inner, BLOCK as isize);
                    }
                }
                // The innermost of the outer loops that is not at its end goes on; those inside it begin anew.
                let Some(next) = (0..outer.len()).rev().find(|&axis| rounds[axis] + 1 < outer[axis].len) else {
                    return;
                };
                for axis in next + 1..outer.len() {
                    at.go(&outer[axis], -(rounds[axis] as isize));
                    rounds[axis] = 0;
                }
                at.go(&outer[next], 1);
                rounds[next] += 1;
            }
        });
    }

    /// # Safety
    /// The block lies inside the output, and no other task writes to it.
    #[inline(always)]
    unsafe fn block(&self, [row, inner]: [&Loop<K>; 2], block: Block, at: Places<K>, scratch: &mut Scratch<K>) {
        let count = block.rows * block.len;
        // What lies next to each other is used where it is.
        let is_dense = |row: usize, inner: usize| inner == 1 && (block.rows == 1 || row == block.len);
        for (k, scratch) in scratch.inputs.iter_mut().enumerate() {
            if !is_dense(row.inputs[k], inner.inputs[k]) {
                let from = &self.inputs[k][at.inputs[k]..];
                gather(from, [row.inputs[k], inner.inputs[k]], block, &mut scratch[..count]);
            }
        }
        let blocks: Blocks<'_, K> = std::array::from_fn(|k| {
            if is_dense(row.inputs[k], inner.inputs[k]) {
                &self.inputs[k][at.inputs[k]..][..count]
            } else {
                &scratch.inputs[k][..count]
            }
        });
        if is_dense(row.out, inner.out) && !self.add {
            // SAFETY: `SharedSlice::slice` asks for places inside the slice that nobody else has: this function's
            // contract.
            return (self.f)(unsafe { self.out.slice(at.out, count) }, blocks);
        }
        let result = &mut scratch.result[..count];
        (self.f)(result, blocks);
        for (number, result) in result.chunks_exact(block.len).enumerate() {
            let to = at.out + number * row.out;
            // SAFETY: `SharedSlice::slice` and `at` ask for places inside the slice that nobody else has: this
            // function's contract.
            unsafe {
                match inner.out {
                    1 if self.add => {
                        self.out.slice(to, block.len).iter_mut().zip(result).for_each(|(to, from)| *to += *from)
                    }
                    1 => self.out.slice(to, block.len).copy_from_slice(result),
                    0 => *self.out.at(to) += sum(result),
                    stride => result.iter().enumerate().for_each(|(i, value)| {
                        let to = self.out.at(to + i * stride);
                        *to = if self.add { *to + value } else { *value };
                    }),
                }
            }
        }
    }
}

/// Copies the values of a block next to each other; the strides are those of its rows and inside a row.
#[inline(always)]
fn gather(from: &[f32], [row, inner]: [usize; 2], block: Block, to: &mut [f32]) {
    if [row, inner] == [0, 0] {
        return to.fill(from[0]);
    }
    for (number, to) in to.chunks_exact_mut(block.len).enumerate() {
        let from = &from[number * row..];
        match inner {
            0 => to.fill(from[0]),
            1 => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
            _ => to.iter_mut().zip(from.iter().step_by(inner)).for_each(|(to, from)| *to = *from),
        }
    }
}

/// Sums values in an order that the compiler can do several at a time.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0.0f32; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
    }
    rest + sums.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 37 % 101) as f32 - 50.0).collect()
    }

    /// Combines a and b by `a − 2b` into `out`, in the order of the axes.
    fn naive(out: &View, a: &View, b: &View, before: &[f32], add: bool) -> Vec<f32> {
        let (from, mut to) = (numbers(1000), before.to_vec());
        let add = add || out.axes.iter().any(|axis| axis.stride == 0 && axis.len > 1);
        for ((out, a), b) in out.places().into_iter().zip(a.places()).zip(b.places()) {
            to[out] = if add { to[out] } else { 0.0 } + from[a] - 2.0 * from[b];
        }
        to
    }

    #[test]
    fn views_are_combined_as_one_by_one() {
        let dense = View::dense(&[4, 5, 6]);
        let transposed = View::dense(&[6, 4, 5]).transposed(&[1, 2, 0]);
        let row = View::dense(&[6]).broadcast(&[4, 5, 6]).expect("broadcasts");
        let column = View::dense(&[4, 1, 1]).broadcast(&[4, 5, 6]).expect("broadcasts");
        let part = View::dense(&[4, 10, 6]).sliced(1, 1, 5, 2);
        let one = View::dense(&[1]).broadcast(&[4, 5, 6]).expect("broadcasts");
        let all = [&dense, &transposed, &row, &column, &part, &one];
        for out in all {
            for (a, b) in all.into_iter().flat_map(|a| all.map(|b| (a, b))) {
                for add in [false, true] {
                    let (from, mut to) = (numbers(1000), numbers(300));
                    let expected = naive(out, a, b, &to, add);
                    let inputs = [a, b].map(|view| Strided { data: &from, view });
                    combine(Isa::current(), StridedMut { data: &mut to, view: out }, inputs, add, |y, [a, b]| {
                        y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = a - 2.0 * b);
                    });
                    assert_eq!(to, expected, "{out:?} of {a:?} and {b:?}, {add}");
                }
            }
        }
    }

    #[test]
    fn many_values_are_shared_out_to_threads() {
        let [x, y] = [View::dense(&[7, 300, 41]), View::dense(&[300, 41, 7]).transposed(&[2, 0, 1])];
        let from: Vec<f32> = (0..x.count()).map(|i| i as f32).collect();
        let mut to = vec![0.0; from.len()];
        let input = Strided { data: &from, view: &x };
        combine(Isa::current(), StridedMut { data: &mut to, view: &y }, [input], false, |y, [x]| y.copy_from_slice(x));
        for (from, to_place) in from.iter().zip(y.places()) {
            assert_eq!(*from, to[to_place]);
        }
        // Sums over the first and the last axis; whole numbers of this size are exact.
        let sums = View::dense(&[1, 300, 1]);
        let view =
            View { first: 0, axes: [(7, 0), (300, 1), (41, 0)].map(|(len, stride)| Axis { len, stride }).to_vec() };
        let (mut to, ones) = (vec![0.0; sums.count()], vec![1.0; from.len()]);
        let input = Strided { data: &ones, view: &x };
        combine(Isa::current(), StridedMut { data: &mut to, view: &view }, [input], false, |y, [x]| {
            y.copy_from_slice(x)
        });
        assert_eq!(to, vec![7.0 * 41.0; 300]);
    }

    #[test]
    fn views_are_split_and_joined_where_no_copy_is_needed() {
        let check = |view: &View, shape: &[usize], is_possible: bool| match view.reshaped(shape) {
            Some(reshaped) => {
                assert!(is_possible, "{view:?} to {shape:?}");
                assert_eq!(reshaped.shape(), shape);
                assert_eq!(reshaped.places(), view.places(), "{view:?} to {shape:?}");
            }
            None => assert!(!is_possible, "{view:?} to {shape:?}"),
        };
        let dense = View::dense(&[4, 6, 5]);
        for shape in [&[24, 5][..], &[4, 30], &[120], &[2, 2, 6, 5], &[8, 15], &[1, 4, 3, 1, 2, 5], &[3, 40]] {
            check(&dense, shape, true);
        }
        // Channels innermost: pixels join, channels join with nothing.
        let planes = View::dense(&[4, 6, 5]).transposed(&[2, 0, 1]);
        check(&planes, &[5, 24], true);
        check(&planes, &[5, 2, 2, 6], true);
        check(&planes, &[120], false);
        check(&planes, &[20, 6], false);
        check(&dense.sliced(1, 0, 3, 2), &[4, 15], false);
        check(&dense.sliced(0, 1, 2, 1), &[60], true);
        assert_eq!(dense.broadcast(&[4, 6, 7]), None);
        assert_eq!(dense.broadcast(&[6, 5]), None);
    }
}
