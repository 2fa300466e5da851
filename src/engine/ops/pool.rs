//! Pooling over windows of (n, c, h, w), with PyTorch's conventions for padding, ceil mode and ties.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{operand, shaped, with_values};

/// How windows slide over a picture: height first, then width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    /// Count a last window that hangs over the edge.
    pub ceil: bool,
}

impl Window {
    /// The number of windows along both axes, or `None` where not one fits.
    ///
    /// As in PyTorch, a last window in ceil mode must start inside the picture or its padding before it.
    pub fn output(&self, height: usize, width: usize) -> Option<[usize; 2]> {
        let along = |axis: usize, size: usize| {
            let (k, s, p) = (self.kernel[axis], self.stride[axis], self.padding[axis]);
            if k == 0 || s == 0 {
                return None;
            }
            let room = (size + 2 * p).checked_sub(k)?;
            let mut count = room / s + 1;
            if self.ceil && room % s != 0 && count * s < size + p {
                count += 1;
            }
            Some(count)
        };
        Some([along(0, height)?, along(1, width)?])
    }

    /// The part of window `index` that lies in the picture along an axis: `start..end`.
    fn inside(&self, axis: usize, index: usize, size: usize) -> (usize, usize) {
        let start = index * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding[axis]).min(size);
        (start.saturating_sub(self.padding[axis]), end)
    }

    /// The length of window `index` along an axis, its padding included but not what hangs over it in ceil mode.
    fn padded_length(&self, axis: usize, index: usize, size: usize) -> usize {
        let start = index * self.stride[axis];
        (start + self.kernel[axis]).min(size + 2 * self.padding[axis]) - start
    }

    fn check(&self, x: &Tensor) -> Result<[usize; 4]> {
        let (n, c, h, w) = x.dims4()?;
        if self.padding.iter().zip(&self.kernel).any(|(p, k)| 2 * p > *k) {
            bail!("pool: a padding of {:?} is more than half of the kernel {:?}", self.padding, self.kernel);
        }
        if self.output(h, w).is_none() {
            bail!("pool: the kernel {:?} does not fit a picture of {h}×{w}", self.kernel);
        }
        Ok([n, c, h, w])
    }
}

/// The largest value of each window; of equal ones the first, row by row, takes the whole gradient.
pub fn max_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    window.check(x)?;
    x.contiguous()?.apply_op1(MaxPool2d { window, winners: OnceLock::new() })
}

/// The mean of each window, zeros of the padding counted (PyTorch's default).
pub fn avg_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    window.check(x)?;
    x.contiguous()?.apply_op1(AvgPool2d { window })
}

/// The mean of each plane: (n, c, h, w) to (n, c, 1, 1).
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    avg_pool2d(x, Window { kernel: [h, w], stride: [1, 1], padding: [0, 0], ceil: false })
}

struct MaxPool2d {
    window: Window,
    /// The place of each maximum in the input, kept by the forward pass.
    winners: OnceLock<Vec<u32>>,
}

impl CustomOp1 for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = operand(storage, layout)?;
        let (n, c, h, w) = layout.shape().dims4()?;
        let Some([oh, ow]) = self.window.output(h, w) else { bail!("max_pool2d: no window fits") };
        if x.len() > u32::MAX as usize {
            bail!("max_pool2d: a batch of {} values is too large", x.len());
        }
        let mut y = vec![0.0; n * c * oh * ow];
        let mut winners = vec![0u32; y.len()];
        let planes = y.par_chunks_mut(oh * ow).zip(winners.par_chunks_mut(oh * ow));
        planes.enumerate().for_each(|(plane, (y, winners))| {
            let base = plane * h * w;
            let x = &x[base..base + h * w];
            for oy in 0..oh {
                let (top, bottom) = self.window.inside(0, oy, h);
                for ox in 0..ow {
                    let (left, right) = self.window.inside(1, ox, w);
                    let mut best = top * w + left;
                    for row in top..bottom {
                        for (i, &value) in x[row * w + left..row * w + right].iter().enumerate() {
                            if value > x[best] || value.is_nan() {
                                best = row * w + left + i;
                            }
                        }
                    }
                    y[oy * ow + ox] = x[best];
                    winners[oy * ow + ox] = (base + best) as u32;
                }
            }
        });
        let _ = self.winners.set(winners);
        Ok((CpuStorage::F32(y), (n, c, oh, ow).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        scatter(x, grad, self.winners.get())
    }
}

/// Adds each gradient to the place that its value came from.
pub(super) fn scatter(x: &Tensor, grad: &Tensor, places: Option<&Vec<u32>>) -> Result<Option<Tensor>> {
    let Some(places) = places else { bail!("the forward pass kept no indices") };
    let dx = with_values(grad, |grad| {
        let mut dx = vec![0.0; x.elem_count()];
        for (&place, &grad) in places.iter().zip(grad) {
            dx[place as usize] += grad;
        }
        Ok(dx)
    })?;
    Ok(Some(shaped(dx, x)?))
}

struct AvgPool2d {
    window: Window,
}

impl AvgPool2d {
    /// Calls `f(output index, input row range, input column range, 1/size)` for each window of a plane.
    fn each_window(&self, h: usize, w: usize, mut f: impl FnMut(usize, (usize, usize), (usize, usize), f32)) {
        let [oh, ow] = self.window.output(h, w).unwrap_or([0, 0]);
        for oy in 0..oh {
            let rows = self.window.inside(0, oy, h);
            let height = self.window.padded_length(0, oy, h);
            for ox in 0..ow {
                let width = self.window.padded_length(1, ox, w);
                f(oy * ow + ox, rows, self.window.inside(1, ox, w), 1.0 / (height * width) as f32);
            }
        }
    }
}

impl CustomOp1 for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = operand(storage, layout)?;
        let (n, c, h, w) = layout.shape().dims4()?;
        let Some([oh, ow]) = self.window.output(h, w) else { bail!("avg_pool2d: no window fits") };
        let mut y = vec![0.0; n * c * oh * ow];
        y.par_chunks_mut(oh * ow).zip(x.par_chunks(h * w)).for_each(|(y, x)| {
            self.each_window(h, w, |out, (top, bottom), (left, right), share| {
                let rows = (top..bottom).map(|row| x[row * w + left..row * w + right].iter().sum::<f32>());
                y[out] = rows.sum::<f32>() * share;
            });
        });
        Ok((CpuStorage::F32(y), (n, c, oh, ow).into()))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        let (_, _, oh, ow) = y.dims4()?;
        let dx = with_values(grad, |grad| {
            let mut dx = vec![0.0; x.elem_count()];
            dx.par_chunks_mut(h * w).zip(grad.par_chunks(oh * ow)).for_each(|(dx, grad)| {
                self.each_window(h, w, |out, (top, bottom), (left, right), share| {
                    for row in top..bottom {
                        dx[row * w + left..row * w + right].iter_mut().for_each(|dx| *dx += grad[out] * share);
                    }
                });
            });
            Ok(dx)
        })?;
        Ok(Some(shaped(dx, x)?))
    }
}
