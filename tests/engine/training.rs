//! The trainer on a small data set that the tests draw themselves.

use std::path::Path;
use std::sync::Arc;

use crate::common::fixture;
use doppelganger::engine::attack::Norm;
use doppelganger::engine::data::{Dataset, Split, draw_digit};
use doppelganger::engine::device::Backend;
use doppelganger::engine::model::{Catalogue, Manifest, Params};
use doppelganger::engine::train::{
    Adversary, Algorithm, Augment, Checkpoint, Config, EpochRecord, Learner, Momentum, Objective, Rule, RunFolder,
    Schedule, Stage, StepSize, Stopping, Trainer, WorkDone, history_csv, initial_params,
};
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
        data: data.display().to_string().parse().unwrap(),
        model: "small.toml".into(),
        epochs: 3,
        batch: 32,
        weight_decay: 1e-4,
        max_norm: Some(2.0),
        eps: 0.1,
        validation: 60,
        pgd_pictures: 20,
        seed: 3,
        ..Config::default()
    }
}

fn open(folder: &Path) -> Arc<Dataset> {
    Arc::new(Dataset::open(folder, Split::Train, &manifest().classes).unwrap())
}

fn trainer(data: &Arc<Dataset>, config: Config) -> Trainer {
    Trainer::new(manifest(), data.clone(), config).unwrap()
}

fn bits(params: &Params) -> Vec<(String, Vec<u32>)> {
    let values = |t: &candle_core::Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    params.iter().map(|(n, t)| (n.clone(), values(t).into_iter().map(f32::to_bits).collect())).collect()
}

fn to_the_end(trainer: &mut Trainer) {
    while !trainer.is_finished() {
        trainer.advance().unwrap();
    }
}

/// Trains to the end and returns the weights.
fn train(data: &Arc<Dataset>, config: Config) -> Vec<(String, Vec<u32>)> {
    let mut trainer = trainer(data, config);
    to_the_end(&mut trainer);
    bits(&trainer.params().unwrap())
}

#[test]
fn training_learns_and_reports_all_errors() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let mut trainer = trainer(&data, Config { epochs: 12, ..config(folder.path()) });
    let (mut steps, mut validations, mut epochs) = (0, 0, 0);
    while !trainer.is_finished() {
        match trainer.advance().unwrap() {
            WorkDone::Step => steps += 1,
            WorkDone::Validation => validations += 1,
            WorkDone::Epoch => epochs += 1,
        }
        let progress = trainer.progress();
        assert!(progress.steps == 8 && progress.step <= 8 && progress.epochs == 12);
    }
    // 60 pictures in one batch, and 20 of them under projected gradient descent in another.
    assert_eq!((steps, validations, epochs), (12 * 8, 12 * 2, 12));
    let (first, last) = (trainer.history()[0], trainer.history()[11]);
    assert!(last.loss < 0.5 * first.loss, "{first:?} {last:?}");
    let [clean, adversarial, pgd] = [last.clean, last.adversarial, last.pgd].map(Option::unwrap);
    assert_eq!([clean.n, adversarial.n, pgd.n], [60, 60, 20]);
    // Guessing is wrong nine times in ten.
    assert!(clean.error() < 0.45 && adversarial.error() < 0.85, "{last:?}");
    assert!(adversarial.wrong >= clean.wrong && adversarial.loss > clean.loss, "{last:?}");
    assert!(trainer.history().iter().all(|r| r.eps == 0.1 && r.alpha == 0.5 && r.seconds > 0.0));
    assert_eq!(history_csv(trainer.history()).lines().count(), 13);
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
    assert_eq!(clean, train(&data, Config { adversary: Adversary::None, ..config(folder.path()) }));
    assert_eq!(clean, train(&data, Config { eps: 0.0, adversary: Adversary::RandomFgsm, ..config(folder.path()) }));
    assert_ne!(clean, train(&data, config(folder.path())));
}

