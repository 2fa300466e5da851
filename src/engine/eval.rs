//! A net on a whole set of pictures, clean and attacked.

use crate::engine::attack::{Loss, Norm, PIXELS, fgsm, input_gradient};
use crate::engine::data::Dataset;
use crate::engine::loss::softmax;
use crate::engine::model::{Model, argmax};
use crate::engine::{Error, Result};

/// Right answers on the first `n` pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    pub n: usize,
    /// Right answers on the untouched pictures.
    pub clean_correct: usize,
    /// Pictures whose gradient is zero everywhere: the attack could not touch them.
    pub without_gradient: usize,
    /// Pictures of which the net is so sure that rounding hides most of the cross-entropy's gradient.
    pub saturated: usize,
    /// One for each ε, in the order asked for.
    pub attacked: Vec<AttackedResult>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AttackedResult {
    pub eps: f32,
    pub correct: usize,
    /// The mean, over the wrong answers only, of the probability that the net gives its own answer.
    pub mean_confidence_on_mistakes: Option<f32>,
}

/// What to evaluate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// ε of FGSM against the true label.
    pub eps: Vec<f32>,
    /// Clip to [0, 1].
    pub clip: bool,
    /// Whose slope the attack follows.
    pub loss: Loss,
    /// At most this many pictures, the first ones.
    pub limit: Option<usize>,
}

/// Pictures per batch: enough to keep the cores busy, few enough for little memory (a colour picture of 224×224 takes
/// far more inside a net than a digit).
fn batch_size(model: &Model) -> usize {
    let input = model.input();
    (4_000_000 / (input.channels * input.height * input.width * 16)).clamp(1, 250)
}

/// Runs a plan; `progress(done, n)` is called after each batch and stops the evaluation by returning false.
///
/// # Errors
/// [`Error::Stopped`], a picture that cannot be read, or an impossible ε.
pub fn evaluate(
    model: &Model,
    data: &Dataset,
    plan: &Plan,
    mut progress: impl FnMut(usize, usize) -> bool,
) -> Result<Evaluation> {
    let n = plan.limit.unwrap_or(usize::MAX).min(data.len());
    let mut clean_correct = 0;
    let mut sums = vec![(0usize, 0usize, 0.0f64); plan.eps.len()];
    let (mut without_gradient, mut saturated) = (0, 0);
    let indices: Vec<usize> = (0..n).collect();
    for batch in indices.chunks(batch_size(model)) {
        let (x, labels) = data.batch(batch, model.input())?;
        let gradient = input_gradient(model, &x, &labels, plan.loss)?;
        let clean = answers(&gradient.logits.to_vec2()?, &labels);
        clean_correct += clean.iter().filter(|answer| answer.right).count();
        without_gradient += gradient.zero_fractions()?.iter().filter(|&&share| share == 1.0).count();
        saturated += gradient.saturated.iter().filter(|&&saturated| saturated).count();
        for (&eps, sum) in plan.eps.iter().zip(&mut sums) {
            let bounds = plan.clip.then_some(PIXELS);
            let adversarial = fgsm(&x, &gradient.gradient, (Norm::Linf, &[eps]), 1.0, bounds)?;
            for answer in answers(&model.logits(&adversarial)?.to_vec2()?, &labels) {
                if answer.right {
                    sum.0 += 1;
                } else {
                    sum.1 += 1;
                    sum.2 += f64::from(answer.confidence);
                }
            }
        }
        if !progress(batch[batch.len() - 1] + 1, n) {
            return Err(Error::Stopped);
        }
    }
    let attacked = plan.eps.iter().zip(sums).map(|(&eps, (correct, wrong, confidence))| AttackedResult {
        eps,
        correct,
        mean_confidence_on_mistakes: (wrong > 0).then(|| (confidence / wrong as f64) as f32),
    });
    Ok(Evaluation { n, clean_correct, without_gradient, saturated, attacked: attacked.collect() })
}

struct Answer {
    right: bool,
    confidence: f32,
}

fn answers(logits: &[Vec<f32>], labels: &[usize]) -> Vec<Answer> {
    let answer = |(logits, &label): (&Vec<f32>, &usize)| {
        let says = argmax(logits);
        Answer { right: says == label, confidence: softmax(logits)[says] }
    };
    logits.iter().zip(labels).map(answer).collect()
}
