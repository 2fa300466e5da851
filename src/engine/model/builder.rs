//! Makes plans from graphs.

use super::graph::{Graph, ValueId};
use super::lifetimes::Lifetimes;
use super::manifest::Input;
use super::operations::{BatchNorm2d, Join, Kernel, Operation, Operator};
use super::parameters::Layout;
use super::placement::CopyKernel;
use super::plan::{ConvStep, Node, NodeId, NormSlots, Op, Pass, Plan, PlanStep};
use super::schedule::{Part, Schedule, Unit};
use super::shape::Shape;
use crate::kernels::{Conv, Isa, Map};
use crate::{Error, Result};

/// A `Builder` holds a plan in the making.
pub struct Builder {
    pub plan: Plan,
    pub(super) layout: Layout,
    /// The border that each value of the graph needs around its planes.
    pub(super) borders: Vec<usize>,
    /// The value that is being computed.
    pub(super) value: ValueId,
}

/// A target says where a step writes and what it does beside.
#[derive(Clone, Copy, Default)]
pub struct StepTarget<'a> {
    /// The node to write to; a new one where there is none.
    pub into: Option<NodeId>,
    /// The node that is added to the result before the clamp.
    pub add: Option<NodeId>,
    pub clamp: Option<f32>,
    /// A frozen batch normalisation, for operations whose fusion allows it.
    pub norm: Option<&'a BatchNorm2d>,
}

/// These are the plans of a net. They share the places of their parameters.
pub struct Plans {
    pub training: Plan,
    pub evaluation: Plan,
}

impl Plans {
    /// Makes the plans of a graph.
    ///
    /// # Errors
    /// None in practice: the graph was checked when it was made.
    pub fn new(graph: &Graph, input: &Input) -> Result<Self> {
        let training = Plan::new(graph, input, Pass::Train, Layout::default())?;
        // The passes meet the tensors of a shortcut in another order: their places are those of training.
        let evaluation = Plan::new(graph, input, Pass::Evaluate, Layout::clone(&training.layout))?;
        Ok(Self { training, evaluation })
    }
}

impl Plan {
    fn new(graph: &Graph, input: &Input, pass: Pass, layout: Layout) -> Result<Self> {
        let (scale, shift) = input.scale_and_shift();
        let plan = Self {
            pass,
            isa: Isa::current(),
            nodes: Vec::new(),
            steps: Vec::new(),
            buffers: Vec::new(),
            lifetimes: Lifetimes::default(),
            layout: Default::default(),
            input: 0,
            output: 0,
            scale,
            shift,
        };
        let schedule = Schedule::new(graph, pass);
        let borders = schedule.borders(graph);
        let mut builder = Builder { plan, layout, borders, value: 0 };
        let picture = builder.planes_node(graph.shape(0));
        let mut nodes = vec![None; graph.nodes().len() + 1];
        nodes[0] = Some(picture);
        let parts = schedule.parts(graph);
        for unit in &schedule.units {
            builder.unit(graph, &schedule, unit, &parts, &mut nodes)?;
        }
        let output = nodes[schedule.same[graph.output]].unwrap_or(picture);
        // Gradients start from rows of logits of their own.
        let output = builder.rows(output, graph.shape(graph.output).count());
        let output = if output == picture { builder.copied(output, 0) } else { output };
        let Builder { mut plan, layout, .. } = builder;
        plan.output = output;
        plan.layout = layout.into();
        plan.lifetimes = plan.lifetimes();
        Ok(plan)
    }
}

impl Builder {
    /// Adds the steps of a unit.
    fn unit(
        &mut self,
        graph: &Graph,
        schedule: &Schedule,
        unit: &Unit,
        parts: &[Option<Part>],
        nodes: &mut [Option<NodeId>],
    ) -> Result<()> {
        let node = &graph.nodes()[unit.node];
        self.value = unit.output;
        let lost = || Error::Argument("an operation reads what comes later".into());
        let inputs = node.inputs.iter().map(|&input| nodes[schedule.same[input]].ok_or_else(lost));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let norm = match unit.norm.map(|norm| &graph.nodes()[norm].operation) {
            Some(Operation::BatchNorm2d(norm)) => Some(norm),
            _ => None,
        };
        let add = unit.add.map(|add| nodes[add].ok_or_else(lost)).transpose()?;
        let into = parts[unit.output].map(|part| self.part(graph, part, unit.output, parts, nodes));
        let target = StepTarget { into, add, clamp: unit.clamp, norm };
        if let Operation::Join(join) = &node.operation {
            let whole = nodes[unit.output];
            nodes[unit.output] = Some(self.join(join, node.shape, &inputs, whole.or(into), unit.clamp)?);
            return Ok(());
        }
        nodes[unit.output] = Some(node.operation.lower(self, &inputs, target)?);
        Ok(())
    }

