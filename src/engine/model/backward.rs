//! Runs a plan backwards on the CPU.

use super::derived::Weights;
use super::operations::{Kernel, KernelGradient};
use super::parameters::Gradients;
use super::plan::{Backward, ConvStep, NodeId, NormSlots, Op, Plan, PlanStep, Store};
use super::run::Workspace;
use crate::kernels::{
    BatchNormGradient, Conv, ConvGradient, FusedGradient, Gate, MaxoutGradient, PoolGradient, SparseGradient, Strided,
    StridedMut, Values, ValuesMut, View, combine, planes, pool,
};

/// A backward pass is asked for these gradients.
#[derive(Default)]
pub struct Wanted<'a> {
    pub parameters: Option<WantedParameters<'a>>,
    /// The gradient of the pixels, (n, channels, height, width), is written to these.
    pub pixels: Option<&'a mut [f32]>,
}

/// The gradients of the parameters go to these places.
pub struct WantedParameters<'a> {
    pub to: &'a mut Gradients,
    /// True to add to what is there rather than to write over it.
    pub add: bool,
}

impl Plan {
    pub(super) fn wants(&self, node: NodeId, parameters: bool, pixels: bool) -> bool {
        match self.nodes[node].store {
            Store::Parameter(_) => parameters,
            Store::Buffer(_) => pixels || (parameters && self.root(node).trained),
        }
    }

    /// Computes the gradients of `Σ logits · d_logits` after [`Self::forward`] on the same workspace and weights.
    pub fn backward(&self, weights: Weights<'_>, d_logits: &[f32], workspace: &mut Workspace, mut wanted: Wanted<'_>) {
        let n = workspace.n;
        self.clear_sums(workspace, &mut wanted);
        let output = self.nodes[self.output].buffer();
        self.lend_gradient(workspace, output);
        let gradient = &mut workspace.gradients[output];
        self.each_logit(n, |place, at| gradient[at] = d_logits[place]);
        for number in (0..self.steps.len()).rev() {
            self.step_backward(weights, number, workspace, &mut wanted);
            let ends = self.lifetimes.gradients[number].iter();
            ends.for_each(|&buffer| workspace.spares.take_gradient_back(&mut workspace.gradients[buffer]));
        }
        if let Some(pixels) = wanted.pixels {
            self.read_pixel_gradient(workspace, pixels);
        }
        let Workspace { gradients, spares, .. } = workspace;
        gradients.iter_mut().for_each(|data| spares.take_gradient_back(data));
    }

    fn lend_gradient(&self, workspace: &mut Workspace, buffer: usize) {
        let Workspace { n, gradients, spares, .. } = workspace;
        spares.lend(&mut gradients[buffer], self.buffers[buffer], *n);
    }

    /// Writes the gradient of the input to pixels, (n, channels, height, width).
    fn read_pixel_gradient(&self, workspace: &Workspace, pixels: &mut [f32]) {
        let n = workspace.n;
        let input = &self.nodes[self.input];
        let (gradient, map) = (input.of(&workspace.gradients, n), input.planes());
        for (plane, values) in pixels.chunks_exact_mut(map.pixels()).enumerate() {
            let (picture, c) = (plane / map.channels, plane % map.channels);
            for (y, row) in values.chunks_exact_mut(map.width).enumerate() {
                let gradient = &gradient.data[map.at(picture, y as isize, 0) + c..];
                for (value, gradient) in row.iter_mut().zip(gradient.iter().step_by(map.stride)) {
                    *value = gradient * self.scale[c];
                }
            }
        }
    }

    /// Begins the gradients that are sums from 0: of values that are read in parts, and of tensors that are values.
    fn clear_sums(&self, workspace: &mut Workspace, wanted: &mut Wanted<'_>) {
        for node in &self.nodes {
            match node.store {
                Store::Buffer(buffer) if node.is_read_in_part => {
                    self.lend_gradient(workspace, buffer);
                    workspace.gradients[buffer].fill(0.0);
                }
                Store::Parameter(slot) => {
                    if let Some(WantedParameters { to, add: false }) = &mut wanted.parameters {
                        to.values.slot_mut(slot).fill(0.0);
                    }
                }
                Store::Buffer(_) => {}
            }
        }
    }

