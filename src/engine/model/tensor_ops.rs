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

use super::operations::Conv2d;
use crate::kernels::{Along, Binary, Curve, Window};

/// This is smaller than every other value, and finite (see above).
const LEAST: f32 = f32::MIN;

/// Returns x where it is above a number, and `low` elsewhere; the gradient at the number is 0, NaN stays NaN.
fn at_least(x: &Tensor, low: f32) -> Result<Tensor> {
    let ends = Tensor::full(low, x.shape(), x.device())?;
    // Not `x > low`, which is false for NaN and would hide it.
    x.le(&ends)?.where_cond(&ends, x)
}

/// Returns x where it is below a number, and `high` elsewhere.
fn at_most(x: &Tensor, high: f32) -> Result<Tensor> {
    let ends = Tensor::full(high, x.shape(), x.device())?;
    x.ge(&ends)?.where_cond(&ends, x)
}

/// Clamps; without an end nothing is done there.
fn clip(x: &Tensor, low: f32, high: f32) -> Result<Tensor> {
    let x = if low > f32::NEG_INFINITY { at_least(x, low)? } else { x.clone() };
    if high < f32::INFINITY { at_most(&x, high) } else { Ok(x) }
}

/// Takes `above` where x is above 0, and `below` elsewhere.
fn by_sign(x: &Tensor, above: &Tensor, below: &Tensor) -> Result<Tensor> {
    x.gt(&x.zeros_like()?)?.where_cond(above, below)
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// Applies a curve to a tensor of any shape, from candle's primitives; slopes at kinks are those of our own kernels.
pub fn curve(x: &Tensor, curve: Curve) -> Result<Tensor> {
    let linear = |x: &Tensor, scale: f32, offset: f32| x.affine(f64::from(scale), f64::from(offset));
    match curve {
        Curve::Clip { low, high } => clip(x, low, high),
        Curve::LeakyRelu { slope } => by_sign(x, x, &linear(x, slope, 0.0)?),
        Curve::Elu { alpha, scale } => {
            // Above 0 the exponential function is not taken, which could overflow.
            let below = linear(&(at_most(x, 0.0)?.exp()? - 1.0)?, alpha, 0.0)?;
            linear(&by_sign(x, x, &below)?, scale, 0.0)
        }
        Curve::Sigmoid => sigmoid(x),
        Curve::Tanh => x.tanh(),
        Curve::HardSigmoid { slope, offset } => clip(&linear(x, slope, offset)?, 0.0, 1.0),
        Curve::HardSwish => x * clip(&linear(x, 1.0 / 6.0, 0.5)?, 0.0, 1.0)?,
        Curve::Silu => x * sigmoid(x)?,
        Curve::Gelu => x * linear(&linear(x, std::f32::consts::FRAC_1_SQRT_2, 0.0)?.erf()?, 0.5, 0.5)?,
        Curve::GeluTanh => {
            let inner = (x + linear(&(x.sqr()? * x)?, 0.044_715, 0.0)?)?;
            x * linear(&linear(&inner, f32::sqrt(2.0 / std::f32::consts::PI), 0.0)?.tanh()?, 0.5, 0.5)?
        }
        Curve::Softplus => {
            let magnitude = by_sign(x, x, &x.neg()?)?;
            at_least(x, 0.0)? + (magnitude.neg()?.exp()? + 1.0)?.log()?
        }
        Curve::Exp => x.exp(),
        Curve::Log => x.log(),
        Curve::Sqrt => x.sqrt(),
        Curve::Erf => x.erf(),
        Curve::Sin => x.sin(),
        Curve::Cos => x.cos(),
        // A comparison has no gradient.
        Curve::Step => x.gt(&x.zeros_like()?)?.to_dtype(x.dtype()),
        Curve::Abs => by_sign(x, x, &x.neg()?),
        Curve::Power { exponent: 2.0 } => x.sqr(),
        Curve::Power { exponent } => x.powf(f64::from(exponent)),
        Curve::Linear { scale, offset } => linear(x, scale, offset),
    }
}

/// Computes something of two tensors (n, …), whose values are repeated as in NumPy.
pub fn binary(binary: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = (aligned(a, b.rank())?, aligned(b, a.rank())?);
    match binary {
        Binary::Add => a.broadcast_add(&b),
        Binary::Subtract => a.broadcast_sub(&b),
        Binary::Multiply => a.broadcast_mul(&b),
        Binary::Divide => a.broadcast_div(&b),
        Binary::Power => a.log()?.broadcast_mul(&b)?.exp(),
        // Of equal values each gets half of the gradient.
        Binary::Maximum | Binary::Minimum => {
            let difference = a.broadcast_sub(&b)?;
            let magnitude = by_sign(&difference, &difference, &difference.neg()?)?;
            let is_tie = difference.eq(&difference.zeros_like()?)?;
            let magnitude = is_tie.where_cond(&difference.zeros_like()?, &magnitude)?;
            let sum = a.broadcast_add(&b)?;
            (if binary == Binary::Maximum { sum + magnitude } else { sum - magnitude })? * 0.5
        }
        Binary::Prelu => {
            let product = a.broadcast_mul(&b)?;
            by_sign(&a.broadcast_as(product.shape())?, &a.broadcast_as(product.shape())?, &product)
        }
    }
}

/// Takes `a` where `chooses` is not 0, and `b` elsewhere; tensors are (n, …), and their values are repeated as in
/// NumPy.
pub fn select(chooses: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let rank = chooses.rank().max(a.rank()).max(b.rank());
    let [chooses, a, b] = [chooses, a, b].map(|x| aligned(x, rank));
    let (chooses, a, b) = (chooses?, a?, b?);
    let shape =
        chooses.shape().broadcast_shape_binary_op(a.shape(), "where")?.broadcast_shape_binary_op(b.shape(), "where")?;
    let chooses = chooses.broadcast_as(&shape)?;
    chooses.ne(&chooses.zeros_like()?)?.where_cond(&a.broadcast_as(&shape)?, &b.broadcast_as(&shape)?)
}

/// Gives a tensor (n, …) a rank, with axes of length 1 behind the first.
fn aligned(x: &Tensor, rank: usize) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    while dims.len() < rank {
        dims.insert(1, 1);
    }
    x.reshape(dims)
}

