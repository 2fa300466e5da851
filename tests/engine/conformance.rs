//! What a correct attack satisfies, each as a test against a closed form or an independent computation.

use std::path::Path;
use std::sync::Arc;

use crate::common;
use candle_core::{Device, Tensor};
use doppelganger::engine::Result;
use doppelganger::engine::attack::{
    Attack, Baseline, Bounds, DeepFool, Fgsm, Goal, GradientSteps, Label, Loss, Norm, PIXELS, Problem, Rules, Verdict,
    eps_curve, finish, input_gradient,
};
use doppelganger::engine::model::{Catalogue, Manifest, Model, Params, argmax};
use doppelganger::engine::picture::{Planes, decode, png_bytes};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A linear two-class net on 1×1×n "pictures": logits (0, w·x + b).
fn linear_model(weights: &[f32], bias: f32) -> Arc<Model> {
    let n = weights.len();
    let text = format!(
        r#"
        name = "linear"
        input = {{ channels = 1, height = 1, width = {n}, mean = [0.0], std = [1.0] }}
        classes = ["no", "yes"]
        weights = "none.safetensors"
        layers = [{{ kind = "flatten" }}, {{ kind = "linear", name = "l", in = {n}, out = 2 }}]
        "#
    );
    let manifest = Manifest::with_classes(&text, Path::new("linear.toml"), &[]).unwrap();
    let rows = [vec![0.0; n], weights.to_vec()].concat();
    let params = Params::from([
        ("l.weight".to_owned(), Tensor::from_vec(rows, (2, n), &Device::Cpu).unwrap()),
        ("l.bias".to_owned(), Tensor::from_slice(&[0.0, bias], 2, &Device::Cpu).unwrap()),
    ]);
    Arc::new(Model::new(manifest, &params).unwrap())
}

fn digits_cnn() -> Arc<Model> {
    bundled_net("digits_cnn")
}

fn bundled_net(name: &str) -> Arc<Model> {
    Arc::new(Catalogue::new(Vec::new()).load(name).unwrap())
}

fn bundled(model: &Model, name: &str) -> Planes {
    model.fit(&doppelganger::engine::data::sample(name).unwrap().picture().unwrap()).unwrap()
}

fn tensor(values: &[f32], shape: (usize, usize, usize, usize)) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn random(n: usize, range: std::ops::Range<f32>, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(range.clone())).collect()
}

#[test]
fn c01_eps_zero_returns_the_picture_bit_for_bit() {
    let model = digits_cnn();
    let x = bundled(&model, "digit-3");
    let baseline = Baseline::new(&model, x.clone(), Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap();
    let attacked = common::fgsm(&model, &baseline, 0.0, true);
    assert_eq!(attacked.adversarial.values, x.values);
    assert_eq!(attacked.probabilities, baseline.probabilities);
    assert_eq!((attacked.linf, attacked.l2, attacked.verdict), (0.0, 0.0, Verdict::StillRight));
}

/// FGSM on pictures of the class "no" of a linear net: the gradient of the log-odds is `w` at each of them, exactly.
fn fgsm(x: &[f32], w: &[f32], eps: &[f32], bounds: Option<Bounds>) -> Result<Vec<f32>> {
    let rules = Rules { loss: Loss::LogOdds, bounds, ..Rules::default() };
    let problem = Problem::new(linear_model(w, 0.0), x.to_vec(), vec![0; x.len() / w.len()], rules)?;
    finish(&Fgsm { norm: Norm::Linf }, &problem.with_eps(eps)?, |_| true)
}

#[test]
fn c02_impossible_eps_and_eta_are_refused() {
    let x = [0.5, 0.5];
    let problem = Problem::new(linear_model(&x, 0.0), x.to_vec(), vec![0], Rules::default()).unwrap();
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        let message = fgsm(&x, &x, &[bad], None).unwrap_err().to_string();
        assert!(message.starts_with("ε is ") && message.lines().count() == 1, "{message}");
        assert!(GradientSteps { eta: bad, steps: 1 }.start(&problem).is_err());
    }
    assert!(fgsm(&x, &x, &[0.1, 0.1], None).is_err(), "two values of ε for one picture");
    assert!(fgsm(&x, &[0.5, 0.5, 0.5], &[0.1], None).is_err(), "no whole picture");
}

