//! A page other than Explore, kept in a PNG of the window: which it is, and its settings.

use serde::{Deserialize, Serialize};

use crate::app::commands::tab::Tab;

/// A page with its settings, which only the page itself understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageFile {
    pub tab: Tab,
    #[serde(flatten)]
    pub settings: toml::Table,
}
