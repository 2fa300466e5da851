//! Each of ONNX's operators becomes operations of our own graph.

use std::collections::{HashMap, HashSet};

use candle_core::{DType, Tensor};

use super::arguments::{Reduced, cuts, new_shape, order, reduced};
use super::file::Node;
use super::fold::{MAX_VALUES, floats, fold, position};
use super::{Computed, Importer, Value, without_pictures};
use crate::model::candle_net::TensorPass;
use crate::model::graph::{Graph, ValueId};
use crate::model::operations::{CurveSpec, Reduce, Reshape, Tensor as TensorOperation};
use crate::model::parameters::Params;
use crate::model::shape::Shape;

pub(super) type Lowered = Result<Computed, String>;

/// The domain of the operators that ONNX Runtime makes of several.
const RUNTIME: &str = "com.microsoft";

const NEGATIVE: CurveSpec = CurveSpec::Scale { scale: -1.0, offset: 0.0 };

impl<'a> Importer<'a> {
    /// Adds a node.
    pub(super) fn node(&mut self, node: &'a Node) -> Result<(), String> {
        let names = node.inputs.iter();
        let inputs: Vec<Option<Value>> = names.map(|name| self.values.get(name.as_str()).cloned()).collect();
        if let Some(missing) = node.inputs.iter().zip(&inputs).find(|(name, value)| !name.is_empty() && value.is_none())
        {
            return Err(format!("reads {:?}, which nothing writes; the file is damaged", missing.0));
        }
        let known: Vec<Option<Tensor>> = inputs
            .iter()
            .map(|input| match input {
                Some(Value::Known(tensor)) => Some(tensor.clone()),
                _ => None,
            })
            .collect();
        let is_known = inputs.iter().all(|input| !matches!(input, Some(Value::Computed(_))));
        let results = match (&inputs.first(), node.operator.as_str()) {
            _ if is_known => {
                let folded = if node.domain.is_empty() { fold(node, &known)? } else { None };
                let folded = folded.map_or_else(|| self.work_out(node, inputs.clone(), &known), Ok)?;
                self.count(&folded)?;
                folded.into_iter().map(Value::Known).collect()
            }
            (Some(Some(Value::Computed(x))), "Shape" | "Size") => {
                // A tensor of this shape stands for the value: nothing else of it is read.
                let like = Tensor::zeros(x.dims.as_slice(), DType::U8, &candle_core::Device::Cpu);
                let like = like.map_err(|e| e.to_string())?;
                let folded = fold(node, &[Some(like)])?.ok_or("is not read")?;
                folded.into_iter().map(Value::Known).collect()
            }
            _ => {
                let arguments = Arguments { node, inputs, known };
                self.lower(&arguments)?.into_iter().map(Value::Computed).collect::<Vec<_>>()
            }
        };
        for (name, value) in node.outputs.iter().zip(results) {
            self.values.insert(name, value);
        }
        Ok(())
    }

    /// Counts values that were worked out, so that a small file cannot fill the memory.
    fn count(&mut self, folded: &[Tensor]) -> Result<(), String> {
        let count = folded.iter().map(Tensor::elem_count).fold(0, usize::saturating_add);
        let wrong = || format!("makes {count} values, and those before it left room for {}", self.room);
        self.room = self.room.checked_sub(count).ok_or_else(wrong)?;
        Ok(())
    }

    /// Works out a node that depends on no picture by lowering it to a graph of its own, which candle runs.
    fn work_out(
        &self,
        node: &'a Node,
        mut inputs: Vec<Option<Value>>,
        known: &[Option<Tensor>],
    ) -> Result<Vec<Tensor>, String> {
        let x = known.first().cloned().flatten().ok_or("has no input")?;
        let mut alone = Importer {
            file: self.file,
            graph: Graph::new(Shape::planes([1, 1, 1])),
            params: Params::new(),
            values: HashMap::new(),
            readers: self.readers.clone(),
            names: HashSet::new(),
            notes: Vec::new(),
            room: MAX_VALUES,
        };
        let id = alone.constant(node, &x)?;
        inputs[0] = Some(Value::Computed(Computed { id, dims: x.dims().to_vec() }));
        let known = std::iter::once(None).chain(known.iter().skip(1).cloned()).collect();
        let results = alone.lower(&Arguments { node, inputs, known })?;
        let picture = made(Tensor::zeros((1, 1, 1, 1), DType::F32, &candle_core::Device::Cpu))?;
        let values = made(TensorPass::of_params(&alone.params, 1).values(&alone.graph, &picture))?;
        results.iter().map(|result| made(values[result.id].reshape(result.dims.as_slice()))).collect()
    }
}

