//! A plan is a net as a list of steps over numbered nodes: what follows a convolution is fused into it, parts of a
//! concatenation write side by side, and every node knows who reads it. `builder.rs` makes it from the graph.

use std::sync::Arc;

use super::lifetimes::Lifetimes;
use super::operations::Kernel;
use super::parameters::Layout;
use super::shape::Shape;
use crate::kernels::{Conv, Isa, Map, Strided, Values, ValuesMut, View, Window, Winograd};

/// Nodes are known by their numbers.
pub type NodeId = usize;

/// A node is a value between two steps, or a way to see one.
#[derive(Clone, Debug)]
pub struct Node {
    pub shape: Shape,
    /// The places of one picture's values; the axes are those of the shape.
    pub view: View,
    /// The places as planes with their channels innermost, or as rows of channels, where they lie so.
    pub map: Option<Map>,
    pub store: Store,
    /// The node that this one shows in another way; itself where it is a value of its own.
    pub root: NodeId,
    /// The upper end of the clamp that it came through.
    pub clamp: Option<f32>,
    /// The concatenation that it is a part of.
    pub parent: Option<NodeId>,
    /// The numbers of the steps that read it in any way, in the order in which they run. Only roots have them.
    pub readers: Vec<usize>,
    /// True when some reader sees only some of its values. Only roots say so.
    pub is_read_in_part: bool,
    /// True when its values depend on trained numbers.
    pub trained: bool,
}

/// Values are stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// They lie in a buffer of the pass, picture by picture.
    Buffer(usize),
    /// They are a tensor of the net, in this slot, alike for all pictures.
    Parameter(usize),
}

impl Node {
    /// Returns the number of the buffer; nodes that are planes have one.
    pub fn buffer(&self) -> usize {
        match self.store {
            Store::Buffer(buffer) => buffer,
            Store::Parameter(slot) => unreachable!("the tensor in slot {slot} is no plane"),
        }
    }

    /// Returns where its planes lie.
    pub fn planes(&self) -> Map {
        self.map.unwrap_or_else(|| unreachable!("a step on planes reads {:?}", self.view))
    }

    /// Returns the planes of `n` pictures in the buffers of all nodes.
    pub fn of<'a>(&self, buffers: &'a [Vec<f32>], n: usize) -> Values<'a> {
        Values { data: &buffers[self.buffer()], map: self.planes(), n }
    }

    /// Returns the planes of `n` pictures in the node's own buffer, to write to.
    pub fn of_mut<'a>(&self, buffer: &'a mut [f32], n: usize) -> ValuesMut<'a> {
        ValuesMut { data: buffer, map: self.planes(), n }
    }
}

/// This is a batch normalisation with the numbers of its slots.
#[derive(Clone, Debug)]
pub struct NormSlots {
    pub eps: f32,
    pub gamma: usize,
    pub beta: usize,
    pub mean: usize,
    pub var: usize,
}

/// A step reads and writes nodes.
#[derive(Debug)]
pub struct PlanStep {
    pub op: Op,
    /// The first of its inputs; the only one but for [`Op::Kernel`].
    pub x: NodeId,
    /// The other inputs of [`Op::Kernel`].
    pub others: Vec<NodeId>,
    pub y: NodeId,
    /// The node that is added to the result before the clamp.
    pub add: Option<NodeId>,
    pub clamp: Option<f32>,
}

/// This says what a step computes.
#[derive(Debug)]
pub enum Op {
    Conv(ConvStep),
    /// It normalises with the statistics of the batch.
    BatchNorm(NormSlots),
    MaxPool(Window),
    AvgPool {
        window: Window,
        counts_padding: bool,
    },
    /// It takes the largest of this number of pieces.
    Maxout(usize),
    Dropout {
        keep: f32,
        rescale: bool,
    },
    /// It copies planes, for what has nothing to fuse into.
    Copy,
    /// It computes what an operation says, with nothing fused into it.
    Kernel(Box<dyn Kernel>),
}

/// This is a convolution with the numbers of its slots, and the frozen batch normalisation that is folded into it. A
/// batch normalisation with nothing before it to be folded into has no weight: a one per channel.
#[derive(Debug)]
pub struct ConvStep {
    pub conv: Conv,
    pub weight: Option<usize>,
    pub bias: Option<usize>,
    pub norm: Option<NormSlots>,
}

/// This says how the gradients of a convolution's weights and input are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backward {
    Dense,
    /// A fully connected layer in training computes them from the weights as they lie.
    Linear,
    Winograd(Winograd),
    /// They are gathered into columns: the pixels of a small number of channels.
    Columns,
    /// They go through the winners of the max pool of this step, which alone reads the result.
    Sparse(usize),
    /// They go through the winners of the maxout of this step, which alone reads the result.
    Units(usize),
}

