//! The files of a data set are listed once, from a folder and all below it or from an archive. Their paths then tell
//! what the set is, in the same way for both.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{FileType, read_dir};
use std::io::{BufReader, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use super::content::FileContent;
use super::watch::{Watch, unpack_gzip};
use crate::files::open_ordinary;
use crate::mapped::FileBytes;
use crate::{Error, Result};

/// Folders within folders are followed so far down.
const MOST_DEPTH: usize = 12;
/// ImageNet has 1.3 million files; a folder with more than this is hardly a data set.
const MOST_FILES: usize = 10_000_000;
/// A file that is read whole has at most so many bytes, unpacked.
pub(super) const MOST_BYTES: u64 = 2 << 30;

const PICTURES: [&str; 14] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm", "pbm", "tga"];
const ARCHIVES: [&str; 9] = ["tar", "tgz", "txz", "zip", "gz", "xz", "7z", "rar", "bz2"];
/// Programs leave these behind; no one means them as data.
const JUNK: [&str; 10] = [
    "__macosx",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "icon\r",
    "lost+found",
    "$recycle.bin",
    "@eadir",
    "__pycache__",
    "system volume information",
];

/// This is a file of a data set.
#[derive(Clone, Debug)]
pub(super) struct DataFile {
    /// Its path from the root of the set, with `/` between folders.
    pub(super) path: String,
    place: FilePlace,
}

#[derive(Clone, Debug)]
enum FilePlace {
    /// It lies on disk under its path.
    Named,
    /// It lies on disk under a name that is not Unicode.
    Odd(PathBuf),
    /// These are its bytes, from an archive.
    Packed(Arc<[u8]>),
}

impl DataFile {
    pub(super) fn packed(path: String, bytes: Arc<[u8]>) -> Self {
        Self { path, place: FilePlace::Packed(bytes) }
    }

    /// Returns its own name, without the folders.
    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the folder that it lies in, from the root of the set; empty in the root itself.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Returns its bytes, where it came from an archive.
    pub(super) fn bytes_in_memory(&self) -> Option<Arc<[u8]>> {
        if let FilePlace::Packed(bytes) = &self.place { Some(bytes.clone()) } else { None }
    }
}

/// These are the files of a data set, in an order that does not depend on the machine.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The folder or the archive.
    pub(super) root: PathBuf,
    pub(super) is_archive: bool,
    pub(super) pictures: Vec<DataFile>,
    /// Arrays of pictures, and texts about pictures.
    pub(super) others: Vec<DataFile>,
    /// One file was asked for, and the listing has those beside it.
    pub(super) asked: Option<String>,
    pub(super) junk: BTreeMap<String, usize>,
    /// Folders without any picture or array in them.
    pub(super) empty: Vec<String>,
    /// Archives in the folder, which are not looked into.
    pub(super) archives: Vec<String>,
}

impl Listing {
    /// Lists a folder and all below it; may end with [`Error::Stopped`].
    pub(super) fn of_folder(root: &Path, watch: &mut Watch) -> Result<Self> {
        let listing = Self { root: root.to_owned(), ..Self::default() };
        let mut walk = Walk { listing, watch, links: BTreeSet::new(), files: 0 };
        walk.folder(root, "", MOST_DEPTH, 0.0..1.0)?;
        Ok(walk.listing.sorted())
    }

