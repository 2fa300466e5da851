//! Works out the nodes whose inputs are all known: what exporters write of shapes, positions and masks.

use candle_core::{DType, Device, Tensor};

use super::arguments::{Reduced, cuts, new_shape, order, reduced, split_sizes};
use super::file::Node;

/// The most values of a tensor that is worked out, where it has not four times as many as an input.
pub const MAX_VALUES: usize = 1 << 23;

type Folded = Result<Tensor, String>;

/// Works out a node. `None` stands for an operator that this cannot do.
///
/// # Errors
/// In words, for inputs that do not fit the operator.
pub fn fold(node: &Node, inputs: &[Option<Tensor>]) -> Result<Option<Vec<Tensor>>, String> {
    let input = |i: usize| -> Folded {
        inputs.get(i).cloned().flatten().ok_or_else(|| format!("lacks its input number {}", i + 1))
    };
    let attributes = &node.attributes;
    let axis = |rank: usize, default: i64| position(attributes.int("axis").unwrap_or(default), rank);
    let one = match node.operator.as_str() {
        "Constant" => constant(node)?,
        "Identity" | "Dropout" => input(0)?,
        "ConstantOfShape" => {
            let value = attributes.tensor("value")?.map_or_else(|| scalar(0.0), Ok)?;
            expanded(&made(value.reshape(()))?, &sizes(&input(0)?)?)?
        }
        "Shape" => {
            let dims = input(0)?.dims().to_vec();
            let place =
                |at: i64| (if at < 0 { at + dims.len() as i64 } else { at }).clamp(0, dims.len() as i64) as usize;
            let (start, end) =
                (place(attributes.int("start").unwrap_or(0)), place(attributes.int("end").unwrap_or(i64::MAX)));
            integers(dims.get(start..end).unwrap_or_default().iter().map(|&len| len as i64).collect())?
        }
        "Size" => made(Tensor::new(input(0)?.elem_count() as i64, &Device::Cpu))?,
        "Cast" => cast(&input(0)?, attributes.int("to").unwrap_or(1))?,
        "CastLike" => made(input(0)?.to_dtype(input(1)?.dtype()))?,
        "Neg" | "Abs" | "Ceil" | "Floor" | "Round" | "Sqrt" | "Exp" | "Log" | "Reciprocal" | "Erf" | "Sigmoid"
        | "Tanh" | "Cos" | "Sin" => unary(&node.operator, &input(0)?)?,
        "Not" => compare(&input(0)?, &scalar(0.0)?, |a, b| a == b)?,
        "Equal" => compare(&input(0)?, &input(1)?, |a, b| a == b)?,
        "Less" => compare(&input(0)?, &input(1)?, |a, b| a < b)?,
        "LessOrEqual" => compare(&input(0)?, &input(1)?, |a, b| a <= b)?,
        "Greater" => compare(&input(0)?, &input(1)?, |a, b| a > b)?,
        "GreaterOrEqual" => compare(&input(0)?, &input(1)?, |a, b| a >= b)?,
        "And" => compare(&input(0)?, &input(1)?, |a, b| a != 0.0 && b != 0.0)?,
        "Or" => compare(&input(0)?, &input(1)?, |a, b| a != 0.0 || b != 0.0)?,
        "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Pow" | "Min" | "Max" => {
            let rest = 1..inputs.len().max(2);
            rest.map(input).try_fold(input(0)?, |a, b| binary(node, &a, &b?))?
        }
        "Where" => choose(&input(0)?, &input(1)?, &input(2)?)?,
        "Range" => range(&input(0)?, &input(1)?, &input(2)?)?,
        "Concat" => {
            let parts = (0..inputs.len()).map(input).collect::<Result<Vec<_>, _>>()?;
            let largest = parts.iter().map(Tensor::elem_count).max().unwrap_or_default();
            limited([parts.iter().map(Tensor::elem_count).fold(0, usize::saturating_add)], largest)?;
            let rank = parts.first().map_or(0, Tensor::rank);
            made(Tensor::cat(&parts, axis(rank, 0)?))?
        }
        "Gather" => {
            let (x, indices) = (input(0)?, input(1)?);
            let axis = axis(x.rank(), 0)?;
            let at = wrapped(&longs(&indices)?, x.dims()[axis])?;
            let mut shape = x.dims()[..axis].to_vec();
            shape.extend(indices.dims());
            shape.extend(&x.dims()[axis + 1..]);
            limited(shape.iter().copied(), x.elem_count())?;
            let at = made(Tensor::from_vec(at, indices.elem_count(), &Device::Cpu))?;
            made(made(made(x.contiguous())?.index_select(&at, axis))?.reshape(shape))?
        }
        "GatherND" | "ScatterND" => return Ok(Some(vec![nd(node, inputs)?])),
        "Slice" => {
            let x = input(0)?;
            let cuts = cuts(node, inputs, x.dims())?;
            cuts.iter().try_fold(x, |x, cut| {
                let at = (0..cut.len).map(|i| (cut.start as i64 + i as i64 * cut.step) as u32).collect::<Vec<_>>();
                let at = made(Tensor::from_vec(at, cut.len, &Device::Cpu))?;
                made(made(x.contiguous())?.index_select(&at, cut.axis))
            })?
        }
        "Split" => {
            let x = input(0)?;
            let axis = axis(x.rank(), 0)?;
            let parts = split_sizes(node, inputs, x.dims()[axis])?;
            let mut start = 0;
            let parts = parts.into_iter().map(|len| {
                let part = made(x.narrow(axis, start, len));
                start += len;
                part
            });
            return parts.collect::<Result<Vec<_>, _>>().map(Some);
        }
        "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => {
            let x = input(0)?;
            let shape = new_shape(node, inputs, x.dims())?;
            made(x.reshape(shape))?
        }
        "Transpose" => {
            let x = input(0)?;
            let order = order(node, x.rank())?;
            made(made(x.permute(order))?.contiguous())?
        }
        "Expand" => expanded(&input(0)?, &sizes(&input(1)?)?)?,
        "Tile" => {
            let (x, times) = (input(0)?, sizes(&input(1)?)?);
            limited(x.dims().iter().zip(&times).map(|(a, b)| a.saturating_mul(*b)), x.elem_count())?;
            made(x.repeat(times))?
        }
        "ReduceProd" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceMean" => {
            let x = input(0)?;
            reduce(&node.operator, &x, &reduced(node, inputs, x.rank())?)?
        }
        "MatMul" => {
            let (a, b) = (input(0)?, input(1)?);
            let columns = b.dims().last().copied().unwrap_or(1);
            limited([a.elem_count(), columns], a.elem_count().max(b.elem_count()))?;
            made(a.broadcast_matmul(&b))?
        }
        _ => return Ok(None),
    };
    Ok(Some(vec![one]))
}

