//! Large files are mapped into memory in place of being read into it: what a person has looked at lately is in memory
//! already, and a copy would take longer than all that is done with it.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use super::{Error, Result};

/// A smaller file is read.
const LEAST_BYTES: u64 = 4 << 20;

/// The bytes of a file.
pub enum FileBytes {
    Read(Vec<u8>),
    Mapped(Mmap),
}

impl FileBytes {
    /// Opens an ordinary file. `doing` reads like "read the weights".
    ///
    /// # Errors
    /// [`Error::Io`]; a file system that cannot map files is read from.
    pub fn open(path: &Path, doing: &'static str) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(doing, path))?;
        if file.metadata().map_err(Error::io(doing, path))?.len() >= LEAST_BYTES {
            // SAFETY: the bytes are only ever read, as bytes, and for the fraction of a second that loading takes. A
            // program that writes over the file meanwhile changes them, which the checks of a reader find or do not
            // find as they would in a file that was read in pieces. One that cuts it short ends this program; on
            // Windows it cannot.
            if let Ok(mapped) = unsafe { Mmap::map(&file) } {
                return Ok(Self::Mapped(mapped));
            }
        }
        std::fs::read(path).map(Self::Read).map_err(Error::io(doing, path))
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}
