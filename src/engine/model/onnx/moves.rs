//! Operators that move values: other shapes, parts, joints, borders, other sizes.

use candle_core::{Device, Tensor};

use super::arguments::{Cut, lengths, split_sizes};
use super::fold::{floats, longs, position};
use super::lower::{Arguments, Lowered, made};
use super::{Computed, Importer, Value, without_pictures};
use crate::model::graph::ValueId;
use crate::model::operations::{BinarySpec, Expand, Gather, Join, Operation, Pad, PadMode, Resize, Slice, Transpose};
use crate::model::shape::count;

impl Importer<'_> {
    pub(super) fn transpose(&mut self, x: &Computed, order: &[usize]) -> Lowered {
        let dims: Vec<usize> = order.iter().map(|&axis| x.dims[axis]).collect();
        let rest = without_pictures(&x.dims);
        let skipped = x.dims.len() - rest.len();
        // Axes of length 1 may go anywhere; the others keep their order among each other.
        let (id, order): (ValueId, Vec<usize>) = if skipped == 1 && order[0] == 0 {
            (x.id, order[1..].iter().map(|axis| axis - 1).collect())
        } else {
            (self.shaped(x.id, &x.dims)?, order.to_vec())
        };
        let id = self.turned(id, order)?;
        self.result(id, dims)
    }

    /// Puts the axes of a value in another order; two orders after each other are one.
    pub(super) fn turned(&mut self, id: ValueId, order: Vec<usize>) -> Result<ValueId, String> {
        let writer = id.checked_sub(1).map(|node| &self.graph.nodes()[node]);
        let (id, order) = match writer.map(|node| (&node.operation, &node.inputs[..])) {
            Some((Operation::Transpose(first), &[x])) => (x, order.iter().map(|&axis| first.order[axis]).collect()),
            _ => (id, order),
        };
        if order.is_sorted() { Ok(id) } else { self.graph.push(Transpose { order }, &[id]) }
    }

    pub(super) fn cut(&mut self, x: &Computed, cut: Cut) -> Lowered {
        let Cut { axis, start, len, step } = cut;
        if start == 0 && step == 1 && len == x.dims[axis] {
            return Ok(x.clone());
        }
        if len == 0 {
            return Err(format!("keeps nothing along axis {axis}"));
        }
        let mut dims = x.dims.clone();
        dims[axis] = len;
        let axis = shifted(&[axis], &x.dims)?[0];
        let id = match usize::try_from(step) {
            Ok(step) => self.graph.push(Slice { axis, start, end: start + (len - 1) * step + 1, step }, &[x.id])?,
            Err(_) => {
                let indices = (0..len as i64).map(|i| (start as i64 + i * step) as usize).collect();
                self.graph.push(Gather { axis, indices }, &[x.id])?
            }
        };
        self.result(id, dims)
    }

    pub(super) fn split(&mut self, of: &Arguments<'_>) -> Result<Vec<Computed>, String> {
        let x = of.computed(0)?;
        let axis = of.axis(x.dims.len(), 0)?;
        let mut start = 0;
        let parts = split_sizes(of.node, &of.known, x.dims[axis])?.into_iter().map(|len| {
            let part = self.cut(&x, Cut { axis, start, len, step: 1 });
            start += len;
            part
        });
        parts.collect()
    }

    pub(super) fn gather(&mut self, of: &Arguments<'_>) -> Lowered {
        let (x, indices) = (of.computed(0)?, of.known(1, "indices")?);
        let axis = of.axis(x.dims.len(), 0)?;
        let at = longs(indices)?.into_iter().map(|at| position(at, x.dims[axis])).collect::<Result<Vec<_>, _>>()?;
        let mut dims = x.dims[..axis].to_vec();
        dims.extend(indices.dims());
        dims.extend(&x.dims[axis + 1..]);
        let is_run = at.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let found = match at.first() {
            Some(&start) if is_run => self.cut(&x, Cut { axis, start, len: at.len(), step: 1 })?.id,
            _ => {
                let axis = shifted(&[axis], &x.dims)?[0];
                self.graph.push(Gather { axis, indices: at }, &[x.id])?
            }
        };
        self.result(found, dims)
    }

    /// The last axis of the indices points into the first axes, which are seen as one.
    pub(super) fn gather_nd(&mut self, of: &Arguments<'_>) -> Lowered {
        let (x, indices) = (of.computed(0)?, of.known(1, "indices")?);
        let (Some((&depth, outer)), 0) = (indices.dims().split_last(), of.int("batch_dims", 0)) else {
            return Err("reads by indices in batches, which is not read".into());
        };
        let (first, rest) = x.dims.split_at_checked(depth).ok_or("has indices of more axes than there are")?;
        let at = longs(indices)?;
        let at = at.chunks(depth.max(1)).map(|index| {
            index.iter().zip(first).try_fold(0, |place, (&at, &len)| position(at, len).map(|at| place * len + at))
        });
        let indices = at.collect::<Result<Vec<_>, _>>()?;
        let flat = [&[first.iter().product()], rest].concat();
        let id = self.shaped(x.id, &flat)?;
        let id = self.graph.push(Gather { axis: 0, indices }, &[id])?;
        self.result(id, [outer, rest].concat())
    }

    pub(super) fn concat(&mut self, of: &Arguments<'_>) -> Lowered {
        let mut parts = Vec::with_capacity(of.inputs.len());
        for input in 0..of.inputs.len() {
            parts.push(match of.value(input)? {
                Value::Computed(x) => x.clone(),
                Value::Known(tensor) if tensor.elem_count() == 0 => continue,
                Value::Known(tensor) => Computed { id: self.constant(of.node, tensor)?, dims: tensor.dims().to_vec() },
            });
        }
        let rank = parts.first().map_or(0, |part| part.dims.len());
        let axis = of.axis(rank, 0)?;
        let mut dims = parts[0].dims.clone();
        if parts.iter().any(|part| part.dims.len() != rank) {
            return Err("joins values of different ranks".into());
        }
        dims[axis] = parts.iter().map(|part| part.dims[axis]).sum();
        let is_of_one = axis > 0 && parts.iter().all(|part| part.dims[0] == 1);
        let mut ids = Vec::with_capacity(parts.len());
        for part in &parts {
            ids.push(self.shaped(part.id, if is_of_one { &part.dims[1..] } else { &part.dims })?);
        }
        let axis = if is_of_one { axis - 1 } else { axis };
        let id = if let [one] = ids[..] { one } else { self.graph.push(Join { axis }, &ids)? };
        self.result(id, dims)
    }

    pub(super) fn expand(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        of.known(1, "a shape")?;
        let wanted = lengths(&of.known, 1)?.ok_or("lacks its shape")?;
        if of.node.operator == "Tile" && wanted.iter().zip(&x.dims).any(|(times, len)| *times != 1 && *len != 1) {
            return Err("repeats more than single values, which is not read".into());
        }
        let rank = wanted.len().max(x.dims.len());
        let at = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(rank).map_or(1, |i| dims[i]);
        let dims: Vec<usize> = (0..rank).map(|i| at(&x.dims, i).max(at(&wanted, i))).collect();
        let shape = without_pictures(&dims).to_vec();
        let id = self.shaped(x.id, without_pictures(&x.dims))?;
        let id = if self.graph.shape(id)[..] == shape { id } else { self.graph.push(Expand { shape }, &[id])? };
        self.result(id, dims)
    }

    pub(super) fn pad(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let mode = match of.node.attributes.text("mode").unwrap_or("constant") {
            "constant" => PadMode::Constant,
            "reflect" => PadMode::Reflect,
            "edge" => PadMode::Edge,
            other => return Err(format!("pads by {other:?}, which is not read")),
        };
        let pads = match of.node.attributes.ints("pads") {
            Some(pads) => pads.to_vec(),
            None => longs(of.known(1, "a padding")?)?,
        };
        let rank = x.dims.len();
        let axes = if of.has(3) {
            longs(of.known(3, "axes")?)?.into_iter().map(|at| position(at, rank)).collect::<Result<Vec<_>, _>>()?
        } else {
            (0..rank).collect()
        };
        if pads.len() != 2 * axes.len() {
            return Err(format!("has a padding of {} numbers for {} axes", pads.len(), axes.len()));
        }
        let value = of.number("value", 2)?.unwrap_or(0.0);
        let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
        for (i, &axis) in axes.iter().enumerate() {
            let side = |at: usize| {
                usize::try_from(pads[at]).map_err(|_| {
                    "has a padding below 0, which is not read; export the net with a slice instead".to_owned()
                })
            };
            (before[axis], after[axis]) = (side(i)?, side(i + axes.len())?);
        }
        let dims: Vec<usize> = (0..rank).map(|axis| x.dims[axis] + before[axis] + after[axis]).collect();
        let skipped = rank - without_pictures(&x.dims).len();
        if before.iter().chain(&after).all(|side| *side == 0) {
            return Ok(x);
        }
        if skipped == 1 && before[0] + after[0] > 0 {
            return Err("adds pictures".into());
        }
        let pad = Pad { mode, value: 0.0, before: before.split_off(skipped), after: after.split_off(skipped) };
        let frame = (mode == PadMode::Constant && value != 0.0).then(|| frame(&pad, value, &dims[skipped..]));
        let mut id = self.graph.push(pad, &[x.id])?;
        if let Some((values, shape)) = frame {
            let tensor = made(Tensor::from_vec(values, shape, &Device::Cpu))?;
            let frame = self.constant(of.node, &tensor)?;
            id = self.graph.push(BinarySpec::Add {}, &[id, frame])?;
        }
        self.result(id, dims)
    }

    pub(super) fn resize(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let [1, _, height, width] = x.dims[..] else { return Err(format!("gets {:?}; expected one picture", x.dims)) };
        let text =
            |name: &str, default: &'static str| of.node.attributes.text(name).map_or(default.to_owned(), str::to_owned);
        let is_old = of.node.operator == "Upsample" || self.file.opset < 11;
        let coordinates =
            if is_old { "asymmetric".to_owned() } else { text("coordinate_transformation_mode", "half_pixel") };
        let rounding = if is_old { "floor".to_owned() } else { text("nearest_mode", "round_prefer_floor") };
        if of.int("antialias", 0) != 0 {
            return Err("smooths before it resizes (antialias), which is not read".into());
        }
        if !matches!(of.node.attributes.text("keep_aspect_ratio_policy"), None | Some("stretch")) {
            return Err("keeps the ratio of the sides, which is not read; export the net with the sizes".into());
        }
        let axes = match of.node.attributes.ints("axes") {
            Some(axes) => axes.iter().map(|&at| position(at, 4)).collect::<Result<Vec<_>, _>>()?,
            None => vec![0, 1, 2, 3],
        };
        let scales = match of.node.attributes.floats("scales") {
            Some(scales) => scales.to_vec(),
            None => {
                let input = if is_old { 1 } else { 2 };
                if of.has(input) { floats(of.known(input, "scales")?)? } else { Vec::new() }
            }
        };
        let sizes = if scales.is_empty() { longs(of.known(3, "sizes")?)? } else { Vec::new() };
        let (mut size, mut scale) = ([height, width], [1.0, 1.0]);
        for (i, &axis) in axes.iter().enumerate() {
            let len = x.dims[axis];
            let (new, factor) = match (scales.get(i), sizes.get(i)) {
                (Some(&factor), _) => ((len as f32 * factor).floor() as usize, factor),
                (None, Some(&new)) => (usize::try_from(new).unwrap_or_default(), new as f32 / len as f32),
                (None, None) => return Err(format!("has no size for axis {axis}")),
            };
            match axis.checked_sub(2) {
                Some(side) => (size[side], scale[side]) = (new, factor),
                None if new == len => {}
                None => return Err("resizes pictures or channels, which is not read".into()),
            }
        }
        let resize = Resize::new(&text("mode", "nearest"), &coordinates, &rounding, size, scale)?;
        let input = self.planes(&x)?;
        let id = self.graph.push(resize, &[input])?;
        self.result(id, vec![1, x.dims[1], size[0], size[1]])
    }

    /// Moves pixels into channels or back, in blocks.
    pub(super) fn space(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let [1, channels, height, width] = x.dims[..] else {
            return Err(format!("gets {:?}; expected one picture", x.dims));
        };
        let block = usize::try_from(of.int("blocksize", 1)).unwrap_or(1).max(1);
        let area = block * block;
        let to_space = of.node.operator == "DepthToSpace";
        let fits = if to_space { channels % area == 0 } else { height % block == 0 && width % block == 0 };
        if !fits {
            return Err(format!("has blocks of {block}, which do not divide {:?}", x.dims));
        }
        let (shape, order, dims) = if to_space {
            let depth = channels / area;
            let is_crd = of.node.attributes.text("mode") == Some("CRD");
            let shape = if is_crd {
                vec![depth, block, block, height, width]
            } else {
                vec![block, block, depth, height, width]
            };
            let order = if is_crd { vec![0, 3, 1, 4, 2] } else { vec![2, 3, 0, 4, 1] };
            (shape, order, vec![1, depth, height * block, width * block])
        } else {
            let shape = vec![channels, height / block, block, width / block, block];
            (shape, vec![2, 4, 0, 1, 3], vec![1, channels * area, height / block, width / block])
        };
        let id = self.shaped(x.id, &shape)?;
        let id = self.graph.push(Transpose { order }, &[id])?;
        self.result(id, dims)
    }
}

