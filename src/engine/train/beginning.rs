//! Some runs never begin to learn: the loss stays that of a guess, and the error is no lower than by chance. This says
//! so, with what to try.

use super::config::Config;
use super::history::{EpochRecord, Measured, Stage};
use super::optimiser::Algorithm;

/// So many epochs in a row without a sign of learning are told; a slow beginning takes one or two.
const PATIENCE: usize = 3;
/// A net that learns has a loss below this share of ln K, the loss of a guess among K classes.
const GUESS: f64 = 0.98;
/// More right answers than chance has by so many standard deviations are no chance.
const DEVIATIONS: f64 = 3.0;
/// The same answer to fewer pictures than this says nothing.
const LEAST_PICTURES: usize = 20;
/// After fewer steps than this a net need not have learnt anything.
const FEW_STEPS: usize = 30;
/// So many pieces of advice are given.
const MOST_ADVICE: usize = 4;

/// A run as far as it shows whether its net learns.
pub struct Beginning<'a> {
    pub config: &'a Config,
    pub history: &'a [EpochRecord],
    /// The number of classes of the net.
    pub classes: usize,
    /// The number of pictures of the training split, those held out among them.
    pub pictures: usize,
}

impl Beginning<'_> {
    /// Returns a sentence about a net that has not learnt anything in its last epochs, three or more, with what to try;
    /// `None` for one that has, or may yet.
    ///
    /// An epoch shows no learning where the held-out pictures are answered no better than by chance, and either the mean
    /// objective is at least 98 % of ln K, the loss of a guess among K classes, or all of them get the same answer.
    /// By chance means at most `n·p + 3·√(n·p·(1 − p))` right answers among n, the upper end of what a binomial
    /// distribution gives, where p is 1/K or the share of the commonest class, whichever is larger. Without held-out
    /// pictures the loss decides alone.
    pub fn problem(&self) -> Option<String> {
        let last = self.history.last()?;
        let stage = self.history.iter().rev().take_while(|record| record.stage == last.stage);
        let idle = stage.clone().take_while(|record| self.shows_no_learning(record)).count();
        if idle < PATIENCE || self.classes < 2 {
            return None;
        }
        let begun = if idle == stage.count() {
            format!("the net has not begun to learn: after {idle} epochs")
        } else {
            format!("the net has lost what it had learnt: after {idle} epochs of this")
        };
        let retraining = if last.stage == Stage::Retraining { "in the retraining " } else { "" };
        let advice = self.advice(last);
        let findings = self.findings(last);
        Some(format!("{retraining}{begun} {findings}. Try, alone or together: {}", advice.join("; ")))
    }

    fn shows_no_learning(&self, record: &EpochRecord) -> bool {
        let has_loss_of_a_guess = f64::from(record.loss) >= GUESS * self.loss_of_a_guess();
        match record.clean {
            Some(measured) => self.is_by_chance(&measured) && (has_loss_of_a_guess || gives_one_answer(&measured)),
            None => has_loss_of_a_guess,
        }
    }

    fn loss_of_a_guess(&self) -> f64 {
        (self.classes as f64).ln()
    }

    fn is_by_chance(&self, &Measured { n, wrong, commonest, .. }: &Measured) -> bool {
        let (n, right) = (n as f64, n.saturating_sub(wrong) as f64);
        let p = (commonest as f64 / n.max(1.0)).max(1.0 / self.classes as f64);
        right <= n * p + DEVIATIONS * (n * p * (1.0 - p)).sqrt()
    }

    /// Says what the last epoch measured.
    fn findings(&self, record: &EpochRecord) -> String {
        let (loss, guess, classes) = (record.loss, self.loss_of_a_guess(), self.classes);
        let which = match f64::from(loss) / guess {
            ..0.95 => "below that of a guess",
            0.95..1.05 => "that of a guess",
            _ => "above that of a guess",
        };
        let loss = format!("the loss is {loss:.3}, {which} (ln {classes} = {guess:.3})");
        let Some(measured) = record.clean else { return loss };
        let error = format!("{:.1}", measured.error() * 100.0);
        let error = error.strip_suffix(".0").unwrap_or(&error);
        let same = if gives_one_answer(&measured) { "; it takes every picture for the same class" } else { "" };
        format!("{loss}, and the error {error} %, no better than by chance{same}")
    }

    /// Returns what to try with these settings, the most promising first.
    fn advice(&self, record: &EpochRecord) -> Vec<String> {
        let Config { optimiser, learning_rate, batch, init, weight_decay, .. } = *self.config;
        let (eps, alpha) = (record.eps, record.alpha);
        let mut advice = Vec::new();
        if self.config.is_adversarial() {
            if alpha < 0.3 {
                advice.push("α of about 0.5, so that clean pictures count as well".to_owned());
            }
            if eps > 0.02 {
                advice.push(format!("a smaller ε at first, such as {}", rounded(eps / 3.0)));
            }
        }
        let trained_on = self.pictures.saturating_sub(self.config.validation);
        let steps = trained_on.div_ceil(batch.max(1)) * record.epoch;
        if self.pictures > 0 && steps < FEW_STEPS {
            advice.push(format!("more epochs or a smaller batch ({steps} steps are few)"));
        }
        // With momentum μ a constant gradient moves the weights by rate/(1 − μ) in the end.
        let (rate, usual) = match optimiser {
            Algorithm::Sgd => (learning_rate / (1.0 - self.config.momentum.end).max(0.01), 0.005..0.3),
            Algorithm::Adam => (learning_rate, 1e-4..0.002),
        };
        let [lower, higher] = [0.1, 10.0].map(|factor| rounded(learning_rate * factor));
        advice.push(match rate {
            rate if rate >= usual.end => format!("a lower learning rate, such as {lower}"),
            rate if rate < usual.start => format!("a higher learning rate, such as {higher}"),
            _ => format!("another learning rate, such as {lower} or {higher}"),
        });
        if batch < 16 {
            advice.push("more pictures per batch, such as 32".into());
        }
        if weight_decay > 0.01 {
            advice.push(format!("less weight decay, such as {}", rounded(weight_decay / 100.0)));
        }
        if init.is_some() {
            advice.push("first weights of a range that fits each layer".into());
        }
        if advice.len() < MOST_ADVICE {
            advice.push("another seed".into());
        }
        advice.truncate(MOST_ADVICE);
        advice
    }
}

