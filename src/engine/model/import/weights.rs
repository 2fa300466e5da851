//! A file of weights alone: the person says the word for its net, or another number of classes of a net that is there.

use std::path::Path;
use std::sync::OnceLock;

use super::super::graph::{Graph, Node};
use super::super::manifest::Manifest;
use super::super::operations::Operation;
use super::super::shape::Shape;
use super::super::weights::WeightsFile;
use super::super::zoo::{Config, Tensors, Usual, Word, candidates, normalisers};
use super::{Answers, ImportedNet, Preprocessing, Questions};
use crate::mapped::FileBytes;
use crate::{Error, Result};

/// A file of weights, with what is known of its net.
pub struct WeightsDraft {
    bytes: FileBytes,
    /// The tensors of the file, once for each prefix that may stand before those of the net; the longest first.
    sets: Vec<Tensors>,
    config: Option<Config>,
    /// The net of the catalogue that these weights are of, but for the number of classes.
    of: Option<Box<Manifest>>,
    /// The words that fit, once they were looked for: many nets are described to find them.
    words: OnceLock<Vec<Word>>,
}

/// A set of tensors has at least this share of those of the file.
const SHARE: f64 = 0.4;

impl WeightsDraft {
    /// Opens a file of weights.
    ///
    /// # Errors
    /// One sentence for a file of another kind, and for a `config.json` beside it that is damaged.
    pub fn open(bytes: FileBytes, path: &Path) -> Result<Self> {
        let refuse = |why: String| Error::Weights { path: path.to_owned(), why };
        let all = WeightsFile::open(&bytes, None).map_err(refuse)?.shapes();
        let beside = path.with_file_name("config.json");
        // A configuration of something else says nothing of these weights.
        let config = if beside.is_file() { Config::read(&beside).ok() } else { None };
        Ok(Self { sets: sets(&all), bytes, config, of: None, words: OnceLock::new() })
    }

    /// Takes the weights for those of a net that is there, with another number of classes. `None` where they differ in
    /// more than that.
    pub fn with_head(self, manifest: Manifest) -> Option<Self> {
        self.sets
            .iter()
            .any(|set| other_head(&manifest.graph, set).is_some())
            .then_some(Self { of: Some(manifest.into()), ..self })
    }

    /// Returns what the file leaves open.
    pub fn questions(&self) -> Questions {
        if let Some(manifest) = &self.of {
            let input = &manifest.input;
            let axes = [input.channels, input.height, input.width].map(Some);
            return Questions { axes, ..Questions::default() };
        }
        let said = self.config.as_ref().map(|config| config.word);
        let words = match said {
            Some(word) => vec![word],
            None => self.words.get_or_init(|| self.fitting()).clone(),
        };
        let first = words.first().and_then(|word| self.set(word).map(|set| (word, set)));
        let [channels, side] = first.map_or([None; 2], |(word, set)| [word.channels(set), Some(word.usual(set).side)]);
        let usual = self.config.as_ref().and_then(|config| config.input).or(channels.zip(side).map(|(c, s)| [c, s, s]));
        Questions { axes: [channels, None, None], usual, said, words, asks_word: true, ..Questions::default() }
    }

    fn fitting(&self) -> Vec<Word> {
        self.sets.iter().map(candidates).find(|words| !words.is_empty()).unwrap_or_default()
    }

    fn set(&self, word: &Word) -> Option<&Tensors> {
        self.sets.iter().find(|set| word.channels(set).is_some())
    }

    /// Makes the net.
    ///
    /// # Errors
    /// One sentence that says what does not fit the word, or which words do.
    pub fn build(&self, answers: &Answers) -> Result<ImportedNet, String> {
        let (graph, usual) = match &self.of {
            Some(manifest) => {
                let graph = self.sets.iter().find_map(|set| other_head(&manifest.graph, set));
                (graph.ok_or("it is of another net")?, None)
            }
            None => self.of_word(answers)?,
        };
        let bytes: &[u8] = &self.bytes;
        let file = WeightsFile::open(bytes, Some(&graph))?;
        let weights = file.of(&graph)?;
        let (params, mut notes) = (weights.params()?, weights.notes);
        let channels = graph.shape(0)[0];
        let of_net = self.of.as_ref().map(|manifest| Preprocessing {
            name: "as the net with its own classes".into(),
            mean: manifest.input.mean.clone(),
            std: manifest.input.std.clone(),
            is_bgr: false,
        });
        let own = of_net.or_else(|| self.own_normalisation(&file, channels));
        if own.is_some() && self.of.is_none() {
            notes.push("Mean and deviation are those that came with the weights.".into());
        }
        let classes = self.config.as_ref().and_then(|config| config.classes.clone());
        let count = graph.shape(graph.output).count();
        Ok(ImportedNet {
            graph,
            params,
            normalisation: own,
            usual: usual.map(|usual| Preprocessing::usual(&usual, channels)),
            classes: classes.filter(|classes| classes.len() == count),
            notes,
            replaces: self.of.as_ref().and_then(|manifest| Some(manifest.path.file_stem()?.to_str()?.to_owned())),
            producer: String::new(),
        })
    }

