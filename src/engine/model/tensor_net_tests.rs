//! Nets on candle's kernels against PyTorch (`tests/goldens/ops.py`), finite differences and closed forms.

use candle_core::{Device, Result as TensorResult, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::net_tests::{assert_close, goldens, layers, values};
use super::tensor_net::*;
use super::tensor_ops::*;
use super::tensor_testing::{check_gradient, random};
use super::*;
use crate::kernels::{Padding, Window};

fn var(values: &[f32], shape: &[usize]) -> Var {
    Var::from_slice(values, shape, &Device::Cpu).unwrap()
}

/// `[height, width]` or `[top, left, bottom, right]`.
fn padding_of(sides: &[usize]) -> Padding {
    match *sides {
        [top, left, bottom, right] => Padding { before: [top, left], after: [bottom, right] },
        [height, width] => Padding::even([height, width]),
        _ => panic!("a padding of {sides:?}"),
    }
}

/// The gradients of `Σ wᵢ·yᵢ` with respect to `vars`, where wᵢ = (i + 1) / `divisor`, as the goldens have them.
pub fn weighted_gradients(y: &Tensor, divisor: f32, vars: &[&Var]) -> Vec<Vec<f32>> {
    let weights = (1..=y.elem_count()).map(|i| i as f32 / divisor).collect();
    let weights = Tensor::from_vec(weights, y.shape(), y.device()).unwrap();
    let mut gradients = (y * weights).unwrap().sum_all().unwrap().backward().unwrap();
    vars.iter().map(|var| values(&gradients.remove(var).unwrap())).collect()
}

#[test]
fn pools_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.pools.len(), 28);
    for golden in goldens.pools {
        let x = var(&goldens.pool_input, &[1, 1, 6, 5]);
        let window = Window {
            kernel: golden.kernel,
            stride: golden.stride,
            padding: padding_of(&golden.padding),
            ceil: golden.ceil,
        };
        let (layer, y) = match golden.kind.as_str() {
            "max" => (LayerSpec::MaxPool2d(window), max_pool2d(&x, window)),
            _ => (LayerSpec::AvgPool2d(window), avg_pool2d(&x, window)),
        };
        assert_eq!(y.unwrap().dims(), golden.shape, "{golden:?}");
        let net = TensorNet::build(&[layer], &Params::new()).unwrap();
        let y = net.forward(&x, &mut Mode::Evaluate).unwrap();
        assert_close(&format!("{golden:?} y"), &values(&y), &golden.y);
        assert_close(&format!("{golden:?} dx"), &weighted_gradients(&y, 1.0, &[&x])[0], &golden.dx);
    }
}

#[test]
fn convolutions_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.convs.len(), 15);
    for (i, golden) in goldens.convs.into_iter().enumerate() {
        let (x, w) = (var(&golden.x, &golden.x_shape), var(&golden.w, &golden.w_shape));
        let b = var(&golden.b, &[golden.b.len()]);
        let config = Conv2d { stride: golden.stride, padding: padding_of(&golden.padding), groups: golden.groups };
        assert_eq!(conv2d(&x, &w, Some(&b), config).unwrap().dims(), golden.y_shape);
        let layer = LayerSpec::Conv2d {
            name: "c".into(),
            inputs: golden.x_shape[1],
            outputs: golden.w_shape[0],
            kernel: [golden.w_shape[2], golden.w_shape[3]],
            config,
            bias: true,
        };
        let params = Params::from([
            ("c.weight".to_owned(), w.as_tensor().clone()),
            ("c.bias".to_owned(), b.as_tensor().clone()),
        ]);
        let y = TensorNet::build(&[layer], &params).unwrap().forward(&x, &mut Mode::Evaluate).unwrap();
        assert_close(&format!("conv {i} y"), &values(&y), &golden.y);
        let gradients = weighted_gradients(&y, y.elem_count() as f32, &[&x, &w, &b]);
        for ((what, found), expected) in
            ["dx", "dw", "db"].iter().zip(&gradients).zip([&golden.dx, &golden.dw, &golden.db])
        {
            assert_close(&format!("conv {i} {what}"), found, expected);
        }
    }
}

