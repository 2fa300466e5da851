//! The Train tab driven without a display, with the real trainer behind it.

use std::path::Path;
use std::time::{Duration, Instant};

use doppelganger::app::{App, Start, Tab};
use doppelganger::engine::data::DataSource;
use doppelganger::engine::train::{Config, RunFolder, Stopping};
use doppelganger::worker::{RunInfo, RunState, Source};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};

type Window<'a> = Harness<'a, Option<App>>;

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

/// Opens a window on the Train tab whose settings and runs live in `folder`, without the run that comes with the program.
fn open(folder: &Path, config: &Config) -> Window<'static> {
    open_sized(folder, config, vec2(1280.0, 900.0))
}

fn open_sized(folder: &Path, config: &Config, size: Vec2) -> Window<'static> {
    std::fs::create_dir_all(folder.join("runs")).unwrap();
    std::fs::write(folder.join("runs").join(NOTE), "").unwrap();
    open_as_found(folder, config, size)
}

/// The note that the run which comes with the program was deleted.
const NOTE: &str = "run-0000.deleted";

/// The same with what lies in the folder of the runs.
fn open_as_found(folder: &Path, config: &Config, size: Vec2) -> Window<'static> {
    let settings = folder.join("settings.json");
    if !settings.exists() {
        let json = serde_json::json!({ "tab": "train", "train": config });
        std::fs::write(&settings, json.to_string()).unwrap();
    }
    let runs = folder.join("runs");
    let mut window = Harness::builder().with_size(size).build_ui_state(
        move |ui, app: &mut Option<App>| match app {
            Some(app) => {
                app.tick(&ui.ctx().clone());
                app.draw(ui);
            }
            None => {
                let (settings, runs) = (Some(settings.clone()), runs.clone());
                *app = Some(App::with_folders(ui.ctx(), Start::default(), settings, runs).expect("a window"));
                ui.ctx().request_repaint();
            }
        },
        None,
    );
    until(&mut window, "the list of runs", |app| app.train().is_listed);
    window
}

fn app<'a>(window: &'a Window<'_>) -> &'a App {
    window.state().as_ref().expect("built on the first frame")
}

/// Draws frames until something is so; fails after a minute.
fn until(window: &mut Window<'_>, what: &str, holds: impl Fn(&App) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if window.state().as_ref().is_some_and(&holds) {
            window.run_steps(2);
            return;
        }
        let notices = window.state().as_ref().map(|app| app.notice_texts().join("; ")).unwrap_or_default();
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}; notices: {notices:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn info<'a>(app: &'a App, run: &str) -> Option<&'a RunInfo> {
    app.train().run(&run.into()).map(|run| &run.info)
}

fn until_state(window: &mut Window<'_>, run: &str, state: RunState) {
    until(window, &format!("{run} {state:?}"), |app| info(app, run).is_some_and(|info| info.state == state));
}

fn epochs(window: &Window<'_>, run: &str) -> usize {
    info(app(window), run).map_or(0, |info| info.history.len())
}

fn press(window: &mut Window<'_>, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.step();
}

fn click(window: &mut Window<'_>, name: &str) {
    window.get_by_label(name).scroll_to_me();
    window.run_steps(6);
    // Move, press and release come in a frame each; what they open is drawn after that.
    window.get_by_label(name).click();
    window.run_steps(5);
}

/// A text field: its name also stands before it.
fn field<'a>(window: &'a Window<'_>, name: &'a str) -> Node<'a> {
    window.get_by_role_and_label(Role::TextInput, name)
}

