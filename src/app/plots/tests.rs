//! The plots are tested in a window without a screen.

use std::time::{Duration, Instant};

use egui::{Key, Rect, Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::app::plots::*;
use crate::engine::train::{Config, EpochRecord, Measured, Rule, Stage, Stopping};
use crate::figure::{SweepAttack, SweepMeasure};

#[derive(Clone, Default)]
struct Run {
    name: &'static str,
    history: Vec<EpochRecord>,
    config: Config,
    is_primary: bool,
}

#[derive(Default)]
struct State {
    plots: Plots,
    runs: Vec<Run>,
    covered: Option<Rect>,
    clicked: Option<usize>,
    spent: Duration,
}

const BY_FGSM: SweepMeasure = SweepMeasure { attack: SweepAttack::Fgsm, at_common_eps: false, eps: 0.1 };

type Window = Harness<'static, State>;

fn measured(n: usize, error: f64) -> Option<Measured> {
    let wrong = (error * n as f64).round() as usize;
    let loss = (3.0 * error) as f32;
    Some(Measured { n, wrong, loss, confidence_on_mistakes: Some(0.9), ..Measured::default() })
}

/// Returns a history whose clean error falls for good and whose adversarial one rises again.
fn history(epochs: usize) -> Vec<EpochRecord> {
    let record = |at: usize| {
        let t = at as f64;
        let adversarial = 0.15 + 0.7 / (1.0 + t) + 0.0005 * t;
        EpochRecord {
            epoch: at + 1,
            eps: 0.25,
            alpha: 0.5,
            rate: 0.05,
            loss: (2.0 / (1.0 + t)) as f32,
            clean: measured(1000, 0.012 + 0.1 / (1.0 + t)),
            adversarial: measured(1000, adversarial),
            pgd: measured(500, adversarial + 0.05),
            ..EpochRecord::default()
        }
    };
    (0..epochs).map(record).collect()
}

fn run(name: &'static str, epochs: usize) -> Run {
    Run { name, history: history(epochs), config: Config::default(), is_primary: true }
}

fn window(size: [f32; 2], runs: Vec<Run>, draw: fn(&mut Ui, &mut State)) -> Window {
    let state = State { runs, ..State::default() };
    let mut is_ready = false;
    let mut window = Harness::builder().with_size(vec2(size[0], size[1])).build_ui_state(
        move |ui, state: &mut State| {
            // Fonts are there from the next frame on.
            if std::mem::replace(&mut is_ready, true) {
                draw(ui, state);
            } else {
                theme::install(ui.ctx());
                ui.ctx().request_repaint();
            }
        },
        state,
    );
    window.run_steps(4);
    window
}

fn views(runs: &[Run]) -> Vec<PlotRun<'_>> {
    let all = runs.iter();
    all.map(|Run { name, history, config, is_primary }| PlotRun {
        name,
        history,
        config,
        robustness: &[],
        is_primary: *is_primary,
    })
    .collect()
}

fn draw_plots(ui: &mut Ui, state: &mut State) {
    let start = Instant::now();
    state.covered = state.plots.show(ui, &views(&state.runs));
    state.spent += start.elapsed();
}

fn draw_grid(ui: &mut Ui, state: &mut State) {
    state.clicked = sweep_grid::sweep_grid(ui, &views(&state.runs), SweepMeasure::default()).or(state.clicked);
}

fn draw_trade_off(ui: &mut Ui, state: &mut State) {
    state.clicked = trade_off::trade_off(ui, &views(&state.runs), BY_FGSM).or(state.clicked);
}

fn plots(size: [f32; 2], runs: Vec<Run>) -> Window {
    window(size, runs, draw_plots)
}

fn says(window: &Window, text: &str) -> bool {
    window.query_all_by_label_contains(text).next().is_some()
}

fn first_plot(window: &Window) -> Rect {
    window.query_all_by_role(Role::Figure).next().expect("a plot").rect()
}

