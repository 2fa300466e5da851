//! A convolution is computed with fused bias, addition and clamp, and so are its gradients. A fully connected layer is
//! one on planes of one pixel.

use rayon::prelude::*;

use super::correlate::{Correlation, Grid, GridValues};
use super::padding::Padding;
use super::simd::Isa;
use super::tile::{Finish, PANEL, TermRun};
use super::values::{ConvWeights, Fused, FusedGradient, Map, Values, ValuesMut};

/// A convolution has this shape; height first, then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
    /// Neighbouring taps of the kernel lie so far apart.
    pub dilation: [usize; 2],
    pub inputs: usize,
    pub outputs: usize,
    pub groups: usize,
}

/// A tap of the kernel along an axis reaches input positions from an output position, relative to the first.
#[derive(Clone, Copy)]
struct Tap {
    index: usize,
    shift: isize,
}

impl Conv {
    /// Makes a fully connected layer on planes of one pixel.
    pub fn linear(inputs: usize, outputs: usize) -> Self {
        let [kernel, stride, dilation] = [[1, 1]; 3];
        Self { kernel, stride, padding: Padding::default(), dilation, inputs, outputs, groups: 1 }
    }

    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.inputs && self.groups == self.outputs
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub(super) fn group_inputs(&self) -> usize {
        self.inputs / self.groups
    }

    pub(super) fn group_outputs(&self) -> usize {
        self.outputs / self.groups
    }

    pub(super) fn depth(&self) -> usize {
        self.taps() * self.group_inputs()
    }

    /// Returns the length of the packed weights: for every group panels of [`PANEL`] outputs, (taps, inputs) in each;
    /// (taps, channels) of a depthwise convolution.
    pub fn weights_len(&self) -> usize {
        if self.is_depthwise() {
            self.taps() * self.outputs
        } else {
            self.groups * self.group_outputs().div_ceil(PANEL) * self.depth() * PANEL
        }
    }

    /// Calls `f(place in PyTorch's order, place in the packed weights)` for every weight (out, in / groups, kh, kw).
    pub fn each_weight(&self, mut f: impl FnMut(usize, usize)) {
        let (taps, inputs, outputs) = (self.taps(), self.group_inputs(), self.group_outputs());
        let group_len = self.weights_len() / self.groups;
        for o in 0..self.outputs {
            let (group, within) = (o / outputs, o % outputs);
            let panel = group * group_len + within / PANEL * self.depth() * PANEL + within % PANEL;
            for c in 0..inputs {
                for tap in 0..taps {
                    let packed =
                        if self.is_depthwise() { tap * self.outputs + o } else { panel + (tap * inputs + c) * PANEL };
                    f((o * inputs + c) * taps + tap, packed);
                }
            }
        }
    }

