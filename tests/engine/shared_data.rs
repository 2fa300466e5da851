//! The bundled nets on MNIST and SqueezeNet on photos, where `../shared` holds them.

use std::sync::Arc;

use crate::common;
use crate::common::shared;
use doppelganger::engine::attack::{AttackSettings, Baseline, Fgsm, Goal, Label, Loss, Norm, Verdict};
use doppelganger::engine::data::{Dataset, Split};
use doppelganger::engine::eval::{Plan, evaluate};
use doppelganger::engine::model::{Catalogue, Model, argmax};
use doppelganger::engine::picture::open;
use doppelganger::engine::train::{Config, Rule, Stopping, Trainer};

const EPS: [f32; 6] = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3];

/// Right answers of a net, as `benches/peer_eval.py` printed them (PyTorch, f32).
struct Counts<const N: usize> {
    net: &'static str,
    /// Of all pictures, untouched.
    clean: usize,
    /// Of the first [`ATTACKED`] pictures, at each ε.
    attacked: [usize; N],
}

/// So many pictures are attacked, which is five photos of each class: all would take longer than all other tests together.
const ATTACKED: usize = 545;

/// Of the 10 000 test digits, and of the first of them at [`EPS`]:
///
///     python benches/peer_eval.py models/digits_maxout.toml ../shared/data/mnist 0.05 0.1 0.15 0.2 0.25 0.3 [--limit 545]
const DIGITS: [Counts<6>; 5] = [
    Counts { net: "digits_maxout", clean: 9895, attacked: [502, 394, 251, 160, 102, 67] },
    Counts { net: "digits_maxout_robust", clean: 9912, attacked: [522, 462, 349, 308, 341, 381] },
    Counts { net: "digits_cnn", clean: 9935, attacked: [523, 493, 431, 340, 265, 200] },
    Counts { net: "digits_cnn_robust", clean: 9910, attacked: [530, 529, 520, 519, 516, 512] },
    Counts { net: "digits_softmax", clean: 9237, attacked: [278, 36, 1, 0, 0, 0] },
];

/// Of the 5 450 validation photos, by the same script with `../shared/data/photos109.tar.xz 1/255 2/255 4/255`.
const PHOTOS: [Counts<3>; 2] = [
    Counts { net: "photos109", clean: 3695, attacked: [197, 125, 61] },
    Counts { net: "photos109_robust", clean: 3302, attacked: [291, 257, 191] },
];

#[test]
fn counts_on_mnist_agree_with_pytorch() {
    compare_counts("data/mnist", &EPS, &DIGITS, 3, 1);
}

#[test]
fn counts_on_photos_agree_with_pytorch() {
    // Decoders of JPEG round otherwise. Of the same photos in PNG all counts are equal.
    compare_counts("data/photos109.tar.xz", &[1.0, 2.0, 4.0].map(|level| level / 255.0), &PHOTOS, 8, 8);
}

/// Holds the answers on a test set, and what the manifests say of them, against PyTorch's counts of right ones: `of_all` of the
/// untouched pictures may be judged otherwise, and `of_attacked` of the attacked ones.
fn compare_counts<const N: usize>(
    data: &str,
    eps: &[f32; N],
    expected: &[Counts<N>],
    of_all: usize,
    of_attacked: usize,
) {
    let Some(path) = shared(data) else { return };
    let catalogue = Catalogue::new(Vec::new());
    let classes = catalogue.manifest(expected[0].net).unwrap().classes;
    let data = Dataset::open(&path, Split::Test, &classes).unwrap();
    for &Counts { net, clean, attacked } in expected {
        let model = Arc::new(catalogue.load(net).unwrap());
        let right = right_answers(&model, &data);
        assert!(right.abs_diff(clean) <= of_all, "{net}: {right}, {clean}");
        let said = catalogue.manifest(net).unwrap().accuracy.unwrap().top1;
        let found = right as f32 / data.len() as f32;
        assert!((said - found).abs() < 6e-5, "{net} is said to be right on {said}, found {found}");
        let plan = Plan { limit: Some(ATTACKED), ..Plan::new(AttackSettings::Fgsm(Fgsm { norm: Norm::Linf }), eps) };
        let result = evaluate(&model, &data, &plan, |_, _| true).unwrap();
        for (found, expected) in result.attacked.iter().zip(attacked) {
            let (eps, found) = (found.eps, found.correct);
            assert!(found.abs_diff(expected) <= of_attacked, "{net} at ε = {eps}: {found}, {expected}");
        }
    }
}

/// How many pictures a net names rightly.
fn right_answers(model: &Model, data: &Dataset) -> usize {
    let indices: Vec<usize> = (0..data.len()).collect();
    let of = |batch: &[usize]| {
        let (x, labels) = data.batch(batch, model.input()).unwrap();
        let logits: Vec<Vec<f32>> = model.logits(&x).unwrap().to_vec2().unwrap();
        logits.iter().zip(labels).filter(|(logits, label)| argmax(logits) == *label).count()
    };
    indices.chunks(250).map(of).sum()
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
    let plan = Plan::new(AttackSettings::Fgsm(Fgsm { norm: Norm::Linf }), &[]);
    let right = evaluate(&model, &real, &plan, |_, _| true).unwrap().clean_correct;
    assert!(right >= 9000, "{right} of 10 000 real digits");
}

#[test]
fn squeezenet_knows_real_photos_and_is_fooled() {
    let (Some(photos), Some(weights)) = (shared("data/imagenet/photos"), shared("models")) else { return };
    let model = Arc::new(Catalogue::new(vec![weights]).load("squeezenet1_1_caffe").unwrap());
    assert_eq!(model.parameter_count(), 1_235_496);
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