/// This says how a net is going to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// There is no dropout, and batch statistics are frozen: attacks run so, and every use but training itself.
    Evaluate,
    Train,
}

/// A plan holds the steps of a net in the order in which they run.
#[derive(Debug)]
pub struct Plan {
    pub pass: Pass,
    pub isa: Isa,
    pub nodes: Vec<Node>,
    pub steps: Vec<PlanStep>,
    /// The places of the values in each buffer.
    pub buffers: Vec<Map>,
    pub lifetimes: Lifetimes,
    pub layout: Arc<Layout>,
    pub input: NodeId,
    pub output: NodeId,
    /// The input is normalised as `x·scale + shift`, per channel.
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl PlanStep {
    /// Returns all inputs.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> {
        std::iter::once(self.x).chain(self.others.iter().copied())
    }
}

impl Plan {
    /// Returns the value that a node shows.
    pub fn root(&self, node: NodeId) -> &Node {
        &self.nodes[self.nodes[node].root]
    }

    /// Returns whether a step alone reads a value, and all of it as it lies.
    fn is_read_by_one(&self, node: NodeId) -> Option<usize> {
        let node = &self.nodes[node];
        match node.readers[..] {
            [reader] if node.parent.is_none() && self.steps[reader].x == node.root => Some(reader),
            _ => None,
        }
    }

    /// Chooses how to compute the gradients of a convolution.
    pub fn backward_of(&self, step: &PlanStep) -> Backward {
        let Op::Conv(ConvStep { conv, .. }) = &step.op else { return Backward::Dense };
        let (x, y) = (&self.nodes[step.x], &self.nodes[step.y]);
        let (x_map, y_map) = (x.planes(), y.planes());
        let reader = self.is_read_by_one(step.y);
        let reads_alone = self.root(step.x).readers.len() == 1;
        if let (Some(pool), None) = (reader, step.add)
            && matches!(self.steps[pool].op, Op::MaxPool(_))
            && reads_alone
            && conv.is_sparse_behind(x_map, y_map, self.nodes[self.steps[pool].y].planes())
        {
            return Backward::Sparse(pool);
        }
        if self.pass == Pass::Train && conv.is_linear(x_map, y_map) {
            return Backward::Linear;
        }
        if let Some(maxout) = reader
            && matches!(self.steps[maxout].op, Op::Maxout(_))
            && reads_alone
            && x_map.is_dense()
        {
            return Backward::Units(maxout);
        }
        if step.x == self.input && reads_alone && conv.prefers_columns() {
            return Backward::Columns;
        }
        self.winograd_of(step).map_or(Backward::Dense, Backward::Winograd)
    }

    /// Chooses how a convolution runs in Winograd's domain, where that is the faster way.
    pub fn winograd_of(&self, step: &PlanStep) -> Option<Winograd> {
        let Op::Conv(ConvStep { conv, .. }) = &step.op else { return None };
        let y = self.nodes[step.y].planes();
        Winograd::of(*conv, y.size(), self.pass == Pass::Train)
    }

    /// Returns whether readers of a value have zeroed its gradient where its clamp did not let the values through.
    pub fn is_gated(&self, node: NodeId) -> bool {
        let node = &self.nodes[node];
        let by_readers = !node.readers.is_empty() && !node.is_read_in_part && self.closes_gates(&node.readers[0]);
        node.clamp.is_some() && (by_readers || node.parent.is_some_and(|parent| self.is_gated(parent)))
    }

    /// Returns whether a step closes the gate of the value that it reads; kernels leave that to whoever wrote it.
    pub fn closes_gates(&self, step: &usize) -> bool {
        !matches!(self.steps[*step].op, Op::Kernel(_))
    }

    /// Returns a node's view of `n` pictures.
    pub fn pictures_of(&self, node: NodeId, n: usize) -> View {
        let node = &self.nodes[node];
        let stride = match node.store {
            Store::Buffer(buffer) => self.buffers[buffer].picture(),
            Store::Parameter(_) => 0,
        };
        node.view.of_pictures(n, stride)
    }

    /// Returns the values of a node, which lie in the buffers or among the parameters, seen by a view.
    pub fn strided<'a>(
        &self,
        node: NodeId,
        buffers: &'a [Vec<f32>],
        slot: impl Fn(usize) -> &'a [f32],
        view: &'a View,
    ) -> Strided<'a> {
        let data = match self.nodes[node].store {
            Store::Buffer(buffer) => &buffers[buffer][..],
            Store::Parameter(number) => slot(number),
        };
        Strided { data, view }
    }
}
