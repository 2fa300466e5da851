//! This reads MNIST's IDX format (LeCun, Cortes and Burges): big-endian, a magic number of type and rank, one 32-bit
//! size per dimension, then the bytes.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Split;
use super::array::{ArrayPart, ArraySet, Axes, Images, Outline, paired};
use super::known::{Kin, mapping};
use super::listing::{DataFile, Listing};
use super::watch::{Watch, read_to_end};
use crate::{Error, Result};

/// This magic number is that of unsigned bytes in three dimensions: pictures, rows, columns.
const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const MAX_SIDE: u32 = 4096;
const MAX_BYTES: u64 = 1 << 30;

/// Tells whether all files of MNIST lie in a folder.
pub(super) fn is_in(folder: &Path) -> bool {
    let has = |name: &str| {
        ["-", "."].iter().any(|mark| {
            let path = folder.join(name.replace("-idx", &format!("{mark}idx")));
            path.is_file() || folder.join(format!("{}.gz", path.display())).is_file()
        })
    };
    let parts =
        ["train", "t10k"].map(|split| [format!("{split}-images-idx3-ubyte"), format!("{split}-labels-idx1-ubyte")]);
    parts.as_flattened().iter().all(|name| has(name))
}

/// One file is for a split, and holds pictures or labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Pictures,
    Labels,
}

/// Returns what the name of a file says: what stands before it all, its split and its content.
fn parse(name: &str) -> Option<(&str, Split, Content)> {
    let lower = name.strip_suffix(".gz").unwrap_or(name);
    let (stem, content) = [("idx3-ubyte", Content::Pictures), ("idx1-ubyte", Content::Labels)]
        .into_iter()
        .find_map(|(end, content)| Some((lower.strip_suffix(end)?.strip_suffix(['-', '.'])?, content)))?;
    let stem = stem.strip_suffix(if content == Content::Pictures { "-images" } else { "-labels" })?;
    let (prefix, split) = [("train", Split::Train), ("t10k", Split::Test), ("test", Split::Test)]
        .into_iter()
        .find_map(|(end, split)| Some((stem.strip_suffix(end)?, split)))?;
    Some((prefix.trim_end_matches('-'), split, content))
}

/// These are the files of one set in MNIST's format.
#[derive(Debug)]
pub(super) struct IdxSet {
    folder: String,
    prefix: String,
    kin: Kin,
    files: BTreeMap<(bool, Content), DataFile>,
    mapping: Option<DataFile>,
}

/// Returns the sets in MNIST's format among these files.
pub(super) fn find(listing: &Listing) -> Vec<IdxSet> {
    let mut sets: BTreeMap<(String, String), IdxSet> = BTreeMap::new();
    for file in &listing.others {
        let Some((prefix, split, content)) = parse(file.name()) else { continue };
        let folder = file.folder().to_owned();
        let set = sets.entry((folder.clone(), prefix.to_owned())).or_insert_with(|| IdxSet {
            kin: Kin::of(listing, &folder, prefix),
            mapping: None,
            files: BTreeMap::new(),
            prefix: prefix.to_owned(),
            folder,
        });
        // Unpacked or not: of both, the unpacked one, which comes first.
        set.files.entry((split == Split::Test, content)).or_insert_with(|| file.clone());
    }
    let mut sets: Vec<IdxSet> = sets.into_values().collect();
    for set in &mut sets {
        let name = format!("{}-mapping.txt", set.prefix);
        let is_its = |file: &&DataFile| file.folder() == set.folder && file.name() == name && !set.prefix.is_empty();
        set.mapping = listing.others.iter().find(is_its).cloned();
    }
    sets
}

impl IdxSet {
    fn file(&self, listing: &Listing, split: Split, content: Content) -> Result<&DataFile> {
        let missing = || {
            let split = if split == Split::Train { "train" } else { "t10k" };
            let end = if content == Content::Pictures { "images-idx3-ubyte" } else { "labels-idx1-ubyte" };
            let prefix = if self.prefix.is_empty() { String::new() } else { format!("{}-", self.prefix) };
            let name = format!("{prefix}{split}-{end}");
            let why = format!("there is no {name} (or {name}.gz); expected it beside MNIST's other files");
            Error::Data { path: listing.root.join(&self.folder), why }
        };
        self.files.get(&(split == Split::Test, content)).ok_or_else(missing)
    }

