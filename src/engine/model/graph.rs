//! A net as a directed acyclic graph of operations: what manifests and imports become, and what plans are made from.

use std::ops::Deref;

use serde::Serialize;

use super::operations::{Operation, is_running_statistic};
use super::shape::Shape;

/// The number of a value: 0 is the picture, what node `i` computes has the number `i + 1`.
pub type ValueId = usize;

/// The number of values that one picture may become inside a net, at most.
const MAX_VALUES: usize = 1 << 28;

/// An operation with the values that it reads and the shape of the one that it makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub operation: Operation,
    pub inputs: Vec<ValueId>,
    pub shape: Shape,
}

/// The operations of a net, each after those that it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    input: Shape,
    nodes: Vec<Node>,
    pub output: ValueId,
}

/// A line of the table of a net's operations.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphRow {
    /// The number of the value that it makes: 0 is the picture.
    pub number: ValueId,
    /// The name of the operation in a manifest, such as "conv2d"; "picture" for the picture.
    pub kind: String,
    /// The name of the operation among the weights, such as "layer1.0.conv1"; empty for one without weights.
    pub name: String,
    /// The numbers of the values that it reads.
    pub reads: Vec<ValueId>,
    /// The shape of the value that it makes of one picture, in PyTorch's order without the axis of the pictures.
    pub shape: Vec<usize>,
    /// The number of trained values.
    pub parameters: usize,
    /// The other fields of the operation as they stand in a manifest, such as "kernel = [3, 3], stride = [2, 2]".
    pub settings: String,
}

impl GraphRow {
    fn new(number: ValueId, node: &Node) -> Self {
        let mut fields = node.fields().unwrap_or_default();
        fields.remove("kind");
        let name = fields.remove("name").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        let settings: Vec<String> =
            fields.iter().map(|(field, value)| format!("{field} = {}", spelled(value))).collect();
        let trained = node.tensors().into_iter().filter(|(name, _)| !is_running_statistic(name));
        Self {
            number,
            kind: node.kind().to_owned(),
            name,
            reads: node.inputs.clone(),
            shape: node.shape.to_vec(),
            parameters: trained.map(|(_, shape)| shape.iter().product::<usize>()).sum(),
            settings: settings.join(", "),
        }
    }

    /// Writes the shape, as "64×56×56"; "1" for a single number.
    pub fn spelled_shape(&self) -> String {
        let axes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        if axes.is_empty() { "1".into() } else { axes.join("×") }
    }

