//! What the window asks of the operating system.

pub mod clipboard;
pub mod file_dialogs;
pub mod fonts;
pub mod place;
