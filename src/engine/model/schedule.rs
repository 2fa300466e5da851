//! Finds out which operations of a graph run as one step, and in which order.

use super::graph::{Graph, ValueId};
use super::operations::{BinarySpec, Join, Operation};
use super::plan::Pass;
use super::shape::Shape;

/// A unit is an operation with what runs as one with it: a frozen batch normalisation, a sum, a clamp.
pub struct Unit {
    /// The number of the node that computes; `None` for a sum that nothing can take.
    pub node: usize,
    pub norm: Option<usize>,
    pub add: Option<ValueId>,
    pub clamp: Option<f32>,
    /// The value that comes out in the end.
    pub output: ValueId,
}

/// Finds out which operations run as one, and in which order. An operation whose result is added to something waits
/// until that is there: backwards the shortcut is then the first to write its input's gradient, and the first layer of
/// the body, which reaches every pixel, adds to it and closes the gate.
pub struct Schedule {
    pub units: Vec<Unit>,
    /// The value that stands for each value: dropout computes nothing in evaluation.
    pub same: Vec<ValueId>,
}

impl Schedule {
    pub fn new(graph: &Graph, pass: Pass) -> Self {
        let is_frozen = pass == Pass::Evaluate;
        let readers = graph.readers();
        let mut schedule = Self { units: Vec::new(), same: vec![0] };
        for (number, node) in graph.nodes().iter().enumerate() {
            let value = number + 1;
            let inputs: Vec<ValueId> = node.inputs.iter().map(|&input| schedule.same[input]).collect();
            let is_idle = matches!(&node.operation, Operation::Dropout(dropout) if is_frozen || dropout.keep >= 1.0);
            if is_idle {
                schedule.same.push(inputs[0]);
                continue;
            }
            schedule.same.push(value);
            let reads_alone = |input: usize| readers[node.inputs[input]].len() == 1;
            let writer = |units: &[Unit], value: ValueId| units.iter().rposition(|unit| unit.output == value);
            let fits = |unit: &Unit, fits: bool| fits && unit.clamp.is_none();
            let found = match &node.operation {
                Operation::BatchNorm2d(_) if is_frozen && reads_alone(0) => writer(&schedule.units, inputs[0])
                    .filter(|&at| {
                        let unit = &schedule.units[at];
                        let is_open = unit.norm.is_none() && unit.add.is_none();
                        fits(unit, graph.nodes()[unit.node].fusion().norm && is_open)
                    })
                    .map(|at| schedule.units[at].norm = Some(number)),
                operation if operation.clamp().is_some() && reads_alone(0) => writer(&schedule.units, inputs[0])
                    .filter(|&at| {
                        let unit = &schedule.units[at];
                        fits(unit, unit.add.is_some() || graph.nodes()[unit.node].fusion().clamp)
                    })
                    .map(|at| schedule.units[at].clamp = operation.clamp()),
                Operation::Binary(BinarySpec::Add {}) => (0..2)
                    .filter(|&input| reads_alone(input) && graph.shape(inputs[0]) == graph.shape(inputs[1]))
                    .find_map(|input| {
                        let at = writer(&schedule.units, inputs[input])?;
                        let unit = &schedule.units[at];
                        let is_free = unit.add.is_none() && inputs[0] != inputs[1];
                        fits(unit, graph.nodes()[unit.node].fusion().sum && is_free).then_some((at, inputs[1 - input]))
                    })
                    .map(|(at, other)| {
                        let unit = schedule.units.remove(at);
                        schedule.units.push(Unit { add: Some(other), ..unit });
                    }),
                _ => None,
            };
            match found {
                Some(()) => {
                    let taken = schedule.same[value];
                    let unit = schedule.units.iter_mut().rfind(|unit| inputs.contains(&unit.output));
                    if let Some(unit) = unit {
                        unit.output = taken;
                    }
                }
                None => schedule.units.push(Unit { node: number, norm: None, add: None, clamp: None, output: value }),
            }
        }
        schedule
    }

    /// Returns the border that the planes of each value need: for the padding of their readers, and for the gradient
    /// of their writer.
    pub fn borders(&self, graph: &Graph) -> Vec<usize> {
        let mut borders = vec![0; graph.nodes().len() + 1];
        for unit in &self.units {
            let node = &graph.nodes()[unit.node];
            let Operation::Conv2d(conv) = &node.operation else { continue };
            let x = self.same[node.inputs[0]];
            let size = |shape: Shape| shape.as_planes().map_or([1, 1], |[_, height, width]| [height, width]);
            let for_gradient = conv.conv().gradient_halo(size(graph.shape(x)), size(node.shape));
            for (value, border) in [(x, conv.padding.largest()), (unit.output, for_gradient)] {
                borders[value] = border.max(borders[value]);
            }
        }
        // The parts of a concatenation lie in one buffer.
        for unit in self.units.iter().rev() {
            let node = &graph.nodes()[unit.node];
            if matches!(&node.operation, Operation::Join(join) if join.axis == 0) {
                let parts = node.inputs.iter().map(|&input| borders[self.same[input]]);
                borders[unit.output] = parts.fold(borders[unit.output], usize::max);
            }
        }
        borders
    }
}

/// A part of a concatenation is written where it belongs: behind so many channels of the whole.
#[derive(Clone, Copy)]
pub struct Part {
    pub whole: ValueId,
    pub first: usize,
}

impl Schedule {
    /// Returns the values that can be written into a concatenation of channels, since nothing else reads them.
    pub fn parts(&self, graph: &Graph) -> Vec<Option<Part>> {
        let readers = graph.readers();
        let mut parts = vec![None; graph.nodes().len() + 1];
        for unit in &self.units {
            let node = &graph.nodes()[unit.node];
            let is_of_channels = matches!(node.shape.len(), 1 | 3);
            let Operation::Join(Join { axis: 0 }) = &node.operation else { continue };
            let mut first = 0;
            for &input in &node.inputs {
                let value = self.same[input];
                let writer = self.units.iter().find(|unit| unit.output == value);
                let writes = writer.is_some_and(|unit| {
                    let operation = &graph.nodes()[unit.node].operation;
                    operation.fusion().clamp || operation.writes_anywhere()
                });
                if writes && is_of_channels && value == input && readers[input].len() == 1 {
                    parts[value] = Some(Part { whole: unit.output, first });
                }
                first += graph.shape(input).first().copied().unwrap_or_default();
            }
        }
        parts
    }
}
