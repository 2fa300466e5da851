//! The window driven without a display, with the real worker behind it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::{begin_with_a_digit, sample_as_file};
use doppelganger::app::{App, Clip, Standing, Start, Tab, standing_before};
use doppelganger::engine::attack::{AttackSettings, Goal, GradientSteps, Label, Loss, Norm, Verdict};
use doppelganger::engine::data::{sample, samples};
use doppelganger::engine::picture::PictureKind;
use doppelganger::worker::{Shown, Source};
use eframe::egui::{Event, Key, Modifiers, PointerButton, Role, Theme, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

pub type Window<'a> = Harness<'a, Option<App>>;

/// Opens a window whose settings live in `settings`.
pub fn open(start: Start, settings: Option<PathBuf>) -> Window<'static> {
    open_sized(start, settings, vec2(1280.0, 800.0))
}

pub fn open_sized(start: Start, settings: Option<PathBuf>, size: Vec2) -> Window<'static> {
    open_as_it_is(start, begin_with_a_digit(settings, true), size)
}

/// As it opens the very first time.
fn open_new(settings: PathBuf, size: Vec2) -> Window<'static> {
    open_as_it_is(Start::default(), settings, size)
}

fn open_as_it_is(start: Start, settings: PathBuf, size: Vec2) -> Window<'static> {
    let mut start = Some((start, Some(settings)));
    let mut window = Harness::builder().with_size(size).build_ui_state(
        move |ui, app: &mut Option<App>| match app {
            Some(app) => {
                app.tick(&ui.ctx().clone());
                app.draw(ui);
            }
            None => {
                let (start, settings) = start.take().expect("built once");
                *app = Some(App::with_settings(ui.ctx(), start, settings).expect("a window"));
                // Fonts are there from the next frame on.
                ui.ctx().request_repaint();
            }
        },
        None,
    );
    until(&mut window, "a first result", |app| app.shown().is_some());
    window
}

pub fn fresh() -> Window<'static> {
    open(Start::default(), None)
}

pub fn app<'a>(window: &'a Window<'_>) -> &'a App {
    window.state().as_ref().expect("built on the first frame")
}

pub fn shown<'a>(window: &'a Window<'_>) -> &'a Shown {
    app(window).shown().expect("a result is on screen")
}

/// Draws frames until something is so; fails after twenty seconds.
pub fn until(window: &mut Window<'_>, what: &str, holds: impl Fn(&App) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if window.state().as_ref().is_some_and(&holds) {
            // What was just taken in is drawn, and seen by the tree that the tests query, one frame later.
            window.step();
            return;
        }
        let told = window
            .state()
            .as_ref()
            .map(|app| (app.notice_texts().join("; "), app.explore().view.picture.clone(), app.explore().waiting()));
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "waited in vain for {what}; notices, picture, waiting: {told:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Draws frames until the answer to the newest wish is on screen.
pub fn settle(window: &mut Window<'_>) {
    window.step();
    until(window, "the newest answer", |app| {
        !app.explore().waiting()
            && !app.explore().is_moving()
            && app.shown().is_some_and(|shown| shown.view == app.explore().wanted())
    });
}

pub fn press(window: &mut Window<'_>, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.step();
}

/// Saves the adversarial picture under this path, up to the notice of it.
fn save(window: &mut Window<'_>, path: &Path) {
    press(window, Modifiers::COMMAND, Key::S);
    window.run_steps(2);
    retype(window, "Path:", path.to_str().unwrap());
    press(window, Modifiers::NONE, Key::Enter);
    until(window, "the notice of saving", |app| app.notice_texts().iter().any(|text| text.starts_with("Saved")));
}

/// Replaces what stands in a text field.
fn retype(window: &mut Window<'_>, field: &str, text: &str) {
    window.get_by_label(field).focus();
    window.step();
    press(window, Modifiers::COMMAND, Key::A);
    window.get_by_label(field).type_text(text);
    window.step();
}

fn eps(shown: &Shown) -> f32 {
    assert!(shown.view.is_fgsm(), "expected FGSM");
    shown.view.eps
}

#[test]
fn the_first_thing_seen_is_a_result() {
    let window = fresh();
    let first = shown(&window);
    assert_eq!(first.view.picture, Source::Sample("digit-7".into()));
    assert_eq!((eps(first), first.view.clip, first.view.label), (0.25, true, Label::Predicted));
    assert!(first.linf > 0.2 && first.linf <= 0.25 + 1e-6);
    assert_eq!(first.verdict, Verdict::Fooled, "the default view shows the point of the program");
    assert!(window.query_by_label("Fooled").is_some());
    let before = format!("before: {}", first.clean_top[0].name);
    assert!(window.query_all_by_label_contains(&before).count() >= 1, "no bar says {before:?}");
    assert!(window.query_by_label_contains("label: the net's own answer").is_some());
    assert!(window.query_by_label_contains("clipping on").is_some());
    assert!(app(&window).notice_texts().is_empty());
}

#[test]
fn epsilon_moves_by_keyboard_and_the_verdict_follows() {
    let mut window = fresh();
    window.get_by_label("Epsilon").focus();
    window.step();
    press(&mut window, Modifiers::NONE, Key::Home);
    settle(&mut window);
    assert_eq!((eps(shown(&window)), shown(&window).verdict), (0.0, Verdict::StillRight));
    assert!(shown(&window).perturbation.values.iter().all(|d| *d == 0.0));
    assert!(window.query_by_label("Not fooled yet").is_some());
    press(&mut window, Modifiers::NONE, Key::ArrowRight);
    settle(&mut window);
    assert!((eps(shown(&window)) - 1.0 / 255.0).abs() < 1e-6);
    press(&mut window, Modifiers::SHIFT, Key::ArrowRight);
    settle(&mut window);
    assert!((eps(shown(&window)) - 1.1 / 255.0).abs() < 1e-6);
    press(&mut window, Modifiers::NONE, Key::End);
    settle(&mut window);
    assert_eq!((eps(shown(&window)), shown(&window).verdict), (0.5, Verdict::Fooled));
}

#[test]
fn shortcuts_work_and_are_text_inside_a_field() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::OpenBracket);
    settle(&mut window);
    assert!((eps(shown(&window)) - (0.25 - 1.0 / 255.0)).abs() < 1e-6);
    press(&mut window, Modifiers::NONE, Key::C);
    settle(&mut window);
    assert!(!shown(&window).view.clip);
    window.get_by_label("ε as a number").focus();
    window.step();
    press(&mut window, Modifiers::NONE, Key::C);
    window.step();
    assert!(!app(&window).explore().view.clip, "C in a text field is a letter");
}

#[test]
fn a_preset_is_one_click() {
    let mut window = fresh();
    window.get_by_label("8/255").click();
    settle(&mut window);
    assert!((eps(shown(&window)) - 8.0 / 255.0).abs() < 1e-7);
    assert!(window.query_by_label_contains("8 grey levels").is_some());
}

#[test]
fn a_number_can_be_typed_and_nonsense_gives_a_message() {
    let mut window = fresh();
    retype(&mut window, "ε as a number", "abc");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.step();
    assert!(window.query_by_label_contains("expected a number").is_some(), "no message");
    assert_eq!(window.get_by_label("ε as a number").value().as_deref(), Some("abc"), "what was typed is kept");
    assert_eq!(app(&window).explore().view.eps, 0.25);
    retype(&mut window, "ε as a number", "8/255");
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    assert!((eps(shown(&window)) - 8.0 / 255.0).abs() < 1e-7);
    assert!(window.query_by_label_contains("expected a number").is_none(), "the message stays though it is mended");
    retype(&mut window, "ε as a number", "0.9");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.step();
    assert!(window.query_by_label_contains("the largest is 0.5").is_some());
}

#[test]
fn every_sample_can_be_chosen() {
    let mut window = fresh();
    // The photos, and then the digits.
    window.get_by_label("The photographs that come with the program").click();
    settle(&mut window);
    for sample in samples() {
        if sample.is_digit() && window.query_by_label("Sample: A drawn 0").is_none() {
            window.get_by_label("The digits that come with the program").click();
            settle(&mut window);
        }
        window.get_by_label(&format!("Sample: {}", sample.title)).click();
        settle(&mut window);
        let view = &shown(&window).view;
        assert_eq!(view.picture, Source::Sample(sample.name.into()));
        // Each is shown to a net that reads such pictures.
        assert_eq!(view.model, if sample.is_digit() { "digits_maxout" } else { "efficientnet_lite0" });
    }
    press(&mut window, Modifiers::NONE, Key::PageUp);
    settle(&mut window);
    let last_but_one = &samples()[samples().len() - 2];
    assert_eq!(shown(&window).view.picture, Source::Sample(last_but_one.name.into()));
}

