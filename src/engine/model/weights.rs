//! This reads weights as safetensors or as PyTorch's files, and writes them as safetensors.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::graph::Graph;
use super::not_weights::{join, shard, why_no_file, why_no_weights};
use super::operations::Operation;
use super::parameters::{Params, TensorSource};
use super::pytorch::{PytorchFile, Storages};
use super::tensor_names::Names;
use crate::file_kind::FileKind;
use crate::files::ordinary;
use crate::mapped::FileBytes;
use crate::{Error, Result};

/// The largest weights file that is read.
pub const MAX_WEIGHTS_BYTES: u64 = 2 << 30;

/// Returns the SHA-256 of some bytes in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a weights file of bounded size.
pub fn read_weights(path: &Path) -> Result<Vec<u8>> {
    check_size(path)?;
    std::fs::read(path).map_err(Error::io("read the weights", path))
}

/// Opens a weights file of bounded size to look at it at once.
pub fn open_weights(path: &Path) -> Result<FileBytes> {
    check_size(path)?;
    FileBytes::open(path, "read the weights")
}

fn check_size(path: &Path) -> Result<()> {
    let refuse = |why: String| Error::Weights { path: path.to_owned(), why };
    if path.is_dir() {
        return Err(refuse(why_no_file(path)));
    }
    let size = ordinary(path, "read the weights")?.len();
    if size > MAX_WEIGHTS_BYTES {
        return Err(refuse(format!("the file has {size} bytes; expected at most {MAX_WEIGHTS_BYTES}")));
    }
    Ok(())
}

