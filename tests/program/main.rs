//! The program itself, started as a person starts it from a terminal.

#[path = "../common/mod.rs"]
mod common;

mod architecture;
mod cli;
mod kill;
