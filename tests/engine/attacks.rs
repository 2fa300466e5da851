//! These tests hold for all attacks and norms, or compare an attack with what it is known to do on a linear net, where its
//! answer has a closed form.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use doppelganger::engine::attack::{
    Apgd, AttackInput, AttackSettings, AutoAttack, Bim, CarliniWagner, DeepFool, ElasticNet, Fab, Fgsm, Fmn,
    GradientSteps, Loss, MinimalEps, MomentumFgsm, Noise, NoiseKind, Norm, Objective, Pgd, Problem, Reached, Rules,
    SaliencyMap, Shortest, Square, eps_curve, eps_range, finish,
};
use doppelganger::engine::loss::softmax;
use doppelganger::engine::model::{Catalogue, Manifest, Model, Params, argmax};
use doppelganger::engine::picture::Planes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const NORMS: [Norm; 3] = [Norm::Linf, Norm::L2, Norm::L1];

fn fgsm(norm: Norm) -> AttackSettings {
    AttackSettings::Fgsm(Fgsm { norm })
}

fn bim(norm: Norm, steps: usize) -> AttackSettings {
    AttackSettings::Bim(Bim { norm, steps, step_size: None })
}

fn pgd(norm: Norm, restarts: usize) -> AttackSettings {
    AttackSettings::Pgd(Pgd { norm, steps: 5, step_size: None, random_start: true, restarts })
}

fn momentum(norm: Norm, decay: f32) -> AttackSettings {
    AttackSettings::Momentum(MomentumFgsm { norm, steps: 5, step_size: None, decay })
}

fn minimal(attack: AttackSettings, largest: f32) -> AttackSettings {
    AttackSettings::MinimalEps(MinimalEps { attack: attack.into(), largest, rungs: 10, bisections: 8 })
}

fn deepfool(norm: Norm) -> AttackSettings {
    AttackSettings::DeepFool(DeepFool { norm, ..DeepFool::default() })
}

fn apgd(norm: Norm, objective: Objective) -> AttackSettings {
    AttackSettings::Apgd(Apgd { norm, objective, steps: 10, restarts: 1 })
}

fn fab(norm: Norm) -> AttackSettings {
    AttackSettings::Fab(Fab { steps: 30, ..Fab::new(norm) })
}

fn fmn(shortest: Shortest) -> AttackSettings {
    AttackSettings::Fmn(Fmn { shortest, steps: 100, step_size: 1.0, gamma: 0.05 })
}

fn carlini_wagner(search_steps: usize, steps: usize) -> AttackSettings {
    let usual = CarliniWagner::default();
    AttackSettings::CarliniWagner(CarliniWagner { search_steps, steps, initial_c: 1.0, ..usual })
}

/// Those that keep to an ε.
fn within_eps() -> Vec<AttackSettings> {
    let mut all: Vec<AttackSettings> = NORMS.into_iter().map(fgsm).collect();
    for norm in [Norm::Linf, Norm::L2] {
        all.extend([bim(norm, 5), pgd(norm, 1), pgd(norm, 2), momentum(norm, 1.0)]);
        all.extend([Objective::Loss, Objective::Dlr, Objective::TargetedDlr { targets: 2 }].map(|o| apgd(norm, o)));
        all.push(AttackSettings::Square(Square { queries: 40, ..Square::new(norm) }));
        all.push(AttackSettings::AutoAttack(AutoAttack { norm }));
    }
    all.extend(NoiseKind::ALL.map(|kind| AttackSettings::Noise(Noise { kind })));
    all
}

/// Those that look for something by themselves.
fn free() -> Vec<AttackSettings> {
    vec![
        AttackSettings::Gradient(GradientSteps { eta: 0.5, steps: 5 }),
        deepfool(Norm::L2),
        deepfool(Norm::Linf),
        fab(Norm::L2),
        fab(Norm::Linf),
        fmn(Shortest::In(Norm::L2)),
        fmn(Shortest::In(Norm::Linf)),
        fmn(Shortest::In(Norm::L1)),
        fmn(Shortest::Count),
        carlini_wagner(3, 30),
        AttackSettings::ElasticNet(ElasticNet { search_steps: 3, steps: 30, ..ElasticNet::default() }),
        AttackSettings::SaliencyMap(SaliencyMap { theta: 1.0, gamma: 0.5 }),
        AttackSettings::SaliencyMap(SaliencyMap { theta: -1.0, gamma: 0.5 }),
        minimal(fgsm(Norm::Linf), 0.5),
        minimal(fgsm(Norm::L2), 3.0),
        minimal(bim(Norm::Linf, 3), 0.5),
    ]
}

fn all() -> Vec<AttackSettings> {
    [within_eps(), free()].concat()
}

