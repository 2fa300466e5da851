//! This reads weights as PyTorch's `torch.save` writes them: a zip with one part per storage, or, before PyTorch 1.6
//! (torchvision's GoogLeNet is still such a file), four pickles with the storages behind them.
//!
//! Only tensors that have names are read. A tensor's numbers are looked at when someone asks for it by its name and
//! knows its shape, so a file cannot make the program take more memory than the net needs.

pub(crate) mod objects;
pub(crate) mod pickle;
mod table;
pub(crate) mod zip;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use safetensors::tensor::Dtype;

use objects::{Object, Storage, Tensor};
use pickle::Pickle;
pub use table::Named;
use table::Table;
use zip::ZipPart;

use super::not_weights::why_no_weights;
use crate::file_kind::FileKind;

/// The number that stands for PyTorch at the beginning of an old file, the lowest byte first.
const OLD: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The tensors of a file, in place.
pub struct PytorchFile<'a> {
    pub tensors: BTreeMap<String, Named>,
    /// What else has a name in the file, and the name of its class.
    pub strangers: BTreeMap<String, String>,
    data: HashMap<String, ZipPart<'a>>,
    is_big_endian: bool,
}

/// The storages of some tensors by their keys, checked and unpacked.
pub struct Storages<'a>(HashMap<&'a str, Cow<'a, [u8]>>);

impl<'a> PytorchFile<'a> {
    /// Returns whether a file begins like one of PyTorch's: as a zip or as a pickle.
    pub fn is_one(bytes: &[u8]) -> bool {
        matches!(FileKind::of(bytes), FileKind::Zip | FileKind::Pickle)
    }

