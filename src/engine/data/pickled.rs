//! Arrays, numbers and texts are taken from a pickle, which is read as data: nothing of it is ever run.

use std::borrow::Cow;

use super::array::{Number, NumberArray};
use crate::model::pytorch::objects::{Object, ObjectId, Other};
use crate::model::pytorch::pickle::Pickle;

/// This is a dictionary of a pickle, as Python 2 or 3 wrote it.
pub(super) struct PickledDict(Pickle);

impl PickledDict {
    /// Reads a pickle of a dictionary of up to `most` bytes; one sentence says what is wrong with it.
    pub(super) fn read(bytes: &[u8], most: usize) -> Result<Self, String> {
        let damaged = |why| format!("this pickle is damaged or cut short; get it again ({why})");
        let pickle = Pickle::read_up_to(bytes, most).map_err(damaged)?;
        match pickle.objects[pickle.root] {
            Object::Dict(_) => Ok(Self(pickle)),
            _ => Err("this pickle holds no dictionary of pictures and labels".into()),
        }
    }

    fn object(&self, id: ObjectId) -> &Object {
        &self.0.objects[id]
    }

    fn get(&self, key: &str) -> Option<ObjectId> {
        let Object::Dict(pairs) = self.object(self.0.root) else { return None };
        let is_key = |id: ObjectId| self.bytes(id).is_some_and(|bytes| *bytes == *key.as_bytes());
        pairs.iter().find(|(name, _)| is_key(*name)).map(|(_, value)| *value)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Returns the bytes of a string or a bytes object. Python 3 writes bytes for older readers as a call of
    /// `_codecs.encode` with a text of Latin-1.
    fn bytes(&self, id: ObjectId) -> Option<Cow<'_, [u8]>> {
        match self.object(id) {
            Object::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Object::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Object::Other(other) if self.class(other) == Some("_codecs.encode") => {
                let [text, _encoding] = self.tuple(other.arguments?)? else { return None };
                let Object::Text(text) = self.object(*text) else { return None };
                text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
            }
            _ => None,
        }
    }

    fn class(&self, other: &Other) -> Option<&str> {
        match self.object(other.class) {
            Object::Name(name) => name.other_name(),
            _ => None,
        }
    }

    fn tuple(&self, id: ObjectId) -> Option<&[ObjectId]> {
        if let Object::Tuple(members) = self.object(id) { Some(members) } else { None }
    }

    fn text(&self, id: ObjectId) -> Option<String> {
        self.bytes(id).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the texts of a list under a key.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let Object::List(members) = self.object(self.get(key)?) else { return None };
        members.iter().map(|&member| self.text(member)).collect()
    }

    /// Returns the labels under a key, which are a list of numbers or an array.
    pub(super) fn labels(&self, key: &str) -> Result<Vec<usize>, String> {
        let id = self.get(key).ok_or_else(|| format!("it has no {key:?}"))?;
        if let Object::List(members) = self.object(id) {
            let label = |&member: &ObjectId| match self.object(member) {
                Object::Int(label) => usize::try_from(*label).map_err(|_| format!("a label is {label}")),
                _ => Err("a label is no whole number".into()),
            };
            return members.iter().map(label).collect();
        }
        self.array(key)?.labels()
    }

    /// Returns NumPy's array under a key.
    pub(super) fn array(&self, key: &str) -> Result<NumberArray<'_>, String> {
        let id = self.get(key).ok_or_else(|| format!("it has no {key:?}"))?;
        self.numpy(id).ok_or_else(|| format!("its {key:?} is no array of NumPy's"))?.checked()
    }

    /// Reads an array as NumPy pickles it: rebuilt empty and filled by its state, or, in protocol 5, of a buffer.
    fn numpy(&self, id: ObjectId) -> Option<NumberArray<'_>> {
        let Object::Other(other) = self.object(id) else { return None };
        let class = self.class(other)?;
        let (shape, dtype, is_fortran, bytes) = if class.ends_with("._reconstruct") {
            let [_version, shape, dtype, order, bytes] = self.tuple(other.state?)? else { return None };
            (*shape, *dtype, matches!(self.object(*order), Object::Bool(true)), *bytes)
        } else if class.ends_with("._frombuffer") {
            let [bytes, dtype, shape, order] = self.tuple(other.arguments?)? else { return None };
            (*shape, *dtype, self.text(*order)? == "F", *bytes)
        } else {
            return None;
        };
        let axis = |&axis: &ObjectId| match self.object(axis) {
            Object::Int(axis) => usize::try_from(*axis).ok(),
            _ => None,
        };
        let (number, is_big_endian) = self.dtype(dtype)?;
        let shape = self.tuple(shape)?.iter().map(axis).collect::<Option<Vec<usize>>>()?;
        Some(NumberArray { number, is_big_endian, is_fortran, shape, bytes: self.bytes(bytes)? })
    }

    /// Reads `numpy.dtype('u1', …)` with the state `(3, '|', …)`, whose second member is the order of bytes.
    fn dtype(&self, id: ObjectId) -> Option<(Number, bool)> {
        let Object::Other(other) = self.object(id) else { return None };
        let [name, ..] = self.tuple(other.arguments?)? else { return None };
        let number = Number::of_numpy(&self.text(*name)?)?;
        let order = other.state.and_then(|state| self.text(*self.tuple(state)?.get(1)?));
        Some((number, order.as_deref() == Some(">")))
    }
}