#[test]
fn a_file_that_is_not_there_leaves_the_picture_on_screen() {
    let mut window = fresh();
    let revision = shown(&window).revision;
    window.event(Event::Paste("/no/such/picture.png".into()));
    until(&mut window, "a notice", |app| !app.notice_texts().is_empty());
    assert!(app(&window).notice_texts()[0].contains("/no/such/picture.png"));
    assert!(window.query_by_label_contains("/no/such/picture.png").is_some());
    settle(&mut window);
    assert!(shown(&window).revision >= revision);
    assert_eq!(shown(&window).view.picture, Source::Sample("digit-7".into()));
    // Epsilon still works, and the notice stays until it is put away.
    press(&mut window, Modifiers::NONE, Key::OpenBracket);
    settle(&mut window);
    assert_eq!(app(&window).notice_texts().len(), 1);
    window.get_by_label("Dismiss").click();
    window.run_steps(2);
    assert!(app(&window).notice_texts().is_empty());
}

/// A file as the window system hands it over.
#[derive(Debug)]
struct Dropped(PathBuf);

impl eframe::egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

pub fn drop_file(window: &mut Window<'_>, path: &Path) {
    window.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(path.to_owned())));
}

#[test]
fn a_dropped_picture_is_attacked() {
    let mut window = fresh();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/digits/4.png");
    drop_file(&mut window, &path);
    until(&mut window, "the dropped picture", |app| {
        app.shown().is_some_and(|shown| shown.view.picture == Source::File(path.clone()))
    });
    assert_eq!(shown(&window).label.name, "4");
}

#[test]
fn a_pasted_picture_is_attacked() {
    let mut window = fresh();
    let image = eframe::egui::ColorImage::filled([40, 30], eframe::egui::Color32::GRAY);
    window.event(Event::PasteImage(image.into()));
    until(&mut window, "the pasted picture", |app| {
        app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    assert_eq!(shown(&window).picture_size, (40, 30));
}

#[test]
fn a_target_is_found_by_name_and_chosen_by_keyboard() {
    let mut window = fresh();
    let wanted = 3;
    let name = shown(&window).model.classes[wanted].clone();
    press(&mut window, Modifiers::COMMAND, Key::F);
    window.step();
    window.run_steps(2);
    assert!(window.get_by_label("Target class").is_focused());
    assert!(window.query_by_label(&name).is_some(), "the list of all classes opens at once");
    window.get_by_label("Target class").type_text(&name);
    window.step();
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    assert_eq!(shown(&window).view.goal, Goal::Targeted(wanted));
    assert!(shown(&window).target_prob.is_some());
    // Back: any other answer will do.
    window.get_by_label("Goal: Away from the label").click();
    settle(&mut window);
    assert_eq!(shown(&window).view.goal, Goal::Untargeted);
}

#[test]
fn a_class_that_is_not_there_is_said_so() {
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::F);
    window.step();
    window.get_by_label("Target class").type_text("zeppelin");
    window.run_steps(2);
    assert!(window.query_by_label_contains("No class is called").is_some());
    press(&mut window, Modifiers::NONE, Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label_contains("No class is called").is_none());
    assert_eq!(app(&window).explore().view.goal, Goal::Untargeted);
}

#[test]
fn a_label_can_be_given_and_goes_with_the_picture() {
    let mut window = fresh();
    let wrong = (shown(&window).label.index + 1) % shown(&window).model.classes.len();
    let name = shown(&window).model.classes[wrong].clone();
    window.get_by_label("Label: Given…").click();
    window.run_steps(2);
    window.get_by_label("Given label").type_text(&name);
    window.step();
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    assert_eq!((shown(&window).view.label, shown(&window).label.index), (Label::Given(wrong), wrong));
    assert!(window.query_by_label_contains("label: given").is_some());
    press(&mut window, Modifiers::NONE, Key::PageUp);
    settle(&mut window);
    assert_eq!(shown(&window).view.label, Label::Predicted, "a label belongs to the picture that it was given for");
}

fn gradient(window: &Window<'_>) -> GradientSteps {
    match shown(window).view.attack {
        AttackSettings::Gradient(gradient) => gradient,
        ref other => panic!("expected gradient steps, found {other}"),
    }
}

#[test]
fn gradient_steps_have_their_own_controls() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::Num2);
    settle(&mut window);
    assert_eq!(gradient(&window).steps, 10);
    window.get_by_label("Number of steps").focus();
    window.step();
    press(&mut window, Modifiers::NONE, Key::ArrowRight);
    settle(&mut window);
    assert_eq!(gradient(&window).steps, 11);
    window.get_by_label("Eta").focus();
    window.step();
    press(&mut window, Modifiers::NONE, Key::End);
    settle(&mut window);
    assert_eq!(gradient(&window).eta, 100.0);
    window.check_accessibility();
}

#[test]
fn pictures_of_8_bits_are_a_switch() {
    let mut window = fresh();
    retype(&mut window, "ε as a number", "0.4/255");
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    assert!(shown(&window).linf > 0.0);
    window.get_by_label("8 bit").click();
    settle(&mut window);
    assert_eq!(shown(&window).linf, 0.0);
    assert!(window.query_by_label("rounded to 8 bits").is_some());
    press(&mut window, Modifiers::NONE, Key::B);
    settle(&mut window);
    assert!(shown(&window).linf > 0.0);
}

#[test]
fn a_view_in_a_file_is_opened_with_all_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("view.toml");
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
    let mut window = fresh();
    drop_file(&mut window, &path);
    until(&mut window, "the view", |app| {
        app.shown().is_some_and(|shown| shown.view.goal == Goal::Targeted(9) && shown.view.step == Some(2))
    });
    assert!(shown(&window).timeline.is_over, "the film is whole");
    until(&mut window, "the other net", |app| app.why().second().is_some_and(|second| second.wish.is_own));
    until(&mut window, "the controls", |app| app.why().controls().is_some_and(|controls| controls.seed == 6));
    assert!(window.query_by_label("Values: Logits").is_some());
    let view = &shown(&window).view;
    assert_eq!((view.model.as_str(), &view.picture), ("digits_cnn", &Source::Sample("digit-4".into())));
    assert_eq!((view.label, view.eps, view.clip), (Label::Given(4), 0.08, false));
    assert_eq!(view.attack.to_string(), "bim in L∞, 5 steps");
    // A broken one says where, and changes nothing.
    let before = view.clone();
    std::fs::write(&path, "model = \"digits_cnn\"\neps = \"much\"").unwrap();
    drop_file(&mut window, &path);
    until(&mut window, "a message", |app| app.notice_texts().iter().any(|text| text.contains("line 2")));
    assert_eq!(shown(&window).view, before);
}

#[test]
fn steps_too_short_to_be_seen_are_said_to_be() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::Num2);
    finish(&mut window);
    assert!(shown(&window).linf < 0.5 / 255.0);
    assert!(window.query_by_label_contains("η is too small here: the gradient's largest value is").is_some());
    window.get_by_label("Follow the log-odds").click();
    finish(&mut window);
    assert!(shown(&window).linf > 0.5 / 255.0);
    assert!(window.query_by_label_contains("η is too small here").is_none());
}

#[test]
fn the_dock_fits_whatever_its_groups_say() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::Num4);
    finish(&mut window);
    window.get_by_label("Label: Given…").click();
    for has_target in [false, true] {
        if has_target {
            press(&mut window, Modifiers::COMMAND, Key::F);
        }
        window.run_steps(3);
        assert_eq!(window.query_by_label("Target class").is_some(), has_target);
        assert!(window.query_by_label("Given label").is_some());
        let last = window.get_by_label("Log-odds").rect();
        assert!(last.right() <= 1280.0 - 16.0, "{last:?}");
        let parameters = window.get_by_label("Parameters of the attack").rect();
        assert!((96.0..=240.0).contains(&parameters.width()), "{parameters:?}");
    }
}

#[test]
fn the_form_of_carlini_and_wagner_has_all_of_its_parameters() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::Num7);
    finish(&mut window);
    window.get_by_label("Parameters of the attack").click();
    window.run_steps(2);
    retype(&mut window, "First c as a number", "0.5");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.run_steps(2);
    window.get_by_role_and_label(Role::CheckBox, "Give up early").click();
    finish(&mut window);
    let AttackSettings::CarliniWagner(cw) = shown(&window).view.attack else { panic!("another attack") };
    assert_eq!((cw.initial_c, cw.abort_early), (0.5, false));
}

/// Waits until the attack on screen has come to its end.
fn finish(window: &mut Window<'_>) {
    settle(window);
    until(window, "the end of the attack", |app| app.shown().is_some_and(|shown| shown.timeline.is_over));
}

