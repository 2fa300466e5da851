//! The window's trainer without a window: orders in, events out.

use std::path::Path;
use std::time::{Duration, Instant};

use doppelganger::engine::model::Catalogue;
use doppelganger::engine::train::{Config, EpochRecord, RunFolder, Stage};
use doppelganger::worker::{Event, Order, RunId, RunInfo, RunState, TrainEvent, Worker};

fn worker(runs: &Path) -> Worker {
    Worker::with_folders(Catalogue::new(Vec::new()), runs.to_owned(), "no results".into(), || {}).unwrap()
}

/// Three short epochs.
fn config() -> Config {
    Config {
        data: "drawn:600".parse().unwrap(),
        model: "maxout:16x2".into(),
        epochs: 3,
        batch: 50,
        validation: 100,
        pgd_pictures: 25,
        ..Config::default()
    }
}

/// What the trainer says next, of what `wanted` takes.
#[track_caller]
fn await_event<T>(worker: &Worker, mut wanted: impl FnMut(TrainEvent) -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    while let Some(event) = worker.wait(until.saturating_duration_since(Instant::now())) {
        if let Event::Training(event) = event
            && let Some(found) = wanted(event)
        {
            return found;
        }
    }
    panic!("the trainer did not say what was expected within a minute");
}

#[track_caller]
fn await_state(worker: &Worker, of: &RunId, wanted: impl Fn(&RunState) -> bool) -> RunState {
    await_event(worker, |event| match event {
        TrainEvent::State { run, state } if run == *of && wanted(&state) => Some(state),
        _ => None,
    })
}

#[track_caller]
fn await_run(worker: &Worker) -> RunInfo {
    await_event(worker, |event| match event {
        TrainEvent::Run(info) => Some(*info),
        _ => None,
    })
}

#[track_caller]
fn listed(worker: &Worker) -> Vec<RunInfo> {
    await_event(worker, |event| match event {
        // The run that comes with the program is not one of these tests.
        TrainEvent::Runs(runs) => Some(runs.into_iter().filter(|run| !run.is_shipped()).collect()),
        _ => None,
    })
}

fn without_times(history: &[EpochRecord]) -> Vec<EpochRecord> {
    history.iter().map(|record| EpochRecord { seconds: 0.0, ..*record }).collect()
}

#[test]
fn a_run_tells_of_its_epochs_and_leaves_a_net() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    assert!(listed(&worker).is_empty());
    worker.train(Order::Start(config().into()));
    let run = await_run(&worker).run;
    assert_eq!(&*run, "run-0001");
    let (mut epochs, mut sheets, mut progress) = (Vec::new(), 0, 0);
    await_event(&worker, |event| {
        match event {
            TrainEvent::Epoch { record, .. } => epochs.push(record.epoch),
            TrainEvent::FirstLayer { sheet, .. } => {
                assert_eq!((sheet.width, sheet.height), (16 * 30 - 2, 28));
                sheets += 1;
            }
            TrainEvent::Progress { progress: now, .. } => {
                assert!(now.step <= now.steps && now.steps == 10);
                progress += 1;
            }
            TrainEvent::State { state: RunState::Finished, .. } => return Some(()),
            _ => {}
        }
        None
    });
    assert_eq!(epochs, [1, 2, 3]);
    assert!(sheets >= 3 && progress >= 3, "{sheets} {progress}");
    assert!(runs.path().join("run-0001/model.toml").exists());
    // A worker that starts later finds it.
    drop(worker);
    let worker = self::worker(runs.path());
    let found = listed(&worker);
    assert_eq!((found.len(), &found[0].state, found[0].history.len()), (1, &RunState::Finished, 3));
    assert_eq!((found[0].pictures, found[0].parameters), (600, 785 * 32 + 170));
    worker.train(Order::Delete(run));
    await_event(&worker, |event| matches!(event, TrainEvent::Deleted(_)).then_some(()));
    assert_eq!(std::fs::read_dir(runs.path()).unwrap().count(), 0);
}

#[test]
fn of_the_run_that_comes_with_the_program_nothing_has_to_be_said() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    let shipped = await_event(&worker, |event| match event {
        TrainEvent::Runs(runs) => runs.into_iter().find(RunInfo::is_shipped),
        _ => None,
    });
    assert!(shipped.classes == 10 && shipped.history.len() > 10);
    for epochs in 1..=shipped.history.len() {
        let so_far = RunInfo { history: shipped.history[..epochs].to_vec(), ..shipped.clone() };
        assert_eq!(so_far.not_begun(), None, "after {epochs} epochs");
    }
}

