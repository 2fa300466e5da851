//! What integration tests share.
#![allow(dead_code, reason = "each test file uses only some of it")]

pub mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use doppelganger::engine::attack::{Attack, Attacked, Baseline, Fgsm, Norm, PIXELS, Rules};
use doppelganger::engine::data::sample;
use doppelganger::engine::model::Model;
use doppelganger::engine::picture::save_png;

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

/// A bundled picture as a file of the person's own.
pub fn sample_as_file(name: &str, folder: &Path) -> PathBuf {
    let path = folder.join(format!("{name}.png"));
    save_png(&sample(name).unwrap().picture().unwrap(), &path, &[]).unwrap();
    path
}

/// Runs an attack on the picture of a baseline to its end, clipped to the range of pixels or not.
pub fn attacked(model: &Arc<Model>, baseline: &Baseline, attack: &dyn Attack, eps: f32, clip: bool) -> Attacked {
    let rules = Rules { bounds: clip.then_some(PIXELS), ..Rules::default() };
    let problem = baseline.problem(model, rules).unwrap().with_eps(&[eps]).unwrap();
    baseline.attacked(attack, &problem).unwrap()
}

/// The fast gradient sign method.
pub fn fgsm(model: &Arc<Model>, baseline: &Baseline, eps: f32, clip: bool) -> Attacked {
    attacked(model, baseline, &Fgsm { norm: Norm::Linf }, eps, clip)
}
