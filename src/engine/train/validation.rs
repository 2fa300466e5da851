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
#[derive(Default)]
pub struct Validation {
    pub(super) batches: Vec<ValidationBatch>,
    /// The number of batches that were taken.
    pub(super) done: usize,
    clean: Tally,
    adversarial: Tally,
    pgd: Tally,
}

/// A batch is measured clean and under FGSM, or under projected gradient descent.
#[derive(Clone)]
pub struct ValidationBatch {
    pub pictures: Range<usize>,
    is_pgd: bool,
}

impl Validation {
    /// Plans to measure these pictures of a data set, the first `pgd` of them under projected gradient descent as well.
    pub fn new(pictures: Range<usize>, pgd: usize) -> Self {
        let batches = |end: usize, size: usize, is_pgd: bool| {
            let batch = move |from| ValidationBatch { pictures: from..end.min(from + size), is_pgd };
            (pictures.start..end).step_by(size).map(batch)
        };
        let pgd = batches(pictures.end.min(pictures.start + pgd), PGD_BATCH, true);
        Self { batches: batches(pictures.end, BATCH, false).chain(pgd).collect(), ..Self::default() }
    }

    /// Returns the next batch; `None` when all are done.
    pub fn next(&mut self) -> Option<ValidationBatch> {
        let batch = self.batches.get(self.done).cloned()?;
        self.done += 1;
        Some(batch)
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
    /// Counts some answers. Fails for a label that is not a class.
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
