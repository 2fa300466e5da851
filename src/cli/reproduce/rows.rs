//! Each row of the table is a net under an attack, beside the number that the paper prints.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Sets;
use super::recipe::{EPS, PaperNet, Recipe};
use crate::cli::progress::{ProgressLine, check_ctrl_c};
use crate::engine::attack::PIXELS;
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::device::Backend;
use crate::engine::statistics::wilson_interval;
use crate::engine::train::{Adversary, Algorithm, Learner, Measured, Objective, RunFolder, RunNets, Tally};
use crate::engine::{Error, Result};

/// This is one line of the table, with shares from 0 to 1.
#[derive(Serialize)]
pub struct TableRow {
    pub row: String,
    /// The paper prints this number, or none.
    pub published: Option<f64>,
    /// The mean over the seeds.
    pub measured: f64,
    /// The lower and the upper end: of an error's 95 % interval, or of the confidences of the seeds.
    pub low: f64,
    pub high: f64,
    /// The number of test pictures.
    pub n: usize,
    pub seeds: Vec<u64>,
    #[serde(skip)]
    pub title: String,
}

/// This asks for a net's answers to pictures that were made on the same net or on another.
struct Comparison {
    name: String,
    title: String,
    net: PaperNet,
    source: PaperNet,
    adversary: Adversary,
    /// Tells whether pixels are clipped to [0, 1], which the paper's formula does not do.
    is_clipped: bool,
    published: Option<f64>,
    published_confidence: Option<f64>,
}

fn comparisons() -> Vec<Comparison> {
    use PaperNet::{AdversarialMaxout, Logistic, Maxout, SignNoise, Softmax, UniformNoise};
    // Each net has its published errors on clean digits and under FGSM, and the mean confidence on the latter.
    let nets = [
        (Softmax, "softmax", "softmax regression", None, 0.999, Some(0.793)),
        (Logistic, "logistic", "logistic regression 3 against 7", Some(0.016), 0.99, None),
        (Maxout, "maxout", "maxout", Some(0.0094), 0.894, Some(0.976)),
        (AdversarialMaxout, "adversarial_maxout", "adversarially trained maxout", Some(0.0084), 0.179, Some(0.814)),
        (SignNoise, "sign_noise", "maxout trained on x ± ε", None, 0.862, Some(0.973)),
        (UniformNoise, "uniform_noise", "maxout trained on x + U(−ε, ε)", None, 0.904, Some(0.978)),
    ];
    let mut all = Vec::new();
    for (net, name, title, clean, fgsm, published_confidence) in nets {
        let ask = |end: &str, attack: &str, adversary: Adversary| {
            Comparison::new(format!("{name}_{end}"), format!("{title}, {attack}"), net, adversary)
        };
        all.push(Comparison { published: clean, ..ask("clean", "clean", Adversary::None) });
        all.push(Comparison { published: Some(fgsm), published_confidence, ..ask("fgsm", "FGSM", Adversary::Fgsm) });
        if matches!(net, Maxout | AdversarialMaxout) {
            all.push(Comparison { is_clipped: true, ..ask("fgsm_clipped", "FGSM clipped to [0, 1]", Adversary::Fgsm) });
        }
        all.push(ask("pgd", "PGD-40", Adversary::Pgd { steps: 40 }));
        if net == AdversarialMaxout {
            let transfer = |name: &str, title: &str, source, net, published| Comparison {
                source,
                published: Some(published),
                ..Comparison::new(name.into(), title.into(), net, Adversary::Fgsm)
            };
            let to_adversarial = "FGSM, clean → adversarially trained maxout";
            let to_clean = "FGSM, adversarially trained → clean maxout";
            all.push(transfer("transfer_to_adversarial", to_adversarial, Maxout, AdversarialMaxout, 0.196));
            all.push(transfer("transfer_to_clean", to_clean, AdversarialMaxout, Maxout, 0.409));
        }
    }
    all
}

