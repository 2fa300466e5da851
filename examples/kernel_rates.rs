//! GFLOP/s of the convolution kernels on typical shapes: `cargo run --release --example kernel_rates`.

use std::time::{Duration, Instant};

use doppelganger::engine::kernels::winograd::{TileSize, Winograd};
use doppelganger::engine::kernels::{
    Conv, ConvGradient, ConvWeights, Fused, FusedGradient, Isa, LinearGradient, Map, Padding, Values, ValuesMut,
};

/// Name, pictures, side, inputs, outputs, side of the kernel, stride, padding.
const SHAPES: [(&str, usize, usize, [usize; 5]); 18] = [
    ("3×3 64→64 @56", 1, 56, [64, 64, 3, 1, 1]),
    ("3×3 128→128 @28", 1, 28, [128, 128, 3, 1, 1]),
    ("3×3 256→256 @14", 1, 14, [256, 256, 3, 1, 1]),
    ("3×3 512→512 @7", 1, 7, [512, 512, 3, 1, 1]),
    ("3×3 16→64 @55", 1, 55, [16, 64, 3, 1, 1]),
    ("3×3 32→128 @27", 1, 27, [32, 128, 3, 1, 1]),
    ("3×3 48→192 @13", 1, 13, [48, 192, 3, 1, 1]),
    ("3×3 64→256 @13", 1, 13, [64, 256, 3, 1, 1]),
    ("3×3 32→32 @16 b128", 128, 16, [32, 32, 3, 1, 1]),
    ("3×3 64→64 @8 b128", 128, 8, [64, 64, 3, 1, 1]),
    ("3×3 128→128 @4 b128", 128, 4, [128, 128, 3, 1, 1]),
    ("3×3 256→256 @2 b128", 128, 2, [256, 256, 3, 1, 1]),
    ("3×3 256→256 @4 b128", 128, 4, [256, 256, 3, 1, 1]),
    ("3×3/2 64→128 @56", 1, 56, [64, 128, 3, 2, 1]),
    ("7×7/2 3→64 @224", 1, 224, [3, 64, 7, 2, 3]),
    ("1×1 16→64 @55", 1, 55, [16, 64, 1, 1, 0]),
    ("5×5 32→64 @14 b128", 128, 14, [32, 64, 5, 1, 2]),
    ("linear 1200→1200 b128", 128, 1, [1200, 1200, 1, 1, 0]),
];

/// The median of many runs, in seconds.
fn median(mut work: impl FnMut()) -> f64 {
    let (started, mut times) = (Instant::now(), Vec::new());
    while times.len() < 7 || started.elapsed() < Duration::from_millis(600) {
        let run = Instant::now();
        work();
        times.push(run.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
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
    fn new(n: usize, side: usize, [inputs, outputs, kernel, stride, padding]: [usize; 5]) -> Self {
        let conv = Conv {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: Padding::even([padding; 2]),
            dilation: [1, 1],
            inputs,
            outputs,
            groups: 1,
        };
        let out = (side + 2 * padding - kernel) / stride + 1;
        let x_map = Map::new([side; 2], inputs, padding);
        let y_map = Map::new([out; 2], outputs, conv.gradient_halo([side; 2], [out; 2]));
        let (x, y) = (vec![0.5f32; x_map.buffer_len(n)], vec![0.5f32; y_map.buffer_len(n)]);
        let operations = 2e-9 * (n * out * out * outputs * inputs * kernel * kernel) as f64;
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
        let forward = median(|| conv.forward(isa, x, weights, ValuesMut { data: &mut out, map: y_map, n }, FUSED));
        let linear = conv.is_linear(x_map, y_map);
        let pixels = median(|| {
            let dx = ValuesMut { data: &mut dx, map: x_map, n };
            match linear {
                true => conv.linear_input_gradient(isa, dy, &packed, dx, FUSED_GRADIENT),
                false => conv.input_gradient(isa, dy, &transposed, dx, FUSED_GRADIENT),
            }
        });
        let mut product = LinearGradient::default();
        let gradient = median(|| {
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
        let forward = median(|| winograd.forward(isa, x, weights, ValuesMut { data: &mut out, map: y_map, n }, FUSED));
        let pixels = median(|| {
            let dx = ValuesMut { data: &mut dx, map: x_map, n };
            winograd.input_gradient(isa, dy, &turned, dx, FUSED_GRADIENT);
        });
        let gradient = median(|| {
            let to = ConvGradient { weights: &mut dw, bias: &mut db, add: false };
            winograd.weight_gradient(isa, x, dy, to);
        });
        [forward, pixels, gradient].map(|seconds| operations / seconds)
    }
}

fn main() {
    let isa = Isa::detect();
    println!("{isa:?}, {} threads; GFLOP/s", rayon::current_num_threads());
    println!("{:24} {:>8} {:>8} {:>8}", "", "forward", "pixels", "weights");
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, n, side, shape) in SHAPES.into_iter().filter(|shape| shape.0.contains(&only)) {
        let mut layer = Layer::new(n, side, shape);
        let show = |name: &str, [a, b, c]: [f64; 3]| println!("{name:24} {a:8.0} {b:8.0} {c:8.0}");
        show(name, layer.taps(isa));
        for (name, size) in [("  in tiles of 2×2", TileSize::Two), ("  in tiles of 4×4", TileSize::Four)] {
            if let Some(winograd) = Winograd::new(layer.conv, size) {
                show(name, layer.winograd(isa, winograd));
            }
        }
    }
}
