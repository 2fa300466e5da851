//! Rates of the kernels on typical shapes, as shares of what the processor can do at most:
//! `cargo run --release --example kernel_rates -- [avx512|avx2|neon|plain|all] [PART OF A SHAPE'S NAME]`.

use std::time::{Duration, Instant};

use doppelganger_kernels::winograd::{TileSize, Winograd};
use doppelganger_kernels::{
    Conv, ConvGradient, ConvWeights, Fused, FusedGradient, Isa, LinearGradient, Map, Padding, Simd, Values, ValuesMut,
    Vectorised,
};

/// Name, pictures, side, inputs, outputs, side of the kernel, stride, padding, groups.
const SHAPES: [(&str, usize, usize, [usize; 6]); 35] = [
    ("3×3 64→64 @56", 1, 56, [64, 64, 3, 1, 1, 1]),
    ("3×3 128→128 @28", 1, 28, [128, 128, 3, 1, 1, 1]),
    ("3×3 256→256 @14", 1, 14, [256, 256, 3, 1, 1, 1]),
    ("3×3 512→512 @7", 1, 7, [512, 512, 3, 1, 1, 1]),
    ("3×3 16→64 @55", 1, 55, [16, 64, 3, 1, 1, 1]),
    ("3×3 32→128 @27", 1, 27, [32, 128, 3, 1, 1, 1]),
    ("3×3 48→192 @13", 1, 13, [48, 192, 3, 1, 1, 1]),
    ("3×3 64→256 @13", 1, 13, [64, 256, 3, 1, 1, 1]),
    ("3×3 16→16 @64", 1, 64, [16, 16, 3, 1, 1, 1]),
    ("3×3 32→32 @64", 1, 64, [32, 32, 3, 1, 1, 1]),
    ("3×3 64→64 @32", 1, 32, [64, 64, 3, 1, 1, 1]),
    ("3×3 16→16 @32 b128", 128, 32, [16, 16, 3, 1, 1, 1]),
    ("3×3 32→32 @16 b128", 128, 16, [32, 32, 3, 1, 1, 1]),
    ("3×3 64→64 @8 b128", 128, 8, [64, 64, 3, 1, 1, 1]),
    ("3×3 128→128 @4 b128", 128, 4, [128, 128, 3, 1, 1, 1]),
    ("3×3 256→256 @2 b128", 128, 2, [256, 256, 3, 1, 1, 1]),
    ("3×3 256→256 @4 b128", 128, 4, [256, 256, 3, 1, 1, 1]),
    ("3×3/2 64→128 @56", 1, 56, [64, 128, 3, 2, 1, 1]),
    ("7×7/2 3→64 @224", 1, 224, [3, 64, 7, 2, 3, 1]),
    ("3×3/2 3→32 @224", 1, 224, [3, 32, 3, 2, 1, 1]),
    ("5×5 32→64 @14 b128", 128, 14, [32, 64, 5, 1, 2, 1]),
    ("1×1 16→64 @55", 1, 55, [16, 64, 1, 1, 0, 1]),
    ("1×1 24→144 @56", 1, 56, [24, 144, 1, 1, 0, 1]),
    ("1×1 144→24 @56", 1, 56, [144, 24, 1, 1, 0, 1]),
    ("1×1 112→672 @14", 1, 14, [112, 672, 1, 1, 0, 1]),
    ("1×1 1152→192 @7", 1, 7, [1152, 192, 1, 1, 0, 1]),
    ("each 3×3 96 @112", 1, 112, [96, 96, 3, 1, 1, 96]),
    ("each 5×5 480 @14", 1, 14, [480, 480, 5, 1, 2, 480]),
    ("each 5×5 1152 @7", 1, 7, [1152, 1152, 5, 1, 2, 1152]),
    ("each 5×5 1152 @2", 1, 2, [1152, 1152, 5, 1, 2, 1152]),
    ("each 3×3/2 144 @56", 1, 56, [144, 144, 3, 2, 1, 144]),
    ("each 5×5/2 240 @28", 1, 28, [240, 240, 5, 2, 2, 240]),
    ("linear 1200→1200 b128", 128, 1, [1200, 1200, 1, 1, 0, 1]),
    ("linear 784→240 b100", 100, 1, [784, 240, 1, 1, 0, 1]),
    ("linear 3136→1024 b1", 1, 1, [3136, 1024, 1, 1, 0, 1]),
];

