//! Curves: functions that are applied to every value. A clamp from 0 is fused into the operation before it where that
//! can take it.

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, one_input};
use crate::Result;
use crate::kernels::{Curve, Isa, Strided, StridedMut};
use crate::model::tensor_ops;

/// This applies a function to every value. Defaults are PyTorch's.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CurveSpec {
    Relu {},
    Relu6 {},
    /// Without `low` or `high` there is no end.
    Clip {
        #[serde(default = "lowest")]
        low: f32,
        #[serde(default = "highest")]
        high: f32,
    },
    LeakyRelu {
        #[serde(default = "leak")]
        slope: f32,
    },
    Elu {
        #[serde(default = "one")]
        alpha: f32,
    },
    Selu {},
    Sigmoid {},
    Tanh {},
    HardSigmoid {
        #[serde(default = "sixth")]
        slope: f32,
        #[serde(default = "half")]
        offset: f32,
    },
    HardSwish {},
    Silu {},
    Gelu {
        #[serde(default)]
        tanh: bool,
    },
    Softplus {},
    Exp {},
    Log {},
    Sqrt {},
    Erf {},
    Abs {},
    Sin {},
    Cos {},
    /// 1 above 0, 0 elsewhere; its slope is 0.
    Step {},
    /// `x^exponent`
    Power {
        exponent: f32,
    },
    /// `scale·x + offset`
    Scale {
        #[serde(default = "one")]
        scale: f32,
        #[serde(default)]
        offset: f32,
    },
}

fn lowest() -> f32 {
    f32::NEG_INFINITY
}

fn highest() -> f32 {
    f32::INFINITY
}

fn leak() -> f32 {
    0.01
}

fn one() -> f32 {
    1.0
}

fn sixth() -> f32 {
    1.0 / 6.0
}

fn half() -> f32 {
    0.5
}

/// SELU's constants (Klambauer et al., Self-Normalizing Neural Networks, 2017, section 2).
const SELU: Curve = Curve::Elu { alpha: 1.673_263_2, scale: 1.050_701 };

impl CurveSpec {
    /// Returns the function.
    pub fn curve(&self) -> Curve {
        match *self {
            Self::Relu {} => Curve::Clip { low: 0.0, high: f32::INFINITY },
            Self::Relu6 {} => Curve::Clip { low: 0.0, high: 6.0 },
            Self::Clip { low, high } => Curve::Clip { low, high },
            Self::LeakyRelu { slope } => Curve::LeakyRelu { slope },
            Self::Elu { alpha } => Curve::Elu { alpha, scale: 1.0 },
            Self::Selu {} => SELU,
            Self::Sigmoid {} => Curve::Sigmoid,
            Self::Tanh {} => Curve::Tanh,
            Self::HardSigmoid { slope, offset } => Curve::HardSigmoid { slope, offset },
            Self::HardSwish {} => Curve::HardSwish,
            Self::Silu {} => Curve::Silu,
            Self::Gelu { tanh: false } => Curve::Gelu,
            Self::Gelu { tanh: true } => Curve::GeluTanh,
            Self::Softplus {} => Curve::Softplus,
            Self::Exp {} => Curve::Exp,
            Self::Log {} => Curve::Log,
            Self::Sqrt {} => Curve::Sqrt,
            Self::Erf {} => Curve::Erf,
            Self::Abs {} => Curve::Abs,
            Self::Sin {} => Curve::Sin,
            Self::Cos {} => Curve::Cos,
            Self::Step {} => Curve::Step,
            Self::Power { exponent } => Curve::Power { exponent },
            Self::Scale { scale, offset } => Curve::Linear { scale, offset },
        }
    }
}

impl CurveSpec {
    /// The names of these in a manifest.
    pub const KINDS: [&str; 23] = [
        "relu",
        "relu6",
        "clip",
        "leaky_relu",
        "elu",
        "selu",
        "sigmoid",
        "tanh",
        "hard_sigmoid",
        "hard_swish",
        "silu",
        "gelu",
        "softplus",
        "exp",
        "log",
        "sqrt",
        "erf",
        "abs",
        "sin",
        "cos",
        "step",
        "power",
        "scale",
    ];

    /// Returns its name in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Relu {} => "relu",
            Self::Relu6 {} => "relu6",
            Self::Clip { .. } => "clip",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Elu { .. } => "elu",
            Self::Selu {} => "selu",
            Self::Sigmoid {} => "sigmoid",
            Self::Tanh {} => "tanh",
            Self::HardSigmoid { .. } => "hard_sigmoid",
            Self::HardSwish {} => "hard_swish",
            Self::Silu {} => "silu",
            Self::Gelu { .. } => "gelu",
            Self::Softplus {} => "softplus",
            Self::Exp {} => "exp",
            Self::Log {} => "log",
            Self::Sqrt {} => "sqrt",
            Self::Erf {} => "erf",
            Self::Abs {} => "abs",
            Self::Sin {} => "sin",
            Self::Cos {} => "cos",
            Self::Step {} => "step",
            Self::Power { .. } => "power",
            Self::Scale { .. } => "scale",
        }
    }
}

impl Operator for CurveSpec {
    fn check(&self) -> Result<(), String> {
        let numbers = match *self {
            Self::Clip { low, high } if low > high => return Err(format!("low is {low}, above high, {high}")),
            Self::LeakyRelu { slope } => [slope, 0.0],
            Self::Elu { alpha } => [alpha, 0.0],
            Self::HardSigmoid { slope, offset } => [slope, offset],
            Self::Power { exponent } => [exponent, 0.0],
            Self::Scale { scale, offset } => [scale, offset],
            _ => return Ok(()),
        };
        match numbers.iter().find(|number| !number.is_finite()) {
            Some(number) => Err(format!("{number} is no number to compute with")),
            None => Ok(()),
        }
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        one_input(inputs)
    }

    fn clamp(&self) -> Option<f32> {
        match self.curve() {
            Curve::Clip { low: 0.0, high } => Some(high),
            _ => None,
        }
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        builder.kernel(Box::new(self.curve()), self, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        tensor_ops::curve(&inputs[0], self.curve())
    }
}

impl Kernel for Curve {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        Curve::forward(*self, isa, inputs[0], y);
    }

    fn backward(&self, isa: Isa, _: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        Curve::backward(*self, isa, [from.inputs[0], from.y, from.dy], dx, add);
    }
}
