//! What can be done with lessons.

use std::path::PathBuf;

use eframe::egui::Key;
use egui_material_icons::icons;

use super::{About, CTRL, NONE, about, keys};

/// One action of the lessons; they go by their number in the list.
#[derive(Clone, Debug, PartialEq)]
pub enum LessonCommand {
    /// The first one, or closes the one that is open.
    Toggle,
    Begin(usize),
    AskFile,
    Open(PathBuf),
    /// Reveals what is hidden, or goes on.
    Next,
    Back,
    /// One of the choices.
    Predict(usize),
    Close,
}

impl LessonCommand {
    /// Those that are there while a lesson is open, in the order of the help overlay.
    pub const LISTED: &'static [Self] = &[Self::Next, Self::Back, Self::Close];

    /// Name, tooltip, shortcut and icon.
    pub fn about(&self) -> About {
        match self {
            Self::Toggle | Self::Begin(_) => about(
                "Lessons",
                "Go through the idea step by step, with something to predict in each",
                keys(CTRL, Key::E),
                Some(icons::ICON_SCHOOL),
            ),
            Self::AskFile | Self::Open(_) => about(
                "Open a lesson…",
                "A lesson of your own: a text file (TOML) with steps; the README says how to write one",
                None,
                Some(icons::ICON_FOLDER_OPEN),
            ),
            Self::Next => {
                about("Next step", "Reveal what is hidden, then go to the next step", keys(NONE, Key::PageDown), None)
            }
            Self::Back => about("Step back", "Go to the step before", keys(NONE, Key::PageUp), None),
            Self::Predict(_) => about("Predict", "Say what you expect before it is revealed", None, None),
            Self::Close => about("Close the lesson", "Close; what it has set stays", None, Some(icons::ICON_CLOSE)),
        }
    }
}
