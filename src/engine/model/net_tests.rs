//! Batch normalisation, residual and concat against PyTorch and closed forms.

use std::path::Path;

use candle_core::{Device, Tensor, Var};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Goldens {
    norms: Vec<Norm>,
}

#[derive(Deserialize)]
struct Norm {
    training: bool,
    x: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dw: Vec<f32>,
    db: Vec<f32>,
    mean: Vec<f32>,
    var: Vec<f32>,
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 5e-6 * b.abs().max(1.0), "{what}: {found:?}, expected {expected:?}");
    }
}

/// A manifest with these layers on 3×2×2 pictures and as many classes as they end in.
fn manifest(layers: &str, classes: usize) -> Manifest {
    let classes: Vec<String> = (0..classes).map(|i| format!("\"c{i}\"")).collect();
    let text = format!(
        "name = \"test\"\nweights = \"w\"\nclasses = [{}]\nlayers = [{layers}]\n\
         input = {{ channels = 3, height = 2, width = 2, mean = [0.0, 0.0, 0.0], std = [1.0, 1.0, 1.0] }}",
        classes.join(", ")
    );
    Manifest::with_classes(&text, Path::new("test.toml"), &[]).unwrap()
}

#[test]
fn batch_normalisation_matches_pytorch() {
    let goldens: Goldens = serde_json::from_str(include_str!("../../../tests/goldens/ops.json")).unwrap();
    let manifest =
        manifest("{ kind = \"batch_norm2d\", name = \"n\", channels = 3, eps = 1e-3 }, { kind = \"flatten\" }", 12);
    let var = |v: &[f32]| Var::from_slice(v, v.len(), &Device::Cpu).unwrap();
    assert_eq!(goldens.norms.len(), 2);
    for golden in goldens.norms {
        let (weight, bias) = (var(&[1.5, -0.5, 2.0]), var(&[0.1, 0.2, -0.3]));
        let params = Params::from([
            ("n.weight".to_owned(), weight.as_tensor().clone()),
            ("n.bias".to_owned(), bias.as_tensor().clone()),
            ("n.running_mean".to_owned(), var(&[0.5, -0.2, 0.0]).as_detached_tensor()),
            ("n.running_var".to_owned(), var(&[2.0, 0.5, 1.0]).as_detached_tensor()),
        ]);
        let net = Net::build(&manifest.layers, &params).unwrap();
        let x = Var::from_slice(&golden.x, (2, 3, 2, 2), &Device::Cpu).unwrap();
        let (mut rng, mut statistics) = (ChaCha8Rng::seed_from_u64(0), Vec::new());
        let mut mode = match golden.training {
            true => Mode::Train { rng: &mut rng, statistics: &mut statistics },
            false => Mode::Evaluate,
        };
        let y = net.forward(&x, &mut mode).unwrap();
        assert_close("y", &values(&y), &golden.y);
        let count = golden.y.len();
        let weights: Vec<f32> = (1..=count).map(|i| i as f32 / count as f32).collect();
        let weights = Tensor::from_vec(weights, y.dims(), &Device::Cpu).unwrap();
        let mut gradients = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
        assert_close("dx", &values(&gradients.remove(&x).unwrap()), &golden.dx);
        if golden.training {
            assert_close("dw", &values(&gradients.remove(&weight).unwrap()), &golden.dw);
            assert_close("db", &values(&gradients.remove(&bias).unwrap()), &golden.db);
            let (_, mean, unbiased) = &statistics[0];
            // PyTorch's running statistics: 0.9 of the old ones and 0.1 of the batch's.
            let moved = |old: &[f32], new: &Tensor| -> Vec<f32> {
                old.iter().zip(values(new)).map(|(old, new)| 0.9 * old + 0.1 * new).collect()
            };
            assert_close("mean", &moved(&[0.5, -0.2, 0.0], mean), &golden.mean);
            assert_close("var", &moved(&[2.0, 0.5, 1.0], unbiased), &golden.var);
        } else {
            assert!(statistics.is_empty());
        }
    }
}

#[test]
fn combinators_add_and_concatenate() {
    let manifest = manifest(
        "{ kind = \"residual\", body = [{ kind = \"relu\" }] }, \
         { kind = \"concat\", branches = [[], [{ kind = \"relu\" }, { kind = \"max_pool2d\", kernel = 1 }]] }, \
         { kind = \"global_avg_pool\" }",
        6,
    );
    let net = Net::build(&manifest.layers, &Params::new()).unwrap();
    let x = [-1.0f32, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0, -4.0, -4.0, -4.0, -4.0];
    let x = Tensor::from_slice(&x, (1, 3, 2, 2), &Device::Cpu).unwrap();
    // x + relu(x): -1 4 6 8 | 2 2 2 2 | -4 -4 -4 -4; its means, then those of its relu.
    let y = net.forward(&x, &mut Mode::Evaluate).unwrap();
    assert_eq!(y.to_vec2::<f32>().unwrap(), [[4.25, 2.0, -4.0, 4.5, 2.0, 0.0]]);
}

#[test]
fn dropout_acts_in_training_only_and_normalisation_belongs_to_the_model() {
    let layers = manifest("{ kind = \"dropout\", keep = 0.5 }, { kind = \"flatten\" }", 12).layers;
    let net = Net::build(&layers, &Params::new()).unwrap();
    let x = Tensor::ones((1, 3, 2, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
    assert_eq!(values(&net.forward(&x, &mut Mode::Evaluate).unwrap()), [1.0; 12]);
    let (mut rng, mut statistics) = (ChaCha8Rng::seed_from_u64(3), Vec::new());
    let y = net.forward(&x, &mut Mode::Train { rng: &mut rng, statistics: &mut statistics }).unwrap();
    assert!(values(&y).contains(&0.0) && values(&y).contains(&2.0));
    let mut manifest = manifest("{ kind = \"flatten\" }", 12);
    manifest.input.mean = vec![0.5, 0.0, 1.0];
    manifest.input.std = vec![0.5, 2.0, 1.0];
    let model = Model::new(manifest, &Params::new()).unwrap();
    let logits = values(&model.logits(&x).unwrap());
    assert_eq!(logits, [[1.0; 4], [0.5; 4], [0.0; 4]].concat());
}
