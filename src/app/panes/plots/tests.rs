//! The plots in a window without a screen.

use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers, Rect, Role, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::app::theme;
use crate::engine::train::{Measured, Stopping};

/// A run that a window shows.
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
    /// Time that drawing took so far, without tessellation.
    spent: Duration,
}

type Window = Harness<'static, State>;

fn measured(n: usize, error: f64) -> Option<Measured> {
    let wrong = (error * n as f64).round() as usize;
    Some(Measured { n, wrong, loss: (3.0 * error) as f32, confidence_on_mistakes: Some(0.9) })
}

/// A run whose clean error falls for good and whose adversarial one rises again.
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

impl Run {
    fn view(&self) -> PlotRun<'_> {
        let Self { name, history, config, is_primary } = self;
        PlotRun { name, history, config, is_primary: *is_primary }
    }
}

fn views(runs: &[Run]) -> Vec<PlotRun<'_>> {
    runs.iter().map(Run::view).collect()
}

fn draw_plots(ui: &mut Ui, state: &mut State) {
    let start = Instant::now();
    state.covered = state.plots.show(ui, &views(&state.runs));
    state.spent += start.elapsed();
}

fn draw_grid(ui: &mut Ui, state: &mut State) {
    state.clicked = sweep_grid(ui, &views(&state.runs)).or(state.clicked);
}

fn draw_trade_off(ui: &mut Ui, state: &mut State) {
    state.clicked = trade_off(ui, &views(&state.runs)).or(state.clicked);
}

fn plots(size: [f32; 2], runs: Vec<Run>) -> Window {
    window(size, runs, draw_plots)
}

fn figure(window: &Window, start: &str) -> String {
    let figures = window.query_all_by_role(Role::Figure);
    let labels: Vec<String> = figures.filter_map(|node| node.accesskit_node().label()).collect();
    labels.iter().find(|label| label.starts_with(start)).cloned().unwrap_or_else(|| panic!("{start}: {labels:?}"))
}

fn has_figure(window: &Window, start: &str) -> bool {
    let mut figures = window.query_all_by_role(Role::Figure);
    figures.any(|node| node.accesskit_node().label().is_some_and(|label| label.starts_with(start)))
}

#[test]
fn before_the_first_epoch_the_plots_say_what_will_come() {
    let window = plots([800.0, 500.0], Vec::new());
    window.get_by_label("No run to plot yet");
    assert_eq!(window.state().covered, None);
    let window = plots([800.0, 500.0], vec![run("first", 0)]);
    window.get_by_label("No epoch has ended yet");
    window.get_by_label_contains("95 % intervals");
}

#[test]
fn the_newest_values_are_told() {
    let window = plots([900.0, 700.0], vec![run("maxout", 3)]);
    // Epoch 3: clean 0.012 + 0.1/3 = 4.5 %, FGSM 0.15 + 0.7/3 + 0.001 = 38.4 %, PGD five points more.
    let errors = figure(&window, "Validation error");
    assert!(
        errors.contains("of maxout. Epoch 3: clean 4.50 % of 1000, FGSM 38.4 % of 1000, PGD-10 43.4 % of 500"),
        "{errors}"
    );
    assert!(errors.contains("best adversarial (3), kept"), "{errors}");
    assert!(figure(&window, "Loss").contains("objective 0.667"), "{}", figure(&window, "Loss"));
    assert!(figure(&window, "Confidence").contains("FGSM 90.0 %"));
    let covered = window.state().covered.expect("there is something to see");
    assert!(covered.height() > 500.0 && covered.width() > 800.0, "{covered:?}");
}

#[test]
fn arrow_keys_go_through_the_epochs() {
    let mut window = plots([900.0, 700.0], vec![run("maxout", 5)]);
    window.query_all_by_role(Role::Figure).next().expect("a plot").focus();
    window.run_steps(2);
    window.key_press(Key::ArrowLeft);
    window.run_steps(3);
    assert_eq!(window.state().plots.cursor, Some(3));
    assert!(figure(&window, "Validation error").contains("Epoch 4:"));
    assert!(figure(&window, "Loss").contains("Epoch 4:"), "the cursor is the same in all plots");
    window.key_press_modifiers(Modifiers::NONE, Key::Home);
    window.run_steps(3);
    assert_eq!(window.state().plots.cursor, Some(0));
}

