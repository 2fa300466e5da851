//! How the pane was left that shows why the attack works.

use serde::{Deserialize, Serialize};

use crate::app::pages::explore::commands::why::Part;

/// How the pane was left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhyLook {
    /// Open or folded; nobody has said so without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
    /// Logits, or else probabilities.
    pub has_logits: bool,
    /// ε on a logarithmic axis.
    pub is_log: bool,
    pub part: Part,
    /// The net to compare with, by its name in the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// That net is attacked itself.
    pub is_own: bool,
}

impl WhyLook {
    /// Compares with another net, or with none. Where there is no room for everything, that net is what is looked at.
    pub fn compare_with(&mut self, model: Option<String>) {
        self.part = if model.is_some() { Part::Second } else { Part::default() };
        self.second = model;
    }
}
