//! The paths of pictures tell their splits and classes: `<class>/<picture>`, or those under a folder for training and
//! one for tests, with any folders around and within.

use std::collections::BTreeMap;

use super::Split;
use super::listing::{DataFile, Listing};

/// The names of splits, without what is often added: "Training Set" and "train_images" are "train".
const TRAIN: [&str; 4] = ["train", "training", "trn", "trainset"];
const TEST: [&str; 5] = ["test", "testing", "tst", "eval", "evaluation"];
const VALIDATION: [&str; 5] = ["val", "valid", "validation", "validate", "dev"];

/// A folder or an array is for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    Train,
    Test,
    Validation,
}

impl Purpose {
    /// Returns what a name says that something is for.
    pub(super) fn of(name: &str) -> Option<Self> {
        let mut name = name.to_lowercase().replace(['_', '-', ' ', '.'], "");
        for end in ["images", "image", "imgs", "data", "dataset", "set", "split", "folder"] {
            if let Some(start) = name.strip_suffix(end).filter(|start| !start.is_empty()) {
                name = start.to_owned();
            }
        }
        let is = |names: &[&str]| names.contains(&name.as_str());
        let purposes = [(Self::Train, is(&TRAIN)), (Self::Test, is(&TEST)), (Self::Validation, is(&VALIDATION))];
        purposes.into_iter().find(|(_, is)| *is).map(|(purpose, _)| purpose)
    }
}

/// A set is one whole, or has parts for training and for tests.
#[derive(Debug, PartialEq)]
pub(super) enum Parts<T> {
    Whole(T),
    Split { train: Option<T>, test: Option<T> },
}

impl<T> Parts<T> {
    /// Puts parts together. Without pictures for tests, those for validation take their place.
    pub(super) fn of_purposes(whole: Option<T>, mut parts: BTreeMap<Purpose, T>) -> Option<Self> {
        let train = parts.remove(&Purpose::Train);
        let test = parts.remove(&Purpose::Test).or_else(|| parts.remove(&Purpose::Validation));
        if train.is_none() && test.is_none() {
            return whole.map(Self::Whole);
        }
        Some(Self::Split { train, test })
    }

    /// Tells whether one of the parts is such.
    pub(super) fn any(&self, is: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Whole(whole) => is(whole),
            Self::Split { train, test } => train.iter().chain(test).any(is),
        }
    }

    /// Returns the part for a split, or a sentence that says that it is missing.
    pub(super) fn of_split(&self, split: Split) -> Result<&T, String> {
        let (found, expected) = match (self, split) {
            (Self::Whole(whole), _) => return Ok(whole),
            (Self::Split { train, .. }, Split::Train) => (train, "train/<class>"),
            (Self::Split { test, .. }, Split::Test) => (test, "test/<class> or val/<class>"),
        };
        found.as_ref().ok_or_else(|| format!("this part of the data is missing; expected {expected}"))
    }

    /// Returns the part that is not for this split, where there is one.
    pub(super) fn of_other(&self, split: Split) -> Option<&T> {
        match self {
            Self::Whole(_) => None,
            Self::Split { .. } => self.of_split(split.other()).ok(),
        }
    }
}

/// This is a class of pictures, by their numbers in a listing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) pictures: Vec<usize>,
}

/// These are the classes of one part of a set.
#[derive(Debug, PartialEq)]
pub(super) struct Folders {
    pub(super) classes: Vec<Class>,
    /// The folder from which the names of the classes count, from the root of the set.
    pub(super) root: String,
    /// Pictures that lie beside the class folders.
    pub(super) loose: Vec<usize>,
}

impl Folders {
    /// Tells whether all pictures lie in one folder, whose name need not be that of a class.
    pub(super) fn is_flat(&self) -> bool {
        self.classes.len() <= 1
    }

    /// Returns all pictures, in their order.
    pub(super) fn pictures(&self) -> Vec<usize> {
        let of_classes = self.classes.iter().flat_map(|class| &class.pictures);
        let mut all: Vec<usize> = of_classes.chain(&self.loose).copied().collect();
        all.sort_unstable();
        all
    }
}

/// These pictures lie at and below a folder.
struct Level<'a> {
    root: String,
    /// The number of each picture, and its path from here.
    pictures: Vec<(usize, &'a str)>,
}

/// These pictures lie in one folder of a level: right in it, or further down.
#[derive(Default)]
struct Below<'a> {
    pictures: Vec<(usize, &'a str)>,
    direct: usize,
}

impl Below<'_> {
    fn is_nested(&self) -> bool {
        self.pictures.len() > self.direct
    }
}

impl<'a> Level<'a> {
    /// Sorts the pictures by the folders of this level; those that lie here come apart.
    fn folders(&self) -> (BTreeMap<&'a str, Below<'a>>, Vec<usize>) {
        let (mut folders, mut loose) = (BTreeMap::<&str, Below>::new(), Vec::new());
        for &(number, path) in &self.pictures {
            let Some((folder, rest)) = path.split_once('/') else {
                loose.push(number);
                continue;
            };
            let below = folders.entry(folder).or_default();
            below.pictures.push((number, rest));
            below.direct += usize::from(!rest.contains('/'));
        }
        (folders, loose)
    }

