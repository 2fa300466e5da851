//! Makes plans from the layers of a manifest.

use super::layers::{BatchNorm2d, Concat, Layer, LayerSpec, is_running_statistic, output_shape};
use super::manifest::Input;
use super::parameters::{Layout, Order};
use super::plan::{ConvStep, Node, NodeId, Norm, Op, Pass, Plan, Step};
use super::shape::Shape;
use crate::kernels::{Conv, Isa, Map};
use crate::{Error, Result};

/// A plan in the making.
pub struct Builder {
    plan: Plan,
    layout: Layout,
}

/// A layer with the batch normalisation and the clamp behind it that run as one with it.
struct Unit<'a> {
    layer: &'a LayerSpec,
    norm: Option<&'a BatchNorm2d>,
    clamp: Option<f32>,
}

/// A target is where a step writes and what it does beside.
#[derive(Clone, Copy, Default)]
pub struct Target<'a> {
    /// The node to write to; a new one where there is none.
    pub into: Option<NodeId>,
    /// What is added to the result before the clamp.
    pub add: Option<NodeId>,
    pub clamp: Option<f32>,
    /// A frozen batch normalisation, for layers whose fusion allows it.
    pub norm: Option<&'a BatchNorm2d>,
}

/// The way around the body of a residual block, and the clamp behind their sum.
struct Shortcut<'a> {
    layers: &'a [LayerSpec],
    x: NodeId,
    clamp: Option<f32>,
}

/// The sum that a shortcut asks for.
struct Sum {
    add: NodeId,
    clamp: Option<f32>,
}

/// Joins each layer with what can be fused into it; leaves out what does nothing in this pass.
fn units(layers: &[LayerSpec], pass: Pass) -> Vec<Unit<'_>> {
    let is_frozen = pass == Pass::Evaluate;
    let mut units: Vec<Unit<'_>> = Vec::new();
    for layer in layers {
        match (layer, units.last_mut()) {
            (LayerSpec::Dropout(dropout), _) if is_frozen || dropout.keep >= 1.0 => {}
            (LayerSpec::BatchNorm2d(norm), Some(unit))
                if is_frozen && unit.layer.fusion().norm && unit.norm.is_none() && unit.clamp.is_none() =>
            {
                unit.norm = Some(norm);
            }
            (_, Some(unit)) if layer.clamp().is_some() && unit.layer.fusion().clamp && unit.clamp.is_none() => {
                unit.clamp = layer.clamp();
            }
            _ => units.push(Unit { layer, norm: None, clamp: None }),
        }
    }
    units
}

/// The plans of a net, which share the places of their parameters.
pub struct Plans {
    pub training: Plan,
    pub evaluation: Plan,
}

impl Plans {
    /// Makes the plans of a list of layers.
    ///
    /// # Errors
    /// Layers that do not fit together, or a picture too large for them.
    pub fn new(layers: &[LayerSpec], input: &Input) -> Result<Self> {
        output_shape(layers, input.shape(), "layers").map_err(Error::Argument)?;
        let training = Plan::new(layers, input, Pass::Train, Layout::default())?;
        // The passes meet the tensors of a shortcut in another order: their places are those of training.
        let evaluation = Plan::new(layers, input, Pass::Evaluate, Layout::clone(&training.layout))?;
        Ok(Self { training, evaluation })
    }
}

impl Plan {
    fn new(layers: &[LayerSpec], input: &Input, pass: Pass, layout: Layout) -> Result<Self> {
        let (scale, shift) = input.scale_and_shift();
        let plan = Self {
            pass,
            isa: Isa::detect(),
            nodes: Vec::new(),
            steps: Vec::new(),
            buffers: Vec::new(),
            layout: Default::default(),
            input: 0,
            output: 0,
            scale,
            shift,
        };
        let mut builder = Builder { plan, layout };
        let x = builder.buffer(input.shape());
        let output = builder.sequence(layers, x, None, None)?;
        let Builder { mut plan, layout } = builder;
        plan.output = output;
        plan.layout = layout.into();
        plan.add_borders();
        Ok(plan)
    }