    /// Lists an ordinary file with those of its folder, of which its set may need some.
    pub(super) fn of_file(path: &Path) -> Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let listing = Self { root: folder.to_owned(), ..Self::default() };
        let mut walk = Walk { listing, watch: &mut |_| true, links: BTreeSet::new(), files: 0 };
        walk.folder(folder, "", 0, 0.0..1.0)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut listing = walk.listing;
        // Files that are sets by themselves are other sets; those of MNIST and CIFAR come in several.
        let is_whole = |path: &str| {
            let lower = path.to_lowercase();
            [".npz", ".mat", ".csv", ".csv.gz", ".tsv"].iter().any(|end| lower.ends_with(end))
        };
        listing.others.retain(|file| file.path == name || !is_whole(&file.path));
        if !listing.others.iter().any(|file| file.path == name) {
            listing.others.push(DataFile { path: name.clone(), place: FilePlace::Odd(path.to_owned()) });
        }
        (listing.asked, listing.pictures) = (Some(name), Vec::new());
        Ok(listing.sorted())
    }

    /// Lists the files of an archive; `folders` are those that it names.
    pub(super) fn of_archive(root: &Path, files: Vec<DataFile>, folders: &[String]) -> Self {
        let mut listing = Self { root: root.to_owned(), is_archive: true, ..Self::default() };
        for file in files {
            if listing.is_junk(&file.path) {
                continue;
            }
            match FileUse::of(file.name()) {
                FileUse::Picture => listing.pictures.push(file),
                FileUse::Other => listing.others.push(file),
                FileUse::Archive => listing.archives.push(file.path),
                FileUse::None => {}
            }
        }
        let mut full = BTreeSet::new();
        for file in listing.pictures.iter().chain(&listing.others) {
            let mut folder = file.folder();
            while !folder.is_empty() && full.insert(folder.to_owned()) {
                folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            }
        }
        let mut empty: Vec<&String> = folders.iter().filter(|folder| !full.contains(*folder)).collect();
        empty.sort();
        for folder in empty {
            let is_below = listing.empty.last().is_some_and(|above| folder.starts_with(&format!("{above}/")));
            if !listing.is_junk(folder) && !is_below {
                listing.empty.push(folder.clone());
            }
        }
        listing.sorted()
    }

    fn sorted(mut self) -> Self {
        // As folders are listed one by one: "a/1" comes before "a b/1".
        let order = |a: &DataFile, b: &DataFile| a.path.split('/').cmp(b.path.split('/'));
        self.pictures.sort_by(order);
        self.others.sort_by(order);
        self.empty.sort();
        self
    }

    /// Tells whether a path is that of nobody's data, and counts it.
    fn is_junk(&mut self, path: &str) -> bool {
        let Some(name) = path.split('/').find(|name| is_junk(name)) else { return false };
        *self.junk.entry(name.to_owned()).or_default() += 1;
        true
    }

    /// Returns the place of a file on disk, or a path that names it in its archive.
    pub(super) fn path(&self, file: &DataFile) -> PathBuf {
        match &file.place {
            FilePlace::Odd(path) => path.clone(),
            FilePlace::Named | FilePlace::Packed(_) => self.root.join(&file.path),
        }
    }

    /// Opens a file, unpacking one in gzip.
    pub(super) fn open<'a>(&self, file: &'a DataFile) -> Result<Box<dyn Read + 'a>> {
        let (doing, path) = ("open this file", self.path(file));
        let mut start = Vec::new();
        let rest: Box<dyn Read + 'a> = match &file.place {
            FilePlace::Packed(bytes) => Box::new(&bytes[..]),
            FilePlace::Named | FilePlace::Odd(_) => Box::new(open_ordinary(&path, doing)?),
        };
        let mut rest = BufReader::with_capacity(1 << 16, rest);
        rest.by_ref().take(2).read_to_end(&mut start).map_err(Error::io(doing, &path))?;
        let is_gzip = start == [0x1F, 0x8B];
        let whole = BufReader::new(Cursor::new(start).chain(rest));
        Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
    }

    /// Returns the content of a file: as it lies on disk or in its archive, or unpacked from gzip.
    pub(super) fn read<'a>(&self, file: &'a DataFile, watch: &mut Watch) -> Result<FileContent<'a>> {
        let (doing, path) = ("open this file", self.path(file));
        let content = match &file.place {
            FilePlace::Packed(bytes) => FileContent::InArchive(bytes),
            FilePlace::Named | FilePlace::Odd(_) => FileContent::OnDisk(FileBytes::open(&path, doing)?),
        };
        if !content.starts_with(&[0x1F, 0x8B]) {
            return Ok(content);
        }
        let wrong = |why: String| Error::Data { path, why };
        match unpack_gzip(&content, MOST_BYTES + 1, watch) {
            Ok(bytes) if bytes.len() as u64 > MOST_BYTES => {
                Err(wrong(format!("it unpacks to more than {} GiB", MOST_BYTES >> 30)))
            }
            Ok(bytes) => Ok(FileContent::Unpacked(bytes)),
            Err(e) => Err(wrong(format!("the file is damaged or cut short; get it again ({e})"))),
        }
    }

    /// Reads a text, whatever marks its bytes begin with.
    pub(super) fn text(&self, file: &DataFile, watch: &mut Watch) -> Result<String> {
        let content = self.read(file, watch)?;
        if content.len() as u64 > MOST_BYTES {
            let why = format!("a text of more than {} GiB", MOST_BYTES >> 30);
            return Err(Error::Data { path: self.path(file), why });
        }
        let bytes = content.into_owned();
        crate::files::text(bytes).map_err(|e| Error::Data { path: self.path(file), why: e.to_string() })
    }

    /// Says what is left out; `None` where nothing is.
    pub(super) fn left_out(&self) -> Option<String> {
        const MOST: usize = 6;
        let junk = self.junk.iter().map(|(name, count)| match count {
            1 => name.clone(),
            count => format!("{count} × {name}"),
        });
        let empty = self.empty.iter().map(|folder| format!("the folder {folder:?}, which holds no pictures"));
        let all: Vec<String> = junk.chain(empty).collect();
        let more = all.len().saturating_sub(MOST);
        let shown = all[..all.len() - more].join(", ");
        match (all.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(format!("left out: {shown}")),
            (false, more) => Some(format!("left out: {shown}, and {more} more")),
        }
    }
}

