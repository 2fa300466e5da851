//! The two executors against each other: our own kernels and candle's.

use candle_core::Var;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::net_tests::{assert_close, assert_within, layers, values};
use super::tensor_net_tests::weighted_gradients;
use super::tensor_ops::cross_entropy;
use super::tensor_testing::random;
use super::*;
use crate::kernels::{Padding, Window};
use crate::loss::Loss;

#[test]
fn pools_of_random_shapes_agree_with_the_other_executor() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut checked = 0;
    while checked < 80 {
        let mut pair = |range: std::ops::RangeInclusive<usize>| [0, 1].map(|_| rng.random_range(range.clone()));
        let (kernel, stride, size) = (pair(1..=4), pair(1..=4), pair(1..=11));
        let padding = Padding { before: pair(0..=2), after: pair(0..=2) };
        let (channels, ceil) = (rng.random_range(1..40), rng.random_range(0..2) == 1);
        let window = Window { kernel, stride, padding, ceil };
        if !window.sees_pixels() || window.output(size[0], size[1]).is_none() {
            continue;
        }
        checked += 1;
        let x = Var::from_tensor(&random(&[2, channels, size[0], size[1]], checked)).unwrap();
        for layer in [LayerSpec::MaxPool2d(window), LayerSpec::AvgPool2d(window)] {
            let what = format!("{layer:?} {size:?}");
            let net = TensorNet::build(std::slice::from_ref(&layer), &Params::new()).unwrap();
            let y = net.forward(&x, &mut Mode::Evaluate).unwrap();
            let dx = &weighted_gradients(&y, 7.0, &[&x])[0];
            let of_y = |y: &[f32]| (1..=y.len()).map(|i| i as f32 / 7.0).collect();
            let input = net_tests::input([channels, size[0], size[1]]);
            let found = net_tests::run((&[layer], &input), &Params::new(), Pass::Evaluate, &values(&x), of_y);
            assert_close(&what, &found.y, &values(&y));
            assert_close(&what, &found.dx, dx);
        }
    }
}

/// Nets that lead every way through the other executor: fused and unfused, branches that share a plane, gates, dropout
/// aside, pools that overlap, channels that fill no vector.
const NETS: [([usize; 3], &str); 7] = [
    // Uneven pads everywhere: columns, taps by phases, depthwise, Winograd's tiles, pools, winners gone through one by one.
    (
        [3, 21, 18],
        r#"{ kind = "conv2d", name = "a", in = 3, out = 16, kernel = 3, stride = 2, padding = [0, 0, 1, 1] }, { kind = "relu6" },
        { kind = "conv2d", name = "w", in = 16, out = 16, kernel = 3, padding = [2, 0, 0, 2] }, { kind = "relu" },
        { kind = "conv2d", name = "d", in = 16, out = 16, kernel = 5, stride = 2, padding = [1, 2, 2, 1], groups = 16 },
        { kind = "avg_pool2d", kernel = 3, stride = 1, padding = [1, 0, 0, 1] },
        { kind = "concat", branches = [[{ kind = "conv2d", name = "g", in = 16, out = 8, kernel = [2, 3], padding = [0, 2, 1, 0], groups = 2 }],
          [{ kind = "max_pool2d", kernel = 2, stride = 1, padding = [1, 1, 0, 0] }]] },
        { kind = "conv2d", name = "s", in = 24, out = 10, kernel = 3, padding = [3, 0, 1, 2] }, { kind = "relu" },
        { kind = "max_pool2d", kernel = 3, stride = 3, padding = [1, 0, 0, 1] },
        { kind = "flatten" }, { kind = "linear", name = "l", in = 20, out = 5 }"#,
    ),
    (
        [3, 15, 15],
        r#"{ kind = "conv2d", name = "a", in = 3, out = 8, kernel = 3, stride = 2, padding = 1, bias = false },
        { kind = "batch_norm2d", name = "n", channels = 8 }, { kind = "relu" },
        { kind = "max_pool2d", kernel = 3, stride = 2, padding = 1, ceil = true },
        { kind = "residual", body = [{ kind = "conv2d", name = "d", in = 8, out = 8, kernel = 3, padding = 1, groups = 8 },
          { kind = "relu6" }], shortcut = [{ kind = "conv2d", name = "s", in = 8, out = 8, kernel = 1, groups = 2 }] },
        { kind = "concat", branches = [[], [{ kind = "avg_pool2d", kernel = 3, stride = 1, padding = 1 }]] },
        { kind = "flatten" }, { kind = "maxout", name = "m", in = 400, units = 10, pieces = 3 },
        { kind = "linear", name = "l", in = 10, out = 5 }"#,
    ),
    (
        [1, 12, 10],
        r#"{ kind = "conv2d", name = "a", in = 1, out = 40, kernel = 5, padding = 2 }, { kind = "relu" },
        { kind = "max_pool2d", kernel = 2 }, { kind = "conv2d", name = "b", in = 40, out = 33, kernel = [3, 2] },
        { kind = "relu" }, { kind = "max_pool2d", kernel = 2 }, { kind = "flatten" },
        { kind = "linear", name = "l", in = 132, out = 50 }, { kind = "relu" },
        { kind = "linear", name = "o", in = 50, out = 7, bias = false }"#,
    ),
    (
        [2, 9, 9],
        r#"{ kind = "conv2d", name = "a", in = 2, out = 16, kernel = 3, padding = 1 }, { kind = "relu" },
        { kind = "residual", body = [{ kind = "conv2d", name = "b", in = 16, out = 16, kernel = 3, padding = 1 },
          { kind = "batch_norm2d", name = "bn", channels = 16 }, { kind = "relu" },
          { kind = "conv2d", name = "c", in = 16, out = 16, kernel = 3, padding = 1, bias = false },
          { kind = "batch_norm2d", name = "cn", channels = 16 }] }, { kind = "relu" },
        { kind = "residual", body = [{ kind = "conv2d", name = "e", in = 16, out = 24, kernel = 3, stride = 2, padding = 1 }],
          shortcut = [{ kind = "conv2d", name = "f", in = 16, out = 24, kernel = 1, stride = 2 },
            { kind = "batch_norm2d", name = "fn", channels = 24 }] },
        { kind = "relu" }, { kind = "global_avg_pool" }, { kind = "linear", name = "l", in = 24, out = 4 }"#,
    ),
    (
        [3, 13, 11],
        r#"{ kind = "conv2d", name = "a", in = 3, out = 20, kernel = 3, stride = 2 }, { kind = "relu" },
        { kind = "max_pool2d", kernel = 3, stride = 2, ceil = true },
        { kind = "conv2d", name = "s", in = 20, out = 6, kernel = 1 }, { kind = "relu" },
        { kind = "concat", branches = [
          [{ kind = "conv2d", name = "p", in = 6, out = 10, kernel = 1 }, { kind = "relu" }],
          [{ kind = "concat", branches = [[{ kind = "conv2d", name = "q", in = 6, out = 9, kernel = 3, padding = 1 },
            { kind = "relu" }], [{ kind = "max_pool2d", kernel = 3, stride = 1, padding = 1 }]] }],
          [{ kind = "conv2d", name = "r", in = 6, out = 4, kernel = 1 }, { kind = "relu6" }]] },
        { kind = "conv2d", name = "t", in = 29, out = 5, kernel = 1 }, { kind = "relu" }, { kind = "flatten" }"#,
    ),
    (
        [3, 8, 8],
        r#"{ kind = "residual", body = [{ kind = "residual", body = [{ kind = "relu" }] }] }, { kind = "relu6" },
        { kind = "concat", branches = [[{ kind = "flatten" }], [{ kind = "avg_pool2d", kernel = [2, 4] }, { kind = "flatten" },
          { kind = "relu" }]] },
        { kind = "residual", body = [{ kind = "linear", name = "k", in = 216, out = 216 }] },
        { kind = "maxout", name = "m", in = 216, units = 6, pieces = 2 }, { kind = "relu" }"#,
    ),
    (
        [3, 10, 10],
        r#"{ kind = "batch_norm2d", name = "i", channels = 3 },
        { kind = "conv2d", name = "a", in = 3, out = 6, kernel = 2, stride = 3 },
        { kind = "relu" }, { kind = "conv2d", name = "d", in = 6, out = 6, kernel = 3, stride = 2, padding = 2, groups = 6 },
        { kind = "batch_norm2d", name = "n", channels = 6 }, { kind = "relu6" }, { kind = "relu" }, { kind = "flatten" },
        { kind = "linear", name = "l", in = 54, out = 3 }"#,
    ),
];