#[test]
fn a_run_taken_up_at_any_step_is_the_run_that_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let path = folder.path().join("checkpoint.safetensors");
    // Everything that has a state or draws something.
    let config = Config {
        optimiser: Algorithm::Adam,
        adversary: Adversary::Pgd { steps: 2 },
        augment: Augment { flip: true, shift: 2, zoom: 0.5 },
        stopping: Stopping { rule: Rule::Adversarial, patience: None, retrain: true },
        averaging: Some(0.99),
        ..config(folder.path())
    };
    let in_l2 = Config { norm: Norm::L2, eps: 1.0, trades: Some(6.0), ..config.clone() };
    let free = Config { adversary: Adversary::Free { replays: 2 }, averaging: None, ..config.clone() };
    for config in [config, in_l2, free] {
        taken_up_at_any_step(&data, &path, config);
    }
}

fn taken_up_at_any_step(data: &Arc<Dataset>, path: &Path, config: Config) {
    let mut whole = trainer(data, config.clone());
    to_the_end(&mut whole);
    let mut parts = trainer(data, config);
    while !parts.is_finished() {
        // Five pieces at a time end in the middle of epochs, before and in validations, and in the retraining.
        for _ in 0..5 {
            parts.advance().unwrap();
        }
        parts.save_checkpoint(path).unwrap();
        // What is done after the checkpoint is lost, as by a kill.
        parts.advance().unwrap();
        parts = Checkpoint::read(path).unwrap().resume(data.clone()).unwrap();
    }
    assert_eq!(bits(&parts.params().unwrap()), bits(&whole.params().unwrap()));
    assert_eq!(bits(&parts.best_params().unwrap()), bits(&whole.best_params().unwrap()));
    let timeless = |trainer: &Trainer| -> Vec<EpochRecord> {
        trainer.history().iter().map(|record| EpochRecord { seconds: 0.0, ..*record }).collect()
    };
    assert_eq!(timeless(&parts), timeless(&whole));
    std::fs::write(path, &std::fs::read(path).unwrap()[..1000]).unwrap();
    let message = Checkpoint::read(path).err().unwrap().to_string();
    assert!(message.contains("not a whole checkpoint") && message.lines().count() <= 6, "{message}");
}

#[test]
fn a_loss_that_is_no_number_pauses_the_run_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let mut trainer = trainer(&data, Config { learning_rate: 1e30, max_norm: None, ..config(folder.path()) });
    let message = loop {
        if let Err(error) = trainer.advance() {
            break error.to_string();
        }
    };
    assert!(message.contains("the loss became") && message.contains("smaller learning rate"), "{message}");
    trainer.set_learning_rate(0.01).unwrap();
    assert_eq!(trainer.config().learning_rate, 0.01);
    assert!(trainer.set_learning_rate(-1.0).is_err());
}

#[test]
fn a_smaller_rate_gets_past_a_loss_that_is_no_number() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    // So large that the weights go astray some steps before the loss does.
    let config = Config { learning_rate: 1e4, max_norm: None, epochs: 4, ..config(folder.path()) };
    let kept = folder.path().join("kept.safetensors");
    let run = |is_killed: bool| {
        let mut trainer = trainer(&data, config.clone());
        assert_eq!(trainer.advance().unwrap(), WorkDone::Step, "the first step is still a number");
        if is_killed {
            trainer.save_checkpoint(&kept).unwrap();
            trainer = Checkpoint::read(&kept).unwrap().resume(data.clone()).unwrap();
        }
        while trainer.advance().is_ok() {}
        assert_eq!((trainer.progress().step, trainer.progress().epoch), (0, 0));
        trainer.set_learning_rate(0.05).unwrap();
        to_the_end(&mut trainer);
        trainer
    };
    let (whole, killed) = (run(false), run(true));
    let history = whole.history();
    assert!(history.iter().all(|record| record.loss.is_finite()) && history[3].loss < history[0].loss, "{history:?}");
    assert_eq!(bits(&whole.params().unwrap()), bits(&killed.params().unwrap()));
    assert_eq!(bits(&whole.params().unwrap()), train(&data, Config { learning_rate: 0.05, ..config.clone() }));
}