#[test]
fn every_attack_of_the_list_works_on_the_first_picture() {
    let mut window = fresh();
    for attack in AttackSettings::all() {
        let title = doppelganger::app::attack_title(&attack);
        window.get_by_label("Attack").click();
        window.run_steps(2);
        window.get_by(|node| node.label().is_some_and(|label| label == title)).click();
        finish(&mut window);
        assert_eq!(shown(&window).view.attack, attack);
        // Noise does not fool, and ten short steps along the gradient of so sure a net do not either.
        let is_weak = matches!(attack, AttackSettings::Noise(_) | AttackSettings::Gradient(_));
        assert_eq!(shown(&window).verdict == Verdict::Fooled, !is_weak, "{attack}");
        assert!(window.query_all_by_label_contains(title).count() > 0);
        window.check_accessibility();
    }
}

#[test]
fn the_parameters_of_an_attack_are_set_in_its_form() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::Num4);
    finish(&mut window);
    window.get_by_label("Parameters of the attack").click();
    window.run_steps(2);
    window.get_by_label("Norm: L2").click();
    window.run_steps(2);
    window.get_by_label("Steps as a number").focus();
    window.step();
    retype(&mut window, "Steps as a number", "many");
    press(&mut window, Modifiers::NONE, Key::Enter);
    window.run_steps(2);
    assert!(window.query_by_label_contains("expected a whole number from 1 to").is_some());
    retype(&mut window, "Steps as a number", "7");
    press(&mut window, Modifiers::NONE, Key::Enter);
    finish(&mut window);
    let view = &shown(&window).view;
    let AttackSettings::Pgd(pgd) = view.attack else { panic!("{}", view.attack) };
    assert_eq!((pgd.norm, pgd.steps, view.eps), (Norm::L2, 7, 2.0));
    assert!(shown(&window).length <= 2.0 + 1e-4, "{}", shown(&window).length);
    window.check_accessibility();
    // Another start.
    let before = shown(&window).adversarial.values.clone();
    press(&mut window, Modifiers::NONE, Key::Escape);
    press(&mut window, Modifiers::NONE, Key::R);
    finish(&mut window);
    assert_eq!(shown(&window).view.seed, 1);
    assert_ne!(shown(&window).adversarial.values, before);
    // Each attack is left as it was set, and undo takes it back.
    press(&mut window, Modifiers::NONE, Key::Num1);
    finish(&mut window);
    assert_eq!((shown(&window).view.eps, shown(&window).view.attack.norm()), (0.25, Norm::Linf), "ε of its own norm");
    press(&mut window, Modifiers::NONE, Key::Num4);
    finish(&mut window);
    assert_eq!(shown(&window).view.attack, AttackSettings::Pgd(pgd));
}

#[test]
fn an_attack_is_played_paused_and_gone_through() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::Num3);
    finish(&mut window);
    let end = shown(&window).adversarial.values.clone();
    press(&mut window, Modifiers::NONE, Key::Comma);
    settle(&mut window);
    assert_eq!(shown(&window).timeline.step, 9);
    press(&mut window, Modifiers::NONE, Key::Comma);
    settle(&mut window);
    assert_eq!((shown(&window).timeline.step, shown(&window).timeline.done), (8, 10));
    assert!(shown(&window).linf < 0.25 * 0.81);
    press(&mut window, Modifiers::NONE, Key::Period);
    press(&mut window, Modifiers::NONE, Key::Period);
    settle(&mut window);
    assert!(shown(&window).timeline.is_result && shown(&window).adversarial.values == end);
    // From the end it is played from the untouched picture on.
    press(&mut window, Modifiers::NONE, Key::K);
    until(&mut window, "the film", |app| app.shown().is_some_and(|shown| (1..9).contains(&shown.timeline.step)));
    assert!(window.query_by_label("Pause the attack").is_some());
    press(&mut window, Modifiers::NONE, Key::K);
    settle(&mut window);
    let paused = shown(&window).timeline.step;
    assert!(paused < 10 && window.query_by_label("Play the attack").is_some());
    std::thread::sleep(Duration::from_millis(700));
    window.run_steps(3);
    assert_eq!(shown(&window).timeline.step, paused);
    press(&mut window, Modifiers::NONE, Key::K);
    until(&mut window, "the result", |app| app.shown().is_some_and(|shown| shown.timeline.is_result));
    // A change of the attack begins it anew.
    press(&mut window, Modifiers::NONE, Key::Comma);
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::OpenBracket);
    finish(&mut window);
    assert!(shown(&window).timeline.is_result && shown(&window).linf < 0.25);
}

#[test]
fn a_linear_net_shows_its_formula() {
    let lead = "remaining margin: ";
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::F);
    window.run_steps(2);
    assert!(window.query_by_label_contains(lead).is_none(), "a net with kinks has none");
    let mut window = open(Start { model: Some("digits_softmax".into()), picture: None }, None);
    window.get_by_label("Why FGSM is exact here").click();
    window.run_steps(3);
    let linear = shown(&window).linear.clone().unwrap();
    let label = shown(&window).label.name.clone();
    window.get_by_label(&format!("Picture of sign(w({}) − w({label}))", linear.class));
    window.get_by_label_contains(&format!("ε = {:.4} turns the answer", linear.rival.least_eps()));
    let left = |window: &Window<'_>| window.get_by_label_contains(lead).accesskit_node().value().unwrap();
    let before = left(&window);
    press(&mut window, Modifiers::NONE, Key::OpenBracket);
    settle(&mut window);
    assert_ne!(left(&window), before, "it follows ε");
    window.check_accessibility();
    window.get_by_label("Close the formula").click();
    window.run_steps(3);
    assert!(window.query_by_label_contains(lead).is_none());
}

#[test]
fn the_theme_and_the_size_of_type_can_be_switched() {
    let mut window = fresh();
    for theme in [Theme::Light, Theme::Dark] {
        press(&mut window, Modifiers::COMMAND, Key::T);
        window.run_steps(2);
        assert_eq!(window.ctx.theme(), theme);
    }
    press(&mut window, Modifiers::COMMAND, Key::L);
    window.run_steps(2);
    assert!(window.ctx.zoom_factor() > 1.2);
    window.check_accessibility();
    assert!(window.query_by_label("Epsilon").is_some());
}

#[test]
fn every_tab_fits_into_usual_and_large_windows_in_both_themes() {
    for size in [vec2(1280.0, 800.0), vec2(1920.0, 1080.0)] {
        let mut window = open_sized(Start::default(), None, size);
        for theme in [Theme::Light, Theme::Dark] {
            window.ctx.set_theme(theme);
            for (key, tab) in [
                (Key::Num1, Tab::Explore),
                (Key::Num2, Tab::Train),
                (Key::Num3, Tab::Models),
                (Key::Num4, Tab::TestSets),
            ] {
                press(&mut window, Modifiers::COMMAND, key);
                window.run_steps(4);
                assert_eq!(app(&window).tab(), tab);
                window.check_accessibility();
                let mut buttons = 0;
                for button in window.query_all_by_role(Role::Button) {
                    let (rect, name) = (button.rect(), button.accesskit_node().label());
                    assert!(rect.left() >= 0.0 && rect.right() <= size.x, "{tab:?} {size}: {name:?} at {rect:?}");
                    buttons += 1;
                }
                assert!(buttons > 5, "{tab:?}");
            }
        }
    }
}

#[test]
fn everything_has_a_name_and_the_help_lists_the_shortcuts() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::W);
    window.run_steps(3);
    window.check_accessibility();
    for name in ["Model", "Open…", "Draw…", "Menu", "More", "Reset ε", "Clip to [0, 1]", "Gain of the middle picture"]
    {
        assert!(window.query_by_label(name).is_some(), "nothing is called {name:?}");
    }
    press(&mut window, Modifiers::NONE, Key::F1);
    window.run_steps(2);
    for shortcut in ["Ctrl+O", "Ctrl+S", "]", "hold Space"] {
        assert!(window.query_all_by_label(shortcut).count() > 0, "the help does not say {shortcut:?}");
    }
    window.check_accessibility();
    press(&mut window, Modifiers::NONE, Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("hold Space").is_none());
}

#[test]
fn a_drawn_digit_is_attacked_while_it_is_drawn() {
    let mut window = fresh();
    window.get_by_label("Draw…").click();
    window.run_steps(4);
    let square = window.get_by_label("Drawing of 0 strokes").rect();
    let at = |x: f32, y: f32| square.min + vec2(x, y) * square.size();
    window.drag_at(at(0.5, 0.2));
    window.step();
    for i in 0..8 {
        window.hover_at(at(0.5, 0.2 + 0.08 * i as f32));
        window.step();
    }
    window.drop_at(at(0.5, 0.8));
    settle(&mut window);
    let Source::Memory { name, picture } = &shown(&window).view.picture else { panic!("the drawing is not shown") };
    assert_eq!((name.as_str(), picture.width, picture.height), ("your drawing", 28, 28));
    assert!(picture.bytes.iter().any(|b| *b > 128), "a white stroke");
    assert!(picture.bytes[..28].iter().all(|b| *b < 128), "on black");
    window.check_accessibility();
    window.get_by_label_contains("Undo stroke").click();
    settle(&mut window);
    let Source::Memory { picture, .. } = &shown(&window).view.picture else { panic!("the drawing is not shown") };
    assert!(picture.bytes.iter().all(|b| *b == 0), "nothing is left after the only stroke is undone");
}

