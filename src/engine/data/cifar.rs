//! CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) come as pickles of Python and as records of bytes: one or two labels, then
//! 32×32 pixels of red, of green and of blue.

use super::Split;
use super::array::{ArrayPart, ArraySet, Axes, Images, Outline, paired};
use super::known::CIFAR_10;
use super::listing::{DataFile, Listing, MOST_BYTES};
use super::pickled::PickledDict;
use super::watch::Watch;
use crate::{Error, Result};

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;

/// The batches that CIFAR-10's training pictures come in.
const BATCHES: usize = 5;

/// These are the files of CIFAR-10 or CIFAR-100 in one folder.
#[derive(Debug)]
pub(super) struct CifarSet {
    folder: String,
    is_100: bool,
    is_pickled: bool,
    train: Vec<DataFile>,
    test: Vec<DataFile>,
    /// This file names the classes.
    names: Option<DataFile>,
}

/// Returns CIFAR's sets among these files.
pub(super) fn find(listing: &Listing) -> Vec<CifarSet> {
    let mut folders: Vec<&str> = listing.others.iter().map(DataFile::folder).collect();
    folders.dedup();
    folders
        .iter()
        .flat_map(|folder| [false, true].map(|is_pickled| of_folder(listing, folder, is_pickled)))
        .flatten()
        .collect()
}

fn of_folder(listing: &Listing, folder: &str, is_pickled: bool) -> Option<CifarSet> {
    let own = || listing.others.iter().filter(|file| file.folder() == folder);
    let named = |name: &str| own().find(|file| file.name() == name).cloned();
    let end = if is_pickled { "" } else { ".bin" };
    let file = |name: &str| named(&format!("{name}{end}"));
    let train: Vec<DataFile> = (1..=BATCHES).filter_map(|i| file(&format!("data_batch_{i}"))).collect();
    let test: Vec<DataFile> = file("test_batch").into_iter().collect();
    let folder = folder.to_owned();
    if !train.is_empty() || !test.is_empty() {
        let names = named(if is_pickled { "batches.meta" } else { "batches.meta.txt" });
        return Some(CifarSet { folder, is_100: false, is_pickled, train, test, names });
    }
    let names = named(if is_pickled { "meta" } else { "fine_label_names.txt" })?;
    let [train, test] = ["train", "test"].map(|name| file(name).into_iter().collect::<Vec<_>>());
    let is_there = !train.is_empty() || !test.is_empty();
    is_there.then_some(CifarSet { folder, is_100: true, is_pickled, train, test, names: Some(names) })
}

/// These are some pictures with their labels.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    labels: Vec<usize>,
}

