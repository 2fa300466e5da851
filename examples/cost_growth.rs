//! How the cost of a pass grows with batch, picture and threads: `cargo run --release --example cost_growth`.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use doppelganger::engine::Result;
use doppelganger::engine::attack::{Loss, input_gradient};
use doppelganger::engine::data::DataSource;
use doppelganger::engine::device::Backend;
use doppelganger::engine::model::{Architecture, Manifest, Model};
use doppelganger::engine::train::{Algorithm, Learner, Objective, StepSize, initial_params};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CNN: &str = include_str!("../benches/nets/cnn.toml");
const PHOTO: &str = include_str!("../benches/nets/photo_resnet.toml");
const SQUEEZENET: &str = include_str!("../benches/nets/squeezenet1_1.toml");

const BATCHES: [usize; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];
/// Even sizes, and beside each an odd one.
const SIDES: [(usize, usize); 6] = [(28, 29), (64, 63), (128, 127), (224, 223), (384, 383), (512, 511)];
/// How long a turn of one of a pair is, and how many each has.
const TURN: Duration = Duration::from_millis(150);
const TURNS: usize = 7;
const ODD_BATCHES: [(usize, usize); 3] = [(8, 7), (32, 31), (128, 127)];

fn main() -> Result<()> {
    println!("FGSM gradient of cnn@28: µs a picture\n\n| batch | 1 thread | 2 threads | speed-up |\n|--:|--:|--:|--:|");
    for batch in BATCHES {
        let [one, two] = on_threads(gradient(&parse(CNN)?, batch)?)?;
        let each = |seconds: f64| seconds / batch as f64 * 1e6;
        println!("| {batch} | {:.1} | {:.1} | {:.2} |", each(one), each(two), one / two);
    }

    println!("\nSteps of training: ms\n\n| step | 1 thread | 2 threads | speed-up |\n|---|--:|--:|--:|");
    let (maxout, mlp) = (digits_net("maxout:240x5,240x5")?, digits_net("mlp:1200,1200")?);
    for (name, manifest, batch, alpha) in [
        ("clean maxout240 b100", &maxout, 100, 1.0),
        ("adversarial maxout240 b100", &maxout, 100, 0.5),
        ("clean mlp1200 b128", &mlp, 128, 1.0),
        ("adversarial mlp1200 b128", &mlp, 128, 0.5),
        ("adversarial cnn@28 b1", &parse(CNN)?, 1, 0.5),
        ("adversarial cnn@28 b8", &parse(CNN)?, 8, 0.5),
        ("adversarial cnn@28 b32", &parse(CNN)?, 32, 0.5),
        ("adversarial cnn@28 b128", &parse(CNN)?, 128, 0.5),
        ("adversarial cnn@28 b512", &parse(CNN)?, 512, 0.5),
        ("clean photo_resnet@64 b128", &parse(PHOTO)?, 128, 1.0),
    ] {
        let [one, two] = on_threads(step(manifest, batch, alpha)?)?;
        println!("| {name} | {:.2} | {:.2} | {:.2} |", one * 1e3, two * 1e3, one / two);
    }

    println!(
        "\nFGSM gradient of squeezenet1_1, one picture, 2 threads\n\n\
         | side | ms | ns a pixel | odd side | ms | odd : even, a pixel |\n|--:|--:|--:|--:|--:|--:|"
    );
    for (even, odd) in SIDES {
        let [a, b] = alternately(gradient(&squeezenet(even)?, 1)?, gradient(&squeezenet(odd)?, 1)?)?;
        let each = |seconds: f64, side: usize| seconds / (side * side) as f64 * 1e9;
        let ratio = each(b, odd) / each(a, even);
        println!("| {even} | {:.2} | {:.0} | {odd} | {:.2} | {ratio:.2} |", a * 1e3, each(a, even), b * 1e3);
    }

    println!(
        "\nOdd batches and widths beside even ones, for the same amount of work\n\n| step | odd : even |\n|---|--:|"
    );
    for (even, odd) in ODD_BATCHES {
        let [a, b] = alternately(step(&parse(CNN)?, even, 0.5)?, step(&parse(CNN)?, odd, 0.5)?)?;
        let ratio = b / odd as f64 / (a / even as f64);
        println!("| adversarial cnn@28, batch {odd} : {even} | {ratio:.2} |");
    }
    for (even, odd) in [("maxout:240x5,240x5", "maxout:241x5,243x5"), ("mlp:1200,1200", "mlp:1201,1203")] {
        let (even_net, odd_net) = (digits_net(even)?, digits_net(odd)?);
        let [a, b] = alternately(step(&even_net, 101, 0.5)?, step(&odd_net, 101, 0.5)?)?;
        let ratio = b / weights(&odd_net)? / (a / weights(&even_net)?);
        println!("| adversarial, {odd} : {even} | {ratio:.2} |");
    }
    Ok(())
}

