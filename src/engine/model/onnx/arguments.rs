//! Axes and lengths are read from an attribute or an input of a node, as the version of the operators has it.

use candle_core::Tensor;

use super::file::Node;
use super::fold::{longs, position, sizes};
use crate::model::shape::count;

/// A cut along an axis: `len` places from `start` on, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub axis: usize,
    pub start: usize,
    pub len: usize,
    pub step: i64,
}

/// Returns a list of whole numbers from an attribute or an input.
fn list(node: &Node, attribute: &str, inputs: &[Option<Tensor>], input: usize) -> Result<Option<Vec<i64>>, String> {
    if let Some(values) = node.attributes.ints(attribute) {
        return Ok(Some(values.to_vec()));
    }
    inputs.get(input).and_then(Option::as_ref).map(longs).transpose()
}

fn positions(at: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    at.iter().map(|&at| position(at, rank)).collect()
}

/// Returns what a Slice keeps of a tensor of this shape.
///
/// # Errors
/// In words, for lists that do not fit it.
pub fn cuts(node: &Node, inputs: &[Option<Tensor>], shape: &[usize]) -> Result<Vec<Cut>, String> {
    let [starts, ends] = [("starts", 1), ("ends", 2)].map(|(name, input)| list(node, name, inputs, input));
    let (starts, ends) = (starts?.ok_or("lacks its starts")?, ends?.ok_or("lacks its ends")?);
    let axes = match list(node, "axes", inputs, 3)? {
        Some(axes) => positions(&axes, shape.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = list(node, "steps", inputs, 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] || axes.iter().any(|axis| *axis >= shape.len()) {
        return Err("has starts, ends, axes and steps of different lengths".into());
    }
    let cuts = axes.into_iter().enumerate().map(|(i, axis)| {
        let (len, step) = (shape[axis] as i64, steps[i]);
        let from_end = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
        let (low, high) = if step < 0 { (-1, len - 1) } else { (0, len) };
        let (start, end) = (from_end(starts[i]).clamp(low.max(0), high.max(0)), from_end(ends[i]).clamp(low, high));
        if step == 0 {
            return Err(format!("goes along axis {axis} in steps of 0"));
        }
        let count = ((end - start) as f64 / step as f64).ceil().max(0.0);
        Ok(Cut { axis, start: start as usize, len: count as usize, step })
    });
    cuts.collect()
}

/// Returns the lengths of the parts of a Split.
///
/// # Errors
/// In words, for lengths that do not fit the axis.
pub fn split_sizes(node: &Node, inputs: &[Option<Tensor>], len: usize) -> Result<Vec<usize>, String> {
    let sizes = match list(node, "split", inputs, 1)? {
        Some(sizes) => sizes.into_iter().map(|size| usize::try_from(size).unwrap_or_default()).collect(),
        None => {
            let count = node.attributes.int("num_outputs").map_or(node.outputs.len(), |count| count.max(1) as usize);
            let each = len.div_ceil(count.max(1));
            (0..count).map(|i| each.min(len.saturating_sub(i * each))).collect::<Vec<_>>()
        }
    };
    if sizes.iter().sum::<usize>() != len || sizes.len() != node.outputs.len() {
        return Err(format!("splits {len} into {sizes:?}"));
    }
    Ok(sizes)
}

/// Returns the shape that a Reshape, Flatten, Squeeze or Unsqueeze gives.
///
/// # Errors
/// In words, for one that does not have as many values.
pub fn new_shape(node: &Node, inputs: &[Option<Tensor>], shape: &[usize]) -> Result<Vec<usize>, String> {
    let values = count(shape);
    let new = match node.operator.as_str() {
        "Flatten" => {
            let rank = shape.len() as i64;
            let axis = node.attributes.int("axis").unwrap_or(1);
            let axis = (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
            vec![count(&shape[..axis]), count(&shape[axis..])]
        }
        "Squeeze" => {
            let axes = list(node, "axes", inputs, 1)?.map(|axes| positions(&axes, shape.len())).transpose()?;
            let is_left = |(axis, len): &(usize, &usize)| axes.as_ref().map_or(**len != 1, |axes| !axes.contains(axis));
            shape.iter().enumerate().filter(is_left).map(|(_, len)| *len).collect()
        }
        "Unsqueeze" => {
            let axes = list(node, "axes", inputs, 1)?.ok_or("lacks its axes")?;
            let rank = shape.len() + axes.len();
            let axes = positions(&axes, rank)?;
            let mut rest = shape.iter();
            (0..rank)
                .map(|axis| if axes.contains(&axis) { Some(1) } else { rest.next().copied() })
                .collect::<Option<_>>()
                .ok_or("names an axis twice")?
        }
        _ => {
            let wanted = list(node, "shape", inputs, 1)?.ok_or("lacks its shape")?;
            let keeps_zero = node.attributes.int("allowzero") == Some(1);
            let known = wanted.iter().enumerate().map(|(i, &len)| match len {
                0 if !keeps_zero => shape.get(i).copied(),
                len => usize::try_from(len).ok(),
            });
            let known: Vec<Option<usize>> = known.collect();
            let product = count(&known.iter().flatten().copied().collect::<Vec<_>>());
            known.into_iter().map(|len| len.unwrap_or(values / product.max(1))).collect()
        }
    };
    if count(&new) != values || values == usize::MAX {
        return Err(format!("gives {shape:?} the shape {new:?}, which has another number of values"));
    }
    Ok(new)
}

/// Returns the order of the axes that a Transpose asks for.
///
/// # Errors
/// In words, for what is no order of as many axes.
pub fn order(node: &Node, rank: usize) -> Result<Vec<usize>, String> {
    let order = match node.attributes.ints("perm") {
        Some(order) => positions(order, rank)?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.into_iter().eq(0..rank) { Ok(order) } else { Err(format!("has {order:?} as the order of {rank} axes")) }
}

/// The axes of a reduction, and whether they stay.
pub struct Reduced {
    pub axes: Vec<usize>,
    pub keep: bool,
}

/// Returns what a reduction goes through.
///
/// # Errors
/// In words, for axes that are not there.
pub fn reduced(node: &Node, inputs: &[Option<Tensor>], rank: usize) -> Result<Reduced, String> {
    let keep = node.attributes.int("keepdims") != Some(0);
    let axes = match list(node, "axes", inputs, 1)? {
        Some(axes) if !axes.is_empty() => positions(&axes, rank)?,
        _ if node.attributes.int("noop_with_empty_axes") == Some(1) => Vec::new(),
        _ => (0..rank).collect(),
    };
    Ok(Reduced { axes, keep })
}

/// Returns a list of lengths from an input.
pub fn lengths(inputs: &[Option<Tensor>], input: usize) -> Result<Option<Vec<usize>>, String> {
    inputs.get(input).and_then(Option::as_ref).map(sizes).transpose()
}