/// Words a failure of candle's.
fn made(tensor: candle_core::Result<Tensor>) -> Folded {
    tensor.map_err(|e| format!("has inputs that do not fit it ({e})"))
}

fn scalar(value: f32) -> Folded {
    made(Tensor::new(value, &Device::Cpu))
}

fn integers(values: Vec<i64>) -> Folded {
    let len = values.len();
    made(Tensor::from_vec(values, len, &Device::Cpu))
}

/// Refuses a tensor of these dimensions where it has too many values for one that is made of so many.
fn limited(dims: impl IntoIterator<Item = usize>, made_of: usize) -> Result<(), String> {
    let count = dims.into_iter().fold(1usize, usize::saturating_mul);
    let most = MAX_VALUES.max(made_of.saturating_mul(4));
    if count > most { Err(format!("makes {count} values; expected at most {most}")) } else { Ok(()) }
}

/// Returns where a number from −rank to rank − 1 points.
pub fn position(at: i64, rank: usize) -> Result<usize, String> {
    let wrong = || format!("names the axis {at} of {rank}");
    usize::try_from(if at < 0 { at + rank as i64 } else { at }).ok().filter(|at| *at < rank).ok_or_else(wrong)
}

/// Returns a tensor's numbers as whole ones.
pub fn longs(tensor: &Tensor) -> Result<Vec<i64>, String> {
    let values = tensor.to_dtype(DType::I64).and_then(|tensor| tensor.flatten_all()?.to_vec1());
    values.map_err(|e| format!("has an input that is no list of numbers ({e})"))
}

/// Returns a tensor's numbers.
pub fn floats(tensor: &Tensor) -> Result<Vec<f32>, String> {
    let values = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1());
    values.map_err(|e| format!("has an input that is no list of numbers ({e})"))
}

fn doubles(tensor: &Tensor) -> Result<Vec<f64>, String> {
    let values = tensor.to_dtype(DType::F64).and_then(|tensor| tensor.flatten_all()?.to_vec1());
    values.map_err(|e| format!("has an input that is no list of numbers ({e})"))
}

/// Returns a tensor's numbers as lengths.
pub fn sizes(tensor: &Tensor) -> Result<Vec<usize>, String> {
    let values =
        longs(tensor)?.into_iter().map(|len| usize::try_from(len).map_err(|_| format!("has a length of {len}")));
    values.collect()
}

fn wrapped(at: &[i64], len: usize) -> Result<Vec<u32>, String> {
    at.iter()
        .map(|&at| position(at, len).map(|at| at as u32).map_err(|_| format!("reads place {at} of {len}")))
        .collect()
}