    fn below(&self, folder: &str, below: Below<'a>) -> Self {
        let root = if self.root.is_empty() { folder.to_owned() } else { format!("{}/{folder}", self.root) };
        Self { root, pictures: below.pictures }
    }

    /// Goes down through folders that hold all there is, to where splits or classes begin.
    fn unwrapped(mut self) -> Self {
        loop {
            let (mut folders, _) = self.folders();
            let is_only = folders.len() == 1;
            let Some((name, below)) = folders.pop_first().filter(|_| is_only) else { return self };
            let nested = below.pictures.len() - below.direct;
            if Purpose::of(name).is_some() || nested <= below.direct {
                return self;
            }
            self = self.below(name, below);
        }
    }

    fn classes(self) -> Folders {
        let level = self.unwrapped();
        let (folders, loose) = level.folders();
        let numbers = |below: Below| below.pictures.into_iter().map(|(number, _)| number).collect();
        let class = |(name, below): (&str, Below)| Class { name: name.to_owned(), pictures: numbers(below) };
        Folders { classes: folders.into_iter().map(class).collect(), root: level.root, loose }
    }
}

/// Returns the parts that a listing's pictures lie in, by what they are for; no purpose means the whole.
pub(super) fn arrange(pictures: &[DataFile]) -> BTreeMap<Option<Purpose>, Folders> {
    let paths = pictures.iter().enumerate().map(|(number, file)| (number, file.path.as_str())).collect();
    let level = Level { root: String::new(), pictures: paths }.unwrapped();
    let (folders, _) = level.folders();
    let mut parts: BTreeMap<Purpose, Vec<(usize, &str)>> = BTreeMap::new();
    let mut roots: BTreeMap<Purpose, String> = BTreeMap::new();
    if has_splits(&folders) {
        for (name, below) in folders {
            if let Some(purpose) = Purpose::of(name) {
                let Level { root, pictures } = level.below(name, below);
                roots.entry(purpose).or_insert(root);
                parts.entry(purpose).or_default().extend(pictures);
            }
        }
    } else {
        return splits_within(&folders).unwrap_or_else(|| BTreeMap::from([(None, level.classes())]));
    }
    let part = |(purpose, pictures)| {
        let root = roots.remove(&purpose).unwrap_or_else(|| level.root.clone());
        (Some(purpose), Level { root, pictures }.classes())
    };
    parts.into_iter().map(part).collect()
}

/// Tells whether folders are splits. One called "train" that only holds pictures, beside others that do, is a class.
fn has_splits(folders: &BTreeMap<&str, Below>) -> bool {
    let (named, others): (Vec<_>, Vec<_>) = folders.iter().partition(|(name, _)| Purpose::of(name).is_some());
    let is_nested = named.iter().any(|(_, below)| below.is_nested());
    // Among several classes one may be called "train" and have folders within, as the others have.
    let is_among_classes = named.len() == 1 && others.len() >= 2 && others.iter().all(|(_, below)| below.is_nested());
    (is_nested && !is_among_classes) || (named.len() >= 2 && others.is_empty())
}

/// Sorts the pictures of class folders that each hold the splits: `cat/train/1.jpg`. `None` where they do not.
fn splits_within(folders: &BTreeMap<&str, Below>) -> Option<BTreeMap<Option<Purpose>, Folders>> {
    let mut parts: BTreeMap<Option<Purpose>, Folders> = BTreeMap::new();
    for (name, below) in folders {
        for &(number, rest) in &below.pictures {
            let purpose = Purpose::of(rest.split_once('/')?.0)?;
            let empty = || Folders { classes: Vec::new(), root: String::new(), loose: Vec::new() };
            let classes = &mut parts.entry(Some(purpose)).or_insert_with(empty).classes;
            match classes.last_mut().filter(|class| class.name == *name) {
                Some(class) => class.pictures.push(number),
                None => classes.push(Class { name: (*name).to_owned(), pictures: vec![number] }),
            }
        }
    }
    (folders.len() >= 2 && parts.len() >= 2).then_some(parts)
}

/// Says which classes of the other part of a set this part lacks; `None` where it has them all.
pub(super) fn lacking<'a>(split: Split, own: &[&str], other: impl Iterator<Item = &'a str>) -> Option<String> {
    const MOST: usize = 5;
    let other: Vec<&str> = other.collect();
    let missing: Vec<&str> = other.iter().copied().filter(|name| !own.contains(name)).collect();
    if missing.is_empty() {
        return None;
    }
    let part = if split == Split::Train { "training" } else { "test" };
    let more = missing.len().saturating_sub(MOST);
    let shown: Vec<String> = missing.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!(
        "the {part} pictures lack {} of the {} classes: {}{more}",
        missing.len(),
        other.len(),
        shown.join(", ")
    ))
}

