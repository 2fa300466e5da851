//! The Train tab driven without a display, with the real trainer behind it.

use std::time::{Duration, Instant};

use crate::window::{Opening, Window};
use doppelganger::app::{App, Tab};
use doppelganger::engine::data::DataSource;
use doppelganger::engine::train::{Config, RunFolder, Schedule, Stopping};
use doppelganger::worker::{RunInfo, RunState, Source};
use egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use serde_json::json;

/// A net and data so small that an epoch takes a few hundredths of a second.
fn tiny() -> Config {
    Config {
        data: DataSource::Drawn { count: 600, seed: 0 },
        model: "maxout:8x2".into(),
        epochs: 3,
        batch: 50,
        validation: 100,
        pgd_pictures: 20,
        ..Config::default()
    }
}

/// So many epochs that it does not end by itself.
fn endless() -> Config {
    Config { epochs: 9000, ..tiny() }
}

/// Six steps in a part of its probe.
fn draft_of_a_probe() -> Config {
    Config { batch: 80, ..tiny() }
}

/// The note that the run which comes with the program was deleted.
const NOTE: &str = "run-0000.deleted";
const SIZE: Vec2 = vec2(1280.0, 900.0);

/// Returns a window on the Train page, with the run that comes with the program and without probes.
fn as_found(config: &Config) -> Opening {
    Opening::default().setting("tab", "train").setting("train", json!(config)).setting("probe", false).size(SIZE)
}

/// Opens sections of the settings.
#[track_caller]
fn unfold(window: &mut Window, sections: &[&str]) {
    sections.iter().for_each(|section| window.reach(&format!("Section {section}")));
}

/// Returns the same without that run.
fn without_runs(config: &Config) -> Opening {
    let opening = as_found(config);
    std::fs::create_dir_all(opening.folder().join("runs")).unwrap();
    std::fs::write(opening.folder().join("runs").join(NOTE), "").unwrap();
    opening
}

fn listed(mut window: Window) -> Window {
    window.until("the list of runs", |app| app.shell.train.is_listed);
    window
}

fn open(config: &Config) -> Window {
    listed(without_runs(config).open())
}

fn info<'a>(app: &'a App, run: &str) -> Option<&'a RunInfo> {
    app.shell.train.run(&run.into()).map(|run| &run.info)
}

fn until_state(window: &mut Window, run: &str, state: RunState) {
    window.until(&format!("{run} {state:?}"), |app| info(app, run).is_some_and(|info| info.state == state));
}

fn epochs(window: &Window, run: &str) -> usize {
    info(window.app(), run).map_or(0, |info| info.history.len())
}

#[test]
fn a_run_goes_from_one_press_to_its_end() {
    let mut window = open(&tiny());
    assert!(window.has("Train a net that withstands the attack"), "it says what to do first");
    window.check_accessibility();
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let run = info(window.app(), "run-0001").unwrap();
    assert_eq!((run.history.len(), run.config.clone()), (3, tiny()));
    assert!(run.parameters > 0 && run.pictures == 600);
    let kept = window.app().shell.train.selected().unwrap().kept().copied().unwrap();
    let wrong = kept.clean.unwrap().wrong;
    let row = window.get_by_label_contains("run-0001, finished");
    let label = row.accesskit_node().label().unwrap_or_default();
    assert!(label.contains("maxout:8x2") && label.contains("ε 0.25, α 0.5"), "{label}");
    assert!(label.contains(&format!("clean error {wrong}.0 % of 100")), "{label}: {wrong}");
    window.check_accessibility();
    assert!(window.folder().join("runs/run-0001/model.safetensors").is_file(), "the net is kept");
    assert!(window.notices().is_empty(), "{:?}", window.notices());
}

