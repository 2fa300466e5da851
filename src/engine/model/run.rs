//! Runs a plan forwards on the CPU.

use rand::RngCore;

use super::derived::Weights;
use super::lifetimes::Spares;
use super::operations::draw_mask;
use super::plan::{NodeId, NormSlots, Op, Plan};
use crate::kernels::{BatchNorm, ConvWeights, Fused, SparseGradient, Statistics, StridedMut, View, planes, pool};

/// A workspace holds the values, gradients and notes of a pass. It is kept, so that the next one allocates nothing.
#[derive(Debug, Default)]
pub struct Workspace {
    pub(super) n: usize,
    pub(super) values: Vec<Vec<f32>>,
    /// A gradient has memory from its first writer to its last reader only.
    pub(super) gradients: Vec<Vec<f32>>,
    pub(super) spares: Spares,
    pub(super) notes: Vec<Notes>,
    pub(super) sparse: SparseGradient,
}

/// A step keeps these notes for its way back; most need nothing.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The places of the largest values of a max pool or a maxout.
    pub(super) winners: Vec<u8>,
    pub(super) mask: Vec<f32>,
    pub(super) statistics: Statistics,
}

impl Plan {
    /// Makes room for `n` pictures; values and gradients get theirs when they are written.
    fn prepare(&self, workspace: &mut Workspace, n: usize) {
        workspace.values.resize_with(self.buffers.len(), Vec::new);
        if workspace.n != n {
            // Values that were kept have a border of zeros around as many pictures as there were.
            let Workspace { n: before, values, spares, .. } = workspace;
            values.iter_mut().zip(&self.buffers).for_each(|(data, map)| spares.take_values_back(data, *map, *before));
        }
        workspace.n = n;
        workspace.gradients.resize_with(self.buffers.len(), Vec::new);
        workspace.notes.resize_with(self.steps.len(), Notes::default);
        for (step, notes) in self.steps.iter().zip(&mut workspace.notes) {
            let len = n * self.nodes[step.y].shape.count();
            match step.op {
                Op::MaxPool(_) | Op::Maxout(_) => notes.winners.resize(len, 0),
                Op::Dropout { .. } => notes.mask.resize(len, 0.0),
                Op::Conv(_) | Op::BatchNorm(_) | Op::AvgPool { .. } | Op::Copy | Op::Kernel(_) => {}
            }
        }
    }

    /// Computes logits (n, classes) of pixels (n, channels, height, width) in [0, 1], and keeps all values for the way
    /// back. Plans with dropout need the generator; without it the masks of the pass before stay.
    pub fn forward(
        &self,
        weights: Weights<'_>,
        pixels: &[f32],
        workspace: &mut Workspace,
        rng: Option<&mut dyn RngCore>,
    ) -> Vec<f32> {
        self.run_forward(weights, pixels, workspace, rng, true)
    }

    /// Computes the same where there is no way back: the memory of a value serves for others once it was read last.
    pub fn logits(&self, weights: Weights<'_>, pixels: &[f32], workspace: &mut Workspace) -> Vec<f32> {
        let logits = self.run_forward(weights, pixels, workspace, None, false);
        let Workspace { n, values, spares, .. } = workspace;
        values.iter_mut().zip(&self.buffers).for_each(|(data, map)| spares.take_values_back(data, *map, *n));
        logits
    }

    fn run_forward(
        &self,
        weights: Weights<'_>,
        pixels: &[f32],
        workspace: &mut Workspace,
        mut rng: Option<&mut dyn RngCore>,
        keep: bool,
    ) -> Vec<f32> {
        let input = &self.nodes[self.input];
        let map = input.planes();
        let n = pixels.len() / map.count().max(1);
        self.prepare(workspace, n);
        self.lend_values(workspace, input.buffer());
        planes::each_row(input.of_mut(&mut workspace.values[input.buffer()], n), |picture, y, row| {
            for c in 0..map.channels {
                let plane = &pixels[((picture * map.channels + c) * map.height + y) * map.width..][..map.width];
                for (x, &pixel) in plane.iter().enumerate() {
                    row[x * map.stride + c] = pixel * self.scale[c] + self.shift[c];
                }
            }
        });
        for number in 0..self.steps.len() {
            self.lend_values(workspace, self.nodes[self.steps[number].y].buffer());
            self.step_forward(weights, number, workspace, &mut rng);
            if !keep {
                let Workspace { values, spares, .. } = workspace;
                let ends = self.lifetimes.values[number].iter();
                ends.for_each(|&buffer| spares.take_values_back(&mut values[buffer], self.buffers[buffer], n));
            }
        }
        let output = &self.nodes[self.output];
        let values = &workspace.values[output.buffer()];
        let mut logits = vec![0.0; n * output.shape.count()];
        self.each_logit(n, |place, at| logits[place] = values[at]);
        logits
    }

