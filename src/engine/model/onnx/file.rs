//! Reads an ONNX file: its nodes, its tensors, and what it takes in and gives back. Nothing of it is run, and no file
//! is read but those that lie beside it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path};

use bytes::Bytes;
use candle_core::{DType, Device, Tensor};
use prost::Message as _;

use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::{Error, Result};

/// The oldest and the newest set of operators that are read.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;

/// The most nodes, and tensors.
const MAX_COUNT: usize = 100_000;

/// The most axes of a tensor.
const MAX_AXES: usize = 16;

/// The most values of a tensor: 2 GB of them.
const MAX_VALUES: usize = 1 << 29;

/// An operation of the file, with what it reads and writes by name.
#[derive(Clone, Debug)]
pub struct Node {
    /// The name that messages use: its own, or else that of the value that it writes.
    pub name: String,
    pub operator: String,
    /// Whose operator it is: empty for ONNX's own.
    pub domain: String,
    /// An input that is left out has an empty name.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Attributes,
}

/// The attributes of a node by name.
#[derive(Clone, Debug, Default)]
pub struct Attributes(HashMap<String, AttributeProto>);

/// A port is an input or an output of a net; an axis whose length is not fixed is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    pub name: String,
    pub axes: Vec<Option<usize>>,
    pub kind: PortKind,
}

/// The numbers of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    Float,
    /// Whole numbers from 0 to 255.
    Byte,
    Other(i32),
}

impl PortKind {
    /// Returns whether it holds floating-point numbers, or does not say what it holds.
    pub fn may_be_float(self) -> bool {
        matches!(self, Self::Float | Self::Other(0))
    }
}

/// This holds the parts of an ONNX file that are read.
pub struct OnnxFile {
    pub producer: String,
    pub opset: i64,
    pub nodes: Vec<Node>,
    pub tensors: HashMap<String, Tensor>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
}

impl Attributes {
    /// Returns a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.0.get(name).map(|attribute| attribute.i)
    }

    /// Returns a number.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.0.get(name).map(|attribute| attribute.f)
    }

    /// Returns a list of whole numbers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.0.get(name).map(|attribute| attribute.ints.as_slice())
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
    }

    /// Returns a list of numbers.
    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.0.get(name).map(|attribute| attribute.floats.as_slice())
    }

    /// Returns whether there is a graph among them, as control flow has one.
    pub fn has_graph(&self) -> bool {
        self.0.values().any(|attribute| !attribute.g.is_empty())
    }

    /// Returns a tensor, which lies in the file itself.
    ///
    /// # Errors
    /// In words, for one that is damaged.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>, String> {
        let found = self.0.get(name).and_then(|attribute| attribute.t.as_ref());
        found.map(|proto| tensor(proto, &mut Beside { folder: None, open: None })).transpose()
    }
}

/// The folder in which external data lies, with the file of it that was read last.
struct Beside<'a> {
    folder: Option<&'a Path>,
    open: Option<(String, File)>,
}

