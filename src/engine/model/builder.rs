//! Makes a plan from the layers of a manifest.

use super::layer::{LayerSpec, is_running_statistic};
use super::manifest::Input;
use super::parameters::{Layout, Order};
use super::plan::{ConvStep, Node, NodeId, Norm, Op, Operation, OperationGradient, Pass, Plan, Step};
use super::shape::{Shape, output_shape};
use crate::kernels::{Conv, Isa, Map, Padding, Values, ValuesMut, Window, planes, pool};
use crate::{Error, Result};

struct Builder {
    plan: Plan,
    layout: Layout,
}

/// Layers that run as one step, or in branches.
struct Unit<'a> {
    layer: &'a LayerSpec,
    norm: Option<&'a LayerSpec>,
    clamp: Option<f32>,
}

fn clamp_of(layer: &LayerSpec) -> Option<f32> {
    match layer {
        LayerSpec::Relu => Some(f32::INFINITY),
        LayerSpec::Relu6 => Some(6.0),
        _ => None,
    }
}

/// Joins each layer with the batch normalisation and the clamp behind it; leaves out what does nothing in this pass.
fn units(layers: &[LayerSpec], pass: Pass) -> Vec<Unit<'_>> {
    let mut units: Vec<Unit<'_>> = Vec::new();
    for layer in layers {
        match (layer, units.last_mut()) {
            (LayerSpec::Dropout { keep, .. }, _) if pass == Pass::Evaluate || *keep >= 1.0 => {}
            (LayerSpec::BatchNorm2d { .. }, Some(unit))
                if pass == Pass::Evaluate
                    && matches!(unit.layer, LayerSpec::Conv2d { .. })
                    && unit.norm.is_none()
                    && unit.clamp.is_none() =>
            {
                unit.norm = Some(layer);
            }
            (LayerSpec::Relu | LayerSpec::Relu6, Some(unit))
                if unit.clamp.is_none()
                    && matches!(
                        unit.layer,
                        LayerSpec::Conv2d { .. }
                            | LayerSpec::Linear { .. }
                            | LayerSpec::BatchNorm2d { .. }
                            | LayerSpec::Residual { .. }
                    ) =>
            {
                unit.clamp = clamp_of(layer);
            }
            _ => units.push(Unit { layer, norm: None, clamp: None }),
        }
    }
    units
}

