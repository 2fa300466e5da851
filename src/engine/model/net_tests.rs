//! Every kind of layer, run forwards and backwards, against what PyTorch printed (`tests/goldens/ops.py`) and closed forms.

use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::layer::{LayerSpec, parse_layers};
use super::*;
use crate::kernels::Isa;
use crate::picture::Fit;

#[derive(Deserialize)]
pub struct Goldens {
    pub pool_input: Vec<f32>,
    pub pools: Vec<Pool>,
    pub convs: Vec<Conv>,
    pub norms: Vec<Norm>,
}

#[derive(Deserialize, Debug)]
pub struct Pool {
    pub kind: String,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Vec<usize>,
    pub ceil: bool,
    pub shape: Vec<usize>,
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
}

#[derive(Deserialize)]
pub struct Conv {
    pub stride: [usize; 2],
    pub padding: Vec<usize>,
    pub groups: usize,
    pub x_shape: Vec<usize>,
    pub w_shape: Vec<usize>,
    pub y_shape: Vec<usize>,
    pub x: Vec<f32>,
    pub w: Vec<f32>,
    pub b: Vec<f32>,
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
    pub dw: Vec<f32>,
    pub db: Vec<f32>,
}

#[derive(Deserialize)]
pub struct Norm {
    pub training: bool,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
    pub dw: Vec<f32>,
    pub db: Vec<f32>,
    pub mean: Vec<f32>,
    pub var: Vec<f32>,
}

pub fn goldens() -> Goldens {
    serde_json::from_str(include_str!("../../../tests/goldens/ops.json")).unwrap()
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

pub fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_within(5e-6, what, found, expected);
}

pub fn assert_within(tolerance: f32, what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a}, expected {b}");
    }
}

pub fn layers(text: &str) -> Vec<LayerSpec> {
    let document: toml::Table = format!("layers = [{text}]").parse().unwrap();
    parse_layers(document["layers"].as_array().unwrap(), "layers").unwrap()
}

/// Pixels that the net takes as they are.
pub fn input([channels, height, width]: [usize; 3]) -> Input {
    Input { channels, height, width, mean: vec![0.0; channels], std: vec![1.0; channels], fit: Fit::Squash }
}

pub fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
}

/// What a pass gave.
pub struct Outcome {
    pub y: Vec<f32>,
    pub dx: Vec<f32>,
    /// Of a training pass.
    pub gradients: Params,
    pub statistics: Vec<crate::kernels::Statistics>,
}

/// Runs a net forwards, and backwards from the gradient `dy(logits)`.
pub fn run(
    (layers, input): (&[LayerSpec], &Input),
    params: &Params,
    pass: Pass,
    x: &[f32],
    dy: impl Fn(&[f32]) -> Vec<f32>,
) -> Outcome {
    let plan = Plan::new(layers, input, pass).unwrap();
    let parameters = Parameters::from_tensors(&plan.layout, params).unwrap();
    let (mut folded, mut transposed) = (Folded::default(), Transposed::default());
    plan.fold(&parameters, &mut folded);
    let weights = Weights { parameters: &parameters, folded: &folded, transposed: None };
    plan.transpose(weights, &mut transposed, true);
    let weights = Weights { parameters: &parameters, folded: &folded, transposed: Some(&transposed) };
    let mut workspace = Workspace::default();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    // Twice, as a used workspace must not differ from a new one; the second time with the same dropout masks.
    plan.forward(weights, x, &mut workspace, Some(&mut rng));
    let y = plan.forward(weights, x, &mut workspace, None);
    let (mut dx, mut gradients) = (vec![0.0; x.len()], Gradients::zeros(&plan.layout));
    let parameters = (pass == Pass::Train).then_some(WantedParameters { to: &mut gradients, add: false });
    let wanted = Wanted { parameters, pixels: Some(&mut dx) };
    plan.backward(weights, &dy(&y), &mut workspace, wanted);
    let statistics = plan.statistics(&workspace).map(|(_, seen)| seen.clone()).collect();
    Outcome { y, dx, gradients: gradients.summed(Isa::detect()).to_tensors().unwrap(), statistics }
}

#[test]
fn pools_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.pools.len(), 28);
    for golden in goldens.pools {
        let Pool { kind, kernel, stride, padding, ceil, .. } = &golden;
        let net = layers(&format!(
            "{{ kind = \"{kind}_pool2d\", kernel = {kernel:?}, stride = {stride:?}, padding = {padding:?}, ceil = {ceil} }}"
        ));
        let dy = |y: &[f32]| (1..=y.len()).map(|i| i as f32).collect();
        let found = run((&net, &input([1, 6, 5])), &Params::new(), Pass::Evaluate, &goldens.pool_input, dy);
        assert_eq!(found.y.len(), golden.shape.iter().product::<usize>());
        assert_close(&format!("{golden:?} y"), &found.y, &golden.y);
        assert_close(&format!("{golden:?} dx"), &found.dx, &golden.dx);
    }
}

