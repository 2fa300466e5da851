//! A data set may be packed into one file: `.tar`, `.tar.gz`, `.tar.xz` or `.zip`.
//!
//! The files are kept in memory as they are, and pictures decoded when they are asked for.

use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::Watch;
use super::listing::{DataFile, Listing, is_wanted};
use super::watch::WatchedRead;
use crate::file_kind::FileKind;
use crate::files::{Stamp, open_ordinary};
use crate::mapped::FileBytes;
use crate::model::pytorch::zip;
use crate::{Error, Result};

/// The most bytes that an archive may unpack to; what is kept of it is less.
const MOST_BYTES: u64 = 2 << 30;
/// The most memory that unpacking xz may take, in KiB; `xz -9` needs 65 MiB.
const XZ_MEMORY: u32 = 256 << 10;
/// A zip of more files is refused; Tiny ImageNet's has 120 000.
const MOST_FILES: u64 = 4_000_000;
/// A path of more folders is nobody's.
const MOST_FOLDERS: usize = 64;

/// This archive was read last. Unpacking takes seconds, and a run asks three times: for classes, pictures and tests.
static LAST: Mutex<Option<(Stamp, Arc<Listing>)>> = Mutex::new(None);

/// Reads an archive. Its content tells its kind. The one that was read last stays in memory.
pub(super) fn open(path: &Path, watch: &mut Watch) -> Result<Arc<Listing>> {
    let stamp = Stamp::of_path(path, "open this archive")?;
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, listing)) = last.as_ref().filter(|(known, listing)| *known == stamp && listing.root == path) {
        return Ok(listing.clone());
    }
    // Before the next one is read: two at once would take twice the memory.
    *last = None;
    let mut start = Vec::new();
    let doing = "open this archive";
    open_ordinary(path, doing)?.take(4).read_to_end(&mut start).map_err(Error::io(doing, path))?;
    let Packed { files, folders } = if start == b"PK\x03\x04" { read_zip(path, watch)? } else { read(path, watch)? };
    let listing = Arc::new(Listing::of_archive(path, files, &folders));
    *last = Some((stamp, listing.clone()));
    Ok(listing)
}

/// Returns what a gzip file holds, by the beginning of its content.
pub(super) fn kind_within(path: &Path) -> Result<FileKind> {
    let doing = "open this archive";
    let mut start = Vec::new();
    let unpacked = MultiGzDecoder::new(BufReader::new(open_ordinary(path, doing)?));
    // A damaged file is one of an unknown kind here; whoever reads it says what is wrong.
    if unpacked.take(1024).read_to_end(&mut start).is_err() || start.is_empty() {
        return Ok(FileKind::Tar);
    }
    Ok(FileKind::of(&start))
}

/// These are the files of an archive that may be wanted, and its folders.
#[derive(Default)]
struct Packed {
    files: Vec<DataFile>,
    folders: Vec<String>,
}

fn read(path: &Path, watch: &mut Watch) -> Result<Packed> {
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
        return Err(wrong(too_large()));
    }
    read.map_err(|e| wrong(format!("this archive is damaged or cut short; get it again ({e})")))
}

fn too_large() -> String {
    format!("it unpacks to more than {} GiB; unpack it to a folder", MOST_BYTES >> 30)
}

fn unpack<'a>(path: &Path, watch: &'a mut Watch) -> Result<Box<dyn Read + 'a>> {
    let mut file = open_ordinary(path, "open this archive")?;
    let mut start = Vec::new();
    file.by_ref().take(1024).read_to_end(&mut start).map_err(Error::io("read this archive", path))?;
    let kind = FileKind::of(&start);
    let of = file.metadata().map_or(1, |about| about.len().max(1));
    let whole = BufReader::new(WatchedRead { file: Cursor::new(start).chain(file), read: 0, of, watch });
    Ok(match kind {
        FileKind::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(whole))),
        FileKind::Xz => Box::new(BufReader::new(XzReader::new_mem_limit(whole, true, XZ_MEMORY))),
        _ => Box::new(whole),
    })
}

fn entries<R: Read>(archive: &mut tar::Archive<R>) -> std::io::Result<Packed> {
    let mut packed = Packed::default();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(path) = plain(&String::from_utf8_lossy(&entry.path_bytes())) else { continue };
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            packed.folders.push(path);
            continue;
        }
        // Links and the like are nobody's pictures; sparse files could claim any size.
        if !kind.is_file() || !is_wanted(&path) {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != entry.size() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        packed.files.push(DataFile::packed(path, Arc::from(bytes)));
    }
    Ok(packed)
}

fn read_zip(path: &Path, watch: &mut Watch) -> Result<Packed> {
    let wrong = |why: String| Error::Data { path: path.to_owned(), why };
    let bytes = FileBytes::open(path, "open this archive")?;
    let parts = zip::parts(&bytes, MOST_FILES).map_err(wrong)?;
    let kind = FileKind::of_zip(parts.keys().map(String::as_str));
    if !matches!(kind, FileKind::Zip | FileKind::NumpyZip) {
        return Err(wrong(format!("this file is no data set, but {}", kind.name())));
    }
    let mut packed = Packed::default();
    let mut wanted = Vec::new();
    for (name, part) in parts {
        // Some programs of Windows write their own separator.
        let name = if name.contains('/') { name } else { name.replace('\\', "/") };
        match plain(&name) {
            Some(path) if name.ends_with('/') => packed.folders.push(path),
            Some(path) if is_wanted(&path) => wanted.push((path, part)),
            _ => {}
        }
    }
    if wanted.iter().map(|(_, part)| part.len() as u64).sum::<u64>() > MOST_BYTES {
        return Err(wrong(too_large()));
    }
    let count = wanted.len();
    for (i, (name, part)) in wanted.into_iter().enumerate() {
        if !watch(i as f32 / count as f32) {
            return Err(Error::Stopped);
        }
        let bytes = part.read().map_err(wrong)?;
        packed.files.push(DataFile::packed(name, Arc::from(&*bytes)));
    }
    Ok(packed)
}

/// Returns a path without what means nothing in it; none for one that leads out of the archive.
fn plain(path: &str) -> Option<String> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    let is_inside = !names.is_empty() && names.len() <= MOST_FOLDERS && !names.contains(&"..");
    is_inside.then(|| names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (path, expected) in [
            ("./cat/1.png", Some("cat/1.png")),
            ("/train/cat/1.PNG", Some("train/cat/1.PNG")),
            ("cat//1.png", Some("cat/1.png")),
            ("../cat/1.png", None),
            ("cat/../dog/1.jpg", None),
            ("", None),
        ] {
            assert_eq!(plain(path).as_deref(), expected, "{path}");
        }
        assert_eq!(plain(&"a/".repeat(1000)), None);
    }
}