    /// Reads the table of a file's tensors.
    ///
    /// # Errors
    /// One sentence for a file that is damaged, is of another kind, or holds no tensors that have names.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if FileKind::of(bytes) == FileKind::Zip { Self::open_zip(bytes) } else { Self::open_old(bytes) }
    }

    fn open_zip(bytes: &'a [u8]) -> Result<Self, String> {
        let mut parts = zip::parts(bytes, zip::MOST_PARTS)?;
        let kind = FileKind::of_zip(parts.keys().map(String::as_str));
        if kind != FileKind::Pytorch {
            return Err(why_no_weights(kind));
        }
        let mut pickles = parts.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        let folder = match (pickles.next(), pickles.next()) {
            (Some(folder), None) => folder.to_owned(),
            _ => return Err("it is a zip, but not one of torch.save: expected one part called data.pkl".into()),
        };
        let part = |name: &str| match parts.get(&format!("{folder}{name}")) {
            Some(part) if part.unpacked() > pickle::MOST_BYTES => {
                Err(format!("its part {name:?} grows to {} bytes, far more than it needs", part.unpacked()))
            }
            part => part.map(ZipPart::read).transpose(),
        };
        let order = part("byteorder")?;
        let pickle = part("data.pkl")?.ok_or(DAMAGED)?;
        let pickle = Pickle::read(&pickle)?;
        let mut data = HashMap::new();
        for Storage { key, .. } in storages(&pickle) {
            if let Some(part) = parts.remove(&format!("{folder}data/{key}")) {
                data.insert(key.clone(), part);
            }
        }
        Self::gather(&pickle, data, order.is_some_and(|order| *order == *b"big"))
    }

    fn open_old(bytes: &'a [u8]) -> Result<Self, String> {
        let mut at = 0;
        let mut next = || {
            let pickle = Pickle::read(bytes.get(at..).unwrap_or_default())?;
            at += pickle.length;
            Ok::<_, String>(pickle)
        };
        let magic = next()?;
        if !matches!(&magic.objects[magic.root], Object::Long(number) if **number == OLD) {
            return Err(format!("it is a pickle, but not one of torch.save. {}", pickle::SAVE_STATE));
        }
        // The third one says what machine wrote it; the numbers have their lowest byte first all the same.
        let (_version, _machine, pickle, keys) = (next()?, next()?, next()?, next()?);
        let known: HashMap<&str, &Storage> = storages(&pickle).map(|storage| (storage.key.as_str(), storage)).collect();
        let Object::List(keys_in_order) = &keys.objects[keys.root] else { return Err(DAMAGED.into()) };
        let mut data = HashMap::new();
        for &place in keys_in_order {
            let storage = keys.text(place).and_then(|key| known.get(key)).ok_or(DAMAGED)?;
            // The number of numbers, and then they.
            let length = storage.count.checked_mul(width(storage.dtype)).ok_or(DAMAGED)?;
            let begin = at + 8;
            let numbers = bytes.get(begin..).and_then(|rest| rest.get(..length));
            let numbers =
                numbers.ok_or("it ends before the last of its tensors: the file is cut short; get it again")?;
            if bytes[at..begin] != (storage.count as u64).to_le_bytes() {
                return Err(DAMAGED.into());
            }
            data.insert(storage.key.clone(), ZipPart::stored(numbers));
            at = begin + length;
        }
        Self::gather(&pickle, data, false)
    }

    fn gather(pickle: &Pickle, data: HashMap<String, ZipPart<'a>>, is_big_endian: bool) -> Result<Self, String> {
        let Table { tensors, strangers, .. } = Table::of(pickle)?;
        Ok(Self { tensors, strangers, data, is_big_endian })
    }

    /// Checks and unpacks the storages of tensors whose shapes were found right.
    ///
    /// # Errors
    /// One sentence for a storage that is missing, damaged, or far larger than what its tensors need.
    pub fn storages<'s>(&'s self, names: impl Iterator<Item = &'s str>) -> Result<Storages<'s>, String> {
        let mut wanted: BTreeMap<&str, &ZipPart<'a>> = BTreeMap::new();
        let mut needed: usize = 0;
        for tensor in names.filter_map(|name| Some(&self.tensors.get(name)?.tensor)) {
            let key = tensor.storage.key.as_str();
            let missing = || format!("its storage {key:?} is missing: the file is damaged");
            wanted.insert(key, self.data.get(key).ok_or_else(missing)?);
            needed += tensor.shape.iter().product::<usize>() * width(tensor.dtype);
        }
        let unpacked = wanted.values().try_fold(0usize, |sum, part| sum.checked_add(part.unpacked()));
        if unpacked.is_none_or(|unpacked| unpacked > 4 * needed + (16 << 20)) {
            return Err(format!("its compressed parts grow to far more than the {needed} bytes that the net needs"));
        }
        let read = |(key, part): (&'s str, &'s ZipPart<'a>)| Ok((key, part.read()?));
        let wanted: Vec<_> = wanted.into_iter().collect();
        wanted.into_par_iter().map(read).collect::<Result<_, String>>().map(Storages)
    }

    /// Returns the bytes of a tensor whose shape was found right, in the order of its indices and the lowest byte of a
    /// number first; refuses one that reaches beyond its storage.
    pub fn bytes<'s>(&self, name: &str, storages: &'s Storages<'_>) -> Result<Cow<'s, [u8]>, String> {
        let tensor = &self.tensors.get(name).ok_or(DAMAGED)?.tensor;
        let width = width(tensor.dtype);
        let data = storages.0.get(tensor.storage.key.as_str()).ok_or(DAMAGED)?;
        if last(tensor).and_then(|last| last.checked_mul(width)).is_none_or(|end| end > data.len()) {
            return Err(format!("the tensor {name:?} reaches beyond its storage of {} bytes", data.len()));
        }
        let count: usize = tensor.shape.iter().product();
        if is_in_order(tensor) && !self.is_big_endian {
            return Ok(Cow::Borrowed(&data[tensor.offset * width..][..count * width]));
        }
        let mut bytes = Vec::with_capacity(count * width);
        let mut axes: Vec<_> = tensor.shape.iter().copied().zip(tensor.strides.iter().copied()).collect();
        let (columns, step) = axes.pop().unwrap_or((1, 1));
        let mut rows = vec![tensor.offset];
        for (size, stride) in axes {
            rows = rows.iter().flat_map(|row| (0..size).map(move |i| row + i * stride)).collect();
        }
        for at in rows.iter().flat_map(|row| (0..columns).map(move |i| row + i * step)) {
            bytes.extend_from_slice(&data[at * width..(at + 1) * width]);
        }
        if self.is_big_endian {
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        Ok(Cow::Owned(bytes))
    }
}

fn storages(pickle: &Pickle) -> impl Iterator<Item = &Storage> {
    pickle
        .objects
        .iter()
        .filter_map(|object| if let Object::Storage(storage) = object { Some(&**storage) } else { None })
}

/// Returns whether the numbers of a tensor follow one another in its storage.
fn is_in_order(tensor: &Tensor) -> bool {
    let mut expected = 1;
    tensor.shape.iter().zip(&tensor.strides).rev().all(|(&size, &stride)| {
        let is_next = size <= 1 || stride == expected;
        expected *= size;
        is_next
    })
}

/// Returns one past the last number of its storage that a tensor touches; `None` where that is too large.
fn last(tensor: &Tensor) -> Option<usize> {
    if tensor.shape.contains(&0) {
        return Some(tensor.offset);
    }
    let steps = tensor.shape.iter().zip(&tensor.strides);
    let mut reach = steps.map(|(&size, &stride)| (size - 1).checked_mul(stride));
    reach.try_fold(tensor.offset.checked_add(1)?, |end, reach| end.checked_add(reach?))
}

/// Returns the bytes of a number.
fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

const DAMAGED: &str = "the file is damaged or cut short; get it again";
