//! The Models page driven without a display, with the real worker behind it and a server of the test's own.

use std::path::Path;

use crate::common::fixture;
use crate::common::server::{Answer, Server, serve, sha256};
use crate::window::{Opening, USUAL, Window};
use doppelganger::app::{App, Tab};
use doppelganger::engine::model::Catalogue;
use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, Theme, vec2};
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
    opening.catalogue(Catalogue { own: Some(own), folders: vec![models], runs: None })
}

fn open(opening: Opening) -> Window {
    let mut window = opening.open();
    window.await_nets();
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

fn onnx(name: &str) -> std::path::PathBuf {
    fixture(&format!("onnx/{name}.onnx"))
}

/// Returns whether the net that is being added has shown what it says, as the answers are now.
fn is_checked(app: &App) -> bool {
    let import = app.models().import.as_ref();
    import.is_some_and(|import| import.doing.is_none() && matches!(import.check(), Some((Ok(_), true))))
}

fn own_files(window: &Window) -> usize {
    std::fs::read_dir(window.folder().join("own")).map_or(0, Iterator::count)
}

#[test]
fn a_net_of_another_program_is_dropped_asked_about_kept_and_attacked() {
    // On any page, and here on a net of digits.
    let mut window = Opening::on_a_digit().open();
    window.drop_file(&onnx("colours"));
    window.until("the answers on three pictures", is_checked);
    assert_eq!(window.app().shell.settings.tab, Tab::Models);
    for text in
        ["Add a net", "colours.onnx", "3×32×32 pixels to 10 classes", "written by pytorch", "airplane, automobile"]
    {
        assert!(window.mentions(text), "{text}");
    }
    let import = window.app().models().import.as_ref().unwrap();
    let (Some((Ok(pictures), true)), Some(chosen)) = (import.check(), import.preprocessing()) else {
        panic!("no check")
    };
    assert_eq!((pictures.len(), pictures[0].guesses.len()), (3, 3));
    assert_eq!((import.trials.len(), &import.trials[0].preprocessing), (5, chosen), "the likeliest is taken");
    let first = pictures[0].guesses.clone();
    let sure = format!("{:.1}", import.trials[0].confidence * 100.0);
    assert!(window.mentions(&format!("Pixels: {}, {sure}", chosen.name)));
    window.check_accessibility();
    // Another answer, and the check is made anew.
    window.get_all_by_label_contains("Pixels: 0 to 1,").next().unwrap().click();
    window.run_steps(3);
    window.until("the answers under other numbers", |app| {
        let import = app.models().import.as_ref().unwrap();
        is_checked(app) && import.preprocessing().is_some_and(|chosen| chosen.name == "0 to 1")
    });
    let import = window.app().models().import.as_ref().unwrap();
    let Some((Ok(pictures), _)) = import.check() else { panic!("no check") };
    assert_ne!(pictures[0].guesses, first);
    // Own numbers, and with blue first.
    window.enter("Mean", "0.2, 0.3, 0.4");
    window.click("Order: Blue first");
    window.until("the answers under own numbers", is_checked);
    window.retype("Name of the net", "digits_cnn");
    assert!(window.has_part("There is a model of this name already"));
    window.press(Modifiers::COMMAND, Key::Enter);
    assert!(window.app().models().import.is_some(), "it is not kept under a name that is taken");
    window.retype("Name of the net", "mine");
    assert_eq!(own_files(&window), 0, "nothing is kept before it is asked for");
    window.press(Modifiers::COMMAND, Key::Enter);
    window.until_notice("mine is there.");
    window.until_shown("the net on a picture of its kind", |shown| shown.view.model == "mine");
    assert_eq!((window.app().shell.settings.tab, own_files(&window)), (Tab::Explore, 2));
    assert!(window.app().models().import.is_none());
    window.until("the list", |app| is_ready(app, "mine"));
    let text = std::fs::read_to_string(window.folder().join("own/mine.toml")).unwrap();
    assert!(text.contains("mean = [0.2, 0.3, 0.4]") && text.contains("airplane"), "{text}");
    let model =
        Catalogue { own: Some(window.folder().join("own")), folders: Vec::new(), runs: None }.load("mine").unwrap();
    assert_eq!(model.classes.len(), 10);
}

#[test]
fn what_a_file_leaves_open_is_asked() {
    let mut window = open(with_tiny(None));
    window.command(Key::O);
    type_path(&mut window, &onnx("two_outputs"), "Add");
    window.until("the answers of the first output", is_checked);
    let net = |window: &Window| {
        let net = window.app().models().import.as_ref().unwrap().net().unwrap().net.clone();
        (net.axes(), net.class_count())
    };
    assert_eq!(net(&window), ([3, 224, 224], 10), "a size is proposed");
    window.enter("Height", "48");
    window.enter("Width", "64");
    window.until("the size", |app| {
        is_checked(app)
            && app.models().import.as_ref().unwrap().net().is_some_and(|built| built.net.axes() == [3, 48, 64])
    });
    window.enter("Width", "0");
    assert!(window.has_part("expected a whole number from 8 to 4096"));
    window.get_by_role_and_label(Role::ComboBox, "Output").click();
    window.run_steps(8);
    window.click("four");
    window.until("the answers of the second output", |app| {
        is_checked(app) && app.models().import.as_ref().unwrap().net().is_some_and(|built| built.net.class_count() == 4)
    });
    // Names from a file: one that does not fit, and one that does.
    let (few, names) = (window.folder().join("few.txt"), window.folder().join("names.json"));
    std::fs::write(&few, "a\nb\n").unwrap();
    std::fs::write(&names, r#"{"0": "north", "1": "east", "2": "south", "3": "west"}"#).unwrap();
    window.click("From a file…");
    type_path(&mut window, &few, "Use");
    window.until_part("it names 2 classes, and the net has 4");
    window.drop_file(&names);
    window.until("the answers by their names", |app| {
        let class = |import: &doppelganger::app::Import| import.class_names().map(|names| names[0].clone());
        is_checked(app) && class(app.models().import.as_ref().unwrap()).as_deref() == Some("north")
    });
    window.check_accessibility();
    for button in ["From a file…", "Keep the net", "Cancel adding"] {
        assert!(window.ctx.content_rect().contains_rect(window.get_by_label(button).rect()), "{button}");
    }
    window.click("Cancel adding");
    assert!(window.app().models().import.is_none() && own_files(&window) == 0);
    window.get_by_label("Models");
}

#[test]
fn a_file_that_is_no_net_says_why_and_another_takes_its_place_only_when_asked() {
    let mut window = open(with_tiny(None).size(vec2(800.0, 600.0)));
    // One that is left while it is looked at leaves nothing behind.
    window.drop_file(&onnx("two_outputs"));
    window.until("the form", |app| app.models().import.is_some());
    window.click("Cancel adding");
    window.rest(0.5);
    assert!(window.app().models().import.is_none() && own_files(&window) == 0 && window.notices().is_empty());
    let poem = window.folder().join("poem.onnx");
    std::fs::write(&poem, "Two roads diverged in a yellow wood").unwrap();
    window.drop_file(&poem);
    window.until("the refusal", |app| {
        app.models().import.as_ref().is_some_and(|import| import.doing.is_none() && import.refusal().is_some())
    });
    let why = window.app().models().import.as_ref().unwrap().refusal().unwrap().to_owned();
    assert!(why.contains("poem.onnx") && window.has_part(why.lines().next().unwrap().trim()), "{why}");
    assert!(window.has_part("This net cannot be added as it is."));
    window.drop_file(&onnx("digits"));
    window.until_label("Open the other net?");
    window.click("Go on");
    assert!(window.app().models().import.as_ref().unwrap().path.ends_with("poem.onnx"));
    window.drop_file(&onnx("digits"));
    window.until_label("Open the other net?");
    window.click("Open digits.onnx");
    window.until("the answers of the other net", is_checked);
    assert!(window.has_part("softmax"), "what was left out of the net is told");
    window.check_accessibility();
    window.click("Keep the net");
    window.until("the net", |app| is_ready(app, "digits"));
    // Damaged weights that fit nothing are told as before.
    window.command(Key::Num3);
    window.drop_file(&fixture("pth/wrong_shape.pth"));
    window.until_notice("no model here");
    assert!(window.app().models().import.is_none());
}

#[test]
fn the_operations_of_a_net_are_a_table() {
    let mut window = open(with_tiny(None));
    window.reach("Operations of Tiny");
    window.until("the table", |app| {
        app.models().operations.as_ref().is_some_and(|operations| matches!(operations.rows, Some(Ok(_))))
    });
    let rows = window.app().models().operations.as_ref().unwrap().rows.clone().unwrap().unwrap();
    assert!(window.mentions("0  picture") && rows.len() > 3);
    assert!(window.has_part(&format!("{} operations, ", rows.len() - 1)));
    window.check_accessibility();
    window.reach("Operations of Tiny");
    assert!(window.app().models().operations.is_none());
    // Of a large net only the rows in sight are drawn.
    window.reach("Operations of GoogLeNet");
    window.until("the table", |app| {
        app.models().operations.as_ref().is_some_and(|operations| matches!(operations.rows, Some(Ok(_))))
    });
    let count = window.app().models().operations.as_ref().unwrap().rows.clone().unwrap().unwrap().len();
    let drawn = window.query_all_by_role(Role::Row).count();
    assert!(count > 100 && (2..40).contains(&drawn), "{drawn} of {count}");
}
