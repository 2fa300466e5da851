//! Operators with weights: convolutions, fully connected layers, products of matrices, normalisations; and pools.

use std::collections::HashMap;

use candle_core::Tensor;

use super::file::Node;
use super::lower::{Arguments, Lowered, made};
use super::{Computed, Importer, Value, without_pictures};
use crate::kernels::{Padding, Window};
use crate::model::graph::ValueId;
use crate::model::operations::{
    AvgPool2d, BatchNorm2d, Conv2d, CurveSpec, GroupNorm, LayerNorm, Linear, Matmul, MaxPool2d, Operation, Pad, PadMode,
};

impl Importer<'_> {
    pub(super) fn conv(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let (mut input, weight) = (self.planes(&x)?, of.known(1, "filters")?);
        let is_line = weight.rank() == 3;
        let weight = if is_line { made(weight.unsqueeze(2))? } else { weight.clone() };
        let [outputs, inputs, height, width] = weight.dims()[..] else {
            return Err(format!("has filters of {:?}; expected (out, in, height, width)", weight.dims()));
        };
        let kernel = [height, width];
        let pair = |name: &str| {
            Ok::<_, String>(match of.lengths(name)?.as_deref() {
                Some([height, width]) => [*height, *width],
                Some([width]) => [1, *width],
                _ => [1, 1],
            })
        };
        let (stride, dilation) = (pair("strides")?, pair("dilations")?);
        let reach = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
        let mut padding = padding(of, &x.dims, reach, stride)?;
        if let Some((before, inner)) = self.zeros_before(input, of.node) {
            input = inner;
            padding = Padding {
                before: [0, 1].map(|axis| padding.before[axis] + before.before[axis]),
                after: [0, 1].map(|axis| padding.after[axis] + before.after[axis]),
            };
        }
        let groups = usize::try_from(of.int("group", 1)).unwrap_or_default();
        let name = self.name(of.node, of.node.inputs.get(1).map(String::as_str));
        self.keep(format!("{name}.weight"), &weight, weight.dims())?;
        let bias = of.has(2);
        if bias {
            self.keep(format!("{name}.bias"), of.known(2, "a bias")?, &[outputs])?;
        }
        let conv = Conv2d { name, inputs: inputs * groups, outputs, kernel, stride, padding, dilation, groups, bias };
        let id = self.graph.push(conv, &[input])?;
        let shape = self.graph.shape(id);
        let dims = if is_line { vec![1, shape[0], shape[2]] } else { vec![1, shape[0], shape[1], shape[2]] };
        self.result(id, dims)
    }

    /// Returns the zeros that a Pad puts around planes which only this node reads, and the planes without them.
    pub(super) fn zeros_before(&self, id: ValueId, node: &Node) -> Option<(Padding, ValueId)> {
        let writer = &self.graph.nodes()[id.checked_sub(1)?];
        let name = node.inputs.first()?;
        let Operation::Pad(Pad { mode: PadMode::Constant, value: 0.0, before, after }) = &writer.operation else {
            return None;
        };
        let ([0, top, left], [0, bottom, right], Some(1)) = (&before[..], &after[..], self.readers.get(name.as_str()))
        else {
            return None;
        };
        Some((Padding { before: [*top, *left], after: [*bottom, *right] }, writer.inputs[0]))
    }

    pub(super) fn linear(
        &mut self,
        of: &Arguments<'_>,
        x: ValueId,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Result<ValueId, String> {
        let (outputs, inputs) = made(weight.dims2())?;
        let name = self.name(of.node, of.node.inputs.get(1).map(String::as_str));
        self.keep(format!("{name}.weight"), weight, &[outputs, inputs])?;
        if let Some(bias) = bias {
            let bias = made(bias.flatten_all().and_then(|bias| bias.broadcast_as(outputs)))?;
            self.keep(format!("{name}.bias"), &bias, &[outputs])?;
        }
        self.graph.push(Linear { name, inputs, outputs, bias: bias.is_some() }, &[x])
    }

    /// `alpha·A·B + beta·C`: a fully connected layer where B and C are of the file.
    pub(super) fn gemm(&mut self, of: &Arguments<'_>) -> Lowered {
        let is_computed = |input: usize| matches!(of.inputs.get(input), Some(Some(Value::Computed(_))));
        if is_computed(1) || is_computed(2) {
            return self.gemm_of_computed(of);
        }
        let mut x = of.computed(0)?;
        if of.int("transA", 0) != 0 {
            x = self.transpose(&x, &[1, 0])?;
        }
        let weight = of.known(1, "weights")?;
        let weight = if of.int("transB", 0) != 0 { weight.clone() } else { made(weight.t())? };
        let weight = made(weight.affine(f64::from(of.float("alpha", 1.0)), 0.0))?;
        let bias = of.has(2).then(|| of.known(2, "a bias")).transpose()?;
        let bias = bias.map(|bias| made(bias.affine(f64::from(of.float("beta", 1.0)), 0.0))).transpose()?;
        let id = self.linear(of, x.id, &weight, bias.as_ref())?;
        self.result(id, vec![x.dims[0], weight.dims()[0]])
    }

    fn gemm_of_computed(&mut self, of: &Arguments<'_>) -> Lowered {
        let product = self.fused_matmul(of)?;
        if !of.has(2) {
            return Ok(product);
        }
        let beta = of.float("beta", 1.0);
        let term = match of.value(2)? {
            Value::Known(tensor) => Value::Known(made(tensor.affine(f64::from(beta), 0.0))?),
            Value::Computed(x) => Value::Computed(self.times(&x.clone(), beta)?),
        };
        self.pair(of, "Add", &Value::Computed(product), &term)
    }

    pub(super) fn matmul(&mut self, of: &Arguments<'_>, a: &Value, b: &Value) -> Lowered {
        if let (Value::Computed(x), Value::Known(weight)) = (a, b)
            && weight.rank() == 2
            && x.dims.len() >= 2
        {
            let weight = made(weight.t())?;
            let id = self.linear(of, x.id, &weight, None)?;
            let mut dims = x.dims.clone();
            dims.pop();
            dims.push(weight.dims()[0]);
            return self.result(id, dims);
        }
        let mut values = Vec::with_capacity(2);
        for value in [a, b] {
            values.push(match value {
                Value::Computed(x) => x.clone(),
                Value::Known(tensor) => Computed { id: self.constant(of.node, tensor)?, dims: tensor.dims().to_vec() },
            });
        }
        let rank = values.iter().map(|value| value.dims.len()).max().unwrap_or_default();
        if values.iter().any(|value| value.dims.len() < 2) {
            return Err("multiplies a matrix with a list of numbers".into());
        }
        let mut ids = [0; 2];
        for (id, value) in ids.iter_mut().zip(&values) {
            let shape = if value.dims.len() == 2 { &value.dims[..] } else { without_pictures(&value.dims) };
            *id = self.shaped(value.id, shape)?;
        }
        let scale = ids.iter_mut().map(|id| self.factor_of(id)).product();
        let id = self.graph.push(Matmul { scale }, &ids)?;
        self.ranked(id, rank)
    }

    /// Takes a factor off a value, which [`Matmul`] multiplies by at no cost.
    fn factor_of(&self, id: &mut ValueId) -> f32 {
        let node = id.checked_sub(1).map(|node| &self.graph.nodes()[node]);
        match node.map(|node| (&node.operation, &node.inputs[..])) {
            Some((Operation::Curve(CurveSpec::Scale { scale, offset: 0.0 }), &[x])) => {
                *id = x;
                *scale
            }
            _ => 1.0,
        }
    }

    /// A sum of products of two values over the letters that the result lacks, as a product of matrices.
    pub(super) fn einsum(&mut self, of: &Arguments<'_>) -> Lowered {
        let equation = of.node.attributes.text("equation").unwrap_or_default();
        let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let refuse = || format!("is the equation {equation:?}; expected two values whose letters are all different");
        let (from, to) = equation.split_once("->").ok_or_else(refuse)?;
        let (a, b) = from.split_once(',').ok_or_else(refuse)?;
        let letters = |text: &str| -> Option<Vec<char>> {
            let letters: Vec<char> = text.chars().collect();
            let is_plain = letters.iter().enumerate().all(|(i, c)| c.is_alphabetic() && !letters[..i].contains(c));
            is_plain.then_some(letters)
        };
        let ([Some(a), Some(b), Some(to)], 2) = ([a, b, to].map(letters), of.inputs.len()) else {
            return Err(refuse());
        };
        let kept = |from: &[char], is_of_other: bool, other: &[char]| -> Vec<char> {
            to.iter().copied().filter(|c| from.contains(c) && other.contains(c) == is_of_other).collect()
        };
        let (shared, rows, columns) = (kept(&a, true, &b), kept(&a, false, &b), kept(&b, false, &a));
        let summed: Vec<char> = a.iter().copied().filter(|c| b.contains(c) && !to.contains(c)).collect();
        let is_whole = [&a, &b].iter().all(|letters| letters.len() <= 7)
            && a.len() == shared.len() + rows.len() + summed.len()
            && b.len() == shared.len() + columns.len() + summed.len()
            && to.len() == shared.len() + rows.len() + columns.len();
        if !is_whole {
            return Err(refuse());
        }
        let mut lengths: HashMap<char, usize> = HashMap::new();
        let mut ids = [0; 2];
        let orders = [[&shared, &rows, &summed], [&shared, &summed, &columns]];
        for (i, letters) in [&a, &b].into_iter().enumerate() {
            let value = match of.value(i)? {
                Value::Computed(x) => x.clone(),
                Value::Known(tensor) => Computed { id: self.constant(of.node, tensor)?, dims: tensor.dims().to_vec() },
            };
            if value.dims.len() != letters.len() {
                return Err(refuse());
            }
            let id = self.shaped(value.id, &value.dims)?;
            for (letter, len) in letters.iter().zip(&value.dims) {
                if lengths.insert(*letter, *len).is_some_and(|known| known != *len) {
                    return Err(format!("is the equation {equation:?}, whose letter {letter} has two lengths"));
                }
            }
            let order: Vec<usize> =
                orders[i].iter().copied().flatten().filter_map(|c| letters.iter().position(|l| l == c)).collect();
            let id = self.turned(id, order)?;
            let [outer, first, second] = orders[i].map(|part| part.iter().map(|c| lengths[c]).product::<usize>());
            ids[i] = self.shaped(id, &[outer, first, second])?;
        }
        let id = self.graph.push(Matmul::default(), &ids)?;
        let made: Vec<char> = [&shared, &rows, &columns].into_iter().flatten().copied().collect();
        let id = self.shaped(id, &made.iter().map(|c| lengths[c]).collect::<Vec<_>>())?;
        let order: Vec<usize> = to.iter().filter_map(|c| made.iter().position(|m| m == c)).collect();
        let id = self.turned(id, order)?;
        self.result(id, to.iter().map(|c| lengths[c]).collect())
    }

    pub(super) fn batch_norm(&mut self, of: &Arguments<'_>) -> Lowered {
        if of.int("training_mode", 0) != 0 {
            return Err("is in training mode; export the net after model.eval()".into());
        }
        let x = of.computed(0)?;
        let input = self.planes(&x)?;
        let channels = x.dims[1];
        let name = self.name(of.node, of.node.inputs.get(1).map(String::as_str));
        for (i, part) in ["weight", "bias", "running_mean", "running_var"].into_iter().enumerate() {
            self.keep(format!("{name}.{part}"), of.known(i + 1, "statistics")?, &[channels])?;
        }
        let eps = f64::from(of.float("epsilon", 1e-5));
        let id = self.graph.push(BatchNorm2d { name, channels, eps }, &[input])?;
        self.result(id, x.dims)
    }

    pub(super) fn group_norm(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let [1, channels, ..] = x.dims[..] else { return Err(format!("gets {:?}; expected one picture", x.dims)) };
        let groups = match of.node.operator.as_str() {
            "InstanceNormalization" => channels,
            _ => usize::try_from(of.int("num_groups", 1)).unwrap_or_default(),
        };
        let name = self.name(of.node, of.node.inputs.get(1).map(String::as_str));
        for (input, part) in [(1, "weight"), (2, "bias")] {
            let tensor = of.known(input, "scales")?;
            let count = tensor.elem_count();
            // Until version 21 there was one number a group.
            let tensor = if count == channels || count == 0 || channels % count != 0 {
                tensor.clone()
            } else {
                made(
                    tensor
                        .reshape((count, 1))
                        .and_then(|tensor| tensor.broadcast_as((count, channels / count))?.contiguous()),
                )?
            };
            self.keep(format!("{name}.{part}"), &tensor, &[channels])?;
        }
        let eps = of.float("epsilon", 1e-5);
        let id = self.graph.push(GroupNorm { name, groups, channels, eps }, &[x.id])?;
        self.result(id, x.dims)
    }

    /// Normalises all values from this axis on; scales and offsets are the inputs with these numbers.
    pub(super) fn layer_norm(
        &mut self,
        of: &Arguments<'_>,
        x: &Computed,
        axis: usize,
        [scale, offset]: [usize; 2],
        eps: f32,
    ) -> Lowered {
        let shape = x.dims[axis..].to_vec();
        if axis == 0 {
            return Err("works across pictures".into());
        }
        let name = self.name(of.node, of.node.inputs.get(scale).map(String::as_str));
        let weight = of.known(scale, "scales")?;
        self.keep(format!("{name}.weight"), weight, &shape)?;
        let bias = if of.has(offset) { of.known(offset, "a bias")?.clone() } else { made(weight.zeros_like())? };
        self.keep(format!("{name}.bias"), &bias, &shape)?;
        let id = self.graph.push(LayerNorm { name, shape, eps }, &[x.id])?;
        Ok(Computed { id, dims: x.dims.clone() })
    }

    pub(super) fn pool(&mut self, of: &Arguments<'_>) -> Lowered {
        let mut x = of.computed(0)?;
        let whole = x.dims.clone();
        // Windows that are one pixel large may see a volume as planes.
        if let [1, channels, depth, height, width] = whole[..] {
            x = self.result(x.id, vec![1, channels, depth, height * width])?;
        }
        let mut input = self.planes(&x)?;
        let pair = |name: &str| {
            Ok::<_, String>(match of.lengths(name)?.as_deref() {
                Some([height, width]) => Some([*height, *width]),
                Some([width]) => Some([1, *width]),
                Some([depth, 1, 1]) => Some([*depth, 1]),
                Some([_, _, _]) => return Err("goes through volumes, which are not read".into()),
                _ => None,
            })
        };
        let kernel = pair("kernel_shape")?.ok_or("lacks its kernel")?;
        let stride = pair("strides")?.unwrap_or([1, 1]);
        if pair("dilations")?.is_some_and(|dilation| dilation != [1, 1]) {
            return Err("is dilated, which is not read of pools".into());
        }
        if of.node.outputs.len() > 1
            && of.node.outputs.get(1).is_some_and(|name| self.readers.contains_key(name.as_str()))
        {
            return Err("gives the places of the largest values, which are not read".into());
        }
        let padding = padding(of, &x.dims, kernel, stride)?;
        let window = Window { kernel, stride, padding, ceil: of.int("ceil_mode", 0) != 0 };
        let is_padded = padding.largest() > 0 || window.ceil;
        let id = if of.node.operator == "MaxPool" {
            self.graph.push(MaxPool2d(window), &[input])?
        } else {
            let counts_padding = of.int("count_include_pad", 0) != 0 || !is_padded;
            if let Some((before, inner)) = self.zeros_before(input, of.node).filter(|_| !is_padded) {
                input = inner;
                let window = Window { padding: before, ..window };
                self.graph.push(AvgPool2d { window, counts_padding: true }, &[input])?
            } else {
                self.graph.push(AvgPool2d { window, counts_padding }, &[input])?
            }
        };
        let shape = self.graph.shape(id);
        let dims = match whole[..] {
            [_, _, _] => vec![1, shape[0], shape[2]],
            [_, _, _, height, width] => vec![1, shape[0], shape[1], height, width],
            _ => vec![1, shape[0], shape[1], shape[2]],
        };
        self.result(id, dims)
    }
}