#[test]
fn batch_normalisation_matches_pytorch() {
    let layers = layers("{ kind = \"batch_norm2d\", name = \"n\", channels = 3, eps = 1e-3 }");
    for golden in goldens().norms {
        let (weight, bias) = (var(&[1.5, -0.5, 2.0], &[3]), var(&[0.1, 0.2, -0.3], &[3]));
        let params = Params::from([
            ("n.weight".to_owned(), weight.as_tensor().clone()),
            ("n.bias".to_owned(), bias.as_tensor().clone()),
            ("n.running_mean".to_owned(), var(&[0.5, -0.2, 0.0], &[3]).as_detached_tensor()),
            ("n.running_var".to_owned(), var(&[2.0, 0.5, 1.0], &[3]).as_detached_tensor()),
        ]);
        let net = TensorNet::build(&layers, &params).unwrap();
        let x = var(&golden.x, &[2, 3, 2, 2]);
        let (mut rng, mut statistics) = (ChaCha8Rng::seed_from_u64(0), Vec::new());
        let mut mode = match golden.training {
            true => Mode::Train { rng: &mut rng, statistics: &mut statistics },
            false => Mode::Evaluate,
        };
        let y = net.forward(&x, &mut mode).unwrap();
        assert_close("y", &values(&y), &golden.y);
        let gradients = weighted_gradients(&y, golden.y.len() as f32, &[&x, &weight, &bias]);
        assert_close("dx", &gradients[0], &golden.dx);
        assert_close("dw", &gradients[1], &golden.dw);
        assert_close("db", &gradients[2], &golden.db);
        assert_eq!(statistics.len(), usize::from(golden.training));
        for (name, mean, unbiased) in &statistics {
            // PyTorch's running statistics: 0.9 of the old ones and 0.1 of the batch's.
            let moved = |old: &[f32], new: &Tensor| -> Vec<f32> {
                old.iter().zip(values(new)).map(|(old, new)| 0.9 * old + 0.1 * new).collect()
            };
            assert_eq!(name, "n");
            assert_close("mean", &moved(&[0.5, -0.2, 0.0], mean), &golden.mean);
            assert_close("var", &moved(&[2.0, 0.5, 1.0], unbiased), &golden.var);
        }
    }
}

#[test]
fn combinators_add_and_concatenate() {
    let layers = layers(
        "{ kind = \"residual\", body = [{ kind = \"relu\" }] }, \
         { kind = \"concat\", branches = [[], [{ kind = \"relu\" }, { kind = \"max_pool2d\", kernel = 1 }]] }, \
         { kind = \"global_avg_pool\" }",
    );
    let net = TensorNet::build(&layers, &Params::new()).unwrap();
    let x = var(&[-1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0, -4.0, -4.0, -4.0, -4.0], &[1, 3, 2, 2]);
    // x + relu(x): -1 4 6 8 | 2 2 2 2 | -4 -4 -4 -4; its means, then those of its relu.
    let y = net.forward(&x, &mut Mode::Evaluate).unwrap();
    assert_eq!(y.to_vec2::<f32>().unwrap(), [[4.25, 2.0, -4.0, 4.5, 2.0, 0.0]]);
    // A negative pixel passes once (its mean, the shortcut), a positive one twice each way.
    let expected = [[0.25, 1.0, 1.0, 1.0], [1.0; 4], [0.25; 4]].concat();
    let dx = y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
    assert_eq!(values(&dx), expected);
}

