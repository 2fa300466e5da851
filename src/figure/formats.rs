//! A figure is drawn once, as SVG; PDF and PNG are made of that, with the fonts that come with the program.

use std::path::{Path, PathBuf};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use svg2pdf::usvg::{Options, Tree};
use svg2pdf::{ConversionOptions, PageOptions};

use super::canvas::Canvas;
use super::description::{Caption, Content, Figure};
use super::options::{FigureOptions, Format};
use super::{font, latex, legend};
use crate::engine::files::write_atomically;
use crate::engine::picture::Rgba;
use crate::engine::{Error, Result};

/// Room around the figure, so that no stroke is cut at its edge, in points.
const EDGE: f64 = 1.0;
const INCHES_PER_METRE: f64 = 1.0 / 0.0254;

impl Caption {
    /// Returns the caption as plain text, with the command.
    pub fn plain(&self) -> String {
        match &self.command {
            Some(command) => format!("{} Made with: {command}", self.text),
            None => self.text.clone(),
        }
    }
}

impl Figure {
    /// Draws the figure as SVG, in which texts are texts.
    pub fn svg(&self, options: &FigureOptions) -> Result<String> {
        let mut canvas = Canvas::new(options, &self.caption.plain());
        let top = legend::draw(&mut canvas, &self.legend, EDGE, EDGE);
        let bottom = match &self.content {
            Content::Plots(plots) => plots.draw(&mut canvas, top)?,
            Content::Pictures(pictures) => pictures.draw(&mut canvas, top)?,
            Content::Matrix(matrix) => matrix.draw(&mut canvas, top),
        };
        Ok(canvas.finish(bottom + EDGE))
    }

    /// Makes a PDF, in which lines are lines and the letters in use come with it.
    pub fn pdf(&self, options: &FigureOptions) -> Result<Vec<u8>> {
        let tree = tree(&self.svg(options)?)?;
        let page = PageOptions { dpi: 72.0 };
        svg2pdf::to_pdf(&tree, ConversionOptions::default(), page).map_err(|error| failed("PDF", &error))
    }

    /// Draws the figure as pixels, as many as the options say.
    pub fn pixels(&self, options: &FigureOptions) -> Result<Rgba> {
        let tree = tree(&self.svg(options)?)?;
        let width = options.pixels()?;
        let scale = width as f32 / tree.size().width();
        let height = (tree.size().height() * scale).round().max(1.0) as u32;
        let too_large = || Error::Argument(format!("a picture of {width}×{height} pixels does not fit into memory"));
        let mut pixmap = Pixmap::new(width, height).ok_or_else(too_large)?;
        pixmap.fill(Color::WHITE);
        resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
        // All of it is opaque, so nothing is premultiplied.
        Ok(Rgba { width: width as usize, height: height as usize, bytes: pixmap.take() })
    }

    /// Makes a PNG that knows how large it is in print.
    pub fn png(&self, options: &FigureOptions) -> Result<Vec<u8>> {
        let picture = self.pixels(options)?;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, picture.width as u32, picture.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        let dots = (f64::from(options.dpi) * INCHES_PER_METRE).round() as u32;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: dots, yppu: dots, unit: png::Unit::Meter }));
        let colours: Vec<u8> = picture.bytes.chunks_exact(4).flat_map(|pixel| pixel[..3].iter().copied()).collect();
        let written = encoder
            .add_itxt_chunk("Description".into(), self.caption.plain())
            .and_then(|()| encoder.write_header())
            .and_then(|mut writer| {
                writer.write_image_data(&colours)?;
                writer.finish()
            });
        written.map_err(|error| failed("PNG", &error))?;
        Ok(bytes)
    }

    pub fn bytes(&self, format: Format, options: &FigureOptions) -> Result<Vec<u8>> {
        match format {
            Format::Svg => self.svg(options).map(String::into_bytes),
            Format::Pdf => self.pdf(options),
            Format::Png => self.png(options),
        }
    }
}

fn failed(format: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Argument(format!("the figure could not be made a {format}: {error}"))
}

fn tree(svg: &str) -> Result<Tree> {
    let options = Options { dpi: 72.0, font_family: "Inter".into(), fontdb: font::database(), ..Options::default() };
    Tree::from_str(svg, &options).map_err(|error| failed("picture", &error))
}

/// Returns where the caption of a figure is written: beside it, as `NAME.caption.tex`.
pub fn caption_path(path: &Path) -> PathBuf {
    path.with_extension("caption.tex")
}

/// Writes a figure in the format of the file's ending, and its caption for LaTeX beside it, each whole or not at all.
///
/// # Errors
/// [`Error::Argument`] for an ending that is no format, and what goes wrong while writing.
pub fn write(figure: &Figure, options: &FigureOptions, path: &Path) -> Result<()> {
    let bytes = figure.bytes(Format::of(path)?, options)?;
    write_atomically(path, &bytes, "write the figure")?;
    let label = path.file_stem().unwrap_or_default().to_string_lossy();
    let caption = latex::caption(&figure.caption, &label);
    write_atomically(&caption_path(path), caption.as_bytes(), "write the caption of the figure")
}