/// Makes all comparisons on the test pictures, with the nets that lie in `out`.
pub fn measure(recipe: &Recipe, out: &Path, sets: &mut Sets, progress: bool) -> Result<Vec<TableRow>> {
    let mut rows = Vec::new();
    let (mut line, comparisons) = (ProgressLine::new(progress), comparisons());
    for (number, comparison) in comparisons.iter().enumerate() {
        let seeds = recipe.seeds_of(comparison.net);
        let data = sets.open(Split::Test, comparison.net.digits())?;
        let mut answers = Vec::new();
        for &seed in &seeds {
            line.draw(&comparison.title, number, comparisons.len());
            let [net, source] = [comparison.net, comparison.source].map(|net| learner(&out.join(net.folder(seed))));
            answers.push(comparison.answer(&mut net?, &mut source?, &data)?);
        }
        comparison.add_rows(&answers, &seeds, &mut rows);
    }
    Ok(rows)
}

fn learner(folder: &Path) -> Result<Learner> {
    let RunNets { manifest, best, .. } = RunFolder::nets(folder)?;
    Learner::new(&Backend::from_environment()?, &manifest, &best, Algorithm::Sgd)
}

impl Comparison {
    /// Compares pictures that are made on the net itself, of which the paper prints nothing.
    fn new(name: String, title: String, net: PaperNet, adversary: Adversary) -> Self {
        let is_clipped = matches!(adversary, Adversary::Pgd { .. });
        let (published, published_confidence) = (None, None);
        Self { name, title, net, source: net, adversary, is_clipped, published, published_confidence }
    }

    fn answer(&self, net: &mut Learner, source: &mut Learner, data: &Dataset) -> Result<Measured> {
        let &Self { adversary, is_clipped, .. } = self;
        let input = DataSource::Mnist.shape(&mut |_| true)?.input;
        // The forty steps are taken on the first 1000 pictures alone.
        let most = if matches!(adversary, Adversary::Pgd { .. }) { 1000 } else { usize::MAX };
        let n = data.len().min(most);
        let objective = Objective { adversary, eps: EPS, bounds: is_clipped.then_some(PIXELS), ..Objective::default() };
        let (mut tally, mut noise) = (Tally::default(), ChaCha8Rng::seed_from_u64(0));
        for batch in (0..n).collect::<Vec<_>>().chunks(250) {
            let (pixels, labels) = data.batch_values(batch, &input)?;
            let attacked = source.perturb(&pixels, &labels, objective, &mut noise)?;
            tally.add(&net.logits(&attacked)?, &labels)?;
            check_ctrl_c()?;
        }
        tally.measured().ok_or_else(|| Error::Argument("there are no test pictures".into()))
    }

    /// Adds a row for the error, and one for the confidence on mistakes where the paper has one.
    fn add_rows(&self, answers: &[Measured], seeds: &[u64], rows: &mut Vec<TableRow>) {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let n = answers.first().map_or(0, |answer| answer.n);
        let mut add = |end: &str, published, measured, low, high| {
            let (row, title) = (format!("{}_{end}", self.name), self.title.clone());
            rows.push(TableRow { row, published, measured, low, high, n, seeds: seeds.to_vec(), title });
        };
        let measured = mean(&answers.iter().map(Measured::error).collect::<Vec<_>>());
        // All seeds were asked about the same pictures: more seeds make no larger sample of them.
        let (low, high) = wilson_interval((measured * n as f64).round() as usize, n);
        add("error", self.published, measured, low, high);
        let confidences: Vec<f64> =
            answers.iter().filter_map(|answer| answer.confidence_on_mistakes).map(f64::from).collect();
        if self.published_confidence.is_some() && !confidences.is_empty() {
            let low = confidences.iter().copied().fold(f64::INFINITY, f64::min);
            let high = confidences.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            add("confidence", self.published_confidence, mean(&confidences), low, high);
        }
    }
}