#[test]
fn c03_bad_bounds_and_pictures_outside_them_are_refused() {
    assert!(Bounds::new(0.2, 0.1).is_err() && Bounds::new(f32::NAN, 1.0).is_err());
    for bad in [[0.5, 1.1], [-0.1, 0.5], [f32::NAN, 0.5], [0.5, f32::INFINITY]] {
        let message = fgsm(&bad, &[1.0, 1.0], &[0.1], Some(PIXELS)).unwrap_err();
        assert!(message.to_string().contains("expected all of it in 0 to 1"), "{message}");
    }
}

#[test]
fn c04_the_result_lies_inside_the_bounds() {
    let bounds = Bounds::new(-0.2, 0.1).unwrap();
    let moved = fgsm(&[-0.2, -0.1, 0.0, 0.1], &[-1.0, 1.0, -2.0, 3.0], &[0.5], Some(bounds)).unwrap();
    assert_eq!(moved, [-0.2, 0.1, -0.2, 0.1]);
}

#[test]
fn c05_the_perturbation_is_as_long_as_eps_and_never_longer() {
    let w = random(100, -1.0..1.0, 2);
    let lengths = |x: &[f32], eps: f32| -> Vec<f32> {
        let moved = fgsm(x, &w, &[eps], Some(PIXELS)).unwrap();
        let delta: Vec<f32> = moved.iter().zip(x).map(|(moved, x)| moved - x).collect();
        delta.chunks(100).map(|delta| Norm::Linf.length(delta)).collect()
    };
    let grey = random(300, 0.35..0.65, 1);
    for eps in [0.001, 0.007, 0.1, 0.3] {
        assert!(lengths(&grey, eps).iter().all(|length| (length - eps).abs() <= 1e-6), "ε = {eps}");
    }
    let any = random(300, 0.0..1.0, 3);
    for eps in [0.5, 2.0] {
        assert!(lengths(&any, eps).iter().all(|length| *length <= eps + 1e-6), "ε = {eps}");
    }
}

#[test]
fn c06_closed_forms_of_the_steepest_step() {
    let g = [1.0f32, -2.0];
    let dot = |eta: &[f32]| eta[0] * g[0] + eta[1] * g[1];
    let linf = Norm::Linf.steepest(&g);
    assert_eq!((linf.as_slice(), dot(&linf)), ([1.0, -1.0].as_slice(), 3.0));
    let l2 = Norm::L2.steepest(&[0.5f32.sqrt(), -(0.5f32.sqrt())]);
    assert!((l2[0] - 0.5f32.sqrt()).abs() < 1e-6 && (l2[0] * l2[0] + l2[1] * l2[1] - 1.0).abs() < 1e-6);
    let l1 = Norm::L1.steepest(&g);
    assert_eq!((l1.as_slice(), dot(&l1)), ([0.0, -1.0].as_slice(), 2.0));
    for norm in [Norm::Linf, Norm::L2, Norm::L1] {
        assert_eq!(norm.steepest(&[0.0, 0.0]), [0.0, 0.0]);
    }
    // Squares of these would underflow.
    assert!((Norm::L2.steepest(&[1e-30, 0.0])[0] - 1.0).abs() < 1e-6);
}

#[test]
fn c07_fgsm_is_exact_for_a_linear_net() {
    // J_adv = softplus(ε·‖w‖₁ − y·(wᵀx + b)), y = ±1 (arXiv 1412.6572, section 5, for both signs of y).
    let w = random(12, -1.0..1.0, 4);
    let model = linear_model(&w, 0.3);
    let x = random(8 * 12, 0.3..0.7, 5);
    let labels: Vec<usize> = (0..8).map(|i| i % 2).collect();
    let eps = 0.2f32;
    let problem = Problem::new(model.clone(), x.clone(), labels.clone(), Rules::default()).unwrap();
    let adversarial = finish(&Fgsm { norm: Norm::Linf }, &problem.with_eps(&[eps]).unwrap(), |_| true).unwrap();
    let losses = |x: &[f32]| {
        input_gradient(&model, &tensor(x, (8, 1, 1, 12)), &labels, Loss::CrossEntropy).unwrap().cross_entropy
    };
    let (before, after) = (losses(&x), losses(&adversarial));
    let l1: f64 = w.iter().map(|w| f64::from(w.abs())).sum();
    for (i, (&label, row)) in labels.iter().zip(x.chunks(12)).enumerate() {
        let y = if label == 1 { 1.0 } else { -1.0 };
        let score: f64 = row.iter().zip(&w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + 0.3;
        let softplus = |z: f64| (1.0 + z.exp()).ln();
        let expected = [softplus(-y * score), softplus(f64::from(eps) * l1 - y * score)];
        for (found, expected) in [before[i], after[i]].iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "picture {i}: {found}, expected {expected}");
        }
    }
}

