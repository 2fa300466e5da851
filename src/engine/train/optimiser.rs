//! Optimisers change parameters in place, in one pass over them.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::kernels::{Adam, Conv, Isa, LinearGradient, Sgd};
use crate::model::{Gradients, Layout, Parameters};

/// Gradients move parameters by one of these rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// This is stochastic gradient descent with momentum μ as in PyTorch: `v ← μ·v + g`, `w ← w − rate·v`.
    #[default]
    Sgd,
    /// This is Adam (Kingma & Ba, 2015, algorithm 1) with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    Adam,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// An optimiser is told this for a step.
#[derive(Clone, Copy, Debug)]
pub struct StepSize {
    pub rate: f32,
    /// This is the μ of stochastic gradient descent.
    pub momentum: f32,
    /// Tells whether the step is Nesterov's, as in PyTorch: `w ← w − rate·(g + μ·v)` in place of `w ← w − rate·v`.
    pub nesterov: bool,
    /// The multiple of the weights that is added to their gradients.
    pub weight_decay: f32,
    /// The incoming weights of a unit have at most this norm.
    pub max_norm: Option<f32>,
}

/// This is an optimiser with its state.
#[derive(Clone, Debug)]
pub struct Optimiser {
    pub algorithm: Algorithm,
    /// So many steps were done.
    pub steps: u64,
    /// These are [`Algorithm::moments`]: SGD's velocity, or Adam's means of the gradients and of their squares.
    pub moments: Vec<Parameters>,
}

const CHUNK: usize = 1 << 14;

impl Algorithm {
    /// Returns the names of its moments in a checkpoint.
    pub fn moments(self) -> &'static [&'static str] {
        match self {
            Self::Sgd => &["velocity"],
            Self::Adam => &["mean", "square"],
        }
    }
}

impl Optimiser {
    /// Makes an optimiser at rest.
    pub fn new(algorithm: Algorithm, layout: &Arc<Layout>) -> Self {
        let moments = algorithm.moments().iter().map(|_| Parameters::zeros(layout)).collect();
        Self { algorithm, steps: 0, moments }
    }

    /// Changes the parameters. Gradients that are products still to be taken are used as they come out, part by part.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: &Gradients, size: StepSize) {
        let isa = Isa::current();
        self.steps += 1;
        let layout = parameters.layout.clone();
        for (slot, product) in layout.slots.iter().zip(&gradients.products).filter(|(slot, _)| slot.trained) {
            let range = slot.range.clone();
            let w = &mut parameters.values[range.clone()];
            let source = match &slot.packed {
                Some(conv) if !product.is_empty() => GradientSource::Product(product, conv),
                _ => GradientSource::Values(&gradients.values.values[range.clone()]),
            };
            match (self.algorithm, &mut self.moments[..]) {
                (Algorithm::Sgd, [velocity]) => {
                    let StepSize { rate, momentum, nesterov, weight_decay, .. } = size;
                    let sgd = Sgd { rate, momentum, nesterov, weight_decay };
                    let velocity = &mut velocity.values[range];
                    source.each_part(isa, [&mut *w, velocity], |[w, v], g| sgd.step(isa, w, g, v));
                }
                (Algorithm::Adam, [mean, square]) => {
                    // Both moments start at zero, which their growth makes up for.
                    let power = |beta: f32| 1.0 - f64::from(beta).powf(self.steps as f64);
                    let adam = Adam {
                        rate: (f64::from(size.rate) / power(Adam::BETA1)) as f32,
                        correction: (1.0 / power(Adam::BETA2).sqrt()) as f32,
                        weight_decay: size.weight_decay,
                    };
                    let parts = [&mut *w, &mut mean.values[range.clone()], &mut square.values[range]];
                    source.each_part(isa, parts, |parts, g| adam.step(isa, parts, g));
                }
                _ => unreachable!("an optimiser has the moments of its algorithm"),
            }
            if let (Some(largest), Some(conv)) = (size.max_norm, &slot.packed) {
                Conv::limit_norms(conv, isa, w, largest);
            }
        }
    }
}

