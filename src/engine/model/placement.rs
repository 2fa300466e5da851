//! Says where the values of a plan lie, and copies those that a step cannot read as they lie.

use super::builder::{Builder, StepTarget};
use super::operations::{Kernel, KernelGradient, Operator};
use super::plan::{Node, NodeId, Op, Store};
use super::shape::Shape;
use crate::kernels::{Isa, Map, Strided, StridedMut, View, combine};
use crate::{Error, Result};

impl Builder {
    /// Returns the shape of a node's values.
    pub fn shape(&self, node: NodeId) -> Shape {
        self.plan.nodes[node].shape
    }

    /// Returns where a node's values lie.
    pub fn view(&self, node: NodeId) -> &View {
        &self.plan.nodes[node].view
    }

    pub(super) fn node(&mut self, node: Node) -> NodeId {
        self.plan.nodes.push(node);
        self.plan.nodes.len() - 1
    }

    pub(super) fn new_node(&mut self, shape: Shape, view: View, map: Option<Map>, store: Store) -> NodeId {
        let root = self.plan.nodes.len();
        let (readers, is_read_in_part) = (Vec::new(), false);
        let trained = matches!(store, Store::Parameter(_));
        self.node(Node { shape, view, map, store, root, clamp: None, parent: None, readers, is_read_in_part, trained })
    }

    pub(super) fn buffer(&mut self, map: Map) -> Store {
        self.plan.buffers.push(map);
        Store::Buffer(self.plan.buffers.len() - 1)
    }

    /// Makes a node with a buffer of its own, whose channels lie innermost: planes with the border that the present
    /// value needs, or rows of anything else.
    pub fn planes_node(&mut self, shape: Shape) -> NodeId {
        match shape.as_planes() {
            Some([channels, height, width]) => {
                let map = Map::new([height, width], channels, self.borders[self.value]);
                let store = self.buffer(map);
                self.new_node(shape, map.view(), Some(map), store)
            }
            None => self.dense_node(shape),
        }
    }

    /// Makes a node with a buffer of its own in which the values lie in PyTorch's order.
    pub fn dense_node(&mut self, shape: Shape) -> NodeId {
        let channels = shape.last().copied().unwrap_or(1).max(1);
        let map = Map::new([1, shape.count() / channels], channels, 0);
        let store = self.buffer(map);
        self.new_node(shape, View::dense(&shape), Some(map), store)
    }

    /// Makes a node of a tensor of the net.
    pub fn parameter(&mut self, name: &str, shape: &[usize]) -> Result<NodeId> {
        let slot = self.layout.add(name.to_owned(), shape.to_vec(), None);
        let of = Shape::new(shape).map_err(Error::Argument)?;
        Ok(self.new_node(of, View::dense(shape), None, Store::Parameter(slot)))
    }

    /// Sees a node's values in another way: all of them, or some.
    pub fn seen(&mut self, x: NodeId, view: View) -> Result<NodeId> {
        let shape = Shape::new(&view.shape()).map_err(Error::Argument)?;
        let Node { store, root, clamp, trained, .. } = self.plan.nodes[x];
        let is_part = view.count() < self.plan.nodes[root].view.count();
        self.plan.nodes[root].is_read_in_part |= is_part;
        let node = Node {
            shape,
            view,
            map: None,
            store,
            root,
            clamp,
            parent: None,
            readers: Vec::new(),
            is_read_in_part: false,
            trained,
        };
        Ok(self.node(node))
    }

    /// Gives a node's values another shape, by a copy where they do not lie so.
    pub fn reshaped(&mut self, x: NodeId, shape: &[usize]) -> Result<NodeId> {
        let node = &self.plan.nodes[x];
        if node.shape[..] == *shape {
            return Ok(x);
        }
        if let Some(view) = node.view.reshaped(shape) {
            return self.seen(x, view);
        }
        Shape::new(shape).map_err(Error::Argument)?;
        Ok(self.laid_out(x, shape))
    }

    /// Copies a node's values in PyTorch's order, as another shape of as many.
    pub(super) fn laid_out(&mut self, x: NodeId, shape: &[usize]) -> NodeId {
        let to = self.dense_node(Shape::new(shape).unwrap_or(Shape::features(self.shape(x).count())));
        // The copy is written in the old shape, and read in the new one.
        let from = self.shape(x);
        let view = self.plan.nodes[to].view.reshaped(&from).unwrap_or_default();
        let node = Node { shape: from, view, map: None, ..self.plan.nodes[to].clone() };
        let written = self.node(node);
        self.push(Op::Kernel(Box::new(CopyKernel)), &[x], written, StepTarget::default());
        to
    }

