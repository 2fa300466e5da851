//! The architectures that researchers have weights of, by a word such as `resnet50` or `wrn:28x10`. A word and the
//! names and shapes of a file's tensors make a graph whose operations carry the names in the file.
//!
//! A family of nets is a file here: tables of sizes, and a function that puts the net together with a [`Net`].
//! Libraries write the same net under different names; each such way is a [`Convention`]. The file decides between
//! conventions, but never between nets: two nets may have the same tensors.

mod config;
mod convnext;
mod densenet;
mod inception;
mod inverted;
mod mobile;
mod mobilenet_v3;
mod net;
mod plain;
mod regnet;
mod resnet;
mod shufflenet;
mod swin;
mod vit;
mod wide_resnet;

use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

pub use config::Config;
pub use net::Tensors;
use net::{Made, Net};

use super::graph::Graph;
use super::shape::Shape;

/// These are the usual pictures for a net: square with sides of `side` pixels, `(x − mean) / std` per channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    pub side: usize,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// ImageNet's means and deviations, as nearly all nets for it use them.
const IMAGENET: Usual = Usual { side: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/// Pixels from −1 to 1.
const HALF: Usual = Usual { side: 224, mean: [0.5; 3], std: [0.5; 3] };

/// CIFAR-10's means and deviations, as kuangliu's nets use them.
const CIFAR: Usual = Usual { side: 32, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.2010] };

/// CIFAR's pixels from 0 to 1 as they are, as is the custom in adversarial training.
const CIFAR_PLAIN: Usual = Usual { side: 32, mean: [0.0; 3], std: [1.0; 3] };

impl Usual {
    const fn of_side(self, side: usize) -> Self {
        Self { side, ..self }
    }
}

type Make = Arc<dyn Fn(&mut Net<'_>) -> Made + Send + Sync>;

/// The names under which a library or a repository writes a net.
#[derive(Clone)]
pub struct Convention {
    /// Whose names they are, such as `torchvision`.
    pub whose: &'static str,
    pub usual: Usual,
    make: Make,
    /// The beginnings of the names of tensors that the net does without, such as heads for training only.
    spare: &'static [&'static str],
}

/// A net, or a kind of nets that numbers are missing to.
pub struct Entry {
    pub name: String,
    /// One line that says what it is.
    pub about: String,
    /// Other names that it is known by, in the spelling of [`plain_name`].
    aliases: Vec<String>,
    /// The numbers of an example, where a word needs numbers: depth and width.
    pub sizes: Option<[usize; 2]>,
    pub conventions: Vec<Convention>,
}

impl Entry {
    fn new(name: impl Into<String>, about: impl Into<String>) -> Self {
        let (name, about) = (name.into(), about.into());
        Self { name, about, aliases: Vec::new(), sizes: None, conventions: Vec::new() }
    }

    fn alias(mut self, alias: impl AsRef<str>) -> Self {
        self.aliases.push(plain_name(alias.as_ref()));
        self
    }

    fn sized(mut self, example: [usize; 2]) -> Self {
        self.sizes = Some(example);
        self
    }

    fn convention(
        mut self,
        whose: &'static str,
        usual: Usual,
        make: impl Fn(&mut Net<'_>) -> Made + Send + Sync + 'static,
    ) -> Self {
        self.conventions.push(Convention { whose, usual, make: Arc::new(make), spare: &[] });
        self
    }

    /// Lets the convention that was added last do without tensors that begin like this.
    fn spare(mut self, names: &'static [&'static str]) -> Self {
        if let Some(last) = self.conventions.last_mut() {
            last.spare = names;
        }
        self
    }

    /// Returns the word of this net, or of the example.
    pub fn word(&'static self) -> Word {
        Word { entry: self, sizes: self.sizes.unwrap_or_default() }
    }
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let families = [
        resnet::entries(),
        wide_resnet::entries(),
        plain::entries(),
        densenet::entries(),
        inception::entries(),
        mobile::entries(),
        mobilenet_v3::entries(),
        shufflenet::entries(),
        regnet::entries(),
        convnext::entries(),
        vit::entries(),
        swin::entries(),
    ];
    families.into_iter().flatten().collect()
});