#[test]
fn the_saved_file_is_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seven.png");
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::S);
    window.run_steps(2);
    window.check_accessibility();
    retype(&mut window, "Path:", path.to_str().unwrap());
    press(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "the notice of saving", |app| !app.notice_texts().is_empty());
    let notice = app(&window).notice_texts()[0].to_owned();
    let now = shown(&window).adversarial_top[0].name.clone();
    assert!(notice.contains("Read again") && notice.contains(&now), "{notice}");
    assert!(path.is_file());
    // What is there already is replaced only after a question.
    std::fs::write(&path, b"dear").unwrap();
    press(&mut window, Modifiers::COMMAND, Key::S);
    window.run_steps(2);
    window.get_by_label_contains("A PNG of the size that the net sees, 28×28.");
    retype(&mut window, "Path:", path.to_str().unwrap());
    window.get_by_label("Save").click();
    window.run_steps(3);
    window.get_by_label_contains("There is a file of this name already");
    window.check_accessibility();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(std::fs::read(&path).unwrap(), b"dear");
    window.get_by_label("Replace").click();
    let start = Instant::now();
    while std::fs::read(&path).unwrap() == b"dear" {
        window.step();
        assert!(start.elapsed() < Duration::from_secs(20), "it was not replaced");
    }
}

#[test]
fn recent_files_begin_with_their_name_and_those_that_are_gone_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holiday.png");
    image::GrayImage::from_pixel(28, 28, image::Luma([90])).save(&path).unwrap();
    let mut window = open(Start { picture: Some(path.clone()), model: None }, None);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    press(&mut window, Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    std::fs::remove_file(&path).unwrap();
    // The question grows by a line when it turns out that the system has no dialog: a click may be too high by then.
    while let Some(recent) = window.query_by_label(path.to_str().unwrap()) {
        recent.click();
        window.run_steps(3);
    }
    until(&mut window, "a message", |app| app.notice_texts().iter().any(|text| text.contains("holiday.png")));
    settle(&mut window);
    press(&mut window, Modifiers::COMMAND, Key::Backspace);
    press(&mut window, Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    assert!(window.query_by_label(path.to_str().unwrap()).is_none(), "it is still offered");
}

#[test]
fn the_usual_eps_is_that_of_the_kind_of_net_until_it_is_moved() {
    let mut window = open(Start { picture: Some("coffee".into()), model: Some("photos109".into()) }, None);
    let few = 2.0 / 255.0;
    assert_eq!(eps(shown(&window)), few, "at once");
    let choose = |window: &mut Window<'_>, name: &str| {
        press(window, Modifiers::COMMAND, Key::K);
        window.run_steps(2);
        window.get_by_label("Find a command").type_text(name);
        window.run_steps(2);
        press(window, Modifiers::NONE, Key::Enter);
        settle(window);
        eps(shown(window))
    };
    assert_eq!(choose(&mut window, "softmax"), 0.25);
    assert_eq!(choose(&mut window, "109 classes"), few);
    window.get_by_label(".1").click();
    settle(&mut window);
    assert_eq!(choose(&mut window, "softmax"), 0.25, "that of digits was not moved");
    choose(&mut window, "109 classes");
    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert_eq!((shown(&window).view.model.as_str(), eps(shown(&window))), ("digits_softmax", 0.25));
}

#[test]
fn a_picture_of_the_command_line_is_seen_whatever_tab_was_open_last() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(&settings, r#"{ "tab": "models" }"#).unwrap();
    let window = open(Start::default(), Some(settings.clone()));
    assert_eq!(app(&window).tab(), Tab::Models);
    for start in [
        Start { picture: Some("digit-3".into()), model: None },
        Start { picture: None, model: Some("digits_cnn".into()) },
    ] {
        assert_eq!(app(&open(start, Some(settings.clone()))).tab(), Tab::Explore);
    }
}

#[test]
fn a_file_that_changed_on_disk_is_read_again_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "a.bmp"] {
        let path = folder.path().join(name);
        let write = |side, level| image::GrayImage::from_pixel(side, side, image::Luma([level])).save(&path).unwrap();
        let brightness = |window: &Window<'_>| (shown(window).original.values[400] * 255.0).round();
        write(28, 90);
        let mut window = open(Start { picture: Some(path.clone()), model: None }, None);
        // It is also read for a view in it, beside what is shown.
        std::thread::sleep(Duration::from_millis(200));
        window.run_steps(3);
        settle(&mut window);
        write(30, 200);
        press(&mut window, Modifiers::NONE, Key::OpenBracket);
        settle(&mut window);
        assert_eq!(brightness(&window), 90.0, "not while ε moves");
        drop_file(&mut window, &path);
        until(&mut window, "the notice", |app| app.notice_texts().iter().any(|text| text.contains("changed on disk")));
        settle(&mut window);
        assert_eq!(brightness(&window), 200.0);
    }
}

#[test]
fn a_resting_window_draws_nothing() {
    let mut window = fresh();
    settle(&mut window);
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
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let mut window = open(Start::default(), Some(settings.clone()));
    window.get_by_label(".1").click();
    press(&mut window, Modifiers::COMMAND, Key::T);
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::PageUp);
    settle(&mut window);
    window.state_mut().as_mut().unwrap().close();
    drop(window);
    let window = open(Start::default(), Some(settings));
    assert!((eps(shown(&window)) - 0.1).abs() < 1e-6);
    assert_eq!(shown(&window).view.picture, Source::Sample("digit-6".into()));
    assert_eq!(window.ctx.theme(), Theme::Light);
}

#[test]
fn broken_settings_are_set_aside_with_a_notice() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(&settings, "{\"eps\": tru").unwrap();
    let window = open(Start::default(), Some(settings));
    assert!(app(&window).notice_texts()[0].contains("settings.broken.json"));
    assert_eq!(eps(shown(&window)), 2.0 / 255.0);
}

#[test]
fn what_cannot_be_opened_at_the_start_is_told_and_the_window_is_not_empty() {
    let start = Start { picture: Some("/no/such.png".into()), model: Some("no_such_model".into()) };
    let mut window = open(start, None);
    assert_eq!(shown(&window).view.model, "efficientnet_lite0");
    until(&mut window, "the message", |app| app.notice_texts().iter().any(|text| text.contains("no_such_model")));
    // What is good of the two is kept.
    for (picture, model, expected, bad) in [
        ("/no/such.png", "digits_cnn", ("digit-7", "digits_cnn"), "/no/such.png"),
        ("digit-3", "no_such_model", ("digit-3", "digits_maxout"), "no_such_model"),
    ] {
        let mut window = open(Start { picture: Some(picture.into()), model: Some(model.into()) }, None);
        until(&mut window, "what is good", |app| {
            app.shown().is_some_and(|shown| {
                (&shown.view.picture, shown.view.model.as_str()) == (&Source::Sample(expected.0.into()), expected.1)
            })
        });
        let notices = app(&window).notice_texts();
        assert!(notices.len() == 1 && notices[0].contains(bad), "{notices:?}");
    }
    let start = Start { picture: Some("digit-3".into()), model: Some("digits_maxout".into()) };
    let window = open(start, None);
    assert_eq!(shown(&window).view.picture, Source::Sample("digit-3".into()));
    assert_eq!(shown(&window).view.model, "digits_maxout");
}

#[test]
fn a_picture_of_the_command_line_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grey.png");
    image::GrayImage::from_pixel(28, 28, image::Luma([90])).save(&path).unwrap();
    let window = open(Start { picture: Some(path.clone()), model: None }, None);
    assert_eq!(shown(&window).view.picture, Source::File(path.clone()));
    let name = Path::new(&path).file_name().unwrap().to_str().unwrap();
    assert!(window.query_by_label(name).is_some(), "the strip names the file");
}