enum GradientSource<'a> {
    Values(&'a [f32]),
    Product(&'a LinearGradient, &'a Conv),
}

impl GradientSource<'_> {
    /// Calls `f(parts of the targets, gradient)` for every part of the slot.
    fn each_part<const K: usize>(
        &self,
        isa: Isa,
        targets: [&mut [f32]; K],
        f: impl Fn([&mut [f32]; K], &[f32]) + Sync,
    ) {
        match self {
            Self::Product(product, conv) => product.each_part(conv, isa, targets, f),
            Self::Values(gradient) => {
                let mut targets = targets.map(|target| target.chunks_mut(CHUNK));
                let parts: Vec<_> = gradient
                    .chunks(CHUNK)
                    .map(|gradient| (targets.each_mut().map(|parts| parts.next().unwrap_or_default()), gradient))
                    .collect();
                parts.into_par_iter().for_each(|(targets, gradient)| f(targets, gradient));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes one linear layer of two inputs, without a bias.
    fn parameters<const UNITS: usize>(weights: [[f32; 2]; UNITS]) -> Parameters {
        let mut layout = Layout::default();
        layout.add("w".into(), vec![UNITS, 2], Some(Conv::linear(2, UNITS)));
        let tensor = candle_core::Tensor::new(&weights, &candle_core::Device::Cpu).unwrap();
        Parameters::from_tensors(&layout.into(), &crate::model::Params::from([("w".to_owned(), tensor)])).unwrap()
    }

    fn assert_close(parameters: &Parameters, expected: &[f32]) {
        let found: Vec<f32> = parameters.to_tensors().unwrap()["w"].flatten_all().unwrap().to_vec1().unwrap();
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, expected {expected:?}");
    }

    const SIZE: StepSize = StepSize { rate: 0.1, momentum: 0.9, nesterov: false, weight_decay: 0.01, max_norm: None };

    #[test]
    fn some_steps_match_pytorch() {
        // w = torch.tensor([[1., -2.]], requires_grad=True)
        // o = torch.optim.SGD([w], lr=.1, momentum=.9, weight_decay=.01), then with nesterov=True, then
        //     torch.optim.Adam([w], lr=.1, weight_decay=.01)
        // for _ in range(2): o.zero_grad(); (w * w).sum().backward(); o.step()
        // print(w.tolist()) -> [[0.45750102400779724, -0.9150020480155945]]
        // -> [[0.21923762559890747, -0.43847525119781494]]
        // for _ in range(3), with Adam -> [[0.7015862464904785, -1.7006233930587769]]
        let nesterov = StepSize { nesterov: true, ..SIZE };
        let cases = [
            (Algorithm::Sgd, SIZE, 2, [0.457_501, -0.915_002]),
            (Algorithm::Sgd, nesterov, 2, [0.219_237_63, -0.438_475_25]),
            (Algorithm::Adam, SIZE, 3, [0.701_586_2, -1.700_623_4]),
        ];
        for (algorithm, size, steps, expected) in cases {
            let mut w = parameters([[1.0, -2.0]]);
            let mut optimiser = Optimiser::new(algorithm, &w.layout);
            for _ in 0..steps {
                let mut values = w.clone();
                values.values.iter_mut().for_each(|w| *w *= 2.0);
                let gradients = Gradients { values, ..Gradients::zeros(&w.layout) };
                optimiser.step(&mut w, &gradients, size);
            }
            assert_close(&w, &expected);
        }
    }

    #[test]
    fn max_norm_bounds_the_incoming_weights_of_each_unit() {
        let mut w = parameters([[3.0, 4.0], [0.3, 0.4]]);
        let gradients = Gradients::zeros(&w.layout);
        let size = StepSize { rate: 0.0, max_norm: Some(1.0), ..SIZE };
        Optimiser::new(Algorithm::Sgd, &w.layout.clone()).step(&mut w, &gradients, size);
        assert_close(&w, &[0.6, 0.8, 0.3, 0.4]);
    }
}
