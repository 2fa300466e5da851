//! The window driven without a display, with the real worker behind it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::sample_as_file;
use crate::window::{Opening, Window, fresh};
use doppelganger::app::{Clip, Standing, Tab, standing_before};
use doppelganger::engine::attack::{AttackSettings, Goal, GradientSteps, Label, Loss, Norm, Verdict};
use doppelganger::engine::data::{Invert, sample, samples};
use doppelganger::engine::picture::PictureKind;
use doppelganger::worker::{Shown, Source};
use egui::{Color32, ColorImage, Event, Key, Modifiers, PointerButton, Role, Theme, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

/// Saves the adversarial picture under this path, up to the notice of it.
fn save(window: &mut Window, path: &Path) {
    window.command(Key::S);
    window.enter("Path:", path.to_str().unwrap());
    window.until_notice("Saved");
}

fn eps(shown: &Shown) -> f32 {
    assert!(shown.view.is_fgsm(), "expected FGSM");
    shown.view.eps
}

#[test]
fn the_first_thing_seen_is_a_result() {
    let window = fresh();
    let first = window.shown();
    assert_eq!(first.view.picture, Source::Sample("digit-7".into()));
    assert_eq!((eps(first), first.view.clip, first.view.label), (0.25, true, Label::Predicted));
    assert!(first.linf > 0.2 && first.linf <= 0.25 + 1e-6);
    assert_eq!(first.verdict, Verdict::Fooled, "the default view shows the point of the program");
    assert!(window.has("Fooled"));
    let before = format!("before: {}", first.clean_top[0].name);
    assert!(window.mentions(&before), "no bar says {before:?}");
    assert!(window.has_part("label: the net's own answer"));
    assert!(window.has_part("clipping on"));
    assert!(window.notices().is_empty());
}

#[test]
fn epsilon_moves_by_keyboard_and_the_verdict_follows() {
    let mut window = fresh();
    window.focus("Epsilon");
    window.key(Key::Home);
    window.settle();
    assert_eq!((eps(window.shown()), window.shown().verdict), (0.0, Verdict::StillRight));
    assert!(window.shown().perturbation.values.iter().all(|d| *d == 0.0));
    assert!(window.has("Not fooled yet"));
    window.key(Key::ArrowRight);
    window.settle();
    assert!((eps(window.shown()) - 1.0 / 255.0).abs() < 1e-6);
    window.press(Modifiers::SHIFT, Key::ArrowRight);
    window.settle();
    assert!((eps(window.shown()) - 1.1 / 255.0).abs() < 1e-6);
    window.key(Key::End);
    window.settle();
    assert_eq!((eps(window.shown()), window.shown().verdict), (0.5, Verdict::Fooled));
}

#[test]
fn shortcuts_work_and_are_text_inside_a_field() {
    let mut window = fresh();
    window.key(Key::OpenBracket);
    window.settle();
    assert!((eps(window.shown()) - (0.25 - 1.0 / 255.0)).abs() < 1e-6);
    window.key(Key::C);
    window.settle();
    assert!(!window.shown().view.clip);
    window.focus("ε as a number");
    window.key(Key::C);
    assert!(!window.app().shell.explore.view.clip, "C in a text field is a letter");
}

#[test]
fn a_preset_is_one_click() {
    let mut window = fresh();
    window.click("8/255");
    window.settle();
    assert!((eps(window.shown()) - 8.0 / 255.0).abs() < 1e-7);
    assert!(window.has_part("8 grey levels"));
}

#[test]
fn a_number_can_be_typed_and_nonsense_gives_a_message() {
    let mut window = fresh();
    window.enter("ε as a number", "abc");
    assert!(window.has_part("expected a number"), "no message");
    assert_eq!(window.value("ε as a number"), "abc", "what was typed is kept");
    assert_eq!(window.app().shell.explore.view.eps, 0.25);
    window.enter("ε as a number", "8/255");
    window.settle();
    assert!((eps(window.shown()) - 8.0 / 255.0).abs() < 1e-7);
    assert!(!window.has_part("expected a number"), "the message stays though it is mended");
    window.enter("ε as a number", "0.9");
    assert!(window.has_part("the largest is 0.5"));
}

#[test]
fn every_sample_can_be_chosen() {
    let mut window = fresh();
    // The photos, and then the digits.
    window.click("The photographs that come with the program");
    window.settle();
    for sample in samples() {
        if sample.is_digit() && !window.has("Sample: A drawn 0") {
            window.click("The digits that come with the program");
            window.settle();
        }
        window.click(&format!("Sample: {}", sample.title));
        window.settle();
        let view = &window.shown().view;
        assert_eq!(view.picture, Source::Sample(sample.name.into()));
        // Each is shown to a net that reads such pictures.
        assert_eq!(view.model, if sample.is_digit() { "digits_maxout" } else { "efficientnet_lite0" });
    }
    window.key(Key::PageUp);
    window.settle();
    let last_but_one = &samples()[samples().len() - 2];
    assert_eq!(window.shown().view.picture, Source::Sample(last_but_one.name.into()));
}

#[test]
fn a_file_that_is_not_there_leaves_the_picture_on_screen() {
    let mut window = fresh();
    let revision = window.shown().revision;
    window.event(Event::Paste("/no/such/picture.png".into()));
    window.until("a notice", |app| !app.notice_texts().is_empty());
    assert!(window.notices()[0].contains("/no/such/picture.png"));
    assert!(window.has_part("/no/such/picture.png"));
    window.settle();
    assert!(window.shown().revision >= revision);
    assert_eq!(window.shown().view.picture, Source::Sample("digit-7".into()));
    // Epsilon still works, and the notice stays until it is put away.
    window.key(Key::OpenBracket);
    window.settle();
    assert_eq!(window.notices().len(), 1);
    window.click("Dismiss");
    assert!(window.notices().is_empty());
}

#[test]
fn a_dropped_picture_is_attacked() {
    let mut window = fresh();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/digits/4.png");
    window.drop_file(&path);
    window.until_shown("the dropped picture", |shown| shown.view.picture == Source::File(path.clone()));
    assert_eq!(window.shown().label.name, "4");
}

#[test]
fn a_pasted_picture_is_attacked() {
    let mut window = fresh();
    let image = ColorImage::filled([40, 30], Color32::GRAY);
    window.event(Event::PasteImage(image.into()));
    window.until_shown("the pasted picture", |shown| matches!(shown.view.picture, Source::Memory { .. }));
    assert_eq!(window.shown().picture_size, (40, 30));
}

#[test]
fn a_target_is_found_by_name_and_chosen_by_keyboard() {
    let mut window = fresh();
    let wanted = 3;
    let name = window.shown().model.classes[wanted].clone();
    window.command(Key::F);
    assert!(window.get_by_label("Target class").is_focused());
    assert!(window.has(&name), "the list of all classes opens at once");
    window.type_text("Target class", &name);
    window.key(Key::Enter);
    window.settle();
    assert_eq!(window.shown().view.goal, Goal::Targeted(wanted));
    assert!(window.shown().target_prob.is_some());
    // Back: any other answer will do.
    window.click("Goal: Away from the label");
    window.settle();
    assert_eq!(window.shown().view.goal, Goal::Untargeted);
}

#[test]
fn a_class_that_is_not_there_is_said_so() {
    let mut window = fresh();
    window.command(Key::F);
    window.type_text("Target class", "zeppelin");
    assert!(window.has_part("No class is called"));
    window.key(Key::Escape);
    assert!(!window.has_part("No class is called"));
    assert_eq!(window.app().shell.explore.view.goal, Goal::Untargeted);
}

#[test]
fn a_label_can_be_given_and_goes_with_the_picture() {
    let mut window = fresh();
    let wrong = (window.shown().label.index + 1) % window.shown().model.classes.len();
    let name = window.shown().model.classes[wrong].clone();
    window.click("Label: Given…");
    window.type_text("Given label", &name);
    window.key(Key::Enter);
    window.settle();
    assert_eq!((window.shown().view.label, window.shown().label.index), (Label::Given(wrong), wrong));
    assert!(window.has_part("label: given"));
    window.key(Key::PageUp);
    window.settle();
    assert_eq!(window.shown().view.label, Label::Predicted, "a label belongs to the picture that it was given for");
}

fn gradient(window: &Window) -> GradientSteps {
    match window.shown().view.attack {
        AttackSettings::Gradient(gradient) => gradient,
        ref other => panic!("expected gradient steps, found {other}"),
    }
}

#[test]
fn gradient_steps_have_their_own_controls() {
    let mut window = fresh();
    window.key(Key::Num2);
    window.settle();
    assert_eq!(gradient(&window).steps, 10);
    window.focus("Number of steps");
    window.key(Key::ArrowRight);
    window.settle();
    assert_eq!(gradient(&window).steps, 11);
    window.focus("Eta");
    window.key(Key::End);
    window.settle();
    assert_eq!(gradient(&window).eta, 100.0);
    window.check_accessibility();
}

#[test]
fn pictures_of_8_bits_are_a_switch() {
    let mut window = fresh();
    window.enter("ε as a number", "0.4/255");
    window.settle();
    assert!(window.shown().linf > 0.0);
    window.click("8 bit");
    window.settle();
    assert_eq!(window.shown().linf, 0.0);
    assert!(window.has("rounded to 8 bits"));
    window.key(Key::B);
    window.settle();
    assert!(window.shown().linf > 0.0);
}

#[test]
fn a_view_in_a_file_is_opened_with_all_its_settings() {
    let mut window = fresh();
    let path = window.folder().join("view.toml");
    let text = r#"
        model = "digits_cnn"
        picture = "digit-4"
        target = "9"
        label = "4"
        eps = 0.08
        clip = false
        [attack]
        name = "bim"
        norm = "linf"
        steps = 5
        [why]
        open = true
        has_logits = true
        second = "digits_maxout"
        is_own = true
    "#;
    std::fs::write(&path, format!("step = 2\ncontrols_seed = 6\n{text}")).unwrap();
    window.drop_file(&path);
    window.until_shown("the view", |shown| shown.view.goal == Goal::Targeted(9) && shown.view.step == Some(2));
    assert!(window.shown().timeline.is_over, "the film is whole");
    window.until("the other net", |app| app.shell.why.second().is_some_and(|second| second.wish.is_own));
    window.until("the controls", |app| app.shell.why.controls().is_some_and(|controls| controls.seed == 6));
    assert!(window.has("Values: Logits"));
    let view = &window.shown().view;
    assert_eq!((view.model.as_str(), &view.picture), ("digits_cnn", &Source::Sample("digit-4".into())));
    assert_eq!((view.label, view.eps, view.clip), (Label::Given(4), 0.08, false));
    assert_eq!(view.attack.to_string(), "bim in L∞, 5 steps");
    // A broken one says where, and changes nothing.
    let before = view.clone();
    std::fs::write(&path, "model = \"digits_cnn\"\neps = \"much\"").unwrap();
    window.drop_file(&path);
    window.until_notice("line 2");
    assert_eq!(window.shown().view, before);
}

#[test]
fn steps_too_short_to_be_seen_are_said_to_be() {
    let mut window = fresh();
    window.key(Key::Num2);
    window.finish();
    assert!(window.shown().linf < 0.5 / 255.0);
    assert!(window.has_part("η is too small here: the gradient's largest value is"));
    window.click("Follow the log-odds");
    window.finish();
    assert!(window.shown().linf > 0.5 / 255.0);
    assert!(!window.has_part("η is too small here"));
}

#[test]
fn the_dock_fits_whatever_its_groups_say() {
    let mut window = fresh();
    window.key(Key::Num4);
    window.finish();
    window.click("Label: Given…");
    for has_target in [false, true] {
        if has_target {
            window.command(Key::F);
        }
        window.run_steps(3);
        assert_eq!(window.has("Target class"), has_target);
        assert!(window.has("Given label"));
        let last = window.get_by_label("Log-odds").rect();
        assert!(last.right() <= 1280.0 - 16.0, "{last:?}");
        let parameters = window.get_by_label("Parameters of the attack").rect();
        assert!((96.0..=240.0).contains(&parameters.width()), "{parameters:?}");
    }
}

#[test]
fn the_form_of_carlini_and_wagner_has_all_of_its_parameters() {
    let mut window = fresh();
    window.key(Key::Num7);
    window.finish();
    window.click("Parameters of the attack");
    window.enter("First c as a number", "0.5");
    window.get_by_role_and_label(Role::CheckBox, "Give up early").click();
    window.finish();
    let AttackSettings::CarliniWagner(cw) = window.shown().view.attack else { panic!("another attack") };
    assert_eq!((cw.initial_c, cw.abort_early), (0.5, false));
}

#[test]
fn every_attack_of_the_list_works_on_the_first_picture() {
    let mut window = fresh();
    for attack in AttackSettings::all() {
        let title = attack.info().title;
        window.click("Attack");
        // The list is longer than what is seen of it.
        window.get_by(|node| node.label().is_some_and(|label| label == title)).scroll_to_me();
        window.run_steps(20);
        window.get_by(|node| node.label().is_some_and(|label| label == title)).click();
        window.finish();
        assert_eq!(window.shown().view.attack, attack);
        // Noise does not fool, and ten short steps along the gradient of so sure a net do not either.
        let is_weak = matches!(attack, AttackSettings::Noise(_) | AttackSettings::Gradient(_));
        assert_eq!(window.shown().verdict == Verdict::Fooled, !is_weak, "{attack}");
        assert!(window.mentions(title));
        window.check_accessibility();
    }
}

#[test]
fn the_parameters_of_an_attack_are_set_in_its_form() {
    let mut window = fresh();
    window.key(Key::Num4);
    window.finish();
    window.click("Parameters of the attack");
    window.click("Norm: L2");
    window.focus("Steps as a number");
    window.enter("Steps as a number", "many");
    assert!(window.has_part("expected a whole number from 1 to"));
    window.enter("Steps as a number", "7");
    window.finish();
    let view = &window.shown().view;
    let AttackSettings::Pgd(pgd) = view.attack else { panic!("{}", view.attack) };
    assert_eq!((pgd.norm, pgd.steps, view.eps), (Norm::L2, 7, 2.0));
    assert!(window.shown().length <= 2.0 + 1e-4, "{}", window.shown().length);
    window.check_accessibility();
    // Another start.
    let before = window.shown().adversarial.values.clone();
    window.key(Key::Escape);
    window.key(Key::R);
    window.finish();
    assert_eq!(window.shown().view.seed, 1);
    assert_ne!(window.shown().adversarial.values, before);
    // Each attack is left as it was set, and undo takes it back.
    window.key(Key::Num1);
    window.finish();
    assert_eq!((window.shown().view.eps, window.shown().view.attack.norm()), (0.25, Norm::Linf), "ε of its own norm");
    window.key(Key::Num4);
    window.finish();
    assert_eq!(window.shown().view.attack, AttackSettings::Pgd(pgd));
}

#[test]
fn an_attack_is_played_paused_and_gone_through() {
    let mut window = fresh();
    window.key(Key::Num3);
    window.finish();
    let end = window.shown().adversarial.values.clone();
    window.key(Key::Comma);
    window.settle();
    assert_eq!(window.shown().timeline.step, 9);
    window.key(Key::Comma);
    window.settle();
    assert_eq!((window.shown().timeline.step, window.shown().timeline.done), (8, 10));
    assert!(window.shown().linf < 0.25 * 0.81);
    window.key(Key::Period);
    window.key(Key::Period);
    window.settle();
    assert!(window.shown().timeline.is_result && window.shown().adversarial.values == end);
    // From the end it is played from the untouched picture on.
    window.key(Key::K);
    window.until_shown("the film", |shown| (1..9).contains(&shown.timeline.step));
    assert!(window.has("Pause the attack"));
    window.key(Key::K);
    window.settle();
    let paused = window.shown().timeline.step;
    assert!(paused < 10 && window.has("Play the attack"));
    std::thread::sleep(Duration::from_millis(700));
    window.run_steps(3);
    assert_eq!(window.shown().timeline.step, paused);
    window.key(Key::K);
    window.until_shown("the result", |shown| shown.timeline.is_result);
    // A change of the attack begins it anew.
    window.key(Key::Comma);
    window.settle();
    window.key(Key::OpenBracket);
    window.finish();
    assert!(window.shown().timeline.is_result && window.shown().linf < 0.25);
}

#[test]
fn a_linear_net_shows_its_formula() {
    let lead = "remaining margin: ";
    let mut window = fresh();
    window.key(Key::F);
    assert!(!window.has_part(lead), "a net with kinks has none");
    let mut window = Opening::on_a_digit().model("digits_softmax").open();
    window.click("Why FGSM is exact here");
    let linear = window.shown().linear.clone().unwrap();
    let label = window.shown().label.name.clone();
    window.get_by_label(&format!("Picture of sign(w({}) − w({label}))", linear.class));
    window.get_by_label_contains(&format!("ε = {:.4} turns the answer", linear.rival.least_eps()));
    let left = |window: &Window| window.get_by_label_contains(lead).accesskit_node().value().unwrap();
    let before = left(&window);
    window.key(Key::OpenBracket);
    window.settle();
    assert_ne!(left(&window), before, "it follows ε");
    window.check_accessibility();
    window.click("Close the formula");
    assert!(!window.has_part(lead));
}

#[test]
fn the_theme_and_the_size_of_type_can_be_switched() {
    let mut window = fresh();
    for theme in [Theme::Light, Theme::Dark] {
        window.command(Key::T);
        assert_eq!(window.ctx.theme(), theme);
    }
    window.command(Key::L);
    assert!(window.ctx.zoom_factor() > 1.2);
    window.check_accessibility();
    assert!(window.has("Epsilon"));
}

#[test]
fn every_tab_fits_into_usual_and_large_windows_in_both_themes() {
    for size in [vec2(1280.0, 800.0), vec2(1920.0, 1080.0)] {
        let mut window = Opening::on_a_digit().size(size).open();
        window.await_nets();
        for theme in [Theme::Light, Theme::Dark] {
            window.ctx.set_theme(theme);
            for (key, tab) in [
                (Key::Num1, Tab::Explore),
                (Key::Num2, Tab::Train),
                (Key::Num3, Tab::Models),
                (Key::Num4, Tab::TestSets),
            ] {
                window.command(key);
                assert_eq!(window.app().shell.settings.tab, tab);
                window.check_accessibility();
                window.assert_buttons_fit(&format!("{tab:?}"));
            }
        }
    }
}

#[test]
fn everything_has_a_name_and_the_help_lists_the_shortcuts() {
    let mut window = fresh();
    window.key(Key::W);
    window.check_accessibility();
    for name in ["Model", "Open…", "Draw…", "Menu", "More", "Reset ε", "Clip to [0, 1]", "Gain of the middle picture"]
    {
        assert!(window.has(name), "nothing is called {name:?}");
    }
    window.key(Key::F1);
    for shortcut in ["Ctrl+O", "Ctrl+S", "]", "hold Space"] {
        assert!(window.query_all_by_label(shortcut).count() > 0, "the help does not say {shortcut:?}");
    }
    window.check_accessibility();
    window.key(Key::Escape);
    assert!(!window.has("hold Space"));
}

#[test]
fn a_drawn_digit_is_attacked_while_it_is_drawn() {
    let mut window = fresh();
    window.click("Draw…");
    let square = window.get_by_label("Drawing of 0 strokes").rect();
    let at = |x: f32, y: f32| square.min + vec2(x, y) * square.size();
    let stroke: Vec<_> = (0..10).map(|i| at(0.5, 0.2 + 0.06 * i as f32)).collect();
    window.drag(&stroke);
    window.settle();
    let Source::Memory { name, picture } = &window.shown().view.picture else { panic!("the drawing is not shown") };
    assert_eq!((name.as_str(), picture.width, picture.height), ("your drawing", 28, 28));
    assert!(picture.bytes.iter().any(|b| *b > 128), "a white stroke");
    assert!(picture.bytes[..28].iter().all(|b| *b < 128), "on black");
    window.check_accessibility();
    window.get_by_label_contains("Undo stroke").click();
    window.settle();
    let Source::Memory { picture, .. } = &window.shown().view.picture else { panic!("the drawing is not shown") };
    assert!(picture.bytes.iter().all(|b| *b == 0), "nothing is left after the only stroke is undone");
}

#[test]
fn the_saved_file_is_judged_again() {
    let mut window = fresh();
    let path = window.folder().join("seven.png");
    window.command(Key::S);
    window.check_accessibility();
    window.enter("Path:", path.to_str().unwrap());
    window.until("the notice of saving", |app| !app.notice_texts().is_empty());
    let notice = window.notices()[0].to_owned();
    let now = window.shown().adversarial_top[0].name.clone();
    assert!(notice.contains("Read again") && notice.contains(&now), "{notice}");
    assert!(path.is_file());
    // What is there already is replaced only after a question.
    std::fs::write(&path, b"dear").unwrap();
    window.command(Key::S);
    window.get_by_label_contains("A PNG of the size that the net sees, 28×28.");
    window.retype("Path:", path.to_str().unwrap());
    window.click("Save");
    window.get_by_label_contains("There is a file of this name already");
    window.check_accessibility();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(std::fs::read(&path).unwrap(), b"dear");
    window.click("Replace");
    window.until("the other content", |_| std::fs::read(&path).unwrap() != b"dear");
}

#[test]
fn recent_files_begin_with_their_name_and_those_that_are_gone_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holiday.png");
    image::GrayImage::from_pixel(28, 28, image::Luma([90])).save(&path).unwrap();
    let mut window = Opening::on_a_digit().picture(path.clone()).open();
    window.key(Key::PageDown);
    window.settle();
    window.command(Key::O);
    std::fs::remove_file(&path).unwrap();
    // The question grows by a line when it turns out that the system has no dialog: a click may be too high by then.
    while let Some(recent) = window.query_by_label(path.to_str().unwrap()) {
        recent.click();
        window.run_steps(3);
    }
    window.until_notice("holiday.png");
    window.settle();
    window.command(Key::Backspace);
    window.command(Key::O);
    assert!(!window.has(path.to_str().unwrap()), "it is still offered");
}