#[test]
fn c07_the_ten_dimensional_toy() {
    // x = (2, -1, 3, -2, 2, 2, 1, -4, 5, 1), w = (-1, -1, 1, -1, 1, -1, 1, 1, -1, 1): score −3; moving every
    // coordinate by .5·sign(w) gives +2. Probabilities σ(−3) = .0474 and σ(2) = .8808.
    let x = [2.0, -1.0, 3.0, -2.0, 2.0, 2.0, 1.0, -4.0, 5.0, 1.0f32];
    let w = [-1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 1.0, -1.0, 1.0f32];
    let model = linear_model(&w, 0.0);
    let moved = fgsm(&x, &w, &[0.5], None).unwrap();
    let expected: Vec<f32> = x.iter().zip(w).map(|(x, w)| x + 0.5 * w).collect();
    assert_eq!(moved, expected);
    let prob = |x: &[f32]| {
        let logits = model.logits(&tensor(x, (1, 1, 1, 10))).unwrap().to_vec2::<f32>().unwrap();
        (logits[0][1], doppelganger::engine::loss::softmax(&logits[0])[1])
    };
    let ((before, p), (after, q)) = (prob(&x), prob(&moved));
    assert!((before + 3.0).abs() < 1e-5 && (p - 0.0474).abs() < 1e-4, "{before} {p}");
    assert!((after - 2.0).abs() < 1e-5 && (q - 0.8808).abs() < 1e-4, "{after} {q}");
}

#[test]
fn c08_a_targeted_attack_goes_towards_its_target() {
    let model = digits_cnn();
    let x = bundled(&model, "digit-3");
    let baseline = Baseline::new(&model, x.clone(), Label::Given(3), Goal::Targeted(8), Loss::CrossEntropy).unwrap();
    let attacked = common::fgsm(&model, &baseline, 0.02, true);
    assert!(attacked.probabilities[8] > baseline.probabilities[8]);
    let loss = |x: &Planes| {
        input_gradient(&model, &x.to_tensor().unwrap(), &[8], Loss::CrossEntropy).unwrap().cross_entropy[0]
    };
    assert!(loss(&attacked.adversarial) < loss(&x));
    // Against the target as a label, the untargeted step is the opposite one.
    let away = Baseline::new(&model, x, Label::Given(8), Goal::Untargeted, Loss::CrossEntropy).unwrap();
    let away = common::fgsm(&model, &away, 0.02, false);
    let towards = common::fgsm(&model, &baseline, 0.02, false);
    for (a, b) in away.perturbation.values.iter().zip(&towards.perturbation.values) {
        assert!((a + b).abs() < 1e-6);
    }
}

#[test]
fn c08_verdicts() {
    assert_eq!(Verdict::of(3, Goal::Untargeted, 3), Verdict::StillRight);
    assert_eq!(Verdict::of(3, Goal::Untargeted, 5), Verdict::Fooled);
    assert_eq!(Verdict::of(3, Goal::Targeted(8), 5), Verdict::Fooled);
    assert_eq!(Verdict::of(3, Goal::Targeted(8), 8), Verdict::FooledAsAsked);
    assert_eq!(Verdict::of(3, Goal::Targeted(3), 3), Verdict::StillRight);
}

#[test]
fn c09_a_picture_is_attacked_alike_alone_and_in_a_batch() {
    let model = digits_cnn();
    let pictures: Vec<Planes> = (0..10).map(|d| bundled(&model, &format!("digit-{d}"))).collect();
    let tensors: Vec<Tensor> = pictures.iter().map(|p| p.to_tensor().unwrap()).collect();
    let labels: Vec<usize> = (0..10).collect();
    let batch = input_gradient(&model, &Tensor::cat(&tensors, 0).unwrap(), &labels, Loss::CrossEntropy).unwrap();
    let together = values(&batch.gradient);
    for (i, x) in tensors.iter().enumerate() {
        let alone = input_gradient(&model, x, &[i], Loss::CrossEntropy).unwrap();
        assert!((alone.cross_entropy[0] - batch.cross_entropy[i]).abs() <= 1e-5 * batch.cross_entropy[i].max(1.0));
        let alone = values(&alone.gradient);
        let scale = alone.iter().fold(1e-12f32, |m, g| m.max(g.abs()));
        for (a, b) in alone.iter().zip(&together[i * 784..]) {
            assert!((a - b).abs() < 1e-5 * scale, "picture {i}: {a} alone, {b} in a batch");
        }
    }
}

