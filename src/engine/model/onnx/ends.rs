//! The two ends of a net: how the file sees the picture, and what turns logits into probabilities.

use std::collections::HashSet;

use super::fold::floats;
use super::lower::Lowered;
use super::{Computed, Importer, PictureInput, Value};
use crate::model::graph::{Graph, ValueId};
use crate::model::import::{ImportedNet, Preprocessing};
use crate::model::operations::{
    BinarySpec, CurveSpec, Operation, Pad, PadMode, Reshape, Tensor as TensorOperation, Transpose,
};
use crate::model::parameters::Params;

/// A net may end in one of these, which turn logits into probabilities.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Softmax,
    Sigmoid,
}

impl Importer<'_> {
    /// Sees the picture as the file does.
    pub(super) fn begin(&mut self, picture: &PictureInput, [channels, height, width]: [usize; 3]) -> Lowered {
        let mut id = 0;
        if picture.is_bytes {
            id = self.graph.push(CurveSpec::Scale { scale: 255.0, offset: 0.0 }, &[id])?;
        }
        if picture.row.is_some() {
            self.notes.push("The net takes in a picture as one row of numbers, channel after channel.".into());
            let count = channels * height * width;
            id = self.graph.push(Reshape { shape: vec![count] }, &[id])?;
            return Ok(Computed { id, dims: vec![1, count] });
        }
        if picture.is_last {
            id = self.graph.push(Transpose { order: vec![1, 2, 0] }, &[id])?;
            return Ok(Computed { id, dims: vec![1, height, width, channels] });
        }
        Ok(Computed { id, dims: vec![1, channels, height, width] })
    }

    /// Ends the graph at an output.
    pub(super) fn finish(mut self, output: &str) -> Result<ImportedNet, String> {
        let Some(Value::Computed(Computed { id, dims })) = self.values.get(output).cloned() else {
            return Err("the output does not depend on the picture".into());
        };
        let shape = self.graph.shape(id);
        if dims.first() != Some(&1) || shape.iter().filter(|len| **len > 1).count() > 1 {
            return Err(format!("the output {output:?} is {dims:?}; expected one row of numbers, one a class"));
        }
        self.graph.output = id;
        let end = self.leave_out_end();
        let id = self.graph.output;
        let count = self.graph.shape(id).count();
        if self.graph.shape(id).len() != 1 {
            self.graph.push(Reshape { shape: vec![count] }, &[id])?;
        }
        match (count, end) {
            (1, Some(End::Sigmoid)) => {
                // The sigmoid of z is the second probability of the logits 0 and z.
                let id = self.graph.output;
                self.graph.push(Pad { before: vec![1], after: vec![0], mode: PadMode::Constant, value: 0.0 }, &[id])?;
                self.notes.push("The sigmoid of one number at the end stands for two classes.".into());
            }
            (1, _) => return Err(format!("the output {output:?} is one number; expected one a class")),
            (_, Some(End::Softmax)) => {
                self.notes.push("The softmax at the end is left out: attacks use the logits before it.".into());
            }
            (_, Some(End::Sigmoid)) => {
                let several = "The net ends in a sigmoid for each class, so that several may be true at once; here \
                               the logits before it compete";
                self.notes.push(format!("{several}, and probabilities are those of a softmax."));
            }
            (_, None) => {}
        }
        let normalisation = take_normalisation(&mut self.graph, &self.params);
        self.graph.prune();
        let needed: HashSet<String> = self.graph.tensors().map(|(_, name, _)| name).collect();
        self.params.retain(|name, _| needed.contains(name));
        let normalisation =
            normalisation.map(|(mean, std)| Preprocessing { name: "the file's own".into(), mean, std, is_bgr: false });
        Ok(ImportedNet {
            graph: self.graph,
            params: self.params,
            normalisation,
            usual: None,
            replaces: None,
            classes: None,
            notes: self.notes,
            producer: self.file.producer.clone(),
        })
    }

    /// Leaves out what turns logits into probabilities at the end: attacks climb the logits, and it would only make
    /// them lose digits.
    fn leave_out_end(&mut self) -> Option<End> {
        let mut at = self.graph.output;
        loop {
            let node = &self.graph.nodes()[at.checked_sub(1)?];
            let end = match node.operation {
                Operation::Reshape(_) | Operation::Flatten(_) => {
                    at = node.inputs[0];
                    continue;
                }
                Operation::Softmax(_) => End::Softmax,
                Operation::Curve(CurveSpec::Sigmoid {}) => End::Sigmoid,
                Operation::Join(_) => {
                    at = self.probability_of_two(&node.inputs)?;
                    continue;
                }
                _ => return None,
            };
            self.graph.output = node.inputs[0];
            return Some(end);
        }
    }

    /// Returns p where these values are 1 − p and p, a sigmoid of one number.
    fn probability_of_two(&self, values: &[ValueId]) -> Option<ValueId> {
        let [other, p] = *values else { return None };
        let nodes = self.graph.nodes();
        let (complement, sigmoid) = (&nodes[other.checked_sub(1)?], &nodes[p.checked_sub(1)?]);
        let is_complement = complement.operation == CurveSpec::Scale { scale: -1.0, offset: 1.0 }.into();
        let is_sigmoid = sigmoid.operation == CurveSpec::Sigmoid {}.into() && self.graph.shape(p).count() == 1;
        (is_complement && complement.inputs == [p] && is_sigmoid).then_some(p)
    }
}