/// This is a file of weights; its content tells its kind, whatever it is called.
pub enum WeightsFile<'a> {
    Safetensors(SafeTensors<'a>),
    Pytorch(PytorchFile<'a>),
}

impl<'a> WeightsFile<'a> {
    /// Refuses a file that is damaged or of neither kind. `graph` is that of the net that it is expected to be of.
    pub fn open(bytes: &'a [u8], graph: Option<&Graph>) -> Result<Self, String> {
        match FileKind::of(bytes) {
            FileKind::Zip | FileKind::Pickle => {
                PytorchFile::open(bytes).map(Self::Pytorch).map_err(|why| format!("as a file of PyTorch's: {why}"))
            }
            FileKind::Json if is_index(bytes) => {
                Err(format!("it is the index of a net in several files. Join them:\n  {}", join("*-of-*.safetensors")))
            }
            FileKind::Safetensors | FileKind::Unknown => {
                SafeTensors::deserialize(bytes).map(Self::Safetensors).map_err(|e| {
                    let shapes = graph.into_iter().flat_map(Graph::tensors).map(|(_, _, shape)| shape);
                    let values: usize = shapes.map(|shape| shape.iter().product::<usize>()).sum();
                    let of_net = graph.map(|_| format!(" of {values} values, {} bytes as f32", values * 4));
                    let expected = format!("expected one{}, or PyTorch's", of_net.unwrap_or_default());
                    format!("not a whole safetensors file ({e}): it may be cut short, or of another kind; {expected}")
                })
            }
            kind => Err(why_no_weights(kind)),
        }
    }

    /// Returns the shapes of all tensors by name.
    pub fn shapes(&self) -> BTreeMap<String, Vec<usize>> {
        let shaped = |name: &str| Some((name.to_owned(), self.shape(name)?.0));
        self.names().into_iter().filter_map(shaped).collect()
    }

    /// Returns the values of a tensor of a few numbers.
    pub fn small(&self, name: &str) -> Option<Vec<f32>> {
        const MOST: usize = 64;
        let (shape, dtype) = self.shape(name)?;
        if shape.iter().product::<usize>() > MOST {
            return None;
        }
        match self {
            Self::Safetensors(file) => Some(as_f32(dtype, file.tensor(name).ok()?.data())?.into_owned()),
            Self::Pytorch(file) => {
                let storages = file.storages(std::iter::once(name)).ok()?;
                Some(as_f32(dtype, &file.bytes(name, &storages).ok()?)?.into_owned())
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Safetensors(file) => file.names(),
            Self::Pytorch(file) => file.tensors.keys().map(String::as_str).collect(),
        }
    }

    fn shape(&self, name: &str) -> Option<(Vec<usize>, Dtype)> {
        match self {
            Self::Safetensors(file) => file.tensor(name).ok().map(|view| (view.shape().to_vec(), view.dtype())),
            Self::Pytorch(file) => file.tensors.get(name).map(|named| (named.tensor.shape.clone(), named.tensor.dtype)),
        }
    }

    fn find(&self, graph: &Graph) -> Result<Names, String> {
        let wanted: BTreeSet<String> = graph.tensors().map(|(_, name, _)| name).collect();
        let within = |name: &str| match self {
            Self::Safetensors(_) => 0,
            Self::Pytorch(file) => file.tensors.get(name).map_or(0, |named| named.within),
        };
        Names::find(&wanted, self.names().into_iter(), within)
    }

    /// Returns whether all tensors of a net are there in their shapes.
    pub fn fits(&self, graph: &Graph) -> bool {
        let Ok(names) = self.find(graph) else { return false };
        graph.tensors().all(|(operation, name, shape)| self.check(&names, &name, &shape, operation).is_ok())
    }

    /// Returns the number format of a tensor that is there in this shape.
    fn check(&self, names: &Names, name: &str, shape: &[usize], operation: &Operation) -> Result<Dtype, String> {
        let kind = operation.kind();
        let Some((found, dtype)) = names.of.get(name).and_then(|name| self.shape(name)) else {
            return Err(format!(
                "{kind} needs the tensor {name:?} of {shape:?}, and {}",
                self.why_missing(names, name)
            ));
        };
        if found != shape {
            return Err(format!("{kind}: the tensor {name:?} has shape {found:?}, expected {shape:?}"));
        }
        let expected = "expected floating-point numbers of 16 bits or more";
        match dtype {
            Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64 => Ok(dtype),
            Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::U64 | Dtype::U32 | Dtype::U16 => Ok(dtype),
            Dtype::C64 => Err(format!("{kind}: the tensor {name:?} holds complex numbers, {expected}")),
            _ => Err(format!(
                "{kind}: the tensor {name:?} holds {dtype:?}, {expected}: of a quantised net, save the weights before"
            )),
        }
    }

    /// Says what is there in place of a tensor that is missing.
    fn why_missing(&self, names: &Names, name: &str) -> String {
        let full = format!("{}{name}", names.prefix);
        if let Self::Pytorch(file) = self
            && let Some(class) = file.strangers.get(&full)
        {
            return format!("in its place is the Python object {class}; nothing of it was run");
        }
        let of_file = self.names();
        let own = |name: &&str| name.strip_prefix(&names.prefix).map(str::to_owned);
        let mut nearest: Vec<String> = of_file.iter().filter_map(own).collect();
        if nearest.is_empty() {
            nearest = of_file.into_iter().map(str::to_owned).collect();
        }
        let nearest = nearest.into_iter().max_by(|a, b| {
            strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)).then_with(|| b.cmp(a))
        });
        let nearest = nearest.map(|nearest| format!("; the nearest name in the file is {nearest:?}"));
        format!("it is missing{}", nearest.unwrap_or_default())
    }

    /// Finds the tensors of a net, which may have a common prefix in the file; others are passed over.
    ///
    /// # Errors
    /// One sentence for a tensor that is missing, has another shape than its layer asks for or numbers of another kind.
    pub fn of<'s>(&'s self, graph: &Graph) -> Result<NetWeights<'s>, String> {
        let names = self.find(graph)?;
        let mut tensors = HashMap::new();
        for (operation, name, shape) in graph.tensors() {
            let dtype = self.check(&names, &name, &shape, operation)?;
            let in_file = names.of.get(&name).cloned().unwrap_or_default();
            tensors.insert(name, Found { in_file, dtype, shape, kind: operation.kind() });
        }
        let storages = match self {
            Self::Safetensors(_) => None,
            Self::Pytorch(file) => {
                let in_file = names.of.values().filter_map(|name| Some(file.tensors.get_key_value(name)?.0.as_str()));
                Some(file.storages(in_file)?)
            }
        };
        Ok(NetWeights { file: self, tensors, storages, notes: names.notes })
    }
}

/// Returns whether a JSON text lists in which files the tensors of a net are.
fn is_index(bytes: &[u8]) -> bool {
    let index = |value: serde_json::Value| value.get("weight_map").is_some();
    bytes.len() < 64 << 20 && serde_json::from_slice(bytes).is_ok_and(index)
}

/// The weights of a net in a file, of which all are there in their shapes.
pub struct NetWeights<'a> {
    file: &'a WeightsFile<'a>,
    tensors: HashMap<String, Found>,
    storages: Option<Storages<'a>>,
    /// Notes for the person, in whole sentences.
    pub notes: Vec<String>,
}

