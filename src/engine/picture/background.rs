//! A background shows through the transparent parts of a picture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// This is an opaque sRGB colour, in text `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Background(pub [u8; 3]);

impl Default for Background {
    fn default() -> Self {
        Self([255; 3])
    }
}

impl Background {
    pub const NAMED: [(&str, Self); 3] = [("white", Self([255; 3])), ("grey", Self([128; 3])), ("black", Self([0; 3]))];

    pub fn name(self) -> String {
        let named = Self::NAMED.iter().find(|(_, background)| *background == self);
        named.map_or_else(|| self.to_string(), |(name, _)| (*name).to_owned())
    }

    pub(super) fn note(self) -> String {
        format!("Transparent parts are shown over {}.", self.name())
    }

    pub fn is_grey(self) -> bool {
        let [red, green, blue] = self.0;
        red == green && green == blue
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl FromStr for Background {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::Argument(format!("{text:?} is no colour; expected white, black, grey or #rrggbb"));
        if let Some((_, background)) = Self::NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*background);
        }
        let is_colour = |digits: &&str| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let digits = text.strip_prefix('#').filter(is_colour).ok_or_else(wrong)?;
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).map_err(|_| wrong())?.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl TryFrom<String> for Background {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Background> for String {
    fn from(background: Background) -> Self {
        background.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_they_are_written() {
        for (text, colour) in [("white", [255; 3]), ("#0a80ff", [10, 128, 255]), ("black", [0; 3])] {
            let background: Background = text.parse().unwrap();
            assert_eq!(background, Background(colour));
            assert_eq!(background.to_string().parse::<Background>().unwrap(), background);
        }
        for wrong in ["", "#fff", "ffffff", "#12345g", "#+1+1+1", "#é1234", "mauve"] {
            let message = wrong.parse::<Background>().unwrap_err().to_string();
            assert!(message.contains("expected white, black, grey or #rrggbb"), "{message}");
        }
    }
}