#[test]
fn the_usual_eps_is_that_of_the_kind_of_net_until_it_is_moved() {
    let mut window = Opening::on_a_digit().picture("coffee").model("photos109").open();
    let few = 2.0 / 255.0;
    assert_eq!(eps(window.shown()), few, "at once");
    let choose = |window: &mut Window, name: &str| {
        window.find_command(name);
        window.settle();
        eps(window.shown())
    };
    assert_eq!(choose(&mut window, "softmax"), 0.25);
    assert_eq!(choose(&mut window, "109 classes"), few);
    window.click("8/255");
    window.settle();
    assert_eq!(choose(&mut window, "softmax"), 0.25, "that of digits was not moved");
    // Changes that follow each other quickly are taken back as one.
    window.rest(0.7);
    choose(&mut window, "109 classes");
    window.command(Key::Z);
    window.settle();
    assert_eq!((window.shown().view.model.as_str(), eps(window.shown())), ("digits_softmax", 0.25));
}

#[test]
fn a_picture_of_the_command_line_is_seen_whatever_tab_was_open_last() {
    let on_models = || Opening::default().setting("tab", "models");
    assert_eq!(on_models().open().app().shell.settings.tab, Tab::Models);
    for opening in [on_models().picture("digit-3"), on_models().model("digits_cnn")] {
        assert_eq!(opening.open().app().shell.settings.tab, Tab::Explore);
    }
}

