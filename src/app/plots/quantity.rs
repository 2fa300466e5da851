//! Quantities are plotted in panels; both say how they look and what they mean.

use egui::{Color32, Stroke};
use egui_plot::LineStyle;
use serde::{Deserialize, Serialize};

use crate::app::theme::Palette;
use crate::app::widgets::about::{About, about};
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

    pub fn about(self) -> About {
        match self {
            Self::Clean => about("clean", "The held-out pictures as they are"),
            Self::Fgsm => about("FGSM", "The held-out pictures under one step of FGSM at the run's ε"),
            Self::Pgd => about(
                "PGD-10",
                "The first of the held-out pictures under ten steps of projected gradient descent at the run's ε: \
                 a net that only learned to withstand one step is found out here",
            ),
            Self::Objective => about(
                "objective",
                "What training minimises, averaged over the epoch, with dropout where the net has it",
            ),
        }
    }

    pub fn name(self) -> &'static str {
        self.about().name
    }

    pub fn measured(self, record: &EpochRecord) -> Option<Measured> {
        match self {
            Self::Clean => record.clean,
            Self::Fgsm => record.adversarial,
            Self::Pgd => record.pgd,
            Self::Objective => None,
        }
    }

    /// Returns the colour of the line while one run stands alone.
    pub fn colour(self, palette: &Palette) -> Color32 {
        match self {
            Self::Clean => palette.right,
            Self::Fgsm => palette.fooled,
            Self::Pgd => palette.asked,
            Self::Objective => palette.accent,
        }
    }

    /// Returns the style of the line, with its dashes stretched by `scale`.
    pub fn style(self, scale: f32) -> LineStyle {
        match self {
            Self::Clean => LineStyle::Solid,
            Self::Fgsm => LineStyle::Dashed { length: 7.0 * scale },
            Self::Pgd => LineStyle::Dotted { spacing: 5.0 * scale },
            Self::Objective => LineStyle::Dashed { length: 14.0 * scale },
        }
    }

    /// Returns the stroke in which a line of this width looks as strong as those of other styles.
    pub fn stroke(self, width: f32, colour: Color32) -> Stroke {
        // The library draws dots twice as wide as the stroke.
        Stroke::new(if self == Self::Pgd { 0.55 * width } else { width }, colour)
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

    pub fn about(self) -> About {
        match self {
            Self::Error => about(
                "Validation error",
                "The share of wrong answers on the held-out pictures after each epoch. The faint bands are 95 % \
                 intervals (Wilson): lines whose bands overlap may differ by chance alone.",
            ),
            Self::Loss => about(
                "Loss",
                "Mean cross-entropy on the held-out pictures after each epoch, and the objective that training \
                 minimises. It may fall while errors rise, so it decides nothing here.",
            ),
            Self::Confidence => about(
                "Confidence on mistakes",
                "How sure the net is of its own answer, averaged over its wrong answers only. Nets that were trained \
                 clean are often surest where they are fooled.",
            ),
        }
    }

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

    pub fn spelled(self, value: f64) -> String {
        match self {
            Self::Error | Self::Confidence => per_cent(value),
            Self::Loss => crate::app::format::short(value as f32),
        }
    }
}

/// Writes an error as "1.24 %" or "17.9 %". Only exact ends are written as 0 % and 100 %.
pub fn per_cent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        0.0 => "0 %".into(),
        100.0 => "100 %".into(),
        v if v < 0.005 => "<0.01 %".into(),
        v if v < 9.995 => format!("{v:.2} %"),
        v if v > 99.95 => ">99.9 %".into(),
        v => format!("{v:.1} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::PGD_STEPS;

    #[test]
    fn the_probe_is_called_by_its_steps() {
        assert_eq!(Quantity::Pgd.name(), format!("PGD-{PGD_STEPS}"));
        assert!(PGD_STEPS == 10 && Quantity::Pgd.about().tooltip.contains("ten steps"));
    }

    #[test]
    fn per_cent_does_not_round_to_the_ends() {
        let expected = [
            (0.0, "0 %"),
            (0.00001, "<0.01 %"),
            (0.0094, "0.94 %"),
            (0.09994, "9.99 %"),
            (0.09996, "10.0 %"),
            (0.179, "17.9 %"),
            (0.99999, ">99.9 %"),
            (1.0, "100 %"),
        ];
        for (share, text) in expected {
            assert_eq!(per_cent(share), text, "{share}");
        }
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