    /// Packs weights in PyTorch's order, (out, in / groups, kh, kw), into zeros.
    pub fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        const CHANNELS: usize = 16;
        if self.is_depthwise() {
            return self.each_weight(|from, to| packed[to] = weights[from]);
        }
        let (taps, inputs, outputs, depth) = (self.taps(), self.group_inputs(), self.group_outputs(), self.depth());
        let panels = outputs.div_ceil(PANEL);
        packed.par_chunks_exact_mut(depth * PANEL).enumerate().for_each(|(number, panel)| {
            let (group, first) = (number / panels, number % panels * PANEL);
            let width = PANEL.min(outputs - first);
            let rows = &weights[(group * outputs + first) * depth..][..width * depth];
            // A few channels of all outputs at a time: what is read is read once, and what is written stays near.
            for begin in (0..inputs).step_by(CHANNELS) {
                for (o, row) in rows.chunks_exact(depth).enumerate() {
                    let channels = &row[begin * taps..inputs.min(begin + CHANNELS) * taps];
                    for (c, kernel) in (begin..).zip(channels.chunks_exact(taps)) {
                        for (tap, &weight) in kernel.iter().enumerate() {
                            panel[(tap * inputs + c) * PANEL + o] = weight;
                        }
                    }
                }
            }
        });
    }

    /// Writes packed weights times a factor for each output.
    pub fn scale_outputs(&self, packed: &[f32], factors: &[f32], scaled: &mut Vec<f32>) {
        let (outputs, depth) = (self.group_outputs(), self.depth());
        scaled.resize(packed.len(), 0.0);
        if self.is_depthwise() {
            for (to, from) in scaled.chunks_exact_mut(self.outputs).zip(packed.chunks_exact(self.outputs)) {
                to.iter_mut().zip(from).zip(factors).for_each(|((to, from), factor)| *to = from * factor);
            }
            return;
        }
        let panels = outputs.div_ceil(PANEL);
        let both = scaled.par_chunks_exact_mut(depth * PANEL).zip(packed.par_chunks_exact(depth * PANEL));
        both.enumerate().for_each(|(number, (to, from))| {
            let (group, first) = (number / panels, number % panels * PANEL);
            let of_panel = &factors[group * outputs..][first..outputs.min(first + PANEL)];
            // What fills up the last panel stays 0.
            let mut factors = [0.0; PANEL];
            factors[..of_panel.len()].copy_from_slice(of_panel);
            for (to, from) in to.as_chunks_mut::<PANEL>().0.iter_mut().zip(from.as_chunks::<PANEL>().0) {
                for i in 0..PANEL {
                    to[i] = from[i] * factors[i];
                }
            }
        });
    }

    /// Scales the incoming weights of each output down to at most this Euclidean norm.
    pub fn limit_norms(&self, isa: Isa, weights: &mut [f32], largest: f32) {
        let (width, depth) = if self.is_depthwise() { (self.outputs, self.taps()) } else { (PANEL, self.depth()) };
        weights.par_chunks_exact_mut(width * depth).for_each(|panel| {
            isa.vectorised(|| {
                let mut scales = vec![0.0f32; width];
                for row in panel.chunks_exact(width) {
                    scales.iter_mut().zip(row).for_each(|(sum, w)| *sum += w * w);
                }
                for scale in &mut scales {
                    *scale = if *scale > largest * largest { largest / scale.sqrt() } else { 1.0 };
                }
                if scales.iter().any(|&scale| scale != 1.0) {
                    for row in panel.chunks_exact_mut(width) {
                        row.iter_mut().zip(&scales).for_each(|(w, scale)| *w *= scale);
                    }
                }
            });
        });
    }

    /// Returns the number of passes, one a group; depthwise convolutions run all their groups at once.
    pub(super) fn passes(&self) -> usize {
        if self.is_depthwise() { 1 } else { self.groups }
    }

    pub fn is_dilated(&self) -> bool {
        self.dilation != [1, 1]
    }

    /// Returns how far a tap lies from the first one.
    pub(super) fn offset(&self, x: Map, [ky, kx]: [usize; 2]) -> usize {
        ky * self.dilation[0] * x.row() + kx * self.dilation[1] * x.stride
    }

    /// Returns the taps of a depthwise convolution, each with its offsets in x and in the weights. In a row of the
    /// kernel those come first that the stride leads to from the first one: neighbouring pixels share what they read.
    pub(super) fn single_taps(&self, x: Map) -> Vec<TermRun> {
        let kw = self.kernel[1];
        let mut taps: Vec<usize> = (0..self.taps()).collect();
        taps.sort_by_key(|tap| (tap / kw, tap % kw * self.dilation[1] % self.stride[1]));
        let run = |tap: usize| TermRun { a: self.offset(x, [tap / kw, tap % kw]), b: tap * self.outputs, len: 1 };
        taps.into_iter().map(run).collect()
    }

    /// Computes `y = clamp(conv(x) + bias + add)`.
    pub fn forward(&self, isa: Isa, x: Values<'_>, weights: ConvWeights<'_>, y: ValuesMut<'_>, fused: Fused<'_>) {
        let ConvWeights { packed, bias } = weights;
        let (inputs, outputs) = (self.inputs / self.passes(), self.outputs / self.passes());
        let [kh, kw] = self.kernel;
        let step = self.group_inputs() * PANEL;
        // Neighbours in a row lie next to each other where the map is its whole buffer: one run for all.
        let merged = if self.groups == 1 && x.map.is_whole() && self.dilation[1] == 1 { kw } else { 1 };
        let len = merged * inputs;
        let run = |tap: usize| TermRun { a: self.offset(x.map, [tap / kw, tap % kw]), b: tap * step, len };
        let runs = match self.is_depthwise() {
            true => self.single_taps(x.map),
            false => (0..kh * kw).step_by(merged).map(run).collect(),
        };
        let group_len = packed.len() / self.passes();
        for group in 0..self.passes() {
            let origin = self.padding.before.map(|p| -(p as isize));
            let correlation = Correlation {
                n: x.n,
                size: y.map.size(),
                x: GridValues {
                    data: x.data,
                    grid: Grid { map: x.map.group(inputs, group), origin, step: self.stride },
                },
                runs: &runs,
                weights: &packed[group * group_len..][..group_len],
                panel_len: self.depth() * PANEL,
                depthwise: self.is_depthwise(),
                y: Grid::all(y.map.group(outputs, group)),
                bias: bias.map(|bias| &bias[group * outputs..]),
                add: fused.add.map(|add| GridValues { data: add.data, grid: Grid::all(add.map.group(outputs, group)) }),
                gate: None,
                finish: Finish::clamp(fused.clamp),
                accumulate: false,
            };
            correlation.run(isa, y.data);
        }
    }

    /// Returns the length of the weights as [`Self::input_gradient`] reads them.
    pub fn transposed_len(&self) -> usize {
        if self.is_depthwise() {
            self.weights_len()
        } else {
            self.groups * self.group_inputs().div_ceil(PANEL) * self.taps() * self.group_outputs() * PANEL
        }
    }

    /// Turns packed weights into panels of [`PANEL`] inputs, (taps, outputs) in each.
    pub fn transpose(&self, weights: &[f32], transposed: &mut Vec<f32>) {
        transposed.resize(self.transposed_len(), 0.0);
        if self.is_depthwise() {
            transposed.copy_from_slice(weights);
            return;
        }
        let (inputs, outputs, taps) = (self.group_inputs(), self.group_outputs(), self.taps());
        let panel_len = taps * outputs * PANEL;
        let panels = inputs.div_ceil(PANEL);
        let source_len = weights.len() / self.groups;
        transposed.par_chunks_mut(panel_len).enumerate().for_each(|(index, panel)| {
            let (group, first) = (index / panels, index % panels * PANEL);
            let count = (inputs - first).min(PANEL);
            let source = &weights[group * source_len..][..source_len];
            for (tap, block) in panel.chunks_exact_mut(outputs * PANEL).enumerate() {
                for (o, row) in block.chunks_exact_mut(PANEL).enumerate() {
                    let from = (o / PANEL * self.depth() + tap * inputs + first) * PANEL + o % PANEL;
                    for (value, &weight) in row.iter_mut().zip(source[from..].iter().step_by(PANEL).take(count)) {
                        *value = weight;
                    }
                }
            }
        });
    }

    /// Returns the taps along one axis that reach the input positions `phase`, `phase + stride`, ….
    fn phase(&self, axis: usize, phase: usize) -> Vec<Tap> {
        let (stride, position) = (self.stride[axis] as isize, (phase + self.padding.before[axis]) as isize);
        let reach = |tap: usize| position - (tap * self.dilation[axis]) as isize;
        let taps = (0..self.kernel[axis]).filter(|&tap| reach(tap) % stride == 0);
        taps.map(|index| Tap { index, shift: reach(index) / stride }).collect()
    }

    /// Returns the border that the gradient of the output needs for [`Self::input_gradient`].
    pub fn gradient_halo(&self, x: [usize; 2], y: [usize; 2]) -> usize {
        let mut halo = 0;
        for axis in 0..2 {
            for phase in 0..self.stride[axis].min(x[axis]) {
                let count = (x[axis] - phase).div_ceil(self.stride[axis]) as isize;
                for Tap { shift, .. } in self.phase(axis, phase) {
                    halo = halo.max(-shift).max(count + shift - y[axis] as isize);
                }
            }
        }
        halo as usize
    }

    /// Computes the gradient of the input, with weights of [`Self::transpose`].
    pub fn input_gradient(
        &self,
        isa: Isa,
        dy: Values<'_>,
        transposed: &[f32],
        dx: ValuesMut<'_>,
        fused: FusedGradient<'_>,
    ) {
        let (inputs, outputs) = (self.inputs / self.passes(), self.outputs / self.passes());
        let kw = self.kernel[1];
        let group_len = transposed.len() / self.passes();
        let step = if self.is_depthwise() { self.outputs } else { outputs * PANEL };
        let (gate, [height, width]) = (fused.gate.map(|gate| gate.values), dx.map.size());
        for (row, column) in (0..self.stride[0]).flat_map(|row| (0..self.stride[1]).map(move |column| (row, column))) {
            if row >= height || column >= width {
                continue;
            }
            let (rows, columns) = (self.phase(0, row), self.phase(1, column));
            let least = |taps: &[Tap]| taps.iter().map(|tap| tap.shift).min().unwrap_or(0);
            let origin = [least(&rows), least(&columns)];
            let mut runs = Vec::with_capacity(rows.len() * columns.len());
            for y in &rows {
                for x in &columns {
                    let (down, right) = ((y.shift - origin[0]) as usize, (x.shift - origin[1]) as usize);
                    let len = if self.is_depthwise() { 1 } else { outputs };
                    let a = down * dy.map.row() + right * dy.map.stride;
                    runs.push(TermRun { a, b: (y.index * kw + x.index) * step, len });
                }
            }
            if runs.is_empty() && fused.add && fused.gate.is_none() {
                continue;
            }
            // Where no tap reaches the gradient is zero, and the output is never read.
            let (origin, reach) = if runs.is_empty() { ([0, 0], [0, 0]) } else { (origin, [1, 1]) };
            let there = |map: Map, group: usize| Grid {
                map: map.group(inputs, group),
                origin: [row as isize, column as isize],
                step: self.stride,
            };
            for group in 0..self.passes() {
                let correlation = Correlation {
                    n: dy.n,
                    size: [(height - row).div_ceil(self.stride[0]), (width - column).div_ceil(self.stride[1])],
                    x: GridValues {
                        data: dy.data,
                        grid: Grid { map: dy.map.group(outputs, group), origin, step: reach },
                    },
                    runs: &runs,
                    weights: &transposed[group * group_len..][..group_len],
                    panel_len: self.taps() * outputs * PANEL,
                    depthwise: self.is_depthwise(),
                    y: there(dx.map, group),
                    bias: None,
                    add: None,
                    gate: gate.map(|gate| GridValues { data: gate.data, grid: there(gate.map, group) }),
                    finish: Finish::gate(fused.gate.map(|gate| gate.upper)),
                    accumulate: fused.add,
                };
                correlation.run(isa, dx.data);
            }
        }
    }
}
