//! The manifest of a model is a TOML file, and a public contract (docs/models.md describes it).

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::classes::told_apart;
use super::graph::Graph;
use super::layers::{graph_of_entries, graph_of_layers};
use super::operations::is_running_statistic;
use super::origin::{self, Accuracy, Download};
use super::shape::Shape;
use crate::files::ordinary;
use crate::picture::{Fit, PictureKind};
use crate::{Error, Result};

/// The input of a net: planar pixels in [0, 1], then `(x − mean) / std` per channel as part of the model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    #[serde(default)]
    pub fit: Fit,
}

impl Input {
    /// Returns the factors of `(x − mean) / std` as `x·scale + shift`, per channel.
    pub fn scale_and_shift(&self) -> (Vec<f32>, Vec<f32>) {
        let scale = self.std.iter().map(|std| 1.0 / std).collect();
        (scale, self.mean.iter().zip(&self.std).map(|(mean, std)| -mean / std).collect())
    }

    /// Returns the kind of pictures that fits such an input best: small ones without colours are digits.
    pub fn kind(&self) -> PictureKind {
        let is_small = self.width.max(self.height) <= 40;
        if self.channels == 1 && is_small { PictureKind::Digit } else { PictureKind::Photo }
    }

    pub fn shape(&self) -> Shape {
        Shape::planes([self.channels, self.height, self.width])
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.channels, 1 | 3) {
            return Err(format!("input.channels is {}; expected 1 (grey) or 3 (colour)", self.channels));
        }
        if ![self.height, self.width].iter().all(|side| (1..=4096).contains(side)) {
            return Err(format!("input is {}×{}; expected sides of 1 to 4096 pixels", self.height, self.width));
        }
        for (what, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.len() != self.channels || values.iter().any(|v| !v.is_finite()) {
                return Err(format!("input.{what} is {values:?}; expected {} finite numbers", self.channels));
            }
        }
        if self.std.iter().any(|&std| std <= 0.0) {
            return Err(format!("input.std is {:?}; expected numbers above 0", self.std));
        }
        Ok(())
    }
}

/// A manifest that was checked: its layers fit together and end in as many values as there are classes.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file that it was read from, or a made-up path for one inside the binary.
    pub path: PathBuf,
    pub name: String,
    pub description: String,
    pub licence: String,
    pub input: Input,
    pub classes: Vec<String>,
    /// The path starts from the manifest's folder, and has no `..`.
    pub weights: PathBuf,
    /// This is the SHA-256 of the weights in hexadecimal, or at least its first eight digits.
    pub sha256: Option<String>,
    pub download: Option<Download>,
    /// The accuracy that was published or measured.
    pub accuracy: Option<Accuracy>,
    pub graph: Graph,
    /// The text that it was read from, so that a trained net can be saved with the same description.
    pub source: String,
}

#[derive(Deserialize)]
struct ManifestFields {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default, alias = "license")]
    licence: String,
    input: Input,
    classes: Option<Vec<String>>,
    classes_file: Option<PathBuf>,
    weights: PathBuf,
    sha256: Option<String>,
    download: Option<Download>,
    accuracy: Option<Accuracy>,
    test_error: Option<f32>,
    layers: Option<Vec<toml::Value>>,
    graph: Option<Vec<toml::Value>>,
    /// Keys for people (provenance, training command) are welcome; misspelt ones of ours are not.
    #[serde(flatten)]
    others: toml::Table,
}

const KEYS: &str =
    "name description licence input classes classes_file weights sha256 download accuracy test_error layers graph";

/// The largest manifest or list of classes that is read.
pub const MAX_TEXT_BYTES: u64 = 4 << 20;

/// These keys say something of the weights that is not true of others.
pub(super) const FACTS_OF_WEIGHTS: [&str; 3] = ["download", "accuracy", "test_error"];

