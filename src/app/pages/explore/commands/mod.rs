//! This module lists what can be done on the Explore page.

pub mod attack;
pub mod why;

use std::path::PathBuf;

use egui::{Key, Modifiers};
use egui_material_icons::icons;

use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::train::commands::NetMoment;
use crate::app::widgets::about::{About, Action, CTRL, NONE, about};
use crate::engine::attack::{Goal, Label, Loss};
use crate::engine::data::Invert;
use crate::engine::picture::{Background, Heatmap, HeatmapQuantity, Region};
use crate::worker::Source;

pub const PAGE: About = about("Explore", "Attack a picture and see what the net says").keys(CTRL, Key::Num1);

const SAVE_TIP: &str = "Save the adversarial picture as PNG. The file is read again and classified, so you know that \
                        it survived being rounded to 8 bits.";
const SAVE_ORIGINAL_TIP: &str = "Save the untouched picture as PNG: one that was drawn, pasted or taken from a test \
                                 set is in no file yet, and commands need one";
const ANIMATION_TIP: &str =
    "Save a GIF or an APNG of the window in which ε rises from 0 to where it stands, for slides and pages";
const COPY_COMMAND_TIP: &str = "Copy the command that computes the same without a window";
const EPS_RESET_TIP: &str = "Back to the usual ε: in L∞ 0.25 for grey digits, 2/255 for photographs in colour; a \
                             double click on the slider does the same";
const MAKE_IT_TIP: &str = "Move the picture, step by step and by no more than ε at any pixel, towards this class: PGD \
                           with a target";
const TARGET_TIP: &str = "Choose the class that the net should see. One step of FGSM rarely gets there; several \
                          gradient steps often do.";
const CLIP_TIP: &str = "Keep pixels between black and white, as a picture file must. Without it the numbers may leave \
                        the range and the picture cannot be saved as it is.";
const EIGHT_BIT_TIP: &str = "Round every picture to 8 bits, as a file holds it, before the net sees it: an ε below \
                             half a grey level then does nothing";
const OWN_PIXELS_TIP: &str = "Attack the photo's own pixels: the gradient goes back through crop and resampling, and \
                              the whole photo is saved. Without it, the small picture is attacked that the net sees.";
const CROP_TIP: &str = "Choose what the net sees of the photo: drag the frame, make it larger or smaller by its \
                        corners or with the wheel; or use the arrow keys, with Shift for its size. A double click \
                        gives the choice back to the net.";
const INVERT_TIP: &str = "Of a digit on paper, dark on light: show a net of digits the picture inverted, cropped \
                          and centred, as MNIST has its digits, or as it is";
const LOG_ODDS_TIP: &str = "Follow the slope of the log-odds against the class instead of the cross-entropy. Both \
                            point the same way; but where the net is very sure, rounding hides the slope of the \
                            cross-entropy, and the log-odds still show it.";
const MORE_TIP: &str =
    "All the settings of the attack: which one, its parameters, goal, label, clipping, rounding, presets";
const LINEAR_TIP: &str = "Of a linear net: its weights as pictures, and the formula with the numbers of this picture";

#[derive(Clone, Debug, PartialEq)]
pub enum ExploreCommand {
    OpenDialog,
    Draw,
    SaveDialog,
    SaveTo(PathBuf),
    SaveOriginalDialog,
    SaveOriginalTo(PathBuf),
    SaveAnimationDialog,
    SaveAnimationTo(PathBuf),
    CopyPicture,
    CopyCommand,
    Show(Source),
    ShowExample(usize),
    NextSample,
    PreviousSample,
    ShowPhotos,
    ShowDigits,
    UseModel(String),
    KeepBoth {
        model: String,
        picture: Source,
    },
    Eps(f32),
    EpsUp,
    EpsDown,
    EpsUpFine,
    EpsDownFine,
    EpsReset,
    MakeIt(usize),
    StartOver,
    Goal(Goal),
    SearchTarget,
    Label(Label),
    GiveLabel,
    ToggleClip,
    ToggleEightBit,
    Follow(Loss),
    ToggleLoss,
    ToggleOwnPixels,
    Background(Background),
    /// Shows the net this part of the picture; without one the net chooses.
    Crop(Option<Region>),
    Invert(Invert),
    ToggleInvert,
    ToggleMore,
    Heatmap(Heatmap),
    Look(HeatmapQuantity),
    ZoomIn,
    ZoomOut,
    ZoomReset,
    ShowNet(NetMoment),
    NextMoment,
    CloseDrawing,
    ToggleLinear,
    CloseLinear,
    Attack(AttackCommand),
    Why(WhyCommand),
}

