//! The talk, the stage, votes, and the person's own picture, driven without a display.

use doppelganger::app::{Start, Tab};
use doppelganger::worker::Source;
use eframe::egui::{Event, Key, Modifiers, pos2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::explore::{Window, app, drop_file, fresh, open_sized, press, settle, shown, until};

const TALK: &str = "The deck in 15 minutes";

fn begin(window: &mut Window<'_>, title: &str) {
    window.get_by_label("Lessons").click();
    window.run_steps(3);
    window.get_by_label(&format!("Lesson: {title}")).click();
    settle(window);
}

/// Presses Page Down until this step is on screen.
fn go_to(window: &mut Window<'_>, heading: &str) {
    for _ in 0..60 {
        if window.query_by_label(heading).is_some() {
            return settle(window);
        }
        press(window, Modifiers::NONE, Key::PageDown);
        window.step();
    }
    panic!("no step {heading:?}");
}

fn step(window: &Window<'_>) -> usize {
    app(window).lessons().current().expect("a lesson is open").1
}

#[test]
fn page_down_goes_through_the_whole_talk_and_reveals_on_the_way() {
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::E);
    window.run_steps(2);
    let (lesson, _) = app(&window).lessons().current().expect("the talk is the first");
    assert_eq!(lesson.title, TALK);
    let steps = lesson.steps.clone();
    for (number, of) in steps.iter().enumerate() {
        window.get_by_label(&of.heading);
        assert_eq!(step(&window), number);
        assert_eq!(app(&window).lessons().is_hiding(), of.keeps_back());
        if of.keeps_back() {
            press(&mut window, Modifiers::NONE, Key::PageDown);
            window.run_steps(2);
            assert_eq!((step(&window), app(&window).lessons().is_hiding()), (number, false));
        }
        window.check_accessibility();
        press(&mut window, Modifiers::NONE, Key::PageDown);
        window.run_steps(2);
    }
    assert_eq!(step(&window), steps.len() - 1, "it ends there");
    window.get_by_label("Done");
}

#[test]
fn keys_count_raised_hands_and_the_score_is_shown_in_the_end() {
    let mut window = fresh();
    begin(&mut window, TALK);
    go_to(&mut window, "A small, worst-case change");
    let attack = app(&window).explore().view.attack.clone();
    for key in [Key::Num2, Key::Num1, Key::Num1, Key::Num2, Key::Num1, Key::Backspace, Key::Num2] {
        press(&mut window, Modifiers::NONE, key);
    }
    window.step();
    assert_eq!(app(&window).lessons().votes(), [2, 3]);
    assert_eq!(app(&window).explore().view.attack, attack, "they are no keys of attacks here");
    let value = window.get_by_label("Another class").accesskit_node().value();
    assert_eq!(value.as_deref(), Some("3 of 5 votes"));
    press(&mut window, Modifiers::NONE, Key::PageDown);
    window.run_steps(2);
    let value = window.get_by_label("Another class").accesskit_node().value();
    assert_eq!(value.as_deref(), Some("3 of 5 votes; right"));
    window.get_by_label("Most said: Another class (3 of 5)");
    go_to(&mut window, "Thank you");
    window.get_by_label_contains("Score of the class: 1 of 1 question where the class was right. 3 of 5 votes");
    press(&mut window, Modifiers::NONE, Key::PageUp);
    press(&mut window, Modifiers::NONE, Key::Num2);
    settle(&mut window);
    assert_ne!(app(&window).explore().view.attack, attack, "without a question they are");
}

#[test]
fn speaker_notes_come_when_asked_for() {
    let mut window = fresh();
    begin(&mut window, TALK);
    assert!(window.query_by_label_contains("Everybody knows the left rule").is_none());
    press(&mut window, Modifiers::NONE, Key::N);
    window.run_steps(2);
    window.get_by_label_contains("Everybody knows the left rule");
    window.get_by_label_contains("until here 1 of 15\u{a0}min");
    press(&mut window, Modifiers::NONE, Key::N);
    window.run_steps(2);
    assert!(window.query_by_label_contains("Everybody knows the left rule").is_none());
}

#[test]
fn the_stage_hides_every_bar_and_its_text_is_large() {
    for lines in [720.0, 1080.0] {
        let mut window = open_sized(Start::default(), None, vec2(lines * 16.0 / 9.0, lines));
        begin(&mut window, TALK);
        press(&mut window, Modifiers::NONE, Key::F11);
        window.run_steps(2);
        assert!(app(&window).is_on_stage());
        go_to(&mut window, "A small, worst-case change");
        let bars = [
            "Tab: Explore",
            "Model",
            "Lessons",
            "More",
            "Open…",
            "ε",
            "Step back",
            "Close the lesson",
            "Help",
            "Theme",
        ];
        for name in bars {
            assert!(window.query_by_label(name).is_none(), "{name} is a control of a bar");
        }
        let text = window.get_by_label_contains("This net knows a thousand things.");
        // Of a line, as it is on screen: all of it lies in the window, and a line is as high as its type at least.
        let (node, scale) = (text.rect(), window.ctx.content_rect().height() / lines);
        let rows = (node.height() / (1.1 * 30.0 * lines / 1080.0 * scale)).round();
        assert!(rows >= 2.0 && node.width() < 0.36 * lines * 16.0 / 9.0, "{node:?}");
        let heading = window.get_by_label("A small, worst-case change").rect();
        assert!(heading.height() >= 30.0 * lines / 1080.0 * scale, "{heading:?}");
        window.get_by_label_contains("Original picture, the net says espresso with 9");
        window.get_by_label("ε on the stage");
        window.check_accessibility();
        press(&mut window, Modifiers::NONE, Key::Escape);
        window.run_steps(2);
        assert!(!app(&window).is_on_stage() && app(&window).lessons().is_open());
        window.get_by_label("Tab: Explore");
    }
}

