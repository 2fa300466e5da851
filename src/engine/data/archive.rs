//! Class folders may be packed into one file: `.tar`, `.tar.gz` or `.tar.xz`.
//!
//! The picture files are kept in memory as they are, and decoded when they are asked for.

use std::collections::BTreeMap;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::{PictureFile, Split, Watch, folder};
use crate::files::{Stamp, open_ordinary};
use crate::{Error, Result};

/// The most bytes that an archive may unpack to; what is kept of it is less.
const MOST_BYTES: u64 = 2 << 30;
/// The most memory that unpacking xz may take, in KiB; `xz -9` needs 65 MiB.
const XZ_MEMORY: u32 = 256 << 10;

const GZIP: &[u8] = &[0x1F, 0x8B];
const XZ: &[u8] = &[0xFD, b'7', b'z', b'X', b'Z', 0];
const USTAR: (usize, &[u8]) = (257, b"ustar");

/// These are picture files by class and by name, both sorted as in folders.
pub(super) type Classes = BTreeMap<String, BTreeMap<String, Arc<[u8]>>>;

#[derive(Debug)]
pub(super) struct Archive {
    path: PathBuf,
    parts: Parts,
}

#[derive(Debug)]
enum Parts {
    Whole(Classes),
    Split { train: Option<Classes>, test: Option<Classes> },
}

/// This archive was read last. Unpacking takes seconds, and a run asks three times: for classes, pictures and tests.
static LAST: Mutex<Option<(Stamp, Arc<Archive>)>> = Mutex::new(None);

/// Reads an archive of class folders: `<class>/<picture>`, or those under `train` and under `test` or `val`, all of
/// them in a folder or not. Its content tells its kind. The one that was read last stays in memory.
pub(super) fn open(path: &Path, watch: &mut Watch) -> Result<Arc<Archive>> {
    let stamp = Stamp::of_path(path, "open this archive")?;
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, archive)) = last.as_ref().filter(|(known, archive)| *known == stamp && archive.path == path) {
        return Ok(archive.clone());
    }
    // Before the next one is read: two at once would take twice the memory.
    *last = None;
    let archive = Arc::new(Archive { path: path.to_owned(), parts: arrange(read(path, watch)?) });
    if matches!(&archive.parts, Parts::Whole(classes) if classes.is_empty()) {
        let why = "there are no class folders in this archive; expected CLASS/picture.jpg, or train/CLASS/picture.jpg and \
                   test/CLASS/picture.jpg";
        return Err(Error::Data { path: path.to_owned(), why: why.into() });
    }
    *last = Some((stamp, archive.clone()));
    Ok(archive)
}

impl Archive {
    pub(super) fn split(&self, split: Split) -> Result<&Classes> {
        match &self.parts {
            Parts::Whole(classes) => Ok(classes),
            Parts::Split { train, test } => folder::of_split(&self.path, split, train.as_ref(), test.as_ref()),
        }
    }

    /// Returns the pictures of a split, class by class with its label.
    pub(super) fn pictures(&self, split: Split, classes: &[String]) -> Result<Vec<(usize, Vec<PictureFile>)>> {
        let read = |(class, files): (&String, &BTreeMap<String, Arc<[u8]>>)| {
            let packed = |(file, bytes): (&String, &Arc<[u8]>)| PictureFile {
                path: format!("{}: {class}/{file}", self.path.display()).into(),
                packed: Some(bytes.clone()),
            };
            Ok((folder::label(&self.path.join(class), classes)?, files.iter().map(packed).collect()))
        };
        self.split(split)?.iter().map(read).collect()
    }
}

/// This is a file in an archive, by the folders and the name in its path.
type ArchiveEntry = (Vec<String>, Arc<[u8]>);

fn read(path: &Path, watch: &mut Watch) -> Result<Vec<ArchiveEntry>> {
    let wrong = |why: String| Error::Data { path: path.to_owned(), why };
    let mut is_stopped = false;
    let mut watch = |share| {
        is_stopped |= !watch(share);
        !is_stopped
    };
    let mut archive = tar::Archive::new(unpack(path, &mut watch)?.take(MOST_BYTES));
    let read = entries(&mut archive);
    let mut rest = archive.into_inner();
    // To the end, where packed files have their checksum.
    let read = read.and_then(|entries| std::io::copy(&mut rest, &mut std::io::sink()).map(|_| entries));
    let is_too_large = rest.limit() == 0;
    drop(rest);
    if is_stopped {
        return Err(Error::Stopped);
    }
    if is_too_large {
        return Err(wrong(format!("it unpacks to more than {} GiB; unpack it to a folder", MOST_BYTES >> 30)));
    }
    read.map_err(|e| wrong(format!("this archive is damaged or cut short; get it again ({e})")))
}

fn unpack<'a>(path: &Path, watch: &'a mut Watch) -> Result<Box<dyn Read + 'a>> {
    let mut file = open_ordinary(path, "open this archive")?;
    let mut start = Vec::new();
    let (place, mark) = USTAR;
    let end = (place + mark.len()) as u64;
    file.by_ref().take(end).read_to_end(&mut start).map_err(Error::io("read this archive", path))?;
    let (is_gzip, is_xz, is_tar) = (start.starts_with(GZIP), start.starts_with(XZ), start.get(place..) == Some(mark));
    let of = file.metadata().map_or(1, |about| about.len().max(1));
    let whole = BufReader::new(Watched { file: Cursor::new(start).chain(file), read: 0, of, watch });
    match (is_gzip, is_xz, is_tar) {
        (true, _, _) => Ok(Box::new(BufReader::new(MultiGzDecoder::new(whole)))),
        (_, true, _) => Ok(Box::new(BufReader::new(XzReader::new_mem_limit(whole, true, XZ_MEMORY)))),
        (_, _, true) => Ok(Box::new(whole)),
        _ => Err(Error::Data {
            path: path.to_owned(),
            why: "this file is no data set; give the folder that holds the IDX files or the class folders, or a .tar, \
                  .tar.gz or .tar.xz of class folders"
                .into(),
        }),
    }
}

