//! The pane under the pictures that shows why the attack works, driven without a display.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common;
use candle_core::{Device, Tensor};
use doppelganger::app::{App, Start};
use doppelganger::engine::attack::{Baseline, Control, Verdict};
use doppelganger::engine::data::sample;
use doppelganger::engine::model::{Catalogue, Model};
use doppelganger::worker::{Along, Controls, Second, Shown};
use eframe::egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

type Window<'a> = Harness<'a, Option<App>>;

const USUAL: Vec2 = vec2(1280.0, 800.0);

fn open(size: Vec2, start: Start, settings: Option<PathBuf>) -> Window<'static> {
    let settings = common::begin_with_a_digit(settings, false);
    open_with(size, start, Some(settings), Catalogue::new(Vec::new()))
}

fn open_with(size: Vec2, start: Start, settings: Option<PathBuf>, catalogue: Catalogue) -> Window<'static> {
    let mut start = Some((start, Some(common::begin_with_a_digit(settings, false)), catalogue));
    let mut window = Harness::builder().with_size(size).build_ui_state(
        move |ui, app: &mut Option<App>| match app {
            Some(app) => {
                app.tick(&ui.ctx().clone());
                app.draw(ui);
            }
            None => {
                let (start, settings, catalogue) = start.take().expect("built once");
                let opened = App::with_catalogue(ui.ctx(), start, settings, "no runs".into(), catalogue);
                *app = Some(opened.expect("a window"));
                ui.ctx().request_repaint();
            }
        },
        None,
    );
    until(&mut window, "a first result", |app| app.shown().is_some());
    window
}

fn fresh() -> Window<'static> {
    let mut window = open(USUAL, Start::default(), None);
    studied(&mut window);
    window
}

fn app<'a>(window: &'a Window<'_>) -> &'a App {
    window.state().as_ref().expect("built on the first frame")
}

fn shown<'a>(window: &'a Window<'_>) -> &'a Shown {
    app(window).shown().expect("a result is on screen")
}

fn along<'a>(window: &'a Window<'_>) -> &'a Along {
    app(window).why().current(shown(window)).expect("a curve is on screen")
}

