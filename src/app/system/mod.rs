//! The window asks the operating system for these.

pub mod clipboard;
pub mod file_dialogs;
pub mod fonts;
pub mod place;