    /// Gives each buffer the border that its readers and the gradients of its writers need.
    fn add_borders(&mut self) {
        for step in &self.steps {
            let Op::Conv(ConvStep { conv, .. }) = &step.op else { continue };
            let (x, y) = (self.nodes[step.x].map, self.nodes[step.y].map);
            let border = &mut self.buffers[self.nodes[step.x].buffer].halo;
            *border = (*border).max(conv.padding.largest());
            let needed = conv.gradient_halo(x.size(), y.size());
            let border = &mut self.buffers[self.nodes[step.y].buffer].halo;
            *border = (*border).max(needed);
        }
        for node in &mut self.nodes {
            node.map.halo = self.buffers[node.buffer].halo;
        }
    }
}

impl Builder {
    /// Returns what the plan is made for.
    pub fn pass(&self) -> Pass {
        self.plan.pass
    }

    /// Returns where the values of a node lie; the border is not known yet.
    pub fn map(&self, node: NodeId) -> Map {
        self.plan.nodes[node].map
    }

    fn shape(&self, node: NodeId) -> Shape {
        let Map { channels, height, width, .. } = self.map(node);
        Shape::Planes { channels, height, width }
    }

    /// Makes a node that is a buffer of its own.
    fn buffer(&mut self, shape: Shape) -> NodeId {
        let map = Map::new(shape.size(), shape.channels(), 0);
        self.plan.buffers.push(map);
        let buffer = self.plan.buffers.len() - 1;
        self.node(Node { map, buffer, clamp: None, parent: None, readers: Vec::new(), trained: false })
    }

    fn node(&mut self, node: Node) -> NodeId {
        self.plan.nodes.push(node);
        self.plan.nodes.len() - 1
    }

    /// Adds a step whose result has the shape that the layer says, and returns its node.
    pub fn step(&mut self, op: Op, layer: &dyn Layer, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        let shape = layer.output(self.shape(x), "layers").map_err(Error::Argument)?;
        Ok(self.step_to(op, x, shape, target))
    }

    /// Adds a step whose result has this shape, and returns its node.
    pub fn step_to(&mut self, op: Op, x: NodeId, shape: Shape, target: Target<'_>) -> NodeId {
        let y = target.into.unwrap_or_else(|| self.buffer(shape));
        let number = self.plan.steps.len();
        let mut trained = matches!(op, Op::Conv(_) | Op::BatchNorm(_));
        for read in std::iter::once(x).chain(target.add) {
            let node = &mut self.plan.nodes[read];
            node.readers.push(number);
            trained |= node.trained;
        }
        let node = &mut self.plan.nodes[y];
        node.trained = trained;
        node.clamp = target.clamp;
        self.plan.steps.push(Step { op, x, y, add: target.add, clamp: target.clamp });
        y
    }

    /// Adds nothing but what is needed to bring a node to its target.
    pub fn nothing(&mut self, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        self.sequence(&[], x, target.into, None)
    }

    /// Adds the layers one after the other; the last one adds the shortcut and clamps where it can, and writes to
    /// `into`. The shortcut comes just before it, so that backwards it is the first to write its input's gradient: the
    /// body's first layer, which reaches every pixel, then adds to it and closes the gate.
    fn sequence(
        &mut self,
        layers: &[LayerSpec],
        mut x: NodeId,
        mut into: Option<NodeId>,
        mut shortcut: Option<Shortcut<'_>>,
    ) -> Result<NodeId> {
        let units = units(layers, self.plan.pass);
        let mut sum = None;
        for (i, unit) in units.iter().enumerate() {
            let mut target = Target { clamp: unit.clamp, norm: unit.norm, ..Target::default() };
            if i + 1 == units.len() {
                sum = self.shortcut(shortcut.take())?;
                let fuses = unit.clamp.is_none() && unit.layer.fusion().sum;
                if let Some(Sum { add, clamp }) = sum.take_if(|_| fuses) {
                    (target.add, target.clamp) = (Some(add), clamp);
                }
                if sum.is_none() {
                    target.into = into.take();
                }
            }
            x = unit.layer.add_steps(self, x, target)?;
        }
        if units.is_empty() {
            sum = self.shortcut(shortcut)?;
        }
        if into.is_some() || sum.is_some() {
            let (add, clamp) = sum.map_or((None, None), |sum| (Some(sum.add), sum.clamp));
            x = self.step_to(Op::Copy, x, self.shape(x), Target { into, add, clamp, norm: None });
        }
        Ok(x)
    }

