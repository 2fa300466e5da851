//! Class folders are `root/<class>/<picture>`, or those under `root/train` and under `root/test` or `root/val`.

use std::ffi::OsStr;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

use super::{PictureFile, Split, archive};
use crate::model::find_class;
use crate::{Error, Result};

const EXTENSIONS: [&str; 8] = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"];

/// Returns the sorted names of the class folders for training in a folder or an archive. Fails when there are none.
pub fn class_folders(root: &Path) -> Result<Vec<String>> {
    if root.is_file() {
        return Ok(archive::open(root, &mut |_| true)?.split(Split::Train)?.keys().cloned().collect());
    }
    class_paths(&split_root(root, Split::Train)?)?.iter().map(|path| Ok(name(path)?.to_owned())).collect()
}

/// Returns the pictures of a split, class by class with its label.
pub(super) fn pictures(root: &Path, split: Split, classes: &[String]) -> Result<Vec<(usize, Vec<PictureFile>)>> {
    let root = split_root(root, split)?;
    let read = |class: PathBuf| {
        let (label, files) = (label(&class, classes)?, sorted(&class, false)?);
        let pictures = files.into_iter().filter(|path| is_picture(path));
        Ok((label, pictures.map(|path| PictureFile { path, packed: None }).collect()))
    };
    let found = class_paths(&root)?.into_iter().map(read).collect::<Result<Vec<(_, Vec<_>)>>>()?;
    if found.iter().all(|(_, pictures)| pictures.is_empty()) {
        return Err(Error::Data { path: root, why: "the class folders hold no pictures".into() });
    }
    Ok(found)
}

/// Returns the folder that holds the class folders of a split.
fn split_root(root: &Path, split: Split) -> Result<PathBuf> {
    // A folder named "train" may also be a class: only one with folders in it is a split.
    let find = |names: &[&str]| {
        let folders = names.iter().map(|name| root.join(name));
        folders.filter(|path| path.is_dir()).find(|path| sorted(path, true).is_ok_and(|inner| !inner.is_empty()))
    };
    let (train, test) = (find(&["train"]), find(&["test", "val"]));
    if train.is_none() && test.is_none() { Ok(root.to_owned()) } else { of_split(root, split, train, test) }
}

/// Returns the part of a data set that is for a split.
pub(super) fn of_split<T>(root: &Path, split: Split, train: Option<T>, test: Option<T>) -> Result<T> {
    let (found, expected) = match split {
        Split::Train => (train, "train/<class>"),
        Split::Test => (test, "test/<class> or val/<class>"),
    };
    let why = || format!("this part of the data is missing; expected {expected}");
    found.ok_or_else(|| Error::Data { path: root.to_owned(), why: why() })
}

/// Returns the class folders in `root`, sorted by name; at least one.
fn class_paths(root: &Path) -> Result<Vec<PathBuf>> {
    let folders = sorted(root, true)?;
    if folders.is_empty() {
        let why = "no data set in this folder. Looked for\n  \
                   - MNIST's files: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,\n    \
                   t10k-labels-idx1-ubyte, each with or without .gz\n  \
                   - class folders: CLASS/picture.png, or train/CLASS/picture.png and test/CLASS/picture.png"
            .into();
        return Err(Error::Data { path: root.to_owned(), why });
    }
    Ok(folders)
}

pub(super) fn is_picture(path: &Path) -> bool {
    let known = |extension: &OsStr| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    path.extension().is_some_and(known)
}

/// Lists the folders, or the files, in `folder`, sorted by name; hidden ones are left out.
fn sorted(folder: &Path, folders: bool) -> Result<Vec<PathBuf>> {
    let doing = "read this folder";
    let mut paths = Vec::new();
    for entry in read_dir(folder).map_err(Error::io(doing, folder))? {
        let entry = entry.map_err(Error::io(doing, folder))?;
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && (if folders { path.is_dir() } else { path.is_file() }) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the class that a folder is named after, with or without WordNet's identifier.
pub(super) fn label(folder: &Path, classes: &[String]) -> Result<usize> {
    let name = name(folder)?;
    find_class(classes, name)
        .or_else(|_| find_class(classes, without_wordnet_id(name)))
        .map_err(|why| Error::Data { path: folder.to_owned(), why: why.to_string() })
}

fn name(folder: &Path) -> Result<&str> {
    let why = "the name of this class folder is not Unicode";
    let name = folder.file_name().and_then(OsStr::to_str);
    name.ok_or_else(|| Error::Data { path: folder.to_owned(), why: why.into() })
}

/// Returns "goldfish" of `n01443537_goldfish`: ImageNet's folders carry WordNet's identifiers.
fn without_wordnet_id(name: &str) -> &str {
    let digits = |id: &str| id.len() == 8 && id.bytes().all(|b| b.is_ascii_digit());
    match name.strip_prefix('n').and_then(|rest| rest.split_once(['_', '-', ' '])) {
        Some((id, class)) if digits(id) => class,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_own_class_before_it_is_wordnets() {
        let label = |folder: &str, classes: &[&str]| {
            label(Path::new(folder), &classes.iter().map(|&class| class.to_owned()).collect::<Vec<_>>())
        };
        // A net trained on ImageNet's folders, and one that knows plain names.
        assert_eq!(label("n01443537_goldfish", &["cat", "n01443537_goldfish"]).unwrap(), 1);
        assert_eq!(label("n01443537_goldfish", &["goldfish", "cat"]).unwrap(), 0);
        // Identifiers alone, as ImageNet's own archive has them.
        assert_eq!(label("n01443537", &["cat", "n01443537"]).unwrap(), 1);
        let message = label("n01443537_gold_fish", &["goldfish", "cat"]).unwrap_err().to_string();
        assert!(message.contains("\"gold_fish\"") && message.contains("\"goldfish\""), "{message}");
        // Too few digits: not WordNet's.
        assert_eq!(without_wordnet_id("n0144353_goldfish"), "n0144353_goldfish");
    }
}
