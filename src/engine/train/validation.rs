//! A net is validated on the pictures held out: clean, under FGSM, and some of them under projected gradient descent.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;

use super::history::Measured;
use super::learner::{Adversary, Batch, Learner, Objective};
use crate::Result;
use crate::loss::{Loss, softmax};
use crate::model::argmax;

/// The attack that tells whether FGSM's error can be believed takes this many steps.
pub const PGD_STEPS: usize = 10;

/// A batch has so few pictures that none takes a second.
const BATCH: usize = 125;
const PGD_BATCH: usize = 25;

/// This is a validation under way, one batch at a time.
pub struct Validation {
    /// The pictures of the data set that are still to be measured.
    pictures: Range<usize>,
    /// The pictures that are still to be attacked with projected gradient descent.
    pgd_pictures: Range<usize>,
    count: usize,
    clean: Tally,
    adversarial: Tally,
    pgd: Tally,
}

/// A batch is measured clean and under FGSM, or under projected gradient descent.
pub struct ValidationBatch {
    pub pictures: Range<usize>,
    is_pgd: bool,
}

fn batches(pictures: &Range<usize>, pgd_pictures: &Range<usize>) -> usize {
    pictures.len().div_ceil(BATCH) + pgd_pictures.len().div_ceil(PGD_BATCH)
}

impl Validation {
    pub fn new(pictures: Range<usize>, pgd: usize, attacked: bool) -> Self {
        let pgd = if attacked { pgd.min(pictures.len()) } else { 0 };
        let pgd_pictures = pictures.start..pictures.start + pgd;
        let count = batches(&pictures, &pgd_pictures);
        let [clean, adversarial, pgd] = std::array::from_fn(|_| Tally::default());
        Self { pictures, pgd_pictures, count, clean, adversarial, pgd }
    }

    /// Returns the number of batches taken, and of all.
    pub fn batches(&self) -> (usize, usize) {
        (self.count - batches(&self.pictures, &self.pgd_pictures), self.count)
    }

    /// Returns the next batch; `None` when all are done.
    pub fn next(&mut self) -> Option<ValidationBatch> {
        let is_pgd = self.pictures.is_empty();
        let (from, count) = if is_pgd { (&mut self.pgd_pictures, PGD_BATCH) } else { (&mut self.pictures, BATCH) };
        let pictures = from.start..(from.start + count).min(from.end);
        from.start = pictures.end;
        (!pictures.is_empty()).then_some(ValidationBatch { pictures, is_pgd })
    }

    /// Measures a batch with the attack of `objective`.
    pub fn measure(
        &mut self,
        learner: &mut Learner,
        batch: &ValidationBatch,
        Batch { pixels, labels }: Batch<'_>,
        objective: Objective,
        noise: &mut ChaCha8Rng,
    ) -> Result<()> {
        if batch.is_pgd {
            let objective = Objective { adversary: Adversary::Pgd { steps: PGD_STEPS }, ..objective };
            let attacked = learner.perturb(pixels, labels, objective, noise)?;
            return self.pgd.add(&learner.logits(&attacked)?, labels);
        }
        if objective.eps == 0.0 {
            return self.clean.add(&learner.logits(pixels)?, labels);
        }
        let (logits, attacked) = learner.attack(pixels, labels, objective)?;
        self.clean.add(&logits, labels)?;
        self.adversarial.add(&learner.logits(&attacked)?, labels)
    }

    /// Returns what was measured clean, under FGSM, and under projected gradient descent.
    pub fn results(&self) -> [Option<Measured>; 3] {
        [&self.clean, &self.adversarial, &self.pgd].map(Tally::measured)
    }
}

#[derive(Default)]
pub struct Tally {
    n: usize,
    wrong: usize,
    loss: f64,
    confidence: f64,
}

impl Tally {
    /// Counts some answers.
    ///
    /// # Errors
    /// A label that is not a class.
    pub fn add(&mut self, logits: &[f32], labels: &[usize]) -> Result<()> {
        self.loss += Loss::CrossEntropy.values(logits, labels)?.into_iter().map(f64::from).sum::<f64>();
        self.n += labels.len();
        for (logits, &label) in logits.chunks_exact(logits.len() / labels.len().max(1)).zip(labels) {
            let says = argmax(logits);
            if says != label {
                self.wrong += 1;
                self.confidence += f64::from(softmax(logits)[says]);
            }
        }
        Ok(())
    }

    /// Returns what was counted; `None` when nothing was.
    pub fn measured(&self) -> Option<Measured> {
        let Self { n, wrong, loss, confidence } = *self;
        let confidence_on_mistakes = (wrong > 0).then(|| (confidence / wrong as f64) as f32);
        (n > 0).then(|| Measured { n, wrong, loss: (loss / n as f64) as f32, confidence_on_mistakes })
    }
}