#[test]
fn convolutions_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.convs.len(), 15);
    for (i, golden) in goldens.convs.into_iter().enumerate() {
        let Conv { stride, padding, groups, x_shape, w_shape, .. } = &golden;
        let net = layers(&format!(
            "{{ kind = \"conv2d\", name = \"c\", in = {}, out = {}, kernel = {:?}, stride = {stride:?}, \
             padding = {padding:?}, groups = {groups} }}",
            x_shape[1],
            w_shape[0],
            &w_shape[2..]
        ));
        let params = Params::from([
            ("c.weight".to_owned(), tensor(&golden.w, w_shape)),
            ("c.bias".to_owned(), tensor(&golden.b, &[golden.b.len()])),
        ]);
        let dy = |y: &[f32]| (1..=y.len()).map(|k| k as f32 / y.len() as f32).collect();
        let found = run((&net, &input([x_shape[1], x_shape[2], x_shape[3]])), &params, Pass::Train, &golden.x, dy);
        assert_eq!(found.y.len(), golden.y_shape.iter().product::<usize>());
        assert_close(&format!("conv {i} y"), &found.y, &golden.y);
        assert_close(&format!("conv {i} dx"), &found.dx, &golden.dx);
        assert_close(&format!("conv {i} dw"), &values(&found.gradients["c.weight"]), &golden.dw);
        assert_close(&format!("conv {i} db"), &values(&found.gradients["c.bias"]), &golden.db);
    }
}

#[test]
fn batch_normalisation_matches_pytorch() {
    let net = layers("{ kind = \"batch_norm2d\", name = \"n\", channels = 3, eps = 1e-3 }, { kind = \"flatten\" }");
    let goldens = goldens();
    assert_eq!(goldens.norms.len(), 2);
    for golden in goldens.norms {
        let params = Params::from([
            ("n.weight".to_owned(), tensor(&[1.5, -0.5, 2.0], &[3])),
            ("n.bias".to_owned(), tensor(&[0.1, 0.2, -0.3], &[3])),
            ("n.running_mean".to_owned(), tensor(&[0.5, -0.2, 0.0], &[3])),
            ("n.running_var".to_owned(), tensor(&[2.0, 0.5, 1.0], &[3])),
        ]);
        let pass = if golden.training { Pass::Train } else { Pass::Evaluate };
        let dy = |y: &[f32]| (1..=y.len()).map(|i| i as f32 / y.len() as f32).collect();
        let found = run((&net, &input([3, 2, 2])), &params, pass, &golden.x, dy);
        assert_close("y", &found.y, &golden.y);
        assert_close("dx", &found.dx, &golden.dx);
        if golden.training {
            assert_close("dw", &values(&found.gradients["n.weight"]), &golden.dw);
            assert_close("db", &values(&found.gradients["n.bias"]), &golden.db);
            let seen = &found.statistics[0];
            // PyTorch's running statistics: 0.9 of the old ones and 0.1 of the batch's.
            let moved = |old: &[f32], new: &[f32]| -> Vec<f32> {
                old.iter().zip(new).map(|(old, new)| 0.9 * old + 0.1 * new).collect()
            };
            assert_close("mean", &moved(&[0.5, -0.2, 0.0], &seen.mean), &golden.mean);
            assert_close("var", &moved(&[2.0, 0.5, 1.0], &seen.unbiased_variance), &golden.var);
        }
    }
}

#[test]
fn combinators_add_and_concatenate() {
    let net = layers(
        "{ kind = \"residual\", body = [{ kind = \"relu\" }] }, \
         { kind = \"concat\", branches = [[], [{ kind = \"relu\" }, { kind = \"max_pool2d\", kernel = 1 }]] }, \
         { kind = \"global_avg_pool\" }",
    );
    let x = [-1.0f32, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0, -4.0, -4.0, -4.0, -4.0];
    let found =
        run((&net, &input([3, 2, 2])), &Params::new(), Pass::Evaluate, &x, |_| vec![4.0, 8.0, 12.0, 40.0, 80.0, 120.0]);
    // x + relu(x): -1 4 6 8 | 2 2 2 2 | -4 -4 -4 -4; its means, then those of its relu.
    assert_eq!(found.y, [4.25, 2.0, -4.0, 4.5, 2.0, 0.0]);
    // A quarter of 4 for each pixel and of 40 where the relu is open; twice that where the first one is.
    assert_eq!(found.dx, [1.0, 22.0, 22.0, 22.0, 44.0, 44.0, 44.0, 44.0, 3.0, 3.0, 3.0, 3.0]);
}

