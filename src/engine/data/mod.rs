//! Data sets are labelled pictures: MNIST's IDX files, class folders and archives of them, bundled samples, and digits
//! that the project draws itself.

mod annotations;
mod archive;
mod array;
mod cifar;
mod content;
mod csv;
mod damage;
mod drawn_digits;
mod found;
#[rustfmt::skip]
mod handwriting;
mod idx;
mod known;
mod layout;
mod listing;
mod matlab;
mod numpy;
mod order;
mod paper;
mod pickled;
mod samples;
mod shape;
mod source;
mod strokes;
mod watch;

pub use damage::tells_of_damaged;
pub use drawn_digits::draw_digit;
pub use paper::{INVERTED, Invert, digit_on_paper, reads_handwriting};
pub use samples::{Sample, sample, sample_unless_file, samples, trial_pictures, trial_samples};
pub use shape::{DataShape, class_folders};
pub use source::{DataSource, Offer, Opening, data_folder};
pub use strokes::{DIGIT_SIDE, Strokes};
pub use watch::{Pace, Watch};

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use array::{ArrayPart, Images};
use found::{Content, Found};
use layout::Class;
use watch::stoppable;

use super::model::{ClassFinder, Input, is_same_name, split_number};
use super::picture::{Fit, Picture, Planes, decode, fit, open};
use super::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    Train,
    Test,
}

impl Split {
    fn other(self) -> Self {
        match self {
            Self::Train => Self::Test,
            Self::Test => Self::Train,
        }
    }
}

/// This holds pictures with labels, in an order that does not depend on the machine.
#[derive(Debug)]
pub struct Dataset {
    labels: Vec<usize>,
    pictures: Pictures,
    /// These sentences say how the set was read, and what of it was left out.
    notes: Vec<String>,
    /// Picture files as nets take them in: they would be decoded anew in every epoch otherwise.
    fitted: OnceLock<Fitted>,
}

/// This holds fitted pictures once they were asked for. They lie on the 8-bit grid, so a byte a value is enough.
#[derive(Debug)]
struct Fitted {
    shape: [usize; 3],
    fit: Fit,
    planes: Vec<OnceLock<Box<[u8]>>>,
}

impl Fitted {
    fn suits(&self, input: &Input) -> bool {
        self.shape == [input.channels, input.height, input.width] && self.fit == input.fit
    }
}

/// Where all fitted pictures would take more memory, none are kept.
const MOST_FITTED: usize = 2 << 30;

#[derive(Debug)]
enum Pictures {
    /// These pictures of an array, by their numbers in it.
    Array {
        images: Arc<Images>,
        numbers: Vec<u32>,
    },
    Files(Vec<PictureFile>),
}

#[derive(Clone, Debug)]
struct PictureFile {
    path: PathBuf,
    /// The bytes of a file in an archive, whose path is only a name.
    packed: Option<Arc<[u8]>>,
}

impl Dataset {
    /// Opens a folder, an archive (`.tar`, `.tar.gz`, `.tar.xz` or `.zip`) or a file of pictures with their classes:
    /// class folders (`<class>/<picture>`, or those under a folder for training and one for tests), MNIST's IDX files
    /// and those of its kin, CIFAR-10 and CIFAR-100, NumPy's and MATLAB's arrays, tables of pixels.
    ///
    /// Labels are indices of `classes`, the model's class names, by which class folders and named classes are matched;
    /// where a set only numbers its classes, label k is class k. Picture files are decoded when they are asked for; the
    /// classes take turns, and each goes by name. Arrays keep their order.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] when there is no data, when a file is damaged, or when a label has no class.
    pub fn open(path: &Path, split: Split, classes: &[String]) -> Result<Self> {
        Self::open_watched(path, split, classes, &mut |_| true)
    }

    /// Does what [`Self::open`] does, with somebody who watches; may also end with [`Error::Stopped`].
    pub fn open_watched(path: &Path, split: Split, classes: &[String], watch: &mut Watch) -> Result<Self> {
        Self::of_found(Found::open(path, watch)?, path, split, classes, watch)
    }

