//! Makes the run that comes with the program out of one that `doppelganger train` has finished:
//! `cargo run --release --example ship_run -- DIR assets/runs/run-0000.safetensors`.

use std::path::PathBuf;

use doppelganger::engine::train::Checkpoint;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [run, file] = paths.as_slice() else { return Err("expected the folder of a run and the file to write".into()) };
    let bytes = Checkpoint::read(&run.join("checkpoint.safetensors"))?.in_brief()?;
    std::fs::write(file, &bytes)?;
    println!("{} bytes", bytes.len());
    Ok(())
}
