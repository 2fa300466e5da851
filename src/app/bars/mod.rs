//! The bars hold the top of the window, its menu, the list of all commands and the help.

pub mod help;
pub mod more_menu;
pub mod palette;
pub mod top_bar;
