//! A PNG of the window can hold a page other than Explore.

use serde::{Deserialize, Serialize};

use crate::app::commands::tab::Tab;

/// The settings of a page are understood by that page alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageFile {
    pub tab: Tab,
    #[serde(flatten)]
    pub settings: toml::Table,
}