fn until(window: &mut Window<'_>, what: &str, holds: impl Fn(&App) -> bool) {
    let start = Instant::now();
    loop {
        window.step();
        if window.state().as_ref().is_some_and(&holds) {
            window.step();
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for the newest answer.
fn settle(window: &mut Window<'_>) {
    window.step();
    until(window, "the newest answer", |app| {
        !app.explore().waiting() && app.shown().is_some_and(|shown| shown.view == app.explore().wanted())
    });
}

/// Waits for it and for the curve to be as close as it gets.
fn studied(window: &mut Window<'_>) {
    settle(window);
    until(window, "the curve", |app| app.why().current(app.shown().unwrap()).is_some_and(|along| along.is_final));
}

fn press(window: &mut Window<'_>, modifiers: Modifiers, key: Key) {
    window.key_press_modifiers(modifiers, key);
    window.run_steps(2);
}

fn eps(window: &Window<'_>) -> f32 {
    app(window).explore().view.eps
}

/// The engine without window and worker, on what the window shows first.
struct Bench {
    model: Arc<Model>,
    baseline: Baseline,
    shown: Shown,
}

impl Bench {
    fn of(window: &Window<'_>) -> Self {
        let shown = shown(window).clone();
        let model = Arc::new(Catalogue::new(Vec::new()).load(&shown.view.model).unwrap());
        let picture = model.fit(&sample("digit-7").unwrap().picture().unwrap()).unwrap();
        let view = &shown.view;
        let baseline = Baseline::new(&model, Arc::new(picture), view.label, view.goal, view.loss).unwrap();
        Self { model, baseline, shown }
    }

    fn probabilities(&self, eps: f32) -> Vec<f32> {
        common::fgsm(&self.model, &self.baseline, eps, self.shown.view.clip).probabilities
    }

    fn answer(&self, eps: f32) -> usize {
        let top = self.model.top(&self.probabilities(eps), 1);
        top[0].index
    }
}

#[test]
fn the_curve_is_what_the_attack_does() {
    let window = fresh();
    let (bench, along) = (Bench::of(&window), along(&window));
    assert_eq!((along.eps.first(), along.eps.last()), (Some(&-0.5), Some(&0.5)));
    assert_eq!(along.lines[0].class, 7, "the label comes first");
    for at in (0..along.eps.len()).filter(|&at| along.eps[at] >= 0.0).step_by(4) {
        let expected = bench.probabilities(along.eps[at]);
        for line in &along.lines {
            let error = (line.probabilities[at] - expected[line.class]).abs();
            assert!(error < 0.02, "class {} at ε = {}: off by {error}", line.class, along.eps[at]);
        }
    }
    let flips: Vec<_> = along.flips.iter().filter(|flip| flip.eps > 0.0).collect();
    assert!(!flips.is_empty());
    for flip in flips {
        let (before, after) = (flip.eps - 0.001, flip.eps + 0.001);
        assert_eq!((bench.answer(before), bench.answer(after)), (flip.from, flip.to), "at ε = {}", flip.eps);
    }
    let (low, high) = along.right.unwrap();
    assert!(low < 0.0 && bench.answer(high - 0.001) == 7 && bench.answer(high + 0.001) != 7);
}

#[test]
fn the_curve_stays_while_epsilon_moves_and_follows_everything_else() {
    let mut window = fresh();
    let first = std::ptr::from_ref(along(&window));
    for _ in 0..5 {
        press(&mut window, Modifiers::NONE, Key::OpenBracket);
    }
    settle(&mut window);
    std::thread::sleep(Duration::from_millis(100));
    window.run_steps(3);
    assert!(std::ptr::eq(first, along(&window)), "it was computed again");
    // Clipping, the loss, the picture.
    for key in [Key::C, Key::L, Key::PageUp] {
        press(&mut window, Modifiers::NONE, key);
        studied(&mut window);
    }
    assert_eq!(along(&window).lines[0].class, 6, "the picture is a 6 now");
    press(&mut window, Modifiers::NONE, Key::Num2);
    studied(&mut window);
    assert!(!along(&window).is_sign());
}

#[test]
fn a_press_or_a_drag_on_the_curve_moves_epsilon() {
    let mut window = fresh();
    let frame = window.get_by_label("ε on the curve").rect();
    let at = |eps: f32| frame.min + vec2((eps + 0.5) * frame.width(), 0.5 * frame.height());
    window.drag_at(at(0.1));
    window.step();
    window.hover_at(at(0.35));
    window.step();
    window.drop_at(at(0.35));
    settle(&mut window);
    assert!((eps(&window) - 0.35).abs() < 0.002, "{}", eps(&window));
    assert!(shown(&window).linf > 0.34);
    // On the other side the slider ends at 0.
    window.drag_at(at(-0.2));
    window.step();
    window.drop_at(at(-0.2));
    settle(&mut window);
    assert_eq!(eps(&window), 0.0);
    window.get_by_label("ε on the curve").focus();
    window.step();
    press(&mut window, Modifiers::NONE, Key::ArrowRight);
    assert!((eps(&window) - 1.0 / 255.0).abs() < 1e-6);
    assert!(window.get_by_label("ε on the curve").is_focused());
}

#[test]
fn a_flag_takes_epsilon_to_where_the_answer_changes() {
    let mut window = fresh();
    let flip = *along(&window).flips.iter().find(|flip| flip.eps > 0.0).unwrap();
    let name = shown(&window).model.classes[flip.to].clone();
    window.get_by_label_contains(&format!("→ {name} at ε")).click();
    settle(&mut window);
    assert!((eps(&window) - flip.eps).abs() < 0.001);
    assert_eq!(shown(&window).adversarial_top[0].name, name);
}

#[test]
fn the_legend_says_what_the_net_says_at_epsilon() {
    let mut window = fresh();
    let top = shown(&window).adversarial_top[0].clone();
    let says = |window: &Window<'_>, text: &str| window.query_all_by_label_contains(text).count() > 0;
    let nearly = (0.9995..1.0).contains(&top.prob);
    let share = if nearly { ">99.9 %".into() } else { format!("{:.1} %", top.prob * 100.0) };
    let expected = format!("on the curve: {}: {share}", top.name);
    assert!(says(&window, &expected), "no {expected:?}");
    assert!(says(&window, "on the curve: 7, the label:"));
    window.get_by_label("Values: Logits").click();
    window.run_steps(2);
    assert!(!says(&window, &expected));
    assert!(says(&window, "on the curve: 7, the label: "));
}

#[test]
fn how_the_pane_was_left_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let is_open = |window: &Window<'_>| window.query_by_label("ε on the curve").is_some();
    let mut window = open(USUAL, Start::default(), Some(settings.clone()));
    studied(&mut window);
    window.get_by_label("Axis: Log").click();
    press(&mut window, Modifiers::NONE, Key::V);
    // Left of ε = .0005 the logarithmic axis ends.
    let frame = window.get_by_label("ε on the curve").rect();
    window.drag_at(frame.left_center() + vec2(frame.width() / 3.0, 0.0));
    window.step();
    window.drop_at(frame.left_center() + vec2(frame.width() / 3.0, 0.0));
    settle(&mut window);
    assert!((eps(&window) - 0.005).abs() < 0.0002, "{}", eps(&window));
    press(&mut window, Modifiers::NONE, Key::W);
    assert!(!is_open(&window));
    window.state_mut().as_mut().unwrap().close();
    drop(window);
    let mut window = open(USUAL, Start::default(), Some(settings));
    assert!(!is_open(&window), "it was folded");
    window.get_by_label("Why it works").click();
    studied(&mut window);
    assert!(is_open(&window));
    window.get_by_label("Axis: Linear").click();
    window.get_by_label("Values: Probabilities").click();
    window.run_steps(2);
    window.check_accessibility();
}

#[test]
fn a_low_window_holds_it_open() {
    let mut window = open(vec2(800.0, 600.0), Start::default(), None);
    studied(&mut window);
    let frame = window.get_by_label("ε on the curve").rect();
    assert!(frame.height() > 60.0 && frame.width() > 300.0, "{frame:?}");
    let slider = window.get_by_label("Epsilon").rect();
    assert!(frame.bottom() < slider.top() && slider.bottom() < 600.0);
    window.check_accessibility();
}

/// The pictures are whole, and what the net says of them is to be seen above the pane.
fn assert_in_sight(window: &Window<'_>, what: &str) {
    let pane = window.get_by_label("Why it works").rect();
    for (name, least) in [
        ("Original picture, the net says", 132.0),
        ("Perturbation, largest", 60.0),
        ("Adversarial picture, the net says", 132.0),
    ] {
        let well = window.get_by_label_contains(name).rect();
        assert!(well.height() >= least && well.bottom() < pane.top(), "{what}: {name} at {well:?}, {pane:?}");
    }
    for when in ["before: ", "after: "] {
        let bars = window.query_all_by_label_contains(when).map(|bar| bar.rect().bottom());
        let first = bars.min_by(f32::total_cmp).unwrap();
        assert!(first <= pane.top(), "{what}: the first bar {when:?} ends at {first}, {pane:?}");
    }
    assert!(pane.bottom() < window.get_by_label("Epsilon").rect().top(), "{what}");
}

#[test]
fn pictures_and_bars_stay_in_sight_beside_a_warning_a_film_and_the_curve() {
    const WARNING: &str = "rounding hides most of the slope";
    const LARGE_TYPE: f32 = 1.4;
    for size in [USUAL, vec2(900.0, 600.0), vec2(1920.0, 1080.0) / LARGE_TYPE, USUAL / LARGE_TYPE] {
        let start = Start { picture: Some("digit-4".into()), model: Some("digits_maxout".into()) };
        let mut window = open(size, start, None);
        for (key, has_film) in [(Key::Num1, false), (Key::Num4, true)] {
            press(&mut window, Modifiers::NONE, key);
            until(&mut window, "the end of the attack", |app| {
                app.shown()
                    .is_some_and(|shown| shown.view.attack == app.explore().view.attack && shown.timeline.is_over)
            });
            for has_warning in [true, false] {
                for _ in 0..2 {
                    press(&mut window, Modifiers::NONE, Key::W);
                    settle(&mut window);
                    window.run_steps(3);
                    let is_open = app(&window).is_why_open();
                    let what = format!("{size}, film {has_film}, warning {has_warning}, open {is_open}");
                    assert_eq!(window.query_by_label_contains(WARNING).is_some(), has_warning, "{what}");
                    assert_in_sight(&window, &what);
                    // In a window of 600 points only the film leaves no room for the curve.
                    let is_told = window.query_by_label_contains("make the window taller").is_some();
                    assert!(!is_told || (is_open && (size.y < 600.0 || (has_film && size.y == 600.0))), "{what}");
                    if is_open && !is_told {
                        studied(&mut window);
                        let frame = window.get_by_label("ε on the curve").rect();
                        assert!(frame.height() > 60.0, "{what}: {frame:?}");
                    }
                }
                press(&mut window, Modifiers::NONE, Key::L);
                settle(&mut window);
            }
        }
    }
}

#[test]
fn the_curve_reaches_as_far_as_the_attack_and_says_what_the_bars_say() {
    let mut window = fresh();
    for (key, goes_far) in [(Key::Num8, true), (Key::Num4, false)] {
        press(&mut window, Modifiers::NONE, key);
        until(&mut window, "the end of the attack", |app| {
            app.shown().is_some_and(|shown| shown.view.attack == app.explore().view.attack && shown.timeline.is_over)
        });
        studied(&mut window);
        let (shown, along) = (shown(&window), along(&window));
        assert_eq!(shown.linf > 0.5, goes_far, "{}", shown.linf);
        assert_eq!(along.eps.last(), Some(&shown.linf.max(0.5)));
        let at = along.eps.iter().position(|eps| *eps == shown.linf).expect("a point at the picture on screen");
        for guess in shown.adversarial_top.iter().take(3) {
            let Some(line) = along.lines.iter().find(|line| line.class == guess.index) else { continue };
            assert!((line.probabilities[at] - guess.prob).abs() < 1e-3, "{guess:?}: {}", line.probabilities[at]);
            let says = |beginning: String| {
                let nodes = window.get_all_by(|_| true).map(|node| node.accesskit_node());
                let mut texts = nodes.filter_map(|node| node.label().or_else(|| node.value()));
                texts.find(|text| text.starts_with(&beginning)).expect("something says so")
            };
            let after = says(format!("after: {} ", guess.name));
            let share = after.trim_end_matches(", the label").rsplit_once(&format!("{} ", guess.name)).unwrap().1;
            let legend = says(format!("on the curve: {}", guess.name));
            assert!(legend.ends_with(&format!(": {share}")), "{legend:?}, the bar says {after:?}");
        }
    }
}

#[test]
fn a_window_with_the_curve_rests() {
    let mut window = fresh();
    window.run_steps(8);
    assert!(window.run() <= 2);
}

/// Waits for the controls of the view on screen.
fn controlled(window: &mut Window<'_>) -> Controls {
    settle(window);
    let is_there =
        |app: &App| app.why().controls().is_some_and(|c| Some(c.revision) == app.shown().map(|s| s.revision));
    until(window, "the controls", is_there);
    app(window).why().controls().unwrap().clone()
}

#[test]
fn noise_of_the_same_length_does_not_follow_the_gradient() {
    let mut window = fresh();
    let controls = controlled(&mut window);
    let kinds: Vec<_> = controls.rows.iter().map(|row| row.control).collect();
    let all =
        [None, Some(Control::Signs), Some(Control::Uniform), Some(Control::OtherPicture), Some(Control::Opposite)];
    assert_eq!((controls.eps, controls.seed, kinds.as_slice()), (0.25, 0, &all[..]));
    let [attack, signs, uniform, other, opposite] = [0, 1, 2, 3, 4].map(|i| &controls.rows[i]);
    assert!((attack.alignment - 1.0).abs() < 1e-4 && (opposite.alignment + 1.0).abs() < 1e-4);
    // Of 784 random signs the meter's standard deviation is about .05.
    assert!(signs.alignment.abs() < 0.2 && uniform.alignment.abs() < 0.2 && other.alignment.abs() < 0.6);
    assert_eq!(attack.answer, shown(&window).adversarial_top[0]);
    for row in [signs, uniform, opposite] {
        assert_eq!(row.answer.index, 7, "{row:?}");
    }
    // Against the same by hand.
    let bench = Bench::of(&window);
    let moved = |way: &dyn Fn(usize) -> f32| -> Vec<f32> {
        let x = &bench.baseline.original;
        let values = x.values.iter().enumerate().map(|(i, x)| (x + way(i)).clamp(0.0, 1.0)).collect();
        bench.model.probabilities(&x.with_values(values)).unwrap()
    };
    let gradient = &bench.baseline.gradient.values;
    let sign = |i: usize| if gradient[i] == 0.0 { 0.0 } else { gradient[i].signum() };
    assert!((moved(&|i| -0.25 * sign(i))[7] - opposite.label_prob).abs() < 1e-5);
    let delta = shown(&window).perturbation.values.clone();
    let grey = bench.baseline.original.with_values(delta.iter().map(|d| 0.5 + d).collect());
    let alone = bench.model.top(&bench.model.probabilities(&grey).unwrap(), 1);
    assert_eq!(controls.alone.index, alone[0].index);
    assert!(window.query_by_label_contains(&format!("δ alone, on mid-grey: the net says {}", alone[0].name)).is_some());
    assert!(window.query_by_label_contains("Signs, seed 0: the net says 7").is_some());
    window.check_accessibility();
}

#[test]
fn controls_follow_epsilon_and_the_seed() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::A);
    window.run_steps(2);
    let first = controlled(&mut window);
    window.get_by_label(".1").click();
    let moved = controlled(&mut window);
    assert!((moved.eps - 0.1).abs() < 1e-6);
    assert!((moved.rows[1].alignment - first.rows[1].alignment).abs() < 1e-5, "the same signs, a shorter step");
    window.get_by_label("Other random controls").click();
    until(&mut window, "other controls", |app| app.why().controls().is_some_and(|controls| controls.seed == 1));
    let redrawn = controlled(&mut window);
    assert!((redrawn.rows[1].alignment - moved.rows[1].alignment).abs() > 1e-6);
    assert_eq!(redrawn.rows[4].alignment, moved.rows[4].alignment);
    // Towards a class the attack goes down the gradient; its controls are turned with it.
    press(&mut window, Modifiers::NONE, Key::Num2);
    let steps = controlled(&mut window);
    assert!((steps.eps - shown(&window).linf).abs() < 1e-6);
    assert!(steps.rows[0].alignment > 0.0 && (steps.rows[4].alignment + 1.0).abs() < 1e-4);
}

