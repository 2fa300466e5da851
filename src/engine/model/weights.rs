//! This reads weights as safetensors or as PyTorch's files, and writes them as safetensors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::layers::{LayerSpec, every_tensor};
use super::parameters::Params;
use super::pytorch::PytorchFile;
use crate::files::ordinary;
use crate::{Error, Result};

/// The largest weights file that is read.
pub const MAX_WEIGHTS_BYTES: u64 = 2 << 30;

/// Returns the SHA-256 of some bytes in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a weights file of bounded size.
pub fn read_weights(path: &Path) -> Result<Vec<u8>> {
    let size = ordinary(path, "read the weights")?.len();
    if size > MAX_WEIGHTS_BYTES {
        let why = format!("the file has {size} bytes; expected at most {MAX_WEIGHTS_BYTES}");
        return Err(Error::Weights { path: path.to_owned(), why });
    }
    std::fs::read(path).map_err(Error::io("read the weights", path))
}

/// This is a file of weights; its first bytes tell its kind, whatever it is called.
pub enum WeightsFile<'a> {
    Safetensors(SafeTensors<'a>),
    Pytorch(PytorchFile<'a>),
}

impl<'a> WeightsFile<'a> {
    /// Refuses a file that is damaged or of neither kind. `layers` are those that it is expected to be of.
    pub fn open(bytes: &'a [u8], layers: &[LayerSpec]) -> Result<Self, String> {
        if PytorchFile::is_one(bytes) {
            return PytorchFile::open(bytes).map(Self::Pytorch).map_err(|why| format!("as a file of PyTorch's: {why}"));
        }
        SafeTensors::deserialize(bytes).map(Self::Safetensors).map_err(|e| {
            let values: usize = every_tensor(layers).map(|(_, _, shape)| shape.iter().product::<usize>()).sum();
            let expected = format!("expected {values} values, {} bytes as f32", values * 4);
            format!("not a whole safetensors file ({e}): it may be cut short; {expected}")
        })
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
            Self::Pytorch(file) => file.tensors.get(name).map(|tensor| (tensor.shape.clone(), tensor.storage.dtype)),
        }
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, String> {
        match self {
            Self::Safetensors(file) => file.tensor(name).map(|view| view.data().into()).map_err(|e| e.to_string()),
            Self::Pytorch(file) => file.bytes(name).map(Cow::Owned),
        }
    }

    /// Returns whether all tensors of a net are there in their shapes.
    pub fn fits(&self, layers: &[LayerSpec]) -> bool {
        every_tensor(layers).all(|(layer, name, shape)| self.check(&name, &shape, layer).is_ok())
    }

    /// Returns the number format of a tensor that is there in this shape.
    fn check(&self, name: &str, shape: &[usize], layer: &LayerSpec) -> Result<Dtype, String> {
        let kind = layer.kind();
        let Some((found, dtype)) = self.shape(name) else {
            let mut names = self.names();
            names.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
            let nearest = names.first().map(|nearest| format!("; the nearest name in the file is {nearest:?}"));
            let nearest = nearest.unwrap_or_default();
            return Err(format!("{kind} needs the tensor {name:?} of {shape:?}, and it is missing{nearest}"));
        };
        if found != shape {
            return Err(format!("{kind}: the tensor {name:?} has shape {found:?}, expected {shape:?}"));
        }
        if !matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
            return Err(format!("{kind}: the tensor {name:?} holds {dtype:?}, expected F32, F16 or BF16"));
        }
        Ok(dtype)
    }

    fn tensor(&self, name: &str, shape: &[usize], layer: &LayerSpec) -> Result<Tensor, String> {
        let (dtype, kind) = (self.check(name, shape, layer)?, layer.kind());
        let values = as_f32(dtype, &self.bytes(name)?);
        let values = values.ok_or_else(|| format!("{kind}: the tensor {name:?} holds no numbers"))?;
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let value = values[at];
            return Err(format!("{kind}: value {at} of the tensor {name:?} is {value}, expected finite numbers"));
        }
        Tensor::from_vec(values, shape, &Device::Cpu).map_err(|e| format!("{kind}: the tensor {name:?}: {e}"))
    }
}

/// Returns whether a SHA-256 is the expected one, of which perhaps only the first digits are known.
pub fn is_hash(found: &str, expected: &str) -> bool {
    found.get(..expected.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(expected))
}

/// Takes the tensors that `layers` ask for out of a file; others in it are passed over. Refuses a damaged file, a wrong
/// hash, a tensor that is missing or has another shape than its layer asks for, and values that are not finite.
pub fn load_weights(bytes: &[u8], path: &Path, layers: &[LayerSpec], sha256: Option<&str>) -> Result<Params> {
    let refuse = |why: String| Error::Weights { path: path.to_owned(), why };
    if let Some(expected) = sha256 {
        let found = sha256_hex(bytes);
        if !is_hash(&found, expected) {
            return Err(refuse(format!(
                "the file's SHA-256 is {found},\n  the manifest says {expected}: get the file again, or \
                         mend the manifest"
            )));
        }
    }
    let file = WeightsFile::open(bytes, layers).map_err(refuse)?;
    every_tensor(layers)
        .map(|(layer, name, shape)| Ok((name.clone(), file.tensor(&name, &shape, layer).map_err(refuse)?)))
        .collect()
}

/// Decodes numbers of f32, f16 or bf16; `None` for other formats.
pub fn as_f32(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    let halves = || data.chunks_exact(2).map(|b| [b[0], b[1]]);
    match dtype {
        Dtype::F32 => Some(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F16 => Some(halves().map(|b| half::f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Some(halves().map(|b| half::bf16::from_le_bytes(b).to_f32()).collect()),
        _ => None,
    }
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