impl CifarSet {
    fn label_name(&self) -> &'static str {
        if self.is_100 { "CIFAR-100" } else { "CIFAR-10" }
    }

    fn names(&self, listing: &Listing) -> Result<Option<Vec<String>>> {
        let known = || (!self.is_100).then(|| CIFAR_10.map(str::to_owned).to_vec());
        let Some(file) = &self.names else { return Ok(known()) };
        let names = if self.is_pickled {
            let wrong = |why: String| Error::Data { path: listing.path(file), why };
            let meta = PickledDict::read(&listing.read(file, &mut |_| true)?, MOST_BYTES as usize).map_err(wrong)?;
            meta.texts(if self.is_100 { "fine_label_names" } else { "label_names" })
        } else {
            let text = listing.text(file, &mut |_| true)?;
            Some(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
        };
        // The list may be cut short; the ten names are known.
        Ok(names.filter(|names: &Vec<String>| self.is_100 || names.len() == CIFAR_10.len()).or_else(known))
    }

    fn read_pickled(&self, listing: &Listing, file: &DataFile, batch: &mut Batch) -> Result<(), String> {
        let bytes = listing.read(file, &mut |_| true).map_err(|error| error.to_string())?;
        let dict = PickledDict::read(&bytes, MOST_BYTES as usize)?;
        let key = if dict.has("fine_labels") { "fine_labels" } else { "labels" };
        let labels = dict.labels(key)?;
        let images = dict.array("data")?.images(&mut |_| true)?;
        if (images.width, images.height, images.channels) != (SIDE, SIDE, 3) {
            return Err(format!(
                "its pictures are {}×{}; expected {SIDE}×{SIDE} in colour",
                images.width, images.height
            ));
        }
        paired(&images, &labels)?;
        batch.bytes.extend(images.bytes);
        batch.labels.extend(labels);
        Ok(())
    }

    fn read_records(&self, listing: &Listing, file: &DataFile, batch: &mut Batch) -> Result<(), String> {
        let bytes = listing.read(file, &mut |_| true).map_err(|error| error.to_string())?;
        // CIFAR-100's coarse label comes first.
        let labels = if self.is_100 { 2 } else { 1 };
        if bytes.is_empty() || !bytes.len().is_multiple_of(labels + PIXELS) {
            return Err(format!(
                "it has {} bytes; expected a multiple of {}: the file is cut short or another; get it again",
                bytes.len(),
                labels + PIXELS
            ));
        }
        for record in bytes.chunks_exact(labels + PIXELS) {
            batch.labels.push(usize::from(record[labels - 1]));
            batch.bytes.extend_from_slice(&record[labels..]);
        }
        Ok(())
    }
}

impl ArraySet for CifarSet {
    fn title(&self) -> String {
        let form = if self.is_pickled { "as Python's pickles" } else { "as records of bytes" };
        let within = if self.folder.is_empty() { String::new() } else { format!(" in {}", self.folder) };
        format!("{} {form}{within}", self.label_name())
    }

    fn has(&self, path: &str) -> bool {
        self.train.iter().chain(&self.test).any(|file| file.path == path)
    }

    fn read(&self, listing: &Listing, split: Split, watch: &mut Watch) -> Result<ArrayPart> {
        let files = if split == Split::Train { &self.train } else { &self.test };
        if files.is_empty() {
            let name = match (split, self.is_100) {
                (Split::Train, false) => "data_batch_1",
                (Split::Test, false) => "test_batch",
                (Split::Train, true) => "train",
                (Split::Test, true) => "test",
            };
            let why = format!("this part of {} is missing; expected the file {name}", self.label_name());
            return Err(Error::Data { path: listing.root.join(&self.folder), why });
        }
        let mut batch = Batch::default();
        for (done, file) in files.iter().enumerate() {
            if !watch(done as f32 / files.len() as f32) {
                return Err(Error::Stopped);
            }
            // The other batches are as large as the first.
            if done == 1 {
                batch.bytes.reserve_exact(batch.bytes.len() * (files.len() - 1));
            }
            let read = match self.is_pickled {
                true => self.read_pickled(listing, file, &mut batch),
                false => self.read_records(listing, file, &mut batch),
            };
            read.map_err(|why| Error::Data { path: listing.path(file), why })?;
        }
        let mut notes = Vec::new();
        if self.is_100 {
            notes.push("CIFAR-100's 100 fine labels are used, its 20 coarse ones are not".into());
        } else if split == Split::Train && files.len() < BATCHES {
            notes.push(format!("{} of CIFAR-10's {BATCHES} batches of training pictures are here", files.len()));
        }
        let images = Images { width: SIDE, height: SIDE, channels: 3, bytes: batch.bytes };
        Ok(ArrayPart { images, labels: batch.labels, names: self.names(listing)?, notes })
    }

    fn outline(&self, listing: &Listing, watch: &mut Watch) -> Result<Outline> {
        let axes = Axes { channels: 3, height: SIDE, width: SIDE };
        match self.names(listing)? {
            Some(names) => Ok(Outline::new(axes, &[], Some(names))),
            None => Ok(Outline::new(axes, &self.read(listing, Split::Train, watch)?.labels, None)),
        }
    }
}
