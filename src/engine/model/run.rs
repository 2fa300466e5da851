//! Runs a plan forwards and backwards on the CPU.

use rand::RngCore;

use super::derived::Weights;
use super::dropout::draw_mask;
use super::gradients::Gradients;
use super::plan::{Backward, Node, NodeId, Op, Plan, Step};
use crate::kernels::{
    BatchNorm, Conv, Finish, Fused, Isa, PoolGradient, SparseGradient, Statistics, Values, planes, pool,
};

/// Values, gradients and notes of a pass; kept, so that the next one allocates nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    n: usize,
    values: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    choices: Vec<Vec<u8>>,
    masks: Vec<Vec<f32>>,
    sparse: SparseGradient,
    pub statistics: Vec<Statistics>,
}

/// What a backward pass is asked for.
pub struct Wanted<'a> {
    /// Gradients of the parameters are written to these, or added to them.
    pub parameters: Option<(&'a mut Gradients, bool)>,
    /// The gradient of the pixels, (n, channels, height, width), is written to these.
    pub pixels: Option<&'a mut [f32]>,
}

impl Plan {
    /// Whether a node's gradient is needed.
    pub(super) fn wants(&self, node: NodeId, parameters: bool, pixels: bool) -> bool {
        pixels || (parameters && self.nodes[node].trained)
    }

    /// Makes room for `n` pictures.
    fn prepare(&self, workspace: &mut Workspace, n: usize, gradients: bool) {
        workspace.n = n;
        let grow = |buffers: &mut Vec<Vec<f32>>| {
            buffers.resize_with(self.buffers.len(), Vec::new);
            for (buffer, map) in buffers.iter_mut().zip(&self.buffers) {
                if buffer.len() < map.buffer_len(n) {
                    buffer.resize(map.buffer_len(n), 0.0);
                }
            }
        };
        grow(&mut workspace.values);
        if gradients {
            grow(&mut workspace.gradients);
        }
        workspace.choices.resize_with(self.choices, Vec::new);
        workspace.masks.resize_with(self.masks, Vec::new);
        workspace.statistics.resize_with(self.norms, Statistics::default);
        for step in &self.steps {
            let map = self.nodes[step.y].map;
            let len = n * map.pixels() * map.channels;
            match step.op {
                Op::MaxPool { id, .. } | Op::Maxout { id, .. } => workspace.choices[id].resize(len, 0),
                Op::Dropout { id, .. } => workspace.masks[id].resize(len, 0.0),
                _ => {}
            }
        }
    }

    /// Logits (n, classes) of pixels (n, channels, height, width) in [0, 1]. Plans with dropout need the generator.
    pub fn forward(
        &self,
        isa: Isa,
        weights: Weights<'_>,
        pixels: &[f32],
        workspace: &mut Workspace,
        mut rng: Option<&mut dyn RngCore>,
    ) -> Vec<f32> {
        let input = &self.nodes[self.input];
        let n = pixels.len() / (input.map.pixels() * input.map.channels).max(1);
        self.prepare(workspace, n, false);
        let map = input.map;
        planes::each_row(&mut workspace.values[input.buffer], map, n, |picture, y, row| {
            for c in 0..map.channels {
                let plane = &pixels[((picture * map.channels + c) * map.height + y) * map.width..][..map.width];
                for (x, &pixel) in plane.iter().enumerate() {
                    row[x * map.stride + c] = pixel * self.scale[c] + self.shift[c];
                }
            }
        });
        for step in &self.steps {
            self.step_forward(isa, weights, step, workspace, &mut rng);
        }
        let output = &self.nodes[self.output];
        let values = &workspace.values[output.buffer];
        let count = output.map.pixels() * output.map.channels;
        let mut logits = vec![0.0; n * count];
        self.each_logit(n, |place, at| logits[place] = values[at]);
        logits
    }

    /// Calls `f(place among the logits, place in the buffer)`.
    fn each_logit(&self, n: usize, mut f: impl FnMut(usize, usize)) {
        let map = self.nodes[self.output].map;
        let count = map.pixels() * map.channels;
        for picture in 0..n {
            for i in 0..count {
                let (pixel, c) = (i / map.channels, i % map.channels);
                let at = map.at(picture, (pixel / map.width) as isize, (pixel % map.width) as isize) + c;
                f(picture * count + c * map.pixels() + pixel, at);
            }
        }
    }

