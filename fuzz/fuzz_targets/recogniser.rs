//! Asks what a file is, by its bytes, and what a zip with parts of these names is; pictures that are not read are
//! named.
#![no_main]

use doppelganger_engine::file_kind::FileKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let kind = FileKind::of(bytes);
    assert_eq!(kind == FileKind::Empty, bytes.is_empty());
    assert_eq!(kind, FileKind::of(bytes), "the bytes alone tell it");
    assert!(!kind.name().is_empty());
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(!FileKind::of_zip(text.lines()).name().is_empty());
    }
});