#[test]
fn a_file_that_changed_on_disk_is_read_again_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "a.bmp"] {
        let path = folder.path().join(name);
        let write = |side, level| image::GrayImage::from_pixel(side, side, image::Luma([level])).save(&path).unwrap();
        let brightness = |window: &Window| (window.shown().original.values[400] * 255.0).round();
        write(28, 90);
        let mut window = Opening::on_a_digit().picture(path.clone()).open();
        // It is also read for a view in it, beside what is shown.
        std::thread::sleep(Duration::from_millis(200));
        window.run_steps(3);
        window.settle();
        write(30, 200);
        window.key(Key::OpenBracket);
        window.settle();
        assert_eq!(brightness(&window), 90.0, "not while ε moves");
        window.drop_file(&path);
        window.until_notice("changed on disk");
        window.settle();
        assert_eq!(brightness(&window), 200.0);
    }
}

#[test]
fn a_resting_window_draws_nothing() {
    let mut window = fresh();
    window.settle();
    // Answers of background threads may still come in for a while; then nothing asks for another frame.
    let start = Instant::now();
    let mut quiet = 0;
    while quiet < 10 {
        std::thread::sleep(Duration::from_millis(10));
        let rests = window.try_run().is_ok_and(|frames| frames <= 2);
        quiet = if rests { quiet + 1 } else { 0 };
        assert!(start.elapsed() < Duration::from_secs(20), "it goes on drawing");
    }
}

