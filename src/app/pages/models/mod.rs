//! The Models page.

pub mod commands;
pub mod list;
pub mod logic;
pub mod questions;
pub mod row;
pub mod state;
