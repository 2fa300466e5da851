//! What a run measured, epoch by epoch.

use serde::{Deserialize, Serialize};

/// One epoch. Errors are shares of the validation pictures, measured after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean objective over the epoch.
    pub loss: f32,
    pub clean_error: Option<f32>,
    /// Under FGSM at the ε of the objective; `None` without one.
    pub adversarial_error: Option<f32>,
    pub seconds: f32,
}

/// A table with a header line, one epoch a line; empty fields where nothing was measured.
pub fn history_csv(history: &[EpochRecord]) -> String {
    let field = |value: Option<f32>| value.map(|v| v.to_string()).unwrap_or_default();
    let mut csv = String::from("epoch,loss,clean_error,adversarial_error,seconds\n");
    for r in history {
        let (clean, adversarial) = (field(r.clean_error), field(r.adversarial_error));
        csv.push_str(&format!("{},{},{clean},{adversarial},{:.2}\n", r.epoch, r.loss, r.seconds));
    }
    csv
}