/// Returns axes without that of the pictures.
pub(super) fn shifted(axes: &[usize], dims: &[usize]) -> Result<Vec<usize>, String> {
    let skipped = dims.len() - without_pictures(dims).len();
    axes.iter().map(|axis| axis.checked_sub(skipped).ok_or("works across pictures".to_owned())).collect()
}

/// Returns what zeros around a value need to become others: these numbers around zeros, with their shape. Axes along
/// which nothing is put are 1 long.
fn frame(pad: &Pad, value: f32, dims: &[usize]) -> (Vec<f32>, Vec<usize>) {
    let sides: Vec<(usize, usize)> = pad.before.iter().copied().zip(pad.after.iter().copied()).collect();
    let shape: Vec<usize> = sides.iter().zip(dims).map(|(side, len)| if *side == (0, 0) { 1 } else { *len }).collect();
    // Exporters pad with what is infinitely low before they take the largest value.
    let value = value.clamp(f32::MIN, f32::MAX);
    let at = |place: usize| {
        let mut rest = place;
        let is_inside = sides.iter().zip(&shape).rev().all(|((before, after), &len)| {
            let index = rest % len;
            rest /= len;
            (*before..len - after).contains(&index)
        });
        if is_inside { 0.0 } else { value }
    };
    ((0..count(&shape)).map(at).collect(), shape)
}
