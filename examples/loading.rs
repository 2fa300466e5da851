//! How long a net takes from its file until it answers, beside what reading the file takes:
//! `cargo run --release --example loading -- MANIFEST…`. `benches/loading.py` writes nets and runs it.

use std::path::Path;
use std::time::{Duration, Instant};

use doppelganger::engine::model::Catalogue;
use doppelganger::engine::{Error, Result};

/// The number of times that each is done; the median counts.
const TIMES: usize = 9;

fn main() -> Result<()> {
    println!(
        "| net | file | read | load | load : read | first answer | first gradient |\n|---|--:|--:|--:|--:|--:|--:|"
    );
    let catalogue = Catalogue::new(Vec::new());
    for path in std::env::args().skip(1) {
        let manifest = catalogue.manifest(&path)?;
        let file = Path::new(&path).with_file_name(&manifest.weights);
        let bytes = std::fs::metadata(&file).map_err(Error::io("look up", &file))?.len();
        let (mut read, mut load) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            read.push(time(|| std::fs::read(&file).map_err(Error::io("read", &file)))?.0);
            load.push(time(|| catalogue.load(&path))?.0);
        }
        let model = catalogue.load(&path)?;
        let input = model.input();
        let shape = (1, input.channels, input.height, input.width);
        let picture = candle_core::Tensor::zeros(shape, candle_core::DType::F32, &candle_core::Device::Cpu)?;
        let answer = time(|| model.logits(&picture))?.0;
        let gradient = time(|| model.gradients(&picture, 1, |_, _, logits| vec![1.0; logits.len()]))?.0;
        let (read, load) = (median(read), median(load));
        println!(
            "| {} | {:.1} MB | {:.1} ms | {:.1} ms | {:.2} | {:.1} ms | {:.1} ms |",
            manifest.name,
            bytes as f64 / 1e6,
            milliseconds(read),
            milliseconds(load),
            load.as_secs_f64() / read.as_secs_f64(),
            milliseconds(answer),
            milliseconds(gradient),
        );
    }
    Ok(())
}

fn time<T>(work: impl FnOnce() -> Result<T>) -> Result<(Duration, T)> {
    let started = Instant::now();
    let made = work()?;
    Ok((started.elapsed(), made))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
