//! `doppelganger bench` times the engine on this machine. `benches/peer_pytorch.py` times the same work in PyTorch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use clap::Args;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::json;

use super::progress::{check_ctrl_c, watch_ctrl_c};
use super::{print, print_json};
use crate::engine::attack::{
    AttackInput, Loss, Norm, Pgd, Problem, Rules, eps_curve, eps_range, finish as run_attack, input_gradient,
};
use crate::engine::device::Backend;
use crate::engine::kernels::Isa;
use crate::engine::model::zoo::Word;
use crate::engine::model::{Catalogue, Input, Manifest, Model};
use crate::engine::picture::Planes;
use crate::engine::train::{Algorithm, Learner, Objective, StepSize, initial_params};
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct BenchArgs {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Only the workloads whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Time this model instead: a name from "doppelganger models", run:NAME for a training run, or a path of either
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Compute with these instructions of the processor: avx512, avx2, neon or plain; by default the fastest that it has.
    /// Products of matrices in attention keep the fastest
    #[arg(long, value_name = "NAME")]
    isa: Option<String>,
}

#[derive(Serialize)]
struct Timing {
    median_ms: f64,
    min_ms: f64,
    p99_ms: f64,
    runs: usize,
}

#[derive(Clone, Copy)]
enum Work {
    Forward,
    Gradient,
    /// The probabilities of one picture are computed at 41 values of ε, its gradient being known.
    Curve,
    /// PGD takes 20 steps on this many pictures.
    Pgd(usize),
    /// The net takes one step of training on this many pictures.
    Clean(usize),
    /// The net takes such a step on the mix of clean and adversarial loss.
    Adversarial(usize),
}