#[test]
fn a_pasted_picture_can_lie_on_another_background() {
    let mut window = fresh();
    let image = eframe::egui::ColorImage::filled([28, 28], eframe::egui::Color32::TRANSPARENT);
    window.event(Event::PasteImage(image.into()));
    until(&mut window, "the pasted picture", |app| {
        app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    settle(&mut window);
    assert_eq!(shown(&window).original.values[400], 1.0, "white paper");
    window.get_by_label("Background").click();
    window.run_steps(3);
    window.get_by_label("over black").click();
    settle(&mut window);
    assert_eq!(shown(&window).original.values[400], 0.0, "black paper");
}

#[test]
fn what_shows_through_a_transparent_picture_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("glass.png");
    image::RgbaImage::from_pixel(28, 28, image::Rgba([255, 255, 255, 0])).save(&path).unwrap();
    let mut window = open(Start { picture: Some(path), model: Some("digits_maxout".into()) }, None);
    let brightest = |window: &Window<'_>| shown(window).original.values.iter().copied().fold(0.0, f32::max);
    assert_eq!(brightest(&window), 1.0, "white paper");
    window.check_accessibility();
    window.get_by_label("Background").click();
    window.run_steps(3);
    window.get_by_label("over black").click();
    settle(&mut window);
    assert_eq!(brightest(&window), 0.0, "black paper");
}

#[test]
fn space_swaps_the_pictures_while_it_is_held() {
    let mut window = fresh();
    let left = |window: &Window<'_>, name: &str| window.get_by_label(name).rect().left();
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
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    window.step();
    let expected = "doppelganger attack digit-7 --model digits_maxout --eps 0.25";
    assert_eq!(app(&window).notice_texts()[0], format!("Copied the command of this view.\n{expected}"));
    assert_eq!(app(&window).copied(), Some(Clip::Text(expected.into())));
}

#[test]
fn the_command_line_of_a_paused_film_stops_there_and_what_has_no_file_is_told() {
    let mut window = fresh();
    window.get_by_label("Attack").click();
    window.run_steps(2);
    window.get_by(|node| node.label().is_some_and(|label| label == "BIM")).click();
    finish(&mut window);
    for _ in 0..7 {
        press(&mut window, Modifiers::NONE, Key::Comma);
    }
    settle(&mut window);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    window.step();
    let notice = app(&window).notice_texts()[0].to_owned();
    assert!(notice.contains("--attack bim --steps 3 --step-size 0.025 --eps 0.25"), "{notice}");
    window.event(Event::PasteImage(std::sync::Arc::new(eframe::egui::ColorImage::filled(
        [28, 28],
        eframe::egui::Color32::GRAY,
    ))));
    until(&mut window, "the pasted picture", |app| {
        app.shown().is_some_and(|shown| matches!(shown.view.picture, Source::Memory { .. }))
    });
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    window.step();
    assert!(app(&window).notice_texts()[0].contains("Save original…"), "{:?}", app(&window).notice_texts());
    // Saved as the notice says, and opened, it has one.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grey.png");
    menu(&mut window, "Save original…");
    retype(&mut window, "Path:", path.to_str().unwrap());
    press(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "the file", |_| path.is_file());
    drop_file(&mut window, &path);
    until(&mut window, "the file on screen", |app| {
        app.shown().is_some_and(|shown| shown.view.picture == Source::File(path.clone()))
    });
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
    window.step();
    assert!(app(&window).notice_texts()[0].contains("grey.png"), "{:?}", app(&window).notice_texts());
}

/// Chooses something of the menu at the right end of the top bar.
fn menu(window: &mut Window<'_>, name: &str) {
    window.get_by_label("Menu").click();
    window.run_steps(3);
    window.check_accessibility();
    // The button of the bar may have the same name; the menu lies over it.
    window.get_all_by_label(name).last().unwrap().click();
    window.run_steps(3);
}

#[test]
fn the_menu_undoes_copies_and_lists_what_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (view, lesson) = (folder.path().join("my view.toml"), folder.path().join("my lesson.toml"));
    std::fs::write(&view, "model = \"digits_cnn\"\npicture = \"digit-4\"\neps = 0.08\n").unwrap();
    std::fs::write(&lesson, "title = \"Mine\"\nabout = \"x\"\n[[step]]\nheading = \"First\"\ntext = \"y\"\n").unwrap();
    let mut window = open_sized(Start::default(), None, vec2(900.0, 600.0));
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::CloseBracket);
    settle(&mut window);
    menu(&mut window, "Undo");
    settle(&mut window);
    assert_eq!(eps(shown(&window)), 0.25);
    menu(&mut window, "Redo");
    settle(&mut window);
    assert!(eps(shown(&window)) > 0.25);
    menu(&mut window, "Copy picture");
    assert_eq!(app(&window).notice_texts()[0], "Copied the adversarial picture, 28 × 28 pixels.");
    assert_eq!(app(&window).copied(), Some(Clip::Picture(shown(&window).adversarial_rgba.clone())));
    drop_file(&mut window, &view);
    until(&mut window, "the view", |app| app.shown().is_some_and(|shown| shown.view.eps == 0.08));
    // A lesson that is dropped is told from a view, too.
    drop_file(&mut window, &lesson);
    until(&mut window, "the lesson", |app| app.lessons().is_open());
    press(&mut window, Modifiers::COMMAND, Key::E);
    menu(&mut window, "Recent file: my lesson.toml");
    until(&mut window, "the lesson again", |app| app.lessons().is_open());
    press(&mut window, Modifiers::COMMAND, Key::Num3);
    menu(&mut window, "Recent file: my view.toml");
    until(&mut window, "the view again", |app| app.tab() == Tab::Explore);
}

#[test]
fn the_menu_and_the_bar_fit_into_a_narrow_window_in_large_type() {
    // Large type leaves as many points as a window that is so much smaller.
    for size in [vec2(900.0, 600.0), vec2(900.0, 600.0) / 1.4] {
        let mut window = open_sized(Start::default(), None, size);
        for key in [Key::Num1, Key::Num2, Key::Num3, Key::Num4] {
            press(&mut window, Modifiers::COMMAND, key);
            window.run_steps(3);
            let mut last = 0.0;
            for name in ["Tab: Explore", "Tab: Test sets", "Lessons", "Menu"] {
                let rect = window.get_by_label(name).rect();
                assert!(rect.left() >= last && rect.right() <= size.x, "{key:?} {size}: {name} at {rect:?}");
                last = rect.right();
            }
        }
        window.get_by_label("Menu").click();
        window.run_steps(3);
        window.check_accessibility();
        assert!(window.query_by_label("Save view…").is_some());
    }
}

#[test]
fn a_page_in_a_picture_of_the_window_is_opened() {
    use doppelganger::engine::picture::{Picture, save_png};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("models.png");
    let picture = Picture::new(2, 2, 1, vec![0; 4]);
    save_png(&picture, &path, &[("Doppelganger page", "tab = \"models\"\n")]).unwrap();
    let mut window = fresh();
    drop_file(&mut window, &path);
    until(&mut window, "the page", |app| app.tab() == Tab::Models);
}

/// What the panes say of the pixel under the pointer or the cross-hair.
fn readouts(window: &Window<'_>) -> [String; 3] {
    ["Original picture", "Perturbation, largest", "Adversarial picture"]
        .map(|name| window.get_by_label_contains(name).value().unwrap_or_default())
}

#[test]
fn hovering_reads_the_same_pixel_in_all_panes() {
    let mut window = fresh();
    let well = window.get_by_label_contains("Adversarial picture").rect();
    window.hover_at(well.center());
    window.run_steps(2);
    let result = shown(&window);
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
    press(&mut window, Modifiers::NONE, Key::ArrowRight);
    press(&mut window, Modifiers::SHIFT, Key::ArrowUp);
    window.step();
    assert!(readouts(&window).iter().all(|text| text.starts_with("(15, 4)")), "{:?}", readouts(&window));
    for _ in 0..3 {
        press(&mut window, Modifiers::SHIFT, Key::ArrowLeft);
    }
    window.step();
    assert!(readouts(&window).iter().all(|text| text.starts_with("(0, 4)")), "the edge is the end");
}

#[test]
fn pictures_are_enlarged_and_fitted_by_keyboard() {
    let mut window = fresh();
    let enlarged = |window: &Window<'_>| window.query_by_label("double click: fit").is_some();
    assert!(!enlarged(&window));
    press(&mut window, Modifiers::NONE, Key::Plus);
    window.step();
    assert!(enlarged(&window));
    press(&mut window, Modifiers::NONE, Key::Num0);
    window.step();
    assert!(!enlarged(&window));
}

