//! This is how the pane was left.

use serde::{Deserialize, Serialize};

use crate::app::pages::explore::commands::why::Part;

/// The settings keep how the pane was left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhyLook {
    /// Nobody has opened or folded it where this is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    pub has_logits: bool,
    pub is_log: bool,
    pub part: Part,
    /// It has its name in the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// That net is attacked itself.
    pub is_own: bool,
}

impl WhyLook {
    /// Compares with another net, or with none. Where there is no room for everything, that net is looked at.
    pub fn compare_with(&mut self, model: Option<String>) {
        self.part = if model.is_some() { Part::Second } else { Part::default() };
        self.second = model;
    }
}
