//! The operations against what PyTorch printed (`tests/goldens/ops.py`), and convolutions of random shapes against a
//! naive reference.

use candle_core::{Device, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::testing::{check_gradient, random};
use super::*;

#[derive(Deserialize)]
struct Goldens {
    pool_input: Vec<f32>,
    pools: Vec<Pool>,
    convs: Vec<Conv>,
}

#[derive(Deserialize, Debug)]
struct Pool {
    kind: String,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    ceil: bool,
    shape: Vec<usize>,
    y: Vec<f32>,
    dx: Vec<f32>,
}

#[derive(Deserialize)]
struct Conv {
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
    x_shape: Vec<usize>,
    w_shape: Vec<usize>,
    y_shape: Vec<usize>,
    x: Vec<f32>,
    w: Vec<f32>,
    b: Vec<f32>,
    y: Vec<f32>,
    dx: Vec<f32>,
    dw: Vec<f32>,
    db: Vec<f32>,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("../../../tests/goldens/ops.json")).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 4e-6 * scale, "{what}[{i}]: {a}, expected {b}");
    }
}

#[test]
fn pools_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.pools.len(), 22);
    for golden in goldens.pools {
        let x = Var::from_slice(&goldens.pool_input, (1, 1, 6, 5), &Device::Cpu).unwrap();
        let window =
            Window { kernel: golden.kernel, stride: golden.stride, padding: golden.padding, ceil: golden.ceil };
        let y = if golden.kind == "max" { max_pool2d(&x, window) } else { avg_pool2d(&x, window) }.unwrap();
        assert_eq!(y.dims(), golden.shape, "{golden:?}");
        assert_close(&format!("{golden:?} y"), &values(&y), &golden.y);
        let count = y.elem_count();
        let weights = Tensor::from_vec((1..=count).map(|i| i as f32).collect(), y.shape(), &Device::Cpu).unwrap();
        let mut gradients = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
        assert_close(&format!("{golden:?} dx"), &values(&gradients.remove(&x).unwrap()), &golden.dx);
    }
}

#[test]
fn convolutions_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.convs.len(), 10);
    for (i, golden) in goldens.convs.into_iter().enumerate() {
        let var = |values: &[f32], shape: &[usize]| Var::from_slice(values, shape, &Device::Cpu).unwrap();
        let x = var(&golden.x, &golden.x_shape);
        let w = var(&golden.w, &golden.w_shape);
        let b = var(&golden.b, &[golden.b.len()]);
        let config = Conv2d { stride: golden.stride, padding: golden.padding, groups: golden.groups };
        let y = conv2d(&x, &w, &b, config).unwrap();
        assert_eq!(y.dims(), golden.y_shape);
        assert_close(&format!("conv {i} y"), &values(&y), &golden.y);
        let count = y.elem_count();
        let weights = (1..=count).map(|k| k as f32 / count as f32).collect();
        let weights = Tensor::from_vec(weights, y.shape(), &Device::Cpu).unwrap();
        let mut gradients = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
        for (what, var, expected) in [("dx", &x, &golden.dx), ("dw", &w, &golden.dw), ("db", &b, &golden.db)] {
            assert_close(&format!("conv {i} {what}"), &values(&gradients.remove(var).unwrap()), expected);
        }
    }
}

/// The definition, pixel by pixel in f64.
fn naive_conv(x: &Tensor, w: &Tensor, b: &[f32], config: Conv2d, out: (usize, usize)) -> Vec<f32> {
    let (n, _, h, width) = x.dims4().unwrap();
    let (cout, cin, kh, kw) = w.dims4().unwrap();
    let (xs, ws) = (values(x), values(w));
    let mut y = Vec::new();
    for (image, o) in (0..n).flat_map(|image| (0..cout).map(move |o| (image, o))) {
        let first = o / (cout / config.groups) * cin;
        for (oy, ox) in (0..out.0).flat_map(|oy| (0..out.1).map(move |ox| (oy, ox))) {
            let mut sum = f64::from(b[o]);
            for (c, ky, kx) in (0..cin).flat_map(|c| (0..kh).flat_map(move |ky| (0..kw).map(move |kx| (c, ky, kx)))) {
                let row = (oy * config.stride[0] + ky).wrapping_sub(config.padding[0]);
                let column = (ox * config.stride[1] + kx).wrapping_sub(config.padding[1]);
                if row < h && column < width {
                    let x = xs[((image * cin * config.groups + first + c) * h + row) * width + column];
                    sum += f64::from(x) * f64::from(ws[((o * cin + c) * kh + ky) * kw + kx]);
                }
            }
            y.push(sum as f32);
        }
    }
    y
}

