//! The first weights are drawn from a seeded generator.

use candle_core::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::Result;
use crate::model::{Graph, Operation, Params};

/// Draws weights from U(−b, b): `b = √(6/fan_in)` before rectifiers (He et al., 2015, equation 10), `√(1/fan_in)` in
/// maxout layers, whose maximum over pieces amplifies already; or the same `bound` for all. Biases are 0, and batch
/// normalisation starts as the identity.
pub fn initial_params(graph: &Graph, bound: Option<f32>, rng: &mut ChaCha8Rng) -> Result<Params> {
    let mut params = Params::new();
    for node in graph.nodes() {
        let gain = if matches!(node.operation, Operation::Maxout { .. }) { 1.0 } else { 6.0 };
        for (name, shape) in node.tensors() {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = if shape.len() >= 2 {
                let bound = bound.unwrap_or_else(|| (gain / shape[1..].iter().product::<usize>() as f32).sqrt());
                (0..count).map(|_| rng.random_range(-bound..bound)).collect()
            } else {
                let is_one = name.ends_with(".weight") || name.ends_with(".running_var");
                vec![f32::from(is_one); count]
            };
            params.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
        }
    }
    Ok(params)
}
