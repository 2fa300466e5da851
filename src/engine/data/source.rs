//! Training pictures come from a set by name, or a folder.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::array::Images;
use super::drawn_digits::draw_digit;
use super::known::FASHION;
use super::shape::DataShape;
use super::strokes::DIGIT_SIDE;
use super::{Dataset, Pictures, Split, Watch, idx};
use crate::download::{Patience, Remote, fetch, host};
use crate::picture::Fit;
use crate::{Error, Remedy, Result};

/// This is a data set, as settings and command lines name it: `drawn:20000`, `drawn:20000:7`, `mnist`, `fashion-mnist`,
/// or the path of a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// The program draws digits itself: `count` for training, a fifth as many for testing.
    Drawn {
        count: usize,
        seed: u64,
    },
    /// MNIST lies in the user's data folder.
    Mnist,
    FashionMnist,
    /// This is a folder or an archive, as [`Dataset::open`] takes them.
    Folder(PathBuf),
}

const VARIABLE: &str = "DOPPELGANGER_DATA";

/// This is how a data set is opened, beside its split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Arrays keep the order of their file, as runs of earlier versions had it; otherwise their classes take turns.
    pub is_as_filed: bool,
    /// Damaged pictures are looked for and left out.
    pub skips_damaged: bool,
}

/// No more pictures are drawn: they are kept in memory.
const MOST_DRAWN: usize = 1_000_000;

/// So many digits are drawn before anybody hears of them: a tenth of a second at most.
const DRAWN_AT_ONCE: usize = 1000;

impl Default for DataSource {
    fn default() -> Self {
        Self::Drawn { count: 20_000, seed: 0 }
    }
}

impl DataSource {
    /// Opens a split of the set. Labels are indices of `classes`. Fails as [`Dataset::open_watched`] does, and for a
    /// set by name that is not there.
    pub fn open(&self, split: Split, classes: &[String], watch: &mut Watch) -> Result<Dataset> {
        self.open_as(split, classes, Opening::default(), watch)
    }

    /// Does what [`Self::open`] does, in this way.
    pub fn open_as(&self, split: Split, classes: &[String], how: Opening, watch: &mut Watch) -> Result<Dataset> {
        if let Self::Drawn { count, seed } = *self {
            if classes.len() < 10 {
                let count = classes.len();
                return Err(Error::Argument(format!("the net has {count} classes; drawn digits need 10, from 0 to 9")));
            }
            return Dataset::drawn_digits(count, seed, split, watch);
        }
        let folder = self.folder().unwrap_or_default();
        if !matches!(self, Self::Folder(_)) && !self.is_there() {
            let why = format!("data: the data set {self} is not there; fetch it");
            return Err(Error::Missing { path: folder, why, remedy: Remedy::FetchData(self.to_string()) });
        }
        let data = Dataset::open_watched(&folder, split, classes, watch)?;
        let data = if how.is_as_filed { data } else { data.spread() };
        if how.skips_damaged { data.without_damaged(watch) } else { Ok(data) }
    }

    /// Returns what fetching the set means; none for those that cannot be fetched.
    pub fn offer(&self) -> Option<Offer> {
        let (files, mirrors, licence) = match self {
            Self::Mnist => (&MNIST_FILES, &MNIST_MIRRORS, "CC BY-SA 3.0 (Yann LeCun and Corinna Cortes)"),
            Self::FashionMnist => (&FASHION_FILES, &FASHION_MIRRORS, "MIT (Zalando SE)"),
            Self::Drawn { .. } | Self::Folder(_) => return None,
        };
        let remote = |&(name, bytes, sha256): &(&str, u64, &str)| Remote {
            name: name.into(),
            bytes,
            slack: 0,
            sha256: sha256.into(),
            mirrors: mirrors.iter().map(|mirror| format!("{mirror}{name}")).collect(),
        };
        Some(Offer { files: files.iter().map(remote).collect(), licence, folder: self.folder()? })
    }