    fn step_backward(&self, weights: Weights<'_>, number: usize, workspace: &mut Workspace, wanted: &mut Wanted<'_>) {
        let (isa, n, step) = (self.isa, workspace.n, &self.steps[number]);
        let (x_node, y_node) = (&self.nodes[step.x], &self.nodes[step.y]);
        let (parameters, pixels) = (wanted.parameters.is_some(), wanted.pixels.is_some());
        let is_wanted = |node: NodeId| self.wants(node, parameters, pixels);
        if !is_wanted(step.y) {
            return;
        }
        if let Some(upper) = step.clamp
            && !self.is_gated(step.y)
        {
            let gate = Gate { values: y_node.of(&workspace.values, n), upper };
            planes::gate(isa, y_node.of_mut(&mut workspace.gradients[y_node.buffer()], n), gate);
        }
        if let Op::Kernel(kernel) = &step.op {
            return self.kernel_backward(&**kernel, weights, number, workspace, wanted);
        }
        if let Some(add) = step.add.filter(|&add| is_wanted(add)) {
            let node = &self.nodes[add];
            self.lend_gradient(workspace, node.buffer());
            let mut out = std::mem::take(&mut workspace.gradients[node.buffer()]);
            let fused = self.fused_gradient(add, number, workspace);
            let dy = y_node.of(&workspace.gradients, n);
            let is_same = node.root == x_node.root;
            planes::copy(isa, dy, node.of_mut(&mut out, n), fused.add);
            // When the step reads the same node twice the gate waits for the second time.
            if let Some(gate) = fused.gate.filter(|_| !is_same) {
                planes::gate(isa, node.of_mut(&mut out, n), gate);
            }
            workspace.gradients[node.buffer()] = out;
        }
        if is_wanted(step.x) && !self.is_read_sparsely(number) {
            self.lend_gradient(workspace, x_node.buffer());
        }
        let mut out = std::mem::take(&mut workspace.gradients[x_node.buffer()]);
        let mut sparse = std::mem::take(&mut workspace.sparse);
        let pass = StepBackward { plan: self, weights, number, step, workspace };
        let mut fused = self.fused_gradient(step.x, number, workspace);
        fused.add |= step.add.is_some_and(|add| self.nodes[add].root == x_node.root);
        let dx = is_wanted(step.x).then(|| x_node.of_mut(&mut out, n));
        match &step.op {
            Op::Conv(conv) => {
                if let Backward::Sparse(pool) = self.backward_of(step) {
                    sparse.collect(&conv.conv, x_node.planes(), pass.pool_gradient(pool));
                }
                if let (Some(parameters), Some(weight), None) = (&mut wanted.parameters, conv.weight, &conv.norm) {
                    pass.conv_weights(conv, weight, &mut sparse, parameters);
                }
                if let Some(dx) = dx {
                    pass.conv_input(conv, &sparse, dx, fused);
                }
            }
            Op::BatchNorm(norm) => pass.batch_norm(norm, wanted.parameters.as_mut(), dx, fused),
            _ => {
                if let Some(dx) = dx {
                    pass.without_parameters(dx, fused);
                }
            }
        }
        workspace.gradients[x_node.buffer()] = out;
        workspace.sparse = sparse;
    }
}

impl Plan {
    /// Tells what a reader does with a value's gradient. Readers run backwards from the last: the last one writes, the
    /// others add, the first one closes the gate. Where some see the value in part, all add.
    fn fused_gradient<'a>(&'a self, node: NodeId, reader: usize, workspace: &'a Workspace) -> FusedGradient<'a> {
        let root = self.root(node);
        let closes = !root.is_read_in_part && root.readers.first() == Some(&reader) && self.closes_gates(&reader);
        let upper = root.clamp.filter(|_| closes);
        let gate = upper.map(|upper| Gate { values: self.nodes[node].of(&workspace.values, workspace.n), upper });
        FusedGradient { add: root.is_read_in_part || root.readers.last() != Some(&reader), gate }
    }