/// Returns the padding of a window that reaches so far over pixels of this shape.
fn padding(of: &Arguments<'_>, dims: &[usize], reach: [usize; 2], stride: [usize; 2]) -> Result<Padding, String> {
    let mode = of.node.attributes.text("auto_pad").unwrap_or("NOTSET");
    let pixels = &dims[2..];
    let size = |axis: usize| {
        if pixels.len() == 2 {
            pixels[axis]
        } else if axis == 1 {
            pixels[0]
        } else {
            1
        }
    };
    match mode {
        "NOTSET" | "" => match of.lengths("pads")?.as_deref() {
            None | Some([]) => Ok(Padding::default()),
            Some([top, left, bottom, right]) => Ok(Padding { before: [*top, *left], after: [*bottom, *right] }),
            Some([left, right]) => Ok(Padding { before: [0, *left], after: [0, *right] }),
            Some([front, 0, 0, back, 0, 0]) => Ok(Padding { before: [*front, 0], after: [*back, 0] }),
            Some(pads) => Err(format!("has a padding of {} numbers; expected 4", pads.len())),
        },
        "VALID" => Ok(Padding::default()),
        "SAME_UPPER" | "SAME_LOWER" => {
            let both = [0, 1].map(|axis| {
                let outputs = size(axis).div_ceil(stride[axis].max(1));
                ((outputs - 1) * stride[axis] + reach[axis]).saturating_sub(size(axis))
            });
            let (smaller, larger) = (both.map(|both| both / 2), both.map(|both| both - both / 2));
            Ok(if mode == "SAME_UPPER" {
                Padding { before: smaller, after: larger }
            } else {
                Padding { before: larger, after: smaller }
            })
        }
        other => Err(format!("pads by {other:?}, which is not read")),
    }
}