#[test]
fn c10_the_callers_pictures_are_untouched_and_eps_may_be_given_for_each() {
    let (x, w) = (random(20, 0.0..1.0, 6), random(10, -1.0..1.0, 7));
    let problem = Problem::new(linear_model(&w, 0.0), x.clone(), vec![0; 2], Rules::default()).unwrap();
    finish(&Fgsm { norm: Norm::Linf }, &problem.with_eps(&[0.2]).unwrap(), |_| true).unwrap();
    assert_eq!(problem.x.to_vec(), x);
    let moved = |eps: &[f32]| fgsm(&x, &w, eps, Some(PIXELS)).unwrap();
    assert_eq!(moved(&[0.2]), moved(&[0.2, 0.2]));
    let first_only = moved(&[0.2, 0.0]);
    assert_eq!((&first_only[..10], &first_only[10..]), (&moved(&[0.2])[..10], &x[10..]));
}

#[test]
fn c12_a_saturated_net_still_shows_the_way_and_a_dead_one_is_counted() {
    for scale in [100.0, 1e4] {
        let w: Vec<f32> = random(10, -1.0..1.0, 8).iter().map(|w| w * scale).collect();
        let sum: f32 = w.iter().sum();
        // The logit gap on a grey picture is the bias: 60, far beyond where 1 − p is exact in f32.
        let model = linear_model(&w, 60.0 * scale / 100.0 - 0.5 * sum);
        let x = tensor(&[0.5; 10], (1, 1, 1, 10));
        let gradient = input_gradient(&model, &x, &[1], Loss::LogOdds).unwrap();
        assert_eq!(gradient.saturated, [true]);
        assert_eq!(gradient.zero_fractions().unwrap(), [0.0]);
        let signs: Vec<bool> = values(&gradient.gradient).iter().map(|&g| g > 0.0).collect();
        assert_eq!(signs, w.iter().map(|&w| w < 0.0).collect::<Vec<_>>(), "away from the label is against w");
    }
    let dead = linear_model(&[0.0; 10], 3.0);
    let gradient = input_gradient(&dead, &tensor(&[0.5; 10], (1, 1, 1, 10)), &[1], Loss::CrossEntropy).unwrap();
    assert_eq!(gradient.zero_fractions().unwrap(), [1.0]);
    let half = linear_model(&[1.0, 0.0, -1.0, 0.0], 0.0);
    let gradient = input_gradient(&half, &tensor(&[0.5; 4], (1, 1, 1, 4)), &[1], Loss::CrossEntropy).unwrap();
    assert_eq!(gradient.zero_fractions().unwrap(), [0.5]);
}

#[test]
fn c12_both_losses_show_the_same_way_where_the_net_is_unsure() {
    let model = linear_model(&random(10, -1.0..1.0, 9), 0.1);
    let x = tensor(&random(30, 0.0..1.0, 10), (3, 1, 1, 10));
    let follow = |loss| input_gradient(&model, &x, &[0, 1, 1], loss).unwrap();
    let (j, l) = (follow(Loss::CrossEntropy), follow(Loss::LogOdds));
    assert_eq!(j.saturated, [false; 3]);
    for (i, (j_row, l_row)) in values(&j.gradient).chunks(10).zip(values(&l.gradient).chunks(10)).enumerate() {
        // ∇J = σ(L)·∇L = (1 − e^−J)·∇L.
        let factor = 1.0 - (-j.cross_entropy[i]).exp();
        for (j, l) in j_row.iter().zip(l_row) {
            assert!((j - factor * l).abs() < 1e-6, "picture {i}: {j}, {factor} of {l}");
        }
    }
}

