//! Turns an ONNX file into a graph of our own and its tensors, once: what runs is a manifest with safetensors. Nothing
//! of the file is run.

mod arguments;
mod attention;
mod composed;
mod ends;
mod file;
mod fold;
mod fused;
mod lower;
mod moves;
mod pairs;
mod proto;
mod weighted;

use std::collections::{BTreeMap, HashMap, HashSet};

use candle_core::Tensor;

pub use file::{OnnxFile, Port, PortKind};

use super::graph::{Graph, ValueId};
use super::import::{Answers, ImportedNet};
use super::parameters::Params;
use super::shape::{Shape, count};

/// A value of the file.
#[derive(Clone)]
enum Value {
    /// It is alike for all pictures.
    Known(Tensor),
    Computed(Computed),
}

/// A value that depends on the picture.
#[derive(Clone, Debug)]
struct Computed {
    id: ValueId,
    /// Its shape in the file, for one picture: usually that of the graph with a 1 in front.
    dims: Vec<usize>,
}

/// A net in the making.
struct Importer<'a> {
    file: &'a OnnxFile,
    graph: Graph,
    params: Params,
    values: HashMap<&'a str, Value>,
    /// The number of nodes that read each value.
    readers: HashMap<&'a str, usize>,
    names: HashSet<String>,
    notes: Vec<String>,
    /// So many values may still be worked out.
    room: usize,
}

/// Returns the shape in the graph of a value with this shape in the file: the axis of the pictures is left out.
fn without_pictures(dims: &[usize]) -> &[usize] {
    match dims {
        [1, rest @ ..] if !rest.is_empty() => rest,
        _ => dims,
    }
}

impl OnnxFile {
    /// Returns the input that takes the picture, with channels, height and width where the file fixes them, and whether
    /// the channels come last.
    ///
    /// # Errors
    /// In words, for none or several, and for one that is no picture.
    pub fn picture(&self) -> Result<PictureInput, String> {
        let [input] = &self.inputs[..] else {
            let names: Vec<_> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(match names.len() {
                0 => "the net takes nothing in; expected one picture".into(),
                _ => format!(
                    "the net takes in {} ({}); expected one picture, so export it with one input",
                    names.len(),
                    names.join(", ")
                ),
            });
        };
        if let PortKind::Other(kind) = input.kind {
            return Err(format!(
                "the input {:?} takes numbers of kind {kind}; expected floating-point numbers or bytes",
                input.name
            ));
        }
        if let Some(Some(batch @ 2..)) = input.axes.first() {
            return Err(format!(
                "the net is made for {batch} pictures at a time; export it for 1, or for any number (dynamic_axes, \
                 dynamic_shapes)"
            ));
        }
        let is_bytes = input.kind == PortKind::Byte;
        let (a, b, c) = match input.axes[..] {
            [_, a, b, c] => (a, b, c),
            [_, Some(count)] => {
                return Ok(PictureInput { axes: [None; 3], is_last: false, is_bytes, row: Some(count) });
            }
            _ => {
                let count = input.axes.len();
                return Err(format!(
                    "the input {:?} has {count} axes; expected 4: pictures, channels, height, width",
                    input.name
                ));
            }
        };
        let is_channel = |axis: Option<usize>| matches!(axis, Some(1 | 3));
        let is_last = !is_channel(a) && is_channel(c);
        if let (Some(channels), false) = (a, is_last)
            && !is_channel(a)
        {
            return Err(format!("the input {:?} has {channels} channels; expected 1 (grey) or 3 (colour)", input.name));
        }
        let axes = if is_last { [c, a, b] } else { [a, b, c] };
        Ok(PictureInput { axes, is_last, is_bytes, row: None })
    }

    /// Returns the outputs that may hold logits: those with one row of numbers.
    pub fn logits(&self) -> Vec<&Port> {
        let may_be = |port: &&Port| matches!(port.axes.len(), 0 | 2) && port.kind.may_be_float();
        let rows: Vec<_> = self.outputs.iter().filter(may_be).collect();
        if rows.is_empty() { self.outputs.iter().collect() } else { rows }
    }