    fn lend_values(&self, workspace: &mut Workspace, buffer: usize) {
        let Workspace { n, values, spares, .. } = workspace;
        spares.lend(&mut values[buffer], self.buffers[buffer], *n);
    }

    /// Calls `f(place among the logits, place in the buffer)`.
    pub(super) fn each_logit(&self, n: usize, mut f: impl FnMut(usize, usize)) {
        let map = self.nodes[self.output].planes();
        for picture in 0..n {
            for i in 0..map.count() {
                let (pixel, c) = (i / map.channels, i % map.channels);
                f(picture * map.count() + c * map.pixels() + pixel, map.at_pixel(picture, pixel) + c);
            }
        }
    }

    fn step_forward(
        &self,
        weights: Weights<'_>,
        number: usize,
        workspace: &mut Workspace,
        rng: &mut Option<&mut dyn RngCore>,
    ) {
        let (isa, n, step) = (self.isa, workspace.n, &self.steps[number]);
        let y_node = &self.nodes[step.y];
        let mut out = std::mem::take(&mut workspace.values[y_node.buffer()]);
        if let Op::Kernel(kernel) = &step.op {
            let views: Vec<View> = step.inputs().map(|input| self.pictures_of(input, n)).collect();
            let slot = |slot| weights.parameters.slot(slot);
            let inputs =
                step.inputs().zip(&views).map(|(input, view)| self.strided(input, &workspace.values, slot, view));
            let (inputs, view): (Vec<_>, _) = (inputs.collect(), self.pictures_of(step.y, n));
            kernel.forward(isa, &inputs, StridedMut { data: &mut out, view: &view });
            workspace.values[y_node.buffer()] = out;
            return;
        }
        let view = |node: NodeId| self.nodes[node].of(&workspace.values, n);
        let (x, mut y) = (view(step.x), y_node.of_mut(&mut out, n));
        let fused = Fused { add: step.add.map(view), clamp: step.clamp };
        let notes = &mut workspace.notes[number];
        match &step.op {
            Op::Conv(conv) => {
                let of_conv = weights.of_conv(number, conv);
                if let Some(winograd) = self.winograd_of(step) {
                    let packed = &weights.folded[number].filters;
                    winograd.forward(isa, x, ConvWeights { packed, ..of_conv }, y, fused);
                } else {
                    conv.conv.forward(isa, x, of_conv, y, fused);
                }
            }
            Op::BatchNorm(norm) => notes.statistics = norm.with(weights).forward(isa, x, y, fused),
            Op::MaxPool(window) => pool::max_pool(isa, x, y, *window, &mut notes.winners),
            Op::Maxout(pieces) => planes::maxout(isa, x, y, *pieces, &mut notes.winners),
            Op::Dropout { keep, rescale } => {
                if let Some(rng) = rng {
                    draw_mask(&mut notes.mask, *keep, *rescale, *rng);
                }
                planes::masked(isa, x, y, &notes.mask, false);
            }
            Op::Copy => {
                planes::copy(isa, x, y.reborrow(), false);
                if let Some(add) = fused.add {
                    planes::copy(isa, add, y.reborrow(), true);
                }
                if let Some(upper) = step.clamp {
                    planes::clamp(isa, y, upper);
                }
            }
            Op::AvgPool { window, counts_padding } => pool::avg_pool(isa, x, y, *window, *counts_padding),
            Op::Kernel(_) => {}
        }
        workspace.values[y_node.buffer()] = out;
    }
}

impl NormSlots {
    pub(super) fn with<'a>(&self, weights: Weights<'a>) -> BatchNorm<'a> {
        let [gamma, beta] = [self.gamma, self.beta].map(|slot| weights.parameters.slot(slot));
        BatchNorm { eps: self.eps, gamma, beta }
    }
}
