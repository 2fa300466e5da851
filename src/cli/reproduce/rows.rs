//! The rows of the table: each a net under an attack, beside the number that the paper prints.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Sets;
use super::recipe::{EPS, Recipe, Stage};
use crate::cli::interrupt;
use crate::cli::progress::ProgressLine;
use crate::engine::attack::PIXELS;
use crate::engine::data::{Dataset, Split};
use crate::engine::device::Backend;
use crate::engine::statistics::wilson_interval;
use crate::engine::train::{Adversary, Algorithm, Learner, Measured, Nets, Objective, RunFolder, Tally};
use crate::engine::{Error, Result};

/// One line of the table. Shares from 0 to 1.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub row: String,
    /// `None` where the paper has no such number.
    pub published: Option<f64>,
    /// The mean over the seeds.
    pub measured: f64,
    /// Of an error, its 95 % interval; of a confidence, the least and the greatest of the seeds.
    pub low: f64,
    pub high: f64,
    /// Test pictures.
    pub n: usize,
    pub seeds: Vec<u64>,
    #[serde(skip)]
    pub title: &'static str,
}

/// What is measured: some net's answers to pictures that were made on the same net or on another.
struct Question {
    /// Stem of the names of its rows.
    name: &'static str,
    title: &'static str,
    net: Stage,
    /// Where the gradient comes from.
    source: Stage,
    adversary: Adversary,
    /// Without it pixels may leave [0, 1], as the paper's formula has it.
    is_clipped: bool,
    published: Option<f64>,
    published_confidence: Option<f64>,
}

/// Steps of projected gradient descent on test pictures, and how many pictures are attacked with it.
const PGD_STEPS: usize = 40;
const PGD_PICTURES: usize = 1000;

const QUESTIONS: [Question; 22] = {
    use Adversary::{Fgsm, None as Clean, Pgd};
    use Stage::{AdversarialMaxout, Logistic, Maxout, SignNoise, Softmax, UniformNoise};
    const fn question(
        name: &'static str,
        title: &'static str,
        (net, source): (Stage, Stage),
        adversary: Adversary,
        (published, published_confidence): (Option<f64>, Option<f64>),
    ) -> Question {
        let is_clipped = matches!(adversary, Pgd { .. });
        Question { name, title, net, source, adversary, is_clipped, published, published_confidence }
    }
    const fn clipped(name: &'static str, title: &'static str, net: Stage) -> Question {
        Question { is_clipped: true, ..question(name, title, (net, net), Fgsm, NEITHER) }
    }
    const PGD: Adversary = Pgd { steps: PGD_STEPS };
    const NEITHER: (Option<f64>, Option<f64>) = (None, None);
    [
        question("softmax_clean", "softmax regression, clean", (Softmax, Softmax), Clean, NEITHER),
        question("softmax_fgsm", "softmax regression, FGSM", (Softmax, Softmax), Fgsm, (Some(0.999), Some(0.793))),
        question("softmax_pgd", "softmax regression, PGD-40", (Softmax, Softmax), PGD, NEITHER),
        question(
            "logistic_clean",
            "logistic regression 3 against 7, clean",
            (Logistic, Logistic),
            Clean,
            (Some(0.016), None),
        ),
        question(
            "logistic_fgsm",
            "logistic regression 3 against 7, FGSM",
            (Logistic, Logistic),
            Fgsm,
            (Some(0.99), None),
        ),
        question("logistic_pgd", "logistic regression 3 against 7, PGD-40", (Logistic, Logistic), PGD, NEITHER),
        question("maxout_clean", "maxout, clean", (Maxout, Maxout), Clean, (Some(0.0094), None)),
        question("maxout_fgsm", "maxout, FGSM", (Maxout, Maxout), Fgsm, (Some(0.894), Some(0.976))),
        clipped("maxout_fgsm_clipped", "maxout, FGSM clipped to [0, 1]", Maxout),
        question("maxout_pgd", "maxout, PGD-40", (Maxout, Maxout), PGD, NEITHER),
        question(
            "adversarial_maxout_clean",
            "adversarially trained maxout, clean",
            (AdversarialMaxout, AdversarialMaxout),
            Clean,
            (Some(0.0084), None),
        ),
        question(
            "adversarial_maxout_fgsm",
            "adversarially trained maxout, FGSM",
            (AdversarialMaxout, AdversarialMaxout),
            Fgsm,
            (Some(0.179), Some(0.814)),
        ),
        clipped(
            "adversarial_maxout_fgsm_clipped",
            "adversarially trained maxout, FGSM clipped to [0, 1]",
            AdversarialMaxout,
        ),
        question(
            "adversarial_maxout_pgd",
            "adversarially trained maxout, PGD-40",
            (AdversarialMaxout, AdversarialMaxout),
            PGD,
            NEITHER,
        ),
        question(
            "transfer_to_adversarial",
            "FGSM made on the clean maxout, answered by the adversarially trained one",
            (AdversarialMaxout, Maxout),
            Fgsm,
            (Some(0.196), None),
        ),
        question(
            "transfer_to_clean",
            "FGSM made on the adversarially trained maxout, answered by the clean one",
            (Maxout, AdversarialMaxout),
            Fgsm,
            (Some(0.409), None),
        ),
        question("sign_noise_clean", "maxout trained on x ± ε, clean", (SignNoise, SignNoise), Clean, NEITHER),
        question(
            "sign_noise_fgsm",
            "maxout trained on x ± ε, FGSM",
            (SignNoise, SignNoise),
            Fgsm,
            (Some(0.862), Some(0.973)),
        ),
        question("sign_noise_pgd", "maxout trained on x ± ε, PGD-40", (SignNoise, SignNoise), PGD, NEITHER),
        question(
            "uniform_noise_clean",
            "maxout trained on x + U(−ε, ε), clean",
            (UniformNoise, UniformNoise),
            Clean,
            NEITHER,
        ),
        question(
            "uniform_noise_fgsm",
            "maxout trained on x + U(−ε, ε), FGSM",
            (UniformNoise, UniformNoise),
            Fgsm,
            (Some(0.904), Some(0.978)),
        ),
        question(
            "uniform_noise_pgd",
            "maxout trained on x + U(−ε, ε), PGD-40",
            (UniformNoise, UniformNoise),
            PGD,
            NEITHER,
        ),
    ]
};