    /// Writes the numbers of what it reads, as "3, 7".
    pub fn spelled_reads(&self) -> String {
        self.reads.iter().map(ValueId::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Writes a value as a manifest does, with no more digits than single precision has.
fn spelled(value: &toml::Value) -> String {
    match value {
        toml::Value::Float(number) => (*number as f32).to_string(),
        toml::Value::Array(values) => format!("[{}]", values.iter().map(spelled).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

impl Graph {
    /// Makes a graph that gives back its picture.
    pub fn new(input: Shape) -> Self {
        Self { input, nodes: Vec::new(), output: 0 }
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns an operation to change it in a way that leaves its shape.
    pub fn operation_mut(&mut self, node: usize) -> Option<&mut Operation> {
        self.nodes.get_mut(node).map(|node| &mut node.operation)
    }

    pub fn shape(&self, value: ValueId) -> Shape {
        value.checked_sub(1).map_or(self.input, |node| self.nodes[node].shape)
    }

    /// Adds an operation and returns the value that it makes, which becomes the output.
    ///
    /// # Errors
    /// This is the end of a sentence: it says what the operation gets and what it expects.
    pub fn push(&mut self, operation: impl Into<Operation>, inputs: &[ValueId]) -> Result<ValueId, String> {
        let operation = operation.into();
        operation.check()?;
        if !operation.arity().contains(&inputs.len()) {
            return Err(format!("reads {} values, expected {:?}", inputs.len(), operation.arity()));
        }
        if let Some(later) = inputs.iter().find(|input| **input > self.nodes.len()) {
            return Err(format!("reads value {later}, which comes later"));
        }
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.shape(input)).collect();
        let shape = operation.output(&shapes)?;
        if shape.count() > MAX_VALUES {
            return Err(format!("makes {shape} of one picture, which is too large"));
        }
        self.nodes.push(Node { operation, inputs: inputs.to_vec(), shape });
        self.output = self.nodes.len();
        Ok(self.output)
    }

    /// Returns the picture and the operations as a table for people.
    pub fn rows(&self) -> Vec<GraphRow> {
        let picture = GraphRow {
            number: 0,
            kind: "picture".into(),
            name: String::new(),
            reads: Vec::new(),
            shape: self.input.to_vec(),
            parameters: 0,
            settings: String::new(),
        };
        let nodes = self.nodes.iter().enumerate().map(|(number, node)| GraphRow::new(number + 1, node));
        std::iter::once(picture).chain(nodes).collect()
    }

    /// Returns the nodes that read each value; the output is read once more, by `None`.
    pub fn readers(&self) -> Vec<Vec<Option<usize>>> {
        let mut readers = vec![Vec::new(); self.nodes.len() + 1];
        for (number, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&input| readers[input].push(Some(number)));
        }
        readers[self.output].push(None);
        readers
    }

    /// Returns the names and shapes of all tensors that the operations take from a weights file.
    pub fn tensors(&self) -> impl Iterator<Item = (&Operation, String, Vec<usize>)> {
        self.nodes
            .iter()
            .flat_map(|node| node.operation.tensors().into_iter().map(|(name, shape)| (&node.operation, name, shape)))
    }

    /// Lets all that reads a node read another value, of the same shape, in its place.
    pub fn bypass(&mut self, node: usize, value: ValueId) {
        let inputs = self.nodes.iter_mut().flat_map(|node| &mut node.inputs);
        inputs.filter(|input| **input == node + 1).for_each(|input| *input = value);
        if self.output == node + 1 {
            self.output = value;
        }
    }

    /// Leaves out the nodes that the output does not need.
    pub fn prune(&mut self) {
        let mut is_needed = vec![false; self.nodes.len() + 1];
        is_needed[self.output] = true;
        for number in (0..self.nodes.len()).rev() {
            if is_needed[number + 1] {
                self.nodes[number].inputs.iter().for_each(|&input| is_needed[input] = true);
            }
        }
        let mut places = vec![0; is_needed.len()];
        let mut kept = 0;
        for value in 1..is_needed.len() {
            kept += usize::from(is_needed[value]);
            places[value] = kept;
        }
        let mut number = 0;
        self.nodes.retain(|_| {
            number += 1;
            is_needed[number]
        });
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(|input| *input = places[*input]);
        }
        self.output = places[self.output];
    }
}

impl Deref for Node {
    type Target = Operation;

    fn deref(&self) -> &Operation {
        &self.operation
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Manifest;

    #[test]
    fn the_table_says_what_each_operation_reads_makes_and_holds() {
        let text = r#"
name = "n"
input = { channels = 1, height = 8, width = 6, mean = [0.0], std = [1.0] }
classes = ["a", "b"]
weights = "w.safetensors"
layers = [
  { kind = "residual", body = [{ kind = "conv2d", name = "c", in = 1, out = 4, kernel = 3, stride = 2, padding = 1 }],
    shortcut = [{ kind = "conv2d", name = "s", in = 1, out = 4, kernel = 1, stride = 2, bias = false }] },
  { kind = "batch_norm2d", name = "n", channels = 4 },
  { kind = "dropout", keep = 0.8 },
  { kind = "global_avg_pool" },
  { kind = "linear", name = "l", in = 4, out = 2 },
]
"#;
        let graph = Manifest::with_classes(text, "n.toml".as_ref(), &[]).unwrap().graph;
        let rows = graph.rows();
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.number, &*row.kind, &*row.name, row.spelled_reads(), row.spelled_shape(), row.parameters))
            .collect();
        let row = |number, kind, name, reads: &str, shape: &str, parameters| {
            (number, kind, name, reads.to_owned(), shape.to_owned(), parameters)
        };
        // Of 1·3·3·4 + 4, 1·4 and 2·4 numbers, and 4·2 + 2.
        assert_eq!(told[0], row(0, "picture", "", "", "1×8×6", 0));
        assert_eq!(told[1], row(1, "conv2d", "c", "0", "4×4×3", 40));
        assert_eq!(told[2], row(2, "conv2d", "s", "0", "4×4×3", 4));
        assert_eq!(told[3], row(3, "add", "", "1, 2", "4×4×3", 0));
        assert_eq!(told[4], row(4, "batch_norm2d", "n", "3", "4×4×3", 8));
        assert_eq!(told.last().unwrap(), &row(told.len() - 1, "linear", "l", "6", "2", 10));
        assert!(rows[5].settings.starts_with("keep = 0.8,"), "{}", rows[5].settings);
        assert!(rows[1].settings.contains("stride = [2, 2]"), "{}", rows[1].settings);
    }
}
