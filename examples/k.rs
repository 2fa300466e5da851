use doppelganger::engine::kernels::*;
use std::time::Instant;
fn med(mut f: impl FnMut()) -> f64 {
    for _ in 0..3 {
        f();
    }
    let mut t = Vec::new();
    let s = Instant::now();
    while t.len() < 5 || s.elapsed().as_secs_f64() < 0.7 {
        let a = Instant::now();
        f();
        t.push(a.elapsed().as_secs_f64() * 1e3);
    }
    t.sort_by(f64::total_cmp);
    t[t.len() / 2]
}
fn main() {
    let isa = Isa::detect();
    println!("{isa:?}");
    for (name, n, hw, c, o, k, s, p, g) in [
        ("64->64@56", 1, 56, 64, 64, 3, 1, 1, 1),
        ("512->512@7", 1, 7, 512, 512, 3, 1, 1, 1),
        ("3->64@224 7x7/2", 1, 224, 3, 64, 7, 2, 3, 1),
        ("16->64@55 1x1", 1, 55, 16, 64, 1, 1, 0, 1),
        ("16->64@55 3x3", 1, 55, 16, 64, 3, 1, 1, 1),
        ("64->128@56 s2", 1, 56, 64, 128, 3, 2, 1, 1),
        ("dw144@56", 1, 56, 144, 144, 3, 1, 1, 144),
        ("cnn1 b128", 128, 28, 1, 32, 5, 1, 2, 1),
        ("cnn2 b128", 128, 14, 32, 64, 5, 1, 2, 1),
        ("fc 3136-1024 b128", 128, 1, 3136, 1024, 1, 1, 0, 1),
        ("fc 1200-1200 b128", 128, 1, 1200, 1200, 1, 1, 0, 1),
        ("photo 256@4 b128", 128, 4, 256, 256, 3, 1, 1, 1),
        ("photo 32@16 b128", 128, 16, 32, 32, 3, 1, 1, 1),
        ("fc 784-1200 b1", 1, 1, 784, 1200, 1, 1, 0, 1),
    ] {
        let conv = Conv { kernel: [k, k], stride: [s, s], padding: [p, p], inputs: c, outputs: o, groups: g };
        let out = (hw + 2 * p - k) / s + 1;
        let xm = Map::new([hw, hw], c, p);
        let ym = Map::new([out, out], o, conv.gradient_halo([hw, hw], [out, out]));
        let x = vec![0.5f32; xm.buffer_len(n)];
        let mut y = vec![0.5f32; ym.buffer_len(n)];
        let w = vec![0.01f32; conv.weights_len()];
        let b = vec![0.1f32; o];
        let gf = 2e-9 * (n * out * out * o * c / g * k * k) as f64;
        let f = med(|| {
            conv.forward(
                isa,
                n,
                (&x, xm),
                (&w, Some(&b)),
                (&mut y, ym),
                Fused { add: None, finish: Finish::Clamp { upper: f32::INFINITY } },
            )
        });
        let mut wt = Vec::new();
        let t = med(|| conv.transpose(&w, &mut wt));
        let mut dx = vec![0.5f32; xm.buffer_len(n)];
        let d = med(|| conv.input_gradient(isa, n, (&y, ym), &wt, (&mut dx, xm), (false, None, Finish::Plain)));
        let mut dw = vec![0f32; w.len()];
        let mut db = vec![0f32; o];
        let g = med(|| conv.weight_gradient(isa, n, (&x, xm), (&y, ym), (&mut dw, &mut db)));
        println!(
            "{name:22} fwd {f:7.3} ms {:4.0} GF/s | dx {d:7.3} {:4.0} (transpose {t:.3}) | dw {g:7.3} {:4.0}",
            gf / f * 1e3,
            gf / d * 1e3,
            gf / g * 1e3
        );
    }
}
