//! How long the window takes for a frame, idle and while a net is being trained beside it.
//!
//!     cargo run --release --example frame_times
//!
//! A frame is all that the program does for it on the window's thread: what the workers report comes in, the tab is laid out and
//! drawn, and its shapes are cut into triangles. What a graphics card does with those is not in it. Sixty frames a second
//! are asked for, as many as a screen shows; a gap is the time from the beginning of one frame to that of the next.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use doppelganger::app::{App, Start, StoragePaths, Tab};
use doppelganger::engine::model::Catalogue;
use doppelganger::worker::RunState;
use egui::{self, Event, Key, Modifiers, RawInput, Rect, pos2, vec2};
use serde_json::{Value, json};

const SIZE: egui::Vec2 = vec2(1280.0, 800.0);
const EVERY: Duration = Duration::from_micros(16_667);
const SECONDS: f32 = 15.0;
const PATIENCE: Duration = Duration::from_secs(300);
/// No frame may take longer.
const LIMIT_MS: f32 = 33.0;

/// A run of so many epochs does not end, and one of a sweep soon does.
const ENDLESS: usize = 9000;
const SHORT: usize = 4;

/// What is trained beside the window.
const NET: &str = "maxout:240x5,240x5";
/// Nets, pictures and second nets of the rounds in which everything is on screen.
const ALL_PANES: [(&str, &str, Option<&str>); 2] =
    [("digits_cnn", "digit-7", Some("digits_cnn_robust")), ("photos109", "coffee", Some("photos109_robust"))];

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut window = Window::open(folder.path(), ENDLESS, json!({}))?;
    println!("| tab | beside it | frames | median | 99th percentile | longest | longest gap |");
    println!("|---|---|---:|---:|---:|---:|---:|");
    let mut longest = 0.0f32;
    for beside in ["nothing", "a run in training"] {
        if beside != "nothing" {
            window.key(Modifiers::COMMAND, Key::Num2);
            window.key(Modifiers::COMMAND, Key::Enter);
            window.until("a run with some epochs", |app| {
                app.shell
                    .train
                    .in_hand()
                    .is_some_and(|run| run.info.state == RunState::Running && run.info.history.len() >= 3)
            })?;
        }
        for tab in [Tab::Train, Tab::Explore] {
            let number = if tab == Tab::Train { Key::Num2 } else { Key::Num1 };
            window.key(Modifiers::COMMAND, number);
            window.until("the tab", |app| {
                app.shell.settings.tab == tab && (tab == Tab::Train || app.shown().is_some())
            })?;
            let times = window.watch(tab);
            let name = if tab == Tab::Train { "Train, the pointer over the plots" } else { "Explore, ε moving" };
            println!("| {name} | {beside} | {times} |");
            longest = longest.max(times.longest());
        }
    }
    let speed = |app: &App| {
        let progress = app.shell.train.in_hand()?.progress?;
        Some((progress.images_per_second?, progress.epoch + 1))
    };
    // None is known at the beginning of an epoch and while it is validated.
    window.until("the speed of the run", |app| speed(app).is_some())?;
    if let Some((speed, epoch)) = speed(&window.app) {
        eprintln!("The run beside it: {NET}, batches of 100, FGSM: {speed:.0} pictures/s in epoch {epoch}");
    }
    drop(window);
    let mut window = Window::open(&folder.path().join("sweep"), SHORT, json!({}))?;
    window.key(Modifiers::COMMAND, Key::Num2);
    window.key(Modifiers::COMMAND, Key::G);
    window.key(Modifiers::NONE, Key::Enter);
    window.until("a run of the sweep behind another", |app| {
        app.shell.train.siblings().iter().filter(|run| run.info.state == RunState::Finished).count() > 0
    })?;
    let times = window.watch(Tab::Train);
    println!("| Train, the pointer over the sweep | a sweep in training | {times} |");
    longest = longest.max(times.longest());
    drop(window);
    let rounds = [false, true].into_iter().flat_map(|has_map| ALL_PANES.map(|panes| (panes, has_map)));
    for ((model, picture, second), has_map) in rounds {
        let why = json!({ "open": true, "second": second, "has_map": has_map });
        let more = json!({ "model": model, "picture": { "sample": picture }, "why": why });
        let mut window = Window::open(folder.path(), ENDLESS, more)?;
        window.until("the curve", |app| app.shown().is_some_and(|shown| app.shell.why.current(shown).is_some()))?;
        let times = window.watch(Tab::Explore);
        let beside = second.map_or_else(String::new, |second| format!(" beside {second}"));
        let what = if has_map { "church windows" } else { "all panes" };
        println!("| Explore, ε moving, {what}: {model}{beside} | nothing | {times} |");
        longest = longest.max(times.longest());
    }
    ensure!(longest < LIMIT_MS, "the longest frame took {longest:.1} ms; expected less than {LIMIT_MS} ms");
    Ok(())
}

