//! This is what the window knows beside its pictures, and how the pane was left.

use serde::{Deserialize, Serialize};

use crate::app::pages::explore::commands::why::WhyPart;
use crate::worker::{Along, Church, ControlTable, Second, Shown, View, Wish};

#[derive(Default)]
pub struct Why {
    pub along: Option<Box<Along>>,
    pub controls: Option<Box<ControlTable>>,
    pub second: Option<Box<Second>>,
    pub church: Option<Box<Church>>,
    pub search: Option<LeastSearch>,
    pub searches: u64,
    pub seed: u64,
    /// The seed of the random direction of the church window.
    pub direction_seed: u64,
    pub asked: Wish,
    /// A lesson opens or closes the pane; this is not kept.
    pub in_lesson: Option<bool>,
}

pub struct LeastSearch {
    pub number: u64,
    pub share: f32,
    /// The search is for this view, whatever ε is.
    pub view: View,
}

impl Why {
    /// Returns what the net to compare with said last, if that is the net that is wanted now.
    pub fn second(&self) -> Option<&Second> {
        self.second.as_deref().filter(|second| self.asked.second.as_ref() == Some(&second.wish))
    }

    pub fn controls(&self) -> Option<&ControlTable> {
        self.controls.as_deref()
    }

    /// Returns the newest curve of the net on screen, and whether it is that of the view.
    pub fn along(&self, shown: &Shown) -> Option<(&Along, bool)> {
        let along = self.along.as_deref().filter(|along| along.is_of_net(shown))?;
        Some((along, along.is_of(shown)))
    }

    /// Returns the newest church window of the net on screen, and whether it is that of the view and of the wish.
    pub fn church(&self, shown: &Shown) -> Option<(&Church, bool)> {
        let church = self.church.as_deref().filter(|church| church.is_of_net(shown))?;
        Some((church, church.is_of(shown) && self.asked.church.as_ref() == Some(&church.wish)))
    }

    pub fn current(&self, shown: &Shown) -> Option<&Along> {
        self.along(shown).and_then(|(along, is_current)| is_current.then_some(along))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhyLook {
    /// Nobody has opened or folded it where this is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    pub has_logits: bool,
    pub is_log: bool,
    /// The church window is in the place of the curve.
    pub has_map: bool,
    pub part: WhyPart,
    /// The net to compare with has this name in the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    pub is_own: bool,
}

impl WhyLook {
    /// Compares with another net, or with none. Where there is no room for everything, that net is looked at.
    pub fn compare_with(&mut self, model: Option<String>) {
        self.part = if model.is_some() { WhyPart::Second } else { WhyPart::default() };
        self.second = model;
    }
}