fn parse(text: &str) -> Result<Manifest> {
    Manifest::with_classes(text, Path::new("net.toml"), &[])
}

fn squeezenet(side: usize) -> Result<Manifest> {
    parse(&SQUEEZENET.replace("height = 224, width = 224", &format!("height = {side}, width = {side}")))
}

fn digits_net(words: &str) -> Result<Manifest> {
    let shape = DataSource::Mnist.shape(&mut |_| true)?;
    words.parse::<Architecture>()?.manifest(&shape.input, &shape.classes)
}

fn weights(manifest: &Manifest) -> Result<f64> {
    let params = initial_params(&manifest.graph, None, &mut ChaCha8Rng::seed_from_u64(0))?;
    Ok(params.values().map(Tensor::elem_count).sum::<usize>() as f64)
}

fn pixels(manifest: &Manifest, batch: usize) -> (Vec<f32>, [usize; 4]) {
    let shape = [batch, manifest.input.channels, manifest.input.height, manifest.input.width];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    ((0..shape.iter().product()).map(|_| rng.random()).collect(), shape)
}

fn gradient(manifest: &Manifest, batch: usize) -> Result<impl FnMut() -> Result<()> + Send> {
    let params = initial_params(&manifest.graph, None, &mut ChaCha8Rng::seed_from_u64(0))?;
    let model = Model::on(&Backend::from_environment()?, manifest.clone(), &params)?;
    let (values, [n, c, h, w]) = pixels(manifest, batch);
    let x = Tensor::from_vec(values, (n, c, h, w), &Device::Cpu)?;
    Ok(move || input_gradient(&model, &x, &vec![0; batch], Loss::CrossEntropy).map(drop))
}

fn step(manifest: &Manifest, batch: usize, alpha: f32) -> Result<impl FnMut() -> Result<()> + Send> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let params = initial_params(&manifest.graph, None, &mut rng)?;
    let mut learner = Learner::new(&Backend::from_environment()?, manifest, &params, Algorithm::Sgd)?;
    let (x, _) = pixels(manifest, batch);
    let labels: Vec<usize> = (0..batch).map(|i| i * 7 % manifest.classes.len()).collect();
    let objective = Objective { eps: 0.25, alpha, ..Objective::default() };
    let size = StepSize { rate: 0.01, momentum: 0.9, nesterov: false, weight_decay: 1e-4, max_norm: None };
    Ok(move || learner.step(&x, &labels, objective, size, &mut rng).map(drop))
}

/// Seconds on one thread and on two.
fn on_threads(work: impl FnMut() -> Result<()> + Send) -> Result<[f64; 2]> {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(candle_core::Error::wrap);
    let (one, two, work) = (pool(1)?, pool(2)?, Mutex::new(work));
    let run = || work.lock().map_err(|_| candle_core::Error::msg("a run panicked"))?();
    alternately(|| one.install(run), || two.install(run))
}

/// Medians of the two in turns long enough for a pool to be awake, in seconds, so that a slow spell of the machine meets
/// both.
fn alternately(mut a: impl FnMut() -> Result<()>, mut b: impl FnMut() -> Result<()>) -> Result<[f64; 2]> {
    let turn = |work: &mut dyn FnMut() -> Result<()>, times: &mut Vec<f64>| -> Result<()> {
        work()?;
        let started = Instant::now();
        while started.elapsed() < TURN {
            let run = Instant::now();
            work()?;
            times.push(run.elapsed().as_secs_f64());
        }
        Ok(())
    };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        turn(&mut a, &mut times[0])?;
        turn(&mut b, &mut times[1])?;
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}
