//! The Models page driven without a display, with the real worker behind it and a server of the test's own.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::fixture;
use crate::common::server::{Answer, Server, serve, sha256};
use doppelganger::app::{App, Start, Tab};
use doppelganger::engine::model::Catalogue;
use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, Theme, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

type Window<'a> = Harness<'a, Option<App>>;

/// A folder with the manifest of the tiny net that this server has, and a window on the Models page.
fn open(folder: &Path, server: Option<&Server>, size: Vec2) -> Window<'static> {
    let models = folder.join("models");
    std::fs::create_dir_all(&models).unwrap();
    let content = weights();
    let download = server.map(|server| {
        let (bytes, sha256) = (content.len(), sha256(&content));
        format!("sha256 = \"{sha256}\"\ndownload = {{ address = \"{}\", bytes = {bytes} }}\n", server.address)
    });
    let text = std::fs::read_to_string(fixture("pth/tiny.toml")).unwrap();
    std::fs::write(models.join("tiny.toml"), format!("{}{text}", download.unwrap_or_default())).unwrap();
    let settings = folder.join("settings.json");
    std::fs::write(&settings, r#"{ "tab": "models" }"#).unwrap();
    let (own, runs) = (folder.join("own"), folder.join("runs"));
    let mut window = Harness::builder().with_size(size).build_ui_state(
        move |ui, app: &mut Option<App>| match app {
            Some(app) => {
                app.tick(&ui.ctx().clone());
                app.draw(ui);
            }
            None => {
                let catalogue = Catalogue::with_own_folder(own.clone(), vec![models.clone()]);
                let (settings, runs) = (Some(settings.clone()), runs.clone());
                let opened = App::with_catalogue(ui.ctx(), Start::default(), settings, runs, catalogue);
                *app = Some(opened.expect("a window"));
                ui.ctx().request_repaint();
            }
        },
        None,
    );
    until(&mut window, "the list of models", |app| !app.explore().catalogue.is_empty() && app.shown().is_some());
    window
}

fn weights() -> Vec<u8> {
    std::fs::read(fixture("pth/tiny.pth")).unwrap()
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

#[track_caller]
fn click(window: &mut Window<'_>, name: &str) {
    window.get_by_label(name).scroll_to_me();
    window.run_steps(6);
    window.get_by_label(name).click();
    window.run_steps(5);
}

fn is_ready(app: &App, name: &str) -> bool {
    app.explore().catalogue.iter().any(|entry| entry.name == name && entry.problem.is_none())
}

/// Answers the question for a file.
#[track_caller]
fn type_path(window: &mut Window<'_>, path: &Path, button: &str) {
    window.get_by_role_and_label(Role::TextInput, "Path:").focus();
    window.step();
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.step();
    window.get_by_role_and_label(Role::TextInput, "Path:").type_text(path.to_str().unwrap());
    window.step();
    window.get_by_label(button).click();
    window.run_steps(3);
}

const SIZE: Vec2 = vec2(1280.0, 800.0);

#[test]
fn every_model_says_what_it_is_and_where() {
    let folder = tempfile::tempdir().unwrap();
    for size in [SIZE, vec2(800.0, 600.0), vec2(640.0, 480.0)] {
        let window = open(folder.path(), None, size);
        for text in ["Ready", "Available to download", "Without weights", "inside the program"] {
            assert!(window.query_all_by_label_contains(text).count() >= 1, "{text}");
        }
        for text in ["ResNet-18", "GoogLeNet", "SqueezeNet 1.1", "MobileNetV2", "Tiny"] {
            assert!(window.query_all_by_label(text).count() == 1, "{text}");
        }
        let about = "11\u{202F}689\u{202F}512 parameters, 46.8 MB  ·  top-1 69.8 %, top-5 89.1 %";
        assert_eq!(window.query_all_by_label_contains(about).count(), 1);
        let address = "https://download.pytorch.org/models/resnet18-f37072fd.pth";
        assert_eq!(window.query_all_by_label_contains(address).count(), 1);
        assert!(window.query_by_label_contains(folder.path().join("own").to_str().unwrap()).is_some());
        window.check_accessibility();
    }
}

#[test]
fn a_model_is_fetched_after_consent_and_attacked() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(weights(), &[Answer::Whole]);
    let mut window = open(folder.path(), Some(&server), SIZE);
    click(&mut window, "Fetch Tiny");
    for text in ["Fetch Tiny?", " kB", &server.address, "MIT OR Apache-2.0"] {
        assert!(window.query_all_by_label_contains(text).count() >= 1, "the question does not say {text:?}");
    }
    window.get_by_label("Cancel").click();
    window.run_steps(5);
    assert!(window.query_by_label("Fetch Tiny?").is_none() && server.ranges.lock().unwrap().is_empty());
    click(&mut window, "Fetch Tiny");
    window.key_press(Key::Enter);
    until(&mut window, "the model", |app| is_ready(app, "tiny"));
    assert!(app(&window).notice_texts().contains(&"Tiny is there."));
    click(&mut window, "Use in Explore: Tiny");
    assert_eq!(app(&window).tab(), Tab::Explore);
    until(&mut window, "a result", |app| app.shown().is_some_and(|shown| shown.view.model == "tiny"));
    // Removed while it is attacked: the first net takes its place.
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
    window.run_steps(2);
    click(&mut window, "Remove Tiny");
    window.key_press(Key::Enter);
    window.run_steps(3);
    window.get_by_label("Remove Tiny?");
    window.get_by_label("Remove").click();
    until(&mut window, "its removal", |app| !is_ready(app, "tiny") && app.explore().view.model == "efficientnet_lite0");
    assert_eq!(std::fs::read_dir(folder.path().join("own")).unwrap().count(), 0);
}

