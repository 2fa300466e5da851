//! Reads a manifest and, where its net is small, runs it once forwards and back with drawn weights.
#![no_main]

use std::path::Path;

use doppelganger_engine::model::Manifest;
use doppelganger_engine::train::initial_params;
use doppelganger_fuzz::{is_small, run_once};
use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fuzz_target!(|text: &str| {
    let classes = ["0", "1", "2"].map(str::to_owned);
    let Ok(manifest) = Manifest::with_classes(text, Path::new("net.toml"), &classes) else { return };
    if !is_small(&manifest.graph) {
        return;
    }
    let Ok(params) = initial_params(&manifest.graph, None, &mut ChaCha8Rng::seed_from_u64(1)) else { return };
    run_once(&manifest.graph, &manifest.input, &params);
});