    /// Opens a file of arrays from its bytes; its name tells what they are, as `digits.npz` or `data_batch_1` does.
    /// Fails as [`Self::open`] does.
    pub fn of_bytes(name: &str, bytes: &[u8], split: Split, classes: &[String]) -> Result<Self> {
        Self::of_found(Found::of_bytes(name, bytes)?, Path::new(name), split, classes, &mut |_| true)
    }

    fn of_found(found: Found, path: &Path, split: Split, classes: &[String], watch: &mut Watch) -> Result<Self> {
        match &found.content {
            Content::Arrays(set) => {
                let part = stoppable(watch, |watch| set.read(&found.listing, split, watch))?;
                let mut data = Self::of_array(part, path, classes)?;
                data.notes.splice(0..0, found.notes);
                Ok(data)
            }
            Content::Folders(parts) => {
                let mut data = Self::of_folders(&found, found.of_split(parts, split)?, classes)?;
                data.notes.extend(found.lacking(parts, split));
                data.notes.splice(0..0, found.notes.iter().cloned());
                Ok(data)
            }
        }
    }

    fn of_folders(found: &Found, folders: &[Class], classes: &[String]) -> Result<Self> {
        let (listing, finder) = (&found.listing, ClassFinder::new(classes));
        let words = annotations::words(listing)?;
        let label = |name: &str| {
            let by_word = || finder.by_name(words.get(split_number(name)?.0)?);
            let refuse = |why: Error| Error::Data { path: listing.root.join(name), why: why.to_string() };
            finder.find(name).or_else(|why| by_word().ok_or(why)).map_err(refuse)
        };
        let (mut labelled, mut notes) = (Vec::new(), Vec::new());
        let mut known: BTreeMap<usize, &str> = BTreeMap::new();
        for class in folders {
            let label = label(&class.name)?;
            if let Some(other) = known.insert(label, &class.name) {
                notes.push(format!("{other:?} and {:?} are both the class {:?}", class.name, classes[label]));
            }
            let file = |&number: &usize| {
                let file = &listing.pictures[number];
                let packed = file.bytes_in_memory();
                let name = || format!("{}: {}", listing.root.display(), file.path).into();
                PictureFile { path: if packed.is_some() { name() } else { listing.path(file) }, packed }
            };
            labelled.push((label, class.pictures.iter().map(file).collect()));
        }
        let (labels, files) = order::in_turn(labelled);
        Ok(Self { labels, pictures: Pictures::Files(files), notes, fitted: OnceLock::new() })
    }

    fn of_array(part: ArrayPart, path: &Path, classes: &[String]) -> Result<Self> {
        let ArrayPart { images, mut labels, names, mut notes } = part;
        let wrong = |why: String| Error::Data { path: path.to_owned(), why };
        let most = labels.iter().max().map_or(0, |most| most + 1);
        let names = names.filter(|names| names.len() >= most);
        let seen: BTreeSet<usize> = labels.iter().copied().collect();
        let of = names.as_ref().map_or(most, Vec::len);
        if seen.len() < of {
            let shown = |label: usize| names.as_ref().map_or_else(|| label.to_string(), |names| names[label].clone());
            let missing: Vec<String> = (0..of).filter(|label| !seen.contains(label)).map(shown).collect();
            let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
            let listed = missing[..missing.len().min(5)].join(", ");
            notes.push(format!("there are no pictures of {} of the {of} classes: {listed}{more}", missing.len()));
        }
        if let Some(names) = names {
            match by_names(&names, classes) {
                Ok(Some(found)) => labels.iter_mut().for_each(|label| *label = found[*label]),
                Ok(None) => notes.push(format!(
                    "the net calls its classes otherwise ({:?} for {:?}): label k is taken for class k",
                    classes[0], names[0]
                )),
                Err(why) => return Err(wrong(why.to_string())),
            }
        }
        let count = classes.len();
        if let Some((i, label)) = labels.iter().enumerate().find(|(_, label)| **label >= count) {
            let last = count.saturating_sub(1);
            return Err(wrong(format!(
                "picture {i} is of class {label}, but the model has {count} classes (0 to {last})"
            )));
        }
        let numbers = (0..labels.len() as u32).collect();
        let pictures = Pictures::Array { images: Arc::new(images), numbers };
        Ok(Self { labels, pictures, notes, fitted: OnceLock::new() })
    }

