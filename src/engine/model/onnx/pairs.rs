//! Operators that put two values together, or the values of some axes.

use candle_core::{DType, Tensor};

use super::arguments::Reduced;
use super::fold::floats;
use super::lower::{Arguments, Lowered, made};
use super::moves::shifted;
use super::{Computed, Importer, Value, without_pictures};
use crate::model::graph::ValueId;
use crate::model::operations::{Axes, BinarySpec, CurveSpec, GlobalAvgPool, Operation, Reduce, Select, Softmax};

impl Importer<'_> {
    pub(super) fn reduce(&mut self, x: &Computed, through: Reduced, how: fn(Axes) -> Reduce) -> Lowered {
        let Reduced { axes, keep } = through;
        let dims = x.dims.iter().enumerate().map(|(axis, len)| if axes.contains(&axis) { 1 } else { *len });
        let kept: Vec<usize> = dims.collect();
        let dims: Vec<usize> =
            kept.iter().enumerate().filter(|(axis, _)| keep || !axes.contains(axis)).map(|(_, len)| *len).collect();
        let axes: Vec<usize> = axes.into_iter().filter(|&axis| x.dims[axis] != 1).collect();
        let reduce = how(Axes { axes: shifted(&axes, &x.dims)?, keep: true });
        let is_of_planes = matches!(reduce, Reduce::Mean(_)) && x.dims.len() == 4 && x.dims[0] == 1 && axes == [2, 3];
        let id = if axes.is_empty() {
            x.id
        } else if is_of_planes {
            let input = self.planes(x)?;
            self.graph.push(GlobalAvgPool {}, &[input])?
        } else {
            self.graph.push(reduce, &[x.id])?
        };
        self.result(id, dims)
    }

    /// Sums, products and the like of two or more inputs.
    pub(super) fn pairs(&mut self, of: &Arguments<'_>) -> Lowered {
        let mut at = match of.value(0)? {
            Value::Computed(x) => Value::Computed(x.clone()),
            Value::Known(tensor) => Value::Known(tensor.clone()),
        };
        for input in 1..of.inputs.len().max(2) {
            at = Value::Computed(self.pair(of, &of.node.operator, &at, of.value(input)?)?);
        }
        match at {
            Value::Computed(x) => Ok(x),
            Value::Known(_) => Err("has numbers of the file only".into()),
        }
    }

    pub(super) fn pair(&mut self, of: &Arguments<'_>, operator: &str, a: &Value, b: &Value) -> Lowered {
        let (a_number, b_number) = match (a, b) {
            (Value::Computed(_), Value::Known(b)) => (None, scalar(b)),
            (Value::Known(a), Value::Computed(_)) => (scalar(a), None),
            _ => (None, None),
        };
        let scale = |scale: f32, offset: f32| vec![CurveSpec::Scale { scale, offset }];
        let curves = match (operator, a_number, b_number) {
            ("Add" | "Sum" | "Mean", Some(c), _) | ("Add" | "Sum" | "Mean", _, Some(c)) => scale(1.0, c),
            ("Sub", _, Some(c)) => scale(1.0, -c),
            ("Sub", Some(c), _) => scale(-1.0, c),
            ("Mul", Some(c), _) | ("Mul", _, Some(c)) => scale(c, 0.0),
            ("Div", _, Some(c)) => scale(1.0 / c, 0.0),
            ("Div", Some(c), _) => {
                vec![CurveSpec::Power { exponent: -1.0 }, CurveSpec::Scale { scale: c, offset: 0.0 }]
            }
            ("Pow", _, Some(0.5)) => vec![CurveSpec::Sqrt {}],
            ("Pow", _, Some(exponent)) => vec![CurveSpec::Power { exponent }],
            ("Pow", Some(c), _) => vec![CurveSpec::Scale { scale: c.ln(), offset: 0.0 }, CurveSpec::Exp {}],
            ("Max", Some(c), _) | ("Max", _, Some(c)) if c == 0.0 => vec![CurveSpec::Relu {}],
            ("Max", Some(c), _) | ("Max", _, Some(c)) => vec![CurveSpec::Clip { low: c, high: f32::INFINITY }],
            ("Min", Some(c), _) | ("Min", _, Some(c)) => vec![CurveSpec::Clip { low: f32::NEG_INFINITY, high: c }],
            ("PRelu", _, Some(slope)) => vec![CurveSpec::LeakyRelu { slope }],
            _ => Vec::new(),
        };
        let rank = |value: &Value| match value {
            Value::Computed(x) => x.dims.len(),
            Value::Known(tensor) => tensor.rank(),
        };
        let rank = rank(a).max(rank(b));
        if let (false, Value::Computed(x), _) | (false, _, Value::Computed(x)) = (curves.is_empty(), a, b)
            && x.dims.len() == rank
        {
            return self.curves(x, &curves);
        }
        if let Some(fused) = self.bias(of, a, b)? {
            return Ok(fused);
        }
        let mut ids = [0; 2];
        for (id, value) in ids.iter_mut().zip([a, b]) {
            *id = match value {
                Value::Computed(x) => x.id,
                // A slope a channel stands before the axes of the picture.
                Value::Known(tensor) => self.constant(of.node, tensor)?,
            };
        }
        let binary = match operator {
            "Add" | "Sum" | "Mean" => BinarySpec::Add {},
            "Sub" => BinarySpec::Subtract {},
            "Mul" => BinarySpec::Multiply {},
            "Div" => BinarySpec::Divide {},
            "Pow" => BinarySpec::PowerOf {},
            "Max" => BinarySpec::Maximum {},
            "Min" => BinarySpec::Minimum {},
            _ => BinarySpec::Prelu {},
        };
        let id = self.graph.push(binary, &ids)?;
        self.ranked(id, rank)
    }

    /// Puts numbers that are added to a fully connected layer into its bias.
    pub(super) fn bias(&mut self, of: &Arguments<'_>, a: &Value, b: &Value) -> Result<Option<Computed>, String> {
        let ((Value::Computed(x), Value::Known(tensor)) | (Value::Known(tensor), Value::Computed(x))) = (a, b) else {
            return Ok(None);
        };
        let input = usize::from(matches!(a, Value::Known(_)));
        let is_read_once = self.readers.get(of.node.inputs[input].as_str()) == Some(&1);
        let last = x.dims.last().copied().unwrap_or_default();
        let is_bias = of.node.operator == "Add"
            && is_read_once
            && tensor.elem_count() == last
            && tensor.dims().last() == Some(&last);
        let Some(node) = x.id.checked_sub(1).filter(|_| is_bias) else { return Ok(None) };
        let Some(Operation::Linear(linear)) = self.graph.operation_mut(node) else { return Ok(None) };
        if linear.bias || linear.outputs != last {
            return Ok(None);
        }
        linear.bias = true;
        let name = format!("{}.bias", linear.name);
        self.keep(name, tensor, &[last])?;
        Ok(Some(x.clone()))
    }

    /// Takes one of two values where a condition says so.
    pub(super) fn choose(&mut self, of: &Arguments<'_>) -> Lowered {
        let (mut ids, mut rank) = ([0; 3], 0);
        for (input, id) in ids.iter_mut().enumerate() {
            let (value, axes) = match of.value(input)? {
                Value::Computed(x) => (x.id, x.dims.len()),
                Value::Known(tensor) => {
                    // Masks hold numbers that are infinitely low.
                    let finite = made(tensor.to_dtype(DType::F32).and_then(|tensor| tensor.clamp(f32::MIN, f32::MAX)))?;
                    (self.constant(of.node, &finite)?, tensor.rank())
                }
            };
            (*id, rank) = (value, rank.max(axes));
        }
        let id = self.graph.push(Select {}, &ids)?;
        self.ranked(id, rank)
    }

    /// Compares two values; the result is 1 where it is true, and 0 elsewhere.
    pub(super) fn compare(&mut self, of: &Arguments<'_>) -> Lowered {
        let (a, b) = (of.value(0)?, of.value(1)?);
        let is_of_more = of.node.operator.starts_with("Greater");
        let is_strict = !of.node.operator.ends_with("OrEqual");
        // a > b is 1 where a − b is above 0, a ≤ b where that is 0.
        let (a, b) = if is_of_more == is_strict { (a, b) } else { (b, a) };
        let difference = self.pair(of, "Sub", a, b)?;
        let mut id = self.graph.push(CurveSpec::Step {}, &[difference.id])?;
        if !is_strict {
            id = self.graph.push(CurveSpec::Scale { scale: -1.0, offset: 1.0 }, &[id])?;
        }
        Ok(Computed { id, ..difference })
    }

    /// Notes a value whose shape in the file has so many axes, those in front of length 1.
    pub(super) fn ranked(&mut self, id: ValueId, rank: usize) -> Lowered {
        let mut dims = self.graph.shape(id).to_vec();
        while dims.len() < rank {
            dims.insert(0, 1);
        }
        self.result(id, dims)
    }

    pub(super) fn softmax(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let is_new = self.file.opset >= 13;
        let axis = of.axis(x.dims.len(), if is_new { -1 } else { 1 })?;
        // Before version 13 all axes from this one on are one.
        let joined: usize = x.dims[axis..].iter().product();
        let dims =
            if is_new || axis + 1 == x.dims.len() { x.dims.clone() } else { [&x.dims[..axis], &[joined]].concat() };
        let id = self.shaped(x.id, without_pictures(&dims))?;
        let axis = shifted(&[axis], &dims)?[0];
        let id = self.graph.push(Softmax { axis, log: of.node.operator == "LogSoftmax" }, &[id])?;
        self.result(id, x.dims)
    }
}

/// Returns the one number of a tensor.
fn scalar(tensor: &Tensor) -> Option<f32> {
    if tensor.elem_count() == 1 { floats(tensor).ok()?.first().copied() } else { None }
}