/// Tells whether a net takes pictures of several classes for the same one.
fn gives_one_answer(measured: &Measured) -> bool {
    measured.only_answer.is_some() && measured.n >= LEAST_PICTURES && measured.commonest < measured.n
}

/// Returns a number with one digit that is not zero.
fn rounded(value: f32) -> f32 {
    format!("{value:.0e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Adversary;

    fn record(loss: f32, n: usize, wrong: usize) -> EpochRecord {
        let clean = Some(Measured { n, wrong, commonest: n / 10, ..Measured::default() });
        EpochRecord { loss, clean, eps: 0.3, ..EpochRecord::default() }
    }

    fn problem(history: &[EpochRecord]) -> Option<String> {
        let config = Config { eps: 0.3, alpha: 0.0, adversary: Adversary::Fgsm, ..Config::default() };
        Beginning { config: &config, history, classes: 10, pictures: 1500 }.problem()
    }

    #[test]
    fn three_epochs_at_chance_are_told_and_a_beginning_takes_it_back() {
        let idle = record(2.308, 250, 225);
        assert_eq!(problem(&[]), None);
        assert_eq!(problem(&[idle; 2]), None);
        let told = problem(&[idle; 3]).unwrap();
        for part in ["not begun to learn: after 3 epochs", "2.308, that of a guess (ln 10 = 2.303)", "error 90 %"] {
            assert!(told.contains(part), "{told}");
        }
        let learnt = record(1.9, 250, 130);
        assert_eq!(problem(&[idle, idle, idle, learnt]), None);
        let lost = problem(&[idle, learnt, idle, idle, idle]).unwrap();
        assert!(lost.starts_with("the net has lost what it had learnt: after 3 epochs"), "{lost}");
        // A retraining begins anew.
        let anew = EpochRecord { stage: Stage::Retraining, ..idle };
        assert_eq!(problem(&[idle, idle, idle, anew, anew]), None);
        assert!(problem(&[idle, anew, anew, anew]).unwrap().starts_with("in the retraining the net has not begun"));
    }

    #[test]
    fn chance_is_what_a_binomial_distribution_gives() {
        // Of 250 answers among ten classes 25 are right by chance, give or take 4.74: up to 39 are no sign of learning.
        assert!(problem(&[record(2.3, 250, 250 - 39); 3]).is_some());
        assert_eq!(problem(&[record(2.3, 250, 250 - 40); 3]), None);
        // A loss below that of a guess is a sign, too, unless all pictures are taken for one class.
        assert_eq!(problem(&[record(2.2, 250, 225); 3]), None);
        let one = |n, commonest| {
            let measured = Measured { n, wrong: n - commonest, commonest, only_answer: Some(4), ..Measured::default() };
            [EpochRecord { loss: 0.6, clean: Some(measured), ..EpochRecord::default() }; 3]
        };
        let told = problem(&one(200, 150)).unwrap();
        assert!(told.contains("takes every picture for the same class") && told.contains("below that"), "{told}");
        assert_eq!(problem(&one(200, 200)), None, "all held-out pictures are of one class");
        assert_eq!(problem(&one(8, 5)), None, "eight pictures say nothing");
        // Without held-out pictures there is the loss alone.
        let unmeasured = EpochRecord { loss: 2.31, ..EpochRecord::default() };
        assert!(problem(&[unmeasured; 3]).is_some());
        assert_eq!(problem(&[EpochRecord { loss: 2.2, ..unmeasured }; 3]), None);
    }

    #[test]
    fn advice_fits_the_settings() {
        let advice = |config: &Config| {
            let history = [EpochRecord { eps: config.eps, alpha: config.alpha, epoch: 3, ..record(2.31, 250, 225) }; 3];
            let told = Beginning { config, history: &history, classes: 10, pictures: 1500 }.problem().unwrap();
            told.split_once(". Try, alone or together: ").unwrap().1.to_owned()
        };
        let base = Config { batch: 50, validation: 250, learning_rate: 0.1, ..Config::default() };
        let hard = Config { eps: 0.3, alpha: 0.0, adversary: Adversary::Fgsm, ..base.clone() };
        let told = advice(&hard);
        for part in ["α of about 0.5", "a smaller ε at first, such as 0.1;", "a lower learning rate, such as 0.01"] {
            assert!(told.contains(part), "{told}");
        }
        let clean = Config { eps: 0.0, ..base.clone() };
        assert!(!advice(&clean).contains(['ε', 'α']), "{}", advice(&clean));
        let low = Config { learning_rate: 1e-5, ..clean.clone() };
        assert!(advice(&low).contains("a higher learning rate, such as 0.0001"), "{}", advice(&low));
        let few = Config { batch: 1250, ..clean.clone() };
        assert!(advice(&few).contains("3 steps are few"), "{}", advice(&few));
        let small = Config { batch: 2, weight_decay: 0.5, ..clean };
        let told = advice(&small);
        assert!(
            told.contains("more pictures per batch") && told.contains("less weight decay, such as 0.005"),
            "{told}"
        );
    }
}
