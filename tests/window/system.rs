//! What the window shares with the system: its clipboard, its file dialogs, its fonts, its input methods.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::begin_with_a_digit;
use doppelganger::app::{App, Clip, Start, Tab};
use doppelganger::engine::attack::Goal;
use doppelganger::engine::model::Catalogue;
use eframe::egui::{Event, FontFamily, FontId, ImeEvent, Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

type Window = Harness<'static, Option<App>>;

/// A class of each of these scripts: Chinese, Arabic, Devanagari, Cyrillic.
const NAMES: [&str; 10] = ["猫", "狗", "قطة", "कुत्ता", "собака", "птица", "a", "b", "c", "d"];

fn open(start: Start, catalogue: Catalogue) -> Window {
    let mut start = Some((start, catalogue));
    let builder = Harness::builder().with_size(vec2(1280.0, 800.0)).allow_missing_glyphs();
    let mut window = builder.build_ui_state(
        move |ui, app: &mut Option<App>| match app {
            Some(app) => {
                app.tick(&ui.ctx().clone());
                app.draw(ui);
            }
            None => {
                let (start, catalogue) = start.take().expect("built once");
                let opened = App::with_catalogue(
                    ui.ctx(),
                    start,
                    Some(begin_with_a_digit(None, true)),
                    "no runs".into(),
                    catalogue,
                );
                *app = Some(opened.expect("a window"));
                ui.ctx().request_repaint();
            }
        },
        None,
    );
    until(&mut window, "a first result", |app| app.shown().is_some());
    window
}

fn fresh() -> Window {
    open(Start::default(), Catalogue::from_environment())
}

fn app(window: &Window) -> &App {
    window.state().as_ref().expect("built on the first frame")
}

/// Draws frames until something is so; fails after twenty seconds.
fn until(window: &mut Window, what: &str, holds: impl Fn(&App) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if window.state().as_ref().is_some_and(&holds) {
            window.run_steps(2);
            return;
        }
        let notices = window.state().as_ref().map(|app| app.notice_texts().join("; ")).unwrap_or_default();
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {what}; notices: {notices:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Draws frames until a widget of this name is there; fails after twenty seconds.
fn until_label(window: &mut Window, name: &str) {
    let start = Instant::now();
    while window.query_by_label(name).is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {name:?}");
        std::thread::sleep(Duration::from_millis(5));
        window.step();
    }
}

fn press(window: &mut Window, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(2);
}

fn ime(window: &mut Window, event: ImeEvent) {
    window.event(Event::Ime(event));
    window.run_steps(2);
}

fn preedit(text: &str) -> ImeEvent {
    ImeEvent::Preedit { text: text.into(), active_range_chars: None }
}

/// A net whose classes have names in many scripts: a bundled one under other names.
fn foreign_net(folder: &Path) -> Start {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifest = std::fs::read_to_string(models.join("digits_softmax.toml")).unwrap();
    let digits = r#"["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]"#;
    assert!(manifest.contains(digits));
    std::fs::write(folder.join("動物.toml"), manifest.replace(digits, &serde_json::to_string(&NAMES).unwrap()))
        .unwrap();
    std::fs::copy(models.join("digits_softmax.safetensors"), folder.join("digits_softmax.safetensors")).unwrap();
    Start { model: Some(folder.join("動物.toml").display().to_string()), ..Start::default() }
}

#[test]
fn a_notice_says_what_was_copied() {
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    until(&mut window, "the notice", |app| !app.notice_texts().is_empty());
    assert_eq!(app(&window).notice_texts(), ["Copied the adversarial picture, 28 × 28 pixels."]);
    let Some(Clip::Picture(picture)) = app(&window).copied() else { panic!("no picture was copied") };
    assert_eq!(picture.bytes.len(), 4 * 28 * 28);
    press(&mut window, Modifiers::COMMAND, Key::Num2);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    until(&mut window, "the command", |app| matches!(app.copied(), Some(Clip::Text(_))));
    let Some(Clip::Text(line)) = app(&window).copied() else { unreachable!() };
    assert!(line.starts_with("doppelganger train"), "{line}");
    assert!(app(&window).notice_texts()[0].starts_with("Copied the command of "), "{:?}", app(&window).notice_texts());
    assert!(app(&window).notice_texts()[0].ends_with(&line));
}

#[test]
fn without_file_dialogs_the_path_is_typed_and_completed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("holiday/写真")).unwrap();
    let grey = image::GrayImage::from_pixel(28, 28, image::Luma([90]));
    grey.save(folder.path().join("holiday/写真/猫の写真.png")).unwrap();
    std::fs::write(folder.path().join("holiday/hello.txt"), "").unwrap();
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::O);
    window.get_by_label("Path:").type_text(&format!("{}/hol", folder.path().display()));
    until_label(&mut window, "holiday/");
    press(&mut window, Modifiers::NONE, Key::Tab);
    assert_eq!(window.get_by_label("Path:").value().unwrap(), format!("{}/holiday/", folder.path().display()));
    assert!(window.get_by_label("Path:").is_focused());
    until_label(&mut window, "写真/");
    assert!(window.query_by_label("hello.txt").is_none(), "it is no picture");
    press(&mut window, Modifiers::NONE, Key::Tab);
    until_label(&mut window, "猫の写真.png");
    // Enter takes what the arrow keys chose, and is for the path else.
    press(&mut window, Modifiers::NONE, Key::ArrowDown);
    press(&mut window, Modifiers::NONE, Key::Enter);
    let path = folder.path().join("holiday/写真/猫の写真.png");
    assert_eq!(window.get_by_label("Path:").value().unwrap(), path.display().to_string());
    press(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "the picture", |app| {
        app.shown().is_some_and(|shown| shown.view.picture == doppelganger::worker::Source::File(path.clone()))
    });
}

