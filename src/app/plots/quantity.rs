//! Quantities are plotted in panels; both say how they look and what they mean.

use egui::{Color32, Stroke};
use egui_plot::LineStyle;

use crate::app::theme::Palette;
use crate::app::widgets::about::{About, about};
pub use crate::figure::quantity::{Panel, Quantity};

impl Quantity {
    pub fn about(self) -> About {
        match self {
            Self::Clean => about(self.name(), "The held-out pictures as they are"),
            Self::Fgsm => about(self.name(), "The held-out pictures under one step of FGSM at the run's ε"),
            Self::Pgd => about(
                self.name(),
                "The first of the held-out pictures under ten steps of projected gradient descent at the run's ε: \
                 a net that only learned to withstand one step is found out here",
            ),
            Self::Objective => about(
                self.name(),
                "What training minimises, averaged over the epoch, with dropout where the net has it",
            ),
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

impl Panel {
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
}