    fn step_forward(
        &self,
        isa: Isa,
        weights: Weights<'_>,
        step: &Step,
        workspace: &mut Workspace,
        rng: &mut Option<&mut dyn RngCore>,
    ) {
        let n = workspace.n;
        let (x_node, y_node) = (&self.nodes[step.x], &self.nodes[step.y]);
        let mut out = std::mem::take(&mut workspace.values[y_node.buffer]);
        let values = &workspace.values;
        let view = |node: &Node| -> Values<'_> { (&values[node.buffer], node.map) };
        let (x, y) = (view(x_node), (&mut out[..], y_node.map));
        let finish = step.clamp.map_or(Finish::Plain, |upper| Finish::Clamp { upper });
        let fused = Fused { add: step.add.map(|add| view(&self.nodes[add])), finish };
        match &step.op {
            Op::Conv { conv, id, .. } => {
                let (packed, bias) = self.conv_weights(weights, &step.op);
                match self.winograd_of(step) {
                    Some(winograd) => {
                        winograd.forward((isa, n), x, (weights.folded.filters(*id), bias), y, fused);
                    }
                    None => conv.forward((isa, n), x, (packed, bias), y, fused),
                }
            }
            Op::BatchNorm { id, norm } => {
                let affine = (weights.parameters.slot(norm.gamma), weights.parameters.slot(norm.beta));
                workspace.statistics[*id] = BatchNorm { eps: norm.eps }.forward((isa, n), x, affine, y, fused);
            }
            Op::MaxPool { window, id } => pool::max_pool(isa, n, x, y, *window, &mut workspace.choices[*id]),
            Op::AvgPool(window) => pool::avg_pool(isa, n, x, y, *window),
            Op::Maxout { pieces, id } => planes::maxout(isa, n, x, y, (*pieces, &mut workspace.choices[*id])),
            Op::Dropout { keep, rescale, id } => {
                let mask = &mut workspace.masks[*id];
                if let Some(rng) = rng {
                    draw_mask(mask, *keep, *rescale, *rng);
                }
                planes::masked(isa, n, x, y, mask, false);
            }
            Op::Flatten => planes::flatten(n, x, y),
            Op::Copy => {
                planes::copy(isa, n, x, (&mut *y.0, y.1), false);
                if let Some(add) = fused.add {
                    planes::copy(isa, n, add, (&mut *y.0, y.1), true);
                }
                planes::finish(isa, n, y, finish, None);
            }
        }
        workspace.values[y_node.buffer] = out;
    }

    /// The gradients of `Σ logits · d_logits` after [`Self::forward`] on the same workspace and weights.
    pub fn backward(
        &self,
        isa: Isa,
        weights: Weights<'_>,
        d_logits: &[f32],
        workspace: &mut Workspace,
        mut wanted: Wanted<'_>,
    ) {
        let n = workspace.n;
        self.prepare(workspace, n, true);
        let gradient = &mut workspace.gradients[self.nodes[self.output].buffer];
        self.each_logit(n, |place, at| gradient[at] = d_logits[place]);
        for number in (0..self.steps.len()).rev() {
            self.step_backward(isa, weights, number, workspace, &mut wanted);
        }
        let Some(pixels) = wanted.pixels else { return };
        let input = &self.nodes[self.input];
        let (gradient, map) = (&workspace.gradients[input.buffer], input.map);
        if input.readers.is_empty() {
            // The net is nothing but its input, seen as logits.
            return self.each_logit(n, |place, at| {
                pixels[place] = gradient[at] * self.scale[place / map.pixels() % map.channels]
            });
        }
        for (plane, values) in pixels.chunks_exact_mut(map.pixels()).enumerate() {
            let (picture, c) = (plane / map.channels, plane % map.channels);
            for (y, row) in values.chunks_exact_mut(map.width).enumerate() {
                let gradient = &gradient[map.at(picture, y as isize, 0) + c..];
                for (value, gradient) in row.iter_mut().zip(gradient.iter().step_by(map.stride)) {
                    *value = gradient * self.scale[c];
                }
            }
        }
    }

