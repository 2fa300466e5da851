//! The nets of training runs as models of the catalogue.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use doppelganger::engine::data::{DataSource, Dataset, Split};
use doppelganger::engine::model::{Catalogue, Model, sha256_hex};
use doppelganger::engine::train::{Config, Rule, RunFolder, Stopping, Trainer, WorkDone};

/// A catalogue that knows what lies in this folder alone.
fn catalogue(folder: &Path) -> Catalogue {
    let own = Some(folder.join("own"));
    Catalogue { own, ..Catalogue::new(Vec::new()) }.with_runs(folder.join("runs"))
}

fn config(seed: u64) -> Config {
    Config {
        data: DataSource::Drawn { count: 200, seed: 0 },
        model: "maxout:6x2".into(),
        epochs: 2,
        batch: 50,
        validation: 50,
        pgd_pictures: 10,
        eps: 0.1,
        seed,
        ..Config::default()
    }
}

/// Begins a run in a folder of runs.
fn begin(folder: &Path, name: &str, config: Config) -> (RunFolder, Trainer) {
    let manifest = config.manifest(&Catalogue::new(Vec::new())).unwrap();
    let data = config.open_data(Split::Train, &manifest.classes, &mut |_| true).unwrap();
    RunFolder::begin(&folder.join("runs").join(name), manifest, Arc::<Dataset>::new(data), config).unwrap()
}

/// Trains to the end of an epoch and keeps it.
fn train_an_epoch(run: &mut (RunFolder, Trainer)) {
    while run.1.advance().unwrap() != WorkDone::Epoch {}
    run.0.keep(&run.1).unwrap();
}

fn logits(model: &Model) -> Vec<u32> {
    let data = DataSource::Drawn { count: 50, seed: 9 }.open(Split::Test, &model.classes, &mut |_| true).unwrap();
    let (x, _) = data.batch_values(&(0..data.len()).collect::<Vec<_>>(), model.input()).unwrap();
    let x = Tensor::from_vec(x, (data.len(), 1, 28, 28), &Device::Cpu).unwrap();
    let logits = model.logits(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    logits.into_iter().map(f32::to_bits).collect()
}

#[test]
fn the_catalogue_finds_runs_newest_first_and_says_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["run-0002", "run-0010", "by-hand"] {
        train_an_epoch(&mut begin(folder.path(), name, config(1)));
    }
    let fresh = begin(folder.path(), "run-0011", config(1));
    std::fs::create_dir(folder.path().join("runs/empty")).unwrap();
    let entries = catalogue(folder.path()).entries();
    let runs: Vec<_> = entries.iter().filter(|entry| entry.run().is_some()).collect();
    let names: Vec<&str> = runs.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["run:run-0011", "run:run-0010", "run:run-0002", "run:by-hand", "run:run-0000"]);
    assert_eq!(runs[1].title, "run-0010");
    assert!(
        runs[1].description.starts_with(
            "Trained on drawn:200 against FGSM at ε 0.1, α 0.5. Epoch 1 of 2 is kept so far: validation error "
        ),
        "{}",
        runs[1].description
    );
    assert!(runs[1].facts.as_ref().unwrap().accuracy.as_ref().unwrap().of == "50 validation pictures of drawn:200");
    assert!(runs[0].problem.as_ref().unwrap().contains("its first epoch is not over"), "{:?}", runs[0].problem);
    assert!(runs[1..].iter().all(|entry| entry.problem.is_none()), "{runs:?}");
    drop(fresh);
    std::fs::remove_dir_all(folder.path().join("runs/run-0010")).unwrap();
    std::fs::write(folder.path().join("runs/run-0002/checkpoint.safetensors"), "cut short").unwrap();
    let entries = catalogue(folder.path()).entries();
    let find = |name: &str| entries.iter().find(|entry| entry.name == name);
    assert_eq!(find("run:run-0010"), None, "a run that was deleted is gone");
    let damaged = find("run:run-0002").unwrap();
    assert!(damaged.problem.as_ref().unwrap().contains("not a whole checkpoint"), "{damaged:?}");
    let missing = catalogue(folder.path()).load("run:run-0010").err().unwrap().to_string();
    assert!(missing.contains("there is no training run \"run-0010\"") && missing.contains("run-0011"), "{missing}");
    for outside in ["run:../runs/by-hand", "run:", "run:empty"] {
        assert!(catalogue(folder.path()).load(outside).is_err(), "{outside}");
    }
}