    /// Computes the gradients of a kernel's inputs, one after the other.
    fn kernel_backward(
        &self,
        kernel: &dyn Kernel,
        weights: Weights<'_>,
        number: usize,
        workspace: &mut Workspace,
        wanted: &mut Wanted<'_>,
    ) {
        let (n, step) = (workspace.n, &self.steps[number]);
        let (parameters, pixels) = (wanted.parameters.is_some(), wanted.pixels.is_some());
        let inputs: Vec<NodeId> = step.inputs().collect();
        let views: Vec<View> = inputs.iter().map(|&input| self.pictures_of(input, n)).collect();
        let y_view = self.pictures_of(step.y, n);
        for (place, (&input, view)) in inputs.iter().zip(&views).enumerate() {
            if !self.wants(input, parameters, pixels) {
                continue;
            }
            let node = &self.nodes[input];
            let is_second = inputs[..place].iter().any(|&other| self.nodes[other].root == node.root);
            let mut out = match node.store {
                Store::Buffer(buffer) => {
                    self.lend_gradient(workspace, buffer);
                    std::mem::take(&mut workspace.gradients[buffer])
                }
                Store::Parameter(_) => Vec::new(),
            };
            let add = is_second || self.root(input).is_read_in_part || self.root(input).readers.last() != Some(&number);
            let slot = |slot| weights.parameters.slot(slot);
            let seen =
                inputs.iter().zip(&views).map(|(&other, view)| self.strided(other, &workspace.values, slot, view));
            let seen: Vec<Strided<'_>> = seen.collect();
            let from = KernelGradient {
                inputs: &seen,
                y: self.strided(step.y, &workspace.values, slot, &y_view),
                dy: self.strided(step.y, &workspace.gradients, slot, &y_view),
            };
            // A view that repeats values collects sums, which begin at 0.
            let repeats = view.axes.iter().any(|axis| axis.len > 1 && axis.stride == 0);
            match (node.store, &mut wanted.parameters) {
                (Store::Buffer(buffer), _) => {
                    if repeats && !add {
                        let whole = self.root(input).view.of_pictures(n, self.buffers[buffer].picture());
                        combine(self.isa, StridedMut { data: &mut out, view: &whole }, [], false, |dx, []| {
                            dx.fill(0.0)
                        });
                    }
                    kernel.backward(self.isa, place, from, StridedMut { data: &mut out, view }, add || repeats);
                    workspace.gradients[buffer] = out;
                }
                (Store::Parameter(slot), Some(WantedParameters { to, .. })) => {
                    kernel.backward(self.isa, place, from, StridedMut { data: to.values.slot_mut(slot), view }, true);
                }
                (Store::Parameter(_), None) => {}
            }
        }
    }
}

/// This is a step on the way back with all that it reads.
#[derive(Clone, Copy)]
struct StepBackward<'a> {
    plan: &'a Plan,
    weights: Weights<'a>,
    number: usize,
    step: &'a PlanStep,
    workspace: &'a Workspace,
}