/// Replaces what stands in a text field and leaves it with Enter.
fn retype(window: &mut Window<'_>, field: &str, text: &str) {
    self::field(window, field).focus();
    window.step();
    press(window, Modifiers::COMMAND, Key::A);
    self::field(window, field).type_text(text);
    window.step();
    press(window, Modifiers::NONE, Key::Enter);
    window.run_steps(2);
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_run_goes_from_one_press_to_its_end() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    assert!(window.query_by_label("Train a net that withstands the attack").is_some(), "it says what to do first");
    window.check_accessibility();
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let run = info(app(&window), "run-0001").unwrap();
    assert_eq!((run.history.len(), run.config.clone()), (3, tiny()));
    assert!(run.parameters > 0 && run.pictures == 600);
    let kept = app(&window).train().selected().unwrap().kept().copied().unwrap();
    let wrong = kept.clean.unwrap().wrong;
    let row = window.get_by_label_contains("run-0001, finished");
    let label = row.accesskit_node().label().unwrap_or_default();
    assert!(label.contains("maxout:8x2") && label.contains("ε 0.25, α 0.5"), "{label}");
    assert!(label.contains(&format!("clean error {wrong}.0 % of 100")), "{label}: {wrong}");
    window.check_accessibility();
    assert!(folder.path().join("runs/run-0001/model.safetensors").is_file(), "the net is kept");
    assert!(app(&window).notice_texts().is_empty(), "{:?}", app(&window).notice_texts());
}

#[test]
fn a_run_is_paused_stepped_retuned_stopped_and_resumed() {
    let folder = folder();
    let mut window = open(folder.path(), &endless());
    press(&mut window, Modifiers::COMMAND, Key::Enter);
    until(&mut window, "an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    press(&mut window, Modifiers::NONE, Key::Space);
    until_state(&mut window, "run-0001", RunState::Paused(None));
    let step = |window: &Window<'_>| app(window).train().run(&"run-0001".into()).unwrap().progress.unwrap();
    click(&mut window, "Epoch");
    let before = epochs(&window, "run-0001");
    until(&mut window, "the end of the epoch", |app| {
        let info = info(app, "run-0001").unwrap();
        info.history.len() > before && info.state == RunState::Paused(None)
    });
    let done = epochs(&window, "run-0001");
    press(&mut window, Modifiers::NONE, Key::S);
    until(&mut window, "one step", |app| {
        app.train().run(&"run-0001".into()).unwrap().progress.is_some_and(|progress| progress.step == 1)
    });
    until_state(&mut window, "run-0001", RunState::Paused(None));
    assert_eq!((step(&window).step, epochs(&window, "run-0001")), (1, done));

    // The epoch that has begun goes on with the old ε; the next one has the new.
    retype(&mut window, "ε as a number", "0.1");
    assert!(window.query_by_label_contains("ε 0.1 and α 0.5 from the next epoch on").is_some());
    retype(&mut window, "Learning rate as a number", "0.02");
    click(&mut window, "Epoch");
    until(&mut window, "the epoch", |app| info(app, "run-0001").unwrap().history.len() > done);
    until_state(&mut window, "run-0001", RunState::Paused(None));
    click(&mut window, "Epoch");
    until(&mut window, "the next epoch", |app| info(app, "run-0001").unwrap().history.len() > done + 1);
    let history = &info(app(&window), "run-0001").unwrap().history;
    assert_eq!([history[done].eps, history[done + 1].eps], [0.25, 0.1]);
    assert_eq!(info(app(&window), "run-0001").unwrap().config.learning_rate, 0.02);

    let asked = Instant::now();
    click(&mut window, "Stop");
    until_state(&mut window, "run-0001", RunState::Stopped);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let kept = epochs(&window, "run-0001");
    click(&mut window, "Resume");
    until(&mut window, "more epochs", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > kept + 1));
    click(&mut window, "Stop");
    until_state(&mut window, "run-0001", RunState::Stopped);
}