/// A file is used in one of these ways, as its name tells.
#[derive(PartialEq)]
enum FileUse {
    Picture,
    /// The file is an array of pictures, or a text about them.
    Other,
    Archive,
    None,
}

impl FileUse {
    fn of(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let packed = name.strip_suffix(".gz").unwrap_or(&name);
        let extension = packed.rsplit_once('.').map_or("", |(_, extension)| extension);
        let is_array = ["npy", "npz", "mat", "csv", "tsv", "txt", "bin"].contains(&extension);
        let is_cifar = packed.starts_with("data_batch_")
            || ["test_batch", "batches.meta", "train", "test", "meta"].contains(&packed);
        if PICTURES.contains(&extension) && packed == name {
            Self::Picture
        } else if is_array || is_cifar || packed.ends_with("-ubyte") {
            Self::Other
        } else if ARCHIVES.iter().any(|end| name.rsplit_once('.').is_some_and(|(_, extension)| extension == *end)) {
            Self::Archive
        } else {
            Self::None
        }
    }
}

fn is_junk(name: &str) -> bool {
    name.starts_with('.') || JUNK.contains(&name.to_ascii_lowercase().as_str())
}

/// Tells whether an archive's file of this path may be wanted, so that others need not be kept.
pub(super) fn is_wanted(path: &str) -> bool {
    let use_of = FileUse::of(path.rsplit('/').next().unwrap_or_default());
    matches!(use_of, FileUse::Picture | FileUse::Other)
}

struct Walk<'a, 'w> {
    listing: Listing,
    watch: &'a mut Watch<'w>,
    /// Links to folders that were followed: one may lead back up.
    links: BTreeSet<PathBuf>,
    files: usize,
}

