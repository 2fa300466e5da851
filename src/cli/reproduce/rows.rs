//! Each row of the table is a net under an attack, beside the number that the paper prints.

use std::path::Path;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::Sets;
use super::recipe::{EPS, Recipe, Stage};
use crate::cli::interrupt;
use crate::cli::progress::ProgressLine;
use crate::engine::attack::PIXELS;
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::device::Backend;
use crate::engine::statistics::wilson_interval;
use crate::engine::train::{Adversary, Algorithm, Learner, Measured, Objective, RunFolder, RunNets, Tally};
use crate::engine::{Error, Result};

/// This is one line of the table, with shares from 0 to 1.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub row: String,
    /// The number that the paper prints; `None` where it has none.
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

/// A question asks for a net's answers to pictures that were made on the same net or on another.
struct Question {
    name: String,
    title: String,
    net: Stage,
    source: Stage,
    adversary: Adversary,
    /// Tells whether pixels are clipped to [0, 1], which the paper's formula does not do.
    is_clipped: bool,
    published: Option<f64>,
    published_confidence: Option<f64>,
}

/// Projected gradient descent takes this many steps on this many test pictures.
const PGD_STEPS: usize = 40;
const PGD_PICTURES: usize = 1000;

struct Net {
    stage: Stage,
    name: &'static str,
    title: &'static str,
    clean: Option<f64>,
    /// The error under FGSM, and the mean confidence on these mistakes.
    fgsm: f64,
    confidence: Option<f64>,
}

const fn net(
    stage: Stage,
    name: &'static str,
    title: &'static str,
    clean: Option<f64>,
    fgsm: f64,
    confidence: Option<f64>,
) -> Net {
    Net { stage, name, title, clean, fgsm, confidence }
}

const NETS: [Net; 6] = [
    net(Stage::Softmax, "softmax", "softmax regression", None, 0.999, Some(0.793)),
    net(Stage::Logistic, "logistic", "logistic regression 3 against 7", Some(0.016), 0.99, None),
    net(Stage::Maxout, "maxout", "maxout", Some(0.0094), 0.894, Some(0.976)),
    net(
        Stage::AdversarialMaxout,
        "adversarial_maxout",
        "adversarially trained maxout",
        Some(0.0084),
        0.179,
        Some(0.814),
    ),
    net(Stage::SignNoise, "sign_noise", "maxout trained on x ± ε", None, 0.862, Some(0.973)),
    net(Stage::UniformNoise, "uniform_noise", "maxout trained on x + U(−ε, ε)", None, 0.904, Some(0.978)),
];

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for Net { stage, name, title, clean, fgsm, confidence } in NETS {
        let ask = |end: &str, attack: &str, adversary: Adversary| {
            Question::new(format!("{name}_{end}"), format!("{title}, {attack}"), stage, adversary)
        };
        let (published, published_confidence) = (Some(fgsm), confidence);
        questions.push(Question { published: clean, ..ask("clean", "clean", Adversary::None) });
        questions.push(Question { published, published_confidence, ..ask("fgsm", "FGSM", Adversary::Fgsm) });
        if matches!(stage, Stage::Maxout | Stage::AdversarialMaxout) {
            let clipped = ask("fgsm_clipped", "FGSM clipped to [0, 1]", Adversary::Fgsm);
            questions.push(Question { is_clipped: true, ..clipped });
        }
        questions.push(ask("pgd", "PGD-40", Adversary::Pgd { steps: PGD_STEPS }));
        if stage == Stage::AdversarialMaxout {
            questions.extend(transfers());
        }
    }
    questions
}

/// Returns the questions about pictures that were made on another net.
fn transfers() -> [Question; 2] {
    let (clean, adversarial) = (Stage::Maxout, Stage::AdversarialMaxout);
    let ask = |name: &str, title: &str, net: Stage| Question::new(name.into(), title.into(), net, Adversary::Fgsm);
    let to_adversarial = "FGSM, clean → adversarially trained maxout";
    let to_clean = "FGSM, adversarially trained → clean maxout";
    [
        Question {
            source: clean,
            published: Some(0.196),
            ..ask("transfer_to_adversarial", to_adversarial, adversarial)
        },
        Question { source: adversarial, published: Some(0.409), ..ask("transfer_to_clean", to_clean, clean) },
    ]
}

/// Answers all questions on the test pictures, with the nets that lie in `out`.
pub fn measure(recipe: &Recipe, out: &Path, sets: &mut Sets, progress: bool) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut line, questions) = (ProgressLine::new(progress), questions());
    for (number, question) in questions.iter().enumerate() {
        let seeds = recipe.seeds_of(question.net);
        let data = sets.open(Split::Test, question.net.digits())?;
        let mut answers = Vec::new();
        for &seed in &seeds {
            line.draw(&question.title, number, questions.len());
            let mut net = learner(&out.join(question.net.folder(seed)))?;
            let mut source = learner(&out.join(question.source.folder(seed)))?;
            answers.push(answer(&mut net, &mut source, &data, question)?);
        }
        question.add_rows(&answers, &seeds, &mut rows);
    }
    line.clear();
    Ok(rows)
}

fn learner(folder: &Path) -> Result<Learner> {
    let RunNets { manifest, best, .. } = RunFolder::nets(folder)?;
    Learner::new(&Backend::from_environment()?, &manifest, &best, Algorithm::Sgd)
}

fn answer(net: &mut Learner, source: &mut Learner, data: &Dataset, question: &Question) -> Result<Measured> {
    let &Question { adversary, is_clipped, .. } = question;
    let (input, _) = DataSource::Mnist.shape()?;
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
    /// Makes a question about pictures that are made on the net itself, of which the paper prints nothing.
    fn new(name: String, title: String, net: Stage, adversary: Adversary) -> Self {
        let is_clipped = matches!(adversary, Adversary::Pgd { .. });
        let (published, published_confidence) = (None, None);
        Self { name, title, net, source: net, adversary, is_clipped, published, published_confidence }
    }

    /// Adds a row for the error, and one for the confidence on mistakes where the paper has one.
    fn add_rows(&self, answers: &[Measured], seeds: &[u64], rows: &mut Vec<Row>) {
        let count = answers.len().max(1) as f64;
        let n = answers.first().map_or(0, |answer| answer.n);
        let measured = answers.iter().map(Measured::error).sum::<f64>() / count;
        // All seeds were asked about the same pictures: more seeds make no larger sample of them.
        let (low, high) = wilson_interval((measured * n as f64).round() as usize, n);
        let row = |end: &str| format!("{}_{end}", self.name);
        let seeds = seeds.to_vec();
        let (published, title) = (self.published, self.title.clone());
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
                title: self.title.clone(),
            });
        }
    }
}