impl Manifest {
    /// Reads and checks a manifest from disk.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Manifest`], which names the layer, the shape found and the shape expected.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_text(path, "read the model manifest")?;
        let beside = |file: &Path| {
            let path = path.parent().unwrap_or(Path::new("")).join(file);
            read_text(&path, "read the manifest's classes_file")
        };
        Self::parse(&text, path, beside)
    }

    /// Checks the text of a manifest as [`Self::read`] does; its classes are known, whichever way it names them.
    pub fn with_classes(text: &str, path: &Path, classes: &[String]) -> Result<Self> {
        Self::parse(text, path, |_| Ok(classes.join("\n")))
    }

    /// Returns the text of a manifest for the same net with other weights, its classes written out, and a table
    /// `trained` of facts about them.
    pub fn with_weights(&self, weights: &str, sha256: &str, trained: &[(&str, toml_edit::Value)]) -> Result<String> {
        let mut document = self.document(weights, Some(sha256))?;
        for key in FACTS_OF_WEIGHTS {
            document.remove(key);
        }
        let facts: toml_edit::InlineTable = trained.iter().map(|(key, value)| (*key, value.clone())).collect();
        document["trained"] = toml_edit::value(facts);
        Ok(document.to_string())
    }

    /// Returns the text that it was read from, its classes written out, with this name and perhaps this hash of the
    /// weights.
    pub(super) fn document(&self, weights: &str, sha256: Option<&str>) -> Result<toml_edit::DocumentMut> {
        let refuse = |e: toml_edit::TomlError| Error::Manifest {
            path: self.path.clone(),
            why: format!("cannot be written again: {e}"),
        };
        let mut document: toml_edit::DocumentMut = self.source.parse().map_err(refuse)?;
        if document.remove("classes_file").is_some() {
            document["classes"] = toml_edit::value(self.classes.iter().collect::<toml_edit::Array>());
        }
        document["weights"] = toml_edit::value(weights);
        if let Some(sha256) = sha256 {
            document["sha256"] = toml_edit::value(sha256);
        }
        Ok(document)
    }

    /// Returns the kind of pictures that the net is made for, as its input and its classes tell: photographs have 3
    /// channels and more than 40 pixels along both sides, digits are 28×28 grey pixels with the classes 0 to 9. `None`
    /// stands for anything else: small pictures in colour, letters, clothes.
    pub fn made_for(&self) -> Option<PictureKind> {
        let Input { channels, height, width, .. } = self.input;
        let digits = || self.classes.iter().cloned().eq((0..10).map(|digit| digit.to_string()));
        match (channels, height, width) {
            (3, 41.., 41..) => Some(PictureKind::Photo),
            (1, 28, 28) if digits() => Some(PictureKind::Digit),
            _ => None,
        }
    }

    /// Returns the number of trained values.
    pub fn parameter_count(&self) -> usize {
        let trained = self.graph.tensors().filter(|(_, name, _)| !is_running_statistic(name));
        trained.map(|(_, _, shape)| shape.iter().product::<usize>()).sum()
    }

    /// Checks the text of a manifest; `read_beside` reads its `classes_file`.
    pub(super) fn parse(text: &str, path: &Path, read_beside: impl Fn(&Path) -> Result<String>) -> Result<Self> {
        let refuse = |why: String| Error::Manifest { path: path.to_owned(), why };
        let fields: ManifestFields = toml::from_str(text).map_err(|e| refuse(explain(&e, text)))?;
        for key in fields.others.keys() {
            if let Some(meant) = KEYS.split(' ').find(|meant| strsim::damerau_levenshtein(meant, key) <= 2) {
                return Err(refuse(format!("unknown key {key:?}; did you mean {meant:?}?")));
            }
        }
        fields.input.check().map_err(refuse)?;
        let classes = match (fields.classes, &fields.classes_file) {
            (Some(classes), None) => classes,
            (None, Some(file)) => {
                inside(file, "classes_file").map_err(refuse)?;
                read_beside(file)?.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
            }
            _ => return Err(refuse("expected either classes = […] or classes_file = \"…\"".into())),
        };
        if classes.len() < 2 {
            return Err(refuse(format!("{} classes; expected two or more", classes.len())));
        }
        let classes = told_apart(classes);
        inside(&fields.weights, "weights").map_err(refuse)?;
        let sha256 = fields.sha256.as_deref();
        sha256.map_or(Ok(()), origin::check_sha256).map_err(refuse)?;
        fields.download.as_ref().map_or(Ok(()), |download| download.check(sha256)).map_err(refuse)?;
        let accuracy = fields.accuracy.or(fields.test_error.map(Accuracy::of_test_error));
        accuracy.as_ref().map_or(Ok(()), Accuracy::check).map_err(refuse)?;
        let picture = fields.input.shape();
        let graph = match (&fields.layers, &fields.graph) {
            (Some(layers), None) => graph_of_layers(layers, picture),
            (None, Some(entries)) => graph_of_entries(entries, picture),
            _ => Err("expected either layers = […] or graph = […]".into()),
        };
        let graph = graph.map_err(refuse)?;
        let mut names = BTreeSet::new();
        if let Some((_, name, _)) = graph.tensors().find(|(_, name, _)| !names.insert(name.clone())) {
            // They would share weights in silence.
            return Err(refuse(format!("two layers use the tensor {name:?}; expected a name for each")));
        }
        let out = graph.shape(graph.output);
        if out.iter().skip(1).any(|len| *len != 1) || out.count() != classes.len() {
            let last = graph.nodes().last().map_or("layers are empty: the net", |node| node.kind());
            return Err(refuse(format!("{last} ends in {out}, expected {} values, one a class", classes.len())));
        }
        let (path, source) = (path.to_owned(), text.to_owned());
        let ManifestFields { name, description, licence, input, weights, sha256, download, .. } = fields;
        Ok(Self {
            path,
            name,
            description,
            licence,
            input,
            classes,
            weights,
            sha256,
            download,
            accuracy,
            graph,
            source,
        })
    }
}

/// Refuses a file that does not lie beside the manifest or below: no absolute path and no `..`.
fn inside(file: &Path, key: &str) -> Result<(), String> {
    let plain = file.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    // On every system alike: a manifest travels.
    let text = file.to_string_lossy();
    if plain && file.file_name().is_some() && !text.contains('\\') && !text.contains(':') {
        return Ok(());
    }
    Err(format!("{key} is {text:?}; expected a file beside the manifest, without an absolute path or \"..\""))
}

/// Reads a text file of bounded size.
pub(super) fn read_text(path: &Path, doing: &'static str) -> Result<String> {
    let size = ordinary(path, doing)?.len();
    if size > MAX_TEXT_BYTES {
        let why = format!("the file has {size} bytes; expected a text of at most {MAX_TEXT_BYTES}");
        return Err(Error::Manifest { path: path.to_owned(), why });
    }
    crate::files::read_text(path).map_err(Error::io(doing, path))
}

/// Returns what is wrong in a TOML text, in one line with its place.
fn explain(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
    let message = error.message().trim().replace('\n', " ");
    line.map_or(message.clone(), |line| format!("line {line}: {message}"))
}