    /// Returns what there is to say of how the set was read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the pictures with these numbers, in this order.
    fn picked(&self, kept: &[usize]) -> Self {
        let pictures = match &self.pictures {
            Pictures::Array { images, numbers } => {
                Pictures::Array { images: images.clone(), numbers: kept.iter().map(|&i| numbers[i]).collect() }
            }
            Pictures::Files(files) => Pictures::Files(kept.iter().map(|&i| files[i].clone()).collect()),
        };
        let labels = kept.iter().map(|&i| self.labels[i]).collect();
        Self { labels, pictures, notes: self.notes.clone(), fitted: OnceLock::new() }
    }

    /// Returns the pictures of some classes alone, which are numbered anew in the order given.
    pub fn only(&self, classes: &[usize]) -> Self {
        let new = |label: usize| classes.iter().position(|&class| class == label);
        let kept: Vec<usize> = (0..self.len()).filter(|&i| new(self.labels[i]).is_some()).collect();
        let labels = kept.iter().filter_map(|&i| new(self.labels[i])).collect();
        Self { labels, ..self.picked(&kept) }
    }

    /// Returns the first `n` pictures, or all where there are fewer.
    pub fn first(&self, n: usize) -> Self {
        self.picked(&(0..n.min(self.len())).collect::<Vec<_>>())
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Returns a name for picture `i`: its path, or its number in an array.
    pub fn name(&self, i: usize) -> String {
        match &self.pictures {
            Pictures::Array { numbers, .. } => format!("picture {}", numbers.get(i).copied().unwrap_or_default()),
            Pictures::Files(files) => files.get(i).map(|file| file.path.display().to_string()).unwrap_or_default(),
        }
    }

    /// Returns picture `i` as it is stored; files are decoded now. Fails when there is none, and as [`open`] does for
    /// files.
    pub fn picture(&self, i: usize) -> Result<Picture> {
        let picture = match &self.pictures {
            Pictures::Array { images, numbers } => numbers.get(i).and_then(|&number| images.picture(number as usize)),
            Pictures::Files(files) => files.get(i).map(PictureFile::read).transpose()?,
        };
        picture.ok_or_else(|| Error::Argument(format!("there is no picture {i}; the data set has {}", self.len())))
    }

    /// Returns picture `i`, fitted to a net's input; pixels in [0, 1].
    pub fn planes(&self, i: usize, input: &Input) -> Result<Planes> {
        if let Some(bytes) = self.stored_for(i, input) {
            let values = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
            return Ok(Planes { channels: input.channels, height: input.height, width: input.width, values });
        }
        let planes = fit(&self.picture(i)?, input.channels, input.height, input.width, input.fit)?;
        self.remember(i, input, &planes);
        Ok(planes)
    }

    /// Returns the bytes of picture `i` as the net takes them in, where they are at hand: a training set's quick way.
    fn stored_for(&self, i: usize, input: &Input) -> Option<&[u8]> {
        match &self.pictures {
            Pictures::Array { images, numbers } => {
                let own = (images.channels, images.height, images.width);
                let fits = own == (input.channels, input.height, input.width);
                numbers.get(i).filter(|_| fits).and_then(|&number| images.bytes(number as usize))
            }
            Pictures::Files(_) => {
                let fitted = self.fitted.get().filter(|fitted| fitted.suits(input))?;
                fitted.planes.get(i)?.get().map(|planes| &**planes)
            }
        }
    }

    fn remember(&self, i: usize, input: &Input, planes: &Planes) {
        if matches!(self.pictures, Pictures::Array { .. })
            || planes.values.len().saturating_mul(self.len()) > MOST_FITTED
        {
            return;
        }
        let fitted = self.fitted.get_or_init(|| Fitted {
            shape: [input.channels, input.height, input.width],
            fit: input.fit,
            planes: (0..self.len()).map(|_| OnceLock::new()).collect(),
        });
        if let Some(place) = fitted.planes.get(i).filter(|_| fitted.suits(input)) {
            // Another thread may have been quicker, with the same bytes.
            let _ = place.set(planes.values.iter().map(|value| (value * 255.0).round() as u8).collect());
        }
    }

    /// Returns the pictures at `indices`, (n, channels, height, width), fitted to a net's input, and their labels. At
    /// least one index is needed.
    pub fn batch_values(&self, indices: &[usize], input: &Input) -> Result<(Vec<f32>, Vec<usize>)> {
        if indices.is_empty() {
            return Err(Error::Argument("a batch needs at least one picture".into()));
        }
        let len = input.channels * input.height * input.width;
        let mut values = vec![0.0; indices.len() * len];
        values.par_chunks_exact_mut(len).zip(indices).with_min_len(16).try_for_each(|(values, &i)| {
            match self.stored_for(i, input) {
                Some(bytes) => values.iter_mut().zip(bytes).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0),
                None => values.copy_from_slice(&self.planes(i, input).map_err(|e| self.with_all_damaged(e))?.values),
            }
            Ok::<(), Error>(())
        })?;
        Ok((values, indices.iter().map(|&i| self.labels[i]).collect()))
    }
}

