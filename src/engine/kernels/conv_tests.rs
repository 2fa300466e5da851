//! Convolutions of random shapes against their definition, pixel by pixel in `f64`, on every instruction set at hand.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::winograd::{TileSize, Winograd};
use super::*;

fn random(rng: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Lays out planar values (n, c, h, w) by a map, with rubbish in the spare values.
fn laid_out(planar: &[f32], n: usize, map: Map) -> Vec<f32> {
    let mut values = vec![0.0; map.buffer_len(n)];
    values[n * map.picture()..].fill(f32::NAN);
    each(n, map, |place, at| values[at] = planar[place]);
    values
}

fn planar(values: &[f32], n: usize, map: Map) -> Vec<f32> {
    let mut planar = vec![0.0; n * map.channels * map.pixels()];
    each(n, map, |place, at| planar[place] = values[at]);
    planar
}

fn each(n: usize, map: Map, mut f: impl FnMut(usize, usize)) {
    for (i, c) in (0..n).flat_map(|i| (0..map.channels).map(move |c| (i, c))) {
        for (y, x) in (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x))) {
            f(((i * map.channels + c) * map.height + y) * map.width + x, map.at(i, y as isize, x as isize) + c);
        }
    }
}

struct Case {
    n: usize,
    conv: Conv,
    input: [usize; 2],
    output: [usize; 2],
}

impl Case {
    fn draw(rng: &mut ChaCha8Rng) -> Self {
        let pair =
            |rng: &mut ChaCha8Rng, range: std::ops::Range<usize>| [0, 1].map(|_| rng.random_range(range.clone()));
        loop {
            let groups = [1, 1, 1, 2, 3][rng.random_range(0..5)];
            let (mut inputs, mut outputs) = (groups * rng.random_range(1..20), groups * rng.random_range(1..50));
            let (mut groups, mut largest, mut widest) = (groups, 4, 11);
            if rng.random_range(0..3) == 0 {
                // Those of depthwise convolutions are cut into rows of taps and of pixels.
                (inputs, largest, widest) = (rng.random_range(2..40), 7, 30);
                (outputs, groups) = (inputs, inputs);
            }
            let (kernel, stride) = (pair(rng, 1..largest + 1), pair(rng, 1..4));
            let dilation = [0, 1].map(|_| [1, 1, 1, 2][rng.random_range(0..4)]);
            let padding = Padding { before: pair(rng, 0..3), after: pair(rng, 0..3) };
            let input = [rng.random_range(1..12), rng.random_range(1..widest + 1)];
            let conv = Conv { kernel, stride, padding, dilation, inputs, outputs, groups };
            let reach = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] + 1);
            if (0..2).all(|axis| input[axis] + padding.both(axis) >= reach[axis]) {
                let output = [0, 1].map(|axis| (input[axis] + padding.both(axis) - reach[axis]) / stride[axis] + 1);
                return Self { n: rng.random_range(1..4), conv, input, output };
            }
        }
    }

    /// Calls `f(input, weight, output)` with the planar places of the factors of every term of the definition.
    fn terms(&self, mut f: impl FnMut(usize, usize, usize)) {
        let Conv { kernel: [kh, kw], stride, padding, dilation, inputs, outputs, groups, .. } = self.conv;
        let ([h, w], [oh, ow]) = (self.input, self.output);
        let (cin, cout) = (inputs / groups, outputs / groups);
        for (i, o) in (0..self.n).flat_map(|i| (0..outputs).map(move |o| (i, o))) {
            for (oy, ox) in (0..oh).flat_map(|oy| (0..ow).map(move |ox| (oy, ox))) {
                for (c, ky, kx) in (0..cin).flat_map(|c| (0..kh).flat_map(move |ky| (0..kw).map(move |kx| (c, ky, kx))))
                {
                    let y = (oy * stride[0] + ky * dilation[0]).wrapping_sub(padding.before[0]);
                    let x = (ox * stride[1] + kx * dilation[1]).wrapping_sub(padding.before[1]);
                    if y < h && x < w {
                        let input = ((i * inputs + o / cout * cin + c) * h + y) * w + x;
                        let weight = ((o * cin + c) * kh + ky) * kw + kx;
                        f(input, weight, ((i * outputs + o) * oh + oy) * ow + ox);
                    }
                }
            }
        }
    }
}

fn sums(count: usize, start: impl Fn(usize) -> f32, f: impl FnOnce(&mut dyn FnMut(usize, f32, f32))) -> Vec<f32> {
    let mut sums: Vec<f64> = (0..count).map(|i| f64::from(start(i))).collect();
    f(&mut |at, a, b| sums[at] += f64::from(a) * f64::from(b));
    sums.into_iter().map(|sum| sum as f32).collect()
}

fn assert_close(tolerance: f32, what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a}, expected {b}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Taps(Conv),
    Winograd(Winograd),
    /// It goes backwards as a fully connected layer in training.
    Linear(Conv),
}

