//! This is the Train page.

pub mod commands;
pub mod figures;
pub mod first_layer;
pub mod grouping;
pub mod learning;
pub mod net;
pub mod objective;
pub mod page;
pub mod questions;
pub mod run_bar;
pub mod runs_table;
pub mod settings;
pub mod state;
pub mod sweep;
pub mod tuning;