#[test]
fn escape_closes_the_list_before_the_question() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("holiday")).unwrap();
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::O);
    window.get_by_label("Path:").type_text(&format!("{}/", folder.path().display()));
    until_label(&mut window, "holiday/");
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(window.query_by_label("holiday/").is_none() && window.query_by_label("Path:").is_some());
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(window.query_by_label("Path:").is_none());
}

#[test]
fn every_text_field_takes_composed_text() {
    let mut window = fresh();
    for (keys, field) in [((Modifiers::COMMAND, Key::K), "Find a command"), ((Modifiers::COMMAND, Key::O), "Path:")] {
        press(&mut window, keys.0, keys.1);
        ime(&mut window, preedit("ねこ"));
        assert_eq!(window.get_by_label(field).value().unwrap(), "ねこ");
        // The Enter that ends the composition is the input method's.
        press(&mut window, Modifiers::NONE, Key::Enter);
        ime(&mut window, ImeEvent::Commit("猫".into()));
        assert_eq!(window.get_by_label(field).value().unwrap(), "猫", "{field}");
        press(&mut window, Modifiers::NONE, Key::Escape);
        press(&mut window, Modifiers::NONE, Key::Escape);
        assert!(window.query_by_label(field).is_none(), "{field} stays");
    }
    let fields = [
        (Key::Num1, "ε as a number"),
        (Key::Num2, "Pictures as a number"),
        (Key::Num4, "Values of ε"),
        (Key::Num4, "Test pictures"),
    ];
    for (tab, field) in fields {
        press(&mut window, Modifiers::COMMAND, tab);
        window.get_by_label(field).focus();
        window.run_steps(2);
        press(&mut window, Modifiers::COMMAND, Key::A);
        ime(&mut window, preedit("0"));
        ime(&mut window, ImeEvent::Commit("0.1".into()));
        assert_eq!(window.get_by_label(field).value().unwrap(), "0.1");
    }
}

#[test]
fn no_shortcut_fires_while_an_input_method_composes() {
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::O);
    ime(&mut window, preedit("に"));
    for (modifiers, key) in [
        (Modifiers::COMMAND, Key::Num2),
        (Modifiers::NONE, Key::Escape),
        (Modifiers::NONE, Key::Enter),
        (Modifiers::NONE, Key::Tab),
        (Modifiers::NONE, Key::F1),
    ] {
        press(&mut window, modifiers, key);
        assert_eq!(app(&window).tab(), Tab::Explore);
        assert!(window.query_by_label("Path:").is_some(), "{key:?} closed the question");
        assert!(window.get_by_label("Path:").is_focused(), "{key:?} took the keyboard");
    }
    // An abandoned composition gives the keys back.
    ime(&mut window, preedit(""));
    press(&mut window, Modifiers::NONE, Key::Escape);
    assert!(window.query_by_label("Path:").is_none());
    press(&mut window, Modifiers::COMMAND, Key::Num2);
    assert_eq!(app(&window).tab(), Tab::Train);
}

#[test]
fn the_class_picker_finds_what_was_composed() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(foreign_net(folder.path()), Catalogue::from_environment());
    press(&mut window, Modifiers::COMMAND, Key::F);
    window.run_steps(3);
    ime(&mut window, preedit("gou"));
    press(&mut window, Modifiers::NONE, Key::ArrowDown);
    ime(&mut window, ImeEvent::Commit("狗".into()));
    press(&mut window, Modifiers::NONE, Key::Enter);
    let target = NAMES.iter().position(|name| *name == "狗").map(Goal::Targeted);
    until(&mut window, "the target", |app| app.shown().is_some_and(|shown| Some(shown.view.goal) == target));
}

/// Waits until text of these letters is no longer made of boxes; `false` if it stays so for this many seconds.
fn gets_a_font(window: &mut Window, text: &str, seconds: u64) -> bool {
    let font = FontId::new(14.0, FontFamily::Proportional);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        if window.ctx.fonts_mut(|fonts| fonts.has_glyphs(&font, text)) {
            return true;
        }
        window.step();
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn names_in_any_script_are_shown_with_the_fonts_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open(foreign_net(folder.path()), Catalogue::from_environment());
    for name in NAMES {
        // fontconfig's own tool is the second opinion on what the system has.
        let Some(letter) = name.chars().next() else { unreachable!() };
        let asked = std::process::Command::new("fc-list").arg(format!(":charset={:x}", letter as u32)).output();
        let Ok(listed) = asked else {
            eprintln!("skipped: fc-list, which says what fonts there are, is missing (Debian package fontconfig)");
            return;
        };
        if listed.stdout.is_empty() {
            eprintln!("skipped: no font here has {letter:?}; Debian's package fonts-wqy-microhei has Chinese");
            continue;
        }
        assert!(gets_a_font(&mut window, name, 20), "{name} is boxes, though there is a font for it");
    }
}

#[test]
fn a_script_that_no_font_has_does_no_harm() {
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::O);
    // Letters for private use, which mean something only where people have agreed on it.
    window.get_by_label("Path:").type_text("/\u{F8FFD}\u{F8FFE}.png");
    assert!(!gets_a_font(&mut window, "\u{F8FFD}", 2));
    assert_eq!(app(&window).notice_texts(), [""; 0]);
}