#[test]
fn a_run_is_paused_stepped_retuned_stopped_and_resumed() {
    let mut window = open(&endless());
    window.command(Key::Enter);
    window.until("an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    window.key(Key::Space);
    until_state(&mut window, "run-0001", RunState::Paused(None));
    let step = |window: &Window| window.app().shell.train.run(&"run-0001".into()).unwrap().progress.unwrap();
    let before = epochs(&window, "run-0001");
    window.reach("Epoch");
    window.until("the end of the epoch", |app| {
        let info = info(app, "run-0001").unwrap();
        info.history.len() > before && info.state == RunState::Paused(None)
    });
    let done = epochs(&window, "run-0001");
    window.key(Key::S);
    window.until("one step", |app| {
        app.shell.train.run(&"run-0001".into()).unwrap().progress.is_some_and(|progress| progress.step == 1)
    });
    until_state(&mut window, "run-0001", RunState::Paused(None));
    assert_eq!((step(&window).step, epochs(&window, "run-0001")), (1, done));

    // The epoch that has begun goes on with the old ε; the next one has the new.
    window.enter("ε as a number", "0.1");
    assert!(window.has_part("ε 0.1 and α 0.5 from the next epoch on"));
    window.enter("Learning rate as a number", "0.02");
    window.reach("Epoch");
    window.until("the epoch", |app| info(app, "run-0001").unwrap().history.len() > done);
    until_state(&mut window, "run-0001", RunState::Paused(None));
    window.reach("Epoch");
    window.until("the next epoch", |app| info(app, "run-0001").unwrap().history.len() > done + 1);
    let history = &info(window.app(), "run-0001").unwrap().history;
    assert_eq!([history[done].eps, history[done + 1].eps], [0.25, 0.1]);
    assert_eq!(info(window.app(), "run-0001").unwrap().config.learning_rate, 0.02);

    let asked = Instant::now();
    window.reach("Stop");
    until_state(&mut window, "run-0001", RunState::Stopped);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let kept = epochs(&window, "run-0001");
    window.reach("Resume");
    window.until("more epochs", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > kept + 1));
    window.reach("Stop");
    until_state(&mut window, "run-0001", RunState::Stopped);
}

#[test]
fn the_fresh_net_is_attacked_with_a_picture_that_it_reads() {
    let mut window = open(&tiny());
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    assert_eq!(window.app().shell.explore.view.picture, Source::Sample("coffee".into()));
    window.reach("Use in Explore");
    window.until("the attack on a digit in place of the photo", |app| {
        let is_attacked = app.shown().is_some_and(|shown| shown.view.model == "run-0001:now");
        is_attacked && app.shell.explore.view.picture == Source::Sample("digit-7".into())
    });
    assert_eq!(window.app().shell.settings.tab, Tab::Explore);
    assert!(window.has_part("after epoch 3; validation error: clean"));
    window.check_accessibility();
    window.reach("Net: Before");
    window.until_shown("the net before", |shown| shown.view.model == "run-0001:before");
    assert!(window.has("random weights"));
    window.key(Key::N);
    window.key(Key::N);
    window.until_shown("the best net", |shown| shown.view.model == "run-0001:best");
    // What is kept for the next start is a net that is there then.
    window.close();
    let kept = std::fs::read_to_string(window.settings_file()).unwrap();
    assert!(kept.contains("\"model\": \"digits_maxout\"") || kept.contains("\"model\":\"digits_maxout\""), "{kept}");
}

