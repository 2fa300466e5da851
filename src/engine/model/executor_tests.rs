//! Both executors, our own kernels and candle's, are compared with what PyTorch printed (`tests/goldens/ops.py`),
//! closed forms, finite differences and each other.

mod graphs;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::layers::{graph_of_entries, graph_of_layers};
use super::operations::is_running_statistic;
use super::*;
use crate::kernels::{Isa, Padding, Window};
use crate::loss::Loss;
use crate::picture::Fit;
use graphs::GRAPHS;

#[derive(Deserialize)]
struct Goldens {
    pool_input: Vec<f32>,
    pools: Vec<Golden>,
    convs: Vec<Golden>,
    norms: Vec<Golden>,
}

/// PyTorch printed this of a layer; what does not belong to its kind is empty.
#[derive(Deserialize, Debug, Default)]
#[serde(default)]
struct Golden {
    kind: String,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Vec<usize>,
    ceil: bool,
    groups: usize,
    training: bool,
    shape: Vec<usize>,
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
    mean: Vec<f32>,
    var: Vec<f32>,
}

fn goldens() -> Goldens {
    serde_json::from_str(include_str!("../../../tests/goldens/ops.json")).unwrap()
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_within(5e-6, what, found, expected);
}

fn assert_within(tolerance: f32, what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * scale, "{what}[{i}]: {a}, expected {b}");
    }
}

/// Returns the values `(i + 1) / divisor`, of which the goldens' gradients are.
fn counted(count: usize, divisor: f32) -> Vec<f32> {
    (1..=count).map(|i| i as f32 / divisor).collect()
}

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0f32)).collect()
}

struct Net {
    graph: Graph,
    input: Input,
    params: Params,
}

impl Net {
    /// Makes a net that takes pixels as they are, with random parameters.
    fn new(size: [usize; 3], layers: &str) -> Self {
        Self::of(size, |input| {
            let document: toml::Table = format!("layers = [{layers}]").parse().unwrap();
            graph_of_layers(document["layers"].as_array().unwrap(), input)
        })
    }

    /// Makes such a net of the entries of a graph.
    fn of_graph(size: [usize; 3], entries: &str) -> Self {
        Self::of(size, |input| {
            let document: toml::Table = format!("graph = [{entries}]").parse().unwrap();
            graph_of_entries(document["graph"].as_array().unwrap(), input)
        })
    }

    fn of([channels, height, width]: [usize; 3], graph: impl Fn(Shape) -> Result<Graph, String>) -> Self {
        let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
        let input = Input { channels, height, width, mean, std, fit: Fit::Squash };
        let graph = graph(input.shape()).unwrap();
        let mut params = Params::new();
        for (number, (_, name, shape)) in graph.tensors().enumerate() {
            let mut values = random(shape.iter().product(), 100 + number as u64);
            if name.ends_with("var") {
                values.iter_mut().for_each(|v| *v = *v * *v + 0.1);
            }
            params.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        }
        Self { graph, input, params }
    }

    fn with(mut self, name: &str, values: &[f32]) -> Self {
        let tensor = self.params.get_mut(name).unwrap();
        *tensor = Tensor::from_slice(values, tensor.shape(), &Device::Cpu).unwrap();
        self
    }

    fn executor(&self, backend: &Backend) -> Box<dyn Executor> {
        backend.executor(&self.graph, &self.input, &self.params).unwrap()
    }

    /// Evaluates the net and its gradient of `Σ y · d`, `d = dy(y)`.
    fn evaluate(&self, backend: &Backend, x: &[f32], dy: impl Fn(&[f32]) -> Vec<f32> + Sync) -> Outcome {
        let found = self.executor(backend).gradients(x, 1, &|_, _, y| Ok(dy(y))).unwrap();
        Outcome { y: found.logits, dx: found.gradients, parameters: BTreeMap::new(), statistics: BTreeMap::new() }
    }

