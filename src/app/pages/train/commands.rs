//! These are the commands of the Train page.

use std::path::PathBuf;

use egui::{Key, Modifiers};
use egui_material_icons::icons;

use crate::app::widgets::about::{About, Action, CTRL, NONE, about};
use crate::engine::data::DataSource;
use crate::engine::train::{Config, RunLabel};
use crate::worker::RunId;

/// A run has three nets that Explore can attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetMoment {
    Before,
    Now,
    Best,
}

/// The panel shows the settings of one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsOf {
    NextRun,
    RunInHand,
}

/// One of these stands in the middle of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainView {
    Curves,
    FirstLayer,
    Sweep,
    /// The table of all runs is shown here where there is no room for it below.
    Runs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    History,
    Settings,
    Plots,
}

/// The switch of pages shows this.
pub const PAGE: About = about("Train", "Train a net, cleanly or against attacks").keys(CTRL, Key::Num2);

/// A command that names no run is about the selected one.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainCommand {
    // The run in hand
    Start,
    PlayPause,
    OneStep,
    OneEpoch,
    Stop,
    Retune {
        eps: f32,
        alpha: f32,
    },
    Rate(f32),
    HalveRate,
    /// The run that met damaged pictures begins anew.
    SkipDamaged,
    // The selected run
    Select(RunId),
    NextRun,
    PreviousRun,
    Tick(RunId, bool),
    TickSelected,
    Resume,
    Withdraw,
    Again,
    CopyCommand,
    AskLabel,
    Label(RunId, RunLabel),
    AskDelete,
    Delete(RunId),
    UseNet(NetMoment),
    AskKeep,
    /// This keeps the net of a run as a model of this name.
    Keep(RunId, String),
    /// This goes to Test sets with the nets of the ticked runs and of the selected one.
    Measure,
    /// This goes there with the nets of the sweep.
    MeasureSweep,
    /// The runs of the sweep are measured at one ε, by the measure that they are judged by.
    MeasureCommon,
    StopMeasuring,
    AskExport(Export),
    ExportTo(Export, PathBuf),
    /// This reads the weights of a run that is not in hand.
    ShowFirstLayer(RunId),
    // Settings of the next run
    Settings(Box<Config>),
    Panel(SettingsOf),
    FolderDialog,
    UseFolder(PathBuf),
    AskFetch(DataSource),
    FetchData(DataSource),
    StopFetching,
    AskSweep,
    Sweep {
        eps: Vec<f32>,
        alpha: Vec<f32>,
    },
    View(TrainView),
    /// Settings are probed as they are changed, or not.
    ToggleProbe,
    NextExample,
}

