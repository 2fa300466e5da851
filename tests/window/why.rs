//! The pane under the pictures that shows why the attack works, driven without a display.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::common;
use crate::window::{Opening, USUAL, Window};
use candle_core::{Device, Tensor};
use doppelganger::app::App;
use doppelganger::engine::attack::{Baseline, Control, Verdict};
use doppelganger::engine::data::sample;
use doppelganger::engine::model::{Catalogue, Model};
use doppelganger::worker::{Along, Church, ControlTable, Second, Shown};
use egui::accesskit::Role;
use egui::{Key, Modifiers, Vec2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

/// Returns a window on a drawn 7 with few controls and the pane of reasons.
fn with_reasons() -> Opening {
    Opening::on_a_digit().setting("more", false)
}

fn studied_at(size: Vec2) -> Window {
    let mut window = with_reasons().size(size).open();
    studied(&mut window);
    window
}

fn fresh() -> Window {
    studied_at(USUAL)
}

fn along(window: &Window) -> &Along {
    window.app().shell.why.current(window.shown()).expect("a curve is on screen")
}

/// Waits for it and for the curve to be as close as it gets.
fn studied(window: &mut Window) {
    window.settle();
    window.until("the curve", |app| app.shell.why.current(app.shown().unwrap()).is_some_and(|along| along.is_final));
}

fn eps(window: &Window) -> f32 {
    window.app().shell.explore.view.eps
}

/// The engine without window and worker, on what the window shows first.
struct Bench {
    model: Arc<Model>,
    baseline: Baseline,
    shown: Shown,
}

impl Bench {
    fn of(window: &Window) -> Self {
        let shown = window.shown().clone();
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
        window.key(Key::OpenBracket);
    }
    window.settle();
    std::thread::sleep(Duration::from_millis(100));
    window.run_steps(3);
    assert!(std::ptr::eq(first, along(&window)), "it was computed again");
    // Clipping, the loss, the picture.
    for key in [Key::C, Key::L, Key::PageUp] {
        window.key(key);
        studied(&mut window);
    }
    assert_eq!(along(&window).lines[0].class, 6, "the picture is a 6 now");
    window.key(Key::Num2);
    studied(&mut window);
    assert!(!along(&window).is_sign());
}

#[test]
fn a_press_or_a_drag_on_the_curve_moves_epsilon() {
    let mut window = fresh();
    let frame = window.get_by_label("ε on the curve").rect();
    let at = |eps: f32| frame.min + vec2((eps + 0.5) * frame.width(), 0.5 * frame.height());
    window.drag(&[at(0.1), at(0.35)]);
    window.settle();
    assert!((eps(&window) - 0.35).abs() < 0.002, "{}", eps(&window));
    assert!(window.shown().linf > 0.34);
    // On the other side the slider ends at 0.
    window.drag(&[at(-0.2)]);
    window.settle();
    assert_eq!(eps(&window), 0.0);
    window.focus("ε on the curve");
    window.key(Key::ArrowRight);
    assert!((eps(&window) - 1.0 / 255.0).abs() < 1e-6);
    assert!(window.get_by_label("ε on the curve").is_focused());
}

#[test]
fn a_flag_takes_epsilon_to_where_the_answer_changes() {
    let mut window = fresh();
    let flip = *along(&window).flips.iter().find(|flip| flip.eps > 0.0).unwrap();
    let name = window.shown().model.classes[flip.to].clone();
    window.get_by_label_contains(&format!("→ {name} at ε")).click();
    window.settle();
    assert!((eps(&window) - flip.eps).abs() < 0.001);
    assert_eq!(window.shown().adversarial_top[0].name, name);
}

#[test]
fn the_legend_says_what_the_net_says_at_epsilon() {
    let mut window = fresh();
    let top = window.shown().adversarial_top[0].clone();
    let says = |window: &Window, text: &str| window.mentions(text);
    let nearly = (0.9995..1.0).contains(&top.prob);
    let share = if nearly { ">99.9 %".into() } else { format!("{:.1} %", top.prob * 100.0) };
    let expected = format!("on the curve: {}: {share}", top.name);
    assert!(says(&window, &expected), "no {expected:?}");
    assert!(says(&window, "on the curve: 7, the label:"));
    window.click("Values: Logits");
    assert!(!says(&window, &expected));
    assert!(says(&window, "on the curve: 7, the label: "));
}

#[test]
fn how_the_pane_was_left_is_kept() {
    let is_open = |window: &Window| window.has("ε on the curve");
    let mut window = with_reasons().open();
    studied(&mut window);
    window.click("Axis: Log");
    window.key(Key::V);
    // Left of ε = .0005 the logarithmic axis ends.
    let frame = window.get_by_label("ε on the curve").rect();
    window.drag(&[frame.left_center() + vec2(frame.width() / 3.0, 0.0)]);
    window.settle();
    assert!((eps(&window) - 0.005).abs() < 0.0002, "{}", eps(&window));
    window.key(Key::W);
    assert!(!is_open(&window));
    let mut window = window.reopen();
    assert!(!is_open(&window), "it was folded");
    window.click("Why it works");
    studied(&mut window);
    assert!(is_open(&window));
    window.click("Axis: Linear");
    window.click("Values: Probabilities");
    window.check_accessibility();
}

#[test]
fn a_low_window_holds_it_open() {
    let window = studied_at(vec2(800.0, 600.0));
    let frame = window.get_by_label("ε on the curve").rect();
    assert!(frame.height() > 60.0 && frame.width() > 300.0, "{frame:?}");
    let slider = window.get_by_label("Epsilon").rect();
    assert!(frame.bottom() < slider.top() && slider.bottom() < 600.0);
    window.check_accessibility();
}

/// The pictures are whole, and what the net says of them is to be seen above the pane.
fn assert_in_sight(window: &Window, what: &str) {
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
        let mut window = with_reasons().picture("digit-4").model("digits_maxout").size(size).open();
        for (key, has_film) in [(Key::Num1, false), (Key::Num4, true)] {
            window.key(key);
            window.finish();
            for has_warning in [true, false] {
                for _ in 0..2 {
                    window.key(Key::W);
                    window.settle();
                    let is_open = window.app().shell.is_why_open();
                    let what = format!("{size}, film {has_film}, warning {has_warning}, open {is_open}");
                    assert_eq!(window.has_part(WARNING), has_warning, "{what}");
                    assert_in_sight(&window, &what);
                    // In a window of 600 points only the film leaves no room for the curve.
                    let is_told = window.has_part("make the window taller");
                    assert!(!is_told || (is_open && (size.y < 600.0 || (has_film && size.y == 600.0))), "{what}");
                    if is_open && !is_told {
                        studied(&mut window);
                        let frame = window.get_by_label("ε on the curve").rect();
                        assert!(frame.height() > 60.0, "{what}: {frame:?}");
                    }
                }
                window.key(Key::L);
                window.settle();
            }
        }
    }
}

