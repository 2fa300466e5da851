//! GFLOP/s of the convolution kernels on typical shapes: `cargo run --release --example kernel_rates`.

use std::time::{Duration, Instant};

use doppelganger::engine::kernels::{Conv, Finish, Fused, Isa, Map};

/// Name, pictures, side, inputs, outputs, side of the kernel, stride, padding.
const SHAPES: [(&str, usize, usize, [usize; 5]); 8] = [
    ("3×3 64→64 @56", 1, 56, [64, 64, 3, 1, 1]),
    ("3×3 512→512 @7", 1, 7, [512, 512, 3, 1, 1]),
    ("3×3/2 64→128 @56", 1, 56, [64, 128, 3, 2, 1]),
    ("7×7/2 3→64 @224", 1, 224, [3, 64, 7, 2, 3]),
    ("1×1 16→64 @55", 1, 55, [16, 64, 1, 1, 0]),
    ("5×5 32→64 @14 b128", 128, 14, [32, 64, 5, 1, 2]),
    ("3×3 256→256 @4 b128", 128, 4, [256, 256, 3, 1, 1]),
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

fn main() {
    let isa = Isa::detect();
    println!("{isa:?}, {} threads; GFLOP/s", rayon::current_num_threads());
    println!("{:24} {:>8} {:>8} {:>8}", "", "forward", "pixels", "weights");
    for (name, n, side, [inputs, outputs, kernel, stride, padding]) in SHAPES {
        let conv = Conv { kernel: [kernel; 2], stride: [stride; 2], padding: [padding; 2], inputs, outputs, groups: 1 };
        let out = (side + 2 * padding - kernel) / stride + 1;
        let x_map = Map::new([side; 2], inputs, padding);
        let y_map = Map::new([out; 2], outputs, conv.gradient_halo([side; 2], [out; 2]));
        let x = vec![0.5f32; x_map.buffer_len(n)];
        let (mut y, mut dx) = (vec![0.5f32; y_map.buffer_len(n)], x.clone());
        let (weights, bias) = (vec![0.01f32; conv.weights_len()], vec![0.1f32; outputs]);
        let (mut dw, mut db, mut transposed) = (weights.clone(), bias.clone(), Vec::new());
        conv.transpose(&weights, &mut transposed);
        let fused = Fused { add: None, finish: Finish::Clamp { upper: f32::INFINITY } };
        let forward = median(|| conv.forward((isa, n), (&x, x_map), (&weights, Some(&bias)), (&mut y, y_map), fused));
        let pixels = median(|| {
            let target = (&mut dx[..], x_map);
            conv.input_gradient((isa, n), (&y, y_map), &transposed, target, (false, None, Finish::Plain));
        });
        let gradient = median(|| conv.weight_gradient(isa, n, (&x, x_map), (&y, y_map), (&mut dw, &mut db, false)));
        let rate = |seconds: f64| 2e-9 * (n * out * out * outputs * inputs * kernel * kernel) as f64 / seconds;
        println!("{name:24} {:8.0} {:8.0} {:8.0}", rate(forward), rate(pixels), rate(gradient));
    }
}
