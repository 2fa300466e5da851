//! What can be done in the pane under the pictures that shows why the attack works.

use eframe::egui::Key;
use egui_material_icons::icons;

use crate::app::commands::{About, NONE, about, keys};
use crate::app::pages::explore::why::pane::Part;

/// One action in that pane.
#[derive(Clone, Debug, PartialEq)]
pub enum WhyCommand {
    /// Opens and closes it.
    Fold,
    /// Logits or probabilities.
    Values,
    /// A linear or a logarithmic axis for ε.
    Axis,
    /// Random controls from another seed.
    NextSeed,
    /// Searches for the smallest ε that works, or stops searching.
    FindLeast,
    /// The net to compare with.
    Second(Option<String>),
    /// That net is attacked itself, or shown the same picture.
    OwnAttack(bool),
    /// What it shows where there is no room for everything.
    Part(Part),
}

impl WhyCommand {
    /// Those that can be named, in the order of the help overlay.
    pub const LISTED: &'static [Self] = &[
        Self::Fold,
        Self::Values,
        Self::Axis,
        Self::FindLeast,
        Self::NextSeed,
        Self::OwnAttack(false),
        Self::OwnAttack(true),
    ];

    /// Name, tooltip, shortcut and icon.
    pub fn about(&self) -> About {
        match self {
            Self::Fold => about(
                "Why it works",
                "Show or hide what the net says along the direction of the attack",
                keys(NONE, Key::W),
                Some(icons::ICON_SHOW_CHART),
            ),
            Self::Values => about(
                "Logits or probabilities",
                "The net's raw scores, which change almost in straight lines, or the probabilities made of them",
                keys(NONE, Key::V),
                None,
            ),
            Self::Axis => about(
                "Linear or logarithmic ε",
                "Equal steps of ε, on both sides of the picture; or equal ratios, on the attack's side, for small ε",
                keys(NONE, Key::X),
                None,
            ),
            Self::FindLeast => about(
                "Smallest ε",
                "Find the smallest ε with which the fast gradient sign method works, and go there; once more to stop",
                keys(NONE, Key::M),
                Some(icons::ICON_TROUBLESHOOT),
            ),
            Self::NextSeed => about(
                "Other random controls",
                "Draw the random signs and the uniform noise afresh, from the next seed",
                None,
                Some(icons::ICON_CASINO),
            ),
            Self::Second(_) => about(
                "Compare with",
                "Ask another net about the same picture: perturbations made for one net often fool others",
                None,
                Some(icons::ICON_COMPARE_ARROWS),
            ),
            Self::OwnAttack(false) => about(
                "Same δ",
                "Show the net to compare with this net's adversarial picture: does the attack transfer?",
                None,
                None,
            ),
            Self::OwnAttack(true) => {
                about("Own attack", "Attack the net to compare with itself, with the same settings", None, None)
            }
            Self::Part(_) => about("Part", "What to look at", None, None),
        }
    }
}
