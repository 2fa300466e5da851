//! The pane under the pictures shows why the attack works.

pub mod axis;
pub mod church;
pub mod controls;
pub mod curve;
pub mod logic;
pub mod map_legend;
pub mod mark;
pub mod pane;
pub mod second;
pub mod state;
