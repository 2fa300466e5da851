//! Convolution as matrix products over tiles: the pixels under the kernel are gathered into columns (im2col) a tile at a
//! time, so that they stay in the processor's cache.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::matrix::{SharedSlice, View, multiply, multiply_into};
use super::pool::Window;
use super::{operand, shaped, with_values};

/// Stride, padding and groups of a convolution; the kernel's size is that of its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    pub groups: usize,
}

/// Cross-correlation of (n, in, h, w) with weights (out, in / groups, kh, kw), plus a bias per output channel.
///
/// # Errors
/// When the shapes do not fit.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: &Tensor, config: Conv2d) -> Result<Tensor> {
    let shape = ConvShape::new(x.dims4()?, weight.dims4()?, config)?;
    if bias.dims() != [shape.out_channels] {
        bail!("conv2d: a bias of {:?} for {} output channels", bias.shape(), shape.out_channels);
    }
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, ConvOp { shape })
}

#[derive(Clone, Copy, Debug)]
struct ConvShape {
    batch: usize,
    in_channels: usize,
    height: usize,
    width: usize,
    out_channels: usize,
    window: Window,
    out_height: usize,
    out_width: usize,
    groups: usize,
}

/// Output pixels per tile: with 64 channels and a 3×3 kernel its columns take 300 kB, which a second-level cache holds.
const TILE_PIXELS: usize = 128;
/// The gradient of the weights is summed in at most this many parts, a number that does not depend on the threads.
const WEIGHT_GRADIENT_PARTS: usize = 4;

impl ConvShape {
    fn new(x: (usize, usize, usize, usize), weight: (usize, usize, usize, usize), config: Conv2d) -> Result<Self> {
        let (batch, in_channels, height, width) = x;
        let (out_channels, in_per_group, kh, kw) = weight;
        let Conv2d { stride, padding, groups } = config;
        if groups == 0 || in_channels != in_per_group * groups || out_channels % groups != 0 {
            bail!("conv2d: {in_channels} channels do not fit weights of {weight:?} in {groups} groups");
        }
        let window = Window { kernel: [kh, kw], stride, padding, ceil: false };
        let Some([out_height, out_width]) = window.output(height, width) else {
            bail!("conv2d: a kernel of {kh}×{kw} does not fit a picture of {height}×{width}");
        };
        Ok(Self { batch, in_channels, height, width, out_channels, window, out_height, out_width, groups })
    }

    fn in_per_group(&self) -> usize {
        self.in_channels / self.groups
    }

    fn out_per_group(&self) -> usize {
        self.out_channels / self.groups
    }

