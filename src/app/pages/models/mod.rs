//! This is the Models page.

pub mod commands;
pub mod import;
pub mod operations;
pub mod page;
pub mod questions;
pub mod row;
pub mod state;