#[test]
fn the_picture_follows_the_net_in_training() {
    let mut window = open(&endless());
    window.reach("Train");
    window.until("an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    window.key(Key::U);
    window.until_shown("the attack", |shown| shown.view.model == "run-0001:now");
    assert!(window.has_part("in training"));
    let first = window.app().shown().unwrap().original_rgba.clone();
    let prob = |app: &App| app.shown().unwrap().clean_top[0].prob;
    let before = prob(window.app());
    window.until("another answer", |app| prob(app) != before);
    assert_eq!(window.app().shown().unwrap().original_rgba.bytes, first.bytes, "of the same picture");
    assert_eq!(window.app().shell.settings.tab, Tab::Explore);
    assert!(window.app().shell.train.is_busy(), "training goes on");
}

#[test]
fn what_cannot_be_taken_is_told_once_and_the_old_value_stays() {
    let mut window = open(&tiny());
    unfold(&mut window, &["Data", "Net", "Learning", "More", "Early stopping", "Validation"]);
    for switch in ["Max-norm", "First weights", "Patience", "Momentum changes", "Dropout"] {
        window.reach(switch);
    }
    let fields = [
        ("Pictures as a number", "9", "10 to 1000000"),
        ("Drawing seed", "-1", "whole number"),
        ("Hidden layers as a number", "99", "1 to 8"),
        ("Units as a number", "0", "1 to 8192"),
        ("Pieces as a number", "x", "1 to 64"),
        ("Kept pixels as a number", "2", "above 0, up to 1"),
        ("Kept units as a number", "0", "above 0, up to 1"),
        ("As text", "maxout:5", "maxout:240x5"),
        ("ε as a number", "0.7", "slider ends at 0.5"),
        ("α as a number", "1.5", "from 0 to 1"),
        ("Epochs as a number", "0", "1 to 10000"),
        ("Learning rate as a number", "NaN", "above 0"),
        ("Batch as a number", "1.5", "whole number"),
        ("Seed", "seven", "whole number"),
        ("Momentum", "1", "below 1"),
        ("to", "often", "below 1"),
        ("over epochs", "0", "1 to 10000"),
        ("Weight decay", "-1", "at least 0"),
        ("Max-norm as a number", "0", "above 0"),
        ("First weights as a number", "inf", "above 0"),
        ("Label smoothing", "1", "below 1"),
        ("Shift", "65", "0 to 64"),
        ("Patience as a number", "0", "1 to 10000"),
        ("Held out", "600", "1 to 599"),
        ("PGD pictures", "all", "whole number"),
    ];
    let draft = window.app().shell.train.draft.clone();
    for (field, bad, expected) in fields {
        let old = window.value(field);
        window.enter(field, bad);
        assert_eq!(window.query_all_by_label_contains(expected).count(), 1, "{field}: {bad:?} and {expected:?}");
        assert_eq!(window.app().shell.train.draft, draft, "{field}");
        assert!(window.get_by_label("Train").accesskit_node().is_disabled(), "{field} has to be mended first");
        assert_eq!(window.value(field), bad, "what was typed is not lost");
        window.field(field).focus();
        window.step();
        window.key(Key::Escape);
        assert_eq!(window.value(field), old, "{field} after Escape");
        assert!(!window.has_part("Mend what is marked"), "{field} after Escape");
    }
}

#[test]
fn settings_change_what_is_trained() {
    let mut window = open(&tiny());
    unfold(&mut window, &["Data", "Net", "Learning"]);
    window.enter("Units as a number", "12");
    window.enter("Pieces as a number", "3");
    window.enter("α as a number", "1");
    window.enter("Epochs as a number", "1");
    window.enter("ε as a number", "8/255");
    let draft = &window.app().shell.train.draft;
    assert_eq!((draft.model.as_str(), draft.alpha, draft.epochs), ("maxout:12x3", 1.0, 1));
    // Settings that do not go together are told before a run is begun.
    window.enter("Pictures as a number", "50");
    assert!(window.has_part("fewer than the 50 pictures"));
    assert!(window.get_by_label("Train").accesskit_node().is_disabled());
    window.enter("Pictures as a number", "600");
    let draft = &window.app().shell.train.draft;
    assert_eq!(draft.eps, 8.0 / 255.0);
    let parameters = 785 * 36 + 130;
    let text = format!("{}\u{202F}{:03} parameters", parameters / 1000, parameters % 1000);
    window.until_label(&text);
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    assert_eq!(info(window.app(), "run-0001").unwrap().parameters, parameters);
}

#[test]
fn a_sweep_waits_in_the_queue_and_is_compared() {
    let mut window = open(&Config { epochs: 1, ..tiny() });
    window.reach("Sweep…");
    window.check_accessibility();
    window.enter("Values of ε", "0.1, oops");
    assert!(window.has_part("oops") && window.app().shell.train.runs.is_empty());
    window.focus("Values of α");
    window.command(Key::A);
    window.type_text("Values of α", "0.5, 1");
    window.enter("Values of ε", "0.1, 0.2");
    // With α = 1 ε has no part, so such a run comes once.
    window.until("three runs", |app| {
        app.shell.train.runs.len() == 3 && app.shell.train.runs.iter().all(|run| run.info.state == RunState::Finished)
    });
    let pairs: Vec<(f32, f32)> =
        window.app().shell.train.runs.iter().map(|run| (run.info.config.eps, run.info.config.alpha)).collect();
    assert_eq!(pairs, [(0.1, 0.5), (0.1, 1.0), (0.2, 0.5)]);
    assert_eq!(window.app().shell.train.siblings().len(), 3);
    window.check_accessibility();
    window.reach("Compare at: one ε for all");
    assert!(window.has_part("3 runs to measure"));
    window.reach("Measure at this ε");
    window.until("what all runs withstand", |app| {
        app.shell.train.measuring.is_none()
            && app.shell.train.runs.iter().all(|run| run.info.robustness.iter().any(|kept| kept.n == 120))
    });
    window.run();
    assert!(window.has_part("n = 120 test pictures, seed 0"));
    window.check_accessibility();
    let measured =
        |app: &App| -> Vec<usize> { app.shell.train.runs.iter().map(|run| run.info.robustness[0].wrong).collect() };
    let before = measured(window.app());
    let mut window = listed(window.reopen());
    assert_eq!(measured(window.app()), before, "it comes back");
    window.key(Key::Num3);
    assert!(window.has_part("n = 120 test pictures, seed 0"), "so does the choice");
    window.key(Key::Num1);
    window.reach("Overlay run-0001");
    assert_eq!(window.app().shell.train.plotted().len(), 2);
}

#[test]
fn runs_stand_in_groups_that_close() {
    let mut window = open(&Config { epochs: 1, ..tiny() });
    window.reach("Sweep…");
    window.focus("Values of α");
    window.command(Key::A);
    window.type_text("Values of α", "0.4, 0.5");
    window.enter("Values of ε", "0.1, 0.2");
    until_state(&mut window, "run-0004", RunState::Finished);
    window.run_steps(4);
    assert!(!window.has_part(", 4 runs"));
    window.reach("Groups of runs");
    window.reach("Nets");
    assert!(window.has("maxout:8x2, 4 runs") && window.has("Overlay run-0004"));
    window.check_accessibility();
    window.reach("maxout:8x2, 4 runs");
    assert!(!window.has("Overlay run-0004"), "a closed group shows no runs");
    window.reach("maxout:8x2, 4 runs");
    assert!(window.has("Overlay run-0004"));
}

#[test]
fn a_closed_window_loses_nothing() {
    let mut window = open(&endless());
    window.reach("Train");
    window.until("an epoch", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > 1));
    let seen = epochs(&window, "run-0001");
    let mut window = listed(window.reopen());
    assert_eq!(window.app().shell.settings.tab, Tab::Train);
    let run = info(window.app(), "run-0001").expect("it is there");
    assert_eq!(run.state, RunState::Stopped);
    let kept = run.history.len();
    assert!(kept >= seen, "{kept} epochs of {seen}");
    window.reach("Resume");
    window.until("more epochs", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > kept));
    let history = &info(window.app(), "run-0001").unwrap().history;
    assert!(history.iter().enumerate().all(|(at, record)| record.epoch == at + 1), "no epoch is lost or done twice");
    window.reach("Stop");
    until_state(&mut window, "run-0001", RunState::Stopped);
    window.reach("More about this run");
    window.reach("Delete…");
    assert!(window.has("Delete run-0001?"), "it asks first");
    window.reach("Delete");
    window.until("no run", |app| app.shell.train.runs.is_empty());
    assert!(!window.folder().join("runs/run-0001").exists());
}