#[test]
fn dropout_acts_in_training_only_and_repeats_with_the_seed() {
    let layers = layers("{ kind = \"dropout\", keep = 0.5 }, { kind = \"flatten\" }");
    let net = TensorNet::build(&layers, &Params::new()).unwrap();
    let x = var(&[1.0; 12], &[1, 3, 2, 2]);
    assert_eq!(values(&net.forward(&x, &mut Mode::Evaluate).unwrap()), [1.0; 12]);
    let draw = || {
        let (mut rng, mut statistics) = (ChaCha8Rng::seed_from_u64(3), Vec::new());
        let y = net.forward(&x, &mut Mode::Train { rng: &mut rng, statistics: &mut statistics }).unwrap();
        let dx = y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
        // The gradient of Σ m·x is the mask m, and x is 1.
        assert_eq!(values(&y), values(&dx));
        values(&y)
    };
    assert!(draw().contains(&0.0) && draw().contains(&2.0));
    assert_eq!(draw(), draw());
}

#[test]
fn tensors_must_be_there_in_the_right_shape() {
    let layers = layers("{ kind = \"residual\", body = [{ kind = \"linear\", name = \"l\", in = 2, out = 3 }] }");
    let tensor = |shape: &[usize]| random(shape, 1);
    let right = Params::from([("l.weight".to_owned(), tensor(&[3, 2])), ("l.bias".to_owned(), tensor(&[3]))]);
    assert!(TensorNet::build(&layers, &right).is_ok());
    let turned = Params::from([("l.weight".to_owned(), tensor(&[2, 3])), ("l.bias".to_owned(), tensor(&[3]))]);
    let why = TensorNet::build(&layers, &turned).err().unwrap().to_string();
    assert_eq!(why, "linear needs the tensor \"l.weight\" of [3, 2], found Some([2, 3])");
    assert!(TensorNet::build(&layers, &Params::new()).is_err());
}

#[test]
fn kinks_have_no_gradient_and_nan_is_not_hidden() {
    // torch.nn.functional.relu6 and its autograd at [-1, 0, 2, 6, 7]: [0, 0, 2, 6, 6] and [0, 0, 1, 0, 0].
    let x = var(&[-1.0, 0.0, 2.0, 6.0, 7.0], &[5]);
    let slopes = |y: &Tensor| values(&y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap());
    let y = relu6(&x).unwrap();
    assert_eq!(values(&y), [0.0, 0.0, 2.0, 6.0, 6.0]);
    assert_eq!(slopes(&y), [0.0, 0.0, 1.0, 0.0, 0.0]);
    let y = relu(&x).unwrap();
    assert_eq!(values(&y), [0.0, 0.0, 2.0, 6.0, 7.0]);
    assert_eq!(slopes(&y), [0.0, 0.0, 1.0, 1.0, 1.0]);
    let nan = Tensor::new(&[[[[1.0f32, f32::NAN, 2.0, 3.0]]]], &Device::Cpu).unwrap();
    assert!(values(&relu(&nan).unwrap())[1].is_nan() && values(&relu6(&nan).unwrap())[1].is_nan());
    let pair = Window { kernel: [1, 2], stride: [1, 1], padding: Padding::default(), ceil: false };
    let y = values(&max_pool2d(&nan, pair).unwrap());
    assert!(y[0].is_nan() && y[1].is_nan() && y[2] == 3.0, "{y:?}");
    assert!(values(&maxout(&nan.flatten_from(1).unwrap(), 4).unwrap())[0].is_nan());
}

