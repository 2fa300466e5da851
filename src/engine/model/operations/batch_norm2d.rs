//! This is batch normalisation of planes (Ioffe & Szegedy, Batch Normalization, 2015).

use candle_core::{Result as TensorResult, Tensor};
use candle_nn::{BatchNormConfig, ModuleT};
use serde::{Deserialize, Serialize};

use super::{Builder, Fusion, NodeId, Operator, Shape, StepTarget, TensorPass, expect_channels, one_input, positive};
use crate::Result;
use crate::kernels::Conv;
use crate::model::candle_net::Mode;
use crate::model::plan::{ConvStep, Op, Pass};

/// This normalises each channel: with the statistics of the batch in training, with the running ones otherwise.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm2d {
    pub name: String,
    pub channels: usize,
    #[serde(default = "default_eps")]
    pub eps: f64,
}

fn default_eps() -> f64 {
    1e-5
}

impl Operator for BatchNorm2d {
    fn check(&self) -> Result<(), String> {
        positive("channels", &[self.channels])?;
        if self.eps.is_finite() && self.eps >= 0.0 {
            return Ok(());
        }
        Err(format!("eps is {}; expected a small positive number", self.eps))
    }

    /// Names `weight`, `bias`, `running_mean` and `running_var`, (channels) each.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let parts = ["weight", "bias", "running_mean", "running_var"];
        parts.map(|part| (format!("{}.{part}", self.name), vec![self.channels])).into()
    }

    fn output(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let shape = one_input(inputs)?;
        expect_channels(shape, self.channels)?;
        Ok(shape)
    }

    fn fusion(&self) -> Fusion {
        Fusion { norm: false, sum: true, clamp: true }
    }

    fn lower(&self, builder: &mut Builder, inputs: &[NodeId], target: StepTarget<'_>) -> Result<NodeId> {
        let norm = builder.norm(self);
        let op = match builder.plan.pass {
            Pass::Train => Op::BatchNorm(norm),
            Pass::Evaluate => {
                let conv = Conv { groups: self.channels, ..Conv::linear(self.channels, self.channels) };
                Op::Conv(ConvStep { conv, weight: None, bias: None, norm: Some(norm) })
            }
        };
        let x = builder.planes(inputs[0], 0);
        builder.step(op, self, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, inputs: &[Tensor]) -> TensorResult<Tensor> {
        let x = &inputs[0];
        // All of the new statistics and nothing of the old ones: what the layer keeps is then what it saw.
        let config = BatchNormConfig { eps: self.eps, momentum: 1.0, ..BatchNormConfig::default() };
        let norm = candle_nn::batch_norm(self.channels, config, pass.parameters.pp(&self.name))?;
        let Mode::Train { statistics, .. } = &mut pass.mode else { return norm.forward_t(x, false) };
        let y = norm.forward_t(x, true)?;
        let mean = norm.running_mean().detach();
        // A single value has no variance, which candle divides by 0.
        let is_single = x.elem_count() == self.channels;
        let variance = if is_single { mean.zeros_like()? } else { norm.running_var().detach() };
        statistics.insert(format!("{}.running_mean", self.name), mean);
        statistics.insert(format!("{}.running_var", self.name), variance);
        Ok(y)
    }
}
