//! The Test sets page driven without a display, with the real worker behind it.

use std::sync::Arc;

use crate::window::{Opening, Window};
use doppelganger::app::{Clip, Tab, TestPart};
use doppelganger::engine::attack::{AttackSettings, Goal, Label, Loss, Rules};
use doppelganger::engine::data::{DataSource, Split};
use doppelganger::engine::eval::{EvalPlan, confusion, evaluate, transfer};
use doppelganger::engine::model::Catalogue;
use doppelganger::worker::Source;
use egui::{Key, Modifiers, Theme, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

fn on_test_sets() -> Opening {
    Opening::default().setting("tab", "testsets").setting("eight_bit", true)
}

fn open(opening: Opening) -> Window {
    let mut window = opening.open();
    window.await_nets();
    window
}

/// A small survey: one net and two attacks on 60 pictures.
fn small(window: &mut Window) {
    window.enter("How many as a number", "60");
    window.click("Digits, robust CNN");
    window.retype("Values of ε", "0.1, 64/255");
}

fn measured(window: &mut Window) {
    window.click("Measure");
    window.until("the end of the survey", |app| app.tests().progress.is_none() && app.tests().curves.len() == 2);
}

#[test]
fn what_is_measured_is_what_the_engine_measures() {
    let mut window = open(on_test_sets());
    small(&mut window);
    measured(&mut window);
    let model = Arc::new(Catalogue::new(Vec::new()).load("digits_maxout").unwrap());
    let source = DataSource::Drawn { count: 5000, seed: 0 };
    let data = source.open(Split::Test, &model.classes, &mut |_| true).unwrap();
    let rules = Rules { loss: Loss::LogOdds, ..Rules::default() };
    for name in ["fgsm", "pgd"] {
        let attack = AttackSettings::named(name).unwrap();
        let plan = EvalPlan { rules, limit: Some(60), ..EvalPlan::new(attack.clone(), &[0.1, 64.0 / 255.0]) };
        let expected = evaluate(&model, &data, &plan, |_| true).unwrap();
        let curve = window.app().tests().curves.iter().find(|curve| curve.attack == attack).unwrap();
        assert_eq!(curve.found, expected);
        let counts = confusion(&expected.attacked[1].answers, 10);
        assert_eq!(counts.iter().flatten().sum::<usize>(), 60);
        assert_eq!((0..10).map(|i| counts[i][i]).sum::<usize>(), expected.attacked[1].correct);
    }
    let command = window.app().tests().curve().unwrap().command();
    assert!(command.contains("--models digits_maxout --eps 0.1,0.2509804 --limit 60 --loss log-odds"), "{command}");
    assert!(window.app().tests().table().lines().count() == 1 + 2 * 3, "{}", window.app().tests().table());
    window.check_accessibility();
    // Other settings leave the curves and say that they have changed.
    assert!(!window.has_part("settings have changed"));
    window.retype("Values of ε", "0.2");
    assert!(window.mentions("settings have changed"));
    assert_eq!(window.app().tests().curves.len(), 2);
}

#[test]
fn what_is_on_screen_is_exported_as_a_figure() {
    let mut window = open(on_test_sets());
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_notice("nothing on this page yet to make a figure of");
    small(&mut window);
    measured(&mut window);
    let path = window.folder().join("curves");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_label("Export a figure");
    window.check_accessibility();
    window.enter("Width", "12");
    window.until_part("such as 84mm");
    window.enter("Width", "120mm");
    window.retype("Path:", path.to_str().unwrap());
    window.click("Save");
    window.until_notice("Saved.");
    let pdf = std::fs::read(path.with_extension("pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"), "a name without an ending is a PDF");
    let caption = std::fs::read_to_string(path.with_extension("caption.tex")).unwrap();
    assert!(caption.contains("n = 60") && caption.contains("-{}-models digits\\_maxout"), "{caption}");

    // The width is kept for the next figure, which is of what stands in the middle now.
    window.click("Show: Confusion");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_label("Export a figure");
    assert_eq!(window.value("Width"), "120mm");
    let svg = window.folder().join("confusion.svg");
    window.retype("Path:", svg.to_str().unwrap());
    window.click("Save");
    window.until("the matrix", |_| svg.is_file());
    let text = std::fs::read_to_string(&svg).unwrap();
    assert!(text.contains("\nWhat the net says\n") && text.contains("width=\"120"), "{text}");

    let html = window.folder().join("survey.html");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_label("Export a figure");
    window.retype("Path:", html.to_str().unwrap());
    window.click("Save");
    window.until("the report", |_| html.is_file());
    let report = std::fs::read_to_string(&html).unwrap();
    assert_eq!(report.matches("<svg").count(), 3, "curves, confusion and confidence");
    assert!(report.contains("<td>digits_maxout</td><td>fgsm</td>") && report.contains("doppelganger sweep --data"));

    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::G);
    window.until_notice("Copied the figure (confusion).");
    let Some(Clip::Picture(picture)) = window.app().copied() else { panic!("a picture was copied") };
    // 120 mm at 300 dots per inch.
    assert_eq!(picture.width, 1417);
}

