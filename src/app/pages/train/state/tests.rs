//! The state of the page is tested against a trainer made of words.

use proptest::prelude::*;

use crate::app::pages::train::state::*;
use crate::app::undo::tests::{Undoable, check, operations};
use crate::app::undo::{CanStep, HistoryStep};
use crate::engine::train::{Adversary, EpochRecord, Measured, RunLabel};
use crate::worker::{DownloadEvent, RunInfo};

fn info(name: &str, state: RunState, config: &Config) -> RunInfo {
    let (run, folder, config, net) = (name.into(), name.into(), config.clone(), config.model.clone());
    RunInfo {
        run,
        state,
        folder,
        config,
        net,
        parameters: 10,
        pictures: 100,
        classes: 10,
        history: Vec::new(),
        label: RunLabel::default(),
        robustness: Vec::new(),
    }
}

fn queue(train: &mut Train, name: &str, config: &Config) {
    train.take(TrainEvent::Run(Box::new(info(name, RunState::Queued, config))));
}

fn epoch(train: &mut Train, record: EpochRecord) {
    train.take(TrainEvent::Epoch { run: "run-0001".into(), record });
}

fn record(epoch: usize, clean: usize, adversarial: usize) -> EpochRecord {
    let measured = |wrong| Some(Measured { n: 100, wrong, ..Measured::default() });
    EpochRecord { epoch, clean: measured(clean), adversarial: measured(adversarial), ..EpochRecord::default() }
}

fn state(train: &mut Train, name: &str, state: RunState) -> Option<TrainOutcome> {
    train.take(TrainEvent::State { run: name.into(), state })
}

/// Returns a page with one run in hand.
fn running() -> Train {
    let mut train = Train::new(draft::usual());
    train.take(TrainEvent::Runs(Vec::new()));
    assert!(matches!(train.obey(&TrainCommand::Start)[..], [Order::Start(_)]));
    queue(&mut train, "run-0001", &draft::usual());
    state(&mut train, "run-0001", RunState::Preparing);
    state(&mut train, "run-0001", RunState::Running);
    train
}

fn selected(train: &Train) -> &str {
    &train.selected().unwrap().info.run
}

#[test]
fn a_net_that_has_not_begun_to_learn_is_told_once() {
    let mut train = running();
    let idle = |epoch| EpochRecord { loss: 2.31, ..record(epoch, 90, 90) };
    let take = |train: &mut Train, record| train.take(TrainEvent::Epoch { run: "run-0001".into(), record });
    assert_eq!([idle(1), idle(2)].map(|record| take(&mut train, record)), [None, None]);
    let Some(TrainOutcome::Idle(told)) = take(&mut train, idle(3)) else { panic!("three epochs at chance") };
    assert!(told.starts_with("run-0001: the net has not begun to learn"), "{told}");
    assert_eq!(take(&mut train, idle(4)), None);
    assert!(train.in_hand().unwrap().info.not_begun().unwrap().contains("after 4 epochs"));
    take(&mut train, EpochRecord { loss: 1.0, ..record(5, 20, 40) });
    assert_eq!(train.in_hand().unwrap().info.not_begun(), None);
}

#[test]
fn a_run_that_met_damaged_pictures_begins_anew_without_them() {
    let mut train = running();
    assert!(train.obey(&TrainCommand::SkipDamaged).is_empty());
    let why = "3 of the 8 pictures cannot be read; get them again, or leave them out with --skip-damaged (in the window: \
               Skip damaged pictures):\n  a.png";
    let without = |order: &Order| matches!(order, Order::Start(config) if config.skip_damaged);
    state(&mut train, "run-0001", RunState::Paused(Some(why.into())));
    let orders = train.obey(&TrainCommand::SkipDamaged);
    assert!(matches!(&orders[..], [Order::Stop, Order::Delete(_), start] if without(start)), "{orders:?}");
    assert!(train.draft.skip_damaged);
    let told = state(&mut train, "run-0001", RunState::Failed(why.into()));
    assert!(matches!(&told, Some(TrainOutcome::Problem(told)) if !told.contains("a.png")), "{told:?}");
    epoch(&mut train, record(1, 5, 6));
    let orders = train.obey(&TrainCommand::SkipDamaged);
    assert!(matches!(&orders[..], [start] if without(start)), "a run with epochs stays: {orders:?}");
}