    /// Repeats a node's values in another shape.
    pub fn expanded(&mut self, x: NodeId, operation: &dyn Operator) -> Result<NodeId> {
        let shape = operation.output(&[self.shape(x)]).map_err(Error::Argument)?;
        let view =
            self.view(x).broadcast(&shape).ok_or_else(|| Error::Argument(format!("{shape} is no repetition")))?;
        let seen = self.seen(x, view)?;
        let y = self.dense_node(shape);
        self.push(Op::Kernel(Box::new(CopyKernel)), &[seen], y, StepTarget::default());
        Ok(y)
    }

    /// Copies a node's values into planes or rows of their own.
    pub(super) fn copied(&mut self, x: NodeId, border: usize) -> NodeId {
        let before = std::mem::replace(&mut self.borders[self.value], border);
        let y = self.planes_node(self.shape(x));
        self.borders[self.value] = before;
        self.push(Op::Kernel(Box::new(CopyKernel)), &[x], y, StepTarget::default());
        y
    }

    /// Returns a node as planes with a border of at least this size, or as rows where it is none, by a copy where its
    /// channels do not lie innermost.
    pub fn planes(&mut self, x: NodeId, border: usize) -> NodeId {
        let node = &self.plan.nodes[x];
        if node.shape.as_planes().is_none() {
            let channels = node.shape.last().copied().unwrap_or(1);
            return self.rows(x, channels);
        }
        if node.map.is_some_and(|map| map.view() == node.view && map.halo >= border) {
            return x;
        }
        let (Store::Buffer(buffer), Some([channels, height, width]), 0) = (node.store, node.shape.as_planes(), border)
        else {
            return self.copied(x, border);
        };
        let picture = self.plan.buffers[buffer].picture();
        let map = Map { height, width, channels, halo: 0, stride: picture / (height * width), first: node.view.first };
        let is_whole = map.stride >= map.first + channels && map.picture() == picture;
        if !is_whole || map.view().reshaped(&node.shape) != node.view.reshaped(&node.shape) {
            return self.copied(x, border);
        }
        let node = Node { map: Some(map), readers: Vec::new(), ..node.clone() };
        self.node(node)
    }

    /// Returns a node as rows of so many channels, by a copy where they do not lie so.
    pub fn rows(&mut self, x: NodeId, channels: usize) -> NodeId {
        let node = &self.plan.nodes[x];
        let count = node.shape.count() / channels.max(1);
        if node.map.is_some_and(|map| map.pixels() == count && map.channels == channels && map.view() == node.view) {
            return x;
        }
        let Store::Buffer(buffer) = node.store else { return self.laid_out(x, &[count, channels]) };
        let picture = self.plan.buffers[buffer].picture();
        let seen = node.view.reshaped(&[count, channels]);
        let map = seen.and_then(|view| {
            let stride = if count == 1 { picture } else { view.axes[0].stride };
            let map = Map { height: 1, width: count, channels, halo: 0, stride, first: view.first };
            let is_row = channels == 1 || view.axes[1].stride == 1;
            (is_row && stride >= view.first + channels && map.picture() == picture).then_some(map)
        });
        match map {
            Some(map) => {
                let root = node.root;
                let node = Node { map: Some(map), root, readers: Vec::new(), ..node.clone() };
                self.node(node)
            }
            None => self.laid_out(x, &[count, channels]),
        }
    }

    /// Returns a node as planes or rows, whichever another node with a map is.
    pub(super) fn lying_as(&mut self, x: NodeId, like: NodeId) -> NodeId {
        let Node { view, map, .. } = &self.plan.nodes[like];
        match map {
            Some(map) if map.view() != *view => {
                let channels = map.channels;
                self.rows(x, channels)
            }
            _ => self.planes(x, 0),
        }
    }

    pub(super) fn lies_as_planes(&self, node: NodeId) -> bool {
        let Node { shape, view, store, .. } = &self.plan.nodes[node];
        let is_computed = matches!(store, Store::Buffer(_));
        is_computed && shape.as_planes().is_some_and(|[channels, ..]| channels == 1 || view.axes[0].stride == 1)
    }
}

/// It copies values that lie otherwise.
#[derive(Debug)]
pub struct CopyKernel;

impl Kernel for CopyKernel {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        combine(isa, y, [inputs[0]], false, |y, [x]| y.copy_from_slice(x));
    }

    fn backward(&self, isa: Isa, _: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        combine(isa, dx, [from.dy], add, |dx, [dy]| dx.copy_from_slice(dy));
    }
}