#[test]
fn a_photo_is_cropped_and_attacked_at_its_own_resolution() {
    let folder = tempfile::tempdir().unwrap();
    let coffee = sample_as_file("coffee", folder.path());
    let mut window = open(Start { picture: Some(coffee), model: Some("digits_cnn".into()) }, None);
    assert!(shown(&window).own_pixels, "where they are more than the net sees");
    press(&mut window, Modifiers::NONE, Key::P);
    settle(&mut window);
    let whole = shown(&window).crop;
    assert_eq!((shown(&window).picture_size, whole.width, whole.height), ((600, 400), 600.0, 400.0));
    assert_eq!(shown(&window).original.width, 28, "what the net sees");

    // The frame on the whole photo: smaller by a key, moved by another.
    window.get_by_label("Crop").click();
    window.step();
    window.get_by_label_contains("Crop of the photo of 600×400").focus();
    window.step();
    for _ in 0..20 {
        press(&mut window, Modifiers::SHIFT, Key::ArrowDown);
    }
    settle(&mut window);
    let smaller = shown(&window).crop;
    let expected = 600.0 / 1.05_f64.powi(20);
    assert!(
        (smaller.width - expected).abs() < 1e-6 && (smaller.width / smaller.height - 1.5).abs() < 1e-9,
        "{smaller:?}"
    );
    assert!((smaller.left - (600.0 - expected) / 2.0).abs() < 1e-6, "around its middle");
    press(&mut window, Modifiers::NONE, Key::ArrowLeft);
    settle(&mut window);
    assert!((shown(&window).crop.left - (smaller.left - 0.02 * smaller.width)).abs() < 1e-6);

    // At its own resolution only the crop's pixels move, and the whole photo is saved.
    press(&mut window, Modifiers::NONE, Key::P);
    settle(&mut window);
    let (width, height) = (shown(&window).original.width, shown(&window).original.height);
    // The filter reaches beyond the frame by one pixel of the net's input at most.
    let reach = 2.0 * expected / 28.0 + 2.0;
    let (more, higher) = (width as f64 - expected, height as f64 - expected / 1.5);
    assert!((0.0..reach).contains(&more) && (0.0..reach).contains(&higher), "{width}×{height}");
    assert!(window.query_by_label_contains(&format!("attacked at {width}×{height} of 600×400")).is_some());
    let path = folder.path().join("whole.png");
    save(&mut window, &path);
    assert_eq!(image::image_dimensions(&path).unwrap(), (600, 400));

    // Another picture starts with its usual part.
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    assert_eq!(app(&window).explore().view.crop, sample("coffee").unwrap().crop);
}

#[test]
fn a_photo_saved_with_a_crop_is_opened_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let coffee = sample_as_file("coffee", folder.path());
    let mut window = open(Start { picture: Some(coffee), model: Some("digits_cnn".into()) }, None);
    window.get_by_label("Crop").click();
    window.step();
    // By a corner of the frame, half way to its middle.
    let well = window.get_by_label_contains("Crop of the photo of 600×400").rect();
    let scale = (well.width() / 600.0).min(well.height() / 400.0);
    let corner = vec2(300.0, 200.0) * scale;
    window.drag_at(well.center() + corner - vec2(2.0, 2.0));
    window.step();
    for part in [0.9, 0.7, 0.5] {
        window.hover_at(well.center() + part * corner);
        window.step();
    }
    window.drop_at(well.center() + 0.5 * corner);
    settle(&mut window);
    let crop = app(&window).explore().view.crop.expect("a crop");
    assert!((280.0..330.0).contains(&crop.width) && (crop.left + crop.width / 2.0 - 300.0).abs() < 1e-3, "{crop:?}");
    let path = folder.path().join("cup.png");
    press(&mut window, Modifiers::COMMAND, Key::S);
    window.run_steps(2);
    window.get_by_label_contains("The whole photo, 600×400, as PNG.");
    press(&mut window, Modifiers::NONE, Key::Escape);
    window.run_steps(2);
    save(&mut window, &path);
    assert!(app(&window).notice_texts()[0].contains("with its crop"));
    let answer = shown(&window).adversarial_top[0].clone();
    // In another window, by somebody who knows the file alone; and dropped here.
    let first = Start { picture: Some(path.clone()), model: Some("digits_cnn".into()) };
    let mut other = open(first, None);
    drop_file(&mut window, &path);
    for window in [&mut other, &mut window] {
        until(window, "the file with its crop", |app| {
            app.shown()
                .is_some_and(|shown| shown.view.picture == Source::File(path.clone()) && shown.view.crop == Some(crop))
        });
        assert!(app(window).notice_texts().iter().any(|text| text.contains("with its crop")));
    }
    assert_eq!(shown(&other).clean_top[0].index, answer.index);
    assert_eq!(shown(&window).view.model, "efficientnet_lite0", "a photo that is dropped brings its net");
    // Given back to the net, the command says so: without a word it would take the crop of the file.
    other.get_by_label("Crop").click();
    other.step();
    let middle = other.get_by_label_contains("Crop of the photo of 600×400").rect().center();
    other.hover_at(middle);
    other.step();
    // In one frame: two of a test are too far apart for a double click.
    for pressed in [true, false, true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        other.input_mut().events.push(Event::PointerButton { pos: middle, button, pressed, modifiers });
    }
    other.step();
    until(&mut other, "the whole photo", |app| app.shown().is_some_and(|shown| shown.view.crop.is_none()));
    menu(&mut other, "Copy as command line");
    assert!(app(&other).notice_texts()[0].contains("--crop 0,0,600,400"), "{:?}", app(&other).notice_texts());
}

#[test]
fn of_a_large_photo_its_own_pixels_are_attacked_in_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    image::GrayImage::from_fn(3000, 2000, |x, y| image::Luma([((x / 9) ^ (y / 7)) as u8])).save(&path).unwrap();
    let mut window = open(Start { picture: Some(path), model: Some("digits_cnn".into()) }, None);
    press(&mut window, Modifiers::NONE, Key::P);
    settle(&mut window);
    let crop = app(&window).explore().view.crop.expect("a crop");
    assert!((crop.width / crop.height - 1.5).abs() < 1e-9 && (crop.left + crop.width / 2.0 - 1500.0).abs() < 1e-6);
    assert!(app(&window).notice_texts()[0].contains("2.1 megapixels"), "{:?}", app(&window).notice_texts());
    window.run_steps(2);
    window.get_by_label_contains("of 2.1 MP");
    window.get_by_label_contains("Crop of the photo of 3000×2000").focus();
    window.step();
    // Smaller, moved, and no larger than it may be.
    for key in [Key::ArrowLeft, Key::ArrowRight, Key::ArrowRight, Key::ArrowRight] {
        press(&mut window, Modifiers::SHIFT, key);
        settle(&mut window);
    }
    let largest = app(&window).explore().view.crop.expect("a crop");
    assert!((largest.width - crop.width).abs() < 1e-3, "{largest:?}");
    press(&mut window, Modifiers::NONE, Key::ArrowLeft);
    settle(&mut window);
    assert!(app(&window).explore().view.crop.expect("a crop").left < largest.left);
    assert!(app(&window).notice_texts().len() <= 1, "said once: {:?}", app(&window).notice_texts());
}

#[test]
fn pictures_longer_than_a_texture_are_shown() {
    for (width, height) in [(20_000, 100), (60, 30_000)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.png");
        image::GrayImage::from_pixel(width, height, image::Luma([90])).save(&path).unwrap();
        let mut window = open(Start { picture: Some(path), model: Some("digits_cnn".into()) }, None);
        settle(&mut window);
        let original = &shown(&window).original;
        assert_eq!((original.width, original.height), (width as usize, height as usize));
        press(&mut window, Modifiers::NONE, Key::Plus);
        window.run_steps(3);
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
    let zoom = |window: &Window<'_>| window.ctx.zoom_factor();
    assert_eq!(zoom(&window), 1.0);
    for is_large in [true, false] {
        press(&mut window, Modifiers::NONE, Key::F11);
        window.run_steps(2);
        assert_eq!(zoom(&window) > 1.0, is_large);
    }
}

#[test]
fn a_lesson_hides_what_is_to_be_predicted() {
    let mut window = fresh();
    window.get_by_label("Lessons").click();
    window.run_steps(3);
    window.get_by_label("Lesson: Train on a mix").click();
    settle(&mut window);
    window.get_by_label("A net that was trained as usual");
    assert!(!is_why_open(&window), "the answer of the next step could be read off there");
    assert_eq!((app(&window).explore().view.eps, shown(&window).view.model.as_str()), (0.25, "digits_maxout"));
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    settle(&mut window);
    until(&mut window, "the last step of the attack", |app| app.shown().is_some_and(|shown| shown.timeline.is_over));
    let (before, after) = (shown(&window).clean_top[0].name.clone(), shown(&window).adversarial_top[0].name.clone());
    assert_ne!(before, after);
    let verdict = format!("The net now says {after}");
    assert!(window.query_by_label_contains(&verdict).is_none(), "the answer is hidden");
    window.get_by_label("No").click();
    window.run_steps(2);
    window.check_accessibility();
    window.get_by_label("Reveal").click();
    window.run_steps(3);
    window.get_by_label_contains(&verdict);
    window.get_by_label("You said: No");
    window.get_by_label_contains(&format!("It says {after} with"));
    press(&mut window, Modifiers::NONE, Key::PageUp);
    settle(&mut window);
    assert_eq!(shown(&window).view.attack.name(), "fgsm", "back to the step before");
    press(&mut window, Modifiers::COMMAND, Key::E);
    window.run_steps(3);
    assert!(!app(&window).lessons().is_open());
    assert!(is_why_open(&window), "a lesson changes nothing that is kept");
}

fn is_why_open(window: &Window<'_>) -> bool {
    app(window).is_why_open()
}

#[test]
fn a_lesson_of_ones_own_is_opened_and_a_broken_one_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let text =
        "title = \"Mine\"\nabout = \"x\"\n[[step]]\nheading = \"First\"\ntext = \"ε is {eps}\"\nview = { eps = 0.1 }\n";
    std::fs::write(&path, text).unwrap();
    let mut window = fresh();
    let open = |window: &mut Window<'_>, path: &Path| {
        window.get_by_label("Lessons").click();
        window.run_steps(3);
        window.get_by_label("Open a lesson…").click();
        window.run_steps(3);
        retype(window, "Path:", path.to_str().unwrap());
        press(window, Modifiers::NONE, Key::Enter);
    };
    open(&mut window, &path);
    until(&mut window, "the lesson", |app| app.lessons().is_open());
    settle(&mut window);
    window.get_by_label("ε is 0.1");
    std::fs::write(&path, text.replace("0.1", "much")).unwrap();
    open(&mut window, &path);
    until(&mut window, "a message", |app| app.notice_texts().iter().any(|text| text.contains("line 6, column")));
}

