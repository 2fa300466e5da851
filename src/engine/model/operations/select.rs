//! A choice between two values, place by place.

use std::ops::RangeInclusive;

use candle_core::{Result as TensorResult, Tensor};
use serde::{Deserialize, Serialize};

use super::{Builder, Kernel, KernelGradient, NodeId, Operator, Shape, StepTarget, TensorPass, broadcast};
use crate::Result;
use crate::kernels::{Isa, Strided, StridedMut, combine};
use crate::model::tensor_ops;

/// This takes its second input where the first is not 0, and its third elsewhere, with broadcasting as in NumPy. The
/// first input has no gradient.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Select {}

impl Operator for Select {
    fn arity(&self) -> RangeInclusive<usize> {
        3..=3
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        broadcast(inputs)
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        builder.kernel(Box::new(self.clone()), self, inputs, target)
    }

    fn forward(&self, _: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        tensor_ops::select(&inputs[0], &inputs[1], &inputs[2])
    }
}

impl Kernel for Select {
    fn forward(&self, isa: Isa, inputs: &[Strided<'_>], y: StridedMut<'_>) {
        combine(isa, y, [inputs[0], inputs[1], inputs[2]], false, |y, [chooses, a, b]| {
            let values = chooses.iter().zip(a.iter().zip(b));
            y.iter_mut().zip(values).for_each(|(y, (chooses, (a, b)))| *y = if *chooses != 0.0 { *a } else { *b });
        });
    }

    fn backward(&self, isa: Isa, input: usize, from: KernelGradient<'_>, dx: StridedMut<'_>, add: bool) {
        combine(isa, dx, [from.inputs[0], from.dy], add, |dx, [chooses, dy]| {
            let values = chooses.iter().zip(dy);
            dx.iter_mut().zip(values).for_each(|(dx, (chooses, dy))| {
                let is_taken = input > 0 && (*chooses != 0.0) == (input == 1);
                *dx = if is_taken { *dy } else { 0.0 };
            });
        });
    }

    fn broadcasts(&self) -> bool {
        true
    }
}