#[test]
fn the_state_is_there_again_after_a_restart() {
    let mut window = fresh();
    window.click(".1");
    window.command(Key::T);
    window.settle();
    window.key(Key::PageUp);
    window.settle();
    let window = window.reopen();
    assert!((eps(window.shown()) - 0.1).abs() < 1e-6);
    assert_eq!(window.shown().view.picture, Source::Sample("digit-6".into()));
    assert_eq!(window.ctx.theme(), Theme::Light);
}

#[test]
fn broken_settings_are_set_aside_with_a_notice() {
    let opening = Opening::default();
    std::fs::write(opening.settings_file(), "{\"eps\": tru").unwrap();
    let window = opening.open();
    assert!(window.notices()[0].contains("settings.broken.json"));
    assert_eq!(eps(window.shown()), 2.0 / 255.0);
}

#[test]
fn what_cannot_be_opened_at_the_start_is_told_and_the_window_is_not_empty() {
    let mut window = Opening::on_a_digit().picture("/no/such.png").model("no_such_model").open();
    assert_eq!(window.shown().view.model, "efficientnet_lite0");
    window.until_notice("no_such_model");
    // What is good of the two is kept.
    for (picture, model, expected, bad) in [
        ("/no/such.png", "digits_cnn", ("digit-7", "digits_cnn"), "/no/such.png"),
        ("digit-3", "no_such_model", ("digit-3", "digits_maxout"), "no_such_model"),
    ] {
        let mut window = Opening::on_a_digit().picture(picture).model(model).open();
        window.until_shown("what is good", |shown| {
            (&shown.view.picture, shown.view.model.as_str()) == (&Source::Sample(expected.0.into()), expected.1)
        });
        let notices = window.notices();
        assert!(notices.len() == 1 && notices[0].contains(bad), "{notices:?}");
    }
    let window = Opening::on_a_digit().picture("digit-3").model("digits_maxout").open();
    assert_eq!(window.shown().view.picture, Source::Sample("digit-3".into()));
    assert_eq!(window.shown().view.model, "digits_maxout");
}

#[test]
fn a_picture_of_the_command_line_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grey.png");
    image::GrayImage::from_pixel(28, 28, image::Luma([90])).save(&path).unwrap();
    let window = Opening::on_a_digit().picture(path.clone()).open();
    assert_eq!(window.shown().view.picture, Source::File(path.clone()));
    let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
    assert!(window.has(name), "the strip names the file");
}

#[test]
fn a_pasted_picture_can_lie_on_another_background() {
    let mut window = fresh();
    let image = ColorImage::filled([28, 28], Color32::TRANSPARENT);
    window.event(Event::PasteImage(image.into()));
    window.until_shown("the pasted picture", |shown| matches!(shown.view.picture, Source::Memory { .. }));
    window.settle();
    assert_eq!(window.shown().original.values[400], 1.0, "white paper");
    window.click("Background");
    window.click("over black");
    window.settle();
    assert_eq!(window.shown().original.values[400], 0.0, "black paper");
}

#[test]
fn what_shows_through_a_transparent_picture_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glass.png");
    image::RgbaImage::from_pixel(28, 28, image::Rgba([255, 255, 255, 0])).save(&path).unwrap();
    let mut window = Opening::on_a_digit().picture(path).model("digits_maxout").open();
    let brightest = |window: &Window| window.shown().original.values.iter().copied().fold(0.0, f32::max);
    assert_eq!(brightest(&window), 1.0, "white paper");
    window.check_accessibility();
    window.click("Background");
    window.click("over black");
    window.settle();
    assert_eq!(brightest(&window), 0.0, "black paper");
}

#[test]
fn space_swaps_the_pictures_while_it_is_held() {
    let mut window = fresh();
    let left = |window: &Window, name: &str| window.get_by_label(name).rect().left();
    let (original, adversarial) = (left(&window, "Original"), left(&window, "Adversarial"));
    assert!(original < adversarial);
    window.key_down(Key::Space);
    window.run_steps(2);
    assert_eq!((left(&window, "Original"), left(&window, "Adversarial")), (adversarial, original));
    window.key_up(Key::Space);
    window.run_steps(2);
    assert_eq!(left(&window, "Original"), original);
}

#[test]
fn the_command_line_is_copied() {
    let mut window = fresh();
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    let expected = "doppelganger attack digit-7 --model digits_maxout --eps 0.25";
    assert_eq!(window.notices()[0], format!("Copied the command of this view.\n{expected}"));
    assert_eq!(window.app().copied(), Some(Clip::Text(expected.into())));
}

#[test]
fn the_command_line_of_a_paused_film_stops_there_and_what_has_no_file_is_told() {
    let mut window = fresh();
    window.click("Attack");
    window.get_by(|node| node.label().is_some_and(|label| label == "BIM")).click();
    window.finish();
    for _ in 0..7 {
        window.key(Key::Comma);
    }
    window.settle();
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    let notice = window.notices()[0].to_owned();
    assert!(notice.contains("--attack bim --steps 3 --step-size 0.025 --eps 0.25"), "{notice}");
    window.event(Event::PasteImage(ColorImage::filled([28, 28], Color32::GRAY).into()));
    window.until_shown("the pasted picture", |shown| matches!(shown.view.picture, Source::Memory { .. }));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    assert!(window.notices()[0].contains("Save original…"), "{:?}", window.notices());
    // Saved as the notice says, and opened, it has one.
    let path = window.folder().join("grey.png");
    window.menu("Save original…");
    window.enter("Path:", path.to_str().unwrap());
    window.until("the file", |_| path.is_file());
    window.drop_file(&path);
    window.until_shown("the file on screen", |shown| shown.view.picture == Source::File(path.clone()));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    assert!(window.notices()[0].contains("grey.png"), "{:?}", window.notices());
}

#[test]
fn the_menu_undoes_copies_and_lists_what_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (view, lesson) = (folder.path().join("my view.toml"), folder.path().join("my lesson.toml"));
    std::fs::write(&view, "model = \"digits_cnn\"\npicture = \"digit-4\"\neps = 0.08\n").unwrap();
    std::fs::write(&lesson, "title = \"Mine\"\nabout = \"x\"\n[[step]]\nheading = \"First\"\ntext = \"y\"\n").unwrap();
    let mut window = Opening::on_a_digit().size(vec2(900.0, 600.0)).open();
    window.settle();
    window.key(Key::CloseBracket);
    window.settle();
    window.menu("Undo");
    window.settle();
    assert_eq!(eps(window.shown()), 0.25);
    window.menu("Redo");
    window.settle();
    assert!(eps(window.shown()) > 0.25);
    window.menu("Copy picture");
    assert_eq!(window.notices()[0], "Copied the adversarial picture, 28 × 28 pixels.");
    assert_eq!(window.app().copied(), Some(Clip::Picture(window.shown().adversarial_rgba.clone())));
    window.drop_file(&view);
    window.until_shown("the view", |shown| shown.view.eps == 0.08);
    // A lesson that is dropped is told from a view, too.
    window.drop_file(&lesson);
    window.until("the lesson", |app| app.shell.lessons.is_open());
    window.command(Key::E);
    window.menu("Recent file: my lesson.toml");
    window.until("the lesson again", |app| app.shell.lessons.is_open());
    window.command(Key::Num3);
    window.menu("Recent file: my view.toml");
    window.until("the view again", |app| app.shell.settings.tab == Tab::Explore);
}

