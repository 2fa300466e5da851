//! These are the commands of the Models page.

use std::path::PathBuf;

use egui::Key;
use egui_material_icons::icons;

use crate::app::widgets::about::{About, Action, CTRL, about};

/// The switch of pages shows this.
pub const PAGE: About = about("Models", "All nets: fetch one, or add one from a file").keys(CTRL, Key::Num3);

/// Models go by their names.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelsCommand {
    Use(String),
    AskFetch(String),
    Fetch(String),
    StopFetching(String),
    /// This asks for weights for a model, or for any file.
    AskFile(Option<String>),
    /// This adds the file to the model that it was asked for.
    Add(PathBuf),
    AskRemove(String),
    Remove(String),
}

impl Action for ModelsCommand {
    fn about(&self) -> About {
        match self {
            Self::Use(_) => {
                about("Use in Explore", "Attack this net with the picture that is there").icon(icons::ICON_PLAY_ARROW)
            }
            Self::AskFetch(_) | Self::Fetch(_) => about(
                "Fetch…",
                "Get the weights from the network; you are told first from where, how much and under which licence",
            )
            .icon(icons::ICON_DOWNLOAD),
            Self::StopFetching(_) => {
                about("Cancel", "Stop fetching; what has arrived is kept for the next time").icon(icons::ICON_CLOSE)
            }
            Self::AskFile(Some(_)) => about(
                "Open weights file…",
                "For a machine without network: a .pth or .safetensors file with the weights of this net. It is \
                 checked and copied.",
            )
            .icon(icons::ICON_FOLDER_OPEN),
            Self::AskFile(None) | Self::Add(_) => about(
                "Add from a file…",
                "Weights (.pth, .safetensors) for the net that they fit, or a manifest (.toml) of a net of your own",
            )
            .keys(CTRL, Key::O)
            .icon(icons::ICON_ADD),
            Self::AskRemove(_) | Self::Remove(_) => {
                about("Remove…", "Delete what was fetched or added of this model").icon(icons::ICON_DELETE)
            }
        }
    }

    fn listed() -> Vec<Self> {
        vec![Self::AskFile(None)]
    }
}