/// Returns all nets that there are words for.
pub fn words() -> impl Iterator<Item = &'static Entry> {
    ENTRIES.iter()
}

/// Returns a name as it is compared: in small letters, with `-` between its parts.
fn plain_name(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', '.', ' '], "-")
}

/// A word names a net, such as `resnet50` or `wrn:28x10`.
#[derive(Clone, Copy)]
pub struct Word {
    entry: &'static Entry,
    sizes: [usize; 2],
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.entry.name == other.entry.name && self.sizes == other.sizes
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Word({self})")
    }
}

impl Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [depth, width] = self.sizes;
        match self.entry.sizes {
            Some(_) => write!(f, "{}:{depth}x{width}", self.entry.name),
            None => f.write_str(&self.entry.name),
        }
    }
}

impl FromStr for Word {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// The largest depth or width that a word may ask for.
const MOST: usize = 1000;

impl Word {
    /// Reads a word, in its own spelling or in that of torchvision or timm, such as `vgg11_bn` and
    /// `vit_base_patch16_224.augreg`.
    ///
    /// # Errors
    /// A sentence with the nearest words, or with what is wrong about the numbers.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, numbers) = text.split_once(':').map_or((text, None), |(name, numbers)| (name, Some(numbers)));
        // Behind a full stop timm names the training of the weights.
        let names = [Some(name), name.split_once('.').map(|(net, _)| net)].map(|name| name.map(plain_name));
        let mut names = names.iter().flatten();
        let entry = names.find_map(|name| words().find(|entry| entry.name == *name || entry.aliases.contains(name)));
        let entry = entry.ok_or_else(|| unknown(&plain_name(name)))?;
        let (Some(example), Some(numbers)) = (entry.sizes, numbers) else {
            return match (entry.sizes, numbers) {
                (Some([depth, width]), None) => {
                    Err(format!("{name:?} has no sizes; expected depth and width, as in {name}:{depth}x{width}"))
                }
                (None, Some(numbers)) => Err(format!("{name:?} has no sizes; expected it without {numbers:?}")),
                _ => Ok(entry.word()),
            };
        };
        let sizes = numbers.split_once('x').map(|(depth, width)| [depth, width].map(str::parse::<usize>));
        let [Ok(depth @ 1..=MOST), Ok(width @ 1..=MOST)] = sizes.clone().unwrap_or_else(|| [0, 1].map(|_| "".parse()))
        else {
            let [depth, width] = example;
            return Err(format!("the sizes are {numbers:?}; expected depth and width, as in {depth}x{width}"));
        };
        Ok(Self { entry, sizes: [depth, width] })
    }

