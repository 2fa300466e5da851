//! A figure is as wide as the column of a paper, and its texts are as large as that paper's; the ending of the file
//! decides the format.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::engine::{Error, Result};

const POINTS_PER_MM: f64 = 72.0 / 25.4;

pub const WIDTHS_IN_MM: [f32; 2] = [30.0, 1000.0];
pub const WIDTHS_IN_PIXELS: [u32; 2] = [200, 16_000];
pub const DPIS: [u32; 2] = [50, 1200];
pub const FONT_SIZES: [f32; 2] = [5.0, 24.0];
/// A PNG is no wider than this, in pixels.
const WIDEST: f64 = 16_000.0;

/// A format of a file that a figure is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Svg,
    Pdf,
    Png,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Svg, Self::Pdf, Self::Png];

    pub fn ending(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Pdf => "pdf",
            Self::Png => "png",
        }
    }

    /// Returns the format that the ending of a file's name means.
    ///
    /// # Errors
    /// [`Error::Argument`] for any other ending.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default();
        let found = Self::ALL.into_iter().find(|format| ending.eq_ignore_ascii_case(format.ending()));
        found.ok_or_else(|| {
            let expected = "a figure's format is that of its file's ending; expected .svg, .pdf or .png";
            Error::Argument(format!("{expected}\n  {}", path.display()))
        })
    }
}

/// The width of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Width {
    Millimetres(f32),
    /// At the figure's dots per inch, this is a length, too.
    Pixels(u32),
}

impl Display for Width {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millimetres(mm) => write!(f, "{mm}mm"),
            Self::Pixels(pixels) => write!(f, "{pixels}px"),
        }
    }
}

impl FromStr for Width {
    type Err = Error;

