//! What passes derive from the parameters before they run.

use super::parameters::Parameters;
use super::plan::{Backward, ConvStep, Norm, Op, Plan};
use crate::kernels::ConvWeights;

/// What forward passes derive from the parameters: something for each step that is a convolution.
#[derive(Debug, Default)]
pub struct Folded(Vec<FoldedConv>);

#[derive(Debug, Default)]
struct FoldedConv {
    /// The weights with the frozen batch normalisation folded in; empty where there is none.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// The weights in Winograd's domain; empty where the convolution runs tap by tap.
    filters: Vec<f32>,
}

/// The weights turned round for input gradients, for each step that is a convolution.
#[derive(Debug, Default)]
pub struct Transposed(Vec<Vec<f32>>);

impl Folded {
    /// Returns the weights of a step in Winograd's domain.
    pub(super) fn filters(&self, step: usize) -> &[f32] {
        &self.0[step].filters
    }
}

impl Transposed {
    /// Returns the weights of a step; none where nothing asked for its gradient.
    pub(super) fn of(&self, step: usize) -> &[f32] {
        &self.0[step]
    }
}

/// The numbers that a pass runs on; backward passes need the transposed ones.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    pub parameters: &'a Parameters,
    pub folded: &'a Folded,
    pub transposed: Option<&'a Transposed>,
}

impl Plan {
    /// Folds frozen batch normalisations into their convolutions, and brings weights into Winograd's domain.
    pub fn fold(&self, parameters: &Parameters, folded: &mut Folded) {
        folded.0.resize_with(self.steps.len(), Default::default);
        for (number, step) in self.steps.iter().enumerate() {
            let Op::Conv(conv_step) = &step.op else { continue };
            fold_norm(parameters, conv_step, &mut folded.0[number]);
            if let Some(winograd) = self.winograd_of(step) {
                let mut filters = std::mem::take(&mut folded.0[number].filters);
                let weights = Weights { parameters, folded, transposed: None };
                winograd.transform(self.isa, weights.of_conv(number, conv_step).packed, &mut filters);
                folded.0[number].filters = filters;
            }
        }
    }

    /// Turns the weights round for [`Self::backward`]; those of the first layer only when the pixels' gradient is
    /// wanted.
    pub fn transpose(&self, weights: Weights<'_>, Transposed(all): &mut Transposed, pixels: bool) {
        all.resize_with(self.steps.len(), Vec::new);
        for (number, step) in self.steps.iter().enumerate() {
            let Op::Conv(conv_step) = &step.op else { continue };
            if !self.wants(step.x, true, pixels) {
                continue;
            }
            let (conv, to) = (&conv_step.conv, &mut all[number]);
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
            let folded = &self.folded.0[step];
            return ConvWeights { packed: &folded.weights, bias: Some(&folded.bias) };
        }
        let slot = |slot: Option<usize>| slot.map(|slot| self.parameters.slot(slot));
        ConvWeights { packed: slot(conv.weight).unwrap_or_default(), bias: slot(conv.bias) }
    }
}

/// Computes `γ·(w·x + b − mean)/√(var + ε) + β = (s·w)·x + (b − mean)·s + β` with `s = γ/√(var + ε)`.
fn fold_norm(parameters: &Parameters, step: &ConvStep, to: &mut FoldedConv) {
    let ConvStep { conv, weight, bias, norm: Some(norm) } = step else { return };
    let Norm { eps, gamma, beta, mean, var } = norm;
    let scale: Vec<f32> = parameters
        .slot(*gamma)
        .iter()
        .zip(parameters.slot(*var))
        .map(|(gamma, var)| (f64::from(*gamma) / (f64::from(*var) + f64::from(*eps)).sqrt()) as f32)
        .collect();
    let bias = |o: usize| bias.map_or(0.0, |bias| parameters.slot(bias)[o]);
    let (mean, beta) = (parameters.slot(*mean), parameters.slot(*beta));
    let weight = weight.map(|weight| parameters.slot(weight));
    to.weights.clear();
    to.weights.resize(conv.weights_len(), 0.0);
    let per_output = conv.inputs / conv.groups * conv.kernel[0] * conv.kernel[1];
    conv.each_weight(|from, place| {
        to.weights[place] = weight.map_or(1.0, |weight| weight[place]) * scale[from / per_output]
    });
    to.bias = (0..conv.outputs).map(|o| (bias(o) - mean[o]) * scale[o] + beta[o]).collect();
}
