//! What integration tests share.
#![allow(dead_code, reason = "each test file uses only some of it")]

pub mod server;

use std::path::{Path, PathBuf};

/// A file or folder of the shared test data, which stands beside the project's folder and is no part of it.
///
/// Without it the test is skipped with a message, unless DOPPELGANGER_REQUIRE_SHARED is 1: then it fails.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if found.exists() {
        return Some(found);
    }
    assert!(
        std::env::var("DOPPELGANGER_REQUIRE_SHARED").as_deref() != Ok("1"),
        "the shared test data is required, but there is no {}",
        found.display()
    );
    eprintln!("skipped: there is no {}", found.display());
    None
}

/// A file of `tests/fixtures`.
pub fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}
