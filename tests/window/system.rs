//! What the window shares with the system: its clipboard, its file dialogs, its fonts, its input methods.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::window::{Opening, Window};
use doppelganger::app::{Clip, Tab};
use doppelganger::engine::attack::Goal;
use egui::{Event, FontFamily, FontId, ImeEvent, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

/// A class of each of these scripts: Chinese, Arabic, Devanagari, Cyrillic.
const NAMES: [&str; 10] = ["猫", "狗", "قطة", "कुत्ता", "собака", "птица", "a", "b", "c", "d"];

fn on_a_digit() -> Opening {
    Opening::on_a_digit().may_lack_glyphs()
}

fn fresh() -> Window {
    on_a_digit().open()
}

fn ime(window: &mut Window, event: ImeEvent) {
    window.event(Event::Ime(event));
    window.run_steps(2);
}

fn preedit(text: &str) -> ImeEvent {
    ImeEvent::Preedit { text: text.into(), active_range_chars: None }
}

/// A net whose classes have names in many scripts: a bundled one under other names.
fn foreign_net(folder: &Path) -> Opening {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifest = std::fs::read_to_string(models.join("digits_softmax.toml")).unwrap();
    let digits = r#"["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]"#;
    assert!(manifest.contains(digits));
    std::fs::write(folder.join("動物.toml"), manifest.replace(digits, &serde_json::to_string(&NAMES).unwrap()))
        .unwrap();
    std::fs::copy(models.join("digits_softmax.safetensors"), folder.join("digits_softmax.safetensors")).unwrap();
    on_a_digit().model(folder.join("動物.toml").display().to_string())
}

#[test]
fn a_notice_says_what_was_copied() {
    let mut window = fresh();
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::C);
    window.until("the notice", |app| !app.notice_texts().is_empty());
    assert_eq!(window.notices(), ["Copied the adversarial picture, 28 × 28 pixels."]);
    let Some(Clip::Picture(picture)) = window.app().copied() else { panic!("no picture was copied") };
    assert_eq!(picture.bytes.len(), 4 * 28 * 28);
    window.command(Key::Num2);
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    window.until("the command", |app| matches!(app.copied(), Some(Clip::Text(_))));
    let Some(Clip::Text(line)) = window.app().copied() else { unreachable!() };
    assert!(line.starts_with("doppelganger train"), "{line}");
    assert!(window.notices()[0].starts_with("Copied the command of "), "{:?}", window.notices());
    assert!(window.notices()[0].ends_with(&line));
}

#[test]
fn without_file_dialogs_the_path_is_typed_and_completed() {
    let mut window = fresh();
    std::fs::create_dir_all(window.folder().join("holiday/写真")).unwrap();
    let grey = image::GrayImage::from_pixel(28, 28, image::Luma([90]));
    grey.save(window.folder().join("holiday/写真/猫の写真.png")).unwrap();
    std::fs::write(window.folder().join("holiday/hello.txt"), "").unwrap();
    window.command(Key::O);
    window.type_text("Path:", &format!("{}/hol", window.folder().display()));
    window.until_label("holiday/");
    window.key(Key::Tab);
    assert_eq!(window.value("Path:"), format!("{}/holiday/", window.folder().display()));
    assert!(window.get_by_label("Path:").is_focused());
    window.until_label("写真/");
    assert!(!window.has("hello.txt"), "it is no picture");
    window.key(Key::Tab);
    window.until_label("猫の写真.png");
    // Enter takes what the arrow keys chose, and is for the path else.
    window.key(Key::ArrowDown);
    window.key(Key::Enter);
    let path = window.folder().join("holiday/写真/猫の写真.png");
    assert_eq!(window.value("Path:"), path.display().to_string());
    window.key(Key::Enter);
    window.until_shown("the picture", |shown| shown.view.picture == doppelganger::worker::Source::File(path.clone()));
}

#[test]
fn escape_closes_the_list_before_the_question() {
    let mut window = fresh();
    std::fs::create_dir(window.folder().join("holiday")).unwrap();
    window.command(Key::O);
    window.type_text("Path:", &format!("{}/", window.folder().display()));
    window.until_label("holiday/");
    window.key(Key::Escape);
    assert!(!window.has("holiday/") && window.has("Path:"));
    window.key(Key::Escape);
    assert!(!window.has("Path:"));
}

#[test]
fn every_text_field_takes_composed_text() {
    let mut window = fresh();
    for (keys, field) in [((Modifiers::COMMAND, Key::K), "Find a command"), ((Modifiers::COMMAND, Key::O), "Path:")] {
        window.press(keys.0, keys.1);
        ime(&mut window, preedit("ねこ"));
        assert_eq!(window.value(field), "ねこ");
        // The Enter that ends the composition is the input method's.
        window.key(Key::Enter);
        ime(&mut window, ImeEvent::Commit("猫".into()));
        assert_eq!(window.value(field), "猫", "{field}");
        window.key(Key::Escape);
        window.key(Key::Escape);
        assert!(!window.has(field), "{field} stays");
    }
    let fields = [
        (Key::Num1, "ε as a number"),
        (Key::Num2, "α as a number"),
        (Key::Num4, "Values of ε"),
        (Key::Num4, "Test pictures"),
    ];
    for (tab, field) in fields {
        window.command(tab);
        window.focus(field);
        window.command(Key::A);
        ime(&mut window, preedit("0"));
        ime(&mut window, ImeEvent::Commit("0.1".into()));
        assert_eq!(window.value(field), "0.1");
    }
}

#[test]
fn no_shortcut_fires_while_an_input_method_composes() {
    let mut window = fresh();
    window.command(Key::O);
    ime(&mut window, preedit("に"));
    for (modifiers, key) in [
        (Modifiers::COMMAND, Key::Num2),
        (Modifiers::NONE, Key::Escape),
        (Modifiers::NONE, Key::Enter),
        (Modifiers::NONE, Key::Tab),
        (Modifiers::NONE, Key::F1),
    ] {
        window.press(modifiers, key);
        assert_eq!(window.app().shell.settings.tab, Tab::Explore);
        assert!(window.has("Path:"), "{key:?} closed the question");
        assert!(window.get_by_label("Path:").is_focused(), "{key:?} took the keyboard");
    }
    // An abandoned composition gives the keys back.
    ime(&mut window, preedit(""));
    window.key(Key::Escape);
    assert!(!window.has("Path:"));
    window.command(Key::Num2);
    assert_eq!(window.app().shell.settings.tab, Tab::Train);
}

#[test]
fn the_class_picker_finds_what_was_composed() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = foreign_net(folder.path()).open();
    window.command(Key::F);
    ime(&mut window, preedit("gou"));
    window.key(Key::ArrowDown);
    ime(&mut window, ImeEvent::Commit("狗".into()));
    window.key(Key::Enter);
    let target = NAMES.iter().position(|name| *name == "狗").map(Goal::Targeted);
    window.until_shown("the target", |shown| Some(shown.view.goal) == target);
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
    let mut window = foreign_net(folder.path()).open();
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
    window.command(Key::O);
    // Letters for private use, which mean something only where people have agreed on it.
    window.type_text("Path:", "/\u{F8FFD}\u{F8FFE}.png");
    assert!(!gets_a_font(&mut window, "\u{F8FFD}", 2));
    assert_eq!(window.notices(), [""; 0]);
}
