//! This is the Test sets page.

pub mod commands;
pub mod confusion;
pub mod curves;
pub mod figures;
pub mod histogram;
pub mod page;
pub mod settings;
pub mod sheet;
pub mod state;
pub mod wording;