impl Plan {
    /// # Errors
    /// Layers that do not fit together, or a picture too large for them.
    pub fn new(layers: &[LayerSpec], input: &Input, pass: Pass) -> Result<Self> {
        output_shape(layers, input.shape(), "layers").map_err(Error::Argument)?;
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
        // The passes meet the tensors of a shortcut in another order, but share the weights: their places are those of training.
        let layout = match pass {
            Pass::Train => Layout::default(),
            Pass::Evaluate => Layout::clone(&Self::new(layers, input, Pass::Train)?.layout),
        };
        let mut builder = Builder { plan, layout };
        let x = builder.buffer([input.height, input.width], input.channels);
        let output = builder.sequence(&units(layers, pass), x, None, None)?;
        let Builder { mut plan, layout, .. } = builder;
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
    /// A node that is a buffer of its own.
    fn buffer(&mut self, size: [usize; 2], channels: usize) -> NodeId {
        let map = Map::new(size, channels, 0);
        self.plan.buffers.push(map);
        self.node(Node {
            map,
            buffer: self.plan.buffers.len() - 1,
            clamp: None,
            parent: None,
            readers: Vec::new(),
            trained: false,
        })
    }

    fn node(&mut self, node: Node) -> NodeId {
        self.plan.nodes.push(node);
        self.plan.nodes.len() - 1
    }

    fn map(&self, node: NodeId) -> Map {
        self.plan.nodes[node].map
    }

    /// Adds a step that writes to `into`, or to a buffer of its own.
    fn step(&mut self, op: Op, x: NodeId, size: [usize; 2], channels: usize, unit: Target) -> NodeId {
        let y = unit.into.unwrap_or_else(|| self.buffer(size, channels));
        let number = self.plan.steps.len();
        let trained = matches!(op, Op::Conv(_) | Op::BatchNorm(_));
        let mut inherits = self.plan.nodes[x].trained;
        self.plan.nodes[x].readers.push(number);
        if let Some(add) = unit.add {
            self.plan.nodes[add].readers.push(number);
            inherits |= self.plan.nodes[add].trained;
        }
        let node = &mut self.plan.nodes[y];
        node.trained = trained || inherits;
        node.clamp = unit.clamp;
        self.plan.steps.push(Step { op, x, y, add: unit.add, clamp: unit.clamp });
        y
    }

    /// Runs units one after the other; the last one adds the shortcut and clamps where it can, and writes to `into`. The
    /// shortcut comes just before it, so that backwards it is the first to write its input's gradient: the body's first layer,
    /// which reaches every pixel, then adds to it and closes the gate.
    fn sequence(
        &mut self,
        units: &[Unit<'_>],
        x: NodeId,
        into: Option<NodeId>,
        mut shortcut: Option<Shortcut<'_>>,
    ) -> Result<NodeId> {
        let mut x = x;
        let mut into = into;
        let mut sum = None;
        for (i, unit) in units.iter().enumerate() {
            let last = i + 1 == units.len();
            let mut target = Target { clamp: unit.clamp, ..Target::default() };
            if last {
                let fuses = unit.clamp.is_none()
                    && matches!(
                        unit.layer,
                        LayerSpec::Conv2d { .. } | LayerSpec::Linear { .. } | LayerSpec::BatchNorm2d { .. }
                    );
                sum = self.shortcut(shortcut.take())?;
                if let Some((add, clamp)) = sum.filter(|_| fuses) {
                    (target.add, target.clamp) = (Some(add), clamp);
                    sum = None;
                }
                if sum.is_none() {
                    target.into = into.take();
                }
            }
            x = self.unit(unit, x, target)?;
        }
        if units.is_empty() {
            sum = self.shortcut(shortcut)?;
        }
        if into.is_some() || sum.is_some() {
            let (add, clamp) = sum.map_or((None, None), |(add, clamp)| (Some(add), clamp));
            let map = self.map(x);
            let target = Target { into, add, clamp };
            x = self.step(Op::Copy, x, map.size(), map.channels, target);
        }
        Ok(x)
    }

    /// Runs the layers of a shortcut: what is to be added, and the clamp behind the sum.
    fn shortcut(&mut self, shortcut: Option<Shortcut<'_>>) -> Result<Option<(NodeId, Option<f32>)>> {
        let Some(Shortcut { layers, x, clamp }) = shortcut else { return Ok(None) };
        Ok(Some((self.sequence(&units(layers, self.plan.pass), x, None, None)?, clamp)))
    }

    fn unit(&mut self, unit: &Unit<'_>, x: NodeId, target: Target) -> Result<NodeId> {
        let map = self.map(x);
        let size = map.size();
        let window_size = |window: &Window| {
            window
                .output(map.height, map.width)
                .ok_or_else(|| Error::Argument("a window does not fit its picture".into()))
        };
        Ok(match unit.layer {
            LayerSpec::Conv2d { name, inputs, outputs, kernel, config, bias } => {
                let conv = Conv {
                    kernel: *kernel,
                    stride: config.stride,
                    padding: config.padding,
                    inputs: *inputs,
                    outputs: *outputs,
                    groups: config.groups,
                };
                let window = Window { kernel: *kernel, stride: config.stride, padding: config.padding, ceil: false };
                let out = window_size(&window)?;
                let shape = vec![*outputs, inputs / config.groups, kernel[0], kernel[1]];
                let op = self.conv(name, conv, shape, *bias, unit.norm);
                self.step(op, x, out, *outputs, target)
            }
            LayerSpec::Linear { name, inputs, outputs, bias } => {
                let op = self.linear(name, *inputs, *outputs, *bias);
                self.step(op, x, [1, 1], *outputs, target)
            }
            LayerSpec::Maxout { name, inputs, units, pieces } => {
                let op = self.linear(name, *inputs, units * pieces, true);
                let x = self.step(op, x, [1, 1], units * pieces, Target::default());
                self.step(Op::Maxout(*pieces), x, [1, 1], *units, target)
            }
            LayerSpec::BatchNorm2d { .. } => {
                let norm = self.norm(unit.layer);
                let op = match self.plan.pass {
                    Pass::Train => Op::BatchNorm(norm),
                    Pass::Evaluate => {
                        let conv = Conv { groups: map.channels, ..Conv::linear(map.channels, map.channels) };
                        Op::Conv(ConvStep { conv, weight: None, bias: None, norm: Some(norm) })
                    }
                };
                self.step(op, x, size, map.channels, target)
            }
            LayerSpec::MaxPool2d(window) => {
                self.step(Op::MaxPool(*window), x, window_size(window)?, map.channels, target)
            }
            LayerSpec::AvgPool2d(window) => {
                self.step(Op::Other(Box::new(AvgPool(*window))), x, window_size(window)?, map.channels, target)
            }
            LayerSpec::GlobalAvgPool => {
                let window = Window { kernel: size, stride: [1, 1], padding: Padding::default(), ceil: false };
                self.step(Op::Other(Box::new(AvgPool(window))), x, [1, 1], map.channels, target)
            }
            LayerSpec::Flatten if map.pixels() == 1 => self.sequence(&[], x, target.into, None)?,
            LayerSpec::Flatten => self.step(Op::Other(Box::new(Flatten)), x, [1, 1], map.count(), target),
            LayerSpec::Relu | LayerSpec::Relu6 => {
                let target = Target { clamp: clamp_of(unit.layer), ..target };
                self.step(Op::Copy, x, size, map.channels, target)
            }
            LayerSpec::Dropout { keep, rescale } => {
                let op = Op::Dropout { keep: *keep, rescale: *rescale };
                self.step(op, x, size, map.channels, target)
            }
            LayerSpec::Residual { body, shortcut } => {
                let shortcut = Shortcut { layers: shortcut, x, clamp: target.clamp };
                self.sequence(&units(body, self.plan.pass), x, target.into, Some(shortcut))?
            }
            LayerSpec::Concat { branches } => self.concat(branches, x, target)?,
        })
    }

    fn concat(&mut self, branches: &[Vec<LayerSpec>], x: NodeId, target: Target) -> Result<NodeId> {
        let map = self.map(x);
        let shape = Shape::Planes { channels: map.channels, height: map.height, width: map.width };
        let shapes = branches.iter().map(|branch| output_shape(branch, shape, "branches").map_err(Error::Argument));
        let shapes = shapes.collect::<Result<Vec<_>>>()?;
        let channels = shapes.iter().map(|shape| shape.channels()).sum();
        let size = shapes.first().map_or([1, 1], |shape| shape.size());
        let y = target.into.unwrap_or_else(|| self.buffer(size, channels));
        let (mut first, mut clamps, mut trained) = (0, Vec::new(), false);
        for (branch, shape) in branches.iter().zip(shapes) {
            let parent = self.plan.nodes[y].clone();
            let map = Map { channels: shape.channels(), first: parent.map.first + first, ..parent.map };
            let part = self.node(Node { map, parent: Some(y), readers: Vec::new(), ..parent });
            self.sequence(&units(branch, self.plan.pass), x, Some(part), None)?;
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

    /// A fully connected layer is a convolution of planes of one pixel.
    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, bias: bool) -> Op {
        self.conv(name, Conv::linear(inputs, outputs), vec![outputs, inputs], bias, None)
    }

    fn conv(&mut self, name: &str, conv: Conv, shape: Vec<usize>, bias: bool, norm: Option<&LayerSpec>) -> Op {
        let weight = self.layout.add(format!("{name}.weight"), shape, Order::Packed(conv), true);
        let bias = bias.then(|| self.layout.add(format!("{name}.bias"), vec![conv.outputs], Order::Plain, true));
        let norm = norm.map(|norm| self.norm(norm));
        Op::Conv(ConvStep { conv, weight: Some(weight), bias, norm })
    }

    fn norm(&mut self, layer: &LayerSpec) -> Norm {
        let LayerSpec::BatchNorm2d { eps, .. } = layer else { unreachable!("units join batch normalisations only") };
        let mut slots = layer.tensors().into_iter().map(|(name, shape)| {
            let trained = !is_running_statistic(&name);
            self.layout.add(name, shape, Order::Plain, trained)
        });
        let mut slot = || slots.next().unwrap_or_default();
        Norm { eps: *eps as f32, gamma: slot(), beta: slot(), mean: slot(), var: slot() }
    }
}

/// The way around the body of a residual block, and the clamp behind their sum.
struct Shortcut<'a> {
    layers: &'a [LayerSpec],
    x: NodeId,
    clamp: Option<f32>,
}

/// Where a step writes and what it does beside.
#[derive(Default)]
struct Target {
    into: Option<NodeId>,
    add: Option<NodeId>,
    clamp: Option<f32>,
}

#[derive(Debug)]
struct AvgPool(Window);

impl Operation for AvgPool {
    fn forward(&self, isa: Isa, x: Values<'_>, y: ValuesMut<'_>) {
        pool::avg_pool(isa, x, y, self.0);
    }

    fn backward(&self, isa: Isa, from: OperationGradient<'_>, dx: ValuesMut<'_>, add: bool) {
        pool::avg_pool_gradient(isa, from.dy, dx, self.0, add);
    }
}

/// Turns planes into features in PyTorch's order: all pixels of a channel, then those of the next.
#[derive(Debug)]
struct Flatten;

impl Operation for Flatten {
    fn forward(&self, _: Isa, x: Values<'_>, y: ValuesMut<'_>) {
        planes::flatten(x, y);
    }

    fn backward(&self, _: Isa, from: OperationGradient<'_>, dx: ValuesMut<'_>, add: bool) {
        planes::unflatten(from.dy, dx, add);
    }
}
