//! Operations on two values, with broadcasting as in NumPy.

use std::ops::RangeInclusive;

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, broadcast};
use crate::Result;
use crate::kernels::{Binary, Isa, Operand, Strided, StridedMut};
use crate::model::tensor_ops;

/// This computes something of two values a and b.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum BinarySpec {
    Add {},
    Subtract {},
    Multiply {},
    Divide {},
    /// `a^b`, of a above 0.
    PowerOf {},
    Maximum {},
    Minimum {},
    /// `a` above 0, `a·b` below.
    Prelu {},
}

impl BinarySpec {
    /// Returns the function.
    pub fn binary(&self) -> Binary {
        match self {
            Self::Add {} => Binary::Add,
            Self::Subtract {} => Binary::Subtract,
            Self::Multiply {} => Binary::Multiply,
            Self::Divide {} => Binary::Divide,
            Self::PowerOf {} => Binary::Power,
            Self::Maximum {} => Binary::Maximum,
            Self::Minimum {} => Binary::Minimum,
            Self::Prelu {} => Binary::Prelu,
        }
    }
}

impl BinarySpec {
    /// The names of these in a manifest.
    pub const KINDS: [&str; 8] = ["add", "subtract", "multiply", "divide", "power_of", "maximum", "minimum", "prelu"];

    /// Returns its name in a manifest.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Add {} => "add",
            Self::Subtract {} => "subtract",
            Self::Multiply {} => "multiply",
            Self::Divide {} => "divide",
            Self::PowerOf {} => "power_of",
            Self::Maximum {} => "maximum",
            Self::Minimum {} => "minimum",
            Self::Prelu {} => "prelu",
        }
    }
}

impl Operator for BinarySpec {
    fn arity(&self) -> RangeInclusive<usize> {
        2..=2
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        broadcast(inputs)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        builder.kernel(Box::new(self.binary()), self, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        tensor_ops::binary(self.binary(), &inputs[0], &inputs[1])
    }
}

impl Kernel for Binary {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        Binary::forward(*self, isa, [inputs[0], inputs[1]], y);
    }

    fn backward(&self, isa: Isa, input: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        let operand = if input == 0 { Operand::A } else { Operand::B };
        Binary::backward(*self, isa, operand, [from.inputs[0], from.inputs[1], from.dy], dx, add);
    }

    fn broadcasts(&self) -> bool {
        true
    }
}