/// A work is repeated for this long, and the least time counts: other programs only ever make it longer.
const TIME: Duration = Duration::from_millis(250);

/// The least time of many runs, in seconds.
fn least(mut work: impl FnMut()) -> f64 {
    let (started, mut least, mut runs) = (Instant::now(), f64::INFINITY, 0);
    while runs < 5 || started.elapsed() < TIME {
        let run = Instant::now();
        work();
        least = run.elapsed().as_secs_f64().min(least);
        runs += 1;
    }
    least
}

/// Multiplies and adds in so many sums that none waits for the one before.
struct IndependentSums(usize);

const SUMS: usize = 12;

impl Vectorised for IndependentSums {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the contract of `Vectorised::run`: the processor has the instructions; no pointer is used.
        unsafe {
            let (a, b) = (S::splat(std::hint::black_box(0.5)), S::splat(std::hint::black_box(1.0)));
            let mut sums = [b; SUMS];
            for _ in 0..self.0 {
                sums = sums.map(|sum| S::multiply_add(sum, a, b));
            }
            std::hint::black_box(sums);
        }
    }
}

struct Lanes<'a>(&'a mut usize);

impl Vectorised for Lanes<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        *self.0 = S::LANES;
    }
}

/// What all threads together can multiply and add at most, in GFLOP/s, measured where no memory is read.
fn peak(isa: Isa) -> f64 {
    const ROUNDS: usize = 1 << 20;
    let mut lanes = 0;
    // SAFETY: the contract of `Isa::run`: neither loop asks anything of its fields.
    let seconds = unsafe {
        isa.run(Lanes(&mut lanes));
        least(|| drop(rayon::broadcast(|_| isa.run(IndependentSums(ROUNDS)))))
    };
    2e-9 * (rayon::current_num_threads() * ROUNDS * SUMS * lanes) as f64 / seconds
}

/// The buffers of a convolution, and how many operations it has.
struct Layer {
    conv: Conv,
    n: usize,
    x: Vec<f32>,
    x_map: Map,
    y: Vec<f32>,
    y_map: Map,
    operations: f64,
}

const FUSED: Fused<'_> = Fused { add: None, clamp: Some(f32::INFINITY) };
const FUSED_GRADIENT: FusedGradient<'_> = FusedGradient { add: false, gate: None };

impl Layer {
    fn new(n: usize, side: usize, [inputs, outputs, kernel, stride, padding, groups]: [usize; 6]) -> Self {
        let conv = Conv {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: Padding::even([padding; 2]),
            dilation: [1, 1],
            inputs,
            outputs,
            groups,
        };
        let out = (side + 2 * padding - kernel) / stride + 1;
        let x_map = Map::new([side; 2], inputs, padding);
        let y_map = Map::new([out; 2], outputs, conv.gradient_halo([side; 2], [out; 2]));
        let (x, y) = (vec![0.5f32; x_map.buffer_len(n)], vec![0.5f32; y_map.buffer_len(n)]);
        let operations = 2e-9 * (n * out * out * outputs * inputs / groups * kernel * kernel) as f64;
        Self { conv, n, x, x_map, y, y_map, operations }
    }

    /// Measures the rates of the forward pass and of both gradients, tap by tap.
    fn taps(&mut self, isa: Isa) -> [f64; 3] {
        let Self { conv, n, x_map, y_map, operations, .. } = *self;
        let (packed, bias) = (vec![0.01f32; conv.weights_len()], vec![0.1f32; conv.outputs]);
        let (mut dw, mut db, mut dx, mut out) = (packed.clone(), bias.clone(), self.x.clone(), self.y.clone());
        let mut transposed = Vec::new();
        conv.transpose(&packed, &mut transposed);
        let x = Values { data: &self.x, map: x_map, n };
        let dy = Values { data: &self.y, map: y_map, n };
        let weights = ConvWeights { packed: &packed, bias: Some(&bias) };
        let forward = least(|| conv.forward(isa, x, weights, ValuesMut { data: &mut out, map: y_map, n }, FUSED));
        let linear = conv.is_linear(x_map, y_map);
        let pixels = least(|| {
            let dx = ValuesMut { data: &mut dx, map: x_map, n };
            match linear {
                true => conv.linear_input_gradient(isa, dy, &packed, dx, FUSED_GRADIENT),
                false => conv.input_gradient(isa, dy, &transposed, dx, FUSED_GRADIENT),
            }
        });
        let mut product = LinearGradient::default();
        let gradient = least(|| {
            if linear {
                product.note(isa, &conv, x, dy, false);
                product.each_part(&conv, isa, [&mut dw], |[dw], gradient| dw.copy_from_slice(gradient));
            } else {
                let to = ConvGradient { weights: &mut dw, bias: &mut db, add: false };
                conv.weight_gradient(isa, x, dy, to);
            }
        });
        [forward, pixels, gradient].map(|seconds| operations / seconds)
    }

