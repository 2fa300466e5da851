//! Steps of training: two passes against three, our kernels against candle's, and what they leave in memory.

use rand::{Rng, SeedableRng};

use super::*;
use crate::attack::PIXELS;
use crate::train::initial_params;

const PLAIN: &str = r#"
    { kind = "conv2d", name = "c", in = 1, out = 12, kernel = 3, padding = 1 }, { kind = "relu" },
    { kind = "max_pool2d", kernel = 2 }, { kind = "conv2d", name = "d", in = 12, out = 20, kernel = 3, padding = 1 },
    { kind = "relu" }, { kind = "max_pool2d", kernel = 2 }, { kind = "flatten" },
    { kind = "maxout", name = "m", in = 320, units = 24, pieces = 3 }, { kind = "linear", name = "l", in = 24, out = 10 }"#;
const NORMALISED: &str = r#"
    { kind = "conv2d", name = "c", in = 1, out = 8, kernel = 3, stride = 2, padding = 1, bias = false },
    { kind = "batch_norm2d", name = "n", channels = 8 }, { kind = "relu" },
    { kind = "residual", body = [{ kind = "conv2d", name = "d", in = 8, out = 8, kernel = 3, padding = 1, bias = false },
      { kind = "batch_norm2d", name = "o", channels = 8 }] }, { kind = "relu" },
    { kind = "residual", body = [{ kind = "conv2d", name = "e", in = 8, out = 12, kernel = 3, stride = 2, padding = 1, bias = false },
      { kind = "batch_norm2d", name = "p", channels = 12 }],
      shortcut = [{ kind = "conv2d", name = "s", in = 8, out = 12, kernel = 1, stride = 2, bias = false },
      { kind = "batch_norm2d", name = "q", channels = 12 }] }, { kind = "relu" },
    { kind = "global_avg_pool" }, { kind = "flatten" }, { kind = "linear", name = "l", in = 12, out = 10 }"#;

fn manifest(layers: &str) -> Manifest {
    let text = format!(
        "name = \"test\"\nweights = \"w\"\nclasses = [{}]\nlayers = [{layers}]\n\
         input = {{ channels = 1, height = 16, width = 16, mean = [0.1], std = [0.5] }}",
        (0..10).map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(", ")
    );
    Manifest::with_classes(&text, std::path::Path::new("test.toml"), &[]).unwrap()
}

fn learner(layers: &str, backend: &Backend) -> Learner {
    let manifest = manifest(layers);
    let params = initial_params(&manifest.graph, None, &mut ChaCha8Rng::seed_from_u64(5)).unwrap();
    Learner::new(backend, &manifest, &params, Algorithm::Sgd).unwrap()
}

fn batch(n: usize) -> (Vec<f32>, Vec<usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    ((0..n * 256).map(|_| rng.random()).collect(), (0..n).map(|i| i * 3 % 10).collect())
}

const OBJECTIVE: Objective = Objective {
    adversary: Adversary::Fgsm,
    norm: Norm::Linf,
    eps: 0.1,
    alpha: 0.5,
    trades: None,
    bounds: Some(PIXELS),
    smoothing: 0.0,
};
const SIZE: StepSize = StepSize { rate: 0.005, momentum: 0.9, nesterov: false, weight_decay: 1e-4, max_norm: None };

/// Trains a few steps and gives the objective's values and the weights.
fn run(mut learner: Learner, objective: Objective) -> (Vec<f32>, Vec<f32>) {
    let (x, labels) = batch(20);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let values = (0..3).map(|_| learner.step(&x, &labels, objective, SIZE, &mut rng).unwrap()).collect();
    (values, learner.net.parameters().values.clone())
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{what}: {a}, expected {b}");
    }
}

#[test]
fn two_passes_give_what_three_give() {
    assert!(learner(PLAIN, &Backend::Kernels).shares && !learner(NORMALISED, &Backend::Kernels).shares);
    for alpha in [0.5, 0.0, 0.9] {
        let objective = Objective { alpha, ..OBJECTIVE };
        let two = run(learner(PLAIN, &Backend::Kernels), objective);
        let three = run(Learner { shares: false, ..learner(PLAIN, &Backend::Kernels) }, objective);
        assert_close("objective", &two.0, &three.0);
        assert_close("weights", &two.1, &three.1);
        assert!(two.0[2] < two.0[0], "three steps on one batch must descend: {:?}", two.0);
    }
}

