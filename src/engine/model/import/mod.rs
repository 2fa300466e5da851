//! Nets that people bring: a file is opened as a [`Draft`], which says what it leaves open; answers make an
//! [`ImportedNet`] of it, which can be tried before it is kept, once, as a manifest with safetensors.

mod class_names;
mod preprocessing;
mod weights;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml::Value;

pub use class_names::{ClassNames, known_class_names, read_class_names};
pub use preprocessing::{Preprocessing, Trial, likeliest_first, likely, try_out};

use super::Model;
use super::catalogue::extension;
use super::executor::Executor;
use super::graph::Graph;
use super::layers::entries_of;
use super::manifest::{Input, Manifest};
use super::onnx::OnnxFile;
use super::operations::Gather;
use super::parameters::Params;
use super::weights::open_weights;
use super::zoo::Word;
use crate::device::Backend;
use crate::file_kind::FileKind;
use crate::picture::Fit;
use crate::{Error, Result};
use weights::WeightsDraft;

/// A file with a net, opened and not yet kept.
pub struct Draft {
    pub path: PathBuf,
    source: Source,
}

enum Source {
    Onnx(OnnxFile),
    Weights(WeightsDraft),
}

/// A `Questions` says what a file leaves open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Questions {
    /// Channels, height and width of a picture; `None` where the file does not fix them.
    pub axes: [Option<usize>; 3],
    /// Channels, height and width that such nets usually take, where they are known.
    pub usual: Option<[usize; 3]>,
    /// The outputs that may hold the logits; with more than one the person chooses.
    pub outputs: Vec<String>,
    /// True where the file holds weights alone, and the person says the word for their net.
    pub asks_word: bool,
    /// The word that `config.json` beside the weights says.
    pub said: Option<Word>,
    /// The words that names and shapes of the weights fit.
    pub words: Vec<Word>,
}

/// The answers of the person to [`Questions`], where there are any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// Channels, height and width, which only count where the file leaves them open.
    pub axes: Option<[usize; 3]>,
    pub output: Option<String>,
    pub word: Option<Word>,
}

/// A net that was read from a file of another program.
pub struct ImportedNet {
    pub graph: Graph,
    pub params: Params,
    /// The normalisation that the file itself does or names; it is not part of the graph.
    pub normalisation: Option<Preprocessing>,
    /// The preprocessing that the authors of its architecture used.
    pub usual: Option<Preprocessing>,
    /// The names of the classes, where the file says them.
    pub classes: Option<Vec<String>>,
    /// The net ends in a softmax or a sigmoid that was left out, and the like, in whole sentences.
    pub notes: Vec<String>,
    /// The net of the catalogue that this is, but for the number of classes.
    pub replaces: Option<String>,
    /// The program that wrote the file, such as "pytorch 2.15.0".
    pub producer: String,
}

/// A description is what a manifest holds beside the graph: names for people, and how the net wants its pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    pub title: String,
    /// The file that it was read from.
    pub file: String,
    pub classes: Vec<String>,
    pub preprocessing: Preprocessing,
    pub fit: Fit,
}

impl Draft {
    /// Opens a file, whose content tells what it is: ONNX, or weights.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Net`] and [`Error::Weights`] with one sentence on what the file is and what would help.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = open_weights(path)?;
        let source = if is_onnx(path, &bytes) {
            Source::Onnx(OnnxFile::read(path, bytes)?)
        } else {
            Source::Weights(WeightsDraft::open(bytes, path)?)
        };
        Ok(Self { source, path: path.to_owned() })
    }

    /// Returns whether the file holds a whole net, not its weights alone.
    pub fn is_whole(&self) -> bool {
        matches!(self.source, Source::Onnx(_))
    }

    /// Tells whether a file holds a whole net, not weights alone, by its name or its beginning.
    pub fn is_of_whole_net(path: &Path) -> bool {
        is_named_onnx(path) || open_weights(path).is_ok_and(|bytes| FileKind::of(&bytes) == FileKind::Onnx)
    }

    /// Takes the weights for those of a net that is there, with another number of classes; `None` where they differ in
    /// more than that.
    pub fn with_head(self, manifest: Manifest) -> Option<Self> {
        let Source::Weights(weights) = self.source else { return None };
        Some(Self { source: Source::Weights(weights.with_head(manifest)?), path: self.path })
    }

    /// Returns what the file leaves open.
    ///
    /// # Errors
    /// [`Error::Net`] for one that takes in something else than one picture.
    pub fn questions(&self) -> Result<Questions> {
        match &self.source {
            Source::Onnx(file) => {
                let picture = file.picture().map_err(|why| self.refuse(why))?;
                let outputs = file.logits().into_iter().map(|port| port.name.clone()).collect();
                Ok(Questions { axes: picture.axes, usual: picture.usual(), outputs, ..Questions::default() })
            }
            Source::Weights(weights) => Ok(weights.questions()),
        }
    }

    /// Makes a net of the file.
    ///
    /// # Errors
    /// [`Error::Net`] or [`Error::Weights`] with one sentence that names the operator and the node, or the tensor,
    /// and what would help.
    pub fn build(&self, answers: &Answers) -> Result<ImportedNet> {
        let net = match &self.source {
            Source::Onnx(file) => file.import(answers),
            Source::Weights(weights) => weights.build(answers),
        };
        net.map_err(|why| self.refuse(why))
    }

    fn refuse(&self, why: String) -> Error {
        let path = self.path.clone();
        if self.is_whole() { Error::Net { path, why } } else { Error::Weights { path, why } }
    }
}

