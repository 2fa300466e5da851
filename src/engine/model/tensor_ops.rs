//! These operations stand in for candle-nn's layers that have no right gradient. They are made of candle's own
//! primitives, for every device that candle runs on.
//!
//! Only what has a right gradient is used (candle-core 0.11.1, `src/backprop.rs`): `where_cond` by a comparison,
//! `narrow`, `reshape`, `cat`, sums, products and `matmul`. Not its `relu` (gradient 1 at 0), `maximum` (it halves the
//! gradient of ties), pools (gradients misplaced), nor `index_select` or `gather` (their indices would be sent to the
//! device at each call). Tensors are `f32`.
//!
//! candle's Metal kernels are compiled with fast maths, which may take it that no value is infinite or NaN: no result
//! here rests on an infinity, and that NaN stays NaN is promised elsewhere only.

use candle_core::{Result, Tensor, bail};
use candle_nn::{Conv2dConfig, Module};

use super::layers::Conv2d;
use crate::kernels::Window;

/// This is smaller than every other value, and finite (see above).
const LEAST: f32 = f32::MIN;

/// Computes `max(x, 0)` of any shape; the gradient at 0 is 0, NaN stays NaN.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    let zeros = x.zeros_like()?;
    // Not `x > 0`, which is false for NaN and would hide it.
    x.le(&zeros)?.where_cond(&zeros, x)
}

/// Computes `min(max(x, 0), 6)` of any shape; the gradient at 0 and at 6 is 0, NaN stays NaN.
pub fn relu6(x: &Tensor) -> Result<Tensor> {
    let y = relu(x)?;
    let six = Tensor::full(6f32, x.shape(), x.device())?;
    y.ge(&six)?.where_cond(&six, &y)
}

/// Computes the maximum over groups of `pieces` neighbouring values: (n, units · pieces) to (n, units). Of several
/// equal pieces the first takes the whole gradient. (Goodfellow et al., Maxout Networks, 2013, equation 1.)
pub fn maxout(x: &Tensor, pieces: usize) -> Result<Tensor> {
    let (n, features) = x.dims2()?;
    let units = x.reshape((n, features / pieces, pieces))?;
    largest((0..pieces).map(|piece| units.narrow(2, piece, 1)?.squeeze(2)).collect::<Result<_>>()?)
}

/// Computes the element-wise maximum of tensors of one shape; of equal values the first takes the gradient, as in
/// PyTorch, and NaN stays NaN.
fn largest(tensors: Vec<Tensor>) -> Result<Tensor> {
    join(tensors, |best, next| {
        // The second term lets NaN win: it is no larger than anything, and nothing is larger than it.
        let wins = (next.gt(&best)? + next.ne(&next)?)?;
        wins.where_cond(&next, &best)
    })
}

/// Returns `x` along `axis` as `length` values: `before` times `fill`, then x, cut off or followed by `fill`.
fn pad(x: &Tensor, axis: usize, before: usize, length: usize, fill: f32) -> Result<Tensor> {
    let before = before.min(length);
    let kept = x.dim(axis)?.min(length - before);
    let filled = |count: usize| {
        let mut dims = x.dims().to_vec();
        dims[axis] = count;
        (count > 0).then(|| Tensor::full(fill, dims, x.device())).transpose()
    };
    let middle = (kept > 0).then(|| x.narrow(axis, 0, kept)).transpose()?;
    let parts = [filled(before)?, middle, filled(length - before - kept)?];
    let parts: Vec<Tensor> = parts.into_iter().flatten().collect();
    Tensor::cat(&parts, axis)
}

/// Returns what each of the kernel's places along an axis of a picture (0: height, 1: width) sees as the kernel
/// slides: one tensor per place, of `x`'s shape (·, ·, h, w) but for `count` values along that axis.
///
/// Place `t` sees the pixels `t, t + stride, …`. With the axis split into (blocks, stride) those are one slice, which
/// takes no copy, and whose gradient takes no scatter.
fn taps(x: &Tensor, axis: usize, window: &Window, count: usize, fill: f32) -> Result<Vec<Tensor>> {
    let kernel = window.kernel[axis];
    // One window takes no step; a stride far larger than the picture would only be padded up to.
    let stride = if count == 1 { 1 } else { window.stride[axis] };
    let blocks = (kernel - 1) / stride + count;
    let (axis, before) = (2 + axis, window.padding.before[axis]);
    let padded = pad(x, axis, before, blocks * stride, fill)?;
    let mut dims = padded.dims().to_vec();
    dims[axis] = blocks;
    dims.insert(axis + 1, stride);
    let split = padded.reshape(dims)?;
    let tap = |t: usize| split.narrow(axis, t / stride, count)?.narrow(axis + 1, t % stride, 1)?.squeeze(axis + 1);
    (0..kernel).map(tap).collect()
}

/// Returns the number of windows along both axes of pictures (n, c, h, w).
fn windows(x: &Tensor, window: &Window) -> Result<[usize; 2]> {
    let (_, _, h, w) = x.dims4()?;
    match window.output(h, w) {
        Some(count) => Ok(count),
        None => bail!("the kernel {:?} does not fit a picture of {h}×{w}", window.kernel),
    }
}

/// Computes the largest value of each window: (n, c, h, w) to (n, c, oh, ow). Of equal values the first, row by row,
/// takes the whole gradient, as in PyTorch: the leftmost one of the topmost row that has it.
pub fn max_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    let [oh, ow] = windows(x, &window)?;
    let rows = largest(taps(x, 1, &window, ow, LEAST)?)?;
    largest(taps(&rows, 0, &window, oh, LEAST)?)
}