impl Walk<'_, '_> {
    /// Lists a folder whose path from the root is `at`, and so many levels below. It is this `share` of the work.
    /// Returns whether it holds anything that is wanted.
    fn folder(&mut self, folder: &Path, at: &str, levels: usize, share: Range<f32>) -> Result<bool> {
        let doing = "read this folder";
        let mut folders = Vec::new();
        let mut is_full = false;
        for entry in read_dir(folder).map_err(Error::io(doing, folder))? {
            let entry = entry.map_err(Error::io(doing, folder))?;
            self.files += 1;
            if (self.files.is_multiple_of(512) || self.files == 1) && !(self.watch)(share.start) {
                return Err(Error::Stopped);
            }
            if self.files > MOST_FILES {
                let why = format!("there are more than {MOST_FILES} files below this folder; give that of a data set");
                return Err(Error::Data { path: self.listing.root.clone(), why });
            }
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(Error::io(doing, folder))?);
            let path = if at.is_empty() { shown(&name) } else { format!("{at}/{}", shown(&name)) };
            if self.listing.is_junk(&shown(&name)) {
                continue;
            }
            match self.followed(kind, &entry.path()) {
                Some(EntryKind::Folder) => folders.push((name, path)),
                Some(EntryKind::File) => is_full |= self.file(&name, path, || entry.path()),
                None => {}
            }
        }
        if levels == 0 {
            return Ok(is_full);
        }
        folders.sort();
        let (count, part) = (folders.len(), (share.end - share.start) / folders.len().max(1) as f32);
        let mut empty = Vec::new();
        for (i, (name, path)) in folders.into_iter().enumerate() {
            let start = share.start + part * i as f32;
            let found = self.folder(&folder.join(&name), &path, levels - 1, start..start + part)?;
            is_full |= found;
            if !found {
                empty.push(path);
            }
        }
        // Of a folder that holds nothing at all, the parent says so.
        if is_full || (at.is_empty() && count > 0) {
            self.listing.empty.append(&mut empty);
        }
        Ok(is_full)
    }

    fn file(&mut self, name: &OsStr, path: String, full: impl FnOnce() -> PathBuf) -> bool {
        let (pictures, others) = (&mut self.listing.pictures, &mut self.listing.others);
        let place = if name.to_str().is_some() { FilePlace::Named } else { FilePlace::Odd(full()) };
        match FileUse::of(&name.to_string_lossy()) {
            FileUse::Picture => pictures.push(DataFile { path, place }),
            FileUse::Other => others.push(DataFile { path, place }),
            FileUse::Archive => {
                self.listing.archives.push(path);
                return false;
            }
            FileUse::None => return false,
        }
        true
    }

    /// Returns what an entry is, behind a link, too; `None` for pipes and the like, and for links that lead in circles.
    fn followed(&mut self, kind: FileType, path: &Path) -> Option<EntryKind> {
        if kind.is_dir() {
            return Some(EntryKind::Folder);
        }
        if kind.is_file() {
            return Some(EntryKind::File);
        }
        let about = std::fs::metadata(path).ok()?;
        if about.is_file() {
            return Some(EntryKind::File);
        }
        let to = path.canonicalize().ok()?;
        let root = self.listing.root.canonicalize().ok()?;
        let is_new = about.is_dir() && !root.starts_with(&to) && self.links.insert(to);
        is_new.then_some(EntryKind::Folder)
    }
}

enum EntryKind {
    Folder,
    File,
}

fn shown(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_left_out_and_said() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            "cat/1.png",
            "cat/Thumbs.db",
            "dog/1.JPG",
            "dog/Thumbs.db",
            "dog/._1.jpg",
            "__MACOSX/cat/1.png",
            ".DS_Store",
            "dog/.ipynb_checkpoints/1.png",
            "dog/notes.md",
            "labels.csv",
            "set.tar.gz",
        ];
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::create_dir_all(folder.path().join("bird/young")).unwrap();
        let paths = |files: &[DataFile]| files.iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        let listing = Listing::of_folder(folder.path(), &mut |_| true).unwrap();
        assert_eq!(paths(&listing.pictures), ["cat/1.png", "dog/1.JPG"]);
        assert_eq!(paths(&listing.others), ["labels.csv"]);
        assert_eq!(listing.archives, ["set.tar.gz"]);
        let said = listing.left_out().unwrap();
        for part in ["2 × Thumbs.db", "__MACOSX", ".DS_Store", "the folder \"bird\"", ".ipynb_checkpoints"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(matches!(Listing::of_folder(folder.path(), &mut |_| false), Err(Error::Stopped)));
        // The same as an archive.
        let packed = |file: &&str| DataFile::packed((*file).to_owned(), Arc::from(&b"x"[..]));
        let folders = ["cat", "bird", "bird/young", "dog"].map(str::to_owned);
        let listing = Listing::of_archive(Path::new("a.zip"), files.iter().map(packed).collect(), &folders);
        assert_eq!(paths(&listing.pictures), ["cat/1.png", "dog/1.JPG"]);
        assert_eq!(listing.empty, ["bird"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_circle_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cat")).unwrap();
        std::fs::write(folder.path().join("cat/1.png"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("cat/up")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("cat"), folder.path().join("dog")).unwrap();
        let listing = Listing::of_folder(folder.path(), &mut |_| true).unwrap();
        let paths: Vec<&str> = listing.pictures.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["cat/1.png", "dog/1.png"]);
    }
}
