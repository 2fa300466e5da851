//! Reads a data set: NumPy's and MATLAB's arrays, a table of pixels, IDX files, CIFAR's pickles and records, archives.
//!
//! The bytes tell what they are, as files do, so that any file serves as a seed. Sets of two files are one after the
//! other.
#![no_main]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use doppelganger_engine::data::{Dataset, Split};
use doppelganger_engine::file_kind::FileKind;
use libfuzzer_sys::fuzz_target;

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// Opens a set of files; each is there under a path that no other had.
fn open(files: &[(&str, &[u8])], is_folder: bool, classes: &[String]) -> Option<Dataset> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder: PathBuf = std::env::temp_dir().join(format!("doppelganger-fuzz-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for files");
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("a file to read");
    }
    let path = if is_folder { folder.clone() } else { folder.join(files[0].0) };
    let data = Dataset::open(&path, Split::Train, classes).ok();
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    data
}

/// Cuts before the last place, other than the start, where a file with this signature begins.
fn cut<'a>(bytes: &'a [u8], signature: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = bytes.windows(signature.len()).rposition(|window| window == signature).filter(|at| *at > 0);
    bytes.split_at(at.unwrap_or(bytes.len()))
}

fuzz_target!(|bytes: &[u8]| {
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let of_bytes = |name: &str| Dataset::of_bytes(name, bytes, Split::Train, &classes).ok();
    let data = match FileKind::of(bytes) {
        FileKind::Idx => {
            let (images, labels) = cut(bytes, b"\0\0\x08\x01\0");
            open(&[("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)], true, &classes)
        }
        FileKind::Numpy => {
            let (images, labels) = cut(bytes, b"\x93NUMPY");
            open(&[("train_images.npy", images), ("train_labels.npy", labels)], true, &classes)
        }
        FileKind::Zip => of_bytes("a.npz").or_else(|| open(&[("a.zip", bytes)], false, &classes)),
        FileKind::Tar | FileKind::Gzip | FileKind::Xz => open(&[("a.tar", bytes)], false, &classes),
        FileKind::Matlab => of_bytes("train_32x32.mat"),
        FileKind::Pickle => of_bytes("data_batch_1"),
        FileKind::Text | FileKind::Json => of_bytes("train.csv"),
        _ => of_bytes("data_batch_1.bin"),
    };
    let Some(data) = data else { return };
    assert!(data.labels().iter().all(|&label| label < classes.len()));
    if !data.is_empty() {
        // A picture file in an archive may be damaged; numbers of an array are a picture.
        let _ = data.picture(data.len() - 1);
    }
});