    /// Returns the label that is counted from, and the names of the classes.
    fn names(&self, listing: &Listing) -> Result<(usize, Option<Vec<String>>)> {
        let Some(file) = &self.mapping else { return Ok((self.kin.first_label(), self.kin.names())) };
        let (first, names) = mapping(&listing.text(file, &mut |_| true)?).ok_or_else(|| Error::Data {
            path: listing.path(file),
            why: "expected a label and code points of its character in each line".into(),
        })?;
        Ok((first, Some(names)))
    }
}

impl ArraySet for IdxSet {
    fn title(&self) -> String {
        let within = if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) };
        match self.files.values().next() {
            Some(file) => format!("{} ({within}{})", self.kin.title(), file.name()),
            None => self.kin.title().into(),
        }
    }

    fn has(&self, path: &str) -> bool {
        self.files.values().any(|file| file.path == path)
    }

    fn read(&self, listing: &Listing, split: Split, watch: &mut Watch) -> Result<ArrayPart> {
        let files = [Content::Pictures, Content::Labels].map(|content| self.file(listing, split, content));
        let [images, labels] = files;
        let (images_file, labels_file) = (images?, labels?);
        let mut images = read_images(listing, images_file, watch)?;
        let wrong = |why: String| Error::Data { path: listing.path(labels_file), why };
        let labels: Vec<usize> = read_labels(listing, labels_file)?.into_iter().map(usize::from).collect();
        paired(&images, &labels).map_err(wrong)?;
        let (first, names) = self.names(listing)?;
        let mut notes = Vec::new();
        if self.kin != Kin::Mnist {
            notes.push(format!("taken for {} by the name of its files or folder", self.kin.title()));
        }
        if matches!(self.kin, Kin::Emnist(_)) {
            images = images.transposed();
            notes.push("EMNIST's pictures lie on their side in its files; they are turned upright".into());
        }
        if labels.iter().any(|&label| label < first) {
            return Err(wrong(format!("a label is below {first}, from which this set counts its classes")));
        }
        let labels = labels.into_iter().map(|label| label - first).collect();
        Ok(ArrayPart { images, labels, names, notes })
    }

    fn outline(&self, listing: &Listing, _: &mut Watch) -> Result<Outline> {
        let (first, names) = self.names(listing)?;
        let labels = read_labels(listing, self.file(listing, Split::Train, Content::Labels)?)?;
        let labels: Vec<usize> = labels.into_iter().map(|label| usize::from(label).saturating_sub(first)).collect();
        let images = self.file(listing, Split::Train, Content::Pictures)?;
        let [_, height, width] = Idx::<3>::open(listing, images, IMAGES)?.sizes.map(|size| size as usize);
        // EMNIST's pictures are turned.
        let is_turned = matches!(self.kin, Kin::Emnist(_));
        let [height, width] = if is_turned { [width, height] } else { [height, width] };
        Ok(Outline::new(Axes { channels: 1, height, width }, &labels, names))
    }
}

fn read_images(listing: &Listing, file: &DataFile, watch: &mut Watch) -> Result<Images> {
    let idx = Idx::<3>::open(listing, file, IMAGES)?;
    let [_, height, width] = idx.sizes.map(|size| size as usize);
    Ok(Images { width, height, channels: 1, bytes: idx.read(watch)? })
}

fn read_labels(listing: &Listing, file: &DataFile) -> Result<Vec<u8>> {
    Idx::<1>::open(listing, file, LABELS)?.read(&mut |_| true)
}

/// A file of `RANK` dimensions whose header was read.
struct Idx<'a, const RANK: usize> {
    path: PathBuf,
    input: Box<dyn Read + 'a>,
    sizes: [u32; RANK],
    /// The number of bytes that follow.
    total: u64,
}

