//! The numbers that training changes lie in one array, in the order in which the kernels read them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::operations::is_running_statistic;
use crate::kernels::{Conv, LinearGradient};
use crate::{Error, Result};

/// These are parameters and running statistics by name, in PyTorch's shapes and order; sorted, so that saving and
/// hashing repeat.
pub type Params = BTreeMap<String, Tensor>;

/// A source gives the tensors of a net by name.
pub trait TensorSource: Sync {
    /// Returns the values of a tensor in PyTorch's order; refuses one that is missing or has another shape.
    fn values(&self, name: &str, shape: &[usize]) -> Result<Cow<'_, [f32]>>;
}

impl TensorSource for Params {
    fn values(&self, name: &str, shape: &[usize]) -> Result<Cow<'_, [f32]>> {
        match self.get(name) {
            Some(tensor) if tensor.dims() == shape => Ok(tensor.flatten_all()?.to_vec1()?.into()),
            found => {
                let found = found.map(Tensor::dims);
                Err(Error::Argument(format!("the net needs the tensor {name:?} of {shape:?}, found {found:?}")))
            }
        }
    }
}

/// A slot is where a tensor lies among the parameters, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub name: String,
    /// The tensor has this shape in PyTorch's order: (out, in / groups, kh, kw), (out, in) or (channels).
    pub shape: Vec<usize>,
    pub range: Range<usize>,
    /// The convolution whose weights these are, which packs them; otherwise they lie as in the tensor.
    pub packed: Option<Conv>,
    /// False for the running statistics of batch normalisation, which are gathered.
    pub trained: bool,
}

impl Slot {
    /// Calls `f(place in the tensor, place in the slot)` for every value.
    fn each(&self, mut f: impl FnMut(usize, usize)) {
        match &self.packed {
            None => (0..self.range.len()).for_each(|i| f(i, i)),
            Some(conv) => conv.each_weight(f),
        }
    }
}

/// A layout lists the slots of a net, in the order in which a training pass meets them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    pub slots: Vec<Slot>,
    pub len: usize,
}

impl Layout {
    /// Adds a tensor where there is none of its name yet, and returns the number of its slot.
    pub fn add(&mut self, name: String, shape: Vec<usize>, packed: Option<Conv>) -> usize {
        if let Some(number) = self.slot(&name) {
            return number;
        }
        let len = packed.as_ref().map_or_else(|| shape.iter().product(), Conv::weights_len);
        let trained = !is_running_statistic(&name);
        self.slots.push(Slot { name, shape, range: self.len..self.len + len, packed, trained });
        self.len += len;
        self.slots.len() - 1
    }

    pub fn slot(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|slot| slot.name == name)
    }
}

/// These are values for all slots of a layout: weights, or something of the same shape (velocities, gradients).
#[derive(Clone, Debug)]
pub struct Parameters {
    pub layout: Arc<Layout>,
    pub values: Vec<f32>,
}

impl Parameters {
    pub fn zeros(layout: &Arc<Layout>) -> Self {
        Self { layout: layout.clone(), values: vec![0.0; layout.len] }
    }

    /// Takes the values of tensors; refuses one that is missing or has another shape than its layer asks for.
    pub fn from_tensors(layout: &Arc<Layout>, tensors: &dyn TensorSource) -> Result<Self> {
        let mut parameters = Self::zeros(layout);
        let (mut rest, mut slots) = (parameters.values.as_mut_slice(), Vec::with_capacity(layout.slots.len()));
        for slot in &layout.slots {
            let (values, after) = rest.split_at_mut(slot.range.len());
            slots.push((slot, values));
            rest = after;
        }
        slots.into_par_iter().try_for_each(|(slot, to)| {
            let from = tensors.values(&slot.name, &slot.shape)?;
            match &slot.packed {
                None => to.copy_from_slice(&from),
                Some(conv) => conv.pack(&from, to),
            }
            Ok::<_, Error>(())
        })?;
        Ok(parameters)
    }

    /// Returns copies in PyTorch's shapes and order.
    pub fn to_tensors(&self) -> Result<Params> {
        let tensor = |slot: &Slot| {
            let values = self.in_order(slot);
            Ok((slot.name.clone(), Tensor::from_vec(values, slot.shape.as_slice(), &Device::Cpu)?))
        };
        self.layout.slots.iter().map(tensor).collect()
    }

    /// Returns the values of one tensor in PyTorch's order; `None` if there is none of this name.
    pub fn tensor(&self, name: &str) -> Option<Vec<f32>> {
        self.layout.slot(name).map(|number| self.in_order(&self.layout.slots[number]))
    }

    fn in_order(&self, slot: &Slot) -> Vec<f32> {
        let from = &self.values[slot.range.clone()];
        let mut to = vec![0.0; slot.shape.iter().product()];
        slot.each(|tensor, place| to[tensor] = from[place]);
        to
    }

    pub fn slot(&self, number: usize) -> &[f32] {
        &self.values[self.layout.slots[number].range.clone()]
    }

    pub fn slot_mut(&mut self, number: usize) -> &mut [f32] {
        &mut self.values[self.layout.slots[number].range.clone()]
    }

    /// Returns two slots to write to, the second one after the first; nothing for a second one that is not there.
    pub fn pair_mut(&mut self, first: usize, second: Option<usize>) -> (&mut [f32], &mut [f32]) {
        let (a, b) = (&self.layout.slots[first].range, second.map(|second| &self.layout.slots[second].range));
        let (head, tail) = self.values.split_at_mut(a.end);
        (&mut head[a.start..], b.map_or(&mut [], |b| &mut tail[b.start - a.end..b.end - a.end]))
    }
}

/// The gradients of the weights of fully connected layers are kept as products that are still to be taken.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub values: Parameters,
    /// There is one for each slot; it is empty where `values` has the gradient.
    pub products: Vec<LinearGradient>,
}

impl Gradients {
    pub fn zeros(layout: &Arc<Layout>) -> Self {
        Self { products: vec![LinearGradient::default(); layout.slots.len()], values: Parameters::zeros(layout) }
    }
}