/// Takes sums and products with numbers of the file off the beginning of a graph, and returns the mean and the
/// deviation per channel that do the same.
fn take_normalisation(graph: &mut Graph, params: &Params) -> Option<(Vec<f32>, Vec<f32>)> {
    let channels = graph.shape(0)[0];
    let (mut scale, mut offset) = (vec![1.0; channels], vec![0.0; channels]);
    let mut at = 0;
    let mut taken = Vec::new();
    loop {
        let mut readers = graph.readers().swap_remove(at);
        // Nodes that were taken still read their input until they are pruned.
        readers.retain(|reader| reader.is_none_or(|number| !taken.contains(&number)));
        let [Some(number)] = readers[..] else { break };
        let node = &graph.nodes()[number];
        if matches!(&node.operation, Operation::Transpose(_)) && at == 0 {
            at = number + 1;
            continue;
        }
        let Some((factor, term)) = per_channel(graph, params, number, at, channels) else { break };
        for c in 0..channels {
            (scale[c], offset[c]) = (scale[c] * factor[c], offset[c] * factor[c] + term[c]);
        }
        graph.bypass(number, at);
        taken.push(number);
    }
    if taken.is_empty() {
        return None;
    }
    let std: Vec<f32> = scale.iter().map(|scale| 1.0 / scale).collect();
    let mean = offset.iter().zip(&std).map(|(offset, std)| 0.0 - offset * std).collect();
    Some((mean, std))
}

/// Returns a node as `factor·x + term` per channel, where it is that and the factors are positive.
fn per_channel(
    graph: &Graph,
    params: &Params,
    number: usize,
    x: ValueId,
    channels: usize,
) -> Option<(Vec<f32>, Vec<f32>)> {
    let node = &graph.nodes()[number];
    let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
    let (factor, term) = match &node.operation {
        Operation::Curve(CurveSpec::Scale { scale, offset }) => (vec![*scale; channels], vec![*offset; channels]),
        Operation::Binary(binary) => {
            let place = node.inputs.iter().position(|input| *input == x)?;
            let other = graph.nodes().get(node.inputs[1 - place].checked_sub(1)?)?;
            let Operation::Tensor(TensorOperation { name, shape }) = &other.operation else { return None };
            let axis = graph.shape(x).iter().position(|len| *len == channels)?;
            let channel_axis = if graph.shape(x).first() == Some(&channels) { 0 } else { axis };
            let is_channel =
                shape.iter().rev().enumerate().all(|(from_end, len)| *len == 1 || 2 - from_end.min(2) == channel_axis);
            let values = floats(params.get(name)?).ok()?;
            if !is_channel || ![1, channels].contains(&values.len()) {
                return None;
            }
            let values: Vec<f32> = (0..channels).map(|c| values[c.min(values.len() - 1)]).collect();
            match (binary, place) {
                (BinarySpec::Add {}, _) => (ones, values),
                (BinarySpec::Subtract {}, 0) => (ones, values.iter().map(|v| -v).collect()),
                (BinarySpec::Multiply {}, _) => (values, zeros),
                (BinarySpec::Divide {}, 0) => (values.iter().map(|v| 1.0 / v).collect(), zeros),
                _ => return None,
            }
        }
        _ => return None,
    };
    let is_usable = factor.iter().all(|f| f.is_finite() && *f > 0.0) && term.iter().all(|t: &f32| t.is_finite());
    is_usable.then_some((factor, term))
}
