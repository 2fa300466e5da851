//! What can be done on the Explore page.

pub mod attack;
pub mod why;