#[test]
fn convolutions_of_random_shapes_match_the_definition_and_finite_differences() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut checked = 0;
    while checked < 60 {
        let mut draw = |range: std::ops::RangeInclusive<usize>| rng.random_range(range);
        let groups = draw(1..=3);
        let (cin, cout) = (groups * draw(1..=3), groups * draw(1..=3));
        let (n, h, w) = (draw(1..=9), draw(1..=14), draw(1..=14));
        let kernel = [draw(1..=4), draw(1..=4)];
        let config = Conv2d { stride: [draw(1..=3), draw(1..=3)], padding: [draw(0..=2), draw(0..=2)], groups };
        if kernel[0] > h + 2 * config.padding[0] || kernel[1] > w + 2 * config.padding[1] {
            continue;
        }
        checked += 1;
        let x = random(&[n, cin, h, w], checked);
        let weight = random(&[cout, cin / groups, kernel[0], kernel[1]], checked + 1000);
        let bias = random(&[cout], checked + 2000);
        let y = conv2d(&x, &weight, &bias, config).unwrap();
        let out = (y.dims()[2], y.dims()[3]);
        let expected = naive_conv(&x, &weight, &values(&bias), config, out);
        assert_close(&format!("{:?} {:?} {config:?}", x.shape(), weight.shape()), &values(&y), &expected);
        if x.elem_count() <= 200 {
            check_gradient(&x, |x| conv2d(x, &weight, &bias, config));
            check_gradient(&weight, |weight| conv2d(&x, weight, &bias, config));
            check_gradient(&bias, |bias| conv2d(&x, &weight, bias, config));
        }
    }
}

#[test]
fn larger_convolutions_span_several_tiles_and_blocks() {
    // 40 channels and 23×23 pixels: several tiles of output, several blocks of channels in the gradient.
    let config = Conv2d { stride: [1, 1], padding: [1, 1], groups: 1 };
    let (x, weight) = (random(&[1, 40, 23, 23], 1), random(&[5, 40, 3, 3], 2));
    let bias = random(&[5], 3);
    let y = conv2d(&x, &weight, &bias, config).unwrap();
    assert_close("y", &values(&y), &naive_conv(&x, &weight, &values(&bias), config, (23, 23)));
    // <A x, r> = <x, Aᵀ r>, the adjoint being the gradient.
    let r = random(&[1, 5, 23, 23], 4);
    let var = Var::from_tensor(&x).unwrap();
    let forward = (conv2d(&var, &weight, &bias.zeros_like().unwrap(), config).unwrap() * &r).unwrap();
    let mut gradients = forward.sum_all().unwrap().backward().unwrap();
    let dot = |a: &Tensor, b: &Tensor| -> f64 {
        values(a).iter().zip(values(b)).map(|(a, b)| f64::from(*a) * f64::from(b)).sum()
    };
    let y = conv2d(&x, &weight, &bias.zeros_like().unwrap(), config).unwrap();
    let (left, right) = (dot(&y, &r), dot(&x, &gradients.remove(&var).unwrap()));
    assert!((left - right).abs() < 1e-5 * left.abs().max(1.0), "{left} {right}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let x = Var::from_tensor(&random(&[6, 8, 13, 13], 1)).unwrap();
            let w = Var::from_tensor(&random(&[16, 8, 3, 3], 2)).unwrap();
            let b = Var::from_tensor(&random(&[16], 3)).unwrap();
            let dense = Var::from_tensor(&random(&[300, 16 * 13 * 13], 4)).unwrap();
            let config = Conv2d { stride: [1, 1], padding: [1, 1], groups: 1 };
            let y = relu(&conv2d(&x, &w, &b, config).unwrap()).unwrap().flatten_from(1).unwrap();
            let y = linear(&y, &dense, &random(&[300], 5)).unwrap();
            let mut gradients = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            [&x, &w, &b, &dense].map(|var| values(&gradients.remove(var).unwrap()))
        })
    };
    assert_eq!(run(1), run(2));
    assert_eq!(run(1), run(3));
}

#[test]
fn pools_refuse_what_does_not_fit_and_have_right_gradients() {
    let window = Window { kernel: [3, 3], stride: [1, 1], padding: [0, 0], ceil: false };
    assert!(max_pool2d(&random(&[1, 1, 2, 5], 1), window).is_err());
    assert!(avg_pool2d(&random(&[1, 1, 5, 5], 1), Window { padding: [2, 2], ..window }).is_err());
    let odd = Window { kernel: [3, 2], stride: [2, 3], padding: [1, 0], ceil: true };
    // Far apart, so that finite differences do not cross a tie.
    let x = (random(&[2, 2, 7, 5], 2) * 50.0).unwrap();
    check_gradient(&x, |x| max_pool2d(x, odd)? * 0.1);
    check_gradient(&random(&[2, 2, 7, 5], 3), |x| avg_pool2d(x, odd));
    check_gradient(&random(&[2, 3, 4, 5], 4), global_avg_pool);
    assert_eq!(global_avg_pool(&random(&[2, 3, 4, 5], 4)).unwrap().dims(), [2, 3, 1, 1]);
}