#[test]
fn the_fresh_net_is_attacked_with_a_picture_that_it_reads() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    assert_eq!(app(&window).explore().view.picture, Source::Sample("coffee".into()));
    click(&mut window, "Use in Explore");
    until(&mut window, "the attack on a digit in place of the photo", |app| {
        let is_attacked = app.shown().is_some_and(|shown| shown.view.model == "run-0001:now");
        is_attacked && app.explore().view.picture == Source::Sample("digit-7".into())
    });
    assert_eq!(app(&window).tab(), Tab::Explore);
    assert!(window.query_by_label_contains("after epoch 3; validation error: clean").is_some());
    window.check_accessibility();
    click(&mut window, "Net: Before");
    until(&mut window, "the net before", |app| app.shown().is_some_and(|shown| shown.view.model == "run-0001:before"));
    assert!(window.query_by_label("random weights").is_some());
    press(&mut window, Modifiers::NONE, Key::N);
    press(&mut window, Modifiers::NONE, Key::N);
    until(&mut window, "the best net", |app| app.shown().is_some_and(|shown| shown.view.model == "run-0001:best"));
    // What is kept for the next start is a net that is there then.
    window.state_mut().as_mut().unwrap().close();
    let kept = std::fs::read_to_string(folder.path().join("settings.json")).unwrap();
    assert!(kept.contains("\"model\": \"digits_maxout\"") || kept.contains("\"model\":\"digits_maxout\""), "{kept}");
}

#[test]
fn the_picture_follows_the_net_in_training() {
    let folder = folder();
    let mut window = open(folder.path(), &endless());
    click(&mut window, "Train");
    until(&mut window, "an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    press(&mut window, Modifiers::NONE, Key::U);
    until(&mut window, "the attack", |app| app.shown().is_some_and(|shown| shown.view.model == "run-0001:now"));
    assert!(window.query_by_label_contains("in training").is_some());
    let first = app(&window).shown().unwrap().original_rgba.clone();
    let prob = |app: &App| app.shown().unwrap().clean_top[0].prob;
    let before = prob(app(&window));
    until(&mut window, "another answer", |app| prob(app) != before);
    assert_eq!(app(&window).shown().unwrap().original_rgba.bytes, first.bytes, "of the same picture");
    assert_eq!(app(&window).tab(), Tab::Explore);
    assert!(app(&window).train().is_busy(), "training goes on");
}

#[test]
fn what_cannot_be_taken_is_told_once_and_the_old_value_stays() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    for section in ["More", "Early stopping", "Validation"] {
        click(&mut window, section);
    }
    for switch in ["Max-norm", "First weights", "Patience", "Momentum changes", "Dropout"] {
        click(&mut window, switch);
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
    let draft = app(&window).train().draft.clone();
    for (field, bad, expected) in fields {
        let old = self::field(&window, field).value().unwrap_or_default();
        retype(&mut window, field, bad);
        assert_eq!(window.query_all_by_label_contains(expected).count(), 1, "{field}: {bad:?} and {expected:?}");
        assert_eq!(app(&window).train().draft, draft, "{field}");
        assert!(window.get_by_label("Train").accesskit_node().is_disabled(), "{field} has to be mended first");
        assert_eq!(self::field(&window, field).value().unwrap_or_default(), bad, "what was typed is not lost");
        self::field(&window, field).focus();
        window.step();
        press(&mut window, Modifiers::NONE, Key::Escape);
        window.run_steps(2);
        assert_eq!(self::field(&window, field).value().unwrap_or_default(), old, "{field} after Escape");
        assert!(window.query_by_label_contains("Mend what is marked").is_none(), "{field} after Escape");
    }
}

#[test]
fn settings_change_what_is_trained() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    retype(&mut window, "Units as a number", "12");
    retype(&mut window, "Pieces as a number", "3");
    retype(&mut window, "α as a number", "1");
    retype(&mut window, "Epochs as a number", "1");
    retype(&mut window, "ε as a number", "8/255");
    let draft = &app(&window).train().draft;
    assert_eq!((draft.model.as_str(), draft.alpha, draft.epochs), ("maxout:12x3", 1.0, 1));
    // Settings that do not go together are told before a run is begun.
    retype(&mut window, "Pictures as a number", "50");
    assert!(window.query_by_label_contains("fewer than the 50 pictures").is_some());
    assert!(window.get_by_label("Train").accesskit_node().is_disabled());
    retype(&mut window, "Pictures as a number", "600");
    let draft = &app(&window).train().draft;
    assert_eq!(draft.eps, 8.0 / 255.0);
    until(&mut window, "the size of the net", |_| true);
    let parameters = 785 * 36 + 130;
    let text = format!("{}\u{202F}{:03} parameters", parameters / 1000, parameters % 1000);
    for _ in 0..200 {
        window.step();
        std::thread::sleep(Duration::from_millis(5));
        if window.query_by_label(&text).is_some() {
            break;
        }
    }
    assert!(window.query_by_label(&text).is_some(), "it says {text:?}");
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    assert_eq!(info(app(&window), "run-0001").unwrap().parameters, parameters);
}

