//! Reads a data set of one file: NumPy's and MATLAB's arrays, a table of pixels, CIFAR's pickles and records.
#![no_main]

use doppelganger_engine::data::{Dataset, Split};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 6] = ["a.npz", "train_images.npy", "train_32x32.mat", "train.csv", "data_batch_1", "data_batch_1.bin"];

fuzz_target!(|input: (u8, &[u8])| {
    let (which, bytes) = input;
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let name = NAMES[usize::from(which) % NAMES.len()];
    if let Ok(data) = Dataset::of_bytes(name, bytes, Split::Train, &classes) {
        assert!(data.labels().iter().all(|&label| label < classes.len()));
        if !data.is_empty() {
            data.picture(data.len() - 1).expect("every label has a picture");
        }
    }
});
