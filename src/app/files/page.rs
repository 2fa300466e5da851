//! A PNG of the window can hold a page other than Explore.

use serde::{Deserialize, Serialize};

use crate::app::commands::tab::Tab;

/// Only the page itself understands its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageFile {
    pub tab: Tab,
    #[serde(flatten)]
    pub settings: toml::Table,
}
