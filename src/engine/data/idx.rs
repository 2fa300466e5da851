//! This reads MNIST's IDX format (LeCun, Cortes and Burges): big-endian, a magic number of type and rank, one 32-bit
//! size per dimension, then the bytes.

use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::Split;
use crate::files::open_ordinary;
use crate::picture::Picture;
use crate::{Error, Result};

/// This magic number is that of unsigned bytes in three dimensions: pictures, rows, columns.
const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;
const MAX_SIDE: u32 = 4096;
const MAX_BYTES: u64 = 1 << 30;

/// Finds the pictures and labels of a split in `folder`; none when there is no file of MNIST's.
pub(super) fn find(folder: &Path, split: Split) -> Result<Option<(PathBuf, PathBuf)>> {
    let find = |split, what| names(split, what).map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let missing = |what| {
        let [name, ..] = names(split, what);
        let why = format!("there is no {name} (or {name}.gz); expected it beside MNIST's other files");
        Err(Error::Data { path: folder.to_owned(), why })
    };
    match (find(split, PICTURES), find(split, CLASSES)) {
        (Some(images), Some(labels)) => Ok(Some((images, labels))),
        (Some(_), None) => missing(CLASSES),
        (None, Some(_)) => missing(PICTURES),
        (None, None) if find(split.other(), PICTURES).is_some() => missing(PICTURES),
        (None, None) => Ok(None),
    }
}

const PICTURES: &str = "images";
const CLASSES: &str = "labels";

/// Returns the canonical name of a file, and that which some archives unpack to; each also gzipped.
fn names(split: Split, what: &str) -> [String; 4] {
    let prefix = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let rank = if what == PICTURES { 3 } else { 1 };
    [("-", ""), ("-", ".gz"), (".", ""), (".", ".gz")]
        .map(|(mark, end)| format!("{prefix}-{what}{mark}idx{rank}-ubyte{end}"))
}

/// This holds grey pictures of one size, white on black as MNIST has them.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) bytes: Vec<u8>,
}

impl Images {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let (sizes, bytes) = read::<3>(path, IMAGES)?;
        let [_, height, width] = sizes.map(|size| size as usize);
        Ok(Self { width, height, bytes })
    }

    pub(super) fn pick(&self, numbers: &[usize]) -> Self {
        let size = self.width * self.height;
        let bytes = numbers.iter().flat_map(|&i| &self.bytes[i * size..(i + 1) * size]).copied().collect();
        Self { bytes, ..*self }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / (self.width * self.height)
    }

    pub(super) fn bytes(&self, i: usize) -> Option<&[u8]> {
        self.bytes.chunks_exact(self.width * self.height).nth(i)
    }

    pub(super) fn picture(&self, i: usize) -> Option<Picture> {
        let bytes = self.bytes(i)?.to_vec();
        Some(Picture::new(self.width, self.height, 1, bytes))
    }
}

pub(super) fn read_labels(path: &Path) -> Result<Vec<u8>> {
    Ok(read::<1>(path, LABELS)?.1)
}

/// Reads the sizes and the bytes of a file of `RANK` dimensions, all of them checked against each other.
fn read<const RANK: usize>(path: &Path, magic: u32) -> Result<([u32; RANK], Vec<u8>)> {
    let wrong = |why: String| Error::Data { path: path.to_owned(), why };
    let mut input = open(path)?;
    let mut next = |what: &str| {
        let mut word = [0; 4];
        let read = input.read_exact(&mut word);
        read.map(|()| u32::from_be_bytes(word))
            .map_err(|e| wrong(format!("cannot read the {what} of this IDX file: {e}")))
    };
    let found = next("magic number")?;
    if found != magic {
        return Err(wrong(format!("the magic number is {found:#010x}; expected {magic:#010x} for MNIST's IDX files")));
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
    // One byte more than is due tells a file that is too long.
    let mut bytes = Vec::new();
    let read = input.take(total + 1).read_to_end(&mut bytes);
    read.map_err(|e| wrong(format!("the file is damaged or cut short; get it again ({e})")))?;
    if bytes.len() as u64 != total {
        let length = if (bytes.len() as u64) < total { format!("{}", bytes.len()) } else { "more".into() };
        return Err(wrong(format!("its header {sizes:?} asks for {total} bytes, but {length} follow; get it again")));
    }
    Ok((sizes, bytes))
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let doing = "open this IDX file";
    let mut file = open_ordinary(path, doing)?;
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start).map_err(Error::io(doing, path))?;
    let gzipped = start == [0x1F, 0x8B];
    let whole = BufReader::new(Cursor::new(start).chain(file));
    Ok(if gzipped { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_missing_file_of_mnist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(find(folder.path(), Split::Train).unwrap().is_none());
        std::fs::write(folder.path().join("train-images.idx3-ubyte.gz"), "x").unwrap();
        let says = |split| find(folder.path(), split).unwrap_err().to_string();
        assert!(says(Split::Train).contains("no train-labels-idx1-ubyte (or"), "{}", says(Split::Train));
        assert!(says(Split::Test).contains("no t10k-images-idx3-ubyte (or"), "{}", says(Split::Test));
        std::fs::write(folder.path().join("train-labels-idx1-ubyte"), "x").unwrap();
        assert!(find(folder.path(), Split::Train).unwrap().is_some());
    }

    #[test]
    fn bytes_after_the_packed_data_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t10k-labels-idx1-ubyte.gz");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&[0, 0, 8, 1, 0, 0, 0, 2, 7, 9]).unwrap();
        let packed = packer.finish().unwrap();
        std::fs::write(&path, &packed).unwrap();
        assert_eq!(read_labels(&path).unwrap(), [7, 9]);
        std::fs::write(&path, [packed.as_slice(), b"rest"].concat()).unwrap();
        let message = read_labels(&path).unwrap_err().to_string();
        assert!(message.contains("damaged or cut short") && message.ends_with(".gz"), "{message}");
    }
}
