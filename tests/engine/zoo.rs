//! Nets that a word names have the tensors of the real ones, and compute what they do in PyTorch
//! (`tests/torchvision/words.py` and `make_words.py` printed both).

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use doppelganger::engine::attack::{Loss, input_gradient};
use doppelganger::engine::model::zoo::{Convention, Tensors, Word, candidates, words};
use doppelganger::engine::model::{Graph, Input, Manifest, Model, Operation, Params, sha256_hex};
use serde::Deserialize;

use crate::common::shared;
use crate::torchvision::{gap, hashed, weights};

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torchvision").join(file)).unwrap()
}

fn convention(word: &Word, whose: &str) -> &'static Convention {
    let found = word.conventions().iter().find(|convention| convention.whose == whose);
    found.unwrap_or_else(|| panic!("{word} has no convention of {whose}"))
}

fn tensors(graph: &Graph) -> Tensors {
    graph.tensors().map(|(_, name, shape)| (name, shape)).collect()
}

#[derive(Deserialize)]
struct Digest {
    tensors: usize,
    sha256: String,
    /// What the normalisations add to variances, each number once.
    eps: Vec<f64>,
    side: Option<usize>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
}

/// Returns what the normalisations of a graph add to variances, each number once, in order.
fn eps(graph: &Graph) -> Vec<f64> {
    let eps = graph.nodes().iter().filter_map(|node| match &node.operation {
        Operation::BatchNorm2d(norm) => Some(norm.eps),
        Operation::LayerNorm(norm) => Some(f64::from(norm.eps)),
        _ => None,
    });
    let mut eps: Vec<f64> = eps.collect();
    eps.sort_by(f64::total_cmp);
    eps.dedup();
    eps
}

