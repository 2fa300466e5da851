//! Opens a net from a file of another program and writes its logits, and the gradient of the cross-entropy with respect
//! to the pixels, as raw numbers of 32 bits: what `benches/any_net.py` compares with PyTorch.
//!
//! ```text
//! any_net FILE PIXELS LABEL OUT [RUNS]
//! ```
//! PIXELS holds one picture (channels, height, width) in [0, 1]. Prints a line of JSON: the operations, the milliseconds
//! that loading took, and the least and the median time of a gradient over so many runs.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use doppelganger::engine::attack::{Loss, input_gradient};
use doppelganger::engine::model::import::{Answers, Description, Draft, Preprocessing};
use doppelganger::engine::picture::Fit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, file, pixels, label, out, rest @ ..] = &args[..] else {
        anyhow::bail!("expected FILE PIXELS LABEL OUT [RUNS]");
    };
    let runs: usize = rest.first().map_or(Ok(1), |runs| runs.parse())?;
    let bytes = std::fs::read(pixels).context("read the pixels")?;
    let pixels: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let began = Instant::now();
    let draft = Draft::open(Path::new(file))?;
    let [channels, height, width] = draft.questions()?.axes;
    let side = (pixels.len() as f64 / 3.0).sqrt() as usize;
    let axes = [channels.unwrap_or(3), height.unwrap_or(side), width.unwrap_or(side)];
    let net = draft.build(&Answers { axes: Some(axes), ..Answers::default() })?;
    ensure!(pixels.len() == axes.iter().product::<usize>(), "the pixels are not {axes:?}");
    let preprocessing = net.normalisation.clone().unwrap_or_else(|| Preprocessing::plain(axes[0]));
    let description = Description {
        title: "net".into(),
        file: file.clone(),
        classes: (0..net.class_count()).map(|class| class.to_string()).collect(),
        preprocessing,
        fit: Fit::Squash,
    };
    let model = net.model(&description)?;
    let loading = began.elapsed().as_secs_f64() * 1e3;
    let picture = Tensor::from_vec(pixels, (1, axes[0], axes[1], axes[2]), &Device::Cpu)?;
    let label = label.parse()?;
    let mut times = Vec::with_capacity(runs);
    let mut result = input_gradient(&model, &picture, &[label], Loss::CrossEntropy)?;
    for _ in 1..runs {
        let began = Instant::now();
        result = input_gradient(&model, &picture, &[label], Loss::CrossEntropy)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let logits: Vec<f32> = result.logits.flatten_all()?.to_vec1()?;
    let gradient: Vec<f32> = result.gradient.flatten_all()?.to_vec1()?;
    let bytes: Vec<u8> = logits.iter().chain(&gradient).flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(out, bytes)?;
    let report = serde_json::json!({
        "operations": net.graph.nodes().len(),
        "classes": net.class_count(),
        "load_ms": loading,
        "least_ms": times.first(),
        "median_ms": times.get(times.len() / 2),
        "notes": net.notes,
    });
    println!("{report}");
    Ok(())
}
