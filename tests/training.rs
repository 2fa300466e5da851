//! The trainer on a small data set that the tests draw themselves.

use std::path::Path;

use doppelganger::engine::Error;
use doppelganger::engine::data::{Dataset, Split, draw_digit};
use doppelganger::engine::model::{Catalogue, Manifest, Params};
use doppelganger::engine::train::{Algorithm, Checkpoint, Config, Trainer, history_csv};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// 300 drawn digits as IDX files.
fn digits(folder: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut images = [0u8, 0, 8, 3, 0, 0, 1, 44, 0, 0, 0, 28, 0, 0, 0, 28].to_vec();
    let mut labels = [0u8, 0, 8, 1, 0, 0, 1, 44].to_vec();
    for i in 0..300 {
        images.extend(draw_digit((i % 10) as u8, &mut rng).bytes);
        labels.push((i % 10) as u8);
    }
    std::fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    std::fs::write(folder.join("train-labels-idx1-ubyte"), labels).unwrap();
}

/// A net with every kind of layer that behaves differently in training.
fn manifest() -> Manifest {
    let text = r#"
        name = "small"
        input = { channels = 1, height = 28, width = 28, mean = [0.1], std = [0.3] }
        classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        weights = "w.safetensors"
        layers = [
          { kind = "conv2d", name = "c", in = 1, out = 6, kernel = 5, stride = 2, bias = false },
          { kind = "batch_norm2d", name = "n", channels = 6 },
          { kind = "relu" },
          { kind = "max_pool2d", kernel = 2 },
          { kind = "flatten" },
          { kind = "dropout", keep = 0.8 },
          { kind = "maxout", name = "m", in = 216, units = 20, pieces = 2 },
          { kind = "linear", name = "l", in = 20, out = 10 },
        ]
    "#;
    Manifest::with_classes(text, Path::new("small.toml"), &[]).unwrap()
}

fn config(data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        epochs: 3,
        batch: 32,
        optimiser: Algorithm::Sgd,
        learning_rate: 0.05,
        momentum: 0.9,
        weight_decay: 1e-4,
        max_norm: Some(2.0),
        eps: 0.1,
        alpha: 0.5,
        clip: true,
        validation: 60,
        seed: 3,
    }
}

fn open(folder: &Path) -> Dataset {
    Dataset::open(folder, Split::Train, &manifest().classes).unwrap()
}

fn bits(params: &Params) -> Vec<(String, Vec<u32>)> {
    let values = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    params.iter().map(|(n, t)| (n.clone(), values(t).into_iter().map(f32::to_bits).collect())).collect()
}

/// Trains to the end and returns the weights.
fn train(data: &Dataset, config: Config) -> Vec<(String, Vec<u32>)> {
    let mut trainer = Trainer::new(manifest(), data, config).unwrap();
    while !trainer.is_finished() {
        trainer.epoch(&mut |_| true).unwrap();
    }
    bits(&trainer.params().unwrap())
}

#[test]
fn training_learns_and_reports_both_errors() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let mut trainer = Trainer::new(manifest(), &data, Config { epochs: 12, ..config(folder.path()) }).unwrap();
    let mut seen = 0;
    while !trainer.is_finished() {
        trainer
            .epoch(&mut |progress| {
                seen += 1;
                progress.steps == 8 && progress.step <= 8
            })
            .unwrap();
    }
    assert_eq!(seen, 12 * 8);
    let (first, last) = (trainer.history()[0], trainer.history()[11]);
    assert!(last.loss < 0.5 * first.loss, "{first:?} {last:?}");
    // Guessing is wrong nine times in ten.
    assert!(last.clean_error.unwrap() < 0.45 && last.adversarial_error.unwrap() < 0.85, "{last:?}");
    assert!(last.adversarial_error >= last.clean_error, "{last:?}");
    let csv = history_csv(trainer.history());
    assert_eq!(
        (csv.lines().count(), csv.lines().next()),
        (13, Some("epoch,loss,clean_error,adversarial_error,seconds"))
    );
}

#[test]
fn the_same_seed_gives_the_same_weights_whatever_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&data, config(folder.path())))
    };
    let once = with_threads(1);
    assert_eq!(once, with_threads(2));
    assert_ne!(once, train(&data, Config { seed: 4, ..config(folder.path()) }));
}

#[test]
fn eps_zero_and_alpha_one_are_clean_training_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let clean = train(&data, Config { eps: 0.0, alpha: 1.0, ..config(folder.path()) });
    assert_eq!(clean, train(&data, Config { eps: 0.0, alpha: 0.5, ..config(folder.path()) }));
    assert_eq!(clean, train(&data, Config { eps: 0.1, alpha: 1.0, ..config(folder.path()) }));
    assert_ne!(clean, train(&data, config(folder.path())));
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let path = folder.path().join("checkpoint.safetensors");
    let whole = train(&data, config(folder.path()));
    let mut trainer = Trainer::new(manifest(), &data, config(folder.path())).unwrap();
    trainer.epoch(&mut |_| true).unwrap();
    trainer.save_checkpoint(&path).unwrap();
    // Stopped in the middle of the second epoch, as by a kill.
    assert!(matches!(trainer.epoch(&mut |progress| progress.step < 3), Err(Error::Stopped)));
    drop(trainer);
    let mut trainer = Trainer::resume(Checkpoint::read(&path).unwrap(), &data).unwrap();
    assert_eq!(trainer.history().len(), 1);
    while !trainer.is_finished() {
        trainer.epoch(&mut |_| true).unwrap();
    }
    assert_eq!(bits(&trainer.params().unwrap()), whole);
    std::fs::write(&path, &std::fs::read(&path).unwrap()[..1000]).unwrap();
    let message = Checkpoint::read(&path).err().unwrap().to_string();
    assert!(message.contains("not a whole checkpoint") && message.lines().count() <= 6, "{message}");
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let wild = Config { learning_rate: 1e30, max_norm: None, ..config(folder.path()) };
    let message = Trainer::new(manifest(), &data, wild).unwrap().epoch(&mut |_| true).unwrap_err().to_string();
    assert!(message.contains("the loss became") && message.contains("smaller learning rate"), "{message}");
}

#[test]
fn impossible_settings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let c = || config(folder.path());
    for (bad, what) in [
        (Config { epochs: 0, ..c() }, "epochs is 0"),
        (Config { batch: 0, ..c() }, "batch is 0"),
        (Config { learning_rate: f32::NAN, ..c() }, "learning rate is NaN"),
        (Config { momentum: 1.0, ..c() }, "momentum is 1"),
        (Config { weight_decay: -1.0, ..c() }, "weight decay is -1"),
        (Config { max_norm: Some(0.0), ..c() }, "max-norm is 0"),
        (Config { eps: -0.1, ..c() }, "ε is -0.1"),
        (Config { alpha: 1.5, ..c() }, "α is 1.5"),
        (Config { validation: 300, ..c() }, "fewer than the 300 pictures"),
    ] {
        let message = Trainer::new(manifest(), &data, bad).err().unwrap().to_string();
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn the_bundled_digit_nets_are_what_their_manifests_say() {
    for name in ["digits_cnn", "digits_maxout"] {
        let manifest = Catalogue::new(Vec::new()).manifest(name).unwrap();
        assert!(
            manifest.sha256.is_some() && manifest.source.contains("command = \"doppelganger train --data"),
            "{name}"
        );
    }
}
