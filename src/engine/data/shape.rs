//! A sample of the pictures of a set decides the size and the channels of a net for it.

use std::path::Path;

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::array::{Axes, Outline};
use super::found::{Content, Found};
use super::watch::{Watch, stoppable};
use super::{Dataset, Split};
use crate::model::Input;
use crate::picture::Fit;
use crate::{Error, Result};

/// A net for picture files takes in no larger ones, unless somebody says so.
const LARGEST_SIDE: usize = 64;
/// So many pictures are looked at.
const SAMPLE: usize = 100;
/// So many of them are looked at between two looks at the watch.
const AT_ONCE: usize = 8;

/// This is what a net for a data set takes in, and its classes.
#[derive(Clone, Debug)]
pub struct DataShape {
    pub input: Input,
    pub classes: Vec<String>,
    /// This sentence says what the input follows from, where something was decided.
    pub note: Option<String>,
}

impl DataShape {
    pub(super) fn new([channels, height, width]: [usize; 3], fit: Fit, classes: Vec<String>) -> Self {
        let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
        Self { input: Input { channels, height, width, mean, std, fit }, classes, note: None }
    }

    /// Looks at a data set at a path; may end with [`Error::Stopped`].
    ///
    /// # Errors
    /// The errors of [`Dataset::open`], and [`Error::Data`] for a set of one class or of damaged pictures alone.
    pub(super) fn of_path(path: &Path, watch: &mut Watch) -> Result<Self> {
        let found = Found::open(path, watch)?;
        let few = |what: String| Error::Data {
            path: path.to_owned(),
            why: format!("{what}; a net needs two classes or more: give the folder that holds a folder for each class"),
        };
        match &found.content {
            Content::Arrays(set) => {
                let outline = stoppable(watch, |watch| set.outline(&found.listing, watch))?;
                let Outline { axes: Axes { channels, height, width }, classes } = outline;
                Ok(Self::new([channels, height, width], Fit::Letterbox, classes))
            }
            Content::Folders(parts) => {
                let classes = found.class_names()?.unwrap_or_default();
                if let [only] = classes.as_slice() {
                    return Err(few(format!("there is one class folder in it, {only:?}")));
                }
                let data = Dataset::of_folders(&found, found.of_split(parts, Split::Train)?, &classes)?;
                of_sample(&data, classes, watch)
            }
        }
    }
}

/// Returns the sorted names of the classes of a folder or an archive with class folders. Fails when there are none.
pub fn class_folders(root: &Path) -> Result<Vec<String>> {
    let found = Found::open(root, &mut |_| true)?;
    let none = || Error::Data { path: root.to_owned(), why: "this data set has no class folders".into() };
    found.class_names()?.ok_or_else(none)
}

/// Looks at some pictures: a net sees colours if any of them has some, and the size that most have.
fn of_sample(data: &Dataset, classes: Vec<String>, watch: &mut Watch) -> Result<DataShape> {
    let mut chosen = index::sample(&mut ChaCha8Rng::seed_from_u64(0), data.len(), SAMPLE.min(data.len())).into_vec();
    chosen.sort_unstable();
    let look = |&i: &usize| {
        let picture = data.picture(i).ok()?;
        Some(Axes { channels: picture.channels, height: picture.height, width: picture.width })
    };
    let mut pictures: Vec<Axes> = Vec::new();
    for (done, some) in chosen.chunks(AT_ONCE).enumerate() {
        if !watch((done * AT_ONCE) as f32 / chosen.len() as f32) {
            return Err(Error::Stopped);
        }
        pictures.par_extend(some.par_iter().filter_map(look));
    }
    if pictures.is_empty() {
        // None of them can be read: this says why.
        return Err(data.picture(0).map_or_else(
            |error| data.with_all_damaged(error),
            |_| Error::Argument("no picture of a sample can be read".into()),
        ));
    }
    let of = pictures.len();
    let coloured = pictures.iter().filter(|picture| picture.channels == 3).count();
    let channels = if coloured > 0 { 3 } else { 1 };
    let Usual { height, width, share } = Usual::of(&pictures);
    let [height_in, width_in] = [height, width].map(|side| side.min(LARGEST_SIDE));
    let mut shape = DataShape::new([channels, height_in, width_in], Fit::Crop, classes);
    let is_plain = share == of && coloured % of == 0 && (height, width) == (height_in, width_in);
    let colours = match coloured {
        0 => "all are grey".to_owned(),
        all if all == of => "all are in colour".to_owned(),
        some => format!("{some} are in colour"),
    };
    shape.note = (!is_plain).then(|| {
        let usual = if share * 2 > of { "most" } else { "in the middle" };
        format!(
            "the net takes in {width_in}×{height_in} pixels {}: of a sample of {of} pictures {colours}, and the size \
             is {width}×{height} ({usual}); --size and --channels change that",
            if channels == 3 { "in colour" } else { "in grey" }
        )
    });
    Ok(shape)
}

/// The usual size of some pictures, and how many have it.
struct Usual {
    height: usize,
    width: usize,
    share: usize,
}

impl Usual {
    /// Returns the size that more than half of them have, or the medians of heights and widths.
    fn of(pictures: &[Axes]) -> Self {
        let median = |side: fn(&Axes) -> usize| {
            let mut sides: Vec<usize> = pictures.iter().map(side).collect();
            sides.sort_unstable();
            sides[sides.len() / 2]
        };
        let (height, width) = (median(|picture| picture.height), median(|picture| picture.width));
        // A size that more than half have is the median of both sides.
        let share = pictures.iter().filter(|picture| (picture.height, picture.width) == (height, width)).count();
        Self { height, width, share }
    }
}
