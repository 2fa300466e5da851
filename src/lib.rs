//! Doppelgänger lets people see, make and cure adversarial examples.
//!
//! The program is layered, and no arrow points back: [`engine`] (pictures, nets, attacks, training; a crate of its own,
//! with no window and no threads of its own) ← [`worker`] (a thread that keeps a view up to date) ← `app` (the window)
//! and [`cli`] (the same engine headless).

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo))]

#[cfg(feature = "gui")]
pub mod app;
pub mod cli;
pub mod command_line;
pub mod figure;
pub mod worker;

pub use doppelganger_engine as engine;
