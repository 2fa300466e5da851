//! A pickle is read here as data. PyTorch's files say in Python's pickle what tensors they hold, and what else their
//! writers put beside them. A pickle is a program that calls functions by name: here none is ever called. What the
//! functions that make tensors are given is kept, and of all others only their names.
//!
//! The instructions are those of Python's `pickletools`; what `torch.save` writes with them is in
//! `torch/serialization.py`.

use std::collections::HashMap;

use super::objects::{Name, Object, ObjectId, Other, Storage, Tensor};

/// A longer pickle is refused: a thousand tensors need about a hundred thousand bytes.
pub const MOST_BYTES: usize = 32 << 20;

/// One with more objects, or more that are named for later, is refused.
const MOST_OBJECTS: usize = 4 << 20;

pub struct Pickle {
    pub objects: Vec<Object>,
    /// The object that the pickle describes.
    pub root: ObjectId,
    /// The bytes that it takes.
    pub length: usize,
}

impl Pickle {
    /// Reads the pickle at the beginning of `bytes`; refuses one that is damaged or too large.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        Self::read_up_to(bytes, MOST_BYTES)
    }

    /// Does what [`Self::read`] does for a pickle of at most `most` bytes: those of data sets hold their pictures.
    pub fn read_up_to(bytes: &[u8], most: usize) -> Result<Self, String> {
        let bytes = &bytes[..bytes.len().min(most)];
        let mut machine = Machine { bytes, ..Machine::default() };
        loop {
            let at = machine.at;
            let opcode = machine.byte()?;
            if opcode == b'.' {
                let root = machine.pop()?;
                return Ok(Self { objects: machine.objects, root, length: machine.at });
            }
            machine.step(opcode, at)?;
            if machine.objects.len().max(machine.memo.len()) > MOST_OBJECTS {
                return Err(format!("the description of its tensors holds more than {MOST_OBJECTS} objects"));
            }
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

    /// Returns the name of the class of an object that is none of Python's own or PyTorch's tensors.
    pub fn class(&self, id: ObjectId) -> Option<&str> {
        let Object::Other(other) = &self.objects[id] else { return None };
        if let Object::Name(Name::Other(class)) = &self.objects[other.class] { Some(class) } else { None }
    }

    /// Returns whether an object is a whole module, which has submodules among its attributes.
    pub fn is_module(&self, id: ObjectId) -> bool {
        let Object::Other(other) = &self.objects[id] else { return false };
        other.state.is_some_and(|state| self.get(state, "_modules").is_some())
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

impl<'a> Machine<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(count).ok().and_then(|count| rest.get(..count));
        let taken = taken.ok_or_else(|| match self.bytes.len() {
            MOST_BYTES => format!("the description of its tensors takes more than {} MB", MOST_BYTES >> 20),
            len => format!("the description of its tensors ends too early, after {len} bytes"),
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self, bytes: u64) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Takes as many bytes as the number before them says.
    fn counted(&mut self, bytes_of_count: u64) -> Result<&'a [u8], String> {
        let count = self.number(bytes_of_count)?;
        self.take(count)
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let length = self.bytes[self.at..].iter().position(|&byte| byte == b'\n');
        let line = self.take(length.map_or(u64::MAX, |length| length as u64))?;
        self.at += 1;
        Ok(line)
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn push_text(&mut self, bytes: &[u8]) {
        self.push(Object::Text(String::from_utf8_lossy(bytes).into_owned()));
    }

    /// Keeps a string of Python 2, which may be a text or any bytes.
    fn push_string(&mut self, bytes: &[u8]) {
        self.push(match std::str::from_utf8(bytes) {
            Ok(text) => Object::Text(text.to_owned()),
            Err(_) => Object::Bytes(bytes.into()),
        });
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
            0x80 => drop(self.take(1)?), // PROTO
            0x95 => drop(self.take(8)?), // FRAME
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.discard()?,
            b'1' => drop(self.since_mark()?),
            b'2' => self.stack.push(self.top()?),
            b'q' | b'r' | b'p' | 0x94 | b'h' | b'j' | b'g' => self.remember(opcode)?,
            b')' => self.tuple(0)?,
            0x85..=0x87 => self.tuple(usize::from(opcode - 0x84))?,
            b']' => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
            b't' | b'l' | b'd' | b'o' | b'i' | 0x91 => self.collect(opcode)?,
            b'a' | b'e' | b's' | b'u' | 0x90 => self.extend(opcode)?,
            b'c' | 0x93 => self.global(opcode)?,
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)?;
            }
            b'R' | 0x81 | 0x92 => self.reduce(opcode)?,
            b'b' => self.build()?,
            _ => return self.value(opcode, at),
        }
        Ok(())
    }

    /// Reads a value that is a single one.
    fn value(&mut self, opcode: u8, at: usize) -> Result<(), String> {
        match opcode {
            0x88 | 0x89 => self.push(Object::Bool(opcode == 0x88)),
            b'N' | 0x8F | 0x97 => self.push(Object::Data), // NONE, EMPTY_SET, NEXT_BUFFER
            0x98 => {}                                     // READONLY_BUFFER
            b'J' | b'K' | b'M' | 0x8A | 0x8B => self.integer(opcode)?,
            b'G' => self.data(|machine| machine.take(8))?,
            b'F' => self.data(Self::line)?,
            b'I' | b'L' => {
                let text = String::from_utf8_lossy(self.line()?).trim_end_matches('L').parse();
                self.push(text.map_or(Object::Data, Object::Int));
            }
            b'B' | b'C' | 0x8E | 0x96 | b'X' | b'T' | b'U' | 0x8C | 0x8D => {
                let bytes = self.counted(match opcode {
                    b'B' | b'X' | b'T' => 4,
                    0x8E | 0x96 | 0x8D => 8,
                    _ => 1,
                })?;
                match opcode {
                    b'B' | b'C' | 0x8E | 0x96 => self.push(Object::Bytes(bytes.into())),
                    b'T' | b'U' => self.push_string(bytes),
                    _ => self.push_text(bytes),
                }
            }
            b'V' | b'S' | b'P' => {
                let line = self.line()?;
                let quote = |byte: &u8| opcode == b'S' && matches!(byte, b'\'' | b'"');
                let begin = line.iter().take_while(|byte| quote(byte)).count().min(1);
                let end = line.len() - line[begin..].iter().rev().take_while(|byte| quote(byte)).count().min(1);
                self.push_text(&line[begin..end]);
            }
            other => {
                let letter = Some(char::from(other)).filter(char::is_ascii_graphic);
                let which = letter.map_or(format!("0x{other:02x}"), |letter| format!("{letter:?}"));
                return Err(format!(
                    "at byte {at} its description uses the pickle instruction {which}, which is not known here; \
                     nothing of it was run. {SAVE_STATE}"
                ));
            }
        }
        Ok(())
    }

    fn data(&mut self, skip: impl FnOnce(&mut Self) -> Result<&'a [u8], String>) -> Result<(), String> {
        skip(self)?;
        self.push(Object::Data);
        Ok(())
    }

    /// Takes the top of the stack away, which may be a mark.
    fn discard(&mut self) -> Result<(), String> {
        if self.marks.pop_if(|mark| *mark == self.stack.len()).is_none() {
            self.pop()?;
        }
        Ok(())
    }

    fn integer(&mut self, opcode: u8) -> Result<(), String> {
        let bytes = match opcode {
            b'J' => self.take(4)?,
            b'K' => self.take(1)?,
            b'M' => self.take(2)?,
            0x8A => self.counted(1)?,
            _ => self.counted(4)?,
        };
        if bytes.len() > 8 {
            self.push(Object::Long(bytes.into()));
            return Ok(());
        }
        // The highest bit that is there is the sign, except where there is none.
        let is_negative = !matches!(opcode, b'K' | b'M') && bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut value = [if is_negative { 0xFF } else { 0 }; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        self.push(Object::Int(i64::from_le_bytes(value)));
        Ok(())
    }

    /// Names the top of the stack for later, or brings back what was named.
    fn remember(&mut self, opcode: u8) -> Result<(), String> {
        let key = match opcode {
            b'q' | b'h' => self.number(1)?,
            b'r' | b'j' => self.number(4)?,
            b'p' | b'g' => std::str::from_utf8(self.line()?).ok().and_then(|key| key.parse().ok()).ok_or(MALFORMED)?,
            _ => self.memo.len() as u64,
        };
        let key = u32::try_from(key).map_err(|_| MALFORMED)?;
        if matches!(opcode, b'h' | b'j' | b'g') {
            self.stack.push(*self.memo.get(&key).ok_or(MALFORMED)?);
        } else {
            let top = self.top()?;
            self.memo.insert(key, top);
        }
        Ok(())
    }

    /// Gathers what lies above the mark.
    fn collect(&mut self, opcode: u8) -> Result<(), String> {
        if opcode == b'i' {
            self.global(b'c')?;
            let class = self.pop()?;
            self.since_mark()?;
            self.push_other(class, None);
            return Ok(());
        }
        let members = self.since_mark()?;
        match opcode {
            b't' => self.push(Object::Tuple(members)),
            b'l' => self.push(Object::List(members)),
            b'd' => self.push(Object::Dict(pairs(&members)?)),
            b'o' => self.push_other(*members.first().ok_or(MALFORMED)?, None),
            _ => self.push(Object::Data), // FROZENSET
        }
        Ok(())
    }

    fn push_other(&mut self, class: ObjectId, arguments: Option<ObjectId>) {
        self.push(Object::Other(Box::new(Other { class, arguments, entries: Vec::new(), state: None })));
    }

    fn global(&mut self, opcode: u8) -> Result<(), String> {
        let name = if opcode == b'c' {
            let (module, name) = (self.line()?, self.line()?);
            Name::new(&String::from_utf8_lossy(module), &String::from_utf8_lossy(name))
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let (Object::Text(module), Object::Text(name)) = (&self.objects[module], &self.objects[name]) else {
                return Err(MALFORMED.into());
            };
            Name::new(module, name)
        };
        self.push(Object::Name(name));
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
            (Object::Dict(entries), b's' | b'u') => entries.extend(pairs(&values)?),
            (Object::Other(other), b's' | b'u') => other.entries.extend(pairs(&values)?),
            // Sets, and lists of classes that are not known here.
            (Object::Data | Object::Other(_), b'a' | b'e' | 0x90) => {}
            _ => return Err(MALFORMED.into()),
        }
        Ok(())
    }

    /// Reads `('storage', torch.FloatStorage, '0', 'cpu', 64)`; old files have a sixth member, which is nothing, and
    /// `('module', Net, 'net.py', '…')` for a class with its source.
    fn persistent(&mut self, id: ObjectId) -> Result<(), String> {
        let Object::Tuple(members) = &self.objects[id] else { return Err(MALFORMED.into()) };
        let parts: Vec<&Object> = members.iter().map(|&place| &self.objects[place]).collect();
        match parts.as_slice() {
            [Object::Text(kind), class, Object::Text(key), Object::Text(_), Object::Int(count), ..]
                if kind == "storage" =>
            {
                let count = usize::try_from(*count).map_err(|_| format!("a storage of {count} numbers"))?;
                if let Object::Name(Name::Storage(dtype)) = class {
                    self.push(Object::Storage(Box::new(Storage { key: key.clone(), dtype: *dtype, count })));
                } else {
                    self.push(Object::Data);
                }
            }
            [Object::Text(kind), ..] if kind == "module" && members.len() >= 2 => self.stack.push(members[1]),
            _ => return Err(MALFORMED.into()),
        }
        Ok(())
    }

    /// Notes what would be made by a call; only what makes tensors and dictionaries means something.
    fn reduce(&mut self, opcode: u8) -> Result<(), String> {
        if opcode == 0x92 {
            self.pop()?; // The arguments with names.
        }
        let (arguments, function) = (self.pop()?, self.pop()?);
        match self.call(function, arguments, 0) {
            Some(made) => self.push(made),
            None => self.push_other(function, Some(arguments)),
        }
        Ok(())
    }

    /// Returns what a call gives that means something.
    fn call(&self, function: ObjectId, arguments: ObjectId, depth: usize) -> Option<Object> {
        let (Object::Name(function), Object::Tuple(arguments)) = (&self.objects[function], &self.objects[arguments])
        else {
            return None;
        };
        match (function, arguments.as_slice()) {
            (Name::Dict, arguments) => Some(Object::Dict(self.items(arguments))),
            (Name::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
                self.tensor(storage, offset, shape, strides).map(|tensor| Object::Tensor(Box::new(tensor)))
            }
            (Name::RebuildTensorAs, &[storage, offset, shape, strides, _, _, dtype, ..]) => {
                let tensor = self.tensor(storage, offset, shape, strides)?;
                let Object::Name(Name::NumberFormat(dtype)) = self.objects[dtype] else { return None };
                Some(Object::Tensor(Box::new(Tensor { dtype, ..tensor })))
            }
            (Name::RebuildParameter, &[tensor, ..]) => match &self.objects[tensor] {
                Object::Tensor(tensor) => Some(Object::Tensor(tensor.clone())),
                _ => None,
            },
            (Name::RebuildSubclass, &[function, _, arguments, ..]) if depth < 4 => {
                self.call(function, arguments, depth + 1)
            }
            _ => None,
        }
    }

    /// Returns the entries that a dictionary is made with: Python 2 wrote a list of pairs.
    fn items(&self, arguments: &[ObjectId]) -> Vec<(ObjectId, ObjectId)> {
        let Some(Object::List(items)) = arguments.first().map(|&first| &self.objects[first]) else {
            return Vec::new();
        };
        let pair = |&item: &ObjectId| match &self.objects[item] {
            Object::List(pair) | Object::Tuple(pair) => <[ObjectId; 2]>::try_from(pair.as_slice()).ok(),
            _ => None,
        };
        items.iter().filter_map(pair).map(|[key, value]| (key, value)).collect()
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
        let (storage, shape, strides) = (storage.as_ref().clone(), sizes(shape)?, sizes(strides)?);
        let dtype = storage.dtype;
        (shape.len() == strides.len()).then_some(Tensor { storage, dtype, offset: size(offset)?, shape, strides })
    }

    /// Keeps the attributes of an object of an unknown class. Those of a dictionary, such as a state dict's
    /// `_metadata`, say nothing about its tensors.
    fn build(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let top = self.top()?;
        if let Object::Other(other) = &mut self.objects[top] {
            other.state = Some(state);
        }
        Ok(())
    }
}

fn pairs(members: &[ObjectId]) -> Result<Vec<(ObjectId, ObjectId)>, String> {
    let (pairs, []) = members.as_chunks::<2>() else { return Err(MALFORMED.into()) };
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

pub const SAVE_STATE: &str = "Save the weights alone: torch.save(net.state_dict(), \"weights.pth\")";

const MALFORMED: &str = "the description of its tensors is damaged, or not one that torch.save writes";
