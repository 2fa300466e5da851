//! Commands that measure something can also draw it, as a figure for a paper.

use std::path::PathBuf;

use clap::Args;

use super::print;
use crate::engine::Result;
use crate::figure::{Figure, FigureOptions, Format, Width, caption_path, parse_dpi, parse_font_size, write};

/// These options say where a figure goes and how it is drawn.
#[derive(Args)]
#[command(next_help_heading = "Figure")]
#[command(mut_arg("figure_width", |arg| arg.requires("figure")))]
#[command(mut_arg("dpi", |arg| arg.requires("figure")))]
#[command(mut_arg("font_size", |arg| arg.requires("figure")))]
pub struct FigureArgs {
    /// Draw what was found as a figure for a paper, in the format of the file's ending; its caption for LaTeX is written
    /// beside it, as NAME.caption.tex
    #[arg(long, value_name = "FILE.svg|.pdf|.png")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    look: LookArgs,
}

#[derive(Args)]
pub struct LookArgs {
    /// The width, such as 84mm (one column of many journals), 174mm (two columns) or 1200px
    #[arg(long = "figure-width", value_name = "WIDTH", default_value = "84mm")]
    figure_width: Width,
    /// The dots per inch of a PNG
    #[arg(long, value_name = "N", value_parser = parse_dpi, default_value = "300")]
    dpi: u32,
    /// The size of the text in points
    #[arg(long, value_name = "POINTS", value_parser = parse_font_size, default_value = "8")]
    font_size: f32,
}

impl LookArgs {
    pub fn options(&self) -> FigureOptions {
        FigureOptions { width: self.figure_width, dpi: self.dpi, font_size: self.font_size }
    }
}

impl FigureArgs {
    /// Refuses, before anything is measured, what could not be written in the end.
    pub fn check(&self) -> Result<()> {
        let Some(path) = &self.figure else { return Ok(()) };
        if Format::of(path)? == Format::Png { self.look.options().pixels().map(drop) } else { Ok(()) }
    }

    pub fn is_wanted(&self) -> bool {
        self.figure.is_some()
    }

    /// Writes a figure where one is wanted, and says where it is; JSON is not disturbed by that.
    pub fn write(&self, figure: impl FnOnce() -> Result<Figure>, is_json: bool) -> Result<()> {
        let Some(path) = &self.figure else { return Ok(()) };
        write(&figure()?, &self.look.options(), path)?;
        let said = format!("figure: {}, its caption: {}", path.display(), caption_path(path).display());
        if is_json {
            eprintln!("{said}");
            return Ok(());
        }
        print(&said)
    }
}