/// A tensor of a net.
struct Found {
    in_file: String,
    dtype: Dtype,
    shape: Vec<usize>,
    /// The kind of the operation that it belongs to, for messages.
    kind: &'static str,
}

impl TensorSource for NetWeights<'_> {
    fn values(&self, name: &str, _shape: &[usize]) -> Result<Cow<'_, [f32]>> {
        // The shapes are those of the graph, and were compared.
        self.tensor(name).map_err(Error::Argument)
    }
}

impl NetWeights<'_> {
    /// Returns the values of one of the net's tensors in PyTorch's order, in place where the file has them so.
    ///
    /// # Errors
    /// One sentence for a tensor that is damaged, and for values that are not finite.
    fn tensor(&self, name: &str) -> Result<Cow<'_, [f32]>, String> {
        let found = self.tensors.get(name).ok_or_else(|| format!("the net has no tensor {name:?}"))?;
        let bytes = match (self.file, &self.storages) {
            (WeightsFile::Pytorch(file), Some(storages)) => file.bytes(&found.in_file, storages)?,
            (WeightsFile::Safetensors(file), _) => {
                file.tensor(&found.in_file).map(|view| Cow::Borrowed(view.data())).map_err(|e| e.to_string())?
            }
            (WeightsFile::Pytorch(_), None) => return Err(format!("the tensor {name:?} was not read")),
        };
        let Found { dtype, kind, .. } = found;
        let values = match bytes {
            Cow::Borrowed(bytes) => as_f32(*dtype, bytes),
            Cow::Owned(bytes) => as_f32(*dtype, &bytes).map(|values| Cow::Owned(values.into_owned())),
        };
        let values = values.ok_or_else(|| format!("{kind}: the tensor {name:?} holds no numbers"))?;
        if !all_finite(&values)
            && let Some(at) = values.iter().position(|v| !v.is_finite())
        {
            let value = values[at];
            return Err(format!(
                "{kind}: value {at} of the tensor {name:?} is {value} as f32, expected finite numbers"
            ));
        }
        Ok(values)
    }

    /// Returns all tensors of the net; refuses what [`TensorSource::values`] does.
    pub fn params(&self) -> Result<Params, String> {
        let tensor = |(name, found): (&String, &Found)| {
            let values = self.tensor(name)?.into_owned();
            let tensor = Tensor::from_vec(values, found.shape.as_slice(), &Device::Cpu);
            Ok((name.clone(), tensor.map_err(|e| format!("the tensor {name:?}: {e}"))?))
        };
        self.tensors.par_iter().map(tensor).collect()
    }
}

/// Returns whether all values are finite; in a way that is quick for many.
fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7F80_0000;
    values
        .par_chunks(1 << 16)
        .all(|chunk| !chunk.iter().fold(false, |found, value| found | (value.to_bits() & EXPONENT == EXPONENT)))
}

/// Returns whether a SHA-256 is the expected one, of which perhaps only the first digits are known.
pub fn is_hash(found: &str, expected: &str) -> bool {
    found.get(..expected.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(expected))
}

/// Refuses a file whose SHA-256 is another one than a manifest says.
pub fn check_hash(bytes: &[u8], sha256: Option<&str>) -> Result<(), String> {
    let Some(expected) = sha256 else { return Ok(()) };
    let found = sha256_hex(bytes);
    if is_hash(&found, expected) {
        return Ok(());
    }
    Err(format!(
        "the file's SHA-256 is {found},\n  the manifest says {expected}: get the file again, or mend the manifest"
    ))
}

