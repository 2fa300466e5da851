use std::path::PathBuf;

use egui::{Key, Modifiers};
use egui_material_icons::icons;

use crate::app::commands::tab::Tab;
use crate::app::widgets::about::{About, Action, CTRL, NONE, about};

/// These can be done on every page.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowCommand {
    /// This opens the system's dialog for the question that is open.
    Browse,
    /// This asks for packed class folders where a folder is asked for.
    BrowseArchives,
    SaveViewDialog,
    SaveViewTo(PathBuf),
    /// This asks which of the page's figures goes where.
    ExportFigure,
    SaveFigureTo(PathBuf),
    /// This asks where a report of all figures of the page goes.
    SaveReport,
    CopyFigure,
    RefreshModels,
    Undo,
    Redo,
    Tab(Tab),
    CycleTheme,
    LargeType,
    Present,
    Palette,
    Help,
    DismissNotice(u64),
    DismissNotices,
    CloseOverlay,
    Quit,
}

impl Action for WindowCommand {
    fn about(&self) -> About {
        match self {
            Self::Tab(tab) => tab.about(),
            Self::Browse => about("Browse…", "Choose in the system's file dialog").icon(icons::ICON_FOLDER_OPEN),
            Self::BrowseArchives => about("Archive…", "Choose a .tar, .tar.gz or .tar.xz in the system's file dialog")
                .icon(icons::ICON_FOLDER_ZIP),
            Self::SaveViewDialog => about(
                "Save view…",
                "Save a picture of the window as PNG, with its settings inside: opened again, it is this view",
            )
            .keys(CTRL.plus(Modifiers::SHIFT), Key::S)
            .icon(icons::ICON_PHOTO_CAMERA),
            Self::SaveViewTo(_) => about("Save view", "Write the PNG").icon(icons::ICON_SAVE),
            Self::ExportFigure => about(
                "Export figure…",
                "Save what is on screen as a figure for a paper: PDF, SVG or PNG on white, with a caption for LaTeX",
            )
            .keys(CTRL.plus(Modifiers::SHIFT), Key::F)
            .icon(icons::ICON_IMAGE),
            Self::SaveFigureTo(_) => about("Export figure", "Write the figure").icon(icons::ICON_IMAGE),
            Self::SaveReport => about(
                "Save report…",
                "Save one HTML file with all figures of this page, their tables, settings and commands",
            )
            .icon(icons::ICON_TABLE),
            Self::CopyFigure => {
                about("Copy figure", "Copy what is on screen as a figure on white, as pixels, to the clipboard")
                    .keys(CTRL.plus(Modifiers::SHIFT), Key::G)
                    .icon(icons::ICON_CONTENT_COPY)
            }
            Self::RefreshModels => about("Look for models again", "Read the folders of models again")
                .keys(NONE, Key::F5)
                .icon(icons::ICON_REFRESH),
            Self::CycleTheme => {
                about("Theme", "Dark, light, or as the system has it").keys(CTRL, Key::T).icon(icons::ICON_CONTRAST)
            }
            Self::LargeType => about("Large type", "Enlarge everything, for a projector")
                .keys(CTRL, Key::L)
                .icon(icons::ICON_FORMAT_SIZE),
            Self::Palette => about(
                "All commands…",
                "Find anything that can be done, a net, a picture or a lesson, by a part of its name",
            )
            .keys(CTRL, Key::K)
            .icon(icons::ICON_SEARCH),
            Self::Undo => about(
                "Undo",
                "Take back the last change: in Explore of picture, net or attack, in Train of the settings of the \
                 next run",
            )
            .keys(CTRL, Key::Z)
            .icon(icons::ICON_UNDO),
            Self::Redo => about("Redo", "Do again what was taken back")
                .keys(CTRL.plus(Modifiers::SHIFT), Key::Z)
                .icon(icons::ICON_REDO),
            Self::Present => about("Presentation", "The whole screen and large type; once more to go back")
                .keys(NONE, Key::F11)
                .icon(icons::ICON_FULLSCREEN),
            Self::DismissNotice(_) => about("Dismiss", "Put this notice away").icon(icons::ICON_CLOSE),
            Self::DismissNotices => about("Dismiss notices", "Put all notices away").keys(CTRL, Key::Backspace),
            Self::CloseOverlay => about("Close", "Close this window").icon(icons::ICON_CLOSE),
            Self::Quit => about("Quit", "Close Doppelgänger").keys(CTRL, Key::Q),
            Self::Help => {
                about("Help", "Shortcuts and how to read the picture").keys(NONE, Key::F1).icon(icons::ICON_HELP)
            }
        }
    }

    fn listed() -> Vec<Self> {
        let tabs = Tab::ALL.iter().map(|tab| Self::Tab(*tab));
        let others = [
            Self::CycleTheme,
            Self::LargeType,
            Self::Palette,
            Self::Present,
            Self::Undo,
            Self::Redo,
            Self::SaveViewDialog,
            Self::ExportFigure,
            Self::SaveReport,
            Self::CopyFigure,
            Self::RefreshModels,
            Self::DismissNotices,
            Self::Help,
            Self::Quit,
        ];
        tabs.chain(others).collect()
    }
}
