//! The operators that ONNX Runtime makes of several when it optimises a net
//! (github.com/microsoft/onnxruntime, docs/ContribOperators.md).

use super::Value;
use super::lower::{Arguments, Lowered, made};
use super::{Computed, Importer};
use crate::model::operations::{BinarySpec, CurveSpec};

/// The number that a fused operator adds to the variance where the file does not say it.
const SKIP_EPSILON: f32 = 1e-12;

impl Importer<'_> {
    /// Adds an operator of the domain `com.microsoft`.
    ///
    /// # Errors
    /// In words, for one that is none of our operations.
    pub(super) fn lower_fused(&mut self, of: &Arguments<'_>) -> Result<Vec<Computed>, String> {
        let one = match of.node.operator.as_str() {
            "FusedConv" => {
                let x = self.conv(of)?;
                let x = if of.has(3) { self.added(of, x, 3)? } else { x };
                self.activated(of, &x)?
            }
            "FusedGemm" => {
                let x = self.gemm(of)?;
                self.activated(of, &x)?
            }
            "FusedMatMul" | "TransposeMatMul" => self.fused_matmul(of)?,
            "Gelu" => self.curves(&of.computed(0)?, &[CurveSpec::Gelu { tanh: false }])?,
            "BiasGelu" => {
                let x = self.added(of, of.computed(0)?, 1)?;
                self.curves(&x, &[CurveSpec::Gelu { tanh: false }])?
            }
            "FastGelu" => {
                let x = of.computed(0)?;
                let x = if of.has(1) { self.added(of, x, 1)? } else { x };
                self.curves(&x, &[CurveSpec::Gelu { tanh: true }])?
            }
            "QuickGelu" => self.swish(&of.computed(0)?, of.float("alpha", 1.702))?,
            "Attention" => self.packed_attention(of)?,
            "MultiHeadAttention" => self.multi_head_attention(of)?,
            "SkipLayerNormalization" => return self.skip_layer_norm(of),
            _ => {
                return Err(
                    "was made by ONNX Runtime and is not read; open the net from before it was optimised".into()
                );
            }
        };
        Ok(vec![one])
    }

    /// Adds an input to a value.
    fn added(&mut self, of: &Arguments<'_>, x: Computed, input: usize) -> Lowered {
        self.pair(of, "Add", &Value::Computed(x), of.value(input)?)
    }

    /// Applies the function that a fused operator ends in.
    fn activated(&mut self, of: &Arguments<'_>, x: &Computed) -> Lowered {
        let listed = of.node.attributes.floats("activation_params").unwrap_or_default();
        let number =
            |at: usize, name: &str, default: f32| listed.get(at).copied().unwrap_or_else(|| of.float(name, default));
        let curve = match of.node.attributes.text("activation").unwrap_or_default() {
            "" => return Ok(x.clone()),
            "Relu" => CurveSpec::Relu {},
            "LeakyRelu" => CurveSpec::LeakyRelu { slope: number(0, "activation_alpha", 0.01) },
            "Sigmoid" => CurveSpec::Sigmoid {},
            "Tanh" => CurveSpec::Tanh {},
            "Clip" => CurveSpec::Clip {
                low: number(0, "activation_alpha", f32::NEG_INFINITY),
                high: number(1, "activation_beta", f32::INFINITY),
            },
            "HardSigmoid" => CurveSpec::HardSigmoid {
                slope: number(0, "activation_alpha", 0.2),
                offset: number(1, "activation_beta", 0.5),
            },
            other => return Err(format!("ends in {other}, which is not read of a fused operator")),
        };
        self.curves(x, &[curve])
    }

    /// `alpha·A·B`, either of them transposed.
    pub(super) fn fused_matmul(&mut self, of: &Arguments<'_>) -> Lowered {
        if of.int("transBatchA", 0) != 0 || of.int("transBatchB", 0) != 0 {
            return Err("transposes what stands before the matrices, which is not read".into());
        }
        let mut values = [of.value(0)?.clone(), of.value(1)?.clone()];
        for (value, name) in values.iter_mut().zip(["transA", "transB"]) {
            if of.int(name, 0) != 0 {
                *value = self.transposed(value)?;
            }
        }
        let [a, b] = values;
        let product = self.matmul(of, &a, &b)?;
        self.times(&product, of.float("alpha", 1.0))
    }

    /// Swaps rows and columns of a matrix.
    pub(super) fn transposed(&mut self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::Known(tensor) => Value::Known(made(tensor.t().and_then(|tensor| tensor.contiguous()))?),
            Value::Computed(x) => {
                let rank = x.dims.len();
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(rank.saturating_sub(2), rank.saturating_sub(1));
                Value::Computed(self.transpose(x, &order)?)
            }
        })
    }

    /// Multiplies a value by a number.
    pub(super) fn times(&mut self, x: &Computed, scale: f32) -> Lowered {
        if scale == 1.0 { Ok(x.clone()) } else { self.curves(x, &[CurveSpec::Scale { scale, offset: 0.0 }]) }
    }

    /// `x·sigmoid(alpha·x)`
    pub(super) fn swish(&mut self, x: &Computed, alpha: f32) -> Lowered {
        let gate = self.curves(x, &[CurveSpec::Scale { scale: alpha, offset: 0.0 }, CurveSpec::Sigmoid {}])?;
        self.gated(x, &gate)
    }

    /// Multiplies values with what was made of them.
    pub(super) fn gated(&mut self, x: &Computed, gate: &Computed) -> Lowered {
        let id = self.graph.push(BinarySpec::Multiply {}, &[x.id, gate.id])?;
        Ok(Computed { id, dims: x.dims.clone() })
    }

    /// Normalises the sum of two values and a bias; the sum is its fourth output.
    fn skip_layer_norm(&mut self, of: &Arguments<'_>) -> Result<Vec<Computed>, String> {
        let x = self.pair(of, "Add", of.value(0)?, of.value(1)?)?;
        let sum = if of.has(4) { self.added(of, x, 4)? } else { x };
        let eps = of.float("epsilon", SKIP_EPSILON);
        let normalised = self.layer_norm(of, &sum, sum.dims.len().saturating_sub(1), [2, 3], eps)?;
        Ok(vec![normalised, sum.clone(), sum.clone(), sum])
    }
}