#[test]
fn the_curve_reaches_as_far_as_the_attack_and_says_what_the_bars_say() {
    let mut window = fresh();
    for (key, goes_far) in [(Key::Num8, true), (Key::Num4, false)] {
        window.key(key);
        window.finish();
        studied(&mut window);
        let (shown, along) = (window.shown(), along(&window));
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
fn controlled(window: &mut Window) -> ControlTable {
    window.settle();
    let is_there =
        |app: &App| app.shell.why.controls().is_some_and(|c| Some(c.revision) == app.shown().map(|s| s.revision));
    window.until("the controls", is_there);
    window.app().shell.why.controls().unwrap().clone()
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
    assert_eq!(attack.answer, window.shown().adversarial_top[0]);
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
    let delta = window.shown().perturbation.values.clone();
    let grey = bench.baseline.original.with_values(delta.iter().map(|d| 0.5 + d).collect());
    let alone = bench.model.top(&bench.model.probabilities(&grey).unwrap(), 1);
    assert_eq!(controls.alone.index, alone[0].index);
    assert!(window.has_part(&format!("δ alone, on mid-grey: the net says {}", alone[0].name)));
    assert!(window.has_part("Signs, seed 0: the net says 7"));
    window.check_accessibility();
}

#[test]
fn controls_follow_epsilon_and_the_seed() {
    let mut window = fresh();
    window.key(Key::A);
    let first = controlled(&mut window);
    window.click(".1");
    let moved = controlled(&mut window);
    assert!((moved.eps - 0.1).abs() < 1e-6);
    assert!((moved.rows[1].alignment - first.rows[1].alignment).abs() < 1e-5, "the same signs, a shorter step");
    window.click("Other random controls");
    window.until("other controls", |app| app.shell.why.controls().is_some_and(|controls| controls.seed == 1));
    let redrawn = controlled(&mut window);
    assert!((redrawn.rows[1].alignment - moved.rows[1].alignment).abs() > 1e-6);
    assert_eq!(redrawn.rows[4].alignment, moved.rows[4].alignment);
    // Towards a class the attack goes down the gradient; its controls are turned with it.
    window.key(Key::Num2);
    let steps = controlled(&mut window);
    assert!((steps.eps - window.shown().linf).abs() < 1e-6);
    assert!(steps.rows[0].alignment > 0.0 && (steps.rows[4].alignment + 1.0).abs() < 1e-4);
}

#[test]
fn a_narrow_window_shows_one_part_at_a_time() {
    let mut window = studied_at(vec2(800.0, 800.0));
    let has = |window: &Window, name: &str| window.mentions(name);
    assert!(has(&window, "ε on the curve") && !has(&window, "−sign ∇J: the net says"));
    window.click("Show: Controls");
    controlled(&mut window);
    assert!(!has(&window, "ε on the curve") && has(&window, "−sign ∇J: the net says"));
    window.check_accessibility();
}

/// Chooses the net to compare with.
fn compare_with(window: &mut Window, title: &str) {
    window.click("Compare with");
    window.click(&format!("Compare with: {title}"));
}

/// Waits for what the other net says of the view on screen.
fn answered(window: &mut Window) -> Second {
    window.settle();
    let is_there =
        |app: &App| app.shell.why.second().is_some_and(|s| Some(s.revision) == app.shown().map(|shown| shown.revision));
    window.until("the other net", is_there);
    window.app().shell.why.second().unwrap().clone()
}

fn title_of(window: &Window, name: &str) -> String {
    window.app().shell.explore.catalogue.iter().find(|entry| entry.name == name).unwrap().title.clone()
}

#[test]
fn another_net_is_asked_about_the_same_picture() {
    let mut window = with_reasons().open();
    window.key(Key::A);
    studied(&mut window);
    assert!(window.app().shell.why.second().is_none(), "off by default");
    let title = title_of(&window, "digits_cnn_robust");
    compare_with(&mut window, &title);
    let answers = answered(&mut window).outcome.unwrap();
    let robust = Arc::new(Catalogue::new(Vec::new()).load("digits_cnn_robust").unwrap());
    let expected = robust.top(&robust.probabilities(&window.shown().adversarial).unwrap(), 2);
    assert_eq!(answers.adversarial_top, expected);
    assert_eq!((answers.title.as_str(), answers.label), (robust.manifest.name.as_str(), 7));
    let bar = format!("{}, after: {}", answers.title, expected[0].name);
    assert!(window.mentions(&bar), "no bar says {bar:?}");
    window.check_accessibility();

    // Its own attack at the same ε.
    window.click("The other net: Own attack");
    let own = answered(&mut window);
    assert!(own.wish.is_own);
    let view = window.shown().view.clone();
    let picture = robust.fit(&sample("digit-7").unwrap().picture().unwrap()).unwrap();
    let baseline = Baseline::new(&robust, Arc::new(picture), view.label, view.goal, view.loss).unwrap();
    let attacked = common::attacked(&robust, &baseline, &*view.attack, view.eps, view.clip);
    let answers = own.outcome.unwrap();
    assert_eq!(answers.adversarial_top, robust.top(&attacked.probabilities, 2));
    assert_eq!(answers.verdict, attacked.verdict);

    // In a film it is at the step of the first net.
    window.key(Key::Num3);
    window.until_shown("the end of the attack", |shown| shown.timeline.done == 10);
    for _ in 0..7 {
        window.key(Key::Comma);
    }
    let on_the_way = answered(&mut window).outcome.unwrap();
    let view = window.shown().view.clone();
    assert_eq!(view.step, Some(3));
    let problem = baseline.problem(&robust, view.rules()).unwrap().with_eps(&[view.eps]).unwrap();
    let mut run = view.attack.start(&problem).unwrap();
    let pixels = (0..3).map(|_| problem.shown(run.advance().unwrap().unwrap().pictures)).last().unwrap();
    let expected = baseline.judge(&robust, baseline.original.with_values(pixels)).unwrap();
    assert_eq!(on_the_way.adversarial_top, robust.top(&expected.probabilities, 2));
    window.key(Key::Num1);

    // It follows ε, and is there again after a restart.
    window.click(".1");
    answered(&mut window);
    let mut window = window.reopen();
    assert!(answered(&mut window).wish.is_own);
    compare_with(&mut window, "No other net");
    window.run_steps(2);
    assert!(!window.has_part("The other net"));
}

#[test]
fn a_net_of_another_size_says_why_the_perturbation_does_not_fit() {
    let models = tempfile::tempdir().unwrap();
    let manifest = "name = \"Tiny\"\ninput = { channels = 1, height = 2, width = 2, mean = [0.0], std = [1.0], fit = \
                    \"squash\" }\n\
                    classes = [\"7\", \"other\"]\nweights = \"tiny.safetensors\"\nlayers = [{ kind = \"flatten\" }, { \
                    kind = \"linear\", name = \"l\", in = 4, out = 2 }]\n";
    std::fs::write(models.path().join("tiny.toml"), manifest).unwrap();
    let tensors = HashMap::from([
        ("l.weight", Tensor::from_vec(vec![0.1f32; 8], (2, 4), &Device::Cpu).unwrap()),
        ("l.bias", Tensor::from_vec(vec![1.0f32, 0.0], 2, &Device::Cpu).unwrap()),
    ]);
    candle_core::safetensors::save(&tensors, models.path().join("tiny.safetensors")).unwrap();

    let catalogue = Catalogue::new(vec![models.path().to_owned()]);
    let mut window = with_reasons().catalogue(catalogue).open();
    studied(&mut window);
    compare_with(&mut window, "Tiny");
    let problem = answered(&mut window).outcome.unwrap_err();
    assert!(problem.contains("28×28×1") && problem.contains("2×2×1") && problem.contains("own attack"), "{problem}");
    assert!(window.has_part("The same perturbation does not fit"));
    window.click("The other net: Own attack");
    let answers = answered(&mut window).outcome.unwrap();
    assert_eq!((answers.label, answers.clean_top[0].name.as_str()), (0, "7"), "classes go by their names");
}

#[test]
fn the_smallest_eps_is_found_and_gone_to() {
    let mut window = fresh();
    window.key(Key::A);
    window.click("Smallest ε");
    window.until("the end of the search", |app| {
        app.shell.why.search.is_none()
            && app.notice_texts().iter().any(|text| text.starts_with("The smallest ε that works"))
    });
    window.settle();
    let found = eps(&window);
    // The curve has looked at the same place in another way.
    studied(&mut window);
    let first = along(&window).flips.iter().map(|flip| flip.eps).find(|&eps| eps > 0.0).unwrap();
    assert!((found - first).abs() < 0.002, "{found}, the curve says {first}");
    assert_eq!(window.shown().verdict, Verdict::Fooled);
    // A bisection is not believed: a little less does not do.
    let bench = Bench::of(&window);
    let verdict = |eps| common::fgsm(&bench.model, &bench.baseline, eps, true).verdict;
    assert_eq!([found * 0.999, found].map(verdict), [Verdict::StillRight, Verdict::Fooled]);
    assert!(window.notices()[0].contains("away from 7, clipped"), "{:?}", window.notices());
}

#[test]
fn the_sum_and_the_curve_are_exported_as_figures() {
    let mut window = fresh();
    let png = window.folder().join("sum.png");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_label("Export a figure");
    window.enter("Width", "600px");
    window.retype("Path:", png.to_str().unwrap());
    window.click("Save");
    window.until_notice("Saved.");
    let (width, height) = image::image_dimensions(&png).unwrap();
    assert!(width == 600 && height > 150, "{width}×{height}");
    let caption = std::fs::read_to_string(png.with_extension("caption.tex")).unwrap();
    let command = "doppelganger attack digit-7 -{}-model digits\\_maxout";
    assert!(caption.contains(command) && caption.contains("-{}-figure sum.png"), "{caption}");

    for (name, file, part) in
        [("Pictures of rising ε", "rising.svg", "\nε = 0\n"), ("Answers against ε", "curve.svg", "\nProbability (%)\n")]
    {
        let path = window.folder().join(file);
        window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
        window.until_label("Export a figure");
        window.get_by_role_and_label(Role::ComboBox, "Figure").click();
        window.run_steps(3);
        window.click(name);
        window.retype("Path:", path.to_str().unwrap());
        window.click("Save");
        window.until(name, |_| path.is_file());
        assert!(std::fs::read_to_string(&path).unwrap().contains(part), "{name}");
    }
}

/// Waits for the church window of the view on screen to be as fine as it gets.
fn mapped(window: &mut Window) -> Church {
    window.settle();
    let is_whole = |app: &App| {
        let church = app.shown().and_then(|shown| app.shell.why.church(shown));
        church.is_some_and(|(church, is_current)| is_current && church.is_final)
    };
    window.until("the church window", is_whole);
    window.app().shell.why.church.as_deref().unwrap().clone()
}

#[test]
fn the_church_window_maps_what_the_net_says_on_the_plane_of_the_attack() {
    let mut window = fresh();
    assert!(window.app().shell.why.church.is_none(), "nobody asked for it yet");
    window.click("View: Church window");
    let church = mapped(&mut window);
    let map = &church.first.as_ref().unwrap().map;
    assert_eq!((map.side, map.reach, church.label.as_str()), (129, 0.5, "7"));
    // Along the attack it says what the curve says.
    let bench = Bench::of(&window);
    for eps in [0.0, 0.125, 0.25, 0.5] {
        assert_eq!(map.at(eps, 0.0).unwrap().class, bench.answer(eps), "at ε = {eps}");
    }
    for words in ["on the map: 7, the label: ", "on the map: 8: ", "129 × 129 points, ε in L∞"] {
        assert!(window.mentions(words), "{words}");
    }
    assert!(window.has_part("Church window of Digits, maxout 240×5: 7 on"));
    assert!(window.has_part("random signs, seed 0), clipped to [0, 1]; label: 7, its own answer"));
    window.check_accessibility();
    // The pointer tells of the place below it.
    let frame = window.get_by_label_contains("Church window of").rect();
    window.hover_at(frame.center() + vec2(0.25 * frame.width(), 0.0));
    window.rest(0.6);
    assert!(window.mentions(" along the random direction"), "a tooltip");

    // It stays while ε moves, and the cross moves.
    let first = std::ptr::from_ref(window.app().shell.why.church.as_deref().unwrap());
    window.key(Key::OpenBracket);
    window.settle();
    std::thread::sleep(Duration::from_millis(100));
    window.run_steps(3);
    assert!(std::ptr::eq(first, window.app().shell.why.church.as_deref().unwrap()), "it was computed again");

    // Another random direction leaves the row of the attack as it is.
    window.click("Another random direction");
    let other = mapped(&mut window);
    let other_map = &other.first.as_ref().unwrap().map;
    assert_eq!(other.wish.seed, 1);
    assert_ne!(other_map.cells, map.cells);
    let middle = 64 * 129..65 * 129;
    assert_eq!(other_map.cells[middle.clone()], map.cells[middle]);
    // Another attack has another plane.
    window.key(Key::Num4);
    window.finish();
    let steps = mapped(&mut window);
    let answer = window.shown().adversarial_top[0].index;
    let length = window.shown().linf;
    assert_eq!(steps.first.as_ref().unwrap().map.at(length, 0.0).unwrap().class, answer);
    window.run_steps(8);
    assert!(window.run() <= 2, "a window with maps rests");
}

#[test]
fn the_church_window_is_kept_and_fits_into_low_windows() {
    for size in [vec2(1000.0, 700.0), vec2(800.0, 600.0)] {
        let mut window = studied_at(size);
        window.key(Key::H);
        mapped(&mut window);
        let frame = window.get_by_label_contains("Church window of").rect();
        assert!(frame.width() > 55.0 && (frame.width() - frame.height()).abs() < 6.0, "{size}: {frame:?}");
        assert!(frame.bottom() < window.get_by_label("Epsilon").rect().top(), "{size}: {frame:?}");
        assert_in_sight(&window, &format!("{size}"));
        window.check_accessibility();
        let mut window = window.reopen();
        mapped(&mut window);
        window.key(Key::H);
        studied(&mut window);
        assert!(window.has("ε on the curve") && !window.has_part("Church window of"));
    }
}

#[test]
fn two_nets_are_mapped_on_the_same_plane_and_exported() {
    let mut window = fresh();
    window.key(Key::H);
    let title = title_of(&window, "digits_cnn_robust");
    compare_with(&mut window, &title);
    let church = mapped(&mut window);
    let second = church.second.unwrap().unwrap();
    let robust = Catalogue::new(Vec::new()).load("digits_cnn_robust").unwrap();
    let at = robust.probabilities(&window.shown().adversarial).unwrap();
    assert_eq!(second.map.at(0.25, 0.0).unwrap().class, robust.top(&at, 1)[0].index);
    for title in [&church.first.unwrap().title, &second.title] {
        assert!(window.has_part(&format!("Church window of {title}")), "{title}");
    }
    let path = window.folder().join("church.svg");
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::F);
    window.until_label("Export a figure");
    window.get_by_role_and_label(Role::ComboBox, "Figure").click();
    window.run_steps(3);
    window.get_all_by_label("Church window").last().unwrap().click();
    window.run_steps(3);
    window.retype("Path:", path.to_str().unwrap());
    window.click("Save");
    window.until("the figure", |_| path.is_file());
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(svg.contains("ε along a random direction") && svg.contains("7, the label ("), "texts are texts");
    window.until_notice("Saved.");
    let caption = std::fs::read_to_string(path.with_extension("caption.tex")).unwrap();
    for part in [
        "-{}-figure-of church-window -{}-reach 0.5 -{}-map-side 129 -{}-plane-seed 0 -{}-other digits\\_cnn\\_robust",
        "n = 129",
    ] {
        assert!(caption.contains(part), "{part} is not in {caption}");
    }
}
