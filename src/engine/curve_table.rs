//! Security curves as tables: the same for the command line and the window.

use serde::Serialize;

use super::attack::{Attack, AttackSettings, Norm};
use super::eval::Evaluation;
use super::statistics::wilson_interval;

/// The first line of a table of such points.
pub const HEADER: &str = "model,attack,norm,eps,n,correct,accuracy,low,high,mean_confidence_on_mistakes,seed\n";

/// One point of a security curve: a net under an attack at one ε.
#[derive(Serialize)]
pub struct Row<'a> {
    pub model: &'a str,
    pub attack: &'static str,
    pub norm: Norm,
    /// In the norm.
    pub eps: f32,
    pub n: usize,
    pub correct: usize,
    pub accuracy: f64,
    /// The 95 % interval of the accuracy: Wilson.
    pub interval: (f64, f64),
    pub mean_confidence_on_mistakes: Option<f32>,
    pub seed: u64,
}

/// The points of the curve of a net under an attack, the one at ε = 0 always among them.
pub fn rows<'a>(model: &'a str, attack: &AttackSettings, found: &Evaluation, seed: u64) -> Vec<Row<'a>> {
    let row = |eps: f32, correct: usize, mean_confidence_on_mistakes| Row {
        model,
        attack: attack.name(),
        norm: attack.norm(),
        eps,
        n: found.n,
        correct,
        accuracy: correct as f64 / found.n.max(1) as f64,
        interval: wilson_interval(correct, found.n),
        mean_confidence_on_mistakes,
        seed,
    };
    let has_zero = found.attacked.iter().any(|result| result.eps == 0.0);
    let clean = (!has_zero).then(|| row(0.0, found.clean_correct, None));
    let attacked = found.attacked.iter().filter(|result| result.eps.is_finite());
    clean
        .into_iter()
        .chain(attacked.map(|result| row(result.eps, result.correct, result.mean_confidence_on_mistakes)))
        .collect()
}

impl Row<'_> {
    /// A line for people.
    pub fn text(&self) -> String {
        let Self { model, attack, eps, accuracy, interval: (low, high), n, .. } = self;
        let percent = |share: f64| share * 100.0;
        let name = format!("{model}, {attack}, ε {eps}");
        format!("{name:<44} {:>6.2} % right ({:.2} to {:.2}) of {n}", percent(*accuracy), percent(*low), percent(*high))
    }

    /// A line of the table.
    pub fn csv(&self) -> String {
        let Self { model, attack, eps, n, correct, accuracy, interval: (low, high), seed, .. } = self;
        let norm = match self.norm {
            Norm::Linf => "linf",
            Norm::L2 => "l2",
            Norm::L1 => "l1",
        };
        let model = if model.contains([',', '"', '\n']) {
            format!("\"{}\"", model.replace('"', "\"\""))
        } else {
            (*model).to_owned()
        };
        let confidence = self.mean_confidence_on_mistakes.map(|c| c.to_string()).unwrap_or_default();
        format!("{model},{attack},{norm},{eps},{n},{correct},{accuracy},{low},{high},{confidence},{seed}\n")
    }
}
