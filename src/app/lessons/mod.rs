//! A lesson is a text beside the pictures that goes on step by step.

pub mod commands;
pub mod figures;
pub mod file;
pub mod logic;
pub mod panel;
pub mod scene;
pub mod stage;
pub mod state;