#[test]
fn a_narrow_window_shows_one_part_at_a_time() {
    let mut window = open(vec2(800.0, 800.0), Start::default(), None);
    studied(&mut window);
    let has = |window: &Window<'_>, name: &str| window.query_all_by_label_contains(name).count() > 0;
    assert!(has(&window, "ε on the curve") && !has(&window, "−sign ∇J: the net says"));
    window.get_by_label("Show: Controls").click();
    controlled(&mut window);
    assert!(!has(&window, "ε on the curve") && has(&window, "−sign ∇J: the net says"));
    window.check_accessibility();
}

/// Chooses the net to compare with.
fn compare_with(window: &mut Window<'_>, title: &str) {
    window.get_by_label("Compare with").click();
    window.run_steps(3);
    window.get_by_label(&format!("Compare with: {title}")).click();
    window.run_steps(3);
}

/// Waits for what the other net says of the view on screen.
fn answered(window: &mut Window<'_>) -> Second {
    settle(window);
    let is_there =
        |app: &App| app.why().second().is_some_and(|s| Some(s.revision) == app.shown().map(|shown| shown.revision));
    until(window, "the other net", is_there);
    app(window).why().second().unwrap().clone()
}

fn title_of(window: &Window<'_>, name: &str) -> String {
    app(window).explore().catalogue.iter().find(|entry| entry.name == name).unwrap().title.clone()
}

