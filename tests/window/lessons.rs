//! The talk, the stage, votes, and the person's own picture, driven without a display.

use doppelganger::app::Tab;
use doppelganger::worker::Source;
use egui::{Event, Key, pos2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::window::{Opening, Window, fresh};

const TALK: &str = "The deck in 15 minutes";

/// Presses Page Down until this step is on screen.
fn go_to(window: &mut Window, heading: &str) {
    for _ in 0..60 {
        if window.has(heading) {
            return window.settle();
        }
        window.key(Key::PageDown);
    }
    panic!("no step {heading:?}");
}

fn step(window: &Window) -> usize {
    window.app().shell.lessons.current().expect("a lesson is open").1
}

#[test]
fn page_down_goes_through_the_whole_talk_and_reveals_on_the_way() {
    let mut window = fresh();
    window.command(Key::E);
    let (lesson, _) = window.app().shell.lessons.current().expect("the talk is the first");
    assert_eq!(lesson.title, TALK);
    let steps = lesson.steps.clone();
    for (number, of) in steps.iter().enumerate() {
        window.get_by_label(&of.heading);
        assert_eq!(step(&window), number);
        assert_eq!(window.app().shell.lessons.is_hiding(), of.keeps_back());
        if of.keeps_back() {
            window.key(Key::PageDown);
            assert_eq!((step(&window), window.app().shell.lessons.is_hiding()), (number, false));
        }
        window.check_accessibility();
        window.key(Key::PageDown);
    }
    assert_eq!(step(&window), steps.len() - 1, "it ends there");
    window.get_by_label("Done");
}

#[test]
fn keys_count_raised_hands_and_the_score_is_shown_in_the_end() {
    let mut window = fresh();
    window.begin_lesson(TALK);
    go_to(&mut window, "A small, worst-case change");
    let attack = window.app().shell.explore.view.attack.clone();
    for key in [Key::Num2, Key::Num1, Key::Num1, Key::Num2, Key::Num1, Key::Backspace, Key::Num2] {
        window.key(key);
    }
    window.step();
    assert_eq!(window.app().shell.lessons.votes(), [2, 3]);
    assert_eq!(window.app().shell.explore.view.attack, attack, "they are no keys of attacks here");
    let value = window.get_by_label("Another class").accesskit_node().value();
    assert_eq!(value.as_deref(), Some("3 of 5 votes"));
    window.key(Key::PageDown);
    let value = window.get_by_label("Another class").accesskit_node().value();
    assert_eq!(value.as_deref(), Some("3 of 5 votes; right"));
    window.get_by_label("Most said: Another class (3 of 5)");
    go_to(&mut window, "Thank you");
    window.get_by_label_contains("Score of the class: 1 of 1 question where the class was right. 3 of 5 votes");
    window.key(Key::PageUp);
    window.key(Key::Num2);
    window.settle();
    assert_ne!(window.app().shell.explore.view.attack, attack, "without a question they are");
}

#[test]
fn speaker_notes_come_when_asked_for() {
    let mut window = fresh();
    window.begin_lesson(TALK);
    assert!(!window.has_part("Everybody knows the left rule"));
    window.key(Key::N);
    window.get_by_label_contains("Everybody knows the left rule");
    window.get_by_label_contains("until here 1 of 15\u{a0}min");
    window.key(Key::N);
    assert!(!window.has_part("Everybody knows the left rule"));
}

#[test]
fn the_stage_hides_every_bar_and_its_text_is_large() {
    for lines in [720.0, 1080.0] {
        let mut window = Opening::on_a_digit().size(vec2(lines * 16.0 / 9.0, lines)).open();
        window.begin_lesson(TALK);
        window.key(Key::F11);
        assert!(window.app().shell.is_on_stage());
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
            assert!(!window.has(name), "{name} is a control of a bar");
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
        window.key(Key::Escape);
        assert!(!window.app().shell.is_on_stage() && window.app().shell.lessons.is_open());
        window.get_by_label("Tab: Explore");
    }
}

#[test]
fn on_the_stage_pictures_stay_where_they_are_and_figures_take_their_place() {
    let mut window = Opening::on_a_digit().size(vec2(1280.0, 720.0)).open();
    window.begin_lesson(TALK);
    window.key(Key::F11);
    let mut seen = Vec::new();
    let steps = window.app().shell.lessons.current().unwrap().0.steps.clone();
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
    window.begin_lesson(TALK);
    window.key(Key::F11);
    assert!(!window.has("Step back"));
    window.event(Event::PointerMoved(pos2(600.0, 300.0)));
    window.step();
    window.event(Event::PointerMoved(pos2(620.0, 310.0)));
    window.run_steps(2);
    window.get_by_label("Step back");
    window.get_by_label("Speaker notes");
    window.click("Next");
    assert_eq!(step(&window), 1);
    window.event(Event::PointerMoved(pos2(620.0, 300.0)));
    window.rest(3.5);
    assert!(!window.has("Step back"), "it goes after a few seconds");
}

#[test]
fn outside_a_lesson_f11_is_the_whole_screen_with_its_bars() {
    let mut window = fresh();
    window.key(Key::F11);
    assert!(!window.app().shell.is_on_stage());
    window.get_by_label("Tab: Explore");
}

#[test]
fn the_panda_lesson_takes_a_panda_where_there_is_one() {
    let mut window = fresh();
    let panda = window.folder().join("panda.png");
    let grey: Vec<u8> = (0..64 * 64 * 3).map(|i| (i % 251) as u8).collect();
    let picture = doppelganger::engine::picture::Picture::new(64, 64, 3, grey);
    doppelganger::engine::picture::save_png(&picture, &panda, &[]).unwrap();
    window.begin_lesson("Panda and gibbon");
    let view = &window.shown().view;
    assert_eq!((view.model.as_str(), &view.picture), ("efficientnet_lite0", &Source::Sample("chelsea".into())));
    window.get_by_label("Open… in the lesson");
    window.get_by_label("Paste in the lesson");
    go_to(&mut window, "A small ε");
    assert_eq!(window.shown().view.picture, Source::Sample("chelsea".into()), "a photo stands in");
    window.key(Key::PageUp);
    window.settle();
    window.drop_file(&panda);
    window.until("the panda", |app| app.shell.lessons.yours().is_some());
    for heading in ["A small ε", "Look at the doppelgänger", "Gibbon, please"] {
        go_to(&mut window, heading);
        assert_eq!(window.shown().view.picture, Source::File(panda.clone()), "{heading}");
    }
    window.begin_lesson(TALK);
    go_to(&mut window, "Panda and gibbon");
    assert_eq!(window.shown().view.picture, Source::File(panda));
    go_to(&mut window, "Your photo, please");
    assert_eq!(window.shown().view.picture, Source::Sample("astronaut".into()), "that one is about another picture");
}

#[test]
fn figures_follow_what_is_on_screen_and_can_be_clicked() {
    let mut window = fresh();
    window.begin_lesson(TALK);
    go_to(&mut window, "Which way?");
    window.get_by_label("The direction of the attack: away from espresso");
    window.click("vulture");
    window.settle();
    window.get_by_label("The direction of the attack: towards vulture");
    window.click("espresso");
    window.settle();
    window.get_by_label("The direction of the attack: away from espresso");
    go_to(&mut window, "How far?");
    window.click("ε = .07 slide");
    window.settle();
    assert_eq!(window.app().shell.explore.view.eps, 0.07);
    assert!(window.shown().view.eight_bit);
    go_to(&mut window, "You need more capacity");
    window.get_by_label_contains("pictures have a doppelgänger within ε");
    window.click("More units");
    window.get_by_label_contains("A drawing: 0 of 16 pictures");
    go_to(&mut window, "Ain't nobody got time for that");
    window.until("the curve", |app| app.shown().is_some_and(|shown| app.shell.why.current(shown).is_some()));
    window.get_by_label_contains("Logits against ε");
    assert_eq!(window.app().shell.settings.tab, Tab::Explore);
}
