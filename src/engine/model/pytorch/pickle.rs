//! A pickle is read here as data. PyTorch's files say in Python's pickle what tensors they hold. A pickle is a program:
//! only the few instructions and names that tensors need are known here, and nothing is ever called.
//!
//! The instructions are those of Python's `pickletools`; what `torch.save` writes with them is in
//! `torch/serialization.py`.

use std::collections::HashMap;

use safetensors::tensor::Dtype;

/// A longer pickle is refused: a thousand tensors need about a hundred thousand bytes.
const MOST_BYTES: usize = 4 << 20;

/// This is the place of an object in [`Pickle::objects`].
pub type ObjectId = usize;

/// A pickle builds objects. They lie in one list and name each other by their places: however they are nested or
/// shared, they take no more memory than the pickle's own length allows, and nothing about them is recursive.
#[derive(Debug)]
pub enum Object {
    Nothing,
    Bool(bool),
    Int(i64),
    Float,
    Text(String),
    Name(Name),
    Tuple(Vec<ObjectId>),
    List(Vec<ObjectId>),
    Dict(Vec<(ObjectId, ObjectId)>),
    Storage(Storage),
    Tensor(Tensor),
}

/// These Python names may be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Name {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

/// A storage is numbers that lie elsewhere in the file.
#[derive(Clone, Debug)]
pub struct Storage {
    pub key: String,
    pub dtype: Dtype,
    pub count: usize,
}

/// A tensor is a view of a storage, in numbers (not bytes).
#[derive(Clone, Debug)]
pub struct Tensor {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

pub struct Pickle {
    pub objects: Vec<Object>,
    /// The object that the pickle describes.
    pub root: ObjectId,
    /// The bytes that it takes.
    pub length: usize,
}

const SAVE_STATE: &str = "Save the weights alone: torch.save(net.state_dict(), \"weights.pth\")";

fn name(module: &str, name: &str) -> Option<Name> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Name::OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2") => Name::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Name::RebuildParameter,
        ("torch", "FloatStorage") => Name::Storage(Dtype::F32),
        ("torch", "HalfStorage") => Name::Storage(Dtype::F16),
        ("torch", "BFloat16Storage") => Name::Storage(Dtype::BF16),
        ("torch", "DoubleStorage") => Name::Storage(Dtype::F64),
        ("torch", "LongStorage") => Name::Storage(Dtype::I64),
        ("torch", "IntStorage") => Name::Storage(Dtype::I32),
        ("torch", "ShortStorage") => Name::Storage(Dtype::I16),
        ("torch", "CharStorage") => Name::Storage(Dtype::I8),
        ("torch", "ByteStorage") => Name::Storage(Dtype::U8),
        ("torch", "BoolStorage") => Name::Storage(Dtype::BOOL),
        _ => return None,
    })
}

impl Pickle {
    /// Reads the pickle at the beginning of `bytes`; refuses instructions and names that are not known here.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
        let mut machine = Machine { bytes, ..Machine::default() };
        loop {
            let at = machine.at;
            let opcode = machine.byte()?;
            if opcode == b'.' {
                let root = machine.pop()?;
                return Ok(Self { objects: machine.objects, root, length: machine.at });
            }
            machine.step(opcode, at)?;
        }
    }

    pub fn text(&self, id: ObjectId) -> Option<&str> {
        if let Object::Text(text) = &self.objects[id] { Some(text) } else { None }
    }

    /// Returns the value under a key of a dictionary.
    pub fn get(&self, dict: ObjectId, key: &str) -> Option<ObjectId> {
        let Object::Dict(pairs) = &self.objects[dict] else { return None };
        pairs.iter().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| *value)
    }
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    objects: Vec<Object>,
    stack: Vec<ObjectId>,
    marks: Vec<usize>,
    memo: HashMap<u32, ObjectId>,
}