impl OnnxFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Error::Net`] with one sentence that says what is wrong and what would help.
    pub fn read(path: &Path, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Self> {
        Self::parse(Bytes::from_owner(bytes), path.parent()).map_err(|why| Error::Net { path: path.to_owned(), why })
    }

    /// Reads the bytes of a file; external data lies in the folder.
    pub(super) fn parse(bytes: Bytes, folder: Option<&Path>) -> Result<Self, String> {
        let damaged = |e: prost::DecodeError| format!("it is not a whole ONNX file ({e}); export the net again");
        let model = ModelProto::decode(bytes).map_err(damaged)?;
        let graph = model.graph.ok_or("it holds no graph: it is no ONNX file, or a damaged one")?;
        let mut opset = 0;
        for set in &model.opset_import {
            match set.domain.as_str() {
                "" | "ai.onnx" => opset = set.version,
                // Exporters name these although no node is of them.
                _ => {}
            }
        }
        if !OPSETS.contains(&opset) {
            let (oldest, newest) = OPSETS.into_inner();
            return Err(format!(
                "it uses version {opset} of ONNX's operators; export it with opset_version={oldest} to {newest}"
            ));
        }
        if graph.node.len() > MAX_COUNT || graph.initializer.len() > MAX_COUNT {
            return Err(format!(
                "it has {} nodes and {} tensors; expected at most {MAX_COUNT}",
                graph.node.len(),
                graph.initializer.len()
            ));
        }
        if !graph.sparse_initializer.is_empty() {
            return Err("it holds sparse tensors; export the net with dense ones".into());
        }
        let nodes = graph.node.iter().map(|bytes| NodeProto::decode(bytes.clone()).map(node).map_err(damaged));
        let nodes = nodes.collect::<Result<Vec<_>, String>>()?;
        let mut beside = Beside { folder, open: None };
        let mut tensors = HashMap::with_capacity(graph.initializer.len());
        for bytes in &graph.initializer {
            let proto = TensorProto::decode(bytes.clone()).map_err(damaged)?;
            let found = tensor(&proto, &mut beside).map_err(|why| format!("the tensor {:?} {why}", proto.name))?;
            tensors.insert(proto.name, found);
        }
        let GraphProto { input, output, .. } = graph;
        let inputs = input.iter().filter(|port| !tensors.contains_key(&port.name)).map(port).collect();
        let outputs = output.iter().map(port).collect();
        Ok(Self { producer: model.producer_name, opset, nodes, tensors, inputs, outputs })
    }
}

fn node(proto: NodeProto) -> Node {
    let NodeProto { input, output, name, op_type, attribute, domain } = proto;
    let name = if name.is_empty() { output.first().cloned().unwrap_or_default() } else { name };
    let domain = if domain == "ai.onnx" { String::new() } else { domain };
    let attributes = attribute.into_iter().map(|attribute| (attribute.name.clone(), attribute.owned())).collect();
    Node { name, operator: op_type, domain, inputs: input, outputs: output, attributes: Attributes(attributes) }
}

fn port(info: &ValueInfoProto) -> Port {
    let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let axes = tensor.and_then(|tensor| tensor.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
    let axes = axes.iter().map(|dim| usize::try_from(dim.dim_value).ok().filter(|len| *len > 0)).collect();
    let kind = match tensor.map(|tensor| tensor.elem_type) {
        Some(1 | 10 | 11 | 16) => PortKind::Float,
        Some(2) => PortKind::Byte,
        other => PortKind::Other(other.unwrap_or_default()),
    };
    Port { name: info.name.clone(), axes, kind }
}

/// The kinds of numbers of ONNX's tensors that are read, with the bytes of each.
fn number_size(data_type: i32) -> Result<usize, String> {
    match data_type {
        1 | 6 | 12 => Ok(4),
        2 | 3 | 9 => Ok(1),
        4 | 5 | 10 | 16 => Ok(2),
        7 | 11 | 13 => Ok(8),
        8 => Err("holds texts, which a net of pictures has no use for".into()),
        14 | 15 => Err("holds complex numbers, which are not read".into()),
        _ => Err("holds numbers of 8 bits or fewer for quantised nets; export the net before it is quantised".into()),
    }
}

/// Makes a tensor of a message: floating-point numbers become f32, whole ones i64.
fn tensor(proto: &TensorProto, beside: &mut Beside<'_>) -> Result<Tensor, String> {
    let shape: Vec<usize> = proto
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim))
        .collect::<Result<_, _>>()
        .map_err(|_| "has a negative length")?;
    let count =
        shape.iter().try_fold(1usize, |count, &len| count.checked_mul(len)).filter(|count| *count <= MAX_VALUES);
    let count = count.filter(|_| shape.len() <= MAX_AXES).ok_or_else(|| format!("is {shape:?}, which is too large"))?;
    let size = number_size(proto.data_type)?;
    let wrong = |found: usize| format!("is {shape:?}, but holds {found} numbers; the file is damaged, or cut off");
    let raw = if proto.data_location == 1 {
        Some(beside.read(proto, count * size)?)
    } else {
        (!proto.raw_data.is_empty()).then(|| proto.raw_data.clone())
    };
    let make = |tensor: candle_core::Result<Tensor>| tensor.map_err(|e| format!("cannot be read ({e})"));
    if let Some(raw) = raw {
        if raw.len() != count * size {
            return Err(wrong(raw.len() / size));
        }
        return make(from_raw(&raw, proto.data_type, &shape));
    }
    let (floats, doubles, ints, longs) = (&proto.float_data, &proto.double_data, &proto.int32_data, &proto.int64_data);
    let found = floats.len() + doubles.len() + ints.len() + longs.len();
    if found != count {
        return Err(wrong(found));
    }
    let device = &Device::Cpu;
    make(match proto.data_type {
        10 => Tensor::from_vec(
            ints.iter().map(|&bits| half::f16::from_bits(bits as u16).to_f32()).collect(),
            shape,
            device,
        ),
        16 => Tensor::from_vec(
            ints.iter().map(|&bits| half::bf16::from_bits(bits as u16).to_f32()).collect(),
            shape,
            device,
        ),
        1 => Tensor::from_vec(floats.clone(), shape, device),
        11 => Tensor::from_vec(doubles.iter().map(|&value| value as f32).collect(), shape, device),
        7 => Tensor::from_vec(longs.clone(), shape, device),
        _ => Tensor::from_vec(ints.iter().map(|&value| i64::from(value)).collect(), shape, device),
    })
}

/// Makes a tensor of little-endian numbers.
fn from_raw(raw: &[u8], data_type: i32, shape: &[usize]) -> candle_core::Result<Tensor> {
    let device = &Device::Cpu;
    let ints = |values: Vec<i64>| Tensor::from_vec(values, shape, device);
    let (two, four, eight) = (raw.as_chunks::<2>().0, raw.as_chunks::<4>().0, raw.as_chunks::<8>().0);
    match data_type {
        1 => Tensor::from_vec(four.iter().map(|b| f32::from_le_bytes(*b)).collect::<Vec<_>>(), shape, device),
        10 => Tensor::from_raw_buffer(raw, DType::F16, shape, device)?.to_dtype(DType::F32),
        16 => Tensor::from_raw_buffer(raw, DType::BF16, shape, device)?.to_dtype(DType::F32),
        11 => Tensor::from_raw_buffer(raw, DType::F64, shape, device)?.to_dtype(DType::F32),
        2 | 9 => ints(raw.iter().map(|&byte| i64::from(byte)).collect()),
        3 => ints(raw.iter().map(|&byte| i64::from(byte as i8)).collect()),
        4 => ints(two.iter().map(|b| i64::from(u16::from_le_bytes(*b))).collect()),
        5 => ints(two.iter().map(|b| i64::from(i16::from_le_bytes(*b))).collect()),
        6 => ints(four.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect()),
        12 => ints(four.iter().map(|b| i64::from(u32::from_le_bytes(*b))).collect()),
        _ => ints(eight.iter().map(|b| i64::from_le_bytes(*b)).collect()),
    }
}

impl Beside<'_> {
    /// Reads the bytes of a tensor that lies in another file.
    fn read(&mut self, proto: &TensorProto, len: usize) -> Result<Bytes, String> {
        let entry =
            |key: &str| proto.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
        let location = entry("location").unwrap_or_default();
        let folder = self.folder.ok_or("lies in another file, which is not allowed here")?;
        let mut parts = Path::new(location).components();
        let is_plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !is_plain || location.contains(['\\', ':']) {
            return Err(format!("lies in {location:?}; expected a file beside the ONNX file"));
        }
        let number =
            |key: &str| entry(key).map(str::parse::<u64>).transpose().map_err(|_| format!("has a wrong {key}"));
        let (offset, stated) = (number("offset")?.unwrap_or(0), number("length")?);
        if stated.is_some_and(|stated| stated != len as u64) {
            return Err(format!("has {stated:?} bytes in {location:?}; expected {len}"));
        }
        if self.open.as_ref().is_none_or(|(name, _)| name != location) {
            let path = folder.join(location);
            let is_file = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            let file = if is_file { File::open(&path).ok() } else { None };
            let missing = || {
                format!(
                    "lies in {location:?}, which is not beside the ONNX file; copy both files into one folder, or \
                     export with external_data=False"
                )
            };
            self.open = Some((location.to_owned(), file.ok_or_else(missing)?));
        }
        let Some((_, file)) = &mut self.open else { return Err("has no file".into()) };
        let short = |_| format!("reaches past the end of {location:?}, which is cut off");
        let size = file.metadata().map(|found| found.len()).map_err(short)?;
        if offset.checked_add(len as u64).is_none_or(|end| end > size) {
            return Err(format!("reaches past the end of {location:?}, which is cut off"));
        }
        let mut bytes = vec![0; len];
        file.seek(SeekFrom::Start(offset)).map_err(short)?;
        file.read_exact(&mut bytes).map_err(short)?;
        Ok(bytes.into())
    }
}