#[test]
fn a_run_that_begins_is_selected_and_its_settings_are_shown() {
    let mut train = running();
    assert_eq!(selected(&train), "run-0001");
    assert!(train.is_busy());
    let (panel, run) = train.shown_panel();
    assert_eq!((panel, &*run.unwrap().info.run), (SettingsOf::RunInHand, "run-0001"));
    state(&mut train, "run-0001", RunState::Finished);
    assert_eq!(train.shown_panel().0, SettingsOf::NextRun, "there is nothing in hand any more");
    assert!(!train.is_busy());
}

#[test]
fn the_next_of_the_queue_is_selected_only_if_the_run_in_hand_was() {
    let mut train = running();
    for name in ["run-0002", "run-0003"] {
        train.obey(&TrainCommand::Start);
        queue(&mut train, name, &draft::usual());
    }
    assert_eq!(train.queued().count(), 2);
    state(&mut train, "run-0001", RunState::Finished);
    state(&mut train, "run-0002", RunState::Preparing);
    assert_eq!(selected(&train), "run-0002");
    train.obey(&TrainCommand::Select("run-0001".into()));
    state(&mut train, "run-0002", RunState::Finished);
    state(&mut train, "run-0003", RunState::Preparing);
    assert_eq!(selected(&train), "run-0001", "who looks at another run is left alone");
}

#[test]
fn one_key_begins_pauses_and_goes_on() {
    let mut train = Train::new(draft::usual());
    assert!(matches!(train.obey(&TrainCommand::PlayPause)[..], [Order::Start(_)]));
    let mut train = running();
    assert!(matches!(train.obey(&TrainCommand::PlayPause)[..], [Order::Pause]));
    state(&mut train, "run-0001", RunState::Paused(None));
    assert!(matches!(train.obey(&TrainCommand::PlayPause)[..], [Order::Play]));
    let commands = [TrainCommand::OneStep, TrainCommand::OneEpoch, TrainCommand::Stop];
    let orders = |train: &mut Train| format!("{:?}", commands.each_ref().map(|command| train.obey(command)));
    assert_eq!(orders(&mut train), "[[OneStep], [OneEpoch], [Stop]]");
    state(&mut train, "run-0001", RunState::Stopped);
    assert_eq!(orders(&mut train), "[[], [], []]", "nothing is in hand");
}

#[test]
fn a_retuned_run_shows_what_is_asked_for_until_it_holds() {
    let mut train = running();
    let orders = train.obey(&TrainCommand::Retune { eps: 0.2, alpha: 0.3 });
    assert!(matches!(orders[..], [Order::Retune { eps: 0.2, alpha: 0.3 }]));
    let run = train.selected().unwrap();
    assert!(run.wish.is_some());
    assert_eq!((run.tuning(), run.info.config.eps), ((0.2, 0.3), 0.1), "the epoch goes on with the old values");
    epoch(&mut train, record(1, 5, 50));
    let run = train.selected().unwrap();
    assert!(run.wish.is_none());
    assert_eq!((run.info.config.eps, run.info.config.alpha), (0.2, 0.3), "and the next one has them");
    train.obey(&TrainCommand::Retune { eps: 0.3, alpha: 0.3 });
    train.obey(&TrainCommand::Retune { eps: 0.2, alpha: 0.3 });
    assert!(train.selected().unwrap().wish.is_none(), "back to what holds");
}

#[test]
fn a_loss_that_is_no_number_is_met_with_half_the_rate() {
    let mut train = running();
    let why = RunState::Paused(Some("the loss became NaN".into()));
    assert!(matches!(state(&mut train, "run-0001", why), Some(TrainOutcome::NeedsYou(text)) if text.contains("NaN")));
    assert!(!train.is_busy());
    let orders = train.obey(&TrainCommand::HalveRate);
    assert!(matches!(orders[..], [Order::LearningRate(rate), Order::Play] if rate == 0.05));
    assert_eq!(train.selected().unwrap().info.config.learning_rate, 0.05);
}

#[test]
fn the_epoch_that_is_kept_is_the_rule_s() {
    let mut train = running();
    for (at, clean, adversarial) in [(1, 9, 60), (2, 3, 40), (3, 2, 45)] {
        epoch(&mut train, record(at, clean, adversarial));
    }
    assert_eq!(train.selected().unwrap().kept().unwrap().epoch, 2);
    let Some(TrainOutcome::Done(text)) = state(&mut train, "run-0001", RunState::Finished) else {
        panic!("it says so")
    };
    assert!(text.contains("clean 3.0 % (n = 100), adversarial 40.0 %"), "{text}");
    train.runs[0].info.config.stopping.rule = crate::engine::train::Rule::Off;
    assert_eq!(train.selected().unwrap().kept().unwrap().epoch, 3);
    train.runs[0].info.history[2].clean = Some(Measured::default());
    assert_eq!(train.runs[0].errors()[0], None, "of no pictures");
}