impl Machine<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(format!("the description of its tensors ends too early, after {} bytes", self.bytes.len()));
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    /// Reads an unsigned number of up to eight bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, length: u64) -> Result<String, String> {
        let bytes = self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        String::from_utf8(bytes.to_vec()).map_err(|_| "one of its names is not text".into())
    }

    fn line(&mut self) -> Result<String, String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n');
        let line = self.text(length.unwrap_or(usize::MAX) as u64)?;
        self.at += 1;
        Ok(line)
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<ObjectId, String> {
        let above = self.marks.last().copied().unwrap_or(0);
        let popped = if self.stack.len() > above { self.stack.pop() } else { None };
        popped.ok_or(MALFORMED.into())
    }

    fn top(&self) -> Result<ObjectId, String> {
        self.stack.last().copied().ok_or(MALFORMED.into())
    }

    fn since_mark(&mut self) -> Result<Vec<ObjectId>, String> {
        let height = self.marks.pop().filter(|&height| height <= self.stack.len()).ok_or(MALFORMED)?;
        Ok(self.stack.split_off(height))
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let mut members = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        members.reverse();
        self.push(Object::Tuple(members));
        Ok(())
    }

    fn step(&mut self, opcode: u8, at: usize) -> Result<(), String> {
        match opcode {
            0x80 => drop(self.byte()?),    // PROTO
            0x95 => drop(self.number(8)?), // FRAME
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Object::Nothing),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'G' => {
                self.take(8)?;
                self.push(Object::Float);
            }
            b'J' | b'K' | b'M' | 0x8A => self.integer(opcode)?,
            b'X' | 0x8C => {
                let length = self.number(if opcode == b'X' { 4 } else { 1 })?;
                let text = self.text(length)?;
                self.push(Object::Text(text));
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Object::Text(module), Object::Text(name)) = (&self.objects[module], &self.objects[name]) else {
                    return Err(MALFORMED.into());
                };
                self.global(&module.clone(), &name.clone())?;
            }
            b'q' | b'r' | 0x94 => {
                let key = match opcode {
                    b'q' => self.number(1)?,
                    b'r' => self.number(4)?,
                    _ => self.memo.len() as u64,
                };
                let top = self.top()?;
                self.memo.insert(key as u32, top);
            }
            b'h' | b'j' => {
                let key = self.number(if opcode == b'h' { 1 } else { 4 })? as u32;
                let place = *self.memo.get(&key).ok_or(MALFORMED)?;
                self.stack.push(place);
            }
            b')' => self.tuple(0)?,
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b't' => {
                let members = self.since_mark()?;
                self.push(Object::Tuple(members));
            }
            b']' => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b'a' | b'e' | b's' | b'u' => self.extend(opcode)?,
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            other => {
                let letter = Some(char::from(other)).filter(char::is_ascii_graphic);
                let which = letter.map_or(format!("0x{other:02x}"), |letter| format!("{letter:?}"));
                return Err(format!(
                    "at byte {at} its description uses the pickle instruction {which}, which tensors do not need; nothing of it was run. \
                     {SAVE_STATE}"
                ));
            }
        }
        Ok(())
    }

    fn integer(&mut self, opcode: u8) -> Result<(), String> {
        let bytes = match opcode {
            b'J' => 4,
            b'K' => 1,
            b'M' => 2,
            _ => usize::from(self.byte()?),
        };
        if bytes > 8 {
            return Err("one of its numbers is larger than 64 bits".into());
        }
        let value = self.number(bytes)? as i64;
        // The highest bit that is there is the sign, except where there is none.
        let shift = if matches!(opcode, b'K' | b'M') || bytes == 0 { 0 } else { 64 - 8 * bytes as u32 };
        self.push(Object::Int(value << shift >> shift));
        Ok(())
    }

    fn global(&mut self, module: &str, function: &str) -> Result<(), String> {
        let known = name(module, function).ok_or_else(|| {
            let asked: String = format!("{module}.{function}").chars().filter(|c| !c.is_control()).take(80).collect();
            format!(
                "it asks for the Python object {asked:?}, and only tensors are read; nothing of it was run. \
                 {SAVE_STATE}"
            )
        })?;
        self.push(Object::Name(known));
        Ok(())
    }

    /// Adds to a list or a dictionary: the top of the stack, or all above the mark.
    fn extend(&mut self, opcode: u8) -> Result<(), String> {
        let values = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                vec![key, value]
            }
            _ => self.since_mark()?,
        };
        let into = self.top()?;
        match (&mut self.objects[into], opcode) {
            (Object::List(members), b'a' | b'e') => members.extend(values),
            (Object::Dict(pairs), b's' | b'u') if values.len() % 2 == 0 => {
                pairs.extend(values.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            _ => return Err(MALFORMED.into()),
        }
        Ok(())
    }

    /// Reads `('storage', torch.FloatStorage, '0', 'cpu', 64)`; old files have a sixth member, which is nothing.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let Object::Tuple(members) = &self.objects[id] else { return Err(MALFORMED.into()) };
        let parts: Vec<&Object> = members.iter().map(|&place| &self.objects[place]).collect();
        let [Object::Text(kind), Object::Name(Name::Storage(dtype)), Object::Text(key), Object::Text(_), rest @ ..] =
            parts.as_slice()
        else {
            return Err(MALFORMED.into());
        };
        let ([Object::Int(count)] | [Object::Int(count), Object::Nothing], "storage") = (rest, kind.as_str()) else {
            return Err(MALFORMED.into());
        };
        let count = usize::try_from(*count).map_err(|_| format!("a storage of {count} numbers"))?;
        self.push(Object::Storage(Storage { key: key.clone(), dtype: *dtype, count }));
        Ok(())
    }

    /// Makes the only calls that mean something, those of the known names.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let made = self.call(&self.objects[function], &self.objects[arguments]).ok_or(MALFORMED)?;
        self.push(made);
        Ok(())
    }

    fn call(&self, function: &Object, arguments: &Object) -> Option<Object> {
        let (Object::Name(function), Object::Tuple(arguments)) = (function, arguments) else { return None };
        match (function, arguments.as_slice()) {
            (Name::OrderedDict, []) => Some(Object::Dict(Vec::new())),
            (Name::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
                self.tensor(storage, offset, shape, strides).map(Object::Tensor)
            }
            (Name::RebuildParameter, &[tensor, ..]) => match &self.objects[tensor] {
                Object::Tensor(tensor) => Some(Object::Tensor(tensor.clone())),
                _ => None,
            },
            _ => None,
        }
    }

    fn tensor(&self, storage: ObjectId, offset: ObjectId, shape: ObjectId, strides: ObjectId) -> Option<Tensor> {
        let size = |place: ObjectId| match self.objects[place] {
            Object::Int(size) => usize::try_from(size).ok(),
            _ => None,
        };
        let sizes = |place: ObjectId| match &self.objects[place] {
            Object::Tuple(members) => members.iter().map(|&member| size(member)).collect::<Option<Vec<usize>>>(),
            _ => None,
        };
        let Object::Storage(storage) = &self.objects[storage] else { return None };
        let (storage, shape, strides) = (storage.clone(), sizes(shape)?, sizes(strides)?);
        (shape.len() == strides.len()).then_some(Tensor { storage, offset: size(offset)?, shape, strides })
    }

    /// Ignores the attributes of a dictionary: a state dict has `_metadata`, which says nothing about its tensors.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        match (&self.objects[self.top()?], &self.objects[state]) {
            (Object::Dict(_), Object::Dict(_)) => Ok(()),
            _ => Err(MALFORMED.into()),
        }
    }
}

const MALFORMED: &str = "the description of its tensors is damaged, or not one that torch.save writes";