impl Way {
    /// Returns the tolerance as a share of the largest value. Winograd's filters cancel what the taps never add.
    fn tolerance(self) -> f32 {
        match self {
            Self::Winograd(_) => 1e-4,
            _ => 1e-5,
        }
    }

    fn forward(self, isa: Isa, x: Values<'_>, weights: ConvWeights<'_>, y: ValuesMut<'_>, fused: Fused<'_>) {
        match self {
            Self::Taps(conv) | Self::Linear(conv) => conv.forward(isa, x, weights, y, fused),
            Self::Winograd(winograd) => {
                let mut transformed = Vec::new();
                winograd.transform(isa, weights.packed, &mut transformed);
                winograd.forward(isa, x, ConvWeights { packed: &transformed, ..weights }, y, fused);
            }
        }
    }

    fn input_gradient(self, isa: Isa, dy: Values<'_>, packed: &[f32], dx: ValuesMut<'_>, fused: FusedGradient<'_>) {
        let mut weights = Vec::new();
        match self {
            Self::Taps(conv) => {
                conv.transpose(packed, &mut weights);
                conv.input_gradient(isa, dy, &weights, dx, fused);
            }
            Self::Winograd(winograd) => {
                winograd.transform_turned(isa, packed, &mut weights);
                winograd.input_gradient(isa, dy, &weights, dx, fused);
            }
            Self::Linear(conv) => conv.linear_input_gradient(isa, dy, packed, dx, fused),
        }
    }

    /// Adds to the gradient of the bias, and writes or adds that of the weights.
    fn weight_gradient(self, isa: Isa, x: Values<'_>, dy: Values<'_>, to: ConvGradient<'_>) {
        match self {
            Self::Taps(conv) => conv.weight_gradient(isa, x, dy, to),
            Self::Winograd(winograd) => winograd.weight_gradient(isa, x, dy, to),
            Self::Linear(conv) => {
                let mut gradient = LinearGradient::default();
                // The first is forgotten.
                gradient.note(isa, &conv, x, dy, false);
                gradient.note(isa, &conv, x, dy, false);
                gradient.each_part(&conv, isa, [to.weights], |[dw], gradient| dw.copy_from_slice(gradient));
                Conv::bias_gradient(isa, dy, to.bias, true);
            }
        }
    }
}

/// Compares everything that a convolution can do with its definition, on every instruction set.
fn check(rng: &mut ChaCha8Rng, what: &str, case: &Case, way: Way) {
    let &Case { n, conv, input, output } = case;
    let tolerance = way.tolerance();
    let halo = conv.padding.largest() + rng.random_range(0..2);
    let (in_stride, out_stride) = (conv.inputs + rng.random_range(0..3), conv.outputs + rng.random_range(0..3));
    let x_map = Map { first: in_stride - conv.inputs, stride: in_stride, ..Map::new(input, conv.inputs, halo) };
    let y_halo = conv.gradient_halo(input, output) + rng.random_range(0..2);
    let y_map = Map { first: out_stride - conv.outputs, stride: out_stride, ..Map::new(output, conv.outputs, y_halo) };
    let x = random(rng, n * conv.inputs * x_map.pixels());
    let w = random(rng, conv.outputs * conv.inputs / conv.groups * conv.kernel[0] * conv.kernel[1]);
    let bias = random(rng, conv.outputs);
    let dy = random(rng, n * conv.outputs * y_map.pixels());
    let added = random(rng, dy.len());
    let mut packed = vec![0.0; conv.weights_len()];
    conv.each_weight(|from, to| packed[to] = w[from]);
    let [x_data, dy_data, added_data] =
        [(&x, x_map), (&dy, y_map), (&added, y_map)].map(|(planar, map)| laid_out(planar, n, map));
    let plane = y_map.pixels();
    let start = |i: usize| bias[i / plane % conv.outputs] + added[i];
    let expected_y = sums(dy.len(), start, |add| case.terms(|i, k, o| add(o, x[i], w[k])));
    let expected_y: Vec<f32> = expected_y.into_iter().map(|v| v.clamp(0.0, 6.0)).collect();
    let expected_dx = sums(x.len(), |_| 0.5, |add| case.terms(|i, k, o| add(i, dy[o], w[k])));
    let expected_dx: Vec<f32> =
        expected_dx.iter().zip(&x).map(|(&g, &x)| if x > 0.0 && x < 0.7 { g } else { 0.0 }).collect();
    let expected_dw = sums(w.len(), |_| 0.0, |add| case.terms(|i, k, o| add(k, dy[o], x[i])));
    let of_channel = |i: usize| dy.chunks_exact(plane).skip(i).step_by(conv.outputs).flatten().map(|&dy| f64::from(dy));
    let expected_db: Vec<f32> = (0..conv.outputs).map(|i| (0.25 + of_channel(i).sum::<f64>()) as f32).collect();
    for isa in Isa::available() {
        let close = |part: &str, found: &[f32], expected: &[f32]| {
            let what = format!("{what} {isa:?} n {n} {conv:?} {input:?} {way:?} {part}");
            assert_close(tolerance, &what, found, expected);
        };
        let (x_values, dy_values) = (Values { data: &x_data, map: x_map, n }, Values { data: &dy_data, map: y_map, n });
        let mut y = laid_out(&vec![0.0; dy.len()], n, y_map);
        let fused = Fused { add: Some(Values { data: &added_data, map: y_map, n }), clamp: Some(6.0) };
        let weights = ConvWeights { packed: &packed, bias: Some(&bias) };
        way.forward(isa, x_values, weights, ValuesMut { data: &mut y, map: y_map, n }, fused);
        close("y", &planar(&y, n, y_map), &expected_y);

        let mut dx = laid_out(&vec![0.5; x.len()], n, x_map);
        let fused = FusedGradient { add: true, gate: Some(Gate { values: x_values, upper: 0.7 }) };
        way.input_gradient(isa, dy_values, &packed, ValuesMut { data: &mut dx, map: x_map, n }, fused);
        close("dx", &planar(&dx, n, x_map), &expected_dx);

        let (mut dw, mut db) = (vec![0.0; packed.len()], vec![0.25; conv.outputs]);
        let to = ConvGradient { weights: &mut dw, bias: &mut db, add: true };
        way.weight_gradient(isa, x_values, dy_values, to);
        let mut found = vec![0.0; w.len()];
        conv.each_weight(|to, from| found[to] = std::mem::take(&mut dw[from]));
        close("dw", &found, &expected_dw);
        close("db", &db, &expected_db);
        assert!(dw.iter().all(|&spare| spare == 0.0), "{what} {isa:?}: a gradient where there is no weight");
    }
}