    fn step_backward(
        &self,
        isa: Isa,
        weights: Weights<'_>,
        number: usize,
        workspace: &mut Workspace,
        wanted: &mut Wanted<'_>,
    ) {
        let (n, step) = (workspace.n, &self.steps[number]);
        let (x_node, y_node) = (&self.nodes[step.x], &self.nodes[step.y]);
        let (for_parameters, for_pixels) = (wanted.parameters.is_some(), wanted.pixels.is_some());
        if !self.wants(step.y, for_parameters, for_pixels) {
            return;
        }
        let values = &workspace.values;
        let view = |node: &Node| -> Values<'_> { (&values[node.buffer], node.map) };
        if let Some(upper) = step.clamp
            && !self.is_gated(step.y)
        {
            planes::gate(isa, n, (&mut workspace.gradients[y_node.buffer], y_node.map), view(y_node), upper);
        }
        // Readers run backwards from the last: the last one writes, the others add, the first one closes the gate.
        let role = |node: &Node, again: bool| {
            let add = again || node.readers.last() != Some(&number);
            let finish = match node.clamp {
                Some(upper) if node.readers.first() == Some(&number) => Finish::Gate { upper },
                _ => Finish::Plain,
            };
            (add, finish)
        };
        if let Some(add) = step.add.filter(|&add| self.wants(add, for_parameters, for_pixels)) {
            let node = &self.nodes[add];
            let mut out = std::mem::take(&mut workspace.gradients[node.buffer]);
            let (in_place, finish) = role(node, false);
            let dy = (&workspace.gradients[y_node.buffer][..], y_node.map);
            planes::copy(isa, n, dy, (&mut out, node.map), in_place);
            // When the step reads the same node twice the gate waits for the second time.
            if add != step.x {
                planes::finish(isa, n, (&mut out, node.map), finish, Some(view(node)));
            }
            workspace.gradients[node.buffer] = out;
        }
        let mut out = std::mem::take(&mut workspace.gradients[x_node.buffer]);
        let dy = (&workspace.gradients[y_node.buffer][..], y_node.map);
        let dx_wanted = self.wants(step.x, for_parameters, for_pixels);
        let (in_place, finish) = role(x_node, step.add == Some(step.x));
        let dx = (&mut out[..], x_node.map);
        let gradients = wanted.parameters.as_mut().map(|(gradients, add)| (&mut **gradients, *add));
        match &step.op {
            Op::Conv { conv, id, weight, bias, norm } => {
                let way = self.backward_of(step);
                if let Backward::Sparse(pool) = way {
                    let pool = self.pool_gradient(pool, &workspace.gradients, (values, &workspace.choices));
                    workspace.sparse.collect(conv, n, x_node.map, y_node.map, pool);
                }
                if let (Some((gradients, add)), Some(weight), None) = (gradients, weight, norm) {
                    let (dw, db) = gradients.values.pair_mut(*weight, *bias);
                    match way {
                        Backward::Linear => {
                            gradients.products[*weight].note(conv, (isa, n), view(x_node), dy, add);
                            Conv::bias_gradient(isa, n, dy, (db, add));
                        }
                        Backward::Sparse(_) => workspace.sparse.weights(isa, conv, n, view(x_node), (dw, db, add)),
                        Backward::Winograd(winograd) => {
                            winograd.weight_gradient((isa, n), view(x_node), dy, (dw, db, add));
                        }
                        _ => conv.weight_gradient(isa, n, view(x_node), dy, (dw, db, add)),
                    }
                }
                if dx_wanted {
                    let transposed = weights.transposed.map_or(&[][..], |transposed| transposed.of(*id));
                    match way {
                        Backward::Units(maxout) => {
                            let maxout = self.maxout_gradient(maxout, &workspace.gradients, &workspace.choices);
                            conv.maxout_input_gradient(isa, n, maxout, transposed, dx);
                            planes::finish(isa, n, (&mut out, x_node.map), finish, Some(view(x_node)));
                        }
                        Backward::Dense => {
                            conv.input_gradient((isa, n), dy, transposed, dx, (in_place, Some(view(x_node)), finish));
                        }
                        Backward::Linear => {
                            let weights = self.conv_weights(weights, &step.op).0;
                            let state = (in_place, Some(view(x_node)), finish);
                            conv.linear_input_gradient((isa, n), dy, weights, dx, state);
                        }
                        Backward::Winograd(winograd) => {
                            let state = (in_place, Some(view(x_node)), finish);
                            winograd.input_gradient((isa, n), dy, transposed, dx, state);
                        }
                        Backward::Columns => conv.input_gradient_by_columns(isa, n, dy, transposed, dx),
                        Backward::Sparse(_) => {
                            workspace.sparse.input(isa, conv, n, transposed, dx);
                            planes::finish(isa, n, (&mut out, x_node.map), finish, Some(view(x_node)));
                        }
                    }
                }
            }
            Op::BatchNorm { id, norm } => {
                let Some((gradients, add)) = gradients else {
                    unreachable!("training passes have parameter gradients")
                };
                let (d_gamma, d_beta) = gradients.values.pair_mut(norm.gamma, Some(norm.beta));
                if !add {
                    d_gamma.fill(0.0);
                    d_beta.fill(0.0);
                }
                let state = (weights.parameters.slot(norm.gamma), &workspace.statistics[*id]);
                let target = dx_wanted.then_some((dx, in_place));
                BatchNorm { eps: norm.eps }.backward((isa, n), (view(x_node), dy), state, (d_gamma, d_beta), target);
            }
            _ if !dx_wanted => {}
            // The layer before it goes through the winners itself.
            Op::MaxPool { .. } | Op::Maxout { .. } if self.is_read_sparsely(step) => {}
            Op::MaxPool { window, id } => {
                let gate = match finish {
                    Finish::Gate { upper } => Some((view(x_node), upper)),
                    _ => None,
                };
                let winners = &workspace.choices[*id][..];
                pool::max_pool_gradient(isa, n, dy, dx, (*window, winners), (in_place, gate));
            }
            Op::AvgPool(window) => pool::avg_pool_gradient(isa, n, dy, dx, *window, in_place),
            Op::Maxout { pieces, id } => planes::maxout_gradient(n, dy, dx, (*pieces, &workspace.choices[*id])),
            Op::Dropout { id, .. } => planes::masked(isa, n, dy, dx, &workspace.masks[*id], in_place),
            Op::Flatten => planes::unflatten(n, dy, dx, in_place),
            Op::Copy => planes::copy(isa, n, dy, dx, in_place),
        }
        if dx_wanted && !matches!(step.op, Op::Conv { .. } | Op::MaxPool { .. }) {
            planes::finish(isa, n, (&mut out, x_node.map), finish, Some(view(x_node)));
        }
        workspace.gradients[x_node.buffer] = out;
    }

