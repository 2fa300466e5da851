//! A net is validated on the pictures held out: clean, under FGSM, and some of them under projected gradient descent.

use std::ops::Range;

use rand_chacha::ChaCha8Rng;

use super::history::Measured;
use super::learner::Learner;
use super::objective::{Adversary, Objective};
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
    pub(super) batches: Vec<Range<usize>>,
    /// From this batch on projected gradient descent is measured; before it, clean pictures and FGSM.
    pgd_from: usize,
    /// So many batches are measured.
    pub(super) done: usize,
    clean: Tally,
    adversarial: Tally,
    pgd: Tally,
}

impl Validation {
    /// Plans to measure these pictures of a data set, the first `pgd` of them under projected gradient descent as well.
    pub fn new(pictures: Range<usize>, pgd: usize) -> Self {
        let batches = |end: usize, size: usize| {
            let batch = move |from| from..end.min(from + size);
            (pictures.start..end).step_by(size).map(batch)
        };
        let mut all: Vec<Range<usize>> = batches(pictures.end, BATCH).collect();
        let pgd_from = all.len();
        all.extend(batches(pictures.end.min(pictures.start.saturating_add(pgd)), PGD_BATCH));
        Self { batches: all, pgd_from, ..Self::default() }
    }

    /// Returns the pictures of the next batch; `None` when all are measured.
    pub fn next(&self) -> Option<Range<usize>> {
        self.batches.get(self.done).cloned()
    }

    /// Measures the next batch with the attack of `objective`.
    pub fn measure(
        &mut self,
        learner: &mut Learner,
        pixels: &[f32],
        labels: &[usize],
        objective: Objective,
        noise: &mut ChaCha8Rng,
    ) -> Result<()> {
        let is_pgd = self.done >= self.pgd_from;
        self.done += 1;
        if is_pgd {
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
    /// The numbers of pictures of each class, and of those that were taken for it.
    classes: Vec<ClassTally>,
}

#[derive(Clone, Copy, Default)]
struct ClassTally {
    labels: usize,
    answers: usize,
}

impl Tally {
    /// Counts some answers. Fails for a label that is not a class.
    pub fn add(&mut self, logits: &[f32], labels: &[usize]) -> Result<()> {
        self.loss += Loss::CrossEntropy.values(logits, labels)?.into_iter().map(f64::from).sum::<f64>();
        self.n += labels.len();
        let classes = logits.len() / labels.len().max(1);
        self.classes.resize(classes.max(self.classes.len()), ClassTally::default());
        for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
            let says = argmax(logits);
            self.classes[label].labels += 1;
            self.classes[says].answers += 1;
            if says != label {
                self.wrong += 1;
                self.confidence += f64::from(softmax(logits)[says]);
            }
        }
        Ok(())
    }

    /// Returns what was counted; `None` when nothing was.
    pub fn measured(&self) -> Option<Measured> {
        let Self { n, wrong, loss, confidence, ref classes } = *self;
        let confidence_on_mistakes = (wrong > 0).then(|| (confidence / wrong as f64) as f32);
        let commonest = classes.iter().map(|class| class.labels).max().unwrap_or(0);
        let only_answer = classes.iter().position(|class| class.answers == n);
        let loss = (loss / n.max(1) as f64) as f32;
        (n > 0).then_some(Measured { n, wrong, loss, confidence_on_mistakes, commonest, only_answer })
    }
}