#[test]
fn c13_forward_passes_agree_while_attacking() {
    // digits_maxout has three dropout layers; a net in training mode would answer differently each time.
    let model = bundled_net("digits_maxout");
    let x = bundled(&model, "digit-7");
    let first = model.probabilities(&x).unwrap();
    for _ in 0..4 {
        let baseline =
            Baseline::new(&model, x.clone(), Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap();
        common::fgsm(&model, &baseline, 0.1, true);
        assert_eq!(baseline.probabilities, first);
    }
}

#[test]
fn c14_a_pixel_without_gradient_does_not_move() {
    let moved = fgsm(&[0.5; 4], &[0.0, -0.0, 1e-38, -3.0], &[0.25], Some(PIXELS)).unwrap();
    assert_eq!(moved, [0.5, 0.5, 0.75, 0.25]);
}

#[test]
fn c16_the_saved_file_gets_the_answer_that_the_screen_shows() {
    for name in ["digits_cnn", "digits_maxout"] {
        let model = bundled_net(name);
        for digit in 0..10 {
            let x = bundled(&model, &format!("digit-{digit}"));
            let baseline = Baseline::new(&model, x, Label::Given(digit), Goal::Untargeted, Loss::CrossEntropy).unwrap();
            for eps in [0.0, 0.007, 8.0 / 255.0, 0.07, 0.1, 0.25, 0.3] {
                let attacked = common::fgsm(&model, &baseline, eps, true);
                let bytes = png_bytes(&attacked.in_8_bits(&model).unwrap(), &[]).unwrap();
                let reopened = model.fit(&decode(&bytes, "the saved file").unwrap()).unwrap();
                let says = argmax(&model.probabilities(&reopened).unwrap());
                assert_eq!(says, argmax(&attacked.probabilities), "{name}, digit {digit}, ε = {eps}");
            }
        }
    }
}

#[test]
fn the_plain_gradient_step_follows_the_gradient_itself() {
    let model = linear_model(&[2.0, -1.0], 0.0);
    let x = Planes { channels: 1, height: 1, width: 2, values: vec![0.5, 0.5] };
    // J(x, yes) = softplus(−s), s = 2·.5 − .5 = .5; ∇J = −σ(−.5)·(2, −1).
    let slope = 1.0 / (1.0 + 0.5f32.exp());
    let baseline = Baseline::new(&model, x, Label::Given(1), Goal::Untargeted, Loss::CrossEntropy).unwrap();
    let after = |steps| common::attacked(&model, &baseline, &GradientSteps { eta: 0.1, steps }, 0.0, true);
    let one = after(1);
    let expected = [0.5 - 0.1 * slope * 2.0, 0.5 + 0.1 * slope];
    for (found, expected) in one.adversarial.values.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
    // A second step takes a fresh gradient.
    let score = 2.0 * expected[0] - expected[1];
    let slope = 1.0 / (1.0 + score.exp());
    let two = after(2);
    assert!((two.adversarial.values[0] - (expected[0] - 0.1 * slope * 2.0)).abs() < 1e-6);
}

#[test]
fn pictures_of_8_bits_move_by_whole_grey_levels() {
    let model = digits_cnn();
    let x = bundled(&model, "digit-3");
    let baseline = Baseline::new(&model, x.clone(), Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap();
    let problem = baseline.problem(&model, Rules { eight_bit: true, ..Rules::default() }).unwrap();
    let moved = |levels: f32, attack: &dyn Attack| {
        baseline.attacked(attack, &problem.with_eps(&[levels / 255.0]).unwrap()).unwrap()
    };
    let fgsm = Fgsm { norm: Norm::Linf };
    for (levels, expected) in [(0.4, 0.0), (0.6, 1.0), (1.4, 1.0), (9.7, 10.0)] {
        let attacked = moved(levels, &fgsm);
        assert!((attacked.linf * 255.0 - expected).abs() < 1e-3, "{levels}: {}", attacked.linf * 255.0);
        // What is on screen is what a file of it gets.
        let file = model
            .fit(&decode(&png_bytes(&attacked.in_8_bits(&model).unwrap(), &[]).unwrap(), "file").unwrap())
            .unwrap();
        assert_eq!(file.values, attacked.adversarial.values, "{levels}");
        assert_eq!(model.probabilities(&file).unwrap(), attacked.probabilities);
    }
    assert_eq!(moved(0.4, &fgsm).probabilities, baseline.probabilities);
    // DeepFool stops when the rounded picture fools.
    let attacked = moved(0.0, &DeepFool::default());
    let on_grid = |v: &f32| (v * 255.0 - (v * 255.0).round()).abs() < 1e-4;
    assert!(attacked.adversarial.values.iter().all(on_grid) && attacked.verdict == Verdict::Fooled);
    // Along a line the net is shown the same.
    let direction: Vec<f32> = Norm::Linf.steepest(&baseline.gradient.values);
    let curve = eps_curve(&model, &baseline.input, &direction, &[0.4 / 255.0, 9.7 / 255.0], problem.rules).unwrap();
    for (found, levels) in curve.probabilities.iter().zip([0.4, 9.7]) {
        for (found, expected) in found.iter().zip(moved(levels, &fgsm).probabilities) {
            assert!((found - expected).abs() < 1e-5, "{levels}: {found} {expected}");
        }
    }
}
