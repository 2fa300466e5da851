//! The bundled nets on MNIST and SqueezeNet on photos, where `../shared` holds them.

use std::sync::Arc;

use crate::common;
use crate::common::shared;
use doppelganger::engine::attack::{AttackSettings, Baseline, Fgsm, Goal, Label, Loss, Norm, Verdict};
use doppelganger::engine::data::{Dataset, Split};
use doppelganger::engine::eval::{EvalPlan, evaluate};
use doppelganger::engine::model::{Catalogue, Model, argmax};
use doppelganger::engine::picture::open;
use doppelganger::engine::train::{Config, Rule, Stopping, Trainer};

const EPS: [f32; 6] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3];
const PHOTO_EPS: [f32; 3] = [1.0 / 255.0, 2.0 / 255.0, 4.0 / 255.0];

/// A net, and PyTorch's counts of its right answers: on the untouched pictures, and at each ε.
type Counts<const N: usize> = (&'static str, usize, [usize; N]);

/// `benches/peer_eval.py` (PyTorch, f32) printed these for the 10 000 test digits at [`EPS`]:
///
///     python benches/peer_eval.py models/digits_maxout.toml ../shared/data/mnist 0.05 0.1 0.15 0.2 0.25 0.3
const DIGITS: [Counts<6>; 5] = [
    ("digits_maxout", 9895, [9320, 7713, 5377, 3616, 2356, 1544]),
    ("digits_maxout_robust", 9912, [9578, 8630, 6797, 6051, 6504, 7336]),
    ("digits_cnn", 9935, [9685, 9173, 8249, 6776, 5236, 4071]),
    ("digits_cnn_robust", 9910, [9701, 9649, 9598, 9561, 9511, 9465]),
    ("digits_softmax", 9237, [5978, 1175, 92, 5, 0, 0]),
];

/// The same script printed these for the 5 450 validation photos, with `../shared/data/photos109.tar.xz 1/255 2/255
/// 4/255`.
const PHOTOS: [Counts<3>; 2] = [("photos109", 3695, [1950, 1103, 532]), ("photos109_robust", 3302, [2906, 2520, 1864])];

/// So many first pictures, five photos of each class, stand for a test set where the whole would take too long.
const FIRST: usize = 545;

/// The same script printed these for the first digits, with `--limit 545`.
const FIRST_DIGITS: [Counts<6>; 5] = [
    ("digits_maxout", 539, [503, 394, 251, 160, 101, 67]),
    ("digits_maxout_robust", 541, [522, 462, 349, 308, 341, 381]),
    ("digits_cnn", 543, [523, 493, 431, 340, 265, 200]),
    ("digits_cnn_robust", 542, [530, 529, 520, 519, 515, 512]),
    ("digits_softmax", 502, [278, 36, 1, 0, 0, 0]),
];

/// The same script printed these for the first photos, with `--limit 545`.
const FIRST_PHOTOS: [Counts<3>; 2] = [("photos109", 368, [197, 125, 61]), ("photos109_robust", 331, [291, 257, 191])];

#[test]
fn first_counts_on_mnist_agree_with_pytorch() {
    compare_counts("data/mnist", &EPS, &FIRST_DIGITS, Some(FIRST), 1);
}

#[test]
fn first_counts_on_photos_agree_with_pytorch() {
    compare_counts("data/photos109.tar.xz", &PHOTO_EPS, &FIRST_PHOTOS, Some(FIRST), 5);
}

#[test]
#[ignore = "measures a whole test set; .ci/run does"]
fn counts_on_mnist_agree_with_pytorch() {
    compare_counts("data/mnist", &EPS, &DIGITS, None, 3);
}

#[test]
#[ignore = "measures a whole test set; .ci/run does"]
fn counts_on_photos_agree_with_pytorch() {
    // Decoders of JPEG round otherwise. Of the same photos in PNG all counts are equal.
    compare_counts("data/photos109.tar.xz", &PHOTO_EPS, &PHOTOS, None, 8);
}

/// Holds FGSM on a test set, or on its first pictures, against PyTorch's counts of right answers, of which so many
/// pictures may be judged otherwise; and what the manifests say of a whole set against what is found.
fn compare_counts<const N: usize>(
    data: &str,
    eps: &[f32; N],
    expected: &[Counts<N>],
    limit: Option<usize>,
    tolerance: usize,
) {
    let Some(path) = shared(data) else { return };
    let load = |name| Arc::new(Catalogue::new(Vec::new()).load(name).unwrap());
    let data = Dataset::open(&path, Split::Test, &load(expected[0].0).classes).unwrap();
    for &(name, clean, attacked) in expected {
        let plan = EvalPlan { limit, ..EvalPlan::new(AttackSettings::Fgsm(Fgsm { norm: Norm::Linf }), eps) };
        let result = evaluate(&load(name), &data, &plan, |_| true).unwrap();
        let close = |found: usize, expected: usize| found.abs_diff(expected) <= tolerance;
        assert!(close(result.clean_correct, clean), "{name}: {}, {clean}", result.clean_correct);
        for (found, expected) in result.attacked.iter().zip(attacked) {
            assert!(close(found.correct, expected), "{name} at ε = {}: {}, {expected}", found.eps, found.correct);
        }
        if limit.is_none() {
            let said = Catalogue::new(Vec::new()).manifest(name).unwrap().accuracy.unwrap().top1;
            let found = result.clean_correct as f32 / data.len() as f32;
            assert!((said - found).abs() < 6e-5, "{name} is said to be right on {said}, found {found}");
        }
    }
}

#[test]
fn a_net_that_learns_from_drawn_digits_alone_reads_real_ones() {
    let Some(path) = shared("data/mnist") else { return };
    let config = Config {
        data: "drawn:8000".parse().unwrap(),
        model: "cnn:8,16,64".into(),
        epochs: 4,
        eps: 0.0,
        validation: 0,
        stopping: Stopping { rule: Rule::Off, ..Stopping::default() },
        ..Config::default()
    };
    let manifest = config.manifest(&Catalogue::new(Vec::new())).unwrap();
    let drawn = config.data.open(Split::Train, &manifest.classes, &mut |_| true).unwrap();
    let mut trainer = Trainer::new(manifest.clone(), Arc::new(drawn), config).unwrap();
    while !trainer.is_finished() {
        trainer.advance().unwrap();
    }
    let model = Arc::new(Model::new(manifest, &trainer.params().unwrap()).unwrap());
    let real = Dataset::open(&path, Split::Test, &model.classes).unwrap();
    let plan = EvalPlan::new(AttackSettings::Fgsm(Fgsm { norm: Norm::Linf }), &[]);
    let right = evaluate(&model, &real, &plan, |_| true).unwrap().clean_correct;
    assert!(right >= 9000, "{right} of 10 000 real digits");
}

#[test]
fn squeezenet_knows_real_photos_and_is_fooled() {
    let (Some(photos), Some(weights)) = (shared("data/imagenet/photos"), shared("models")) else { return };
    let model = Arc::new(Catalogue::new(vec![weights]).load("squeezenet1_1_caffe").unwrap());
    assert_eq!(model.manifest.parameter_count(), 1_235_496);
    let expected = std::fs::read_to_string(photos.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let (mut agree, mut fooled, mut largest_gap) = (0, [0; 4], 0.0f64);
    for photo in expected.as_array().unwrap() {
        let picture = open(&photos.join(photo["file"].as_str().unwrap())).unwrap();
        let planes = model.fit(&picture).unwrap();
        let baseline = Baseline::new(&model, planes, Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap();
        let says = argmax(&baseline.probabilities);
        if says as u64 == photo["squeezenet_top1"].as_u64().unwrap() {
            agree += 1;
            let expected = photo["squeezenet_top1_prob"].as_f64().unwrap();
            // The expected numbers are of pixels whose colour profile was passed over; one photo is in Adobe RGB.
            if picture.notes.iter().any(|note| note.contains("Adobe RGB")) {
                continue;
            }
            largest_gap = largest_gap.max((f64::from(baseline.probabilities[says]) - expected).abs());
        }
        for (levels, fooled) in [1.0, 2.0, 4.0, 8.0].into_iter().zip(&mut fooled) {
            let attacked = common::fgsm(&model, &baseline, levels / 255.0, true);
            *fooled += usize::from(attacked.verdict == Verdict::Fooled);
        }
    }
    // Resizers differ: "a few hundredths".
    assert!(agree >= 40 && largest_gap < 0.06, "{agree} of 42 agree, probabilities within {largest_gap}");
    assert!(fooled.iter().all(|&count| count > 30), "fooled at 1, 2, 4, 8 /255: {fooled:?}");
}