#[test]
fn without_a_share_of_the_clean_loss_a_step_is_one_on_the_adversarial_pictures() {
    let objective = Objective { alpha: 0.0, ..OBJECTIVE };
    let (x, labels) = batch(20);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut robust = learner(NORMALISED, &Backend::Kernels);
    let mut by_hand = learner(NORMALISED, &Backend::Kernels);
    let value = robust.step(&x, &labels, objective, SIZE, &mut rng).unwrap();
    let adversarial = by_hand.perturb(&x, &labels, objective, &mut rng).unwrap();
    assert_eq!(value, by_hand.step(&adversarial, &labels, Objective::default(), SIZE, &mut rng).unwrap());
    // Weights and running statistics.
    assert_eq!(robust.net.parameters().values, by_hand.net.parameters().values);
}

#[test]
fn candles_kernels_train_the_same_net() {
    let candle = Backend::Tensors(candle_core::Device::Cpu);
    for (layers, objective) in
        [(PLAIN, OBJECTIVE), (NORMALISED, OBJECTIVE), (NORMALISED, Objective { alpha: 1.0, ..OBJECTIVE })]
    {
        let ours = run(learner(layers, &Backend::Kernels), objective);
        let theirs = run(learner(layers, &candle), objective);
        assert_close("objective", &ours.0, &theirs.0);
        assert_close("weights", &ours.1, &theirs.1);
        let (x, labels) = batch(4);
        let mut learners = [learner(layers, &Backend::Kernels), learner(layers, &candle)];
        let [ours, theirs] = learners.each_mut().map(|learner| learner.attack(&x, &labels, OBJECTIVE).unwrap());
        assert_close("logits", &ours.0, &theirs.0);
        assert_close("adversarial", &ours.1, &theirs.1);
    }
}

#[test]
fn batches_of_any_size_follow_one_another() {
    let mut learner = learner(PLAIN, &Backend::Kernels);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for n in [7, 1, 33, 2] {
        let (x, labels) = batch(n);
        assert!(learner.step(&x, &labels, OBJECTIVE, SIZE, &mut rng).unwrap().is_finite());
        // A fresh net of the same weights sees no trace of the batches before.
        let params = learner.params().unwrap();
        let mut fresh = Learner::new(&Backend::Kernels, &manifest(PLAIN), &params, Algorithm::Sgd).unwrap();
        assert_eq!(learner.logits(&x).unwrap(), fresh.logits(&x).unwrap());
    }
    assert!(learner.step(&[], &[], OBJECTIVE, SIZE, &mut rng).is_err());
}

