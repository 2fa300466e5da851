//! The pages of the window.

pub mod explore;
pub mod models;
pub mod test_sets;
pub mod train;