#[test]
fn on_the_stage_pictures_stay_where_they_are_and_figures_take_their_place() {
    let mut window = open_sized(Start::default(), None, vec2(1280.0, 720.0));
    begin(&mut window, TALK);
    press(&mut window, Modifiers::NONE, Key::F11);
    window.run_steps(2);
    let mut seen = Vec::new();
    let steps = app(&window).lessons().current().unwrap().0.steps.clone();
    for of in &steps {
        go_to(&mut window, &of.heading);
        let place = window.query_by_label_contains("Original picture").map(|node| node.rect());
        assert_eq!(place.is_none(), of.figure.is_some(), "{}", of.heading);
        seen.extend(place);
    }
    assert!(seen.len() > 3 && seen.iter().all(|place| *place == seen[0]), "{seen:?}");
}

#[test]
fn a_bar_comes_while_the_pointer_moves_and_goes() {
    let mut window = fresh();
    begin(&mut window, TALK);
    press(&mut window, Modifiers::NONE, Key::F11);
    window.run_steps(2);
    assert!(window.query_by_label("Step back").is_none());
    window.event(Event::PointerMoved(pos2(600.0, 300.0)));
    window.step();
    window.event(Event::PointerMoved(pos2(620.0, 310.0)));
    window.run_steps(2);
    window.get_by_label("Step back");
    window.get_by_label("Speaker notes");
    window.get_by_label("Next").click();
    window.run_steps(2);
    assert_eq!(step(&window), 1);
    window.event(Event::PointerMoved(pos2(620.0, 300.0)));
    // A step of the harness is a quarter of a second.
    window.run_steps(14);
    assert!(window.query_by_label("Step back").is_none(), "it goes after a few seconds");
}

#[test]
fn outside_a_lesson_f11_is_the_whole_screen_with_its_bars() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::F11);
    window.run_steps(2);
    assert!(!app(&window).is_on_stage());
    window.get_by_label("Tab: Explore");
}

#[test]
fn the_panda_lesson_takes_a_panda_where_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let panda = folder.path().join("panda.png");
    let grey: Vec<u8> = (0..64 * 64 * 3).map(|i| (i % 251) as u8).collect();
    let picture = doppelganger::engine::picture::Picture::new(64, 64, 3, grey);
    doppelganger::engine::picture::save_png(&picture, &panda, &[]).unwrap();
    let mut window = fresh();
    begin(&mut window, "Panda and gibbon");
    let view = &shown(&window).view;
    assert_eq!((view.model.as_str(), &view.picture), ("efficientnet_lite0", &Source::Sample("chelsea".into())));
    window.get_by_label("Open… in the lesson");
    window.get_by_label("Paste in the lesson");
    go_to(&mut window, "A small ε");
    assert_eq!(shown(&window).view.picture, Source::Sample("chelsea".into()), "a photo stands in");
    press(&mut window, Modifiers::NONE, Key::PageUp);
    settle(&mut window);
    drop_file(&mut window, &panda);
    until(&mut window, "the panda", |app| app.lessons().yours().is_some());
    for heading in ["A small ε", "Look at the doppelgänger", "Gibbon, please"] {
        go_to(&mut window, heading);
        assert_eq!(shown(&window).view.picture, Source::File(panda.clone()), "{heading}");
    }
    begin(&mut window, TALK);
    go_to(&mut window, "Panda and gibbon");
    assert_eq!(shown(&window).view.picture, Source::File(panda));
    go_to(&mut window, "Your photo, please");
    assert_eq!(shown(&window).view.picture, Source::Sample("astronaut".into()), "that one is about another picture");
}

#[test]
fn figures_follow_what_is_on_screen_and_can_be_clicked() {
    let mut window = fresh();
    begin(&mut window, TALK);
    go_to(&mut window, "Which way?");
    window.get_by_label("The direction of the attack: away from espresso");
    window.get_by_label("vulture").click();
    settle(&mut window);
    window.get_by_label("The direction of the attack: towards vulture");
    window.get_by_label("espresso").click();
    settle(&mut window);
    window.get_by_label("The direction of the attack: away from espresso");
    go_to(&mut window, "How far?");
    window.get_by_label("ε = .07 slide").click();
    settle(&mut window);
    assert_eq!(app(&window).explore().view.eps, 0.07);
    assert!(shown(&window).view.eight_bit);
    go_to(&mut window, "You need more capacity");
    window.get_by_label_contains("pictures have a doppelgänger within ε");
    window.get_by_label("More units").click();
    window.run_steps(2);
    window.get_by_label_contains("A drawing: 0 of 16 pictures");
    go_to(&mut window, "Ain't nobody got time for that");
    until(&mut window, "the curve", |app| app.shown().is_some_and(|shown| app.why().current(shown).is_some()));
    window.get_by_label_contains("Logits against ε");
    assert_eq!(app(&window).tab(), Tab::Explore);
}
