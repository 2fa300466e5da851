//! Nets are named in a few words, such as `maxout:240x5+dropout`, so that capacity is a number to turn.

use std::fmt::{self, Display, Write};
use std::path::Path;
use std::str::FromStr;

use super::manifest::{Input, Manifest};
use crate::{Error, Result};

/// An architecture names a net by its kind and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub kind: Kind,
    pub dropout: Option<KeptShares>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// This is one linear layer: softmax regression.
    Softmax,
    /// It has rectified layers with these numbers of units.
    Mlp(Vec<usize>),
    /// It has maxout layers with these numbers of units and pieces (Goodfellow et al., Maxout Networks, 2013).
    Maxout(Vec<(usize, usize)>),
    /// It has 5×5 convolutions with these numbers of channels, rectified and halved by max-pools, then a rectified
    /// layer.
    Cnn { channels: Vec<usize>, hidden: usize },
}

/// These are the shares of the values that dropout keeps in training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptShares {
    /// The share of the pixels, which are not scaled up for it.
    pub pixels: f32,
    /// The share of the inputs of every later layer that is fully connected.
    pub hidden: f32,
}

impl Default for KeptShares {
    /// Returns the maxout recipe of 2013.
    fn default() -> Self {
        Self { pixels: 0.8, hidden: 0.5 }
    }
}

/// These bounds are what a desktop machine can train.
const MOST_UNITS: usize = 8192;
const MOST_LAYERS: usize = 8;

impl Architecture {
    /// Returns the manifest of such a net without weights; refuses pictures that are too small for its pools.
    pub fn manifest(&self, input: &Input, classes: &[String]) -> Result<Manifest> {
        let fit = format!("{:?}", input.fit).to_lowercase();
        let Input { channels, height, width, mean, std, .. } = input;
        let mut text = format!("name = \"{self}\"\nlicence = \"MIT OR Apache-2.0\"\nweights = \"model.safetensors\"\n");
        // Debug output of numbers and strings is TOML.
        let _ = writeln!(
            text,
            "input = {{ channels = {channels}, height = {height}, width = {width}, mean = {mean:?}, std = {std:?}, \
             fit = \"{fit}\" }}"
        );
        let names: toml_edit::Array = classes.iter().collect();
        let _ = writeln!(text, "classes = {names}\nlayers = [\n{}]", self.layers(input, classes.len()));
        Manifest::with_classes(&text, Path::new(&format!("<{self}>")), classes)
    }

    fn layers(&self, input: &Input, classes: usize) -> String {
        let mut layers = Layers { text: String::new(), dropout: self.dropout, features: input.shape().count() };
        match &self.kind {
            Kind::Softmax => layers.add("kind = \"flatten\""),
            Kind::Mlp(hidden) => {
                layers.add("kind = \"flatten\"");
                for (i, &units) in hidden.iter().enumerate() {
                    layers.dropout(i == 0);
                    layers.linear(&format!("hidden{}", i + 1), units);
                    layers.add("kind = \"relu\"");
                }
            }
            Kind::Maxout(hidden) => {
                layers.add("kind = \"flatten\"");
                for (i, &(units, pieces)) in hidden.iter().enumerate() {
                    layers.dropout(i == 0);
                    let (name, features) = (i + 1, layers.features);
                    layers.add(&format!(
                        "kind = \"maxout\", name = \"hidden{name}\", in = {features}, units = {units}, pieces = \
                         {pieces}"
                    ));
                    layers.features = units;
                }
            }
            Kind::Cnn { channels, hidden } => {
                let (mut from, mut height, mut width) = (input.channels, input.height, input.width);
                for (i, &channels) in channels.iter().enumerate() {
                    layers.add(&format!(
                        "kind = \"conv2d\", name = \"conv{}\", in = {from}, out = {channels}, kernel = 5, padding = 2",
                        i + 1
                    ));
                    layers.add("kind = \"relu\"");
                    layers.add("kind = \"max_pool2d\", kernel = 2");
                    (from, height, width) = (channels, height / 2, width / 2);
                }
                layers.add("kind = \"flatten\"");
                layers.features = from * height * width;
                layers.dropout(false);
                layers.linear("hidden", *hidden);
                layers.add("kind = \"relu\"");
            }
        }
        if self.kind != Kind::Softmax {
            layers.dropout(false);
        }
        layers.linear("output", classes);
        layers.text
    }
}

/// These are the lines of a manifest's list.
struct Layers {
    text: String,
    dropout: Option<KeptShares>,
    /// The values that one picture has become so far.
    features: usize,
}

impl Layers {
    fn add(&mut self, fields: &str) {
        let _ = writeln!(self.text, "  {{ {fields} }},");
    }

    fn linear(&mut self, name: &str, outputs: usize) {
        self.add(&format!("kind = \"linear\", name = \"{name}\", in = {}, out = {outputs}", self.features));
        self.features = outputs;
    }

    fn dropout(&mut self, is_of_pixels: bool) {
        let Some(KeptShares { pixels, hidden }) = self.dropout else { return };
        let (keep, rescale) = if is_of_pixels { (pixels, ", rescale = false") } else { (hidden, "") };
        if keep < 1.0 {
            self.add(&format!("kind = \"dropout\", keep = {keep:?}{rescale}"));
        }
    }
}

