//! What can be done on the Models page.

use std::path::PathBuf;

use eframe::egui::Key;
use egui_material_icons::icons;

use crate::app::commands::{About, CTRL, about, keys};

/// One action on the Models page; models go by their names.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelsCommand {
    /// Attack it in Explore.
    Use(String),
    /// Asks before it fetches.
    AskFetch(String),
    Fetch(String),
    StopFetching(String),
    /// Asks for a file of weights for a model; or for any file.
    AskFile(Option<String>),
    /// Adds the file to the model that it was asked for.
    Add(PathBuf),
    /// Asks before it removes.
    AskRemove(String),
    Remove(String),
}

impl ModelsCommand {
    /// Those that have a shortcut, in the order of the help overlay.
    pub const WITH_SHORTCUT: &'static [Self] = &[Self::AskFile(None)];

    /// Name, tooltip, shortcut and icon.
    pub fn about(&self) -> About {
        match self {
            Self::Use(_) => about(
                "Use in Explore",
                "Attack this net with the picture that is there",
                None,
                Some(icons::ICON_PLAY_ARROW),
            ),
            Self::AskFetch(_) | Self::Fetch(_) => about(
                "Fetch…",
                "Get the weights from the network; you are told first from where, how much and under which licence",
                None,
                Some(icons::ICON_DOWNLOAD),
            ),
            Self::StopFetching(_) => about(
                "Cancel",
                "Stop fetching; what has arrived is kept for the next time",
                None,
                Some(icons::ICON_CLOSE),
            ),
            Self::AskFile(Some(_)) => about(
                "Open weights file…",
                "For a machine without network: a .pth or .safetensors file with the weights of this net. It is checked and \
                 copied.",
                None,
                Some(icons::ICON_FOLDER_OPEN),
            ),
            Self::AskFile(None) | Self::Add(_) => about(
                "Add from a file…",
                "Weights (.pth, .safetensors) for the net that they fit, or a manifest (.toml) of a net of your own",
                keys(CTRL, Key::O),
                Some(icons::ICON_ADD),
            ),
            Self::AskRemove(_) | Self::Remove(_) => {
                about("Remove…", "Delete what was fetched or added of this model", None, Some(icons::ICON_DELETE))
            }
        }
    }
}