#[test]
fn a_run_answers_as_its_kept_weights_do_and_another_epoch_changes_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = begin(folder.path(), "run-0001", config(4));
    train_an_epoch(&mut run);
    let catalogue = catalogue(folder.path());
    let answers = |name: &str| logits(&catalogue.load(name).unwrap());
    let expected = logits(&Model::new(run.1.manifest().clone(), &run.1.best_params().unwrap()).unwrap());
    assert_eq!(answers("run:run-0001"), expected);
    let path = folder.path().join("runs/run-0001");
    assert_eq!(answers(path.to_str().unwrap()), expected, "by the path of its folder");
    let (model, digest) = catalogue.load_with_digest("run:run-0001").unwrap();
    assert_eq!((model.manifest.name.as_str(), digest.len()), ("run-0001", 64));
    assert_eq!(catalogue.digest("run:run-0001").unwrap(), digest);
    // Without a rule the newest weights are kept.
    let last = Config { stopping: Stopping { rule: Rule::Off, ..Stopping::default() }, ..config(4) };
    let mut run = begin(folder.path(), "run-0002", last);
    train_an_epoch(&mut run);
    let before = catalogue.digest("run:run-0002").unwrap();
    train_an_epoch(&mut run);
    assert_ne!(catalogue.digest("run:run-0002").unwrap(), before);
    assert_ne!(catalogue.digest("digits_maxout").unwrap(), catalogue.digest("digits_maxout_robust").unwrap());
}

#[test]
fn a_kept_model_is_the_same_net_without_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = begin(folder.path(), "run-0001", config(2));
    train_an_epoch(&mut run);
    train_an_epoch(&mut run);
    let catalogue = catalogue(folder.path());
    let (answers, digest) =
        (logits(&catalogue.load("run:run-0001").unwrap()), catalogue.digest("run:run-0001").unwrap());
    let keep = |name: &str| catalogue.keep_run("run:run-0001", name, |_| "doppelganger train …".into());
    assert_eq!(keep("mine").unwrap().name, "mine");
    for (name, part) in [("mine", "already"), ("digits_cnn", "already"), ("a/b", "no name")] {
        let message = keep(name).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
    std::fs::remove_dir_all(folder.path().join("runs")).unwrap();
    let kept = catalogue.load("mine").unwrap();
    assert_eq!((logits(&kept), catalogue.digest("mine").unwrap()), (answers, digest));
    let text = std::fs::read_to_string(folder.path().join("own/mine.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["command"].as_str(), Some("doppelganger train …"));
    let (trained, best) = (table["trained"].as_table().unwrap(), run.1.best_epochs() as i64);
    let clean = run.1.history()[best as usize - 1].clean.unwrap();
    assert_eq!((trained["epochs_done"].as_integer(), trained["kept_epoch"].as_integer()), (Some(2), Some(best)));
    assert_eq!(
        (trained["clean_error"].as_float(), trained["clean_pictures"].as_integer()),
        (Some(clean.error()), Some(50))
    );
    assert!(trained["fgsm_error"].as_float().is_some() && trained["seed"].as_integer() == Some(2), "{trained}");
    assert_eq!((trained["eps"].as_float(), trained["data"].as_str()), (Some(0.1), Some("drawn:200")));
    let bytes = std::fs::read(folder.path().join("own").join(table["weights"].as_str().unwrap())).unwrap();
    assert_eq!(table["sha256"].as_str(), Some(sha256_hex(&bytes).as_str()));
}

#[test]
fn a_run_is_trained_further_under_a_name_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    train_an_epoch(&mut begin(folder.path(), "run-0001", config(2)));
    let config = Config { model: "run:run-0001".into(), fine_tune: true, ..config(3) };
    let manifest = config.manifest(&catalogue(folder.path())).unwrap();
    assert_eq!(manifest.name, "maxout:6x2");
    let data = config.open_data(Split::Train, &manifest.classes, &mut |_| true).unwrap();
    let trainer = Trainer::new(manifest, Arc::new(data), config).unwrap();
    let [before, first] = [
        trainer.params(),
        catalogue(folder.path()).params(&catalogue(folder.path()).manifest("run:run-0001").unwrap()),
    ];
    let values = |params: doppelganger::engine::model::Params| {
        let tensors = params.into_values().map(|tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        tensors.collect::<Vec<_>>()
    };
    assert_eq!(values(before.unwrap()), values(first.unwrap()));
}