#[test]
fn every_net_has_the_tensors_of_the_real_one() {
    let known: BTreeMap<String, BTreeMap<String, Digest>> = serde_json::from_str(&read("words.json")).unwrap();
    let mut wrong = Vec::new();
    for (word, nets) in &known {
        let word = Word::parse(word).unwrap();
        for (whose, digest) in nets {
            let convention = convention(&word, whose);
            let usual = convention.usual;
            let graph = word.graph_of(convention, usual.side).unwrap();
            let tensors = tensors(&graph);
            // In the order of these lines, in which a space comes before a full stop.
            let mut lines: Vec<String> = tensors.iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect();
            lines.sort();
            if lines.len() != digest.tensors || sha256_hex(lines.concat().as_bytes()) != digest.sha256 {
                wrong.push(format!("{word} of {whose}: {} tensors, expected {}", lines.len(), digest.tensors));
            }
            let found = eps(&graph);
            let is_near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * b;
            if found.len() != digest.eps.len() || !found.iter().zip(&digest.eps).all(is_near) {
                wrong.push(format!("{word} of {whose}: eps {found:?}, expected {:?}", digest.eps));
            }
            let (mean, std) = (digest.mean.unwrap_or(usual.mean), digest.std.unwrap_or(usual.std));
            if (usual.side, usual.mean, usual.std) != (digest.side.unwrap_or(usual.side), mean, std) {
                wrong.push(format!("{word} of {whose}: {usual:?}, expected {:?}, {mean:?}, {std:?}", digest.side));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What no package has is compared with no digest.
    let compared: usize = known.values().map(BTreeMap::len).sum();
    let all: usize = words().map(|entry| entry.conventions.len()).sum();
    eprintln!("{} words, {compared} nets compared; {all} conventions in all", known.len());
}

#[derive(Deserialize)]
struct Golden {
    word: String,
    whose: String,
    side: usize,
    label: usize,
    loss: f32,
    logits: Vec<f32>,
    gradient_stride: usize,
    gradient: Vec<f32>,
    /// How far PyTorch in single precision is from itself in double precision, as a share of the norm.
    float32_gap: f32,
}

impl Golden {
    /// Returns the gaps of logits and gradients as shares of their norms.
    fn gaps(&self) -> [f32; 2] {
        let word = Word::parse(&self.word).unwrap();
        let side = self.side;
        let tensors = tensors(&word.graph_of(convention(&word, &self.whose), side).unwrap());
        let input = Input {
            channels: 3,
            height: side,
            width: side,
            mean: vec![0.5; 3],
            std: vec![0.25; 3],
            fit: Default::default(),
        };
        let graph = word.graph(&tensors, input.shape()).unwrap();
        let params: Params = tensors.into_iter().map(|(name, shape)| (name.clone(), weights(&name, &shape))).collect();
        let manifest = Manifest {
            path: self.word.clone().into(),
            name: self.word.clone(),
            description: String::new(),
            licence: String::new(),
            input,
            classes: (0..1000).map(|class| class.to_string()).collect(),
            weights: "model.safetensors".into(),
            sha256: None,
            download: None,
            accuracy: None,
            graph,
            source: String::new(),
        };
        let model = Model::new(manifest, &params).unwrap();
        let picture: Vec<f32> = hashed("picture", 3 * side * side).iter().map(|u| (u + 1.0) / 2.0).collect();
        let picture = Tensor::from_vec(picture, (1, 3, side, side), &Device::Cpu).unwrap();
        let found = input_gradient(&model, &picture, &[self.label], Loss::CrossEntropy).unwrap();
        let logits: Vec<f32> = found.logits.flatten_all().unwrap().to_vec1().unwrap();
        let gradient: Vec<f32> = found.gradient.flatten_all().unwrap().to_vec1().unwrap();
        let sampled: Vec<f32> = gradient.into_iter().step_by(self.gradient_stride).collect();
        let loss = (found.cross_entropy[0] - self.loss).abs() / self.loss.abs();
        [gap(&logits[..self.logits.len()], &self.logits).max(loss), gap(&sampled, &self.gradient)]
    }
}

#[test]
fn nets_compute_what_they_do_in_pytorch() {
    let goldens: Vec<Golden> = serde_json::from_str(&read("word_goldens.json")).unwrap();
    let mut wrong = Vec::new();
    for golden in &goldens {
        let started = std::time::Instant::now();
        let [logits, gradient] = golden.gaps();
        // A unit within rounding of a kink may fall on either side of it, in single precision there as here.
        let allowed = 1e-2f32.max(5.0 * golden.float32_gap);
        let line = format!(
            "{} of {}: logits within {logits:.1e}, gradient within {gradient:.1e} (PyTorch: {:.1e}), {:.1?}",
            golden.word,
            golden.whose,
            golden.float32_gap,
            started.elapsed()
        );
        eprintln!("{line}");
        if logits.is_nan() || logits > 1e-4 || gradient.is_nan() || gradient > allowed {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_nets_that_a_file_may_be_of_are_listed() {
    let listed = |word: &str, whose: &str, change: &dyn Fn(&mut Tensors)| {
        let word = Word::parse(word).unwrap();
        let convention = convention(&word, whose);
        let mut tensors = tensors(&word.graph_of(convention, convention.usual.side).unwrap());
        change(&mut tensors);
        candidates(&tensors).iter().map(Word::to_string).collect::<Vec<_>>()
    };
    let as_it_is = |_: &mut Tensors| {};
    assert_eq!(listed("resnet50", "torchvision and timm", &as_it_is), ["resnet50"]);
    assert_eq!(listed("resnet18", "kuangliu", &as_it_is), ["resnet18"]);
    assert_eq!(listed("wrn:34x10", "RobustBench", &as_it_is), ["wrn:34x10"]);
    // These differ in what no tensor tells.
    assert_eq!(listed("preact18", "kuangliu", &as_it_is), ["preact18", "preact18-raw"]);
    assert_eq!(listed("dm-wrn:28x10", "DeepMind", &as_it_is), ["dm-wrn:28x10", "dm-wrn-relu:28x10"]);
    assert_eq!(listed("efficientnet-b0", "timm", &as_it_is), ["efficientnet-b0", "tf-efficientnet-b0"]);
    assert_eq!(listed("vit-s-16", "timm", &as_it_is), ["vit-s-16", "deit-small"]);
    // Ten classes of grey pictures, with counters and with a head for training.
    let grey = |tensors: &mut Tensors| {
        tensors.insert("fc.weight".into(), vec![10, 512]);
        tensors.insert("fc.bias".into(), vec![10]);
        tensors.insert("conv1.weight".into(), vec![64, 1, 7, 7]);
        tensors.insert("bn1.num_batches_tracked".into(), vec![]);
    };
    assert_eq!(listed("resnet18", "torchvision and timm", &grey), ["resnet18"]);
    let auxiliary = |tensors: &mut Tensors| drop(tensors.insert("aux1.fc2.weight".into(), vec![1000, 1024]));
    assert_eq!(listed("googlenet", "torchvision", &auxiliary), ["googlenet"]);
    let more = |tensors: &mut Tensors| drop(tensors.insert("layer1.0.se.fc1.weight".into(), vec![4, 64, 1, 1]));
    assert!(listed("resnet18", "torchvision and timm", &more).is_empty());
}

/// The file is the one that design/nets.md of the shared data describes: EfficientNet-Lite0 under lukemelas' names.
#[test]
fn a_real_file_is_known_by_its_tensors() {
    let Some(path) = shared("models/efficientnet_lite0.safetensors") else { return };
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors: Tensors = file.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec())).collect();
    let found = candidates(&tensors);
    assert_eq!(found.iter().map(Word::to_string).collect::<Vec<_>>(), ["efficientnet-lite0"]);
    let usual = found[0].usual(&tensors);
    assert_eq!((usual.side, usual.mean, usual.std), (224, [0.5; 3], [0.5; 3]));
    assert_eq!(found[0].channels(&tensors), Some(3));
}