#[test]
fn a_sweep_is_a_run_for_every_pair() {
    let mut train = Train::new(draft::usual());
    let orders = train.obey(&TrainCommand::Sweep { eps: vec![0.1, 0.2], alpha: vec![0.5, 1.0] });
    let pair = |order: &Order| match order {
        Order::Start(config) => (config.eps, config.alpha),
        other => panic!("{other:?}"),
    };
    let pairs: Vec<(f32, f32)> = orders.iter().map(pair).collect();
    assert_eq!(pairs, [(0.1, 0.5), (0.1, 1.0), (0.2, 0.5)]);
    assert_eq!(train.view, TrainView::Sweep);
    for (number, (eps, alpha)) in pairs.into_iter().enumerate() {
        queue(&mut train, &format!("run-{number:04}"), &Config { eps, alpha, ..draft::usual() });
    }
    queue(&mut train, "run-0009", &Config { seed: 9, ..draft::usual() });
    assert_eq!(train.siblings().len(), 3, "another seed is another sweep");
    assert_eq!(train.plotted().len(), 1);
    train.obey(&TrainCommand::Tick("run-0009".into(), true));
    assert_eq!(train.plotted().len(), 2);
}

#[test]
fn the_net_that_was_asked_for_is_attacked_once_it_is_offered() {
    let mut train = running();
    epoch(&mut train, record(1, 5, 50));
    let orders = train.obey(&TrainCommand::UseNet(NetMoment::Best));
    assert!(matches!(&orders[..], [Order::Offer(run)] if **run == *"run-0001"));
    let name = |moment: &str| format!("run-0001:{moment}");
    let [before, now, best] = ["before", "now", "best"].map(name);
    let offered = TrainEvent::Offered { run: "run-0001".into(), before, now, best };
    assert_eq!(train.take(offered.clone()), Some(TrainOutcome::Attack(name("best"))));
    assert_eq!(train.take(offered), None, "only once");
    let (run, moment) = train.net("run-0001:now").unwrap();
    assert_eq!((&*run.info.run, moment), ("run-0001", NetMoment::Now));
    assert_eq!(train.net_name(&run.info.run, moment.next()), Some("run-0001:best"));
    assert!(train.net("digits_cnn").is_none() && is_net_of_run("run-0001:now") && !is_net_of_run("digits_cnn"));
}

#[test]
fn runs_of_last_time_can_be_resumed_repeated_and_deleted() {
    let mut train = Train::new(draft::usual());
    let old = Config { epochs: 77, ..Config::default() };
    let mut finished = info("run-0002", RunState::Finished, &old);
    finished.history.push(record(1, 5, 50));
    train.take(TrainEvent::Runs(vec![info("run-0001", RunState::Stopped, &old), finished]));
    assert_eq!(selected(&train), "run-0002");
    assert!(train.obey(&TrainCommand::Resume).is_empty(), "it is finished");
    train.obey(&TrainCommand::NextRun);
    assert_eq!(selected(&train), "run-0001");
    train.obey(&TrainCommand::NextRun);
    assert_eq!(selected(&train), "run-0001", "the oldest");
    assert!(matches!(&train.obey(&TrainCommand::Resume)[..], [Order::Resume(run)] if **run == *"run-0001"));
    train.obey(&TrainCommand::Again);
    assert_eq!(train.draft, old);
    train.take(TrainEvent::Deleted("run-0001".into()));
    assert_eq!((train.runs.len(), selected(&train)), (1, "run-0002"));
    train.take(TrainEvent::Deleted("run-0002".into()));
    assert!(train.selected().is_none() && train.runs.is_empty());
}

#[test]
fn a_queued_run_can_be_taken_out() {
    let mut train = running();
    queue(&mut train, "run-0002", &draft::usual());
    assert!(train.obey(&TrainCommand::Withdraw).is_empty(), "the one in hand is selected");
    train.obey(&TrainCommand::PreviousRun);
    assert!(matches!(&train.obey(&TrainCommand::Withdraw)[..], [Order::Withdraw(run)] if **run == *"run-0002"));
}

