//! Stochastic gradient descent with momentum, weight decay and max-norm; parameters change in place.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp1, InplaceOp2, Layout, Result as TensorResult, Var, bail};

use super::Config;
use crate::engine::Result;
use crate::engine::model::{BatchStatistics, Params};

/// Share of a new batch in the running statistics of batch normalisation, as in PyTorch.
const STATISTICS_MOMENTUM: f64 = 0.1;

/// The optimiser's state.
pub struct Sgd {
    /// One for each parameter: `v ← μ·v + g`, then `w ← w − rate·v`.
    pub velocity: Params,
    /// `running_mean` and `running_var` of the net's batch normalisations.
    pub statistics: Params,
}

impl Sgd {
    /// At rest, with the running statistics that the net shares.
    pub fn new(vars: &BTreeMap<String, Var>, statistics: Params) -> Result<Self> {
        let velocity = vars.iter().map(|(name, var)| Ok((name.clone(), var.zeros_like()?)));
        Ok(Self { velocity: velocity.collect::<Result<_>>()?, statistics })
    }

    pub fn step(
        &mut self,
        vars: &BTreeMap<String, Var>,
        gradients: &GradStore,
        rate: f32,
        config: &Config,
    ) -> Result<()> {
        for (name, var) in vars {
            let (Some(gradient), Some(velocity)) = (gradients.get(var), self.velocity.get(name)) else { continue };
            let gradient = gradient.contiguous()?;
            if config.weight_decay > 0.0 {
                gradient.inplace_op2(var, &AddScaled { keep: 1.0, scale: config.weight_decay })?;
            }
            velocity.inplace_op2(&gradient, &AddScaled { keep: config.momentum, scale: 1.0 })?;
            var.inplace_op2(velocity, &AddScaled { keep: 1.0, scale: -rate })?;
            if let Some(largest) = config.max_norm
                && var.rank() >= 2
            {
                var.inplace_op1(&MaxNorm { largest })?;
            }
        }
        Ok(())
    }

    pub fn update_statistics(&self, batch: &BatchStatistics) -> Result<()> {
        for (layer, mean, var) in batch {
            for (part, seen) in [("running_mean", mean), ("running_var", var)] {
                if let Some(running) = self.statistics.get(&format!("{layer}.{part}")) {
                    let (keep, scale) = ((1.0 - STATISTICS_MOMENTUM) as f32, STATISTICS_MOMENTUM as f32);
                    running.inplace_op2(&seen.contiguous()?, &AddScaled { keep, scale })?;
                }
            }
        }
        Ok(())
    }
}

/// `a ← keep·a + scale·b`.
struct AddScaled {
    keep: f32,
    scale: f32,
}

impl InplaceOp2 for AddScaled {
    fn name(&self) -> &'static str {
        "add_scaled"
    }

    fn cpu_fwd(&self, a: &mut CpuStorage, a_layout: &Layout, b: &CpuStorage, b_layout: &Layout) -> TensorResult<()> {
        let (Some((a0, a1)), Some((b0, b1))) = (a_layout.contiguous_offsets(), b_layout.contiguous_offsets()) else {
            bail!("add_scaled: expected contiguous tensors");
        };
        let (CpuStorage::F32(a), CpuStorage::F32(b)) = (a, b) else { bail!("add_scaled: expected f32 values") };
        for (a, b) in a[a0..a1].iter_mut().zip(&b[b0..b1]) {
            *a = self.keep * *a + self.scale * b;
        }
        Ok(())
    }
}

/// Scales each row down to at most this norm: the rows of (out, in, …) are the incoming weights of a unit.
struct MaxNorm {
    largest: f32,
}

impl InplaceOp1 for MaxNorm {
    fn name(&self) -> &'static str {
        "max_norm"
    }

    fn cpu_fwd(&self, weights: &mut CpuStorage, layout: &Layout) -> TensorResult<()> {
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("max_norm: expected a contiguous tensor") };
        let CpuStorage::F32(weights) = weights else { bail!("max_norm: expected f32 values") };
        let row = layout.dims()[1..].iter().product::<usize>();
        for row in weights[start..end].chunks_exact_mut(row) {
            let norm = row.iter().map(|w| w * w).sum::<f32>().sqrt();
            if norm > self.largest {
                let scale = self.largest / norm;
                row.iter_mut().for_each(|w| *w *= scale);
            }
        }
        Ok(())
    }
}

/// For the tests of other modules: the norms of the rows.
#[cfg(test)]
fn row_norms(weights: &candle_core::Tensor) -> Vec<f32> {
    weights.sqr().unwrap().flatten_from(1).unwrap().sum(1).unwrap().sqrt().unwrap().to_vec1().unwrap()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn config(weight_decay: f32, max_norm: Option<f32>) -> Config {
        Config {
            data: std::path::PathBuf::new(),
            epochs: 1,
            batch: 1,
            learning_rate: 0.1,
            momentum: 0.9,
            weight_decay,
            max_norm,
            eps: 0.0,
            alpha: 1.0,
            clip: true,
            validation: 0,
            seed: 0,
        }
    }

    #[test]
    fn two_steps_match_pytorch() {
        // w = torch.tensor([[1., -2.]], requires_grad=True)
        // o = torch.optim.SGD([w], lr=.1, momentum=.9, weight_decay=.01)
        // for _ in range(2): o.zero_grad(); (w * w).sum().backward(); o.step()
        // print(w.tolist()) -> [[0.45750102400779724, -0.9150020480155945]]
        let var = Var::new(&[[1.0f32, -2.0]], &Device::Cpu).unwrap();
        let vars = BTreeMap::from([("w".to_owned(), var.clone())]);
        let mut sgd = Sgd::new(&vars, Params::new()).unwrap();
        for _ in 0..2 {
            let gradients = var.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            sgd.step(&vars, &gradients, 0.1, &config(0.01, None)).unwrap();
        }
        let w = var.to_vec2::<f32>().unwrap()[0].clone();
        assert!((w[0] - 0.457_501).abs() < 1e-6 && (w[1] + 0.915_002).abs() < 1e-6, "{w:?}");
    }

    #[test]
    fn max_norm_bounds_the_incoming_weights_of_each_unit() {
        let var = Var::new(&[[3.0f32, 4.0], [0.3, 0.4]], &Device::Cpu).unwrap();
        let vars = BTreeMap::from([("w".to_owned(), var.clone())]);
        let gradients = var.sum_all().unwrap().backward().unwrap();
        // A rate of 0: the step itself moves nothing.
        Sgd::new(&vars, Params::new()).unwrap().step(&vars, &gradients, 0.0, &config(0.0, Some(1.0))).unwrap();
        let norms = row_norms(&var);
        assert!((norms[0] - 1.0).abs() < 1e-6 && (norms[1] - 0.5).abs() < 1e-6, "{norms:?}");
    }
}