#[test]
fn the_pointer_shows_all_values_of_its_epoch() {
    let mut window = plots([900.0, 700.0], vec![run("maxout", 10)]);
    let rect = window.query_all_by_role(Role::Figure).next().expect("a plot").rect();
    window.hover_at(rect.center());
    window.run_steps(3);
    // Ten epochs from 0.5 to 10.5: the middle is epoch 5 or 6.
    let cursor = window.state().plots.cursor.expect("an epoch");
    assert!((4..=5).contains(&cursor), "{cursor}");
    window.get_by_label(&format!("Epoch {}", cursor + 1));
    window.get_by_label_contains("n = 500");
    window.get_by_label_contains("learning rate 0.05");
}

#[test]
fn lines_are_hidden_and_shown_by_the_legend() {
    let mut window = plots([900.0, 700.0], vec![run("maxout", 5)]);
    window.get_by_label("Line: FGSM").click();
    window.run_steps(2);
    assert_eq!(window.state().plots.look.hidden, [false, true, false, false]);
    window.get_by_label("Line: FGSM").click();
    window.run_steps(2);
    assert_eq!(window.state().plots.look.hidden, [false; 4]);
    for name in ["clean", "FGSM", "PGD-10", "objective"] {
        window.get_by_label(&format!("Line: {name}")).click();
        window.run_steps(2);
    }
    window.run_steps(2);
    assert_eq!(window.state().plots.look.hidden, [true; 4], "and nothing at all can be drawn too");
}

#[test]
fn axis_smoothing_and_panels_can_be_chosen() {
    let mut window = plots([900.0, 700.0], vec![run("maxout", 5)]);
    window.get_by_label("Axis: log").click();
    window.run_steps(2);
    assert!(window.state().plots.look.is_log);
    window.get_by_role_and_label(Role::Slider, "Smoothing").focus();
    window.run_steps(2);
    window.key_press(Key::ArrowRight);
    window.run_steps(2);
    assert!((window.state().plots.look.smoothing - 0.05).abs() < 1e-6);
    window.get_by_label("Show").click();
    window.run_steps(2);
    window.get_by_role_and_label(Role::CheckBox, "Loss").click();
    window.run_steps(2);
    assert!(!has_figure(&window, "Loss") && has_figure(&window, "Confidence"));
    window.get_by_label("Numbers of the paper").click();
    window.run_steps(2);
    assert!(window.state().plots.look.has_paper);
}

#[test]
fn a_small_room_shows_one_plot_and_lets_one_choose() {
    let mut window = plots([480.0, 300.0], vec![run("maxout", 5)]);
    assert!(has_figure(&window, "Validation error") && !has_figure(&window, "Loss"));
    window.get_by_label("Plot: loss").click();
    window.run_steps(2);
    assert!(has_figure(&window, "Loss") && !has_figure(&window, "Validation error"));
}

#[test]
fn the_alarm_says_what_happened_and_what_to_do() {
    let mut parted = run("fgsm only", 6);
    let last = parted.history.last_mut().expect("six epochs");
    (last.adversarial, last.pgd) = (measured(1000, 0.12), measured(500, 0.63));
    let window = plots([900.0, 700.0], vec![parted]);
    let text = "PGD error 63 % against FGSM 12 %: catastrophic overfitting; at epoch 6";
    window.get_by_label_contains(text);
    window.get_by_label_contains("random start");
    let mut low = run("fgsm only", 6);
    low.history.clone_from(&window.state().runs[0].history);
    let window = plots([700.0, 300.0], vec![low]);
    window.get_by_label("PGD error 63 % against FGSM 12 %: catastrophic overfitting");
    let plot = window.query_all_by_role(Role::Figure).next().expect("a plot").rect();
    assert!(plot.height() > 120.0, "the alarm leaves the plots their room: {plot:?}");
    assert!(plots([900.0, 700.0], vec![run("fine", 6)]).query_by_label_contains("catastrophic").is_none());
}

#[test]
fn runs_are_overlaid_and_named() {
    let mut other = run("other", 8);
    other.is_primary = false;
    let window = plots([900.0, 700.0], vec![other, run("chosen", 4)]);
    window.get_by_label("Run: other");
    window.get_by_label("Run: chosen, selected");
    assert!(figure(&window, "Validation error").contains("of chosen. Epoch 4"));
}