fn constant(node: &Node) -> Folded {
    let attributes = &node.attributes;
    if let Some(tensor) = attributes.tensor("value")? {
        return Ok(tensor);
    }
    if let Some(value) = attributes.float("value_float") {
        return scalar(value);
    }
    if let Some(value) = attributes.int("value_int") {
        return made(Tensor::new(value, &Device::Cpu));
    }
    if let Some(values) = attributes.ints("value_ints") {
        return integers(values.to_vec());
    }
    if let Some(values) = attributes.floats("value_floats") {
        return made(Tensor::new(values, &Device::Cpu));
    }
    Err("holds no numbers".into())
}

fn expanded(x: &Tensor, shape: &[usize]) -> Folded {
    let to = made_shape(x.dims(), shape)?;
    limited(to.iter().copied(), x.elem_count())?;
    made(made(x.broadcast_as(to))?.contiguous())
}

/// Returns the shape that two shapes are broadcast to.
fn made_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (a, b) if a == b || b == 1 => Ok(a),
            (1, b) => Ok(b),
            _ => Err(format!("has inputs of {a:?} and {b:?}, which do not go together")),
        })
        .collect()
}

fn is_float(tensor: &Tensor) -> bool {
    tensor.dtype() == DType::F32
}

/// Makes a tensor of the kind of `like`.
fn alike(values: Vec<f64>, shape: &[usize], like: &Tensor) -> Folded {
    if is_float(like) {
        return made(Tensor::from_vec(values.into_iter().map(|v| v as f32).collect::<Vec<_>>(), shape, &Device::Cpu));
    }
    made(Tensor::from_vec(values.into_iter().map(|v| v as i64).collect::<Vec<_>>(), shape, &Device::Cpu))
}

fn cast(x: &Tensor, to: i64) -> Folded {
    match to {
        1 | 10 | 11 | 16 => made(x.to_dtype(DType::F32)),
        9 => compare(x, &scalar(0.0)?, |a, b| a != b),
        2..=7 | 12 | 13 => made(x.to_dtype(DType::I64)),
        _ => Err(format!("turns numbers into those of kind {to}, which is not read")),
    }
}

fn unary(operator: &str, x: &Tensor) -> Folded {
    let f: fn(f64) -> f64 = match operator {
        "Neg" => |x| -x,
        "Abs" => f64::abs,
        "Ceil" => f64::ceil,
        "Floor" => f64::floor,
        "Round" => f64::round_ties_even,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Reciprocal" => f64::recip,
        "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
        "Tanh" => f64::tanh,
        "Cos" => f64::cos,
        "Sin" => f64::sin,
        _ => return made(x.erf()),
    };
    alike(doubles(x)?.into_iter().map(f).collect(), x.dims(), x)
}

/// Returns both inputs with their values repeated to one shape.
fn pair(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor, Vec<usize>), String> {
    let shape = made_shape(a.dims(), b.dims())?;
    Ok((expanded(a, &shape)?, expanded(b, &shape)?, shape))
}

fn compare(a: &Tensor, b: &Tensor, f: fn(f64, f64) -> bool) -> Folded {
    let (a, b, shape) = pair(a, b)?;
    let values = doubles(&a)?.into_iter().zip(doubles(&b)?).map(|(a, b)| i64::from(f(a, b)));
    made(Tensor::from_vec(values.collect::<Vec<_>>(), shape, &Device::Cpu))
}

fn binary(node: &Node, a: &Tensor, b: &Tensor) -> Folded {
    let like = a.clone();
    let (a, b, shape) = pair(a, b)?;
    if !is_float(&like) {
        let is_of_python = node.attributes.int("fmod") != Some(1);
        let f = |a: i64, b: i64| match node.operator.as_str() {
            "Add" => Some(a.wrapping_add(b)),
            "Sub" => Some(a.wrapping_sub(b)),
            "Mul" => Some(a.wrapping_mul(b)),
            "Div" => a.checked_div(b),
            "Mod" if is_of_python => {
                a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
            }
            "Mod" => a.checked_rem(b),
            "Pow" => Some((a as f64).powf(b as f64) as i64),
            "Min" => Some(a.min(b)),
            _ => Some(a.max(b)),
        };
        let values = longs(&a)?.into_iter().zip(longs(&b)?).map(|(a, b)| f(a, b).ok_or("divides by 0"));
        return made(Tensor::from_vec(values.collect::<Result<Vec<_>, _>>()?, shape, &Device::Cpu));
    }
    let f: fn(f64, f64) -> f64 = match node.operator.as_str() {
        "Add" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Mod" => |a, b| a % b,
        "Pow" => f64::powf,
        "Min" => f64::min,
        _ => f64::max,
    };
    alike(doubles(&a)?.into_iter().zip(doubles(&b)?).map(|(a, b)| f(a, b)).collect(), &shape, &like)
}

