//! Normalisations of each picture by itself: layer and group normalisation.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, one_input, positive};
use crate::Result;
use crate::kernels::{Affine, Isa, Normalise, Strided, StridedMut, combine};

/// This normalises the values along the last axes together (Ba et al., Layer Normalization, 2016).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm {
    pub name: String,
    /// The lengths of these axes, which are the shape of `weight` and `bias`.
    pub shape: Vec<usize>,
    #[serde(default = "default_eps")]
    pub eps: f32,
}

/// This normalises groups of channels (Wu and He, Group Normalization, 2018); with a group for each channel it is
/// instance normalisation.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNorm {
    pub name: String,
    pub groups: usize,
    pub channels: usize,
    #[serde(default = "default_eps")]
    pub eps: f32,
}

fn default_eps() -> f32 {
    1e-5
}

/// Normalises x over some axes; γ and β are its second and third input, in a shape that broadcasts to x's.
#[derive(Clone, Debug)]
struct NormaliseKernel(Normalise);

impl Kernel for NormaliseKernel {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        let [gamma, beta] = [inputs[1], inputs[2]];
        self.0.forward(isa, inputs[0], Some(Affine { gamma, beta }), y);
    }

    fn backward(&self, isa: Isa, input: usize, from: KernelGradient<'_>, to: StridedMut<'_>, add: bool) {
        match input {
            0 => self.0.backward(isa, [from.inputs[0], from.dy], Some(from.inputs[1]), to, add),
            // Both are sums over pictures, which are added to what is there.
            1 => self.0.gamma_gradient(isa, from.inputs[0], from.dy, to),
            _ => combine(isa, to, [from.dy], true, |to, [dy]| to.copy_from_slice(dy)),
        }
    }

    fn broadcasts(&self) -> bool {
        true
    }
}

fn weight_and_bias(name: &str, shape: &[usize]) -> Vec<(String, Vec<usize>)> {
    ["weight", "bias"].map(|part| (format!("{name}.{part}"), shape.to_vec())).into()
}

fn check_eps(eps: f32) -> Result<(), String> {
    if eps.is_finite() && eps >= 0.0 { Ok(()) } else { Err(format!("eps is {eps}; expected a small positive number")) }
}

impl Operator for LayerNorm {
    fn check(&self) -> Result<(), String> {
        positive("shape", &self.shape)?;
        check_eps(self.eps)
    }

    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        weight_and_bias(&self.name, &self.shape)
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        if shape.ends_with(&self.shape) {
            Ok(shape)
        } else {
            Err(format!("gets {shape}, expected it to end in {:?}", self.shape))
        }
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let shape = builder.shape(inputs[0]);
        let axes = (shape.len() - self.shape.len()..shape.len()).map(|axis| axis + 1).collect();
        let kernel = NormaliseKernel(Normalise { axes, eps: self.eps });
        let mut all = vec![inputs[0]];
        for (name, shape) in self.tensors() {
            all.push(builder.parameter(&name, &shape)?);
        }
        builder.kernel_to(Box::new(kernel), &all, shape, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let (x, rank) = (&inputs[0], inputs[0].rank());
        let axes: Vec<usize> = (rank - self.shape.len()..rank).collect();
        let y = normalised(x, &axes, self.eps)?;
        let [weight, bias] = ["weight", "bias"].map(|part| pass.parameters.pp(&self.name).get(&self.shape[..], part));
        y.broadcast_mul(&weight?)?.broadcast_add(&bias?)
    }
}

impl Operator for GroupNorm {
    fn check(&self) -> Result<(), String> {
        positive("groups", &[self.groups])?;
        positive("channels", &[self.channels])?;
        if !self.channels.is_multiple_of(self.groups) {
            return Err(format!("{} groups do not divide {} channels", self.groups, self.channels));
        }
        check_eps(self.eps)
    }

    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        weight_and_bias(&self.name, &[self.channels])
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        match shape.first() {
            Some(&channels) if channels == self.channels => Ok(shape),
            _ => Err(format!("gets {shape}, expected {} channels", self.channels)),
        }
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let shape = builder.shape(inputs[0]);
        let per_group = self.channels / self.groups;
        let split = [&[self.groups, per_group], &shape[1..]].concat();
        let grouped = builder.reshaped(inputs[0], &split)?;
        let axes = (2..=split.len()).collect();
        let kernel = NormaliseKernel(Normalise { axes, eps: self.eps });
        let channel = [&[self.groups, per_group][..], &vec![1; shape.len() - 1]].concat();
        let mut all = vec![grouped];
        for (name, shape) in self.tensors() {
            let tensor = builder.parameter(&name, &shape)?;
            all.push(builder.reshaped(tensor, &channel)?);
        }
        let split = Shape::new(&split).map_err(crate::Error::Argument)?;
        let y = builder.kernel_to(Box::new(kernel), &all, split, StepTarget::default())?;
        let y = builder.reshaped(y, &shape)?;
        builder.bring(y, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let x = &inputs[0];
        let grouped = x.reshape((x.dim(0)?, self.groups, ()))?;
        let y = normalised(&grouped, &[2], self.eps)?.reshape(x.shape())?;
        let shape: Vec<usize> = [1, self.channels].into_iter().chain(vec![1; x.rank() - 2]).collect();
        let [weight, bias] =
            ["weight", "bias"].map(|part| pass.parameters.pp(&self.name).get(self.channels, part)?.reshape(&shape[..]));
        y.broadcast_mul(&weight?)?.broadcast_add(&bias?)
    }
}

/// Computes `(x − mean)/√(var + eps)` over some axes, from candle's primitives: its own layer normalisation has no
/// gradient.
fn normalised(x: &Tensor, axes: &[usize], eps: f32) -> TensorResult<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(axes.to_vec())?)?;
    let var = centred.sqr()?.mean_keepdim(axes.to_vec())?;
    centred.broadcast_div(&var.affine(1.0, f64::from(eps))?.sqrt()?)
}