#[test]
fn a_picture_of_the_sheet_is_attacked_in_explore() {
    let mut window = open(on_test_sets());
    small(&mut window);
    window.get_by_label("Clip to [0, 1]").click_accesskit();
    window.run_steps(2);
    measured(&mut window);
    window.click("Show: Pictures");
    window.until("the pictures", |app| app.tests().sheet.as_ref().is_some_and(|sheet| sheet.pictures.len() == 25));
    window.key(Key::PageDown);
    window.key(Key::PageDown);
    window.until("the last page", |app| app.tests().sheet.as_ref().is_some_and(|sheet| sheet.wish.first == 50));
    let sheet = window.app().tests().sheet.clone().unwrap();
    assert_eq!((sheet.pictures.len(), sheet.wish.eps), (10, 64.0 / 255.0), "the largest ε unless another is chosen");
    // The same answers as the survey's.
    let (_, answers) = window.app().tests().answers().unwrap();
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
    window.until("Explore", |app| {
        app.shell.settings.tab == Tab::Explore
            && app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    let shown = window.app().shown().unwrap();
    assert_eq!((shown.view.label, shown.view.eps), (Label::Given(fooled.after.label), 64.0 / 255.0));
    assert_eq!((shown.view.clip, shown.view.eight_bit, shown.view.loss), (false, false, Loss::LogOdds));
    assert_eq!((shown.view.goal, shown.view.own_pixels, shown.view.crop), (Goal::Untargeted, Some(false), None));
    assert_eq!(shown.adversarial_top[0].index, fooled.after.says);
}

#[test]
fn pictures_of_a_search_are_those_that_it_found() {
    let mut window = open(on_test_sets());
    small(&mut window);
    for name in ["FGSM in L∞", "Smallest ε of FGSM", "PGD in L∞, 40 steps, random start", "Saliency map, θ 1, γ 0.1"]
    {
        window.get_by_label(name).click_accesskit();
        window.run_steps(2);
    }
    measured(&mut window);
    // What counts changed values has no ε, and says so.
    let curves = &window.app().tests().curves;
    let (counted, smallest) = (&curves[0], &curves[1]);
    assert_eq!(counted.found.attacked.iter().map(|result| result.eps).collect::<Vec<_>>(), [f32::INFINITY]);
    assert!(counted.command().starts_with("doppelganger eval --data drawn:5000 --model digits_maxout --attack jsma"));
    assert!(window.query_all_by_label_contains("see Lengths").count() == 1);
    assert!(window.query_all_by_label_contains("Accuracy against ε of 1 curve").count() == 1);
    let name = "Digits, maxout 240×5 · Smallest ε of FGSM in L∞, up to 0.251";
    let lengths = smallest.found.lengths.clone().unwrap();
    window.click(name);
    window.click("Show: Pictures");
    window.until("the pictures", |app| app.tests().sheet.is_some());
    let sheet = window.app().tests().sheet.clone().unwrap();
    let right = sheet.pictures.iter().filter(|picture| picture.before.is_right());
    for (picture, length) in right.zip(lengths) {
        assert_eq!(picture.after.is_right(), length.is_infinite());
        assert_eq!(picture.length, if length.is_finite() { length } else { 0.0 });
    }
    let fooled = sheet.pictures.iter().find(|picture| picture.length > 0.0).expect("one is fooled");
    let name = format!("{}, fooled", sheet.classes[fooled.after.label]);
    window.get_all_by_label_contains(&name).next().unwrap().click();
    window.until("Explore", |app| {
        app.shell.settings.tab == Tab::Explore
            && app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    let shown = window.app().shown().unwrap();
    assert_eq!((&shown.view.attack, shown.view.eps), (&AttackSettings::default(), fooled.length));
    assert_eq!(shown.adversarial_top[0].index, fooled.after.says);
}

#[test]
fn pictures_come_before_the_survey_is_through() {
    let mut window = open(on_test_sets());
    window.click("Measure");
    window.until("the first curve", |app| !app.tests().curves.is_empty());
    window.click("Show: Pictures");
    window.until("the pictures", |app| app.tests().sheet.is_some());
    assert!(window.app().tests().progress.is_some() && window.app().tests().curves.len() < 4);
    window.click("Stop");
    window.until("the stop", |app| app.tests().progress.is_none());
}

#[test]
fn curves_are_removed_one_by_one_and_all_together() {
    let mut window = open(on_test_sets());
    small(&mut window);
    measured(&mut window);
    window.get_all_by_label("Remove").next().unwrap().click();
    window.run_steps(2);
    assert_eq!(window.app().tests().curves.iter().map(|curve| curve.attack.name()).collect::<Vec<_>>(), ["pgd"]);
    window.click("Remove all curves");
    assert!(window.app().tests().curves.is_empty());
    // An empty page has its one button in the middle.
    window.click("Measure with these settings");
    window.until("a curve", |app| !app.tests().curves.is_empty());
    assert!(!window.has("Measure with these settings"));
}

#[test]
fn settings_are_kept_between_starts() {
    let mut window = open(on_test_sets());
    small(&mut window);
    window.get_by_label("Smallest ε of PGD").click_accesskit();
    window.run_steps(2);
    let choices = window.app().tests().choices.clone();
    assert_eq!((choices.n, &*choices.eps, &*choices.smallest), (60, "0.1, 64/255", &["pgd".to_owned()][..]));
    assert_eq!(window.reopen().app().tests().choices, choices);
}

#[test]
fn nets_are_shown_the_pictures_of_others() {
    let mut window = open(on_test_sets());
    window.enter("How many as a number", "40");
    window.click("Transfer");
    window.until("the matrix", |app| app.tests().transferred.is_some() && app.tests().progress.is_none());
    let found = window.app().tests().transferred.clone().unwrap();
    let nets: Vec<_> =
        found.survey.nets.iter().map(|net| Arc::new(Catalogue::new(Vec::new()).load(net).unwrap())).collect();
    assert_eq!((nets.len(), found.n, window.app().tests().part), (2, 40, TestPart::Transfer));
    let data = found.survey.data.open(Split::Test, &nets[0].classes, &mut |_| true).unwrap();
    let plan = EvalPlan {
        rules: found.survey.rules,
        limit: Some(40),
        ..EvalPlan::new(found.survey.attacks[0].clone(), &[0.3])
    };
    assert_eq!(found.right, transfer(&nets, &data, &plan, |_, _| true).unwrap());
    // Each net on its own pictures is what evaluating it gives.
    for (at, net) in nets.iter().enumerate() {
        assert_eq!(found.right[at][at], evaluate(net, &data, &plan, |_| true).unwrap().attacked[0].correct);
    }
    window.check_accessibility();
    let table = found.table().unwrap().csv();
    assert!(table.contains("\ndigits_maxout,digits_cnn_robust,fgsm,linf,0.3,40,"), "{table}");
    let command = "doppelganger transfer --data drawn:5000 --models digits_maxout,digits_cnn_robust --eps 0.3 --limit \
                   40 --loss log-odds";
    assert_eq!(found.command(), command);
    window.click("Copy the table");
    // None of its fields has a comma inside.
    assert_eq!(window.app().copied(), Some(Clip::Text(table.replace(',', "\t"))));
    assert_eq!(window.notices(), ["Copied the table of transfer, 4 rows with tabs between."]);
}

#[test]
fn lengths_are_shown_and_pixels_are_treated_as_asked() {
    let mut window = open(on_test_sets());
    small(&mut window);
    // Below the end of the list until it is scrolled there.
    for name in ["Clip to [0, 1]", "8 bit", "Smallest ε of FGSM"] {
        window.get_by_label(name).click_accesskit();
        window.run_steps(2);
    }
    window.query_all_by_label_contains("PGD").next().expect("a box for PGD").click_accesskit();
    window.run_steps(2);
    measured(&mut window);
    let curves = &window.app().tests().curves;
    let (fgsm, smallest) = (&curves[0], &curves[1]);
    assert_eq!(fgsm.survey.rules, Rules { bounds: None, eight_bit: true, loss: Loss::LogOdds, seed: 0 });
    assert!(fgsm.command().ends_with("--no-clip --8-bit --loss log-odds"), "{}", fgsm.command());
    assert!(window.mentions("not clipped, rounded to 8 bits"));
    let lengths = smallest.found.lengths.clone().expect("a search finds lengths");
    let fooled = lengths.iter().filter(|length| length.is_finite()).count();
    assert!(fooled > 10, "{lengths:?}");
    let text = format!("{fooled} of {} pictures that it had right", lengths.len());
    // FGSM is chosen and has no lengths.
    window.click("Show: Lengths");
    assert!(window.mentions(&text), "{text}");
    // The bars count every picture once.
    let counted: usize = window
        .query_all_by_label_contains(" need")
        .filter_map(|node| node.accesskit_node().value()?.split(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(counted, fooled);
}

#[test]
fn a_survey_can_be_stopped_and_what_it_measured_stays() {
    let mut window = open(on_test_sets());
    window.enter("How many as a number", "1000");
    window.click("Measure");
    window.until("the first curve", |app| !app.tests().curves.is_empty());
    window.click("Stop");
    window.until("the stop", |app| app.tests().progress.is_none());
    assert!((1..4).contains(&window.app().tests().curves.len()));
}

#[test]
fn what_cannot_be_measured_is_told() {
    let mut window = open(on_test_sets());
    for (text, part) in [("much", "much"), (" ", "There is no ε")] {
        window.retype("Values of ε", text);
        assert!(window.mentions(part), "{text}");
    }
    window.retype("Values of ε", "0.1");
    window.retype("Test pictures", "/no/such/folder");
    window.click("Measure");
    window.until("a message", |app| app.tests().progress.is_none() && !app.tests().problems.is_empty());
    assert!(window.app().tests().problems[0].contains("/no/such/folder"), "{:?}", window.app().tests().problems);
    // A net for other pictures does not keep the others from being measured.
    window.retype("Test pictures", "drawn:500");
    window.enter("How many as a number", "20");
    window.click("Photos of 64×64, 109 classes");
    window.click("Measure");
    window.until("the digits", |app| app.tests().progress.is_none() && app.tests().curves.len() >= 4);
}

#[test]
fn damaged_pictures_are_listed_at_once_and_skipped_by_a_button() {
    let opening = on_test_sets();
    let pictures = opening.folder().join("digits");
    for number in 0..40_u8 {
        let class = pictures.join((number % 10).to_string());
        std::fs::create_dir_all(&class).unwrap();
        let path = class.join(format!("{number}.png"));
        image::GrayImage::from_pixel(28, 28, image::Luma([number])).save(&path).unwrap();
        if number % 13 == 5 {
            std::fs::write(path, "damaged").unwrap();
        }
    }
    let mut window = open(opening);
    window.retype("Values of ε", "0.1");
    window.retype("Test pictures", pictures.to_str().unwrap());
    window.click("Measure");
    window.until("the damage", |app| app.tests().progress.is_none() && !app.tests().problems.is_empty());
    for part in ["3 of the 40 pictures cannot be read", "5.png", "18.png", "31.png"] {
        assert!(window.has_part(part), "{part}");
    }
    assert_eq!(window.app().tests().problems.len(), 1, "one list for two nets");
    window.click("Skip them and measure");
    window.until("the curves", |app| app.tests().progress.is_none() && !app.tests().curves.is_empty());
    assert!(window.app().tests().problems.is_empty() && window.app().tests().choices.skip_damaged);
    assert_eq!(window.app().tests().curves[0].found.n, 37);
    assert!(window.has_part("left out: 3 of 40"));
    window.check_accessibility();
}

#[test]
fn every_part_fits_into_small_and_large_windows_in_both_themes() {
    for (size, theme) in [
        (vec2(800.0, 600.0), Theme::Dark),
        (vec2(1280.0, 800.0), Theme::Light),
        (vec2(1920.0, 1080.0), Theme::Dark),
        (vec2(1920.0, 1080.0), Theme::Light),
    ] {
        let mut window = open(on_test_sets().size(size));
        window.ctx.set_theme(theme);
        window.click("Measure");
        window.until("a curve", |app| !app.tests().curves.is_empty());
        for (name, part) in [
            ("Curves", TestPart::Curves),
            ("Pictures", TestPart::Sheet),
            ("Confusion", TestPart::Confusion),
            ("Confidence", TestPart::Confidence),
            ("Lengths", TestPart::Lengths),
            ("Transfer", TestPart::Transfer),
        ] {
            window.click(&format!("Show: {name}"));
            assert_eq!(window.app().tests().part, part);
            window.check_accessibility();
            window.assert_buttons_fit(name);
        }
    }
}