    /// Returns where it lies on disk; drawn digits lie nowhere.
    pub fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Drawn { .. } => None,
            Self::Mnist | Self::FashionMnist => Some(data_folder().join(self.to_string())),
            Self::Folder(path) => Some(path.clone()),
        }
    }

    /// Tells whether it can be opened, as far as a look at the folder does.
    pub fn is_there(&self) -> bool {
        match (self, self.folder()) {
            (Self::Mnist | Self::FashionMnist, Some(folder)) => idx::is_in(&folder),
            (_, folder) => folder.is_none_or(|folder| folder.exists()),
        }
    }

    /// Returns the same data set, named independently of the working folder.
    pub fn absolute(&self) -> Result<Self> {
        match self {
            Self::Folder(path) => Ok(Self::Folder(path.canonicalize().map_err(Error::io("find the data set", path))?)),
            other => Ok(other.clone()),
        }
    }

    /// Returns what a net for these pictures takes in, and its classes. Fails as [`Self::open`] does.
    pub fn shape(&self, watch: &mut Watch) -> Result<DataShape> {
        let digits = || (0..10).map(|digit| digit.to_string()).collect();
        let grey = |classes| DataShape::new([1, DIGIT_SIDE, DIGIT_SIDE], Fit::Letterbox, classes);
        match self {
            Self::Drawn { .. } | Self::Mnist => Ok(grey(digits())),
            Self::FashionMnist => Ok(grey(FASHION.map(str::to_owned).to_vec())),
            Self::Folder(path) => DataShape::of_path(path, watch),
        }
    }
}

/// This is a data set that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub files: Vec<Remote>,
    pub licence: &'static str,
    pub folder: PathBuf,
}

impl Offer {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub fn hosts(&self) -> Vec<&str> {
        let mirrors = self.files.first().map_or(&[][..], |file| &file.mirrors);
        mirrors.iter().map(|mirror| host(mirror)).collect()
    }

    /// Fetches all files. `progress(bytes so far)` counts over all of them; false stops.
    pub fn fetch(&self, progress: &mut dyn FnMut(u64) -> bool) -> Result<()> {
        let mut before = 0;
        for file in &self.files {
            fetch(file, &self.folder, Patience::default(), &mut |bytes| progress(before + bytes))?;
            before += file.bytes;
        }
        Ok(())
    }
}

type KnownFile = (&'static str, u64, &'static str);

const MNIST_MIRRORS: [&str; 2] =
    ["https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"];