#[test]
fn a_change_of_tab_loses_nothing() {
    let mut window = open(&endless());
    unfold(&mut window, &["Learning"]);
    window.enter("Seed", "7");
    window.reach("Train");
    window.until("an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    window.command(Key::Num1);
    assert!(window.has("Epsilon") && window.app().shell.settings.tab == Tab::Explore);
    assert!(window.has_part("run-0001 is training"), "the tab shows it");
    let seen = epochs(&window, "run-0001");
    window.until("more epochs", |app| info(app, "run-0001").unwrap().history.len() > seen);
    window.reach("Tab: Train");
    assert_eq!((window.app().shell.settings.tab, window.app().shell.train.draft.seed), (Tab::Train, 7));
}

#[test]
fn a_loss_that_is_no_number_pauses_with_a_way_out() {
    let mut window = open(&Config { learning_rate: 1e8, ..endless() });
    window.reach("Train");
    let rate = |app: &App| info(app, "run-0001").map(|info| info.config.learning_rate);
    window.until("the pause", |app| {
        info(app, "run-0001").is_some_and(|info| matches!(info.state, RunState::Paused(Some(_))))
    });
    assert!(window.mentions("try a smaller learning rate"));
    window.reach("Halve the learning rate and go on");
    window.until("half the rate", |app| rate(app) == Some(5e7));
    window.enter("Learning rate as a number", "0.01");
    // The message has a "Stop" of its own, below the bar's, for as long as it stands.
    window.get_all_by_label("Stop").next().unwrap().click();
    until_state(&mut window, "run-0001", RunState::Stopped);
    let kept = RunFolder::summary(&window.folder().join("runs/run-0001")).unwrap();
    assert_eq!(kept.config.learning_rate, 0.01);
}

#[test]
fn curves_of_a_run_are_exported_as_a_figure() {
    let mut window = open(&tiny());
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let svg = window.folder().join("curves.svg");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_label("Export a figure");
    window.retype("Path:", svg.to_str().unwrap());
    window.click("Save");
    window.until_notice("Saved.");
    let text = std::fs::read_to_string(&svg).unwrap();
    for part in ["\nValidation error (%)\n", "\nEpoch\n", "\nclean\n", "seed 0"] {
        assert!(text.contains(part), "{part} is missing");
    }
    let caption = std::fs::read_to_string(svg.with_extension("caption.tex")).unwrap();
    assert!(caption.contains("doppelganger train -{}-data"), "{caption}");
}

#[test]
fn what_a_run_measured_is_saved() {
    let mut window = open(&tiny());
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let csv = window.folder().join("history.csv");
    window.command(Key::S);
    window.enter("Path:", csv.to_str().unwrap());
    window.until_notice("Saved.");
    let table = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(table, std::fs::read_to_string(window.folder().join("runs/run-0001/history.csv")).unwrap());
    assert_eq!(table.lines().count(), 4);
    window.reach("More about this run");
    window.reach("Settings as JSON…");
    let json = window.folder().join("settings-of-run");
    window.enter("Path:", json.to_str().unwrap());
    let written = json.with_extension("json");
    window.until("the settings", |_| written.is_file());
    let config: Config = serde_json::from_slice(&std::fs::read(&written).unwrap()).unwrap();
    assert_eq!(config, tiny());
}

#[test]
fn the_command_line_of_a_run_is_copied() {
    let config = Config { stopping: Stopping { patience: Some(4), ..Stopping::default() }, ..tiny() };
    let mut window = open(&config);
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    let notice = window.notices()[0].to_owned();
    assert!(notice.contains("doppelganger train --data drawn:600 --model maxout:8x2 --epochs 3"), "{notice}");
    assert!(notice.contains("--patience 4"), "{notice}");
}

#[test]
fn changes_of_the_settings_are_taken_back_and_done_again() {
    let mut window = open(&tiny());
    let before = window.app().shell.train.draft.clone();
    unfold(&mut window, &["Learning"]);
    window.enter("Epochs as a number", "7");
    assert_eq!(window.app().shell.train.draft.epochs, 7);
    window.command(Key::Z);
    assert_eq!(window.app().shell.train.draft, before);
    window.reach("Menu");
    window.reach("Redo");
    assert_eq!(window.app().shell.train.draft.epochs, 7);
}

#[test]
fn knobs_are_turned_and_a_probe_follows() {
    let mut window = listed(without_runs(&draft_of_a_probe()).setting("probe", true).open());
    let eps = |window: &Window| window.app().shell.train.draft.eps;
    let probed = |app: &App, eps: f32| {
        let probing = &app.shell.train.probing;
        let found = probing.found.as_ref();
        let record = found.and_then(|found| found.record).filter(|record| record.eps == eps);
        record.is_some_and(|record| record.clean.is_some_and(|clean| clean.n == 120)) && probing.is_current()
    };
    window.until("the first errors", |app| probed(app, 0.25));
    let found = window.app().shell.train.probing.found.as_ref().unwrap();
    assert_eq!((found.training_pictures, found.config.model.as_str()), (480, "maxout:8x2"));
    assert!(window.has_part("of 300 steps on 480 pictures; FGSM at ε 0.25, n = 120, seed 0"));
    assert_eq!(found.example.as_ref().unwrap().eps, 0.25);

    // A drag to the left turns it down, in steps that the grid does not swallow; keys and a double click move it too.
    let knob = window.get_by_label("Training ε").rect().center();
    window.drag(&[knob, knob - vec2(20.0, 0.0), knob - vec2(40.0, 0.0)]);
    let turned = eps(&window);
    assert!((0.05..0.2).contains(&turned), "{turned}");
    window.until("errors at the new ε", |app| probed(app, turned));
    window.key(Key::ArrowUp);
    assert!((eps(&window) - turned - 1.0 / 255.0).abs() < 1e-4);
    let alpha = window.get_by_label("Training α").rect().center();
    window.drag(&[alpha, alpha + vec2(0.0, 30.0)]);
    assert!((window.app().shell.train.draft.alpha - 0.33).abs() < 0.02, "{}", window.app().shell.train.draft.alpha);

    // Another picture, and none.
    let picture = |app: &App| app.shell.train.probing.found.as_ref().map(|found| found.wish.picture);
    window.key(Key::X);
    window.until("another picture", |app| picture(app) == Some(1));
    window.click("Probe as you tune");
    assert!(!window.has_part("FGSM at ε"));
    window.check_accessibility();
}

#[test]
fn a_run_is_renamed_in_its_row_and_keeps_its_note() {
    let mut window = open(&Config { epochs: 1, ..tiny() });
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let label = |window: &Window| info(window.app(), "run-0001").unwrap().label.clone();
    assert!(window.mentions("ε 0.25, α 0.5, FGSM"));
    let row = window.get_by_label_contains("run-0001, finished").rect().left_center() + vec2(60.0, 0.0);
    for _ in 0..2 {
        window.drag(&[row]);
    }
    window.until_label("New name of the run");
    window.retype("New name of the run", "baseline");
    window.key(Key::Enter);
    window.until("the name", |app| info(app, "run-0001").unwrap().label.name == "baseline");

    window.key(Key::F2);
    window.until_label("Note of the run");
    window.retype("Tags of the run", "paper, figure 2");
    window.click("Keep");
    window.until("the tags", |app| info(app, "run-0001").unwrap().label.tags == ["paper", "figure 2"]);
    assert_eq!(label(&window).name, "baseline");
    // It is there after another start.
    let window = listed(window.reopen());
    assert_eq!((label(&window).name.as_str(), label(&window).tags.len()), ("baseline", 2));
}

#[test]
fn the_help_lists_the_keys_of_both_tabs() {
    let mut window = open(&tiny());
    window.key(Key::F1);
    for keys in ["Ctrl+2", "Ctrl+Enter", "Space", "Ctrl+O", "hold Space"] {
        assert!(window.query_all_by_label(keys).count() >= 1, "the help does not say {keys:?}");
    }
    window.key(Key::S);
    assert!(window.app().shell.train.runs.is_empty());
    window.check_accessibility();
}

#[test]
fn a_data_set_that_is_missing_is_told_and_a_folder_can_be_named() {
    let missing = DataSource::Folder("/no/such/folder".into());
    let mut window = open(&Config { data: missing, validation: 20, ..tiny() });
    window.until_part("same packed as .tar, .tar.gz, .tar.xz or .zip");
    unfold(&mut window, &["Data"]);
    window.reach("Train");
    window.until("the failure", |app| {
        info(app, "run-0001").is_some_and(|info| matches!(info.state, RunState::Failed(_)))
    });
    assert!(window.notices()[0].contains("/no/such/folder"));
    // Class folders, each with a few pictures.
    let pictures = window.folder().join("pictures");
    for (class, grey) in [("dark", 20_u8), ("light", 220)] {
        std::fs::create_dir_all(pictures.join(class)).unwrap();
        for number in 0..40_u8 {
            let picture = image::GrayImage::from_pixel(12, 12, image::Luma([grey.saturating_add(number / 2)]));
            picture.save(pictures.join(class).join(format!("{number}.png"))).unwrap();
        }
    }
    window.enter("Path", pictures.to_str().unwrap());
    assert_eq!(window.app().shell.train.draft.data, DataSource::Folder(pictures));
    window.reach("Train");
    until_state(&mut window, "run-0002", RunState::Finished);
    assert_eq!(info(window.app(), "run-0002").unwrap().pictures, 80);
    // The same, packed.
    let archive = window.folder().join("pictures.tar");
    let mut packed = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    packed.append_dir_all("pictures", window.folder().join("pictures")).unwrap();
    packed.into_inner().unwrap();
    window.reach("Choose…");
    assert!(window.has("Archive…"));
    window.enter("Path:", archive.to_str().unwrap());
    window.until("the archive", |app| app.shell.train.draft.data == DataSource::Folder(archive.clone()));
    window.reach("Train");
    until_state(&mut window, "run-0003", RunState::Finished);
    assert_eq!(info(window.app(), "run-0003").unwrap().pictures, 80);
}

#[test]
fn the_look_of_the_plots_and_the_weights_of_runs_are_there_after_another_start() {
    let mut window = open(&tiny());
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    window.reach("Axis: log");
    window.reach("Line: PGD-10");
    let mut window = listed(window.reopen());
    window.run_steps(3);
    let is_on = |name: &str| window.get_by_label(name).accesskit_node().toggled();
    use egui::accesskit::Toggled;
    assert_eq!([is_on("Axis: log"), is_on("Line: PGD-10")], [Some(Toggled::True), Some(Toggled::False)]);
    window.reach("View: First layer");
    window.until("the weights", |app| app.shell.train.selected().is_some_and(|run| run.sheet.is_some()));
    assert!(window.has("Weights of the first layer"));
}

#[test]
fn another_learning_rate_is_marked_in_the_plot() {
    let mut window = open(&endless());
    window.reach("Train");
    window.until("an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    window.enter("Learning rate as a number", "0.02");
    let done = epochs(&window, "run-0001");
    window.until("two more epochs", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > done + 2));
    window.key(Key::Space);
    assert!(window.has_part("; rate 0.02"), "no mark");
}

#[test]
fn frames_stay_short_while_a_run_is_trained() {
    let usual =
        Config { data: DataSource::Drawn { count: 4000, seed: 0 }, model: "maxout:240x2,240x2".into(), ..endless() };
    let mut window = open(&usual);
    window.reach("Train");
    window.until("an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    let mut frames: Vec<Duration> = (0..150)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(8));
            let start = Instant::now();
            window.step();
            start.elapsed()
        })
        .collect();
    frames.sort();
    let (median, worst) = (frames[75], frames[149]);
    println!("frame while training: median {median:?}, 95 % {:?}, worst {worst:?}", frames[142]);
    assert!(median < Duration::from_millis(33), "half of the frames take longer than {median:?}");
}

