//! A training run measures quantities, which plots show in panels.

use serde::{Deserialize, Serialize};

use crate::engine::train::{EpochRecord, Measured};

/// A quantity is what a line of a plot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    Clean,
    Fgsm,
    Pgd,
    Objective,
}

impl Quantity {
    pub const ALL: [Self; 4] = [Self::Clean, Self::Fgsm, Self::Pgd, Self::Objective];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Fgsm => "FGSM",
            Self::Pgd => "PGD-10",
            Self::Objective => "objective",
        }
    }

    pub fn measured(self, record: &EpochRecord) -> Option<Measured> {
        match self {
            Self::Clean => record.clean,
            Self::Fgsm => record.adversarial,
            Self::Pgd => record.pgd,
            Self::Objective => None,
        }
    }
}

/// A panel is one of the plots above each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Panel {
    Error,
    Loss,
    Confidence,
}

impl Panel {
    pub const ALL: [Self; 3] = [Self::Error, Self::Loss, Self::Confidence];

    pub fn quantities(self) -> &'static [Quantity] {
        match self {
            Self::Loss => &Quantity::ALL,
            Self::Error | Self::Confidence => &[Quantity::Clean, Quantity::Fgsm, Quantity::Pgd],
        }
    }

    /// Returns the value of a quantity after one epoch; `None` means that it was not measured or is no number.
    pub fn value(self, quantity: Quantity, record: &EpochRecord) -> Option<f64> {
        let measured = quantity.measured(record);
        let value = match self {
            Self::Error => measured.map(|m| m.error()),
            Self::Loss if quantity == Quantity::Objective => Some(f64::from(record.loss)),
            Self::Loss => measured.map(|m| f64::from(m.loss)),
            Self::Confidence => measured.and_then(|m| m.confidence_on_mistakes).map(f64::from),
        };
        value.filter(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::PGD_STEPS;

    #[test]
    fn the_probe_is_called_by_its_steps() {
        assert_eq!(Quantity::Pgd.name(), format!("PGD-{PGD_STEPS}"));
    }

    #[test]
    fn what_is_no_number_is_not_plotted() {
        let measured =
            Measured { n: 10, wrong: 2, loss: f32::NAN, confidence_on_mistakes: Some(0.75), ..Measured::default() };
        let record = EpochRecord { clean: Some(measured), loss: f32::INFINITY, ..EpochRecord::default() };
        let expected = [
            (Panel::Error, Quantity::Clean, Some(0.2)),
            (Panel::Error, Quantity::Pgd, None),
            (Panel::Confidence, Quantity::Clean, Some(0.75)),
            (Panel::Loss, Quantity::Clean, None),
            (Panel::Loss, Quantity::Objective, None),
        ];
        for (panel, quantity, value) in expected {
            assert_eq!(panel.value(quantity, &record), value, "{panel:?} {quantity:?}");
        }
    }
}
