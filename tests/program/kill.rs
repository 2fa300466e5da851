//! A run that is killed without warning, again and again, and the run that never was.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn start(folder: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doppelganger"));
    command.current_dir(folder).args(["train", "--json"]).args(args);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn begin(folder: &Path, out: &str) -> Child {
    // Dropout, Adam, an adversary that draws, a retraining: everything that has a state.
    let net = ["--model", "maxout:64x3+dropout", "--optimiser", "adam", "--lr", "0.002", "--shift", "1"];
    let run = ["--data", "drawn:3000", "--epochs", "6", "--batch", "32", "--eps", "0.1", "--adversary", "random-fgsm"];
    let end = ["--retrain", "--seed", "9", "--out", out];
    start(folder, &[&net[..], &run, &end].concat())
}

#[test]
fn a_killed_run_resumes_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    assert!(begin(folder.path(), "whole").wait().unwrap().success());
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut child = begin(folder.path(), "killed");
    let (mut kills, mut done) = (0, false);
    while !done {
        // The first kills come soon after the start, later ones leave more time, so that the run ends.
        std::thread::sleep(Duration::from_millis(rng.random_range(20..100 + 20 * kills)));
        done = child.try_wait().unwrap().is_some();
        if !done {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let has_begun = folder.path().join("killed/checkpoint.safetensors").exists();
            let resume = ["--resume", "killed"];
            child = if has_begun { start(folder.path(), &resume) } else { begin(folder.path(), "killed") };
        }
    }
    assert!(child.wait_with_output().unwrap().status.success());
    println!("killed {kills} times");
    assert!(kills >= 10, "killed only {kills} times");
    let read = |run: &str, file: &str| std::fs::read(folder.path().join(run).join(file)).unwrap();
    assert!(read("whole", "model.safetensors") == read("killed", "model.safetensors"), "the weights differ");
    assert!(read("whole", "model.toml") == read("killed", "model.toml"), "the manifests differ");
    // The last column is the time.
    let history = |run: &str| -> Vec<String> {
        let text = String::from_utf8(read(run, "history.csv")).unwrap();
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect()
    };
    assert_eq!(history("whole"), history("killed"));
    let leftovers = std::fs::read_dir(folder.path().join("killed")).unwrap().count();
    // The four files, and what a kill in the middle of a write may leave under another name.
    assert!((4..=4 + kills as usize).contains(&leftovers), "{leftovers} files after {kills} kills");
}
