//! The window, driven without a display.
#![cfg(feature = "gui")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/window.rs"]
mod window;

mod explore;
mod lessons;
mod models;
mod runs;
mod scales;
mod system;
mod testsets;
mod train;
mod why;
