//! This runs a net on a whole set of pictures, clean and attacked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attack::{
    AccuracyPoint, AttackSettings, Loss, MemberUnderWay, Problem, Reached, Rules, SecurityCurve, finish,
};
use crate::data::Dataset;
use crate::loss::softmax;
use crate::model::{Model, argmax};
use crate::{Error, Result};

/// This is what a net answered to the first `n` pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    pub n: usize,
    pub classes: usize,
    pub clean_correct: usize,
    /// The number of untouched pictures whose right class is among the five most probable ones.
    pub clean_top5_correct: usize,
    /// The answers to the untouched pictures, in their order.
    pub clean_answers: Vec<Prediction>,
    /// The number of pictures whose gradient is zero everywhere: the attack could not touch them.
    pub without_gradient: usize,
    /// The number of pictures of which the net is so sure that rounding hides most of the gradient.
    pub saturated: usize,
    /// There is a result for each ε, in the order asked for. Of an attack that takes no ε, perturbations of up to this
    /// length count, and a last result, of infinite ε, counts all.
    pub attacked: Vec<AttackedResult>,
    /// The lengths of the perturbations, in the attack's own measure, of the pictures that the net had right, under
    /// attacks that take no ε; infinite where one does not reach its goal.
    #[serde(with = "or_infinite::lengths")]
    pub lengths: Option<Vec<f32>>,
}

/// This is what a net answered to the attacked pictures, at one ε.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttackedResult {
    #[serde(with = "or_infinite")]
    pub eps: f32,
    pub correct: usize,
    /// The number of pictures that the net takes for their targets; without targets, for any wrong class.
    pub reached: usize,
    /// The mean, over the wrong answers only, of the probability that the net gives its own answer.
    pub mean_confidence_on_mistakes: Option<f32>,
    pub answers: Vec<Prediction>,
}

/// This is what a net says of a picture with a label; in files a list of its three values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "(usize, usize, f32)", into = "(usize, usize, f32)")]
pub struct Prediction {
    pub label: usize,
    pub says: usize,
    pub confidence: f32,
}

impl Prediction {
    pub fn new(label: usize, logits: &[f32]) -> Self {
        let says = argmax(logits);
        Self { label, says, confidence: softmax(logits)[says] }
    }

    pub fn is_right(&self) -> bool {
        self.says == self.label
    }
}

impl From<(usize, usize, f32)> for Prediction {
    fn from((label, says, confidence): (usize, usize, f32)) -> Self {
        Self { label, says, confidence }
    }
}

impl From<Prediction> for (usize, usize, f32) {
    fn from(Prediction { label, says, confidence }: Prediction) -> Self {
        (label, says, confidence)
    }
}

/// Serde writes an infinite number as null, since JSON has none.
mod or_infinite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    fn written(number: f32) -> Option<f32> {
        number.is_finite().then_some(number)
    }

    fn read(number: Option<f32>) -> f32 {
        number.unwrap_or(f32::INFINITY)
    }

    pub fn serialize<S: Serializer>(number: &f32, to: S) -> Result<S::Ok, S::Error> {
        written(*number).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
        Option::deserialize(from).map(read)
    }

    /// The same for lengths, where there are some.
    pub mod lengths {
        use super::{Deserialize, Deserializer, Serialize, Serializer, read, written};

        pub fn serialize<S: Serializer>(lengths: &Option<Vec<f32>>, to: S) -> Result<S::Ok, S::Error> {
            let lengths = lengths.as_ref();
            lengths.map(|all| all.iter().copied().map(written).collect::<Vec<_>>()).serialize(to)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<f32>>, D::Error> {
            let lengths: Option<Vec<Option<f32>>> = Option::deserialize(from)?;
            Ok(lengths.map(|all| all.into_iter().map(read).collect()))
        }
    }
}