    /// Runs a pass for training, twice: what the first one leaves behind must not change the second.
    fn train(&self, backend: &Backend, x: &[f32], dy: impl Fn(&[f32]) -> Vec<f32>) -> Outcome {
        let mut executor = self.executor(backend);
        let mut pass = || {
            let (mut logits, mut dx) = (Vec::new(), vec![0.0; x.len()]);
            let mut gradients = Gradients::zeros(&executor.parameters().layout);
            let mut d_logits = |y: &[f32]| {
                logits = y.to_vec();
                Ok(dy(y))
            };
            let parameters = Some(WantedParameters { to: &mut gradients, add: false });
            let wanted = Wanted { parameters, pixels: Some(&mut dx) };
            executor.train(x, &mut d_logits, wanted, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
            (logits, dx, tensors(&summed(gradients), |name| !is_running_statistic(name)))
        };
        let (first, (y, dx, parameters)) = (pass(), pass());
        assert!((&first.0, &first.1, &first.2) == (&y, &dx, &parameters));
        executor.update_statistics().unwrap();
        Outcome { y, dx, parameters, statistics: tensors(executor.parameters(), is_running_statistic) }
    }
}

fn summed(mut gradients: Gradients) -> Parameters {
    let values = &mut gradients.values;
    for (slot, product) in values.layout.clone().slots.iter().zip(&gradients.products) {
        if let (Some(conv), false) = (&slot.packed, product.is_empty()) {
            let to = &mut values.values[slot.range.clone()];
            product.each_part(conv, Isa::current(), [to], |[to], gradient| to.copy_from_slice(gradient));
        }
    }
    gradients.values
}

fn tensors(parameters: &Parameters, which: fn(&str) -> bool) -> BTreeMap<String, Vec<f32>> {
    let names = parameters.layout.slots.iter().map(|slot| &slot.name).filter(|name| which(name));
    names.map(|name| (name.clone(), parameters.tensor(name).unwrap())).collect()
}

/// An executor makes this of a net.
#[derive(Debug)]
struct Outcome {
    y: Vec<f32>,
    dx: Vec<f32>,
    /// The gradients by the names of the parameters.
    parameters: BTreeMap<String, Vec<f32>>,
    /// The running statistics as the pass leaves them.
    statistics: BTreeMap<String, Vec<f32>>,
}

fn both() -> [Backend; 2] {
    [Backend::Kernels, Backend::Tensors(Device::Cpu)]
}

#[test]
fn pools_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.pools.len(), 28);
    for golden in goldens.pools {
        let Golden { kind, kernel, stride, padding, ceil, .. } = &golden;
        let net = Net::new(
            [1, 6, 5],
            &format!(
                "{{ kind = \"{kind}_pool2d\", kernel = {kernel:?}, stride = {stride:?}, padding = {padding:?}, ceil = \
                 {ceil} }}"
            ),
        );
        for backend in both() {
            let found = net.evaluate(&backend, &goldens.pool_input, |y| counted(y.len(), 1.0));
            assert_eq!(found.y.len(), golden.shape.iter().product::<usize>());
            assert_close(&format!("{golden:?} {backend:?} y"), &found.y, &golden.y);
            assert_close(&format!("{golden:?} {backend:?} dx"), &found.dx, &golden.dx);
        }
    }
}

#[test]
fn convolutions_match_pytorch() {
    let goldens = goldens();
    assert_eq!(goldens.convs.len(), 15);
    for (i, golden) in goldens.convs.into_iter().enumerate() {
        let Golden { stride, padding, groups, x_shape, w_shape, .. } = &golden;
        let (inputs, outputs, kernel) = (x_shape[1], w_shape[0], &w_shape[2..]);
        let layer = format!(
            "{{ kind = \"conv2d\", name = \"c\", in = {inputs}, out = {outputs}, kernel = {kernel:?}, stride = \
             {stride:?}, padding = {padding:?}, groups = {groups} }}"
        );
        let net = Net::new([inputs, x_shape[2], x_shape[3]], &layer);
        let net = net.with("c.weight", &golden.w).with("c.bias", &golden.b);
        for backend in both() {
            let dy = |y: &[f32]| counted(y.len(), y.len() as f32);
            let (trained, evaluated) = (net.train(&backend, &golden.x, dy), net.evaluate(&backend, &golden.x, dy));
            assert_eq!(trained.y.len(), golden.y_shape.iter().product::<usize>());
            for (part, found, expected) in [
                ("y", &trained.y, &golden.y),
                ("dx", &trained.dx, &golden.dx),
                ("dw", &trained.parameters["c.weight"], &golden.dw),
                ("db", &trained.parameters["c.bias"], &golden.db),
                ("y", &evaluated.y, &golden.y),
                ("dx", &evaluated.dx, &golden.dx),
            ] {
                assert_close(&format!("conv {i} {backend:?} {part}"), found, expected);
            }
        }
    }
}