#[test]
fn a_retraining_repeats_what_was_changed_in_the_selection() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let stopping = Stopping { rule: Rule::Off, patience: None, retrain: true };
    let mut trainer = trainer(&data, Config { stopping, epochs: 2, learning_rate: 0.05, ..config(folder.path()) });
    while trainer.history().is_empty() {
        trainer.advance().unwrap();
    }
    trainer.set_learning_rate(0.02).unwrap();
    trainer.retune(0.2, 0.25).unwrap();
    while trainer.progress().stage == Stage::Selection {
        trainer.advance().unwrap();
    }
    let why = trainer.retune(0.3, 0.5).unwrap_err().to_string();
    assert!(why.contains("retraining repeats"), "{why}");
    to_the_end(&mut trainer);
    let settings = |record: &EpochRecord| (record.learning_rate, record.eps, record.alpha);
    let (selection, retraining) = trainer.history().split_at(2);
    assert_eq!(selection.iter().map(settings).collect::<Vec<_>>(), [(0.05, 0.1, 0.5), (0.02, 0.2, 0.25)]);
    assert_eq!(retraining.iter().map(settings).collect::<Vec<_>>(), [(0.05, 0.1, 0.5), (0.02, 0.2, 0.25)]);
}

#[test]
fn eps_and_alpha_change_with_the_next_epoch() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let retrain = Stopping { rule: Rule::Off, patience: None, retrain: true };
    let mut trainer = trainer(&data, Config { stopping: retrain, ..config(folder.path()) });
    trainer.advance().unwrap();
    trainer.retune(0.2, 0.25).unwrap();
    assert!(trainer.retune(-1.0, 0.5).is_err() && trainer.retune(0.1, 1.5).is_err());
    to_the_end(&mut trainer);
    // The retraining repeats what the selection did.
    let tuning: Vec<(Stage, f32, f32)> = trainer.history().iter().map(|r| (r.stage, r.eps, r.alpha)).collect();
    let expected = [Stage::Selection, Stage::Retraining].map(|s| [(s, 0.1, 0.5), (s, 0.2, 0.25), (s, 0.2, 0.25)]);
    assert_eq!(tuning, expected.concat());
}

#[test]
fn stopping_keeps_the_best_epoch_and_retrains_for_as_many() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let stopping = Stopping { rule: Rule::Adversarial, patience: Some(2), retrain: true };
    let mut trainer = trainer(&data, Config { epochs: 40, stopping, ..config(folder.path()) });
    let mut best = None;
    while !trainer.is_finished() {
        let moment = trainer.advance().unwrap();
        let history = trainer.history();
        if moment == WorkDone::Epoch && Rule::Adversarial.best(history) == Some(history.len() - 1) {
            best = Some(bits(&trainer.params().unwrap()));
        }
        if history.iter().all(|record| record.stage == Stage::Selection) && best.is_some() {
            assert_eq!(best, Some(bits(&trainer.best_params().unwrap())));
        }
    }
    let (selected, retrained): (Vec<EpochRecord>, Vec<EpochRecord>) =
        trainer.history().iter().copied().partition(|r| r.stage == Stage::Selection);
    let errors: Vec<f64> = selected.iter().map(|record| record.adversarial.unwrap().error()).collect();
    let lowest = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let first = errors.iter().position(|&error| error == lowest).unwrap();
    assert!(errors.len() < 40 && errors.len() == first + 3, "{errors:?}");
    assert_eq!((retrained.len(), trainer.best_epochs()), (first + 1, first + 1));
    assert!(retrained.iter().all(|record| record.clean.is_none()));
    assert_ne!(best, Some(bits(&trainer.best_params().unwrap())));
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
        (Config { momentum: Momentum::constant(1.0), ..c() }, "momentum is 1"),
        (Config { schedule: Schedule::Decay(0.5), ..c() }, "decay of the rate is 0.5"),
        (Config { label_smoothing: 1.0, ..c() }, "label smoothing is 1"),
        (Config { adversary: Adversary::Pgd { steps: 0 }, ..c() }, "number of steps is 0"),
        (Config { init: Some(0.0), ..c() }, "first weights is 0"),
        (Config { weight_decay: -1.0, ..c() }, "weight decay is -1"),
        (Config { max_norm: Some(0.0), ..c() }, "max-norm is 0"),
        (Config { eps: -0.1, ..c() }, "ε is -0.1"),
        (Config { alpha: 1.5, ..c() }, "α is 1.5"),
        (Config { validation: 300, ..c() }, "fewer than the 300 pictures"),
    ] {
        let message = Trainer::new(manifest(), data.clone(), bad).err().unwrap().to_string();
        assert!(message.contains(what), "{message}");
    }
}

