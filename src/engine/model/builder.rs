//! Makes plans from the layers of a manifest.

use super::layers::{BatchNorm2d, Concat, Layer, LayerSpec, output_shape};
use super::manifest::Input;
use super::parameters::Layout;
use super::plan::{ConvStep, Node, NodeId, NormSlots, Op, Pass, Plan, PlanStep};
use super::shape::Shape;
use crate::kernels::{Conv, Isa, Map};
use crate::{Error, Result};

/// A `Builder` holds a plan in the making.
pub struct Builder {
    pub plan: Plan,
    layout: Layout,
}

/// A unit is a layer with the batch normalisation and the clamp behind it that run as one with it.
struct Unit<'a> {
    layer: &'a LayerSpec,
    target: StepTarget<'a>,
}

/// A target says where a step writes and what it does beside.
#[derive(Clone, Copy, Default)]
pub struct StepTarget<'a> {
    /// The node to write to; a new one where there is none.
    pub into: Option<NodeId>,
    /// The node that is added to the result before the clamp.
    pub add: Option<NodeId>,
    pub clamp: Option<f32>,
    /// A frozen batch normalisation, for layers whose fusion allows it.
    pub norm: Option<&'a BatchNorm2d>,
}

/// Joins each layer with what can be fused into it; leaves out what does nothing in this pass.
fn units(layers: &[LayerSpec], pass: Pass) -> Vec<Unit<'_>> {
    let is_frozen = pass == Pass::Evaluate;
    let mut units: Vec<Unit<'_>> = Vec::new();
    for layer in layers {
        match (layer, units.last_mut()) {
            (LayerSpec::Dropout(dropout), _) if is_frozen || dropout.keep >= 1.0 => {}
            (LayerSpec::BatchNorm2d(norm), Some(Unit { layer, target }))
                if is_frozen && layer.fusion().norm && target.norm.is_none() && target.clamp.is_none() =>
            {
                target.norm = Some(norm);
            }
            (_, Some(unit)) if layer.clamp().is_some() && unit.layer.fusion().clamp && unit.target.clamp.is_none() => {
                unit.target.clamp = layer.clamp();
            }
            _ => units.push(Unit { layer, target: StepTarget::default() }),
        }
    }
    units
}

/// These are the plans of a net. They share the places of their parameters.
pub struct Plans {
    pub training: Plan,
    pub evaluation: Plan,
}

impl Plans {
    /// Makes the plans of a list of layers; refuses layers that do not fit together, or a picture too large for them.
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
        let mut output = builder.sequence(layers, x, StepTarget::default(), None)?;
        if output == x {
            // Nothing was added, and gradients start from a plane of their own.
            output = builder.step_to(Op::Copy, x, input.shape(), StepTarget::default());
        }
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
            let (x, y) = (&self.nodes[step.x], &self.nodes[step.y]);
            let for_gradient = conv.gradient_halo(x.map.size(), y.map.size());
            for (node, border) in [(x, conv.padding.largest()), (y, for_gradient)] {
                let halo = &mut self.buffers[node.buffer].halo;
                *halo = border.max(*halo);
            }
        }
        for node in &mut self.nodes {
            node.map.halo = self.buffers[node.buffer].halo;
        }
    }
}

impl Builder {
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
    pub fn step(&mut self, op: Op, layer: &dyn Layer, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        let shape = layer.output(self.shape(x), &[]).map_err(Error::Argument)?;
        Ok(self.step_to(op, x, shape, target))
    }

    /// Adds a step whose result has this shape, and returns its node.
    pub fn step_to(&mut self, op: Op, x: NodeId, shape: Shape, target: StepTarget<'_>) -> NodeId {
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
        self.plan.steps.push(PlanStep { op, x, y, add: target.add, clamp: target.clamp });
        y
    }

    /// Adds the layers one after the other; the last one adds the shortcut around them and clamps where it can, and
    /// writes to the target. The shortcut comes just before it, so that backwards it is the first to write its input's
    /// gradient: the first layer, which reaches every pixel, then adds to it and closes the gate.
    pub fn sequence<'a>(
        &mut self,
        layers: &'a [LayerSpec],
        input: NodeId,
        mut target: StepTarget<'a>,
        shortcut: Option<&[LayerSpec]>,
    ) -> Result<NodeId> {
        let units = units(layers, self.plan.pass);
        let (before, last) = units.split_at(units.len().saturating_sub(1));
        let mut x = input;
        for unit in before {
            x = unit.layer.add_steps(self, x, unit.target)?;
        }
        if let Some(shortcut) = shortcut {
            target.add = Some(self.sequence(shortcut, input, StepTarget::default(), None)?);
        }
        for Unit { layer, target: own } in last {
            let fuses = own.clamp.is_none() && layer.fusion().sum;
            let own = if fuses || target.add.is_none() {
                StepTarget { clamp: own.clamp.or(target.clamp), norm: own.norm, ..std::mem::take(&mut target) }
            } else {
                *own
            };
            x = layer.add_steps(self, x, own)?;
        }
        if target.into.is_some() || target.add.is_some() {
            x = self.step_to(Op::Copy, x, self.shape(x), target);
        }
        Ok(x)
    }

    /// Adds branches that write side by side into one buffer.
    pub fn concat(&mut self, layer: &Concat, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        let shape = self.shape(x);
        let shapes = layer.branches.iter().map(|branch| output_shape(branch, shape, "layers"));
        let shapes = shapes.collect::<Result<Vec<_>, _>>().map_err(Error::Argument)?;
        let whole = layer.output(shape, &shapes).map_err(Error::Argument)?;
        let y = target.into.unwrap_or_else(|| self.buffer(whole));
        let (mut first, mut clamps, mut trained) = (0, Vec::new(), false);
        for (branch, shape) in layer.branches.iter().zip(shapes) {
            let parent = self.plan.nodes[y].clone();
            let map = Map { channels: shape.channels(), first: parent.map.first + first, ..parent.map };
            let part = self.node(Node { map, parent: Some(y), readers: Vec::new(), ..parent });
            self.sequence(branch, x, StepTarget { into: Some(part), ..StepTarget::default() }, None)?;
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
        let tensors = layer.tensors().into_iter().zip([Some(conv), None]);
        let mut slots = tensors.map(|((name, shape), packed)| self.layout.add(name, shape, packed));
        let (weight, bias) = (slots.next(), slots.next());
        drop(slots);
        ConvStep { conv, weight, bias, norm: norm.map(|norm| self.norm(norm)) }
    }

    /// Finds places for the tensors of a batch normalisation.
    pub fn norm(&mut self, layer: &BatchNorm2d) -> NormSlots {
        let tensors = layer.tensors().into_iter();
        let mut slots = tensors.map(|(name, shape)| self.layout.add(name, shape, None));
        let mut slot = || slots.next().unwrap_or_default();
        NormSlots { eps: layer.eps as f32, gamma: slot(), beta: slot(), mean: slot(), var: slot() }
    }
}