    /// Whether the layer before a max pool or a maxout takes its gradient from their winners.
    fn is_read_sparsely(&self, reader: &Step) -> bool {
        let writer = self.steps.iter().find(|step| step.y == reader.x);
        writer.is_some_and(|writer| matches!(self.backward_of(writer), Backward::Sparse(_) | Backward::Units(_)))
    }

    /// The gradient of the units of a maxout, their winners, and the pieces of each.
    fn maxout_gradient<'a>(
        &self,
        step: usize,
        gradients: &'a [Vec<f32>],
        choices: &'a [Vec<u8>],
    ) -> (Values<'a>, &'a [u8], usize) {
        let step = &self.steps[step];
        let Op::Maxout { pieces, id } = step.op else { unreachable!("the reader is a maxout") };
        let y = &self.nodes[step.y];
        ((&gradients[y.buffer], y.map), &choices[id], pieces)
    }

    fn pool_gradient<'a>(
        &self,
        step: usize,
        gradients: &'a [Vec<f32>],
        (values, choices): (&'a [Vec<f32>], &'a [Vec<u8>]),
    ) -> PoolGradient<'a> {
        let step = &self.steps[step];
        let Op::MaxPool { window, id } = step.op else { unreachable!("the reader is a max pool") };
        let y = &self.nodes[step.y];
        PoolGradient {
            window,
            winners: &choices[id],
            y: (&values[y.buffer], y.map),
            clamp: self.nodes[step.x].clamp,
            dy: (&gradients[y.buffer], y.map),
        }
    }
}
