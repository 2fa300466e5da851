//! The Models page driven without a display, with the real worker behind it and a server of the test's own.

use std::path::Path;

use crate::common::fixture;
use crate::common::server::{Answer, Server, serve, sha256};
use crate::window::{Opening, USUAL, Window};
use doppelganger::app::{App, Tab};
use doppelganger::engine::model::Catalogue;
use egui::{Event, Key, Theme, vec2};
use egui_kittest::kittest::Queryable as _;

/// Returns a window on the Models page, with the manifest of the tiny net that this server has.
fn with_tiny(server: Option<&Server>) -> Opening {
    let opening = Opening::default().setting("tab", "models");
    let models = opening.folder().join("models");
    std::fs::create_dir_all(&models).unwrap();
    let content = weights();
    let download = server.map(|server| {
        let (bytes, sha256) = (content.len(), sha256(&content));
        format!("sha256 = \"{sha256}\"\ndownload = {{ address = \"{}\", bytes = {bytes} }}\n", server.address)
    });
    let text = std::fs::read_to_string(fixture("pth/tiny.toml")).unwrap();
    std::fs::write(models.join("tiny.toml"), format!("{}{text}", download.unwrap_or_default())).unwrap();
    let own = opening.folder().join("own");
    opening.catalogue(Catalogue { own: Some(own), folders: vec![models] })
}

fn open(opening: Opening) -> Window {
    let mut window = opening.open();
    window.until("the list of models", |app| !app.shell.explore.catalogue.is_empty());
    window
}

fn weights() -> Vec<u8> {
    std::fs::read(fixture("pth/tiny.pth")).unwrap()
}

fn is_ready(app: &App, name: &str) -> bool {
    app.shell.explore.catalogue.iter().any(|entry| entry.name == name && entry.problem.is_none())
}

/// Answers the question for a file.
#[track_caller]
fn type_path(window: &mut Window, path: &Path, button: &str) {
    window.retype("Path:", path.to_str().unwrap());
    window.click(button);
}

#[test]
fn every_model_says_what_it_is_and_where() {
    for size in [USUAL, vec2(800.0, 600.0), vec2(640.0, 480.0)] {
        let window = open(with_tiny(None).size(size));
        for text in ["Ready", "Available to download", "Without weights", "inside the program"] {
            assert!(window.mentions(text), "{text}");
        }
        for text in ["ResNet-18", "GoogLeNet", "SqueezeNet 1.1", "MobileNetV2", "Tiny"] {
            assert!(window.query_all_by_label(text).count() == 1, "{text}");
        }
        let about = "11\u{202F}689\u{202F}512 parameters, 46.8 MB  ·  top-1 69.8 %, top-5 89.1 %";
        assert_eq!(window.query_all_by_label_contains(about).count(), 1);
        let address = "https://download.pytorch.org/models/resnet18-f37072fd.pth";
        assert_eq!(window.query_all_by_label_contains(address).count(), 1);
        assert!(window.has_part(window.folder().join("own").to_str().unwrap()));
        window.check_accessibility();
    }
}

#[test]
fn a_model_is_fetched_after_consent_and_attacked() {
    let server = serve(weights(), &[Answer::Whole]);
    let mut window = open(with_tiny(Some(&server)));
    window.reach("Fetch Tiny");
    for text in ["Fetch Tiny?", " kB", &server.address, "MIT OR Apache-2.0"] {
        assert!(window.mentions(text), "the question does not say {text:?}");
    }
    window.click("Cancel");
    assert!(!window.has("Fetch Tiny?") && server.ranges.lock().unwrap().is_empty());
    window.reach("Fetch Tiny");
    window.key(Key::Enter);
    window.until("the model", |app| is_ready(app, "tiny"));
    assert!(window.notices().contains(&"Tiny is there."));
    window.reach("Use in Explore: Tiny");
    assert_eq!(window.app().shell.settings.tab, Tab::Explore);
    window.until_shown("a result", |shown| shown.view.model == "tiny");
    // Removed while it is attacked: the first net takes its place.
    window.command(Key::Num3);
    window.reach("Remove Tiny");
    window.key(Key::Enter);
    window.run_steps(3);
    window.get_by_label("Remove Tiny?");
    window.click("Remove");
    window.until("its removal", |app| !is_ready(app, "tiny") && app.shell.explore.view.model == "efficientnet_lite0");
    assert_eq!(std::fs::read_dir(window.folder().join("own")).unwrap().count(), 0);
}