const LISTED: &[ExploreCommand] = &[
    ExploreCommand::OpenDialog,
    ExploreCommand::Draw,
    ExploreCommand::SaveDialog,
    ExploreCommand::SaveOriginalDialog,
    ExploreCommand::SaveAnimationDialog,
    ExploreCommand::CopyPicture,
    ExploreCommand::CopyCommand,
    ExploreCommand::NextSample,
    ExploreCommand::PreviousSample,
    ExploreCommand::EpsUp,
    ExploreCommand::EpsDown,
    ExploreCommand::EpsUpFine,
    ExploreCommand::EpsDownFine,
    ExploreCommand::EpsReset,
    ExploreCommand::StartOver,
    ExploreCommand::ToggleMore,
    ExploreCommand::ShowPhotos,
    ExploreCommand::ShowDigits,
    ExploreCommand::Goal(Goal::Untargeted),
    ExploreCommand::SearchTarget,
    ExploreCommand::Label(Label::Predicted),
    ExploreCommand::GiveLabel,
    ExploreCommand::ToggleClip,
    ExploreCommand::ToggleEightBit,
    ExploreCommand::ToggleLoss,
    ExploreCommand::ToggleOwnPixels,
    ExploreCommand::ToggleInvert,
    ExploreCommand::Look(HeatmapQuantity::Perturbation),
    ExploreCommand::Look(HeatmapQuantity::Magnitude),
    ExploreCommand::Look(HeatmapQuantity::Gradient),
    ExploreCommand::ZoomIn,
    ExploreCommand::ZoomOut,
    ExploreCommand::ZoomReset,
    ExploreCommand::NextMoment,
    ExploreCommand::ToggleLinear,
];