/// Answers all questions on the test pictures, with the nets that lie in `out`.
pub fn measure(recipe: &Recipe, out: &Path, sets: &mut Sets, progress: bool) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut line = ProgressLine::new(progress);
    for (number, question) in QUESTIONS.iter().enumerate() {
        let seeds = recipe.seeds_of(question.net);
        let data = sets.open(Split::Test, question.net.digits())?;
        let mut answers = Vec::new();
        for &seed in &seeds {
            line.draw(question.title, number, QUESTIONS.len());
            let mut net = learner(&out.join(question.net.folder(seed)))?;
            let mut source = learner(&out.join(question.source.folder(seed)))?;
            answers.push(answer(&mut net, &mut source, &data, question)?);
        }
        question.add_rows(&answers, &seeds, &mut rows);
    }
    line.clear();
    Ok(rows)
}

/// The net of a finished run.
fn learner(folder: &Path) -> Result<Learner> {
    let Nets { manifest, best, .. } = RunFolder::nets(folder)?;
    Learner::new(&Backend::from_environment()?, &manifest, &best, Algorithm::Sgd)
}

fn answer(net: &mut Learner, source: &mut Learner, data: &Dataset, question: &Question) -> Result<Measured> {
    let &Question { adversary, is_clipped, .. } = question;
    let (input, _) = crate::engine::data::DataSource::Mnist.shape()?;
    let n = if matches!(adversary, Adversary::Pgd { .. }) { data.len().min(PGD_PICTURES) } else { data.len() };
    let objective = Objective { adversary, eps: EPS, bounds: is_clipped.then_some(PIXELS), ..Objective::default() };
    let (mut tally, mut noise) = (Tally::default(), ChaCha8Rng::seed_from_u64(0));
    for batch in (0..n).collect::<Vec<_>>().chunks(250) {
        let (pixels, labels) = data.batch_values(batch, &input)?;
        let attacked = source.perturb(&pixels, &labels, objective, &mut noise)?;
        tally.add(&net.logits(&attacked)?, &labels)?;
        if interrupt::requested() {
            return Err(Error::Stopped);
        }
    }
    tally.measured().ok_or_else(|| Error::Argument("there are no test pictures".into()))
}

impl Question {
    /// A row for the error, and one for the confidence on mistakes where the paper has one.
    fn add_rows(&self, answers: &[Measured], seeds: &[u64], rows: &mut Vec<Row>) {
        let count = answers.len().max(1) as f64;
        let n = answers.first().map_or(0, |answer| answer.n);
        let measured = answers.iter().map(Measured::error).sum::<f64>() / count;
        // All seeds were asked about the same pictures: more seeds make no larger sample of them.
        let (low, high) = wilson_interval((measured * n as f64).round() as usize, n);
        let row = |end: &str| format!("{}_{end}", self.name);
        let seeds = seeds.to_vec();
        let (published, title) = (self.published, self.title);
        rows.push(Row { row: row("error"), published, measured, low, high, n, seeds: seeds.clone(), title });
        let confidences: Vec<f64> =
            answers.iter().filter_map(|answer| answer.confidence_on_mistakes).map(f64::from).collect();
        if let Some(published) = self.published_confidence.filter(|_| !confidences.is_empty()) {
            rows.push(Row {
                row: row("confidence"),
                published: Some(published),
                measured: confidences.iter().sum::<f64>() / confidences.len() as f64,
                low: confidences.iter().copied().fold(f64::INFINITY, f64::min),
                high: confidences.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                n,
                seeds,
                title: self.title,
            });
        }
    }
}