#[test]
fn kinks_and_ties_have_pytorchs_gradients() {
    // torch.nn.functional.relu6 and its autograd at [-1, 0, 2, 6, 7]: [0, 0, 2, 6, 6] and [0, 0, 1, 0, 0].
    let x = [-1.0, 0.0, 2.0, 6.0, 7.0];
    let flat = &input([1, 1, 5]);
    let relu6 = run((&layers("{ kind = \"relu6\" }"), flat), &Params::new(), Pass::Evaluate, &x, |_| vec![1.0; 5]);
    assert_eq!((relu6.y, relu6.dx), (vec![0.0, 0.0, 2.0, 6.0, 6.0], vec![0.0, 0.0, 1.0, 0.0, 0.0]));
    let relu = run((&layers("{ kind = \"relu\" }"), flat), &Params::new(), Pass::Evaluate, &x, |_| vec![1.0; 5]);
    assert_eq!(relu.dx, [0.0, 0.0, 1.0, 1.0, 1.0]);
    // NaN is not hidden.
    let relu =
        run((&layers("{ kind = \"relu\" }"), flat), &Params::new(), Pass::Evaluate, &[f32::NAN; 5], |y| y.to_vec());
    assert!(relu.y.iter().all(|y| y.is_nan()));
    // torch.tensor([[1., 3., 3.], [-2., -2., -5.]]).view(1, 2, 3).max(-1): values [3, -2], indices [1, 0].
    let net = layers("{ kind = \"flatten\" }, { kind = \"maxout\", name = \"m\", in = 6, units = 2, pieces = 3 }");
    let identity: Vec<f32> = (0..36).map(|i| f32::from(u8::from(i % 7 == 0))).collect();
    let params = Params::from([
        ("m.weight".to_owned(), tensor(&identity, &[6, 6])),
        ("m.bias".to_owned(), tensor(&[0.0; 6], &[6])),
    ]);
    let x = [1.0, 3.0, 3.0, -2.0, -2.0, -5.0];
    let maxout = run((&net, &input([1, 2, 3])), &params, Pass::Train, &x, |_| vec![1.0; 2]);
    assert_eq!((maxout.y, maxout.dx), (vec![3.0, -2.0], vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0]));
}

#[test]
fn dropout_acts_in_training_only_and_normalisation_belongs_to_the_model() {
    let net = layers("{ kind = \"dropout\", keep = 0.5 }, { kind = \"flatten\" }");
    let ones = vec![1.0; 12];
    let three = input([3, 2, 2]);
    assert_eq!(run((&net, &three), &Params::new(), Pass::Evaluate, &ones, |y| y.to_vec()).y, [1.0; 12]);
    let found = run((&net, &three), &Params::new(), Pass::Train, &ones, |_| vec![3.0; 12]);
    assert!(found.y.contains(&0.0) && found.y.contains(&2.0));
    assert!(found.y.iter().zip(&found.dx).all(|(y, dx)| *dx == 3.0 * y));
    let normalised = Input { mean: vec![0.5, 0.0, 1.0], std: vec![0.5, 2.0, 1.0], ..three };
    let found =
        run((&layers("{ kind = \"flatten\" }"), &normalised), &Params::new(), Pass::Evaluate, &ones, |_| vec![1.0; 12]);
    assert_eq!(found.y, [[1.0; 4], [0.5; 4], [0.0; 4]].concat());
    assert_eq!(found.dx, [[2.0; 4], [0.5; 4], [1.0; 4]].concat());
}

#[test]
fn dropout_keeps_the_share_that_was_asked_for() {
    let net = layers("{ kind = \"dropout\", keep = 0.8, rescale = false }");
    let found = run((&net, &input([1, 100, 1000])), &Params::new(), Pass::Train, &vec![1.0; 100_000], |y| y.to_vec());
    let kept = found.y.iter().filter(|&&v| v == 1.0).count();
    // The standard deviation of the count is √(n·p·(1−p)) ≈ 126.
    assert!((79_400..80_600).contains(&kept), "{kept}");
    assert!(found.y.iter().all(|&v| v == 0.0 || v == 1.0));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let net = layers(
        "{ kind = \"conv2d\", name = \"c\", in = 8, out = 16, kernel = 3, padding = 1, bias = false }, \
         { kind = \"batch_norm2d\", name = \"n\", channels = 16 }, { kind = \"relu\" }, \
         { kind = \"conv2d\", name = \"d\", in = 16, out = 40, kernel = 3, padding = 1 }, \
         { kind = \"relu\" }, { kind = \"flatten\" }, { kind = \"linear\", name = \"l\", in = 6760, out = 300 }",
    );
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let params = crate::train::initial_params(&net, None, &mut rng).unwrap();
    let x: Vec<f32> = (0..6 * 8 * 169).map(|i| ((i * 37) % 101) as f32 / 101.0).collect();
    for pass in [Pass::Train, Pass::Evaluate] {
        let outcome = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let found = pool.install(|| run((&net, &input([8, 13, 13])), &params, pass, &x, |y| y.to_vec()));
            let gradients: Vec<_> = found.gradients.values().map(values).collect();
            (found.y, found.dx, gradients)
        };
        let one = outcome(1);
        assert!(one == outcome(2) && one == outcome(3));
    }
}
