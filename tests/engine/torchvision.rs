//! SqueezeNet, ResNet-18, MobileNetV2 and GoogLeNet are manifests and no code: with the same weights, logits and
//! input gradients are those that torchvision printed in double precision (`tests/torchvision/make.py`).

use std::path::Path;

use candle_core::{Device, Tensor};
use doppelganger::engine::attack::{Loss, input_gradient};
use doppelganger::engine::model::{Manifest, Model, Params};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    picture: String,
    logits: Vec<f32>,
    loss: f32,
    label: usize,
    gradient_stride: usize,
    gradient: Vec<f32>,
    /// How far torchvision in single precision is from itself in double precision, as a share of the norm.
    float32_gap: f32,
    parameters: usize,
}

/// `hashed` of hashed.py: values in [−1, 1) from the name of a tensor and the index.
pub fn hashed(name: &str, count: usize) -> Vec<f32> {
    let mut crc = flate2::Crc::new();
    crc.update(name.as_bytes());
    let value = |i: usize| {
        let mut x = i as u64 * 2_654_435_761 + u64::from(crc.sum());
        x = (x ^ (x >> 15)).wrapping_mul(2_246_822_519) & 0xFFFF_FFFF;
        x = (x ^ (x >> 13)).wrapping_mul(3_266_489_917) & 0xFFFF_FFFF;
        x ^= x >> 16;
        (x >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(value).collect()
}

/// `weights` of hashed.py.
pub fn weights(name: &str, shape: &[usize]) -> Tensor {
    let u = hashed(name, shape.iter().product());
    let values: Vec<f32> = if name.ends_with("running_var") {
        u.iter().map(|u| 1.0 + 0.5 * u).collect()
    } else if shape.len() >= 2 {
        let bound = (6.0 / shape[1..].iter().product::<usize>() as f64).sqrt() as f32;
        u.iter().map(|u| u * bound).collect()
    } else {
        let middle = if name.ends_with(".weight") { 1.0 } else { 0.0 };
        u.iter().map(|u| middle + 0.25 * u).collect()
    };
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn norm(values: impl Iterator<Item = f32>) -> f32 {
    values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt() as f32
}

/// The length of the difference as a share of the length of `expected`.
pub fn gap(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    norm(found.iter().zip(expected).map(|(a, b)| a - b)) / norm(expected.iter().copied())
}

fn check(name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |path: String| std::fs::read_to_string(root.join(path)).unwrap();
    let golden: Golden = serde_json::from_str(&text(format!("tests/torchvision/{name}.json"))).unwrap();
    let classes: Vec<String> = text("models/imagenet_classes.txt".into()).lines().map(str::to_owned).collect();
    let manifest = text(format!("models/{name}.toml"));
    let manifest = Manifest::with_classes(&manifest, Path::new(name), &classes).unwrap();
    let mut params = Params::new();
    params.extend(manifest.graph.tensors().map(|(_, name, shape)| (name.clone(), weights(&name, &shape))));
    let model = Model::new(manifest, &params).unwrap();
    assert_eq!(model.manifest.parameter_count(), golden.parameters);
    let picture: Vec<f32> = hashed(&golden.picture, 3 * 224 * 224).iter().map(|u| (u + 1.0) / 2.0).collect();
    let picture = Tensor::from_vec(picture, (1, 3, 224, 224), &Device::Cpu).unwrap();
    let result = input_gradient(&model, &picture, &[golden.label], Loss::CrossEntropy).unwrap();
    let logits: Vec<f32> = result.logits.flatten_all().unwrap().to_vec1().unwrap();
    let logits_gap = gap(&logits, &golden.logits);
    assert!(logits_gap <= 1e-4, "logits are apart by {logits_gap} of their norm");
    assert!((result.cross_entropy[0] - golden.loss).abs() <= 1e-4 * golden.loss);
    let gradient: Vec<f32> = result.gradient.flatten_all().unwrap().to_vec1().unwrap();
    let sampled: Vec<f32> = gradient.iter().copied().step_by(golden.gradient_stride).collect();
    let gradient_gap = gap(&sampled, &golden.gradient);
    // Of the million units some lie within rounding of a kink and fall on either side of it, in single precision
    // there as here; one of them turns the gradient by about a thousandth. (Without such units it agrees to 2e-6: the
    // small nets of the engine's own tests are held to that.)
    let allowed = 1e-2f32.max(5.0 * golden.float32_gap);
    assert!(gradient_gap <= allowed, "gradients are apart by {gradient_gap} of their norm, {allowed} are allowed");
    eprintln!(
        "{name}: logits within {logits_gap:.1e}, gradient within {gradient_gap:.1e} (torchvision: {:.1e})",
        golden.float32_gap
    );
}

#[test]
fn squeezenet1_1() {
    check("squeezenet1_1");
}

#[test]
fn resnet18() {
    check("resnet18");
}

#[test]
fn mobilenet_v2() {
    check("mobilenet_v2");
}

#[test]
fn googlenet() {
    check("googlenet");
}