fn choose(condition: &Tensor, a: &Tensor, b: &Tensor) -> Folded {
    let like = a.clone();
    let (a, b, shape) = pair(a, b)?;
    let shape = made_shape(&shape, condition.dims())?;
    let [condition, a, b] = [condition, &a, &b].map(|tensor| expanded(tensor, &shape));
    let values = longs(&condition?)?.into_iter().zip(doubles(&a?)?.into_iter().zip(doubles(&b?)?));
    alike(values.map(|(condition, (a, b))| if condition != 0 { a } else { b }).collect(), &shape, &like)
}

fn range(start: &Tensor, limit: &Tensor, step: &Tensor) -> Folded {
    let number = |tensor: &Tensor| doubles(tensor)?.first().copied().ok_or_else(|| "has an empty input".to_owned());
    let (from, to, by) = (number(start)?, number(limit)?, number(step)?);
    let count = ((to - from) / by).ceil();
    if !count.is_finite() || count > MAX_VALUES as f64 {
        return Err(format!("counts from {from} to {to} in steps of {by}"));
    }
    let count = count.max(0.0) as usize;
    alike((0..count).map(|i| from + i as f64 * by).collect(), &[count], start)
}

fn reduce(operator: &str, x: &Tensor, Reduced { axes, keep }: &Reduced) -> Folded {
    let kept: Vec<usize> =
        x.dims().iter().enumerate().map(|(i, len)| if axes.contains(&i) { 1 } else { *len }).collect();
    let start = match operator {
        "ReduceProd" => 1.0,
        "ReduceMax" => f64::NEG_INFINITY,
        "ReduceMin" => f64::INFINITY,
        _ => 0.0,
    };
    let mut to = vec![start; kept.iter().product()];
    for (i, value) in doubles(x)?.into_iter().enumerate() {
        let (mut rest, mut stride, mut at) = (i, 1, 0);
        for axis in (0..x.rank()).rev() {
            let index = rest % x.dims()[axis];
            rest /= x.dims()[axis];
            if !axes.contains(&axis) {
                at += index * stride;
                stride *= kept[axis];
            }
        }
        to[at] = match operator {
            "ReduceProd" => to[at] * value,
            "ReduceMax" => to[at].max(value),
            "ReduceMin" => to[at].min(value),
            _ => to[at] + value,
        };
    }
    if operator == "ReduceMean" {
        let count = (x.elem_count() / to.len().max(1)) as f64;
        to.iter_mut().for_each(|sum| *sum /= count);
    }
    let left = kept.iter().enumerate().filter(|(i, _)| *keep || !axes.contains(i)).map(|(_, len)| *len);
    alike(to, &left.collect::<Vec<_>>(), x)
}

/// Works out GatherND (of no batch axes) and ScatterND: the last axis of the indices points into the first axes of x.
fn nd(node: &Node, inputs: &[Option<Tensor>]) -> Folded {
    let input = |i: usize| inputs.get(i).cloned().flatten().ok_or("lacks an input");
    let (x, indices) = (input(0)?, input(1)?);
    if node.attributes.int("batch_dims").unwrap_or(0) != 0 || indices.rank() == 0 {
        return Err("reads by indices in batches, which is not done here".into());
    }
    let depth = indices.dims()[indices.rank() - 1];
    if depth > x.rank() {
        return Err("has indices of more axes than there are".into());
    }
    let block: usize = x.dims()[depth..].iter().product();
    let at = longs(&indices)?;
    let blocks = at.chunks(depth.max(1)).map(|index| {
        let places = index.iter().zip(x.dims()).map(|(&at, &len)| position(at, len).map(|at| (at, len)));
        places.into_iter().try_fold(0, |place, found| found.map(|(at, len)| place * len + at))
    });
    let blocks = blocks.collect::<Result<Vec<usize>, _>>()?;
    let mut shape = indices.dims()[..indices.rank() - 1].to_vec();
    shape.extend(&x.dims()[depth..]);
    limited([blocks.len(), block], x.elem_count())?;
    let values = doubles(&x)?;
    if node.operator == "GatherND" {
        let picked = blocks.iter().flat_map(|&at| values[at * block..][..block].iter().copied()).collect();
        return alike(picked, &shape, &x);
    }
    let (mut values, updates) = (values, doubles(&input(2)?)?);
    if updates.len() != blocks.len() * block {
        return Err("writes more or fewer numbers than it has places for".into());
    }
    for (&at, update) in blocks.iter().zip(updates.chunks(block.max(1))) {
        values[at * block..][..block].copy_from_slice(update);
    }
    alike(values, x.dims(), &x)
}