#[test]
fn a_small_window_has_room_for_everything_in_turn() {
    let mut window = listed(without_runs(&tiny()).size(vec2(800.0, 600.0)).open());
    window.reach("Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    for view in ["Curves", "Weights", "Sweep", "Runs"] {
        window.reach(&format!("View: {view}"));
        window.check_accessibility();
        let is_listed = window.has_part("run-0001, finished; maxout");
        assert_eq!(is_listed, view == "Runs", "{view}");
    }
    window.command(Key::L);
    window.check_accessibility();
    for button in ["Train", "Sweep…", "Pause", "Stop", "View: Runs", "Use in Explore", "Menu"] {
        let right = window.get_by_label(button).rect().right() * window.ctx.zoom_factor();
        assert!(right <= 800.0, "{button} ends at {right}");
    }
}

#[test]
fn a_finished_run_comes_with_the_program_and_can_be_deleted_for_good() {
    let mut window = listed(as_found(&tiny()).open());
    let run = info(window.app(), "run-0000").expect("it is there at the first start").clone();
    assert!(run.is_shipped() && run.state == RunState::Finished && run.history.len() > 5);
    assert_eq!(run.config.data, DataSource::Mnist);
    assert!(window.app().shell.train.selected().is_some_and(|run| run.info.is_shipped()), "its curves are on screen");
    window.get_by_label_contains("shipped");
    // It can be attacked, and its first layer is there.
    window.key(Key::U);
    window.until("its net in Explore", |app| {
        app.shell.settings.tab == Tab::Explore && app.shown().is_some_and(|shown| shown.view.model == "run-0000:now")
    });
    window.command(Key::Num2);
    window.key(Key::Num2);
    window.until("its first layer", |app| app.shell.train.selected().is_some_and(|run| run.sheet.is_some()));
    window.key(Key::Num1);
    window.command(Key::R);
    window.until("why it cannot go on", |app| {
        app.notice_texts().iter().any(|text| text.contains("run-0000 came with the program"))
    });
    // Nothing of it was written.
    assert!(!window.folder().join("runs").exists());
    window.key(Key::Delete);
    window.get_by_label("It came with the program, and will not be shown again.");
    window.click("Delete");
    window.until("no run", |app| app.shell.train.runs.is_empty());
    assert!(window.folder().join("runs").join(NOTE).exists());
    let window = listed(window.reopen());
    assert!(window.app().shell.train.runs.is_empty(), "it stays deleted");
}