impl<'a> StepBackward<'a> {
    fn values(&self, node: NodeId) -> Values<'a> {
        self.plan.nodes[node].of(&self.workspace.values, self.workspace.n)
    }

    fn gradient(&self, node: NodeId) -> Values<'a> {
        self.plan.nodes[node].of(&self.workspace.gradients, self.workspace.n)
    }

    fn conv_weights(
        &self,
        step: &ConvStep,
        weight: usize,
        sparse: &mut SparseGradient,
        wanted: &mut WantedParameters<'_>,
    ) {
        let (isa, conv, add) = (self.plan.isa, &step.conv, wanted.add);
        let (x, dy) = (self.values(self.step.x), self.gradient(self.step.y));
        let (weights, bias) = wanted.to.values.pair_mut(weight, step.bias);
        let to = ConvGradient { weights, bias, add };
        match self.plan.backward_of(self.step) {
            Backward::Linear => {
                Conv::bias_gradient(isa, dy, to.bias, add);
                wanted.to.products[weight].note(isa, conv, x, dy, add);
            }
            Backward::Sparse(_) => sparse.weights(isa, conv, x, to),
            Backward::Winograd(winograd) => winograd.weight_gradient(isa, x, dy, to),
            Backward::Dense | Backward::Columns | Backward::Units(_) => conv.weight_gradient(isa, x, dy, to),
        }
    }

    fn conv_input(&self, step: &ConvStep, sparse: &SparseGradient, mut dx: ValuesMut<'_>, fused: FusedGradient<'_>) {
        let (isa, conv) = (self.plan.isa, &step.conv);
        let dy = self.gradient(self.step.y);
        let transposed = self.weights.transposed.get(self.number).map_or(&[][..], Vec::as_slice);
        match self.plan.backward_of(self.step) {
            Backward::Dense => conv.input_gradient(isa, dy, transposed, dx, fused),
            Backward::Linear => {
                let weights = self.weights.of_conv(self.number, step);
                conv.linear_input_gradient(isa, dy, weights.packed, dx, fused);
            }
            Backward::Winograd(winograd) => winograd.input_gradient(isa, dy, transposed, dx, fused),
            Backward::Columns => conv.input_gradient_by_columns(isa, dy, transposed, dx),
            Backward::Units(maxout) => {
                let step = &self.plan.steps[maxout];
                let Op::Maxout(pieces) = step.op else { unreachable!("the reader is a maxout") };
                let winners = &self.workspace.notes[maxout].winners;
                let from = MaxoutGradient { pieces, winners, dy: self.gradient(step.y) };
                conv.maxout_input_gradient(isa, from, transposed, dx.reborrow());
                self.close(dx, fused);
            }
            Backward::Sparse(_) => {
                sparse.input(isa, conv, transposed, dx.reborrow());
                self.close(dx, fused);
            }
        }
    }

    fn batch_norm(
        &self,
        norm: &NormSlots,
        wanted: Option<&mut WantedParameters<'_>>,
        mut dx: Option<ValuesMut<'_>>,
        fused: FusedGradient<'_>,
    ) {
        let (x, dy) = (self.values(self.step.x), self.gradient(self.step.y));
        let mut unwanted = Vec::new();
        let (gamma, beta) = match wanted {
            Some(WantedParameters { to, add }) => {
                let (gamma, beta) = to.values.pair_mut(norm.gamma, Some(norm.beta));
                if !*add {
                    gamma.fill(0.0);
                    beta.fill(0.0);
                }
                (gamma, beta)
            }
            None => {
                unwanted.resize(2 * x.map.channels, 0.0);
                unwanted.split_at_mut(x.map.channels)
            }
        };
        let to = BatchNormGradient { gamma, beta, x: dx.as_mut().map(ValuesMut::reborrow), add: fused.add };
        norm.with(self.weights).backward(self.plan.isa, x, dy, &self.workspace.notes[self.number].statistics, to);
        if let Some(dx) = dx {
            self.close(dx, fused);
        }
    }

    /// Computes the gradient of the input of a step that has no parameters.
    fn without_parameters(&self, mut dx: ValuesMut<'_>, fused: FusedGradient<'_>) {
        let (isa, add, dy) = (self.plan.isa, fused.add, self.gradient(self.step.y));
        let notes = &self.workspace.notes[self.number];
        match &self.step.op {
            // The layer before it goes through the winners itself.
            Op::MaxPool(_) | Op::Maxout(_) if self.plan.is_read_sparsely(self.number) => return,
            Op::MaxPool(window) => return pool::max_pool_gradient(isa, dy, dx, *window, &notes.winners, fused),
            Op::Maxout(pieces) => planes::maxout_gradient(dy, dx.reborrow(), *pieces, &notes.winners),
            Op::Dropout { .. } => planes::masked(isa, dy, dx.reborrow(), &notes.mask, add),
            Op::Copy => planes::copy(isa, dy, dx.reborrow(), add),
            Op::AvgPool { window, counts_padding } => {
                pool::avg_pool_gradient(isa, dy, dx.reborrow(), *window, *counts_padding, add);
            }
            Op::Conv(_) | Op::BatchNorm(_) | Op::Kernel(_) => {
                unreachable!("steps with parameters have their own ways back")
            }
        }
        self.close(dx, fused);
    }

    /// Closes the gate of a gradient that is complete.
    fn close(&self, dx: ValuesMut<'_>, fused: FusedGradient<'_>) {
        if let Some(gate) = fused.gate {
            planes::gate(self.plan.isa, dx, gate);
        }
    }

    fn pool_gradient(&self, reader: usize) -> PoolGradient<'a> {
        let step = &self.plan.steps[reader];
        let Op::MaxPool(window) = step.op else { unreachable!("the reader is a max pool") };
        PoolGradient {
            window,
            winners: &self.workspace.notes[reader].winners,
            y: self.values(step.y),
            clamp: self.plan.nodes[step.x].clamp,
            dy: self.gradient(step.y),
        }
    }
}
