//! A net on a whole set of pictures, clean and attacked.

use std::sync::Arc;

use crate::engine::attack::{Attack, AttackSettings, Curve, Loss, Point, Problem, Rules, finish};
use crate::engine::data::Dataset;
use crate::engine::loss::softmax;
use crate::engine::model::{Model, argmax};
use crate::engine::{Error, Result};

/// Right answers on the first `n` pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub n: usize,
    pub classes: usize,
    /// Right answers on the untouched pictures.
    pub clean_correct: usize,
    /// Pictures whose gradient is zero everywhere: the attack could not touch them.
    pub without_gradient: usize,
    /// Pictures of which the net is so sure that rounding hides most of the cross-entropy's gradient.
    pub saturated: usize,
    /// One for each ε, in the order asked for. An attack that takes no ε counts where its perturbation is no longer than
    /// that; a last one, of infinite ε, counts however long it is.
    pub attacked: Vec<AttackedResult>,
    /// Of attacks that take no ε: how long the perturbation of each picture is that the net had right, in the attack's own
    /// measure; infinite where it does not reach its goal.
    pub lengths: Option<Vec<f32>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AttackedResult {
    pub eps: f32,
    pub correct: usize,
    /// Pictures for which the net gives the class that they were to be moved to; without targets, any wrong one.
    pub reached: usize,
    /// The mean, over the wrong answers only, of the probability that the net gives its own answer.
    pub mean_confidence_on_mistakes: Option<f32>,
}

/// Where pictures are to be moved to, other than away from their labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This class; its own pictures are left out.
    Class(usize),
    /// The class after the label's, after the last one the first.
    Next,
}

/// What to evaluate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Against the true label.
    pub attack: AttackSettings,
    /// For each ε, in the norm of the attack.
    pub eps: Vec<f32>,
    pub rules: Rules,
    pub target: Option<Target>,
    /// At most this many pictures, the first ones.
    pub limit: Option<usize>,
}

impl Plan {
    /// An attack for some ε, away from the label, on all pictures.
    pub fn new(attack: AttackSettings, eps: &[f32]) -> Self {
        Self { attack, eps: eps.to_vec(), rules: Rules::default(), target: None, limit: None }
    }
}

impl Evaluation {
    /// The middle of the lengths; infinite where more than half of the pictures do not reach the goal.
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

