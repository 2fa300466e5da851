//! These are the commands of the Test sets page.

use egui::{Key, Modifiers};
use egui_material_icons::icons;
use serde::{Deserialize, Serialize};

use crate::app::widgets::about::{About, Action, CTRL, NONE, about};
use crate::engine::data::DataSource;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestPart {
    #[default]
    Curves,
    Sheet,
    Confusion,
    Confidence,
    Lengths,
    Transfer,
}

/// The switch of pages shows this.
pub const PAGE: About =
    about("Test sets", "Nets under attacks on whole test sets: security curves, confusion, transfer")
        .keys(CTRL, Key::Num4);

#[derive(Clone, Debug, PartialEq)]
pub enum TestCommand {
    Measure,
    Stop,
    Transfer,
    SkipDamaged,
    CopyCommand,
    CopyTable,
    /// These nets are to be measured on the test pictures of this data.
    Choose {
        nets: Vec<String>,
        data: DataSource,
    },
    Explore(usize),
    NextPage,
    PreviousPage,
    View(TestPart),
    /// Without a number, the curve that is looked at is taken away.
    Remove(Option<usize>),
    RemoveAll,
}

impl Action for TestCommand {
    fn about(&self) -> About {
        match self {
            Self::Measure => about("Measure", "Attack the pictures with every chosen attack on every chosen net")
                .keys(CTRL, Key::Enter)
                .icon(icons::ICON_PLAY_ARROW),
            Self::Stop => {
                about("Stop", "Stop; the curves that are there stay").keys(NONE, Key::S).icon(icons::ICON_STOP)
            }
            Self::Transfer => about(
                "Transfer",
                "Make adversarial pictures on each chosen net and show them to the others, under the first chosen \
                 attack",
            )
            .keys(NONE, Key::T)
            .icon(icons::ICON_SYNC_ALT),
            Self::SkipDamaged => about(
                "Skip them and measure",
                "Look for all damaged pictures first, leave them out, and measure the others",
            )
            .icon(icons::ICON_PLAY_ARROW),
            Self::CopyCommand => {
                about("Copy as command line", "Copy the command that measures the same without a window")
                    .keys(CTRL.plus(Modifiers::SHIFT), Key::K)
                    .icon(icons::ICON_TERMINAL)
            }
            Self::CopyTable => about(
                "Copy the table",
                "Copy all points, or the transfer between nets, as a table for a spreadsheet: tabs stand between the columns",
            )
            .keys(NONE, Key::C)
            .icon(icons::ICON_TABLE),
            Self::Choose { .. } => about("Measure", "Choose these nets and this data"),
            Self::Explore(_) => about("Attack in Explore", "Look at this picture in Explore"),
            Self::NextPage => {
                about("Next pictures", "The next 25 pictures").keys(NONE, Key::PageDown).icon(icons::ICON_CHEVRON_RIGHT)
            }
            Self::PreviousPage => about("Previous pictures", "The 25 pictures before")
                .keys(NONE, Key::PageUp)
                .icon(icons::ICON_CHEVRON_LEFT),
            Self::View(part) => part.about(),
            Self::Remove(None) => about(
                "Remove the curve",
                "Take the curve that is looked at out of the plot and the table, and delete it from disk",
            )
            .keys(NONE, Key::Delete)
            .icon(icons::ICON_CLOSE),
            Self::Remove(_) => about("Remove", "Take this curve out, and delete it from disk").icon(icons::ICON_CLOSE),
            Self::RemoveAll => about(
                "Remove all curves",
                "Take all curves out of the plot and the table, and delete them from disk; the settings stay",
            )
            .keys(Modifiers::SHIFT, Key::Delete)
            .icon(icons::ICON_DELETE_SWEEP),
        }
    }

    fn listed() -> Vec<Self> {
        let survey = [Self::Measure, Self::Stop, Self::Transfer, Self::NextPage, Self::PreviousPage];
        let [copies, removals] = [[Self::CopyCommand, Self::CopyTable], [Self::Remove(None), Self::RemoveAll]];
        [&survey[..], &copies, &TestPart::ALL.map(Self::View), &removals].concat()
    }
}

impl TestPart {
    pub const ALL: [Self; 6] =
        [Self::Curves, Self::Sheet, Self::Confusion, Self::Confidence, Self::Lengths, Self::Transfer];

    fn about(self) -> About {
        let (name, tooltip) = match self {
            Self::Curves => ("Curves", "Accuracy against ε"),
            Self::Sheet => ("Pictures", "25 attacked pictures with the net's answers"),
            Self::Confusion => ("Confusion", "Which class is taken for which"),
            Self::Confidence => ("Confidence", "How sure the net is of right and wrong answers"),
            Self::Lengths => ("Lengths", "How long a perturbation each picture needs, of attacks that find their own"),
            Self::Transfer => ("Transfer", "Pictures made on one net, shown to another"),
        };
        about(name, tooltip)
    }
}