/// A net with random weights.
#[derive(Clone, Copy)]
enum Net {
    /// It is described by this manifest.
    Manifest(&'static str),
    /// It is the one of the zoo with this name, for pictures from ImageNet.
    Word(&'static str),
}

const MAXOUT: Net = Net::Manifest(include_str!("../../benches/nets/maxout240.toml"));
const MLP: Net = Net::Manifest(include_str!("../../benches/nets/mlp1200.toml"));
const CNN: Net = Net::Manifest(include_str!("../../benches/nets/cnn.toml"));
const PHOTO: Net = Net::Manifest(include_str!("../../benches/nets/photo_resnet.toml"));
const SQUEEZENET: Net = Net::Manifest(include_str!("../../benches/nets/squeezenet1_1.toml"));
const RESNET18: &str = include_str!("../../models/resnet18.toml");
const RESNET: Net = Net::Manifest(RESNET18);
const MOBILENET: Net = Net::Manifest(include_str!("../../models/mobilenet_v2.toml"));
const EFFICIENTNET: Net = Net::Manifest(include_str!("../../models/efficientnet_lite0.toml"));
const DEEP_RESNET: Net = Net::Word("resnet50");
const TRANSFORMER: Net = Net::Word("vit_b_16");

impl Net {
    fn manifest(self, name: &str) -> Result<Manifest> {
        let classes: Vec<String> = (0..1000).map(|class| class.to_string()).collect();
        match self {
            Self::Manifest(text) => Manifest::with_classes(text, Path::new(name), &classes),
            Self::Word(word) => {
                let word = Word::parse(word).map_err(Error::Argument)?;
                let side = word.conventions()[0].usual.side;
                let graph = word.graph_of(&word.conventions()[0], side).map_err(Error::Argument)?;
                // Another net for ImageNet has the same pictures and classes.
                Ok(Manifest { graph, ..Manifest::with_classes(RESNET18, Path::new(name), &classes)? })
            }
        }
    }
}

/// Each workload has a name, its net, and the work that is timed.
const WORKLOADS: [(&str, Net, Work); 20] = {
    use Work::{Adversarial, Clean, Curve, Forward, Gradient};
    [
        ("fgsm_gradient/maxout240@28 b1", MAXOUT, Gradient),
        ("fgsm_gradient/cnn@28 b1", CNN, Gradient),
        ("fgsm_gradient/squeezenet1_1@224 b1", SQUEEZENET, Gradient),
        ("fgsm_gradient/resnet18@224 b1", RESNET, Gradient),
        ("fgsm_gradient/resnet50@224 b1", DEEP_RESNET, Gradient),
        ("fgsm_gradient/mobilenet_v2@224 b1", MOBILENET, Gradient),
        ("fgsm_gradient/efficientnet_lite0@224 b1", EFFICIENTNET, Gradient),
        ("fgsm_gradient/vit_b_16@224 b1", TRANSFORMER, Gradient),
        ("forward/squeezenet1_1@224 b1", SQUEEZENET, Forward),
        ("forward/resnet18@224 b1", RESNET, Forward),
        ("forward/efficientnet_lite0@224 b1", EFFICIENTNET, Forward),
        ("eps_curve41/squeezenet1_1@224", SQUEEZENET, Curve),
        ("pgd20/cnn@28 b100", CNN, Work::Pgd(100)),
        ("clean_step/maxout240 b100", MAXOUT, Clean(100)),
        ("clean_step/mlp1200 b128", MLP, Clean(128)),
        ("clean_step/cnn b128", CNN, Clean(128)),
        ("adversarial_step/maxout240 b100", MAXOUT, Adversarial(100)),
        ("adversarial_step/mlp1200 b128", MLP, Adversarial(128)),
        ("adversarial_step/cnn b128", CNN, Adversarial(128)),
        ("clean_step/photo_resnet@64 b128", PHOTO, Clean(128)),
    ]
};

pub fn run(args: &BenchArgs) -> Result<()> {
    watch_ctrl_c();
    if let Some(name) = &args.isa {
        force(name)?;
    }
    if !args.json {
        print(&format!("{}, {} threads", Isa::current().name(), rayon::current_num_threads()))?;
    }
    if let Some(name) = &args.model {
        return time_model(name, args);
    }
    let chosen: Vec<_> = WORKLOADS.into_iter().filter(|(name, ..)| name.contains(&args.only)).collect();
    if chosen.is_empty() {
        let names = WORKLOADS.map(|(name, ..)| format!("{name:?}"));
        let (only, names) = (&args.only, names.join(", "));
        return Err(Error::Argument(format!("no workload has {only:?} in its name; there are {names}")));
    }
    let mut workloads = Timings::new();
    for (name, net, work) in chosen {
        report(name.to_owned(), time(name, net, work)?, args, &mut workloads)?;
    }
    finish(args, &workloads)
}

/// Lets all nets compute with the instructions of this name.
fn force(name: &str) -> Result<()> {
    let sets = Isa::available();
    let Some(isa) = sets.iter().find(|isa| isa.name() == name) else {
        let names: Vec<&str> = sets.into_iter().map(Isa::name).collect();
        return Err(Error::Argument(format!("this processor does not have {name:?}; it has {}", names.join(", "))));
    };
    match isa.force() {
        true => Ok(()),
        false => Err(Error::Argument("a net computes with other instructions already".into())),
    }
}

type Timings = BTreeMap<String, Timing>;

/// Times what an attack in the window asks of a model of the catalogue.
fn time_model(name: &str, args: &BenchArgs) -> Result<()> {
    let model = Catalogue::from_environment().load(name)?;
    let Input { channels, height, width, .. } = *model.input();
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let pixels: Vec<f32> = (0..channels * height * width).map(|_| rng.random()).collect();
    let one = Tensor::from_vec(pixels, (1, channels, height, width), &Device::Cpu)?;
    let mut workloads = Timings::new();
    for (what, work) in [("fgsm_gradient", Work::Gradient), ("forward", Work::Forward), ("eps_curve41", Work::Curve)] {
        let workload = format!("{what}/{name} b1");
        if workload.contains(&args.only) {
            report(workload, time_pass(&model, &one, work)?, args, &mut workloads)?;
        }
    }
    finish(args, &workloads)
}

/// Prints a timing for people, or keeps it for the end.
fn report(name: String, timing: Timing, args: &BenchArgs, workloads: &mut Timings) -> Result<()> {
    if !args.json {
        let Timing { median_ms, min_ms, p99_ms, runs } = timing;
        print(&format!("{name:40} {median_ms:9.3} ms (least {min_ms:.3}, 99 % within {p99_ms:.3}, {runs} runs)"))?;
    }
    workloads.insert(name, timing);
    Ok(())
}

fn finish(args: &BenchArgs, workloads: &Timings) -> Result<()> {
    if !args.json {
        return Ok(());
    }
    let (isa, threads) = (Isa::current().name(), rayon::current_num_threads());
    print_json(&json!({ "isa": isa, "threads": threads, "workloads": workloads }))
}

/// Times a pass of a net on one picture.
fn time_pass(model: &Model, one: &Tensor, work: Work) -> Result<Timing> {
    let gradient = || input_gradient(model, one, &[0], Loss::CrossEntropy);
    match work {
        Work::Gradient => measure(|| gradient().map(drop)),
        Work::Curve => {
            let direction = Norm::Linf.steepest(&gradient()?.gradient.flatten_all()?.to_vec1::<f32>()?);
            let (input, eps) = (AttackInput::from(Planes::from_tensor(one)?), eps_range(0.1, 41));
            measure(|| eps_curve(model, &input, &direction, &eps, Rules::default()).map(drop))
        }
        Work::Forward | Work::Pgd(_) | Work::Clean(_) | Work::Adversarial(_) => measure(|| model.logits(one).map(drop)),
    }
}

fn time(name: &str, net: Net, work: Work) -> Result<Timing> {
    let manifest = net.manifest(name)?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let params = initial_params(&manifest.graph, None, &mut rng)?;
    let Input { channels, height, width, .. } = manifest.input;
    let mut pixels = |n: usize| -> Vec<f32> { (0..n * channels * height * width).map(|_| rng.random()).collect() };
    let one = Tensor::from_vec(pixels(1), (1, channels, height, width), &Device::Cpu)?;
    let backend = Backend::from_environment()?;
    let labels = |n: usize| -> Vec<usize> { (0..n).map(|i| i * 7 % manifest.classes.len()).collect() };
    match work {
        Work::Pgd(n) => {
            let (x, labels) = (pixels(n), labels(n));
            let model = Arc::new(Model::on(&backend, manifest, &params)?);
            let problem = Problem::new(model, x, labels, Rules::default())?.with_eps(&[0.1])?;
            let attack = Pgd { norm: Norm::Linf, steps: 20, step_size: None, random_start: true, restarts: 1 };
            measure(|| run_attack(&attack, &problem, |_| true).map(drop))
        }
        Work::Forward | Work::Gradient | Work::Curve => time_pass(&Model::on(&backend, manifest, &params)?, &one, work),
        Work::Clean(n) | Work::Adversarial(n) => {
            let mut learner = Learner::new(&backend, &manifest, &params, Algorithm::Sgd)?;
            let (x, labels) = (pixels(n), labels(n));
            let alpha = if matches!(work, Work::Clean(_)) { 1.0 } else { 0.5 };
            let objective = Objective { eps: 0.25, alpha, ..Objective::default() };
            let size = StepSize { rate: 0.01, momentum: 0.9, nesterov: false, weight_decay: 1e-4, max_norm: None };
            measure(|| learner.step(&x, &labels, objective, size, &mut rng).map(drop))
        }
    }
}

/// The first runs do not count; then so many count, within this time.
const WARM_UP: usize = 2;
const TIME: Duration = Duration::from_secs(3);
const RUNS: std::ops::RangeInclusive<usize> = 7..=200;

fn measure(mut work: impl FnMut() -> Result<()>) -> Result<Timing> {
    for _ in 0..WARM_UP {
        work()?;
    }
    let (started, mut times) = (Instant::now(), Vec::new());
    while times.len() < *RUNS.start() || (times.len() < *RUNS.end() && started.elapsed() < TIME) {
        check_ctrl_c()?;
        let run = Instant::now();
        work()?;
        times.push(run.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let runs = times.len();
    Ok(Timing { median_ms: times[runs / 2], min_ms: times[0], p99_ms: times[runs * 99 / 100], runs })
}