#[test]
fn the_bundled_nets_are_what_their_manifests_say() {
    let digits = ["digits_cnn", "digits_cnn_robust", "digits_maxout", "digits_maxout_robust", "digits_softmax"];
    for name in digits.into_iter().chain(["photos109", "photos109_robust"]) {
        let manifest = Catalogue::new(Vec::new()).manifest(name).unwrap();
        assert!(
            manifest.sha256.is_some() && manifest.source.contains("command = \"doppelganger train --data"),
            "{name}"
        );
    }
}

#[test]
fn fine_tuning_begins_with_the_weights_that_were_trained() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let run = folder.path().join("run");
    let clean = Config { adversary: Adversary::None, epochs: 2, ..config(folder.path()) };
    let (run_folder, mut first) = RunFolder::begin(&run, manifest(), data.clone(), clean).unwrap();
    to_the_end(&mut first);
    run_folder.write_net(&first).unwrap();
    let trained = bits(&first.best_params().unwrap());

    let net = run.join("model.toml");
    let stopping = Stopping { retrain: true, ..Stopping::default() };
    let cure =
        Config { model: net.display().to_string(), fine_tune: true, epochs: 1, stopping, ..config(folder.path()) };
    let mut second = Trainer::new(Manifest::read(&net).unwrap(), data.clone(), cure.clone()).unwrap();
    assert_eq!(bits(&second.params().unwrap()), trained);
    // Retraining, too, begins with them; a run that is taken up knows where it came from.
    while second.history().is_empty() {
        second.advance().unwrap();
    }
    assert_eq!(bits(&second.params().unwrap()), trained);
    let kept = folder.path().join("kept.safetensors");
    second.save_checkpoint(&kept).unwrap();
    assert_eq!(bits(&Checkpoint::read(&kept).unwrap().nets().unwrap().before), trained);
    to_the_end(&mut second);
    assert_ne!(bits(&second.params().unwrap()), trained);

    let message = Trainer::new(manifest(), data, cure).err().unwrap().to_string();
    assert!(message.contains("w.safetensors") && message.contains("not found"), "{message}");
}

#[test]
fn a_history_that_cannot_be_written_costs_no_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let run = folder.path().join("run");
    let (mut run_folder, mut trainer) =
        RunFolder::begin(&run, manifest(), data.clone(), config(folder.path())).unwrap();
    // A folder stands in the way of the file.
    let history = run.join("history.csv");
    std::fs::remove_file(&history).unwrap();
    std::fs::create_dir(&history).unwrap();
    trainer.advance().unwrap();
    let message = run_folder.keep(&trainer).unwrap_err().to_string();
    assert!(message.contains("write the history"), "{message}");
    let (_, resumed) = RunFolder::resume(&run, |_, _| Ok(data)).unwrap();
    assert_eq!(bits(&resumed.params().unwrap()), bits(&trainer.params().unwrap()));
}