#[test]
fn a_sweep_waits_in_the_queue_and_is_compared() {
    let folder = folder();
    let mut window = open(folder.path(), &Config { epochs: 1, ..tiny() });
    click(&mut window, "Sweep…");
    window.check_accessibility();
    retype(&mut window, "Values of ε", "0.1, oops");
    assert!(window.query_by_label_contains("oops").is_some() && app(&window).train().runs.is_empty());
    window.get_by_label("Values of α").focus();
    window.step();
    press(&mut window, Modifiers::COMMAND, Key::A);
    window.get_by_label("Values of α").type_text("0.5, 1");
    retype(&mut window, "Values of ε", "0.1, 0.2");
    until(&mut window, "four runs", |app| {
        app.train().runs.len() == 4 && app.train().runs.iter().all(|run| run.info.state == RunState::Finished)
    });
    let pairs: Vec<(f32, f32)> =
        app(&window).train().runs.iter().map(|run| (run.info.config.eps, run.info.config.alpha)).collect();
    assert_eq!(pairs, [(0.1, 0.5), (0.1, 1.0), (0.2, 0.5), (0.2, 1.0)]);
    assert_eq!(app(&window).train().siblings().len(), 4);
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Num1);
    click(&mut window, "Overlay run-0001");
    assert_eq!(app(&window).train().plotted().len(), 2);
}

#[test]
fn a_closed_window_loses_nothing() {
    let folder = folder();
    let mut window = open(folder.path(), &endless());
    click(&mut window, "Train");
    until(&mut window, "an epoch", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > 1));
    window.state_mut().as_mut().unwrap().close();
    let seen = epochs(&window, "run-0001");
    drop(window);
    let mut window = open(folder.path(), &endless());
    assert_eq!(app(&window).tab(), Tab::Train);
    let run = info(app(&window), "run-0001").expect("it is there");
    assert_eq!(run.state, RunState::Stopped);
    let kept = run.history.len();
    assert!(kept >= seen, "{kept} epochs of {seen}");
    click(&mut window, "Resume");
    until(&mut window, "more epochs", |app| info(app, "run-0001").is_some_and(|info| info.history.len() > kept));
    let history = &info(app(&window), "run-0001").unwrap().history;
    assert!(history.iter().enumerate().all(|(at, record)| record.epoch == at + 1), "no epoch is lost or done twice");
    click(&mut window, "Stop");
    until_state(&mut window, "run-0001", RunState::Stopped);
    click(&mut window, "More about this run");
    click(&mut window, "Delete…");
    assert!(window.query_by_label("Delete run-0001?").is_some(), "it asks first");
    click(&mut window, "Delete");
    until(&mut window, "no run", |app| app.train().runs.is_empty());
    assert!(!folder.path().join("runs/run-0001").exists());
}