#[test]
fn another_net_is_asked_about_the_same_picture() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    let mut window = open(USUAL, Start::default(), Some(settings.clone()));
    press(&mut window, Modifiers::NONE, Key::A);
    window.run_steps(2);
    studied(&mut window);
    assert!(app(&window).why().second().is_none(), "off by default");
    let title = title_of(&window, "digits_cnn_robust");
    compare_with(&mut window, &title);
    let answers = answered(&mut window).outcome.unwrap();
    let robust = Arc::new(Catalogue::new(Vec::new()).load("digits_cnn_robust").unwrap());
    let expected = robust.top(&robust.probabilities(&shown(&window).adversarial).unwrap(), 2);
    assert_eq!(answers.adversarial_top, expected);
    assert_eq!((answers.title.as_str(), answers.label), (robust.manifest.name.as_str(), 7));
    let bar = format!("{}, after: {}", answers.title, expected[0].name);
    assert!(window.query_all_by_label_contains(&bar).count() > 0, "no bar says {bar:?}");
    window.check_accessibility();

    // Its own attack at the same ε.
    window.get_by_label("The other net: Own attack").click();
    window.run_steps(2);
    let own = answered(&mut window);
    assert!(own.wish.is_own);
    let view = shown(&window).view.clone();
    let picture = robust.fit(&sample("digit-7").unwrap().picture().unwrap()).unwrap();
    let baseline = Baseline::new(&robust, Arc::new(picture), view.label, view.goal, view.loss).unwrap();
    let attacked = common::attacked(&robust, &baseline, &*view.attack, view.eps, view.clip);
    let answers = own.outcome.unwrap();
    assert_eq!(answers.adversarial_top, robust.top(&attacked.probabilities, 2));
    assert_eq!(answers.verdict, attacked.verdict);

    // In a film it is at the step of the first net.
    press(&mut window, Modifiers::NONE, Key::Num3);
    until(&mut window, "the end of the attack", |app| app.shown().is_some_and(|shown| shown.timeline.done == 10));
    for _ in 0..7 {
        press(&mut window, Modifiers::NONE, Key::Comma);
    }
    let on_the_way = answered(&mut window).outcome.unwrap();
    let view = shown(&window).view.clone();
    assert_eq!(view.step, Some(3));
    let problem = baseline.problem(&robust, view.rules()).unwrap().with_eps(&[view.eps]).unwrap();
    let mut run = view.attack.start(&problem).unwrap();
    let pixels = (0..3).map(|_| problem.shown(run.advance().unwrap().unwrap().pictures)).last().unwrap();
    let expected = baseline.judge(&robust, baseline.original.with_values(pixels)).unwrap();
    assert_eq!(on_the_way.adversarial_top, robust.top(&expected.probabilities, 2));
    press(&mut window, Modifiers::NONE, Key::Num1);

    // It follows ε, and is there again after a restart.
    window.get_by_label(".1").click();
    answered(&mut window);
    window.state_mut().as_mut().unwrap().close();
    drop(window);
    let mut window = open(USUAL, Start::default(), Some(settings));
    assert!(answered(&mut window).wish.is_own);
    compare_with(&mut window, "No other net");
    window.run_steps(2);
    assert!(window.query_by_label_contains("The other net").is_none());
}