impl Action for TrainCommand {
    fn about(&self) -> About {
        match self {
            Self::Start => about("Train", "Begin a run with these settings, or queue it behind the one in hand")
                .keys(CTRL, Key::Enter)
                .icon(icons::ICON_PLAY_ARROW),
            Self::PlayPause => {
                about("Pause or go on", "Pause the run in hand, or go on with it. With nothing in hand, begin one.")
                    .keys(NONE, Key::Space)
                    .icon(icons::ICON_PAUSE)
            }
            Self::OneStep => about("Step", "Do one step, which is one batch of pictures, then pause")
                .keys(NONE, Key::S)
                .icon(icons::ICON_STEP),
            Self::OneEpoch => about("Epoch", "Continue to the end of the epoch, then pause")
                .keys(NONE, Key::E)
                .icon(icons::ICON_SKIP_NEXT),
            Self::Stop => {
                about("Stop", "Put the run down. It is kept and can be taken up again; the next of the queue begins.")
                    .keys(CTRL, Key::Period)
                    .icon(icons::ICON_STOP)
            }
            Self::Retune { .. } => about("Retune", "ε and α of the run in hand, from the next epoch on"),
            Self::Rate(_) => about("Learning rate", "The learning rate of the run in hand, from the next step on"),
            Self::HalveRate => about(
                "Halve the learning rate and go on",
                "The weights are as they were before the step that failed; a smaller rate usually gets past it",
            )
            .icon(icons::ICON_PLAY_ARROW),
            Self::SkipDamaged => about(
                "Skip them and begin anew",
                "Look for all damaged pictures first, leave them out, and train with the same settings from the start",
            )
            .icon(icons::ICON_PLAY_ARROW),

            Self::Select(_) => about("Select", "Show this run"),
            Self::NextRun => about("Older run", "Select the next run of the table").keys(NONE, Key::PageDown),
            Self::PreviousRun => about("Newer run", "Select the run before it").keys(NONE, Key::PageUp),
            Self::Tick(..) | Self::TickSelected => {
                about("Overlay", "Keep this run's curves in the plots, whichever is selected").keys(NONE, Key::O)
            }
            Self::Resume => about("Resume", "Take the run up where it was left; it goes on as if it had never stopped")
                .keys(CTRL, Key::R)
                .icon(icons::ICON_RESUME),
            Self::Withdraw => about("Take out of the queue", "Do not begin this run").icon(icons::ICON_CLOSE),
            Self::Again => about("Same settings", "Take this run's settings for the next one")
                .keys(CTRL, Key::D)
                .icon(icons::ICON_TUNE),
            Self::CopyCommand => {
                about("Copy as command line", "Copy the command that trains the same net without a window")
                    .keys(CTRL.plus(Modifiers::SHIFT), Key::K)
                    .icon(icons::ICON_TERMINAL)
            }
            Self::AskLabel => {
                about("Name and notes…", "Give this run a name, a note and tags of your own; a double click renames it")
                    .keys(NONE, Key::F2)
                    .icon(icons::ICON_LABEL)
            }
            Self::Label(..) => about("Name and notes", "Keep the name, the note and the tags of a run"),
            Self::AskDelete => about("Delete…", "Delete this run with its history and weights")
                .keys(NONE, Key::Delete)
                .icon(icons::ICON_DELETE),
            Self::Delete(_) => about("Delete", "Delete it for good").icon(icons::ICON_DELETE),
            Self::UseNet(moment) => moment.about(),
            Self::AskKeep | Self::Keep(..) => about(
                "Keep as a model…",
                "Copy the net of this run to your models, under a name of its own; it stays when the run is deleted",
            )
            .icon(icons::ICON_SAVE),
            Self::Measure => about(
                "Measure these runs",
                "Choose the nets of this run and of those that are ticked in Test sets, with the test pictures of \
                 their data",
            )
            .keys(NONE, Key::M)
            .icon(icons::ICON_MONITORING),
            Self::MeasureSweep => about(
                "Measure this sweep",
                "Choose the nets of all runs of the sweep in Test sets, with the test pictures of their data",
            )
            .icon(icons::ICON_MONITORING),
            Self::MeasureCommon => about(
                "Measure at this ε",
                "Attack the nets of the sweep at one ε on test pictures of their data, so that they can be compared; \
                 what is measured is kept beside each run",
            )
            .icon(icons::ICON_PLAY_ARROW),
            Self::StopMeasuring => {
                about("Stop measuring", "The runs that are measured keep their errors").icon(icons::ICON_STOP)
            }
            Self::AskExport(export) | Self::ExportTo(export, _) => export.about(),

            Self::Panel(_) => about("Whose settings", "Settings of the next run, or of the one in hand"),
            Self::FolderDialog => about(
                "Choose…",
                "A folder with one sub-folder of pictures per class, or such a folder packed as .tar, .tar.gz or \
                 .tar.xz",
            )
            .icon(icons::ICON_FOLDER_OPEN),
            Self::UseFolder(_) => about("Use folder", "Train on the pictures of this folder or archive"),
            Self::AskFetch(_) | Self::FetchData(_) => {
                about("Fetch…", "Get this data set from the network").icon(icons::ICON_DOWNLOAD)
            }
            Self::StopFetching => {
                about("Stop fetching", "What has arrived is kept for the next time").icon(icons::ICON_CLOSE)
            }
            Self::AskSweep | Self::Sweep { .. } => {
                about("Sweep…", "Queue a run for every pair of some values of ε and α")
                    .keys(CTRL, Key::G)
                    .icon(icons::ICON_GRID_VIEW)
            }
            Self::ShowFirstLayer(_) => about("Weights", "Read the weights of this run"),
            Self::View(view) => view.about(),
            Self::Settings(_) => about("Settings", "Settings of the next run"),
            Self::ToggleProbe => about(
                "Probe as you tune",
                "Train a small copy of the next run for a few seconds whenever a setting changes, and show its errors",
            )
            .icon(icons::ICON_MONITORING),
            Self::NextExample => {
                about("Next picture", "Attack another training picture").keys(NONE, Key::X).icon(icons::ICON_IMAGE)
            }
        }
    }