#[test]
fn a_lesson_does_not_take_over_what_was_left_in_explore() {
    let mut window = fresh();
    let command = |window: &mut Window<'_>, key| press(window, Modifiers::NONE, key);
    command(&mut window, Key::B);
    command(&mut window, Key::C);
    command(&mut window, Key::L);
    command(&mut window, Key::P);
    command(&mut window, Key::Num4);
    command(&mut window, Key::R);
    settle(&mut window);
    let left = app(&window).explore().wanted();
    assert!(left.eight_bit && !left.clip && left.own_pixels == Some(true) && left.seed == 1, "{left:?}");
    assert_eq!(left.attack.name(), "pgd");
    window.get_by_label("Lessons").click();
    window.run_steps(3);
    window.get_by_label("Lesson: Away from the label").click();
    settle(&mut window);
    let view = &shown(&window).view;
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
        press(&mut window, Modifiers::COMMAND, tab);
        drop_file(&mut window, &path);
        until(&mut window, "the lesson", |app| app.lessons().is_open());
        assert_eq!(app(&window).tab(), Tab::Explore);
        settle(&mut window);
        assert!(app(&window).explore().hidden.answer);
        window.get_by_label("The answer is hidden: predict it, then reveal it.");
        window.get_by_label("Reveal").click();
        until(&mut window, "the other net", |app| app.why().second().is_some());
    }
    let mut window = fresh();
    press(&mut window, Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    retype(&mut window, "Path:", path.to_str().unwrap());
    press(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "the lesson", |app| app.lessons().is_open());
}

#[test]
fn a_lesson_that_names_what_is_not_there_says_in_which_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let mut window = fresh();
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
        drop_file(&mut window, &path);
        until(&mut window, "a message", |app| app.notice_texts().iter().any(|text| text.contains(says)));
        assert!(!app(&window).lessons().is_open());
    }
}

#[test]
fn changes_are_taken_back_and_done_again() {
    let mut window = fresh();
    settle(&mut window);
    window.get_by_label(".1").click();
    settle(&mut window);
    press(&mut window, Modifiers::NONE, Key::PageDown);
    // A change counts by itself once nothing has changed for a while.
    window.run_steps(4);
    window.get_by_label("Clip to [0, 1]").click();
    settle(&mut window);
    let after = shown(&window).view.clone();
    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert!(shown(&window).view.clip && shown(&window).view.picture == after.picture);
    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    assert_eq!((&shown(&window).view.picture, eps(shown(&window))), (&Source::Sample("digit-7".into()), 0.1));
    press(&mut window, Modifiers::COMMAND, Key::Z);
    settle(&mut window);
    let first = shown(&window);
    assert_eq!((&first.view.picture, eps(first)), (&Source::Sample("digit-7".into()), 0.25));
    for _ in 0..3 {
        press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        settle(&mut window);
    }
    assert_eq!(shown(&window).view, after);
}

#[test]
fn anything_is_found_by_a_part_of_its_name() {
    let mut window = fresh();
    let find = |window: &mut Window<'_>, text: &str| {
        press(window, Modifiers::COMMAND, Key::K);
        window.run_steps(2);
        window.get_by_label("Find a command").type_text(text);
        window.run_steps(2);
        window.check_accessibility();
        press(window, Modifiers::NONE, Key::Enter);
        window.run_steps(2);
        assert!(window.query_by_label("Find a command").is_none(), "it closes");
    };
    find(&mut window, "softmax");
    settle(&mut window);
    assert_eq!(shown(&window).view.model, "digits_softmax");
    find(&mut window, "picture: espresso");
    settle(&mut window);
    assert_eq!(shown(&window).view.picture, Source::Sample("coffee".into()));
    find(&mut window, "models");
    until(&mut window, "the page", |app| app.tab() == Tab::Models);
    press(&mut window, Modifiers::COMMAND, Key::K);
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Escape);
    window.run_steps(2);
    assert!(window.query_by_label("Find a command").is_none());
}

/// The interactive controls in sight: what Tab can reach, but for the pictures themselves.
fn controls(window: &Window<'_>) -> Vec<String> {
    let roles =
        [Role::Button, Role::RadioButton, Role::CheckBox, Role::Slider, Role::TextInput, Role::ComboBox, Role::Link];
    let of_role = |role| window.query_all_by_role(role).map(|node| node.accesskit_node().label().unwrap_or_default());
    roles.into_iter().flat_map(of_role).collect()
}

#[test]
fn the_first_start_shows_a_photo_and_how_to_fool_the_net() {
    for (size, least) in [(vec2(1280.0, 800.0), 320.0), (vec2(1920.0, 1080.0), 560.0)] {
        let folder = tempfile::tempdir().unwrap();
        let mut window = open_new(folder.path().join("settings.json"), size);
        assert_eq!((shown(&window).view.eps, shown(&window).view.eight_bit), (0.0, true), "untouched at first");
        assert_eq!(shown(&window).view.model, "efficientnet_lite0");
        assert_eq!(shown(&window).clean_top[0].name, "espresso");
        assert!(shown(&window).clean_top[0].prob > 0.9 && shown(&window).own_pixels);
        window.get_by_label("Drag ε until it is no longer an espresso.");
        window.get_by_label("Make it a fiddler crab");
        let found = controls(&window);
        assert!(found.len() <= 20, "{size}: {} controls: {found:?}", found.len());
        for name in ["Original picture, the net says espresso", "Adversarial picture, the net says espresso"] {
            let well = window.get_by_label(name).rect();
            assert!(well.width().min(well.height()) >= least, "{size}: {name} at {well:?}");
        }
        // ε rises by itself, once, and the answer goes.
        until(&mut window, "the rise of ε", |app| app.explore().view.eps == 2.0 / 255.0);
        settle(&mut window);
        assert_eq!(shown(&window).verdict, Verdict::Fooled);
        assert!(shown(&window).linf * 255.0 < 2.001);
        window.get_by_label_contains("Nobody sees the change. The net now says");
        window.check_accessibility();
    }
}

#[test]
fn the_hand_on_the_slider_fools_the_net_at_one_grey_level_already() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    window.get_by_label("Epsilon").focus();
    press(&mut window, Modifiers::NONE, Key::Home);
    let mut answers = Vec::new();
    for _ in 0..2 {
        press(&mut window, Modifiers::NONE, Key::ArrowRight);
        settle(&mut window);
        let top = &shown(&window).adversarial_top[0];
        answers.push(top.name.clone());
        assert!(top.prob > 0.4, "{top:?}");
    }
    assert_eq!(answers, ["consomme", "consomme"]);
    // It does not move by itself any more.
    std::thread::sleep(Duration::from_millis(1500));
    window.run_steps(3);
    assert!((app(&window).explore().view.eps - 2.0 / 255.0).abs() < 1e-6);
}