#[test]
fn adversaries_stay_within_eps_and_do_what_they_say() {
    let mut learner = learner(PLAIN, &Backend::Kernels);
    let (x, labels) = batch(20);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..10 {
        learner.step(&x, &labels, Objective::default(), SIZE, &mut rng).unwrap();
    }
    let loss = |learner: &mut Learner, x: &[f32]| {
        let losses = crate::loss::Loss::CrossEntropy.values(&learner.logits(x).unwrap(), &labels).unwrap();
        losses.iter().sum::<f32>() / losses.len() as f32
    };
    let clean = loss(&mut learner, &x);
    let mut losses = Vec::new();
    for adversary in [
        Adversary::Signs,
        Adversary::Uniform,
        Adversary::Fgsm,
        Adversary::RandomFgsm,
        Adversary::Pgd { steps: 1 },
        Adversary::Pgd { steps: 20 },
    ] {
        for bounds in [Some(PIXELS), None] {
            let objective = Objective { adversary, bounds, ..OBJECTIVE };
            let moved = learner.perturb(&x, &labels, objective, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
            let farthest = moved.iter().zip(&x).map(|(m, x)| (m - x).abs()).fold(0.0, f32::max);
            assert!(farthest <= 0.1 + 1e-6 && farthest > 0.09, "{adversary}: {farthest}");
            assert_eq!(moved.iter().all(|m| (0.0..=1.0).contains(m)), bounds.is_some(), "{adversary}");
            let again = learner.perturb(&x, &labels, objective, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
            assert_eq!(moved, again, "{adversary}");
            if bounds.is_some() {
                losses.push(loss(&mut learner, &moved));
            }
        }
        assert_eq!(adversary.to_string().parse::<Adversary>().unwrap(), adversary);
    }
    let [signs, uniform, fgsm, random, one, twenty] = losses[..] else { panic!("{losses:?}") };
    // Noise does next to nothing, one step much, twenty more than one.
    assert!(signs - clean < 0.3 * (fgsm - clean) && uniform < signs.max(clean) + 0.01, "{clean} {losses:?}");
    assert!(random > signs && one > signs && twenty > one && twenty >= fgsm, "{clean} {losses:?}");
    assert!("pgd-x".parse::<Adversary>().is_err());
}

#[test]
fn what_an_adversary_draws_leaves_the_dropout_masks_alone() {
    let layers =
        PLAIN.replace("{ kind = \"flatten\" },", "{ kind = \"flatten\" }, { kind = \"dropout\", keep = 0.5 },");
    let (x, labels) = batch(20);
    let draws = |adversary| {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let objective = Objective { adversary, ..OBJECTIVE };
        learner(&layers, &Backend::Kernels).step(&x, &labels, objective, SIZE, &mut rng).unwrap();
        rng.random::<u64>()
    };
    assert_eq!(draws(Adversary::Fgsm), draws(Adversary::Pgd { steps: 3 }));
    assert_eq!(draws(Adversary::Fgsm), draws(Adversary::Uniform));
}

/// Returns the lengths of what an adversary adds to twenty pictures.
fn lengths(learner: &mut Learner, objective: Objective) -> Vec<f32> {
    let (x, labels) = batch(20);
    let moved = learner.perturb(&x, &labels, objective, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    let added: Vec<f32> = moved.iter().zip(&x).map(|(moved, x)| moved - x).collect();
    added.chunks(256).map(|added| objective.norm.length(added)).collect()
}

#[test]
fn adversaries_in_l2_are_as_long_as_eps() {
    let mut learner = learner(PLAIN, &Backend::Kernels);
    let objective = Objective { norm: Norm::L2, eps: 1.5, bounds: None, ..OBJECTIVE };
    for (adversary, least) in [
        (Adversary::Fgsm, 1.499),
        (Adversary::Pgd { steps: 10 }, 1.499),
        (Adversary::RandomFgsm, 0.5),
        (Adversary::Uniform, 1.4),
    ] {
        for length in lengths(&mut learner, Objective { adversary, ..objective }) {
            assert!((least..=1.5 * (1.0 + 1e-5)).contains(&length), "{adversary}: {length}");
        }
    }
    // From a linear net the step is ε·w/‖w‖ against a rival.
    let linear = r#"{ kind = "flatten" }, { kind = "linear", name = "l", in = 256, out = 10 }"#;
    let mut linear = self::learner(linear, &Backend::Kernels);
    let (x, labels) = batch(3);
    let (logits, moved) = linear.attack(&x, &labels, objective).unwrap();
    let w = linear.tensor("l.weight").unwrap();
    for (row, (moved, x)) in moved.chunks(256).zip(x.chunks(256)).enumerate() {
        let p = crate::loss::softmax(&logits[10 * row..][..10]);
        let slope = |pixel: usize| -> f64 {
            let of =
                |k: usize| f64::from(w[256 * k + pixel]) * (f64::from(p[k]) - f64::from(u8::from(k == labels[row])));
            (0..10).map(of).sum()
        };
        let slopes: Vec<f64> = (0..256).map(slope).collect();
        let norm = slopes.iter().map(|s| s * s).sum::<f64>().sqrt();
        for ((moved, x), slope) in moved.iter().zip(x).zip(slopes) {
            assert!((f64::from(moved - x) - 1.5 * slope / norm).abs() < 1e-5);
        }
    }
}

#[test]
fn the_noisy_form_may_leave_eps() {
    let mut learner = learner(PLAIN, &Backend::Kernels);
    let objective = Objective { adversary: Adversary::NoisyFgsm, bounds: None, ..OBJECTIVE };
    let lengths = lengths(&mut learner, objective);
    assert!(lengths.iter().all(|length| (0.2..=0.3 + 1e-6).contains(length)), "{lengths:?}");
}

#[test]
fn trades_pushes_answers_apart_in_the_attack_and_together_in_training() {
    let divergence = |learner: &mut Learner, objective: Objective| {
        let (x, labels) = batch(20);
        let moved = learner.perturb(&x, &labels, objective, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
        let both = [learner.logits(&x).unwrap(), learner.logits(&moved).unwrap()].concat();
        let with = |beta: f32| trades_loss(&both, &labels, 0.0, beta).unwrap().0;
        with(1.0) - with(0.0)
    };
    let adversary = Adversary::Pgd { steps: 10 };
    let trades = Objective { adversary, trades: Some(6.0), ..OBJECTIVE };
    let mut learner = learner(PLAIN, &Backend::Kernels);
    let (x, labels) = batch(20);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..30 {
        learner.step(&x, &labels, Objective::default(), SIZE, &mut rng).unwrap();
    }
    let before = divergence(&mut learner, trades);
    let noise = divergence(&mut learner, Objective { adversary: Adversary::Uniform, ..trades });
    assert!(before > 3.0 * noise && noise > 0.0, "{before} {noise}");
    let values: Vec<f32> = (0..30).map(|_| learner.step(&x, &labels, trades, SIZE, &mut rng).unwrap()).collect();
    let after = divergence(&mut learner, trades);
    assert!(after < before && values[29] < values[0], "{before} {after} {values:?}");
}

#[test]
fn free_replays_take_as_many_steps_on_a_batch() {
    let free = Objective { adversary: Adversary::Free { replays: 4 }, alpha: 0.0, ..OBJECTIVE };
    let mut learner = learner(PLAIN, &Backend::Kernels);
    let (x, labels) = batch(20);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let values: Vec<f32> = (0..5).map(|_| learner.step(&x, &labels, free, SIZE, &mut rng).unwrap()).collect();
    assert_eq!(learner.optimiser.steps, 20);
    assert!(values[4] < values[0], "{values:?}");
    // One replay without slopes to follow is a step on pictures with noise.
    let once = Objective { adversary: Adversary::Free { replays: 1 }, ..free };
    let noise = Objective { adversary: Adversary::Uniform, ..free };
    let [one, other] = [once, noise].map(|objective| run(self::learner(PLAIN, &Backend::Kernels), objective));
    assert_eq!(one, other);
}

#[test]
fn the_average_of_the_weights_is_what_is_used() {
    let mut averaged = learner(PLAIN, &Backend::Kernels).averaging(Some(0.9));
    let (x, labels) = batch(20);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut by_hand = averaged.net.parameters().values.clone();
    for step in 1..=40_u8 {
        averaged.step(&x, &labels, OBJECTIVE, SIZE, &mut rng).unwrap();
        let decay = (f32::from(1 + step) / f32::from(10 + step)).min(0.9);
        let now = &averaged.net.parameters().values;
        by_hand.iter_mut().zip(now).for_each(|(average, now)| *average = decay * *average + (1.0 - decay) * now);
    }
    let now = averaged.net.parameters().values.clone();
    averaged.with_average(|learner| assert_close("average", &learner.net.parameters().values, &by_hand));
    assert_eq!(averaged.net.parameters().values, now, "training goes on with the last ones");
    let used = Learner::new(&Backend::Kernels, &manifest(PLAIN), &averaged.params().unwrap(), Algorithm::Sgd).unwrap();
    assert_close("what is kept", &used.net.parameters().values, &by_hand);
    assert!(used.net.parameters().values != now);
}