/// Tells whether a class is among the most probable ones; of equal ones the first count.
fn is_among(most: usize, logits: &[f32], class: usize) -> bool {
    let before = |(other, logit): (usize, &f32)| *logit > logits[class] || (*logit == logits[class] && other < class);
    logits.iter().enumerate().filter(|&other| before(other)).count() < most
}

/// Counts how often pictures of each class got each answer: a row for each label, `classes` long.
pub fn confusion(answers: &[Prediction], classes: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; classes]; classes];
    for answer in answers {
        counts[answer.label][answer.says] += 1;
    }
    counts
}

/// A targeted attack moves pictures to one of these classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This class; its own pictures are left out.
    Class(usize),
    /// The class after the label's; the first one after the last.
    Next,
}

#[derive(Clone, Debug)]
pub struct EvalPlan {
    /// The attack, against the true labels.
    pub attack: AttackSettings,
    pub eps: Vec<f32>,
    pub rules: Rules,
    pub target: Option<Target>,
    /// The largest number of pictures that are taken, the first ones.
    pub limit: Option<usize>,
}

impl EvalPlan {
    /// Plans an attack for some ε, away from the label, on all pictures.
    pub fn new(attack: AttackSettings, eps: &[f32]) -> Self {
        Self { attack, eps: eps.to_vec(), rules: Rules::default(), target: None, limit: None }
    }
}

impl AttackedResult {
    fn add(&mut self, problem: &Problem, i: usize, logits: &[f32]) {
        let answer = Prediction::new(problem.labels[i], logits);
        self.correct += usize::from(answer.is_right());
        self.reached += usize::from(problem.fooled(i, logits));
        self.answers.push(answer);
    }

    fn finish(&mut self) {
        let wrong = self.answers.iter().filter(|answer| !answer.is_right());
        let sum: f64 = wrong.map(|answer| f64::from(answer.confidence)).sum();
        let count = self.answers.len() - self.correct;
        self.mean_confidence_on_mistakes = (count > 0).then(|| (sum / count as f64) as f32);
    }
}

impl Evaluation {
    fn new(plan: &EvalPlan, n: usize, classes: usize) -> Self {
        let any = (!plan.attack.takes_eps()).then_some(f32::INFINITY);
        let eps = plan.eps.iter().copied().chain(any);
        let attacked = eps.map(|eps| AttackedResult { eps, ..AttackedResult::default() }).collect();
        Self { n, classes, attacked, lengths: any.map(|_| Vec::new()), ..Self::default() }
    }

    fn add(
        &mut self,
        attack: &AttackSettings,
        problem: &Problem,
        mut progress: impl FnMut(f64, Option<MemberUnderWay>) -> bool,
    ) -> Result<()> {
        let clean = problem.clean()?;
        let answers = clean.logits.chunks(problem.classes()).zip(&problem.labels);
        self.clean_top5_correct += answers.clone().filter(|(logits, label)| is_among(5, logits, **label)).count();
        self.clean_answers.extend(answers.map(|(logits, label)| Prediction::new(*label, logits)));
        let is_zero = |gradient: &[f32]| gradient.iter().all(|&g| g == 0.0);
        self.without_gradient += clean.gradient.chunks(problem.size()).filter(|g| is_zero(g)).count();
        self.saturated += clean.saturated.iter().filter(|&&saturated| saturated).count();
        if !attack.takes_eps() {
            let share = |reached: Reached| reached.step as f64 / reached.of as f64;
            let adversarial = finish(&**attack, problem, |reached| progress(share(reached), reached.member))?;
            return self.add_lengths(attack, problem, &adversarial);
        }
        let count = self.attacked.len() as f64;
        for (number, result) in self.attacked.iter_mut().enumerate() {
            let problem = problem.with_eps(&[result.eps])?;
            let share = |reached: Reached| (number as f64 + reached.step as f64 / reached.of as f64) / count;
            let adversarial = finish(&**attack, &problem, |reached| progress(share(reached), reached.member))?;
            let logits = problem.logits(&adversarial)?;
            for (i, logits) in logits.chunks(problem.classes()).enumerate() {
                result.add(&problem, i, logits);
            }
        }
        Ok(())
    }