    /// For the honesty checks. `loss` is the one that the attack followed.
    pub fn curve<'a>(&self, attack: &'a AttackSettings, loss: Loss) -> Curve<'a> {
        let point = |result: &AttackedResult| Point { eps: result.eps, correct: result.correct };
        Curve {
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

/// Pictures per batch: enough to keep the cores busy, few enough for little memory (a colour picture of 224×224 takes
/// far more inside a net than a digit).
fn batch_size(model: &Model) -> usize {
    let input = model.input();
    (4_000_000 / (input.channels * input.height * input.width * 16)).clamp(1, 250)
}

/// Runs a plan; `progress(done, n)` is called often and stops the evaluation by returning false.
///
/// # Errors
/// [`Error::Stopped`], a picture that cannot be read, or an impossible ε.
pub fn evaluate(
    model: &Arc<Model>,
    data: &Dataset,
    plan: &Plan,
    mut progress: impl FnMut(usize, usize) -> bool,
) -> Result<Evaluation> {
    let is_wanted = |i: &usize| !matches!(plan.target, Some(Target::Class(class)) if data.label(*i) == class);
    let indices: Vec<usize> = (0..data.len()).filter(is_wanted).take(plan.limit.unwrap_or(usize::MAX)).collect();
    let (n, size) = (indices.len(), batch_size(model));
    let mut tally = Tally::new(&plan.attack, &plan.eps);
    for (number, batch) in indices.chunks(size).enumerate() {
        let first = number * size;
        let (x, labels) = data.batch_values(batch, model.input())?;
        let problem = Problem::new(model.clone(), x, labels, plan.rules)?.numbered_from(first);
        let problem = match plan.target {
            Some(target) => problem.towards(targets(&problem, target))?,
            None => problem,
        };
        // Of a batch, the share of the attacks on it that is done.
        let mut report = |share: f64| progress(first + (batch.len() as f64 * share) as usize, n);
        tally.add(&plan.attack, &plan.eps, &problem, &mut report)?;
        if !report(1.0) {
            return Err(Error::Stopped);
        }
    }
    Ok(tally.finish(n, model.classes.len(), &plan.eps))
}

fn targets(problem: &Problem, target: Target) -> Vec<usize> {
    let of = |&label: &usize| match target {
        Target::Class(class) => class,
        Target::Next => (label + 1) % problem.classes(),
    };
    problem.labels.iter().map(of).collect()
}

#[derive(Default)]
struct Tally {
    clean_correct: usize,
    without_gradient: usize,
    saturated: usize,
    /// For each ε, and for any.
    counts: Vec<Count>,
    lengths: Option<Vec<f32>>,
}

#[derive(Clone, Default)]
struct Count {
    correct: usize,
    reached: usize,
    wrong: usize,
    confidence: f64,
}

impl Count {
    fn add(&mut self, problem: &Problem, i: usize, logits: &[f32]) {
        let says = argmax(logits);
        self.reached += usize::from(problem.fooled(i, logits));
        if says == problem.labels[i] {
            self.correct += 1;
        } else {
            self.wrong += 1;
            self.confidence += f64::from(softmax(logits)[says]);
        }
    }
}

impl Tally {
    fn new(attack: &AttackSettings, eps: &[f32]) -> Self {
        let (counts, lengths) = if attack.takes_eps() { (eps.len(), None) } else { (eps.len() + 1, Some(Vec::new())) };
        Self { counts: vec![Count::default(); counts], lengths, ..Self::default() }
    }

    /// Attacks a batch.
    fn add(
        &mut self,
        attack: &AttackSettings,
        eps: &[f32],
        problem: &Problem,
        progress: &mut impl FnMut(f64) -> bool,
    ) -> Result<()> {
        let clean = problem.clean()?;
        let answers = clean.logits.chunks(problem.classes()).zip(&problem.labels);
        self.clean_correct += answers.filter(|(logits, label)| argmax(logits) == **label).count();
        let is_zero = |gradient: &[f32]| gradient.iter().all(|&g| g == 0.0);
        self.without_gradient += clean.gradient.chunks(problem.size()).filter(|g| is_zero(g)).count();
        self.saturated += clean.saturated.iter().filter(|&&saturated| saturated).count();
        if !attack.takes_eps() {
            let adversarial = finish(attack, problem, |step, of| progress(step as f64 / of as f64))?;
            return self.add_lengths(attack, eps, problem, &adversarial);
        }
        for (number, &value) in eps.iter().enumerate() {
            let share = |step: f64| (number as f64 + step) / eps.len() as f64;
            let problem = problem.with_eps(&[value])?;
            let adversarial = finish(attack, &problem, |step, of| progress(share(step as f64 / of as f64)))?;
            let logits = problem.logits(&adversarial)?;
            for (i, logits) in logits.chunks(problem.classes()).enumerate() {
                self.counts[number].add(&problem, i, logits);
            }
        }
        Ok(())
    }

    /// Counts what an attack without an ε came to.
    fn add_lengths(
        &mut self,
        attack: &AttackSettings,
        eps: &[f32],
        problem: &Problem,
        adversarial: &[f32],
    ) -> Result<()> {
        let (logits, clean) = (problem.logits(adversarial)?, &problem.clean()?.logits);
        let (size, classes) = (problem.size(), problem.classes());
        for (i, at) in adversarial.chunks(size).enumerate() {
            let moved: Vec<f32> = at.iter().zip(&problem.x[i * size..]).map(|(at, x)| at - x).collect();
            let length = attack.length(&moved);
            let (before, after) = (&clean[i * classes..(i + 1) * classes], &logits[i * classes..(i + 1) * classes]);
            if argmax(before) == problem.labels[i] {
                let reached = problem.fooled(i, after);
                self.lengths.iter_mut().for_each(|all| all.push(if reached { length } else { f32::INFINITY }));
            }
            for (count, eps) in self.counts.iter_mut().zip(eps.iter().chain(&[f32::INFINITY])) {
                count.add(problem, i, if length <= *eps { after } else { before });
            }
        }
        Ok(())
    }

    fn finish(self, n: usize, classes: usize, eps: &[f32]) -> Evaluation {
        let Self { clean_correct, without_gradient, saturated, counts, lengths } = self;
        let result = |(&eps, count): (&f32, Count)| AttackedResult {
            eps,
            correct: count.correct,
            reached: count.reached,
            mean_confidence_on_mistakes: (count.wrong > 0).then(|| (count.confidence / count.wrong as f64) as f32),
        };
        let attacked = eps.iter().chain(&[f32::INFINITY]).zip(counts).map(result).collect();
        Evaluation { n, classes, clean_correct, without_gradient, saturated, attacked, lengths }
    }
}
