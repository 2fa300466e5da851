//! These commands are for lessons, which go by their number in the list.

use std::path::PathBuf;

use egui::Key;
use egui_material_icons::icons;

use crate::app::widgets::about::{About, Action, CTRL, NONE, about};

#[derive(Clone, Debug, PartialEq)]
pub enum LessonCommand {
    /// Opens the first lesson, or closes the one that is open.
    Toggle,
    Begin(usize),
    AskFile,
    Open(PathBuf),
    Next,
    Back,
    Predict(usize),
    Vote(usize),
    TakeBack,
    Notes,
    Alpha(f32),
    /// Shows the net with more units in a figure, or the one with fewer.
    Units(bool),
    Train,
    Paste,
    Close,
}

impl Action for LessonCommand {
    fn about(&self) -> About {
        match self {
            Self::Toggle | Self::Begin(_) => {
                about("Lessons", "Go through the idea step by step, with something to predict in each")
                    .keys(CTRL, Key::E)
                    .icon(icons::ICON_SCHOOL)
            }
            Self::AskFile | Self::Open(_) => about(
                "Open a lesson…",
                "A lesson of your own: a text file (TOML) with steps; docs/lessons.md says how to write one",
            )
            .icon(icons::ICON_FOLDER_OPEN),
            Self::Next => {
                about("Next step", "Reveal what is hidden, then go to the next step").keys(NONE, Key::PageDown)
            }
            Self::Back => about("Step back", "Go to the step before").keys(NONE, Key::PageUp),
            Self::Predict(_) => about("Predict", "Say what you expect before it is revealed"),
            Self::Vote(choice) => {
                let (name, key) = match choice {
                    0 => ("Vote for the first choice", Key::Num1),
                    1 => ("Vote for the second choice", Key::Num2),
                    2 => ("Vote for the third choice", Key::Num3),
                    _ => ("Vote for the fourth choice", Key::Num4),
                };
                about(name, "Count a raised hand: once for each, or once for the whole class").keys(NONE, key)
            }
            Self::TakeBack => about("Take a vote back", "Take the last vote back").keys(NONE, Key::Backspace),
            Self::Notes => about("Speaker notes", "What else to say, and how many minutes the step should take")
                .keys(NONE, Key::N)
                .icon(icons::ICON_SPEAKER_NOTES),
            Self::Alpha(_) => about("α", "Share of the clean cost"),
            Self::Units(_) => about("Units", "A net with few units, or with many"),
            Self::Train => about("Train one now", "Begin a run with the usual settings; it goes on beside the lesson")
                .icon(icons::ICON_PLAY_ARROW),
            Self::Paste => about("Paste", "Take the picture that was copied, or the file whose path was")
                .icon(icons::ICON_CONTENT_PASTE),
            Self::Close => {
                about("Close the lesson", "Close, and go back to what was on screen before").icon(icons::ICON_CLOSE)
            }
        }
    }

    fn listed() -> Vec<Self> {
        let votes = [0, 1, 2, 3].map(Self::Vote);
        let rest = [Self::TakeBack, Self::Notes, Self::Close];
        [Self::Next, Self::Back].into_iter().chain(votes).chain(rest).collect()
    }
}