    /// Measures the same by Winograd's algorithm, counting the operations that the taps would take.
    fn winograd(&mut self, isa: Isa, winograd: Winograd) -> [f64; 3] {
        let Self { conv, n, x_map, y_map, operations, .. } = *self;
        let (packed, bias) = (vec![0.01f32; conv.weights_len()], vec![0.1f32; conv.outputs]);
        let (mut dw, mut db, mut dx, mut out) = (packed.clone(), bias.clone(), self.x.clone(), self.y.clone());
        let (mut transformed, mut turned) = (Vec::new(), Vec::new());
        winograd.transform(isa, &packed, &mut transformed);
        winograd.transform_turned(isa, &packed, &mut turned);
        let x = Values { data: &self.x, map: x_map, n };
        let dy = Values { data: &self.y, map: y_map, n };
        let weights = ConvWeights { packed: &transformed, bias: Some(&bias) };
        let forward = least(|| winograd.forward(isa, x, weights, ValuesMut { data: &mut out, map: y_map, n }, FUSED));
        let pixels = least(|| {
            let dx = ValuesMut { data: &mut dx, map: x_map, n };
            winograd.input_gradient(isa, dy, &turned, dx, FUSED_GRADIENT);
        });
        let gradient = least(|| {
            let to = ConvGradient { weights: &mut dw, bias: &mut db, add: false };
            winograd.weight_gradient(isa, x, dy, to);
        });
        [forward, pixels, gradient].map(|seconds| operations / seconds)
    }
}

impl Layer {
    /// Measures the gradient of the pixels by columns, which only a first layer takes.
    fn columns(&mut self, isa: Isa) -> [Option<f64>; 3] {
        let Self { conv, n, x_map, y_map, operations, .. } = *self;
        let mut transposed = Vec::new();
        conv.transpose_to_columns(&vec![0.01; conv.weights_len()], &mut transposed);
        let (dy, mut dx) = (Values { data: &self.y, map: y_map, n }, self.x.clone());
        let seconds = least(|| {
            conv.input_gradient_by_columns(isa, dy, &transposed, ValuesMut { data: &mut dx, map: x_map, n });
        });
        [None, Some(operations / seconds), None]
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (name, only) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let sets = Isa::available().into_iter().rev();
    let sets: Vec<Isa> = match &*name {
        "" => sets.take(1).collect(),
        "all" => sets.collect(),
        name => sets.filter(|isa| isa.name() == name).collect(),
    };
    for isa in sets {
        let peak = peak(isa);
        println!("{}, {} threads, at most {peak:.0} GFLOP/s", isa.name(), rayon::current_num_threads());
        println!("{:24} {:>14} {:>14} {:>14}", "GFLOP/s, % of the most", "forward", "pixels", "weights");
        for (name, n, side, shape) in SHAPES.into_iter().filter(|shape| shape.0.contains(&only)) {
            let mut layer = Layer::new(n, side, shape);
            let show = |name: &str, rates: [Option<f64>; 3]| {
                let share = |rate: f64| format!("{rate:7.1} {:4.0} %", 100.0 * rate / peak);
                let [a, b, c] = rates.map(|rate| rate.map_or(String::new(), share));
                println!("{name:24} {a:>14} {b:>14} {c:>14}");
            };
            show(name, layer.taps(isa).map(Some));
            if layer.conv.prefers_columns() {
                show("  by columns", layer.columns(isa));
            }
            for (name, size) in [("  in tiles of 2×2", TileSize::Two), ("  in tiles of 4×4", TileSize::Four)] {
                if let Some(winograd) = Winograd::new(layer.conv, size) {
                    show(name, layer.winograd(isa, winograd).map(Some));
                }
            }
        }
    }
}