impl Action for ExploreCommand {
    fn about(&self) -> About {
        match self {
            Self::OpenDialog => {
                about("Open…", "Open a picture file. You can also drop one on the window or paste one.")
                    .keys(CTRL, Key::O)
                    .icon(icons::ICON_FOLDER_OPEN)
            }
            Self::Draw => about("Draw…", "Draw a digit by hand; it is attacked as you draw")
                .keys(CTRL, Key::D)
                .icon(icons::ICON_DRAW),
            Self::SaveDialog => about("Save picture…", SAVE_TIP).keys(CTRL, Key::S).icon(icons::ICON_SAVE),
            Self::SaveTo(_) => about("Save", "Write the PNG").icon(icons::ICON_SAVE),
            Self::SaveOriginalDialog | Self::SaveOriginalTo(_) => {
                about("Save original…", SAVE_ORIGINAL_TIP).icon(icons::ICON_SAVE)
            }
            Self::SaveAnimationDialog => about("Save animation…", ANIMATION_TIP).icon(icons::ICON_GIF_BOX),
            Self::SaveAnimationTo(_) => about("Save animation", "Record and write the file").icon(icons::ICON_GIF_BOX),
            Self::CopyPicture => about("Copy picture", "Copy the adversarial picture to the clipboard")
                .keys(CTRL.plus(Modifiers::SHIFT), Key::C)
                .icon(icons::ICON_CONTENT_COPY),
            Self::CopyCommand => about("Copy as command line", COPY_COMMAND_TIP)
                .keys(CTRL.plus(Modifiers::SHIFT), Key::K)
                .icon(icons::ICON_TERMINAL),
            Self::Show(_) => about("Show a picture", "Look at this picture"),
            Self::ShowExample(_) => about("Example", "A photograph that is taken for something else"),
            Self::NextSample => about("Next sample", "The next picture of the strip").keys(NONE, Key::PageDown),
            Self::PreviousSample => about("Previous sample", "The picture before it").keys(NONE, Key::PageUp),
            Self::ShowPhotos => about("Photos", "The photographs that come with the program"),
            Self::ShowDigits => about("Digits", "The digits that come with the program"),
            Self::UseModel(_) | Self::KeepBoth { .. } => about("Model", "The net that is attacked"),
            Self::Eps(_) => about("ε", "How far each pixel may move, as a share of the way from black to white"),
            Self::EpsUp => about("ε one grey level up", "Raise ε by 1/255").keys(NONE, Key::CloseBracket),
            Self::EpsDown => about("ε one grey level down", "Lower ε by 1/255").keys(NONE, Key::OpenBracket),
            Self::EpsUpFine => {
                about("ε a tenth of a grey level up", "Raise ε by 0.1/255").keys(CTRL, Key::CloseBracket)
            }
            Self::EpsDownFine => {
                about("ε a tenth of a grey level down", "Lower ε by 0.1/255").keys(CTRL, Key::OpenBracket)
            }
            Self::EpsReset => about("Reset ε", EPS_RESET_TIP).keys(NONE, Key::Backslash).icon(icons::ICON_RESTART_ALT),
            Self::MakeIt(_) => about("Make a doppelgänger", MAKE_IT_TIP).icon(icons::ICON_AUTO_AWESOME),
            Self::StartOver => about("Back to FGSM", "Back to one step away from the label")
                .keys(NONE, Key::Backspace)
                .icon(icons::ICON_RESTART_ALT),
            Self::Goal(Goal::Untargeted) => {
                about("Away from the label", "Raise the loss of the label: any other answer will do")
            }
            Self::Goal(Goal::Targeted(_)) => {
                about("Towards a class", "Lower the loss of one chosen class").icon(icons::ICON_TARGET)
            }
            Self::SearchTarget => about("Towards a class…", TARGET_TIP).keys(CTRL, Key::F).icon(icons::ICON_SEARCH),
            Self::Label(Label::Predicted) => {
                about("Predicted label", "Take the net's own answer for the untouched picture as the label")
            }
            Self::Label(Label::Given(_)) | Self::GiveLabel => {
                about("Label by hand…", "Say yourself what the picture shows").keys(CTRL, Key::G)
            }
            Self::ToggleClip => about("Clip to [0, 1]", CLIP_TIP).keys(NONE, Key::C),
            Self::ToggleEightBit => about("8 bit", EIGHT_BIT_TIP).keys(NONE, Key::B),
            Self::ToggleOwnPixels => about("Own pixels", OWN_PIXELS_TIP).keys(NONE, Key::P),
            Self::Background(_) => about("Background", "The colour behind the transparent parts of this picture"),
            Self::Crop(_) => about("Crop", CROP_TIP),
            Self::Invert(_) | Self::ToggleInvert => about("Invert", INVERT_TIP).keys(NONE, Key::I),
            Self::Follow(_) | Self::ToggleLoss => about("Log-odds", LOG_ODDS_TIP).keys(NONE, Key::L),
            Self::Heatmap(_) => about("Perturbation view", "What the middle picture shows"),
            Self::Look(HeatmapQuantity::Perturbation) => about("Show δ", "What is added to each pixel, with its sign"),
            Self::Look(HeatmapQuantity::Magnitude) => about("Show |δ|", "How much each pixel moves, without the sign"),
            Self::Look(HeatmapQuantity::Gradient) => about("Show ∇J", "The gradient itself: FGSM keeps only its sign"),
            Self::ZoomIn => about("Zoom in", "Enlarge all three pictures").keys(NONE, Key::Plus),
            Self::ZoomOut => about("Zoom out", "Make all three pictures smaller").keys(NONE, Key::Minus),
            Self::ZoomReset => about("Fit pictures", "Show the pictures whole").keys(NONE, Key::Num0),
            Self::ShowNet(moment) => moment.about(),
            Self::NextMoment => {
                about("Net before, now, best", "Of a run's net in Explore: the next of the three moments")
                    .keys(NONE, Key::N)
            }
            Self::CloseDrawing => {
                about("Close drawing", "Close; the drawing is kept for the next time").icon(icons::ICON_CLOSE)
            }
            Self::ToggleMore => about("More", MORE_TIP).keys(NONE, Key::A).icon(icons::ICON_TUNE),
            Self::ToggleLinear => {
                about("Why FGSM is exact here", LINEAR_TIP).keys(NONE, Key::F).icon(icons::ICON_FUNCTIONS)
            }
            Self::CloseLinear => about("Close the formula", "Close").icon(icons::ICON_CLOSE),
            Self::Attack(command) => command.about(),
            Self::Why(command) => command.about(),
        }
    }

    fn listed() -> Vec<Self> {
        let attack = AttackCommand::listed().into_iter().map(Self::Attack);
        let why = WhyCommand::listed().into_iter().map(Self::Why);
        LISTED.iter().cloned().chain(attack).chain(why).collect()
    }
}