#[test]
fn the_menu_and_the_bar_fit_into_a_narrow_window_in_large_type() {
    // Large type leaves as many points as a window that is so much smaller.
    for size in [vec2(900.0, 600.0), vec2(900.0, 600.0) / 1.4] {
        let mut window = Opening::on_a_digit().size(size).open();
        for key in [Key::Num1, Key::Num2, Key::Num3, Key::Num4] {
            window.command(key);
            let mut last = 0.0;
            for name in ["Tab: Explore", "Tab: Test sets", "Lessons", "Menu"] {
                let rect = window.get_by_label(name).rect();
                assert!(rect.left() >= last && rect.right() <= size.x, "{key:?} {size}: {name} at {rect:?}");
                last = rect.right();
            }
        }
        window.click("Menu");
        window.check_accessibility();
        assert!(window.has("Save view…"));
    }
}

#[test]
fn a_page_in_a_picture_of_the_window_is_opened() {
    use doppelganger::engine::picture::{Picture, save_png};
    let mut window = fresh();
    let path = window.folder().join("models.png");
    let picture = Picture::new(2, 2, 1, vec![0; 4]);
    save_png(&picture, &path, &[("Doppelganger page", "tab = \"models\"\n")]).unwrap();
    window.drop_file(&path);
    window.until("the page", |app| app.shell.settings.tab == Tab::Models);
}

/// What the panes say of the pixel under the pointer or the cross-hair.
fn readouts(window: &Window) -> [String; 3] {
    ["Original picture", "Perturbation, largest", "Adversarial picture"]
        .map(|name| window.get_by_label_contains(name).value().unwrap_or_default())
}

#[test]
fn hovering_reads_the_same_pixel_in_all_panes() {
    let mut window = fresh();
    let well = window.get_by_label_contains("Adversarial picture").rect();
    window.hover_at(well.center());
    window.run_steps(2);
    let result = window.shown();
    let value = |planes: &doppelganger::engine::picture::Planes| planes.get(0, 14, 14).unwrap();
    let pixel = |name: &str, value: f32| format!("(14, 14)\n{name} {value:.4} = {:.1}/255", value * 255.0);
    let delta = value(&result.perturbation);
    let sign = if delta < 0.0 { '−' } else { '+' };
    let difference = format!("(14, 14)\nδ {sign}{:.4} = {sign}{:.1}/255", delta.abs(), delta.abs() * 255.0);
    let expected = [pixel("x", value(&result.original)), difference, pixel("x+δ", value(&result.adversarial))];
    assert_eq!(readouts(&window), expected);
    window.remove_cursor();
    window.run_steps(2);
    assert_eq!(readouts(&window), ["", "", ""]);
}

#[test]
fn the_cross_hair_walks_by_keyboard() {
    let mut window = fresh();
    window.get_by_label_contains("Perturbation, largest").focus();
    window.run_steps(2);
    assert!(readouts(&window).iter().all(|text| text.starts_with("(14, 14)")));
    window.key(Key::ArrowRight);
    window.press(Modifiers::SHIFT, Key::ArrowUp);
    assert!(readouts(&window).iter().all(|text| text.starts_with("(15, 4)")), "{:?}", readouts(&window));
    for _ in 0..3 {
        window.press(Modifiers::SHIFT, Key::ArrowLeft);
    }
    window.step();
    assert!(readouts(&window).iter().all(|text| text.starts_with("(0, 4)")), "the edge is the end");
}

#[test]
fn pictures_are_enlarged_and_fitted_by_keyboard() {
    let mut window = fresh();
    let enlarged = |window: &Window| window.has("double click: fit");
    assert!(!enlarged(&window));
    window.key(Key::Plus);
    assert!(enlarged(&window));
    window.key(Key::Num0);
    assert!(!enlarged(&window));
}

#[test]
fn a_photo_is_cropped_and_attacked_at_its_own_resolution() {
    let folder = tempfile::tempdir().unwrap();
    let coffee = sample_as_file("coffee", folder.path());
    let mut window = Opening::on_a_digit().picture(coffee).model("digits_cnn").open();
    assert!(window.shown().own_pixels, "where they are more than the net sees");
    window.key(Key::P);
    window.settle();
    let whole = window.shown().crop;
    assert_eq!((window.shown().picture_size, whole.width, whole.height), ((600, 400), 600.0, 400.0));
    assert_eq!(window.shown().original.width, 28, "what the net sees");

    // The frame on the whole photo: smaller by a key, moved by another.
    window.click("Crop");
    window.get_by_label_contains("Crop of the photo of 600×400").focus();
    window.step();
    for _ in 0..20 {
        window.press(Modifiers::SHIFT, Key::ArrowDown);
    }
    window.settle();
    let smaller = window.shown().crop;
    let expected = 600.0 / 1.05_f64.powi(20);
    assert!(
        (smaller.width - expected).abs() < 1e-6 && (smaller.width / smaller.height - 1.5).abs() < 1e-9,
        "{smaller:?}"
    );
    assert!((smaller.left - (600.0 - expected) / 2.0).abs() < 1e-6, "around its middle");
    window.key(Key::ArrowLeft);
    window.settle();
    assert!((window.shown().crop.left - (smaller.left - 0.02 * smaller.width)).abs() < 1e-6);

    // At its own resolution only the crop's pixels move, and the whole photo is saved.
    window.key(Key::P);
    window.settle();
    let (width, height) = (window.shown().original.width, window.shown().original.height);
    // The filter reaches beyond the frame by one pixel of the net's input at most.
    let reach = 2.0 * expected / 28.0 + 2.0;
    let (more, higher) = (width as f64 - expected, height as f64 - expected / 1.5);
    assert!((0.0..reach).contains(&more) && (0.0..reach).contains(&higher), "{width}×{height}");
    assert!(window.has_part(&format!("attacked at {width}×{height} of 600×400")));
    let path = folder.path().join("whole.png");
    save(&mut window, &path);
    assert_eq!(image::image_dimensions(&path).unwrap(), (600, 400));

    // Another picture starts with its usual part.
    window.key(Key::PageDown);
    window.settle();
    assert_eq!(window.app().shell.explore.view.crop, sample("coffee").unwrap().crop);
}

#[test]
fn a_photo_saved_with_a_crop_is_opened_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let coffee = sample_as_file("coffee", folder.path());
    let mut window = Opening::on_a_digit().picture(coffee).model("digits_cnn").open();
    window.click("Crop");
    // By a corner of the frame, half way to its middle.
    let well = window.get_by_label_contains("Crop of the photo of 600×400").rect();
    let scale = (well.width() / 600.0).min(well.height() / 400.0);
    let corner = vec2(300.0, 200.0) * scale;
    let at = |part: f32| well.center() + part * corner;
    window.drag(&[at(1.0) - vec2(2.0, 2.0), at(0.9), at(0.7), at(0.5)]);
    window.settle();
    let crop = window.app().shell.explore.view.crop.expect("a crop");
    assert!((280.0..330.0).contains(&crop.width) && (crop.left + crop.width / 2.0 - 300.0).abs() < 1e-3, "{crop:?}");
    let path = folder.path().join("cup.png");
    window.command(Key::S);
    window.get_by_label_contains("The whole photo, 600×400, as PNG.");
    window.key(Key::Escape);
    save(&mut window, &path);
    assert!(window.notices()[0].contains("with its crop"));
    let answer = window.shown().adversarial_top[0].clone();
    // In another window, by somebody who knows the file alone; and dropped here.
    let mut other = Opening::on_a_digit().picture(path.clone()).model("digits_cnn").open();
    window.drop_file(&path);
    for window in [&mut other, &mut window] {
        window.until_shown("the file with its crop", |shown| {
            shown.view.picture == Source::File(path.clone()) && shown.view.crop == Some(crop)
        });
        assert!(window.notices().iter().any(|text| text.contains("with its crop")));
    }
    assert_eq!(other.shown().clean_top[0].index, answer.index);
    assert_eq!(window.shown().view.model, "efficientnet_lite0", "a photo that is dropped brings its net");
    // Given back to the net, the command says so: without a word it would take the crop of the file.
    other.click("Crop");
    let middle = other.get_by_label_contains("Crop of the photo of 600×400").rect().center();
    other.hover_at(middle);
    // With the click on "Crop" it would be a triple click.
    other.rest(0.7);
    for pressed in [true, false, true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        other.input_mut().events.push(Event::PointerButton { pos: middle, button, pressed, modifiers });
    }
    other.step();
    other.until_shown("the whole photo", |shown| shown.view.crop.is_none());
    other.menu("Copy as command line");
    assert!(other.notices()[0].contains("--crop 0,0,600,400"), "{:?}", other.notices());
}

