//! Seeded tensors and central finite differences for the tests of the operations.

use candle_core::{Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values in (−1, 1) from a seeded generator, none of them closer than 0.01 to 0 or to one another's kinks by design of
/// the callers.
pub fn random(shape: &[usize], seed: u64) -> Tensor {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0f32)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Compares autograd with central finite differences of `Σ r·f(x)`, r being fixed random weights.
pub fn check_gradient(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) {
    let weights = random(f(x).unwrap().dims(), 99);
    let objective = |x: &Tensor| (f(x)?.mul(&weights))?.sum_all();
    let var = Var::from_tensor(x).unwrap();
    let gradient = objective(&var).unwrap().backward().unwrap().remove(&var).expect("a gradient");
    let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
    let values: Vec<f32> = x.flatten_all().unwrap().to_vec1().unwrap();
    // Small enough to stay on one side of a kink, large enough for f32; the sum is taken in f64.
    let h = 2e-3f32;
    let at = |i: usize, value: f32| -> f64 {
        let mut moved = values.clone();
        moved[i] = value;
        let moved = Tensor::from_vec(moved, x.shape(), &Device::Cpu).unwrap();
        let y: Vec<f32> = f(&moved).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let w: Vec<f32> = weights.flatten_all().unwrap().to_vec1().unwrap();
        y.iter().zip(&w).map(|(&y, &w)| f64::from(y) * f64::from(w)).sum()
    };
    let scale = gradient.iter().fold(1.0f32, |m, g| m.max(g.abs()));
    for (i, &g) in gradient.iter().enumerate() {
        let numeric = (at(i, values[i] + h) - at(i, values[i] - h)) / f64::from(2.0 * h);
        assert!(
            (f64::from(g) - numeric).abs() < 2e-3 * f64::from(scale),
            "element {i}: autograd {g}, finite differences {numeric}"
        );
    }
}
