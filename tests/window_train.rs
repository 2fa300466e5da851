//! The Train tab driven without a display, with the real trainer behind it.
#![cfg(feature = "gui")]

use std::path::Path;
use std::time::{Duration, Instant};

use doppelganger::app::{App, Start, Tab};
use doppelganger::engine::data::DataSource;
use doppelganger::engine::train::Config;
use doppelganger::worker::{RunInfo, RunState};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::kittest::Queryable as _;
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

/// Opens a window on the Train tab whose settings and runs live in `folder`.
fn open(folder: &Path, config: &Config) -> Window<'static> {
    let settings = folder.join("settings.json");
    if !settings.exists() {
        let json = serde_json::json!({ "tab": "train", "train": config });
        std::fs::write(&settings, json.to_string()).unwrap();
    }
    let runs = folder.join("runs");
    let mut window = Harness::builder().with_size(vec2(1280.0, 900.0)).build_ui_state(
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
    window.run_steps(2);
    window.get_by_label(name).click();
    window.run_steps(2);
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
fn the_fresh_net_is_attacked_with_the_same_picture() {
    let folder = folder();
    let mut window = open(folder.path(), &tiny());
    click(&mut window, "Train");
    until_state(&mut window, "run-0001", RunState::Finished);
    let picture = app(&window).explore().picture.clone();
    click(&mut window, "Use in Explore");
    until(&mut window, "the attack", |app| app.shown().is_some_and(|shown| shown.view.model == "run-0001:now"));
    assert_eq!(app(&window).tab(), Tab::Explore);
    assert_eq!(app(&window).explore().picture, picture);
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
