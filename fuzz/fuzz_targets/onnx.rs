//! Reads an ONNX file, makes a graph of it and, where that is small, runs it once forwards and back.
#![no_main]

use std::path::Path;

use doppelganger_engine::model::Input;
use doppelganger_engine::model::import::Answers;
use doppelganger_engine::model::onnx::OnnxFile;
use doppelganger_fuzz::run_once;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Without a folder, so that no other file is looked for.
    let Ok(file) = OnnxFile::read(Path::new(""), bytes.to_vec()) else { return };
    let output = file.outputs.first().map(|port| port.name.clone());
    let Ok(imported) = file.import(&Answers { axes: Some([3, 8, 8]), output, word: None }) else { return };
    let Some([channels, height, width]) = imported.graph.shape(0).as_planes() else { return };
    let (mean, std) = (vec![0.0; channels], vec![1.0; channels]);
    let input = Input { channels, height, width, mean, std, fit: Default::default() };
    run_once(&imported.graph, &input, &imported.params);
});
