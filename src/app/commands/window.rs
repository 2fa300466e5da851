//! What is said of the commands that look at things, change tabs, or are the window's own.

use eframe::egui::{Key, Modifiers};
use egui_material_icons::icons;

use crate::app::commands::{About, CTRL, Command, NONE, about, keys};
use crate::app::pages::train::commands::TrainCommand;
use crate::app::settings::Tab;
use crate::engine::picture::Quantity;

impl Command {
    pub fn window_about(&self) -> About {
        match self {
            Self::Heatmap(_) => about("Perturbation view", "What the middle picture shows", None, None),
            Self::Look(Quantity::Perturbation) => {
                about("Show δ", "What is added to each pixel, with its sign", None, None)
            }
            Self::Look(Quantity::Magnitude) => {
                about("Show |δ|", "How much each pixel moves, without the sign", None, None)
            }
            Self::Look(Quantity::Gradient) => {
                about("Show ∇J", "The gradient itself: FGSM keeps only its sign", None, None)
            }
            Self::ZoomIn => about("Zoom in", "Enlarge all three pictures", keys(NONE, Key::Plus), None),
            Self::ZoomOut => about("Zoom out", "Make all three pictures smaller", keys(NONE, Key::Minus), None),
            Self::ZoomReset => about("Fit pictures", "Show the pictures whole", keys(NONE, Key::Num0), None),
            Self::ShowNet(moment) => TrainCommand::UseNet(*moment).about(),
            Self::NextMoment => about(
                "Net before, now, best",
                "Of a run's net in Explore: the next of the three moments",
                keys(NONE, Key::N),
                None,
            ),
            Self::Tab(Tab::Explore) => {
                about("Explore", "Attack a picture and see what the net says", keys(CTRL, Key::Num1), None)
            }
            Self::Tab(Tab::Train) => {
                about("Train", "Train a net, cleanly or against attacks", keys(CTRL, Key::Num2), None)
            }
            Self::Tab(Tab::Models) => {
                about("Models", "All nets: fetch one, or add one from a file", keys(CTRL, Key::Num3), None)
            }
            Self::Tab(Tab::TestSets) => about(
                "Test sets",
                "Nets under attacks on whole test sets: security curves, confusion, transfer",
                keys(CTRL, Key::Num4),
                None,
            ),
            Self::Theme(_) | Self::CycleTheme => {
                about("Theme", "Dark, light, or as the system has it", keys(CTRL, Key::T), Some(icons::ICON_CONTRAST))
            }
            Self::LargeType => about(
                "Large type",
                "Enlarge everything, for a projector",
                keys(CTRL, Key::L),
                Some(icons::ICON_FORMAT_SIZE),
            ),
            Self::Palette => about(
                "All commands…",
                "Find anything that can be done, a net, a picture or a lesson, by a part of its name",
                keys(CTRL, Key::K),
                Some(icons::ICON_SEARCH),
            ),
            Self::Undo => about(
                "Undo",
                "Take back the last change: in Explore of picture, net or attack, in Train of the settings of the next run",
                keys(CTRL, Key::Z),
                Some(icons::ICON_UNDO),
            ),
            Self::Redo => about(
                "Redo",
                "Do again what was taken back",
                keys(CTRL.plus(Modifiers::SHIFT), Key::Z),
                Some(icons::ICON_REDO),
            ),
            Self::Present => about(
                "Presentation",
                "The whole screen and large type; once more to go back",
                keys(NONE, Key::F11),
                Some(icons::ICON_FULLSCREEN),
            ),
            Self::DismissNotice(_) => about("Dismiss", "Put this notice away", None, Some(icons::ICON_CLOSE)),
            Self::DismissNotices => about("Dismiss notices", "Put all notices away", keys(CTRL, Key::Backspace), None),
            Self::CloseOverlay => about("Close", "Close this window", None, Some(icons::ICON_CLOSE)),
            Self::CloseDrawing => {
                about("Close drawing", "Close; the drawing is kept for the next time", None, Some(icons::ICON_CLOSE))
            }
            Self::ToggleMore => about(
                "More",
                "All the settings of the attack: which one, its parameters, goal, label, clipping, rounding, presets",
                keys(NONE, Key::A),
                Some(icons::ICON_TUNE),
            ),
            Self::ToggleLinear => about(
                "Why FGSM is exact here",
                "Of a linear net: its weights as pictures, and the formula with the numbers of this picture",
                keys(NONE, Key::F),
                Some(icons::ICON_FUNCTIONS),
            ),
            Self::CloseLinear => about("Close the formula", "Close", None, Some(icons::ICON_CLOSE)),
            Self::Quit => about("Quit", "Close Doppelgänger", keys(CTRL, Key::Q), None),
            _ => about("Help", "Shortcuts and how to read the picture", keys(NONE, Key::F1), Some(icons::ICON_HELP)),
        }
    }
}