#[test]
fn of_a_large_photo_its_own_pixels_are_attacked_in_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    image::GrayImage::from_fn(3000, 2000, |x, y| image::Luma([((x / 9) ^ (y / 7)) as u8 / 2])).save(&path).unwrap();
    let mut window = Opening::on_a_digit().picture(path).model("digits_cnn").open();
    window.key(Key::P);
    window.settle();
    let crop = window.app().shell.explore.view.crop.expect("a crop");
    assert!((crop.width / crop.height - 1.5).abs() < 1e-9 && (crop.left + crop.width / 2.0 - 1500.0).abs() < 1e-6);
    assert!(window.notices()[0].contains("2.1 megapixels"), "{:?}", window.notices());
    window.run_steps(2);
    window.get_by_label_contains("of 2.1 MP");
    window.get_by_label_contains("Crop of the photo of 3000×2000").focus();
    window.step();
    // Smaller, moved, and no larger than it may be.
    for key in [Key::ArrowLeft, Key::ArrowRight, Key::ArrowRight, Key::ArrowRight] {
        window.press(Modifiers::SHIFT, key);
        window.settle();
    }
    let largest = window.app().shell.explore.view.crop.expect("a crop");
    assert!((largest.width - crop.width).abs() < 1e-3, "{largest:?}");
    window.key(Key::ArrowLeft);
    window.settle();
    assert!(window.app().shell.explore.view.crop.expect("a crop").left < largest.left);
    assert!(window.notices().len() <= 1, "said once: {:?}", window.notices());
}

#[test]
fn pictures_longer_than_a_texture_are_shown() {
    for (width, height) in [(20_000, 100), (60, 30_000)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.png");
        image::GrayImage::from_pixel(width, height, image::Luma([90])).save(&path).unwrap();
        let mut window = Opening::on_a_digit().picture(path).model("digits_cnn").open();
        window.settle();
        let original = &window.shown().original;
        assert_eq!((original.width, original.height), (width as usize, height as usize));
        window.key(Key::Plus);
        let most = window.ctx.input(|i| i.max_texture_side);
        let manager = window.ctx.tex_manager();
        let sides: Vec<usize> =
            manager.read().allocated().map(|(_, texture)| texture.size[0].max(texture.size[1])).collect();
        assert!(sides.iter().all(|side| *side <= most) && sides.iter().any(|side| *side > most / 2), "{sides:?}");
    }
}

#[test]
fn a_presentation_has_large_type_and_ends_as_it_began() {
    let mut window = fresh();
    let zoom = |window: &Window| window.ctx.zoom_factor();
    assert_eq!(zoom(&window), 1.0);
    for is_large in [true, false] {
        window.key(Key::F11);
        assert_eq!(zoom(&window) > 1.0, is_large);
    }
}

#[test]
fn a_lesson_hides_what_is_to_be_predicted() {
    let mut window = fresh();
    window.begin_lesson("Train on a mix");
    window.get_by_label("A net that was trained as usual");
    assert!(!window.app().shell.is_why_open(), "the answer of the next step could be read off there");
    assert_eq!((window.app().shell.explore.view.eps, window.shown().view.model.as_str()), (0.25, "digits_maxout"));
    window.key(Key::PageDown);
    window.settle();
    window.key(Key::PageDown);
    window.key(Key::PageDown);
    window.settle();
    window.until_shown("the last step of the attack", |shown| shown.timeline.is_over);
    let (before, after) = (window.shown().clean_top[0].name.clone(), window.shown().adversarial_top[0].name.clone());
    assert_ne!(before, after);
    let verdict = format!("The net now says {after}");
    assert!(!window.has_part(&verdict), "the answer is hidden");
    window.click("No");
    window.check_accessibility();
    window.click("Reveal");
    window.get_by_label_contains(&verdict);
    window.get_by_label("You said: No");
    window.get_by_label_contains(&format!("It says {after} with"));
    window.key(Key::PageUp);
    window.settle();
    assert_eq!(window.shown().view.attack.name(), "fgsm", "back to the step before");
    window.command(Key::E);
    assert!(!window.app().shell.lessons.is_open());
    assert!(window.app().shell.is_why_open(), "a lesson changes nothing that is kept");
}

#[test]
fn a_lesson_of_ones_own_is_opened_and_a_broken_one_says_where() {
    let mut window = fresh();
    let path = window.folder().join("own.toml");
    let text =
        "title = \"Mine\"\nabout = \"x\"\n[[step]]\nheading = \"First\"\ntext = \"ε is {eps}\"\nview = { eps = 0.1 }\n";
    std::fs::write(&path, text).unwrap();
    let open = |window: &mut Window, path: &Path| {
        window.click("Lessons");
        window.click("Open a lesson…");
        window.enter("Path:", path.to_str().unwrap());
    };
    open(&mut window, &path);
    window.until("the lesson", |app| app.shell.lessons.is_open());
    window.settle();
    window.get_by_label("ε is 0.1");
    std::fs::write(&path, text.replace("0.1", "much")).unwrap();
    open(&mut window, &path);
    window.until_notice("line 6, column");
}

#[test]
fn a_lesson_does_not_take_over_what_was_left_in_explore() {
    let mut window = fresh();
    for key in [Key::B, Key::C, Key::L, Key::P, Key::Num4, Key::R] {
        window.key(key);
    }
    window.settle();
    let left = window.app().shell.explore.wanted();
    assert!(left.eight_bit && !left.clip && left.own_pixels == Some(true) && left.seed == 1, "{left:?}");
    assert_eq!(left.attack.name(), "pgd");
    window.begin_lesson("Away from the label");
    let view = &window.shown().view;
    assert!(view.is_fgsm() && view.clip && !view.eight_bit && view.own_pixels != Some(true), "{view:?}");
    assert_eq!((view.seed, view.loss, view.eps), (0, Loss::CrossEntropy, 0.25));
}

#[test]
fn a_lesson_is_known_however_it_is_opened_and_hides_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let text = "title = \"Mine\"\nabout = \"x\"\n[[step]]\nheading = \"First\"\ntext = \"x\"\nhide = [\"answer\"]\n\
                view = { model = \"digits_cnn\", eps = 0.1, why = true, second = \"digits_softmax\" }\n";
    std::fs::write(&path, text).unwrap();
    for tab in [Key::Num1, Key::Num2, Key::Num3, Key::Num4] {
        let mut window = fresh();
        window.command(tab);
        window.drop_file(&path);
        window.until("the lesson", |app| app.shell.lessons.is_open());
        assert_eq!(window.app().shell.settings.tab, Tab::Explore);
        window.settle();
        assert!(window.app().shell.explore.hidden.answer);
        window.get_by_label("The answer is hidden: predict it, then reveal it.");
        window.click("Reveal");
        window.until("the other net", |app| app.shell.why.second().is_some());
    }
    let mut window = fresh();
    window.command(Key::O);
    window.enter("Path:", path.to_str().unwrap());
    window.until("the lesson", |app| app.shell.lessons.is_open());
}