#[test]
fn of_equal_values_the_first_takes_the_gradient() {
    // torch.tensor([[1., 3., 3.], [-2., -2., -5.]]).view(1, 2, 3).max(-1): values [3, -2], indices [1, 0].
    let x = var(&[1.0, 3.0, 3.0, -2.0, -2.0, -5.0], &[1, 6]);
    let y = maxout(&x, 3).unwrap();
    assert_eq!(y.to_vec2::<f32>().unwrap(), [[3.0, -2.0]]);
    let dx = y.sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
    assert_eq!(values(&dx), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    assert!(maxout(&x, 4).is_err());
    // Of a window's equal maxima the first row by row: at (0, 2), not (1, 0), which lies further left.
    let x = var(&[0.0, 1.0, 5.0, 5.0, 0.0, 0.0, 1.0, 5.0, 5.0], &[1, 1, 3, 3]);
    let whole = Window { kernel: [3, 3], stride: [1, 1], padding: Padding::default(), ceil: false };
    let dx = max_pool2d(&x, whole).unwrap().sum_all().unwrap().backward().unwrap().remove(&x).unwrap();
    assert_eq!(values(&dx), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn gradients_match_finite_differences() {
    check_gradient(&random(&[3, 4, 5], 1), relu);
    check_gradient(&random(&[3, 4, 5], 2), |x| relu6(&(x * 8.0)?));
    check_gradient(&random(&[3, 20], 4), |x| maxout(x, 5));
    let (x, weight, bias) = (random(&[3, 7], 5), random(&[4, 7], 6), random(&[4], 7));
    check_gradient(&x, |x| linear(x, &weight, Some(&bias)));
    check_gradient(&weight, |weight| linear(&x, weight, None));
    check_gradient(&bias, |bias| linear(&x, &weight, Some(bias)));
    let odd = Window { kernel: [3, 2], stride: [2, 3], padding: Padding { before: [1, 0], after: [0, 1] }, ceil: true };
    // Far apart, so that finite differences do not cross a tie.
    let x = (random(&[2, 2, 7, 5], 2) * 50.0).unwrap();
    check_gradient(&x, |x| max_pool2d(x, odd)? * 0.1);
    check_gradient(&random(&[2, 2, 7, 5], 3), |x| avg_pool2d(x, odd));
    check_gradient(&random(&[2, 3, 4, 5], 4), global_avg_pool);
    let labels = [0, 2, 4];
    check_gradient(&random(&[3, 5], 5), |z| cross_entropy(&(z * 3.0)?, &labels));
    check_gradient(&random(&[3, 5], 6), |z| log_odds_against(&(z * 3.0)?, &labels));
}

#[test]
fn channels_are_scaled_one_by_one() {
    let x = Tensor::new(&[[[[1.0f32, 2.0]], [[3.0, 4.0]]]], &Device::Cpu).unwrap();
    assert_eq!(values(&channel_affine(&x, &[2.0, 10.0], &[0.5, -1.0]).unwrap()), [2.5, 4.5, 29.0, 39.0]);
    assert!(channel_affine(&x, &[1.0, 2.0, 3.0], &[0.0; 3]).is_err());
    check_gradient(&random(&[2, 3, 2, 2], 3), |x| channel_affine(x, &[2.0, -1.0, 0.0], &[0.5, 1.0, 2.0]));
}

#[test]
fn pools_refuse_what_does_not_fit() {
    let window = Window { kernel: [3, 3], stride: [1, 1], padding: Padding::default(), ceil: false };
    assert!(max_pool2d(&random(&[1, 1, 2, 5], 1), window).is_err());
    assert!(
        avg_pool2d(&random(&[1, 1, 5, 5], 1), Window { padding: Padding { before: [0, 0], after: [0, 2] }, ..window })
            .is_err()
    );
    assert_eq!(global_avg_pool(&random(&[2, 3, 4, 5], 4)).unwrap().dims(), [2, 3, 1, 1]);
    // One window and a stride beyond all sense: nothing is padded up to it.
    let far = Window { stride: [1 << 20, 1 << 20], ..window };
    assert_eq!(max_pool2d(&random(&[1, 1, 4, 5], 1), far).unwrap().dims(), [1, 1, 1, 1]);
}

/// The definition, pixel by pixel in f64.
fn naive_conv(x: &Tensor, w: &Tensor, config: Conv2d, out: (usize, usize)) -> Vec<f32> {
    let (n, _, h, width) = x.dims4().unwrap();
    let (cout, cin, kh, kw) = w.dims4().unwrap();
    let (xs, ws) = (values(x), values(w));
    let mut y = Vec::new();
    for (image, o) in (0..n).flat_map(|image| (0..cout).map(move |o| (image, o))) {
        let first = o / (cout / config.groups) * cin;
        for (oy, ox) in (0..out.0).flat_map(|oy| (0..out.1).map(move |ox| (oy, ox))) {
            let mut sum = 0.0;
            for (c, ky, kx) in (0..cin).flat_map(|c| (0..kh).flat_map(move |ky| (0..kw).map(move |kx| (c, ky, kx)))) {
                let row = (oy * config.stride[0] + ky).wrapping_sub(config.padding.before[0]);
                let column = (ox * config.stride[1] + kx).wrapping_sub(config.padding.before[1]);
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

/// Every way that a convolution can go: candle's own, depthwise, unfolded in groups and for what candle cannot do.
#[test]
fn convolutions_of_random_shapes_match_the_definition_and_finite_differences() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut checked = 0;
    while checked < 120 {
        let mut draw = |range: std::ops::RangeInclusive<usize>| rng.random_range(range);
        let (square, depthwise) = (draw(0..=1) == 1, draw(0..=3) == 0);
        let groups = if depthwise { draw(2..=4) } else { draw(1..=2) };
        let (cin, cout) = if depthwise { (groups, groups) } else { (groups * draw(1..=3), groups * draw(1..=3)) };
        let (n, h, w) = (draw(1..=3), draw(1..=9), draw(1..=9));
        let mut pair = |range: std::ops::RangeInclusive<usize>| {
            let first = draw(range.clone());
            [first, if square { first } else { draw(range) }]
        };
        let (kernel, stride, before) = (pair(1..=4), pair(1..=4), pair(0..=3));
        let padding = if checked % 2 == 0 { Padding::even(before) } else { Padding { before, after: pair(0..=3) } };
        let config = Conv2d { stride, padding, groups };
        if kernel[0] > h + padding.both(0) || kernel[1] > w + padding.both(1) {
            continue;
        }
        checked += 1;
        let x = random(&[n, cin, h, w], checked);
        let weight = random(&[cout, cin / groups, kernel[0], kernel[1]], checked + 1000);
        let y = conv2d(&x, &weight, None, config).unwrap();
        let expected = naive_conv(&x, &weight, config, (y.dims()[2], y.dims()[3]));
        assert_close(&format!("{:?} {:?} {config:?}", x.shape(), weight.shape()), &values(&y), &expected);
        if x.elem_count() <= 150 && expected.len() <= 400 {
            // Nothing but padding under every window: no gradient at all, and rightly none.
            let seen = |axis: usize, size: usize| {
                let mut starts = (0..y.dims()[2 + axis]).map(|i| i * config.stride[axis]);
                let padding = padding.before[axis];
                starts.any(|start| start < size + padding && start + kernel[axis] > padding)
            };
            if seen(0, h) && seen(1, w) {
                check_gradient(&x, |x| conv2d(x, &weight, None, config));
            }
            check_gradient(&weight, |weight| conv2d(&x, weight, None, config));
        }
    }
}

#[test]
fn wide_convolutions_have_adjoint_gradients() {
    // Large enough for every tile that candle's kernels may cut it into; remainders of both kinds with stride 2.
    for (i, (size, stride, groups)) in
        [(23, 1, 1), (23, 2, 1), (24, 2, 1), (23, 2, 8), (16, 1, 40)].into_iter().enumerate()
    {
        let config = Conv2d { stride: [stride; 2], padding: Padding::even([1, 1]), groups };
        let x = Var::from_tensor(&random(&[2, 40, size, size], i as u64)).unwrap();
        let weight = Var::from_tensor(&random(&[40, 40 / groups, 3, 3], 10)).unwrap();
        let y = conv2d(&x, &weight, None, config).unwrap();
        assert_close("y", &values(&y), &naive_conv(&x, &weight, config, (y.dims()[2], y.dims()[3])));
        // y is linear in x and in the weights: <y, r> = <x, ∂<y, r>/∂x> = <w, ∂<y, r>/∂w>.
        let r = random(y.dims(), 4);
        let dot = |a: &Tensor, b: &Tensor| -> f64 {
            values(a).iter().zip(values(b)).map(|(a, b)| f64::from(*a) * f64::from(b)).sum()
        };
        let mut gradients = (&y * &r).unwrap().sum_all().unwrap().backward().unwrap();
        let whole = dot(&y, &r);
        for var in [&x, &weight] {
            let part = dot(var, &gradients.remove(var).unwrap());
            assert!((whole - part).abs() < 1e-5 * whole.abs().max(1.0), "{config:?}: {whole} {part}");
        }
    }
}

/// One row's loss and its gradient.
fn loss_of(z: &[f32], label: usize, loss: fn(&Tensor, &[usize]) -> TensorResult<Tensor>) -> (f32, Vec<f32>) {
    let z = var(z, &[1, z.len()]);
    let loss = loss(&z, &[label]).unwrap();
    let dz = loss.sum_all().unwrap().backward().unwrap().remove(&z).unwrap();
    (loss.to_vec1().unwrap()[0], values(&dz))
}

#[test]
fn losses_match_pytorch_and_do_not_overflow() {
    // z = torch.tensor([[1., -2., .5, 3.]], requires_grad=True)
    // J = torch.nn.functional.cross_entropy(z, torch.tensor([2])); J.backward(); print(J.item(), z.grad.tolist())
    // -> 2.702253580093384 [[0.11055373400449753, 0.005504147615283728, -0.9329457879066467, 0.8168878555297852]]
    let (loss, dz) = loss_of(&[1.0, -2.0, 0.5, 3.0], 2, cross_entropy);
    assert!((loss - 2.702_253_6).abs() < 1e-6, "{loss}");
    assert_close("dz", &dz, &[0.110_553_734, 0.005_504_147_6, -0.932_945_8, 0.816_887_86]);
    // F.cross_entropy of [[60, 0, 5]] with label 0: z.grad -> [[0.0, 8.756510958e-27, 1.299581504e-24]].
    let (_, dz) = loss_of(&[60.0, 0.0, 5.0], 0, cross_entropy);
    assert!(dz[0] == 0.0 && (dz[2] / 1.299_581_5e-24 - 1.0).abs() < 1e-5, "{dz:?}");
    // L = log(e^0 + e^5) − 60, its gradient −1 at the label and softmax(0, 5) elsewhere.
    let (log_odds, dz) = loss_of(&[60.0, 0.0, 5.0], 0, log_odds_against);
    assert!((log_odds - (5.006_715_3 - 60.0)).abs() < 1e-4, "{log_odds}");
    assert_close("dz", &dz, &[-1.0, 0.006_692_85, 0.993_307_1]);
    let (log_odds, dz) = loss_of(&[1000.0, 0.0, 5.0], 0, log_odds_against);
    assert!((log_odds + 995.0).abs() < 0.01 && dz[0] == -1.0 && dz[2] > 0.99, "{log_odds} {dz:?}");
    let (loss, dz) = loss_of(&[0.0, 1000.0, 1000.0], 0, cross_entropy);
    assert!((loss - 1000.693).abs() < 1e-3, "{loss}");
    assert_eq!(dz, [-1.0, 0.5, 0.5]);
}

#[test]
fn labels_must_exist() {
    let z = random(&[1, 3], 7);
    assert!(cross_entropy(&z, &[3]).is_err() && log_odds_against(&z, &[0, 1]).is_err());
}
