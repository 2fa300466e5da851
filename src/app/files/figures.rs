//! A page offers what it shows as figures for papers; a question asks which one goes where, and how it is drawn.

use std::path::Path;

use egui::Ui;

use crate::app::format::quoted;
use crate::app::theme::SPACE_2;
use crate::app::widgets::about::about;
use crate::app::widgets::form::{Fields, choice, note, text};
use crate::engine::files::write_atomically;
use crate::engine::{Error, Result};
use crate::figure::{self, Figure, FigureOptions, Report, Section, Table, parse_dpi, parse_font_size};

/// A figure that a page offers. It is drawn beside the window, which describing some takes too long for.
pub struct OfferedFigure {
    pub name: &'static str,
    pub describe: Box<dyn FnOnce() -> Figure + Send>,
    /// The command of its caption takes the name of the file by this; there may be none.
    pub file_option: &'static str,
    /// A report shows these numbers below the figure.
    pub tables: Vec<Table>,
}

impl OfferedFigure {
    pub fn new(
        name: &'static str,
        file_option: &'static str,
        describe: impl FnOnce() -> Figure + Send + 'static,
    ) -> Self {
        Self { name, describe: Box::new(describe), file_option, tables: Vec::new() }
    }

    pub fn with_tables(self, tables: Vec<Table>) -> Self {
        Self { tables, ..self }
    }

    /// Describes the figure. The command of its caption names the file that it is written to.
    pub fn into_figure(self, path: &Path) -> Figure {
        let mut figure = (self.describe)();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(command) = figure.caption.command.as_mut().filter(|_| !self.file_option.is_empty()) {
            command.push_str(&format!(" {} {}", self.file_option, quoted(&name)));
        }
        figure
    }
}

/// This part of the question is about the figure.
#[derive(Default)]
pub struct FigureForm {
    offered: Vec<OfferedFigure>,
    chosen: usize,
    pub options: FigureOptions,
    fields: Fields,
}

impl FigureForm {
    pub fn new(offered: Vec<OfferedFigure>, options: FigureOptions) -> Self {
        Self { offered, chosen: 0, options, fields: Fields::default() }
    }

    pub fn show(&mut self, ui: &mut Ui) {
        let Self { offered, chosen, options, fields } = self;
        if offered.len() > 1 {
            let of = |(index, figure): (usize, &OfferedFigure)| (index, figure.name, "");
            let names: Vec<_> = offered.iter().enumerate().map(of).collect();
            *chosen = choice(ui, about("Figure", "What the figure shows"), &names, *chosen).unwrap_or(*chosen);
        }
        let told = |error: Error| error.to_string();
        let width = about("Width", "84mm is one column of many journals, 174mm are two; or pixels, such as 1200px");
        text(ui, fields, width, &mut options.width, |typed| typed.parse().map_err(told));
        let size = about("Text size", "In points, of which an inch has 72; journals want 7 at least");
        text(ui, fields, size, &mut options.font_size, |typed| parse_font_size(typed).map_err(told));
        let dpi = about("Dots per inch", "Of a PNG; SVG and PDF have none");
        text(ui, fields, dpi, &mut options.dpi, |typed| parse_dpi(typed).map_err(told));
        ui.add_space(SPACE_2);
        note(ui, "The caption, with settings and command, is written beside it for LaTeX, as NAME.caption.tex.");
        ui.add_space(SPACE_2);
    }

    pub fn is_ready(&self) -> bool {
        !self.fields.has_problem()
    }

    /// Writes the chosen figure with its caption; or, for a name that ends in .html, a report of all figures, which
    /// `title` is about.
    pub fn write(mut self, title: &str, path: &Path) -> Result<()> {
        if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html")) {
            let sections = self.offered.into_iter().map(section).collect();
            let html = Report { title: title.to_owned(), sections }.html(&self.options)?;
            return write_atomically(path, html.as_bytes(), "write the report");
        }
        if self.chosen >= self.offered.len() {
            return Err(Error::Argument("no figure was chosen".into()));
        }
        let chosen = self.offered.swap_remove(self.chosen);
        figure::write(&chosen.into_figure(path), &self.options, path)
    }
}

fn section(mut offered: OfferedFigure) -> Section {
    let (heading, tables) = (offered.name.to_owned(), std::mem::take(&mut offered.tables));
    let figure = (offered.describe)();
    let commands = figure.caption.command.iter().cloned().collect();
    Section { heading, figures: vec![figure], tables, commands }
}
