//! A page says what is its own; what is alike on all pages is done by the window.

use std::path::PathBuf;

use egui::{Context, Ui};

use crate::app::commands::Command;
use crate::app::files::figures::OfferedFigure;
use crate::app::shell::Shell;
use crate::app::undo::{CanStep, HistoryStep};

pub trait Page {
    /// Draws the page into all the room that is left.
    fn show(&mut self, ui: &mut Ui, shell: &mut Shell, out: &mut Vec<Command>);

    /// Goes on with what the page has under way; it is called before each frame, on screen or not.
    fn tick(&mut self, _ctx: &Context, _shell: &mut Shell) {}

    fn show_question(&mut self, _ui: &Ui, _shell: &Shell, _out: &mut Vec<Command>) {}

    fn is_asking(&self) -> bool {
        false
    }

    fn close_question(&mut self) {}

    /// Says what dropping files on the page does.
    fn drop_hint(&self, _files: usize) -> &'static str {
        "Drop to open"
    }

    /// Takes a dropped file. The command it returns is carried out unless the file turns out to be a lesson.
    fn take_dropped(&mut self, path: PathBuf, shell: &mut Shell) -> Option<Command>;

    fn menu(&self, _shell: &Shell) -> Menu {
        Menu::default()
    }

    /// Returns what the page shows as figures for papers; the first one is what stands in its middle.
    fn figures(&self, _shell: &Shell) -> Vec<OfferedFigure> {
        Vec::new()
    }

    fn step_history(&mut self, _step: HistoryStep, _shell: &mut Shell) {}

    /// Copies into the settings what the page keeps between starts.
    fn remember(&self, _shell: &mut Shell) {}

    /// Returns the settings of the page for a picture of the window that can be opened again.
    fn to_table(&self, _shell: &Shell) -> toml::Table {
        toml::Table::new()
    }

    /// Sets the page as [`Self::to_table`] found it; the error says what in the table cannot be used.
    fn restore(&mut self, table: toml::Table, _shell: &mut Shell) -> Result<(), toml::de::Error> {
        table.try_into::<Nothing>().map(|Nothing {}| ())
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The menu offers this on a page, beside what it offers everywhere.
#[derive(Default)]
pub struct Menu {
    /// `None` is for a page without a history.
    pub history: Option<CanStep>,
    pub change: Vec<Command>,
    pub save: Vec<Command>,
    pub copy: Vec<Command>,
}