impl<'a, const RANK: usize> Idx<'a, RANK> {
    /// Reads the header, whose sizes are checked.
    fn open(listing: &Listing, file: &'a DataFile, magic: u32) -> Result<Self> {
        let path: PathBuf = listing.path(file);
        let wrong = |why: String| Error::Data { path: path.clone(), why };
        let mut input = listing.open(file)?;
        let mut next = |what: &str| {
            let mut word = [0; 4];
            let read = input.read_exact(&mut word);
            read.map(|()| u32::from_be_bytes(word))
                .map_err(|e| wrong(format!("cannot read the {what} of this IDX file: {e}")))
        };
        let found = next("magic number")?;
        if found != magic {
            let why = format!("the magic number is {found:#010x}; expected {magic:#010x} for MNIST's IDX files");
            return Err(wrong(why));
        }
        let mut sizes = [0; RANK];
        for size in &mut sizes {
            *size = next("sizes")?;
        }
        let total = sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(u64::from(size)));
        let sides_fit = sizes[1..].iter().all(|side| (1..=MAX_SIDE).contains(side));
        let Some(total) = total.filter(|total| (1..=MAX_BYTES).contains(total) && sides_fit) else {
            return Err(wrong(format!(
                "its header says {sizes:?}; expected 1 or more pictures, sides up to {MAX_SIDE}, at most 1 GiB"
            )));
        };
        Ok(Self { path, input, sizes, total })
    }

    /// Reads the bytes, which have to be as many as the header says.
    fn read(mut self, watch: &mut Watch) -> Result<Vec<u8>> {
        let Self { path, sizes, total, .. } = self;
        let wrong = |why: String| Error::Data { path, why };
        // One byte more than is due tells a file that is too long.
        match read_to_end(&mut self.input, total, total + 1, watch) {
            Err(e) => Err(wrong(format!("the file is damaged or cut short; get it again ({e})"))),
            Ok(bytes) if bytes.len() as u64 == total => Ok(bytes),
            Ok(bytes) => {
                let length = if (bytes.len() as u64) < total { bytes.len().to_string() } else { "more".into() };
                Err(wrong(format!("its header {sizes:?} asks for {total} bytes, but {length} follow; get it again")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn sets(folder: &Path) -> (Listing, Vec<IdxSet>) {
        let listing = Listing::of_folder(folder, &mut |_| true).unwrap();
        let sets = find(&listing);
        (listing, sets)
    }

    #[test]
    fn names_tell_split_and_content() {
        assert_eq!(parse("train-images-idx3-ubyte.gz"), Some(("", Split::Train, Content::Pictures)));
        assert_eq!(parse("t10k-labels.idx1-ubyte"), Some(("", Split::Test, Content::Labels)));
        assert_eq!(
            parse("emnist-letters-test-images-idx3-ubyte"),
            Some(("emnist-letters", Split::Test, Content::Pictures))
        );
        for name in ["train-images-idx1-ubyte", "images-idx3-ubyte", "train-images-idx3-ubyte.zip", "train-images"] {
            assert_eq!(parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_missing_file_of_mnist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(sets(folder.path()).1.is_empty());
        std::fs::write(folder.path().join("train-images.idx3-ubyte.gz"), "x").unwrap();
        let (listing, found) = sets(folder.path());
        let says = |split| found[0].read(&listing, split, &mut |_| true).map(drop).unwrap_err().to_string();
        assert!(says(Split::Train).contains("no train-labels-idx1-ubyte (or"), "{}", says(Split::Train));
        assert!(says(Split::Test).contains("no t10k-images-idx3-ubyte (or"), "{}", says(Split::Test));
        for name in ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels.idx1-ubyte.gz"] {
            assert!(!is_in(folder.path()), "{name}");
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        assert!(is_in(folder.path()));
    }

    #[test]
    fn bytes_after_the_packed_data_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t10k-labels-idx1-ubyte.gz");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9]).unwrap();
        let packed = packer.finish().unwrap();
        let read = || {
            let (listing, _) = sets(folder.path());
            read_labels(&listing, &listing.others[0])
        };
        std::fs::write(&path, &packed).unwrap();
        assert_eq!(read().unwrap(), [7, 9]);
        std::fs::write(&path, [packed.as_slice(), b"rest"].concat()).unwrap();
        let message = read().unwrap_err().to_string();
        assert!(message.contains("damaged or cut short") && message.ends_with(".gz"), "{message}");
    }
}