struct Watched<'a, R> {
    file: R,
    read: u64,
    of: u64,
    watch: &'a mut Watch<'a>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if !(self.watch)(self.read as f32 / self.of as f32) {
            return Err(std::io::Error::other("stopped"));
        }
        let read = self.file.read(into)?;
        self.read += read as u64;
        Ok(read)
    }
}

fn entries<R: Read>(archive: &mut tar::Archive<R>) -> std::io::Result<Vec<ArchiveEntry>> {
    let mut entries = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let components = components(&String::from_utf8_lossy(&entry.path_bytes()));
        // Links and the like are nobody's pictures; sparse files could claim any size.
        if !entry.header().entry_type().is_file() || !components.as_deref().is_some_and(is_picture) {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != entry.size() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        entries.extend(components.map(|components| (components, Arc::from(bytes))));
    }
    Ok(entries)
}

/// Returns the folders and the name in a path; none for one that leads out of the archive.
fn components(path: &str) -> Option<Vec<String>> {
    let components = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    components.map(|name| (name != "..").then(|| name.to_owned())).collect()
}

/// Tells whether this is a visible picture in a folder.
fn is_picture(components: &[String]) -> bool {
    let is_visible = !components.iter().any(|name| name.starts_with('.'));
    matches!(components, [.., _, name] if is_visible && folder::is_picture(Path::new(name)))
}

const TRAIN: &str = "train";
const TEST: [&str; 2] = ["test", "val"];

/// Sorts entries by split and class. Folders that all of them lie in are no part of that.
fn arrange(mut entries: Vec<ArchiveEntry>) -> Parts {
    let is_split = |name: &str| name == TRAIN || TEST.contains(&name);
    while let [(first, _), ..] = entries.as_slice()
        && let root = first[0].clone()
        && !is_split(&root)
        && entries.iter().all(|(path, _)| path.len() > 2 && path[0] == root)
    {
        entries.iter_mut().for_each(|(path, _)| drop(path.remove(0)));
    }
    let mut whole = Classes::new();
    let mut splits: BTreeMap<String, Classes> = BTreeMap::new();
    for (path, bytes) in entries {
        let (classes, class, name) = match path.as_slice() {
            [class, name] => (&mut whole, class, name),
            [split, class, name] if is_split(split) => (splits.entry(split.clone()).or_default(), class, name),
            // Folders in class folders are not looked into on disk either.
            _ => continue,
        };
        classes.entry(class.clone()).or_default().insert(name.clone(), bytes);
    }
    if splits.is_empty() {
        return Parts::Whole(whole);
    }
    let train = splits.remove(TRAIN);
    Parts::Split { train, test: TEST.into_iter().find_map(|name| splits.remove(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of files that each hold their own path.
    fn arranged(paths: &[&str]) -> Parts {
        arrange(paths.iter().map(|path| (components(path).unwrap(), Arc::from(path.as_bytes()))).collect())
    }

    fn listed(classes: &Classes) -> Vec<String> {
        let files = |(class, files): (&String, &BTreeMap<String, Arc<[u8]>>)| {
            files.keys().map(|name| format!("{class}/{name}")).collect::<Vec<_>>()
        };
        classes.iter().flat_map(files).collect()
    }

    #[test]
    fn splits_and_classes_are_found_in_any_root() {
        for root in ["", "./", "set/", "a/b/", "/"] {
            let paths = ["train/dog/2.png", "val/cat/1.png", "train/cat/1.png", "train/dog/1.png"];
            let paths: Vec<String> = paths.iter().map(|path| format!("{root}{path}")).collect();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let Parts::Split { train: Some(train), test: Some(test) } = arranged(&paths) else { panic!("{root}") };
            assert_eq!(listed(&train), ["cat/1.png", "dog/1.png", "dog/2.png"]);
            assert_eq!(listed(&test), ["cat/1.png"]);
        }
        let Parts::Whole(whole) = arranged(&["set/cat/1.png", "set/dog/1.png", "set/dog/inner/1.png"]) else {
            panic!()
        };
        assert_eq!(listed(&whole), ["cat/1.png", "dog/1.png"]);
        // A folder named "train" may also be a class, and a single class is no root.
        let Parts::Whole(whole) = arranged(&["train/1.png", "bus/1.png"]) else { panic!() };
        assert_eq!(listed(&whole), ["bus/1.png", "train/1.png"]);
        let Parts::Whole(whole) = arranged(&["cat/1.png", "cat/2.png"]) else { panic!() };
        assert_eq!(listed(&whole), ["cat/1.png", "cat/2.png"]);
        assert!(matches!(arranged(&["test/cat/1.png"]), Parts::Split { train: None, test: Some(_) }));
    }

    #[test]
    fn only_visible_pictures_in_folders_count() {
        let counts = |path: &str| components(path).is_some_and(|components| is_picture(&components));
        assert!(counts("cat/1.jpg") && counts("/train/cat/1.PNG") && counts("./cat/1.webp"));
        for path in ["1.jpg", "cat/notes.txt", "cat/._1.jpg", ".git/cat/1.jpg", "../cat/1.jpg", "cat/../dog/1.jpg", ""]
        {
            assert!(!counts(path), "{path}");
        }
    }
}
