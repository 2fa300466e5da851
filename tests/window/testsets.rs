//! The Test sets page driven without a display, with the real worker behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doppelganger::app::{App, Clip, Start, Tab, TestPart};
use doppelganger::engine::attack::{AttackSettings, Goal, Label, Loss, Rules};
use doppelganger::engine::data::{DataSource, Split};
use doppelganger::engine::eval::{Plan, confusion, evaluate, transfer};
use doppelganger::engine::model::Catalogue;
use doppelganger::worker::Source;
use eframe::egui::{Key, Modifiers, Theme, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

type Window<'a> = Harness<'a, Option<App>>;

fn open(size: Vec2) -> Window<'static> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), r#"{ "tab": "testsets", "eight_bit": true }"#).unwrap();
    open_again(size, folder)
}

/// With the settings of this folder.
fn open_again(size: Vec2, folder: tempfile::TempDir) -> Window<'static> {
    let mut folder = Some(folder);
    let mut window = Harness::builder().with_size(size).build_ui_state(
        move |ui, app: &mut Option<App>| match app {
            Some(app) => {
                app.tick(&ui.ctx().clone());
                app.draw(ui);
            }
            None => {
                let folder = folder.take().expect("built once");
                let settings = Some(folder.path().join("settings.json"));
                *app = Some(App::with_settings(ui.ctx(), Start::default(), settings).expect("a window"));
                ui.ctx().request_repaint();
            }
        },
        None,
    );
    until(&mut window, "the list of models", |app| !app.explore().catalogue.is_empty() && app.shown().is_some());
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
        let told = window.state().as_ref().map(|app| app.tests().problems.join("; ")).unwrap_or_default();
        assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for {what}; problems: {told:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn press(window: &mut Window<'_>, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(2);
}

fn retype(window: &mut Window<'_>, field: &str, text: &str) {
    window.get_by_label(field).focus();
    window.step();
    press(window, Modifiers::COMMAND, Key::A);
    window.get_by_label(field).type_text(text);
    window.step();
}

/// A small survey: one net and two attacks on 60 pictures.
fn small(window: &mut Window<'_>) {
    retype(window, "How many as a number", "60");
    press(window, Modifiers::NONE, Key::Enter);
    window.get_by_label("Digits, robust CNN").click();
    window.run_steps(2);
    retype(window, "Values of ε", "0.1, 64/255");
}

fn measured(window: &mut Window<'_>) {
    window.get_by_label("Measure").click();
    until(window, "the end of the survey", |app| app.tests().progress.is_none() && app.tests().curves.len() == 2);
}

#[test]
fn what_is_measured_is_what_the_engine_measures() {
    let mut window = open(vec2(1280.0, 800.0));
    small(&mut window);
    measured(&mut window);
    let model = Arc::new(Catalogue::new(Vec::new()).load("digits_maxout").unwrap());
    let source = DataSource::Drawn { count: 5000, seed: 0 };
    let data = source.open(Split::Test, &model.classes, &mut |_| true).unwrap();
    let rules = Rules { loss: Loss::LogOdds, ..Rules::default() };
    for name in ["fgsm", "pgd"] {
        let attack = AttackSettings::named(name).unwrap();
        let plan = Plan { rules, limit: Some(60), ..Plan::new(attack.clone(), &[0.1, 64.0 / 255.0]) };
        let expected = evaluate(&model, &data, &plan, |_, _| true).unwrap();
        let curve = app(&window).tests().curves.iter().find(|curve| curve.attack == attack).unwrap();
        assert_eq!(curve.found, expected);
        let counts = confusion(&expected.attacked[1].answers, 10);
        assert_eq!(counts.iter().flatten().sum::<usize>(), 60);
        assert_eq!((0..10).map(|i| counts[i][i]).sum::<usize>(), expected.attacked[1].correct);
    }
    let command = app(&window).tests().curve().unwrap().command();
    assert!(command.contains("--models digits_maxout --eps 0.1,0.2509804 --limit 60 --loss log-odds"), "{command}");
    assert!(app(&window).tests().table().lines().count() == 1 + 2 * 3, "{}", app(&window).tests().table());
    window.check_accessibility();
    // Other settings leave the curves and say that they have changed.
    assert!(window.query_by_label_contains("settings have changed").is_none());
    retype(&mut window, "Values of ε", "0.2");
    window.run_steps(2);
    assert!(window.query_all_by_label_contains("settings have changed").count() > 0);
    assert_eq!(app(&window).tests().curves.len(), 2);
}

#[test]
fn a_picture_of_the_sheet_is_attacked_in_explore() {
    let mut window = open(vec2(1280.0, 800.0));
    small(&mut window);
    window.get_by_label("Clip to [0, 1]").click_accesskit();
    window.run_steps(2);
    measured(&mut window);
    window.get_by_label("Show: Pictures").click();
    until(&mut window, "the pictures", |app| {
        app.tests().sheet.as_ref().is_some_and(|sheet| sheet.pictures.len() == 25)
    });
    press(&mut window, Modifiers::NONE, Key::PageDown);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    until(&mut window, "the last page", |app| app.tests().sheet.as_ref().is_some_and(|sheet| sheet.wish.first == 50));
    let sheet = app(&window).tests().sheet.clone().unwrap();
    assert_eq!((sheet.pictures.len(), sheet.wish.eps), (10, 64.0 / 255.0), "the largest ε unless another is chosen");
    // The same answers as the survey's.
    let (_, answers) = app(&window).tests().answers().unwrap();
    let shown: Vec<_> = sheet.pictures.iter().map(|picture| picture.after).collect();
    assert_eq!(
        shown.iter().map(|a| (a.label, a.says)).collect::<Vec<_>>(),
        answers[50..].iter().map(|a| (a.label, a.says)).collect::<Vec<_>>()
    );
    let fooled = sheet
        .pictures
        .iter()
        .find(|picture| picture.before.is_right() && !picture.after.is_right())
        .expect("one is fooled");
    let name = format!("{}, fooled", sheet.classes[fooled.after.label]);
    window.get_all_by_label_contains(&name).next().unwrap().click();
    until(&mut window, "Explore", |app| {
        app.tab() == Tab::Explore
            && app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    let shown = app(&window).shown().unwrap();
    assert_eq!((shown.view.label, shown.view.eps), (Label::Given(fooled.after.label), 64.0 / 255.0));
    assert_eq!((shown.view.clip, shown.view.eight_bit, shown.view.loss), (false, false, Loss::LogOdds));
    assert_eq!((shown.view.goal, shown.view.own_pixels, shown.view.crop), (Goal::Untargeted, Some(false), None));
    assert_eq!(shown.adversarial_top[0].index, fooled.after.says);
}

#[test]
fn pictures_of_a_search_are_those_that_it_found() {
    let mut window = open(vec2(1280.0, 800.0));
    small(&mut window);
    for name in ["FGSM in L∞", "Smallest ε of FGSM", "PGD in L∞, 40 steps, random start", "Saliency map, θ 1, γ 0.1"]
    {
        window.get_by_label(name).click_accesskit();
        window.run_steps(2);
    }
    measured(&mut window);
    // What counts changed values has no ε, and says so.
    let curves = &app(&window).tests().curves;
    let (counted, smallest) = (&curves[0], &curves[1]);
    assert_eq!(counted.found.attacked.iter().map(|result| result.eps).collect::<Vec<_>>(), [f32::INFINITY]);
    assert!(counted.command().starts_with("doppelganger eval --data drawn:5000 --model digits_maxout --attack jsma"));
    assert!(window.query_all_by_label_contains("see Lengths").count() == 1);
    assert!(window.query_all_by_label_contains("Accuracy against ε of 1 curve").count() == 1);
    let name = "Digits, maxout 240×5 · Smallest ε of FGSM in L∞, up to 0.251";
    let lengths = smallest.found.lengths.clone().unwrap();
    window.get_by_label(name).click();
    window.run_steps(2);
    window.get_by_label("Show: Pictures").click();
    until(&mut window, "the pictures", |app| app.tests().sheet.is_some());
    let sheet = app(&window).tests().sheet.clone().unwrap();
    let right = sheet.pictures.iter().filter(|picture| picture.before.is_right());
    for (picture, length) in right.zip(lengths) {
        assert_eq!(picture.after.is_right(), length.is_infinite());
        assert_eq!(picture.length, if length.is_finite() { length } else { 0.0 });
    }
    let fooled = sheet.pictures.iter().find(|picture| picture.length > 0.0).expect("one is fooled");
    let name = format!("{}, fooled", sheet.classes[fooled.after.label]);
    window.get_all_by_label_contains(&name).next().unwrap().click();
    until(&mut window, "Explore", |app| {
        app.tab() == Tab::Explore
            && app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    let shown = app(&window).shown().unwrap();
    assert_eq!((&shown.view.attack, shown.view.eps), (&AttackSettings::default(), fooled.length));
    assert_eq!(shown.adversarial_top[0].index, fooled.after.says);
}

#[test]
fn pictures_come_before_the_survey_is_through() {
    let mut window = open(vec2(1280.0, 800.0));
    window.get_by_label("Measure").click();
    until(&mut window, "the first curve", |app| !app.tests().curves.is_empty());
    window.get_by_label("Show: Pictures").click();
    until(&mut window, "the pictures", |app| app.tests().sheet.is_some());
    assert!(app(&window).tests().progress.is_some() && app(&window).tests().curves.len() < 4);
    window.get_by_label("Stop").click();
    until(&mut window, "the stop", |app| app.tests().progress.is_none());
}

#[test]
fn curves_are_removed_one_by_one_and_all_together() {
    let mut window = open(vec2(1280.0, 800.0));
    small(&mut window);
    measured(&mut window);
    window.get_all_by_label("Remove").next().unwrap().click();
    window.run_steps(2);
    assert_eq!(app(&window).tests().curves.iter().map(|curve| curve.attack.name()).collect::<Vec<_>>(), ["pgd"]);
    window.get_by_label("Remove all curves").click();
    window.run_steps(2);
    assert!(app(&window).tests().curves.is_empty());
    // An empty page has its one button in the middle.
    window.get_by_label("Measure with these settings").click();
    until(&mut window, "a curve", |app| !app.tests().curves.is_empty());
    assert!(window.query_by_label("Measure with these settings").is_none());
}

#[test]
fn settings_are_kept_between_starts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), r#"{ "tab": "testsets" }"#).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("settings.json"), copy.path().join("settings.json"));
    let mut window = open_again(vec2(1280.0, 800.0), folder);
    small(&mut window);
    window.get_by_label("Smallest ε of PGD").click_accesskit();
    window.run_steps(2);
    let choices = app(&window).tests().choices.clone();
    assert_eq!((choices.n, &*choices.eps, &*choices.smallest), (60, "0.1, 64/255", &["pgd".to_owned()][..]));
    window.state_mut().as_mut().unwrap().close();
    std::fs::copy(from, to).unwrap();
    assert_eq!(app(&open_again(vec2(1280.0, 800.0), copy)).tests().choices, choices);
}

#[test]
fn nets_are_shown_the_pictures_of_others() {
    let mut window = open(vec2(1280.0, 800.0));
    retype(&mut window, "How many as a number", "40");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.get_by_label("Transfer").click();
    until(&mut window, "the matrix", |app| app.tests().transferred.is_some() && app.tests().progress.is_none());
    let found = app(&window).tests().transferred.clone().unwrap();
    let nets: Vec<_> =
        found.survey.nets.iter().map(|net| Arc::new(Catalogue::new(Vec::new()).load(net).unwrap())).collect();
    assert_eq!((nets.len(), found.n, app(&window).tests().part), (2, 40, TestPart::Transfer));
    let data = found.survey.data.open(Split::Test, &nets[0].classes, &mut |_| true).unwrap();
    let plan =
        Plan { rules: found.survey.rules, limit: Some(40), ..Plan::new(found.survey.attacks[0].clone(), &[0.3]) };
    assert_eq!(found.right, transfer(&nets, &data, &plan, |_, _| true).unwrap());
    // Each net on its own pictures is what evaluating it gives.
    for (at, net) in nets.iter().enumerate() {
        assert_eq!(found.right[at][at], evaluate(net, &data, &plan, |_, _| true).unwrap().attacked[0].correct);
    }
    window.check_accessibility();
    let table = found.table().unwrap().csv();
    assert!(table.contains("\ndigits_maxout,digits_cnn_robust,fgsm,linf,0.3,40,"), "{table}");
    let command = "doppelganger transfer --data drawn:5000 --models digits_maxout,digits_cnn_robust --eps 0.3 --limit 40 --loss log-odds";
    assert_eq!(found.command(), command);
    window.get_by_label("Copy the table").click();
    window.run_steps(3);
    assert_eq!(app(&window).copied(), Some(Clip::Text(table)));
    assert_eq!(app(&window).notice_texts(), ["Copied the table of transfer, 4 rows as CSV."]);
}

#[test]
fn lengths_are_shown_and_pixels_are_treated_as_asked() {
    let mut window = open(vec2(1280.0, 800.0));
    small(&mut window);
    // Below the end of the list until it is scrolled there.
    for name in ["Clip to [0, 1]", "8 bit", "Smallest ε of FGSM"] {
        window.get_by_label(name).click_accesskit();
        window.run_steps(2);
    }
    window.query_all_by_label_contains("PGD").next().expect("a box for PGD").click_accesskit();
    window.run_steps(2);
    measured(&mut window);
    let curves = &app(&window).tests().curves;
    let (fgsm, smallest) = (&curves[0], &curves[1]);
    assert_eq!(fgsm.survey.rules, Rules { bounds: None, eight_bit: true, loss: Loss::LogOdds, seed: 0 });
    assert!(fgsm.command().ends_with("--no-clip --8-bit --loss log-odds"), "{}", fgsm.command());
    assert!(window.query_all_by_label_contains("not clipped, rounded to 8 bits").count() > 0);
    let lengths = smallest.found.lengths.clone().expect("a search finds lengths");
    let fooled = lengths.iter().filter(|length| length.is_finite()).count();
    assert!(fooled > 10, "{lengths:?}");
    let text = format!("{fooled} of {} pictures that it had right", lengths.len());
    // FGSM is chosen and has no lengths.
    window.get_by_label("Show: Lengths").click();
    window.run_steps(2);
    assert!(window.query_all_by_label_contains(&text).count() > 0, "{text}");
    // The bars count every picture once.
    let counted: usize = window
        .query_all_by_label_contains(" need")
        .filter_map(|node| node.accesskit_node().value()?.split(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(counted, fooled);
}

#[test]
fn a_survey_can_be_stopped_and_what_it_measured_stays() {
    let mut window = open(vec2(1280.0, 800.0));
    retype(&mut window, "How many as a number", "1000");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.get_by_label("Measure").click();
    until(&mut window, "the first curve", |app| !app.tests().curves.is_empty());
    window.get_by_label("Stop").click();
    until(&mut window, "the stop", |app| app.tests().progress.is_none());
    assert!((1..4).contains(&app(&window).tests().curves.len()));
}

#[test]
fn what_cannot_be_measured_is_told() {
    let mut window = open(vec2(1280.0, 800.0));
    for (text, part) in [("much", "much"), (" ", "There is no ε")] {
        retype(&mut window, "Values of ε", text);
        window.run_steps(2);
        assert!(window.query_all_by_label_contains(part).count() > 0, "{text}");
    }
    retype(&mut window, "Values of ε", "0.1");
    retype(&mut window, "Test pictures", "/no/such/folder");
    window.get_by_label("Measure").click();
    until(&mut window, "a message", |app| app.tests().progress.is_none() && !app.tests().problems.is_empty());
    assert!(app(&window).tests().problems[0].contains("/no/such/folder"), "{:?}", app(&window).tests().problems);
    // A net for other pictures does not keep the others from being measured.
    retype(&mut window, "Test pictures", "drawn:500");
    retype(&mut window, "How many as a number", "20");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.get_by_label("Photos of 64×64, 109 classes").click();
    window.run_steps(2);
    window.get_by_label("Measure").click();
    until(&mut window, "the digits", |app| app.tests().progress.is_none() && app.tests().curves.len() >= 4);
}

#[test]
fn every_part_fits_into_small_and_large_windows_in_both_themes() {
    for (size, theme) in [
        (vec2(800.0, 600.0), Theme::Dark),
        (vec2(1280.0, 800.0), Theme::Light),
        (vec2(1920.0, 1080.0), Theme::Dark),
        (vec2(1920.0, 1080.0), Theme::Light),
    ] {
        let mut window = open(size);
        window.ctx.set_theme(theme);
        window.get_by_label("Measure").click();
        until(&mut window, "a curve", |app| !app.tests().curves.is_empty());
        for part in ["Curves", "Pictures", "Confusion", "Confidence", "Lengths", "Transfer"] {
            window.get_by_label(&format!("Show: {part}")).click();
            window.run_steps(3);
            window.check_accessibility();
        }
    }
}
