//! A file of a data set lies on disk, in an archive, or unpacked in memory; all are bytes.

use std::ops::Deref;

use crate::mapped::FileBytes;

/// This is the content of a file of a data set.
pub(super) enum FileContent<'a> {
    InArchive(&'a [u8]),
    OnDisk(FileBytes),
    Unpacked(Vec<u8>),
}

impl Deref for FileContent<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::InArchive(bytes) => bytes,
            Self::OnDisk(bytes) => bytes,
            Self::Unpacked(bytes) => bytes,
        }
    }
}

impl FileContent<'_> {
    pub(super) fn into_owned(self) -> Vec<u8> {
        match self {
            Self::Unpacked(bytes) | Self::OnDisk(FileBytes::Read(bytes)) => bytes,
            Self::InArchive(_) | Self::OnDisk(FileBytes::Mapped(_)) => self.to_vec(),
        }
    }
}