    fn listed() -> Vec<Self> {
        let in_hand = [Self::Start, Self::PlayPause, Self::OneStep, Self::OneEpoch, Self::Stop, Self::AskSweep];
        let chosen = [Self::NextRun, Self::PreviousRun, Self::TickSelected, Self::UseNet(NetMoment::Now)];
        let exports = [Export::History, Export::Plots].map(Self::AskExport);
        let [again, others] = [[Self::Resume, Self::Again], [Self::CopyCommand, Self::AskDelete]];
        let tuning = [Self::ToggleProbe, Self::NextExample, Self::AskLabel];
        let nets = [Self::AskKeep, Self::Measure, Self::MeasureSweep];
        let views = TrainView::ALL.map(Self::View);
        [&in_hand[..], &tuning, &chosen, &again, &nets, &exports, &others, &views].concat()
    }
}

impl NetMoment {
    pub const ALL: [Self; 3] = [Self::Before, Self::Now, Self::Best];

    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::Now => "now",
            Self::Best => "at its best",
        }
    }

    /// Returns the moment after this one, and the first one after the last.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }

    pub fn about(self) -> About {
        match self {
            Self::Before => about("Before", "The net before the first step: random weights"),
            Self::Now => about(
                "Use in Explore",
                "Attack this run's net with the picture of the Explore tab, at the ε that it was trained with; there \
                 you can change between the net before, now and at its best. It may still be in training.",
            )
            .keys(NONE, Key::U)
            .icon(icons::ICON_VISIBILITY),
            Self::Best => about("Best", "The net of the epoch that the stopping rule finds best"),
        }
    }
}

impl Export {
    fn about(self) -> About {
        match self {
            Self::History => about("History as CSV…", "Save what each epoch measured as a table")
                .keys(CTRL, Key::S)
                .icon(icons::ICON_TABLE),
            Self::Settings => about("Settings as JSON…", "Save the settings of this run").icon(icons::ICON_TUNE),
            Self::Plots => about("Plots as PNG…", "Save a picture of the plots as they are on screen")
                .keys(CTRL, Key::P)
                .icon(icons::ICON_SHOW_CHART),
        }
    }
}

impl TrainView {
    pub const ALL: [Self; 4] = [Self::Curves, Self::FirstLayer, Self::Sweep, Self::Runs];

    fn about(self) -> About {
        match self {
            Self::Curves => about("Curves", "Validation error, loss and confidence, epoch by epoch")
                .keys(NONE, Key::Num1)
                .icon(icons::ICON_SHOW_CHART),
            Self::FirstLayer => about("First layer", "The weights of the first layer as pictures, live")
                .keys(NONE, Key::Num2)
                .icon(icons::ICON_GRID_ON),
            Self::Sweep => about("Sweep", "The runs that differ from the selected one in ε and α alone, side by side")
                .keys(NONE, Key::Num3)
                .icon(icons::ICON_GRID_VIEW),
            Self::Runs => about("Runs", "All runs; in a taller window they stand below the plots")
                .keys(NONE, Key::Num4)
                .icon(icons::ICON_TABLE),
        }
    }
}