    fn kernel_area(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    fn in_plane(&self) -> usize {
        self.height * self.width
    }

    fn out_plane(&self) -> usize {
        self.out_height * self.out_width
    }

    /// A 1×1 convolution without stride and padding reads its input as it lies.
    fn is_pointwise(&self) -> bool {
        self.window.kernel == [1, 1] && self.window.stride == [1, 1] && self.window.padding == [0, 0]
    }

    fn tiles(&self) -> usize {
        self.out_plane().div_ceil(TILE_PIXELS)
    }

    /// Output pixels `start..end` of a tile.
    fn tile(&self, index: usize) -> (usize, usize) {
        (index * TILE_PIXELS, ((index + 1) * TILE_PIXELS).min(self.out_plane()))
    }

    /// For kernel position (`ky`, `kx`), calls `f(first column, input offset, count)` for every run of the output pixels
    /// `pixels` whose inputs lie inside the picture, one run per output row. Inputs of a run are `stride[1]` apart.
    fn runs(&self, (ky, kx): (usize, usize), (start, end): (usize, usize), mut f: impl FnMut(usize, usize, usize)) {
        let ([sy, sx], [py, px]) = (self.window.stride, self.window.padding);
        let mut pixel = start;
        while pixel < end {
            let (oy, ox) = (pixel / self.out_width, pixel % self.out_width);
            let row_end = (pixel - ox + self.out_width).min(end);
            let y = (oy * sy + ky).wrapping_sub(py);
            if y < self.height {
                // The first and last output columns whose input column `ox·sx + kx − px` lies in 0..width.
                let first = px.saturating_sub(kx).div_ceil(sx).max(ox);
                let past = (self.width + px).saturating_sub(kx).div_ceil(sx).min(ox + row_end - pixel);
                if first < past {
                    f(pixel - start + first - ox, y * self.width + first * sx + kx - px, past - first);
                }
            }
            pixel = row_end;
        }
    }

    /// Gathers the inputs of output pixels `pixels` into `columns`: a row for each (channel, ky, kx), a column a pixel.
    fn gather(&self, x: &[f32], pixels: (usize, usize), columns: &mut [f32]) {
        let (count, sx) = (pixels.1 - pixels.0, self.window.stride[1]);
        let [kh, kw] = self.window.kernel;
        for (row, out) in columns.chunks_exact_mut(count).enumerate() {
            let (channel, k) = (row / (kh * kw), row % (kh * kw));
            let plane = &x[channel * self.in_plane()..][..self.in_plane()];
            out.fill(0.0);
            self.runs((k / kw, k % kw), pixels, |to, from, n| {
                if sx == 1 {
                    out[to..to + n].copy_from_slice(&plane[from..from + n]);
                } else {
                    for (out, &value) in out[to..to + n].iter_mut().zip(plane[from..].iter().step_by(sx)) {
                        *out = value;
                    }
                }
            });
        }
    }

    /// The adjoint of [`Self::gather`]: adds the columns back to the inputs that they were gathered from.
    fn scatter(&self, columns: &[f32], pixels: (usize, usize), dx: &mut [f32]) {
        let (count, sx) = (pixels.1 - pixels.0, self.window.stride[1]);
        let [kh, kw] = self.window.kernel;
        for (row, values) in columns.chunks_exact(count).enumerate() {
            let (channel, k) = (row / (kh * kw), row % (kh * kw));
            let plane = &mut dx[channel * self.in_plane()..][..self.in_plane()];
            self.runs((k / kw, k % kw), pixels, |from, to, n| {
                for (dx, &value) in plane[to..].iter_mut().step_by(sx).zip(&values[from..from + n]) {
                    *dx += value;
                }
            });
        }
    }

    fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let (depth, group_out, plane) =
            (self.in_per_group() * self.kernel_area(), self.out_per_group(), self.out_plane());
        let mut y = vec![0.0f32; self.batch * self.out_channels * plane];
        let out = SharedSlice::new(&mut y);
        let tasks = self.batch * self.groups * self.tiles();
        (0..tasks).into_par_iter().for_each_init(Vec::new, |columns, task| {
            let (tile, rest) = (task % self.tiles(), task / self.tiles());
            let (group, image) = (rest % self.groups, rest / self.groups);
            let pixels = self.tile(tile);
            let count = pixels.1 - pixels.0;
            let x = &x[(image * self.groups + group) * self.in_per_group() * self.in_plane()..];
            let rhs: (&[f32], View) = if self.is_pointwise() {
                (&x[pixels.0..], View { row_stride: plane, ..View::row_major(depth, count) })
            } else {
                columns.resize(depth * count, 0.0);
                self.gather(x, pixels, columns);
                (columns, View::row_major(depth, count))
            };
            let weights = &weight[group * group_out * depth..][..group_out * depth];
            let first = (image * self.out_channels + group * group_out) * plane + pixels.0;
            // SAFETY: a task writes the pixels of its own tile, in the channels of its own group and image: inside `y`,
            // and apart from those of every other task. The bias is written before the product is added to it.
            unsafe {
                let dst = out.at(first);
                for o in 0..group_out {
                    std::slice::from_raw_parts_mut(dst.add(o * plane), count).fill(bias[group * group_out + o]);
                }
                let view = View { row_stride: plane, ..View::row_major(group_out, count) };
                multiply_into(dst, view, (weights, View::row_major(group_out, depth)), rhs, true);
            }
        });
        y
    }