/// The program without a screen.
struct Window {
    app: App,
    ctx: egui::Context,
    started: Instant,
}

impl Window {
    /// With settings and runs in `folder`; `more` are settings beside the usual ones.
    fn open(folder: &Path, epochs: usize, more: Value) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut settings = json!({ "tab": "explore", "theme": "dark" });
        if let (Value::Object(settings), Value::Object(more)) = (&mut settings, more) {
            settings.extend(more);
        }
        // The usual run, with the net of the benchmarks.
        let mut run = serde_json::to_value(doppelganger::app::usual_run())?;
        run["epochs"] = epochs.into();
        run["model"] = NET.into();
        settings["train"] = run;
        let path = folder.join("settings.json");
        std::fs::write(&path, settings.to_string())?;
        let ctx = egui::Context::default();
        let catalogue = Catalogue::from_environment();
        let storage = StoragePaths {
            settings: Some(path),
            runs: folder.join("runs"),
            results: folder.join("results"),
            catalogue,
        };
        let app = App::with_storage(&ctx, Start::default(), storage)?;
        let mut window = Self { app, ctx, started: Instant::now() };
        window.until("the first picture", |app| app.shown().is_some() && app.shell.train.is_listed)?;
        Ok(window)
    }

    /// Draws one frame; returns how long it took.
    fn frame(&mut self, events: Vec<Event>) -> Duration {
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), SIZE)),
            time: Some(self.started.elapsed().as_secs_f64()),
            max_texture_side: Some(8192),
            focused: true,
            events,
            ..RawInput::default()
        };
        let begun = Instant::now();
        let app = &mut self.app;
        let output = self.ctx.run_ui(input, |ui| {
            app.tick(&ui.ctx().clone());
            app.draw(ui);
        });
        std::hint::black_box(self.ctx.tessellate(output.shapes, output.pixels_per_point));
        begun.elapsed()
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        let event = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        self.frame(vec![event(true)]);
        self.frame(vec![event(false)]);
    }

    fn until(&mut self, what: &str, holds: impl Fn(&App) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !holds(&self.app) {
            ensure!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            self.frame(Vec::new());
            std::thread::sleep(EVERY);
        }
        Ok(())
    }

    /// Draws frames for some seconds. In the Train tab the pointer goes over the plots, in Explore ε goes up and down.
    fn watch(&mut self, tab: Tab) -> Times {
        let mut times = Times::default();
        let (begun, mut last) = (Instant::now(), None::<Instant>);
        for number in 0.. {
            let now = Instant::now();
            if begun.elapsed().as_secs_f32() > SECONDS {
                break;
            }
            times.gaps.extend(last.replace(now).map(|last| now - last));
            let events = if tab == Tab::Train {
                let along = (number % 240) as f32 / 240.0;
                vec![Event::PointerMoved(pos2(380.0 + 480.0 * along, 300.0))]
            } else {
                let key = if number / 40 % 2 == 0 { Key::OpenBracket } else { Key::CloseBracket };
                let event = |pressed| Event::Key {
                    key,
                    physical_key: None,
                    pressed,
                    repeat: false,
                    modifiers: Modifiers::NONE,
                };
                vec![event(true), event(false)]
            };
            times.frames.push(self.frame(events));
            std::thread::sleep(EVERY.saturating_sub(now.elapsed()));
        }
        times
    }
}

#[derive(Default)]
struct Times {
    frames: Vec<Duration>,
    gaps: Vec<Duration>,
}

impl Times {
    fn longest(&self) -> f32 {
        milliseconds(self.frames.iter().max())
    }
}

fn milliseconds(time: Option<&Duration>) -> f32 {
    time.map_or(0.0, |time| time.as_secs_f32() * 1e3)
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.frames.clone();
        sorted.sort();
        let at = |share: usize| milliseconds(sorted.get(sorted.len() * share / 100));
        let gap = milliseconds(self.gaps.iter().max());
        write!(f, "{} | {:.1} ms | {:.1} ms | {:.1} ms | {gap:.1} ms", sorted.len(), at(50), at(99), self.longest())
    }
}
