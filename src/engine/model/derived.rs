//! Passes derive numbers from the parameters before they run.

use rayon::prelude::*;

use super::parameters::Parameters;
use super::plan::{Backward, ConvStep, NormSlots, Op, Plan};
use crate::kernels::ConvWeights;

/// A folded convolution is what forward passes derive from the parameters of a step that is a convolution.
#[derive(Debug, Default)]
pub struct FoldedConv {
    /// The frozen batch normalisation is folded into these weights, which are empty where there is none.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// These are the weights in Winograd's domain; empty where the convolution runs tap by tap.
    pub filters: Vec<f32>,
}

/// A pass runs on these numbers. What is derived has an item for each step.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    pub parameters: &'a Parameters,
    pub folded: &'a [FoldedConv],
    /// The weights turned round, which only backward passes need.
    pub transposed: &'a [Vec<f32>],
}

impl Plan {
    /// Folds frozen batch normalisations into their convolutions, and brings weights into Winograd's domain.
    pub fn fold(&self, parameters: &Parameters, folded: &mut Vec<FoldedConv>) {
        folded.resize_with(self.steps.len(), Default::default);
        folded.par_iter_mut().zip(&self.steps).for_each(|(folded, step)| {
            let Op::Conv(conv_step) = &step.op else { return };
            fold_norm(parameters, conv_step, folded);
            if let Some(winograd) = self.winograd_of(step) {
                let FoldedConv { weights, filters, .. } = folded;
                let plain = || conv_step.weight.map(|slot| parameters.slot(slot)).unwrap_or_default();
                let packed = if conv_step.norm.is_some() { weights.as_slice() } else { plain() };
                winograd.transform(self.isa, packed, filters);
            }
        });
    }

    /// Turns the weights round for [`Self::backward`]; those of the first layer only for gradients of pixels.
    pub fn transpose(&self, weights: Weights<'_>, transposed: &mut Vec<Vec<f32>>, pixels: bool) {
        transposed.resize_with(self.steps.len(), Vec::new);
        for (number, step) in self.steps.iter().enumerate() {
            let Op::Conv(conv_step) = &step.op else { continue };
            if !self.wants(step.x, true, pixels) {
                continue;
            }
            let (conv, to) = (&conv_step.conv, &mut transposed[number]);
            let packed = weights.of_conv(number, conv_step).packed;
            match self.backward_of(step) {
                Backward::Linear => {}
                Backward::Winograd(winograd) => winograd.transform_turned(self.isa, packed, to),
                Backward::Dense => conv.transpose(packed, to),
                Backward::Columns => conv.transpose_to_columns(packed, to),
                Backward::Sparse(_) | Backward::Units(_) => conv.unpack_rows(packed, to),
            }
        }
    }
}

impl<'a> Weights<'a> {
    /// Returns the packed weights of a convolution, and its bias.
    pub(super) fn of_conv(self, step: usize, conv: &ConvStep) -> ConvWeights<'a> {
        if conv.norm.is_some() {
            let folded = &self.folded[step];
            return ConvWeights { packed: &folded.weights, bias: Some(&folded.bias) };
        }
        let slot = |slot: Option<usize>| slot.map(|slot| self.parameters.slot(slot));
        ConvWeights { packed: slot(conv.weight).unwrap_or_default(), bias: slot(conv.bias) }
    }
}

/// Computes `γ·(w·x + b − mean)/√(var + ε) + β = (s·w)·x + (b − mean)·s + β` with `s = γ/√(var + ε)`.
fn fold_norm(parameters: &Parameters, step: &ConvStep, to: &mut FoldedConv) {
    let ConvStep { conv, weight, bias, norm: Some(norm) } = step else { return };
    let NormSlots { eps, gamma, beta, mean, var } = norm;
    let [gamma, beta, mean, var] = [gamma, beta, mean, var].map(|slot| parameters.slot(*slot));
    let scale = |(&gamma, &var)| (f64::from(gamma) / (f64::from(var) + f64::from(*eps)).sqrt()) as f32;
    let scale: Vec<f32> = gamma.iter().zip(var).map(scale).collect();
    let bias = |o: usize| bias.map_or(0.0, |bias| parameters.slot(bias)[o]);
    match weight.map(|weight| parameters.slot(weight)) {
        Some(weight) => conv.scale_outputs(weight, &scale, &mut to.weights),
        None => {
            to.weights.clear();
            to.weights.resize(conv.weights_len(), 0.0);
            let per_output = conv.inputs / conv.groups * conv.kernel[0] * conv.kernel[1];
            conv.each_weight(|from, place| to.weights[place] = scale[from / per_output]);
        }
    }
    to.bias = (0..conv.outputs).map(|o| (bias(o) - mean[o]) * scale[o] + beta[o]).collect();
}