#[test]
fn both_executors_agree_on_logits_and_all_gradients() {
    for (number, (size, text)) in NETS.into_iter().enumerate() {
        let net = layers(text);
        let mut params = Params::new();
        walk_layers(&net, &mut |layer| {
            for (name, shape) in layer.tensors() {
                let tensor = random(&shape, 100 + params.len() as u64);
                params.insert(
                    name.clone(),
                    if name.ends_with("var") { (tensor.sqr().unwrap() + 0.1).unwrap() } else { tensor },
                );
            }
        });
        let vars: std::collections::BTreeMap<_, _> =
            params.iter().map(|(name, tensor)| (name.clone(), Var::from_tensor(tensor).unwrap())).collect();
        let shared = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        let oracle = TensorNet::build(&net, &shared).unwrap();
        let x = Var::from_tensor(&random(&[3, size[0], size[1], size[2]], 9)).unwrap();
        for pass in [Pass::Evaluate, Pass::Train] {
            let (mut rng, mut statistics) = (ChaCha8Rng::seed_from_u64(0), Vec::new());
            let mut mode = match pass {
                Pass::Evaluate => Mode::Evaluate,
                Pass::Train => Mode::Train { rng: &mut rng, statistics: &mut statistics },
            };
            let logits = oracle.forward(&x, &mut mode).unwrap();
            let labels: Vec<usize> = (0..3).map(|i| i % logits.dims()[1]).collect();
            let loss = cross_entropy(&logits, &labels).unwrap().sum_all().unwrap();
            let expected = loss.backward().unwrap();
            let of_logits = |z: &[f32]| Loss::CrossEntropy.gradient(z, &labels, 1.0).unwrap();
            let found = net_tests::run((&net, &net_tests::input(size)), &params, pass, &values(&x), of_logits);
            // The statistics of a batch cancel what its pixels have in common, on either side in single precision.
            let tolerance = if pass == Pass::Train { 3e-5 } else { 5e-6 };
            let what = |part: &str| format!("net {number} {pass:?} {part}");
            assert_within(tolerance, &what("logits"), &found.y, &values(&logits));
            assert_within(tolerance, &what("dx"), &found.dx, &values(expected.get(&x).unwrap()));
            if pass == Pass::Train {
                for (name, gradient) in &found.gradients {
                    if !super::layer::is_running_statistic(name) {
                        assert_within(
                            tolerance,
                            &what(name),
                            &values(gradient),
                            &values(expected.get(&vars[name]).unwrap()),
                        );
                    }
                }
            }
        }
    }
}
