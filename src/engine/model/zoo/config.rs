//! The `config.json` that timm and Hugging Face's hub keep beside weights: which net they are of, and what it takes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Word;
use crate::model::manifest::read_text;
use crate::{Error, Result};

/// A configuration is what a `config.json` says of the weights beside it; only the net is always stated.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub word: Word,
    /// The number of classes.
    pub class_count: Option<usize>,
    /// The names of the classes, as many as there are.
    pub classes: Option<Vec<String>>,
    /// Channels, height and width of the pictures.
    pub input: Option<[usize; 3]>,
    /// The mean that is subtracted from the pixels in [0, 1], per channel.
    pub mean: Option<Vec<f32>>,
    /// The standard deviation that they are then divided by, per channel.
    pub std: Option<Vec<f32>>,
}

/// The fields that are read. timm keeps those of the pictures in `pretrained_cfg`; old files have them at the top.
#[derive(Deserialize)]
struct Fields {
    architecture: Option<String>,
    model_type: Option<String>,
    num_classes: Option<usize>,
    label_names: Option<Names>,
    labels: Option<Names>,
    id2label: Option<BTreeMap<String, String>>,
    pretrained_cfg: Option<Pictures>,
    #[serde(flatten)]
    pictures: Pictures,
}

#[derive(Default, Deserialize)]
struct Pictures {
    input_size: Option<[usize; 3]>,
    mean: Option<Vec<f32>>,
    std: Option<Vec<f32>>,
}

/// The names of classes in their order, or each with its number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    Numbered(BTreeMap<String, usize>),
}

/// The largest number of classes that is believed.
const MOST_CLASSES: usize = 1 << 20;

impl Config {
    /// Reads the `config.json` at a path.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read; [`Error::Manifest`] for one that is too large, or is not what timm
    /// writes.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, "read the configuration")?;
        Self::parse(&text).map_err(|why| Error::Manifest { path: path.to_owned(), why })
    }

    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// A sentence that says what is missing or impossible.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Fields = serde_json::from_str(text).map_err(|e| format!("not a config.json of timm's: {e}"))?;
        let Some(architecture) = fields.architecture else {
            let kind = fields.model_type.map(|kind| format!(" (its model_type is {kind:?})")).unwrap_or_default();
            return Err(format!("no architecture{kind}; expected a config.json as timm writes it"));
        };
        let word = Word::parse(&architecture).map_err(|why| format!("architecture: {why}"))?;
        let class_count = fields.num_classes.filter(|count| *count > 0);
        let named = match (fields.label_names.or(fields.labels), fields.id2label) {
            (Some(Names::List(names)), _) => Some(names),
            (Some(Names::Numbered(numbers)), _) => {
                Some(in_order(numbers.into_iter().map(|(name, number)| (number, name)).collect())?)
            }
            (None, Some(names)) => {
                let numbered = names.into_iter().map(|(number, name)| match number.parse() {
                    Ok(number) => Ok((number, name)),
                    Err(_) => Err(format!("id2label has {number:?}; expected numbers of classes")),
                });
                Some(in_order(numbered.collect::<Result<_, _>>()?)?)
            }
            (None, None) => None,
        };
        // Some fine-tuned nets keep the number of the net that they were made of.
        let class_count = named.as_ref().map(Vec::len).or(class_count);
        if let Some(count) = class_count.filter(|count| !(2..=MOST_CLASSES).contains(count)) {
            return Err(format!("{count} classes; expected two or more"));
        }
        let Pictures { input_size, mean, std } = fields.pretrained_cfg.unwrap_or_default();
        let input = input_size.or(fields.pictures.input_size);
        let (mean, std) = (mean.or(fields.pictures.mean), std.or(fields.pictures.std));
        check_pictures(input, &mean, &std)?;
        Ok(Self { word, class_count, classes: named, input, mean, std })
    }
}

/// Refuses sizes and numbers that no picture can have.
fn check_pictures(input: Option<[usize; 3]>, mean: &Option<Vec<f32>>, std: &Option<Vec<f32>>) -> Result<(), String> {
    let channels = input.map_or(3, |[channels, ..]| channels);
    if let Some([channels, height, width]) = input
        && (!matches!(channels, 1 | 3) || ![height, width].iter().all(|side| (1..=4096).contains(side)))
    {
        let expected = "expected 1 or 3 channels and sides of 1 to 4096 pixels";
        return Err(format!("input_size is [{channels}, {height}, {width}]; {expected}"));
    }
    for (what, values) in [("mean", mean), ("std", std)] {
        let Some(values) = values else { continue };
        let is_sound = |value: &f32| value.is_finite() && (what == "mean" || *value > 0.0);
        if values.len() != channels || !values.iter().all(is_sound) {
            let positive = if what == "std" { " above 0" } else { "" };
            return Err(format!("{what} is {values:?}; expected {channels} finite numbers{positive}"));
        }
    }
    Ok(())
}

/// Returns the names by their numbers, which have to be those from 0.
fn in_order(names: BTreeMap<usize, String>) -> Result<Vec<String>, String> {
    match names.keys().enumerate().find(|(at, number)| at != *number) {
        Some((at, _)) => Err(format!("the names of the classes leave out number {at}")),
        None => Ok(names.into_values().collect()),
    }
}