#[test]
fn one_button_makes_a_doppelganger_as_a_film_and_epsilon_follows_it_live() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    window.get_by_label("Make it a fiddler crab").click();
    window.step();
    let mut steps = std::collections::BTreeSet::new();
    let start = Instant::now();
    while !(app(&window).shown().is_some_and(|shown| shown.timeline.of > 1 && shown.timeline.is_over)) {
        window.step();
        steps.insert(shown(&window).timeline.step);
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(3));
    }
    settle(&mut window);
    assert!(steps.len() > 3, "it arrives step by step: {steps:?}");
    let made = shown(&window);
    assert_eq!((made.adversarial_top[0].name.as_str(), made.verdict), ("fiddler crab", Verdict::FooledAsAsked));
    assert!(made.adversarial_top[0].prob > 0.99 && made.linf * 255.0 < 2.001, "{:?}", made.adversarial_top[0]);
    let (whole, found_at) = (made.perturbation.clone(), made.view.eps);

    // While ε moves, the straight line to what was found is followed; at rest the attack begins anew.
    window.get_by_label("Epsilon").focus();
    press(&mut window, Modifiers::NONE, Key::ArrowLeft);
    until(&mut window, "a point of the line", |app| app.shown().is_some_and(|shown| shown.along_line.is_some()));
    let on_line = shown(&window);
    assert_eq!(on_line.along_line, Some(found_at));
    let share = on_line.view.eps / found_at;
    let farthest = |at: usize| (on_line.perturbation.values[at] - share * whole.values[at]).abs();
    let worst = (0..whole.values.len()).map(farthest).fold(0.0_f32, f32::max);
    assert!(worst <= 0.5 / 255.0 + 1e-5, "rounded to 8 bits: {worst}");
    window.get_by_label_contains("on the straight line to the perturbation found at ε = 0.0078");
    window.get_by_label_contains("the attack runs again when ε rests");
    until(&mut window, "the attack at the new ε", |app| app.explore().is_settled());
    assert_eq!(shown(&window).along_line, None);
    assert!((shown(&window).view.eps * 255.0 - 1.0).abs() < 1e-3);
    window.get_by_label("Back to FGSM").click();
    settle(&mut window);
    assert!(shown(&window).view.is_fgsm());
}

#[test]
fn a_digit_and_a_photo_bring_their_nets_with_a_notice_and_a_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = fresh();
    let coffee = sample_as_file("coffee", folder.path());
    drop_file(&mut window, &coffee);
    until(&mut window, "the photo", |app| app.shown().is_some_and(|s| s.view.picture == Source::File(coffee.clone())));
    settle(&mut window);
    assert_eq!(shown(&window).view.model, "efficientnet_lite0");
    assert_eq!(app(&window).explore().view.eps, 2.0 / 255.0, "the ε of photographs");
    assert!(app(&window).notice_texts()[0].contains("reads photographs"), "{:?}", app(&window).notice_texts());
    window.run_steps(2);
    window.get_by_label("Undo").click();
    settle(&mut window);
    assert_eq!(
        (shown(&window).view.model.as_str(), &shown(&window).view.picture),
        ("digits_maxout", &Source::File(coffee))
    );
    // A net that is chosen brings a picture that it reads.
    press(&mut window, Modifiers::COMMAND, Key::D);
    settle(&mut window);
    assert_eq!(shown(&window).view.model, "digits_maxout");
    press(&mut window, Modifiers::COMMAND, Key::K);
    window.run_steps(2);
    window.get_by_label("Find a command").type_text("Lite0");
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Enter);
    settle(&mut window);
    let view = &shown(&window).view;
    assert_eq!(view.model, "efficientnet_lite0");
    assert_ne!(shown(&window).kind, Some(PictureKind::Digit), "{:?}", view.picture);
    assert!(app(&window).notice_texts()[0].contains("reads photographs"));
}

#[test]
fn a_digit_is_drawn_in_the_place_of_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    press(&mut window, Modifiers::COMMAND, Key::D);
    settle(&mut window);
    window.run_steps(2);
    let square = window.get_by_label("Drawing of 0 strokes").rect();
    let middle = square.center();
    window.drag_at(middle - vec2(0.0, 90.0));
    window.step();
    for part in 0..10 {
        window.hover_at(middle + vec2(0.0, -90.0 + 18.0 * part as f32));
        window.step();
    }
    window.drop_at(middle + vec2(0.0, 90.0));
    settle(&mut window);
    window.run_steps(2);
    window.get_by_label("Drawing of 1 strokes");
    let top = &shown(&window).clean_top[0];
    assert_eq!((shown(&window).view.model.as_str(), top.name.as_str()), ("digits_maxout", "1"), "{top:?}");
    // Another picture puts the drawing away.
    window.get_by_label("The photographs that come with the program").click();
    settle(&mut window);
    window.run_steps(2);
    assert!(window.query_by_label("Drawing of 1 strokes").is_none());
}

#[test]
fn an_answer_is_called_right_only_where_it_is_known_to_be() {
    let mut window = open(Start { picture: Some("astronaut".into()), model: None }, None);
    press(&mut window, Modifiers::NONE, Key::Backslash);
    let mut standing = |name: &str| {
        window.get_by_label(&format!("Sample: {name}")).click();
        settle(&mut window);
        standing_before(shown(&window))
    };
    assert_eq!(standing("Eileen Collins, astronaut"), Standing::Own, "no net has a class for her");
    assert_eq!(standing("Chelsea, a cat"), Standing::Right);
    assert_eq!(standing("A cup of espresso"), Standing::Right);
}

#[test]
fn pictures_keep_a_good_size_beside_a_film_and_the_pane_of_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    press(&mut window, Modifiers::NONE, Key::W);
    window.get_by_label("Make it a fiddler crab").click();
    window.step();
    until(&mut window, "the film", |app| app.explore().is_settled() && app.shown().is_some_and(|s| s.timeline.of > 1));
    until(&mut window, "the curve", |app| app.shown().is_some_and(|shown| app.why().current(shown).is_some()));
    window.run_steps(3);
    for name in ["Original picture, the net says espresso", "Adversarial picture, the net says fiddler crab"] {
        let well = window.get_by_label(name).rect();
        assert!(well.height() >= 240.0 && well.width() >= 240.0, "{name} at {well:?}");
    }
    assert!(window.query_by_label("Step of the attack").is_some() && window.query_by_label("ε on the curve").is_some());
}

#[test]
fn digits_come_though_a_class_of_photographs_was_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    window.get_by_label("Make it a fiddler crab").click();
    window.step();
    until(&mut window, "the doppelgänger", |app| app.explore().is_settled());
    window.get_by_label("The digits that come with the program").click();
    settle(&mut window);
    let view = &shown(&window).view;
    assert_eq!((view.model.as_str(), view.goal), ("digits_maxout", Goal::Untargeted));
    assert!(app(&window).notice_texts().iter().all(|text| text.contains("reads digits")), "no problem");
    assert_eq!(app(&window).explore().view.eps, 0.25, "the ε of digits");
}

#[test]
fn letters_typed_in_the_list_of_classes_are_no_shortcuts() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    window.get_by_label("Other classes to make it").click();
    window.run_steps(3);
    assert!(window.get_by_label("Class to make it").is_focused(), "it can be typed at once");
    for key in [Key::A, Key::B, Key::P] {
        press(&mut window, Modifiers::NONE, key);
    }
    assert!(window.query_by_label("ε as a number").is_none() && app(&window).explore().view.eight_bit);
    window.get_by_label("Class to make it").type_text("teapo");
    window.run_steps(2);
    press(&mut window, Modifiers::NONE, Key::Enter);
    until(&mut window, "the teapot", |app| {
        app.explore().is_settled() && app.shown().is_some_and(|shown| shown.adversarial_top[0].name == "teapot")
    });
}

#[test]
fn a_targeted_attack_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let mut window = open_new(settings.clone(), vec2(1280.0, 800.0));
    window.get_by_label("Make it a fiddler crab").click();
    window.step();
    until(&mut window, "the doppelgänger", |app| app.explore().is_settled());
    window.state_mut().as_mut().unwrap().close();
    drop(window);
    let mut window = open_new(settings, vec2(1280.0, 800.0));
    until(&mut window, "the doppelgänger again", |app| {
        app.shown().is_some_and(|shown| shown.verdict == Verdict::FooledAsAsked && shown.timeline.is_over)
    });
    assert_eq!(shown(&window).adversarial_top[0].name, "fiddler crab");
}

#[test]
fn with_8_bits_the_hand_stops_at_whole_grey_levels() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = open_new(folder.path().join("settings.json"), vec2(1280.0, 800.0));
    let rail = window.get_by_label("Epsilon").rect();
    for part in [0.3, 0.41, 0.52, 0.77] {
        window.drag_at(rail.left_top() + vec2(part * rail.width(), 16.0));
        window.step();
        window.drop_at(rail.left_top() + vec2(part * rail.width(), 16.0));
        settle(&mut window);
        let levels = app(&window).explore().view.eps * 255.0;
        assert!((levels - levels.round()).abs() < 1e-3 && levels >= 1.0, "{levels}");
        assert!(shown(&window).linf <= shown(&window).view.eps + 1e-6, "no pixel moves by more than ε");
    }
}

#[test]
fn what_was_on_screen_before_a_lesson_comes_back() {
    let mut window = fresh();
    let before = app(&window).explore().wanted();
    press(&mut window, Modifiers::COMMAND, Key::E);
    until(&mut window, "the talk", |app| app.lessons().is_open());
    for _ in 0..3 {
        press(&mut window, Modifiers::NONE, Key::PageDown);
        window.run_steps(3);
    }
    assert_ne!(app(&window).explore().wanted(), before);
    window.get_by_label("Close the lesson").click();
    settle(&mut window);
    assert_eq!(app(&window).explore().wanted(), before);
}
