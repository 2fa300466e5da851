//! What passes derive from the parameters before they run.

use super::parameters::Parameters;
use super::plan::{Backward, Norm, Op, Plan, Step};
use crate::kernels::Isa;

/// What forward passes derive from the parameters, for each convolution.
#[derive(Debug, Default)]
pub struct Folded(Vec<FoldedConv>);

#[derive(Debug, Default)]
struct FoldedConv {
    /// With the frozen batch normalisation folded in; empty where there is none.
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// The weights in Winograd's domain; empty where the convolution runs tap by tap.
    filters: Vec<f32>,
}

/// Weights turned round for input gradients, one for each convolution.
#[derive(Debug, Default)]
pub struct Transposed(Vec<Vec<f32>>);

impl Folded {
    /// The weights of a convolution in Winograd's domain.
    pub(super) fn filters(&self, conv: usize) -> &[f32] {
        &self.0[conv].filters
    }
}

impl Transposed {
    /// Those of a convolution.
    pub(super) fn of(&self, conv: usize) -> &[f32] {
        &self.0[conv]
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
    pub fn fold(&self, isa: Isa, parameters: &Parameters, folded: &mut Folded) {
        folded.0.resize_with(self.convs, Default::default);
        for step in &self.steps {
            let Op::Conv { id, .. } = &step.op else { continue };
            self.fold_norm(parameters, step, &mut folded.0[*id]);
            if let Some(winograd) = self.winograd_of(step) {
                let mut filters = std::mem::take(&mut folded.0[*id].filters);
                let weights = Weights { parameters, folded, transposed: None };
                winograd.transform(isa, self.conv_weights(weights, &step.op).0, &mut filters);
                folded.0[*id].filters = filters;
            }
        }
    }

    /// `γ·(w·x + b − mean)/√(var + ε) + β = (s·w)·x + (b − mean)·s + β` with `s = γ/√(var + ε)`.
    fn fold_norm(&self, parameters: &Parameters, step: &Step, to: &mut FoldedConv) {
        let Op::Conv { conv, weight, bias, norm: Some(norm), .. } = &step.op else { return };
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

    /// Turns the weights round for [`Self::backward`]; those of the first layer only when the pixels' gradient is wanted.
    pub fn transpose(
        &self,
        isa: Isa,
        (parameters, folded): (&Parameters, &Folded),
        Transposed(all): &mut Transposed,
        pixels: bool,
    ) {
        all.resize_with(self.convs, Vec::new);
        let weights = Weights { parameters, folded, transposed: None };
        for step in &self.steps {
            if let Op::Conv { conv, id, .. } = &step.op
                && self.wants(step.x, true, pixels)
            {
                let weights = self.conv_weights(weights, &step.op).0;
                match self.backward_of(step) {
                    Backward::Linear => {}
                    Backward::Winograd(winograd) => winograd.transform_turned(isa, weights, &mut all[*id]),
                    Backward::Dense => conv.transpose(weights, &mut all[*id]),
                    Backward::Columns => conv.transpose_to_columns(weights, &mut all[*id]),
                    Backward::Sparse(_) | Backward::Units(_) => conv.unpack_rows(weights, &mut all[*id]),
                }
            }
        }
    }

    /// The packed weights of a convolution, and its bias.
    pub(super) fn conv_weights<'a>(&self, weights: Weights<'a>, op: &Op) -> (&'a [f32], Option<&'a [f32]>) {
        match op {
            Op::Conv { id, norm: Some(_), .. } => {
                let folded = &weights.folded.0[*id];
                (&folded.weights, Some(&folded.bias))
            }
            Op::Conv { weight, bias, .. } => {
                let slot = |slot: &Option<usize>| slot.map(|slot| weights.parameters.slot(slot));
                (slot(weight).unwrap_or_default(), slot(bias))
            }
            _ => (&[], None),
        }
    }
}