    /// Makes a graph of the file.
    ///
    /// # Errors
    /// One sentence with the operator and the name of the node, and what would help.
    pub fn import(&self, answers: &Answers) -> Result<ImportedNet, String> {
        let picture = self.picture()?;
        let axes = picture.axes.iter().zip(answers.axes.map_or([None; 3], |axes| axes.map(Some)));
        let axes: Option<Vec<usize>> = axes.map(|(fixed, wanted)| fixed.or(wanted)).collect();
        let axes = axes.ok_or("the file does not fix the size of the picture; expected channels, height and width")?;
        let (channels, height, width) = (axes[0], axes[1], axes[2]);
        if let Some(row) = picture.row
            && count(&axes) != row
        {
            return Err(format!(
                "the net takes in {row} numbers; a picture of {channels}×{height}×{width} has {}",
                count(&axes)
            ));
        }
        let output = self.output(answers.output.as_deref())?;
        let shape = Shape::planes([channels, height, width]);
        let mut readers: HashMap<&str, usize> = HashMap::new();
        let read = self.nodes.iter().flat_map(|node| &node.inputs).chain([&output.name]);
        read.for_each(|name| *readers.entry(name).or_default() += 1);
        let held: usize = self.tensors.values().map(Tensor::elem_count).sum();
        let mut importer = Importer {
            file: self,
            graph: Graph::new(shape),
            params: BTreeMap::new(),
            values: self.tensors.iter().map(|(name, tensor)| (name.as_str(), Value::Known(tensor.clone()))).collect(),
            readers,
            names: HashSet::new(),
            notes: Vec::new(),
            room: held.saturating_add(fold::MAX_VALUES).saturating_mul(4),
        };
        let input = importer.begin(&picture, [channels, height, width])?;
        importer.values.insert(&self.inputs[0].name, Value::Computed(input));
        for node in self.sorted(&output.name)? {
            importer.node(node).map_err(|why| format!("the node {:?} ({}) {why}", node.name, node.operator))?;
        }
        importer.finish(&output.name)
    }

    fn output(&self, wanted: Option<&str>) -> Result<&Port, String> {
        let names =
            |ports: &[&Port]| ports.iter().map(|port| format!("{:?}", port.name)).collect::<Vec<_>>().join(", ");
        if let Some(wanted) = wanted {
            let found = self.outputs.iter().find(|port| port.name == wanted);
            let all: Vec<&Port> = self.outputs.iter().collect();
            return found.ok_or_else(|| format!("the net has no output {wanted:?}; it has {}", names(&all)));
        }
        match self.logits()[..] {
            [] => Err("the net gives nothing back; expected one number a class".into()),
            [one] => Ok(one),
            ref several => {
                Err(format!("the net has the outputs {}; name the one with one number a class", names(several)))
            }
        }
    }

    /// Returns the nodes that an output needs, each after those that it reads.
    fn sorted(&self, output: &str) -> Result<Vec<&file::Node>, String> {
        let writers: HashMap<&str, usize> = self
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(i, node)| node.outputs.iter().map(move |name| (name.as_str(), i)))
            .collect();
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut states = vec![State::New; self.nodes.len()];
        let mut order = Vec::new();
        let Some(&last) = writers.get(output) else { return Ok(order) };
        let mut stack = vec![last];
        while let Some(&at) = stack.last() {
            if states[at] != State::New {
                if states[at] == State::Open {
                    order.push(&self.nodes[at]);
                }
                states[at] = State::Done;
                stack.pop();
                continue;
            }
            states[at] = State::Open;
            for name in &self.nodes[at].inputs {
                let Some(&before) = writers.get(name.as_str()) else { continue };
                match states[before] {
                    State::New => stack.push(before),
                    State::Open => {
                        return Err(format!(
                            "the nodes {:?} and {:?} wait for each other; the file is damaged",
                            self.nodes[before].name, self.nodes[at].name
                        ));
                    }
                    State::Done => {}
                }
            }
        }
        Ok(order)
    }
}

/// This is what a file says of the picture that its net takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureInput {
    /// Channels, height and width, where they are fixed.
    pub axes: [Option<usize>; 3],
    /// The channels come last in the file, as TensorFlow has them.
    pub is_last: bool,
    /// The net takes in bytes from 0 to 255.
    pub is_bytes: bool,
    /// The net takes in a picture as one row of so many numbers: channel after channel, row after row.
    pub row: Option<usize>,
}

impl PictureInput {
    /// Returns channels, height and width that a row of numbers most likely has: those of a square, grey or coloured.
    pub fn usual(&self) -> Option<[usize; 3]> {
        let row = self.row?;
        [1, 3].into_iter().find_map(|channels| {
            let side = (row / channels).isqrt();
            (side > 0 && channels * side * side == row).then_some([channels, side, side])
        })
    }
}