#[test]
fn a_change_of_tab_loses_nothing() {
    let folder = folder();
    let mut window = open(folder.path(), &endless());
    retype(&mut window, "Seed", "7");
    click(&mut window, "Train");
    until(&mut window, "an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    press(&mut window, Modifiers::COMMAND, Key::Num1);
    window.run_steps(2);
    assert!(window.query_by_label("Epsilon").is_some() && app(&window).tab() == Tab::Explore);
    assert!(window.query_by_label_contains("run-0001 is training").is_some(), "the tab shows it");
    let seen = epochs(&window, "run-0001");
    until(&mut window, "more epochs", |app| info(app, "run-0001").unwrap().history.len() > seen);
    click(&mut window, "Tab: Train");
    assert_eq!((app(&window).tab(), app(&window).train().draft.seed), (Tab::Train, 7));
}

#[test]
fn a_loss_that_is_no_number_pauses_with_a_way_out() {
    let folder = folder();
    let mut window = open(folder.path(), &Config { learning_rate: 1e8, ..endless() });
    click(&mut window, "Train");
    let rate = |app: &App| info(app, "run-0001").map(|info| info.config.learning_rate);
    until(&mut window, "the pause", |app| {
        info(app, "run-0001").is_some_and(|info| matches!(info.state, RunState::Paused(Some(_))))
    });
    assert!(window.query_all_by_label_contains("try a smaller learning rate").count() >= 1);
    click(&mut window, "Halve the learning rate and go on");
    until(&mut window, "half the rate", |app| rate(app) == Some(5e7));
    retype(&mut window, "Learning rate as a number", "0.01");
    // The message has a "Stop" of its own, below the bar's, for as long as it stands.
    window.get_all_by_label("Stop").next().unwrap().click();
    until_state(&mut window, "run-0001", RunState::Stopped);
    let kept = RunFolder::summary(&folder.path().join("runs/run-0001")).unwrap();
    assert_eq!(kept.config.learning_rate, 0.01);
}

#[test]
fn what_a_run_measured_is_saved() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let csv = folder.path().join("history.csv");
    press(&mut window, Modifiers::COMMAND, Key::S);
    window.run_steps(2);
    retype(&mut window, "Path:", csv.to_str().unwrap());
    until(&mut window, "the table", |app| app.notice_texts().iter().any(|text| text.starts_with("Saved.")));
    let table = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(table, std::fs::read_to_string(folder.path().join("runs/run-0001/history.csv")).unwrap());
    assert_eq!(table.lines().count(), 4);
    click(&mut window, "More about this run");
    click(&mut window, "Settings as JSON…");
    let json = folder.path().join("settings-of-run");
    retype(&mut window, "Path:", json.to_str().unwrap());
    let written = json.with_extension("json");
    until(&mut window, "the settings", |_| written.is_file());
    let config: Config = serde_json::from_slice(&std::fs::read(&written).unwrap()).unwrap();
    assert_eq!(config, tiny());
}

#[test]
fn the_command_line_of_a_run_is_copied() {
    let folder = folder();
    let config = Config { stopping: Stopping { patience: Some(4), ..Stopping::default() }, ..tiny() };
    let mut window = open(folder.path(), &config);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    window.run_steps(2);
    let notice = app(&window).notice_texts()[0].to_owned();
    assert!(notice.contains("doppelganger train --data drawn:600 --model maxout:8x2 --epochs 3"), "{notice}");
    assert!(notice.contains("--patience 4"), "{notice}");
}

#[test]
fn changes_of_the_settings_are_taken_back_and_done_again() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    let before = app(&window).train().draft.clone();
    retype(&mut window, "Epochs as a number", "7");
    assert_eq!(app(&window).train().draft.epochs, 7);
    press(&mut window, Modifiers::COMMAND, Key::Z);
    window.run_steps(2);
    assert_eq!(app(&window).train().draft, before);
    click(&mut window, "Menu");
    click(&mut window, "Redo");
    assert_eq!(app(&window).train().draft.epochs, 7);
}

#[test]
fn the_help_lists_the_keys_of_both_tabs() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    press(&mut window, Modifiers::NONE, Key::F1);
    window.run_steps(2);
    for keys in ["Ctrl+2", "Ctrl+Enter", "Space", "Ctrl+O", "hold Space"] {
        assert!(window.query_all_by_label(keys).count() >= 1, "the help does not say {keys:?}");
    }
    press(&mut window, Modifiers::NONE, Key::S);
    assert!(app(&window).train().runs.is_empty());
    window.check_accessibility();
}

