//! A net as a list of steps over numbered planes: what follows a convolution is fused into it, branches of a
//! concatenation write side by side, and every plane knows who reads it. `builder.rs` makes it from the layers.

use std::sync::Arc;

use super::parameters::Layout;
use crate::kernels::{Conv, Map, Window, Winograd};

/// The number of a plane.
pub type NodeId = usize;

/// Values between two steps.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it lies in its buffer; the border is that of the buffer.
    pub map: Map,
    pub buffer: usize,
    /// The upper end of the clamp that it came through.
    pub clamp: Option<f32>,
    /// The concatenation that it is a part of.
    pub parent: Option<NodeId>,
    /// Steps that read it.
    pub readers: Vec<usize>,
    /// Whether trained numbers came in on the way to it.
    pub trained: bool,
}

/// A batch normalisation: the numbers of its slots.
#[derive(Clone, Debug)]
pub struct Norm {
    pub eps: f32,
    pub gamma: usize,
    pub beta: usize,
    pub mean: usize,
    pub var: usize,
}

/// What runs: the planes it reads and writes.
#[derive(Clone, Debug)]
pub struct Step {
    pub op: Op,
    pub x: NodeId,
    pub y: NodeId,
    /// Added to the result before the clamp.
    pub add: Option<NodeId>,
    pub clamp: Option<f32>,
}

#[derive(Clone, Debug)]
pub enum Op {
    /// With the number of the convolution, its slots, and the frozen batch normalisation that is folded into it.
    /// A batch normalisation with nothing before it to be folded into has no weight: a one per channel.
    Conv {
        conv: Conv,
        id: usize,
        weight: Option<usize>,
        bias: Option<usize>,
        norm: Option<Norm>,
    },
    /// With the statistics of the batch; the number of the normalisation.
    BatchNorm {
        id: usize,
        norm: Norm,
    },
    MaxPool {
        window: Window,
        id: usize,
    },
    AvgPool(Window),
    Maxout {
        pieces: usize,
        id: usize,
    },
    Dropout {
        keep: f32,
        rescale: bool,
        id: usize,
    },
    /// Turns planes into features in PyTorch's order: all pixels of a channel, then those of the next.
    Flatten,
    /// Copies, for what has nothing to fuse into.
    Copy,
}

/// How the gradients of a convolution's weights and input are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backward {
    Dense,
    /// A fully connected layer in training, from the weights as they lie.
    Linear,
    /// In Winograd's domain.
    Winograd(Winograd),
    /// By columns: the pixels of a small number of channels.
    Columns,
    /// Through the winners of the max pool that alone reads the result: the number of its step.
    Sparse(usize),
    /// Through the winners of the maxout that alone reads the result: the number of its step.
    Units(usize),
}

/// How a net is going to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// No dropout, batch statistics frozen: every use but the training pass itself. Attacks run so.
    Evaluate,
    Train,
}

/// Steps in the order in which they run.
#[derive(Debug)]
pub struct Plan {
    pub pass: Pass,
    pub nodes: Vec<Node>,
    pub steps: Vec<Step>,
    /// The values in each buffer.
    pub buffers: Vec<Map>,
    pub layout: Arc<Layout>,
    pub convs: usize,
    pub norms: usize,
    /// Steps that keep the winners of their windows or units, and steps that keep a mask.
    pub choices: usize,
    pub masks: usize,
    pub input: NodeId,
    pub output: NodeId,
    /// `(x − mean) / std` as `x·scale + shift`, per channel of the input.
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Plan {
    /// Values of one picture.
    pub fn values_per_input(&self) -> usize {
        let map = self.nodes[self.input].map;
        map.pixels() * map.channels
    }

    /// The way back through a convolution.
    pub fn backward_of(&self, step: &Step) -> Backward {
        let Op::Conv { conv, .. } = &step.op else { return Backward::Dense };
        let (x, y) = (&self.nodes[step.x], &self.nodes[step.y]);
        if let (&[pool], None, None) = (&y.readers[..], step.add, y.parent)
            && matches!(self.steps[pool].op, Op::MaxPool { .. })
            && x.readers.len() == 1
            && conv.is_sparse_behind(x.map, y.map, self.nodes[self.steps[pool].y].map)
        {
            return Backward::Sparse(pool);
        }
        if self.pass == Pass::Train && conv.is_linear(x.map, y.map) {
            return Backward::Linear;
        }
        if let (&[maxout], None) = (&y.readers[..], y.parent)
            && matches!(self.steps[maxout].op, Op::Maxout { .. })
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

    /// How a convolution runs in Winograd's domain, where that is the faster way.
    pub fn winograd_of(&self, step: &Step) -> Option<Winograd> {
        let Op::Conv { conv, .. } = &step.op else { return None };
        let y = self.nodes[step.y].map;
        Winograd::of(*conv, [y.height, y.width], self.pass == Pass::Train)
    }

    /// Values that one picture takes in all planes.
    pub fn values_per_picture(&self) -> usize {
        self.buffers.iter().map(Map::picture).sum()
    }

    /// Whether readers of a node have zeroed its gradient where its clamp did not let the values through.
    pub fn is_gated(&self, node: NodeId) -> bool {
        let node = &self.nodes[node];
        node.clamp.is_some() && (!node.readers.is_empty() || node.parent.is_some_and(|parent| self.is_gated(parent)))
    }
}
