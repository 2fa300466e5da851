//! The window library keeps the history of changes.

use eframe::egui::util::undoer::{Settings, Undoer};

/// Makes a history of changes. Those that follow each other quickly, such as a drag of the slider, are one.
pub fn undoer<T: Clone + PartialEq>() -> Undoer<T> {
    Undoer::with_settings(Settings { max_undos: 200, stable_time: 0.6, ..Settings::default() })
}