#[test]
fn batch_normalisation_matches_pytorch() {
    let layers = "{ kind = \"batch_norm2d\", name = \"n\", channels = 3, eps = 1e-3 }, { kind = \"flatten\" }";
    let net = Net::new([3, 2, 2], layers).with("n.weight", &[1.5, -0.5, 2.0]).with("n.bias", &[0.1, 0.2, -0.3]);
    let net = net.with("n.running_mean", &[0.5, -0.2, 0.0]).with("n.running_var", &[2.0, 0.5, 1.0]);
    let goldens = goldens();
    assert_eq!(goldens.norms.len(), 2);
    for (golden, backend) in goldens.norms.iter().flat_map(|golden| both().map(|backend| (golden, backend))) {
        let dy = |y: &[f32]| counted(y.len(), y.len() as f32);
        let is_training = golden.training;
        let found =
            if is_training { net.train(&backend, &golden.x, dy) } else { net.evaluate(&backend, &golden.x, dy) };
        assert_close("y", &found.y, &golden.y);
        assert_close("dx", &found.dx, &golden.dx);
        if !is_training {
            continue;
        }
        assert_close("dw", &found.parameters["n.weight"], &golden.dw);
        assert_close("db", &found.parameters["n.bias"], &golden.db);
        assert_close("mean", &found.statistics["n.running_mean"], &golden.mean);
        assert_close("var", &found.statistics["n.running_var"], &golden.var);
    }
}

#[test]
fn combinators_add_and_concatenate() {
    let net = Net::new(
        [3, 2, 2],
        r#"{ kind = "residual", body = [{ kind = "relu" }] },
        { kind = "concat", branches = [[], [{ kind = "relu" }, { kind = "max_pool2d", kernel = 1 }]] },
        { kind = "global_avg_pool" }"#,
    );
    let x = [-1.0f32, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0, -4.0, -4.0, -4.0, -4.0];
    for backend in both() {
        let found = net.evaluate(&backend, &x, |_| vec![4.0, 8.0, 12.0, 40.0, 80.0, 120.0]);
        // x + relu(x): -1 4 6 8 | 2 2 2 2 | -4 -4 -4 -4; its means, then those of its relu.
        assert_eq!(found.y, [4.25, 2.0, -4.0, 4.5, 2.0, 0.0]);
        // A quarter of 4 for each pixel and of 40 where the relu is open; twice that where the first one is.
        assert_eq!(found.dx, [1.0, 22.0, 22.0, 22.0, 44.0, 44.0, 44.0, 44.0, 3.0, 3.0, 3.0, 3.0]);
    }
}