const MNIST_FILES: [KnownFile; 4] = [
    ("train-images-idx3-ubyte.gz", 9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    ("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ("t10k-images-idx3-ubyte.gz", 1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    ("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
];

const FASHION_MIRRORS: [&str; 2] = [
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
];
const FASHION_FILES: [KnownFile; 4] = [
    ("train-images-idx3-ubyte.gz", 26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    ("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ("t10k-images-idx3-ubyte.gz", 4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    ("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
];

/// Returns where fetched data sets are kept: what the environment says, or the user's data folder.
pub fn data_folder() -> PathBuf {
    let asked = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("data"));
    asked.or_else(own).unwrap_or_else(|| Path::new("doppelganger-data").to_owned())
}

impl Dataset {
    /// Draws `count` digits in memory for training, a fifth as many for testing; every ten are the ten digits in random
    /// order. Picture i of a split is the same whatever the count, and no two splits or seeds share a picture.
    pub fn drawn_digits(count: usize, seed: u64, split: Split, watch: &mut Watch) -> Result<Self> {
        let count = count.clamp(10, MOST_DRAWN);
        let (count, first) = if split == Split::Train { (count, 0) } else { (count.div_ceil(5), 1 << 40) };
        let stream = |number: u64| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(first + number);
            rng
        };
        // Orders of the ten digits come from streams beyond those of the pictures.
        let ten = |block: usize| {
            let mut digits: Vec<usize> = (0..10).collect();
            digits.shuffle(&mut stream((1 << 32) + block as u64));
            digits
        };
        let mut labels: Vec<usize> = (0..count.div_ceil(10)).flat_map(ten).collect();
        labels.truncate(count);
        let draw = |i: usize| draw_digit(labels[i] as u8, &mut stream(i as u64)).bytes;
        let mut bytes = Vec::with_capacity(count * DIGIT_SIDE * DIGIT_SIDE);
        for first in (0..count).step_by(DRAWN_AT_ONCE) {
            if !watch(first as f32 / count as f32) {
                return Err(Error::Stopped);
            }
            let last = (first + DRAWN_AT_ONCE).min(count);
            let drawn: Vec<Vec<u8>> = (first..last).into_par_iter().map(draw).collect();
            bytes.extend(drawn.into_iter().flatten());
        }
        let images = Images { width: DIGIT_SIDE, height: DIGIT_SIDE, channels: 1, bytes };
        let numbers = (0..labels.len() as u32).collect();
        let pictures = Pictures::Array { images: images.into(), numbers };
        Ok(Self { labels, pictures, notes: Vec::new(), fitted: Default::default() })
    }
}

impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drawn { count, seed: 0 } => write!(f, "drawn:{count}"),
            Self::Drawn { count, seed } => write!(f, "drawn:{count}:{seed}"),
            Self::Mnist => f.write_str("mnist"),
            Self::FashionMnist => f.write_str("fashion-mnist"),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for DataSource {
    type Err = Error;

    /// Reads a name or a path; only what begins with `drawn:` can be wrong.
    fn from_str(text: &str) -> Result<Self> {
        let Some(rest) = text.strip_prefix("drawn:") else {
            return Ok(match text {
                "mnist" => Self::Mnist,
                "fashion-mnist" => Self::FashionMnist,
                path => Self::Folder(path.into()),
            });
        };
        let (count, seed) = rest.split_once(':').unwrap_or((rest, "0"));
        let drawn = count.parse().ok().filter(|count| (10..=MOST_DRAWN).contains(count)).zip(seed.parse().ok());
        drawn.map(|(count, seed)| Self::Drawn { count, seed }).ok_or_else(|| {
            Error::Argument(format!(
                "the data set is {text:?}; expected drawn:COUNT or drawn:COUNT:SEED with 10 to {MOST_DRAWN} digits"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_one_spelling() {
        for text in ["drawn:20000", "drawn:10:7", "mnist", "fashion-mnist", "/some/folder", "drawn"] {
            assert_eq!(text.parse::<DataSource>().unwrap().to_string(), text);
        }
        assert_eq!("drawn".parse::<DataSource>().unwrap(), DataSource::Folder("drawn".into()));
        for bad in ["drawn:", "drawn:9", "drawn:100:x", "drawn:-5", "drawn:9000000"] {
            assert!(bad.parse::<DataSource>().unwrap_err().to_string().contains("drawn:COUNT"), "{bad}");
        }
    }

    #[test]
    fn drawn_digits_are_balanced_and_repeat() {
        let drawn = |count, seed, split| Dataset::drawn_digits(count, seed, split, &mut |_| true).unwrap();
        let few = drawn(95, 3, Split::Train);
        let many = drawn(250, 3, Split::Train);
        let counts =
            |data: &Dataset| (0..10).map(|d| data.labels().iter().filter(|&&l| l == d).count()).collect::<Vec<_>>();
        assert_eq!(counts(&many), [25; 10]);
        assert_eq!((few.len(), many.len()), (95, 250));
        for i in 0..95 {
            assert_eq!(few.labels()[i], many.labels()[i]);
            assert_eq!(few.picture(i).unwrap(), many.picture(i).unwrap());
        }
        assert_ne!(many.labels()[..10], many.labels()[10..20]);
        let others = [drawn(250, 4, Split::Train), drawn(1250, 3, Split::Test)];
        for other in others {
            assert_eq!(other.len(), 250);
            assert!((0..250).all(|i| other.picture(i).unwrap() != many.picture(i).unwrap()));
        }
    }
}