#[test]
fn a_net_of_another_size_says_why_the_perturbation_does_not_fit() {
    let models = tempfile::tempdir().unwrap();
    let manifest = "name = \"Tiny\"\ninput = { channels = 1, height = 2, width = 2, mean = [0.0], std = [1.0], fit = \"squash\" }\n\
                    classes = [\"7\", \"other\"]\nweights = \"tiny.safetensors\"\nlayers = [{ kind = \"flatten\" }, { kind = \"linear\", name = \"l\", in = 4, out = 2 }]\n";
    std::fs::write(models.path().join("tiny.toml"), manifest).unwrap();
    let tensors = HashMap::from([
        ("l.weight", Tensor::from_vec(vec![0.1f32; 8], (2, 4), &Device::Cpu).unwrap()),
        ("l.bias", Tensor::from_vec(vec![1.0f32, 0.0], 2, &Device::Cpu).unwrap()),
    ]);
    candle_core::safetensors::save(&tensors, models.path().join("tiny.safetensors")).unwrap();

    let catalogue = Catalogue::new(vec![models.path().to_owned()]);
    let mut window = open_with(USUAL, Start::default(), None, catalogue);
    studied(&mut window);
    compare_with(&mut window, "Tiny");
    let problem = answered(&mut window).outcome.unwrap_err();
    assert!(problem.contains("28×28×1") && problem.contains("2×2×1") && problem.contains("own attack"), "{problem}");
    assert!(window.query_by_label_contains("The same perturbation does not fit").is_some());
    window.get_by_label("The other net: Own attack").click();
    window.run_steps(2);
    let answers = answered(&mut window).outcome.unwrap();
    assert_eq!((answers.label, answers.clean_top[0].name.as_str()), (0, "7"), "classes go by their names");
}

#[test]
fn the_smallest_eps_is_found_and_gone_to() {
    let mut window = fresh();
    press(&mut window, Modifiers::NONE, Key::A);
    window.run_steps(2);
    window.get_by_label("Smallest ε").click();
    until(&mut window, "the end of the search", |app| {
        app.why().search().is_none()
            && app.notice_texts().iter().any(|text| text.starts_with("The smallest ε that works"))
    });
    settle(&mut window);
    let found = eps(&window);
    // The curve has looked at the same place in another way.
    studied(&mut window);
    let first = along(&window).flips.iter().map(|flip| flip.eps).find(|&eps| eps > 0.0).unwrap();
    assert!((found - first).abs() < 0.002, "{found}, the curve says {first}");
    assert_eq!(shown(&window).verdict, Verdict::Fooled);
    // A bisection is not believed: a little less does not do.
    let bench = Bench::of(&window);
    let verdict = |eps| common::fgsm(&bench.model, &bench.baseline, eps, true).verdict;
    assert_eq!([found * 0.999, found].map(verdict), [Verdict::StillRight, Verdict::Fooled]);
    assert!(app(&window).notice_texts()[0].contains("away from 7, clipped"), "{:?}", app(&window).notice_texts());
}