#[test]
fn pausing_stepping_stopping_and_resuming_change_nothing() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    worker.train(Order::Start(config().into()));
    worker.train(Order::Pause);
    let whole = await_run(&worker).run;
    await_state(&worker, &whole, |state| *state == RunState::Finished);
    // The same again, with every interruption.
    worker.train(Order::Start(config().into()));
    let run = await_run(&worker).run;
    await_state(&worker, &run, |state| *state == RunState::Preparing);
    worker.train(Order::Pause);
    await_state(&worker, &run, |state| matches!(state, RunState::Paused(None)));
    let step = |worker: &Worker| {
        worker.train(Order::OneStep);
        await_state(worker, &run, |state| matches!(state, RunState::Paused(None)));
        await_event(worker, |event| match event {
            TrainEvent::Progress { progress, .. } => Some(progress),
            _ => None,
        })
    };
    let (first, second) = (step(&worker), step(&worker));
    assert_eq!((first.epoch, first.step + 1), (second.epoch, second.step));
    worker.train(Order::OneEpoch);
    await_state(&worker, &run, |state| matches!(state, RunState::Paused(None)));
    worker.train(Order::Stop);
    await_state(&worker, &run, |state| *state == RunState::Stopped);
    worker.train(Order::Resume(run.clone()));
    await_state(&worker, &run, |state| *state == RunState::Running || matches!(state, RunState::Preparing));
    // Closing in the middle keeps it.
    let closing = Instant::now();
    drop(worker);
    assert!(closing.elapsed() < Duration::from_secs(5), "{:?}", closing.elapsed());
    let worker = self::worker(runs.path());
    assert_eq!(listed(&worker)[1].state, RunState::Stopped);
    worker.train(Order::Resume(run.clone()));
    await_state(&worker, &run, |state| *state == RunState::Finished);
    let [whole, parts] = [&whole, &run].map(|run| runs.path().join(&**run));
    let histories = [&whole, &parts].map(|path| without_times(&RunFolder::summary(path).unwrap().history));
    assert_eq!(histories[0], histories[1]);
    let [whole, parts] = [whole, parts].map(|path| std::fs::read(path.join("model.safetensors")).unwrap());
    assert!(whole == parts, "the weights differ");
}

#[test]
fn the_queue_goes_on_and_orders_that_cannot_be_are_explained() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    for bad in [
        Config { model: "maxout:0x2".into(), ..config() },
        Config { data: "/nowhere".parse().unwrap(), ..config() },
        Config { learning_rate: -1.0, ..config() },
    ] {
        worker.train(Order::Start(bad.into()));
        let run = await_run(&worker).run;
        let RunState::Failed(why) = await_state(&worker, &run, |state| matches!(state, RunState::Failed(_))) else {
            unreachable!()
        };
        assert!(why.lines().count() <= 6 && why.contains("expected") || why.contains("cannot"), "{why}");
    }
    worker.train(Order::Start(Config { epochs: 1000, ..config() }.into()));
    let long = await_run(&worker).run;
    await_state(&worker, &long, |state| *state == RunState::Running);
    worker.train(Order::Start(Config { epochs: 1, ..config() }.into()));
    let next = await_event(&worker, |event| match event {
        TrainEvent::Run(info) if info.run != long => Some(info.run),
        _ => None,
    });
    worker.train(Order::Retune { eps: -1.0, alpha: 0.5 });
    let problem = |event| match event {
        TrainEvent::Problem(message) => Some(message),
        _ => None,
    };
    assert!(await_event(&worker, problem).contains("ε is -1"));
    worker.train(Order::Retune { eps: 0.1, alpha: 0.75 });
    let tuned = await_event(&worker, |event| match event {
        TrainEvent::Epoch { record, .. } if record.eps == 0.1 => Some(record),
        _ => None,
    });
    assert_eq!((tuned.alpha, tuned.stage), (0.75, Stage::Selection));
    worker.train(Order::Delete(long.clone()));
    assert!(await_event(&worker, problem).contains("in hand"));
    let stopping = Instant::now();
    worker.train(Order::Stop);
    await_state(&worker, &long, |state| *state == RunState::Stopped);
    assert!(stopping.elapsed() < Duration::from_secs(1), "{:?}", stopping.elapsed());
    await_state(&worker, &next, |state| *state == RunState::Finished);
    worker.train(Order::Delete("../elsewhere".into()));
    assert!(await_event(&worker, problem).contains("not deleted"));
}

#[test]
fn a_loss_that_is_no_number_pauses_and_can_be_mended() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    worker.train(Order::Start(Config { learning_rate: 1e30, ..config() }.into()));
    let run = await_run(&worker).run;
    let paused = await_state(&worker, &run, |state| matches!(state, RunState::Paused(Some(_))));
    let RunState::Paused(Some(why)) = paused else { unreachable!() };
    assert!(why.contains("try a smaller learning rate"), "{why}");
    worker.train(Order::LearningRate(0.01));
    let info = await_run(&worker);
    assert_eq!(info.config.learning_rate, 0.01);
    worker.train(Order::Play);
    await_state(&worker, &run, |state| *state == RunState::Finished);
    let last = *RunFolder::summary(&runs.path().join(&*run)).unwrap().history.last().unwrap();
    assert!(last.loss.is_finite() && last.clean.unwrap().error() < 0.9, "{last:?}");
}

