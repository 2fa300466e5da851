//! Data sets are labelled pictures: MNIST's IDX files, class folders and archives of them, bundled samples, and digits
//! that the project draws itself.

mod archive;
mod drawn_digits;
mod folder;
#[rustfmt::skip]
mod handwriting;
mod idx;
mod samples;
mod source;
mod strokes;

pub use drawn_digits::draw_digit;
pub use folder::class_folders;
pub use samples::{Sample, sample, sample_unless_file, samples, trial_pictures, trial_samples};
pub use source::{DataSource, Offer, data_folder};
pub use strokes::{DIGIT_SIDE, Strokes};

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::model::Input;
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

/// Hears how much of a data set is at hand, from 0 to 1, up to thousands of times; `false` stops the reading.
pub type Watch<'a> = dyn FnMut(f32) -> bool + Send + 'a;

/// This holds pictures with labels, in an order that does not depend on the machine.
#[derive(Debug)]
pub struct Dataset {
    labels: Vec<usize>,
    pictures: Pictures,
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
    Idx(idx::Images),
    Files(Vec<PictureFile>),
}

#[derive(Clone, Debug)]
struct PictureFile {
    path: PathBuf,
    /// The bytes of a file in an archive, whose path is only a name.
    packed: Option<Arc<[u8]>>,
}

impl Dataset {
    /// Opens a folder of MNIST's IDX files under their canonical names (gzipped or not), or of class folders
    /// (`<class>/<picture>`, or those under `train` and under `test` or `val`); or a `.tar`, `.tar.gz` or `.tar.xz` of
    /// class folders, whose pictures are then held in memory as they are packed.
    ///
    /// Labels are indices of `classes`, the model's class names, by which class folders are matched; a digit k of an
    /// IDX file is class k. Pictures in class folders are decoded when they are asked for; the classes take turns, and
    /// each goes by name.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Data`] when there is no data, when a file is damaged, or when a label has no class.
    pub fn open(path: &Path, split: Split, classes: &[String]) -> Result<Self> {
        Self::open_watched(path, split, classes, &mut |_| true)
    }

    /// Does what [`Self::open`] does, with somebody who watches; may also end with [`Error::Stopped`].
    pub fn open_watched(path: &Path, split: Split, classes: &[String], watch: &mut Watch) -> Result<Self> {
        let is_folder = std::fs::metadata(path).map_err(Error::io("open this data set", path))?.is_dir();
        if is_folder && let Some((images, labels)) = idx::find(path, split)? {
            return Self::open_idx(&images, &labels, classes);
        }
        let (labels, files) = in_turn(match is_folder {
            true => folder::pictures(path, split, classes)?,
            false => archive::open(path, watch)?.pictures(split, classes)?,
        });
        Ok(Self { labels, pictures: Pictures::Files(files), fitted: OnceLock::new() })
    }

    fn open_idx(images: &Path, labels: &Path, classes: &[String]) -> Result<Self> {
        let pictures = idx::Images::read(images)?;
        let wrong = |why: String| Error::Data { path: labels.to_owned(), why };
        let labels: Vec<usize> = idx::read_labels(labels)?.into_iter().map(usize::from).collect();
        let (found, n, count) = (labels.len(), pictures.len(), classes.len());
        if found != n {
            return Err(wrong(format!("{found} labels for {n} pictures; they do not belong together")));
        }
        if let Some((i, label)) = labels.iter().enumerate().find(|(_, label)| **label >= count) {
            let last = count.saturating_sub(1);
            return Err(wrong(format!(
                "picture {i} is of class {label}, but the model has {count} classes (0 to {last})"
            )));
        }
        Ok(Self { labels, pictures: Pictures::Idx(pictures), fitted: OnceLock::new() })
    }

    /// Returns the pictures of some classes alone, which are numbered anew in the order given.
    pub fn only(&self, classes: &[usize]) -> Self {
        let new = |label: usize| classes.iter().position(|&class| class == label);
        let kept: Vec<usize> = (0..self.len()).filter(|&i| new(self.labels[i]).is_some()).collect();
        let pictures = match &self.pictures {
            Pictures::Idx(images) => Pictures::Idx(images.pick(&kept)),
            Pictures::Files(files) => Pictures::Files(kept.iter().map(|&i| files[i].clone()).collect()),
        };
        let labels = kept.iter().filter_map(|&i| new(self.labels[i])).collect();
        Self { labels, pictures, fitted: OnceLock::new() }
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

    /// Returns a name for picture `i`: its path, or its number in an IDX file.
    pub fn name(&self, i: usize) -> String {
        match &self.pictures {
            Pictures::Idx(_) => format!("picture {i}"),
            Pictures::Files(files) => files.get(i).map(|file| file.path.display().to_string()).unwrap_or_default(),
        }
    }

    /// Returns picture `i` as it is stored; files are decoded now. Fails when there is none, and as [`open`] does for
    /// files.
    pub fn picture(&self, i: usize) -> Result<Picture> {
        let picture = match &self.pictures {
            Pictures::Idx(images) => images.picture(i),
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
            Pictures::Idx(images)
                if input.channels == 1 && (images.height, images.width) == (input.height, input.width) =>
            {
                images.bytes(i)
            }
            Pictures::Idx(_) => None,
            Pictures::Files(_) => {
                let fitted = self.fitted.get().filter(|fitted| fitted.suits(input))?;
                fitted.planes.get(i)?.get().map(|planes| &**planes)
            }
        }
    }

    fn remember(&self, i: usize, input: &Input, planes: &Planes) {
        if matches!(self.pictures, Pictures::Idx(_)) || planes.values.len().saturating_mul(self.len()) > MOST_FITTED {
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
                None => values.copy_from_slice(&self.planes(i, input)?.values),
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

/// Returns the pictures of labelled classes in turn, in proportion to their sizes: thus the last pictures, which
/// training holds out, and the first ones, which a limit leaves, are of all classes.
fn in_turn<T>(classes: Vec<(usize, Vec<T>)>) -> (Vec<usize>, Vec<T>) {
    let spread = |(label, pictures): (usize, Vec<T>)| {
        let count = pictures.len() as f64;
        pictures.into_iter().enumerate().map(move |(i, picture)| ((i as f64 + 0.5) / count, label, picture))
    };
    let mut all: Vec<(f64, usize, T)> = classes.into_iter().flat_map(spread).collect();
    all.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    all.into_iter().map(|(_, label, picture)| (label, picture)).unzip()
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
    fn classes_take_turns() {
        let (labels, pictures) = in_turn(vec![(7, vec!["a", "b", "c", "d"]), (3, vec!["x", "y"]), (5, vec![])]);
        assert_eq!(pictures, ["a", "x", "b", "c", "y", "d"]);
        assert_eq!(labels, [7, 3, 7, 7, 3, 7]);
        let (labels, _) = in_turn((0..109).map(|label| (label, vec![(); 500])).collect());
        // The sixth that training holds out.
        let held_out = &labels[labels.len() - 54_500 / 6..];
        let counts = (0..109).map(|label| held_out.iter().filter(|&&l| l == label).count());
        assert!(counts.clone().all(|count| (83..=84).contains(&count)), "{:?}", counts.collect::<Vec<_>>());
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