pub fn random(n: usize, range: std::ops::Range<f32>, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(range.clone())).collect()
}

/// A net of one row of pixels, with these layers behind it.
pub fn model(layers: &str, inputs: usize, classes: usize, params: Vec<(&str, Vec<f32>, Vec<usize>)>) -> Arc<Model> {
    let names: Vec<String> = (0..classes).map(|class| format!("\"{class}\"")).collect();
    let text = format!(
        r#"
        name = "test"
        input = {{ channels = 1, height = 1, width = {inputs}, mean = [0.0], std = [1.0] }}
        classes = [{}]
        weights = "none.safetensors"
        layers = [{{ kind = "flatten" }}, {layers}]
        "#,
        names.join(", ")
    );
    let manifest = Manifest::with_classes(&text, Path::new("test.toml"), &[]).unwrap();
    let tensor = |values: Vec<f32>, shape: Vec<usize>| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let params: Params = params.into_iter().map(|(name, v, shape)| (name.to_owned(), tensor(v, shape))).collect();
    Model::new(manifest, &params).unwrap().into()
}

/// Logits (0, w·x + b).
pub fn linear(weights: &[f32], bias: f32) -> Arc<Model> {
    let n = weights.len();
    let rows = [vec![0.0; n], weights.to_vec()].concat();
    let layers = format!(r#"{{ kind = "linear", name = "l", in = {n}, out = 2 }}"#);
    model(&layers, n, 2, vec![("l.weight", rows, vec![2, n]), ("l.bias", vec![0.0, bias], vec![2])])
}

const INPUTS: usize = 24;

/// Three classes behind a hidden layer, its weights by chance; the last two pixels lead nowhere.
pub fn hidden() -> Arc<Model> {
    let mut first = random(16 * INPUTS, -1.0..1.0, 11);
    first.chunks_mut(INPUTS).for_each(|row| row[INPUTS - 2..].fill(0.0));
    let layers = format!(
        r#"{{ kind = "linear", name = "a", in = {INPUTS}, out = 16 }}, {{ kind = "relu" }},
        {{ kind = "linear", name = "b", in = 16, out = 3 }}"#
    );
    let params = vec![
        ("a.weight", first, vec![16, INPUTS]),
        ("a.bias", random(16, -0.2..0.2, 12), vec![16]),
        ("b.weight", random(3 * 16, -1.0..1.0, 13), vec![3, 16]),
        ("b.bias", vec![0.0; 3], vec![3]),
    ];
    model(&layers, INPUTS, 3, params)
}

const PICTURES: usize = 14;

/// Pictures with the net's own answers as labels.
fn problem(model: &Arc<Model>, rules: Rules) -> Problem {
    let x = random(PICTURES * INPUTS, 0.0..1.0, 14);
    let unlabelled = Problem::new(model.clone(), x.clone(), vec![0; PICTURES], rules).unwrap();
    let labels = unlabelled.logits(&x).unwrap().chunks(3).map(argmax).collect();
    Problem::new(model.clone(), x, labels, rules).unwrap()
}

fn run(attack: &AttackSettings, problem: &Problem) -> Vec<f32> {
    finish(&**attack, problem, |_| true).unwrap_or_else(|error| panic!("{attack}: {error}"))
}

fn perturbations(problem: &Problem, pictures: &[f32]) -> Vec<Vec<f32>> {
    let delta: Vec<f32> = pictures.iter().zip(problem.x.iter()).map(|(at, x)| at - x).collect();
    delta.chunks(problem.size()).map(<[f32]>::to_vec).collect()
}

#[test]
fn with_eps_zero_pictures_stay_as_they_are_bit_for_bit() {
    let problem = problem(&hidden(), Rules::default());
    for attack in within_eps() {
        let same = run(&attack, &problem.with_eps(&[0.0]).unwrap());
        assert_eq!(same, problem.x.to_vec(), "{attack}");
    }
}

#[test]
fn every_step_stays_within_eps_and_the_bounds() {
    let problem = problem(&hidden(), Rules::default());
    for eps in [0.01, 0.1, 0.6, 3.0] {
        for attack in within_eps() {
            let mut run = attack.start(&problem.with_eps(&[eps]).unwrap()).unwrap();
            let mut numbers = Vec::new();
            while let Some(step) = run.advance().unwrap() {
                assert!(step.pictures.iter().all(|v| (0.0..=1.0).contains(v)), "{attack} leaves the bounds");
                for delta in perturbations(&problem, step.pictures) {
                    let length = attack.measure().length(&delta);
                    assert!(length <= eps * (1.0 + 1e-5) + 1e-6, "{attack}: {length} for ε = {eps}");
                }
                numbers.push((step.number, step.of));
            }
            // An ensemble leaves the steps out that a member did not need.
            let rises = |pair: &[(usize, usize)]| pair[0].0 < pair[1].0;
            let follows = |pair: &[(usize, usize)]| pair[0].0 + 1 == pair[1].0;
            let is_ensemble = matches!(attack, AttackSettings::AutoAttack(_));
            let in_order = numbers.windows(2).all(if is_ensemble { rises } else { follows });
            assert!(in_order && numbers.iter().all(|(number, of)| (1..=*of).contains(number)), "{attack}: {numbers:?}");
            assert!(run.advance().unwrap().is_none(), "{attack} goes on after its end");
        }
    }
    for attack in free() {
        let mut run = attack.start(&problem).unwrap();
        while let Some(step) = run.advance().unwrap() {
            assert!(step.pictures.iter().all(|v| (0.0..=1.0).contains(v)), "{attack} leaves the bounds");
            assert!(step.number <= step.of, "{attack}: step {} of {}", step.number, step.of);
        }
    }
}

#[test]
fn without_clipping_one_step_is_as_long_as_eps() {
    let problem = problem(&hidden(), Rules { bounds: None, ..Rules::default() });
    let noises = [NoiseKind::Signs, NoiseKind::Gaussian].map(|kind| AttackSettings::Noise(Noise { kind }));
    for eps in [0.007, 0.25, 2.0] {
        for attack in NORMS.into_iter().map(fgsm).chain(noises.clone()) {
            for delta in perturbations(&problem, &run(&attack, &problem.with_eps(&[eps]).unwrap())) {
                let length = attack.measure().length(&delta);
                assert!((length - eps).abs() < 1e-5 * eps.max(0.1), "{attack}: {length} for ε = {eps}");
            }
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let model = hidden();
    let problem = problem(&model, Rules::default());
    for bad in [-0.1, f32::NAN, f32::INFINITY] {
        assert!(problem.with_eps(&[bad]).is_err_and(|error| error.to_string().starts_with("ε is ")));
    }
    assert!(problem.with_eps(&[0.1, 0.2]).is_err(), "two values of ε for more pictures");
    assert!(problem.towards(vec![3; PICTURES]).is_err() && problem.towards(vec![0]).is_err());
    for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
        assert!(Problem::new(model.clone(), vec![bad; INPUTS], vec![0], Rules::default()).is_err(), "{bad}");
    }
    assert!(Problem::new(model.clone(), vec![0.5; INPUTS], vec![3], Rules::default()).is_err());
    assert!(Problem::new(model.clone(), vec![0.5; 3], vec![0], Rules::default()).is_err());
    let pgd = Pgd { norm: Norm::Linf, steps: 5, step_size: None, random_start: false, restarts: 1 };
    let usual = CarliniWagner::default();
    let bad = [
        bim(Norm::Linf, 0),
        bim(Norm::Linf, 1_000_000),
        bim(Norm::L1, 5),
        AttackSettings::Pgd(Pgd { restarts: 2, ..pgd }),
        AttackSettings::Pgd(Pgd { step_size: Some(f32::NAN), ..pgd }),
        momentum(Norm::Linf, -1.0),
        AttackSettings::Gradient(GradientSteps { eta: -1.0, steps: 1 }),
        deepfool(Norm::L1),
        AttackSettings::DeepFool(DeepFool { candidates: 1, ..DeepFool::default() }),
        AttackSettings::CarliniWagner(CarliniWagner { confidence: f32::NAN, ..usual }),
        AttackSettings::ElasticNet(ElasticNet { beta: -0.1, ..ElasticNet::default() }),
        AttackSettings::SaliencyMap(SaliencyMap { theta: 0.0, gamma: 0.1 }),
        AttackSettings::SaliencyMap(SaliencyMap { theta: 1.0, gamma: 1.5 }),
        minimal(deepfool(Norm::L2), 1.0),
        minimal(fgsm(Norm::L2), f32::INFINITY),
    ];
    for attack in bad {
        let Err(error) = attack.start(&problem) else { panic!("{attack:?} is not refused") };
        assert!(error.to_string().lines().count() == 1, "{error}");
    }
    let unbounded =
        Problem::new(model, vec![2.0; INPUTS], vec![0], Rules { bounds: None, ..Rules::default() }).unwrap();
    assert!(carlini_wagner(1, 1).start(&unbounded).is_err(), "tanh needs bounds");
}

#[test]
fn a_picture_is_attacked_alike_alone_and_in_a_batch() {
    let problem = problem(&hidden(), Rules { seed: 5, ..Rules::default() });
    for attack in all() {
        let together = run(&attack, &problem.with_eps(&[0.3]).unwrap());
        for i in 0..PICTURES {
            let row = i * INPUTS..(i + 1) * INPUTS;
            let (x, label) = (problem.x[row.clone()].to_vec(), vec![problem.labels[i]]);
            let alone = Problem::new(problem.model.clone(), x, label, problem.rules).unwrap().numbered_from(i);
            assert_eq!(run(&attack, &alone.with_eps(&[0.3]).unwrap()), together[row], "{attack}, picture {i}");
        }
    }
}

#[test]
fn eps_for_each_picture_is_that_of_the_picture() {
    let problem = problem(&hidden(), Rules::default());
    let mut each = vec![0.3; PICTURES];
    for attack in within_eps() {
        let all = run(&attack, &problem.with_eps(&[0.3]).unwrap());
        assert_eq!(run(&attack, &problem.with_eps(&each).unwrap()), all, "{attack}");
        each[4] = 0.0;
        let but_one = run(&attack, &problem.with_eps(&each).unwrap());
        let row = 4 * INPUTS..5 * INPUTS;
        assert_eq!(but_one[row.clone()], problem.x[row.clone()], "{attack}");
        assert_eq!(but_one[row.end..], all[row.end..], "{attack}");
        each[4] = 0.3;
    }
}

#[test]
fn the_same_seed_gives_the_same_pictures_and_another_seed_others() {
    let net = hidden();
    let with = |seed: u64| problem(&net, Rules { seed, ..Rules::default() }).with_eps(&[0.2]).unwrap();
    for attack in all() {
        let first = run(&attack, &with(1));
        assert_eq!(first, run(&attack, &with(1)), "{attack}");
        assert_eq!(first != run(&attack, &with(2)), attack.is_random(), "{attack}");
    }
}

#[test]
fn a_pixel_without_gradient_does_not_move() {
    let problem = problem(&hidden(), Rules::default()).with_eps(&[0.2]).unwrap();
    for attack in all().iter().filter(|attack| !attack.is_random()) {
        for (i, delta) in perturbations(&problem, &run(attack, &problem)).iter().enumerate() {
            // tanh and back again rounds.
            let still = delta[INPUTS - 2..].iter().all(|d| d.abs() < 1e-6);
            assert!(still, "{attack}, picture {i}: {:?}", &delta[INPUTS - 2..]);
        }
    }
}

#[test]
fn attacks_do_what_they_are_for() {
    let net = hidden();
    let problem = problem(&net, Rules::default()).with_eps(&[0.25]).unwrap();
    let right = |pictures: &[f32]| {
        let logits = problem.logits(pictures).unwrap();
        logits.chunks(3).zip(&problem.labels).filter(|(logits, label)| argmax(logits) == **label).count()
    };
    assert_eq!(right(&problem.x), PICTURES);
    let ascents = [Objective::Loss, Objective::Dlr, Objective::TargetedDlr { targets: 2 }];
    let others = [fgsm(Norm::Linf), bim(Norm::Linf, 5), pgd(Norm::Linf, 2), momentum(Norm::Linf, 1.0)];
    for attack in ascents.map(|objective| apgd(Norm::Linf, objective)).into_iter().chain(others) {
        assert!(right(&run(&attack, &problem)) < PICTURES / 2, "{attack}");
    }
    let shortest = [deepfool(Norm::L2), deepfool(Norm::Linf), fab(Norm::L2), fab(Norm::Linf), carlini_wagner(5, 100)];
    for attack in shortest.into_iter().chain([minimal(fgsm(Norm::Linf), 1.0)]) {
        assert!(right(&run(&attack, &problem)) <= 1, "{attack}: {}", right(&run(&attack, &problem)));
    }
    let saliency = AttackSettings::SaliencyMap(SaliencyMap { theta: 1.0, gamma: 1.0 });
    assert!(right(&run(&saliency, &problem)) < PICTURES, "{saliency}");
}

#[test]
fn restarts_fool_at_least_as_often() {
    let net = hidden();
    let problem = problem(&net, Rules::default()).with_eps(&[0.09]).unwrap();
    let fooled = |restarts: usize| {
        let logits = problem.logits(&run(&pgd(Norm::Linf, restarts), &problem)).unwrap();
        let fooled: Vec<bool> = logits.chunks(3).enumerate().map(|(i, logits)| problem.fooled(i, logits)).collect();
        fooled
    };
    let (once, often) = (fooled(1), fooled(10));
    assert!(
        once.iter().zip(&often).all(|(once, often)| *often || !once),
        "a restart loses a picture: {once:?} {often:?}"
    );
    assert!(once.iter().any(|fooled| !fooled), "ε is too large to tell anything");
}

#[test]
fn a_target_becomes_more_probable() {
    let net = hidden();
    let away = problem(&net, Rules::default());
    let targets: Vec<usize> = away.labels.iter().map(|label| (label + 1) % 3).collect();
    let problem = away.towards(targets.clone()).unwrap().with_eps(&[0.02]).unwrap();
    let probability = |pictures: &[f32]| -> Vec<f32> {
        let logits = problem.logits(pictures).unwrap();
        logits.chunks(3).zip(&targets).map(|(logits, target)| softmax(logits)[*target]).collect()
    };
    let before = probability(&problem.x);
    for attack in within_eps().iter().filter(|attack| attack.follows_loss()) {
        let after = probability(&run(attack, &problem));
        assert!(before.iter().zip(&after).all(|(before, after)| after > before), "{attack}: {before:?} {after:?}");
    }
    // With three classes, the lead is measured by the distance between the largest logit and the smallest.
    let lead = |pictures: &[f32]| -> Vec<f32> {
        let logits = problem.logits(pictures).unwrap();
        let rows = logits.chunks(3).zip(&targets).zip(&problem.labels);
        let ratio = |((z, target), label): ((&[f32], &usize), &usize)| {
            let [largest, smallest] = [f32::max, f32::min].map(|of| of(of(z[0], z[1]), z[2]));
            (z[*target] - z[*label]) / (largest - smallest)
        };
        rows.map(ratio).collect()
    };
    let before = lead(&problem.x);
    for objective in [Objective::Dlr, Objective::TargetedDlr { targets: 9 }] {
        let attack = AttackSettings::Apgd(Apgd::new(Norm::Linf, objective));
        let after = lead(&run(&attack, &problem));
        // It is flat at −1, where the label's is the largest logit and the target's the smallest.
        let rises = |(before, after): (&f32, &f32)| after > before || *before < -1.0 + 1e-6;
        assert!(before.iter().zip(&after).all(rises), "{attack}: {before:?} {after:?}");
    }
    for attack in [deepfool(Norm::L2), deepfool(Norm::Linf), carlini_wagner(5, 100)] {
        let logits = problem.logits(&run(&attack, &problem)).unwrap();
        let hits = logits.chunks(3).zip(&targets).filter(|(logits, target)| argmax(logits) == **target).count();
        assert!(hits > PICTURES / 2, "{attack} hits {hits} targets");
    }
}

#[test]
fn special_cases_are_each_other() {
    let problem = problem(&hidden(), Rules::default()).with_eps(&[0.2]).unwrap();
    for norm in [Norm::Linf, Norm::L2] {
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(&run(&bim(norm, 1), &problem), &run(&fgsm(norm), &problem)), "one step is FGSM");
        let straight = Pgd { norm, steps: 5, step_size: Some(0.04), random_start: false, restarts: 1 };
        assert_eq!(run(&AttackSettings::Pgd(straight), &problem), run(&bim(norm, 5), &problem), "PGD without chance");
        assert!(close(&run(&momentum(norm, 0.0), &problem), &run(&bim(norm, 5), &problem)), "no momentum");
    }
}

/// A linear net of `y·s = y·(w·x + b)` on grey pictures whose scores differ, all far from the bounds.
fn linear_problem(rules: Rules) -> (Problem, Vec<f32>, Vec<f64>) {
    let w = random(12, -1.0..1.0, 4);
    let model = linear(&w, 0.1);
    let x = random(8 * 12, 0.45..0.55, 5);
    let scores: Vec<f64> =
        x.chunks(12).map(|x| x.iter().zip(&w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + 0.1).collect();
    let labels = scores.iter().map(|score| usize::from(*score > 0.0)).collect();
    (Problem::new(model, x, labels, rules).unwrap(), w, scores)
}

#[test]
fn one_step_is_exact_for_a_linear_net_in_every_norm() {
    // max over ‖δ‖ ≤ ε of softplus(−y·(s + w·δ)) is softplus(ε·‖w‖* − y·s) with the dual norm: 1 of ∞, 2 of 2, ∞ of 1.
    let (problem, w, scores) = linear_problem(Rules { bounds: None, ..Rules::default() });
    let eps = 0.2;
    for (norm, dual) in [(Norm::Linf, Norm::L1), (Norm::L2, Norm::L2), (Norm::L1, Norm::Linf)] {
        let many = if norm == Norm::L1 { fgsm(norm) } else { bim(norm, 4) };
        for attack in [fgsm(norm), many] {
            let logits = problem.logits(&run(&attack, &problem.with_eps(&[eps]).unwrap())).unwrap();
            let losses = Loss::CrossEntropy.values(&logits, &problem.labels).unwrap();
            for (loss, score) in losses.iter().zip(&scores) {
                let expected = (1.0 + (f64::from(eps * dual.length(&w)) - score.abs()).exp()).ln();
                assert!((f64::from(*loss) - expected).abs() < 1e-5, "{attack}: {loss}, expected {expected}");
            }
        }
    }
}

#[test]
fn the_shortest_perturbation_of_a_linear_net_is_found() {
    // The boundary is |s|/‖w‖₂ away in L2 and |s|/‖w‖₁ in L∞; inside the bounds nothing is clipped.
    let (problem, w, scores) = linear_problem(Rules::default());
    let attacks = [
        (deepfool(Norm::L2), 1.02, 2e-3),
        (deepfool(Norm::Linf), 1.02, 2e-3),
        (fab(Norm::L2), 1.0, 1e-2),
        (fab(Norm::Linf), 1.0, 1e-2),
        (fmn(Shortest::In(Norm::L2)), 1.0, 2e-2),
        (fmn(Shortest::In(Norm::Linf)), 1.0, 2e-2),
        (carlini_wagner(9, 400), 1.0, 2e-2),
        (minimal(fgsm(Norm::L2), 0.6), 1.0, 1e-2),
        (minimal(fgsm(Norm::Linf), 0.3), 1.0, 1e-2),
    ];
    for (attack, factor, tolerance) in attacks {
        let dual = if attack.norm() == Norm::Linf { Norm::L1.length(&w) } else { Norm::L2.length(&w) };
        let found = run(&attack, &problem);
        let logits = problem.logits(&found).unwrap();
        for (i, (delta, score)) in perturbations(&problem, &found).iter().zip(&scores).enumerate() {
            let expected = factor * score.abs() as f32 / dual;
            let length = attack.measure().length(delta);
            assert!(problem.fooled(i, &logits[2 * i..2 * i + 2]), "{attack}, picture {i}");
            let (low, high) = (expected * (1.0 - tolerance) - 1e-4, expected * (1.0 + tolerance) + 6e-4);
            assert!((low..high).contains(&length), "{attack}, picture {i}: {length}, expected {expected}");
        }
    }
}

#[test]
fn auto_pgd_ends_in_the_corner_that_a_linear_net_fears_most() {
    // Of all points within ε, x − ε·sign(w·s) is the worst; ε is too short to fool any picture.
    let (problem, w, scores) = linear_problem(Rules::default());
    let nearest = scores.iter().map(|score| score.abs()).fold(f64::INFINITY, f64::min) as f32;
    let eps = 0.9 * nearest / Norm::L1.length(&w);
    let problem = problem.with_eps(&[eps]).unwrap();
    for objective in [Objective::Loss, Objective::Dlr, Objective::TargetedDlr { targets: 9 }] {
        let attack = apgd(Norm::Linf, objective);
        for (delta, score) in perturbations(&problem, &run(&attack, &problem)).iter().zip(&scores) {
            for (d, w) in delta.iter().zip(&w) {
                let expected = -eps * w.signum() * score.signum() as f32;
                assert!((d - expected).abs() < 1e-6, "{attack}: {d}, expected {expected}");
            }
        }
    }
}

#[test]
fn the_ensemble_fools_whatever_a_member_fools() {
    let problem = problem(&hidden(), Rules::default()).with_eps(&[0.07]).unwrap();
    let fooled = |attack: &AttackSettings| -> Vec<bool> {
        let found = run(attack, &problem);
        let logits = problem.logits(&found).unwrap();
        let within = perturbations(&problem, &found).into_iter().map(|d| Norm::Linf.length(&d) <= 0.07 * (1.0 + 1e-5));
        logits.chunks(3).zip(within).enumerate().map(|(i, (z, within))| within && problem.fooled(i, z)).collect()
    };
    let norm = Norm::Linf;
    let ensemble = fooled(&AttackSettings::AutoAttack(AutoAttack { norm }));
    assert!(ensemble.iter().any(|fooled| *fooled) && !ensemble.iter().all(|fooled| *fooled), "{ensemble:?}");
    let members = [
        AttackSettings::Apgd(Apgd::new(norm, Objective::Loss)),
        AttackSettings::Apgd(Apgd::new(norm, Objective::TargetedDlr { targets: 9 })),
        AttackSettings::Fab(Fab::new(norm)),
        AttackSettings::Square(Square::new(norm)),
    ];
    for member in members {
        let alone = fooled(&member);
        assert!(alone.iter().zip(&ensemble).all(|(alone, all)| *all || !alone), "{member}: {alone:?} {ensemble:?}");
    }
}

#[test]
fn the_elastic_net_weighs_the_two_lengths_of_a_linear_net() {
    // At the boundary of `w·δ = −s`, `β·‖δ‖₁ + ‖δ‖₂²` is least where 2δ = λ·w − β·sign(δ) for the values with λ·|w| > β,
    // and the others stay. Algorithm 1 takes β off at every step, however short, so it comes near that, but not to it.
    let (problem, w, scores) = linear_problem(Rules::default());
    let with = |beta: f32| {
        let settings = ElasticNet { beta, steps: 1000, step_size: 0.05, initial_c: 1.0, ..ElasticNet::default() };
        run(&AttackSettings::ElasticNet(settings), &problem)
    };
    for beta in [0.0f32, 0.01, 0.05] {
        let found = with(beta);
        let logits = problem.logits(&found).unwrap();
        for (i, (delta, score)) in perturbations(&problem, &found).iter().zip(&scores).enumerate() {
            assert!(problem.fooled(i, &logits[2 * i..2 * i + 2]), "β {beta}, picture {i}");
            // The λ at which the boundary is reached, by bisection.
            let size = |lambda: f64, w: &f32| ((lambda * f64::from(w.abs()) - f64::from(beta)) / 2.0).max(0.0);
            let (mut low, mut high) = (0.0, 10.0);
            for _ in 0..60 {
                let middle = (low + high) / 2.0;
                let reached: f64 = w.iter().map(|w| size(middle, w) * f64::from(w.abs())).sum();
                if reached < score.abs() { low = middle } else { high = middle }
            }
            let expected: Vec<f64> = w.iter().map(|w| size(high, w)).collect();
            let weigh = |l1: f64, squares: f64| f64::from(beta) * l1 + squares;
            let least = weigh(expected.iter().sum(), expected.iter().map(|d| d * d).sum());
            let length = |norm: Norm| f64::from(norm.length(delta));
            let weighed = weigh(length(Norm::L1), length(Norm::L2).powi(2));
            let most = if beta == 0.0 { 1.06 } else { 1.15 };
            assert!(
                weighed < most * least + 1e-4 && weighed > 0.98 * least,
                "β {beta}, picture {i}: {weighed}, {least}"
            );
        }
    }
}

#[test]
fn the_confidence_is_kept() {
    let (problem, ..) = linear_problem(Rules::default());
    let usual = CarliniWagner::default();
    let confidence = 0.5;
    let attack = CarliniWagner { confidence, initial_c: 10.0, search_steps: 4, steps: 200, ..usual };
    let found = run(&AttackSettings::CarliniWagner(attack), &problem);
    for (logits, label) in problem.logits(&found).unwrap().chunks(2).zip(&problem.labels) {
        let margin = logits[1 - label] - logits[*label];
        assert!((confidence..confidence + 0.2).contains(&margin), "{logits:?}");
    }
}

#[test]
fn the_saliency_map_takes_the_pixels_of_the_largest_weights() {
    // Class 1 gains by w: the two largest weights first, until the score of −0.9 is above 0.
    let model = linear(&[0.1, 0.5, -0.3, 0.7, 0.4], -0.9);
    let problem = Problem::new(model, vec![0.0; 5], vec![0], Rules::default()).unwrap();
    let attack = AttackSettings::SaliencyMap(SaliencyMap { theta: 1.0, gamma: 1.0 });
    // With logits (0, s) the slope of the other class is 0, and no pair lowers it: equation 8 asks for both.
    assert_eq!(run(&attack, &problem), problem.x.to_vec());
    let rows = vec![-0.1, -0.5, 0.3, -0.7, -0.4, 0.1, 0.5, -0.3, 0.7, 0.4];
    let layers = r#"{ kind = "linear", name = "l", in = 5, out = 2 }"#;
    let params = vec![("l.weight", rows, vec![2, 5]), ("l.bias", vec![0.0, -1.8], vec![2])];
    let model = self::model(layers, 5, 2, params);
    let problem = Problem::new(model, vec![0.0; 5], vec![0], Rules::default()).unwrap();
    let found = run(&attack, &problem);
    assert_eq!(found, [0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(attack.measure().length(&found), 2.0);
}

#[test]
fn the_smallest_eps_fools_and_a_little_less_does_not() {
    let problem = problem(&hidden(), Rules::default());
    let resolution = 0.5 / 10.0 / 256.0;
    for inner in [fgsm(Norm::Linf), bim(Norm::Linf, 3)] {
        let found = run(&minimal(inner.clone(), 0.5), &problem);
        let lengths: Vec<f32> = perturbations(&problem, &found).iter().map(|delta| Norm::Linf.length(delta)).collect();
        let logits = problem.logits(&found).unwrap();
        let less: Vec<f32> = lengths.iter().map(|length| (length - 1.6 * resolution).max(0.0)).collect();
        let below = problem.logits(&run(&inner, &problem.with_eps(&less).unwrap())).unwrap();
        for i in 0..PICTURES {
            let (above, below) = (&logits[3 * i..3 * i + 3], &below[3 * i..3 * i + 3]);
            // A picture that no ε of the ladder fools stays as it is.
            assert_eq!(problem.fooled(i, above), lengths[i] > 0.0, "{inner}, picture {i}");
            assert!(!problem.fooled(i, below), "{inner}, picture {i}: less than {} fools too", lengths[i]);
        }
        assert!(lengths.iter().filter(|length| **length > 0.0).count() > PICTURES / 2, "{lengths:?}");
    }
}

#[test]
fn nets_that_are_broken_break_no_attack() {
    for bad in [0.0, f32::NAN, f32::INFINITY, 1e30] {
        let model = linear(&[bad, 1.0, -bad], 0.0);
        let problem =
            Problem::new(model, vec![0.5; 6], vec![0, 1], Rules::default()).unwrap().with_eps(&[0.1]).unwrap();
        for attack in all() {
            let found = run(&attack, &problem);
            assert!(found.iter().all(|v| (0.0..=1.0).contains(v)), "{attack} on weights of {bad}: {found:?}");
        }
    }
}

#[test]
fn a_net_without_gradient_is_left_alone() {
    let model = linear(&[0.0; 4], 1.0);
    let problem = Problem::new(model, vec![0.5; 4], vec![1], Rules::default()).unwrap().with_eps(&[0.1]).unwrap();
    for attack in all().iter().filter(|attack| !attack.is_random()) {
        assert_eq!(run(attack, &problem), problem.x.to_vec(), "{attack}");
    }
}

#[test]
fn a_run_can_be_left_at_any_step() {
    let problem = problem(&hidden(), Rules::default()).with_eps(&[0.2]).unwrap();
    let mut asked = 0;
    let stopped = finish(&*bim(Norm::Linf, 5), &problem, |Reached { step: number, of, .. }| {
        asked += 1;
        assert_eq!((number, of), (asked, 5));
        number < 3
    });
    assert!(matches!(stopped, Err(doppelganger::engine::Error::Stopped)) && asked == 3);
}

#[test]
fn forward_passes_agree_while_attacking() {
    // Three dropout layers: a net in training mode would answer differently each time.
    let model = Arc::new(Catalogue::new(Vec::new()).load("digits_maxout").unwrap());
    let x = model.fit(&doppelganger::engine::data::sample("digit-7").unwrap().picture().unwrap()).unwrap();
    let problem = Problem::new(model, x.values, vec![7], Rules::default()).unwrap().with_eps(&[0.1]).unwrap();
    let first = problem.logits(&problem.x).unwrap();
    for attack in [bim(Norm::Linf, 3), deepfool(Norm::L2), carlini_wagner(1, 5)] {
        run(&attack, &problem);
        assert_eq!(problem.logits(&problem.x).unwrap(), first, "{attack}");
    }
}

#[test]
fn settings_survive_a_file() {
    for attack in all() {
        let text = serde_json::to_string(&attack).unwrap();
        assert_eq!(serde_json::from_str::<AttackSettings>(&text).unwrap(), attack, "{text}");
        assert!(attack.info().paper.contains("20") && !attack.to_string().contains('\n'), "{attack}");
    }
}

#[test]
fn the_curve_of_a_linear_net_is_straight_and_flips_where_it_should() {
    let (problem, w, scores) = linear_problem(Rules::default());
    let x = AttackInput::from(Planes { channels: 1, height: 1, width: 12, values: problem.x[..12].to_vec() });
    let label = problem.labels[0];
    let away: Vec<f32> = Norm::Linf.steepest(&w).iter().map(|s| if scores[0] > 0.0 { -s } else { *s }).collect();
    let unclipped = Rules { bounds: None, ..Rules::default() };
    let curve = eps_curve(&problem.model, &x, &away, &eps_range(0.4, 41), unclipped).unwrap();
    let boundary = scores[0].abs() as f32 / Norm::L1.length(&w);
    let flips = curve.flips();
    assert!(flips.len() == 1 && (flips[0].eps - boundary).abs() < 1e-5, "{flips:?}, expected {boundary}");
    assert_eq!((flips[0].from, flips[0].to), (label, 1 - label));
    let (low, high) = curve.right_interval(label).unwrap();
    assert!(low == -0.4 && (high - boundary).abs() < 1e-5);
    for (eps, logits) in curve.eps.iter().zip(&curve.logits) {
        let expected = scores[0] as f32 - scores[0].signum() as f32 * eps * Norm::L1.length(&w);
        assert!((logits[1] - expected).abs() < 1e-5, "ε = {eps}: {} expected {expected}", logits[1]);
    }
    assert!(eps_curve(&problem.model, &x, &away[1..], &[0.0], unclipped).is_err());
    assert!(eps_curve(&problem.model, &x, &away, &[0.1, 0.0], unclipped).is_err());
}