#[test]
fn random_shapes_agree_with_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for index in 0..if cfg!(miri) { 4 } else { 150 } {
        let case = Case::draw(&mut rng);
        check(&mut rng, &format!("case {index}"), &case, Way::Taps(case.conv));
    }
}

#[test]
fn winograds_algorithm_agrees_with_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    for index in 0..if cfg!(miri) { 2 } else { 60 } {
        let mut pair = |range: std::ops::Range<usize>| [0, 1].map(|_| rng.random_range(range.clone()));
        let (input, before, after, [inputs, outputs]) = (pair(3..14), pair(0..3), pair(0..3), pair(1..70));
        let padding = Padding { before, after };
        let conv = Conv { kernel: [3, 3], stride: [1, 1], padding, dilation: [1, 1], inputs, outputs, groups: 1 };
        let output = [0, 1].map(|axis| input[axis] + padding.both(axis) - 2);
        let case = Case { n: rng.random_range(1..4), conv, input, output };
        for size in [TileSize::Two, TileSize::Four] {
            let way = Way::Winograd(Winograd::new(conv, size).unwrap());
            check(&mut rng, &format!("case {index}"), &case, way);
        }
    }
    for other in [Conv { stride: [1, 2], ..Conv::linear(8, 8) }, Conv::linear(8, 8)] {
        assert_eq!(Winograd::new(other, TileSize::Four), None);
    }
}

#[test]
fn linear_layers_agree_with_the_definition() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for index in 0..if cfg!(miri) { 2 } else { 40 } {
        let conv = Conv::linear(rng.random_range(1..150), rng.random_range(1..150));
        let case = Case { n: rng.random_range(1..70), conv, input: [1, 1], output: [1, 1] };
        check(&mut rng, &format!("case {index}"), &case, Way::Linear(conv));
    }
}

#[test]
fn the_gradient_of_a_linear_layer_sums_over_its_batches() {
    let (mut rng, conv, n) = (ChaCha8Rng::seed_from_u64(14), Conv::linear(30, 40), 9);
    let (x_map, y_map) = (Map::new([1, 1], 30, 0), Map::new([1, 1], 40, 0));
    for isa in Isa::available() {
        let (mut product, mut expected) = (LinearGradient::default(), vec![0.0; conv.weights_len()]);
        assert!(product.is_empty());
        for batch in 0..3 {
            let (x, dy) = (random(&mut rng, x_map.buffer_len(n)), random(&mut rng, y_map.buffer_len(n)));
            let (x, dy) = (Values { data: &x, map: x_map, n }, Values { data: &dy, map: y_map, n });
            product.note(isa, &conv, x, dy, batch > 0);
            let to = ConvGradient { weights: &mut expected, bias: &mut [], add: true };
            conv.weight_gradient(isa, x, dy, to);
        }
        let (mut found, mut twice) = (vec![0.0; expected.len()], vec![1.0; expected.len()]);
        product.each_part(&conv, isa, [&mut found, &mut twice], |[found, twice], gradient| {
            found.copy_from_slice(gradient);
            twice.iter_mut().zip(gradient).for_each(|(to, g)| *to += 2.0 * g);
        });
        assert_close(1e-5, &format!("{isa:?}"), &found, &expected);
        assert!(twice.iter().zip(&found).all(|(twice, found)| (twice - 1.0 - 2.0 * found).abs() < 1e-5));
        product.clear();
        assert!(product.is_empty());
    }
}