    fn add_lengths(&mut self, attack: &AttackSettings, problem: &Problem, adversarial: &[f32]) -> Result<()> {
        let (logits, clean) = (problem.logits(adversarial)?, &problem.clean()?.logits);
        let (size, classes) = (problem.size(), problem.classes());
        for (i, at) in adversarial.chunks(size).enumerate() {
            let moved: Vec<f32> = at.iter().zip(&problem.x[i * size..]).map(|(at, x)| at - x).collect();
            let length = attack.measure().length(&moved);
            let (before, after) = (&clean[i * classes..(i + 1) * classes], &logits[i * classes..(i + 1) * classes]);
            if argmax(before) == problem.labels[i] {
                let reached = problem.fooled(i, after);
                self.lengths.iter_mut().for_each(|all| all.push(if reached { length } else { f32::INFINITY }));
            }
            for result in &mut self.attacked {
                result.add(problem, i, if length <= result.eps { after } else { before });
            }
        }
        Ok(())
    }

    /// Refuses what cannot have come of an evaluation of a net with so many classes; the sentence says why.
    pub fn check(&self, classes: usize) -> Result<(), String> {
        let Self { n, clean_correct, clean_top5_correct, without_gradient, saturated, .. } = self;
        let counts = [clean_correct, clean_top5_correct, without_gradient, saturated];
        if self.classes != classes || counts.into_iter().any(|count| count > n) || self.attacked.is_empty() {
            return Err("its counts do not fit together".into());
        }
        let all = std::iter::once(&self.clean_answers).chain(self.attacked.iter().map(|result| &result.answers));
        for answers in all {
            let is_known = |answer: &Prediction| answer.label < classes && answer.says < classes;
            if answers.len() != *n || !answers.iter().all(is_known) {
                return Err(format!("its answers are not those to {n} pictures of {classes} classes"));
            }
        }
        let is_possible = |result: &AttackedResult| result.correct <= *n && result.eps >= 0.0;
        if self.attacked.iter().all(is_possible) { Ok(()) } else { Err("its curve is impossible".into()) }
    }

    /// Returns the median of the lengths; infinite where more than half of the pictures do not reach the goal.
    pub fn median_length(&self) -> Option<f32> {
        let mut lengths = self.lengths.clone()?;
        lengths.sort_by(f32::total_cmp);
        let middle = lengths.len() / 2;
        match lengths.len() {
            0 => None,
            n if n % 2 == 1 => Some(lengths[middle]),
            _ => Some((lengths[middle - 1] + lengths[middle]) / 2.0),
        }
    }

    /// Returns what the honesty checks look at, where the attack followed this loss.
    pub fn curve<'a>(&self, attack: &'a AttackSettings, loss: Loss) -> SecurityCurve<'a> {
        let point = |result: &AttackedResult| AccuracyPoint { eps: result.eps, correct: result.correct };
        SecurityCurve {
            attack,
            n: self.n,
            classes: self.classes,
            clean_correct: self.clean_correct,
            without_gradient: if attack.follows_loss() { self.without_gradient } else { 0 },
            saturated: if loss == Loss::CrossEntropy && attack.follows_loss() { self.saturated } else { 0 },
            points: self.attacked.iter().map(point).collect(),
        }
    }
}

