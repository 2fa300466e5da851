//! How long a move of the ε slider takes until the window gets the new pictures, while the curve along ε is worked out
//! beside them; and how long the first view takes.
//!
//!     cargo run --release --example slider_latency -- digits_cnn digit-7
//!     DOPPELGANGER_MODELS=folder cargo run --release --example slider_latency -- squeezenet1_1_caffe astronaut
//!     cargo run --release --example slider_latency -- efficientnet_lite0 coffee own-pixels folded

use std::path::Path;
use std::time::{Duration, Instant};

use doppelganger::engine::data::sample_unless_file;
use doppelganger::engine::picture::{Channel, Heatmap, HeatmapQuantity};
use doppelganger::worker::{Event, Source, View, Wish, Worker};

const MOVES: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| "digits_cnn".into());
    let picture = arguments.next().unwrap_or_else(|| "digit-7".into());
    let words: Vec<String> = arguments.collect();
    let own_pixels = words.iter().any(|word| word == "own-pixels");
    let worker = Worker::spawn(|| {})?;
    // The pane that shows why the attack works is open, unless it is said to be folded.
    if !words.iter().any(|word| word == "folded") {
        worker.study(Wish { curve: true, controls: Some(0), ..Wish::default() });
    }
    let picture = match sample_unless_file(Path::new(&picture)) {
        Some(sample) => Source::Sample(sample.name.to_owned()),
        None => Source::File(picture.into()),
    };
    let mut view = View {
        model,
        crop: picture.usual_crop(),
        picture,
        own_pixels: Some(own_pixels),
        heatmap: Heatmap { quantity: HeatmapQuantity::Perturbation, channel: Channel::Strongest, gain: 1.0 },
        ..View::default()
    };
    println!("first view: {:.1} ms", milliseconds(answer(&worker, &view)?));
    let mut times = Vec::with_capacity(MOVES);
    for i in 0..MOVES {
        view.eps = (i + 1) as f32 / MOVES as f32 * 0.3;
        times.push(answer(&worker, &view)?);
    }
    times.sort();
    let (median, late) = (times[MOVES / 2], times[MOVES * 99 / 100]);
    println!("a move of ε: median {:.1} ms, 99th percentile {:.1} ms", milliseconds(median), milliseconds(late));
    Ok(())
}

/// The time from asking for a view to having its pictures.
fn answer(worker: &Worker, view: &View) -> Result<Duration, String> {
    let started = Instant::now();
    worker.show(view.clone());
    loop {
        match worker.wait(Duration::from_secs(60)) {
            Some(Event::Shown(_)) => return Ok(started.elapsed()),
            Some(Event::Failed { message, .. }) => return Err(message),
            Some(_) => {}
            None => return Err("no answer within a minute".into()),
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