    /// Returns the node of a part of a concatenation; the whole is made when its first part is.
    fn part(
        &mut self,
        graph: &Graph,
        Part { whole, first }: Part,
        value: ValueId,
        parts: &[Option<Part>],
        nodes: &mut [Option<NodeId>],
    ) -> NodeId {
        let parent = match nodes[whole] {
            Some(parent) => parent,
            None => {
                let parent = match parts[whole] {
                    Some(outer) => self.part(graph, outer, whole, parts, nodes),
                    None => {
                        let value = std::mem::replace(&mut self.value, whole);
                        let node = self.planes_node(graph.shape(whole));
                        self.value = value;
                        node
                    }
                };
                nodes[whole] = Some(parent);
                parent
            }
        };
        let shape = graph.shape(value);
        let outer = self.plan.nodes[parent].clone();
        let map = outer.planes();
        let map = Map { channels: shape.first().copied().unwrap_or(1), first: map.first + first, ..map };
        let view = outer.view.sliced(0, first, map.channels, 1);
        let root = self.plan.nodes.len();
        let node = Node { shape, view, map: Some(map), root, parent: Some(parent), readers: Vec::new(), ..outer };
        self.node(node)
    }

    /// Returns the shape of values one after the other.
    pub fn joined_shape(&self, join: &Join, inputs: &[NodeId]) -> Result<Shape> {
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.shape(input)).collect();
        join.output(&shapes).map_err(Error::Argument)
    }

    /// Brings a node to its target, with nothing computed but what the target asks for.
    pub fn bring(&mut self, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        if target.into.is_none() && target.add.is_none() && target.clamp.is_none() {
            return Ok(x);
        }
        let x = self.planes(x, 0);
        Ok(self.step_to(Op::Copy, &[x], self.shape(x), target))
    }

    /// Adds a step on planes or rows whose result has the shape that the operation says, and returns its node.
    pub fn step(&mut self, op: Op, operation: &dyn Operator, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        let shape = operation.output(&[self.shape(x)]).map_err(Error::Argument)?;
        Ok(self.step_to(op, &[x], shape, target))
    }

    pub fn step_to(&mut self, op: Op, inputs: &[NodeId], shape: Shape, target: StepTarget<'_>) -> NodeId {
        let y = target.into.unwrap_or_else(|| self.planes_node(shape));
        let add = target.add.map(|add| self.lying_as(add, y));
        self.push(op, inputs, y, StepTarget { add, ..target });
        y
    }

    /// Adds a step that runs a kernel, and returns its node.
    pub fn kernel(
        &mut self,
        kernel: Box<dyn Kernel>,
        operation: &dyn Operator,
        inputs: &[NodeId],
        target: StepTarget<'_>,
    ) -> Result<NodeId> {
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.shape(input)).collect();
        let shape = operation.output(&shapes).map_err(Error::Argument)?;
        self.kernel_to(kernel, inputs, shape, target)
    }

    /// Adds a step that runs a kernel with a result of this shape, which lies as its first computed input does.
    pub fn kernel_to(
        &mut self,
        kernel: Box<dyn Kernel>,
        inputs: &[NodeId],
        shape: Shape,
        target: StepTarget<'_>,
    ) -> Result<NodeId> {
        let mut inputs = inputs.to_vec();
        if kernel.broadcasts() {
            for input in &mut inputs {
                if self.shape(*input) != shape {
                    let view = self.view(*input).broadcast(&shape);
                    let view = view.ok_or_else(|| {
                        Error::Argument(format!("{} does not broadcast to {shape}", self.shape(*input)))
                    })?;
                    *input = self.seen(*input, view)?;
                }
            }
        }
        let is_planes = shape.as_planes().is_some() && inputs.iter().any(|&input| self.lies_as_planes(input));
        let y = match target.into {
            Some(into) => into,
            None if is_planes => self.planes_node(shape),
            None => self.dense_node(shape),
        };
        self.push(Op::Kernel(kernel), &inputs, y, StepTarget { add: None, clamp: None, ..target });
        if target.add.is_none() && target.clamp.is_none() {
            return Ok(y);
        }
        self.bring(y, StepTarget { into: None, ..target })
    }

    pub(super) fn push(&mut self, op: Op, inputs: &[NodeId], y: NodeId, target: StepTarget<'_>) {
        let number = self.plan.steps.len();
        let mut trained = matches!(op, Op::Conv(_) | Op::BatchNorm(_));
        for &read in inputs.iter().chain(&target.add) {
            let root = self.plan.nodes[read].root;
            let node = &mut self.plan.nodes[root];
            node.readers.push(number);
            trained |= node.trained;
        }
        let root = self.plan.nodes[y].root;
        for node in [y, root] {
            let node = &mut self.plan.nodes[node];
            node.trained = trained;
            node.clamp = target.clamp;
        }
        let (x, others) = (inputs[0], inputs[1..].to_vec());
        self.plan.steps.push(PlanStep { op, x, others, y, add: target.add, clamp: target.clamp });
    }

    /// Puts values one after the other; those that were not written there already are copied.
    pub fn join(
        &mut self,
        join: &Join,
        shape: Shape,
        inputs: &[NodeId],
        whole: Option<NodeId>,
        clamp: Option<f32>,
    ) -> Result<NodeId> {
        let is_planes = inputs.iter().any(|&input| self.lies_as_planes(input));
        let whole = match whole {
            Some(whole) => whole,
            None if is_planes => self.planes_node(shape),
            None => self.dense_node(shape),
        };
        let (mut first, mut clamps, mut trained) = (0, Vec::new(), false);
        for &input in inputs {
            let len = self.shape(input)[join.axis];
            let mut part = input;
            if self.plan.nodes[input].parent != Some(whole) {
                let view = self.view(whole).sliced(join.axis, first, len, 1);
                let outer = self.plan.nodes[whole].clone();
                let root = self.plan.nodes.len();
                let node = Node {
                    shape: self.shape(input),
                    view,
                    map: None,
                    root,
                    parent: Some(whole),
                    readers: Vec::new(),
                    ..outer
                };
                part = self.node(node);
                self.push(Op::Kernel(Box::new(CopyKernel)), &[input], part, StepTarget::default());
            }
            let part = &self.plan.nodes[part];
            clamps.push(part.clamp);
            trained |= part.trained;
            first += len;
        }
        let node = &mut self.plan.nodes[whole];
        // The gradient may be gated for all parts at once where they agree.
        node.clamp =
            clamps.first().copied().flatten().filter(|clamp| clamps.iter().all(|other| *other == Some(*clamp)));
        node.trained = trained;
        match clamp {
            None => Ok(whole),
            Some(_) => self.bring(whole, StepTarget { clamp, ..StepTarget::default() }),
        }
    }

    /// Finds places for the tensors of an operation that is a convolution: its weight, then perhaps its bias.
    pub fn conv(&mut self, operation: &dyn Operator, conv: Conv, norm: Option<&BatchNorm2d>) -> ConvStep {
        let tensors = operation.tensors().into_iter().zip([Some(conv), None]);
        let mut slots = tensors.map(|((name, shape), packed)| self.layout.add(name, shape, packed));
        let (weight, bias) = (slots.next(), slots.next());
        drop(slots);
        ConvStep { conv, weight, bias, norm: norm.map(|norm| self.norm(norm)) }
    }

    /// Finds places for the tensors of a batch normalisation.
    pub fn norm(&mut self, operation: &BatchNorm2d) -> NormSlots {
        let tensors = operation.tensors().into_iter();
        let mut slots = tensors.map(|(name, shape)| self.layout.add(name, shape, None));
        let mut slot = || slots.next().unwrap_or_default();
        NormSlots { eps: operation.eps as f32, gamma: slot(), beta: slot(), mean: slot(), var: slot() }
    }
}