    /// Returns what it is, in a line.
    pub fn about(&self) -> &'static str {
        &self.entry.about
    }

    /// Returns what pictures for the net usually are, with these tensors.
    pub fn usual(&self, tensors: &Tensors) -> Usual {
        let fits = |convention: &&Convention| self.channels_of(convention, tensors).is_some();
        let conventions = &self.entry.conventions;
        conventions.iter().find(fits).or(conventions.first()).map_or(IMAGENET, |convention| convention.usual)
    }

    /// Returns the number of channels that the net takes, with these tensors; `None` where they do not fit it.
    pub fn channels(&self, tensors: &Tensors) -> Option<usize> {
        self.entry.conventions.iter().find_map(|convention| self.channels_of(convention, tensors))
    }

    fn channels_of(&self, convention: &Convention, tensors: &Tensors) -> Option<usize> {
        let side = convention.usual.side;
        let fits =
            |channels: &usize| self.make(convention, Shape::planes([*channels, side, side]), Some(tensors)).is_ok();
        [3, 1].into_iter().find(fits)
    }

    /// Returns the net for pictures of this shape, with the names that the tensors of a file have. It has as many
    /// classes as the last of them.
    ///
    /// # Errors
    /// A sentence that says which tensor is missing, has another shape or is left over, or what the input is too small
    /// for.
    pub fn graph(&self, tensors: &Tensors, input: Shape) -> Result<Graph, String> {
        let mut nearest = (0, "it has no convention".to_owned());
        for convention in &self.entry.conventions {
            match self.make(convention, input, Some(tensors)) {
                Ok(graph) => return Ok(graph),
                Err((used, why)) if used >= nearest.0 => {
                    nearest = (used, format!("{why} (names of {})", convention.whose));
                }
                Err(_) => {}
            }
        }
        Err(format!("the file is not of {self}: {}", nearest.1))
    }

    /// Returns the net under the names of a convention, for ImageNet's thousand classes and pictures of `side × side`
    /// pixels in three colours.
    ///
    /// # Errors
    /// A sentence about sizes that the net cannot have.
    pub fn graph_of(&self, convention: &Convention, side: usize) -> Result<Graph, String> {
        self.make(convention, Shape::planes([3, side, side]), None).map_err(|(_, why)| format!("{self}: {why}"))
    }

    /// Returns the ways in which the names of its tensors are written.
    pub fn conventions(&self) -> &'static [Convention] {
        &self.entry.conventions
    }

    /// Makes the net, or says how many tensors fitted before the one that does not.
    fn make(&self, convention: &Convention, input: Shape, tensors: Option<&Tensors>) -> Result<Graph, (usize, String)> {
        let mut net = Net::new(input, tensors, self.sizes);
        (convention.make)(&mut net).map_err(|why| (net.used(), why))?;
        let used = net.used();
        let normalisers = tensors.and_then(normalisers).unwrap_or_default();
        let spare = |name: &str| {
            convention.spare.iter().any(|begin| name.starts_with(begin)) || normalisers.iter().any(|of| of == name)
        };
        net.finish(spare).map_err(|why| (used, why))
    }
}

/// The names that wrappers give to the means and deviations of pixels: DeepMind's nets, `mu` and `sigma` of
/// RobustBench's, the robustness package.
const NORMALISERS: [[&str; 2]; 3] = [["mean", "std"], ["mu", "sigma"], ["new_mean", "new_std"]];

/// Returns the names of the tensors that hold means and deviations of pixels, if the file has such. They are part of
/// the input rather than of the net: whoever opens the file takes `mean` and `std` from there.
pub fn normalisers(tensors: &Tensors) -> Option<[String; 2]> {
    let pair = |name: &str, [mean, std]: [&str; 2]| {
        let before = name.strip_suffix(mean).filter(|before| before.is_empty() || before.ends_with('.'))?;
        let names = [name.to_owned(), format!("{before}{std}")];
        let is_small = |name: &String| {
            let count = |shape: &Vec<usize>| shape.iter().fold(1, |count: usize, len| count.saturating_mul(*len));
            tensors.get(name).is_some_and(|shape| (1..=3).contains(&count(shape)))
        };
        names.iter().all(is_small).then_some(names)
    };
    tensors.keys().find_map(|name| NORMALISERS.into_iter().find_map(|of| pair(name, of)))
}

/// Returns the sentence about a word that is none.
fn unknown(name: &str) -> String {
    let mut names: Vec<&str> = words().map(|entry| entry.name.as_str()).collect();
    names.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
    format!("there is no net {name:?} here; the nearest are {}", names[..names.len().min(5)].join(", "))
}

/// The depths and widths of wide ResNets that are tried on a file.
const DEPTHS: [usize; 13] = [10, 16, 22, 28, 34, 40, 46, 52, 58, 64, 70, 94, 106];
const WIDTHS: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 20, 32];

/// Returns all nets whose tensors are those of a file. There may be several, which differ in what no tensor tells.
pub fn candidates(tensors: &Tensors) -> Vec<Word> {
    let words = words().flat_map(|entry| {
        let sizes = match entry.sizes {
            Some(_) => DEPTHS.iter().flat_map(|depth| WIDTHS.iter().map(|width| [*depth, *width])).collect(),
            None => vec![[0, 0]],
        };
        sizes.into_iter().map(move |sizes| Word { entry, sizes })
    });
    words.filter(|word| word.channels(tensors).is_some()).collect()
}

#[cfg(test)]
mod tests;