/// Returns a run that withstands one large step far better than small ones.
fn parted() -> Run {
    let mut parted = run("fgsm only", 6);
    let last = parted.history.last_mut().expect("six epochs");
    (last.adversarial, last.pgd) = (measured(1000, 0.12), measured(500, 0.63));
    parted
}

#[test]
fn the_plots_say_what_there_is_to_see() {
    const LARGE: [f32; 2] = [900.0, 700.0];
    let other = Run { is_primary: false, ..run("other", 8) };
    // The size of the window, its runs, and texts that are there and that are not.
    type Case<'a> = ([f32; 2], Vec<Run>, &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 7] = [
        (LARGE, vec![], &["No run to plot yet"], &["Validation error"]),
        (LARGE, vec![run("first", 0)], &["No epoch has ended yet", "95 % intervals"], &[]),
        // Epoch 3: clean 0.012 + 0.1/3 = 4.5 %, FGSM 0.15 + 0.7/3 + 0.001 = 38.4 %, PGD five points more.
        (
            LARGE,
            vec![run("maxout", 3)],
            &[
                "Validation error of maxout. Epoch 3: clean 4.50 % of 1000, FGSM 38.4 % of 1000, PGD-10 43.4 % of 500",
                "best adversarial (3), kept",
                "objective 0.667",
                "FGSM 90.0 %",
            ],
            &["catastrophic"],
        ),
        (
            LARGE,
            vec![parted()],
            &["PGD error 63 % against FGSM 12 %: catastrophic overfitting; at epoch 6", "random start"],
            &[],
        ),
        ([700.0, 300.0], vec![parted()], &["PGD error 63 % against FGSM 12 %: catastrophic overfitting"], &["; at"]),
        (
            LARGE,
            vec![other, run("chosen", 4)],
            &["Run: other", "Run: chosen, selected", "Validation error of chosen. Epoch 4"],
            &[],
        ),
        ([480.0, 300.0], vec![run("maxout", 5)], &["Validation error of"], &["Loss of"]),
    ];
    for (size, runs, there, not_there) in cases {
        let window = plots(size, runs);
        there.iter().for_each(|text| assert!(says(&window, text), "{text:?} is missing"));
        not_there.iter().for_each(|text| assert!(!says(&window, text), "{text:?} is there"));
        let covered = window.state().covered.map_or(0.0, |area| area.height());
        let is_empty = window.state().runs.iter().all(|run| run.history.is_empty());
        assert!(if is_empty { covered == 0.0 } else { covered > 200.0 && first_plot(&window).height() > 120.0 });
    }
}

