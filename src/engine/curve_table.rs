//! Security curves become tables, the same for the command line and the window.

use serde::Serialize;

use super::attack::{AttackSettings, Measure};
use super::eval::Evaluation;
use super::statistics::wilson_interval;

pub const HEADER: &str = "model,attack,norm,eps,n,correct,accuracy,low,high,mean_confidence_on_mistakes,seed\n";

/// This is one point of a security curve: a net under an attack at one ε.
#[derive(Serialize)]
pub struct Row<'a> {
    pub model: &'a str,
    /// The attack's name; it begins with `minimal-` where the smallest ε of an attack was looked for.
    pub attack: String,
    /// This is `linf`, `l2` or `l1`, or `count` where ε is a number of changed values.
    pub norm: &'static str,
    #[serde(skip)]
    pub measure: Measure,
    /// This is ε in the norm, infinite (in JSON null) for an attack that takes none.
    pub eps: f32,
    pub n: usize,
    pub correct: usize,
    pub accuracy: f64,
    /// This is the 95 % interval of the accuracy (Wilson).
    pub interval: (f64, f64),
    pub mean_confidence_on_mistakes: Option<f32>,
    pub seed: u64,
}

/// Returns the points of the curve of a net under an attack, the one at ε = 0 always among them.
pub fn rows<'a>(model: &'a str, attack: &AttackSettings, found: &Evaluation, seed: u64) -> Vec<Row<'a>> {
    let row = |eps: f32, correct: usize, mean_confidence_on_mistakes| Row {
        model,
        attack: attack_name(attack),
        norm: attack.measure().name(),
        measure: attack.measure(),
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
    let attacked = found.attacked.iter();
    let attacked = attacked.map(|result| row(result.eps, result.correct, result.mean_confidence_on_mistakes));
    clean.into_iter().chain(attacked).collect()
}

pub(super) fn attack_name(attack: &AttackSettings) -> String {
    let search = if matches!(attack, AttackSettings::MinimalEps(_)) { "minimal-" } else { "" };
    format!("{search}{}", attack.name())
}

pub(super) fn field(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

impl Row<'_> {
    pub fn text(&self) -> String {
        let Self { model, attack, measure, eps, accuracy, interval: (low, high), n, .. } = self;
        let percent = |share: f64| share * 100.0;
        let length = match measure {
            Measure::Norm(_) if eps.is_finite() => format!("ε {eps}"),
            measure => measure.describe(*eps),
        };
        let name = format!("{model}, {attack}, {length}");
        format!("{name:<44} {:>6.2} % right ({:.2} to {:.2}) of {n}", percent(*accuracy), percent(*low), percent(*high))
    }

    pub fn csv(&self) -> String {
        let Self { model, attack, norm, eps, n, correct, accuracy, interval: (low, high), seed, .. } = self;
        let model = field(model);
        let confidence = self.mean_confidence_on_mistakes.map(|c| c.to_string()).unwrap_or_default();
        format!("{model},{attack},{norm},{eps},{n},{correct},{accuracy},{low},{high},{confidence},{seed}\n")
    }
}
