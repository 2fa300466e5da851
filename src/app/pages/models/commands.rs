//! These are the commands of the Models page.

use std::path::PathBuf;

use egui::Key;
use egui_material_icons::icons;

use crate::app::widgets::about::{About, Action, CTRL, about};
use crate::engine::model::import::Preprocessing;
use crate::engine::model::zoo::Word;
use crate::engine::picture::Fit;

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
    /// This opens the table of a net's operations, or closes it.
    Operations(String),
    /// This leaves the net that is being added for another file.
    Replace(PathBuf),
    /// This says something of the net that is being added.
    Answer(Answer),
    /// This asks for a file with the names of the classes.
    AskClasses,
    Keep,
    CancelAdding,
}

/// These are answers to what the file of a net does not say.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Name(String),
    /// Pictures have 1 channel (grey) or 3 (colour).
    Channels(usize),
    /// Height and width of the pictures.
    Size([usize; 2]),
    /// The output that holds one number a class.
    Output(String),
    /// The word for the net of a file of weights alone.
    Word(Word),
    Classes(ClassChoice),
    Pixels(Preprocessing),
    Fit(Fit),
}

/// The names of the classes come from one of these.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassChoice {
    /// The number of a list that is known.
    Known(usize),
    File(PathBuf),
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
                "A net of another program (.onnx), weights (.pth, .safetensors) for the net that they fit, or a \
                 manifest (.toml) of a net of your own",
            )
            .keys(CTRL, Key::O)
            .icon(icons::ICON_ADD),
            Self::AskRemove(_) | Self::Remove(_) => {
                about("Remove…", "Delete what was fetched or added of this model").icon(icons::ICON_DELETE)
            }
            Self::Operations(_) => about("Operations", "What the net computes, step by step").icon(icons::ICON_TABLE),
            Self::Replace(_) => about("Open the other one", "Leave the net that is being added"),
            Self::Answer(_) => about("Answer", "Say what the file of the net does not say"),
            Self::AskClasses => about(
                "From a file…",
                "A text with one name a line, or JSON: a list of names, or a table from numbers to names",
            )
            .icon(icons::ICON_FOLDER_OPEN),
            Self::Keep => about("Keep the net", "Add the net to your models, and select it in Explore")
                .keys(CTRL, Key::Enter)
                .icon(icons::ICON_CHECK),
            Self::CancelAdding => about("Cancel adding", "Leave the net; nothing is kept").icon(icons::ICON_CLOSE),
        }
    }

    fn listed() -> Vec<Self> {
        vec![Self::AskFile(None), Self::Keep, Self::CancelAdding]
    }
}