/// A node with what is known of its inputs.
pub(super) struct Arguments<'a> {
    pub(super) node: &'a Node,
    pub(super) inputs: Vec<Option<Value>>,
    pub(super) known: Vec<Option<Tensor>>,
}

impl Arguments<'_> {
    pub(super) fn value(&self, input: usize) -> Result<&Value, String> {
        self.inputs.get(input).and_then(Option::as_ref).ok_or_else(|| format!("lacks its input number {}", input + 1))
    }

    /// Returns an input that depends on the picture.
    pub(super) fn computed(&self, input: usize) -> Lowered {
        match self.value(input)? {
            Value::Computed(computed) => Ok(computed.clone()),
            Value::Known(_) => Err(format!("has numbers of the file as its input number {}", input + 1)),
        }
    }

    /// Returns an input that is part of the file; `what` says what it is.
    pub(super) fn known(&self, input: usize, what: &str) -> Result<&Tensor, String> {
        let found = self.known.get(input).and_then(Option::as_ref);
        found.ok_or_else(|| format!("has {what} that are computed from the picture; expected numbers of the file"))
    }

    pub(super) fn has(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(Option::is_some)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.node.attributes.int(name).unwrap_or(default)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.node.attributes.float(name).unwrap_or(default)
    }

    /// Returns a number that is an attribute in old versions of the operators and an input in new ones.
    pub(super) fn number(&self, name: &str, input: usize) -> Result<Option<f32>, String> {
        if let Some(value) = self.node.attributes.float(name) {
            return Ok(Some(value));
        }
        if !self.has(input) {
            return Ok(None);
        }
        Ok(floats(self.known(input, "limits")?)?.first().copied())
    }

    pub(super) fn lengths(&self, name: &str) -> Result<Option<Vec<usize>>, String> {
        let found = self.node.attributes.ints(name);
        let wrong = |_| format!("has {name} below 0");
        found.map(|values| values.iter().map(|&len| usize::try_from(len).map_err(wrong)).collect()).transpose()
    }

    pub(super) fn axis(&self, rank: usize, default: i64) -> Result<usize, String> {
        position(self.int("axis", default), rank)
    }
}

pub(super) fn made<T>(result: candle_core::Result<T>) -> Result<T, String> {
    result.map_err(|e| format!("has numbers that do not fit it ({e})"))
}