    /// The gradient of the input. The tasks split its channels, so that no two of them add to the same pixel.
    fn backward_input(&self, grad: &[f32], weight: &[f32]) -> Vec<f32> {
        let (area, group_in, group_out) = (self.kernel_area(), self.in_per_group(), self.out_per_group());
        let mut dx = vec![0.0f32; self.batch * self.in_channels * self.in_plane()];
        // Whole groups stay together where there are enough pictures to share out.
        let block = if self.batch >= 8 { group_in } else { group_in.div_ceil(8).max(group_in.min(16)) };
        let blocks_per_group = group_in.div_ceil(block);
        let mut targets = Vec::with_capacity(self.batch * self.groups * blocks_per_group);
        for channels in dx.chunks_exact_mut(group_in * self.in_plane()) {
            targets.extend(channels.chunks_mut(block * self.in_plane()));
        }
        targets.into_par_iter().enumerate().for_each_init(Vec::new, |columns, (task, dx)| {
            let (first, rest) = (task % blocks_per_group * block, task / blocks_per_group);
            let (group, image) = (rest % self.groups, rest / self.groups);
            let rows = dx.len() / self.in_plane() * area;
            let weights = &weight[group * group_out * group_in * area + first * area..];
            let lhs = View { row_stride: group_in * area, ..View::row_major(group_out, rows) }.transposed();
            let grad = &grad[(image * self.out_channels + group * group_out) * self.out_plane()..];
            for pixels in (0..self.tiles()).map(|tile| self.tile(tile)) {
                let count = pixels.1 - pixels.0;
                let rhs = View { row_stride: self.out_plane(), ..View::row_major(group_out, count) };
                let rhs = (&grad[pixels.0..], rhs);
                if self.is_pointwise() {
                    let view = View { row_stride: self.in_plane(), ..View::row_major(rows, count) };
                    multiply((&mut dx[pixels.0..], view), (weights, lhs), rhs, false);
                } else {
                    columns.resize(rows * count, 0.0);
                    multiply((columns, View::row_major(rows, count)), (weights, lhs), rhs, false);
                    self.scatter(columns, pixels, dx);
                }
            }
        });
        dx
    }

    /// The gradient of the weights, summed over pictures in a fixed order.
    fn backward_weight(&self, x: &[f32], grad: &[f32]) -> Vec<f32> {
        let (group_in, group_out) = (self.in_per_group(), self.out_per_group());
        let depth = group_in * self.kernel_area();
        let size = self.out_channels * depth;
        let per_part = self.batch.div_ceil(WEIGHT_GRADIENT_PARTS).max(1);
        let parts: Vec<Vec<f32>> = (0..self.batch.div_ceil(per_part))
            .into_par_iter()
            .map_init(Vec::new, |columns, part| {
                let mut dw = vec![0.0f32; size];
                for image in part * per_part..((part + 1) * per_part).min(self.batch) {
                    for (group, dw) in dw.chunks_exact_mut(group_out * depth).enumerate() {
                        let x = &x[(image * self.groups + group) * group_in * self.in_plane()..];
                        let grad = &grad[(image * self.out_channels + group * group_out) * self.out_plane()..];
                        for pixels in (0..self.tiles()).map(|tile| self.tile(tile)) {
                            let count = pixels.1 - pixels.0;
                            columns.resize(depth * count, 0.0);
                            self.gather(x, pixels, columns);
                            let lhs = View { row_stride: self.out_plane(), ..View::row_major(group_out, count) };
                            let rhs = View::row_major(depth, count).transposed();
                            let dst = (&mut *dw, View::row_major(group_out, depth));
                            multiply(dst, (&grad[pixels.0..], lhs), (columns, rhs), true);
                        }
                    }
                }
                dw
            })
            .collect();
        let mut parts = parts.into_iter();
        let mut sum = parts.next().unwrap_or_else(|| vec![0.0; size]);
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        sum
    }

    fn backward_bias(&self, grad: &[f32]) -> Vec<f32> {
        let mut db = vec![0.0f32; self.out_channels];
        for (i, plane) in grad.chunks_exact(self.out_plane()).enumerate() {
            db[i % self.out_channels] += plane.iter().sum::<f32>();
        }
        db
    }
}

struct ConvOp {
    shape: ConvShape,
}

impl CustomOp3 for ConvOp {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (operand(x, x_layout)?, operand(weight, weight_layout)?);
        let y = self.shape.forward(x, weight, operand(bias, bias_layout)?);
        let ConvShape { batch, out_channels, out_height, out_width, .. } = self.shape;
        Ok((CpuStorage::F32(y), (batch, out_channels, out_height, out_width).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient_of = |tensor: &Tensor, f: &dyn Fn(&[f32]) -> Result<Vec<f32>>| {
            tensor.track_op().then(|| shaped(with_values(grad, f)?, tensor)).transpose()
        };
        let dx = gradient_of(x, &|grad| with_values(weight, |w| Ok(self.shape.backward_input(grad, w))))?;
        let dw = gradient_of(weight, &|grad| with_values(x, |x| Ok(self.shape.backward_weight(x, grad))))?;
        let db = gradient_of(bias, &|grad| Ok(self.shape.backward_bias(grad)))?;
        Ok((dx, dw, db))
    }
}