    /// Parses "84mm" or "1200px".
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = || {
            let ([mm, most_mm], [pixels, most]) = (WIDTHS_IN_MM, WIDTHS_IN_PIXELS);
            Error::Argument(format!(
                "the width is {text:?}; expected {mm} to {most_mm} mm, such as 84mm, or {pixels} to {most} pixels, such as \
                 1200px"
            ))
        };
        let number = |unit: &str| text.strip_suffix(unit).map(str::trim);
        let width = match (number("mm"), number("px")) {
            (Some(mm), _) => Self::Millimetres(mm.parse().map_err(|_| wrong())?),
            (_, Some(pixels)) => Self::Pixels(pixels.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        };
        if width.is_sane() { Ok(width) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Width {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Width> for String {
    fn from(width: Width) -> Self {
        width.to_string()
    }
}

impl Width {
    fn is_sane(self) -> bool {
        match self {
            Self::Millimetres(mm) => (WIDTHS_IN_MM[0]..=WIDTHS_IN_MM[1]).contains(&mm),
            Self::Pixels(pixels) => (WIDTHS_IN_PIXELS[0]..=WIDTHS_IN_PIXELS[1]).contains(&pixels),
        }
    }
}

/// Parses dots per inch, for the command line and the window.
///
/// # Errors
/// [`Error::Argument`] for what is no whole number of the range.
pub fn parse_dpi(text: &str) -> Result<u32> {
    let [least, most] = DPIS;
    let dpi = text.trim().parse().ok().filter(|dpi| (least..=most).contains(dpi));
    let expected = || format!("dots per inch are {text:?}; expected a whole number from {least} to {most}");
    dpi.ok_or_else(|| Error::Argument(expected()))
}

/// Parses a size of text in points, for the command line and the window.
///
/// # Errors
/// [`Error::Argument`] for what is no number of the range.
pub fn parse_font_size(text: &str) -> Result<f32> {
    let [least, most] = FONT_SIZES;
    let size = text.trim().trim_end_matches("pt").trim_end().parse().ok();
    let expected = || format!("the size of the text is {text:?}; expected {least} to {most} points, such as 8");
    size.filter(|size| (least..=most).contains(size)).ok_or_else(|| Error::Argument(expected()))
}

/// These options say how a figure is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FigureOptions {
    pub width: Width,
    /// The dots per inch of a PNG.
    pub dpi: u32,
    /// The size of the texts, in points; numbers at ticks are a little smaller.
    pub font_size: f32,
}

impl Default for FigureOptions {
    /// Returns the width of one column of a journal, for print.
    fn default() -> Self {
        Self { width: Width::Millimetres(84.0), dpi: 300, font_size: 8.0 }
    }
}

impl FigureOptions {
    /// Returns the width in points, of which an inch has 72.
    pub fn points(&self) -> f64 {
        match self.width {
            Width::Millimetres(mm) => f64::from(mm) * POINTS_PER_MM,
            Width::Pixels(pixels) => f64::from(pixels) * 72.0 / f64::from(self.dpi),
        }
    }

    /// Returns the width of a PNG in pixels.
    ///
    /// # Errors
    /// [`Error::Argument`] for a width in millimetres that is too many pixels.
    pub fn pixels(&self) -> Result<u32> {
        let pixels = (self.points() * f64::from(self.dpi) / 72.0).round();
        if pixels > WIDEST {
            let (width, dpi) = (self.width, self.dpi);
            return Err(Error::Argument(format!(
                "{width} at {dpi} dots per inch are {pixels} pixels; expected at most {WIDEST}: choose fewer dots per inch"
            )));
        }
        Ok(pixels as u32)
    }

    /// Replaces values that a person could have edited into nonsense by the defaults.
    pub fn sane(self) -> Self {
        let usual = Self::default();
        Self {
            width: if self.width.is_sane() { self.width } else { usual.width },
            dpi: if (DPIS[0]..=DPIS[1]).contains(&self.dpi) { self.dpi } else { usual.dpi },
            font_size: if (FONT_SIZES[0]..=FONT_SIZES[1]).contains(&self.font_size) {
                self.font_size
            } else {
                usual.font_size
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_lengths_or_pixels() {
        for (text, width) in [("84mm", Width::Millimetres(84.0)), (" 120.5 mm", Width::Millimetres(120.5))] {
            assert_eq!(text.parse::<Width>().unwrap(), width);
        }
        assert_eq!("1200px".parse::<Width>().unwrap(), Width::Pixels(1200));
        for bad in ["84", "mm", "-3mm", "5mm", "NaNmm", "1e9mm", "12.5px", "3px", "99999999px", ""] {
            let message = bad.parse::<Width>().unwrap_err().to_string();
            assert!(message.contains("84mm") && message.contains("1200px"), "{bad}: {message}");
        }
    }

    #[test]
    fn an_inch_has_72_points_and_the_asked_dots() {
        let inch = FigureOptions { width: Width::Millimetres(25.4), dpi: 300, ..FigureOptions::default() };
        assert!((inch.points() - 72.0).abs() < 1e-5);
        assert_eq!(inch.pixels().unwrap(), 300);
        let pixels = FigureOptions { width: Width::Pixels(600), ..inch };
        assert!((pixels.points() - 144.0).abs() < 1e-9);
        assert_eq!(pixels.pixels().unwrap(), 600);
        let wide = FigureOptions { width: Width::Millimetres(1000.0), dpi: 1200, ..inch };
        assert!(wide.pixels().unwrap_err().to_string().contains("fewer dots"));
    }

    #[test]
    fn nonsense_in_kept_options_becomes_the_usual() {
        let nonsense = FigureOptions { width: Width::Millimetres(f32::NAN), dpi: 0, font_size: -1.0 };
        assert_eq!(nonsense.sane(), FigureOptions::default());
        let kept = FigureOptions { width: Width::Pixels(900), dpi: 150, font_size: 10.0 };
        assert_eq!(toml::from_str::<FigureOptions>(&toml::to_string(&kept).unwrap()).unwrap(), kept);
    }

    #[test]
    fn formats_follow_endings() {
        assert_eq!(Format::of(Path::new("a.PDF")).unwrap(), Format::Pdf);
        for bad in ["a", "a.jpg", "a.svg.txt", ".png"] {
            let message = Format::of(Path::new(bad)).unwrap_err().to_string();
            assert!(message.contains(".svg, .pdf or .png") && message.contains(bad), "{message}");
        }
    }
}
