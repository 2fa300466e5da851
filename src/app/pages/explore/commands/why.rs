//! These commands belong to the pane under the pictures that shows why the attack works.

use egui::Key;
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

const FOLD_TIP: &str = "Show or hide what the net says along the direction of the attack";
const VALUES_TIP: &str = "The net's raw scores, which change almost in straight lines, or the probabilities made of \
                          them";
const AXIS_TIP: &str = "Equal steps of ε, on both sides of the picture; or equal ratios, on the attack's side, for \
                        small ε";
const MAP_TIP: &str = "What the net says along the direction of the attack, as a curve; or on the plane of that direction \
                       and a random one, as a map of its classes: a church window";
const DIRECTION_TIP: &str = "Draw the random direction of the church window afresh, from the next seed";
const LEAST_TIP: &str = "Find the smallest ε with which the fast gradient sign method works, and go there; once more \
                         to stop";
const SEED_TIP: &str = "Draw the random signs and the uniform noise afresh, from the next seed";
const SECOND_TIP: &str = "Ask another net about the same picture: perturbations made for one net often fool others";
const SAME_TIP: &str = "Show the net to compare with this net's adversarial picture: does the attack transfer?";
const OWN_TIP: &str = "Attack the net to compare with itself, with the same settings";

#[derive(Clone, Debug, PartialEq)]
pub enum WhyCommand {
    Fold,
    /// The church window takes the place of the curve, or gives it back.
    Map,
    NextDirection,
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
            Self::Fold => about("Why it works", FOLD_TIP).keys(NONE, Key::W).icon(icons::ICON_SHOW_CHART),
            Self::Map => about("Curve or church window", MAP_TIP).keys(NONE, Key::H),
            Self::NextDirection => about("Another random direction", DIRECTION_TIP).icon(icons::ICON_CASINO),
            Self::Values => about("Logits or probabilities", VALUES_TIP).keys(NONE, Key::V),
            Self::Axis => about("Linear or logarithmic ε", AXIS_TIP).keys(NONE, Key::X),
            Self::FindLeast => about("Smallest ε", LEAST_TIP).keys(NONE, Key::M).icon(icons::ICON_TROUBLESHOOT),
            Self::NextSeed => about("Other random controls", SEED_TIP).icon(icons::ICON_CASINO),
            Self::Second(_) => about("Compare with", SECOND_TIP).icon(icons::ICON_COMPARE_ARROWS),
            Self::OwnAttack(false) => about("Same δ", SAME_TIP),
            Self::OwnAttack(true) => about("Own attack", OWN_TIP),
            Self::Part(_) => about("Part", "What to look at"),
        }
    }

    fn listed() -> Vec<Self> {
        let attacks = [false, true].map(Self::OwnAttack);
        let others =
            [Self::Fold, Self::Map, Self::NextDirection, Self::Values, Self::Axis, Self::FindLeast, Self::NextSeed];
        others.into_iter().chain(attacks).collect()
    }
}
