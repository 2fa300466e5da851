//! These are the gradients of the parameters.

use std::sync::Arc;

use super::parameters::{Layout, Parameters};
use crate::kernels::LinearGradient;

/// The gradients of the weights of fully connected layers are kept as products that are still to be taken.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub values: Parameters,
    /// There is one for each slot; it is empty where `values` has the gradient.
    pub products: Vec<LinearGradient>,
}

impl Gradients {
    pub fn zeros(layout: &Arc<Layout>) -> Self {
        let products = layout.slots.iter().map(|_| LinearGradient::default()).collect();
        Self { values: Parameters::zeros(layout), products }
    }
}

impl From<Parameters> for Gradients {
    fn from(values: Parameters) -> Self {
        Self { products: vec![LinearGradient::default(); values.layout.slots.len()], values }
    }
}

#[cfg(test)]
impl Gradients {
    /// Returns all of them as values.
    pub fn summed(mut self) -> Parameters {
        let isa = crate::kernels::Isa::detect();
        for (slot, product) in self.values.layout.clone().slots.iter().zip(&self.products) {
            if let (super::SlotOrder::Packed(conv), false) = (&slot.order, product.is_empty()) {
                let to = &mut self.values.values[slot.range.clone()];
                product.each_part(conv, isa, [to], |[to], gradient| to.copy_from_slice(gradient));
            }
        }
        self.values
    }
}