    /// Adds the layers of a shortcut.
    fn shortcut(&mut self, shortcut: Option<Shortcut<'_>>) -> Result<Option<Sum>> {
        let Some(Shortcut { layers, x, clamp }) = shortcut else { return Ok(None) };
        Ok(Some(Sum { add: self.sequence(layers, x, None, None)?, clamp }))
    }

    /// Adds a body and the shortcut around it.
    pub fn residual(
        &mut self,
        body: &[LayerSpec],
        shortcut: &[LayerSpec],
        x: NodeId,
        target: Target<'_>,
    ) -> Result<NodeId> {
        let shortcut = Shortcut { layers: shortcut, x, clamp: target.clamp };
        self.sequence(body, x, target.into, Some(shortcut))
    }

    /// Adds branches that write side by side into one buffer.
    pub fn concat(&mut self, layer: &Concat, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        let shape = self.shape(x);
        let whole = layer.output(shape, "layers").map_err(Error::Argument)?;
        let shapes = layer.shapes(shape, "layers").map_err(Error::Argument)?;
        let y = target.into.unwrap_or_else(|| self.buffer(whole));
        let (mut first, mut clamps, mut trained) = (0, Vec::new(), false);
        for (branch, shape) in layer.branches.iter().zip(shapes) {
            let parent = self.plan.nodes[y].clone();
            let map = Map { channels: shape.channels(), first: parent.map.first + first, ..parent.map };
            let part = self.node(Node { map, parent: Some(y), readers: Vec::new(), ..parent });
            self.sequence(branch, x, Some(part), None)?;
            let part = &self.plan.nodes[part];
            clamps.push(part.clamp);
            trained |= part.trained;
            first += map.channels;
        }
        let node = &mut self.plan.nodes[y];
        // The gradient may be gated for all branches at once where they agree.
        node.clamp =
            clamps.first().copied().flatten().filter(|clamp| clamps.iter().all(|other| *other == Some(*clamp)));
        node.trained = trained;
        Ok(y)
    }

    /// Finds places for the tensors of a layer that is a convolution: its weight, then perhaps its bias.
    pub fn conv(&mut self, layer: &dyn Layer, conv: Conv, norm: Option<&BatchNorm2d>) -> ConvStep {
        let orders = [Order::Packed(conv), Order::Plain];
        let tensors = layer.tensors().into_iter().zip(orders);
        let mut slots = tensors.map(|((name, shape), order)| self.layout.add(name, shape, order, true));
        let (weight, bias) = (slots.next(), slots.next());
        drop(slots);
        ConvStep { conv, weight, bias, norm: norm.map(|norm| self.norm(norm)) }
    }

    /// Finds places for the tensors of a batch normalisation.
    pub fn norm(&mut self, layer: &BatchNorm2d) -> Norm {
        let mut slots = layer.tensors().into_iter().map(|(name, shape)| {
            let trained = !is_running_statistic(&name);
            self.layout.add(name, shape, Order::Plain, trained)
        });
        let mut slot = || slots.next().unwrap_or_default();
        Norm { eps: layer.eps as f32, gamma: slot(), beta: slot(), mean: slot(), var: slot() }
    }
}