#[test]
fn the_talk_shows_the_run_at_hand_and_trains_one_beside_it() {
    let mut window = listed(as_found(&tiny()).open());
    window.command(Key::E);
    while !window.has("Train on it") {
        window.key(Key::PageDown);
    }
    window.run_steps(2);
    window.get_by_label_contains("run-0000 after 15 epochs: clean 0.8 %, FGSM 6.6 %, PGD 8.8 %");
    window.click("Train one now");
    window.until("a run in hand", |app| app.shell.train.in_hand().is_some());
    assert_eq!(info(window.app(), "run-0001").map(|info| &info.config), Some(&doppelganger::app::usual_run()));
    assert_eq!(window.app().shell.train.draft, tiny(), "the settings of the next run are the person's own");
    assert_eq!(window.app().shell.settings.tab, Tab::Explore);
    assert!(window.query_all_by_label_contains("run-0001 is").count() > 1, "in the top bar and under the curves");
}

#[test]
fn damaged_pictures_are_listed_at_once_and_skipped_by_a_button() {
    let opening = without_runs(&tiny());
    let pictures = opening.folder().join("pictures");
    for (class, grey) in [("dark", 20_u8), ("light", 220)] {
        std::fs::create_dir_all(pictures.join(class)).unwrap();
        for number in 0..40_u8 {
            let path = pictures.join(class).join(format!("{number}.png"));
            let picture = image::GrayImage::from_pixel(12, 12, image::Luma([grey.saturating_add(number / 2)]));
            picture.save(&path).unwrap();
            if number % 13 == 5 {
                std::fs::write(path, "damaged").unwrap();
            }
        }
    }
    let draft = Config { data: DataSource::Folder(pictures), validation: 20, ..tiny() };
    let mut window = listed(opening.setting("train", json!(draft)).open());
    window.reach("Train");
    window
        .until("the damage", |app| info(app, "run-0001").is_some_and(|info| matches!(info.state, RunState::Paused(_))));
    // Numbers 5, 18 and 31 of each class.
    for part in ["6 of the 80 pictures cannot be read", "18.png", "31.png"] {
        assert!(window.has_part(part), "{part}");
    }
    window.click("Skip them and begin anew");
    until_state(&mut window, "run-0002", RunState::Finished);
    assert_eq!(info(window.app(), "run-0002").unwrap().pictures, 74);
    assert!(info(window.app(), "run-0001").is_none(), "a run without an epoch leaves nothing");
    assert!(window.app().shell.train.draft.skip_damaged);
    window.check_accessibility();
}

#[test]
fn a_net_that_does_not_begin_to_learn_is_told_at_its_run() {
    let idle = Config {
        data: DataSource::Drawn { count: 900, seed: 0 },
        model: "cnn:8,16,64".into(),
        eps: 0.3,
        alpha: 0.0,
        learning_rate: 0.1,
        schedule: Schedule::Constant,
        epochs: 4,
        validation: 150,
        ..tiny()
    };
    let mut window = open(&idle);
    window.reach("Train");
    window.until_part("run-0001: the net has not begun to learn: after 3 epochs");
    assert!(window.has_part("alone or together: α of about 0.5"));
    until_state(&mut window, "run-0001", RunState::Finished);
    assert!(window.has_part("after 4 epochs"));
    window.check_accessibility();
}