#[test]
fn a_download_is_cancelled_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(weights(), &[Answer::Stalls, Answer::Whole]);
    let mut window = open(folder.path(), Some(&server), SIZE);
    click(&mut window, "Fetch Tiny");
    window.get_by_label("Fetch").click();
    until(&mut window, "progress", |app| app.models().fetching("tiny").is_some_and(|fetching| fetching.done > 0));
    assert!(window.query_by_label_contains(" kB of ").is_some(), "no bar");
    click(&mut window, "Cancel: Tiny");
    until(&mut window, "the end", |app| app.models().fetching("tiny").is_none());
    assert!(app(&window).models().problem("tiny").is_none(), "what one cancels is no failure");
    until(&mut window, "what has arrived", |app| {
        let entry = app.explore().catalogue.iter().find(|entry| entry.name == "tiny");
        entry.and_then(|entry| Some(entry.facts.as_ref()?.remote.as_ref()?.1)).is_some_and(|arrived| arrived > 0)
    });
    assert!(window.query_by_label_contains("of it are there").is_some());
    click(&mut window, "Fetch Tiny");
    window.get_by_label("Fetch").click();
    until(&mut window, "the model", |app| is_ready(app, "tiny"));
    assert!(server.ranges.lock().unwrap()[1].is_some_and(|from| from > 0), "it began anew");
}

#[test]
fn a_failure_stands_beside_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(weights(), &[Answer::NotFound]);
    let mut window = open(folder.path(), Some(&server), vec2(800.0, 600.0));
    click(&mut window, "Fetch Tiny");
    window.get_by_label("Fetch").click();
    until(&mut window, "the message", |app| app.models().problem("tiny").is_some());
    assert!(window.query_by_label_contains("could not be fetched").is_some());
    assert!(app(&window).notice_texts().is_empty(), "it is told once");
    assert!(!is_ready(app(&window), "tiny"));
}

#[test]
fn weights_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), None, SIZE);
    click(&mut window, "Open weights file: Tiny");
    type_path(&mut window, &fixture("pth/code.pth"), "Add");
    until(&mut window, "the message", |app| app.models().problem("tiny").is_some());
    assert!(window.query_by_label_contains("posix.system").is_some());
    click(&mut window, "Open weights file: Tiny");
    type_path(&mut window, &fixture("pth/tiny.pth"), "Add");
    until(&mut window, "the model", |app| is_ready(app, "tiny"));
    assert!(app(&window).models().problem("tiny").is_none());
    // Any file, by the shortcut; and one dropped on the page.
    window.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    type_path(&mut window, &fixture("pth/wrong_shape.pth"), "Add");
    until(&mut window, "the message", |app| app.notice_texts().iter().any(|text| text.contains("no model here")));
    let mine = folder.path().join("mine.toml");
    std::fs::copy(fixture("pth/tiny.toml"), &mine).unwrap();
    std::fs::copy(fixture("pth/tiny.pth"), folder.path().join("tiny.pth")).unwrap();
    window.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    type_path(&mut window, &mine, "Add");
    until(&mut window, "the net of one's own", |app| is_ready(app, "mine"));
}

#[test]
fn the_picker_leads_to_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(folder.path(), None, SIZE);
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    window.run_steps(3);
    window.get_by_label("Model").click();
    window.run_steps(4);
    // Below the nets that are there: the list is scrolled to it.
    window.get_by_label("Model: ResNet-18").scroll_to_me();
    window.run_steps(12);
    window.get_by_label("Model: ResNet-18").click();
    window.run_steps(4);
    assert_eq!((app(&window).tab(), app(&window).explore().view.model.as_str()), (Tab::Models, "efficientnet_lite0"));
    window.event(Event::Paste("/no/such/file.png".into()));
    window.run_steps(3);
    assert_eq!(app(&window).tab(), Tab::Models, "pictures are pasted in Explore");
    window.ctx.set_theme(Theme::Light);
    window.run_steps(2);
}
