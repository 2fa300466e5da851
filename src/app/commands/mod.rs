//! Everything that a person can do, in one list: buttons, shortcuts, tooltips and the help overlay all read it.

pub mod window;

use std::path::PathBuf;

use eframe::egui::{Key, KeyboardShortcut, ModifierNames, Modifiers};
use egui_material_icons::{MaterialIcon, icons};

pub use crate::app::lessons::commands::LessonCommand;
pub use crate::app::pages::explore::commands::attack::AttackCommand;
pub use crate::app::pages::explore::commands::why::WhyCommand;
pub use crate::app::pages::models::commands::ModelsCommand;
pub use crate::app::pages::test_sets::commands::TestCommand;
pub use crate::app::pages::train::commands::TrainCommand;

use crate::app::pages::train::state::NetMoment;
use crate::app::settings::{Tab, ThemeChoice};
use crate::engine::attack::{Goal, Label, Loss};
use crate::engine::picture::{Background, Heatmap, Quantity, Region};
use crate::worker::Source;

/// One action. Panes return these and do not act themselves.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    // Pictures and models
    OpenDialog,
    /// The system's dialog for the question that is open.
    Browse,
    /// The same, for packed class folders where a folder is asked for.
    BrowseArchives,
    Draw,
    SaveDialog,
    SaveTo(PathBuf),
    /// Of a picture that is in no file: the untouched one.
    SaveOriginalDialog,
    SaveOriginalTo(PathBuf),
    SaveViewDialog,
    SaveViewTo(PathBuf),
    /// Record ε rising from 0 to where it stands.
    SaveAnimationDialog,
    SaveAnimationTo(PathBuf),
    CopyPicture,
    CopyCommand,
    Show(Source),
    /// One of the views that come with the program.
    ShowExample(usize),
    NextSample,
    PreviousSample,
    /// The photo, or the digit, that was shown last.
    ShowPhotos,
    ShowDigits,
    UseModel(String),
    /// This net with this picture, though it reads other ones.
    KeepBoth {
        model: String,
        picture: Source,
    },
    RefreshModels,
    // The attack
    Eps(f32),
    EpsUp,
    EpsDown,
    EpsUpFine,
    EpsDownFine,
    EpsReset,
    Attack(AttackCommand),
    /// Make the picture be taken for this class, by its index.
    MakeIt(usize),
    /// Back to one step away from the label.
    StartOver,
    Goal(Goal),
    SearchTarget,
    Label(Label),
    GiveLabel,
    Clip(bool),
    ToggleClip,
    /// Show the net pictures rounded to 8 bits, or as they are computed.
    ToggleEightBit,
    Follow(Loss),
    ToggleLoss,
    /// Attack the picture's own pixels, or those that the net sees.
    ToggleOwnPixels,
    /// What shows through where the picture is transparent.
    Background(Background),
    /// Show the net this part of the picture; its own choice without one.
    Crop(Option<Region>),
    Undo,
    Redo,
    // Looking
    /// The expert's controls.
    ToggleMore,
    Heatmap(Heatmap),
    /// What the middle picture shows.
    Look(Quantity),
    ZoomIn,
    ZoomOut,
    ZoomReset,
    /// Of the run whose net is attacked: another moment of it.
    ShowNet(NetMoment),
    NextMoment,
    Why(WhyCommand),
    // The other tabs
    Train(TrainCommand),
    Models(ModelsCommand),
    Test(TestCommand),
    Lesson(LessonCommand),
    // The window
    Tab(Tab),
    Theme(ThemeChoice),
    CycleTheme,
    LargeType,
    Present,
    Palette,
    Help,
    DismissNotice(u64),
    DismissNotices,
    CloseOverlay,
    CloseDrawing,
    /// The formula of a linear net.
    ToggleLinear,
    CloseLinear,
    Quit,
}

/// Where a shortcut works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Everywhere,
    In(Tab),
    /// Beside a lesson that is open, before all others: the keys of a presenter.
    Lesson,
}

/// What is said of a command wherever it appears.
pub struct About {
    pub name: &'static str,
    pub tooltip: &'static str,
    pub shortcut: Option<KeyboardShortcut>,
    pub icon: Option<MaterialIcon>,
}

pub const CTRL: Modifiers = Modifiers::COMMAND;
pub const NONE: Modifiers = Modifiers::NONE;

pub const fn keys(modifiers: Modifiers, key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(modifiers, key))
}

