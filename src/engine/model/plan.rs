//! A plan is a net as a list of steps over numbered planes: what follows a convolution is fused into it, branches of a
//! concatenation write side by side, and every plane knows who reads it. `builder.rs` makes it from the layers.

use std::sync::Arc;

use super::parameters::Layout;
use crate::kernels::{Conv, Isa, Map, Values, ValuesMut, Window, Winograd};

/// Planes are known by their numbers.
pub type NodeId = usize;

/// A node is a plane: values between two steps.
#[derive(Clone, Debug)]
pub struct Node {
    /// The places of its values in its buffer; the border is that of the buffer.
    pub map: Map,
    pub buffer: usize,
    /// The upper end of the clamp that it came through.
    pub clamp: Option<f32>,
    /// The concatenation that it is a part of.
    pub parent: Option<NodeId>,
    /// The numbers of the steps that read it.
    pub readers: Vec<usize>,
    /// True when its values depend on trained numbers.
    pub trained: bool,
}

impl Node {
    /// Returns the node's values in the buffers of all nodes, for `n` pictures.
    pub fn of<'a>(&self, buffers: &'a [Vec<f32>], n: usize) -> Values<'a> {
        Values { data: &buffers[self.buffer], map: self.map, n }
    }

    /// Returns the node's values in its own buffer, to write to.
    pub fn of_mut<'a>(&self, buffer: &'a mut [f32], n: usize) -> ValuesMut<'a> {
        ValuesMut { data: buffer, map: self.map, n }
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

/// A step reads and writes planes.
#[derive(Debug)]
pub struct PlanStep {
    pub op: Op,
    pub x: NodeId,
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
    /// It takes the largest of this number of pieces.
    Maxout(usize),
    Dropout {
        keep: f32,
        rescale: bool,
    },
    /// It copies, for what has nothing to fuse into.
    Copy,
    /// It computes what a layer says, with nothing fused into it.
    Other(Box<dyn Operation>),
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

/// An operation is what one layer computes and nothing else has to know of.
pub trait Operation: std::fmt::Debug + Send + Sync {
    /// Computes y.
    fn forward(&self, isa: Isa, x: Values<'_>, y: ValuesMut<'_>);

    /// Computes the gradient of x, and adds it to what is there if `add`.
    fn backward(&self, isa: Isa, x: Values<'_>, dy: Values<'_>, dx: ValuesMut<'_>, add: bool);
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
    pub layout: Arc<Layout>,
    pub input: NodeId,
    pub output: NodeId,
    /// The input is normalised as `x·scale + shift`, per channel.
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Plan {
    /// Chooses how to compute the gradients of a convolution.
    pub fn backward_of(&self, step: &PlanStep) -> Backward {
        let Op::Conv(ConvStep { conv, .. }) = &step.op else { return Backward::Dense };
        let (x, y) = (&self.nodes[step.x], &self.nodes[step.y]);
        if let (&[pool], None, None) = (&y.readers[..], step.add, y.parent)
            && matches!(self.steps[pool].op, Op::MaxPool(_))
            && x.readers.len() == 1
            && conv.is_sparse_behind(x.map, y.map, self.nodes[self.steps[pool].y].map)
        {
            return Backward::Sparse(pool);
        }
        if self.pass == Pass::Train && conv.is_linear(x.map, y.map) {
            return Backward::Linear;
        }
        if let (&[maxout], None) = (&y.readers[..], y.parent)
            && matches!(self.steps[maxout].op, Op::Maxout(_))
            && x.readers.len() == 1
            && x.map.is_dense()
        {
            return Backward::Units(maxout);
        }
        if step.x == self.input && x.readers.len() == 1 && conv.prefers_columns() {
            return Backward::Columns;
        }
        self.winograd_of(step).map_or(Backward::Dense, Backward::Winograd)
    }

    /// Chooses how a convolution runs in Winograd's domain, where that is the faster way.
    pub fn winograd_of(&self, step: &PlanStep) -> Option<Winograd> {
        let Op::Conv(ConvStep { conv, .. }) = &step.op else { return None };
        let y = self.nodes[step.y].map;
        Winograd::of(*conv, y.size(), self.pass == Pass::Train)
    }

    /// Returns whether readers of a node have zeroed its gradient where its clamp did not let the values through.
    pub fn is_gated(&self, node: NodeId) -> bool {
        let node = &self.nodes[node];
        node.clamp.is_some() && (!node.readers.is_empty() || node.parent.is_some_and(|parent| self.is_gated(parent)))
    }
}