#[test]
fn kinks_and_ties_have_pytorchs_gradients() {
    let relu = Net::new([1, 1, 5], r#"{ kind = "relu" }"#);
    let relu6 = Net::new([1, 1, 5], r#"{ kind = "relu6" }"#);
    let identity: Vec<f32> = (0..36).map(|i| f32::from(u8::from(i % 7 == 0))).collect();
    let maxout = r#"{ kind = "flatten" }, { kind = "maxout", name = "m", in = 6, units = 2, pieces = 3 }"#;
    let maxout = Net::new([1, 2, 3], maxout).with("m.weight", &identity).with("m.bias", &[0.0; 6]);
    let pool = Net::new([1, 3, 3], r#"{ kind = "max_pool2d", kernel = 3 }"#);
    let pair = Net::new([1, 1, 4], r#"{ kind = "max_pool2d", kernel = [1, 2], stride = 1 }"#);
    for backend in both() {
        // torch.nn.functional.relu6 and its autograd at [-1, 0, 2, 6, 7]: [0, 0, 2, 6, 6] and [0, 0, 1, 0, 0].
        let x = [-1.0, 0.0, 2.0, 6.0, 7.0];
        let found = relu6.evaluate(&backend, &x, |_| vec![1.0; 5]);
        assert_eq!((found.y, found.dx), (vec![0.0, 0.0, 2.0, 6.0, 6.0], vec![0.0, 0.0, 1.0, 0.0, 0.0]));
        let found = relu.evaluate(&backend, &x, |_| vec![1.0; 5]);
        assert_eq!((found.y, found.dx), (vec![0.0, 0.0, 2.0, 6.0, 7.0], vec![0.0, 0.0, 1.0, 1.0, 1.0]));
        // torch.tensor([[1., 3., 3.], [-2., -2., -5.]]).view(1, 2, 3).max(-1): values [3, -2], indices [1, 0].
        for found in [
            maxout.train(&backend, &[1.0, 3.0, 3.0, -2.0, -2.0, -5.0], |_| vec![1.0; 2]),
            maxout.evaluate(&backend, &[1.0, 3.0, 3.0, -2.0, -2.0, -5.0], |_| vec![1.0; 2]),
        ] {
            assert_eq!((found.y, found.dx), (vec![3.0, -2.0], vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0]));
        }
        // Of a window's equal maxima the first row by row: at (0, 2), not (1, 0), which lies further left.
        let found = pool.evaluate(&backend, &[0.0, 1.0, 5.0, 5.0, 0.0, 0.0, 1.0, 5.0, 5.0], |_| vec![1.0]);
        assert_eq!(found.dx, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        // NaN is not hidden.
        for net in [&relu, &relu6] {
            let y = net.executor(&backend).logits(&[f32::NAN; 5]).unwrap();
            assert!(y.iter().all(|y| y.is_nan()));
        }
        let y = pair.executor(&backend).logits(&[1.0, f32::NAN, 2.0, 3.0]).unwrap();
        assert!(y[0].is_nan() && y[1].is_nan() && y[2] == 3.0, "{y:?}");
    }
}

#[test]
fn dropout_acts_in_training_only_and_normalisation_belongs_to_the_model() {
    let net = Net::new([3, 2, 2], r#"{ kind = "dropout", keep = 0.5 }, { kind = "flatten" }"#);
    let many = Net::new([1, 100, 1000], r#"{ kind = "dropout", keep = 0.8, rescale = false }"#);
    let mut normalised = Net::new([3, 2, 2], r#"{ kind = "flatten" }"#);
    (normalised.input.mean, normalised.input.std) = (vec![0.5, 0.0, 1.0], vec![0.5, 2.0, 1.0]);
    let ones = vec![1.0; 12];
    for backend in both() {
        assert_eq!(net.executor(&backend).logits(&ones).unwrap(), [1.0; 12]);
        let found = net.train(&backend, &ones, |_| vec![3.0; 12]);
        assert!(found.y.contains(&0.0) && found.y.contains(&2.0));
        assert!(found.y.iter().zip(&found.dx).all(|(y, dx)| *dx == 3.0 * y));
        let y = many.train(&backend, &vec![1.0; 100_000], |y| y.to_vec()).y;
        let kept = y.iter().filter(|&&v| v == 1.0).count();
        // The standard deviation of the count is √(n·p·(1−p)) ≈ 126.
        assert!((79_400..80_600).contains(&kept) && y.iter().all(|&v| v == 0.0 || v == 1.0), "{kept}");
        let found = normalised.evaluate(&backend, &ones, |_| vec![1.0; 12]);
        assert_eq!(found.y, [[1.0; 4], [0.5; 4], [0.0; 4]].concat());
        assert_eq!(found.dx, [[2.0; 4], [0.5; 4], [1.0; 4]].concat());
    }
}

#[test]
fn tensors_must_be_there_in_the_right_shape() {
    let layers = r#"{ kind = "flatten" },
        { kind = "residual", body = [{ kind = "linear", name = "l", in = 2, out = 2, bias = false }] }"#;
    let mut net = Net::new([2, 1, 1], layers);
    for (tensor, found) in [(Some(Tensor::new(&[1.0f32, 2.0], &Device::Cpu).unwrap()), "Some([2])"), (None, "None")] {
        net.params = tensor.map(|tensor| ("l.weight".to_owned(), tensor)).into_iter().collect();
        for backend in both() {
            let expected = format!("the net needs the tensor \"l.weight\" of [2, 2], found {found}");
            let error = backend.executor(&net.graph, &net.input, &net.params).err().unwrap();
            assert_eq!(error.to_string(), expected);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let net = Net::new(
        [8, 13, 13],
        r#"{ kind = "conv2d", name = "c", in = 8, out = 32, kernel = 3, padding = 1, bias = false },
        { kind = "batch_norm2d", name = "n", channels = 32 }, { kind = "relu" },
        { kind = "conv2d", name = "d", in = 32, out = 40, kernel = 3, padding = 1 },
        { kind = "relu" }, { kind = "flatten" }, { kind = "linear", name = "l", in = 6760, out = 300 }"#,
    );
    let x: Vec<f32> = (0..6 * 8 * 169).map(|i| ((i * 37) % 101) as f32 / 101.0).collect();
    let outcome = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let trained = net.train(&Backend::Kernels, &x, |y| y.to_vec());
            let evaluated = net.evaluate(&Backend::Kernels, &x, |y| y.to_vec());
            (trained.y, trained.dx, trained.parameters, evaluated.y, evaluated.dx)
        })
    };
    let one = outcome(1);
    assert!(one == outcome(2) && one == outcome(3));
}

/// Compares the executors on logits and all gradients of the cross-entropy, in both kinds of passes.
fn assert_agreement(what: &str, net: &Net, n: usize) {
    let x = random(n * net.input.shape().count(), 9);
    let [ours, theirs] = both();
    let dy = |y: &[f32]| {
        let classes = y.len() / n;
        if classes == 1 {
            return counted(n, 7.0);
        }
        Loss::CrossEntropy.gradient(y, &(0..n).map(|i| i % classes).collect::<Vec<_>>(), 1.0).unwrap()
    };
    let close = |tolerance: f32, ours: Outcome, theirs: Outcome| {
        assert_within(tolerance, &format!("{what} logits"), &ours.y, &theirs.y);
        assert_within(tolerance, &format!("{what} dx"), &ours.dx, &theirs.dx);
        assert_eq!(ours.parameters.len(), theirs.parameters.len());
        for (name, gradient) in &ours.parameters {
            assert_within(tolerance, &format!("{what} {name}"), gradient, &theirs.parameters[name]);
        }
    };
    close(5e-6, net.evaluate(&ours, &x, dy), net.evaluate(&theirs, &x, dy));
    // The statistics of a batch cancel what its pixels have in common, on either side in single precision.
    close(3e-5, net.train(&ours, &x, dy), net.train(&theirs, &x, dy));
}

#[test]
fn pools_and_convolutions_of_random_shapes_agree() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut checked = 0;
    while checked < 120 {
        let mut pair = |range: std::ops::RangeInclusive<usize>| [0, 1].map(|_| rng.random_range(range.clone()));
        let (mut kernel, mut stride, size) = (pair(1..=4), pair(1..=4), pair(1..=11));
        let (mut before, after, [inputs, outputs]) = (pair(0..=2), pair(0..=2), pair(1..=3));
        let (ceil, groups) = (rng.random_range(0..2) == 1, rng.random_range(1..=3));
        let mut padding = Padding { before, after };
        if rng.random_range(0..2) == 0 {
            // What candle has a convolution of its own for.
            (kernel[1], stride[1], before[1]) = (kernel[0], stride[0], before[0]);
            padding = Padding::even(before);
        }
        let window = Window { kernel, stride, padding, ceil };
        if (Window { ceil: false, ..window }).output(size[0], size[1]).is_none() {
            continue;
        }
        checked += 1;
        let sides = [padding.before[0], padding.before[1], padding.after[0], padding.after[1]];
        let fields = format!("kernel = {kernel:?}, stride = {stride:?}, padding = {sides:?}");
        let outputs = if rng.random_range(0..4) == 0 { 1 } else { outputs };
        let (channels, outputs) = (groups * inputs, groups * outputs);
        let conv = format!(
            "{{ kind = \"conv2d\", name = \"c\", in = {channels}, out = {outputs}, groups = {groups}, {fields} }}"
        );
        assert_agreement(&conv, &Net::new([channels, size[0], size[1]], &conv), 2);
        if window.sees_pixels() {
            for kind in ["max", "avg"] {
                let pool = format!("{{ kind = \"{kind}_pool2d\", ceil = {ceil}, {fields} }}");
                assert_agreement(&pool, &Net::new([channels, size[0], size[1]], &pool), 2);
            }
        }
    }
    // One window and a stride beyond all sense: nothing is padded up to it.
    let far = r#"{ kind = "max_pool2d", kernel = 3, stride = 1048576 }"#;
    assert_agreement(far, &Net::new([1, 4, 5], far), 2);
    // Large enough for every tile that candle's kernels may cut it into; remainders of both kinds with stride 2.
    for (size, stride, groups) in [(23, 1, 1), (23, 2, 1), (24, 2, 1), (23, 2, 8), (16, 1, 40)] {
        let conv = format!(
            "{{ kind = \"conv2d\", name = \"c\", in = 40, out = 40, kernel = 3, stride = {stride}, padding = 1, \
             groups = {groups} }}"
        );
        assert_agreement(&conv, &Net::new([40, size, size], &conv), 2);
    }
}

/// Nets that lead every way through the other executor: fused and unfused, branches that share a plane, gates, dropout
/// aside, pools that overlap, channels that fill no vector.
const NETS: [([usize; 3], &str); 7] = [
    // Uneven pads everywhere: columns, taps by phases, depthwise, Winograd's tiles, pools, winners gone through one by
    // one.
    (
        [3, 21, 18],
        r#"{ kind = "conv2d", name = "a", in = 3, out = 32, kernel = 3, stride = 2, padding = [0, 0, 1, 1] }, { kind = "relu6" },
        { kind = "conv2d", name = "w", in = 32, out = 32, kernel = 3, padding = [2, 0, 0, 2] }, { kind = "relu" },
        { kind = "conv2d", name = "d", in = 32, out = 32, kernel = 5, stride = 2, padding = [1, 2, 2, 1], groups = 32 },
        { kind = "avg_pool2d", kernel = 3, stride = 1, padding = [1, 0, 0, 1] },
        { kind = "concat", branches = [[{ kind = "conv2d", name = "g", in = 32, out = 8, kernel = [2, 3], padding = [0, 2, 1, 0], groups = 2 }],
          [{ kind = "max_pool2d", kernel = 2, stride = 1, padding = [1, 1, 0, 0] }]] },
        { kind = "conv2d", name = "s", in = 40, out = 10, kernel = 3, padding = [3, 0, 1, 2] }, { kind = "relu" },
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
        r#"{ kind = "conv2d", name = "a", in = 2, out = 32, kernel = 3, padding = 1 }, { kind = "relu" },
        { kind = "residual", body = [{ kind = "conv2d", name = "b", in = 32, out = 32, kernel = 3, padding = 1 },
          { kind = "batch_norm2d", name = "bn", channels = 32 }, { kind = "relu" },
          { kind = "conv2d", name = "c", in = 32, out = 32, kernel = 3, padding = 1, bias = false },
          { kind = "batch_norm2d", name = "cn", channels = 32 }] }, { kind = "relu" },
        { kind = "residual", body = [{ kind = "conv2d", name = "e", in = 32, out = 24, kernel = 3, stride = 2, padding = 1 }],
          shortcut = [{ kind = "conv2d", name = "f", in = 32, out = 24, kernel = 1, stride = 2 },
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
fn both_executors_agree_on_nets_that_lead_every_way() {
    for (number, (size, layers)) in NETS.into_iter().enumerate() {
        assert_agreement(&format!("net {number}"), &Net::new(size, layers), 3);
    }
    for (number, (size, entries)) in GRAPHS.into_iter().enumerate() {
        assert_agreement(&format!("graph {number}"), &Net::of_graph(size, entries), 3);
    }
}

/// Without a way back the memory of a value serves for others once it was read last, also of other numbers of pictures.
#[test]
fn answers_are_the_same_whether_values_are_kept_or_not() {
    let nets = NETS.iter().map(|(size, layers)| Net::new(*size, layers));
    let graphs = GRAPHS.iter().map(|(size, entries)| Net::of_graph(*size, entries));
    for (number, net) in nets.chain(graphs).enumerate() {
        let size = net.input.shape().count();
        let fresh = |n: usize| net.executor(&Backend::Kernels).logits(&random(n * size, 5)).unwrap();
        let executor = net.executor(&Backend::Kernels);
        for n in [1, 3, 2, 1, 3] {
            let x = random(n * size, 5);
            let kept = executor.gradients(&x, 2, &|_, _, z| Ok(z.to_vec())).unwrap().logits;
            for _ in 0..2 {
                assert_eq!(executor.logits(&x).unwrap(), kept, "net {number}, {n} pictures");
            }
            assert_eq!(fresh(n), kept, "net {number}, {n} pictures on fresh memory");
        }
        // Passes that keep their values, of other numbers of pictures each time.
        let executor = net.executor(&Backend::Kernels);
        for n in [4, 1, 3, 2, 4, 1, 4] {
            let x = random(n * size, 5);
            let run = |executor: &dyn Executor| executor.gradients(&x, 1, &|_, _, z| Ok(z.to_vec())).unwrap();
            let (used, fresh) = (run(&*executor), run(&*net.executor(&Backend::Kernels)));
            assert_eq!(used.logits, fresh.logits, "net {number}, {n} pictures");
            assert_eq!(used.gradients, fresh.gradients, "net {number}, {n} pictures");
        }
    }
}

#[test]
fn gradients_match_finite_differences() {
    let nets = NETS.iter().map(|(size, layers)| Net::new(*size, layers));
    let graphs = GRAPHS.iter().map(|(size, entries)| Net::of_graph(*size, entries));
    for (number, net) in nets.chain(graphs).enumerate() {
        let x = random(net.input.shape().count(), 9);
        let executor = net.executor(&Backend::Kernels);
        let weights = random(executor.logits(&x).unwrap().len(), 99);
        let found = executor.gradients(&x, 1, &|_, _, _| Ok(weights.clone())).unwrap().gradients;
        // Small enough to stay on one side of most kinks, large enough for f32; the sum is taken in f64.
        let h = 2e-3f32;
        let slope = |i: usize| {
            let at = |value: f32| -> f64 {
                let mut moved = x.clone();
                moved[i] = value;
                let y = executor.logits(&moved).unwrap();
                y.iter().zip(&weights).map(|(&y, &w)| f64::from(y) * f64::from(w)).sum()
            };
            (at(x[i] + h) - at(x[i] - h)) / f64::from(2.0 * h)
        };
        let pixels = (0..x.len()).step_by((x.len() / 40).max(1));
        let pairs: Vec<[f64; 2]> = pixels.map(|i| [slope(i), f64::from(found[i])]).collect();
        let dot = |a: usize, b: usize| pairs.iter().map(|pair| pair[a] * pair[b]).sum::<f64>();
        let cosine = dot(0, 1) / (dot(0, 0) * dot(1, 1)).sqrt();
        let ratio = (dot(0, 0) / dot(1, 1)).sqrt();
        assert!(cosine > 0.99 && (ratio - 1.0).abs() < 0.1, "net {number}: cosine {cosine}, ratio {ratio}");
    }
}