enum Act {
    Click(&'static str),
    Check(&'static str),
    Focus,
    Press(Key),
    /// The pointer goes to this share of the first plot's width.
    Point(f32),
    Zoom(f32),
}

fn act(window: &mut Window, act: &Act) {
    match *act {
        Act::Click(label) => window.get_by_label(label).click(),
        Act::Check(label) => window.get_by_role_and_label(Role::CheckBox, label).click(),
        Act::Focus => window.query_all_by_role(Role::Figure).next().expect("a plot").focus(),
        Act::Press(key) => window.key_press(key),
        Act::Point(share) => {
            let plot = first_plot(window);
            window.hover_at(plot.left_center() + vec2(share * plot.width(), 0.0));
        }
        Act::Zoom(factor) => window.event(egui::Event::Zoom(factor)),
    }
    window.run_steps(4);
}

#[test]
fn the_plots_do_what_a_person_asks_for() {
    use Act::{Check, Click, Focus, Point, Press, Zoom};
    let hide_all = [Click("Line: clean"), Click("Line: FGSM"), Click("Line: PGD-10"), Click("Line: objective")];
    let case = |epochs, acts: &[Act], check: fn(&Plots) -> bool, text: &str| {
        let mut window = plots([900.0, 700.0], vec![run("maxout", epochs)]);
        acts.iter().for_each(|one| act(&mut window, one));
        let Plots { look, zoom, cursor, .. } = &window.state().plots;
        assert!(check(&window.state().plots), "{look:?} {zoom:?} {cursor:?}");
        assert!(says(&window, text), "{text:?} is missing");
    };
    let left = || Press(Key::ArrowLeft);
    case(5, &[Focus, left()], |plots| plots.cursor == Some(3), "error of maxout. Epoch 4:");
    case(5, &[Focus, left()], |plots| plots.cursor == Some(3), "Loss of maxout. Epoch 4:");
    case(5, &[Focus, left(), Press(Key::Home)], |plots| plots.cursor == Some(0), "");
    // Ten epochs from 0.5 to 10.5.
    case(10, &[Point(0.48)], |plots| plots.cursor == Some(4), "n = 500");
    case(10, &[Point(0.48)], |plots| plots.cursor == Some(4), "learning rate 0.05");
    case(5, &[Click("Line: FGSM")], |plots| plots.look.hidden == [false, true, false, false], "");
    case(5, &[Click("Line: FGSM"), Click("Line: FGSM")], |plots| plots.look.hidden == [false; 4], "");
    case(5, &hide_all, |plots| plots.look.hidden == [true; 4], "");
    case(5, &[Click("Axis: log")], |plots| plots.look.is_log, "");
    case(5, &[Click("Show"), Check("Numbers of the paper")], |plots| plots.look.has_paper, "");
    case(5, &[Click("Show"), Check("Loss")], |plots| plots.look.panels == [true, false, true], "Confidence on");
    // A quarter of 0.5 to 100.5, with the middle where it was.
    let quarter =
        |plots: &Plots| plots.zoom.is_some_and(|zoom| (zoom.width() - 25.0).abs() < 0.5 && zoom.contains(50.5));
    case(100, &[Point(0.5), Zoom(4.0)], quarter, "All epochs");
    case(100, &[Point(0.5), Zoom(4.0), Click("All epochs")], |plots| plots.zoom.is_none(), "");
    case(100, &[Point(0.5), Zoom(0.2)], |plots| plots.zoom.is_none(), "");
    case(100, &[Point(0.96), Zoom(4.0)], |plots| plots.zoom.is_some_and(|zoom| zoom.low > 50.0), "");
}

#[test]
fn smoothing_has_a_slider_and_a_small_room_lets_one_choose() {
    let mut window = plots([900.0, 700.0], vec![run("maxout", 5)]);
    window.get_by_role_and_label(Role::Slider, "Smoothing").focus();
    window.run_steps(2);
    act(&mut window, &Act::Press(Key::ArrowRight));
    assert!((window.state().plots.look.smoothing - 0.05).abs() < 1e-6);
    let mut window = plots([480.0, 300.0], vec![run("maxout", 5)]);
    act(&mut window, &Act::Click("Plot: loss"));
    assert!(says(&window, "Loss of") && !says(&window, "Validation error of"));
}

#[test]
fn a_view_of_epochs_that_a_run_does_not_have_is_given_up() {
    let mut window = plots([900.0, 700.0], vec![run("long", 100)]);
    [Act::Point(0.96), Act::Zoom(4.0)].iter().for_each(|one| act(&mut window, one));
    assert!(window.state().plots.zoom.is_some());
    window.state_mut().runs = vec![run("short", 12)];
    window.run_steps(4);
    assert_eq!(window.state().plots.zoom, None);
}

#[test]
fn strange_histories_are_drawn_without_complaint() {
    let nothing = EpochRecord { epoch: 1, ..EpochRecord::default() };
    let nan = EpochRecord { loss: f32::NAN, eps: f32::NAN, clean: measured(0, 0.0), ..nothing };
    let loss = Measured { loss: f32::INFINITY, confidence_on_mistakes: Some(f32::NAN), n: 10, ..Measured::default() };
    let infinite = EpochRecord { clean: Some(loss), adversarial: Some(loss), ..nothing };
    let retrained = EpochRecord { stage: Stage::Retraining, ..nothing };
    let mut mixed = history(4);
    mixed[1].pgd = None;
    mixed.extend([nan, infinite, retrained, retrained]);
    let histories = [vec![nothing], vec![nan], vec![infinite], vec![retrained], history(1), mixed];
    for history in histories {
        for size in [[900.0, 700.0], [900.0, 260.0], [300.0, 200.0], [60.0, 40.0]] {
            let stopping = Stopping { rule: Rule::Adversarial, patience: Some(1), retrain: true };
            let config = Config { stopping, ..Config::default() };
            let run = Run { name: "odd", history: history.clone(), config, is_primary: false };
            let mut window = plots(size, vec![run]);
            for (is_log, smoothing) in [(true, 0.0), (true, 0.9), (false, 0.9)] {
                let look = &mut window.state_mut().plots.look;
                (look.is_log, look.smoothing, look.has_paper) = (is_log, smoothing, true);
                window.run_steps(2);
            }
        }
    }
}

fn sweep() -> Vec<Run> {
    let of = |name, eps, alpha, epochs| Run {
        config: Config { eps, alpha, ..Config::default() },
        is_primary: false,
        ..run(name, epochs)
    };
    vec![of("a", 0.1, 0.5, 5), of("b", 0.25, 0.5, 8), of("c", 0.25, 0.0, 0)]
}

#[test]
fn cells_of_a_sweep_are_named_and_clicked() {
    let mut window = window([700.0, 400.0], sweep(), draw_grid);
    window.get_by_label_contains("ε 0.1, α 0: no run");
    window.get_by_label_contains("c: no epoch yet");
    window.get_by_label_contains("ε 0.25, α 0.5").click();
    window.run_steps(2);
    assert_eq!(window.state().clicked, Some(1));
}

#[test]
fn dots_of_the_trade_off_are_named_and_clicked() {
    let mut window = window([500.0, 400.0], sweep(), draw_trade_off);
    assert!(window.query_by_label_contains("c: ").is_none(), "it has not been validated");
    // The eighth epoch is the best: clean 0.012 + 0.1/8 = 2.45 %, rounded to whole pictures.
    let dot = window.get_by_label_contains("b: ε 0.25, α 0.5, epoch 8");
    assert!(dot.accesskit_node().label().is_some_and(|label| label.contains("n = 1000")));
    dot.click();
    window.run_steps(2);
    assert_eq!(window.state().clicked, Some(1));
}

#[test]
fn empty_sweeps_say_what_will_come() {
    window([500.0, 400.0], Vec::new(), draw_grid).get_by_label_contains("A sweep trains");
    window([500.0, 400.0], Vec::new(), draw_trade_off).get_by_label_contains("Runs appear here");
}

/// Prints what a frame of ten runs of a thousand epochs costs; `cargo test --release ten_long_runs -- --nocapture`.
#[test]
fn ten_long_runs_are_drawn() {
    let runs = (0..10).map(|index| Run { is_primary: index == 3, ..run("long", 1000) }).collect();
    let mut window = plots([1280.0, 800.0], runs);
    for (what, smoothing, is_log) in [("as measured", 0.0, false), ("smoothed, logarithmic", 0.9, true)] {
        let look = &mut window.state_mut().plots.look;
        (look.smoothing, look.is_log) = (smoothing, is_log);
        window.run_steps(2);
        let frames = 50;
        window.state_mut().spent = Duration::ZERO;
        window.run_steps(frames);
        let each = window.state().spent / frames as u32;
        let (shapes, start) = (window.output().shapes.clone(), Instant::now());
        let meshes = window.ctx.tessellate(shapes, 1.0).len();
        println!("ten runs of a thousand epochs, {what}: {each:.2?}; {meshes} meshes in {:.2?}", start.elapsed());
        assert!(each < Duration::from_millis(200), "{each:?}");
    }
    assert!(says(&window, "Validation error of long"));
}