/// Computes the mean of each window, zeros of the padding counted (PyTorch's default): (n, c, h, w) to (n, c, oh, ow).
/// What hangs over the padding in ceil mode is not counted.
pub fn avg_pool2d(x: &Tensor, window: Window) -> Result<Tensor> {
    let [oh, ow] = windows(x, &window)?;
    let rows = sum(taps(x, 1, &window, ow, 0.0)?)?;
    let sums = sum(taps(&rows, 0, &window, oh, 0.0)?)?;
    let lengths = |axis: usize, count: usize, size: usize| -> Vec<usize> {
        let end = size + window.padding.both(axis);
        let starts = (0..count).map(|i| i * window.stride[axis]);
        starts.map(|start| (start + window.kernel[axis]).min(end) - start).collect()
    };
    let (heights, widths) = (lengths(0, oh, x.dim(2)?), lengths(1, ow, x.dim(3)?));
    let area = window.kernel[0] * window.kernel[1];
    let shares: Vec<f32> = heights.iter().flat_map(|h| widths.iter().map(move |w| 1.0 / (h * w) as f32)).collect();
    if shares.iter().all(|&share| share == 1.0 / area as f32) {
        return sums / area as f64;
    }
    sums.broadcast_mul(&Tensor::from_vec(shares, (oh, ow), x.device())?)
}

fn sum(tensors: Vec<Tensor>) -> Result<Tensor> {
    join(tensors, |sum, next| sum + next)
}

fn join(tensors: Vec<Tensor>, two: impl Fn(Tensor, Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let joined = tensors.into_iter().map(Ok).reduce(|sum, next| two(sum?, next?));
    joined.unwrap_or_else(|| bail!("there are no tensors to join"))
}

/// Computes the cross-correlation of (n, in, h, w) with weights (out, in / groups, kh, kw), plus a bias per output
/// channel: (n, out, oh, ow).
pub fn conv2d(x: &Tensor, weight: Tensor, bias: Option<Tensor>, layer: &Conv2d) -> Result<Tensor> {
    let Conv2d { inputs, outputs, groups, .. } = *layer;
    let window = layer.window();
    let count = windows(x, &window)?;
    if groups == 1 && candle_differentiates(x.dims(), &window, count) {
        let [padding, stride] = [window.padding.before[0], window.stride[0]];
        let config = Conv2dConfig { padding, stride, ..Conv2dConfig::default() };
        return candle_nn::Conv2d::new(weight, bias, config).forward(x);
    }
    let y = if groups == inputs && groups == outputs {
        depthwise(x, &weight, &window, count)?
    } else {
        unfolded(x, &weight, &window, count, groups)?
    };
    match bias {
        Some(bias) => y.broadcast_add(&bias.reshape((1, outputs, 1, 1))?),
        None => Ok(y),
    }
}

/// Returns whether candle has this convolution in one group and the gradient of its input.
///
/// It takes one number for both axes. Its gradient is a transposed convolution whose output padding it derives from
/// the height alone, so that both axes must have the same remainder, and in unsigned arithmetic, so that the pixels
/// that the windows cover must outnumber the padding. The gradient of the weights is right wherever that one is.
fn candle_differentiates(dims: &[usize], window: &Window, count: [usize; 2]) -> bool {
    let Window { kernel, stride, padding, .. } = *window;
    let covered = |axis: usize| (count[axis] - 1) * stride[axis] + kernel[axis];
    let remainder = |axis: usize| dims[2 + axis] + padding.both(axis) - covered(axis);
    stride[0] == stride[1]
        && padding.is_even()
        && padding.before[0] == padding.before[1]
        && remainder(0) == remainder(1)
        && (0..2).all(|axis| covered(axis) > padding.both(axis))
}

/// Returns all places of a kernel, row by row: for x (·, ·, h, w) kh · kw tensors (·, ·, oh, ow).
fn kernel_taps(x: &Tensor, window: &Window, [oh, ow]: [usize; 2]) -> Result<Vec<Tensor>> {
    let rows = taps(x, 0, window, oh, 0.0)?;
    let all: Result<Vec<_>> = rows.iter().map(|row| taps(row, 1, window, ow, 0.0)).collect();
    Ok(all?.concat())
}

/// Computes a convolution of each channel with a kernel of its own, weights (c, 1, kh, kw): a sum over the kernel's
/// places.
fn depthwise(x: &Tensor, weight: &Tensor, window: &Window, count: [usize; 2]) -> Result<Tensor> {
    let weights = weight.reshape((1, weight.dim(0)?, 1, ()))?;
    let products = kernel_taps(x, window, count)?.into_iter().enumerate();
    sum(products.map(|(t, tap)| tap.broadcast_mul(&weights.narrow(3, t, 1)?)).collect::<Result<_>>()?)
}

/// Computes a convolution as one matrix product per group: the pixels under the kernel, unfolded into
/// (groups, in / groups · kh · kw, n · oh · ow), from the left times the weights (groups, out / groups, …).
fn unfolded(x: &Tensor, weight: &Tensor, window: &Window, count: [usize; 2], groups: usize) -> Result<Tensor> {
    let (n, channels, _, _) = x.dims4()?;
    let outputs = weight.dim(0)?;
    let terms = channels / groups * window.kernel[0] * window.kernel[1];
    // Channels first, so that pictures side by side make one wide matrix.
    let taps = kernel_taps(&x.transpose(0, 1)?, window, count)?;
    let columns = Tensor::stack(&taps, 1)?.reshape((groups, terms, n * count[0] * count[1]))?;
    let y = weight.reshape((groups, outputs / groups, terms))?.matmul(&columns)?;
    y.reshape((outputs, n, count[0], count[1]))?.transpose(0, 1)?.contiguous()
}