#[test]
fn a_data_set_is_fetched_and_its_progress_told() {
    let mut train = Train::new(draft::usual());
    let orders = train.obey(&TrainCommand::FetchData(DataSource::Mnist));
    assert!(matches!(orders[..], [Order::Fetch(DataSource::Mnist)]));
    let download = |event| TrainEvent::Download(DataSource::Mnist, event);
    train.take(download(DownloadEvent::Progress { done: 3, of: 12 }));
    assert_eq!(train.fetching.as_ref().map(|fetching| (fetching.done, fetching.of)), Some((3, 12)));
    assert!(matches!(train.obey(&TrainCommand::StopFetching)[..], [Order::CancelFetch]));
    assert_eq!(train.take(download(DownloadEvent::Failed(None))), None, "who stopped it knows");
    assert!(train.fetching.is_none());
    let failed = download(DownloadEvent::Failed(Some("no network".into())));
    assert_eq!(train.take(failed), Some(TrainOutcome::Problem("no network".into())));
    assert_eq!(train.take(download(DownloadEvent::Done)), Some(TrainOutcome::Fetched(DataSource::Mnist)));
}

#[test]
fn weights_of_a_run_on_disk_are_asked_for_once() {
    let mut train = running();
    let ask = TrainCommand::ShowFirstLayer("run-0001".into());
    assert!(train.obey(&ask).is_empty(), "a run in hand shows them by itself");
    epoch(&mut train, record(1, 5, 50));
    state(&mut train, "run-0001", RunState::Stopped);
    assert!(train.selected().unwrap().lacks_sheet());
    assert!(matches!(&train.obey(&ask)[..], [Order::FirstLayer(run)] if **run == *"run-0001"));
    assert!(!train.selected().unwrap().lacks_sheet() && train.obey(&ask).is_empty(), "they are on their way");
    let sheet = crate::engine::picture::Rgba { width: 1, height: 1, bytes: vec![0; 4] };
    train.take(TrainEvent::FirstLayer { run: "run-0001".into(), sheet: sheet.into() });
    assert!(train.selected().unwrap().sheet.is_some());
}

impl Undoable for Train {
    type State = Config;

    fn state(&self) -> Config {
        self.draft.clone()
    }

    fn change(&mut self, to: u8) {
        let epochs = usize::from(to) + 1;
        match to % 3 {
            0 => self.set_draft(Config { epochs, ..self.draft.clone() }),
            1 => self.draft.eps = f32::from(to) / 100.0,
            _ => self.draft.model = format!("maxout:{epochs}x2"),
        }
    }

    fn note(&mut self, seconds: f64) {
        self.history.note(seconds, &self.draft);
    }

    fn step(&mut self, step: HistoryStep) {
        self.step_history(step);
    }

    fn can(&self) -> CanStep {
        self.can_step()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changes_of_the_settings_are_taken_back_and_done_again(operations in operations()) {
        check(&mut Train::new(draft::usual()), &operations)?;
    }
}

#[test]
fn runs_are_named_by_what_sets_them_apart() {
    let mut train = Train::new(draft::usual());
    let usual = draft::usual();
    let configs = [
        Config { eps: 0.1, alpha: 0.5, ..usual.clone() },
        Config { eps: 0.25, alpha: 0.5, adversary: Adversary::Pgd { steps: 7 }, ..usual.clone() },
        Config { alpha: 1.0, ..usual.clone() },
        Config { eps: 0.1, alpha: 0.5, seed: 3, ..usual.clone() },
        Config { eps: 0.1, adversary: Adversary::Pgd { steps: 10 }, trades: Some(6.0), ..usual.clone() },
    ];
    let named = |train: &Train| -> Vec<String> { train.runs.iter().map(|run| run.title.clone()).collect() };
    for (number, config) in (1..).zip(&configs) {
        queue(&mut train, &format!("run-{number:04}"), config);
    }
    let seeds = ["ε 0.1, α 0.5, FGSM, seed 0", "ε 0.1, α 0.5, FGSM, seed 3"];
    let others = ["ε 0.25, α 0.5, PGD-7", "clean", "ε 0.1, TRADES β 6, PGD-10"];
    assert_eq!(named(&train), [seeds[0], others[0], others[1], seeds[1], others[2]]);
    // Where nothing else does, their numbers tell them apart; what a person names keeps its name.
    queue(&mut train, "run-0006", &configs[2]);
    let label = RunLabel { name: "baseline".into(), ..RunLabel::default() };
    train.take(TrainEvent::Labelled { run: "run-0001".into(), label });
    let numbered = ["clean, run-0003", "ε 0.1, α 0.5, FGSM", others[2], "clean, run-0006"];
    assert_eq!(named(&train), ["baseline", others[0], numbered[0], numbered[1], numbered[2], numbered[3]]);
    // Without its neighbour a run has the shorter name.
    train.take(TrainEvent::Deleted("run-0006".into()));
    assert_eq!(named(&train)[2], "clean");
}