/// Counts how often each net (column) is right on pictures that an attack made on each (row). All nets take pictures of
/// the same size and have the same classes.
pub fn transfer(
    models: &[Arc<Model>],
    data: &Dataset,
    plan: &EvalPlan,
    mut progress: impl FnMut(usize, usize) -> bool,
) -> Result<Vec<Vec<usize>>> {
    let shape = |model: &Model| (model.input().shape(), model.classes.len());
    if let Some(other) = models.iter().find(|model| shape(model) != shape(&models[0])) {
        let (name, first) = (&other.manifest.name, &models[0].manifest.name);
        return Err(Error::Argument(format!(
            "{name} takes other pictures or has other classes than {first}; expected nets for the same pictures"
        )));
    }
    let n = data.len().min(plan.limit.unwrap_or(usize::MAX));
    let indices: Vec<usize> = (0..n).collect();
    let eps = plan.eps.first().copied().unwrap_or_default();
    let mut right = vec![vec![0; models.len()]; models.len()];
    for (row, source) in models.iter().enumerate() {
        let size = batch_size(source);
        for (number, batch) in indices.chunks(size).enumerate() {
            let (x, labels) = data.batch_values(batch, source.input())?;
            let problem = Problem::new(source.clone(), x, labels, plan.rules)?.numbered_from(number * size);
            let problem = problem.with_eps(&[eps])?;
            let done = row * n + number * size;
            let adversarial = finish(&*plan.attack, &problem, |_| progress(done, n * models.len()))?;
            for (column, model) in models.iter().enumerate() {
                let logits = problem.asking(model.clone()).logits(&adversarial)?;
                let answers = logits.chunks(problem.classes()).zip(&problem.labels);
                right[row][column] += answers.filter(|(logits, label)| argmax(logits) == **label).count();
            }
        }
    }
    Ok(right)
}

/// Returns the size of a batch: enough to keep the cores busy, few enough for little memory.
fn batch_size(model: &Model) -> usize {
    let input = model.input();
    (4_000_000 / (input.channels * input.height * input.width * 16)).clamp(1, 250)
}

/// This is how far an evaluation has come.
#[derive(Clone, Copy, Debug)]
pub struct EvalProgress {
    /// The number of pictures that are done.
    pub done: usize,
    pub n: usize,
    /// The attack of an ensemble that is under way.
    pub member: Option<MemberUnderWay>,
}

impl std::fmt::Display for EvalProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} pictures", self.done, self.n)?;
        self.member.map_or(Ok(()), |member| write!(f, ", {member}"))
    }
}

/// Runs a plan; `progress` is called often, and returns false to stop with [`Error::Stopped`].
///
/// # Errors
/// [`Error::Stopped`], a picture that cannot be read, or an impossible ε.
pub fn evaluate(
    model: &Arc<Model>,
    data: &Dataset,
    plan: &EvalPlan,
    mut progress: impl FnMut(EvalProgress) -> bool,
) -> Result<Evaluation> {
    let is_wanted = |i: &usize| !matches!(plan.target, Some(Target::Class(class)) if data.labels()[*i] == class);
    let indices: Vec<usize> = (0..data.len()).filter(is_wanted).take(plan.limit.unwrap_or(usize::MAX)).collect();
    let (n, size) = (indices.len(), batch_size(model));
    let mut evaluation = Evaluation::new(plan, n, model.classes.len());
    for (number, batch) in indices.chunks(size).enumerate() {
        let first = number * size;
        let (x, labels) = data.batch_values(batch, model.input())?;
        let problem = Problem::new(model.clone(), x, labels, plan.rules)?.numbered_from(first);
        let next = || problem.labels.iter().map(|label| (label + 1) % problem.classes()).collect();
        let problem = match plan.target {
            Some(Target::Class(class)) => problem.towards(vec![class; batch.len()])?,
            Some(Target::Next) => problem.towards(next())?,
            None => problem,
        };
        // Of a batch, the share of the attacks on it that is done.
        let mut report = |share: f64, member: Option<MemberUnderWay>| {
            progress(EvalProgress { done: first + (batch.len() as f64 * share) as usize, n, member })
        };
        evaluation.add(&plan.attack, &problem, &mut report)?;
        if !report(1.0, None) {
            return Err(Error::Stopped);
        }
    }
    evaluation.clean_correct = evaluation.clean_answers.iter().filter(|answer| answer.is_right()).count();
    evaluation.attacked.iter_mut().for_each(AttackedResult::finish);
    Ok(evaluation)
}