pub const fn about(
    name: &'static str,
    tooltip: &'static str,
    shortcut: Option<KeyboardShortcut>,
    icon: Option<MaterialIcon>,
) -> About {
    About { name, tooltip, shortcut, icon }
}

/// "Ctrl+]": a shortcut as it is written on the keys.
pub fn spelled(keys: &KeyboardShortcut) -> String {
    let names = &ModifierNames::NAMES;
    let modifiers = names.format(&keys.modifiers, cfg!(target_os = "macos"));
    let key = match keys.logical_key {
        Key::PageUp => "Page Up",
        Key::PageDown => "Page Down",
        other => other.symbol_or_name(),
    };
    if modifiers.is_empty() { key.to_owned() } else { format!("{modifiers}{}{key}", names.concat) }
}

impl Command {
    /// The commands of the window, in the order in which the help overlay shows them.
    const OF_THE_WINDOW: &'static [Self] = &[
        Self::Tab(Tab::Explore),
        Self::Tab(Tab::Train),
        Self::Tab(Tab::Models),
        Self::Tab(Tab::TestSets),
        Self::CycleTheme,
        Self::LargeType,
        Self::Palette,
        Self::Present,
        Self::Lesson(LessonCommand::Toggle),
        Self::Lesson(LessonCommand::AskFile),
        Self::Undo,
        Self::Redo,
        Self::SaveViewDialog,
        Self::RefreshModels,
        Self::DismissNotices,
        Self::Help,
        Self::Quit,
    ];

    const OF_EXPLORE: &'static [Self] = &[
        Self::OpenDialog,
        Self::Draw,
        Self::SaveDialog,
        Self::SaveOriginalDialog,
        Self::SaveAnimationDialog,
        Self::CopyPicture,
        Self::CopyCommand,
        Self::NextSample,
        Self::PreviousSample,
        Self::EpsUp,
        Self::EpsDown,
        Self::EpsUpFine,
        Self::EpsDownFine,
        Self::EpsReset,
        Self::StartOver,
        Self::ToggleMore,
        Self::ShowPhotos,
        Self::ShowDigits,
        Self::Goal(Goal::Untargeted),
        Self::SearchTarget,
        Self::Label(Label::Predicted),
        Self::GiveLabel,
        Self::ToggleClip,
        Self::ToggleEightBit,
        Self::ToggleLoss,
        Self::ToggleOwnPixels,
        Self::Look(Quantity::Perturbation),
        Self::Look(Quantity::Magnitude),
        Self::Look(Quantity::Gradient),
        Self::ZoomIn,
        Self::ZoomOut,
        Self::ZoomReset,
        Self::NextMoment,
        Self::ToggleLinear,
    ];

    /// The commands of a place that have a name to find them by; nearly all have a shortcut.
    pub fn listed(place: Place) -> Vec<Self> {
        match place {
            Place::Everywhere => Self::OF_THE_WINDOW.to_vec(),
            Place::Lesson => LessonCommand::LISTED.iter().cloned().map(Self::Lesson).collect(),
            Place::In(Tab::Explore) => {
                let attack = AttackCommand::listed().into_iter().map(Self::Attack);
                let why = WhyCommand::LISTED.iter().cloned().map(Self::Why);
                Self::OF_EXPLORE.iter().cloned().chain(attack).chain(why).collect()
            }
            Place::In(Tab::Train) => TrainCommand::WITH_SHORTCUT.iter().cloned().map(Self::Train).collect(),
            Place::In(Tab::TestSets) => TestCommand::LISTED.iter().cloned().map(Self::Test).collect(),
            Place::In(Tab::Models) => ModelsCommand::WITH_SHORTCUT.iter().cloned().map(Self::Models).collect(),
        }
    }

    /// Name, tooltip, shortcut and icon.
    pub fn about(&self) -> About {
        if let Self::Train(command) = self {
            return command.about();
        }
        if let Self::Models(command) = self {
            return command.about();
        }
        if let Self::Test(command) = self {
            return command.about();
        }
        if let Self::Lesson(command) = self {
            return command.about();
        }
        if let Self::Why(command) = self {
            return command.about();
        }
        if let Self::Attack(command) = self {
            return command.about();
        }
        self.picture_about().or_else(|| self.attack_about()).unwrap_or_else(|| self.window_about())
    }

    fn picture_about(&self) -> Option<About> {
        Some(match self {
            Self::OpenDialog => about(
                "Open…",
                "Open a picture file. You can also drop one on the window or paste one.",
                keys(CTRL, Key::O),
                Some(icons::ICON_FOLDER_OPEN),
            ),
            Self::Browse => about("Browse…", "Choose in the system's file dialog", None, Some(icons::ICON_FOLDER_OPEN)),
            Self::BrowseArchives => about(
                "Archive…",
                "Choose a .tar, .tar.gz or .tar.xz in the system's file dialog",
                None,
                Some(icons::ICON_FOLDER_ZIP),
            ),
            Self::Draw => about(
                "Draw…",
                "Draw a digit by hand; it is attacked as you draw",
                keys(CTRL, Key::D),
                Some(icons::ICON_DRAW),
            ),
            Self::SaveDialog => about(
                "Save picture…",
                "Save the adversarial picture as PNG. The file is read again and classified, so you know that it \
                 survived being rounded to 8 bits.",
                keys(CTRL, Key::S),
                Some(icons::ICON_SAVE),
            ),
            Self::SaveTo(_) => about("Save", "Write the PNG", None, Some(icons::ICON_SAVE)),
            Self::SaveOriginalDialog | Self::SaveOriginalTo(_) => about(
                "Save original…",
                "Save the untouched picture as PNG: one that was drawn, pasted or taken from a test set is in no file yet, \
                 and commands need one",
                None,
                Some(icons::ICON_SAVE),
            ),
            Self::SaveViewDialog => about(
                "Save view…",
                "Save a picture of the window as PNG, with its settings inside: opened again, it is this view",
                keys(CTRL.plus(Modifiers::SHIFT), Key::S),
                Some(icons::ICON_PHOTO_CAMERA),
            ),
            Self::SaveViewTo(_) => about("Save view", "Write the PNG", None, Some(icons::ICON_SAVE)),
            Self::SaveAnimationDialog => about(
                "Save animation…",
                "Save a GIF of the window in which ε rises from 0 to where it stands, for slides and pages",
                None,
                Some(icons::ICON_GIF_BOX),
            ),
            Self::SaveAnimationTo(_) => {
                about("Save animation", "Record and write the GIF", None, Some(icons::ICON_GIF_BOX))
            }
            Self::CopyPicture => about(
                "Copy picture",
                "Copy the adversarial picture to the clipboard",
                keys(CTRL.plus(Modifiers::SHIFT), Key::C),
                Some(icons::ICON_CONTENT_COPY),
            ),
            Self::CopyCommand => about(
                "Copy as command line",
                "Copy the command that computes the same without a window",
                keys(CTRL.plus(Modifiers::SHIFT), Key::K),
                Some(icons::ICON_TERMINAL),
            ),
            Self::Show(_) => about("Show a picture", "Look at this picture", None, None),
            Self::ShowExample(_) => about("Example", "A photograph that is taken for something else", None, None),
            Self::NextSample => about("Next sample", "The next picture of the strip", keys(NONE, Key::PageDown), None),
            Self::PreviousSample => about("Previous sample", "The picture before it", keys(NONE, Key::PageUp), None),
            Self::ShowPhotos => about("Photos", "The photographs that come with the program", None, None),
            Self::ShowDigits => about("Digits", "The digits that come with the program", None, None),
            Self::UseModel(_) | Self::KeepBoth { .. } => about("Model", "The net that is attacked", None, None),
            Self::RefreshModels => about(
                "Look for models again",
                "Read the folders of models again",
                keys(NONE, Key::F5),
                Some(icons::ICON_REFRESH),
            ),
            _ => return None,
        })
    }

    fn attack_about(&self) -> Option<About> {
        Some(match self {
            Self::Eps(_) => {
                about("ε", "How far each pixel may move, as a share of the way from black to white", None, None)
            }
            Self::EpsUp => about("ε one grey level up", "Raise ε by 1/255", keys(NONE, Key::CloseBracket), None),
            Self::EpsDown => about("ε one grey level down", "Lower ε by 1/255", keys(NONE, Key::OpenBracket), None),
            Self::EpsUpFine => {
                about("ε a tenth of a grey level up", "Raise ε by 0.1/255", keys(CTRL, Key::CloseBracket), None)
            }
            Self::EpsDownFine => {
                about("ε a tenth of a grey level down", "Lower ε by 0.1/255", keys(CTRL, Key::OpenBracket), None)
            }
            Self::EpsReset => about(
                "Reset ε",
                "Back to the usual ε: in L∞ 0.25 for grey digits, 2/255 for photographs in colour; a double click on the slider \
                 does the same",
                keys(NONE, Key::Backslash),
                Some(icons::ICON_RESTART_ALT),
            ),
            Self::MakeIt(_) => about(
                "Make a doppelgänger",
                "Move the picture, step by step and by no more than ε at any pixel, towards this class: PGD with a target",
                None,
                Some(icons::ICON_AUTO_AWESOME),
            ),
            Self::StartOver => about(
                "Back to FGSM",
                "Back to one step away from the label",
                keys(NONE, Key::Backspace),
                Some(icons::ICON_RESTART_ALT),
            ),
            Self::Goal(Goal::Untargeted) => {
                about("Away from the label", "Raise the loss of the label: any other answer will do", None, None)
            }
            Self::Goal(Goal::Targeted(_)) => {
                about("Towards a class", "Lower the loss of one chosen class", None, Some(icons::ICON_TARGET))
            }
            Self::SearchTarget => about(
                "Towards a class…",
                "Choose the class that the net should see. One step of FGSM rarely gets there; several gradient steps \
                 often do.",
                keys(CTRL, Key::F),
                Some(icons::ICON_SEARCH),
            ),
            Self::Label(Label::Predicted) => {
                about("Predicted label", "Take the net's own answer for the untouched picture as the label", None, None)
            }
            Self::Label(Label::Given(_)) | Self::GiveLabel => {
                about("Label by hand…", "Say yourself what the picture shows", keys(CTRL, Key::G), None)
            }
            Self::Clip(_) | Self::ToggleClip => about(
                "Clip to [0, 1]",
                "Keep pixels between black and white, as a picture file must. Without it the numbers may leave the \
                 range and the picture cannot be saved as it is.",
                keys(NONE, Key::C),
                None,
            ),
            Self::ToggleEightBit => about(
                "8 bit",
                "Round every picture to 8 bits, as a file holds it, before the net sees it: an ε below half a grey level \
                 then does nothing",
                keys(NONE, Key::B),
                None,
            ),
            Self::ToggleOwnPixels => about(
                "Own pixels",
                "Attack the photo's own pixels: the gradient goes back through crop and resampling, and the whole photo \
                 is saved. Without it, the small picture is attacked that the net sees.",
                keys(NONE, Key::P),
                None,
            ),
            Self::Background(_) => {
                about("Background", "The colour behind the transparent parts of this picture", None, None)
            }
            Self::Crop(_) => about(
                "Crop",
                "Choose what the net sees of the photo: drag the frame, make it larger or smaller by its corners or with the wheel; \
                 or use the arrow keys, with Shift for its size. A double click gives the choice back to the net.",
                None,
                None,
            ),
            Self::Follow(_) | Self::ToggleLoss => about(
                "Log-odds",
                "Follow the slope of the log-odds against the class instead of the cross-entropy. Both point the same \
                 way; but where the net is very sure, rounding hides the slope of the cross-entropy, and the log-odds \
                 still show it.",
                keys(NONE, Key::L),
                None,
            ),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_are_spelled_as_on_the_keys() {
        let spelled = |command: Command| spelled(&command.about().shortcut.unwrap());
        assert_eq!(spelled(Command::EpsUp), "]");
        assert_eq!(spelled(Command::EpsDownFine), "Ctrl+[");
        assert_eq!(spelled(Command::CopyPicture), "Ctrl+Shift+C");
        assert_eq!(spelled(Command::NextSample), "Page Down");
    }

    #[test]
    fn no_two_commands_share_a_shortcut() {
        for (tab, least) in [(Tab::Explore, 20), (Tab::Train, 20), (Tab::Models, 9), (Tab::TestSets, 14)] {
            let mut seen = std::collections::HashMap::new();
            let here = [Place::Everywhere, Place::In(tab)].into_iter().flat_map(Command::listed);
            for command in here {
                let about = command.about();
                let Some(shortcut) = about.shortcut else { continue };
                if let Some(other) = seen.insert(format!("{shortcut:?}"), about.name) {
                    panic!("{} and {other} share {shortcut:?}", about.name);
                }
            }
            assert!(seen.len() >= least, "{tab:?}: {}", seen.len());
        }
    }
}