impl Importer<'_> {
    pub(super) fn lower(&mut self, of: &Arguments<'_>) -> Result<Vec<Computed>, String> {
        let node = of.node;
        if node.attributes.has_graph() {
            return Err("is control flow, which is not read; export the net by tracing it, with fixed sizes".into());
        }
        match (node.domain.as_str(), node.operator.as_str()) {
            ("", _) => self.lower_onnx(of),
            (RUNTIME, _) => self.lower_fused(of),
            // It gives the probabilities names.
            ("ai.onnx.ml", "ZipMap") => Ok(vec![of.computed(0)?]),
            ("com.microsoft.nchwc", _) => Err(
                "was written by ONNX Runtime for one kind of processor; open the net from before, or optimise it at \
                 the level ORT_ENABLE_EXTENDED"
                    .into(),
            ),
            (domain, _) => {
                Err(format!("belongs to the domain {domain:?}, which is not ONNX's own; export the net without it"))
            }
        }
    }

    fn lower_onnx(&mut self, of: &Arguments<'_>) -> Result<Vec<Computed>, String> {
        let node = of.node;
        let curve = match node.operator.as_str() {
            "Relu" => Some(CurveSpec::Relu {}),
            "LeakyRelu" => Some(CurveSpec::LeakyRelu { slope: of.float("alpha", 0.01) }),
            "Elu" => Some(CurveSpec::Elu { alpha: of.float("alpha", 1.0) }),
            "Selu" => Some(CurveSpec::Selu {}),
            "Sigmoid" => Some(CurveSpec::Sigmoid {}),
            "Tanh" => Some(CurveSpec::Tanh {}),
            "HardSigmoid" => {
                Some(CurveSpec::HardSigmoid { slope: of.float("alpha", 0.2), offset: of.float("beta", 0.5) })
            }
            "HardSwish" => Some(CurveSpec::HardSwish {}),
            "Swish" if of.float("alpha", 1.0) == 1.0 => Some(CurveSpec::Silu {}),
            "Gelu" => Some(CurveSpec::Gelu { tanh: node.attributes.text("approximate") == Some("tanh") }),
            "Softplus" => Some(CurveSpec::Softplus {}),
            "Exp" => Some(CurveSpec::Exp {}),
            "Log" => Some(CurveSpec::Log {}),
            "Sqrt" => Some(CurveSpec::Sqrt {}),
            "Erf" => Some(CurveSpec::Erf {}),
            "Abs" => Some(CurveSpec::Abs {}),
            "Sin" => Some(CurveSpec::Sin {}),
            "Cos" => Some(CurveSpec::Cos {}),
            "Neg" => Some(NEGATIVE),
            "Reciprocal" => Some(CurveSpec::Power { exponent: -1.0 }),
            "Clip" => {
                let [low, high] = [("min", 1), ("max", 2)].map(|(name, input)| of.number(name, input));
                let (low, high) = (low?.unwrap_or(f32::NEG_INFINITY), high?.unwrap_or(f32::INFINITY));
                Some(match (low, high) {
                    (0.0, f32::INFINITY) => CurveSpec::Relu {},
                    (0.0, 6.0) => CurveSpec::Relu6 {},
                    _ => CurveSpec::Clip { low, high },
                })
            }
            _ => None,
        };
        if let Some(curve) = curve {
            let x = of.computed(0)?;
            let id = self.graph.push(curve, &[x.id])?;
            return Ok(vec![Computed { id, ..x }]);
        }
        if let Some(composed) = self.composed(of)? {
            return Ok(vec![composed]);
        }
        let one = match node.operator.as_str() {
            "Identity" | "Dropout" => of.computed(0)?,
            "Cast" | "CastLike" => match of.int("to", 1) {
                1 | 10 | 11 | 16 => of.computed(0)?,
                _ => {
                    return Err(
                        "rounds what depends on the picture, which has no gradient; export the net without it".into()
                    );
                }
            },
            "Conv" => self.conv(of)?,
            "Attention" => self.attention(of)?,
            "Gemm" => self.gemm(of)?,
            "MatMul" => self.matmul(of, of.value(0)?, of.value(1)?)?,
            "BatchNormalization" => self.batch_norm(of)?,
            "InstanceNormalization" | "GroupNormalization" => self.group_norm(of)?,
            "LayerNormalization" => {
                let x = of.computed(0)?;
                let axis = of.axis(x.dims.len(), -1)?;
                self.layer_norm(of, &x, axis, [1, 2], of.float("epsilon", 1e-5))?
            }
            "MaxPool" | "AveragePool" => self.pool(of)?,
            "GlobalAveragePool" | "GlobalMaxPool" => {
                let x = of.computed(0)?;
                let axes = (2..x.dims.len()).collect();
                let is_max = node.operator == "GlobalMaxPool";
                self.reduce(&x, Reduced { axes, keep: true }, if is_max { Reduce::Max } else { Reduce::Mean })?
            }
            "ReduceMean" | "ReduceSum" | "ReduceMax" => {
                let x = of.computed(0)?;
                let through = reduced(node, &of.known, x.dims.len())?;
                let how = match node.operator.as_str() {
                    "ReduceMean" => Reduce::Mean,
                    "ReduceSum" => Reduce::Sum,
                    _ => Reduce::Max,
                };
                self.reduce(&x, through, how)?
            }
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "Sum" | "PRelu" => self.pairs(of)?,
            "Einsum" => self.einsum(of)?,
            "Where" => self.choose(of)?,
            "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => self.compare(of)?,
            "Softmax" | "LogSoftmax" => self.softmax(of)?,
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => {
                let x = of.computed(0)?;
                if of.inputs.len() > 1 && of.has(1) {
                    of.known(1, "a shape or axes")?;
                }
                let dims = new_shape(node, &of.known, &x.dims)?;
                let id = self.shaped(x.id, without_pictures(&dims))?;
                Computed { id, dims }
            }
            "Transpose" => {
                let x = of.computed(0)?;
                let order = order(node, x.dims.len())?;
                self.transpose(&x, &order)?
            }
            "Slice" => {
                let x = of.computed(0)?;
                let cuts = cuts(node, &of.known, &x.dims)?;
                cuts.into_iter().try_fold(x, |x, cut| self.cut(&x, cut))?
            }
            "Split" => return self.split(of),
            "Gather" => self.gather(of)?,
            "GatherND" => self.gather_nd(of)?,
            "Concat" => self.concat(of)?,
            "Expand" | "Tile" => self.expand(of)?,
            "Pad" => self.pad(of)?,
            "Resize" | "Upsample" => self.resize(of)?,
            "DepthToSpace" | "SpaceToDepth" => self.space(of)?,
            "If" | "Loop" | "Scan" => {
                return Err("is control flow, which is not read; export the net by tracing it, with fixed sizes".into());
            }
            operator
                if operator.contains("Quantize")
                    || operator.starts_with("QLinear")
                    || operator.ends_with("Integer") =>
            {
                return Err("belongs to a quantised net, whose rounding has no gradient; export the net before it is \
                            quantised"
                    .into());
            }
            _ => {
                return Err("is not read by this program; export the net without it, or give the net as weights with \
                            a word for its architecture (--net)"
                    .into());
            }
        };
        Ok(vec![one])
    }

    /// Applies functions to every value, one after the other.
    pub(super) fn curves(&mut self, x: &Computed, curves: &[CurveSpec]) -> Lowered {
        let mut id = x.id;
        for curve in curves {
            id = self.graph.push(curve.clone(), &[id])?;
        }
        Ok(Computed { id, dims: x.dims.clone() })
    }

    /// Gives a value another shape in the graph, where it has not that shape already.
    pub(super) fn shaped(&mut self, id: ValueId, shape: &[usize]) -> Result<ValueId, String> {
        if self.graph.shape(id)[..] == *shape {
            return Ok(id);
        }
        self.graph.push(Reshape { shape: shape.to_vec() }, &[id])
    }

    /// Notes a value that has this shape in the file.
    pub(super) fn result(&mut self, id: ValueId, dims: Vec<usize>) -> Lowered {
        let id = self.shaped(id, without_pictures(&dims))?;
        Ok(Computed { id, dims })
    }

    /// Sees a value as planes: (channels, height, width).
    pub(super) fn planes(&mut self, x: &Computed) -> Result<ValueId, String> {
        match x.dims[..] {
            [1, channels, height, width] => self.shaped(x.id, &[channels, height, width]),
            [1, channels, width] => self.shaped(x.id, &[channels, 1, width]),
            [1, channels] => self.shaped(x.id, &[channels, 1, 1]),
            _ => Err(format!("gets {:?}; expected one picture of channels, height and width", x.dims)),
        }
    }

    /// Finds a name that no other tensors have.
    pub(super) fn name(&mut self, node: &Node, tensor: Option<&str>) -> String {
        let given = tensor.and_then(|name| name.strip_suffix(".weight"));
        let base: String = given
            .unwrap_or(&node.name)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '.' })
            .collect();
        let base = base.trim_matches('.').replace("..", ".");
        let base = if base.is_empty() { node.operator.to_lowercase() } else { base };
        let mut name = base.clone();
        for number in 2.. {
            if self.names.insert(name.clone()) {
                break;
            }
            name = format!("{base}_{number}");
        }
        name
    }

    /// Keeps a tensor among the weights.
    pub(super) fn keep(&mut self, name: String, tensor: &Tensor, shape: &[usize]) -> Result<(), String> {
        let tensor = made(tensor.to_dtype(DType::F32).and_then(|tensor| tensor.reshape(shape)?.contiguous()))?;
        self.params.insert(name, tensor);
        Ok(())
    }

    /// Makes numbers of the file a value of the graph; those in front that are 1 are left out.
    pub(super) fn constant(&mut self, node: &Node, tensor: &Tensor) -> Result<ValueId, String> {
        let shape = tensor.dims().iter().copied().skip_while(|len| *len == 1).collect::<Vec<_>>();
        let shape = if shape.is_empty() { vec![1] } else { shape };
        let name = format!("{}.value", self.name(node, None));
        self.keep(name.clone(), tensor, &shape)?;
        self.graph.push(TensorOperation { name, shape }, &[])
    }
}
