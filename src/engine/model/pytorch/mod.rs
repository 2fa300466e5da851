//! This reads weights as PyTorch's `torch.save` writes them: a zip with one part per storage, or, before PyTorch 1.6
//! (torchvision's GoogLeNet is still such a file), four pickles with the storages behind them.
//!
//! Only dictionaries from names to tensors are read. A tensor's numbers are copied when someone asks for it by its
//! name and knows its shape, so a file cannot make the program take more memory than the net needs.

mod pickle;
mod zip;

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::Dtype;

use pickle::{Object, ObjectId, Pickle, Storage, Tensor};

/// An old file begins with the pickle of a number that stands for PyTorch.
const OLD: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";

/// Training programs save more than weights, and the weights under one of these names.
const NESTED: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// The tensors of a file, in place.
pub struct PytorchFile<'a> {
    pub tensors: BTreeMap<String, Tensor>,
    data: HashMap<String, &'a [u8]>,
}

impl<'a> PytorchFile<'a> {
    /// Returns whether a file begins like one of PyTorch's.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(zip::LOCAL) || bytes.starts_with(&OLD[..4])
    }

    /// Reads the table of a file's tensors; refuses a file that is damaged or holds anything but tensors.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.starts_with(zip::LOCAL) { Self::open_zip(bytes) } else { Self::open_old(bytes) }
    }

    fn open_zip(bytes: &'a [u8]) -> Result<Self, String> {
        let parts = zip::parts(bytes)?;
        let mut pickles = parts.keys().filter_map(|name| name.strip_suffix("data.pkl"));
        let folder = match (pickles.next(), pickles.next()) {
            (Some(folder), None) => folder.to_owned(),
            _ => return Err("it is a zip, but not one of torch.save: expected one part called data.pkl".into()),
        };
        let part = |name: &str| parts.get(&format!("{folder}{name}"));
        if part("byteorder").is_some_and(|order| order.data != b"little") {
            return Err("its numbers have the highest byte first; save it again on an ordinary machine".into());
        }
        let pickle = part("data.pkl").filter(|pickle| pickle.is_whole()).ok_or(DAMAGED)?;
        let pickle = Pickle::read(pickle.data)?;
        let mut data = HashMap::new();
        for Storage { key, .. } in storages(&pickle) {
            if data.contains_key(key) {
                continue;
            }
            let missing = || format!("its storage {key:?} is missing: the file is damaged");
            let found = part(&format!("data/{key}")).ok_or_else(missing)?;
            if !found.is_whole() {
                return Err(DAMAGED.into());
            }
            data.insert(key.clone(), found.data);
        }
        Self::gather(&pickle, data)
    }

    fn open_old(bytes: &'a [u8]) -> Result<Self, String> {
        if !bytes.starts_with(OLD) {
            return Err("it is a pickle, but not one of torch.save".into());
        }
        let mut at = OLD.len();
        let mut next = || {
            let pickle = Pickle::read(&bytes[at..])?;
            at += pickle.length;
            Ok::<_, String>(pickle)
        };
        let (_version, machine, pickle, keys) = (next()?, next()?, next()?, next()?);
        let order = machine.get(machine.root, "little_endian").map(|id| &machine.objects[id]);
        if !matches!(order, Some(Object::Bool(true))) {
            return Err("its numbers have the highest byte first; save it again on an ordinary machine".into());
        }
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
            data.insert(storage.key.clone(), numbers);
            at = begin + length;
        }
        Self::gather(&pickle, data)
    }

    /// Gathers the tensors of a dictionary, or of one inside it; what else stands in it is passed over.
    fn gather(pickle: &Pickle, data: HashMap<String, &'a [u8]>) -> Result<Self, String> {
        let nested = NESTED.iter().find_map(|key| pickle.get(pickle.root, key));
        let inner = nested.map_or_else(BTreeMap::new, |place| tensors(pickle, place));
        let tensors = if inner.is_empty() { tensors(pickle, pickle.root) } else { inner };
        if tensors.is_empty() {
            return Err("it holds no dictionary of tensors by name; expected a state_dict".into());
        }
        Ok(Self { tensors, data })
    }

    /// Returns the bytes of a tensor whose shape was found right, in the order of its indices; refuses one that reaches
    /// beyond its storage.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let tensor = self.tensors.get(name).ok_or(DAMAGED)?;
        let width = width(tensor.storage.dtype);
        let data = self.data.get(&tensor.storage.key).ok_or(DAMAGED)?;
        if last(tensor).and_then(|last| last.checked_mul(width)).is_none_or(|end| end > data.len()) {
            return Err(format!("the tensor {name:?} reaches beyond its storage of {} bytes", data.len()));
        }
        let mut bytes = Vec::with_capacity(tensor.shape.iter().product::<usize>() * width);
        let mut axes: Vec<_> = tensor.shape.iter().copied().zip(tensor.strides.iter().copied()).collect();
        let (columns, step) = axes.pop().unwrap_or((1, 1));
        let mut rows = vec![tensor.offset];
        for (size, stride) in axes {
            rows = rows.iter().flat_map(|row| (0..size).map(move |i| row + i * stride)).collect();
        }
        for at in rows.iter().flat_map(|row| (0..columns).map(move |i| row + i * step)) {
            bytes.extend_from_slice(&data[at * width..(at + 1) * width]);
        }
        Ok(bytes)
    }
}

fn tensors(pickle: &Pickle, dict: ObjectId) -> BTreeMap<String, Tensor> {
    let Object::Dict(pairs) = &pickle.objects[dict] else { return BTreeMap::new() };
    let named = pairs.iter().filter_map(|&(key, value)| match (pickle.text(key), &pickle.objects[value]) {
        (Some(name), Object::Tensor(tensor)) => Some((name.to_owned(), tensor.clone())),
        _ => None,
    });
    named.collect()
}

fn storages(pickle: &Pickle) -> impl Iterator<Item = &Storage> {
    pickle.objects.iter().filter_map(|object| if let Object::Storage(storage) = object { Some(storage) } else { None })
}

/// Returns one past the last number of its storage that a tensor touches; `None` where that is too large.
fn last(tensor: &Tensor) -> Option<usize> {
    if tensor.shape.contains(&0) {
        return Some(0);
    }
    let steps = tensor.shape.iter().zip(&tensor.strides);
    let mut reach = steps.map(|(&size, &stride)| (size - 1).checked_mul(stride));
    reach.try_fold(tensor.offset.checked_add(1)?, |end, reach| end.checked_add(reach?))
}

fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}

const DAMAGED: &str = "the file is damaged or cut short; get it again";