#[test]
fn a_data_set_that_is_missing_is_told_and_a_folder_can_be_named() {
    let folder = folder();
    let missing = DataSource::Folder("/no/such/folder".into());
    let mut window = open(folder.path(), &Config { data: missing, validation: 20, ..tiny() });
    let says =
        |window: &Window<'_>| window.query_by_label_contains("the same packed as .tar, .tar.gz or .tar.xz").is_some();
    for _ in 0..200 {
        window.step();
        std::thread::sleep(Duration::from_millis(5));
        if says(&window) {
            break;
        }
    }
    assert!(says(&window));
    click(&mut window, "Train");
    until(&mut window, "the failure", |app| {
        info(app, "run-0001").is_some_and(|info| matches!(info.state, RunState::Failed(_)))
    });
    assert!(app(&window).notice_texts()[0].contains("/no/such/folder"));
    // Class folders, each with a few pictures.
    let pictures = folder.path().join("pictures");
    for (class, grey) in [("dark", 20_u8), ("light", 220)] {
        std::fs::create_dir_all(pictures.join(class)).unwrap();
        for number in 0..40_u8 {
            let picture = image::GrayImage::from_pixel(12, 12, image::Luma([grey.saturating_add(number / 2)]));
            picture.save(pictures.join(class).join(format!("{number}.png"))).unwrap();
        }
    }
    retype(&mut window, "Path", pictures.to_str().unwrap());
    assert_eq!(app(&window).train().draft.data, DataSource::Folder(pictures));
    click(&mut window, "Train");
    until_state(&mut window, "run-0002", RunState::Finished);
    assert_eq!(info(app(&window), "run-0002").unwrap().pictures, 80);
    // The same, packed.
    let archive = folder.path().join("pictures.tar");
    let mut packed = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    packed.append_dir_all("pictures", folder.path().join("pictures")).unwrap();
    packed.into_inner().unwrap();
    click(&mut window, "Choose…");
    assert!(window.query_by_label("Archive…").is_some());
    retype(&mut window, "Path:", archive.to_str().unwrap());
    until(&mut window, "the archive", |app| app.train().draft.data == DataSource::Folder(archive.clone()));
    click(&mut window, "Train");
    until_state(&mut window, "run-0003", RunState::Finished);
    assert_eq!(info(app(&window), "run-0003").unwrap().pictures, 80);
}

#[test]
fn the_look_of_the_plots_and_the_weights_of_runs_are_there_after_another_start() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    click(&mut window, "Axis: log");
    click(&mut window, "Line: PGD-10");
    window.state_mut().as_mut().unwrap().close();
    drop(window);
    let mut window = open(folder.path(), &tiny());
    window.run_steps(3);
    let is_on = |name: &str| window.get_by_label(name).accesskit_node().toggled();
    use eframe::egui::accesskit::Toggled;
    assert_eq!([is_on("Axis: log"), is_on("Line: PGD-10")], [Some(Toggled::True), Some(Toggled::False)]);
    click(&mut window, "View: First layer");
    until(&mut window, "the weights", |app| app.train().selected().is_some_and(|run| run.sheet.is_some()));
    assert!(window.query_by_label("Weights of the first layer").is_some());
}