/// Returns a sentence about a listing in which no pictures in class folders were found.
pub(super) fn why_none(listing: &Listing) -> String {
    if listing.is_archive {
        return "there are no class folders in this archive; expected CLASS/picture.jpg, or train/CLASS/picture.jpg and \
                test/CLASS/picture.jpg"
            .into();
    }
    if let [archive, rest @ ..] = listing.archives.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        return format!("this folder holds no data set, but the archive {archive:?}{more}; give that");
    }
    if !listing.empty.is_empty() {
        return "the class folders hold no pictures".into();
    }
    "no data set in this folder. Looked for\n  \
     - files of MNIST and its kin: train-images-idx3-ubyte, train-labels-idx1-ubyte and so on, with or without .gz\n  \
     - CIFAR-10 and CIFAR-100: data_batch_1 or data_batch_1.bin and so on\n  \
     - arrays of pictures and labels: .npz, .npy, .mat, or .csv with a column label\n  \
     - class folders: CLASS/picture.png, or train/CLASS/picture.png and test/CLASS/picture.png"
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn files(paths: &[&str]) -> Vec<DataFile> {
        paths.iter().map(|path| DataFile::packed((*path).to_owned(), Arc::from(&b""[..]))).collect()
    }

    /// Returns "purpose: class×pictures …" for each part.
    fn arranged(paths: &[&str]) -> Vec<String> {
        let part = |(purpose, folders): (Option<Purpose>, Folders)| {
            let classes = folders.classes.iter().map(|class| format!("{}×{}", class.name, class.pictures.len()));
            let classes: Vec<String> = classes.collect();
            let purpose = purpose.map_or("whole".to_owned(), |purpose| format!("{purpose:?}"));
            format!("{purpose}: {}", classes.join(" "))
        };
        arrange(&files(paths)).into_iter().map(part).collect()
    }

    #[test]
    fn splits_have_many_names() {
        for name in ["train", "Training", "TRAIN_SET", "train-images", "Training Data", "trainset"] {
            assert_eq!(Purpose::of(name), Some(Purpose::Train), "{name}");
        }
        for name in ["test", "Testing", "eval", "TestSet"] {
            assert_eq!(Purpose::of(name), Some(Purpose::Test), "{name}");
        }
        for name in ["val", "valid", "Validation", "dev"] {
            assert_eq!(Purpose::of(name), Some(Purpose::Validation), "{name}");
        }
        for name in ["trainer", "cat", "contest", "images", "set", "oval", ""] {
            assert_eq!(Purpose::of(name), None, "{name}");
        }
    }

    #[test]
    fn splits_and_classes_are_found_in_any_folders() {
        for root in ["", "set/", "a/b/c/"] {
            for [train, test] in [["train", "val"], ["Training", "testing"], ["TRAIN", "Valid"]] {
                let paths = [
                    format!("{root}{train}/cat/1.png"),
                    format!("{root}{train}/dog/x/1.png"),
                    format!("{root}{train}/dog/y/2.png"),
                    format!("{root}{test}/cat/1.png"),
                ];
                let found = arranged(&paths.each_ref().map(String::as_str));
                let is_test = Purpose::of(test) == Some(Purpose::Test);
                let test = if is_test { "Test: cat×1" } else { "Validation: cat×1" };
                assert_eq!(found, ["Train: cat×1 dog×2", test]);
            }
        }
        assert_eq!(arranged(&["a/cat/1.png", "a/cat/z/2.png", "a/dog/q/r/1.png"]), ["whole: cat×2 dog×1"]);
        assert_eq!(arranged(&["cat/a/1.png", "cat/b/1.png", "dog/a/1.png"]), ["whole: cat×2 dog×1"]);
        assert_eq!(arranged(&["train/images/cat/1.png", "train/images/dog/1.png"]), ["Train: cat×1 dog×1"]);
        // A folder called "train" may be a class; one class alone is no wrapping.
        assert_eq!(arranged(&["train/1.png", "bus/1.png"]), ["whole: bus×1 train×1"]);
        assert_eq!(arranged(&["train/x/1.png", "bus/x/1.png", "car/x/1.png"]), ["whole: bus×1 car×1 train×1"]);
        assert_eq!(arranged(&["cat/1.png", "cat/2.png"]), ["whole: cat×2"]);
        assert_eq!(arranged(&["test/cat/1.png"]), ["Test: cat×1"]);
        assert_eq!(arranged(&["train/cat/1.png", "train/dog/1.png", "test/1.png"]), ["Train: cat×1 dog×1", "Test: "]);
        let within = ["cat/train/1.png", "cat/test/1.png", "dog/train/1.png", "dog/train/2.png", "dog/test/3.png"];
        assert_eq!(arranged(&within), ["Train: cat×1 dog×2", "Test: cat×1 dog×1"]);
        assert!(arranged(&[]) == ["whole: "]);
    }
}