impl Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        match &self.kind {
            Kind::Softmax => f.write_str("softmax")?,
            Kind::Mlp(hidden) => write!(f, "mlp:{}", list(hidden))?,
            Kind::Maxout(hidden) => {
                let sizes: Vec<String> = hidden.iter().map(|(units, pieces)| format!("{units}x{pieces}")).collect();
                write!(f, "maxout:{}", sizes.join(","))?;
            }
            Kind::Cnn { channels, hidden } => write!(f, "cnn:{},{hidden}", list(channels))?,
        }
        match self.dropout {
            None => Ok(()),
            Some(dropout) if dropout == KeptShares::default() => f.write_str("+dropout"),
            Some(KeptShares { pixels, hidden }) => write!(f, "+dropout={pixels},{hidden}"),
        }
    }
}

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text.trim()).ok_or_else(|| {
            Error::Argument(format!(
                "the net is {text:?}; expected softmax, mlp:1200,1200, maxout:240x5,240x5 (units x pieces) or \
                 cnn:32,64,1024 (channels, then units), with +dropout or +dropout=0.8,0.5 (kept of pixels and of \
                 hidden units) behind it"
            ))
        })
    }
}

fn parse(text: &str) -> Option<Architecture> {
    let (net, dropout) = match text.split_once("+dropout") {
        Some((net, "")) => (net, Some(KeptShares::default())),
        Some((net, keep)) => {
            let (pixels, hidden) = keep.strip_prefix('=')?.split_once(',')?;
            let share = |text: &str| text.trim().parse().ok().filter(|keep| *keep > 0.0 && *keep <= 1.0);
            (net, Some(KeptShares { pixels: share(pixels)?, hidden: share(hidden)? }))
        }
        None => (text, None),
    };
    let (name, sizes) = net.split_once(':').unwrap_or((net, ""));
    let size = |text: &str| text.trim().parse().ok().filter(|size| (1..=MOST_UNITS).contains(size));
    let layer = |text: &str| text.split_once('x').and_then(|(units, pieces)| Some((size(units)?, size(pieces)?)));
    let kind = match name {
        "softmax" if sizes.is_empty() => Kind::Softmax,
        "mlp" => Kind::Mlp(list(sizes, size)?),
        "maxout" => Kind::Maxout(list(sizes, layer)?),
        "cnn" => {
            let mut channels = list(sizes, size)?;
            let hidden = channels.pop()?;
            (!channels.is_empty()).then_some(Kind::Cnn { channels, hidden })?
        }
        _ => return None,
    };
    Some(Architecture { kind, dropout })
}

fn list<T>(sizes: &str, layer: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    sizes.split(',').map(layer).collect::<Option<Vec<T>>>().filter(|list| list.len() <= MOST_LAYERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Fit;

    fn digits() -> (Input, Vec<String>) {
        let input = Input { channels: 1, height: 28, width: 28, mean: vec![0.0], std: vec![1.0], fit: Fit::Letterbox };
        (input, (0..10).map(|digit| digit.to_string()).collect())
    }

    #[test]
    fn words_give_nets_and_come_back() {
        let (input, classes) = digits();
        for (words, parameters) in [
            ("softmax", 7850),
            ("mlp:32", 784 * 32 + 32 + 330),
            ("maxout:240x5,240x5", 785 * 1200 + 241 * 1200 + 2410),
            ("cnn:32,64,1024", 26 * 32 + 801 * 64 + 3137 * 1024 + 10250),
            ("maxout:16x2+dropout=0.9,0.7", 785 * 32 + 170),
            ("mlp:20,10+dropout", 785 * 20 + 21 * 10 + 110),
        ] {
            let net: Architecture = words.parse().unwrap();
            assert_eq!(net.to_string(), words);
            assert_eq!(net.manifest(&input, &classes).unwrap().parameter_count(), parameters, "{words}");
        }
    }

    #[test]
    fn the_paper_s_net_is_the_bundled_one() {
        let (input, classes) = digits();
        let net: Architecture = "maxout:240x5,240x5+dropout=0.8,0.6".parse().unwrap();
        let bundled = super::super::Catalogue::new(Vec::new()).manifest("digits_maxout").unwrap();
        assert_eq!(net.manifest(&input, &classes).unwrap().graph, bundled.graph);
    }

    #[test]
    fn what_is_no_net_is_refused_with_examples() {
        for bad in ["", "mlp", "mlp:0", "maxout:5", "cnn:32", "mlp:99999", "softmax:3", "mlp:3+dropout=2,1", "gan:3"] {
            let message = bad.parse::<Architecture>().unwrap_err().to_string();
            assert!(message.contains("maxout:240x5,240x5") && message.lines().count() == 1, "{message}");
        }
        let (mut input, classes) = digits();
        (input.height, input.width) = (2, 2);
        assert!("cnn:8,8,8".parse::<Architecture>().unwrap().manifest(&input, &classes).is_err());
    }
}