    fn of_word(&self, answers: &Answers) -> Result<(Graph, Option<Usual>), String> {
        let questions = self.questions();
        let word = match (answers.word.or(questions.said), &questions.words[..]) {
            (Some(word), _) => word,
            (None, []) => {
                return Err(
                    "its tensors are those of no net that is known by a word; export the net as ONNX, or write \
                            a manifest (docs/models.md)"
                        .into(),
                );
            }
            (None, words) => {
                let words: Vec<String> = words.iter().map(|word| format!("{word} ({})", word.about())).collect();
                return Err(format!(
                    "names and shapes of its tensors fit {}, but do not tell all of a net; say the word for it",
                    words.join(" or ")
                ));
            }
        };
        let set = self.set(&word).or(self.sets.first()).ok_or("it holds no tensors")?;
        let usual = word.usual(set);
        let axes = answers.axes.or(questions.usual).unwrap_or([3, usual.side, usual.side]);
        let channels = word.channels(set).unwrap_or(axes[0]);
        let graph = word.graph(set, Shape::planes([channels, axes[1], axes[2]]))?;
        Ok((graph, Some(usual)))
    }

    /// Returns the mean and deviation that stand in `config.json`, or in the file itself.
    fn own_normalisation(&self, file: &WeightsFile<'_>, channels: usize) -> Option<Preprocessing> {
        let named = |mean: Vec<f32>, std: Vec<f32>| {
            let fits = [&mean, &std].iter().all(|values| values.len() == channels) && std.iter().all(|std| *std > 0.0);
            fits.then(|| Preprocessing { name: "the file's own".into(), mean, std, is_bgr: false })
        };
        if let Some(Config { mean: Some(mean), std: Some(std), .. }) = &self.config {
            return named(mean.clone(), std.clone());
        }
        let shapes = file.shapes();
        let [mean, std] = normalisers(&shapes)?.map(|name| file.small(&name));
        let spread = |values: Vec<f32>| if values.len() == 1 { vec![values[0]; channels] } else { values };
        named(spread(mean?), spread(std?))
    }
}

/// Returns the tensors below each prefix that many of a file's tensors have, without it.
fn sets(all: &Tensors) -> Vec<Tensors> {
    let least = (all.len() as f64 * SHARE).ceil() as usize;
    let mut prefixes = vec![String::new()];
    let mut at = 0;
    while let Some(prefix) = prefixes.get(at).cloned() {
        let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
        for rest in all.keys().filter_map(|name| name.strip_prefix(&prefix)) {
            if let Some((first, _)) = rest.split_once('.') {
                *counts.entry(first).or_default() += 1;
            }
        }
        let many = counts.into_iter().filter(|(_, count)| *count >= least.max(1));
        prefixes.extend(many.map(|(first, _)| format!("{prefix}{first}.")).collect::<Vec<_>>());
        at += 1;
        if prefixes.len() > 16 {
            break;
        }
    }
    prefixes.reverse();
    let below = |prefix: &String| -> Tensors {
        let named = all.iter().filter_map(|(name, shape)| Some((name.strip_prefix(prefix)?.to_owned(), shape.clone())));
        named.collect()
    };
    prefixes.iter().map(below).collect()
}

/// Returns a graph with as many classes as a file has, where that is all in which its tensors differ from those of the
/// graph.
fn other_head(graph: &Graph, file: &Tensors) -> Option<Graph> {
    let last = graph.nodes().iter().rposition(|node| !node.tensors().is_empty())?;
    let fits = |node: &Node| node.tensors().iter().all(|(name, shape)| file.get(name) == Some(shape));
    if !graph.nodes().iter().enumerate().all(|(number, node)| number == last || fits(node)) {
        return None;
    }
    let (weight, shape) = graph.nodes()[last].tensors().into_iter().next()?;
    let classes = *file.get(&weight)?.first()?;
    if file.get(&weight)?.get(1..) != shape.get(1..) || classes < 2 || shape.first() == Some(&classes) {
        return None;
    }
    let mut other = Graph::new(graph.shape(0));
    for (number, node) in graph.nodes().iter().enumerate() {
        let mut operation = node.operation.clone();
        if number == last {
            match &mut operation {
                Operation::Linear(linear) => linear.outputs = classes,
                Operation::Conv2d(conv) if conv.groups == 1 => conv.outputs = classes,
                _ => return None,
            }
        }
        other.push(operation, &node.inputs).ok()?;
    }
    other.output = graph.output;
    other.nodes().iter().all(fits).then_some(other)
}