#[test]
fn a_lesson_that_names_what_is_not_there_says_in_which_step() {
    let mut window = fresh();
    let path = window.folder().join("own.toml");
    for (view, says) in [
        (
            "model = \"digits_maxuot\"",
            "step 1 (First): there is no model \"digits_maxuot\"; the nearest names are \"digits_maxout",
        ),
        ("picture = \"digit-77\"", "step 1 (First): there is no picture \"digit-77\"; expected a bundled one"),
        (
            "model = \"photos109\", target = \"tea pott\"",
            "step 1 (First): photos109: the model has no class \"tea pott\"",
        ),
    ] {
        let step = format!("[[step]]\nheading = \"First\"\ntext = \"x\"\nview = {{ {view} }}\n");
        std::fs::write(&path, format!("title = \"Mine\"\nabout = \"x\"\n{step}")).unwrap();
        window.drop_file(&path);
        window.until_notice(says);
        assert!(!window.app().shell.lessons.is_open());
    }
}

#[test]
fn changes_are_taken_back_and_done_again() {
    let mut window = fresh();
    window.settle();
    window.click(".1");
    window.settle();
    window.key(Key::PageDown);
    window.settle();
    window.rest(0.7);
    window.click("Clip to [0, 1]");
    window.settle();
    let after = window.shown().view.clone();
    window.command(Key::Z);
    window.settle();
    assert!(window.shown().view.clip && window.shown().view.picture == after.picture);
    window.command(Key::Z);
    window.settle();
    let first = window.shown();
    assert_eq!((&first.view.picture, eps(first)), (&Source::Sample("digit-7".into()), 0.25));
    for _ in 0..2 {
        window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        window.settle();
    }
    assert_eq!(window.shown().view, after);
}

#[test]
fn anything_is_found_by_a_part_of_its_name() {
    let mut window = fresh();
    window.find_command("softmax");
    window.settle();
    assert_eq!(window.shown().view.model, "digits_softmax");
    window.find_command("picture: espresso");
    window.settle();
    assert_eq!(window.shown().view.picture, Source::Sample("coffee".into()));
    window.find_command("models");
    window.until("the page", |app| app.shell.settings.tab == Tab::Models);
    window.command(Key::K);
    window.key(Key::Escape);
    assert!(!window.has("Find a command"));
}

/// The interactive controls in sight: what Tab can reach, but for the pictures themselves.
fn controls(window: &Window) -> Vec<String> {
    let roles =
        [Role::Button, Role::RadioButton, Role::CheckBox, Role::Slider, Role::TextInput, Role::ComboBox, Role::Link];
    let of_role = |role| window.query_all_by_role(role).map(|node| node.accesskit_node().label().unwrap_or_default());
    roles.into_iter().flat_map(of_role).collect()
}

#[test]
fn the_first_start_shows_a_photo_and_how_to_fool_the_net() {
    for (size, least) in [(vec2(1280.0, 800.0), 320.0), (vec2(1920.0, 1080.0), 560.0)] {
        let mut window = Opening::default().size(size).open();
        assert_eq!((window.shown().view.eps, window.shown().view.eight_bit), (0.0, true), "untouched at first");
        assert_eq!(window.shown().view.model, "efficientnet_lite0");
        assert_eq!(window.shown().clean_top[0].name, "espresso");
        assert!(window.shown().clean_top[0].prob > 0.9 && window.shown().own_pixels);
        window.get_by_label("Drag ε until it is no longer an espresso.");
        window.get_by_label("Make it a fiddler crab");
        let found = controls(&window);
        assert!(found.len() <= 20, "{size}: {} controls: {found:?}", found.len());
        for name in ["Original picture, the net says espresso", "Adversarial picture, the net says espresso"] {
            let well = window.get_by_label(name).rect();
            assert!(well.width().min(well.height()) >= least, "{size}: {name} at {well:?}");
        }
        // ε rises by itself, once, and the answer goes.
        window.until("the rise of ε", |app| app.shell.explore.view.eps == 2.0 / 255.0);
        window.settle();
        assert_eq!(window.shown().verdict, Verdict::Fooled);
        assert!(window.shown().linf * 255.0 < 2.001);
        window.get_by_label_contains("Nobody sees the change. The net now says");
        window.check_accessibility();
    }
}

#[test]
fn the_hand_on_the_slider_fools_the_net_at_one_grey_level_already() {
    let mut window = Opening::default().open();
    window.focus("Epsilon");
    window.key(Key::Home);
    let mut answers = Vec::new();
    for _ in 0..2 {
        window.key(Key::ArrowRight);
        window.settle();
        let top = &window.shown().adversarial_top[0];
        answers.push(top.name.clone());
        assert!(top.prob > 0.4, "{top:?}");
    }
    assert_eq!(answers, ["consomme", "consomme"]);
    // It does not move by itself any more.
    std::thread::sleep(Duration::from_millis(1500));
    window.run_steps(3);
    assert!((window.app().shell.explore.view.eps - 2.0 / 255.0).abs() < 1e-6);
}

#[test]
fn one_button_makes_a_doppelganger_as_a_film_and_epsilon_follows_it_live() {
    let mut window = Opening::default().open();
    window.click("Make it a fiddler crab");
    let mut steps = std::collections::BTreeSet::new();
    let start = Instant::now();
    while !(window.app().shown().is_some_and(|shown| shown.timeline.of > 1 && shown.timeline.is_over)) {
        window.step();
        steps.insert(window.shown().timeline.step);
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(3));
    }
    window.settle();
    assert!(steps.len() > 3, "it arrives step by step: {steps:?}");
    let made = window.shown();
    assert_eq!((made.adversarial_top[0].name.as_str(), made.verdict), ("fiddler crab", Verdict::FooledAsAsked));
    assert!(made.adversarial_top[0].prob > 0.99 && made.linf * 255.0 < 2.001, "{:?}", made.adversarial_top[0]);
    let (whole, found_at) = (made.perturbation.clone(), made.view.eps);

    // While ε moves, the straight line to what was found is followed; at rest the attack begins anew.
    window.focus("Epsilon");
    window.key(Key::ArrowLeft);
    window.until_shown("a point of the line", |shown| shown.along_line.is_some());
    let on_line = window.shown();
    assert_eq!(on_line.along_line, Some(found_at));
    let share = on_line.view.eps / found_at;
    let farthest = |at: usize| (on_line.perturbation.values[at] - share * whole.values[at]).abs();
    let worst = (0..whole.values.len()).map(farthest).fold(0.0_f32, f32::max);
    assert!(worst <= 0.5 / 255.0 + 1e-5, "rounded to 8 bits: {worst}");
    window.get_by_label_contains("on the straight line to the perturbation found at ε = 0.0078");
    window.get_by_label_contains("the attack runs again when ε rests");
    window.until("the attack at the new ε", |app| app.shell.explore.is_settled());
    assert_eq!(window.shown().along_line, None);
    assert!((window.shown().view.eps * 255.0 - 1.0).abs() < 1e-3);
    window.click("Back to FGSM");
    window.settle();
    assert!(window.shown().view.is_fgsm());
}

#[test]
fn a_digit_and_a_photo_bring_their_nets_with_a_notice_and_a_way_back() {
    let mut window = fresh();
    let coffee = sample_as_file("coffee", window.folder());
    window.drop_file(&coffee);
    window.until_shown("the photo", |s| s.view.picture == Source::File(coffee.clone()));
    window.settle();
    assert_eq!(window.shown().view.model, "efficientnet_lite0");
    assert_eq!(window.app().shell.explore.view.eps, 2.0 / 255.0, "the ε of photographs");
    assert!(window.notices()[0].contains("reads photographs"), "{:?}", window.notices());
    window.run_steps(2);
    window.click("Undo");
    window.settle();
    assert_eq!(
        (window.shown().view.model.as_str(), &window.shown().view.picture),
        ("digits_maxout", &Source::File(coffee))
    );
    // A net that is chosen brings a picture that it reads.
    window.command(Key::D);
    window.settle();
    assert_eq!(window.shown().view.model, "digits_maxout");
    window.find_command("Lite0");
    window.settle();
    let view = &window.shown().view;
    assert_eq!(view.model, "efficientnet_lite0");
    assert_ne!(window.shown().kind, Some(PictureKind::Digit), "{:?}", view.picture);
    assert!(window.notices()[0].contains("reads photographs"));
}

