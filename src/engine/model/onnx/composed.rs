//! Operators that are several of our operations one after the other.

use super::arguments::{Reduced, reduced};
use super::fold::floats;
use super::lower::{Arguments, Lowered};
use super::{Computed, Importer, Value};
use crate::kernels::{Padding, Window};
use crate::model::operations::{AvgPool2d, Axes, CurveSpec, Reduce};

const NEGATIVE: CurveSpec = CurveSpec::Scale { scale: -1.0, offset: 0.0 };
const SQUARE: CurveSpec = CurveSpec::Power { exponent: 2.0 };

fn scaled(scale: f32, offset: f32) -> CurveSpec {
    CurveSpec::Scale { scale, offset }
}

impl Importer<'_> {
    /// Adds an operator of several operations. `None` stands for one that is none of these.
    pub(super) fn composed(&mut self, of: &Arguments<'_>) -> Result<Option<Computed>, String> {
        let made = match of.node.operator.as_str() {
            "Celu" => {
                let alpha = of.float("alpha", 1.0);
                let elu = CurveSpec::Elu { alpha: 1.0 };
                self.curves(&of.computed(0)?, &[scaled(1.0 / alpha, 0.0), elu, scaled(alpha, 0.0)])?
            }
            "ReduceMin" => self.reduced(of, NEGATIVE, Reduce::Max, Some(NEGATIVE))?,
            "ReduceL1" => self.reduced(of, CurveSpec::Abs {}, Reduce::Sum, None)?,
            "ReduceL2" => self.reduced(of, SQUARE, Reduce::Sum, Some(CurveSpec::Sqrt {}))?,
            "ReduceSumSquare" => self.reduced(of, SQUARE, Reduce::Sum, None)?,
            "Mish" => {
                let x = of.computed(0)?;
                let gate = self.curves(&x, &[CurveSpec::Softplus {}, CurveSpec::Tanh {}])?;
                self.gated(&x, &gate)?
            }
            "Swish" => self.swish(&of.computed(0)?, of.float("alpha", 1.0))?,
            "Softsign" => {
                let x = of.computed(0)?;
                let inverse = CurveSpec::Power { exponent: -1.0 };
                let gate = self.curves(&x, &[CurveSpec::Abs {}, scaled(1.0, 1.0), inverse])?;
                self.gated(&x, &gate)?
            }
            "ThresholdedRelu" => {
                let x = of.computed(0)?;
                let gate = self.curves(&x, &[scaled(1.0, -of.float("alpha", 1.0)), CurveSpec::Step {}])?;
                self.gated(&x, &gate)?
            }
            "Mean" => {
                let sum = self.pairs(of)?;
                self.curves(&sum, &[scaled(1.0 / of.inputs.len() as f32, 0.0)])?
            }
            "LRN" => self.response_norm(of)?,
            "LpNormalization" => self.unit_norm(of)?,
            "RMSNormalization" => self.rms_norm(of)?,
            _ => return Ok(None),
        };
        Ok(Some(made))
    }

    /// Reduces what a function makes of the values, and applies another to the result.
    fn reduced(
        &mut self,
        of: &Arguments<'_>,
        before: CurveSpec,
        how: fn(Axes) -> Reduce,
        after: Option<CurveSpec>,
    ) -> Lowered {
        let x = of.computed(0)?;
        let through = reduced(of.node, &of.known, x.dims.len())?;
        let x = self.curves(&x, &[before])?;
        let result = self.reduce(&x, through, how)?;
        self.curves(&result, after.as_slice())
    }

    /// Local response normalisation, `x·(bias + alpha·mean x²)^−beta` with the mean over neighbouring channels
    /// (Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012, section 3.3).
    fn response_norm(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let size = usize::try_from(of.int("size", 0)).ok().filter(|size| *size > 0).ok_or("lacks its size")?;
        let id = self.planes(&x)?;
        let shape = self.graph.shape(id);
        let squares = self.graph.push(SQUARE, &[id])?;
        let rows = self.shaped(squares, &[1, shape[0], shape[1] * shape[2]])?;
        let padding = Padding { before: [(size - 1) / 2, 0], after: [size / 2, 0] };
        let window = Window { kernel: [size, 1], stride: [1, 1], padding, ceil: false };
        let means = self.graph.push(AvgPool2d { window, counts_padding: true }, &[rows])?;
        let means = self.result(means, x.dims.clone())?;
        let term = scaled(of.float("alpha", 1e-4), of.float("bias", 1.0));
        let gate = self.curves(&means, &[term, CurveSpec::Power { exponent: -of.float("beta", 0.75) }])?;
        self.gated(&x, &gate)
    }

    /// Divides by the norm along an axis.
    fn unit_norm(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let through = Reduced { axes: vec![of.axis(x.dims.len(), -1)?], keep: true };
        let (before, after) = match of.int("p", 2) {
            1 => (CurveSpec::Abs {}, None),
            2 => (SQUARE, Some(CurveSpec::Sqrt {})),
            p => return Err(format!("divides by the norm of order {p}; expected 1 or 2")),
        };
        let powers = self.curves(&x, &[before])?;
        let sums = self.reduce(&powers, through, Reduce::Sum)?;
        let norm = self.curves(&sums, after.as_slice())?;
        self.pair(of, "Div", &Value::Computed(x), &Value::Computed(norm))
    }

    /// Divides by the root of the mean of squares (Zhang and Sennrich, Root Mean Square Layer Normalization, 2019).
    fn rms_norm(&mut self, of: &Arguments<'_>) -> Lowered {
        let x = of.computed(0)?;
        let first = of.axis(x.dims.len(), -1)?;
        if first == 0 {
            return Err("works across pictures".into());
        }
        let through = Reduced { axes: (first..x.dims.len()).collect(), keep: true };
        let squares = self.curves(&x, &[SQUARE])?;
        let means = self.reduce(&squares, through, Reduce::Mean)?;
        let root = CurveSpec::Power { exponent: -0.5 };
        let factor = self.curves(&means, &[scaled(1.0, of.float("epsilon", 1e-5)), root])?;
        let normalised = self.pair(of, "Mul", &Value::Computed(x), &Value::Computed(factor))?;
        let scale = of.known(1, "scales")?;
        if floats(scale)?.iter().all(|scale| *scale == 1.0) {
            return Ok(normalised);
        }
        self.pair(of, "Mul", &Value::Computed(normalised), &Value::Known(scale.clone()))
    }
}
