//! Files are read with bounds and written whole.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;

use super::{Error, Result};

/// The length and the time of a file tell it from what stood in its place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub fn of(about: &Metadata) -> Self {
        Self { bytes: about.len(), modified: about.modified().ok() }
    }

    /// Returns the stamp of the file at a path. `doing` reads like "open this picture".
    pub fn of_path(path: &Path, doing: &'static str) -> Result<Self> {
        Ok(Self::of(&std::fs::metadata(path).map_err(Error::io(doing, path))?))
    }
}

/// Looks up what is known of an ordinary file. Others, such as pipes and devices, may have no end.
pub fn ordinary(path: &Path, doing: &'static str) -> Result<Metadata> {
    let about = std::fs::metadata(path).map_err(Error::io(doing, path))?;
    if about.is_file() {
        return Ok(about);
    }
    let what = if about.is_dir() { "a folder" } else { "no ordinary file" };
    Err(Error::io(doing, path)(std::io::Error::other(format!("this is {what}; expected a file"))))
}

pub fn open_ordinary(path: &Path, doing: &'static str) -> Result<File> {
    ordinary(path, doing)?;
    File::open(path).map_err(Error::io(doing, path))
}

/// Reads a text whose size was checked: UTF-8, or UTF-16 with its mark, as Windows' editor saves it. A byte order mark
/// is no part of the text.
///
/// # Errors
/// The errors of reading, and [`ErrorKind::InvalidData`] for what is no text.
pub fn read_text(path: &Path) -> std::io::Result<String> {
    text(std::fs::read(path)?)
}

/// Decodes a text as [`read_text`] does.
///
/// # Errors
/// [`ErrorKind::InvalidData`] for what is no text.
pub fn text(mut bytes: Vec<u8>) -> std::io::Result<String> {
    let no_text = || std::io::Error::new(ErrorKind::InvalidData, "it is no text in UTF-8");
    let wide = |number: fn([u8; 2]) -> u16| {
        let (units, []) = bytes[2..].as_chunks::<2>() else { return Err(no_text()) };
        char::decode_utf16(units.iter().map(|unit| number(*unit))).collect::<Result<_, _>>().map_err(|_| no_text())
    };
    match bytes.as_slice() {
        [0xFF, 0xFE, ..] => return wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] => return wide(u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, ..] => drop(bytes.drain(..3)),
        _ => {}
    }
    String::from_utf8(bytes).map_err(|_| no_text())
}

/// Writes a file whole or not at all: to a temporary file in the same folder, synced, then renamed. `doing` reads like
/// "write the weights". Fails when the folder cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8], doing: &'static str) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".doppelganger-");
        #[cfg(unix)]
        {
            // Like any other new file: readable as the umask allows, not by its owner alone.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        std::fs::metadata(folder)?;
        // The kind alone: the name of a temporary file in the message would puzzle.
        let mut file = builder.tempfile_in(folder).map_err(|error| error.kind())?;
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(Error::io(doing, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_may_have_no_end_is_no_ordinary_file() {
        let folder = tempfile::tempdir().unwrap();
        for (path, part) in [(Path::new("/dev/zero"), "no ordinary file"), (folder.path(), "a folder")] {
            let message = open_ordinary(path, "read the weights").unwrap_err().to_string();
            assert!(message.contains("cannot read the weights") && message.contains(part), "{message}");
        }
    }

    #[test]
    fn marks_of_byte_order_are_no_part_of_a_text() {
        for (bytes, expected) in [
            (&b"\xef\xbb\xbfcat"[..], Some("cat")),
            (b"cat\xef\xbb\xbf", Some("cat\u{feff}")),
            (b"\xff\xfec\x00\xe4\x00", Some("cä")),
            (b"\xfe\xff\x00c\x00\xe4", Some("cä")),
            (b"", Some("")),
            (b"\xff\xfec", None),
            (b"\xff\xfe\x00\xd8", None),
            (b"c\xe4t", None),
        ] {
            assert_eq!(text(bytes.to_vec()).ok().as_deref(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_atomically(&path, b"one", "write").unwrap();
        write_atomically(&path, b"two", "write").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let missing = folder.path().join("missing/a.txt");
        let message = write_atomically(&missing, b"x", "write the picture").unwrap_err().to_string();
        assert!(message.starts_with("cannot write the picture") && message.contains("a.txt"), "{message}");
        assert!(message.contains("os error 2") && !message.contains(".doppelganger-"), "{message}");
        // A folder in the file's place: the rename fails, and the temporary file is gone.
        let taken = folder.path().join("taken");
        std::fs::create_dir_all(taken.join("full")).unwrap();
        assert!(write_atomically(&taken, b"x", "write").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
