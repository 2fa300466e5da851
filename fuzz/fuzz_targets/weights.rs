//! Reads weights, safetensors or PyTorch's, for the net of `tests/fixtures/pth/tiny.toml`.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use doppelganger_engine::model::{Manifest, check_weights};
use libfuzzer_sys::fuzz_target;

static TINY: OnceLock<Option<Manifest>> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let text = include_str!("../../tests/fixtures/pth/tiny.toml");
    let manifest = TINY.get_or_init(|| Manifest::with_classes(text, Path::new("tiny.toml"), &[]).ok());
    let manifest = manifest.as_ref().expect("the manifest is a good one");
    let _ = check_weights(bytes, Path::new("tiny.pth"), &manifest.graph, None);
});