/// Computes a sparse linear map along an axis.
pub fn along(x: &Tensor, axis: usize, along: &Along) -> Result<Tensor> {
    let mut outputs = Vec::with_capacity(along.len());
    for output in 0..along.len() {
        let terms = along.terms(output).iter().map(|term| x.narrow(axis, term.index, 1)? * f64::from(term.weight));
        let terms = terms.collect::<Result<Vec<_>>>()?;
        outputs.push(if terms.is_empty() { x.narrow(axis, 0, 1)?.zeros_like()? } else { sum(terms)? });
    }
    Tensor::cat(&outputs, axis)
}

/// Computes the largest value along some axes, which stay with a length of 1; equal ones share the gradient evenly.
pub fn largest_along(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let most = axes.iter().try_fold(x.detach(), |most, &axis| most.max_keepdim(axis))?;
    let is_largest = x.broadcast_eq(&most)?.to_dtype(x.dtype())?;
    let shares = is_largest.broadcast_div(&is_largest.sum_keepdim(axes.to_vec())?)?;
    (x * shares)?.sum_keepdim(axes.to_vec())
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

/// Computes the mean of each window, zeros of the padding counted (PyTorch's default) or not: (n, c, h, w) to
/// (n, c, oh, ow). What hangs over the padding in ceil mode is not counted.
pub fn avg_pool2d(x: &Tensor, window: Window, counts_padding: bool) -> Result<Tensor> {
    let [oh, ow] = windows(x, &window)?;
    let rows = sum(taps(x, 1, &window, ow, 0.0)?)?;
    let sums = sum(taps(&rows, 0, &window, oh, 0.0)?)?;
    let lengths = |axis: usize, count: usize, size: usize| -> Vec<usize> {
        let end = size + window.padding.both(axis);
        let before = window.padding.before[axis];
        let (first, last) = if counts_padding { (0, end) } else { (before, before + size) };
        let starts = (0..count).map(|i| i * window.stride[axis]);
        starts.map(|start| (start + window.kernel[axis]).min(last) - start.max(first)).collect()
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
    if groups == 1 && layer.dilation == [1, 1] && candle_differentiates(x.dims(), &window, count) {
        let [padding, stride] = [window.padding.before[0], window.stride[0]];
        let config = Conv2dConfig { padding, stride, ..Conv2dConfig::default() };
        return candle_nn::Conv2d::new(weight, bias, config).forward(x);
    }
    let y = if groups == inputs && groups == outputs {
        depthwise(&kernel_taps(x, layer, count)?, &weight)?
    } else {
        unfolded(&kernel_taps(&x.transpose(0, 1)?, layer, count)?, &weight, groups)?
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
fn kernel_taps(x: &Tensor, layer: &Conv2d, [oh, ow]: [usize; 2]) -> Result<Vec<Tensor>> {
    let (window, [down, across]) = (layer.window(), layer.dilation);
    let rows = taps(x, 0, &window, oh, 0.0)?;
    let mut all = Vec::with_capacity(layer.kernel[0] * layer.kernel[1]);
    for row in rows.iter().step_by(down) {
        all.extend(taps(row, 1, &window, ow, 0.0)?.into_iter().step_by(across));
    }
    Ok(all)
}

/// Computes a convolution of each channel with a kernel of its own, weights (c, 1, kh, kw): a sum over the kernel's
/// places.
fn depthwise(taps: &[Tensor], weight: &Tensor) -> Result<Tensor> {
    let weights = weight.reshape((1, weight.dim(0)?, 1, ()))?;
    let products = taps.iter().enumerate();
    sum(products.map(|(t, tap)| tap.broadcast_mul(&weights.narrow(3, t, 1)?)).collect::<Result<_>>()?)
}

/// Computes a convolution as one matrix product per group: the pixels under the kernel, unfolded into
/// (groups, in / groups · kh · kw, n · oh · ow), from the left times the weights (groups, out / groups, …). The taps
/// have their channels first, so that pictures side by side make one wide matrix.
fn unfolded(taps: &[Tensor], weight: &Tensor, groups: usize) -> Result<Tensor> {
    let Some(first) = taps.first() else { bail!("a kernel without a place") };
    let (channels, n, height, width) = first.dims4()?;
    let (outputs, terms) = (weight.dim(0)?, channels / groups * taps.len());
    let columns = Tensor::stack(taps, 1)?.reshape((groups, terms, n * height * width))?;
    let y = weight.reshape((groups, outputs / groups, terms))?.matmul(&columns)?;
    y.reshape((outputs, n, height, width))?.transpose(0, 1)?.contiguous()
}
