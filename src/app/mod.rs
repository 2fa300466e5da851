//! The window shows what the worker says and computes nothing itself. ARCHITECTURE.md describes its layers.

mod background;
mod bars;
mod commands;
mod files;
mod format;
mod lessons;
mod logic;
mod notices;
mod page;
mod pages;
mod plots;
mod settings;
mod shell;
mod system;
mod theme;
mod ui;
mod undo;
mod widgets;
mod window;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use egui::ViewportBuilder;

pub use crate::app::commands::tab::Tab;
pub use crate::app::pages::explore::words::standing_before;
pub use crate::app::pages::models::state::import::Import;
pub use crate::app::pages::test_sets::commands::TestPart;
pub use crate::app::pages::train::state::draft::usual as usual_run;
pub use crate::app::system::clipboard::Clip;
pub use crate::app::theme::Standing;
pub use crate::app::window::{App, Start, StoragePaths};

/// Scripts see from this exit code that no window can be opened.
const NO_WINDOW: u8 = 2;

/// Opens the window and stays until it is closed. Where no window can be opened, it says what is missing, and the
/// exit code is 2; it is 1 when the window came up but could not go on.
pub fn run(start: Start) -> ExitCode {
    if let Some(problem) = no_display() {
        return explain(&problem);
    }
    let opened = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&opened);
    let viewport = ViewportBuilder::default()
        .with_app_id("doppelganger")
        .with_title("Doppelgänger")
        .with_min_inner_size([640.0, 480.0])
        .with_icon(eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon.png")).unwrap_or_default())
        .with_drag_and_drop(true);
    let options = eframe::NativeOptions {
        viewport: App::remembered_place(viewport, [1280.0, 800.0]),
        renderer: eframe::Renderer::Glow,
        // The window asks for the system's fonts itself, when a text needs them.
        system_font_fallback: false,
        ..Default::default()
    };
    // The window library panics where a library of the system is missing, so a panic before the first frame counts as
    // "no window"; a later one is passed on.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        eframe::run_native(
            "doppelganger",
            options,
            Box::new(move |cc| {
                seen.store(true, Ordering::Relaxed);
                system::place::bring_in(cc);
                Ok(Box::new(App::new(&cc.egui_ctx, start)?))
            }),
        )
    }));
    let opened = opened.load(Ordering::Relaxed);
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(e)) if opened => {
            eprintln!("doppelganger: the window failed: {e}");
            ExitCode::FAILURE
        }
        Ok(Err(e)) => explain(&e.to_string()),
        Err(panic) if opened => resume_unwind(panic),
        Err(panic) => {
            let why = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            explain(why.unwrap_or("the window library gave up"))
        }
    }
}

/// Names the problem on Linux where the environment names no display.
fn no_display() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let names = ["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"];
    let any = names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    (!any).then(|| "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set".into())
}

fn explain(problem: &str) -> ExitCode {
    eprintln!(
        "doppelganger: cannot open a window: {problem}\n\
         On Debian and Ubuntu the window needs the packages libxkbcommon-x11-0, libgl1 and libgl1-mesa-dri;\n\
         without a screen, xvfb gives a virtual one: xvfb-run doppelganger\n\
         The same attack without a window:\n  \
         doppelganger attack PICTURE --model digits_cnn --eps 0.1"
    );
    ExitCode::from(NO_WINDOW)
}