#[test]
fn a_download_is_cancelled_and_goes_on() {
    let server = serve(weights(), &[Answer::Stalls, Answer::Whole]);
    let mut window = open(with_tiny(Some(&server)));
    window.reach("Fetch Tiny");
    window.click("Fetch");
    window.until("progress", |app| app.models().fetching.get("tiny").is_some_and(|fetching| fetching.done > 0));
    assert!(window.has_part(" kB of "), "no bar");
    window.reach("Cancel: Tiny");
    window.until("the end", |app| !app.models().fetching.contains_key("tiny"));
    assert!(!window.app().models().problems.contains_key("tiny"), "what one cancels is no failure");
    window.until("what has arrived", |app| {
        let entry = app.shell.explore.catalogue.iter().find(|entry| entry.name == "tiny");
        entry.and_then(|entry| Some(entry.facts.as_ref()?.remote.as_ref()?.1)).is_some_and(|arrived| arrived > 0)
    });
    assert!(window.has_part("of it are there"));
    window.reach("Fetch Tiny");
    window.click("Fetch");
    window.until("the model", |app| is_ready(app, "tiny"));
    assert!(server.ranges.lock().unwrap()[1].is_some_and(|from| from > 0), "it began anew");
}

#[test]
fn a_failure_stands_beside_its_model() {
    let server = serve(weights(), &[Answer::NotFound]);
    let mut window = open(with_tiny(Some(&server)).size(vec2(800.0, 600.0)));
    window.reach("Fetch Tiny");
    window.click("Fetch");
    window.until("the message", |app| app.models().problems.contains_key("tiny"));
    assert!(window.has_part("could not be fetched"));
    assert!(window.notices().is_empty(), "it is told once");
    assert!(!is_ready(window.app(), "tiny"));
}

#[test]
fn weights_come_from_a_file() {
    let mut window = open(with_tiny(None));
    window.reach("Open weights file: Tiny");
    type_path(&mut window, &fixture("pth/code.pth"), "Add");
    window.until("the message", |app| app.models().problems.contains_key("tiny"));
    assert!(window.has_part("posix.system"));
    window.reach("Open weights file: Tiny");
    type_path(&mut window, &fixture("pth/tiny.pth"), "Add");
    window.until("the model", |app| is_ready(app, "tiny"));
    assert!(!window.app().models().problems.contains_key("tiny"));
    // Any file, by the shortcut; and one dropped on the page.
    window.command(Key::O);
    type_path(&mut window, &fixture("pth/wrong_shape.pth"), "Add");
    window.until_notice("no model here");
    let mine = window.folder().join("mine.toml");
    std::fs::copy(fixture("pth/tiny.toml"), &mine).unwrap();
    std::fs::copy(fixture("pth/tiny.pth"), window.folder().join("tiny.pth")).unwrap();
    window.command(Key::O);
    type_path(&mut window, &mine, "Add");
    window.until("the net of one's own", |app| is_ready(app, "mine"));
}

#[test]
fn the_picker_leads_to_the_page() {
    let mut window = open(with_tiny(None));
    window.command(Key::Num1);
    window.click("Model");
    // Below the nets that are there: the list is scrolled to it.
    window.get_by_label("Model: ResNet-18").scroll_to_me();
    window.run_steps(12);
    window.click("Model: ResNet-18");
    assert_eq!(
        (window.app().shell.settings.tab, window.app().shell.explore.view.model.as_str()),
        (Tab::Models, "efficientnet_lite0")
    );
    window.event(Event::Paste("/no/such/file.png".into()));
    window.run_steps(3);
    assert_eq!(window.app().shell.settings.tab, Tab::Models, "pictures are pasted in Explore");
    window.ctx.set_theme(Theme::Light);
    window.run_steps(2);
    window.check_accessibility();
    window.assert_buttons_fit("Models in the light theme");
}