#[test]
fn runs_that_wait_outlive_the_program() {
    let runs = tempfile::tempdir().unwrap();
    let first = worker(runs.path());
    first.train(Order::Start(Config { epochs: 1000, ..config() }.into()));
    let long = await_run(&first).run;
    await_state(&first, &long, |state| *state == RunState::Running);
    let waiting = Config { seed: 77, epochs: 1, ..config() };
    first.train(Order::Start(waiting.clone().into()));
    let queued = await_run(&first);
    assert_eq!(queued.state, RunState::Queued);
    drop(first);

    let second = worker(runs.path());
    let listed = await_event(&second, |event| match event {
        TrainEvent::Runs(infos) => Some(infos),
        _ => None,
    });
    let found = listed.iter().find(|info| info.run == queued.run).expect("it is still there");
    assert_eq!((&found.state, &found.config), (&RunState::Stopped, &waiting));
    second.train(Order::Resume(queued.run.clone()));
    await_state(&second, &queued.run, |state| *state == RunState::Finished);
    // One that never began can be deleted, too.
    second.train(Order::Start(Config { epochs: 1000, ..config() }.into()));
    let in_hand = await_run(&second).run;
    await_state(&second, &in_hand, |state| *state == RunState::Running);
    second.train(Order::Start(waiting.into()));
    let never = await_run(&second);
    second.train(Order::Withdraw(never.run.clone()));
    let gone = await_event(&second, |event| match event {
        TrainEvent::Deleted(run) => Some(run),
        _ => None,
    });
    assert_eq!(gone, never.run);
    assert!(!runs.path().join(&*never.run).exists());
}

#[test]
fn the_nets_of_a_run_can_be_attacked_while_it_trains() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    worker.train(Order::Start(config().into()));
    let run = await_run(&worker).run;
    await_state(&worker, &run, |state| *state == RunState::Running);
    worker.train(Order::Offer(run.clone()));
    let now = await_event(&worker, |event| match event {
        TrainEvent::Offered { now, .. } => Some(now),
        _ => None,
    });
    assert_eq!(now, "run-0001:now");
    // "Now" changes with the training, and says so.
    let until = Instant::now() + Duration::from_secs(60);
    let mut changes = 0;
    while changes < 3 {
        if let Some(Event::NetChanged(name)) = worker.wait(until.saturating_duration_since(Instant::now())) {
            changes += usize::from(name == now);
        } else {
            assert!(Instant::now() < until, "only {changes} changes within a minute");
        }
    }
}

#[test]
fn a_disk_that_takes_nothing_pauses_the_run_and_loses_nothing() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    worker.train(Order::Start(Config { epochs: 20, ..config() }.into()));
    let run = await_run(&worker).run;
    await_state(&worker, &run, |state| *state == RunState::Running);
    // As a disk that was taken out: nothing can be written where the folder was.
    let folder = runs.path().join(&*run);
    let aside = runs.path().join("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let paused = await_state(&worker, &run, |state| matches!(state, RunState::Paused(Some(_))));
    let RunState::Paused(Some(why)) = paused else { unreachable!() };
    assert!(why.contains("cannot write the history") && why.contains("go on") && why.lines().count() <= 6, "{why}");
    // Nor can it be put down now.
    worker.train(Order::Stop);
    await_state(&worker, &run, |state| matches!(state, RunState::Paused(Some(_))));
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    worker.train(Order::Play);
    await_state(&worker, &run, |state| *state == RunState::Finished);
    assert_eq!(RunFolder::summary(&folder).unwrap().history.len(), 20);
}

#[test]
fn preparing_says_how_far_it_is_and_can_be_stopped() {
    let runs = tempfile::tempdir().unwrap();
    let worker = worker(runs.path());
    // A million digits take minutes to draw.
    worker.train(Order::Start(Config { data: "drawn:1000000".parse().unwrap(), ..config() }.into()));
    let run = await_run(&worker).run;
    let mut shares = Vec::new();
    while shares.len() < 3 {
        shares.push(await_event(&worker, |event| match event {
            TrainEvent::Preparing { run: of, share, left } if of == run => {
                assert!(left > Duration::ZERO);
                Some(share)
            }
            _ => None,
        }));
    }
    assert!(shares.is_sorted_by(|a, b| a < b) && shares[2] < 0.9, "{shares:?}");
    // What was ordered meanwhile is not lost.
    worker.train(Order::Start(config().into()));
    let stopped = Instant::now();
    worker.train(Order::Stop);
    let deleted = await_event(&worker, |event| match event {
        TrainEvent::Deleted(run) => Some(run),
        _ => None,
    });
    assert!(deleted == run && stopped.elapsed() < Duration::from_secs(5), "{deleted} in {:?}", stopped.elapsed());
    let next = await_run(&worker).run;
    await_state(&worker, &next, |state| *state == RunState::Finished);
    assert!(!runs.path().join(&*run).exists());
}