/// A bundled digit, dark on light paper and off its middle, as a file.
fn digit_on_paper(folder: &Path) -> PathBuf {
    let path = folder.join("paper.png");
    let digit = sample("digit-3").unwrap().picture().unwrap();
    let mut page = image::GrayImage::from_pixel(300, 200, image::Luma([230]));
    for (i, _) in digit.bytes.iter().enumerate().filter(|(_, ink)| **ink > 127) {
        let (x, y) = (170 + 4 * (i % digit.width), 20 + 4 * (i / digit.width));
        (0..16).for_each(|p| page.put_pixel((x + p % 4) as u32, (y + p / 4) as u32, image::Luma([50])));
    }
    page.save(&path).unwrap();
    path
}

#[test]
fn a_digit_on_paper_is_inverted_with_a_notice_and_a_way_back() {
    let mut window = fresh();
    let page = digit_on_paper(window.folder());
    window.drop_file(&page);
    window.until_shown("the page", |shown| shown.view.picture == Source::File(page.clone()));
    window.settle();
    let shown = window.shown();
    assert_eq!(shown.view.model, "digits_maxout", "a photo of a digit is for a net of digits");
    assert!(shown.is_inverted && !shown.own_pixels && shown.clean_top[0].name == "3");
    assert_eq!((shown.original.width, shown.original.height, shown.picture_size), (28, 28, (300, 200)));
    assert!(window.notices()[0].contains("inverted, cropped and centred"), "{:?}", window.notices());
    assert_eq!(
        window.query_all_by_label_contains("Dark on light").count(),
        2,
        "the conditions say so beside the notice"
    );
    assert!(!window.has("Own pixels"), "its own pixels are others");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    assert!(!window.notices()[0].contains("--invert"), "{:?}", window.notices());

    // The notice takes it back, and so do undo and the switch. What stays for a moment is what undo comes back to.
    window.rest(0.7);
    window.click("Undo");
    window.settle();
    assert!(!window.shown().is_inverted);
    assert_eq!((window.shown().view.invert, window.shown().view.model.as_str()), (Invert::No, "digits_maxout"));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    assert!(window.notices()[0].ends_with("--invert no"), "{:?}", window.notices());
    window.rest(0.7);
    window.command(Key::Z);
    window.settle();
    assert!(window.shown().is_inverted && window.shown().view.invert == Invert::Auto);
    window.click("Invert");
    window.settle();
    assert!(!window.shown().is_inverted);
    window.check_accessibility();
    window.key(Key::I);
    window.settle();
    assert!(window.shown().is_inverted && window.shown().view.invert == Invert::Yes);

    // The digit is looked for in the frame on the page.
    window.click("Crop");
    window.get_by_label_contains("Crop of the photo of 300×200").focus();
    window.step();
    window.press(Modifiers::SHIFT, Key::ArrowDown);
    window.settle();
    assert!(window.shown().is_inverted && window.shown().crop.width < 300.0);

    // Another picture starts afresh.
    window.key(Key::PageDown);
    window.settle();
    assert_eq!(window.app().shell.explore.view.invert, Invert::Auto);
}

#[test]
fn a_digit_is_drawn_in_the_place_of_the_original() {
    let mut window = Opening::default().open();
    window.command(Key::D);
    window.settle();
    let square = window.get_by_label("Drawing of 0 strokes").rect();
    let middle = square.center();
    let stroke: Vec<_> = (0..=10).map(|part| middle + vec2(0.0, -90.0 + 18.0 * part as f32)).collect();
    window.drag(&stroke);
    window.settle();
    window.get_by_label("Drawing of 1 strokes");
    let top = &window.shown().clean_top[0];
    assert_eq!((window.shown().view.model.as_str(), top.name.as_str()), ("digits_maxout", "1"), "{top:?}");
    // Another picture puts the drawing away.
    window.click("The photographs that come with the program");
    window.settle();
    assert!(!window.has("Drawing of 1 strokes"));
}

#[test]
fn an_answer_is_called_right_only_where_it_is_known_to_be() {
    let mut window = Opening::on_a_digit().picture("astronaut").open();
    window.key(Key::Backslash);
    let mut standing = |name: &str| {
        window.click(&format!("Sample: {name}"));
        window.settle();
        standing_before(window.shown())
    };
    assert_eq!(standing("Eileen Collins, astronaut"), Standing::Own, "no net has a class for her");
    assert_eq!(standing("Chelsea, a cat"), Standing::Right);
    assert_eq!(standing("A cup of espresso"), Standing::Right);
}

#[test]
fn pictures_keep_a_good_size_beside_a_film_and_the_pane_of_reasons() {
    let mut window = Opening::default().open();
    window.key(Key::W);
    window.click("Make it a fiddler crab");
    window.until("the film", |app| app.shell.explore.is_settled() && app.shown().is_some_and(|s| s.timeline.of > 1));
    window.until("the curve", |app| app.shown().is_some_and(|shown| app.shell.why.current(shown).is_some()));
    for name in ["Original picture, the net says espresso", "Adversarial picture, the net says fiddler crab"] {
        let well = window.get_by_label(name).rect();
        assert!(well.height() >= 240.0 && well.width() >= 240.0, "{name} at {well:?}");
    }
    assert!(window.has("Step of the attack") && window.has("ε on the curve"));
}

#[test]
fn digits_come_though_a_class_of_photographs_was_the_target() {
    let mut window = Opening::default().open();
    window.click("Make it a fiddler crab");
    window.until("the doppelgänger", |app| app.shell.explore.is_settled());
    window.click("The digits that come with the program");
    window.settle();
    let view = &window.shown().view;
    assert_eq!((view.model.as_str(), view.goal), ("digits_maxout", Goal::Untargeted));
    assert!(window.notices().iter().all(|text| text.contains("reads digits")), "no problem");
    assert_eq!(window.app().shell.explore.view.eps, 0.25, "the ε of digits");
}

#[test]
fn letters_typed_in_the_list_of_classes_are_no_shortcuts() {
    let mut window = Opening::default().open();
    window.click("Other classes to make it");
    assert!(window.get_by_label("Class to make it").is_focused(), "it can be typed at once");
    for key in [Key::A, Key::B, Key::P] {
        window.key(key);
    }
    assert!(!window.has("ε as a number") && window.app().shell.explore.view.eight_bit);
    window.type_text("Class to make it", "teapo");
    window.key(Key::Enter);
    window.until("the teapot", |app| {
        app.shell.explore.is_settled() && app.shown().is_some_and(|shown| shown.adversarial_top[0].name == "teapot")
    });
}

#[test]
fn a_targeted_attack_is_there_again_after_a_restart() {
    let mut window = Opening::default().open();
    window.click("Make it a fiddler crab");
    window.until("the doppelgänger", |app| app.shell.explore.is_settled());
    let mut window = window.reopen();
    window.until_shown("the doppelgänger again", |shown| {
        shown.verdict == Verdict::FooledAsAsked && shown.timeline.is_over
    });
    assert_eq!(window.shown().adversarial_top[0].name, "fiddler crab");
}

#[test]
fn with_8_bits_the_hand_stops_at_whole_grey_levels() {
    let mut window = Opening::default().open();
    let rail = window.get_by_label("Epsilon").rect();
    for part in [0.3, 0.41, 0.52, 0.77] {
        window.drag(&[rail.left_top() + vec2(part * rail.width(), 16.0)]);
        window.settle();
        let levels = window.app().shell.explore.view.eps * 255.0;
        assert!((levels - levels.round()).abs() < 1e-3 && levels >= 1.0, "{levels}");
        assert!(window.shown().linf <= window.shown().view.eps + 1e-6, "no pixel moves by more than ε");
    }
}

#[test]
fn what_was_on_screen_before_a_lesson_comes_back() {
    let mut window = fresh();
    let before = window.app().shell.explore.wanted();
    window.command(Key::E);
    window.until("the talk", |app| app.shell.lessons.is_open());
    for _ in 0..3 {
        window.key(Key::PageDown);
    }
    assert_ne!(window.app().shell.explore.wanted(), before);
    window.click("Close the lesson");
    window.settle();
    assert_eq!(window.app().shell.explore.wanted(), before);
}