#[test]
fn a_finished_run_in_brief_keeps_its_history_and_its_best_net() {
    let folder = tempfile::tempdir().unwrap();
    digits(folder.path());
    let data = open(folder.path());
    let mut trainer = trainer(&data, config(folder.path()));
    let path = folder.path().join("run.safetensors");
    trainer.save_checkpoint(&path).unwrap();
    let early = Checkpoint::read(&path).unwrap().in_brief().unwrap_err().to_string();
    assert!(early.contains("not finished"), "{early}");
    to_the_end(&mut trainer);
    trainer.save_checkpoint(&path).unwrap();
    let whole = Checkpoint::read(&path).unwrap();
    let (summary, best) = (whole.summary.clone(), trainer.best_params().unwrap());
    let bytes = whole.in_brief().unwrap();
    assert!(bytes.len() < std::fs::metadata(&path).unwrap().len() as usize / 2);
    let brief = Checkpoint::parse(&bytes, Path::new("brief")).unwrap();
    assert_eq!(brief.summary, summary);
    assert!(summary.is_finished && summary.history.len() == 3);
    let nets = brief.nets().unwrap();
    for (name, tensor) in &best {
        let values = |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (kept, exact) = (values(&nets.best[name]), values(tensor));
        assert_eq!(values(&nets.now[name]), kept);
        for (kept, exact) in kept.iter().zip(&exact) {
            // Half precision has eleven bits, and fewer below 2^-14.
            assert!((kept - exact).abs() <= exact.abs() / 2048.0 + 3e-8, "{name}: {kept} of {exact}");
        }
    }
}

/// Trains to the end, and returns what is said of the net after each epoch.
fn said(data: &Arc<Dataset>, config: &Config) -> Vec<Option<String>> {
    let manifest = config.manifest(&Catalogue::new(Vec::new())).unwrap();
    let mut trainer = Trainer::new(manifest, data.clone(), config.clone()).unwrap();
    let mut said = Vec::new();
    while !trainer.is_finished() {
        if trainer.advance().unwrap() == WorkDone::Epoch {
            said.push(trainer.not_begun());
        }
    }
    said
}

fn drawn(count: usize) -> (Arc<Dataset>, Config) {
    let data = Dataset::drawn_digits(count, 0, Split::Train, &mut |_| true).unwrap();
    let data_name = format!("drawn:{count}").parse().unwrap();
    let validation = count / 6;
    (Arc::new(data), Config { data: data_name, batch: 50, validation, pgd_pictures: 10, ..Config::default() })
}

#[test]
fn a_net_that_does_not_begin_to_learn_is_told_with_what_to_try() {
    let (data, base) = drawn(900);
    let hard = Config {
        model: "cnn:8,16,64".into(),
        eps: 0.3,
        alpha: 0.0,
        learning_rate: 0.1,
        schedule: Schedule::Constant,
        epochs: 4,
        ..base
    };
    let said = said(&data, &hard);
    assert_eq!(said[..2], [None, None]);
    for (epochs, said) in [(3, &said[2]), (4, &said[3])] {
        let said = said.as_ref().unwrap();
        for part in [&format!("after {epochs} epochs"), "ln 10 = 2.303", "α of about 0.5", "a smaller ε at first"] {
            assert!(said.contains(part), "{said}");
        }
    }
    // The advice is good.
    let eased = Config { alpha: 0.5, learning_rate: 0.02, ..hard };
    assert!(self::said(&data, &eased).iter().all(Option::is_none));
}