/// Calls `f` with the tensors that a graph asks for in a file; others in it are passed over. Refuses a damaged file, a
/// wrong hash, a tensor that is missing or has another shape than its layer asks for, and what `f` refuses.
pub fn with_weights<T: Send>(
    bytes: &[u8],
    path: &Path,
    graph: &Graph,
    sha256: Option<&str>,
    f: impl FnOnce(&NetWeights<'_>) -> Result<T> + Send,
) -> Result<T> {
    let refuse = |why: String| Error::Weights { path: path.to_owned(), why };
    let read = || {
        let file = WeightsFile::open(bytes, Some(graph))?;
        let weights =
            file.of(graph).map_err(|why| shard(path).map_or(why.clone(), |shard| format!("{why}; {shard}")))?;
        Ok(f(&weights))
    };
    let (hash, read) = rayon::join(|| check_hash(bytes, sha256), read);
    hash.map_err(refuse)?;
    read.map_err(refuse)?.map_err(|error| match error {
        Error::Argument(why) => refuse(why),
        error => error,
    })
}

/// Checks that a file holds finite values for all tensors of a graph, and returns what is worth telling of it.
pub fn check_weights(bytes: &[u8], path: &Path, graph: &Graph, sha256: Option<&str>) -> Result<Vec<String>> {
    with_weights(bytes, path, graph, sha256, |weights| {
        let names: Vec<&String> = weights.tensors.keys().collect();
        names.into_par_iter().try_for_each(|name| weights.tensor(name).map(drop)).map_err(Error::Argument)?;
        Ok(weights.notes.clone())
    })
}

/// Decodes numbers, in place where they are f32 already; `None` for formats of 8 bits and fewer, and for complex ones.
pub fn as_f32(dtype: Dtype, data: &[u8]) -> Option<Cow<'_, [f32]>> {
    fn decode<const N: usize>(data: &[u8], number: impl Fn([u8; N]) -> f32 + Sync) -> Option<Cow<'_, [f32]>> {
        Some(
            data.as_chunks::<N>()
                .0
                .par_iter()
                .with_min_len(1 << 14)
                .map(|bytes| number(*bytes))
                .collect::<Vec<_>>()
                .into(),
        )
    }
    match dtype {
        Dtype::F32 => match bytemuck::try_cast_slice(data) {
            Ok(values) if cfg!(target_endian = "little") => Some(Cow::Borrowed(values)),
            _ => decode(data, f32::from_le_bytes),
        },
        Dtype::F16 => decode(data, |b| half::f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => decode(data, |b| half::bf16::from_le_bytes(b).to_f32()),
        Dtype::F64 => decode(data, |b| f64::from_le_bytes(b) as f32),
        Dtype::I64 => decode(data, |b| i64::from_le_bytes(b) as f32),
        Dtype::U64 => decode(data, |b| u64::from_le_bytes(b) as f32),
        Dtype::I32 => decode(data, |b| i32::from_le_bytes(b) as f32),
        Dtype::U32 => decode(data, |b| u32::from_le_bytes(b) as f32),
        Dtype::I16 => decode(data, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::U16 => decode(data, |b| f32::from(u16::from_le_bytes(b))),
        _ => None,
    }
}
/// Returns the SHA-256 of the tensors that a graph asks for, with their names and shapes, as values of single precision.
pub fn weights_digest(graph: &Graph, weights: &dyn TensorSource) -> Result<String> {
    let mut hash = Sha256::new();
    let tensors: BTreeMap<String, Vec<usize>> = graph.tensors().map(|(_, name, shape)| (name, shape)).collect();
    for (name, shape) in &tensors {
        hash.update(format!("{name} {shape:?} "));
        weights.values(name, shape)?.iter().for_each(|value| hash.update(value.to_le_bytes()));
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Weights are stored as f32, or as f16, which takes half the bytes and keeps eleven bits of each value. A net computes
/// in single precision whatever it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Single,
    Half,
}

/// Returns the bytes of a safetensors file with these tensors and texts; refuses values that f16 cannot hold.
pub fn weights_bytes(params: &Params, precision: Precision, texts: Option<HashMap<String, String>>) -> Result<Vec<u8>> {
    let mut raw = Vec::with_capacity(params.len());
    for (name, tensor) in params {
        let values: Vec<f32> = tensor.flatten_all()?.to_vec1()?;
        let (dtype, bytes): (_, Vec<u8>) = match precision {
            Precision::Single => (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Precision::Half => {
                let halves = values.iter().map(|&v| half::f16::from_f32(v));
                if let Some(at) = halves.clone().position(|v| !v.is_finite()) {
                    let value = values[at];
                    let why = format!("value {at} of the tensor {name:?} is {value}; half precision ends at 65504");
                    return Err(Error::Argument(why));
                }
                (Dtype::F16, halves.flat_map(|v| v.to_le_bytes()).collect())
            }
        };
        raw.push((name, dtype, tensor.dims().to_vec(), bytes));
    }
    let views =
        raw.iter().map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)));
    let written = views.collect::<Result<Vec<_>, _>>().and_then(|views| safetensors::serialize(views, texts));
    written.map_err(|e: safetensors::SafeTensorError| {
        Error::Argument(format!("the weights cannot be written as safetensors: {e}"))
    })
}
