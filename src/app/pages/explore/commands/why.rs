//! These commands belong to the pane under the pictures that shows why the attack works.

use eframe::egui::Key;
use egui_material_icons::icons;
use serde::{Deserialize, Serialize};

use crate::app::widgets::about::{About, Action, NONE, about};

/// The pane shows this part, where there is no room for everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhyPart {
    #[default]
    Curve,
    Controls,
    Second,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WhyCommand {
    Fold,
    Values,
    Axis,
    NextSeed,
    FindLeast,
    Second(Option<String>),
    /// That net is attacked itself, or shown the same picture.
    OwnAttack(bool),
    Part(WhyPart),
}

impl Action for WhyCommand {
    fn about(&self) -> About {
        match self {
            Self::Fold => about("Why it works", "Show or hide what the net says along the direction of the attack")
                .keys(NONE, Key::W)
                .icon(icons::ICON_SHOW_CHART),
            Self::Values => about(
                "Logits or probabilities",
                "The net's raw scores, which change almost in straight lines, or the probabilities made of them",
            )
            .keys(NONE, Key::V),
            Self::Axis => about(
                "Linear or logarithmic ε",
                "Equal steps of ε, on both sides of the picture; or equal ratios, on the attack's side, for small ε",
            )
            .keys(NONE, Key::X),
            Self::FindLeast => about(
                "Smallest ε",
                "Find the smallest ε with which the fast gradient sign method works, and go there; once more to stop",
            )
            .keys(NONE, Key::M)
            .icon(icons::ICON_TROUBLESHOOT),
            Self::NextSeed => {
                about("Other random controls", "Draw the random signs and the uniform noise afresh, from the next seed")
                    .icon(icons::ICON_CASINO)
            }
            Self::Second(_) => about(
                "Compare with",
                "Ask another net about the same picture: perturbations made for one net often fool others",
            )
            .icon(icons::ICON_COMPARE_ARROWS),
            Self::OwnAttack(false) => about(
                "Same δ",
                "Show the net to compare with this net's adversarial picture: does the attack transfer?",
            ),
            Self::OwnAttack(true) => {
                about("Own attack", "Attack the net to compare with itself, with the same settings")
            }
            Self::Part(_) => about("Part", "What to look at"),
        }
    }

    fn listed() -> Vec<Self> {
        vec![
            Self::Fold,
            Self::Values,
            Self::Axis,
            Self::FindLeast,
            Self::NextSeed,
            Self::OwnAttack(false),
            Self::OwnAttack(true),
        ]
    }
}