#[test]
fn a_net_that_begins_late_is_told_of_no_more() {
    let (data, base) = drawn(600);
    let slow = Config { model: "mlp:32".into(), eps: 0.0, learning_rate: 1e-7, schedule: Schedule::Constant, ..base };
    let stopping = Stopping { rule: Rule::Clean, ..Stopping::default() };
    let slow = Config { epochs: 6, stopping, ..slow };
    let manifest = slow.manifest(&Catalogue::new(Vec::new())).unwrap();
    let mut trainer = Trainer::new(manifest, data, slow).unwrap();
    let mut said = Vec::new();
    while !trainer.is_finished() {
        if trainer.advance().unwrap() == WorkDone::Epoch {
            said.push(trainer.not_begun());
            if said.len() == 3 {
                trainer.set_learning_rate(0.1).unwrap();
            }
        }
    }
    let told = said[2].as_ref().expect("three epochs at chance");
    assert!(told.contains("a higher learning rate, such as 0.000001"), "{told}");
    assert!(said[3..].iter().all(Option::is_none), "{said:?}");
}

#[test]
fn runs_that_learn_are_never_told_of() {
    let (data, base) = drawn(1200);
    for (model, eps, alpha, epochs) in [
        ("maxout:48x2,48x2", 0.1, 0.5, 5),
        ("mlp:64", 0.25, 0.5, 5),
        ("softmax", 0.0, 1.0, 5),
        ("cnn:8,16,32", 0.1, 0.5, 5),
        ("maxout:32x5+dropout", 0.1, 0.5, 5),
    ] {
        let config = Config { model: model.into(), eps, alpha, epochs, ..base.clone() };
        let said = said(&data, &config);
        assert!(said.iter().all(Option::is_none), "{model}: {said:?}");
    }
}

#[test]
fn a_single_picture_teaches_nothing_behind_a_batch_normalisation_of_single_values() {
    let path = fixture("single_values.toml");
    let manifest = Manifest::with_classes(&std::fs::read_to_string(&path).unwrap(), &path, &[]).unwrap();
    let params = initial_params(&manifest.graph, None, &mut ChaCha8Rng::seed_from_u64(1)).unwrap();
    let data = Dataset::drawn_digits(20, 0, Split::Train, &mut |_| true).unwrap();
    let objective = Objective { adversary: Adversary::None, eps: 0.0, alpha: 1.0, ..Objective::default() };
    let size = StepSize { rate: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.0, max_norm: None };
    let moved = |pictures: &[usize]| {
        let backend = Backend::from_environment().unwrap();
        let mut learner = Learner::new(&backend, &manifest, &params, Algorithm::Sgd).unwrap();
        let before = learner.tensor("c.weight").unwrap();
        let (x, labels) = data.batch_values(pictures, &manifest.input).unwrap();
        learner.step(&x, &labels, objective, size, &mut ChaCha8Rng::seed_from_u64(2)).unwrap();
        let after = learner.tensor("c.weight").unwrap();
        after.iter().zip(&before).map(|(after, before)| (after - before).abs()).fold(0.0, f32::max)
    };
    assert!(moved(&[3]) < 1e-6 && moved(&[3, 4, 5]) > 1e-3, "{} {}", moved(&[3]), moved(&[3, 4, 5]));
    // So it is refused, and never left alone at the end of an epoch.
    let (data, base) = drawn(301);
    let base = Config { eps: 0.0, alpha: 1.0, learning_rate: 1e-3, validation: 60, epochs: 1, ..base };
    let config = |batch: usize| Config { batch, ..base.clone() };
    let message = |config: Config| Trainer::new(manifest.clone(), data.clone(), config).err().unwrap().to_string();
    assert!(message(config(1)).contains("batch normalisation \"n\""), "{}", message(config(1)));
    assert!(message(Config { validation: 300, ..config(8) }).contains("2 training pictures or more"));
    let steps = |manifest: &Manifest, batch: usize| {
        let mut trainer = Trainer::new(manifest.clone(), data.clone(), config(batch)).unwrap();
        let mut steps = 0;
        while trainer.advance().unwrap() == WorkDone::Step {
            steps += 1;
        }
        steps
    };
    // 241 pictures are trained on.
    assert_eq!([60, 80, 7].map(|batch| steps(&manifest, batch)), [4, 3, 35]);
    assert_eq!([60, 80, 1].map(|batch| steps(&self::manifest(), batch)), [5, 4, 241], "larger maps have a variance");
}