impl PictureFile {
    fn read(&self) -> Result<Picture> {
        match &self.packed {
            Some(bytes) => decode(bytes, &self.path.display().to_string()),
            None => open(&self.path),
        }
    }
}

/// Returns the class of each name of a set's own: by the names, or `None` where the net has as many of other names, so
/// that they can only be matched by their numbers.
fn by_names(names: &[String], classes: &[String]) -> Result<Option<Vec<usize>>> {
    let finder = ClassFinder::new(classes);
    let find = |name: &String| {
        let spelled = classes.iter().position(|class| is_same_name(class, name));
        spelled.or_else(|| finder.by_name(name))
    };
    match names.iter().map(find).collect::<Option<Vec<usize>>>() {
        Some(found) => Ok(Some(found)),
        None if names.len() == classes.len() => Ok(None),
        None => {
            let missing = names.iter().find(|name| find(name).is_none());
            let why = |name: &String| Error::Argument(format!("the model has no class {name:?}"));
            missing.map_or(Ok(None), |name| Err(finder.find(name).err().unwrap_or_else(|| why(name))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Fit;

    #[test]
    fn a_picture_that_is_kept_is_the_one_that_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let class = folder.path().join("a");
        std::fs::create_dir(&class).unwrap();
        let picture = Picture::new(37, 23, 3, (0..37 * 23 * 3).map(|i| (i * 89 % 251) as u8).collect());
        crate::picture::save_png(&picture, &class.join("1.png"), &[]).unwrap();
        let classes = ["a".to_owned(), "b".to_owned()];
        let data = Dataset::open(folder.path(), Split::Train, &classes).unwrap();
        let input = |channels: usize, side: usize| {
            let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
            Input { channels, height: side, width: side, mean, std, fit: Fit::Crop }
        };
        let first = data.batch_values(&[0], &input(3, 16)).unwrap();
        // The file is gone: from now on only what was kept can answer.
        std::fs::remove_dir_all(&class).unwrap();
        assert_eq!(data.batch_values(&[0], &input(3, 16)).unwrap(), first);
        assert_eq!(data.planes(0, &input(3, 16)).unwrap().values, first.0);
        assert!(data.batch_values(&[0], &input(1, 16)).is_err(), "another size is read anew");
    }

    #[test]
    fn the_quick_way_into_a_batch_gives_what_fit_gives() {
        let folder = tempfile::tempdir().unwrap();
        let header = [[0, 0, 8, 3], [0, 0, 0, 2], [0, 0, 0, 16], [0, 0, 0, 8]].concat();
        let pixels: Vec<u8> = (0..=255).collect();
        std::fs::write(folder.path().join("t10k-images-idx3-ubyte"), [header, pixels].concat()).unwrap();
        std::fs::write(folder.path().join("t10k-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 2, 1, 0]).unwrap();
        let data = Dataset::open(folder.path(), Split::Test, &["a".to_owned(), "b".to_owned()]).unwrap();
        // The net's own size, and others that take the long way: colour, transposed.
        for (channels, height, width) in [(1, 16, 8), (3, 16, 8), (1, 8, 16)] {
            let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
            let input = Input { channels, height, width, mean, std, fit: Fit::Squash };
            let fitted = |i| fit(&data.picture(i).unwrap(), channels, height, width, Fit::Squash).unwrap().values;
            let expected = ([fitted(1), fitted(0)].concat(), vec![0, 1]);
            assert_eq!(data.batch_values(&[1, 0], &input).unwrap(), expected);
        }
    }
}