#[test]
fn all_plots_zoom_together_and_back() {
    let mut window = plots([900.0, 700.0], vec![run("maxout", 100)]);
    assert!(window.query_by_label("All epochs").is_none());
    let centre = window.query_all_by_role(Role::Figure).next().expect("a plot").rect().center();
    window.hover_at(centre);
    window.run_steps(2);
    window.event(egui::Event::Zoom(4.0));
    window.run_steps(4);
    let Interval { low, high } = window.state().plots.zoom.expect("a view");
    // A quarter of 0.5 to 100.5, with the middle where it was.
    assert!((high - low - 25.0).abs() < 0.5 && ((high + low) / 2.0 - 50.5).abs() < 1.0, "{low} to {high}");
    window.get_by_label("All epochs").click();
    window.run_steps(4);
    assert_eq!(window.state().plots.zoom, None);
    window.event(egui::Event::Zoom(0.2));
    window.run_steps(4);
    assert_eq!(window.state().plots.zoom, None, "there is no more than all");
}

#[test]
fn a_view_of_epochs_that_a_run_does_not_have_is_given_up() {
    let mut window = plots([900.0, 700.0], vec![run("long", 100)]);
    let right = window.query_all_by_role(Role::Figure).next().expect("a plot").rect().right_center();
    window.hover_at(right - vec2(30.0, 0.0));
    window.run_steps(2);
    window.event(egui::Event::Zoom(4.0));
    window.run_steps(4);
    assert!(window.state().plots.zoom.is_some_and(|zoom| zoom.low > 50.0), "{:?}", window.state().plots.zoom);
    window.state_mut().runs = vec![run("short", 12)];
    window.run_steps(4);
    assert_eq!(window.state().plots.zoom, None);
}

/// What was not measured, what is no number, and as few epochs as can be, at all sizes and settings.
#[test]
fn strange_histories_are_drawn_without_complaint() {
    let nothing = EpochRecord { epoch: 1, ..EpochRecord::default() };
    let nan = EpochRecord { loss: f32::NAN, eps: f32::NAN, clean: measured(0, 0.0), ..nothing };
    let loss = Measured { loss: f32::INFINITY, confidence_on_mistakes: Some(f32::NAN), n: 10, wrong: 0 };
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
            let mut window =
                plots(size, vec![Run { name: "odd", history: history.clone(), config, is_primary: false }]);
            for (is_log, smoothing) in [(true, 0.0), (true, 0.9), (false, 0.9)] {
                let look = &mut window.state_mut().plots.look;
                (look.is_log, look.smoothing, look.has_paper) = (is_log, smoothing, true);
                window.run_steps(2);
            }
        }
    }
}

fn sweep() -> Vec<Run> {
    let of = |name, eps, alpha, epochs| {
        let mut run = run(name, epochs);
        (run.config.eps, run.config.alpha, run.is_primary) = (eps, alpha, false);
        run
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

fn vertices(shape: &egui::ClippedPrimitive) -> usize {
    match &shape.primitive {
        egui::epaint::Primitive::Mesh(mesh) => mesh.vertices.len(),
        egui::epaint::Primitive::Callback(_) => 0,
    }
}

/// Prints what a frame of ten runs of a thousand epochs costs; `cargo test --release ten_long_runs -- --nocapture`.
#[test]
fn ten_long_runs_are_drawn() {
    let runs = (0..10).map(|index| Run { is_primary: index == 3, ..run("long", 1000) }).collect();
    let mut window = plots([1280.0, 800.0], runs);
    let name = "long";
    for (what, smoothing, is_log) in [("as measured", 0.0, false), ("smoothed, logarithmic", 0.9, true)] {
        let look = &mut window.state_mut().plots.look;
        (look.smoothing, look.is_log) = (smoothing, is_log);
        window.run_steps(2);
        let frames = 50;
        window.state_mut().spent = Duration::ZERO;
        window.run_steps(frames);
        let each = window.state().spent / frames as u32;
        let (mut tessellation, mut count) = (Duration::MAX, 0);
        for _ in 0..5 {
            let shapes = window.output().shapes.clone();
            let start = Instant::now();
            let primitives = window.ctx.tessellate(shapes, 1.0);
            tessellation = tessellation.min(start.elapsed());
            count = primitives.iter().map(vertices).sum();
        }
        println!("ten runs of a thousand epochs, {what}: {each:.2?}; {count} vertices in {tessellation:.2?}");
        assert!(each < Duration::from_millis(200), "{each:?}");
    }
    assert!(figure(&window, "Validation error").contains(name));
}