#[test]
fn another_learning_rate_is_marked_in_the_plot() {
    let folder = folder();
    let mut window = open(folder.path(), &endless());
    click(&mut window, "Train");
    until(&mut window, "an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
    retype(&mut window, "Learning rate as a number", "0.02");
    let done = epochs(&window, "run-0001");
    until(&mut window, "two more epochs", |app| {
        info(app, "run-0001").is_some_and(|info| info.history.len() > done + 2)
    });
    press(&mut window, Modifiers::NONE, Key::Space);
    window.run_steps(4);
    assert!(window.query_by_label_contains("; rate 0.02").is_some(), "no mark");
}

#[test]
fn frames_stay_short_while_a_run_is_trained() {
    let folder = folder();
    let usual =
        Config { data: DataSource::Drawn { count: 4000, seed: 0 }, model: "maxout:240x2,240x2".into(), ..endless() };
    let mut window = open(folder.path(), &usual);
    click(&mut window, "Train");
    until(&mut window, "an epoch", |app| info(app, "run-0001").is_some_and(|info| !info.history.is_empty()));
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
    let folder = folder();
    let mut window = open_sized(folder.path(), &tiny(), vec2(800.0, 600.0));
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    for view in ["Curves", "Weights", "Sweep", "Runs"] {
        click(&mut window, &format!("View: {view}"));
        window.check_accessibility();
        let is_listed = window.query_by_label_contains("run-0001, finished; maxout").is_some();
        assert_eq!(is_listed, view == "Runs", "{view}");
    }
    press(&mut window, Modifiers::COMMAND, Key::L);
    window.run_steps(4);
    window.check_accessibility();
    for button in ["Train", "Sweep…", "Pause", "Stop", "View: Runs", "Use in Explore", "Menu"] {
        let right = window.get_by_label(button).rect().right() * window.ctx.zoom_factor();
        assert!(right <= 800.0, "{button} ends at {right}");
    }
}

#[test]
fn a_finished_run_comes_with_the_program_and_can_be_deleted_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let size = vec2(1280.0, 900.0);
    let mut window = open_as_found(folder.path(), &tiny(), size);
    let run = info(app(&window), "run-0000").expect("it is there at the first start").clone();
    assert!(run.is_shipped() && run.state == RunState::Finished && run.history.len() > 5);
    assert_eq!(run.config.data, DataSource::Mnist);
    assert!(app(&window).train().selected().is_some_and(|run| run.info.is_shipped()), "its curves are on screen");
    window.get_by_label_contains("shipped");
    // It can be attacked, and its first layer is there.
    press(&mut window, Modifiers::NONE, Key::U);
    until(&mut window, "its net in Explore", |app| {
        app.tab() == Tab::Explore && app.shown().is_some_and(|shown| shown.view.model == "run-0000:now")
    });
    press(&mut window, Modifiers::COMMAND, Key::Num2);
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Num2);
    until(&mut window, "its first layer", |app| app.train().selected().is_some_and(|run| run.sheet.is_some()));
    press(&mut window, Modifiers::NONE, Key::Num1);
    press(&mut window, Modifiers::COMMAND, Key::R);
    until(&mut window, "why it cannot go on", |app| {
        app.notice_texts().iter().any(|text| text.contains("run-0000 came with the program"))
    });
    // Nothing of it was written.
    assert!(!folder.path().join("runs").exists());
    press(&mut window, Modifiers::NONE, Key::Delete);
    window.run_steps(2);
    window.get_by_label("It came with the program, and will not be shown again.");
    window.get_by_label("Delete").click();
    until(&mut window, "no run", |app| app.train().runs.is_empty());
    assert!(folder.path().join("runs").join(NOTE).exists());
    drop(window);
    let window = open_as_found(folder.path(), &tiny(), size);
    assert!(app(&window).train().runs.is_empty(), "it stays deleted");
}

#[test]
fn the_talk_shows_the_run_at_hand_and_trains_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_as_found(folder.path(), &tiny(), vec2(1280.0, 900.0));
    press(&mut window, Modifiers::COMMAND, Key::E);
    window.run_steps(2);
    while window.query_by_label("Train on it").is_none() {
        press(&mut window, Modifiers::NONE, Key::PageDown);
        window.step();
    }
    window.run_steps(2);
    window.get_by_label_contains("run-0000 after 15 epochs: clean 0.8 %, FGSM 6.6 %, PGD 8.8 %");
    window.get_by_label("Train one now").click();
    until(&mut window, "a run in hand", |app| app.train().in_hand().is_some());
    assert_eq!(info(app(&window), "run-0001").map(|info| &info.config), Some(&doppelganger::app::usual_run()));
    assert_eq!(app(&window).train().draft, tiny(), "the settings of the next run are the person's own");
    assert_eq!(app(&window).tab(), Tab::Explore);
    assert!(window.query_all_by_label_contains("run-0001 is").count() > 1, "in the top bar and under the curves");
}