/// Tells whether a file is an ONNX file: by its beginning, or by its name where that says nothing.
fn is_onnx(path: &Path, bytes: &[u8]) -> bool {
    match FileKind::of(bytes) {
        FileKind::Onnx => true,
        FileKind::Unknown => is_named_onnx(path),
        _ => false,
    }
}

fn is_named_onnx(path: &Path) -> bool {
    extension(path).is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

impl ImportedNet {
    /// Returns what it may want done with pixels, the likeliest first.
    pub fn likely(&self) -> Vec<Preprocessing> {
        let first = self.normalisation.iter().chain(&self.usual).cloned();
        let rest = likely(self.axes());
        let mut all: Vec<Preprocessing> = Vec::with_capacity(rest.len() + 2);
        for one in first.chain(rest) {
            if !all.iter().any(|known| (&known.mean, &known.std, known.is_bgr) == (&one.mean, &one.std, one.is_bgr)) {
                all.push(one);
            }
        }
        all
    }

    /// Returns the number of values that come out, one a class.
    pub fn class_count(&self) -> usize {
        self.graph.shape(self.graph.output).count()
    }

    /// Returns channels, height and width of its pictures.
    pub fn axes(&self) -> [usize; 3] {
        self.graph.shape(0).as_planes().unwrap_or_default()
    }

    /// Makes a net that takes pixels which are normalised already.
    ///
    /// # Errors
    /// The errors of [`Backend::executor`].
    pub fn executor(&self) -> Result<Box<dyn Executor>> {
        let channels = self.axes()[0];
        Backend::from_environment()?.executor(
            &self.graph,
            &self.input(&Preprocessing::plain(channels), Fit::Squash),
            &self.params,
        )
    }

    fn input(&self, preprocessing: &Preprocessing, fit: Fit) -> Input {
        let [channels, height, width] = self.axes();
        let Preprocessing { mean, std, .. } = preprocessing.clone();
        Input { channels, height, width, mean, std, fit }
    }

    /// Writes the manifest of this net, whose weights lie in a file of this name.
    ///
    /// # Errors
    /// [`Error::Manifest`] for what would not be read again.
    pub fn manifest(&self, description: &Description, weights: &str) -> Result<Manifest> {
        let refuse = |why: String| Error::Manifest { path: PathBuf::from(weights), why };
        let graph =
            if description.preprocessing.is_bgr { swapped(&self.graph).map_err(refuse)? } else { self.graph.clone() };
        let input = self.input(&description.preprocessing, description.fit);
        let Input { channels, height, width, mean, std, fit } = input;
        let text = |text: &str| Value::String(text.to_owned());
        let numbers = |values: &[f32]| Value::Array(values.iter().map(|&value| short(value)).collect());
        let fit = match fit {
            Fit::Squash => "squash",
            Fit::Crop => "crop",
            Fit::Letterbox => "letterbox",
        };
        let by = if self.producer.is_empty() { String::new() } else { format!(", which {} wrote", self.producer) };
        let origin = format!("Read from {}{by}.", description.file);
        let classes = Value::Array(description.classes.iter().map(|class| text(class)).collect());
        let mut manifest = format!(
            "name = {}\ndescription = {}\nlicence = \"not stated\"\ninput = {{ channels = {channels}, height = \
             {height}, width = {width}, mean = {}, std = {}, fit = {fit:?} }}\nclasses = {classes}\nweights = \
             {}\ngraph = [\n",
            text(&description.title),
            text(&origin),
            numbers(&mean),
            numbers(&std),
            text(weights),
        );
        for entry in entries_of(&graph).map_err(refuse)? {
            let _ = writeln!(manifest, "  {entry},");
        }
        manifest.push_str("]\n");
        Manifest::with_classes(&manifest, Path::new(weights), &[])
    }

    /// Makes a model of it that is not kept yet.
    ///
    /// # Errors
    /// The errors of [`Self::manifest`] and [`Model::on`].
    pub fn model(&self, description: &Description) -> Result<Model> {
        Model::on(&Backend::from_environment()?, self.manifest(description, "unnamed.safetensors")?, &self.params)
    }
}

/// Returns a number as TOML writes it, with no more digits than single precision has.
fn short(value: f32) -> Value {
    Value::Float(value.to_string().parse().unwrap_or(f64::from(value)))
}

/// Puts red and blue in each other's place in front of a graph.
fn swapped(graph: &Graph) -> Result<Graph, String> {
    let mut swapped = Graph::new(graph.shape(0));
    swapped.push(Gather { axis: 0, indices: vec![2, 1, 0] }, &[0])?;
    for node in graph.nodes() {
        let inputs: Vec<_> = node.inputs.iter().map(|input| input + 1).collect();
        swapped.push(node.operation.clone(), &inputs)?;
    }
    swapped.output = graph.output + 1;
    Ok(swapped)
}
