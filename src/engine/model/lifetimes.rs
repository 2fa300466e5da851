//! The memory of a value or a gradient serves for the next one once nothing reads it any more.

use super::plan::{Backward, NodeId, Op, Plan, Store};
use crate::kernels::{Map, planes};

/// This says which buffers nothing reads behind a step: the values on the way forwards, the gradients on the way back.
#[derive(Debug, Default)]
pub struct Lifetimes {
    pub values: Vec<Vec<usize>>,
    pub gradients: Vec<Vec<usize>>,
}

impl Plan {
    /// Finds out when the buffers of a plan are read last.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        let count = self.buffers.len();
        let (mut last, mut first) = (vec![None::<usize>; count], vec![None::<usize>; count]);
        let buffer = |node: NodeId| match self.nodes[node].store {
            Store::Buffer(buffer) => Some(buffer),
            Store::Parameter(_) => None,
        };
        for (number, step) in self.steps.iter().enumerate() {
            for read in step.inputs().chain(step.add).filter_map(buffer) {
                last[read] = Some(number);
            }
            // On the way back a step reads the gradient of its result; behind a max pool or a maxout, that of theirs.
            let behind = match self.backward_of(step) {
                Backward::Sparse(reader) | Backward::Units(reader) => Some(self.steps[reader].y),
                _ => None,
            };
            for read in std::iter::once(step.y).chain(behind).filter_map(buffer) {
                first[read].get_or_insert(number);
            }
        }
        // The logits are read at the end, and the gradient of the pixels.
        if let Some(output) = buffer(self.output) {
            last[output] = None;
        }
        if let Some(input) = buffer(self.input) {
            first[input] = None;
        }
        let mut found = Lifetimes::default();
        for (ends, at) in [(&mut found.values, last), (&mut found.gradients, first)] {
            ends.resize(self.steps.len(), Vec::new());
            for (buffer, step) in at.into_iter().enumerate().filter_map(|(buffer, step)| Some((buffer, step?))) {
                ends[step].push(buffer);
            }
        }
        found
    }

    /// Tells whether the gradient of a step's input is never written, since the layer before it takes its gradient from
    /// the winners of a max pool or a maxout.
    pub(super) fn is_read_sparsely(&self, step: usize) -> bool {
        let step = &self.steps[step];
        if !matches!(step.op, Op::MaxPool(_) | Op::Maxout(_)) {
            return false;
        }
        let writer = self.steps.iter().find(|writer| writer.y == step.x);
        writer.is_some_and(|writer| matches!(self.backward_of(writer), Backward::Sparse(_) | Backward::Units(_)))
    }
}

/// This memory is free.
#[derive(Debug)]
struct Spare {
    data: Vec<f32>,
    /// It served for values of this map, of `n` pictures, and has their border of zeros; a gradient may leave anything in
    /// its border.
    held: Option<(Map, usize)>,
}

/// The memory that nothing uses at present.
#[derive(Debug, Default)]
pub struct Spares(Vec<Spare>);

impl Spares {
    /// Gives a buffer memory for `n` pictures of a map, where it has none: with a border of zeros and anything inside.
    pub(super) fn lend(&mut self, to: &mut Vec<f32>, map: Map, n: usize) {
        let len = map.buffer_len(n);
        if !to.is_empty() {
            return;
        }
        if let Some(at) = self.0.iter().position(|spare| spare.held == Some((map, n))) {
            *to = self.0.swap_remove(at).data;
            return;
        }
        let fitting = self.0.iter().enumerate().filter(|(_, spare)| spare.data.len() >= len);
        let fitting = fitting.min_by_key(|(_, spare)| spare.data.len()).map(|(at, _)| at);
        let largest = || self.0.iter().enumerate().max_by_key(|(_, spare)| spare.data.len()).map(|(at, _)| at);
        *to = match fitting.or_else(largest) {
            Some(at) => self.0.swap_remove(at).data,
            None => Vec::new(),
        };
        if to.len() < len {
            // Nothing of what it held is wanted, so that it need not be copied.
            *to = vec![0.0; len];
        } else {
            planes::clear_border(map, n, to);
        }
    }

    /// Takes the memory of values back, of `n` pictures of this map.
    pub(super) fn take_values_back(&mut self, data: &mut Vec<f32>, map: Map, n: usize) {
        self.take_back(data, Some((map, n)));
    }

    /// Takes the memory of gradients back.
    pub(super) fn take_gradient_back(&mut self, data: &mut Vec<f32>) {
        self.take_back(data, None);
    }

    fn take_back(&mut self, data: &mut Vec<f32>, held: Option<(Map, usize)>) {
        if !data.is_empty() {
            self.0.push(Spare { data: std::mem::take(data), held });
        }
    }

    /// Returns the number of values that there is room for.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|spare| spare.data.len()).sum()
    }
}
